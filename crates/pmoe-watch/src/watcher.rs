//! Reads a folder of runs again and again, each time only what is new. It writes and locks nothing.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use pmoe_results::{
    Event, Folders, Manifest, Plan, PlannedRun, ResultsError, Status, Tail, Use, run_folders,
};

use crate::snapshot::{Evaluation, RunView, Snapshot, State, seconds_since, steps};

/// A run that has written nothing for this long, and for [`QUIET_EVALUATIONS`] times as long as it takes
/// from one evaluation to the next, is called quiet.
const QUIET_SECONDS: f64 = 600.0;
const QUIET_EVALUATIONS: f64 = 5.0;

/// Evaluations that a run's speed is taken over.
const SPEED_EVALUATIONS: usize = 6;

/// Bytes of events of runs that nobody looks at, read in one refresh.
const BYTES_AT_ONCE: u64 = 16 << 20;

/// Follows a folder of runs.
#[derive(Debug)]
pub struct Watcher {
    dir: PathBuf,
    plan: Option<Plan>,
    plan_stamp: Option<Stamp>,
    runs: BTreeMap<PathBuf, Known>,
}

/// What tells one version of a file from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    file: (u64, u64),
    bytes: u64,
    modified: SystemTime,
}

impl Stamp {
    fn read(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        let file = (metadata.dev(), metadata.ino());
        Some(Self { file, bytes: metadata.len(), modified: metadata.modified().ok()? })
    }
}

/// What is known of a run folder.
#[derive(Debug)]
struct Known {
    manifest: Result<Manifest, String>,
    stamp: Option<Stamp>,
    /// Environment step and seconds at evaluations of the newest attempt, oldest first.
    marks: VecDeque<(u64, f64)>,
    tail: Tail,
    /// Whether there may be events that were not read.
    unread: bool,
    env_step: u64,
    curve: BTreeMap<u64, f64>,
    last_eval: Option<Evaluation>,
    problem: Option<String>,
}

/// Whose events a refresh reads to the end; the others take turns.
#[derive(Debug, Clone, Copy)]
pub enum Wanted<'a> {
    /// Those of every run.
    All,
    /// Those of runs under way, and of these.
    Runs(&'a BTreeSet<PathBuf>),
}

