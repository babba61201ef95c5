use std::fmt;

use serde::{Deserialize, Serialize};

use super::AnalysisKind;

/// A number that a finished run gives, from its events or from an [`Analysis`](super::Analysis).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quantity {
    /// Mean evaluation return over training, [`pmoe_stats::curve::auc`].
    Auc,
    /// Mean evaluation return of the last tenth of training.
    FinalReturn,
    /// Success rate of training episodes, [`Run::success_rate`](crate::run::Run::success_rate), averaged over training.
    SuccessAuc,
    /// Mean of −log π(a|s) over the last tenth of training, nats.
    Entropy,
    /// Share of the policy's rollouts that reach the target.
    ShareReached,
    /// Effective number of routes among those rollouts: e to the entropy of the routes.
    Routes,
    /// Share of the rollouts of single primitives that reach the target.
    PrimitiveShareReached,
    /// Number of different routes among the primitives' most frequent ones.
    PrimitiveRoutes,
    /// Mean silhouette of the rollouts of single primitives that reach the target, grouped by primitive.
    SilhouetteOfWays,
    /// Share of the arena's cells that the first training steps visit.
    ShareVisited,
    /// Share of the first training steps that end in the target region.
    ShareInTargetRegion,
    /// Training episodes that enter the target region in the first steps.
    TargetRegionEpisodes,
    /// Mean silhouette of the primitives' actions in similar states, over all clusters of states.
    Silhouette,
    /// The same in the cluster that is shown.
    SilhouetteShown,
    /// Effective number of primitives: e to the entropy of the mean weights over evaluation episodes.
    EffectivePrimitives,
    /// Period of the gait, steps.
    GaitPeriod,
    /// Share of the variance of the router's weights that repeats with the gait: their correlation one
    /// period apart.
    PeriodicityOfWeights,
    /// Share of the steps of the gait in which the primitive that leads second most often has the
    /// largest weight.
    ShareOfSecondPrimitive,
    /// Effective number of primitives over the gait.
    GaitPrimitives,
    /// Mean return of the trained policy.
    #[serde(rename = "return_at_noise_0")]
    ReturnAtNoise0,
    /// The same with noise of standard deviation 0.05 on each observed number.
    #[serde(rename = "return_at_noise_0_05")]
    ReturnAtNoise005,
    /// The same with 0.1.
    #[serde(rename = "return_at_noise_0_1")]
    ReturnAtNoise01,
}

impl Quantity {
    /// All of them.
    pub const ALL: [Self; 22] = [
        Self::Auc,
        Self::FinalReturn,
        Self::SuccessAuc,
        Self::Entropy,
        Self::ShareReached,
        Self::Routes,
        Self::PrimitiveShareReached,
        Self::PrimitiveRoutes,
        Self::SilhouetteOfWays,
        Self::ShareVisited,
        Self::ShareInTargetRegion,
        Self::TargetRegionEpisodes,
        Self::Silhouette,
        Self::SilhouetteShown,
        Self::EffectivePrimitives,
        Self::GaitPeriod,
        Self::PeriodicityOfWeights,
        Self::ShareOfSecondPrimitive,
        Self::GaitPrimitives,
        Self::ReturnAtNoise0,
        Self::ReturnAtNoise005,
        Self::ReturnAtNoise01,
    ];

