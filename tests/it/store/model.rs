//! Random batches against the memory store and against a naive model, a list of whole resources: both answer every
//! batch alike, and hold and find the same resources after it (RFC 7644 §3.4.2, §3.5.2).

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::Arc,
};

use crate::fixture::stores::{Least, World, compile, edit, groups_of, now, sample, time};
use proptest::{collection::vec, prelude::*};
use scim_core::{
    filter::Condition,
    path::AttributePath,
    quirks::{Quirks, Tolerance},
    resource::{Position, Resource, Sort, SortKey},
    schema::{AttributeId, ResourceType},
    store::{
        Change, ChangeOutcome, Deletion, DynStore, Entry, Expect, ListEdit, MemoryStore, Referrer, Replacement,
        RequestContext, RequestedAttributes, Scan, Store, StoreError, Stored, TenantId, Version, Window,
    },
    value::{Object, Text, Value},
};
use serde_json::json;

/// Few values, so that they collide; the ids are the same for every type.
const IDS: [&str; 6] = ["a", "b", "c", "d", "e", "E"];
const NAMES: [&str; 5] = ["Ann", "ANN", "bob", "", "Σς"];

/// A change before the present state is known.
#[derive(Clone, Debug)]
struct Step {
    operation: u8,
    resource_type: usize,
    id: usize,
    name: usize,
    expect: u8,
    clear: bool,
    first: Vec<usize>,
    second: Vec<usize>,
}

fn step() -> impl Strategy<Value = Step> {
    let list = || vec(0..IDS.len(), 0..4);
    (0..8_u8, 0..3_usize, 0..IDS.len(), 0..NAMES.len(), 0..6_u8, any::<bool>(), list(), list()).prop_map(
        |(operation, resource_type, id, name, expect, clear, first, second)| Step {
            operation,
            resource_type,
            id,
            name,
            expect,
            clear,
            first,
            second,
        },
    )
}

/// A resource of the model; without a version if the current batch has changed it.
#[derive(Clone)]
struct Kept {
    resource: Resource,
    version: Option<Version>,
}

#[derive(Clone, Default)]
struct Model {
    kept: Vec<Kept>,
}

fn values(resource: &Resource, list: AttributeId) -> Vec<Object> {
    let elements = resource.root().get(list).map(|list| list.elements().to_vec()).unwrap_or_default();
    elements.iter().map(|element| element.as_object().unwrap().clone()).collect()
}

fn ids(resource: &Resource, list: AttributeId) -> Vec<String> {
    let value = resource.resource_type().value_of(list).unwrap();
    values(resource, list).iter().map(|it| it.get(value).unwrap().as_str().unwrap().to_owned()).collect()
}

/// The same resource with sorted lists and each value once.
fn normal(mut resource: Resource) -> Resource {
    let resource_type = Arc::clone(resource.resource_type());
    for list in resource_type.reference_lists() {
        let mut sorted = BTreeMap::new();
        for (id, element) in ids(&resource, *list).into_iter().zip(values(&resource, *list)) {
            sorted.entry(id).or_insert(Value::Complex(element));
        }
        resource.root_mut().remove(*list);
        if !sorted.is_empty() {
            resource.root_mut().insert(*list, Value::List(sorted.into_values().collect()));
        }
    }
    resource
}

impl Model {
    fn find(&self, resource_type: &ResourceType, id: &str) -> Option<usize> {
        self.kept
            .iter()
            .position(|kept| kept.resource.resource_type().name() == resource_type.name() && kept.resource.id() == id)
    }

    /// Refuses the first value of a list that refers to a missing resource, unless the value was in the list before.
    fn references(&self, before: Option<&Resource>, after: &Resource) -> Result<(), String> {
        let resource_type = after.resource_type();
        for list in resource_type.reference_lists() {
            let known = before.map(|before| ids(before, *list)).unwrap_or_default();
            let reference = resource_type.child(*list, "$ref").unwrap();
            let allowed = resource_type.attribute(reference).reference_types();
            for id in ids(after, *list) {
                let is_itself = after.id() == id && allowed.iter().any(|name| **name == *resource_type.name());
                let exists = |kept: &Kept| {
                    kept.resource.id() == id
                        && allowed.iter().any(|name| **name == *kept.resource.resource_type().name())
                };
                if !known.contains(&id) && !is_itself && !self.kept.iter().any(exists) {
                    return Err(format!("{} refers to {id}", resource_type.path(*list)));
                }
            }
        }
        Ok(())
    }

