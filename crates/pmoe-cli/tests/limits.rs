//! Size limits: settings too large for any machine or for this one are rejected, and running out of
//! memory ends the program in order.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::{pmoe, refuse, run, snapshot, succeed, train};

fn command(arguments: &[&str]) -> Command {
    let mut command = pmoe();
    command.args(arguments);
    command
}

#[test]
fn sizes_beyond_all_bounds_are_refused_before_a_folder_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    for (method, setting, words) in [
        ("sac", "hidden=[100000,100000]", &["hidden[0]", "100000", "at most 65_536"][..]),
        ("sac", "hidden=[16,4294967296]", &["hidden[1]", "at most 65_536"]),
        (
            "pmoe-sac",
            "actor.pmoe.num_primitives=1000000000",
            &["actor.pmoe.num_primitives", "at most 500"],
        ),
        ("sac", "buffer_size=4294967295", &["buffer_size", "at most 4_294_967_294"]),
        ("sac", "batch_size=1e9", &["batch_size", "1000000000", "at most 16_777_216"]),
        ("sac", "gradient_steps=4294967295", &["gradient_steps", "at most 1_000_000_000"]),
        (
            "sac",
            "schedule.eval_episodes=4294967295",
            &["schedule.eval_episodes", "at most 1_000_000"],
        ),
        (
            "sac",
            "env.max_episode_steps=4294967295",
            &["env.mujoco.max_episode_steps", "at most 10000000"],
        ),
        ("ppo", "net.hidden=[1e6]", &["net.hidden[0]", "at most 65_536"]),
        (
            "ppo",
            "rollout_steps=18446744073709551615",
            &["algo.ppo.rollout_steps", "a whole number"],
        ),
        ("ppo", "epochs=4294967295", &["epochs", "at most 4_294_967_295"]),
        ("dac", "num_options=1e6", &["num_options", "at most 500"]),
    ] {
        refuse(train(method, 2_000, &out).args(["--set", setting]), 2, words);
    }
    assert!(!out.exists());
}

#[test]
fn a_run_that_does_not_fit_is_refused_with_what_it_is_due_to() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    // A hundred layers of 65 536 units need 50 TB and more.
    let layers = format!("hidden={:?}", [65_536; 100]);
    let wide =
        ["batch_size=16M", "buffer_size=17M", "hidden=[65536]", "actor.pmoe.num_primitives=500"];
    for (method, settings, due) in [
        ("sac", &[layers.as_str()][..], "`algo.sac.hidden`"),
        ("dac", &[&layers], "`algo.dac.hidden`"),
        ("ppo", &[&format!("net.{layers}")], "`algo.ppo.net.hidden`"),
        ("pmoe-sac", &wide, "`algo.sac."),
    ] {
        let mut command = train(method, 2_000, &out);
        for setting in settings {
            command.args(["--set", setting]);
        }
        refuse(&mut command, 2, &["this needs about", "but the machine has", due]);
    }
    assert!(!out.exists());
    // The same for commands that only inspect a policy or time a method.
    let words = &["this needs about", "`algo.sac.hidden`"];
    for kind in ["cost", "update", "train"] {
        let arguments = ["bench", kind, "--method", "sac", "--task", "Hopper-v4", "--set", &layers];
        refuse(&mut command(&arguments), 2, words);
    }
    succeed(&mut train("sac", 300, &out));
    let config = out.join("config.toml");
    let text = fs::read_to_string(&config).unwrap();
    let large = text.replace("hidden = [16, 16]", &layers.replace('=', " = "));
    assert_ne!(text, large);
    fs::write(&config, large).unwrap();
    refuse(command(&["evaluate"]).arg(&out), 2, words);
}

#[test]
fn a_buffer_larger_than_the_run_takes_no_more_than_the_run() {
    let dir = tempfile::tempdir().unwrap();
    let [small, large] = ["small", "large"].map(|name| dir.path().join(name));
    succeed(&mut train("sac", 400, &small));
    succeed(train("sac", 400, &large).args(["--set", "buffer_size=4_294_967_294"]));
    let [small, large] = [small, large].map(|run| fs::read(run.join("events.jsonl")).unwrap());
    assert!(small == large, "what is kept is the same");
}

#[test]
fn the_memory_that_is_announced_counts_networks() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = train("sac", 120, &dir.path().join("run"));
    command.args(["--set", "hidden=[2048,2048]", "--set", "learning_starts=119"]);
    let finished = run(&mut command);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    // 4.25 million parameters of the actor and two critics of 4.23 million each, 40 bytes per
    // parameter: 508 MB.
    let line =
        "memory: at most about 549 MB (networks 508 MB, a batch 1 MB, 120 stored transitions 1 MB)";
    assert!(finished.stderr.contains(line), "{}", finished.stderr);
}

/// Runs the same program with a limited address space (KiB).
fn with_memory(kib: u32, command: &Command) -> Command {
    let mut limited = Command::new("sh");
    limited
        .args(["-c", &format!("ulimit -v {kib}; exec \"$0\" \"$@\"")])
        .arg(command.get_program());
    limited.args(command.get_args());
    limited
}

fn large(steps: u64, out: &Path) -> Command {
    let mut command = train("sac", steps, out);
    command.args(["--set", "hidden=[1500,1500]", "--set", "schedule.checkpoint_every=110"]);
    command
}

