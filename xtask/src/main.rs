//! Development tasks of the workspace: `cargo xtask <command>`.

#![expect(unreachable_pub, reason = "`pub` is for the other modules; a program has no outside")]

use std::path::{self, Path};
use std::process::ExitCode;
use std::{env, fmt};

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use pmoe_matrix::MatrixError;
use pmoe_regress::RegressError;
use pmoe_results::{Exit, ResultsError};

/// Writes a line to stderr, without terminal control characters.
///
/// Write errors, such as a full disk or a closed pipe, are ignored.
macro_rules! say {
    ($($argument:tt)*) => {{
        use std::io::Write as _;
        let text = pmoe_results::text::printable(&format!($($argument)*));
        let _ = writeln!(std::io::stderr(), "{text}");
    }};
}

/// Like `say!`, for stdout.
macro_rules! show {
    ($($argument:tt)*) => {{
        use std::io::Write as _;
        let text = pmoe_results::text::printable(&format!($($argument)*));
        let _ = writeln!(std::io::stdout(), "{text}");
    }};
}

mod aside;
mod bench_all;
mod cargo;
mod checkout;
mod ci;
mod devices;
mod docs;
mod fuzz;
mod markdown;
mod mutants;
mod regress;
mod setup;
mod systems;
mod tidy;
mod tools;
#[cfg(unix)]
mod torture;
mod wheel;

use aside::Aside;

/// Set-up, experiments, tests and checks of the workspace
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Fetches MuJoCo and the model files, pinned by sha256; other commands do so automatically
    ///
    /// Needs python3 with pip. Does nothing if everything is already there.
    #[command(after_help = "Example:\n  cargo xtask setup")]
    Setup,
    #[command(after_help = "\
Examples:
  cargo xtask bench-all --preset smoke              everything in miniature, in minutes
  cargo xtask bench-all --preset quick --dry-run    what would run, and how long it would take
  cargo xtask bench-all --only fig6,table5 --jobs 8
  cargo xtask bench-all --only pmoe-sac,fig1-table2/sac/Hopper-v2
  cargo xtask bench-all --max-steps 300000 --seeds 0,1,2 --only Hopper-v2,fig3,fig5
  cargo xtask bench-all --executor slurm --partition cpu --time 8:00:00

Exit codes: 0 done, 1 a run failed, 2 bad input, 75 another process holds some runs,
130 interrupted (start again to continue).")]
    BenchAll(Box<pmoe_matrix::Options>),
    Fuzz(fuzz::Options),
    /// Runs all tests, including doc tests
    #[command(after_help = "\
Examples:
  cargo xtask test
  cargo xtask test --package pmoe-envs
  cargo xtask test -- --nocapture")]
    Test {
        /// Passed on to `cargo test`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENT")]
        arguments: Vec<String>,
    },
    Ci(ci::Options),
    /// Compiles the workspace for macOS and Windows, up to linking
    ///
    /// Needs rustup, which fetches the standard libraries; a system whose library can't be had is
    /// skipped, and named.
    #[command(after_help = "Example:\n  cargo xtask systems")]
    Systems,
    Devices(devices::Options),
    Regress(regress::Options),
    #[cfg(unix)]
    Torture(torture::Options),
    Mutants(mutants::Options),
    /// Checks what no other tool checks: dependency rules, paths, links and tables in the documentation
    #[command(after_help = "Example:\n  cargo xtask tidy")]
    Tidy,
    Wheel(wheel::Options),
    /// Builds the documentation as a site, with the reference of the crates
    ///
    /// mdBook is installed into the target folder. Fails if a link of a page leads nowhere.
    #[command(after_help = "Example:\n  cargo xtask docs    and open target/book/html/index.html")]
    Docs,
}

/// An error in the user's arguments or files.
#[derive(Debug)]
struct BadInput(String);

impl fmt::Display for BadInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadInput {}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let exit = run(arguments.command).unwrap_or_else(|error| {
        // Some messages of libraries end with a line break.
        say!("error: {}", format!("{error:#}").trim_end());
        exit_of(&error)
    });
    exit.into()
}

fn run(task: Task) -> Result<Exit> {
    // Prefer the variable at run time, which `cargo run` sets: a shared target folder may contain a
    // program built from another checkout.
    let package = env::var("CARGO_MANIFEST_DIR");
    let package = package.as_deref().unwrap_or(env!("CARGO_MANIFEST_DIR"));
    let root = Path::new(package).parent().context("no workspace root")?;
    match task {
        Task::Setup => setup::run(root)?,
        Task::BenchAll(mut options) => {
            // Resolve the user's paths before changing to the root, where everything below runs.
            options.out = path::absolute(&options.out)?;
            options.suites = options.suites.map(path::absolute).transpose()?;
            options.cluster.setup = options.cluster.setup.map(path::absolute).transpose()?;
            env::set_current_dir(root)?;
            let dry_run = options.dry_run;
            let matrix = bench_all::plan(root, *options)?;
            setup::run(root)?;
            let pmoe = cargo::build_pmoe()?;
            return bench_all::run(&matrix, &pmoe, dry_run);
        }
        Task::Fuzz(mut options) => {
            options.replay = options.replay.map(path::absolute).transpose()?;
            env::set_current_dir(root)?;
            setup::run(root)?;
            let pmoe = cargo::build_pmoe()?;
            let out = cargo::target_directory()?.join("fuzz");
            return fuzz::run(root, &pmoe, &out, &options);
        }
        Task::Test { .. } => {
            env::set_current_dir(root)?;
            setup::run(root)?;
            // Not clap's copy, which lacks a leading `--`.
            return test(&env::args().skip(2).collect::<Vec<_>>());
        }
        Task::Systems => {
            env::set_current_dir(root)?;
            systems::run()?;
        }
        Task::Devices(options) => {
            env::set_current_dir(root)?;
            setup::run(root)?;
            return devices::run(root, &options.devices);
        }
        Task::Regress(options) => {
            env::set_current_dir(root)?;
            setup::run(root)?;
            let pmoe = cargo::build_pmoe()?;
            return regress::run(root, &pmoe, &cargo::target_directory()?, &options);
        }
        #[cfg(unix)]
        Task::Torture(options) => {
            env::set_current_dir(root)?;
            setup::run(root)?;
            let pmoe = cargo::build_pmoe()?;
            return torture::run(root, &pmoe, &options);
        }
        Task::Mutants(options) => {
            env::set_current_dir(root)?;
            setup::run(root)?;
            return mutants::run(root, &options);
        }
        Task::Wheel(options) => {
            env::set_current_dir(root)?;
            setup::run(root)?;
            wheel::run(root, &options)?;
        }
        Task::Docs => {
            env::set_current_dir(root)?;
            setup::run(root)?;
            docs::run(root)?;
        }
        Task::Ci(options) => {
            env::set_current_dir(root)?;
            return ci::run(root, &options);
        }
        Task::Tidy => tidy::run(root)?,
    }
    Ok(Exit::Done)
}

