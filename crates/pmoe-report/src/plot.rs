//! Charts: marks over two axes. No other module depends on the plotting library.

mod dash;
mod label;
mod size;

use std::sync::Arc;

use kuva::TickFormat;
use kuva::backend::raster::RasterBackend;
use kuva::backend::svg::SvgBackend;
use kuva::plot::legend::{LegendEntry, LegendPosition, LegendShape};
use kuva::plot::scatter::MarkerShape;
use kuva::plot::{BandPlot, LinePlot, ScatterPlot};
use kuva::render::layout::Layout;
use kuva::render::plots::Plot;
use kuva::render::render::{Primitive, Scene, render_multiple};
use kuva::render::theme::Theme;

use self::dash::{pieces, scaled};
use self::label::literal;
pub(crate) use self::size::Size;
use crate::palette::{Color, Ink, Look, Sign};

/// PNG pixels per CSS pixel.
const PNG_SCALE: f32 = 3.0;

/// A chart: marks over two axes, and a legend.
#[derive(Debug, Default)]
pub(crate) struct Chart {
    /// Title above the chart; also part of its file name.
    pub(crate) title: String,
    /// Horizontal axis.
    pub(crate) x: Axis,
    /// Vertical axis.
    pub(crate) y: Axis,
    /// Whether both axes have the same scale, as on a map.
    pub(crate) is_map: bool,
    /// Marks, back to front.
    pub(crate) marks: Vec<Mark>,
    /// Lines of the legend.
    pub(crate) legend: Vec<Key>,
    /// Names along the vertical axis instead of numbers, from the bottom: the first at 1, the
    /// second at 2 and so on.
    pub(crate) names: Vec<String>,
    pub(crate) size: Size,
}

/// An axis and its range.
#[derive(Debug, Default)]
pub(crate) struct Axis {
    /// Quantity and unit; empty for an axis without meaning, whose numbers are hidden.
    pub(crate) label: &'static str,
    /// Lowest and highest value.
    pub(crate) range: [f64; 2],
}

/// A line of the legend.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) label: String,
    pub(crate) color: Color,
    pub(crate) shape: KeyShape,
}

/// Symbol of a mark in the legend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyShape {
    Line,
    /// The line of a method.
    Curve(Look),
    Dot,
    Area,
}

/// A mark on a chart.
#[derive(Debug)]
pub(crate) enum Mark {
    /// A line, or a dot if there is only one point.
    Line { points: Vec<(f64, f64)>, color: Color, width: f64 },
    /// The line of a method.
    Curve { points: Vec<(f64, f64)>, look: Look, width: f64 },
    /// The signs of a method on some points of its line, if it has any.
    Signs { points: Vec<(f64, f64)>, look: Look },
    /// Dots of a size in pixels.
    Dots { points: Vec<(f64, f64)>, color: Color, size: f64 },
    /// Crosses of a fixed size.
    Crosses { points: Vec<(f64, f64)>, color: Color },
    /// The area between two lines over `x`.
    Area { x: Vec<f64>, low: Vec<f64>, high: Vec<f64>, color: Color, opacity: f64 },
}

impl Mark {
    /// Returns a filled rectangle between two corners.
    pub(crate) fn rectangle(low: [f64; 2], high: [f64; 2], color: Color, opacity: f64) -> Self {
        let x = vec![low[0], high[0]];
        Self::Area { x, low: vec![low[1]; 2], high: vec![high[1]; 2], color, opacity }
    }

    /// Returns a filled disc.
    pub(crate) fn disc(center: [f64; 2], radius: f64, color: Color, opacity: f64) -> Self {
        // Enough corners to look round.
        let angles = (0..=48).map(|step| f64::from(step) / 48.0 * std::f64::consts::PI);
        let around: Vec<_> = angles.map(|angle| [-angle.cos(), angle.sin()]).collect();
        let of = |y: f64| around.iter().map(|at| center[1] + y * radius * at[1]).collect();
        let x = around.iter().map(|at| center[0] + radius * at[0]).collect();
        Self::Area { x, low: of(-1.0), high: of(1.0), color, opacity }
    }

