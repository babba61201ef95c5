//! Values that are known.

use burn::tensor::Tensor;

/// A known value of one number: a slope, a parabola and peaks.
///
/// ```text
/// Q(x) = slope · x − curvature/2 · x² + Σ_i height_i exp(−(x − at_i)² / (2 width_i²))
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Known {
    /// Slope of the linear part.
    pub slope: f64,
    /// Curvature of the parabola; positive is concave.
    pub curvature: f64,
    /// Peaks.
    pub peaks: Vec<Peak>,
}

/// A peak with the shape of a normal density.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Peak {
    /// Place of its top.
    pub at: f64,
    /// Its height.
    pub height: f64,
    /// Its standard deviation.
    pub width: f64,
}

impl Known {
    /// Computes the value.
    pub fn value(&self, x: f64) -> f64 {
        let peaks = self.peaks.iter().map(|peak| peak.value(x));
        self.slope * x - 0.5 * self.curvature * x * x + peaks.sum::<f64>()
    }

    /// Computes the derivative of the value.
    pub fn derivative(&self, x: f64) -> f64 {
        let peaks = self.peaks.iter().map(|peak| peak.derivative(x));
        self.slope - self.curvature * x + peaks.sum::<f64>()
    }

    /// Computes the sum of the values of all elements of a row, `[N]`, from `x`, `[N, A]`.
    pub fn of_rows(&self, x: Tensor<2>) -> Tensor<1> {
        let smooth =
            x.clone().mul_scalar(self.slope) - x.clone().square().mul_scalar(0.5 * self.curvature);
        let peak = |peak: &Peak| {
            let squared = x.clone().sub_scalar(peak.at).square();
            squared.mul_scalar(-0.5 * peak.width.powi(-2)).exp().mul_scalar(peak.height)
        };
        self.peaks.iter().map(peak).fold(smooth, |sum, peak| sum + peak).sum_dim(1).squeeze_dim(1)
    }
}

impl Peak {
    /// Computes the value.
    pub fn value(&self, x: f64) -> f64 {
        let z = (x - self.at) / self.width;
        self.height * (-0.5 * z * z).exp()
    }

    fn derivative(&self, x: f64) -> f64 {
        -(x - self.at) * self.width.powi(-2) * self.value(x)
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{DType, Device, TensorData};

    use super::*;

    #[test]
    fn numbers_and_tensors_agree_and_so_do_derivatives() {
        let known = Known {
            slope: 0.3,
            curvature: 0.7,
            peaks: vec![
                Peak { at: -0.5, height: 1.0, width: 0.4 },
                Peak { at: 0.8, height: 0.6, width: 0.2 },
            ],
        };
        let points = [-2.0, -0.5, 0.0, 0.7, 1.3];
        let data = TensorData::new(points.to_vec(), [points.len(), 1]);
        let x = Tensor::<2>::from_data(data, (&Device::flex(), DType::F64)).autodiff();
        let x = x.require_grad();
        let values = known.of_rows(x.clone());
        let gradients = values.clone().sum().backward();
        let host = |tensor: Tensor<1>| tensor.try_into_vec_as::<f64>().unwrap();
        let derivatives = host(x.grad(&gradients).unwrap().flatten(0, 1));
        for ((x, value), derivative) in points.into_iter().zip(host(values)).zip(derivatives) {
            assert!((known.value(x) - value).abs() < 1e-14, "{x}");
            assert!((known.derivative(x) - derivative).abs() < 1e-14, "{x}");
        }
    }
}
