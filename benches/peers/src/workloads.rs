//! The workloads. Each checks all answers before it measures.

mod bulk;
mod create;
mod evaluate;
mod export;
mod group;
pub(crate) mod growth;
mod handle;
mod list;
pub(crate) mod memory;
mod parse;
mod patch;

pub(crate) use self::export::export;
use crate::report::Report;

/// Runs all workloads of which the report wants a line.
pub(crate) fn run(report: &mut Report) {
    for (start, workload) in WORKLOADS {
        if report.wants_any(start) {
            workload(report);
        }
    }
}

/// Measures some lines, and adds those that the report wants.
type Workload = fn(&mut Report);

/// Each workload with the beginning of its lines' names.
const WORKLOADS: &[(&str, Workload)] = &[
    ("parse/", parse::run),
    ("evaluate/", evaluate::run),
    ("create", create::run),
    ("patch/", patch::run),
    ("handle/", handle::run),
    ("group/", group::run),
    ("list", list::run),
    ("bulk", bulk::run),
    ("memory", memory::run),
];
