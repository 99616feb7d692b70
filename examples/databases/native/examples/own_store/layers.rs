//! The same tables by declaration, with hooks, and with one method of the store by own SQL.

use std::sync::Arc;

use scim_core::{
    event::Event,
    filter::Condition,
    resource::Resource,
    schema::{Registry, Relation, ResourceType},
    sql::{
        Dialect, Hooks, Statement, TableStore,
        database::Database,
        layout::{Field, Initial, Join, Key, KeyType, Layout},
    },
    store::{
        self, Capabilities, Change, ChangeOutcome, CommitError, Page, Pushdown, Referrer, RequestContext,
        RequestedAttributes, Scan, Store, StoreError, Stored,
    },
    value::Text,
};

use crate::{
    read::{Query, key, referrers, teams_of},
    rows::ORIGIN,
    store::organization,
};

/// The location of each value. The side tables keep the times in milliseconds.
pub fn layouts(registry: &Registry, dialect: Dialect) -> Option<[Layout; 2]> {
    let (constraint, now) = match dialect {
        Dialect::Sqlite => ("index 'account_email'", "CAST(strftime('%s', 'now') AS integer)"),
        _ => ("account_email", "CAST(extract(epoch FROM now()) AS bigint)"),
    };
    let layout = |name: &str, table: &str| {
        let layout = Layout::of(registry.resource_type(name)?, table, Key::integer("id").numbered());
        let layout = layout.tenant("organization", KeyType::Integer).at_creation("created_at", Initial::sql(now));
        Some(layout.at_creation("updated_at", Initial::sql(now)).at_change("updated_at", now))
    };
    let users = layout("User", "account")?
        .field("userName", Field::text("email").lower().unique(constraint))
        .field("displayName", Field::text("full_name"))
        .field("active", Field::inverted("disabled"))
        .at_creation("api_secret", Initial::secret())
        .searched(&format!("{ORIGIN}:provisioned"))
        .side_table("scim_account");
    let groups = layout("Group", "team")?
        .field("displayName", Field::text("name").lower())
        .list("members", Join::table("team_member").holder("team").value("account", "User"))
        .side_table("scim_team");
    Some([users, groups])
}

/// Keeps the last owner of a team, and ends the sessions of an account that loses access.
#[derive(Debug)]
pub struct Rules;

impl Hooks for Rules {
    fn refusals(&self, _: &RequestContext, change: &Change, dialect: Dialect) -> Vec<Statement> {
        let (Change::Delete(_), "User", Some(account)) = (change, change.resource_type().name(), key(change.id()))
        else {
            return Vec::new();
        };
        let mut query = Statement::new(dialect);
        query.push("SELECT 1 FROM team_member AS m WHERE m.role = 'owner' AND m.account = ").bind(account);
        query.push(" AND NOT EXISTS (SELECT 1 FROM team_member AS other WHERE other.team = m.team");
        query.push(" AND other.role = 'owner' AND other.account <> m.account)");
        vec![query]
    }

    fn writes(&self, _: &RequestContext, event: &Event, dialect: Dialect) -> Vec<Statement> {
        // A team can have the key of an account.
        let is_of_user = event.resource_type().name() == "User" && event.ends_access();
        let (true, Some(account)) = (is_of_user, key(event.resource_id())) else { return Vec::new() };
        let mut sessions = Statement::new(dialect);
        sessions.push("DELETE FROM session WHERE account = ").bind(account);
        vec![sessions]
    }
}

/// The declared store, in which a user also has the groups above its groups: a layout cannot describe them.
///
/// The futures of the declared store are large. On the heap, they do not make the futures of this store larger.
pub struct WithParents<D>(pub TableStore<D, Rules>);

impl<D: Database> Store for WithParents<D> {
    async fn referrers(
        &self,
        context: &RequestContext,
        _: &Relation,
        ids: &[&str],
        bytes: usize,
    ) -> Result<Vec<Referrer>, StoreError> {
        let database = self.0.database();
        let accounts = ids.iter().filter_map(|id| key(id));
        let statement = teams_of(database.dialect(), organization(context)?, accounts);
        referrers(database.read(Query { statement, bytes }).await.map_err(|failed| failed.error)?)
    }

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    fn pushdown(&self, resource_type: &ResourceType, conjunct: &Condition) -> Pushdown {
        self.0.pushdown(resource_type, conjunct)
    }

    async fn get(
        &self,
        context: &RequestContext,
        key: store::Key<'_>,
        requested: &RequestedAttributes<'_>,
    ) -> Result<Option<Stored>, StoreError> {
        Box::pin(self.0.get(context, key, requested)).await
    }

    async fn scan(&self, context: &RequestContext, scan: &Scan<'_>) -> Result<Page, StoreError> {
        Box::pin(self.0.scan(context, scan)).await
    }

    async fn commit(&self, context: &RequestContext, batch: &[Change]) -> Result<Vec<ChangeOutcome>, CommitError> {
        Box::pin(self.0.commit(context, batch)).await
    }

    async fn get_many(
        &self,
        context: &RequestContext,
        resource_type: &Arc<ResourceType>,
        ids: &[&str],
        requested: &RequestedAttributes<'_>,
    ) -> Result<Vec<Option<Arc<Resource>>>, StoreError> {
        Box::pin(self.0.get_many(context, resource_type, ids, requested)).await
    }

    async fn id_of_new(&self, context: &RequestContext, resource: &Resource) -> Result<Option<Text>, StoreError> {
        Box::pin(self.0.id_of_new(context, resource)).await
    }

    async fn locate(
        &self,
        context: &RequestContext,
        resource_types: &[Arc<ResourceType>],
        ids: &[&str],
    ) -> Result<Vec<Option<usize>>, StoreError> {
        Box::pin(self.0.locate(context, resource_types, ids)).await
    }
}
