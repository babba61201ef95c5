//! Exit codes: the contract with scripts.

use std::io::ErrorKind;
use std::process::ExitCode;

use pmoe_algos::{CheckpointError, ConfigError, RunError};
use pmoe_envs::EnvError;
use pmoe_report::ReportError;
use pmoe_results::ResultsError;

/// Anything that has no code of its own.
pub(crate) const FAILED: u8 = 1;
/// Config, arguments or files are at fault.
pub(crate) const BAD_INPUT: u8 = 2;
/// Learning diverged.
pub(crate) const DIVERGED: u8 = 3;
/// Another process holds the run folder.
pub(crate) const LOCKED: u8 = 75;
/// SIGTERM or SIGUSR1: a checkpoint is written, start again to continue.
pub(crate) const CONTINUE: u8 = 99;
/// Ctrl-C: a checkpoint is written.
pub(crate) const INTERRUPTED: u8 = 130;

/// An argument or a file of the user's that no library error describes.
#[derive(Debug)]
pub(crate) struct BadInput(pub(crate) String);

impl std::fmt::Display for BadInput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadInput {}

/// The code for an error: the first cause that has one decides.
pub(crate) fn code(error: &anyhow::Error) -> ExitCode {
    ExitCode::from(error.chain().find_map(code_of).unwrap_or(FAILED))
}

fn code_of(cause: &(dyn std::error::Error + 'static)) -> Option<u8> {
    if cause.is::<BadInput>() || cause.is::<ConfigError>() {
        return Some(BAD_INPUT);
    }
    if let Some(error) = cause.downcast_ref::<ResultsError>() {
        return match error {
            ResultsError::Locked { .. } => Some(LOCKED),
            error if error.is_bad_input() => Some(BAD_INPUT),
            _ => None,
        };
    }
    if let Some(error) = cause.downcast_ref::<ReportError>() {
        return match error {
            ReportError::Results(error) => code_of(error),
            ReportError::NoReport { .. } => Some(BAD_INPUT),
            ReportError::Write { source, .. } if source.kind() != ErrorKind::StorageFull => {
                Some(BAD_INPUT)
            }
            _ => None,
        };
    }
    if let Some(error) = cause.downcast_ref::<RunError>() {
        return match error {
            RunError::Agent(_) => Some(DIVERGED),
            RunError::Checkpoint(error) => code_of(error),
            RunError::Env(error) => code_of(error),
            _ => None,
        };
    }
    if let Some(error) = cause.downcast_ref::<CheckpointError>() {
        return (!matches!(error, CheckpointError::Io { .. })).then_some(BAD_INPUT);
    }
    // An unstable simulation is nobody's input, nor is a missing graphics driver.
    let env = cause.downcast_ref::<EnvError>()?;
    (!matches!(env, EnvError::Unstable { .. } | EnvError::Render { .. })).then_some(BAD_INPUT)
}
