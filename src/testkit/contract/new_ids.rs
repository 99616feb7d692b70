//! The ids that a store gives to new resources: each one once, whatever becomes of the creation.

use std::{collections::HashSet, sync::Arc};

use super::{
    super::{
        futures::{Cut, together},
        samples::text,
    },
    Expect, Kit, RequestContext, Resource, ResourceType, Stop, Store, StoreError, check, create, delete, failed,
};
use crate::{limits::Limits, schema::AttributeId};

/// The number of requests at once.
const AT_ONCE: usize = 20;

/// More polls than a request for an id takes on a realistic store.
const POLLS: usize = 200;

/// How often a busy store is asked.
const ATTEMPTS: usize = 50;

pub(super) async fn new_ids<S: Store>(kit: &Kit<'_, S>) -> Result<(), Stop> {
    if !kit.capabilities().new_ids {
        return Err(Stop::Skipped("the store leaves the ids of new resources to the core"));
    }
    let mut types = vec![Arc::clone(&kit.samples.subject)];
    let referrer = kit.samples.referrer.iter().map(|(referrer, _)| Arc::clone(referrer));
    types.extend(referrer.filter(|referrer| referrer.name() != kit.samples.subject.name()));
    let mut random = kit.random();
    for resource_type in types {
        let (context, spare) = (kit.tenant("a")?, random.id());
        let mut creations = Creations { kit, context, resource_type, spare, given: HashSet::new(), there: 0 };
        if creations.one("first").await? {
            creations.at_once().await?;
            creations.abandoned().await?;
            creations.refused().await?;
            creations.dropped().await?;
        }
        creations.deleted().await?;
    }
    Ok(())
}

/// The creations of resources of one type.
struct Creations<'a, S> {
    kit: &'a Kit<'a, S>,
    context: RequestContext,
    resource_type: Arc<ResourceType>,
    /// The id for a resource whose id the store leaves to the core.
    spare: String,
    /// The ids that the store has given.
    given: HashSet<String>,
    /// The number of existing resources.
    there: usize,
}

