//! The copy of the committed tree that the mutants change.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::list::Mutant;
use crate::cargo;
use crate::checkout::{Checkout, git};

/// A copy of the latest commit, below the target folder.
pub struct Scratch {
    pub checkout: Checkout,
    /// Where the output of builds and tests goes.
    pub logs: PathBuf,
    /// Identifies the code that mutants change, and what it depends on.
    pub code: String,
}

/// What a result depends on.
const CODE: [&str; 8] = [
    "Cargo.lock",
    "Cargo.toml",
    "configs/methods",
    "configs/regress",
    "crates/pmoe-algos",
    "crates/pmoe-core",
    "crates/pmoe-envs",
    "crates/pmoe-results",
];

impl Scratch {
    /// Makes the copy, or brings an earlier one to the latest commit of `root`.
    pub fn prepare(root: &Path) -> Result<Self> {
        let folder = cargo::target_directory()?.join("mutants");
        let logs = folder.join("logs");
        fs::create_dir_all(&logs)?;
        let checkout = Checkout::prepare(root, &folder, "HEAD")?;
        let ids = CODE.map(|path| git(&checkout.tree, &["rev-parse", &format!("HEAD:{path}")]));
        let ids = ids.into_iter().collect::<Result<Vec<_>>>()?;
        let code = blake3::hash(ids.join("\n").as_bytes()).to_hex()[..16].to_owned();
        Ok(Self { checkout, logs, code })
    }

    /// Returns where the output of a step goes.
    pub fn log(&self, name: &str) -> PathBuf {
        self.logs.join(format!("{name}.log"))
    }

    /// Returns the text of a mutant's file without the mistake and with it.
    pub fn mutated(&self, mutant: &Mutant) -> Result<[String; 2]> {
        let read = fs::read_to_string(self.checkout.tree.join(&mutant.file));
        let text = read.with_context(|| format!("mutant `{}`: {}", mutant.name, mutant.file))?;
        let mutated = mutant.apply(&text)?;
        Ok([text, mutated])
    }

    /// Makes the mistake, does `work`, and undoes the mistake.
    pub fn with<T>(&self, mutant: &Mutant, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let path = self.checkout.tree.join(&mutant.file);
        let [text, mutated] = self.mutated(mutant)?;
        fs::write(&path, mutated)?;
        let done = work();
        // The file is newer than what was built from it, so that cargo builds it again.
        fs::write(&path, text)?;
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_as_before_whatever_happens_to_the_mutant() {
        let dir = tempfile::tempdir().unwrap();
        let tree = dir.path().to_owned();
        fs::create_dir_all(tree.join("crates/pmoe-core")).unwrap();
        let path = tree.join("crates/pmoe-core/lib.rs");
        fs::write(&path, "a + b").unwrap();
        let [target, logs] = ["target", "logs"].map(|name| tree.join(name));
        let checkout = Checkout { tree, target, commit: String::new() };
        let scratch = Scratch { checkout, logs, code: String::new() };
        let mutant = Mutant { file: "crates/pmoe-core/lib.rs".to_owned(), ..Mutant::example() };
        let seen = scratch.with(&mutant, || Ok(fs::read_to_string(&path)?)).unwrap();
        assert_eq!(seen, "a - b");
        let failed: Result<()> = scratch.with(&mutant, || anyhow::bail!("it does not compile"));
        assert!(failed.is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "a + b");
    }
}
