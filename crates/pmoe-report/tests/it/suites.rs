//! Tests of suites: which runs they share, how tasks are put together, how claims are judged.

use std::fs;
use std::path::Path;

use pmoe_report::claims::Claim;
use pmoe_report::{Numbers, ReportOptions, write_report};
use pmoe_results::plan::{PlannedRun, RunProgress, Use};
use pmoe_results::{Status, Suite};
use pmoe_stats::Bootstrap;

use crate::{Fixture, SUITE};

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
        set: Default::default(),
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
    let plan = crate::plan(runs);
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
        set: Default::default(),
        used_by: vec![Use { suite: "table9".into(), method: "sac".into() }],
        analyses: Vec::new(),
        progress: RunProgress::New,
    };
    let plan = crate::plan(vec![run]);
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
