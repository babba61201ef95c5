//! `cargo bench --workspace --bench sizes`: prints one line of JSON for every method, at the sizes
//! of Hopper: bytes on the heap at the peak of a short run, and multiplications and additions in
//! the matrix products of a gradient update.
//!
//! Neither depends on time or on the machine's load. `cargo xtask regress --layer cost` compares
//! them; see `docs/regression-cost.md`.

#![allow(missing_docs, reason = "a program")]
#![allow(clippy::unwrap_used, reason = "a benchmark stops at the first failure")]
#![allow(clippy::print_stdout, reason = "its result")]

use allocation_counter::measure;
use burn::tensor::Device;
use pmoe_algos::config::Schedule;
use pmoe_algos::pmoe_results::methods;
use pmoe_algos::pmoe_results::run::MemorySink;
use pmoe_algos::seed::{Stream, stream};
use pmoe_algos::{AlgoConfig, MethodConfig, Training};
use pmoe_core::fused::matrix_products;
use pmoe_envs::{Env, EnvError, EnvSpec, Rng, Step};
use rand::RngExt;

/// Length that the learner is told of: a replay buffer has room for as many transitions, which take
/// about as much memory as the networks.
const STEPS: u64 = 20_000;

/// Random observations, as many numbers as Hopper's. MuJoCo's own memory is none of a learner's.
struct Noise(EnvSpec, Rng);

impl Env for Noise {
    fn spec(&self) -> &EnvSpec {
        &self.0
    }

    fn reset(&mut self, _: &mut Rng, obs: &mut [f64]) -> Result<(), EnvError> {
        obs.fill_with(|| self.1.random_range(-1.0..1.0));
        Ok(())
    }

    fn step(&mut self, _: &[f64], obs: &mut [f64]) -> Result<Step, EnvError> {
        obs.fill_with(|| self.1.random_range(-1.0..1.0));
        let terminated = self.1.random_bool(0.02);
        Ok(Step { reward: obs[0], terminated, truncated: false, success: None })
    }

    fn save_state(&self, _: &mut Vec<f64>) {}

    fn load_state(&mut self, _: &[f64]) -> Result<(), EnvError> {
        Ok(())
    }
}

fn spec() -> EnvSpec {
    EnvSpec::new("Hopper", 11, 3)
}

/// Trains until a few updates are done, the first whole rollout's if there is one.
fn train(algo: &AlgoConfig) {
    let (_, first_update) = algo.first_update();
    let schedule = Schedule {
        total_steps: first_update + 8 * algo.num_envs() as u64,
        eval_every: u64::MAX,
        eval_episodes: 1,
        log_every: first_update,
        checkpoint_every: u64::MAX,
    };
    let noise = |_| Noise(spec(), stream(0, Stream::Env));
    let mut envs: Vec<_> = (0..algo.num_envs()).map(noise).collect();
    let envs = envs.iter_mut().map(|env| env as &mut dyn Env).collect();
    let mut agent = algo.agent(&spec(), STEPS, 0, &Device::flex());
    Training::with_envs(envs, &mut noise(0), &mut agent, &schedule, 0)
        .run(&mut MemorySink::default())
        .unwrap();
}

fn main() {
    for (method, _) in methods::committed() {
        let algo = MethodConfig::named(method).unwrap().algo;
        let peak_bytes = measure(|| train(&algo)).bytes_max;
        let early = algo.learning_early();
        let mut step = early.timed_step(&spec(), early.rows_per_update(), &Device::flex());
        let products = matrix_products(|| step(&mut stream(0, Stream::Learn), &mut |_| ()));
        let product_flops: u64 = products.iter().map(|product| product.flops()).sum();
        println!(
            "{}",
            serde_json::json!({ "method": method, "peak_bytes": peak_bytes, "product_flops": product_flops })
        );
    }
}
