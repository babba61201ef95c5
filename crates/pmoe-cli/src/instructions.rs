//! The limit on vector instructions, from the environment.

use std::env;

use anyhow::Result;
use pmoe_core::instructions::limit_instructions;

use crate::exit::BadInput;

const VARIABLE: &str = "PMOE_INSTRUCTIONS";

/// Limits this process to the instructions that the variable names, if it names any.
pub(crate) fn limit() -> Result<()> {
    let Some(name) = env::var_os(VARIABLE).filter(|name| !name.is_empty()) else {
        return Ok(());
    };
    let limited = name.to_string_lossy().parse().and_then(limit_instructions);
    limited.map_err(|error| BadInput(format!("{VARIABLE}: {error}")).into())
}
