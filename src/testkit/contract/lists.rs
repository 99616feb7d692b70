//! Lists: walked, sorted, filtered, counted.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    super::samples::{DECIMALS, TEXTS, moment},
    Arc, Expect, Kit, Random, RequestContext, RequestedAttributes, ResourceType, Scan, Stop, Store, Stored, Window,
    check, create, delete, failed, replace,
};
use crate::{
    filter::{Condition, Filter},
    limits::Limits,
    path::AttributePath,
    quirks::{Quirks, Reading, Tolerance},
    resource::{Position, Sort, SortKey},
    schema::{AttributeId, AttributeType},
    store::{Page, Pushdown},
};

async fn page<S: Store>(kit: &Kit<'_, S>, context: &RequestContext, scan: &Scan<'_>) -> Result<Page, Stop> {
    kit.store().scan(context, scan).await.map_err(|error| failed("a page is read", &error))
}

fn ids(page: &Page) -> Vec<String> {
    page.items.iter().map(|stored| stored.resource.id().to_owned()).collect()
}

pub(super) async fn walks<S: Store>(kit: &Kit<'_, S>) -> Result<(), Stop> {
    let context = kit.tenant("a")?;
    let resource_type = &kit.samples.subject;
    let mut random = kit.random();
    let steady: Vec<String> = (0..60).map(|_| random.id()).collect();
    let mut others: Vec<String> = (0..40).map(|_| random.id()).collect();
    for id in steady.iter().chain(&others) {
        kit.write_one(&context, "a resource is created", create(kit.samples.subject(id, &format!("name of {id}"))))
            .await?;
    }
    let requested = RequestedAttributes::everything();
    let mut seen: Vec<String> = Vec::new();
    loop {
        let last = seen.last().cloned();
        let window = Window::behind(last.as_deref(), 7);
        let found = page(
            kit,
            &context,
            &Scan { resource_type, filter: &[], sort: None, window, requested: &requested, count: false },
        )
        .await?;
        let more = found.more;
        let found = ids(&found);
        let up = found.iter().chain([]).zip(found.iter().skip(1)).all(|(one, next)| one < next)
            && found.first().is_none_or(|first| last.is_none_or(|last| last < *first));
        check(up && found.len() <= 7, "a walk goes up by id, byte by byte, a page at a time", || format!("{found:?}"))?;
        seen.extend(found.iter().cloned());
        if !more {
            break;
        }
        check(!found.is_empty(), "a page with more behind it is not empty", || "it is".to_owned())?;
        // Concurrent clients delete one resource, create one and change one.
        if let Some(gone) = others.pop() {
            kit.write_one(&context, "another resource is deleted", delete(resource_type, &gone, Expect::Exists))
                .await?;
        }
        let id = random.id();
        kit.write_one(&context, "another resource is created", create(kit.samples.subject(&id, &format!("new {id}"))))
            .await?;
        if let Some(other) = others.first() {
            let change = replace(kit.samples.subject(other, &format!("other {}", seen.len())), Expect::Exists);
            kit.write_one(&context, "another resource is changed", change).await?;
        }
    }
    let mut counted: BTreeMap<&str, usize> = BTreeMap::new();
    for id in &seen {
        *counted.entry(id).or_default() += 1;
    }
    for id in &steady {
        let times = counted.get(id.as_str()).copied().unwrap_or_default();
        check(times == 1, "a walk meets what is there all the time exactly once", || {
            format!("one was met {times} times")
        })?;
    }
    Ok(())
}

/// The paths that a list can be sorted by.
fn sortable(resource_type: &Arc<ResourceType>) -> Vec<(String, AttributePath)> {
    let mut tolerance = Tolerance::new(Quirks::strict());
    let paths = resource_type.attributes().filter_map(|attribute| {
        let path = resource_type.path(attribute);
        let parsed: AttributePath = path.parse().ok()?;
        Sort::new(resource_type, parsed.as_ref(), false, &mut tolerance).ok().map(|_| (path, parsed))
    });
    paths.collect()
}

