//! Gradient clipping by global norm.

use burn::backend::Flex;
use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;

use crate::fused::{constant, is_host, vectorised};

/// Scales all gradients of `module` so that their global norm is at most `max_norm`. Returns the
/// norm before scaling.
///
/// ```text
/// g ← g · min(1, max_norm / (‖g‖ + 1e-6)),   ‖g‖² = Σ over all parameters
/// ```
///
/// burn's own clipping treats each tensor separately; here the direction is preserved. In place on
/// the CPU.
///
/// # Source
/// Pascanu et al., arXiv:1211.5063; the constant 1e-6 is that of PyTorch's `clip_grad_norm_`.
pub fn clip_grad_norm<M: Module>(
    module: &M,
    gradients: &mut GradientsParams,
    max_norm: f64,
) -> f64 {
    let mut squares = Squares { gradients, sum: 0.0 };
    module.visit(&mut squares);
    let norm = squares.sum.sqrt();
    let factor = max_norm / (norm + 1e-6);
    // If the norm is NaN, the gradients are left as they are.
    if factor < 1.0 {
        module.visit(&mut Scale { gradients, factor: factor as f32 });
    }
    norm
}

struct Squares<'a> {
    gradients: &'a GradientsParams,
    sum: f64,
}

impl ModuleVisitor for Squares<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.get::<D>(param.id) {
            self.sum += if is_host(&gradient.device()) {
                sum_of_squares(constant(gradient).storage::<f32>())
            } else {
                f64::from(gradient.square().sum().into_scalar::<f32>())
            };
        }
    }
}

/// Sums squares in double precision, in an order that is the same on every machine.
fn sum_of_squares(values: &[f32]) -> f64 {
    const LANES: usize = 8;
    vectorised(
        #[inline(always)]
        || {
            let mut sums = [0.0_f64; LANES];
            let chunks = values.chunks_exact(LANES);
            let rest: f64 = chunks.remainder().iter().map(|x| f64::from(*x).powi(2)).sum();
            for chunk in chunks {
                for (sum, x) in sums.iter_mut().zip(chunk) {
                    *sum += f64::from(*x) * f64::from(*x);
                }
            }
            sums.iter().sum::<f64>() + rest
        },
    )
}

struct Scale<'a> {
    gradients: &'a mut GradientsParams,
    factor: f32,
}

impl ModuleVisitor for Scale<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.remove::<D>(param.id) {
            let scaled = if is_host(&gradient.device()) {
                let mut gradient = constant(gradient);
                let (values, factor) = (gradient.storage_mut::<f32>(), self.factor);
                vectorised(
                    #[inline(always)]
                    || values.iter_mut().for_each(|x| *x *= factor),
                );
                Tensor::from_primitive::<Flex>(gradient)
            } else {
                gradient.mul_scalar(self.factor)
            };
            self.gradients.register(param.id, scaled);
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::nn::linear;

    /// Returns the gradient of weight and bias, `[2, 1]` and `[1]`, clipped at `max_norm`, and its
    /// norm before.
    fn clipped(max_norm: f64) -> (Vec<f32>, f64) {
        let layer = linear(2, 1, &mut ChaCha8Rng::seed_from_u64(0), &Device::flex().autodiff());
        let x = Tensor::<2>::from_data([[1.0_f32, 4.0], [2.0, 0.0]], &Device::flex());
        let loss = layer.forward(x).sum();
        let mut gradients = GradientsParams::from_grads(loss.backward(), &layer);
        let norm = clip_grad_norm(&layer, &mut gradients, max_norm);
        let bias = layer.bias.as_ref().unwrap();
        let mut values = gradients.get::<2>(layer.weight.id).unwrap().try_to_vec_as().unwrap();
        values.extend(gradients.get::<1>(bias.id).unwrap().try_to_vec_as::<f32>().unwrap());
        (values, norm)
    }

    #[test]
    fn the_norm_is_that_of_all_tensors_together() {
        // d/dW Σ (x·W + b) = (1 + 2, 4 + 0) = (3, 4), d/db = 2: ‖g‖ = √(9 + 16 + 4) = √29.
        let (gradient, norm) = clipped(10.0);
        assert!((norm - 29.0_f64.sqrt()).abs() < 1e-9);
        assert_eq!(gradient, [3.0, 4.0, 2.0], "small enough: untouched");
        // At most .5: every element is scaled by .5 / (√29 + 1e-6).
        let (gradient, norm) = clipped(0.5);
        assert!((norm - 29.0_f64.sqrt()).abs() < 1e-9);
        for (found, g) in gradient.iter().zip([3.0_f64, 4.0, 2.0]) {
            let expected = g * 0.5 / (29.0_f64.sqrt() + 1e-6);
            assert!((f64::from(*found) - expected).abs() < 1e-7, "{found} is not {expected}");
        }
    }

    #[test]
    fn squares_are_summed_whatever_the_length() {
        for len in [0, 1, 7, 8, 9, 100] {
            let values: Vec<f32> = (0..len).map(|i| (i as f32 - 3.0) / 4.0).collect();
            let expected: f64 = values.iter().map(|x| f64::from(*x).powi(2)).sum();
            assert!((sum_of_squares(&values) - expected).abs() < 1e-9);
        }
    }
}
