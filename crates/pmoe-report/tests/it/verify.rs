//! Verifies published reports against their runs: every change is found and named.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use pmoe_report::{Difference, ReportError, Verification, verify};
use pmoe_results::analysis::{Analysis, AnalysisFile, Cluster};
use pmoe_results::plan::{PlannedRun, RunProgress, Use};
use pmoe_results::{AnalysisKind, Plan, ResultsError, Status};

use crate::Fixture;
use crate::panels::analyse;

/// Writes two runs for each of two methods, and their report to the results folder.
fn published() -> (Fixture, PathBuf) {
    let fixture = Fixture::new();
    fixture.suite_run(("sac", "Hopper-v4", 0), &[0.0, 100.0, 100.0, 200.0], Status::Done);
    fixture.suite_run(("sac", "Hopper-v4", 1), &[20.0, 120.0, 120.0, 220.0], Status::Done);
    fixture.suite_run(("pmoe-sac", "Hopper-v4", 0), &[150.0; 4], Status::Done);
    fixture.suite_run(("pmoe-sac", "Hopper-v4", 1), &[180.0; 4], Status::Done);
    let report = fixture.results().join("report");
    fixture.try_report(&fixture.results(), &report).unwrap();
    (fixture, report)
}

fn check(fixture: &Fixture) -> Verification {
    verify(&fixture.results(), Some(fixture.dir.path()), &fixture.suites, &fixture.claims())
        .unwrap()
}

fn change(path: &std::path::Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{from}");
    fs::write(path, text.replacen(from, to, 1)).unwrap();
}

fn names(verification: &Verification) -> Vec<&str> {
    verification.differences.iter().map(|difference| difference.name.as_str()).collect()
}

#[test]
fn an_untouched_report_agrees() {
    let (fixture, _) = published();
    let verification = check(&fixture);
    assert_eq!(verification.differences, []);
    let report = &verification.reports[0];
    assert_eq!((report.runs, report.drawings), (4, true));
    // AUC, its ratio, final return and four costs of each method, P(higher) of one, and a claim.
    assert_eq!(report.numbers, 16);
}

#[test]
fn a_changed_digit_is_found() {
    let (fixture, report) = published();
    let numbers = report.join("numbers.json");
    change(&numbers, "\"value\": 165.0", "\"value\": 166.0");
    let found = check(&fixture).differences;
    let expected = Difference {
        file: numbers.clone(),
        name: "table9 / Hopper-v4 / pmoe-sac / auc".into(),
        published: "166 [150, 180] from 2 runs".into(),
        found: "165 [150, 180] from 2 runs".into(),
    };
    assert_eq!(found, [expected]);
    change(&numbers, "\"value\": 166.0", "\"value\": 165.0");
    // The last bits of a number depend on the machine.
    change(&numbers, "\"value\": 165.0", "\"value\": 165.00000000000003");
    assert_eq!(check(&fixture).differences, []);

    let table = report.join("tables/auc.md");
    change(&table, "165.0 [", "165.1 [");
    let found = check(&fixture).differences;
    assert_eq!((found.len(), &found[0].file, found[0].name.as_str()), (1, &table, "line 12"));
    assert!(found[0].published.contains("165.1 [") && found[0].found.contains("165.0 ["));
}

#[test]
fn a_changed_event_is_found() {
    let (fixture, _) = published();
    let run = fixture.results().join("table9/sac/Hopper-v4/seed_1");
    change(&run.join("events.jsonl"), "121.0", "122.0");
    let verification = check(&fixture);
    let first = &verification.differences[0];
    assert_eq!(first.name, "run table9/sac/Hopper-v4/seed_1");
    assert!(first.found.contains("has changed since the run wrote it"), "{first}");
    assert!(names(&verification).contains(&"table9 / Hopper-v4 / sac / auc"));

    // With a matching checksum in the manifest, the report's own checksum reveals the change.
    let hash = |path: &std::path::Path| blake3::hash(&fs::read(path).unwrap()).to_hex().to_string();
    let manifest = fs::read_to_string(run.join("manifest.json")).unwrap();
    let (_, rest) = manifest.split_once("\"events_blake3\": \"").unwrap();
    let old = rest[..64].to_owned();
    change(&run.join("manifest.json"), &old, &hash(&run.join("events.jsonl")));
    let verification = check(&fixture);
    assert_eq!(names(&verification)[0], "blake3 of ../table9/sac/Hopper-v4/seed_1/events.jsonl");
    assert!(names(&verification).contains(&"table9 / Hopper-v4 / sac / auc"));
}

