//! A report of every run below a folder, without any suite.
//!
//! ```text
//! cargo run --release -p pmoe-report --example report_from_runs -- results report [REFERENCE]
//! ```

use std::error::Error;
use std::path::Path;

use pmoe_report::{ReportOptions, write_report};
use pmoe_results::Bootstrap;

#[expect(clippy::print_stdout, reason = "an example shows its result")]
fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [input, output, rest @ ..] = arguments.as_slice() else {
        println!("usage: report_from_runs FOLDER OUTPUT [REFERENCE METHOD]");
        return Ok(());
    };
    let options = ReportOptions {
        suites: &[],
        reference: rest.first().map(String::as_str),
        bootstrap: Bootstrap::STANDARD,
    };
    let summary = write_report(Path::new(input), Path::new(output), &options)?;
    println!("{} done, {} failed, {} unfinished", summary.done, summary.failed, summary.unfinished);
    for row in &summary.rows {
        let auc = row.auc.map_or("no finished run".to_owned(), |auc| format!("{:.1}", auc.mean));
        println!("{} on {}: {auc}", row.algo, row.task);
    }
    println!("open {}", summary.page.display());
    Ok(())
}
