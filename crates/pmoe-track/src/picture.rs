//! A mixture's primitives as bars.

use std::collections::BTreeMap;

/// Height of the picture (pixels), that of a bar at 1.
const HEIGHT: usize = 100;
/// Width of a bar, and of the space on both sides of a primitive (pixels).
const BAR: usize = 8;
/// Distance of the lines, a quarter of the height (pixels).
const LINES: usize = HEIGHT / 4;

/// Colours, by their places in the palette.
const BACKGROUND: u8 = 0;
const LINE: u8 = 1;
const WEIGHT: u8 = 2;
const USAGE: u8 = 3;
const PALETTE: [u8; 12] = [255, 255, 255, 210, 210, 210, 31, 119, 180, 255, 127, 14];

/// What the picture shows, for those who look at it.
pub(crate) const DESCRIPTION: &str = "One place for each primitive, from 0: its mean weight in blue and, where one is \
     chosen to learn, how often it is in orange. Lines are at 0.25, 0.5 and 0.75.";

/// A picture as a PNG file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Picture {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) png: Vec<u8>,
}

/// Draws the mean weights and the usage of a mixture's primitives; none for metrics of a policy without primitives.
pub(crate) fn primitives(metrics: &BTreeMap<String, f64>) -> Option<Picture> {
    let of = |name: &str, k: usize| metrics.get(&format!("{name}_{k}")).copied();
    let bars: Vec<_> = (0..)
        .map(|k| (of("weight_mean", k), of("primitive_usage", k)))
        .take_while(|(weight, usage)| weight.is_some() || usage.is_some())
        .collect();
    if bars.is_empty() {
        return None;
    }
    let place = 3 * BAR;
    let width = bars.len() * place + BAR;
    let mut pixels = vec![BACKGROUND; width * HEIGHT];
    for line in (LINES..HEIGHT).step_by(LINES) {
        pixels[line * width..(line + 1) * width].fill(LINE);
    }
    for (k, (weight, usage)) in bars.into_iter().enumerate() {
        for (part, value, color) in [(0, weight, WEIGHT), (1, usage, USAGE)] {
            let bar = (value.unwrap_or(0.0).clamp(0.0, 1.0) * HEIGHT as f64).round() as usize;
            for row in HEIGHT - bar..HEIGHT {
                let from = row * width + k * place + BAR + part * BAR;
                pixels[from..from + BAR].fill(color);
            }
        }
    }
    let png = encode(width, &pixels).expect("a picture in memory");
    Some(Picture { width, height: HEIGHT, png })
}

fn encode(width: usize, pixels: &[u8]) -> Result<Vec<u8>, png::EncodingError> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width as u32, HEIGHT as u32);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_palette(&PALETTE[..]);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn bars_are_as_high_as_the_numbers() {
        let metrics = [
            ("weight_mean_0", 0.75),
            ("weight_mean_1", 0.25),
            ("primitive_usage_0", 1.0),
            ("primitive_usage_1", 0.0),
            ("alpha", 0.2),
        ];
        let metrics = metrics.map(|(name, value)| (name.to_owned(), value)).into();
        let picture = primitives(&metrics).unwrap();
        let mut reader = png::Decoder::new(Cursor::new(&picture.png)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        assert_eq!(pixels.len(), picture.width * picture.height);
        // Two bars of 8 pixels for each of the two, and 8 pixels around them.
        assert_eq!((picture.width, picture.height), (56, 100));
        let column = |x: usize| pixels.iter().skip(x).step_by(picture.width).copied();
        let height = |x, color| column(x).filter(|pixel| *pixel == color).count();
        for (x, color, rows) in [
            (8, WEIGHT, 75),
            (15, WEIGHT, 75),
            (16, USAGE, 100),
            (32, WEIGHT, 25),
            (40, USAGE, 0),
            (0, LINE, 3),
        ] {
            assert_eq!(height(x, color), rows, "column {x}");
        }
    }

    #[test]
    fn a_policy_without_primitives_has_no_picture() {
        assert_eq!(primitives(&BTreeMap::from([("alpha".to_owned(), 0.2)])), None);
    }
}
