//! The resource types, and the location of each value in a row.
//!
//! Statements name a row of `account` or `team` by the alias `r`.

use std::sync::Arc;

use scim_core::{
    chrono::DateTime,
    resource::{Resource, ResourceError},
    schema::{
        Attribute, AttributeId, AttributeType, GROUP, Mutability, Registry, ResourceType, Schema, SchemaError, USER,
    },
    sql::{Column, Dialect, Mapping, Param, Statement, Table, database::Row},
    store::{StoreError, Version},
    value::Value,
};

/// The schema of an attribute that no client can set: whether SCIM created the account.
pub const ORIGIN: &str = "urn:example:scim:schemas:origin:1.0:User";

/// The attributes that the tables have columns for.
pub fn registry() -> Result<Registry, SchemaError> {
    let columns = ["userName", "displayName", "active", "groups"];
    let standard = Schema::user();
    let known = standard.attributes().iter().filter(|attribute| columns.contains(&attribute.name()));
    let user = known.cloned().fold(Schema::new(USER, "User"), Schema::with_attribute);
    let provisioned = Attribute::new("provisioned", AttributeType::Boolean).with_mutability(Mutability::ReadOnly);
    let user = ResourceType::builder("User", "Users", user)
        .extension(Schema::new(ORIGIN, "Origin").with_attribute(provisioned), false)
        .relation("groups", "Group", "members", "displayName");
    let value = Attribute::new("value", AttributeType::String).case_exact().with_mutability(Mutability::Immutable);
    let reference = Attribute::new("$ref", AttributeType::Reference).with_reference_types(["User"]);
    let group = Schema::new(GROUP, "Group")
        .with_attribute(Attribute::new("displayName", AttributeType::String).required())
        .with_attribute(Attribute::complex("members", [value, reference]).multi_valued());
    let group = ResourceType::builder("Group", "Groups", group);
    Registry::builder().resource_type(user.build()?).resource_type(group.build()?).build()
}

/// A time in milliseconds. If another writer has changed the column of seconds, the column of seconds decides.
const CREATED: &str = "CASE WHEN r.created_ms / 1000 = r.created_at THEN r.created_ms ELSE r.created_at * 1000 END";
pub const CHANGED: &str = "CASE WHEN r.changed_ms / 1000 = r.updated_at THEN r.changed_ms ELSE r.updated_at * 1000 END";

/// The table of a resource type.
#[derive(Debug)]
pub struct Place {
    pub table: &'static str,
    pub mapping: Mapping,
    dialect: Dialect,
}

/// The tables, and the attributes that statements name.
#[derive(Debug)]
pub struct Types {
    pub dialect: Dialect,
    pub users: Place,
    pub groups: Place,
    pub user_name: AttributeId,
    pub members: AttributeId,
    /// The attribute `value` of a member.
    pub member: AttributeId,
}

impl Types {
    /// `None` if the registry lacks an attribute.
    pub fn new(registry: &Registry, dialect: Dialect) -> Option<Self> {
        let (user, group) = (registry.resource_type("User")?, registry.resource_type("Group")?);
        let (users, groups) = (users(user, dialect)?, groups(group, dialect)?);
        let [members] = *group.reference_lists() else { return None };
        Some(Self {
            dialect,
            users: Place { table: "account", mapping: users, dialect },
            groups: Place { table: "team", mapping: groups, dialect },
            user_name: user.child(AttributeId::ROOT, "userName")?,
            members,
            member: group.value_of(members)?,
        })
    }

    pub fn of(&self, resource_type: &ResourceType) -> Result<&Place, StoreError> {
        match resource_type.name() {
            "User" => Ok(&self.users),
            "Group" => Ok(&self.groups),
            other => Err(StoreError::backend(format!("the resource type `{other}` has no table"))),
        }
    }
}

/// The attributes that both tables have.
fn common(resource_type: &Arc<ResourceType>, dialect: Dialect) -> Mapping {
    Mapping::columns(resource_type, bytewise(dialect, "CAST(r.id AS text)"))
        .with_column(AttributeId::EXTERNAL_ID, Column::text("r.external_id").indexed())
        .with_column(AttributeId::META_CREATED, Column::milliseconds(CREATED).required())
        .with_column(AttributeId::META_LAST_MODIFIED, Column::milliseconds(CHANGED).required())
}

