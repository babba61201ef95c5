//! How an analysis is made: values from `configs/analyses.toml`, others laid over them.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use super::AnalysisKind;
use crate::error::ResultsError;
use crate::number::{MOST_EPISODES, grouped};
use crate::text::explained;

/// The committed values of every setting.
const DEFAULTS: &str = include_str!("../../../../configs/analyses.toml");

/// Settings of one analysis.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum AnalysisSettings {
    /// Of the ways to the target.
    Trajectories(TrajectoriesSettings),
    /// Of where training goes at first.
    Exploration(ExplorationSettings),
    /// Of what the primitives do in similar states.
    Primitives(PrimitivesSettings),
    /// Of the router over a period of the gait.
    Gait(GaitSettings),
    /// Of returns under observation noise.
    Robustness(RobustnessSettings),
}

/// How trajectories are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrajectoriesSettings {
    /// Episodes of the whole policy, and of each primitive acting alone.
    pub rollouts: u32,
}

/// How exploration is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExplorationSettings {
    /// First environment steps of training; of a shorter run all.
    pub steps: u64,
    /// Cells along each side of the arena.
    pub cells: usize,
}

/// How the primitives are compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrimitivesSettings {
    /// States, from whole evaluation episodes.
    pub states: usize,
    /// Clusters of the states, by k-means.
    pub clusters: usize,
    /// Seeds of the runs whose points are drawn, which takes long; the measures need no drawing.
    pub embed_seeds: Vec<u64>,
    /// Effective number of neighbours in t-SNE; where there are less than three times as many other points, a
    /// third of them.
    pub perplexity: f64,
    /// Step of t-SNE, as in scikit-learn.
    pub learning_rate: f64,
    /// Iterations of t-SNE.
    pub iterations: usize,
}

/// How the gait is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GaitSettings {
    /// Steps of the episode before the first that counts.
    pub skip: u32,
    /// Steps that count.
    pub steps: u32,
}

/// How robustness is measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RobustnessSettings {
    /// Standard deviations of the noise on each observed number.
    pub obs_noise: Vec<f64>,
    /// Evaluation episodes at each.
    pub episodes: u32,
}

/// The most rollouts: so many random streams are there for each that acts.
const MOST_ROLLOUTS: u64 = 1_000;
/// The most steps of training whose positions are kept, and cells along a side, of which a count is kept.
const MOST_EXPLORATION_STEPS: u64 = 1_000_000;
const MOST_CELLS: u64 = 10_000;
/// The most states that are compared, and their clusters: silhouettes take time with the square of a cluster.
const MOST_STATES: u64 = 100_000;
const MOST_CLUSTERS: u64 = 1_000;
/// The most iterations of t-SNE: it has stood still long before.
const MOST_ITERATIONS: u64 = 100_000;
/// The most steps of an episode that are skipped, and that are kept.
const MOST_SKIPPED: u64 = 10_000_000;
const MOST_GAIT_STEPS: u64 = 10_000;
/// The longest list of seeds or strengths of noise.
const MOST_VALUES: u64 = 1_000;

impl AnalysisSettings {
    /// The committed settings with `layers` over them, the last one on top; `place` is where these are
    /// from, for errors.
    ///
    /// # Errors
    /// When a key is unknown, a value has the wrong type or is out of range.
    pub fn resolve(
        kind: AnalysisKind,
        layers: &[&Table],
        place: &str,
    ) -> Result<Self, ResultsError> {
        let mut defaults: Table = DEFAULTS.parse().expect("the committed settings are TOML");
        let mut table = match defaults.remove(kind.name()) {
            Some(Value::Table(table)) => table,
            _ => panic!("the committed settings have a table `{kind}`"),
        };
        for (key, value) in layers.iter().flat_map(|layer| layer.iter()) {
            table.insert(key.clone(), value.clone());
        }
        let settings = match kind {
            AnalysisKind::Trajectories => Self::Trajectories(read(table, place)?),
            AnalysisKind::Exploration => Self::Exploration(read(table, place)?),
            AnalysisKind::Primitives => Self::Primitives(read(table, place)?),
            AnalysisKind::Gait => Self::Gait(read(table, place)?),
            AnalysisKind::Robustness => Self::Robustness(read(table, place)?),
        };
        settings.check(place, kind.name())?;
        Ok(settings)
    }

