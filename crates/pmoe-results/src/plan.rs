//! The runs of a preset, each once even if several suites use it.

mod more;

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::analysis::{AnalysisKind, AnalysisSettings};
use crate::error::ResultsError;
use crate::files::json;
use crate::methods::{Methods, SEED, seed_value};
use crate::run::{MANIFEST, Manifest, Status};
use crate::suite::{Preset, RunSpec, Suite};

/// The runs that make up the results of a preset: `plan.json`, next to the suites' folders.
///
/// A run that several suites need is listed once, with all of these suites. It is in the folder of
/// the first of them, or in that of another one where it was already started.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Version of this format, [`Plan::SCHEMA`].
    pub schema: u32,
    /// The scale.
    pub preset: Preset,
    /// Cap on the budgets in environment steps, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_steps: Option<u64>,
    /// Files of its suites by name, if they are not the built-in ones: reports read them here.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub own_suites: BTreeMap<String, String>,
    /// The runs, in the order in which they start.
    pub runs: Vec<PlannedRun>,
}

/// A run of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedRun {
    /// Identity of the run, independent of its folder: a prefix of the blake3 hash of everything
    /// that determines its results.
    pub id: String,
    /// Its folder, relative to the folder of the plan.
    pub dir: PathBuf,
    /// Base method: the file in `configs/methods` that `set` applies to; `algo` in version 1.
    #[serde(alias = "algo")]
    pub base: String,
    /// Name of the task.
    pub task: String,
    /// Seed.
    pub seed: u64,
    /// Budget in environment steps.
    pub total_steps: u64,
    /// Settings for `pmoe train --set key=value`, values as TOML; runs that differ in the seed share them.
    #[serde(with = "shared")]
    pub set: Arc<BTreeMap<String, String>>,
    /// The suites that use it, each with its name for the run's method.
    pub used_by: Vec<Use>,
    /// Its analyses: all that these suites need.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub analyses: Vec<AnalysisSettings>,
    /// Progress when the plan was written; the run folder is more up to date.
    pub progress: RunProgress,
}

/// A place in a suite that a run fills.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Use {
    /// Name of the suite.
    pub suite: String,
    /// Name of the method in that suite.
    pub method: String,
}

/// Progress of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case", deny_unknown_fields)]
pub enum RunProgress {
    /// Not started.
    New,
    /// Running or stopped.
    Unfinished {
        /// Environment steps at its newest evaluation, or when it stopped.
        env_step: u64,
    },
    /// Ended by an error, finished with another budget, or unreadable.
    Failed {
        /// Environment steps done before that; 0 if unreadable.
        env_step: u64,
    },
    /// The whole budget is spent.
    Done,
}

/// Hexadecimal digits of an id: 64 bits are enough to distinguish all runs.
const ID_DIGITS: usize = 16;

/// Hexadecimal digits of the name of a plan: a folder of results has few plans.
const PLAN_DIGITS: usize = 10;

impl Plan {
    /// The version of the format that this crate writes; it can also read version 1.
    pub const SCHEMA: u32 = 2;

    /// Name of the file, next to the suites' folders.
    pub const FILE: &str = "plan.json";

