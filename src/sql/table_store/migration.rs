//! The SQL for the host's migration: side tables, triggers that set versions, and indexes.
//!
//! Versions come from one source for all tables, so that no version is given twice, also when a key is used again. A
//! trigger sets the version of a row on every write, by the store and by the host.

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
            "CREATE TABLE IF NOT EXISTS scim_number (name TEXT PRIMARY KEY, last INTEGER NOT NULL)".to_owned(),
        ],
    };
    for table in &tables.all {
        let writer = Writer { table, dialect: tables.dialect };
        writer.side(&mut all);
        writer.own_documents(&mut all);
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
    let name = format!("scim_{}", plain.collect::<String>());
    // PostgreSQL cuts names after 63 bytes: a long name ends in its hash (FNV-1a).
    if name.len() <= 63 {
        return name;
    }
    let step = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    let hash = joined.bytes().fold(0x811c_9dc5, step);
    format!("{}_{hash:08x}", name.chars().take(54).collect::<String>())
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
            Some((_, key_type)) => (format!("tenant {} NOT NULL, ", key_type.column_type(self.dialect)), "key, tenant"),
            None => (String::new(), "key"),
        };
        let (version, json) = match self.dialect {
            Dialect::Postgres => ("bigint NOT NULL DEFAULT nextval('scim_version')", "jsonb"),
            Dialect::Sqlite => ("INTEGER NOT NULL DEFAULT 0", "TEXT"),
        };
        all.push(format!(
            "CREATE TABLE IF NOT EXISTS {side} ({tenant}key {key} NOT NULL, version {version}, document text, \
             comparable {json} NOT NULL, PRIMARY KEY ({primary}))"
        ));
        self.created_users(all);
        let tenant = parts.tenant.as_ref().map(|_| "tenant");
        self.document_indexes(all, side, tenant, "key", "comparable");
    }

    /// The indexes of the documents in the layout's own table.
    fn own_documents(&self, all: &mut Vec<String>) {
        let parts = &self.table.parts;
        let Some(documents) = &parts.documents else { return };
        let tenant = parts.tenant.as_ref().map(|(column, _)| &**column);
        self.document_indexes(all, &parts.table, tenant, &parts.key.column, &documents.comparable);
    }

    /// The indexes of the comparable documents of a table. In an index the table has no alias.
    fn document_indexes(&self, all: &mut Vec<String>, table: &str, tenant: Option<&str>, id: &str, comparable: &str) {
        let searched = &self.table.parts.searched;
        if self.dialect == Dialect::Postgres {
            // A compressed document would be decompressed once for each value that a statement reads.
            all.push(format!("ALTER TABLE {table} ALTER COLUMN {comparable} SET STORAGE EXTERNAL"));
            let name = named(&[table, comparable]);
            all.push(format!("CREATE INDEX IF NOT EXISTS {name} ON {table} USING gin ({comparable} jsonb_path_ops)"));
        }
        let mapping =
            Mapping::documents(&self.table.resource_type, id, comparable).with_indexed(searched.iter().copied());
        for attribute in searched {
            if self.table.mapping().find(*attribute).is_some() {
                continue;
            }
            let Some(key) = mapping.key(self.dialect, *attribute) else { continue };
            let name = named(&[table, &self.short_name(*attribute)]);
            let tenant = tenant.map(|tenant| format!("{tenant}, ")).unwrap_or_default();
            let key = if self.dialect == Dialect::Postgres { parenthesized(&key) } else { key };
            all.push(format!("CREATE INDEX IF NOT EXISTS {name} ON {table} ({tenant}{key}, {id})"));
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
        self.row_trigger(all, &shared.table, "DELETE", &["forget", self.table.resource_type.name()], Some(forget));
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
            let once = named(&[table, holder, value, "once"]);
            all.push(format!("CREATE UNIQUE INDEX IF NOT EXISTS {once} ON {table} ({tenant}{holder}, {value})"));
            let by_value = named(&[table, value, "holder"]);
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

    /// The statement that gives rows of the resource type new versions. `which` makes the condition from the key's
    /// expression, and `tenant` is the tenant's value, if the writing table has it. A row without a row in the side
    /// table gets one, which has no document: SCIM did not write the row.
    fn touch(&self, which: &dyn Fn(&str) -> String, tenant: Option<&str>) -> Option<String> {
        let parts = &self.table.parts;
        let key = &parts.key.column;
        let of_tenant = |alias: &str| match (&parts.tenant, tenant) {
            (Some((column, _)), Some(tenant)) => format!(" AND {alias}{column} = {tenant}"),
            _ => String::new(),
        };
        match (&parts.version, &parts.side) {
            (Version::Side, Some(side)) => {
                let json = if self.dialect == Dialect::Postgres { "'{}'::jsonb" } else { "'{}'" };
                let (names, columns) = match &parts.tenant {
                    Some((column, _)) => ("tenant, key", format!("t.{column}, t.{key}")),
                    None => ("key", format!("t.{key}")),
                };
                Some(format!(
                    "INSERT INTO {side} ({names}, comparable) SELECT {columns}, {json} FROM {} AS t WHERE {}{} \
                     ON CONFLICT ({names}) DO UPDATE SET version = {side}.version",
                    parts.table,
                    which(&format!("t.{key}")),
                    of_tenant("t.")
                ))
            }
            (Version::Column(column), _) => {
                Some(format!("UPDATE {} SET {column} = {column} WHERE {}{}", parts.table, which(key), of_tenant("")))
            }
            _ => None,
        }
    }

    fn triggers(&self, all: &mut Vec<String>) {
        let parts = &self.table.parts;
        let (key, name) = (&parts.key.column, self.table.resource_type.name());
        match &parts.version {
            Version::Side => {
                if let Some(side) = &parts.side {
                    self.versioned(all, side, "version");
                    let tenant = parts.tenant.as_ref().map(|(column, _)| format!("NEW.{column}"));
                    let touch = self.touch(&|it| format!("{it} = NEW.{key}"), tenant.as_deref());
                    self.row_trigger(all, &parts.table, "UPDATE", &["touch", name], touch);
                }
            }
            Version::Column(column) => {
                self.versioned(all, &parts.table, column);
                if let Some(side) = &parts.side {
                    let tenant = parts.tenant.as_ref().map(|_| "NEW.tenant");
                    for event in ["INSERT", "UPDATE"] {
                        let touch = self.touch(&|it| format!("{it} = NEW.key"), tenant);
                        self.row_trigger(all, side, event, &["touch"], touch);
                    }
                }
            }
            Version::Random(_) | Version::Xmin => {}
        }
        if let Some(side) = &parts.side {
            let tenant = parts.tenant.as_ref().map(|(column, _)| format!(" AND tenant = OLD.{column}"));
            let forget = format!("DELETE FROM {side} WHERE key = OLD.{key}{}", tenant.unwrap_or_default());
            self.row_trigger(all, &parts.table, "DELETE", &["forget", name], Some(forget));
        }
        if let Some(shared) = &parts.shared {
            let linked = |it: &str| {
                format!("{it} IN (SELECT {key} FROM {} WHERE {} = NEW.{})", parts.table, shared.link, shared.key)
            };
            let touch = self.touch(&linked, None);
            self.row_trigger(all, &shared.table, "UPDATE", &["touch", name], touch);
        }
        for (_, join) in &parts.lists {
            self.list_triggers(all, join);
        }
    }

    /// Triggers that set the version of a table's own rows.
    fn versioned(&self, all: &mut Vec<String>, table: &str, column: &str) {
        if self.dialect == Dialect::Postgres {
            let name = named(&[table, "version"]);
            all.push(function(&name, &format!("NEW.{column} := nextval('scim_version'); RETURN NEW")));
            all.push(format!("DROP TRIGGER IF EXISTS {name} ON {table}"));
            all.push(format!(
                "CREATE TRIGGER {name} BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()"
            ));
            return;
        }
        // A host that writes all columns writes an old version back.
        let is_old =
            format!(" WHEN NEW.{column} IS OLD.{column} OR NEW.{column} IS NOT (SELECT last FROM scim_version)");
        for (event, condition) in [("INSERT", String::new()), ("UPDATE", is_old)] {
            let name = named(&[table, "version", event]);
            all.push(format!(
                "CREATE TRIGGER IF NOT EXISTS {name} AFTER {event} ON {table}{condition} BEGIN \
                 UPDATE scim_version SET last = last + 1; \
                 UPDATE {table} SET {column} = (SELECT last FROM scim_version) WHERE rowid = NEW.rowid; END"
            ));
        }
    }

    fn row_trigger(&self, all: &mut Vec<String>, table: &str, event: &str, role: &[&str], body: Option<String>) {
        let Some(body) = body else { return };
        let name = named(&[&[table], role, &[event]].concat());
        if self.dialect == Dialect::Postgres {
            all.push(function(&name, &format!("{body}; RETURN NULL")));
            all.push(format!("DROP TRIGGER IF EXISTS {name} ON {table}"));
            all.push(format!("CREATE TRIGGER {name} AFTER {event} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()"));
        } else {
            all.push(format!("CREATE TRIGGER IF NOT EXISTS {name} AFTER {event} ON {table} BEGIN {body}; END"));
        }
    }

    /// Triggers on the rows of a list. In PostgreSQL a statement that changes many rows touches the holder once. A row
    /// that moves to another holder touches both.
    fn list_triggers(&self, all: &mut Vec<String>, join: &Join) {
        let holder_type = self.table.resource_type.name();
        for (event, row) in [("INSERT", "NEW"), ("UPDATE", "NEW"), ("UPDATE", "OLD"), ("DELETE", "OLD")] {
            if self.dialect == Dialect::Sqlite {
                let tenant = join.tenant.as_ref().map(|column| format!("{row}.{column}"));
                let touch = self.touch(&|it| format!("{it} = {row}.{}", join.holder), tenant.as_deref());
                self.row_trigger(all, &join.table, event, &[row, holder_type], touch);
                continue;
            }
            let parts = &self.table.parts;
            let alias = if parts.version == Version::Side { "t" } else { &*parts.table };
            let tenant = match (&join.tenant, &parts.tenant) {
                (Some(column), Some((tenant, _))) => format!(" WHERE changed.{column} = {alias}.{tenant}"),
                _ => String::new(),
            };
            let which = |it: &str| format!("{it} IN (SELECT changed.{} FROM changed{tenant})", join.holder);
            let Some(body) = self.touch(&which, None) else { continue };
            let name = named(&[&join.table, row, holder_type, event]);
            all.push(function(&name, &format!("{body}; RETURN NULL")));
            all.push(format!("DROP TRIGGER IF EXISTS {name} ON {}", join.table));
            all.push(format!(
                "CREATE TRIGGER {name} AFTER {event} ON {} REFERENCING {row} TABLE AS changed \
                 FOR EACH STATEMENT EXECUTE FUNCTION {name}()",
                join.table
            ));
        }
    }
}

/// A function of a trigger of PostgreSQL. It has the rights of its owner and finds the tables of the migration,
/// by the store or by the host.
fn function(name: &str, body: &str) -> String {
    format!(
        "CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER \
         SET search_path FROM CURRENT AS $$ BEGIN {body}; END $$"
    )
}

/// An expression in an index of PostgreSQL is in parentheses; its collation follows them or is inside.
fn parenthesized(expression: &str) -> String {
    format!("({expression})")
}