    /// Its name in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Auc => "auc",
            Self::FinalReturn => "final_return",
            Self::SuccessAuc => "success_auc",
            Self::Entropy => "entropy",
            Self::ShareReached => "share_reached",
            Self::Routes => "routes",
            Self::PrimitiveShareReached => "primitive_share_reached",
            Self::PrimitiveRoutes => "primitive_routes",
            Self::SilhouetteOfWays => "silhouette_of_ways",
            Self::ShareVisited => "share_visited",
            Self::ShareInTargetRegion => "share_in_target_region",
            Self::TargetRegionEpisodes => "target_region_episodes",
            Self::Silhouette => "silhouette",
            Self::SilhouetteShown => "silhouette_shown",
            Self::EffectivePrimitives => "effective_primitives",
            Self::GaitPeriod => "gait_period",
            Self::PeriodicityOfWeights => "periodicity_of_weights",
            Self::ShareOfSecondPrimitive => "share_of_second_primitive",
            Self::GaitPrimitives => "gait_primitives",
            Self::ReturnAtNoise0 => "return_at_noise_0",
            Self::ReturnAtNoise005 => "return_at_noise_0_05",
            Self::ReturnAtNoise01 => "return_at_noise_0_1",
        }
    }

    /// What it is, in words.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Auc => "area under the learning curve",
            Self::FinalReturn => "final return",
            Self::SuccessAuc => "success rate over training",
            Self::Entropy => "entropy of the policy, nats",
            Self::ShareReached => "trajectories that arrive",
            Self::Routes => "effective number of routes, 0 if none arrives",
            Self::PrimitiveShareReached => "trajectories of single primitives that arrive",
            Self::PrimitiveRoutes => {
                "number of different routes that primitives take, 0 if none arrives"
            }
            Self::SilhouetteOfWays => "silhouette of the primitives' ways to the target",
            Self::ShareVisited => "part of the arena visited at first",
            Self::ShareInTargetRegion => "first steps spent in the target region",
            Self::TargetRegionEpisodes => "number of first episodes that enter the target region",
            Self::Silhouette => "silhouette of the primitives' actions, all clusters",
            Self::SilhouetteShown => "silhouette of the primitives' actions, cluster drawn",
            Self::EffectivePrimitives => "effective number of primitives",
            Self::GaitPeriod => "steps of a period of the gait",
            Self::PeriodicityOfWeights => {
                "share of the weights' variance that repeats with the gait"
            }
            Self::ShareOfSecondPrimitive => {
                "steps led by the primitive that leads second most often"
            }
            Self::GaitPrimitives => "effective number of primitives over the gait",
            Self::ReturnAtNoise0 => "return without noise",
            Self::ReturnAtNoise005 => "return at noise 0.05",
            Self::ReturnAtNoise01 => "return at noise 0.1",
        }
    }

    /// Whether it is a return, which means something in percent of another method's only.
    #[must_use]
    pub fn is_return(self) -> bool {
        matches!(
            self,
            Self::Auc
                | Self::FinalReturn
                | Self::ReturnAtNoise0
                | Self::ReturnAtNoise005
                | Self::ReturnAtNoise01
        )
    }

    /// Standard deviation of the noise on each observed number, if it is a return under noise.
    #[must_use]
    pub fn obs_noise(self) -> Option<f64> {
        match self {
            Self::ReturnAtNoise0 => Some(0.0),
            Self::ReturnAtNoise005 => Some(0.05),
            Self::ReturnAtNoise01 => Some(0.1),
            _ => None,
        }
    }

    /// Whether it counts episodes or steps.
    #[must_use]
    pub fn is_count(self) -> bool {
        matches!(self, Self::TargetRegionEpisodes | Self::GaitPeriod)
    }

    /// Whether it is a share of 1, which is shown in percent.
    #[must_use]
    pub fn is_share(self) -> bool {
        matches!(
            self,
            Self::SuccessAuc
                | Self::ShareReached
                | Self::PrimitiveShareReached
                | Self::ShareVisited
                | Self::ShareInTargetRegion
                | Self::ShareOfSecondPrimitive
        )
    }

    /// The analysis that it comes from; none for those from the events.
    #[must_use]
    pub fn analysis(self) -> Option<AnalysisKind> {
        match self {
            Self::Auc | Self::FinalReturn | Self::SuccessAuc | Self::Entropy => None,
            Self::ShareReached
            | Self::Routes
            | Self::PrimitiveShareReached
            | Self::PrimitiveRoutes
            | Self::SilhouetteOfWays => Some(AnalysisKind::Trajectories),
            Self::ShareVisited | Self::ShareInTargetRegion | Self::TargetRegionEpisodes => {
                Some(AnalysisKind::Exploration)
            }
            Self::Silhouette | Self::SilhouetteShown | Self::EffectivePrimitives => {
                Some(AnalysisKind::Primitives)
            }
            Self::GaitPeriod
            | Self::PeriodicityOfWeights
            | Self::ShareOfSecondPrimitive
            | Self::GaitPrimitives => Some(AnalysisKind::Gait),
            Self::ReturnAtNoise0 | Self::ReturnAtNoise005 | Self::ReturnAtNoise01 => {
                Some(AnalysisKind::Robustness)
            }
        }
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
