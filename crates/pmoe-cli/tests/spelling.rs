//! Numbers, names and places as people write them: accepted if unambiguous, otherwise answered with
//! the right spelling.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use common::{pmoe, refuse, snapshot, succeed, train};

fn command(arguments: &[&str]) -> Command {
    let mut command = pmoe();
    command.args(arguments);
    command
}

/// Returns the output of `config show` with these additional arguments.
fn shown(arguments: &[&str]) -> toml::Table {
    let all = [&["config", "show", "--method", "pmoe-sac"], arguments].concat();
    succeed(&mut command(&all)).parse().unwrap()
}

#[test]
fn every_spelling_of_a_number_is_the_same_setting() {
    let plain = shown(&[
        "--seed",
        "2000",
        "--set",
        "batch_size=1000",
        "--set",
        "schedule.eval_every=20000",
    ]);
    for [seed, batch_size, eval_every] in [
        ["2_000", "1_000", "20_000"],
        ["2e3", "1e3", "2e4"],
        ["2k", "1k", "20k"],
        ["2000.0", "1000.0", "0.02M"],
        ["+2000", "+1000", "2.0E+4"],
    ] {
        let set = [format!("batch_size={batch_size}"), format!("schedule.eval_every={eval_every}")];
        assert_eq!(shown(&["--seed", seed, "--set", &set[0], "--set", &set[1]]), plain);
    }
    // Inside lists and tables, and for settings of type float.
    let inside = [
        "--set",
        "hidden=[1e2,64.0]",
        "--set",
        "gamma=1",
        "--set",
        "actor={gating={num_primitives=1e1,variance=\"paper\"}}",
    ];
    let sac = &shown(&inside)["algo"]["sac"];
    assert_eq!(sac["hidden"].to_string(), "[100, 64]");
    assert_eq!(sac["gamma"].to_string(), "1.0");
    assert_eq!(sac["actor"]["gating"]["num_primitives"].as_integer(), Some(10));
}

#[test]
fn older_names_of_options_and_lists_still_work() {
    let show = |option| succeed(&mut command(&["config", "show", option, "dac"]));
    assert_eq!(show("--algo"), show("--method"));
    let list = |what| succeed(&mut command(&["list", what]));
    assert_eq!(list("algos"), list("methods"));
}

#[test]
fn a_list_names_each_thing_and_says_what_it_is() {
    let text = succeed(&mut command(&["list", "methods"]));
    let sac = ("sac", "SAC: soft actor-critic with one squashed Gaussian.");
    let described = |line| str::split_once(line, ' ').map(|(name, is)| (name, is.trim()));
    assert!(text.lines().any(|line| described(line) == Some(sac)), "{text}");
    assert!(text.lines().is_sorted(), "{text}");
    let tasks = succeed(&mut command(&["list", "tasks"]));
    let hopper = "a one-legged robot hops forward; formulas of Gymnasium's version 4";
    assert!(
        tasks.lines().any(|line| line.starts_with("Hopper-v4 ") && line.ends_with(hopper)),
        "{tasks}"
    );
    let suites = succeed(&mut command(&["list", "suites", "--json"]));
    let suites: serde_json::Value = serde_json::from_str(&suites).unwrap();
    assert_eq!(suites[0]["name"], "fig1-table2");
    assert_eq!(suites[0]["description"], "Fig. 1, Table 2: PMOE-SAC against SAC, MCP and gating");
}

#[test]
fn a_run_takes_its_steps_in_every_spelling() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    succeed(&mut train("sac", 300, &out));
    let before = snapshot(&out);
    for steps in ["3e2", "300.0", "0.3k", "3_00"] {
        let mut command = train("sac", 300, &out);
        let arguments: Vec<_> = command.get_args().map(ToOwned::to_owned).collect();
        command = pmoe();
        command.args(
            arguments.iter().map(|a| if a == "300" { steps.as_ref() } else { a.as_os_str() }),
        );
        succeed(&mut command);
        assert_eq!(snapshot(&out), before, "the same run, which is done");
    }
}

