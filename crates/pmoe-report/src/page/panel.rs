//! Panels of a section: figures and tables of one kind of analysis, with an explanation.

use std::path::PathBuf;

use pmoe_results::Quantity;
use pmoe_stats::Estimate;

use super::FigureGroup;
use crate::format;

/// Data of `templates/panel.html`.
#[derive(Default)]
pub(crate) struct Panel {
    pub(crate) heading: String,
    /// What the figures show, for readers who do not know the paper.
    pub(crate) explanation: String,
    pub(crate) figures: FigureGroup,
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
}

impl Measured {
    pub(crate) fn label(&self) -> String {
        label(self.quantity)
    }

    pub(crate) fn text(&self) -> String {
        format::estimate(Some(&self.estimate), show(self.quantity))
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
