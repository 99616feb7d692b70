//! The database file: checks whether the path still names the file that was opened.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use scim_core::store::StoreError;

/// The database file and its write-ahead log.
///
/// A process may delete or replace a file that this process has open. SQLite then continues to write to the old
/// file, which is gone when the process ends. So the writer compares the files before it begins and before it
/// acknowledges.
#[derive(Debug)]
pub(super) struct Files {
    database: PathBuf,
    identity: Identity,
    log: PathBuf,
    /// The log exists from the first write until the last connection ends.
    log_identity: OnceLock<Identity>,
    /// Whether the loss has already been logged: one line is enough.
    is_reported: AtomicBool,
}

/// The identity of a file, independent of its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity {
    #[cfg(unix)]
    device: u64,
    #[cfg(unix)]
    inode: u64,
}

impl Identity {
    fn of(path: &Path) -> io::Result<Self> {
        let metadata = fs::metadata(path)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt as _;
            Ok(Self { device: metadata.dev(), inode: metadata.ino() })
        }
        #[cfg(not(unix))]
        {
            drop(metadata);
            Ok(Self {})
        }
    }
}

impl Files {
    /// Creates the file if it does not exist, readable by its owner only, since it has personal data. Existing
    /// SQLite files keep their permissions.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let mut options = fs::OpenOptions::new();
        options.append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(path)?;
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        Ok(Self {
            database: path.to_owned(),
            identity: Identity::of(path)?,
            log: log.into(),
            log_identity: OnceLock::new(),
            is_reported: AtomicBool::new(false),
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.database
    }

    /// Remembers the identity of the log after the writer has opened it.
    pub(super) fn log_is_open(&self) {
        if let Ok(identity) = Identity::of(&self.log) {
            self.log_identity.get_or_init(|| identity);
        }
    }

    /// Checks that both paths name the open files. Costs two system calls.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        let is_there = |path: &Path, expected: Identity| Identity::of(path).is_ok_and(|found| found == expected);
        let log = self.log_identity.get();
        if is_there(&self.database, self.identity) && log.is_none_or(|expected| is_there(&self.log, *expected)) {
            self.is_reported.store(false, Ordering::Relaxed);
            return Ok(());
        }
        if !self.is_reported.swap(true, Ordering::Relaxed) {
            let path = self.database.display();
            tracing::error!(%path, "the database file or its log was deleted or replaced: nothing is written any more");
        }
        Err(StoreError::Unavailable { retry_after: Some(super::RETRY_AFTER_FAULT) })
    }
}
