//! Properties of TD3 that follow from its settings.

use burn::tensor::Device;
use pmoe_envs::EnvSpec;

use super::{DeterministicActor, Td3, Td3Config};
use crate::critic::TwinCritic;
use crate::experience::Experience;
use crate::memory::{MemoryUse, NUMBERS_PER_ACTION, Sizes, parameters, units, with};
use crate::policy::EvalPrimitive;
use crate::timing::{TimedStep, observe_random};

impl Td3Config {
    pub(crate) fn name(&self) -> &'static str {
        "td3"
    }

    pub(crate) fn experience(&self) -> Experience {
        let Self { learning_starts, batch_size, buffer_size, .. } = *self;
        Experience::Replay { learning_starts, batch_size, buffer_size }
    }

    pub(crate) fn depends_on_total_steps(&self) -> bool {
        false
    }

    pub(crate) fn set_random_steps(&mut self, steps: u64) {
        self.random_steps = steps;
    }

    /// Starts learning as soon as the buffer holds one batch.
    pub(crate) fn learn_early(&mut self) {
        self.learning_starts = self.batch_size as u64;
    }

    pub(crate) fn num_envs(&self) -> usize {
        1
    }

    /// The policy has no primitives.
    pub(crate) fn eval_primitive(&mut self) -> Option<&mut EvalPrimitive> {
        None
    }

    /// Does as many critic updates as there are per actor update.
    pub(crate) fn timed_step(
        &self,
        spec: &EnvSpec,
        transitions: usize,
        device: &Device,
    ) -> TimedStep {
        // Random actions take no time, on any device.
        let (buffer_size, random_steps) = (self.buffer_size.min(transitions), transitions as u64);
        let config = Self { buffer_size, random_steps, ..self.clone() };
        let mut agent = Td3::new(config, spec, 0, device);
        observe_random(&mut agent, transitions, spec);
        let updates = self.policy_delay;
        Box::new(move |rng, done| {
            for _ in 0..updates {
                agent.gradient_step_in_parts(rng, &mut |part| done(&part));
            }
        })
    }

    /// Returns the memory use of a run of `total_steps`.
    pub(crate) fn memory(&self, total_steps: usize, spec: &EnvSpec) -> MemoryUse {
        let (obs_dim, action_dim) = (spec.obs_dim, spec.action_dim());
        let mut layers = DeterministicActor::layers(obs_dim, action_dim, &self.hidden);
        layers.extend(TwinCritic::layers(obs_dim, action_dim, &self.hidden, self.critic_norm));
        // The policy, then both critics, forward and backward.
        let passes = 3 + 2 * self.critic_norm.numbers_per_unit();
        let numbers = units(&self.hidden).saturating_mul(passes);
        let numbers =
            numbers.saturating_add((action_dim as u64).saturating_mul(NUMBERS_PER_ACTION));
        let sizes = Sizes {
            parameters: parameters(&layers),
            batch: [self.batch_size as u64, numbers],
            rollout: [0, 0],
        };
        sizes.memory(self.experience().bytes(total_steps, spec))
    }

    /// Returns, for each setting that memory grows with, its key and the config with that setting
    /// at its minimum.
    pub(crate) fn with_one_at_its_least(&self) -> Vec<(&'static str, Self)> {
        vec![
            with(self, "hidden", |config| config.hidden = vec![1]),
            with(self, "buffer_size", |config| config.buffer_size = 1),
            with(self, "batch_size", |config| config.batch_size = 1),
        ]
    }
}
