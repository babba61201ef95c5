//! Published dimensions and values of tasks. Tasks not listed here are tested elsewhere.

mod common;

use common::{actions, reset, task};
use pmoe_envs::mjcf::{Noise, ResetNoise};
use pmoe_envs::{Env, Robot, TaskId, Version, make, make_mujoco};

#[test]
fn specs_have_the_published_dimensions() {
    for (id, obs_dim, action_dim, bound, dt) in [
        ("Hopper-v2", 11, 3, 1.0, 0.008),
        ("Hopper-v4", 11, 3, 1.0, 0.008),
        ("Hopper-v5", 11, 3, 1.0, 0.008),
        ("Walker2d-v2", 17, 6, 1.0, 0.008),
        ("Walker2d-v4", 17, 6, 1.0, 0.008),
        ("Walker2d-v5", 17, 6, 1.0, 0.008),
        ("HalfCheetah-v2", 17, 6, 1.0, 0.05),
        ("HalfCheetah-v4", 17, 6, 1.0, 0.05),
        ("HalfCheetah-v5", 17, 6, 1.0, 0.05),
        ("Ant-v2", 111, 8, 1.0, 0.05),
        ("Ant-v4", 27, 8, 1.0, 0.05),
        ("Ant-v5", 105, 8, 1.0, 0.05),
        ("Humanoid-v2", 376, 17, 0.4, 0.015),
        ("Humanoid-v4", 376, 17, 0.4, 0.015),
        ("Humanoid-v5", 348, 17, 0.4, 0.015),
        ("HumanoidStandup-v2", 376, 17, 0.4, 0.015),
        ("HumanoidStandup-v4", 376, 17, 0.4, 0.015),
        ("HumanoidStandup-v5", 348, 17, 0.4, 0.015),
        ("TargetReaching-v0", 17, 2, 1.0, 0.1),
        ("TargetReachingPaper-v0", 12, 2, 2.0, 0.1),
        ("TargetReachingFixed-v0", 17, 2, 1.0, 0.1),
    ] {
        let task: TaskId = id.parse().unwrap();
        let env = make(&task).unwrap();
        let spec = env.spec();
        assert_eq!((spec.obs_dim, spec.action_dim()), (obs_dim, action_dim), "{id}");
        assert!((spec.dt_seconds - dt).abs() < 1e-15, "{id}: dt is {}", spec.dt_seconds);
        if let TaskId::Mujoco { .. } = task {
            let bare = make_mujoco(&task).unwrap();
            assert_eq!(bare.spec().action_low, vec![-bound; action_dim]);
            assert_eq!(bare.spec().action_high, vec![bound; action_dim]);
        }
    }
}

#[test]
fn resets_have_the_published_noise() {
    for (robot, qpos, qvel) in [
        (Robot::Hopper, Noise::Uniform(5e-3), Noise::Uniform(5e-3)),
        (Robot::Walker2d, Noise::Uniform(5e-3), Noise::Uniform(5e-3)),
        (Robot::HalfCheetah, Noise::Uniform(0.1), Noise::Normal(0.1)),
        (Robot::Ant, Noise::Uniform(0.1), Noise::Normal(0.1)),
        (Robot::Humanoid, Noise::Uniform(0.01), Noise::Uniform(0.01)),
        (Robot::HumanoidStandup, Noise::Uniform(0.01), Noise::Uniform(0.01)),
    ] {
        for version in Version::ALL {
            assert_eq!(task(robot, version).reset_noise(), ResetNoise { qpos, qvel }, "{robot:?}");
        }
    }
}

#[test]
fn random_actions_end_the_tasks_that_can_end() {
    for (robot, ends) in [
        (Robot::Hopper, true),
        (Robot::Walker2d, true),
        (Robot::HalfCheetah, false),
        (Robot::Ant, true),
        (Robot::Humanoid, true),
        (Robot::HumanoidStandup, false),
    ] {
        for version in Version::ALL {
            let mut env = task(robot, version);
            let mut obs = reset(&mut env, 6);
            let mut actions = actions(env.spec().action_dim(), 200, 6).into_iter();
            let ended = actions.any(|action| env.step(&action, &mut obs).unwrap().terminated);
            assert_eq!(ended, ends, "{robot:?} {version:?}");
        }
    }
}

#[test]
fn all_but_half_cheetah_pay_for_each_step() {
    for (robot, pays) in [
        (Robot::Hopper, true),
        (Robot::Walker2d, true),
        (Robot::HalfCheetah, false),
        (Robot::Ant, true),
        (Robot::Humanoid, true),
        (Robot::HumanoidStandup, true),
    ] {
        for version in Version::ALL {
            let mut env = task(robot, version);
            let mut obs = reset(&mut env, 6);
            env.step(&vec![0.1; env.spec().action_dim()], &mut obs).unwrap();
            assert_eq!(env.reward_terms().alive > 0.5, pays, "{robot:?} {version:?}");
        }
    }
}
