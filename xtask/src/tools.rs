//! Tools of others: installed with cargo, each in one version, into the target folder.

use std::path::PathBuf;

use anyhow::Result;
use pmoe_matrix::process;

use crate::{BadInput, cargo};

/// A program that a crate of the same name installs.
#[derive(Debug, Clone, Copy)]
pub struct Tool {
    name: &'static str,
    version: &'static str,
    /// Whether its default features are compiled.
    default_features: bool,
}

/// Licences, sources and duplicates of dependencies; `deny.toml`.
pub const DENY: Tool = Tool { name: "cargo-deny", version: "0.20.2", default_features: true };

/// Unused dependencies.
pub const MACHETE: Tool = Tool { name: "cargo-machete", version: "0.9.2", default_features: true };

/// Runs benchmarks under valgrind; `benches/cost/Cargo.toml` names the same version.
pub const GUNGRAUN: Tool =
    Tool { name: "gungraun-runner", version: "0.20.0", default_features: true };

/// Makes a site of pages. Not the features that serve and watch it.
pub const MDBOOK: Tool = Tool { name: "mdbook", version: "0.5.4", default_features: false };

impl Tool {
    /// Returns the path of the program, after installing it if it is not there.
    ///
    /// # Errors
    /// If it can't be installed; the message holds the command.
    pub fn installed(self) -> Result<PathBuf> {
        // The version is part of the path: another one is another folder.
        let folder = format!("tools/{}-{}", self.name, self.version);
        let folder = cargo::target_directory()?.join(folder);
        let program = folder.join("bin").join(self.name);
        if program.is_file() {
            return Ok(program);
        }
        say!("installing {} {} into {}", self.name, self.version, folder.display());
        let mut install = cargo::cargo();
        // Without optimisation: that takes half as long, and they have little to do.
        install.args(["install", "--quiet", "--locked", "--debug", self.name, "--version"]);
        install.arg(self.version).arg("--root").arg(&folder);
        if !self.default_features {
            install.arg("--no-default-features");
        }
        // A profile without symbols takes less time and disk.
        install.env("CARGO_PROFILE_DEV_DEBUG", "0");
        let installed = process::run(&mut install);
        installed.map_err(|error| BadInput(format!("cannot install {}: {error}", self.name)))?;
        Ok(program)
    }
}
