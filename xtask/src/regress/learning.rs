//! Returns of fresh seeds beside those of the reference, or beside published ones.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use pmoe_regress::bands::{self, Band, InBand};
use pmoe_regress::gate::Records;
use pmoe_regress::{Case, Decision, Finding, Gate, Samples, text, undecided};
use pmoe_results::suite::RunSpec;
use pmoe_results::{Manifest, Preset, Run};
use pmoe_stats::mean;

use super::changelog::announce;
use super::runs::{Runs, ensure_ended};
use super::{Check, Layer, Outcome};

/// Seeds of a check lie above those of any reference.
const FIRST_SEED: u64 = 1_000_000;

pub fn check(check: &Check<'_>, id: &str) -> Result<Outcome> {
    let stored = check.references().join(Preset::Quick.name());
    if check.options.update_reference {
        return update(check, &stored);
    }
    let mut reference = Samples::read(&stored)?;
    reference.retain(|case| check.is_selected(&case.method, &case.task));
    if reference.cases().next().is_none() {
        return Ok(nothing());
    }
    let gate = Gate::sequential();
    let seeds = seeds(id, gate.stages().iter().map(|stage| stage.seeds).max().unwrap_or(0));
    let out = check.out.join("learning");
    let mut open: Vec<Case> = reference.cases().map(|(case, _)| case.clone()).collect();
    let mut findings = Vec::new();
    let mut fresh = Samples::default();
    for (index, stage) in gate.stages().iter().enumerate() {
        let seeds = &seeds[..stage.seeds];
        say!("learning: {} with {} seeds", cases(open.len()), seeds.len());
        let runs = Runs { suites: "quick", preset: Preset::Quick, seeds: Some(seeds), out: &out };
        let is_open = |run: &RunSpec| open.contains(&Case::new(&run.method, &run.task));
        ensure_ended(&runs.train(check, is_open)?)?;
        fresh = Samples::read(&out.join(Preset::Quick.name()))?;
        findings = gate.judge(&reference, &fresh, index)?;
        open = undecided(&findings).into_iter().cloned().collect();
        if open.is_empty() {
            break;
        }
    }
    let failures = text::failures(&findings, &reference, &fresh);
    let worse = findings.iter().filter(|finding| finding.decision == Decision::Worse);
    let worse: Vec<_> =
        worse.map(|finding| format!("{} ({})", finding.case, finding.measure.name())).collect();
    let tests = findings.len();
    let verdict = match worse.len() {
        0 => format!("none of {tests} tests finds lower returns"),
        some => format!("{some} of {tests} tests find lower returns"),
    };
    Ok(Outcome {
        layer: Layer::Learning,
        worse,
        verdict,
        text: format!("{}\n{failures}", text::findings(&findings)),
        details: serde_json::to_value(Records(&findings))?,
    })
}

/// Trains at full scale and compares with published returns.
pub fn nightly(check: &Check<'_>, id: &str) -> Result<Outcome> {
    let out = check.out.join("nightly");
    let seeds = seeds(id, 5);
    let runs = Runs { suites: "nightly", preset: Preset::Paper, seeds: Some(&seeds), out: &out };
    let trained = runs.train(check, |run| check.selects(run))?;
    ensure_ended(&trained)?;
    if trained.is_empty() {
        return Ok(nothing());
    }
    let samples = Samples::read(&out.join(Preset::Paper.name()))?;
    let all = Band::load(&check.root.join("configs/regress/bands.toml"))?;
    let all = all.into_iter().filter(|band| check.is_selected(&band.method, &band.task));
    let all = all.map(|band| band.reached(&samples)).collect::<Result<Vec<InBand>, _>>()?;
    let below = all
        .iter()
        .filter(|band| !band.is_reached())
        .map(|band| format!("{} on {}", band.band.method, band.band.task));
    let below: Vec<_> = below.collect();
    Ok(Outcome {
        layer: Layer::Learning,
        verdict: format!(
            "{} of {} methods are below the published returns",
            below.len(),
            all.len()
        ),
        worse: below,
        text: bands::bands(&all),
        details: serde_json::to_value(&all)?,
    })
}

