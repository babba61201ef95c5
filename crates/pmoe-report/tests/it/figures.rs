//! Tests the figures: what they show, on the page and in files.

use std::collections::BTreeMap;
use std::fs;

use pmoe_report::{Numbers, ReportOptions, verify, write_report};
use pmoe_results::run::{JsonlSink, Position};
use pmoe_results::{Event, Run, RunDir, Sink, Status, Suite};
use pmoe_stats::Bootstrap;

use crate::report::assert_well_formed;
use crate::{Fixture, SUITE};

/// Writes runs of two methods on one task, of which `pmoe-sac` is the subject.
fn fixture(seeds: u64, evaluations: u64) -> Fixture {
    let mut fixture = Fixture::new();
    // The subject is the first method, to be drawn last all the same.
    let text =
        SUITE.replace("methods = [\"sac\", \"pmoe-sac\"]", "methods = [\"pmoe-sac\", \"sac\"]");
    let text = text.replace("[presets]", "subject = \"pmoe-sac\"\n[presets]");
    fixture.suites = vec![Suite::parse(&text, "table9.toml".as_ref()).unwrap()];
    for (method, factor) in [("sac", 1.0), ("pmoe-sac", 2.0)] {
        for seed in 0..seeds {
            // Up and down by turns, so that smoothing matters.
            let value = |step: u64| factor * (step + seed + 10 * (step % 2)) as f64;
            let values: Vec<_> = (0..evaluations).map(value).collect();
            fixture.suite_run((method, "Hopper-v4", seed), &values, Status::Done);
        }
    }
    fixture
}

fn smoothed(fixture: &Fixture, smooth: u16) -> String {
    let options = ReportOptions {
        suites: &fixture.suites,
        claims: &[],
        reference: None,
        bootstrap: Bootstrap::STANDARD,
        smooth,
    };
    write_report(&fixture.results(), &fixture.results().join("report"), &options).unwrap();
    let report = fixture.results().join("report");
    fs::read_to_string(report.join("figures/Hopper-v4.svg")).unwrap()
}

fn numbers(fixture: &Fixture) -> Numbers {
    let bytes = fs::read(fixture.results().join("report").join(Numbers::FILE)).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

#[test]
fn single_seeds_are_on_the_page_alone() {
    let fixture = fixture(4, 4);
    fixture.report();
    let page = fixture.page();
    let svg = fs::read_to_string(fixture.output().join("figures/Hopper-v4.svg")).unwrap();
    assert_well_formed(&svg);
    // Of each method one line, and one in the file's legend; on the page four thin ones.
    for (drawing, of_method, lines, faint) in [
        (svg.as_str(), "stroke=\"#0072b2\"", 2, 0),
        (page.as_str(), "stroke=\"var(--method-0)\"", 1, 4),
    ] {
        assert_eq!(drawing.matches(of_method).count(), lines, "{of_method}");
        assert_eq!(drawing.matches("stroke=\"var(--faint-0)\"").count(), faint);
    }
    assert_eq!(page.matches("<input type=\"checkbox\"> single seeds").count(), 1);
    assert!(page.contains(".figures [stroke^=\"var(--faint\"]{display:none}"));
}

#[test]
fn the_subject_is_drawn_last_and_strongest() {
    let fixture = fixture(2, 4);
    fixture.report();
    let svg = fs::read_to_string(fixture.output().join("figures/Hopper-v4.svg")).unwrap();
    let place = |color: &str| svg.find(&format!("stroke=\"{color}\"")).unwrap();
    let [subject, other] = ["#0072b2", "#d55e00"].map(place);
    assert!(other < subject);
    let width = |from: usize| {
        let (_, rest) = svg[from..].split_once("stroke-width=\"").unwrap();
        rest.split('"').next().unwrap().parse::<f64>().unwrap()
    };
    assert!(width(other) < width(subject));
}

#[test]
fn smoothing_is_said_and_recorded_and_changes_no_number() {
    let fixture = fixture(2, 24);
    let rough = smoothed(&fixture, 1);
    let without = numbers(&fixture);
    let smooth = smoothed(&fixture, ReportOptions::SMOOTH);
    let with = numbers(&fixture);
    assert!(smooth.contains("mean of 5 evaluations") && !rough.contains("evaluations"));
    assert!(rough != smooth && with.numbers == without.numbers);
    assert_eq!((with.smooth, without.smooth), (5, 1));
    assert!(without.command.ends_with(" --smooth 1") && !with.command.contains("--smooth"));
    // A report with another smoothing is made again as it was.
    smoothed(&fixture, 3);
    let check = || verify(&fixture.results(), None, &fixture.suites, &[]).unwrap().differences;
    assert_eq!(check(), []);
    let path = fixture.results().join("report").join(Numbers::FILE);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("\"smooth\": 3", "\"smooth\": 0")).unwrap();
    assert_eq!(check()[0].name, "smooth");
}

