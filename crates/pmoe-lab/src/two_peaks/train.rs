//! Learning in the bandit.

use burn::tensor::{Device, Tensor, activation::softmax};
use pmoe_algos::sac::{Act, Actor, ActorConfig, LossInput, Policy, SacConfig, Temperature};
use pmoe_algos::seed::{Stream, stream};
use pmoe_core::noise;
use pmoe_core::optim::{Adam, Learner};
use pmoe_envs::Rng;
use rand::RngExt;

use super::judge::{Acts, Judged, Mixture, judge, states};
use super::{Settings, value};

/// A policy at the end of its training.
pub(super) struct Trained {
    pub(super) seed: u64,
    pub(super) judged: Judged,
    /// States with drawn actions.
    pub(super) drawn: Vec<(f64, f64)>,
}

/// States with a drawn action.
const DRAWN: usize = 500;

/// Trains one policy.
pub(super) fn train(config: &SacConfig, settings: &Settings, seed: u64) -> Trained {
    let device = Device::flex();
    let trainable = device.clone().autodiff();
    let adam = Adam::new(config.adam_epsilon);
    let mut actor = Learner::new(Actor::new(config, 1, 1, seed, &trainable), adam);
    let draws = config.actor.draws_in_choice();
    let mut temperature = Temperature::new(&config.temperature, draws, 1, adam, &trainable);
    let mut rng = stream(seed, Stream::Learn);
    for _ in 0..settings.updates {
        let obs = uniform_states(config.batch_size, &mut rng, &device);
        let input = LossInput {
            critic: &value,
            noise: actor.noise(config.batch_size, 1, &mut [&mut rng], &device),
            obs,
            alpha: &[temperature.alpha()],
            // Only a moving average needs one, and no method here has it.
            baseline: &[0.0],
        };
        let loss = actor.loss(input);
        actor.descend(config.actor_lr, loss.loss);
        temperature.descend(config.actor_lr, loss.log_prob);
    }
    let states = states();
    let policy = mixtures(actor.frozen(), &states, &device);
    let acts = match &config.actor {
        ActorConfig::Pmoe(pmoe) if pmoe.act == Act::Best => Acts::Best,
        _ => Acts::Drawn,
    };
    let judged = judge(&states, &policy, acts, settings.alpha, temperature.alpha());
    let mut rng = stream(seed, Stream::Evaluate);
    let drawn: Vec<f64> = (0..DRAWN).map(|_| rng.random_range(-1.0..1.0)).collect();
    let policy = mixtures(actor.frozen(), &drawn, &device);
    let draw = |(state, mixture): (&f64, &Mixture)| (*state, mixture.draw(*state, acts, &mut rng));
    let drawn = drawn.iter().zip(&policy).map(draw).collect();
    Trained { seed, judged, drawn }
}

fn uniform_states(count: usize, rng: &mut Rng, device: &Device) -> Tensor<2> {
    let mut states = vec![0.0_f32; count];
    noise::fill_uniform(&mut states, rng);
    Tensor::<1>::from_data(&states[..], device).reshape([count, 1])
}

/// Returns what the policy is in each state.
fn mixtures(actor: &Actor, states: &[f64], device: &Device) -> Vec<Mixture> {
    let inputs: Vec<f32> = states.iter().map(|state| *state as f32).collect();
    let obs = Tensor::<1>::from_data(&inputs[..], device).reshape([states.len(), 1]);
    let (weights, mean, log_std) = match actor.policy(obs) {
        Policy::Gaussian(dist, _) => {
            (Tensor::ones([states.len(), 1], device), dist.mean, dist.log_std)
        }
        Policy::Mixture(_, mixture) => (
            softmax(mixture.router_logits, 1),
            mixture.mean.squeeze_dim(2),
            mixture.log_std.squeeze_dim(2),
        ),
    };
    let host = |tensor: Tensor<2>| {
        let num = tensor.dims()[1];
        let values = tensor.try_into_vec_as::<f64>().expect("floats convert");
        values.chunks_exact(num).map(<[f64]>::to_vec).collect::<Vec<_>>()
    };
    let all = host(weights).into_iter().zip(host(mean)).zip(host(log_std.exp()));
    all.map(|((weights, mean), std)| Mixture { weights, mean, std }).collect()
}
