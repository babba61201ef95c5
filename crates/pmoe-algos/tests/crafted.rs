//! Checkpoints with intact parts that do not fit the run or each other. They must be rejected, with
//! the name of the part.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use common::on_policy::{self, agent, live};
use pmoe_algos::AnyMemory;
use pmoe_algos::checkpoint::Files;
use pmoe_algos::normalize::NormalizeConfig;
use pmoe_algos::ppo::PpoConfig;
use pmoe_algos::sac::{ActorConfig, Estimator, PmoeConfig, ReinforceBaseline, SacConfig};
use pmoe_algos::seed::Seeds;
use pmoe_algos::{Agent, AlgoConfig, AnyAgent, Mode, Scope, Transition};
use serde_json::{Value, json};

/// Sizes of observation and action.
const SIZES: (usize, usize) = (5, 2);

fn sac() -> AlgoConfig {
    let estimator = Estimator::Reinforce { baseline: ReinforceBaseline::Ema { decay: 0.9 } };
    let actor = ActorConfig::Pmoe(PmoeConfig { estimator, ..common::pmoe(3) });
    AlgoConfig::Sac(SacConfig { temperature: common::auto(), ..common::sac(actor) })
}

fn ppo() -> AlgoConfig {
    AlgoConfig::Ppo(on_policy::ppo(on_policy::gaussian()))
}

fn pmoe_ppo() -> AlgoConfig {
    AlgoConfig::Ppo(on_policy::ppo(pmoe_algos::ppo::ActorConfig::Pmoe(on_policy::pmoe(3))))
}

fn dac() -> AlgoConfig {
    AlgoConfig::Dac(on_policy::dac(4))
}

/// Creates a learner that has done some steps and updates.
fn lived(config: &AlgoConfig, seed: u64, steps: usize) -> AnyAgent {
    let mut agent = agent(config, SIZES.0, SIZES.1, seed);
    let rng = &mut Seeds::new(seed).learn;
    live(&mut agent, &mut AnyMemory::default(), SIZES, steps, rng);
    agent
}

/// Creates an on-policy learner that was interrupted during an update, after one minibatch.
fn stopped(config: &AlgoConfig) -> AnyAgent {
    let mut agent = lived(config, 1, 99);
    let (rng, mut memory) = (&mut Seeds::new(2).learn, AnyMemory::default());
    let (obs, mut action) = ([0.1; SIZES.0], [0.0; SIZES.1]);
    agent.act(&mut memory, &obs, Mode::Explore, rng, &mut action).unwrap();
    let (next_obs, terminated, truncated) = (&obs, false, false);
    let transition =
        Transition { obs: &obs, action: &action, reward: 1.0, next_obs, terminated, truncated };
    agent.observe(&memory, transition);
    let asked = std::cell::Cell::new(0);
    let interrupt = || asked.replace(asked.get() + 1) > 0;
    let updates = agent.update(rng, &interrupt);
    assert!(updates.taken > 0 && !updates.is_complete);
    agent
}

fn saved(agent: &AnyAgent) -> Files<'_> {
    let mut files = Files::default();
    agent.save(&mut files, Scope::Everything).unwrap();
    files
}

/// Asserts that a checkpoint can be loaded, and that after `change` the error contains all of
/// `words`.
#[track_caller]
fn refuse(config: &AlgoConfig, saver: &AnyAgent, change: impl Fn(&mut Files<'_>), words: &[&str]) {
    let mut files = saved(saver);
    agent(config, SIZES.0, SIZES.1, 9).load(&files, Scope::Everything).unwrap();
    change(&mut files);
    let error = agent(config, SIZES.0, SIZES.1, 9).load(&files, Scope::Everything);
    let error = error.expect_err("it does not fit").to_string();
    for word in words {
        assert!(error.contains(word), "no `{word}` in: {error}");
    }
}

fn edit(files: &mut Files<'_>, part: &str, change: impl Fn(&mut Value)) {
    let mut value = files.get_json(part).unwrap();
    change(&mut value);
    files.insert_json(part, &value);
}

fn zeros(count: usize) -> Value {
    vec![0.0; count].into()
}

/// Asserts that a checkpoint is rejected after replacing one value, given by its path in the part.
#[track_caller]
fn refuse_value(config: &AlgoConfig, saver: &AnyAgent, part: &str, path: &str, value: Value) {
    let change = |files: &mut Files<'_>| {
        edit(files, part, |document| *document.pointer_mut(path).unwrap() = value.clone());
    };
    refuse(config, saver, change, &[part]);
}

