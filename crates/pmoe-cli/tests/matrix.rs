//! `pmoe matrix` with real runs. If it is stopped, or killed at random moments, and started again,
//! its results have the same bytes as those of an uninterrupted matrix. Finished work is left
//! alone, and bad input is rejected.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![cfg(target_os = "linux")]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use common::{pmoe, refuse, signal, snapshot, succeed};

/// SAC and PMOE-SAC on two tasks.
const ONE: &str = r#"
title = "One"
item = "Fig. 1"
reference = "sac"
methods = ["sac", "pmoe-sac"]
tasks = ["Hopper-v4", "TargetReaching-v0"]
analyses.robustness = { episodes = 2 }
[presets]
quick = { seeds = [0], total_steps = 100_000 }
paper = { seeds = [0], total_steps = 100_000 }
[presets.smoke]
seeds = [0, 1]
total_steps = 2_500
[presets.smoke.set]
hidden = [16, 16]
batch_size = 8
random_steps = 100
learning_starts = 100
"schedule.eval_every" = 400
"schedule.eval_episodes" = 1
"schedule.log_every" = 200
"schedule.checkpoint_every" = 300
"#;

const TWO: &str = r#"
title = "Two"
item = "Fig. 2"
reference = "pmoe-ppo"
methods = ["pmoe-ppo", "dac"]
tasks = ["Hopper-v4"]
[presets]
quick = { seeds = [0], total_steps = 100_000 }
paper = { seeds = [0], total_steps = 100_000 }
[presets.smoke]
seeds = [0]
total_steps = 2_500
[presets.smoke.set]
rollout_steps = 250
minibatch_size = 50
epochs = 2
"schedule.eval_every" = 400
"schedule.eval_episodes" = 1
"schedule.log_every" = 250
"schedule.checkpoint_every" = 300
"#;

/// The first suite's PMOE-SAC under another name.
fn three() -> String {
    let variant = "variants = [{ name = \"k4\", base = \"pmoe-sac\", set = { \
                   \"actor.pmoe.num_primitives\" = 4 } }]";
    let text = ONE.replace("methods = [\"sac\", \"pmoe-sac\"]", variant);
    text.replace("\"sac\"", "\"k4\"").replace("Fig. 1", "Fig. 3")
}

/// One method on a task without MuJoCo, for a second.
const TINY: &str = r#"
title = "Tiny"
item = "Fig. 1"
reference = "sac"
methods = ["sac"]
tasks = ["TargetReaching-v0"]
[presets]
quick = { seeds = [0], total_steps = 100_000 }
paper = { seeds = [0], total_steps = 100_000 }
[presets.smoke]
seeds = [0, 1]
total_steps = 2_000
[presets.smoke.set]
hidden = [16, 16]
batch_size = 8
random_steps = 100
learning_starts = 100
"schedule.eval_every" = 400
"schedule.eval_episodes" = 1
"schedule.log_every" = 200
"schedule.checkpoint_every" = 100
"#;

fn matrix(suites: &Path, out: &Path) -> Command {
    let mut command = pmoe();
    command.args(["matrix", "--preset", "smoke", "--jobs", "2", "--suites"]).arg(suites);
    command.arg("--out").arg(out);
    command
}

/// The same, without output.
fn quiet(suites: &Path, out: &Path) -> Command {
    let mut command = matrix(suites, out);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Creates a folder of suites.
fn write_suites(folder: &Path, suites: &[(&str, &str)]) {
    fs::create_dir(folder).unwrap();
    for (name, text) in suites {
        fs::write(folder.join(format!("{name}.toml")), text).unwrap();
    }
}

/// Reads every file below `folder` whose name is in `names`, by path.
fn files(folder: &Path, names: &[&str]) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        // A file being replaced may have disappeared.
        let Ok(entry) = entry else { continue };
        let (path, name) = (entry.path(), entry.file_name());
        if path.is_dir() {
            found.extend(files(&path, names));
        } else if names.iter().any(|wanted| name == *wanted) {
            found.extend(fs::read(&path).ok().map(|bytes| (path, bytes)));
        }
    }
    found
}

/// Reads the results of a matrix (learning curves, policies, analyses and plan), by path relative
/// to its folder.
fn results(out: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let names = ["events.jsonl", "actor.bpk", "net.bpk", "robustness.json", "plan.json"];
    let files = files(out, &names).into_iter();
    files.map(|(path, bytes)| (path.strip_prefix(out).unwrap().to_owned(), bytes)).collect()
}

fn reported(out: &Path) -> usize {
    files(out, &["events.jsonl"]).values().map(Vec::len).sum()
}

/// Child processes of `parent` that it has not waited for.
fn children(parent: u32) -> Vec<String> {
    let is_child = |id: &String| {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        // The name before it is in parentheses and may contain anything.
        let parent_of = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1));
        parent_of == Some(parent.to_string().as_str())
    };
    let ids = fs::read_dir("/proc").unwrap();
    ids.map(|id| id.unwrap().file_name().to_string_lossy().into_owned()).filter(is_child).collect()
}

