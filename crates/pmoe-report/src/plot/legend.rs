//! Legends of charts.

use kuva::plot::legend::{LegendEntry, LegendPosition, LegendShape};
use kuva::render::layout::Layout;

use super::label::{literal, width};
use crate::palette::{Color, Ink, Look};

/// A line of the legend.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    /// Name of what the mark shows.
    pub label: String,
    /// What else to know about it in this chart, such as the number of seeds; may be empty.
    pub note: String,
    /// Colour of the mark.
    pub color: Color,
    /// Symbol of the mark.
    pub shape: KeyShape,
}

/// Symbol of a mark in the legend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyShape {
    /// A line.
    Line,
    /// The line of a method.
    Curve(Look),
    /// A dot.
    Dot,
    /// A cross.
    Cross,
    /// A filled rectangle.
    Area,
}

impl Key {
    /// Creates a line of the legend, without a note.
    pub fn new(label: &str, color: Color, shape: KeyShape) -> Self {
        Self { label: label.to_owned(), note: String::new(), color, shape }
    }

    /// Returns the label with its note.
    pub(crate) fn text(&self) -> String {
        match self.note.as_str() {
            "" => self.label.clone(),
            note => format!("{} ({note})", self.label),
        }
    }

    fn entry(&self, width: f64, ink: Ink) -> LegendEntry {
        LegendEntry {
            label: literal(&self.text(), width, Legend::FONT),
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
    /// Font size.
    const FONT: u32 = 13;
    /// Height of a line.
    const LINE: f64 = 20.0;
    /// Height of the space around all lines.
    const AIR: f64 = 30.0;
    /// Width of symbol and space of an entry.
    const SYMBOL: f64 = 40.0;
    /// Width of the labels beside the axes.
    const SIDES: f64 = 80.0;

    pub(super) fn new(keys: &[Key], frame_width: f64, ink: Ink) -> Self {
        let entries: Vec<_> = keys
            .iter()
            .map(|key| key.entry(frame_width - Self::SIDES - Self::SYMBOL, ink))
            .collect();
        let widest = keys.iter().map(|key| width(&key.text())).fold(0.0, f64::max);
        let columns = (frame_width - Self::SIDES) / (f64::from(Self::FONT) * widest + Self::SYMBOL);
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
