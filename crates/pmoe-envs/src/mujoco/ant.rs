//! Ant: a torso on four two-jointed legs must walk forward.
//!
//! Model `ant.xml`: Runge–Kutta steps of 0.01 s, 5 per control step, so `dt` = 0.05 s. The state is
//! `qpos` `[15]` = position and orientation of the torso, 8 joint angles, and `qvel` `[14]`. x and
//! y are not observed. Leg 1 is the front left one, 2 front right, 3 back left, 4 back right.
//!
//! # Observation
//! `[111]` in version 2, `[27]` in version 4 (`[111]` with `use_contact_forces`), `[105]` in
//! version 5.
//!
//! | index    | meaning                                             | unit   | joint                  |
//! |----------|-----------------------------------------------------|--------|------------------------|
//! | 0        | height of the torso                                 | m      | `root`                 |
//! | 1 to 4   | orientation of the torso: quaternion w, x, y, z     | 1      | `root`                 |
//! | 5, 6     | angles of leg 1                                     | rad    | `hip_1`, `ankle_1`     |
//! | 7, 8     | angles of leg 2                                     | rad    | `hip_2`, `ankle_2`     |
//! | 9, 10    | angles of leg 3                                     | rad    | `hip_3`, `ankle_3`     |
//! | 11, 12   | angles of leg 4                                     | rad    | `hip_4`, `ankle_4`     |
//! | 13 to 15 | velocity of the torso, x, y, z                      | m/s    | `root`                 |
//! | 16 to 18 | angular velocity of the torso in its own frame      | rad/s  | `root`                 |
//! | 19 to 26 | rates of the joint angles, in the order of 5 to 12  | rad/s  | as 5 to 12             |
//! | 27 on    | external torque and force on each body, 6 values    | N m, N | –                      |
//!
//! The forces are clipped to ±1. Version 2 includes those of all 14 bodies, starting with the world
//! (always 0); version 5 leaves out the world's. The bodies are the torso, then for each leg a
//! fixed base, the upper part and the lower part. In the first observation of an episode the forces
//! are 0.
//!
//! # Action
//! `[8]`, each in [-1, 1] times 150 N m. Leg 4 comes first.
//!
//! | index | torque on | index | torque on |
//! |-------|-----------|-------|-----------|
//! | 0     | `hip_4`   | 1     | `ankle_4` |
//! | 2     | `hip_1`   | 3     | `ankle_1` |
//! | 4     | `hip_2`   | 5     | `ankle_2` |
//! | 6     | `hip_3`   | 7     | `ankle_3` |
//!
//! # Reward
//! `progress + alive − control_cost − contact_cost`, in the order of each version.
//!
//! | term           | value                                                                     |
//! |----------------|---------------------------------------------------------------------------|
//! | `progress`     | (x after − x before) / `dt`, x of the torso's frame (see below)           |
//! | `alive`        | 1; in version 5 only if the step doesn't end the episode                  |
//! | `control_cost` | 0.5 Σ action², of the action as given                                     |
//! | `contact_cost` | 5·10⁻⁴ Σ clip(external forces, ±1)² over all bodies; 0 in version 4       |
//!
//! Gym takes x from the arrays of the last simulation step, not from `qpos`. After a Runge–Kutta
//! step they belong to its last stage, within 5 mm of the new state.
//!
//! # Reset
//! The model's initial state (z = 0.75 m, upright) plus U(-0.1, 0.1) on each position, quaternion
//! included, and 0.1 · N(0, 1) on each velocity.
//!
//! The episode ends unless 0.2 m ≤ z ≤ 1.0 m. A wrapper sets the time limit of 1000 steps.
//!
//! # Versions
//! Version 4 neither observes nor penalises contact forces, unless `use_contact_forces` is set.
//! Then its observation is that of version 2, bit for bit, and its reward differs only in the order
//! of addition. Version 2 computes the forces once after each control step, as MuJoCo 1.50 did at
//! the time; with the later 2.0 they were all zero (`contact_forces = "zero"`). Version 5 does not
//! add `alive` on the step that ends the episode.
//!
//! # Source
//! gym 0.17.3 (version 2), Gymnasium 1.4.0 (4, 5), MuJoCo 3.17.0, and Gymnasium's model file.

