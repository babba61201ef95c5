//! PMOE-SAC with a critic for each primitive.

use burn::module::Module;
use burn::tensor::Tensor;
use pmoe_algos::critic::TwinCritic;
use pmoe_algos::policy::Init;
use pmoe_algos::replay::TensorBatch;
use pmoe_algos::sac::{
    Actor, ActorConfig, ActorNoise, CriticLosses, Estimator, FrequencyConfig, Judge, LossInput,
    PmoeConfig, Policy, PrimitiveCritics, PrimitiveLoss, SacConfig, best_of_each,
    soft_bellman_target, temperature_loss,
};
use pmoe_envs::Rng;
use rand::SeedableRng;

use super::case::{Arithmetic, Case, Problem};
use super::common::{self, device};
use super::module::{Computed, Shapes, computed, load};
use super::sac::{Alpha, LogAlpha, log_std};

/// Computes the losses `critic`, `actor` and, if α is learnt, `temperature`.
pub(crate) fn replay(case: &Case, arithmetic: Arithmetic) -> Result<Vec<Computed>, Problem> {
    let mut settings = case.settings();
    let s = &mut settings;
    let (rows, obs, action, k) = (s.size("B")?, s.size("O")?, s.size("A")?, s.size("K")?);
    let frequency = FrequencyConfig {
        primitive_loss: PrimitiveLoss::All,
        freq_coef: s.scalar("freq_coef")?,
        freq_reduction: s.switch("freq_reduction")?,
        ..common::frequency()
    };
    let actor = PmoeConfig {
        routing_input: s.switch("routing_input")?,
        estimator: Estimator::Frequency(frequency),
        ..common::best(k)
    };
    let (log_std, hidden) = (log_std(s)?, s.size("hidden")?);
    let actor = ActorConfig::Pmoe(actor);
    let config = SacConfig { hidden, log_std, ..common::sac(actor) };
    let gamma = s.scalar("gamma")?;
    let device = device().autodiff();
    let (alpha, learnt) = match s.switch("alpha")? {
        Alpha::Fixed => (s.scalar("alpha")?, None),
        Alpha::Auto => {
            let log_alpha = load(LogAlpha::new(), "", Shapes::OfModule, case, arithmetic)?;
            let alpha = log_alpha.log_alpha.val().inner().exp().into_scalar::<f64>();
            (alpha, Some((log_alpha, s.scalar("target_entropy")?)))
        }
    };
    settings.finish()?;

    // All initial values are replaced.
    let rng = &mut Rng::seed_from_u64(0);
    let actor = Actor::new(&config, obs, action, 0, &device);
    let actor = load(actor, "actor", Shapes::OfModule, case, arithmetic)?;
    let mut critics = |name: &str| {
        let one = |_| TwinCritic::new(obs, action, &config.hidden, Init::Torch, rng, &device).q1;
        let critics = PrimitiveCritics::new((0..k).map(one).collect(), 0.0);
        load(critics, name, Shapes::OfModule, case, arithmetic)
    };
    let (critics, target) = (critics("critic")?, critics("target")?.valid());

    let matrix = |name: &str, width: usize| case.input(name, [rows, width], arithmetic);
    let vector = |name: &str| case.input(name, [rows], arithmetic);
    let of_each = |name: &str| -> Result<Tensor<2>, Problem> {
        Ok(case.input(name, [rows, k, action], arithmetic)?.reshape([rows * k, action]))
    };
    let batch = TensorBatch {
        obs: matrix("obs", obs)?,
        action: matrix("action", action)?,
        reward: vector("reward")?,
        next_obs: matrix("next_obs", obs)?,
        not_terminated: vector("terminated")?.neg().add_scalar(1.0),
    };
    let frozen = actor.valid();
    let Policy::Mixture(policy, mixture) = frozen.policy(batch.next_obs.clone()) else {
        unreachable!("the actor is a mixture")
    };
    let next = policy.actions(&mixture, None, of_each("next_noise")?);
    let pair = case.indices("pair", 2, k)?.try_to_vec_as::<i64>().unwrap();
    let of = |index: i64| target.networks[index as usize].clone();
    let pair = TwinCritic { q1: of(pair[0]), q2: of(pair[1]) };
    let next_q = pair.min(batch.next_obs.clone(), next.action);
    let (next_q, next_log_prob) = best_of_each(rows, next_q, next.log_prob);
    let y = soft_bellman_target(&batch, next_q, next_log_prob, &[alpha], gamma);
    let CriticLosses { halves, .. } = critics.losses(batch.obs.clone(), batch.action.clone(), y, 1);
    let mut all = vec![computed("critic", &(halves.0 + halves.1), &critics, "critic")];

    let critics = critics.valid();
    let critic: Judge<'_> = &|obs, action| critics.own(obs, action);
    let action = of_each("noise")?;
    let noise = ActorNoise { gumbel: Tensor::zeros([rows, k], &action.device()), action };
    let input = LossInput { critic, obs: batch.obs, alpha: &[alpha], noise, baseline: &[0.0] };
    let loss = actor.loss(input);
    all.push(computed("actor", &loss.loss, &actor, "actor"));
    if let Some((log_alpha, target_entropy)) = learnt {
        let value = log_alpha.log_alpha.val();
        let loss = temperature_loss(value, loss.log_prob, target_entropy);
        all.push(computed("temperature", &loss, &log_alpha, ""));
    }
    Ok(all)
}
