//! The SQL for the host's migration: side tables, triggers that set versions, and indexes.
//!
//! Versions come from one source for all tables, so that no version is given twice, also when a key is used again. A
//! trigger sets the version of a row on every write, also of the host's.

use super::{
    super::{
        layout::{Comparison, Form, Join, KeyType, Version},
        mapping::Mapping,
        statement::Dialect,
    },
    tables::{Tables, TypeTable},
};
use crate::schema::AttributeId;

/// The statements, each without a semicolon at its end.
pub(super) fn statements(tables: &Tables) -> Vec<String> {
    let mut all = match tables.dialect {
        Dialect::Postgres => vec!["CREATE SEQUENCE IF NOT EXISTS scim_version".to_owned()],
        Dialect::Sqlite => vec![
            "CREATE TABLE IF NOT EXISTS scim_version (id INTEGER PRIMARY KEY CHECK (id = 1), last INTEGER NOT NULL)"
                .to_owned(),
            "INSERT OR IGNORE INTO scim_version (id, last) VALUES (1, 0)".to_owned(),
        ],
    };
    for table in &tables.all {
        let writer = Writer { table, dialect: tables.dialect };
        writer.side(&mut all);
        writer.indexes(&mut all);
        writer.triggers(&mut all);
    }
    all
}

/// The names of the triggers that the statements create, for the check at the start.
pub(super) fn trigger_names(tables: &Tables) -> Vec<String> {
    let all = statements(tables);
    let name = |statement: &String| {
        let rest = statement.strip_prefix("CREATE TRIGGER ")?;
        let rest = rest.strip_prefix("IF NOT EXISTS ").unwrap_or(rest);
        rest.split(' ').next().map(str::to_owned)
    };
    all.iter().filter_map(name).collect()
}

/// A name for an index or a trigger: `scim_` and the parts, of which each letter that a name cannot have becomes `_`.
fn named(parts: &[&str]) -> String {
    let joined = parts.join("_");
    let plain = joined.chars().map(|char| if char.is_ascii_alphanumeric() { char.to_ascii_lowercase() } else { '_' });
    // PostgreSQL cuts names after 63 bytes.
    format!("scim_{}", plain.collect::<String>()).chars().take(63).collect()
}

struct Writer<'a> {
    table: &'a TypeTable,
    dialect: Dialect,
}