/// Trains the reference with this build, replaces the stored one, and announces what moved.
fn update(check: &Check<'_>, stored: &Path) -> Result<Outcome> {
    let out = check.out.join("reference");
    let runs = Runs { suites: "quick", preset: Preset::Quick, seeds: None, out: &out };
    let trained = runs.train(check, |run| check.selects(run))?;
    ensure_ended(&trained)?;
    if trained.is_empty() {
        return Ok(nothing());
    }
    let folder = out.join(Preset::Quick.name());
    let now = Samples::read(&folder)?;
    let mut findings = Vec::new();
    if stored.exists() {
        let mut before = Samples::read(stored)?;
        before.retain(|case| !now.of(case).is_empty());
        // A difference in either direction is news, so nothing is decided here.
        findings = Gate::once(0.01).judge(&before, &now, 0).unwrap_or_default();
    }
    for run in &trained {
        let place = run.planned.dir.strip_prefix(&folder)?;
        keep(&run.planned.dir, &stored.join(place))?;
    }
    if let Some(entry) = moved(&findings) {
        announce(check.root, &entry)?;
    }
    Ok(Outcome {
        layer: Layer::Learning,
        worse: Vec::new(),
        verdict: format!("the reference is that of this build, {} runs", trained.len()),
        text: text::findings(&findings),
        details: serde_json::to_value(Records(&findings))?,
    })
}

fn nothing() -> Outcome {
    Outcome {
        layer: Layer::Learning,
        worse: Vec::new(),
        verdict: "has no run of these methods and tasks".to_owned(),
        text: String::new(),
        details: serde_json::Value::Null,
    }
}

/// Copies what a reference needs of a run: neither its policy nor its checkpoint.
fn keep(run: &Path, to: &Path) -> Result<()> {
    let place = || format!("cannot write {}", to.display());
    if to.exists() {
        fs::remove_dir_all(to).with_context(place)?;
    }
    fs::create_dir_all(to).with_context(place)?;
    for file in ["config.toml", Run::EVENTS, Manifest::FILE] {
        fs::copy(run.join(file), to.join(file)).with_context(place)?;
    }
    Ok(())
}

/// Returns the changelog's entry: the cases whose returns moved by more than chance would.
fn moved(findings: &[Finding]) -> Option<String> {
    let moved = findings.iter().filter(|finding| {
        finding.difference.interval.is_some_and(|range| 0.0 < range.low || range.high < 0.0)
    });
    let texts: Vec<_> = moved
        .map(|finding| {
            let [before, now] =
                [&finding.reference, &finding.fresh].map(|side| mean(side).unwrap_or(f64::NAN));
            let (case, measure) = (&finding.case, finding.measure.name());
            format!("{case} ({measure}) from {before:.0} to {now:.0}")
        })
        .collect();
    let list = texts.join(", ");
    (!texts.is_empty()).then(|| format!("Mean returns of the regression reference moved: {list}."))
}

/// Returns `count` different seeds of this check.
fn seeds(id: &str, count: usize) -> Vec<u64> {
    let mut seeds = Vec::new();
    for index in 0_u64.. {
        let hash = blake3::hash(format!("{id} {index}").as_bytes());
        let word = u32::from_le_bytes(*hash.as_bytes().first_chunk().unwrap_or(&[0; 4]));
        let seed = FIRST_SEED + u64::from(word);
        if seeds.len() == count {
            break;
        }
        if !seeds.contains(&seed) {
            seeds.push(seed);
        }
    }
    seeds
}

fn cases(count: usize) -> String {
    if count == 1 { "1 case".to_owned() } else { format!("{count} cases") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_follow_from_the_code_and_no_reference_has_them() {
        let of = |id| seeds(id, 12);
        assert_eq!(of("a"), of("a"));
        assert_eq!(seeds("a", 4), of("a")[..4]);
        assert!(of("a").iter().all(|seed| !of("b").contains(seed) && FIRST_SEED <= *seed));
    }
}
