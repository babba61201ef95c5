//! Tests the content of the page, and that its files are valid.

use std::fs;
use std::path::Path;

use pmoe_report::{Numbers, ReportError, ReportSummary};
use pmoe_results::plan::{PlannedRun, RunProgress, Use};
use pmoe_results::run::{JsonlSink, Position};
use pmoe_results::{Event, Sink, Status, Suite};
use pmoe_stats::Interval;

use crate::{Fixture, SUITE};

/// Checks that the page loads nothing from elsewhere, which would need one of these strings.
pub(crate) fn assert_self_contained(page: &str) {
    for foreign in ["http:", "https:", "<script", "<link", "<img", "@import", "url(", "src="] {
        // The figures refer to their own clip paths.
        let page = page.replace("url(#", "");
        assert!(!page.contains(foreign), "{foreign}");
    }
}

/// Checks that every element is closed in order, as strictly as XML requires.
pub(crate) fn assert_well_formed(svg: &str) {
    assert!(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""), "{}", &svg[..60]);
    let mut open = Vec::new();
    for part in svg.split('<').skip(1) {
        let (tag, text) = part.split_once('>').unwrap();
        let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap().to_owned();
        assert!(!text.contains('>') && !tag.contains("NaN") && !tag.contains("inf"), "{tag}");
        match () {
            () if tag.starts_with("!--") => {}
            () if tag.starts_with('/') => assert_eq!(open.pop(), Some(name)),
            () if tag.ends_with('/') => {}
            () => open.push(name),
        }
    }
    assert_eq!(open, Vec::<String>::new());
}

