//! Run folders with other contents, such as the user's files, links and left-overs; more steps for
//! a finished run; and starting from another run's policy.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::fs;
use std::io::{Seek, Write};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use common::{
    checkpoint, checkpoints, events, manifest, pmoe, policy, refuse, run, signal, snapshot,
    start_until, succeed,
};

fn train(method: &str, steps: u64, out: &Path) -> Command {
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
    command.args(["--seed", "3", "--steps", &steps.to_string(), "--out"]).arg(out);
    let small = if method == "sac" { common::SMALL } else { common::SMALL_ROLLOUTS };
    for setting in small.iter().chain(common::SMALL_SCHEDULE) {
        command.args(["--set", setting]);
    }
    command
}

#[test]
fn other_peoples_files_are_not_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let victim = dir.path().join("victim");
    fs::write(&victim, "precious").unwrap();
    let folder = dir.path().join("run");
    let cases: [(&str, &dyn Fn()); 5] = [
        ("events.jsonl", &|| {
            fs::write(folder.join("lock"), "precious").unwrap();
            fs::write(folder.join("events.jsonl"), "x").unwrap();
        }),
        ("lock", &|| fs::write(folder.join("lock"), "precious").unwrap()),
        ("lock", &|| symlink("../victim", folder.join("lock")).unwrap()),
        ("events.jsonl", &|| symlink("../victim", folder.join("events.jsonl")).unwrap()),
        ("checkpoint", &|| symlink("..", folder.join("checkpoint")).unwrap()),
    ];
    for (word, case) in cases {
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).unwrap();
        case();
        let listing = || {
            let entries = fs::read_dir(&folder).unwrap();
            let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            names
        };
        let (before, lock) = (listing(), fs::read(folder.join("lock")).ok());
        refuse(&mut train("sac", 500, &folder), 2, &[word]);
        assert_eq!((listing(), fs::read(folder.join("lock")).ok()), (before, lock));
        assert_eq!(fs::read(&victim).unwrap(), b"precious");
    }
    // The same inside a run folder.
    fs::remove_dir_all(&folder).unwrap();
    let mut child = start_until(&mut train("sac", 3000, &folder), 500);
    child.kill().unwrap();
    child.wait().unwrap();
    fs::rename(folder.join("events.jsonl"), dir.path().join("kept")).unwrap();
    symlink("../victim", folder.join("events.jsonl")).unwrap();
    refuse(&mut train("sac", 3000, &folder), 2, &["events.jsonl", "link"]);
    assert_eq!(fs::read(&victim).unwrap(), b"precious");
    fs::rename(dir.path().join("kept"), folder.join("events.jsonl")).unwrap();
    fs::create_dir(dir.path().join("elsewhere")).unwrap();
    symlink("../../elsewhere", folder.join("checkpoint/.step-000000003000.part")).unwrap();
    run(&mut train("sac", 3000, &folder));
    assert_eq!(fs::read_dir(dir.path().join("elsewhere")).unwrap().count(), 0);
}

#[test]
fn a_run_folder_may_be_a_link() {
    let dir = tempfile::tempdir().unwrap();
    let [scratch, link] = ["scratch", "link"].map(|name| dir.path().join(name));
    fs::create_dir(&scratch).unwrap();
    symlink(&scratch, &link).unwrap();
    succeed(&mut train("sac", 500, &link));
    succeed(&mut train("sac", 500, &scratch));
    assert_eq!(manifest(&scratch)["status"]["state"], "done");
}

#[test]
fn run_folders_do_not_nest() {
    let dir = tempfile::tempdir().unwrap();
    let outer = dir.path().join("outer");
    succeed(&mut train("sac", 500, &outer));
    let before = snapshot(dir.path());
    refuse(&mut train("sac", 500, &outer.join("inner")), 2, &["it is inside the run folder"]);
    refuse(&mut train("sac", 500, dir.path()), 2, &["it contains the run folder", "outer"]);
    assert_eq!(snapshot(dir.path()), before);
}

