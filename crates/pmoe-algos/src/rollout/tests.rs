#![allow(clippy::float_cmp, reason = "equal bits are meant")]

use pmoe_envs::Rng;
use proptest::prelude::*;
use rand::SeedableRng;

use super::*;

/// Creates steps of a counter: `obs` is the number of the step, `next_obs` is half a step later.
fn rollout(ends: &[(bool, bool)]) -> RolloutBuffer {
    let mut buffer = RolloutBuffer::new(ends.len(), 1);
    for (step, &(terminated, truncated)) in ends.iter().enumerate() {
        let obs = step as f32;
        buffer.push(Transition {
            obs: &[obs],
            action: &[-obs],
            reward: obs + 1.0,
            next_obs: &[obs + 0.5],
            terminated,
            truncated,
        });
    }
    buffer
}

#[track_caller]
fn assert_close(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
    }
}

const NO: (bool, bool) = (false, false);
const TERMINATED: (bool, bool) = (true, false);
const TRUNCATED: (bool, bool) = (false, true);

#[test]
fn advantages_by_hand() {
    // γ = .99, λ = .95, r = (1, 2, 3, 4), V = (.5, .6, .7, .8), terminated at step 1, truncated at
    // step 3 with V = .9 afterwards.
    let buffer = rollout(&[NO, TERMINATED, NO, TRUNCATED]);
    let value = [0.5, 0.6, 0.7, 0.8];
    let advantages = |bootstrap| {
        let next = buffer.next_value(&value, &[0.9], bootstrap);
        gae(buffer.reward(), &value, &next, &buffer.ended(), 1, 0.99, 0.95)
    };
    let advantage = advantages(true);
    assert_close(&advantage, &[2.4107, 1.4, 6.939_585_5, 4.091]);
    let returns: Vec<f32> = advantage.iter().zip(&value).map(|(a, v)| a + v).collect();
    assert_close(&returns, &[2.9107, 2.0, 7.639_585_5, 4.891]);
    // The time limit counts as termination.
    assert_close(&advantages(false)[2..], &[6.1016, 3.2]);
}

#[test]
fn successors_are_kept_where_the_next_row_is_none() {
    let buffer = rollout(&[NO, TRUNCATED, TERMINATED, (true, true), NO]);
    assert_eq!(buffer.cut_obs(), [1.5, 4.5]);
    assert_eq!(buffer.cut_steps().collect::<Vec<_>>(), [1, 4]);
    let value = [10.0, 11.0, 12.0, 13.0, 14.0];
    let next = |bootstrap| buffer.next_value(&value, &[-1.0, -2.0], bootstrap);
    assert_eq!(next(true), [11.0, -1.0, 0.0, 0.0, -2.0]);
    assert_eq!(next(false), [11.0, 0.0, 0.0, 0.0, -2.0], "the rollout's end is no time limit");
    assert_eq!(buffer.ended(), [false, true, true, true, false]);
}

#[test]
fn returns_by_hand() {
    // γ = .5. Time limit at step 1: 2 + .5·8 = 6; the step before: 1 + .5·6 = 4. End of the
    // rollout: 4 + .5·2 = 5; the step before: 3 + .5·5 = 5.5.
    let buffer = rollout(&[NO, TRUNCATED, NO, NO]);
    let next = buffer.next_value(&[0.0; 4], &[8.0, 2.0], true);
    let returns = discounted_returns(buffer.reward(), &next, &buffer.ended(), 0.5);
    assert_eq!(returns, [4.0, 6.0, 5.5, 5.0]);
}

#[test]
fn a_cleared_rollout_starts_again() {
    let mut buffer = rollout(&[NO, TRUNCATED]);
    assert!(buffer.is_full());
    buffer.clear();
    assert!(buffer.is_empty() && buffer.needs_next_obs(false, true));
    assert!(!buffer.needs_next_obs(false, false) && !buffer.needs_next_obs(true, true));
    assert_eq!(buffer, RolloutBuffer::new(2, 1));
}

#[test]
fn a_saved_rollout_has_all_its_bits() {
    let buffer = rollout(&[NO, TERMINATED, TRUNCATED]);
    let json = serde_json::to_string(&buffer).unwrap();
    assert_eq!(serde_json::from_str::<RolloutBuffer>(&json).unwrap(), buffer);
}

#[test]
fn standardised_numbers_by_hand() {
    // Mean 2, variance (1 + 0 + 1) / 2 = 1.
    let mut values = [1.0, 2.0, 3.0];
    standardise(&mut values);
    assert_close(&values, &[-1.0, 0.0, 1.0]);
    let mut one = [5.0];
    standardise(&mut one);
    assert_eq!(one, [0.0]);
}

