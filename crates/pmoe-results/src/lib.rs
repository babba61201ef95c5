//! The on-disk contract of a run: what is written, and how it is read.
//!
//! One run is one process and one folder:
//!
//! ```text
//! <suite>/<method>/<task>/seed_<n>/
//!     config.toml      the resolved config, enough to repeat the run
//!     manifest.json    state, commit, versions, machine, attempts   (replaced atomically)
//!     events.jsonl     one Event per line                           (append-only)
//!     analysis/        what was measured of the finished run, one file per kind
//!     checkpoint/      what the learner needs to continue
//!     lock             held by the process that writes the folder
//! ```
//!
//! - [`RunDir`] and [`JsonlSink`] write a run folder, [`Run`] and [`scan`] read them, [`Tail`] follows the
//!   events of a run that is under way.
//! - [`variant_names`] tells methods of one name apart whose settings differ.
//! - [`printable`] makes text of files harmless for a terminal.
//! - [`Suite`] is an experiment: methods × tasks × seeds, as a list of [`RunSpec`]s. [`Plan`] holds the
//!   runs of all suites, each once, and is written beside them as `plan.json`.
//! - [`AnalysisFile`] holds what was measured of a finished run beside its learning curve.
//! - [`Exit`] is how the programs that make all this end.

mod analysis;
mod atomic;
mod error;
mod event;
mod exit;
mod folders;
mod input;
mod json;
mod jsonl;
mod layout;
mod manifest;
pub mod methods;
mod number;
mod own_file;
mod path_text;
mod plan;
mod run;
mod run_dir;
pub mod settings;
mod suggest;
mod suite;
mod tail;
mod text;
mod variants;

pub use analysis::{
    Analysis, AnalysisFile, AnalysisKind, AnalysisSettings, Arena, Cluster, ClusterSample, Disc,
    EpisodeEnd, Exploration, ExplorationEpisode, ExplorationSettings, Gait, GaitSettings, Map,
    NoiseLevel, Primitives, PrimitivesSettings, Quantity, Robustness, RobustnessSettings, Rollout,
    Side, StateMap, Trajectories, TrajectoriesSettings,
};
pub use atomic::{is_leftover, remove_leftovers, write_atomic};
pub use error::{ResultsError, is_full, with_causes};
pub use event::{Event, MemorySink, Position, Sink};
pub use exit::{Exit, ending_signals};
pub use folders::{Folders, Repeated, Scan, scan, task_folder};
pub use input::{MOST_CONFIG_BYTES, read_bytes, read_text};
pub use jsonl::JsonlSink;
pub use manifest::{Attempt, Manifest, Provenance, Status};
pub use methods::Methods;
pub use number::{MOST_EPISODES, MOST_SEED, MOST_STEPS, grouped, whole, whole_number};
pub use own_file::open_own;
pub use path_text::{path_text, path_texts};
pub use plan::{Plan, PlannedRun, RunProgress, Use, run_id};
pub use run::Run;
pub use run_dir::RunDir;
pub use suggest::{did_you_mean, explained, nearest};
pub use suite::{
    Method, NoiseReturn, Override, Paper, Preset, PresetPlan, Presets, RunSpec, Stated, Suite, When,
};
pub use tail::{Tail, Tailed};
pub use text::{one_line, printable, printable_json};
pub use variants::{Called, variant_names};
