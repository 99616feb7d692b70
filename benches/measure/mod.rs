//! Measurement by ratios: two ways to do the same work take turns in one run, so that other load on the machine
//! affects both. A ratio is the median over the rounds.

mod rotation;

use std::{hint::black_box, time::Instant};

use self::rotation::{median, median_ratio, rotate};

/// One line of the table.
pub(crate) struct Comparison {
    pub(crate) name: &'static str,
    /// Nanoseconds of one unit of work, the median of all rounds.
    pub(crate) ours: f64,
    pub(crate) reference: f64,
    pub(crate) ratio: f64,
    pub(crate) target: f64,
}

/// Measures `ours` and `reference` in turns. Each call does the same number of `units` of work.
pub(crate) fn compare<A, B>(
    name: &'static str,
    target: f64,
    units: usize,
    mut ours: impl FnMut() -> A,
    mut reference: impl FnMut() -> B,
) -> Comparison {
    const ROUNDS: usize = 101;
    let units = f64::from(u32::try_from(units).unwrap_or(u32::MAX));
    let start = Instant::now();
    let mut runs: [&mut dyn FnMut(); 2] = [&mut || drop(black_box(ours())), &mut || drop(black_box(reference()))];
    let mut samples = rotate(ROUNDS, &|| start.elapsed(), &mut runs).into_iter();
    let [ours, reference] = [samples.next(), samples.next()].map(Option::unwrap_or_default);
    let nanoseconds = |samples: &[f64]| median(samples.iter().map(|seconds| seconds * 1e9 / units));
    Comparison {
        name,
        ours: nanoseconds(&ours),
        reference: nanoseconds(&reference),
        ratio: median_ratio(&ours, &reference),
        target,
    }
}

/// Prints the table. A missed target is marked but is no failure, since speed depends on the machine.
pub(crate) fn report(title: &str, comparisons: &[Comparison]) {
    println!("\n{title}\n{:<46} {:>12} {:>12} {:>7} {:>7}", "", "ours (ns)", "theirs (ns)", "ratio", "target");
    for Comparison { name, ours, reference, ratio, target } in comparisons {
        let verdict = if ratio <= target { "" } else { "  over" };
        println!("{name:<46} {ours:>12.0} {reference:>12.0} {ratio:>7.3} {target:>7.2}{verdict}");
    }
}
