//! Checks of the repository that no other tool does.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use pmoe_matrix::process;

use dependencies::{dependencies, simulator};
use documents::{config_sources, documented_paths, machine_paths, metrics};
use links::broken_links;
use rules::module_rules;

mod dependencies;
mod documents;
mod imports;
mod links;
mod rules;

/// The most lines that a source file should have, without tests.
const BUDGET: usize = 400;

/// Runs all checks and reports all problems.
pub fn run(root: &Path) -> Result<()> {
    let files = Files::list(root)?;
    let mut problems = dependencies(root)?;
    problems.extend(simulator(&files));
    problems.extend(documented_paths(&files));
    problems.extend(broken_links(&files));
    problems.extend(metrics(&files));
    problems.extend(config_sources(&files));
    problems.extend(machine_paths(&files, root));
    problems.extend(module_rules(&files)?);

    for (path, lines) in over_budget(&files) {
        show!("note: {path} has {lines} lines, more than {BUDGET}");
    }
    for problem in &problems {
        say!("{problem}");
    }
    if !problems.is_empty() {
        bail!("tidy: {} problems", problems.len());
    }
    show!("tidy: {} files OK", files.0.len());
    Ok(())
}

/// The text files of the repository, new ones included: path from the root, and content.
struct Files(Vec<(String, String)>);

impl Files {
    fn list(root: &Path) -> Result<Self> {
        let mut git = Command::new("git");
        git.current_dir(root).args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ]);
        let listed = process::stdout(&mut git)?;
        let mut files = Vec::new();
        for path in listed.split_terminator('\0') {
            // What a link leads to is listed itself.
            if root.join(path).is_symlink() {
                continue;
            }
            let bytes = match fs::read(root.join(path)) {
                Ok(bytes) => bytes,
                // Deleted, but still in the index.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error).with_context(|| format!("cannot read {path}")),
            };
            // Binary files, such as figures, are treated as empty.
            files.push((path.to_owned(), String::from_utf8(bytes).unwrap_or_default()));
        }
        Ok(Self(files))
    }

    fn get(&self, path: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == path).map(|(_, text)| text.as_str())
    }

    fn below<'a>(
        &'a self,
        folder: &'a str,
        extension: &'a str,
    ) -> impl Iterator<Item = &'a (String, String)> {
        self.0.iter().filter(move |(path, _)| path.starts_with(folder) && path.ends_with(extension))
    }
}

/// Returns the source files that exceed the budget, without tests.
fn over_budget(files: &Files) -> Vec<(&str, usize)> {
    files
        .below("", ".rs")
        .filter(|(path, _)| !path.contains("/tests/") && !path.ends_with("/tests.rs"))
        .map(|(path, text)| {
            let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or(text);
            (path.as_str(), code.lines().count())
        })
        .filter(|(_, lines)| *lines > BUDGET)
        .collect()
}

#[cfg(test)]
impl Files {
    fn of(contents: &[(&str, &str)]) -> Self {
        Self(contents.iter().map(|(path, text)| (path.to_string(), text.to_string())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_do_not_count_against_the_budget() {
        let code = "x\n".repeat(BUDGET);
        let with_tests = format!("{code}#[cfg(test)]\nmod tests {{\n}}\n");
        let long = format!("{code}x\n");
        let found = Files::of(&[("a.rs", &with_tests), ("b.rs", &long), ("c.md", &long)]);
        assert_eq!(over_budget(&found), [("b.rs", BUDGET + 1)]);
    }
}
