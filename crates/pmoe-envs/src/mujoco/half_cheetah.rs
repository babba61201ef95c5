//! HalfCheetah: a planar two-legged runner must run forward as fast as possible.
//!
//! Model `half_cheetah.xml`: Euler steps of 0.01 s, 5 per control step, so `dt` = 0.05 s. The state
//! is `qpos` `[9]` = x, z, pitch, back thigh, shin, foot, front thigh, shin, foot, and `qvel`
//! `[9]`, its rate. x is not observed; z is relative to the model's initial height.
//!
//! # Observation
//! `[17]`; nothing is clipped.
//!
//! | index    | meaning                                      | unit  | joint                         |
//! |----------|----------------------------------------------|-------|-------------------------------|
//! | 0        | height of the torso above its initial one    | m     | `rootz`                       |
//! | 1        | pitch of the torso                           | rad   | `rooty`                       |
//! | 2        | angle of the back thigh                      | rad   | `bthigh`                      |
//! | 3        | angle of the back shin                       | rad   | `bshin`                       |
//! | 4        | angle of the back foot                       | rad   | `bfoot`                       |
//! | 5        | angle of the front thigh                     | rad   | `fthigh`                      |
//! | 6        | angle of the front shin                      | rad   | `fshin`                       |
//! | 7        | angle of the front foot                      | rad   | `ffoot`                       |
//! | 8        | forward speed (x)                            | m/s   | `rootx`                       |
//! | 9        | upward speed (z)                             | m/s   | `rootz`                       |
//! | 10       | pitch rate of the torso                      | rad/s | `rooty`                       |
//! | 11 to 16 | rates of the joint angles, in the order of 2 to 7 | rad/s | as 2 to 7                |
//!
//! # Action
//! `[6]`, each in [-1, 1] times the gear.
//!
//! | index | torque on | gear (N m) | index | torque on | gear (N m) |
//! |-------|-----------|------------|-------|-----------|------------|
//! | 0     | `bthigh`  | 120        | 3     | `fthigh`  | 120        |
//! | 1     | `bshin`   | 90         | 4     | `fshin`   | 60         |
//! | 2     | `bfoot`   | 60         | 5     | `ffoot`   | 30         |
//!
//! # Reward
//! `progress − control_cost`.
//!
//! | term           | value                                                                     |
//! |----------------|---------------------------------------------------------------------------|
//! | `progress`     | (x after − x before) / `dt`                                               |
//! | `control_cost` | 0.1 Σ action², of the action as given                                     |
//!
//! # Reset
//! The model's initial state (all 0) plus U(-0.1, 0.1) on each position and 0.1 · N(0, 1) on each
//! velocity.
//!
//! # Termination
//! Never. A wrapper sets the time limit of 1000 steps.
//!
//! # Versions
//! 2, 4 and 5 are identical, bit for bit.
//!
//! # Source
//! gym 0.17.3 (version 2), Gymnasium 1.4.0 (4, 5), MuJoCo 3.17.0, and Gymnasium's model file.

use super::numeric::weighted_square_sum;
use super::{Noise, ResetNoise, Reward, RewardTerms, Rules, Sim, StepOutcome, WhenUnstable};

pub(super) fn rules() -> Rules {
    Rules {
        model: "half_cheetah.xml".into(),
        frame_skip: 5,
        obs_dim: 17,
        reset: ResetNoise { qpos: Noise::Uniform(0.1), qvel: Noise::Normal(0.1) },
        contact_forces: false,
        when_unstable: WhenUnstable::Fail,
        position: Box::new(|sim| sim.qpos()[0]),
        is_healthy: Box::new(|_| true),
        reward: Box::new(reward),
        observe: Box::new(observe),
    }
}

fn reward(outcome: &StepOutcome<'_>) -> Reward {
    let terms = RewardTerms {
        progress: outcome.velocity(),
        alive: 0.0,
        control_cost: weighted_square_sum(0.1, outcome.action),
        contact_cost: 0.0,
    };
    Reward { total: terms.progress - terms.control_cost, terms }
}

fn observe(sim: &Sim, obs: &mut [f64]) {
    let (positions, velocities) = obs.split_at_mut(8);
    positions.copy_from_slice(&sim.qpos()[1..]);
    velocities.copy_from_slice(sim.qvel());
}
