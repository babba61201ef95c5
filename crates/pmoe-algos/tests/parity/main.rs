//! Replays losses and gradients that were computed in PyTorch, independently of this crate.
//!
//! The cases are in `tests/golden`, described in its README. Cases in the folder `PMOE_PARITY_DIR`,
//! if set, are replayed too.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../common/mod.rs"]
mod common;
#[path = "replay.rs"]
mod replay;

use std::collections::BTreeSet;
use std::env;
use std::path::Path;

use self::replay::case::{Arithmetic, Array, Case, Problem, cases};
use self::replay::module::differences;
use self::replay::{Method, committed, replay};

/// Returns all differences, in every arithmetic.
fn problems(case: &Case) -> Vec<Problem> {
    let of = |arithmetic| match replay(case, arithmetic) {
        Ok(all) => differences(case, &all, arithmetic),
        Err(problem) => vec![problem],
    };
    let mut all: Vec<Problem> = Arithmetic::ALL.into_iter().flat_map(of).collect();
    all.dedup();
    all
}

fn check(folder: &Path) -> BTreeSet<Method> {
    let mut methods = BTreeSet::new();
    let mut wrong = Vec::new();
    for path in cases(folder).unwrap() {
        match Case::read(&path) {
            Ok(case) => {
                wrong.extend(problems(&case));
                methods.insert(case.document.method);
            }
            Err(problem) => wrong.push(problem),
        }
    }
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
    methods
}

#[test]
fn losses_and_gradients_are_pytorchs() {
    let methods = check(&committed());
    assert_eq!(methods, Method::ALL.into_iter().collect(), "each method has a case");
    if let Some(folder) = env::var_os("PMOE_PARITY_DIR") {
        check(Path::new(&folder));
    }
}

/// Returns the differences after changing a committed case.
fn after(change: impl FnOnce(&mut Case)) -> String {
    let mut case = Case::read(&committed().join("pmoe-sac-01.json")).unwrap();
    assert_eq!(problems(&case), Vec::<Problem>::new());
    change(&mut case);
    problems(&case).join("\n")
}

#[test]
fn a_change_is_noticed_and_named() {
    for loss in ["actor", "critic"] {
        // Ten times the tolerance.
        let found = after(|case| *case.document.losses.get_mut(loss).unwrap() *= 1.0 + 1e-4);
        let count = found.matches(&format!("loss {loss} is ")).count();
        assert_eq!((count, found.lines().count()), (3, 3), "{found}");
    }
    let largest = |array: &mut Array| {
        let values = &mut array.values;
        let at = (0..values.len()).max_by(|&i, &j| values[i].abs().total_cmp(&values[j].abs()));
        let at = at.unwrap();
        values[at] *= 1.0 + 1e-3;
        at
    };
    let mut gradients: Vec<String> = Vec::new();
    after(|case| {
        gradients.extend(case.tensors.keys().filter(|name| name.starts_with("grad/")).cloned());
    });
    for name in gradients {
        let mut at = 0;
        let found = after(|case| at = largest(case.tensors.get_mut(&name).unwrap()));
        let count = found.matches(&format!("{name}: element {at} is ")).count();
        assert_eq!((count, found.lines().count()), (3, 3), "{found}");
    }
    for name in ["param/actor.mean.weight", "param/target.q1.0.weight", "input/noise"] {
        // All elements, because ReLU may set the feature of a single one to zero.
        let all = |array: &mut Array| array.values.iter_mut().for_each(|x| *x *= 1.0 + 1e-2);
        let found = after(|case| all(case.tensors.get_mut(name).unwrap()));
        assert!(found.contains("loss "), "{name}: {found}");
    }
    let found = after(|case| _ = case.document.scalars.insert("gamma".to_owned(), 0.9.into()));
    assert!(found.contains("loss critic is"), "{found}");
}

#[test]
fn what_is_missing_or_unknown_is_named() {
    let found = after(|case| _ = case.tensors.remove("param/actor.mean.weight"));
    assert!(found.contains("there is no tensor param/actor.mean.weight"), "{found}");
    let found = after(|case| _ = case.tensors.remove("grad/actor/actor.mean.weight"));
    assert!(found.contains("there is no tensor grad/actor/actor.mean.weight"), "{found}");
    let more = Array { shape: vec![1], values: vec![0.0] };
    let found = after(|case| _ = case.tensors.insert("input/weather".to_owned(), more));
    assert!(found.contains("the tensor input/weather is of no use here"), "{found}");
    let switch = |case: &mut Case, key: &str, value: &str| {
        case.document.switches.insert(key.to_owned(), value.into());
    };
    let found = after(|case| switch(case, "argmax_score", "luck"));
    assert!(found.contains("switches.argmax_score is \"luck\""), "{found}");
    let found = after(|case| switch(case, "weather", "sunny"));
    assert!(found.contains("unknown switches.weather"), "{found}");
    let found = after(|case| _ = case.document.sizes.remove("hidden"));
    assert!(found.contains("sizes.hidden is missing"), "{found}");
    let found = after(|case| _ = case.document.losses.insert("value".to_owned(), 1.0));
    assert!(found.contains("loss value is unknown"), "{found}");
    let found = after(|case| _ = case.document.losses.remove("actor"));
    assert!(found.contains("loss actor is computed but not in the file"), "{found}");

    let folder = tempfile::tempdir().unwrap();
    let nothing = cases(folder.path()).unwrap_err();
    assert!(nothing.contains("has no cases"), "{nothing}");
    let path = folder.path().join("unknown.json");
    let text = std::fs::read_to_string(committed().join("sac-01.json")).unwrap();
    std::fs::write(&path, text.replace("\"sac\"", "\"luck\"")).unwrap();
    let unknown = Case::read(&path).unwrap_err();
    assert!(unknown.contains("luck") && unknown.contains("pmoe_sac"), "{unknown}");
}