#[test]
fn without_memory_the_run_ends_with_a_line_and_a_code_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let [starved, fed] = ["starved", "fed"].map(|name| dir.path().join(name));
    let finished = run(&mut with_memory(300_000, &large(130, &starved)));
    assert_eq!(finished.code, Some(71), "{}", finished.stderr);
    let errors: Vec<_> =
        finished.stderr.lines().filter(|line| !line.starts_with("memory: ")).collect();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(
        errors[0].starts_with("error: out of memory: ") && errors[0].contains("bytes"),
        "{errors:?}"
    );
    // The folder is left as after a kill, so the same command resumes it.
    succeed(&mut large(130, &starved));
    succeed(&mut large(130, &fed));
    let [starved, fed] = [starved, fed].map(|run| fs::read(run.join("events.jsonl")).unwrap());
    assert!(starved == fed);
}

#[test]
fn without_memory_a_finished_run_stays_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    succeed(&mut large(130, &out));
    let before = snapshot(&out);
    let mut evaluate = command(&["evaluate"]);
    evaluate.arg(&out).args(["--episodes", "1"]);
    refuse(&mut with_memory(150_000, &evaluate), 71, &["error: out of memory: "]);
    assert_eq!(snapshot(&out), before);
}

#[test]
fn arguments_that_count_have_bounds() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    succeed(&mut train("sac", 300, &out));
    let folder = out.to_str().unwrap();
    let picture = dir.path().join("clip.gif");
    let picture = picture.to_str().unwrap();
    for (arguments, words) in [
        (
            &["evaluate", folder, "--episodes", "4294967295"][..],
            &["--episodes", "from 1 to 1_000_000"][..],
        ),
        (&["evaluate", folder, "--threads", "100000"], &["--threads", "from 1 to 255"]),
        (&["evaluate", folder, "--primitive", "1e18"], &["--primitive", "from 0 to 1_000"]),
        (
            &["render", folder, "--output", picture, "--steps", "1e9"],
            &["--steps", "from 1 to 100_000"],
        ),
        (
            &["render", folder, "--output", picture, "--width", "1e9"],
            &["--width", "from 16 to 4_096"],
        ),
        (
            &[
                "env",
                "render",
                "--task",
                "TargetReaching-v0",
                "--output",
                picture,
                "--steps",
                "1e5",
                "--width",
                "4096",
            ],
            &["100000", "4096 x 480", "at most 5_000_000_000"],
        ),
        (
            &["env", "bench", "--task", "Hopper-v4", "--seconds", "1e300"],
            &["--seconds", "between 0 and 86400"],
        ),
        (&["env", "bench", "--task", "Hopper-v4", "--seconds", "nan"], &["--seconds", "NaN"]),
        (
            &[
                "bench",
                "update",
                "--method",
                "sac",
                "--task",
                "Hopper-v4",
                "--updates",
                "4294967295",
            ],
            &["--updates", "from 1 to 1_000_000"],
        ),
        (
            &[
                "bench",
                "train",
                "--method",
                "sac",
                "--task",
                "Hopper-v4",
                "--steps",
                "18446744073709551615",
            ],
            &["--steps", "from 1 to 1_000_000_000_000_000"],
        ),
        (
            &["analyze", folder, "--kind", "primitives", "--set", "states=1000000000"],
            &["primitives.states", "1000000000", "between 20 and 100_000"],
        ),
        (
            &["analyze", folder, "--kind", "gait", "--set", "skip=4294967295"],
            &["gait.skip", "between 0 and 10_000_000"],
        ),
    ] {
        refuse(&mut command(arguments), 2, words);
    }
}

#[test]
fn a_trace_is_not_endless() {
    let dir = tempfile::tempdir().unwrap();
    let [input, output] = ["in.json", "out.json"].map(|name| dir.path().join(name));
    let actions = vec!["[0,0,0]"; 100_001].join(",");
    let text = format!(
        "{{\"task\":\"Hopper-v4\",\"qpos\":[0,1.25,0,0,0,0],\"qvel\":[0,0,0,0,0,0],\"actions\":[{actions}]}}"
    );
    fs::write(&input, text).unwrap();
    let mut trace = command(&["env", "trace", "--input"]);
    trace.arg(&input).arg("--output").arg(&output);
    refuse(&mut trace, 2, &["in.json", "actions", "100001", "at most 100000"]);
    assert!(!output.exists());
}

#[test]
fn a_run_that_would_make_no_update_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    // With the small settings, the first update comes after 100 steps.
    for (method, key) in [
        ("sac", "algo.sac.learning_starts"),
        ("pmoe-sac", "algo.sac.learning_starts"),
        ("ppo", "algo.ppo.rollout_steps"),
        ("pmoe-ppo", "algo.ppo.rollout_steps"),
        ("dac", "algo.dac.rollout_steps"),
    ] {
        refuse(
            &mut train(method, 99, &out),
            2,
            &["`schedule.total_steps` is 99", "at least 100", key],
        );
        assert!(!out.exists());
        succeed(&mut train(method, 100, &out));
        let events = fs::read_to_string(out.join("events.jsonl")).unwrap();
        assert_eq!(events.matches("\"eval\"").count(), 2);
        fs::remove_dir_all(&out).unwrap();
    }
    let show = ["config", "show", "--method", "ppo", "--set", "schedule.total_steps=2047"];
    refuse(&mut command(&show), 2, &["2047", "at least 2048", "algo.ppo.rollout_steps"]);
    // Timing accepts runs that would never learn.
    let cost = [
        "bench",
        "cost",
        "--method",
        "sac",
        "--task",
        "Hopper-v4",
        "--steps",
        "10",
        "--set",
        "hidden=[16]",
    ];
    succeed(&mut command(&cost));
}
