//! The metrics of PPO.

use pmoe_core::loss::ratio_statistics;

use super::{GradientStep, Ppo, Targets};
use crate::agent::Metrics;
use crate::rollout::explained_variance;
use crate::tensors::mean;

impl Ppo {
    /// Returns the metrics of a rollout's update, whose last gradient update is `step`.
    pub(super) fn metrics_of(&self, step: &GradientStep, targets: &Targets) -> Metrics {
        let GradientStep { loss, aux_loss, grad_norm, lr } = step;
        let (approx_kl, clip_fraction) = ratio_statistics(&loss.log_ratio, self.config.clip_ratio);
        let explained_variance = explained_variance(&targets.value, &targets.returns);
        let mut metrics = Metrics::from([
            ("policy_loss".to_owned(), mean(&loss.policy_loss)),
            ("value_loss".to_owned(), mean(&loss.value_loss)),
            ("approx_kl".to_owned(), approx_kl),
            ("clip_fraction".to_owned(), clip_fraction),
            ("explained_variance".to_owned(), explained_variance),
            ("grad_norm".to_owned(), *grad_norm),
            ("lr".to_owned(), *lr),
        ]);
        // The loss knows a mixture's entropy only by its lower bound.
        let of_loss = mean(&loss.entropy);
        if let Some(entropy) = targets.entropy {
            metrics.insert("entropy".to_owned(), entropy);
            metrics.insert("entropy_bound".to_owned(), of_loss);
        } else {
            metrics.insert("entropy".to_owned(), of_loss);
        }
        if let Some(loss) = &loss.routing_loss {
            metrics.insert("routing_loss".to_owned(), mean(loss));
        }
        if let Some(mixture) = &loss.mixture {
            metrics.extend(mixture.metrics());
        }
        if let Some(loss) = aux_loss {
            metrics.insert("action_value_loss".to_owned(), mean(loss));
        }
        metrics
    }
}
