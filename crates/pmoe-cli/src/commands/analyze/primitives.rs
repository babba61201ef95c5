//! Actions of the primitives in similar states, Figs. 4 and 10.
//!
//! States of evaluation episodes are clustered, and each primitive samples an action in each state.
//! The separation of these actions, and of the primitives' modes, is measured in every cluster; the
//! drawn actions of one cluster are shown.

use std::path::Path;

use anyhow::{Context, Result};
use pmoe_algos::policy::{PrimitiveActions, routing_information};
use pmoe_algos::seed::{Stream, sub_stream};
use pmoe_algos::{Agent, AnyAgent, Mode, RunConfig};
use pmoe_envs::{Env, Rng, action_to_f64, obs_to_f32};
use pmoe_results::AnalysisKind;
use pmoe_results::analysis::{
    Cluster, ClusterSample, Map, Primitives, PrimitivesSettings, StateMap,
};
use pmoe_results::number::grouped;
use pmoe_stats::kmeans::kmeans;
use pmoe_stats::silhouette::silhouette_of_primitives;
use pmoe_stats::{Points, Tsne};
use rand::RngExt;

use super::{Purpose, check_size, rounded};
use crate::commands::policy;
use crate::progress::Work;

/// Number of k-means runs, of which the best is kept, and iterations of each, as in scikit-learn.
const RESTARTS: usize = 10;
const MAX_ITERATIONS: usize = 300;

pub(super) fn look(
    run: &Path,
    config: &RunConfig,
    settings: &PrimitivesSettings,
    work: &mut Work,
) -> Result<Primitives> {
    let mut env = pmoe_envs::make_with(&config.task, &config.env)?;
    let agent = policy::restore(config, run, env.spec())?;
    let obs_dim = env.spec().obs_dim;
    let mut rng = sub_stream(config.seed, Stream::Analyze, Purpose::Primitives.stream());
    let mut drawing = sub_stream(config.seed, Stream::Analyze, Purpose::Primitives.stream() + 1);
    work.part("playing episodes", settings.states as u64, "steps");
    let states = visited(&mut *env, &agent, settings.states, &mut rng, work)?;
    work.uncounted("asking each primitive for its actions");
    let primitives = agent.primitives(&states, obs_dim, &mut drawing);
    let primitives =
        primitives.ok_or_else(|| policy::no_primitives(config, AnalysisKind::Primitives))?;

    let numbers = primitives.num_primitives.saturating_mul(primitives.action_dim);
    check_size("states", (settings.states as u64).saturating_mul(numbers as u64), "numbers")?;
    work.uncounted("clustering the states");
    let scaled = standardised(&states, obs_dim);
    let points = Points::new(&scaled, obs_dim)?;
    let clusters = kmeans(points, settings.clusters, RESTARTS, MAX_ITERATIONS, config.seed)?;
    let members = |cluster: usize| -> Vec<usize> {
        let labels = clusters.labels.iter().enumerate();
        labels.filter(|(_, label)| **label == cluster).map(|(state, _)| state).collect()
    };
    let members: Vec<_> = (0..settings.clusters).map(members).collect();
    work.part("measuring how far apart the primitives act", members.len() as u64, "clusters");
    let cluster = |states: &Vec<usize>| {
        let silhouette = |of: &[f32]| {
            let (num_primitives, action_dim) = (primitives.num_primitives, primitives.action_dim);
            silhouette_of_primitives(&actions(&primitives, of, states), num_primitives, action_dim)
        };
        let (silhouette_of_draws, silhouette_of_modes) =
            (silhouette(&primitives.drawn), silhouette(&primitives.mode));
        work.advance();
        Cluster { states: states.len(), silhouette_of_draws, silhouette_of_modes }
    };
    let clusters_seen = members.iter().map(cluster).collect();

    let mut rng = sub_stream(config.seed, Stream::Analyze, Purpose::ClusterShown.stream());
    let shown = rng.random_range(0..settings.clusters);
    let shown_actions = actions(&primitives, &primitives.drawn, &members[shown]);
    let (mut state_map, mut map) = (None, None);
    if settings.embed_seeds.contains(&config.seed) {
        let states = embedded("states", &scaled, obs_dim, settings, config.seed, work)?;
        state_map = states.map(|map| StateMap { map, labels: clusters.labels.clone() });
        let dim = primitives.action_dim;
        map = embedded("actions", &shown_actions, dim, settings, config.seed, work)?;
    }
    let weights: Vec<f64> = primitives.weights.iter().map(|weight| f64::from(*weight)).collect();
    Ok(Primitives {
        settings: settings.clone(),
        weights: mean_weights(&weights, primitives.num_primitives),
        routing_information: Some(routing_information(&weights, primitives.num_primitives)),
        clusters: clusters_seen,
        shown: ClusterSample {
            cluster: shown,
            action_dim: primitives.action_dim,
            actions: shown_actions,
            map,
        },
        state_map,
    })
}

