//! The failures of many cases, as one text.

use std::collections::BTreeMap;

use super::{Area, Case, Transport, replay};

/// The number of rows of one table that are shown in full.
const SHOWN: usize = 3;

/// How many cases were replayed, and which of them failed.
#[derive(Debug, Default)]
pub(crate) struct Report {
    count: usize,
    /// By area and name: the rows that failed, with the reasons.
    failures: BTreeMap<(String, String), Vec<String>>,
}

impl Report {
    /// Replays a case.
    pub(crate) fn replay(&mut self, area: &Area, case: &Case, transport: &dyn Transport) {
        self.count += 1;
        if let Err(error) = replay(case, transport) {
            let row = if case.row.is_empty() { String::new() } else { format!("  {}\n", case.row) };
            let rows = self.failures.entry((area.name.clone(), case.name.clone())).or_default();
            rows.push(format!("{row}    {error}"));
        }
    }

    /// Fails the test if a case failed, or if no case was replayed.
    pub(crate) fn assert_passed(&self, host: &str) {
        assert!(self.count > 0, "{host}: no case was replayed");
        let failed: usize = self.failures.values().map(Vec::len).sum();
        assert!(failed == 0, "{host}: {failed} of {} cases failed:\n{}", self.count, self.text());
    }

    fn text(&self) -> String {
        let mut lines = Vec::new();
        for ((area, name), rows) in &self.failures {
            lines.push(format!("{area}: {name}"));
            lines.extend(rows.iter().take(SHOWN).cloned());
            if let Some(more @ 1..) = rows.len().checked_sub(SHOWN) {
                lines.push(format!("  … and {more} more rows"));
            }
        }
        lines.join("\n")
    }
}