#[test]
fn left_overs_go_and_the_users_files_stay() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = start_until(&mut train("sac", 3000, dir.path()), 700);
    child.kill().unwrap();
    child.wait().unwrap();
    let folder = dir.path().join("checkpoint");
    let newest = checkpoints(dir.path()).pop().unwrap();
    let copy = folder.join(format!("{}-copy", newest.file_name().unwrap().to_str().unwrap()));
    succeed(Command::new("cp").arg("-r").arg(&newest).arg(&copy));
    fs::write(folder.join("step-000000000300.tar"), "a backup").unwrap();
    fs::write(dir.path().join(".tmpAbC123"), "half").unwrap();
    fs::write(folder.join(".tmpAbC123"), "half").unwrap();
    fs::create_dir(folder.join(".step-000000000900.part")).unwrap();
    let backup = snapshot(&copy);
    succeed(&mut train("sac", 3000, dir.path()));
    assert_eq!(snapshot(&copy), backup);
    assert_eq!(fs::read(folder.join("step-000000000300.tar")).unwrap(), b"a backup");
    for gone in [".tmpAbC123", "checkpoint/.tmpAbC123", "checkpoint/.step-000000000900.part"] {
        assert!(!dir.path().join(gone).exists(), "{gone}");
    }
}

#[test]
fn a_finished_run_goes_on_where_that_is_exact() {
    let dir = tempfile::tempdir().unwrap();
    // On-policy methods are fast; with more steps they are still running when signalled.
    let cases = [
        ("ppo", None, [8_000, 9_000, 60_000]),
        ("dac", None, [8_000, 9_000, 60_000]),
        ("sac", Some("--keep-replay"), [800, 900, 2_600]),
    ];
    for (method, keep, [first, moment, all]) in cases {
        let [whole, more] = ["whole", "more"].map(|name| dir.path().join(method).join(name));
        // Multiples of eval_every, but of rollouts only by chance.
        let train = |steps: u64, out: &Path| {
            let mut command = train(method, steps, out);
            command.args(keep).args(["--set", "schedule.eval_every=400"]);
            command
        };
        succeed(&mut train(all, &whole));
        succeed(&mut train(first, &more));
        assert_eq!(manifest(&more)["status"]["state"], "done");
        // Also if stopped on the way.
        let mut child = start_until(&mut train(all, &more), moment);
        signal(&child, "TERM");
        assert_eq!(child.wait().unwrap().code(), Some(99));
        succeed(&mut train(all, &more));
        assert_eq!(events(&more), events(&whole), "{method}");
        assert_eq!(policy(&more), policy(&whole), "{method}");
        let manifest = manifest(&more);
        assert_eq!(manifest["total_steps"], all);
        let config = fs::read_to_string(more.join("config.toml")).unwrap();
        assert_eq!(config, fs::read_to_string(whole.join("config.toml")).unwrap());
        assert_eq!(manifest["attempts"][1]["from_step"], first);
    }
}

#[test]
fn a_finished_run_that_cannot_go_on_says_why_and_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let cases: [(&str, u64, &[&str], &str); 3] = [
        ("sac", 800, &[], "--keep-replay"),
        ("ppo", 700, &[], "schedule.eval_every is 400"),
        ("ppo", 800, &["--set", "anneal_lr=true"], "anneal_lr"),
    ];
    for (index, (method, steps, more, word)) in cases.into_iter().enumerate() {
        let folder = dir.path().join(index.to_string());
        let command = |steps: u64| {
            let mut command = train(method, steps, &folder);
            command.args(more);
            command
        };
        succeed(&mut command(steps));
        let before = snapshot(&folder);
        refuse(&mut command(1500), 2, &[word, "--out", "--from"]);
        // Fewer steps, or other changed settings, make it a different run.
        refuse(&mut command(steps - 100), 2, &["another config", "total_steps"]);
        refuse(command(1500).args(["--set", "gamma=0.5"]), 2, &["another config", "gamma"]);
        assert_eq!(snapshot(&folder), before);
    }
    let folder = dir.path().join("1");
    fs::remove_dir_all(checkpoint(&folder)).unwrap();
    fs::remove_file(folder.join("checkpoint/newest")).unwrap();
    refuse(&mut train("ppo", 1500, &folder), 2, &["schedule.eval_every", "--out"]);
}

