use std::collections::{BTreeMap, BTreeSet};

use pmoe_stats::mean;
use pmoe_stats::silhouette::silhouettes_by;
use serde::{Deserialize, Serialize};

use super::arena::{Arena, Circle, EpisodeEnd};
use super::settings::{Bounds, PRIMITIVES, Work};
use super::{Quantity, effective_number};
use crate::error::ResultsError;

/// The most rollouts: so many random streams are there for each that acts.
const MOST_ROLLOUTS: u64 = 1_000;
/// Environment steps of a rollout, roughly.
const ROLLOUT_STEPS: f64 = 100.0;

/// How trajectories are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrajectoriesSettings {
    /// Episodes of the whole policy, and of each primitive acting alone.
    pub rollouts: u32,
}

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

/// On which side of an obstacle a trajectory passes, looking from the start to the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// The obstacle is on its right.
    Left,
    /// The obstacle is on its left.
    Right,
}

impl TrajectoriesSettings {
    pub(super) fn check(&self, bounds: &Bounds<'_>) -> Result<(), ResultsError> {
        bounds.within("rollouts", self.rollouts.into(), 1, MOST_ROLLOUTS)
    }

    pub(super) fn work(&self, _seed: u64) -> Work {
        let policies = 1.0 + PRIMITIVES;
        Work { played: f64::from(self.rollouts) * policies * ROLLOUT_STEPS, ..Work::default() }
    }
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
        let side = |disc: &Circle| {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::AnalysisKind;
    use crate::analysis::testing::{arena, check_file, check_measures, refuse, refuse_settings};

    /// A way by a corner, in three points.
    fn by(corner: [f64; 2], primitive: Option<usize>, outcome: EpisodeEnd) -> Rollout {
        Rollout { primitive, positions: vec![[-4.5, -4.5], corner, [2.8, 2.8]], outcome }
    }

    fn trajectories() -> Trajectories {
        let (reached, edge) = (EpisodeEnd::Reached, EpisodeEnd::Edge);
        Trajectories {
            settings: TrajectoriesSettings { rollouts: 4 },
            arena: arena(),
            rollouts: vec![
                by([-3.4, 0.5], None, reached), // left of all
                by([-3.4, 0.5], None, reached),
                by([0.5, -3.4], None, reached), // right of all
                by([0.5, -3.4], None, edge),
                by([-3.4, 0.5], Some(0), reached),
                by([-3.4, 0.4], Some(0), reached),
                by([0.5, -3.4], Some(1), reached),
                by([0.4, -3.4], Some(1), edge),
            ],
        }
    }

    #[test]
    fn ways_by_hand() {
        let seen = trajectories();
        let route = |index: usize| seen.route(&seen.rollouts[index]);
        assert_eq!(route(0), Some(vec![Side::Left; 3]));
        assert_eq!(route(2), Some(vec![Side::Right; 3]));
        assert_eq!(route(3), None);
        // Between the obstacle on the diagonal and the upper one.
        let between = by([-3.1, -1.9], None, EpisodeEnd::Reached);
        assert_eq!(seen.route(&between), Some(vec![Side::Left, Side::Right, Side::Left]));
        // Routes of two and one of three: e^(2/3 ln 3/2 + 1/3 ln 3) = 3 / 2^(2/3). Of the three ways of
        // single primitives that arrive two are of one primitive and all but equal; the third is alone, 0.
        let found = seen.silhouette_of_ways().unwrap();
        assert!(0.95 < 1.5 * found && 1.5 * found < 1.0, "{found}");
        check_measures(
            seen,
            &[
                (Quantity::ShareReached, 0.75),
                (Quantity::Routes, 3.0 / 2.0_f64.powf(2.0 / 3.0)),
                (Quantity::PrimitiveRoutes, 2.0),
                (Quantity::SilhouetteOfWays, found),
                (Quantity::PrimitiveShareReached, 0.75),
            ],
        );
    }

    #[test]
    fn a_policy_without_primitives_or_arrivals_has_no_ways() {
        let mut seen = trajectories();
        seen.rollouts.retain(|rollout| rollout.primitive.is_none());
        seen.rollouts.iter_mut().for_each(|rollout| rollout.outcome = EpisodeEnd::TimeLimit);
        let expected = [(Quantity::ShareReached, 0.0), (Quantity::Routes, 0.0)];
        check_measures(seen, &expected);
    }

    #[test]
    fn the_file_is_as_ever() {
        check_file(trajectories());
    }

    #[test]
    fn a_file_without_what_its_numbers_need_is_refused() {
        let cases = [
            (r#""rollouts":4"#, r#""rollouts":0"#, "settings.rollouts"),
            (r#""half_extent":5.0"#, r#""half_extent":0.0"#, "half_extent"),
            ("[[0.0,0.0],[3.0", "[[9.0,0.0],[3.0", "arena.region"),
            (r#""primitive":1"#, r#""primitive":7"#, "rollouts"),
            ("[[-4.5,-4.5],[-3.4,0.5],[2.8,2.8]]", "[]", "rollouts"),
        ];
        refuse(trajectories(), &cases);
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let cases = [
            ("rollouts = 0", "`trajectories.rollouts` is 0, but must be between 1 and 1_000"),
            // More would share random streams.
            ("rollouts = 1001", "between 1 and 1_000"),
            ("rollout = 1", "rollout"),
        ];
        refuse_settings(AnalysisKind::Trajectories, &cases);
    }
}
