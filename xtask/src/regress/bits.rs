//! The bits of short runs: what has other events than the reference has to be announced.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use pmoe_matrix::RunEnd;
use pmoe_results::files::{self, read_text};
use pmoe_results::text::table;
use pmoe_results::{Event, Manifest, Preset, Run};
use serde::{Deserialize, Serialize};

use super::changelog::{Announced, announce, mentions};
use super::runs::{Runs, Trained, ensure_ended};
use super::{Check, Layer, Outcome};
use crate::checkout::{self, Checkout};
use crate::{BadInput, cargo};

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

/// Digests of the events of one run, by kind; `diverged` or `failed` for a run that did not end.
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
    /// Kinds of events that differ; `new` for a run that the reference lacks, `gone` for one that it
    /// has alone.
    differs: Vec<&'static str>,
    announced: bool,
}

impl Changed {
    /// Whether it is no change but a run that was not there.
    fn is_new(&self) -> bool {
        self.differs == [NEW]
    }
}

/// What a run differs in that the reference lacks.
const NEW: &str = "new";
/// What a run differs in that only the reference has.
const GONE: &str = "gone";

pub fn check(check: &Check<'_>) -> Result<Outcome> {
    let path = check.references().join("bits.json");
    let reference = read(&path)?;
    let base = check.options.base.as_deref().map(|name| commit(check.root, name)).transpose()?;
    let Some(found) = train(check, &check.out.join("bits"))? else {
        return Ok(outcome("has no run of these methods and tasks".to_owned(), &[]));
    };
    if check.options.update_reference {
        return update(check, &path, reference, found);
    }
    let stored = reference.classes.get(&found.class);
    let known = match (base, stored) {
        (None, Some(stored)) => Known {
            of: format!("the reference for {}", found.class),
            announced: reference.announced,
            runs: stored.runs.clone(),
        },
        (Some(base), _) => build(check, &base)?,
        (None, None) => {
            say!(
                "bits: no reference for this class of machines ({}); known: {}",
                found.class,
                names(reference.classes.keys())
            );
            build(check, &last_change(check.root, &path)?)?
        }
    };
    let announced = Announced::read(check.root)?;
    let is_whole = check.selects_all();
    let changed = changed(&known.runs, &found, is_whole, &announced.since(&known.announced));
    Ok(outcome(verdict(&changed, found.runs.len(), &known.of), &changed))
}

/// Whether an outcome is one of this layer, and no run has other bits than before.
pub fn are_same(outcome: &Outcome) -> bool {
    outcome.layer == Layer::Bits && outcome.details.as_array().is_some_and(Vec::is_empty)
}

/// Formats how many runs of `all` have changed since `of`.
fn verdict(changed: &[Changed], all: usize, of: &str) -> String {
    let count = |what| changed.iter().filter(|run| run.differs == [what]).count();
    let (new, gone) = (count(NEW), count(GONE));
    let unannounced = changed.iter().filter(|run| !run.announced).count();
    // Of the reference's runs.
    let all = all - new + gone;
    let verdict = match (changed.len() - new, unannounced) {
        (0, _) => format!("all of {all} runs have the bits of {of}"),
        (some, 0) => {
            format!("{some} of {all} runs have other bits than {of}, as CHANGELOG.md announces")
        }
        (some, unannounced) => format!(
            "{some} of {all} runs have other bits than {of}, and {unannounced} of them are not \
             announced: if that is meant, say so in CHANGELOG.md under *Changes results*, by method \
             or task, otherwise the change broke something",
        ),
    };
    if new == 0 { verdict } else { format!("{verdict}; new: {new}") }
}

/// What the runs of a build gave.
struct Found {
    /// Class of this machine.
    class: String,
    /// Commit of the build.
    commit: String,
    /// Digests by run.
    runs: BTreeMap<String, Digests>,
    /// Methods that the runs' methods vary, by run.
    bases: BTreeMap<String, String>,
}

/// What runs are compared with.
struct Known {
    /// Where it is from.
    of: String,
    /// What the changelog had announced by then, as digests of entries.
    announced: Vec<String>,
    /// Digests by run.
    runs: BTreeMap<String, Digests>,
}

/// Trains the selected runs; `None` if there are none.
fn train(check: &Check<'_>, out: &Path) -> Result<Option<Found>> {
    let runs = Runs { suites: "bits", preset: Preset::Smoke, seeds: None, out };
    let trained = runs.train(check, |run| check.selects(run))?;
    let folder = out.join(Preset::Smoke.name());
    let (mut runs_of, mut bases) = (BTreeMap::new(), BTreeMap::new());
    let mut provenance = None;
    for run in &trained {
        let (name, digests, manifest) = digests(run, &folder)?;
        provenance = provenance.or(manifest.map(|manifest| manifest.provenance));
        bases.insert(name.clone(), run.planned.run.base.clone());
        runs_of.insert(name, digests);
    }
    let Some(provenance) = provenance else {
        // Not one run began, so there is nothing to compare, unless none was asked for.
        return ensure_ended(&trained).map(|()| None);
    };
    let (class, commit) = (provenance.machine_class(), provenance.commit);
    Ok(Some(Found { class, commit, runs: runs_of, bases }))
}

