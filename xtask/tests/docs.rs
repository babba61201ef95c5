//! The commands in README.md, CONTRIBUTING.md and docs are commands that work.
//!
//! Blocks marked `sh` are run by bash, page by page in a folder of its own, with programs in place of `pmoe`, `cargo`
//! and the like: each checks that the command line is one that the program takes. `pmoe` then does it, in miniature: a
//! run has a thousandth of its steps. What is not even done in miniature is in [`ONLY_PARSED`]. Commands in lines of
//! text are checked alike, and not done.
//!
//! Blocks of Python are run by the tests of the Python package, crates/pmoe-py/tests/test_docs.py.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![cfg(target_os = "linux")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Commands of `pmoe` that are checked, but not done, and who does them.
const ONLY_PARSED: [(&str, &str); 8] = [
    ("matrix", "takes a quarter of an hour; a step of `cargo xtask ci`"),
    ("run", "needs a matrix's plan; crates/pmoe-cli/tests/matrix.rs"),
    ("watch", "needs a terminal; crates/pmoe-cli/tests/watch.rs"),
    ("gallery", "needs a graphics device; crates/pmoe-cli/tests/archive.rs"),
    ("lab", "takes minutes; crates/pmoe-cli/tests/lab.rs"),
    ("regress", "needs two folders of several seeds; crates/pmoe-cli/tests/regress.rs"),
    ("sweep", "needs Python; crates/pmoe-py/tests/test_sweep.py"),
    ("track", "needs Python, for most; crates/pmoe-py/tests/test_track.py"),
];

/// Stands in for a program. It notes the command line in `$DOCS_LOG`, and `pmoe` does it.
const STAND_IN: &str = r#"#!/bin/bash
set -euo pipefail
name=${0##*/}
( IFS=$'\x1f'; printf '%s\n' "$name"$'\x1f'"$*" >> "$DOCS_LOG" )
case $name in
cargo)
    # `test` passes on what follows.
    if [ "${1-}" = xtask ] && [ "${2-}" != test ]; then
        "$DOCS_XTASK" "${@:2}" --help > /dev/null
    fi
    exit ;;
pmoe) ;;
*) exit ;;
esac
"$DOCS_PMOE" "$@" --help > /dev/null
if [ -n "${DOCS_ONLY_PARSED-}" ] || [[ " $DOCS_NOT_DONE " == *" ${1-} "* ]]; then
    exit
fi
case "$*" in
train*) ;;
*"--kind primitives"*) exec "$DOCS_PMOE" "$@" --set states=200 --set perplexity=20 --set iterations=260 ;;
"render "* | "env render "*)
    error=$("$DOCS_PMOE" "$@" --width 64 --height 64 2>&1) && exit
    echo "$error" >&2
    # As in the tests of pictures: without a graphics device or ffmpeg it is enough that the program says so.
    [ -z "${PMOE_REQUIRE_RENDER-}" ] && grep -qE 'no graphics device|`ffmpeg`' <<< "$error"
    exit ;;
*) exec "$DOCS_PMOE" "$@" ;;
esac
small=() steps=() method=
while [ $# -gt 0 ]; do
    case $1 in
    --method) method=$2 ;;
    --steps) steps=("$2") && shift 2 && continue ;;
    --population) small+=(--population 0..2) && shift 2 && continue ;;
    esac
    small+=("$1") && shift
done
# A multiple of 8, for as many environments.
steps=${steps[0]-1000000}
[ "$steps" -lt 10000 ] || steps=$((steps / 8000 * 8))
[ "$steps" -ge 304 ] || steps=304
set=(eval_every=200 eval_episodes=1 log_every=200 checkpoint_every=400)
set=("${set[@]/#/--set=schedule.}")
case $method in
*ppo* | dac) set+=(--set=rollout_steps=128 --set=minibatch_size=64 --set=epochs=2) ;;
*) set+=(--set=hidden=[16,16] --set=batch_size=8 --set=random_steps=100 --set=learning_starts=100) ;;
esac
exec "$DOCS_PMOE" train "${set[@]}" "${small[@]:1}" --steps "$steps"
"#;

/// Programs that have a stand-in, by the names that documents call them.
const PROGRAMS: [&str; 10] = [
    "bin/pmoe",
    "bin/cargo",
    "bin/python3",
    "bin/pip",
    "bin/man",
    "bin/tensorboard",
    ".ci/browser",
    "benches/device.sh",
    "target/peers-venv/bin/python",
    "target/release/examples/tsne_of_blobs",
];

/// A fenced block of code.
#[derive(Debug)]
struct Fence<'a> {
    /// Number of its first line of code, from 1.
    line: usize,
    /// What follows the opening fence, such as `sh`.
    info: &'a str,
    /// The code.
    code: String,
}

