//! Measurement by ratios: two ways to do the same work take turns in one run, so that other load on the machine
//! affects both. A ratio is the median over the rounds.

use std::{hint::black_box, time::Instant};

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
    let mut samples = Vec::with_capacity(ROUNDS);
    for round in 0..ROUNDS + 5 {
        let start = Instant::now();
        black_box(ours());
        let first = start.elapsed();
        let start = Instant::now();
        black_box(reference());
        let second = start.elapsed();
        // The first rounds warm the caches.
        if round >= 5 {
            samples.push((first.as_secs_f64() * 1e9 / units, second.as_secs_f64() * 1e9 / units));
        }
    }
    let median = |pick: &dyn Fn(&(f64, f64)) -> f64| {
        let mut values: Vec<f64> = samples.iter().map(pick).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
    };
    Comparison {
        name,
        ours: median(&|sample| sample.0),
        reference: median(&|sample| sample.1),
        ratio: median(&|sample| sample.0 / sample.1),
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
