use rand::SeedableRng;

use super::*;
use crate::{ReachingPreset, TaskId, make};

const COPIES: usize = 5;

fn envs(threads: usize) -> VecEnv {
    envs_on(Builder::new, threads)
}

fn envs_on(builder: fn() -> Builder, threads: usize) -> VecEnv {
    let task = TaskId::TargetReaching(ReachingPreset::Published);
    let envs = (0..COPIES).map(|_| make(&task).unwrap()).collect();
    let rngs = (0..COPIES as u64).map(Rng::seed_from_u64).collect();
    VecEnv::on(builder, envs, rngs, threads)
}

/// Actions that end the copies' episodes in different ways.
fn actions(step: usize) -> Vec<f64> {
    (0..2 * COPIES).map(|index| ((step + 3 * index) as f64 * 0.37).sin() - 0.3).collect()
}

fn roll(envs: &mut VecEnv, steps: usize) -> Vec<u64> {
    let mut bits = Vec::new();
    envs.reset().unwrap();
    for step in 0..steps {
        envs.step(&actions(step)).unwrap();
        bits.extend(envs.obs().iter().map(|x| x.to_bits()));
        bits.extend(envs.steps().iter().map(|step| step.reward.to_bits()));
        envs.reset_ended().unwrap();
    }
    bits
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let expected = roll(&mut envs(1), 400);
    for threads in [2, 3, 5, 9] {
        assert_eq!(roll(&mut envs(threads), 400), expected, "{threads} threads");
    }
}

#[test]
fn threads_that_the_system_refuses_change_nothing() {
    let mut refused = envs_on(|| Builder::new().stack_size(1 << 62), 2);
    assert!(refused.workers.iter().all(|worker| worker.thread.is_none()));
    assert_eq!(roll(&mut refused, 400), roll(&mut envs(2), 400));
}

#[test]
fn a_copy_does_what_it_would_do_alone() {
    let mut envs = envs(2);
    envs.reset().unwrap();
    let task = TaskId::TargetReaching(ReachingPreset::Published);
    let (mut alone, mut rng) = (make(&task).unwrap(), Rng::seed_from_u64(3));
    let mut obs = vec![0.0; alone.spec().obs_dim];
    alone.reset(&mut rng, &mut obs).unwrap();
    let mut endings = 0;
    for step in 0..400 {
        let actions = actions(step);
        envs.step(&actions).unwrap();
        let found = alone.step(&actions[6..8], &mut obs).unwrap();
        let width = obs.len();
        assert_eq!(envs.obs()[3 * width..4 * width], obs, "the true successor");
        assert_eq!(envs.steps()[3], found);
        if found.terminated || found.truncated {
            endings += 1;
            alone.reset(&mut rng, &mut obs).unwrap();
        }
        envs.reset_ended().unwrap();
        assert_eq!(envs.obs()[3 * width..4 * width], obs, "the next episode's start");
    }
    assert!(endings > 1);
}

#[test]
fn a_step_or_reset_is_the_step_of_those_that_play_and_the_reset_of_the_others() {
    let (mut both, mut apart) = (envs(2), envs(3));
    both.reset().unwrap();
    apart.reset().unwrap();
    let mut resets = 0;
    for step in 0..400 {
        let has_ended: Vec<_> =
            apart.steps().iter().map(|step| step.terminated || step.truncated).collect();
        both.step_or_reset(&actions(step)).unwrap();
        let (state, idle) = (apart.obs().to_vec(), apart.steps().to_vec());
        apart.reset_ended().unwrap();
        let width = state.len() / COPIES;
        for copy in (0..COPIES).filter(|copy| has_ended[*copy]) {
            resets += 1;
            assert_ne!(idle[copy], IDLE);
            assert_eq!(both.steps()[copy], IDLE);
            let row = copy * width..(copy + 1) * width;
            assert_eq!(both.obs()[row.clone()], apart.obs()[row]);
        }
        if has_ended.iter().any(|ended| *ended) {
            // From here on the two differ by the steps that the ended copies of one have missed.
            break;
        }
        apart.step(&actions(step)).unwrap();
        assert_eq!((both.obs(), both.steps()), (apart.obs(), apart.steps()));
    }
    assert!(resets > 0);
}

#[test]
fn only_the_chosen_copies_are_reset() {
    let mut envs = envs(2);
    envs.reset().unwrap();
    let first = envs.obs().to_vec();
    envs.step(&actions(0)).unwrap();
    let second = envs.obs().to_vec();
    for (copy, seed) in [(1, 1), (4, 4)] {
        envs.set_rng(copy, Rng::seed_from_u64(seed));
    }
    envs.reset_chosen(&[false, true, false, false, true]).unwrap();
    let width = first.len() / COPIES;
    for copy in 0..COPIES {
        let row = copy * width..(copy + 1) * width;
        let before = if [1, 4].contains(&copy) { &first } else { &second };
        assert_eq!(envs.obs()[row.clone()], before[row], "copy {copy}");
    }
    let error = envs.reset_chosen(&[true]).unwrap_err();
    assert_eq!(error.to_string(), "chosen of TargetReaching-v0 has 1 values, expected 5");
}

#[test]
fn errors_name_the_first_copy_at_fault() {
    let mut envs = envs(2);
    envs.reset().unwrap();
    let error = envs.step(&[0.0; 3]).unwrap_err();
    assert_eq!(error.to_string(), "action of TargetReaching-v0 has 3 values, expected 10");
    let mut actions = [0.0; 2 * COPIES];
    (actions[5], actions[9]) = (f64::NAN, f64::NAN);
    let error = envs.step(&actions).unwrap_err();
    let expected = "environment 2: action[1] of TargetReaching-v0 is NaN, not a finite number";
    assert_eq!(error.to_string(), expected);
    envs.step(&[0.0; 2 * COPIES]).unwrap();
}
