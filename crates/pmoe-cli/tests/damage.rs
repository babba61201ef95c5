//! Damaged run folders: intact parts are used, damaged ones are named, nothing is lost, and the
//! remedy that the program prints works.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{
    Finished, checkpoint, checkpoints, events, manifest, pmoe, policy, refuse, run, snapshot,
    start_until, succeed,
};

const STEPS: u64 = 2000;

/// A run on a fast task, with a checkpoint every 300 steps.
fn train(method: &str, seed: u64, out: &Path) -> Command {
    train_for(STEPS, method, seed, out)
}

fn train_for(steps: u64, method: &str, seed: u64, out: &Path) -> Command {
    let mut command = pmoe();
    command.args([
        "train",
        "--task",
        "TargetReaching-v0",
        "--method",
        method,
        "--progress",
        "json",
    ]);
    command.args(["--seed", &seed.to_string(), "--steps", &steps.to_string(), "--out"]).arg(out);
    let small = if method == "ppo" { common::SMALL_ROLLOUTS } else { common::SMALL };
    for setting in small.iter().chain(common::SMALL_SCHEDULE) {
        command.args(["--set", setting]);
    }
    command
}

/// A run killed after its third checkpoint, and the same run uninterrupted.
struct Killed {
    _dir: tempfile::TempDir,
    whole: PathBuf,
    killed: PathBuf,
}

impl Killed {
    fn new(method: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let [whole, killed] = ["whole", "killed"].map(|name| dir.path().join(name));
        succeed(&mut train(method, 3, &whole));
        let mut child = start_until(&mut train(method, 3, &killed), 1000);
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(checkpoints(&killed).len(), 2);
        Self { _dir: dir, whole, killed }
    }

    /// Copies the killed run, to damage the copy.
    fn copy(&self) -> PathBuf {
        let copy = self.killed.with_extension("copy");
        let _ = fs::remove_dir_all(&copy);
        succeed(Command::new("cp").arg("-r").arg(&self.killed).arg(&copy));
        // Every start removes the files that the kill left half written, even a refused one.
        for entry in fs::read_dir(&copy).unwrap() {
            let entry = entry.unwrap();
            if entry.file_name().to_string_lossy().starts_with(".tmp") {
                fs::remove_file(entry.path()).unwrap();
            }
        }
        copy
    }

    /// Asserts that the copy resumes, prints `words`, and ends like the uninterrupted run.
    #[track_caller]
    fn continues(&self, copy: &Path, words: &[&str]) {
        let Finished { code, stderr, .. } = run(&mut train("sac", 3, copy));
        assert_eq!(code, Some(0), "{stderr}");
        assert!(words.iter().all(|word| stderr.contains(word)), "{words:?}: {stderr}");
        assert_eq!(events(copy), events(&self.whole));
        assert_eq!(policy(copy), policy(&self.whole));
    }

    /// Asserts that the copy is refused with `words` and stays unchanged, and that the advice in
    /// the message works.
    #[track_caller]
    fn is_refused(&self, copy: &Path, words: &[&str]) {
        let before = snapshot(copy);
        let kept = fs::read(copy.join("events.jsonl"));
        let finished = run(&mut train("sac", 3, copy));
        assert_eq!(finished.code, Some(2), "{}", finished.stderr);
        assert!(words.iter().all(|word| finished.stderr.contains(word)), "{}", finished.stderr);
        assert_eq!(snapshot(copy), before);
        follow_the_advice(&finished);
        assert_eq!(events(copy), events(&self.whole));
        assert_eq!(policy(copy), policy(&self.whole));
        if let Ok(kept) = kept {
            assert_eq!(fs::read(copy.join("events.1.jsonl")).unwrap(), kept);
        }
    }
}

/// Runs the command that an error message gives in backquotes.
#[track_caller]
fn follow_the_advice(finished: &Finished) {
    let command = finished.stderr.split('`').nth(1).expect("a command in backquotes");
    let arguments = command.strip_prefix("pmoe ").expect("one of ours");
    let program = env!("CARGO_BIN_EXE_pmoe");
    succeed(Command::new("sh").args(["-c", &format!("'{program}' {arguments}")]));
}

/// The message about a damage, and a function that damages a checkpoint.
type Damage<'a> = (&'a str, &'a dyn Fn(&Path));

/// Length of the events before a checkpoint (bytes).
fn position(checkpoint: &Path) -> usize {
    let progress = fs::read(checkpoint.join("progress.json")).unwrap();
    let progress: serde_json::Value = serde_json::from_slice(&progress).unwrap();
    progress["events"]["bytes"].as_u64().unwrap() as usize
}

