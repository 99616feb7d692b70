// A stand-in for a database: a map for each table, a method for each statement.
include!("rows.rs");

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
};

use scim_core::{store::TenantId, value::Text};

/// The primary key of a row: tenant and id.
type RowKey = (TenantId, Text);

#[derive(Clone, Default)]
struct Team {
    name: String,
    external_id: Option<String>,
    created: DateTime<Utc>,
    changed: DateTime<Utc>,
    version: u64,
}

impl Team {
    fn to_resource(&self, resource_type: &Arc<ResourceType>, id: &str) -> Result<Resource, ResourceError> {
        let mut group = Resource::new(Arc::clone(resource_type));
        group.set("id", id)?;
        group.set("displayName", self.name.as_str())?;
        set_some(&mut group, "externalId", self.external_id.as_deref())?;
        group.set("meta.created", self.created)?;
        group.set("meta.lastModified", self.changed)?;
        Ok(group)
    }

    fn update(&mut self, group: &Resource) {
        self.name = text(group, "displayName").unwrap_or_default();
        self.external_id = text(group, "externalId");
        self.created = group.created().unwrap_or_default();
        self.changed = group.last_modified().unwrap_or_default();
    }
}

/// The tables. A transaction works on a copy, and a commit replaces the tables by the copy.
#[derive(Clone, Default)]
struct Tables {
    account: BTreeMap<RowKey, Account>,
    /// The unique index: the account of each folded login.
    account_login: BTreeMap<RowKey, Text>,
    team: BTreeMap<RowKey, Team>,
    /// `team_member` by team, and its index by account.
    team_member: BTreeMap<RowKey, BTreeSet<Text>>,
    member_of: BTreeMap<RowKey, BTreeSet<Text>>,
    outbox: Vec<Vec<u8>>,
    scim_version: u64,
}

impl Tables {
    fn next_version(&mut self) -> u64 {
        self.scim_version += 1;
        self.scim_version
    }

    fn version(&self, resource_type: &ResourceType, key: &RowKey) -> Option<u64> {
        match resource_type.name() {
            "User" => self.account.get(key).map(|row| row.version),
            _ => self.team.get(key).map(|row| row.version),
        }
    }

    /// Frees the login that the account has.
    fn free_login(&mut self, account: &RowKey) {
        self.account_login.retain(|(tenant, _), owner| *tenant != account.0 || *owner != account.1);
    }

    /// Gives the account a login; `false` if another account has the login.
    fn claim_login(&mut self, account: &RowKey, folded: &Text) -> bool {
        let owner = self.account_login.entry((account.0.clone(), folded.clone()));
        owner.or_insert_with(|| account.1.clone()) == &account.1
    }

    fn members(&self, team: &RowKey) -> Vec<Text> {
        self.team_member.get(team).into_iter().flatten().cloned().collect()
    }

    fn teams_of(&self, account: &RowKey) -> Vec<Text> {
        self.member_of.get(account).into_iter().flatten().cloned().collect()
    }

    /// Inserts a row; `false` if the row exists.
    fn insert_member(&mut self, tenant: &TenantId, team: &Text, account: &Text) -> bool {
        let key = |id: &Text| (tenant.clone(), id.clone());
        self.member_of.entry(key(account)).or_default().insert(team.clone());
        self.team_member.entry(key(team)).or_default().insert(account.clone())
    }

    /// Deletes a row; `false` if the row does not exist.
    fn delete_member(&mut self, tenant: &TenantId, team: &Text, account: &Text) -> bool {
        let key = |id: &Text| (tenant.clone(), id.clone());
        self.member_of.entry(key(account)).or_default().remove(team);
        self.team_member.entry(key(team)).or_default().remove(account)
    }
}
