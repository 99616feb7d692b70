//! A host's own tables: columns of every form, rows for multi-valued attributes, and a document in addition.

use std::sync::Arc;

use chrono::{DateTime, Datelike, Timelike, Utc};
use scim_core::{
    fold::fold,
    quirks::{Quirks, Tolerance},
    resource::Resource,
    schema::{AttributeId, ResourceType},
    sql::{Column, Dialect, Mapping, Param, Statement, Table, comparable},
    value::Value,
};

use crate::{
    Database,
    sample::{ENTERPRISE, EXTENSION},
};

/// A column: its name, the path of its attribute, and the form of its values.
type ColumnForm = (&'static str, String, Form);

#[derive(Clone, Copy)]
enum Form {
    Comparable,
    Text,
    Folded,
    Boolean,
    Integer,
    Seconds,
    Milliseconds,
    /// Microseconds in databases without timestamps.
    Timestamp,
}

fn known() -> Vec<ColumnForm> {
    let extension = |name: &str| format!("{EXTENSION}:{name}");
    vec![
        ("name", "userName".into(), Form::Folded),
        ("title", "title".into(), Form::Text),
        ("external", "externalId".into(), Form::Text),
        ("active", "active".into(), Form::Boolean),
        ("family", "name.familyName".into(), Form::Folded),
        ("given", "name.givenName".into(), Form::Folded),
        ("department", format!("{ENTERPRISE}:department"), Form::Comparable),
        ("manager", format!("{ENTERPRISE}:manager.value"), Form::Text),
        ("exact", extension("exact"), Form::Folded),
        ("number", extension("count"), Form::Integer),
        ("weight", extension("weight"), Form::Comparable),
        ("truth", extension("truth"), Form::Comparable),
        ("moment", extension("time"), Form::Timestamp),
        ("created", "meta.created".into(), Form::Milliseconds),
        ("modified", "meta.lastModified".into(), Form::Seconds),
    ]
}

const EMAIL: &[(&str, &str, Form)] = &[
    ("value", "emails.value", Form::Folded),
    ("kind", "emails.type", Form::Comparable),
    ("display", "emails.display", Form::Folded),
    ("is_primary", "emails.primary", Form::Boolean),
];

pub fn attribute(resource_type: &ResourceType, path: &str) -> AttributeId {
    let path: scim_core::path::AttributePath = path.parse().expect("a path");
    resource_type.resolve(path.as_ref(), &mut Tolerance::new(Quirks::default())).expect("an attribute")
}

/// The attributes that have a column or a table, and the attributes that contain them.
pub fn attributes(resource_type: &ResourceType) -> Vec<AttributeId> {
    let columns = known().into_iter().map(|(_, path, _)| path);
    let emails = EMAIL.iter().map(|(_, path, _)| (*path).to_owned());
    let others = ["emails", "name", "meta"].map(str::to_owned);
    let lists = [format!("{EXTENSION}:exacts"), EXTENSION.to_owned()];
    columns.chain(emails).chain(others).chain(lists).map(|path| attribute(resource_type, &path)).collect()
}

fn column(dialect: Dialect, alias: &str, name: &str, form: Form) -> Column {
    let sql = format!("{alias}.{name}");
    match form {
        Form::Comparable => Column::comparable(sql),
        Form::Text => Column::text(sql),
        Form::Folded => Column::folded(sql),
        Form::Boolean => Column::boolean(sql),
        Form::Integer => Column::integer(sql),
        Form::Seconds => Column::seconds(sql),
        Form::Milliseconds => Column::milliseconds(sql),
        Form::Timestamp if dialect == Dialect::Sqlite => Column::microseconds(sql),
        Form::Timestamp => Column::timestamp(sql),
    }
}

/// Adds the columns and the tables to a mapping.
pub fn map(mapping: Mapping, dialect: Dialect) -> Mapping {
    map_with(mapping, dialect, false)
}

/// The same, with every index declared that can be declared.
pub fn map_declared(mapping: Mapping, dialect: Dialect) -> Mapping {
    map_with(mapping, dialect, true)
}

fn map_with(mut mapping: Mapping, dialect: Dialect, declared: bool) -> Mapping {
    let resource_type = Arc::clone(mapping.resource_type());
    if declared {
        let keys = ["displayName", "title", "nickName", "name.middleName"];
        mapping = mapping.contained().with_indexed(keys.map(|path| attribute(&resource_type, path)));
    }
    for (name, path, form) in known() {
        let column = column(dialect, "a", name, form);
        mapping =
            mapping.with_column(attribute(&resource_type, &path), if declared { column.indexed() } else { column });
    }
    let extension = resource_type.extension(EXTENSION).expect("registered").attribute();
    mapping = mapping.with_column(extension, Column::boolean("a.extended").required());
    let mut emails = Table::new("email AS e", "e.tenant = a.tenant AND e.account = a.id").with_order("e.place");
    for (name, path, form) in EMAIL {
        emails = emails.with_column(attribute(&resource_type, path), column(dialect, "e", name, *form));
    }
    let exacts = attribute(&resource_type, &format!("{EXTENSION}:exacts"));
    let mut rows = Table::new("exact AS x", "x.account = a.id").with_column(exacts, Column::text("x.value").required());
    if declared {
        emails = emails.with_owner("e.account", "e.tenant = 'acme'");
        rows = rows.with_owner("x.account", "TRUE");
    }
    mapping.with_table(attribute(&resource_type, "emails"), emails).with_table(exacts, rows.with_order("x.place"))
}

/// The value rounded to the precision of the columns: instants in whole units, and no empty text in a required
/// attribute.
pub fn fit(resource_type: &ResourceType, id: AttributeId, value: Value) -> Value {
    match value {
        Value::DateTime(time) => {
            let nanoseconds = match resource_type.attribute(id).name() {
                "created" => 1_000_000,
                "lastModified" => 1_000_000_000,
                _ => 1_000,
            };
            let rest = time.timestamp_subsec_nanos().min(999_999_999) / nanoseconds * nanoseconds;
            Value::DateTime(DateTime::from_timestamp(time.timestamp(), rest).expect("an instant"))
        }
        Value::String(text) if text.is_empty() && resource_type.attribute(id).name() == "exacts" => {
            Value::String("x".into())
        }
        value => value,
    }
}

/// The parameter for a column, and its cast in SQL.
fn cell(
    resource_type: &ResourceType,
    id: AttributeId,
    form: Form,
    dialect: Dialect,
    value: &Value,
) -> (Param, &'static str) {
    let time = || match value {
        Value::DateTime(time) => *time,
        other => panic!("{other:?} is no instant"),
    };
    match (form, value) {
        (Form::Comparable, value) => (comparable(resource_type, id, value).expect("simple").into(), ""),
        (Form::Text, Value::String(text)) => (text.as_str().into(), ""),
        (Form::Folded, Value::String(text)) => (fold(text).into_owned().into(), ""),
        (Form::Boolean, Value::Boolean(truth)) => ((*truth).into(), ""),
        (Form::Integer, Value::Integer(number)) => ((*number).into(), ""),
        (Form::Seconds, _) => (time().timestamp().into(), ""),
        (Form::Milliseconds, _) => (time().timestamp_millis().into(), ""),
        (Form::Timestamp, _) if dialect == Dialect::Sqlite => (time().timestamp_micros().into(), ""),
        (Form::Timestamp, _) => (timestamp(time()).into(), "::text::timestamptz"),
        (_, other) => panic!("{other:?} does not fit"),
    }
}

fn timestamp(time: DateTime<Utc>) -> String {
    let (year, era) = if time.year() > 0 { (time.year(), "") } else { (1 - time.year(), " BC") };
    format!("{year:04}-{}+00{era}", time.format(&format!("%m-%d %H:%M:%S.{:06}", time.nanosecond() / 1_000)))
}

/// Adds the columns to the statement that inserts a row.
fn cells<'a>(
    insert: &mut Statement,
    resource_type: &ResourceType,
    columns: impl Iterator<Item = (AttributeId, Form, Option<&'a Value>)>,
) {
    for (id, form, value) in columns {
        insert.push(", ");
        match value {
            Some(value) => {
                let (param, cast) = cell(resource_type, id, form, insert.dialect(), value);
                insert.bind(param).push(cast);
            }
            None => drop(insert.push("NULL")),
        }
    }
}

/// The resource as a document that was not written again when a column changed.
fn stale(resource: &Resource) -> Resource {
    let resource_type = resource.resource_type();
    let mut stale = resource.clone();
    for (name, path, _) in known() {
        let id = attribute(resource_type, &path);
        let mut route = vec![id];
        while resource_type.parent(route[0]) != AttributeId::ROOT {
            route.insert(0, resource_type.parent(route[0]));
        }
        // The document is still queried for an attribute whose column does not have the comparable form.
        let mut found = (!matches!(name, "title" | "exact")).then(|| stale.root_mut());
        for step in &route[..route.len() - 1] {
            found = match found.and_then(|object| object.get_mut(*step)) {
                Some(Value::Complex(object)) => Some(object),
                _ => None,
            };
        }
        match found.and_then(|object| object.get_mut(id)) {
            Some(Value::String(text)) => *text = if text.len() % 2 == 0 { "stale" } else { "" }.into(),
            Some(Value::Boolean(truth)) => *truth = !*truth,
            Some(Value::Integer(number)) => *number = 77,
            Some(Value::DateTime(time)) => *time = DateTime::UNIX_EPOCH,
            _ => {}
        }
    }
    stale
}

/// Creates the tables and inserts the resources.
pub fn create(database: &mut Database, resource_type: &Arc<ResourceType>, resources: &[Resource]) {
    let dialect = database.dialect();
    // The columns have collations like those of hosts, whose order and equality follow other rules.
    let text = match dialect {
        Dialect::Postgres => {
            let mut collations = Statement::new(dialect);
            collations.push("SELECT collname::text FROM pg_collation WHERE collname = 'und-x-icu'");
            if database.texts(&collations).is_empty() { "TEXT" } else { "TEXT COLLATE \"und-x-icu\"" }
        }
        _ => "TEXT COLLATE NOCASE",
    };
    let types = |form| match (form, dialect) {
        (Form::Comparable | Form::Text | Form::Folded, _) => text,
        (Form::Boolean, _) => "BOOLEAN",
        (Form::Timestamp, Dialect::Postgres) => "TIMESTAMPTZ",
        _ => "BIGINT",
    };
    let columns: Vec<String> = known().iter().map(|(name, _, form)| format!("{name} {}", types(*form))).collect();
    let columns = columns.join(", ");
    let json = if dialect == Dialect::Postgres { "JSONB" } else { "TEXT" };
    database.run(&format!(
        "CREATE TEMP TABLE account (tenant TEXT, id {text}, comparable {json}, extended BOOLEAN, {columns});
         CREATE TEMP TABLE email (tenant TEXT, account TEXT, place BIGINT, value {text}, kind {text}, display {text}, is_primary BOOLEAN);
         CREATE TEMP TABLE exact (account TEXT, place BIGINT, value {text} NOT NULL)"
    ));
    let mapping = map(Mapping::documents(resource_type, "a.id", "a.comparable"), dialect);
    let extension = resource_type.extension(EXTENSION).expect("registered").attribute();
    let emails = attribute(resource_type, "emails");
    let exacts = attribute(resource_type, &format!("{EXTENSION}:exacts"));
    for resource in resources {
        let mut insert = Statement::new(dialect);
        insert.push("INSERT INTO account VALUES (").bind("acme").push(", ").bind(resource.id()).push(", ");
        insert.bind(mapping.document(&stale(resource))).push(if json == "JSONB" { "::text::jsonb" } else { "" });
        insert.push(", ").bind(resource.root().contains(extension));
        let ids = known().into_iter().map(|(_, path, form)| (attribute(resource_type, &path), form));
        cells(&mut insert, resource_type, ids.map(|(id, form)| (id, form, resource.value(id))));
        database.execute(insert.push(")"));
        for (place, email) in (0_i64..).zip(resource.value(emails).map(Value::elements).unwrap_or_default()) {
            let object = email.as_object().expect("complex");
            let mut insert = Statement::new(dialect);
            insert
                .push("INSERT INTO email VALUES (")
                .bind("acme")
                .push(", ")
                .bind(resource.id())
                .push(", ")
                .bind(place);
            let ids = EMAIL.iter().map(|(_, path, form)| (attribute(resource_type, path), *form));
            cells(&mut insert, resource_type, ids.map(|(id, form)| (id, form, object.get(id))));
            database.execute(insert.push(")"));
        }
        for (place, value) in (0_i64..).zip(resource.value(exacts).map(Value::elements).unwrap_or_default()) {
            let mut insert = Statement::new(dialect);
            insert.push("INSERT INTO exact VALUES (").bind(resource.id()).push(", ").bind(place).push(", ");
            insert.bind(value.as_str().expect("text"));
            database.execute(insert.push(")"));
        }
    }
}
