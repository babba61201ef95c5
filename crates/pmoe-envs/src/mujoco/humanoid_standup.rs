//! HumanoidStandup: the humanoid lies on its back and must stand up.
//!
//! Model `humanoidstandup.xml`: Runge–Kutta steps of 0.003 s, 5 per control step, so `dt` = 0.015
//! s. State, joints, bodies and motors are those of [Humanoid](super::humanoid), but the model
//! starts lying, and `left_hip_y` bends 10° further.
//!
//! # Observation
//! `[376]` in versions 2 and 4, `[348]` in version 5, with the same meaning, units and order as in
//! [Humanoid](super::humanoid). Index 0 is the height of the torso, 0.105 m at the start.
//!
//! # Action
//! `[17]`, each in [-0.4, 0.4] times the gear, as in [Humanoid](super::humanoid).
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
//! Never. A wrapper sets the time limit of 1000 steps.
//!
//! # Versions
//! Versions 2 and 4 are identical, bit for bit, if 2 computes the contact forces, as MuJoCo 1.50
//! did at the time; with the later 2.0 they were all zero (`contact_forces = "zero"`). Version 5
//! leaves values that are always 0 out of the observation; its reward is the same.
//!
//! # Source
//! gym 0.17.3 (version 2), Gymnasium 1.4.0 (4, 5), MuJoCo 3.17.0, and Gymnasium's model file.

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
