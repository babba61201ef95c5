//! A critic for each primitive.
//!
//! # Equations
//! | code | source | formula |
//! |---|---|---|
//! | [`PrimitiveCritics::own`] | ours | Q_k(s, a_k), of primitive k's action |
//! | [`PrimitiveCritics::pair`] | REDQ, arXiv:2101.05982, with M = 2 | min(Q̄_i, Q̄_j), i ≠ j at random in each update |
//! | [`PrimitiveCritics::score`] | SUNRISE, arXiv:2007.04938, section 3.3 | mean_i Q_i(s, a) + λ std_i Q_i(s, a), λ = 0 in evaluation |
//!
//! Each primitive learns from a critic of its own, `L_k = α log π_k(a_k) − Q_k(s, a_k)`: critics differ
//! where there is little data, and so do the primitives that follow them.
//!
//! # Deviations
//! - The critics see the same data in the same order and differ by their initial values alone, as in
//!   REDQ. Bootstrapped ensembles also leave out a part of the data of each.
//! - REDQ's policy is one Gaussian that follows the mean of all critics, with 20 updates a step.

use burn::module::Module;
use burn::tensor::Tensor;
use pmoe_core::nn::Mlp;
use rand::RngExt;

use super::CriticLosses;
use crate::agent::Mode;
use crate::critic::{TwinCritic, critic_losses};
use crate::seed::{Stream, sub_stream};

/// K critics `Q_k(s, a)`, one for each of K ≥ 2 primitives.
#[derive(Module, Debug)]
pub struct PrimitiveCritics {
    /// Q_k: `O + A → hidden → 1`.
    pub networks: Vec<Mlp>,
    /// Weight λ of the critics' standard deviation in exploration.
    #[module(skip)]
    optimism: f64,
}

impl PrimitiveCritics {
    /// Takes two networks or more; `optimism` is λ.
    pub fn new(networks: Vec<Mlp>, optimism: f64) -> Self {
        Self { networks, optimism }
    }

    /// Computes the value of each primitive's action by its own critic, `[B·K]`.
    ///
    /// # Shapes
    /// - `obs`: `[B, O]`, `action`: `[B·K, A]`, of one action of each primitive
    ///
    /// # Gradients
    /// Flow only into `action` if this is a plain module.
    pub fn own(&self, obs: Tensor<2>, action: Tensor<2>) -> Tensor<1> {
        let ([states, _], [rows, action_dim]) = (obs.dims(), action.dims());
        let action: Tensor<3> = action.reshape([states, self.networks.len(), action_dim]);
        let of = |(index, network): (usize, &Mlp)| {
            let action = action.clone().narrow(1, index, 1).squeeze_dim::<2>(1);
            network.forward(Tensor::cat(vec![obs.clone(), action], 1))
        };
        Tensor::cat(self.networks.iter().enumerate().map(of).collect(), 1).reshape([rows])
    }

    /// Computes the value of actions for acting by all critics, `[B·N]`: their mean, and in
    /// exploration λ standard deviations more.
    ///
    /// # Shapes
    /// - `obs`: `[B, O]`, `action`: `[B·N, A]`, the actions of a state in consecutive rows
    pub fn score(&self, mode: Mode, obs: Tensor<2>, action: Tensor<2>) -> Tensor<1> {
        let ([states, obs_dim], [rows, _]) = (obs.dims(), action.dims());
        let each = obs.unsqueeze_dim::<3>(1).expand([states, rows / states, obs_dim]);
        let input = Tensor::cat(vec![each.reshape([rows, obs_dim]), action], 1);
        let of = |network: &Mlp| network.forward(input.clone());
        let all = Tensor::cat(self.networks.iter().map(of).collect(), 1);
        let mean = all.clone().mean_dim(1);
        let score = match mode {
            Mode::Evaluate => mean,
            Mode::Explore => {
                let variance = (all - mean.clone()).square().mean_dim(1);
                mean + variance.sqrt().mul_scalar(self.optimism)
            }
        };
        score.squeeze_dim(1)
    }

    /// Returns two of the critics for the target of update number `update`.
    ///
    /// The choice comes from a stream of its own that is the same for all seeds, so that runs in
    /// lockstep choose alike and a run that goes on needs nothing saved.
    pub fn pair(&self, update: u64) -> TwinCritic {
        let mut rng = sub_stream(0, Stream::CriticPair, update);
        let first = rng.random_range(0..self.networks.len());
        let second = (first + rng.random_range(1..self.networks.len())) % self.networks.len();
        TwinCritic { q1: self.networks[first].clone(), q2: self.networks[second].clone() }
    }

    /// Computes the loss of every critic: of those with an even number, and of the others.
    ///
    /// # Panics
    /// If there is one critic only.
    pub fn losses(
        &self,
        obs: Tensor<2>,
        action: Tensor<2>,
        target: Tensor<1>,
        runs: usize,
    ) -> CriticLosses {
        let input = Tensor::cat(vec![obs, action], 1);
        let value = |network: &Mlp| network.forward(input.clone()).squeeze_dim::<1>(1);
        let q: Vec<Tensor<1>> = self.networks.iter().map(value).collect();
        let of_half = |first: usize| {
            let losses = q.iter().skip(first).step_by(2);
            let losses = losses.map(|q| critic_losses(q.clone(), target.clone(), runs));
            losses.reduce(|sum, loss| sum + loss).expect("there are two critics or more")
        };
        CriticLosses { halves: (of_half(0), of_half(1)), q1: q[0].clone().inner() }
    }
}
