//! `pmoe archive` and `pmoe gallery`: what is kept, what reads it, and what is refused.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![cfg(feature = "experiments")]

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::{SMALL, SMALL_SCHEDULE, pmoe, refuse, snapshot, succeed};

/// A small run on the task that is drawn without graphics.
fn train(out: &Path, more: &[&str]) -> Command {
    let mut command = pmoe();
    command.args(["train", "--task", "TargetReaching-v0", "--method", "sac", "--steps", "400"]);
    command.args(["--progress", "none", "--out"]).arg(out).args(more);
    for setting in SMALL.iter().chain(SMALL_SCHEDULE) {
        command.args(["--set", setting]);
    }
    command
}

#[test]
fn an_archive_serves_whoever_reads_runs() {
    let dir = tempfile::tempdir().unwrap();
    let [runs, kept] = ["runs", "kept/runs"].map(|name| dir.path().join(name));
    for seed in ["0", "1"] {
        let out = runs.join(format!("sac/TargetReaching-v0/seed_{seed}"));
        succeed(&mut train(&out, &["--seed", seed]));
    }
    let archive = || {
        let mut command = pmoe();
        command.arg("archive").args([&runs, &kept]);
        command
    };
    let before = snapshot(&runs);
    assert!(succeed(&mut archive()).contains("2 runs archived"));
    assert!(succeed(&mut archive()).contains("0 runs archived (0 bytes), 2 were there"));
    assert_eq!(snapshot(&runs), before);

    let run = kept.join("sac/TargetReaching-v0/seed_0");
    for arguments in
        [&["evaluate", "--episodes=1"][..], &["export"], &["package", "--episodes=1", "--no-clip"]]
    {
        let mut command = pmoe();
        command.args(arguments).arg(&run);
        match arguments[0] {
            "export" => command.arg("--output").arg(dir.path().join("policy.onnx")),
            "package" => command.arg("--out").arg(dir.path().join("hub")),
            _ => &mut command,
        };
        succeed(&mut command);
    }
    for folder in [&runs, &kept] {
        succeed(pmoe().arg("report").arg(folder));
        succeed(pmoe().arg("verify").arg(folder));
        succeed(pmoe().args(["watch", "--once"]).arg(folder));
    }
    let table = |folder: &Path| fs::read(folder.join("report/tables/curves.csv")).unwrap();
    assert_eq!(table(&runs), table(&kept));
    // It is finished, and can't be trained on.
    let out = run.to_str().unwrap();
    succeed(&mut train(&run, &["--seed", "0"]));
    let before = snapshot(&run);
    let mut longer = train(&run, &["--seed", "0"]);
    longer.args(["--set", "schedule.total_steps=800"]);
    refuse(&mut longer, 2, &[out]);
    assert_eq!(snapshot(&run), before);
}

#[test]
fn an_archive_goes_on_after_a_broken_run_and_never_lies_in_what_it_keeps() {
    let dir = tempfile::tempdir().unwrap();
    let [runs, kept] = ["runs", "kept"].map(|name| dir.path().join(name));
    let run = |seed: u32| runs.join(format!("sac/TargetReaching-v0/seed_{seed}"));
    for seed in 0..3 {
        succeed(&mut train(&run(seed), &["--seed", &seed.to_string()]));
    }
    fs::write(run(1).join("events.jsonl"), "").unwrap();
    let archive = |to: &Path| {
        let mut command = pmoe();
        command.arg("archive").arg(&runs).arg(to);
        command
    };
    let inside = runs.join("kept");
    refuse(&mut archive(&inside), 2, &["runs/kept lies in", "would archive it as well"]);
    assert!(!inside.exists());
    refuse(&mut archive(&kept), 2, &["seed_1"]);
    let names = fs::read_dir(kept.join("sac/TargetReaching-v0")).unwrap();
    assert_eq!(names.count(), 2);
}

