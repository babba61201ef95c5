//! Walker2d: a planar figure on two legs must walk forward.
//!
//! Model `walker2d.xml`, in version 5 `walker2d_v5.xml`: Runge–Kutta steps of 0.002 s, 4 per
//! control step, so `dt` = 0.008 s. The state is `qpos` `[9]` = x, z, pitch, right thigh, leg,
//! foot, left thigh, leg, foot, and `qvel` `[9]`, its rate. x is not observed.
//!
//! # Observation
//! `[17]`; velocities are clipped to ±10.
//!
//! | index    | meaning                                      | unit  | joint                         |
//! |----------|----------------------------------------------|-------|-------------------------------|
//! | 0        | height of the torso                          | m     | `rootz`                       |
//! | 1        | pitch of the torso                           | rad   | `rooty`                       |
//! | 2        | angle of the right thigh                     | rad   | `thigh_joint`                 |
//! | 3        | angle of the right leg                       | rad   | `leg_joint`                   |
//! | 4        | angle of the right foot                      | rad   | `foot_joint`                  |
//! | 5        | angle of the left thigh                      | rad   | `thigh_left_joint`            |
//! | 6        | angle of the left leg                        | rad   | `leg_left_joint`              |
//! | 7        | angle of the left foot                       | rad   | `foot_left_joint`             |
//! | 8        | forward speed (x)                            | m/s   | `rootx`                       |
//! | 9        | upward speed (z)                             | m/s   | `rootz`                       |
//! | 10       | pitch rate of the torso                      | rad/s | `rooty`                       |
//! | 11 to 16 | rates of the joint angles, in the order of 2 to 7 | rad/s | as 2 to 7                |
//!
//! # Action
//! `[6]`, each in [-1, 1] times 100 N m.
//!
//! | index | torque on     | index | torque on          |
//! |-------|---------------|-------|--------------------|
//! | 0     | `thigh_joint` | 3     | `thigh_left_joint` |
//! | 1     | `leg_joint`   | 4     | `leg_left_joint`   |
//! | 2     | `foot_joint`  | 5     | `foot_left_joint`  |
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
//! The episode ends unless 0.8 m < z < 2.0 m and |pitch| < 1 rad. A wrapper sets the time limit of
//! 1000 steps.
//!
//! # Versions
//! 2 and 4 are identical, bit for bit. 5 does not add `alive` on the step that ends the episode,
//! and its right foot has the same friction as the left one (1.9 instead of 0.9).
//!
//! # Source
//! gym 0.17.3 (version 2), Gymnasium 1.4.0 (4, 5), MuJoCo 3.17.0, and Gymnasium's model file.

use super::{Noise, ResetNoise, Rules, Sim, Version, WhenUnstable, hopper};

pub(super) fn rules(version: Version) -> Rules {
    Rules {
        model: match version {
            Version::V2 | Version::V4 => "walker2d.xml".into(),
            Version::V5 => "walker2d_v5.xml".into(),
        },
        frame_skip: 4,
        obs_dim: 17,
        reset: ResetNoise { qpos: Noise::Uniform(5e-3), qvel: Noise::Uniform(5e-3) },
        contact_forces: false,
        when_unstable: WhenUnstable::Fail,
        position: Box::new(|sim| sim.qpos()[0]),
        is_healthy: Box::new(is_healthy),
        reward: match version {
            Version::V2 | Version::V4 => Box::new(|outcome| hopper::reward(outcome, true)),
            Version::V5 => Box::new(|outcome| hopper::reward(outcome, outcome.is_healthy)),
        },
        observe: Box::new(hopper::observe),
    }
}

fn is_healthy(sim: &Sim) -> bool {
    let (height, angle) = (sim.qpos()[1], sim.qpos()[2]);
    0.8 < height && height < 2.0 && angle.abs() < 1.0
}