    /// Converts the mark for the plotting library; `units` is the length of a unit on each axis in
    /// CSS pixels.
    fn plots(&self, ink: Ink, units: [f64; 2]) -> Vec<Plot> {
        match self {
            Self::Line { points, color, width } => {
                line(points.clone(), ink.color(*color), *width).into_iter().collect()
            }
            Self::Curve { points, look, width } => {
                let color = ink.color(Color::Palette(look.color));
                let whole = vec![points.clone()];
                let pieces = match look.dash.pattern() {
                    Some(pattern) if 1 < points.len() => pieces(points, pattern, units),
                    _ => whole,
                };
                pieces.into_iter().filter_map(|piece| line(piece, color.clone(), *width)).collect()
            }
            Self::Signs { points, look } => look
                .sign
                .filter(|_| !points.is_empty())
                .map(|sign| {
                    let signs = ScatterPlot::new().with_data(few(points));
                    let signs = signs.with_color(ink.color(Color::Palette(look.color)));
                    signs.with_marker(sign.marker()).with_size(4.5).into()
                })
                .into_iter()
                .collect(),
            Self::Dots { points, color, size } if !points.is_empty() => {
                let dots = ScatterPlot::new().with_data(points.clone());
                vec![dots.with_color(ink.color(*color)).with_size(*size).into()]
            }
            Self::Crosses { points, color } if !points.is_empty() => {
                let crosses = ScatterPlot::new().with_data(points.clone());
                let crosses = crosses.with_color(ink.color(*color));
                vec![crosses.with_marker(MarkerShape::Cross).with_size(6.0).into()]
            }
            Self::Area { x, low, high, color, opacity } if 1 < x.len() => {
                let area = BandPlot::new(x.clone(), low.clone(), high.clone());
                vec![area.with_color(ink.color(*color)).with_opacity(*opacity).into()]
            }
            Self::Dots { .. } | Self::Crosses { .. } | Self::Area { .. } => Vec::new(),
        }
    }
}

impl Chart {
    /// Renders the chart as an SVG document, with `width` and `height` in CSS pixels.
    pub(crate) fn svg(&self) -> String {
        self.scaled_svg(Ink::File, "figure")
    }

    /// Renders the chart as an `svg` element for the page, with the width of its box and the page's
    /// colours.
    ///
    /// `id` keeps its element ids distinct from those of other figures.
    pub(crate) fn inline_svg(&self, id: &str) -> String {
        self.scaled_svg(Ink::Page, id)
    }

    /// Renders the chart as a PNG file.
    ///
    /// # Errors
    /// Returns the plotting library's message if it fails.
    pub(crate) fn png(&self) -> Result<Vec<u8>, String> {
        let mut scene = self.scene(Ink::File);
        // The library scales everything except dash patterns, and draws every dash with round ends.
        for element in &mut scene.elements {
            if let Primitive::Line { stroke_dasharray: Some(pattern), stroke_width, .. } = element {
                *pattern = scaled(pattern, f64::from(PNG_SCALE), *stroke_width);
            }
        }
        RasterBackend::new().with_scale(PNG_SCALE).render_scene(&scene)
    }

    /// Returns width and height of [`Self::png`] in pixels.
    pub(crate) fn png_size(&self) -> [u32; 2] {
        let scene = self.scene(Ink::File);
        [scene.width, scene.height].map(|length| (length as f32 * PNG_SCALE).ceil() as u32)
    }

