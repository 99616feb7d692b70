//! One value of a resource in one column: its form, and the rule by which the database compares it.

use std::{fmt, sync::Arc};

use chrono::{DateTime, Utc};

use super::super::{
    database::{Cell, Row},
    statement::{Dialect, Param, Statement},
};
use crate::{fold::fold, schema::AttributeType, store::StoreError, value::Value};

/// The column of one singular attribute: its name, the form of its values, and its rules.
///
/// A name is a column of the layout's table, such as `email`, or a column of the [shared](super::Shared) table after
/// `u.`, such as `u.email`. Names are SQL, and must never come from a request.
///
/// ```
/// use scim_core::sql::layout::Field;
///
/// // A column that the host compares by `lower()`, with a unique index that covers all tenants.
/// let _ = Field::text("email").lower().unique("users_email_key");
/// // The opposite of `active`.
/// let _ = Field::inverted("disabled");
/// // A status code: 128 is subtracted from the code of a revoked membership.
/// let _ = Field::state("r.status >= 0", "status", "status + 128", "status - 128");
/// ```
#[derive(Clone)]
pub struct Field {
    pub(in crate::sql) column: Name,
    pub(in crate::sql) form: Form,
    pub(in crate::sql) unique: Vec<Box<str>>,
    pub(in crate::sql) cast: Option<Box<str>>,
    pub(in crate::sql) is_not_null: bool,
    pub(in crate::sql) is_read_only: bool,
    hash: Option<Arc<Hash>>,
}

/// Makes the content of a column from a secret.
type Hash = dyn Fn(&str) -> String + Send + Sync;

impl fmt::Debug for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Field").field("column", &self.column).field("form", &self.form).finish_non_exhaustive()
    }
}

/// A column and its table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sql) struct Name {
    pub(in crate::sql) is_shared: bool,
    pub(in crate::sql) column: Box<str>,
}

impl Name {
    pub(in crate::sql) fn new(name: &str) -> Self {
        let (is_shared, column) = match (name.strip_prefix("u."), name.strip_prefix("r.")) {
            (Some(column), _) => (true, column),
            (None, Some(column)) => (false, column),
            (None, None) => (false, name),
        };
        Self { is_shared, column: column.into() }
    }

    /// The column with the alias of its table.
    pub(in crate::sql) fn qualified(&self) -> String {
        format!("{}.{}", if self.is_shared { "u" } else { "r" }, self.column)
    }
}

/// The form of the values in a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sql) enum Form {
    Text(Comparison),
    Flag {
        inverted: bool,
    },
    State {
        reads: Box<str>,
        on: Box<str>,
        off: Box<str>,
    },
    Integer,
    /// Instants as a count of units since 1970; the unit is this number of nanoseconds.
    Instant(i64),
    Timestamp,
}

/// The rule by which the database compares a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sql) enum Comparison {
    /// Letter by letter.
    Exact,
    /// By a second column with the fold of the text, which the store writes.
    Copy(Name),
    /// By `lower()`.
    Lower,
    /// By SQLite's collation NOCASE.
    NoCase,
    /// The column has the text in lower case.
    Lowercased,
}

/// A value in the form that the library writes and reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sql) enum Content {
    Text(String),
    Flag(bool),
    Integer(i64),
}

impl Field {
    fn new(name: &str, form: Form) -> Self {
        let column = Name::new(name);
        Self { column, form, unique: Vec::new(), cast: None, is_not_null: false, is_read_only: false, hash: None }
    }

    /// The original text. Unless another rule follows, the database compares the text letter by letter. For an
    /// attribute that is not case-exact the core then filters by itself, which reads all resources of the type: add
    /// [`folded`](Self::folded), [`lower`](Self::lower) or [`nocase`](Self::nocase) for such an attribute.
    pub fn text(name: &str) -> Self {
        Self::new(name, Form::Text(Comparison::Exact))
    }

    /// Compares by a second column, which the store writes: the [fold](crate::fold::fold) of the text. This is the only
    /// rule that agrees with the core for every text. When [`fold::data_version`](crate::fold::data_version) changes,
    /// derive the column again.
    #[must_use]
    pub fn folded(mut self, copy: &str) -> Self {
        self.form = Form::Text(Comparison::Copy(Name::new(copy)));
        self
    }

    /// Compares by `lower()` of the column, for which the host has an index. The database evaluates `eq` for text in
    /// ASCII. For other text the core filters, unless a [probe](crate::sql::TableStore::open) finds that `lower()`
    /// agrees with the core. The host's index decides which names are equal: declare `StoreKit::with_ascii_folding` in the
    /// kit.
    ///
    /// Two letters outside ASCII fold to letters of ASCII: `ſ` to `s`, and the Kelvin sign to `k`. A database whose
    /// `lower()` keeps these letters finds them by themselves only, as the host does.
    #[must_use]
    pub fn lower(mut self) -> Self {
        self.form = Form::Text(Comparison::Lower);
        self
    }

