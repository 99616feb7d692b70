//! The checks of a store's start: the tables fit the layouts, and the migration was executed.

use super::{
    super::{
        database::Database,
        layout::{Comparison, Form, LayoutError, Parts},
        statement::{Dialect, Param, Statement},
    },
    filters::LowerCase,
    migration,
    read::Texts,
    tables::Tables,
};
use crate::{
    fold::fold,
    store::{CommitError, StoreError},
};

/// The reason why a [`TableStore`](super::TableStore) cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A layout is incomplete.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// The tables do not fit the layouts.
    #[error("the tables do not fit the layouts: {}", .0.join("; "))]
    Mismatch(Vec<String>),
    /// The database does not answer.
    #[error("the database does not answer")]
    Database(#[source] StoreError),
}

/// Checks the tables. Returns the text for which `lower()` agrees with the core, in the collation of every column that
/// is compared by it.
pub(super) async fn check<D: Database>(database: &D, tables: &Tables) -> Result<LowerCase, StartError> {
    let mut problems = Vec::new();
    for query in &probes(tables) {
        // Each in a transaction of its own: in PostgreSQL, a failed statement ends its transaction.
        match database.read(Texts(query.statement.clone())).await {
            Ok(_) => {}
            Err(CommitError { error: StoreError::Backend(source), .. }) => {
                problems.push(format!("{}: {}", query.subject, text_of(&*source)));
            }
            Err(failed) => return Err(StartError::Database(failed.error)),
        }
    }
    let known = |failed: CommitError| StartError::Database(failed.error);
    let there = database.read(Texts(triggers(tables.dialect))).await.map_err(known)?;
    let missing = migration::trigger_names(tables).into_iter().filter(|name| !there.contains(name));
    problems
        .extend(missing.map(|name| {
            format!("the trigger `{name}` is missing: execute the statements of `TableStore::migrations`")
        }));
    if !problems.is_empty() {
        return Err(StartError::Mismatch(problems));
    }
    // SQLite's `lower()` and NOCASE know ASCII only.
    let mut lower = if tables.dialect == Dialect::Postgres { LowerCase::Everything } else { LowerCase::Ascii };
    let cased = cased();
    let expected = fold(&cased);
    let in_ascii = |text: &str| text.chars().take(ASCII_LETTERS).collect::<String>();
    for statement in lower_probes(tables, &cased) {
        let answer = database.read(Texts(statement)).await.map_err(known)?;
        let found = answer.first().map(String::as_str).unwrap_or_default();
        let agreed = if *found == *expected {
            LowerCase::Everything
        } else if in_ascii(found) == in_ascii(&expected) {
            LowerCase::Ascii
        } else {
            LowerCase::Nothing
        };
        lower = lower.min(agreed);
    }
    Ok(lower)
}

/// The number of letters of ASCII at the beginning of [`cased`].
const ASCII_LETTERS: usize = 26;

