//! Mutations that make valid inputs slightly, or very, wrong.

use rand::seq::IndexedRandom;
use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;
use serde_json::{Map, Value};

/// Numbers that often cause trouble, as text in JSON, TOML or XML. Some are valid in only one of
/// these.
const NUMBERS: [&str; 30] = [
    "0",
    "-0.0",
    "1",
    "-1",
    "2",
    "3",
    "0.5",
    "7",
    "8",
    "9",
    "255",
    "256",
    "65535",
    "65536",
    "1e6",
    "1_000_000",
    "2147483647",
    "-2147483648",
    "4294967295",
    "4294967296",
    "9223372036854775807",
    "18446744073709551615",
    "-9223372036854775808",
    "1e19",
    "1e-320",
    "1e308",
    "1e999",
    "nan",
    "inf",
    "-inf",
];

/// Words that often cause trouble.
const WORDS: [&str; 16] = [
    "\"\"",
    "null",
    "true",
    "[]",
    "{}",
    "\"a\"",
    "\"../../x\"",
    "\"/dev/zero\"",
    "\"\\u0000\"",
    "\"\\u001b[2J\"",
    "\"<script>\"",
    "\"=1+1\"",
    "\"ä\u{200f}😀\"",
    "[[[[[[[[]]]]]]]]",
    "'",
    "\"",
];

/// Changes bytes in one or a few places.
pub fn bytes(bytes: &mut Vec<u8>, rng: &mut ChaCha8Rng) {
    let len = bytes.len().max(1);
    for _ in 0..few(rng) {
        let at = rng.random_range(0..len).min(bytes.len());
        match rng.random_range(0..9) {
            0 => bytes.truncate(at),
            1 => bytes.splice(at..at, [rng.random::<u8>()]).for_each(drop),
            2 => {
                let end = (at + rng.random_range(1..100)).min(bytes.len());
                bytes.drain(at..end);
            }
            3 => {
                let end = (at + rng.random_range(1..100)).min(bytes.len());
                bytes.extend_from_within(at..end);
            }
            4 => {
                // A number of a network or a buffer; most of these have four bytes.
                let value = *[f32::NAN, f32::INFINITY, f32::MIN, 1e30, 1e-40, -0.0]
                    .choose(rng)
                    .unwrap_or(&0.0);
                write(bytes, at / 4 * 4, &value.to_le_bytes());
            }
            5 => {
                let value =
                    [u64::MAX, 1 << 63, 1 << 32, 1 << 20, 0].choose(rng).copied().unwrap_or(0);
                write(bytes, at, &value.to_le_bytes());
            }
            6 => write(bytes, at, &[rng.random_range(0..24)]),
            7 => write(bytes, at, &[rng.random()]),
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << rng.random_range(0..8);
                }
            }
        }
    }
}

fn write(bytes: &mut [u8], at: usize, value: &[u8]) {
    for (byte, value) in bytes.iter_mut().skip(at).zip(value) {
        *byte = *value;
    }
}

/// Changes, moves, repeats and deletes words and lines of a text.
pub fn text(text: &str, rng: &mut ChaCha8Rng) -> Vec<u8> {
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    for _ in 0..few(rng) {
        if lines.is_empty() {
            break;
        }
        let at = rng.random_range(0..lines.len());
        match rng.random_range(0..12) {
            0 => drop(lines.remove(at)),
            1 => lines.insert(at, lines[at].clone()),
            2 => {
                let other = rng.random_range(0..lines.len());
                lines.swap(at, other);
            }
            3 if rng.random_ratio(1, 20) => {
                let line = lines[at].clone();
                lines.splice(at..at, std::iter::repeat_n(line, rng.random_range(2..3000)));
            }
            4 => {
                let end = boundary(&lines[at], rng);
                lines[at].truncate(end);
            }
            5 => {
                let (to, word) = (boundary(&lines[at], rng), pick(&WORDS, rng));
                lines[at].insert_str(to, word);
            }
            _ => {
                let other = lines.choose(rng).cloned().unwrap_or_default();
                let line = replace_word(&lines[at], &other, rng);
                lines[at] = line;
            }
        }
    }
    let mut found = lines.concat().into_bytes();
    if rng.random_ratio(1, 10) {
        bytes(&mut found, rng);
    }
    found
}

