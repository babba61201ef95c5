//! Does it still learn? Fresh runs of a method against those of a stored reference, for those who keep learning code in
//! continuous integration.
//!
//! Returns of reinforcement learning vary from seed to seed, so a threshold either misses losses or fails by chance. A
//! [`Gate`] asks whether the fresh runs score lower than the reference's by more than chance, for many cases at once, and
//! fails with a known probability where nothing has changed.
//!
//! # Example
//! A gate for your own agent, with its runs in memory:
//!
//! ```
//! use pmoe_regress::{Case, Gate, Sample, Samples, text, undecided};
//! use pmoe_stats::EvalCurve;
//!
//! /// Trains an agent; returns its evaluations and the returns of its training episodes.
//! fn train(seed: u64) -> [EvalCurve; 2] {
//!     let luck = (seed * 7 % 10) as f64;
//!     [0.0, 50.0].map(|more| EvalCurve::new([(0, 0.0), (500, 80.0 + luck), (1000, 200.0 + luck + more)]))
//! }
//!
//! let case = Case::new("my-agent", "my-task");
//! let samples = |seeds: std::ops::Range<u64>| {
//!     let mut samples = Samples::default();
//!     for seed in seeds {
//!         let [evaluations, acting] = train(seed);
//!         samples.add(case.clone(), Sample::new(seed, 1000, evaluations, acting)?)?;
//!     }
//!     Ok::<_, pmoe_regress::RegressError>(samples)
//! };
//! let reference = samples(0..20)?;
//! let gate = Gate::sequential();
//! for (stage, of) in gate.stages().iter().enumerate() {
//!     let fresh = samples(1000..1000 + of.seeds as u64)?;
//!     let findings = gate.judge(&reference, &fresh, stage)?;
//!     println!("{}{}", text::findings(&findings), text::failures(&findings, &reference, &fresh));
//!     if undecided(&findings).is_empty() {
//!         break;
//!     }
//! }
//! # Ok::<(), pmoe_regress::RegressError>(())
//! ```
//!
//! Runs in folders, written by `pmoe train` or by a [`RunDir`](pmoe_results::RunDir), are read by [`Samples::read`].
//!
//! # Modules
//!
//! | module | holds |
//! |---|---|
//! | [`case`] | what is compared: a [`Case`], by a [`Measure`] |
//! | [`samples`] | runs by case |
//! | [`gate`] | the rule: [`Gate`], and what it finds |
//! | [`calibration`] | how often the rule is wrong, from the reference's own runs |
//! | [`bands`] | published returns that a method should reach at full scale |
//! | [`text`] | tables and curves for a terminal |
//!
//! # Errors
//! [`RegressError`] names the folder or the case. A run that failed is no error: it is worse than any other.

pub mod bands;
pub mod calibration;
pub mod case;
mod chart;
mod error;
pub mod gate;
pub mod samples;
pub mod text;

pub use calibration::{Calibration, calibrate};
pub use case::{Case, Measure};
pub use error::RegressError;
pub use gate::{Decision, Finding, Gate, undecided};
pub use samples::{Sample, Samples};

/// The program of README.md compiles and runs.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
