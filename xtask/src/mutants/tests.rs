//! The tests that may notice a mutant, from cheap to dear, and how they are run.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use pmoe_matrix::process;
use serde::Deserialize;

use super::list::Mutant;
use super::record::Noticed;
use super::scratch::Scratch;

/// Tests that are built together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stage {
    pub package: &'static str,
    /// `lib`, for the unit tests, or names of integration tests.
    pub targets: &'static [&'static str],
}

const fn stage(package: &'static str, targets: &'static [&'static str]) -> Stage {
    Stage { package, targets }
}

/// Of the tasks.
const ENVS: [Stage; 3] = [
    stage("pmoe-envs", &["lib"]),
    stage("pmoe-envs", &["golden", "contract", "gym"]),
    stage("pmoe-envs", &["published", "versions", "custom", "model_files", "allocation"]),
];

/// Of distributions, losses, the optimiser and fused operations.
const CORE: [Stage; 2] =
    [stage("pmoe-core", &["lib"]), stage("pmoe-core", &["fused", "runs", "instructions"])];

/// Of the learners and the training loop.
const ALGOS: [Stage; 5] = [
    stage("pmoe-algos", &["lib"]),
    stage("pmoe-algos", &["parity"]),
    stage("pmoe-algos", &["update"]),
    stage("pmoe-algos", &["sac", "ppo", "dac", "gradients"]),
    stage(
        "pmoe-algos",
        &[
            "determinism",
            "known_q",
            "k1_equals_sac",
            "k1_equals_ppo",
            "crafted",
            "products",
            "allocation",
            "learning",
        ],
    ),
];

/// Returns the tests that concern a crate: its own, then those of the crates that use it for
/// learning.
pub fn stages(package: &str) -> Vec<Stage> {
    match package {
        "pmoe-envs" => ENVS.to_vec(),
        "pmoe-core" => [&CORE[..], &ALGOS].concat(),
        _ => ALGOS.to_vec(),
    }
}

/// Returns the tests that concern a mutant, those that should notice it first.
pub fn stages_of(mutant: &Mutant) -> Vec<Stage> {
    let mut stages = stages(mutant.package());
    let is_expected =
        |stage: &Stage| stage.targets.iter().any(|target| mutant.tests.iter().any(|t| t == target));
    stages.sort_by_key(|stage| !is_expected(stage));
    stages
}

/// Returns the stage with the tests of [`Noticed::suite`] alone.
pub fn stage_of(suite: &str) -> Option<Stage> {
    let (package, name) = suite.split_once(' ')?;
    let of = stages(package).into_iter().filter(|stage| stage.package == package);
    let target = of.flat_map(|stage| stage.targets).find(|target| **target == name)?;
    Some(Stage { targets: std::slice::from_ref(target), ..stages(package)[0] })
}

impl Stage {
    /// Builds the tests and returns their programs with the names of their targets, or `None` if the
    /// code does not compile.
    fn build(self, scratch: &Scratch, jobs: Option<u32>, log: &Path) -> Result<Option<Vec<Built>>> {
        let mut cargo = scratch.checkout.cargo();
        cargo.args(["test", "--release", "--no-run", "--package", self.package]);
        if self.package != "pmoe-core" {
            // With pmoe-cli, the features are those of the whole workspace, and the crates below are
            // compiled once. Without it, those of pmoe-core are, too.
            cargo.args(["--package", "pmoe-cli"]);
        }
        cargo.args(["--message-format", "json-render-diagnostics"]);
        for target in self.targets {
            match *target {
                "lib" => cargo.arg("--lib"),
                name => cargo.args(["--test", name]),
            };
        }
        if let Some(jobs) = jobs {
            cargo.args(["--jobs", &jobs.to_string()]);
        }
        let log = File::options().create(true).append(true).open(log)?;
        let output =
            cargo.stdin(Stdio::null()).stderr(log).output().context("cannot start cargo")?;
        let text = String::from_utf8_lossy(&output.stdout);
        Ok(output.status.success().then(|| self.programs(&text)))
    }

    /// Returns the test programs that cargo's messages name, in the order of the targets.
    fn programs(self, messages: &str) -> Vec<Built> {
        let built: Vec<Built> = messages
            .lines()
            .filter_map(|line| serde_json::from_str::<Message>(line).ok())
            .filter_map(|message| {
                let kind = message.target.kind.first()?.clone();
                let name = if kind == "lib" { kind } else { message.target.name };
                let crate_folder = message.manifest_path.parent()?.to_owned();
                Some(Built { name, crate_folder, program: message.executable? })
            })
            .collect();
        let of = |target: &&str| built.iter().find(|built| built.name == **target).cloned();
        self.targets.iter().filter_map(of).collect()
    }
}

/// A test program.
#[derive(Debug, Clone, PartialEq)]
struct Built {
    name: String,
    crate_folder: PathBuf,
    program: PathBuf,
}

/// The part of cargo's message about something built.
#[derive(Deserialize)]
struct Message {
    target: Target,
    manifest_path: PathBuf,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
    name: String,
}

/// Runs stages until tests fail. Returns how they did, or `None` if all passed.
///
/// # Errors
/// If the code does not compile, or a test is missing.
pub fn run(
    scratch: &Scratch,
    name: &str,
    stages: &[Stage],
    jobs: Option<u32>,
    limit: Duration,
) -> Result<Option<Noticed>> {
    let log = scratch.log(name);
    fs::write(&log, "")?;
    for stage in stages {
        let Some(built) = stage.build(scratch, jobs, &log)? else {
            bail!("`{name}` does not compile: see {}", log.display());
        };
        if built.len() != stage.targets.len() {
            let names = stage.targets.join(", ");
            bail!("not all tests of {} were built: {names}; see {}", stage.package, log.display());
        }
        for Built { name, crate_folder, program } in built {
            let suite = format!("{} {name}", stage.package);
            let mut command = Command::new(&program);
            command.current_dir(&crate_folder).env("CARGO_MANIFEST_DIR", &crate_folder);
            if let Some(jobs) = jobs {
                command.env("RUST_TEST_THREADS", jobs.to_string());
            }
            if let Some(by) = failures(command, &log, limit)? {
                return Ok(Some(Noticed { suite, by }));
            }
        }
    }
    Ok(None)
}

/// Runs a test program. Returns the tests that failed, or a word on how the program ended if it named
/// none; `None` if all passed.
fn failures(mut command: Command, log: &Path, limit: Duration) -> Result<Option<Vec<String>>> {
    let start = fs::metadata(log)?.len();
    let append = || File::options().append(true).open(log);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(append()?)
        .stderr(append()?)
        .spawn()
        .with_context(|| format!("cannot start `{}`", process::line(&command)))?;
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break Some(status);
        }
        if limit < begun.elapsed() {
            child.kill()?;
            child.wait()?;
            break None;
        }
        thread::sleep(Duration::from_millis(50));
    };
    if status.is_some_and(|status| status.success()) {
        return Ok(None);
    }
    let text = fs::read(log)?;
    let failed = failed_tests(&String::from_utf8_lossy(&text[start as usize..]));
    if !failed.is_empty() {
        return Ok(Some(failed));
    }
    Ok(Some(vec![match status {
        Some(status) => process::ending(status),
        None => format!("stopped after {} s", limit.as_secs()),
    }]))
}

