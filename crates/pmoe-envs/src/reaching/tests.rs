#![allow(clippy::float_cmp, reason = "numbers that are exact")]

use rand::SeedableRng;

use super::*;
use crate::{EPISODE_STEPS, TimeLimit};

fn task(preset: ReachingPreset, change: impl FnOnce(&mut ReachingConfig)) -> TargetReaching {
    let mut config = preset.config();
    change(&mut config);
    TargetReaching::new(preset.id(), config).unwrap()
}

fn reset(env: &mut TargetReaching, seed: u64) -> Vec<f64> {
    let mut obs = vec![f64::NAN; env.spec.obs_dim];
    env.reset(&mut Rng::seed_from_u64(seed), &mut obs).unwrap();
    obs
}

fn step(env: &mut TargetReaching, action: [f64; 2]) -> Step {
    let mut obs = vec![f64::NAN; env.spec.obs_dim];
    env.step(&action, &mut obs).unwrap()
}

#[test]
fn a_step_by_hand() {
    let mut env = task(ReachingPreset::Fixed, |_| ());
    reset(&mut env, 0);
    let mut obs = [f64::NAN; 17];
    // a = (1, -0.5): v' = (0.1, -0.05), x' = x + 0.01 + 0.005, and half of that in the other
    // direction.
    let found = env.step(&[3.0, -0.5], &mut obs).unwrap();
    let expected = Step {
        reward: 0.1 * 0.1_f64.hypot(-0.05),
        terminated: false,
        truncated: false,
        success: Some(false),
    };
    assert_eq!(found, expected);
    let near = |found: &[f64], expected: &[f64]| {
        let same = found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-15);
        assert!(same && found.len() == expected.len(), "{found:?}, expected {expected:?}");
    };
    near(&env.position, &[-4.485, -4.5075]);
    near(&obs[..2], &[-4.485 / 5.0, -4.5075 / 5.0]);
    near(&obs[2..6], &[0.1, -0.05, 1.0, -0.5]);
    near(&obs[6..8], &[7.485 / 5.0, 7.5075 / 5.0]);
    near(&obs[8..10], &[1.985 / 5.0, 2.0075 / 5.0]);
    near(&obs[14..], &[0.6; 3]);

    // The textbook's integrator for the same step, without the half step.
    let mut env =
        task(ReachingPreset::Fixed, |config| config.integrator = Integrator::SemiImplicit);
    reset(&mut env, 0);
    step(&mut env, [3.0, -0.5]);
    near(&env.position, &[-4.49, -4.505]);
}

#[test]
fn the_papers_observation_by_hand() {
    let mut env = task(ReachingPreset::Paper, |config| {
        let disc = |center| Disc { center, radius: 0.5 };
        let obstacles = vec![disc([0.0, 1.0]), disc([2.0, -3.0]), disc([4.0, 4.0])];
        config.layout = Layout::Fixed { target: [1.0, 2.0], obstacles };
    });
    let obs = reset(&mut env, 0);
    let expected = [5.5, 6.5, 4.5, 5.5, 6.5, 1.5, 8.5, 8.5, 0.0, 0.0, 0.0, 0.0];
    assert_eq!(obs, expected);
    let mut obs = [0.0; 12];
    env.step(&[2.0, 1.0], &mut obs).unwrap();
    assert_eq!(obs[8..], [2.0, 1.0, 0.2, 0.1]);
}

#[test]
fn speed_is_limited_by_component_or_by_length() {
    for (norm, expected) in
        [(SpeedLimitNorm::Component, 2.0_f64.sqrt()), (SpeedLimitNorm::Euclidean, 1.0)]
    {
        let mut env = task(ReachingPreset::Published, |config| {
            config.speed_limit_norm = norm;
            config.layout = Layout::Fixed { target: [4.0, -4.0], obstacles: Vec::new() };
        });
        reset(&mut env, 0);
        let last = (0..20).map(|_| step(&mut env, [1.0, 1.0])).last().unwrap();
        assert!((last.reward - 0.1 * expected).abs() < 1e-12, "{norm:?}: {}", last.reward);
    }
}

