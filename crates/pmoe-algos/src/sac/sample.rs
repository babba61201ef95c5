//! What the log tells about the density of the policy that acts, computed only when it asks.

use burn::tensor::{DType, Device, Int, Tensor};
use pmoe_core::best_of::divergence;
use pmoe_core::dist::{Mixture, select_value};

use super::latest::rows_of;
use crate::agent::Metrics;

/// A mixture at the states of a batch and the noise of its samples there: of one run, or of several in lockstep.
#[derive(Debug, Clone)]
pub struct PolicySample {
    mixture: Mixture,
    /// Standard normal, `[B·K, A]` for a sample of every primitive. If there are more or fewer rows, the first B belong
    /// to one action of each state.
    noise: Tensor<2>,
    /// Whether the best of one draw of every primitive acts.
    acts_best: bool,
}

impl PolicySample {
    /// Keeps handles to a mixture at B states and the noise of its samples, without their graph.
    pub(super) fn new(mixture: &Mixture, noise: &Tensor<2>, acts_best: bool) -> Self {
        Self { mixture: mixture.constant(), noise: noise.clone(), acts_best }
    }

    /// Returns the part of one of several runs.
    pub(super) fn of_run(&self, run: usize, runs: usize) -> Self {
        let Mixture { router_logits, mean, log_std } = self.mixture.clone();
        let mixture = Mixture {
            router_logits: rows_of(router_logits, run, runs),
            mean: rows_of(mean, run, runs),
            log_std: rows_of(log_std, run, runs),
        };
        let noise = rows_of(self.noise.clone(), run, runs);
        Self { mixture, noise, acts_best: self.acts_best }
    }

    /// Computes the metrics of one run: the entropy of the policy that acts, and the mean log-density of the `chosen`
    /// primitives' samples, `[B]`, under these primitives.
    ///
    /// ```text
    /// H = −mean_b Σ_k w_k log π(a_k),   a_k ~ π_k
    /// ```
    ///
    /// If the best of one draw of every primitive acts, `H = −mean_b log π_j(a_j) − log K + (K − 1)/K`, a lower bound.
    ///
    /// A noise of one action for each state gives every primitive's: the a_k of a state are then not independent, which
    /// their weighted sum need not be.
    pub(super) fn metrics(&self, chosen: Option<&Tensor<1, Int>>) -> Metrics {
        // In double precision, for deviations however small.
        let mixture = Mixture {
            router_logits: exact(&self.mixture.router_logits),
            mean: exact(&self.mixture.mean),
            log_std: exact(&self.mixture.log_std),
        };
        let [batch, num_primitives, action_dim] = mixture.mean.dims();
        let noise = exact(&self.noise);
        let noise: Tensor<3> = if noise.dims()[0] == batch * num_primitives {
            noise.reshape([batch, num_primitives, action_dim])
        } else {
            let one = noise.narrow(0, 0, batch).reshape([batch, 1, action_dim]);
            one.expand([batch, num_primitives, action_dim])
        };
        let sample =
            mixture.primitives().rsample(noise.reshape([batch * num_primitives, action_dim]));
        let of_mixture = mixture.log_prob(sample.pre_tanh.reshape(mixture.mean.dims()));
        let expected = (mixture.log_weights().exp() * of_mixture).sum_dim(1).mean();
        let mut metrics = Metrics::from([("entropy".to_owned(), -scalar(expected))]);
        if let Some(chosen) = chosen {
            let own = sample.log_prob.reshape([batch, num_primitives]);
            let chosen = Tensor::from_data(chosen.to_data(), &Device::flex());
            let mean = scalar(select_value(own, &chosen).mean());
            metrics.insert("chosen_log_prob_mean".to_owned(), mean);
            if self.acts_best {
                metrics.insert("entropy".to_owned(), -mean - divergence(num_primitives));
            }
        }
        metrics
    }
}

fn exact<const D: usize>(tensor: &Tensor<D>) -> Tensor<D> {
    Tensor::from_data(tensor.to_data(), (&Device::flex(), DType::F64))
}

fn scalar(tensor: Tensor<1>) -> f64 {
    tensor.into_scalar()
}

