//! SCIM over the existing tables of a platform: accounts, some of them made by hand, and teams with a table of
//! members.
//!
//! The store translates rows to resources and back. Accounts made by hand are invisible to SCIM, but their names are
//! taken. Here the tables are vectors behind a lock; with SQL, `commit` is a transaction.
#![allow(clippy::print_stdout, clippy::allow_attributes, reason = "a program that prints")]

use std::{
    error::Error,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context as Task, Poll, Waker},
};

use scim_core::{
    fold::fold,
    protocol::Request,
    provider::ServiceProvider,
    resource::Resource,
    schema::{
        Attribute, AttributeId, AttributeType, ENTERPRISE_USER, GROUP, Mutability, Registry, ResourceType, Schema, USER,
    },
    store::{
        Capabilities, Change, ChangeOutcome, CommitError, Entry, Key, Page, Replacement, RequestContext,
        RequestedAttributes, Scan, Store, StoreError, Stored, TenantId, Version,
    },
};
use serde::{Deserialize, Serialize};

/// A row of the platform's accounts, with SCIM's names for the columns. `made_by_scim` and `version` are columns that
/// were added for SCIM.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Account {
    id: String,
    #[serde(rename = "userName")]
    login: String,
    #[serde(rename = "displayName", skip_serializing_if = "Option::is_none")]
    label: Option<String>,
    // Present for every user that SCIM writes, since `active` has a default: the column can be NOT NULL.
    #[serde(rename = "active")]
    enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<String>,
    meta: Times,
    #[serde(skip)]
    made_by_scim: bool,
    #[serde(skip)]
    version: u64,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Team {
    id: String,
    #[serde(rename = "displayName")]
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<String>,
    #[serde(default)]
    members: Vec<Member>,
    meta: Times,
    #[serde(skip)]
    version: u64,
}

#[derive(Clone, Serialize, Deserialize)]
struct Member {
    value: String,
}

#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Times {
    created: String,
    last_modified: String,
}

#[derive(Default)]
struct Tables {
    accounts: Vec<Account>,
    teams: Vec<Team>,
    writes: u64,
}

struct Platform {
    organization: TenantId,
    registry: Registry,
    tables: Mutex<Tables>,
}

/// Registers only the attributes with a column: other attributes of a client are ignored, as `/Schemas` shows.
fn registry() -> Result<Registry, Box<dyn Error>> {
    let keep = ["userName", "displayName", "active"];
    let standard = Schema::user();
    let user = standard.attributes().iter().filter(|attribute| keep.contains(&attribute.name()));
    let user = user.cloned().fold(Schema::new(USER, "User").with_description("People"), Schema::with_attribute);
    let value = Attribute::new("value", AttributeType::String).case_exact().with_mutability(Mutability::Immutable);
    let reference = Attribute::new("$ref", AttributeType::Reference).with_reference_types(["User"]);
    let group = Schema::new(GROUP, "Group")
        .with_description("Teams")
        .with_attribute(Attribute::new("displayName", AttributeType::String).required().with_description("Its name"))
        .with_attribute(
            Attribute::complex("members", [value, reference]).multi_valued().with_description("Who is in it"),
        );
    let user = ResourceType::builder("User", "Users", user).build()?;
    Ok(Registry::builder()
        .resource_type(user)
        .resource_type(ResourceType::builder("Group", "Groups", group).build()?)
        .build()?)
}

