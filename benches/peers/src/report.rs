//! The lines of the report, as text and as a table in Markdown.

use std::fmt::Write as _;

use crate::{
    contest::{Outcome, Peer},
    gates::{Gate, Row, find},
};

/// The figures of one line.
pub(crate) enum Figure {
    /// Seconds of CPU time.
    Time(f64),
    /// A number of allocations.
    Count(usize),
    Bytes(f64),
}

/// One line.
pub(crate) struct Line {
    row: &'static Row,
    ours: Option<Figure>,
    limit: Option<Figure>,
    ratio: Option<f64>,
    peer: Option<Peer>,
    times_faster: Option<f64>,
}

/// The wish of the caller: the lines whose names contain a text.
pub(crate) struct Report {
    wanted: Option<String>,
    lines: Vec<Line>,
}

impl Report {
    pub(crate) fn new(wanted: Option<String>) -> Self {
        Self { wanted, lines: Vec::new() }
    }

    /// Whether the caller wants the line, or any line below it.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.wanted.as_deref().is_none_or(|wanted| name.contains(wanted))
    }

    /// Whether the caller wants a line whose name begins so.
    pub(crate) fn wants_any(&self, start: &str) -> bool {
        crate::gates::ROWS.iter().any(|row| row.name.starts_with(start) && self.wants(row.name))
    }

    /// Adds the line of a contest.
    pub(crate) fn contest(&mut self, name: &str, outcome: Outcome) {
        let Outcome { ours, limit, ratio, peer } = outcome;
        let times_faster = peer.as_ref().map(|peer| peer.times_faster);
        let (ours, limit) = (Some(Figure::Time(ours)), limit.map(Figure::Time));
        self.add(name, |row| Line { row, ours, limit, ratio, peer, times_faster });
    }

    /// Adds the line of a mean.
    pub(crate) fn mean(&mut self, name: &str, ratio: Option<f64>, times_faster: Option<f64>) {
        self.add(name, |row| Line { row, ours: None, limit: None, ratio, peer: None, times_faster });
    }

    /// Adds the line of a number of allocations.
    pub(crate) fn allocations(&mut self, name: &str, count: usize) {
        let ours = Some(Figure::Count(count));
        self.add(name, |row| Line { row, ours, limit: None, ratio: None, peer: None, times_faster: None });
    }

    /// Adds the line of a size.
    pub(crate) fn bytes(&mut self, name: &str, ours: f64, limit: f64) {
        let (ratio, ours, limit) = (Some(ours / limit), Some(Figure::Bytes(ours)), Some(Figure::Bytes(limit)));
        self.add(name, |row| Line { row, ours, limit, ratio, peer: None, times_faster: None });
    }

    fn add(&mut self, name: &str, line: impl FnOnce(&'static Row) -> Line) {
        if self.wants(name) {
            let line = line(find(name).expect("the table of the gates has every line"));
            println!("{line}");
            self.lines.push(line);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// The number of lines that miss their gates.
    pub(crate) fn missed(&self) -> usize {
        self.lines.iter().filter(|line| line.passes() == Some(false)).count()
    }

    /// The lines as a table in Markdown.
    pub(crate) fn markdown(&self) -> String {
        let mut text =
            "| work | scim-core | limit | ratio | fastest other crate | times faster | gate | stretch | |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n"
                .to_owned();
        for line in &self.lines {
            let [ours, limit, ratio, peer, times_faster] = line.fields();
            let (name, gate, stretch) = (line.row.name, line.row.gate.target(), line.row.gate.stretch());
            let gate = gate.replace("<=", " ≤ ").replace(">=", " ≥ ").replace('_', " ");
            let peer = peer.replace(':', " ");
            let verdict = line.verdict();
            // A `String` takes every write.
            let _ = writeln!(
                text,
                "| `{name}`: {} | {ours} | {limit} | {ratio} | {peer} | {times_faster} | {gate} | {stretch} | {verdict} |",
                line.row.about
            );
        }
        text
    }
}

impl Line {
    /// Whether the line keeps its gate; `None` without a gate. A figure that is missing misses the gate.
    fn passes(&self) -> Option<bool> {
        match self.row.gate {
            Gate::None => None,
            Gate::Ratio { gate, .. } => Some(self.ratio.is_some_and(|ratio| ratio <= gate)),
            Gate::TimesFaster { gate, .. } => Some(self.times_faster.is_some_and(|times| times >= gate)),
            Gate::Allocations { gate } => Some(matches!(self.ours, Some(Figure::Count(count)) if count <= gate)),
        }
    }

    fn verdict(&self) -> &'static str {
        match self.passes() {
            None => "-",
            Some(true) => "ok",
            Some(false) => "MISSED",
        }
    }

    /// The figures as text: ours, limit, ratio, peer, times faster.
    fn fields(&self) -> [String; 5] {
        let figure = |figure: &Option<Figure>| figure.as_ref().map_or_else(|| "-".to_owned(), Figure::to_text);
        let number = |number: Option<f64>| number.map_or_else(|| "-".to_owned(), |number| format!("{number:.2}"));
        let peer = self.peer.as_ref().map(|peer| format!("{}:{}", peer.name, Figure::Time(peer.time).to_text()));
        [
            figure(&self.ours),
            figure(&self.limit),
            number(self.ratio),
            peer.unwrap_or_else(|| "-".to_owned()),
            number(self.times_faster),
        ]
    }
}

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [ours, limit, ratio, peer, times_faster] = self.fields();
        let (name, target, verdict) = (self.row.name, self.row.gate.target(), self.verdict());
        write!(
            f,
            "{name} ours={ours} limit={limit} ratio={ratio} peer={peer} times_faster={times_faster} target={target} {verdict}"
        )
    }
}

