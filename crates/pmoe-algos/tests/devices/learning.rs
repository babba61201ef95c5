//! Learning beside flex, and resuming beside not having stopped.

use burn::tensor::Device;
use pmoe_algos::sac::{ActorConfig, SacConfig};
use pmoe_algos::{AlgoConfig, AnyAgent, DeviceKind, MethodConfig, Schedule, Training, TrainingEnd};
use pmoe_envs::TaskId;
use pmoe_results::Event;
use pmoe_results::run::MemorySink;

use super::common::on_policy::{self, bits};
use super::common::runs::{process, quick_tempdir, uninterrupted};
use super::common::{self, device, on};
use super::{Seen, on_each};

const STEPS: u64 = 500;
const SEED: u64 = 5;

/// Small learners for the point mass.
fn learners() -> [(&'static str, AlgoConfig); 3] {
    [
        ("sac", AlgoConfig::Sac(common::sac(common::gaussian()))),
        ("pmoe-sac", AlgoConfig::Sac(common::sac(ActorConfig::Pmoe(common::pmoe(3))))),
        ("ppo", AlgoConfig::Ppo(on_policy::ppo(on_policy::gaussian()))),
    ]
}

/// Returns the mean return of each evaluation.
fn evaluations(events: &[Event]) -> Vec<f64> {
    let mean = |event: &Event| match event {
        Event::Eval { returns, .. } => Some(returns.iter().sum::<f64>() / returns.len() as f64),
        _ => None,
    };
    events.iter().filter_map(mean).collect()
}

/// Returns the largest difference of a trained parameter.
fn apart(one: &AnyAgent, other: &AnyAgent) -> f64 {
    let [one, other] = [one, other].map(|agent| bits(agent).concat());
    assert_eq!(one.len(), other.len());
    let distance = |(&one, &other)| f64::from((f32::from_bits(one) - f32::from_bits(other)).abs());
    let worst = |most: f64, x: f64| if x.is_nan() { f64::INFINITY } else { most.max(x) };
    one.iter().zip(&other).map(distance).fold(0.0, worst)
}

/// Two runs of the same settings: on the device, left alone and stopped half-way; beside the run
/// on flex.
#[test]
fn runs_are_flexs_and_resume_as_if_they_had_not_stopped() {
    on_each(|_| {
        let mut all = Vec::new();
        for (name, config) in learners() {
            let schedule = common::schedule(STEPS);
            let (events, agent) = uninterrupted(&config, &schedule, SEED);
            let (flex_events, flex) =
                on(DeviceKind::Flex, || uninterrupted(&config, &schedule, SEED));
            let [seen, flex_seen] = [&events, &flex_events].map(|events| evaluations(events));
            let (first, last, last_on_flex) = (seen[0], seen[1], flex_seen[1]);
            all.push(Seen {
                check: format!("{STEPS} steps of {name}: return beside flex"),
                deviation: (last - last_on_flex).abs(),
                allowed: 0.5,
                detail: format!(
                    "from {first:.4} to {last:.6}, on flex {last_on_flex:.6}; parameters {:.1e}",
                    apart(&agent, &flex)
                ),
            });

            let folder = quick_tempdir();
            let mut resumed = MemorySink::default();
            let mut part =
                |checks| process(&config, &schedule, folder.path(), &mut resumed, checks, false);
            let (stopped, _) = part(STEPS / 2);
            assert_eq!(stopped, TrainingEnd::Interrupted);
            let (end, again) = part(u64::MAX);
            assert_eq!(end, TrainingEnd::Done);
            let mut differing = f64::from(u8::from(resumed.events != events));
            if bits(&again) != bits(&agent) {
                differing += 1.0;
            }
            all.push(Seen {
                check: format!("{STEPS} steps of {name}: resumed beside not stopped"),
                deviation: differing,
                allowed: 0.0,
                detail: format!("parameters {:.1e}", apart(&again, &agent)),
            });
        }
        all
    });
}

/// Returns the mean return of an evaluation after 200 updates of PMOE-SAC with its own settings.
fn after_200_updates(device: &Device) -> (f64, AnyAgent) {
    const FIRST: u64 = 300;
    const UPDATES: u64 = 200;
    let task: TaskId = "TargetReaching-v0".parse().unwrap();
    let mut algo = MethodConfig::named("pmoe-sac").unwrap().algo;
    let AlgoConfig::Sac(config) = &mut algo else { panic!("PMOE-SAC is a SAC") };
    *config = SacConfig { learning_starts: FIRST, random_steps: FIRST, ..config.clone() };
    let total_steps = FIRST + UPDATES - 1;
    let schedule = Schedule {
        total_steps,
        eval_every: total_steps,
        eval_episodes: 2,
        log_every: 100,
        checkpoint_every: total_steps,
    };
    let [mut env, mut eval_env] = [(); 2].map(|()| pmoe_envs::make(&task).unwrap());
    let mut agent = algo.agent(env.spec(), total_steps, SEED, device);
    let mut sink = MemorySink::default();
    let mut training = Training::new(&mut *env, &mut *eval_env, &mut agent, &schedule, SEED);
    training.run(&mut sink).unwrap();
    assert_eq!(training.progress().grad_step, UPDATES);
    (*evaluations(&sink.events).last().unwrap(), agent)
}

#[test]
fn an_evaluation_after_200_updates_is_flexs() {
    on_each(|_| {
        let (found, agent) = after_200_updates(&device());
        let (expected, flex) = on(DeviceKind::Flex, || after_200_updates(&device()));
        vec![Seen {
            check: "return after 200 updates of pmoe-sac beside flex".to_owned(),
            deviation: (found - expected).abs() / expected.abs(),
            allowed: 5e-2,
            detail: format!(
                "{found:.6}, on flex {expected:.6}; parameters {:.1e}",
                apart(&agent, &flex)
            ),
        }]
    });
}
