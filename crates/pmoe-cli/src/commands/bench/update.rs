//! `pmoe bench update`: what a gradient update costs, and what it costs at the least.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Result;
use burn::tensor::Device;
use pmoe_algos::dac::{self, Dac, DacConfig, Mdp};
use pmoe_algos::ppo::{self, Ppo, PpoConfig};
use pmoe_algos::sac::{self, MatrixProduct, Sac, SacConfig};
use pmoe_algos::seed::{Stream, stream};
use pmoe_algos::{Agent, AlgoConfig, Mode, Transition};
use pmoe_core::noise::Rng;
use pmoe_core::{fused::gemm_into, noise};
use pmoe_results::whole;
use serde::Serialize;

use super::CommonArgs;
use crate::commands::{print_json, print_line};
use crate::config;
use crate::machine;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pmoe bench update --algo pmoe-sac --task Hopper-v4
  pmoe bench update --algo pmoe-sac --task Humanoid-v4 --set actor.pmoe.num_primitives=10 --json")]
pub(crate) struct Args {
    #[command(flatten)]
    common: CommonArgs,
    /// Updates to time, after a tenth as many to warm up; for DAC one of each MDP counts as one.
    #[arg(long, default_value_t = 500, allow_negative_numbers = true, value_parser = whole::<u32>(1..=MOST_UPDATES))]
    updates: u32,
}

#[derive(Serialize)]
struct Timing {
    algo: String,
    task: String,
    updates: u32,
    batch_size: usize,
    ms_per_update: Quartiles,
    /// Median of each part.
    ms_per_part: BTreeMap<String, f64>,
    /// The matrix products of the same shapes alone.
    ms_matrix_products: f64,
    /// `ms_per_update.median / ms_matrix_products`.
    ratio_to_matrix_products: f64,
}

#[derive(Serialize)]
struct Quartiles {
    q1: f64,
    median: f64,
    q3: f64,
}

/// The most updates to time: each leaves its times.
const MOST_UPDATES: u64 = 1_000_000;

/// Transitions in the buffer: enough that batches are not in the cache.
const TRANSITIONS: u32 = 100_000;

/// Updates and rounds of matrix products are timed in turn, this many of each at a time, so that
/// both see the same machine.
const TURN: u32 = 10;