#[test]
fn bad_folders_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let [empty, to] = ["empty", "to"].map(|name| dir.path().join(name));
    fs::create_dir(&empty).unwrap();
    for command in ["archive", "gallery"] {
        let more: &[&Path] = if command == "archive" { &[&to] } else { &[] };
        refuse(pmoe().arg(command).arg(&empty).args(more), 2, &["has no runs"]);
        let none = dir.path().join("none");
        refuse(pmoe().arg(command).arg(none).args(more), 2, &["there is no such folder"]);
        assert!(!to.exists());
    }
}

#[test]
fn a_gallery_has_the_best_seed_of_each_method() {
    if Command::new("ffmpeg").arg("-version").output().is_err() {
        assert!(std::env::var_os("PMOE_REQUIRE_RENDER").is_none(), "ffmpeg is not installed");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    for seed in ["0", "1"] {
        let out = dir.path().join(format!("sac/TargetReaching-v0/seed_{seed}"));
        succeed(&mut train(&out, &["--seed", seed]));
    }
    // Runs with names of their own are no seeds of each other.
    for name in ["mine", "other"] {
        let run = dir.path().join("flat").join(name);
        succeed(&mut train(&run, &["--seed", "0"]));
    }
    let flat = succeed(pmoe().arg("gallery").arg(dir.path().join("flat")));
    assert!(flat.contains("2 clips drawn, 0 were there"), "{flat}");
    // A clip of an earlier policy is set aside.
    let longer = dir.path().join("flat/mine");
    let keeping = ["--seed", "0", "--keep-replay", "--restart"];
    succeed(&mut train(&longer, &keeping));
    succeed(pmoe().arg("gallery").arg(&longer));
    let more = ["--seed", "0", "--keep-replay", "--set", "schedule.total_steps=800"];
    succeed(&mut train(&longer, &more));
    assert!(!longer.join("clip.mp4").exists() && longer.join("clip.1.mp4").exists());
    fs::remove_dir_all(dir.path().join("flat")).unwrap();

    let gallery = || succeed(pmoe().arg("gallery").arg(dir.path()));
    assert!(gallery().contains("1 clips drawn, 0 were there"));
    assert!(gallery().contains("0 clips drawn, 1 were there"));
    let clips = ["0", "1"]
        .map(|seed| dir.path().join(format!("sac/TargetReaching-v0/seed_{seed}/clip.mp4")));
    let (best, other) =
        if clips[0].exists() { (&clips[0], &clips[1]) } else { (&clips[1], &clips[0]) };
    fs::copy(best, other).unwrap();
    assert!(gallery().contains("clip.mp4 removed: another seed is better"));
    assert!(best.exists() && !other.exists());
    // Without its policy, a run's clip can't be drawn again.
    fs::copy(best, other).unwrap();
    let [policy, aside] = ["policy.safetensors", "aside"].map(|name| other.with_file_name(name));
    fs::rename(&policy, &aside).unwrap();
    assert!(!gallery().contains("removed") && other.exists());
    fs::rename(aside, policy).unwrap();
    assert!(gallery().contains("removed") && !other.exists());
    let models = dir.path().join("models");
    let mut gallery = pmoe();
    gallery.arg("gallery").arg(dir.path()).arg("--models").arg(&models);
    succeed(&mut gallery);
    let model = models.join("sac/TargetReaching-v0");
    let card = fs::read_to_string(model.join("README.md")).unwrap();
    assert!(card.contains("\n[An episode of the policy](replay.mp4)\n"), "{card}");
    assert!(model.join("replay.mp4").is_file() && !model.join("replay.gif").exists());
    let before = snapshot(&models);
    succeed(&mut gallery);
    assert_eq!(snapshot(&models), before);
    let config = model.join("config.toml");
    fs::write(&config, fs::read_to_string(&config).unwrap() + "# another\n").unwrap();
    refuse(&mut gallery, 2, &["sac/TargetReaching-v0 holds another policy than the best"]);
    fs::remove_dir_all(&models).unwrap();

    succeed(pmoe().arg("report").arg(dir.path()));
    let page = fs::read_to_string(dir.path().join("report/index.html")).unwrap();
    assert_eq!(page.matches("<video ").count(), 1);
}
