//! Which files on the disk the open store is, and whether its path still leads to them.
//!
//! What is written into a file that was deleted or replaced is gone with the process, whatever SQLite answers. So a write
//! begins with a look at the names.

use std::path::{Path, PathBuf};

use mintaka_core::Error;

use crate::identify::beside;

/// The main file, the log and the log's index, as they were when the store was opened.
#[derive(Debug)]
pub(crate) struct Files(Vec<(PathBuf, Identity)>);

/// Device and number of a file, where the system has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity(u64, u64);

impl Identity {
    #[cfg(unix)]
    fn of(path: &Path) -> std::io::Result<Identity> {
        use std::os::unix::fs::MetadataExt;
        std::fs::metadata(path).map(|meta| Identity(meta.dev(), meta.ino()))
    }

    #[cfg(not(unix))]
    fn of(path: &Path) -> std::io::Result<Identity> {
        std::fs::metadata(path).map(|_| Identity(0, 0))
    }
}

impl Files {
    /// Those of a store that is open for writing.
    pub fn of(path: &Path) -> Files {
        let named = ["", "-wal", "-shm"].map(|suffix| beside(path, suffix));
        Files(named.into_iter().filter_map(|name| Identity::of(&name).ok().map(|identity| (name, identity))).collect())
    }

    /// Whether the path still leads to them.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if one was deleted or replaced.
    pub fn check(&self) -> Result<(), Error> {
        let lost = self.0.iter().find(|(name, identity)| Identity::of(name).ok() != Some(*identity));
        match lost {
            None => Ok(()),
            Some((name, _)) => Err(Error::Unavailable(format!(
                "{} was deleted or replaced while the store is open, so nothing more is written; stop this process, put \
                 the store's files back (or restore a backup), and start it again",
                name.display()
            ))),
        }
    }
}
