//! The text of a statement under construction, and the values that are bound to it.
//!
//! Only this module writes placeholders, so that no value can get into the text.

use std::fmt;

/// The SQL dialect of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dialect {
    /// SQLite 3.38 or later, with a database in UTF-8. Placeholders are `?1`, `?2`, ….
    Sqlite,
    /// PostgreSQL 11 or later, and compatible databases, in UTF-8. Placeholders are `$1`, `$2`, ….
    Postgres,
}

impl Dialect {
    /// The expression of a random text, with 32 digits.
    pub(super) const fn random_text(self) -> &'static str {
        match self {
            Self::Sqlite => "lower(hex(randomblob(16)))",
            Self::Postgres => "replace(gen_random_uuid()::text, '-', '')",
        }
    }
}

/// A value that is bound to a placeholder.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Param {
    /// Text. It contains no U+0000 unless the host has bound such a text.
    Text(String),
    /// A whole number of 64 bits.
    Integer(i64),
    /// A boolean; for SQLite 0 or 1.
    Boolean(bool),
}

impl fmt::Debug for Param {
    /// Omits the value, which may come from a client.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text(_) => "Text",
            Self::Integer(_) => "Integer",
            Self::Boolean(_) => "Boolean",
        })
    }
}

impl From<&str> for Param {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Param {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Param {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<bool> for Param {
    fn from(truth: bool) -> Self {
        Self::Boolean(truth)
    }
}

/// A statement that consists of the host's SQL, bound values, and the filter and window of a scan.
///
/// ```
/// use scim_core::sql::{Dialect, Param, Statement};
///
/// let mut statement = Statement::new(Dialect::Postgres);
/// statement.push("SELECT r.document FROM resource AS r WHERE r.tenant = ").bind("acme");
/// assert_eq!(statement.text(), "SELECT r.document FROM resource AS r WHERE r.tenant = $1");
/// assert_eq!(statement.params(), [Param::from("acme")]);
/// ```
#[derive(Clone, Debug)]
pub struct Statement {
    pub(super) dialect: Dialect,
    pub(super) text: String,
    pub(super) params: Vec<Param>,
    first: usize,
}

/// A position in a statement.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    text: usize,
    params: usize,
}

impl Statement {
    /// An empty statement.
    pub fn new(dialect: Dialect) -> Self {
        Self::starting_at(dialect, 1)
    }

    /// A part of a statement whose first placeholder has the number `first`.
    pub fn starting_at(dialect: Dialect, first: usize) -> Self {
        Self { dialect, text: String::new(), params: Vec::new(), first }
    }

    /// Adds SQL as it is. It must contain no data from a client.
    pub fn push(&mut self, sql: &str) -> &mut Self {
        self.text.push_str(sql);
        self
    }

    /// Adds a placeholder for a value.
    pub fn bind(&mut self, value: impl Into<Param>) -> &mut Self {
        let placeholder = self.placeholder(value.into(), "");
        self.push(&placeholder)
    }

    /// Adds a placeholder for a value, or `NULL` if there is no value.
    ///
    /// ```
    /// use scim_core::sql::{Dialect, Statement};
    ///
    /// let mut statement = Statement::new(Dialect::Sqlite);
    /// statement.push("VALUES (").bind_optional(Some("ann")).push(", ").bind_optional(None::<&str>).push(")");
    /// assert_eq!(statement.text(), "VALUES (?1, NULL)");
    /// ```
    pub fn bind_optional(&mut self, value: Option<impl Into<Param>>) -> &mut Self {
        match value {
            Some(value) => self.bind(value),
            None => self.push("NULL"),
        }
    }

    /// Adds one placeholder for these texts, as a JSON array. A text with a NUL character, which PostgreSQL cannot store, is
    /// left out.
    ///
    /// ```
    /// use scim_core::sql::{Dialect, Param, Statement};
    ///
    /// let mut statement = Statement::new(Dialect::Postgres);
    /// statement.push("jsonb_array_elements_text(").bind_array(["1", "2"]).push("::text::jsonb)");
    /// assert_eq!(statement.params(), [Param::from(r#"["1","2"]"#)]);
    /// ```
    pub fn bind_array<'a>(&mut self, texts: impl IntoIterator<Item = &'a str>) -> &mut Self {
        self.bind(array_of(texts))
    }

    /// Adds the condition that a column is one of these texts: one parameter, whatever their number. A text with a NUL
    /// character, which PostgreSQL cannot store, is left out.
    ///
    /// ```
    /// use scim_core::sql::{Dialect, Param, Statement};
    ///
    /// let mut statement = Statement::new(Dialect::Sqlite);
    /// statement.push("SELECT a.id FROM account AS a WHERE ").is_one_of("a.login", ["ann", "bob"]);
    /// assert!(statement.text().ends_with("WHERE a.login IN (SELECT e.value FROM json_each(?1) AS e)"));
    /// assert_eq!(statement.params(), [Param::from(r#"["ann","bob"]"#)]);
    /// ```
    pub fn is_one_of<'a>(&mut self, column: &str, texts: impl IntoIterator<Item = &'a str>) -> &mut Self {
        self.is_in(column, array_of(texts), "text")
    }

