//! How an analysis is made: values from `configs/analyses.toml`, others laid over them.

use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::{AnalysisKind, AnalysisSettings};
use crate::error::ResultsError;
use crate::number::grouped;
use crate::text::explained;

// `DEFAULTS`, the committed values of every setting.
include!(concat!(env!("OUT_DIR"), "/analyses.rs"));

/// The longest list of seeds or strengths of noise.
const MOST_VALUES: u64 = 1_000;

/// Primitives of a policy, for [`Work`].
pub(super) const PRIMITIVES: f64 = 4.0;

/// What an analysis takes, in units that a machine can be measured in.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Work {
    /// Environment steps that the trained policy plays.
    pub played: f64,
    /// Environment steps of training that are done again.
    pub trained: u64,
    /// Points × neighbours × iterations of t-SNE.
    pub embedded: f64,
}

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
        let settings = Self::from_table(kind, table, place)?;
        settings.check(&Bounds { place, table: kind.name() })?;
        Ok(settings)
    }

    /// Every setting, as `pmoe analyze --set key=value` takes it: key, and value as TOML.
    #[must_use]
    pub fn set(&self) -> Vec<(String, String)> {
        let table = self.to_table().expect("numbers and lists of numbers are TOML");
        table.into_iter().map(|(key, value)| (key, value.to_string())).collect()
    }
}

/// Refuses values out of their range; `place` and `table` are where they are from.
pub(super) struct Bounds<'a> {
    pub(super) place: &'a str,
    pub(super) table: &'a str,
}

impl Bounds<'_> {
    pub(super) fn within(
        &self,
        key: &str,
        value: u64,
        low: u64,
        most: u64,
    ) -> Result<(), ResultsError> {
        if (low..=most).contains(&value) {
            return Ok(());
        }
        let allowed = format!("between {} and {}", grouped(low), grouped(most));
        Err(self.error(key, value.to_string(), &allowed))
    }

    /// Refuses a list that is too long.
    pub(super) fn length(&self, key: &str, length: usize) -> Result<(), ResultsError> {
        self.within(&format!("{key} (length of the list)"), length as u64, 0, MOST_VALUES)
    }

    pub(super) fn error(&self, key: &str, value: String, allowed: &str) -> ResultsError {
        ResultsError::BadValue {
            place: self.place.to_owned(),
            key: format!("{}.{key}", self.table),
            value,
            allowed: allowed.to_owned(),
        }
    }
}

pub(super) fn read<T: DeserializeOwned>(table: Table, place: &str) -> Result<T, ResultsError> {
    serde_path_to_error::deserialize(table).map_err(|error| ResultsError::BadSetting {
        place: place.to_owned(),
        key: error.path().to_string(),
        message: explained(error.inner().message()),
    })
}
