//! Mixture-of-experts policies as pure functions of [burn] tensors: distributions, losses, network blocks and
//! optimiser steps, for those who write a learner of their own.
//!
//! A policy is a [`Mixture`](dist::Mixture) of K Gaussians squashed by tanh, and a router that weighs them. The
//! router gets no gradient through the choice of a primitive; it learns from how often each one is the best, by the
//! [frequency loss](loss::frequency_loss) of the PMOE paper (eqs. 6–7).
//!
//! # Example
//! Two fixed primitives, one to the left and one to the right; the router learns when to use which.
//!
//! ```
//! use pmoe_core::burn::tensor::{Device, Tensor};
//! use pmoe_core::dist::Mixture;
//! use pmoe_core::loss::{Reduction, best_primitive, frequency_loss};
//! use pmoe_core::nn::Mlp;
//! use pmoe_core::noise::normal;
//! use pmoe_core::optim::{Adam, Learner};
//! use pmoe_core::rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
//!
//! let (device, rows) = (Device::flex(), 64);
//! let mut rng = Xoshiro256PlusPlus::seed_from_u64(0);
//! // From an observation of three numbers to the logits of two primitives.
//! let router = Mlp::new(&[3, 16, 2], &mut rng, &Device::flex().autodiff());
//! let mut router = Learner::new(router, Adam::new(1e-8));
//!
//! let mut losses: Vec<f32> = Vec::new();
//! for _ in 0..200 {
//!     let obs = normal([rows, 3], &mut rng, &device);
//!     let mixture = Mixture {
//!         router_logits: router.forward(obs.clone()),
//!         mean: Tensor::<3>::from_data([[[-0.5_f32], [0.5]]], &device).repeat_dim(0, rows),
//!         log_std: Tensor::full([rows, 2, 1], -1.0, &device),
//!     };
//!     // An action of every primitive; its value is Q(s, a) = s₀ a.
//!     let sample = mixture.primitives().rsample(normal([rows * 2, 1], &mut rng, &device));
//!     let q = sample.action.reshape([rows, 2]) * obs.narrow(1, 0, 1);
//!
//!     let weights = mixture.log_weights().exp();
//!     let loss = frequency_loss(weights, &best_primitive(q), Reduction::Sum);
//!     losses.extend(loss.try_to_vec_as::<f32>().expect("the loss is a float"));
//!     router.descend(1e-2, loss);
//! }
//! let mean = |losses: &[f32]| losses.iter().sum::<f32>() / losses.len() as f32;
//! assert!(mean(&losses[190..]) < 0.4 * mean(&losses[..10]));
//! ```
//!
//! # Modules
//!
//! | module | holds | source |
//! |---|---|---|
//! | [`dist`] | tanh-normal primitives, their mixture, Gaussians composed into one | PMOE paper, eqs. 1–3; SAC, appendix C |
//! | [`loss`] | frequency loss, primitive losses, other ways for the router to learn; the losses of PPO | PMOE paper, eqs. 6–9; arXiv:1707.06347 |
//! | [`nn`] | multi-layer perceptron, initialisers | PMOE paper, appendix D |
//! | [`optim`] | Adam step, gradient clipping, Polyak averaging, modules with their optimiser | |
//! | [`best_of`] | how much the best of several draws hides: `E[min_K χ²_A]` | |
//! | [`noise`] | normal, Gumbel and categorical noise, drawn on the host | |
//! | [`fused`], [`engine`] | the same networks on plain memory with handwritten gradients, and whether they compute | |
//! | [`parallel`] | two computations side by side | |
//! | [`runs`] | several runs in lockstep, in one tensor | |
//!
//! # Shapes
//! `B` batch, `K` primitives, `A` action, `N` any number of rows. The primitives of one state are neighbours: what is
//! `[B, K, A]` in a mixture is `[B·K, A]` in [`Mixture::primitives`](dist::Mixture::primitives).
//!
//! # Devices and precision
//! Tensors live on any burn [`Device`](burn::tensor::Device); [`Device::flex`](burn::tensor::Device::flex), the CPU, is
//! the fastest for networks of this size. Modules that learn are made on `device.autodiff()`, constants on the plain
//! device, and the two may meet in one expression. Values are 32-bit floats; the losses and distributions also take
//! 64-bit tensors, as their tests do. [`fused`] computes in 32 bits on flex alone, burn everywhere else.
//!
//! # Randomness
//! Noise is an argument. It comes from any [`rand::Rng`] and never from burn's generators, which are global to the
//! process: equal seeds give equal bits.
//!
//! # Features
//! `ndarray`, `wgpu` and `cuda` add burn's devices of these names. [`burn`] and [`rand`] are re-exported in the versions that
//! this crate is built with; whoever derives burn's `Module` needs `burn` itself, in exactly this version.
//!
//! # Errors and panics
//! Reading parameters back is the one thing that can fail ([`LearnerError`](optim::LearnerError)). Tensors of the wrong
//! shape panic, as in burn.
//!
//! Nothing here knows an environment, a file or a clock: `pmoe-envs` has tasks, `pmoe-algos` whole algorithms.

pub use {burn, rand};

pub mod best_of;
pub mod dist;
pub mod engine;
pub mod fused;
pub mod instructions;
pub mod loss;
pub mod nn;
pub mod noise;
pub mod optim;
pub mod parallel;
pub mod runs;

#[cfg(test)]
mod testing;

/// The program of README.md compiles and runs.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
