//! Tests the content of the page, and that its files are valid.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use pmoe_report::claims::Claim;
use pmoe_report::{Numbers, ReportError, ReportOptions, ReportSummary, write_report};
use pmoe_results::plan::{PlannedRun, RunProgress, Use};
use pmoe_results::run::{JsonlSink, Position};
use pmoe_results::{Event, Plan, Preset, Sink, Status, Suite};
use pmoe_stats::{Bootstrap, Interval};

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
            set: BTreeMap::new(),
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
    let plan = Plan { schema: Plan::SCHEMA, preset: Preset::Smoke, max_steps: None, runs };
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
fn groups_are_apart() {
    let fixture = Fixture::new();
    let values = [10.0, 20.0, 30.0, 40.0];
    fixture.suite_run(("sac", "Hopper-v4", 0), &values, Status::Done);
    let folder = "other/pmoe-sac/Hopper-v4/seed_0";
    fixture.run(folder, ("pmoe-sac", "Hopper-v4", 0), &values, Status::Done);
    let summary = fixture.report();
    for name in ["other-Hopper-v4", "table9-Hopper-v4"] {
        assert!(fixture.output().join(format!("figures/{name}.svg")).is_file());
    }
    // No reference in the other group, so no ratio across groups.
    let other = summary.rows.iter().find(|row| row.suite == "other").unwrap();
    assert_eq!(other.relative_auc, None);
    // The suite's group is the same if its folder is the input.
    let inner = fixture.try_report(&fixture.results().join("table9"), &fixture.output()).unwrap();
    assert_eq!(inner.missing, summary.missing);
    assert_eq!(
        inner.rows[0].auc,
        summary.rows.iter().find(|row| row.suite != "other").unwrap().auc
    );
    // Each figure has its own clip paths.
    fixture.report();
    let page = fixture.page();
    let ids: Vec<_> = page.split("<clipPath id=\"").skip(1).map(|rest| &rest[..20]).collect();
    assert_eq!(ids.len(), 2);
    assert_ne!(ids[0], ids[1]);
}

