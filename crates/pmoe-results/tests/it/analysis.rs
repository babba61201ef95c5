//! What all kinds of analyses have in common; each kind's own tests are beside it.

use std::fs;
use std::path::Path;

use pmoe_results::analysis::{AnalysisFile, AnalysisSettings, GaitSettings};
use pmoe_results::{AnalysisKind, Preset, Suite};

/// The committed file of a kind.
fn golden(kind: AnalysisKind) -> AnalysisFile {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    AnalysisFile::read(&folder, kind).unwrap().unwrap()
}

#[test]
fn every_kind_is_called_the_same_everywhere() {
    for kind in AnalysisKind::ALL {
        assert_eq!(kind.name().parse::<AnalysisKind>().unwrap(), kind);
        assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        let file = golden(kind);
        assert_eq!((file.analysis.kind(), file.analysis.settings().kind()), (kind, kind));
        assert!(serde_json::to_value(&file.analysis).unwrap().get(kind.name()).is_some());
        let settings = serde_json::to_value(file.analysis.settings()).unwrap();
        assert!(settings.get(kind.name()).is_some());
    }
}

#[test]
fn what_does_not_fit_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(AnalysisKind::Gait.file());
    assert_eq!(AnalysisFile::read(dir.path(), AnalysisKind::Gait).unwrap(), None);
    golden(AnalysisKind::Gait).write(dir.path()).unwrap();
    let good = fs::read_to_string(&path).unwrap();
    let cases = [
        ("\"schema\":2", "\"schema\":3", "version 3, but this program reads 1 to 2"),
        // What another version has more is no reason to say anything else.
        ("{\"schema\":2", "{\"new\":0,\"schema\":3", "version 3, but this program reads 1 to 2"),
        ("{\"schema\":2", "{\"new\":0,\"schema\":2", "unknown field `new`"),
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

#[test]
fn it_is_of_one_run_and_one_set_of_settings() {
    let seen = golden(AnalysisKind::Robustness);
    let settings = seen.analysis.settings();
    assert!(seen.is_of("b1a3e3", &settings));
    assert!(!seen.is_of("another", &settings));
    let table = "episodes = 3".parse().unwrap();
    let other = AnalysisSettings::resolve(AnalysisKind::Robustness, &[&table], "").unwrap();
    assert!(!seen.is_of("b1a3e3", &other));
}

#[test]
fn settings_lie_over_the_committed_ones() {
    for kind in AnalysisKind::ALL {
        let settings = AnalysisSettings::resolve(kind, &[], "nowhere").unwrap();
        assert_eq!(settings.kind(), kind);
        // What is handed to the program is what was meant.
        let text: Vec<_> = settings.set().iter().map(|(k, v)| format!("{k} = {v}")).collect();
        let table = text.join("\n").parse().unwrap();
        assert_eq!(AnalysisSettings::resolve(kind, &[&table], "nowhere").unwrap(), settings);
    }
}

#[test]
fn every_size_of_an_analysis_has_an_upper_bound() {
    for kind in AnalysisKind::ALL {
        let mut checked = 0;
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
        assert!(0 < checked, "{kind} has no size");
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
