//! Experiments: methods × tasks × seeds.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::analysis::{AnalysisKind, AnalysisSettings};
use crate::error::{ResultsError, UnknownName};
use crate::files::{MOST_CONFIG_BYTES, read_text, toml_files};
use crate::settings;
use crate::text::{explained, natural_key, one_of};

mod check;
mod paper;

pub use paper::{NoiseReturn, Paper, Stated};

/// An experiment: methods × tasks × seeds, as in `configs/suites/<name>.toml`.
///
/// One suite is one figure or table of the paper.
#[derive(Debug, Clone, PartialEq)]
pub struct Suite {
    /// Name of the file, without `.toml`.
    pub name: String,
    /// What it shows, in one line.
    pub title: String,
    /// The figure or table of the paper.
    pub item: String,
    /// Name of the method that the others are compared with.
    pub reference: String,
    /// Name of the method that the figure is about, if any; it is drawn strongest.
    pub subject: Option<String>,
    /// The methods, in legend order.
    pub methods: Vec<Method>,
    /// The tasks, in figure order.
    pub tasks: Vec<String>,
    /// Seeds, budgets and settings of each preset.
    pub presets: Presets,
    /// Analyses of its runs, with the settings that differ from `configs/analyses.toml`.
    pub analyses: BTreeMap<AnalysisKind, toml::Table>,
    /// Settings for some methods or tasks, in every preset.
    pub overrides: Vec<Override>,
    /// What the paper shows and prints.
    pub paper: Paper,
}

/// A suite file as written; [`Suite`] is its checked form.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SuiteToml {
    title: String,
    item: String,
    reference: String,
    #[serde(default)]
    subject: Option<String>,
    /// Methods without changed settings.
    #[serde(default, alias = "algos")]
    methods: Vec<String>,
    /// Methods with changed settings; they follow `methods` in the legend.
    #[serde(default)]
    variants: Vec<Method>,
    tasks: Vec<String>,
    presets: Presets,
    /// Analyses of its runs, in addition to learning curves.
    #[serde(default)]
    analyses: BTreeMap<AnalysisKind, toml::Table>,
    #[serde(default)]
    overrides: Vec<Override>,
    #[serde(default)]
    paper: Paper,
}

/// A method of a suite: a method of `configs/methods`, or one with changed settings and another
/// name.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Method {
    /// Name in folders, tables and figures.
    pub name: String,
    /// Base method: the name of a file in `configs/methods`.
    #[serde(alias = "algo")]
    pub base: String,
    /// Settings, as `pmoe train --set` accepts them.
    #[serde(default)]
    pub set: toml::Table,
}

/// The scale of each preset.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Presets {
    /// Minutes: checks that everything works.
    pub smoke: PresetPlan,
    /// Hours: shows whether it learns.
    pub quick: PresetPlan,
    /// The scale of the paper.
    pub paper: PresetPlan,
}

/// Scale of a preset.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PresetPlan {
    /// Seeds for each method on each task.
    pub seeds: Vec<u64>,
    /// Budget of a run in environment steps.
    pub total_steps: u64,
    /// Budgets of tasks that differ from `total_steps`.
    #[serde(default)]
    pub task_steps: BTreeMap<String, u64>,
    /// The tasks at this scale; all tasks of the suite by default.
    pub tasks: Option<Vec<String>>,
    /// Settings that scale with the budget, as `pmoe train --set` accepts them.
    #[serde(default)]
    pub set: toml::Table,
    /// Settings of the suite's analyses at this scale, as `pmoe analyze --set` accepts them.
    #[serde(default)]
    pub analyses: BTreeMap<AnalysisKind, toml::Table>,
}

impl PresetPlan {
    /// Returns the budget of a run on `task` in environment steps.
    #[must_use]
    pub fn steps_of(&self, task: &str) -> u64 {
        *self.task_steps.get(task).unwrap_or(&self.total_steps)
    }
}

/// Settings for some of the runs.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Override {
    /// The runs that it applies to.
    pub when: When,
    /// The settings, as `pmoe train --set` accepts them.
    pub set: toml::Table,
}

