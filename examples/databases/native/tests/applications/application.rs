//! The applications, and the forms of their tenants and ids.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::atomic::{AtomicU64, Ordering},
};

use scim_core::{
    provider::{IdSource, ServiceProvider},
    quirks::Quirks,
    schema::{Registry, ResourceType, Schema, SchemaError},
    sql::{
        Dialect, TableStore,
        layout::{Field, Initial, Key, KeyType, Layout, Shared, Writes},
    },
    store::{RequestContext, TenantId},
    testkit::StoreKit,
    value::Text,
};
use scim_core_native::applications::{ironclaw, metabase, omicron, tabby, vaultwarden};

use super::{Anything, host::Host};

/// An application with the properties of its tables that the kits must know.
pub struct Application {
    pub name: &'static str,
    tables: fn(Dialect) -> &'static str,
    registry: fn() -> Result<Registry, SchemaError>,
    layouts: fn(&Registry, Dialect) -> Option<Vec<Layout>>,
    pub has_tenants: bool,
    /// Inserts a tenant with the id `TENANT`.
    tenant_row: Option<&'static str>,
    has_global_names: bool,
    /// Makes an id from a number, unless ids are UUIDs.
    ids: Option<fn(u64) -> String>,
    /// Whether the database numbers new rows. Otherwise the core makes the ids.
    is_numbered: bool,
}

pub const TABBY: Application = Application {
    name: "Tabby",
    tables: |_| tabby::SQLITE,
    registry: tabby::registry,
    layouts: |registry, _| tabby::layouts(registry),
    has_tenants: false,
    tenant_row: None,
    has_global_names: false,
    ids: Some(|number| (number >> 1).to_string()),
    is_numbered: true,
};

pub const VAULTWARDEN: Application = Application {
    name: "Vaultwarden",
    tables: |dialect| if dialect == Dialect::Sqlite { vaultwarden::SQLITE } else { vaultwarden::POSTGRES },
    registry: vaultwarden::registry,
    layouts: vaultwarden::layouts,
    has_tenants: true,
    tenant_row: Some("INSERT INTO organizations (uuid, name) VALUES ('TENANT', 'x') ON CONFLICT DO NOTHING"),
    has_global_names: true,
    ids: None,
    is_numbered: false,
};

pub const OMICRON: Application = Application {
    name: "omicron",
    tables: |dialect| if dialect == Dialect::Sqlite { omicron::SQLITE } else { omicron::POSTGRES },
    registry: omicron::registry,
    layouts: omicron::layouts,
    has_tenants: true,
    tenant_row: None,
    has_global_names: false,
    ids: None,
    is_numbered: false,
};

pub const IRONCLAW: Application = Application {
    name: "IronClaw",
    tables: |dialect| if dialect == Dialect::Sqlite { ironclaw::SQLITE } else { ironclaw::POSTGRES },
    registry: ironclaw::registry,
    layouts: ironclaw::layouts,
    has_tenants: false,
    tenant_row: None,
    has_global_names: false,
    ids: None,
    is_numbered: false,
};

pub const METABASE: Application = Application {
    name: "Metabase",
    tables: |_| metabase::POSTGRES,
    registry: metabase::registry,
    layouts: |registry, _| metabase::layouts(registry),
    has_tenants: false,
    tenant_row: None,
    has_global_names: false,
    ids: Some(|number| format!("e{number:020}")),
    is_numbered: false,
};

/// Tables as in the guide: people whom workspaces invite. An invitation decides whom a workspace may link.
pub const WORKSPACES: Application = Application {
    name: "Workspaces",
    tables: |_| {
        "CREATE TABLE workspace (id text PRIMARY KEY);
         CREATE TABLE person (id text PRIMARY KEY, email text NOT NULL CONSTRAINT person_email UNIQUE, name text);
         CREATE TABLE invitation (email text NOT NULL, workspace_id text NOT NULL);
         CREATE TABLE membership (id text PRIMARY KEY, workspace_id text NOT NULL, person_id text NOT NULL REFERENCES person,
             suspended boolean NOT NULL DEFAULT FALSE, CONSTRAINT membership_person UNIQUE (workspace_id, person_id));"
    },
    registry: workspaces_registry,
    layouts: workspaces,
    has_tenants: true,
    tenant_row: Some("INSERT INTO workspace (id) VALUES ('TENANT') ON CONFLICT DO NOTHING"),
    has_global_names: true,
    ids: None,
    is_numbered: false,
};

fn workspaces_registry() -> Result<Registry, SchemaError> {
    let user = ResourceType::builder("User", "Users", Schema::user().without("password"));
    Registry::builder().resource_type(user.build()?).build()
}

