//! Lists of references: their targets, their referrers, and the effect of deleting a target.

use super::{
    super::samples::reference, Arc, Change, Expect, Key, Kit, Object, RequestContext, RequestedAttributes,
    ResourceType, Stop, Store, StoreError, Stored, ValueEdit, check, create, delete, edit, failed, held, moment,
    replace, sorted,
};
use crate::{schema::AttributeId, value::Value};

/// A tenant with subjects, and with a list that refers to the first ones.
struct Scene {
    context: RequestContext,
    referrer: Arc<ResourceType>,
    list: AttributeId,
    ids: Vec<String>,
    group: String,
}

impl Scene {
    async fn new<S: Store>(kit: &Kit<'_, S>, subjects: usize, members: usize) -> Result<Self, Stop> {
        let context = kit.tenant("a")?;
        let (referrer, list) = kit.referrer()?;
        let mut random = kit.random();
        let ids: Vec<String> = (0..subjects).map(|_| random.id()).collect();
        let group = random.id();
        let batch: Vec<Change> =
            ids.iter().map(|id| create(kit.samples.subject(id, &format!("name of {id}")))).collect();
        for some in batch.chunks(kit.capabilities().max_batch.clamp(1, 500)) {
            kit.write(&context, "members are created", some).await?;
        }
        let mut resource = kit.samples.named(&referrer, &group, "list");
        let elements: Vec<Value> = ids
            .iter()
            .take(members)
            .map(|id| Value::Complex(reference(&referrer, list, id, &kit.samples.subject)))
            .collect();
        if !elements.is_empty() {
            resource.root_mut().insert(list, Value::List(elements.into()));
        }
        kit.write_one(&context, "a list of references is created", create(resource)).await?;
        Ok(Self { context, referrer, list, ids, group })
    }

    fn id(&self, index: usize) -> &str {
        self.ids.get(index).map_or("", String::as_str)
    }

    fn element<S: Store>(&self, kit: &Kit<'_, S>, id: &str) -> Object {
        reference(&self.referrer, self.list, id, &kit.samples.subject)
    }

    fn edit(&self, values: ValueEdit, step: i64) -> Change {
        edit(&self.referrer, self.list, &self.group, values, step)
    }

    async fn stored<S: Store>(&self, kit: &Kit<'_, S>) -> Result<Stored, Stop> {
        kit.existing(&self.context, &self.referrer, &self.group, "the list").await
    }

    async fn held<S: Store>(&self, kit: &Kit<'_, S>) -> Result<Vec<String>, Stop> {
        Ok(sorted(held(&self.stored(kit).await?.resource, self.list)))
    }

    fn some(&self, indexes: &[usize]) -> Vec<String> {
        sorted(indexes.iter().map(|index| self.id(*index).to_owned()).collect())
    }
}

pub(super) async fn clean_up<S: Store>(kit: &Kit<'_, S>) -> Result<(), Stop> {
    let scene = Scene::new(kit, 3, 3).await?;
    let before = scene.stored(kit).await?;
    let gone = delete(&kit.samples.subject, scene.id(1), Expect::Exists);
    kit.write_one(&scene.context, "a member is deleted", gone).await?;
    let after = scene.stored(kit).await?;
    let found = sorted(held(&after.resource, scene.list));
    check(found == scene.some(&[0, 2]), "what is deleted is in no list any more", || format!("{} are", found.len()))?;
    check(after.version != before.version, "a list that lost a value has a new version", || {
        format!("{} as before", after.version)
    })?;
    let times = (before.resource.last_modified(), after.resource.last_modified());
    check(times.0 == times.1, "no client changed it, so its time stays", || format!("{times:?}"))?;
    let gone = delete(&scene.referrer, &scene.group, Expect::Exists);
    kit.write_one(&scene.context, "the list's resource is deleted", gone).await?;
    // The old references do not come back with the id, and the former members can be deleted.
    let again = create(kit.samples.named(&scene.referrer, &scene.group, "list"));
    if kit.write_again(&scene.context, "it is created anew", again).await?.is_some() {
        let found = scene.held(kit).await?;
        check(found.is_empty(), "a list goes with its resource", || format!("{} values came back", found.len()))?;
    }
    kit.write_one(&scene.context, "who was in it is deleted", delete(&kit.samples.subject, scene.id(0), Expect::Exists))
        .await
        .map(drop)
}

