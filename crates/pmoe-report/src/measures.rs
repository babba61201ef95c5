//! What the events of runs give beside AUC and final return: success rates, entropies.

use pmoe_results::{Bootstrap, Estimate, Quantity, Run};

use crate::group::Group;
use crate::page::Measured;
use crate::rows::{Measure, Row};

/// The quantities that runs behind the rows have, by quantity. Those of analyses are in their panels.
pub(crate) fn measured(group: &Group<'_>, rows: &[Row], bootstrap: &Bootstrap) -> Vec<Measured> {
    let is_wanted = |quantity: &Quantity| {
        let is_in_rows = [Quantity::Auc, Quantity::FinalReturn].contains(quantity);
        quantity.analysis().is_none() && !is_in_rows
    };
    let of_row = |quantity: Quantity, row: &Row| {
        let cell = group.comparison.cell(&row.algo, &row.task)?;
        let is_behind = |run: &&Run| row.seeds.contains(&run.manifest.seed);
        let runs = group.runs_of(&row.algo, &row.task).filter(is_behind);
        let value = |run: &Run| Some((run.manifest.seed, quantity.values(cell, &[run]).pop()?));
        let (seeds, values) = runs.filter_map(value).unzip();
        let measure = Measure::from(&Estimate::new(values, bootstrap)?);
        let (task, method) = (row.task.clone(), row.algo.clone());
        Some(Measured { task, method, quantity, measure, seeds })
    };
    let quantities = Quantity::ALL.into_iter().filter(is_wanted);
    quantities
        .flat_map(|quantity| rows.iter().filter_map(move |row| of_row(quantity, row)))
        .collect()
}
