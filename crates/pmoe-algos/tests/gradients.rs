//! Gradients of the actor losses: comparison with central differences in float64, and which parts
//! get none.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use burn::module::Module;
use burn::tensor::{DType, Device, Int, Tensor};
use common::Pathwise;
use common::differences::{check, check_against, f64_normal, gradients, in_f64, is_zero, value};
use pmoe_algos::critic::{CriticNorm, TwinCritic, critic_loss};
use pmoe_algos::policy::{Init, LogStd, RoutingInput};
use pmoe_algos::sac::{
    Actor, ActorConfig, ActorLoss, ActorNoise, ArgmaxScore, EntropyLogProb, Estimator,
    FrequencyConfig, GumbelMode, Judge, LossInput, PmoeActor, PmoeConfig, PrimitiveLoss,
    RatioBaseline, ReinforceBaseline, SacConfig,
};
use pmoe_core::dist::{LogProb, Mixture, select_value};
use pmoe_core::loss::{
    Reduction, backpropagate_all_loss, backpropagate_max_loss, best_primitive, expected_value,
    frequency_loss, gumbel_softmax, weighted_loss,
};
use pmoe_envs::Rng;
use rand::SeedableRng;

const OBS: usize = 4;
const ACTION: usize = 2;
const BATCH: usize = 6;
const ALPHA: f64 = 0.3;

fn critic() -> TwinCritic {
    critic_with(CriticNorm::None)
}

fn critic_with(norm: CriticNorm) -> TwinCritic {
    let (rng, device) = (&mut Rng::seed_from_u64(11), Device::flex().autodiff());
    let critic = TwinCritic::new(OBS, ACTION, &[8, 8], Init::Torch, rng, &device);
    in_f64(critic.with_norm(norm, rng, &device))
}

fn small(config: &ActorConfig) -> SacConfig {
    SacConfig { hidden: vec![8, 8], ..common::sac(config.clone()) }
}

fn actor(config: &ActorConfig) -> Actor {
    actor_of(&small(config))
}

fn actor_of(config: &SacConfig) -> Actor {
    in_f64(Actor::new(config, OBS, ACTION, 21, &Device::flex().autodiff()))
}

fn obs() -> Tensor<2> {
    f64_normal([BATCH, OBS], 1)
}

fn noise(actor: &Actor) -> ActorNoise {
    let rng = &mut Rng::seed_from_u64(2);
    let ActorNoise { action, gumbel } = actor.noise(BATCH, ACTION, &mut [rng], &Device::flex());
    ActorNoise { action: action.cast(DType::F64), gumbel: gumbel.cast(DType::F64) }
}

fn full_loss(actor: &Actor) -> ActorLoss {
    let (critic, noise) = (critic().valid(), noise(actor));
    let critic: Judge<'_> = &|obs, action| critic.min(obs, action);
    let (alpha, baseline) = (&[ALPHA], &[0.7]);
    let input = LossInput { critic, obs: obs(), alpha, noise, baseline };
    actor.loss(input)
}

fn loss(actor: &Actor) -> Tensor<1> {
    full_loss(actor).loss
}

fn pmoe_actor(actor: &Actor) -> &PmoeActor {
    let Actor::Pmoe(pmoe) = actor else { panic!("a mixture") };
    pmoe
}

#[test]
fn critic_gradient_equals_central_differences() {
    let (obs, action) = (obs(), f64_normal([BATCH, ACTION], 3));
    let target = f64_normal([BATCH, 1], 4).squeeze_dim::<1>(1);
    for norm in [CriticNorm::None, CriticNorm::Layer] {
        check(&format!("critic, norm {norm:?}"), &critic_with(norm), |critic| {
            let (q1, q2) = critic.forward(obs.clone(), action.clone());
            critic_loss(q1, target.clone()) + critic_loss(q2, target.clone())
        });
    }
}

#[test]
fn actor_gradients_through_normalised_critics_equal_central_differences() {
    let critic = critic_with(CriticNorm::Layer).valid();
    // If the router's gradient reaches the trunk, as above.
    let open = PmoeConfig { routing_input: RoutingInput::Trunk, ..common::pmoe(3) };
    for config in [common::gaussian(), ActorConfig::Pmoe(open)] {
        let actor = actor(&config);
        let noise = noise(&actor);
        check(&format!("{config:?}"), &actor, |actor| {
            let noise = ActorNoise { action: noise.action.clone(), gumbel: noise.gumbel.clone() };
            let (alpha, baseline) = (&[ALPHA], &[0.7]);
            let critic: Judge<'_> = &|obs, action| critic.min(obs, action);
            actor.loss(LossInput { critic, obs: obs(), alpha, noise, baseline }).loss
        });
    }
}

