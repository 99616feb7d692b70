//! A service provider on the tables of the guide, which the host's own statements fill.

use std::sync::{
    Arc, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use scim_core::{
    limits::Limits,
    protocol::Request,
    provider::ServiceProvider,
    sql::{Dialect, TableStore, database::Database},
    store::{RequestContext, TenantId},
};
use scim_core_native::{rusqlite::Sqlite, tokio_postgres::Postgres};
use serde_json::{Value, json};

use super::{
    observed::{Metered, Recorded, Texts},
    support::{Anything, fresh_schema},
    the_guide::{layouts, registry, tables},
};

/// An answer, with the statements of the request and the units that it has spent.
pub struct Answer {
    pub status: u16,
    pub body: Value,
    pub statements: Vec<String>,
    pub spent: u64,
}

/// The service provider of one tenant.
pub struct Host<D> {
    database: D,
    provider: ServiceProvider<Metered<Recorded<D>>>,
    context: RequestContext,
    texts: Texts,
    spent: Arc<AtomicU64>,
}

impl<D: Database + Clone> Host<D> {
    pub async fn new(database: D, tenant: &str, work: u64) -> Result<Self, Anything> {
        let (texts, spent) = (Texts::default(), Arc::<AtomicU64>::default());
        let recorded = Recorded { database: database.clone(), texts: Arc::clone(&texts) };
        let store = TableStore::open(recorded, layouts(&registry()?, database.dialect())?).await?;
        let store = Metered { store, spent: Arc::clone(&spent) };
        let mut limits = Limits::default();
        limits.work = work;
        let provider = ServiceProvider::builder(registry()?, store, "https://host.example/scim/v2").limits(limits);
        let context = RequestContext::new(TenantId::new(tenant)?);
        Ok(Self { database, provider: provider.build()?, context, texts, spent })
    }

    pub fn database(&self) -> &D {
        &self.database
    }

    /// The same tables with another bound of work.
    pub async fn with_work(&self, work: u64) -> Result<Self, Anything> {
        Self::new(self.database.clone(), self.context.tenant().as_str(), work).await
    }

    pub async fn send(&self, method: &str, target: &str, body: &Value) -> Answer {
        self.texts.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.spent.store(0, Ordering::Relaxed);
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let headers = [("Content-Type", "application/scim+json")];
        let request = Request::new(method, target).with_headers(headers).with_body(&body);
        let answer = self.provider.handle(&self.context, &request).await;
        let body = serde_json::from_slice(answer.body.as_ref()).unwrap_or_default();
        let statements = std::mem::take(&mut *self.texts.lock().unwrap_or_else(PoisonError::into_inner));
        Answer { status: answer.status, body, statements, spent: self.spent.load(Ordering::Relaxed) }
    }

    pub async fn search(&self, endpoint: &str, search: &Value) -> Answer {
        self.send("POST", &format!("{endpoint}/.search"), search).await
    }

    /// The number of resources.
    pub async fn count(&self, endpoint: &str) -> u64 {
        let answer = self.search(endpoint, &json!({"count": 0})).await;
        answer.body["totalResults"].as_u64().unwrap()
    }
}

/// The host's own statements, separated by semicolons.
#[derive(Default)]
pub struct Filling(pub String);

impl Filling {
    fn insert(mut self, count: u32, insertion: &str) -> Self {
        let numbers =
            format!("WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {})", count - 1);
        for part in [numbers.as_str(), " ", insertion, ";\n"] {
            self.0.push_str(part);
        }
        self
    }

    /// Users with a document, in which `title` is this text.
    pub fn users(self, dialect: Dialect, tenant: &str, count: u32, title: &str) -> Self {
        let account = format!(
            "INSERT INTO account (tenant, id, login, login_folded, full_name, full_name_folded, disabled)
             SELECT '{tenant}', 'u' || (100000 + i), 'User' || i, 'user' || i, 'Name ' || i, 'name ' || i, {} FROM n",
            if dialect == Dialect::Postgres { "FALSE" } else { "0" }
        );
        let json = |schemas: &str| {
            format!(
                r#"'{{{schemas}"userName":"User' || i || '","externalId":"e' || i || '","title":"{title}",
                "emails":[{{"value":"a' || i || '@x.example","type":"work"}}]}}'"#
            )
        };
        let document = json(r#""schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"#);
        let comparable = match dialect {
            Dialect::Postgres => format!("CAST({} AS jsonb)", json("")),
            _ => json(""),
        };
        let side = format!(
            "INSERT INTO scim_account (tenant, key, document, comparable)
             SELECT '{tenant}', 'u' || (100000 + i), {document}, {comparable} FROM n"
        );
        self.insert(count, &account).insert(count, &side)
    }

    /// Groups, of which each has the first users as members.
    pub fn groups(self, tenant: &str, count: u32, members: u32) -> Self {
        let team = format!(
            "INSERT INTO team (tenant, id, name, name_folded)
             SELECT '{tenant}', 'g' || (100000 + i), 'Team ' || i, 'team ' || i FROM n"
        );
        let member = format!(
            "INSERT INTO team_member (tenant, team, account) SELECT '{tenant}', t.id, 'u' || (100000 + i)
             FROM n CROSS JOIN team AS t WHERE t.tenant = '{tenant}'"
        );
        self.insert(count, &team).insert(members, &member)
    }
}

/// A database of SQLite with the tables of the guide, and its folder.
pub fn sqlite(filling: &Filling) -> Result<(Sqlite, tempfile::TempDir), Anything> {
    let folder = tempfile::tempdir()?;
    let database = Sqlite::open(&folder.path().join("charges.db"), 2)?;
    database.execute_batch(tables(Dialect::Sqlite))?;
    for statement in TableStore::<()>::migrations(Dialect::Sqlite, layouts(&registry()?, Dialect::Sqlite)?)? {
        database.execute_batch(&statement)?;
    }
    database.execute_batch(&format!("BEGIN; {} COMMIT", filling.0))?;
    Ok((database, folder))
}

/// A schema of PostgreSQL with the tables of the guide, and its name; `None` without a server.
pub async fn postgres(name: &str, filling: &Filling) -> Result<Option<(Postgres, String)>, Anything> {
    let Some((pool, schema)) = fresh_schema(name).await? else { return Ok(None) };
    let client = pool.get().await?;
    client.batch_execute(tables(Dialect::Postgres)).await?;
    for statement in TableStore::<()>::migrations(Dialect::Postgres, layouts(&registry()?, Dialect::Postgres)?)? {
        client.batch_execute(&statement).await?;
    }
    client.batch_execute(&format!("{} ANALYZE", filling.0)).await?;
    Ok(Some((Postgres(pool), schema)))
}

/// Removes the schema.
pub async fn remove(database: &Postgres, schema: &str) -> Result<(), Anything> {
    database.0.get().await?.batch_execute(&format!("DROP SCHEMA {schema} CASCADE")).await?;
    Ok(())
}
