//! Rules for dependencies of crates, and for the files that may use MuJoCo's bindings.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Result;
use pmoe_matrix::process;

use super::Files;
use crate::cargo::cargo;

/// Packages and the prefixes of packages that they must not depend on.
const FORBIDDEN: [(&str, &[&str]); 12] = [
    ("pmoe-envs", &["burn", "pmoe-"]),
    ("pmoe-core", &["mujoco", "pmoe-"]),
    ("pmoe-algos", &["mujoco", "pmoe-report", "pmoe-watch"]),
    ("pmoe-lab", &["mujoco", "pmoe-watch", "pmoe-matrix"]),
    ("pmoe-stats", &["burn", "mujoco", "pmoe-"]),
    (
        "pmoe-results",
        &[
            "burn",
            "mujoco",
            "bhtsne",
            "pmoe-core",
            "pmoe-envs",
            "pmoe-algos",
            "pmoe-report",
            "pmoe-watch",
            "pmoe-matrix",
        ],
    ),
    ("pmoe-report", &["burn", "mujoco", "pmoe-core", "pmoe-envs", "pmoe-algos", "pmoe-watch"]),
    (
        "pmoe-regress",
        &[
            "burn",
            "mujoco",
            "pmoe-core",
            "pmoe-envs",
            "pmoe-algos",
            "pmoe-report",
            "pmoe-watch",
            "pmoe-matrix",
        ],
    ),
    ("pmoe-track", &["burn", "mujoco", "pmoe-core", "pmoe-envs", "pmoe-algos", "pmoe-report"]),
    ("pmoe-watch", &["burn", "mujoco", "pmoe-core", "pmoe-envs", "pmoe-algos", "pmoe-report"]),
    (
        "pmoe-matrix",
        &["burn", "mujoco", "pmoe-core", "pmoe-envs", "pmoe-algos", "pmoe-report", "pmoe-watch"],
    ),
    (
        "xtask",
        &["burn", "mujoco", "pmoe-core", "pmoe-envs", "pmoe-algos", "pmoe-report", "pmoe-watch"],
    ),
];

/// The only module that may use MuJoCo's bindings: this file and its folder.
const SIMULATOR: &str = "crates/pmoe-envs/src/mujoco/sim";

/// Returns forbidden dependencies of packages.
pub(super) fn dependencies(root: &Path) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    for (package, forbidden) in FORBIDDEN {
        let mut tree = cargo();
        tree.current_dir(root).args(["tree", "--quiet", "--locked", "--package", package]);
        tree.args(["--edges", "normal,build", "--prefix", "none", "--format", "{p}"]);
        let tree = process::stdout(&mut tree)?;
        problems.extend(
            forbidden_in(&tree, package, forbidden).into_iter().map(|name| {
                format!("{package} depends on {name}: see ARCHITECTURE.md, invariants")
            }),
        );
    }
    Ok(problems)
}

fn forbidden_in<'a>(tree: &'a str, package: &str, forbidden: &[&str]) -> BTreeSet<&'a str> {
    tree.lines()
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != package)
        .filter(|name| forbidden.iter().any(|beginning| name.starts_with(beginning)))
        .collect()
}

/// Returns source files that use MuJoCo's bindings without permission.
pub(super) fn simulator(files: &Files) -> Vec<String> {
    files
        .below("crates/", ".rs")
        .filter(|(path, text)| !path.starts_with(SIMULATOR) && text.contains("mujoco_rs"))
        .map(|(path, _)| {
            format!("{path}: names mujoco_rs, but only {SIMULATOR}.rs and its folder may")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forbidden_packages_are_found_by_the_beginning_of_their_name() {
        let tree = "pmoe-envs v0.1.0 (path)\nrand v0.10.3\nburn-tensor v0.22.1\nburn v0.22.1 (*)\n";
        let found = forbidden_in(tree, "pmoe-envs", &["burn", "pmoe-"]);
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["burn", "burn-tensor"]);
        assert!(forbidden_in(tree, "pmoe-envs", &["mujoco"]).is_empty());
    }

    #[test]
    fn only_one_file_names_the_bindings() {
        let found = simulator(&Files::of(&[
            ("crates/pmoe-envs/src/mujoco/sim.rs", "use mujoco_rs::prelude::*;"),
            ("crates/pmoe-envs/src/mujoco/sim/render.rs", "use mujoco_rs::renderer::MjRenderer;"),
            ("crates/pmoe-envs/src/mujoco/ant.rs", "use mujoco_rs::MjData;"),
        ]));
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("crates/pmoe-envs/src/mujoco/ant.rs: "));
    }
}