#[test]
fn a_damaged_newest_checkpoint_costs_nothing() {
    let killed = Killed::new("sac");
    let damages: [Damage<'_>; 6] = [
        ("has changed", &|newest| {
            let file = newest.join("replay.bin");
            let mut bytes = fs::read(&file).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs::write(file, bytes).unwrap();
        }),
        ("actor.bpk", &|newest| fs::remove_file(newest.join("actor.bpk")).unwrap()),
        ("MANIFEST.json", &|newest| fs::write(newest.join("MANIFEST.json"), "{}").unwrap()),
        ("MANIFEST.json", &|newest| {
            fs::remove_dir_all(newest).unwrap();
            fs::create_dir(newest).unwrap();
        }),
        ("is missing", &|newest| fs::remove_dir_all(newest).unwrap()),
        ("it was written at step", &|newest| {
            fs::rename(newest, newest.with_file_name("step-000000001999")).unwrap();
        }),
    ];
    for (word, damage) in damages {
        let copy = killed.copy();
        let [older, newest] = <[PathBuf; 2]>::try_from(checkpoints(&copy)).unwrap();
        damage(&newest);
        let step = older.file_name().unwrap().to_str().unwrap().trim_start_matches("step-");
        let step = step.trim_start_matches('0');
        killed.continues(&copy, &["warning: ", word, &format!("continuing from step {step}")]);
    }
}

#[test]
fn events_before_the_checkpoint_are_checked() {
    let killed = Killed::new("sac");
    let [older, newest] = [0, 1].map(|index| position(&checkpoints(&killed.killed)[index]));
    let whole = fs::read(killed.killed.join("events.jsonl")).unwrap();
    let line = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let second = line + whole[line..].iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let swapped = [&whole[line..second], &whole[..line], &whole[second..]].concat();
    let changed = |range: std::ops::Range<usize>, byte: u8| {
        let mut bytes = whole.clone();
        bytes[range].fill(byte);
        bytes
    };
    let digit = whole.iter().position(|byte| *byte == b'7').unwrap();
    assert!(digit < older);
    for damaged in [
        changed(digit..digit + 1, b'8'),
        swapped,
        changed(0..line - 1, b' '),
        changed(10..older, 0),
        whole[..older - 1].to_vec(),
        Vec::new(),
    ] {
        let copy = killed.copy();
        fs::write(copy.join("events.jsonl"), damaged).unwrap();
        killed.is_refused(&copy, &["events.jsonl", "cannot be used", "--restart"]);
    }
    // Events after the older checkpoint are rewritten.
    let copy = killed.copy();
    fs::write(copy.join("events.jsonl"), changed(older..newest, b'x')).unwrap();
    killed.continues(&copy, &["warning: ", "events.jsonl has changed"]);

    let copy = killed.copy();
    fs::remove_file(copy.join("events.jsonl")).unwrap();
    refuse(&mut train("sac", 3, &copy), 2, &["events.jsonl", "--restart"]);
    assert!(!copy.join("events.jsonl").exists(), "a missing file is not made");
    killed.is_refused(&copy, &["events.jsonl"]);
}

#[test]
fn a_run_without_its_checkpoints_never_starts_over_by_itself() {
    let killed = Killed::new("sac");
    let damages: [&dyn Fn(&Path); 3] = [
        &|copy| fs::remove_dir_all(copy.join("checkpoint")).unwrap(),
        &|copy| checkpoints(copy).iter().for_each(|path| fs::remove_dir_all(path).unwrap()),
        &|copy| {
            for path in checkpoints(copy) {
                fs::write(path.join("critic.bpk"), "critic").unwrap();
            }
        },
    ];
    for damage in damages {
        let copy = killed.copy();
        damage(&copy);
        killed.is_refused(&copy, &["no checkpoint in", "can be used", "--restart"]);
    }
}

#[test]
fn a_checkpoint_of_another_run_is_refused() {
    let killed = Killed::new("sac");
    let other = killed.killed.with_extension("other");
    let mut child = start_until(&mut train("sac", 4, &other), 1000);
    child.kill().unwrap();
    child.wait().unwrap();
    let foreign = checkpoints(&other).pop().unwrap();
    for name in ["step-000000000900", "step-000000001999"] {
        let copy = killed.copy();
        let place = copy.join("checkpoint").join(name);
        let _ = fs::remove_dir_all(&place);
        succeed(Command::new("cp").arg("-r").arg(&foreign).arg(&place));
        killed.is_refused(&copy, &["belongs to another run"]);
    }
    // Other commands don't use it either.
    succeed(&mut train("sac", 4, &other));
    fs::remove_dir_all(checkpoint(&killed.whole)).unwrap();
    let place = checkpoints(&other).pop().unwrap();
    let place = killed.whole.join("checkpoint").join(place.file_name().unwrap());
    succeed(Command::new("cp").arg("-r").arg(checkpoint(&other)).arg(place));
    refuse(pmoe().arg("evaluate").arg(&killed.whole), 2, &["belongs to another run"]);
    refuse(&mut train("sac", 3, &killed.whole), 2, &["belongs to another run"]);
}

