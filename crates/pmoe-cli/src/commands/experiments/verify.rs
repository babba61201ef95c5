//! `pmoe verify`: recomputes published numbers from the runs.

use std::path::PathBuf;

use anyhow::Result;
use pmoe_results::Exit;

use super::{print_json, print_row};
use crate::config;

#[derive(clap::Args)]
#[command(after_help = "\
Example: pmoe verify results

Recomputes every report at or below the folder from its runs and compares the checksums of the runs' files,
every number in numbers.json, every table, the page and the figures. A report by another version of pmoe
counts as different; its page and figures are not compared.
Exit codes: 0 all agree, 1 something differs, 2 bad input.")]
pub(crate) struct Args {
    /// Folder with reports, at any depth.
    results: PathBuf,
    /// Folder whose README.md and docs/*.md quote tables, between `<!-- table: PATH -->` and `<!--
    /// end of table -->`. PATH is relative to this folder.
    #[arg(long, default_value = ".")]
    docs: PathBuf,
    /// Print one JSON document on stdout.
    #[arg(long)]
    json: bool,
}

pub(crate) fn verify(args: Args) -> Result<Exit> {
    let suites = config::suites()?;
    let claims = config::claims(&suites)?;
    let verification = pmoe_report::verify(&args.results, Some(&args.docs), &suites, &claims)?;
    if args.json {
        print_json(&verification)?;
    } else {
        for report in &verification.reports {
            let drawings = match report.drawings {
                true => "page and figures compared".to_owned(),
                false => {
                    format!(
                        "page and figures not compared, as they are from version {}",
                        report.version
                    )
                }
            };
            let (runs, numbers) = (report.runs, report.numbers);
            print_row(&format!(
                "{}: {numbers} numbers of {runs} runs, {drawings}",
                report.dir.display()
            ))?;
        }
        for difference in &verification.differences {
            print_row(&format!("differs: {difference}"))?;
        }
        print_row(&match verification.differences.len() {
            0 => format!("all agree, including {} quoted tables", verification.quotes),
            differences => format!("{differences} differences"),
        })?;
    }
    Ok(match verification.differences.is_empty() {
        true => Exit::Done,
        false => Exit::Failed,
    })
}