    /// Compares by the collation `NOCASE` of SQLite, which the host's index has. The database evaluates `eq` for text
    /// in ASCII; for other text the core filters. The two letters that [`lower`](Self::lower) names are found by
    /// themselves only. Declare `StoreKit::with_ascii_folding` in the kit.
    #[must_use]
    pub fn nocase(mut self) -> Self {
        self.form = Form::Text(Comparison::NoCase);
        self
    }

    /// The column has the text in lower case, as the host writes it: the store writes [`str::to_lowercase`] of the text.
    /// The [side table](super::Layout::side_table), which such a field requires, keeps the spelling of the client. The
    /// database evaluates `eq` for text in ASCII; for other text the core filters.
    #[must_use]
    pub fn lowercased(mut self) -> Self {
        self.form = Form::Text(Comparison::Lowercased);
        self
    }

    /// A boolean; in SQLite 0 or 1.
    pub fn flag(name: &str) -> Self {
        Self::new(name, Form::Flag { inverted: false })
    }

    /// A boolean that means the opposite of the attribute, such as `disabled` for `active`.
    pub fn inverted(name: &str) -> Self {
        Self::new(name, Form::Flag { inverted: true })
    }

    /// A boolean attribute that the host keeps in another form, such as a status code or a time. `reads` is the
    /// condition that the attribute is true. `on` and `off` are the expressions that a change assigns to the column;
    /// they can use the present values of the row. All three are SQL, in which the layout's table is `r`, and the shared
    /// table is `u`.
    ///
    /// The assignment happens only if the value changes: a resource without a value leaves the column as it is. For a
    /// creation, the store first inserts the row with the value of [`at_creation`](super::Layout::at_creation), or else
    /// with the default of the column. Then the store assigns `on` or `off` if `reads` differs from the resource.
    ///
    /// ```
    /// use scim_core::sql::layout::Field;
    ///
    /// // A suspended account that is activated has to sign in again; a dormant account stays dormant.
    /// let _ = Field::state("r.status <> 'suspended'", "status", "'dormant'", "'suspended'");
    /// ```
    pub fn state(reads: &str, name: &str, on: &str, off: &str) -> Self {
        Self::new(name, Form::State { reads: reads.into(), on: on.into(), off: off.into() })
    }

    /// A whole number.
    pub fn integer(name: &str) -> Self {
        Self::new(name, Form::Integer)
    }

    /// An instant as the whole number of milliseconds since 1970 in UTC.
    pub fn milliseconds(name: &str) -> Self {
        Self::new(name, Form::Instant(1_000_000))
    }

    /// An instant as the whole number of microseconds since 1970 in UTC.
    pub fn microseconds(name: &str) -> Self {
        Self::new(name, Form::Instant(1_000))
    }

    /// An instant as the whole number of seconds since 1970 in UTC. It loses the fraction, so the layout needs a
    /// [side table](super::Layout::side_table).
    pub fn seconds(name: &str) -> Self {
        Self::new(name, Form::Instant(1_000_000_000))
    }

    /// A `timestamptz` of PostgreSQL.
    pub fn timestamp(name: &str) -> Self {
        Self::new(name, Form::Timestamp)
    }

    /// Declares that a unique constraint or index covers the column: its name in PostgreSQL; in SQLite the columns as
    /// SQLite names them, such as `users.tenant, users.email`. A violation is then a conflict of this attribute: 409
    /// `uniqueness` (RFC 7644 §3.3). An attribute can have several constraints: a [shared](super::Shared) user has that
    /// of the user's name, and that of the links, by which a tenant links the user once: call this method once for each.
    #[must_use]
    pub fn unique(mut self, constraint: &str) -> Self {
        self.unique.push(constraint.into());
        self
    }

    /// Declares that the column is never null: the store writes an empty text for no value, and reads an empty text as
    /// no value.
    #[must_use]
    pub fn not_null(mut self) -> Self {
        self.is_not_null = true;
        self
    }

    /// Declares the type of the column in PostgreSQL, if PostgreSQL does not convert text to it by itself: an
    /// enumeration, `citext`, `jsonb`.
    #[must_use]
    pub fn typed(mut self, sql_type: &str) -> Self {
        self.cast = Some(sql_type.into());
        self
    }

    /// Declares that the store never writes the column. In the schema, the attribute should be `readOnly`.
    #[must_use]
    pub fn read_only(mut self) -> Self {
        self.is_read_only = true;
        self
    }

