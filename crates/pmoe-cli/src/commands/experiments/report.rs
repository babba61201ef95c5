//! `pmoe report`: creates tables, figures and a page from run folders.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::value_parser;
use pmoe_report::{ReportOptions, Row, write_report};
use pmoe_results::Exit;
use pmoe_stats::{Bootstrap, Estimate, Interval};

use super::{print_json, print_row};
use crate::config;
use crate::exit::BadInput;

#[derive(clap::Args)]
#[command(after_help = "Example: pmoe report results/smoke --out results/smoke/report")]
pub(crate) struct Args {
    /// Folder with run folders, at any depth.
    dir: PathBuf,
    /// Folder for the report [default: DIR/report].
    #[arg(long)]
    out: Option<PathBuf>,
    /// Method that others are relative to, instead of the suite's reference.
    #[arg(long)]
    reference: Option<String>,
    /// Evaluations behind each point of a drawn learning curve; 1 draws them as they are.
    #[arg(
        long,
        value_name = "N",
        default_value_t = ReportOptions::SMOOTH,
        value_parser = value_parser!(u16).range(1..=i64::from(ReportOptions::MOST_SMOOTH)),
    )]
    smooth: u16,
    /// Print one JSON document on stdout.
    #[arg(long)]
    json: bool,
}

pub(crate) fn report(args: Args) -> Result<Exit> {
    let out = match args.out {
        Some(out) => out,
        None => default_out(&args.dir)?,
    };
    let suites = config::suites()?;
    let claims = config::claims(&suites)?;
    let options = ReportOptions {
        suites: &suites,
        claims: &claims,
        reference: args.reference.as_deref(),
        bootstrap: Bootstrap::STANDARD,
        smooth: args.smooth,
    };
    let summary = write_report(&args.dir, &out, &options)?;
    if args.json {
        print_json(&summary)?;
    } else {
        for row in &summary.rows {
            print_row(&line(row))?;
        }
        print_row(&format!("page: {}", summary.page.display()))?;
    }
    Ok(Exit::Done)
}

/// Returns the folder `report` next to the runs. Refuses a link, whose target someone other than
/// the user may have chosen.
fn default_out(dir: &Path) -> Result<PathBuf> {
    let out = dir.join("report");
    if fs::symlink_metadata(&out).is_ok_and(|metadata| metadata.is_symlink()) {
        let out = out.display();
        let words = format!("{out} is a link; to write the report there, name it with --out");
        return Err(BadInput(words).into());
    }
    Ok(out)
}

/// Formats a row as a line: one method on one task, its final return, and its AUC relative to the
/// reference.
fn line(row: &Row) -> String {
    let text = |estimate: &Option<Estimate>, factor: f64| {
        let number = |value: f64| format!("{:.1}", value * factor);
        let Some(Estimate { value, interval, .. }) = estimate else { return "-".to_owned() };
        let interval =
            interval.map(|Interval { low, high }| format!(" [{}, {}]", number(low), number(high)));
        number(*value) + &interval.unwrap_or_default()
    };
    let final_return = text(&row.final_return, 1.0);
    let relative = match &row.relative_auc {
        Some(_) => format!(", AUC {} % of the reference", text(&row.relative_auc, 100.0)),
        None => String::new(),
    };
    let Row { task, method, seeds, .. } = row;
    let count = seeds.len();
    let plural = if count == 1 { "" } else { "s" };
    format!("{task} {method}: {count} seed{plural}, final return {final_return}{relative}")
}
