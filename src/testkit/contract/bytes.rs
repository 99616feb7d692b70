//! The bound of the bytes of a read: pages that end early, and lists that are left out.

use super::{
    super::samples::{reference, text},
    Key, Kit, RequestContext, RequestedAttributes, Scan, Stop, Store, StoreError, Window, check, create, failed, held,
};
use crate::{schema::AttributeId, store::Page, value::Value};

/// The number of references in a list.
const ALL: usize = 40;

/// The bound in multiples of a resource. The count of a store may be off by a factor of two in both directions.
const SOME: usize = 5;

pub(super) async fn bytes<S: Store>(kit: &Kit<'_, S>) -> Result<(), Stop> {
    let context = kit.tenant("a")?;
    let resource_type = &kit.samples.subject;
    let mut numbers = kit.random();
    let mut ids: Vec<String> = (0..ALL).map(|_| numbers.id()).collect();
    for (index, id) in ids.iter().enumerate() {
        let mut resource = kit.samples.subject(id, &format!("name {index}"));
        resource.root_mut().insert(AttributeId::EXTERNAL_ID, text(&"x".repeat(2_000)));
        kit.write_one(&context, "a resource is created", create(resource)).await?;
    }
    ids.sort();
    let first = ids.first().map(String::as_str).unwrap_or_default();
    let size = kit.existing(&context, resource_type, first, "a resource is created").await?.resource.size();
    pages(kit, &context, &ids, size).await?;
    lists(kit, &context, &ids).await
}

/// Pages that end before they are full.
async fn pages<S: Store>(kit: &Kit<'_, S>, context: &RequestContext, ids: &[String], size: usize) -> Result<(), Stop> {
    let forward = |skip| Window::Offset { skip, take: ALL };
    for (bytes, most) in [(1, 1), (SOME * size, ids.len() / 2)] {
        let requested = RequestedAttributes::everything().with_byte_limit(bytes);
        let cut = page(kit, context, forward(3), &requested).await?;
        let found = ids_of(&cut);
        let right = cut.more && (1..=most).contains(&found.len()) && ids.iter().skip(3).zip(&found).all(is_same);
        check(right, "a page by index ends at the bound of its bytes", || seen(&cut))?;
        let mut walked: Vec<String> = Vec::new();
        loop {
            let last = walked.last().cloned();
            let part = page(kit, context, Window::behind(last.as_deref(), ALL), &requested).await?;
            check(part.items.len() <= most, "a page behind a place ends at the bound of its bytes", || seen(&part))?;
            walked.extend(ids_of(&part));
            if !part.more || part.items.is_empty() {
                break;
            }
        }
        check(walked == ids, "a walk over pages that end early meets all", || format!("{} were met", walked.len()))?;
        if kit.capabilities().backward {
            let part = page(kit, context, Window::Before { first: None, take: ALL }, &requested).await?;
            let found = ids_of(&part);
            let last = ids.iter().skip(ids.len().saturating_sub(found.len()));
            let right = part.more && (1..=most).contains(&found.len()) && last.zip(&found).all(is_same);
            check(right, "a page before a place begins at the bound of its bytes", || seen(&part))?;
        }
    }
    let requested = RequestedAttributes::everything().with_byte_limit(4 * ALL * size);
    let whole = page(kit, context, forward(0), &requested).await?;
    let right = whole.items.len() == ids.len() && !whole.more;
    check(right, "a page whose bytes are within the bound is whole", || seen(&whole))
}

/// A list of references that does not fit, and its referrers.
async fn lists<S: Store>(kit: &Kit<'_, S>, context: &RequestContext, ids: &[String]) -> Result<(), Stop> {
    let Ok((referrer, list)) = kit.referrer() else { return Ok(()) };
    let group = kit.other_random().id();
    let mut resource = kit.samples.named(&referrer, &group, "list");
    let element = |id: &String| Value::Complex(reference(&referrer, list, id, &kit.samples.subject));
    resource.root_mut().insert(list, Value::List(ids.iter().map(element).collect()));
    let size = resource.size();
    kit.write_one(context, "a list is created", create(resource)).await?;
    for (bytes, whole) in [(size / 10, false), (10 * size, true)] {
        let requested = RequestedAttributes::everything().with_byte_limit(bytes);
        let stored = kit.store().get(context, Key { resource_type: &referrer, id: &group }, &requested).await;
        let stored = stored.map_err(|error| failed("a resource with a long list is read", &error))?;
        let found = stored.map(|stored| (stored.complete, held(&stored.resource, list).len()));
        let right = if whole { found == Some((true, ids.len())) } else { found.is_some_and(|(complete, _)| !complete) };
        check(right, "a list that does not fit is left out, and that is said", || format!("{found:?}"))?;
    }
    let relations = kit.whole.registry.relations(&kit.samples.subject);
    let Some(relation) = relations.iter().find(|relation| relation.referrer().name() == referrer.name()) else {
        return Ok(());
    };
    let asked: Vec<&str> = ids.iter().map(String::as_str).collect();
    let refused = matches!(kit.store().referrers(context, relation, &asked, 1).await, Err(StoreError::TooMany));
    check(refused, "more referrers than fit are too many", || "they are given".to_owned())
}

async fn page<S: Store>(
    kit: &Kit<'_, S>,
    context: &RequestContext,
    window: Window<'_>,
    requested: &RequestedAttributes<'_>,
) -> Result<Page, Stop> {
    let scan = Scan { resource_type: &kit.samples.subject, filter: &[], sort: None, window, requested, count: false };
    kit.store().scan(context, &scan).await.map_err(|error| failed("a page is read", &error))
}

fn ids_of(page: &Page) -> Vec<String> {
    page.items.iter().map(|stored| stored.resource.id().to_owned()).collect()
}

fn is_same((expected, found): (&String, &String)) -> bool {
    expected == found
}

fn seen(page: &Page) -> String {
    format!("{} resources, more: {}", page.items.len(), page.more)
}
