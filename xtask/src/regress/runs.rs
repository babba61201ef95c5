//! Trains the runs of a check.

use std::path::Path;

use anyhow::{Result, bail};
use pmoe_matrix::{Local, Matrix, Options, Planned, ProgressDisplay, RunEnd};
use pmoe_results::suite::RunSpec;
use pmoe_results::{Methods, Preset, Suite};

use super::Check;

/// The runs of a folder of suites.
pub struct Runs<'a> {
    /// Folder below `configs/regress`.
    pub suites: &'a str,
    pub preset: Preset,
    /// Seeds instead of the committed ones.
    pub seeds: Option<&'a [u64]>,
    /// Folder of the results, with a subfolder for the preset.
    pub out: &'a Path,
}

/// A run that was trained, or failed to learn.
pub struct Trained {
    pub planned: Planned,
    pub end: RunEnd,
}

impl Runs<'_> {
    /// Trains those runs that are wanted; finished ones are left alone.
    ///
    /// # Errors
    /// Returns an error if a run can't be started, or somebody stops it. A run that fails is no error;
    /// see [`ensure_ended`].
    pub fn train(
        &self,
        check: &Check<'_>,
        is_wanted: impl Fn(&RunSpec) -> bool,
    ) -> Result<Vec<Trained>> {
        let Check { root, pmoe, options, .. } = check;
        let mut suites = Suite::load_all(&root.join("configs/regress").join(self.suites))?;
        if let Some(seeds) = self.seeds {
            suites = suites.into_iter().map(|suite| suite.with_seeds(self.preset, seeds)).collect();
        }
        let plans = suites.iter().flat_map(|suite| suite.plan(self.preset));
        let wanted = plans.filter(|run| is_wanted(run));
        let mut only: Vec<_> =
            wanted.map(|run| format!("{}/{}/{}", run.suite, run.method, run.task)).collect();
        only.sort();
        only.dedup();
        if only.is_empty() {
            return Ok(Vec::new());
        }
        let methods = Methods::load_all(&root.join("configs/methods"))?;
        let of_matrix = Options { only, jobs: options.jobs, ..Options::new(self.preset, self.out) };
        let matrix = Matrix::new(suites, methods, &of_matrix)?;
        let display = ProgressDisplay::new(matrix.runs(), matrix.jobs(), |line| say!("{line}"));
        let ends =
            matrix.execute(&Local::new(pmoe, matrix.jobs()), &|notice| display.show(notice))?;
        display.clear();
        let trained = matrix.runs().iter().cloned().zip(ends);
        let trained: Vec<_> = trained.map(|(planned, end)| Trained { planned, end }).collect();
        for Trained { planned, end } in &trained {
            match end {
                RunEnd::Done | RunEnd::Diverged(_) | RunEnd::Failed(_) => {}
                RunEnd::Refused(reason) => bail!("{}: {reason}", planned.dir.display()),
                RunEnd::Locked => bail!("{}: another process holds it", planned.dir.display()),
                RunEnd::Stopped => bail!("stopped; the same command continues"),
            }
        }
        Ok(trained)
    }
}

/// Returns an error if a run failed otherwise than by learning badly.
pub fn ensure_ended(trained: &[Trained]) -> Result<()> {
    for Trained { planned, end } in trained {
        if let RunEnd::Failed(reason) = end {
            bail!("{}: {reason}", planned.dir.display());
        }
    }
    Ok(())
}
