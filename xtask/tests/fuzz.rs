//! A small part of `cargo xtask fuzz`, with the same inputs every time.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![cfg(target_os = "linux")]

use std::fs;
use std::process::Command;

fn fuzz(arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    let output = command.arg("fuzz").args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout) + &text(output.stderr))
}

#[test]
fn no_input_causes_a_panic_an_abort_a_hang_or_takes_a_gigabyte() {
    let (code, text) = fuzz(&["--seed", "1", "--cases", "25"]);
    assert_eq!(code, Some(0), "{text}");
    let targets = [
        "config",
        "set",
        "trace",
        "checkpoint",
        "events",
        "mjcf",
        "custom-task",
        "results",
        "archive",
        "lab",
    ];
    for target in targets {
        let line = format!("{target}: 25 cases with seed 1 in ");
        assert!(text.contains(&line), "no `{line}` in: {text}");
    }
}

#[test]
fn a_finding_is_run_again_and_what_is_none_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let (code, text) = fuzz(&["--replay", path]);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("case.json"), "{text}");
    let case =
        r#"{"environment": {}, "arguments": [["config", "check", "a.toml"], ["list", "methods"]]}"#;
    fs::write(folder.path().join("case.json"), case).unwrap();
    fs::write(folder.path().join("a.toml"), "x = ").unwrap();
    let (code, text) = fuzz(&["--replay", path]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("pmoe config check a.toml\npmoe list methods\nnothing found"), "{text}");
    let (code, text) = fuzz(&["--target", "nothing"]);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("checkpoint"), "{text}");
}
