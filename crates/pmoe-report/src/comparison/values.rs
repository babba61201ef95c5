//! Values of a quantity for the runs of a cell.

use pmoe_results::{Event, Quantity, Run};
use pmoe_stats::curve::{auc, final_return, is_last_tenth};
use pmoe_stats::mean;

use super::Cell;

impl<'a> Cell<'a> {
    /// Returns the cell's runs that have a quantity, each with its value.
    pub fn values_of(&self, quantity: Quantity) -> impl Iterator<Item = (&'a Run, f64)> {
        let value = move |(index, run): (usize, &&'a Run)| {
            let value = match quantity {
                Quantity::Auc => self.auc.as_ref()?.values.get(index).copied(),
                Quantity::FinalReturn => final_return(&run.eval_curve(), self.total_steps),
                Quantity::SuccessAuc => success_auc(run, self.total_steps),
                Quantity::Entropy => entropy(run, self.total_steps),
                _ => of_analysis(run, quantity),
            };
            Some((*run, value?))
        };
        self.runs.iter().enumerate().filter_map(value)
    }
}

/// Computes the mean success rate over the part of training for which it is defined.
fn success_auc(run: &Run, total_steps: u64) -> Option<f64> {
    let curve = run.success_rate(total_steps);
    let (first, last) = curve.span()?;
    auc(&curve, first, last)
}

/// Computes the policy's entropy: the mean negative log-density of its actions over the updates in
/// the last tenth.
fn entropy(run: &Run, total_steps: u64) -> Option<f64> {
    let of_event = |event: &Event| match event {
        Event::Update { env_step, metrics, .. } if is_last_tenth(*env_step, total_steps) => {
            metrics.get("log_prob_mean").map(|log_prob| -log_prob)
        }
        _ => None,
    };
    mean(&run.events.iter().filter_map(of_event).collect::<Vec<_>>())
}

/// Returns the value from the run's analysis. An unreadable file yields `None`; the report shows
/// the error.
fn of_analysis(run: &Run, quantity: Quantity) -> Option<f64> {
    let analysis = run.analysis(quantity.analysis()?).ok()??;
    let measures = analysis.measures();
    measures.into_iter().find(|(of, _)| *of == quantity).map(|(_, value)| value)
}