fn check_actor(name: &str, config: &SacConfig) {
    check(name, &actor_of(config), loss);
}

fn check_pmoe(name: &str, config: &PmoeConfig) {
    check_actor(name, &small(&ActorConfig::Pmoe(config.clone())));
}

#[test]
fn actor_gradients_equal_central_differences() {
    for config in common::gaussians() {
        check_actor(&format!("{config:?}"), &small(&config));
    }
    let squashed = SacConfig { log_std: LogStd::Tanh(-5.0, 2.0), ..small(&common::gaussian()) };
    check_actor("log_std squashed", &squashed);
    // If the router's gradient reaches the trunk, the loss is a differentiable function of all
    // parameters.
    let open = PmoeConfig { routing_input: RoutingInput::Trunk, ..common::pmoe(3) };
    let soft = Estimator::Gumbel { mode: GumbelMode::Soft, temperature: 0.8 };
    for estimator in [soft, common::marginal(0.0, 0.0), common::marginal(0.7, 0.4)] {
        for entropy_log_prob in [EntropyLogProb::Component, EntropyLogProb::Mixture] {
            let estimator = estimator.clone();
            let config = PmoeConfig { estimator, entropy_log_prob, ..open.clone() };
            check_pmoe(&format!("{config:?}"), &config);
        }
    }
    let frequency = Estimator::Frequency(common::frequency());
    for estimator in [frequency, common::back_propagation_all(), common::by_modes()] {
        let config = PmoeConfig { estimator, ..open.clone() };
        check_pmoe(&format!("{config:?}"), &config);
    }
    let on_obs = PmoeConfig { routing_input: RoutingInput::Obs, ..common::pmoe(3) };
    check_pmoe("router on the observation", &on_obs);
}

#[test]
fn diversity_and_routing_make_the_mixtures_entropy_of_the_primitives() {
    let loss_of = |diversity, routing, entropy_log_prob| {
        let config = PmoeConfig {
            estimator: common::marginal(diversity, routing),
            entropy_log_prob,
            routing_input: RoutingInput::Trunk,
            ..common::pmoe(3)
        };
        let actor = actor(&ActorConfig::Pmoe(config));
        let loss = loss(&actor);
        (value(&loss), gradients(&actor, &loss).concat())
    };
    let (of_parts, parts_gradient) = loss_of(1.0, 1.0, EntropyLogProb::Component);
    let (of_mixture, mixture_gradient) = loss_of(0.0, 0.0, EntropyLogProb::Mixture);
    assert!((of_parts - of_mixture).abs() < 1e-12, "{of_parts} is not {of_mixture}");
    for (parts, mixture) in parts_gradient.iter().zip(&mixture_gradient) {
        assert!((parts - mixture).abs() < 1e-12, "{parts} is not {mixture}");
    }
    assert!((loss_of(0.0, 1.0, EntropyLogProb::Component).0 - of_mixture).abs() > 1e-3);
}

#[test]
fn the_frequency_estimators_weights_are_constants_in_the_mixtures_density() {
    let scores = [ArgmaxScore::Q, ArgmaxScore::SoftQ];
    for (primitive_loss, argmax_score) in [PrimitiveLoss::Max, PrimitiveLoss::All]
        .into_iter()
        .flat_map(|loss| scores.map(|score| (loss, score)))
    {
        let estimator = Estimator::Frequency(FrequencyConfig {
            primitive_loss,
            argmax_score,
            ..common::frequency()
        });
        let config = PmoeConfig {
            estimator,
            entropy_log_prob: EntropyLogProb::Mixture,
            routing_input: RoutingInput::Trunk,
            ..common::pmoe(3)
        };
        let actor = actor(&ActorConfig::Pmoe(config.clone()));
        let fixed = pmoe_actor(&actor).mixture(obs()).constant().router_logits;
        let ActorLoss { loss, mixture, .. } = full_loss(&actor);
        let chosen = mixture.unwrap().chosen.unwrap();
        check_against(&format!("{config:?}"), &actor, &loss, |actor| {
            let mixture = pmoe_actor(actor).mixture(obs());
            let sample = mixture.primitives().rsample(noise(actor).action);
            let q = critic().valid().min(obs(), sample.action.clone()).reshape([BATCH, 3]);
            let density = Mixture { router_logits: fixed.clone(), ..mixture.clone() };
            let log_prob = density.samples_log_prob(&sample, LogProb::Mixture);
            let of_primitives = match primitive_loss {
                PrimitiveLoss::Max => backpropagate_max_loss(
                    ALPHA,
                    select_value(log_prob, &chosen),
                    select_value(q, &chosen),
                ),
                PrimitiveLoss::All => backpropagate_all_loss(ALPHA, log_prob, q),
            };
            let weights = mixture.log_weights().exp();
            of_primitives + frequency_loss(weights, &chosen, Reduction::Sum)
        });
    }
}

