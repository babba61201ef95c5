use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::Deserialize;

use crate::ResultsError;

/// An experiment: methods × tasks × seeds, as in `configs/suites/<name>.toml`.
///
/// One suite is one figure or table of the paper.
#[derive(Debug, Clone, PartialEq)]
pub struct Suite {
    /// Name of the file, without `.toml`.
    pub name: String,
    /// What it shows, one line.
    pub title: String,
    /// The figure or table of the paper.
    pub item: String,
    /// The method that the others are compared with; one of `algos`.
    pub reference: String,
    /// The methods, in the order of the legend.
    pub algos: Vec<String>,
    /// The tasks, in the order of the figures.
    pub tasks: Vec<String>,
    /// How long, how often, at which scale.
    pub presets: Presets,
    /// Settings of some methods or tasks, for every preset.
    pub overrides: Vec<Override>,
    /// What the paper printed.
    pub paper: Paper,
}

/// The suite file as written; [`Suite`] is what it means once checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SuiteToml {
    title: String,
    item: String,
    reference: String,
    algos: Vec<String>,
    tasks: Vec<String>,
    presets: Presets,
    #[serde(default)]
    overrides: Vec<Override>,
    #[serde(default)]
    paper: Paper,
}

/// One plan per preset.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Presets {
    /// Minutes: does everything work.
    pub smoke: PresetPlan,
    /// Hours: does it learn.
    pub quick: PresetPlan,
    /// The paper's own scale.
    pub paper: PresetPlan,
}

/// Scale of a preset.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PresetPlan {
    /// Seeds of each method on each task.
    pub seeds: Vec<u64>,
    /// Budget of a run in environment steps.
    pub total_steps: u64,
    /// Settings that scale with the budget, as `pmoe train --set` takes them.
    #[serde(default)]
    pub set: toml::Table,
}

/// Settings for some of the runs.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Override {
    /// Which runs.
    pub when: When,
    /// The settings, as `pmoe train --set` takes them.
    pub set: toml::Table,
}

/// Selects runs; a part left out matches all.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct When {
    /// Runs of this task.
    pub task: Option<String>,
    /// Runs of this method.
    pub algo: Option<String>,
}

/// Numbers that the paper prints.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Paper {
    /// AUC in percent of the reference, by method, then task.
    #[serde(default)]
    pub auc: BTreeMap<String, BTreeMap<String, f64>>,
}

/// Scale at which a suite is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Preset {
    /// Everything in miniature, in minutes.
    Smoke,
    /// Few seeds, a tenth of the steps.
    Quick,
    /// The paper's own scale.
    Paper,
}

impl Preset {
    /// All presets, smallest first.
    pub const ALL: [Self; 3] = [Self::Smoke, Self::Quick, Self::Paper];

    /// Its name in files and arguments.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Smoke => "smoke",
            Self::Quick => "quick",
            Self::Paper => "paper",
        }
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Preset {
    type Err = ResultsError;

    fn from_str(value: &str) -> Result<Self, ResultsError> {
        Self::ALL.into_iter().find(|preset| preset.name() == value).ok_or_else(|| {
            ResultsError::BadValue {
                place: "arguments".to_owned(),
                key: "preset".to_owned(),
                value: format!("{value:?}"),
                allowed: one_of(Self::ALL),
            }
        })
    }
}

/// One run of a suite, ready to be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunSpec {
    /// Name of the suite.
    pub suite: String,
    /// Name of the method.
    pub algo: String,
    /// Name of the task.
    pub task: String,
    /// Seed.
    pub seed: u64,
    /// Budget in environment steps.
    pub total_steps: u64,
    /// Settings for `pmoe train --set key=value`: key, and value as TOML; each key once, sorted.
    pub set: Vec<(String, String)>,
    /// Run folder, relative to the results: `<suite>/<algo>/<task>/seed_<n>`.
    pub dir: PathBuf,
}

