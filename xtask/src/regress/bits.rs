//! The bits of short runs: what has other events than the reference has to be announced.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use pmoe_matrix::RunEnd;
use pmoe_results::files::{self, read_text};
use pmoe_results::text::table;
use pmoe_results::{Event, Manifest, Preset, Run};
use serde::{Deserialize, Serialize};

use super::changelog::{Announced, announce, mentions};
use super::runs::{Runs, Trained};
use super::{Check, Layer, Outcome};

/// The stored reference, `results/regress/bits.json`.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Reference {
    /// What the changelog announced when it was made, as digests of entries.
    announced: Vec<String>,
    /// By class of machines, see [`Provenance::machine_class`](pmoe_results::run::Provenance).
    classes: BTreeMap<String, Class>,
}

/// The reference of one class of machines.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Class {
    /// Commit of the code.
    commit: String,
    /// Digests by run, `<suite>/<method>/<task>`.
    runs: BTreeMap<String, Digests>,
}

/// Digests of the events of one run, by kind.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Digests {
    evaluations: String,
    episodes: String,
    metrics: String,
}

/// A run with other bits than the reference's.
#[derive(Debug, Serialize)]
struct Changed {
    run: String,
    method: String,
    task: String,
    /// Kinds of events that differ; `new` for a run that the reference lacks.
    differs: Vec<&'static str>,
    announced: bool,
}

pub fn check(check: &Check<'_>) -> Result<Outcome> {
    let path = check.references().join("bits.json");
    let mut reference = read(&path)?;
    let announced = Announced::read(check)?;
    let out = check.out.join("bits");
    let runs = Runs { suites: "bits", preset: Preset::Smoke, seeds: None, out: &out };
    let trained = runs.train(check, |method, task| check.is_selected(method, task))?;
    if trained.is_empty() {
        return Ok(outcome(true, "has no run of these methods and tasks".to_owned(), &[]));
    }
    let folder = out.join(Preset::Smoke.name());
    let mut found = BTreeMap::new();
    let mut class = String::new();
    let mut commit = String::new();
    for run in &trained {
        let (name, digests, manifest) = digests(run, &folder)?;
        (class, commit) = (manifest.provenance.machine_class(), manifest.provenance.commit);
        found.insert(name, digests);
    }

    let known = reference.classes.get(&class);
    let entries = announced.since(&reference.announced);
    let changed: Vec<_> =
        known.iter().flat_map(|known| changed(&known.runs, &found, &entries)).collect();
    let is_known = known.is_some();
    if check.options.update_reference {
        let moved = moved(&changed);
        if let Some(entry) = &moved {
            announce(check, entry)?;
        }
        reference.announced = Announced::read(check)?.digests();
        let is_partial = !check.options.only.is_empty() || check.options.task.is_some();
        match reference.classes.get_mut(&class).filter(|_| is_partial) {
            Some(known) => known.runs.extend(found),
            None => drop(reference.classes.insert(class.clone(), Class { commit, runs: found })),
        }
        let text = serde_json::to_string_pretty(&reference)? + "\n";
        let place = || format!("cannot write {}", path.display());
        fs::create_dir_all(check.references()).with_context(place)?;
        files::write_atomic(&path, text.as_bytes()).with_context(place)?;
        let verdict = format!("the reference of {class} is that of this build");
        return Ok(outcome(true, verdict, &changed));
    }
    let unannounced = changed.iter().filter(|run| !run.announced).count();
    let verdict = match (is_known, changed.len(), unannounced) {
        (false, ..) => format!(
            "no reference for this class of machines ({class}); known: {}",
            names(reference.classes.keys())
        ),
        (true, 0, _) => format!("{} runs have the bits of the reference", found.len()),
        (true, all, 0) => format!("{all} runs have other bits, as CHANGELOG.md announces"),
        (true, all, some) => format!(
            "{all} of {} runs have other bits, and {some} of them are not announced: if that is meant, \
             say so in CHANGELOG.md under *Changes results*, by method or task, otherwise the change \
             broke something",
            found.len()
        ),
    };
    Ok(outcome(unannounced == 0, verdict, &changed))
}

