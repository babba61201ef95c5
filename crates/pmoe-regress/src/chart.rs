//! Two mean curves, drawn with characters.

use pmoe_stats::EvalCurve;
use pmoe_stats::{Bootstrap, curve::band};
use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;
use ratatui_core::symbols::Marker;
use ratatui_core::widgets::Widget;
use ratatui_widgets::chart::{Axis, Chart, Dataset, GraphType};

const WIDTH: u16 = 76;
const HEIGHT: u16 = 14;

/// Draws the mean of the curves of each side: `·` before, `█` now.
pub(crate) fn chart([before, now]: &[Vec<&EvalCurve>; 2]) -> String {
    let (before, now) = (mean_curve(before), mean_curve(now));
    let all: Vec<_> = before.iter().chain(&now).copied().collect();
    let Some(bounds) = Bounds::of(&all) else {
        return "  (no curves)\n".to_owned();
    };
    let dataset =
        |marker, data| Dataset::default().marker(marker).graph_type(GraphType::Line).data(data);
    let whole = |number: f64| format!("{number:.0}");
    let chart = Chart::new(vec![dataset(Marker::Block, &now), dataset(Marker::Dot, &before)])
        .x_axis(Axis::default().bounds(bounds.steps).labels(bounds.steps.map(whole)))
        .y_axis(Axis::default().bounds(bounds.values).labels(bounds.values.map(whole)));
    let area = Rect::new(0, 0, WIDTH, HEIGHT);
    let mut buffer = Buffer::empty(area);
    chart.render(area, &mut buffer);
    let mut text = "  mean return over training steps: • before, █ now\n".to_owned();
    for row in buffer.content.chunks(WIDTH.into()) {
        let line: String = row.iter().map(|cell| cell.symbol()).collect();
        text += &format!("  {}\n", line.trim_end());
    }
    text
}

/// Ranges of the two axes.
struct Bounds {
    steps: [f64; 2],
    values: [f64; 2],
}

impl Bounds {
    fn of(points: &[(f64, f64)]) -> Option<Self> {
        let range = |values: &mut dyn Iterator<Item = f64>| {
            values.filter(|value| value.is_finite()).fold(None, |range: Option<[f64; 2]>, value| {
                let [low, high] = range.unwrap_or([value; 2]);
                Some([low.min(value), high.max(value)])
            })
        };
        let steps = range(&mut points.iter().map(|point| point.0))?;
        let [low, high] = range(&mut points.iter().map(|point| point.1))?;
        // A flat line needs room around it.
        let margin = if low < high { 0.0 } else { 1.0 };
        Some(Self { steps, values: [low - margin, high + margin] })
    }
}

fn mean_curve(curves: &[&EvalCurve]) -> Vec<(f64, f64)> {
    let no_interval = Bootstrap { resamples: 1, ..Bootstrap::STANDARD };
    // Runs that failed have no curve.
    let curves: Vec<_> = curves.iter().copied().filter(|curve| curve.span().is_some()).collect();
    let points = band(&curves, &no_interval);
    points.iter().map(|point| (point.env_step as f64, point.estimate.value)).collect()
}
