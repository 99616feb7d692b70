//! Sends the requests of a sequence one after the other, and judges the responses as the identity provider does.
#![expect(clippy::future_not_send, reason = "they are `Send` when the transport is, which a test need not have")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use super::{
    super::{futures::together, report::Failure},
    Traffic,
    adapt::{Adapted, adapt},
    catalog::Catalog,
    discovery::{SchemaSource, discover},
    exchange::{Exchange, TrafficRequest, TrafficResponse},
    expect::{self, Expect, VersionOf},
    json::{self, Json},
    step::{Step, Walk},
    story::{Replay, Replayed, Verdict},
    template::{self, Unknown, Values},
};
use crate::{quirks::Quirks, schema::Registry};

/// The maximum number of pages of a walk, so that an endless list ends.
const PAGES: usize = 10_000;

/// The state of a run after the steps so far.
struct Run<'a, F> {
    traffic: &'a Traffic,
    values: Values,
    versions: BTreeMap<&'a str, Option<String>>,
    /// The values and versions that steps did not give because they are not applicable, each with its step.
    not_given: BTreeMap<String, &'a str>,
    /// The quirks that the service provider tolerates, if known.
    tolerated: Option<Quirks>,
    send: F,
}

/// The registry and the quirks of a service provider without a transport.
pub(super) struct Provider<'a> {
    pub(super) registry: &'a Registry,
    pub(super) quirks: Quirks,
}

