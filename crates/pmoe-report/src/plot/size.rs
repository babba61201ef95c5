//! Sizes of charts.

use super::Medium;

/// How large a chart is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Size {
    /// With axis labels and a legend; two fit side by side on a desktop, one on a phone.
    #[default]
    Usual,
    /// With a small title, few ticks, and neither axis labels nor a legend, for several side by
    /// side.
    Small,
}

/// Width of a chart, and its height without a legend, in CSS pixels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub(super) width: f64,
    pub(super) height: f64,
}

/// Font sizes of a chart in CSS pixels.
pub(super) struct Fonts {
    pub(super) title: u32,
    pub(super) label: u32,
    pub(super) tick: u32,
}

/// Height of one named row.
const ROW: f64 = 26.0;

impl Size {
    /// Returns the frame of a chart with `rows` named rows, if any.
    pub(super) fn frame(self, medium: Medium, is_map: bool, rows: usize) -> Frame {
        let width = match (self, medium) {
            (Self::Usual, Medium::Page | Medium::File) => 520.0,
            // One column of a paper.
            (Self::Usual, Medium::Print) => 390.0,
            (Self::Small, _) => 300.0,
        };
        let height = match (self, rows, is_map) {
            // The drawing area of a map is square.
            (Self::Usual, 0, true) => width - 25.0,
            (Self::Usual, 0, false) => 0.33 * width + 150.0,
            (Self::Usual, rows, _) => 90.0 + ROW * rows as f64,
            (Self::Small, 0, true) => 300.0,
            (Self::Small, 0, false) => 190.0,
            (Self::Small, rows, _) => 60.0 + ROW * rows as f64,
        };
        Frame { width, height }
    }

    pub(super) fn fonts(self) -> Fonts {
        match self {
            Self::Usual => Fonts { title: 15, label: 13, tick: 12 },
            Self::Small => Fonts { title: 12, label: 11, tick: 10 },
        }
    }

    /// Returns the approximate number of ticks of an axis.
    pub(super) fn ticks(self) -> usize {
        match self {
            Self::Usual => 5,
            Self::Small => 3,
        }
    }
}
