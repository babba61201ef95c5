//! The devices that a run can name, and how each is opened.

#[cfg(any(feature = "wgpu", feature = "cuda"))]
mod gpu;

use burn::tensor::Device;
use pmoe_core::engine::Engine;
use serde::{Deserialize, Serialize};

/// Where tensors live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceKind {
    /// The CPU with burn's flex backend: the default, and the fastest.
    Flex,
    /// The same with burn's own operations only, without our fused ones: a cross-check.
    FlexPlain,
    /// The CPU with burn's ndarray backend (cargo feature `ndarray`): a cross-check.
    Ndarray,
    /// A GPU through wgpu (cargo feature `wgpu`).
    Wgpu,
    /// An NVIDIA GPU through CUDA (cargo feature `cuda`).
    Cuda,
}

/// Why a device can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeviceError {
    /// The program was compiled without it.
    #[error("this build has no device `{0}` (cargo feature `{0}`)", .device.name())]
    NotBuilt {
        /// The device.
        device: DeviceKind,
    },
    /// The machine lacks the hardware, or the driver of it.
    #[error("this machine has no device `{}`: {reason}", .device.name())]
    NoDriver {
        /// The device.
        device: DeviceKind,
        /// What was not found.
        reason: String,
    },
}

impl DeviceKind {
    /// All devices, compiled in or not.
    pub const ALL: [Self; 5] = [Self::Flex, Self::FlexPlain, Self::Ndarray, Self::Wgpu, Self::Cuda];

    /// Returns the name in configs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Flex => "flex",
            Self::FlexPlain => "flex_plain",
            Self::Ndarray => "ndarray",
            Self::Wgpu => "wgpu",
            Self::Cuda => "cuda",
        }
    }

    /// Whether this build has the device.
    #[must_use]
    pub const fn is_built(self) -> bool {
        match self {
            Self::Flex | Self::FlexPlain => true,
            Self::Ndarray => cfg!(feature = "ndarray"),
            Self::Wgpu => cfg!(feature = "wgpu"),
            Self::Cuda => cfg!(feature = "cuda"),
        }
    }

    /// Returns the implementation of operations that goes with the device.
    #[must_use]
    pub const fn engine(self) -> Engine {
        match self {
            Self::FlexPlain => Engine::Plain,
            Self::Flex | Self::Ndarray | Self::Wgpu | Self::Cuda => Engine::Fused,
        }
    }

    /// Returns the device, ready for tensors. A GPU is opened once per process.
    ///
    /// # Errors
    /// If this build or this machine lacks the device.
    pub fn open(self) -> Result<Device, DeviceError> {
        match self {
            Self::Flex | Self::FlexPlain => Ok(Device::flex()),
            #[cfg(feature = "ndarray")]
            Self::Ndarray => Ok(ndarray()),
            #[cfg(feature = "wgpu")]
            Self::Wgpu => gpu::wgpu(),
            #[cfg(feature = "cuda")]
            Self::Cuda => gpu::cuda(),
            #[cfg(not(all(feature = "ndarray", feature = "wgpu", feature = "cuda")))]
            device => Err(DeviceError::NotBuilt { device }),
        }
    }
}

/// Returns the name of the GPU that a device computes on, or of the driver's stand-in for one.
#[must_use]
pub fn hardware(device: &Device) -> Option<String> {
    #[cfg(any(feature = "wgpu", feature = "cuda"))]
    return device.identity().map(|identity| identity.name);
    #[cfg(not(any(feature = "wgpu", feature = "cuda")))]
    {
        let _ = device;
        None
    }
}

#[cfg(feature = "ndarray")]
#[expect(deprecated, reason = "it is a cross-check for as long as burn has it")]
fn ndarray() -> Device {
    Device::ndarray()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_configs() {
        for device in DeviceKind::ALL {
            let written = toml::Value::try_from(device).unwrap();
            assert_eq!(written.as_str(), Some(device.name()));
        }
    }

    #[test]
    fn a_device_of_another_build_is_an_error_that_names_the_feature() {
        for device in DeviceKind::ALL {
            let text = match device.open() {
                Err(error @ DeviceError::NotBuilt { .. }) => error.to_string(),
                Ok(_) | Err(DeviceError::NoDriver { .. }) => {
                    assert!(device.is_built());
                    continue;
                }
            };
            assert!(!device.is_built());
            assert!(text.contains(&format!("`{}`", device.name())) && text.contains("feature"));
        }
    }
}
