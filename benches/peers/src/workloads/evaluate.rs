//! Six filters on 10,000 users.

use std::hint::black_box;

use scim_core::{filter::Matcher, resource::Resource};
use scim_core_peers::{inputs::users, ours::Ours};
use serde_json::Value;

use crate::{
    allocations::allocations,
    contest::{Contest, geometric_mean},
    peers::{EVALUATOR, evaluate},
    references::{
        conditions::{Condition, conditions},
        json::tree,
        typed::User,
    },
    report::Report,
};

const USERS: usize = 10_000;

pub(super) fn run(report: &mut Report) {
    let ours = Ours::default();
    let texts: Vec<String> = users(USERS).into_iter().map(|user| user.stored).collect();
    let resources: Vec<Resource> = texts.iter().map(|text| ours.user(text)).collect();
    let trees: Vec<Value> = texts.iter().map(|text| tree(text)).collect();
    let typed: Vec<User> = texts.iter().map(|text| serde_json::from_str(text).expect("a user")).collect();
    let conditions: Vec<(Condition, Matcher)> = conditions()
        .into_iter()
        .map(|condition| {
            let matcher = ours.compile(&condition.filter);
            (condition, matcher)
        })
        .collect();
    let count = |matcher: &Matcher| matcher.matching(black_box(&resources), |user| user.root()).count();
    let count_alone =
        |matcher: &Matcher| resources.iter().filter(|user| matcher.matches(black_box(user.root()))).count();
    let means = ["evaluate/geomean", "evaluate/alone", "evaluate/typed"].into_iter().any(|name| report.wants(name));
    let (mut ratios, mut alone_ratios, mut typed_ratios) = (Vec::new(), Vec::new(), Vec::new());
    for (condition, matcher) in &conditions {
        let Condition { name, filter, value, typed: typed_condition } = condition;
        let expected: Vec<bool> = trees.iter().map(value).collect();
        assert_eq!(resources.iter().map(|user| matcher.matches(user.root())).collect::<Vec<_>>(), expected, "{name}");
        let matching: Vec<usize> =
            matcher.matching(resources.iter().enumerate(), |(_, user)| user.root()).map(|(place, _)| place).collect();
        assert_eq!(matching, (0..USERS).filter(|place| expected[*place]).collect::<Vec<_>>(), "{name}");
        assert_eq!(typed.iter().map(typed_condition).collect::<Vec<_>>(), expected, "{name}");
        let found = expected.iter().filter(|holds| **holds).count();
        assert!(found > 0, "{name}");
        if !(means || report.wants(name)) {
            continue;
        }
        let count_trees = || trees.iter().filter(|user| value(black_box(user))).count();
        let mut contest = Contest::new(USERS).ours(|| count(matcher)).limit(count_trees);
        // A crate with a wrong answer takes no part.
        if evaluate(filter, &trees) == Some(found) {
            contest = contest.peer(EVALUATOR, || evaluate(black_box(filter), &trees));
        }
        let outcome = contest.run();
        ratios.extend(outcome.ratio);
        report.contest(name, outcome);
        if means {
            let outcome = Contest::new(USERS).ours(|| count_alone(matcher)).limit(count_trees).run();
            alone_ratios.extend(outcome.ratio);
            let outcome = Contest::new(USERS)
                .ours(|| count(matcher))
                .limit(|| typed.iter().filter(|user| typed_condition(black_box(user))).count())
                .run();
            typed_ratios.extend(outcome.ratio);
        }
    }
    report.mean("evaluate/geomean", geometric_mean(&ratios), None);
    report.mean("evaluate/alone", geometric_mean(&alone_ratios), None);
    report.mean("evaluate/typed", geometric_mean(&typed_ratios), None);
    let evaluated = allocations(|| conditions.iter().map(|(_, matcher)| count(matcher)).sum::<usize>());
    report.allocations("evaluate/allocations", evaluated);
}
