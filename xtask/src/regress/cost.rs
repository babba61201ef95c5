//! The cost layer: instructions of updates, actions and environment steps, and memory at the peak.
//!
//! Nothing here is timed, so the machine's load changes nothing. `docs/regression-cost.md` says how
//! much else does.

mod compare;
mod measure;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use pmoe_results::files;
use serde::{Deserialize, Serialize};

pub use self::compare::{Verdict, compare};
pub use self::measure::measure;
use super::{Check, Layer, Outcome};
use crate::BadInput;

/// The reference, relative to the root.
const REFERENCE: &str = "results/regress/cost.json";

/// Costs may be worse by this share.
pub const TOLERANCE: f64 = 0.05;

/// What is counted or measured, of a method or a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quantity {
    /// Instructions of a gradient update, the first one.
    Update,
    /// Instructions of acting and observing, for each environment step.
    Act,
    /// Instructions of simulating an environment step, resets included.
    EnvStep,
    /// Bytes on the heap at the peak of a short run.
    PeakBytes,
    /// Multiplications and additions in the matrix products of a gradient update. Not a cost, but
    /// what [`Quantity::Ratio`] divides by.
    ProductFlops,
    /// Instructions of an update over those that its matrix products need at least.
    Ratio,
}

impl Quantity {
    fn name(self) -> &'static str {
        match self {
            Self::Update => "instructions of an update",
            Self::Act => "instructions of acting",
            Self::EnvStep => "instructions of an env step",
            Self::PeakBytes => "bytes at the peak",
            Self::ProductFlops => "operations in products",
            Self::Ratio => "ratio to the products",
        }
    }
}

/// Costs of all methods and tasks: method or task, quantity, value.
pub type Values = BTreeMap<String, BTreeMap<Quantity, f64>>;

/// Costs, and what they were measured with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Costs {
    /// Programs that the counts depend on a little, and their versions.
    pub made_with: BTreeMap<String, String>,
    /// The costs.
    pub values: Values,
}

/// The reference: costs for each class of machine.
type Reference = BTreeMap<String, Costs>;

/// Measures and compares, and writes the reference if told to.
///
/// # Errors
/// If a tool is missing, or the measurement fails.
pub fn check(check: &Check<'_>) -> Result<Outcome> {
    let path = check.root.join(REFERENCE);
    let mut reference = read(&path)?;
    let class = measure::class();
    let measured = measure(check.root)?;
    let known = reference.get(&class);
    let rows = known.map(|known| compare(&known.values, &measured.values, TOLERANCE));
    let others = known.map(|known| others(known, &measured)).unwrap_or_default();
    let details = serde_json::json!({
        "class": class,
        "tolerance": TOLERANCE,
        "made_with": measured.made_with,
        "rows": rows,
    });
    let text = match &rows {
        None => String::new(),
        Some(rows) => compare::table(rows) + &others.join("\n"),
    };
    let is_worse = |row: &&compare::Row| row.verdict == Verdict::Worse;
    let worse = rows.iter().flatten().filter(is_worse);
    let mut worse: Vec<_> =
        worse.map(|row| format!("{} of {}", row.quantity.name(), row.of)).collect();
    let mut verdict = match &rows {
        None => format!("no reference for this class of machines ({class})"),
        Some(rows) => compare::moved(rows),
    };
    if check.options.update_reference {
        reference.insert(class, measured);
        let text = serde_json::to_string_pretty(&reference)? + "\n";
        let place = || format!("cannot write {REFERENCE}");
        fs::create_dir_all(check.references()).with_context(place)?;
        files::write_atomic(&path, text.as_bytes()).with_context(place)?;
        worse.clear();
        verdict = format!("the reference is that of this build; before, {verdict}");
    }
    Ok(Outcome { layer: Layer::Cost, worse, verdict, text, details })
}

fn read(path: &Path) -> Result<Reference> {
    match fs::read_to_string(path) {
        Ok(text) => serde_json::from_str(&text)
            .map_err(|error| BadInput(format!("{REFERENCE}: {error}")).into()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Reference::new()),
        Err(error) => Err(error).with_context(|| format!("cannot read {REFERENCE}")),
    }
}

/// Names the programs that the reference was made with in another version.
fn others(reference: &Costs, measured: &Costs) -> Vec<String> {
    let then = &reference.made_with;
    let other = |(program, now): (&String, &String)| {
        let then = then.get(program).filter(|then| *then != now)?;
        Some(format!("the reference was made with {program} {then}; this is {now}"))
    };
    measured.made_with.iter().filter_map(other).collect()
}