#[test]
fn a_run_can_start_from_anothers_policy() {
    let dir = tempfile::tempdir().unwrap();
    for (method, steps) in [("sac", 2_600), ("ppo", 60_000)] {
        let [first, second, again, plain] =
            ["first", "second", "again", "plain"].map(|name| dir.path().join(method).join(name));
        succeed(&mut train(method, 1000, &first));
        let from = |out: &Path| {
            let mut command = train(method, steps, out);
            command.arg("--from").arg(&first);
            command
        };
        succeed(&mut from(&second));
        let mut child = start_until(&mut from(&again), 1);
        child.kill().unwrap();
        child.wait().unwrap();
        succeed(&mut from(&again));
        assert_eq!(events(&again), events(&second));
        succeed(&mut train(method, steps, &plain));
        assert_ne!(events(&plain), events(&second));
        // The new run's first evaluation is that of the old policy.
        let start = |run: &Path| events(run).lines().next().unwrap().to_owned();
        assert_ne!(start(&plain), start(&second));
        let config = fs::read_to_string(second.join("config.toml")).unwrap();
        assert!(config.contains("[from]"), "{config}");

        // A different starting policy makes it a different run.
        refuse(&mut train(method, steps, &second), 2, &["another config", "from"]);
        refuse(&mut from(&plain), 2, &["another config", "from"]);
    }
    let [sac, other] = ["sac/first", "other"].map(|name| dir.path().join(name));
    refuse(train("ppo", 500, &other).arg("--from").arg(&sac), 2, &["cannot use the policy of"]);
    refuse(train("ppo", 500, &other).args(["--from", "nowhere"]), 2, &["nowhere"]);
    let mut wider = train("sac", 500, &other);
    wider.args(["--set", "hidden=[32,16]"]).arg("--from").arg(&sac);
    refuse(&mut wider, 2, &["cannot use the policy of"]);
    assert!(!other.exists());
}

#[test]
fn a_run_whose_folder_another_machine_took_stops_and_leaves_it_alone() {
    const OWNER: &str = "process 7 on another.machine";
    let dir = tempfile::tempdir().unwrap();
    let [whole, cut_off] = ["whole", "cut_off"].map(|name| dir.path().join(name));
    let steps = 8000;
    let train = |out: &Path| {
        let mut command = train("sac", steps, out);
        command.args(["--set", "schedule.checkpoint_every=100000", "--track", "tensorboard"]);
        command
    };
    // What is on its way to the disk for a rename does not arrive.
    let snapshot = || {
        let mut files = snapshot(&cut_off);
        files.retain(|path, _| !path.file_name().unwrap().to_str().unwrap().starts_with(".tmp"));
        files
    };
    let child = start_until(&mut train(&cut_off), 400);
    // This machine is cut off, and another takes the run.
    signal(&child, "STOP");
    let lock = cut_off.join("lock");
    for lock in [&lock, &cut_off.join("tensorboard/lock")] {
        fs::write(lock, format!("{OWNER}\nkey 0\n")).unwrap();
    }
    let before = snapshot();
    signal(&child, "CONT");
    let end = child.wait_with_output().unwrap();
    assert_eq!(end.status.code(), Some(75));
    assert_eq!(snapshot(), before);
    assert_eq!(fs::read_to_string(&lock).unwrap(), format!("{OWNER}\nkey 0\n"));
    assert_eq!(manifest(&cut_off)["status"]["state"], "running");

    // While the other is at work, nobody else is.
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut file = fs::File::options().write(true).open(&lock).unwrap();
            for beats in 1.. {
                file.rewind().unwrap();
                file.write_all(format!("{OWNER}\nkey {beats}\n").as_bytes()).unwrap();
                if is_over.load(Ordering::Relaxed) {
                    break;
                }
                thread::yield_now();
            }
        });
        let refused = run(train(&cut_off).stdout(Stdio::null()));
        is_over.store(true, Ordering::Relaxed);
        assert_eq!(refused.code, Some(75), "{}", refused.stderr);
        for words in ["not left in order", "in use by process 7 on another.machine"] {
            assert!(refused.stderr.contains(words), "no `{words}` in: {}", refused.stderr);
        }
    });
    assert_eq!(snapshot(), before);
    // It leaves; then the run goes on as if nothing had been.
    for lock in [&lock, &cut_off.join("tensorboard/lock")] {
        fs::write(lock, "").unwrap();
    }
    succeed(&mut train(&cut_off));
    succeed(&mut train(&whole));
    assert_eq!(events(&cut_off), events(&whole));
}
