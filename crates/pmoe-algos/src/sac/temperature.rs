//! The weight α of the entropy: fixed or learnt.

use burn::module::{Module, Param, ParamId};
use burn::tensor::{Device, Tensor};
use pmoe_core::best_of::calibration;
use pmoe_core::optim::{Adam, Learner, LearnerError};
use pmoe_core::runs;

use super::TemperatureConfig;
use crate::checkpoint::{CheckpointError, Files};
use crate::tensors::host;

/// The temperature α.
pub enum Temperature {
    /// A constant.
    Fixed {
        /// α.
        alpha: f64,
    },
    /// Learnt to keep the policy's entropy near a target.
    Auto {
        /// log α with its optimiser.
        log_alpha: Box<Learner<LogAlpha>>,
        /// Target entropy H̄ in nats.
        target_entropy: f64,
    },
}

/// The logarithm of the temperature as a trainable module.
#[derive(Module, Debug)]
pub struct LogAlpha {
    /// `[1]`, or `[N]` of N runs in lockstep.
    pub value: Param<Tensor<1>>,
}

impl Temperature {
    /// Creates the initial temperature. `device` is an autodiff device.
    ///
    /// `draws` are those of which the actor's loss sees the best one only, if it does; the config
    /// of a calibrated temperature may name others.
    ///
    /// # Panics
    /// If the temperature is calibrated and neither of them is there.
    pub fn new(
        config: &TemperatureConfig,
        draws: Option<usize>,
        action_dim: usize,
        adam: Adam,
        device: &Device,
    ) -> Self {
        match *config {
            TemperatureConfig::Fixed { alpha } => Self::Fixed { alpha },
            TemperatureConfig::Calibrated { alpha, best_of } => {
                let draws = best_of.or(draws).expect("a valid config has a number of draws");
                Self::Fixed { alpha: alpha * calibration(draws, action_dim) }
            }
            TemperatureConfig::Auto { initial_alpha, target_entropy_per_dim } => {
                let value = Tensor::from_data([initial_alpha.ln() as f32], device).require_grad();
                let value = Param::initialized(ParamId::from(0), value);
                Self::Auto {
                    log_alpha: Box::new(Learner::new(LogAlpha { value }, adam)),
                    target_entropy: target_entropy_per_dim * action_dim as f64,
                }
            }
        }
    }

    /// Returns the current α.
    pub fn alpha(&self) -> f64 {
        self.alphas(1)[0]
    }

    /// Returns the current α of each run.
    pub(super) fn alphas(&self, runs: usize) -> Vec<f64> {
        match self {
            Self::Fixed { alpha } => vec![*alpha; runs],
            Self::Auto { log_alpha, .. } => {
                let alphas = host(log_alpha.value.val().inner().exp());
                alphas.into_iter().map(f64::from).collect()
            }
        }
    }

    /// Returns the temperature of all runs from those of each.
    pub(super) fn stack(temperatures: &[&Self]) -> Result<Self, LearnerError> {
        match temperatures[0] {
            Self::Fixed { alpha } => Ok(Self::Fixed { alpha: *alpha }),
            Self::Auto { target_entropy, .. } => {
                let learners: Vec<_> =
                    temperatures.iter().filter_map(|temperature| temperature.learner()).collect();
                let log_alpha = Box::new(Learner::stack(&learners)?);
                Ok(Self::Auto { log_alpha, target_entropy: *target_entropy })
            }
        }
    }

    /// Gives each run its α and the optimiser's state.
    pub(super) fn unstack(&self, temperatures: &mut [&mut Self]) -> Result<(), LearnerError> {
        let Some(all) = self.learner() else { return Ok(()) };
        let learners = temperatures.iter_mut().filter_map(|temperature| match temperature {
            Self::Auto { log_alpha, .. } => Some(&mut **log_alpha),
            Self::Fixed { .. } => None,
        });
        all.unstack(&mut learners.collect::<Vec<_>>())
    }

