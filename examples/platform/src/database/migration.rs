//! The tables, and the steps that upgrade the tables of an earlier version of the program.
//!
//! A released step is never changed: a change is a further step. Several processes may start at the same time; one
//! of them creates the tables, and the others find them complete.

use scim_core::{
    sql::{Dialect, Statement},
    store::{CommitError, StoreError},
};

use super::{Database, OpenError, Session, Work};

/// The table with the versions.
const VERSIONS: &str = "schema_version";

/// The steps, in order; the version of the tables is the number of completed steps. Placeholders stand for types:
/// `{text}` is text that is compared and ordered by code point, `{key}` is a number that the database assigns to
/// each row, `{json}` is a document whose parts are queried. A statement that begins with `{postgres}` or
/// `{sqlite}` applies to that database only.
const STEPS: &[&[&str]] = &[
    &[
        // The platform's data about its customers. Times are milliseconds since 1970 in UTC.
        "CREATE TABLE organization (name {text} PRIMARY KEY, created BIGINT NOT NULL, scim BIGINT NOT NULL)",
        "CREATE TABLE api_key (digest {text} PRIMARY KEY, organization {text} NOT NULL REFERENCES organization (name), \
     name {text} NOT NULL, created BIGINT NOT NULL, expires BIGINT, revoked BIGINT, used BIGINT)",
        "CREATE INDEX api_key_organization ON api_key (organization)",
        // A resource without its reference lists. `modified` is the text by which meta.lastModified is compared:
        // it changes with a member, unlike the document. `places` is the position of the next value of a list.
        "CREATE TABLE resource (tenant {text} NOT NULL, id {text} NOT NULL, kind {text} NOT NULL, version {text} NOT NULL, \
     modified {text}, places BIGINT NOT NULL, document {text} NOT NULL, comparable {json} NOT NULL, \
     PRIMARY KEY (tenant, id))",
        "CREATE INDEX resource_kind ON resource (tenant, kind, id)",
        // A row claims a value for a resource; only this row keeps two resources from having the same value.
        "CREATE TABLE unique_key (tenant {text} NOT NULL, kind {text} NOT NULL, attribute {text} NOT NULL, \
     value {text} NOT NULL, id {text} NOT NULL, PRIMARY KEY (tenant, kind, attribute, value))",
        "CREATE INDEX unique_key_id ON unique_key (tenant, id)",
        // A value of a reference list. `value` is the id of the referenced resource, `element` the complete value
        // as JSON.
        "CREATE TABLE member (tenant {text} NOT NULL, holder {text} NOT NULL, list {text} NOT NULL, place BIGINT NOT NULL, \
     value {text}, element {text} NOT NULL, PRIMARY KEY (tenant, holder, list, place))",
        "CREATE UNIQUE INDEX member_value ON member (tenant, value, list, holder)",
        // The outbox: events, written in the same transaction as the resources that they describe.
        "CREATE TABLE event (position {key}, tenant {text} NOT NULL, id {text} NOT NULL, time BIGINT NOT NULL, \
     body {text} NOT NULL)",
        "CREATE INDEX event_tenant ON event (tenant, position)",
        // The settings with which the tables were made.
        "CREATE TABLE setting (name {text} PRIMARY KEY, value {text} NOT NULL)",
    ],
    &[
        // The number of an organization's resources of a type, in parts: a commit adds to one part, so that
        // concurrent commits rarely wait for each other.
        "CREATE TABLE tally (tenant {text} NOT NULL, kind {text} NOT NULL, part BIGINT NOT NULL, resources BIGINT NOT NULL, \
     PRIMARY KEY (tenant, kind, part))",
        "INSERT INTO tally (tenant, kind, part, resources) SELECT tenant, kind, 0, count(*) FROM resource \
     GROUP BY tenant, kind",
        "CREATE INDEX resource_modified ON resource (tenant, kind, modified, id)",
        // A compressed document is decompressed for each comparison, which costs more than the longer rows.
        "{postgres}ALTER TABLE resource ALTER COLUMN comparable SET STORAGE EXTERNAL",
        // SQLite has no index of arrays. Triggers write the values of some arrays to these rows.
        "{sqlite}CREATE TABLE element (tenant TEXT NOT NULL, kind TEXT NOT NULL, attribute TEXT NOT NULL, \
     value TEXT NOT NULL, id TEXT NOT NULL, PRIMARY KEY (tenant, kind, attribute, value, id)) WITHOUT ROWID",
        "{sqlite}CREATE INDEX element_id ON element (tenant, id)",
    ],
    &[
        // The bytes of a comparable document, and their sum for a type: the cost of a search is proportional to
        // the sum. The program sets the numbers when it makes the documents, which it does again after this step.
        "ALTER TABLE resource ADD COLUMN bytes BIGINT NOT NULL DEFAULT 0",
        "ALTER TABLE tally ADD COLUMN bytes BIGINT NOT NULL DEFAULT 0",
    ],
    &[
        // The identity provider is `okta`, `entra` or `other`; the sign-on is `none`, `external`, `openid` or `saml`.
        "ALTER TABLE organization ADD COLUMN title {text}",
        "ALTER TABLE organization ADD COLUMN identity_provider {text} NOT NULL DEFAULT 'other'",
        "ALTER TABLE organization ADD COLUMN sign_on {text} NOT NULL DEFAULT 'external'",
        "ALTER TABLE organization ADD COLUMN unique_groups BIGINT NOT NULL DEFAULT 1",
        "ALTER TABLE api_key ADD COLUMN made_by {text}",
        "ALTER TABLE api_key ADD COLUMN address {text}",
        // The last characters of the token, and the name of the form that made the key: a form makes only one key.
        "ALTER TABLE api_key ADD COLUMN ending {text}",
        "ALTER TABLE api_key ADD COLUMN form {text}",
        "CREATE UNIQUE INDEX api_key_form ON api_key (form)",
        // A person, made by hand (`hand`) or by the identity provider (`scim`, with the id of the resource).
        // `assigned` is the number of rows in user_group_member, so that a page finds people without a row by an
        // index.
        "CREATE TABLE account (tenant {text} NOT NULL, id {text} NOT NULL, origin {text} NOT NULL, \
     user_name {text} NOT NULL, user_name_key {text} NOT NULL, name {text} NOT NULL, sort_name {text} NOT NULL, email {text}, external_id {text}, \
     active BIGINT NOT NULL, assigned BIGINT NOT NULL DEFAULT 0, role {text} NOT NULL DEFAULT 'member', password {text}, \
     created BIGINT NOT NULL, made_by {text}, department {text}, PRIMARY KEY (tenant, id))",
        "CREATE INDEX account_name ON account (tenant, sort_name, id)",
        "CREATE INDEX account_unassigned ON account (tenant, sort_name, id) \
     WHERE origin = 'scim' AND active = 1 AND assigned = 0",
        "CREATE INDEX account_inactive ON account (tenant, sort_name, id) WHERE active = 0",
        "CREATE INDEX account_role ON account (tenant) WHERE role = 'administrator'",
        "CREATE INDEX account_user_name ON account (tenant, user_name_key, origin)",
        "CREATE INDEX account_external_id ON account (tenant, external_id)",
        "CREATE INDEX account_hand ON account (tenant, sort_name, id) WHERE origin = 'hand'",
        "CREATE INDEX account_hand_user_name ON account (tenant, user_name_key) WHERE origin = 'hand'",
        // A session of a person's browser. `confirmed` is the time of the last sign-in, which some forms require
        // again.
        "CREATE TABLE session (digest {text} PRIMARY KEY, tenant {text} NOT NULL, account {text} NOT NULL, \
     token {text} NOT NULL, created BIGINT NOT NULL, seen BIGINT NOT NULL, confirmed BIGINT NOT NULL)",
        "CREATE INDEX session_account ON session (tenant, account)",
        "CREATE INDEX session_seen ON session (seen)",
        "CREATE TABLE invitation (digest {text} PRIMARY KEY, tenant {text} NOT NULL, account {text} NOT NULL, \
     expires BIGINT NOT NULL, used BIGINT)",
        "CREATE INDEX invitation_account ON invitation (tenant, account)",
        // The groups of the platform. A row of user_group_member has the SCIM group that the assignment follows
        // from, or ''.
        "CREATE TABLE user_group (tenant {text} NOT NULL, id {text} NOT NULL, name {text} NOT NULL, \
     sort_name {text} NOT NULL, created BIGINT NOT NULL, made_by {text}, purpose {text}, PRIMARY KEY (tenant, id))",
        "CREATE UNIQUE INDEX user_group_name ON user_group (tenant, sort_name)",
        "CREATE TABLE user_group_member (tenant {text} NOT NULL, account {text} NOT NULL, user_group {text} NOT NULL, \
     source {text} NOT NULL, added BIGINT NOT NULL, made_by {text}, PRIMARY KEY (tenant, account, user_group, source))",
        "CREATE INDEX user_group_member_group ON user_group_member (tenant, user_group, source, account)",
        "CREATE TABLE user_group_mapping (tenant {text} NOT NULL, scim_group {text} NOT NULL, user_group {text} NOT NULL, \
     PRIMARY KEY (tenant, scim_group, user_group))",
        "CREATE INDEX user_group_mapping_group ON user_group_mapping (tenant, user_group)",
        // The names of the groups from SCIM, so that a page lists the groups in the order of their names.
        "CREATE TABLE scim_group (tenant {text} NOT NULL, id {text} NOT NULL, name {text} NOT NULL, \
     sort_name {text} NOT NULL, PRIMARY KEY (tenant, id))",
        "CREATE INDEX scim_group_name ON scim_group (tenant, sort_name, id)",
        // The settings of single sign-on as JSON, and the time of the successful test sign-in with them. Each
        // change makes another `version`. `used` are the settings with which people sign in, and `outcome` is the
        // last test.
        "CREATE TABLE sign_on (tenant {text} NOT NULL, kind {text} NOT NULL, settings {text} NOT NULL, tested BIGINT, \
     version {text} NOT NULL, outcome {text}, used {text}, used_version {text}, PRIMARY KEY (tenant, kind))",
        // A sign-in that waits for the answer of the identity provider.
        "CREATE TABLE sign_in (digest {text} PRIMARY KEY, tenant {text} NOT NULL, kind {text} NOT NULL, \
     purpose {text} NOT NULL, session {text}, pending {text} NOT NULL, target {text}, expires BIGINT NOT NULL)",
        "CREATE INDEX sign_in_expires ON sign_in (expires)",
        "CREATE TABLE replay (tenant {text} NOT NULL, id {text} NOT NULL, expires BIGINT NOT NULL, \
     PRIMARY KEY (tenant, id))",
        "CREATE INDEX replay_expires ON replay (expires)",
        // The provisioning log: a row for each SCIM request, and sums for the pages.
        "ALTER TABLE event ADD COLUMN request {text}",
        "CREATE INDEX event_request ON event (tenant, request)",
        "CREATE TABLE request (position {key}, tenant {text} NOT NULL, id {text} NOT NULL, time BIGINT NOT NULL, \
     caller {text}, address {text}, operation {text} NOT NULL, kind {text}, resource {text}, name {text}, \
     outcome {text} NOT NULL, notable BIGINT NOT NULL, status BIGINT NOT NULL, scim_type {text}, detail {text}, quirks {text}, \
     duration BIGINT NOT NULL)",
        "CREATE INDEX request_tenant ON request (tenant, position)",
        "CREATE INDEX request_outcome ON request (tenant, outcome, position)",
        "CREATE INDEX request_kind ON request (tenant, kind, position)",
        "CREATE INDEX request_notable ON request (tenant, position) WHERE notable = 1",
        "CREATE INDEX request_resource ON request (tenant, resource, position)",
        "CREATE INDEX request_id ON request (tenant, id)",
        "CREATE INDEX request_moment ON request (tenant, time, position)",
        "CREATE INDEX request_time ON request (time)",
        "CREATE TABLE request_hour (tenant {text} NOT NULL, hour BIGINT NOT NULL, requests BIGINT NOT NULL, \
     refused BIGINT NOT NULL, failed BIGINT NOT NULL, PRIMARY KEY (tenant, hour))",
        // A run of requests without a pause of more than 5 minutes.
        "CREATE TABLE request_cycle (tenant {text} NOT NULL, started BIGINT NOT NULL, ended BIGINT NOT NULL, \
     requests BIGINT NOT NULL, failures BIGINT NOT NULL, PRIMARY KEY (tenant, started))",
        "CREATE TABLE connection (tenant {text} PRIMARY KEY, first BIGINT, last BIGINT, worked BIGINT, \
     failing BIGINT, fault {text})",
        // Request bodies, recorded while an administrator looks for a fault; secrets are masked first.
        "CREATE TABLE recording (tenant {text} PRIMARY KEY, until BIGINT NOT NULL, made_by {text})",
        "CREATE TABLE recorded_body (tenant {text} NOT NULL, request {text} NOT NULL, body {text} NOT NULL, \
     expires BIGINT NOT NULL, PRIMARY KEY (tenant, request))",
        "CREATE INDEX recorded_body_expires ON recorded_body (expires)",
        // OAuth 2.0 for identity providers: clients, the digests of their secrets and tokens, and federated identities.
        "CREATE TABLE oauth_client (id {text} PRIMARY KEY, tenant {text} NOT NULL, name {text} NOT NULL, \
     created BIGINT NOT NULL, made_by {text}, revoked BIGINT, federation {text}, \
     used BIGINT, form {text})",
        "CREATE UNIQUE INDEX oauth_client_form ON oauth_client (form)",
        "CREATE INDEX oauth_client_tenant ON oauth_client (tenant)",
        "CREATE TABLE oauth_secret (client {text} NOT NULL, digest {text} NOT NULL, created BIGINT NOT NULL, \
     expires BIGINT NOT NULL, used BIGINT, form {text}, PRIMARY KEY (client, digest))",
        "CREATE UNIQUE INDEX oauth_secret_form ON oauth_secret (form)",
        "CREATE TABLE oauth_token (digest {text} PRIMARY KEY, client {text} NOT NULL, tenant {text} NOT NULL, \
     expires BIGINT NOT NULL, secret {text})",
        "CREATE INDEX oauth_token_expires ON oauth_token (expires)",
        "CREATE INDEX oauth_token_client ON oauth_token (client, expires)",
    ],
    &[
        // The removal of the connection. `removal` is its name while it runs; the other columns stay after its
        // end, at `removed`. `released` is the time at which an account from SCIM became an account made by hand.
        "ALTER TABLE organization ADD COLUMN removal {text}",
        "ALTER TABLE organization ADD COLUMN removal_began BIGINT",
        "ALTER TABLE organization ADD COLUMN removal_by {text}",
        "ALTER TABLE organization ADD COLUMN removal_accounts BIGINT NOT NULL DEFAULT 0",
        "ALTER TABLE organization ADD COLUMN removal_resources BIGINT NOT NULL DEFAULT 0",
        "ALTER TABLE organization ADD COLUMN removed BIGINT",
        "ALTER TABLE account ADD COLUMN released BIGINT",
    ],
    &[
        // People and groups whose last request was refused, until a request about them succeeds. `subject` names
        // the resource or the user name, and `account` the account made by hand that has the user name.
        "CREATE TABLE trouble (tenant {text} NOT NULL, subject {text} NOT NULL, account {text}, fault {text} NOT NULL, \
     time BIGINT NOT NULL, PRIMARY KEY (tenant, subject))",
        "CREATE INDEX trouble_time ON trouble (tenant, time)",
        // The time at which the organization's identity provider changed.
        "ALTER TABLE organization ADD COLUMN provider_since BIGINT",
        // The last time at which a client sent the key after its end.
        "ALTER TABLE api_key ADD COLUMN refused BIGINT",
    ],
    &[
        // People whom a removal has released wait for a user group like people from SCIM.
        "DROP INDEX account_unassigned",
        "CREATE INDEX account_unassigned ON account (tenant, sort_name, id) \
     WHERE (origin = 'scim' OR released IS NOT NULL) AND active = 1 AND assigned = 0",
        // The time of a deactivation, and the administrator; NULL where the identity provider deactivated the
        // account.
        "ALTER TABLE account ADD COLUMN deactivated BIGINT",
        "ALTER TABLE account ADD COLUMN deactivated_by {text}",
        // The name of the form that made the link: a form makes only one link.
        "ALTER TABLE invitation ADD COLUMN form {text}",
        "CREATE UNIQUE INDEX invitation_form ON invitation (form)",
    ],
    &[
        // A document in the TOAST table is fetched again for each comparison. Rows of up to a page stay complete; the
        // program writes the documents again after this step.
        "{postgres}ALTER TABLE resource SET (toast_tuple_target = 8160)",
        // With statistics the planner would compare each of 100 sampled documents with each term of a filter: a
        // filter of 512 terms took 5 s and gigabytes.
        "{postgres}ALTER TABLE resource ALTER COLUMN comparable SET STATISTICS 0",
    ],
    &[
        // Indexes and a trigger of earlier versions: other names replace them.
        "DROP INDEX IF EXISTS resource_username",
        "DROP INDEX IF EXISTS resource_displayname",
        "DROP INDEX IF EXISTS resource_externalid",
        "{sqlite}DROP INDEX IF EXISTS resource_urn_ietf_params_scim_schemas_extension_enterprise_2_0_user_employeenumber",
        "{sqlite}DROP INDEX IF EXISTS resource_by_urn_ietf_params_scim_schemas_extension_enterprise_2_0_user_employeenumber",
        "{sqlite}DROP TRIGGER IF EXISTS element_User_emails_value_update",
    ],
];