pub(super) async fn replay<F, Fut, E>(traffic: &Traffic, run: u64, provider: Option<Provider<'_>>, send: F) -> Replay
where
    F: Fn(TrafficRequest) -> Fut,
    Fut: Future<Output = Result<TrafficResponse, E>>,
    E: fmt::Display,
{
    let mut values = Values::from([("run".to_owned(), Json::String(run.to_string()))]);
    for (name, value) in &traffic.values {
        // The value contains only `{run}`: reading the sequence checked this.
        let value = template::plain(value, &values).unwrap_or_default();
        values.insert(name.clone(), Json::String(value));
    }
    let (catalog, source) = match &provider {
        Some(provider) => (Some(Catalog::of(provider.registry)), SchemaSource::Registry),
        None => match discover(&headers(traffic, None, &values).unwrap_or_default(), &send).await {
            Ok(catalog) => (Some(catalog), SchemaSource::Discovery),
            Err(reason) => (None, SchemaSource::Unknown(reason)),
        },
    };
    let catalogs = catalog.map(|catalog| (catalog, Catalog::of(&Registry::standard())));
    let adapted = |step: &Step| match &catalogs {
        Some((catalog, standard)) => adapt(step, catalog, standard),
        None => Adapted::new(step.expect.clone()),
    };
    let tolerated = provider.map(|provider| provider.quirks);
    let mut state = Run { traffic, values, versions: BTreeMap::new(), not_given: BTreeMap::new(), tolerated, send };
    let mut replay = Replay::new(&traffic.name, run, source);
    for act in &traffic.acts {
        let steps: Vec<(&Step, Adapted)> = act.iter().map(|step| (step, adapted(step))).collect();
        let seen = match steps.as_slice() {
            [(step, adapted)] => vec![state.step(step, adapted).await],
            steps => together(steps.iter().map(|(step, adapted)| state.step(step, adapted)).collect()).await,
        };
        for (step, seen) in act.iter().zip(seen) {
            state.remember(step, &seen);
            replay.add(seen.replayed);
        }
    }
    replay
}

/// The result of a step.
struct Seen {
    replayed: Replayed,
    /// Whether the response came on which later steps build.
    answered: bool,
    version: Option<String>,
    kept: Values,
}

/// The reason why a step ended early.
enum Stop {
    Failed(Failure),
    /// An earlier step did not give this value or version, so the step was not sent.
    Missing(String),
    /// The service provider refused the request, which is allowed since the step is not applicable.
    Refused,
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<Unknown> for Stop {
    fn from(Unknown(name): Unknown) -> Self {
        Self::Missing(format!("{{{name}}}"))
    }
}

/// The data that an identity provider reads from the response.
struct Read {
    document: Json,
    response: TrafficResponse,
    failures: Vec<Failure>,
}

impl<'a, F, Fut, E> Run<'a, F>
where
    F: Fn(TrafficRequest) -> Fut,
    Fut: Future<Output = Result<TrafficResponse, E>>,
    E: fmt::Display,
{
    async fn step(&self, step: &Step, adapted: &Adapted) -> Seen {
        let mut exchanges = Vec::new();
        let (mut answered, mut version, mut kept) = (false, None, Values::new());
        let passed = adapted.not_applicable.clone().map_or(Verdict::Passed, Verdict::NotApplicable);
        let verdict = match self.read(step, adapted, &mut exchanges).await {
            Err(Stop::Missing(name)) => self.missing(&name),
            Err(Stop::Failed(failure)) => Verdict::Failed(vec![failure]),
            Err(Stop::Refused) => passed,
            Ok(mut read) => {
                answered = true;
                version = version_of(&read);
                for (name, at) in &step.keep {
                    match read.document.pointer(at) {
                        Some(value) => drop(kept.insert(name.clone(), value.clone())),
                        None if adapted.not_kept.contains(name) => {}
                        None => read.failures.push(Failure::new(format!("expected a value at {at}"), "found nothing")),
                    }
                }
                match self.judge(step, &adapted.expect, &read, version.as_deref(), &kept) {
                    Ok(mut more) => {
                        read.failures.append(&mut more);
                        if read.failures.is_empty() { passed } else { Verdict::Failed(read.failures) }
                    }
                    // Happens only if a kept value is missing; that failure is reported already.
                    Err(Unknown(_)) => Verdict::Failed(read.failures),
                }
            }
        };
        let needed = step.quirks.union(adapted.quirks);
        let tolerated = self.tolerated.unwrap_or(needed);
        let off = needed.iter().filter(|quirk| !tolerated.contains(*quirk)).fold(Quirks::strict(), Quirks::with);
        let replayed = Replayed::new(step.clone(), exchanges, verdict, off).leaving_out(adapted.left_out.clone());
        Seen { replayed, answered, version, kept }
    }

    /// The verdict on a step that was not sent, since an earlier step did not give a value or a version.
    fn missing(&self, name: &str) -> Verdict {
        match self.not_given.get(name) {
            Some(step) => Verdict::NotApplicable(format!("it needs {name}, which the step '{step}' cannot give here")),
            None => Verdict::Skipped(format!("it needs {name}, which no step before it got")),
        }
    }

    /// Remembers the response to a step for later steps.
    fn remember(&mut self, step: &'a Step, seen: &Seen) {
        if seen.answered {
            self.versions.insert(&step.id, seen.version.clone());
            self.values.extend(seen.kept.clone());
        }
        let not_applicable = matches!(seen.replayed.verdict(), Verdict::NotApplicable(_));
        if not_applicable && !seen.answered {
            self.not_given.insert(version_name(&step.id), &step.id);
        }
        for (name, _) in step.keep.iter().filter(|(name, _)| !seen.kept.contains_key(name)) {
            // The step passed without the value, so the value belongs to an unregistered attribute.
            if not_applicable || *seen.replayed.verdict() == Verdict::Passed {
                self.not_given.insert(format!("{{{name}}}"), &step.id);
            }
        }
    }

    /// Returns the expectations that the response does not meet.
    fn judge(
        &self,
        step: &Step,
        expect: &Expect,
        read: &Read,
        version: Option<&str>,
        kept: &Values,
    ) -> Result<Vec<Failure>, Unknown> {
        let mut values = self.values.clone();
        values.extend(kept.clone());
        values.insert("status".to_owned(), Json::String(read.response.status().to_string()));
        let mut failures = expect.unmet_headers(&read.response, &values)?;
        // The walk has checked the shape of each page already.
        if step.walk.is_none() {
            failures.append(&mut expect::unmet(&expect.shape, &read.document, &values)?);
        }
        failures.append(&mut expect::unmet(&expect.conditions, &read.document, &values)?);
        if let Some(wanted) = &expect.version {
            let other = self.versions.get(wanted.step()).and_then(Option::as_deref);
            let (relation, holds) = match wanted {
                VersionOf::Same(_) => ("that", version.is_some() && version == other),
                VersionOf::Other(_) => ("another than that", version.is_some() && other.is_some() && version != other),
            };
            if !holds {
                let show = |version: Option<&str>| version.map_or_else(|| "none".to_owned(), str::to_owned);
                let what = format!("expected the version to be {relation} of '{}', {}", wanted.step(), show(other));
                failures.push(Failure::new(what, format!("found {}", show(version))));
            }
        }
        Ok(failures)
    }

    /// Sends the request of the step and reads the response, or all pages of the list.
    async fn read(&self, step: &Step, adapted: &Adapted, exchanges: &mut Vec<Exchange>) -> Result<Read, Stop> {
        let expect = &adapted.expect;
        if let Some(other) = expect.version.as_ref().map(VersionOf::step)
            && !self.versions.contains_key(other)
        {
            return Err(Stop::Missing(version_name(other)));
        }
        let own = |name: &String| name == "status" || step.keep.iter().any(|(own, _)| own == name);
        if let Some(name) = expect.names().find(|name| !own(name) && !self.values.contains_key(name)) {
            return Err(Unknown(name).into());
        }
        if let Some(walk) = step.walk {
            return self.walk(step, walk, adapted, exchanges).await;
        }
        let request = self.request(step, &self.values)?;
        let response = self.send(request.clone(), exchanges).await?;
        if adapted.may_be_refused_with(response.status()) {
            return Err(Stop::Refused);
        }
        let document = expect.body_of(&response)?;
        let unseen = expect.reads_body() || expect.version.is_some() || !step.keep.is_empty();
        if response.status() != 204 || !unseen || !["PUT", "PATCH"].contains(&step.method.as_str()) {
            return Ok(Read { document, response, failures: Vec::new() });
        }
        // A 204 is an equally good response; read the resource to check the other expectations.
        let (path, _) = request.target.split_once('?').unwrap_or((&request.target, ""));
        let headers = request.headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("content-type"));
        let again = TrafficRequest {
            step: request.step.clone(),
            method: "GET".to_owned(),
            target: path.to_owned(),
            headers: headers.cloned().collect(),
            body: Vec::new(),
        };
        let response = self.send(again, exchanges).await?;
        let expect = Expect { status: vec![200], ..Expect::default() };
        Ok(Read { document: expect.body_of(&response)?, response, failures: Vec::new() })
    }

    /// Joins all pages of a list. No resource may come twice, and the number must equal the total of every page.
    async fn walk(
        &self,
        step: &Step,
        walk: Walk,
        adapted: &Adapted,
        exchanges: &mut Vec<Exchange>,
    ) -> Result<Read, Stop> {
        let expect = &adapted.expect;
        let mut values = self.values.clone();
        let mut page = match walk {
            Walk::Index => Json::from(1),
            Walk::Cursor => Json::from(""),
        };
        let (mut found, mut failures, mut total): (Vec<Json>, Vec<Failure>, Option<u64>) = Default::default();
        let mut ids = BTreeSet::new();
        let response = loop {
            values.insert(walk.name().to_owned(), page.clone());
            let response = self.send(self.request(step, &values)?, exchanges).await?;
            if adapted.may_be_refused_with(response.status()) {
                return Err(Stop::Refused);
            }
            let document = expect.body_of(&response)?;
            values.insert("status".to_owned(), Json::String(response.status().to_string()));
            failures.append(&mut expect::unmet(&expect.shape, &document, &values)?);
            let items = json::elements(&document, "/Resources");
            for item in items {
                let id = item.pointer("/id").and_then(Json::as_str).map(str::to_owned);
                let what = "expected each resource on one page only, with an id";
                match id {
                    Some(id) if ids.contains(&id) => {
                        failures.push(Failure::new(what, format!("found '{id:.60}' twice")));
                    }
                    Some(id) => drop(ids.insert(id)),
                    None => failures.push(Failure::new(what, "found one without")),
                }
            }
            found.extend_from_slice(items);
            let said = document.pointer("/totalResults").and_then(Json::as_u64);
            // A page by cursor may omit the total (RFC 9865 §2).
            let may_be_silent = matches!(walk, Walk::Cursor) && said.is_none();
            if total.is_some() && said != total && !may_be_silent {
                let what = "expected every page to have the same totalResults";
                failures.push(Failure::new(what, format!("found {} and {}", shown(total), shown(said))));
            }
            total = if may_be_silent { total } else { said };
            let so_far = u64::try_from(found.len()).unwrap_or(u64::MAX);
            let next = match walk {
                Walk::Index if items.is_empty() || said.is_none_or(|said| so_far >= said) => None,
                Walk::Index => Some(Json::from(so_far.saturating_add(1))),
                Walk::Cursor => document.pointer("/nextCursor").filter(|cursor| cursor.is_string()).cloned(),
            };
            match next.filter(|_| failures.is_empty()) {
                Some(next) if exchanges.len() < PAGES => page = next,
                Some(_) => {
                    failures.push(Failure::new("expected the list to end", format!("found {PAGES} pages and more")));
                    break response;
                }
                None => break response,
            }
        };
        let is_silent = matches!(walk, Walk::Cursor) && total.is_none();
        if failures.is_empty() && !is_silent && total != u64::try_from(found.len()).ok() {
            let what = format!("expected as many resources as totalResults says, {}", shown(total));
            failures.push(Failure::new(what, format!("found {}", found.len())));
        }
        let document = serde_json::json!({"totalResults": total, "pages": exchanges.len(), "Resources": found});
        Ok(Read { document, response, failures })
    }

    fn request(&self, step: &Step, values: &Values) -> Result<TrafficRequest, Stop> {
        let mut body = step.body.as_ref().map(|body| template::body(body, values)).transpose()?;
        if let Some(name) = &step.echo {
            let mut document = values.get(name).cloned().ok_or_else(|| Unknown(name.clone()))?;
            if let Some(Ok(changes)) = body.as_deref().map(serde_json::from_str) {
                json::merge(&mut document, changes);
            }
            body = Some(document.to_string());
        }
        let mut headers = headers(self.traffic, Some(step), values)?;
        if body.is_none() {
            // A client that sends no body sends no `Content-Type`.
            headers.retain(|(name, _)| !name.eq_ignore_ascii_case("content-type"));
        }
        Ok(TrafficRequest {
            step: step.id.clone(),
            method: step.method.clone(),
            target: template::target(&step.target, values)?,
            headers,
            body: body.unwrap_or_default().into_bytes(),
        })
    }

    async fn send(&self, request: TrafficRequest, exchanges: &mut Vec<Exchange>) -> Result<TrafficResponse, Failure> {
        let response = (self.send)(request.clone()).await.map_err(|error| error.to_string());
        exchanges.push(Exchange { request, response: response.clone() });
        response.map_err(|error| Failure::new("expected an answer", error))
    }
}

/// The headers of the sequence, overridden by those of the step, with the values of the run.
fn headers(traffic: &Traffic, step: Option<&Step>, values: &Values) -> Result<Vec<(String, String)>, Unknown> {
    let own = step.map_or(&[][..], |step| &step.headers);
    let is_own = |name: &str| own.iter().any(|(own, _)| own.eq_ignore_ascii_case(name));
    let common = traffic.headers.iter().filter(|(name, _)| !is_own(name)).map(|(name, value)| (name, value));
    let all = common.chain(own.iter().filter_map(|(name, value)| Some((name, value.as_ref()?))));
    all.map(|(name, value)| Ok((name.clone(), template::plain(value, values)?))).collect()
}

fn version_name(step: &str) -> String {
    format!("the version of '{step}'")
}

fn shown(total: Option<u64>) -> String {
    total.map_or_else(|| "none".to_owned(), |total| total.to_string())
}

/// The version in the header `ETag` of a response or in its resource.
fn version_of(read: &Read) -> Option<String> {
    let header = read.response.header_value("ETag").map(str::to_owned);
    header.or_else(|| Some(read.document.pointer("/meta/version")?.as_str()?.to_owned()))
}