/// Replaces a word of a line with a number, another type of value or a word of another line.
fn replace_word(line: &str, other: &str, rng: &mut ChaCha8Rng) -> String {
    let words = words(line);
    let Some(&(start, end)) = words.choose(rng) else {
        return line.to_owned();
    };
    let word = &line[start..end];
    if let Ok(number) = word.parse::<f64>()
        && rng.random_ratio(2, 3)
    {
        return format!("{}{}{}", &line[..start], beside(number, rng), &line[end..]);
    }
    let others = self::words(other);
    let new = match rng.random_range(0..4) {
        0 => pick(&WORDS, rng).to_owned(),
        1 if !others.is_empty() => {
            others.choose(rng).map_or("", |at| &other[at.0..at.1]).to_owned()
        }
        2 => word.repeat(rng.random_range(2..5)),
        _ => pick(&NUMBERS, rng).to_owned(),
    };
    format!("{}{new}{}", &line[..start], &line[end..])
}

/// Returns a plausible substitute for a number.
fn beside(number: f64, rng: &mut ChaCha8Rng) -> f64 {
    match rng.random_range(0..6) {
        0 => -number,
        1 => number * 2.0,
        2 => number / 2.0,
        3 => number * 1000.0,
        4 => number + 1.0,
        _ => number - 1.0,
    }
}

/// Returns the start and end of every word and number in a line.
fn words(line: &str) -> Vec<(usize, usize)> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || "_.+-".contains(c);
    let mut found: Vec<(usize, usize)> = Vec::new();
    for (at, c) in line.char_indices().filter(|(_, c)| is_word(*c)) {
        match found.last_mut() {
            Some((_, end)) if *end == at => *end += c.len_utf8(),
            _ => found.push((at, at + c.len_utf8())),
        }
    }
    found
}

fn boundary(line: &str, rng: &mut ChaCha8Rng) -> usize {
    let at = rng.random_range(0..=line.len());
    (0..=at).rev().find(|at| line.is_char_boundary(*at)).unwrap_or(0)
}

/// Replaces, deletes, repeats and moves values of a JSON document; sometimes the result is not
/// JSON.
pub fn json(document: &[u8], rng: &mut ChaCha8Rng) -> Vec<u8> {
    let Ok(mut value) = serde_json::from_slice::<Value>(document) else {
        return text(&String::from_utf8_lossy(document), rng);
    };
    if rng.random_ratio(1, 5) {
        return text(&format!("{value:#}"), rng);
    }
    for _ in 0..few(rng) {
        tree(&mut value, rng);
    }
    value.to_string().into_bytes()
}

/// Changes one value somewhere in a tree.
pub fn tree(root: &mut Value, rng: &mut ChaCha8Rng) {
    let donor = node(&mut root.clone(), rng).clone();
    let chosen = node(root, rng);
    match (rng.random_range(0..8), &mut *chosen) {
        (0, Value::Array(items)) => {
            items.pop();
        }
        (1, Value::Array(items)) => {
            if let Some(item) = items.choose(rng).cloned() {
                items.push(item);
            }
        }
        (2, Value::Array(items)) => {
            if let Some(item) = items.choose(rng).cloned() {
                let times = if rng.random_ratio(1, 10) { 20_000 } else { 30 };
                items.extend(std::iter::repeat_n(item, times));
            }
        }
        (3, Value::Array(items)) => items.clear(),
        (0 | 1, Value::Object(fields)) => {
            if let Some(key) = key(fields, rng) {
                fields.remove(&key);
            }
        }
        (2, Value::Object(fields)) => {
            fields.insert("no_such_key".to_owned(), donor);
        }
        (3, Value::Object(fields)) => {
            if let (Some(from), Some(to)) = (key(fields, rng), key(fields, rng)) {
                let value = fields[&from].clone();
                fields.insert(to, value);
            }
        }
        (4, chosen) => *chosen = donor,
        (5, chosen) => *chosen = serde_json::from_str(pick(&WORDS, rng)).unwrap_or(Value::Null),
        (6, Value::Number(number)) => {
            let near = number.as_f64().unwrap_or(0.0) + f64::from(rng.random_range(-2..3));
            *chosen = if number.is_f64() { near.into() } else { (near as i64).into() };
        }
        (_, chosen) => *chosen = serde_json::from_str(pick(&NUMBERS, rng)).unwrap_or(Value::Null),
    }
}

