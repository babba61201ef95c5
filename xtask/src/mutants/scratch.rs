//! The copy of the committed tree that the mutants change, with a target folder of its own.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use pmoe_matrix::process;

use super::list::Mutant;
use crate::cargo;

/// A clone of the repository below the target folder.
pub struct Scratch {
    /// The clone's root.
    pub tree: PathBuf,
    /// Its target folder.
    pub target: PathBuf,
    /// Where the output of builds and tests goes.
    pub logs: PathBuf,
    /// The commit that it has.
    pub commit: String,
    /// Identifies the code that mutants change, and what it depends on.
    pub code: String,
}

/// What a result depends on.
const CODE: [&str; 6] = [
    "Cargo.lock",
    "Cargo.toml",
    "crates/pmoe-algos",
    "crates/pmoe-core",
    "crates/pmoe-envs",
    "crates/pmoe-results",
];

impl Scratch {
    /// Makes the copy, or brings an earlier one to the latest commit of `root`.
    pub fn prepare(root: &Path) -> Result<Self> {
        let main = cargo::target_directory()?;
        let folder = main.join("mutants");
        let [tree, target, logs] = ["tree", "target", "logs"].map(|name| folder.join(name));
        fs::create_dir_all(&logs)?;
        let commit = git(root, &["rev-parse", "HEAD"])?;
        if !tree.join(".git").exists() {
            let mut clone = Command::new("git");
            clone.args(["clone", "--quiet", "--shared", "--no-checkout"]).arg(root).arg(&tree);
            process::run(&mut clone)?;
        }
        // Also undoes what a stopped run left.
        git(&tree, &["checkout", "--quiet", "--force", "--detach", &commit])?;
        clean(&tree)?;
        let ids = CODE.map(|path| git(&tree, &["rev-parse", &format!("HEAD:{path}")]));
        let ids = ids.into_iter().collect::<Result<Vec<_>>>()?;
        let code = blake3::hash(ids.join("\n").as_bytes()).to_hex()[..16].to_owned();
        if !target.exists() {
            seed(&main.join("release"), &target.join("release"))?;
        }
        Ok(Self { tree, target, logs, commit, code })
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

    /// Returns where the output of a step goes.
    pub fn log(&self, name: &str) -> PathBuf {
        self.logs.join(format!("{name}.log"))
    }

    /// Returns the text of a mutant's file without the mistake and with it.
    pub fn mutated(&self, mutant: &Mutant) -> Result<[String; 2]> {
        let read = fs::read_to_string(self.tree.join(&mutant.file));
        let text = read.with_context(|| format!("mutant `{}`: {}", mutant.name, mutant.file))?;
        let mutated = mutant.apply(&text)?;
        Ok([text, mutated])
    }

    /// Removes what failing tests left, such as the inputs that made them fail, which the tests of the
    /// next mutant would try.
    pub fn clean(&self) -> Result<()> {
        clean(&self.tree)
    }

    /// Makes the mistake, does `work`, and undoes the mistake.
    pub fn with<T>(&self, mutant: &Mutant, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let path = self.tree.join(&mutant.file);
        let [text, mutated] = self.mutated(mutant)?;
        fs::write(&path, mutated)?;
        let done = work();
        // The file is newer than what was built from it, so that cargo builds it again.
        fs::write(&path, text)?;
        done
    }
}

/// Returns what git prints in a folder.
fn git(folder: &Path, arguments: &[&str]) -> Result<String> {
    let text = process::stdout(Command::new("git").arg("-C").arg(folder).args(arguments))?;
    Ok(text.trim_end().to_owned())
}

/// Removes files that git does not know, except ignored ones.
fn clean(tree: &Path) -> Result<()> {
    git(tree, &["clean", "--quiet", "--force", "-d"]).map(|_| ())
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

    #[test]
    fn the_file_is_as_before_whatever_happens_to_the_mutant() {
        let dir = tempfile::tempdir().unwrap();
        let tree = dir.path().to_owned();
        fs::create_dir_all(tree.join("crates/pmoe-core")).unwrap();
        let path = tree.join("crates/pmoe-core/lib.rs");
        fs::write(&path, "a + b").unwrap();
        let [target, logs] = ["target", "logs"].map(|name| tree.join(name));
        let scratch = Scratch { tree, target, logs, commit: String::new(), code: String::new() };
        let mutant = Mutant { file: "crates/pmoe-core/lib.rs".to_owned(), ..Mutant::example() };
        let seen = scratch.with(&mutant, || Ok(fs::read_to_string(&path)?)).unwrap();
        assert_eq!(seen, "a - b");
        let failed: Result<()> = scratch.with(&mutant, || anyhow::bail!("it does not compile"));
        assert!(failed.is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "a + b");
    }
}