pub(super) async fn bad_references<S: Store>(kit: &Kit<'_, S>) -> Result<(), Stop> {
    let scene = Scene::new(kit, 2, 1).await?;
    let mut random = kit.other_random();
    let [missing, other] = [random.id(), random.id()];
    let list = scene.list;
    let bad = |error: &StoreError| matches!(error, StoreError::BadReference { attribute, .. } if *attribute == list);
    let add = |id: &str| ValueEdit { add: vec![scene.element(kit, id)], ..ValueEdit::default() };
    let change = scene.edit(add(&missing), 1);
    if kit.commit(&scene.context, std::slice::from_ref(&change)).await.is_ok() {
        return Err(Stop::Skipped("the store lets lists refer to what is not there yet"));
    }
    kit.refuse(&scene.context, "a list does not refer to what is not there", &[change], 0, bad).await?;
    let mut resource = kit.samples.named(&scene.referrer, &other, "other");
    resource.root_mut().insert(list, Value::List([Value::Complex(scene.element(kit, &missing))].into()));
    let what = "a new list does not refer to what is not there";
    kit.refuse(&scene.context, what, &[create(resource.clone())], 0, bad).await?;
    let mut resource = kit.samples.named(&scene.referrer, &scene.group, "list");
    resource.root_mut().insert(list, Value::List([Value::Complex(scene.element(kit, &missing))].into()));
    let what = "a list that is replaced does not refer to what is not there";
    kit.refuse(&scene.context, what, &[replace(resource, Expect::Exists)], 0, bad).await?;
    // A target whose type the list may not refer to.
    let names = scene.referrer.conventional(list).reference.map(|it| scene.referrer.attribute(it).reference_types());
    let allowed =
        |resource_type: &ResourceType| names.unwrap_or_default().iter().any(|name| **name == *resource_type.name());
    let mut resource_types = kit.whole.registry.resource_types().iter();
    if let Some(foreign) =
        resource_types.find(|resource_type| !allowed(resource_type) && resource_type.name() != scene.referrer.name())
    {
        kit.write_one(
            &scene.context,
            "a resource of another type",
            create(kit.samples.named(foreign, &other, "other")),
        )
        .await?;
        let what = "a list does not refer to a type that it may not refer to";
        kit.refuse(&scene.context, what, &[scene.edit(add(&other), 1)], 0, bad).await?;
    }
    if kit.capabilities().max_batch >= 2 {
        let new = random.id();
        let batch = [create(kit.samples.subject(&new, "new")), scene.edit(add(&new), 1)];
        kit.write(&scene.context, "a list refers to what an earlier change of the batch creates", &batch).await?;
        let batch = [delete(&kit.samples.subject, scene.id(1), Expect::Exists), scene.edit(add(scene.id(1)), 1)];
        kit.refuse(&scene.context, "a list does not refer to what an earlier change deletes", &batch, 1, bad).await?;
    }
    Ok(())
}