#[test]
fn a_finished_run_is_checked_and_repaired_by_the_advice() {
    for method in ["sac", "ppo"] {
        let dir = tempfile::tempdir().unwrap();
        let [whole, copy] = ["whole", "copy"].map(|name| dir.path().join(name));
        succeed(&mut train(method, 3, &whole));
        let net = if method == "sac" { "actor.bpk" } else { "net.bpk" };
        let edit = |name: &str, old: &str, new: &str| {
            let path = copy.join(name);
            let text = fs::read_to_string(&path).unwrap();
            assert!(text.contains(old), "{name}: no {old}");
            fs::write(path, text.replacen(old, new, 1)).unwrap();
        };
        let damages: [(&str, &dyn Fn()); 10] = [
            ("has changed", &|| edit("events.jsonl", "\"episode\":1,", "\"episode\":2,")),
            ("has changed", &|| fs::write(copy.join("events.jsonl"), "").unwrap()),
            ("events.jsonl", &|| fs::remove_file(copy.join("events.jsonl")).unwrap()),
            (net, &|| fs::write(checkpoint(&copy).join(net), "net").unwrap()),
            (net, &|| fs::remove_file(checkpoint(&copy).join(net)).unwrap()),
            ("is missing", &|| fs::remove_dir_all(checkpoint(&copy)).unwrap()),
            ("`method`", &|| edit("manifest.json", &format!("\"{method}\""), "\"pmoe-sac\"")),
            ("`task`", &|| edit("manifest.json", "TargetReaching-v0", "Hopper-v4")),
            ("`seed`", &|| edit("manifest.json", "\"seed\": 3", "\"seed\": 4")),
            ("manifest.json", &|| fs::write(copy.join("manifest.json"), "{").unwrap()),
        ];
        for (word, damage) in damages {
            let _ = fs::remove_dir_all(&copy);
            succeed(Command::new("cp").arg("-r").arg(&whole).arg(&copy));
            damage();
            let before = snapshot(&copy);
            let finished = run(&mut train(method, 3, &copy));
            assert_eq!(finished.code, Some(2), "{word}: {}", finished.stderr);
            assert!(finished.stderr.contains(word), "{word}: {}", finished.stderr);
            assert_eq!(snapshot(&copy), before);
            follow_the_advice(&finished);
            assert_eq!(events(&copy), events(&whole), "{word}");
            assert_eq!(policy(&copy), policy(&whole), "{word}");
            assert_eq!(manifest(&copy)["status"]["state"], "done");
        }
        // As published, without checkpoints.
        let _ = fs::remove_dir_all(copy.join("checkpoint"));
        let finished = run(&mut train(method, 3, &copy));
        assert_eq!(finished.code, Some(0), "{}", finished.stderr);
        assert!(finished.stderr.ends_with("is already done\n"), "{}", finished.stderr);
        // As earlier versions left it.
        fs::remove_file(copy.join("policy.safetensors")).unwrap();
        let finished = run(&mut train(method, 3, &copy));
        assert_eq!(finished.code, Some(0), "{}", finished.stderr);
        assert!(finished.stderr.contains("policy was not kept"), "{}", finished.stderr);
        let mut evaluate = pmoe();
        refuse(evaluate.arg("evaluate").arg(&copy), 2, &["its policy was not kept"]);
    }
}

