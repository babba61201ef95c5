use std::collections::{BTreeMap, BTreeSet};

use pmoe_stats::mean;
use pmoe_stats::silhouette::silhouettes_by;
use serde::{Deserialize, Serialize};

use super::{Quantity, TrajectoriesSettings, effective_number};

/// Rollouts of a trained policy on target-reaching, and of each of its primitives acting alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trajectories {
    /// How it was made.
    pub settings: TrajectoriesSettings,
    /// Where everything is.
    pub arena: Arena,
    /// First those of the whole policy, then those of each primitive in turn.
    pub rollouts: Vec<Rollout>,
}

/// The arena of target-reaching: a square around 0. Lengths are in metres.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arena {
    /// Half the side of the square.
    pub half_extent: f64,
    /// Where an episode starts, `[2]`.
    pub start: [f64; 2],
    /// The target, where it is the same in every episode.
    pub target: Option<Disc>,
    /// The obstacles, where they are the same in every episode.
    pub obstacles: Vec<Disc>,
    /// Lowest and highest corner of the target region: where targets are drawn from.
    pub region: [[f64; 2]; 2],
}

/// A round thing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disc {
    /// Centre, `[2]` (m).
    pub center: [f64; 2],
    /// Radius (m).
    pub radius: f64,
}

/// One episode.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rollout {
    /// The primitive that acted alone; `None` for the whole policy.
    pub primitive: Option<usize>,
    /// Where the agent was at first and after every step (m), to the millimetre.
    pub positions: Vec<[f64; 2]>,
    /// How it ended.
    pub outcome: EpisodeEnd,
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

/// On which side of an obstacle a trajectory passes, looking from the start to the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// The obstacle is on its right.
    Left,
    /// The obstacle is on its left.
    Right,
}

impl Trajectories {
    /// Number of the policy's primitives that acted alone.
    #[must_use]
    pub fn num_primitives(&self) -> usize {
        self.rollouts.iter().filter_map(|rollout| rollout.primitive).max().map_or(0, |k| k + 1)
    }

    /// The rollouts of one primitive, or with `None` those of the whole policy.
    pub fn of(&self, primitive: Option<usize>) -> impl Iterator<Item = &Rollout> + Clone {
        self.rollouts.iter().filter(move |rollout| rollout.primitive == primitive)
    }

    /// The way that a rollout takes to the target: its side of every obstacle. `None` for one that does
    /// not arrive.
    ///
    /// It passes an obstacle where it first is as far along the straight line from the start to the
    /// target as the obstacle's centre.
    #[must_use]
    pub fn route(&self, rollout: &Rollout) -> Option<Vec<Side>> {
        let target = self.arena.target.filter(|_| rollout.outcome == EpisodeEnd::Reached)?;
        let [start, end] = [self.arena.start, target.center];
        let line = [end[0] - start[0], end[1] - start[1]];
        let along = |x: [f64; 2]| (x[0] - start[0]) * line[0] + (x[1] - start[1]) * line[1];
        // Positive to the left of the line.
        let across = |x: [f64; 2]| line[0] * (x[1] - start[1]) - line[1] * (x[0] - start[0]);
        let side = |disc: &Disc| {
            let passing = rollout.positions.iter().find(|x| along(disc.center) <= along(**x));
            // An obstacle behind the target is seen from the last position.
            let passing = passing.or(rollout.positions.last())?;
            let is_left = across(disc.center) <= across(*passing);
            Some(if is_left { Side::Left } else { Side::Right })
        };
        self.arena.obstacles.iter().map(side).collect()
    }

    /// How many rollouts take each route, of those that arrive.
    fn routes(&self, primitive: Option<usize>) -> BTreeMap<Vec<Side>, usize> {
        let mut routes = BTreeMap::new();
        for route in self.of(primitive).filter_map(|rollout| self.route(rollout)) {
            *routes.entry(route).or_insert(0) += 1;
        }
        routes
    }