/// Whether the list is cleared, the subjects to remove, the subjects to add, and the subjects in the list afterwards.
type Edit = (bool, &'static [usize], &'static [usize], &'static [usize]);

pub(super) async fn edits<S: Store>(kit: &Kit<'_, S>) -> Result<(), Stop> {
    let scene = Scene::new(kit, 6, 3).await?;
    let edits: [Edit; 7] = [
        (false, &[], &[3], &[0, 1, 2, 3]),
        (false, &[0, 5], &[], &[1, 2, 3]),
        (false, &[1], &[4, 2], &[2, 3, 4]),
        (true, &[], &[2, 5], &[2, 5]),
        (true, &[], &[], &[]),
        (false, &[], &[1, 1, 0], &[0, 1]),
        (false, &[0, 1, 2, 3], &[], &[]),
    ];
    let mut before = scene.held(kit).await?;
    for (step, (clear, remove, add, expected)) in (1..).zip(edits) {
        let what = format!("edit {step}: clear {clear}, remove {remove:?}, add {add:?}");
        let earlier = scene.stored(kit).await?;
        let values = ValueEdit {
            clear,
            remove: remove.iter().map(|index| scene.id(*index).into()).collect(),
            add: add.iter().map(|index| scene.element(kit, scene.id(*index))).collect(),
        };
        let done = kit.write_one(&scene.context, &what, scene.edit(values, step)).await?;
        let stored = scene.stored(kit).await?;
        let found = sorted(held(&stored.resource, scene.list));
        check(found == scene.some(expected), &what, || {
            format!("{} values instead of {}", found.len(), expected.len())
        })?;
        let changed = found != before;
        check(done.changed == changed, &format!("{what}: whether it changed anything"), || format!("{done:?}"))?;
        if let Some(effect) = &done.edit {
            let gone: Vec<String> = before.iter().filter(|id| !found.contains(id)).cloned().collect();
            let come: Vec<String> = found.iter().filter(|id| !before.contains(id)).cloned().collect();
            let told = sorted(effect.remove.iter().map(ToString::to_string).collect());
            let right = !effect.clear && told == gone && sorted(ids_of(&scene, &effect.add)) == come;
            check(right, &format!("{what}: what it tells that it did"), || {
                format!("{} went and {} came, it says {done:?}", gone.len(), come.len())
            })?;
        }
        check(done.version.as_ref() == Some(&stored.version), &format!("{what}: the version"), || format!("{done:?}"))?;
        let modified = if changed { Some(moment(step)) } else { earlier.resource.last_modified() };
        check(stored.resource.last_modified() == modified, &format!("{what}: meta.lastModified"), || {
            format!("{:?} instead of {modified:?}", stored.resource.last_modified())
        })?;
        check((stored.version != earlier.version) == changed, &format!("{what}: a new version if it changed"), || {
            format!("{} after {}", stored.version, earlier.version)
        })?;
        before = found;
    }
    Ok(())
}

/// The ids that elements of the list refer to.
fn ids_of(scene: &Scene, elements: &[Object]) -> Vec<String> {
    let value = scene.referrer.value_of(scene.list);
    let id = |element: &Object| element.get(value?)?.as_str().map(str::to_owned);
    elements.iter().filter_map(id).collect()
}

pub(super) async fn referrers<S: Store>(kit: &Kit<'_, S>) -> Result<(), Stop> {
    let scene = Scene::new(kit, 4, 2).await?;
    let subject = &kit.samples.subject;
    let relations = kit.whole.registry.relations(subject);
    let relation = relations.iter().find(|it| it.referrer().name() == scene.referrer.name() && it.list() == scene.list);
    if let Some(relation) = relation {
        let ids: Vec<&str> = scene.ids.iter().map(String::as_str).chain(["nobody"]).collect();
        let found = kit.store().referrers(&scene.context, relation, &ids, 1 << 20).await;
        let found = found.map_err(|error| failed("who refers is asked", &error))?;
        let pairs: Vec<String> = sorted(found.iter().map(|it| format!("{} {}", it.value, it.id)).collect());
        let expected = sorted((0..2).map(|index| format!("{} {}", scene.id(index), scene.group)).collect());
        check(pairs == expected, "who refers to some ids", || {
            format!("{} found, {} expected", pairs.len(), expected.len())
        })?;
        let none = kit.store().referrers(&scene.context, relation, &[], 1 << 20).await;
        let none = none.map_err(|error| failed("who refers to nothing is asked", &error))?;
        check(none.is_empty(), "nobody refers to no ids", || format!("{} do", none.len()))?;
    }
    let resource_types = [Arc::clone(&scene.referrer), Arc::clone(subject)];
    let asked = [scene.id(3), "nobody", &scene.group, scene.id(0), scene.id(3)];
    let located = kit.store().locate(&scene.context, &resource_types, &asked).await;
    let located = located.map_err(|error| failed("ids are located", &error))?;
    let expected = [Some(1), None, Some(0), Some(1), Some(1)];
    check(located == expected, "of which type each id is", || format!("{located:?} instead of {expected:?}"))
}

pub(super) async fn of_tenants<S: Store>(kit: &Kit<'_, S>) -> Result<(), Stop> {
    let (one, other) = (kit.tenant("one")?, kit.tenant("other")?);
    let (referrer, list) = kit.referrer()?;
    let subject = &kit.samples.subject;
    let relations = kit.whole.registry.relations(subject);
    let relation = relations.iter().find(|it| it.referrer().name() == referrer.name() && it.list() == list);
    let none = Stop::Skipped("no resource type shows the resources that refer to it");
    let relation = relation.ok_or(none)?;
    let mut random = kit.random();
    let [id, group] = [random.id(), random.id()];
    kit.write_one(&one, "a tenant has a member", create(kit.samples.subject(&id, "one"))).await?;
    let mut resource = kit.samples.named(&referrer, &group, "list");
    let element = Value::Complex(reference(&referrer, list, &id, subject));
    resource.root_mut().insert(list, Value::List([element].into()));
    kit.write_one(&one, "a tenant has a list", create(resource)).await?;
    // A store whose ids are unique beyond the tenant refuses the second resource with the id.
    match kit.commit(&other, &[create(kit.samples.subject(&id, "other"))]).await {
        Ok(_) => {}
        Err(error) if matches!(error.error, StoreError::NotUnique { attribute: AttributeId::ID }) => {}
        Err(error) => return Err(failed("another tenant creates a resource with the same id", &error)),
    }
    let found = kit.store().referrers(&other, relation, &[&id], 1 << 20).await;
    let found = found.map_err(|error| failed("the referrers are read", &error))?;
    check(found.is_empty(), "a tenant sees no referrers of another tenant", || format!("{} of them", found.len()))?;
    let found = kit.store().referrers(&one, relation, &[&id], 1 << 20).await;
    let found = found.map_err(|error| failed("the referrers are read", &error))?;
    check(!found.is_empty(), "a tenant sees its own referrers", || "none of them".to_owned())
}

pub(super) async fn many<S: Store>(kit: &Kit<'_, S>) -> Result<(), Stop> {
    let size = kit.whole.many.max(2);
    let scene = Scene::new(kit, size, size - 1).await?;
    let last = size - 1;
    let add = ValueEdit { add: vec![scene.element(kit, scene.id(last))], ..ValueEdit::default() };
    let done = kit.write_one(&scene.context, "one more member is added", scene.edit(add, 1)).await?;
    check(done.changed, "one more member is added", || format!("{done:?}"))?;
    let found = scene.held(kit).await?;
    check(found == sorted(scene.ids.clone()), "all members are there", || format!("{} are", found.len()))?;
    let remove = ValueEdit { remove: vec![scene.id(0).into()], ..ValueEdit::default() };
    kit.write_one(&scene.context, "one member is removed", scene.edit(remove, 2)).await?;
    let found = scene.held(kit).await?;
    let expected = sorted(scene.ids.iter().skip(1).cloned().collect());
    check(found == expected, "all members but that one are there", || format!("{} are", found.len()))?;
    let requested = RequestedAttributes::everything().with_list_limit(size / 2);
    let stored = kit.store().get(&scene.context, Key { resource_type: &scene.referrer, id: &scene.group }, &requested);
    let stored = stored.await.map_err(|error| failed("a long list that is not requested", &error))?;
    let right = stored.is_some_and(|stored| !stored.complete);
    check(right, "a list that is longer than requested is left out", || "it is not".to_owned())
}
