//! What is asked for: the command line that `cargo xtask bench-all` and `pmoe matrix` share.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use pmoe_results::Preset;
use pmoe_results::number::{MOST_SEED, MOST_STEPS, whole};

use crate::error::{MatrixError, SelectionError};

/// The most runs at a time: each has a thread here and a process.
const MOST_JOBS: u64 = 1_000;

/// The experiments of the paper: plans, estimates, runs and reports them
///
/// Shows what will run and about how long it takes, runs it, and writes tables, figures and an HTML
/// page. Stopped with Ctrl-C and started again it continues; finished runs are left alone, and a
/// failed one does not keep the others from running.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Scale: smoke (minutes), quick (hours) or paper (days)
    #[arg(long, default_value = "paper", value_name = "PRESET", value_parser = presets())]
    pub preset: Preset,
    /// Only these: suites, items of the paper (fig6), methods, tasks, or starts of
    /// `suite/method/task/seed_n`
    #[arg(long, value_delimiter = ',', value_name = "NAME,..")]
    pub only: Vec<String>,
    /// Only runs of these seeds
    #[arg(
        long, value_delimiter = ',', value_name = "N,..", allow_negative_numbers = true,
        value_parser = whole::<u64>(0..=MOST_SEED)
    )]
    pub seeds: Vec<u64>,
    /// No run longer than this, in environment steps; the results are in a folder of their own, such
    /// as `paper-300k`
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
    /// Folder of the results; those of a preset are in a folder of its name
    #[arg(long, default_value = "results", value_name = "DIR")]
    pub out: PathBuf,
    /// Folder of the suites, one TOML file each [default: the committed ones, `configs/suites`]
    #[arg(long, value_name = "DIR")]
    pub suites: Option<PathBuf>,
    /// Plan and estimate only
    #[arg(long)]
    pub dry_run: bool,
}

impl Options {
    /// Every run of a preset, with results in `out`.
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
        }
    }

    /// The flags of this command line that decide about what `error` refuses.
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

    /// Preset and largest budget, as a name for the folder: `paper`, `paper-300k`.
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