#[test]
fn a_removed_and_a_new_run_are_found() {
    let (fixture, _) = published();
    let run = fixture.results().join("table9/pmoe-sac/Hopper-v4/seed_1");
    fs::rename(&run, fixture.dir.path().join("gone")).unwrap();
    fixture.suite_run(("sac", "Ant-v4", 0), &[1.0; 4], Status::Done);
    let verification = check(&fixture);
    let runs: Vec<_> =
        verification.differences.iter().filter(|of| of.name.starts_with("run ")).collect();
    assert_eq!(runs[0].to_string().split(": ").last().unwrap(), "published a run, found no run");
    assert_eq!(runs[0].name, "run ../table9/pmoe-sac/Hopper-v4/seed_1");
    assert_eq!(
        (runs[1].name.as_str(), runs[1].published.as_str()),
        ("run ../table9/sac/Ant-v4/seed_0", "nothing")
    );
    assert!(names(&verification).contains(&"table9 / Ant-v4 / sac / auc"));
}

#[test]
fn stale_drawings_are_found_if_this_version_made_them() {
    let (fixture, report) = published();
    change(&report.join("index.html"), "AUC in %", "AUC in percent");
    fs::remove_file(report.join("figures/Hopper-v4.svg")).unwrap();
    let found: Vec<_> = check(&fixture).differences.into_iter().map(|of| of.file).collect();
    assert_eq!(found, [report.join("figures/Hopper-v4.svg"), report.join("index.html")]);
    // A report by another version always differs, whatever its drawings are.
    change(&report.join("numbers.json"), "\"version\": \"0", "\"version\": \"older-0");
    let verification = check(&fixture);
    assert!(!verification.reports[0].drawings);
    // A missing file is still reported.
    assert_eq!(names(&verification), ["version of the program", "the file"]);
    let version = &verification.differences[0];
    assert!(version.published.starts_with("older-0"), "{version}");
    assert!(version.found.ends_with("recreate it with `pmoe report`"), "{version}");
}

#[test]
fn a_picture_that_is_none_is_found() {
    let (fixture, report) = published();
    let path = report.join("figures/Hopper-v4.png");
    let picture = fs::read(&path).unwrap();
    let found = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        let found = check(&fixture).differences;
        assert_eq!((found.len(), &found[0].file), (1, &path));
        found[0].found.clone()
    };
    found(b"");
    found(b"garbage");
    found(&picture[..picture.len() / 2]);
    // A truncated end.
    found(&picture[..picture.len() - 12]);
    let mut changed = picture.clone();
    changed[picture.len() / 2] ^= 1;
    found(&changed);
    let mut small = Vec::new();
    let encoder = png::Encoder::new(&mut small, 1, 1);
    encoder.write_header().unwrap().write_image_data(&[0]).unwrap();
    assert!(found(&small).contains("1 x 1 pixels, not "));
    fs::remove_file(&path).unwrap();
    let found = check(&fixture).differences;
    assert_eq!((found.len(), found[0].found.as_str()), (1, "a file of this report"));
}

#[test]
fn what_an_earlier_report_left_is_found_and_a_new_one_removes_it() {
    let (fixture, report) = published();
    let gone = fixture.results().join("table9/sac/Ant-v4/seed_0");
    fixture.suite_run(("sac", "Ant-v4", 0), &[1.0; 4], Status::Done);
    let again = || fixture.try_report(&fixture.results(), &report).unwrap();
    again();
    assert!(report.join("figures/Ant-v4.png").is_file());
    // The user's files, though named like parts of a report.
    for name in ["figures/mine.svg", "figures/mine.png", "tables/more.txt"] {
        fs::write(report.join(name), "mine").unwrap();
    }
    let left = ["figures/Ant-v4.png", "figures/Ant-v4.svg"].map(|name| report.join(name));
    let kept = left.each_ref().map(|path| fs::read(path).unwrap());
    fs::remove_dir_all(gone).unwrap();
    again();
    assert!(left.iter().all(|path| !path.exists()));
    assert_eq!(fs::read(report.join("figures/mine.svg")).unwrap(), b"mine");

    left.iter().zip(kept).for_each(|(path, bytes)| fs::write(path, bytes).unwrap());
    let differences = check(&fixture).differences;
    assert!(differences.iter().all(|of| of.found == "not part of this report; remove it"));
    let files: Vec<_> = differences.into_iter().map(|of| of.file).collect();
    let [mine_png, mine_svg, text] =
        ["figures/mine.png", "figures/mine.svg", "tables/more.txt"].map(|name| report.join(name));
    let [png, svg] = left;
    assert_eq!(files, [png, svg, mine_png, mine_svg, text]);
}

