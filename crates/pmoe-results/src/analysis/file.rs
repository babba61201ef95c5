//! The file of an analysis in the run's folder.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::settings::Bounds;
use super::{Analysis, AnalysisKind, AnalysisSettings};
use crate::error::ResultsError;
use crate::files::json;
use crate::run::{Manifest, Run};

/// The file of an analysis.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnalysisFile {
    /// Version of this format, [`AnalysisFile::SCHEMA`].
    pub schema: u32,
    /// Git commit of the program that made it.
    pub commit: String,
    /// Whether that program's working tree had uncommitted changes.
    pub dirty: bool,
    /// Checksum of the events of the run that it is of: that of the run's manifest.
    pub events_blake3: String,
    /// What was seen.
    pub analysis: Analysis,
}

impl AnalysisFile {
    /// The version of the format that this crate writes. It reads earlier ones too, see
    /// [`AnalysisFile::EARLIEST`].
    pub const SCHEMA: u32 = 2;

    /// The earliest version that this crate reads. Version 1 lacks some of what `primitives` holds.
    pub const EARLIEST: u32 = 1;

    /// Reads an analysis from a run's folder; `None` if there is none.
    ///
    /// # Errors
    /// When the file can't be read or understood, holds another kind, settings out of range or parts that
    /// do not fit together.
    pub fn read(run: &Path, kind: AnalysisKind) -> Result<Option<Self>, ResultsError> {
        let path = run.join(kind.file());
        let Some(file) = json::read::<Self>(&path, Self::EARLIEST..=Self::SCHEMA)? else {
            return Ok(None);
        };
        let bad = |key: String, message: &str| ResultsError::BadFile {
            path: path.clone(),
            key,
            message: message.to_owned(),
        };
        if file.analysis.kind() != kind {
            return Err(bad("analysis".to_owned(), &format!("expected `{kind}`")));
        }
        let bounds = Bounds {
            place: &path.display().to_string(),
            table: &format!("analysis.{kind}.settings"),
        };
        file.analysis.settings().check(&bounds)?;
        file.analysis
            .check()
            .map_err(|(key, message)| bad(format!("analysis.{kind}.{key}"), message))?;
        Ok(Some(file))
    }

    /// Writes it into a run's folder, in one step.
    ///
    /// # Errors
    /// When the file can't be written.
    pub fn write(&self, run: &Path) -> Result<(), ResultsError> {
        let path = run.join(self.analysis.kind().file());
        let folder = path.parent().unwrap_or(run);
        fs::create_dir_all(folder).map_err(|error| ResultsError::create(folder, error))?;
        json::write(&path, serde_json::to_vec(self))
    }

    /// Whether a run's folder has this analysis, made with these settings: nothing to do again.
    #[must_use]
    pub fn is_made(run: &Path, settings: &AnalysisSettings) -> bool {
        let manifest = Manifest::read(run).ok();
        let Some(events) = manifest.and_then(|manifest| manifest.events_blake3) else {
            return false;
        };
        let file = Self::read(run, settings.kind()).ok().flatten();
        file.is_some_and(|file| file.is_of(&events, settings))
    }

    /// Whether it is of the run with these events and made with these settings.
    #[must_use]
    pub fn is_of(&self, events_blake3: &str, settings: &AnalysisSettings) -> bool {
        self.events_blake3 == events_blake3 && self.analysis.settings() == *settings
    }
}

impl Run {
    /// An analysis of this run; `None` if it has not been made.
    ///
    /// # Errors
    /// When its file can't be read or understood, or is of other events than the run has now.
    pub fn analysis(&self, kind: AnalysisKind) -> Result<Option<Analysis>, ResultsError> {
        let Some(file) = AnalysisFile::read(&self.path, kind)? else { return Ok(None) };
        if Some(&file.events_blake3) != self.manifest.events_blake3.as_ref() {
            return Err(ResultsError::BadFile {
                path: self.path.join(kind.file()),
                key: "events_blake3".to_owned(),
                message: "the run's events have changed since the analysis".to_owned(),
            });
        }
        Ok(Some(file.analysis))
    }
}
