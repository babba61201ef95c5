//! What the log tells about the latest update.

use burn::tensor::Tensor;

use super::sample::PolicySample;
use crate::agent::{AgentError, Metrics, finite_metrics};
use crate::policy::MixtureBatch;
use crate::tensors::mean;

/// Results of an update, still on the device: of one run, or of N in lockstep.
pub(super) struct Latest {
    /// Both critics' losses, `[N]`.
    pub(super) critic_loss: Tensor<1>,
    /// `[N]`
    pub(super) actor_loss: Tensor<1>,
    /// Values of the first critic, `[N·B]`.
    pub(super) q1: Tensor<1>,
    /// Log-densities in the temperature's loss, as many of each run.
    pub(super) log_prob: Tensor<1>,
    /// `[N]`
    pub(super) alpha: Vec<f64>,
    /// `[N]`
    pub(super) routing_loss: Option<Tensor<1>>,
    /// At `N·B` states.
    pub(super) mixture: Option<MixtureBatch>,
    /// At the same states.
    pub(super) sample: Option<PolicySample>,
}

impl Latest {
    /// Returns the results of one of the runs.
    pub(super) fn of_run(&self, run: usize) -> Self {
        let runs = self.alpha.len();
        let part = |all: &Tensor<1>| rows_of(all.clone(), run, runs);
        let of_mixture = |all: &MixtureBatch| MixtureBatch {
            log_weights: rows_of(all.log_weights.clone(), run, runs),
            mean: rows_of(all.mean.clone(), run, runs),
            chosen: all.chosen.clone().map(|chosen| {
                let [rows] = chosen.dims();
                chosen.narrow(0, run * rows / runs, rows / runs)
            }),
        };
        Self {
            critic_loss: part(&self.critic_loss),
            actor_loss: part(&self.actor_loss),
            q1: part(&self.q1),
            log_prob: part(&self.log_prob),
            alpha: vec![self.alpha[run]],
            routing_loss: self.routing_loss.as_ref().map(part),
            mixture: self.mixture.as_ref().map(of_mixture),
            sample: self.sample.as_ref().map(|all| all.of_run(run, runs)),
        }
    }

    /// Computes the metrics of one run, after `grad_step` updates.
    pub(super) fn metrics(&self, grad_step: u64) -> Result<Metrics, AgentError> {
        let log_prob = mean(&self.log_prob);
        let mut metrics = Metrics::from([
            ("critic_loss".to_owned(), mean(&self.critic_loss)),
            ("actor_loss".to_owned(), mean(&self.actor_loss)),
            ("q1_mean".to_owned(), mean(&self.q1)),
            ("log_prob_mean".to_owned(), log_prob),
            ("entropy".to_owned(), -log_prob),
            ("alpha".to_owned(), self.alpha[0]),
        ]);
        if let Some(sample) = &self.sample {
            let chosen = self.mixture.as_ref().and_then(|mixture| mixture.chosen.as_ref());
            metrics.extend(sample.metrics(chosen));
        }
        if let Some(routing_loss) = &self.routing_loss {
            metrics.insert("routing_loss".to_owned(), mean(routing_loss));
        }
        if let Some(mixture) = &self.mixture {
            metrics.extend(mixture.squashed().metrics());
        }
        finite_metrics(metrics, grad_step)
    }
}

/// Returns the rows of one of `runs` runs.
pub(super) fn rows_of<const D: usize>(all: Tensor<D>, run: usize, runs: usize) -> Tensor<D> {
    let count = all.dims()[0] / runs;
    all.narrow(0, run * count, count)
}
