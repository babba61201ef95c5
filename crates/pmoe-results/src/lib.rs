//! The files of a run, and how they are written and read: for those who train in a program of their own, or read what
//! was trained.
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
//! # Example
//! The last evaluation of every run at or below a folder:
//!
//! ```
//! use std::path::Path;
//!
//! use pmoe_results::run::scan;
//! use pmoe_results::{Event, Status};
//!
//! # let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../results/hopper-300k"));
//! let found = scan(folder)?;
//! for (path, error) in &found.broken {
//!     println!("{}: {error}", path.display());
//! }
//! for run in found.runs.iter().filter(|run| run.manifest.status == Status::Done) {
//!     let last = run.events.iter().rev().find_map(|event| match event {
//!         Event::Eval { env_step, returns, .. } => Some((*env_step, returns)),
//!         _ => None,
//!     });
//!     let (env_step, returns) = last.expect("a run that is done was evaluated");
//!     let mean = returns.iter().sum::<f64>() / returns.len() as f64;
//!     println!("{} after {env_step} steps: {mean:.0}", run.path.display());
//!     assert_eq!(env_step, run.manifest.total_steps);
//! }
//! # assert!(found.broken.is_empty() && !found.runs.is_empty());
//! # Ok::<(), pmoe_results::ResultsError>(())
//! ```
//!
//! # Modules
//!
//! | module | holds |
//! |---|---|
//! | [`run`] | [`RunDir`] and [`JsonlSink`](run::JsonlSink) write a run folder, [`Run`] and [`scan`](run::scan) read them, [`Tail`](run::Tail) follows a run that is under way |
//! | [`suite`], [`plan`] | [`Suite`]: an experiment, methods × tasks × seeds; [`Plan`]: the runs of all suites, each once |
//! | [`methods`], [`settings`] | the named methods; a config, and single settings laid over it |
//! | [`analysis`] | what was measured of a finished run beside its learning curve |
//! | [`archive`] | finished runs in little space: no checkpoints, events packed |
//! | [`exit`] | [`Exit`]: how the programs that make all this end |
//! | [`files`], [`text`], [`number`] | files read within bounds and replaced in one step, text made harmless for a terminal, numbers as people write them |
//!
//! One process writes a folder, under a lock; any number may read it meanwhile. Files are read within bounds, and links
//! are not followed when writing. It starts no run and compares none: `pmoe-matrix` and `pmoe-report` do.
//!
//! # Errors
//! [`ResultsError`] names the path, and the key or line in it.
//! [`ResultsError::is_bad_input`] tells the user's files from a machine that fails.

pub mod analysis;
pub mod archive;
pub mod error;
pub mod exit;
pub mod files;
pub mod methods;
pub mod number;
pub mod plan;
pub mod run;
pub mod settings;
pub mod suite;
pub mod text;

pub use analysis::{AnalysisKind, Quantity};
pub use error::ResultsError;
pub use exit::Exit;
pub use methods::Methods;
pub use plan::Plan;
pub use run::{Event, Manifest, Run, RunDir, Sink, Status};
pub use suite::{Preset, Suite};

/// The program of README.md compiles and runs.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