/// Returns a random value of a tree; deep ones are as likely as others.
fn node<'a>(root: &'a mut Value, rng: &mut ChaCha8Rng) -> &'a mut Value {
    let children = match root {
        Value::Array(items) => items.len(),
        Value::Object(fields) => fields.len(),
        _ => 0,
    };
    if children == 0 || rng.random_ratio(1, 4) {
        return root;
    }
    let at = rng.random_range(0..children);
    match root {
        Value::Array(items) => node(&mut items[at], rng),
        Value::Object(fields) => node(fields.values_mut().nth(at).expect("there are as many"), rng),
        other => other,
    }
}

fn key(fields: &Map<String, Value>, rng: &mut ChaCha8Rng) -> Option<String> {
    fields.keys().collect::<Vec<_>>().choose(rng).map(|key| (*key).clone())
}

/// Elements that ask MuJoCo for something huge or missing.
const ELEMENTS: [&str; 12] = [
    "<include file=\"hopper.xml\"/>",
    "<worldbody><replicate count=\"100000000\"><geom size=\"1\"/></replicate></worldbody>",
    "<worldbody><body><freejoint/><geom size=\"0.1\"/></body></worldbody>",
    "<worldbody><flexcomp name=\"f\" type=\"grid\" count=\"9 9 9\" spacing=\".1 .1 .1\" radius=\".01\"/></worldbody>",
    "<worldbody><composite type=\"cable\" count=\"30 1 1\" size=\"1\"><geom size=\".01\"/></composite></worldbody>",
    "<size memory=\"1\"/>",
    "<size memory=\"100G\" nconmax=\"1000000000\"/>",
    "<size nuserdata=\"1000000\" nkey=\"1000000\"/>",
    "<option timestep=\"0\" solver=\"CG\" iterations=\"1000000000\"/>",
    "<option integrator=\"implicit\" cone=\"elliptic\" jacobian=\"sparse\" gravity=\"nan 0 1e30\"/>",
    "<asset><texture type=\"2d\" builtin=\"flat\" width=\"9999\" height=\"9999\"/></asset>",
    "<extension><plugin plugin=\"mujoco.pid\"/></extension>",
];

/// Changes the text of a model file, sometimes with an extra element.
pub fn model(file: &str, rng: &mut ChaCha8Rng) -> Vec<u8> {
    let mut file = file.to_owned();
    if rng.random_ratio(1, 3) {
        let ends: Vec<usize> = file.match_indices('>').map(|(at, _)| at + 1).collect();
        if let Some(&at) = ends.choose(rng) {
            file.insert_str(at, pick(&ELEMENTS, rng));
        }
    }
    text(&file, rng)
}

/// Returns a number of changes, mostly one.
fn few(rng: &mut ChaCha8Rng) -> u32 {
    1 + (rng.next_u32().trailing_zeros() / 2).min(10)
}

/// Returns one of some words.
pub fn pick<'a>(words: &[&'a str], rng: &mut ChaCha8Rng) -> &'a str {
    words.choose(rng).copied().unwrap_or_default()
}

/// Returns a number or another word.
pub fn value(rng: &mut ChaCha8Rng) -> &'static str {
    if rng.random_ratio(3, 4) { pick(&NUMBERS, rng) } else { pick(&WORDS, rng) }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_input_and_most_differ_from_the_valid_one() {
        let document =
            br#"{"schema": 1, "runs": [{"dir": "a", "seed": 0}, {"dir": "b", "seed": 1.5}]}"#;
        let make = |seed| json(document, &mut ChaCha8Rng::seed_from_u64(seed));
        let made: std::collections::BTreeSet<_> = (0..300).map(make).collect();
        assert!(made.len() > 150, "{} different ones", made.len());
        assert_eq!(make(7), make(7));
        let parsed =
            made.iter().filter(|text| serde_json::from_slice::<Value>(text).is_ok()).count();
        assert!(parsed > made.len() / 2, "{parsed} of {} are JSON", made.len());
    }

    #[test]
    fn nothing_is_too_small_to_be_changed() {
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        for _ in 0..1000 {
            let mut empty = Vec::new();
            bytes(&mut empty, &mut rng);
            text("", &mut rng);
            text("ä", &mut rng);
            json(b"1", &mut rng);
            model("<mujoco/>", &mut rng);
        }
    }

    #[test]
    fn words_are_found_where_they_are() {
        assert_eq!(words("ä a_b = -1.5e3 \"x\""), [(3, 6), (9, 15), (17, 18)]);
    }
}
