//! The critics of the SAC family with their targets: two, whose minimum counts, or one for each
//! primitive.

mod primitive;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use pmoe_core::optim::{Adam, Learner, LearnerError, Target, module_to_bytes};

pub use self::primitive::PrimitiveCritics;
use super::{CriticConfig, SacConfig};
use crate::agent::Mode;
use crate::checkpoint::{CheckpointError, Files, Scope};
use crate::critic::{TwinCritic, critic_losses};
use crate::layers::Layer;
use crate::seed::{Stream, stream};

/// The critics of a run, or of several in lockstep.
#[expect(clippy::large_enum_variant, reason = "a learner has one of them")]
pub enum Critics {
    /// Two, whose minimum judges every action.
    Twin(Followed<TwinCritic>),
    /// One for each primitive, which judges its actions.
    Primitive(Followed<PrimitiveCritics>),
}

/// Networks that learn, and the target networks that follow them.
pub struct Followed<M> {
    online: Learner<M>,
    target: Target<M>,
}

/// What the critics learn from.
pub struct CriticLosses {
    /// Of each run, `[runs]`: the losses of one half of the critics and of the other, which share no
    /// parameters.
    pub halves: (Tensor<1>, Tensor<1>),
    /// Values of the first critic, `[B]`, a constant.
    pub q1: Tensor<1>,
}

impl Critics {
    /// Creates untrained critics. All initial values come from `seed`.
    pub(super) fn new(
        config: &SacConfig,
        obs_dim: usize,
        action_dim: usize,
        seed: u64,
        device: &Device,
    ) -> Self {
        let SacConfig { ref hidden, init, critic_norm, .. } = *config;
        let (mut rng, adam) = (stream(seed, Stream::CriticInit), Adam::new(config.adam_epsilon));
        let num_primitives = config.actor.num_primitives();
        let pairs = match config.critics {
            CriticConfig::Twin {} => 1,
            CriticConfig::PerPrimitive { .. } => num_primitives.div_ceil(2),
        };
        let twin = |_| TwinCritic::new(obs_dim, action_dim, hidden, init, &mut rng, device);
        let twins: Vec<_> = (0..pairs).map(twin).collect();
        // The norms draw last, so that the weights do not depend on them.
        let mut twins = twins.into_iter().map(|twin| twin.with_norm(critic_norm, &mut rng, device));
        match config.critics {
            CriticConfig::Twin {} => {
                Self::Twin(Followed::new(twins.next().expect("one pair"), adam))
            }
            CriticConfig::PerPrimitive { optimism } => {
                let networks = twins.flat_map(|TwinCritic { q1, q2 }| [q1, q2]);
                let networks = networks.take(num_primitives).collect();
                Self::Primitive(Followed::new(PrimitiveCritics::new(networks, optimism), adam))
            }
        }
    }

    /// Returns the layers of [`Critics::new`].
    pub(super) fn layers(config: &SacConfig, obs_dim: usize, action_dim: usize) -> Vec<Layer> {
        let twin = TwinCritic::layers(obs_dim, action_dim, &config.hidden, config.critic_norm);
        match config.critics {
            CriticConfig::Twin {} => twin,
            CriticConfig::PerPrimitive { .. } => {
                let one = &twin[..twin.len() / 2];
                one.repeat(config.actor.num_primitives())
            }
        }
    }

    /// Computes the value by which the policy's actions are judged in its loss, `[B·K]`, with the
    /// critics as constants.
    ///
    /// # Shapes
    /// - `obs`: `[B, O]`, `action`: `[B·K, A]`; with a critic for each primitive one action of each
    pub fn judge(&self, obs: Tensor<2>, action: Tensor<2>) -> Tensor<1> {
        match self {
            Self::Twin(critics) => critics.online.frozen().min(obs, action),
            Self::Primitive(critics) => critics.online.frozen().own(obs, action),
        }
    }

    /// Computes the value by which an action is chosen for acting, `[B·K]`, as in
    /// [`Critics::judge`].
    pub fn score(&self, mode: Mode, obs: Tensor<2>, action: Tensor<2>) -> Tensor<1> {
        match self {
            Self::Twin(critics) => critics.online.frozen().min(obs, action),
            Self::Primitive(critics) => critics.online.frozen().score(mode, obs, action),
        }
    }

    /// Computes the target critics' value of the next actions, `[B·K]`, for update number `update`.
    pub(super) fn target(&self, update: u64, obs: Tensor<2>, action: Tensor<2>) -> Tensor<1> {
        match self {
            Self::Twin(critics) => critics.target.min(obs, action),
            Self::Primitive(critics) => critics.target.pair(update).min(obs, action),
        }
    }

    /// Computes the loss of every critic, see [`critic_losses`].
    pub(super) fn losses(
        &self,
        obs: Tensor<2>,
        action: Tensor<2>,
        target: Tensor<1>,
        runs: usize,
    ) -> CriticLosses {
        match self {
            Self::Twin(critics) => {
                let (q1, q2) = critics.online.forward(obs, action);
                let halves = (
                    critic_losses(q1.clone(), target.clone(), runs),
                    critic_losses(q2, target, runs),
                );
                CriticLosses { halves, q1: q1.inner() }
            }
            Self::Primitive(critics) => critics.online.losses(obs, action, target, runs),
        }
    }

