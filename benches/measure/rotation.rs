//! Contenders that take turns, so that other load on the machine affects all of them. The benchmarks of the library and
//! the package `peers` share this file.

use std::time::Duration;

/// Runs all contenders once in each round. Every round starts with another contender, so that no contender always
/// follows the same one. Returns the seconds of each run on the clock `now`: one list for each contender.
pub(crate) fn rotate(rounds: usize, now: &dyn Fn() -> Duration, contenders: &mut [&mut dyn FnMut()]) -> Vec<Vec<f64>> {
    /// The first rounds warm the caches.
    const WARM_UP: usize = 2;
    let mut samples: Vec<Vec<f64>> = contenders.iter().map(|_| Vec::with_capacity(rounds)).collect();
    let count = contenders.len();
    for round in 0..WARM_UP + rounds {
        for turn in 0..count {
            let place = (round + turn) % count;
            let (Some(run), Some(samples)) = (contenders.get_mut(place), samples.get_mut(place)) else { continue };
            let start = now();
            run();
            let spent = now().saturating_sub(start);
            if round >= WARM_UP {
                samples.push(spent.as_secs_f64());
            }
        }
    }
    samples
}

/// The median; not a number if there is no value.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The median of the ratios of each round.
pub(crate) fn median_ratio(ours: &[f64], theirs: &[f64]) -> f64 {
    median(ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs))
}
