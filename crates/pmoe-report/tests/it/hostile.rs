//! Tests malicious or just very long names, paths and links: they stay text and hide no other run.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use pmoe_report::{ReportError, verify};
use pmoe_results::Status;
use pmoe_results::plan::{PlannedRun, RunProgress, Use};

use crate::Fixture;
use crate::report::{assert_self_contained, assert_well_formed};

const VALUES: [f64; 4] = [1.0, 2.0, 3.0, 4.0];

fn odd_names() -> Vec<String> {
    let long = "x".repeat(260);
    let names = [
        &long,
        &"é".repeat(300),
        &format!("{long}/{long}"),
        "a/b",
        "/etc/passwd",
        "..",
        "../../up",
        "two\nlines",
        "tab\tand\rreturn",
        "\x1b[31mred\x1b]0;title\x07\u{9b}2J",
        "\0",
        "",
        " ",
        "=1+1",
        "-1",
        "@x",
        "\u{202e}txet",
        "CON",
        "$\\frac{1}{2}$",
        "sac (gamma=0.9)",
    ];
    names.map(str::to_owned).to_vec()
}

#[test]
fn no_name_keeps_the_others_from_being_shown() {
    let names = odd_names();
    let fixture = Fixture::new();
    fixture.suite_run(("sac", "Hopper-v4", 0), &VALUES, Status::Done);
    for (index, name) in names.iter().enumerate() {
        let (as_task, as_method) = (format!("t{index}"), format!("m{index}"));
        fixture.run(&as_task, ("sac", name, 0), &VALUES, Status::Done);
        fixture.run(&as_method, (name, "Hopper-v4", 0), &VALUES, Status::Done);
        let failed = Status::Failed { reason: name.clone(), diverged: false };
        fixture.run(&format!("r{index}"), ("ppo", name, index as u64), &VALUES[..2], failed);
    }
    let summary = fixture.report();
    assert_eq!((summary.done, summary.failed), (1 + 2 * names.len(), names.len()));
    assert_eq!(summary.unreadable, 0);
    let row = summary.rows.iter().find(|row| row.suite == "table9").unwrap();
    assert_eq!(row.auc.as_ref().unwrap().value, 2.5);
    // Each task has its own file, with a name that every system accepts.
    let page = fixture.page();
    assert_self_contained(&page);
    let mut figures = 0;
    for file in &summary.files {
        assert!(file.is_file() && file.starts_with(fixture.output()), "{}", file.display());
        assert!(file.file_name().unwrap().len() < 140, "{}", file.display());
        if file.extension().is_some_and(|kind| kind == "svg") {
            let svg = fs::read_to_string(file).unwrap();
            assert_well_formed(&svg);
            assert!(!svg.contains(|c: char| c.is_control() && c != '\n'), "{}", file.display());
            figures += 1;
        }
    }
    assert_eq!(figures, 2 + names.len());
    let again = fixture.report();
    assert_eq!(again.files, summary.files);
    // No table cell is a formula, and each row is one line.
    let csv = fs::read_to_string(fixture.output().join("tables/auc.csv")).unwrap();
    for bad in ['=', '-', '@', '\t', '\r'] {
        assert!(
            !csv.contains(&format!(",{bad}1")) && !csv.contains(&format!("\n{bad}")),
            "{bad:?}"
        );
    }
    let verified = verify(fixture.dir.path(), None, &fixture.suites, &fixture.claims()).unwrap();
    assert_eq!(verified.differences, []);
}

#[test]
fn numbers_of_any_size_are_no_end_of_a_report() {
    let fixture = Fixture::new();
    fixture.suite_run(("sac", "Hopper-v4", 0), &VALUES, Status::Done);
    for (seed, values) in
        [[1e308; 4], [-1e308, 1e308, -1e308, 1e308], [1e-320; 4]].iter().enumerate()
    {
        fixture.run(&format!("x{seed}"), ("ppo", "Ant-v4", seed as u64), values, Status::Done);
    }
    let folder = fixture.results().join("x0");
    let manifest = fs::read_to_string(folder.join("manifest.json")).unwrap();
    let huge = |from: &str, to: &str| {
        assert!(manifest.contains(from), "{from}");
        fs::write(folder.join("manifest.json"), manifest.replace(from, to)).unwrap();
        let summary = fixture.report();
        let row = summary.rows.iter().find(|row| row.suite == "table9").unwrap();
        assert_eq!(row.auc.as_ref().unwrap().value, 2.5, "{to}");
        // Values that are not numbers are not published as numbers.
        let found = verify(fixture.dir.path(), None, &fixture.suites, &fixture.claims()).unwrap();
        // A budget that contradicts the config is reported as damage.
        let others = found.differences.iter().filter(|of| !of.found.contains("`total_steps`"));
        assert_eq!(others.count(), 0, "{to}: {:?}", found.differences);
    };
    let most = u64::MAX;
    huge("\"total_steps\": 3000", &format!("\"total_steps\": {most}"));
    huge("\"total_steps\": 3000", "\"total_steps\": 0");
    huge("\"to_step\": 3000", &format!("\"to_step\": {most}"));
    huge("\"from_step\": 0", &format!("\"from_step\": {most}"));
    huge("\"wall_seconds\": 30.0", "\"wall_seconds\": -1e308");
    huge("\"threads\": 1", &format!("\"threads\": {most}"));
    huge("\"memory_gib\": 7.5", "\"memory_gib\": 1e308");
}

