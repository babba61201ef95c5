use pmoe_stats::mean;
use serde::{Deserialize, Serialize};

use super::{PrimitivesSettings, Quantity, effective_number};

/// What the primitives of a trained policy do in similar states.
///
/// States of evaluation episodes are split into clusters; in one of them every primitive draws an action
/// of its own in every state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Primitives {
    /// How it was made.
    pub settings: PrimitivesSettings,
    /// Weight of each primitive, mean over all states, `[K]`.
    pub weights: Vec<f64>,
    /// The clusters of states.
    pub clusters: Vec<Cluster>,
    /// The cluster that is shown, drawn by the run's seed.
    pub shown: ClusterSample,
    /// All states in a plane; for the seeds that are drawn.
    pub state_map: Option<StateMap>,
}

/// A cluster of states.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cluster {
    /// Number of states.
    pub states: usize,
    /// Mean silhouette of the actions in these states, grouped by primitive; `None` with one state or one
    /// primitive.
    pub silhouette: Option<f64>,
}

/// The actions in one cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClusterSample {
    /// Number of the cluster, from 0.
    pub cluster: usize,
    /// Length A of an action.
    pub action_dim: usize,
    /// One action per state and primitive, `[N, K, A]`, row by row, to four digits.
    pub actions: Vec<f64>,
    /// The actions in a plane, `[N, K]`; for the seeds that are drawn.
    pub map: Option<Map>,
}

/// Points in a plane.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Map {
    /// The perplexity that t-SNE had: the settings', or less for few points.
    pub perplexity: f64,
    /// What t-SNE makes small, in nats.
    pub divergence: f64,
    /// One position per point.
    pub positions: Vec<[f64; 2]>,
}

/// States in a plane.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateMap {
    /// The states.
    pub map: Map,
    /// The cluster of each state.
    pub labels: Vec<usize>,
}

impl Primitives {
    /// Number K of primitives.
    #[must_use]
    pub fn num_primitives(&self) -> usize {
        self.weights.len()
    }

    /// The primitive of each action of the cluster that is shown.
    #[must_use]
    pub fn action_labels(&self) -> Vec<usize> {
        let count = self.shown.actions.len() / self.shown.action_dim.max(1);
        (0..count).map(|index| index % self.num_primitives()).collect()
    }

    pub(super) fn check(&self) -> Result<(), (&'static str, &'static str)> {
        let ClusterSample { cluster, action_dim, actions, map } = &self.shown;
        let within = |silhouette: f64| (-1.0..=1.0).contains(&silhouette);
        if self.weights.is_empty() || self.weights.iter().any(|weight| *weight < 0.0) {
            return Err(("weights", "expected one per primitive, at least 0"));
        }
        if self.clusters.iter().any(|cluster| cluster.states == 0) {
            return Err(("clusters", "expected at least one state in each"));
        }
        if !self.clusters.iter().filter_map(|cluster| cluster.silhouette).all(within) {
            return Err(("clusters", "expected silhouettes between -1 and 1"));
        }
        let Some(Cluster { states, .. }) = self.clusters.get(*cluster) else {
            return Err(("shown.cluster", "expected the index of a cluster, from 0"));
        };
        // A product that is too large for this machine is no length either.
        let points = states.saturating_mul(self.num_primitives());
        if *action_dim == 0 || points.saturating_mul(*action_dim) != actions.len() {
            return Err(("shown.actions", "expected an action per state and primitive"));
        }
        if map.as_ref().is_some_and(|map| map.positions.len() != points) {
            return Err(("shown.map", "expected a position per action"));
        }
        let all = self.clusters.iter().fold(0_usize, |sum, of| sum.saturating_add(of.states));
        let fits = |StateMap { map, labels }: &StateMap| {
            let known = labels.iter().all(|label| *label < self.clusters.len());
            known && map.positions.len() == all && labels.len() == all
        };
        if !self.state_map.as_ref().is_none_or(fits) {
            return Err(("state_map", "expected a position and a cluster index per state"));
        }
        Ok(())
    }

    pub(super) fn measures(&self) -> Vec<(Quantity, f64)> {
        let shown = self.clusters.get(self.shown.cluster).and_then(|cluster| cluster.silhouette);
        let all: Vec<_> = self.clusters.iter().filter_map(|cluster| cluster.silhouette).collect();
        let measures = [
            (Quantity::Silhouette, mean(&all)),
            (Quantity::SilhouetteShown, shown),
            (Quantity::EffectivePrimitives, Some(effective_number(self.weights.iter().copied()))),
        ];
        measures.into_iter().filter_map(|(quantity, value)| Some((quantity, value?))).collect()
    }
}
