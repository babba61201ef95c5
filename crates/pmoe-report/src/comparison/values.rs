//! What a quantity is for the runs behind a cell.

use pmoe_results::{Event, Quantity, Run};
use pmoe_stats::curve::{auc, final_return, is_last_tenth};
use pmoe_stats::mean;

use super::Cell;

impl<'a> Cell<'a> {
    /// The runs behind the numbers that have a quantity, with its value for each.
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

/// Success rate over as much of the training as has one.
fn success_auc(run: &Run, total_steps: u64) -> Option<f64> {
    let curve = run.success_rate(total_steps);
    let (first, last) = curve.span()?;
    auc(&curve, first, last)
}

/// Mean of minus the log-density of the policy's actions over the updates of the last tenth.
fn entropy(run: &Run, total_steps: u64) -> Option<f64> {
    let of_event = |event: &Event| match event {
        Event::Update { env_step, metrics, .. } if is_last_tenth(*env_step, total_steps) => {
            metrics.get("log_prob_mean").map(|log_prob| -log_prob)
        }
        _ => None,
    };
    mean(&run.events.iter().filter_map(of_event).collect::<Vec<_>>())
}

/// The value by the run's analysis. A file that can't be read gives none; the report says so.
fn of_analysis(run: &Run, quantity: Quantity) -> Option<f64> {
    let analysis = run.analysis(quantity.analysis()?).ok()??;
    let measures = analysis.measures();
    measures.into_iter().find(|(of, _)| *of == quantity).map(|(_, value)| value)
}
