//! Opening a GPU, without what its drivers write to the terminal.

use std::sync::OnceLock;

use burn::tensor::Device;

use super::{DeviceError, DeviceKind};

#[cfg(feature = "wgpu")]
pub(super) fn wgpu() -> Result<Device, DeviceError> {
    use burn::tensor::wgpu::WgpuInitError;

    // burn opens it only once.
    static OPENED: OnceLock<Result<Device, DeviceError>> = OnceLock::new();
    let open = || {
        let opened = quietly(|| Device::wgpu_options().init());
        opened.map_err(|error| match error {
            WgpuInitError::AdapterUnavailable { .. } => {
                missing(DeviceKind::Wgpu, "no graphics driver was found")
            }
            error => missing(DeviceKind::Wgpu, &error.to_string()),
        })
    };
    OPENED.get_or_init(open).clone()
}

#[cfg(feature = "cuda")]
pub(super) fn cuda() -> Result<Device, DeviceError> {
    use burn::tensor::DeviceType;

    static OPENED: OnceLock<Result<Device, DeviceError>> = OnceLock::new();
    let open = || {
        // A tensor on a GPU that is not there would panic.
        let found = quietly(|| Device::enumerate(DeviceType::Cuda).into_iter().next());
        let device = found.ok_or_else(|| missing(DeviceKind::Cuda, "no GPU with a driver"))?;
        match quietly(|| device.sync()) {
            Ok(()) => Ok(device),
            Err(error) => Err(missing(DeviceKind::Cuda, &error.to_string())),
        }
    };
    OPENED.get_or_init(open).clone()
}

/// The error for a GPU that can't be opened, in one line.
fn missing(device: DeviceKind, reason: &str) -> DeviceError {
    let reason = reason.split_whitespace().collect::<Vec<_>>().join(" ");
    DeviceError::NoDriver { device, reason }
}

/// Runs `body` while what the process writes to stderr is lost.
///
/// Drivers that look for their hardware write there what they miss, and Mesa's software driver
/// that it is one.
#[cfg(unix)]
fn quietly<R>(body: impl FnOnce() -> R) -> R {
    use std::fs::File;
    use std::os::fd::OwnedFd;

    struct Restore(OwnedFd);
    impl Drop for Restore {
        fn drop(&mut self) {
            let _ = rustix::stdio::dup2_stderr(&self.0);
        }
    }
    let silence = || -> rustix::io::Result<Restore> {
        let nowhere = File::options().write(true).open("/dev/null");
        let nowhere = nowhere.map_err(|_| rustix::io::Errno::NOENT)?;
        let restore = Restore(rustix::io::dup(rustix::stdio::stderr())?);
        rustix::stdio::dup2_stderr(nowhere)?;
        Ok(restore)
    };
    // Noise is no reason to fail.
    let _restore = silence().ok();
    body()
}

#[cfg(not(unix))]
fn quietly<R>(body: impl FnOnce() -> R) -> R {
    body()
}