#[test]
fn numbers_that_are_none_are_answered_with_range_and_spelling() {
    let steps = "a whole number from 1 to 1_000_000_000_000_000, such as 2000, 2_000, 2e3 or 2k";
    let seed = "a whole number from 0 to 9_223_372_036_854_775_807";
    let learner = ["--method", "sac", "--task", "Hopper-v4"];
    let with = |front: &[&str], back: &[&str]| command(&[front, &learner, back].concat());
    for number in ["0", "-1", "10000000000000000000", "1e19", "1.5", "1,000", "1m", "many", ""] {
        refuse(&mut with(&["train"], &["--steps", number]), 2, &["--steps", steps]);
        refuse(&mut with(&["bench", "cost"], &["--steps", number]), 2, &["--steps", steps]);
        refuse(&mut with(&["bench", "train"], &["--steps", number]), 2, &["--steps", steps]);
    }
    for number in ["-1", "9223372036854775808", "1e30", "0.1", "first"] {
        refuse(&mut with(&["train"], &["--seed", number]), 2, &["--seed", seed]);
        refuse(&mut with(&["config", "show"], &["--seed", number]), 2, &["--seed", seed]);
        for look in ["evaluate", "render"] {
            let arguments = [look, "run", "--seed", number];
            refuse(&mut command(&arguments), 2, &["--seed", seed]);
        }
    }
    for (set, words) in [
        ("batch_size=1.5", ["algo.sac.batch_size", "1.5"]),
        ("batch_size=-1", ["algo.sac.batch_size", "-1"]),
        ("batch_size=1m", ["algo.sac.batch_size", "\"1m\""]),
        (
            "schedule.total_steps=10000000000000000000",
            ["schedule.total_steps", "10000000000000000000"],
        ),
        ("schedule.total_steps=1e19", ["schedule.total_steps", "10000000000000000000"]),
        ("gradient_steps=5e9", ["algo.sac.gradient_steps", "4_294_967_295"]),
    ] {
        let words = [&words[..], &["a whole number", "such as 2000, 2_000 or 2e3"]].concat();
        refuse(&mut with(&["config", "show"], &["--set", set]), 2, &words);
    }
}

#[test]
fn what_was_meant_by_a_name_is_said() {
    let run = |method: &str, task: &str, set: &str| {
        command(&["config", "show", "--method", method, "--task", task, "--set", set])
    };
    for (set, meant) in [
        ("eval_every=5", "schedule.eval_every"),
        ("total_steps=5", "schedule.total_steps"),
        ("schedul.eval_every=5", "schedule.eval_every"),
        ("schedule.evalevery=5", "schedule.eval_every"),
        ("max_episode_steps=5", "env.max_episode_steps"),
        ("env.max_episode_step=5", "env.max_episode_steps"),
        ("num_primitives=5", "actor.pmoe.num_primitives"),
        ("actor.pmoe.num_primitive=5", "actor.pmoe.num_primitives"),
        ("batchsize=5", "batch_size"),
        ("gama=0.5", "gamma"),
    ] {
        let words = ["unknown field", &format!("did you mean `{meant}`?")];
        refuse(&mut run("pmoe-sac", "Hopper-v4", set), 2, &words);
    }
    refuse(&mut run("sac", "Hopper-v4", "target=samples"), 2, &["did you mean `sample`?"]);
    refuse(&mut run("pmoe_sac", "Hopper-v4", "gamma=0.5"), 2, &["did you mean `pmoe-sac`?"]);
    refuse(&mut run("SAC", "Hopper-v4", "gamma=0.5"), 2, &["did you mean `sac`?"]);
    refuse(&mut run("sac", "Hoper-v4", "gamma=0.5"), 2, &["did you mean `Hopper-v4`?"]);
    refuse(
        &mut run("sac", "targetreaching-v0", "gamma=0.5"),
        2,
        &["did you mean `TargetReaching-v0`?"],
    );
    refuse(&mut command(&["env", "bench", "--task", "Ant-v3"]), 2, &["did you mean `Ant-v2`?"]);
    refuse(&mut command(&["analyze", "x", "--kind", "primitive"]), 2, &["'primitives'"]);
    // An unrelated name gets only the list of known names.
    let finished = common::run(&mut run("qmix", "Hopper-v4", "gamma=0.5"));
    assert_eq!(finished.code, Some(2));
    assert!(finished.stderr.contains("pmoe-sac") && !finished.stderr.contains("did you mean"));
    // The same in a file.
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("mine.toml");
    let text = fs::read_to_string("../../configs/methods/sac.toml").unwrap();
    fs::write(&file, text.replace("eval_episodes", "eval_episode")).unwrap();
    let words = &["mine.toml", "schedule", "did you mean `eval_episodes`?"];
    refuse(command(&["config", "check"]).arg(&file), 2, words);
}

