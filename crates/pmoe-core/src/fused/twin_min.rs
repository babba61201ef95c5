//! The minimum of two frozen networks: the critics' value as the policy's loss uses it.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::{Autodiff, Flex};
use burn::tensor::Tensor;

use super::dense::{Activation, Dense, Network, Step};
use super::host::{self, Place, new_tensor, values};
use super::kernels::relu_backward;
use super::layers::layers;
use super::matmul::{Matrix, add_matmul, matmul};
use super::norm::Normalised;
use super::parts::part;
use crate::parallel::join;

/// Computes `min_i Q_i(s, a)` of two networks `O + A → hidden → 1` with constant parameters: ReLU
/// after each layer but the last.
///
/// A state may have several actions. On the CPU the state's part of the first layer is then
/// computed once per state. For each row, the backward pass visits only the network with the
/// smaller value, and it skips rows whose incoming gradient is zero. Choosing the best of K actions
/// thus costs K rows forward and one row backward. Elsewhere these are burn's own operations.
///
/// # Shapes
/// - `state`: `[B, O]`, `action`: `[B·K, A]`, with the K actions of a state in adjacent rows
/// - returns: `[B·K]`
/// - of several [runs](crate::runs): B counts the rows of all, and each run's are judged by its own
///   networks
///
/// # Gradients
/// Flow only into `action` if the networks are plain modules (as from `module.valid()`). If the
/// networks are tracked, burn's own operations run, and gradients flow into the networks too.
///
/// # Source
/// Fujimoto et al., arXiv:1802.09477 (clipped double Q).
pub fn twin_min(networks: [Network<'_>; 2], state: Tensor<2>, action: Tensor<2>) -> Tensor<1> {
    let [one, two] = networks.map(|network| network.layers[0].weight.val());
    let steps = networks.map(|network| network.steps(|index| activation(network, index)));
    let place = match host::place(&[&state, &one, &two]) {
        Place::Constant if steps.iter().flatten().all(Step::is_complete) => host::place(&[&action]),
        Place::Constant | Place::Tracked | Place::Elsewhere => Place::Elsewhere,
    };
    match place {
        Place::Elsewhere => plain(networks, state, action),
        Place::Constant => {
            let (state, action) = (host::constant(state), host::constant(action));
            let (one, two) = forward(&steps.map(Frozen::new), &state, &action);
            Tensor::from_primitive::<Flex>(smaller(&one, &two).0)
        }
        Place::Tracked => {
            let (networks, state) = (steps.map(Frozen::new), host::constant(state));
            let (action, node) = host::tracked(action);
            let actions = width_of(&action);
            let (one, two) = forward(&networks, &state, &action);
            let (q, is_two) = smaller(&one, &two);
            let prepared = TwinMin.prepare::<NoCheckpointing>([node]).compute_bound().stateful();
            Tensor::from_primitive::<Autodiff<Flex>>(match prepared {
                OpsKind::Tracked(prepared) => {
                    let hidden = [one.hidden, two.hidden];
                    prepared.finish(State { networks, hidden, is_two, actions }, q)
                }
                OpsKind::UnTracked(prepared) => prepared.finish(q),
            })
        }
    }
}

fn activation(network: Network<'_>, index: usize) -> Activation {
    if index + 1 < network.layers.len() { Activation::Relu } else { Activation::Identity }
}

/// The same with burn's own operations.
fn plain(networks: [Network<'_>; 2], state: Tensor<2>, action: Tensor<2>) -> Tensor<1> {
    let ([rows, _], [states, obs_dim]) = (action.dims(), state.dims());
    let repeated = state
        .unsqueeze_dim::<3>(1)
        .expand([states, rows / states, obs_dim])
        .reshape([rows, obs_dim]);
    let input = Tensor::cat(vec![repeated, action], 1);
    let value = |network: Network<'_>| {
        let value = layers(input.clone(), network, |index| activation(network, index));
        value.squeeze_dim::<1>(1)
    };
    let [one, two] = networks.map(value);
    one.min_pair(two)
}

/// A network's parameters, of all runs.
#[derive(Debug, Clone)]
struct Frozen {
    layers: Vec<Dense>,
    runs: usize,
}

/// The results of a forward pass.
struct Judged {
    /// Each hidden layer.
    hidden: Vec<Hidden>,
    /// Values, `[N]`.
    q: Vec<f32>,
}

/// What the gradient of the actions depends on in a hidden layer.
#[derive(Debug, Clone)]
struct Hidden {
    normalised: Normalised,
    /// Activations, `[N, H]`.
    output: Vec<f32>,
}

impl Frozen {
    fn new(steps: Vec<Step<'_>>) -> Self {
        let layers: Vec<Dense> = steps.iter().map(Dense::constant).collect();
        Self { runs: layers[0].runs, layers }
    }

    fn forward(&self, state: &FlexTensor, action: &FlexTensor) -> Judged {
        let all = (0..self.runs).map(|run| self.forward_run(run, state, action));
        all.reduce(Judged::joined).expect("at least one run")
    }

    fn forward_run(&self, run: usize, state: &FlexTensor, action: &FlexTensor) -> Judged {
        let (states, actions) = (width_of(state), width_of(action));
        let [s, a] = [state, action].map(|all| part(values(all), run, self.runs));
        let weight = self.layers[0].of_run(run).weight;
        let (of_state, of_action) = weight.values().split_at(states * weight.cols());
        let [of_state, of_action] = [of_state, of_action].map(|of| Matrix::new(of, weight.cols()));
        let num_states = s.len() / states;
        let mut x = matmul(Matrix::new(s, states), of_state);
        let per_state = a.len() / actions / num_states;
        if per_state > 1 {
            x = repeat_rows(&x, weight.cols(), per_state);
        }
        add_matmul(&mut x, Matrix::new(a, actions), of_action);

        let mut hidden = Vec::with_capacity(self.layers.len() - 1);
        for pair in self.layers.windows(2) {
            let mut normalised = Normalised::default();
            let output = pair[0].of_run(run).finish(x, &mut normalised);
            x = matmul(Matrix::new(&output, pair[1].inputs), pair[1].of_run(run).weight);
            hidden.push(Hidden { normalised, output });
        }
        let last = self.layers[self.layers.len() - 1].of_run(run);
        Judged { hidden, q: last.finish(x, &mut Normalised::default()) }
    }

    /// Computes the gradient with respect to the actions of a run's `rows`, `[rows, A]`, from that
    /// of their values.
    fn backward(
        &self,
        run: usize,
        hidden: &[Hidden],
        rows: &[usize],
        dq: &[f32],
        actions: usize,
    ) -> Vec<f32> {
        let mut grad: Vec<f32> = rows.iter().map(|&row| dq[row]).collect();
        for (pair, Hidden { normalised, output }) in self.layers.windows(2).zip(hidden).rev() {
            let [layer, next] = [&pair[0], &pair[1]].map(|layer| layer.of_run(run));
            let (inputs, outputs) = (pair[1].inputs, pair[1].outputs);
            let mut to_input = matmul(Matrix::new(&grad, outputs), next.weight.transposed());
            for (grad, &row) in to_input.chunks_exact_mut(inputs).zip(rows) {
                relu_backward(grad, &output[row * inputs..(row + 1) * inputs]);
                layer.norm_backward(row, grad, normalised);
            }
            grad = to_input;
        }
        let weight = self.layers[0].of_run(run).weight;
        let of_action = &weight.values()[weight.values().len() - actions * weight.cols()..];
        let of_action = Matrix::new(of_action, weight.cols());
        matmul(Matrix::new(&grad, weight.cols()), of_action.transposed())
    }
}

impl Judged {
    /// Appends the results of the next run.
    fn joined(mut self, next: Self) -> Self {
        for (all, next) in self.hidden.iter_mut().zip(next.hidden) {
            all.output.extend_from_slice(&next.output);
            all.normalised.extend(&next.normalised);
        }
        self.q.extend_from_slice(&next.q);
        self
    }
}

fn forward(networks: &[Frozen; 2], state: &FlexTensor, action: &FlexTensor) -> (Judged, Judged) {
    join(|| networks[0].forward(state, action), || networks[1].forward(state, action))
}

/// Repeats each row of `x`, `[N, width]`, `count` times in succession.
fn repeat_rows(x: &[f32], width: usize, count: usize) -> Vec<f32> {
    let mut all = Vec::with_capacity(x.len() * count);
    for row in x.chunks_exact(width) {
        (0..count).for_each(|_| all.extend_from_slice(row));
    }
    all
}

fn width_of(tensor: &FlexTensor) -> usize {
    tensor.layout().shape()[1]
}

/// Returns the smaller value of each row, and whether it is the second network's.
fn smaller(one: &Judged, two: &Judged) -> (FlexTensor, Vec<bool>) {
    let is_two: Vec<bool> = one.q.iter().zip(&two.q).map(|(one, two)| two < one).collect();
    let pairs = one.q.iter().zip(&two.q).zip(&is_two);
    let q: Vec<f32> = pairs.map(|((one, two), is_two)| if *is_two { *two } else { *one }).collect();
    let rows = q.len();
    (new_tensor(q, [rows]), is_two)
}

#[derive(Debug)]
struct TwinMin;

#[derive(Debug, Clone)]
struct State {
    networks: [Frozen; 2],
    hidden: [Vec<Hidden>; 2],
    is_two: Vec<bool>,
    /// Length A of an action.
    actions: usize,
}

impl Backward<Flex, 1> for TwinMin {
    type State = State;

    fn backward(self, ops: Ops<State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let State { networks, hidden, is_two, actions } = ops.state;
        let dq = host::contiguous(grads.consume::<Flex>(&ops.node));
        let [Some(action)] = ops.parents else { return };
        let dq = values(&dq);
        let mut to_action = vec![0.0; dq.len() * actions];
        let through = |index: usize| {
            let wanted = |&row: &usize| is_two[row] == (index == 1) && dq[row] != 0.0;
            let runs = networks[index].runs;
            let count = dq.len() / runs;
            let of_run = |run: usize| {
                let rows: Vec<usize> = (run * count..(run + 1) * count).filter(wanted).collect();
                let grad = networks[index].backward(run, &hidden[index], &rows, dq, actions);
                (rows, grad)
            };
            (0..runs).map(of_run).collect::<Vec<_>>()
        };
        let (one, two) = join(|| through(0), || through(1));
        for (rows, grad) in one.into_iter().chain(two) {
            for (grad, row) in grad.chunks_exact(actions).zip(rows) {
                to_action[row * actions..(row + 1) * actions].copy_from_slice(grad);
            }
        }
        grads.register::<Flex>(action.id, new_tensor(to_action, [dq.len(), actions]));
    }
}
