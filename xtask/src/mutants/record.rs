//! What noticed each mutant, in a file that grows as they finish.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use pmoe_results::files::write_atomic;
use serde::{Deserialize, Serialize};

use super::list::Mutant;
use super::scratch::Scratch;
use crate::BadInput;

/// Where the results are.
pub const FILE: &str = "results/regress/mutants.json";

/// All results.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Checks that pass without a mutant, and the code for which that was seen.
    pub sound: BTreeMap<String, BTreeSet<String>>,
    /// Results by the name of the mutant.
    pub mutants: BTreeMap<String, Entry>,
    #[serde(skip)]
    path: PathBuf,
}

/// What is known of a mutant.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// [`Mutant::digest`] when it was tried.
    pub digest: String,
    /// The check that was made, by its name, `tests` or a layer's.
    pub checks: BTreeMap<String, Check>,
}

/// The result of a check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// The commit that the mutant changed.
    pub commit: String,
    /// [`Scratch::code`] of this commit.
    pub code: String,
    /// Building and running (s).
    pub seconds: f64,
    /// What noticed the mutant, if anything did.
    pub noticed: Option<Noticed>,
}

/// What noticed a mutant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Noticed {
    /// Package and test program, or the layer.
    pub suite: String,
    /// The tests that failed, or how the program ended.
    pub by: Vec<String>,
}

impl Record {
    /// Reads the results so far.
    ///
    /// # Errors
    /// If the file is damaged.
    pub fn load(root: &Path) -> Result<Self> {
        let path = root.join(FILE);
        let mut record: Self = match fs::read_to_string(&path) {
            Ok(text) => serde_json::from_str(&text)
                .map_err(|error| BadInput(format!("{FILE}: {error}; delete it to start again")))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Self::default(),
            Err(error) => return Err(error).with_context(|| format!("cannot read {FILE}")),
        };
        record.path = path;
        Ok(record)
    }

    /// Writes the results, which replace the earlier ones as a whole.
    pub fn save(&self) -> Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder)?;
        }
        write_atomic(&self.path, text.as_bytes()).with_context(|| format!("cannot write {FILE}"))
    }

    /// Returns the result of a check if it need not be made again: it is of the mutant as it is now,
    /// and it was noticed, or the code is the same.
    pub fn known(&self, mutant: &Mutant, check: &str, code: &str) -> Option<&Check> {
        let entry = self.mutants.get(&mutant.name)?;
        let check = entry.checks.get(check)?;
        let counts = check.noticed.is_some() || check.code == code;
        (entry.digest == mutant.digest() && counts).then_some(check)
    }

    /// Adds a result.
    pub fn insert(&mut self, mutant: &Mutant, check: &str, result: Check) -> Result<()> {
        let entry = self.mutants.entry(mutant.name.clone()).or_default();
        if entry.digest != mutant.digest() {
            *entry = Entry { digest: mutant.digest(), checks: BTreeMap::new() };
        }
        entry.checks.insert(check.to_owned(), result);
        self.save()
    }

    /// Whether a check is known to pass without a mutant.
    pub fn is_sound(&self, check: &str, scratch: &Scratch) -> bool {
        self.sound.get(&scratch.code).is_some_and(|checks| checks.contains(check))
    }

    /// Notes that a check passes without a mutant, and forgets what passed for other code.
    pub fn note_sound(&mut self, check: &str, scratch: &Scratch) -> Result<()> {
        self.sound.retain(|code, _| *code == scratch.code);
        self.sound.entry(scratch.code.clone()).or_default().insert(check.to_owned());
        self.save()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(code: &str, noticed: Option<&str>) -> Check {
        let noticed = noticed.map(|by| Noticed { suite: "a".to_owned(), by: vec![by.to_owned()] });
        Check { commit: "c".to_owned(), code: code.to_owned(), seconds: 1.5, noticed }
    }

    #[test]
    fn results_are_kept_as_long_as_they_count() {
        let dir = tempfile::tempdir().unwrap();
        let mut record = Record::load(dir.path()).unwrap();
        let mutant = Mutant::example();
        record.insert(&mutant, "tests", check("one", Some("a::b"))).unwrap();
        record.insert(&mutant, "bits", check("one", None)).unwrap();
        let read = Record::load(dir.path()).unwrap();
        assert_eq!(read, record);
        // Once noticed, always noticed; not noticed holds for the same code alone.
        assert!(read.known(&mutant, "tests", "two").is_some());
        assert!(read.known(&mutant, "bits", "one").is_some());
        assert!(read.known(&mutant, "bits", "two").is_none());
        assert!(read.known(&mutant, "learning", "one").is_none());
        // Another mistake of the same name is another mutant.
        let changed = Mutant { replace: "*".to_owned(), ..mutant.clone() };
        assert!(read.known(&changed, "tests", "one").is_none());
        record.insert(&changed, "bits", check("one", None)).unwrap();
        assert_eq!(record.mutants["sum"].checks.len(), 1);
    }

    #[test]
    fn a_damaged_file_is_bad_input() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("results/regress")).unwrap();
        fs::write(dir.path().join(FILE), "{").unwrap();
        let error = Record::load(dir.path()).unwrap_err();
        assert!(error.is::<BadInput>() && error.to_string().contains(FILE), "{error}");
    }
}