    /// Stores the hash of a secret, such as a password, and never the secret. `hash` runs in the transaction of the
    /// commit; a slow hash takes its time there. When a write keeps the password, the stored hash stays.
    ///
    /// A secret attribute (`returned: never` or `writeOnly`) is refused without such a field: the side table contains no
    /// secrets. See the guide [passwords](crate::manual::passwords).
    ///
    /// ```
    /// use scim_core::sql::layout::Field;
    /// # fn argon2id(password: &str) -> String { password.len().to_string() }
    ///
    /// let _ = Field::text("password_hash").hashed(argon2id);
    /// ```
    #[must_use]
    pub fn hashed(mut self, hash: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        self.hash = Some(Arc::new(hash));
        self
    }

    pub(in crate::sql) fn is_hashed(&self) -> bool {
        self.hash.is_some()
    }

    /// Whether this constraint keeps the values unique.
    pub(in crate::sql) fn has_constraint(&self, constraint: &str) -> bool {
        self.unique.iter().any(|unique| **unique == *constraint)
    }

    /// Whether the form can hold values of the type, each without loss.
    pub(in crate::sql) fn fits(&self, data_type: AttributeType) -> bool {
        match self.form {
            Form::Text(_) => {
                matches!(data_type, AttributeType::String | AttributeType::Reference | AttributeType::Binary)
            }
            Form::Flag { .. } | Form::State { .. } => data_type == AttributeType::Boolean,
            Form::Integer => data_type == AttributeType::Integer,
            Form::Instant(_) | Form::Timestamp => data_type == AttributeType::DateTime,
        }
    }

    /// Whether the column holds every value of the core's without loss.
    pub(in crate::sql) fn is_lossless(&self) -> bool {
        !self.is_lowercased() && !matches!(self.form, Form::Instant(unit) if unit > 1_000_000)
    }

    pub(in crate::sql) fn is_lowercased(&self) -> bool {
        self.form == Form::Text(Comparison::Lowercased)
    }

    pub(in crate::sql) fn is_state(&self) -> bool {
        matches!(self.form, Form::State { .. })
    }

    /// Writes that the column equals the text by the rule of the field.
    pub(in crate::sql) fn push_equal(&self, statement: &mut Statement, text: &str) {
        let column = self.column.qualified();
        let mut bind = |text: &str| statement.placeholder(Param::from(text), "text");
        let sql = match &self.form {
            Form::Text(Comparison::Copy(copy)) => format!("{} = {}", copy.qualified(), bind(&fold(text))),
            Form::Text(Comparison::Lower) => format!("lower({column}) = lower({})", bind(text)),
            Form::Text(Comparison::NoCase) => format!("{column} = {} COLLATE NOCASE", bind(text)),
            Form::Text(Comparison::Lowercased) => format!("{column} = {}", bind(&text.to_lowercase())),
            _ => format!("{column} = {}", bind(text)),
        };
        statement.push(&sql);
    }

    /// The expression to select.
    pub(in crate::sql) fn selected(&self, dialect: Dialect) -> String {
        let column = self.column.qualified();
        match (&self.form, dialect) {
            (Form::State { reads, .. }, _) => format!("({reads})"),
            (Form::Flag { inverted: true }, _) => format!("(NOT {column})"),
            (_, Dialect::Sqlite) => column,
            (Form::Text(_), Dialect::Postgres) => format!("{column}::text"),
            (Form::Flag { .. }, Dialect::Postgres) => format!("{column}::boolean"),
            (Form::Integer | Form::Instant(_), Dialect::Postgres) => format!("{column}::bigint"),
            (Form::Timestamp, Dialect::Postgres) => format!("(extract(epoch FROM {column}) * 1000000)::bigint"),
        }
    }

    /// Takes the value out of a row.
    pub(in crate::sql) fn read(&self, row: &mut Row, index: usize) -> Result<Option<Content>, StoreError> {
        Ok(match self.form {
            Form::Text(_) => match row.take(index) {
                Cell::Null => None,
                Cell::Text(text) if text.is_empty() && self.is_not_null => None,
                Cell::Text(text) => Some(Content::Text(text)),
                // SQLite keeps the number 5 that was written into a column without a type.
                Cell::Integer(number) => Some(Content::Text(number.to_string())),
                Cell::Boolean(truth) => Some(Content::Text(truth.to_string())),
            },
            Form::Flag { .. } | Form::State { .. } => row.boolean(index)?.map(Content::Flag),
            Form::Integer | Form::Instant(_) | Form::Timestamp => row.integer(index)?.map(Content::Integer),
        })
    }