impl Watcher {
    /// Of a folder of runs, with a plan or without.
    #[must_use]
    pub fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), plan: None, plan_stamp: None, runs: BTreeMap::new() }
    }

    /// Reads what is new.
    ///
    /// A run that can't be read is a failed one in the snapshot; a plan that can't be read is one of its
    /// problems, and the plan before stays.
    ///
    /// # Errors
    /// When the folder can't be listed.
    pub fn refresh(
        &mut self,
        now: SystemTime,
        wanted: Wanted<'_>,
    ) -> Result<Snapshot, ResultsError> {
        let Folders { runs: found, broken } = run_folders(&self.dir)?;
        let mut problems: Vec<_> = broken.iter().map(|(_, error)| error.to_string()).collect();
        problems.extend(self.read_plan());

        let found: BTreeSet<PathBuf> = found.iter().map(|path| self.relative(path)).collect();
        self.runs.retain(|dir, _| found.contains(dir));
        for dir in found {
            let path = self.dir.join(&dir);
            self.runs.entry(dir).or_insert_with(|| Known::new(&path)).read_manifest(&path);
        }
        self.read_events(wanted);
        problems.extend(self.runs.iter().filter_map(|(dir, known)| {
            Some(format!("{}: {}", dir.display(), known.problem.as_ref()?))
        }));

        let planned = self.plan.iter().flat_map(|plan| &plan.runs);
        let mut views: Vec<_> = planned.map(|run| self.planned_view(run, now)).collect();
        let dirs: BTreeSet<_> = views.iter().map(|view| view.dir.clone()).collect();
        let others = self.runs.iter().filter(|(dir, _)| !dirs.contains(*dir));
        views.extend(others.map(|(dir, known)| self.view(dir, known, now)));
        let plan = self.plan.as_ref().map(|plan| (plan.preset, plan.max_steps));
        Ok(Snapshot::new(&self.dir, plan, views, problems))
    }

    fn relative(&self, path: &Path) -> PathBuf {
        path.strip_prefix(&self.dir).unwrap_or(path).to_owned()
    }

    /// Reads the plan if it is another one by now; says what is wrong with it.
    fn read_plan(&mut self) -> Option<String> {
        let stamp = Stamp::read(&self.dir.join(Plan::FILE));
        if stamp == self.plan_stamp {
            return None;
        }
        match Plan::read(&self.dir) {
            Ok(plan) => {
                self.plan = plan;
                self.plan_stamp = stamp;
                None
            }
            Err(error) => Some(error.to_string()),
        }
    }

    fn read_events(&mut self, wanted: Wanted<'_>) {
        let mut budget = BYTES_AT_ONCE;
        for (dir, known) in &mut self.runs {
            let to_the_end = match wanted {
                Wanted::All => true,
                Wanted::Runs(wanted) => known.is_running() || wanted.contains(dir),
            };
            while known.unread && (to_the_end || budget > 0) {
                budget = budget.saturating_sub(known.read_events());
            }
        }
    }

    fn planned_view(&self, run: &PlannedRun, now: SystemTime) -> RunView {
        let mut view = match self.runs.get(&run.dir) {
            Some(known) => self.view(&run.dir, known, now),
            None => RunView {
                dir: run.dir.clone(),
                used_by: Vec::new(),
                algo: String::new(),
                task: String::new(),
                seed: 0,
                set: BTreeMap::new(),
                state: match last_words(&self.dir.join(&run.dir)) {
                    Some(reason) => State::Failed { reason },
                    None => State::Waiting,
                },
                env_step: 0,
                total_steps: run.total_steps,
                steps_per_second: None,
                seconds_left: None,
                quiet_seconds: None,
                last_eval: None,
                curve: Vec::new(),
                attempts: 0,
                wall_seconds: 0.0,
            },
        };
        view.used_by.clone_from(&run.used_by);
        view.algo.clone_from(&run.algo);
        view.task.clone_from(&run.task);
        view.seed = run.seed;
        view.set.clone_from(&run.set);
        if view.state == State::Done && view.total_steps != run.total_steps {
            let (found, planned) = (view.total_steps, run.total_steps);
            let reason = format!("it has {found} steps, but the plan wants {planned}");
            view.state = State::Failed { reason };
        }
        view
    }

    fn view(&self, dir: &Path, known: &Known, now: SystemTime) -> RunView {
        let path = self.dir.join(dir);
        let mut view = RunView {
            dir: dir.to_owned(),
            used_by: Vec::new(),
            algo: "?".to_owned(),
            task: "?".to_owned(),
            seed: 0,
            set: BTreeMap::new(),
            state: State::Waiting,
            env_step: known.env_step,
            total_steps: known.env_step,
            steps_per_second: known.steps_per_second(),
            seconds_left: None,
            quiet_seconds: None,
            last_eval: known.last_eval,
            curve: known.curve.iter().map(|(step, value)| (*step, *value)).collect(),
            attempts: 0,
            wall_seconds: 0.0,
        };
        let manifest = match &known.manifest {
            Ok(manifest) => manifest,
            Err(reason) => {
                view.state = State::Failed { reason: reason.clone() };
                view.used_by = vec![self.place(dir, None)];
                return view;
            }
        };
        view.used_by = vec![self.place(dir, Some(manifest))];
        view.algo.clone_from(&manifest.algo);
        view.task.clone_from(&manifest.task);
        view.seed = manifest.seed;
        view.env_step = known.env_step.max(manifest.env_step);
        view.total_steps = manifest.total_steps;
        view.attempts = manifest.attempts.len();
        view.wall_seconds = manifest.wall_seconds();
        view.state = match &manifest.status {
            Status::Done => State::Done,
            Status::Interrupted => State::Stopped,
            Status::Failed { reason, diverged } => State::Failed {
                reason: if *diverged { format!("diverged: {reason}") } else { reason.clone() },
            },
            Status::Running => {
                view.quiet_seconds = known.quiet_seconds(&path, now);
                match view.quiet_seconds {
                    Some(quiet) if quiet > known.patience(manifest) => {
                        State::Quiet { reason: last_words(&path) }
                    }
                    _ => State::Running,
                }
            }
        };
        if view.state == State::Running {
            view.seconds_left = known.seconds_left(manifest, now);
        }
        view
    }

    /// Where a run belongs that no plan knows: `<suite>/<method>/<task>/seed_<n>` if its folder is called
    /// so, else the folder above it.
    fn place(&self, dir: &Path, manifest: Option<&Manifest>) -> Use {
        let names: Vec<_> = dir.iter().map(|name| name.to_string_lossy()).collect();
        let (depth, method) = match (names.as_slice(), manifest) {
            ([.., method, task, _], Some(manifest)) if *task == manifest.task => (3, &**method),
            (_, manifest) => (1, manifest.map_or("?", |manifest| manifest.algo.as_str())),
        };
        let above = dir.ancestors().nth(depth).filter(|above| !above.as_os_str().is_empty());
        let suite = above.or_else(|| self.dir.file_name().map(Path::new)).unwrap_or(&self.dir);
        Use { suite: suite.display().to_string(), method: method.to_owned() }
    }
}

impl Known {
    fn new(path: &Path) -> Self {
        Self {
            manifest: Err("not read yet".to_owned()),
            stamp: None,
            marks: VecDeque::new(),
            tail: Tail::new(path),
            unread: true,
            env_step: 0,
            curve: BTreeMap::new(),
            last_eval: None,
            problem: None,
        }
    }

