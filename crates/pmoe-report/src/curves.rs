//! Charts with curves of several methods: learning curves, success rates, performance profiles.

use pmoe_stats::Estimate;

use crate::format::plural;
use crate::palette::{Color, Look};
use crate::plot::{Axis, Chart, Key, KeyShape, Mark, Picture};

/// Curves of several methods, on one task or over several.
#[derive(Debug)]
pub(crate) struct Figure {
    /// Title above the curves.
    pub(crate) title: String,
    /// What the curves show.
    pub(crate) curve: Curve,
    /// Right end of the x axis, in environment steps or percent.
    pub(crate) x_end: u64,
    /// Lowest and highest value of the y axis.
    pub(crate) y_range: [f64; 2],
    /// Number of points in each mean over time; 1 without smoothing.
    pub(crate) window: usize,
    /// Nominal coverage of the bands.
    pub(crate) level: f64,
    /// One series per method.
    pub(crate) series: Vec<Series>,
}

/// What a curve shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Curve {
    /// Evaluation return.
    Return,
    /// Return of training episodes.
    Acting,
    /// Share of training episodes that reached the goal.
    Success,
    /// Share of runs above a score, in percent of the reference's mean.
    Profile,
}

impl Curve {
    /// Range of an axis of shares.
    pub(crate) const SHARE: [f64; 2] = [-0.02, 1.02];

    /// Whether its values are returns.
    fn is_return(self) -> bool {
        match self {
            Self::Return | Self::Acting => true,
            Self::Success | Self::Profile => false,
        }
    }