    pub(super) fn check(&self) -> Result<(), (&'static str, &'static str)> {
        self.arena.check()?;
        if self.rollouts.iter().any(|rollout| rollout.positions.is_empty()) {
            return Err(("rollouts", "expected at least one position in each"));
        }
        let alone: BTreeSet<_> = self.rollouts.iter().filter_map(|one| one.primitive).collect();
        if !alone.iter().copied().eq(0..alone.len()) {
            return Err(("rollouts", "expected primitives numbered from 0, without gaps"));
        }
        Ok(())
    }

    /// Mean silhouette of the rollouts of single primitives that reach the target, grouped by primitive:
    /// near 1 if each has a way of its own, 0 if they are alike. `None` if fewer than two primitives
    /// reach it.
    ///
    /// The distance of two ways is the mean distance of their points at equal fractions of their lengths.
    #[must_use]
    pub fn silhouette_of_ways(&self) -> Option<f64> {
        let arrived = self.rollouts.iter().filter(|rollout| rollout.outcome == EpisodeEnd::Reached);
        let way = |rollout: &Rollout| Some((rollout.primitive?, resampled(&rollout.positions)));
        let (labels, ways): (Vec<usize>, Vec<_>) = arrived.filter_map(way).unzip();
        let distance = |i: usize, j: usize| {
            let pairs = ways[i].iter().zip(&ways[j]);
            pairs.map(|(a, b)| (a[0] - b[0]).hypot(a[1] - b[1])).sum::<f64>() / POINTS as f64
        };
        mean(&silhouettes_by(&labels, distance)?)
    }

    pub(super) fn measures(&self) -> Vec<(Quantity, f64)> {
        let share = |rollouts: Vec<&Rollout>| {
            let reached =
                |rollout: &&Rollout| f64::from(u8::from(rollout.outcome == EpisodeEnd::Reached));
            mean(&rollouts.iter().map(reached).collect::<Vec<_>>())
        };
        let alone: Vec<_> =
            self.rollouts.iter().filter(|rollout| rollout.primitive.is_some()).collect();
        // Of routes that are taken equally often the first in order counts.
        let favourite = |k: usize| {
            let routes = self.routes(Some(k));
            let most = routes.values().max().copied()?;
            routes.into_iter().find(|(_, count)| *count == most).map(|(route, _)| route)
        };
        let mut favourites: Vec<_> = (0..self.num_primitives()).filter_map(favourite).collect();
        favourites.sort();
        favourites.dedup();
        let routes = self.routes(None);
        let counts = routes.values().map(|count| *count as f64);
        let measures = [
            (Quantity::ShareReached, share(self.of(None).collect())),
            (Quantity::Routes, Some(effective_number(counts))),
            (Quantity::PrimitiveRoutes, (!alone.is_empty()).then_some(favourites.len() as f64)),
            (Quantity::SilhouetteOfWays, self.silhouette_of_ways()),
            (Quantity::PrimitiveShareReached, share(alone)),
        ];
        measures.into_iter().filter_map(|(quantity, value)| Some((quantity, value?))).collect()
    }
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

/// Points at which two ways are compared.
const POINTS: usize = 50;

/// The points of a way at equal fractions of its length, from its start to its end.
fn resampled(way: &[[f64; 2]]) -> Vec<[f64; 2]> {
    // How far it has gone at each of its points.
    let mut gone = Vec::with_capacity(way.len());
    let mut length = 0.0;
    for (index, point) in way.iter().enumerate() {
        let before = way[index.saturating_sub(1)];
        length += (point[0] - before[0]).hypot(point[1] - before[1]);
        gone.push(length);
    }
    let at = |index: usize| {
        let wanted = length * index as f64 / (POINTS - 1) as f64;
        let right = gone.partition_point(|gone| *gone < wanted).min(way.len() - 1);
        let left = right.saturating_sub(1);
        let step = gone[right] - gone[left];
        let part = if 0.0 < step { (wanted - gone[left]) / step } else { 0.0 };
        let between = |axis: usize| way[left][axis] + part * (way[right][axis] - way[left][axis]);
        [between(0), between(1)]
    };
    (0..POINTS).map(at).collect()
}
