//! How long the rest of a plan takes, from a short measurement on this machine.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::plan::Planned;
use crate::process;

/// Environment steps of an evaluation episode: the tasks' time limit, so an upper bound.
const EPISODE_LENGTH: f64 = 1_000.0;

/// What one gradient update and one environment step take, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rates {
    pub update: f64,
    pub env_step: f64,
}

impl Rates {
    /// Measures a method on a task with `pmoe`, in a few seconds.
    pub fn measure(pmoe: &Path, algo: &str, task: &str) -> Result<Self> {
        #[derive(Deserialize)]
        struct Update {
            ms_per_update: Median,
        }
        #[derive(Deserialize)]
        struct Median {
            median: f64,
        }
        #[derive(Deserialize)]
        struct EnvStep {
            steps_per_second: f64,
        }

        let update: Update =
            measured(
                Command::new(pmoe)
                    .args(["bench", "update", "--algo", algo, "--task", task])
                    .args(["--updates", "40", "--json"]),
            )?;
        let env_step: EnvStep = measured(Command::new(pmoe).args([
            "env",
            "bench",
            "--task",
            task,
            "--seconds",
            "1",
            "--json",
        ]))?;
        Ok(Self {
            update: update.ms_per_update.median / 1e3,
            env_step: 1.0 / env_step.steps_per_second,
        })
    }
}

fn measured<T: for<'a> Deserialize<'a>>(command: &mut Command) -> Result<T> {
    let text = process::stdout(command)?;
    serde_json::from_str(&text)
        .with_context(|| format!("cannot understand what `{}` wrote", process::line(command)))
}

/// What decides how much work a run is, beside its budget.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Workload {
    /// Environment steps before the first gradient update.
    learning_starts: f64,
    /// Gradient updates per environment step from then on.
    gradient_steps: f64,
    /// Environment steps between evaluations.
    eval_every: f64,
    eval_episodes: f64,
}

impl Workload {
    /// Reads the method's configuration and what the plan overrides in it.
    pub fn read(root: &Path, run: &Planned) -> Result<Self> {
        let path = root.join("configs/algos").join(format!("{}.toml", run.spec.algo));
        let text =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let config: toml::Table =
            text.parse().with_context(|| format!("bad file {}", path.display()))?;
        Ok(Self::new(&config, &run.spec.set))
    }

    fn new(config: &toml::Table, set: &[(String, String)]) -> Self {
        // The last part of a key tells it from all others.
        let value = |key: &str| {
            let overriding = set.iter().rfind(|(name, _)| name.rsplit('.').next() == Some(key));
            let text = match overriding {
                Some((_, value)) => value.replace('_', ""),
                None => find(config, key)?.to_string(),
            };
            text.parse::<f64>().ok()
        };
        Self {
            learning_starts: value("learning_starts").unwrap_or(0.0),
            gradient_steps: value("gradient_steps").unwrap_or(1.0),
            eval_every: value("eval_every").unwrap_or(f64::INFINITY),
            eval_episodes: value("eval_episodes").unwrap_or(0.0),
        }
    }

    /// Seconds from environment step `done` to `total`.
    #[expect(clippy::cast_precision_loss, reason = "step counts are far below 2^52")]
    fn seconds(&self, done: u64, total: u64, rates: Rates) -> f64 {
        let (done, total) = (done as f64, total as f64);
        let learning = total - done.max(self.learning_starts).min(total);
        let updates = learning * self.gradient_steps;
        // One evaluation before the first step, then one after every `eval_every`.
        let behind = if done > 0.0 { 1.0 + (done / self.eval_every).floor() } else { 0.0 };
        let evaluations = 1.0 + (total / self.eval_every).floor() - behind;
        let env_steps = total - done + evaluations * self.eval_episodes * EPISODE_LENGTH;
        updates * rates.update + env_steps * rates.env_step
    }
}

/// The value of `key`, in whichever table it is.
fn find<'a>(table: &'a toml::Table, key: &str) -> Option<&'a toml::Value> {
    let below = || table.values().filter_map(toml::Value::as_table);
    table.get(key).or_else(|| below().find_map(|table| find(table, key)))
}