    /// Returns the labels of the x and y axes.
    fn labels(self) -> [&'static str; 2] {
        match self {
            Self::Return => ["environment steps", "evaluation return (undiscounted)"],
            Self::Acting => ["environment steps", "return of training episodes (undiscounted)"],
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
    /// Name of the method.
    pub(crate) method: String,
    /// Number of its seeds or runs, in words.
    pub(crate) count: String,
    /// How it is drawn.
    pub(crate) look: Look,
    /// Whether the figure is about this method.
    pub(crate) is_subject: bool,
    /// Mean curve: a thick line with a band.
    pub(crate) mean: Vec<Point>,
    /// Single runs, as thin lines: step and value.
    pub(crate) runs: Vec<Vec<(u64, f64)>>,
    /// Points where a run failed, marked with a cross.
    pub(crate) failures: Vec<(u64, f64)>,
}

impl From<Figure> for Picture {
    fn from(figure: Figure) -> Self {
        Self::Chart(figure.into())
    }
}

impl From<Figure> for Chart {
    fn from(figure: Figure) -> Self {
        let x_end = figure.x_end as f64;
        let [x_label, y_label] = figure.curve.labels();
        Self {
            // Pad both sides, so that line ends are not clipped.
            x: Axis { label: x_label, range: [-0.02 * x_end, 1.02 * x_end] },
            y: Axis { label: y_label, range: figure.y_range },
            marks: figure.marks(),
            legend: figure.legend(),
            title: figure.title,
            ..Self::default()
        }
    }
}

impl Figure {
    /// Draws figures of the same task and budget on the same axes, wherever they are, and returns of
    /// training on those of evaluations.
    pub(crate) fn share_axes(figures: &mut [&mut Self]) {
        let ranges: Vec<_> = figures.iter().map(|figure| figure.value_range()).collect();
        let keys: Vec<_> = figures
            .iter()
            .map(|figure| (figure.title.clone(), figure.curve.is_return(), figure.x_end))
            .collect();
        for (figure, key) in figures.iter_mut().zip(&keys) {
            let alike = keys.iter().zip(&ranges).filter(|(other, _)| *other == key);
            let (lows, highs): (Vec<_>, Vec<_>) = alike.map(|(_, [low, high])| (low, high)).unzip();
            let low = lows.into_iter().copied().fold(f64::INFINITY, f64::min);
            figure.y_range = [low, highs.into_iter().copied().fold(f64::NEG_INFINITY, f64::max)];
        }
    }

    /// Returns the range of the drawn values, with padding.
    fn value_range(&self) -> [f64; 2] {
        if !self.curve.is_return() {
            return Curve::SHARE;
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
        [low - air, high + air]
    }

    /// Returns the methods, then what line and band are.
    fn legend(&self) -> Vec<Key> {
        let method = |series: &Series| {
            let color = Color::Palette(series.look.color);
            let key = Key::new(&series.method, color, KeyShape::Curve(series.look));
            Key { note: series.count.clone(), ..key }
        };
        let mut legend: Vec<_> = self.series.iter().map(method).collect();
        if 1 < self.window {
            let label = format!("mean of {}", plural(self.window, "evaluation"));
            legend.push(Key::new(&label, Color::Text, KeyShape::Line));
        }
        let band = self.band().map(|label| Key::new(&label, Color::Grid, KeyShape::Area));
        legend.extend(band);
        if self.series.iter().any(|series| !series.failures.is_empty()) {
            legend.push(Key::new("a run failed", Color::Text, KeyShape::Cross));
        }
        legend
    }

    /// Says what the bands are.
    fn band(&self) -> Option<String> {
        let has_band = |series: &&Series| series.mean.iter().any(|of| of.y.interval.is_some());
        let seeds = |series: &Series| series.mean.iter().map(|of| of.y.values.len()).max();
        let seeds = || self.series.iter().filter(has_band).filter_map(seeds);
        seeds().next()?;
        match self.curve {
            Curve::Profile => Some(format!("{:.0} % bootstrap interval", 100.0 * self.level)),
            Curve::Return | Curve::Acting | Curve::Success => {
                band_words(seeds(), 100.0 * self.level)
            }
        }
    }

    /// Returns the marks back to front: bands, single runs, means, failures. The subject comes last
    /// among its like.
    fn marks(&self) -> Vec<Mark> {
        let has_subject = self.series.iter().any(|series| series.is_subject);
        let in_order = || {
            let (subjects, others): (Vec<_>, Vec<_>) =
                self.series.iter().partition(|series| series.is_subject);
            others.into_iter().chain(subjects)
        };
        let strength = |series: &Series| strength(series.is_subject, has_subject);
        let mut marks = Vec::new();
        for series in in_order() {
            let band = series.mean.iter().filter_map(|point| {
                point.y.interval.map(|interval| (point.x, (interval.low, interval.high)))
            });
            let (x, (low, high)) = band.unzip();
            let color = Color::Palette(series.look.color);
            marks.push(Mark::Area { x, low, high, color, opacity: strength(series).0 });
        }
        for series in in_order() {
            for run in &series.runs {
                let points = run.iter().map(|&(step, value)| (step as f64, value)).collect();
                marks.push(Mark::Seed { points, color: series.look.color });
            }
        }
        for series in in_order() {
            let points: Vec<_> = series.mean.iter().map(|point| (point.x, point.y.value)).collect();
            let look = series.look;
            marks.push(Mark::Curve { points: points.clone(), look, width: strength(series).1 });
            marks.push(Mark::Signs { points, look });
        }
        // Crosses have the text colour, to stand out from the lines below.
        let failures = self.series.iter().flat_map(|series| &series.failures);
        let points = failures.map(|&(step, value)| (step as f64, value)).collect();
        marks.push(Mark::Crosses { points, color: Color::Text });
        marks
    }
}

/// Returns the opacity of a method's band and the width of its line.
pub(crate) fn strength(is_subject: bool, has_subject: bool) -> (f64, f64) {
    match (is_subject, has_subject) {
        (true, _) => (0.24, 3.0),
        (false, true) => (0.13, 1.7),
        (false, false) => (0.18, 2.2),
    }
}

/// Says what a band over some numbers of seeds is; of two or three seeds the bootstrap interval is
/// their range.
pub(crate) fn band_words(seeds: impl Iterator<Item = usize>, percent: f64) -> Option<String> {
    let seeds: Vec<_> = seeds.collect();
    let (fewest, most) = (seeds.iter().min()?, seeds.iter().max()?);
    Some(match (fewest, most) {
        (_, ..=3) => "range of the seeds".to_owned(),
        (4.., _) => format!("{percent:.0} % bootstrap interval"),
        _ => format!("{percent:.0} % bootstrap interval; range of 2 or 3 seeds"),
    })
}
