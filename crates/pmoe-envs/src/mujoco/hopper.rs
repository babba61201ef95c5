//! Hopper: a planar one-legged figure (torso, thigh, leg, foot) must hop forward.
//!
//! Model `hopper.xml`: Runge–Kutta steps of 0.002 s, 4 per control step, so `dt` = 0.008 s. The
//! state is `qpos` `[6]` = x, z, pitch, thigh, leg, foot, and `qvel` `[6]`, its rate. x is not
//! observed.
//!
//! # Observation
//! `[11]`; velocities are clipped to ±10.
//!
//! | index | meaning                   | unit  | joint         |
//! |-------|---------------------------|-------|---------------|
//! | 0     | height of the torso       | m     | `rootz`       |
//! | 1     | pitch of the torso        | rad   | `rooty`       |
//! | 2     | angle of the thigh        | rad   | `thigh_joint` |
//! | 3     | angle of the leg          | rad   | `leg_joint`   |
//! | 4     | angle of the foot         | rad   | `foot_joint`  |
//! | 5     | forward speed (x)         | m/s   | `rootx`       |
//! | 6     | upward speed (z)          | m/s   | `rootz`       |
//! | 7     | pitch rate of the torso   | rad/s | `rooty`       |
//! | 8     | rate of the thigh         | rad/s | `thigh_joint` |
//! | 9     | rate of the leg           | rad/s | `leg_joint`   |
//! | 10    | rate of the foot          | rad/s | `foot_joint`  |
//!
//! # Action
//! `[3]`, each in [-1, 1] times 200 N m.
//!
//! | index | torque on     |
//! |-------|---------------|
//! | 0     | `thigh_joint` |
//! | 1     | `leg_joint`   |
//! | 2     | `foot_joint`  |
//!
//! # Reward
//! `progress + alive − control_cost`, added in this order.
//!
//! | term           | value                                                                     |
//! |----------------|---------------------------------------------------------------------------|
//! | `progress`     | (x after − x before) / `dt`                                               |
//! | `alive`        | 1; in version 5 only if the step doesn't end the episode                  |
//! | `control_cost` | 10⁻³ Σ action², of the action as given                                    |
//!
//! # Reset
//! The model's initial state (z = 1.25 m, the rest 0) plus U(-0.005, 0.005) on each position and
//! velocity.
//!
//! # Termination
//! The episode ends unless z > 0.7 m, |pitch| < 0.2 rad, and all velocities and all positions from
//! the pitch on are below 100 in magnitude. A wrapper sets the time limit of 1000 steps.
//!
//! # Versions
//! 2 and 4 are identical, bit for bit. 5 does not add `alive` on the step that ends the episode.
//!
//! # Source
//! gym 0.17.3 (version 2), Gymnasium 1.4.0 (4, 5), MuJoCo 3.17.0, and Gymnasium's model file.

use super::numeric::weighted_square_sum;
use super::{
    Noise, ResetNoise, Reward, RewardTerms, Rules, Sim, StepOutcome, Version, WhenUnstable,
};

pub(super) fn rules(version: Version) -> Rules {
    Rules {
        model: "hopper.xml".into(),
        frame_skip: 4,
        obs_dim: 11,
        reset: ResetNoise { qpos: Noise::Uniform(5e-3), qvel: Noise::Uniform(5e-3) },
        contact_forces: false,
        when_unstable: WhenUnstable::Fail,
        position: Box::new(|sim| sim.qpos()[0]),
        is_healthy: Box::new(is_healthy),
        reward: match version {
            Version::V2 | Version::V4 => Box::new(|outcome| reward(outcome, true)),
            Version::V5 => Box::new(|outcome| reward(outcome, outcome.is_healthy)),
        },
        observe: Box::new(observe),
    }
}

fn is_healthy(sim: &Sim) -> bool {
    let (height, angle) = (sim.qpos()[1], sim.qpos()[2]);
    let mut rest = sim.qpos()[2..].iter().chain(sim.qvel());
    height > 0.7 && angle.abs() < 0.2 && rest.all(|x| x.abs() < 100.0)
}

/// The reward; Walker2d's too.
pub(super) fn reward(outcome: &StepOutcome<'_>, is_alive: bool) -> Reward {
    let terms = RewardTerms {
        progress: outcome.velocity(),
        alive: if is_alive { 1.0 } else { 0.0 },
        control_cost: weighted_square_sum(1e-3, outcome.action),
        contact_cost: 0.0,
    };
    Reward { total: terms.progress + terms.alive - terms.control_cost, terms }
}

/// Writes all positions except x, then velocities clipped to ±10; Walker2d's observation too.
pub(super) fn observe(sim: &Sim, obs: &mut [f64]) {
    let (_, positions) = sim.qpos().split_at(1);
    let (observed, velocities) = obs.split_at_mut(positions.len());
    observed.copy_from_slice(positions);
    for (out, x) in velocities.iter_mut().zip(sim.qvel()) {
        *out = x.clamp(-10.0, 10.0);
    }
}
