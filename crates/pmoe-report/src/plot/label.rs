//! Chart titles and legend labels.

use pmoe_results::text::one_line;

/// Maximum width of a title or legend line, in units of the font size.
const ROOM: f64 = 33.0;

/// Escapes a text for the library, which reads `$…$` as mathematics, and removes control
/// characters, which SVG does not allow. A text that is too long is cut in the middle, because
/// names differ at their ends.
pub(super) fn literal(text: &str) -> String {
    let text = one_line(text);
    let width = |c: char| match c {
        ' ' | '(' | ')' | '[' | ']' | ',' | '.' | ':' | '-' | '/' | 'f' | 'i' | 'l' | 'r' | 't' => {
            0.36
        }
        'm' | 'w' | 'M' | 'W' | '@' | '%' => 0.95,
        'A'..='Z' => 0.7,
        _ if c.is_ascii() => 0.62,
        _ => 1.0,
    };
    if text.chars().map(width).sum::<f64>() <= ROOM {
        return text.replace('$', "\\$");
    }
    let end = |chars: &mut dyn Iterator<Item = char>| {
        let mut left = (ROOM - 1.0) / 2.0;
        let fits = |c: &char| {
            left -= width(*c);
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
            assert_eq!(literal(text), text);
        }
        let ends = |begin: &str, end: &str| format!("{begin}{}{end}", "x".repeat(260));
        let (a, b) =
            (literal(&ends("a ", " (1 of 3 seeds)")), literal(&ends("a ", " (2 of 3 seeds)")));
        assert!(a.starts_with("a xxx") && a.ends_with("xxx (1 of 3 seeds)") && a != b, "{a}");
        assert!(a.contains('…') && a.chars().count() < 70, "{a}");
        assert_eq!(literal("$x$\n\u{1b}[1m"), "\\$x\\$ [1m");
    }
}
