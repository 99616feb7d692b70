//! Replays the field cases: requests reduced from public bug reports, from recorded traffic and from the documentation
//! of identity providers, as data. The engine knows HTTP and JSON; only [`case::WORDS`] knows SCIM.
//!
//! An area is one JSON file: `about` and `cases`. A case:
//!
//! | member | meaning |
//! | --- | --- |
//! | `name` | the rule that the case proves |
//! | `why` | the damage that a violation does, or the source of the rule |
//! | `from` | public reports, documents or repositories that the case was reduced from |
//! | `client` | the client that sends the requests |
//! | `evidence` | the source of the requests: see [`Evidence`] |
//! | `preset` | the least tolerant preset under which the case passes: `lenient` (default) or `entra` |
//! | `needs` | where the case runs if not everywhere: see [`case::Need`] |
//! | `headers` | sent with every request of the case; `null` removes a default header, an array sends several lines |
//! | `each`, `across` | rows of values: the steps run for each pair of rows; `across` may use the values of `each` |
//! | `steps` | the requests, in order |
//!
//! A step is one of these, with further members below:
//!
//! | member | meaning |
//! | --- | --- |
//! | `user` | creates a user `NAME-{run}@example.org` with the attributes `set`; keeps the id as `{NAME}` |
//! | `group` | creates a group `NAME {run}` with the attributes `set` and `members`, a list of names; keeps the id |
//! | `get` | reads a target |
//! | `send` | sends `METHOD TARGET`; the target goes over the wire as it is written |
//!
//! | member | meaning |
//! | --- | --- |
//! | `query` | parameters, percent-encoded and appended to the target |
//! | `headers` | like those of the case |
//! | `body`, `patch`, `raw`, `hex` | a JSON body, the operations of a PATCH body, a text, or bytes in hexadecimal |
//! | `status` | one status or an array; default: 200, 201, 204, and 200 or 204 for PATCH, by the method |
//! | `answer` | a pattern for the body of the answer, see [`pattern`] |
//! | `answer_headers` | texts that headers of the answer contain, without regard to case |
//! | `text`, `without_text` | a text that the body contains, or does not contain |
//! | `bare` | `true`: an error need not have a SCIM body (RFC 7644 §3.12) |
//! | `keep` | names for values of the answer, by JSON pointer (RFC 6901) or as `header NAME` |
//! | `state`, `state_of` | a pattern for the resource afterwards, which is read from the target or from `state_of` |
//! | `repeat` | sends the request so many times in sequence, with `{i}` counting from 0 |
//! | `parallel` | the same at the same time; `statuses` counts the statuses, or each status is in `status` |
//!
//! In all texts, `{name}` is a kept value, a value of the row or a word: `{run}` (new for each replay of a case),
//! `{RUN}` (the same in capitals), `{uuid}`, `{base}` and the URNs in [`case::WORDS`]. In a body, `{"$repeat": n,
//! "value": x}` stands for n elements with `{i}`.
//!
//! The engine itself adds checks to each step: no answer has a status 5xx unless the step expects it; an error has a
//! SCIM body; a refused PUT, PATCH or DELETE leaves the resource as it was; an accepted PUT, sent again, gets the same
//! answer.

mod case;
mod pattern;
mod report;
mod request;
mod run;
mod template;

pub(crate) use self::{
    case::{Area, Case, Evidence, Preset, areas},
    report::Report,
    request::{Answer, Transport, Wire},
    run::replay,
};
