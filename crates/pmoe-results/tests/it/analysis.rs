use std::f64::consts::TAU;
use std::fs;
use std::path::Path;

use pmoe_results::analysis::{
    Analysis, AnalysisFile, AnalysisSettings, Arena, Cluster, ClusterSample, Disc, EpisodeEnd,
    Exploration, ExplorationEpisode, ExplorationSettings, Gait, GaitSettings, NoiseLevel,
    Primitives, PrimitivesSettings, Robustness, RobustnessSettings, Rollout, Side, Trajectories,
    TrajectoriesSettings,
};
use pmoe_results::{AnalysisKind, Preset, Quantity, Suite};

/// The layout of Fig. 3.
fn arena() -> Arena {
    let disc = |x, y, radius| Disc { center: [x, y], radius };
    Arena {
        half_extent: 5.0,
        start: [-4.5, -4.5],
        target: Some(disc(3.0, 3.0, 0.5)),
        obstacles: vec![disc(-2.5, -2.5, 0.6), disc(-3.0, -0.5, 0.6), disc(-0.5, -3.0, 0.6)],
        region: [[0.0, 0.0], [3.0, 3.0]],
    }
}

/// A way by a corner, in three points.
fn by(corner: [f64; 2], primitive: Option<usize>, outcome: EpisodeEnd) -> Rollout {
    Rollout { primitive, positions: vec![[-4.5, -4.5], corner, [2.8, 2.8]], outcome }
}

fn trajectories() -> Trajectories {
    let (reached, edge) = (EpisodeEnd::Reached, EpisodeEnd::Edge);
    Trajectories {
        settings: TrajectoriesSettings { rollouts: 4 },
        arena: arena(),
        rollouts: vec![
            by([-3.4, 0.5], None, reached), // left of all
            by([-3.4, 0.5], None, reached),
            by([0.5, -3.4], None, reached), // right of all
            by([0.5, -3.4], None, edge),
            by([-3.4, 0.5], Some(0), reached),
            by([-3.4, 0.4], Some(0), reached),
            by([0.5, -3.4], Some(1), reached),
            by([0.4, -3.4], Some(1), edge),
        ],
    }
}

fn exploration() -> Exploration {
    let episode = |positions: &[[f64; 2]], outcome| ExplorationEpisode {
        positions: positions.to_vec(),
        outcome,
    };
    Exploration {
        settings: ExplorationSettings { steps: 5, cells: 10 },
        arena: Arena { target: None, obstacles: Vec::new(), ..arena() },
        episodes: vec![
            // Two of three steps are in the region, in two cells.
            episode(
                &[[-4.5, -4.5], [-0.1, 1.0], [0.2, 1.2], [1.5, 1.2]],
                Some(EpisodeEnd::Reached),
            ),
            // Outside, beyond the edge, both in the cell of the corner.
            episode(&[[-4.5, -4.5], [-4.6, -4.4], [-5.2, -5.1]], None),
        ],
    }
}

fn primitives() -> Primitives {
    let cluster = |states, silhouette| Cluster { states, silhouette };
    Primitives {
        settings: PrimitivesSettings {
            states: 4,
            clusters: 2,
            embed_seeds: vec![0],
            perplexity: 30.0,
            learning_rate: 150.0,
            iterations: 300,
        },
        weights: vec![0.5, 0.25, 0.25],
        clusters: vec![cluster(3, Some(0.8)), cluster(1, None)],
        shown: ClusterSample {
            cluster: 0,
            action_dim: 1,
            actions: vec![-0.9, 0.0, 0.9, -0.8, 0.1, 0.8, -0.85, 0.05, 0.85],
            map: None,
        },
        state_map: None,
    }
}

/// A gait of period 8, in which the first primitive leads three steps of four.
fn gait() -> Gait {
    let phase = |step: usize| TAU * step as f64 / 8.0;
    let leads = |step: usize| if step % 4 == 3 { 0.2 } else { 0.7 };
    Gait {
        settings: GaitSettings { skip: 200, steps: 40 },
        dt_seconds: 0.05,
        obs: (0..40).map(|step| vec![phase(step).sin(), 3.0 * phase(step).cos(), 1.0]).collect(),
        weights: (0..40).map(|step| vec![leads(step), 1.0 - leads(step)]).collect(),
        actions: (0..40).map(|_| vec![vec![0.5, -0.5], vec![-0.25, 0.25]]).collect(),
    }
}

