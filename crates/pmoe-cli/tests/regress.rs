//! `pmoe regress`: verdicts, exit codes and what a reader of a failure sees, on committed runs.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{pmoe, refuse, run, snapshot, succeed};

fn regress(arguments: &[&Path]) -> Command {
    let mut command = pmoe();
    command.arg("regress").args(arguments);
    command
}

/// Five runs of a method on Ant-v2, 300 000 steps each.
fn ant(method: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../results/paper-300k/fig1-table2");
    root.join(method).join("Ant-v2")
}

/// Copies runs to where those of `sac` would be.
fn as_sac(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let seed = entry.unwrap().path();
        let place = to.join("sac/Ant-v2").join(seed.file_name().unwrap());
        fs::create_dir_all(&place).unwrap();
        for file in ["config.toml", "manifest.json", "events.jsonl"] {
            fs::copy(seed.join(file), place.join(file)).unwrap();
        }
    }
}

#[test]
fn the_same_runs_pass_and_those_of_a_worse_method_fail_with_curves() {
    let folder = tempfile::tempdir().unwrap();
    let sac = ant("sac");
    assert!(succeed(&mut regress(&[&sac, &sac])).contains("fine"));

    // PMOE-SAC is far behind SAC here.
    as_sac(&ant("pmoe-sac"), folder.path());
    let before = snapshot(folder.path());
    let failed = run(&mut regress(&[&sac, folder.path()]));
    assert_eq!(failed.code, Some(1), "{}", failed.stderr);
    let text = &failed.stdout;
    for words in
        ["WORSE", "sac on Ant-v2, return by acting: ", "seeds 0, 1, 2, 3, 4", "• before, █ now"]
    {
        assert!(text.contains(words), "{words}: {text}");
    }
    // The commit that trained the reference.
    assert!(text.contains("before: commit "), "{text}");
    assert_eq!(snapshot(folder.path()), before);

    let document = run(regress(&[&sac, folder.path()]).arg("--json"));
    assert_eq!(document.code, Some(1));
    let findings: serde_json::Value = serde_json::from_str(&document.stdout).unwrap();
    let acting = findings.as_array().unwrap().iter().find(|of| of["measure"] == "acting").unwrap();
    assert_eq!(
        (acting["decision"].as_str(), acting["method"].as_str()),
        (Some("worse"), Some("sac"))
    );
    // The lowest of the C(10, 5) = 252 ways to draw five of ten runs.
    assert!((acting["p_value"].as_f64().unwrap() - 1.0 / 252.0).abs() < 1e-12);
}

#[test]
fn what_can_not_be_compared_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let sac = ant("sac");
    refuse(&mut regress(&[&sac, &empty]), 2, &["empty: no runs here or below"]);
    refuse(&mut regress(&[&sac, &folder.path().join("nowhere")]), 2, &["nowhere"]);
    let other = ant("pmoe-sac");
    refuse(&mut regress(&[&sac, &other]), 2, &["sac on Ant-v2: the reference has runs"]);
    refuse(&mut regress(&[&sac]), 2, &["a folder of runs, --calibrate or --bands is needed"]);
    refuse(regress(&[&sac, &sac]).args(["--alpha", "2"]), 2, &["between 0 and 1"]);
    refuse(
        regress(&[&sac]).args(["--calibrate", "10"]),
        2,
        &["5 runs of the reference; 20 are needed"],
    );

    let unfinished = folder.path().join("unfinished");
    as_sac(&sac, &unfinished);
    let manifest = unfinished.join("sac/Ant-v2/seed_0/manifest.json");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text.replace("\"done\"", "\"running\"")).unwrap();
    refuse(&mut regress(&[&sac, &unfinished]), 2, &["seed_0: the run is not finished"]);
}

#[test]
fn bands_are_compared_with_the_end_of_the_curves() {
    let folder = tempfile::tempdir().unwrap();
    let bands = folder.path().join("bands.toml");
    let band = |low: f64, high: f64| {
        let text = format!(
            "[[bands]]\nmethod = \"sac\"\ntask = \"Ant-v2\"\nlow = {low:?}\nhigh = {high:?}\nsource = \"me\"\n"
        );
        fs::write(&bands, text).unwrap();
        run(regress(&[&ant("sac")]).arg("--bands").arg(&bands))
    };
    for (low, high, code, word) in
        [(1000.0, 4000.0, 0, "within"), (1000.0, 1500.0, 0, "above"), (3000.0, 4000.0, 1, "BELOW")]
    {
        let found = band(low, high);
        assert_eq!(found.code, Some(code), "{}", found.stderr);
        assert!(found.stdout.contains(word), "{}", found.stdout);
    }
    let other = run(regress(&[&ant("pmoe-sac")]).arg("--bands").arg(&bands));
    assert_eq!(other.code, Some(2));
    assert!(other.stderr.contains("sac on Ant-v2: a band is given"), "{}", other.stderr);
    let refused = band(2.0, 1.0);
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("the band from 2 to 1 is empty"), "{}", refused.stderr);
}