#[test]
fn the_band_is_named() {
    for (seeds, band) in
        [(1, None), (3, Some("range of the seeds")), (4, Some("95 % bootstrap interval"))]
    {
        let fixture = fixture(seeds, 4);
        fixture.report();
        let svg = fs::read_to_string(fixture.output().join("figures/Hopper-v4.svg")).unwrap();
        for words in ["range of the seeds", "95 % bootstrap interval"] {
            assert_eq!(svg.contains(words), Some(words) == band, "{seeds} seeds: {words}");
        }
    }
}

#[test]
fn the_same_task_has_the_same_axes_everywhere() {
    let fixture = Fixture::new();
    for (folder, value) in [("a", 10.0), ("b", 900.0)] {
        let folder = format!("{folder}/sac/Hopper-v4/seed_0");
        fixture.run(&folder, ("sac", "Hopper-v4", 0), &[0.0, 0.0, 0.0, value], Status::Done);
    }
    fixture.report();
    let ticks = |part: &str| {
        let path = fixture.output().join(format!("figures/{part}-Hopper-v4.svg"));
        let svg = fs::read_to_string(path).unwrap();
        let texts = svg.split("</text>").filter_map(|text| text.rsplit('>').next());
        texts.filter(|text| text.parse::<f64>().is_ok()).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(ticks("a"), ticks("b"));
    assert!(ticks("a").contains(&"800".to_owned()), "{:?}", ticks("a"));
}

#[test]
fn figures_that_are_compared_have_one_legend() {
    let fixture = fixture(2, 4);
    for seed in 0..2 {
        fixture.suite_run(("sac", "Ant-v4", seed), &[1.0; 4], Status::Done);
    }
    fixture.report();
    assert_eq!(fixture.page().matches("</span>sac (2 of 2 seeds)</li>").count(), 1);
    assert_eq!(fixture.page().matches("range of the seeds</li>").count(), 1);
    assert!(!fixture.page().contains("seeds)</text>"));
    // Files stand alone.
    let svg = fs::read_to_string(fixture.output().join("figures/Ant-v4.svg")).unwrap();
    assert!(svg.contains("sac (2 of 2 seeds)"));
}

#[test]
fn a_pdf_has_the_width_of_a_column() {
    let fixture = fixture(2, 4);
    let report = fixture.results().join("report");
    fixture.try_report(&fixture.results(), &report).unwrap();
    let path = report.join("figures/Hopper-v4.pdf");
    let pdf = fs::read(&path).unwrap();
    let text = String::from_utf8_lossy(&pdf);
    // 3.25 inches of 72 points.
    assert!(text.contains("/MediaBox[0 0 234 ") && text.contains("/FontFile"));
    let found = || {
        let found = verify(&fixture.results(), None, &fixture.suites, &fixture.claims()).unwrap();
        found.differences.into_iter().map(|of| (of.file, of.found)).collect::<Vec<_>>()
    };
    assert_eq!(found(), []);
    fs::write(&path, &pdf[..pdf.len() / 2]).unwrap();
    assert_eq!(found(), [(path.clone(), "a PDF file without its end".to_owned())]);
    fs::remove_file(&path).unwrap();
    assert_eq!(found(), [(path, "a file of this report".to_owned())]);
}

/// Adds training metrics to a finished run.
fn with_updates(fixture: &Fixture, run: &str, updates: u64) {
    let update = |index: u64| {
        let metrics = [
            ("critic_loss", index as f64),
            ("alpha", 0.2),
            ("weight_mean_0", 0.25),
            ("weight_mean_1", 0.5 + index as f64 / 1e6),
        ];
        let metrics: BTreeMap<_, _> = metrics.map(|(name, value)| (name.to_owned(), value)).into();
        let env_step = 3000 * (index + 1) / updates;
        Event::Update { env_step, grad_step: index, metrics }
    };
    with_events(fixture, run, (0..updates).map(update));
}

/// Adds events to a finished run.
fn with_events(fixture: &Fixture, run: &str, more: impl Iterator<Item = Event>) {
    let path = fixture.results().join(run);
    let Run { config, manifest, mut events, .. } = Run::read(&path).unwrap();
    events.extend(more);
    let config = toml::to_string(&config).unwrap();
    let mut dir = RunDir::open(&path, &config, || manifest).unwrap();
    let mut sink = JsonlSink::open_at(&dir.events_path(), &Position::start()).unwrap();
    events.iter().for_each(|event| sink.emit(event).unwrap());
    sink.sync().unwrap();
    let hash = blake3::hash(&fs::read(dir.events_path()).unwrap()).to_hex().to_string();
    dir.update_manifest(|manifest| manifest.events_blake3 = Some(hash)).unwrap();
}

#[test]
fn training_returns_stand_beside_evaluations() {
    let fixture = fixture(2, 4);
    fixture.report();
    assert!(!fixture.page().contains("As the agent acts:"));
    assert!(!fixture.output().join("tables/acting.md").exists());
    for (run, level) in [("sac", 10.0), ("pmoe-sac", 30.0)] {
        for seed in [0, 1] {
            let episode = |episode| Event::Episode {
                env_step: 1000 * episode,
                episode,
                episode_return: level + 10.0 * seed as f64 - 100.0,
                episode_length: 1000,
                truncated: true,
                success: None,
            };
            let folder = format!("table9/{run}/Hopper-v4/seed_{seed}");
            with_events(&fixture, &folder, (1..=3).map(episode));
        }
    }
    fixture.report();
    let page = fixture.page();
    assert!(page.contains("As the agent acts: returns of training episodes"));
    // The mean of −90 and −80, and of −70 and −60; no ratio to a reference below zero.
    let line = "| Hopper-v4 | pmoe-sac | 3\u{202f}000 | 14.0 [13.0,\u{a0}15.0] | −65.0 [−70.0,\u{a0}−60.0] | ";
    let read = |name: &str| fs::read_to_string(fixture.output().join(name)).unwrap();
    let table = read("tables/acting.md");
    assert!(table.contains(line) && table.contains("| – | "), "{table}");
    let csv = read("tables/acting.csv");
    assert!(csv.starts_with("suite,task,method,total_steps,runs,auc,auc_low,auc_high,acting_auc,"));
    assert!(csv.contains("table9,Hopper-v4,sac,3000,2,") && csv.contains(",-85,-90,-80,"), "{csv}");
    let Numbers { numbers, .. } = serde_json::from_str(&read(Numbers::FILE)).unwrap();
    let of =
        |quantity: &str| numbers.iter().find(|of| of.method == "sac" && of.quantity == quantity);
    for quantity in ["acting_auc", "acting_return"] {
        let number = of(quantity).unwrap();
        assert_eq!((number.value, number.n), (-85.0, 2));
    }
    assert_eq!(of("relative_acting_auc"), None);
    // They are not listed once more.
    assert!(!fixture.output().join("tables/more.md").exists());
    // The curves have the axes of those of evaluations.
    let [evaluations, training] =
        ["", "-acting"].map(|kind| read(&format!("figures/Hopper-v4{kind}.svg")));
    assert_well_formed(&training);
    assert!(training.contains("return of training episodes"));
    let ticks = |svg: &str| {
        let texts = svg.split("</text>").filter_map(|text| text.rsplit('>').next());
        let is_number = |text: &&str| text.replace('−', "-").parse::<f64>().is_ok();
        texts.filter(is_number).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(ticks(&evaluations), ticks(&training));
    assert!(ticks(&training).iter().any(|tick| tick.starts_with('−')), "{training}");
}

#[test]
fn metrics_have_charts_on_demand_and_tables_of_every_run() {
    let fixture = fixture(2, 4);
    fixture.report();
    assert!(!fixture.page().contains("Training metrics"));
    assert!(!fixture.output().join("tables/metrics.csv").exists());
    with_updates(&fixture, "table9/sac/Hopper-v4/seed_0", 450);
    with_updates(&fixture, "table9/pmoe-sac/Hopper-v4/seed_1", 2);
    fixture.report();
    let page = fixture.page();
    let (_, metrics) = page.split_once("<summary>Training metrics").unwrap();
    let (metrics, _) = metrics.split_once("</details>").unwrap();
    for name in ["critic_loss", "largest weight_mean", "steps per second, each run"] {
        assert_eq!(metrics.matches(&format!("aria-label=\"Hopper-v4: {name}")).count(), 1);
    }
    assert!(metrics.contains("Constant: alpha 0.2.") && !metrics.contains("weight_mean_0"));

    let table = |name: &str| {
        let text = fs::read_to_string(fixture.output().join("tables").join(name)).unwrap();
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let curves = table("curves.csv");
    assert_eq!(curves[0], "suite,task,method,seed,env_step,return_mean,return_std,episodes");
    // Two methods, two seeds, four evaluations of two episodes.
    assert_eq!((curves.len(), &*curves[1]), (17, "table9,Hopper-v4,pmoe-sac,0,0,0,1,2"));
    assert_eq!(curves[2], "table9,Hopper-v4,pmoe-sac,0,1000,22,1,2");
    let metrics = table("metrics.csv");
    let head = "suite,task,method,seed,env_step,alpha,critic_loss,weight_mean_0,weight_mean_1";
    assert_eq!(metrics[0], head);
    assert_eq!(metrics[1], "table9,Hopper-v4,pmoe-sac,1,1500,0.2,0,0.25,0.5");
    // Every third of 450 updates, with the last.
    assert_eq!(metrics.len(), 1 + 2 + 150);
    assert_eq!(metrics[152], "table9,Hopper-v4,sac,0,3000,0.2,449,0.25,0.500449");
}
