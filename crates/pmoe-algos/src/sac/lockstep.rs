//! Several runs of SAC in lockstep: their networks as one.
//!
//! A run is a [`Sac`] with data, counters and generators of its own. While runs go in lockstep, their networks learn
//! in one [`Lockstep`], and those in the runs are as old as the last [`Lockstep::write_back`]. On the CPU with our own
//! operations, each run gets the bits that it gets alone; elsewhere it gets the same numbers to rounding.

use burn::tensor::Tensor;
use pmoe_core::noise;
use pmoe_core::optim::{Learner, LearnerError};
use pmoe_envs::Rng;

use super::latest::Latest;
use super::{Critics, Networks, Part, Sac, SacConfig, Temperature};
use crate::agent::{Mode, Updates};
use crate::replay::TensorBatch;
use crate::tensors::{host, matrix};

/// The networks of several runs, stacked; see [`pmoe_core::runs`].
pub struct Lockstep {
    networks: Networks,
    latest: Option<Latest>,
}

impl Lockstep {
    /// Stacks the networks of runs that have the same settings and have taken equally many steps.
    ///
    /// # Errors
    /// If their optimisers have taken different numbers of steps.
    ///
    /// # Panics
    /// If there are no runs, or their networks differ in shape.
    pub fn new(runs: &[&Sac]) -> Result<Self, LearnerError> {
        let all: Vec<&Networks> = runs.iter().map(|run| &run.networks).collect();
        let networks = Networks {
            actor: Learner::stack(&each(&all, |networks| &networks.actor))?,
            critics: Critics::stack(&each(&all, |networks| &networks.critics))?,
            temperature: Temperature::stack(&each(&all, |networks| &networks.temperature))?,
        };
        Ok(Self { networks, latest: None })
    }

    /// Gives each run its own networks, so that it can be evaluated and saved.
    ///
    /// # Errors
    /// If the optimisers' states can't be taken apart.
    ///
    /// # Panics
    /// If these are not the runs that were stacked.
    pub fn write_back(&self, runs: &mut [&mut Sac]) -> Result<(), LearnerError> {
        let Networks { actor, critics, temperature } = &self.networks;
        actor.unstack(&mut each_mut(runs, |networks| &mut networks.actor))?;
        critics.unstack(&mut each_mut(runs, |networks| &mut networks.critics))?;
        temperature.unstack(&mut each_mut(runs, |networks| &mut networks.temperature))
    }

    /// Gives each run the results of the latest update, for its metrics.
    pub fn write_back_latest(&self, runs: &mut [&mut Sac]) {
        if let Some(latest) = &self.latest {
            for (index, run) in runs.iter_mut().enumerate() {
                run.latest = Some(latest.of_run(index));
            }
        }
    }

    /// Chooses an exploring action for each run, `[N · A]`, from its observation, `[N · O]`. It may
    /// not be finite if that run has diverged.
    pub fn explore(&self, runs: &[&Sac], obs: &[f32], rngs: &mut [&mut Rng]) -> Vec<f32> {
        let first = runs[0];
        if first.env_step < first.config.random_steps {
            let mut actions = vec![0.0; runs.len() * first.replay.action_dim()];
            let of_each = actions.chunks_exact_mut(first.replay.action_dim());
            of_each.zip(rngs).for_each(|(action, rng)| noise::fill_uniform(action, *rng));
            return actions;
        }
        let obs = matrix(obs.to_vec(), obs.len() / runs.len(), &first.device);
        self.networks.act(obs, Mode::Explore, rngs)
    }

    /// Does the gradient updates that are due, equally many in each run, until `interrupt`.
    pub fn update(
        &mut self,
        runs: &mut [&mut Sac],
        rngs: &mut [&mut Rng],
        interrupt: &dyn Fn() -> bool,
    ) -> Updates {
        let mut taken = 0;
        while runs[0].updates_due > 0 && !interrupt() {
            self.gradient_step(runs, rngs, &mut |_| ());
            runs.iter_mut().for_each(|run| run.updates_due -= 1);
            taken += 1;
        }
        Updates { taken, is_complete: runs[0].updates_due == 0 }
    }

    /// Does one gradient update of each run and calls `done` after each part.
    pub fn gradient_step(
        &mut self,
        runs: &mut [&mut Sac],
        rngs: &mut [&mut Rng],
        done: &mut dyn FnMut(Part),
    ) {
        for (run, rng) in runs.iter_mut().zip(&mut *rngs) {
            run.replay.sample(run.config.batch_size, rng, &mut run.batch);
        }
        let batches = runs.iter().map(|run| TensorBatch::new(&run.batch, &run.device));
        let batch = TensorBatch::cat(batches.collect());
        done(Part::Batch);
        let baseline: Vec<f64> = runs.iter().map(|run| run.baseline()).collect();
        let (config, update): (&SacConfig, u64) = (&runs[0].config, runs[0].grad_step);
        let (latest, soft_value) =
            self.networks.learn(config, batch, update, &baseline, rngs, done);
        let soft_value: Option<Vec<f32>> = soft_value.map(|value: Tensor<1>| host(value));
        for (index, run) in runs.iter_mut().enumerate() {
            run.count_step(soft_value.as_ref().map(|values| values[index]));
        }
        self.latest = Some(latest);
    }
}

/// Returns a part of each run's networks.
fn each<'a, T>(all: &[&'a Networks], part: impl Fn(&'a Networks) -> &'a T) -> Vec<&'a T> {
    all.iter().map(|networks| part(networks)).collect()
}

fn each_mut<'a, T>(
    runs: &'a mut [&mut Sac],
    part: impl Fn(&'a mut Networks) -> &'a mut T,
) -> Vec<&'a mut T> {
    runs.iter_mut().map(|run| part(&mut run.networks)).collect()
}
