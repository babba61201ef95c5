//! RGB images of tasks.

use crate::env::EnvError;

/// An RGB image with 8 bits per channel, row by row from the top.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// Pixel values, `[height · width · 3]`.
    pub rgb: Vec<u8>,
}

/// The largest width and height of a picture (pixels).
const MOST_PIXELS: usize = 4096;

/// Refuses a size that no picture may have.
///
/// # Errors
/// If a side is 0 or above 4096 pixels.
pub fn check_picture_size(width: usize, height: usize) -> Result<(), EnvError> {
    for (what, size) in [("width", width), ("height", height)] {
        if !(1..=MOST_PIXELS).contains(&size) {
            let (key, value) = (what.to_owned(), size.to_string());
            let allowed = format!("between 1 and {MOST_PIXELS} pixels");
            return Err(EnvError::Config { key, value, allowed });
        }
    }
    Ok(())
}

impl Frame {
    /// Creates an image of one colour.
    pub fn new(width: usize, height: usize, color: [u8; 3]) -> Self {
        Self { width, height, rgb: color.repeat(width * height) }
    }

    /// Blends `color` into every pixel. `coverage` gives the opacity at the pixel's centre (x
    /// right, y down, in pixels): 0 leaves the pixel as it is, 1 replaces it.
    pub(crate) fn blend(&mut self, color: [u8; 3], coverage: impl Fn(f64, f64) -> f64) {
        for (index, pixel) in self.rgb.chunks_exact_mut(3).enumerate() {
            let (x, y) = ((index % self.width) as f64 + 0.5, (index / self.width) as f64 + 0.5);
            let share = coverage(x, y).clamp(0.0, 1.0);
            if share > 0.0 {
                for (channel, color) in pixel.iter_mut().zip(color) {
                    let mixed = f64::from(*channel) * (1.0 - share) + f64::from(color) * share;
                    *channel = mixed.round() as u8;
                }
            }
        }
    }
}