    /// Adds ` FROM … AS r`: the rows of one look-up for each of these texts, for PostgreSQL. `look_up` adds the look-up: a
    /// query that refers to the text as `e.id` and ends with `LIMIT`.
    ///
    /// With an array of texts, PostgreSQL can read all rows of a table as long as it has no statistics. The limit keeps
    /// PostgreSQL from turning the look-ups into a join.
    ///
    /// ```
    /// use scim_core::sql::{Dialect, Statement};
    ///
    /// let mut statement = Statement::new(Dialect::Postgres);
    /// statement.push("SELECT r.name").look_up_each(["1", "2"], |query| {
    ///     query.push("SELECT name FROM account WHERE tenant = ").bind("acme").push(" AND id = e.id LIMIT 1");
    /// });
    /// assert_eq!(
    ///     statement.text(),
    ///     "SELECT r.name FROM jsonb_array_elements_text($1::text::jsonb) AS e (id) CROSS JOIN LATERAL \
    ///      (SELECT name FROM account WHERE tenant = $2 AND id = e.id LIMIT 1) AS r"
    /// );
    /// ```
    pub fn look_up_each<'a>(
        &mut self,
        texts: impl IntoIterator<Item = &'a str>,
        look_up: impl FnOnce(&mut Self),
    ) -> &mut Self {
        self.push(" FROM jsonb_array_elements_text(").bind_array(texts);
        self.push("::text::jsonb) AS e (id) CROSS JOIN LATERAL (");
        look_up(self);
        self.push(") AS r")
    }

    /// Adds the condition that a column is an element of a JSON array. `cast` is the type of the elements in PostgreSQL.
    pub(super) fn is_in(&mut self, column: &str, array: String, cast: &str) -> &mut Self {
        let array = self.placeholder(Param::Text(array), "text::jsonb");
        match self.dialect {
            Dialect::Sqlite => self.push(&format!("{column} IN (SELECT e.value FROM json_each({array}) AS e)")),
            Dialect::Postgres => {
                let element = format!("SELECT e.value::{cast} FROM jsonb_array_elements_text({array}) AS e (value)");
                self.push(&format!("{column} = ANY (ARRAY ({element}))"))
            }
        }
    }

    /// The dialect of the statement.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The SQL.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The values for the placeholders, in the order of their numbers.
    pub fn params(&self) -> &[Param] {
        &self.params
    }

    /// The statement that asks the database for the plan of this query, with the same values. In PostgreSQL each row
    /// is a line of text; in SQLite the fourth column of each row is the line.
    ///
    /// A store's test can read the plans of the queries that identity providers send, and find the queries that read
    /// all resources of a type.
    ///
    /// ```
    /// use scim_core::sql::{Dialect, Statement};
    ///
    /// let mut statement = Statement::new(Dialect::Sqlite);
    /// statement.push("SELECT r.document FROM resource AS r WHERE r.tenant = ").bind("acme");
    /// let plan = statement.explained();
    /// assert!(plan.text().starts_with("EXPLAIN QUERY PLAN SELECT") && plan.params() == statement.params());
    /// ```
    #[must_use]
    pub fn explained(&self) -> Self {
        let verb = if self.dialect == Dialect::Sqlite { "EXPLAIN QUERY PLAN " } else { "EXPLAIN " };
        Self { text: format!("{verb}{}", self.text), ..self.clone() }
    }

    /// The SQL and the values.
    pub fn into_parts(self) -> (String, Vec<Param>) {
        (self.text, self.params)
    }

    /// Binds a value. Returns its placeholder, with the type `cast` if the dialect needs types.
    pub(super) fn placeholder(&mut self, value: Param, cast: &str) -> String {
        let number = self.first + self.params.len();
        self.params.push(value);
        match self.dialect {
            Dialect::Sqlite => format!("?{number}"),
            Dialect::Postgres if cast.is_empty() => format!("${number}"),
            Dialect::Postgres => format!("${number}::{cast}"),
        }
    }

    /// The query of these columns of `c`, the first `most` rows of this query.
    pub(super) fn within(mut self, columns: &str, most: u64) -> Self {
        let most = self.placeholder(Param::Integer(i64::try_from(most).unwrap_or(i64::MAX)), "bigint");
        self.text = format!("SELECT {columns} FROM ({} LIMIT {most}) AS c", self.text);
        self
    }

    pub(super) fn mark(&self) -> Mark {
        Mark { text: self.text.len(), params: self.params.len() }
    }

    /// Removes the text and the values that were added after the mark.
    pub(super) fn back_to(&mut self, mark: Mark) {
        self.text.truncate(mark.text);
        self.params.truncate(mark.params);
    }
}

/// The texts as one parameter, a JSON array. PostgreSQL cannot store a text with a NUL character, so no row has it.
fn array_of<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let texts: Vec<&str> = texts.into_iter().filter(|text| !text.contains('\0')).collect();
    // Serializing texts cannot fail.
    serde_json::to_string(&texts).unwrap_or_default()
}
