//! How a folder of runs stands: what was read of it, and what follows from that.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use pmoe_results::Preset;
use pmoe_results::plan::Use;
use serde::Serialize;

mod left;

pub use left::Left;
use left::left;

/// A folder of runs at one moment: a function of its files and the time alone.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Snapshot {
    /// The folder.
    #[serde(serialize_with = "pmoe_results::text::path_text")]
    pub dir: PathBuf,
    /// Scale of the plan, if there is a plan.
    pub preset: Option<Preset>,
    /// The largest budget in environment steps, where the plan has one.
    pub max_steps: Option<u64>,
    /// All runs together.
    pub total: Total,
    /// Each suite, in the order of the plan.
    pub suites: Vec<SuiteView>,
    /// The runs: those of the plan in its order, then the others by path.
    pub runs: Vec<RunView>,
    /// What could not be read, in words.
    pub problems: Vec<String>,
}

/// A run at one moment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunView {
    /// Its folder, relative to the one that is watched; empty if it is that one.
    #[serde(serialize_with = "pmoe_results::text::path_text")]
    pub dir: PathBuf,
    /// The suites that it belongs to, each with the name that its method has there.
    pub used_by: Vec<Use>,
    /// Name of the method, as in `configs/algos`.
    pub algo: String,
    /// Name of the task.
    pub task: String,
    /// Seed.
    pub seed: u64,
    /// What the plan changes of the method's settings.
    pub set: BTreeMap<String, String>,
    /// How it stands.
    #[serde(flatten)]
    pub state: RunState,
    /// Environment steps behind its newest evaluation, event or checkpoint.
    pub env_step: u64,
    /// Budget in environment steps.
    pub total_steps: u64,
    /// Environment steps per second, evaluations included: over the last evaluations that were seen,
    /// else over its newest attempt.
    pub steps_per_second: Option<f64>,
    /// Seconds of work left, for a run that is under way.
    pub seconds_left: Option<f64>,
    /// Seconds since it last wrote something.
    pub quiet_seconds: Option<f64>,
    /// Newest evaluation.
    pub last_eval: Option<EvalPoint>,
    /// All evaluations: environment step, mean return.
    #[serde(skip)]
    pub curve: Vec<(u64, f64)>,
    /// How often it was started.
    pub attempts: usize,
    /// Seconds of work over all attempts.
    pub wall_seconds: f64,
}

/// An evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct EvalPoint {
    /// Environment steps of training behind it.
    pub env_step: u64,
    /// Mean undiscounted return of its episodes.
    pub mean_return: f64,
    /// Share of its episodes that reached their goal; absent for a task without one.
    pub success_rate: Option<f64>,
}

/// How a run stands, in the order in which one wants to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum RunState {
    /// Ended by an error, of another budget or unreadable.
    Failed {
        /// What went wrong.
        reason: String,
    },
    /// Under way by its manifest, but it has long written nothing: killed, or stuck.
    Quiet {
        /// Its last words in the matrix's log, if it left any.
        reason: Option<String>,
    },
    /// Under way.
    Running,
    /// Stopped on request, to be continued from its checkpoint.
    Stopped,
    /// Planned, not started.
    Waiting,
    /// The whole budget is spent.
    Done,
}

/// [`RunState`] without its reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StateKind {
    /// See [`RunState::Failed`].
    Failed,
    /// See [`RunState::Quiet`].
    Quiet,
    /// See [`RunState::Running`].
    Running,
    /// See [`RunState::Stopped`].
    Stopped,
    /// See [`RunState::Waiting`].
    Waiting,
    /// See [`RunState::Done`].
    Done,
}

impl StateKind {
    /// All of them, in order.
    pub const ALL: [Self; 6] =
        [Self::Failed, Self::Quiet, Self::Running, Self::Stopped, Self::Waiting, Self::Done];

    /// Its name.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Quiet => "quiet",
            Self::Running => "running",
            Self::Stopped => "stopped",
            Self::Waiting => "waiting",
            Self::Done => "done",
        }
    }
}

