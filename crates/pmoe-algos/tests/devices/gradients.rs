//! Gradients of every actor's loss and of the critics', beside those of flex in double precision,
//! which equal central differences (`tests/gradients.rs`).

use burn::module::Module;
use burn::tensor::{DType, Tensor};
use pmoe_algos::DeviceKind;
use pmoe_algos::critic::{CriticNorm, TwinCritic, critic_loss};
use pmoe_algos::policy::Init;
use pmoe_algos::sac::{Actor, ActorConfig, ActorNoise, Judge, LossInput, SacConfig};
use pmoe_core::noise::normal;
use pmoe_envs::Rng;
use rand::SeedableRng;

use super::common::differences::{gradients, in_f64};
use super::common::{self, device, on};
use super::replay::module::deviation;
use super::{Seen, on_each};

const OBS: usize = 4;
const ACTION: usize = 2;
const BATCH: usize = 6;
const ALPHA: f64 = 0.3;

/// Computes the gradients of an actor's loss and of its critics' on the current device.
fn of_losses(actor: &ActorConfig, norm: CriticNorm, dtype: DType) -> Vec<Vec<f64>> {
    let device = device();
    let learning = device.clone().autodiff();
    let config = SacConfig { hidden: vec![8, 8], ..common::sac(actor.clone()) };
    let rng = &mut Rng::seed_from_u64(11);
    let mut critic = TwinCritic::new(OBS, ACTION, &[8, 8], Init::Torch, rng, &learning)
        .with_norm(norm, rng, &learning);
    let mut actor = Actor::new(&config, OBS, ACTION, 21, &learning);
    if dtype == DType::F64 {
        (critic, actor) = (in_f64(critic), in_f64(actor));
    }
    let mut drawn = |columns| normal([BATCH, columns], rng, &device).cast(dtype);
    let [obs, action, target] = [OBS, ACTION, 1].map(&mut drawn);

    let (q1, q2) = critic.forward(obs.clone(), action);
    let target: Tensor<1> = target.squeeze_dim(1);
    let of_critic = critic_loss(q1, target.clone()) + critic_loss(q2, target);

    let ActorNoise { action, gumbel } = actor.noise(BATCH, ACTION, &mut [rng], &device);
    let noise = ActorNoise { action: action.cast(dtype), gumbel: gumbel.cast(dtype) };
    let frozen = critic.valid();
    let (alpha, baseline) = (&[ALPHA], &[0.7]);
    let judge: Judge<'_> = &|obs, action| frozen.min(obs, action);
    let input = LossInput { critic: judge, obs, alpha, noise, baseline };
    let of_actor = actor.loss(input).loss;
    [gradients(&critic, &of_critic), gradients(&actor, &of_actor)].concat()
}

#[test]
fn gradients_are_flexs_in_double_precision() {
    let actors = common::actors();
    on_each(|_| {
        let mut furthest = 0.0_f64;
        let plain = actors.iter().map(|actor| (actor, CriticNorm::None));
        for (actor, norm) in plain.chain([(&actors[0], CriticNorm::Layer)]) {
            let found = of_losses(actor, norm, DType::F32);
            let expected = on(DeviceKind::FlexPlain, || of_losses(actor, norm, DType::F64));
            assert_eq!(found.len(), expected.len());
            for (found, expected) in found.iter().zip(&expected) {
                let largest = expected.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
                assert_eq!(found.len(), expected.len());
                for (found, expected) in found.iter().zip(expected) {
                    furthest = furthest.max(deviation(*found, *expected, largest));
                }
            }
        }
        vec![Seen {
            check: "gradients beside flex in 64 bits".to_owned(),
            deviation: furthest,
            allowed: 1e-4,
            detail: format!("{} policies", actors.len()),
        }]
    });
}
