//! Pictures of target-reaching in the style of Fig. 7. No graphics driver is needed.

use super::TargetReaching;
use crate::frame::Frame;

// Colours that remain distinct with common colour vision deficiencies (Okabe and Ito).
const WHITE: [u8; 3] = [255, 255, 255];
const BLACK: [u8; 3] = [0, 0, 0];
const OBSTACLE: [u8; 3] = [120, 120, 120];
const TARGET: [u8; 3] = [0, 158, 115];
const AGENT: [u8; 3] = [0, 114, 178];

/// Radius of the agent's dot (m).
const DOT: f64 = 0.12;
/// Width of lines (m).
const LINE: f64 = 0.05;
/// White margin around the arena (m).
const MARGIN: f64 = 0.25;

impl TargetReaching {
    /// Draws the arena as a square of `size` × `size` pixels, y upwards: edge black, obstacles
    /// grey, target green, and the agent as a blue dot at the end of `trail`, its past positions
    /// (m).
    pub fn draw(&self, size: usize, trail: &[[f64; 2]]) -> Frame {
        let half = self.config.half_extent;
        let pixels = size as f64 / (2.0 * (half + MARGIN));
        let mut frame = Frame::new(size, size, WHITE);
        // Paints where `depth` is positive. It is the signed distance (m) to the shape's border,
        // positive inside. Pixels on the border are blended in proportion.
        let mut paint = |color, depth: &dyn Fn([f64; 2]) -> f64| {
            frame.blend(color, |x, y| {
                let point = [x / pixels - half - MARGIN, half + MARGIN - y / pixels];
                0.5 + depth(point) * pixels
            });
        };
        let distance = super::distance;
        paint(TARGET, &|x| self.config.target_radius - distance(x, self.target));
        for disc in &self.obstacles {
            paint(OBSTACLE, &|x| disc.radius - distance(x, disc.center));
        }
        for pair in trail.windows(2) {
            paint(AGENT, &|x| LINE / 2.0 - distance_to_segment(x, pair[0], pair[1]));
        }
        let dot = self.config.agent_radius.max(DOT);
        paint(AGENT, &|x| dot - distance(x, self.position));
        paint(BLACK, &|[x, y]| LINE - (x.abs().max(y.abs()) - half - LINE / 2.0).abs() * 2.0);
        frame
    }
}

fn distance_to_segment(x: [f64; 2], from: [f64; 2], to: [f64; 2]) -> f64 {
    let (along, of) = ([to[0] - from[0], to[1] - from[1]], [x[0] - from[0], x[1] - from[1]]);
    let length = along[0] * along[0] + along[1] * along[1];
    let share = if length > 0.0 { (of[0] * along[0] + of[1] * along[1]) / length } else { 0.0 };
    let share = share.clamp(0.0, 1.0);
    super::distance(x, [from[0] + share * along[0], from[1] + share * along[1]])
}