#[cfg(test)]
mod tests {
    use std::f64::consts::PI;

    use super::*;

    const W: [f32; 2] = [0.3, 0.7];
    const STD: [f32; 2] = [1e-3, 1e-4];

    /// Two primitives in one dimension with these means before squashing, at two equal states.
    fn sample(mean: [f32; 2], noise: Tensor<2>) -> PolicySample {
        let device = Device::flex();
        let of = |values: [f32; 2]| Tensor::<3>::from_data([[[values[0]], [values[1]]]], &device);
        PolicySample {
            mixture: Mixture {
                router_logits: Tensor::<2>::from_data([W.map(f32::ln)], &device).repeat_dim(0, 2),
                mean: of(mean).repeat_dim(0, 2),
                log_std: of(STD.map(f32::ln)).repeat_dim(0, 2),
            },
            noise,
            acts_best: false,
        }
    }

    fn noise<const N: usize>(values: [f32; N]) -> Tensor<2> {
        Tensor::<1>::from_data(values, &Device::flex()).reshape([N, 1])
    }

    /// log π_k of tanh(0 + σ ε) is that of the Gaussian, as tanh is the identity near 0.
    fn gaussian(std: f32, noise: f64) -> f64 {
        -0.5 * noise * noise - f64::from(std).ln() - 0.5 * (2.0 * PI).ln()
    }

    #[track_caller]
    fn assert_close(metrics: &Metrics, name: &str, expected: f64) {
        let found = metrics[name];
        assert!((found - expected).abs() < 1e-5, "{name} is {found}, not {expected}");
    }

    #[test]
    fn far_apart_the_entropy_is_that_of_the_choice_and_of_the_primitives() {
        // At 0 and 3 log π(a_k) = log w_k + log π_k(a_k); at 3 the Jacobian is 1 − tanh² 3.
        let jacobian = (1.0 - 3.0_f64.tanh().powi(2)).ln();
        let [w0, w1] = W.map(f64::from);
        let expected = -w0 * (w0.ln() + gaussian(STD[0], 0.0))
            - w1 * (w1.ln() + gaussian(STD[1], 0.0) - jacobian);
        let metrics = sample([0.0, 3.0], noise([0.0; 4])).metrics(None);
        assert_close(&metrics, "entropy", expected);
        assert!(!metrics.contains_key("chosen_log_prob_mean"));
    }

    #[test]
    fn a_noise_for_each_state_serves_all_primitives_and_further_rows_are_of_something_else() {
        let all = sample([0.0, 3.0], noise([0.5, 0.5, -1.0, -1.0])).metrics(None);
        for shared in [noise([0.5, -1.0]), noise([0.5, -1.0, 9.0, 9.0, 9.0, 9.0])] {
            assert_eq!(sample([0.0, 3.0], shared).metrics(None), all);
        }
    }

    #[test]
    fn the_chosen_primitive_has_a_density_of_its_own() {
        let chosen = Tensor::<1, Int>::from_data([0, 1], &Device::flex());
        let metrics = sample([0.0; 2], noise([1.0, 0.0, 1.0, 2.0])).metrics(Some(&chosen));
        let expected = 0.5 * (gaussian(STD[0], 1.0) + gaussian(STD[1], 2.0));
        assert_close(&metrics, "chosen_log_prob_mean", expected);
        // If it acts, its entropy is at least −(log π_j + log 2 − ½).
        let best =
            PolicySample { acts_best: true, ..sample([0.0; 2], noise([1.0, 0.0, 1.0, 2.0])) };
        assert_close(&best.metrics(Some(&chosen)), "entropy", -expected - 2.0_f64.ln() + 0.5);
    }

    #[test]
    fn each_run_has_its_own() {
        let both = sample([0.0, 3.0], noise([0.0, 0.0, 1.0, 1.0]));
        let alone = sample([0.0, 3.0], noise([1.0; 4])).metrics(None);
        assert_eq!(both.of_run(1, 2).metrics(None), alone);
        assert_ne!(both.of_run(0, 2).metrics(None), alone);
    }
}
