//! The networks of DAC and the probabilities of options.

use burn::module::Module;
use burn::tensor::activation::{log_sigmoid, log_softmax};
use burn::tensor::{Bool, Device, Int, Tensor};
use pmoe_core::dist::{Normal, NormalMixture, select_value};
use pmoe_core::nn::{LayerInit, Mlp};

use super::DacConfig;
use crate::layers::{Layer, mlp};
use crate::policy::StdParam;
use crate::seed::{Stream, stream};

/// All networks of DAC, trained by one optimiser.
#[derive(Module, Debug)]
pub struct DacNet {
    /// Logits of the master policy, `O → K`.
    pub master: Mlp,
    /// Logit of each option's termination probability, `O → 1`.
    pub termination: Vec<Mlp>,
    /// Each option's mean before tanh, `O → A`.
    pub mean: Vec<Mlp>,
    /// Standard deviations of the options, `[K, A]`.
    pub std: StdParam,
    /// Values of options, `O → K`.
    pub critic: Mlp,
}

impl DacNet {
    /// Creates networks with initial parameters from the run's seed.
    pub fn new(
        config: &DacConfig,
        obs_dim: usize,
        action_dim: usize,
        seed: u64,
        device: &Device,
    ) -> Self {
        let num_options = config.num_options;
        let network = |outputs: usize, rng: &mut pmoe_envs::Rng| {
            let sizes = [&[obs_dim], &config.hidden[..], &[outputs]].concat();
            let output = LayerInit::Orthogonal { gain: config.head_gain };
            config.style().network(&sizes, output, rng, device)
        };
        let rng = &mut stream(seed, Stream::ActorInit);
        let mean = (0..num_options).map(|_| network(action_dim, rng)).collect();
        let std = StdParam::new(config.std, num_options, action_dim, rng, device);
        let router_rng = &mut stream(seed, Stream::RouterInit);
        let master = network(num_options, router_rng);
        let termination = (0..num_options).map(|_| network(1, router_rng)).collect();
        let critic = network(num_options, &mut stream(seed, Stream::CriticInit));
        Self { master, termination, mean, std, critic }
    }

    /// Returns the layers of [`DacNet::new`].
    pub(super) fn layers(config: &DacConfig, obs_dim: usize, action_dim: usize) -> Vec<Layer> {
        let num_options = config.num_options;
        let network = |outputs| mlp(obs_dim, &config.hidden, outputs);
        // Master policy and critic, then the termination and the mean of each option.
        let shared = [network(num_options), network(num_options)].concat();
        let of_option = [network(1), network(action_dim)].concat();
        [shared, of_option.repeat(num_options)].concat()
    }

    /// Returns the number K of options.
    pub fn num_options(&self) -> usize {
        self.mean.len()
    }

    /// Computes the log-probabilities of the master policy, `[B, K]`, at `obs`, `[B, O]`.
    pub fn master_log_probs(&self, obs: Tensor<2>) -> Tensor<2> {
        log_softmax(self.master.forward(obs), 1)
    }

    /// Computes the logits of the termination probabilities β, `[B, K]`.
    pub fn termination_logits(&self, obs: Tensor<2>) -> Tensor<2> {
        Tensor::cat(
            self.termination.iter().map(|network| network.forward(obs.clone())).collect(),
            1,
        )
    }

    /// Computes the values of options `q(s, o)`, `[B, K]`.
    pub fn q(&self, obs: Tensor<2>) -> Tensor<2> {
        self.critic.forward(obs)
    }

    /// Computes the action distribution of one option, `[B, A]`.
    pub fn option(&self, option: usize, obs: Tensor<2>) -> Normal {
        let log_std = self.std.log_std().narrow(0, option, 1);
        Normal { mean: self.mean[option].forward(obs).tanh(), log_std }
    }

    /// Computes the action distribution of each state's option, `[B, A]`.
    ///
    /// # Shapes
    /// - `option`: `[B]`, in `0..K`
    pub fn options(&self, option: &Tensor<1, Int>, obs: Tensor<2>) -> Normal {
        // A mixture whose weights are unused.
        let shape = [obs.dims()[0], self.num_options()];
        let weights = Tensor::zeros(shape, &obs.device().inner());
        self.mixture(weights, obs).primitive(option)
    }

    /// Computes the action distribution given state and previous option: a mixture of the options,
    /// weighted by π^H.
    ///
    /// # Shapes
    /// - `log_probs`: `[B, K]`, from [`DacNet::option_log_probs`]
    pub fn mixture(&self, log_probs: Tensor<2>, obs: Tensor<2>) -> NormalMixture {
        let means = self.mean.iter().map(|network| {
            let mean = network.forward(obs.clone());
            mean.unsqueeze_dim::<3>(1)
        });
        let mean = Tensor::cat(means.collect(), 1).tanh();
        let log_std = self.std.log_std().unsqueeze_dim(0);
        NormalMixture { router_logits: log_probs, mean, log_std }
    }

    /// Computes the logarithm of π^H, `[B, K]`, see [`option_log_probs`].
    pub fn option_log_probs(&self, obs: Tensor<2>, previous: &Previous) -> Tensor<2> {
        let logits = self.termination_logits(obs.clone());
        let logit = select_value(logits, &previous.option);
        option_log_probs(self.master_log_probs(obs), logit, previous)
    }
}