/// Returns the names of the failed tests from a test program's output.
fn failed_tests(output: &str) -> Vec<String> {
    let names = output.lines().filter_map(|line| {
        let name = line.strip_prefix("test ")?.strip_suffix(" ... FAILED")?;
        Some(name.split(" - ").next().unwrap_or(name).to_owned())
    });
    names.collect()
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn failed_tests_are_those_that_the_program_names() {
        let output = "running 3 tests\ntest a::one ... ok\ntest a::two - should panic ... FAILED\n\
                      test b ... FAILED\n\nfailures:\n    a::two\n";
        assert_eq!(failed_tests(output), ["a::two", "b"]);
        assert!(failed_tests("test a ... ok\n").is_empty());
    }

    #[test]
    fn programs_come_from_cargos_messages_in_the_order_of_the_targets() {
        let line = |kind: &str, name: &str, program: &str| {
            format!(
                r#"{{"reason":"compiler-artifact","manifest_path":"/w/crates/a/Cargo.toml","target":{{"kind":["{kind}"],"name":"{name}"}},"executable":{program}}}"#
            )
        };
        let messages = [
            line("lib", "a", "null"),
            line("test", "runs", r#""/t/runs-1""#),
            line("lib", "a", r#""/t/a-1""#),
            line("test", "fused", r#""/t/fused-1""#),
            r#"{"reason":"build-finished","success":true}"#.to_owned(),
        ];
        let stage = stage("a", &["lib", "fused", "runs"]);
        let programs = stage.programs(&messages.join("\n"));
        let programs: Vec<_> =
            programs.iter().map(|built| built.program.to_str().unwrap()).collect();
        assert_eq!(programs, ["/t/a-1", "/t/fused-1", "/t/runs-1"]);
    }

    #[test]
    fn expected_tests_go_first_and_none_is_left_out() {
        let mut mutant = Mutant {
            name: "a".to_owned(),
            mistake: String::new(),
            file: "crates/pmoe-core/src/lib.rs".to_owned(),
            find: String::new(),
            replace: String::new(),
            methods: Vec::new(),
            tasks: Vec::new(),
            tests: vec!["parity".to_owned()],
        };
        let stages = stages_of(&mutant);
        assert_eq!(stages.len(), CORE.len() + ALGOS.len());
        assert_eq!(stages[0], ALGOS[1]);
        assert_eq!(stages[1..3], CORE);
        mutant.file = "crates/pmoe-envs/src/lib.rs".to_owned();
        assert_eq!(stages_of(&mutant), ENVS);
    }

    #[test]
    fn the_stage_of_a_suite_has_its_tests_alone() {
        let stage = stage_of("pmoe-algos known_q").unwrap();
        assert_eq!((stage.package, stage.targets), ("pmoe-algos", &["known_q"][..]));
        assert_eq!(stage_of("pmoe-core lib").unwrap(), CORE[0]);
        assert_eq!(stage_of("pmoe-core parity"), None);
    }

    #[test]
    fn every_test_of_the_three_crates_is_in_a_stage() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        // `devices` compares devices that a build lacks. pmoe-cli has tests named like the next two,
        // and building them takes longer than most mutants.
        let others = ["devices", "limits", "population", "common"];
        for (package, stages) in
            [("pmoe-envs", &ENVS[..]), ("pmoe-core", &CORE), ("pmoe-algos", &ALGOS)]
        {
            let named = |name: &str| stages.iter().any(|stage| stage.targets.contains(&name));
            for entry in fs::read_dir(root.join("crates").join(package).join("tests")).unwrap() {
                let entry = entry.unwrap().path();
                let name = entry.file_stem().unwrap().to_str().unwrap().to_owned();
                let is_test = entry.extension().is_some_and(|extension| extension == "rs")
                    || entry.join("main.rs").exists();
                assert!(!is_test || others.contains(&&*name) || named(&name), "{package} {name}");
            }
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_program_that_hangs_is_stopped_and_one_that_crashes_is_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        let run = |script: &str, limit: Duration| {
            fs::write(&log, "earlier\ntest old ... FAILED\n").unwrap();
            let mut command = Command::new("sh");
            command.args(["-c", script]);
            failures(command, &log, limit).unwrap()
        };
        let long = Duration::from_secs(600);
        assert_eq!(run("echo 'test a ... ok'", long), None);
        let failed = run("echo 'test a ... FAILED'; exit 101", long);
        assert_eq!(failed, Some(vec!["a".to_owned()]));
        let crashed = run("kill -9 $$", long).unwrap();
        assert!(crashed[0].contains('9'), "{crashed:?}");
        let hung = run("exec sleep 600", Duration::ZERO).unwrap();
        assert_eq!(hung, ["stopped after 0 s"]);
    }
}