#[test]
fn a_suite_with_every_kind_of_run() {
    let fixture = Fixture::new();
    // Mean returns over training, by hand: 100 and 120 for sac; 150 and 180 for pmoe-sac.
    fixture.suite_run(("sac", "Hopper-v4", 0), &[0.0, 100.0, 100.0, 200.0], Status::Done);
    fixture.suite_run(("sac", "Hopper-v4", 1), &[20.0, 120.0, 120.0, 220.0], Status::Done);
    fixture.suite_run(("pmoe-sac", "Hopper-v4", 0), &[150.0; 4], Status::Done);
    fixture.suite_run(("pmoe-sac", "Hopper-v4", 1), &[180.0; 4], Status::Done);
    let failed = Status::Failed { reason: "q1_loss is <NaN>".into(), diverged: true };
    fixture.suite_run(("sac", "Ant-v4", 0), &[-50.0, -40.0], failed);
    fixture.suite_run(("sac", "Ant-v4", 1), &[-50.0, -40.0, -30.0], Status::Interrupted);
    fixture.suite_run(("pmoe-sac", "Ant-v4", 0), &[], Status::Running);
    let broken = fixture.results().join("table9/broken");
    fs::create_dir(&broken).unwrap();
    fs::write(broken.join("manifest.json"), "{}").unwrap();

    let summary = fixture.report();
    let counts = [summary.done, summary.failed, summary.unfinished, summary.missing];
    assert_eq!((counts, summary.unreadable), ([4, 1, 2, 1], 1));
    let row = &summary.rows[1];
    assert_eq!((row.method.as_str(), row.task.as_str()), ("pmoe-sac", "Hopper-v4"));
    assert_eq!((row.auc.as_ref().unwrap().value, row.paper_percent), (165.0, Some(115.4)));
    let relative = row.relative_auc.as_ref().unwrap();
    assert_eq!((relative.value, relative.interval), (1.5, Some(Interval { low: 1.25, high: 1.8 })));

    let page = fixture.page();
    assert_self_contained(&page);
    for expected in [
        "One against the other",
        "165.0</td><td class=\"i\">[150.0,\u{a0}180.0]</td>",
        "110.0</td><td class=\"i\">[100.0,\u{a0}120.0]</td>",
        "150.0 [125.0,\u{a0}180.0]", // percent of sac
        "115.4",
        "The paper&#39;s numbers are without intervals. Not stated in the paper, assumed: 5 seeds, \
         1\u{202f}000\u{202f}000 environment steps per run.",
        "up to 3\u{202f}000 environment steps per run here, 1\u{202f}000\u{202f}000 there",
        "210.0</td><td class=\"i\">[200.0,\u{a0}220.0]</td>", // final return of sac
        "0 of 2",
        "failed: q1_loss is &#60;NaN&#62;",
        "unfinished, at step 2\u{202f}000 of 3\u{202f}000",
        "1 of 8 runs not started: Ant-v4 1.",
        "num_primitives",
        "cargo xtask bench-all --preset smoke --only table9",
        "0123456789ab with uncommitted changes",
        "Some &#60;processor&#62;",
        "broken</code>",
        "href=\"../results/table9/sac/Hopper-v4/seed_0/events.jsonl\"",
    ] {
        assert!(page.contains(expected), "{expected}");
    }
    // Settings that all methods share are not listed as differences.
    let (before, after) = page.split_once("Settings that all methods share").unwrap();
    assert!(!before.contains("gamma") && after.contains("gamma"));

    for task in ["Hopper-v4", "Ant-v4"] {
        let file = |kind: &str| fixture.output().join(format!("figures/{task}.{kind}"));
        let svg = fs::read_to_string(file("svg")).unwrap();
        assert_well_formed(&svg);
        assert!(svg.contains(task) && svg.contains("environment steps"));
        let png = fs::read(file("png")).unwrap();
        assert!(png.starts_with(b"\x89PNG\r\n\x1a\n"));
        // A blank picture of this size would compress to almost nothing.
        assert!(20_000 < png.len(), "{}", png.len());
    }
    let csv = fs::read_to_string(fixture.output().join("tables/auc.csv")).unwrap();
    assert_eq!(csv.lines().count(), 5);
    assert!(
        csv.contains("table9,Hopper-v4,pmoe-sac,3000,2,0,165,150,180,1.5,1.25,1.8,115.4,1,1,1,165")
    );
    let markdown = fs::read_to_string(fixture.output().join("tables/auc.md")).unwrap();
    assert!(markdown.contains("| Hopper-v4 | pmoe-sac |"));
    let numbers = fs::read_to_string(fixture.output().join("numbers.json")).unwrap();
    let numbers: Numbers = serde_json::from_str(&numbers).unwrap();
    let named = |name: &str| numbers.numbers.iter().find(|number| number.name() == name).unwrap();
    let relative = named("table9 / Hopper-v4 / pmoe-sac / relative_auc");
    assert_eq!((relative.value, relative.interval), (1.5, Some([Some(1.25), Some(1.8)])));
    assert_eq!((relative.paper, relative.n), (Some(115.4 / 100.0), 2));
    assert_eq!(relative.runs[1], "../results/table9/pmoe-sac/Hopper-v4/seed_1");
    // Seven runs of 30 seconds on one thread, three of them on Ant.
    assert_eq!(named("table9 / Hopper-v4 / sac / wall_seconds").value, 60.0);
    assert_eq!(numbers.runs.len(), 7);
    assert!(summary.files.iter().all(|file| file.is_file()));
}

#[test]
fn the_same_runs_give_the_same_bytes() {
    let fixture = Fixture::new();
    fixture.suite_run(("sac", "Hopper-v4", 0), &[0.0, 100.0, 100.0, 200.0], Status::Done);
    fixture.suite_run(("sac", "Hopper-v4", 1), &[0.0, 50.0, 80.0, 90.0], Status::Done);
    let read = |summary: ReportSummary| -> Vec<Vec<u8>> {
        summary.files.iter().map(|file| fs::read(file).unwrap()).collect()
    };
    let (first, second) = (read(fixture.report()), read(fixture.report()));
    assert!(first == second, "two reports differ");
}

#[test]
fn without_runs_there_is_no_report() {
    let fixture = Fixture::new();
    let error = fixture.try_report(&fixture.results(), &fixture.output()).unwrap_err();
    assert!(matches!(&error, ReportError::NoRuns { path } if path.ends_with("results")));
    assert!(!fixture.output().exists());
    // What can't be read is worth a page.
    fs::write(fixture.results().join("plan.json"), "{").unwrap();
    assert_eq!(fixture.report().unreadable, 1);
    assert_self_contained(&fixture.page());
}

