use pmoe_results::AnalysisKind;
use pmoe_results::analysis::{Map, Primitives};

use super::{Seen, Sketch, by_cell, primitive_key};
use crate::page::Panel;
use crate::palette::Color;
use crate::plot::{Axis, Chart, Key, KeyShape, Mark};

/// Maximum number of points in a figure; of more points, every second, third, ... is drawn.
const DRAWN: usize = 2_000;

/// Draws two figures for each task and method: the states, and the actions in the cluster shown.
pub(super) fn sketch(seen: &[Seen<'_, Primitives>]) -> Sketch {
    let mut pictures = Vec::new();
    for cell in by_cell(seen) {
        let drawn = cell.iter().find(|one| one.analysis.state_map.is_some());
        let Some(one) = drawn else { continue };
        let title = format!("{} on {}, seed {}", one.method, one.task, one.seed);
        if let Some(states) = &one.analysis.state_map {
            let mut chart = chart(format!("{title}: states"), &states.map);
            let (shown, of) = (one.analysis.shown.cluster, one.analysis.clusters.len());
            // The cluster shown stands out and lies over the others.
            let others = (0..of).filter(|cluster| *cluster != shown);
            for index in others.chain([shown]) {
                let color = if index == shown { Color::Text } else { Color::Cluster { index, of } };
                dots(&mut chart, &states.map, &states.labels, index, color);
            }
            let label = format!("the cluster whose actions are shown, of {of}");
            chart.legend.push(Key::new(&label, Color::Text, KeyShape::Dot));
            pictures.push(chart.into());
        }
        if let Some(map) = &one.analysis.shown.map {
            let mut chart = chart(format!("{title}: actions"), map);
            let labels = one.analysis.action_labels();
            for k in 0..one.analysis.num_primitives() {
                dots(&mut chart, map, &labels, k, Color::Primitive(k));
                chart.legend.push(primitive_key(k, KeyShape::Dot));
            }
            pictures.push(chart.into());
        }
    }
    let explanation = "Do the primitives of a trained policy do different things in the same situation? \
        States that it visits are grouped by likeness (first drawing); in those of one cluster, the black one, drawn by lot, each primitive draws an action of its \
        own (second drawing). Both are drawn in two dimensions (t-SNE), where near points are alike and the \
        axes mean nothing: primitives that can be told apart make clouds of one colour each. Such drawings \
        exaggerate gaps; the silhouettes are of the actions themselves: 1 for clouds far apart, 0 or less for \
        clouds that lie over each other. Noise widens the clouds of drawn actions; the modes, the primitives' \
        actions without noise, may be told apart where the draws can't. Analyses of earlier versions have none of modes, \
        and do not say what the state tells of the primitive. One seed is drawn; the table is of all seeds and clusters."
        .to_owned();
    Sketch {
        kind: AnalysisKind::Primitives,
        pictures,
        panel: Panel::new("Are the primitives distinguishable?", explanation),
    }
}

fn chart(title: String, map: &Map) -> Chart {
    let range = |axis: usize| {
        let values = || map.positions.iter().map(|point| point[axis]);
        let low = values().fold(f64::INFINITY, f64::min);
        let high = values().fold(f64::NEG_INFINITY, f64::max);
        let air = 0.04 * (high - low).max(1e-3);
        [low - air, high + air]
    };
    let axis = |which| Axis { label: "", range: range(which) };
    Chart { title, x: axis(0), y: axis(1), is_map: true, ..Chart::default() }
}

/// Draws the points of one label.
fn dots(chart: &mut Chart, map: &Map, labels: &[usize], label: usize, color: Color) {
    let every = map.positions.len().div_ceil(DRAWN).max(1);
    // Step within the label, so that no label is missed because of its positions.
    let of_label = map.positions.iter().zip(labels).filter(|(_, of)| **of == label);
    let points = of_label.step_by(every).map(|([x, y], _)| (*x, *y)).collect();
    chart.marks.push(Mark::Dots { points, color, size: 2.0 });
}
