//! Whole runs: the same bits every time, killed or not; signals, locks and divergence.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::{
    checkpoint, events, manifest, policy, refuse, run, signal, snapshot, start_until, succeed,
    train,
};
use serde_json::Value;

const STEPS: u64 = 4000;

#[test]
fn the_same_seed_gives_the_same_bytes_whole_or_killed() {
    // On-policy methods are fast; with more steps they are still running when signalled.
    let long = 4 * STEPS;
    for (method, steps) in [("sac", STEPS), ("pmoe-sac", STEPS), ("pmoe-ppo", long), ("dac", long)]
    {
        let dir = tempfile::tempdir().unwrap();
        let [once, again, killed] = ["once", "again", "killed"].map(|name| dir.path().join(name));
        succeed(&mut train(method, steps, &once));
        succeed(&mut train(method, steps, &again));
        assert_eq!(events(&once), events(&again));
        for kind in ["\"episode\"", "\"update\"", "\"eval\""] {
            assert!(events(&once).contains(kind), "no {kind} event");
        }

        for step in [1, 500, 1000] {
            let mut child = start_until(&mut train(method, steps, &killed), step);
            child.kill().unwrap();
            child.wait().unwrap();
        }
        succeed(&mut train(method, steps, &killed));
        assert_eq!(events(&killed), events(&once));
        assert_eq!(policy(&killed), policy(&once));
        let manifest = manifest(&killed);
        assert_eq!(manifest["status"]["state"], "done");
        assert_eq!(manifest["attempts"].as_array().unwrap().len(), 4);
    }
}

#[test]
fn signals_write_a_checkpoint_and_say_so() {
    let dir = tempfile::tempdir().unwrap();
    let [whole, stopped] = ["whole", "stopped"].map(|name| dir.path().join(name));
    succeed(&mut train("sac", STEPS, &whole));
    for (name, step, code) in [("INT", 1, 130), ("TERM", 400, 99), ("USR1", 900, 99)] {
        let mut child = start_until(&mut train("sac", STEPS, &stopped), step);
        signal(&child, name);
        assert_eq!(child.wait().unwrap().code(), Some(code), "{name}");
        assert_eq!(manifest(&stopped)["status"]["state"], "interrupted");
    }
    succeed(&mut train("sac", STEPS, &stopped));
    assert_eq!(events(&stopped), events(&whole));
}

#[test]
fn a_finished_run_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    succeed(&mut train("sac", 300, dir.path()));
    let before = snapshot(dir.path());
    succeed(&mut train("sac", 300, dir.path()));
    assert_eq!(snapshot(dir.path()), before);
}

#[test]
fn a_folder_in_use_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = start_until(&mut train("sac", STEPS, dir.path()), 1);
    refuse(&mut train("sac", STEPS, dir.path()), 75, &["in use"]);
    let mut analyze = common::pmoe();
    refuse(analyze.arg("analyze").arg(dir.path()).args(["--kind", "robustness"]), 75, &["in use"]);
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_diverging_run_says_what_diverged_and_keeps_its_events() {
    let dir = tempfile::tempdir().unwrap();
    let diverging = || {
        let mut command = train("sac", STEPS, dir.path());
        command.args(["--set", "actor_lr=1e30", "--set", "critic_lr=1e30"]);
        command
    };
    refuse(&mut diverging(), 3, &["diverged"]);
    let status = &manifest(dir.path())["status"];
    assert_eq!(status["state"], "failed");
    assert_eq!(status["diverged"], true);
    assert!(events(dir.path()).contains("\"eval\""));
    // It would diverge again, so nothing is run or changed.
    let before = snapshot(dir.path());
    refuse(&mut diverging(), 3, &["has already diverged", "--restart"]);
    assert_eq!(snapshot(dir.path()), before);
    refuse(diverging().arg("--restart"), 3, &["diverged", "events.1.jsonl"]);
}

#[test]
fn a_run_that_cannot_keep_its_events_has_failed_and_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let mut unlimited = train("sac", 1000, dir.path());
    unlimited.args(["--set", "schedule.log_every=1", "--set", "schedule.checkpoint_every=1000"]);
    // Limit files to about 100 kB; writing more gives an error instead of a signal.
    let mut limited = Command::new("sh");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 100; exec \"$@\"", "sh"]);
    limited.arg(unlimited.get_program()).args(unlimited.get_args());
    refuse(&mut limited, 1, &["error: cannot write the events: "]);
    let status = &manifest(dir.path())["status"];
    assert_eq!((&status["state"], &status["diverged"]), (&"failed".into(), &false.into()));
    assert!(
        status["reason"].as_str().unwrap().starts_with("cannot write the events: "),
        "{status}"
    );
    // With enough space it resumes.
    succeed(&mut unlimited);
}