#[test]
fn a_page_that_is_no_report_has_nothing_removed() {
    let (fixture, report) = published();
    fs::create_dir_all(report.join("figures")).unwrap();
    fs::write(report.join("index.html"), "<a href=\"figures/mine.svg\">").unwrap();
    fs::write(report.join("figures/mine.svg"), "mine").unwrap();
    fixture.try_report(&fixture.results(), &report).unwrap();
    assert!(report.join("figures/mine.svg").is_file());
}

#[test]
fn a_plan_of_other_runs_is_found() {
    let (fixture, _) = published();
    let run = |seed: u64| PlannedRun {
        id: format!("{seed:016}"),
        dir: format!("table9/sac/Hopper-v4/seed_{seed}").into(),
        base: "sac".into(),
        task: "Hopper-v4".into(),
        seed,
        total_steps: 3000,
        set: std::sync::Arc::new([("gamma".to_owned(), "0.99".to_owned())].into()),
        used_by: vec![Use { suite: "table9".into(), method: "sac".into() }],
        analyses: Vec::new(),
        progress: RunProgress::Done,
    };
    // The second run is planned but does not exist.
    let runs = vec![run(0), run(7)];
    let plan = crate::plan(runs);
    plan.write(&fixture.results()).unwrap();
    fixture.try_report(&fixture.results(), &fixture.results().join("report")).unwrap();
    assert_eq!(check(&fixture).differences, []);
    let path = fixture.results().join(Plan::FILE);
    for (old, new, key, published, found) in [
        ("\"total_steps\": 3000", "\"total_steps\": 9000", "total_steps", "9000", "3000"),
        ("\"seed\": 0", "\"seed\": 1", "seed", "1", "0"),
        ("\"gamma\": \"0.99\"", "\"gamma\": \"0.9\"", "gamma", "0.9", "0.99"),
        ("\"gamma\": \"0.99\"", "\"lr\": \"1\"", "lr", "1", "nothing"),
    ] {
        change(&path, old, new);
        let differences = check(&fixture).differences;
        let name = format!("run table9/sac/Hopper-v4/seed_0, {key}");
        let expected = (name.as_str(), published, found);
        let of = |of: &Difference| (of.name.clone(), of.published.clone(), of.found.clone());
        let (name, published, found) = of(&differences[0]);
        assert_eq!((name.as_str(), published.as_str(), found.as_str()), expected);
        assert_eq!((differences.len(), differences[0].file.ends_with(Plan::FILE)), (1, true));
        change(&path, new, old);
    }
}

/// The change is found even if the checksum in the report is changed as well.
#[test]
fn changed_actions_are_found_by_their_silhouette() {
    let (fixture, report) = published();
    let run = "pmoe-sac/Hopper-v4/seed_0";
    analyse(&fixture, run, AnalysisKind::Primitives);
    let folder = fixture.results().join("table9").join(run);
    let path = folder.join(AnalysisKind::Primitives.file());
    let write = |silhouette, change: fn(&mut Vec<f64>)| {
        let mut file = AnalysisFile::read(&folder, AnalysisKind::Primitives).unwrap().unwrap();
        let Analysis::Primitives(seen) = &mut file.analysis else { panic!("of another kind") };
        // Two states in which two primitives act 2 apart: distance 0 within a primitive, 2 between
        // them.
        seen.weights = vec![0.5, 0.5];
        seen.clusters =
            vec![Cluster { states: 2, silhouette_of_draws: silhouette, silhouette_of_modes: None }];
        seen.settings.clusters = 1;
        seen.shown.actions = vec![-1.0, 1.0, -1.0, 1.0];
        change(&mut seen.shown.actions);
        file.write(&folder).unwrap();
    };
    write(Some(1.0), |_| {});
    fixture.try_report(&fixture.results(), &report).unwrap();
    assert_eq!(check(&fixture).differences, []);

    let hash = || blake3::hash(&fs::read(&path).unwrap()).to_hex().to_string();
    let before = hash();
    write(Some(1.0), |actions| actions[0] = 1.0);
    let after = hash();
    change(&report.join("numbers.json"), &before, &after);
    let verification = check(&fixture);
    assert_eq!(names(&verification), ["silhouette of the actions in cluster 0"]);
    let difference = &verification.differences[0];
    assert!(difference.file.ends_with(AnalysisKind::Primitives.file()));
    assert_eq!(difference.published, "1");
    // The silhouette removed.
    write(None, |_| {});
    assert!(names(&check(&fixture)).contains(&"silhouette of the actions in cluster 0"));
}

#[test]
fn what_is_no_part_of_a_run_has_no_checksum() {
    let (fixture, _) = published();
    let analyses = fixture.results().join("table9/sac/Hopper-v4/seed_0/analysis");
    fs::create_dir(&analyses).unwrap();
    fs::write(analyses.join(".tmpA1b2C3"), "cut").unwrap();
    assert_eq!(check(&fixture).differences, []);
}

