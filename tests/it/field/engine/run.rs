//! The replay of a case.

use std::{
    collections::{BTreeMap, hash_map::RandomState},
    hash::BuildHasher as _,
    thread,
};

use serde_json::Value as Json;

use super::{
    case::{Case, Step, WORDS},
    pattern::mismatch,
    request::{Answer, Transport, Wire},
    template::{counted, counted_text, replace, replace_text},
};

type Values = BTreeMap<String, Json>;

/// Sends the requests of a case and checks the answers. An error names the step and the difference.
pub(crate) fn replay(case: &Case, transport: &dyn Transport) -> Result<(), String> {
    let mut values = initial(transport.base());
    for (index, step) in case.steps.iter().enumerate() {
        let outcome = if step.parallel.is_some() {
            parallel(case, step, transport, &values)
        } else {
            (0..step.repeat.unwrap_or(1)).try_for_each(|i| {
                let step = if step.repeat.is_some() { numbered(step, i) } else { step.clone() };
                sequential(case, &step, transport, &mut values)
            })
        };
        outcome.map_err(|error| format!("step {}, {}: {error}", index + 1, step.send))?;
    }
    Ok(())
}

/// The values that every case has.
fn initial(base: &str) -> Values {
    let random = || RandomState::new().hash_one(0);
    let (high, low) = (random(), random());
    let run = format!("{:08x}", high >> 32);
    let uuid = format!(
        "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        low >> 52,
        low & 0xffff_ffff_ffff
    );
    let words = WORDS.iter().map(|(name, urn)| ((*name).to_owned(), Json::from(*urn)));
    let own = [("RUN", run.to_uppercase()), ("run", run), ("uuid", uuid), ("base", base.to_owned())];
    words.chain(own.map(|(name, value)| (name.to_owned(), Json::from(value)))).collect()
}

/// A repeated step with `{i}` replaced.
fn numbered(step: &Step, i: u64) -> Step {
    let mut step = step.clone();
    step.send = counted_text(&step.send, i);
    step.body = step.body.map(|body| counted(&body, i));
    step.raw = step.raw.map(|raw| counted_text(&raw, i));
    step.query = step.query.into_iter().map(|(name, value)| (name, counted(&value, i))).collect();
    step.answer = step.answer.map(|pattern| counted(&pattern, i));
    step.state = step.state.map(|pattern| counted(&pattern, i));
    step.keep = step.keep.into_iter().map(|(name, place)| (counted_text(&name, i), place)).collect();
    step
}

fn parallel(case: &Case, step: &Step, transport: &dyn Transport, values: &Values) -> Result<(), String> {
    let requests = (0..step.parallel.unwrap_or(0)).map(|i| Wire::of(case, &numbered(step, i), values));
    let requests = requests.collect::<Result<Vec<_>, _>>()?;
    let answers: Vec<Result<Answer, String>> = thread::scope(|scope| {
        let sent: Vec<_> = requests.iter().map(|request| scope.spawn(|| transport.send(request))).collect();
        sent.into_iter().map(|thread| thread.join().expect("a transport does not panic")).collect()
    });
    let mut statuses: BTreeMap<u16, u64> = BTreeMap::new();
    for (request, answer) in requests.iter().zip(answers) {
        let answer = answer?;
        let accepted = match &step.statuses {
            Some(counts) => counts.keys().copied().collect(),
            None => step.accepted(),
        };
        well_formed(step, request, &answer, &accepted)?;
        *statuses.entry(answer.status).or_default() += 1;
    }
    match &step.statuses {
        Some(expected) if *expected != statuses => Err(format!("the statuses are {statuses:?}, expected {expected:?}")),
        _ => Ok(()),
    }
}

