//! Properties of DAC that follow from its settings.

use burn::tensor::Device;
use pmoe_envs::EnvSpec;

use super::{Dac, DacConfig, DacNet, Mdp};
use crate::experience::Experience;
use crate::memory::{MemoryUse, NUMBERS_PER_ACTION, Sizes, parameters, units, with};
use crate::policy::EvalPrimitive;
use crate::rollout::RolloutBuffer;
use crate::timing::{TimedStep, minibatches, observe_random};

impl DacConfig {
    pub(crate) fn name(&self) -> &'static str {
        "dac"
    }

    pub(crate) fn experience(&self) -> Experience {
        let Self { rollout_steps, minibatch_size, .. } = *self;
        Experience::Rollout { rollout_steps, minibatch_size }
    }

    pub(crate) fn depends_on_total_steps(&self) -> bool {
        false
    }

    /// DAC has no random steps.
    pub(crate) fn set_random_steps(&mut self, _steps: u64) {}

    /// Shortens the rollout to a few minibatches.
    pub(crate) fn learn_early(&mut self) {
        self.rollout_steps = RolloutBuffer::FEW_MINIBATCHES * self.minibatch_size;
    }

    pub(crate) fn num_envs(&self) -> usize {
        1
    }

    /// Options take turns; DAC does not choose one for each action.
    pub(crate) fn eval_primitive(&mut self) -> Option<&mut EvalPrimitive> {
        None
    }

    /// Does one update of each MDP, since both have the same number of updates.
    pub(crate) fn timed_step(&self, spec: &EnvSpec, _: usize, device: &Device) -> TimedStep {
        let mut agent = Dac::new(self.clone(), spec, 0, device);
        observe_random(&mut agent, self.rollout_steps, spec);
        let targets = agent.targets();
        let mut minibatches = minibatches(self.rollout_steps, self.minibatch_size);
        Box::new(move |_, done| {
            let rows = minibatches();
            for mdp in [Mdp::High, Mdp::Low] {
                let done = &mut |part| done(&(mdp, part));
                agent.gradient_step_in_parts(mdp, &targets, &rows, done);
            }
        })
    }

    /// Returns the memory use of a run of `total_steps`.
    pub(crate) fn memory(&self, total_steps: usize, spec: &EnvSpec) -> MemoryUse {
        let (obs_dim, action_dim) = (spec.obs_dim, spec.action_dim());
        let units = units(&self.hidden);
        let options = self.num_options as u64;
        let actions = options.saturating_mul(action_dim as u64).saturating_mul(NUMBERS_PER_ACTION);
        // The master policy and the critic, and the termination or the mean of each option.
        let networks = options.saturating_add(2);
        let numbers = units.saturating_mul(2).saturating_mul(networks).saturating_add(actions);
        let sizes = Sizes {
            parameters: parameters(&DacNet::layers(self, obs_dim, action_dim)),
            batch: [self.minibatch_size as u64, numbers],
            rollout: [self.rollout_steps as u64, units.saturating_add(actions)],
        };
        sizes.memory(self.experience().bytes(total_steps, spec))
    }

    /// Returns, for each setting that memory grows with, its key and the config with that setting
    /// at its minimum.
    pub(crate) fn with_one_at_its_least(&self) -> Vec<(&'static str, Self)> {
        vec![
            with(self, "hidden", |config| config.hidden = vec![1]),
            with(self, "rollout_steps", |config| config.rollout_steps = 1),
            with(self, "minibatch_size", |config| config.minibatch_size = 1),
            with(self, "num_options", |config| config.num_options = 1),
        ]
    }
}
