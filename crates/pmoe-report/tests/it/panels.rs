//! Tests the panels of analyses.

use std::fs;
use std::path::Path;

use pmoe_report::{Number, Numbers};
use pmoe_results::analysis::AnalysisFile;
use pmoe_results::{AnalysisKind, Run, Status, Suite};

use crate::report::{assert_self_contained, assert_well_formed};
use crate::{Fixture, SUITE};

/// Adds a committed analysis from `pmoe-results` to a run.
pub(crate) fn analyse(fixture: &Fixture, run: &str, kind: AnalysisKind) {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../pmoe-results/tests/golden");
    let mut file = AnalysisFile::read(&golden, kind).unwrap().unwrap();
    let run = fixture.results().join("table9").join(run);
    file.events_blake3 = Run::read(&run).unwrap().manifest.events_blake3.unwrap();
    file.write(&run).unwrap();
}

fn fixture() -> Fixture {
    let mut fixture = Fixture::new();
    let analyses = AnalysisKind::ALL.map(|kind| format!("[analyses.{kind}]\n")).concat();
    let noise = "[[paper.noise]]\nmethod = \"sac\"\ntask = \"Hopper-v4\"\nobs_noise = 0.05\nmean = 1994.9\nstd = 718.6\n";
    let text = SUITE.replace("[presets]", &format!("{analyses}[presets]")) + noise;
    fixture.suites = vec![Suite::parse(&text, Path::new("table9.toml")).unwrap()];
    for (method, seed) in [("sac", 0), ("sac", 1), ("pmoe-sac", 0), ("pmoe-sac", 1)] {
        fixture.suite_run((method, "Hopper-v4", seed), &[1.0, 2.0, 3.0, 4.0], Status::Done);
    }
    fixture
}

#[test]
fn every_kind_has_a_panel_with_its_figures_and_numbers() {
    let fixture = fixture();
    for kind in AnalysisKind::ALL {
        for seed in ["seed_0", "seed_1"] {
            analyse(&fixture, &format!("pmoe-sac/Hopper-v4/{seed}"), kind);
            analyse(&fixture, &format!("sac/Hopper-v4/{seed}"), kind);
        }
    }
    fixture.report();
    let page = fixture.page();
    assert_self_contained(&page);
    for heading in [
        "Ways to the target",
        "Exploration at the start of training",
        "Are the primitives distinguishable?",
        "The router over the gait",
        "Returns under noise on the observations",
    ] {
        assert_eq!(page.matches(heading).count(), 1 + page.matches(&format!("{heading}:")).count());
    }
    assert!(!page.contains("without this analysis"));
    // The commands with every setting, and links to the files.
    assert!(page.contains("pmoe analyze RUN --kind primitives --set "));
    assert!(page.contains("perplexity=") && page.contains("/analysis/gait.json\">gait</a>"));
    // Two equal seeds give an interval of zero width. The paper's number is next to ours.
    assert!(page.contains("1994.9 ± 718.6") || page.contains("1995 ± 718.6"), "Table 5");
    // The trajectories of all policies and those of one policy's primitives, for each method. The
    // gait has a period of 8 steps.
    let figures = fixture.output().join("figures");
    for name in [
        "pmoe-sac__2_seeds-trajectories.svg",
        "pmoe-sac__seed_0__each_primitive_alone-trajectories.svg",
        "sac__seed_0-exploration.svg",
        "pmoe-sac_on_Hopper-v4__seed_0-gait.svg",
        "Hopper-v4-robustness.svg",
    ] {
        let svg = fs::read_to_string(figures.join(name)).unwrap_or_else(|_| panic!("no {name}"));
        assert_well_formed(&svg);
    }
    let strip = fs::read_to_string(figures.join("pmoe-sac_on_Hopper-v4__seed_0-gait.svg")).unwrap();
    // Weights and actions are one figure, also on the page.
    for text in ["every second period of 8 steps", "step 0<", "step 6<", "joint 1<"] {
        assert!(strip.contains(text), "{text}");
    }
    assert_eq!(page.matches("<figure class=\"wide\"").count(), 2);

    let numbers = fs::read(fixture.output().join(Numbers::FILE)).unwrap();
    let numbers: Numbers = serde_json::from_slice(&numbers).unwrap();
    let period = numbers.numbers.iter().find(|number| number.quantity == "gait_period").unwrap();
    assert_eq!((period.value, period.n, &*period.method), (8.0, 2, "sac"));
    assert_eq!(period.runs.len(), 2);
    let noisy = |method: &str| {
        let of =
            |number: &&Number| number.quantity == "return_at_noise_0_05" && number.method == method;
        numbers.numbers.iter().find(of).unwrap()
    };
    assert_eq!((noisy("sac").paper, noisy("pmoe-sac").paper), (Some(1994.9), None));
    assert!(numbers.runs[0].blake3.contains_key("analysis/gait.json"));
}

#[test]
fn what_is_missing_or_bad_is_said() {
    let fixture = fixture();
    let run = "pmoe-sac/Hopper-v4/seed_0";
    analyse(&fixture, run, AnalysisKind::Gait);
    let bad = fixture.results().join("table9/sac/Hopper-v4/seed_1/analysis");
    fs::create_dir(&bad).unwrap();
    fs::write(bad.join("gait.json"), "{}").unwrap();
    fixture.report();
    let page = fixture.page();
    assert!(page.contains("sac on Hopper-v4, seed 1: the analysis can&#39;t be read"));
    assert!(page.contains("2 finished runs without this analysis"));
    assert!(page.contains("4 finished runs without this analysis"));
    assert!(page.contains("The router over the gait"));
}

#[test]
fn a_run_that_is_there_twice_counts_once() {
    let fixture = Fixture::new();
    // The first run of the seed failed early; folder names carry no information.
    let names = ("pmoe-sac", "Hopper-v4", 0);
    let failed = Status::Failed { reason: "NaN".into(), diverged: true };
    fixture.run("table9/a", names, &[1.0], failed);
    for folder in ["b", "c"] {
        fixture.run(&format!("table9/{folder}"), names, &[1.0, 2.0, 3.0, 4.0], Status::Done);
        analyse(&fixture, folder, AnalysisKind::Gait);
    }
    fixture.report();
    let numbers = fs::read(fixture.output().join(Numbers::FILE)).unwrap();
    let numbers: Numbers = serde_json::from_slice(&numbers).unwrap();
    for quantity in ["auc", "final_return", "gait_period"] {
        let number = numbers.numbers.iter().find(|number| number.quantity == quantity).unwrap();
        assert_eq!((number.n, &*number.runs), (1, &["../results/table9/b".to_owned()][..]));
        assert_eq!(number.interval, None);
    }
    assert!(fixture.page().contains("is there twice, the second is left out"));
}