pub(super) async fn orders<S: Store>(kit: &Kit<'_, S>) -> Result<(), Stop> {
    let context = kit.tenant("a")?;
    let resource_type = &kit.samples.subject;
    let capabilities = kit.capabilities();
    if !capabilities.sort && !capabilities.total {
        return Err(Stop::Skipped("the store neither sorts nor counts"));
    }
    let mut numbers = kit.random();
    for index in 0..40 {
        let id = numbers.id();
        let resource = kit.samples.random(resource_type, &id, &format!("name {index}"), &mut numbers);
        kit.write_one(&context, "a resource is created", create(resource)).await?;
    }
    let all = kit.all(&context, resource_type).await?;
    let requested = RequestedAttributes::everything();
    let mut tolerance = Tolerance::new(Quirks::strict());
    let mut sorts: Vec<(String, Option<Sort>)> = vec![("no order".to_owned(), None)];
    if capabilities.sort {
        for (path, parsed) in sortable(resource_type) {
            // A derived attribute is made for each response, so no store sorts by it.
            let derived = kit
                .whole
                .registry
                .relations(resource_type)
                .iter()
                .any(|it| path.starts_with(resource_type.attribute(it.attribute()).name()));
            if derived || ["meta.location", "meta.version"].contains(&path.as_str()) {
                continue;
            }
            for descending in [false, true] {
                let sort = Sort::new(resource_type, parsed.as_ref(), descending, &mut tolerance).ok();
                sorts.push((format!("{path}{}", if descending { " descending" } else { "" }), sort));
            }
        }
    }
    for (name, sort) in &sorts {
        let sort = sort.as_ref();
        let whole = Scan {
            resource_type,
            filter: &[],
            sort,
            window: Window::Offset { skip: 0, take: usize::MAX },
            requested: &requested,
            count: false,
        }
        .select(all.iter().cloned());
        let expected = ids(&whole);
        let mut paged = Vec::new();
        for skip in [0, 13, 26, 39, 52] {
            let found = page(
                kit,
                &context,
                &Scan {
                    resource_type,
                    filter: &[],
                    sort,
                    window: Window::Offset { skip, take: 13 },
                    requested: &requested,
                    count: true,
                },
            )
            .await?;
            if capabilities.total {
                let right = found.total == u64::try_from(expected.len()).ok();
                check(right, &format!("{name}: the total at {skip}"), || format!("{:?}", found.total))?;
            }
            paged.extend(ids(&found));
        }
        check(paged == expected, &format!("{name}: pages by index, together"), || {
            "they are in another order".to_owned()
        })?;
        let mut directions = vec![("forward", false)];
        directions.extend(capabilities.backward.then_some(("backward", true)));
        for (direction, backward) in directions {
            let walked = walk(kit, &context, sort, backward, expected.len()).await?;
            check(walked == expected, &format!("{name}: a walk {direction}"), || "it is in another order".to_owned())?;
        }
    }
    Ok(())
}

/// The ids of all subjects in their order, read from sort position to sort position. A walk that turns in a circle
/// ends one page beyond `most`.
async fn walk<S: Store>(
    kit: &Kit<'_, S>,
    context: &RequestContext,
    sort: Option<&Sort>,
    backward: bool,
    most: usize,
) -> Result<Vec<String>, Stop> {
    const TAKE: usize = 9;
    let requested = RequestedAttributes::everything();
    let (mut walked, mut place): (Vec<String>, Option<Place>) = (Vec::new(), None);
    loop {
        let position = place.as_ref().map(Place::position);
        let window = if backward {
            Window::Before { first: position, take: TAKE }
        } else {
            Window::After { last: position, take: TAKE }
        };
        let scan = Scan {
            resource_type: &kit.samples.subject,
            filter: &[],
            sort,
            window,
            requested: &requested,
            count: false,
        };
        let found = page(kit, context, &scan).await?;
        let end = if backward { found.items.first() } else { found.items.last() };
        place = end.map(|stored| Place::of(sort, stored));
        let at = if backward { 0 } else { walked.len() };
        walked.splice(at..at, ids(&found));
        if !found.more || place.is_none() || walked.len() > most {
            return Ok(walked);
        }
    }
}

/// The sort position of a resource, kept without the resource.
struct Place {
    key: Option<SortKey>,
    id: String,
}

impl Place {
    fn of(sort: Option<&Sort>, stored: &Stored) -> Self {
        Self { key: sort.and_then(|sort| sort.key(&stored.resource)), id: stored.resource.id().to_owned() }
    }

    fn position(&self) -> Position<'_> {
        Position { key: self.key.as_ref(), id: &self.id }
    }
}

pub(super) async fn pushdown<S: Store>(kit: &Kit<'_, S>) -> Result<(), Stop> {
    let context = kit.tenant("a")?;
    let mut numbers = kit.random();
    let mut evaluated = 0_usize;
    for resource_type in kit.whole.registry.resource_types() {
        for index in 0..40 {
            let id = numbers.id();
            let resource =
                kit.samples.random(resource_type, &id, &format!("{} {index}", resource_type.name()), &mut numbers);
            kit.write_one(&context, "a resource is created", create(resource)).await?;
        }
        let all = kit.all(&context, resource_type).await?;
        for _ in 0..300 {
            let Some(filter) = random_filter(resource_type, 2, &mut numbers) else { continue };
            let mut tolerance = Tolerance::new(Quirks::default());
            let Ok(parsed) = Filter::parse(&filter, Reading::new(&Limits::default(), &mut tolerance)) else { continue };
            let Ok(matcher) = parsed.compile(resource_type, &mut tolerance) else { continue };
            for condition in matcher.conditions() {
                evaluated += usize::from(agree(kit, &context, resource_type, &all, condition, &filter).await?);
            }
        }
    }
    if evaluated == 0 {
        return Err(Stop::Skipped("the store leaves every condition to the core"));
    }
    Ok(())
}

