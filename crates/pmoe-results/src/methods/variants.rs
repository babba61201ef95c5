//! Methods of one name whose settings differ.

use std::collections::{BTreeMap, BTreeSet};

use toml::{Table, Value};

use super::Methods;
use crate::run::Run;

/// A run, and what its method is called by the plan or the folder that it is found in.
#[derive(Debug, Clone, Copy)]
pub struct Called<'a> {
    /// Name of the method.
    pub method: &'a str,
    /// Whether a plan calls it so.
    pub planned: bool,
    /// The run.
    pub run: &'a Run,
}

/// Settings that a name spells out; more are counted.
const SPELLED_OUT: usize = 3;

/// Characters of a value in a name.
const LONGEST_VALUE: usize = 24;

/// Hexadecimal digits that stand for settings which are not spelled out.
const DIGITS: usize = 6;

/// A name for the method of each run, the same where all settings are: what most runs of a name have keeps
/// it, the others say behind it what differs, as in `sac (gamma=0.9)`.
///
/// With `by_task` settings of different tasks are not compared, as in a suite, which says them for each. Those
/// of the task itself never are. Finished runs alone decide what keeps the name, and among them those of a
/// plan; where they are undecided, the committed method does, and without one each says what it has.
///
/// Method, task, seed, budget and the distance of checkpoints make no difference: the first four are told
/// apart elsewhere, and the last changes no number.
#[must_use]
pub fn variant_names(runs: &[Called<'_>], by_task: bool) -> Vec<String> {
    let settings: Vec<Settings> = runs.iter().map(|called| settings(&called.run.config)).collect();
    let mut of_methods: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    let mut of_tasks: BTreeMap<(&str, &str), Vec<usize>> = BTreeMap::new();
    for (index, Called { method, run, .. }) in runs.iter().enumerate() {
        of_methods.entry(method).or_default().push(index);
        of_tasks.entry((method, &run.manifest.task)).or_default().push(index);
    }
    let usual = |peers: &Vec<usize>| usual_settings(peers, runs, &settings);
    let of_methods: BTreeMap<_, _> =
        of_methods.iter().map(|(of, peers)| (*of, usual(peers))).collect();
    let of_tasks: BTreeMap<_, _> = of_tasks.iter().map(|(of, peers)| (*of, usual(peers))).collect();

    let name = |(Called { method, run, .. }, settings): (&Called<'_>, &Settings)| {
        let is_of_task = |key: &str| by_task || key.starts_with("env.");
        let of_task = of_tasks[&(*method, run.manifest.task.as_str())].iter();
        let of_method = of_methods[method].iter();
        let usual = of_task
            .filter(|(key, _)| is_of_task(key))
            .chain(of_method.filter(|(key, _)| !is_of_task(key)));
        let differences: BTreeMap<&str, Option<&String>> = usual
            .map(|(key, usual)| (*key, settings.get(*key), *usual))
            .filter(|(_, own, usual)| *usual != Some(*own))
            .map(|(key, own, _)| (key, own))
            .collect();
        match differences.is_empty() {
            true => (*method).to_owned(),
            false => format!("{method} ({})", spelled_out(&differences)),
        }
    };
    let names: Vec<String> = runs.iter().zip(&settings).map(name).collect();
    unlike(names, runs, &settings)
}

/// What most runs have, by key: see [`usual`].
fn usual_settings<'a>(
    peers: &[usize],
    runs: &[Called<'_>],
    settings: &'a [Settings],
) -> BTreeMap<&'a str, Option<Option<&'a String>>> {
    let heaviest = peers.iter().map(|peer| weight(&runs[*peer])).max();
    let heavy: Vec<_> =
        peers.iter().filter(|peer| Some(weight(&runs[**peer])) == heaviest).collect();
    let committed =
        heavy.first().and_then(|first| Methods::config_of(&runs[**first].run.manifest.algo));
    let committed = committed.as_ref().map(self::settings).unwrap_or_default();
    let keys: BTreeSet<&String> = peers.iter().flat_map(|peer| settings[*peer].keys()).collect();
    let of_key = |key: &'a String| {
        let values = heavy.iter().map(|peer| settings[**peer].get(key));
        (key.as_str(), usual(values, committed.get(key)))
    };
    keys.into_iter().map(of_key).collect()
}