    fn unique(&self, entry: &Entry) -> Result<(), String> {
        let resource_type = entry.resource.resource_type();
        let others = self.kept.iter().filter(|kept| {
            kept.resource.resource_type().name() == resource_type.name() && kept.resource.id() != entry.resource.id()
        });
        let taken: HashSet<_> = others.flat_map(|kept| kept.resource.unique_keys()).collect();
        match entry.unique.iter().find(|key| taken.contains(key)) {
            Some(key) => Err(format!("{} is taken", resource_type.path(key.attribute))),
            None => Ok(()),
        }
    }

    /// Whether the change changed anything. An error states why the change is refused.
    fn apply(&mut self, change: &Change) -> Result<bool, String> {
        let found = self.find(change.resource_type(), change.id());
        if change.expect().is_none() && self.kept.iter().any(|kept| kept.resource.id() == change.id()) {
            return Err("id is taken".into());
        }
        if change.expect().is_some() && found.is_none() {
            return Err("not found".into());
        }
        if let (Some(Expect::Version(version)), Some(found)) = (change.expect(), found)
            && self.kept[found].version.as_ref() != Some(version)
        {
            return Err("version".into());
        }
        match (change, found) {
            (Change::Create(entry), _) => {
                self.unique(entry)?;
                self.references(None, &entry.resource)?;
                self.kept.push(Kept { resource: normal(Resource::clone(&entry.resource)), version: None });
            }
            (Change::Replace(Replacement { entry, .. }), Some(found)) => {
                self.unique(entry)?;
                let before = &self.kept[found].resource;
                self.references(Some(before), &entry.resource)?;
                let after = normal(Resource::clone(&entry.resource));
                let without_meta = |resource: &Resource| {
                    let mut resource = resource.clone();
                    resource.root_mut().remove(AttributeId::META);
                    resource
                };
                if without_meta(before) == without_meta(&after) {
                    return Ok(false);
                }
                self.kept[found] = Kept { resource: after, version: None };
            }
            (Change::Delete(Deletion { id, .. }), Some(found)) => {
                self.kept.remove(found);
                for kept in &mut self.kept {
                    let resource_type = Arc::clone(kept.resource.resource_type());
                    for list in resource_type.reference_lists() {
                        if edit(&resource_type, *list, false, &[id], &[]).apply(*list, &mut kept.resource).is_some() {
                            kept.version = None;
                        }
                    }
                }
            }
            (Change::EditValues(ListEdit { attribute, edit, modified, .. }), Some(found)) => {
                let mut after = self.kept[found].resource.clone();
                let before = after.clone();
                let changed = edit.apply(*attribute, &mut after).is_some();
                // Only this list gets new values.
                let mut known = after.clone();
                known.root_mut().retain(|list, _| list == *attribute || !after.resource_type().is_reference_list(list));
                self.references(Some(&before), &known)?;
                if !changed {
                    return Ok(false);
                }
                if let Some(Value::Complex(meta)) = after.root_mut().get_mut(AttributeId::META) {
                    meta.insert(AttributeId::META_LAST_MODIFIED, Value::DateTime(*modified));
                }
                self.kept[found] = Kept { resource: normal(after), version: None };
            }
            _ => panic!("found or refused"),
        }
        Ok(true)
    }

    /// The values of the list that the change edits.
    fn edited_list(&self, change: &Change) -> BTreeSet<String> {
        let found = self.find(change.resource_type(), change.id()).zip(edited_values(change));
        found.map(|(found, list)| ids(&self.kept[found].resource, list).into_iter().collect()).unwrap_or_default()
    }

    fn of<'a>(&'a self, resource_type: &'a ResourceType) -> impl Iterator<Item = &'a Kept> {
        self.kept.iter().filter(|kept| kept.resource.resource_type().name() == resource_type.name())
    }
}