    fn is_running(&self) -> bool {
        self.manifest.as_ref().is_ok_and(|manifest| manifest.status == Status::Running)
    }

    fn read_manifest(&mut self, path: &Path) {
        // Before the content: what is written in between is read again.
        let stamp = Stamp::read(&path.join(Manifest::FILE));
        // Events reach the file now and then, also when the manifest stays as it is.
        self.unread |= self.is_running();
        if stamp.is_some() && stamp == self.stamp {
            return;
        }
        self.unread = true;
        self.stamp = stamp;
        let before = self.manifest.as_ref().map_or(0, |manifest| manifest.attempts.len());
        self.manifest = Manifest::read(path).map_err(|error| error.to_string());
        let Ok(manifest) = &self.manifest else {
            return;
        };
        let Some(attempt) = manifest.attempts.last() else {
            return;
        };
        if manifest.attempts.len() != before {
            self.marks = VecDeque::from([(attempt.from_step, 0.0)]);
        }
        if self.marks.back().is_none_or(|mark| mark.0 < attempt.to_step) {
            self.marks.push_back((attempt.to_step, attempt.wall_seconds));
        }
        if self.marks.len() > SPEED_EVALUATIONS + 1 {
            self.marks.pop_front();
        }
    }

    /// Reads the next part of the events, and says how many bytes.
    fn read_events(&mut self) -> u64 {
        let tailed = match self.tail.read(BYTES_AT_ONCE) {
            Ok(tailed) => tailed,
            Err(error) => {
                self.problem = Some(format!("events can't be read: {error}"));
                self.unread = false;
                return 0;
            }
        };
        if tailed.restarted {
            (self.env_step, self.last_eval, self.problem) = (0, None, None);
            self.curve.clear();
        }
        let mut newest = None;
        for line in tailed.lines.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
            newest = Some(line);
            // Most lines are others, and parsing takes its time.
            if contains(line, b"\"eval\"") {
                self.take_line(line);
            }
        }
        newest.into_iter().for_each(|line| self.take_line(line));
        self.unread = tailed.more;
        tailed.lines.len() as u64
    }

    fn take_line(&mut self, line: &[u8]) {
        let event: Event = match serde_json::from_slice(line) {
            Ok(event) => event,
            Err(error) => {
                self.problem = Some(format!("a line of its events is none: {error}"));
                return;
            }
        };
        self.env_step = self.env_step.max(event.env_step());
        if let Event::Eval { env_step, returns, successes, .. } = event
            && let Some(mean_return) = mean(&returns)
        {
            let reached = successes.map(|all| all.into_iter().map(f64::from).collect::<Vec<_>>());
            let success_rate = reached.and_then(|all| mean(&all));
            self.curve.insert(env_step, mean_return);
            self.last_eval = Some(Evaluation { env_step, mean_return, success_rate });
        }
    }

    fn steps_per_second(&self) -> Option<f64> {
        let (first, last) = (self.marks.front()?, self.marks.back()?);
        let (taken, seconds) = (steps(last.0 - first.0), last.1 - first.1);
        (taken > 0.0 && seconds > 0.0).then(|| taken / seconds)
    }

    /// What was left at the newest evaluation, less the time since then.
    fn seconds_left(&self, manifest: &Manifest, now: SystemTime) -> Option<f64> {
        let left = steps(manifest.total_steps.saturating_sub(manifest.env_step));
        let since = self.stamp.map_or(0.0, |stamp| seconds_since(stamp.modified, now));
        Some((left / self.steps_per_second()? - since).max(0.0))
    }

    fn quiet_seconds(&self, path: &Path, now: SystemTime) -> Option<f64> {
        let events = Stamp::read(&path.join(Event::FILE)).map(|stamp| stamp.modified);
        let manifest = self.stamp.map(|stamp| stamp.modified);
        Some(seconds_since(events.max(manifest)?, now))
    }

    /// Seconds without a word after which a run is called quiet.
    fn patience(&self, manifest: &Manifest) -> f64 {
        let per_evaluation = manifest.attempts.last().map_or(0.0, |attempt| {
            let evaluations = self.curve.range(attempt.from_step..).count();
            attempt.wall_seconds / steps(evaluations.max(1) as u64)
        });
        QUIET_SECONDS.max(QUIET_EVALUATIONS * per_evaluation)
    }
}

/// The last error in the log that the matrix keeps beside the folder of a run that is not over well.
fn last_words(path: &Path) -> Option<String> {
    let log = match fs::read(path.with_extension("log")) {
        Ok(log) => log,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => return Some(format!("its log can't be read: {error}")),
    };
    let log = String::from_utf8_lossy(&log);
    log.lines().filter_map(|line| line.strip_prefix("error: ")).next_back().map(str::to_owned)
}

fn contains(line: &[u8], part: &[u8]) -> bool {
    line.windows(part.len()).any(|window| window == part)
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / steps(values.len() as u64))
}

#[cfg(test)]
mod tests;
