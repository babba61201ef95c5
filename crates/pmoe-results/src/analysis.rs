//! What is measured of a finished run beside its learning curve: one file per kind in the run's folder,
//! `<run>/analysis/<kind>.json`.
//!
//! A file holds what was seen, with the settings and the commit it was made with; numbers for tables come
//! from that, by [`Analysis::measures`].

mod arena;
mod exploration;
mod file;
mod gait;
#[macro_use]
mod kinds;
mod primitives;
mod quantity;
mod robustness;
mod settings;
#[cfg(test)]
mod testing;
mod trajectories;

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

pub use self::arena::{Arena, Circle, EpisodeEnd};
pub use self::exploration::{Exploration, ExplorationEpisode, ExplorationSettings};
pub use self::file::AnalysisFile;
pub use self::gait::{Gait, GaitSettings};
pub use self::primitives::{Cluster, ClusterSample, Map, Primitives, PrimitivesSettings, StateMap};
pub use self::quantity::Quantity;
pub use self::robustness::{NoiseLevel, Robustness, RobustnessSettings};
pub use self::settings::Work;
pub use self::trajectories::{Rollout, Side, Trajectories, TrajectoriesSettings};
use crate::error::UnknownName;
use crate::run::ANALYSIS;
use crate::text::one_of;

analyses! {
    Trajectories("trajectories"): TrajectoriesSettings,
        "Paths of the policy and of each primitive on target-reaching (Fig. 3)";
    Exploration("exploration"): ExplorationSettings,
        "Positions in the first steps of training on target-reaching (Fig. 5)";
    Primitives("primitives"): PrimitivesSettings,
        "Actions of the primitives in similar states, with t-SNE (Figs. 4 and 10)";
    Gait("gait"): GaitSettings,
        "Weights and actions of the primitives while a robot runs (Figs. 8 and 9)";
    Robustness("robustness"): RobustnessSettings,
        "Returns with noise on the observations (Table 5)";
}

impl AnalysisKind {
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

/// e to the entropy of a distribution: how many of its parts are in use, 0 for one without any.
///
/// The parts need not sum to 1; they are divided by their sum.
fn effective_number(parts: impl Iterator<Item = f64> + Clone) -> f64 {
    if parts.clone().sum::<f64>() <= 0.0 { 0.0 } else { entropy(parts).exp() }
}

/// Returns the entropy of the shares that parts have of their sum, nats.
fn entropy(parts: impl Iterator<Item = f64> + Clone) -> f64 {
    let sum: f64 = parts.clone().sum();
    let shares = parts.map(|part| part / sum).filter(|share| 0.0 < *share);
    shares.map(|share| -share * share.ln()).sum()
}