/// Returns the first `count` states of evaluation episodes, `[count, O]`.
fn visited(
    env: &mut dyn Env,
    agent: &AnyAgent,
    count: usize,
    rng: &mut Rng,
    work: &mut Work,
) -> Result<Vec<f32>> {
    let mut obs = vec![0.0; env.spec().obs_dim];
    let mut action = vec![0.0_f32; env.spec().action_dim()];
    let mut env_action = vec![0.0; action.len()];
    let mut memory = <AnyAgent as Agent>::Memory::default();
    let mut states = Vec::with_capacity(count * obs.len());
    env.reset(rng, &mut obs)?;
    for _ in 0..count {
        let begin = states.len();
        states.resize(begin + obs.len(), 0.0);
        obs_to_f32(&obs, &mut states[begin..]);
        agent.act(&mut memory, &states[begin..], Mode::Evaluate, rng, &mut action)?;
        action_to_f64(&action, &mut env_action);
        let step = env.step(&env_action, &mut obs)?;
        work.advance();
        if step.terminated || step.truncated {
            memory = <_>::default();
            env.reset(rng, &mut obs)?;
        }
    }
    Ok(states)
}

/// Standardises each column to mean 0 and standard deviation 1; a constant column becomes 0.
fn standardised(rows: &[f32], width: usize) -> Vec<f64> {
    let count = (rows.len() / width) as f64;
    let mut scaled: Vec<f64> = rows.iter().map(|x| f64::from(*x)).collect();
    for column in 0..width {
        let values = || rows.iter().skip(column).step_by(width).map(|x| f64::from(*x));
        let mean = values().sum::<f64>() / count;
        let std = (values().map(|x| (x - mean).powi(2)).sum::<f64>() / count).sqrt();
        for value in scaled.iter_mut().skip(column).step_by(width) {
            // A constant column's standard deviation is not exactly zero, due to rounding.
            *value = if 1e-9 * mean.abs() < std { (*value - mean) / std } else { 0.0 };
        }
    }
    scaled
}

/// Returns one action per state and primitive, `[N, K, A]`, to four decimal places, out of those of
/// `all` states.
fn actions(primitives: &PrimitiveActions, all: &[f32], states: &[usize]) -> Vec<f64> {
    let width = primitives.num_primitives * primitives.action_dim;
    let of_state = |state: &usize| &all[state * width..(state + 1) * width];
    states.iter().flat_map(of_state).map(|a| rounded(f64::from(*a), 4)).collect()
}

fn mean_weights(weights: &[f64], num_primitives: usize) -> Vec<f64> {
    let rows = || weights.chunks_exact(num_primitives);
    let mean = |k: usize| rows().map(|row| row[k]).sum::<f64>() / rows().len() as f64;
    (0..num_primitives).map(mean).collect()
}

/// Embeds points in a plane; `None` if there are too few. `what` names them.
fn embedded(
    what: &str,
    values: &[f64],
    dim: usize,
    settings: &PrimitivesSettings,
    seed: u64,
    work: &mut Work,
) -> Result<Option<Map>> {
    let points = Points::new(values, dim)?;
    let perplexity = settings.perplexity.min(((points.len() - 1) / 3) as f64);
    if perplexity <= 1.0 {
        return Ok(None);
    }
    check_size("perplexity", (3.0 * perplexity * points.len() as f64) as u64, "neighbours")?;
    let PrimitivesSettings { learning_rate, iterations, .. } = *settings;
    let tsne = Tsne { perplexity, learning_rate, iterations, seed, ..Tsne::PAPER };
    let what = format!("t-SNE of {} {what}", grouped(points.len() as u64));
    work.part(what, iterations as u64, "iterations");
    let embedding = tsne
        .embed_watched(points, |done| work.advance_to(done as u64))
        .context("cannot embed the points")?;
    let positions = embedding.positions.iter().map(|point| point.map(|x| rounded(x, 3)));
    Ok(Some(Map { perplexity, divergence: embedding.divergence, positions: positions.collect() }))
}
