//! The on-disk contract of a run, and the statistics over runs.
//!
//! One run is one process and one folder:
//!
//! ```text
//! <suite>/<algo>/<task>/seed_<n>/
//!     config.toml      the resolved config, enough to repeat the run
//!     manifest.json    state, commit, versions, machine, attempts   (replaced atomically)
//!     events.jsonl     one Event per line                           (append-only)
//!     checkpoint/      what the learner needs to continue
//!     lock             held by the process that writes the folder
//! ```
//!
//! - [`RunDir`] and [`JsonlSink`] write a run folder, [`Run`] and [`scan`] read them.
//! - [`Suite`] is the plan of an experiment: methods × tasks × seeds, as a list of [`RunSpec`]s.
//! - [`EvalCurve`], [`auc`], [`Estimate`] and [`Ratio`] are the arithmetic, [`Comparison`] puts it
//!   together for all runs of a suite.
//! - [`Scores`] puts a method's runs on several tasks into one number, [`profile`] into one curve.

mod atomic;
mod bootstrap;
mod compare;
mod error;
mod event;
mod jsonl;
mod manifest;
mod run;
mod run_dir;
mod scores;
mod stats;
mod suite;

pub use atomic::write_atomic;
pub use bootstrap::{Bootstrap, Interval};
pub use compare::{Cell, Comparison, Excluded};
pub use error::ResultsError;
pub use event::{Event, MemorySink, NullSink, Sink};
pub use jsonl::JsonlSink;
pub use manifest::{Attempt, Manifest, Provenance, Status};
pub use run::{Run, Scan, scan};
pub use run_dir::RunDir;
pub use scores::{ProfilePoint, Scores, ScoresError, profile};
pub use stats::{BandPoint, Estimate, EvalCurve, Ratio, auc, band, final_return};
pub use suite::{Override, Paper, Preset, PresetPlan, Presets, RunSpec, Suite, When};