/// Kills the matrix alone, as the system does when memory runs out, or with all its runs, as a
/// power failure does.
fn kill(matrix: &mut Child, with_runs: bool) {
    let runs = children(matrix.id());
    matrix.kill().unwrap();
    matrix.wait().unwrap();
    if with_runs {
        for run in runs {
            // The run may already have ended.
            let _ = Command::new("kill").args(["-s", "KILL", &run]).stderr(Stdio::null()).status();
        }
    }
}

#[test]
fn a_matrix_killed_at_random_moments_ends_as_one_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let [suites, whole, killed] = ["suites", "whole", "killed"].map(|name| dir.path().join(name));
    write_suites(&suites, &[("one", ONE), ("two", TWO), ("three", &three())]);
    assert!(quiet(&suites, &whole).status().unwrap().success());
    let expected = results(&whole);
    // Eight runs of the first suite, which the third shares, and two of the second.
    assert_eq!(expected.keys().filter(|path| path.ends_with("events.jsonl")).count(), 10);
    assert_eq!(expected.keys().filter(|path| path.ends_with("robustness.json")).count(), 8);
    assert!(!expected.keys().any(|path| path.starts_with("smoke/three")));

    let total = reported(&whole);
    for (index, with_runs) in [true, false, true].into_iter().enumerate() {
        // A random moment within the next third of all events.
        let random = RandomState::new().hash_one(index) as usize % (total / 3);
        let moment = index * (total / 3) + random;
        let mut matrix = quiet(&suites, &killed).spawn().unwrap();
        while reported(&killed) < moment && matrix.try_wait().unwrap().is_none() {
            thread::yield_now();
        }
        println!("killed at byte {moment} of {total}");
        kill(&mut matrix, with_runs);
    }
    // Runs that outlive their matrix are left to finish.
    let code = loop {
        let code = quiet(&suites, &killed).status().unwrap().code();
        if code != Some(75) {
            break code;
        }
    };
    assert_eq!(code, Some(0));
    let found = results(&killed);
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (path, bytes) in &expected {
        assert!(found[path] == *bytes, "{} differs", path.display());
    }
    let page = fs::read_to_string(killed.join("smoke/report/index.html")).unwrap();
    assert!(page.contains("k4 (2 of 2 seeds)"));
}

#[test]
fn a_matrix_that_was_stopped_continues_and_a_finished_one_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let [suites, out] = ["suites", "out"].map(|name| dir.path().join(name));
    write_suites(&suites, &[("tiny", TINY)]);

    let mut stopped = quiet(&suites, &out).spawn().unwrap();
    while reported(&out) == 0 {
        assert!(stopped.try_wait().unwrap().is_none(), "the runs are under way");
        thread::yield_now();
    }
    signal(&stopped, "INT");
    assert_eq!(stopped.wait().unwrap().code(), Some(130));

    let text = succeed(&mut matrix(&suites, &out));
    assert!(text.starts_with("Scale smoke: 2 runs in "), "{text}");
    assert!(text.contains("2 runs to go: about "), "{text}");
    assert!(text.contains("2 runs: 2 done\n"), "{text}");
    assert!(text.contains("smoke/report/index.html"), "{text}");

    let before = snapshot(&out);
    let text = succeed(&mut matrix(&suites, &out));
    assert!(text.contains("All runs are done; their settings are checked again."), "{text}");
    assert!(text.contains("2 runs: 2 done\n"), "{text}");
    assert_eq!(snapshot(&out), before);
}

#[test]
fn numbers_are_relative_to_the_reference_of_the_suites_that_were_given() {
    let dir = tempfile::tempdir().unwrap();
    let [suites, out, kept] = ["suites", "out", "kept"].map(|name| dir.path().join(name));
    let methods = "reference = \"pmoe-sac\"\nmethods = [\"sac\", \"pmoe-sac\"]";
    let mine = TINY.replace("reference = \"sac\"\nmethods = [\"sac\"]", methods);
    // A built-in suite has this name, and another reference.
    write_suites(&suites, &[("mine", &mine), ("fig5", &mine.replace("[0, 1]", "[0]"))]);
    let text = succeed(&mut matrix(&suites, &out));
    assert!(text.contains("% of pmoe-sac"), "{text}");
    succeed(pmoe().arg("archive").arg(out.join("smoke")).arg(&kept));
    fs::remove_dir_all(&suites).unwrap();
    succeed(pmoe().arg("report").arg(&kept));
    for folder in [&out.join("smoke"), &kept] {
        let numbers = fs::read(folder.join("report/numbers.json")).unwrap();
        let numbers: serde_json::Value = serde_json::from_slice(&numbers).unwrap();
        // Returns near zero are not divided, but every method is compared with the reference, and that with none.
        let is_compared = |suite: &str, method: &str| {
            numbers["numbers"].as_array().unwrap().iter().any(|number| {
                (&number["suite"], &number["method"], &number["quantity"])
                    == (&suite.into(), &method.into(), &"improvement".into())
            })
        };
        for suite in ["mine", "fig5"] {
            assert_eq!(["sac", "pmoe-sac"].map(|method| is_compared(suite, method)), [true, false]);
        }
        succeed(pmoe().arg("verify").arg(folder));
    }
}

