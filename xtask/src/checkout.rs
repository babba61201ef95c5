//! A copy of a commit below the target folder, with a target folder of its own.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use pmoe_matrix::process;

use crate::cargo;

/// A clone of the repository that has one commit checked out.
pub struct Checkout {
    /// The clone's root.
    pub tree: PathBuf,
    /// Its target folder.
    pub target: PathBuf,
    /// The commit that it has.
    pub commit: String,
}

impl Checkout {
    /// Makes the copy in `folder`, or brings an earlier one to this commit of `root`.
    ///
    /// A new target folder gets what cargo has compiled of other people's crates for `root`.
    pub fn prepare(root: &Path, folder: &Path, commit: &str) -> Result<Self> {
        let [tree, target] = ["tree", "target"].map(|name| folder.join(name));
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let commit = self::commit(root, commit)?;
        if !tree.join(".git").exists() {
            let mut clone = Command::new("git");
            clone.args(["clone", "--quiet", "--shared", "--no-checkout"]).arg(root).arg(&tree);
            process::run(&mut clone)?;
        }
        // Also undoes what a stopped run left.
        git(&tree, &["checkout", "--quiet", "--force", "--detach", &commit])?;
        let checkout = Self { tree, target, commit };
        checkout.clean()?;
        if !checkout.target.exists() {
            let main = cargo::target_directory()?;
            seed(&main.join("release"), &checkout.target.join("release"))?;
        }
        Ok(checkout)
    }

    /// Returns a cargo that builds in the copy.
    pub fn cargo(&self) -> Command {
        let mut command = cargo::cargo();
        self.place(&mut command);
        command
    }

    /// Returns a call of this program that works on the copy.
    pub fn xtask(&self) -> Result<Command> {
        let mut command = Command::new(env::current_exe()?);
        self.place(&mut command);
        command.env("CARGO_MANIFEST_DIR", self.tree.join("xtask"));
        Ok(command)
    }

    fn place(&self, command: &mut Command) {
        command.current_dir(&self.tree).env("CARGO_TARGET_DIR", &self.target);
    }

    /// Removes files that git does not know, except ignored ones.
    pub fn clean(&self) -> Result<()> {
        git(&self.tree, &["clean", "--quiet", "--force", "-d"]).map(|_| ())
    }
}

/// Returns the full name of a commit of `root`.
pub fn commit(root: &Path, name: &str) -> Result<String> {
    git(root, &["rev-parse", "--verify", "--quiet", &format!("{name}^{{commit}}")])
}

/// Returns what git prints in a folder.
pub fn git(folder: &Path, arguments: &[&str]) -> Result<String> {
    let text = process::stdout(Command::new("git").arg("-C").arg(folder).args(arguments))?;
    Ok(text.trim_end().to_owned())
}

/// Copies what cargo has compiled of other people's crates, which takes much longer to compile than
/// ours. Cargo compiles again what does not fit.
fn seed(from: &Path, to: &Path) -> Result<()> {
    for folder in ["deps", ".fingerprint", "build"] {
        let (from, to) = (from.join(folder), to.join(folder));
        fs::create_dir_all(&to)?;
        let Ok(entries) = fs::read_dir(&from) else { continue };
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            if is_other_peoples(&name.to_string_lossy(), folder == "deps") {
                copy(&entry.path(), &to.join(name))?;
            }
        }
    }
    Ok(())
}

/// Whether an entry of cargo's folders is a library, or the state of a crate, that is not ours.
fn is_other_peoples(name: &str, is_file: bool) -> bool {
    let name = name.strip_prefix("lib").unwrap_or(name);
    let extension = Path::new(name).extension().and_then(|extension| extension.to_str());
    let is_library = !is_file
        || extension
            .is_some_and(|extension| ["rlib", "rmeta", "so", "dylib", "d"].contains(&extension));
    is_library && !name.starts_with("pmoe") && !name.starts_with("xtask")
}

/// Copies a file, or a folder with all files in it, with their times, by which cargo knows what is
/// new.
fn copy(from: &Path, to: &Path) -> Result<()> {
    if from.is_dir() {
        fs::create_dir_all(to)?;
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            copy(&entry.path(), &to.join(entry.file_name()))?;
        }
        return Ok(());
    }
    fs::copy(from, to).with_context(|| format!("cannot copy {}", from.display()))?;
    let modified = fs::metadata(from)?.modified()?;
    File::options().write(true).open(to)?.set_modified(modified)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_other_peoples_libraries_are_copied() {
        for name in ["libburn-1a.rlib", "libburn-1a.rmeta", "libserde_derive-2b.so", "burn-1a.d"] {
            assert!(is_other_peoples(name, true), "{name}");
        }
        for name in ["libpmoe_core-1a.rlib", "pmoe-3c", "xtask-1a.d", "parity-4d", "burn-1a.o"] {
            assert!(!is_other_peoples(name, true), "{name}");
        }
        assert!(is_other_peoples("burn-1a", false) && !is_other_peoples("pmoe-core-1a", false));
    }

    #[test]
    fn copies_keep_their_times() {
        let dir = tempfile::tempdir().unwrap();
        let [from, to] = ["from", "to"].map(|name| dir.path().join(name));
        fs::create_dir_all(from.join("in")).unwrap();
        fs::write(from.join("in/file"), "text").unwrap();
        let old = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
        let file = File::options().write(true).open(from.join("in/file")).unwrap();
        file.set_modified(old).unwrap();
        copy(&from, &to).unwrap();
        assert_eq!(fs::read_to_string(to.join("in/file")).unwrap(), "text");
        assert_eq!(fs::metadata(to.join("in/file")).unwrap().modified().unwrap(), old);
    }
}
