//! Runs in lockstep: the rows of several runs in one tensor.
//!
//! The rows of a run are consecutive, and every run has as many. What is computed for each row needs to know nothing of
//! runs. Only layers ([`linear_act`](crate::fused::linear_act)), means over a batch and factors that belong to a run
//! keep them apart: with those of this module each run gets the numbers that it gets alone.
//!
//! A module for N runs is an ordinary module whose parameters are those of N modules, joined along the first
//! dimension: [`Learner::stack`](crate::optim::Learner::stack). Each of N losses depends on the parameters of its own
//! run only, so that a step down the gradient of their sum is a step down each.

use burn::tensor::{Tensor, TensorData};

use crate::fused::is_host;

/// Computes the mean of each run's rows, `[N]`.
///
/// # Shapes
/// - `rows`: `[N·B, ..]`; `runs`: N
pub fn mean<const D: usize>(rows: Tensor<D>, runs: usize) -> Tensor<1> {
    if runs == 1 {
        return rows.mean();
    }
    let dims = rows.dims();
    if is_host(&rows.device()) {
        // Summed in the order of a run alone, for the same bits.
        let count = dims[0] / runs;
        let of_run = |run: usize| rows.clone().narrow(0, run * count, count).mean();
        return Tensor::cat((0..runs).map(of_run).collect(), 0);
    }
    let count = dims.iter().product::<usize>() / runs;
    rows.reshape([runs, count]).mean_dim(1).squeeze_dim(1)
}

/// Multiplies each row by the factor of its run.
///
/// # Shapes
/// - `rows`: `[N·B, ..]`; `factors`: `[N]`
pub fn scale<const D: usize>(rows: Tensor<D>, factors: &[f64]) -> Tensor<D> {
    if let [factor] = factors {
        return rows.mul_scalar(*factor);
    }
    let factors = spread(factors, &rows);
    rows * factors
}

/// Returns a constant that holds the value of its run in each row, `[N·B, 1, ..]`.
///
/// # Shapes
/// - `values`: `[N]`; `rows`: `[N·B, ..]`
pub fn spread<const D: usize>(values: &[f64], rows: &Tensor<D>) -> Tensor<D> {
    let mut shape = [1; D];
    shape[0] = rows.dims()[0];
    let count = shape[0] / values.len();
    let values: Vec<f64> =
        values.iter().flat_map(|value| std::iter::repeat_n(*value, count)).collect();
    Tensor::from_data(TensorData::new(values, shape), (&rows.device().inner(), rows.dtype()))
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::testing::{assert_close, t1, t2};

    #[test]
    fn each_run_has_its_own_mean_and_factor() {
        let rows = t2([[1.0, 2.0], [3.0, 6.0], [10.0, 20.0], [30.0, 60.0]]);
        assert_close(&mean(rows.clone(), 2), &[3.0, 30.0], 0.0);
        assert_close(&mean(rows.clone(), 1), &[16.5], 0.0);
        let scaled = scale(rows, &[2.0, -1.0]);
        assert_close(&scaled, &[2.0, 4.0, 6.0, 12.0, -10.0, -20.0, -30.0, -60.0], 0.0);
        assert_close(&scale(t1(&[1.0, 2.0]), &[3.0]), &[3.0, 6.0], 0.0);
    }

    #[test]
    fn the_gradient_of_a_mean_is_that_of_the_run_alone() {
        let rows = Tensor::<1>::from_data([1.0_f32, 2.0, 3.0, 4.0, 5.0, 6.0], &Device::flex());
        let rows = rows.autodiff().require_grad();
        // Of the squares: 2 x / 3.
        let grads = mean(rows.clone().square(), 2).backward();
        let expected = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0].map(|x| 2.0 * x / 3.0);
        assert_close(&rows.grad(&grads).expect("tracked"), &expected, 1e-6);
    }
}