/// Runs the tests. Prints nothing afterwards, so that the last line is the test runner's.
fn test(arguments: &[String]) -> Result<Exit> {
    let ours = arguments.iter().take_while(|argument| *argument != "--");
    let all =
        ours.filter(|argument| argument.starts_with("-p") || argument.starts_with("--package"));
    let mut cargo = cargo::cargo();
    cargo.args(["test", "--release"]);
    if all.count() == 0 {
        cargo.arg("--workspace");
    }
    // Tests that wait for Slurm run beside the others, more of them at a time than there are cores.
    let waiting = if arguments.is_empty() {
        let mut waiting = cargo::cargo();
        waiting.args(["test", "--release", "--workspace", "--test", "slurm"]);
        waiting.args(["--", "--test-threads", "3"]);
        cargo.args(["--", "--skip", "on_slurm::"]);
        Some(Aside::start(&mut waiting, &cargo::target_directory()?.join("slurm-tests.log"))?)
    } else {
        None
    };
    let status = cargo.args(arguments).status().context("cannot start cargo")?;
    let waited = waiting.map(Aside::follow).transpose()?;
    let passed = status.success() && waited.is_none_or(|status| status.success());
    Ok(if passed { Exit::Done } else { Exit::Failed })
}

fn exit_of(error: &anyhow::Error) -> Exit {
    let bad_input = error.chain().any(|cause| {
        cause.is::<BadInput>()
            || cause.downcast_ref::<MatrixError>().is_some_and(MatrixError::is_bad_input)
            || cause.downcast_ref::<ResultsError>().is_some_and(ResultsError::is_bad_input)
            || cause.downcast_ref::<RegressError>().is_some_and(RegressError::is_bad_input)
    });
    if bad_input { Exit::BadInput } else { Exit::Failed }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_are_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_command_has_an_example() {
        for command in Arguments::command().get_subcommands() {
            let help = command.clone().render_long_help().to_string();
            let example = format!("cargo xtask {}", command.get_name());
            assert!(help.contains("Example") && help.contains(&example), "{help}");
        }
    }

    #[test]
    fn an_unknown_preset_is_bad_input_and_names_the_known_ones() {
        let error =
            Arguments::try_parse_from(["xtask", "bench-all", "--preset", "tiny"]).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        let text = error.to_string();
        assert!(["smoke", "quick", "paper"].iter().all(|name| text.contains(name)), "{text}");
    }

    #[test]
    fn numbers_are_taken_as_people_write_them() {
        let parse = |words: &[&str]| {
            let all = [&["xtask", "bench-all"], words].concat();
            Arguments::try_parse_from(all).map(|arguments| match arguments.command {
                Task::BenchAll(options) => (options.max_steps, options.seeds, options.jobs),
                other => panic!("{other:?}"),
            })
        };
        let found = parse(&["--max-steps", "300k", "--seeds", "0,1e1,1_000", "--jobs", "2e0"]);
        assert_eq!(found.unwrap(), (Some(300_000), vec![0, 10, 1_000], Some(2)));
        for (words, range) in [
            (["--max-steps", "0"], "from 1 to 1_000_000_000_000_000"),
            (["--max-steps", "-1"], "from 1 to 1_000_000_000_000_000"),
            (["--max-steps", "10000000000000000000"], "from 1 to 1_000_000_000_000_000"),
            (["--seeds", "0,-1"], "from 0 to 9_223_372_036_854_775_807"),
            (["--seeds", "0.5"], "from 0 to 9_223_372_036_854_775_807"),
            (["--jobs", "0"], "from 1 to 1_000"),
            (["--jobs", "1e9"], "from 1 to 1_000"),
        ] {
            let error = parse(&words).unwrap_err();
            assert_eq!(error.exit_code(), 2);
            let text = error.to_string();
            assert!(text.contains(range) && text.contains("2_000, 2e3 or 2k"), "{text}");
        }
    }

    #[test]
    fn errors_of_the_user_have_their_own_exit_code() {
        let error = anyhow::Error::from(BadInput("no such suite".to_owned())).context("planning");
        assert_eq!(exit_of(&error), Exit::BadInput);
        assert_eq!(exit_of(&anyhow::anyhow!("disk full")), Exit::Failed);
    }
}
