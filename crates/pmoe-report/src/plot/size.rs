//! Sizes of charts.

/// How large a chart is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Size {
    /// With axis labels and a legend; two fit side by side on a desktop, one on a phone.
    #[default]
    Usual,
    /// With a small title, few ticks, and neither axis labels nor a legend, for several side by
    /// side.
    Small,
}

/// Font sizes of a chart in CSS pixels.
pub(super) struct Fonts {
    pub(super) title: u32,
    pub(super) label: u32,
    pub(super) tick: u32,
}

/// Height of one line of the legend.
const LEGEND_LINE: f64 = 20.0;

/// Height of one named row.
const ROW: f64 = 26.0;

impl Size {
    pub(super) fn width(self) -> f64 {
        match self {
            Self::Usual => 520.0,
            Self::Small => 300.0,
        }
    }

    /// Returns the height of a chart with `rows` named rows, if any, and `keys` lines of legend. The
    /// axes keep their size for any number of methods.
    pub(super) fn height(self, is_map: bool, rows: usize, keys: usize) -> f64 {
        let drawing = match (self, rows, is_map) {
            (Self::Usual, 0, true) => 520.0,
            (Self::Usual, 0, false) => 380.0,
            (Self::Usual, rows, _) => 120.0 + ROW * rows as f64,
            (Self::Small, 0, true) => 300.0,
            (Self::Small, 0, false) => 190.0,
            (Self::Small, rows, _) => 60.0 + ROW * rows as f64,
        };
        drawing + LEGEND_LINE * keys.saturating_sub(2) as f64
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
