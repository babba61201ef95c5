//! All runs that a preset needs, each once, whichever suites read it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::analysis::{AnalysisKind, AnalysisSettings};
use crate::error::ResultsError;
use crate::files::json;
use crate::methods::Methods;
use crate::run::{MANIFEST, Run, Status};
use crate::suite::{Preset, RunSpec, Suite};

/// What the results of a preset consist of: `plan.json` beside the suites' folders.
///
/// A run that several suites need is there once, in the folder that the first of them gives it, and
/// names all of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Version of this format, [`Plan::SCHEMA`].
    pub schema: u32,
    /// The scale.
    pub preset: Preset,
    /// The largest budget in environment steps, where it is below the preset's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_steps: Option<u64>,
    /// The runs in the order in which they are started.
    pub runs: Vec<PlannedRun>,
}

/// A run of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedRun {
    /// Who it is, wherever it lies: the beginning of the blake3 of all that decides its numbers.
    pub id: String,
    /// Its folder, relative to that of the plan.
    pub dir: PathBuf,
    /// Its base: the method of `configs/methods` that `set` is laid over; `algo` in version 1.
    #[serde(alias = "algo")]
    pub base: String,
    /// Name of the task.
    pub task: String,
    /// Seed.
    pub seed: u64,
    /// Budget in environment steps.
    pub total_steps: u64,
    /// Settings for `pmoe train --set key=value`, values as TOML.
    pub set: BTreeMap<String, String>,
    /// The suites that read it, each with the name that the run's method has there.
    pub used_by: Vec<Use>,
    /// What it is analysed for: all that these suites need.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub analyses: Vec<AnalysisSettings>,
    /// How it stood when the plan was written; its folder knows better.
    pub progress: RunProgress,
}

/// A place in a suite that a run fills.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Use {
    /// Name of the suite.
    pub suite: String,
    /// Name of the method in it.
    pub method: String,
}

/// How far a run is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case", deny_unknown_fields)]
pub enum RunProgress {
    /// Not started.
    New,
    /// Under way or stopped.
    Unfinished {
        /// Environment steps behind its newest checkpoint or evaluation.
        env_step: u64,
    },
    /// Ended by an error, of another budget or unreadable.
    Failed {
        /// Environment steps before that.
        env_step: u64,
    },
    /// The whole budget is spent.
    Done,
}

/// Hexadecimal digits of an id: 64 bits tell apart more runs than anybody will make.
const ID_DIGITS: usize = 16;

impl Plan {
    /// The version of the format that this crate writes; it also reads version 1.
    pub const SCHEMA: u32 = 2;

    /// Name of the file, beside the suites' folders.
    pub const FILE: &str = "plan.json";

    /// Plans all runs of `suites` at the scale of `preset`, with no budget above `max_steps`; `root` is
    /// the folder of the results.
    ///
    /// The order is fair: every method of a task and seed before the next task, every task of every
    /// suite before the next seed.
    ///
    /// # Errors
    /// When a suite names a method that there is not, or a setting that does not fit into its config.
    pub fn new(
        suites: &[Suite],
        preset: Preset,
        max_steps: Option<u64>,
        methods: &Methods,
        root: &Path,
    ) -> Result<Self, ResultsError> {
        let mut specs: Vec<(usize, RunSpec)> = Vec::new();
        for suite in suites {
            let seeds = &suite.preset(preset).seeds;
            let rank = |seed| seeds.iter().position(|known| *known == seed).unwrap_or(seeds.len());
            let suite = suite.clone().with_max_steps(max_steps.unwrap_or(u64::MAX));
            specs.extend(suite.plan(preset).into_iter().map(|spec| (rank(spec.seed), spec)));
        }
        // Stable: within a seed everything stays in the order of the suites.
        specs.sort_by_key(|(rank, _)| *rank);

        let mut runs: Vec<PlannedRun> = Vec::new();
        let mut places: BTreeMap<String, usize> = BTreeMap::new();
        for (_, spec) in specs {
            let id = run_id(&methods.resolve(&spec)?);
            let used = Use { suite: spec.suite, method: spec.method };
            if let Some(&place) = places.get(&id) {
                let run = &mut runs[place];
                run.used_by.push(used);
                // Made when another suite came first, or none did: it stays where it is.
                if !is_run(&root.join(&run.dir)) && is_run(&root.join(&spec.dir)) {
                    run.dir = spec.dir;
                }
                continue;
            }
            places.insert(id.clone(), runs.len());
            runs.push(PlannedRun {
                id,
                dir: spec.dir,
                base: spec.base,
                task: spec.task,
                seed: spec.seed,
                total_steps: spec.total_steps,
                set: spec.set.into_iter().collect(),
                used_by: vec![used],
                analyses: Vec::new(),
                progress: RunProgress::New,
            });
        }
        for run in &mut runs {
            run.analyses = analyses(suites, preset, run)?;
            run.progress = RunProgress::read(&root.join(&run.dir), run.total_steps);
        }
        Ok(Self { schema: Self::SCHEMA, preset, max_steps, runs })
    }

