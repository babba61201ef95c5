//! Packed events, as finished runs are kept in a repository: about an eighth of the bytes of `events.jsonl`.
//!
//! An `.xz` file of text, which `xzcat` shows. JSON lines that differ in their numbers alone share a
//! *shape*, the line with a tab for each number. The text has the shapes, the order in which they
//! come, and the numbers column by column, where neighbours are alike:
//!
//! ```text
//! pmoe events 1
//! 2                                        the number of shapes
//! {"event":"episode","env_step":⇥,...}     shape 0
//! {"event":"update","env_step":⇥,...}      shape 1
//! 0x38 1 0x35 1                            38 lines of shape 0, one of shape 1, ...
//! 19 17 18 ...                             the first number of all lines of shape 0
//! ```
//!
//! An integer is the difference to the one above it in its column. A number that has only the
//! precision of `f32` is written as one, `0.06645f`. A number that neither rule gives back digit for
//! digit stands as it is, after `=` if it could be taken for a difference.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{self, Read as _, Write as _};

use lzma_rust2::{XzOptions, XzReader, XzWriter};

const HEAD: &str = "pmoe events 1";
/// In place of a number; JSON has no bare tab in a string, and `serde_json` writes none elsewhere.
const NUMBER: char = '\t';
/// Memory for unpacking: eight times what the preset takes.
const MOST_KIB: u32 = 64 << 10;
const PRESET: u32 = 6;

/// Packs JSON lines. [`unpack`] gives them back byte for byte.
///
/// # Errors
/// If the text holds a tab, which no events do.
pub(crate) fn pack(lines: &str) -> io::Result<Vec<u8>> {
    if lines.contains(NUMBER) {
        let message = "JSON lines with tabs cannot be packed";
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
    let mut xz = XzWriter::new(Vec::new(), XzOptions::with_preset(PRESET))?;
    xz.write_all(columns(lines).as_bytes())?;
    xz.finish()
}

/// Gives back what was packed.
///
/// # Errors
/// If the bytes are damaged, or stand for more than `most_bytes`.
pub(crate) fn unpack(packed: &[u8], most_bytes: u64) -> io::Result<String> {
    let invalid = |reason: &str| io::Error::new(io::ErrorKind::InvalidData, reason);
    let mut text = String::new();
    let xz = XzReader::new_mem_limit(packed, false, MOST_KIB);
    xz.take(most_bytes.saturating_add(1)).read_to_string(&mut text)?;
    if text.len() as u64 > most_bytes {
        return Err(invalid("it is larger than the limit"));
    }
    lines(&text, most_bytes).map_err(invalid)
}

/// A line with [`NUMBER`] in place of each number, and its numbers.
fn split(line: &str) -> (String, Vec<&str>) {
    let (mut shape, mut numbers) = (String::new(), Vec::new());
    let (mut rest, mut in_string) = (line, false);
    while let Some(first) = rest.chars().next() {
        let part = if in_string {
            // Up to the quote that ends it, or past an escaped character.
            let end = rest.find(['"', '\\']).unwrap_or(rest.len());
            in_string = !rest[end..].starts_with('"');
            let past = if in_string { 2 } else { 1 };
            rest.char_indices().map(|(at, _)| at).find(|&at| at >= end + past)
        } else if first == '-' || first.is_ascii_digit() {
            let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || "+-.".contains(c)));
            let number;
            (number, rest) = rest.split_at(end.unwrap_or(rest.len()));
            numbers.push(number);
            shape.push(NUMBER);
            continue;
        } else {
            in_string = first == '"';
            Some(first.len_utf8())
        };
        let copied;
        (copied, rest) = rest.split_at(part.unwrap_or(rest.len()));
        shape.push_str(copied);
    }
    (shape, numbers)
}

/// Writes lines as shapes, order and columns.
fn columns(lines: &str) -> String {
    let mut shapes: Vec<String> = Vec::new();
    let mut known = HashMap::new();
    let mut order: Vec<(usize, u64)> = Vec::new();
    let mut columns: Vec<Vec<Column>> = Vec::new();
    for line in lines.split('\n') {
        let (shape, numbers) = split(line);
        let index = *known.entry(shape.clone()).or_insert_with(|| {
            shapes.push(shape);
            columns.push(numbers.iter().map(|_| Column::default()).collect());
            shapes.len() - 1
        });
        match order.last_mut().filter(|(last, _)| *last == index) {
            Some((_, times)) => *times += 1,
            None => order.push((index, 1)),
        }
        for (column, number) in columns[index].iter_mut().zip(numbers) {
            column.push(number);
        }
    }
    let mut text = format!("{HEAD}\n{}\n", shapes.len());
    for shape in shapes {
        text += &shape;
        text.push('\n');
    }
    for (at, (index, times)) in order.into_iter().enumerate() {
        let space = if at == 0 { "" } else { " " };
        let times = if times == 1 { String::new() } else { format!("x{times}") };
        write!(text, "{space}{index}{times}").expect("strings can be written");
    }
    for column in columns.into_iter().flatten() {
        text.push('\n');
        text += &column.text;
    }
    text
}

