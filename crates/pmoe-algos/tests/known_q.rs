//! Where descent ends if Q is known.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use burn::module::{Module, ModuleMapper, Param, ParamId};
use burn::tensor::activation::softmax;
use burn::tensor::{Device, Tensor};
use pmoe_algos::policy::FreqReduction;
use pmoe_algos::sac::{
    Actor, ActorConfig, ActorLoss, ActorNoise, EntropyLogProb, Estimator, FrequencyConfig, Judge,
    LossInput, PmoeConfig, SacConfig, Temperature, TemperatureConfig,
};
use pmoe_algos::{AlgoConfig, MethodConfig};
use pmoe_core::best_of::calibration;
use pmoe_core::optim::Adam;
use pmoe_envs::Rng;
use rand::SeedableRng;

fn device() -> Device {
    Device::flex().autodiff()
}

fn parameter<const D: usize>(value: Tensor<D>) -> Param<Tensor<D>> {
    Param::initialized(ParamId::new(), value.autodiff().require_grad())
}

/// Returns a policy that is the same in every state: all of its parameters are 0.
fn same_everywhere(actor: ActorConfig, action_dim: usize) -> Actor {
    struct Zero;
    impl ModuleMapper for Zero {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            let (id, tensor, mapper) = param.consume();
            let zero = tensor.inner().zeros_like().autodiff().require_grad();
            Param::from_mapped_value(id, zero, mapper)
        }
    }
    let config = SacConfig { hidden: vec![1], ..common::sac(actor) };
    Actor::new(&config, 1, action_dim, 0, &device()).map(&mut Zero)
}

fn loss(
    actor: &Actor,
    critic: Judge<'_>,
    obs: Tensor<2>,
    alpha: f64,
    noise: ActorNoise,
) -> ActorLoss {
    actor.loss(LossInput { critic, obs, alpha: &[alpha], noise, baseline: &[0.0] })
}

fn method(name: &str, temperature: TemperatureConfig) -> SacConfig {
    let AlgoConfig::Sac(config) = MethodConfig::named(name).unwrap().algo else {
        panic!("of SAC's family")
    };
    SacConfig { temperature, ..config }
}

fn alpha(config: &SacConfig, action_dim: usize) -> f64 {
    let (draws, adam) = (config.actor.draws_in_choice(), Adam::new(1e-8));
    Temperature::new(&config.temperature, draws, action_dim, adam, &device()).alpha()
}

#[test]
fn a_calibrated_temperature_by_hand() {
    // E[min_4 χ²_2] / 2 = 1/4; one draw needs no calibration.
    let with = |name: &str, best_of| {
        let config = method(name, TemperatureConfig::Calibrated { alpha: 0.2, best_of });
        config.validate().map(|()| alpha(&config, 2))
    };
    for (name, best_of, expected) in [
        ("pmoe-sac", None, 0.05),
        ("pmoe-sac", Some(2), 0.1),
        ("sac", Some(4), 0.05),
        ("pmoe-sac-marginal", Some(1), 0.2),
    ] {
        let found = with(name, best_of).unwrap();
        assert!((found - expected).abs() < 1e-12, "{name}, {best_of:?}: {found}");
    }
    for name in ["sac", "gating-sac", "pmoe-sac-marginal", "pmoe-sac-all"] {
        let error = with(name, None).unwrap_err().to_string();
        assert!(error.contains("best_of` is missing, but must be given"), "{error}");
    }
    assert!(with("sac", Some(0)).unwrap_err().to_string().contains("at least 1"));
}

/// Returns the standard deviation at which the loss is stationary, of K equal primitives at the
/// maximum of `Q = −c/2 ‖a‖²`, with c so that SAC's is about .02 and tanh does not matter.
fn stationary_std(actor: PmoeConfig, action_dim: usize, temperature: TemperatureConfig) -> f64 {
    const ALPHA: f64 = 0.2;
    let half_curvature = 0.5 * ALPHA / 0.02_f64.powi(2);
    let critic: Judge<'_> = &|_, action: Tensor<2>| {
        action.square().sum_dim(1).squeeze_dim::<1>(1).mul_scalar(-half_curvature)
    };
    let num_primitives = actor.num_primitives;
    let actor = ActorConfig::Pmoe(actor);
    let config = SacConfig { temperature, ..common::sac(actor.clone()) };
    let alpha = alpha(&config, action_dim);
    // The shortest of few numbers varies most.
    let rows = if action_dim == 1 { 60_000 } else { 30_000 / action_dim };
    let obs = Tensor::<2>::zeros([rows, 1], &Device::flex());
    let rng = &mut Rng::seed_from_u64((20 * action_dim + num_primitives) as u64);
    let policy = same_everywhere(actor, action_dim);
    let noise = policy.noise(rows, action_dim, &mut [rng], &Device::flex());
    let Actor::Pmoe(mut policy) = policy else { panic!("a mixture") };
    // The gradient with respect to the log standard deviation that all share.
    let mut gradient = |log_std: f64| {
        let all = Tensor::full([num_primitives * action_dim], log_std, &Device::flex());
        let bias = parameter(all);
        policy.net.primitives.log_std.bias = Some(bias.clone());
        let policy = Actor::Pmoe(policy.clone());
        let loss = loss(&policy, critic, obs.clone(), alpha, noise.clone()).loss;
        let gradient = bias.val().grad(&loss.backward()).unwrap();
        f64::from(gradient.sum().into_scalar::<f32>())
    };
    // The gradient is nearly linear in the variance: a few steps of interpolation find its zero.
    let mut at = |variance: f64| (variance, gradient(0.5 * variance.ln()));
    let (mut low, mut high) = (at(0.01_f64.powi(2)), at(0.2_f64.powi(2)));
    assert!(low.1 < 0.0 && high.1 > 0.0, "descent widens below and narrows above");
    loop {
        let (below, above) = (-low.1, high.1);
        let middle = at((low.0 * above + high.0 * below) / (above + below));
        let moved = [low.0, high.0].map(|variance| (middle.0 / variance - 1.0).abs());
        if moved.iter().any(|moved| *moved < 2e-3) {
            return middle.0.sqrt();
        }
        if middle.1 < 0.0 { low = middle } else { high = middle }
    }
}

