//! Links to runs, and runs inside runs.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use pmoe_results::run::{Folders, scan};
use pmoe_results::{ResultsError, Status};

use crate::{manifest, write_run};

fn run_at(path: &Path, seed: u64) {
    write_run(path, manifest("sac", "Hopper-v4", seed), &[(0, 1.0), (100, 2.0)], Status::Done);
}

/// Returns the paths of the runs that a scan reads, relative to `root`.
fn runs(root: &Path) -> Vec<PathBuf> {
    let found = scan(root).unwrap();
    assert!(found.broken.is_empty(), "{:?}", found.broken);
    found.runs.iter().map(|run| run.path.strip_prefix(root).unwrap().to_owned()).collect()
}

fn repeated(root: &Path) -> Vec<(PathBuf, PathBuf)> {
    let below = |path: &PathBuf| path.strip_prefix(root).unwrap().to_owned();
    let found = scan(root).unwrap().repeated;
    found.iter().map(|of| (below(&of.link), below(&of.target))).collect()
}

fn paths(names: &[&str]) -> Vec<PathBuf> {
    names.iter().map(PathBuf::from).collect()
}

#[test]
fn links_to_runs_and_to_folders_of_runs_are_followed() {
    let (dir, scratch) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    run_at(&dir.path().join("sac/seed_0"), 0);
    run_at(&scratch.path().join("one"), 1);
    run_at(&scratch.path().join("many/seed_2"), 2);
    run_at(&scratch.path().join("many/deep/seed_3"), 3);
    symlink(scratch.path().join("one"), dir.path().join("sac/seed_1")).unwrap();
    // A link to a link works as well.
    symlink(scratch.path().join("many"), scratch.path().join("all")).unwrap();
    symlink(scratch.path().join("all"), dir.path().join("more")).unwrap();
    let expected = ["more/deep/seed_3", "more/seed_2", "sac/seed_0", "sac/seed_1"];
    assert_eq!(runs(dir.path()), paths(&expected));
    assert_eq!(repeated(dir.path()), []);
    // The searched folder may itself be a link.
    let link = scratch.path().join("results");
    symlink(dir.path(), &link).unwrap();
    assert_eq!(runs(&link).len(), 4);
}

#[test]
fn links_that_lead_back_end() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("results");
    run_at(&root.join("sac/seed_0"), 0);
    run_at(&dir.path().join("others/seed_1"), 1);
    symlink(&root, root.join("itself")).unwrap();
    symlink("..", root.join("sac/up")).unwrap();
    // A link to a parent: its other contents are not part of the search.
    symlink(dir.path(), root.join("above")).unwrap();
    symlink("/", root.join("everything")).unwrap();
    assert_eq!(runs(&root), paths(&["sac/seed_0"]));
    let links: Vec<_> = repeated(&root).into_iter().map(|(link, _)| link).collect();
    assert_eq!(links.len(), 4, "{links:?}");
    // Two links that point at each other lead nowhere.
    symlink(root.join("b"), root.join("a")).unwrap();
    symlink(root.join("a"), root.join("b")).unwrap();
    let found = scan(&root).unwrap();
    assert_eq!((found.runs.len(), found.broken.len()), (1, 2));
}

#[test]
fn a_run_that_is_reached_twice_counts_once_under_its_own_name() {
    let (dir, scratch) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    run_at(&dir.path().join("z/seed_0"), 0);
    run_at(&scratch.path().join("runs/seed_1"), 1);
    symlink(dir.path().join("z/seed_0"), dir.path().join("a")).unwrap();
    symlink(scratch.path(), dir.path().join("b")).unwrap();
    symlink(scratch.path().join("runs"), dir.path().join("c")).unwrap();
    symlink(dir.path().join("z"), scratch.path().join("back")).unwrap();
    assert_eq!(runs(dir.path()), paths(&["b/runs/seed_1", "z/seed_0"]));
    let expected = [("a", "z/seed_0"), ("b/back", "z"), ("c", "b/runs")];
    assert_eq!(repeated(dir.path()), expected.map(|(link, to)| (link.into(), to.into())));
    let words = scan(dir.path()).unwrap().repeated[0].to_string();
    assert!(words.contains("z/seed_0") && words.ends_with("count once"), "{words}");
    // Links to folders without runs are not reported.
    fs::create_dir(dir.path().join("notes")).unwrap();
    symlink(dir.path().join("notes"), dir.path().join("n")).unwrap();
    assert_eq!(repeated(dir.path()).len(), 3);
}

#[test]
fn a_link_that_leads_nowhere_is_named() {
    let dir = tempfile::tempdir().unwrap();
    run_at(&dir.path().join("seed_0"), 0);
    symlink("/no/such/disk", dir.path().join("seed_1")).unwrap();
    // Emacs leaves such links.
    symlink("me@host.123", dir.path().join(".#notes")).unwrap();
    let found = scan(dir.path()).unwrap();
    assert_eq!((found.runs.len(), found.broken.len()), (1, 1));
    let (path, error) = &found.broken[0];
    assert_eq!(*path, dir.path().join("seed_1"));
    assert!(matches!(error, ResultsError::NotARun { .. }), "{error}");
    assert!(error.to_string().contains("a dangling link"), "{error}");
}

#[test]
fn a_run_inside_another_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let outer = dir.path().join("outer");
    for (name, seed) in [("", 0), ("inner", 1), ("inner/deep/er", 2), ("analysis/x", 3)] {
        run_at(&outer.join(name), seed);
    }
    // A checkpoint has a manifest of another kind; other folders next to it may be runs.
    let checkpoint = outer.join("checkpoint/step-000000000100");
    fs::create_dir_all(&checkpoint).unwrap();
    fs::write(checkpoint.join("manifest.json"), "{}").unwrap();
    run_at(&outer.join("checkpoint/mine"), 4);
    let expected = [
        "outer",
        "outer/analysis/x",
        "outer/checkpoint/mine",
        "outer/inner",
        "outer/inner/deep/er",
    ];
    assert_eq!(runs(dir.path()), paths(&expected));
    // The same if the search starts at the outer run.
    assert_eq!(Folders::find(&outer).unwrap().runs.len(), 5);
}