    /// Reads the plan in a folder of results; `None` if there is none.
    ///
    /// # Errors
    /// When it can't be read or understood, or names a place outside of the folder.
    pub fn read(root: &Path) -> Result<Option<Self>, ResultsError> {
        let path = root.join(Self::FILE);
        let plan: Option<Self> = json::read(&path, 1..=Self::SCHEMA)?;
        for (index, run) in plan.iter().flat_map(|plan| plan.runs.iter().enumerate()) {
            let bad = |key: &str, value: &Path, wanted: &str| ResultsError::BadFile {
                path: path.clone(),
                key: format!("runs[{index}].{key}"),
                message: format!("{value:?} must be {wanted}"),
            };
            if !leads_down(&run.dir) {
                return Err(bad("dir", &run.dir, "a folder below that of the plan"));
            }
            let is_name = |suite: &Path| leads_down(suite) && suite.iter().count() == 1;
            let mut suites = run.used_by.iter().map(|used| Path::new(&used.suite));
            if let Some(suite) = suites.find(|suite| !is_name(suite)) {
                return Err(bad("used_by.suite", suite, "the name of a suite"));
            }
        }
        Ok(plan)
    }

    /// Writes the plan into a folder of results, in one step.
    ///
    /// # Errors
    /// When the file can't be written.
    pub fn write(&self, root: &Path) -> Result<(), ResultsError> {
        json::write(&root.join(Self::FILE), serde_json::to_vec_pretty(self))
    }
}

impl PlannedRun {
    /// The run as its first suite plans it.
    #[must_use]
    pub fn spec(&self) -> RunSpec {
        let Use { suite, method } = self.used_by.first().cloned().unwrap_or_default();
        RunSpec {
            suite,
            method,
            base: self.base.clone(),
            task: self.task.clone(),
            seed: self.seed,
            total_steps: self.total_steps,
            set: self.set.clone().into_iter().collect(),
            dir: self.dir.clone(),
        }
    }

    /// The folder that a use would have if it were the only one: `<suite>/<method>/<task>/seed_<n>`.
    #[must_use]
    pub fn dir_in(&self, used: &Use) -> PathBuf {
        [&used.suite, &used.method, &self.task, &format!("seed_{}", self.seed)].iter().collect()
    }
}

impl RunProgress {
    /// How far the run in a folder is, of a budget of `total_steps`.
    #[must_use]
    pub fn read(dir: &Path, total_steps: u64) -> Self {
        if !is_run(dir) {
            return Self::New;
        }
        let Ok(Run { manifest, .. }) = Run::read(dir) else {
            return Self::Failed { env_step: 0 };
        };
        let env_step = manifest.env_step;
        match manifest.status {
            // A run of another budget is not this run; starting it says so.
            Status::Done if manifest.total_steps == total_steps => Self::Done,
            Status::Done | Status::Failed { .. } => Self::Failed { env_step },
            Status::Running | Status::Interrupted => Self::Unfinished { env_step },
        }
    }
}

/// What the suites of a run analyse it for, each kind once.
fn analyses(
    suites: &[Suite],
    preset: Preset,
    run: &PlannedRun,
) -> Result<Vec<AnalysisSettings>, ResultsError> {
    let mut needed: BTreeMap<AnalysisKind, (&str, AnalysisSettings)> = BTreeMap::new();
    let reads = |suite: &&Suite| run.used_by.iter().any(|used| used.suite == suite.name);
    for suite in suites.iter().filter(reads) {
        for settings in suite.analyses(preset) {
            let kind = settings.kind();
            match needed.get(&kind) {
                // A run has one file of each kind.
                Some((other, known)) if *known != settings => {
                    return Err(ResultsError::BadValue {
                        place: format!("suite {}", suite.name),
                        key: format!("analyses.{kind}"),
                        value: format!("{:?}", settings.set()),
                        allowed: format!("as in suite {other}, which reads the same runs"),
                    });
                }
                _ => needed.insert(kind, (&suite.name, settings)),
            };
        }
    }
    Ok(needed.into_values().map(|(_, settings)| settings).collect())
}

/// Whether a path, wherever it is put, stays below that place.
fn leads_down(path: &Path) -> bool {
    let is_name = |part| matches!(part, Component::Normal(_));
    path.components().all(is_name) && !path.as_os_str().is_empty()
}

fn is_run(dir: &Path) -> bool {
    fs::exists(dir.join(MANIFEST)).unwrap_or(false)
}

/// The id of the run of a config: the same for the same keys and values, in whichever order.
#[must_use]
pub fn run_id(config: &toml::Table) -> String {
    // Through JSON's map, which sorts its keys.
    let canonical = serde_json::to_value(config).expect("a config has a JSON form").to_string();
    blake3::hash(canonical.as_bytes()).to_hex()[..ID_DIGITS].to_owned()
}