#[test]
fn the_manifest_names_code_and_machine_of_the_newest_attempt() {
    let dir = tempfile::tempdir().unwrap();
    let setting = "temperature={auto={initial_alpha=0.5,target_entropy_per_dim=-1.0}}";
    let command = |threads: &str| {
        let mut command = train("sac", 1500, dir.path());
        command.args(["--device", "flex-plain", "--set", setting, "--threads", threads]);
        command
    };
    let mut child = start_until(&mut command("1"), 1);
    child.kill().unwrap();
    child.wait().unwrap();
    let mut first = manifest(dir.path());
    assert_eq!(first["provenance"]["threads"], 1);
    first["provenance"]["commit"] = "another".into();
    fs::write(dir.path().join("manifest.json"), first.to_string()).unwrap();

    succeed(&mut command("2"));
    let provenance = &manifest(dir.path())["provenance"];
    assert_ne!(provenance["commit"], "another");
    assert_eq!((&provenance["device"], &provenance["threads"]), (&"flex_plain".into(), &2.into()));
    // A shell would expand the braces into two arguments.
    let line = provenance["command"].as_str().unwrap();
    assert!(line.starts_with("pmoe train ") && line.contains(&format!("'{setting}'")), "{line}");
}

#[test]
fn settings_of_the_task_are_part_of_the_run_and_goals_are_counted() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("run");
    let command = |setting: &str| {
        let mut command = common::pmoe();
        command.args(["train", "--method", "sac", "--task", "TargetReaching-v0", "--steps", "500"]);
        for setting in [common::SMALL, common::SMALL_SCHEDULE, &[setting]].concat() {
            command.args(["--set", setting]);
        }
        command.args(["--progress", "none", "--out"]).arg(&folder);
        command
    };
    succeed(&mut command("env.max_episode_steps=20"));
    let config = std::fs::read_to_string(folder.join("config.toml")).unwrap();
    assert!(
        config.contains("[env.target_reaching]\n") && config.contains("max_episode_steps = 20")
    );
    let events = events(&folder);
    assert!(events.contains("\"episode_length\":20"), "{events}");
    assert!(events.contains("\"success\":false") && events.contains("\"successes\":[false]"));
    // Other settings make it a different run.
    refuse(&mut command("env.max_episode_steps=30"), 2, &["max_episode_steps", "20", "30"]);

    let mut evaluate = common::pmoe();
    evaluate.arg("evaluate").arg(&folder).args(["--episodes", "9"]);
    assert!(succeed(&mut evaluate).contains("goal reached in "));
}

#[test]
fn a_trained_policy_is_evaluated_and_reported() {
    let dir = tempfile::tempdir().unwrap();
    let folder = |method: &str| dir.path().join(method).join("Hopper-v4/seed_3");
    for method in ["sac", "pmoe-sac", "pmoe-ppo", "dac"] {
        succeed(&mut train(method, 600, &folder(method)));
    }
    let evaluate = |more: &[&str]| -> Value {
        let mut command = common::pmoe();
        command.arg("evaluate").arg(folder("pmoe-sac")).args(["--episodes", "3", "--json"]);
        serde_json::from_str(&succeed(command.args(more))).unwrap()
    };
    let plain = evaluate(&[]);
    assert_eq!(plain["returns"].as_array().unwrap().len(), 3);
    assert_eq!(plain["returns"], evaluate(&[])["returns"], "the same seed");
    assert_eq!(plain["returns"], evaluate(&["--threads", "3"])["returns"], "more threads");
    for more in [
        ["--seed", "9"],
        ["--obs-noise", "0.3"],
        ["--primitive", "2"],
        ["--eval-primitive", "argmax_q"],
    ] {
        assert_ne!(plain["returns"], evaluate(&more)["returns"], "{more:?}");
    }

    let report = dir.path().join("report");
    let mut command = common::pmoe();
    command.arg("report").arg(dir.path()).arg("--out").arg(&report).arg("--json");
    let summary: Value = serde_json::from_str(&succeed(&mut command)).unwrap();
    assert_eq!(summary["done"], 4);
    let page = fs::read_to_string(report.join("index.html")).unwrap();
    assert!(page.contains("pmoe-sac") && page.contains("<svg"));

    let verify = || common::run(common::pmoe().arg("verify").arg(dir.path()));
    let all_agree = verify();
    assert_eq!(all_agree.code, Some(0), "{}", all_agree.stdout);
    let table = report.join("tables/auc.csv");
    let text = fs::read_to_string(&table).unwrap();
    fs::write(&table, text.replacen("pmoe-sac,", "pmoe-sax,", 1)).unwrap();
    let differs = verify();
    assert_eq!(differs.code, Some(1));
    assert!(differs.stdout.contains("tables/auc.csv: line "), "{}", differs.stdout);
}

