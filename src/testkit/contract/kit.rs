//! The environment of one check, and the changes that the checks commit.

use std::sync::Arc;

use super::{
    super::{
        random::Random,
        report::Failure,
        samples::{Samples, moment},
    },
    Check, Stop, StoreKit,
};
use crate::{
    patch::ValueEdit,
    resource::Resource,
    schema::{AttributeId, ResourceType},
    store::{
        Capabilities, Change, ChangeOutcome, CommitError, Deletion, Entry, Expect, Key, ListEdit, Replacement,
        RequestContext, RequestedAttributes, Scan, Store, StoreError, Stored, TenantId, Version, Window,
    },
};

/// The environment of one check.
pub(super) struct Kit<'a, S> {
    pub(super) whole: &'a StoreKit<S>,
    pub(super) samples: Samples,
    pub(super) check: Check,
    pub(super) seed: u64,
}

impl<S: Store> Kit<'_, S> {
    pub(super) fn store(&self) -> &S {
        &self.whole.store
    }

    pub(super) fn capabilities(&self) -> Capabilities {
        self.whole.store.capabilities()
    }

    pub(super) fn random(&self) -> Random {
        Random::new(self.seed).with_ids(self.whole.ids.clone())
    }

    /// Numbers and ids that [`Self::random`] does not give.
    pub(super) fn other_random(&self) -> Random {
        Random::new(self.seed.wrapping_add(1 << 32)).with_ids(self.whole.ids.clone())
    }

    /// Returns the context of a tenant that belongs to this check only.
    pub(super) fn tenant(&self, name: &str) -> Result<RequestContext, Stop> {
        if self.whole.is_single {
            return Ok((self.whole.context)(TenantId::single()));
        }
        let name = format!("kit-{}-{}-{name}", self.whole.run, self.check.name());
        match TenantId::new(name) {
            Ok(tenant) => Ok((self.whole.context)(tenant)),
            Err(error) => Err(Failure::new("a tenant of the kit's", error.to_string()).into()),
        }
    }

    /// Returns the type with a list of references, and the list.
    pub(super) fn referrer(&self) -> Result<(Arc<ResourceType>, AttributeId), Stop> {
        let none = Stop::Skipped("no resource type has a list that may refer to what has a unique attribute");
        self.samples.referrer.clone().ok_or(none)
    }

    /// Skips the check if the store cannot write `changes` changes in one batch.
    pub(super) fn need_batch(&self, changes: usize) -> Result<(), Stop> {
        if self.capabilities().max_batch >= changes {
            Ok(())
        } else {
            Err(Stop::Skipped("the store writes fewer changes at once"))
        }
    }

    pub(super) async fn commit(
        &self,
        context: &RequestContext,
        batch: &[Change],
    ) -> Result<Vec<ChangeOutcome>, CommitError> {
        self.whole.store.commit(context, batch).await
    }

    /// Commits a batch that must succeed.
    pub(super) async fn write(
        &self,
        context: &RequestContext,
        what: &str,
        batch: &[Change],
    ) -> Result<Vec<ChangeOutcome>, Stop> {
        let done = self.commit(context, batch).await.map_err(|error| failed(what, &error))?;
        if done.len() != batch.len() {
            let found = format!("{} outcomes of {} changes", done.len(), batch.len());
            return Err(Failure::new(what, found).into());
        }
        Ok(done)
    }

    /// Commits one change that must succeed.
    pub(super) async fn write_one(
        &self,
        context: &RequestContext,
        what: &str,
        change: Change,
    ) -> Result<ChangeOutcome, Stop> {
        let done = self.write(context, what, &[change]).await?;
        done.into_iter().next().ok_or_else(|| Failure::new(what, "no outcome").into())
    }

    /// Creates a resource under the id of a deleted one. `None` if the store keeps the id of a deleted resource, whose
    /// row it only marks.
    pub(super) async fn write_again(
        &self,
        context: &RequestContext,
        what: &str,
        change: Change,
    ) -> Result<Option<ChangeOutcome>, Stop> {
        match self.commit(context, &[change]).await {
            Ok(done) => Ok(done.into_iter().next()),
            Err(error) if matches!(error.error, StoreError::NotUnique { attribute: AttributeId::ID }) => Ok(None),
            Err(error) => Err(failed(what, &error)),
        }
    }

    pub(super) async fn get(
        &self,
        context: &RequestContext,
        resource_type: &Arc<ResourceType>,
        id: &str,
    ) -> Result<Option<Stored>, Stop> {
        let requested = RequestedAttributes::everything();
        let found = self.whole.store.get(context, Key { resource_type, id }, &requested).await;
        found.map_err(|error| failed("a resource is read", &error))
    }

    /// Reads a resource that must exist.
    pub(super) async fn existing(
        &self,
        context: &RequestContext,
        resource_type: &Arc<ResourceType>,
        id: &str,
        what: &str,
    ) -> Result<Stored, Stop> {
        self.get(context, resource_type, id).await?.ok_or_else(|| Failure::new(what, "it is not there").into())
    }

    /// All resources of a type, ascending by id, read page by page.
    pub(super) async fn all(
        &self,
        context: &RequestContext,
        resource_type: &Arc<ResourceType>,
    ) -> Result<Vec<Stored>, Stop> {
        let requested = RequestedAttributes::everything();
        let mut found: Vec<Stored> = Vec::new();
        loop {
            let last = found.last().map(|stored| stored.resource.id().to_owned());
            let window = Window::behind(last.as_deref(), 500);
            let scan = Scan { resource_type, filter: &[], sort: None, window, requested: &requested, count: false };
            let page = self.whole.store.scan(context, &scan).await.map_err(|error| failed("a list is read", &error))?;
            let more = page.more && !page.items.is_empty();
            found.extend(page.items);
            if !more {
                return Ok(found);
            }
        }
    }

    /// All resources of a tenant with their versions, for comparison.
    pub(super) async fn snapshot(&self, context: &RequestContext) -> Result<Vec<(Resource, Version)>, Stop> {
        let mut found = Vec::new();
        for resource_type in self.whole.registry.resource_types() {
            let all = self.all(context, resource_type).await?;
            found.extend(all.into_iter().map(|stored| (Resource::clone(&stored.resource), stored.version)));
        }
        Ok(found)
    }

    /// Commits a batch that must be refused with an error that `expected` accepts, at the change `index`, and checks
    /// that nothing has changed.
    pub(super) async fn refuse(
        &self,
        context: &RequestContext,
        what: &str,
        batch: &[Change],
        index: usize,
        expected: impl Fn(&StoreError) -> bool,
    ) -> Result<(), Stop> {
        let before = self.snapshot(context).await?;
        match self.commit(context, batch).await {
            Ok(_) => return Err(Failure::new(what, "it was committed").into()),
            Err(error) if !expected(&error.error) => {
                return Err(Failure::new(what, another_error(&error, batch)).into());
            }
            Err(error) if error.index != index => {
                let found = format!("the error names change {} and not {index}", error.index);
                return Err(Failure::new(what, found).into());
            }
            Err(_) => {}
        }
        check(self.snapshot(context).await? == before, &format!("{what}, and nothing has changed"), || {
            "something has changed".to_owned()
        })
    }
}