/// Computes the mixture and soft values, `[B, K]`, of the loss's samples from public parts.
fn soft_values(actor: &Actor, kind: LogProb) -> (Mixture, Tensor<2>) {
    let mixture = pmoe_actor(actor).mixture(obs());
    let sample = mixture.primitives().rsample(noise(actor).action);
    let shape = [BATCH, mixture.num_primitives()];
    let q: Tensor<2> = critic().valid().min(obs(), sample.action.clone()).reshape(shape);
    let log_prob = mixture.samples_log_prob(&sample, kind);
    (mixture, q - log_prob.mul_scalar(ALPHA))
}

#[test]
fn score_function_gradients_equal_central_differences_with_their_constants_fixed() {
    let kinds = [
        (EntropyLogProb::Component, LogProb::Component),
        (EntropyLogProb::Mixture, LogProb::Mixture),
    ];
    let open = PmoeConfig { routing_input: RoutingInput::Trunk, ..common::pmoe(3) };
    for (entropy_log_prob, kind) in kinds {
        for baseline in [
            ReinforceBaseline::None,
            ReinforceBaseline::Expected,
            ReinforceBaseline::Ema { decay: 0.9 },
        ] {
            let estimator = Estimator::Reinforce { baseline };
            let config = PmoeConfig { estimator, entropy_log_prob, ..open.clone() };
            let actor = actor(&ActorConfig::Pmoe(config.clone()));
            let ActorLoss { loss, mixture, soft_value, .. } = full_loss(&actor);
            let drawn = mixture.unwrap().chosen.unwrap();
            let (mixture, soft_q) = soft_values(&actor, kind);
            let values = soft_q.inner();
            let drawn_value = select_value(values.clone(), &drawn);
            let average = value(&soft_value.unwrap());
            assert!((average - value(&drawn_value.clone().mean())).abs() < 1e-12);
            let subtracted = match baseline {
                ReinforceBaseline::None => drawn_value.zeros_like(),
                ReinforceBaseline::Expected => {
                    expected_value(mixture.log_weights().inner().exp(), values)
                }
                ReinforceBaseline::Ema { .. } => drawn_value.full_like(0.7),
            };
            let advantage = drawn_value - subtracted;
            check_against(&format!("{config:?}"), &actor, &loss, |actor| {
                let (mixture, soft_q) = soft_values(actor, kind);
                let log_weight = select_value(mixture.log_weights(), &drawn);
                (select_value(soft_q, &drawn) + log_weight * advantage.clone()).mean().neg()
            });
        }

        // Straight-through: the one-hot sample is constant in the gradient of the values, and the
        // values in that of the relaxed sample.
        let estimator = Estimator::Gumbel { mode: GumbelMode::StraightThrough, temperature: 0.8 };
        let config = PmoeConfig { estimator, entropy_log_prob, ..open.clone() };
        let actor = actor(&ActorConfig::Pmoe(config.clone()));
        let ActorLoss { loss, mixture, .. } = full_loss(&actor);
        let drawn = mixture.unwrap().chosen.unwrap();
        let values = soft_values(&actor, kind).1.inner();
        check_against(&format!("{config:?}"), &actor, &loss, |actor| {
            let (mixture, soft_q) = soft_values(actor, kind);
            let relaxed = gumbel_softmax(mixture.log_weights(), noise(actor).gumbel, 0.8);
            weighted_loss(relaxed, values.clone()) - select_value(soft_q, &drawn).mean()
        });
    }
}

