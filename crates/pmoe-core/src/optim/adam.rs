//! The Adam optimiser, in place on the CPU.

use burn::backend::Flex;
use burn::optim::{AdaptiveMomentumState, LearningRate, Optimizer};
use burn::tensor::{Device, Tensor};

use crate::fused::{constant, is_host, vectorised};

/// Adam (Kingma & Ba, arXiv:1412.6980) without weight decay.
///
/// ```text
/// m ← β₁ m + (1 − β₁) g        v ← β₂ v + (1 − β₂) g²
/// θ ← θ − lr · m̂ / (√v̂ + ε),   m̂ = m / (1 − β₁ᵗ),  v̂ = v / (1 − β₂ᵗ)
/// ```
///
/// On the CPU the three arrays are updated in place in one pass; elsewhere the same formula runs as
/// tensor operations. [`Adam::new`] requires ε explicitly because libraries disagree on its
/// default: 1e-8 in PyTorch, 1e-5 in burn's own Adam.
#[derive(Debug, Clone, Copy)]
pub struct Adam {
    beta_1: f32,
    beta_2: f32,
    epsilon: f32,
}

/// The scalars of one step, with bias correction.
#[derive(Clone, Copy)]
struct StepFactors {
    beta_1: f32,
    beta_2: f32,
    /// `lr · √(1 − β₂ᵗ) / (1 − β₁ᵗ)`.
    step_size: f32,
    /// `ε · √(1 − β₂ᵗ)`, which moves the bias correction of v out of the square root.
    epsilon: f32,
}

impl Adam {
    /// Creates Adam with β = (0.9, 0.999) and the given ε.
    pub fn new(epsilon: f32) -> Self {
        Self { beta_1: 0.9, beta_2: 0.999, epsilon }
    }

    fn factors(&self, lr: LearningRate, time: usize) -> StepFactors {
        let time = i32::try_from(time).unwrap_or(i32::MAX);
        let correction_1 = 1.0 - f64::from(self.beta_1).powi(time);
        let correction_2 = (1.0 - f64::from(self.beta_2).powi(time)).sqrt();
        StepFactors {
            beta_1: self.beta_1,
            beta_2: self.beta_2,
            step_size: (lr * correction_2 / correction_1) as f32,
            epsilon: (f64::from(self.epsilon) * correction_2) as f32,
        }
    }
}

impl Optimizer for Adam {
    // burn's own state, with step count, moments and its record format.
    type State<const D: usize> = AdaptiveMomentumState<D>;

    fn step<const D: usize>(
        &self,
        lr: LearningRate,
        tensor: Tensor<D>,
        grad: Tensor<D>,
        state: Option<AdaptiveMomentumState<D>>,
    ) -> (Tensor<D>, Option<AdaptiveMomentumState<D>>) {
        let mut state = state
            .unwrap_or_else(|| AdaptiveMomentumState::new(0, grad.zeros_like(), grad.zeros_like()));
        state.time += 1;
        let factors = self.factors(lr, state.time);
        let tensor = if is_host(&tensor.device()) {
            step_in_place(factors, tensor, grad, &mut state)
        } else {
            step_by_tensors(factors, tensor, grad, &mut state)
        };
        (tensor, Some(state))
    }

    fn to_device<const D: usize>(
        state: AdaptiveMomentumState<D>,
        device: &Device,
    ) -> AdaptiveMomentumState<D> {
        state.to_device(device)
    }
}

fn step_in_place<const D: usize>(
    factors: StepFactors,
    tensor: Tensor<D>,
    grad: Tensor<D>,
    state: &mut AdaptiveMomentumState<D>,
) -> Tensor<D> {
    let grad = constant(grad);
    let mut parameter = constant(tensor);
    // The state's tensors are moved out, so that no second handle forces a copy.
    let placeholder = || Tensor::empty([0; D], &Device::flex());
    let mut moment_1 = constant(std::mem::replace(&mut state.moment_1, placeholder()));
    let mut moment_2 = constant(std::mem::replace(&mut state.moment_2, placeholder()));
    adam_kernel(
        factors,
        parameter.storage_mut::<f32>(),
        grad.storage::<f32>(),
        moment_1.storage_mut::<f32>(),
        moment_2.storage_mut::<f32>(),
    );
    state.moment_1 = Tensor::from_primitive::<Flex>(moment_1);
    state.moment_2 = Tensor::from_primitive::<Flex>(moment_2);
    Tensor::from_primitive::<Flex>(parameter)
}

fn adam_kernel(factors: StepFactors, theta: &mut [f32], g: &[f32], m: &mut [f32], v: &mut [f32]) {
    let StepFactors { beta_1, beta_2, step_size, epsilon } = factors;
    let (rest_1, rest_2) = (1.0 - beta_1, 1.0 - beta_2);
    vectorised(
        #[inline(always)]
        || {
            for (((theta, g), m), v) in theta.iter_mut().zip(g).zip(m).zip(v) {
                *m = without_subnormal(beta_1 * *m + rest_1 * g);
                *v = without_subnormal(beta_2 * *v + rest_2 * (g * g));
                *theta -= step_size * *m / (v.sqrt() + epsilon);
            }
        },
    );
}

