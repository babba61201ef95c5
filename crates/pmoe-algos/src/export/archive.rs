//! A zip archive in which nothing is compressed, as PyTorch requires: its reader maps the numbers into memory.
//!
//! The crates for zip archives bring compression and encryption, and with them other features for burn's dependencies.

/// Where the contents of a file begin: at a multiple of this (bytes), as in PyTorch's own archives.
const ALIGNMENT: usize = 64;

/// The version of the format that a reader needs: 2.0.
const VERSION: u16 = 20;

/// 1 January 1980, the first day of the format, so that equal contents give equal archives.
const DATE: u16 = 0x21;

/// Files so far.
#[derive(Default)]
pub(super) struct Archive {
    bytes: Vec<u8>,
    /// The entries of the directory, which follows the files.
    directory: Vec<u8>,
    files: u16,
}

impl Archive {
    /// Adds a file.
    pub(super) fn add(&mut self, name: &str, contents: &[u8]) {
        let begin = self.bytes.len();
        let header = begin + 30 + name.len();
        // A field that readers skip fills the header up; it has a head of four bytes.
        let padding = 4 + (header + 4).next_multiple_of(ALIGNMENT) - (header + 4);
        let facts = |padding: usize| {
            let mut facts = Vec::new();
            // No flags, not compressed, at midnight.
            for number in [VERSION, 0, 0, 0, DATE] {
                facts.extend(number.to_le_bytes());
            }
            facts.extend(crc32fast::hash(contents).to_le_bytes());
            // As it is stored, and as it is.
            facts.extend((contents.len() as u32).to_le_bytes());
            facts.extend((contents.len() as u32).to_le_bytes());
            facts.extend((name.len() as u16).to_le_bytes());
            facts.extend((padding as u16).to_le_bytes());
            facts
        };
        self.bytes.extend(b"PK\x03\x04");
        self.bytes.extend(facts(padding));
        self.bytes.extend(name.bytes());
        self.bytes.extend(*b"FB");
        self.bytes.extend(((padding - 4) as u16).to_le_bytes());
        self.bytes.resize(self.bytes.len() + padding - 4, b'Z');
        self.bytes.extend(contents);

        self.directory.extend(b"PK\x01\x02");
        self.directory.extend(VERSION.to_le_bytes());
        self.directory.extend(facts(0));
        // No comment, on the first disk, no attributes.
        self.directory.extend([0; 10]);
        self.directory.extend((begin as u32).to_le_bytes());
        self.directory.extend(name.bytes());
        self.files += 1;
    }

    /// Returns the archive.
    pub(super) fn finish(self) -> Vec<u8> {
        let Self { mut bytes, directory, files } = self;
        let (begin, len) = (bytes.len() as u32, directory.len() as u32);
        bytes.extend(directory);
        bytes.extend(b"PK\x05\x06");
        // This disk, the disk of the directory; the files on it, and in all.
        for number in [0, 0, files, files] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(len.to_le_bytes());
        bytes.extend(begin.to_le_bytes());
        // No comment.
        bytes.extend([0; 2]);
        bytes
    }
}
