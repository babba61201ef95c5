//! Lists of indices, as engines of clusters write them: `3,7-41,60-90:3`.

use std::fmt;
use std::str::FromStr;

/// Indices of runs in a plan, ascending and without repeats.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Indices(Vec<usize>);

impl Indices {
    /// Returns the indices.
    #[must_use]
    pub fn as_slice(&self) -> &[usize] {
        &self.0
    }
}

impl FromIterator<usize> for Indices {
    fn from_iter<I: IntoIterator<Item = usize>>(indices: I) -> Self {
        let mut indices: Vec<usize> = indices.into_iter().collect();
        indices.sort_unstable();
        indices.dedup();
        Self(indices)
    }
}

/// Formats them with ranges: `3,7-41,60`.
impl fmt::Display for Indices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ranges = self.0.chunk_by(|one, next| one + 1 == *next);
        for (place, range) in ranges.enumerate() {
            let comma = if place > 0 { "," } else { "" };
            match range {
                [first, .., last] => write!(f, "{comma}{first}-{last}")?,
                [first] => write!(f, "{comma}{first}")?,
                [] => {}
            }
        }
        Ok(())
    }
}

/// Text that is no list of indices.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a list of indices such as 3,7-41,60")]
pub struct NotIndices(String);

/// Parses a list with ranges and steps; a limit after `%`, as Slurm writes it, is ignored.
impl FromStr for Indices {
    type Err = NotIndices;

    fn from_str(text: &str) -> Result<Self, NotIndices> {
        let bad = || NotIndices(text.to_owned());
        let list = text.split('%').next().unwrap_or_default();
        let mut indices = Vec::new();
        for part in list.split(',') {
            let (range, step) = part.split_once(':').unwrap_or((part, "1"));
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            let [first, last, step] =
                [first, last, step].map(|number| number.parse::<usize>().map_err(|_| bad()));
            let (first, last, step) = (first?, last?, step?);
            if step == 0 || first > last {
                return Err(bad());
            }
            indices.extend((first..=last).step_by(step));
        }
        Ok(indices.into_iter().collect())
    }
}

/// Keeps a list in a document as its text.
pub(super) mod as_text {
    use serde::{Deserialize, Deserializer, Serializer, de};

    use super::Indices;

    pub(crate) fn serialize<S: Serializer>(
        indices: &Indices,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(indices)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Indices, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_written_as_ranges() {
        let text = |indices: &[usize]| indices.iter().copied().collect::<Indices>().to_string();
        assert_eq!(text(&[]), "");
        assert_eq!(text(&[5]), "5");
        assert_eq!(text(&[60, 3, 7, 8, 9, 8]), "3,7-9,60");
    }

    #[test]
    fn what_slurm_writes_is_read() {
        let read = |text: &str| text.parse::<Indices>().map(|indices| indices.0);
        assert_eq!(read("3,7-9,60%16").unwrap(), [3, 7, 8, 9, 60]);
        assert_eq!(read("6-15:3%2").unwrap(), [6, 9, 12, 15]);
        for bad in ["", "a", "3-", "9-7", "1-5:0", "1;2"] {
            assert_eq!(read(bad), Err(NotIndices(bad.to_owned())), "{bad}");
        }
    }
}
