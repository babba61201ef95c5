//! Compares a report's files: tables, drawings, and files that do not belong to it.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Cursor, ErrorKind};
use std::path::{Path, PathBuf};

use pmoe_results::files::is_leftover;

use super::{Check, NOTHING};
use crate::error::ReportError;
use crate::files::FOLDERS;
use crate::numbers::Numbers;
use crate::plot::check_pdf;
use crate::report::{PictureFile, PictureKind, Report};

impl Check<'_> {
    /// Compares every file; page and figures only with `drawings`.
    pub(super) fn files(&mut self, made: &Report, drawings: bool) -> Result<(), ReportError> {
        for (name, bytes) in &made.files {
            let path = self.dir.join(name);
            match self.read(&path)? {
                Some(found) if name.starts_with("tables/") => self.table(&path, &found, bytes),
                Some(found) if drawings && *name != Numbers::FILE && found != *bytes => {
                    let now = "this version draws these runs differently";
                    self.differs(&path, "the file", "a drawing", now);
                }
                _ => {}
            }
        }
        for PictureFile { name, kind } in &made.pictures {
            let path = self.dir.join(name);
            let found = self.read(&path)?.filter(|_| drawings);
            let check = |found: Vec<u8>| match kind {
                PictureKind::Png(size) => check_png(&found, *size),
                PictureKind::Pdf => check_pdf(&found),
            };
            if let Some(Err(problem)) = found.map(check) {
                self.differs(&path, "the file", "a picture", &problem);
            }
        }
        self.others(made)
    }

    /// Reports the other files in the folders of tables and figures.
    fn others(&mut self, made: &Report) -> Result<(), ReportError> {
        let files = made.files.iter().map(|(name, _)| self.dir.join(name));
        let pictures = made.pictures.iter().map(|picture| self.dir.join(&picture.name));
        let known: BTreeSet<_> = files.chain(pictures).collect();
        for folder in FOLDERS.map(|name| self.dir.join(name)) {
            let failed = |source| ReportError::Read { path: folder.clone(), source };
            let entries = match fs::read_dir(&folder) {
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                entries => entries.map_err(failed)?,
            };
            let paths = entries.map(|entry| Ok(entry.map_err(failed)?.path()));
            let paths = paths.collect::<Result<BTreeSet<_>, ReportError>>()?;
            let is_leftover = |path: &&PathBuf| path.file_name().is_some_and(is_leftover);
            for path in paths.difference(&known).filter(|path| !is_leftover(path)) {
                self.differs(path, "the file", "a file", "not part of this report; remove it");
            }
        }
        Ok(())
    }

    /// Reads a file, and reports it if it is missing.
    pub(super) fn read(&mut self, path: &Path) -> Result<Option<Vec<u8>>, ReportError> {
        // To open a pipe would block.
        if fs::metadata(path).is_ok_and(|facts| !facts.is_file()) {
            self.differs(path, "the file", "no regular file", "a file of this report");
            return Ok(None);
        }
        match fs::read(path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.differs(path, "the file", NOTHING, "a file of this report");
                Ok(None)
            }
            Err(source) => Err(ReportError::Read { path: path.to_owned(), source }),
        }
    }

    /// Reports the first line that differs.
    fn table(&mut self, path: &Path, published: &[u8], found: &[u8]) {
        let [published, found] = [published, found].map(String::from_utf8_lossy);
        if published == found {
            return;
        }
        let (mut left, mut right) = (published.lines(), found.lines());
        for line in 1.. {
            let (left, right) = (left.next(), right.next());
            if left != right || left.is_none() {
                let show = |line: Option<&str>| line.unwrap_or(NOTHING).to_owned();
                self.differs(path, &format!("line {line}"), &show(left), &show(right));
                return;
            }
        }
    }
}

/// Checks that a file is a complete PNG picture of the given size. Returns a readable error
/// otherwise.
fn check_png(bytes: &[u8], [width, height]: [u32; 2]) -> Result<(), String> {
    let text = |error: png::DecodingError| error.to_string();
    let mut reader = png::Decoder::new(Cursor::new(bytes)).read_info().map_err(text)?;
    // Check the size first, because it determines the memory for the pixels.
    let (found_width, found_height) = reader.info().size();
    if (found_width, found_height) != (width, height) {
        return Err(format!("{found_width} x {found_height} pixels, not {width} x {height}"));
    }
    let mut pixels = vec![0; reader.output_buffer_size().ok_or("too many pixels")?];
    reader.next_frame(&mut pixels).map_err(text)?;
    reader.finish().map_err(text)
}