    /// Plans all runs of `suites` for `preset`, with budgets capped at `max_steps`.
    ///
    /// `root` is the folder of the results.
    ///
    /// The order is fair: all methods on a task and seed come before the next task, and all tasks
    /// of all suites before the next seed.
    ///
    /// # Errors
    /// Returns an error if a suite names a method that does not exist, if a setting does not fit
    /// into its config, or if suites that share a run analyse it with different settings.
    pub fn new(
        suites: &[Suite],
        preset: Preset,
        max_steps: Option<u64>,
        methods: &Methods,
        root: &Path,
    ) -> Result<Self, ResultsError> {
        let capped = suites.iter().map(|suite| {
            let suite = suite.clone().with_max_steps(max_steps.unwrap_or(u64::MAX));
            Ok((suite.preset(preset).seeds.clone(), cells(suite, preset, methods)?))
        });
        let mut capped: Vec<_> = capped.collect::<Result<_, ResultsError>>()?;
        let most_seeds = capped.iter().map(|(seeds, _)| seeds.len()).max().unwrap_or(0);

        let mut runs: Vec<PlannedRun> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        for rank in 0..most_seeds {
            for (seeds, cells) in &mut capped {
                let Some(&seed) = seeds.get(rank) else { continue };
                for cell in cells {
                    let run = cell.run(seed);
                    match places.entry(run.id.clone()) {
                        Entry::Vacant(place) => {
                            place.insert(runs.len());
                            runs.push(run);
                        }
                        Entry::Occupied(place) => runs[*place.get()].share(run, root),
                    }
                }
            }
        }
        let mut needed: HashMap<Vec<String>, Vec<AnalysisSettings>> = HashMap::new();
        for run in &mut runs {
            let users = run.used_by.iter().map(|used| used.suite.clone()).collect();
            run.analyses = match needed.entry(users) {
                Entry::Vacant(of) => of.insert(analyses(suites, preset, run)?).clone(),
                Entry::Occupied(of) => of.get().clone(),
            };
            run.progress = RunProgress::read(&root.join(&run.dir), run.total_steps);
        }
        Ok(Self { schema: Self::SCHEMA, preset, max_steps, own_suites: BTreeMap::new(), runs })
    }

    /// Reads the plan in a folder of results; `None` if the folder has no plan.
    ///
    /// # Errors
    /// Returns an error if it can't be read or parsed, or names a place outside the folder.
    pub fn read(root: &Path) -> Result<Option<Self>, ResultsError> {
        Self::read_file(&root.join(Self::FILE))
    }

    /// Reads a plan from a file of any name; `None` if there is no such file.
    ///
    /// # Errors
    /// As those of [`Plan::read`].
    pub fn read_file(path: &Path) -> Result<Option<Self>, ResultsError> {
        let plan: Option<Self> = json::read(path, 1..=Self::SCHEMA)?;
        for (index, run) in plan.iter().flat_map(|plan| plan.runs.iter().enumerate()) {
            let bad = |key: &str, value: &Path, wanted: &str| ResultsError::BadFile {
                path: path.to_owned(),
                key: format!("runs[{index}].{key}"),
                message: format!("{value:?} must be {wanted}"),
            };
            if !leads_down(&run.dir) {
                return Err(bad("dir", &run.dir, "a folder below the plan's"));
            }
            let is_name = |suite: &Path| leads_down(suite) && suite.iter().count() == 1;
            let mut suites = run.used_by.iter().map(|used| Path::new(&used.suite));
            if let Some(suite) = suites.find(|suite| !is_name(suite)) {
                return Err(bad("used_by.suite", suite, "the name of a suite"));
            }
        }
        Ok(plan)
    }

    /// Writes the plan into a folder of results, atomically.
    ///
    /// # Errors
    /// Returns an error if the file can't be written.
    pub fn write(&self, root: &Path) -> Result<(), ResultsError> {
        json::write(&root.join(Self::FILE), serde_json::to_vec_pretty(self))
    }

    /// Returns a name for exactly this plan: a prefix of the hash of its content, in hexadecimal digits.
    #[must_use]
    pub fn digest(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        serde_json::to_writer(&mut hasher, self).expect("a plan has a JSON form");
        hasher.finalize().to_hex()[..PLAN_DIGITS].to_owned()
    }
}

/// Shared settings, in a document like any others.
mod shared {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    type Settings = Arc<BTreeMap<String, String>>;

