//! What every task promises, checked on every task.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::thread;

use common::{actions, cart_pole, reset, rng, task};
use pmoe_envs::mjcf::Noise;
use pmoe_envs::{
    ContactForces, EPISODE_STEPS, Env, EnvConfig, EnvError, MujocoConfig, ReachingPreset, Robot,
    TargetReaching, TaskId, TraceInput, Version, make, make_mujoco, make_with, trace,
};

/// Bits of everything that the steps give; goes on after an ending.
fn roll(env: &mut dyn Env, actions: &[Vec<f64>]) -> Vec<u64> {
    let mut obs = vec![f64::NAN; env.spec().obs_dim];
    let mut bits = Vec::new();
    for action in actions {
        let step = env.step(action, &mut obs).unwrap();
        bits.extend(obs.iter().map(|x| x.to_bits()));
        bits.extend([step.reward.to_bits(), u64::from(step.terminated), u64::from(step.truncated)]);
    }
    bits
}

/// Every MuJoCo task.
fn mujoco_tasks() -> impl Iterator<Item = (TaskId, Version)> {
    TaskId::all().filter_map(|task| match task {
        TaskId::Mujoco { version, .. } => Some((task, version)),
        TaskId::TargetReaching(_) | TaskId::Mjcf(_) | TaskId::Gym(_) => None,
    })
}

/// A task without wrappers.
fn bare(task: &TaskId) -> Box<dyn Env> {
    match task {
        TaskId::Mujoco { .. } | TaskId::Mjcf(_) => Box::new(make_mujoco(task).unwrap()),
        TaskId::TargetReaching(preset) => {
            Box::new(TargetReaching::new(&task.to_string(), preset.config()).unwrap())
        }
        TaskId::Gym(_) => unreachable!("{task} is not built in"),
    }
}

type Form = fn(&TaskId) -> Box<dyn Env>;

/// Every task that is built in, and one from a model file.
fn every_task() -> impl Iterator<Item = TaskId> {
    TaskId::all().chain([cart_pole()])
}

/// Runs `check` on the bare and on the wrapped form of each task.
fn for_every_env(check: impl Fn(&TaskId, Form)) {
    for task in every_task() {
        check(&task, bare);
        check(&task, |task| make(task).unwrap());
    }
}

#[test]
fn specs_are_those_of_the_bare_task_with_actions_of_one() {
    for task in every_task() {
        let (bare, env) = (bare(&task), make(&task).unwrap());
        let (bare, spec) = (bare.spec(), env.spec());
        let bounds = || bare.action_low.iter().zip(&bare.action_high);
        assert!(bounds().all(|(low, high)| low < high && (high - low).is_finite()), "{task}");
        assert_eq!((spec.id.clone(), spec.obs_dim), (task.to_string(), bare.obs_dim));
        assert_eq!(spec.action_low, vec![-1.0; bare.action_dim()], "{task}");
        assert_eq!(spec.action_high, vec![1.0; bare.action_dim()], "{task}");
        assert!(0.0 < spec.dt_seconds && spec.dt_seconds < 1.0, "{task}");
        assert_eq!(spec.dt_seconds.to_bits(), bare.dt_seconds.to_bits(), "{task}");
    }
}

#[test]
fn ids_and_settings_can_be_written_and_read_again() {
    for task in every_task() {
        assert_eq!(task.to_string().parse::<TaskId>().unwrap(), task);
        let json = serde_json::to_string(&task).unwrap();
        assert_eq!(serde_json::from_str::<TaskId>(&json).unwrap(), task);
        let config = task.config().unwrap();
        let text = toml::to_string(&config).unwrap();
        assert_eq!(toml::from_str::<EnvConfig>(&text).unwrap(), config, "{task}");
    }
}