#[test]
fn the_cost_of_a_run_is_measured_for_every_family() {
    let dir = tempfile::tempdir().unwrap();
    for method in ["sac", "pmoe-ppo", "dac"] {
        let folder = dir.path().join(method);
        succeed(&mut train(method, 400, &folder));
        let mut command = common::pmoe();
        command.args([
            "bench",
            "cost",
            "--method",
            method,
            "--task",
            "Hopper-v4",
            "--steps",
            "400",
        ]);
        let small = if method == "sac" { common::SMALL } else { common::SMALL_ROLLOUTS };
        for setting in small {
            command.args(["--set", setting]);
        }
        let cost: Value = serde_json::from_str(&succeed(command.arg("--json"))).unwrap();
        for part in ["ms_per_act", "ms_per_env_step", "ms_of_learning_per_env_step"] {
            let ms = cost[part].as_f64().unwrap();
            assert!(0.0 < ms && ms < 1e3, "{method}: {part} is {ms}");
        }
        let bytes = |part: &str| cost[part].as_f64().unwrap();
        // Bytes of the finished run, except for the state of task and loop, which takes a few
        // kilobytes.
        let kept = fs::read_dir(checkpoint(&folder)).unwrap();
        let kept: u64 = kept.map(|file| file.unwrap().metadata().unwrap().len()).sum();
        let rest = kept as f64 - bytes("bytes_when_finished");
        assert!((0.0..10_000.0).contains(&rest), "{method}: {rest} bytes more than said");
        // A finished run of SAC keeps only its policy.
        let is_less = bytes("bytes_when_finished") < bytes("bytes_of_learner");
        assert_eq!(is_less, method == "sac", "{method}");
        // 400 transitions (100 for a rollout) of 11 observed values and 3 actions.
        let steps = if method == "sac" { 400.0 } else { 100.0 };
        let per_step = bytes("bytes_of_steps") / steps;
        assert!((60.0..80.0).contains(&per_step), "{method}: {per_step} bytes a step");
    }
}

#[test]
fn evaluating_a_run_without_a_checkpoint_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = start_until(&mut train("sac", STEPS, dir.path()), 0);
    child.kill().unwrap();
    child.wait().unwrap();
    fs::remove_dir_all(dir.path().join("checkpoint")).unwrap();
    refuse(common::pmoe().arg("evaluate").arg(dir.path()), 2, &["no checkpoint"]);
    let finished = run(common::pmoe().arg("evaluate").arg(dir.path().join("absent")));
    assert_eq!(finished.code, Some(2));
}

#[test]
fn a_simulation_that_blows_up_fails_the_run_which_keeps_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let hopper = Path::new(env!("PMOE_MODEL_DIR")).join("hopper.xml");
    let hopper = fs::read_to_string(hopper).unwrap();
    let heavy = hopper.replace("<worldbody>", r#"<option gravity="0 0 -1e300"/><worldbody>"#);
    fs::write(dir.path().join("hopper.xml"), heavy).unwrap();
    let folder = dir.path().join("run");
    let mut command = train("sac", STEPS, &folder);
    refuse(command.env("PMOE_MODEL_DIR", dir.path()), 1, &["Hopper-v4 became unstable"]);
    let manifest = manifest(&folder);
    assert_eq!(manifest["status"]["state"], "failed");
    let reason = manifest["status"]["reason"].as_str().unwrap();
    assert!(reason.contains("an acceleration is not finite or huge"), "{reason}");
}
