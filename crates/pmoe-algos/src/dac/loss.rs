//! The losses of the two MDPs: pure functions of networks and tensors.

use burn::tensor::Tensor;
use burn::tensor::activation::sigmoid;
use pmoe_core::dist::select_value;
use pmoe_core::loss::{clipped_surrogate_loss, value_loss};

use super::DacConfig;
use super::batch::{HighMinibatch, LowMinibatch};
use super::net::{DacNet, option_log_probs};

/// The loss of a minibatch and its metrics.
#[derive(Debug)]
pub struct DacLoss {
    /// The total loss, `[1]`.
    pub loss: Tensor<1>,
    /// The clipped surrogate, `[1]`, a constant.
    pub policy_loss: Tensor<1>,
    /// The value loss, `[1]`, a constant.
    pub value_loss: Tensor<1>,
    /// Entropy of the choice of options, or of the options' actions, `[B]`, constant.
    pub entropy: Tensor<1>,
    /// Logarithm of the probability ratio, `[B]`, constant.
    pub log_ratio: Tensor<1>,
}

impl DacNet {
    /// Computes the loss of the high MDP: states (o', s), actions o, policy π^H.
    ///
    /// ```text
    /// L = surrogate(π^H) + c_v ½ mean (R^H − Σ_o π^H_old(o) q(s, o))² − c_e mean H(π^H)
    ///     + c_β mean β_{o'}(s) [the episode does not begin]
    /// ```
    ///
    /// # Gradients
    /// Flow into the master policy, the terminations and the critic.
    ///
    /// # Source
    /// arXiv:1904.12691, section 3 and algorithm 1, with PPO.
    pub fn high_loss(&self, config: &DacConfig, batch: HighMinibatch) -> DacLoss {
        let HighMinibatch { obs, previous, option, log_prob, old_probs, advantage, returns } =
            batch;
        let logits = self.termination_logits(obs.clone());
        let logit = select_value(logits, &previous.option);
        let log_probs =
            option_log_probs(self.master_log_probs(obs.clone()), logit.clone(), &previous);
        let log_ratio = select_value(log_probs.clone(), &option) - log_prob;
        let entropy: Tensor<1> =
            (log_probs.clone().exp() * log_probs).sum_dim(1).squeeze_dim::<1>(1).neg();
        let value = (old_probs * self.q(obs)).sum_dim(1).squeeze_dim(1);
        let losses = Losses::new(config, log_ratio, advantage, value, returns);
        let mut loss = losses.sum(config) - entropy.clone().mean().mul_scalar(config.ent_coef);
        if config.termination_coef > 0.0 {
            let termination =
                sigmoid(logit.clone()) * previous.is_first.bool_not().float().cast(logit.dtype());
            loss = loss + termination.mean().mul_scalar(config.termination_coef);
        }
        losses.with(loss, entropy)
    }

    /// Computes the loss of the low MDP: states (s, o), actions a, policy π_o.
    ///
    /// ```text
    /// L = surrogate(π_o) + c_v ½ mean (R^L − q(s, o))²
    /// ```
    ///
    /// # Gradients
    /// Flow into the active options and the critic.
    ///
    /// # Source
    /// arXiv:1904.12691, section 3 and algorithm 1, with PPO.
    pub fn low_loss(&self, config: &DacConfig, batch: LowMinibatch) -> DacLoss {
        let LowMinibatch { obs, option, action, log_prob, advantage, returns } = batch;
        let policy = self.options(&option, obs.clone());
        let log_ratio = policy.log_prob(action) - log_prob;
        let value = select_value(self.q(obs), &option);
        let losses = Losses::new(config, log_ratio, advantage, value, returns);
        let loss = losses.sum(config);
        losses.with(loss, policy.entropy())
    }
}

/// The terms that both losses share.
struct Losses {
    policy_loss: Tensor<1>,
    value_loss: Tensor<1>,
    log_ratio: Tensor<1>,
}

impl Losses {
    fn new(
        config: &DacConfig,
        log_ratio: Tensor<1>,
        advantage: Tensor<1>,
        value: Tensor<1>,
        returns: Tensor<1>,
    ) -> Self {
        let policy_loss = clipped_surrogate_loss(log_ratio.clone(), advantage, config.clip_ratio);
        let value_loss = value_loss(value, returns, None);
        Self { policy_loss, value_loss, log_ratio }
    }

    fn sum(&self, config: &DacConfig) -> Tensor<1> {
        self.policy_loss.clone() + self.value_loss.clone().mul_scalar(config.vf_coef)
    }

    fn with(self, loss: Tensor<1>, entropy: Tensor<1>) -> DacLoss {
        DacLoss {
            loss,
            policy_loss: self.policy_loss.inner(),
            value_loss: self.value_loss.inner(),
            entropy: entropy.inner(),
            log_ratio: self.log_ratio.inner(),
        }
    }
}
