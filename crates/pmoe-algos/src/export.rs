//! Trained policies as files that other programs run.
//!
//! [`onnx`] writes a graph that holds all of a policy: the normalisation of observations, the networks, the choice of
//! the primitive that acts, squashing, and the task's own units. [`torch`] writes the parameters as PyTorch keeps them.
//!
//! # Inputs and outputs of a graph
//! | name | shape | what |
//! |---|---|---|
//! | `obs` | `[batch, O]` | observations as the task gives them, `f32` |
//! | `uniform` | `[batch]` | numbers from [0, 1), `f32`, if evaluation draws the primitive or option that acts |
//! | `option` | `[batch]` | DAC's option in force, `i64`, -1 where an episode begins |
//! | `action` | `[batch, A]` | what evaluation does, in the task's own units, `f32` |
//! | `next_option` | `[batch]` | DAC's option in force from now on, `i64` |
//! | `weights` | `[batch, K]` | of router, gate or options; each row sums to 1 |
//! | `means`, `log_std` | `[batch, K, A]` | Gaussians before squashing or clipping |
//!
//! TD3's policy is deterministic and has no Gaussians.

mod archive;
mod graph;
mod messages;
mod networks;
mod torch;

use pmoe_envs::EnvSpec;

use self::graph::Graph;
use self::messages::DataType;
use self::networks::{Mixture, Outputs, Sizes};
pub use self::torch::torch;
use crate::algo::AnyAgent;
use crate::checkpoint::PolicyFacts;

/// Returns the bytes of an ONNX file with the policy of `agent`, see the [module](self).
///
/// It has operator set 17, and `facts` as its metadata.
///
/// # Units
/// `spec` is the task's own, whose bounds scale the action.
pub fn onnx(agent: &AnyAgent, spec: &EnvSpec, facts: &PolicyFacts) -> Vec<u8> {
    let sizes = Sizes { obs_dim: spec.obs_dim, action_dim: spec.action_dim() };
    let (float, action_dim) = (DataType::Float, sizes.action_dim);
    let mut graph = Graph::default();
    let doc = "observations as the task gives them";
    let obs = graph.input("obs", float, &[sizes.obs_dim], doc);
    let Outputs { action, mixture, option } = networks::outputs(&mut graph, agent, &obs, sizes);

    // From [-1, 1] to the task's own units.
    let bounds = || spec.action_low.iter().zip(&spec.action_high);
    let half: Vec<f32> = bounds().map(|(low, high)| ((high - low) / 2.0) as f32).collect();
    let center: Vec<f32> = bounds().map(|(low, high)| ((high + low) / 2.0) as f32).collect();
    let (half, center) = (graph.floats(&[action_dim], &half), graph.floats(&[action_dim], &center));
    let action = graph.op("Mul", &[&action, &half]);
    let action = graph.op("Add", &[&action, &center]);

    let doc = "what evaluation does, in the task's own units";
    graph.output("action", float, &[action_dim], doc, &action);
    if let Some(option) = option {
        let doc = "the option in force, which is the input `option` of the next step";
        graph.output("next_option", DataType::Int, &[], doc, &option);
    }
    if let Some(Mixture { num_primitives, weights, mean, log_std, .. }) = mixture {
        let cube = [num_primitives, action_dim];
        graph.output("weights", float, &cube[..1], "weights of the Gaussians, of sum 1", &weights);
        graph.output("means", float, &cube, "means before squashing or clipping", &mean);
        let doc = "log standard deviations before squashing or clipping";
        graph.output("log_std", float, &cube, doc, &log_std);
    }
    graph.finish(facts.entries())
}