    pub(super) fn serialize<S: Serializer>(set: &Settings, to: S) -> Result<S::Ok, S::Error> {
        set.as_ref().serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Settings, D::Error> {
        BTreeMap::deserialize(from).map(Arc::new)
    }
}

/// The runs of a suite that differ in nothing but their seed.
struct Cell {
    /// One of them, without its seed.
    run: PlannedRun,
    /// Its config, as JSON.
    config: serde_json::Value,
}

/// Returns what a suite trains with each seed, in the order of [`Suite::plan`].
fn cells(suite: Suite, preset: Preset, methods: &Methods) -> Result<Vec<Cell>, ResultsError> {
    let of_one_seed = suite.with_seeds(preset, &[0]).plan(preset);
    let cell = |spec: RunSpec| {
        let config = as_json(&methods.resolve(&spec)?);
        let run = PlannedRun {
            id: String::new(),
            dir: PathBuf::new(),
            base: spec.base,
            task: spec.task,
            seed: spec.seed,
            total_steps: spec.total_steps,
            set: Arc::new(spec.set.into_iter().collect()),
            used_by: vec![Use { suite: spec.suite, method: spec.method }],
            analyses: Vec::new(),
            progress: RunProgress::New,
        };
        Ok(Cell { run, config })
    };
    of_one_seed.into_iter().map(cell).collect()
}

impl Cell {
    fn run(&mut self, seed: u64) -> PlannedRun {
        self.config[SEED] = as_json(&seed_value(seed));
        let run = PlannedRun { seed, id: id_of(&self.config), ..self.run.clone() };
        PlannedRun { dir: run.dir_in(&run.used_by[0]), ..run }
    }
}

impl PlannedRun {
    /// Adds the use of another suite, which has planned the same run.
    fn share(&mut self, run: Self, root: &Path) {
        self.used_by.extend(run.used_by);
        // A run that was started under another suite stays where it is.
        if !is_run(&root.join(&self.dir)) && is_run(&root.join(&run.dir)) {
            self.dir = run.dir;
        }
    }

    /// Returns the run as its first suite plans it.
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
            set: self.set.iter().map(|(key, value)| (key.clone(), value.clone())).collect(),
            dir: self.dir.clone(),
        }
    }

    /// Returns the folder that the run would have if `used` were its only use:
    /// `<suite>/<method>/<task>/seed_<n>`.
    #[must_use]
    pub fn dir_in(&self, used: &Use) -> PathBuf {
        [&used.suite, &used.method, &self.task, &format!("seed_{}", self.seed)].iter().collect()
    }
}

impl RunProgress {
    /// Reads the progress of the run in a folder, for a budget of `total_steps`.
    ///
    /// This is what the manifest says. The events, and whether they are what the run wrote, are left to
    /// [`Run::read`](crate::Run::read).
    #[must_use]
    pub fn read(dir: &Path, total_steps: u64) -> Self {
        let manifest = match Manifest::read(dir) {
            Ok(manifest) => manifest,
            Err(ResultsError::NotARun { .. }) => return Self::New,
            Err(_) => return Self::Failed { env_step: 0 },
        };
        let env_step = manifest.env_step;
        match manifest.status {
            // A run with another budget is not this run; starting it reports that.
            Status::Done if manifest.total_steps == total_steps => Self::Done,
            Status::Done | Status::Failed { .. } => Self::Failed { env_step },
            Status::Running | Status::Interrupted => Self::Unfinished { env_step },
        }
    }
}

/// Collects the analyses that the suites of a run need, each kind once.
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
                // A run folder has one file per kind.
                Some((other, known)) if *known != settings => {
                    return Err(ResultsError::BadValue {
                        place: format!("suite {}", suite.name),
                        key: format!("analyses.{kind}"),
                        value: format!("{:?}", settings.set()),
                        allowed: format!("the same as in suite {other}, which uses the same runs"),
                    });
                }
                _ => needed.insert(kind, (&suite.name, settings)),
            };
        }
    }
    Ok(needed.into_values().map(|(_, settings)| settings).collect())
}

/// Whether a path stays below every folder that it is joined to.
fn leads_down(path: &Path) -> bool {
    let is_name = |part| matches!(part, Component::Normal(_));
    path.components().all(is_name) && !path.as_os_str().is_empty()
}

fn is_run(dir: &Path) -> bool {
    fs::exists(dir.join(MANIFEST)).unwrap_or(false)
}

/// Returns the id of the run with a config; the order of the keys makes no difference.
#[must_use]
pub fn run_id(config: &toml::Table) -> String {
    id_of(&as_json(config))
}

fn as_json(config: &impl Serialize) -> serde_json::Value {
    serde_json::to_value(config).expect("a config has a JSON form")
}

fn id_of(config: &serde_json::Value) -> String {
    // `serde_json`'s map sorts its keys.
    let canonical = config.to_string();
    blake3::hash(canonical.as_bytes()).to_hex()[..ID_DIGITS].to_owned()
}
