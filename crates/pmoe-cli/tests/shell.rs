//! Completions and manual pages, of every command that `--help` names.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use common::{pmoe, refuse, succeed};

/// The commands below one, itself included, each with the words that lead to it.
fn commands(words: &[String]) -> Vec<Vec<String>> {
    let help = succeed(pmoe().args(words).arg("--help"));
    let mut found = vec![words.to_vec()];
    let (_, list) = help.split_once("\nCommands:\n").unwrap_or_default();
    for line in list.lines().take_while(|line| !line.is_empty()) {
        let name = line.split_whitespace().next().unwrap().to_owned();
        if name != "help" {
            found.extend(commands(&[words, &[name]].concat()));
        }
    }
    found
}

#[test]
fn every_command_has_a_manual_page_with_its_options() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("share/man1");
    succeed(pmoe().args(["man", "--out"]).arg(&folder));
    let all = commands(&[]);
    assert!(all.len() > 25, "{all:?}");
    for words in &all {
        let name = [&["pmoe".to_owned()], &words[..]].concat().join("-");
        let page = fs::read_to_string(folder.join(format!("{name}.1"))).unwrap();
        assert!(page.contains(".SH SYNOPSIS") && page.contains("\\-\\-help"), "{name}: {page}");
    }
    assert_eq!(fs::read_dir(&folder).unwrap().count(), all.len());
    let page = succeed(pmoe().arg("man"));
    assert_eq!(page, fs::read_to_string(folder.join("pmoe.1")).unwrap());
    assert!(page.contains("Exit codes"), "{page}");
}

#[test]
fn a_folder_that_can_not_be_made_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    refuse(pmoe().args(["man", "--out"]).arg(file.join("man")), 2, &["cannot write", "file/man"]);
}

/// Whether the shell accepts a script, which it does not run; `None` if the shell is not here.
fn accepted(shell: &str, script: &str) -> Option<bool> {
    let mut command = Command::new(shell);
    command.arg("-n").stdin(Stdio::piped());
    let mut child = command.spawn().ok()?;
    child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    Some(child.wait().unwrap().success())
}

#[test]
fn completions_know_every_command_and_are_scripts_of_their_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = succeed(pmoe().args(["completions", shell]));
        for words in commands(&[]) {
            assert!(words.iter().all(|word| script.contains(word.as_str())), "{shell}: {words:?}");
        }
        assert!(script.contains("keep-replay"), "{shell}: an option of `train`");
        if ["bash", "zsh", "fish"].contains(&shell) {
            let accepted = accepted(shell, &script);
            assert_ne!(accepted, Some(false), "{shell}");
            assert!(accepted.is_some() || shell != "bash", "the test needs bash");
        }
    }
    refuse(
        pmoe().args(["completions", "tcsh"]),
        2,
        &["bash", "elvish", "fish", "powershell", "zsh"],
    );
}

/// What bash offers for a command line whose last word is being typed.
#[test]
fn bash_completes_commands_options_and_values() {
    let script = succeed(pmoe().args(["completions", "bash"]));
    let complete = |words: &[&str]| {
        let line = format!(
            "COMP_WORDS=({}); COMP_CWORD={}; _pmoe pmoe \"${{COMP_WORDS[-1]}}\" \"${{COMP_WORDS[-2]}}\"; echo \"${{COMPREPLY[@]}}\"",
            words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" "),
            words.len() - 1
        );
        succeed(Command::new("bash").args(["-c", &format!("{script}\n{line}")]))
    };
    assert_eq!(complete(&["pmoe", "trai"]).trim(), "train");
    assert_eq!(complete(&["pmoe", "config", "ch"]).trim(), "check");
    assert_eq!(complete(&["pmoe", "train", "--keep-r"]).trim(), "--keep-replay");
    assert_eq!(complete(&["pmoe", "bench", "update", "--device", "flex-"]).trim(), "flex-plain");
}
