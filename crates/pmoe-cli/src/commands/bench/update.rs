//! `pmoe bench update`: measures the cost of a gradient update, and its lower bound.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Result;
use burn::tensor::Device;
use pmoe_algos::TimedStep;
use pmoe_algos::seed::{Stream, stream};
use pmoe_core::fused::{MatrixProduct, gemm_into, matrix_products};
use pmoe_core::instructions::Instructions;
use pmoe_core::noise;
use pmoe_results::Exit;
use pmoe_results::number::whole;
use serde::Serialize;

use super::CommonArgs;
use crate::commands::train::not_in_lockstep;
use crate::commands::{print_json, print_line};
use crate::config;
use crate::machine;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pmoe bench update --method pmoe-sac --task Hopper-v4
  pmoe bench update --method pmoe-sac --task Humanoid-v4 --set actor.pmoe.num_primitives=10 --json
  pmoe bench update --method pmoe-sac --task Hopper-v4 --runs 8 --updates 50

The transitions are random: of the task, only the dimensions count. On a GPU, the time of a part is that of
queueing its work; the update's is that of computing it.")]
pub(crate) struct Args {
    #[command(flatten)]
    common: CommonArgs,
    /// Updates to time, after a tenth as many to warm up. For DAC, one update of both MDPs counts
    /// as one; for TD3, all updates per actor update do.
    #[arg(long, default_value_t = 500, allow_negative_numbers = true, value_parser = whole::<u32>(1..=MOST_UPDATES))]
    updates: u32,
    /// Runs that learn in lockstep, as with `pmoe train --population`. An update is one of each.
    #[arg(long, default_value_t = 1, allow_negative_numbers = true, value_parser = whole::<u32>(1..=MOST_RUNS))]
    runs: u32,
}

#[derive(Serialize)]
struct Timing {
    method: String,
    task: String,
    /// Vector instructions in use.
    instructions: &'static str,
    updates: u32,
    runs: u32,
    batch_size: usize,
    ms_per_update: Quartiles,
    /// Those of all runs, `1000 · runs / ms_per_update.median`.
    updates_per_second: f64,
    /// Median time of each part, in milliseconds.
    ms_per_part: BTreeMap<String, f64>,
    /// Median time of the bare matrix products of the same shapes.
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

/// The most runs in lockstep.
const MOST_RUNS: u64 = 1024;

/// The most updates to time; the time of each is kept.
const MOST_UPDATES: u64 = 1_000_000;

/// Transitions in the buffer, enough that batches are not in the cache.
const TRANSITIONS: u32 = 100_000;

/// Updates and rounds of matrix products alternate, this many at a time, so that both see the
/// machine in the same state.
const TURN: u32 = 10;

pub(crate) fn update(args: Args) -> Result<Exit> {
    let Args { common: CommonArgs { method, task, compute, json }, updates, runs } = args;
    let id = config::task(&task)?;
    let config = config::resolve(&method, &id, 0, None)?;
    let env = pmoe_envs::make_with(&id, &config.env)?;
    let spec = env.spec();
    if runs > 1 && !config.algo.goes_in_lockstep() {
        return Err(not_in_lockstep("--runs", &config.method).into());
    }
    // All runs together have as many as one, or at least a batch each.
    let transitions = match runs {
        1 => TRANSITIONS,
        _ => (TRANSITIONS / runs).max(u32::try_from(config.algo.rows_per_update())?),
    };
    machine::check_memory_of(runs.into(), &config, transitions.into(), spec)?;
    let device = config.device.open()?;
    let step = |transitions, device: &Device| match runs {
        1 => config.algo.timed_step(spec, transitions, device),
        _ => (config.algo.timed_lockstep(runs as usize, spec, transitions, device))
            .expect("it goes in lockstep"),
    };
    let times = compute.run(config.device, || {
        // Only the fused operations of the default device count products.
        let rows = config.algo.rows_per_update();
        let mut counted = step(rows, &Device::flex());
        let products = matrix_products(|| counted(&mut stream(0, Stream::Learn), &mut |_| ()));
        time(step(transitions as usize, &device), &device, &products, updates)
    })?;
    let Times { totals, floors, parts } = times;
    let ms_per_update = quartiles(totals);
    let ms_matrix_products = quartiles(floors).median;
    let timing = Timing {
        method: config.method.clone(),
        task,
        instructions: Instructions::in_use().name(),
        updates,
        runs,
        updates_per_second: 1e3 * f64::from(runs) / ms_per_update.median,
        batch_size: config.algo.rows_per_update(),
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
    Ok(Exit::Done)
}

/// Measured times, in milliseconds.
#[derive(Default)]
struct Times {
    totals: Vec<f64>,
    floors: Vec<f64>,
    parts: BTreeMap<String, Vec<f64>>,
}

/// Times `step`, alternating with its matrix products. An update is over when the device has
/// computed it, a part when it has been queued there.
fn time(
    mut step: TimedStep,
    device: &Device,
    products: &[MatrixProduct],
    updates: u32,
) -> Result<Times> {
    let mut rng = stream(0, Stream::Learn);
    let mut products = Products::new(products);
    for _ in 0..updates.div_ceil(10) {
        step(&mut rng, &mut |_| ());
        device.sync()?;
        products.compute();
    }
    let mut times = Times::default();
    for turn in 0..updates.div_ceil(TURN) {
        for _ in 0..TURN.min(updates - turn * TURN) {
            let begun = Instant::now();
            let mut marks = Vec::with_capacity(16);
            step(&mut rng, &mut |part| marks.push((Instant::now(), format!("{part:?}"))));
            device.sync()?;
            times.totals.push(milliseconds(begun.elapsed()));
            let mut last = begun;
            for (now, part) in marks {
                let times = times.parts.entry(part).or_default();
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
    Ok(times)
}

fn print(timing: &Timing) -> Result<()> {
    let Quartiles { q1, median, q3 } = timing.ms_per_update;
    let Timing { method, task, updates, runs, updates_per_second, .. } = timing;
    print_line(&format!(
        "{method} on {task}: {median:.2} ms per gradient update (quartiles {q1:.2} and {q3:.2}, {updates} updates)"
    ))?;
    if *runs > 1 {
        print_line(&format!(
            "  {runs} runs in lockstep: an update of each, {updates_per_second:.0} updates per second"
        ))?;
    }
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

/// All matrix products of an update, with memory for operands and results.
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
