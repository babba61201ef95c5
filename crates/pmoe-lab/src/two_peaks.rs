//! A bandit whose every state has two equally good actions: which losses find both?
//!
//! # Definition
//! It is our own; no number of it was fitted.
//!
//! | | |
//! |---|---|
//! | state s | one number, uniform in [−1, 1]; it is the observation |
//! | action a | one number in (−1, 1) |
//! | places of the peaks | `p±(s) = 0.3 sin(2π s) ± 0.45` |
//! | value | `Q(s, a) = C Σ± exp(−(a − p±(s))² / (2 · 0.1²))`, C = 1: the peaks are nine widths apart |
//! | temperature | α = 0.2, unless it is learnt |
//! | networks | two hidden layers of 64 units; K = 4 primitives |
//! | learning | 4000 updates, each with 256 new states; Adam with a learning rate of 10⁻³ |
//!
//! The value is known, so that nothing is learnt but the policy, with the method's own
//! [`Actor::loss`](pmoe_algos::sac::Actor::loss) and settings; sizes, batch and learning rate are those above for all.
//!
//! # What is measured
//! At 200 states evenly between −1 and 1, on 2000 cells of actions, of the policy as it acts:
//!
//! - **both**: the share of states in which both peaks are covered. A peak is covered if at least a quarter of the
//!   actions lie within one width of it. A policy on both peaks has almost half of its actions there, one that is
//!   spread evenly a tenth.
//! - **routing entropy** and **mutual information**: mean of H(w(s)), and H(mean w) less that.
//! - **J** = E\[Q\] + α · entropy of the policy, with α of the definition. The best policy of all, π ∝ exp(Q/α), has
//!   J = α log ∫ exp(Q/α).

mod findings;
mod judge;
mod methods;
mod train;

use std::f64::consts::PI;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use burn::tensor::Tensor;
use pmoe_algos::ConfigError;
use pmoe_stats::{Bootstrap, Estimate};
use serde::Serialize;

pub use self::judge::{Judged, best_objective};
pub use self::methods::{Method, methods};
use self::train::{Trained, train};
use crate::known::Peak;

/// Height C of a peak, and its standard deviation.
const HEIGHT: f64 = 1.0;
const WIDTH: f64 = 0.1;

/// How far the peaks move with the state, and how far each is from the middle between them.
const SWING: f64 = 0.3;
const APART: f64 = 0.45;

/// What to train, and how.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Settings {
    /// Seeds 0, 1, ….
    pub seeds: u64,
    /// Updates of a policy.
    pub updates: u64,
    /// States of an update.
    pub batch_size: usize,
    /// Weight α of the entropy.
    pub alpha: f64,
    /// Number K of primitives.
    pub num_primitives: usize,
    /// Units of each hidden layer.
    pub hidden: Vec<usize>,
    /// Learning rate.
    pub learning_rate: f64,
}

impl Settings {
    /// The settings of the definition, with five seeds.
    pub fn standard() -> Self {
        Self {
            seeds: 5,
            updates: 4_000,
            batch_size: 256,
            alpha: 0.2,
            num_primitives: 4,
            hidden: vec![64, 64],
            learning_rate: 1e-3,
        }
    }
}

/// What came out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TwoPeaks {
    /// What was trained.
    pub settings: Settings,
    /// J of the best policy of all.
    pub best_objective: f64,
    /// The methods, in order.
    pub methods: Vec<MethodResult>,
}

/// Results of a method, one for each seed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MethodResult {
    /// Name in this experiment.
    pub name: &'static str,
    /// The method that it starts from, and the settings that differ.
    pub settings: String,
    /// Of each seed.
    pub seeds: Vec<Judged>,
    /// States with drawn actions of the first seed, for a figure.
    #[serde(skip)]
    pub drawn: Vec<(f64, f64)>,
}

impl MethodResult {
    /// Returns the mean of a number over seeds, with its interval.
    pub fn mean(&self, of: impl Fn(&Judged) -> f64) -> Estimate {
        let values = self.seeds.iter().map(of).collect();
        Estimate::mean(values, &Bootstrap::STANDARD).expect("at least one seed")
    }
}

/// Trains the methods, some at a time; the results do not depend on how many.
///
/// `done` is called after each policy.
///
/// # Errors
/// If the settings do not suit a method; the error names the key.
pub fn two_peaks(
    settings: Settings,
    methods: &[Method],
    threads: NonZeroUsize,
    done: &mut dyn FnMut(),
) -> Result<TwoPeaks, ConfigError> {
    let configs = methods.iter().map(|method| method.config(&settings));
    let configs = configs.collect::<Result<Vec<_>, _>>()?;
    let jobs: Vec<_> =
        (0..methods.len()).flat_map(|at| (0..settings.seeds).map(move |seed| (at, seed))).collect();
    let next = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::channel();
    let mut trained: Vec<(usize, Trained)> = thread::scope(|scope| {
        for _ in 0..threads.get().min(jobs.len()) {
            let (sender, jobs, next, configs, settings) =
                (sender.clone(), &jobs, &next, &configs, &settings);
            scope.spawn(move || {
                while let Some(&(at, seed)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    // Nobody listens after a panic, which the scope reports.
                    let _ = sender.send((at, train(&configs[at], settings, seed)));
                }
            });
        }
        drop(sender);
        receiver.iter().inspect(|_| done()).collect()
    });
    trained.sort_by_key(|(at, trained)| (*at, trained.seed));
    let of_method = |(at, method): (usize, &Method)| {
        let own: Vec<_> = trained.iter().filter(|(of, _)| *of == at).map(|(_, own)| own).collect();
        MethodResult {
            name: method.name,
            settings: method.text(),
            seeds: own.iter().map(|trained| trained.judged.clone()).collect(),
            drawn: own[0].drawn.clone(),
        }
    };
    let methods = methods.iter().enumerate().map(of_method).collect();
    Ok(TwoPeaks { best_objective: best_objective(settings.alpha), methods, settings })
}

/// Returns the peaks of a state.
fn peaks(state: f64) -> [Peak; 2] {
    let middle = SWING * (2.0 * PI * state).sin();
    [-APART, APART].map(|apart| Peak { at: middle + apart, height: HEIGHT, width: WIDTH })
}

/// Computes the value of actions, `[B·N]`.
///
/// # Shapes
/// - `state`: `[B, 1]`; `action`: `[B·N, 1]`, those of a state being consecutive
fn value(state: Tensor<2>, action: Tensor<2>) -> Tensor<1> {
    let ([states, _], [actions, _]) = (state.dims(), action.dims());
    let middle = state.mul_scalar(2.0 * PI).sin().mul_scalar(SWING);
    let from_middle = action.reshape([states, actions / states]) - middle;
    let peak = |apart: f64| {
        let squared = from_middle.clone().sub_scalar(apart).square();
        squared.mul_scalar(-0.5 * WIDTH.powi(-2)).exp().mul_scalar(HEIGHT)
    };
    (peak(APART) + peak(-APART)).flatten(0, 1)
}

#[cfg(test)]
mod tests;
