//! Figures of the page, several side by side.

use crate::palette::Ink;
use crate::plot::{Key, KeyShape, Picture};

/// A figure of one or several tasks.
pub(crate) struct SectionFigure {
    /// Name of the task, or the title.
    pub(crate) task: String,
    /// What the axes show; empty if they have no meaning.
    pub(super) axes: String,
    /// The inline `svg` element.
    pub(crate) inline: String,
    /// Whether it is as wide as the page.
    pub(super) is_wide: bool,
    /// Kinds of its files, and their paths relative to the page.
    pub(super) files: Vec<(&'static str, String)>,
    /// Lines of the legend.
    pub(super) keys: Vec<FigureKey>,
}

/// Training metrics of one task.
pub(crate) struct MetricFigures {
    pub(crate) task: String,
    pub(crate) figures: Vec<SectionFigure>,
    /// Metrics that never change, with their value.
    pub(crate) constant: Vec<(String, f64)>,
}

/// A line of a legend.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct FigureKey {
    /// HTML element with the look.
    pub(super) mark: String,
    pub(super) label: String,
}

/// Figures side by side, with one legend.
pub(super) struct Grid<'a> {
    /// Lines of the legend that several figures share, or the only one has.
    pub(super) keys: Vec<&'a FigureKey>,
    /// What the axes of all figures show, or nothing if they differ.
    pub(super) axes: &'a str,
    /// The figures, each with its remaining lines.
    pub(super) figures: Vec<(&'a SectionFigure, Vec<&'a FigureKey>)>,
}

impl SectionFigure {
    /// Describes a drawing; `files` are kinds and paths relative to the page.
    pub(crate) fn new(
        picture: &Picture,
        inline: String,
        files: Vec<(&'static str, String)>,
    ) -> Self {
        let task = picture.title().to_owned();
        let Some(chart) = picture.chart() else {
            let (axes, keys) = (String::new(), Vec::new());
            return Self { task, axes, inline, is_wide: true, files, keys };
        };
        let has_axes = !chart.is_map && !chart.x.label.is_empty() && !chart.y.label.is_empty();
        let axes = match has_axes {
            true => format!("↑ {} → {}", chart.y.label, chart.x.label),
            false => String::new(),
        };
        let keys = chart.legend.iter().map(FigureKey::new).collect();
        Self { task, axes, inline, is_wide: false, files, keys }
    }
}

impl MetricFigures {
    pub(super) fn grid(&self) -> Grid<'_> {
        Grid::new(self.figures.iter())
    }

    /// Lists the metrics that never change: `alpha 0.2, collapsed 0`.
    pub(super) fn constant_text(&self) -> String {
        // Four decimals, unless the value is small.
        let rounded = |value: f64| match value.abs() < 1e-3 {
            true => value,
            false => (1e4 * value).round() / 1e4,
        };
        let text = |(name, value): &(String, f64)| format!("{name} {}", rounded(*value));
        self.constant.iter().map(text).collect::<Vec<_>>().join(", ")
    }
}

impl FigureKey {
    fn new(key: &Key) -> Self {
        let color = || Ink::Page.color(key.color);
        let mark = match key.shape {
            KeyShape::Curve(look) => look.swatch(),
            KeyShape::Dot => {
                format!("<span class=\"swatch dot\" style=\"background:{}\"></span>", color())
            }
            KeyShape::Cross => {
                format!("<span class=\"sign\" style=\"color:{}\">✕</span>", color())
            }
            KeyShape::Line => {
                format!("<span class=\"swatch line\" style=\"background:{}\"></span>", color())
            }
            KeyShape::Area => {
                format!("<span class=\"swatch area\" style=\"background:{}\"></span>", color())
            }
        };
        Self { mark, label: key.text() }
    }
}

impl<'a> Grid<'a> {
    pub(super) fn new(figures: impl Iterator<Item = &'a SectionFigure>) -> Self {
        let figures: Vec<_> = figures.collect();
        let count = |key: &FigureKey| figures.iter().filter(|of| of.keys.contains(key)).count();
        let with_legend = figures.iter().filter(|figure| !figure.keys.is_empty()).count();
        let is_shared = |key: &FigureKey| 1 < count(key) || with_legend == 1;
        let mut keys: Vec<&FigureKey> = Vec::new();
        for key in figures.iter().flat_map(|figure| &figure.keys) {
            if is_shared(key) && !keys.contains(&key) {
                keys.push(key);
            }
        }
        let own = |figure: &&'a SectionFigure| {
            (*figure, figure.keys.iter().filter(|key| !is_shared(key)).collect())
        };
        let with_axes =
            || figures.iter().map(|of| of.axes.as_str()).filter(|axes| !axes.is_empty());
        let first = with_axes().next().unwrap_or_default();
        let axes = if with_axes().all(|axes| axes == first) { first } else { "" };
        Self { keys, axes, figures: figures.iter().map(own).collect() }
    }

    /// Whether the figures have lines of single seeds, which the style sheet hides until the box
    /// above them is ticked.
    pub(super) fn has_seeds(&self) -> bool {
        self.figures.iter().any(|(figure, _)| figure.inline.contains("stroke=\"var(--faint-"))
    }
}
