//! A published report against its runs: everything that was changed is found and named.

use std::fs;
use std::path::PathBuf;

use pmoe_report::{Difference, ReportError, Verification, verify};
use pmoe_results::{ResultsError, Status};

use crate::Fixture;

/// Two methods with two runs each, and their report in the folder of the results.
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
    // The last bits of a number are the machine's.
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
    assert!(first.found.contains("has changed since the run finished"), "{first}");
    assert!(names(&verification).contains(&"table9 / Hopper-v4 / sac / auc"));

    // With a manifest that knows nothing of it: by the report's own checksum.
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
    assert_eq!(
        runs[0].to_string().split(": ").last().unwrap(),
        "published a run, found no run there"
    );
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
    change(&report.join("numbers.json"), "\"version\": \"0", "\"version\": \"older-0");
    let verification = check(&fixture);
    // A file that is not there is missed all the same.
    assert_eq!((verification.differences.len(), verification.reports[0].drawings), (1, false));
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

    // A changed digit, a row left out, no such table.
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
    assert_eq!(found[2].found, "no table of a report");
}

#[test]
fn what_is_no_report_is_bad_input_or_named() {
    let fixture = Fixture::new();
    let nothing = || verify(&fixture.results(), None, &fixture.suites, &[]);
    assert!(matches!(nothing().unwrap_err(), ReportError::NoReport { .. }));
    let nowhere = fixture.dir.path().join("nowhere");
    let error = verify(&nowhere, None, &fixture.suites, &[]).unwrap_err();
    assert!(matches!(error, ReportError::Results(ResultsError::NotARun { .. })));

    let (fixture, report) = published();
    fs::remove_file(report.join("numbers.json")).unwrap();
    assert!(check(&fixture).differences[0].found.contains("make the report again"));
    fs::write(report.join("numbers.json"), "{\"schema\": 1}").unwrap();
    assert!(check(&fixture).differences[0].found.contains("missing field"));
}