impl<S: Store> Creations<'_, S> {
    /// The resource of a request, which has neither an id nor times.
    fn requested(&self, name: &str) -> Resource {
        let mut resource = self.resource("", name);
        resource.root_mut().remove(AttributeId::ID);
        resource.root_mut().remove(AttributeId::META);
        resource
    }

    /// The resource of a creation. Its `externalId` belongs to the name, as that of a person who comes back.
    fn resource(&self, id: &str, name: &str) -> Resource {
        let name = format!("{name} {}", self.resource_type.name());
        let mut resource = self.kit.samples.named(&self.resource_type, id, &name);
        resource.root_mut().insert(AttributeId::EXTERNAL_ID, text(&format!("kit {} {name}", self.kit.seed)));
        resource
    }

    /// Asks the store for the id of a new resource.
    async fn ask(&self, name: &str) -> Result<Option<String>, Stop> {
        let resource = self.requested(name);
        let mut answer = Err(StoreError::Busy);
        for _ in 0..ATTEMPTS {
            answer = self.kit.store().id_of_new(&self.context, &resource).await;
            if !matches!(answer, Err(StoreError::Busy)) {
                break;
            }
        }
        let id = answer.map_err(|error| failed("the store is asked for the id of a new resource", &error))?;
        Ok(id.map(|id| id.to_string()))
    }

    /// Checks an id that the store gives to a resource that it never had.
    async fn is_fresh(&mut self, id: &str) -> Result<(), Stop> {
        let longest = Limits::default().id_bytes;
        check((1..=longest).contains(&id.len()), "an id has 1 to 128 bytes", || format!("{} bytes", id.len()))?;
        let is_new = self.given.insert(id.to_owned());
        check(is_new, "no id is given twice in a tenant", || "an id was given again".to_owned())?;
        self.is_missing(id, "the id of a new resource belongs to no resource").await
    }

    async fn is_missing(&self, id: &str, what: &str) -> Result<(), Stop> {
        let found = self.kit.get(&self.context, &self.resource_type, id).await?;
        check(found.is_none(), what, || "a resource has it".to_owned())
    }

    /// Creates the resource, which must then have this id, and no other resource may appear.
    async fn create(&mut self, id: &str, name: &str) -> Result<(), Stop> {
        let (kit, context) = (self.kit, &self.context);
        let what = "a resource is created under the id that the store gave";
        let done = kit.write_one(context, what, create(self.resource(id, name))).await?;
        let stored = kit.existing(context, &self.resource_type, id, what).await?;
        let is_same = stored.resource.id() == id && done.version.as_ref() == Some(&stored.version);
        check(is_same, what, || "a resource with another id or another version".to_owned())?;
        let located = kit.store().locate(context, std::slice::from_ref(&self.resource_type), &[id]).await;
        let located = located.map_err(|error| failed("ids are located", &error))?;
        check(located == [Some(0)], "the type of a resource with an id of the store's is found", || {
            format!("{located:?}")
        })?;
        self.there += 1;
        self.is_complete("after a creation").await
    }

    async fn is_complete(&self, when: &str) -> Result<(), Stop> {
        let found = self.kit.all(&self.context, &self.resource_type).await?.len();
        check(found == self.there, &format!("{when}, a list has the created resources alone"), || {
            format!("{found} resources instead of {}", self.there)
        })
    }

    /// Creates a resource. Returns `false` if the store leaves the id of this resource to the core.
    async fn one(&mut self, name: &str) -> Result<bool, Stop> {
        let Some(id) = self.ask(name).await? else { return Ok(false) };
        self.is_fresh(&id).await?;
        self.create(&id, name).await?;
        Ok(true)
    }

    /// Requests at the same time get different ids.
    async fn at_once(&mut self) -> Result<(), Stop> {
        let names: Vec<String> = (0..AT_ONCE).map(|number| format!("at once {number}")).collect();
        let answers = together(names.iter().map(|name| self.ask(name)).collect()).await;
        let ids = answers.into_iter().collect::<Result<Vec<_>, _>>()?;
        for id in ids.iter().flatten() {
            self.is_fresh(id).await?;
        }
        for (id, name) in ids.iter().zip(&names) {
            if let Some(id) = id {
                self.create(id, name).await?;
            }
        }
        Ok(())
    }

    /// The client disconnects between the request for the id and the commit.
    async fn abandoned(&mut self) -> Result<(), Stop> {
        let what = "a creation that ended before its commit leaves no resource";
        if let Some(id) = self.ask("abandoned").await? {
            self.is_fresh(&id).await?;
            self.is_missing(&id, what).await?;
        }
        self.is_complete("after an abandoned creation").await?;
        self.one("after the abandoned one").await.map(drop)
    }

    /// The commit fails, because another resource has the name.
    async fn refused(&mut self) -> Result<(), Stop> {
        if self.resource_type.name() == self.kit.samples.subject.name()
            && let Some(id) = self.ask("refused").await?
        {
            self.is_fresh(&id).await?;
            let taken = [create(self.resource(&id, "first"))];
            let is_taken = |error: &StoreError| matches!(error, StoreError::NotUnique { .. });
            self.kit.refuse(&self.context, "a name that is taken is not created again", &taken, 0, is_taken).await?;
            self.is_missing(&id, "a creation that was refused leaves no resource").await?;
        }
        self.one("after the refused one").await.map(drop)
    }

    /// The client disconnects while the store chooses the id.
    async fn dropped(&mut self) -> Result<(), Stop> {
        for polls in 0..POLLS {
            let answer = Cut::new(self.ask("dropped"), polls).await.transpose()?;
            if let Some(Some(id)) = &answer {
                self.is_fresh(id).await?;
            }
            self.one(&format!("after the one dropped at {polls}")).await?;
            if answer.is_some() {
                break;
            }
        }
        Ok(())
    }

    /// The id of a deleted resource goes to no other resource. The store may give the id to the same resource again.
    async fn deleted(&mut self) -> Result<(), Stop> {
        let id = self.ask("gone").await?.unwrap_or_else(|| self.spare.clone());
        self.is_fresh(&id).await?;
        self.create(&id, "gone").await?;
        let before = self.kit.existing(&self.context, &self.resource_type, &id, "the resource").await?.version;
        let gone = delete(&self.resource_type, &id, Expect::Exists);
        self.kit.write_one(&self.context, "a resource is deleted", gone).await?;
        self.there -= 1;
        self.one("after the deleted one").await?;
        match self.ask("gone").await? {
            Some(same) if same == id => {
                self.is_missing(&id, "the id of a deleted resource belongs to no resource").await?;
                self.create(&id, "gone").await?;
                let after = self.kit.existing(&self.context, &self.resource_type, &id, "the resource").await?.version;
                check(after != before, "a resource that comes back has a new version", || format!("{after}, as before"))
            }
            Some(other) => {
                self.is_fresh(&other).await?;
                self.create(&other, "gone").await
            }
            None => Ok(()),
        }
    }
}
