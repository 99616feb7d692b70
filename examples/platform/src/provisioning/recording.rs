//! Records request bodies: for one organization, for at most an hour, with secrets masked.

use chrono::{DateTime, Duration, Utc};
use scim_core::{sql::Statement, store::StoreError};
use serde_json::Value;

use crate::database::Database;

/// The duration of a recording in minutes.
const MINUTES: i64 = 60;

/// The maximum number of characters of a body that are stored.
const MOST: usize = 64 << 10;

/// The parts of a member's name in a JSON object that mark the member as a secret.
const SECRETS: [&str; 3] = ["password", "secret", "token"];

/// A running recording.
#[derive(Clone, Debug)]
pub struct Recording {
    /// The end of the recording.
    pub until: DateTime<Utc>,
    /// The administrator who started it.
    pub made_by: Option<String>,
}

impl Recording {
    /// The organization's running recording; `None` if no recording runs.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn find(database: &Database, tenant: &str) -> Result<Option<Self>, StoreError> {
        let mut query = Statement::new(database.dialect());
        query.push("SELECT until, made_by FROM recording WHERE tenant = ").bind(tenant).push(" AND until > ");
        query.bind(Utc::now().timestamp_millis());
        let rows = database.look_up(vec![query]).await?;
        let Some(mut row) = rows.into_iter().flatten().next() else { return Ok(None) };
        let until = DateTime::from_timestamp_millis(row.required_integer(0)?).unwrap_or_default();
        Ok(Some(Self { until, made_by: row.text(1)? }))
    }

    /// Starts a recording that ends by itself. The bodies are deleted an hour after its end.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn start(database: &Database, tenant: &str, made_by: &str) -> Result<(), StoreError> {
        let until = Utc::now() + Duration::minutes(MINUTES);
        let mut insert = Statement::new(database.dialect());
        insert.push("INSERT INTO recording (tenant, until, made_by) VALUES (").bind(tenant).push(", ");
        insert.bind(until.timestamp_millis()).push(", ").bind(made_by);
        insert.push(") ON CONFLICT (tenant) DO UPDATE SET until = excluded.until, made_by = excluded.made_by");
        database.execute(vec![insert]).await.map(drop)
    }

    /// Ends the recording and deletes the bodies at once.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn stop(database: &Database, tenant: &str) -> Result<(), StoreError> {
        let removal = |table: &str| {
            let mut delete = Statement::new(database.dialect());
            delete.push("DELETE FROM ").push(table).push(" WHERE tenant = ").bind(tenant);
            delete
        };
        database.execute(vec![removal("recording"), removal("recorded_body")]).await.map(drop)
    }
}

/// The body in the form in which it may be stored: secrets masked, and cut to a limited length. A body that is not
/// JSON is not stored, since secrets in it cannot be detected.
///
/// ```
/// use platform::provisioning::masked;
///
/// assert_eq!(masked(br#"{"userName": "ann", "password": "t1meMa$heen"}"#), r#"{"password":"…","userName":"ann"}"#);
/// let patch = br#"{"Operations": [{"op": "replace", "path": "password", "value": "t1meMa$heen"}]}"#;
/// assert!(!masked(patch).contains("t1me"));
/// ```
pub fn masked(body: &[u8]) -> String {
    let Ok(mut json) = serde_json::from_slice::<Value>(body) else { return format!("(no JSON, {} bytes)", body.len()) };
    mask(&mut json);
    let mut text = json.to_string();
    if let Some((end, _)) = text.char_indices().nth(MOST) {
        text.truncate(end);
        text.push('…');
    }
    text
}

fn mask(json: &mut Value) {
    match json {
        Value::Object(members) => {
            // A PATCH operation names the attribute in its path.
            let names_secret = members.get("path").and_then(Value::as_str).is_some_and(is_secret);
            for (name, value) in members.iter_mut() {
                if is_secret(name) || names_secret && name.eq_ignore_ascii_case("value") {
                    *value = "…".into();
                } else {
                    mask(value);
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(mask),
        // Some providers pack JSON into text.
        Value::String(text) if text.trim_start().starts_with(['{', '[']) => {
            if let Ok(mut packed) = serde_json::from_str::<Value>(text) {
                mask(&mut packed);
                *text = packed.to_string();
            }
        }
        _ => {}
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRETS.iter().any(|secret| name.contains(secret))
}
