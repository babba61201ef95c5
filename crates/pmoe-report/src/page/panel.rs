//! What a section shows beside learning curves: figures and tables of one kind, with their explanation.

use std::path::PathBuf;

use pmoe_results::Quantity;
use pmoe_stats::Estimate;

use super::SectionFigure;
use crate::format;

/// What `templates/panel.html` shows.
#[derive(Default)]
pub(crate) struct Panel {
    pub(crate) heading: String,
    /// What is to be seen, for someone who has not read the paper.
    pub(crate) explanation: String,
    pub(crate) figures: Vec<SectionFigure>,
    pub(crate) tables: Vec<PanelTable>,
    /// The numbers behind it.
    pub(crate) measured: Vec<Measured>,
    /// What is missing or can't be read, one sentence each.
    pub(crate) notes: Vec<String>,
    /// Commands that make the analyses behind it of a run, each with all of its settings.
    pub(crate) commands: Vec<String>,
}

/// A number of the runs of a method on a task.
pub(crate) struct Measured {
    pub(crate) task: String,
    pub(crate) method: String,
    pub(crate) quantity: Quantity,
    /// Mean over the seeds.
    pub(crate) estimate: Estimate,
    /// Folders of the runs behind it.
    pub(crate) runs: Vec<PathBuf>,
}

/// A table of texts.
pub(crate) struct PanelTable {
    pub(crate) head: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
    /// How many columns, from the first, are names; the others are numbers.
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

/// What a quantity is, with the unit that [`show`] writes it in.
pub(crate) fn label(quantity: Quantity) -> String {
    let label = quantity.label();
    if quantity.is_share() { format!("{label}, %") } else { label.to_owned() }
}

/// How a value of a quantity is written.
pub(crate) fn show(quantity: Quantity) -> fn(f64) -> String {
    match quantity {
        _ if quantity.is_share() => format::percent,
        _ if quantity.is_return() || quantity.is_count() => format::number,
        _ => format::two_decimals,
    }
}
