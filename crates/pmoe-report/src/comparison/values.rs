//! Values of a quantity for the runs of a cell.

use std::collections::BTreeMap;

use pmoe_results::settings::find;
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
                Quantity::ActingAuc => acting_auc(run, self.total_steps),
                Quantity::ActingReturn => {
                    final_return(&run.acting_curve(self.total_steps), self.total_steps)
                }
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

/// Computes the mean return of training episodes over training; `None` if no finished episode
/// reaches into the last tenth, as the mean would be that of an earlier part.
fn acting_auc(run: &Run, total_steps: u64) -> Option<f64> {
    let curve = run.acting_curve(total_steps);
    let (first, last) = curve.span()?;
    auc(&curve, first, last).filter(|_| is_last_tenth(last, total_steps))
}

/// Computes the entropy of the policy that acts: its mean over the updates in the last tenth.
///
/// Earlier versions report no such number for SAC. If a single Gaussian acts, it is minus the mean
/// log-density of the actions in the loss. For mixtures there is none: that density is the winning
/// primitive's own, of the best of several actions.
fn entropy(run: &Run, total_steps: u64) -> Option<f64> {
    let is_one_gaussian = is_one_gaussian(&run.config);
    let is_on_policy = ["algo.ppo", "algo.dac"].iter().any(|key| find(&run.config, key).is_some());
    let of_update = |metrics: &BTreeMap<String, f64>| {
        // Of mixtures on PPO and of DAC, earlier versions called the lower bound by this name.
        let is_bound = is_on_policy && !is_one_gaussian && !metrics.contains_key("entropy_bound");
        let entropy = metrics.get("entropy").copied().filter(|_| !is_bound);
        let of_loss = || metrics.get("log_prob_mean").map(|log_prob| -log_prob);
        entropy.or_else(|| is_one_gaussian.then(of_loss).flatten())
    };
    let of_event = |event: &Event| match event {
        Event::Update { env_step, metrics, .. } if is_last_tenth(*env_step, total_steps) => {
            of_update(metrics)
        }
        _ => None,
    };
    mean(&run.events.iter().filter_map(of_event).collect::<Vec<_>>())
}

/// Whether the policy of a config is one Gaussian in each state: not a mixture of several.
fn is_one_gaussian(config: &toml::Table) -> bool {
    let num_primitives = find(config, "actor.pmoe.num_primitives");
    ["actor.gaussian", "actor.gating", "actor.mcp"].iter().any(|key| find(config, key).is_some())
        || num_primitives.and_then(toml::Value::as_integer) == Some(1)
}

/// Returns the value from the run's analysis. An unreadable file yields `None`; the report shows
/// the error.
fn of_analysis(run: &Run, quantity: Quantity) -> Option<f64> {
    let analysis = run.analysis(quantity.analysis()?).ok()??;
    let measures = analysis.measures();
    measures.into_iter().find(|(of, _)| *of == quantity).map(|(_, value)| value)
}
