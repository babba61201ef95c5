//! Splits dashed lines into separate pieces. The plotting library restarts the dash pattern at
//! every point of a line, so a line with many points would look solid.

/// Returns the visible pieces of a line. The lengths in `pattern` alternate between drawn and
/// skipped; `units` is the length of a unit on each axis.
pub(super) fn pieces(
    points: &[(f64, f64)],
    pattern: &[f64],
    units: [f64; 2],
) -> Vec<Vec<(f64, f64)>> {
    let mut pieces = Vec::new();
    let mut piece = Vec::from_iter(points.first().copied());
    // The repeating lengths of the pattern, and the remainder of the current one.
    let mut lengths = pattern.iter().copied().cycle();
    let mut left = lengths.next().unwrap_or(f64::INFINITY);
    let mut is_drawn = true;
    for pair in points.windows(2) {
        let ((mut x, mut y), (to_x, to_y)) = (pair[0], pair[1]);
        loop {
            let length = ((to_x - x) * units[0]).hypot((to_y - y) * units[1]);
            // A segment that is not finite lies outside of the drawing.
            if !(left < length && length.is_finite()) {
                left -= if length.is_finite() { length } else { 0.0 };
                break;
            }
            let part = left / length;
            (x, y) = (x + part * (to_x - x), y + part * (to_y - y));
            if is_drawn {
                piece.push((x, y));
                pieces.push(std::mem::take(&mut piece));
            } else {
                piece = vec![(x, y)];
            }
            is_drawn = !is_drawn;
            left = lengths.next().unwrap_or(f64::INFINITY);
        }
        if is_drawn {
            piece.push((to_x, to_y));
        }
    }
    if 1 < piece.len() {
        pieces.push(piece);
    }
    pieces
}

/// Scales a dash pattern for a line that many times as wide, whose dashes have round ends.
pub(super) fn scaled(pattern: &str, scale: f64, stroke_width: f64) -> String {
    let lengths = pattern.split(' ').filter_map(|length| length.parse::<f64>().ok()).enumerate();
    let ends = |index: usize| if index.is_multiple_of(2) { -stroke_width } else { stroke_width };
    let scaled =
        lengths.map(|(index, length)| (scale * (length + ends(index))).max(0.1).to_string());
    scaled.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_keep_their_look_in_pictures() {
        // Round ends add 2 to each dash, so 5 and 3 remain visible, three times as long.
        assert_eq!(scaled("5 3", 3.0, 2.0), "9 15");
        assert_eq!(scaled("6 2 2 2", 3.0, 2.0), "12 12 0.1 12");
    }

    #[test]
    fn pieces_by_hand() {
        // 2 drawn, 1 skipped, around a corner; a unit of x is twice as long as one of y.
        let line = [(0.0, 0.0), (2.0, 0.0), (2.0, 5.0)];
        let expected = vec![
            vec![(0.0, 0.0), (1.0, 0.0)],
            vec![(1.5, 0.0), (2.0, 0.0), (2.0, 1.0)],
            vec![(2.0, 2.0), (2.0, 4.0)],
        ];
        assert_eq!(pieces(&line, &[2.0, 1.0], [2.0, 1.0]), expected);
    }

    #[test]
    fn many_points_have_the_pieces_of_few() {
        let dense: Vec<_> = (0..=1000).map(|x| (f64::from(x), 0.0)).collect();
        let ends = |points: &[(f64, f64)]| {
            let pieces = pieces(points, &[90.0, 60.0], [1.0, 1.0]);
            pieces.iter().map(|piece| (piece[0], piece[piece.len() - 1])).collect::<Vec<_>>()
        };
        assert_eq!(ends(&dense), ends(&[dense[0], dense[1000]]));
        assert_eq!(ends(&dense).len(), 7);
    }

    #[test]
    fn what_has_no_length_has_no_pieces() {
        assert!(pieces(&[], &[1.0, 1.0], [1.0, 1.0]).is_empty());
        assert!(pieces(&[(0.0, 0.0)], &[1.0, 1.0], [1.0, 1.0]).is_empty());
        let endless = [(0.0, 0.0), (1.0, f64::INFINITY), (2.0, f64::NAN), (3.0, 0.0)];
        assert!(pieces(&endless, &[1.0, 1.0], [1.0, 1.0]).len() <= 4);
    }
}
