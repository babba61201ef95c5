//! The learning curve of a packaged run.

use anyhow::{Result, anyhow};
use pmoe_report::plot::{Axis, Chart, Color, Key, KeyShape, Mark, Picture};
use pmoe_results::Run;
use pmoe_stats::Bootstrap;
use pmoe_stats::curve::band;

/// Name of the picture.
pub(super) const FILE: &str = "learning_curve.png";

/// Draws the evaluations of the run, and mean and band of all seeds if there are several.
pub(super) fn png(run: &Run, seeds: &[Run]) -> Result<Vec<u8>> {
    let points =
        |curve: &[(u64, f64)]| curve.iter().map(|&(step, value)| (step as f64, value)).collect();
    let (this, mean) = (Color::Palette(0), Color::Palette(1));
    let own: Vec<(f64, f64)> = points(run.eval_curve().points());
    let mut values: Vec<f64> = own.iter().map(|point| point.1).collect();
    let (mut marks, mut legend) = (Vec::new(), Vec::new());
    if seeds.len() > 1 {
        let curves: Vec<_> = seeds.iter().map(Run::eval_curve).collect();
        let band = band(&curves.iter().collect::<Vec<_>>(), &Bootstrap::STANDARD);
        let x: Vec<f64> = band.iter().map(|point| point.env_step as f64).collect();
        let ends = band.iter().map(|point| {
            let mean = point.estimate.value;
            point.estimate.interval.map_or((mean, mean), |interval| (interval.low, interval.high))
        });
        let (low, high): (Vec<f64>, Vec<f64>) = ends.unzip();
        values.extend(low.iter().chain(&high));
        let line = band.iter().map(|point| (point.env_step as f64, point.estimate.value)).collect();
        marks.push(Mark::Area { x, low, high, color: mean, opacity: 0.18 });
        marks.push(Mark::Line { points: line, color: mean, width: 2.2 });
        // The bootstrap interval of two or three numbers is their range.
        let interval = if seeds.len() < 4 { "range" } else { "95 % bootstrap interval" };
        let words = format!("mean of {} seeds, {interval}", seeds.len());
        legend.push(Key::new(&words, mean, KeyShape::Line));
    }
    marks.push(Mark::Line { points: own, color: this, width: 2.2 });
    legend.push(Key::new(
        &format!("this policy's run, seed {}", run.manifest.seed),
        this,
        KeyShape::Line,
    ));
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    // A run without evaluations has an empty chart.
    let [low, high] = if low <= high { [low, high] } else { [0.0, 1.0] };
    // A flat curve lies in the middle.
    let air = (0.05 * (high - low)).max(0.01 * high.abs()).max(0.1);
    let end = run.manifest.total_steps as f64;
    let chart = Chart {
        title: format!("{} on {}", run.manifest.method, run.manifest.task),
        x: Axis { label: "environment steps", range: [-0.02 * end, 1.02 * end] },
        y: Axis { label: "evaluation return (undiscounted)", range: [low - air, high + air] },
        marks,
        legend,
        ..Chart::default()
    };
    Picture::from(chart)
        .png()
        .map_err(|message| anyhow!("cannot draw the learning curve: {message}"))
}
