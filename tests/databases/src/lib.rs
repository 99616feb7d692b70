//! SQLite and PostgreSQL behind one interface, and random resources and filters, for the tests of the feature `sql`.

pub mod random;
pub mod sample;
pub mod table;

use std::env;

use postgres::{Client, NoTls, types::ToSql};
use rusqlite::{Connection, types::Value};
use scim_core::sql::{Dialect, Param, Statement};

/// A connection to a database that has only the tables of the test.
pub enum Database {
    Sqlite(Connection),
    Postgres(Client),
}

impl Database {
    pub fn sqlite() -> Self {
        Self::Sqlite(Connection::open_in_memory().expect("memory"))
    }

    /// The database that `SCIM_TEST_POSTGRES` names, or `None` without that variable. Its tables are temporary.
    pub fn postgres() -> Option<Self> {
        let Ok(url) = env::var("SCIM_TEST_POSTGRES") else {
            eprintln!("skipped: SCIM_TEST_POSTGRES is not set");
            return None;
        };
        Some(Self::Postgres(Client::connect(&url, NoTls).expect("PostgreSQL")))
    }

    pub fn all() -> Vec<Self> {
        std::iter::once(Self::sqlite()).chain(Self::postgres()).collect()
    }

    pub fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite(_) => Dialect::Sqlite,
            Self::Postgres(_) => Dialect::Postgres,
        }
    }

    /// Runs statements without values.
    pub fn run(&mut self, sql: &str) {
        match self {
            Self::Sqlite(connection) => connection.execute_batch(sql).unwrap_or_else(|error| panic!("{sql}: {error}")),
            Self::Postgres(client) => client.batch_execute(sql).unwrap_or_else(|error| panic!("{sql}: {error}")),
        }
    }

    /// Runs a query and returns its first column, which is text.
    pub fn texts(&mut self, statement: &Statement) -> Vec<String> {
        let sql = statement.text();
        match self {
            Self::Sqlite(connection) => {
                let mut prepared = connection.prepare(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
                let values = statement.params().iter().map(|param| match param {
                    Param::Text(text) => Value::Text(text.clone()),
                    Param::Integer(number) => Value::Integer(*number),
                    Param::Boolean(truth) => Value::Integer(i64::from(*truth)),
                    other => panic!("{other:?} is not known"),
                });
                let rows = prepared.query_map(rusqlite::params_from_iter(values), |row| row.get::<_, String>(0));
                rows.and_then(Iterator::collect).unwrap_or_else(|error| panic!("{sql}: {error}"))
            }
            Self::Postgres(client) => {
                let values: Vec<&(dyn ToSql + Sync)> = statement
                    .params()
                    .iter()
                    .map(|param| -> &(dyn ToSql + Sync) {
                        match param {
                            Param::Text(text) => text,
                            Param::Integer(number) => number,
                            Param::Boolean(truth) => truth,
                            other => panic!("{other:?} is not known"),
                        }
                    })
                    .collect();
                let rows = client.query(sql, &values).unwrap_or_else(|error| panic!("{sql}: {error}"));
                rows.iter().map(|row| row.get(0)).collect()
            }
        }
    }

    /// Runs a statement that returns no rows.
    pub fn execute(&mut self, statement: &Statement) {
        assert!(self.texts(statement).is_empty());
    }

    /// The database's plan of a query.
    pub fn plan(&mut self, statement: &Statement) -> String {
        match self {
            Self::Sqlite(connection) => {
                let sql = format!("EXPLAIN QUERY PLAN {}", statement.text());
                let mut prepared = connection.prepare(&sql).expect("a plan");
                for index in 1..=prepared.parameter_count() {
                    prepared.raw_bind_parameter(index, "x").expect("a parameter");
                }
                let mut rows = prepared.raw_query();
                let mut plan = String::new();
                while let Some(row) = rows.next().expect("a row") {
                    plan.push_str(&row.get::<_, String>(3).expect("text"));
                    plan.push('\n');
                }
                plan
            }
            Self::Postgres(_) => {
                let (sql, params) = statement.clone().into_parts();
                let mut explained = Statement::new(Dialect::Postgres);
                // The values are not known when a statement is prepared; here they become part of the text.
                let mut sql = format!("EXPLAIN {sql}");
                for (index, param) in params.iter().enumerate().rev() {
                    let text = match param {
                        Param::Text(text) => format!("'{text}'"),
                        Param::Integer(number) => number.to_string(),
                        other => panic!("{other:?} is not planned with"),
                    };
                    sql = sql.replace(&format!("${}", index + 1), &text);
                }
                explained.push(&sql);
                self.texts(&explained).join("\n")
            }
        }
    }
}