impl Platform {
    /// The tables of the caller's organization. This example has one organization; all others are refused.
    fn tables(&self, context: &RequestContext) -> Result<MutexGuard<'_, Tables>, StoreError> {
        if *context.tenant() != self.organization {
            return Err(StoreError::Denied);
        }
        Ok(self.tables.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn stored(&self, resource_type: &str, row: &impl Serialize, version: u64) -> Result<Stored, StoreError> {
        let resource_type = self.registry.resource_type(resource_type).ok_or(StoreError::NotFound)?;
        let json = serde_json::to_vec(row).map_err(StoreError::backend)?;
        Ok(Stored::new(Resource::from_json(resource_type, &json).map_err(StoreError::backend)?, Version::from(version)))
    }

    fn find(&self, tables: &Tables, resource_type: &str, id: &str) -> Result<Option<Stored>, StoreError> {
        let account = tables.accounts.iter().find(|row| resource_type == "User" && row.made_by_scim && row.id == id);
        let team = tables.teams.iter().find(|row| resource_type == "Group" && row.id == id);
        match (account, team) {
            (Some(row), _) => self.stored("User", row, row.version).map(Some),
            (_, Some(row)) => self.stored("Group", row, row.version).map(Some),
            _ => Ok(None),
        }
    }

    /// Writes a whole resource as a row. All checks come before the first write.
    fn put(tables: &mut Tables, resource: &Resource) -> Result<u64, StoreError> {
        let (resource_type, json) = (resource.resource_type(), resource.to_json());
        let version = tables.writes + 1;
        if resource_type.name() == "User" {
            let row: Account = serde_json::from_slice(&json).map_err(StoreError::backend)?;
            // Compare with the accounts made by hand, too, which SCIM neither takes over nor shows.
            let taken = |other: &Account| other.id != row.id && fold(&other.login) == fold(&row.login);
            if tables.accounts.iter().any(taken) {
                let attribute = resource_type.child(AttributeId::ROOT, "userName").unwrap_or(AttributeId::ID);
                return Err(StoreError::NotUnique { attribute });
            }
            tables.accounts.retain(|other| other.id != row.id);
            tables.accounts.push(Account { made_by_scim: true, version, ..row });
        } else {
            let row: Team = serde_json::from_slice(&json).map_err(StoreError::backend)?;
            let exists = |id: &str| tables.accounts.iter().any(|account| account.made_by_scim && account.id == id);
            if let Some(stranger) = row.members.iter().find(|member| !exists(&member.value)) {
                let attribute = resource_type.child(AttributeId::ROOT, "members").unwrap_or(AttributeId::ID);
                return Err(StoreError::BadReference { attribute, value: stranger.value.as_str().into() });
            }
            tables.teams.retain(|other| other.id != row.id);
            tables.teams.push(Team { version, ..row });
        }
        tables.writes = version;
        Ok(version)
    }
}

impl Store for Platform {
    fn capabilities(&self) -> Capabilities {
        // `Scan::select` sorts and counts below. Without these, the core would refuse lists of more than
        // `Limits::scan` resources.
        Capabilities::new().with_sort(true).with_total(true)
    }

    async fn get(
        &self,
        context: &RequestContext,
        key: Key<'_>,
        _: &RequestedAttributes<'_>,
    ) -> Result<Option<Stored>, StoreError> {
        self.find(&*self.tables(context)?, key.resource_type.name(), key.id)
    }

    async fn scan(&self, context: &RequestContext, scan: &Scan<'_>) -> Result<Page, StoreError> {
        let tables = self.tables(context)?;
        let accounts = tables.accounts.iter().filter(|row| row.made_by_scim);
        let all: Result<Vec<Stored>, StoreError> = if scan.resource_type.name() == "User" {
            accounts.map(|row| self.stored("User", row, row.version)).collect()
        } else {
            tables.teams.iter().map(|row| self.stored("Group", row, row.version)).collect()
        };
        Ok(scan.select(all?))
    }

