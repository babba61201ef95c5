//! Estimates the time and disk space of the rest of a plan, from a short measurement on this
//! machine.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::{Mutex, PoisonError};
use std::thread::{self, ScopedJoinHandle};

use pmoe_results::analysis::{AnalysisSettings, Work};
use pmoe_results::plan::{PlannedRun, RunProgress};
use pmoe_results::settings;
use serde::Deserialize;

use crate::error::MatrixError;
use crate::process;
use crate::select::Planned;

/// Environment steps of an evaluation episode: the tasks' time limit, an upper bound.
const EPISODE_LENGTH: f64 = 1_000.0;

/// Seconds of a run outside its steps: setting up networks, model and files, and shutting down.
const BESIDE_STEPS: f64 = 0.3;

/// Bytes of an event, and environment steps of a training episode: rough values, as events take
/// little space.
const EVENT_BYTES: f64 = 700.0;
const TRAINING_EPISODE: f64 = 100.0;
const EPISODE_EVENT_BYTES: f64 = 130.0;

/// Seconds of t-SNE per point, neighbour and iteration.
///
/// Source: 10 000 points with the paper's settings take 5 minutes on one core of an AMD EPYC (Zen
/// 5).
const TSNE_SECONDS: f64 = 300.0 / (10_000.0 * 300.0 * 7_000.0);

/// Bytes of an analysis file.
const ANALYSIS_BYTES: f64 = 3e5;

/// The costs of a run, as measured by `pmoe bench cost`.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub(crate) struct Cost {
    ms_per_act: f64,
    ms_per_env_step: f64,
    ms_of_learning_per_env_step: f64,
    bytes_when_finished: f64,
    bytes_of_learner: f64,
    bytes_of_steps: f64,
}

/// The costs of a plan's runs, by kind of run.
#[derive(Debug, Default)]
pub(crate) struct Costs(BTreeMap<Kind, Cost>);

/// Base method, task, budget and settings: runs that differ only in the seed cost the same.
type Kind = (String, String, u64, Arc<BTreeMap<String, String>>);

fn kind(run: &PlannedRun) -> Kind {
    (run.base.clone(), run.task.clone(), run.total_steps, run.set.clone())
}

impl Costs {
    /// Measures every kind of run with `pmoe`, `jobs` at a time, because concurrent runs slow each
    /// other down.
    pub(crate) fn measure(pmoe: &Path, runs: &[Planned], jobs: usize) -> Result<Self, MatrixError> {
        let mut kinds: BTreeMap<Kind, &PlannedRun> = BTreeMap::new();
        for Planned { run, .. } in runs {
            kinds.entry(kind(run)).or_insert(run);
        }
        let jobs = jobs.min(kinds.len());
        let queue: Mutex<VecDeque<_>> = Mutex::new(kinds.into_iter().collect());
        let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let work = || {
            let mut costs = Vec::new();
            while let Some((kind, run)) = next() {
                costs.push((kind, Cost::measure(pmoe, run)?));
            }
            Ok::<_, MatrixError>(costs)
        };
        let measured = thread::scope(|scope| {
            let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(work)).collect();
            workers.into_iter().map(ScopedJoinHandle::join).collect::<Vec<_>>()
        });
        let mut costs = Self::default();
        for measured in measured {
            costs.0.extend(measured.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
        }
        Ok(costs)
    }
}

impl Cost {
    fn measure(pmoe: &Path, run: &PlannedRun) -> Result<Self, MatrixError> {
        let mut command = Command::new(pmoe);
        command.args(["bench", "cost", "--method", &run.base, "--task", &run.task, "--json"]);
        command.args(["--steps", &run.total_steps.to_string()]);
        for (key, value) in run.set.iter() {
            command.args(["--set", &format!("{key}={value}")]);
        }
        let text = process::stdout(&mut command)?;
        serde_json::from_str(&text)
            .map_err(|source| MatrixError::BadCost { command: process::line(&command), source })
    }
}

/// What determines the work of a run, besides its budget.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Workload {
    /// Environment steps before the first gradient update.
    learning_starts: f64,
    /// Environment steps between evaluations.
    eval_every: f64,
    eval_episodes: f64,
    /// Environment steps between two reports of metrics.
    log_every: f64,
}