fn workspaces(registry: &Registry, dialect: Dialect) -> Option<Vec<Layout>> {
    let (uuid, [person, pair]) = if dialect == Dialect::Sqlite {
        ("lower(hex(randomblob(16)))", ["person.email", "membership.workspace_id, membership.person_id"])
    } else {
        ("gen_random_uuid()::text", ["person_email", "membership_person"])
    };
    let people = Shared::table("person", "id", KeyType::Text)
        .linked_by("person_id")
        .linkable("EXISTS (SELECT 1 FROM invitation AS i WHERE i.email = u.email AND i.workspace_id = {tenant})")
        .writes(Writes::SoleLink)
        .new_key(Initial::sql(uuid));
    let users = Layout::of(registry.resource_type("User")?, "membership", Key::text("id"))
        .tenant("workspace_id", KeyType::Text)
        .shared(people)
        .field("userName", Field::text("u.email").lowercased().unique(person).unique(pair))
        .joined_name(Field::text("u.name"))
        .field("active", Field::inverted("suspended"))
        .side_table("scim_membership");
    Some(vec![users])
}

impl Application {
    /// A fresh database with the tables and the migration; `None` without a server.
    pub async fn host(&self, dialect: Dialect) -> Result<Option<Host>, Anything> {
        self.host_with(dialect, "").await
    }

    /// The same, with options of the connections to PostgreSQL.
    pub async fn host_with(&self, dialect: Dialect, options: &str) -> Result<Option<Host>, Anything> {
        let Some(host) = Host::fresh(dialect, options).await? else { return Ok(None) };
        host.execute((self.tables)(dialect)).await?;
        let migrations = TableStore::<()>::migrations(dialect, self.layouts(dialect)?)?;
        // A migration can run again.
        for statement in migrations.iter().chain(&migrations) {
            host.execute(statement).await?;
        }
        Ok(Some(host))
    }

    pub fn registry(&self) -> Result<Registry, Anything> {
        Ok((self.registry)()?)
    }

    fn layouts(&self, dialect: Dialect) -> Result<Vec<Layout>, Anything> {
        Ok((self.layouts)(&self.registry()?, dialect).ok_or("a resource type is missing")?)
    }

    pub async fn store(&self, host: &Host) -> Result<TableStore<Host>, Anything> {
        use scim_core::sql::database::Database as _;
        Ok(TableStore::open(host.clone(), self.layouts(host.dialect())?).await?)
    }

    pub async fn kit(&self, host: &Host, run: u64) -> Result<StoreKit<TableStore<Host>>, Anything> {
        let mut kit =
            StoreKit::new(self.store(host).await?, self.registry()?, run).with_many(2_000).with_ascii_folding();
        if let Some(ids) = self.ids {
            kit = kit.with_ids(ids);
        }
        if self.has_global_names {
            kit = kit.with_global_names();
        }
        if !self.has_tenants {
            return Ok(kit.with_single_tenant());
        }
        let (host, row) = (host.clone(), self.tenant_row);
        Ok(kit.with_context(move |tenant| context_of(&host, row, tenant.as_str()).unwrap()))
    }

    /// An id that is made from a number.
    pub fn id(&self, number: u64) -> String {
        self.ids.map_or_else(|| uuid(&number.to_string()), |ids| ids(number * 2))
    }

    /// The context of a tenant with this name.
    pub fn context(&self, host: &Host, name: &str) -> Result<RequestContext, Anything> {
        if !self.has_tenants {
            return Ok(RequestContext::new(TenantId::single()));
        }
        context_of(host, self.tenant_row, name)
    }

    pub async fn provider(&self, host: &Host, quirks: Quirks) -> Result<ServiceProvider<TableStore<Host>>, Anything> {
        let store = self.store(host).await?;
        let builder = ServiceProvider::builder(self.registry()?, store, "https://host.example/scim/v2").quirks(quirks);
        Ok(match self.ids {
            Some(ids) if !self.is_numbered => builder.ids(Ids { ids, next: AtomicU64::new(1_000) }).build()?,
            _ => builder.build()?,
        })
    }
}

fn context_of(host: &Host, row: Option<&str>, name: &str) -> Result<RequestContext, Anything> {
    let id = uuid(name);
    if let Some(row) = row {
        let sql = row.replace("TENANT", &id);
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(host.execute(&sql)))?;
    }
    Ok(RequestContext::new(TenantId::new(id)?))
}

/// A UUID that is made from a name.
pub fn uuid(name: &str) -> String {
    let half = |part: u8| {
        let mut hasher = DefaultHasher::new();
        (part, name).hash(&mut hasher);
        hasher.finish()
    };
    let digits = format!("{:016x}{:016x}", half(0), half(1));
    [0..8, 8..12, 12..16, 16..20, 20..32].map(|range| &digits[range]).join("-")
}

#[derive(Debug)]
struct Ids {
    ids: fn(u64) -> String,
    next: AtomicU64,
}

impl IdSource for Ids {
    fn next(&self) -> Text {
        (self.ids)(self.next.fetch_add(2, Ordering::Relaxed)).as_str().into()
    }
}