fn change(world: &World, model: &Model, step: &Step) -> Change {
    let resource_type = Arc::clone(&world.resource_types()[step.resource_type]);
    let (id, name) = (IDS[step.id], NAMES[step.name]);
    // Most lists refer to existing resources, so that most batches succeed.
    let lenient = step.expect != 5;
    let is_missing = |id: &&usize| lenient && model.kept.iter().all(|kept| kept.resource.id() != IDS[**id]);
    let known = |ids: &[usize]| -> Vec<usize> { ids.iter().filter(|id| !is_missing(id)).copied().collect() };
    let (first, second) = (known(&step.first), known(&step.second));
    let refs = |ids: &[usize]| -> Vec<&str> { ids.iter().map(|id| IDS[*id]).collect() };
    let list = |ids: &[usize]| -> serde_json::Value {
        ids.iter()
            .map(|id| json!({"value": IDS[*id], "note": format!("n{}", id % 2), "tags": [IDS[*id], "t"]}))
            .collect()
    };
    let members = |ids: &[usize]| -> serde_json::Value {
        ids.iter().map(|id| json!({"value": IDS[*id], "type": if id % 2 == 0 { "User" } else { "Group" }})).collect()
    };
    let entry = || {
        let mut document = match step.resource_type {
            0 => json!({"id": id, "userName": name, "externalId": name, "active": step.clear}),
            1 => json!({"id": id, "displayName": name, "members": members(&first)}),
            _ => json!({"id": id, "serial": name, "owners": list(&first), "watchers": list(&second)}),
        };
        document.as_object_mut().unwrap().retain(|_, value| value.as_array().is_none_or(|list| !list.is_empty()));
        Entry::new(normal(sample(&resource_type, document)))
    };
    let current = model.find(&resource_type, id).and_then(|found| model.kept[found].version.clone());
    let expect = match (step.expect, current) {
        (0, _) => Expect::Version(Version::from(1_000_000)),
        (1 | 2, Some(current)) => Expect::Version(current),
        _ => Expect::Exists,
    };
    match (step.operation, step.resource_type) {
        (0..3, _) => Change::Create(entry()),
        (3..5, _) | (6.., 0) => {
            let entry = entry();
            Change::Replace(Replacement { before: Arc::clone(&entry.resource), entry, expect })
        }
        (5, _) => Change::Delete(Deletion { resource_type, id: id.into(), expect, at: time(9), before: None }),
        _ => {
            let lists = resource_type.reference_lists();
            let attribute = lists[step.name % lists.len()];
            let edit = edit(&resource_type, attribute, step.clear, &refs(&first), &refs(&second));
            Change::EditValues(ListEdit { resource_type, id: id.into(), attribute, expect, edit, modified: time(9) })
        }
    }
}

fn failure(change: &Change, error: &StoreError) -> String {
    match error {
        StoreError::NotFound => "not found".into(),
        StoreError::VersionMismatch { current: Some(_) } => "version".into(),
        StoreError::NotUnique { attribute } => format!("{} is taken", change.resource_type().path(*attribute)),
        StoreError::BadReference { attribute, value } => {
            format!("{} refers to {value}", change.resource_type().path(*attribute))
        }
        other => panic!("{other:?}"),
    }
}

/// The list that the change edits.
fn edited_values(change: &Change) -> Option<AttributeId> {
    if let Change::EditValues(ListEdit { attribute, .. }) = change { Some(*attribute) } else { None }
}

/// The values that the store reports as removed and as added, each once.
fn told(change: &Change, done: &ChangeOutcome) -> Option<(BTreeSet<String>, BTreeSet<String>)> {
    let edit = done.edit.as_ref()?;
    let value = change.resource_type().value_of(edited_values(change)?)?;
    let went: BTreeSet<String> = edit.remove.iter().map(|id| id.as_str().to_owned()).collect();
    let came: BTreeSet<String> =
        edit.add.iter().map(|it| it.get(value).unwrap().as_str().unwrap().to_owned()).collect();
    assert!(!edit.clear && went.len() == edit.remove.len() && came.len() == edit.add.len());
    Some((went, came))
}

