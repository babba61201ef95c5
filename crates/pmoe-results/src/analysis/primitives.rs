use pmoe_stats::mean;
use serde::{Deserialize, Serialize};

use super::settings::{Bounds, PRIMITIVES, Work};
use super::{Quantity, effective_number};
use crate::error::ResultsError;

/// The most states that are compared, and their clusters: silhouettes take time with the square of a cluster.
const MOST_STATES: u64 = 100_000;
const MOST_CLUSTERS: u64 = 1_000;
/// The most iterations of t-SNE: it has stood still long before.
const MOST_ITERATIONS: u64 = 100_000;

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
    /// Mutual information of states and primitives, nats; `None` in files of earlier versions.
    #[serde(default)]
    pub routing_information: Option<f64>,
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
    /// Mean silhouette of the drawn actions in these states, grouped by primitive; `None` with one state or
    /// one primitive.
    #[serde(alias = "silhouette")]
    pub silhouette_of_draws: Option<f64>,
    /// The same of the primitives' modes; `None` in files of earlier versions as well.
    #[serde(default)]
    pub silhouette_of_modes: Option<f64>,
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

impl PrimitivesSettings {
    pub(super) fn check(&self, bounds: &Bounds<'_>) -> Result<(), ResultsError> {
        let clusters = self.clusters as u64;
        bounds.within("clusters", clusters, 1, MOST_CLUSTERS)?;
        bounds.within("states", self.states as u64, 2 * clusters, MOST_STATES)?;
        bounds.within("iterations", self.iterations as u64, 251, MOST_ITERATIONS)?;
        bounds.length("embed_seeds", self.embed_seeds.len())?;
        if !(1.0 < self.perplexity && self.perplexity.is_finite()) {
            let value = self.perplexity.to_string();
            return Err(bounds.error("perplexity", value, "a finite number above 1"));
        }
        if !(0.0 < self.learning_rate && self.learning_rate.is_finite()) {
            let value = self.learning_rate.to_string();
            return Err(bounds.error("learning_rate", value, "a positive finite number"));
        }
        Ok(())
    }

    pub(super) fn work(&self, seed: u64) -> Work {
        let [states, clusters, iterations] =
            [self.states, self.clusters, self.iterations].map(|n| n as f64);
        let points = states + PRIMITIVES * states / clusters;
        let is_drawn = self.embed_seeds.contains(&seed);
        let embedded = if is_drawn { points * self.perplexity * iterations } else { 0.0 };
        Work { played: states, embedded, ..Work::default() }
    }
}