#[test]
fn resets_are_seeded_and_write_the_whole_observation() {
    for_every_env(|task, form| {
        let env = &mut form(task);
        let first = reset(env, 1);
        assert!(first.iter().all(|x| x.is_finite()), "{task}");
        let is_random = *task != TaskId::TargetReaching(ReachingPreset::Fixed);
        assert_eq!(first != reset(env, 2), is_random, "{task}");
        assert_eq!(first, reset(env, 1), "{task}");
    });
}

#[test]
fn same_seed_and_actions_give_the_same_bits_whatever_happened_before() {
    for_every_env(|task, form| {
        let env = &mut form(task);
        let actions = actions(env.spec().action_dim(), 60, 3);
        reset(env, 1);
        let first = roll(env, &actions);
        reset(env, 2);
        roll(env, &actions[7..]);
        reset(env, 1);
        assert_eq!(first, roll(env, &actions), "{task}");
    });
}

#[test]
fn a_restored_state_goes_on_with_the_same_bits() {
    for_every_env(|task, form| {
        let env = &mut form(task);
        let actions = actions(env.spec().action_dim(), 60, 4);
        for steps_before in [0, 1, 20] {
            let (before, after) = actions.split_at(steps_before);
            reset(env, 1);
            roll(env, before);
            let mut state = vec![7.0]; // `save_state` appends
            env.save_state(&mut state);
            let expected = roll(env, after);

            // In a new environment, and again in one with a past.
            let other = &mut form(task);
            for past in ["no", "a"] {
                other.load_state(&state[1..]).unwrap();
                let found = roll(other, after);
                assert_eq!(found, expected, "{task}: {steps_before} steps, {past} past");
            }
        }
    });
}

#[test]
fn threads_do_not_disturb_each_other() {
    for task in every_task() {
        let name = task.to_string();
        let run = move || {
            let mut env = make(&task).unwrap();
            reset(&mut env, 5);
            let actions = actions(env.spec().action_dim(), 100, 5);
            roll(&mut env, &actions)
        };
        let threads = [thread::spawn(run.clone()), thread::spawn(run.clone())];
        let expected = run();
        for thread in threads {
            assert_eq!(thread.join().unwrap(), expected, "{name}");
        }
    }
}

#[test]
fn reward_terms_sum_to_the_reward() {
    for (task, version) in mujoco_tasks() {
        let mut env = make_mujoco(&task).unwrap();
        let mut obs = reset(&mut env, 6);
        assert_eq!(env.reward_terms().sum().to_bits(), 0.0_f64.to_bits(), "{task} at reset");
        for action in actions(env.spec().action_dim(), 200, 6) {
            let step = env.step(&action, &mut obs).unwrap();
            let terms = env.reward_terms();
            // Four additions in another order.
            let costs = terms.control_cost + terms.contact_cost;
            let tolerance = 4.0 * f64::EPSILON * (terms.progress.abs() + terms.alive + costs);
            assert!((terms.sum() - step.reward).abs() <= tolerance, "{task}: {terms:?}");
            assert!(0.0 < terms.control_cost && 0.0 <= terms.contact_cost, "{task}: {terms:?}");
            // Version 5 does not pay for the step that ends the episode, the others do.
            if step.terminated {
                assert_eq!(terms.alive > 0.5, version != Version::V5, "{task}: {terms:?}");
            }
        }
    }
}

#[test]
fn settings_that_do_not_fit_are_named() {
    let message = |id: &str, change: fn(&mut MujocoConfig)| {
        let id: TaskId = id.parse().unwrap();
        let mut config = id.config().unwrap();
        let EnvConfig::Mujoco(settings) = &mut config else { panic!("a MuJoCo task") };
        change(settings);
        make_with(&id, &config).err().unwrap().to_string()
    };
    assert_eq!(
        message("Hopper-v2", |config| config.contact_forces = Some(ContactForces::Zero)),
        "`env.mujoco.contact_forces` is zero, but must be absent: only version 2 of Ant, Humanoid and HumanoidStandup has it"
    );
    assert_eq!(
        message("Ant-v5", |config| config.use_contact_forces = Some(false)),
        "`env.mujoco.use_contact_forces` is false, but must be absent: only Ant-v4 has it"
    );
    assert!(message("Ant-v5", |config| config.max_episode_steps = 0).contains("at least 1"));

    let hopper: TaskId = "Hopper-v4".parse().unwrap();
    let reaching: TaskId = "TargetReaching-v0".parse().unwrap();
    let error = make_with(&hopper, &reaching.config().unwrap()).err().unwrap();
    assert_eq!(error.to_string(), "`env` is `target_reaching`, but must be `mujoco` for Hopper-v4");
}

