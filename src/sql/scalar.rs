//! One value in SQL, and its comparison with one that is bound.
//!
//! Every comparison written here is true or false, never null: `NOT` and `OR` may stand around it as they do in a filter.

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

/// An expression that is one value, or null.
pub(super) struct Scalar {
    sql: String,
    form: Form,
    required: bool,
    /// Its collation is the database's, if it has one, and not that of a column.
    computed: bool,
    index: Index,
}

/// What a comparison comes to, when it is known how the database has the value.
enum Test<'a> {
    Never,
    Text(Operator, Cow<'a, str>),
    Integer(Operator, i64),
    Boolean(Operator, bool),
    Timestamp(Operator, String),
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

    /// What `select` makes of the expression, which is then no longer a column.
    pub(super) fn selected(self, select: impl FnOnce(&str) -> String) -> Self {
        Self { sql: select(&self.sql), required: false, computed: true, index: Index::Unknown, ..self }
    }

    pub(super) fn is_required(&self) -> bool {
        self.required
    }

    pub(super) fn form(&self) -> Form {
        self.form
    }

    /// The expression as one that is ordered as the core orders.
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

    /// The expressions to order by, the one that an index has first.
    pub(super) fn order(&self, dialect: Dialect) -> impl Iterator<Item = String> {
        let prefix = (self.index == Index::Prefix).then(|| self.prefix());
        prefix.into_iter().chain([self.ordered(dialect)])
    }

    /// The expression of an index: the value, or the beginning of it.
    pub(super) fn key(&self, dialect: Dialect) -> String {
        if self.index == Index::Prefix { self.prefix() } else { self.ordered(dialect) }
    }

    fn prefix(&self) -> String {
        format!("left({}, {PREFIX}) COLLATE \"C\"", self.sql)
    }

    /// Writes that there is a value, or that there is none.
    pub(super) fn is_null(&self, statement: &mut Statement, truth: bool) {
        statement.push(&self.sql).push(if truth { " IS NULL" } else { " IS NOT NULL" });
    }

    /// Writes that there is a value that is not empty.
    pub(super) fn is_present(&self, statement: &mut Statement) {
        let sql = &self.sql;
        statement.push(&match self.form {
            _ if self.required => String::from("TRUE"),
            // Not with the collation of a column: there are some to which blanks are nothing.
            Form::Comparable | Form::Text | Form::Folded if statement.dialect == Dialect::Sqlite => {
                format!("COALESCE({} <> '', FALSE)", self.ordered(Dialect::Sqlite))
            }
            Form::Comparable | Form::Text | Form::Folded => format!("COALESCE({sql} <> '', FALSE)"),
            Form::Boolean | Form::Integer | Form::Instant(_) | Form::Timestamp => format!("{sql} IS NOT NULL"),
        });
    }

    /// Writes that a boolean is true; for what is not a boolean nothing, and [`Pushdown::No`].
    pub(super) fn is_true(&self, statement: &mut Statement) -> Pushdown {
        let sql = &self.sql;
        match self.form {
            Form::Boolean => statement.push(&format!("COALESCE({sql}, FALSE)")),
            Form::Comparable => statement.push(&format!("COALESCE({sql} = 'true', FALSE)")),
            _ => return Pushdown::No,
        };
        Pushdown::Exact
    }

    /// Writes the comparison as far as it can be made here; nothing where it cannot.
    pub(super) fn compare(&self, statement: &mut Statement, operator: Operator, operand: &Comparand) -> Pushdown {
        let Some((test, pushdown)) = test(self.form, statement.dialect, operator, operand) else {
            return Pushdown::No;
        };
        let dialect = statement.dialect;
        let searched = match &test {
            Test::Text(Operator::Sw, text) => text.to_string(),
            _ => String::new(),
        };
        let (operator, param, cast) = match test {
            Test::Never => {
                statement.push("FALSE");
                return pushdown;
            }
            Test::Text(operator, text) => (operator, Param::Text(text.into_owned()), "text"),
            Test::Integer(operator, number) => (operator, Param::Integer(number), "bigint"),
            Test::Boolean(operator, truth) => (operator, Param::Boolean(truth), "boolean"),
            // The type of the parameter is text, which every driver has; the database reads it.
            Test::Timestamp(operator, text) => (operator, Param::Text(text), "text::timestamptz"),
        };
        let value = statement.placeholder(param, cast);
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
        let sql = &self.sql;
        // An index of a column serves `=` with the column's own collation; all collations find the same equal.
        let plain = symbol == "=" && dialect == Dialect::Postgres && !self.computed;
        let left = if plain { sql.clone() } else { self.ordered(dialect) };
        // Not COALESCE where there may be an index: it serves a comparison that stands on its own.
        statement.push(&match self.index {
            _ if self.required => format!("{left} {symbol} {value}"),
            Index::None => format!("COALESCE({left} {symbol} {value}, FALSE)"),
            Index::Unknown | Index::Whole => format!("({left} {symbol} {value} AND {sql} IS NOT NULL)"),
            Index::Prefix => {
                let (key, bound) = (self.prefix(), symbol.trim_end_matches('='));
                let bound = if bound.is_empty() { symbol.to_owned() } else { format!("{bound}=") };
                format!("({key} {bound} left({value}, {PREFIX}) AND {left} {symbol} {value} AND {sql} IS NOT NULL)")
            }
        });
        pushdown
    }

    /// Writes that `value` is in the text, at its start or at its end. The empty text is in every text.
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
            // A length is given so that of an empty text nothing is taken, where -0 would be the start.
            (Dialect::Sqlite, Operator::Ew) => format!("substr({text}, -length({value}), length({value})) = {value}"),
            (Dialect::Sqlite, _) => format!("instr({text}, {value}) > 0"),
        };
        let found = if self.required { found } else { format!("COALESCE({found}, FALSE)") };
        statement.push(&match range {
            Some(range) => format!("({range} AND {found})"),
            None => found,
        });
    }

    /// The range of an index that has all texts with this beginning, which is not empty.
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