use super::numeric::{weighted_clipped_square_sum, weighted_square_sum};
use super::{
    Noise, ResetNoise, Reward, RewardTerms, Rules, Sim, StepOutcome, Version, WhenUnstable,
};

/// Index of the torso among the bodies.
const TORSO: usize = 1;
/// Number of values of a body's torque and force.
const WRENCH: usize = 6;

pub(super) fn rules(version: Version) -> Rules {
    Rules {
        model: "ant.xml".into(),
        frame_skip: 5,
        obs_dim: match version {
            Version::V2 => 111,
            Version::V4 => 27,
            Version::V5 => 105,
        },
        reset: ResetNoise { qpos: Noise::Uniform(0.1), qvel: Noise::Normal(0.1) },
        contact_forces: true,
        when_unstable: WhenUnstable::Fail,
        position: Box::new(|sim| sim.body_positions()[TORSO][0]),
        is_healthy: Box::new(|sim| (0.2..=1.0).contains(&sim.qpos()[2])),
        reward: match version {
            Version::V2 => Box::new(reward_v2),
            Version::V4 => Box::new(reward_v4),
            Version::V5 => Box::new(reward_v5),
        },
        observe: match version {
            Version::V2 => Box::new(|sim, obs| observe(sim, sim.contact_forces(), obs)),
            Version::V4 => Box::new(|sim, obs| observe(sim, &[], obs)),
            Version::V5 => Box::new(|sim, obs| observe(sim, &sim.contact_forces()[WRENCH..], obs)),
        },
    }
}

/// Version 4 with Gymnasium's argument `use_contact_forces`: contact forces are observed as in
/// version 2, and cost something.
pub(super) fn rules_v4_with_forces() -> Rules {
    Rules {
        reward: Box::new(|outcome| {
            let terms = terms(outcome, true, contact_cost(outcome.sim));
            let total = (terms.progress + terms.alive) - (terms.control_cost + terms.contact_cost);
            Reward { total, terms }
        }),
        ..rules(Version::V2)
    }
}

fn reward_v2(outcome: &StepOutcome<'_>) -> Reward {
    let terms = terms(outcome, true, contact_cost(outcome.sim));
    let total = terms.progress - terms.control_cost - terms.contact_cost + terms.alive;
    Reward { total, terms }
}

fn reward_v4(outcome: &StepOutcome<'_>) -> Reward {
    let terms = terms(outcome, true, 0.0);
    Reward { total: terms.progress + terms.alive - terms.control_cost, terms }
}

fn reward_v5(outcome: &StepOutcome<'_>) -> Reward {
    let terms = terms(outcome, outcome.is_healthy, contact_cost(outcome.sim));
    let total = (terms.progress + terms.alive) - (terms.control_cost + terms.contact_cost);
    Reward { total, terms }
}

fn terms(outcome: &StepOutcome<'_>, is_alive: bool, contact_cost: f64) -> RewardTerms {
    RewardTerms {
        progress: outcome.velocity(),
        alive: if is_alive { 1.0 } else { 0.0 },
        control_cost: weighted_square_sum(0.5, outcome.action),
        contact_cost,
    }
}

fn contact_cost(sim: &Sim) -> f64 {
    weighted_clipped_square_sum(5e-4, sim.contact_forces(), 1.0)
}

fn observe(sim: &Sim, contact_forces: &[f64], obs: &mut [f64]) {
    let (positions, rest) = obs.split_at_mut(13);
    let (velocities, forces) = rest.split_at_mut(14);
    positions.copy_from_slice(&sim.qpos()[2..]);
    velocities.copy_from_slice(sim.qvel());
    for (out, x) in forces.iter_mut().zip(contact_forces) {
        *out = x.clamp(-1.0, 1.0);
    }
}
