//! A selection of runs, and running them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::slice;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use pmoe_results::plan::{PlannedRun, RunProgress};
use pmoe_results::{Methods, Plan, ResultsError, Suite};

use crate::cluster::options::{Class, Engine, Named, SlurmSettings};
use crate::cluster::slurm::Limits;
use crate::cluster::{Cluster, ClusterOptions, ExecutorKind};
use crate::end::RunEnd;
use crate::error::{ClusterError, MatrixError};
use crate::estimate::{Costs, Forecast, estimate, left};
use crate::executor::{Executor, Listener, Notice};
use crate::options::Options;
use crate::overview::overview;
use crate::select::{Planned, check_budgets, is_run_named, select};

/// The selected runs, planned but not run.
#[derive(Debug)]
pub struct Matrix {
    scale: String,
    out: PathBuf,
    jobs: usize,
    suites: Vec<Suite>,
    methods: Methods,
    /// All runs of the scale, including those not selected.
    plan: Plan,
    runs: Vec<Planned>,
    cluster: ClusterOptions,
}

impl Matrix {
    /// Plans the runs of `suites` that `options` select, and reads their progress.
    ///
    /// # Errors
    /// Returns an error if a suite does not fit the methods, if no run has a given name or seed, or
    /// if a run is too short for a single update.
    pub fn new(
        suites: Vec<Suite>,
        methods: Methods,
        options: &Options,
    ) -> Result<Self, MatrixError> {
        options.cluster.check().map_err(ClusterError::from)?;
        let scale = options.scale();
        let out = options.out.join(&scale);
        let mut plan = Plan::new(&suites, options.preset, options.max_steps, &methods, &out)?;
        if let Some(folder) = &options.suites {
            plan = plan.with_own_suites(folder)?;
        }
        let runs = select(&plan, &suites, &options.only, &options.seeds, &out)?;
        check_budgets(&runs, &methods)?;
        let cores = || thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let jobs = options.jobs.unwrap_or_else(cores);
        let cluster = options.cluster.clone();
        let matrix = Self { scale, out, jobs, suites, methods, plan, runs, cluster };
        let ClusterOptions { time, mem, .. } = &matrix.cluster;
        for (flag, values) in [("--time", time), ("--mem", mem)] {
            for name in values.iter().filter_map(|value| value.name.as_ref()) {
                select(&matrix.plan, &matrix.suites, slice::from_ref(name), &[], &matrix.out)
                    .map_err(|source| ClusterError::Name { flag, source: Box::new(source) })?;
            }
        }
        Ok(matrix)
    }

    /// Returns the runs in the order in which they start.
    #[must_use]
    pub fn runs(&self) -> &[Planned] {
        &self.runs
    }

    /// Returns the suites, in the order of the paper.
    pub(crate) fn suites(&self) -> &[Suite] {
        &self.suites
    }

    /// Returns the runs that are not finished or not fully analysed.
    #[must_use]
    pub fn left(&self) -> Vec<Planned> {
        left(&self.runs)
    }

    /// Returns the indices of these runs in [`Self::runs`].
    pub(crate) fn left_indices(&self) -> Vec<usize> {
        let is_left = |(index, run): (usize, &Planned)| (!run.is_done()).then_some(index);
        self.runs.iter().enumerate().filter_map(is_left).collect()
    }

    /// Returns the folder of the results, such as `results/paper-300k`.
    #[must_use]
    pub fn out(&self) -> &Path {
        &self.out
    }

    /// Returns preset and budget cap, such as `paper-300k`.
    #[must_use]
    pub fn scale(&self) -> &str {
        &self.scale
    }

    /// Returns the number of runs at a time on this machine.
    #[must_use]
    pub fn jobs(&self) -> usize {
        self.jobs
    }

    /// Returns what makes the runs.
    pub(crate) fn executor(&self) -> ExecutorKind {
        self.cluster.executor
    }

    /// Returns the most runs at a time on the cluster, if there is a limit.
    pub(crate) fn max_parallel(&self) -> Option<usize> {
        self.cluster.max_parallel
    }

