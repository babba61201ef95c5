//! Bounded reads and atomic writes of files.

mod atomic;
pub mod json;
mod own;
mod read;
mod system;

pub(crate) use self::atomic::write_atomic_if;
pub use self::atomic::{Prepared, is_leftover, remove_leftovers, write_atomic};
pub use self::own::open_own;
pub use self::read::{MOST_CONFIG_BYTES, read_bytes, read_text};
pub(crate) use self::read::{read_if_there, toml_files};
pub use self::system::FileId;
