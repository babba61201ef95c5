//! Compares documents and configurations with the repository.

use std::collections::BTreeSet;
use std::path::Path;

use super::Files;

/// Returns paths in the architecture and contribution guides that do not exist.
///
/// A path is text in backticks that begins with a top-level folder or ends in `.rs`. The latter may
/// omit leading folders.
pub(super) fn documented_paths(files: &Files) -> Vec<String> {
    let tops: BTreeSet<&str> =
        files.0.iter().filter_map(|(path, _)| Some(path.split_once('/')?.0)).collect();
    let is_path = |span: &&str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
        let below_root = span.split_once('/').is_some_and(|(top, _)| tops.contains(top));
        span.chars().all(plain) && (below_root || span.ends_with(".rs"))
    };
    let exists = |path: &str| {
        let path = path.trim_end_matches('/');
        let (tail, folder) = (format!("/{path}"), format!("{path}/"));
        files.0.iter().any(|(file, _)| {
            file == path
                || file.starts_with(&folder)
                || (path.ends_with(".rs") && file.ends_with(&tail))
        })
    };

    let mut problems = Vec::new();
    for document in ["ARCHITECTURE.md", "CONTRIBUTING.md"] {
        let Some(text) = files.get(document) else {
            problems.push(format!("there is no {document}"));
            continue;
        };
        for (index, line) in text.lines().enumerate() {
            let spans = line.split('`').skip(1).step_by(2);
            for path in spans.filter(is_path).filter(|path| !exists(path)) {
                problems.push(format!("{document}:{}: there is no {path}", index + 1));
            }
        }
    }
    problems
}

/// Returns metrics that the learners report but `docs/metrics.md` does not list, and the reverse.
pub(super) fn metrics(files: &Files) -> Vec<String> {
    let document = "docs/metrics.md";
    let documented: BTreeSet<&str> = files
        .get(document)
        .unwrap_or_default()
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();
    let sources: Vec<_> = files.below("crates/pmoe-algos/src/", ".rs").collect();
    let reported: BTreeSet<&str> =
        sources.iter().flat_map(|(_, text)| metric_names(text)).collect();
    let missing = reported
        .difference(&documented)
        .map(|name| format!("{document}: no row for the metric `{name}`"));
    let stale = documented
        .difference(&reported)
        .map(|name| format!("{document}: no learner reports `{name}`"));
    missing.chain(stale).collect()
}

/// The metric names in a source file: string literals in the bodies of `fn metrics` and `fn
/// metrics_of..`.
fn metric_names(source: &str) -> impl Iterator<Item = &str> {
    let mut end = String::new();
    let body = source.lines().filter(move |line| {
        let is_head = line.contains("fn metrics(") || line.contains("fn metrics_of");
        if is_head && line.ends_with('{') {
            let indent = line.len() - line.trim_start().len();
            end = format!("{}}}", " ".repeat(indent));
            return false;
        }
        if *line == end {
            end.clear();
        }
        !end.is_empty()
    });
    body.filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| line.split('"').skip(1).step_by(2))
}

/// Returns keys of the methods' configurations without a source for their value.
pub(super) fn config_sources(files: &Files) -> Vec<String> {
    let mut problems = Vec::new();
    for (path, text) in files.below("configs/methods/", ".toml") {
        for (line, key) in keys_without_source(text) {
            problems.push(format!("{path}:{line}: `{key}` has no source mark such as [P] or [O]"));
        }
    }
    problems
}

/// Returns line and name of each key without a mark like `[P]` in the comment after it or right
/// above it.
fn keys_without_source(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut above_is_marked = false;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.starts_with('#') {
            above_is_marked |= has_mark(line);
            continue;
        }
        let (value, comment) = line.split_once(" #").unwrap_or((line, ""));
        let key = value.split_once('=').map(|(key, _)| key.trim());
        if let Some(key) = key.filter(|key| !key.starts_with('[') && *key != "extends")
            && !above_is_marked
            && !has_mark(comment)
        {
            found.push((index + 1, key));
        }
        above_is_marked = false;
    }
    found
}

