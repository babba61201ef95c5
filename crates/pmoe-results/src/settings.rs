//! A config, and single settings laid over it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use toml::{Table, Value};

use crate::suite::RunSpec;
use crate::{ResultsError, toml_files};

/// A key as written on a command line or in a suite, from the root of `config`: settings of the
/// algorithm may leave out `algo.<family>.`, those of the task the family.
#[must_use]
pub fn absolute_key(config: &Table, key: &str) -> String {
    let family =
        |of: &str| config.get(of).and_then(Value::as_table).and_then(|of| of.keys().next());
    match key.split_once('.') {
        Some(("algo" | "schedule", _)) => key.to_owned(),
        Some(("env", rest)) => match family("env") {
            Some(family) if !rest.starts_with(&format!("{family}.")) => {
                format!("env.{family}.{rest}")
            }
            _ => key.to_owned(),
        },
        _ => match family("algo") {
            Some(family) => format!("algo.{family}.{key}"),
            None => key.to_owned(),
        },
    }
}

/// TOML where it is TOML, else a plain string: `mixture` and `"mixture"` are the same.
#[must_use]
pub fn parse_value(text: &str) -> Value {
    let parsed = format!("value = {text}").parse::<Table>().ok();
    parsed
        .and_then(|mut table| table.remove("value"))
        .unwrap_or_else(|| Value::String(text.to_owned()))
}

/// Sets the value at a dotted key, making tables on the way.
///
/// # Errors
/// When a part of the key is there already and no table.
pub fn assign(config: &mut Table, key: &str, value: Value) -> Result<(), ResultsError> {
    let (parents, last) = key.rsplit_once('.').unwrap_or(("", key));
    let mut table = config;
    for parent in parents.split('.').filter(|parent| !parent.is_empty()) {
        let entry = table.entry(parent.to_owned()).or_insert_with(|| Value::Table(Table::new()));
        let inner = entry.as_table_mut();
        table = inner.ok_or_else(|| ResultsError::NoSettings {
            key: key.to_owned(),
            parent: parent.to_owned(),
        })?;
    }
    table.insert(last.to_owned(), value);
    Ok(())
}

/// The methods' configs, by name: what the settings of a suite are laid over.
#[derive(Debug, Clone, PartialEq)]
pub struct Methods(BTreeMap<String, Table>);

include!(concat!(env!("OUT_DIR"), "/methods.rs"));

impl Methods {
    /// The config of a method as it is committed, if there is one of this name.
    pub(crate) fn committed(name: &str) -> Option<Table> {
        let (_, text) = METHODS.iter().find(|(known, _)| *known == name)?;
        text.parse().ok()
    }

    /// Reads every method file (`*.toml`) of a folder.
    ///
    /// # Errors
    /// When the folder can't be listed, or a file can't be read or is no TOML.
    pub fn load_all(dir: &Path) -> Result<Self, ResultsError> {
        let read = |path: &std::path::PathBuf| {
            let text = fs::read_to_string(path).map_err(|source| ResultsError::io(path, source))?;
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            Ok((name, crate::run_dir::parse_config(&text, path)?))
        };
        toml_files(dir)?.iter().map(read).collect::<Result<_, _>>().map(Self)
    }

    /// Everything that tells a run from others: its method's config with its settings, task and seed.
    ///
    /// It lacks what a suite can't set or does not: the device, and the task's settings that are left
    /// as they are.
    ///
    /// # Errors
    /// When there is no such method, or a setting does not fit into its config.
    pub fn resolve(&self, spec: &RunSpec) -> Result<Table, ResultsError> {
        let method = self.0.get(&spec.algo).ok_or_else(|| ResultsError::BadValue {
            place: format!("suite {}", spec.suite),
            key: "algo".to_owned(),
            value: format!("{:?}", spec.algo),
            allowed: crate::suite::one_of(self.0.keys()),
        })?;
        let mut config = method.clone();
        let steps = parse_value(&spec.total_steps.to_string());
        assign(&mut config, "schedule.total_steps", steps)?;
        for (key, value) in &spec.set {
            let key = absolute_key(&config, key);
            assign(&mut config, &key, parse_value(value))?;
        }
        config.insert("method".to_owned(), Value::String(spec.algo.clone()));
        config.insert("task".to_owned(), Value::String(spec.task.clone()));
        config.insert("seed".to_owned(), parse_value(&spec.seed.to_string()));
        Ok(config)
    }
}

/// The number or text at a dotted key below any family: `rollout_steps` is found as
/// `algo.ppo.rollout_steps`, `schedule.eval_every` as itself.
#[must_use]
pub fn find<'a>(config: &'a Table, key: &str) -> Option<&'a Value> {
    let key = absolute_key(config, key);
    let (first, rest) = key.split_once('.').unwrap_or((&key, ""));
    let parts = rest.split('.').filter(|part| !part.is_empty());
    parts.fold(config.get(first), |value, part| value?.get(part))
}
