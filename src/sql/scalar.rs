//! One value in SQL, and its comparison with a bound value.
//!
//! Every comparison that this module writes is true or false, never null: `NOT` and `OR` can enclose it as in a
//! filter.

use std::borrow::Cow;

use chrono::{DateTime, Datelike, Timelike, Utc};

use super::{
    comparable,
    mapping::{Column, Form, Index, PREFIX},
    statement::{Dialect, Param, Statement},
};
use crate::{
    filter::{Comparand, Operator},
    fold::{fold, inner},
    store::Pushdown,
    value::Decimal,
};

/// An expression with one value, or null.
pub(super) struct Scalar {
    sql: String,
    form: Form,
    required: bool,
    /// Whether the expression is computed: a text then has the default collation of the database, not that of a
    /// column.
    computed: bool,
    index: Index,
}

/// A comparison in the database's form of the value.
enum Test<'a> {
    Never,
    Text(Operator, Cow<'a, str>),
    Integer(Operator, i64),
    Boolean(Operator, bool),
    Timestamp(Operator, String),
    /// The comparison of a text in the type of a key.
    Key(Operator, String, &'static str),
}

impl Scalar {
    pub(super) fn column(column: &Column) -> Self {
        let index = if column.indexed { Index::Whole } else { Index::Unknown };
        Self { sql: tight(&column.sql), form: column.form, required: column.required, computed: false, index }
    }

    /// A text of a comparable document.
    pub(super) fn computed(sql: String, index: Index) -> Self {
        Self { sql, form: Form::Comparable, required: false, computed: true, index }
    }

    /// The expression that `select` derives from this one. It is no longer a column.
    pub(super) fn selected(self, select: impl FnOnce(&str) -> String) -> Self {
        Self { sql: select(&self.sql), required: false, computed: true, index: Index::Unknown, ..self }
    }

    pub(super) fn is_required(&self) -> bool {
        self.required
    }

    pub(super) fn form(&self) -> Form {
        self.form
    }

    /// The expression for `ORDER BY` and range comparisons, with the order of the core.
    pub(super) fn ordered(&self, dialect: Dialect) -> String {
        let sql = &self.sql;
        match (dialect, self.form) {
            (Dialect::Postgres, Form::Comparable | Form::Text | Form::Folded) => format!("{sql} COLLATE \"C\""),
            (Dialect::Sqlite, Form::Comparable | Form::Text | Form::Folded) if !self.computed => {
                format!("{sql} COLLATE BINARY")
            }
            _ => sql.clone(),
        }
    }

    /// The expressions to order by; the expression of an index is first.
    pub(super) fn order(&self, dialect: Dialect) -> impl Iterator<Item = String> {
        let prefix = (self.index == Index::Prefix).then(|| self.prefix());
        prefix.into_iter().chain([self.ordered(dialect)])
    }

    /// The expression of an index: the value, or its beginning.
    pub(super) fn key(&self, dialect: Dialect) -> String {
        if self.index == Index::Prefix { self.prefix() } else { self.ordered(dialect) }
    }

    fn prefix(&self) -> String {
        format!("left({}, {PREFIX}) COLLATE \"C\"", self.sql)
    }

    /// Writes that the value is null, or not null if `truth` is `false`.
    pub(super) fn is_null(&self, statement: &mut Statement, truth: bool) {
        statement.push(&self.sql).push(if truth { " IS NULL" } else { " IS NOT NULL" });
    }

    /// Writes that the value exists and is not empty.
    pub(super) fn is_present(&self, statement: &mut Statement) {
        let sql = &self.sql;
        statement.push(&match self.form {
            _ if self.required => String::from("TRUE"),
            // Not with the collation of the column: some collations ignore blanks.
            Form::Comparable | Form::Text | Form::Folded if statement.dialect == Dialect::Sqlite => {
                format!("COALESCE({} <> '', FALSE)", self.ordered(Dialect::Sqlite))
            }
            Form::Comparable | Form::Text | Form::Folded | Form::Lower { .. } => {
                format!("COALESCE({sql} <> '', FALSE)")
            }
            Form::Key(_) | Form::Boolean | Form::Integer | Form::Instant(_) | Form::Timestamp => {
                format!("{sql} IS NOT NULL")
            }
        });
    }

    /// Writes that a boolean is true. Writes nothing and returns [`Pushdown::No`] if the value is not a boolean.
    pub(super) fn is_true(&self, statement: &mut Statement) -> Pushdown {
        let sql = &self.sql;
        match self.form {
            Form::Boolean => statement.push(&format!("COALESCE({sql}, FALSE)")),
            Form::Comparable => statement.push(&format!("COALESCE({sql} = 'true', FALSE)")),
            _ => return Pushdown::No,
        };
        Pushdown::Exact
    }

    /// Writes the comparison. Writes nothing and returns [`Pushdown::No`] if the comparison cannot be expressed.
    pub(super) fn compare(&self, statement: &mut Statement, operator: Operator, operand: &Comparand) -> Pushdown {
        let Some((test, pushdown)) = test(self.form, statement.dialect, operator, operand) else {
            return Pushdown::No;
        };
        let searched = match &test {
            Test::Text(Operator::Sw, text) => text.to_string(),
            _ => String::new(),
        };
        let Some((operator, value)) = bound(statement, test) else {
            statement.push("FALSE");
            return pushdown;
        };
        let symbol = match operator {
            Operator::Gt => ">",
            Operator::Ge => ">=",
            Operator::Lt => "<",
            Operator::Le => "<=",
            Operator::Co | Operator::Sw | Operator::Ew => {
                self.search(statement, operator, &value, &searched);
                return pushdown;
            }
            Operator::Eq | Operator::Ne => "=",
        };
        self.relation(statement, symbol, &[value]);
        pushdown
    }

    /// Writes that the value equals one of the operands. Writes nothing and returns [`Pushdown::No`] if the comparison
    /// with one of them cannot be expressed.
    pub(super) fn equal(&self, statement: &mut Statement, operands: &[&Comparand]) -> Pushdown {
        let dialect = statement.dialect;
        let tests = operands.iter().map(|operand| test(self.form, dialect, Operator::Eq, operand));
        let Some(tests) = tests.collect::<Option<Vec<_>>>() else { return Pushdown::No };
        let is_exact = tests.iter().all(|(_, pushdown)| *pushdown == Pushdown::Exact);
        let values = tests.into_iter().filter_map(|(test, _)| bound(statement, test)).map(|(_, value)| value);
        let values: Vec<String> = values.collect();
        if values.is_empty() {
            statement.push("FALSE");
        } else {
            self.relation(statement, "=", &values);
        }
        if is_exact { Pushdown::Exact } else { Pushdown::Superset }
    }

    /// Writes that the value is in this relation to a value, or is equal to one of several values.
    fn relation(&self, statement: &mut Statement, symbol: &str, values: &[String]) {
        let dialect = statement.dialect;
        let sql = &self.sql;
        // An index of a column serves `=` with the column's own collation; all deterministic collations agree on
        // equality.
        let plain = symbol == "=" && dialect == Dialect::Postgres && !self.computed;
        let left = if plain { sql.clone() } else { self.ordered(dialect) };
        let compared = related(&left, symbol, values);
        // `COALESCE` would hide the comparison from an index, which serves only a separate conjunct.
        statement.push(&match self.index {
            _ if self.required => compared,
            Index::None => format!("COALESCE({compared}, FALSE)"),
            Index::Unknown | Index::Whole => format!("({compared} AND {sql} IS NOT NULL)"),
            Index::Prefix => {
                let bound = match symbol {
                    ">" => ">=",
                    "<" => "<=",
                    symbol => symbol,
                };
                let beginnings: Vec<String> = values.iter().map(|value| format!("left({value}, {PREFIX})")).collect();
                format!("({} AND COALESCE({compared}, FALSE))", related(&self.prefix(), bound, &beginnings))
            }
        });
    }

    /// Writes that `value` is in the text, at its start or at its end. Every text contains the empty text.
    fn search(&self, statement: &mut Statement, operator: Operator, value: &str, text: &str) {
        let range =
            (operator == Operator::Sw && matches!(self.index, Index::Whole | Index::Prefix) && !text.is_empty())
                .then(|| self.beginning(statement, value, text));
        let text = self.ordered(statement.dialect);
        let found = match (statement.dialect, operator) {
            (Dialect::Postgres, Operator::Sw) => format!("starts_with({text}, {value})"),
            (Dialect::Postgres, Operator::Ew) => format!("right({text}, length({value})) = {value}"),
            (Dialect::Postgres, _) => format!("strpos({text}, {value}) > 0"),
            (Dialect::Sqlite, Operator::Sw) => format!("substr({text}, 1, length({value})) = {value}"),
            // The explicit length makes `substr` return nothing for an empty value; `-0` alone would mean the start.
            (Dialect::Sqlite, Operator::Ew) => format!("substr({text}, -length({value}), length({value})) = {value}"),
            (Dialect::Sqlite, _) => format!("instr({text}, {value}) > 0"),
        };
        let found = if self.required { found } else { format!("COALESCE({found}, FALSE)") };
        statement.push(&match range {
            Some(range) => format!("({range} AND {found})"),
            None => found,
        });
    }

    /// Writes a range of an index that contains all texts with this beginning, which must not be empty.
    fn beginning(&self, statement: &mut Statement, value: &str, text: &str) -> String {
        let key = self.key(statement.dialect);
        let (lowest, length) = match self.index {
            Index::Prefix => (format!("left({value}, {PREFIX})"), PREFIX),
            _ => (value.to_owned(), usize::MAX),
        };
        let Some(above) = behind_all(&text.chars().take(length).collect::<Vec<_>>()) else {
            return format!("{key} >= {lowest}");
        };
        let above = statement.placeholder(Param::Text(above), "text");
        format!("{key} >= {lowest} AND {key} < {above}")
    }
}

/// A relation to a value, or equality with one of several values.
fn related(left: &str, symbol: &str, values: &[String]) -> String {
    match values {
        [value] => format!("{left} {symbol} {value}"),
        values => format!("{left} IN ({})", values.join(", ")),
    }
}

/// Binds the value of a test. Returns the operator and the placeholder; `None` if the test is never true.
fn bound(statement: &mut Statement, test: Test<'_>) -> Option<(Operator, String)> {
    let (operator, param, cast) = match test {
        Test::Never => return None,
        Test::Text(operator, text) => (operator, Param::Text(text.into_owned()), "text"),
        Test::Integer(operator, number) => (operator, Param::Integer(number), "bigint"),
        Test::Boolean(operator, truth) => (operator, Param::Boolean(truth), "boolean"),
        // The parameter has the type text, which every driver supports; the database parses it.
        Test::Timestamp(operator, text) => (operator, Param::Text(text), "text::timestamptz"),
        Test::Key(operator, text, cast) => (operator, Param::Text(text), cast),
    };
    Some((operator, statement.placeholder(param, cast)))
}

/// The smallest text that is greater than every text with this beginning; `None` if no text is.
fn behind_all(beginning: &[char]) -> Option<String> {
    let mut kept = beginning;
    while let Some((last, rest)) = kept.split_last() {
        // Text contains no surrogates; the successor of U+D7FF is U+E000.
        let next = if *last == '\u{d7ff}' { Some('\u{e000}') } else { char::from_u32(u32::from(*last) + 1) };
        if let Some(next) = next {
            return Some(rest.iter().chain([&next]).collect());
        }
        kept = rest;
    }
    None
}

/// A host's expression that can be next to any operator: in parentheses unless it is a plain name.
pub(super) fn tight(sql: &str) -> String {
    let plain = |char: char| char.is_alphanumeric() || matches!(char, '_' | '.' | '"');
    if sql.chars().all(plain) { sql.to_owned() } else { format!("({sql})") }
}

/// The maximum number of bytes of the text of a `co` that a statement passes to the database. The rest of a longer text
/// is left to the core, so the pushdown of the condition is a [`Pushdown::Superset`].
///
/// Both databases compare the text at each position of a value: a search of 59 kB in values of 60 kB took 8 s.
pub const SEARCHED_BYTES: usize = 64;

fn test(form: Form, dialect: Dialect, operator: Operator, operand: &Comparand) -> Option<(Test<'_>, Pushdown)> {
    match whole_test(form, dialect, operator, operand)? {
        (Test::Text(Operator::Co, text), _) if text.len() > SEARCHED_BYTES => {
            let beginning = (0..=SEARCHED_BYTES).rev().find_map(|end| text.get(..end)).unwrap_or_default();
            Some((Test::Text(Operator::Co, Cow::Owned(beginning.to_owned())), Pushdown::Superset))
        }
        test => Some(test),
    }
}

fn whole_test(form: Form, dialect: Dialect, operator: Operator, operand: &Comparand) -> Option<(Test<'_>, Pushdown)> {
    let exact = |test| Some((test, Pushdown::Exact));
    match (form, operand) {
        (Form::Comparable, operand) => exact(text_test(operator, comparable_text(operand))),
        (Form::Text, Comparand::Exact(text)) | (Form::Folded, Comparand::Folded(text)) => {
            exact(text_test(operator, Cow::Borrowed(text)))
        }
        (Form::Folded, Comparand::Exact(text)) => {
            // In a longer column value, folding may change the characters at the border of the searched text.
            let text = match operator {
                Operator::Eq => text,
                Operator::Sw => inner(text, true, false),
                Operator::Ew => inner(text, false, true),
                Operator::Co => inner(text, false, false),
                _ => return None,
            };
            Some((text_test(operator, fold(text)), Pushdown::Superset))
        }
        // `lower()` of most databases knows ASCII only. The text of other letters can be equal for the core and different
        // for the database.
        // An empty text in the column is no value.
        (Form::Lower { agrees }, Comparand::Folded(text) | Comparand::Exact(text))
            if operator == Operator::Eq && (agrees || text.is_ascii()) && !text.is_empty() =>
        {
            exact(text_test(operator, Cow::Borrowed(text)))
        }
        (Form::Key(key_type), Comparand::Exact(text) | Comparand::Folded(text)) if operator == Operator::Eq => {
            exact(match key_type.parse(text) {
                Some(Param::Integer(number)) => Test::Integer(operator, number),
                Some(_) => Test::Key(operator, text.to_string(), key_type.cast()),
                None => Test::Never,
            })
        }
        (Form::Boolean, Comparand::Boolean(truth)) => exact(Test::Boolean(operator, *truth)),
        (Form::Integer, Comparand::Integer(number)) => exact(Test::Integer(operator, *number)),
        (Form::Instant(unit), Comparand::DateTime(time)) => {
            let (number, whole) = in_units(*time, unit)?;
            exact(rounded(operator, whole).map_or(Test::Never, |operator| Test::Integer(operator, number)))
        }
        (Form::Timestamp, Comparand::DateTime(time)) if dialect == Dialect::Postgres => {
            let (_, whole) = in_units(*time, 1_000)?;
            exact(rounded(operator, whole).map_or(Test::Never, |operator| Test::Timestamp(operator, timestamp(*time))))
        }
        _ => None,
    }
}

/// The text that [`comparable()`](comparable::comparable) returns for a value equal to the operand.
pub(super) fn comparable_text(operand: &Comparand) -> Cow<'_, str> {
    match operand {
        Comparand::Exact(text) | Comparand::Folded(text) => Cow::Borrowed(text),
        Comparand::Boolean(truth) => Cow::Borrowed(if *truth { "true" } else { "false" }),
        Comparand::Integer(number) => Cow::Owned(comparable::integer(*number)),
        Comparand::Decimal(number) => Cow::Owned(Decimal::sortable(number)),
        Comparand::DateTime(time) => Cow::Owned(comparable::instant(*time)),
    }
}

