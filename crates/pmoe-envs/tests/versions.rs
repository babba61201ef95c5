//! Differences between the versions of a task, and between settings of one.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{actions, reset, task};
use pmoe_envs::{
    ContactForces, Env, EnvConfig, MujocoConfig, MujocoEnv, Robot, TaskId, Version,
    make_mujoco_with,
};

#[test]
fn versions_differ_as_documented() {
    let mut hopper = [Version::V2, Version::V4, Version::V5].map(|v| task(Robot::Hopper, v));
    let mut ant = [Version::V2, Version::V4, Version::V5].map(|v| task(Robot::Ant, v));
    let first = hopper.each_mut().map(|env| reset(env, 7));
    assert_eq!(first[0], first[1]);
    assert_eq!(first[1], first[2]);
    for action in actions(3, 150, 7) {
        let mut obs = [const { [0.0; 11] }; 3];
        let [v2, v4, v5] = [0, 1, 2].map(|i| hopper[i].step(&action, &mut obs[i]).unwrap());
        assert_eq!(obs[0].map(f64::to_bits), obs[1].map(f64::to_bits));
        assert_eq!(obs[1].map(f64::to_bits), obs[2].map(f64::to_bits));
        assert_eq!(v2, v4);
        assert_eq!(v4.terminated, v5.terminated);
        let bonus = if v5.terminated { 1.0 } else { 0.0 };
        assert!((v4.reward - v5.reward - bonus).abs() < 1e-12);
    }

    for env in &mut ant {
        reset(env, 7);
    }
    let mut touched = false;
    for action in actions(8, 150, 7) {
        let (mut obs2, mut obs4, mut obs5) = ([0.0; 111], [0.0; 27], [0.0; 105]);
        let v2 = ant[0].step(&action, &mut obs2).unwrap();
        let v4 = ant[1].step(&action, &mut obs4).unwrap();
        let v5 = ant[2].step(&action, &mut obs5).unwrap();
        // v5 leaves out the world's forces, which are zero; v4 leaves out all of them.
        assert_eq!(obs2[..27], obs4);
        assert_eq!(obs2[27..33], [0.0; 6]);
        assert_eq!(obs2[..27], obs5[..27]);
        assert_eq!(obs2[33..], obs5[27..]);
        touched |= obs2[33..].iter().any(|x| x.abs() > 0.5);
        let contact_cost = ant[0].reward_terms().contact_cost;
        let bonus = if v5.terminated { 1.0 } else { 0.0 };
        assert!((v4.reward - v2.reward - contact_cost).abs() < 1e-12);
        assert!((v2.reward - v5.reward - bonus).abs() < 1e-12);
    }
    assert!(touched, "the ant met the ground");
}

#[test]
fn humanoid_versions_differ_as_documented() {
    let mut envs = [Version::V2, Version::V4, Version::V5].map(|v| task(Robot::Humanoid, v));
    for env in &mut envs {
        reset(env, 7);
    }
    let mut touched = false;
    for action in actions(17, 150, 7) {
        let (mut obs2, mut obs4, mut obs5) = ([0.0; 376], [0.0; 376], [0.0; 348]);
        let v2 = envs[0].step(&action, &mut obs2).unwrap();
        let v4 = envs[1].step(&action, &mut obs4).unwrap();
        let v5 = envs[2].step(&action, &mut obs5).unwrap();
        assert_eq!(obs2.map(f64::to_bits), obs4.map(f64::to_bits));
        // v5 leaves out the world's inertia, velocity and force, and the forces on the root.
        let zeros = [45..55, 185..191, 269..275, 292..298];
        assert!(zeros.iter().all(|range| obs4[range.clone()].iter().all(|&x| x == 0.0)));
        let is_kept = |index: &usize| !zeros.iter().any(|range| range.contains(index));
        let kept: Vec<f64> = (0..376).filter(is_kept).map(|index| obs4[index]).collect();
        assert_eq!(kept, obs5);
        touched |= obs4[298..].iter().any(|x| x.abs() > 100.0);
        assert_eq!([v2.terminated, v4.terminated], [v5.terminated; 2]);
        let contact_cost = envs[0].reward_terms().contact_cost;
        let bonus = if v5.terminated { 5.0 } else { 0.0 };
        assert!((v4.reward - v2.reward - contact_cost).abs() < 1e-12);
        assert!((v2.reward - v5.reward - bonus).abs() < 1e-12);
    }
    assert!(touched, "the humanoid met the ground");
}

/// Runs both versions with the same actions from the same start. Returns observations, rewards and
/// endings.
fn pair(robot: Robot, versions: [Version; 2], steps: usize) -> [Vec<(Vec<f64>, f64, bool)>; 2] {
    versions.map(|version| {
        let mut env = task(robot, version);
        let mut obs = reset(&mut env, 7);
        let mut taken = vec![(obs.clone(), 0.0, false)];
        for action in actions(env.spec().action_dim(), steps, 7) {
            let step = env.step(&action, &mut obs).unwrap();
            taken.push((obs.clone(), step.reward, step.terminated));
        }
        taken
    })
}