#[test]
fn explained_variance_by_hand() {
    let returns = [1.0, 2.0, 3.0];
    assert_eq!(explained_variance(&returns, &returns), 1.0);
    assert_eq!(explained_variance(&[2.0; 3], &returns), 0.0);
    assert_eq!(explained_variance(&[3.0, 2.0, 1.0], &returns), 1.0 - 4.0);
    assert_eq!(explained_variance(&[1.0, 2.0, 3.0], &[2.0; 3]), 0.0);
}

#[test]
fn a_shuffle_has_every_number_once() {
    let mut order = shuffled(100, &mut Rng::seed_from_u64(0));
    assert!(order.iter().enumerate().any(|(at, number)| at != *number));
    order.sort_unstable();
    assert!(order.iter().enumerate().all(|(at, number)| at == *number));
    assert_eq!(gather(&[0, 1, 10, 11, 20, 21], 2, &[2, 0]), [20, 21, 0, 1]);
}

/// Steps of several environments in turn are learnt from as those of each alone.
#[test]
fn environments_in_turn_are_as_each_alone() {
    let ends = [[NO, NO, TRUNCATED, NO], [TERMINATED, NO, NO, TERMINATED], [NO, TRUNCATED, NO, NO]];
    let (num_envs, steps) = (ends.len(), ends[0].len());
    let push = |buffer: &mut RolloutBuffer, env: usize, step: usize| {
        let (terminated, truncated) = ends[env][step];
        let obs = (10 * env + step) as f32;
        let (obs, next_obs, action) = ([obs], [obs + 0.5], [-obs]);
        let reward = obs[0].sin();
        buffer.push(Transition {
            obs: &obs,
            action: &action,
            reward,
            next_obs: &next_obs,
            terminated,
            truncated,
        });
    };
    let learnt = |buffer: &RolloutBuffer| {
        let value = |obs: &[f32]| obs.iter().map(|x| x.cos()).collect::<Vec<_>>();
        let (values, cut) = (value(buffer.obs()), value(buffer.cut_obs()));
        let next = buffer.next_value(&values, &cut, true);
        let ended = buffer.ended();
        let advantage = gae(buffer.reward(), &values, &next, &ended, buffer.num_envs(), 0.99, 0.95);
        (next, advantage)
    };
    let mut all = RolloutBuffer::new(num_envs * steps, num_envs);
    for step in 0..steps {
        for env in 0..num_envs {
            push(&mut all, env, step);
        }
    }
    let (next, advantage) = learnt(&all);
    for env in 0..num_envs {
        let mut alone = RolloutBuffer::new(steps, 1);
        (0..steps).for_each(|step| push(&mut alone, env, step));
        let of_env = |all: &[f32]| all.iter().skip(env).step_by(num_envs).copied().collect();
        assert_eq!(learnt(&alone), (of_env(&next), of_env(&advantage)));
    }
}

proptest! {
    /// With λ = 1, an advantage is the discounted return minus the value; with λ = 0, the TD error.
    #[test]
    fn extremes_of_lambda(
        steps in prop::collection::vec((-5.0..5.0_f32, -5.0..5.0_f32, -5.0..5.0_f32, 0..6_u8), 1..40),
        gamma in 0.0..1.0_f64,
    ) {
        let column = |get: fn(&(f32, f32, f32, u8)) -> f32| steps.iter().map(get).collect::<Vec<_>>();
        let (reward, value) = (column(|step| step.0), column(|step| step.1));
        let ended: Vec<bool> = steps.iter().map(|step| step.3 == 0).collect();
        // Within an episode, the value after a step is that of the next step.
        let mut next = column(|step| step.2);
        for step in 0..steps.len() - 1 {
            if !ended[step] {
                next[step] = value[step + 1];
            }
        }
        let monte_carlo = gae(&reward, &value, &next, &ended, 1, gamma, 1.0);
        let returns = discounted_returns(&reward, &next, &ended, gamma);
        let td = gae(&reward, &value, &next, &ended, 1, gamma, 0.0);
        for step in 0..steps.len() {
            prop_assert!((monte_carlo[step] - (returns[step] - value[step])).abs() < 1e-3);
            let delta = reward[step] + gamma as f32 * next[step] - value[step];
            prop_assert!((td[step] - delta).abs() < 1e-4);
        }
    }
}

#[test]
fn the_number_of_environments_is_saved_unless_it_is_one() {
    for num_envs in [1, 2] {
        let buffer = RolloutBuffer::new(4, num_envs);
        let json = serde_json::to_string(&buffer).unwrap();
        assert_eq!(json.contains("num_envs"), num_envs > 1, "{json}");
        assert_eq!(serde_json::from_str::<RolloutBuffer>(&json).unwrap(), buffer);
    }
}

#[test]
fn memory_of_a_rollout_by_hand() {
    // Three observed numbers, two of an action and a reward, four bytes each; a byte for the end.
    assert_eq!(RolloutBuffer::bytes(10, 3, 2), 10 * (6 * 4 + 1));
}

