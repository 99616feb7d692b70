//! The chart of requests per hour, as SVG: requests upward and failures downward, on one scale.

use std::fmt::Write as _;

use super::{Hour, Span};

/// The width of the drawing. The page stretches the drawing, so it contains no text.
const WIDTH: i64 = 960;

/// The height of the drawing, which is also its height in pixels on a page.
const HEIGHT: i64 = 160;

/// The minimum height of a failure's bar, so that a single failure among a thousand requests is visible.
const LEAST: i64 = 3;

/// The scale has at least this fraction of `top` for failures, so that the line between both is at the same height
/// on quiet days.
const LOWEST: i64 = 5;

/// A chart and its labels.
#[derive(Clone, Debug)]
pub struct Chart {
    /// The drawing: elements and numbers only, without text from users.
    pub svg: String,
    /// The numbers next to the drawing, as a second drawing of the same height that must not be stretched.
    pub scale: String,
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
    let most = |number: fn(&Hour) -> i64| span.hours.iter().map(number).max().unwrap_or(0);
    let top = scale(most(|hour| hour.requests));
    let bottom = most(failures).max(top / LOWEST);
    // The line between requests and failures.
    let axis = HEIGHT.saturating_mul(top) / top.saturating_add(bottom).max(1);
    let mut svg = format!(
        r#"<svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" aria-hidden="true" focusable="false">"#
    );
    for line in [0, axis / 2] {
        // Writing to a string cannot fail.
        let _ = write!(svg, r#"<path class="grid" d="M0 {line}H{WIDTH}"/>"#);
    }
    let step = WIDTH / count;
    for (index, hour) in (0_i64..).zip(&span.hours) {
        let x = index * step + step / 6;
        let width = (step * 2 / 3).max(1);
        let mut bar = |class: &str, number: i64, least: i64, upward: bool| {
            if number > 0 {
                let height = (number.saturating_mul(axis) / top).max(least);
                let y = if upward { axis - height } else { axis };
                let _ = write!(svg, r#"<rect class="{class}" x="{x}" y="{y}" width="{width}" height="{height}"/>"#);
            }
        };
        bar("bar", hour.requests, 1, true);
        bar("bar-bad", failures(hour), LEAST, false);
    }
    let _ = write!(svg, r#"<path class="axis" d="M0 {axis}H{WIDTH}"/></svg>"#);
    let mut numbers = format!(r#"<svg viewBox="0 0 48 {HEIGHT}" aria-hidden="true" focusable="false">"#);
    for (number, y) in [(top, 10), (top / 2, axis / 2 + 4), (0, axis + 4)] {
        let _ = write!(numbers, r#"<text x="40" y="{y}" text-anchor="end">{number}</text>"#);
    }
    Chart { svg, scale: numbers + "</svg>", top }
}

/// The marks of the cycles, as a separate drawing.
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

/// The number of an hour's requests that were refused or failed.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_failures_have_one_scale() {
        let quiet = Hour { start: 0, requests: 100, refused: 0, failed: 0 };
        let all_fail = Hour { start: 3_600_000, requests: 100, refused: 60, failed: 40 };
        let one_fails = Hour { start: 7_200_000, requests: 100, refused: 1, failed: 0 };
        let chart = draw(&Span { hours: vec![quiet, all_fail], cycles: Vec::new() });
        assert_eq!(chart.top, 100);
        for (class, y) in [("bar", 0), ("bar-bad", 80)] {
            let bar = format!(r#"<rect class="{class}" x="560" y="{y}" width="320" height="80"/>"#);
            assert!(chart.svg.contains(&bar), "{}", chart.svg);
        }
        assert!(chart.scale.contains(">50</text>"), "{}", chart.scale);
        let chart = draw(&Span { hours: vec![quiet, one_fails], cycles: Vec::new() });
        assert!(chart.svg.contains(r#"y="133" width="320" height="3"/>"#), "{}", chart.svg);
        let empty = draw(&Span { hours: vec![Hour::default(); 48], cycles: Vec::new() });
        assert!(!empty.svg.contains("<rect") && empty.top == 10, "{}", empty.svg);
    }
}
