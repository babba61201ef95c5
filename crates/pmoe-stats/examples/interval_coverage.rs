//! Simulates how often the bootstrap intervals of a score matrix cover the true value.
//!
//! Scores are normal with standard deviation 1 on 6 tasks, with mean 1 for the method and 0.5 for
//! the other one. Intervals are nominal 95 % from 1000 draws. The true mean and interquartile mean
//! are 1, the optimality gap at 1 is E max(0, -z) = 1 / √(2π), and P(X > Y) is Φ(0.5 / √2).
//!
//! ```text
//! cargo run --release -p pmoe-stats --example interval_coverage -- 2000
//! ```

use std::error::Error;
use std::f64::consts::TAU;

use pmoe_stats::scores::ScoresError;
use pmoe_stats::{Bootstrap, Interval, Scores};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const TASKS: usize = 6;
const BOOTSTRAP: Bootstrap = Bootstrap { resamples: 1000, level: 0.95, seed: 0 };

#[expect(clippy::print_stdout, reason = "an example shows its result")]
fn main() -> Result<(), Box<dyn Error>> {
    let trials: u32 = std::env::args().nth(1).map_or(Ok(200), |argument| argument.parse())?;
    // Φ(0.5 / √2) to four digits.
    let truth = [1.0, 1.0, 1.0 / TAU.sqrt(), 0.6382];
    println!("| runs per task | mean | IQM | optimality gap | P(X > Y) |\n|--:|--:|--:|--:|--:|");
    for num_runs in [2, 3, 5, 10, 20] {
        let mut rng = ChaCha8Rng::seed_from_u64(num_runs);
        let mut covered = [0_u32; 4];
        for _ in 0..trials {
            let x = normal_scores(num_runs, 1.0, &mut rng)?;
            let y = normal_scores(num_runs, 0.5, &mut rng)?;
            let intervals = [
                BOOTSTRAP.scores(&x, |draw| Some(draw.mean())),
                BOOTSTRAP.scores(&x, Scores::iqm),
                BOOTSTRAP.scores(&x, |draw| Some(draw.optimality_gap(1.0))),
                BOOTSTRAP.improvement(&x, &y),
            ];
            for ((interval, truth), covered) in intervals.iter().zip(truth).zip(&mut covered) {
                let holds = |interval: Interval| interval.low <= truth && truth <= interval.high;
                *covered += u32::from(interval.is_some_and(holds));
            }
        }
        let percent =
            covered.map(|count| format!("{:.0} %", 100.0 * f64::from(count) / f64::from(trials)));
        println!("| {num_runs} | {} |", percent.join(" | "));
    }
    Ok(())
}

fn normal_scores(num_runs: u64, mean: f64, rng: &mut ChaCha8Rng) -> Result<Scores, ScoresError> {
    // Box-Muller.
    let mut normal = || {
        let (u, v): (f64, f64) = (rng.random(), rng.random());
        mean + (-2.0 * (1.0 - u).ln()).sqrt() * (TAU * v).cos()
    };
    Scores::new((0..TASKS).map(|_| (0..num_runs).map(|_| normal()).collect()).collect())
}
