//! What runs give beside AUC and final return: success rates, entropies, and what analyses measured.

use pmoe_results::{Bootstrap, Estimate, Quantity, Run};

use crate::group::Group;
use crate::rows::{Measure, Row};

/// A quantity of a method on a task.
pub(crate) struct MeasureRow<'a> {
    pub(crate) quantity: Quantity,
    pub(crate) task: String,
    pub(crate) method: String,
    pub(crate) value: Measure,
    /// The runs that have it.
    pub(crate) runs: Vec<&'a Run>,
}

/// The quantities that runs behind the rows have, by quantity.
pub(crate) fn measures<'a>(
    group: &Group<'a>,
    rows: &[Row],
    bootstrap: &Bootstrap,
) -> Vec<MeasureRow<'a>> {
    let in_rows = [Quantity::Auc, Quantity::FinalReturn];
    let quantities = Quantity::ALL.into_iter().filter(|quantity| !in_rows.contains(quantity));
    let of_row = |quantity: Quantity, row: &Row| {
        let cell = group.comparison.cell(&row.algo, &row.task)?;
        let is_behind = |run: &&Run| row.seeds.contains(&run.manifest.seed);
        let runs = group.runs_of(&row.algo, &row.task).filter(is_behind);
        let value = |run: &'a Run| Some((run, quantity.values(cell, &[run]).pop()?));
        let (runs, values): (Vec<_>, Vec<_>) = runs.filter_map(value).unzip();
        let value = Measure::from(&Estimate::new(values, bootstrap)?);
        let (task, method) = (row.task.clone(), row.algo.clone());
        Some(MeasureRow { quantity, task, method, value, runs })
    };
    quantities
        .flat_map(|quantity| rows.iter().filter_map(move |row| of_row(quantity, row)))
        .collect()
}
