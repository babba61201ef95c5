//! The one place that knows the plotting library.

use std::sync::Arc;

use kuva::TickFormat;
use kuva::backend::raster::RasterBackend;
use kuva::backend::svg::SvgBackend;
use kuva::plot::legend::{LegendEntry, LegendPosition, LegendShape};
use kuva::plot::scatter::MarkerShape;
use kuva::plot::{BandPlot, LinePlot, ScatterPlot};
use kuva::render::layout::Layout;
use kuva::render::plots::Plot;
use kuva::render::render::{Scene, render_multiple};
use kuva::render::theme::Theme;
use pmoe_results::Interval;

use crate::palette::Ink;

/// Size of the drawing area with its labels and two lines of legend, in CSS pixels: two fit beside each
/// other on a desktop, one on a phone, where it is shrunk by a fourth.
const WIDTH: f64 = 520.0;
const HEIGHT: f64 = 380.0;

/// Height of a line of the legend.
const LEGEND_LINE: f64 = 20.0;

/// Pixels of a PNG per CSS pixel.
const PNG_SCALE: f32 = 3.0;

/// Curves of several methods, on one task or over several.
#[derive(Debug)]
pub(crate) struct Figure {
    /// Above the curves.
    pub(crate) title: String,
    /// What is drawn, and over what.
    pub(crate) quantity: Quantity,
    /// Right end of the axis: environment steps, or percent.
    pub(crate) x_end: u64,
    /// One per method.
    pub(crate) series: Vec<Series>,
}

/// What a curve shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quantity {
    /// Evaluation return.
    Return,
    /// Share of training episodes that reached their goal.
    Success,
    /// Share of runs above a score in percent of the reference's.
    Profile,
}

impl Quantity {
    /// Labels of the two axes.
    fn labels(self) -> [&'static str; 2] {
        match self {
            Self::Return => ["environment steps", "evaluation return (undiscounted)"],
            Self::Success => ["environment steps", "success rate of training episodes"],
            Self::Profile => ["AUC, % of the reference's mean", "share of runs above it"],
        }
    }
}

/// A point of a thick line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Point {
    pub(crate) x: f64,
    pub(crate) mean: f64,
    pub(crate) interval: Option<Interval>,
}

/// What is drawn of one method.
#[derive(Debug)]
pub(crate) struct Series {
    /// Its line in the legend.
    pub(crate) label: String,
    /// Its place in the palette.
    pub(crate) color: usize,
    /// Thick line with a band.
    pub(crate) mean: Vec<Point>,
    /// Thin lines: step and value.
    pub(crate) runs: Vec<Vec<(u64, f64)>>,
    /// Where a run failed, marked with a cross.
    pub(crate) failures: Vec<(u64, f64)>,
}

impl Figure {
    /// The figure as an SVG document, `width` and `height` in CSS pixels.
    pub(crate) fn svg(&self) -> String {
        self.scaled_svg(Ink::File, "figure")
    }

    /// The figure as an `svg` element of the page: as wide as its box, in the page's colours.
    ///
    /// `id` sets its element ids apart from those of the page's other figures.
    pub(crate) fn inline_svg(&self, id: &str) -> String {
        self.scaled_svg(Ink::Page, id)
    }

    /// The figure as a PNG file.
    ///
    /// # Errors
    /// The plotting library's message.
    pub(crate) fn png(&self) -> Result<Vec<u8>, String> {
        RasterBackend::new().with_scale(PNG_SCALE).render_scene(&self.scene(Ink::File))
    }

    /// The library writes a fixed size; a view box is what lets a browser scale the drawing.
    fn scaled_svg(&self, ink: Ink, id: &str) -> String {
        let scene = self.scene(ink);
        let drawn = SvgBackend::new().render_scene(&scene);
        let namespace = "xmlns=\"http://www.w3.org/2000/svg\"";
        let size = format!("width=\"{0}\" height=\"{1}\"", scene.width, scene.height);
        let view_box = format!("viewBox=\"0 0 {} {}\"", scene.width, scene.height);
        let opening = match ink {
            Ink::File => format!("<svg {namespace} {size} {view_box}"),
            Ink::Page => format!("<svg role=\"img\" {view_box}"),
        };
        let drawn = drawn.replacen(&format!("<svg {namespace} {size}"), &opening, 1);
        renumbered(&drawn, "kuva-clip-", id)
    }

    fn scene(&self, ink: Ink) -> Scene {
        let plots = self.plots(ink);
        let legend = self.series.iter().map(|series| LegendEntry {
            label: literal(&series.label),
            color: ink.method(series.color),
            shape: LegendShape::Line,
            dasharray: None,
        });
        let x_end = self.x_end as f64;
        let [x_label, y_label] = self.quantity.labels();
        let (low, high) = self.value_range();
        // The axes keep their size, however many methods there are.
        let lines_more = self.series.len().saturating_sub(2) as f64;
        let layout = Layout::auto_from_plots(&plots)
            .with_width(WIDTH)
            .with_height(HEIGHT + LEGEND_LINE * lines_more)
            .with_title(literal(&self.title))
            .with_x_label(x_label)
            .with_y_label(y_label)
            // A little air on both sides, so that the ends of the lines are not cut.
            .with_x_axis_min(-0.02 * x_end)
            .with_x_axis_max(1.02 * x_end)
            .with_y_axis_min(low)
            .with_y_axis_max(high)
            .with_x_tick_format(TickFormat::Custom(Arc::new(steps)))
            .with_legend_entries(legend.collect())
            .with_legend_position(LegendPosition::OutsideBottomColumns)
            .with_legend_box(false)
            .with_title_size(15)
            .with_label_size(13)
            .with_tick_size(12)
            .with_body_size(13)
            .with_theme(Theme {
                background: ink.background().to_owned(),
                axis_color: ink.text().to_owned(),
                grid_color: ink.grid().to_owned(),
                tick_color: ink.text().to_owned(),
                text_color: ink.text().to_owned(),
                legend_bg: "none".to_owned(),
                legend_border: "none".to_owned(),
                font_family: Some("DejaVu Sans, Verdana, sans-serif".to_owned()),
                ..Theme::light()
            });
        render_multiple(plots, layout)
    }