#[test]
fn planar_versions_differ_as_documented() {
    for robot in [Robot::HalfCheetah, Robot::Walker2d] {
        let [v2, v4] = pair(robot, [Version::V2, Version::V4], 150);
        assert_eq!(v2, v4, "{robot:?}");
    }
    let [v4, v5] = pair(Robot::HalfCheetah, [Version::V4, Version::V5], 150);
    assert_eq!(v4, v5);
    // The friction of a foot makes no difference until the foot slides.
    let [v4, v5] = pair(Robot::Walker2d, [Version::V4, Version::V5], 150);
    assert_eq!(v4[..5], v5[..5]);
    assert_ne!(v4[150].0, v5[150].0);
    let mut v5 = task(Robot::Walker2d, Version::V5);
    let mut obs = reset(&mut v5, 7);
    for action in actions(6, 150, 7) {
        let step = v5.step(&action, &mut obs).unwrap();
        assert_eq!(v5.reward_terms().alive < 0.5, step.terminated);
    }
}

#[test]
fn standup_versions_differ_as_documented() {
    let [v2, v4] = pair(Robot::HumanoidStandup, [Version::V2, Version::V4], 100);
    assert_eq!(v2, v4);
    let [v4, v5] = pair(Robot::HumanoidStandup, [Version::V4, Version::V5], 100);
    let zeros = [45..55, 185..191, 269..275, 292..298];
    for (v4, v5) in v4.iter().zip(&v5) {
        let is_kept = |index: &usize| !zeros.iter().any(|range| range.contains(index));
        let kept: Vec<f64> = (0..376).filter(is_kept).map(|index| v4.0[index]).collect();
        assert_eq!((&kept, v4.1, v4.2), (&v5.0, v5.1, v5.2));
    }
}

fn with(robot: Robot, version: Version, change: fn(&mut MujocoConfig)) -> MujocoEnv {
    let id = TaskId::Mujoco { robot, version };
    let mut config = id.config().unwrap();
    let EnvConfig::Mujoco(settings) = &mut config else { panic!("a MuJoCo task") };
    change(settings);
    make_mujoco_with(&id, &config).unwrap()
}

#[test]
fn contact_forces_can_be_left_out_or_put_in() {
    // Version 2 without contact forces: zeros in the observation, no cost, the same motion.
    for robot in [Robot::Ant, Robot::Humanoid, Robot::HumanoidStandup] {
        let mut computed = task(robot, Version::V2);
        let mut zero = with(robot, Version::V2, |config| {
            config.contact_forces = Some(ContactForces::Zero);
        });
        let mut obs = [reset(&mut computed, 7), reset(&mut zero, 7)];
        let (forces, mut paid) = (obs[0].len() - 84, 0.0);
        for action in actions(computed.spec().action_dim(), 80, 7) {
            let [one, two] = [computed.step(&action, &mut obs[0]), zero.step(&action, &mut obs[1])];
            let cost = computed.reward_terms().contact_cost;
            paid += cost;
            assert!((two.unwrap().reward - one.unwrap().reward - cost).abs() < 1e-9);
            assert_eq!(obs[0][..forces], obs[1][..forces]);
            assert_eq!(obs[1][forces..], [0.0; 84]);
        }
        assert!(paid > 0.0, "{robot:?} met the ground");
    }
    // Ant-v4 with contact forces: version 2's observation, and its reward up to rounding.
    let mut v2 = task(Robot::Ant, Version::V2);
    let mut v4 = with(Robot::Ant, Version::V4, |config| config.use_contact_forces = Some(true));
    assert_eq!(v4.spec().obs_dim, 111);
    let mut obs = [reset(&mut v2, 7), reset(&mut v4, 7)];
    for action in actions(8, 80, 7) {
        let [one, two] = [v2.step(&action, &mut obs[0]), v4.step(&action, &mut obs[1])];
        assert!((one.unwrap().reward - two.unwrap().reward).abs() < 1e-14);
        assert_eq!(obs[0], obs[1]);
    }
}

#[test]
fn a_humanoid_pays_at_most_ten_for_a_contact() {
    for version in [Version::V2, Version::V5] {
        let mut env = task(Robot::Humanoid, version);
        let mut obs = reset(&mut env, 0);
        let (qpos, mut qvel) = (env.qpos().to_vec(), env.qvel().to_vec());
        qvel[2] = -20.0;
        env.set_physics(&qpos, &qvel, &mut obs).unwrap();
        let mut costs = [0.0; 10];
        for cost in &mut costs {
            env.step(&[0.0; 17], &mut obs).unwrap();
            *cost = env.reward_terms().contact_cost;
        }
        assert!(costs.contains(&10.0) && costs.iter().all(|&cost| cost <= 10.0), "{costs:?}");
    }
}