/// With a calibrated temperature the policy is as wide as SAC's; without, by √(A / E[min_K χ²_A])
/// wider. The tolerance is the one promised; the noise of `min_K χ²_A` leaves .6 % at most.
#[test]
fn a_calibrated_policy_is_as_wide_as_sacs() {
    let fixed = || TemperatureConfig::Fixed { alpha: 0.2 };
    let calibrated = || TemperatureConfig::Calibrated { alpha: 0.2, best_of: None };
    for action_dim in 1..=17 {
        let of_sac = stationary_std(common::pmoe(1), action_dim, fixed());
        for num_primitives in 1..=16 {
            let found =
                stationary_std(common::pmoe(num_primitives), action_dim, calibrated()) / of_sac;
            assert!((found - 1.0).abs() < 0.02, "K = {num_primitives}, A = {action_dim}: {found}");
        }
        for num_primitives in [2, 4, 10] {
            let found = stationary_std(common::pmoe(num_primitives), action_dim, fixed()) / of_sac;
            let excess = calibration(num_primitives, action_dim).recip().sqrt();
            assert!(
                (found / excess - 1.0).abs() < 0.02,
                "K = {num_primitives}, A = {action_dim}: {found}, not {excess}"
            );
        }
    }
}

#[test]
fn a_choice_by_modes_does_not_widen_the_policy() {
    let fixed = || TemperatureConfig::Fixed { alpha: 0.2 };
    for action_dim in [1, 3, 8] {
        let by_modes = PmoeConfig { estimator: common::by_modes(), ..common::pmoe(4) };
        let of_sac = stationary_std(common::pmoe(1), action_dim, fixed());
        let found = stationary_std(by_modes, action_dim, fixed()) / of_sac;
        assert!((found - 1.0).abs() < 0.02, "A = {action_dim}: {found}");
    }
}

#[test]
fn with_the_mixtures_density_the_router_still_learns_the_frequencies() {
    // Ten states; the primitive that is the best in each has frequencies (.4, .3, .2, .1).
    let modes = [-0.9_f32, -0.3, 0.3, 0.9];
    let best = [0, 0, 0, 0, 1, 1, 1, 2, 2, 3].map(|k: usize| modes[k]);
    let obs = Tensor::<1>::from_data(best, &Device::flex()).reshape([10, 1]);
    let zeros = |shape| Tensor::<2>::zeros(shape, &Device::flex());
    let noise = ActorNoise { action: zeros([40, 1]), gumbel: zeros([10, 4]) };
    let critic: Judge<'_> = &|obs: Tensor<2>, action: Tensor<2>| {
        let wanted = obs.reshape([10, 1]).expand([10, 4]).reshape([40, 1]);
        (action - wanted).square().squeeze_dim::<1>(1).neg()
    };
    for freq_reduction in [FreqReduction::Sum, FreqReduction::Mean] {
        let estimator = FrequencyConfig { freq_reduction, ..common::frequency() };
        let config = PmoeConfig {
            estimator: Estimator::Frequency(estimator),
            entropy_log_prob: EntropyLogProb::Mixture,
            ..common::pmoe(4)
        };
        let Actor::Pmoe(mut actor) = same_everywhere(ActorConfig::Pmoe(config), 1) else {
            panic!("a mixture")
        };
        let heads = &mut actor.net.primitives;
        let means = Tensor::from_data(modes.map(f32::atanh), &Device::flex());
        heads.mean.bias = Some(parameter(means));
        heads.log_std.bias = Some(parameter(Tensor::full([4], -3.0, &Device::flex())));
        let mut logits = Tensor::<1>::zeros([4], &Device::flex());
        for _ in 0..2000 {
            actor.net.router.bias = Some(parameter(logits.clone()));
            let actor = Actor::Pmoe(actor.clone());
            let loss = loss(&actor, critic, obs.clone(), 0.2, noise.clone()).loss;
            let Actor::Pmoe(actor) = actor else { panic!("as it was") };
            let grads = loss.backward();
            let gradient = actor.net.router.bias.unwrap().val().grad(&grads).unwrap();
            logits = logits - gradient.mul_scalar(2.0);
        }
        let weights = softmax(logits, 0).try_to_vec_as::<f32>().unwrap();
        for (found, expected) in weights.iter().zip([0.4, 0.3, 0.2, 0.1]) {
            assert!((found - expected).abs() < 1e-3, "{freq_reduction:?}: {weights:?}");
        }
    }
}