/// The previous options of a batch of states.
#[derive(Debug, Clone)]
pub struct Previous {
    /// Indices in `0..K`, `[B]`; arbitrary where there is no previous option.
    pub option: Tensor<1, Int>,
    /// Whether the episode begins, so that there is no previous option, `[B]`.
    pub is_first: Tensor<1, Bool>,
}

/// Computes the log-probability of each option under call and return, `[B, K]`.
///
/// ```text
/// π^H(o | o', s) = (1 − β_{o'}(s)) [o = o'] + β_{o'}(s) π(o | s),   π(o | s) where an episode begins
/// ```
///
/// # Shapes
/// - `master_log_probs`: log π, `[B, K]`
/// - `termination_logit`: logit of β of the previous option, `[B]`
///
/// # Gradients
/// Flow into both, but not into the logit where an episode begins.
///
/// # Source
/// Zhang & Whiteson, "DAC: The Double Actor-Critic Architecture for Learning Options",
/// arXiv:1904.12691, section 3. The second term of the authors' code has each option's own β in
/// place of that of the previous option, so that its probabilities do not sum to 1.
pub fn option_log_probs(
    master_log_probs: Tensor<2>,
    termination_logit: Tensor<1>,
    previous: &Previous,
) -> Tensor<2> {
    let shape = master_log_probs.dims();
    let [_, num_options] = shape;
    let logit = termination_logit.unsqueeze_dim::<2>(1);
    let (log_end, log_go_on) = (log_sigmoid(logit.clone()), log_sigmoid(logit.neg()));
    let after_end = log_end + master_log_probs.clone();
    let same = log_add_exp(log_go_on.expand(shape), after_end.clone());
    let device = previous.option.device();
    let options = Tensor::<1, Int>::arange(0..num_options as i64, &device);
    let is_same = previous
        .option
        .clone()
        .unsqueeze_dim::<2>(1)
        .expand(shape)
        .equal(options.unsqueeze_dim::<2>(0).expand(shape));
    let is_first = previous.is_first.clone().unsqueeze_dim::<2>(1).expand(shape);
    after_end.mask_where(is_same, same).mask_where(is_first, master_log_probs)
}

/// Computes `log(eᵃ + eᵇ)` without overflow.
fn log_add_exp(a: Tensor<2>, b: Tensor<2>) -> Tensor<2> {
    // The shift is a constant: its gradient cancels.
    let max = a.clone().inner().max_pair(b.clone().inner());
    ((a - max.clone()).exp() + (b - max.clone()).exp()).log() + max
}

#[cfg(test)]
mod tests {
    use burn::tensor::{DType, TensorData};

    use super::*;

    fn matrix(values: &[f64], rows: usize) -> Tensor<2> {
        let data = TensorData::new(values.to_vec(), [rows, values.len() / rows]);
        Tensor::from_data(data, (&Device::flex(), DType::F64))
    }

    fn previous(option: i64, is_first: bool) -> Previous {
        let device = Device::flex();
        Previous {
            option: Tensor::from_data([option], &device),
            is_first: Tensor::from_data([is_first], &device),
        }
    }

    fn logit(p: f64) -> Tensor<1> {
        matrix(&[(p / (1.0 - p)).ln()], 1).squeeze_dim(1)
    }

    #[track_caller]
    fn assert_probs(log_probs: &Tensor<2>, expected: &[f64]) {
        let found = log_probs.clone().exp().try_into_vec_as::<f64>().unwrap();
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
        }
    }

    #[test]
    fn probabilities_of_options_by_hand() {
        // π = (.5, .3, .2), β = (.6, .3, .1), previous option 1: .3·.5, .7 + .3·.3, .3·.2.
        let master = matrix(&[0.5, 0.3, 0.2], 1).log();
        let found = option_log_probs(master.clone(), logit(0.3), &previous(1, false));
        assert_probs(&found, &[0.15, 0.79, 0.06]);
        let first = option_log_probs(master.clone(), logit(0.3), &previous(1, true));
        assert_probs(&first, &[0.5, 0.3, 0.2]);
        // If the option always terminates, the master policy chooses.
        let certain = matrix(&[60.0], 1).squeeze_dim(1);
        assert_probs(&option_log_probs(master, certain, &previous(2, false)), &[0.5, 0.3, 0.2]);
    }

    #[test]
    fn one_option_is_certain_and_has_no_gradient() {
        let master = matrix(&[0.7], 1).autodiff().require_grad();
        let logit = logit(0.3).autodiff().require_grad();
        let log_probs = log_softmax(master.clone(), 1);
        let found = option_log_probs(log_probs, logit.clone(), &previous(0, false));
        assert_probs(&found.clone().inner(), &[1.0]);
        let grads = found.sum().backward();
        let of_master = master.grad(&grads).unwrap().into_scalar::<f64>();
        let of_logit = logit.grad(&grads).unwrap().into_scalar::<f64>();
        assert!(of_master.abs() < 1e-15 && of_logit.abs() < 1e-15, "{of_master}, {of_logit}");
    }

    #[test]
    fn extreme_logits_stay_finite_in_single_precision() {
        let device = Device::flex();
        for logit in [-200.0_f32, 200.0] {
            let logit = Tensor::<1>::from_data([logit], &device).autodiff().require_grad();
            let master = Tensor::<2>::from_data([[-90.0_f32, 0.0]], &device);
            let found = option_log_probs(master, logit.clone(), &previous(1, false));
            let entropy = (found.clone().exp() * found.clone()).sum();
            let grads = (found.sum() + entropy).backward();
            assert!(logit.grad(&grads).unwrap().into_scalar::<f32>().is_finite());
        }
    }
}