impl Figure {
    fn to_text(&self) -> String {
        match *self {
            Self::Time(seconds) => duration(seconds),
            Self::Count(count) => count.to_string(),
            Self::Bytes(bytes) => format!("{bytes:.0}B"),
        }
    }
}

/// The lines that the script `others` printed, as a table in Markdown.
pub(crate) fn others(lines: &str) -> String {
    let mut text = String::new();
    for line in lines.lines() {
        let field = |name: &str| line.split_whitespace().find_map(|field| field.strip_prefix(name)).unwrap_or("-");
        let Some(name) = line.split_whitespace().next().filter(|_| line.contains(" peer=")) else { continue };
        if text.is_empty() {
            text.push_str(
                "\n| work | library | time | JSON of the same language | ratio |\n| --- | --- | --- | --- | --- |\n",
            );
        }
        let (library, time) = field("peer=").split_once(':').unwrap_or(("-", "-"));
        // A `String` takes every write.
        let _ = writeln!(text, "| `{name}` | {library} | {time} | {} | {} |", field("limit="), field("ratio="));
    }
    text
}

/// The seconds of a text that [`duration`] wrote.
pub(crate) fn seconds(text: &str) -> Option<f64> {
    let units = [("ns", 1e-9), ("µs", 1e-6), ("ms", 1e-3), ("s", 1.0)];
    units.iter().find_map(|(unit, scale)| Some(text.strip_suffix(unit)?.parse::<f64>().ok()? * scale))
}

/// Three digits and a unit: `6.71µs`.
pub(crate) fn duration(seconds: f64) -> String {
    let (value, unit) = match seconds {
        s if s < 1e-6 => (s * 1e9, "ns"),
        s if s < 1e-3 => (s * 1e6, "µs"),
        s if s < 1.0 => (s * 1e3, "ms"),
        s => (s, "s"),
    };
    let digits = if value < 9.995 { 2 } else { usize::from(value < 99.95) };
    format!("{value:.digits$}{unit}")
}
