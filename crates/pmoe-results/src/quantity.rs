use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Cell, EvalCurve, Event, Run, auc};

/// A number that a finished run gives, beside its learning curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quantity {
    /// Mean evaluation return over training, [`auc`].
    Auc,
    /// Mean evaluation return of the last tenth of training.
    FinalReturn,
    /// Success rate of training episodes, [`EvalCurve::success_rate`], averaged over training.
    SuccessAuc,
    /// Mean of −log π(a|s) over the last tenth of training, nats.
    Entropy,
}

impl Quantity {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Auc, Self::FinalReturn, Self::SuccessAuc, Self::Entropy];

    /// Its name in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Auc => "auc",
            Self::FinalReturn => "final_return",
            Self::SuccessAuc => "success_auc",
            Self::Entropy => "entropy",
        }
    }

    /// What it is, in words.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Auc => "area under the learning curve",
            Self::FinalReturn => "final return",
            Self::SuccessAuc => "success rate over training",
            Self::Entropy => "entropy of the policy",
        }
    }

    /// Whether it is a return, which means something in percent of another method's only.
    #[must_use]
    pub fn is_return(self) -> bool {
        matches!(self, Self::Auc | Self::FinalReturn)
    }

    /// Its value for each of a method's runs, in the order of `runs`; those that do not have it are left
    /// out.
    #[must_use]
    pub fn values(self, cell: &Cell, runs: &[&Run]) -> Vec<f64> {
        let of_estimate = |estimate: &Option<crate::Estimate>| {
            estimate.as_ref().map(|estimate| estimate.values.clone()).unwrap_or_default()
        };
        match self {
            Self::Auc => of_estimate(&cell.auc),
            Self::FinalReturn => of_estimate(&cell.final_return),
            Self::SuccessAuc => {
                let of_run = |run: &&Run| {
                    let curve = EvalCurve::success_rate(&run.events, cell.total_steps);
                    let (first, last) = curve.span()?;
                    auc(&curve, first, last)
                };
                runs.iter().filter_map(of_run).collect()
            }
            Self::Entropy => runs.iter().filter_map(|run| entropy(run, cell.total_steps)).collect(),
        }
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Mean of minus the log-density of the policy's actions over the updates of the last tenth.
fn entropy(run: &Run, total_steps: u64) -> Option<f64> {
    let of_event = |event: &Event| match event {
        Event::Update { env_step, metrics, .. } if total_steps - total_steps / 10 < *env_step => {
            metrics.get("log_prob_mean").map(|log_prob| -log_prob)
        }
        _ => None,
    };
    let values: Vec<f64> = run.events.iter().filter_map(of_event).collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}