impl Writer<'_> {
    fn side(&self, all: &mut Vec<String>) {
        let parts = &self.table.parts;
        let Some(side) = &parts.side else { return };
        let key = parts.key.key_type.column_type(self.dialect);
        let (tenant, primary) = match &parts.tenant {
            Some((_, key_type)) => (format!("tenant {} NOT NULL, ", key_type.column_type(self.dialect)), "tenant, key"),
            None => (String::new(), "key"),
        };
        let (version, json) = match self.dialect {
            Dialect::Postgres => ("bigint NOT NULL DEFAULT nextval('scim_version')", "jsonb"),
            Dialect::Sqlite => ("INTEGER NOT NULL DEFAULT 0", "TEXT"),
        };
        all.push(format!(
            "CREATE TABLE IF NOT EXISTS {side} ({tenant}key {key} NOT NULL, version {version}, document text NOT NULL, \
             comparable {json} NOT NULL, PRIMARY KEY ({primary}))"
        ));
        if self.dialect == Dialect::Postgres {
            // A compressed document would be decompressed once for each value that a statement reads.
            all.push(format!("ALTER TABLE {side} ALTER COLUMN comparable SET STORAGE EXTERNAL"));
            let name = named(&[side, "comparable"]);
            all.push(format!("CREATE INDEX IF NOT EXISTS {name} ON {side} USING gin (comparable jsonb_path_ops)"));
        }
        self.created_users(all);
        // In an index the table has no alias.
        let mapping = Mapping::documents(&self.table.resource_type, "key", "comparable")
            .with_indexed(parts.searched.iter().copied());
        for attribute in &parts.searched {
            if self.table.mapping().find(*attribute).is_some() {
                continue;
            }
            let Some(key) = mapping.key(self.dialect, *attribute) else { continue };
            let name = named(&[side, &self.short_name(*attribute)]);
            let tenant = if parts.tenant.is_some() { "tenant, " } else { "" };
            let key = if self.dialect == Dialect::Postgres { parenthesized(&key) } else { key };
            all.push(format!("CREATE INDEX IF NOT EXISTS {name} ON {side} ({tenant}{key}, key)"));
        }
    }

    /// The table of the shared users that SCIM created.
    fn created_users(&self, all: &mut Vec<String>) {
        let parts = &self.table.parts;
        let (Some(created), Some(shared)) = (parts.created_users(), &parts.shared) else { return };
        let key = shared.key_type.column_type(self.dialect);
        let tenant = parts.tenant.as_ref().map(|(_, key_type)| key_type.column_type(self.dialect));
        let tenant = tenant.map(|tenant| format!(", tenant {tenant} NOT NULL")).unwrap_or_default();
        all.push(format!("CREATE TABLE IF NOT EXISTS {created} (key {key} PRIMARY KEY{tenant})"));
        let forget = format!("DELETE FROM {created} WHERE key = OLD.{}", shared.key);
        self.row_trigger(all, &shared.table, "DELETE", &format!("forget_{}", parts.table), Some(forget));
    }

    fn short_name(&self, attribute: AttributeId) -> String {
        let path = self.table.resource_type.path(attribute);
        path.rsplit(':').next().unwrap_or(&path).to_owned()
    }

    fn indexes(&self, all: &mut Vec<String>) {
        let parts = &self.table.parts;
        let tenant = parts.tenant.as_ref().map(|(column, _)| format!("{column}, ")).unwrap_or_default();
        let id = parts.key.id_text("");
        let order = match (self.dialect, parts.key.id().1) {
            (Dialect::Postgres, _) => Some(parenthesized(&format!("{id} COLLATE \"C\""))),
            (Dialect::Sqlite, KeyType::Text) => None,
            (Dialect::Sqlite, _) => Some(id),
        };
        if let Some(order) = order {
            let name = named(&[&parts.table, "id"]);
            all.push(format!("CREATE INDEX IF NOT EXISTS {name} ON {} ({tenant}{order})", parts.table));
        }
        self.searched_columns(all);
        for (_, join) in &parts.lists {
            let tenant = join.tenant.as_ref().map(|column| format!("{column}, ")).unwrap_or_default();
            let (table, holder, value) = (&join.table, &join.holder, &join.value);
            let once = named(&[table, "once"]);
            all.push(format!("CREATE UNIQUE INDEX IF NOT EXISTS {once} ON {table} ({tenant}{holder}, {value})"));
            let by_value = named(&[table, value]);
            all.push(format!("CREATE INDEX IF NOT EXISTS {by_value} ON {table} ({tenant}{value}, {holder})"));
        }
    }

    /// Indexes of the columns of searched attributes. A unique column has one already, unless its index compares by
    /// another rule: the host then declares the attribute.
    fn searched_columns(&self, all: &mut Vec<String>) {
        let parts = &self.table.parts;
        for lens in &parts.lenses {
            let field = &lens.field;
            let is_searched = lens.attribute().is_some_and(|attribute| parts.searched.contains(&attribute));
            let is_declared = lens.attribute() != Some(AttributeId::EXTERNAL_ID);
            if !is_searched || (!field.unique.is_empty() && !is_declared) {
                continue;
            }
            let (column, shared) = (&field.column.column, parts.shared.as_ref().filter(|_| field.column.is_shared));
            let key = match &field.form {
                Form::Text(Comparison::Copy(copy)) => copy.column.to_string(),
                Form::Text(Comparison::Lower) => format!("lower({column})"),
                Form::Text(Comparison::NoCase) => format!("{column} COLLATE NOCASE"),
                _ => column.to_string(),
            };
            let (table, tenant) = match shared {
                Some(shared) => (&shared.table, None),
                None => (&parts.table, parts.tenant.as_ref()),
            };
            let tenant = tenant.map(|(column, _)| format!("{column}, ")).unwrap_or_default();
            let name = named(&[table, column]);
            all.push(format!("CREATE INDEX IF NOT EXISTS {name} ON {table} ({tenant}{key})"));
        }
    }

    /// The statement that gives the rows of the resource type new versions. `which` is the condition on the key, which
    /// it names by `KEY`; `tenant` is the tenant's value, if there is one.
    fn touch(&self, which: &str, tenant: Option<&str>) -> Option<String> {
        let parts = &self.table.parts;
        let (table, column, key, tenant_column) = match (&parts.version, &parts.side) {
            (Version::Side, Some(side)) => (side, "version", "key", "tenant"),
            (Version::Column(column), _) => {
                let tenant = parts.tenant.as_ref().map_or("", |(column, _)| column);
                (&parts.table, &**column, &*parts.key.column, tenant)
            }
            _ => return None,
        };
        let tenant = match tenant {
            Some(tenant) if parts.tenant.is_some() => format!(" AND {tenant_column} = {tenant}"),
            _ => String::new(),
        };
        Some(format!("UPDATE {table} SET {column} = {column} WHERE {}{tenant}", which.replace("KEY", key)))
    }

    fn triggers(&self, all: &mut Vec<String>) {
        let parts = &self.table.parts;
        let key = &parts.key.column;
        match &parts.version {
            Version::Side => {
                if let Some(side) = &parts.side {
                    self.versioned(all, side, "version");
                    let tenant = parts.tenant.as_ref().map(|(column, _)| format!("NEW.{column}"));
                    let touch = self.touch(&format!("KEY = NEW.{key}"), tenant.as_deref());
                    self.row_trigger(all, &parts.table, "UPDATE", "touch", touch);
                }
            }
            Version::Column(column) => {
                self.versioned(all, &parts.table, column);
                if let Some(side) = &parts.side {
                    let tenant = parts.tenant.as_ref().map(|_| "NEW.tenant");
                    for event in ["INSERT", "UPDATE"] {
                        let touch = self.touch("KEY = NEW.key", tenant);
                        self.row_trigger(all, side, event, "touch", touch);
                    }
                }
            }
            Version::Xmin => {}
        }
        if let Some(side) = &parts.side {
            let tenant = parts.tenant.as_ref().map(|(column, _)| format!(" AND tenant = OLD.{column}"));
            let forget = format!("DELETE FROM {side} WHERE key = OLD.{key}{}", tenant.unwrap_or_default());
            self.row_trigger(all, &parts.table, "DELETE", "forget", Some(forget));
        }
        if let Some(shared) = &parts.shared {
            let linked =
                format!("KEY IN (SELECT {key} FROM {} WHERE {} = NEW.{})", parts.table, shared.link, shared.key);
            let touch = self.touch(&linked, None);
            self.row_trigger(all, &shared.table, "UPDATE", &format!("touch_{}", parts.table), touch);
        }
        for (_, join) in &parts.lists {
            self.list_triggers(all, join);
        }
    }

    /// Triggers that set the version of a table's own rows.
    fn versioned(&self, all: &mut Vec<String>, table: &str, column: &str) {
        if self.dialect == Dialect::Postgres {
            let name = named(&[table, "version"]);
            all.push(format!(
                "CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
                 NEW.{column} := nextval('scim_version'); RETURN NEW; END $$"
            ));
            all.push(format!("DROP TRIGGER IF EXISTS {name} ON {table}"));
            all.push(format!(
                "CREATE TRIGGER {name} BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()"
            ));
            return;
        }
        for (event, condition) in [("INSERT", String::new()), ("UPDATE", format!(" WHEN NEW.{column} IS OLD.{column}"))]
        {
            let name = named(&[table, "version", event]);
            all.push(format!(
                "CREATE TRIGGER IF NOT EXISTS {name} AFTER {event} ON {table}{condition} BEGIN \
                 UPDATE scim_version SET last = last + 1; \
                 UPDATE {table} SET {column} = (SELECT last FROM scim_version) WHERE rowid = NEW.rowid; END"
            ));
        }
    }

    fn row_trigger(&self, all: &mut Vec<String>, table: &str, event: &str, role: &str, body: Option<String>) {
        let Some(body) = body else { return };
        let name = named(&[table, role, event]);
        if self.dialect == Dialect::Postgres {
            all.push(format!(
                "CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body}; RETURN NULL; END $$"
            ));
            all.push(format!("DROP TRIGGER IF EXISTS {name} ON {table}"));
            all.push(format!("CREATE TRIGGER {name} AFTER {event} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()"));
        } else {
            all.push(format!("CREATE TRIGGER IF NOT EXISTS {name} AFTER {event} ON {table} BEGIN {body}; END"));
        }
    }

    /// Triggers on the rows of a list. In PostgreSQL a statement that changes many rows touches the holder once.
    fn list_triggers(&self, all: &mut Vec<String>, join: &Join) {
        for (event, row) in [("INSERT", "NEW"), ("UPDATE", "NEW"), ("DELETE", "OLD")] {
            if self.dialect == Dialect::Sqlite {
                let tenant = join.tenant.as_ref().map(|column| format!("{row}.{column}"));
                let touch = self.touch(&format!("KEY = {row}.{}", join.holder), tenant.as_deref());
                self.row_trigger(all, &join.table, event, "holder", touch);
                continue;
            }
            let which = match &join.tenant {
                Some(_) => format!("KEY IN (SELECT {} FROM changed WHERE TENANT)", join.holder),
                None => format!("KEY IN (SELECT {} FROM changed)", join.holder),
            };
            let parts = &self.table.parts;
            let tenant_column = match &parts.version {
                Version::Side => "tenant".to_owned(),
                _ => parts.tenant.as_ref().map(|(column, _)| column.to_string()).unwrap_or_default(),
            };
            let owner = if parts.version == Version::Side { parts.side.as_deref() } else { Some(&*parts.table) };
            let tenant = join.tenant.as_ref().zip(owner);
            let tenant = tenant.map(|(column, owner)| format!("changed.{column} = {owner}.{tenant_column}"));
            let which = which.replace("TENANT", &tenant.unwrap_or_default());
            let Some(body) = self.touch(&which, None) else { continue };
            let name = named(&[&join.table, "holder", event]);
            all.push(format!(
                "CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body}; RETURN NULL; END $$"
            ));
            all.push(format!("DROP TRIGGER IF EXISTS {name} ON {}", join.table));
            all.push(format!(
                "CREATE TRIGGER {name} AFTER {event} ON {} REFERENCING {row} TABLE AS changed \
                 FOR EACH STATEMENT EXECUTE FUNCTION {name}()",
                join.table
            ));
        }
    }
}

/// An expression in an index of PostgreSQL is in parentheses; its collation follows them or is inside.
fn parenthesized(expression: &str) -> String {
    format!("({expression})")
}