/// Returns the blocks of code.
fn fences(text: &str) -> Vec<Fence<'_>> {
    let mut fences: Vec<Fence<'_>> = Vec::new();
    let mut is_inside = false;
    for (index, line) in text.lines().enumerate() {
        match (line.trim_start().strip_prefix("```"), fences.last_mut()) {
            (Some(info), _) if !is_inside => {
                fences.push(Fence { line: index + 2, info: info.trim(), code: String::new() });
                is_inside = true;
            }
            (Some(_), _) => is_inside = false,
            (None, Some(fence)) if is_inside => fence.code += &format!("{line}\n"),
            _ => {}
        }
    }
    fences
}

/// Returns the code in lines of text, each with the number of its line.
fn spans(text: &str) -> Vec<(usize, &str)> {
    let mut spans = Vec::new();
    let mut is_inside = false;
    for (index, line) in text.lines().enumerate() {
        let is_fence = line.trim_start().starts_with("```");
        is_inside ^= is_fence;
        if !is_inside && !is_fence {
            spans.extend(line.split('`').skip(1).step_by(2).map(|span| (index + 1, span)));
        }
    }
    spans
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The pages whose commands are checked, by their paths from the root.
fn pages() -> BTreeMap<String, String> {
    let listed = fs::read_dir(root().join("docs")).unwrap();
    let listed =
        listed.map(|entry| format!("docs/{}", entry.unwrap().file_name().to_str().unwrap()));
    let of_docs = listed.filter(|path| path.ends_with(".md"));
    let all = of_docs.chain(["README.md", "CONTRIBUTING.md"].map(str::to_owned));
    all.map(|path| (path.clone(), fs::read_to_string(root().join(path)).unwrap())).collect()
}

/// A folder like that of a reader who follows the pages.
struct Sandbox(tempfile::TempDir);

impl Sandbox {
    fn new() -> Self {
        let sandbox = Self(tempfile::tempdir().unwrap());
        for program in PROGRAMS {
            let path = sandbox.path(program);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, STAND_IN).unwrap();
            fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        }
        for folder in ["configs", "crates"] {
            symlink(root().join(folder), sandbox.path(folder)).unwrap();
        }
        // Some results, a copy: reports are written into it.
        fs::create_dir(sandbox.path("results")).unwrap();
        let mut copy = Command::new("cp");
        copy.arg("-r").arg(root().join("results/td3-300k")).arg(sandbox.path("results/published"));
        assert!(copy.status().unwrap().success());
        // The task of docs/custom-tasks.md, with the settings that this page gives.
        fs::create_dir(sandbox.path("robots")).unwrap();
        let page = fs::read_to_string(root().join("docs/custom-tasks.md")).unwrap();
        let fences = fences(&page);
        let settings = fences.iter().find(|fence| fence.info == "toml").unwrap();
        fs::write(sandbox.path("robots/hopper.toml"), &settings.code).unwrap();
        let model = Path::new(env!("PMOE_MODEL_DIR")).join("hopper.xml");
        fs::copy(model, sandbox.path("robots/hopper.xml")).unwrap();
        sandbox
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs commands; with `only_parsed` they are checked and nothing is done.
    fn bash(&self, commands: &str, only_parsed: bool) -> Output {
        let xtask = PathBuf::from(env!("CARGO_BIN_EXE_xtask"));
        let mut bash = Command::new("bash");
        bash.args(["-euo", "pipefail", "-c", commands]).current_dir(self.0.path());
        let search = format!("{}:{}", self.path("bin").display(), std::env::var("PATH").unwrap());
        bash.env("PATH", search).env("HOME", self.path("home")).env("DOCS_XTASK", &xtask);
        // PowerShell's start-up file.
        bash.env("PROFILE", self.path("profile"));
        // Built by the same `cargo test --workspace`.
        bash.env("DOCS_PMOE", xtask.with_file_name("pmoe")).env("DOCS_LOG", self.path("log"));
        bash.env("DOCS_NOT_DONE", ONLY_PARSED.map(|(command, _)| command).join(" "));
        if only_parsed {
            bash.env("DOCS_ONLY_PARSED", "1");
        }
        bash.output().unwrap()
    }

    /// The command lines that stand-ins have seen, as words.
    fn log(&self) -> Vec<Vec<String>> {
        let text = fs::read_to_string(self.path("log")).unwrap_or_default();
        text.lines().map(|line| line.split('\x1f').map(str::to_owned).collect()).collect()
    }
}

/// What the workspace has: kinds of targets, and `package`, with their names.
fn targets() -> BTreeSet<(String, String)> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(root()).args(["metadata", "--format-version", "1", "--no-deps", "--offline"]);
    let metadata: serde_json::Value =
        serde_json::from_slice(&cargo.output().unwrap().stdout).unwrap();
    let mut found = BTreeSet::new();
    for package in metadata["packages"].as_array().unwrap() {
        let name = |of: &serde_json::Value| of["name"].as_str().unwrap().to_owned();
        found.insert(("package".to_owned(), name(package)));
        for feature in package["features"].as_object().unwrap().keys() {
            found.insert(("features".to_owned(), feature.clone()));
        }
        for target in package["targets"].as_array().unwrap() {
            let kind = target["kind"][0].as_str().unwrap().to_owned();
            found.insert((kind, name(target)));
        }
    }
    found
}

