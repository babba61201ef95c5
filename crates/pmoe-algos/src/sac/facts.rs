//! Properties of SAC that follow from its settings.

use burn::tensor::Device;
use pmoe_envs::EnvSpec;

use super::{Actor, ActorConfig, Critics, Lockstep, Sac, SacConfig, TargetAction};
use crate::experience::Experience;
use crate::memory::{MemoryUse, NUMBERS_PER_ACTION, Sizes, parameters, units, with};
use crate::policy::EvalPrimitive;
use crate::seed::{Stream, stream};
use crate::timing::{TimedStep, observe_random};

impl SacConfig {
    pub(crate) fn name(&self) -> &'static str {
        "sac"
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

    pub(crate) fn eval_primitive(&mut self) -> Option<&mut EvalPrimitive> {
        self.actor.eval_primitive_mut()
    }

    pub(crate) fn timed_step(
        &self,
        spec: &EnvSpec,
        transitions: usize,
        device: &Device,
    ) -> TimedStep {
        // Random actions take no time, on any device.
        let (buffer_size, random_steps) = (self.buffer_size.min(transitions), transitions as u64);
        let config = Self { buffer_size, random_steps, ..self.clone() };
        let mut agent = Sac::new(config, spec, 0, device);
        observe_random(&mut agent, transitions, spec);
        Box::new(move |rng, done| agent.gradient_step_in_parts(rng, &mut |part| done(&part)))
    }

    /// As [`Self::timed_step`], of several runs in lockstep, each with a generator of its own.
    pub(crate) fn timed_lockstep(
        &self,
        runs: usize,
        spec: &EnvSpec,
        transitions: usize,
        device: &Device,
    ) -> TimedStep {
        let config = Self { buffer_size: self.buffer_size.min(transitions), ..self.clone() };
        let seeds = 0..runs as u64;
        let mut rngs: Vec<_> = seeds.clone().map(|seed| stream(seed, Stream::Learn)).collect();
        let run = |seed| {
            let mut run = Sac::new(config.clone(), spec, seed, device);
            observe_random(&mut run, transitions, spec);
            run
        };
        let mut all: Vec<Sac> = seeds.map(run).collect();
        let lockstep = Lockstep::new(&all.iter().collect::<Vec<_>>());
        let mut lockstep = lockstep.expect("new runs have taken equally many steps");
        Box::new(move |_, done| {
            let mut all: Vec<_> = all.iter_mut().collect();
            let mut rngs: Vec<_> = rngs.iter_mut().collect();
            lockstep.gradient_step(&mut all, &mut rngs, &mut |part| done(&part));
        })
    }

    /// Returns the memory use of a run of `total_steps`.
    pub(crate) fn memory(&self, total_steps: usize, spec: &EnvSpec) -> MemoryUse {
        let (obs_dim, action_dim) = (spec.obs_dim, spec.action_dim());
        let mut layers = Actor::layers(self, obs_dim, action_dim);
        layers.extend(Critics::layers(self, obs_dim, action_dim));
        let units = units(&self.hidden);
        let actions = (self.actor.num_primitives() as u64).saturating_mul(action_dim as u64);
        // The policy, then two critics: forward for all actions they evaluate, backward for those
        // in the loss.
        let [forward, backward] = self.actions_in_critics();
        let forward = forward.saturating_mul(self.critic_norm.numbers_per_unit());
        let judged = units.saturating_mul(2).saturating_mul(forward.saturating_add(backward));
        let numbers = units.saturating_add(judged);
        let numbers = numbers.saturating_add(actions.saturating_mul(NUMBERS_PER_ACTION));
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
        let mut all = vec![
            with(self, "hidden", |config| config.hidden = vec![1]),
            with(self, "buffer_size", |config| config.buffer_size = 1),
            with(self, "batch_size", |config| config.batch_size = 1),
        ];
        let mut config = self.clone();
        if let Some((key, num_primitives)) = config.actor.num_primitives_mut() {
            *num_primitives = 1;
            all.push((key, config));
        }
        all
    }

    /// Returns the number of actions per state that pass through the critics at a time, forward and
    /// backward.
    fn actions_in_critics(&self) -> [u64; 2] {
        let ActorConfig::Pmoe(pmoe) = &self.actor else {
            return [1, 1];
        };
        let all = pmoe.num_primitives as u64;
        let next = match self.target {
            TargetAction::Sample => 1,
            TargetAction::Max => all,
        };
        let (judged, learning) = pmoe.estimator.actions_in_critics(all);
        if judged.saturating_add(learning) < next { [next, 0] } else { [judged, learning] }
    }
}