fn robustness() -> Robustness {
    let level = |obs_noise, returns: &[f64]| NoiseLevel {
        obs_noise,
        returns: returns.to_vec(),
        lengths: vec![1000; returns.len()],
    };
    Robustness {
        settings: RobustnessSettings { obs_noise: vec![0.0, 0.05, 0.2], episodes: 2 },
        levels: vec![
            level(0.0, &[3000.0, 3100.5]),
            level(0.05, &[2000.0, 1000.0]),
            level(0.2, &[100.0, 150.0]),
        ],
    }
}

fn all() -> [Analysis; 5] {
    [
        Analysis::Trajectories(trajectories()),
        Analysis::Exploration(exploration()),
        Analysis::Primitives(primitives()),
        Analysis::Gait(gait()),
        Analysis::Robustness(robustness()),
    ]
}

fn file(analysis: Analysis) -> AnalysisFile {
    let (commit, events_blake3) = ("c0ffee".to_owned(), "b1a3e3".to_owned());
    AnalysisFile { schema: AnalysisFile::SCHEMA, commit, dirty: false, events_blake3, analysis }
}

#[track_caller]
fn check(analysis: Analysis, expected: &[(Quantity, f64)]) {
    let measures = analysis.measures();
    let names = |of: &[(Quantity, f64)]| of.iter().map(|(name, _)| *name).collect::<Vec<_>>();
    assert_eq!(names(&measures), names(expected));
    for ((name, found), (_, expected)) in measures.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-9, "{name}: {found}, not {expected}");
    }
}

#[test]
fn ways_by_hand() {
    let seen = trajectories();
    let route = |index: usize| seen.route(&seen.rollouts[index]);
    assert_eq!(route(0), Some(vec![Side::Left; 3]));
    assert_eq!(route(2), Some(vec![Side::Right; 3]));
    assert_eq!(route(3), None);
    // Between the obstacle on the diagonal and the upper one.
    let between = by([-3.1, -1.9], None, EpisodeEnd::Reached);
    assert_eq!(seen.route(&between), Some(vec![Side::Left, Side::Right, Side::Left]));
    // Routes of two and one of three: e^(2/3 ln 3/2 + 1/3 ln 3) = 3 / 2^(2/3). Of the three ways of
    // single primitives that arrive two are of one primitive and all but equal; the third is alone, 0.
    let found = seen.silhouette_of_ways().unwrap();
    assert!(0.95 < 1.5 * found && 1.5 * found < 1.0, "{found}");
    check(
        Analysis::Trajectories(seen),
        &[
            (Quantity::ShareReached, 0.75),
            (Quantity::Routes, 3.0 / 2.0_f64.powf(2.0 / 3.0)),
            (Quantity::PrimitiveRoutes, 2.0),
            (Quantity::SilhouetteOfWays, found),
            (Quantity::PrimitiveShareReached, 0.75),
        ],
    );
}

#[test]
fn a_policy_without_primitives_or_arrivals_has_no_ways() {
    let mut seen = trajectories();
    seen.rollouts.retain(|rollout| rollout.primitive.is_none());
    seen.rollouts.iter_mut().for_each(|rollout| rollout.outcome = EpisodeEnd::TimeLimit);
    let expected = [(Quantity::ShareReached, 0.0), (Quantity::Routes, 0.0)];
    check(Analysis::Trajectories(seen), &expected);
}

#[test]
fn exploration_by_hand() {
    check(
        Analysis::Exploration(exploration()),
        &[
            (Quantity::ShareVisited, 0.04), // (4,6), (5,6), (6,6), (0,0) of 100
            (Quantity::ShareInTargetRegion, 0.4),
            (Quantity::TargetRegionEpisodes, 1.0),
        ],
    );
}

#[test]
fn primitives_by_hand() {
    // Entropy of 1/2, 1/4, 1/4: 1.5 ln 2.
    check(
        Analysis::Primitives(primitives()),
        &[
            (Quantity::Silhouette, 0.8),
            (Quantity::SilhouetteShown, 0.8),
            (Quantity::EffectivePrimitives, 2.0_f64.powf(1.5)),
        ],
    );
    assert_eq!(primitives().action_labels(), [0, 1, 2, 0, 1, 2, 0, 1, 2]);
}

