//! Several charts in one drawing.

use kuva::render::render::{Primitive, Scene};

use super::size::Frame;
use super::{Chart, Medium};

/// Charts below each other, those of a row beside each other.
#[derive(Debug, Clone)]
pub struct Sheet {
    /// Name of the drawing; part of its file name.
    pub title: String,
    /// The rows, from the top.
    pub rows: Vec<Row>,
}

/// Charts beside each other.
#[derive(Debug, Clone)]
pub struct Row {
    /// The charts, from the left.
    pub charts: Vec<Chart>,
    /// Height without legends, in CSS pixels.
    pub height: f64,
}

impl Sheet {
    /// Width of the names at the left of a row, which only its first chart has.
    const NAMES: f64 = 48.0;

    fn width(medium: Medium) -> f64 {
        match medium {
            Medium::Page | Medium::File => 940.0,
            // Two columns of a paper, 6.75 inches.
            Medium::Print => 810.0,
        }
    }

    pub(super) fn scene(&self, medium: Medium) -> Scene {
        let (width, ink) = (Self::width(medium), medium.ink());
        let mut whole = Scene::new(width, 0.0);
        let mut top = 0.0;
        for row in &self.rows {
            let names = if row.charts.len() < 2 { 0.0 } else { Self::NAMES };
            let each = (width - names) / row.charts.len() as f64;
            let (mut left, mut height) = (0.0, 0.0_f64);
            for (index, chart) in row.charts.iter().enumerate() {
                let width = if index == 0 { each + names } else { each };
                let scene = chart.scene_in(Frame { width, height: row.height }, ink);
                height = height.max(scene.height);
                let transform = Some(format!("translate({left},{top})"));
                let group = Primitive::GroupStart { transform, title: None, extra_attrs: None };
                whole.elements.push(group);
                whole.elements.extend(scene.elements);
                whole.elements.push(Primitive::GroupEnd);
                whole.defs.extend(scene.defs);
                whole.background_color = scene.background_color;
                whole.text_color = scene.text_color;
                whole.font_family = scene.font_family;
                left += width;
            }
            top += height;
        }
        whole.height = top;
        whole
    }
}
