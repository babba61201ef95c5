//! Humanoid: a two-legged body with arms must walk forward without falling.
//!
//! Model `humanoid.xml`: Runge–Kutta steps of 0.003 s, 5 per control step, so `dt` = 0.015 s. The
//! state is `qpos` `[24]` = position and orientation of the torso, 17 joint angles, and `qvel`
//! `[23]`. x and y are not observed.
//!
//! # Observation
//! `[376]` in versions 2 and 4, `[348]` in version 5. Nothing is clipped.
//!
//! | index      | meaning                                | unit   | joint                     |
//! |------------|----------------------------------------|--------|---------------------------|
//! | 0          | height of the torso                    | m      | `root`                    |
//! | 1 to 4     | its orientation: quaternion w, x, y, z | 1      | `root`                    |
//! | 5 to 7     | angles of the abdomen                  | rad    | `abdomen_z`, `_y`, `_x`   |
//! | 8 to 10    | angles of the right hip                | rad    | `right_hip_x`, `_z`, `_y` |
//! | 11         | angle of the right knee                | rad    | `right_knee`              |
//! | 12 to 14   | angles of the left hip                 | rad    | `left_hip_x`, `_z`, `_y`  |
//! | 15         | angle of the left knee                 | rad    | `left_knee`               |
//! | 16, 17     | angles of the right shoulder           | rad    | `right_shoulder1`, `2`    |
//! | 18         | angle of the right elbow               | rad    | `right_elbow`             |
//! | 19, 20     | angles of the left shoulder            | rad    | `left_shoulder1`, `2`     |
//! | 21         | angle of the left elbow                | rad    | `left_elbow`              |
//! | 22 to 24   | velocity of the torso, x, y, z         | m/s    | `root`                    |
//! | 25 to 27   | its angular velocity in its own frame  | rad/s  | `root`                    |
//! | 28 to 44   | rates of the joint angles              | rad/s  | as 5 to 21                |
//! | 45 to 184  | inertia of each body, 10 values        | below  | –                         |
//! | 185 to 268 | velocity of each body, 6 values        | below  | –                         |
//! | 269 to 274 | force and torque of the motors: 0      | N, N m | `root`                    |
//! | 275 to 291 | torques of the motors                  | N m    | as 5 to 21                |
//! | 292 to 375 | external load on each body, 6 values   | below  | –                         |
//!
//! Version 5 leaves out values that are always 0: the world's rows and 269 to 274. Its inertias are
//! at 45 to 174, velocities at 175 to 252, motor torques at 253 to 269, and loads at 270 to 347.
//!
//! The 14 bodies are, in this order: the world, `torso`, `lwaist`, `pelvis`, `right_thigh`,
//! `right_shin`, `right_foot`, `left_thigh`, `left_shin`, `left_foot`, `right_upper_arm`,
//! `right_lower_arm`, `left_upper_arm`, `left_lower_arm`. Their values are along the world's axes
//! and refer to the point c, the center of mass of the whole humanoid:
//!
//! - inertia: xx, yy, zz, xy, xz, yz of the inertia tensor about c (kg m²); mass times the vector
//!   from c to the body's own center of mass (kg m); mass (kg),
//! - velocity: angular velocity (rad/s); velocity of the point at c, as if it were fixed to the
//!   body (m/s),
//! - external load: torque about c (N m); force (N). Contacts cause it; in the first observation of
//!   an episode it is 0.
//!
//! Values from 45 on are those of the last simulation step: after a Runge–Kutta step they belong to
//! its last stage, not exactly to the new state. The quaternion has length 1 up to the noise after
//! a reset, and up to rounding after a step.
//!
//! # Action
//! `[17]`, each in [-0.4, 0.4] times the gear. The abdomen's joints are not in the observation's
//! order.
//!
//! | index | torque on         | gear (N m) | index | torque on         | gear (N m) |
//! |-------|-------------------|------------|-------|-------------------|------------|
//! | 0     | `abdomen_y`       | 100        | 1     | `abdomen_z`       | 100        |
//! | 2     | `abdomen_x`       | 100        | 3     | `right_hip_x`     | 100        |
//! | 4     | `right_hip_z`     | 100        | 5     | `right_hip_y`     | 300        |
//! | 6     | `right_knee`      | 200        | 7     | `left_hip_x`      | 100        |
//! | 8     | `left_hip_z`      | 100        | 9     | `left_hip_y`      | 300        |
//! | 10    | `left_knee`       | 200        | 11    | `right_shoulder1` | 25         |
//! | 12    | `right_shoulder2` | 25         | 13    | `right_elbow`     | 25         |
//! | 14    | `left_shoulder1`  | 25         | 15    | `left_shoulder2`  | 25         |
//! | 16    | `left_elbow`      | 25         |       |                   |            |
//!
//! # Reward
//! `progress + alive − control_cost − contact_cost`, in the order of each version.
//!
//! | term           | value                                                                      |
//! |----------------|----------------------------------------------------------------------------|
//! | `progress`     | 1.25 (x after − x before) / `dt`, x of the whole humanoid's center of mass |
//! | `alive`        | 5; in version 5 only if the step doesn't end the episode                   |
//! | `control_cost` | 0.1 Σ action², of the action as given                                      |
//! | `contact_cost` | 5·10⁻⁷ Σ (external loads)² over all bodies, at most 10; 0 in version 4     |
//!
//! The center of mass is also that of the last Runge–Kutta stage, usually within 0.1 mm of the new
//! state's.
//!
//! # Reset
//! The model's initial state (z = 1.4 m, upright) plus U(-0.01, 0.01) on each position, quaternion
//! included, and on each velocity.
//!
//! # Termination
//! The episode ends unless 1.0 m < z < 2.0 m; in version 2 the bounds themselves don't end the
//! episode. A wrapper sets the time limit of 1000 steps.
//!
//! # Versions
//! Version 4 observes the contact forces but does not penalise them; its observation is that of
//! version 2, bit for bit. Version 2 computes them once after each control step, as MuJoCo 1.50 did
//! at the time; with the later 2.0 they were all zero (`contact_forces = "zero"`). Version 5
//! penalises them again and does not add `alive` on the step that ends the episode.
//!
//! # Source
//! gym 0.17.3 (version 2), Gymnasium 1.4.0 (4, 5), MuJoCo 3.17.0, and Gymnasium's model file.

