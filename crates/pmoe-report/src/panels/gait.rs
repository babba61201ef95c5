use pmoe_results::AnalysisKind;
use pmoe_results::analysis::Gait;

use super::{Seen, Sketch, by_cell, primitive_key};
use crate::page::Panel;
use crate::palette::Color;
use crate::plot::{Axis, Chart, Key, KeyShape, Mark};

/// Maximum number of steps in the strip.
const STRIP: usize = 60;
/// Number of steps in a period whose actions are drawn, as in Fig. 9.
const SELECTED: usize = 5;

/// Draws the weights over time, and weights and actions at five steps of a period.
pub(super) fn sketch(seen: &[Seen<'_, Gait>]) -> Sketch {
    let mut charts = Vec::new();
    for cell in by_cell(seen) {
        // The figure shows the first seed, the table all of them.
        let one = cell[0];
        let title = format!("{} on {}, seed {}", one.method, one.task, one.seed);
        let period = one.analysis.period();
        let steps: Vec<_> = period.map_or(Vec::new(), |period| {
            (0..SELECTED).map(|index| index * period / SELECTED).collect()
        });
        charts.push(strip(title.clone(), &one.analysis, &steps));
        if period.is_none() {
            continue;
        }
        let weights = steps.iter().map(|step| one.analysis.weights[*step].clone()).collect();
        let range = [0.0, 1.02];
        charts.push(bars(
            format!("{title}: weights at five steps"),
            ["one of five steps of a period", "probability of the primitive"],
            weights,
            range,
        ));
        for (index, step) in steps.iter().enumerate() {
            let actions = &one.analysis.actions[*step];
            let joints = actions.first().map_or(0, Vec::len);
            let of_joint = |joint| actions.iter().map(|action| action[joint]).collect();
            charts.push(bars(
                format!("{title}: actions at step {} of five", index + 1),
                [
                    "joint, in the order of the task's actions",
                    "action, share of the largest torque",
                ],
                (0..joints).map(of_joint).collect(),
                [-1.02, 1.02],
            ));
        }
    }
    let explanation = "What the router does while the trained robot runs: the probability of each primitive \
        at every step. Grey and white stripes are one period of the gait each, found from what the robot \
        observes: if the router follows the gait, all stripes look alike. Then the probabilities at five \
        steps spread over one period, the dots, and the torques that each primitive would give there. The share \
        of the weights' variance that repeats is 1 if each period is like the one before and 0 if the router \
        does not follow the gait. The first seed is drawn; the table is of all."
        .to_owned();
    Sketch {
        kind: AnalysisKind::Gait,
        charts,
        panel: Panel::new("The router over the gait", explanation),
    }
}

/// Draws the weights over time, with dots at the `selected` steps.
fn strip(title: String, gait: &Gait, selected: &[usize]) -> Chart {
    let steps = gait.weights.len().min(STRIP);
    let mut marks = Vec::new();
    let mut legend: Vec<_> =
        (0..gait.num_primitives()).map(|k| primitive_key(k, KeyShape::Line)).collect();
    if let Some(period) = gait.period() {
        // Shade every second period.
        for begin in (0..steps).step_by(2 * period) {
            let end = (begin + period).min(steps - 1) as f64;
            marks.push(Mark::rectangle([begin as f64, 0.0], [end, 1.0], Color::Grid, 0.6));
        }
        let label = format!("every second period of {period} steps");
        legend.push(Key { label, color: Color::Grid, shape: KeyShape::Area });
    }
    if !selected.is_empty() {
        let (color, shape) = (Color::Text, KeyShape::Dot);
        legend.push(Key { label: "the five steps".to_owned(), color, shape });
    }
    for k in 0..gait.num_primitives() {
        let weights = gait.weights.iter().take(steps).enumerate();
        let points = weights.map(|(step, row)| (step as f64, row[k])).collect();
        let color = Color::Primitive(k);
        marks.push(Mark::Line { points, color, width: 2.0 });
        let drawn = selected.iter().filter(|step| **step < steps);
        let points = drawn.map(|step| (*step as f64, gait.weights[*step][k])).collect();
        marks.push(Mark::Dots { points, color, size: 4.0 });
    }
    Chart {
        title,
        x: Axis { label: "steps", range: [0.0, steps as f64] },
        y: Axis { label: "probability of the primitive", range: [-0.02, 1.02] },
        marks,
        legend,
        ..Chart::default()
    }
}

/// Draws groups of bars, one bar per primitive.
fn bars(title: String, labels: [&'static str; 2], groups: Vec<Vec<f64>>, range: [f64; 2]) -> Chart {
    let num_primitives = groups.first().map_or(0, Vec::len);
    let width = 0.8 / num_primitives.max(1) as f64;
    let mut marks = Vec::new();
    for (index, group) in groups.iter().enumerate() {
        for (k, value) in group.iter().enumerate() {
            let left = index as f64 + 0.6 + k as f64 * width;
            // Keep bars of value zero visible.
            let (low, high) = (value.min(-0.005), value.max(0.005));
            let color = Color::Primitive(k);
            marks.push(Mark::rectangle([left, low], [left + width, high], color, 1.0));
        }
    }
    let zero = vec![(0.5, 0.0), (groups.len() as f64 + 0.5, 0.0)];
    marks.push(Mark::Line { points: zero, color: Color::Text, width: 1.0 });
    Chart {
        title,
        x: Axis { label: labels[0], range: [0.5, groups.len() as f64 + 0.5] },
        y: Axis { label: labels[1], range },
        marks,
        legend: (0..num_primitives).map(|k| primitive_key(k, KeyShape::Area)).collect(),
        ..Chart::default()
    }
}
