//! The statements that create the tables of the store.

use super::super::statement::Dialect;

/// The statements, in order. Placeholders stand for types: `{text}` is text that is compared and ordered by code point,
/// `{json}` is a document whose parts are queried. A statement that begins with `{postgres}` or `{sqlite}` applies to that
/// database only.
const STATEMENTS: &[&str] = &[
    // A resource without its lists of references. `modified` is the text by which meta.lastModified is compared: it
    // changes with a member, unlike the document. `places` is the position of the next value of a list. `bytes` is the
    // length of the comparable document.
    "CREATE TABLE IF NOT EXISTS resource (tenant {text} NOT NULL, id {text} NOT NULL, kind {text} NOT NULL, \
     version {text} NOT NULL, modified {text}, places BIGINT NOT NULL, document {text} NOT NULL, \
     comparable {json} NOT NULL, bytes BIGINT NOT NULL DEFAULT 0, PRIMARY KEY (tenant, id))",
    "CREATE INDEX IF NOT EXISTS resource_kind ON resource (tenant, kind, id)",
    "CREATE INDEX IF NOT EXISTS resource_modified ON resource (tenant, kind, modified, id)",
    // A compressed document is decompressed for each comparison, which costs more than the longer rows. A document in the
    // TOAST table is fetched again for each comparison: rows of up to a page stay complete.
    "{postgres}ALTER TABLE resource ALTER COLUMN comparable SET STORAGE EXTERNAL",
    "{postgres}ALTER TABLE resource SET (toast_tuple_target = 8160)",
    // With statistics the planner would compare each of 100 sampled documents with each term of a filter: a filter of 512
    // terms took 5 s and gigabytes.
    "{postgres}ALTER TABLE resource ALTER COLUMN comparable SET STATISTICS 0",
    // A row claims a value for a resource; only this row keeps two resources from having the same value.
    "CREATE TABLE IF NOT EXISTS unique_key (tenant {text} NOT NULL, kind {text} NOT NULL, attribute {text} NOT NULL, \
     value {text} NOT NULL, id {text} NOT NULL, PRIMARY KEY (tenant, kind, attribute, value))",
    "CREATE INDEX IF NOT EXISTS unique_key_id ON unique_key (tenant, id)",
    // A value of a list of references. `value` is the id of the referenced resource, `element` the complete value as JSON.
    "CREATE TABLE IF NOT EXISTS member (tenant {text} NOT NULL, holder {text} NOT NULL, list {text} NOT NULL, \
     place BIGINT NOT NULL, value {text}, element {text} NOT NULL, PRIMARY KEY (tenant, holder, list, place))",
    "CREATE UNIQUE INDEX IF NOT EXISTS member_value ON member (tenant, value, list, holder)",
    // The number of a tenant's resources of a type and the bytes of their comparable documents, in parts: a commit adds to
    // one part, so that concurrent commits rarely wait for each other.
    "CREATE TABLE IF NOT EXISTS tally (tenant {text} NOT NULL, kind {text} NOT NULL, part BIGINT NOT NULL, \
     resources BIGINT NOT NULL, bytes BIGINT NOT NULL DEFAULT 0, PRIMARY KEY (tenant, kind, part))",
    // SQLite has no index of arrays. Triggers write the values of some arrays to these rows.
    "{sqlite}CREATE TABLE IF NOT EXISTS element (tenant TEXT NOT NULL, kind TEXT NOT NULL, attribute TEXT NOT NULL, \
     value TEXT NOT NULL, id TEXT NOT NULL, PRIMARY KEY (tenant, kind, attribute, value, id)) WITHOUT ROWID",
    "{sqlite}CREATE INDEX IF NOT EXISTS element_id ON element (tenant, id)",
    // The rules that made the derived data.
    "CREATE TABLE IF NOT EXISTS setting (name {text} PRIMARY KEY, value {text} NOT NULL)",
];

/// The statements for a database.
pub(super) fn statements(dialect: Dialect) -> Vec<String> {
    let (own, other, text, json) = match dialect {
        Dialect::Sqlite => ("{sqlite}", "{postgres}", "TEXT", "TEXT"),
        Dialect::Postgres => ("{postgres}", "{sqlite}", "TEXT COLLATE \"C\"", "JSONB"),
    };
    let applied = STATEMENTS.iter().filter(|sql| !sql.starts_with(other));
    let named = |sql: &&str| sql.strip_prefix(own).unwrap_or(sql).replace("{text}", text).replace("{json}", json);
    applied.map(named).collect()
}
