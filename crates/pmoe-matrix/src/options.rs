//! The command line shared by `cargo xtask bench-all` and `pmoe matrix`.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use pmoe_results::Preset;
use pmoe_results::number::{MOST_SEED, MOST_STEPS, whole};

use crate::cluster::ClusterOptions;
use crate::error::{MatrixError, SelectionError};

/// The largest number of runs at a time: each needs a thread here and a process.
const MOST_JOBS: u64 = 1_000;

/// Plans, estimates, runs and reports the experiments of the paper
///
/// Shows what will run and about how long it takes, runs it, and writes tables, figures and an HTML
/// page. Stop it with Ctrl-C and start it again to continue. Finished runs are left alone, and a
/// failed run does not stop the others.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Scale: smoke (miniature, minutes), quick (a tenth of the steps, hours) or paper (days)
    #[arg(long, default_value = "paper", value_name = "PRESET", value_parser = presets())]
    pub preset: Preset,
    /// Run only what has one of these names: a suite (`fig6-table4`), an item of the paper (`fig6`),
    /// a method, a task, or the start of a run's folder (`fig6-table4/pmoe-sac-k4`)
    #[arg(long, value_delimiter = ',', value_name = "NAME,..")]
    pub only: Vec<String>,
    /// Run only these of the preset's seeds
    #[arg(
        long, value_delimiter = ',', value_name = "N,..", allow_negative_numbers = true,
        value_parser = whole::<u64>(0..=MOST_SEED)
    )]
    pub seeds: Vec<u64>,
    /// Most environment steps of a run, such as `300k`; the results go to a folder of their own,
    /// `paper-300k`
    #[arg(
        long, value_name = "N", allow_negative_numbers = true,
        value_parser = whole::<u64>(1..=MOST_STEPS)
    )]
    pub max_steps: Option<u64>,
    /// Runs at a time [default: the number of cores]
    #[arg(
        long, value_name = "N", allow_negative_numbers = true,
        value_parser = whole::<usize>(1..=MOST_JOBS)
    )]
    pub jobs: Option<usize>,
    /// Folder of the results, with a subfolder for each preset
    #[arg(long, default_value = "results", value_name = "DIR")]
    pub out: PathBuf,
    /// Folder of suites to run instead of the paper's, one TOML file each, like `configs/suites`
    #[arg(long, value_name = "DIR")]
    pub suites: Option<PathBuf>,
    /// Show what would run, how long it would take and how much disk it needs, then stop
    #[arg(long)]
    pub dry_run: bool,
    /// Where the runs are made, if not by processes on this machine
    #[command(flatten)]
    pub cluster: ClusterOptions,
}

impl Options {
    /// Selects every run of a preset, with results in `out`.
    #[must_use]
    pub fn new(preset: Preset, out: impl Into<PathBuf>) -> Self {
        Self {
            preset,
            only: Vec::new(),
            seeds: Vec::new(),
            max_steps: None,
            jobs: None,
            out: out.into(),
            suites: None,
            dry_run: false,
            cluster: ClusterOptions::default(),
        }
    }

    /// Returns the flags of this command line that caused an error.
    #[must_use]
    pub fn flags(error: &MatrixError) -> Option<&'static str> {
        Some(match error {
            MatrixError::Selection(SelectionError::UnknownSeed { .. }) => "--seeds",
            MatrixError::Selection(SelectionError::UnknownName { .. }) => "--only",
            MatrixError::Selection(SelectionError::NothingInCommon { .. }) => "--only and --seeds",
            MatrixError::Selection(SelectionError::TooShort { .. }) => "--max-steps and --only",
            MatrixError::Out { .. } => "--out",
            _ => return None,
        })
    }

    /// Returns preset and budget cap as a folder name: `paper`, `paper-300k`.
    #[must_use]
    pub fn scale(&self) -> String {
        let preset = self.preset.name();
        match self.max_steps {
            None => preset.to_owned(),
            Some(steps) if steps % 1_000 == 0 => format!("{preset}-{}k", steps / 1_000),
            Some(steps) => format!("{preset}-{steps}"),
        }
    }
}

fn presets() -> impl TypedValueParser<Value = Preset> {
    PossibleValuesParser::new(Preset::ALL.map(Preset::name)).try_map(|name| name.parse::<Preset>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_names_preset_and_budget() {
        let scale = |max_steps| Options { max_steps, ..Options::new(Preset::Paper, "") }.scale();
        assert_eq!(scale(None), "paper");
        assert_eq!(scale(Some(300_000)), "paper-300k");
        assert_eq!(scale(Some(1_500)), "paper-1500");
    }
}