/// What is wrong with a command that is not done.
fn wrong(words: &[String], targets: &BTreeSet<(String, String)>) -> Option<String> {
    let [program, rest @ ..] = words else { return None };
    match program.as_str() {
        "cargo" => rest.windows(2).take_while(|pair| pair[0] != "--").find_map(|pair| {
            let kind = match pair[0].as_str() {
                "-p" | "--package" => "package",
                kind @ ("--test" | "--bench" | "--example" | "--bin" | "--features") => &kind[2..],
                _ => return None,
            };
            let is_there = targets.contains(&(kind.to_owned(), pair[1].clone()));
            (!is_there).then(|| format!("there is no {kind} {}", pair[1]))
        }),
        "python3" | "python" => {
            let script = rest.first().filter(|word| word.ends_with(".py"))?;
            (!root().join(script).is_file()).then(|| format!("there is no {script}"))
        }
        // The others are files of the repository, or were built.
        "browser" => {
            (!root().join(".ci/browser").is_file()).then(|| "there is no .ci/browser".to_owned())
        }
        "device.sh" => {
            (!root().join("benches/device.sh").is_file()).then(|| "there is none".to_owned())
        }
        _ => None,
    }
}

#[test]
fn blocks_of_commands_work_in_miniature() {
    let targets = targets();
    let (mut problems, mut not_done) = (Vec::new(), BTreeSet::new());
    for (page, text) in pages() {
        let sandbox = Sandbox::new();
        if page == "docs/usage.md" {
            // The page continues it before it shows how it was made.
            let made = sandbox
                .bash("pmoe train --method sac --task Ant-v4 --seed 1 --out runs/ant", false);
            assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
            fs::rename(sandbox.path("runs/ant"), sandbox.path("ant")).unwrap();
        }
        for fence in fences(&text).iter().filter(|fence| fence.info == "sh") {
            if fence.code.contains("--from runs/ant ") {
                symlink(sandbox.path("ant"), sandbox.path("runs/ant")).unwrap();
            }
            let output = sandbox.bash(&fence.code, false);
            if !output.status.success() {
                let stderr = String::from_utf8_lossy(&output.stderr);
                problems.push(format!("{page}:{}: {}: {stderr}", fence.line, output.status));
            }
            if fence.code.contains("--from runs/ant ") {
                fs::remove_file(sandbox.path("runs/ant")).unwrap();
            }
        }
        for words in sandbox.log() {
            problems
                .extend(wrong(&words, &targets).map(|what| format!("{page}: {words:?}: {what}")));
            not_done.extend((words[0] == "pmoe").then(|| words[1].clone()));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    for (command, why) in ONLY_PARSED {
        assert!(not_done.contains(command), "no page has `pmoe {command}`, which {why}");
    }
}

#[test]
fn commands_in_lines_of_text_are_commands() {
    let (targets, sandbox) = (targets(), Sandbox::new());
    let mut problems = Vec::new();
    let mut count = 0;
    for (page, text) in pages() {
        for (line, span) in spans(&text) {
            // Not a part of one, which the reader is to complete.
            let is_whole = !span.contains(['…', '<', '[', '(']) && !span.contains("...");
            let program = span.split(' ').find(|word| !word.contains('='));
            let is_command = span.contains(' ')
                && program.is_some_and(|program| ["pmoe", "cargo", "python3"].contains(&program));
            if !is_command || !is_whole {
                continue;
            }
            count += 1;
            // Cells of tables escape the bar.
            let output = sandbox.bash(&span.replace("\\|", "|"), true);
            if !output.status.success() {
                let stderr = String::from_utf8_lossy(&output.stderr);
                problems.push(format!("{page}:{line}: `{span}`: {stderr}"));
            }
        }
    }
    let log = sandbox.log();
    problems.extend(
        log.iter().filter_map(|words| Some(format!("{words:?}: {}", wrong(words, &targets)?))),
    );
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(100 < count, "{count} commands");
}

#[test]
fn blocks_of_settings_are_settings() {
    let sandbox = Sandbox::new();
    let mut problems = Vec::new();
    for (page, text) in pages() {
        for fence in fences(&text) {
            let place = format!("{page}:{}", fence.line);
            match fence.info {
                // Python is run elsewhere; output and parts of programs are to be read.
                "sh" | "python" | "text" | "rust,ignore" => {}
                "toml" => match fence.code.parse::<toml::Table>() {
                    Err(error) => problems.push(format!("{place}: {error}")),
                    Ok(table) if table.contains_key("algo") || table.contains_key("extends") => {
                        fs::write(sandbox.path("mine.toml"), &fence.code).unwrap();
                        let output = sandbox.bash("pmoe config check mine.toml", false);
                        if !output.status.success() {
                            let stderr = String::from_utf8_lossy(&output.stderr);
                            problems.push(format!("{place}: {stderr}"));
                        }
                    }
                    Ok(_) => {}
                },
                other => problems.push(format!("{place}: a block of {other:?} is not checked")),
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
