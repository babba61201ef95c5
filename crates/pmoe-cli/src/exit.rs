//! Maps errors to exit codes.

#[cfg(feature = "experiments")]
mod experiments;

use std::path::Path;

use pmoe_algos::{CheckpointError, ConfigError, DeviceError, DeviceKind, RunError};
use pmoe_envs::EnvError;
use pmoe_results::error::SettingError;
use pmoe_results::{Exit, ResultsError};

/// A bad argument or user file that no library error describes.
#[derive(Debug)]
pub(crate) struct BadInput(pub(crate) String);

impl std::fmt::Display for BadInput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadInput {}

/// The error for an output file that can't be written. Its path is the user's input; a full disk is
/// not.
pub(crate) fn cannot_write(path: &Path, error: std::io::Error) -> anyhow::Error {
    // Only the system's reason: the name of the temporary file, which ends the text, would not help the user.
    let text = error.to_string();
    let reason = text.split(" at path ").next().unwrap_or(&text);
    let message = format!("cannot write {}: {reason}", path.display());
    match pmoe_results::error::is_full(&error) {
        true => anyhow::Error::msg(message),
        false => BadInput(message).into(),
    }
}

/// The exit code for an error, from the first cause that determines one.
pub(crate) fn code(error: &anyhow::Error) -> Exit {
    error.chain().find_map(exit_of).unwrap_or(Exit::Failed)
}

/// Whether the caller gave something bad: an argument, a setting, a file.
pub fn is_bad_input(error: &anyhow::Error) -> bool {
    code(error) == Exit::BadInput
}

/// Whether an error means that a run folder is damaged, which starting over would fix.
pub(crate) fn is_damage(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let of_folder = cause.downcast_ref::<ResultsError>().is_some_and(|error| {
            matches!(
                error,
                ResultsError::MissingPart { .. }
                    | ResultsError::BadFile { .. }
                    | ResultsError::ManifestMismatch { .. }
                    | ResultsError::ChangedEvents { .. }
                    | ResultsError::ShortEvents { .. }
            )
        });
        let run = cause.downcast_ref::<RunError>();
        let of_run = run.and_then(|error| match error {
            RunError::Checkpoint(error) => Some(error),
            _ => None,
        });
        let checkpoint = cause.downcast_ref::<CheckpointError>().or(of_run);
        of_folder
            || checkpoint.is_some_and(|error| {
                matches!(
                    error,
                    CheckpointError::NoneLeft { .. }
                        | CheckpointError::OtherRun { .. }
                        | CheckpointError::OtherVersion { .. }
                )
            })
    })
}

/// The command that helps against an error, if one does.
pub(crate) fn help(error: &anyhow::Error) -> Option<&'static str> {
    let is_library = |error: &EnvError| matches!(error, EnvError::Library { .. });
    error.chain().find_map(|cause| {
        if cause.downcast_ref().is_some_and(is_library) {
            return Some("`cargo xtask setup` fetches it into .mujoco/lib");
        }
        if let Some(error) = cause.downcast_ref() {
            return help_with_device(error);
        }
        #[cfg(feature = "experiments")]
        return experiments::help(cause);
        #[cfg(not(feature = "experiments"))]
        None
    })
}

/// What adds a device to this program, or to this machine.
fn help_with_device(error: &DeviceError) -> Option<&'static str> {
    match *error {
        DeviceError::NotBuilt { device } => match device {
            DeviceKind::Flex | DeviceKind::FlexPlain => None,
            DeviceKind::Ndarray => Some("build with `cargo build --release --features ndarray`"),
            DeviceKind::Wgpu => Some("build with `cargo build --release --features wgpu`"),
            DeviceKind::Cuda => Some("build with `cargo build --release --features cuda`"),
        },
        DeviceError::NoDriver { device, .. } => match device {
            DeviceKind::Flex | DeviceKind::FlexPlain | DeviceKind::Ndarray => None,
            DeviceKind::Wgpu => Some(
                "install the Vulkan driver of your GPU, or one that computes on the processor \
                 (on Debian and Ubuntu both are in the package mesa-vulkan-drivers)",
            ),
            DeviceKind::Cuda => Some("install NVIDIA's driver"),
        },
    }
}

fn exit_of(cause: &(dyn std::error::Error + 'static)) -> Option<Exit> {
    if cause.is::<BadInput>() || cause.is::<ConfigError>() || cause.is::<SettingError>() {
        return Some(Exit::BadInput);
    }
    if cause.is::<DeviceError>() {
        return Some(Exit::BadInput);
    }
    if let Some(error) = cause.downcast_ref::<ResultsError>() {
        return match error {
            ResultsError::Locked { .. } => Some(Exit::Locked),
            error if error.is_bad_input() => Some(Exit::BadInput),
            _ => None,
        };
    }
    // A run that lost its folder, told by the sink of its events.
    let of_sink = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    if let Some(ResultsError::Locked { .. }) = of_sink.and_then(|error| error.downcast_ref()) {
        return Some(Exit::Locked);
    }
    #[cfg(feature = "experiments")]
    if let Some(exit) = experiments::exit_of(cause) {
        return Some(exit);
    }
    if let Some(error) = cause.downcast_ref::<RunError>() {
        return match error {
            RunError::Agent(_) => Some(Exit::Diverged),
            RunError::Checkpoint(error) => exit_of(error),
            RunError::Env(error) => exit_of(error),
            _ => None,
        };
    }
    if let Some(error) = cause.downcast_ref::<CheckpointError>() {
        return (!matches!(error, CheckpointError::Io { .. })).then_some(Exit::BadInput);
    }
    // Neither an unstable simulation, a missing graphics driver nor an exception is the user's input.
    let env = cause.downcast_ref::<EnvError>()?;
    let is_its_own = matches!(
        env,
        EnvError::Unstable { .. } | EnvError::Render { .. } | EnvError::Raised { .. }
    );
    (!is_its_own).then_some(Exit::BadInput)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_lost_its_folder_says_so_through_its_sink() {
        let path = || std::path::PathBuf::from("run");
        let of = |error: ResultsError| code(&RunError::Sink(std::io::Error::other(error)).into());
        let owner = "process 7 on n2".to_owned();
        assert_eq!(of(ResultsError::Locked { path: path(), owner }), Exit::Locked);
        // What happens to a run under way is not the user's input.
        let source = std::io::ErrorKind::PermissionDenied.into();
        assert_eq!(of(ResultsError::NotWritable { path: path(), source }), Exit::Failed);
    }

    #[test]
    fn a_file_that_cannot_be_written_is_named_and_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("missing/clip.gif");
        let error = pmoe_results::files::write_atomic(&path, b"").unwrap_err();
        let message = cannot_write(&path, error).to_string();
        assert!(message.starts_with(&format!("cannot write {}: ", path.display())), "{message}");
        assert!(!message.contains("missing/.tmp"), "{message}");
    }
}