#[test]
fn bad_input_is_refused_and_nothing_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let [suites, broken, out] = ["suites", "broken", "out"].map(|name| dir.path().join(name));
    write_suites(&suites, &[("tiny", TINY)]);
    write_suites(&broken, &[("tiny", &TINY.replace("seeds = [0, 1]", "seed = 0"))]);

    let refused = |suites: &Path, arguments: &[&str], words: &[&str]| {
        refuse(matrix(suites, &out).args(arguments), 2, words);
        assert!(!out.exists());
    };
    refused(&suites, &["--only", "tinny"], &["--only", "`tinny`", "did you mean `tiny`?"]);
    refused(&suites, &["--seeds", "7"], &["--seeds", "7", "the seeds are 0, 1"]);
    refused(&suites, &["--max-steps", "50"], &["learning_starts", "100 steps are enough"]);
    refused(&broken, &[], &["tiny.toml", "seed", "seeds"]);
    refused(&dir.path().join("missing"), &[], &["missing"]);
    refuse(pmoe().args(["matrix", "--jobs", "0"]), 2, &["--jobs", "from 1 to 1_000"]);
    refuse(pmoe().args(["matrix", "--preset", "tiny"]), 2, &["smoke", "quick", "paper"]);
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    refuse(&mut matrix(&suites, &file), 2, &["--out: cannot write", "file/smoke"]);
}

#[test]
fn the_committed_suites_are_part_of_the_program() {
    // Outside of any checkout.
    let dir = tempfile::tempdir().unwrap();
    let arguments = ["matrix", "--preset", "smoke", "--only", "fig3/pmoe-sac", "--dry-run"];
    let text = succeed(pmoe().current_dir(dir.path()).args(arguments));
    assert!(text.starts_with("Scale smoke: ") && text.contains("in results/smoke\n"), "{text}");
    assert!(text.contains(" to go: about "), "{text}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_run_of_a_plan_may_be_started_any_number_of_times() {
    let dir = tempfile::tempdir().unwrap();
    let [suites, whole, singly] = ["suites", "whole", "singly"].map(|name| dir.path().join(name));
    write_suites(&suites, &[("tiny", TINY)]);
    assert!(quiet(&suites, &whole).status().unwrap().success());
    let plan = dir.path().join("asked.json");
    fs::copy(whole.join("smoke/plan.json"), &plan).unwrap();
    let in_folder = |index: &str, out: &Path| {
        let mut command = pmoe();
        command.args(["run", "--index", index, "--plan"]).arg(&plan).arg("--out").arg(out);
        command
    };
    let run = |index: &str| {
        let mut command = in_folder(index, &singly);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    };

    // As before the end of a job's time.
    let mut stopped = run("0").spawn().unwrap();
    while reported(&singly) == 0 {
        assert!(stopped.try_wait().unwrap().is_none(), "the run is under way");
        thread::yield_now();
    }
    // Two jobs of one run.
    assert_eq!(run("0").status().unwrap().code(), Some(75));
    signal(&stopped, "USR1");
    assert_eq!(stopped.wait().unwrap().code(), Some(99));
    for index in ["0", "1"] {
        assert_eq!(run(index).status().unwrap().code(), Some(0));
    }
    let expected = results(&whole.join("smoke"));
    let found = results(&singly);
    assert_eq!(found.len() + 1, expected.len(), "all but the plan");
    for (path, bytes) in &found {
        assert!(expected[path] == *bytes, "{} differs", path.display());
    }
    let before = snapshot(&singly);
    assert_eq!(run("0").status().unwrap().code(), Some(0));
    assert_eq!(snapshot(&singly), before);

    refuse(
        pmoe().args(["run", "--index", "-1", "--plan"]).arg(&plan),
        2,
        &["invalid value '-1' for '--index <N>'"],
    );
    let outside = ["--index is 2", "asked.json has 2 runs, from 0"];
    refuse(pmoe().args(["run", "--index", "2", "--plan"]).arg(&plan), 2, &outside);
    refuse(
        pmoe().args(["run", "--index", "0", "--plan", "none.json"]),
        2,
        &["there is no plan none.json"],
    );
    // A run that its settings keep from starting is no business of another start.
    let text = fs::read_to_string(&plan)
        .unwrap()
        .replace("\"batch_size\": \"8\"", "\"batch_size\": \"0\"");
    fs::write(&plan, text).unwrap();
    refuse(&mut in_folder("1", &dir.path().join("other")), 2, &["batch_size"]);
}