/// Keeps other processes from creating tables or indexes until the commit. SQLite does so by itself; PostgreSQL
/// does not, even with `IF NOT EXISTS`. The library's `DocumentStore` takes the same lock for its indexes.
async fn alone<S: Session>(session: &mut S) -> Result<(), StoreError> {
    if session.dialect() == Dialect::Postgres {
        // The lock and the statements after it may take any time.
        for sql in ["SET LOCAL lock_timeout = 0", "SET LOCAL statement_timeout = 0"] {
            session.execute(&statement(session, sql)).await?;
        }
        session.rows(&statement(session, "SELECT pg_advisory_xact_lock(7643764490)::text")).await?;
    }
    Ok(())
}

/// A query that fails unless every table exists, whatever the tables contain. It reads at most one row of each.
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
    /// The version of the tables after the upgrade.
    type Output = i64;

    fn is_long(&self) -> bool {
        true
    }

    async fn run<S: Session>(&self, session: &mut S) -> Result<i64, CommitError> {
        alone(session).await?;
        let versions = format!("CREATE TABLE IF NOT EXISTS {VERSIONS} (version BIGINT PRIMARY KEY)");
        session.execute(&statement(session, &versions)).await?;
        let newest = "SELECT COALESCE(MAX(version), 0) FROM schema_version";
        let rows = session.rows(&statement(session, newest)).await?;
        let found = rows.first().map_or(Ok(0), |row| row.required_integer(0))?;
        let done = usize::try_from(found).map_err(StoreError::backend)?;
        let mut version = found;
        for step in STEPS.iter().skip(done) {
            let dialect = session.dialect();
            for sql in of_step(dialect, step) {
                session.execute(Statement::new(dialect).push(&sql)).await?;
            }
            version = version.saturating_add(1);
            let mut record = Statement::new(session.dialect());
            record.push("INSERT INTO schema_version (version) VALUES (").bind(version).push(")");
            session.execute(&record).await?;
        }
        Ok(version)
    }
}

