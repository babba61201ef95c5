//! State of a folder of runs: what was read and what follows from it.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use pmoe_results::Preset;
use pmoe_results::plan::Use;
use pmoe_results::text::paper_key;
use serde::Serialize;

use crate::job::Job;

mod left;
mod state;

pub use left::Left;
use left::left;
pub use state::{RunState, StateKind};

/// A folder of runs at one moment: a function of its files, the jobs that the
/// watcher was told of, and the time only.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Snapshot {
    /// The folder.
    #[serde(serialize_with = "pmoe_results::text::path_text")]
    pub dir: PathBuf,
    /// Preset of the plan, if there is a plan.
    pub preset: Option<Preset>,
    /// Cap on the budgets in environment steps, if the plan has one.
    pub max_steps: Option<u64>,
    /// All runs together.
    pub total: Total,
    /// The suites, in the order of the paper.
    pub suites: Vec<SuiteView>,
    /// The runs: first those of the plan in its order, then the others by path.
    pub runs: Vec<RunView>,
    /// Descriptions of what could not be read.
    pub problems: Vec<String>,
}

/// A run at one moment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunView {
    /// Its folder, relative to the watched one; empty if it is the watched one.
    #[serde(serialize_with = "pmoe_results::text::path_text")]
    pub dir: PathBuf,
    /// The suites that it belongs to, each with its name for the run's method.
    pub used_by: Vec<Use>,
    /// Name of the method, as in `configs/methods`.
    pub method: String,
    /// Name of the task.
    pub task: String,
    /// Seed.
    pub seed: u64,
    /// Settings of the method that the plan changes.
    pub set: BTreeMap<String, String>,
    /// Its state.
    #[serde(flatten)]
    pub state: RunState,
    /// Its job in the queue of a cluster, if it has one.
    pub job: Option<Job>,
    /// Environment steps at its newest evaluation or event.
    pub env_step: u64,
    /// Budget in environment steps.
    pub total_steps: u64,
    /// Environment steps per second, including evaluations: over the last evaluations seen, else
    /// over the newest attempt.
    pub steps_per_second: Option<f64>,
    /// Seconds of work left, for a run in progress.
    pub seconds_left: Option<f64>,
    /// Seconds since its last write.
    pub quiet_seconds: Option<f64>,
    /// Newest evaluation.
    pub last_eval: Option<EvalPoint>,
    /// Environment step and mean return of all evaluations.
    #[serde(skip)]
    pub curve: Vec<(u64, f64)>,
    /// Number of starts.
    pub attempts: usize,
    /// Duration of all attempts together, in seconds.
    pub wall_seconds: f64,
}

/// An evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct EvalPoint {
    /// Environment steps that the evaluated policy was trained for.
    pub env_step: u64,
    /// Mean undiscounted return of its episodes.
    pub mean_return: f64,
    /// Share of its episodes that reached their goal; absent for tasks without a goal.
    pub success_rate: Option<f64>,
}

/// Number of runs per state, and their steps.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Count {
    /// Number of runs in each state; states without runs are absent.
    pub runs: BTreeMap<StateKind, usize>,
    /// Environment steps done.
    pub env_steps: u64,
    /// Budgets in environment steps.
    pub total_steps: u64,
}

impl Count {
    /// Returns the number of runs in a state.
    #[must_use]
    pub fn of(&self, kind: StateKind) -> usize {
        self.runs.get(&kind).copied().unwrap_or(0)
    }

    /// Returns the number of runs in any state.
    #[must_use]
    pub fn all(&self) -> usize {
        self.runs.values().sum()
    }

    /// Returns the share of steps done, between 0 and 1.
    #[must_use]
    pub fn share(&self) -> f64 {
        share(self.env_steps, self.total_steps)
    }

    /// Returns the number of runs that have begun.
    pub(crate) fn begun(&self) -> usize {
        self.runs.iter().filter(|(kind, _)| kind.has_begun()).map(|(_, count)| count).sum()
    }

    /// Returns the number of runs whose jobs wait in the queue.
    pub(crate) fn in_queue(&self) -> usize {
        self.of(StateKind::Queued) + self.of(StateKind::Requeued)
    }

    fn add(&mut self, run: &RunView) {
        *self.runs.entry(run.state.kind()).or_default() += 1;
        self.env_steps = self.env_steps.saturating_add(run.env_step.min(run.total_steps));
        self.total_steps = self.total_steps.saturating_add(run.total_steps);
    }
}

/// All runs together.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Total {
    /// Their states and steps.
    #[serde(flatten)]
    pub count: Count,
    /// Work left; `None` if there is none, or if the speed of no run is known yet.
    pub left: Option<Left>,
}

