//! Resources that refer to each other in a cycle (RFC 7644 §3.7.1). They are created without the references that
//! close the cycle, and then given these references: all of the resources or none of them.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use super::{Run, step::Work};
use crate::{
    error::Error,
    patch::ValueEdit,
    provider::reference::elements_of,
    resource::{Resource, judge},
    schema::{AttributeId, ResourceType},
    store::{Change, Entry, Expect, ListEdit, Replacement, Store, Version, referred},
    value::{Object, Text, Value},
};

/// One resource of a cycle.
struct Member {
    index: usize,
    resource_type: Arc<ResourceType>,
    id: Text,
    /// The complete resource.
    whole: Arc<Resource>,
    /// The resource without its references to itself and to later members of the cycle; `None` if it has no such
    /// references.
    part: Option<Arc<Resource>>,
}

impl<S: Store> Run<'_, S> {
    /// Creates the resources of a cycle. `group` contains the indexes of the operations.
    pub(super) async fn circle(&mut self, group: &[usize]) {
        self.flush().await;
        if self.is_over() {
            return;
        }
        match self.members(group).await {
            Ok(members) => {
                let most = self.provider.inner.store.capabilities().max_batch;
                let outcome = if changes(&members).len() <= most {
                    self.at_once(&members).await
                } else {
                    self.step_by_step(&members).await
                };
                match outcome {
                    Ok(versions) => {
                        for (member, version) in members.iter().zip(versions) {
                            self.end(member.index, Ok((201, Some(version))));
                        }
                    }
                    Err((index, error)) => self.fail_circle(group, index, error),
                }
            }
            Err((index, error)) => self.fail_circle(group, index, error),
        }
    }

    /// Reports the error of one operation, and 409 for all other operations of the cycle.
    fn fail_circle(&mut self, group: &[usize], index: usize, error: Error) {
        self.fail(index, error);
        for &other in group.iter().filter(|other| **other != index) {
            if self.is_over() {
                return;
            }
            let detail =
                "the resource is part of a circle of references, and another resource of the circle cannot be created";
            self.fail(other, Error::new(409, detail));
        }
    }

    async fn members(&mut self, group: &[usize]) -> Result<Vec<Member>, (usize, Error)> {
        let mut members: Vec<Member> = Vec::with_capacity(group.len());
        for &index in group {
            let in_operation = |error| (index, error);
            if let Some(error) = self.failed_reference(index) {
                return Err((index, error));
            }
            let Some(step) = self.steps.get_mut(index) else { continue };
            let Work::Create { resource_type, data } = std::mem::replace(&mut step.work, Work::Done) else { continue };
            let id = step.id.clone().unwrap_or_default();
            let Change::Create(entry) = self.prepare(index, &resource_type, &data).await.map_err(in_operation)? else {
                continue;
            };
            members.push(Member { index, resource_type, id, whole: entry.resource, part: None });
        }
        let mut later: HashSet<Text> = members.iter().map(|member| member.id.clone()).collect();
        for member in &mut members {
            let mut part = Resource::clone(&member.whole);
            if strip(&mut part, &later) {
                // A resource that is invalid without the reference cannot be in a cycle.
                judge(None, &part).map_err(|error| {
                    let detail = format!("the circle of references cannot be closed afterward: {error}");
                    (member.index, Error::new(409, detail))
                })?;
                member.part = Some(Arc::new(part));
            }
            later.remove(&member.id);
        }
        Ok(members)
    }

    /// Creates the cycle in one commit, so that no client ever sees a part of the cycle.
    async fn at_once(&mut self, members: &[Member]) -> Result<Vec<Version>, (usize, Error)> {
        let changes = changes(members);
        let batch: Vec<Change> = changes.iter().map(|(_, change)| change.clone()).collect();
        match self.commit_again(&batch).await {
            Ok(done) => {
                let versions = changes.iter().zip(done).filter_map(|((index, _), done)| Some((*index, done.version?)));
                last_versions(members, versions.collect())
            }
            Err(error) => Err(match (changes.get(error.index), members.first()) {
                (Some((index, change)), _) => (*index, super::refusal(change.resource_type(), error.error)),
                (None, Some(first)) => (first.index, super::refusal(&first.resource_type, error.error)),
                (None, None) => (0, super::contention()),
            }),
        }
    }

    /// Commits the changes one after another, for a store that cannot commit as many together. If a change fails, the
    /// created resources are removed again.
    async fn step_by_step(&mut self, members: &[Member]) -> Result<Vec<Version>, (usize, Error)> {
        let mut versions: HashMap<usize, Version> = HashMap::new();
        for (index, change) in changes(members) {
            match self.commit_alone(change).await {
                Ok(version) => drop(versions.insert(index, version)),
                Err(error) => {
                    let was_created = |member: &&Member| versions.contains_key(&member.index);
                    for member in members.iter().rev().filter(was_created) {
                        self.remove(member).await;
                    }
                    return Err((index, error));
                }
            }
        }
        last_versions(members, versions)
    }

    /// Removes a created resource of a cycle that cannot be closed. Tries again while the store is busy.
    async fn remove(&self, member: &Member) {
        let change = self.provider.delete_change(&member.resource_type, member.id.clone(), Expect::Exists, None);
        // The result does not matter: the resource is removed, or another writer has removed it, or the store is
        // unavailable. In each case the client gets the error of the operation.
        drop(self.commit_again(&[change]).await);
    }
}