fn sequential(case: &Case, step: &Step, transport: &dyn Transport, values: &mut Values) -> Result<(), String> {
    let request = Wire::of(case, step, values)?;
    let writes = ["PUT", "PATCH", "DELETE"].contains(&&*request.method) && request.names_resource();
    let before = if writes { Some(transport.send(&Wire::read(request.path()))?) } else { None };
    let answer = transport.send(&request)?;
    let context = |error: String| {
        let sent = request.body.as_deref().map(String::from_utf8_lossy).unwrap_or_default();
        format!(
            "{error}\n      sent {} {} {}\n      got {} {}",
            request.method,
            request.target,
            cut(&sent),
            answer.status,
            cut(&answer.text())
        )
    };
    well_formed(step, &request, &answer, &step.accepted()).map_err(context)?;
    expected(step, &answer, values).map_err(context)?;
    for (name, place) in &step.keep {
        let value = match place.strip_prefix("header ") {
            Some(header) => answer.header(header).map(Json::from),
            None => answer.json().and_then(|json| json.pointer(place).cloned()),
        };
        let value = value.ok_or_else(|| context(format!("the answer has no {place} to keep as {name}")))?;
        values.insert(name.clone(), value);
    }
    if let Some(before) = before.filter(|before| before.status == 200 && answer.status >= 400) {
        let after = transport.send(&Wire::read(request.path()))?;
        if after.status != 200 || after.json() != before.json() {
            let change = format!("the refused request changed {} to {}", cut(&before.text()), cut(&after.text()));
            return Err(context(change));
        }
    }
    if request.method == "PUT" && answer.status == 200 && !request.has_header("If-Match") {
        let again = transport.send(&request)?;
        if again.status != 200 || again.json() != answer.json() {
            return Err(context(format!("sent again, the same PUT gets {} {}", again.status, cut(&again.text()))));
        }
    }
    let Some(state) = &step.state else { return Ok(()) };
    let known = |name: &str| values.get(name).cloned();
    let target = step.state_of.as_deref().map_or_else(|| request.path().to_owned(), |at| replace_text(at, &known));
    let after = transport.send(&Wire::read(&target))?;
    if after.status != 200 {
        return Err(context(format!("afterwards, GET {target} gets {}", after.status)));
    }
    let difference = mismatch(&replace(state, &known), after.json().as_ref(), "$");
    difference.map_or(Ok(()), |difference| Err(context(format!("afterwards, {difference}: {}", cut(&after.text())))))
}

/// The rules for every answer (RFC 7644 §3.1, §3.12).
fn well_formed(step: &Step, request: &Wire, answer: &Answer, accepted: &[u16]) -> Result<(), String> {
    if !accepted.contains(&answer.status) {
        return Err(format!("the status is {}, expected {accepted:?}: {}", answer.status, cut(&answer.text())));
    }
    let json = answer.json();
    if request.method == "HEAD" || [204, 304].contains(&answer.status) {
        return if answer.body.is_empty() { Ok(()) } else { Err("expected no body".to_owned()) };
    }
    if step.bare {
        return Ok(());
    }
    if answer.status >= 400 {
        let error = serde_json::json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
            "status": answer.status.to_string()});
        if let Some(difference) = mismatch(&error, json.as_ref(), "$") {
            return Err(format!("expected a SCIM error, {difference}"));
        }
    }
    if !answer.body.is_empty() {
        let media_type = answer.header("Content-Type").unwrap_or_default();
        if json.is_none() || !media_type.starts_with("application/") || !media_type.contains("json") {
            return Err(format!("expected JSON, found the media type '{media_type}'"));
        }
    }
    if request.method == "POST" && answer.status == 201 {
        let location = json.as_ref().and_then(|json| json.pointer("/meta/location")?.as_str().map(str::to_owned));
        if location.is_none() || answer.header("Location") != location.as_deref() {
            return Err(format!("Location is {:?}, expected {location:?}", answer.header("Location")));
        }
    }
    Ok(())
}

/// The expectations of the step beyond the status.
fn expected(step: &Step, answer: &Answer, values: &Values) -> Result<(), String> {
    let known = |name: &str| values.get(name).cloned();
    if let Some(difference) =
        step.answer.as_ref().and_then(|pattern| mismatch(&replace(pattern, &known), answer.json().as_ref(), "$"))
    {
        return Err(difference);
    }
    for (name, part) in &step.answer_headers {
        let (part, found) = (replace_text(part, &known), answer.header(name).unwrap_or_default());
        if !found.to_lowercase().contains(&part.to_lowercase()) {
            return Err(format!("the header {name} is '{found}', expected '{part}'"));
        }
    }
    let text = answer.text();
    if let Some(part) = step.text.as_deref().map(|part| replace_text(part, &known)).filter(|part| !text.contains(part))
    {
        return Err(format!("expected '{part}' in the body"));
    }
    match step.without_text.as_deref().map(|part| replace_text(part, &known)).filter(|part| text.contains(part)) {
        Some(part) => Err(format!("found '{part}' in the body")),
        None => Ok(()),
    }
}

fn cut(text: &str) -> String {
    let start: String = text.chars().take(600).collect();
    if start.len() < text.len() { start + "…" } else { start }
}