/// Whether a comment contains one to three capital letters in brackets.
fn has_mark(comment: &str) -> bool {
    let mut bracketed = comment.split('[').skip(1).filter_map(|rest| Some(rest.split_once(']')?.0));
    bracketed.any(|mark| {
        !mark.is_empty() && mark.len() <= 3 && mark.chars().all(|c| c.is_ascii_uppercase())
    })
}

/// Returns lines that contain a folder of a particular machine, and runs whose command has a path
/// from a machine's root.
pub(super) fn machine_paths(files: &Files, root: &Path) -> Vec<String> {
    // Written so that this file does not contain them itself.
    let mut folders = ["home", "root", "Users"].map(|name| format!("/{name}/")).to_vec();
    folders.push(root.display().to_string());
    let names_folder = |line: &str| folders.iter().any(|folder| line.contains(folder.as_str()));
    let of_run = |line: &str| line.trim_start().starts_with("\"command\"") && line.contains(" /");

    let mut problems = Vec::new();
    for (path, text) in &files.0 {
        let manifest = path.ends_with("/manifest.json");
        let wrong = |line: &str| names_folder(line) || (manifest && of_run(line));
        for (index, line) in text.lines().enumerate().filter(|(_, line)| wrong(line)) {
            let line: String = line.trim().chars().take(80).collect();
            problems.push(format!("{path}:{}: names a folder on one machine: {line}", index + 1));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_the_architecture_must_exist() {
        let text = "`crates/a/src/lib.rs`, `a/src/lib.rs`, `crates/a/`, `a/b`, `x = 1/2`, `Env`\n\
                    `crates/b`, `gone.rs`\n";
        let found =
            documented_paths(&Files::of(&[("ARCHITECTURE.md", text), ("crates/a/src/lib.rs", "")]));
        assert_eq!(
            found,
            [
                "ARCHITECTURE.md:2: there is no crates/b",
                "ARCHITECTURE.md:2: there is no gone.rs",
                "there is no CONTRIBUTING.md"
            ]
        );
    }

    #[test]
    fn metrics_and_their_table_agree() {
        let source = "impl Agent for Sac {\n    fn metrics(&self) -> Result<Metrics, AgentError> {\n        \
                      // Not \"this\".\n        Metrics::new([(\"q1\", q1), (\"q2\", q2)])\n    }\n\n    \
                      fn save(&self) { write(\"weights\") }\n}\n";
        let table = "| metric | formula |\n|---|---|\n| `q1` | mean of Q |\n| `entropy` | H |\n";
        let found = metrics(&Files::of(&[
            ("docs/metrics.md", table),
            ("crates/pmoe-algos/src/sac.rs", source),
        ]));
        assert_eq!(
            found,
            [
                "docs/metrics.md: no row for the metric `q2`",
                "docs/metrics.md: no learner reports `entropy`"
            ]
        );
    }

    #[test]
    fn configuration_keys_name_their_source() {
        let text = "# Sources: [P] paper, [O] ours.\n\nalgo = \"sac\" # the name [O]\n\
                    gamma = 0.99 # discount\n[schedule]\n# Steps between evaluations. [O]\n\
                    eval_every = 5000\neval_episodes = 10 # [ten]\ntau = 1 # [SU]\n";
        assert_eq!(keys_without_source(text), [(4, "gamma"), (8, "eval_episodes")]);
    }

    #[test]
    fn machine_paths_are_found() {
        let text = format!("fine: docs/home.md\ncd /{}/someone/pmoe\n/checkout/pmoe/x\n", "home");
        let run = "{\n    \"command\": \"pmoe train --out /data/results/seed_0\"\n}\n";
        let found = machine_paths(
            &Files::of(&[("README.md", &text), ("results/sac/seed_0/manifest.json", run)]),
            Path::new("/checkout/pmoe"),
        );
        assert_eq!(found.len(), 3);
        assert!(found[0].starts_with("README.md:2: "));
        assert!(found[1].starts_with("README.md:3: "));
        assert!(found[2].starts_with("results/sac/seed_0/manifest.json:2: "));
    }
}
