//! Computes the losses and gradients of a case.
#![allow(dead_code, reason = "every test binary uses its own part")]

pub(crate) mod case;
mod critics;
mod dac;
pub(crate) mod module;
mod ppo;
mod sac;
mod td3;

use std::path::{Path, PathBuf};

use serde::Deserialize;

use self::case::{Arithmetic, Case, Problem};
use self::module::Computed;
use super::common;

/// Methods that cases cover.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Method {
    Sac,
    GatingSac,
    McpSac,
    PmoeSac,
    PmoeSacCritics,
    Ppo,
    GatingPpo,
    McpPpo,
    PmoePpo,
    Dac,
    Td3,
}

impl Method {
    pub(crate) const ALL: [Self; 11] = [
        Self::Sac,
        Self::GatingSac,
        Self::McpSac,
        Self::PmoeSac,
        Self::PmoeSacCritics,
        Self::Ppo,
        Self::GatingPpo,
        Self::McpPpo,
        Self::PmoePpo,
        Self::Dac,
        Self::Td3,
    ];
}

/// Returns the folder of the committed cases.
pub(crate) fn committed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// Computes the losses of a case, with their gradients.
pub(crate) fn replay(case: &Case, arithmetic: Arithmetic) -> Result<Vec<Computed>, Problem> {
    arithmetic.run(|| match case.document.method {
        Method::Sac | Method::GatingSac | Method::McpSac | Method::PmoeSac => {
            sac::replay(case, arithmetic)
        }
        Method::PmoeSacCritics => critics::replay(case, arithmetic),
        Method::Ppo | Method::GatingPpo | Method::McpPpo | Method::PmoePpo => {
            ppo::replay(case, arithmetic)
        }
        Method::Dac => dac::replay(case, arithmetic),
        Method::Td3 => td3::replay(case, arithmetic),
    })
}