/// The expression of an index, as queries repeat it. PostgreSQL must compare text byte by byte, as the core does.
fn bytewise(dialect: Dialect, expression: &str) -> String {
    if dialect == Dialect::Sqlite { expression.to_owned() } else { format!(r#"{expression} COLLATE "C""#) }
}

fn users(user: &Arc<ResourceType>, dialect: Dialect) -> Option<Mapping> {
    let [email, name, active] = ["userName", "displayName", "active"].map(|name| user.child(AttributeId::ROOT, name));
    let origin = user.extension(ORIGIN)?.attribute();
    Some(
        common(user, dialect)
            .with_column(email?, Column::folded(bytewise(dialect, "fold(r.email)")).required().indexed())
            .with_column(name?, Column::folded(bytewise(dialect, "fold(r.full_name)")))
            .with_column(active?, Column::boolean("NOT r.disabled").required())
            // Whether the resource has data of the extension; and the extension's attribute, which is true or absent.
            .with_column(origin, Column::boolean("r.provisioned").required())
            .with_column(user.child(origin, "provisioned")?, Column::boolean("NULLIF(r.provisioned, FALSE)")),
    )
}

fn groups(group: &Arc<ResourceType>, dialect: Dialect) -> Option<Mapping> {
    let [members] = *group.reference_lists() else { return None };
    let rows = Table::new("team_member AS m", "m.team = r.id")
        .with_owner(bytewise(dialect, "CAST(m.team AS text)"), "TRUE")
        .with_order("m.account")
        .with_column(group.value_of(members)?, Column::text(bytewise(dialect, "CAST(m.account AS text)")).required());
    let name = Column::folded(bytewise(dialect, "fold(r.name)")).required().indexed();
    let groups = common(group, dialect).with_column(group.child(AttributeId::ROOT, "displayName")?, name);
    Some(groups.with_table(members, rows))
}

impl Place {
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    pub fn is_of_users(&self) -> bool {
        self.table == "account"
    }

    /// The beginning of a query for rows of an organization. `counts` adds the number of members of a team.
    pub fn select(&self, organization: i64, counts: bool) -> Statement {
        let columns = match (self.is_of_users(), counts) {
            (true, _) => "r.email, r.full_name, r.disabled, r.provisioned",
            (false, true) => "r.name, (SELECT count(*) FROM team_member AS m WHERE m.team = r.id)",
            (false, false) => "r.name, 0",
        };
        let mut query = Statement::new(self.dialect);
        query.push("SELECT CAST(r.id AS text), r.external_id, ").push(CREATED).push(", ").push(CHANGED);
        query.push(", r.version, ").push(columns).push(" FROM ").push(self.table);
        query.push(" AS r WHERE r.organization = ").bind(organization);
        query
    }

    /// The resource of a row, without its members.
    pub fn resource(&self, row: &mut Row) -> Result<(Resource, Version), StoreError> {
        let time = |number: Option<i64>| number.and_then(DateTime::from_timestamp_millis);
        let mut resource = Resource::new(Arc::clone(self.mapping.resource_type()));
        set(&mut resource, "id", row.text(0)?)?;
        set(&mut resource, "externalId", row.text(1)?)?;
        set(&mut resource, "meta.created", time(row.integer(2)?))?;
        set(&mut resource, "meta.lastModified", time(row.integer(3)?))?;
        let version = Version::from(row.integer(4)?.unwrap_or_default().unsigned_abs());
        if self.is_of_users() {
            set(&mut resource, "userName", row.text(5)?)?;
            set(&mut resource, "displayName", row.text(6)?)?;
            set(&mut resource, "active", row.boolean(7)?.map(|disabled| !disabled))?;
            set(&mut resource, &format!("{ORIGIN}:provisioned"), row.boolean(8)?.filter(|truth| *truth))?;
        } else {
            set(&mut resource, "displayName", row.text(5)?)?;
        }
        Ok((resource, version))
    }

    /// The columns that SCIM writes, with their values. All other columns keep their values.
    pub fn columns(&self, resource: &Resource) -> Vec<(&'static str, Option<Param>)> {
        let text = |path: &str| resource.get(path).and_then(Value::as_str).map(Param::from);
        let is_true = |path: &str| resource.get(path).and_then(Value::as_bool) == Some(true);
        let created = resource.created().unwrap_or_default().timestamp_millis();
        let changed = resource.last_modified().unwrap_or_default().timestamp_millis();
        let mut columns = vec![
            ("external_id", text("externalId")),
            ("created_at", Some(Param::Integer(created / 1000))),
            ("created_ms", Some(Param::Integer(created))),
            ("updated_at", Some(Param::Integer(changed / 1000))),
            ("changed_ms", Some(Param::Integer(changed))),
        ];
        if self.is_of_users() {
            columns.push(("email", text("userName")));
            columns.push(("full_name", text("displayName")));
            columns.push(("disabled", Some(Param::Boolean(!is_true("active")))));
            columns.push(("provisioned", Some(Param::Boolean(is_true(&format!("{ORIGIN}:provisioned"))))));
        } else {
            columns.push(("name", text("displayName")));
        }
        columns
    }
}

/// Sets the attribute unless the column is NULL: an attribute without a value is absent.
fn set(resource: &mut Resource, path: &str, value: Option<impl Into<Value>>) -> Result<(), StoreError> {
    let done: Result<_, ResourceError> = value.map_or(Ok(None), |value| resource.set(path, value));
    done.map(drop).map_err(StoreError::backend)
}