/// Builds a commit and trains its runs on this machine.
fn build(check: &Check<'_>, commit: &str) -> Result<Known> {
    let short = commit.get(..10).unwrap_or(commit);
    let of = format!("commit {short}, built here");
    say!("bits: building commit {short}, to compare with it");
    let base = Checkout::prepare(check.root, &check.kept.join("base"), commit)?;
    let pmoe = cargo::build_pmoe_with(base.cargo(), &base.target)?;
    // Its own configurations: those of today may mean nothing to it.
    let (root, pmoe) = (base.tree.as_path(), pmoe.as_path());
    let out = check.kept.join("bits").join(short);
    let of_base = Check { root, pmoe, out, kept: check.kept.clone(), options: check.options };
    let found = train(&of_base, &of_base.out)?;
    let runs = found.map(|found| found.runs).unwrap_or_default();
    Ok(Known { of, announced: Announced::read(root)?.digests(), runs })
}

/// Returns the full name of a commit.
fn commit(root: &Path, name: &str) -> Result<String> {
    let unknown = |_| BadInput(format!("--base: no commit is called `{name}`")).into();
    checkout::commit(root, name).map_err(unknown)
}

/// Returns the commit that the reference was stored with.
fn last_change(root: &Path, path: &Path) -> Result<String> {
    checkout::git(root, &["log", "-1", "--format=%H", "--", &path.to_string_lossy()])
}

/// Stores what was found as the reference, and announces what has changed.
fn update(
    check: &Check<'_>,
    path: &Path,
    mut reference: Reference,
    found: Found,
) -> Result<Outcome> {
    let known = reference.classes.get_mut(&found.class);
    let announced = Announced::read(check.root)?;
    let entries = announced.since(&reference.announced);
    let changed =
        known.as_ref().map(|known| changed(&known.runs, &found, check.selects_all(), &entries));
    if let Some(entry) = moved(changed.as_deref().unwrap_or_default()) {
        announce(check.root, &entry)?;
    }
    reference.announced = Announced::read(check.root)?.digests();
    let Found { class, commit, runs, .. } = found;
    match known.filter(|_| !check.selects_all()) {
        Some(known) => known.runs.extend(runs),
        None => drop(reference.classes.insert(class.clone(), Class { commit, runs })),
    }
    let text = serde_json::to_string_pretty(&reference)? + "\n";
    let place = || format!("cannot write {}", path.display());
    fs::create_dir_all(check.references()).with_context(place)?;
    files::write_atomic(path, text.as_bytes()).with_context(place)?;
    let mut outcome = outcome(
        format!("the reference of {class} is that of this build"),
        &changed.unwrap_or_default(),
    );
    outcome.worse.clear();
    Ok(outcome)
}

fn outcome(verdict: String, changed: &[Changed]) -> Outcome {
    let row = |run: &Changed| {
        let announced = if run.is_new() {
            "–"
        } else if run.announced {
            "yes"
        } else {
            "NO"
        };
        vec![run.run.clone(), run.differs.join(", "), announced.to_owned()]
    };
    let text = match changed {
        [] => String::new(),
        some => table(&["run", "differs", "announced"], &some.iter().map(row).collect::<Vec<_>>()),
    };
    let worse = changed.iter().filter(|run| !run.announced).map(|run| run.run.clone()).collect();
    let details = serde_json::to_value(changed).unwrap_or_default();
    Outcome { layer: Layer::Bits, worse, verdict, text, details }
}

fn read(path: &Path) -> Result<Reference> {
    if !path.exists() {
        return Ok(Reference::default());
    }
    let text = read_text(path, files::MOST_CONFIG_BYTES)?;
    serde_json::from_str(&text)
        .map_err(|error| BadInput(format!("{}: {error}", path.display())).into())
}

/// Returns the name of a run, the digests of its events, and its manifest if it began.
fn digests(trained: &Trained, folder: &Path) -> Result<(String, Digests, Option<Manifest>)> {
    let Trained { planned, end } = trained;
    let dir = planned.dir.strip_prefix(folder).unwrap_or(&planned.dir);
    let name = dir.parent().unwrap_or(dir).display().to_string();
    let failed = match end {
        RunEnd::Diverged(_) => Some("diverged"),
        RunEnd::Failed(_) => Some("failed"),
        RunEnd::Done | RunEnd::Refused(_) | RunEnd::Locked | RunEnd::Stopped => None,
    };
    if let Some(failed) = failed.map(str::to_owned) {
        let [evaluations, episodes] = [failed.clone(), failed.clone()];
        let digests = Digests { evaluations, episodes, metrics: failed };
        // One that failed at once has no manifest.
        return Ok((name, digests, Manifest::read(&planned.dir).ok()));
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
    Ok((name, Digests { evaluations, episodes, metrics }, Some(run.manifest)))
}

/// Compares what was found with a reference.
///
/// If `is_whole`, every run of the reference has to be among those found.
fn changed(
    known: &BTreeMap<String, Digests>,
    found: &Found,
    is_whole: bool,
    entries: &[&str],
) -> Vec<Changed> {
    let mut changed = Vec::new();
    let gone = known.keys().filter(|run| is_whole && !found.runs.contains_key(*run));
    let names: BTreeSet<_> = found.runs.keys().chain(gone).collect();
    for run in names {
        let differs = match (known.get(run), found.runs.get(run)) {
            (None, _) => vec![NEW],
            (Some(_), None) => vec![GONE],
            (Some(before), Some(now)) => {
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
        let is_new = differs == [NEW];
        let base = found.bases.get(run).unwrap_or(&method);
        let says = |entry: &&str| mentions(entry, &method, &task) || mentions(entry, base, &task);
        let announced = is_new || entries.iter().any(says);
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
