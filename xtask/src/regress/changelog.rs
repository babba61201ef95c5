//! The section of the changelog that announces other results.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

const HEADING: &str = "### Changes results";

/// The entries of the newest section *Changes results*.
#[derive(Debug, PartialEq)]
pub struct Announced {
    /// Each entry as one line.
    entries: Vec<String>,
}

impl Announced {
    /// Reads the changelog of a checkout.
    pub fn read(root: &Path) -> Result<Self> {
        Ok(Self::parse(&fs::read_to_string(path(root)).context("cannot read CHANGELOG.md")?))
    }

    fn parse(text: &str) -> Self {
        let mut entries: Vec<String> = Vec::new();
        for line in section(text).lines() {
            match (line.strip_prefix("- "), entries.last_mut()) {
                (Some(entry), _) => entries.push(entry.to_owned()),
                (None, Some(entry)) => *entry += &format!(" {}", line.trim()),
                (None, None) => {}
            }
        }
        let entries = entries.iter().map(|entry| entry.trim().to_owned()).collect();
        Self { entries }
    }

    /// Returns a digest of each entry.
    pub fn digests(&self) -> Vec<String> {
        self.entries.iter().map(|entry| digest(entry)).collect()
    }

    /// Returns the entries that were not there when `known` was made.
    pub fn since(&self, known: &[String]) -> Vec<&str> {
        let is_new = |entry: &&String| !known.contains(&digest(entry));
        self.entries.iter().filter(is_new).map(String::as_str).collect()
    }
}

/// Whether an entry speaks of a method or a task: by its name, its family, or as one of all.
pub fn mentions(entry: &str, method: &str, task: &str) -> bool {
    let entry = entry.to_lowercase();
    let (all, robot) = (["all methods", "all tasks", "every method", "every task"], task);
    let robot = robot.rsplit_once('-').map_or(robot, |(name, _)| name);
    let words = |text: &str| {
        let is_part = |c: char| c.is_alphanumeric() || "-_".contains(c);
        text.split(|c| !is_part(c)).map(str::to_owned).collect::<Vec<_>>()
    };
    all.iter().any(|all| entry.contains(all))
        || words(&entry).iter().any(|word| {
            let word = word.trim_matches('-');
            word == method || word == task.to_lowercase() || word == robot.to_lowercase()
        })
}

/// Adds an entry to the newest section *Changes results*.
pub fn announce(root: &Path, entry: &str) -> Result<()> {
    let path = path(root);
    let text = fs::read_to_string(&path).context("cannot read CHANGELOG.md")?;
    let text =
        with_entry(&text, entry).with_context(|| format!("CHANGELOG.md has no `{HEADING}`"))?;
    fs::write(path, text).context("cannot write CHANGELOG.md")
}

/// Puts an entry before the others of the newest section.
fn with_entry(text: &str, entry: &str) -> Option<String> {
    let (before, after) = text.split_once(HEADING)?;
    Some(format!("{before}{HEADING}\n\n- {entry}\n{}", after.trim_start_matches('\n')))
}

fn path(root: &Path) -> PathBuf {
    root.join("CHANGELOG.md")
}

fn section(text: &str) -> &str {
    let Some(begin) = text.find(HEADING) else { return "" };
    let body = &text[begin + HEADING.len()..];
    body.find("\n##").map_or(body, |end| &body[..end])
}

fn digest(entry: &str) -> String {
    blake3::hash(entry.as_bytes()).to_hex()[..12].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# Changelog\n\n## Unreleased\n\n### Changes results\n\n- PMOE-SAC: other bits,\n  \
                        see above.\n- All methods: slower.\n\n### Changed\n\n- Nothing.\n\n## 1.0\n\n\
                        ### Changes results\n\n- Old.\n";

    #[test]
    fn entries_are_those_of_the_newest_section() {
        let announced = Announced::parse(TEXT);
        assert_eq!(announced.entries, ["PMOE-SAC: other bits, see above.", "All methods: slower."]);
        assert_eq!(announced.since(&[]).len(), 2);
        assert!(announced.since(&announced.digests()).is_empty());
        let first = &announced.digests()[..1];
        assert_eq!(announced.since(first), ["All methods: slower."]);
        assert!(Announced::parse("# Changelog\n").entries.is_empty());
    }

    #[test]
    fn a_new_entry_comes_first_and_the_others_stay() {
        let text = with_entry(TEXT, "DAC: new.").unwrap();
        let entries = ["DAC: new.", "PMOE-SAC: other bits, see above.", "All methods: slower."];
        assert_eq!(Announced::parse(&text).entries, entries);
        assert_eq!(text.replacen("- DAC: new.\n", "", 1), TEXT);
        assert_eq!(with_entry("# Changelog\n", "DAC: new."), None);
    }

    #[test]
    fn an_entry_speaks_of_a_method_by_name() {
        assert!(mentions("PMOE-SAC: other bits", "pmoe-sac", "Hopper-v4"));
        assert!(!mentions("PMOE-SAC: other bits", "sac", "Hopper-v4"));
        assert!(!mentions("PMOE-SAC-best: other bits", "pmoe-sac", "Hopper-v4"));
        assert!(mentions("All methods: other bits", "ppo", "Hopper-v4"));
        assert!(mentions("Hopper: the reward", "ppo", "Hopper-v4"));
        assert!(mentions("`Hopper-v4`: the reward", "ppo", "Hopper-v4"));
        assert!(!mentions("Hopper-v2: the reward", "ppo", "Hopper-v4"));
    }
}
