use super::*;

fn digests(episodes: &str) -> Digests {
    let [evaluations, metrics] = ["e", "m"].map(str::to_owned);
    Digests { evaluations, episodes: episodes.to_owned(), metrics }
}

fn runs(runs: &[(&str, &str)]) -> BTreeMap<String, Digests> {
    runs.iter().map(|(name, episodes)| ((*name).to_owned(), digests(episodes))).collect()
}

/// Runs of a build; `sac-auto` varies `sac`.
fn found(of: &[(&str, &str)]) -> Found {
    let auto = ("bits/sac-auto/Hopper-v4".to_owned(), "sac".to_owned());
    Found {
        class: "class".to_owned(),
        commit: String::new(),
        runs: runs(of),
        bases: BTreeMap::from([auto]),
    }
}

#[test]
fn other_bits_have_to_be_announced_by_method_or_task() {
    let known =
        runs(&[("bits/sac/Hopper-v4", "1"), ("bits/ppo/Hopper-v4", "1"), ("bits/td3/Ant-v4", "1")]);
    let found = found(&[
        ("bits/sac/Hopper-v4", "2"),
        ("bits/ppo/Hopper-v4", "2"),
        ("bits/td3/Ant-v4", "1"),
        ("bits/dac/Ant-v4", "1"),
    ]);
    let of = |entries: &[&str]| -> Vec<(String, bool)> {
        let changed = changed(&known, &found, false, entries);
        changed.into_iter().map(|run| (run.run, run.announced)).collect()
    };
    let expect = |[ppo, sac]: [bool; 2]| {
        let all =
            [("bits/dac/Ant-v4", true), ("bits/ppo/Hopper-v4", ppo), ("bits/sac/Hopper-v4", sac)];
        all.map(|(run, announced)| (run.to_owned(), announced)).to_vec()
    };
    assert_eq!(of(&[]), expect([false; 2]));
    assert_eq!(of(&["SAC: other bits."]), expect([false, true]));
    assert_eq!(of(&["SAC: other bits.", "PPO: too."]), expect([true; 2]));
    assert_eq!(of(&["Hopper-v4: another reward."]), expect([true; 2]));
}

#[test]
fn the_kinds_of_events_that_differ_are_named() {
    let changed =
        changed(&runs(&[("b/sac/Ant-v4", "1")]), &found(&[("b/sac/Ant-v4", "2")]), true, &[]);
    assert_eq!(changed[0].differs, ["episodes"]);
    assert_eq!(moved(&changed).unwrap(), "sac on Ant-v4: other bits for the same seed.");
    assert_eq!(moved(&[]), None);
}

#[test]
fn new_runs_are_told_apart_from_changed_ones() {
    let known = runs(&[("b/sac/Ant-v4", "1"), ("b/ppo/Ant-v4", "1")]);
    let of = |now: &[(&str, &str)], entries: &[&str]| {
        verdict(&changed(&known, &found(now), true, entries), now.len(), "x")
    };
    let new = ("b/dac/Ant-v4", "1");
    let same = [("b/sac/Ant-v4", "1"), ("b/ppo/Ant-v4", "1"), new];
    assert_eq!(of(&same, &[]), "all of 2 runs have the bits of x; new: 1");
    let two = [("b/sac/Ant-v4", "2"), ("b/ppo/Ant-v4", "1"), new];
    assert!(of(&two, &[]).starts_with("1 of 2 runs have other bits than x, and 1 of them are not"));
    let announced = "1 of 2 runs have other bits than x, as CHANGELOG.md announces; new: 1";
    assert_eq!(of(&two, &["SAC: other."]), announced);
}

/// Otherwise a run could be dropped with the fault that it shows.
#[test]
fn a_run_that_is_gone_has_to_be_announced_unless_it_was_not_asked_for() {
    let known = runs(&[("b/sac/Ant-v4", "1"), ("b/ppo/Ant-v4", "1")]);
    let now = found(&[("b/sac/Ant-v4", "1")]);
    let of = |is_whole, entries: &[&str]| {
        let changed = changed(&known, &now, is_whole, entries);
        changed.iter().map(|run| (run.differs.join(","), run.announced)).collect::<Vec<_>>()
    };
    assert_eq!(of(true, &[]), [("gone".to_owned(), false)]);
    assert_eq!(of(true, &["PPO: its run on Ant is gone."]), [("gone".to_owned(), true)]);
    assert_eq!(of(false, &[]), []);
    let gone = changed(&known, &now, true, &[]);
    assert!(verdict(&gone, 1, "x").starts_with("1 of 2 runs have other bits than x, and 1 of"));
}

#[test]
fn an_entry_for_a_method_is_one_for_its_variants() {
    let run = "bits/sac-auto/Hopper-v4";
    let is_announced = |entry: &str| {
        changed(&runs(&[(run, "1")]), &found(&[(run, "2")]), true, &[entry])[0].announced
    };
    assert!(is_announced("SAC: other bits.") && is_announced("sac-auto: other bits."));
    assert!(!is_announced("PMOE-SAC: other bits."));
}

/// The layer is worth what it covers.
#[test]
fn every_method_and_task_has_a_run() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let suites = pmoe_results::Suite::load_all(&root.join("configs/regress/bits")).unwrap();
    let runs: Vec<_> = suites.iter().flat_map(|suite| suite.plan(Preset::Smoke)).collect();
    for file in fs::read_dir(root.join("configs/methods")).unwrap() {
        let path = file.unwrap().path();
        let method = path.file_stem().unwrap().to_str().unwrap();
        assert!(runs.iter().any(|run| run.method == method), "{method} has no run of its bits");
    }
    // Every task of MuJoCo has recorded trajectories; the others are named where tasks are described.
    let golden = fs::read_dir(root.join("crates/pmoe-envs/tests/golden")).unwrap();
    let golden = golden.map(|file| file.unwrap().path().file_stem().unwrap().to_owned());
    let mut named: Vec<String> =
        golden.map(|name| name.into_string().unwrap()).filter(|name| is_task(name)).collect();
    assert_eq!(named.len(), 18, "{named:?}");
    let described = fs::read_to_string(root.join("docs/tasks.md")).unwrap();
    let reaching = described.split('`').filter(|word| is_task(word) && word.starts_with("Target"));
    named.extend(reaching.map(str::to_owned));
    assert!(20 < named.len(), "{named:?}");
    for task in named {
        assert!(runs.iter().any(|run| run.task == task), "{task} has no run of its bits");
    }
}

/// Whether a word is the name of a task: `Hopper-v4`.
fn is_task(word: &str) -> bool {
    let version = word.rsplit_once("-v").map_or("", |(_, version)| version);
    version.len() == 1
        && version.starts_with(|c: char| c.is_ascii_digit())
        && word.starts_with(|c: char| c.is_ascii_uppercase())
        && !word.contains([' ', '/', '*'])
}
