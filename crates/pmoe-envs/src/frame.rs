//! Pictures of tasks.

/// A picture: 8 bits each of red, green and blue, row by row from the top.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// `[height · width · 3]`
    pub rgb: Vec<u8>,
}

impl Frame {
    /// A picture of one colour.
    pub fn new(width: usize, height: usize, color: [u8; 3]) -> Self {
        Self { width, height, rgb: color.repeat(width * height) }
    }

    /// Blends `color` into every pixel, as strongly as `coverage` says at its centre (x right, y down,
    /// in pixels): 0 leaves it, 1 replaces it.
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