#[test]
fn what_a_plan_says_of_folders_is_not_believed() {
    let fixture = Fixture::new();
    fixture.suite_run(("sac", "Hopper-v4", 0), &VALUES, Status::Done);
    let outside = fixture.dir.path().join("outside/sac/Hopper-v4/seed_1");
    fixture.run(
        "../outside/sac/Hopper-v4/seed_1",
        ("sac", "Hopper-v4", 1),
        &[1e6; 4],
        Status::Done,
    );
    for dir in [outside.as_path(), Path::new("../outside/sac/Hopper-v4/seed_1")] {
        let run = PlannedRun {
            id: "0".into(),
            dir: dir.into(),
            base: "sac".into(),
            task: "Hopper-v4".into(),
            seed: 1,
            total_steps: 3000,
            set: Default::default(),
            used_by: vec![Use { suite: "table9".into(), method: "sac".into() }],
            analyses: Vec::new(),
            progress: RunProgress::Done,
        };
        let plan = crate::plan(vec![run]);
        plan.write(&fixture.results()).unwrap();
        for input in [fixture.results(), fixture.results().join("table9")] {
            let summary = fixture.try_report(&input, &fixture.output()).unwrap();
            assert_eq!((summary.done, summary.unreadable), (1, 1), "{}", dir.display());
            assert_eq!(summary.rows[0].auc.as_ref().unwrap().value, 2.5);
            let page = fixture.page();
            assert!(page.contains("plan.json") && page.contains("runs[0].dir"));
        }
    }
}

#[test]
fn what_a_report_says_of_folders_is_not_believed() {
    let fixture = Fixture::new();
    fixture.suite_run(("sac", "Hopper-v4", 0), &VALUES, Status::Done);
    let report = fixture.results().join("report");
    fixture.try_report(&fixture.results(), &report).unwrap();
    fixture.run("../outside/x", ("sac", "Hopper-v4", 0), &VALUES, Status::Done);
    let check = |folder: &Path| verify(folder, None, &fixture.suites, &fixture.claims()).unwrap();
    // A report on its own: its runs lie in the parent folder.
    for folder in [fixture.results(), report.clone(), fixture.dir.path().to_owned()] {
        assert_eq!(check(&folder).differences, []);
    }
    let numbers = report.join("numbers.json");
    let text = fs::read_to_string(&numbers).unwrap();
    let input = "\"input\": \"..\"";
    assert!(text.contains(input));
    for outside in ["/", "../..", "../../outside", "../../../../../../../../..", "/etc"] {
        fs::write(&numbers, text.replace(input, &format!("\"input\": {outside:?}"))).unwrap();
        for folder in [&fixture.results(), &report] {
            let found = check(folder).differences;
            assert_eq!((found.len(), found[0].name.as_str()), (1, "the folder of the runs"));
            assert!(found[0].found.starts_with("outside of the verified folder"), "{}", found[0]);
        }
    }
    // Nor does it check what exists elsewhere.
    let dir = "\"dir\": \"../table9/sac/Hopper-v4/seed_0\"";
    assert!(text.contains(dir));
    fs::write(&numbers, text.replace(dir, "\"dir\": \"../../outside/x\"")).unwrap();
    let found = check(&fixture.results()).differences;
    assert!(found.iter().any(|of| of.name == "run ../../outside/x" && of.found == "no run"));
    for (from, to) in [
        ("\"resamples\": 10000", "\"resamples\": 99999999999999"),
        ("\"level\": 0.95", "\"level\": 2"),
    ] {
        assert!(text.contains(from), "{from}");
        fs::write(&numbers, text.replace(from, to)).unwrap();
        assert_eq!(check(&fixture.results()).differences[0].name, "intervals");
    }
}

