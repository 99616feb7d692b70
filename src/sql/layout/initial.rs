//! Values of columns in new rows that no attribute has.

use super::super::statement::{Param, Statement};

/// The value of a column in a new row.
///
/// ```
/// use scim_core::sql::layout::Initial;
///
/// let _ = [Initial::from("member"), Initial::from(2), Initial::from(false), Initial::secret(), Initial::sql("now()")];
/// ```
#[derive(Clone, Debug)]
pub struct Initial(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Value(Param),
    Secret,
    Sql(Box<str>),
}

impl Initial {
    /// A fresh random text of 32 characters of 0 to 9 and a to f, which the database makes: at least 122 random bits.
    pub fn secret() -> Self {
        Self(Kind::Secret)
    }

    /// An expression in SQL.
    pub fn sql(expression: &str) -> Self {
        Self(Kind::Sql(expression.into()))
    }

    pub(in crate::sql) fn write(&self, statement: &mut Statement) {
        let sql = match (&self.0, statement.dialect()) {
            (Kind::Value(param), _) => {
                let cast = match param {
                    Param::Text(_) => "text",
                    Param::Integer(_) => "bigint",
                    Param::Boolean(_) => "boolean",
                };
                statement.placeholder(param.clone(), cast)
            }
            (Kind::Secret, dialect) => dialect.random_text().to_owned(),
            (Kind::Sql(sql), _) => format!("({sql})"),
        };
        statement.push(&sql);
    }
}

impl From<&str> for Initial {
    fn from(text: &str) -> Self {
        Self(Kind::Value(text.into()))
    }
}

impl From<i64> for Initial {
    fn from(number: i64) -> Self {
        Self(Kind::Value(number.into()))
    }
}

impl From<bool> for Initial {
    fn from(truth: bool) -> Self {
        Self(Kind::Value(truth.into()))
    }
}
