//! Writes a report of every run below a folder. Without a folder of suites, runs are grouped by
//! their own folders.
//!
//! ```text
//! cargo run --release -p pmoe-report --example report_from_runs -- results report [SUITES [CLAIMS]]
//! ```

use std::error::Error;
use std::path::Path;

use pmoe_report::claims::Claim;
use pmoe_report::{ReportOptions, write_report};
use pmoe_results::Suite;
use pmoe_stats::Bootstrap;

#[expect(clippy::print_stdout, reason = "an example shows its result")]
fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [input, output, rest @ ..] = arguments.as_slice() else {
        println!("usage: report_from_runs FOLDER OUTPUT [FOLDER OF SUITES [CLAIMS]]");
        return Ok(());
    };
    let suites = rest.first().map(|folder| Suite::load_all(Path::new(folder)));
    let suites = suites.transpose()?.unwrap_or_default();
    let claims = rest.get(1).map(|file| Claim::load(Path::new(file), &suites)).transpose()?;
    let claims: Vec<_> =
        claims.unwrap_or_default().into_iter().chain(Claim::of_tables(&suites)).collect();
    let options = ReportOptions {
        suites: &suites,
        claims: &claims,
        reference: None,
        bootstrap: Bootstrap::STANDARD,
        smooth: ReportOptions::SMOOTH,
    };
    let summary = write_report(Path::new(input), Path::new(output), &options)?;
    println!("{} done, {} failed, {} unfinished", summary.done, summary.failed, summary.unfinished);
    for row in &summary.rows {
        let auc = row.auc.as_ref().map(|auc| format!("{:.1}", auc.value));
        println!("{} on {}: {}", row.method, row.task, auc.as_deref().unwrap_or("no finished run"));
    }
    println!("open {}", summary.page.display());
    Ok(())
}