impl Workload {
    /// Reads a resolved config. An on-policy method has no `learning_starts`.
    pub(crate) fn new(config: &toml::Table) -> Self {
        let number = |key: &str| match settings::find(config, key) {
            #[expect(clippy::cast_precision_loss, reason = "step counts are far below 2^52")]
            Some(toml::Value::Integer(value)) => Some(*value as f64),
            Some(toml::Value::Float(value)) => Some(*value),
            _ => None,
        };
        Self {
            learning_starts: number("learning_starts").unwrap_or(0.0),
            eval_every: number("schedule.eval_every").unwrap_or(f64::INFINITY),
            eval_episodes: number("schedule.eval_episodes").unwrap_or(0.0),
            log_every: number("schedule.log_every").unwrap_or(f64::INFINITY),
        }
    }

    /// Returns the seconds from environment step `done` to `total`.
    fn seconds(&self, done: u64, total: u64, cost: &Cost) -> f64 {
        let (done, total) = (float(done), float(total));
        if done >= total {
            return 0.0;
        }
        let learning = total - done.max(self.learning_starts).min(total);
        // One evaluation before the first step, then one every `eval_every` steps.
        let behind = if done > 0.0 { 1.0 + (done / self.eval_every).floor() } else { 0.0 };
        let evaluations = 1.0 + (total / self.eval_every).floor() - behind;
        let env_steps = total - done + evaluations * self.eval_episodes * EPISODE_LENGTH;
        let acting_and_simulating = cost.ms_per_act + cost.ms_per_env_step;
        let ms = learning * cost.ms_of_learning_per_env_step + env_steps * acting_and_simulating;
        BESIDE_STEPS + ms / 1e3
    }

    /// Returns the seconds that an analysis of a finished run takes.
    fn analysis_seconds(&self, settings: &AnalysisSettings, seed: u64, cost: &Cost) -> f64 {
        let Work { played, trained, embedded } = settings.work(seed);
        let played = played * (cost.ms_per_act + cost.ms_per_env_step) / 1e3;
        let trained = self.seconds(0, trained, cost);
        BESIDE_STEPS + played + trained + embedded * TSNE_SECONDS
    }

    /// Returns the bytes of a finished run: its events and its policy.
    fn bytes_at_the_end(&self, total: u64, cost: &Cost) -> f64 {
        let total = float(total);
        let events = total / self.eval_every + total / self.log_every + 1.0;
        let episodes = total / TRAINING_EPISODE;
        cost.bytes_when_finished + events * EVENT_BYTES + episodes * EPISODE_EVENT_BYTES
    }
}

#[expect(clippy::cast_precision_loss, reason = "step counts are far below 2^52")]
fn float(steps: u64) -> f64 {
    steps as f64
}

/// Time and disk space of the rest of a plan.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Forecast {
    /// Seconds until the last run ends.
    pub seconds: f64,
    /// Seconds of all runs together.
    pub total_seconds: f64,
    /// Seconds of the longest run.
    pub longest_seconds: f64,
    /// Bytes that remain once all runs have ended.
    pub bytes_at_the_end: f64,
    /// Additional bytes while the largest runs are in progress.
    pub bytes_under_way: f64,
}

/// Estimates the time and disk space for some numbers of workers to finish `runs`.
///
/// `config` resolves the config of a run.
pub(crate) fn estimate<const N: usize>(
    runs: &[Planned],
    costs: &Costs,
    workers: [usize; N],
    config: impl Fn(&PlannedRun) -> Result<toml::Table, MatrixError>,
) -> Result<[Forecast; N], MatrixError> {
    let (mut seconds, mut under_way, mut at_the_end) = (Vec::new(), Vec::new(), 0.0);
    let mut workloads: BTreeMap<Kind, Workload> = BTreeMap::new();
    for planned in runs {
        let run = &planned.run;
        let kind = kind(run);
        let Some(cost) = costs.0.get(&kind) else {
            continue;
        };
        let workload = match workloads.get(&kind) {
            Some(workload) => *workload,
            None => *workloads.entry(kind).or_insert(Workload::new(&config(run)?)),
        };
        let training = workload.seconds(planned.steps_done(), run.total_steps, cost);
        let analyses = planned.analyses_left();
        let looking = |settings| workload.analysis_seconds(settings, run.seed, cost);
        seconds.push(training + analyses.iter().map(looking).sum::<f64>());
        at_the_end += float(analyses.len() as u64) * ANALYSIS_BYTES;
        if run.progress == RunProgress::Done {
            continue;
        }
        at_the_end += workload.bytes_at_the_end(run.total_steps, cost);
        // Two checkpoints are kept, and the next one is written next to them.
        under_way.push(3.0 * (cost.bytes_of_learner + cost.bytes_of_steps));
    }
    under_way.sort_by(|a, b| b.total_cmp(a));
    Ok(workers.map(|workers| Forecast {
        seconds: makespan(&seconds, workers),
        total_seconds: seconds.iter().sum(),
        longest_seconds: seconds.iter().copied().fold(0.0, f64::max),
        bytes_at_the_end: at_the_end,
        bytes_under_way: under_way.iter().take(workers).sum(),
    }))
}