#[test]
fn a_shared_run_is_in_every_suite_under_its_name_there() {
    let mut fixture = Fixture::new();
    let variants = SUITE
        .replace("reference = \"sac\"", "reference = \"k4\"")
        .replace(
            "methods = [\"sac\", \"pmoe-sac\"]",
            "variants = [{ name = \"k4\", base = \"pmoe-sac\" }]",
        )
        .replace("pmoe-sac = {", "k4 = {")
        .replace("One against", "Another against");
    let unheard = SUITE.replace("One against", "Not yet");
    for (text, name) in [(variants, "fig10.toml"), (unheard, "fig11.toml")] {
        fixture.suites.push(Suite::parse(&text, Path::new(name)).unwrap());
    }
    let values = [10.0, 20.0, 30.0, 40.0];
    fixture.suite_run(("pmoe-sac", "Hopper-v4", 0), &values, Status::Done);
    // Unplanned, but in a suite's folder: shown next to the suite's own runs.
    fixture.suite_run(("sac", "Hopper-v4", 7), &values, Status::Done);
    let planned = |dir: &str, used_by: &[(&str, &str)]| PlannedRun {
        id: dir.to_owned(),
        dir: dir.into(),
        base: "pmoe-sac".to_owned(),
        task: "Hopper-v4".to_owned(),
        seed: dir.ends_with('1').into(),
        total_steps: 3000,
        set: BTreeMap::new(),
        used_by: used_by
            .iter()
            .map(|(suite, method)| Use { suite: (*suite).into(), method: (*method).into() })
            .collect(),
        analyses: Vec::new(),
        progress: RunProgress::New,
    };
    let both = [("table9", "pmoe-sac"), ("fig10", "k4")];
    let runs = vec![
        planned("table9/pmoe-sac/Hopper-v4/seed_0", &both),
        planned("table9/pmoe-sac/Hopper-v4/seed_1", &both),
        planned("fig11/pmoe-sac/Hopper-v4/seed_1", &[("fig11", "sac")]),
    ];
    let plan = Plan { schema: Plan::SCHEMA, preset: Preset::Smoke, max_steps: None, runs };
    plan.write(&fixture.results()).unwrap();

    let summary = fixture.report();
    // One belongs to two suites, the other to a suite without runs.
    assert_eq!((summary.done, summary.missing), (2, 2));
    let rows: Vec<_> = summary
        .rows
        .iter()
        .map(|row| (row.suite.as_str(), row.method.as_str(), row.seeds.len(), row.left_out.len()))
        .collect();
    assert_eq!(
        rows,
        [("table9", "sac", 1, 0), ("table9", "pmoe-sac", 1, 1), ("fig10", "k4", 1, 1)]
    );
    let k4 = &summary.rows[2];
    assert_eq!(
        (k4.auc.as_ref().unwrap().value, k4.relative_auc.as_ref().unwrap().value),
        (25.0, 1.0)
    );
    assert_eq!(k4.paper_percent, Some(115.4));
    let page = fixture.page();
    for expected in [
        "k4 (1 of 2 seeds)",
        "Not yet the other",
        "No run yet: 1 planned. <code>cargo xtask bench-all --preset smoke --only fig11</code> makes them.",
        "cargo xtask bench-all --preset smoke --only fig10",
    ] {
        assert!(page.contains(expected), "{expected}");
    }

    // On its own, a suite still includes its runs that lie elsewhere, but no others.
    fs::create_dir(fixture.results().join("fig10")).unwrap();
    let alone = fixture.try_report(&fixture.results().join("fig10"), &fixture.output()).unwrap();
    assert_eq!((alone.done, alone.missing, alone.rows.len()), (1, 1, 1));
    assert_eq!(alone.rows[0].auc, k4.auc);

    // From the parent folder, the plan is found as well.
    let above = fixture.try_report(fixture.dir.path(), &fixture.output()).unwrap();
    let names: Vec<_> = above.rows.iter().map(|row| row.suite.as_str()).collect();
    assert_eq!(names, ["results/table9", "results/table9", "results/fig10"]);

    // An unreadable plan hides no run.
    fs::write(fixture.results().join("plan.json"), "{").unwrap();
    let summary = fixture.report();
    assert_eq!((summary.done, summary.unreadable), (2, 1));
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

#[test]
fn several_tasks_are_put_together() {
    let fixture = Fixture::new();
    for (task, sac, pmoe) in
        [("Hopper-v4", [100.0, 120.0], [150.0, 180.0]), ("Ant-v4", [10.0, 30.0], [10.0, 20.0])]
    {
        for seed in [0, 1] {
            fixture.suite_run(("sac", task, seed), &[sac[seed as usize]; 4], Status::Done);
            fixture.suite_run(("pmoe-sac", task, seed), &[pmoe[seed as usize]; 4], Status::Done);
        }
    }
    fixture.report();
    let page = fixture.page();
    // 165 of 110 and 15 of 20: on average 112.5 %; the interval is that of both methods' runs, by
    // hand.
    for expected in [
        "All tasks together",
        "over Hopper-v4, Ant-v4",
        "112.5 [87.5,\u{a0}175.0]",
        "2 × 2 tasks",
        "AUC in % of sac, mean of 2 tasks: pmoe-sac 112.5",
        "2 with too few seeds",
    ] {
        assert!(page.contains(expected), "{expected}");
    }
    // Interquartile mean: the middle two of 50, 100, 136.4 and 163.6.
    let table = fs::read_to_string(fixture.output().join("tables/tasks.md")).unwrap();
    assert!(table.contains("| pmoe-sac | 118.2"), "{table}");
    assert!(fixture.output().join("figures/Performance_profile.svg").is_file());
}

#[test]
fn claims_are_judged_where_their_runs_are() {
    let fixture = Fixture::new();
    let about_all = format!(
        "[[claims]]\nid = \"all\"\nplace = \"Sec. 1\"\nsays = \"Everywhere it is better.\"\n\
         suite = \"{}\"\nquantity = \"auc\"\nmethod = \"pmoe-sac\"\nthan = \"sac\"\nis = \"higher\"\n",
        fixture.suites[0].name
    );
    let mut claims = Claim::parse(&about_all, Path::new("claims.toml"), &fixture.suites).unwrap();
    claims.extend(fixture.claims());
    for seed in 0..3 {
        let level = 100.0 + seed as f64;
        fixture.suite_run(("sac", "Hopper-v4", seed), &[level; 4], Status::Done);
        fixture.suite_run(("pmoe-sac", "Hopper-v4", seed), &[level / 2.0; 4], Status::Done);
    }
    let run = PlannedRun {
        id: "0a1b".to_owned(),
        dir: "table9/sac/Hopper-v4/seed_0".into(),
        base: "sac".to_owned(),
        task: "Hopper-v4".to_owned(),
        seed: 0,
        total_steps: 3000,
        set: BTreeMap::new(),
        used_by: vec![Use { suite: "table9".into(), method: "sac".into() }],
        analyses: Vec::new(),
        progress: RunProgress::New,
    };
    let plan =
        Plan { schema: Plan::SCHEMA, preset: Preset::Smoke, max_steps: None, runs: vec![run] };
    plan.write(&fixture.results()).unwrap();
    let options = ReportOptions {
        suites: &fixture.suites,
        claims: &claims,
        reference: None,
        bootstrap: Bootstrap::STANDARD,
        smooth: ReportOptions::SMOOTH,
    };
    write_report(&fixture.results(), &fixture.output(), &options).unwrap();
    let page = fixture.page();
    // One of two tasks does not decide a claim about both, and the paper's mean over both is not
    // comparable. A printed number is tested by its direction.
    assert!(page.contains("too few tasks: 1"));
    assert!(page.contains("in % of sac&#39;s, on Hopper-v4 alone, 1 of 2"));
    assert!(page.contains("disagrees so far: 1"));
    assert_eq!(page.matches("the paper: 115.4, outside this interval").count(), 1);
    let here = "</span> disagrees so far</span> On Hopper-v4 the AUC of pmoe-sac is above sac&#39;s (115.4 % printed).";
    assert!(page.contains(here));
    // The answer at the top is that of the claim about all tasks, on those that have runs.
    let answer = "over Hopper-v4 (1 of 2 tasks so far) at 3\u{202f}000 environment steps; the paper on the same: \
                  115 % at 1\u{202f}000\u{202f}000 (assumed).";
    assert!(page.contains(answer), "{page}");
    assert!(page.contains("Below sac, and the whole interval with it: hardly by chance."));
    assert!(page.contains("Of 1 with enough runs 1 are decided."));

    // Each claim lists its runs, with their ids if a plan assigns them.
    let run = "../results/table9/sac/Hopper-v4/seed_0";
    assert!(page.contains(&format!("<li><a href=\"{run}\">{run}</a> <code>0a1b</code></li>")));
    let table =
        |name: &str| fs::read_to_string(fixture.output().join("tables").join(name)).unwrap();
    let csv = table("claims.csv");
    let lines: Vec<_> = csv.lines().collect();
    assert_eq!(lines.len(), 3);
    assert!(lines[1].contains(",ratio,,,3,3,0,"), "{}", lines[1]);
    let end = ",outside,3,3,0,3000,1000000,none none none 0a1b none none,../results/table9/pmoe-sac/Hopper-v4/seed_0 ";
    assert!(lines[2].contains(end), "{}", lines[2]);
    assert!(table("claims.md").contains("| 115.4 | outside | 3 and 3 |"));
}

#[test]
fn the_papers_ratio_stands_beside_a_ratio_alone() {
    let fixture = Fixture::new();
    for seed in 0..3 {
        fixture.suite_run(("sac", "Hopper-v4", seed), &[-50.0; 4], Status::Done);
        fixture.suite_run(("pmoe-sac", "Hopper-v4", seed), &[-10.0; 4], Status::Done);
    }
    fixture.report();
    let page = fixture.page();
    assert!(page.contains("+40.0") && page.contains("agrees so far: 1"));
    assert!(!page.contains("the paper: 115.4"));
    let table =
        |name: &str| fs::read_to_string(fixture.output().join("tables").join(name)).unwrap();
    assert!(table("claims.csv").contains(",40,40,40,difference,,,3,3,"));
    assert!(table("claims.md").contains("| – | – | 3 and 3 |"));
    let numbers = fs::read(fixture.output().join(Numbers::FILE)).unwrap();
    let numbers: Numbers = serde_json::from_slice(&numbers).unwrap();
    let claim = numbers.numbers.iter().find(|number| number.quantity.starts_with("claim")).unwrap();
    assert_eq!((claim.value, claim.paper, claim.n), (40.0, None, 6));
}
