//! Filters, parsed and dropped.

use std::hint::black_box;

use scim_core::filter::{Expression, Filter, Literal};
use scim_core_peers::{
    inputs::{FilterInput, filters},
    ours::Ours,
};

use crate::{
    allocations::allocations,
    contest::{Contest, Outcome, geometric_mean},
    peers::PARSERS,
    references::filter,
    report::Report,
};

pub(super) fn run(report: &mut Report) {
    let ours = Ours::default();
    let filters = filters();
    for input in &filters {
        check(&ours, input);
    }
    let (mut ratios, mut times_faster) = (Vec::new(), Vec::new());
    let all = report.wants("parse/geomean");
    for input in &filters {
        if !(all || report.wants(input.name)) {
            continue;
        }
        let outcome = contest(&ours, input);
        ratios.extend(outcome.ratio);
        times_faster.extend(outcome.peer.as_ref().map(|peer| peer.times_faster));
        report.contest(input.name, outcome);
    }
    report.mean("parse/geomean", geometric_mean(&ratios), geometric_mean(&times_faster));
    let counts = filters.iter().map(|input| allocations(|| ours.parse(&input.text)));
    report.allocations("parse/allocations", counts.max().expect("twelve filters"));
}

fn contest(ours: &Ours, input: &FilterInput) -> Outcome {
    let text = input.text.as_str();
    let mut contest = Contest::new(1)
        .ours(|| ours.parse(black_box(text)))
        .limit(|| filter::parse(black_box(text)).expect("a filter"));
    for parser in PARSERS.iter().filter(|parser| (parser.parse)(text)) {
        contest = contest.peer(parser.name, || assert!((parser.parse)(black_box(text)), "a filter"));
    }
    contest.run()
}

fn check(ours: &Ours, input: &FilterInput) {
    let filter = ours.parse(&input.text);
    let mut found = Vec::new();
    terms(filter.expression(), &mut found);
    assert_eq!(found.iter().filter(|(_, rest)| rest != "[]").count(), input.terms, "{}", input.name);
    assert_eq!(ours.parse(&filter.to_string()), filter, "{}", input.name);
    let nodes = filter::parse(&input.text).expect("a filter");
    assert_eq!(filter::terms(&nodes), found, "{}", input.name);
    // The tree of scim_v2 has a printed form. The trees of the other crates cannot be compared: their acceptance counts.
    if let Ok(theirs) = input.text.parse::<scim_v2::filter::Filter>() {
        let theirs: Filter = ours.parse(&theirs.to_string());
        assert_eq!(theirs, filter, "{}", input.name);
    }
}

/// The paths, operators and literals of the expressions. A value path follows its condition.
fn terms(expression: Expression<'_>, found: &mut Vec<(String, String)>) {
    match expression {
        Expression::And(operands) | Expression::Or(operands) => {
            operands.into_iter().for_each(|operand| terms(operand, found));
        }
        Expression::Not(operand) => terms(operand.expression(), found),
        Expression::ValuePath { path, condition } => {
            terms(condition.expression(), found);
            found.push((path.to_string(), "[]".to_owned()));
        }
        Expression::Compare { path, operator, value } => {
            let literal = match value {
                Literal::Null => "null".to_owned(),
                Literal::Boolean(truth) => truth.to_string(),
                Literal::Number(text) | Literal::String(text) => text.to_owned(),
            };
            found.push((path.to_string(), format!("{operator} {literal}")));
        }
        Expression::Present { path } => found.push((path.to_string(), "pr".to_owned())),
    }
}