/// Ends the check if `holds` is false.
pub(super) fn check(holds: bool, what: &str, found: impl FnOnce() -> String) -> Result<(), Stop> {
    if holds { Ok(()) } else { Err(Failure::new(what, found()).into()) }
}

/// The failure of an operation that should have succeeded, with the chain of its errors.
/// Describes an error that the kit did not expect, with the path of the attribute that the error names.
fn another_error(error: &CommitError, batch: &[Change]) -> String {
    let of_change = batch.get(error.index).map(Change::resource_type);
    let path = |attribute: AttributeId| of_change.map(|it| format!("`{}` of {}", it.path(attribute), it.name()));
    let attribute = match &error.error {
        StoreError::NotUnique { attribute } | StoreError::BadReference { attribute, .. } => path(*attribute),
        _ => None,
    };
    let attribute = attribute.map(|path| format!(", about {path}")).unwrap_or_default();
    format!("another error: {error}{attribute}")
}

pub(super) fn failed(what: &str, error: &(dyn std::error::Error + 'static)) -> Stop {
    let mut found = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        found.push_str(": ");
        found.push_str(&error.to_string());
        source = error.source();
    }
    Failure::new(what, found).into()
}

pub(super) fn create(resource: Resource) -> Change {
    Change::Create(Entry::new(resource))
}

/// A replacement. `before` equals the new state, since a store may use it only for records.
pub(super) fn replace(resource: Resource, expect: Expect) -> Change {
    let entry = Entry::new(resource);
    let before = Arc::clone(&entry.resource);
    Change::Replace(Replacement { entry, expect, before })
}

pub(super) fn delete(resource_type: &Arc<ResourceType>, id: &str, expect: Expect) -> Change {
    Change::Delete(Deletion {
        resource_type: Arc::clone(resource_type),
        id: id.into(),
        expect,
        at: moment(0),
        before: None,
    })
}

/// An edit of a list of references, at a fixed time that depends on `step`.
pub(super) fn edit(
    resource_type: &Arc<ResourceType>,
    list: AttributeId,
    id: &str,
    edit: ValueEdit,
    step: i64,
) -> Change {
    Change::EditValues(ListEdit {
        resource_type: Arc::clone(resource_type),
        id: id.into(),
        attribute: list,
        expect: Expect::Exists,
        edit,
        modified: moment(step),
    })
}

/// The ids in a list of references, in the store's order.
pub(super) fn held(resource: &Resource, list: AttributeId) -> Vec<String> {
    let resource_type = resource.resource_type();
    let elements = resource.root().get(list).map(crate::value::Value::elements).unwrap_or_default();
    let id = |element: &crate::value::Value| {
        Some(element.as_object()?.get(resource_type.value_of(list)?)?.as_str()?.to_owned())
    };
    elements.iter().filter_map(id).collect()
}

pub(super) fn sorted(mut texts: Vec<String>) -> Vec<String> {
    texts.sort_unstable();
    texts
}