/// Returns the runs that are not finished or not fully analysed.
pub(crate) fn left(runs: &[Planned]) -> Vec<Planned> {
    runs.iter().filter(|planned| !planned.is_done()).cloned().collect()
}

/// Returns when the last of `jobs` workers stops if each takes the next run as soon as it is free.
fn makespan(seconds: &[f64], jobs: usize) -> f64 {
    let mut busy_until = vec![0.0_f64; jobs.max(1)];
    for run in seconds {
        if let Some(first_free) = busy_until.iter_mut().min_by(|a, b| a.total_cmp(b)) {
            *first_free += run;
        }
    }
    busy_until.into_iter().fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use pmoe_results::plan::RunProgress;

    use super::*;
    use crate::select::tests::planned;

    const COST: Cost = Cost {
        ms_per_act: 0.5,
        ms_per_env_step: 0.5,
        ms_of_learning_per_env_step: 10.0,
        bytes_when_finished: 1e6,
        bytes_of_learner: 3e6,
        bytes_of_steps: 7e6,
    };

    const SAC: &str = "[algo.sac]\nlearning_starts = 1_000\n\
                       [schedule]\neval_every = 5000\neval_episodes = 10\nlog_every = 1000\n";

    fn workload(config: &str) -> Workload {
        Workload::new(&config.parse().unwrap())
    }

    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-9, "{found} instead of {expected}");
    }

    #[test]
    fn updates_environment_steps_and_evaluations_add_up() {
        let seconds = |done, total| workload(SAC).seconds(done, total, &COST);
        // 9 000 updates, 10 000 steps and 3 evaluations of 10 episodes of 1 000 steps.
        close(seconds(0, 10_000), BESIDE_STEPS + 90.0 + 10.0 + 30.0);
        // From step 6 000: 4 000 updates and steps, 1 evaluation.
        close(seconds(6_000, 10_000), BESIDE_STEPS + 40.0 + 4.0 + 10.0);
        // Ends before the first update, but is evaluated at its start.
        close(seconds(0, 400), BESIDE_STEPS + 0.4 + 10.0);
        close(seconds(400, 400), 0.0);
        // Without warm-up, every step learns.
        let on_policy = workload(&SAC.replace("sac", "ppo").replace("learning_starts", "epochs"));
        close(on_policy.seconds(0, 400, &COST), BESIDE_STEPS + 4.0 + 0.4 + 10.0);
    }

    #[test]
    fn finished_runs_add_up_and_the_largest_are_under_way() {
        let runs = [0, 1, 2].map(|seed| planned("sac", "Ant-v4", seed, RunProgress::New));
        let costs = Costs([(kind(&runs[0].run), COST)].into());
        let [found] = estimate(&runs, &costs, [2], |_| Ok(SAC.parse().unwrap())).unwrap();
        // Two workers, three runs of 1 000 steps: no updates, one evaluation of 10 000 steps each.
        close(found.seconds, 2.0 * (BESIDE_STEPS + 11.0));
        close(found.total_seconds, 3.0 * (BESIDE_STEPS + 11.0));
        close(found.longest_seconds, BESIDE_STEPS + 11.0);
        let events = (0.2 + 1.0 + 1.0) * EVENT_BYTES + 10.0 * EPISODE_EVENT_BYTES;
        close(found.bytes_at_the_end, 3.0 * (1e6 + events));
        close(found.bytes_under_way, 3.0 * 2.0 * 10e6);
    }

    #[test]
    fn workers_take_the_next_run_when_free() {
        close(makespan(&[3.0, 1.0, 1.0, 2.0], 2), 4.0);
        close(makespan(&[3.0, 1.0, 1.0, 2.0], 1), 7.0);
        close(makespan(&[3.0, 1.0], 8), 3.0);
        close(makespan(&[], 2), 0.0);
    }
}
