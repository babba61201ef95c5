//! TD3.

use burn::module::Module;
use burn::tensor::Tensor;
use pmoe_algos::critic::{CriticNorm, TwinCritic, critic_loss};
use pmoe_algos::policy::Init;
use pmoe_algos::replay::TensorBatch;
use pmoe_algos::td3::{DeterministicActor, actor_loss, bellman_target, smoothed_action};
use pmoe_envs::Rng;
use rand::SeedableRng;

use super::case::{Arithmetic, Case, Problem};
use super::common::device;
use super::module::{Computed, Shapes, computed, load};

/// Computes the losses `critic` and `actor`.
pub(crate) fn replay(case: &Case, arithmetic: Arithmetic) -> Result<Vec<Computed>, Problem> {
    let mut settings = case.settings();
    let s = &mut settings;
    let rows = s.size("B")?;
    let (obs_dim, action_dim) = (s.size("O")?, s.size("A")?);
    let hidden: Vec<usize> = s.size("hidden")?;
    let norm = s.switch_or("critic_norm", CriticNorm::None)?;
    let [gamma, noise, clip] =
        [s.scalar("gamma")?, s.scalar("target_noise")?, s.scalar("target_noise_clip")?];
    settings.finish()?;

    // All initial values are replaced.
    let device = device().autodiff();
    let rng = &mut Rng::seed_from_u64(0);
    let mut actor = |name: &str| {
        let actor =
            DeterministicActor::new(obs_dim, action_dim, &hidden, Init::Torch, rng, &device);
        load(actor, name, Shapes::OfModule, case, arithmetic)
    };
    let (actor, target_actor) = (actor("actor")?, actor("target.actor")?.valid());
    let mut critic = |name: &str| {
        let critic = TwinCritic::new(obs_dim, action_dim, &hidden, Init::Torch, rng, &device)
            .with_norm(norm, rng, &device);
        load(critic, name, Shapes::OfModule, case, arithmetic)
    };
    let (critic, target_critic) = (critic("critic")?, critic("target")?.valid());

    let matrix = |name: &str, width: usize| case.input(name, [rows, width], arithmetic);
    let vector = |name: &str| case.input(name, [rows], arithmetic);
    let next_noise: Tensor<2> = matrix("next_noise", action_dim)?;
    let batch = TensorBatch {
        obs: matrix("obs", obs_dim)?,
        action: matrix("action", action_dim)?,
        reward: vector("reward")?,
        next_obs: matrix("next_obs", obs_dim)?,
        not_terminated: vector("terminated")?.neg().add_scalar(1.0),
    };
    let next_action = target_actor.forward(batch.next_obs.clone());
    let next_action = smoothed_action(next_action, next_noise, noise, clip);
    let next_q = target_critic.min(batch.next_obs.clone(), next_action);
    let y = bellman_target(&batch, next_q, gamma);
    let (q1, q2) = critic.forward(batch.obs.clone(), batch.action.clone());
    let of_critic = critic_loss(q1, y.clone()) + critic_loss(q2, y);
    let of_actor = actor_loss(&actor, &critic.valid(), batch.obs);
    Ok(vec![
        computed("critic", &of_critic, &critic, "critic"),
        computed("actor", &of_actor, &actor, "actor"),
    ])
}
