//! A linear `instr(text, part)` of texts.
//!
//! The function of SQLite compares the part at every position of the text. A client that stores a long text of equal
//! letters, and searches it for a part of such letters, would make it compare for seconds.

use memchr::memmem;
use rusqlite::{
    Connection, Result,
    functions::{Context, FunctionFlags},
    types::ValueRef,
};

/// Replaces the `instr` of SQLite on a connection.
pub(super) fn register(connection: &Connection) -> Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_INNOCUOUS;
    connection.create_scalar_function("instr", 2, flags, |arguments| position(arguments))
}

/// The position of the second text in the first one, in characters from 1; 0 if it is not there, and NULL without a
/// text.
fn position(arguments: &Context<'_>) -> Result<Option<i64>> {
    let (ValueRef::Text(text), ValueRef::Text(part)) = (arguments.get_raw(0), arguments.get_raw(1)) else {
        return Ok(None);
    };
    let found = memmem::find(text, part).and_then(|start| text.get(..start)).map_or(0, |before| {
        // Each character has one byte that does not continue another character.
        1 + before.iter().filter(|byte| **byte & 0xC0 != 0x80).count()
    });
    Ok(Some(i64::try_from(found).unwrap_or(i64::MAX)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::allow_attributes, reason = "a test that panics has failed")]
mod tests {
    use rusqlite::Connection;

    /// The function has the results of the function that it replaces.
    #[test]
    fn instr_returns_the_results_of_sqlite() {
        let (plain, replaced) = (Connection::open_in_memory().unwrap(), Connection::open_in_memory().unwrap());
        super::register(&replaced).unwrap();
        let texts = [
            None,
            Some(""),
            Some("a"),
            Some("ab"),
            Some("xab"),
            Some("äöü"),
            Some("ü"),
            Some("ö\u{1F600}ab"),
            Some("b"),
        ];
        for text in texts {
            for part in texts {
                let ask = |connection: &Connection| {
                    let query = "SELECT instr(?1, ?2)";
                    connection.query_row(query, (text, part), |row| row.get::<_, Option<i64>>(0)).unwrap()
                };
                assert_eq!(ask(&replaced), ask(&plain), "{text:?} {part:?}");
            }
        }
    }
}
