//! What a plan takes from elsewhere: files of suites, and another plan's runs.

use std::collections::HashMap;
use std::path::Path;

use super::{Plan, Use};
use crate::error::ResultsError;
use crate::files::{MOST_CONFIG_BYTES, read_text, toml_files};

impl Plan {
    /// Keeps the files of its suites, which are those of a folder and not the built-in ones.
    ///
    /// # Errors
    /// Returns an error if one can't be read.
    pub fn with_own_suites(mut self, folder: &Path) -> Result<Self, ResultsError> {
        for path in toml_files(folder)? {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            self.own_suites.insert(name, read_text(&path, MOST_CONFIG_BYTES)?);
        }
        Ok(self)
    }

    /// Returns this plan with what another one of the same scale has beside it: its other runs, last, and the other
    /// places that a run fills. `None` if their scales differ.
    #[must_use]
    pub fn with(mut self, other: &Self) -> Option<Self> {
        if (self.preset, self.max_steps) != (other.preset, other.max_steps) {
            return None;
        }
        for (name, text) in &other.own_suites {
            self.own_suites.entry(name.clone()).or_insert_with(|| text.clone());
        }
        let ids = self.runs.iter().enumerate().map(|(index, run)| (run.id.clone(), index));
        let places: HashMap<String, usize> = ids.collect();
        for run in &other.runs {
            match places.get(&run.id) {
                None => self.runs.push(run.clone()),
                Some(index) => {
                    let own = &mut self.runs[*index];
                    let more = run.used_by.iter().filter(|used| !own.used_by.contains(used));
                    let more: Vec<Use> = more.cloned().collect();
                    own.used_by.extend(more);
                }
            }
        }
        Some(self)
    }
}
