//! A selection of runs, and running them.

use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread;

use pmoe_results::plan::{PlannedRun, RunProgress};
use pmoe_results::{Methods, Plan, ResultsError, Suite};

use crate::end::RunEnd;
use crate::error::MatrixError;
use crate::estimate::{Costs, Forecast, estimate, left};
use crate::executor::{Executor, Listener, Notice};
use crate::options::Options;
use crate::overview::overview;
use crate::select::{Planned, check_budgets, select};

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
        let scale = options.scale();
        let out = options.out.join(&scale);
        let plan = Plan::new(&suites, options.preset, options.max_steps, &methods, &out)?;
        let runs = select(&plan, &suites, &options.only, &options.seeds, &out)?;
        check_budgets(&runs, &methods)?;
        let cores = || thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let jobs = options.jobs.unwrap_or_else(cores);
        Ok(Self { scale, out, jobs, suites, methods, plan, runs })
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

    /// Returns the number of runs at a time.
    #[must_use]
    pub fn jobs(&self) -> usize {
        self.jobs
    }

    /// Formats the runs as a table with a row for each suite, task and method.
    #[must_use]
    pub fn overview(&self) -> String {
        overview(&self.runs, &self.suites)
    }

    /// Estimates the time and disk space for the runs in [`Self::left`].
    ///
    /// Starts `pmoe` once per kind of run for a short measurement.
    ///
    /// # Errors
    /// Returns an error if a kind of run can't be measured.
    pub fn forecast(&self, pmoe: &Path) -> Result<Forecast, MatrixError> {
        let left = self.left();
        let costs = Costs::measure(pmoe, &left, self.jobs)?;
        estimate(&left, &costs, self.jobs, |run| Ok(self.methods.resolve(&run.spec())?))
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
        let writing = Mutex::new(());
        executor.execute(&self.runs, &|notice| {
            if let Notice::Over(index, _) = notice
                && let Err(error) = self.note(&writing, &self.runs[index])
            {
                listener(Notice::NotNoted(index, &error));
            }
            listener(notice);
        })
    }

    /// Returns the plan without the runs that nobody asked for: those that are neither selected nor
    /// begun.
    fn asked(&self) -> Plan {
        let mut plan = self.plan.clone();
        let is_selected = |run: &PlannedRun| self.runs.iter().any(|of| of.run.id == run.id);
        plan.runs.retain(|run| run.progress != RunProgress::New || is_selected(run));
        plan
    }

    /// Updates the plan's file after the end of a run.
    ///
    /// Another matrix may have written the file meanwhile, with other runs.
    fn note(&self, writing: &Mutex<()>, planned: &Planned) -> Result<(), ResultsError> {
        let _alone = writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut plan = Plan::read(&self.out)?.unwrap_or_else(|| self.asked());
        let is_it = |run: &&mut PlannedRun| run.id == planned.run.id;
        let progress = RunProgress::read(&planned.dir, planned.run.total_steps);
        match plan.runs.iter_mut().find(is_it) {
            Some(run) => run.progress = progress,
            None => {
                let run = self.plan.runs.iter().find(|run| run.id == planned.run.id);
                plan.runs.extend(run.map(|run| PlannedRun { progress, ..run.clone() }));
            }
        }
        plan.write(&self.out)
    }
}