#[test]
fn episodes_are_cut_at_exactly_their_limit_which_is_a_setting() {
    for task in every_task() {
        let settings = task.config().unwrap();
        let mut short = settings.clone();
        match &mut short {
            EnvConfig::Mujoco(config) => config.max_episode_steps = 7,
            EnvConfig::TargetReaching(config) => config.max_episode_steps = 7,
            EnvConfig::Mjcf(config) => config.max_episode_steps = 7,
            EnvConfig::Gym(_) => unreachable!("{task} is not built in"),
        }
        for (config, expected) in [(settings, EPISODE_STEPS), (short, 7)] {
            let mut env = make_with(&task, &config).unwrap();
            let mut obs = reset(&mut *env, 0);
            let action = vec![0.0; env.spec().action_dim()];
            // Steps go on after an ending, and count.
            let cut = (1..=1100).find(|_| env.step(&action, &mut obs).unwrap().truncated);
            assert_eq!(cut, Some(expected), "{task}");
        }
    }
}

#[test]
fn reset_noise_has_the_distribution_that_the_task_states() {
    const RESETS: usize = 10_000;
    for task in every_task().filter(|task| !matches!(task, TaskId::TargetReaching(_))) {
        let mut env = make_mujoco(&task).unwrap();
        let (initial_qpos, num_qvel) = (env.qpos().to_vec(), env.qvel().len());
        let noise = env.reset_noise();
        let mut rng = rng(8);
        let mut obs = vec![0.0; env.spec().obs_dim];
        let (mut qpos_noise, mut qvel_noise) = (Vec::new(), Vec::new());
        for _ in 0..RESETS {
            env.reset(&mut rng, &mut obs).unwrap();
            qpos_noise.extend(env.qpos().iter().zip(&initial_qpos).map(|(x, x0)| x - x0));
            qvel_noise.extend_from_slice(env.qvel());
        }
        check_noise(&qpos_noise, initial_qpos.len(), noise.qpos);
        check_noise(&qvel_noise, num_qvel, noise.qvel);
    }
}

/// Each of `width` columns.
fn check_noise(noise: &[f64], width: usize, expected: Noise) {
    // Share of values beyond 0.9 and 2 standard deviations of the normal, or of the bound.
    let (scale, std, shares) = match expected {
        Noise::Normal(std) => (std, std, [(0.9, 0.368_120), (2.0, 0.045_500)]),
        Noise::Uniform(bound) => (bound, bound / 3.0_f64.sqrt(), [(0.9, 0.1), (1.0, 0.0)]),
    };
    for column in 0..width {
        let values: Vec<f64> = noise.iter().skip(column).step_by(width).copied().collect();
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let found_std = (values.iter().map(|x| x * x).sum::<f64>() / count).sqrt();
        // Five standard errors; that of the standard deviation is at most std / sqrt(2 n).
        assert!(mean.abs() < 5.0 * std / count.sqrt(), "column {column}: mean {mean}");
        assert!((found_std / std - 1.0).abs() < 5.0 / (2.0 * count).sqrt(), "column {column}");
        for (bound, share) in shares {
            let slack = 1e-15; // x0 + noise - x0 rounds
            let beyond = values.iter().filter(|x| x.abs() > bound * scale + slack).count() as f64;
            let error = 5.0 * (share * (1.0 - share) / count).sqrt();
            assert!((beyond / count - share).abs() <= error, "column {column}: {beyond} > {bound}");
        }
    }
}

