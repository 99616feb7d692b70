//! A contest: the library, the reference and the other crates do the same work in turns, and the CPU time of the thread
//! is taken. The machine may be shared: other programs take time, but hardly any CPU time of this thread.

use std::{hint::black_box, time::Duration};

use rustix::time::{ClockId, clock_gettime};

#[path = "../../measure/rotation.rs"]
mod rotation;

use self::rotation::{median, median_ratio, rotate};

/// The CPU time of this thread since its start.
pub(crate) fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    let nanoseconds = u32::try_from(time.tv_nsec).unwrap_or_default();
    Duration::new(seconds, nanoseconds)
}

/// The contenders of one line of the report.
pub(crate) struct Contest<'a> {
    /// Units of work of one call of a contender.
    units: f64,
    rounds: usize,
    /// The least CPU time of one sample. A contender repeats its work until then.
    sample: Duration,
    contenders: Vec<Contender<'a>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Ours,
    Limit,
    Peer(&'static str),
}

struct Contender<'a> {
    role: Role,
    /// Units of work of one call.
    units: f64,
    work: Box<dyn FnMut() + 'a>,
}

/// The result of a contest, in seconds of one unit of work.
pub(crate) struct Outcome {
    pub(crate) ours: f64,
    pub(crate) limit: Option<f64>,
    /// The library's time divided by the reference's.
    pub(crate) ratio: Option<f64>,
    /// The fastest of the other crates.
    pub(crate) peer: Option<Peer>,
}

pub(crate) struct Peer {
    pub(crate) name: &'static str,
    pub(crate) time: f64,
    /// The other crate's time divided by the library's.
    pub(crate) times_faster: f64,
}

impl<'a> Contest<'a> {
    /// A contest in which each call of a contender does `units` units of work.
    pub(crate) fn new(units: usize) -> Self {
        Self { units: count(units), rounds: 31, sample: Duration::from_millis(2), contenders: Vec::new() }
    }

    /// Work that takes so long that one call is a sample, and that few samples suffice.
    pub(crate) fn long(units: usize) -> Self {
        Self { rounds: 11, sample: Duration::ZERO, ..Self::new(units) }
    }

    /// Takes the number of rounds, each with one call of each contender: for work that must not be repeated.
    pub(crate) fn single_calls(self, rounds: usize) -> Self {
        Self { rounds, sample: Duration::ZERO, ..self }
    }

    pub(crate) fn ours<T>(self, work: impl FnMut() -> T + 'a) -> Self {
        self.with(Role::Ours, work)
    }

    /// The reference.
    pub(crate) fn limit<T>(self, work: impl FnMut() -> T + 'a) -> Self {
        self.with(Role::Limit, work)
    }

    /// A reference whose calls do `times` times the work of the other contenders.
    pub(crate) fn limit_repeated<T>(self, times: usize, mut work: impl FnMut() -> T + 'a) -> Self {
        let units = self.units * count(times);
        let mut contest = self.with(Role::Limit, move || (0..times).for_each(|_| drop(black_box(work()))));
        if let Some(contender) = contest.contenders.last_mut() {
            contender.units = units;
        }
        contest
    }

    pub(crate) fn peer<T>(self, name: &'static str, work: impl FnMut() -> T + 'a) -> Self {
        self.with(Role::Peer(name), work)
    }

    fn with<T>(mut self, role: Role, mut work: impl FnMut() -> T + 'a) -> Self {
        self.contenders.push(Contender { role, units: self.units, work: Box::new(move || drop(black_box(work()))) });
        self
    }

    pub(crate) fn run(mut self) -> Outcome {
        let roles: Vec<Role> = self.contenders.iter().map(|contender| contender.role).collect();
        let (mut units, mut repeated) = (Vec::new(), Vec::new());
        for Contender { units: of_call, work, .. } in &mut self.contenders {
            let calls = if self.sample.is_zero() { 1 } else { calls(work, self.sample) };
            units.push(*of_call * f64::from(calls));
            repeated.push(move || (0..calls).for_each(|_| work()));
        }
        let mut runs: Vec<&mut dyn FnMut()> = repeated.iter_mut().map(|run| -> &mut dyn FnMut() { run }).collect();
        let samples = rotate(self.rounds, &thread_time, &mut runs);
        let times: Vec<Vec<f64>> = samples
            .into_iter()
            .zip(units)
            .map(|(samples, units)| samples.into_iter().map(|seconds| seconds / units).collect())
            .collect();
        let find = |wanted| roles.iter().position(|role| *role == wanted).and_then(|place| times.get(place));
        let ours = find(Role::Ours).expect("the library takes part");
        let limit = find(Role::Limit);
        let peers = roles.iter().zip(&times).filter_map(|(role, times)| match role {
            Role::Peer(name) => {
                Some(Peer { name, time: median(times.iter().copied()), times_faster: median_ratio(times, ours) })
            }
            Role::Ours | Role::Limit => None,
        });
        Outcome {
            ours: median(ours.iter().copied()),
            limit: limit.map(|times| median(times.iter().copied())),
            ratio: limit.map(|times| median_ratio(ours, times)),
            peer: peers.min_by(|left, right| left.time.total_cmp(&right.time)),
        }
    }
}

/// The number of calls that take at least `sample`.
fn calls(work: &mut dyn FnMut(), sample: Duration) -> u32 {
    let mut calls = 1;
    loop {
        let start = thread_time();
        (0..calls).for_each(|_| work());
        let spent = thread_time().saturating_sub(start);
        if spent >= sample || calls >= 1 << 20 {
            return calls;
        }
        calls *= 2;
    }
}

fn count(units: usize) -> f64 {
    f64::from(u32::try_from(units).unwrap_or(u32::MAX))
}

/// The geometric mean; `None` without a value.
pub(crate) fn geometric_mean(values: &[f64]) -> Option<f64> {
    let sum: f64 = values.iter().map(|value| value.ln()).sum();
    (!values.is_empty()).then(|| (sum / count(values.len())).exp())
}