impl RunState {
    /// Which state it is.
    #[must_use]
    pub fn kind(&self) -> StateKind {
        match self {
            Self::Failed { .. } => StateKind::Failed,
            Self::Quiet { .. } => StateKind::Quiet,
            Self::Running => StateKind::Running,
            Self::Stopped => StateKind::Stopped,
            Self::Waiting => StateKind::Waiting,
            Self::Done => StateKind::Done,
        }
    }

    /// What went wrong, if that is known.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Failed { reason } => Some(reason),
            Self::Quiet { reason } => reason.as_deref(),
            _ => None,
        }
    }
}

/// Runs per state, and their steps.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Count {
    /// Runs in each state; states that no run is in are absent.
    pub runs: BTreeMap<StateKind, usize>,
    /// Environment steps behind them.
    pub env_steps: u64,
    /// Their budgets.
    pub total_steps: u64,
}

impl Count {
    /// Runs in a state.
    #[must_use]
    pub fn of(&self, kind: StateKind) -> usize {
        self.runs.get(&kind).copied().unwrap_or(0)
    }

    /// Runs in any state.
    #[must_use]
    pub fn all(&self) -> usize {
        self.runs.values().sum()
    }

    /// Steps done of all steps, between 0 and 1.
    #[must_use]
    pub fn share(&self) -> f64 {
        share(self.env_steps, self.total_steps)
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
    /// How many stand how.
    #[serde(flatten)]
    pub count: Count,
    /// What is left to do; `None` if nothing is, or if no run has shown its speed yet.
    pub left: Option<Left>,
}

/// A suite, with its tasks.
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
    /// Adds up `runs`.
    #[must_use]
    pub fn new(
        dir: &Path,
        plan: Option<(Preset, Option<u64>)>,
        runs: Vec<RunView>,
        problems: Vec<String>,
    ) -> Self {
        let mut count = Count::default();
        let mut suites: Vec<SuiteView> = Vec::new();
        for run in &runs {
            count.add(run);
            // A suite may read a run under several names, but it is one run there.
            let names: BTreeSet<&String> = run.used_by.iter().map(|used| &used.suite).collect();
            for name in names {
                let new = || SuiteView { name: name.clone(), ..SuiteView::default() };
                let suite = entry(&mut suites, |suite| suite.name == *name, new);
                suite.count.add(run);
                let new = || TaskView { task: run.task.clone(), ..TaskView::default() };
                let task = entry(&mut suite.tasks, |task| task.task == run.task, new);
                task.count.add(run);
            }
        }
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
    /// Steps done of its budget, between 0 and 1.
    #[must_use]
    pub fn share(&self) -> f64 {
        share(self.env_step, self.total_steps)
    }

    /// The name that its method has in a suite, or in its first.
    #[must_use]
    pub fn method(&self, suite: Option<&str>) -> &str {
        let used = match suite {
            Some(suite) => self.used_by.iter().find(|used| used.suite == suite),
            None => self.used_by.first(),
        };
        used.map_or(&self.algo, |used| &used.method)
    }

    /// Whether it belongs to a suite.
    #[must_use]
    pub fn is_of(&self, suite: &str) -> bool {
        self.used_by.iter().any(|used| used.suite == suite)
    }
}

/// The first item that `is` the one, or a new one at the end.
fn entry<T>(items: &mut Vec<T>, is: impl Fn(&T) -> bool, new: impl FnOnce() -> T) -> &mut T {
    let place = items.iter().position(is).unwrap_or_else(|| {
        items.push(new());
        items.len() - 1
    });
    &mut items[place]
}

#[expect(clippy::cast_precision_loss, reason = "step counts are far below 2^52")]
fn share(env_step: u64, total_steps: u64) -> f64 {
    env_step.min(total_steps) as f64 / total_steps.max(1) as f64
}

#[expect(clippy::cast_precision_loss, reason = "step counts are far below 2^52")]
pub(crate) fn steps(count: u64) -> f64 {
    count as f64
}

/// Seconds from `then` to `now`; clocks that disagree make it zero.
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
}
