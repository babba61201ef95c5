//! All checks that a change must pass.

use std::path::Path;
use std::time::Instant;
use std::{env, fs, process::Command};

use anyhow::{Context, Result, bail};
use pmoe_matrix::process;
use pmoe_results::{Exit, Preset, Suite};

use crate::aside::Aside;
#[cfg(unix)]
use crate::torture;
use crate::{bench_all, cargo, docs, regress, setup, tidy, tools, wheel};

/// Runs all checks that a change must pass but the tests, cheapest first; stops at the first failure
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask ci && cargo xtask test
  cargo xtask ci --tests    the same in less time; what .ci/run does")]
pub struct Options {
    /// Runs the tests, too, beside the steps that follow the build, and shows them at the end
    #[arg(long)]
    tests: bool,
}

/// Runs the steps. All use the same profile, packages and features, so that burn is compiled once and
/// checked once.
///
/// Fails at the first step that does; prints nothing after the tests, so that the last line is the test
/// runner's.
pub fn run(root: &Path, options: &Options) -> Result<Exit> {
    let before = tree()?;
    // Before the build, which may replace this program.
    let xtask = env::current_exe().context("cannot tell where this program is")?;
    let target = cargo::target_directory()?;
    let pmoe = target.join("release/pmoe");

    step("format", || cargo(&["fmt", "--all", "--check"]))?;
    step("tidy", || tidy::run(root))?;
    step("dependencies", || {
        // The first time they are compiled.
        start(Command::new(tools::MACHETE.installed()?).args(["crates", "xtask"]))?;
        let mut deny = Command::new(tools::DENY.installed()?);
        start(deny.args(["--locked", "check", "bans", "licenses", "sources"]))
    })?;
    step("workflows", || start(&mut Command::new(".ci/actionlint")))?;
    step("setup", || setup::run(root))?;
    step("clippy", || {
        cargo(&["clippy", "--release", "--workspace", "--all-targets", "--", "-D", "warnings"])
    })?;
    step("clippy of what trains alone", || {
        let alone = ["clippy", "--release", "--package", "pmoe-cli", "--no-default-features"];
        start(cargo::cargo().args(alone).args(["--", "-D", "warnings"]))
    })?;
    step("docs", || docs::run(root))?;
    // Include tests, examples and benchmarks, as no other step compiles all of them.
    step("build", || cargo(&["build", "--release", "--workspace", "--all-targets"]))?;
    let tests = if options.tests {
        let mut tests = Command::new(xtask);
        // So that a failed step ends all of it.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut tests, 0);
        Some(Aside::start(tests.arg("test"), &target.join("tests.log"))?)
    } else {
        None
    };
    step("python", || wheel::run(root, &wheel::Options { test: true }))?;
    step("configurations", || {
        let mut check = Command::new(&pmoe);
        check.args(["config", "check"]);
        for folder in ["configs/methods", "configs/suites"] {
            let files = fs::read_dir(folder).with_context(|| format!("cannot list {folder}"))?;
            for file in files {
                check.arg(file?.path());
            }
        }
        check.arg("configs/claims.toml");
        start(&mut check)
    })?;
    step("verify", || start(Command::new(&pmoe).args(["verify", "results"])))?;
    step("smoke", || {
        let out = tempfile::tempdir_in(&target)?;
        let mut options = pmoe_matrix::Options::new(Preset::Smoke, out.path());
        // What goes beyond the paper has the same methods, which the gate below trains.
        let suites = Suite::load_all(&root.join("configs/suites"))?;
        let of_paper = suites.into_iter().filter(|suite| suite.item != "Beyond the paper");
        options.only = of_paper.map(|suite| suite.name).collect();
        // The second seed shows intervals, which the tests of reports see, and takes as long again.
        options.seeds = vec![0];
        let matrix = bench_all::plan(root, options)?;
        match bench_all::run(&matrix, &pmoe, false)? {
            Exit::Done => start(Command::new(&pmoe).arg("verify").arg(out.path())),
            exit => bail!("`cargo xtask bench-all --preset smoke` ended with {exit:?}"),
        }
    })?;
    #[cfg(unix)]
    step("torture", || {
        let options = torture::Options { strikes: 3, ..torture::Options::default() };
        match torture::run(root, &pmoe, &options)? {
            Exit::Done => Ok(()),
            exit => bail!("`cargo xtask torture --strikes 3` ended with {exit:?}"),
        }
    })?;
    step("regress", || {
        // Learning takes as long as all the rest; a job of the workflow does it always, and the devices.
        let options = regress::Options { unless_same_bits: true, ..Default::default() };
        match regress::run(root, &pmoe, &target, &options)? {
            Exit::Done => Ok(()),
            exit => bail!("`cargo xtask regress --unless-same-bits` ended with {exit:?}"),
        }
    })?;
    step("clean tree", || {
        if tree()? != before {
            start(Command::new("git").args(["status", "--short"]))?;
            bail!("the steps above changed files (`git diff --exit-code`)");
        }
        Ok(())
    })?;
    let passed = match tests {
        Some(tests) => {
            say!("=== tests");
            tests.follow()?.success()
        }
        None => true,
    };
    Ok(if passed { Exit::Done } else { Exit::Failed })
}

fn step(name: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
    // On stderr, like cargo's own output, so that logs keep the order.
    say!("=== {name}");
    let begun = Instant::now();
    work().with_context(|| format!("step `{name}`"))?;
    say!("=== {name}: passed in {:.0} s\n", begun.elapsed().as_secs_f64());
    Ok(())
}

fn cargo(arguments: &[&str]) -> Result<()> {
    start(cargo::cargo().args(arguments))
}

fn start(command: &mut Command) -> Result<()> {
    Ok(process::run(command)?)
}

/// Returns all changes from the index, new files included.
fn tree() -> Result<String> {
    let status = process::stdout(Command::new("git").args(["status", "--porcelain"]))?;
    Ok(status + &process::stdout(Command::new("git").arg("diff"))?)
}