#[test]
fn likelihood_ratio_gradient_equals_central_differences_with_its_constants_fixed() {
    for baseline in [RatioBaseline::None, RatioBaseline::Expected] {
        let config = PmoeConfig {
            routing_input: RoutingInput::Trunk,
            entropy_log_prob: EntropyLogProb::Mixture,
            estimator: common::likelihood_ratio(baseline),
            ..common::pmoe(3)
        };
        let actor = actor(&ActorConfig::Pmoe(config.clone()));
        let ActorLoss { loss, mixture, .. } = full_loss(&actor);
        let drawn = mixture.unwrap().chosen.unwrap();
        let critic = critic().valid();
        let fixed = pmoe_actor(&actor).mixture(obs()).constant();
        let noise = noise(&actor).action;
        let [rows, _] = noise.dims();
        let own = fixed.primitive(&drawn).rsample(noise.clone().narrow(0, 0, BATCH));
        let value = match baseline {
            RatioBaseline::None => Tensor::zeros_like(&own.log_prob),
            RatioBaseline::Expected => {
                let fresh = fixed.primitives().rsample(noise.narrow(0, BATCH, rows - BATCH));
                let q = critic.min(obs(), fresh.action.clone()).reshape([BATCH, 3]);
                let log_prob = fixed.samples_log_prob(&fresh, LogProb::Mixture);
                expected_value(fixed.log_weights().exp(), q - log_prob.mul_scalar(ALPHA))
            }
        };
        let pre_tanh = own.pre_tanh.unsqueeze_dim::<3>(1);
        let log_prob: Tensor<1> = fixed.log_prob(pre_tanh.clone()).squeeze_dim(1);
        let cost = log_prob.mul_scalar(ALPHA) - critic.min(obs(), own.action) + value;
        check_against(&format!("{config:?}"), &actor, &loss, |actor| {
            let mixture = pmoe_actor(actor).mixture(obs());
            let log_prob: Tensor<1> = mixture.log_prob(pre_tanh.clone()).squeeze_dim(1);
            let squares = mixture.mean.square().mean() + mixture.log_std.square().mean();
            (log_prob * cost.clone()).mean() + squares.mul_scalar(0.5e-3)
        });
    }
}

/// Gradients of a PMOE actor by part.
struct Parts {
    trunk: Vec<f64>,
    /// Mean and log_std heads of each primitive.
    heads: Vec<Vec<f64>>,
    router: Vec<f64>,
}

fn parts(actor: &Actor, loss: &Tensor<1>) -> Parts {
    let pmoe = pmoe_actor(actor);
    let all = gradients(actor, loss);
    let trunk_parameters = 2 * pmoe.net.primitives.trunk.layers.len();
    let num_primitives = pmoe.num_primitives();
    let mut heads = vec![Vec::new(); num_primitives];
    // Weights are [in, K·A] and biases [K·A]; column c belongs to primitive c / A.
    for parameter in &all[trunk_parameters..trunk_parameters + 4] {
        for (index, gradient) in parameter.iter().enumerate() {
            heads[index % (num_primitives * ACTION) / ACTION].push(*gradient);
        }
    }
    let router = all[trunk_parameters + 4..].concat();
    Parts { trunk: all[..trunk_parameters].concat(), heads, router }
}

/// Recomputes the best primitive of every row from public parts.
fn best(actor: &Actor) -> (Tensor<1, Int>, Vec<i64>) {
    let mixture = pmoe_actor(actor).mixture(obs());
    let num_primitives = mixture.num_primitives();
    let sample = mixture.primitives().rsample(noise(actor).action);
    let obs = obs().unsqueeze_dim::<3>(1).repeat_dim(1, num_primitives);
    let obs = obs.reshape([BATCH * num_primitives, OBS]);
    let q = critic().valid().min(obs, sample.action).inner().reshape([BATCH, num_primitives]);
    let best = best_primitive(q);
    let indices = best.try_to_vec_as::<i64>().unwrap();
    (best, indices)
}

/// The paper's estimator with weight `freq_coef` of the frequency loss.
fn frequency(freq_coef: f64) -> Estimator {
    Estimator::Frequency(FrequencyConfig { freq_coef, ..common::frequency() })
}

#[test]
fn back_propagation_max_leaves_other_primitives_and_the_router_alone() {
    // Without the frequency loss, only the primitives' loss remains.
    let config = ActorConfig::Pmoe(PmoeConfig { estimator: frequency(0.0), ..common::pmoe(12) });
    let actor = actor(&config);
    let (_, chosen) = best(&actor);
    let parts = parts(&actor, &loss(&actor));
    assert!(is_zero(&parts.router), "the primitives' loss moves the router");
    assert!(!is_zero(&parts.trunk));
    for (index, gradient) in parts.heads.iter().enumerate() {
        // Six rows can't choose all twelve primitives.
        assert_eq!(is_zero(gradient), !chosen.contains(&(index as i64)), "primitive {index}");
    }
}

#[test]
fn back_propagation_all_moves_every_primitive() {
    let estimator = Estimator::Frequency(FrequencyConfig {
        primitive_loss: PrimitiveLoss::All,
        freq_coef: 0.0,
        ..common::frequency()
    });
    let actor = actor(&ActorConfig::Pmoe(PmoeConfig { estimator, ..common::pmoe(12) }));
    let parts = parts(&actor, &loss(&actor));
    assert!(parts.heads.iter().all(|gradient| !is_zero(gradient)));
    assert!(is_zero(&parts.router));
}