/// The least text that is greater than every text with this beginning; `None` if there is none.
fn behind_all(beginning: &[char]) -> Option<String> {
    let mut kept = beginning;
    while let Some((last, rest)) = kept.split_last() {
        // No text has a surrogate; the code point after them follows the code point before them.
        let next = if *last == '\u{d7ff}' { Some('\u{e000}') } else { char::from_u32(u32::from(*last) + 1) };
        if let Some(next) = next {
            return Some(rest.iter().chain([&next]).collect());
        }
        kept = rest;
    }
    None
}

/// A host's expression so that any operator may stand beside it.
pub(super) fn tight(sql: &str) -> String {
    let plain = |char: char| char.is_alphanumeric() || matches!(char, '_' | '.' | '"');
    if sql.chars().all(plain) { sql.to_owned() } else { format!("({sql})") }
}

fn test(form: Form, dialect: Dialect, operator: Operator, operand: &Comparand) -> Option<(Test<'_>, Pushdown)> {
    let exact = |test| Some((test, Pushdown::Exact));
    match (form, operand) {
        (Form::Comparable, operand) => exact(text_test(operator, comparable_text(operand))),
        (Form::Text, Comparand::Exact(text)) | (Form::Folded, Comparand::Folded(text)) => {
            exact(text_test(operator, Cow::Borrowed(text)))
        }
        (Form::Folded, Comparand::Exact(text)) => {
            // Where the column has more text before or after, characters at the border may have become others.
            let text = match operator {
                Operator::Eq => text,
                Operator::Sw => inner(text, true, false),
                Operator::Ew => inner(text, false, true),
                Operator::Co => inner(text, false, false),
                _ => return None,
            };
            Some((text_test(operator, fold(text)), Pushdown::Superset))
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

/// The text that [`comparable()`](comparable::comparable) makes of a value that equals the operand.
pub(super) fn comparable_text(operand: &Comparand) -> Cow<'_, str> {
    match operand {
        Comparand::Exact(text) | Comparand::Folded(text) => Cow::Borrowed(text),
        Comparand::Boolean(truth) => Cow::Borrowed(if *truth { "true" } else { "false" }),
        Comparand::Integer(number) => Cow::Owned(comparable::integer(*number)),
        Comparand::Decimal(number) => Cow::Owned(Decimal::sortable(number)),
        Comparand::DateTime(time) => Cow::Owned(comparable::instant(*time)),
    }
}

/// A comparison with a text that may have U+0000, which a filter may have but no stored text, and which databases do not
/// take.
fn text_test(operator: Operator, text: Cow<'_, str>) -> Test<'_> {
    let Some((before, _)) = text.split_once('\0') else { return Test::Text(operator, text) };
    let before = Cow::Owned(before.to_owned());
    match operator {
        // What is up to there equal and longer has something greater than U+0000 next.
        Operator::Gt | Operator::Ge => Test::Text(Operator::Gt, before),
        Operator::Lt | Operator::Le => Test::Text(Operator::Le, before),
        _ => Test::Never,
    }
}

/// The number of whole units since 1970, and whether that is all of the instant.
fn in_units(time: DateTime<Utc>, unit: i64) -> Option<(i64, bool)> {
    let second = 1_000_000_000_i64.checked_div(unit)?;
    // A leap second, which no count of seconds has, is behind all that has the same number.
    let nanoseconds = i64::from(time.timestamp_subsec_nanos());
    let counted = nanoseconds.min(999_999_999);
    let units = time.timestamp().checked_mul(second)?.checked_add(counted.checked_div(unit)?)?;
    Some((units, nanoseconds == counted && counted.checked_rem(unit)? == 0))
}

/// The operator to compare whole units with, when the operand was `whole` or else rounded down; `None` when nothing
/// can equal it.
fn rounded(operator: Operator, whole: bool) -> Option<Operator> {
    match operator {
        operator if whole => Some(operator),
        Operator::Gt | Operator::Ge => Some(Operator::Gt),
        Operator::Lt | Operator::Le => Some(Operator::Le),
        _ => None,
    }
}

/// An instant as PostgreSQL reads it, in whole microseconds.
fn timestamp(time: DateTime<Utc>) -> String {
    // It has years from 4714 BC to 294276; what is beyond is beyond every value.
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