/// Writes back what [`columns`] was given.
fn lines(text: &str, most_bytes: u64) -> Result<String, &'static str> {
    let mut rows = text.split('\n');
    if rows.next() != Some(HEAD) {
        return Err("it does not begin as packed events do");
    }
    let count = rows.next().and_then(|count| count.parse().ok()).ok_or("it has no shapes")?;
    let shapes: Vec<&str> = rows.by_ref().take(count).collect();
    let order = rows.next().ok_or("it ends early")?;
    let mut columns: Vec<Vec<Reader<'_>>> = Vec::new();
    for shape in &shapes {
        let column = |_| rows.next().map(Reader::new).ok_or("a column is missing");
        columns.push(shape.matches(NUMBER).map(column).collect::<Result<_, _>>()?);
    }
    let mut lines = String::new();
    for part in order.split(' ') {
        let (index, times) = part.split_once('x').unwrap_or((part, "1"));
        let index: usize = index.parse().map_err(|_| "its order is damaged")?;
        let times: u64 = times.parse().map_err(|_| "its order is damaged")?;
        let (shape, columns) =
            shapes.get(index).zip(columns.get_mut(index)).ok_or("a shape is missing")?;
        for _ in 0..times {
            let mut parts = shape.split(NUMBER);
            lines += parts.next().expect("one part at least");
            for (part, column) in parts.zip(columns.iter_mut()) {
                column.write_next(&mut lines).ok_or("a column is damaged or ends early")?;
                lines += part;
            }
            lines.push('\n');
            if lines.len() as u64 > most_bytes.saturating_add(1) {
                return Err("it stands for more than the limit");
            }
        }
    }
    if columns.iter_mut().flatten().any(|column| column.tokens.next().is_some()) {
        return Err("a column is too long");
    }
    // Lines are separated by line breaks; the last has none of its own.
    lines.pop();
    Ok(lines)
}

/// Numbers of one place in the lines of a shape.
#[derive(Default)]
struct Column {
    text: String,
    last: i64,
}

impl Column {
    fn push(&mut self, number: &str) {
        if !self.text.is_empty() {
            self.text.push(' ');
        }
        let is = |written: String| written == number;
        if let Some(integer) = number.parse::<i64>().ok().filter(|&it| is(it.to_string())) {
            let difference = integer.wrapping_sub(self.last);
            self.last = integer;
            write!(self.text, "{difference}").expect("strings can be written");
        } else if let Some(single) = as_single(number) {
            self.text += &single;
            self.text.push('f');
        } else {
            let plain =
                if number.contains(['.', 'e', 'E']) && !number.ends_with('f') { "" } else { "=" };
            self.text += plain;
            self.text += number;
        }
    }
}

/// The digits of the `f32` that a number is, if they give back the number's own.
fn as_single(number: &str) -> Option<String> {
    #[expect(clippy::cast_possible_truncation, reason = "compared below")]
    let single = number.parse::<f64>().ok()? as f32;
    let back = single.is_finite().then(|| serde_json::to_string(&f64::from(single)).ok())??;
    (back == number).then(|| serde_json::to_string(&single).ok())?
}

/// Reads a [`Column`].
struct Reader<'a> {
    tokens: std::str::Split<'a, char>,
    last: i64,
}

impl<'a> Reader<'a> {
    fn new(column: &'a str) -> Self {
        let mut tokens = column.split(' ');
        if column.is_empty() {
            tokens.next();
        }
        Self { tokens, last: 0 }
    }

    /// Appends the next number; none if there is no next one.
    fn write_next(&mut self, line: &mut String) -> Option<()> {
        let token = self.tokens.next()?;
        if let Some(plain) = token.strip_prefix('=') {
            line.push_str(plain);
        } else if let Some(single) = token.strip_suffix('f') {
            let single: f32 = single.parse().ok()?;
            line.push_str(&serde_json::to_string(&f64::from(single)).ok()?);
        } else if token.contains(['.', 'e', 'E']) {
            line.push_str(token);
        } else {
            self.last = self.last.wrapping_add(token.parse().ok()?);
            write!(line, "{}", self.last).ok()?;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests;
