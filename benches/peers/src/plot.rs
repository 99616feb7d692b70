//! A plot of the cost of a group change, as SVG. Its colors suit light and dark pages.

use std::fmt::Write as _;

use crate::report::{duration, seconds};

/// The measured points of one way to change the group: members and seconds.
pub(crate) struct Series {
    name: String,
    points: Vec<(f64, f64)>,
}

impl Series {
    pub(crate) fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), points: Vec::new() }
    }

    pub(crate) fn push(&mut self, members: usize, seconds: f64) {
        self.points.push((f64::from(u32::try_from(members).unwrap_or(u32::MAX)), seconds));
    }
}

const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 520.0;
/// The edges of the drawing within the picture.
const LEFT: f64 = 70.0;
const RIGHT: f64 = 590.0;
const TOP: f64 = 50.0;
const BOTTOM: f64 = 460.0;
const GRAY: &str = "#808080";
const COLORS: [&str; 8] = ["#2f81f7", "#1a9e6b", "#b8860b", "#8a8f98", "#d1495b", "#9b5de5", "#e07a1f", "#0e9aa7"];

/// The place of a value between two bounds of a logarithmic axis.
fn place(value: f64, bounds: (f64, f64), edges: (f64, f64)) -> f64 {
    let share = (value.log10() - bounds.0.log10()) / (bounds.1.log10() - bounds.0.log10());
    edges.0 + share * (edges.1 - edges.0)
}

/// The plot. `others` is the output of the script `others`, whose lines `group/add-one/MEMBERS` are drawn too.
pub(crate) fn svg(measured: &[Series], others: &str) -> String {
    let others = other_series(others);
    let series: Vec<&Series> = measured.iter().chain(&others).filter(|series| !series.points.is_empty()).collect();
    let times = series.iter().flat_map(|series| series.points.iter().map(|point| point.1));
    let (least, most) = times.fold((f64::MAX, f64::MIN), |(least, most), time| (least.min(time), most.max(time)));
    let (members, times) = ((100.0, 1_000_000.0), (decade(least, f64::floor), decade(most, f64::ceil)));
    let at = |point: &(f64, f64)| (place(point.0, members, (LEFT, RIGHT)), place(point.1, times, (BOTTOM, TOP)));

    let mut text = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="system-ui, sans-serif" font-size="13" fill="{GRAY}">
<title>The CPU time to add one member to a group</title>
<text x="{LEFT}" y="24" font-size="16" font-weight="600">CPU time to add one member to a group</text>
"#
    );
    // A `String` takes every write.
    let _ = grid(&mut text, members, times);
    let mut labels: Vec<(f64, usize)> = Vec::new();
    for (index, series) in series.iter().enumerate() {
        let color = COLORS[index % COLORS.len()];
        let points: Vec<(f64, f64)> = series.points.iter().map(at).collect();
        let line = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect::<Vec<_>>().join(" ");
        let width = if index == 0 { 3 } else { 2 };
        let _ = writeln!(text, r#"<polyline points="{line}" fill="none" stroke="{color}" stroke-width="{width}"/>"#);
        for (x, y) in &points {
            let _ = writeln!(text, r#"<circle cx="{x:.1}" cy="{y:.1}" r="3.5" fill="{color}"/>"#);
        }
        labels.extend(points.last().map(|(_, y)| (*y, index)));
    }
    let _ = write_labels(&mut text, labels, &series);
    text.push_str("</svg>\n");
    text
}

fn decade(value: f64, round: fn(f64) -> f64) -> f64 {
    10_f64.powf(round(value.log10()))
}

fn grid(text: &mut String, members: (f64, f64), times: (f64, f64)) -> std::fmt::Result {
    let mut count = members.0;
    while count <= members.1 * 1.01 {
        let x = place(count, members, (LEFT, RIGHT));
        writeln!(text, r#"<path d="M{x:.1} {TOP}V{BOTTOM}" stroke="{GRAY}" stroke-opacity="0.25"/>"#)?;
        let digits = format!("{count:.0}");
        let label = match digits.len() {
            7 => "1,000,000".to_owned(),
            length if length > 3 => format!("{},000", &digits[..length - 3]),
            _ => digits,
        };
        writeln!(text, r#"<text x="{x:.1}" y="{:.1}" text-anchor="middle">{label}</text>"#, BOTTOM + 20.0)?;
        count *= 10.0;
    }
    let mut time = times.0;
    while time <= times.1 * 1.01 {
        let y = place(time, times, (BOTTOM, TOP));
        writeln!(text, r#"<path d="M{LEFT} {y:.1}H{RIGHT}" stroke="{GRAY}" stroke-opacity="0.25"/>"#)?;
        let label = duration(time * 1.000_001).replace(".00", "").replace(".0", "");
        let unit = label.find(|character: char| !character.is_ascii_digit()).unwrap_or(label.len());
        let label = format!("{} {}", &label[..unit], &label[unit..]);
        writeln!(text, r#"<text x="{:.1}" y="{:.1}" text-anchor="end">{label}</text>"#, LEFT - 8.0, y + 4.0)?;
        time *= 10.0;
    }
    let middle = f64::midpoint(LEFT, RIGHT);
    writeln!(text, r#"<text x="{middle}" y="{:.1}" text-anchor="middle">members of the group</text>"#, BOTTOM + 44.0)
}

/// Writes the names at the ends of the lines, one below the other.
fn write_labels(text: &mut String, mut labels: Vec<(f64, usize)>, series: &[&Series]) -> std::fmt::Result {
    const STEP: f64 = 18.0;
    labels.sort_by(|left, right| left.0.total_cmp(&right.0));
    let mut lowest = f64::MIN;
    for (y, index) in labels {
        let y = (y + 4.0).max(lowest + STEP);
        lowest = y;
        let Some(series) = series.get(index) else { continue };
        let (color, name) = (COLORS[index % COLORS.len()], &series.name);
        writeln!(text, r#"<text x="{:.1}" y="{y:.1}" fill="{color}">{name}</text>"#, RIGHT + 12.0)?;
    }
    Ok(())
}

/// The series in the output of the script `others`.
fn other_series(lines: &str) -> Vec<Series> {
    let mut found: Vec<Series> = Vec::new();
    for line in lines.lines() {
        let mut fields = line.split_whitespace();
        let members = fields.next().and_then(|name| name.strip_prefix("group/add-one/")?.parse().ok());
        let peer = fields.find_map(|field| field.strip_prefix("peer=")?.split_once(':'));
        let (Some(members), Some((name, time))) = (members, peer) else { continue };
        let Some(time) = seconds(time) else { continue };
        let place = found.iter().position(|series| series.name == name).unwrap_or_else(|| {
            found.push(Series::new(name));
            found.len() - 1
        });
        found[place].push(members, time);
    }
    found
}