    /// The kind of the analysis.
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

    /// Every setting, as `pmoe analyze --set key=value` takes it: key, and value as TOML.
    #[must_use]
    pub fn set(&self) -> Vec<(String, String)> {
        let table = match self {
            Self::Trajectories(settings) => Table::try_from(settings),
            Self::Exploration(settings) => Table::try_from(settings),
            Self::Primitives(settings) => Table::try_from(settings),
            Self::Gait(settings) => Table::try_from(settings),
            Self::Robustness(settings) => Table::try_from(settings),
        };
        let table = table.expect("numbers and lists of numbers are TOML");
        table.into_iter().map(|(key, value)| (key, value.to_string())).collect()
    }

    /// Whether every value is in its range; `place` and `table` are where they are from, for the error.
    pub(super) fn check(&self, place: &str, table: &str) -> Result<(), ResultsError> {
        let bad = |key: &str, value: String, allowed: &str| ResultsError::BadValue {
            place: place.to_owned(),
            key: format!("{table}.{key}"),
            value,
            allowed: allowed.to_owned(),
        };
        let within =
            |key: &str, value: u64, low: u64, most: u64| match (low..=most).contains(&value) {
                true => Ok(()),
                false => {
                    let allowed = format!("between {} and {}", grouped(low), grouped(most));
                    Err(bad(key, value.to_string(), &allowed))
                }
            };
        match self {
            Self::Trajectories(settings) => {
                within("rollouts", settings.rollouts.into(), 1, MOST_ROLLOUTS)
            }
            Self::Exploration(settings) => {
                within("steps", settings.steps, 1, MOST_EXPLORATION_STEPS)?;
                within("cells", settings.cells as u64, 1, MOST_CELLS)
            }
            Self::Primitives(settings) => {
                let clusters = settings.clusters as u64;
                within("clusters", clusters, 1, MOST_CLUSTERS)?;
                within("states", settings.states as u64, 2 * clusters, MOST_STATES)?;
                within("iterations", settings.iterations as u64, 251, MOST_ITERATIONS)?;
                let seeds = settings.embed_seeds.len() as u64;
                within("embed_seeds (length of the list)", seeds, 0, MOST_VALUES)?;
                if !(1.0 < settings.perplexity && settings.perplexity.is_finite()) {
                    let value = settings.perplexity.to_string();
                    return Err(bad("perplexity", value, "a finite number above 1"));
                }
                if !(0.0 < settings.learning_rate && settings.learning_rate.is_finite()) {
                    let value = settings.learning_rate.to_string();
                    return Err(bad("learning_rate", value, "a positive finite number"));
                }
                Ok(())
            }
            Self::Gait(settings) => {
                within("skip", settings.skip.into(), 0, MOST_SKIPPED)?;
                within("steps", settings.steps.into(), 8, MOST_GAIT_STEPS)
            }
            Self::Robustness(settings) => {
                let levels = &settings.obs_noise;
                let strengths = levels.len() as u64;
                within("obs_noise (length of the list)", strengths, 0, MOST_VALUES)?;
                let episodes = u64::from(settings.episodes);
                within("episodes", episodes, 1, MOST_EPISODES / strengths.max(1))?;
                let usable = |noise: &f64| 0.0 <= *noise && noise.is_finite();
                let rising = levels.windows(2).all(|pair| pair[0] < pair[1]);
                if levels.is_empty() || !levels.iter().all(usable) || !rising {
                    let allowed = "one or more finite numbers, at least 0, in increasing order";
                    return Err(bad("obs_noise", format!("{levels:?}"), allowed));
                }
                Ok(())
            }
        }
    }
}

fn read<T: DeserializeOwned>(table: Table, place: &str) -> Result<T, ResultsError> {
    serde_path_to_error::deserialize(table).map_err(|error| ResultsError::BadSetting {
        place: place.to_owned(),
        key: error.path().to_string(),
        message: explained(error.inner().message()),
    })
}