impl Cluster {
    fn silhouettes(&self) -> impl Iterator<Item = f64> + use<> {
        self.silhouette_of_draws.into_iter().chain(self.silhouette_of_modes)
    }
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
        if !self.clusters.iter().flat_map(Cluster::silhouettes).all(within) {
            return Err(("clusters", "expected silhouettes between -1 and 1"));
        }
        // Rounding may add a little.
        let most = (self.num_primitives() as f64).ln() + 1e-6;
        if !self.routing_information.is_none_or(|nats| (0.0..=most).contains(&nats)) {
            return Err(("routing_information", "expected between 0 and log K"));
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
        let all = |of: fn(&Cluster) -> Option<f64>| {
            mean(&self.clusters.iter().filter_map(of).collect::<Vec<_>>())
        };
        let shown = self.clusters.get(self.shown.cluster);
        let measures = [
            (Quantity::SilhouetteOfModes, all(|cluster| cluster.silhouette_of_modes)),
            (Quantity::SilhouetteOfDraws, all(|cluster| cluster.silhouette_of_draws)),
            (Quantity::SilhouetteOfDrawsShown, shown.and_then(|of| of.silhouette_of_draws)),
            (Quantity::EffectivePrimitives, Some(effective_number(self.weights.iter().copied()))),
            (Quantity::RoutingInformation, self.routing_information),
        ];
        measures.into_iter().filter_map(|(quantity, value)| Some((quantity, value?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::AnalysisKind;
    use crate::analysis::testing::{check_file, check_measures, refuse, refuse_settings};

    fn primitives() -> Primitives {
        let cluster = |states, silhouette_of_draws, silhouette_of_modes| Cluster {
            states,
            silhouette_of_draws,
            silhouette_of_modes,
        };
        Primitives {
            settings: PrimitivesSettings {
                states: 4,
                clusters: 2,
                embed_seeds: vec![0],
                perplexity: 30.0,
                learning_rate: 150.0,
                iterations: 300,
            },
            weights: vec![0.5, 0.25, 0.25],
            routing_information: Some(0.5),
            clusters: vec![cluster(3, Some(0.8), Some(0.95)), cluster(1, None, None)],
            shown: ClusterSample {
                cluster: 0,
                action_dim: 1,
                actions: vec![-0.9, 0.0, 0.9, -0.8, 0.1, 0.8, -0.85, 0.05, 0.85],
                map: None,
            },
            state_map: None,
        }
    }

    #[test]
    fn primitives_by_hand() {
        // Entropy of 1/2, 1/4, 1/4: 1.5 ln 2.
        check_measures(
            primitives(),
            &[
                (Quantity::SilhouetteOfModes, 0.95),
                (Quantity::SilhouetteOfDraws, 0.8),
                (Quantity::SilhouetteOfDrawsShown, 0.8),
                (Quantity::EffectivePrimitives, 2.0_f64.powf(1.5)),
                (Quantity::RoutingInformation, 0.5),
            ],
        );
        assert_eq!(primitives().action_labels(), [0, 1, 2, 0, 1, 2, 0, 1, 2]);
    }

    #[test]
    fn the_file_is_as_ever() {
        check_file(primitives());
    }

    #[test]
    fn a_file_of_an_earlier_version_has_no_modes_and_no_information() {
        let text = serde_json::to_string(&primitives()).unwrap();
        let earlier = text
            .replace("silhouette_of_draws", "silhouette")
            .replace(r#","silhouette_of_modes":0.95"#, "")
            .replace(r#","silhouette_of_modes":null"#, "")
            .replace(r#""routing_information":0.5,"#, "");
        assert!(!earlier.contains("modes") && !earlier.contains("information"), "{earlier}");
        let earlier: Primitives = serde_json::from_str(&earlier).unwrap();
        assert_eq!(earlier.check(), Ok(()));
        check_measures(
            earlier,
            &[
                (Quantity::SilhouetteOfDraws, 0.8),
                (Quantity::SilhouetteOfDrawsShown, 0.8),
                (Quantity::EffectivePrimitives, 2.0_f64.powf(1.5)),
            ],
        );
    }

    #[test]
    fn a_file_without_what_its_numbers_need_is_refused() {
        let cases = [
            (r#""clusters":2"#, r#""clusters":0"#, "settings.clusters"),
            ("[0.5,0.25,0.25]", "[]", "weights"),
            ("[0.5,0.25,0.25]", "[0.5,-0.25,0.25]", "weights"),
            (r#""states":1"#, r#""states":0"#, "clusters"),
            (r#""silhouette_of_draws":0.8"#, r#""silhouette_of_draws":1.8"#, "clusters"),
            (r#""silhouette_of_modes":0.95"#, r#""silhouette_of_modes":-1.95"#, "clusters"),
            (
                r#""routing_information":0.5"#,
                r#""routing_information":1.75"#,
                "routing_information",
            ),
            (r#""cluster":0"#, r#""cluster":2"#, "shown.cluster"),
            (r#""cluster":0"#, r#""cluster":1"#, "shown.actions"),
            (r#""action_dim":1"#, r#""action_dim":0"#, "shown.actions"),
        ];
        refuse(primitives(), &cases);
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let cases = [
            ("states = 10", "between 20 and 100_000"),
            ("perplexity = 1.0", "a finite number above 1"),
            ("states = 1000000000", "`primitives.states` is 1000000000"),
            ("clusters = 4000000000", "between 1 and 1_000"),
        ];
        refuse_settings(AnalysisKind::Primitives, &cases);
    }
}