#[test]
fn quoted_tables_are_compared() {
    let (fixture, report) = published();
    let table = fs::read_to_string(report.join("tables/auc.md")).unwrap();
    let rows: Vec<_> = table.lines().filter(|line| line.starts_with('|')).collect();
    let document = fixture.dir.path().join("README.md");
    let quote = |file: &str, rows: &[&str]| {
        format!(
            "<!-- table: results/report/tables/{file} -->\n\n{}\n\n<!-- end of table -->\n",
            rows.join("\n")
        )
    };
    fs::write(&document, format!("# Mine\n{}", quote("auc.md", &rows))).unwrap();
    let verification = check(&fixture);
    assert_eq!((verification.quotes, verification.differences.len()), (1, 0));

    // A changed digit, a missing row, and a table that does not exist.
    let changed = rows[3].replace("165.0", "166.0");
    let stale = [rows[0], rows[1], rows[2], &changed];
    fs::create_dir(fixture.dir.path().join("docs")).unwrap();
    let results = fixture.dir.path().join("docs/results.md");
    let text = quote("auc.md", &stale) + &quote("auc.md", &rows[..3]) + &quote("none.md", &rows);
    fs::write(&results, text).unwrap();
    let verification = check(&fixture);
    let found = &verification.differences;
    assert_eq!((verification.quotes, found.len()), (4, 3));
    assert_eq!(found[0].name, "line 1, table of results/report/tables/auc.md");
    assert_eq!((found[0].published.as_str(), found[0].found.as_str()), (changed.as_str(), rows[3]));
    assert_eq!((found[1].published.as_str(), found[1].found.as_str()), ("nothing", rows[3]));
    assert_eq!(found[2].found, "no such table in a report");
}

#[test]
fn a_file_that_cannot_be_compared_is_a_difference() {
    let (fixture, report) = published();
    let numbers = report.join("numbers.json");
    let good = fs::read(&numbers).unwrap();
    change(&numbers, "\"reference\": null", "\"reference\": \"nope\"");
    assert_eq!(names(&check(&fixture)), ["reference"]);
    fs::write(&numbers, [0xff, 0xfe]).unwrap();
    assert_eq!(check(&fixture).differences.len(), 1);
    fs::write(&numbers, good).unwrap();
    assert_eq!(check(&fixture).differences, []);

    let table = report.join("tables/auc.csv");
    fs::remove_file(&table).unwrap();
    assert!(Command::new("mkfifo").arg(&table).status().unwrap().success());
    let found = check(&fixture).differences;
    assert_eq!((found.len(), &found[0].file), (1, &table));
    assert_eq!(found[0].published, "no regular file");
}

#[test]
fn what_is_no_report_is_bad_input_or_named() {
    let fixture = Fixture::new();
    let nothing = || verify(&fixture.results(), None, &fixture.suites, &[]);
    assert!(matches!(nothing().unwrap_err(), ReportError::NoReport { .. }));
    // Earlier versions made reports of empty folders; that they agree with nothing is no news.
    let empty = {
        let (other, report) = published();
        fs::remove_dir_all(other.results().join("table9")).unwrap();
        let gone = check(&other).differences;
        assert_eq!((gone.len(), gone[0].name.as_str()), (1, "the runs"));
        let path = report.join("numbers.json");
        let text = fs::read_to_string(&path).unwrap();
        let mut numbers: serde_json::Value = serde_json::from_str(&text).unwrap();
        numbers["runs"] = serde_json::json!([]);
        fs::write(&path, numbers.to_string()).unwrap();
        verify(&other.results(), None, &other.suites, &[])
    };
    assert!(matches!(empty.unwrap_err(), ReportError::NoRuns { .. }));
    let nowhere = fixture.dir.path().join("nowhere");
    let error = verify(&nowhere, None, &fixture.suites, &[]).unwrap_err();
    assert!(matches!(error, ReportError::Results(ResultsError::NotARun { .. })));

    let (fixture, report) = published();
    fs::remove_file(report.join("numbers.json")).unwrap();
    assert!(check(&fixture).differences[0].found.contains("create the report again"));
    fs::write(report.join("numbers.json"), "{\"schema\": 1}").unwrap();
    assert!(check(&fixture).differences[0].found.contains("missing field"));
    // For another schema, only that is reported, whatever else the file contains.
    fs::write(report.join("numbers.json"), "{\"schema\": 2, \"new\": 0}").unwrap();
    let difference = &check(&fixture).differences[0];
    let parts = [&difference.name, &difference.published, &difference.found];
    assert_eq!(parts, ["schema", "2", "1"]);
}