/// Returns 0 for a number whose exponent is as low as it gets.
///
/// The moments of a unit that has died decay to such numbers and stay there. Each step would then
/// compute with them, which takes Intel's processors 100 times as long; their effect on a parameter
/// is far below its last bit.
#[inline(always)]
fn without_subnormal(x: f32) -> f32 {
    if x.abs() < f32::MIN_POSITIVE { 0.0 } else { x }
}

fn step_by_tensors<const D: usize>(
    factors: StepFactors,
    tensor: Tensor<D>,
    grad: Tensor<D>,
    state: &mut AdaptiveMomentumState<D>,
) -> Tensor<D> {
    let StepFactors { beta_1, beta_2, step_size, epsilon } = factors;
    state.moment_1 =
        state.moment_1.clone().mul_scalar(beta_1) + grad.clone().mul_scalar(1.0 - beta_1);
    state.moment_2 =
        state.moment_2.clone().mul_scalar(beta_2) + grad.square().mul_scalar(1.0 - beta_2);
    let denominator = state.moment_2.clone().sqrt().add_scalar(epsilon);
    tensor - state.moment_1.clone().mul_scalar(step_size) / denominator
}

#[cfg(test)]
mod tests {
    use burn::optim::AdamConfig;

    use super::*;

    fn tensor(values: &[f32]) -> Tensor<1> {
        Tensor::from_data(values, &Device::flex())
    }

    fn values(tensor: &Tensor<1>) -> Vec<f32> {
        tensor.try_to_vec_as::<f32>().unwrap()
    }

    #[test]
    fn first_step_is_the_learning_rate_against_the_sign() {
        // θ₁ = θ₀ − lr · g / (|g| + ε).
        let (lr, epsilon) = (0.1_f32, 1e-8);
        let gradient = [3.0_f32, -0.02, 1e-6, 0.0];
        let start = tensor(&[1.0; 4]);
        let (stepped, _) = Adam::new(epsilon).step(lr.into(), start, tensor(&gradient), None);
        for (found, g) in values(&stepped).iter().zip(gradient) {
            let expected = 1.0 - lr * g / (g.abs() + epsilon);
            assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
        }
    }

    #[test]
    fn twenty_steps_equal_those_of_burn() {
        let ours = Adam::new(1e-8);
        let burns = AdamConfig::new().with_epsilon(1e-8).build();
        let start = [0.3_f32, -1.0, 2.0, 0.0, 5.0];
        let (mut a, mut b, mut c) = (tensor(&start), tensor(&start), tensor(&start));
        let (mut state_a, mut state_b, mut state_c) = (None, None, None);
        for step in 0..20 {
            let gradient: Vec<f32> =
                (0..5).map(|i| ((step * 7 + i * 3) as f32).sin() * 10_f32.powi(i - 3)).collect();
            (a, state_a) = ours.step(1e-2, a, tensor(&gradient), state_a);
            (b, state_b) = burns.step(1e-2, b, tensor(&gradient), state_b);
            let mut state = state_c
                .unwrap_or_else(|| AdaptiveMomentumState::new(0, c.zeros_like(), c.zeros_like()));
            state.time += 1;
            let factors = ours.factors(1e-2, state.time);
            c = step_by_tensors(factors, c, tensor(&gradient), &mut state);
            state_c = Some(state);
        }
        for ((a, b), c) in values(&a).iter().zip(values(&b)).zip(values(&c)) {
            assert!((a - b).abs() < 1e-6, "{a} is not {b}");
            assert!((a - c).abs() < 1e-6, "in place {a}, by tensors {c}");
        }
    }

    #[test]
    fn moments_without_gradient_decay_to_zero() {
        let (mut parameter, mut state) = (tensor(&[1.0, -2.0]), None);
        for step in 0..90_000 {
            let gradient = if step == 0 { [1e-3, -1e-9] } else { [0.0; 2] };
            (parameter, state) = Adam::new(1e-8).step(1e-3, parameter, tensor(&gradient), state);
            let AdaptiveMomentumState { moment_1, moment_2, .. } = state.as_ref().unwrap();
            for moment in [moment_1, moment_2] {
                assert!(values(moment).iter().all(|x| !x.is_subnormal()), "{step}");
            }
        }
        let state = state.unwrap();
        assert_eq!([values(&state.moment_1), values(&state.moment_2)], [[0.0; 2]; 2]);
    }

    #[test]
    fn a_shared_parameter_is_copied_not_overwritten() {
        let start = tensor(&[1.0, 2.0]);
        let shared = start.clone();
        let (stepped, _) = Adam::new(1e-8).step(0.5, start, tensor(&[1.0, 1.0]), None);
        assert_eq!(values(&shared), [1.0, 2.0]);
        assert_ne!(values(&stepped), values(&shared));
    }
}