#[test]
fn a_report_is_written_through_no_link() {
    let fixture = Fixture::new();
    fixture.suite_run(("sac", "Hopper-v4", 0), &VALUES, Status::Done);
    let mine = fixture.dir.path().join("mine");
    fs::create_dir_all(&mine).unwrap();
    fs::write(mine.join("Hopper-v4.svg"), "precious").unwrap();
    fs::write(mine.join("page"), "precious").unwrap();
    for name in ["figures", "tables"] {
        let report = fixture.dir.path().join(format!("report-{name}"));
        fixture.try_report(&fixture.results(), &report).unwrap();
        fs::remove_dir_all(report.join(name)).unwrap();
        symlink(&mine, report.join(name)).unwrap();
        let error = fixture.try_report(&fixture.results(), &report).unwrap_err();
        assert!(matches!(error, ReportError::Link { .. }), "{error}");
        assert!(error.to_string().contains(&format!("{name} is a link")), "{error}");
    }
    // A file that is a link is replaced; its target is left alone.
    let report = fixture.dir.path().join("files");
    fs::create_dir(&report).unwrap();
    symlink(mine.join("page"), report.join("index.html")).unwrap();
    fixture.try_report(&fixture.results(), &report).unwrap();
    for (name, count) in [("Hopper-v4.svg", 2), ("page", 2)] {
        assert_eq!(fs::read(mine.join(name)).unwrap(), b"precious");
        assert_eq!(fs::read_dir(&mine).unwrap().count(), count);
    }
}

#[test]
fn links_to_runs_are_in_the_report_and_a_second_way_is_said() {
    let fixture = Fixture::new();
    fixture.run(
        "../scratch/sac/Hopper-v4/seed_1",
        ("sac", "Hopper-v4", 1),
        &[3.0; 4],
        Status::Done,
    );
    fixture.suite_run(("sac", "Hopper-v4", 0), &[1.0; 4], Status::Done);
    let scratch = fixture.dir.path().join("scratch/sac/Hopper-v4/seed_1");
    let task = fixture.results().join("table9/sac/Hopper-v4");
    symlink(&scratch, task.join("seed_1")).unwrap();
    symlink(task.join("seed_0"), fixture.results().join("again")).unwrap();
    symlink("..", fixture.results().join("loop")).unwrap();
    let report = fixture.results().join("report");
    let summary = fixture.try_report(&fixture.results(), &report).unwrap();
    assert_eq!((summary.done, summary.unreadable), (2, 0));
    assert_eq!(
        (summary.rows[0].seeds.len(), summary.rows[0].auc.as_ref().unwrap().value),
        (2, 2.0)
    );
    let page = fs::read_to_string(report.join("index.html")).unwrap();
    for words in [
        "again links to table9/sac/Hopper-v4/seed_0, whose runs were already found and count once.",
        "loop links to .,",
        "href=\"../table9/sac/Hopper-v4/seed_1/events.jsonl\"",
    ] {
        assert!(page.contains(words), "{words}");
    }
    // Verification follows the same links, even if the results folder itself is a link.
    let check = |folder: &Path| verify(folder, None, &fixture.suites, &fixture.claims()).unwrap();
    assert_eq!(check(&fixture.results()).differences, []);
    let all = fixture.dir.path().join("all");
    fs::create_dir(&all).unwrap();
    symlink(fixture.results(), all.join("linked")).unwrap();
    let verified = check(&all);
    assert_eq!((verified.reports.len(), verified.differences.len()), (1, 0));
}

#[test]
fn a_run_and_its_report_inside_a_run_are_found() {
    let fixture = Fixture::new();
    fixture.run("outer", ("sac", "Hopper-v4", 0), &[1.0; 4], Status::Done);
    fixture.run("outer/inner", ("sac", "Hopper-v4", 1), &[3.0; 4], Status::Done);
    let outer = fixture.results().join("outer");
    let summary = fixture.try_report(&outer, &outer.join("report")).unwrap();
    assert_eq!((summary.done, summary.rows[0].auc.as_ref().unwrap().value), (2, 2.0));
    let verified = verify(&outer, None, &fixture.suites, &fixture.claims()).unwrap();
    assert_eq!((verified.reports.len(), verified.differences.len()), (1, 0));
}

#[test]
fn an_analysis_that_is_no_file_hides_nothing() {
    let fixture = Fixture::new();
    fixture.suite_run(("sac", "Hopper-v4", 0), &VALUES, Status::Done);
    let run = fixture.results().join("table9/sac/Hopper-v4/seed_0");
    fs::create_dir_all(run.join("analysis/gait.json")).unwrap();
    symlink("/dev/null", run.join("analysis/robustness.json")).unwrap();
    let summary = fixture.report();
    assert_eq!(summary.rows[0].auc.as_ref().unwrap().value, 2.5);
}
