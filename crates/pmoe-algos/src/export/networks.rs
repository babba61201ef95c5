//! The policies of all algorithms as graphs: each function reads like the `forward` that it repeats.

use pmoe_core::nn::Mlp;

use super::graph::{Graph, Value};
use super::messages::DataType;
use crate::algo::AnyAgent;
use crate::critic::TwinCritic;
use crate::dac::{Dac, EvalOption};
use crate::normalize::Normalizers;
use crate::policy::{
    EvalPrimitive, FullNet, McpActor, McpGate, McpNet, PrimitiveNet, RoutedNet, RoutingInput,
    StdParam,
};
use crate::ppo::{self, MeanHead, MeanOutput, Ppo};
use crate::sac::{self, Critics, Estimator, PrimitiveCritics, Sac};
use crate::td3::Td3;

/// What a policy computes.
pub(super) struct Outputs {
    /// The action, `[B, A]`, in [-1, 1].
    pub(super) action: Value,
    /// Its Gaussians; `None` for a deterministic policy.
    pub(super) mixture: Option<Mixture>,
    /// The option in force, `[B]`, if the policy has any.
    pub(super) option: Option<Value>,
}

/// K Gaussians and their weights.
pub(super) struct Mixture {
    pub(super) num_primitives: usize,
    /// Unnormalised logarithms of the weights, `[B, K]`, or the weights themselves: the largest is
    /// the same.
    logits: Value,
    /// `[B, K]`
    pub(super) weights: Value,
    /// `[B, K, A]`
    pub(super) mean: Value,
    /// `[B, K, A]`
    pub(super) log_std: Value,
}

/// Computes what `agent` does at `obs`, `[B, O]`.
pub(super) fn outputs(graph: &mut Graph, agent: &AnyAgent, obs: &Value, sizes: Sizes) -> Outputs {
    match agent {
        AnyAgent::Sac(agent) => sac(graph, agent, obs, sizes),
        AnyAgent::Ppo(agent) => ppo(graph, agent, obs, sizes),
        AnyAgent::Dac(agent) => dac(graph, agent, obs, sizes),
        AnyAgent::Td3(agent) => td3(graph, agent, obs),
    }
}

/// Sizes of observations and actions.
#[derive(Clone, Copy)]
pub(super) struct Sizes {
    pub(super) obs_dim: usize,
    pub(super) action_dim: usize,
}

fn td3(graph: &mut Graph, agent: &Td3, obs: &Value) -> Outputs {
    let mean = graph.mlp("actor.net", &agent.actor().net, obs);
    Outputs { action: graph.op("Tanh", &[&mean]), mixture: None, option: None }
}

fn sac(graph: &mut Graph, agent: &Sac, obs: &Value, sizes: Sizes) -> Outputs {
    let (mixture, mean) = match agent.actor() {
        sac::Actor::Gaussian(actor) => {
            let (_, mean, log_std) = primitives(graph, "actor.Gaussian.net", &actor.net, obs);
            let (cube, log_std) = (graph.unsqueeze(&mean, 1), graph.unsqueeze(&log_std, 1));
            (certain(graph, cube, log_std), mean)
        }
        sac::Actor::Gating(actor) => {
            let experts = routed(graph, "actor.Gating.net", &actor.net, obs, sizes);
            let mean = graph.weighted(&experts.weights, &experts.mean);
            (experts, mean)
        }
        sac::Actor::Mcp(actor) => product(graph, "actor.Mcp", actor, obs, sizes),
        sac::Actor::Pmoe(actor) => {
            let mut mixture = routed(graph, "actor.Pmoe.net", &actor.net, obs, sizes);
            if let Estimator::LikelihoodRatio { log_weight_floor, .. } = actor.config.estimator {
                let floor = graph.scalar(log_weight_floor);
                let logits = graph.op("Max", &[&mixture.logits, &floor]);
                mixture = Mixture { weights: graph.softmax(&logits, 1), logits, ..mixture };
            }
            let acts = acting(graph, actor.config.eval_primitive, &mixture, |graph, mixture| {
                let modes = graph.op("Tanh", &[&mixture.mean]);
                values_by_critics(
                    graph,
                    agent.critics(),
                    obs,
                    &modes,
                    mixture.num_primitives,
                    sizes,
                )
            });
            let mean = graph.weighted(&acts, &mixture.mean);
            (mixture, mean)
        }
    };
    Outputs { action: graph.op("Tanh", &[&mean]), mixture: Some(mixture), option: None }
}

