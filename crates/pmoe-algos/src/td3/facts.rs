//! What others ask of TD3's settings.

use burn::tensor::Device;
use pmoe_envs::EnvSpec;

use super::{DeterministicActor, Td3, Td3Config};
use crate::checkpoint::Scope;
use crate::critic::TwinCritic;
use crate::memory::{MemoryUse, NUMBERS_PER_ACTION, Sizes, parameters, units};
use crate::policy::EvalPrimitive;
use crate::replay::ReplayBuffer;
use crate::timing::{TimedStep, observe_random};

impl Td3Config {
    pub(crate) fn name(&self) -> &'static str {
        "td3"
    }

    /// Environment steps before the first update, and the setting that says so.
    pub(crate) fn first_update(&self) -> (&'static str, u64) {
        ("learning_starts", self.learning_starts)
    }

    pub(crate) fn steps_per_update(&self) -> u64 {
        1
    }

    pub(crate) fn rows_per_update(&self) -> usize {
        self.batch_size
    }

    pub(crate) fn kept_steps(&self) -> usize {
        self.buffer_size
    }

    pub(crate) fn bytes_of_steps(&self, steps: usize, spec: &EnvSpec) -> usize {
        ReplayBuffer::bytes(steps, spec.obs_dim, spec.action_dim())
    }

    /// Replay data are many: a finished run keeps them on request only.
    pub(crate) fn scope_at_the_end(&self, keep_replay: bool) -> Scope {
        if keep_replay { Scope::Everything } else { Scope::Policy }
    }

    pub(crate) fn depends_on_total_steps(&self) -> bool {
        false
    }

    pub(crate) fn set_random_steps(&mut self, steps: u64) {
        self.random_steps = steps;
    }

    /// A batch is enough to learn from.
    pub(crate) fn learn_early(&mut self) {
        self.learning_starts = self.batch_size as u64;
    }

    /// The policy has no primitives.
    pub(crate) fn eval_primitive(&mut self) -> Option<&mut EvalPrimitive> {
        None
    }

    /// As many updates as there are for one of the actor.
    pub(crate) fn timed_step(
        &self,
        spec: &EnvSpec,
        transitions: usize,
        device: &Device,
    ) -> TimedStep {
        let config = Self { buffer_size: self.buffer_size.min(transitions), ..self.clone() };
        let mut agent = Td3::new(config, spec, 0, device);
        observe_random(&mut agent, transitions, spec);
        let updates = self.policy_delay;
        Box::new(move |rng, done| {
            for _ in 0..updates {
                agent.gradient_step_in_parts(rng, &mut |part| done(&part));
            }
        })
    }

    /// What a run takes that keeps `steps` transitions.
    pub(crate) fn memory(&self, steps: usize, spec: &EnvSpec) -> MemoryUse {
        let (obs_dim, action_dim) = (spec.obs_dim, spec.action_dim());
        let mut layers = DeterministicActor::layers(obs_dim, action_dim, &self.hidden);
        layers.extend(TwinCritic::layers(obs_dim, action_dim, &self.hidden));
        // The policy, then both critics there and back.
        let numbers = units(&self.hidden).saturating_mul(5);
        let numbers =
            numbers.saturating_add((action_dim as u64).saturating_mul(NUMBERS_PER_ACTION));
        let sizes = Sizes {
            parameters: parameters(&layers),
            batch: [self.batch_size as u64, numbers],
            rollout: [0, 0],
        };
        sizes.memory(self.bytes_of_steps(steps.min(self.buffer_size), spec))
    }

    /// For each setting that memory grows with: its key, and the config with this one at its least.
    pub(crate) fn with_one_at_its_least(&self) -> Vec<(&'static str, Self)> {
        let with = |key, change: fn(&mut Self)| {
            let mut config = self.clone();
            change(&mut config);
            (key, config)
        };
        vec![
            with("hidden", |config| config.hidden = vec![1]),
            with("buffer_size", |config| config.buffer_size = 1),
            with("batch_size", |config| config.batch_size = 1),
        ]
    }
}
