//! `report`, `verify` and `watch` on copies of committed runs, and names in them that contain
//! control characters.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![cfg(target_os = "linux")]

mod common;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{Finished, pmoe, refuse, run, snapshot, succeed};

fn committed(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../results").join(name)
}

fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-r").args([from, to]).status().unwrap().success());
}

/// Renames the method or the task of a run.
fn rename(run: &Path, from: &str, to: &str) {
    for name in ["manifest.json", "config.toml"] {
        let path = run.join(name);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(&format!("\"{from}\"")), "{name}");
        fs::write(&path, text.replace(&format!("\"{from}\""), &format!("\"{to}\""))).unwrap();
    }
}

#[track_caller]
fn assert_printable(Finished { stdout, stderr, .. }: &Finished) {
    let obeyed = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
    assert!(!stdout.contains(obeyed), "{stdout:?}");
    assert!(!stderr.contains(obeyed), "{stderr:?}");
}

#[test]
fn a_report_that_cannot_be_written_leaves_the_earlier_one_whole() {
    let dir = tempfile::tempdir().unwrap();
    let [results, out] = ["results", "out"].map(|name| dir.path().join(name));
    copy(&committed("td3-300k"), &results);
    let report = |from: &Path| {
        let mut report = pmoe();
        report.arg("report").arg(from).arg("--out").arg(&out);
        report
    };
    succeed(&mut report(&results));
    let before = snapshot(&out);
    // The other runs have other figures. The limit, which stands for a full disk, is below their largest file alone.
    let unlimited = report(&committed("ppo-family-300k"));
    let mut limited = Command::new("sh");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 100; exec \"$@\"", "sh"]);
    limited.arg(unlimited.get_program()).args(unlimited.get_args());
    refuse(&mut limited, 2, &["cannot write", "File too large"]);
    assert_eq!(snapshot(&out), before);
}

#[test]
fn a_copy_of_committed_results_agrees_from_wherever_it_is_looked_at() {
    let dir = tempfile::tempdir().unwrap();
    copy(&committed("hopper-300k"), &dir.path().join("copy"));
    fs::create_dir(dir.path().join("other")).unwrap();
    symlink("copy", dir.path().join("link")).unwrap();
    let report = "../copy/report";
    for (from, name) in
        [(".", "copy"), ("other", "../copy"), ("copy", "."), ("other", report), (".", "link")]
    {
        let mut verify = pmoe();
        verify.args(["verify", name]).current_dir(dir.path().join(from));
        assert!(succeed(&mut verify).contains("all agree"), "{name} from {from}");
    }
    let mut elsewhere = pmoe();
    elsewhere.args(["verify", dir.path().to_str().unwrap()]).current_dir("/");
    assert!(succeed(&mut elsewhere).contains("all agree"));
}

#[test]
fn no_text_of_a_file_or_an_argument_is_an_order_to_the_terminal() {
    let dir = tempfile::tempdir().unwrap();
    let results = dir.path().join("r\u{1b}[31m\u{9b}2J");
    copy(&committed("hopper-300k"), &results);
    // The escapes are valid in both JSON and TOML.
    let odd = r"x\u001b[31m\u009b2J\u0007\r\nall agree\u202e";
    rename(&results.join("sac/Hopper-v4/seed_0"), "sac", odd);
    rename(&results.join("sac/Hopper-v4/seed_1"), "Hopper-v4", odd);
    fs::write(results.join("pmoe-sac/Hopper-v4/seed_0/manifest.json"), "{\u{1b}[2J").unwrap();
    for arguments in [
        &["watch", "--once"][..],
        &["watch", "--json"],
        &["verify"],
        &["verify", "--json"],
        &["report"],
        &["report", "--json"],
    ] {
        let mut command = pmoe();
        let finished = run(command.args(arguments).arg(&results).current_dir(dir.path()));
        assert_printable(&finished);
        assert!(finished.stdout.contains("x") && finished.stderr.is_empty(), "{arguments:?}");
        let is_said = finished.stdout.lines().any(|line| line.starts_with("all agree"));
        assert!(!is_said || arguments[0] == "report", "a name is a line of its own");
    }
    let nowhere = "no\u{1b}[31m\u{9b}2Jwhere\u{202e}";
    let flag = &format!("--{nowhere}");
    for arguments in [
        &["report", nowhere][..],
        &["watch", "--once", nowhere],
        &["verify", nowhere],
        &["evaluate", nowhere],
        &["report", flag],
        &[nowhere],
        &["train", "--method", nowhere, "--task", "Hopper-v4", "--out", "x"],
        &["train", "--method", "sac", "--task", nowhere, "--out", "x"],
    ] {
        let finished = run(pmoe().args(arguments).current_dir(dir.path()));
        assert_eq!(finished.code, Some(2), "{arguments:?}: {}", finished.stderr);
        assert_printable(&finished);
        assert!(finished.stderr.contains("2Jwhere"), "{arguments:?}: {}", finished.stderr);
    }
}

#[test]
fn a_link_in_the_place_of_the_report_is_followed_on_demand_alone() {
    let dir = tempfile::tempdir().unwrap();
    let results = dir.path().join("results");
    copy(&committed("hopper-300k"), &results);
    fs::remove_dir_all(results.join("report")).unwrap();
    let mine = dir.path().join("mine");
    fs::create_dir(&mine).unwrap();
    fs::write(mine.join("index.html"), "precious").unwrap();
    symlink(&mine, results.join("report")).unwrap();
    let refused = run(pmoe().arg("report").arg(&results));
    assert_eq!(refused.code, Some(2));
    assert!(
        refused.stderr.contains("is a link") && refused.stderr.contains("--out"),
        "{}",
        refused.stderr
    );
    assert_eq!(fs::read(mine.join("index.html")).unwrap(), b"precious");
    assert_eq!(fs::read_dir(&mine).unwrap().count(), 1);
    succeed(pmoe().arg("report").arg(&results).arg("--out").arg(results.join("report")));
    assert!(mine.join("numbers.json").is_file());
}