#[test]
fn wrong_lengths_are_named() {
    for_every_env(|task, form| {
        let env = &mut form(task);
        let (obs_dim, action_dim) = (env.spec().obs_dim, env.spec().action_dim());
        let mut state = Vec::new();
        env.save_state(&mut state);
        state.pop();
        let check = |what: &'static str, expected: usize, error: EnvError| {
            let (task, found) = (task.to_string(), expected - 1);
            assert_eq!(error, EnvError::WrongLength { task, what, found, expected });
        };
        let (mut obs, mut short) = (vec![0.0; obs_dim], vec![0.0; obs_dim - 1]);
        let action = vec![0.0; action_dim];
        let error = env.step(&action[1..], &mut obs).unwrap_err();
        check("action", action_dim, error);
        check("obs", obs_dim, env.step(&action, &mut short).unwrap_err());
        check("obs", obs_dim, env.reset(&mut rng(0), &mut short).unwrap_err());
        // The time limit may take another number for its counter, so the kind of error varies.
        assert!(env.load_state(&state).is_err(), "{task}");
    });
}

#[test]
fn states_of_wrong_length_are_named() {
    let mut env = task(Robot::Hopper, Version::V4);
    let mut obs = [0.0; 11];
    for (qpos, qvel, message) in [
        (5, 6, "qpos of Hopper-v4 has 5 values, expected 6"),
        (6, 7, "qvel of Hopper-v4 has 7 values, expected 6"),
    ] {
        let error = env.set_physics(&vec![0.0; qpos], &vec![0.0; qvel], &mut obs).unwrap_err();
        assert_eq!(error.to_string(), message);
    }
    let mut ant_state = Vec::new();
    task(Robot::Ant, Version::V4).save_state(&mut ant_state);
    assert!(matches!(env.load_state(&ant_state), Err(EnvError::WrongLength { what: "state", .. })));
}

#[test]
fn a_non_finite_action_is_an_error_and_changes_nothing() {
    for_every_env(|task, form| {
        let env = &mut form(task);
        let actions = actions(env.spec().action_dim(), 20, 9);
        reset(env, 9);
        let expected = roll(env, &actions);
        reset(env, 9);
        let mut obs = vec![0.0; env.spec().obs_dim];
        for value in [f64::NAN, f64::INFINITY] {
            let mut action = actions[0].clone();
            let last = action.len() - 1;
            action[last] = value;
            let error = env.step(&action, &mut obs).unwrap_err();
            let EnvError::NonFiniteAction { index, .. } = error else { panic!("{error}") };
            assert_eq!(index, last, "{task}");
        }
        assert_eq!(roll(env, &actions), expected, "{task}");
    });
}

#[test]
fn an_unstable_simulation_is_an_error_and_a_reset_cures_it() {
    for (task, _) in mujoco_tasks() {
        let mut env = make_mujoco(&task).unwrap();
        let mut obs = vec![0.0; env.spec().obs_dim];
        let action = vec![0.0; env.spec().action_dim()];
        let (qpos, mut qvel) = (env.qpos().to_vec(), env.qvel().to_vec());
        qvel[2] = 1e11; // MuJoCo takes what is above 1e10 for an explosion
        env.set_physics(&qpos, &qvel, &mut obs).unwrap();
        let error = env.step(&action, &mut obs).unwrap_err();
        assert!(matches!(error, EnvError::Unstable { .. }), "{task}: {error}");

        qvel[2] = f64::NAN;
        let error = env.set_physics(&qpos, &qvel, &mut obs).unwrap_err();
        assert!(matches!(error, EnvError::Unstable { .. }), "{task}: {error}");

        reset(&mut env, 0);
        env.step(&action, &mut obs).unwrap();
    }
}

