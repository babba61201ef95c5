//! HumanoidStandup: the humanoid lies on its back and is to rise.
//!
//! Model `humanoidstandup.xml`: Runge–Kutta steps of 0.003 s, 5 per control step, so `dt` = 0.015 s.
//! State, joints, bodies and motors are those of [Humanoid](super::humanoid); the figure is modelled
//! lying, and `left_hip_y` bends 10° further.
//!
//! # Observation
//! `[376]` in versions 2 and 4, `[348]` in version 5, with the meaning, units and order of
//! [Humanoid](super::humanoid)'s; index 0 is the height of the torso, 0.105 m at the start.
//!
//! # Action
//! `[17]`, each in [-0.4, 0.4] times the gear, as [Humanoid](super::humanoid)'s.
//!
//! # Reward
//! `progress − control_cost − contact_cost + alive`, added in this order.
//!
//! | term           | value                                                                      |
//! |----------------|----------------------------------------------------------------------------|
//! | `progress`     | z after the step / 0.003 s: the height itself, over the *simulation* step  |
//! | `alive`        | 1                                                                          |
//! | `control_cost` | 0.1 Σ action², of the action as given                                      |
//! | `contact_cost` | 5·10⁻⁷ Σ (external loads)² over all bodies, at most 10                     |
//!
//! # Reset
//! The model's initial state (z = 0.105 m, lying) plus U(-0.01, 0.01) on each position, quaternion
//! included, and on each velocity.
//!
//! # Termination
//! Never. The time limit of 1000 steps is a wrapper's.
//!
//! # Versions
//! 2 and 4 are the same, bit for bit, if 2 computes the contact forces, as the MuJoCo 1.50 of its time
//! did; with the 2.0 that came later they were all zero (`contact_forces = "zero"`). 5 leaves the
//! values that are always 0 out of the observation; its reward is theirs.
//!
//! # Source
//! gym 0.17.3 (version 2) and Gymnasium 1.4.0 (4, 5), with MuJoCo 3.17.0 and Gymnasium's model file.

use super::humanoid;
use super::numeric::weighted_square_sum;
use super::{Noise, ResetNoise, Reward, RewardTerms, Rules, StepOutcome, Version};

pub(super) fn rules(version: Version) -> Rules {
    Rules {
        model: "humanoidstandup.xml".into(),
        position: Box::new(|sim| sim.qpos()[2]),
        is_healthy: Box::new(|_| true),
        reset: ResetNoise { qpos: Noise::Uniform(0.01), qvel: Noise::Uniform(0.01) },
        reward: Box::new(reward),
        // Observation and contact forces.
        ..humanoid::rules(version)
    }
}

fn reward(outcome: &StepOutcome<'_>) -> Reward {
    let terms = RewardTerms {
        progress: outcome.sim.qpos()[2] / outcome.sim.timestep(),
        alive: 1.0,
        control_cost: weighted_square_sum(0.1, outcome.action),
        contact_cost: humanoid::contact_cost(outcome.sim),
    };
    let total = terms.progress - terms.control_cost - terms.contact_cost + terms.alive;
    Reward { total, terms }
}
