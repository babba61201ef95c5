//! Initial values of the networks of off-policy learners.

use pmoe_core::nn;
use serde::{Deserialize, Serialize};

/// Initial values of the networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Init {
    /// PyTorch's default for every layer.
    Torch,
    /// The values of rlkit and the authors' release: hidden layers from U(±1/√fan_out) with biases
    /// of 0.1, the last layers of critics from U(±3e-3), the heads of the policy from U(±1e-3), and
    /// PyTorch's default for the router.
    Rlkit,
}

impl Init {
    /// Returns the style of hidden layers.
    pub(crate) fn hidden(self) -> nn::MlpStyle {
        let init = match self {
            Self::Torch => nn::LayerInit::Torch,
            Self::Rlkit => nn::LayerInit::RlkitHidden,
        };
        nn::MlpStyle { init, ..nn::MlpStyle::RELU }
    }

    /// Returns the initial values of the layer of means or deviations.
    pub(crate) fn policy_head(self) -> nn::LayerInit {
        self.output(1e-3)
    }

    /// Returns the initial values of a critic's last layer.
    pub(crate) fn value_head(self) -> nn::LayerInit {
        self.output(3e-3)
    }

    /// Returns the initial values of the router.
    pub(crate) fn router(self) -> nn::LayerInit {
        nn::LayerInit::Torch
    }

    fn output(self, bound: f64) -> nn::LayerInit {
        match self {
            Self::Torch => nn::LayerInit::Torch,
            Self::Rlkit => nn::LayerInit::Uniform { bound },
        }
    }
}
