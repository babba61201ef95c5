//! Starts other programs and reports what went wrong with them.

use std::io;
use std::process::{Command, ExitStatus, Stdio};
use std::string::FromUtf8Error;

/// An error with another program.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// It can't be started.
    #[error("cannot start `{command}`")]
    Start {
        /// The command, as typed in a shell.
        command: String,
        /// The system's reason.
        source: io::Error,
    },
    /// It failed.
    #[error("`{command}` failed ({ending})")]
    Failed {
        /// The command.
        command: String,
        /// Its exit code or signal.
        ending: String,
    },
    /// Its output is not text.
    #[error("the output of `{command}` is not UTF-8")]
    NotText {
        /// The command.
        command: String,
        /// Where the output is not UTF-8.
        source: FromUtf8Error,
    },
}

/// Runs `command` with this program's output.
///
/// # Errors
/// Returns an error if it can't be started or fails.
pub fn run(command: &mut Command) -> Result<(), ProcessError> {
    let status = command.status().map_err(|source| cannot_start(command, source))?;
    check(command, status)
}

/// Runs `command` and returns its stdout; its stderr is this program's.
///
/// # Errors
/// Returns an error if it can't be started, fails, or writes anything but UTF-8.
pub fn stdout(command: &mut Command) -> Result<String, ProcessError> {
    let output = command.stderr(Stdio::inherit()).output();
    let output = output.map_err(|source| cannot_start(command, source))?;
    check(command, output.status)?;
    String::from_utf8(output.stdout)
        .map_err(|source| ProcessError::NotText { command: line(command), source })
}

/// Returns the error for a command that could not be started.
pub(crate) fn cannot_start(command: &Command, source: io::Error) -> ProcessError {
    ProcessError::Start { command: line(command), source }
}

fn check(command: &Command, status: ExitStatus) -> Result<(), ProcessError> {
    match status.success() {
        true => Ok(()),
        false => Err(ProcessError::Failed { command: line(command), ending: ending(status) }),
    }
}

/// Formats `command` as typed in a shell, with changes to the environment first.
#[must_use]
pub fn line(command: &Command) -> String {
    let variables = command.get_envs().filter_map(|(key, value)| {
        Some(format!("{}={}", key.display(), quoted(&value?.to_string_lossy())))
    });
    let program = command.get_program().to_string_lossy();
    // Show only the name of cargo: the path that it passes to subcommands is of no interest.
    let program = program.rsplit('/').next().filter(|name| *name == "cargo").unwrap_or(&program);
    let arguments = command.get_args().map(|argument| quoted(&argument.to_string_lossy()));
    variables.chain([program.to_owned()]).chain(arguments).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &str) -> String {
    // `shlex` only refuses zero bytes, which no argument can contain.
    shlex::try_quote(word).unwrap_or(word.into()).into_owned()
}

/// Describes how a program ended: `exit code 2`, `signal 9`.
#[must_use]
pub fn ending(status: ExitStatus) -> String {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return format!("signal {signal}");
    }
    status.code().map_or_else(|| status.to_string(), |code| format!("exit code {code}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_can_be_pasted_into_a_shell() {
        let mut command = Command::new("/opt/rust/bin/cargo");
        command.env("RUSTDOCFLAGS", "-D warnings").args(["doc", "--set", "it's"]);
        assert_eq!(line(&command), r#"RUSTDOCFLAGS='-D warnings' cargo doc --set "it's""#);
    }

    #[test]
    fn a_failure_names_the_command_and_its_end() {
        let error = run(Command::new("sh").args(["-c", "exit 3"])).unwrap_err();
        assert_eq!(error.to_string(), "`sh -c 'exit 3'` failed (exit code 3)");
        let error = run(&mut Command::new("no-such-program-here")).unwrap_err();
        assert_eq!(error.to_string(), "cannot start `no-such-program-here`");
    }
}