    /// The content of the column for a value of the attribute.
    pub(in crate::sql) fn content(&self, value: Option<&Value>) -> Option<Content> {
        Some(match (&self.form, value?) {
            (Form::Text(Comparison::Lowercased), Value::String(text)) => Content::Text(text.as_str().to_lowercase()),
            (Form::Text(_), Value::String(text)) => Content::Text(text.as_str().to_owned()),
            (Form::Flag { .. } | Form::State { .. }, Value::Boolean(truth)) => Content::Flag(*truth),
            (Form::Integer, Value::Integer(number)) => Content::Integer(*number),
            (Form::Instant(unit), Value::DateTime(time)) => Content::Integer(units(*time, *unit)),
            (Form::Timestamp, Value::DateTime(time)) => Content::Integer(units(*time, 1_000)),
            _ => return None,
        })
    }

    /// The value of the attribute for the content of the column.
    pub(in crate::sql) fn value(&self, content: Content) -> Option<Value> {
        Some(match (&self.form, content) {
            (Form::Text(_), Content::Text(text)) => Value::String(text.as_str().into()),
            (_, Content::Flag(truth)) => Value::Boolean(truth),
            (Form::Integer, Content::Integer(number)) => Value::Integer(number),
            (Form::Instant(unit), Content::Integer(number)) => Value::DateTime(instant(number, *unit)?),
            (Form::Timestamp, Content::Integer(number)) => Value::DateTime(instant(number, 1_000)?),
            _ => return None,
        })
    }

    /// The columns that a write assigns, each with its value. A [state](Form::State) is assigned by an expression of
    /// the present row.
    pub(in crate::sql) fn assignments(&self, content: Option<&Content>) -> Vec<(&str, Assigned)> {
        let column = &*self.column.column;
        let assigned = match (&self.form, content) {
            (Form::State { on, off, .. }, content) => {
                Assigned::Sql(if content == Some(&Content::Flag(true)) { on.clone() } else { off.clone() })
            }
            (Form::Flag { inverted }, Some(Content::Flag(truth))) => {
                Assigned::Value(Param::Boolean(*truth != *inverted), "boolean".into())
            }
            (Form::Timestamp, Some(Content::Integer(number))) => Assigned::Microseconds(*number),
            (_, Some(Content::Integer(number))) => Assigned::Value(Param::Integer(*number), "bigint".into()),
            (_, Some(Content::Text(text))) => {
                let text = self.hash.as_ref().map_or_else(|| text.clone(), |hash| hash(text));
                Assigned::Value(Param::Text(text), self.text_cast())
            }
            (Form::Text(_), None) if self.is_not_null => Assigned::Value(Param::from(""), self.text_cast()),
            _ => Assigned::Null,
        };
        let copy = match (&self.form, content) {
            (Form::Text(Comparison::Copy(copy)), Some(Content::Text(text))) => {
                Some((&*copy.column, Assigned::Value(Param::Text(fold(text).into_owned()), "text".into())))
            }
            (Form::Text(Comparison::Copy(copy)), _) => Some((&*copy.column, Assigned::Null)),
            _ => None,
        };
        [(column, assigned)].into_iter().chain(copy).collect()
    }

    fn text_cast(&self) -> Box<str> {
        self.cast.as_ref().map_or_else(|| "text".into(), |sql_type| format!("text::{sql_type}").into())
    }
}

/// Columns and expressions.
pub(in crate::sql) type Assignments = Vec<(Box<str>, Box<str>)>;

/// The right side of an assignment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sql) enum Assigned {
    Null,
    Value(Param, Box<str>),
    Sql(Box<str>),
    /// A `timestamptz`, as microseconds since 1970.
    Microseconds(i64),
}

impl Assigned {
    pub(in crate::sql) fn write(&self, statement: &mut Statement) {
        let sql = match self {
            Self::Null => "NULL".to_owned(),
            Self::Value(param, cast) => statement.placeholder(param.clone(), cast),
            Self::Sql(sql) => format!("({sql})"),
            Self::Microseconds(number) => {
                // The parameter is a whole number: a `double precision` would round the microseconds of far years.
                let placeholder = statement.placeholder(Param::Integer(*number), "bigint");
                format!("('epoch'::timestamptz + {placeholder} * interval '1 microsecond')")
            }
        };
        statement.push(&sql);
    }
}

fn units(time: DateTime<Utc>, unit: i64) -> i64 {
    let whole = i128::from(time.timestamp()) * 1_000_000_000 + i128::from(time.timestamp_subsec_nanos());
    let units = whole.div_euclid(i128::from(unit));
    i64::try_from(units).unwrap_or(if units < 0 { i64::MIN } else { i64::MAX })
}

fn instant(number: i64, unit: i64) -> Option<DateTime<Utc>> {
    let whole = i128::from(number) * i128::from(unit);
    let seconds = i64::try_from(whole.div_euclid(1_000_000_000)).ok()?;
    DateTime::from_timestamp(seconds, u32::try_from(whole.rem_euclid(1_000_000_000)).ok()?)
}
