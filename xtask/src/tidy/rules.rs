//! Rules for the modules of a crate.
//!
//! They apply to top-level modules, each including all its submodules. A module *imports* another
//! if a `use` or a path anywhere in it refers to an item of the other, as `crate::other::Name` or
//! `super::other::Name`, or through a name that the root re-exports. Test code is ignored.
//!
//! - **No cycles.** A cycle is a set of two or more such modules in which each imports the next,
//!   and the last imports the first. Inside a module there are no restrictions: a child may use its
//!   parent and its siblings, and a parent its children. The root is exempt: it declares and
//!   re-exports all modules, and any module may use the items that it defines itself.
//! - **Import names from where they are defined.** A module uses `crate::module::Name`, not
//!   `crate::Name`, which the root only re-exports for other crates.
//! - **No algorithm imports another.** Shared code is in separate modules.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use anyhow::Result;

use super::Files;
use super::imports::{Import, imports};

/// The algorithm modules of `pmoe-algos`.
const ALGORITHMS: [&str; 4] = ["sac", "ppo", "dac", "td3"];

/// Returns violations of the rules in all crates.
pub(super) fn module_rules(files: &Files) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    for folder in crates(files) {
        let name = folder.rsplit('/').next().unwrap_or(folder);
        problems.extend(check(name, &imports(files, folder)?));
    }
    Ok(problems)
}

/// Returns the folders of all crates.
fn crates(files: &Files) -> BTreeSet<&str> {
    let manifests = files.below("", "/Cargo.toml").map(|(path, _)| path.as_str());
    manifests.filter_map(|path| path.strip_suffix("/Cargo.toml")).collect()
}

/// Returns violations of the rules in one crate.
fn check(name: &str, imports: &[Import]) -> Vec<String> {
    let mut found: Vec<String> = circles(imports)
        .into_iter()
        .map(|circle| format!("{name}: modules that import each other: {circle}"))
        .collect();
    found.extend(imports.iter().filter_map(|Import { file, to, through_root, .. }| {
        let name = through_root.as_ref()?;
        Some(format!("{file}: `crate::{name}` is a re-export: import `crate::{to}::{name}`"))
    }));
    if name == "pmoe-algos" {
        let is_algorithm = |module: &String| ALGORITHMS.contains(&module.as_str());
        let across = imports
            .iter()
            .filter(|Import { from, to, .. }| from != to && is_algorithm(from) && is_algorithm(to));
        found.extend(across.map(|Import { file, from, to, .. }| {
            format!("{file}: `{from}` imports another algorithm, `{to}`")
        }));
    }
    found
}

/// For each module, the modules that it imports, each with a file that does so.
type Graph<'a> = BTreeMap<&'a str, BTreeMap<&'a str, &'a str>>;

/// Returns maximal sets of modules that import each other, each with a shortest cycle in it and the
/// files responsible.
fn circles(imports: &[Import]) -> Vec<String> {
    let mut graph: Graph<'_> = BTreeMap::new();
    for Import { file, from, to, .. } in imports.iter().filter(|import| import.from != import.to) {
        graph.entry(from).or_default().entry(to).or_insert(file);
    }
    let ways: BTreeMap<&str, BTreeMap<&str, &str>> =
        graph.keys().map(|&module| (module, reached(&graph, module))).collect();
    let meets =
        |one: &str, other: &str| ways.get(one).is_some_and(|reached| reached.contains_key(other));
    let mut found = Vec::new();
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for &module in graph.keys().filter(|&&module| meets(module, module)) {
        if seen.contains(module) {
            continue;
        }
        let members: Vec<&str> = graph
            .keys()
            .copied()
            .filter(|&other| meets(module, other) && meets(other, module))
            .collect();
        seen.extend(&members);
        let shortest =
            members.iter().map(|&member| circle(&ways[member], member)).min_by_key(Vec::len);
        let shortest = shortest.unwrap_or_default();
        let steps = shortest.iter().zip(shortest.iter().cycle().skip(1));
        let steps: Vec<_> = steps
            .map(|(one, next)| format!("{one} imports {next} in {}", graph[one][next]))
            .collect();
        found.push(format!("{}; {}", members.join(", "), steps.join(", ")));
    }
    found
}