fn ppo(graph: &mut Graph, agent: &Ppo, obs: &Value, sizes: Sizes) -> Outputs {
    let obs = &normalised(graph, agent.normalizers(), obs);
    let (mixture, mean) = match &agent.net().actor {
        ppo::Actor::Gaussian(actor) => {
            let name = "net.actor.Gaussian";
            let features = graph.mlp(&format!("{name}.trunk"), &actor.trunk, obs);
            let mean = mean_head(graph, &format!("{name}.mean"), &actor.mean, &features);
            let cube = graph.unsqueeze(&mean, 1);
            let log_std = free_log_std(graph, &actor.std, &cube, 1, sizes);
            (certain(graph, cube, log_std), mean)
        }
        ppo::Actor::Pmoe(actor) => {
            let (name, num) = ("net.actor.Pmoe", actor.num_primitives());
            let features = graph.mlp(&format!("{name}.trunk"), &actor.trunk, obs);
            let router_input = match actor.config.routing_input {
                RoutingInput::TrunkSg | RoutingInput::Trunk => &features,
                RoutingInput::Obs => obs,
            };
            let logits = graph.linear(&format!("{name}.router"), &actor.router, router_input);
            let mean = mean_head(graph, &format!("{name}.mean"), &actor.mean, &features);
            let mean = graph.reshape(&mean, &cube(num, sizes));
            let log_std = free_log_std(graph, &actor.std, &mean, num, sizes);
            let weights = graph.softmax(&logits, 1);
            let mixture = Mixture { num_primitives: num, logits, weights, mean, log_std };
            let acts = acting(graph, actor.config.eval_primitive, &mixture, |graph, mixture| {
                let q = agent.action_value().expect("checked with the config");
                let (name, means) = ("action_value.network", &mixture.mean);
                let values = graph.mlp_of_actions(name, &q.network, obs, means, sizes.obs_dim);
                graph.reshape(&values, &[-1, num as i64])
            });
            let mean = graph.weighted(&acts, &mixture.mean);
            (mixture, mean)
        }
        ppo::Actor::Gating(actor) => {
            let (name, num) = ("net.actor.Gating", actor.num_primitives);
            let features = graph.mlp(&format!("{name}.trunk"), &actor.trunk, obs);
            let mean = mean_head(graph, &format!("{name}.mean"), &actor.mean, &features);
            let log_std = graph.linear(&format!("{name}.log_std"), &actor.log_std, &features);
            let log_std = graph.limited(actor.limits, &log_std);
            let logits = graph.linear(&format!("{name}.gate"), &actor.gate, &features);
            let experts = Mixture {
                num_primitives: num,
                weights: graph.softmax(&logits, 1),
                logits,
                mean: graph.reshape(&mean, &cube(num, sizes)),
                log_std: graph.reshape(&log_std, &cube(num, sizes)),
            };
            let mean = graph.weighted(&experts.weights, &experts.mean);
            (experts, mean)
        }
        ppo::Actor::Mcp(actor) => product(graph, "net.actor.Mcp", actor, obs, sizes),
    };
    Outputs { action: graph.clip(&mean, -1.0, 1.0), mixture: Some(mixture), option: None }
}

