//! Text: safe output and tables for terminals, paths in documents, the order of names, suggestions for
//! misspelt ones.

mod natural;
mod path;
mod suggest;
mod table;

pub use self::natural::{natural_key, paper_key};
pub use self::path::{path_text, path_texts};
pub(crate) use self::suggest::one_of;
pub use self::suggest::{did_you_mean, explained, nearest};
pub use self::table::table;

/// Replaces everything in a text that a terminal would obey with spaces.
///
/// This covers control characters, including those of escape sequences, and marks that change the
/// writing direction. Line breaks stay.
#[must_use]
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if c == '\n' || is_harmless(c) { c } else { ' ' }).collect()
}

/// Like [`printable`], but on one line with single spaces, so that a name can't pose as one of our
/// lines.
#[must_use]
pub fn one_line(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || !is_harmless(c));
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Escapes everything in a JSON document that a terminal would obey; its meaning stays the same.
#[must_use]
pub fn printable_json(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '\n' => text.push(c),
            c if is_harmless(c) => text.push(c),
            c => text.push_str(&format!("\\u{:04x}", u32::from(c))),
        }
    }
    text
}

fn is_harmless(c: char) -> bool {
    let turns_direction = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    !c.is_control() && !turns_direction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_obeys_no_text() {
        assert_eq!(one_line("a\n  b\x1b[31mc\td\r\n"), "a b [31mc d");
        assert_eq!(printable("a\n b\x1b]0;title\x07c\td\r\n"), "a\n b ]0;title c d \n");
        // A single byte is enough for a terminal that supports C1; direction marks reverse a name.
        for bad in ['\0', '\x08', '\x7f', '\u{9b}', '\u{9d}', '\u{202e}', '\u{2066}', '\u{200f}'] {
            assert_eq!(printable(&format!("a{bad}b")), "a b", "{bad:?}");
            assert_eq!(one_line(&format!("{bad}a{bad}{bad}b")), "a b", "{bad:?}");
        }
        let json = "{\"a\":\"\u{9b}31m\u{202e}\u{7f}é\"}";
        let printed = printable_json(json);
        assert_eq!(printed, "{\"a\":\"\\u009b31m\\u202e\\u007fé\"}");
        let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(value(&printed), value(json));
        let plain = "Grüße – ∞, 日本語, é";
        assert_eq!((printable(plain), one_line(plain)), (plain.to_owned(), plain.to_owned()));
    }
}
