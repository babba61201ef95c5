//! Checks a library's file before the system maps it into memory.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Length of the header of a 64-bit ELF file (bytes).
const HEADER: usize = 64;

/// Whether an ELF file ends before its last table, like an interrupted copy. The system's loader
/// would map it, and the process would die of a bus error.
///
/// # Errors
/// If the file can't be read.
pub(super) fn is_cut_short(path: &Path) -> io::Result<bool> {
    let mut file = File::open(path)?;
    let len = file.metadata()?.len();
    let mut header = Vec::with_capacity(HEADER);
    file.by_ref().take(HEADER as u64).read_to_end(&mut header)?;
    if !header.starts_with(b"\x7fELF") {
        // Not an ELF file; the loader reports that.
        return Ok(false);
    }
    if header.len() < HEADER {
        return Ok(true);
    }
    let number = |at: usize, bytes: usize| {
        header[at..at + bytes]
            .iter()
            .rev()
            .fold(0_u64, |number, byte| number << 8 | u64::from(*byte))
    };
    // Offset of the section headers, which linkers put last; size of one; and their number.
    let (offset, size, count) = (number(40, 8), number(58, 2), number(60, 2));
    Ok(offset.saturating_add(size * count) > len)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn every_cut_is_noticed() {
        let program = std::env::current_exe().unwrap();
        assert!(!is_cut_short(&program).unwrap());
        let bytes = fs::read(&program).unwrap();
        let path = std::env::temp_dir().join(format!("pmoe-elf-{}", std::process::id()));
        for len in [4, 63, 64, bytes.len() / 2, bytes.len() - 1] {
            fs::write(&path, &bytes[..len]).unwrap();
            assert!(is_cut_short(&path).unwrap(), "{len} of {} bytes", bytes.len());
        }
        fs::remove_file(path).unwrap();
    }
}