/// Returns the version of each resource after its last change.
fn last_versions(members: &[Member], versions: HashMap<usize, Version>) -> Result<Vec<Version>, (usize, Error)> {
    let mut versions = versions;
    let last = |member: &Member| {
        let none = || (member.index, super::broken_store("a write gives a version"));
        versions.remove(&member.index).ok_or_else(none)
    };
    members.iter().map(last).collect()
}

/// Returns the creations, followed by the changes that close the cycle, each with the index of its operation.
fn changes(members: &[Member]) -> Vec<(usize, Change)> {
    let create = |member: &Member| {
        let resource = member.part.as_ref().unwrap_or(&member.whole);
        (member.index, Change::Create(Entry::new(Arc::clone(resource))))
    };
    let mut changes: Vec<(usize, Change)> = members.iter().map(create).collect();
    for member in members {
        let Some(part) = &member.part else { continue };
        for change in closing(&member.whole, part) {
            changes.push((member.index, change));
        }
    }
    changes
}

/// Returns the changes that complete a partial resource: edits of its lists, or a replacement if other references
/// were left out too.
fn closing(whole: &Arc<Resource>, part: &Arc<Resource>) -> Vec<Change> {
    let resource_type = whole.resource_type();
    let modified = whole.last_modified().unwrap_or_default();
    let mut rest = Resource::clone(whole);
    let mut edits = Vec::new();
    for &list in resource_type.reference_lists() {
        let id = |element| referred(resource_type, list, element);
        let kept: HashSet<Option<&str>> = elements_of(part, list).map(id).collect();
        let add: Vec<Object> =
            elements_of(whole, list).filter(|element| !kept.contains(&id(element))).cloned().collect();
        match part.root().get(list) {
            Some(kept) => drop(rest.root_mut().insert(list, kept.clone())),
            None => drop(rest.root_mut().remove(list)),
        }
        if !add.is_empty() {
            edits.push(Change::EditValues(ListEdit {
                resource_type: Arc::clone(resource_type),
                id: whole.id().into(),
                attribute: list,
                expect: Expect::Exists,
                edit: ValueEdit { add, ..ValueEdit::default() },
                modified,
            }));
        }
    }
    if rest == **part {
        return edits;
    }
    vec![Change::Replace(Replacement {
        entry: Entry::new(Arc::clone(whole)),
        expect: Expect::Exists,
        before: Arc::clone(part),
    })]
}

/// Removes the references to any of `ids`. Returns whether there was such a reference.
fn strip(resource: &mut Resource, ids: &HashSet<Text>) -> bool {
    let resource_type = Arc::clone(resource.resource_type());
    strip_object(&resource_type, resource.root_mut(), ids)
}

fn strip_object(resource_type: &ResourceType, object: &mut Object, ids: &HashSet<Text>) -> bool {
    let mut stripped = false;
    object.retain(|attribute, value| {
        let refers = |value: &Value| refers_to(resource_type, attribute, value, ids);
        match value {
            Value::List(values) => {
                if values.iter().any(refers) {
                    stripped = true;
                    values.retain(|value| !refers(value));
                }
                !values.is_empty()
            }
            value if refers(value) => {
                stripped = true;
                false
            }
            Value::Complex(below) if is_container(resource_type, attribute) => {
                stripped |= strip_object(resource_type, below, ids);
                !below.is_empty()
            }
            _ => true,
        }
    });
    stripped
}

fn is_container(resource_type: &ResourceType, attribute: AttributeId) -> bool {
    resource_type.extensions().iter().any(|extension| extension.attribute() == attribute)
}

/// Returns whether a value of the attribute refers to one of the resources.
fn refers_to(resource_type: &ResourceType, attribute: AttributeId, value: &Value, ids: &HashSet<Text>) -> bool {
    let conventional = resource_type.conventional(attribute);
    let points = conventional.reference.is_some_and(|reference| resource_type.referred_id(reference).is_some());
    let id = value.as_object().zip(conventional.value).and_then(|(object, value)| object.get(value)?.as_str());
    points && id.is_some_and(|id| ids.contains(id))
}