#[test]
fn a_reference_that_no_run_has_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    succeed(&mut train("pmoe-sac", 300, &dir.path().join("run")));
    let mut report = command(&["report", "--reference", "pmoe_sac"]);
    let words = &["pmoe_sac", "a method of these runs: `pmoe-sac`", "did you mean `pmoe-sac`?"];
    refuse(report.arg(dir.path()), 2, words);
    assert!(!dir.path().join("report").exists());
}

/// Places where nothing can be created, and the expected message for each.
fn places(dir: &Path) -> Vec<(String, &'static str)> {
    let file = dir.join("file");
    fs::write(&file, "mine").unwrap();
    let inside = file.join("x").display().to_string();
    let long = dir.join("a".repeat(300)).display().to_string();
    vec![
        ("/proc/x".to_owned(), "No such file"),
        ("/proc/x/y".to_owned(), "No such file"),
        ("/sys/x".to_owned(), "/sys/x"),
        (inside, "Not a directory"),
        (long, "File name too long"),
        (String::new(), "a value is required"),
    ]
}

#[test]
fn a_place_where_nothing_can_be_made_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    succeed(&mut train("sac", 300, &run));
    let run = run.to_str().unwrap();
    for (place, reason) in places(dir.path()) {
        let picture = format!("{place}{}", if place.is_empty() { "" } else { ".png" });
        refuse(&mut train("sac", 300, Path::new(&place)), 2, &[reason]);
        refuse(&mut command(&["report", run, "--out", &place]), 2, &[reason]);
        refuse(&mut command(&["render", run, "--steps", "1", "--output", &picture]), 2, &[]);
        let reaching =
            ["env", "render", "--task", "TargetReaching-v0", "--steps", "1", "--output", &picture];
        refuse(&mut command(&reaching), 2, &[]);
        let input = dir.path().join("in.json");
        let text =
            r#"{"task":"Hopper-v4","qpos":[0,1.25,0,0,0,0],"qvel":[0,0,0,0,0,0],"actions":[]}"#;
        fs::write(&input, text).unwrap();
        let input = input.to_str().unwrap();
        refuse(&mut command(&["env", "trace", "--input", input, "--output", &place]), 2, &[reason]);
    }
    // An analysis is written into the run's folder.
    let analysis = dir.path().join("run/analysis");
    fs::write(&analysis, "mine").unwrap();
    let before = snapshot(dir.path());
    let analyze = ["analyze", run, "--kind", "robustness", "--set", "episodes=1"];
    refuse(&mut command(&analyze), 2, &["cannot write", "analysis"]);
    assert_eq!(snapshot(dir.path()), before);
    assert_eq!(fs::read(dir.path().join("file")).unwrap(), b"mine");
}

#[test]
fn what_is_no_readable_file_is_named_and_not_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    fs::create_dir(path("folder.toml")).unwrap();
    assert!(Command::new("mkfifo").arg(path("pipe.toml")).status().unwrap().success());
    std::os::unix::fs::symlink("/dev/zero", path("zero.toml")).unwrap();
    std::os::unix::fs::symlink(path("loop.toml"), path("loop.toml")).unwrap();
    fs::write(path("bytes.toml"), b"title = \"\xff\"\n").unwrap();
    File::create(path("huge.toml")).unwrap().set_len(5_000_000_000).unwrap();
    for (name, reason) in [
        ("folder.toml", "it is a folder, not a file"),
        ("pipe.toml", "it is a pipe, not a file"),
        ("zero.toml", "it is a device, not a file"),
        ("loop.toml", "symbolic links"),
        ("bytes.toml", "it is not UTF-8 text, see line 1"),
        ("huge.toml", "it is larger than the limit"),
        ("missing.toml", "No such file"),
    ] {
        let file = path(name);
        let file = file.to_str().unwrap();
        let words = &["cannot read", name, reason];
        refuse(&mut command(&["config", "check", file]), 2, words);
        let out = path("run");
        let train =
            ["train", "--method", file, "--task", "Hopper-v4", "--out", out.to_str().unwrap()];
        refuse(&mut command(&train), 2, words);
        assert!(!out.exists());
        refuse(&mut command(&["env", "trace", "--output", "/dev/null", "--input", file]), 2, words);
        // The same file as a run's `config.toml`.
        let run = path("folder");
        let _ = fs::remove_dir_all(&run);
        fs::create_dir(&run).unwrap();
        std::os::unix::fs::symlink(file, run.join("config.toml")).unwrap();
        let words = &["folder is not a run folder", "config.toml", reason];
        for look in [&["evaluate"][..], &["render", "--output", "x.png"]] {
            refuse(command(look).arg(&run), 2, words);
        }
    }
}