/// The statements of each step, in order, in the dialect of the database.
pub(super) fn steps(dialect: Dialect) -> Vec<Vec<String>> {
    STEPS.iter().map(|step| of_step(dialect, step)).collect()
}

fn of_step(dialect: Dialect, step: &[&str]) -> Vec<String> {
    step.iter().filter_map(|sql| of_dialect(dialect, sql)).map(|sql| in_words_of(dialect, sql)).collect()
}

/// The statement, unless it applies to the other database only.
fn of_dialect(dialect: Dialect, sql: &str) -> Option<&str> {
    let (own, other) = match dialect {
        Dialect::Sqlite => ("{sqlite}", "{postgres}"),
        _ => ("{postgres}", "{sqlite}"),
    };
    (!sql.starts_with(other)).then(|| sql.strip_prefix(own).unwrap_or(sql))
}

/// The statement with the database's names of types.
fn in_words_of(dialect: Dialect, sql: &str) -> String {
    let (text, key, json) = match dialect {
        // With AUTOINCREMENT no number is assigned twice, not even after the deletion of its row.
        Dialect::Sqlite => ("TEXT", "INTEGER PRIMARY KEY AUTOINCREMENT", "TEXT"),
        _ => ("TEXT COLLATE \"C\"", "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "JSONB"),
    };
    sql.replace("{text}", text).replace("{key}", key).replace("{json}", json)
}

fn statement<S: Session>(session: &S, sql: &str) -> Statement {
    let mut statement = Statement::new(session.dialect());
    statement.push(sql);
    statement
}