fn dac(graph: &mut Graph, agent: &Dac, obs: &Value, sizes: Sizes) -> Outputs {
    let (net, num) = (agent.net(), agent.net().num_options());
    let previous = graph.input("option", DataType::Int, &[], PREVIOUS);
    let obs = &normalised(graph, agent.normalizers(), obs);
    let master = graph.mlp("net.master", &net.master, obs);
    let master = graph.softmax(&master, 1);
    let logits = net.termination.iter().enumerate();
    let logits: Vec<Value> = logits
        .map(|(option, network)| graph.mlp(&format!("net.termination.{option}"), network, obs))
        .collect();
    let logits = graph.concat(&logits.iter().collect::<Vec<_>>(), 1);
    // π^H(o | o', s) = (1 − β) [o = o'] + β π(o | s), and β = 1 where an episode begins.
    let previous = graph.unsqueeze(&previous, 1);
    let goes_on = graph.one_hot(&previous, num);
    let minus_logits = graph.op("Neg", &[&logits]);
    let goes_on_with = graph.op("Sigmoid", &[&minus_logits]);
    let stays = graph.op("Mul", &[&goes_on, &goes_on_with]);
    let axis = graph.ints(&[1]);
    let stay = graph.op_with("ReduceSum", &[&stays, &axis], &[("keepdims", 1)]);
    let one = graph.scalar(1.0);
    let ends = graph.op("Sub", &[&one, &stay]);
    let chosen = graph.op("Mul", &[&ends, &master]);
    let weights = graph.op("Add", &[&stays, &chosen]);
    // Every option's Gaussian.
    let mean_of = |(option, network)| {
        let mean = graph.mlp(&format!("net.mean.{option}"), network, obs);
        graph.unsqueeze(&mean, 1)
    };
    let means: Vec<Value> = net.mean.iter().enumerate().map(mean_of).collect();
    let mean = graph.concat(&means.iter().collect::<Vec<_>>(), 1);
    let mean = graph.op("Tanh", &[&mean]);
    let log_std = free_log_std(graph, &net.std, &mean, num, sizes);
    let logits = weights.clone();
    let mixture = Mixture { num_primitives: num, logits, weights, mean, log_std };
    let acts = match agent.eval_option() {
        EvalOption::Sample => drawn(graph, &mixture),
        EvalOption::Argmax => graph.one_hot_largest(&mixture.weights, num),
    };
    let mean = graph.weighted(&acts, &mixture.mean);
    let option = graph.op_with("ArgMax", &[&acts], &[("axis", 1), ("keepdims", 0)]);
    Outputs { action: graph.clip(&mean, -1.0, 1.0), mixture: Some(mixture), option: Some(option) }
}

/// What the input of DAC's memory is.
const PREVIOUS: &str = "the output next_option of the step before; -1 where an episode begins";

/// Returns 1 at the primitive that acts in evaluation, `[B, K]`, and 0 elsewhere. `values` computes
/// the value of each primitive's mean action, `[B, K]`.
fn acting(
    graph: &mut Graph,
    eval_primitive: EvalPrimitive,
    mixture: &Mixture,
    values: impl FnOnce(&mut Graph, &Mixture) -> Value,
) -> Value {
    let num = mixture.num_primitives;
    match eval_primitive {
        EvalPrimitive::Sample => drawn(graph, mixture),
        EvalPrimitive::ArgmaxW => graph.one_hot_largest(&mixture.logits, num),
        EvalPrimitive::ArgmaxQ => {
            let values = values(graph, mixture);
            graph.one_hot_largest(&values, num)
        }
        EvalPrimitive::Index(index) => {
            let one_hot: Vec<f32> = (0..num).map(|k| f32::from(u8::from(k == index))).collect();
            graph.floats(&[1, num], &one_hot)
        }
    }
}

/// Draws a primitive by a number that the graph is given; a single one is certain.
fn drawn(graph: &mut Graph, mixture: &Mixture) -> Value {
    if mixture.num_primitives == 1 {
        return mixture.weights.clone();
    }
    let doc = "uniform random numbers from [0, 1), which draw the primitive that acts";
    let uniform = graph.input("uniform", DataType::Float, &[], doc);
    graph.one_hot_draw(&mixture.weights, mixture.num_primitives, &uniform)
}