    fn learner(&self) -> Option<&Learner<LogAlpha>> {
        match self {
            Self::Auto { log_alpha, .. } => Some(log_alpha),
            Self::Fixed { .. } => None,
        }
    }

    /// Does one gradient step on [`temperature_loss`], or nothing if α is fixed.
    ///
    /// # Shapes
    /// - `log_prob`: `[N]`, a constant
    pub fn descend(&mut self, lr: f64, log_prob: Tensor<1>) {
        if let Self::Auto { log_alpha, target_entropy } = self {
            let loss = temperature_loss(log_alpha.value.val(), log_prob, *target_entropy);
            log_alpha.descend(lr, loss);
        }
    }

    pub(super) fn save(&self, files: &mut Files<'_>) -> Result<(), CheckpointError> {
        if let Self::Auto { log_alpha, .. } = self {
            let (value, optimizer) = log_alpha.to_bytes()?;
            files.insert("log_alpha.bpk", value);
            files.insert("log_alpha_optimizer.bpk", optimizer);
        }
        Ok(())
    }

    pub(super) fn load(&mut self, files: &Files<'_>) -> Result<(), CheckpointError> {
        if let Self::Auto { log_alpha, .. } = self {
            let value = files.get("log_alpha.bpk")?;
            log_alpha.load_bytes(value, files.get("log_alpha_optimizer.bpk")?)?;
        }
        Ok(())
    }
}

/// Computes the loss that raises α where the entropy is below its target: `mean ( −log α (log
/// π(a|s) + H̄) )`, `[1]`.
///
/// # Shapes
/// - `log_alpha`: `[1]`; `log_prob`: `[N]`; `target_entropy` in nats
/// - of several runs: `log_alpha` `[runs]`, `log_prob` the rows of all; returns `[runs]`
///
/// # Gradients
/// Flow into `log_alpha`; `log_prob` is a constant.
///
/// # Source
/// arXiv:1812.05905, eq. 18, with log α in place of the factor α.
pub fn temperature_loss(
    log_alpha: Tensor<1>,
    log_prob: Tensor<1>,
    target_entropy: f64,
) -> Tensor<1> {
    let [runs] = log_alpha.dims();
    log_alpha.neg() * runs::mean(log_prob.add_scalar(target_entropy), runs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loss_and_gradient_by_hand() {
        // log α = .5, log π = (1, −3), H̄ = −2: mean(log π + H̄) = −3; L = 1.5, dL/d log α = 3.
        let device = Device::flex();
        let log_alpha = Tensor::<1>::from_data([0.5_f32], &device).autodiff().require_grad();
        let log_prob = Tensor::from_data([1.0_f32, -3.0], &device);
        let loss = temperature_loss(log_alpha.clone(), log_prob, -2.0);
        assert_eq!(loss.to_data().try_to_vec::<f32>().unwrap(), [1.5]);
        let grads = loss.backward();
        let gradient = log_alpha.grad(&grads).unwrap();
        assert_eq!(gradient.to_data().try_to_vec::<f32>().unwrap(), [3.0]);
    }

    #[test]
    fn too_little_entropy_raises_alpha_and_too_much_lowers_it() {
        let device = Device::flex().autodiff();
        let config = TemperatureConfig::Auto { initial_alpha: 1.0, target_entropy_per_dim: -1.0 };
        let alpha_after = |log_prob: f32| {
            let mut temperature = Temperature::new(&config, None, 3, Adam::new(1e-8), &device);
            temperature.descend(0.1, Tensor::from_data([log_prob], &Device::flex()));
            temperature.alpha()
        };
        // H̄ = −3. An entropy of −5 (log π = 5) is too small, −1 too large. Adam's first step is
        // lr.
        assert!((alpha_after(5.0) - 0.1_f64.exp()).abs() < 1e-6);
        assert!((alpha_after(1.0) - (-0.1_f64).exp()).abs() < 1e-6);
    }
}
