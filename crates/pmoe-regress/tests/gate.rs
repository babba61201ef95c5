//! The gate: what it calls worse, how often it is wrong, and what it says.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use pmoe_regress::calibration::Scope;
use pmoe_regress::{
    Case, Decision, Gate, Measure, RegressError, Sample, Samples, calibrate, text, undecided,
};
use pmoe_stats::EvalCurve;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const STEPS: u64 = 1000;

/// A run whose returns have a standard deviation of `spread` around 300.
fn sample(seed: u64, spread: f64, lost: f64) -> Sample {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut curve = || {
        // The sum of twelve uniform numbers: nearly normal, with variance 1.
        let normal = (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0;
        EvalCurve::new([
            (0, 300.0 + spread * normal - lost),
            (STEPS, 300.0 + spread * normal - lost),
        ])
    };
    let (evaluations, acting) = (curve(), curve());
    Sample::new(seed, STEPS, evaluations, acting).unwrap().with_commit("0123456789abcdef")
}

fn case(index: usize) -> Case {
    Case::new(format!("method-{}", index / 2), ["Hopper-v4", "Ant-v4"][index % 2])
}

/// Twelve cases with seeds from `first` on; the first of them has lost a part.
fn samples(seeds: std::ops::Range<u64>, spread: f64, lost: f64) -> Samples {
    let mut samples = Samples::default();
    for index in 0..12 {
        for seed in seeds.clone() {
            let lost = if index == 0 { lost } else { 0.0 };
            samples
                .add(case(index), sample(1_000_000 * index as u64 + seed, spread, lost))
                .unwrap();
        }
    }
    samples
}

#[test]
fn the_same_is_fine_and_a_third_less_is_worse() {
    let reference = samples(0..32, 40.0, 0.0);
    let gate = Gate::sequential();
    let findings = gate.judge(&reference, &samples(100..104, 40.0, 0.0), 0).unwrap();
    assert_eq!(findings.len(), 24);
    assert!(findings.iter().all(|finding| finding.decision != Decision::Worse));

    let findings = gate.judge(&reference, &samples(100..112, 40.0, 100.0), 2).unwrap();
    let worse: Vec<_> =
        findings.iter().filter(|finding| finding.decision == Decision::Worse).collect();
    let expected = Measure::ALL.map(|measure| (case(0), measure));
    let found: Vec<_> =
        worse.iter().map(|finding| (finding.case.clone(), finding.measure)).collect();
    assert_eq!(found, expected);
    assert!(worse.iter().all(|finding| (finding.ratio().unwrap() - 0.67).abs() < 0.1));
    // The verdict is settled: nothing needs more seeds.
    assert!(undecided(&findings).is_empty());
}

#[test]
fn a_suspicion_asks_for_more_seeds_until_the_last_stage() {
    let reference = samples(0..32, 40.0, 0.0);
    let fresh = samples(100..104, 40.0, 60.0);
    let gate = Gate::sequential();
    for (stage, is_open) in [(0, true), (1, true), (2, false)] {
        let findings = gate.judge(&reference, &fresh, stage).unwrap();
        assert_eq!(undecided(&findings).contains(&&case(0)), is_open, "stage {stage}");
    }
}

#[test]
fn a_run_that_failed_is_worse_than_any_other() {
    let reference = samples(0..32, 40.0, 0.0);
    let mut fresh = samples(100..100, 40.0, 0.0);
    for index in 0..12 {
        for seed in 0..8 {
            let run = sample(1_000_000 * index as u64 + 100 + seed, 40.0, 0.0);
            let run = if index == 3 { Sample::failed(run.seed, STEPS) } else { run };
            fresh.add(case(index), run).unwrap();
        }
    }
    let findings = Gate::sequential().judge(&reference, &fresh, 1).unwrap();
    let worse = findings.iter().filter(|finding| finding.decision == Decision::Worse);
    assert!(worse.clone().count() == 2 && worse.clone().all(|finding| finding.case == case(3)));
    let text = text::findings(&findings) + &text::failures(&findings, &reference, &fresh);
    assert!(text.contains("-inf") && text.contains("method-1 on Ant-v4"), "{text}");
}

#[test]
fn sides_that_cannot_be_compared_are_refused_with_the_case() {
    let reference = samples(0..12, 40.0, 0.0);
    let mut fresh = samples(100..104, 40.0, 0.0);
    fresh.retain(|of| *of != case(5));
    let error = Gate::once(0.01).judge(&reference, &fresh, 0).unwrap_err();
    assert_eq!(
        error.to_string(),
        "method-2 on Ant-v4: the reference has runs, the other side has none"
    );

    let curve = EvalCurve::new([(0, 1.0), (10, 1.0)]);
    let short = Sample::new(1, 10, curve.clone(), curve).unwrap();
    let error = fresh.add(case(0), short.clone()).unwrap_err();
    assert!(matches!(error, RegressError::Budgets { budgets: [1000, 10], .. }), "{error}");
    fresh.add(case(5), short).unwrap();
    let error = Gate::once(0.01).judge(&reference, &fresh, 0).unwrap_err();
    assert!(error.to_string().contains("1000 and of 10 steps"), "{error}");
    let error = fresh.add(case(1), sample(1_000_100, 1.0, 0.0)).unwrap_err();
    assert_eq!(error.to_string(), "method-0 on Ant-v4: two runs have seed 1000100");
}

#[test]
fn a_run_without_evaluations_or_episodes_is_no_sample() {
    let whole = || EvalCurve::new([(0, 1.0), (STEPS, 1.0)]);
    let early = EvalCurve::new([(0, 1.0), (STEPS - 1, 1.0)]);
    assert!(matches!(
        Sample::new(0, STEPS, early, whole()),
        Err(RegressError::NoEvaluations { .. })
    ));
    let none = EvalCurve::default();
    assert!(matches!(Sample::new(0, STEPS, whole(), none), Err(RegressError::NoEpisodes { .. })));
    let nan = EvalCurve::new([(0, f64::NAN), (STEPS, 1.0)]);
    let sample = Sample::new(0, STEPS, nan, whole()).unwrap();
    assert!(sample.score(Measure::Evaluation).is_infinite());
}

/// The bound on false alarms holds, and a loss of two deviations is found: the numbers of the real
/// reference are in docs/regression.md.
#[test]
fn a_gate_is_rarely_wrong_and_has_power() {
    let reference = samples(0..32, 40.0, 0.0);
    let found = calibrate(&reference, &Gate::sequential(), 200, 1).unwrap();
    assert!(found.false_alarms.share() <= 0.02, "{:?}", found.false_alarms);
    let power = |loss, scope| {
        let is_it = |power: &&pmoe_regress::calibration::Power| {
            power.loss.total_cmp(&loss).is_eq() && power.scope == scope
        };
        found.power.iter().find(is_it).unwrap().rate
    };
    // 30 % of 300 is 2.25 standard deviations.
    assert!(0.9 < power(0.3, Scope::Case).share());
    assert!(power(0.1, Scope::Case).share() < power(0.2, Scope::Case).share());
    // More cases, more runs.
    assert!(found.false_alarms.mean_runs() < power(0.2, Scope::Case).mean_runs());
    assert_eq!(found, calibrate(&reference, &Gate::sequential(), 200, 1).unwrap());
    let text = text::calibration(&found);
    assert!(text.contains("| method-3 on Hopper-v4 |"), "{text}");

    let few = samples(0..19, 40.0, 0.0);
    let error = calibrate(&few, &Gate::sequential(), 10, 1).unwrap_err();
    assert!(error.to_string().contains("19 runs of the reference; 20 are needed"), "{error}");
}