/// A mixture of one Gaussian, `[B, 1, A]`, whose weight is 1.
fn certain(graph: &mut Graph, mean: Value, log_std: Value) -> Mixture {
    let one = graph.floats(&[1, 1], &[1.0]);
    let weights = graph.for_each_row(&one, &[1], &mean);
    Mixture { num_primitives: 1, logits: weights.clone(), weights, mean, log_std }
}

/// K Gaussians and the router that weights them.
fn routed(graph: &mut Graph, name: &str, net: &RoutedNet, obs: &Value, sizes: Sizes) -> Mixture {
    let num_primitives = net.primitives.num_primitives();
    let (features, mean, log_std) =
        primitives(graph, &format!("{name}.primitives"), &net.primitives, obs);
    let router_input = match net.routing_input {
        RoutingInput::TrunkSg | RoutingInput::Trunk => &features,
        RoutingInput::Obs => obs,
    };
    let logits = graph.linear(&format!("{name}.router"), &net.router, router_input);
    let shape = cube(num_primitives, sizes);
    Mixture {
        num_primitives,
        weights: graph.softmax(&logits, 1),
        logits,
        mean: graph.reshape(&mean, &shape),
        log_std: graph.reshape(&log_std, &shape),
    }
}

/// Features, means and log standard deviations, `[B, K·A]`.
fn primitives(
    graph: &mut Graph,
    name: &str,
    net: &PrimitiveNet,
    x: &Value,
) -> (Value, Value, Value) {
    let features = graph.mlp(&format!("{name}.trunk"), &net.trunk, x);
    let mean = graph.linear(&format!("{name}.mean"), &net.mean, &features);
    let log_std = graph.linear(&format!("{name}.log_std"), &net.log_std, &features);
    let log_std = graph.limited(net.limits, &log_std);
    (features, mean, log_std)
}

/// MCP's experts, and the mean of their product, `[B, A]`.
fn product(
    graph: &mut Graph,
    name: &str,
    actor: &McpActor,
    obs: &Value,
    sizes: Sizes,
) -> (Mixture, Value) {
    let experts = match &actor.net {
        McpNet::Full(net) => full(graph, &format!("{name}.net.Full"), net, obs, sizes),
        McpNet::Matched(net) => routed(graph, &format!("{name}.net.Matched"), net, obs, sizes),
    };
    let log_weights = match actor.gate {
        // log σ(x) = −log(1 + exp(−x))
        McpGate::Sigmoid => {
            let minus = graph.op("Neg", &[&experts.logits]);
            let softplus = graph.op("Softplus", &[&minus]);
            graph.op("Neg", &[&softplus])
        }
        McpGate::Softmax => graph.op_with("LogSoftmax", &[&experts.logits], &[("axis", 1)]),
    };
    // Each primitive counts by its precision.
    let two = graph.scalar(2.0);
    let twice = graph.op("Mul", &[&experts.log_std, &two]);
    let of_each = graph.unsqueeze(&log_weights, 2);
    let log_precision = graph.op("Sub", &[&of_each, &twice]);
    let shares = graph.softmax(&log_precision, 1);
    let products = graph.op("Mul", &[&shares, &experts.mean]);
    let mean = graph.sum(&products, 1);
    let weights = graph.softmax(&log_weights, 1);
    (Mixture { logits: log_weights, weights, ..experts }, mean)
}