#[test]
fn a_curve_is_drawn_once_and_referred_to() {
    let mut fixture = Fixture::new();
    let again = SUITE.replace("One against", "Once more against").replace("Table 9", "Table 10");
    fixture.suites.push(Suite::parse(&again, Path::new("table10.toml")).unwrap());
    let values = [10.0, 20.0, 30.0, 40.0];
    let planned = |(method, task): (&str, &str), used_by: &[&str]| {
        fixture.suite_run((method, task, 0), &values, Status::Done);
        PlannedRun {
            id: format!("{method}-{task}"),
            dir: format!("table9/{method}/{task}/seed_0").into(),
            base: method.to_owned(),
            task: task.to_owned(),
            seed: 0,
            total_steps: 3000,
            set: Default::default(),
            used_by: used_by
                .iter()
                .map(|suite| Use { suite: (*suite).into(), method: method.into() })
                .collect(),
            analyses: Vec::new(),
            progress: RunProgress::New,
        }
    };
    let both = ["table9", "table10"];
    let runs = vec![
        planned(("sac", "Hopper-v4"), &both),
        planned(("pmoe-sac", "Hopper-v4"), &both),
        planned(("sac", "Ant-v4"), &both[..1]),
    ];
    let plan = crate::plan(runs);
    plan.write(&fixture.results()).unwrap();
    let summary = fixture.report();
    assert_eq!(summary.rows.iter().filter(|row| row.task == "Hopper-v4").count(), 4);
    let page = fixture.page();
    assert_eq!(page.matches("<figure aria-label=\"Learning curves: Hopper-v4,").count(), 1);
    assert!(page.contains(
        "The runs on Hopper-v4 are those of <a href=\"#part-table9\">Table 9</a>, which has their curves."
    ));
    assert!(!fixture.output().join("figures/table10-Hopper-v4.svg").exists());
}

#[test]
fn one_evaluation_one_run_a_folder_of_any_shape() {
    let fixture = Fixture::new();
    fixture.run("mine", ("ppo", "Walker2d-v4", 7), &[12.5], Status::Running);
    let input = fixture.results().join("mine");
    let summary = fixture.try_report(&input, &fixture.output()).unwrap();
    assert_eq!((summary.unfinished, summary.missing), (1, 0));
    assert!(fixture.output().join("figures/Walker2d-v4.png").is_file());
    let page = fixture.page();
    assert!(page.contains("ppo (1 of 1 seeds, unfinished)"));
    assert!(page.contains("0 of 1"));
    assert!(!page.contains("paper, %"));
}

#[test]
fn a_run_that_another_build_continued_is_named() {
    let fixture = Fixture::new();
    fixture.suite_run(("sac", "Hopper-v4", 0), &[1.0, 2.0, 3.0, 4.0], Status::Done);
    let path = fixture.results().join("table9/sac/Hopper-v4/seed_0/manifest.json");
    let mut manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let heading = "one build began and another continued";
    let attempt = |from_step: u64, commit: &str| {
        let mut attempt = manifest["attempts"][0].clone();
        attempt["provenance"] = manifest["provenance"].clone();
        attempt["provenance"]["commit"] = commit.into();
        attempt["from_step"] = from_step.into();
        attempt
    };
    let same = vec![attempt(0, "aaaa"), attempt(1500, "aaaa")];
    // A run that another build restarted from 0 belongs to that build alone.
    let anew = vec![attempt(0, "aaaa"), attempt(0, "bbbb")];
    let other = vec![attempt(0, "aaaa"), attempt(1500, "bbbb")];
    for (attempts, is_mixed) in [(same, false), (anew, false), (other, true)] {
        manifest["attempts"] = attempts.into();
        fs::write(&path, manifest.to_string()).unwrap();
        fixture.report();
        let page = fixture.page();
        assert_eq!(page.contains(heading), is_mixed);
        let words = "table9/sac/Hopper-v4/seed_0 at step 1 500: commit aaaa with uncommitted changes → bbbb";
        assert_eq!(page.contains(words), is_mixed, "{page}");
    }
}