#[test]
fn a_gait_by_hand() {
    // The weights repeat with half the gait, so with the gait too. Mean weights .575 and .425.
    let entropy: f64 = [0.575_f64, 0.425].iter().map(|w| -w * w.ln()).sum();
    // Over the 32 pairs one period apart as over all 40 steps: 1.
    check(
        Analysis::Gait(gait()),
        &[
            (Quantity::GaitPeriod, 8.0),
            (Quantity::PeriodicityOfWeights, 1.0),
            (Quantity::ShareOfSecondPrimitive, 0.25),
            (Quantity::GaitPrimitives, entropy.exp()),
        ],
    );
}

#[test]
fn robustness_has_the_levels_of_the_papers_table() {
    let seen = robustness();
    assert_eq!(seen.levels[1].std_return(), Some(500.0));
    let expected = [(Quantity::ReturnAtNoise0, 3050.25), (Quantity::ReturnAtNoise005, 1500.0)];
    check(Analysis::Robustness(seen), &expected);
}

/// To write the files anew: `PMOE_WRITE_GOLDEN=1 cargo test --release -p pmoe-results`.
#[test]
fn files_are_as_ever() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    for analysis in all() {
        let dir = tempfile::tempdir().unwrap();
        let file = file(analysis);
        let kind = file.analysis.kind();
        file.write(dir.path()).unwrap();
        let written = fs::read_to_string(dir.path().join(kind.file())).unwrap();
        let committed = golden.join(kind.file());
        if std::env::var_os("PMOE_WRITE_GOLDEN").is_some() {
            file.write(&golden).unwrap();
        }
        assert_eq!(written, fs::read_to_string(&committed).unwrap(), "{kind}");
        assert_eq!(AnalysisFile::read(&golden, kind).unwrap(), Some(file));
    }
}

#[test]
fn what_does_not_fit_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(AnalysisKind::Gait.file());
    assert_eq!(AnalysisFile::read(dir.path(), AnalysisKind::Gait).unwrap(), None);
    file(Analysis::Gait(gait())).write(dir.path()).unwrap();
    let good = fs::read_to_string(&path).unwrap();
    let cases = [
        ("\"schema\":1", "\"schema\":2", "version 2, but this program reads 1"),
        // What another version has more is no reason to say anything else.
        ("{\"schema\":1", "{\"new\":0,\"schema\":2", "version 2, but this program reads 1"),
        ("{\"schema\":1", "{\"new\":0,\"schema\":1", "unknown field `new`"),
        ("\"skip\":200", "\"skip\":-2", "analysis.gait.settings.skip"),
        ("[[0.5,-0.5],", "[", "actions"),
        ("{\"gait\":", "{\"gate\":", "gate"),
    ];
    for (old, new, part) in cases {
        assert!(good.contains(old), "{old}");
        fs::write(&path, good.replacen(old, new, 1)).unwrap();
        let error = AnalysisFile::read(dir.path(), AnalysisKind::Gait).unwrap_err();
        assert!(error.is_bad_input());
        assert!(error.to_string().contains(part), "no {part} in: {error}");
    }
    // The file of another kind.
    fs::write(dir.path().join(AnalysisKind::Robustness.file()), &good).unwrap();
    let error = AnalysisFile::read(dir.path(), AnalysisKind::Robustness).unwrap_err();
    assert!(error.to_string().contains("expected `robustness`"), "{error}");
}

