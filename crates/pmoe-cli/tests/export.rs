//! `pmoe export`: formats, names of files, and what is refused. The Python package's tests compare what the files compute.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{pmoe, refuse, snapshot, succeed, train};

/// A folder with a finished run of this method.
fn trained(method: &str) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    succeed(&mut train(method, 400, &run));
    (dir, run)
}

fn export(run: &Path, arguments: &[&str]) -> Command {
    let mut command = pmoe();
    command.arg("export").arg(run).args(arguments).current_dir(run.parent().unwrap());
    command
}

/// Whether a file begins as those of this format do.
fn is(format: &str, path: &Path) -> bool {
    let bytes = fs::read(path).unwrap();
    match format {
        // The first field of the message: a version.
        "onnx" => bytes.starts_with(&[8, 8]),
        // The archive of the first file's header.
        "torch" => bytes.starts_with(b"PK\x03\x04"),
        "safetensors" => bytes[8..].starts_with(b"{\"__metadata__\""),
        other => panic!("no format {other}"),
    }
}

#[test]
fn the_format_is_asked_for_or_that_of_the_ending() {
    let (dir, run) = trained("pmoe-sac");
    let before = snapshot(&run);
    let cases: &[(&[&str], &str, &str)] = &[
        (&[], "policy.safetensors", "safetensors"),
        (&["--format", "onnx"], "policy.onnx", "onnx"),
        (&["--format", "torch"], "policy.pt", "torch"),
        (&["--format", "safetensors"], "policy.safetensors", "safetensors"),
        (&["--output", "a.onnx"], "a.onnx", "onnx"),
        (&["--output", "a.pt"], "a.pt", "torch"),
        (&["--output", "a.safetensors"], "a.safetensors", "safetensors"),
        (&["--output", "a.bin", "--format", "onnx"], "a.bin", "onnx"),
    ];
    for (arguments, name, format) in cases {
        let path = dir.path().join(name);
        succeed(&mut export(&run, arguments));
        assert!(is(format, &path), "{arguments:?}");
        // The same bytes again.
        let first = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        succeed(&mut export(&run, arguments));
        assert_eq!(fs::read(&path).unwrap(), first, "{arguments:?}");
    }
    assert_eq!(snapshot(&run), before);
    // From a file as from the run.
    let exported = dir.path().join("a.safetensors");
    succeed(&mut export(&exported, &["--output", "b.onnx"]));
    assert_eq!(
        fs::read(dir.path().join("b.onnx")).unwrap(),
        fs::read(dir.path().join("a.onnx")).unwrap()
    );
}

#[test]
fn what_cannot_be_exported_is_refused_and_nothing_is_written() {
    let (dir, run) = trained("sac");
    let before = snapshot(dir.path());
    let refuse = |arguments: &[&str], words: &[&str]| {
        refuse(&mut export(&run, arguments), 2, words);
        assert_eq!(snapshot(dir.path()), before, "{arguments:?}");
    };
    refuse(&["--output", "policy.tflite"], &["policy.tflite", ".onnx, .safetensors or .pt"]);
    refuse(&["--output", "policy"], &["policy", ".onnx, .safetensors or .pt"]);
    refuse(&["--format", "tflite"], &["tflite", "onnx, safetensors, torch"]);
    refuse(&["--primitive", "0"], &["the policy of sac has no primitives to choose from"]);
    refuse(&["--output", "missing/policy.onnx"], &["missing/policy.onnx"]);
    refuse(&["--output", "run/policy.safetensors"], &["is the policy of the run itself"]);
    refuse_run(dir.path(), &["is not a run folder"]);
    refuse_run(&dir.path().join("none"), &["is not a run folder"]);
    // A checkpoint counts before the file that the finished run kept.
    fs::remove_dir_all(run.join("checkpoint")).unwrap();
    let kept = run.join("policy.safetensors");
    let mut bytes = fs::read(&kept).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&kept, bytes).unwrap();
    refuse_run(&run, &["policy.safetensors", "checksum"]);
    refuse_run(&kept, &["policy.safetensors", "checksum"]);
}

fn refuse_run(run: &Path, words: &[&str]) {
    refuse(&mut export(run, &["--output", "never.onnx"]), 2, words);
    assert!(!run.with_file_name("never.onnx").exists());
}

#[test]
fn critics_that_choose_must_be_there() {
    for method in ["pmoe-sac", "pmoe-ppo"] {
        let (dir, run) = trained(method);
        let asks = ["--eval-primitive", "argmax_q", "--output"];
        for name in ["with.onnx", "with.safetensors"] {
            succeed(&mut export(&run, &[&asks[..], &[name]].concat()));
        }
        succeed(&mut export(&run, &["--output", "without.safetensors"]));
        fs::remove_dir_all(run.join("checkpoint")).unwrap();
        let words = ["its critic was not kept", "pmoe retrain"];
        refuse(&mut export(&run, &[&asks[..], &["again.onnx"]].concat()), 2, &words);
        let without = dir.path().join("without.safetensors");
        let words = ["without.safetensors", "it has no critic"];
        refuse(&mut export(&without, &[&asks[..], &["again.onnx"]].concat()), 2, &words);
        // A file whose policy asks its critics has them.
        let with = dir.path().join("with.safetensors");
        succeed(&mut export(&with, &["--output", "again.onnx"]));
        assert_eq!(
            fs::read(dir.path().join("again.onnx")).unwrap(),
            fs::read(dir.path().join("with.onnx")).unwrap(),
            "{method}"
        );
    }
}