use super::numeric::{sum, weighted_square_sum};
use super::{
    Noise, ResetNoise, Reward, RewardTerms, Rules, Sim, StepOutcome, Version, WhenUnstable,
};

/// Number of values of a body's inertia: tensor, first moment of mass, mass.
const INERTIA: usize = 10;
/// Number of values of a body's angular and linear velocity.
const TWIST: usize = 6;
/// Number of values of a body's torque and force.
const WRENCH: usize = 6;
/// Degrees of freedom of the joint `root`, which has no motor.
const ROOT: usize = 6;

/// Reward per m/s.
const PROGRESS_WEIGHT: f64 = 1.25;

pub(super) fn rules(version: Version) -> Rules {
    Rules {
        model: "humanoid.xml".into(),
        frame_skip: 5,
        obs_dim: match version {
            Version::V2 | Version::V4 => 376,
            Version::V5 => 348,
        },
        reset: ResetNoise { qpos: Noise::Uniform(0.01), qvel: Noise::Uniform(0.01) },
        contact_forces: true,
        when_unstable: WhenUnstable::Fail,
        position: Box::new(center_of_mass),
        is_healthy: match version {
            Version::V2 => Box::new(|sim| (1.0..=2.0).contains(&sim.qpos()[2])),
            Version::V4 | Version::V5 => Box::new(|sim| 1.0 < sim.qpos()[2] && sim.qpos()[2] < 2.0),
        },
        reward: match version {
            Version::V2 => Box::new(reward_v2),
            Version::V4 => Box::new(reward_v4),
            Version::V5 => Box::new(reward_v5),
        },
        observe: match version {
            Version::V2 | Version::V4 => Box::new(observe_all),
            Version::V5 => Box::new(observe_without_zeros),
        },
    }
}

/// Returns the x coordinate of the whole humanoid's center of mass (m).
fn center_of_mass(sim: &Sim) -> f64 {
    let masses = sim.body_masses();
    let bodies = masses.iter().zip(sim.body_centers_of_mass());
    bodies.fold(0.0, |moment, (mass, center)| moment + mass * center[0]) / sum(masses)
}

fn reward_v2(outcome: &StepOutcome<'_>) -> Reward {
    // gym 0.17 multiplies before it divides, which affects the last bit.
    let progress = PROGRESS_WEIGHT * outcome.displacement / outcome.dt_seconds;
    let terms = terms(outcome, progress, true, contact_cost(outcome.sim));
    let total = terms.progress - terms.control_cost - terms.contact_cost + terms.alive;
    Reward { total, terms }
}

fn reward_v4(outcome: &StepOutcome<'_>) -> Reward {
    let terms = terms(outcome, PROGRESS_WEIGHT * outcome.velocity(), true, 0.0);
    Reward { total: terms.progress + terms.alive - terms.control_cost, terms }
}

fn reward_v5(outcome: &StepOutcome<'_>) -> Reward {
    let progress = PROGRESS_WEIGHT * outcome.velocity();
    let terms = terms(outcome, progress, outcome.is_healthy, contact_cost(outcome.sim));
    let total = (terms.progress + terms.alive) - (terms.control_cost + terms.contact_cost);
    Reward { total, terms }
}

fn terms(
    outcome: &StepOutcome<'_>,
    progress: f64,
    is_alive: bool,
    contact_cost: f64,
) -> RewardTerms {
    RewardTerms {
        progress,
        alive: if is_alive { 5.0 } else { 0.0 },
        control_cost: weighted_square_sum(0.1, outcome.action),
        contact_cost,
    }
}

/// Cost of the contact forces, at most 10.
pub(super) fn contact_cost(sim: &Sim) -> f64 {
    weighted_square_sum(5e-7, sim.contact_forces()).min(10.0)
}

fn observe_all(sim: &Sim, obs: &mut [f64]) {
    let parts = [
        &sim.qpos()[2..],
        sim.qvel(),
        sim.body_inertias(),
        sim.body_velocities(),
        sim.motor_forces(),
        sim.contact_forces(),
    ];
    write(&parts, obs);
}

fn observe_without_zeros(sim: &Sim, obs: &mut [f64]) {
    let parts = [
        &sim.qpos()[2..],
        sim.qvel(),
        &sim.body_inertias()[INERTIA..],
        &sim.body_velocities()[TWIST..],
        &sim.motor_forces()[ROOT..],
        &sim.contact_forces()[WRENCH..],
    ];
    write(&parts, obs);
}

/// Writes the parts one after the other.
fn write(parts: &[&[f64]], obs: &mut [f64]) {
    for (out, &x) in obs.iter_mut().zip(parts.iter().copied().flatten()) {
        *out = x;
    }
}