/// Selects runs; an omitted field matches all runs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct When {
    /// Runs of this task.
    pub task: Option<String>,
    /// Runs of the method with this name.
    pub method: Option<String>,
}

/// Scale at which a suite runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// Everything in miniature, in minutes.
    Smoke,
    /// Few seeds, a tenth of the steps.
    Quick,
    /// The scale of the paper.
    Paper,
}

impl Preset {
    /// All presets, smallest first.
    pub const ALL: [Self; 3] = [Self::Smoke, Self::Quick, Self::Paper];

    /// Returns the name used in files and arguments.
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
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        Self::ALL.into_iter().find(|preset| preset.name() == name).ok_or_else(|| UnknownName {
            kind: "preset",
            name: name.to_owned(),
            known: one_of(Self::ALL),
        })
    }
}

/// One run of a suite, ready to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunSpec {
    /// Name of the suite.
    pub suite: String,
    /// Name of the method in the suite.
    pub method: String,
    /// Base method: the name of a file in `configs/methods`.
    pub base: String,
    /// Name of the task.
    pub task: String,
    /// Seed.
    pub seed: u64,
    /// Budget in environment steps.
    pub total_steps: u64,
    /// Settings for `pmoe train --set key=value`: keys and TOML values, each key once, sorted by
    /// key.
    pub set: Vec<(String, String)>,
    /// Run folder, relative to the results folder: `<suite>/<method>/<task>/seed_<n>`.
    pub dir: PathBuf,
}

impl Suite {
    /// Reads and checks a suite file.
    ///
    /// # Errors
    /// Returns an error if the file can't be read, or has an unknown key, a wrong type or a value
    /// that is not allowed.
    pub fn load(path: &Path) -> Result<Self, ResultsError> {
        Self::parse(&read_text(path, MOST_CONFIG_BYTES)?, path)
    }

    /// Reads every suite file (`*.toml`) in a folder, in the order of [`Suite::sort`].
    ///
    /// # Errors
    /// Returns an error if the folder can't be listed or a file is invalid.
    pub fn load_all(dir: &Path) -> Result<Vec<Self>, ResultsError> {
        let paths = toml_files(dir)?;
        let mut suites: Vec<_> =
            paths.iter().map(|path| Self::load(path)).collect::<Result<_, _>>()?;
        Self::sort(&mut suites);
        Ok(suites)
    }

    /// Sorts suites into the order of the paper.
    ///
    /// Names are compared with numbers by value: `fig2` comes before `fig11`. Suites that show
    /// nothing from the paper come last.
    pub fn sort(suites: &mut [Self]) {
        suites.sort_by_cached_key(|suite| (suite.paper.shows.is_none(), natural_key(&suite.name)));
    }