/// Returns whether the store evaluates the condition; ends the check if the result breaks the promise of the store.
async fn agree<S: Store>(
    kit: &Kit<'_, S>,
    context: &RequestContext,
    resource_type: &Arc<ResourceType>,
    all: &[Stored],
    condition: &Condition,
    filter: &str,
) -> Result<bool, Stop> {
    let promised = kit.store().pushdown(resource_type, condition);
    if promised == Pushdown::No {
        return Ok(false);
    }
    let requested = RequestedAttributes::everything();
    let conditions = [condition];
    let window = Window::behind(None, usize::MAX >> 1);
    let scan = Scan { resource_type, filter: &conditions, sort: None, window, requested: &requested, count: true };
    let found = page(kit, context, &scan).await?;
    let matching = all.iter().filter(|stored| condition.matches(stored.resource.root()));
    let expected: BTreeSet<String> = matching.map(|stored| stored.resource.id().to_owned()).collect();
    let found: BTreeSet<String> = ids(&found).into_iter().collect();
    let right = match promised {
        Pushdown::Exact => found == expected,
        _ => found.is_superset(&expected),
    };
    check(right, &format!("{}: `{filter}`, which the store calls {promised:?}", resource_type.name()), || {
        let missing = expected.difference(&found).count();
        let surplus = found.difference(&expected).count();
        format!("{missing} are missing and {surplus} too many, of {}", expected.len())
    })?;
    Ok(true)
}

/// A random filter over the attributes of the type, with at most `depth` levels.
fn random_filter(resource_type: &Arc<ResourceType>, depth: usize, random: &mut Random) -> Option<String> {
    if depth > 0 && random.once_in(3) {
        let left = random_filter(resource_type, depth - 1, random)?;
        return Some(match random.below(3) {
            0 => format!("not ({left})"),
            1 => format!("({left} or {})", random_filter(resource_type, depth - 1, random)?),
            _ => format!("({left}) and ({})", random_filter(resource_type, depth - 1, random)?),
        });
    }
    let attributes: Vec<AttributeId> = resource_type.attributes().collect();
    let &attribute = random.choose(&attributes)?;
    let definition = resource_type.attribute(attribute);
    let path = resource_type.path(attribute);
    if definition.data_type() == AttributeType::Complex && definition.is_multi_valued() && random.once_in(2) {
        let parts = resource_type.children(attribute);
        let leaf = |random: &mut Random| {
            let &part = random.choose(parts)?;
            comparison(resource_type, part, resource_type.attribute(part).name(), random)
        };
        let first = leaf(random)?;
        return Some(match random.below(3) {
            0 => format!("{path}[{first}]"),
            1 => format!("{path}[{first} and {}]", leaf(random)?),
            _ => format!("{path}[not ({first}) or {}]", leaf(random)?),
        });
    }
    comparison(resource_type, attribute, &path, random)
}

fn comparison(resource_type: &ResourceType, attribute: AttributeId, path: &str, random: &mut Random) -> Option<String> {
    if random.once_in(6) {
        return Some(format!("{path} pr"));
    }
    let quoted = |text: &str| serde_json::to_string(text).ok();
    let definition = resource_type.attribute(attribute);
    let text: &[&str] = &["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"];
    let ordered: &[&str] = &["eq", "ne", "gt", "ge", "lt", "le"];
    let (operators, literal) = match definition.data_type() {
        AttributeType::Boolean => {
            (&["eq", "ne"][..], ["true", "false"].get(random.below(2)).map(|it| (*it).to_owned())?)
        }
        AttributeType::Integer => (ordered, (i64::try_from(random.below(5)).ok()? - 2).to_string()),
        AttributeType::Decimal => (ordered, (*random.choose(DECIMALS)?).to_owned()),
        AttributeType::DateTime => {
            let time = moment(i64::try_from(random.below(5)).ok()?);
            (ordered, quoted(&time.to_rfc3339())?)
        }
        AttributeType::Binary => (&["eq", "ne"][..], quoted("bmFtZQ==")?),
        _ => (text, quoted(random.choose(TEXTS)?)?),
    };
    Some(format!("{path} {} {literal}", random.choose(operators)?))
}
