//! Axes with round numbers, drawn with characters.

use ratatui::Frame;
use ratatui::layout::{Alignment, Rect};
use ratatui::style::Stylize;
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

/// Smallest distance of two ticks, in rows and in columns.
const ROWS: usize = 3;
const COLUMNS: usize = 11;

/// Most ticks of an axis.
const TICKS: usize = 8;

/// How often a step is made finer; twice is enough for two ticks.
const FINER: usize = 3;

/// Dots of a braille character from top to bottom, and from left to right.
const DOTS: [usize; 2] = [4, 2];

/// An axis with ticks at multiples of 1, 2 or 5 times a power of ten.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Axis {
    pub(super) bounds: [f64; 2],
    pub(super) ticks: Vec<f64>,
}

impl Axis {
    /// Creates a vertical axis for values from `low` to `high`.
    pub(super) fn around(low: f64, high: f64, rows: u16) -> Self {
        // A flat line still needs some height.
        let pad = if high > low { 0.0 } else { 0.5 * low.abs().max(1.0) };
        let bounds = [low - pad, high + pad];
        let most = (usize::from(rows) / ROWS + 1).clamp(2, TICKS);
        let mut step = round_step((bounds[1] - bounds[0]) / float(most - 1));
        // One number alone shows no scale.
        for _ in 0..FINER {
            if ticks(bounds, step).len() < 2 {
                step = round_step(0.4 * step);
            }
        }
        Self { bounds, ticks: ticks(bounds, step) }
    }

    /// Creates a horizontal axis from 0 to `end`.
    pub(super) fn up_to(end: f64, columns: u16) -> Self {
        let most = (usize::from(columns) / COLUMNS + 1).clamp(2, TICKS);
        let bounds = [0.0, end];
        Self { bounds, ticks: ticks(bounds, round_step(end / float(most - 1))) }
    }

    /// Returns the columns that the labels take at the left of a vertical axis.
    pub(super) fn width(&self) -> u16 {
        let widest = self.ticks.iter().map(|tick| label(*tick).chars().count()).max();
        u16::try_from(widest.unwrap_or(0) + 1).unwrap_or(u16::MAX)
    }

    /// Draws it as a vertical axis: labels, and a line at the right.
    pub(super) fn draw_vertical(&self, frame: &mut Frame<'_>, area: Rect) {
        let mut lines = vec![Line::from("│"); area.height.into()];
        for tick in &self.ticks {
            let row = self.place(self.bounds[1] - tick, area.height, DOTS[0]);
            if let Some(line) = lines.get_mut(row) {
                *line = Line::from(format!("{}┤", label(*tick)));
            }
        }
        frame.render_widget(Paragraph::new(lines).alignment(Alignment::Right).dim(), area);
    }

    /// Draws it as a horizontal axis of environment steps: a line, and labels below it.
    pub(super) fn draw_horizontal(&self, frame: &mut Frame<'_>, line: Rect, labels: Rect) {
        let columns =
            || self.ticks.iter().map(|tick| self.place(tick - self.bounds[0], line.width, DOTS[1]));
        let mut drawn = vec!['─'; line.width.into()];
        for column in columns() {
            // There may be no columns.
            drawn.get_mut(column).into_iter().for_each(|place| *place = '┴');
        }
        frame.render_widget(Paragraph::new(String::from_iter(drawn)).dim(), line);

        let mut places: Vec<_> =
            columns().zip(self.ticks.iter().map(|tick| label(*tick))).collect();
        if let Some((_, text)) = places.last_mut() {
            text.push_str(" steps");
        }
        let text = in_a_row(&places, labels.width.into());
        frame.render_widget(Paragraph::new(text).dim(), labels);
    }

    /// Returns the character of a length on a canvas of `characters` with `dots` each.
    fn place(&self, length: f64, characters: u16, dots: usize) -> usize {
        let characters = usize::from(characters);
        let dot = length / (self.bounds[1] - self.bounds[0])
            * float((dots * characters).saturating_sub(1));
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
        let place = dot.round() as usize / dots;
        place.min(characters.saturating_sub(1))
    }
}

/// Writes each text around its column. The last one is always there; others that would touch the
/// text before them or the last one are left out.
fn in_a_row(places: &[(usize, String)], width: usize) -> String {
    let spans = places.iter().map(|(column, text)| {
        let length = text.chars().count();
        let start = column.saturating_sub(length / 2).min(width.saturating_sub(length));
        (start, start + length, text)
    });
    let mut spans: Vec<_> = spans.collect();
    let Some(last) = spans.pop() else { return String::new() };
    let (mut row, mut end) = (String::new(), 0);
    for (from, to, text) in spans.into_iter().filter(|(_, to, _)| *to < last.0).chain([last]) {
        if from > end || row.is_empty() {
            row += &" ".repeat(from - end);
            row += text;
            end = to;
        }
    }
    row
}