/// Runs a batch on both, and compares their answers and the versions after it.
fn run(world: &World, store: &impl Store, model: &mut Model, seen: &mut HashSet<Version>, steps: &[Step]) {
    let batch: Vec<Change> = steps.iter().map(|step| change(world, model, step)).collect();
    let mut after = model.clone();
    let mut expected = Ok(Vec::new());
    for (index, change) in batch.iter().enumerate() {
        let before = after.edited_list(change);
        match (after.apply(change), &mut expected) {
            (Ok(changed), Ok(done)) => {
                let (before, after) = (before, after.edited_list(change));
                let went = before.difference(&after).cloned().collect();
                let came = after.difference(&before).cloned().collect();
                done.push((changed, edited_values(change).filter(|_| changed).map(|_| (went, came))));
            }
            (Err(error), _) => {
                expected = Err((index, error));
                break;
            }
            _ => {}
        }
    }
    let result = world.commit(store, &batch);
    let said = match &result {
        Ok(done) => Ok(batch.iter().zip(done).map(|(change, done)| (done.changed, told(change, done))).collect()),
        Err(error) => Err((error.index, failure(&batch[error.index], &error.error))),
    };
    assert_eq!(said, expected, "{batch:#?}");
    if expected.is_ok() {
        *model = after;
    }
    let snapshot = world.snapshot(store, &world.context);
    assert_eq!(snapshot.len(), model.kept.len());
    for (resource, version) in snapshot {
        let found = model.find(resource.resource_type(), resource.id()).expect("the model has it");
        let kept = &mut model.kept[found];
        let differ = |left: &Resource, right: &Resource| format!("{:?}\n{:?}", left.root(), right.root());
        let resource = normal(resource);
        assert!(kept.resource == resource, "{}", differ(&kept.resource, &resource));
        match &kept.version {
            Some(known) => assert_eq!(*known, version, "what was not changed keeps its version"),
            None => assert!(seen.insert(version.clone()), "a version came again"),
        }
        kept.version = Some(version);
    }
    // The version in the commit's answer is the stored version, for the last change of each resource.
    if let Ok(done) = result {
        for (index, (change, ChangeOutcome { version, .. })) in batch.iter().zip(&done).enumerate() {
            let later = &batch[index + 1..];
            let touched = later.iter().any(|later| later.id() == change.id() || matches!(later, Change::Delete(_)));
            if !touched {
                let kept =
                    model.find(change.resource_type(), change.id()).map(|found| model.kept[found].version.clone());
                assert_eq!(kept.flatten(), *version, "{batch:#?}");
            }
        }
    }
}

const FILTERS: [&[&str]; 3] = [
    &[
        r#"id eq "a""#,
        r#"id eq "A" or id eq "e" or id eq "E""#,
        r#"userName eq "aNN""#,
        r#"userName eq """#,
        r#"userName eq "σσ" or externalId eq "ann""#,
        r#"externalId eq "Ann" and active eq true"#,
        r#"not (userName eq "bob")"#,
        r#"userName gt "a" and (id eq "a" or active eq false)"#,
    ],
    &[
        r#"members.value eq "a""#,
        r#"members eq "b" and displayName eq "ANN""#,
        r#"members[value eq "a" and type eq "User"]"#,
        r#"members[type eq "group"]"#,
        r#"members[not (type eq "User")]"#,
        r#"members[value eq "a" or value eq "b"]"#,
        r#"members.type eq "user" and members.type eq "Group""#,
        "members pr",
        "not (members pr)",
        r#"not (members.value eq "c")"#,
        r#"members.value gt "b""#,
        r#"id eq "a" or members eq "a""#,
        r#"members.$ref eq "https://example.com/scim/v2/Users/a""#,
    ],
    &[
        r#"owners.value eq "a" or watchers.value eq "a""#,
        r#"watchers[value eq "b" and note eq "n1"]"#,
        r#"watchers[value eq "b" and note eq "n0"]"#,
        r#"watchers.note eq "n1""#,
        r#"watchers.tags eq "C""#,
        r#"watchers[tags eq "d"]"#,
        "watchers.tags pr and not (owners.note pr)",
        r#"serial eq "Ann" or serial eq "ANN" or serial eq """#,
        r#"not (serial pr or owners[note eq "n0"])"#,
    ],
];