    /// Returns the executor that makes the runs as jobs of a cluster.
    ///
    /// `limits` are those of a Slurm cluster.
    pub(crate) fn cluster(&self, pmoe: &Path, limits: Limits) -> Result<Cluster, MatrixError> {
        let engine = match &self.cluster.submit {
            Some(submit) => Engine::Command { submit: submit.clone() },
            None => Engine::Slurm(self.slurm(limits)),
        };
        // Progress is left out, so that the same selection is the same plan whenever it is asked for.
        let new =
            |planned: &Planned| PlannedRun { progress: RunProgress::New, ..planned.run.clone() };
        let runs = self.runs.iter().map(new).collect();
        let Plan { schema, preset, max_steps, .. } = self.plan;
        let own_suites = self.plan.own_suites.clone();
        let plan = Plan { schema, preset, max_steps, own_suites, runs };
        Cluster::new(pmoe, &self.out, plan, engine, self.doubtful(pmoe))
    }

    /// Returns the runs that are done, but not with the settings that they have now: a job of theirs says so, as
    /// `pmoe train` does here.
    fn doubtful(&self, pmoe: &Path) -> BTreeSet<usize> {
        // Runs that differ in the seed have the same settings.
        let mut known: HashMap<_, Option<toml::Table>> = HashMap::new();
        let mut doubtful = BTreeSet::new();
        for (index, planned) in self.runs.iter().enumerate().filter(|(_, run)| run.is_done()) {
            let PlannedRun { base, task, total_steps, set, .. } = &planned.run;
            let wanted = known
                .entry((base, task, *total_steps, set))
                .or_insert_with(|| current_settings(pmoe, &planned.run));
            let found = fs::read_to_string(planned.dir.join("config.toml")).unwrap_or_default();
            if wanted.is_none() || found.parse().ok().map(without_seed) != *wanted {
                doubtful.insert(index);
            }
        }
        doubtful
    }

    /// Returns how jobs of Slurm are submitted.
    fn slurm(&self, Limits { array_size, jobs }: Limits) -> SlurmSettings {
        let ClusterOptions { partition, account, time, mem, setup, sbatch_arg, poll, .. } =
            self.cluster.clone();
        let mut classes: BTreeMap<(Option<String>, Option<String>), Vec<usize>> = BTreeMap::new();
        for (index, planned) in self.runs.iter().enumerate() {
            let class = (self.value(&time, planned), self.value(&mem, planned));
            classes.entry(class).or_default().push(index);
        }
        let class = |((time, mem), runs): (_, Vec<usize>)| Class {
            time,
            mem,
            runs: runs.into_iter().collect(),
        };
        SlurmSettings {
            partition,
            account,
            setup,
            sbatch_args: sbatch_arg,
            max_parallel: self.cluster.max_parallel,
            max_queued: self.cluster.max_queued.unwrap_or((jobs / 2).max(1)),
            chunk: array_size,
            poll,
            classes: classes.into_iter().map(class).collect(),
        }
    }

    /// Returns the last of the values that is for a run.
    fn value(&self, values: &[Named], planned: &Planned) -> Option<String> {
        let is_for = |of: &&Named| {
            of.name.as_ref().is_none_or(|name| is_run_named(&planned.run, &self.suites, name))
        };
        values.iter().rfind(is_for).map(|of| of.value.clone())
    }

    /// Formats the runs as a table with a row for each suite, task and method.
    #[must_use]
    pub fn overview(&self) -> String {
        overview(&self.runs, &self.suites)
    }

    /// Estimates the time and disk space for the runs in [`Self::left`], if this machine makes them.
    ///
    /// Starts `pmoe` once per kind of run for a short measurement.
    ///
    /// # Errors
    /// Returns an error if a kind of run can't be measured.
    pub fn forecast(&self, pmoe: &Path) -> Result<Forecast, MatrixError> {
        Ok(self.forecasts(pmoe, [self.jobs])?[0])
    }