/// Seconds until `jobs` workers have finished `runs`.
pub fn estimate(
    root: &Path,
    runs: &[Planned],
    rates: &BTreeMap<(String, String), Rates>,
    jobs: usize,
) -> Result<f64> {
    let mut seconds = Vec::new();
    for run in runs {
        if let Some(&rates) = rates.get(&(run.spec.algo.clone(), run.spec.task.clone())) {
            let workload = Workload::read(root, run)?;
            seconds.push(workload.seconds(run.steps_done(), run.spec.total_steps, rates));
        }
    }
    Ok(makespan(&seconds, jobs))
}

/// When the last of `jobs` workers stops, if each takes the next run as soon as it is free.
fn makespan(seconds: &[f64], jobs: usize) -> f64 {
    let mut busy_until = vec![0.0_f64; jobs.max(1)];
    for run in seconds {
        if let Some(first_free) = busy_until.iter_mut().min_by(|a, b| a.total_cmp(b)) {
            *first_free += run;
        }
    }
    busy_until.into_iter().fold(0.0, f64::max)
}

/// A duration as one would say it: `about 1 h 20 min`.
pub fn spoken(seconds: f64) -> String {
    let round = |value: f64, to: f64| (value / to).round() * to;
    let minutes = seconds / 60.0;
    match seconds {
        ..55.0 => format!("about {} s", round(seconds, 5.0).max(5.0)),
        ..3570.0 => format!("about {} min", minutes.round()),
        ..86_400.0 => {
            // Nobody can estimate hours to the minute.
            let minutes = round(minutes, 5.0);
            format!("about {} h {} min", (minutes / 60.0).floor(), minutes % 60.0)
        }
        _ => {
            let hours = (seconds / 3600.0).round();
            format!("about {} d {} h", (hours / 24.0).floor(), hours % 24.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATES: Rates = Rates { update: 0.01, env_step: 0.001 };

    fn workload(set: &[(&str, &str)]) -> Workload {
        let config = "[algo.sac]\nlearning_starts = 1_000\ngradient_steps = 1\n\
                      [schedule]\neval_every = 5000\neval_episodes = 10\n";
        let set: Vec<_> =
            set.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
        Workload::new(&config.parse().unwrap(), &set)
    }

    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-9, "{found} instead of {expected}");
    }

    #[test]
    fn overrides_win_over_the_file() {
        let found = workload(&[("schedule.eval_every", "1_000"), ("learning_starts", "500")]);
        let expected = Workload {
            learning_starts: 500.0,
            gradient_steps: 1.0,
            eval_every: 1_000.0,
            eval_episodes: 10.0,
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn updates_environment_steps_and_evaluations_add_up() {
        // 9 000 updates, 10 000 steps and 3 evaluations of 10 episodes of 1 000 steps.
        close(workload(&[]).seconds(0, 10_000, RATES), 90.0 + 10.0 + 30.0);
        // From step 6 000 on: 4 000 updates and steps, 1 evaluation.
        close(workload(&[]).seconds(6_000, 10_000, RATES), 40.0 + 4.0 + 10.0);
        // Over before the first update, but evaluated at its start.
        close(workload(&[]).seconds(0, 400, RATES), 0.4 + 10.0);
        close(workload(&[]).seconds(400, 400, RATES), 0.0);
    }

    #[test]
    fn workers_take_the_next_run_when_free() {
        close(makespan(&[3.0, 1.0, 1.0, 2.0], 2), 4.0);
        close(makespan(&[3.0, 1.0, 1.0, 2.0], 1), 7.0);
        close(makespan(&[3.0, 1.0], 8), 3.0);
        close(makespan(&[], 2), 0.0);
    }

    #[test]
    fn durations_are_spoken() {
        let spoken = [2.0, 42.0, 58.0, 600.0, 3_590.0, 4_800.0, 100_000.0].map(spoken);
        assert_eq!(
            spoken,
            [
                "about 5 s",
                "about 40 s",
                "about 1 min",
                "about 10 min",
                "about 1 h 0 min",
                "about 1 h 20 min",
                "about 1 d 4 h"
            ]
        );
    }
}
