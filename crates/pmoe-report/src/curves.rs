//! Charts with curves of several methods: learning curves, success rates, performance profiles.

use pmoe_stats::Estimate;

use crate::palette::{Color, Look};
use crate::plot::{Axis, Chart, Key, KeyShape, Mark};

/// Curves of several methods, on one task or over several.
#[derive(Debug)]
pub(crate) struct Figure {
    /// Title above the curves.
    pub(crate) title: String,
    /// What the curves show.
    pub(crate) curve: Curve,
    /// Right end of the x axis, in environment steps or percent.
    pub(crate) x_end: u64,
    /// One series per method.
    pub(crate) series: Vec<Series>,
}

/// What a curve shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Curve {
    /// Evaluation return.
    Return,
    /// Share of training episodes that reached the goal.
    Success,
    /// Share of runs above a score, in percent of the reference's mean.
    Profile,
}

impl Curve {
    /// Returns the labels of the x and y axes.
    fn labels(self) -> [&'static str; 2] {
        match self {
            Self::Return => ["environment steps", "evaluation return (undiscounted)"],
            Self::Success => ["environment steps", "success rate of training episodes"],
            Self::Profile => ["AUC, % of the reference's mean", "share of runs above it"],
        }
    }
}

/// A point of a mean curve.
#[derive(Debug, Clone)]
pub(crate) struct Point {
    pub(crate) x: f64,
    pub(crate) y: Estimate,
}

/// The curves of one method.
#[derive(Debug)]
pub(crate) struct Series {
    /// Label in the legend.
    pub(crate) label: String,
    /// How it is drawn.
    pub(crate) look: Look,
    /// Mean curve: a thick line with a band.
    pub(crate) mean: Vec<Point>,
    /// Single runs, as thin lines: step and value.
    pub(crate) runs: Vec<Vec<(u64, f64)>>,
    /// Points where a run failed, marked with a cross.
    pub(crate) failures: Vec<(u64, f64)>,
}

impl From<Figure> for Chart {
    fn from(figure: Figure) -> Self {
        let x_end = figure.x_end as f64;
        let [x_label, y_label] = figure.curve.labels();
        let (low, high) = figure.value_range();
        let key = |series: &Series| Key {
            label: series.label.clone(),
            color: Color::Palette(series.look.color),
            shape: KeyShape::Curve(series.look),
        };
        Self {
            // Pad both sides, so that line ends are not clipped.
            x: Axis { label: x_label, range: [-0.02 * x_end, 1.02 * x_end] },
            y: Axis { label: y_label, range: [low, high] },
            marks: figure.marks(),
            legend: figure.series.iter().map(key).collect(),
            title: figure.title,
            ..Self::default()
        }
    }
}

impl Figure {
    /// Returns the range of the drawn values, with padding.
    fn value_range(&self) -> (f64, f64) {
        if self.curve != Curve::Return {
            return (-0.02, 1.02);
        }
        let of_series = |series: &Series| {
            let intervals = series.mean.iter().filter_map(|point| point.y.interval);
            let ends: Vec<_> =
                intervals.flat_map(|interval| [interval.low, interval.high]).collect();
            let means = series.mean.iter().map(|point| point.y.value);
            let runs = series.runs.iter().flatten().map(|point| point.1);
            ends.into_iter().chain(means).chain(runs).collect::<Vec<_>>()
        };
        let values = || self.series.iter().flat_map(of_series);
        let low = values().fold(f64::INFINITY, f64::min);
        let high = values().fold(f64::NEG_INFINITY, f64::max);
        // Pad flat curves too, so that they lie in the middle of the axis.
        let air = (0.05 * (high - low)).max(0.01 * high.abs()).max(0.1);
        (low - air, high + air)
    }

    /// Returns the marks back to front: bands, single runs, means, failures.
    fn marks(&self) -> Vec<Mark> {
        let mut marks = Vec::new();
        for series in &self.series {
            let band = series.mean.iter().filter_map(|point| {
                point.y.interval.map(|interval| (point.x, (interval.low, interval.high)))
            });
            let (x, (low, high)) = band.unzip();
            let color = Color::Palette(series.look.color);
            marks.push(Mark::Area { x, low, high, color, opacity: 0.18 });
        }
        for series in &self.series {
            for run in &series.runs {
                let points = run.iter().map(|&(step, value)| (step as f64, value)).collect();
                let color = Color::Faint(series.look.color);
                marks.push(Mark::Line { points, color, width: 1.0 });
            }
        }
        for series in &self.series {
            let points: Vec<_> = series.mean.iter().map(|point| (point.x, point.y.value)).collect();
            let look = series.look;
            marks.push(Mark::Curve { points: points.clone(), look, width: 2.2 });
            marks.push(Mark::Signs { points, look });
        }
        // Crosses have the text colour, to stand out from the lines below.
        let failures = self.series.iter().flat_map(|series| &series.failures);
        let points = failures.map(|&(step, value)| (step as f64, value)).collect();
        marks.push(Mark::Crosses { points, color: Color::Text });
        marks
    }
}
