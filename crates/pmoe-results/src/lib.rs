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
//! - [`RunDir`] and [`JsonlSink`](run::JsonlSink) write a run folder, [`Run`] and [`scan`](run::scan) read them,
//!   [`Tail`](run::Tail) follows the events of a run that is under way.
//! - [`variant_names`](methods::variant_names) tells methods of one name apart whose settings differ.
//! - [`printable`](text::printable) makes text of files harmless for a terminal.
//! - [`Suite`] is an experiment: methods × tasks × seeds, as a list of [`RunSpec`](suite::RunSpec)s. [`Plan`] holds the
//!   runs of all suites, each once, and is written beside them as `plan.json`.
//! - [`AnalysisFile`](analysis::AnalysisFile) holds what was measured of a finished run beside its learning curve.
//! - [`Exit`] is how the programs that make all this end.

pub mod analysis;
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
