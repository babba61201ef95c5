use std::collections::BTreeMap;

use pmoe_stats::mean;
use serde::Deserialize;

use super::Suite;
use crate::analysis::Quantity;

/// What the paper shows, prints and says of how it was made.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Paper {
    /// What it shows and says there, in our words.
    pub shows: Option<String>,
    /// What it is about, where that is not the area under learning curves.
    #[serde(default)]
    pub about: Vec<Quantity>,
    /// What it says of the scale of its runs.
    #[serde(default)]
    pub states: Stated,
    /// AUC in percent of the reference, by method, then task.
    #[serde(default)]
    pub auc: BTreeMap<String, BTreeMap<String, f64>>,
    /// Returns of trained policies that see noisy observations.
    #[serde(default)]
    pub noise: Vec<NoiseReturn>,
}

/// Which parts of the preset `paper` the paper states; the others are ours.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stated {
    /// The number of seeds.
    #[serde(default)]
    pub seeds: bool,
    /// The tasks whose budget in environment steps it states.
    #[serde(default)]
    pub steps: Vec<String>,
}

/// Return of a trained policy that sees noisy observations, as the paper prints it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoiseReturn {
    /// Name of the method.
    pub method: String,
    /// Name of the task.
    pub task: String,
    /// Standard deviation of the noise on each observed number.
    pub obs_noise: f64,
    /// Mean return of the episodes.
    pub mean: f64,
    /// Their standard deviation.
    pub std: f64,
}

impl Paper {
    /// What it prints of a method on a task under noise of a standard deviation.
    #[must_use]
    pub fn noise_return(&self, method: &str, task: &str, obs_noise: f64) -> Option<&NoiseReturn> {
        self.noise.iter().find(|of| {
            (of.method.as_str(), of.task.as_str()) == (method, task)
                && of.obs_noise.total_cmp(&obs_noise).is_eq()
        })
    }
}

impl Suite {
    /// What the paper prints of a method over what it prints of another, the mean over `tasks`; `None` if it
    /// does not print all of them, or none that is above zero to divide by.
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

    /// The number of the paper's table, in the table's unit.
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
