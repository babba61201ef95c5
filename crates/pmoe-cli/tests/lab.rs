//! `pmoe lab`: its tables, files and messages. What the experiments find is tested in pmoe-lab.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::fs;
use std::process::Command;

use common::{pmoe, refuse, succeed};

fn lab(arguments: &[&str]) -> Command {
    let mut command = pmoe();
    command.arg("lab").args(arguments);
    command
}

/// Small forms of the experiments.
const SMALL: [(&str, &[&str]); 3] = [
    ("best-of-k", &["--draws", "2", "--dims", "3", "--samples", "200", "--seeds", "2"]),
    ("stability", &["--samples", "1000"]),
    (
        "two-peaks",
        &["--only", "sac", "--only", "pmoe-sac-marginal", "--updates", "2", "--seeds", "2"],
    ),
];

#[test]
fn each_experiment_prints_a_table_and_writes_the_same_with_a_figure() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("new/lab");
    for (name, options) in SMALL {
        let with_out = [&[name], options, &["--out", out.to_str().unwrap()]].concat();
        let text = succeed(&mut lab(&with_out));
        assert!(text.contains("|---|--:|"), "{text}");
        let file =
            |extension: &str| fs::read_to_string(out.join(name).with_extension(extension)).unwrap();
        assert_eq!(file("md").trim_end(), text.trim_end());
        assert!(file("svg").starts_with("<svg"), "{name}");
        let written: serde_json::Value = serde_json::from_str(&file("json")).unwrap();
        let printed = succeed(&mut lab(&[&[name], options, &["--json"]].concat()));
        let printed: serde_json::Value = serde_json::from_str(&printed).unwrap();
        assert_eq!(written, printed, "{name}: the same numbers each time");
    }
}

#[test]
fn bad_values_are_named() {
    for (arguments, words) in [
        (&["two-peaks", "--only", "pmoe-sac-margnal"][..], "did you mean `pmoe-sac-marginal`?"),
        (&["two-peaks", "--alpha", "0"], "it must be a positive number"),
        (&["two-peaks", "--updates", "0"], "--updates"),
        (&["stability", "--alpha", "nan"], "it must be a positive number"),
        (&["stability", "--samples", "10"], "--samples"),
        (&["best-of-k", "--draws", "0,2"], "--draws"),
        (&["best-of-k", "--samples", "1e6", "--draws", "64"], "may be 20_000_000 at most"),
    ] {
        refuse(&mut lab(arguments), 2, &[words]);
    }
}

#[test]
fn a_folder_that_cannot_be_made_is_known_before_the_work() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let out = file.join("lab");
    for (name, options) in SMALL {
        let arguments = [&[name], options, &["--out", out.to_str().unwrap()]].concat();
        refuse(&mut lab(&arguments), 2, &["cannot write", out.to_str().unwrap()]);
        let message = String::from_utf8(lab(&arguments).output().unwrap().stderr).unwrap();
        assert!(!message.contains("measuring") && !message.contains("training"), "{message}");
    }
}
