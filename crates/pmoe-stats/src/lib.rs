//! What several runs of a method give together, and how sure that is: numbers only, for those who compare methods of
//! reinforcement learning. No file, no clock, no environment, no learner.
//!
//! # Example
//! The learning curves of three seeds, and how sure the area under them is:
//!
//! ```
//! use pmoe_stats::curve::{EvalCurve, auc};
//! use pmoe_stats::{Bootstrap, Estimate};
//!
//! // Environment step and mean return of each evaluation.
//! let curves = [[(0, 10.0), (500, 200.0), (1000, 300.0)],
//!               [(0, 12.0), (500, 150.0), (1000, 350.0)],
//!               [(0, 11.0), (500, 240.0), (1000, 310.0)]].map(EvalCurve::new);
//! let areas = curves.iter().filter_map(|curve| auc(curve, 0, 1000)).collect();
//! let estimate = Estimate::mean(areas, &Bootstrap::STANDARD).expect("there are three areas");
//! let interval = estimate.interval.expect("there is more than one seed");
//! assert!(interval.low < estimate.value && estimate.value < interval.high);
//! ```
//!
//! A method over two tasks, in units of a reference's scores:
//!
//! ```
//! use pmoe_stats::{Bootstrap, Scores};
//!
//! let scores = Scores::new(vec![vec![0.9, 1.1, 1.3], vec![0.4, 0.7, 0.6]])?;
//! let gap = scores.optimality_gap(1.0);
//! let interval = Bootstrap::STANDARD.scores(&scores, |draw| Some(draw.optimality_gap(1.0)));
//! assert!(0.0 < gap && interval.is_some());
//! # Ok::<(), pmoe_stats::scores::ScoresError>(())
//! ```
//!
//! # Modules
//!
//! | module | answers |
//! |---|---|
//! | [`estimate`] | what several seeds give together: [`Estimate`], a number with its interval |
//! | [`bootstrap`] | how sure that is: [`Bootstrap`], [`Interval`] |
//! | [`curve`] | what a run learned: [`EvalCurve`], the area under it, its end, the mean of several |
//! | [`scores`] | what a method is worth over several tasks: [`Scores`] (IQM, optimality gap, P(X > Y)), profiles |
//! | [`significance`] | whether a difference is more than chance: rank-sum test, Holm's correction |
//! | [`kmeans`], [`silhouette`] | which [`Points`] belong together, and how clearly |
//! | [`tsne`] | how they look in a plane: [`Tsne`] |
//! | [`periodicity`] | after how many steps a series repeats |
//!
//! Everything random takes a seed: the same input and seed give the same bits on one machine.
//!
//! # Features
//! `tsne` (default): the module [`tsne`], and with it bhtsne and rayon.
//!
//! # Errors
//! [`ScoresError`](scores::ScoresError) and [`PointsError`] refuse tables that are empty, ragged or not finite, where
//! they are made; later calls can't fail for that. What has no value, as an interval over one seed, is `None`.

pub mod bootstrap;
pub mod curve;
pub mod estimate;
pub mod kmeans;
pub mod periodicity;
pub mod points;
pub mod scores;
pub mod significance;
pub mod silhouette;
#[cfg(feature = "tsne")]
pub mod tsne;

pub use bootstrap::{Bootstrap, Interval};
pub use curve::EvalCurve;
pub use estimate::{Estimate, mean};
pub use points::{Points, PointsError};
pub use scores::Scores;
#[cfg(feature = "tsne")]
pub use tsne::Tsne;

/// The program of README.md compiles and runs.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
