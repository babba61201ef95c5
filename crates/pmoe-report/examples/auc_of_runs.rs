//! Prints the AUC of every method and task below a folder of runs, using the public interface.
//!
//! ```text
//! cargo run --release -p pmoe-report --example auc_of_runs -- results sac
//! ```

use std::error::Error;
use std::path::Path;

use pmoe_report::comparison::{Comparison, Entry};
use pmoe_results::run::scan;
use pmoe_stats::Bootstrap;

#[expect(clippy::print_stdout, reason = "an example shows its result")]
fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let Some(folder) = arguments.next() else {
        println!("usage: auc_of_runs FOLDER [REFERENCE METHOD]");
        return Ok(());
    };
    let reference = arguments.next();

    let found = scan(Path::new(&folder))?;
    let entries: Vec<_> = found.runs.iter().map(Entry::from).collect();
    let comparison = Comparison::new(&entries, reference.as_deref(), &Bootstrap::STANDARD);
    for cell in &comparison.cells {
        let relative = match &cell.relative_auc {
            Some(ratio) => format!("{:.1} % of the reference", 100.0 * ratio.value),
            None if cell.reference_near_zero => "reference too close to zero".to_owned(),
            None => "no reference".to_owned(),
        };
        match &cell.auc {
            Some(auc) => println!(
                "{} on {}: {:.1} over {} seeds ({relative})",
                cell.method,
                cell.task,
                auc.value,
                cell.runs.len(),
            ),
            None => println!("{} on {}: no finished run", cell.method, cell.task),
        }
        for (seed, why) in &cell.excluded {
            println!("  without seed {seed}: {why:?}");
        }
    }
    for (path, error) in &found.broken {
        println!("{}: {error}", path.display());
    }
    Ok(())
}
