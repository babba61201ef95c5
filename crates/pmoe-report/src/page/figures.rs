//! Groups of figures that are compared, with one legend.

use std::slice;

/// A figure of one or several tasks.
pub(crate) struct SectionFigure {
    /// Name of the task, or the title.
    pub(crate) task: String,
    /// The inline `svg` element.
    pub(crate) inline: String,
    /// Whether it is as wide as the page.
    pub(crate) is_wide: bool,
    /// Files relative to the page.
    pub(crate) svg: String,
    pub(crate) png: String,
    pub(crate) pdf: String,
}

/// Figures beside each other.
#[derive(Default)]
pub(crate) struct FigureGroup {
    /// Lines of the legend that the figures share: symbol as HTML, and text.
    pub(crate) legend: Vec<(String, String)>,
    pub(crate) figures: Vec<SectionFigure>,
}

/// Training metrics of one task, on the page only.
pub(crate) struct MetricFigures {
    pub(crate) task: String,
    pub(crate) legend: Vec<(String, String)>,
    /// Name and inline `svg` element of each chart.
    pub(crate) charts: Vec<(String, String)>,
    /// Metrics that never change, with their value.
    pub(crate) constant: Vec<(String, f64)>,
}

impl MetricFigures {
    /// Lists the metrics that never change: `alpha 0.2, collapsed 0`.
    pub(crate) fn constant_text(&self) -> String {
        let text = |(name, value): &(String, f64)| format!("{name} {}", rounded(*value));
        self.constant.iter().map(text).collect::<Vec<_>>().join(", ")
    }
}

/// Rounds a number to four decimals, unless it is small.
fn rounded(value: f64) -> f64 {
    if value.abs() < 1e-3 { value } else { (1e4 * value).round() / 1e4 }
}

impl FigureGroup {
    pub(crate) fn is_empty(&self) -> bool {
        self.figures.is_empty()
    }

    /// Whether the figures have lines of single seeds, which the style sheet hides until the box is
    /// ticked.
    pub(crate) fn has_seeds(&self) -> bool {
        self.figures.iter().any(|figure| figure.inline.contains("stroke=\"var(--faint-"))
    }
}

impl<'a> IntoIterator for &'a FigureGroup {
    type Item = &'a SectionFigure;
    type IntoIter = slice::Iter<'a, SectionFigure>;

    fn into_iter(self) -> Self::IntoIter {
        self.figures.iter()
    }
}