/// Returns the smallest 1, 2 or 5 times a power of ten that is not below `least`.
fn round_step(least: f64) -> f64 {
    let power = 10_f64.powf(least.log10().floor());
    let steps = [1.0, 2.0, 5.0].map(|factor| factor * power);
    // A tiny tolerance: 0.1 times 3 is a little more than 0.3.
    steps.into_iter().find(|step| least <= step * (1.0 + 1e-9)).unwrap_or(10.0 * power)
}

/// Returns the multiples of `step` within the bounds.
fn ticks([low, high]: [f64; 2], step: f64) -> Vec<f64> {
    let (first, last) = ((low / step - 1e-9).ceil(), (high / step + 1e-9).floor());
    let count = last - first;
    if !step.is_finite() || !(0.0..=float(2 * TICKS)).contains(&count) {
        return Vec::new();
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small count")]
    let count = count as usize;
    (0..=count).map(|index| (first + float(index)) * step + 0.0).collect()
}

/// Formats a round number: `-0.5`, `20`, `100k`, `1M`.
pub(super) fn label(value: f64) -> String {
    let (unit, name) = match value.abs() {
        1e9.. => return format!("{value:.1e}"),
        1e6.. => (1e6, "M"),
        1e3.. => (1e3, "k"),
        1e-3.. | 0.0 => (1.0, ""),
        _ => return format!("{value:.0e}"),
    };
    format!("{}{name}", (value / unit * 1e6).round() / 1e6 + 0.0)
}

#[expect(clippy::cast_precision_loss, reason = "small counts")]
fn float(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<String> {
        axis.ticks.iter().map(|tick| label(*tick)).collect()
    }

    #[test]
    fn ticks_are_round_and_within_the_values() {
        for (low, high, rows, expected) in [
            (-46.9, 2820.0, 14, vec!["0", "1k", "2k"]),
            (-46.9, 2820.0, 30, vec!["0", "500", "1k", "1.5k", "2k", "2.5k"]),
            (3.1, 3.9, 2, vec!["3.2", "3.4", "3.6", "3.8"]),
            (0.0, 1.0, 30, vec!["0", "0.2", "0.4", "0.6", "0.8", "1"]),
            (3_000.0, 12_345.0, 12, vec!["5k", "10k"]),
            (-3.0, -3.0, 9, vec!["-4", "-3", "-2"]),
            (0.0, 0.0, 2, vec!["-0.5", "0", "0.5"]),
            (2e-7, 3e-7, 5, vec!["2e-7", "3e-7"]),
        ] {
            let axis = Axis::around(low, high, rows);
            assert_eq!(labels(&axis), expected, "{low} to {high}");
            assert!(axis.bounds[0] <= low && high <= axis.bounds[1]);
        }
    }

    #[test]
    fn budgets_have_round_ticks() {
        for (end, columns, expected) in [
            (300_000.0, 80, vec!["0", "50k", "100k", "150k", "200k", "250k", "300k"]),
            (1_000_000.0, 80, vec!["0", "200k", "400k", "600k", "800k", "1M"]),
            (1_234_567.0, 30, vec!["0", "1M"]),
            (1_500.0, 50, vec!["0", "500", "1k", "1.5k"]),
            (1.0, 5, vec!["0", "1"]),
        ] {
            assert_eq!(labels(&Axis::up_to(end, columns)), expected, "{end}");
        }
    }

    #[test]
    fn any_numbers_have_an_axis() {
        for (low, high) in [(-1e308, 1e308), (1e16, 1e16 + 2.0), (0.0, 5e-324), (1e300, 1e300)] {
            let axis = Axis::around(low, high, 20);
            assert!(axis.ticks.len() <= TICKS, "{axis:?}");
            assert!(axis.ticks.iter().all(|tick| tick.is_finite()), "{axis:?}");
        }
    }

    #[test]
    fn labels_keep_apart() {
        let place = |column: usize, text: &str| (column, text.to_owned());
        let places = [place(0, "0"), place(10, "100k"), place(19, "200k steps")];
        assert_eq!(in_a_row(&places, 20), "0         200k steps");
        let places = [place(0, "0"), place(10, "100k"), place(39, "400k steps")];
        assert_eq!(in_a_row(&places, 40), "0       100k                  400k steps");
    }
}
