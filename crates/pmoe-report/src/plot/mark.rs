//! Marks on a chart, and their form in the plotting library.

use kuva::plot::scatter::MarkerShape;
use kuva::plot::{BandPlot, LinePlot, ScatterPlot};
use kuva::render::plots::Plot;

use super::dash::pieces;
use crate::palette::{Color, Ink, Look, Sign};

/// A mark on a chart.
#[derive(Debug, Clone)]
pub enum Mark {
    /// A line, or a dot if there is only one point.
    Line {
        /// Its points, in order.
        points: Vec<(f64, f64)>,
        /// Its colour.
        color: Color,
        /// Its width in pixels.
        width: f64,
    },
    /// The line of a single run of a method, by the colour of the method. Only the page has these
    /// lines, and shows them on demand.
    Seed {
        /// Its points, in order.
        points: Vec<(f64, f64)>,
        /// The method's colour, by index.
        color: usize,
    },
    /// The line of a method.
    Curve {
        /// Its points, in order.
        points: Vec<(f64, f64)>,
        /// The look of the method.
        look: Look,
        /// Its width in pixels.
        width: f64,
    },
    /// The signs of a method on some points of its line, if it has any.
    Signs {
        /// The points of the line.
        points: Vec<(f64, f64)>,
        /// The look of the method.
        look: Look,
    },
    /// Dots.
    Dots {
        /// Their centres.
        points: Vec<(f64, f64)>,
        /// Their colour.
        color: Color,
        /// Their size in pixels.
        size: f64,
    },
    /// Crosses of a fixed size.
    Crosses {
        /// Their centres.
        points: Vec<(f64, f64)>,
        /// Their colour.
        color: Color,
    },
    /// The area between two lines.
    Area {
        /// Where the lines have their points.
        x: Vec<f64>,
        /// The lower line.
        low: Vec<f64>,
        /// The upper line.
        high: Vec<f64>,
        /// Its colour.
        color: Color,
        /// How opaque it is, from 0 to 1.
        opacity: f64,
    },
}

impl Mark {
    /// Returns a filled rectangle between two corners.
    pub fn rectangle(low: [f64; 2], high: [f64; 2], color: Color, opacity: f64) -> Self {
        let x = vec![low[0], high[0]];
        Self::Area { x, low: vec![low[1]; 2], high: vec![high[1]; 2], color, opacity }
    }

    /// Returns a filled disc.
    pub fn disc(center: [f64; 2], radius: f64, color: Color, opacity: f64) -> Self {
        // Enough corners to look round.
        let angles = (0..=48).map(|step| f64::from(step) / 48.0 * std::f64::consts::PI);
        let around: Vec<_> = angles.map(|angle| [-angle.cos(), angle.sin()]).collect();
        let of = |y: f64| around.iter().map(|at| center[1] + y * radius * at[1]).collect();
        let x = around.iter().map(|at| center[0] + radius * at[0]).collect();
        Self::Area { x, low: of(-1.0), high: of(1.0), color, opacity }
    }

    /// Converts the mark for the plotting library; `units` is the length of a unit on each axis in
    /// CSS pixels.
    pub(super) fn plots(&self, ink: Ink, units: [f64; 2]) -> Vec<Plot> {
        match self {
            Self::Line { points, color, width } => {
                line(points.clone(), ink.color(*color), *width).into_iter().collect()
            }
            Self::Seed { points, color } => match ink {
                Ink::Page => {
                    line(points.clone(), ink.color(Color::Faint(*color)), 1.0).into_iter().collect()
                }
                Ink::File => Vec::new(),
            },
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
    pub(super) fn marker(self) -> MarkerShape {
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
