//! Starting other programs and saying what went wrong with them.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use anyhow::{Context, Result, bail};

/// The cargo that started this program, else the one on the search path.
pub fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Where cargo puts what it builds.
pub fn target_directory() -> Result<PathBuf> {
    #[derive(serde::Deserialize)]
    struct Metadata {
        target_directory: PathBuf,
    }
    let text = stdout(cargo().args(["metadata", "--format-version", "1", "--no-deps"]))?;
    let metadata: Metadata =
        serde_json::from_str(&text).context("cannot understand `cargo metadata`")?;
    Ok(metadata.target_directory)
}

/// `command` as one would type it, environment changes first.
pub fn line(command: &Command) -> String {
    let variables = command.get_envs().filter_map(|(key, value)| {
        Some(format!("{}={}", key.display(), quoted(&value?.to_string_lossy())))
    });
    let program = command.get_program().to_string_lossy();
    // The path that cargo hands down is of no interest, its name is.
    let program = program.rsplit('/').next().filter(|name| *name == "cargo").unwrap_or(&program);
    let arguments = command.get_args().map(|argument| quoted(&argument.to_string_lossy()));
    variables.chain([program.to_owned()]).chain(arguments).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &str) -> String {
    // No word of a command can hold what shlex refuses, a zero byte.
    shlex::try_quote(word).unwrap_or(word.into()).into_owned()
}

/// Runs `command` with this program's output.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start `{}`", line(command)))?;
    check(command, status)
}

/// Runs `command` and returns what it wrote on stdout; its stderr is this program's.
pub fn stdout(command: &mut Command) -> Result<String> {
    let output = command
        .stderr(std::process::Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start `{}`", line(command)))?;
    check(command, output.status)?;
    String::from_utf8(output.stdout)
        .with_context(|| format!("`{}` wrote something that is not UTF-8", line(command)))
}

fn check(command: &Command, status: ExitStatus) -> Result<()> {
    if !status.success() {
        bail!("`{}` failed ({})", line(command), ending(status));
    }
    Ok(())
}

/// Bytes that are free on the disk of a path, or of the nearest folder above it that is there.
pub fn free_bytes(path: &Path) -> Option<f64> {
    let path = std::path::absolute(path).ok()?;
    let found = path.ancestors().find(|path| path.exists())?;
    let disk = rustix::fs::statvfs(found).ok()?;
    #[expect(clippy::cast_precision_loss, reason = "nobody needs the last bytes")]
    Some(disk.f_bavail as f64 * disk.f_frsize as f64)
}

/// How a program ended: `exit code 2`, `signal 9`.
pub fn ending(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => status.to_string(),
    }
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
