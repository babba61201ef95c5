//! Legends: below a chart, or once above a group of charts on the page.

use kuva::plot::legend::{LegendEntry, LegendPosition, LegendShape};
use kuva::render::layout::Layout;

use super::label::{literal, width};
use super::{Chart, Picture};
use crate::palette::{Color, Ink, Look};

/// A line of the legend.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Key {
    pub(crate) label: String,
    /// What else to know about it in this chart, such as the number of seeds; may be empty.
    pub(crate) note: String,
    pub(crate) color: Color,
    pub(crate) shape: KeyShape,
    /// Whether it belongs to this chart alone and not to the legend of a group.
    pub(crate) is_own: bool,
}

/// Symbol of a mark in the legend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyShape {
    Line,
    /// The line of a method.
    Curve(Look),
    Dot,
    Cross,
    Area,
}

impl Key {
    pub(crate) fn new(label: &str, color: Color, shape: KeyShape) -> Self {
        Self { label: label.to_owned(), note: String::new(), color, shape, is_own: false }
    }

    /// Returns the key for its chart alone.
    pub(crate) fn own(self) -> Self {
        Self { is_own: true, ..self }
    }

    fn text(&self) -> String {
        match self.note.as_str() {
            "" => self.label.clone(),
            note => format!("{} ({note})", self.label),
        }
    }

    /// Renders the symbol as an HTML element.
    fn swatch(&self) -> String {
        let color = Ink::Page.color(self.color);
        match self.shape {
            KeyShape::Curve(look) => look.swatch(),
            KeyShape::Line => format!(
                "<svg class=\"dash\" viewBox=\"0 0 24 8\" aria-hidden=\"true\"><path d=\"M0 4h24\" \
                 style=\"stroke:{color}\" stroke-width=\"3\"/></svg>"
            ),
            KeyShape::Dot => format!("<span class=\"sign\" style=\"color:{color}\">●</span>"),
            KeyShape::Cross => format!("<span class=\"sign\" style=\"color:{color}\">✕</span>"),
            KeyShape::Area => {
                format!("<span class=\"swatch\" style=\"background:{color}\"></span>")
            }
        }
    }

    fn entry(&self, width: f64, ink: Ink) -> LegendEntry {
        LegendEntry {
            label: literal(&self.text(), width),
            color: ink.color(self.color),
            shape: match self.shape {
                KeyShape::Curve(Look { sign: Some(sign), .. }) => {
                    LegendShape::Marker(sign.marker())
                }
                KeyShape::Line | KeyShape::Curve(_) => LegendShape::Line,
                KeyShape::Dot => LegendShape::Circle,
                KeyShape::Cross => LegendShape::Marker(kuva::plot::scatter::MarkerShape::Cross),
                KeyShape::Area => LegendShape::Rect,
            },
            dasharray: match self.shape {
                KeyShape::Curve(look) => look.dash.svg().map(str::to_owned),
                _ => None,
            },
        }
    }
}

/// The legend of a chart, in columns.
pub(super) struct Legend {
    entries: Vec<LegendEntry>,
    columns: usize,
}

impl Legend {
    /// Height of a line.
    const LINE: f64 = 20.0;
    /// Height of the space around all lines.
    const AIR: f64 = 30.0;
    /// Width of symbol and space of an entry.
    const SYMBOL: f64 = 40.0;
    /// Width of the labels beside the axes.
    const SIDES: f64 = 80.0;

    pub(super) fn new(keys: &[Key], frame_width: f64, ink: Ink) -> Self {
        let entries: Vec<_> = keys.iter().map(|key| key.entry(frame_width, ink)).collect();
        let widest = keys.iter().map(|key| width(&key.text())).fold(0.0, f64::max);
        let columns = (frame_width - Self::SIDES) / (13.0 * widest + Self::SYMBOL);
        Self { entries, columns: (columns as usize).max(1) }
    }

    pub(super) fn height(&self) -> f64 {
        match self.entries.len().div_ceil(self.columns) {
            0 => 0.0,
            lines => Self::AIR + Self::LINE * lines as f64,
        }
    }

    pub(super) fn on(self, layout: Layout) -> Layout {
        if self.entries.is_empty() {
            return layout;
        }
        layout
            .with_legend_entries(self.entries)
            .with_legend_position(LegendPosition::OutsideBottomColumns)
            .with_legend_col_limit(self.columns)
            .with_legend_box(false)
    }
}

/// Returns the lines of the legend that pictures share on the page: symbol as HTML, and text. A
/// note that differs between pictures follows with their titles.
pub(crate) fn shared_legend(pictures: &[Picture]) -> Vec<(String, String)> {
    let charts: Vec<&Chart> = pictures.iter().filter_map(Picture::chart).collect();
    let mut keys: Vec<(&Key, Vec<(&str, &str)>)> = Vec::new();
    for chart in charts {
        for key in chart.legend.iter().filter(|key| !key.is_own) {
            let note = (key.note.as_str(), chart.title.as_str());
            let is_same = |other: &&mut (&Key, _)| {
                (&other.0.label, other.0.shape, other.0.color) == (&key.label, key.shape, key.color)
            };
            match keys.iter_mut().find(is_same) {
                Some((_, notes)) => notes.push(note),
                None => keys.push((key, vec![note])),
            }
        }
    }
    // What line and band are comes last, as in each chart.
    keys.sort_by_key(|(key, _)| key.note.is_empty());
    keys.iter().map(|(key, notes)| (key.swatch(), with_notes(&key.label, notes))).collect()
}

/// Formats a label with its notes, `sac (5 of 5 seeds; 3 of 5 seeds on Ant-v2)`.
fn with_notes(label: &str, notes: &[(&str, &str)]) -> String {
    let count = |note: &str| notes.iter().filter(|(other, _)| *other == note).count();
    let Some((usual, _)) = notes.iter().rev().max_by_key(|(note, _)| count(note)) else {
        return label.to_owned();
    };
    let others = notes.iter().filter(|(note, _)| note != usual);
    let others = others.map(|(note, title)| format!("; {note} on {title}"));
    match (*usual, others.collect::<String>().as_str()) {
        ("", "") => label.to_owned(),
        (usual, others) => format!("{label} ({usual}{others})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_that_differ_name_their_chart() {
        let of = |notes: &[(&str, &str)]| with_notes("sac", notes);
        assert_eq!(of(&[("", "A"), ("", "B")]), "sac");
        assert_eq!(of(&[("5 seeds", "A"), ("5 seeds", "B")]), "sac (5 seeds)");
        let mixed = [("3 seeds", "A"), ("5 seeds", "B"), ("5 seeds", "C")];
        assert_eq!(of(&mixed), "sac (5 seeds; 3 seeds on A)");
    }
}
