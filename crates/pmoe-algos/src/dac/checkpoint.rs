//! Saving and loading DAC. Intact files may still not fit together, so loading checks that they do.

use burn::module::Module;
use pmoe_core::optim::{module_from_bytes, module_to_bytes};

use super::{Dac, Learning, Memory};
use crate::checkpoint::{CheckpointError, Files, Scope};
use crate::normalize::Normalizers;
use crate::rollout::RolloutBuffer;

impl Dac {
    /// Writes every part, or only those of the policy: see
    /// [`Agent::save`](crate::agent::Agent::save).
    pub(super) fn save_parts<'a>(
        &'a self,
        files: &mut Files<'a>,
        scope: Scope,
    ) -> Result<(), CheckpointError> {
        let Self {
            net,
            acting,
            normalizers,
            rollout,
            options,
            grad_step,
            learning,
            metrics,
            // Determined by the config.
            config: _,
            device: _,
            obs_dim: _,
            action_dim: _,
        } = self;
        let (net, optimizer) = net.to_bytes()?;
        files.insert("net.bpk", net);
        files.insert_json("normalizers.json", normalizers);
        if scope == Scope::Everything {
            files.insert("net_optimizer.bpk", optimizer);
            files.insert_json("counters.json", grad_step);
            files.insert_json("rollout.json", rollout);
            files.insert_json("options.json", options);
            files.insert_numbers("metrics.json", metrics);
            if rollout.is_full() {
                // During an update, it differs from the net.
                files.insert("acting.bpk", module_to_bytes(acting)?);
                files.insert_json("learning.json", learning);
            }
        }
        Ok(())
    }

    /// Reads what [`Self::save_parts`] wrote: see [`Agent::load`](crate::agent::Agent::load).
    pub(super) fn load_parts(
        &mut self,
        files: &Files<'_>,
        scope: Scope,
    ) -> Result<(), CheckpointError> {
        let normalizers: Normalizers = files.get_json("normalizers.json")?;
        CheckpointError::unless(
            normalizers.fit(&self.normalizers),
            "normalizers.json",
            "its settings, sizes or numbers do not fit this run",
        )?;
        self.normalizers = normalizers;
        match scope {
            Scope::Policy | Scope::Acting => self.net.load_module(files.get("net.bpk")?)?,
            Scope::Everything => {
                let optimizer = files.get("net_optimizer.bpk")?;
                self.net.load_bytes(files.get("net.bpk")?, optimizer)?;
                self.grad_step = files.get_json("counters.json")?;
                self.rollout = files.get_json("rollout.json")?;
                self.options = files.get_json("options.json")?;
                self.metrics = files.get_numbers("metrics.json")?;
            }
        }
        self.acting = self.net.valid();
        self.learning = Learning::default();
        if scope == Scope::Everything && self.rollout.is_full() {
            self.acting = module_from_bytes(self.net.valid(), files.get("acting.bpk")?)?;
            self.learning = files.get_json("learning.json")?;
        }
        self.check_loaded()
    }

    /// Checks the parts against the config and each other. Networks and normalisers are checked on
    /// reading.
    fn check_loaded(&self) -> Result<(), CheckpointError> {
        let Self { config, rollout, options, learning, .. } = self;
        CheckpointError::unless(
            rollout.fit(
                &RolloutBuffer::new(config.rollout_steps, 1),
                self.obs_dim,
                self.action_dim,
            ),
            "rollout.json",
            "its sizes do not fit this run",
        )?;
        let all = options.option.iter().chain(options.previous.iter().flatten());
        let are_as_many =
            options.option.len() == rollout.len() && options.previous.len() == rollout.len();
        CheckpointError::unless(
            are_as_many && all.max().is_none_or(|option| *option < config.num_options),
            "options.json",
            "they do not match the rollout's steps",
        )?;
        let is_right = match learning.left.as_slice() {
            [] => learning.passes == Default::default(),
            [_] => true,
            [one, two] => one != two,
            _ => false,
        };
        let passes = &learning.passes;
        let is_right = is_right && passes.fit(rollout.len()) && passes.are_at_most(config.epochs);
        CheckpointError::unless(is_right, "learning.json", "it belongs to another rollout")
    }

    /// Checks the active option, which the next action indexes with.
    pub(super) fn check_memory(&self, memory: &Memory) -> Result<(), CheckpointError> {
        let is_right = memory.option.is_none_or(|option| option < self.config.num_options);
        CheckpointError::unless(is_right, "progress.json", "its option does not exist")
    }

    /// Checks that a run between two steps has nothing left to learn.
    pub(super) fn check_in_update(&self, in_update: bool) -> Result<(), CheckpointError> {
        CheckpointError::unless(
            in_update || !self.rollout.is_full(),
            "progress.json",
            "it continues with a step, but the rollout is full",
        )
    }
}
