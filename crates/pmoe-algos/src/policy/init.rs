//! How the networks of off-policy learners start.

use pmoe_core::nn;
use serde::{Deserialize, Serialize};

/// How the networks start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Init {
    /// PyTorch's default for every layer.
    Torch,
    /// That of rlkit and the authors' release: hidden layers from U(±1/√fan_out) with biases of 0.1,
    /// the critics' last layers from U(±3e-3), the policy's heads from U(±1e-3), the router as
    /// PyTorch has it.
    Rlkit,
}

impl Init {
    /// Hidden layers.
    pub(crate) fn hidden(self) -> nn::MlpStyle {
        let init = match self {
            Self::Torch => nn::LayerInit::Torch,
            Self::Rlkit => nn::LayerInit::RlkitHidden,
        };
        nn::MlpStyle { init, ..nn::MlpStyle::RELU }
    }

    /// The layer that means or deviations come from.
    pub(crate) fn policy_head(self) -> nn::LayerInit {
        self.output(1e-3)
    }

    /// The last layer of a critic.
    pub(crate) fn value_head(self) -> nn::LayerInit {
        self.output(3e-3)
    }

    /// The layer that weights come from.
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
