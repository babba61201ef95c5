//! Compares the configs of a group's methods.

use std::collections::BTreeMap;

use crate::comparison::Entry;

/// One key of the config.
#[derive(Debug, PartialEq)]
pub(crate) struct Setting {
    /// Dotted key.
    pub(crate) key: String,
    /// Its value for each method, in the order of `methods`.
    pub(crate) values: Vec<String>,
}

/// Returns the settings that differ between methods and those that do not, both sorted by key.
///
/// The keys that identify a run (method, task, seed) are not settings.
pub(crate) fn settings(entries: &[Entry<'_>], methods: &[&str]) -> (Vec<Setting>, Vec<Setting>) {
    let configs: Vec<_> = entries.iter().map(|entry| (entry, flatten(&entry.run.config))).collect();
    let mut keys: Vec<_> = configs.iter().flat_map(|(_, config)| config.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    let settings = keys.into_iter().map(|key| Setting {
        key: key.clone(),
        values: methods.iter().map(|method| value_of(key, method, &configs)).collect(),
    });
    settings.partition(|setting| setting.values.windows(2).any(|pair| pair[0] != pair[1]))
}

/// Returns the value in a method's runs; if it depends on the task, each value with its tasks.
fn value_of(key: &str, method: &str, configs: &[(&Entry<'_>, BTreeMap<String, String>)]) -> String {
    let mut tasks_of: Vec<(&str, Vec<&str>)> = Vec::new();
    for (entry, config) in configs.iter().filter(|(entry, _)| entry.method == method) {
        let value = config.get(key).map_or("", String::as_str);
        let task = entry.run.manifest.task.as_str();
        match tasks_of.iter_mut().find(|(known, _)| *known == value) {
            Some((_, tasks)) if tasks.contains(&task) => {}
            Some((_, tasks)) => tasks.push(task),
            None => tasks_of.push((value, vec![task])),
        }
    }
    match tasks_of.as_slice() {
        [] => String::new(),
        [(value, _)] => (*value).to_owned(),
        several => {
            let each =
                several.iter().map(|(value, tasks)| format!("{value} ({})", tasks.join(", ")));
            each.collect::<Vec<_>>().join("; ")
        }
    }
}

fn flatten(config: &toml::Table) -> BTreeMap<String, String> {
    let mut flat = BTreeMap::new();
    flatten_into(config, "", &mut flat);
    ["method", "task", "seed"].iter().for_each(|key| drop(flat.remove(*key)));
    flat
}

fn flatten_into(table: &toml::Table, prefix: &str, flat: &mut BTreeMap<String, String>) {
    for (key, value) in table {
        let key = format!("{prefix}{key}");
        match value {
            toml::Value::Table(table) => flatten_into(table, &format!("{key}."), flat),
            toml::Value::String(text) => drop(flat.insert(key, text.clone())),
            value => drop(flat.insert(key, value.to_string())),
        }
    }
}
