//! What is measured of a finished run beside its learning curve: one file per kind in the run's folder.
//!
//! ```text
//! <run>/analysis/trajectories.json   ways to the target, Fig. 3
//! <run>/analysis/exploration.json    where the first steps went, Fig. 5
//! <run>/analysis/primitives.json     what the primitives do in similar states, Figs. 4 and 10
//! <run>/analysis/gait.json           the router over a period of the gait, Figs. 8 and 9
//! <run>/analysis/robustness.json     returns under observation noise, Table 5
//! ```
//!
//! A file holds what was seen, with the settings and the commit it was made with; numbers for tables come
//! from that, by [`Analysis::measures`].

mod exploration;
mod gait;
mod primitives;
mod quantity;
mod robustness;
mod settings;
mod trajectories;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use self::exploration::{Exploration, ExplorationEpisode};
pub use self::gait::Gait;
pub use self::primitives::{Cluster, ClusterSample, Map, Primitives, StateMap};
pub use self::quantity::Quantity;
pub use self::robustness::{NoiseLevel, Robustness};
pub use self::settings::{
    AnalysisSettings, ExplorationSettings, GaitSettings, PrimitivesSettings, RobustnessSettings,
    TrajectoriesSettings,
};
pub use self::trajectories::{Arena, Disc, EpisodeEnd, Rollout, Side, Trajectories};
use crate::error::{ResultsError, UnknownName};
use crate::files::json;
use crate::run::{ANALYSIS, Manifest, Run};
use crate::text::one_of;

/// A kind of analysis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnalysisKind {
    /// Ways to the target.
    Trajectories,
    /// Where training goes at first.
    Exploration,
    /// What the primitives do in similar states.
    Primitives,
    /// The router over a period of the gait.
    Gait,
    /// Returns under observation noise.
    Robustness,
}

impl AnalysisKind {
    /// All kinds.
    pub const ALL: [Self; 5] =
        [Self::Trajectories, Self::Exploration, Self::Primitives, Self::Gait, Self::Robustness];

    /// Its name in files and arguments.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Trajectories => "trajectories",
            Self::Exploration => "exploration",
            Self::Primitives => "primitives",
            Self::Gait => "gait",
            Self::Robustness => "robustness",
        }
    }

    /// Its file, relative to the run's folder.
    #[must_use]
    pub fn file(self) -> PathBuf {
        Path::new(ANALYSIS).join(format!("{}.json", self.name()))
    }
}

impl fmt::Display for AnalysisKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for AnalysisKind {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        Self::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| UnknownName {
            kind: "analysis",
            name: name.to_owned(),
            known: one_of(Self::ALL),
        })
    }
}

/// What was seen of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Analysis {
    /// Ways to the target.
    Trajectories(Trajectories),
    /// Where training went at first.
    Exploration(Exploration),
    /// What the primitives do in similar states.
    Primitives(Primitives),
    /// The router over a period of the gait.
    Gait(Gait),
    /// Returns under observation noise.
    Robustness(Robustness),
}

impl Analysis {
    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> AnalysisKind {
        match self {
            Self::Trajectories(_) => AnalysisKind::Trajectories,
            Self::Exploration(_) => AnalysisKind::Exploration,
            Self::Primitives(_) => AnalysisKind::Primitives,
            Self::Gait(_) => AnalysisKind::Gait,
            Self::Robustness(_) => AnalysisKind::Robustness,
        }
    }

    /// The settings it was made with.
    #[must_use]
    pub fn settings(&self) -> AnalysisSettings {
        match self {
            Self::Trajectories(seen) => AnalysisSettings::Trajectories(seen.settings),
            Self::Exploration(seen) => AnalysisSettings::Exploration(seen.settings),
            Self::Primitives(seen) => AnalysisSettings::Primitives(seen.settings.clone()),
            Self::Gait(seen) => AnalysisSettings::Gait(seen.settings),
            Self::Robustness(seen) => AnalysisSettings::Robustness(seen.settings.clone()),
        }
    }

    /// The numbers that tables, statistics and verdicts use; one that says nothing here is left out.
    #[must_use]
    pub fn measures(&self) -> Vec<(Quantity, f64)> {
        match self {
            Self::Trajectories(seen) => seen.measures(),
            Self::Exploration(seen) => seen.measures(),
            Self::Primitives(seen) => seen.measures(),
            Self::Gait(seen) => seen.measures(),
            Self::Robustness(seen) => seen.measures(),
        }
    }

    /// Whether its parts fit together: what reads it need not ask again.
    ///
    /// The error is the part, with what it must be.
    fn check(&self) -> Result<(), (&'static str, &'static str)> {
        match self {
            Self::Trajectories(seen) => seen.check(),
            Self::Exploration(seen) => seen.check(),
            Self::Primitives(seen) => seen.check(),
            Self::Gait(seen) => seen.check(),
            Self::Robustness(seen) => seen.check(),
        }
    }
}

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
    /// The version of the format that this crate writes and reads.
    pub const SCHEMA: u32 = 1;

    /// Reads an analysis from a run's folder; `None` if there is none.
    ///
    /// # Errors
    /// When the file can't be read or understood, holds another kind, settings out of range or parts that
    /// do not fit together.
    pub fn read(run: &Path, kind: AnalysisKind) -> Result<Option<Self>, ResultsError> {
        let path = run.join(kind.file());
        let Some(file) = json::read::<Self>(&path, Self::SCHEMA..=Self::SCHEMA)? else {
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
        let settings = format!("analysis.{kind}.settings");
        file.analysis.settings().check(&path.display().to_string(), &settings)?;
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

/// e to the entropy of a distribution: how many of its parts are in use, 0 for one without any.
///
/// The parts need not sum to 1; they are divided by their sum.
fn effective_number(parts: impl Iterator<Item = f64> + Clone) -> f64 {
    let sum: f64 = parts.clone().sum();
    if sum <= 0.0 {
        return 0.0;
    }
    let shares = parts.map(|part| part / sum).filter(|share| 0.0 < *share);
    shares.map(|share| -share * share.ln()).sum::<f64>().exp()
}