    /// Parses and checks the text of a suite file; the name comes from `path`.
    ///
    /// # Errors
    /// Returns an error if it has an unknown key, a wrong type or a value that is not allowed.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ResultsError> {
        let table = settings::parse(text, path)?;
        let raw: SuiteToml =
            serde_path_to_error::deserialize(table).map_err(|error| ResultsError::BadFile {
                path: path.to_owned(),
                key: error.path().to_string(),
                message: explained(error.inner().message()),
            })?;
        let suite = Self {
            name: path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
            title: raw.title,
            item: raw.item,
            reference: raw.reference,
            subject: raw.subject,
            methods: raw.methods.into_iter().map(Method::plain).chain(raw.variants).collect(),
            tasks: raw.tasks,
            presets: raw.presets,
            analyses: raw.analyses,
            overrides: raw.overrides,
            paper: raw.paper,
        };
        suite.check(&path.display().to_string())?;
        Ok(suite)
    }

    /// Returns the scale of a preset.
    #[must_use]
    pub fn preset(&self, preset: Preset) -> &PresetPlan {
        match preset {
            Preset::Smoke => &self.presets.smoke,
            Preset::Quick => &self.presets.quick,
            Preset::Paper => &self.presets.paper,
        }
    }

    /// Caps every budget at `max_steps`, in all presets.
    ///
    /// # Panics
    /// Panics if `max_steps` is 0.
    #[must_use]
    pub fn with_max_steps(mut self, max_steps: u64) -> Self {
        assert_ne!(max_steps, 0, "a run has at least one step");
        let Presets { smoke, quick, paper } = &mut self.presets;
        for plan in [smoke, quick, paper] {
            let budgets = [&mut plan.total_steps].into_iter().chain(plan.task_steps.values_mut());
            budgets.for_each(|budget| *budget = max_steps.min(*budget));
        }
        self
    }

    /// Replaces the seeds of a preset.
    #[must_use]
    pub fn with_seeds(mut self, preset: Preset, seeds: &[u64]) -> Self {
        let Presets { smoke, quick, paper } = &mut self.presets;
        let plan = match preset {
            Preset::Smoke => smoke,
            Preset::Quick => quick,
            Preset::Paper => paper,
        };
        plan.seeds = seeds.to_vec();
        self
    }

    /// Returns the method called `name`.
    #[must_use]
    pub fn method(&self, name: &str) -> Option<&Method> {
        self.methods.iter().find(|method| method.name == name)
    }

    /// Returns the tasks of a preset, in figure order.
    #[must_use]
    pub fn tasks(&self, preset: Preset) -> &[String] {
        self.preset(preset).tasks.as_ref().unwrap_or(&self.tasks)
    }

    /// Returns the analyses that every run of a preset gets, in the order of the kinds.
    #[must_use]
    pub fn analyses(&self, preset: Preset) -> Vec<AnalysisSettings> {
        let settings = |kind| self.analysis(preset, kind, &self.name);
        self.analyses.keys().map(|kind| settings(*kind).expect("checked when read")).collect()
    }

    /// Merges the settings of an analysis: the committed ones, then the suite's, then the preset's.
    fn analysis(
        &self,
        preset: Preset,
        kind: AnalysisKind,
        place: &str,
    ) -> Result<AnalysisSettings, ResultsError> {
        let layers = [self.analyses.get(&kind), self.preset(preset).analyses.get(&kind)];
        let layers: Vec<_> = layers.into_iter().flatten().collect();
        AnalysisSettings::resolve(kind, &layers, place)
    }

    /// Returns the runs in a fair order.
    ///
    /// All methods on a task and seed come before the next task, and all tasks of a seed before the
    /// next seed. A matrix that is stopped early therefore compares like with like.
    #[must_use]
    pub fn plan(&self, preset: Preset) -> Vec<RunSpec> {
        let scale = self.preset(preset);
        let mut plan = Vec::new();
        for &seed in &scale.seeds {
            for task in self.tasks(preset) {
                for method in &self.methods {
                    let folder = format!("seed_{seed}");
                    plan.push(RunSpec {
                        suite: self.name.clone(),
                        method: method.name.clone(),
                        base: method.base.clone(),
                        task: task.clone(),
                        seed,
                        total_steps: scale.steps_of(task),
                        set: self.settings(preset, method, task),
                        dir: [&self.name, &method.name, task, &folder].iter().collect(),
                    });
                }
            }
        }
        plan
    }

    /// Merges the settings of a run: the method's, then the overrides in file order, then the
    /// preset's.
    ///
    /// The preset comes last so that a small scale is always small.
    fn settings(&self, preset: Preset, method: &Method, task: &str) -> Vec<(String, String)> {
        let matching = self.overrides.iter().filter(|rule| {
            rule.when.method.as_ref().is_none_or(|name| *name == method.name)
                && rule.when.task.as_deref().is_none_or(|name| name == task)
        });
        let overrides = matching.map(|rule| &rule.set);
        let layers = [&method.set].into_iter().chain(overrides).chain([&self.preset(preset).set]);
        let merged: BTreeMap<_, _> = layers.flatten().collect();
        merged.into_iter().map(|(key, value)| (key.clone(), value.to_string())).collect()
    }
}

impl Method {
    fn plain(base: String) -> Self {
        Self { name: base.clone(), base, set: toml::Table::new() }
    }
}
