use std::fmt;

use serde::{Deserialize, Serialize};

use super::AnalysisKind;
use super::AnalysisKind::{Exploration, Gait, Primitives, Trajectories};

/// What is known of a quantity.
struct Facts {
    name: &'static str,
    unit: Unit,
    source: Source,
    label: &'static str,
}

/// How values are to be read.
#[derive(Clone, Copy, PartialEq)]
enum Unit {
    /// A return, which means something in percent of another method's only.
    Return,
    /// A share of 1, which is shown in percent.
    Share,
    /// A number of episodes or steps.
    Count,
    /// Any other number.
    Plain,
}

/// What a quantity comes from.
#[derive(Clone, Copy)]
enum Source {
    /// The run's events.
    Events,
    /// An analysis of the run.
    Analysis(AnalysisKind),
    /// Its returns under noise of this standard deviation on each observed number.
    Noise(f64),
}

/// Declares [`Quantity`] from one row per quantity: what it is, name in files, unit, source, and what it is
/// called in reports.
macro_rules! quantities {
    ($($(#[$doc:meta])+ $Quantity:ident($name:literal): $unit:ident, $source:expr, $label:literal;)+) => {
        /// A number that a finished run gives, from its events or from an [`Analysis`](super::Analysis).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Quantity {
            $($(#[$doc])+ #[serde(rename = $name)] $Quantity,)+
        }

        impl Quantity {
            /// All of them.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$Quantity),+];

            const fn facts(self) -> Facts {
                use Source::{Analysis, Events, Noise};
                match self {
                    $(Self::$Quantity => {
                        Facts { name: $name, unit: Unit::$unit, source: $source, label: $label }
                    })+
                }
            }
        }
    };
}

quantities! {
    /// Mean evaluation return over training, [`pmoe_stats::curve::auc`].
    Auc("auc"): Return, Events,
        "area under the learning curve";
    /// Mean evaluation return of the last tenth of training.
    FinalReturn("final_return"): Return, Events,
        "final return";
    /// Success rate of training episodes, [`Run::success_rate`](crate::run::Run::success_rate), averaged over training.
    SuccessAuc("success_auc"): Share, Events,
        "success rate over training";
    /// Mean return of the training episodes over training, [`Run::acting_curve`](crate::run::Run::acting_curve).
    ActingAuc("acting_auc"): Return, Events,
        "area under the curve of training returns";
    /// Mean return of the training episodes in the last tenth of training.
    ActingReturn("acting_return"): Return, Events,
        "final training return";
    /// Entropy of the policy that acts, mean over the last tenth of training, nats.
    Entropy("entropy"): Plain, Events,
        "entropy of the acting policy, nats";
    /// Share of the policy's rollouts that reach the target.
    ShareReached("share_reached"): Share, Analysis(Trajectories),
        "trajectories that arrive";
    /// Effective number of routes among those rollouts: e to the entropy of the routes.
    Routes("routes"): Plain, Analysis(Trajectories),
        "effective number of routes, 0 if none arrives";
    /// Share of the rollouts of single primitives that reach the target.
    PrimitiveShareReached("primitive_share_reached"): Share, Analysis(Trajectories),
        "trajectories of single primitives that arrive";
    /// Number of different routes among the primitives' most frequent ones.
    PrimitiveRoutes("primitive_routes"): Plain, Analysis(Trajectories),
        "number of different routes that primitives take, 0 if none arrives";
    /// Mean silhouette of the rollouts of single primitives that reach the target, grouped by primitive.
    SilhouetteOfWays("silhouette_of_ways"): Plain, Analysis(Trajectories),
        "silhouette of the primitives' ways to the target";
    /// Share of the arena's cells that the first training steps visit.
    ShareVisited("share_visited"): Share, Analysis(Exploration),
        "part of the arena visited at first";
    /// Share of the first training steps that end in the target region.
    ShareInTargetRegion("share_in_target_region"): Share, Analysis(Exploration),
        "first steps spent in the target region";
    /// Training episodes that enter the target region in the first steps.
    TargetRegionEpisodes("target_region_episodes"): Count, Analysis(Exploration),
        "number of first episodes that enter the target region";
    /// Mean silhouette of the primitives' modes, their actions without noise, in similar states, over all
    /// clusters of states.
    SilhouetteOfModes("silhouette_of_modes"): Plain, Analysis(Primitives),
        "silhouette of the primitives' modes, all clusters";
    /// The same of one action drawn from each primitive in each state, whose noise hides how far apart the
    /// modes are.
    SilhouetteOfDraws("silhouette_of_draws"): Plain, Analysis(Primitives),
        "silhouette of the primitives' drawn actions, all clusters";
    /// The same in the cluster that is shown.
    SilhouetteOfDrawsShown("silhouette_of_draws_shown"): Plain, Analysis(Primitives),
        "silhouette of the primitives' drawn actions, cluster shown";
    /// Effective number of primitives: e to the entropy of the mean weights over evaluation episodes.
    EffectivePrimitives("effective_primitives"): Plain, Analysis(Primitives),
        "effective number of primitives";
    /// Mutual information of states and primitives over evaluation episodes, nats: 0 if the router's weights
    /// are the same everywhere, log K if it is sure of one primitive in each state and of all equally often.
    RoutingInformation("routing_information"): Plain, Analysis(Primitives),
        "what the state tells of the primitive, nats";
    /// Period of the gait, steps.
    GaitPeriod("gait_period"): Count, Analysis(Gait),
        "steps of a period of the gait";
    /// Share of the variance of the router's weights that repeats with the gait: their correlation one
    /// period apart.
    PeriodicityOfWeights("periodicity_of_weights"): Plain, Analysis(Gait),
        "share of the weights' variance that repeats with the gait";
    /// Share of the steps of the gait in which the primitive that leads second most often has the
    /// largest weight.
    ShareOfSecondPrimitive("share_of_second_primitive"): Share, Analysis(Gait),
        "steps led by the primitive that leads second most often";
    /// Effective number of primitives over the gait.
    GaitPrimitives("gait_primitives"): Plain, Analysis(Gait),
        "effective number of primitives over the gait";
    /// Mutual information of steps and primitives over the gait, nats: near 0 if the router's weights are much the
    /// same in every step, whichever is the largest; log K if it is sure in each step and of all equally often.
    GaitInformation("gait_information"): Plain, Analysis(Gait),
        "what the state tells of the primitive over the gait, nats";
    /// Mean return of the trained policy.
    ReturnAtNoise0("return_at_noise_0"): Return, Noise(0.0),
        "return without noise";
    /// The same with noise of standard deviation 0.05 on each observed number.
    ReturnAtNoise005("return_at_noise_0_05"): Return, Noise(0.05),
        "return at noise 0.05";
    /// The same with 0.1.
    ReturnAtNoise01("return_at_noise_0_1"): Return, Noise(0.1),
        "return at noise 0.1";
}

impl Quantity {
    /// Its name in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.facts().name
    }

    /// What it is, in words.
    #[must_use]
    pub fn label(self) -> &'static str {
        self.facts().label
    }

    /// Whether it is a return, which means something in percent of another method's only.
    #[must_use]
    pub fn is_return(self) -> bool {
        self.facts().unit == Unit::Return
    }

    /// Whether it is a share of 1, which is shown in percent.
    #[must_use]
    pub fn is_share(self) -> bool {
        self.facts().unit == Unit::Share
    }

    /// Whether it counts episodes or steps.
    #[must_use]
    pub fn is_count(self) -> bool {
        self.facts().unit == Unit::Count
    }

    /// Standard deviation of the noise on each observed number, if it is a return under noise.
    #[must_use]
    pub fn obs_noise(self) -> Option<f64> {
        match self.facts().source {
            Source::Noise(noise) => Some(noise),
            Source::Events | Source::Analysis(_) => None,
        }
    }

    /// The analysis that it comes from; none for those from the events.
    #[must_use]
    pub fn analysis(self) -> Option<AnalysisKind> {
        match self.facts().source {
            Source::Events => None,
            Source::Analysis(kind) => Some(kind),
            Source::Noise(_) => Some(AnalysisKind::Robustness),
        }
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
