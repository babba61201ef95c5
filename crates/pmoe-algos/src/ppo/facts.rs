//! Properties of PPO that follow from its settings.

use burn::tensor::Device;
use pmoe_envs::EnvSpec;

use super::{ActionValue, Actor, ActorConfig, Critic, CriticConfig, Ppo, PpoConfig};
use crate::experience::Experience;
use crate::memory::{MemoryUse, NUMBERS_PER_ACTION, Sizes, parameters, units, with};
use crate::policy::EvalPrimitive;
use crate::rollout::RolloutBuffer;
use crate::timing::{TimedStep, minibatches, observe_random};

impl PpoConfig {
    pub(crate) fn name(&self) -> &'static str {
        "ppo"
    }

    pub(crate) fn experience(&self) -> Experience {
        let Self { rollout_steps, minibatch_size, .. } = *self;
        Experience::Rollout { rollout_steps, minibatch_size }
    }

    pub(crate) fn depends_on_total_steps(&self) -> bool {
        self.anneal_lr
    }

    /// PPO has no random steps.
    pub(crate) fn set_random_steps(&mut self, _steps: u64) {}

    /// Shortens the rollout to a few minibatches.
    pub(crate) fn learn_early(&mut self) {
        let rows = RolloutBuffer::FEW_MINIBATCHES * self.minibatch_size;
        self.rollout_steps = rows.next_multiple_of(self.num_envs);
    }

    pub(crate) fn num_envs(&self) -> usize {
        self.num_envs
    }

    pub(crate) fn eval_primitive(&mut self) -> Option<&mut EvalPrimitive> {
        match &mut self.actor {
            ActorConfig::Pmoe(pmoe) => Some(&mut pmoe.eval_primitive),
            ActorConfig::Gaussian { .. } | ActorConfig::Gating(_) | ActorConfig::Mcp(_) => None,
        }
    }

    pub(crate) fn timed_step(&self, spec: &EnvSpec, _: usize, device: &Device) -> TimedStep {
        let mut agent = Ppo::new(self.clone(), spec, 0, 0, device);
        observe_random(&mut agent, self.rollout_steps, spec);
        let targets = agent.targets();
        let mut minibatches = minibatches(self.rollout_steps, self.minibatch_size);
        Box::new(move |rng, done| {
            let done = &mut |part| done(&part);
            agent.gradient_step_in_parts(&targets, &minibatches(), rng, done);
        })
    }

    /// Returns the memory use of a run of `total_steps`.
    pub(crate) fn memory(&self, total_steps: usize, spec: &EnvSpec) -> MemoryUse {
        let (obs_dim, action_dim) = (spec.obs_dim, spec.action_dim());
        let mut layers = Actor::layers(self, obs_dim, action_dim);
        layers.extend(Critic::layers(&self.net, obs_dim));
        let mut all = units(&self.net.hidden);
        if let CriticConfig::Separate { hidden } = &self.net.critic {
            all = all.saturating_add(units(hidden));
        }
        let primitives = self.actor.num_primitives() as u64;
        let mut judging = 0;
        if let Some(pmoe) = self.actor.with_action_value() {
            layers.extend(ActionValue::layers(pmoe, obs_dim, action_dim));
            judging = units(&pmoe.aux_hidden).saturating_mul(primitives);
        }
        let actions =
            primitives.saturating_mul(action_dim as u64).saturating_mul(NUMBERS_PER_ACTION);
        let numbers = all.saturating_mul(2).saturating_add(judging).saturating_add(actions);
        let sizes = Sizes {
            parameters: parameters(&layers),
            batch: [self.minibatch_size as u64, numbers],
            rollout: [self.rollout_steps as u64, all.saturating_add(actions)],
        };
        sizes.memory(self.experience().bytes(total_steps, spec))
    }

    /// Returns, for each setting that memory grows with, its key and the config with that setting
    /// at its minimum.
    pub(crate) fn with_one_at_its_least(&self) -> Vec<(&'static str, Self)> {
        let mut all = vec![
            with(self, "net.hidden", |config| config.net.hidden = vec![1]),
            with(self, "net.critic.separate.hidden", |config| {
                if let CriticConfig::Separate { hidden } = &mut config.net.critic {
                    *hidden = vec![1];
                }
            }),
            with(self, "actor.pmoe.aux_hidden", |config| {
                if let ActorConfig::Pmoe(pmoe) = &mut config.actor {
                    pmoe.aux_hidden = vec![1];
                }
            }),
            with(self, "rollout_steps", |config| config.rollout_steps = 1),
            with(self, "minibatch_size", |config| config.minibatch_size = 1),
        ];
        let mut config = self.clone();
        if let Some((key, num_primitives)) = config.actor.num_primitives_mut() {
            *num_primitives = 1;
            all.push((key, config));
        }
        all
    }
}
