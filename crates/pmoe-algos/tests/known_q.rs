//! Where descent ends if Q is known.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use burn::module::{Module, ModuleMapper, Param, ParamId};
use burn::tensor::activation::softmax;
use burn::tensor::{Device, Tensor};
use pmoe_algos::policy::FreqReduction;
use pmoe_algos::sac::{
    Actor, ActorConfig, ActorLoss, ActorNoise, EntropyLogProb, Estimator, FrequencyConfig, Judge,
    LossInput, PmoeConfig, SacConfig,
};

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

fn loss(actor: &Actor, critic: Judge<'_>, obs: Tensor<2>, alpha: f64, noise: Tensor<2>) -> ActorLoss {
    let gumbel = Tensor::zeros([obs.dims()[0], 1], &Device::flex());
    let noise = ActorNoise { action: noise, gumbel };
    actor.loss(LossInput { critic, obs, alpha: &[alpha], noise, baseline: &[0.0] })
}

#[test]
fn with_the_mixtures_density_the_router_still_learns_the_frequencies() {
    // Ten states; the primitive that is the best in each has frequencies (.4, .3, .2, .1).
    let modes = [-0.9_f32, -0.3, 0.3, 0.9];
    let best = [0, 0, 0, 0, 1, 1, 1, 2, 2, 3].map(|k: usize| modes[k]);
    let obs = Tensor::<1>::from_data(best, &Device::flex()).reshape([10, 1]);
    let noise = Tensor::<2>::zeros([40, 1], &Device::flex());
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
