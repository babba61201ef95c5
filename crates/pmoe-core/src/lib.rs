//! What a mixture-of-experts policy is: distributions, losses, network blocks and optimiser steps.
//!
//! Everything here is a pure function of tensors. Noise is an argument, drawn on the host from a
//! seeded stream ([`noise`]); nothing knows an environment, a file or a clock.
//!
//! | module | holds | source |
//! |---|---|---|
//! | [`dist`] | tanh-normal primitives and their mixture | PMOE paper, eq. 1–3; SAC, appendix C |
//! | [`fused`] | the same networks on plain memory, with handwritten gradients | |
//! | [`engine`] | whether those or burn's own operations compute | |
//! | [`loss`] | frequency loss, primitive losses; the losses of PPO | PMOE paper, eqs. 6–9; arXiv:1707.06347 |
//! | [`nn`] | multi-layer perceptron, initialisers | PMOE paper, appendix D |
//! | [`optim`] | Adam step, Polyak averaging, modules with their optimiser | |
//! | [`parallel`] | two computations side by side | |
//! | [`noise`] | host-drawn normal and categorical noise | |
//!
//! Shape letters: `B` batch, `K` primitives, `A` action dimension, `N` any number of rows.
//!
//! # Devices
//! Tensors live on any burn [`Device`](burn::tensor::Device); the CPU one is
//! [`Device::flex`](burn::tensor::Device::flex). Trainable modules are built on
//! `device.autodiff()`, constants on the plain device.

pub mod dist;
pub mod engine;
pub mod fused;
pub mod loss;
pub mod nn;
pub mod noise;
pub mod optim;
pub mod parallel;

#[cfg(test)]
mod testing;