/// The error with its sources: the database's own text names the column that is missing.
fn text_of(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

struct Query {
    subject: String,
    statement: Statement,
}

/// A query of each table that names all its columns and reads no row.
fn probes(tables: &Tables) -> Vec<Query> {
    let mut all = Vec::new();
    for table in &tables.all {
        let name = table.resource_type.name();
        let tenant = table.parts.tenant.as_ref().map(|(_, key_type)| key_type.example());
        let mut statement = table.select(tenant.as_ref());
        statement.push(" AND FALSE");
        all.push(Query { subject: format!("the layout of {name}"), statement });
        for (owner, columns) in written_columns(&table.parts) {
            let mut statement = Statement::new(tables.dialect);
            statement.push(&format!("SELECT {} FROM {owner} WHERE FALSE", columns.join(", ")));
            all.push(Query { subject: format!("the layout of {name}"), statement });
        }
        if let Some(shared) = &table.parts.shared {
            let mut statement = Statement::new(tables.dialect);
            let linkable = table.parts.linkable(shared, &mut statement, tenant.as_ref());
            statement.push(&format!("SELECT 1 FROM {} AS u WHERE FALSE AND ({linkable})", shared.table));
            all.push(Query { subject: format!("`linkable` of {name}"), statement });
        }
        for (_, join) in &table.parts.lists {
            let mut statement = Statement::new(tables.dialect);
            let tenant = join.tenant.iter().map(|column| &**column);
            let initial = join.initial.iter().map(|(name, _)| &*name.column);
            let columns: Vec<&str> = [&*join.holder, &*join.value].into_iter().chain(tenant).chain(initial).collect();
            statement.push(&format!("SELECT {} FROM {} WHERE FALSE", columns.join(", "), join.table));
            all.push(Query { subject: format!("the table `{}` of {name}", join.table), statement });
        }
    }
    all
}

/// The columns that the store writes, by their table.
fn written_columns(parts: &Parts) -> Vec<(&str, Vec<&str>)> {
    let copies = |is_shared: bool| {
        parts.lenses.iter().filter_map(move |lens| match &lens.field.form {
            Form::Text(Comparison::Copy(copy)) if copy.is_shared == is_shared => Some(&*copy.column),
            _ => None,
        })
    };
    let initial = parts.initial.iter().map(|(name, _)| &*name.column);
    let deleted = parts.soft_delete.iter().flat_map(|(_, assignments)| assignments);
    let restored = parts.restore.iter().flat_map(|(_, assignments)| assignments);
    let assigned = deleted.chain(restored).chain(&parts.at_change).map(|(column, _)| &**column);
    let comparable = parts.documents.iter().map(|documents| &*documents.comparable);
    let own = copies(false).chain(initial).chain(assigned).chain(comparable).collect();
    let shared = parts.shared.iter().map(|shared| {
        let initial = shared.initial.iter().map(|(name, _)| &*name.column);
        let changed = shared.at_change.iter().map(|(column, _)| &**column);
        (&*shared.table, [&*shared.key].into_iter().chain(copies(true)).chain(initial).chain(changed).collect())
    });
    let all = [(&*parts.table, own)].into_iter().chain(shared);
    all.filter(|(_, columns): &(&str, Vec<&str>)| !columns.is_empty()).collect()
}

/// Whether SQLite has a function that finds out the length of a text without reading the text, as from 3.43 on.
pub(super) async fn knows_lengths<D: Database>(database: &D) -> bool {
    let mut query = Statement::new(database.dialect());
    query.push("SELECT octet_length('x')");
    database.read(Texts(query)).await.is_ok()
}

fn triggers(dialect: Dialect) -> Statement {
    let mut query = Statement::new(dialect);
    query.push(match dialect {
        Dialect::Postgres => "SELECT tgname::text FROM pg_trigger WHERE NOT tgisinternal AND tgname LIKE 'scim%'",
        Dialect::Sqlite => "SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'scim%'",
    });
    query
}

/// Every letter that folding changes.
fn cased() -> String {
    ('A'..='\u{1ffff}').filter(|char| *fold(char.encode_utf8(&mut [0; 4])) != *char.to_string()).collect()
}

/// The queries that fold the letters by `lower()`, in the collation of a column of PostgreSQL.
fn lower_probes(tables: &Tables, cased: &str) -> Vec<Statement> {
    let mut all = Vec::new();
    for table in tables.all.iter().filter(|_| tables.dialect == Dialect::Postgres) {
        for lens in &table.parts.lenses {
            if lens.field.form != Form::Text(Comparison::Lower) {
                continue;
            }
            let shared = table.parts.shared.as_ref().filter(|_| lens.field.column.is_shared);
            let owner = shared.map_or(&table.parts.table, |shared| &shared.table);
            let mut query = Statement::new(tables.dialect);
            let cased = query.placeholder(Param::from(cased), "text");
            // The parameter has no collation of its own, so the collation is that of the column.
            query.push(&format!("SELECT lower(COALESCE({cased}, t.{})) FROM ", lens.field.column.column));
            query.push(&format!("(SELECT 1) AS one LEFT JOIN {owner} AS t ON FALSE"));
            all.push(query);
        }
    }
    all
}