impl Suite {
    /// Reads and checks a suite file.
    ///
    /// # Errors
    /// When it can't be read, has an unknown key, a wrong type, or a value that is not allowed.
    pub fn load(path: &Path) -> Result<Self, ResultsError> {
        let text = fs::read_to_string(path).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound | std::io::ErrorKind::InvalidData => {
                ResultsError::BadFile {
                    path: path.to_owned(),
                    key: "file".to_owned(),
                    message: source.to_string(),
                }
            }
            _ => ResultsError::io(path, source),
        })?;
        Self::parse(&text, path)
    }

    /// Reads every suite file (`*.toml`) of a folder, by name.
    ///
    /// # Errors
    /// When the folder can't be listed or one of the files is bad.
    pub fn load_all(dir: &Path) -> Result<Vec<Self>, ResultsError> {
        let failed = |error| ResultsError::io(dir, error);
        let mut paths = fs::read_dir(dir)
            .and_then(|entries| {
                entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>()
            })
            .map_err(failed)?;
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
        paths.sort();
        paths.iter().map(|path| Self::load(path)).collect()
    }

    /// Checks the text of a suite file; its name comes from `path`.
    ///
    /// # Errors
    /// When it has an unknown key, a wrong type, or a value that is not allowed.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ResultsError> {
        let table = crate::run_dir::parse_config(text, path)?;
        let raw: SuiteToml =
            serde_path_to_error::deserialize(table).map_err(|error| ResultsError::BadFile {
                path: path.to_owned(),
                key: error.path().to_string(),
                message: error.inner().message().to_owned(),
            })?;
        let suite = Self {
            name: path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
            title: raw.title,
            item: raw.item,
            reference: raw.reference,
            algos: raw.algos,
            tasks: raw.tasks,
            presets: raw.presets,
            overrides: raw.overrides,
            paper: raw.paper,
        };
        suite.check(&path.display().to_string())?;
        Ok(suite)
    }

    /// The scale of a preset.
    #[must_use]
    pub fn preset(&self, preset: Preset) -> &PresetPlan {
        match preset {
            Preset::Smoke => &self.presets.smoke,
            Preset::Quick => &self.presets.quick,
            Preset::Paper => &self.presets.paper,
        }
    }

    /// The runs in a fair order: every method of a task and seed before the next task, every task
    /// of a seed before the next seed, so that a matrix stopped early compares like with like.
    #[must_use]
    pub fn plan(&self, preset: Preset) -> Vec<RunSpec> {
        let PresetPlan { seeds, total_steps, .. } = self.preset(preset);
        let mut plan = Vec::with_capacity(seeds.len() * self.tasks.len() * self.algos.len());
        for &seed in seeds {
            for task in &self.tasks {
                for algo in &self.algos {
                    plan.push(RunSpec {
                        suite: self.name.clone(),
                        algo: algo.clone(),
                        task: task.clone(),
                        seed,
                        total_steps: *total_steps,
                        set: self.settings(preset, algo, task),
                        dir: [&self.name, algo, task, &format!("seed_{seed}")].iter().collect(),
                    });
                }
            }
        }
        plan
    }

    /// Overrides in the order of the file, then the preset: a small scale is always small.
    fn settings(&self, preset: Preset, algo: &str, task: &str) -> Vec<(String, String)> {
        let matching = self.overrides.iter().filter(|rule| {
            rule.when.algo.as_deref().is_none_or(|name| name == algo)
                && rule.when.task.as_deref().is_none_or(|name| name == task)
        });
        let layers = matching.map(|rule| &rule.set).chain([&self.preset(preset).set]);
        let merged: BTreeMap<_, _> = layers.flatten().collect();
        merged.into_iter().map(|(key, value)| (key.clone(), value.to_string())).collect()
    }

    fn check(&self, place: &str) -> Result<(), ResultsError> {
        let bad = |key: &str, value: String, allowed: String| ResultsError::BadValue {
            place: place.to_owned(),
            key: key.to_owned(),
            value,
            allowed,
        };
        let name = |key: &str, value: &str| {
            if is_name(value) {
                return Ok(());
            }
            let allowed = "letters, digits, `-`, `_` and `.`, not a dot first";
            Err(bad(key, format!("{value:?}"), allowed.to_owned()))
        };
        let one = |key: &str, value: &str, allowed: &[String]| {
            if allowed.iter().any(|allowed| allowed == value) {
                return Ok(());
            }
            Err(bad(key, format!("{value:?}"), one_of(allowed)))
        };

        name("file name", &self.name)?;
        for (key, values) in [("algos", &self.algos), ("tasks", &self.tasks)] {
            values.iter().try_for_each(|value| name(key, value))?;
            if values.is_empty() || has_repeats(values) {
                return Err(bad(key, format!("{values:?}"), "one or more, each once".to_owned()));
            }
        }
        one("reference", &self.reference, &self.algos)?;
        for preset in Preset::ALL {
            let PresetPlan { seeds, total_steps, set } = self.preset(preset);
            if seeds.is_empty() || has_repeats(seeds) {
                let key = format!("presets.{preset}.seeds");
                return Err(bad(&key, format!("{seeds:?}"), "one or more, each once".to_owned()));
            }
            if *total_steps == 0 {
                let key = format!("presets.{preset}.total_steps");
                return Err(bad(&key, "0".to_owned(), "at least 1".to_owned()));
            }
            // A second place for the budget would only be able to contradict the first.
            if set.contains_key("schedule.total_steps") {
                let key = format!("presets.{preset}.set");
                let allowed = "without `schedule.total_steps`, which is the preset's total_steps";
                return Err(bad(&key, format!("{set:?}"), allowed.to_owned()));
            }
        }
        for (index, Override { when, .. }) in self.overrides.iter().enumerate() {
            let key = format!("overrides[{index}].when");
            when.algo.iter().try_for_each(|value| one(&key, value, &self.algos))?;
            when.task.iter().try_for_each(|value| one(&key, value, &self.tasks))?;
        }
        for (algo, tasks) in &self.paper.auc {
            one("paper.auc", algo, &self.algos)?;
            for (task, percent) in tasks {
                let key = format!("paper.auc.{algo}");
                one(&key, task, &self.tasks)?;
                if !percent.is_finite() {
                    return Err(bad(&key, percent.to_string(), "a finite number".to_owned()));
                }
            }
        }
        Ok(())
    }
}

/// Whether a name can be a folder of that name and nothing else.
fn is_name(value: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !value.is_empty() && !value.starts_with('.') && value.chars().all(allowed)
}

fn has_repeats<T: Ord>(values: &[T]) -> bool {
    values.iter().collect::<BTreeSet<_>>().len() < values.len()
}

fn one_of(names: impl IntoIterator<Item = impl fmt::Display>) -> String {
    let names: Vec<_> = names.into_iter().map(|name| format!("`{name}`")).collect();
    format!("one of {}", names.join(", "))
}
