//! Quantities from the events of runs other than AUC and final return, such as success rates and
//! entropies.

use pmoe_results::{Quantity, Run};
use pmoe_stats::{Bootstrap, Estimate};

use crate::comparison::Cell;
use crate::group::Group;
use crate::page::Measured;

/// Measures the quantities of the cells' runs, ordered by quantity. Those of analyses belong to
/// their panels.
pub(crate) fn measured(group: &Group<'_>, bootstrap: &Bootstrap) -> Vec<Measured> {
    let is_wanted = |quantity: &Quantity| {
        use Quantity::{ActingAuc, ActingReturn, Auc, FinalReturn};
        // These have tables of their own.
        let is_in_rows = [Auc, FinalReturn, ActingAuc, ActingReturn].contains(quantity);
        quantity.analysis().is_none() && !is_in_rows
    };
    let of_cell = |quantity: Quantity, cell: &Cell<'_>| {
        let with_path = |(run, value): (&Run, f64)| (run.path.clone(), value);
        let (runs, values) = cell.values_of(quantity).map(with_path).unzip();
        let estimate = Estimate::mean(values, bootstrap)?;
        let (task, method) = (cell.task.clone(), cell.method.clone());
        Some(Measured { task, method, quantity, estimate, runs })
    };
    let quantities = Quantity::ALL.into_iter().filter(is_wanted);
    let cells = &group.comparison.cells;
    quantities
        .flat_map(|quantity| cells.iter().filter_map(move |cell| of_cell(quantity, cell)))
        .collect()
}