fn outcome(passed: bool, verdict: String, changed: &[Changed]) -> Outcome {
    let row = |run: &Changed| {
        let announced = if run.announced { "yes" } else { "NO" };
        vec![run.run.clone(), run.differs.join(", "), announced.to_owned()]
    };
    let text = match changed {
        [] => String::new(),
        some => table(&["run", "differs", "announced"], &some.iter().map(row).collect::<Vec<_>>()),
    };
    let details = serde_json::to_value(changed).unwrap_or_default();
    Outcome { layer: Layer::Bits, passed, verdict, text, details }
}

fn read(path: &Path) -> Result<Reference> {
    if !path.exists() {
        return Ok(Reference::default());
    }
    let text = read_text(path, files::MOST_CONFIG_BYTES)?;
    serde_json::from_str(&text)
        .map_err(|error| crate::BadInput(format!("{}: {error}", path.display())).into())
}

/// Returns the name of a run, the digests of its events, and its manifest.
fn digests(trained: &Trained, folder: &Path) -> Result<(String, Digests, Manifest)> {
    let Trained { planned, end } = trained;
    let dir = planned.dir.strip_prefix(folder).unwrap_or(&planned.dir);
    let name = dir.parent().unwrap_or(dir).display().to_string();
    if let RunEnd::Diverged(_) = end {
        let manifest = Manifest::read(&planned.dir)?;
        let diverged = || "diverged".to_owned();
        let digests =
            Digests { evaluations: diverged(), episodes: diverged(), metrics: diverged() };
        return Ok((name, digests, manifest));
    }
    let run = Run::read(&planned.dir)?;
    let text = fs::read_to_string(planned.dir.join(Run::EVENTS))?;
    let mut hashers = [(); 3].map(|()| blake3::Hasher::new());
    for (event, line) in run.events.iter().zip(text.lines()) {
        let kind = match event {
            Event::Eval { .. } => 0,
            Event::Episode { .. } => 1,
            _ => 2,
        };
        hashers[kind].update(line.as_bytes());
    }
    let [evaluations, episodes, metrics] =
        hashers.map(|hasher| hasher.finalize().to_hex()[..12].to_owned());
    Ok((name, Digests { evaluations, episodes, metrics }, run.manifest))
}

/// Compares what was found with a reference.
fn changed(
    known: &BTreeMap<String, Digests>,
    found: &BTreeMap<String, Digests>,
    entries: &[&str],
) -> Vec<Changed> {
    let mut changed = Vec::new();
    for (run, now) in found {
        let differs = match known.get(run) {
            None => vec!["new"],
            Some(before) => {
                let kinds = [
                    ("evaluations", before.evaluations != now.evaluations),
                    ("episodes", before.episodes != now.episodes),
                    ("metrics", before.metrics != now.metrics),
                ];
                kinds.into_iter().filter(|(_, differs)| *differs).map(|(kind, _)| kind).collect()
            }
        };
        if differs.is_empty() {
            continue;
        }
        let mut parts = run.split('/').skip(1).map(str::to_owned);
        let (method, task) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        // A new run changes nothing.
        let is_new = differs == ["new"];
        let announced = is_new || entries.iter().any(|entry| mentions(entry, &method, &task));
        changed.push(Changed { run: run.clone(), method, task, differs, announced });
    }
    changed
}

/// Returns the changelog's entry for runs with other bits, unless all of them are announced.
fn moved(changed: &[Changed]) -> Option<String> {
    let moved: Vec<_> = changed.iter().filter(|run| !run.announced).collect();
    let mut methods: Vec<_> = moved.iter().map(|run| run.method.as_str()).collect();
    methods.sort_unstable();
    methods.dedup();
    let tasks: Vec<_> = moved.iter().map(|run| run.task.as_str()).collect();
    let first = tasks.first()?;
    let task = if tasks.iter().all(|task| task == first) { first } else { "several tasks" };
    Some(format!("{} on {task}: other bits for the same seed.", methods.join(", ")))
}

fn names<'a>(names: impl Iterator<Item = &'a String>) -> String {
    let names: Vec<_> = names.map(String::as_str).collect();
    if names.is_empty() { "none".to_owned() } else { names.join("; ") }
}

#[cfg(test)]
mod tests;
