//! The chart of requests per hour, as SVG: requests upward, failures downward, on one scale.

use std::fmt::Write as _;

use super::{Hour, Span};

/// The size of the drawing. The page stretches it, so no text is in it.
const WIDTH: i64 = 960;
const HEIGHT: i64 = 150;

/// The line between requests and failures.
const AXIS: i64 = 120;

/// A failure is at least this high, so that one among a thousand requests is seen.
const LEAST: i64 = 3;

/// A chart and its labels.
#[derive(Clone, Debug)]
pub struct Chart {
    /// The drawing: elements and numbers only, no text of anybody.
    pub svg: String,
    /// The number at the top of the scale.
    pub top: i64,
}

/// Draws the hours of a span, and a mark for each of its cycles.
///
/// ```
/// use platform::provisioning::{Hour, Span, chart::draw};
///
/// let hours = vec![Hour { start: 0, requests: 40, refused: 1, failed: 0 }; 48];
/// let chart = draw(&Span { hours, cycles: Vec::new() });
/// assert!(chart.svg.starts_with("<svg") && chart.top >= 40);
/// ```
pub fn draw(span: &Span) -> Chart {
    let count = i64::try_from(span.hours.len()).unwrap_or(1).max(1);
    let top = scale(span.hours.iter().map(|hour| hour.requests).max().unwrap_or(0));
    let mut svg = format!(
        r#"<svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" aria-hidden="true" focusable="false">"#
    );
    for line in [0, AXIS / 2] {
        // Writing to a string cannot fail.
        let _ = write!(svg, r#"<path class="grid" d="M0 {line}H{WIDTH}"/>"#);
    }
    let step = WIDTH / count;
    for (index, hour) in (0_i64..).zip(&span.hours) {
        let x = index * step + step / 6;
        let width = (step * 2 / 3).max(1);
        let height = hour.requests.saturating_mul(AXIS) / top;
        if height > 0 || hour.requests > 0 {
            let height = height.max(1);
            let _ =
                write!(svg, r#"<rect class="bar" x="{x}" y="{}" width="{width}" height="{height}"/>"#, AXIS - height);
        }
        let failures = failures(hour);
        if failures > 0 {
            let height = (failures.saturating_mul(AXIS) / top).clamp(LEAST, HEIGHT - AXIS);
            let _ = write!(svg, r#"<rect class="bar-bad" x="{x}" y="{AXIS}" width="{width}" height="{height}"/>"#);
        }
    }
    let _ = write!(svg, r#"<path class="axis" d="M0 {AXIS}H{WIDTH}"/></svg>"#);
    Chart { svg, top }
}

/// The marks of the cycles, as a drawing of their own.
pub fn draw_cycles(span: &Span) -> String {
    let mut svg =
        format!(r#"<svg viewBox="0 0 {WIDTH} 12" preserveAspectRatio="none" aria-hidden="true" focusable="false">"#);
    let (Some(first), Some(last)) = (span.hours.first(), span.hours.last()) else { return svg + "</svg>" };
    let length = (last.start + 3_600_000 - first.start).max(1);
    for cycle in &span.cycles {
        let x = (cycle.started - first.start).saturating_mul(WIDTH) / length;
        let (class, y, height) = if cycle.failures > 0 { ("bar-bad", 0, 12) } else { ("bar", 4, 4) };
        let _ = write!(svg, r#"<rect class="{class}" x="{x}" y="{y}" width="4" height="{height}"/>"#);
    }
    svg + "</svg>"
}

/// The requests of an hour that were refused or failed.
pub fn failures(hour: &Hour) -> i64 {
    hour.refused.saturating_add(hour.failed)
}

/// The top of the scale: 10, 20, 50, 100, 200 and so on.
fn scale(most: i64) -> i64 {
    let mut power = 10_i64;
    loop {
        for factor in [1, 2, 5] {
            let top = power.saturating_mul(factor);
            if top >= most {
                return top;
            }
        }
        power = power.saturating_mul(10);
    }
}
