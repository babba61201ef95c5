//! Published returns that a method should reach at full scale.

use std::path::Path;

use pmoe_results::files::{MOST_CONFIG_BYTES, read_text};
use pmoe_results::text::{explained, table};
use pmoe_results::{ResultsError, settings};
use pmoe_stats::curve::final_return;
use pmoe_stats::{Bootstrap, Estimate};
use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize, Serializer};

use crate::case::{Case, Measure};
use crate::error::RegressError;
use crate::samples::Samples;

/// The range in which the mean evaluation return of the last tenth of the training should lie.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Band {
    /// Name of the method.
    pub method: String,
    /// Name of the task.
    pub task: String,
    /// Its lower end; a return below it fails.
    pub low: f64,
    /// Its upper end; a return above it is worth a look, and no failure.
    pub high: f64,
    /// Where the range comes from.
    pub source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BandsToml {
    bands: Vec<Band>,
}

/// A band, and what the runs reached.
#[derive(Debug, Clone, PartialEq)]
pub struct InBand {
    /// The band.
    pub band: Band,
    /// Mean evaluation return of the last tenth over the seeds.
    pub reached: Estimate,
}

impl Band {
    /// Reads a file of bands.
    ///
    /// # Errors
    /// Returns an error if the file can't be read, or has an unknown key, a wrong type, or a band
    /// whose ends are in the wrong order.
    pub fn load(path: &Path) -> Result<Vec<Self>, RegressError> {
        let table = settings::parse(&read_text(path, MOST_CONFIG_BYTES)?, path)?;
        let bad = |key: String, message: String| ResultsError::BadFile {
            path: path.to_owned(),
            key,
            message,
        };
        let BandsToml { bands } = serde_path_to_error::deserialize(table)
            .map_err(|error| bad(error.path().to_string(), explained(error.inner().message())))?;
        for (index, band) in bands.iter().enumerate() {
            // Not so where an end is not a number, either.
            let is_ordered = band.low < band.high;
            if !is_ordered {
                let message = format!("the band from {} to {} is empty", band.low, band.high);
                return Err(bad(format!("bands[{index}]"), message).into());
            }
        }
        Ok(bands)
    }

    /// Measures what the runs reached.
    ///
    /// # Errors
    /// Returns an error if the method has no runs on the task, or a run was not evaluated in the last
    /// tenth.
    pub fn reached(self, samples: &Samples) -> Result<InBand, RegressError> {
        let case = Case::new(&self.method, &self.task);
        let last = samples.of(&case).iter().map(|sample| {
            // A run that failed reached nothing.
            let is_failed = sample.score(Measure::Evaluation) == f64::NEG_INFINITY;
            let curve = sample.curve(Measure::Evaluation);
            let reached = final_return(curve, sample.total_steps);
            reached.or(is_failed.then_some(f64::NEG_INFINITY))
        });
        let reached = last.collect::<Option<Vec<_>>>();
        let reached = reached.and_then(|last| Estimate::mean(last, &Bootstrap::STANDARD));
        match reached {
            Some(reached) => Ok(InBand { band: self, reached }),
            None => Err(RegressError::NoRunsOfBand { case }),
        }
    }
}

impl InBand {
    /// Whether the mean is at or above the lower end.
    #[must_use]
    pub fn is_reached(&self) -> bool {
        self.band.low <= self.reached.value
    }
}

impl Serialize for InBand {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let interval = self.reached.interval.map(|interval| [interval.low, interval.high]);
        let mut record = serializer.serialize_struct("InBand", 5)?;
        record.serialize_field("band", &self.band)?;
        record.serialize_field("reached", &self.reached.value)?;
        record.serialize_field("interval", &interval)?;
        record.serialize_field("values", &self.reached.values)?;
        record.serialize_field("is_reached", &self.is_reached())?;
        record.end()
    }
}

/// Formats bands as a table.
#[must_use]
pub fn bands(bands: &[InBand]) -> String {
    let row = |found: &InBand| {
        let InBand { band: Band { method, task, low, high, source }, reached } = found;
        let interval = reached.interval;
        let interval =
            interval.map(|interval| format!("[{:.0}, {:.0}]", interval.low, interval.high));
        let verdict = if !found.is_reached() {
            "BELOW"
        } else if *high < reached.value {
            "above"
        } else {
            "within"
        };
        vec![
            method.clone(),
            task.clone(),
            format!("{low:.0} to {high:.0}"),
            format!("{:.0}", reached.value),
            interval.unwrap_or_else(|| "–".to_owned()),
            reached.values.len().to_string(),
            verdict.to_owned(),
            source.clone(),
        ]
    };
    let header =
        ["method", "task", "band", "reached", "95 % interval", "runs", "", "source of the band"];
    table(&header, &bands.iter().map(row).collect::<Vec<_>>())
}
