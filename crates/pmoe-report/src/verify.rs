//! Recomputes published reports from their runs and compares the results.

mod files;
mod quotes;
mod runs;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use pmoe_results::Suite;
use pmoe_results::error::with_causes;
use pmoe_results::run::Folders;
use serde::Serialize;

use crate::claims::Claim;
use crate::error::ReportError;
use crate::format::plural;
use crate::numbers::{Intervals, Number, Numbers};
use crate::options::{Pictures, Place, ReportOptions};
use crate::report::Report;

/// What [`verify`] checked and the differences that it found.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Verification {
    /// Verified reports.
    pub reports: Vec<VerifiedReport>,
    /// Number of tables quoted in documents.
    pub quotes: usize,
    /// All differences; empty if everything agrees.
    pub differences: Vec<Difference>,
}

/// A report that was recomputed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VerifiedReport {
    /// Folder of the report.
    #[serde(serialize_with = "pmoe_results::text::path_text")]
    pub dir: PathBuf,
    /// Version of the program that wrote it.
    pub version: String,
    /// Number of runs behind it.
    pub runs: usize,
    /// Number of numbers compared.
    pub numbers: usize,
    /// Whether page and figures were compared, which requires a report by this version. PNG files
    /// are only compared in size, because their pixels depend on the machine's fonts.
    pub drawings: bool,
}

/// A difference between a published report and its recomputation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// File with the published value.
    #[serde(serialize_with = "pmoe_results::text::path_text")]
    pub file: PathBuf,
    /// What differs: the name of a number, a run or a line.
    pub name: String,
    /// Published value.
    pub published: String,
    /// Value found or computed now.
    pub found: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, name, published, found } = self;
        write!(f, "{}: {name}: published {published}, found {found}", file.display())
    }
}

/// Placeholder for a missing item.
const NOTHING: &str = "nothing";

/// Recomputes every report at or below the folder `results` from its runs and compares the two:
/// checksums of the runs' files, all numbers and tables, page and figures. Page and figures are
/// skipped for a report by another version, which is itself a difference. The runs are also
/// compared with their plan, and silhouettes of actions with the stored actions.
///
/// With `docs`, the tables that `README.md` and `docs/*.md` below it quote from these reports are
/// compared too. A quote consists of the lines between `<!-- table: <path from docs> -->` and
/// `<!-- end of table -->`.
///
/// Links to folders are followed. A report whose runs lie outside of `results` is not recomputed
/// but listed as a difference. If `results` is itself a report, its runs may lie in the parent
/// folder.
///
/// Numbers agree if twelve digits are equal; the remaining digits depend on the machine's math
/// library.
///
/// # Errors
/// If there is no report, or none of any run, or a file can't be read. A difference is not an error.
pub fn verify(
    results: &Path,
    docs: Option<&Path>,
    suites: &[Suite],
    claims: &[Claim],
) -> Result<Verification, ReportError> {
    let folders = Folders::find(results)?;
    let dirs: Vec<_> = folders.all.iter().filter(|dir| is_report(dir)).collect();
    if dirs.is_empty() {
        return Err(ReportError::NoReport { path: results.to_owned() });
    }
    let inputs = inputs(results, &folders);
    let mut verification = Verification::default();
    let mut tables = BTreeMap::new();
    for dir in dirs {
        let mut check = Check { dir, inputs: &inputs, differences: Vec::new() };
        if let Some((report, made)) = check.report(suites, claims, &mut tables)? {
            check.compare(&report, &made)?;
            verification.reports.push(VerifiedReport {
                version: report.version.clone(),
                runs: report.runs.len(),
                numbers: report.numbers.len(),
                drawings: report.is_of_this_version(),
                dir: dir.clone(),
            });
        }
        verification.differences.extend(check.differences);
    }
    verification.differences.extend(folders.broken.iter().map(|(path, error)| Difference {
        file: path.clone(),
        name: "the folder".to_owned(),
        published: "a folder".to_owned(),
        found: with_causes(error),
    }));
    if verification == Verification::default() {
        return Err(ReportError::NoRuns { path: results.to_owned() });
    }
    if let Some(docs) = docs {
        let (count, differences) = quotes::check(docs, results, &tables)?;
        verification.quotes = count;
        verification.differences.extend(differences);
    }
    Ok(verification)
}

