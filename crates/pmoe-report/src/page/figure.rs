//! Figures of the page, several side by side.

use crate::palette::Ink;
use crate::plot::{Chart, Key, KeyShape};

/// A figure of one or several tasks.
pub(crate) struct SectionFigure {
    /// Name of the task, or the title.
    pub(crate) task: String,
    /// What the axes show; empty if they have no meaning.
    pub(super) axes: String,
    /// The inline `svg` element.
    pub(crate) inline: String,
    /// Files relative to the page.
    pub(crate) svg: String,
    pub(crate) png: String,
    /// Lines of the legend.
    pub(super) keys: Vec<FigureKey>,
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
    /// Describes a drawn chart; `files` are its SVG and its PNG relative to the page.
    pub(crate) fn new(chart: Chart, inline: String, [svg, png]: [String; 2]) -> Self {
        let has_axes = !chart.is_map && !chart.x.label.is_empty() && !chart.y.label.is_empty();
        let axes = if has_axes {
            format!("↑ {} → {}", chart.y.label, chart.x.label)
        } else {
            "".into()
        };
        let keys = chart.legend.iter().map(FigureKey::new).collect();
        Self { task: chart.title, axes, inline, svg, png, keys }
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
            KeyShape::Line | KeyShape::Area => {
                format!("<span class=\"swatch\" style=\"background:{}\"></span>", color())
            }
        };
        Self { mark, label: key.label.clone() }
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
}
