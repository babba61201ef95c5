//! Published reports computed again from the runs, and compared.

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
use crate::numbers::{Intervals, Number, Numbers};
use crate::options::{Pictures, Place, ReportOptions};
use crate::report::Report;

/// What [`verify`] looked at, and what is not as published.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Verification {
    /// The reports.
    pub reports: Vec<VerifiedReport>,
    /// Marked tables of documents.
    pub quotes: usize,
    /// Everything that differs; empty if all agree.
    pub differences: Vec<Difference>,
}

/// A report that was computed again.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VerifiedReport {
    /// Its folder.
    #[serde(serialize_with = "pmoe_results::text::path_text")]
    pub dir: PathBuf,
    /// Version of the program that made it.
    pub version: String,
    /// Runs behind it.
    pub runs: usize,
    /// Numbers compared.
    pub numbers: usize,
    /// Whether page and figures were compared: only those that this version makes can be. Of the PNG files
    /// only the sizes are, as the pictures depend on the fonts of the machine.
    pub drawings: bool,
}

/// Something that is not as published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The file that says so.
    #[serde(serialize_with = "pmoe_results::text::path_text")]
    pub file: PathBuf,
    /// What it is: the name of a number, a run, a line.
    pub name: String,
    /// As published.
    pub published: String,
    /// As found or computed now.
    pub found: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, name, published, found } = self;
        write!(f, "{}: {name}: published {published}, found {found}", file.display())
    }
}

/// What stands for something that is not there.
const NOTHING: &str = "nothing";

/// Computes every report at or below the folder `results` again from its runs, and compares: the runs'
/// files with their checksums, every number, every table, and page and figures; of a report of another version only that it is one. Of
/// the runs it also compares what their plan says of them, and silhouettes of actions with the actions.
///
/// With `docs`, tables that `README.md` and `docs/*.md` below it quote from these reports are compared
/// too: the lines between `<!-- table: <path from docs> -->` and `<!-- end of table -->`.
///
/// Links to folders are followed. A report whose runs lie outside of `results` is not made again but named; if
/// `results` is a report itself, they may lie in the folder above it.
///
/// Numbers agree if they are the same to twelve digits; the last ones depend on a machine's mathematical
/// library.
///
/// # Errors
/// When there is no report, or something can't be read at all. What differs is no error.
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
    if let Some(docs) = docs {
        let (count, differences) = quotes::check(docs, results, &tables)?;
        verification.quotes = count;
        verification.differences.extend(differences);
    }
    Ok(verification)
}

/// Whether a folder is a report. One of an older version has no numbers, but a page.
fn is_report(dir: &Path) -> bool {
    dir.join(Numbers::FILE).is_file() || dir.join("tables/auc.md").is_file()
}

/// The folders that a report may name as that of its runs: those at or below `results`, and the one above if
/// `results` is a report itself.
fn inputs(results: &Path, folders: &Folders) -> BTreeSet<PathBuf> {
    let real = |path: &PathBuf| fs::canonicalize(path).ok();
    let above = Some(results.join("..")).filter(|_| is_report(results));
    folders.all.iter().chain(above.iter()).filter_map(real).collect()
}

/// One report being compared.
struct Check<'a> {
    dir: &'a Path,
    /// Where its runs may lie.
    inputs: &'a BTreeSet<PathBuf>,
    differences: Vec<Difference>,
}

impl Check<'_> {
    /// The published numbers and the report made again; `None` if there is nothing to compare with. Adds
    /// the tables to `tables`, by path.
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
        // What a file says of paths is no reason to read what nobody asked to be read.
        if !self.inputs.contains(&input) {
            let outside = "outside of what is verified: name a folder that holds both";
            self.differs(&path, "the folder of the runs", &numbers.input, outside);
            return Ok(None);
        }
        if !numbers.intervals.are_sound() {
            let Intervals { level, resamples, .. } = numbers.intervals;
            let found = format!("level {level}, {resamples} draws");
            self.differs(&path, "intervals", &found, "none that this program makes");
            return Ok(None);
        }
        let options = ReportOptions {
            suites,
            claims,
            reference: numbers.reference.as_deref(),
            bootstrap: numbers.intervals.bootstrap(),
        };
        let place = Place { input: &input, name: numbers.name.as_deref(), output: &dir };
        let report = Report::new(&place, &numbers.command, &options, Pictures::Vector)?;
        for (name, bytes) in report.files.iter().filter(|(name, _)| name.starts_with("tables/")) {
            tables.insert(dir.join(name), String::from_utf8_lossy(bytes).into_owned());
        }
        Ok(Some((numbers, report)))
    }

    /// Reads `numbers.json`.
    fn published(&mut self, path: &Path) -> Result<Option<Numbers>, ReportError> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                self.differs(path, "the file", "a report", "no numbers: make the report again");
                return Ok(None);
            }
            Err(source) => return Err(ReportError::Read { path: path.to_owned(), source }),
        };
        // The version first: what another one holds need not be understood.
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
            let now = format!("{}: make it again with `pmoe report`", made.numbers.version);
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

/// Whether two numbers of one name are the same.
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

/// A number with all that belongs to it, in full precision.
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
