//! The tables, and how those of an earlier version of the program become today's.
//!
//! A step that has been released is never changed: what changes is another step. Several processes may start at the same
//! time; one of them makes the tables, and the others find them made.

use scim_core::{
    sql::{Dialect, Statement},
    store::{CommitError, StoreError},
};

use super::{Database, OpenError, Session, Work};

/// The table that has the versions.
const VERSIONS: &str = "schema_version";

/// The steps, in order; the version of the tables is how many of them have been done. `{text}` is the type of text that
/// is compared and ordered by code point, `{key}` that of a number that the database gives to each row, `{json}` that of
/// a document that is asked for its parts. A statement that begins with `{postgres}` or `{sqlite}` is for that database.
const STEPS: &[&[&str]] = &[
    &[
        // What the platform knows of its customers. Times are milliseconds since 1970 in UTC.
        "CREATE TABLE organization (name {text} PRIMARY KEY, created BIGINT NOT NULL, scim BIGINT NOT NULL)",
        "CREATE TABLE api_key (digest {text} PRIMARY KEY, organization {text} NOT NULL REFERENCES organization (name), \
     name {text} NOT NULL, created BIGINT NOT NULL, expires BIGINT, revoked BIGINT, used BIGINT)",
        "CREATE INDEX api_key_organization ON api_key (organization)",
        // A resource without its lists of references. `modified` is the text by which meta.lastModified is compared: it
        // changes with a member, and the document does not. `places` is where the next value of a list goes.
        "CREATE TABLE resource (tenant {text} NOT NULL, id {text} NOT NULL, kind {text} NOT NULL, version {text} NOT NULL, \
     modified {text}, places BIGINT NOT NULL, document {text} NOT NULL, comparable {json} NOT NULL, \
     PRIMARY KEY (tenant, id))",
        "CREATE INDEX resource_kind ON resource (tenant, kind, id)",
        // A row claims a value for a resource; nothing else keeps two from having it.
        "CREATE TABLE unique_key (tenant {text} NOT NULL, kind {text} NOT NULL, attribute {text} NOT NULL, \
     value {text} NOT NULL, id {text} NOT NULL, PRIMARY KEY (tenant, kind, attribute, value))",
        "CREATE INDEX unique_key_id ON unique_key (tenant, id)",
        // A value of a list of references. `value` is the id that it refers to, `element` all of it as JSON.
        "CREATE TABLE member (tenant {text} NOT NULL, holder {text} NOT NULL, list {text} NOT NULL, place BIGINT NOT NULL, \
     value {text}, element {text} NOT NULL, PRIMARY KEY (tenant, holder, list, place))",
        "CREATE UNIQUE INDEX member_value ON member (tenant, value, list, holder)",
        // The outbox: what happened, written with what it is about.
        "CREATE TABLE event (position {key}, tenant {text} NOT NULL, id {text} NOT NULL, time BIGINT NOT NULL, \
     body {text} NOT NULL)",
        "CREATE INDEX event_tenant ON event (tenant, position)",
        // What the tables were made with.
        "CREATE TABLE setting (name {text} PRIMARY KEY, value {text} NOT NULL)",
    ],
    &[
        // How many resources of a type an organization has, in parts: a commit adds to one part, so that commits at the
        // same time rarely wait for each other.
        "CREATE TABLE tally (tenant {text} NOT NULL, kind {text} NOT NULL, part BIGINT NOT NULL, resources BIGINT NOT NULL, \
     PRIMARY KEY (tenant, kind, part))",
        "INSERT INTO tally (tenant, kind, part, resources) SELECT tenant, kind, 0, count(*) FROM resource \
     GROUP BY tenant, kind",
        "CREATE INDEX resource_modified ON resource (tenant, kind, modified, id)",
        // A compressed document is decompressed once per comparison: that costs more than the longer rows.
        "{postgres}ALTER TABLE resource ALTER COLUMN comparable SET STORAGE EXTERNAL",
        // SQLite has no index of arrays. Triggers write the values of some to these rows.
        "{sqlite}CREATE TABLE element (tenant TEXT NOT NULL, kind TEXT NOT NULL, attribute TEXT NOT NULL, \
     value TEXT NOT NULL, id TEXT NOT NULL, PRIMARY KEY (tenant, kind, attribute, value, id)) WITHOUT ROWID",
        "{sqlite}CREATE INDEX element_id ON element (tenant, id)",
    ],
    &[
        // How many bytes a comparable document has, and those of a type in all: a search costs as much. The program
        // sets them when it makes the documents, which it does anew after this step.
        "ALTER TABLE resource ADD COLUMN bytes BIGINT NOT NULL DEFAULT 0",
        "ALTER TABLE tally ADD COLUMN bytes BIGINT NOT NULL DEFAULT 0",
    ],
];