/// Returns every module that can be reached from `start` in one or more steps, with its predecessor
/// on a shortest path.
fn reached<'a>(graph: &Graph<'a>, start: &'a str) -> BTreeMap<&'a str, &'a str> {
    let mut before = BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(module) = queue.pop_front() {
        for &next in graph.get(module).into_iter().flat_map(BTreeMap::keys) {
            if !before.contains_key(next) {
                before.insert(next, module);
                queue.push_back(next);
            }
        }
    }
    before
}

/// Returns the shortest cycle through `start`, which is listed once.
fn circle<'a>(before: &BTreeMap<&'a str, &'a str>, start: &'a str) -> Vec<&'a str> {
    let mut way = vec![before[start]];
    while let Some(&last) = way.last().filter(|&&last| last != start) {
        way.push(before[last]);
    }
    way.reverse();
    way
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(pairs: &[(&str, &str)]) -> Vec<Import> {
        let import = |(from, to): &(&str, &str)| Import {
            file: format!("{from}.rs"),
            from: from.to_string(),
            to: to.to_string(),
            through_root: None,
        };
        pairs.iter().map(import).collect()
    }

    #[test]
    fn a_circle_is_found_once_with_its_shortest_way() {
        let straight = [("a", "b"), ("b", "c"), ("a", "c")];
        assert!(circles(&pairs(&straight)).is_empty());
        let two =
            [("a", "b"), ("b", "c"), ("c", "a"), ("c", "b"), ("x", "y"), ("y", "x"), ("x", "a")];
        assert_eq!(
            circles(&pairs(&two)),
            [
                "a, b, c; b imports c in b.rs, c imports b in c.rs",
                "x, y; x imports y in x.rs, y imports x in y.rs"
            ]
        );
        let long = [("a", "b"), ("b", "c"), ("c", "a")];
        assert_eq!(
            circles(&pairs(&long)),
            ["a, b, c; a imports b in a.rs, b imports c in b.rs, c imports a in c.rs"]
        );
    }

    #[test]
    fn algorithms_do_not_import_each_other() {
        let all = pairs(&[("dac", "ppo"), ("sac", "agent"), ("agent", "sac")]);
        let found = check("pmoe-algos", &all[..2]);
        assert_eq!(found, ["dac.rs: `dac` imports another algorithm, `ppo`"]);
        assert!(check("pmoe-other", &all[..2]).is_empty());
        assert_eq!(check("pmoe-other", &all).len(), 1);
    }

    #[test]
    fn names_are_taken_from_where_they_are() {
        let mut all = pairs(&[("a", "a")]);
        all[0].through_root = Some("Name".to_owned());
        let expected = ["a.rs: `crate::Name` is a re-export: import `crate::a::Name`"];
        assert_eq!(check("pmoe-other", &all), expected);
    }

    #[test]
    fn every_crate_is_checked() {
        let files = Files::of(&[
            ("Cargo.toml", ""),
            ("xtask/Cargo.toml", ""),
            ("xtask/src/main.rs", "mod a; mod b;"),
            ("xtask/src/a.rs", "use crate::b::B;"),
            ("xtask/src/b.rs", "use super::a::A;"),
            ("crates/other/Cargo.toml", ""),
            ("crates/other/src/lib.rs", "mod a; pub use a::A;"),
            ("crates/other/src/a.rs", "use crate::A;"),
        ]);
        let problems = module_rules(&files).unwrap();
        assert_eq!(
            problems,
            [
                "crates/other/src/a.rs: `crate::A` is a re-export: import `crate::a::A`",
                "xtask: modules that import each other: a, b; a imports b in xtask/src/a.rs, \
                 b imports a in xtask/src/b.rs",
            ]
        );
    }
}
