//! What the tests of every kind of analysis check.

use std::fs;
use std::path::Path;

use super::arena::{Arena, Circle};
use super::{Analysis, AnalysisFile, AnalysisKind, AnalysisSettings, Quantity};

/// The layout of Fig. 3.
pub(super) fn arena() -> Arena {
    let circle = |x, y, radius| Circle { center: [x, y], radius };
    Arena {
        half_extent: 5.0,
        start: [-4.5, -4.5],
        target: Some(circle(3.0, 3.0, 0.5)),
        obstacles: vec![circle(-2.5, -2.5, 0.6), circle(-3.0, -0.5, 0.6), circle(-0.5, -3.0, 0.6)],
        region: [[0.0, 0.0], [3.0, 3.0]],
    }
}

fn file(analysis: impl Into<Analysis>) -> AnalysisFile {
    let (commit, events_blake3) = ("c0ffee".to_owned(), "b1a3e3".to_owned());
    let analysis = analysis.into();
    AnalysisFile { schema: AnalysisFile::SCHEMA, commit, dirty: false, events_blake3, analysis }
}

#[track_caller]
pub(super) fn check_measures(analysis: impl Into<Analysis>, expected: &[(Quantity, f64)]) {
    let measures = analysis.into().measures();
    let names = |of: &[(Quantity, f64)]| of.iter().map(|(name, _)| *name).collect::<Vec<_>>();
    assert_eq!(names(&measures), names(expected));
    for ((name, found), (_, expected)) in measures.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-9, "{name}: {found}, not {expected}");
    }
}

/// Compares the file of an analysis with the committed one, byte for byte.
///
/// To write the committed ones anew: `PMOE_WRITE_GOLDEN=1 cargo test --release -p pmoe-results`.
#[track_caller]
pub(super) fn check_file(analysis: impl Into<Analysis>) {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let dir = tempfile::tempdir().unwrap();
    let file = file(analysis);
    let kind = file.analysis.kind();
    file.write(dir.path()).unwrap();
    if std::env::var_os("PMOE_WRITE_GOLDEN").is_some() {
        file.write(&golden).unwrap();
    }
    let written = fs::read_to_string(dir.path().join(kind.file())).unwrap();
    assert_eq!(written, fs::read_to_string(golden.join(kind.file())).unwrap());
    assert_eq!(AnalysisFile::read(&golden, kind).unwrap(), Some(file));
}

/// Replaces a part of the file of an analysis, case by case; the error must name the file and a key.
#[track_caller]
pub(super) fn refuse(analysis: impl Into<Analysis>, cases: &[(&str, &str, &str)]) {
    let dir = tempfile::tempdir().unwrap();
    let file = file(analysis);
    let kind = file.analysis.kind();
    file.write(dir.path()).unwrap();
    let path = dir.path().join(kind.file());
    let good = fs::read_to_string(&path).unwrap();
    for (old, new, key) in cases {
        assert!(good.contains(old), "{kind}: {old}");
        fs::write(&path, good.replacen(old, new, 1)).unwrap();
        let error = AnalysisFile::read(dir.path(), kind).unwrap_err();
        assert!(error.is_bad_input(), "{error}");
        let message = error.to_string();
        let (file, place) = (format!("{kind}.json"), format!("analysis.{kind}."));
        for part in [file.as_str(), place.as_str(), key] {
            assert!(message.contains(part), "no {part} in: {message}");
        }
    }
}

/// Reads an analysis whose parts do not fit together; the error must name a key.
#[track_caller]
pub(super) fn refuse_whole(analysis: impl Into<Analysis>, key: &str) {
    let dir = tempfile::tempdir().unwrap();
    let file = file(analysis);
    file.write(dir.path()).unwrap();
    let error = AnalysisFile::read(dir.path(), file.analysis.kind()).unwrap_err();
    assert!(error.is_bad_input() && error.to_string().contains(key), "no {key} in: {error}");
}

/// Lays settings, as TOML, over the committed ones; the error must have a part.
#[track_caller]
pub(super) fn refuse_settings(kind: AnalysisKind, cases: &[(&str, &str)]) {
    for (text, part) in cases {
        let table = text.parse().unwrap();
        let error = AnalysisSettings::resolve(kind, &[&table], "some.toml").unwrap_err();
        assert!(error.is_bad_input());
        let message = error.to_string();
        assert!(message.contains("some.toml") && message.contains(part), "{text}: {message}");
    }
}