/// A suite with its tasks.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct SuiteView {
    /// Its name.
    pub name: String,
    /// Its runs.
    #[serde(flatten)]
    pub count: Count,
    /// Its runs by task, in the order of the plan.
    pub tasks: Vec<TaskView>,
}

/// The runs of a suite on one task.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct TaskView {
    /// Name of the task.
    pub task: String,
    /// Its runs.
    #[serde(flatten)]
    pub count: Count,
}

impl Snapshot {
    /// Counts `runs` per suite and task, and estimates the work left.
    #[must_use]
    pub fn new(
        dir: &Path,
        plan: Option<(Preset, Option<u64>)>,
        runs: Vec<RunView>,
        problems: Vec<String>,
    ) -> Self {
        let mut count = Count::default();
        let mut suites: Vec<SuiteView> = Vec::new();
        // Places of the suites, and of each task in its suite.
        let (mut place_of, mut place_in) = (HashMap::new(), HashMap::new());
        for run in &runs {
            count.add(run);
            for (index, Use { suite: name, .. }) in run.used_by.iter().enumerate() {
                // A suite may use a run under several names, but it counts once.
                if run.used_by[..index].iter().any(|used| used.suite == *name) {
                    continue;
                }
                let place = *place_of.entry(name.as_str()).or_insert(suites.len());
                if place == suites.len() {
                    suites.push(SuiteView { name: name.clone(), ..SuiteView::default() });
                }
                let SuiteView { count, tasks, .. } = &mut suites[place];
                count.add(run);
                let place = *place_in.entry((place, run.task.as_str())).or_insert(tasks.len());
                if place == tasks.len() {
                    tasks.push(TaskView { task: run.task.clone(), ..TaskView::default() });
                }
                tasks[place].count.add(run);
            }
        }
        suites.sort_by_cached_key(|suite| paper_key(&suite.name));
        let left = left(&runs);
        Self {
            dir: dir.to_owned(),
            preset: plan.map(|(preset, _)| preset),
            max_steps: plan.and_then(|(_, max_steps)| max_steps),
            total: Total { count, left },
            suites,
            runs,
            problems,
        }
    }
}

impl RunView {
    /// Returns the share of its budget that is done, between 0 and 1.
    #[must_use]
    pub fn share(&self) -> f64 {
        share(self.env_step, self.total_steps)
    }

    /// Returns the name of its method in a suite; without `suite`, in its first suite.
    #[must_use]
    pub fn method(&self, suite: Option<&str>) -> &str {
        let used = match suite {
            Some(suite) => self.used_by.iter().find(|used| used.suite == suite),
            None => self.used_by.first(),
        };
        used.map_or(&self.method, |used| &used.method)
    }

    /// Whether it belongs to a suite.
    #[must_use]
    pub fn is_of(&self, suite: &str) -> bool {
        self.used_by.iter().any(|used| used.suite == suite)
    }
}

#[expect(clippy::cast_precision_loss, reason = "step counts are far below 2^52")]
fn share(env_step: u64, total_steps: u64) -> f64 {
    env_step.min(total_steps) as f64 / total_steps.max(1) as f64
}

#[expect(clippy::cast_precision_loss, reason = "step counts are far below 2^52")]
pub(crate) fn steps(count: u64) -> f64 {
    count as f64
}

/// Returns the seconds from `then` to `now`; 0 if the clocks disagree.
pub(crate) fn seconds_since(then: SystemTime, now: SystemTime) -> f64 {
    now.duration_since(then).map_or(0.0, |duration| duration.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::view;

    #[test]
    fn shares_stay_below_one() {
        let mut run = view("sac", "Ant-v2", 0, RunState::Running, 600);
        run.env_step = 2_000;
        assert_eq!((run.share(), share(3, 0)), (1.0, 0.0));
        let snapshot = Snapshot::new(Path::new("x"), None, vec![run], vec![]);
        assert_eq!((snapshot.total.count.env_steps, snapshot.total.count.share()), (1_000, 1.0));
    }

    #[test]
    fn suites_come_as_in_the_paper() {
        let runs =
            ["routing-rivals", "table5", "fig11", "fig2-table3", "fig1-table2"].map(|suite| {
                let mut run = view("sac", "Ant-v2", 0, RunState::Waiting, 0);
                run.used_by[0].suite = suite.to_owned();
                run
            });
        let snapshot = Snapshot::new(Path::new("x"), None, runs.to_vec(), vec![]);
        let names: Vec<_> = snapshot.suites.iter().map(|suite| suite.name.as_str()).collect();
        assert_eq!(names, ["fig1-table2", "fig2-table3", "fig11", "table5", "routing-rivals"]);
    }
}