    /// Estimates it for several numbers of runs at a time, on machines like this one.
    pub(crate) fn forecasts<const N: usize>(
        &self,
        pmoe: &Path,
        slots: [usize; N],
    ) -> Result<[Forecast; N], MatrixError> {
        let left = self.left();
        let costs = Costs::measure(pmoe, &left, self.jobs)?;
        let config = |run: &PlannedRun| Ok(self.methods.resolve(&run.spec())?);
        estimate(&left, &costs, slots, config)
    }

    /// Writes the plan and executes all runs; returns how each ended, in the order of
    /// [`Self::runs`].
    ///
    /// The plan's file lists these runs and those that were begun earlier, and is updated whenever a
    /// run ends.
    ///
    /// # Errors
    /// Returns an error if the folder of the results can't be written, or nothing can be run.
    pub fn execute(
        &self,
        executor: &dyn Executor,
        listener: &Listener<'_>,
    ) -> Result<Vec<RunEnd>, MatrixError> {
        let out = &self.out;
        fs::create_dir_all(out).map_err(|source| MatrixError::Out { path: out.clone(), source })?;
        self.asked().write(out)?;
        let noted = Mutex::new(Noted { over: Vec::new(), last: Instant::now() });
        let note = |index: Option<usize>| {
            let mut noted = noted.lock().unwrap_or_else(PoisonError::into_inner);
            noted.over.extend(index);
            // A plan of many runs takes long to write.
            if noted.over.is_empty() || index.is_some() && noted.last.elapsed() < NOTE_EVERY {
                return;
            }
            if let Err(error) = self.note(&noted.over) {
                listener(Notice::NotNoted(noted.over[0], &error));
            }
            *noted = Noted { over: Vec::new(), last: Instant::now() };
        };
        let ends = executor.execute(&self.runs, &|notice| {
            if let Notice::Over(index, _) = notice {
                note(Some(index));
            }
            listener(notice);
        });
        note(None);
        ends
    }

    /// Returns the plan without the runs that nobody asked for: those that are neither selected nor
    /// begun.
    fn asked(&self) -> Plan {
        let mut plan = self.plan.clone();
        let selected: HashSet<&str> = self.runs.iter().map(|of| of.run.id.as_str()).collect();
        plan.runs.retain(|run| run.progress != RunProgress::New || selected.contains(&*run.id));
        plan
    }

    /// Updates the plan's file after the end of runs.
    ///
    /// Another matrix may have written the file meanwhile, with other runs.
    fn note(&self, over: &[usize]) -> Result<(), ResultsError> {
        let mut plan = Plan::read(&self.out)?.unwrap_or_else(|| self.asked());
        let places: HashMap<String, usize> =
            plan.runs.iter().enumerate().map(|(place, run)| (run.id.clone(), place)).collect();
        for planned in over.iter().map(|index| &self.runs[*index]) {
            let progress = planned.refreshed().run.progress;
            match places.get(&planned.run.id) {
                Some(place) => plan.runs[*place].progress = progress,
                None => {
                    let run = self.plan.runs.iter().find(|run| run.id == planned.run.id);
                    plan.runs.extend(run.map(|run| PlannedRun { progress, ..run.clone() }));
                }
            }
        }
        plan.write(&self.out)
    }
}

/// Returns the settings that a run has today, without its seed; `None` if it is refused.
fn current_settings(pmoe: &Path, run: &PlannedRun) -> Option<toml::Table> {
    let mut command = Command::new(pmoe);
    command.args(["config", "show", "--method", &run.base, "--task", &run.task]);
    command.args(["--set", &format!("schedule.total_steps={}", run.total_steps)]);
    for (key, value) in run.set.iter() {
        command.args(["--set", &format!("{key}={value}")]);
    }
    let output = command.stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok().filter(|_| output.status.success())?;
    text.parse().ok().map(without_seed)
}

fn without_seed(mut config: toml::Table) -> toml::Table {
    config.remove("seed");
    config
}

/// Shortest time between two updates of the plan's file while runs are in progress.
const NOTE_EVERY: Duration = Duration::from_secs(2);

/// Runs that are over, but not yet in the plan's file.
struct Noted {
    over: Vec<usize>,
    last: Instant,
}