pub(crate) fn update(args: Args) -> Result<ExitCode> {
    let Args { common: CommonArgs { method, task, compute, json }, updates } = args;
    let id = config::task(&task)?;
    let mut config = config::resolve(&method, &id, 0, None)?;
    if let AlgoConfig::Sac(sac) = &mut config.algo {
        sac.buffer_size = sac.buffer_size.min(TRANSITIONS as usize);
    }
    let env = pmoe_envs::make_with(&id, &config.env)?;
    let (obs_dim, action_dim) = (env.spec().obs_dim, env.spec().action_dim());
    machine::check_memory(&config, TRANSITIONS.into(), env.spec())?;
    let device = config::device(config.device)?;
    let (batch_size, times) = compute.run(config.device, || match &config.algo {
        AlgoConfig::Sac(sac) => {
            (sac.batch_size, time_sac(sac, obs_dim, action_dim, updates, &device))
        }
        AlgoConfig::Ppo(ppo) => {
            (ppo.minibatch_size, time_ppo(ppo, obs_dim, action_dim, updates, &device))
        }
        AlgoConfig::Dac(dac) => {
            (dac.minibatch_size, time_dac(dac, obs_dim, action_dim, updates, &device))
        }
    });
    let Times { totals, floors, parts } = times;
    let ms_per_update = quartiles(totals);
    let ms_matrix_products = quartiles(floors).median;
    let timing = Timing {
        algo: config.method.clone(),
        task,
        updates,
        batch_size,
        ratio_to_matrix_products: ms_per_update.median / ms_matrix_products,
        ms_per_update,
        ms_per_part: parts
            .into_iter()
            .map(|(part, times)| (part, quartiles(times).median))
            .collect(),
        ms_matrix_products,
    };
    if json {
        print_json(&timing)?;
    } else {
        print(&timing)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Milliseconds.
#[derive(Default)]
struct Times {
    totals: Vec<f64>,
    floors: Vec<f64>,
    parts: BTreeMap<String, Vec<f64>>,
}

fn time_sac(
    config: &SacConfig,
    obs_dim: usize,
    action_dim: usize,
    updates: u32,
    device: &Device,
) -> Times {
    let mut agent = Sac::new(config.clone(), obs_dim, action_dim, 0, device);
    observe_random(&mut agent, TRANSITIONS as usize, obs_dim, action_dim);
    let products = sac::matrix_products(config, obs_dim, action_dim);
    time(&products, updates, |rng, done| agent.gradient_step_in_parts(rng, done))
}

fn time_ppo(
    config: &PpoConfig,
    obs_dim: usize,
    action_dim: usize,
    updates: u32,
    device: &Device,
) -> Times {
    let mut agent = Ppo::new(config.clone(), obs_dim, action_dim, 0, 0, device);
    observe_random(&mut agent, config.rollout_steps, obs_dim, action_dim);
    let (targets, order) = (agent.targets(), (0..config.rollout_steps).collect::<Vec<_>>());
    let mut minibatches = order.chunks_exact(config.minibatch_size).cycle();
    let products = ppo::matrix_products(config, obs_dim, action_dim);
    time(&products, updates, |rng, done| {
        let rows = minibatches.next().expect("a rollout is at least one minibatch");
        agent.gradient_step_in_parts(&targets, rows, rng, done);
    })
}

fn time_dac(
    config: &DacConfig,
    obs_dim: usize,
    action_dim: usize,
    updates: u32,
    device: &Device,
) -> Times {
    let mut agent = Dac::new(config.clone(), obs_dim, action_dim, 0, device);
    observe_random(&mut agent, config.rollout_steps, obs_dim, action_dim);
    let (targets, order) = (agent.targets(), (0..config.rollout_steps).collect::<Vec<_>>());
    // Both MDPs have as many updates: one of each is what is timed.
    let mut minibatches = order.chunks_exact(config.minibatch_size).cycle();
    let products = dac::matrix_products(config, obs_dim, action_dim);
    time(&products, updates, |_, done| {
        let rows = minibatches.next().expect("a rollout is at least one minibatch");
        for mdp in [Mdp::High, Mdp::Low] {
            agent.gradient_step_in_parts(mdp, &targets, rows, &mut |part| done((mdp, part)));
        }
    })
}

/// Times `step`, which tells when a part of it is through.
fn time<P: Debug>(
    products: &[MatrixProduct],
    updates: u32,
    mut step: impl FnMut(&mut Rng, &mut dyn FnMut(P)),
) -> Times {
    let mut products = Products::new(products);
    let mut rng = stream(0, Stream::Learn);
    for _ in 0..updates.div_ceil(10) {
        step(&mut rng, &mut |_| ());
        products.compute();
    }
    let mut times = Times::default();
    for turn in 0..updates.div_ceil(TURN) {
        for _ in 0..TURN.min(updates - turn * TURN) {
            let begun = Instant::now();
            // The log is written when the step is over.
            let mut marks = Vec::with_capacity(16);
            step(&mut rng, &mut |part| marks.push((part, Instant::now())));
            times.totals.push(milliseconds(begun.elapsed()));
            let mut last = begun;
            for (part, now) in marks {
                let times = times.parts.entry(format!("{part:?}")).or_default();
                times.push(milliseconds(now - last));
                last = now;
            }
        }
        for _ in 0..TURN {
            let begun = Instant::now();
            products.compute();
            times.floors.push(milliseconds(begun.elapsed()));
        }
    }
    times
}

fn print(timing: &Timing) -> Result<()> {
    let Quartiles { q1, median, q3 } = timing.ms_per_update;
    let Timing { algo, task, updates, .. } = timing;
    print_line(&format!(
        "{algo} on {task}: {median:.2} ms per gradient update (quartiles {q1:.2} and {q3:.2}, {updates} updates)"
    ))?;
    for (part, median) in &timing.ms_per_part {
        print_line(&format!("  {part:<14} {median:6.2} ms"))?;
    }
    let (floor, ratio) = (timing.ms_matrix_products, timing.ratio_to_matrix_products);
    print_line(&format!(
        "matrix products of the same shapes alone: {floor:.2} ms; ratio {ratio:.2}"
    ))
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

fn quartiles(mut times: Vec<f64>) -> Quartiles {
    times.sort_by(f64::total_cmp);
    let at = |quarter: usize| times[(times.len() - 1) * quarter / 4];
    Quartiles { q1: at(1), median: at(2), q3: at(3) }
}

/// Every matrix product of an update, with memory for its operands and its result.
struct Products(Vec<Product>);

struct Product {
    left: Vec<f32>,
    right: Vec<f32>,
    inner: usize,
    result: Vec<f32>,
}

impl Products {
    fn new(shapes: &[MatrixProduct]) -> Self {
        let mut rng = stream(0, Stream::Learn);
        let mut operand = |len| {
            let mut values = vec![0.0; len];
            noise::fill_uniform(&mut values, &mut rng);
            values
        };
        let product = |&MatrixProduct { m, k, n }: &MatrixProduct| Product {
            left: operand(m * k),
            right: operand(k * n),
            inner: k,
            result: vec![0.0; m * n],
        };
        Self(shapes.iter().map(product).collect())
    }

    fn compute(&mut self) {
        for Product { left, right, inner, result } in &mut self.0 {
            gemm_into(result, left, right, *inner);
            std::hint::black_box(result);
        }
    }
}

/// Lets `agent` act on and observe `count` random transitions.
fn observe_random<A: Agent>(agent: &mut A, count: usize, obs_dim: usize, action_dim: usize) {
    let mut rng = stream(0, Stream::Env);
    let [mut obs, mut next_obs] = [vec![0.0_f32; obs_dim], vec![0.0; obs_dim]];
    let mut action = vec![0.0_f32; action_dim];
    let mut memory = A::Memory::default();
    for index in 0..count {
        for values in [&mut obs, &mut next_obs] {
            noise::fill_uniform(values, &mut rng);
        }
        agent
            .act(&mut memory, &obs, Mode::Explore, &mut rng, &mut action)
            .expect("numbers within bounds lead to finite actions");
        let transition = Transition {
            obs: &obs,
            action: &action,
            reward: obs[0],
            next_obs: &next_obs,
            terminated: index % 100 == 0,
            truncated: false,
        };
        agent.observe(&memory, transition);
    }
}
