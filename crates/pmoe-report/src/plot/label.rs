//! Chart titles and legend labels.

use pmoe_results::text::one_line;

/// Returns the approximate width of a text in units of the font size.
pub(super) fn width(text: &str) -> f64 {
    text.chars().map(width_of).sum()
}

fn width_of(c: char) -> f64 {
    match c {
        ' ' | '(' | ')' | '[' | ']' | ',' | '.' | ':' | '-' | '/' | 'f' | 'i' | 'l' | 'r' | 't' => {
            0.36
        }
        'm' | 'w' | 'M' | 'W' | '@' | '%' => 0.95,
        'A'..='Z' => 0.7,
        _ if c.is_ascii() => 0.62,
        _ => 1.0,
    }
}

/// Escapes a text for the library, which reads `$…$` as mathematics, and removes control
/// characters, which SVG does not allow. A text of that font size that is too long for its place is
/// cut in the middle, because names differ at their ends.
pub(super) fn literal(text: &str, place: f64, font_size: u32) -> String {
    let text = one_line(text);
    // Widths are approximate.
    let room = place / (1.05 * f64::from(font_size));
    if width(&text) <= room {
        return text.replace('$', "\\$");
    }
    let end = |chars: &mut dyn Iterator<Item = char>| {
        let mut left = (room - 1.0) / 2.0;
        let fits = |c: &char| {
            left -= width_of(*c);
            0.0 <= left
        };
        chars.take_while(fits).collect::<String>()
    };
    let (first, last) = (end(&mut text.chars()), end(&mut text.chars().rev()));
    let text = first + "…" + &last.chars().rev().collect::<String>();
    text.replace('$', "\\$")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_are_too_long_are_cut_in_the_middle() {
        for text in [
            "pmoe-sac on HalfCheetah-v2, seed 0: actions at step 4 of five",
            "pmoe-sac (actor.pmoe.num_primitives=8) (3 of 3 seeds)",
        ] {
            assert_eq!(literal(text, 520.0, 15), text);
        }
        let cut = |text: &str| literal(text, 520.0, 15);
        let ends = |begin: &str, end: &str| format!("{begin}{}{end}", "x".repeat(260));
        let (a, b) = (cut(&ends("a ", " (1 of 3 seeds)")), cut(&ends("a ", " (2 of 3 seeds)")));
        assert!(a.starts_with("a xxx") && a.ends_with("xxx (1 of 3 seeds)") && a != b, "{a}");
        assert!(a.contains('…') && a.chars().count() < 70, "{a}");
        assert_eq!(cut("$x$\n\u{1b}[1m"), "\\$x\\$ [1m");
    }
}