    /// Lowest and highest value drawn, with some air.
    fn value_range(&self) -> (f64, f64) {
        if self.quantity != Quantity::Return {
            return (-0.02, 1.02);
        }
        let of_series = |series: &Series| {
            let intervals = series.mean.iter().filter_map(|point| point.interval);
            let ends: Vec<_> =
                intervals.flat_map(|interval| [interval.low, interval.high]).collect();
            let means = series.mean.iter().map(|point| point.mean);
            let runs = series.runs.iter().flatten().map(|point| point.1);
            ends.into_iter().chain(means).chain(runs).collect::<Vec<_>>()
        };
        let values = || self.series.iter().flat_map(of_series);
        let low = values().fold(f64::INFINITY, f64::min);
        let high = values().fold(f64::NEG_INFINITY, f64::max);
        // A flat curve is drawn in the middle of some range.
        let air = (0.05 * (high - low)).max(0.01 * high.abs()).max(0.1);
        (low - air, high + air)
    }

    /// Back to front: bands, single runs, means, failures.
    fn plots(&self, ink: Ink) -> Vec<Plot> {
        let mut plots = Vec::new();
        for series in &self.series {
            let band = series.mean.iter().filter_map(|point| {
                point.interval.map(|interval| (point.x, interval.low, interval.high))
            });
            let (x, (low, high)): (Vec<_>, (Vec<_>, Vec<_>)) =
                band.map(|(x, low, high)| (x, (low, high))).unzip();
            if 1 < x.len() {
                let band = BandPlot::new(x, low, high);
                plots.push(band.with_color(ink.method(series.color)).with_opacity(0.18).into());
            }
        }
        for series in &self.series {
            for run in &series.runs {
                let points = run.iter().map(|&(step, value)| (step as f64, value));
                plots.extend(line(points, ink.faint_method(series.color), 1.0));
            }
        }
        for series in &self.series {
            let points = series.mean.iter().map(|point| (point.x, point.mean));
            plots.extend(line(points, ink.method(series.color), 2.2));
        }
        // In the colour of the text, to stand out from the lines they lie on.
        let failures = self.series.iter().flat_map(|series| &series.failures);
        let failures: Vec<_> = failures.map(|&(step, value)| (step as f64, value)).collect();
        if !failures.is_empty() {
            let crosses = ScatterPlot::new().with_data(failures).with_color(ink.text());
            plots.push(crosses.with_marker(MarkerShape::Cross).with_size(6.0).into());
        }
        plots
    }
}

/// Element ids of a drawing, `<prefix><number>`, as `<id>-<number>` counted from 0.
///
/// The library counts on from drawing to drawing, so the same figure would differ from time to time.
fn renumbered(drawn: &str, prefix: &str, id: &str) -> String {
    let mut parts = drawn.split(prefix);
    let mut text = parts.next().unwrap_or_default().to_owned();
    let mut seen: Vec<&str> = Vec::new();
    for part in parts {
        let digits = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
        let (number, rest) = part.split_at(digits);
        let place = seen.iter().position(|known| *known == number).unwrap_or_else(|| {
            seen.push(number);
            seen.len() - 1
        });
        text.push_str(&format!("{id}-{place}{rest}"));
    }
    text
}

/// A line, or a dot where there is only one point.
fn line(
    points: impl Iterator<Item = (f64, f64)>,
    color: String,
    stroke_width: f64,
) -> Option<Plot> {
    let points: Vec<_> = points.collect();
    match points.len() {
        0 => None,
        1 => {
            let dot = ScatterPlot::new().with_data(points).with_color(color);
            Some(dot.with_size(1.5 * stroke_width).into())
        }
        _ => {
            let line = LinePlot::new().with_data(points).with_color(color);
            Some(line.with_stroke_width(stroke_width).into())
        }
    }
}

/// Steps in the fewest characters: `500`, `20k`, `1.5M`.
fn steps(value: f64) -> String {
    let (scaled, unit) = match value.abs() {
        v if 1e6 <= v => (value / 1e6, "M"),
        v if 1e3 <= v => (value / 1e3, "k"),
        _ => (value, ""),
    };
    format!("{}{unit}", (scaled * 100.0).round() / 100.0)
}

/// The library reads `$…$` in labels as mathematics; names are only names.
fn literal(label: &str) -> String {
    label.replace('$', "\\$")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_counted_from_zero() {
        let drawn = "<a id=\"x-17\"/><b id=\"x-4\"/><use href=\"#x-17\"/>x-";
        let expected = "<a id=\"n-0\"/><b id=\"n-1\"/><use href=\"#n-0\"/>n-2";
        assert_eq!(renumbered(drawn, "x-", "n"), expected);
    }

    #[test]
    fn steps_are_short() {
        let cases = [(0.0, "0"), (500.0, "500"), (2500.0, "2.5k"), (1e6, "1M"), (1.25e6, "1.25M")];
        cases.iter().for_each(|&(value, text)| assert_eq!(steps(value), text));
    }
}
