//! Charts: marks over two axes, as SVG, PNG and PDF, in the look of all figures of a report.
//!
//! No other module depends on the plotting library.

mod dash;
mod label;
mod legend;
mod mark;
mod output;
mod sheet;
mod size;

use std::sync::Arc;

use kuva::TickFormat;
use kuva::render::layout::Layout;
use kuva::render::plots::Plot;
use kuva::render::render::{Scene, render_multiple};
use kuva::render::theme::Theme;

use self::label::literal;
use self::legend::Legend;
pub use self::legend::{Key, KeyShape};
pub use self::mark::Mark;
pub use self::output::Picture;
pub(crate) use self::output::check_pdf;
pub use self::sheet::{Row, Sheet};
pub use self::size::Size;
use self::size::{Fonts, Frame};
use crate::palette::Ink;
pub use crate::palette::{Color, Dash, Look, Sign};

/// A chart: marks over two axes, and a legend.
#[derive(Debug, Clone, Default)]
pub struct Chart {
    /// Title above the chart; also part of its file name.
    pub title: String,
    /// Horizontal axis.
    pub x: Axis,
    /// Vertical axis.
    pub y: Axis,
    /// Whether both axes have the same scale, as on a map.
    pub is_map: bool,
    /// Marks, back to front.
    pub marks: Vec<Mark>,
    /// Lines of the legend.
    pub legend: Vec<Key>,
    /// Names along the vertical axis instead of numbers, from the bottom: the first at 1, the
    /// second at 2 and so on.
    pub names: Vec<String>,
    /// How large it is.
    pub size: Size,
}

/// An axis and its range.
#[derive(Debug, Clone, Default)]
pub struct Axis {
    /// Quantity and unit; empty for an axis without meaning, which has no numbers.
    pub label: &'static str,
    /// Lowest and highest value.
    pub range: [f64; 2],
}

/// Where a drawing is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Medium {
    /// On the page, in its colours, with single runs on demand.
    Page,
    /// In a file.
    File,
    /// In a paper, whose columns are narrow.
    Print,
}

impl Medium {
    fn ink(self) -> Ink {
        match self {
            Self::Page => Ink::Page,
            Self::File | Self::Print => Ink::File,
        }
    }
}

impl Chart {
    fn scene(&self, medium: Medium) -> Scene {
        self.scene_in(self.size.frame(medium, self.is_map, self.names.len()), medium.ink())
    }

    /// Returns the approximate width of what is left of the vertical axis: the title is centred
    /// over the rest.
    fn beside_axis(&self, fonts: &Fonts) -> f64 {
        let tick = f64::from(fonts.tick);
        let widest = self.names.iter().map(|name| label::width(name)).fold(2.5, f64::max);
        1.5 * tick + tick * widest
    }

    /// Draws the chart in a frame, which grows by the legend.
    fn scene_in(&self, frame: Frame, ink: Ink) -> Scene {
        let units = self.units(frame);
        let plots: Vec<Plot> = self.marks.iter().flat_map(|mark| mark.plots(ink, units)).collect();
        let (fonts, is_usual) = (self.size.fonts(), self.size == Size::Usual);
        let keys = if is_usual { self.legend.as_slice() } else { &[] };
        let legend = Legend::new(keys, frame.width, ink);
        let [x_label, y_label] =
            [&self.x, &self.y].map(|axis| if is_usual { axis.label } else { "" });
        let mut layout = Layout::auto_from_plots(&plots)
            .with_width(frame.width)
            .with_height(frame.height + legend.height())
            .with_title(literal(&self.title, frame.width - self.beside_axis(&fonts), fonts.title))
            .with_x_label(x_label)
            .with_y_label(y_label)
            .with_x_axis_min(self.x.range[0])
            .with_x_axis_max(self.x.range[1])
            .with_y_axis_min(self.y.range[0])
            .with_y_axis_max(self.y.range[1])
            .with_ticks(self.size.ticks())
            .with_tick_format(TickFormat::Custom(Arc::new(short)))
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
            let names = self
                .names
                .iter()
                .map(|name| literal(name, frame.width / 2.0, fonts.tick))
                .collect();
            layout = layout.with_y_categories(names);
        }
        layout.suppress_x_ticks = self.x.label.is_empty();
        layout.suppress_y_ticks = self.y.label.is_empty() && self.names.is_empty();
        if layout.suppress_x_ticks && layout.suppress_y_ticks {
            layout = layout.with_show_grid(false).with_box_axes();
        }
        if self.is_map {
            layout = layout.with_equal_aspect();
        }
        if !is_usual {
            // The library leaves room for axis labels and a legend.
            layout = layout.with_force_margins_y(28.0, 24.0);
        }
        render_multiple(plots, legend.on(layout))
    }

    /// Returns the approximate length of a unit on each axis in CSS pixels, without the space for
    /// labels.
    fn units(&self, frame: Frame) -> [f64; 2] {
        let lengths = [frame.width - 80.0, frame.height - 80.0];
        let unit = |length: f64, axis: &Axis| length / (axis.range[1] - axis.range[0]);
        [unit(lengths[0], &self.x), unit(lengths[1], &self.y)]
    }
}

/// Formats a number on an axis in the fewest characters: `500`, `20k`, `1.5M`, `0.0003`.
fn short(value: f64) -> String {
    let (scaled, unit) = match value.abs() {
        v if 1e6 <= v => (value / 1e6, "M"),
        v if 1e4 <= v => (value / 1e3, "k"),
        _ => (value, ""),
    };
    // Ticks are round numbers: the sixth digit is an error of the sum of steps.
    let digits = match scaled.abs() {
        v if v < 1e-12 => return "0".to_owned(),
        v => (4 - v.log10().floor() as i32).clamp(0, 12),
    };
    let text = format!("{scaled:.0$}", digits as usize);
    let text = match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => text.as_str(),
    };
    format!("{}{unit}", text.replace('-', "−"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_on_axes_are_short() {
        let cases = [
            (0.0, "0"),
            (500.0, "500"),
            (2500.0, "2500"),
            (-20_000.0, "−20k"),
            (1e6, "1M"),
            (1.25e6, "1.25M"),
            (0.1 + 0.2, "0.3"),
            (0.00025, "0.00025"),
            (-1e-17, "0"),
        ];
        cases.iter().for_each(|&(value, text)| assert_eq!(short(value), text));
    }
}