#[test]
fn tasks_with_a_goal_have_a_success_rate() {
    let fixture = Fixture::new();
    let run = |seed: u64, successes: &[Option<bool>]| {
        let names = ("sac", "Reach-v0", seed);
        fixture.suite_run(names, &[1.0, 2.0, 3.0, 4.0], Status::Interrupted);
        let folder = fixture.results().join(format!("table9/sac/Reach-v0/seed_{seed}"));
        let events = folder.join("events.jsonl");
        let end = Position::after(&fs::read(&events).unwrap());
        let mut sink = JsonlSink::open_at(&events, &end).unwrap();
        for (index, &success) in successes.iter().enumerate() {
            let (episode, env_step) = (1 + index as u64, 1000 * (1 + index as u64));
            let (episode_return, episode_length, truncated) = (0.0, 1000, false);
            sink.emit(&Event::Episode {
                env_step,
                episode,
                episode_return,
                episode_length,
                truncated,
                success,
            })
            .unwrap();
        }
        sink.sync().unwrap();
    };
    run(0, &[Some(false), Some(true), Some(true)]);
    run(1, &[Some(false), Some(false)]);
    fixture.suite_run(("sac", "Hopper-v4", 0), &[1.0, 2.0, 3.0, 4.0], Status::Done);
    let summary = fixture.report();
    let svg = fixture.output().join("figures/Reach-v0-success.svg");
    assert!(summary.files.contains(&svg));
    let svg = fs::read_to_string(svg).unwrap();
    assert_well_formed(&svg);
    assert!(svg.contains("sac (2 of 2 seeds)") && svg.contains("success rate"));
    assert!(!fixture.output().join("figures/Hopper-v4-success.svg").exists());
    assert_eq!(
        fixture
            .page()
            .matches("<figure aria-label=\"Learning curves: Reach-v0, ↑ success rate")
            .count(),
        1
    );
}

#[test]
fn hostile_names_stay_text() {
    let fixture = Fixture::new();
    let method = "<script>alert(\"1\")</script>&$x$";
    let task = "../../<b>'\"`|\n";
    let folder = "a <i>b\"c#d?%";
    let failed = Status::Failed { reason: "</td><script>".into(), diverged: false };
    fixture.run(folder, (method, task, 0), &[1.0, 2.0, 3.0, 4.0], Status::Done);
    fixture.run("second", (method, task, 1), &[1.0, 2.0], failed);
    let summary = fixture.report();
    let page = fixture.page();
    assert_self_contained(&page);
    assert!(!page.contains("<b>") && !page.contains("<i>") && !page.contains("</td><script>"));
    assert!(page.contains("a%20%3Ci%3Eb%22c%23d%3F%25/config.toml"));
    for file in &summary.files {
        assert!(file.starts_with(fixture.output()), "{}", file.display());
        assert!(!file.components().any(|part| part.as_os_str() == ".."));
        if file.extension().is_some_and(|kind| kind == "svg") {
            assert_well_formed(&fs::read_to_string(file).unwrap());
        }
    }
    let markdown = fs::read_to_string(fixture.output().join("tables/auc.md")).unwrap();
    assert!(!markdown.contains("<script>"));
}

#[test]
fn bad_folders_are_errors() {
    let fixture = Fixture::new();
    let nowhere = fixture.dir.path().join("nowhere");
    let error = fixture.try_report(&nowhere, &fixture.output()).unwrap_err();
    assert!(matches!(error, ReportError::Results(_)));
    assert!(!fixture.output().exists());
    let file = fixture.dir.path().join("file");
    fs::write(&file, "mine").unwrap();
    let error = fixture.try_report(&fixture.results(), &file).unwrap_err();
    assert!(matches!(error, ReportError::Write { .. }));
    assert_eq!(fs::read(&file).unwrap(), b"mine");
}
