//! Names for methods that share a name but differ in their settings.

use std::collections::{BTreeMap, BTreeSet};

use toml::{Table, Value};

use super::config_of;
use crate::run::Run;

/// A run, and the name that its plan or folder gives to its method.
#[derive(Debug, Clone, Copy)]
pub struct Called<'a> {
    /// Name of the method.
    pub method: &'a str,
    /// Whether the name comes from a plan.
    pub planned: bool,
    /// The run.
    pub run: &'a Run,
}

/// Number of settings that a name spells out; further ones are counted.
const SPELLED_OUT: usize = 3;

/// Number of characters of a value in a name; longer values are cut.
const LONGEST_VALUE: usize = 24;

/// Hexadecimal digits of the hash that replaces settings not spelled out.
const DIGITS: usize = 6;

/// Returns a name for the method of each run, equal where all settings are equal.
///
/// The settings of most runs with a name keep that name. Other runs append the differences, as in
/// `sac (gamma=0.9)`.
///
/// With `by_task`, settings are compared only between runs on the same task, because a suite may
/// set them per task. Settings of the task itself are always compared that way. If any run is
/// finished, only finished runs decide which settings keep the name, and of these only the runs of
/// a plan, if there are any. In a tie the committed method decides; if its value is not among the
/// winners, every run spells out its own.
///
/// Method, task, seed, budget and checkpoint interval make no difference: the first four are shown
/// elsewhere, and the last changes no result.
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

/// Returns the usual value of each setting among `peers`, see [`usual`].
fn usual_settings<'a>(
    peers: &[usize],
    runs: &[Called<'_>],
    settings: &'a [Settings],
) -> BTreeMap<&'a str, Option<Option<&'a String>>> {
    let heaviest = peers.iter().map(|peer| weight(&runs[*peer])).max();
    let heavy: Vec<_> =
        peers.iter().filter(|peer| Some(weight(&runs[**peer])) == heaviest).collect();
    let committed = heavy.first().and_then(|first| config_of(&runs[**first].run.manifest.method));
    let committed = committed.as_ref().map(self::settings).unwrap_or_default();
    let keys: BTreeSet<&String> = peers.iter().flat_map(|peer| settings[*peer].keys()).collect();
    let of_key = |key: &'a String| {
        let values = heavy.iter().map(|peer| settings[**peer].get(key));
        (key.as_str(), usual(values, committed.get(key)))
    };
    keys.into_iter().map(of_key).collect()
}

/// Appends a hash to names that are equal although the settings or the methods differ.
///
/// This happens if a name is shortened, or if a run only lacks settings that others have.
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

/// Every setting as text, by dotted key; an empty table counts as a setting.
type Settings = BTreeMap<String, String>;

/// Returns how much a run's settings count: most in a finished run of a plan, less in another
/// finished run, least in an unfinished one.
fn weight(called: &Called<'_>) -> u8 {
    match (called.run.is_whole(), called.planned) {
        (true, true) => 2,
        (true, false) => 1,
        (false, _) => 0,
    }
}

/// Returns the most common value; in a tie the default, if it is among the winners.
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

/// Formats differences, as in `gamma=0.9, actor.pmoe.num_primitives=8`.
fn spelled_out(differences: &BTreeMap<&str, Option<&String>>) -> String {
    let present = differences.iter().filter(|(_, value)| value.is_some());
    // Missing settings are shown only if there are no others: usually another variant of the
    // setting takes their place.
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

/// Returns a key as [`parse_setting`](crate::settings::parse_setting) accepts it, without the family
/// of the algorithm or of the task.
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
    for key in ["method", "task", "seed", "schedule.total_steps", "schedule.checkpoint_every"] {
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

/// Formats a value as TOML, but `1.0` as `1` and strings without quotes.
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
