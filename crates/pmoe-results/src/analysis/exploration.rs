use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Quantity;
use super::arena::{Arena, EpisodeEnd};
use super::settings::{Bounds, Work};
use crate::error::ResultsError;

/// The most steps of training whose positions are kept, and cells along a side, of which a count is kept.
const MOST_STEPS: u64 = 1_000_000;
const MOST_CELLS: u64 = 10_000;

/// How exploration is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExplorationSettings {
    /// First environment steps of training; of a shorter run all.
    pub steps: u64,
    /// Cells along each side of the arena.
    pub cells: usize,
}

/// Where the first steps of training on target-reaching went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exploration {
    /// How it was made.
    pub settings: ExplorationSettings,
    /// Where everything is.
    pub arena: Arena,
    /// The episodes, in order; the last may be cut by the number of steps.
    pub episodes: Vec<ExplorationEpisode>,
}

/// One training episode.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExplorationEpisode {
    /// Where the agent was at first and after every step (m), to the millimetre.
    pub positions: Vec<[f64; 2]>,
    /// How it ended; `None` while it went on.
    pub outcome: Option<EpisodeEnd>,
}

impl ExplorationSettings {
    pub(super) fn check(&self, bounds: &Bounds<'_>) -> Result<(), ResultsError> {
        bounds.within("steps", self.steps, 1, MOST_STEPS)?;
        bounds.within("cells", self.cells as u64, 1, MOST_CELLS)
    }

    pub(super) fn work(&self, _seed: u64) -> Work {
        Work { trained: self.steps, ..Work::default() }
    }
}

impl Exploration {
    /// Where the agent was after each step.
    fn steps(&self) -> impl Iterator<Item = [f64; 2]> {
        self.episodes.iter().flat_map(|episode| episode.positions.iter().skip(1).copied())
    }

    /// Whether a point is in the target region.
    fn in_region(&self, [x, y]: [f64; 2]) -> bool {
        let [low, high] = self.arena.region;
        low[0] <= x && x <= high[0] && low[1] <= y && y <= high[1]
    }

    /// The cell of a point, in rows and columns; points outside the arena belong to the cell at its edge.
    fn cell(&self, point: [f64; 2]) -> [usize; 2] {
        let (half, cells) = (self.arena.half_extent, self.settings.cells);
        point.map(|x| {
            let place = (x + half) / (2.0 * half) * cells as f64;
            (place.max(0.0) as usize).min(cells - 1)
        })
    }

    pub(super) fn check(&self) -> Result<(), (&'static str, &'static str)> {
        self.arena.check()?;
        match self.episodes.iter().all(|episode| !episode.positions.is_empty()) {
            true => Ok(()),
            false => Err(("episodes", "expected at least one position in each")),
        }
    }

    pub(super) fn measures(&self) -> Vec<(Quantity, f64)> {
        let steps = self.steps().count();
        if steps == 0 {
            return Vec::new();
        }
        let inside = self.steps().filter(|point| self.in_region(*point)).count();
        let enters = |episode: &&ExplorationEpisode| {
            episode.positions.iter().any(|point| self.in_region(*point))
        };
        let entering = self.episodes.iter().filter(enters).count();
        let visited: BTreeSet<_> = self.steps().map(|point| self.cell(point)).collect();
        let cells = (self.settings.cells as f64).powi(2);
        vec![
            (Quantity::ShareVisited, visited.len() as f64 / cells),
            (Quantity::ShareInTargetRegion, inside as f64 / steps as f64),
            (Quantity::TargetRegionEpisodes, entering as f64),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::AnalysisKind;
    use crate::analysis::testing::{arena, check_file, check_measures, refuse, refuse_settings};

    fn exploration() -> Exploration {
        let episode = |positions: &[[f64; 2]], outcome| ExplorationEpisode {
            positions: positions.to_vec(),
            outcome,
        };
        Exploration {
            settings: ExplorationSettings { steps: 5, cells: 10 },
            arena: Arena { target: None, obstacles: Vec::new(), ..arena() },
            episodes: vec![
                // Two of three steps are in the region, in two cells.
                episode(
                    &[[-4.5, -4.5], [-0.1, 1.0], [0.2, 1.2], [1.5, 1.2]],
                    Some(EpisodeEnd::Reached),
                ),
                // Outside, beyond the edge, both in the cell of the corner.
                episode(&[[-4.5, -4.5], [-4.6, -4.4], [-5.2, -5.1]], None),
            ],
        }
    }

    #[test]
    fn exploration_by_hand() {
        check_measures(
            exploration(),
            &[
                (Quantity::ShareVisited, 0.04), // (4,6), (5,6), (6,6), (0,0) of 100
                (Quantity::ShareInTargetRegion, 0.4),
                (Quantity::TargetRegionEpisodes, 1.0),
            ],
        );
    }

    #[test]
    fn the_file_is_as_ever() {
        check_file(exploration());
    }

    #[test]
    fn a_file_without_what_its_numbers_need_is_refused() {
        let cases = [
            (r#""cells":10"#, r#""cells":0"#, "settings.cells"),
            (r#""half_extent":5.0"#, r#""half_extent":-5.0"#, "half_extent"),
            ("[[-4.5,-4.5],[-4.6,-4.4],[-5.2,-5.1]]", "[]", "episodes"),
        ];
        refuse(exploration(), &cases);
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let cases = [("steps = \"many\"", "steps"), ("cells = 100000", "between 1 and 10_000")];
        refuse_settings(AnalysisKind::Exploration, &cases);
    }
}
