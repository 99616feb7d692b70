//! All lines of the report, each with its gate and with the value that would be better still.
//!
//! The gates of the requests through `ServiceProvider::handle` were absolute times of one machine: 5 µs for GET, 9 µs
//! for `userName eq`, 12 µs for PATCH, 14 µs for POST. Here they are ratios to `serde_json::to_vec` of the same users.
//! On that machine, `Value` parse and `to_vec` of one user took 8.0 µs, of which `to_vec` was 27 %: 2.2 µs. Thus 5 µs
//! became 2.3, 9 µs became 4.1, 12 µs became 5.5, and 14 µs became 6.4.

/// The bound of one figure of a line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Gate {
    /// No bound: the line is there to be read.
    None,
    /// `ratio` is at most the gate.
    Ratio { gate: f64, stretch: Option<f64> },
    /// `times_faster` is at least the gate.
    TimesFaster { gate: f64, stretch: Option<f64> },
    /// `ours` is a number of allocations, at most the gate.
    Allocations { gate: usize },
}

/// One line of the report.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) gate: Gate,
    pub(crate) about: &'static str,
}

const fn row(name: &'static str, gate: Gate, about: &'static str) -> Row {
    Row { name, gate, about }
}

const fn ratio(gate: f64, stretch: Option<f64>) -> Gate {
    Gate::Ratio { gate, stretch }
}

const fn faster(gate: f64, stretch: Option<f64>) -> Gate {
    Gate::TimesFaster { gate, stretch }
}

const fn allocations(gate: usize) -> Gate {
    Gate::Allocations { gate }
}

/// All lines, in their order.
pub(crate) const ROWS: &[Row] = &[
    row("parse/simple", faster(2.0, None), "`userName eq \"bjensen\"`; limit: a parser by hand"),
    row("parse/boolean", faster(2.0, None), "`active eq true`"),
    row("parse/present", faster(2.0, None), "`title pr`"),
    row("parse/sub-attribute", faster(2.0, None), "`name.familyName co \"O'Malley\"`"),
    row("parse/and", faster(2.0, None), "an example of the RFC with `and`, `or`, parentheses"),
    row("parse/not", faster(2.0, None), "an example of the RFC with `not`"),
    row("parse/value-path", faster(2.0, None), "an example of the RFC with two value paths"),
    row("parse/date", faster(2.0, None), "`meta.lastModified gt \"2011-05-13T04:42:34Z\"`"),
    row("parse/extension", faster(2.0, None), "two attributes of the enterprise extension"),
    row("parse/500-terms", faster(2.0, None), "500 comparisons, joined by `or`"),
    row("parse/50-levels", faster(2.0, None), "50 levels of parentheses"),
    row("parse/100-value-paths", faster(2.0, None), "100 value paths, joined by `or`"),
    row("parse/geomean", faster(5.0, Some(8.0)), "the geometric means of the twelve filters"),
    row("parse/allocations", allocations(2), "the most allocations of a parse"),
    row("evaluate/user-name", Gate::None, "`userName eq`, 10,000 users; limit: a closure over `serde_json::Value`"),
    row("evaluate/active", Gate::None, "`active eq` and `userName sw`"),
    row("evaluate/value-path", Gate::None, "`emails[type eq and value co]`"),
    row("evaluate/date", Gate::None, "`meta.lastModified gt`"),
    row("evaluate/extension", Gate::None, "an attribute of the enterprise extension"),
    row("evaluate/mixed", Gate::None, "a value path, `not` and `or`"),
    row("evaluate/geomean", ratio(0.28, Some(0.15)), "the geometric mean of the six filters"),
    row("evaluate/alone", Gate::None, "the same, with `Matcher::matches` for one user after the other"),
    row("evaluate/typed", Gate::None, "the geometric mean against a closure over typed structs"),
    row("evaluate/allocations", allocations(0), "the allocations of 60,000 evaluations"),
    row("create", ratio(0.70, Some(0.55)), "read, check and write a user; limit: `Value` parse and `to_vec`"),
    row("create/allocations", Gate::None, "the allocations of one create"),
    row("patch/entra-disable", ratio(1.0, Some(0.75)), "a user, JSON to JSON; limit: parse both, `to_vec` of the user"),
    row("patch/okta-disable", ratio(1.0, Some(0.75)), "`replace` without a path"),
    row("patch/entra-email", ratio(1.0, Some(0.75)), "`replace` of the work email"),
    row("patch/entra-five", ratio(1.0, Some(0.75)), "five operations"),
    row("patch/okta-profile", ratio(1.0, Some(0.75)), "four attributes without a path"),
    row("patch/remove", ratio(1.0, Some(0.75)), "`remove` of a phone number and the title"),
    row("patch/add-email", ratio(1.0, Some(0.75)), "`add` of an email"),
    row("patch/geomean", Gate::None, "the geometric mean of the seven patches"),
    row("handle/get", ratio(2.3, Some(1.4)), "GET by id from memory; limit: `to_vec` of the same users"),
    row("handle/get/allocations", allocations(8), "the allocations of one GET"),
    row("handle/eq", ratio(4.1, Some(2.7)), "`userName eq` from memory"),
    row("handle/eq/allocations", allocations(20), "the allocations of one `userName eq`"),
    row("handle/patch", ratio(5.5, Some(3.6)), "PATCH of `active` in memory"),
    row("handle/patch/allocations", allocations(30), "the allocations of one PATCH"),
    row("handle/post", ratio(6.4, None), "POST into memory"),
    row("handle/post/allocations", allocations(35), "the allocations of one POST"),
    row("group/add-one", ratio(0.7, Some(0.4)), "100,000 members, JSON to JSON; limit: `Value` parse and `to_vec`"),
    row("group/remove-one", ratio(0.7, Some(0.4)), "the same with `remove`"),
    row("group/add-one-delta", Gate::None, "the same by `Patch::membership` and `ValueEdit::apply`"),
    row("group/add-one-raw-slices", Gate::None, "limit: members as raw slices of the text"),
    row("group/1000-operations", ratio(1.2, Some(1.05)), "1,000 operations; limit: one operation"),
    row("list", ratio(2.5, Some(1.5)), "10,000 users in memory: filter, sort, page of 100; limit: typed structs"),
    row("bulk", ratio(1.2, None), "one of 10,000 operations; limit: one of 1,000 operations"),
    row("memory", ratio(2.2, Some(1.8)), "bytes of a user; limit: bytes of the user's JSON"),
    row("memory/store", Gate::None, "bytes of a user in `MemoryStore`, indexes included"),
];

/// The row of a line.
pub(crate) fn find(name: &str) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.name == name)
}

impl Gate {
    /// The gate as text: `ratio<=0.28`.
    pub(crate) fn target(self) -> String {
        match self {
            Self::None => "-".to_owned(),
            Self::Ratio { gate, .. } => format!("ratio<={gate}"),
            Self::TimesFaster { gate, .. } => format!("times_faster>={gate}"),
            Self::Allocations { gate } => format!("ours<={gate}"),
        }
    }

    /// The better value as text: `0.15`.
    pub(crate) fn stretch(self) -> String {
        match self {
            Self::Ratio { stretch: Some(stretch), .. } | Self::TimesFaster { stretch: Some(stretch), .. } => {
                stretch.to_string()
            }
            _ => "-".to_owned(),
        }
    }
}
