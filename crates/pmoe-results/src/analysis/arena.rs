//! What the analyses of target-reaching share.

use serde::{Deserialize, Serialize};

/// The arena of target-reaching: a square around 0. Lengths are in metres.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arena {
    /// Half the side of the square.
    pub half_extent: f64,
    /// Where an episode starts, `[2]`.
    pub start: [f64; 2],
    /// The target, where it is the same in every episode.
    pub target: Option<Circle>,
    /// The obstacles, where they are the same in every episode.
    pub obstacles: Vec<Circle>,
    /// Lowest and highest corner of the target region: where targets are drawn from.
    pub region: [[f64; 2]; 2],
}

/// A round thing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Circle {
    /// Centre, `[2]` (m).
    pub center: [f64; 2],
    /// Radius (m).
    pub radius: f64,
}

/// How an episode of target-reaching ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EpisodeEnd {
    /// At the target.
    Reached,
    /// At an obstacle.
    Obstacle,
    /// At the edge of the arena.
    Edge,
    /// By the time limit.
    TimeLimit,
}

impl Arena {
    pub(super) fn check(&self) -> Result<(), (&'static str, &'static str)> {
        if self.half_extent <= 0.0 {
            return Err(("arena.half_extent", "expected a positive number"));
        }
        let [low, high] = self.region;
        if high[0] < low[0] || high[1] < low[1] {
            return Err(("arena.region", "expected the lower corner, then the upper one"));
        }
        Ok(())
    }
}