#[test]
fn networks_of_another_learner_are_refused() {
    for (config, parts) in [
        (sac(), &["actor", "critic", "log_alpha"][..]),
        (ppo(), &["net"]),
        (pmoe_ppo(), &["net", "action_value"]),
        (dac(), &["net"]),
    ] {
        let saver = lived(&config, 1, 130);
        let all: Vec<String> = parts.iter().map(|part| format!("{part}_optimizer.bpk")).collect();
        for optimizer in &all {
            // The optimiser state of another seed, of another part, and a network.
            let stranger = lived(&config, 2, 130);
            // The temperature is a single parameter with the same id in every run.
            let mut others = vec![saved(&stranger).get(optimizer).unwrap()];
            if optimizer.contains("log_alpha") {
                others.clear();
            }
            let others_of_ours = all.iter().filter(|other| *other != optimizer);
            others.extend(others_of_ours.map(|other| saved(&saver).get(other).unwrap()));
            for other in others {
                let change = |files: &mut Files<'_>| files.insert(optimizer, other.clone());
                refuse(&config, &saver, change, &["parameter"]);
            }
            let module = optimizer.replace("_optimizer", "");
            let bytes = saved(&saver).get(&module).unwrap();
            let change = |files: &mut Files<'_>| files.insert(optimizer, bytes.clone());
            refuse(&config, &saver, change, &["cannot read"]);
        }
    }
}

#[test]
fn a_target_critic_follows_its_own_critic() {
    let config = sac();
    let (saver, stranger) = (lived(&config, 1, 130), lived(&config, 2, 130));
    let other = saved(&stranger).get("target_critic.bpk").unwrap();
    let change = |files: &mut Files<'_>| files.insert("target_critic.bpk", other.clone());
    refuse(&config, &saver, change, &["not a copy"]);
}

#[test]
fn counters_and_replay_data_of_sac_belong_together() {
    let config = sac();
    let saver = lived(&config, 1, 130);
    // Steps, updates, and updates left in this step.
    for counters in [json!([0, 31, 0]), json!([129, 31, 0]), json!([131, 31, 0])] {
        let change = |files: &mut Files<'_>| files.insert_json("counters.json", &counters);
        refuse(&config, &saver, change, &["replay.bin"]);
    }
    refuse_value(&config, &saver, "counters.json", "/2", json!(2));
    refuse_value(&config, &saver, "counters.json", "/2", json!(4_000_000_000_u64));
    refuse_value(&config, &saver, "baseline.json", "", json!(f64::NAN.to_bits()));
    refuse_value(&config, &saver, "baseline.json", "", json!(f64::INFINITY.to_bits()));
    // Updates before learning starts.
    let young = lived(&config, 1, 50);
    refuse_value(&config, &young, "counters.json", "/2", json!(1));
    let empty = lived(&config, 1, 0);
    let replay = saved(&empty).get("replay.bin").unwrap();
    let change = |files: &mut Files<'_>| files.insert("replay.bin", replay.clone());
    refuse(&config, &saver, change, &["replay.bin"]);
}

#[test]
fn sizes_of_a_rollout_agree() {
    for config in [ppo(), dac()] {
        let saver = lived(&config, 1, 130);
        let rollout = |path: &str, value: Value| {
            refuse_value(&config, &saver, "rollout.json", path, value);
        };
        rollout("/num_steps", json!(99));
        rollout("/num_steps", json!(101));
        rollout("/num_steps", json!(usize::MAX));
        rollout("/reward", json!([]));
        rollout("/reward", zeros(200));
        rollout("/obs", zeros(7));
        rollout("/action", zeros(1));
        rollout("/end", json!(["no"]));
        rollout("/cut_obs", json!([]));
        rollout("/cut_obs", zeros(50));
    }
}

