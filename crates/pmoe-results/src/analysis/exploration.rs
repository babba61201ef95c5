use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Arena, EpisodeEnd, ExplorationSettings, Quantity};

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
