//! Where a world is kept on this machine: one folder a world, below `.perennial` unless told otherwise.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

/// A world's folder.
#[derive(Clone, Debug)]
pub struct DataFolder(PathBuf);

/// A copy of a world's state.
#[derive(Debug)]
pub struct Snapshot {
    /// The copy.
    pub database: PathBuf,
    _folder: tempfile::TempDir,
}

/// The folder below which worlds are kept when `--data` is not given.
pub const WORLDS: &str = ".perennial";

impl DataFolder {
    /// The folder that was asked for, or the default one of this kind of world.
    pub fn of(asked: Option<&Path>, kind: &str) -> Self {
        Self(asked.map_or_else(|| Path::new(WORLDS).join(kind), Path::to_path_buf))
    }

    /// All default worlds that exist, for a question that may concern any of them.
    pub fn existing(asked: Option<&Path>) -> Vec<Self> {
        let folders = match asked {
            Some(folder) => vec![folder.to_path_buf()],
            None => ["up", "replay"].map(|kind| Path::new(WORLDS).join(kind)).into(),
        };
        folders.into_iter().map(Self).filter(|folder| folder.database().exists()).collect()
    }

    /// Makes the folder, empty if so asked.
    ///
    /// # Errors
    /// If the file system refuses.
    pub fn prepare(&self, fresh: bool) -> std::io::Result<()> {
        std::fs::create_dir_all(&self.0)?;
        // Whoever serves the world holds this lock: nothing is taken away from under it.
        let lock = std::fs::File::create(self.database().with_added_extension("lock"))?;
        lock.try_lock().map_err(|_| {
            std::io::Error::new(std::io::ErrorKind::ResourceBusy, "is in use by another perennial: stop it first")
        })?;
        if fresh {
            // Only what we made ourselves: a folder given by mistake keeps everything else.
            for entry in std::fs::read_dir(&self.0)? {
                let path = entry?.path();
                let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
                if (name.starts_with("world.") && !name.ends_with(".lock")) || name == "tally.json" {
                    std::fs::remove_file(path)?;
                }
            }
        }
        Ok(())
    }

    /// The database of both tables, mails, queues and the clock.
    pub fn database(&self) -> PathBuf {
        self.0.join("world.db")
    }

    /// The count of deliveries.
    pub fn tally(&self) -> PathBuf {
        self.0.join("tally.json")
    }

    /// The mark of an example that is being played: one that was interrupted is begun anew.
    pub fn unfinished_example(&self) -> PathBuf {
        self.0.join("world.playing")
    }

    /// A copy of the state as it is now, gone when it is dropped; whoever serves the world is not disturbed.
    ///
    /// # Errors
    /// If the state cannot be read or the copy not be written.
    pub fn snapshot(&self) -> Result<Snapshot, rusqlite::Error> {
        let folder = tempfile::tempdir().map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        let database = folder.path().join("world.db");
        let state = Connection::open_with_flags(self.database(), OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        state.execute("VACUUM INTO ?1", [database.to_string_lossy()])?;
        Ok(Snapshot { database, _folder: folder })
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.0
    }
}
