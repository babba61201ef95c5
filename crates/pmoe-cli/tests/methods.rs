//! What a method's file says is what a run has, whether the file is whole or extends another one.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::{SMALL_SCHEDULE, pmoe, refuse, run, succeed};

/// The first digits of the blake3 of each method's resolved config for seed 0 on Hopper-v4.
const CONFIGS: [(&str, &str); 24] = [
    ("dac", "810479ab"),
    ("gating-ppo", "aab1b60c"),
    ("gating-sac", "daec7aa4"),
    ("mcp-ppo", "4f775d68"),
    ("mcp-sac", "199f572e"),
    ("pmoe-ppo", "6d2e8746"),
    ("pmoe-ppo-coauthor", "07ff496c"),
    ("pmoe-sac", "1330d40a"),
    ("pmoe-sac-all", "9bef849b"),
    ("pmoe-sac-best", "faab77ee"),
    ("pmoe-sac-calibrated", "d8f0154e"),
    ("pmoe-sac-critics", "2dfaa5be"),
    ("pmoe-sac-gumbel", "347240eb"),
    ("pmoe-sac-lr", "3e70e5db"),
    ("pmoe-sac-marginal", "3f8a8bd3"),
    ("pmoe-sac-modes", "3dd1b599"),
    ("pmoe-sac-reinforce", "d9dee99a"),
    ("pmoe-sac-release", "75d4f2e0"),
    ("ppo", "d2292c1d"),
    ("ppo-cleanrl", "bb83554c"),
    ("ppo-deeprl", "d3f6e6c4"),
    ("sac", "fd62706d"),
    ("sac-ln", "1ccedaff"),
    ("td3", "ed7eb494"),
];

fn show(method: &str) -> Command {
    let mut command = pmoe();
    command.args(["config", "show", "--method", method]);
    command
}

/// However its file is written: runs of earlier versions are to be continued, and compared.
/// A change here changes results; CHANGELOG.md says so.
#[test]
fn every_method_has_the_config_that_it_always_had() {
    let names = succeed(pmoe().args(["list", "methods"]));
    let names = names.lines().filter_map(|line| line.split_whitespace().next());
    let digits = |name: &str| {
        let config = succeed(&mut show(name));
        blake3::hash(config.as_bytes()).to_hex()[..8].to_owned()
    };
    let found: Vec<_> = names.map(|name| (name.to_owned(), digits(name))).collect();
    let expected = CONFIGS.map(|(name, digits)| (name.to_owned(), digits.to_owned()));
    assert_eq!(found, expected);
}

/// Writes a method file and returns its path.
fn file(dir: &Path, name: &str, text: &str) -> String {
    let path = dir.join(name);
    fs::write(&path, text).unwrap();
    path.display().to_string()
}

#[test]
fn a_file_that_extends_a_method_has_the_same_run_as_its_settings() {
    let dir = tempfile::tempdir().unwrap();
    file(dir.path(), "small.toml", "extends = \"pmoe-sac\"\nalgo.sac.hidden = [16, 16]\n");
    let text = "extends = \"small.toml\"\n[algo.sac]\nbatch_size = 8\n[algo.sac.actor.gaussian]\n";
    let mine = file(dir.path(), "sac.toml", text);
    let shown = succeed(&mut show(&mine));
    assert!(!shown.contains("extends"), "{shown}");
    let set = ["--set", "hidden=[16,16]", "--set", "batch_size=8"];
    assert_eq!(shown, succeed(show("sac").args(set)));
    succeed(pmoe().args(["config", "check", &mine]));

    // The folder of a run has all of it.
    let out = dir.path().join("run");
    let mut train = pmoe();
    train.args(["train", "--method", &mine, "--task", "Hopper-v4", "--steps", "60", "--out"]);
    train.arg(&out).args(["--set", "random_steps=20", "--set", "learning_starts=20"]);
    train.args(SMALL_SCHEDULE.iter().flat_map(|setting| ["--set", setting]));
    succeed(&mut train);
    let config: toml::Table = fs::read_to_string(out.join("config.toml")).unwrap().parse().unwrap();
    let shown: toml::Table = shown.parse().unwrap();
    assert_eq!(config["algo"]["sac"]["actor"], shown["algo"]["sac"]["actor"]);
    assert_eq!(config["algo"]["sac"]["tau"].as_float(), Some(0.005));
    assert!(!config.contains_key("extends"));
}

#[test]
fn a_wrong_extension_is_refused_with_what_is_allowed() {
    let dir = tempfile::tempdir().unwrap();
    let check = |text: &str, words: &[&str]| {
        let path = file(dir.path(), "mine.toml", text);
        refuse(&mut show(&path), 2, words);
        refuse(pmoe().args(["config", "check", &path]), 2, words);
    };
    check("extends = \"sacc\"", &["mine.toml: at `extends`", "sacc", "did you mean `sac`?"]);
    check("extends = \"mine.toml\"", &["mine.toml: at `extends`", "a circle"]);
    check("extends = \"there.toml\"", &["mine.toml: at `extends`", "there.toml", "No such file"]);
    check("extends = [\"sac\"]", &["mine.toml: at `extends`", "must be one of"]);
    let unknown = "extends = \"sac\"\nalgo.sac.gama = 0.9";
    check(unknown, &["mine.toml: at `algo.sac.gama`", "unknown field", "did you mean `gamma`"]);
    check(
        "extends = \"sac\"\n[algo.ppo]\nlr = 1e-3",
        &["mine.toml: at `algo.ppo", "missing field"],
    );
    let range = "extends = \"sac\"\nalgo.sac.gamma = 2.0";
    check(range, &["`gamma` is 2", "between 0 and 1"]);
    // A run's own config is whole; the key is no setting.
    let set = run(show("sac").args(["--set", "algo.extends=sac"]));
    assert_eq!(set.code, Some(2), "{}", set.stderr);
}
