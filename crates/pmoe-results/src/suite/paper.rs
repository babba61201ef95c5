use std::collections::BTreeMap;

use pmoe_stats::mean;
use serde::Deserialize;

use super::Suite;
use crate::analysis::Quantity;

/// What the paper shows and prints in a figure or table, and states about its runs.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Paper {
    /// What the figure or table shows, in our words.
    pub shows: Option<String>,
    /// The quantities it is about, unless that is the area under the learning curves.
    #[serde(default)]
    pub about: Vec<Quantity>,
    /// What the paper states about the scale of the runs.
    #[serde(default)]
    pub states: Stated,
    /// AUC in percent of the reference, by method, then task.
    #[serde(default)]
    pub auc: BTreeMap<String, BTreeMap<String, f64>>,
    /// Returns of trained policies that act on noisy observations.
    #[serde(default)]
    pub noise: Vec<NoiseReturn>,
}

/// The parts of the preset `paper` that the paper states; the other parts are our choice.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stated {
    /// Whether it states the number of seeds.
    #[serde(default)]
    pub seeds: bool,
    /// The tasks for which it states the budget in environment steps.
    #[serde(default)]
    pub steps: Vec<String>,
}

/// Return of a trained policy that acts on noisy observations, as printed in the paper.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoiseReturn {
    /// Name of the method.
    pub method: String,
    /// Name of the task.
    pub task: String,
    /// Standard deviation of the noise on each element of the observation.
    pub obs_noise: f64,
    /// Mean return of the episodes.
    pub mean: f64,
    /// Standard deviation over the episodes.
    pub std: f64,
}

impl Paper {
    /// Returns the printed result of a method on a task at one noise level.
    #[must_use]
    pub fn noise_return(&self, method: &str, task: &str, obs_noise: f64) -> Option<&NoiseReturn> {
        self.noise.iter().find(|of| {
            (of.method.as_str(), of.task.as_str()) == (method, task)
                && of.obs_noise.total_cmp(&obs_noise).is_eq()
        })
    }
}

impl Suite {
    /// Returns the ratio of two methods' printed results, `method` over `than`, averaged over
    /// `tasks`.
    ///
    /// `None` if the paper does not print all of the results, if a divisor is not positive, or if
    /// `tasks` is empty.
    #[must_use]
    pub fn paper_ratio(
        &self,
        quantity: Quantity,
        method: &str,
        than: &str,
        tasks: &[String],
    ) -> Option<f64> {
        let of_task = |task: &String| {
            let than = self.printed(quantity, than, task).filter(|than| 0.0 < *than)?;
            Some(self.printed(quantity, method, task)? / than)
        };
        let ratios: Vec<f64> = tasks.iter().map(of_task).collect::<Option<_>>()?;
        mean(&ratios)
    }

    /// Returns the number printed in the paper's table, in the table's unit.
    fn printed(&self, quantity: Quantity, method: &str, task: &str) -> Option<f64> {
        let paper = &self.paper;
        match quantity.obs_noise() {
            Some(obs_noise) => paper.noise_return(method, task, obs_noise).map(|of| of.mean),
            None if quantity != Quantity::Auc => None,
            None if method == self.reference => Some(100.0),
            None => paper.auc.get(method)?.get(task).copied(),
        }
    }
}
