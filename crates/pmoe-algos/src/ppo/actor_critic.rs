//! Policy and value together, and their loss.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use pmoe_core::loss::{clipped_surrogate_loss, value_loss};

use super::{ActionValue, Actor, ActorOutput, Critic, Minibatch, Policy, PpoConfig};
use crate::policy::MixtureBatch;
use crate::seed::{Stream, stream};

/// Policy and value, trained by one optimiser.
#[derive(Module, Debug)]
pub struct ActorCritic {
    /// The policy.
    pub actor: Actor,
    /// The value.
    pub critic: Critic,
}

/// The loss of a minibatch and its metrics.
#[derive(Debug)]
pub struct PpoLoss {
    /// The total loss, `[1]`.
    pub loss: Tensor<1>,
    /// The clipped surrogate, `[1]`, a constant.
    pub policy_loss: Tensor<1>,
    /// The value loss, `[1]`, a constant.
    pub value_loss: Tensor<1>,
    /// Entropy of the policy, or for a mixture its lower bound, `[B]` or `[1]`, constant.
    pub entropy: Tensor<1>,
    /// Logarithm of the probability ratio, `[B]`, constant.
    pub log_ratio: Tensor<1>,
    /// The frequency loss, `[1]`, a constant, if it is used.
    pub routing_loss: Option<Tensor<1>>,
    /// Primitives and their weights, if the policy has any.
    pub mixture: Option<MixtureBatch>,
}

/// What a mixture's router learns from.
#[derive(Debug)]
pub struct Judge<'a> {
    /// The Q-network, without a graph.
    pub q: &'a ActionValue,
    /// Standard normal, `[B·K, A]`, for one action of each primitive.
    pub noise: Tensor<2>,
}

impl ActorCritic {
    /// Creates networks with initial parameters from the run's seed.
    pub fn new(
        config: &PpoConfig,
        obs_dim: usize,
        action_dim: usize,
        seed: u64,
        device: &Device,
    ) -> Self {
        let critic_rng = &mut stream(seed, Stream::CriticInit);
        Self {
            actor: Actor::new(config, obs_dim, action_dim, seed, device),
            critic: Critic::new(&config.net, obs_dim, critic_rng, device),
        }
    }

    /// Computes policy and values, `[B]`, at `obs`, `[B, O]`.
    pub fn forward(&self, obs: Tensor<2>) -> (Policy<'_>, Tensor<1>) {
        let ActorOutput { policy, features, .. } = self.actor.forward(obs.clone());
        (policy, self.critic.forward(obs, features))
    }

    /// Computes the loss of a minibatch. `judge` provides the frequency loss, if the router uses
    /// it.
    ///
    /// ```text
    /// L = surrogate + c_v value_loss − c_e mean H(π) + c_f routing_loss
    /// ```
    ///
    /// # Gradients
    /// Flow into policy and value.
    ///
    /// # Source
    /// arXiv:1707.06347, eq. 9, negated; PMOE paper, eqs. 6–7.
    pub fn loss(&self, config: &PpoConfig, batch: Minibatch, judge: Option<Judge<'_>>) -> PpoLoss {
        let Minibatch { obs, action, log_prob, advantage, returns, value: old_value } = batch;
        let ActorOutput { policy, features, mut mixture } = self.actor.forward(obs.clone());
        let value = self.critic.forward(obs.clone(), features);
        let objective = policy.objective();
        let log_ratio = objective.log_prob(action) - log_prob;
        let policy_loss = clipped_surrogate_loss(log_ratio.clone(), advantage, config.clip_ratio);
        let clip = config.value_clip.then_some((old_value, config.clip_ratio));
        let value_loss = value_loss(value, returns, clip);
        // Without a weight, it only goes to the log.
        let has_weight = config.ent_coef > 0.0;
        let entropy = if has_weight { objective.entropy() } else { objective.constant().entropy() };

        let mut loss = policy_loss.clone() + value_loss.clone().mul_scalar(config.vf_coef);
        if has_weight {
            loss = loss - entropy.clone().mean().mul_scalar(config.ent_coef);
        }
        let mut routing_loss = None;
        if let (Some(Judge { q, noise }), Policy::Mixture(actor, of_router)) = (judge, &policy) {
            let (frequency, weight, best) = actor.routing_loss(of_router, q, obs, noise);
            routing_loss = Some(frequency.clone().inner());
            loss = loss + frequency.mul_scalar(weight);
            mixture = mixture.map(|mixture| mixture.with_chosen(best));
        }
        PpoLoss {
            loss,
            policy_loss: policy_loss.inner(),
            value_loss: value_loss.inner(),
            entropy: entropy.inner(),
            log_ratio: log_ratio.inner(),
            routing_loss,
            mixture,
        }
    }
}