#[test]
fn every_ending_pays_what_it_should() {
    let run = |env: &mut TargetReaching, action: [f64; 2]| {
        reset(env, 0);
        (1..200).find_map(|steps| {
            let step = step(env, action);
            step.terminated.then_some((step.reward, step.success, env.touched(), steps))
        })
    };
    let mut env = task(ReachingPreset::Fixed, |_| ());
    // The first obstacle is on the diagonal, the edges are behind, and a way leads between them.
    let (reward, success, touched, _) = run(&mut env, [1.0, 1.0]).unwrap();
    assert_eq!((reward, success, touched), (-100.0, Some(false), Some(Touched::Obstacle)));
    let (reward, success, touched, _) = run(&mut env, [-1.0, 0.0]).unwrap();
    assert_eq!((reward, success, touched), (-10.0, Some(false), Some(Touched::Edge)));
    reset(&mut env, 0);
    assert_eq!(env.touched(), None);

    let mut free = task(ReachingPreset::Published, |config| {
        config.layout = Layout::Fixed { target: [3.0, 3.0], obstacles: Vec::new() };
    });
    let (reward, success, touched, steps) = run(&mut free, [1.0, 1.0]).unwrap();
    assert_eq!((reward, success, touched), (100.0, Some(true), Some(Touched::Target)));
    assert!((70..85).contains(&steps), "{steps} steps");

    // An obstacle covers the target: the obstacle takes precedence.
    let mut covered = task(ReachingPreset::Published, |config| {
        let obstacles = vec![Disc { center: [3.0, 3.0], radius: 0.6 }];
        config.layout = Layout::Fixed { target: [3.0, 3.0], obstacles };
    });
    let (reward, _, touched, _) = run(&mut covered, [1.0, 1.0]).unwrap();
    assert_eq!((reward, touched), (-10.0, Some(Touched::Obstacle)));
}

#[test]
fn without_termination_a_collision_bounces_and_pays() {
    let mut env = task(ReachingPreset::Fixed, |config| config.terminate_on_collision = false);
    reset(&mut env, 0);
    let mut before = (env.position, env.velocity);
    for _ in 0..100 {
        let step = step(&mut env, [-1.0, 0.0]);
        assert!(!step.terminated);
        assert_eq!(env.touched().is_some(), step.reward == -10.0);
        if env.touched() == Some(Touched::Edge) {
            assert_eq!((env.position, env.velocity), (before.0, before.1.map(|v| -v)));
            return;
        }
        before = (env.position, env.velocity);
    }
    panic!("the edge was never met");
}

#[test]
fn layouts_have_the_documented_distribution() {
    const RESETS: usize = 10_000;
    let mut env = task(ReachingPreset::Published, |_| ());
    let mut rng = Rng::seed_from_u64(1);
    let mut obs = [0.0; 17];
    let (mut targets, mut centers, mut radii) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..RESETS {
        env.reset(&mut rng, &mut obs).unwrap();
        targets.extend(env.target);
        centers.extend(env.obstacles.iter().flat_map(|disc| disc.center));
        radii.extend(env.obstacles.iter().map(|disc| disc.radius));
    }
    assert!(targets.iter().all(|x| (0.0..3.0).contains(x)));
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    assert!((mean(&targets) - 1.5).abs() < 5.0 * 0.866 / (2.0 * RESETS as f64).sqrt());
    // P(|N| > 5 / 2.35) = 0.0334 of the centres end up on the edge.
    let on_edge = centers.iter().filter(|x| x.abs() == 5.0).count() as f64 / centers.len() as f64;
    assert!((on_edge - 0.0334).abs() < 5.0 * (0.0334 / centers.len() as f64).sqrt(), "{on_edge}");
    assert!(mean(&centers).abs() < 5.0 * 2.35 / (centers.len() as f64).sqrt());
    let mut seen: Vec<i64> = radii.iter().map(|r| (r * 50.0).round() as i64).collect();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen, (15..30).collect::<Vec<_>>());
}