/// Steps of two environments with three observed numbers and two of an action; step 1 is truncated.
fn of_two(num_steps: usize, len: usize) -> RolloutBuffer {
    let mut buffer = RolloutBuffer::new(num_steps, 2);
    for step in 0..len {
        buffer.push(Transition {
            obs: &[0.0; 3],
            action: &[0.0; 2],
            reward: 0.0,
            next_obs: &[0.0; 3],
            terminated: false,
            truncated: step == 1,
        });
    }
    buffer
}

#[test]
fn only_a_part_of_the_same_rollout_fits() {
    let fresh = of_two(6, 0);
    assert!(fresh.is_empty() && !of_two(6, 2).is_empty());
    for len in [0, 2, 4, 6] {
        let part = of_two(6, len);
        assert!(part.fit(&fresh, 3, 2), "{len}");
        if len > 0 {
            assert!(!part.fit(&fresh, 4, 2) && !part.fit(&fresh, 3, 1));
        }
    }
    // One thing wrong at a time.
    let wrong = |change: fn(&mut RolloutBuffer)| {
        let mut part = of_two(6, 4);
        change(&mut part);
        !part.fit(&fresh, 3, 2)
    };
    assert!(wrong(|part| part.num_steps = 8));
    assert!(wrong(|part| part.end.push(End::No)));
    assert!(wrong(|part| part.obs.push(0.0)));
    assert!(wrong(|part| part.action.push(0.0)));
    assert!(wrong(|part| part.cut_obs.push(0.0)));
    assert!(!of_two(6, 3).fit(&fresh, 3, 2), "a step of one environment alone");
    let mut longer = of_two(8, 8);
    longer.num_steps = 6;
    longer.cut_obs = vec![0.0; 3 * longer.cut_steps().count()];
    assert!(!longer.fit(&fresh, 3, 2));
}

#[test]
fn standardised_numbers_have_deviation_one_whatever_it_was() {
    // Mean 5 and deviation √((9 + 9) / 1) = 3 √2.
    let mut values = [2.0, 8.0];
    standardise(&mut values);
    assert_close(&values, &[-0.5_f32.sqrt(), 0.5_f32.sqrt()]);
}

#[test]
fn each_pass_hands_out_every_row_once() {
    let (mut passes, mut rng) = (Passes::default(), Rng::seed_from_u64(0));
    assert!(passes.are_done(0) && passes.are_at_most(0) && !passes.are_done(1));
    for pass in 1..=2 {
        // Seven rows, three at a time.
        let batches: Vec<_> = (0..3).map(|_| passes.next(7, 3, &mut rng)).collect();
        assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3, 1]);
        let mut rows = batches.concat();
        rows.sort_unstable();
        assert_eq!(rows, [0, 1, 2, 3, 4, 5, 6]);
        assert!(passes.are_done(pass) && !passes.are_done(pass + 1));
        assert!(passes.are_at_most(pass) && !passes.are_at_most(pass - 1));
    }
}

#[test]
fn only_passes_over_the_same_rows_fit() {
    let passes = |order: &[usize], taken| Passes { finished: 1, order: order.to_vec(), taken };
    assert!(passes(&[], 0).fit(3) && !passes(&[], 1).fit(3));
    for taken in 0..3 {
        assert!(passes(&[2, 0, 1], taken).fit(3), "{taken}");
    }
    assert!(!passes(&[2, 0, 1], 3).fit(3), "a finished pass has no order");
    assert!(!passes(&[2, 0, 1], 1).fit(2) && !passes(&[2, 0, 1], 1).fit(4));
    assert!(!passes(&[2, 0, 2], 0).fit(3), "a row twice");
    assert!(!passes(&[2, 0, 3], 0).fit(3), "a row too far");
}

#[test]
fn a_cut_is_a_time_limit_after_the_latest_steps() {
    let push = |buffer: &mut RolloutBuffer, obs: f32, (terminated, truncated)| {
        let (action, next_obs) = (&[-obs], &[obs + 0.5]);
        let obs = &[obs];
        buffer.push(Transition { obs, action, reward: 1.0, next_obs, terminated, truncated });
    };
    // Three environments, at the second of three times.
    let mut cut = RolloutBuffer::new(9, 3);
    let mut truncated = cut.clone();
    let ends = [NO, TRUNCATED, NO, NO, TRUNCATED, TERMINATED];
    for (step, end) in ends.into_iter().enumerate() {
        push(&mut cut, step as f32, end);
        push(&mut truncated, step as f32, if step == 3 { TRUNCATED } else { end });
    }
    cut.cut(&[3.5, 7.0, 7.0]);
    assert_eq!(cut, truncated);
    assert_eq!(cut.cut_obs(), [1.5, 3.5, 4.5]);
    cut.cut(&[7.0; 3]);
    assert_eq!(cut, truncated, "what was cut is not cut again");

    let mut empty = RolloutBuffer::new(9, 3);
    empty.cut(&[7.0; 3]);
    assert_eq!(empty, RolloutBuffer::new(9, 3));
}
