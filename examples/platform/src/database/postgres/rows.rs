//! Converts values and rows for tokio-postgres, and its errors into the store's errors.

use std::{pin::pin, time::Duration};

use futures_util::StreamExt;
use scim_core::sql::{Param, Statement};
use tokio_postgres::{
    Error,
    error::SqlState,
    types::{ToSql, Type},
};

use crate::{
    database::{Cell, DatabaseError, Row, Rows, tell},
    log::with_causes,
};

/// The time after which a retry is reasonable if the server did not answer.
pub(super) const RETRY: Duration = Duration::from_secs(5);

/// The values of a statement with their types, so that the server prepares and runs it in one exchange.
pub(super) fn typed_values(statement: &Statement) -> Vec<(&(dyn ToSql + Sync), Type)> {
    let kind = |param: &Param| match param {
        Param::Integer(_) => Type::INT8,
        Param::Boolean(_) => Type::BOOL,
        _ => Type::TEXT,
    };
    statement.params().iter().map(|param| (value(param), kind(param))).collect()
}

pub(super) fn values(statement: &Statement) -> Vec<&(dyn ToSql + Sync)> {
    statement.params().iter().map(value).collect()
}

fn value(param: &Param) -> &(dyn ToSql + Sync) {
    match param {
        Param::Text(text) => text,
        Param::Integer(number) => number,
        Param::Boolean(truth) => truth,
        // NULL compares equal to nothing, so that no wrong row is found.
        _ => &None::<String>,
    }
}

/// The reason why rows cannot be read.
pub(super) enum Fault {
    Server(Error),
    Row(DatabaseError),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Server(error)
    }
}

impl From<DatabaseError> for Fault {
    fn from(error: DatabaseError) -> Self {
        Self::Row(error)
    }
}

/// Adds the rows of a stream. The connection reads no further ahead than rows are taken, and discards the rest of a
/// dropped stream.
pub(super) async fn rows(query: &Statement, stream: tokio_postgres::RowStream, mut kept: Rows) -> Result<Rows, Fault> {
    let mut stream = pin!(stream);
    while let Some(found) = stream.next().await {
        if !kept.add(row(&found?)?)? {
            break;
        }
    }
    tell(query.text(), kept.len());
    Ok(kept)
}

fn row(row: &tokio_postgres::Row) -> Result<Row, DatabaseError> {
    let text = |text: Option<String>| text.map_or(Cell::Null, Cell::Text);
    let number = |number: Option<i64>| number.map_or(Cell::Null, Cell::Integer);
    let cell = |(index, column): (usize, &tokio_postgres::Column)| {
        let cell = match *column.type_() {
            Type::TEXT | Type::VARCHAR | Type::NAME => row.try_get(index).map(text),
            Type::INT8 => row.try_get(index).map(number),
            Type::INT4 => row.try_get::<_, Option<i32>>(index).map(|it| number(it.map(i64::from))),
            Type::BOOL => row.try_get::<_, Option<bool>>(index).map(|it| number(it.map(i64::from))),
            _ => return Err(DatabaseError::Other("expected text or a number".into())),
        };
        cell.map_err(|error| DatabaseError::Other(error.into()))
    };
    Ok(Row::new(row.columns().iter().enumerate().map(cell).collect::<Result<_, _>>()?))
}

/// Classifies an error of the server or of the connection. The text of the error is for the log only.
pub(super) fn failure(error: Error) -> DatabaseError {
    let unavailable = |error: Error| DatabaseError::Unavailable { retry_after: Some(RETRY), source: error.into() };
    let Some(state) = error.code() else {
        let cause = std::error::Error::source(&error);
        if error.is_closed() || cause.is_some_and(<dyn std::error::Error>::is::<std::io::Error>) {
            tracing::error!(error = with_causes(&error), "PostgreSQL is not there");
            return unavailable(error);
        }
        return DatabaseError::Other(error.into());
    };
    // A read-only server has become a replica. The other classes: connection exceptions, insufficient resources,
    // operator intervention, system errors of the server.
    let only_reads = *state == SqlState::READ_ONLY_SQL_TRANSACTION;
    let away = ["08", "53", "57", "58"];
    if only_reads || away.iter().any(|class| state.code().starts_with(class)) {
        tracing::error!(error = with_causes(&error), "PostgreSQL cannot work");
        return unavailable(error);
    }
    let constraint = error.as_db_error().and_then(|error| error.constraint()).map(str::to_owned);
    let code = state.code().to_owned();
    DatabaseError::from_sqlstate(&code, constraint.as_deref(), error)
}
