//! Drawings as SVG, PNG and PDF.

use kuva::backend::pdf::{PageSize, PdfBackend};
use kuva::backend::raster::RasterBackend;
use kuva::backend::svg::SvgBackend;
use kuva::render::render::{Primitive, Scene};

use super::dash::scaled;
use super::{Chart, Medium, Sheet, Size};
use crate::palette::Ink;

/// PNG pixels per CSS pixel.
const PNG_SCALE: f32 = 3.0;

/// Points, 1/72 inch, per CSS pixel of a PDF: a drawing for one column is 3.25 inches wide, its
/// smallest text 7 points high.
const PDF_SCALE: f64 = 0.6;

/// A drawing that becomes a figure.
#[derive(Debug, Clone)]
pub enum Picture {
    /// One chart.
    Chart(Chart),
    /// Several charts.
    Sheet(Sheet),
}

impl From<Chart> for Picture {
    fn from(chart: Chart) -> Self {
        Self::Chart(chart)
    }
}

impl From<Sheet> for Picture {
    fn from(sheet: Sheet) -> Self {
        Self::Sheet(sheet)
    }
}

impl Picture {
    pub(crate) fn title(&self) -> &str {
        match self {
            Self::Chart(chart) => &chart.title,
            Self::Sheet(sheet) => &sheet.title,
        }
    }

    /// Returns the chart, if it is a single one.
    pub(crate) fn chart(&self) -> Option<&Chart> {
        match self {
            Self::Chart(chart) => Some(chart),
            Self::Sheet(_) => None,
        }
    }

    fn scene(&self, medium: Medium) -> Scene {
        match self {
            Self::Chart(chart) => chart.scene(medium),
            Self::Sheet(sheet) => sheet.scene(medium),
        }
    }

    /// Renders the drawing as an SVG document, with `width` and `height` in CSS pixels.
    pub fn svg(&self) -> String {
        svg(&self.scene(Medium::File), Ink::File, "figure")
    }

    /// Renders the drawing as an `svg` element for the page, with the width of its box and the
    /// page's colours. A chart has its small form; the files have axis labels and a legend.
    ///
    /// `id` keeps its element ids distinct from those of other figures.
    pub(crate) fn inline_svg(&self, id: &str) -> String {
        let scene = match self {
            Self::Chart(chart) => Chart { size: Size::Small, ..chart.clone() }.scene(Medium::Page),
            Self::Sheet(sheet) => sheet.scene(Medium::Page),
        };
        svg(&scene, Ink::Page, id)
    }

    /// Renders the drawing as a PNG file.
    ///
    /// # Errors
    /// Returns the plotting library's message if it fails.
    pub fn png(&self) -> Result<Vec<u8>, String> {
        let mut scene = self.scene(Medium::File);
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
        let scene = self.scene(Medium::File);
        [scene.width, scene.height].map(|length| (length as f32 * PNG_SCALE).ceil() as u32)
    }

    /// Renders the drawing as a PDF file of one page, as wide as a column of a paper or two, with
    /// its fonts.
    ///
    /// # Errors
    /// Returns the plotting library's message if it fails.
    pub fn pdf(&self) -> Result<Vec<u8>, String> {
        let scene = self.scene(Medium::Print);
        let [width, height] = [scene.width, scene.height].map(|length| length * PDF_SCALE);
        PdfBackend::new().with_page_size(PageSize::points(width, height)).render_scene(&scene)
    }
}

/// Checks that a file is a complete PDF file of one page. Returns a readable error otherwise.
///
/// Its bytes depend on the fonts of the machine, as the pixels of a PNG file do.
pub(crate) fn check_pdf(bytes: &[u8]) -> Result<(), String> {
    let has = |text: &[u8]| bytes.windows(text.len()).any(|part| part == text);
    let tail = bytes.trim_ascii_end();
    match (bytes.starts_with(b"%PDF-"), tail.ends_with(b"%%EOF"), has(b"startxref")) {
        (true, true, true) => Ok(()),
        (false, ..) => Err("not a PDF file".to_owned()),
        _ => Err("a PDF file without its end".to_owned()),
    }
}

/// Renders the SVG with a view box, which lets a browser scale it; the library only writes a fixed
/// size.
fn svg(scene: &Scene, ink: Ink, id: &str) -> String {
    let drawn = SvgBackend::new().render_scene(scene);
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
    fn an_incomplete_pdf_is_named() {
        let whole: &[u8] = b"%PDF-1.7\n...\nstartxref\n9\n%%EOF\n";
        assert_eq!(check_pdf(whole), Ok(()));
        assert_eq!(check_pdf(&whole[..20]).unwrap_err(), "a PDF file without its end");
        assert_eq!(check_pdf(b"").unwrap_err(), "not a PDF file");
    }
}