/// Keeps other processes from making tables or indexes until the commit. SQLite does so by itself; PostgreSQL does not,
/// with `IF NOT EXISTS` neither. The number is this program's.
pub(crate) async fn alone<S: Session>(session: &mut S) -> Result<(), StoreError> {
    if session.dialect() == Dialect::Postgres {
        // It may take as long as it takes.
        for sql in ["SET LOCAL lock_timeout = 0", "SET LOCAL statement_timeout = 0"] {
            session.execute(&statement(session, sql)).await?;
        }
        session.query(&statement(session, "SELECT pg_advisory_xact_lock(7643764490)::text")).await?;
    }
    Ok(())
}

/// A query that fails unless every table is there, whatever is in them. It reads a row of each at most.
pub(super) fn every_table(dialect: Dialect) -> Statement {
    let created = STEPS.iter().copied().flatten().filter_map(|sql| sql.strip_prefix("CREATE TABLE "));
    let names = created.filter_map(|rest| rest.split(' ').next()).chain([VERSIONS]);
    let mut query = Statement::new(dialect);
    query.push("SELECT ");
    for (index, name) in names.enumerate() {
        if index > 0 {
            query.push(", ");
        }
        query.push("EXISTS (SELECT 1 FROM ").push(name).push(")");
    }
    query
}

pub(super) async fn run(database: &Database) -> Result<(), OpenError> {
    let known = i64::try_from(STEPS.len()).unwrap_or(i64::MAX);
    let found = database.write(Upgrade).await?;
    if found > known {
        return Err(OpenError::Newer { known, found });
    }
    Ok(())
}

struct Upgrade;

impl Work for Upgrade {
    /// The version that the tables then have.
    type Output = i64;

    fn is_unbounded(&self) -> bool {
        true
    }

    async fn run<S: Session>(&self, session: &mut S) -> Result<i64, CommitError> {
        alone(session).await?;
        let versions = format!("CREATE TABLE IF NOT EXISTS {VERSIONS} (version BIGINT PRIMARY KEY)");
        session.execute(&statement(session, &versions)).await?;
        let newest = "SELECT COALESCE(MAX(version), 0) FROM schema_version";
        let rows = session.query(&statement(session, newest)).await?;
        let found = rows.first().map_or(Ok(0), |row| row.integer(0))?;
        let done = usize::try_from(found).map_err(StoreError::backend)?;
        let mut version = found;
        for step in STEPS.iter().skip(done) {
            let dialect = session.dialect();
            for sql in step.iter().filter_map(|sql| of_dialect(dialect, sql)) {
                session.execute(&statement(session, sql)).await?;
            }
            version = version.saturating_add(1);
            let mut record = Statement::new(session.dialect());
            record.push("INSERT INTO schema_version (version) VALUES (").bind(version).push(")");
            session.execute(&record).await?;
        }
        Ok(version)
    }
}

/// The statement, unless it is for the other database.
fn of_dialect(dialect: Dialect, sql: &str) -> Option<&str> {
    let (own, other) = match dialect {
        Dialect::Sqlite => ("{sqlite}", "{postgres}"),
        _ => ("{postgres}", "{sqlite}"),
    };
    (!sql.starts_with(other)).then(|| sql.strip_prefix(own).unwrap_or(sql))
}

/// A step in the words of the database.
fn statement<S: Session>(session: &S, sql: &str) -> Statement {
    let (text, key, json) = match session.dialect() {
        // No number is given twice, not to a row that follows one that was deleted either.
        Dialect::Sqlite => ("TEXT", "INTEGER PRIMARY KEY AUTOINCREMENT", "TEXT"),
        _ => ("TEXT COLLATE \"C\"", "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "JSONB"),
    };
    let mut statement = Statement::new(session.dialect());
    statement.push(&sql.replace("{text}", text).replace("{key}", key).replace("{json}", json));
    statement
}