/// Compares the resources that both find.
fn look(world: &World, store: &impl Store, model: &Model, skip: u64, take: usize, can_filter: bool) {
    let stored = |kept: &Kept| Stored::new(kept.resource.clone(), kept.version.clone().unwrap());
    for (resource_type, filters) in world.resource_types().iter().zip(FILTERS) {
        for filter in filters {
            if !can_filter {
                continue;
            }
            let matcher = compile(resource_type, filter);
            let conditions: Vec<&Condition> = matcher.conditions().iter().collect();
            let path = |text: &str| text.parse::<AttributePath>().unwrap();
            let sorts = match resource_type.name() {
                "User" => vec![("userName", false), ("externalId", true)],
                "Group" => vec![("members", true), ("displayName", false)],
                _ => vec![("watchers.note", false), ("serial", true)],
            };
            let sort = |(by, descending)| {
                Sort::new(resource_type, path(by).as_ref(), descending, &mut Tolerance::new(Quirks::strict())).unwrap()
            };
            let sorts: Vec<Sort> = sorts.into_iter().map(sort).collect();
            let after = |id| (None, Window::behind(id, take));
            let offset = |sort| (sort, Window::Offset { skip, take });
            // A sort by a list uses its first value, which is another value in the model.
            let by_first = resource_type.name() != "User";
            let before = |id: Option<&'static str>| (None, Window::Before { first: id.map(Position::of_id), take });
            let mut questions = vec![offset(None), after(None), after(Some("b")), after(Some("bb"))];
            questions.extend([before(None), before(Some("b")), before(Some("bb"))]);
            // From the sort position of a resource, whose key may be absent.
            let places: Vec<(Option<SortKey>, Text)> = model
                .of(resource_type)
                .flat_map(|kept| sorts.iter().map(|sort| (sort.key(&kept.resource), kept.resource.id().into())))
                .collect();
            for sort in sorts.iter().skip(usize::from(by_first)) {
                questions.push(offset(Some(sort)));
                questions.push((Some(sort), Window::After { last: None, take }));
                questions.push((Some(sort), Window::Before { first: None, take }));
                for (key, id) in &places {
                    let position = Some(Position { key: key.as_ref(), id });
                    questions.push((Some(sort), Window::After { last: position, take }));
                    questions.push((Some(sort), Window::Before { first: position, take }));
                }
            }
            for (sort, window) in questions {
                let requested = RequestedAttributes::without(resource_type.reference_lists());
                let scan =
                    Scan { resource_type, filter: &conditions, sort, window, requested: &requested, count: skip != 1 };
                let found = now(store.scan(&world.context, &scan)).unwrap();
                let expected = scan.select(model.of(resource_type).map(stored));
                let ids = |items: &[Stored]| -> Vec<String> {
                    items.iter().map(|stored| stored.resource.id().to_owned()).collect()
                };
                assert_eq!(ids(&found.items), ids(&expected.items), "{filter} {window:?}");
                assert_eq!((found.total, found.more), (expected.total, expected.more), "{filter} {window:?}");
            }
        }
    }
    let relation = groups_of(world);
    let mut found = now(store.referrers(&world.context, &relation, &IDS, usize::MAX)).unwrap();
    let display =
        |group: &Resource| group.root().get(relation.display()).and_then(|name| name.as_str().map(Into::into));
    let mut expected = Vec::new();
    for Kept { resource: group, .. } in model.of(&world.group) {
        let referrer = |value: String| Referrer::new(value, group.id(), display(group));
        expected.extend(ids(group, world.members).into_iter().map(referrer));
    }
    let order = |left: &Referrer, right: &Referrer| (&left.value, &left.id).cmp(&(&right.value, &right.id));
    found.sort_by(order);
    expected.sort_by(order);
    assert_eq!(found, expected);
    let resource_types = world.resource_types();
    let expected =
        IDS.map(|id| resource_types.iter().position(|resource_type| model.find(resource_type, id).is_some()));
    assert_eq!(now(store.locate(&world.context, &resource_types, &IDS)).unwrap(), expected);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// 7644-3.5.2-18, 7643-3.1-05, 7644-3.6-04, 7644-6.2-01: a batch is done completely or not at all, in each of two
    /// tenants alone.
    #[test]
    fn the_store_agrees_with_the_model(
        batches in vec((any::<bool>(), vec(step(), 1..5)), 1..25),
        skip in 0..3_u64,
        take in 0..4_usize,
    ) {
        let tenant = |name| World { context: RequestContext::new(TenantId::new(name).unwrap()), ..World::new() };
        let worlds = [tenant("one"), tenant("two")];
        let store = MemoryStore::new().with_index("watchers.note".parse().unwrap()).with_index("id".parse().unwrap());
        let mut models = [Model::default(), Model::default()];
        let mut seen = [HashSet::new(), HashSet::new()];
        for (second, steps) in &batches {
            let at = usize::from(*second);
            run(&worlds[at], &store, &mut models[at], &mut seen[at], steps);
        }
        for (world, model) in worlds.iter().zip(&models) {
            look(world, &store, model, skip, take, true);
        }
        let least = DynStore::new(Least(store));
        look(&worlds[0], &least, &models[0], skip, take, false);
    }
}