#[test]
fn a_reward_beyond_all_bounds_is_an_error() {
    for (task, _) in mujoco_tasks() {
        let mut env = make_mujoco(&task).unwrap();
        let mut obs = reset(&mut env, 0);
        let action = vec![1e200; env.spec().action_dim()];
        let error = env.step(&action, &mut obs).unwrap_err();
        assert!(error.to_string().contains("the reward is not finite"), "{task}: {error}");
    }
}

#[test]
fn an_action_beyond_the_range_acts_like_the_nearest_and_costs_what_it_says() {
    for (task, _) in mujoco_tasks() {
        let (mut inside, mut outside) = (make_mujoco(&task).unwrap(), make_mujoco(&task).unwrap());
        let mut obs = [reset(&mut inside, 3), reset(&mut outside, 3)];
        let highest = inside.spec().action_high.clone();
        let beyond: Vec<f64> = highest.iter().map(|x| 2.0 * x).collect();
        inside.step(&highest, &mut obs[0]).unwrap();
        outside.step(&beyond, &mut obs[1]).unwrap();
        assert_eq!(obs[0], obs[1], "{task}");
        let cost = inside.reward_terms().control_cost;
        assert!((outside.reward_terms().control_cost - 4.0 * cost).abs() < 1e-12, "{task}");
    }
}

#[test]
fn unknown_tasks_are_answered_with_the_known_ones() {
    for id in ["Hopper-v3", "hopper-v4", "Hopper", "", "Ant-v4 ", "TargetReaching", "mjcf:"] {
        let error = id.parse::<TaskId>().unwrap_err();
        let known = TaskId::all().map(|task| task.to_string()).collect::<Vec<_>>().join(", ");
        assert_eq!(
            error.to_string(),
            format!(
                "unknown task `{id}`: it must be one of {known}, mjcf:FILE for your own model file, or gym:ID for a task of Gymnasium"
            )
        );
    }
}

fn hopper_trace(steps: usize) -> TraceInput {
    let id = TaskId::Mujoco { robot: Robot::Hopper, version: Version::V4 };
    let env = make_mujoco(&id).unwrap();
    let (qpos, qvel) = (env.qpos().to_vec(), env.qvel().to_vec());
    let actions = actions(3, steps, 2);
    TraceInput { task: id, use_contact_forces: None, contact_forces: None, qpos, qvel, actions }
}

#[test]
fn a_trace_has_one_state_more_than_steps_and_marks_the_time_limit() {
    let steps = EPISODE_STEPS as usize + 2;
    let output = trace(&hopper_trace(steps)).unwrap();
    let lengths = [output.obs.len(), output.qpos.len(), output.qvel.len()];
    assert_eq!(lengths, [steps + 1; 3]);
    assert_eq!([output.reward.len(), output.terminated.len()], [steps; 2]);
    assert_eq!(output.truncated.iter().position(|&cut| cut), Some(999));
    assert_eq!(output.truncated.iter().filter(|&&cut| cut).count(), 3);

    let json = serde_json::to_string(&output).unwrap();
    assert_eq!(serde_json::from_str::<pmoe_envs::TraceOutput>(&json).unwrap(), output);
}

#[test]
fn a_trace_names_the_action_at_fault() {
    let message = |change: fn(&mut TraceInput)| {
        let mut input = hopper_trace(10);
        change(&mut input);
        trace(&input).unwrap_err().to_string()
    };
    assert_eq!(
        message(|input| input.actions[7].push(0.0)),
        "actions[7]: action of Hopper-v4 has 4 values, expected 3"
    );
    assert_eq!(
        message(|input| input.actions[3][2] = f64::NAN),
        "actions[3]: action[2] of Hopper-v4 is NaN, not a finite number"
    );
    assert_eq!(message(|input| input.qvel.clear()), "qvel of Hopper-v4 has 0 values, expected 6");
    assert!(message(|input| input.qvel[0] = 1e11).starts_with("actions[0]: the simulation"));
}
