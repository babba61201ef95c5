use pmoe_results::AnalysisKind;
use pmoe_results::analysis::Gait;

use super::joints::joints;
use super::{Seen, Sketch, by_cell, primitive_key};
use crate::page::Panel;
use crate::palette::Color;
use crate::plot::{Axis, Chart, Key, KeyShape, Mark, Row, Sheet};

/// Maximum number of steps in the strip.
const STRIP: usize = 60;
/// Number of steps in a period whose actions are drawn, as in Fig. 9.
const SELECTED: usize = 5;

/// Draws the weights over time, and below them the actions at five steps of a period.
pub(super) fn sketch(seen: &[Seen<'_, Gait>]) -> Sketch {
    let mut pictures = Vec::new();
    for cell in by_cell(seen) {
        // The figure shows the first seed, the table all of them.
        let one = cell[0];
        let title = format!("{} on {}, seed {}", one.method, one.task, one.seed);
        let steps: Vec<_> = one.analysis.period().map_or(Vec::new(), |period| {
            (0..SELECTED).map(|index| index * period / SELECTED).collect()
        });
        let strip =
            Row { charts: vec![strip(title.clone(), &one.analysis, &steps)], height: 270.0 };
        let each = |(index, step): (usize, &usize)| {
            let names = if index == 0 { joint_names(one) } else { Vec::new() };
            bars(format!("step {step}"), &one.analysis.actions[*step], names)
        };
        let actions: Vec<_> = steps.iter().enumerate().map(each).collect();
        let height = 110.0 + 30.0 * num_joints(&one.analysis) as f64;
        let actions = (!actions.is_empty()).then_some(Row { charts: actions, height });
        let rows = [strip].into_iter().chain(actions).collect();
        pictures.push(Sheet { title, rows }.into());
    }
    let explanation = "What the router does while the trained robot runs: the probability of each primitive \
        at every step. Grey and white stripes are one period of the gait each, found from what the robot \
        observes: if the router follows the gait, all stripes look alike. Below, the torques that each \
        primitive would give at five steps spread over one period, the dots. The share \
        of the weights' variance that repeats is 1 if each period is like the one before and 0 if the router \
        does not follow the gait. The first seed is drawn; the table is of all."
        .to_owned();
    Sketch {
        kind: AnalysisKind::Gait,
        pictures,
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
        legend.push(Key::new(&label, Color::Grid, KeyShape::Area));
    }
    if !selected.is_empty() {
        legend.push(Key::new("the steps below", Color::Text, KeyShape::Dot));
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
        x: Axis { label: "steps", range: [-0.5, steps as f64 - 0.5] },
        y: Axis { label: "probability of the primitive", range: [-0.02, 1.02] },
        marks,
        legend,
        ..Chart::default()
    }
}

fn num_joints(gait: &Gait) -> usize {
    gait.actions.first().and_then(|actions| actions.first()).map_or(0, Vec::len)
}

/// Returns the names of the joints, or their numbers, in the order of the actions.
fn joint_names(one: &Seen<'_, Gait>) -> Vec<String> {
    let count = num_joints(&one.analysis);
    let number = |index| format!("joint {}", index + 1);
    joints(one.task, count).map_or((0..count).map(number).collect(), |names| {
        names.iter().map(|&name| name.to_owned()).collect()
    })
}

/// Draws a bar for each primitive and joint, the first joint at the top; `names` are those of the
/// joints, if they are to be shown.
fn bars(title: String, actions: &[Vec<f64>], mut names: Vec<String>) -> Chart {
    let joints = actions.first().map_or(0, Vec::len);
    let height = 0.8 / actions.len().max(1) as f64;
    let mut marks = Vec::new();
    for (k, action) in actions.iter().enumerate() {
        for (joint, value) in action.iter().enumerate() {
            let top = (joints - joint) as f64 + 0.4 - k as f64 * height;
            // Keep bars of value zero visible.
            let (low, high) = (value.min(-0.005), value.max(0.005));
            let color = Color::Primitive(k);
            marks.push(Mark::rectangle([low, top - height], [high, top], color, 1.0));
        }
    }
    let zero = vec![(0.0, 0.5), (0.0, joints as f64 + 0.5)];
    marks.push(Mark::Line { points: zero, color: Color::Text, width: 1.0 });
    names.reverse();
    Chart {
        title,
        x: Axis { label: "torque / largest", range: [-1.15, 1.15] },
        y: Axis { label: "", range: [0.5, joints as f64 + 0.5] },
        names,
        marks,
        ..Chart::default()
    }
}
