//! The metrics of DAC.

use pmoe_core::loss::ratio_statistics;

use super::{Dac, DacLoss, Mdp, Targets};
use crate::agent::Metrics;
use crate::rollout::explained_variance;
use crate::tensors::mean;

impl Dac {
    /// Returns the metrics of an MDP, from the loss and gradient norm of its last update.
    pub(super) fn metrics_of(&self, mdp: Mdp, loss: &DacLoss, grad_norm: f64) -> Metrics {
        let (approx_kl, clip_fraction) = ratio_statistics(&loss.log_ratio, self.config.clip_ratio);
        let [policy_loss, value_loss, kl, clipped, entropy] = match mdp {
            Mdp::High => [
                "high_policy_loss",
                "high_value_loss",
                "high_approx_kl",
                "high_clip_fraction",
                "option_entropy",
            ],
            Mdp::Low => {
                ["policy_loss", "value_loss", "approx_kl", "clip_fraction", "entropy_bound"]
            }
        };
        let values = [
            (policy_loss, mean(&loss.policy_loss)),
            (value_loss, mean(&loss.value_loss)),
            (kl, approx_kl),
            (clipped, clip_fraction),
            (entropy, mean(&loss.entropy)),
            ("grad_norm", grad_norm),
        ];
        values.map(|(name, value)| (name.to_owned(), value)).into()
    }

    /// Returns the metrics of the rollout.
    pub(super) fn metrics_of_rollout(&self, targets: &Targets) -> Metrics {
        let values = [
            ("explained_variance", explained_variance(&targets.low.value, &targets.low.returns)),
            ("entropy", targets.entropy),
            ("effective_options", self.options.effective(self.config.num_options)),
            ("option_information", self.options.information(&targets.probs)),
            ("switch_fraction", self.options.switch_fraction()),
        ];
        values.map(|(name, value)| (name.to_owned(), value)).into()
    }
}