    /// Takes a step down the gradient of both halves' losses.
    pub(super) fn descend(&mut self, lr: f64, halves: (Tensor<1>, Tensor<1>)) {
        match self {
            Self::Twin(critics) => critics.online.descend_both(lr, halves),
            Self::Primitive(critics) => critics.online.descend_both(lr, halves),
        }
    }

    /// Moves the target critics towards the critics.
    pub(super) fn follow(&mut self, tau: f64) {
        match self {
            Self::Twin(critics) => critics.follow(tau),
            Self::Primitive(critics) => critics.follow(tau),
        }
    }

    /// Returns the critics of all runs from those of each.
    pub(super) fn stack(all: &[&Self]) -> Result<Self, LearnerError> {
        match all[0] {
            Self::Twin(_) => {
                let twins = all.iter().filter_map(|critics| match critics {
                    Self::Twin(twin) => Some(twin),
                    Self::Primitive(_) => None,
                });
                Followed::stack(&twins.collect::<Vec<_>>()).map(Self::Twin)
            }
            Self::Primitive(_) => {
                let primitives = all.iter().filter_map(|critics| match critics {
                    Self::Primitive(primitive) => Some(primitive),
                    Self::Twin(_) => None,
                });
                Followed::stack(&primitives.collect::<Vec<_>>()).map(Self::Primitive)
            }
        }
    }

    /// Gives each run its critics.
    pub(super) fn unstack(&self, all: &mut [&mut Self]) -> Result<(), LearnerError> {
        match self {
            Self::Twin(stacked) => {
                let twins = all.iter_mut().filter_map(|critics| match &mut **critics {
                    Self::Twin(twin) => Some(twin),
                    Self::Primitive(_) => None,
                });
                stacked.unstack(&mut twins.collect::<Vec<_>>())
            }
            Self::Primitive(stacked) => {
                let primitives = all.iter_mut().filter_map(|critics| match &mut **critics {
                    Self::Primitive(primitive) => Some(primitive),
                    Self::Twin(_) => None,
                });
                stacked.unstack(&mut primitives.collect::<Vec<_>>())
            }
        }
    }

    pub(super) fn save(&self, files: &mut Files<'_>, scope: Scope) -> Result<(), CheckpointError> {
        match self {
            Self::Twin(critics) => critics.save(files, scope),
            Self::Primitive(critics) => critics.save(files, scope),
        }
    }

    pub(super) fn load(&mut self, files: &Files<'_>, scope: Scope) -> Result<(), CheckpointError> {
        match self {
            Self::Twin(critics) => critics.load(files, scope),
            Self::Primitive(critics) => critics.load(files, scope),
        }
    }
}

impl<M: Module> Followed<M> {
    fn new(module: M, adam: Adam) -> Self {
        Self { target: Target::new(&module), online: Learner::new(module, adam) }
    }

    /// Returns the networks that learn.
    pub fn online(&self) -> &M {
        &self.online
    }

    fn follow(&mut self, tau: f64) {
        self.target.follow(&self.online, tau);
    }

    fn stack(all: &[&Self]) -> Result<Self, LearnerError> {
        Ok(Self {
            online: Learner::stack(&all.iter().map(|one| &one.online).collect::<Vec<_>>())?,
            target: Target::stack(&all.iter().map(|one| &one.target).collect::<Vec<_>>()),
        })
    }

    fn unstack(&self, all: &mut [&mut Self]) -> Result<(), LearnerError> {
        let mut targets: Vec<_> = all.iter_mut().map(|one| &mut one.target).collect();
        self.target.unstack(&mut targets);
        let mut online: Vec<_> = all.iter_mut().map(|one| &mut one.online).collect();
        self.online.unstack(&mut online)
    }

    fn save(&self, files: &mut Files<'_>, scope: Scope) -> Result<(), CheckpointError> {
        let (critic, optimizer) = self.online.to_bytes()?;
        files.insert("critic.bpk", critic);
        if scope == Scope::Everything {
            files.insert("critic_optimizer.bpk", optimizer);
            files.insert("target_critic.bpk", module_to_bytes(&*self.target)?);
        }
        Ok(())
    }

    fn load(&mut self, files: &Files<'_>, scope: Scope) -> Result<(), CheckpointError> {
        let critic = files.get("critic.bpk")?;
        if scope == Scope::Everything {
            self.online.load_bytes(critic, files.get("critic_optimizer.bpk")?)?;
            self.target.load_bytes(&self.online, files.get("target_critic.bpk")?)?;
        } else {
            self.online.load_module(critic)?;
            // As at the start of a run, in case one starts from this policy.
            self.target = Target::new(&self.online);
        }
        Ok(())
    }
}
