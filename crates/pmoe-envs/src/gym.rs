//! Tasks of Gymnasium, made and stepped in Python: `gym:ID`.
//!
//! This crate holds no Python. A program that does, such as the Python package `pmoe`, says how they are made
//! ([`register`]); any other refuses them.

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use crate::env::{Env, EnvError};

/// Settings of a task of Gymnasium.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GymConfig {
    /// Arguments for what makes the environment, such as `max_episode_steps` and those of its class.
    #[serde(default, skip_serializing_if = "toml::Table::is_empty")]
    pub kwargs: toml::Table,
}

/// Makes the environment with an id of Gymnasium: actions in its own units, episodes as long as it lets them be.
pub type MakeGym = fn(id: &str, config: &GymConfig) -> Result<Box<dyn Env>, EnvError>;

static MAKE: OnceLock<MakeGym> = OnceLock::new();

/// Sets how tasks of Gymnasium are made from now on. Only the first call of a process counts.
pub fn register(make: MakeGym) {
    let _ = MAKE.set(make);
}

pub(crate) fn make(id: &str, config: &GymConfig) -> Result<Box<dyn Env>, EnvError> {
    let make = MAKE.get().ok_or_else(|| EnvError::NeedsPython { task: format!("gym:{id}") })?;
    make(id, config)
}
