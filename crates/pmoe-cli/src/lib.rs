//! The `pmoe` command as a library, for programs that offer it from elsewhere, such as the Python package.
//!
//! [`run`] does what the command does, [`load`] returns a policy that it trained, and [`export`] writes one for other
//! programs.

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

mod commands;
mod config;
mod evaluations;
mod exit;
mod instructions;
mod machine;
mod progress;
mod provenance;
mod python;
mod sweep;

use std::ffi::OsString;
use std::io::Write;

use clap::{CommandFactory, Parser, Subcommand};
use pmoe_results::Exit;

pub use crate::commands::export::export;
pub use crate::commands::policy::{LoadedPolicy, load};
pub use crate::commands::train::{Listener, Trained};
pub use crate::exit::is_bad_input;
pub use crate::python::{Python, PythonCommand};
pub use crate::sweep::{Choice, Objective, Parameter, Pruner, Sampler, Sweep};

/// Reinforcement learning with mixture-of-experts policies: train, evaluate, report, measure.
#[derive(Parser)]
#[command(
    name = "pmoe",
    version = concat!(env!("CARGO_PKG_VERSION"), " (", env!("PMOE_COMMIT"), ")"),
    after_help = "\
Exit codes: 0 done, 1 failed, 2 bad input, 3 a run diverged, 71 out of memory, 75 another process holds the run,
99 checkpoint written after SIGTERM, SIGUSR1, SIGHUP or another signal, 130 checkpoint written after an
interrupt (Ctrl-C, Ctrl-\\).
PMOE_INSTRUCTIONS=scalar|neon|avx2|avx512 limits the vector instructions of the CPU, for measurements."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Train a policy. Resumes an unfinished run folder and leaves a finished one alone.
    Train(commands::train::Args),
    /// Train the run of a folder once more, in another folder.
    Retrain(commands::train::RetrainArgs),
    /// Play evaluation episodes with the policy of a run.
    Evaluate(commands::evaluate::Args),
    /// Analyze a finished run beyond its learning curve.
    Analyze(commands::analyze::Args),
    /// Draw an episode of a run's policy, as a picture or a clip.
    Render(commands::render::Args),
    /// Write the policy of a run to one file, for other programs.
    Export(commands::export::Args),
    /// Show runs in TensorBoard, Weights & Biases, MLflow or Trackio.
    Track(commands::track::Args),
    /// Search for the settings with which a method does best.
    Sweep(commands::sweep::Args),
    /// List methods, tasks or suites.
    List(commands::list::Args),
    /// Check config files.
    #[command(subcommand)]
    Config(commands::config::Command),
    #[cfg(feature = "experiments")]
    #[command(flatten)]
    Experiments(commands::experiments::Command),
    /// Show what the losses of mixture policies do, with a value that is known.
    #[cfg(feature = "experiments")]
    #[command(subcommand)]
    Lab(commands::lab::Command),
    /// Step and time environments.
    #[command(subcommand)]
    Env(commands::env::Command),
    /// Time learning.
    #[command(subcommand)]
    Bench(commands::bench::Command),
    /// Print a script that completes the command line in a shell.
    Completions(commands::shell::Completions),
    /// Print the manual page of `pmoe`, or write the pages of all commands.
    Man(commands::shell::Man),
}

/// Does what a command line says, of which the first word is the program's name. Returns how the program should exit.
///
/// Errors and progress go to stderr, results to stdout. Commands that take libraries of Python are errors without
/// `python`, which carries them out.
pub fn run(arguments: impl IntoIterator<Item = OsString>, python: Python<'_>) -> Exit {
    let arguments: Vec<_> = arguments.into_iter().collect();
    provenance::set_command(&arguments);
    let command = match Cli::try_parse_from(&arguments) {
        Ok(Cli { command }) => command,
        Err(error) => return refuse(&error),
    };
    let result = instructions::limit().and_then(|()| match command {
        Command::Train(args) => commands::train::train(args),
        Command::Retrain(args) => commands::train::retrain(args),
        Command::Evaluate(args) => commands::evaluate::evaluate(args),
        Command::Analyze(args) => commands::analyze::analyze(args),
        Command::Render(args) => commands::render::run(&args),
        Command::Export(args) => commands::export::run(args),
        Command::Track(args) => commands::track::track(args, python),
        Command::Sweep(args) => commands::sweep::sweep(args, python),
        Command::List(args) => commands::list::list(args),
        Command::Config(command) => commands::config::run(command),
        #[cfg(feature = "experiments")]
        Command::Experiments(command) => commands::experiments::run(command),
        #[cfg(feature = "experiments")]
        Command::Lab(command) => commands::lab::run(command),
        Command::Env(command) => commands::env::run(command),
        Command::Bench(command) => commands::bench::run(command),
        Command::Completions(args) => commands::shell::completions(&args, Cli::command()),
        Command::Man(args) => commands::shell::man(&args, Cli::command()),
    });
    match result {
        Ok(code) => code,
        Err(error) => {
            let help = exit::help(&error).map(|help| format!("; {help}"));
            // Some messages of libraries end with a line break.
            say!("error: {}{}", format!("{error:#}").trim_end(), help.unwrap_or_default());
            exit::code(&error)
        }
    }
}

/// Trains as `pmoe train` with these arguments does, for a program that listens to the run and may stop it. No signal is
/// caught.
///
/// # Errors
/// If an argument is invalid, which the message explains, or the run fails.
pub fn train(
    arguments: impl IntoIterator<Item = OsString>,
    listener: Listener<'_>,
) -> anyhow::Result<Trained> {
    let words = ["pmoe", "train"].map(OsString::from);
    let arguments: Vec<_> = words.into_iter().chain(arguments).collect();
    provenance::set_command(&arguments);
    let Cli { command } = Cli::try_parse_from(&arguments)
        .map_err(|error| exit::BadInput(error.render().to_string().trim_end().to_owned()))?;
    instructions::limit()?;
    match command {
        Command::Train(args) => commands::train::train_heard(args, listener),
        _ => unreachable!("the words say train"),
    }
}

/// Reports invalid arguments, or prints the help that they request. The message is made printable, as arguments may
/// contain anything.
fn refuse(error: &clap::Error) -> Exit {
    // Ignore write errors.
    if error.use_stderr() {
        let text = pmoe_results::text::printable(&error.render().to_string());
        let _ = write!(std::io::stderr(), "{text}");
    } else {
        let _ = error.print();
    }
    Exit::from_code(error.exit_code()).unwrap_or(Exit::BadInput)
}