#[test]
fn statistics_are_of_this_runs_observations() {
    for config in [ppo(), dac()] {
        let saver = lived(&config, 1, 130);
        let normalizers = |path: &str, value: Value| {
            refuse_value(&config, &saver, "normalizers.json", path, value);
        };
        for count in [json!(null), json!(-1.0)] {
            normalizers("/obs/stats/count", count.clone());
            normalizers("/reward/stats/count", count);
        }
        for numbers in [zeros(4), zeros(6), json!([]), json!([0, 0, 0, 0, null])] {
            normalizers("/obs/stats/mean", numbers.clone());
            normalizers("/obs/stats/squares", numbers);
        }
        normalizers("/obs/stats/squares", json!([1.0, 1.0, 1.0, 1.0, -1.0]));
        for clip in [json!(-1.0), json!(0.0), json!(9.0), json!(null)] {
            normalizers("/obs/clip", clip.clone());
            normalizers("/reward/clip", clip);
        }
        normalizers("/reward/gamma", json!(0.5));
        normalizers("/reward/discounted_return", json!(null));
        normalizers("/reward/stats/squares", json!([0.0, 0.0]));
        normalizers("/obs", json!(null));
        normalizers("/reward", json!(null));
    }
    let off = NormalizeConfig { obs: false, reward: false, clip: 10.0 };
    let config =
        AlgoConfig::Ppo(PpoConfig { normalize: off, ..on_policy::ppo(on_policy::gaussian()) });
    let saver = lived(&config, 1, 130);
    let with = lived(&ppo(), 1, 130);
    let other = saved(&with).get("normalizers.json").unwrap();
    let change = |files: &mut Files<'_>| files.insert("normalizers.json", other.clone());
    refuse(&config, &saver, change, &["normalizers.json"]);
}

#[test]
fn options_are_those_of_the_rollout() {
    let config = dac();
    let saver = lived(&config, 1, 130);
    let options = |path: &str, value: Value| {
        refuse_value(&config, &saver, "options.json", path, value);
    };
    options("/option/3", json!(9));
    options("/option/0", json!(4));
    options("/previous/3", json!(4));
    options("/option", json!([0]));
    options("/previous", json!([null, 1]));

    let restored = {
        let mut restored = agent(&config, SIZES.0, SIZES.1, 9);
        restored.load(&saved(&saver), Scope::Everything).unwrap();
        restored
    };
    let memory = |option: Value| -> AnyMemory {
        let mut memory = json!(AnyMemory::default());
        memory["dac"]["option"] = option;
        serde_json::from_value(memory).unwrap()
    };
    restored.check_restored(&memory(json!(null)), false).unwrap();
    restored.check_restored(&memory(json!(3)), false).unwrap();
    let error = restored.check_restored(&memory(json!(9)), false).unwrap_err().to_string();
    assert!(error.contains("progress.json") && error.contains("option"), "{error}");
}

#[test]
fn an_update_goes_on_where_it_was_or_not_at_all() {
    for (config, part, at) in [
        (ppo(), "passes.json", ""),
        (pmoe_ppo(), "passes.json", ""),
        (dac(), "learning.json", "/passes"),
    ] {
        let saver = stopped(&config);
        let passes = |path: &str, value: Value| {
            refuse_value(&config, &saver, part, &format!("{at}{path}"), value);
        };
        passes("/order", json!([0, 1, 2]));
        passes("/order", json!([]));
        passes("/order/0", json!(100));
        passes("/taken", json!(100));
        passes("/taken", json!(usize::MAX));
        passes("/finished", json!(5));
        let other = saved(&lived(&sac(), 1, 0)).get("actor.bpk").unwrap();
        let change = |files: &mut Files<'_>| files.insert("acting.bpk", other.clone());
        refuse(&config, &saver, change, &["cannot read"]);

        let mut restored = agent(&config, SIZES.0, SIZES.1, 9);
        restored.load(&saved(&saver), Scope::Everything).unwrap();
        restored.check_restored(&AnyMemory::default(), true).unwrap();
        let error = restored.check_restored(&AnyMemory::default(), false).unwrap_err().to_string();
        assert!(error.contains("progress.json") && error.contains("full"), "{error}");
    }
    let saver = stopped(&dac());
    let left = |value: Value| refuse_value(&dac(), &saver, "learning.json", "/left", value);
    left(json!([]));
    let mdp = &saved(&saver).get_json::<Value>("learning.json").unwrap()["left"][0];
    left(json!([mdp, mdp]));
    left(json!([mdp, mdp, mdp]));
}