/// What a program that trusted the file would stumble over, or put out as a number that is none.
#[test]
fn files_without_what_their_numbers_need_are_refused() {
    let cases = [
        (AnalysisKind::Trajectories, r#""rollouts":4"#, r#""rollouts":0"#, "settings.rollouts"),
        (AnalysisKind::Trajectories, r#""half_extent":5.0"#, r#""half_extent":0.0"#, "half_extent"),
        (AnalysisKind::Trajectories, "[[0.0,0.0],[3.0", "[[9.0,0.0],[3.0", "arena.region"),
        (AnalysisKind::Trajectories, r#""primitive":1"#, r#""primitive":7"#, "rollouts"),
        (AnalysisKind::Trajectories, "[[-4.5,-4.5],[-3.4,0.5],[2.8,2.8]]", "[]", "rollouts"),
        (AnalysisKind::Exploration, r#""cells":10"#, r#""cells":0"#, "settings.cells"),
        (AnalysisKind::Exploration, r#""half_extent":5.0"#, r#""half_extent":-5.0"#, "half_extent"),
        (AnalysisKind::Exploration, "[[-4.5,-4.5],[-4.6,-4.4],[-5.2,-5.1]]", "[]", "episodes"),
        (AnalysisKind::Primitives, r#""clusters":2"#, r#""clusters":0"#, "settings.clusters"),
        (AnalysisKind::Primitives, "[0.5,0.25,0.25]", "[]", "weights"),
        (AnalysisKind::Primitives, "[0.5,0.25,0.25]", "[0.5,-0.25,0.25]", "weights"),
        (AnalysisKind::Primitives, r#""states":1"#, r#""states":0"#, "clusters"),
        (AnalysisKind::Primitives, r#""silhouette":0.8"#, r#""silhouette":1.8"#, "clusters"),
        (AnalysisKind::Primitives, r#""cluster":0"#, r#""cluster":2"#, "shown.cluster"),
        (AnalysisKind::Primitives, r#""cluster":0"#, r#""cluster":1"#, "shown.actions"),
        (AnalysisKind::Primitives, r#""action_dim":1"#, r#""action_dim":0"#, "shown.actions"),
        (AnalysisKind::Gait, r#""steps":40"#, r#""steps":7"#, "settings.steps"),
        (AnalysisKind::Robustness, r#""episodes":2"#, r#""episodes":0"#, "settings.episodes"),
        (AnalysisKind::Robustness, r#""episodes":2"#, r#""episodes":3"#, "levels"),
        (AnalysisKind::Robustness, "[0.0,0.05,0.2]", "[0.0,0.05]", "levels"),
        (AnalysisKind::Robustness, r#""returns":[3000.0,3100.5]"#, r#""returns":[]"#, "levels"),
    ];
    for (kind, old, new, key) in cases {
        refused(kind, key, |text| {
            assert!(text.contains(old), "{kind}: {old}");
            text.replacen(old, new, 1)
        });
    }
    // A gait without primitives, one without steps, actions without joints.
    let of_gait = |change: fn(&mut Gait)| {
        let mut gait = gait();
        change(&mut gait);
        serde_json::to_string(&file(Analysis::Gait(gait))).unwrap()
    };
    let no_primitives = of_gait(|gait| {
        gait.weights.iter_mut().for_each(Vec::clear);
        gait.actions.iter_mut().for_each(Vec::clear);
    });
    refused(AnalysisKind::Gait, "analysis.gait.weights", |_| no_primitives);
    let no_steps = of_gait(|gait| {
        gait.obs.clear();
        gait.weights.clear();
        gait.actions.clear();
    });
    refused(AnalysisKind::Gait, "analysis.gait.obs", |_| no_steps);
    let no_joints = of_gait(|gait| gait.actions[39].iter_mut().for_each(Vec::clear));
    refused(AnalysisKind::Gait, "analysis.gait.actions", |_| no_joints);
}

/// Changes the file of a kind; the error must name it and a key.
#[track_caller]
fn refused(kind: AnalysisKind, key: &str, change: impl FnOnce(&str) -> String) {
    let dir = tempfile::tempdir().unwrap();
    let analysis = all().into_iter().find(|analysis| analysis.kind() == kind).unwrap();
    file(analysis).write(dir.path()).unwrap();
    let path = dir.path().join(kind.file());
    let text = change(&fs::read_to_string(&path).unwrap());
    fs::write(&path, text).unwrap();
    let error = AnalysisFile::read(dir.path(), kind).unwrap_err();
    assert!(error.is_bad_input(), "{error}");
    let message = error.to_string();
    let (file, place) = (format!("{kind}.json"), format!("analysis.{kind}."));
    for part in [file.as_str(), place.as_str(), key] {
        assert!(message.contains(part), "no {part} in: {message}");
    }
}

#[test]
fn it_is_of_one_run_and_one_set_of_settings() {
    let seen = file(Analysis::Robustness(robustness()));
    let settings = seen.analysis.settings();
    assert!(seen.is_of("b1a3e3", &settings));
    assert!(!seen.is_of("another", &settings));
    let table = "episodes = 3".parse().unwrap();
    let other = AnalysisSettings::resolve(AnalysisKind::Robustness, &[&table], "").unwrap();
    assert!(!seen.is_of("b1a3e3", &other));
}

#[test]
fn settings_lie_over_the_committed_ones_and_bad_ones_are_named() {
    for kind in AnalysisKind::ALL {
        let settings = AnalysisSettings::resolve(kind, &[], "nowhere").unwrap();
        assert_eq!(settings.kind(), kind);
        // What is handed to the program is what was meant.
        let text: Vec<_> = settings.set().iter().map(|(k, v)| format!("{k} = {v}")).collect();
        let table = text.join("\n").parse().unwrap();
        assert_eq!(AnalysisSettings::resolve(kind, &[&table], "nowhere").unwrap(), settings);
    }
    let cases = [
        (
            AnalysisKind::Trajectories,
            "rollouts = 0",
            "`trajectories.rollouts` is 0, but must be 1 to 1_000",
        ),
        // More would share random streams.
        (AnalysisKind::Trajectories, "rollouts = 1001", "1 to 1_000"),
        (AnalysisKind::Trajectories, "rollout = 1", "rollout"),
        (AnalysisKind::Exploration, "steps = \"many\"", "steps"),
        (AnalysisKind::Primitives, "states = 10", "20 to 100_000"),
        (AnalysisKind::Primitives, "perplexity = 1.0", "a finite number above 1"),
        (AnalysisKind::Gait, "steps = 7", "8 to 10_000"),
        (AnalysisKind::Robustness, "obs_noise = [0.1, 0.0]", "rising"),
        (AnalysisKind::Robustness, "obs_noise = [-0.1]", "at least 0"),
    ];
    for (kind, text, part) in cases {
        let table = text.parse().unwrap();
        let error = AnalysisSettings::resolve(kind, &[&table], "some.toml").unwrap_err();
        assert!(error.is_bad_input());
        let message = error.to_string();
        assert!(message.contains("some.toml") && message.contains(part), "{text}: {message}");
    }
}

#[test]
fn every_size_of_an_analysis_has_an_upper_bound() {
    let mut checked = 0;
    for kind in AnalysisKind::ALL {
        let settings = AnalysisSettings::resolve(kind, &[], "nowhere").unwrap();
        for (key, value) in settings.set() {
            let too_much = match value.parse::<u64>() {
                Ok(_) => i64::MAX.to_string(),
                // Rising, as strengths of noise must.
                Err(_) if value.starts_with('[') => {
                    format!("{:?}", (0..2_000).map(f64::from).collect::<Vec<_>>())
                }
                Err(_) => continue,
            };
            let table = format!("{key} = {too_much}").parse().unwrap();
            let error = AnalysisSettings::resolve(kind, &[&table], "some.toml").unwrap_err();
            assert!(error.is_bad_input() && error.to_string().contains(&key), "{error}");
            checked += 1;
        }
    }
    assert_eq!(checked, 11);
    for (kind, text, part) in [
        (AnalysisKind::Primitives, "states = 1000000000", "`primitives.states` is 1000000000"),
        (AnalysisKind::Primitives, "clusters = 4000000000", "1 to 1_000"),
        (AnalysisKind::Exploration, "cells = 100000", "1 to 10_000"),
        (AnalysisKind::Gait, "skip = 4294967295", "0 to 10_000_000"),
        // Three strengths of noise.
        (AnalysisKind::Robustness, "episodes = 400000", "1 to 333_333"),
    ] {
        let table = text.parse().unwrap();
        let error =
            AnalysisSettings::resolve(kind, &[&table], "some.toml").unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
}

const SUITE: &str = r#"
title = "t"
item = "Fig. 0"
reference = "a"
methods = ["a"]
tasks = ["T-v1"]
[analyses.gait]
skip = 100
[analyses.robustness]
[presets]
quick = { seeds = [0], total_steps = 100 }
paper = { seeds = [7], total_steps = 1000 }
[presets.smoke]
seeds = [0]
total_steps = 10
analyses = { gait = { steps = 20 }, robustness = { episodes = 2 } }
"#;

#[test]
fn presets_scale_the_analyses_of_a_suite() {
    let suite = Suite::parse(SUITE, Path::new("some.toml")).unwrap();
    let gait = |steps| AnalysisSettings::Gait(GaitSettings { skip: 100, steps });
    let smoke = suite.analyses(Preset::Smoke);
    assert_eq!(smoke[0], gait(20));
    assert!(matches!(&smoke[1], AnalysisSettings::Robustness(of) if of.episodes == 2));
    assert_eq!(suite.analyses(Preset::Paper)[0], gait(200));
    for (old, new, part) in [
        ("analyses.gait", "analyses.gate", "gate"),
        ("skip = 100", "skip = -1", "skip"),
        ("gait = { steps = 20 }", "gait = { steps = 2 }", "preset smoke"),
        ("gait = { steps = 20 }", "exploration = {}", "presets.smoke.analyses"),
    ] {
        let text = SUITE.replace(old, new);
        let error = Suite::parse(&text, Path::new("some.toml")).unwrap_err().to_string();
        assert!(error.contains("some.toml") && error.contains(part), "{new}: {error}");
    }
}
