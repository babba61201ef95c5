//! Saving and loading PPO. Intact files may still not fit together, so loading checks that they do.

use burn::module::Module;
use pmoe_core::optim::{Learner, module_from_bytes, module_to_bytes};

use super::Ppo;
use crate::checkpoint::{CheckpointError, Files, Scope};
use crate::normalize::Normalizers;
use crate::rollout::Passes;

impl Ppo {
    /// Writes every part, or only those of the policy: see
    /// [`Agent::save`](crate::agent::Agent::save).
    pub(super) fn save_parts<'a>(
        &'a self,
        files: &mut Files<'a>,
        scope: Scope,
    ) -> Result<(), CheckpointError> {
        let Self {
            net,
            aux,
            acting,
            normalizers,
            rollout,
            updates,
            grad_step,
            passes,
            metrics,
            // Determined by config and budget.
            config,
            device: _,
            obs_dim: _,
            action_dim: _,
            total_updates: _,
        } = self;
        let (net, net_optimizer) = net.to_bytes()?;
        files.insert("net.bpk", net);
        files.insert_json("normalizers.json", normalizers);
        let aux = aux.as_ref().map(Learner::to_bytes).transpose()?;
        let (aux, aux_optimizer) = aux.unzip();
        if let Some(aux) = aux.filter(|_| scope != Scope::Acting || config.actor.acts_by_value()) {
            files.insert("action_value.bpk", aux);
        }
        if scope == Scope::Everything {
            files.insert("net_optimizer.bpk", net_optimizer);
            if let Some(optimizer) = aux_optimizer {
                files.insert("action_value_optimizer.bpk", optimizer);
            }
            files.insert_json("counters.json", &(updates, grad_step));
            files.insert_json("rollout.json", rollout);
            files.insert_numbers("metrics.json", metrics);
            if rollout.is_full() {
                // During an update, it differs from the net.
                files.insert("acting.bpk", module_to_bytes(acting)?);
                files.insert_json("passes.json", passes);
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
        let part = |name: &str| files.get(name);
        let normalizers: Normalizers = files.get_json("normalizers.json")?;
        CheckpointError::unless(
            normalizers.fit(&self.normalizers),
            "normalizers.json",
            "its settings, sizes or numbers do not fit this run",
        )?;
        self.normalizers = normalizers;
        match scope {
            Scope::Acting | Scope::Policy => {
                self.net.load_module(part("net.bpk")?)?;
                let needs_aux = scope == Scope::Policy || self.config.actor.acts_by_value();
                if let Some(aux) = self.aux.as_mut().filter(|_| needs_aux) {
                    aux.load_module(part("action_value.bpk")?)?;
                }
            }
            Scope::Everything => {
                self.net.load_bytes(part("net.bpk")?, part("net_optimizer.bpk")?)?;
                if let Some(aux) = &mut self.aux {
                    let optimizer = part("action_value_optimizer.bpk")?;
                    aux.load_bytes(part("action_value.bpk")?, optimizer)?;
                }
                (self.updates, self.grad_step) = files.get_json("counters.json")?;
                self.rollout = files.get_json("rollout.json")?;
                self.metrics = files.get_numbers("metrics.json")?;
            }
        }
        self.acting = self.net.valid();
        self.passes = Passes::default();
        if scope == Scope::Everything && self.rollout.is_full() {
            self.acting = module_from_bytes(self.net.valid(), part("acting.bpk")?)?;
            self.passes = files.get_json("passes.json")?;
        }
        self.check_loaded()
    }

    /// Checks the parts against the config and each other. Networks and normalisers are checked on
    /// reading.
    fn check_loaded(&self) -> Result<(), CheckpointError> {
        let Self { config, rollout, passes, .. } = self;
        CheckpointError::unless(
            rollout.fit(&config.rollout(), self.obs_dim, self.action_dim),
            "rollout.json",
            "its sizes do not fit this run",
        )?;
        CheckpointError::unless(
            self.updates <= self.total_updates,
            "counters.json",
            "it counts more updates than the run has",
        )?;
        let is_right = passes.fit(rollout.len()) && passes.are_at_most(config.epochs);
        CheckpointError::unless(is_right, "passes.json", "they belong to another rollout")
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