/// A comparison with a text that may contain U+0000. A filter may contain U+0000, but stored text cannot, and
/// databases do not accept it.
fn text_test(operator: Operator, text: Cow<'_, str>) -> Test<'_> {
    let Some((before, _)) = text.split_once('\0') else { return Test::Text(operator, text) };
    let before = Cow::Owned(before.to_owned());
    match operator {
        // A longer stored text with this beginning continues with a character greater than U+0000.
        Operator::Gt | Operator::Ge => Test::Text(Operator::Gt, before),
        Operator::Lt | Operator::Le => Test::Text(Operator::Le, before),
        _ => Test::Never,
    }
}

/// The number of whole units since 1970, and whether the instant is a whole number of units.
fn in_units(time: DateTime<Utc>, unit: i64) -> Option<(i64, bool)> {
    let second = 1_000_000_000_i64.checked_div(unit)?;
    // A leap second has no count of its own; it is after all instants with the same count.
    let nanoseconds = i64::from(time.timestamp_subsec_nanos());
    let counted = nanoseconds.min(999_999_999);
    let units = time.timestamp().checked_mul(second)?.checked_add(counted.checked_div(unit)?)?;
    Some((units, nanoseconds == counted && counted.checked_rem(unit)? == 0))
}

/// The operator for the comparison of whole units. `whole` is `false` if the operand was rounded down. `None` when no
/// value can equal the operand.
fn rounded(operator: Operator, whole: bool) -> Option<Operator> {
    match operator {
        operator if whole => Some(operator),
        Operator::Gt | Operator::Ge => Some(Operator::Gt),
        Operator::Lt | Operator::Le => Some(Operator::Le),
        _ => None,
    }
}

/// An instant in the syntax of PostgreSQL, in whole microseconds.
fn timestamp(time: DateTime<Utc>) -> String {
    // PostgreSQL supports years from 4714 BC to 294276; `-infinity` is before all of them.
    let (year, era) = match time.year() {
        year if year < -4_000 => return String::from("-infinity"),
        year if year <= 0 => (1 - year, " BC"),
        year => (year, ""),
    };
    let microseconds = time.nanosecond().min(999_999_999) / 1_000;
    let (month, day, hour, minute, second) = (time.month(), time.day(), time.hour(), time.minute(), time.second());
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{microseconds:06}+00{era}")
}

#[cfg(test)]
mod tests {
    use super::behind_all;

    #[test]
    fn texts_with_a_beginning_are_a_range() {
        let cases = [
            ("ab", Some("ac")),
            ("a\u{10ffff}", Some("b")),
            ("\u{10ffff}\u{10ffff}", None),
            ("\u{d7ff}", Some("\u{e000}")),
            ("a\u{7f}", Some("a\u{80}")),
        ];
        for (beginning, expected) in cases {
            let above = behind_all(&beginning.chars().collect::<Vec<_>>());
            assert_eq!(above.as_deref(), expected, "{beginning:?}");
            let longest = format!("{beginning}\u{10ffff}\u{10ffff}");
            assert!(above.is_none_or(|above| above > longest));
        }
    }
}
