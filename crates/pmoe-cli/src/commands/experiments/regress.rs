//! `pmoe regress`: do fresh runs learn as well as those of a reference?

use std::path::PathBuf;

use anyhow::Result;
use pmoe_regress::bands::{self, Band};
use pmoe_regress::gate::Records;
use pmoe_regress::{Decision, Gate, Samples, calibrate, text};
use pmoe_results::Exit;
use pmoe_results::number::whole;

use super::print_json;
use crate::commands::print_line;
use crate::exit::BadInput;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pmoe regress reference runs                 compare two folders of runs
  pmoe regress results/regress/quick --calibrate 2000
  pmoe regress runs --bands configs/regress/bands.toml

Compares every method and task of the reference, by the mean return of evaluations and of training episodes
over the whole training: one-sided rank-sum tests over seeds with Holm's correction. Both sides need runs of
the same budget; their settings may differ. A run that failed counts as the worst.
Exit codes: 0 nothing learns worse, 1 something does, 2 bad input.")]
pub(crate) struct Args {
    /// Folder with the runs of the reference, at any depth.
    reference: PathBuf,
    /// Folder with the runs to judge, at any depth.
    #[arg(conflicts_with_all = ["calibrate", "bands"])]
    runs: Option<PathBuf>,
    /// Probability of calling anything worse, if nothing has changed.
    #[arg(long, default_value_t = 0.01, value_name = "P", value_parser = probability)]
    alpha: f64,
    /// Show how often the gate of `cargo xtask regress` would be wrong, from this many draws of the
    /// reference's own runs: false alarms, and losses that it finds.
    #[arg(long, value_name = "DRAWS", value_parser = whole::<usize>(1..=1_000_000), conflicts_with = "bands")]
    calibrate: Option<usize>,
    /// Compare the runs with published ranges in this file instead.
    #[arg(long, value_name = "FILE")]
    bands: Option<PathBuf>,
    /// Print one JSON document on stdout.
    #[arg(long)]
    json: bool,
}

pub(crate) fn regress(args: &Args) -> Result<Exit> {
    let reference = Samples::read(&args.reference)?;
    if let Some(draws) = args.calibrate {
        let found = calibrate(&reference, &Gate::sequential(), draws, 0)?;
        show(args, &found, &text::calibration(&found))?;
        return Ok(Exit::Done);
    }
    if let Some(file) = &args.bands {
        let all = Band::load(file)?.into_iter().map(|band| band.reached(&reference));
        let all = all.collect::<Result<Vec<_>, _>>()?;
        show(args, &all, &bands::bands(&all))?;
        return Ok(verdict(all.iter().all(bands::InBand::is_reached)));
    }
    let runs = args
        .runs
        .as_ref()
        .ok_or_else(|| BadInput("a folder of runs, --calibrate or --bands is needed".to_owned()))?;
    let fresh = Samples::read(runs)?;
    let findings = Gate::once(args.alpha).judge(&reference, &fresh, 0)?;
    let failures = text::failures(&findings, &reference, &fresh);
    show(args, &Records(&findings), &format!("{}\n{failures}", text::findings(&findings)))?;
    Ok(verdict(findings.iter().all(|finding| finding.decision != Decision::Worse)))
}

fn show(args: &Args, document: &impl serde::Serialize, text: &str) -> Result<()> {
    if args.json { print_json(document) } else { print_line(text.trim_end()) }
}

fn verdict(is_good: bool) -> Exit {
    if is_good { Exit::Done } else { Exit::Failed }
}

fn probability(text: &str) -> Result<f64, String> {
    let probability = text.parse().ok().filter(|p| 0.0 < *p && *p < 1.0);
    probability.ok_or_else(|| "a probability between 0 and 1 is needed, such as 0.01".to_owned())
}
