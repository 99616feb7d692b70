//! The location of the data: memory or a database.

use std::path::PathBuf;

use scim_core::{
    schema::Registry,
    store::{DynStore, MemoryStore},
};

use crate::{
    database::{Database, OpenError, Settings},
    store,
};

/// The value of the option `--store`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// For trying the platform out: the data is gone with the process.
    Memory,
    /// The URL of a database, as [`Database`] opens it. The URL may contain a password.
    Database(String),
}

impl Location {
    /// Reads `memory`, `sqlite:PATH` or `postgres://…`; `None` for anything else.
    ///
    /// ```
    /// use platform::storage::Location;
    ///
    /// assert_eq!(Location::read("memory"), Some(Location::Memory));
    /// assert!(Location::read("sqlite:platform.db").is_some());
    /// assert!(Location::read("sqlite:").is_none() && Location::read("mysql://localhost/").is_none());
    /// ```
    pub fn read(url: &str) -> Option<Self> {
        match url {
            "memory" => Some(Self::Memory),
            _ => Database::is_url(url).then(|| Self::Database(url.to_owned())),
        }
    }

    /// Whether the location is a PostgreSQL server, which may be behind a pooler.
    pub fn is_postgres(&self) -> bool {
        matches!(self, Self::Database(url) if !url.starts_with("sqlite:"))
    }
}

impl Location {
    /// The path of the SQLite file, if that file does not exist.
    pub fn missing_file(&self) -> Option<PathBuf> {
        let Self::Database(url) = self else { return None };
        let path = PathBuf::from(url.strip_prefix("sqlite:")?);
        (!path.exists()).then_some(path)
    }

    /// The location as an administrator names it on a command line, without the password, and with only those
    /// parameters that are known to have no secret.
    ///
    /// ```
    /// use platform::storage::Location;
    ///
    /// let location = Location::read("postgres://ann:secret@db:5432/platform?password=secret&sslmode=require").unwrap();
    /// assert_eq!(location.shown(), "postgres://ann@db:5432/platform?sslmode=require");
    /// let unclear = Location::read("postgres://ann:a?b@db/platform").unwrap();
    /// assert_eq!(unclear.shown(), "postgres://…");
    /// ```
    pub fn shown(&self) -> String {
        const PLAIN: [&str; 5] = ["host", "port", "sslmode", "sslrootcert", "target_session_attrs"];
        let url = match self {
            Self::Memory => return "memory".to_owned(),
            Self::Database(url) if url.starts_with("sqlite:") => return url.clone(),
            Self::Database(url) => url,
        };
        let unclear = || "postgres://…".to_owned();
        let Some((scheme, rest)) = url.split_once("://") else { return unclear() };
        // If the password is not percent-encoded, its boundaries are not clear.
        if rest.rsplit_once('@').is_some_and(|(before, _)| before.contains(['?', '/', '@'])) {
            return unclear();
        }
        let (place, parameters) = rest.split_once('?').unwrap_or((rest, ""));
        let place = match place.rsplit_once('@') {
            Some((user, hosts)) => format!("{}@{hosts}", user.split(':').next().unwrap_or_default()),
            None => place.to_owned(),
        };
        let is_plain = |parameter: &&str| parameter.split_once('=').is_some_and(|(name, _)| PLAIN.contains(&name));
        let plain: Vec<&str> = parameters.split('&').filter(is_plain).collect();
        let mark = if plain.is_empty() { "" } else { "?" };
        format!("{scheme}://{place}{mark}{}", plain.join("&"))
    }
}

/// The storage of resources, organizations and keys.
#[derive(Clone, Debug)]
pub enum Storage {
    /// In the memory of this process.
    Memory,
    /// In the tables of a database.
    Database(Database),
}

impl Storage {
    /// Opens the storage, and creates it if it does not exist.
    ///
    /// # Errors
    ///
    /// When the database cannot be opened, or has the tables of a later program.
    pub async fn open(location: &Location) -> Result<Self, OpenError> {
        Self::open_with(location, Settings::default()).await
    }

    /// [`Storage::open`] with other deadlines, or through a pooler.
    ///
    /// # Errors
    ///
    /// Those of [`Storage::open`], and when a pooler refuses the connection.
    pub async fn open_with(location: &Location, settings: Settings) -> Result<Self, OpenError> {
        match location {
            Location::Memory => Ok(Self::Memory),
            Location::Database(url) => Database::open_with(url, settings).await.map(Self::Database),
        }
    }

    /// The database, unless everything is in memory.
    pub fn database(&self) -> Option<&Database> {
        if let Self::Database(database) = self { Some(database) } else { None }
    }

    /// The store of the resources of these types. In memory, each call returns a new store.
    ///
    /// # Errors
    ///
    /// When the database does not answer, or has resources that the registry does not allow.
    pub async fn resources(&self, registry: &Registry) -> Result<DynStore, OpenError> {
        match self {
            Self::Memory => Ok(DynStore::new(MemoryStore::new())),
            Self::Database(database) => store::open(database.clone(), registry).await.map(DynStore::new),
        }
    }
}