    async fn commit(&self, context: &RequestContext, batch: &[Change]) -> Result<Vec<ChangeOutcome>, CommitError> {
        // The store accepts one change, as `capabilities` says.
        let [change] = batch else { return Err(StoreError::TooMany.into()) };
        let tables = &mut *self.tables(context)?;
        let before = self.find(tables, change.resource_type().name(), change.id())?;
        // Checks that the resource exists, or still has the version that the change is based on, in the same step as
        // the write.
        change.check(before.as_ref().map(|before| &before.version))?;
        let mut effect = None;
        let version = match (change, &before) {
            (
                Change::Create(Entry { resource, .. })
                | Change::Replace(Replacement { entry: Entry { resource, .. }, .. }),
                _,
            ) => Self::put(tables, resource)?,
            (Change::EditValues(edit), Some(before)) => match edit.apply(&before.resource) {
                // With SQL: an INSERT or DELETE of one row of members, without reading the team.
                Some((after, really)) => {
                    effect = Some(really);
                    Self::put(tables, &after)?
                }
                None => return Ok(vec![ChangeOutcome::kept(before.version.clone())]),
            },
            (Change::Delete(_), _) => {
                tables.writes += 1;
                tables.accounts.retain(|row| row.id != change.id());
                tables.teams.retain(|row| row.id != change.id());
                // Remove the deleted account from every team.
                for team in &mut tables.teams {
                    let members = team.members.len();
                    team.members.retain(|member| member.value != change.id());
                    if team.members.len() != members {
                        team.version = tables.writes;
                    }
                }
                return Ok(vec![ChangeOutcome::deleted()]);
            }
            // A later version of the library may send other changes, which this store does not know.
            _ => return Err(StoreError::backend("a change that this store does not know").into()),
        };
        Ok(vec![ChangeOutcome::written(Version::from(version)).with_edit(effect)])
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let by_hand = Account {
        id: "7".into(),
        login: "Root".into(),
        label: None,
        enabled: true,
        external_id: None,
        meta: Times::default(),
        made_by_scim: false,
        version: 0,
    };
    let tables = Mutex::new(Tables { accounts: vec![by_hand], ..Tables::default() });
    let (organization, registry) = (TenantId::new("acme")?, registry()?);
    let platform = Arc::new(Platform { organization: organization.clone(), registry: registry.clone(), tables });
    let provider =
        ServiceProvider::builder(registry, Arc::clone(&platform), "https://platform.example/scim").build()?;
    let context = RequestContext::new(organization);
    let ask = |method: &str, target: &str, body: &str, status: u16, part: &str| -> Result<String, Box<dyn Error>> {
        let response = now(provider.handle(&context, &Request::new(method, target).with_body(body.as_bytes())));
        let response = response.ok_or("it waits for nothing")?;
        let text = String::from_utf8(response.body)?;
        println!("> {method} {target} {body}\n< {} {text}\n", response.status);
        if response.status != status || !text.contains(part) {
            return Err(format!("expected {status} and `{part}`").into());
        }
        let json: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        Ok(json.get("id").and_then(serde_json::Value::as_str).unwrap_or_default().to_owned())
    };

    ask("GET", "/Users", "", 200, r#""totalResults":0"#)?;
    ask("POST", "/Users", r#"{"userName": "root"}"#, 409, "uniqueness")?;
    ask("GET", "/Users/7", "", 404, "User")?;
    ask("DELETE", "/Users/7", "", 404, "User")?;
    let body = format!(r#"{{"userName": "bjensen", "active": true, "title": "no column", "{ENTERPRISE_USER}": {{}}}}"#);
    let user = ask("POST", "/Users", &body, 201, r#""active":true"#)?;
    ask("GET", "/Users?filter=userName%20eq%20%22BJENSEN%22", "", 200, r#""totalResults":1"#)?;
    let target = format!("/Users/{user}");
    ask(
        "PATCH",
        &target,
        r#"{"Operations": [{"op": "replace", "path": "active", "value": false}]}"#,
        200,
        r#""active":false"#,
    )?;
    let body = format!(r#"{{"displayName": "Guides", "members": [{{"value": "{user}"}}]}}"#);
    let team = format!("/Groups/{}", ask("POST", "/Groups", &body, 201, &user)?);
    let stranger = r#"{"Operations": [{"op": "add", "path": "members", "value": [{"value": "7"}]}]}"#;
    ask("PATCH", &team, stranger, 400, "invalidValue")?;
    let remove = format!(r#"{{"Operations": [{{"op": "remove", "path": "members[value eq \"{user}\"]"}}]}}"#);
    ask("PATCH", &team, &remove, 200, "Guides")?;
    let add = format!(r#"{{"Operations": [{{"op": "add", "path": "members", "value": [{{"value": "{user}"}}]}}]}}"#);
    ask("PATCH", &team, &add, 200, &user)?;
    ask("DELETE", &target, "", 204, "")?;
    ask("GET", &team, "", 200, "Guides")?;

    let tables = platform.tables.lock().unwrap_or_else(PoisonError::into_inner);
    let names: Vec<&str> = tables.accounts.iter().map(|account| account.login.as_str()).collect();
    let members = tables.teams.iter().map(|team| team.members.len()).sum::<usize>();
    println!("Accounts that are left: {names:?}; members of teams: {members}");
    if names != ["Root"] || members != 0 {
        return Err("only the account made by hand should be left".into());
    }
    Ok(())
}

/// The job of your runtime. This store never waits.
fn now<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Task::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}
