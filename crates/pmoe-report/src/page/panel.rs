//! Panels of a section: figures and tables of one kind of analysis, with an explanation.

use std::path::PathBuf;

use pmoe_results::Quantity;
use pmoe_stats::Estimate;

use super::figure::{Grid, SectionFigure};
use crate::format::{self, halves};

/// Data of `templates/panel.html`.
#[derive(Default)]
pub(crate) struct Panel {
    pub(crate) heading: String,
    /// What the figures show, for readers who do not know the paper.
    pub(crate) explanation: String,
    pub(crate) figures: Vec<SectionFigure>,
    pub(crate) tables: Vec<PanelTable>,
    /// The numbers behind the panel.
    pub(crate) measured: Vec<Measured>,
    /// What is missing or unreadable, one sentence each.
    pub(crate) notes: Vec<String>,
    /// Commands that reproduce the analyses of a run, with all settings.
    pub(crate) commands: Vec<String>,
}

/// A quantity of a method's runs on a task.
pub(crate) struct Measured {
    pub(crate) task: String,
    pub(crate) method: String,
    pub(crate) quantity: Quantity,
    /// Mean over the seeds.
    pub(crate) estimate: Estimate,
    /// Folders of the runs behind it.
    pub(crate) runs: Vec<PathBuf>,
}

/// A table of text cells.
pub(crate) struct PanelTable {
    pub(crate) head: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
    /// Number of leading columns with names; the others contain numbers.
    pub(crate) names: usize,
}

impl Panel {
    pub(crate) fn new(heading: &str, explanation: String) -> Self {
        Self { heading: heading.to_owned(), explanation, ..Self::default() }
    }

    pub(super) fn grid(&self) -> Grid<'_> {
        Grid::new(self.figures.iter())
    }
}

impl PanelTable {
    /// Returns how many cells wide each column is: two if its cells have intervals.
    pub(super) fn widths(&self) -> Vec<usize> {
        let has_interval =
            |column: usize| self.rows.iter().any(|row| !halves(&row[column])[1].is_empty());
        let width = |column| if self.names <= column && has_interval(column) { 2 } else { 1 };
        (0..self.head.len()).map(width).collect()
    }

    /// Returns the head's cells with their widths.
    pub(super) fn columns(&self) -> Vec<(&str, usize)> {
        self.head.iter().map(String::as_str).zip(self.widths()).collect()
    }

    /// Returns the rows' cells with their classes in the style sheet.
    pub(super) fn cells(&self) -> Vec<Vec<(String, &'static str)>> {
        let widths = self.widths();
        let cells = |row: &Vec<String>| {
            let each = row.iter().zip(&widths).enumerate();
            each.flat_map(|(column, (cell, width))| match width {
                _ if column < self.names => vec![(cell.clone(), "name")],
                1 => vec![(cell.clone(), "n")],
                _ => {
                    let [value, interval] = halves(cell);
                    vec![(value, "n"), (interval, "i")]
                }
            })
            .collect()
        };
        self.rows.iter().map(cells).collect()
    }
}

impl Measured {
    pub(crate) fn label(&self) -> String {
        label(self.quantity)
    }

    pub(crate) fn text(&self) -> String {
        format::estimate(Some(&self.estimate), show(self.quantity))
    }

    /// Formats the value and its interval apart.
    pub(super) fn parts(&self) -> [String; 2] {
        halves(&self.text())
    }
}

/// Returns the label of a quantity, with the unit that [`show`] formats it in.
pub(crate) fn label(quantity: Quantity) -> String {
    let label = quantity.label();
    if quantity.is_share() { format!("{label}, %") } else { label.to_owned() }
}

/// Returns the formatter of a quantity's values.
pub(crate) fn show(quantity: Quantity) -> fn(f64) -> String {
    match quantity {
        _ if quantity.is_share() => format::percent,
        _ if quantity.is_return() || quantity.is_count() => format::number,
        _ => format::two_decimals,
    }
}
