//! Samples from squashed Gaussians, with their log-density.

use std::f64::consts::{LN_2, PI};

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::{Autodiff, Flex};
use burn::tensor::Tensor;

use super::host::{self, Place, new_tensor, values};
use super::{math, vectorised};

/// Returns the actions `tanh(mean + std · noise)`, `[N, A]`, and their log-density, `[N]`; `None`
/// if there is no fused implementation and burn's operations must be used.
///
/// # Shapes
/// - `mean`, `log_std`, `noise`: `[N, A]`
///
/// # Gradients
/// Flow from both results into `mean` and `log_std`, as far as they are tracked; `noise` is a
/// constant.
pub(crate) fn squash(
    mean: &Tensor<2>,
    log_std: &Tensor<2>,
    noise: &Tensor<2>,
) -> Option<(Tensor<2>, Tensor<1>)> {
    if host::place(&[noise]) != Place::Constant {
        return None;
    }
    let noise = host::constant(noise.clone());
    match host::place(&[mean, log_std]) {
        Place::Elsewhere => None,
        Place::Constant => {
            let [mean, log_std] = [mean, log_std].map(|x| host::constant(x.clone()));
            let Drawn { action, log_prob, .. } = draw(&mean, &log_std, &noise);
            let log_prob = Tensor::from_primitive::<Flex>(log_prob);
            Some((Tensor::from_primitive::<Flex>(action), log_prob))
        }
        Place::Tracked => {
            let tracked = || [mean, log_std].map(|x| host::tracked(x.clone()));
            let [(mean, mean_node), (log_std, log_std_node)] = tracked();
            let Drawn { scaled, action, log_prob } = draw(&mean, &log_std, &noise);
            let state = State { scaled, action: action.clone() };
            let of_action = Action
                .prepare::<NoCheckpointing>([mean_node, log_std_node])
                .compute_bound()
                .stateful();
            let action = match of_action {
                OpsKind::Tracked(prepared) => prepared.finish(state.clone(), action),
                OpsKind::UnTracked(prepared) => prepared.finish(action),
            };
            let of_log_prob = LogProb.prepare::<NoCheckpointing>(tracked().map(|(_, node)| node));
            let log_prob = match of_log_prob.compute_bound().stateful() {
                OpsKind::Tracked(prepared) => prepared.finish(state, log_prob),
                OpsKind::UnTracked(prepared) => prepared.finish(log_prob),
            };
            let log_prob = Tensor::from_primitive::<Autodiff<Flex>>(log_prob);
            Some((Tensor::from_primitive::<Autodiff<Flex>>(action), log_prob))
        }
    }
}

struct Drawn {
    /// `std · noise`, `[N, A]`.
    scaled: FlexTensor,
    /// Actions, `[N, A]`.
    action: FlexTensor,
    /// Log-density, `[N]`.
    log_prob: FlexTensor,
}

fn draw(mean: &FlexTensor, log_std: &FlexTensor, noise: &FlexTensor) -> Drawn {
    let shape = mean.layout().shape();
    let shape = [shape[0], shape[1]];
    let [rows, width] = shape;
    let (mean, log_std, noise) = (values(mean), values(log_std), values(noise));
    let [mut scaled, mut action, mut terms] = [(); 3].map(|()| vec![0.0; mean.len()]);
    vectorised(
        #[inline(always)]
        || {
            let inputs = mean.iter().zip(log_std).zip(noise);
            let outputs = scaled.iter_mut().zip(&mut action).zip(&mut terms);
            for (((mean, log_std), noise), ((scaled, action), term)) in inputs.zip(outputs) {
                *scaled = math::exp(*log_std) * noise;
                let u = mean + *scaled;
                *action = math::tanh(u);
                // −noise²/2 − log_std − log(1 − tanh² u), without the constants of the last term.
                let magnitude = u.abs();
                let log_det = magnitude + math::log_1p(math::exp(-2.0 * magnitude));
                *term = 2.0 * log_det - 0.5 * noise * noise - log_std;
            }
        },
    );
    let constant = (width as f64 * (0.5 * (2.0 * PI).ln() + 2.0 * LN_2)) as f32;
    let log_prob = terms.chunks_exact(width).map(|terms| terms.iter().sum::<f32>() - constant);
    Drawn {
        log_prob: new_tensor(log_prob.collect(), [rows]),
        scaled: new_tensor(scaled, shape),
        action: new_tensor(action, shape),
    }
}

#[derive(Debug, Clone)]
struct State {
    scaled: FlexTensor,
    action: FlexTensor,
}

impl State {
    /// Registers the gradients of `mean` and `log_std`, which `compute` writes, given `std · noise`
    /// and the action.
    fn register(
        &self,
        parents: &Ops<State, 2>,
        grads: &mut Gradients,
        compute: impl FnOnce([&mut [f32]; 2], &[f32], &[f32]),
    ) {
        let shape = self.action.layout().shape();
        let shape = [shape[0], shape[1]];
        let [mut to_mean, mut to_log_std] = [(); 2].map(|()| vec![0.0; shape[0] * shape[1]]);
        compute([&mut to_mean, &mut to_log_std], values(&self.scaled), values(&self.action));
        for (node, grad) in parents.parents.iter().zip([to_mean, to_log_std]) {
            if let Some(node) = node {
                grads.register::<Flex>(node.id, new_tensor(grad, shape));
            }
        }
    }
}

#[derive(Debug)]
struct Action;

impl Backward<Flex, 2> for Action {
    type State = State;

    fn backward(self, ops: Ops<State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let incoming = host::contiguous(grads.consume::<Flex>(&ops.node));
        let incoming = values(&incoming);
        ops.state.register(&ops, grads, |[to_mean, to_log_std], scaled, action| {
            vectorised(
                #[inline(always)]
                || {
                    let outputs = to_mean.iter_mut().zip(to_log_std);
                    let inputs = incoming.iter().zip(scaled).zip(action);
                    for ((to_mean, to_log_std), ((grad, scaled), a)) in outputs.zip(inputs) {
                        *to_mean = grad * (1.0 - a * a);
                        *to_log_std = *to_mean * scaled;
                    }
                },
            );
        });
    }
}

#[derive(Debug)]
struct LogProb;

impl Backward<Flex, 2> for LogProb {
    type State = State;

    fn backward(self, ops: Ops<State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let incoming = host::contiguous(grads.consume::<Flex>(&ops.node));
        let width = ops.state.action.layout().shape()[1];
        // Repeat each gradient for every action dimension.
        let incoming = values(&incoming).iter().flat_map(|grad| std::iter::repeat_n(*grad, width));
        let incoming: Vec<f32> = incoming.collect();
        ops.state.register(&ops, grads, |[to_mean, to_log_std], scaled, action| {
            vectorised(
                #[inline(always)]
                || {
                    let outputs = to_mean.iter_mut().zip(to_log_std);
                    let inputs = incoming.iter().zip(scaled).zip(action);
                    for ((to_mean, to_log_std), ((grad, scaled), a)) in outputs.zip(inputs) {
                        *to_mean = grad * (2.0 * a);
                        *to_log_std = *to_mean * scaled - grad;
                    }
                },
            );
        });
    }
}