    /// Renders the SVG with a view box, which lets a browser scale it; the library only writes a
    /// fixed size.
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
        let units = self.units();
        let plots: Vec<_> = self.marks.iter().flat_map(|mark| mark.plots(ink, units)).collect();
        let legend = self.legend.iter().map(|key| LegendEntry {
            label: literal(&key.label),
            color: ink.color(key.color),
            shape: match key.shape {
                KeyShape::Curve(Look { sign: Some(sign), .. }) => {
                    LegendShape::Marker(sign.marker())
                }
                KeyShape::Line | KeyShape::Curve(_) => LegendShape::Line,
                KeyShape::Dot => LegendShape::Circle,
                KeyShape::Area => LegendShape::Rect,
            },
            dasharray: match key.shape {
                KeyShape::Curve(look) => look.dash.svg().map(str::to_owned),
                _ => None,
            },
        });
        let (size, fonts) = (self.size, self.size.fonts());
        let is_usual = size == Size::Usual;
        let legend: Vec<_> = legend.filter(|_| is_usual).collect();
        let [x_label, y_label] = [&self.x, &self.y].map(|axis| axis.label);
        let mut layout = Layout::auto_from_plots(&plots)
            .with_width(size.width())
            .with_height(size.height(self.is_map, self.names.len(), legend.len()))
            .with_title(literal(&self.title))
            .with_x_label(if is_usual { x_label } else { "" })
            .with_y_label(if is_usual { y_label } else { "" })
            .with_x_axis_min(self.x.range[0])
            .with_x_axis_max(self.x.range[1])
            .with_y_axis_min(self.y.range[0])
            .with_y_axis_max(self.y.range[1])
            .with_ticks(size.ticks())
            .with_x_tick_format(self.x.ticks())
            .with_legend_entries(legend)
            .with_legend_position(LegendPosition::OutsideBottomColumns)
            .with_legend_box(false)
            .with_title_size(fonts.title)
            .with_label_size(fonts.label)
            .with_tick_size(fonts.tick)
            .with_body_size(fonts.label)
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
        if !self.names.is_empty() {
            let names = self.names.iter().map(|name| literal(name)).collect();
            layout = layout.with_y_categories(names);
        } else if y_label.is_empty() {
            layout = layout.with_y_tick_format(self.y.ticks());
        }
        if self.is_map {
            layout = layout.with_equal_aspect();
        }
        if !is_usual {
            // The library leaves room for axis labels and a legend.
            layout = layout.with_force_margins_y(28.0, 24.0);
        }
        render_multiple(plots, layout)
    }
}

impl Chart {
    /// Returns the approximate length of a unit on each axis in CSS pixels, without the space for
    /// labels.
    fn units(&self) -> [f64; 2] {
        let lengths = if self.is_map { [400.0, 400.0] } else { [440.0, 250.0] };
        let unit = |length: f64, axis: &Axis| length / (axis.range[1] - axis.range[0]);
        [unit(lengths[0], &self.x), unit(lengths[1], &self.y)]
    }
}

impl Axis {
    fn ticks(&self) -> TickFormat {
        match self.label {
            "" => TickFormat::Custom(Arc::new(|_| String::new())),
            _ => TickFormat::Custom(Arc::new(steps)),
        }
    }
}

/// Renumbers the element ids `<prefix><number>` of a drawing to `<id>-<number>`, counted from 0.
///
/// The library's counter continues from drawing to drawing, so the same figure would get different
/// ids each time.
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

/// Creates a line, or a dot for a single point.
fn line(points: Vec<(f64, f64)>, color: String, stroke_width: f64) -> Option<Plot> {
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

/// Maximum number of signs on a line.
const SIGNS: usize = 8;

/// Returns a few evenly spaced points.
fn few(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let every = points.len().div_ceil(SIGNS).max(1);
    points.iter().skip(every / 2).step_by(every).copied().collect()
}

impl Sign {
    fn marker(self) -> MarkerShape {
        match self {
            Self::Circle => MarkerShape::Circle,
            Self::Square => MarkerShape::Square,
            Self::Triangle => MarkerShape::Triangle,
            Self::Diamond => MarkerShape::Diamond,
            Self::Plus => MarkerShape::Plus,
            Self::TriangleDown => MarkerShape::TriangleDown,
            Self::Star => MarkerShape::Star,
        }
    }
}

/// Formats steps in the fewest characters: `500`, `20k`, `1.5M`.
fn steps(value: f64) -> String {
    let (scaled, unit) = match value.abs() {
        v if 1e6 <= v => (value / 1e6, "M"),
        v if 1e3 <= v => (value / 1e3, "k"),
        _ => (value, ""),
    };
    format!("{}{unit}", (scaled * 100.0).round() / 100.0)
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