/// Whether a folder is a report. Reports by older versions have tables but no `numbers.json`.
fn is_report(dir: &Path) -> bool {
    dir.join(Numbers::FILE).is_file() || dir.join("tables/auc.md").is_file()
}

/// Returns the folders that a report may declare as the folder of its runs: those at or below
/// `results`, and its parent if `results` is itself a report.
fn inputs(results: &Path, folders: &Folders) -> BTreeSet<PathBuf> {
    let real = |path: &PathBuf| fs::canonicalize(path).ok();
    let above = Some(results.join("..")).filter(|_| is_report(results));
    folders.all.iter().chain(above.iter()).filter_map(real).collect()
}

/// The comparison of one report.
struct Check<'a> {
    dir: &'a Path,
    /// Folders that may contain its runs.
    inputs: &'a BTreeSet<PathBuf>,
    differences: Vec<Difference>,
}

impl Check<'_> {
    /// Returns the published numbers and the recomputed report, or `None` if there is nothing to
    /// compare. Adds the tables to `tables`, by path.
    fn report(
        &mut self,
        suites: &[Suite],
        claims: &[Claim],
        tables: &mut BTreeMap<PathBuf, String>,
    ) -> Result<Option<(Numbers, Report)>, ReportError> {
        let path = self.dir.join(Numbers::FILE);
        let Some(numbers) = self.published(&path)? else {
            return Ok(None);
        };
        let read = |path: &Path, source| ReportError::Read { path: path.to_owned(), source };
        let dir = fs::canonicalize(self.dir).map_err(|error| read(self.dir, error))?;
        let Ok(input) = fs::canonicalize(self.dir.join(&numbers.input)) else {
            self.differs(&path, "the folder of the runs", &numbers.input, NOTHING);
            return Ok(None);
        };
        // A path in a file must not make the program read folders outside of `results`.
        if !self.inputs.contains(&input) {
            let outside = "outside of the verified folder; verify a folder that contains both";
            self.differs(&path, "the folder of the runs", &numbers.input, outside);
            return Ok(None);
        }
        if !numbers.intervals.are_sound() {
            let Intervals { level, resamples, .. } = numbers.intervals;
            let found = format!("level {level}, {resamples} draws");
            self.differs(&path, "intervals", &found, "not what this program uses");
            return Ok(None);
        }
        if !(1..=ReportOptions::MOST_SMOOTH).contains(&numbers.smooth) {
            let smooth = numbers.smooth.to_string();
            self.differs(&path, "smooth", &smooth, "not what this program uses");
            return Ok(None);
        }
        let options = ReportOptions {
            suites,
            claims,
            reference: numbers.reference.as_deref(),
            bootstrap: numbers.intervals.bootstrap(),
            smooth: numbers.smooth,
        };
        let place = Place { input: &input, name: numbers.name.as_deref(), output: &dir };
        let report = match Report::new(&place, &numbers.command, &options, Pictures::Vector) {
            Err(ReportError::NoRuns { .. }) => {
                // An earlier version made reports of empty folders: they have nothing to verify.
                if !numbers.runs.is_empty() {
                    self.differs(&path, "the runs", &plural(numbers.runs.len(), "run"), NOTHING);
                }
                return Ok(None);
            }
            Err(ReportError::UnknownReference { name, .. }) => {
                self.differs(&path, "reference", &name, "no method of these runs");
                return Ok(None);
            }
            report => report?,
        };
        for (name, bytes) in report.files.iter().filter(|(name, _)| name.starts_with("tables/")) {
            tables.insert(dir.join(name), String::from_utf8_lossy(bytes).into_owned());
        }
        Ok(Some((numbers, report)))
    }

    /// Reads `numbers.json`.
    fn published(&mut self, path: &Path) -> Result<Option<Numbers>, ReportError> {
        if !path.exists() {
            self.differs(path, "the file", "a report", "no numbers; create the report again");
            return Ok(None);
        }
        let Some(bytes) = self.read(path)? else { return Ok(None) };
        let text = String::from_utf8_lossy(&bytes);
        // Check the schema first: a file with another schema may not parse.
        let json = serde_json::from_str::<serde_json::Value>(&text).unwrap_or_default();
        match (json["schema"].as_u64(), serde_json::from_str::<Numbers>(&text)) {
            (Some(schema), _) if schema != u64::from(Numbers::SCHEMA) => {
                self.differs(path, "schema", &schema.to_string(), &Numbers::SCHEMA.to_string());
            }
            (_, Ok(numbers)) => return Ok(Some(numbers)),
            (_, Err(error)) => self.differs(path, "the file", "numbers", &error.to_string()),
        }
        Ok(None)
    }

    fn compare(&mut self, published: &Numbers, made: &Report) -> Result<(), ReportError> {
        let path = self.dir.join(Numbers::FILE);
        if !published.is_of_this_version() {
            let now = format!("{}; recreate it with `pmoe report`", made.numbers.version);
            self.differs(&path, "version of the program", &published.version, &now);
        }
        for (folder, error) in &made.sources.broken_texts() {
            self.differs(&path, &format!("run {folder}"), "a run", error);
        }
        self.runs(&path, &published.runs, made);
        self.numbers(&path, &published.numbers, &made.numbers.numbers);
        self.plans(&made.sources);
        self.analyses(&made.sources);
        self.files(made, published.is_of_this_version())
    }

    fn numbers(&mut self, path: &Path, published: &[Number], found: &[Number]) {
        let by_name = |numbers: &[Number]| -> BTreeMap<String, Number> {
            numbers.iter().map(|number| (number.name(), number.clone())).collect()
        };
        let now = by_name(found);
        for number in published {
            let name = number.name();
            match now.get(&name) {
                None => self.differs(path, &name, &text(number), NOTHING),
                Some(now) if !agree(number, now) => {
                    self.differs(path, &name, &text(number), &text(now));
                }
                Some(_) => {}
            }
        }
        let known = by_name(published);
        for number in found.iter().filter(|number| !known.contains_key(&number.name())) {
            self.differs(path, &number.name(), NOTHING, &text(number));
        }
    }

    fn differs(&mut self, file: &Path, name: &str, published: &str, found: &str) {
        self.differences.push(Difference {
            file: file.to_owned(),
            name: name.to_owned(),
            published: published.to_owned(),
            found: found.to_owned(),
        });
    }
}

/// Whether two numbers of the same name agree.
fn agree(a: &Number, b: &Number) -> bool {
    let ends = |number: &Number| number.interval.unwrap_or_default();
    let near = |a: Option<f64>, b: Option<f64>| match (a, b) {
        (Some(a), Some(b)) => (a - b).abs() <= 1e-12 * a.abs().max(b.abs()),
        (a, b) => a == b,
    };
    near(Some(a.value), Some(b.value))
        && a.interval.is_some() == b.interval.is_some()
        && ends(a).into_iter().zip(ends(b)).all(|(a, b)| near(a, b))
        && near(a.paper, b.paper)
        && (a.n, &a.item, &a.runs) == (b.n, &b.item, &b.runs)
}

/// Formats a number with everything that belongs to it, in full precision.
fn text(number: &Number) -> String {
    let mut text = number.value.to_string();
    if let Some(ends) = number.interval {
        let end = |end: Option<f64>| end.map_or("not finite".to_owned(), |end| end.to_string());
        text.push_str(&format!(" [{}]", ends.map(end).join(", ")));
    }
    text.push_str(&format!(" from {} runs", number.n));
    if let Some(paper) = number.paper {
        text.push_str(&format!(" (paper {paper})"));
    }
    text
}
