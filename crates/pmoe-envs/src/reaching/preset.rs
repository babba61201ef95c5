//! The presets of target-reaching: its tasks, each with its settings.

use super::config::{
    Disc, Integrator, Layout, ObsLayout, ObstacleRadius, RandomLayout, ReachingConfig,
    SpeedLimitNorm, SpeedReward,
};

/// Which printed or published form of the task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ReachingPreset {
    /// The values that the authors published: `TargetReaching-v0`.
    Published,
    /// Appendix C to the letter: `TargetReachingPaper-v0`.
    Paper,
    /// The published values on the fixed layout of Fig. 3: `TargetReachingFixed-v0`.
    Fixed,
}

impl ReachingPreset {
    pub(crate) const ALL: [Self; 3] = [Self::Published, Self::Paper, Self::Fixed];

    /// The task's id.
    pub(crate) fn id(self) -> &'static str {
        match self {
            Self::Published => "TargetReaching-v0",
            Self::Paper => "TargetReachingPaper-v0",
            Self::Fixed => "TargetReachingFixed-v0",
        }
    }

    /// What the task is, in one line.
    pub(crate) fn description(self) -> &'static str {
        match self {
            Self::Published => "a point reaches a target among obstacles, new in every episode",
            Self::Paper => {
                "the same, as the paper's Appendix C prints it; circling pays more there"
            }
            Self::Fixed => "TargetReaching-v0 on the fixed layout of Fig. 3",
        }
    }

    /// The settings.
    pub fn config(self) -> ReachingConfig {
        match self {
            Self::Published => published(),
            Self::Paper => paper(),
            Self::Fixed => fixed(),
        }
    }
}

fn published() -> ReachingConfig {
    ReachingConfig {
        acceleration_limit: 1.0,
        speed_limit: 1.0,
        speed_limit_norm: SpeedLimitNorm::Component,
        dt_seconds: 0.1,
        integrator: Integrator::Published,
        half_extent: 5.0,
        start: [-4.5, -4.5],
        agent_radius: 0.0,
        target_radius: 0.5,
        layout: Layout::Random(RandomLayout {
            target_low: 0.0,
            target_high: 3.0,
            num_obstacles: 3,
            obstacle_sigma: 2.35,
            clip_obstacles: true,
            obstacle_radius: ObstacleRadius::Fraction { low: 15, high: 30, per: 50 },
            reject_overlap: false,
        }),
        obs_layout: ObsLayout::Published,
        observe_acceleration: true,
        speed_reward: SpeedReward::Norm { coef: 0.1 },
        target_reward: 100.0,
        obstacle_reward: -10.0,
        edge_reward: -10.0,
        terminate_on_collision: true,
        max_episode_steps: 1000,
        region: [[0.0, 0.0], [3.0, 3.0]],
        success_window: 100,
    }
}

fn paper() -> ReachingConfig {
    ReachingConfig {
        acceleration_limit: 2.0,
        speed_limit: 2.0,
        layout: Layout::Random(RandomLayout {
            target_low: 0.0,
            target_high: 3.0,
            num_obstacles: 3,
            obstacle_sigma: 3.0,
            clip_obstacles: true,
            obstacle_radius: ObstacleRadius::Constant { radius: 0.5 },
            reject_overlap: false,
        }),
        obs_layout: ObsLayout::Paper,
        speed_reward: SpeedReward::Norm { coef: 1.0 },
        ..published()
    }
}

fn fixed() -> ReachingConfig {
    let disc = |center| Disc { center, radius: 0.6 };
    ReachingConfig {
        layout: Layout::Fixed {
            target: [3.0, 3.0],
            obstacles: vec![disc([-2.5, -2.5]), disc([-3.0, -0.5]), disc([-0.5, -3.0])],
        },
        obstacle_reward: -100.0,
        ..published()
    }
}
