//! Errors of a host's database, in the classes that decide the answer to a client.

use std::{error::Error, time::Duration};

use crate::store::{CommitError, StoreError};

/// The error of a statement.
///
/// [`from_sqlstate`](Self::from_sqlstate) and [`from_sqlite`](Self::from_sqlite) classify the errors of the databases.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatabaseError {
    /// A unique constraint or index refused a row.
    #[error("the constraint `{constraint}` refuses the row")]
    Unique {
        /// PostgreSQL: the name of the constraint or index. SQLite: the columns, such as `users.tenant, users.email`,
        /// or the index of an expression, such as `index 'users_email'`.
        constraint: String,
        /// The driver's error.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The transaction lost a race and was rolled back: a deadlock, a serialization failure, a lock that was not
    /// available.
    #[error("the transaction lost a race")]
    Busy,
    /// A foreign key refused a change: the other row is missing, or refers to this row.
    #[error("a foreign key refuses the change")]
    ForeignKey(#[source] Box<dyn Error + Send + Sync>),
    /// The database cannot work now.
    #[error("the database is unavailable")]
    Unavailable {
        /// The time after which a retry is reasonable; `None` if it is unknown.
        retry_after: Option<Duration>,
        /// The driver's error.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The statement is too long for the database, took longer than the host allows, or returns too many rows.
    #[error("the statement exceeds a limit of the database")]
    TooMany,
    /// Any other error.
    #[error("the statement failed")]
    Other(#[source] Box<dyn Error + Send + Sync>),
}

impl DatabaseError {
    /// The error of a database that cannot work now, such as a lost connection.
    pub fn unavailable(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Unavailable { retry_after: None, source: source.into() }
    }

    /// Classifies an error of PostgreSQL by its SQLSTATE, a code of five characters. `constraint` is the name that the
    /// error gives for code 23505.
    ///
    /// ```
    /// use scim_core::sql::database::DatabaseError;
    ///
    /// let error = |code, constraint| DatabaseError::from_sqlstate(code, constraint, "the driver's error");
    /// assert!(matches!(error("23505", Some("users_email_key")), DatabaseError::Unique { constraint, .. } if constraint == "users_email_key"));
    /// assert!(matches!(error("40P01", None), DatabaseError::Busy));
    /// assert!(matches!(error("57P01", None), DatabaseError::Unavailable { .. }));
    /// assert!(matches!(error("57014", None), DatabaseError::TooMany));
    /// assert!(matches!(error("42P01", None), DatabaseError::Other(_)));
    /// ```
    pub fn from_sqlstate(
        code: &str,
        constraint: Option<&str>,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        match code {
            "23505" => Self::Unique { constraint: constraint.unwrap_or_default().to_owned(), source: source.into() },
            "40001" | "40P01" | "55P03" => Self::Busy,
            "23503" => Self::ForeignKey(source.into()),
            "54000" | "54001" | "54011" | "54023" | "57014" => Self::TooMany,
            _ if ["08", "53", "57"].iter().any(|class| code.starts_with(class)) => Self::unavailable(source),
            _ => Self::Other(source.into()),
        }
    }

    /// Classifies an error of SQLite by its extended result code. `message` is SQLite's message, which names the
    /// columns of a unique constraint.
    ///
    /// ```
    /// use scim_core::sql::database::DatabaseError;
    ///
    /// let message = "UNIQUE constraint failed: users.email";
    /// let error = DatabaseError::from_sqlite(2067, message, "the driver's error");
    /// assert!(matches!(error, DatabaseError::Unique { constraint, .. } if constraint == "users.email"));
    /// assert!(matches!(DatabaseError::from_sqlite(5, "database is locked", "…"), DatabaseError::Busy));
    /// ```
    pub fn from_sqlite(code: i32, message: &str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        const BUSY: i32 = 5;
        const LOCKED: i32 = 6;
        const INTERRUPTED: i32 = 9;
        const IO: i32 = 10;
        const FULL: i32 = 13;
        const CANNOT_OPEN: i32 = 14;
        const TOO_BIG: i32 = 18;
        const PRIMARY_KEY: i32 = 1555;
        const UNIQUE: i32 = 2067;
        const FOREIGN_KEY: i32 = 787;
        const ROW_ID: i32 = 2579;
        // The low byte is the primary code.
        match (code, code & 0xff) {
            (PRIMARY_KEY | UNIQUE | ROW_ID, _) => {
                let constraint = message.strip_prefix("UNIQUE constraint failed: ").unwrap_or(message).to_owned();
                Self::Unique { constraint, source: source.into() }
            }
            (FOREIGN_KEY, _) => Self::ForeignKey(source.into()),
            (_, BUSY | LOCKED) => Self::Busy,
            (_, INTERRUPTED | TOO_BIG) => Self::TooMany,
            (_, IO | FULL | CANNOT_OPEN) => Self::unavailable(source),
            _ => Self::Other(source.into()),
        }
    }

    /// The error of a store for a statement that no layout can explain further.
    pub fn into_store_error(self) -> StoreError {
        match self {
            Self::Busy => StoreError::Busy,
            Self::Unavailable { retry_after, .. } => StoreError::Unavailable { retry_after },
            Self::TooMany => StoreError::TooMany,
            Self::Unique { constraint, source } => StoreError::backend(Explained {
                text: format!("the store does not know the unique constraint `{constraint}`; a layout can declare it"),
                source,
            }),
            Self::ForeignKey(source) => StoreError::backend(Explained {
                text: "a foreign key refuses the change: a row of the host refers to the resource".to_owned(),
                source,
            }),
            Self::Other(source) => StoreError::Backend(source),
        }
    }

    /// The error for a failed `COMMIT`. A lost connection leaves the result unknown, so the error is
    /// [`StoreError::Unavailable`] and never [`StoreError::Busy`] unless the database certainly rolled back.
    pub fn into_commit_error(self) -> CommitError {
        self.into_store_error().into()
    }
}

impl From<DatabaseError> for StoreError {
    fn from(error: DatabaseError) -> Self {
        error.into_store_error()
    }
}

impl From<DatabaseError> for CommitError {
    fn from(error: DatabaseError) -> Self {
        error.into_commit_error()
    }
}

/// A text in words of the store, with the database's error as its cause.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
struct Explained {
    text: String,
    #[source]
    source: Box<dyn Error + Send + Sync>,
}