#[test]
fn a_chosen_primitive_learns_alone_where_one_is_chosen() {
    for alternative in common::alternatives() {
        let pathwise = alternative.pathwise;
        let config = alternative.mixture(12);
        let actor = actor(&ActorConfig::Pmoe(config.clone()));
        let ActorLoss { loss, mixture, .. } = full_loss(&actor);
        let parts = parts(&actor, &loss);
        assert!(!is_zero(&parts.router) && !is_zero(&parts.trunk), "{config:?}");
        let chosen = mixture.unwrap().chosen.map(|chosen| chosen.try_to_vec_as::<i64>().unwrap());
        for (index, gradient) in parts.heads.iter().enumerate() {
            let learns =
                pathwise != Pathwise::Chosen || chosen.as_ref().unwrap().contains(&(index as i64));
            assert_eq!(!is_zero(gradient), learns, "{config:?}, primitive {index}");
        }
    }
}

#[test]
fn the_router_reaches_the_trunk_only_if_it_may() {
    let alternatives = common::alternatives().into_iter().map(|alternative| alternative.mixture(3));
    let paper = PmoeConfig { estimator: frequency(1.0), ..common::pmoe(3) };
    for config in alternatives.chain([paper]) {
        let estimator = &config.estimator;
        let with = |routing_input| {
            let config = PmoeConfig { routing_input, ..config.clone() };
            let actor = actor(&ActorConfig::Pmoe(config));
            parts(&actor, &loss(&actor))
        };
        let (closed, open) = (with(RoutingInput::TrunkSg), with(RoutingInput::Trunk));
        assert!(closed.trunk != open.trunk, "{estimator:?}");
        assert!(closed.heads == open.heads && closed.router == open.router, "{estimator:?}");
        assert!(!is_zero(&open.router), "{estimator:?}");
    }
    // Without a gradient into the trunk, the frequency loss must not change the trunk's gradient.
    for (routing_input, reaches) in
        [(RoutingInput::TrunkSg, false), (RoutingInput::Trunk, true), (RoutingInput::Obs, false)]
    {
        let with = |freq_coef: f64| {
            let estimator = frequency(freq_coef);
            let config = PmoeConfig { estimator, routing_input, ..common::pmoe(3) };
            let actor = actor(&ActorConfig::Pmoe(config));
            parts(&actor, &loss(&actor))
        };
        let (without_freq, with_freq) = (with(0.0), with(1.0));
        assert_eq!(without_freq.trunk != with_freq.trunk, reaches, "{routing_input:?}");
        assert!(!is_zero(&with_freq.router));
        assert_eq!(without_freq.heads, with_freq.heads);
    }
}

#[test]
fn the_critic_gets_no_gradient_from_the_actor() {
    let critic = critic();
    for config in common::actors() {
        let actor = actor(&config);
        let (valid, noise) = (critic.valid(), noise(&actor));
        let judge: Judge<'_> = &|obs, action| valid.min(obs, action);
        let (alpha, baseline) = (&[ALPHA], &[0.0]);
        let input = LossInput { critic: judge, obs: obs(), alpha, noise, baseline };
        let loss = actor.loss(input).loss;
        assert!(gradients(&critic, &loss).iter().all(|gradient| is_zero(gradient)), "{config:?}");
    }
}

#[test]
fn choosing_first_and_differentiating_then_gives_the_same_gradient() {
    let config = ActorConfig::Pmoe(PmoeConfig { estimator: frequency(0.0), ..common::pmoe(4) });
    let actor = actor(&config);
    let one_pass = loss(&actor);

    // Two passes: the best primitives are known, and the graph contains only their B rows.
    let (best, _) = best(&actor);
    let noise = noise(&actor).action.reshape([BATCH, 4, ACTION]);
    let index = best.clone().reshape([BATCH, 1, 1]).expand([BATCH, 1, ACTION]);
    let noise = noise.gather(1, index).squeeze_dim::<2>(1);
    let sample = pmoe_actor(&actor).mixture(obs()).primitive(&best).rsample(noise);
    let q = critic().valid().min(obs(), sample.action);
    let two_passes = backpropagate_max_loss(ALPHA, sample.log_prob, q);

    assert!((value(&two_passes) - value(&one_pass)).abs() < 1e-12);
    let (two, one) =
        (gradients(&actor, &two_passes).concat(), gradients(&actor, &one_pass).concat());
    for (two, one) in two.iter().zip(&one) {
        assert!((two - one).abs() <= 1e-12 * two.abs().max(1.0), "{two} is not {one}");
    }
}