#[test]
fn rejected_overlaps_leave_start_and_target_free() {
    let mut env = task(ReachingPreset::Published, |config| {
        if let Layout::Random(layout) = &mut config.layout {
            layout.reject_overlap = true;
        }
    });
    let mut rng = Rng::seed_from_u64(2);
    let mut obs = [0.0; 17];
    for _ in 0..3000 {
        env.reset(&mut rng, &mut obs).unwrap();
        for disc in &env.obstacles {
            assert!(distance(disc.center, env.target) >= disc.radius);
            assert!(distance(disc.center, [-4.5, -4.5]) >= disc.radius + 0.5);
        }
    }
    let mut blocked = task(ReachingPreset::Published, |config| {
        if let Layout::Random(layout) = &mut config.layout {
            layout.reject_overlap = true;
            layout.obstacle_radius = ObstacleRadius::Constant { radius: 20.0 };
        }
    });
    let error = blocked.reset(&mut rng, &mut obs).unwrap_err();
    assert!(error.to_string().contains("reject_overlap"), "{error}");
}

/// Returns the mean length, mean return and shares of endings over episodes of uniformly random
/// actions.
fn random_episodes(preset: ReachingPreset, episodes: u32) -> (f64, f64, [f64; 3]) {
    let mut env = TimeLimit::new(task(preset, |_| ()), EPISODE_STEPS);
    let limit = env.spec().action_high[0];
    let mut rng = Rng::seed_from_u64(3);
    let mut obs = vec![0.0; env.spec().obs_dim];
    let (mut length, mut total, mut endings) = (0.0, 0.0, [0.0; 3]);
    for _ in 0..episodes {
        env.reset(&mut rng, &mut obs).unwrap();
        loop {
            let action = [0, 1].map(|_| rng.random_range(-limit..limit));
            let step = env.step(&action, &mut obs).unwrap();
            length += 1.0;
            total += step.reward;
            match env.inner().touched() {
                Some(Touched::Edge) => endings[0] += 1.0,
                Some(Touched::Obstacle) => endings[1] += 1.0,
                Some(Touched::Target) => endings[2] += 1.0,
                None => assert!(!step.terminated),
            }
            if step.terminated || step.truncated {
                break;
            }
        }
    }
    let count = f64::from(episodes);
    (length / count, total / count, endings.map(|n| n / count))
}

#[test]
fn random_actions_end_as_in_the_published_code() {
    // The reference has 1500 episodes, ours 6000. The bounds are about four standard errors of
    // both.
    let (length, total, [edge, obstacle, reached]) =
        random_episodes(ReachingPreset::Published, 6000);
    assert!((length - 69.0).abs() < 4.0, "length {length}");
    assert!((total + 6.1).abs() < 1.5, "return {total}");
    assert!((edge - 0.930).abs() < 0.03, "edge {edge}");
    assert!((obstacle - 0.061).abs() < 0.028, "obstacle {obstacle}");
    assert!((reached - 0.009).abs() < 0.011, "reached {reached}");

    let (length, total, [edge, obstacle, reached]) = random_episodes(ReachingPreset::Paper, 6000);
    assert!((length - 44.0).abs() < 2.5, "length {length}");
    assert!((total - 21.0).abs() < 4.0, "return {total}");
    assert!((edge - 0.901).abs() < 0.035, "edge {edge}");
    assert!((obstacle - 0.081).abs() < 0.032, "obstacle {obstacle}");
    assert!((reached - 0.017).abs() < 0.015, "reached {reached}");
}

#[test]
fn settings_out_of_range_are_named() {
    let message = |change: fn(&mut ReachingConfig)| {
        let mut config = ReachingPreset::Published.config();
        change(&mut config);
        TargetReaching::new("TargetReaching-v0", config).unwrap_err().to_string()
    };
    assert_eq!(
        message(|config| config.speed_limit = -1.0),
        "`env.target_reaching.speed_limit` is -1, but must be a positive finite number"
    );
    assert_eq!(
        message(|config| config.start = [0.0, 7.0]),
        "`env.target_reaching.start` is 7, but must be inside the arena"
    );
    assert!(message(|config| config.max_episode_steps = 0).contains("at least 1"));
    assert!(message(|config| config.target_radius = f64::NAN).contains("target_radius"));
}