/// The advice then contains the larger number of steps.
#[test]
fn more_steps_for_a_damaged_run_are_repaired_by_the_advice() {
    let dir = tempfile::tempdir().unwrap();
    let [less, whole, copy] = ["less", "whole", "copy"].map(|name| dir.path().join(name));
    let longer = |out: &Path| train_for(STEPS + 600, "ppo", 3, out);
    let damages: [Damage<'_>; 5] = [
        ("events.jsonl", &|run| fs::write(run.join("events.jsonl"), "").unwrap()),
        ("net.bpk", &|run| fs::remove_file(checkpoint(run).join("net.bpk")).unwrap()),
        ("config.toml", &|run| fs::write(run.join("config.toml"), "seed = ").unwrap()),
        ("manifest.json", &|run| fs::write(run.join("manifest.json"), "{").unwrap()),
        // As if starting over with more steps had been interrupted.
        ("config.toml", &|run| fs::rename(run.join("config.toml"), run.join("config.1")).unwrap()),
    ];
    succeed(&mut train("ppo", 3, &less));
    succeed(&mut longer(&whole));
    for (word, damage) in damages {
        let _ = fs::remove_dir_all(&copy);
        succeed(Command::new("cp").arg("-r").arg(&less).arg(&copy));
        damage(&copy);
        let before = snapshot(&copy);
        let finished = run(&mut longer(&copy));
        assert_eq!(finished.code, Some(2), "{word}: {}", finished.stderr);
        assert!(finished.stderr.contains(word), "{word}: {}", finished.stderr);
        assert_eq!(snapshot(&copy), before);
        follow_the_advice(&finished);
        assert_eq!(events(&copy), events(&whole), "{word}");
        assert_eq!(manifest(&copy)["total_steps"], STEPS + 600);
        succeed(&mut longer(&copy));
    }
}

#[test]
fn events_that_change_while_the_run_is_under_way_are_not_blessed() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = start_until(&mut train("sac", 3, dir.path()), 600);
    let file = fs::File::options().write(true).open(dir.path().join("events.jsonl")).unwrap();
    file.write_at(b" ", 0).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    refuse(&mut train("sac", 3, dir.path()), 2, &["events.jsonl has changed", "--restart"]);
}

#[test]
fn a_finished_run_of_an_earlier_version_stays_finished() {
    let dir = tempfile::tempdir().unwrap();
    succeed(&mut train("sac", 3, dir.path()));
    let earlier = r#"{"actor.bpk": "559950c1", "progress.json": "6b4c67e5"}"#;
    fs::write(checkpoint(dir.path()).join("MANIFEST.json"), earlier).unwrap();
    let before = snapshot(dir.path());
    let Finished { code, stderr, .. } = run(&mut train("sac", 3, dir.path()));
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stderr.contains("already done") && stderr.contains("another version"), "{stderr}");
    let mut evaluate = pmoe();
    refuse(evaluate.arg("evaluate").arg(dir.path()), 2, &["another version of this program"]);
    assert_eq!(snapshot(dir.path()), before);
}

#[test]
fn a_damaged_config_is_restored_by_starting_over() {
    let dir = tempfile::tempdir().unwrap();
    succeed(&mut train("sac", 3, dir.path()));
    let config = dir.path().join("config.toml");
    let whole = fs::read_to_string(&config).unwrap();
    fs::write(&config, "seed = ").unwrap();
    let finished = run(&mut train("sac", 3, dir.path()));
    assert_eq!(finished.code, Some(2));
    assert!(finished.stderr.contains("config.toml"), "{}", finished.stderr);
    follow_the_advice(&finished);
    assert_eq!(fs::read_to_string(&config).unwrap(), whole);
    assert_eq!(fs::read_to_string(dir.path().join("config.1.toml")).unwrap(), "seed = ");

    // `--restart` does not touch another run's folder.
    let before = snapshot(dir.path());
    refuse(train("sac", 4, dir.path()).arg("--restart"), 2, &["another config", "`seed`"]);
    assert_eq!(snapshot(dir.path()), before);
}

#[test]
fn another_build_is_said_and_recorded() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = start_until(&mut train("sac", 3, dir.path()), 700);
    child.kill().unwrap();
    child.wait().unwrap();
    let path = dir.path().join("manifest.json");
    let mut first = manifest(dir.path());
    for place in ["/provenance", "/attempts/0/provenance"] {
        *first.pointer_mut(&format!("{place}/commit")).unwrap() = "abcdef".into();
        *first.pointer_mut(&format!("{place}/rustc")).unwrap() = "1.0.0".into();
    }
    fs::write(&path, first.to_string()).unwrap();
    let Finished { code, stderr, .. } = run(&mut train("sac", 3, dir.path()));
    assert_eq!(code, Some(0), "{stderr}");
    let said = stderr.lines().find(|line| line.contains("another build")).unwrap();
    assert!(said.contains("commit abcdef") && said.contains("rustc 1.0.0 → "), "{said}");
    let manifest = manifest(dir.path());
    let commit = |attempt: usize| &manifest["attempts"][attempt]["provenance"]["commit"];
    assert_eq!(commit(0), "abcdef");
    assert_eq!(commit(1), &manifest["provenance"]["commit"]);
}