/// The networks of the MCP paper.
fn full(graph: &mut Graph, name: &str, net: &FullNet, obs: &Value, sizes: Sizes) -> Mixture {
    let logits = graph.mlp(&format!("{name}.gate"), &net.gate, obs);
    let features = graph.mlp(&format!("{name}.trunk"), &net.trunk, obs);
    let shape = cube(1, sizes);
    let (mut means, mut log_stds) = (Vec::new(), Vec::new());
    for (k, primitive) in net.primitives.iter().enumerate() {
        let name = format!("{name}.primitives.{k}");
        let (_, mean, log_std) = primitives(graph, &name, primitive, &features);
        means.push(graph.reshape(&mean, &shape));
        log_stds.push(graph.reshape(&log_std, &shape));
    }
    Mixture {
        num_primitives: net.primitives.len(),
        weights: graph.softmax(&logits, 1),
        logits,
        mean: graph.concat(&means.iter().collect::<Vec<_>>(), 1),
        log_std: graph.concat(&log_stds.iter().collect::<Vec<_>>(), 1),
    }
}

/// Means of the PPO family, `[B, K·A]`.
fn mean_head(graph: &mut Graph, name: &str, head: &MeanHead, features: &Value) -> Value {
    let mean = graph.linear(&format!("{name}.layer"), &head.layer, features);
    match head.output {
        MeanOutput::Identity => mean,
        MeanOutput::Tanh => graph.op("Tanh", &[&mean]),
    }
}

/// Log standard deviations that do not depend on the state, `[B, K, A]` as `mean`.
fn free_log_std(
    graph: &mut Graph,
    std: &StdParam,
    mean: &Value,
    num: usize,
    sizes: Sizes,
) -> Value {
    let shape = [1, num, sizes.action_dim];
    let log_std = std.log_std().try_into_vec_as::<f32>().expect("parameters are floats");
    let log_std = graph.floats(&shape, &log_std);
    graph.for_each_row(&log_std, &shape[1..], mean)
}

/// Observations as the policy sees them. In double precision, as in training: a component that
/// hardly varied is divided by a very small number.
fn normalised(graph: &mut Graph, normalizers: &Normalizers, obs: &Value) -> Value {
    let Some(normalizer) = normalizers.obs() else { return obs.clone() };
    let mean = normalizer.stats().mean();
    let scale: Vec<f64> = (0..mean.len()).map(|index| normalizer.scale(index)).collect();
    let (mean, scale) = (graph.doubles(&[mean.len()], mean), graph.doubles(&[scale.len()], &scale));
    let obs = graph.cast(obs, DataType::Double);
    let centred = graph.op("Sub", &[&obs, &mean]);
    let scaled = graph.op("Div", &[&centred, &scale]);
    let scaled = graph.cast(&scaled, DataType::Float);
    graph.clip(&scaled, -normalizer.clip(), normalizer.clip())
}

/// The value of K actions in each state, `[B, K]`, by which SAC's policy chooses.
fn values_by_critics(
    graph: &mut Graph,
    critics: &Critics,
    obs: &Value,
    actions: &Value,
    num: usize,
    Sizes { obs_dim, .. }: Sizes,
) -> Value {
    let mut value =
        |name: &str, network: &Mlp| graph.mlp_of_actions(name, network, obs, actions, obs_dim);
    let value = match critics {
        Critics::Twin(critics) => {
            let TwinCritic { q1, q2 } = critics.online();
            let (q1, q2) = (value("critic.q1", q1), value("critic.q2", q2));
            graph.op("Min", &[&q1, &q2])
        }
        Critics::Primitive(critics) => {
            let PrimitiveCritics { networks, .. } = critics.online();
            let all = networks.iter().enumerate();
            let all: Vec<_> = all.map(|(k, q)| value(&format!("critic.networks.{k}"), q)).collect();
            let all = graph.concat(&all.iter().collect::<Vec<_>>(), 1);
            graph.mean_of_columns(&all, networks.len())
        }
    };
    graph.reshape(&value, &[-1, num as i64])
}

/// The shape `[B, K, A]`.
fn cube(num_primitives: usize, sizes: Sizes) -> [i64; 3] {
    [-1, num_primitives as i64, sizes.action_dim as i64]
}