/// Sets names apart that look alike though the settings, or the methods, are not: what is cut short or lacks
/// what others have.
fn unlike(mut names: Vec<String>, runs: &[Called<'_>], settings: &[Settings]) -> Vec<String> {
    let mut methods: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut variants: BTreeMap<(&str, &str), BTreeSet<&Settings>> = BTreeMap::new();
    for ((name, called), settings) in names.iter().zip(runs).zip(settings) {
        methods.entry(name).or_default().insert(called.method);
        variants.entry((name, &called.run.manifest.task)).or_default().insert(settings);
    }
    let is_clash = |name: &String, called: &Called<'_>| {
        let [methods, variants] = [
            methods[name.as_str()].len(),
            variants[&(name.as_str(), called.run.manifest.task.as_str())].len(),
        ];
        name != called.method && (1 < methods || 1 < variants)
    };
    let clashes: Vec<_> = names.iter().zip(runs).map(|(name, of)| is_clash(name, of)).collect();
    for (index, _) in clashes.iter().enumerate().filter(|(_, is_clash)| **is_clash) {
        let text = format!("{}\n{:?}", runs[index].method, settings[index]);
        names[index] += &format!(" {}", short_hash(&text));
    }
    names
}

/// Every setting by its dotted key, as text; a table without settings is one.
type Settings = BTreeMap<String, String>;

/// Whose settings count more: those of finished runs of a plan, then those of finished ones.
fn weight(called: &Called<'_>) -> u8 {
    match (called.run.is_whole(), called.planned) {
        (true, true) => 2,
        (true, false) => 1,
        (false, _) => 0,
    }
}

/// The value that most have; of several such the default, if it is one of them.
fn usual<'a>(
    values: impl Iterator<Item = Option<&'a String>>,
    default: Option<&String>,
) -> Option<Option<&'a String>> {
    let mut counts: BTreeMap<Option<&String>, usize> = BTreeMap::new();
    values.for_each(|value| *counts.entry(value).or_default() += 1);
    let most = counts.values().max()?;
    let mut winners = counts.iter().filter(|(_, count)| *count == most).map(|(value, _)| *value);
    match (winners.clone().count(), default) {
        (1, _) => winners.next(),
        (_, default) => winners.find(|value| default.is_some() && *value == default),
    }
}

/// `gamma=0.9, actor.pmoe.num_primitives=8`.
fn spelled_out(differences: &BTreeMap<&str, Option<&String>>) -> String {
    let present = differences.iter().filter(|(_, value)| value.is_some());
    // What is not there is said where nothing else is: another variant of a setting takes the place of one.
    let mut shown: Vec<_> = present.collect();
    if shown.is_empty() {
        shown = differences.iter().collect();
    }
    let more = shown.len().saturating_sub(SPELLED_OUT);
    let is_long =
        |value: &Option<&String>| value.is_some_and(|value| LONGEST_VALUE < value.chars().count());
    let is_cut = 0 < more || shown.iter().any(|(_, value)| is_long(value));
    let part = |(key, value): &(&&str, &Option<&String>)| {
        let value = value.map_or("none".to_owned(), |value| match is_long(&Some(value)) {
            true => value.chars().take(LONGEST_VALUE).collect::<String>() + "…",
            false => value.clone(),
        });
        format!("{}={value}", short_key(key))
    };
    let mut parts: Vec<_> = shown.iter().take(SPELLED_OUT).map(part).collect();
    if 0 < more {
        parts.push(format!("{more} more"));
    }
    if is_cut {
        parts.push(short_hash(&format!("{differences:?}")));
    }
    parts.join(", ")
}

/// A key as [`parse_setting`](crate::settings::parse_setting) takes it: without the family of the algorithm or of the task.
fn short_key(key: &str) -> String {
    let mut parts = key.splitn(3, '.');
    match (parts.next(), parts.next(), parts.next()) {
        (Some("algo"), Some(_), Some(rest)) => rest.to_owned(),
        (Some("env"), Some(_), Some(rest)) => format!("env.{rest}"),
        _ => key.to_owned(),
    }
}

fn short_hash(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex()[..DIGITS].to_owned()
}

fn settings(config: &Table) -> Settings {
    let mut flat = Settings::new();
    flatten(config, "", &mut flat);
    for key in
        ["algo", "method", "task", "seed", "schedule.total_steps", "schedule.checkpoint_every"]
    {
        flat.remove(key);
    }
    flat
}

fn flatten(table: &Table, prefix: &str, flat: &mut Settings) {
    for (key, value) in table {
        let key = format!("{prefix}{key}");
        match value {
            Value::Table(table) if !table.is_empty() => flatten(table, &format!("{key}."), flat),
            value => drop(flat.insert(key, text(value))),
        }
    }
}

/// A value as TOML, `1.0` as `1`.
fn text(value: &Value) -> String {
    match value {
        Value::Float(number) => number.to_string(),
        Value::Array(values) => {
            format!("[{}]", values.iter().map(text).collect::<Vec<_>>().join(", "))
        }
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests;
