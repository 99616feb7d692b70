//! BulkRequest and BulkResponse: many operations in one request (RFC 7644 §3.7).
//!
//! This module defines the form of the messages only, not the meaning or the order of the operations.

use std::{borrow::Cow, fmt};

use serde::{
    Serialize, Serializer,
    de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor},
    ser::SerializeStruct,
};
use serde_json::value::RawValue;

use super::{
    members::Members,
    uri::{BULK_REQUEST, BULK_RESPONSE},
};
use crate::{
    error::{Error, ScimType},
    quirks::{Quirk, Reading},
    resource::{body_text, is_deeper, json_fault_at},
};

/// The number of objects and arrays around the data of an operation.
const ENVELOPE: usize = 3;

/// Many operations in one request (RFC 7644 §3.7), as written by the client.
///
/// ```
/// use scim_core::{limits::Limits, message::BulkRequest, quirks::{Quirks, Reading, Tolerance}};
///
/// let body = br#"{"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "failOnErrors": 1,
///     "Operations": [{"method": "POST", "path": "/Users", "bulkId": "q", "data": {"userName": "Alice"}}]}"#;
/// let request = BulkRequest::parse(body, Reading::new(&Limits::default(), &mut Tolerance::new(Quirks::default())))?;
/// assert_eq!((request.operations.len(), request.fail_on_errors), (1, Some(1)));
/// assert_eq!(request.operations[0].bulk_id.as_deref(), Some("q"));
/// # Ok::<(), scim_core::error::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct BulkRequest<'a> {
    /// The number of errors after which no further operation is tried; at least 1. With `None`, all operations are
    /// tried.
    pub fail_on_errors: Option<usize>,
    /// The operations, in the client's order.
    pub operations: Vec<BulkOperation<'a>>,
}

/// One operation of a [`BulkRequest`]. The required members depend on the method; a missing member is an error of this
/// operation only.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct BulkOperation<'a> {
    /// `POST`, `PUT`, `PATCH` or `DELETE`.
    pub method: Option<Cow<'a, str>>,
    /// The name by which other operations of the request refer to the resource that a POST creates.
    pub bulk_id: Option<Cow<'a, str>>,
    /// The version that the resource must have, as in `If-Match`.
    pub version: Option<Cow<'a, str>>,
    /// The path of the endpoint or of the resource, relative to the base URL.
    pub path: Option<Cow<'a, str>>,
    /// The request body that the operation would have as a separate request.
    pub data: Option<&'a RawValue>,
}

impl fmt::Debug for BulkOperation<'_> {
    /// Leaves out the data, which may contain a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BulkOperation")
            .field("method", &self.method)
            .field("bulk_id", &self.bulk_id)
            .field("version", &self.version)
            .field("path", &self.path)
            .field("data_bytes", &self.data.map(|data| data.get().len()))
            .finish()
    }
}

impl<'a> BulkRequest<'a> {
    /// Parses the body of a POST to `/Bulk`.
    ///
    /// # Errors
    ///
    /// 413 (RFC 7644 §3.12) if the body is longer than [`Limits::bulk_payload`] or has more operations than
    /// [`Limits::bulk_operations`]; parsing stops at the excess (§3.7.4). 400 `invalidSyntax` if the body is not a
    /// BulkRequest. 400 `invalidValue` if `failOnErrors` is less than 1.
    ///
    /// [`Limits::bulk_payload`]: crate::limits::Limits::bulk_payload
    /// [`Limits::bulk_operations`]: crate::limits::Limits::bulk_operations
    pub fn parse(body: &'a [u8], Reading { limits, tolerance }: Reading<'_>) -> Result<Self, Error> {
        if body.len() > limits.bulk_payload {
            let detail = format!("the body has more than {} bytes (maxPayloadSize)", limits.bulk_payload);
            return Err(Error::new(413, detail));
        }
        if is_deeper(body, limits.json_depth.saturating_add(ENVELOPE)) {
            let detail = format!("expected at most {} nested objects and arrays", limits.json_depth);
            return Err(Error::bad(ScimType::InvalidSyntax, detail));
        }
        let text = body_text(body, tolerance).map_err(|fault| Error::bad(ScimType::InvalidSyntax, fault))?;
        let mut progress = Progress { most: limits.bulk_operations, too_many: false, expected: "a BulkRequest" };
        let mut json = serde_json::Deserializer::from_str(text);
        let message = MessageSeed(&mut progress).deserialize(&mut json).and_then(|message| {
            json.end()?;
            Ok(message)
        });
        if progress.too_many {
            let detail = format!("the request has more than {} operations (maxOperations)", limits.bulk_operations);
            return Err(Error::new(413, detail));
        }
        let message =
            message.map_err(|error| Error::bad(ScimType::InvalidSyntax, json_fault_at(&error, progress.expected)))?;
        let named = message.schemas.as_deref().unwrap_or_default();
        let right = named.iter().any(|uri| uri.eq_ignore_ascii_case(BULK_REQUEST));
        if !right && (!named.is_empty() || !tolerance.allows(Quirk::MissingMessageSchema)) {
            return Err(Error::bad(ScimType::InvalidSyntax, format!("schemas: expected `{BULK_REQUEST}`")));
        }
        let fail_on_errors = match message.fail_on_errors {
            None => None,
            Some(errors) => match usize::try_from(errors) {
                Ok(errors @ 1..) => Some(errors),
                _ => return Err(Error::bad(ScimType::InvalidValue, "failOnErrors: expected at least 1")),
            },
        };
        let operations = message.operations.ok_or_else(|| {
            Error::bad(ScimType::InvalidSyntax, "Operations: expected a list of operations, which is required")
        })?;
        Ok(Self { fail_on_errors, operations })
    }
}

struct Progress {
    most: usize,
    too_many: bool,
    /// The expectation for the JSON that is currently read, for error messages.
    expected: &'static str,
}

#[derive(Default)]
struct Message<'a> {
    schemas: Option<Vec<Cow<'a, str>>>,
    fail_on_errors: Option<i64>,
    operations: Option<Vec<BulkOperation<'a>>>,
}

struct MessageSeed<'r>(&'r mut Progress);

impl<'de> DeserializeSeed<'de> for MessageSeed<'_> {
    type Value = Message<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Message<'de>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for MessageSeed<'_> {
    type Value = Message<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a BulkRequest")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Message<'de>, A::Error> {
        let mut message = Message::default();
        let mut members = Members::new(map, &["schemas", "failOnErrors", "Operations"]);
        while let Some(name) = members.next(de::Error::duplicate_field)? {
            match name {
                "schemas" => {
                    self.0.expected = "`schemas` to be a list of URIs";
                    message.schemas = members.value()?;
                }
                "failOnErrors" => {
                    self.0.expected = "`failOnErrors` to be a whole number";
                    message.fail_on_errors = members.value()?;
                }
                _ => {
                    self.0.expected = "`Operations` to be a list of operations";
                    message.operations = Some(members.value_by(OperationsSeed(self.0))?);
                }
            }
            self.0.expected = "a BulkRequest";
        }
        Ok(message)
    }
}

struct OperationsSeed<'r>(&'r mut Progress);

impl<'de> DeserializeSeed<'de> for OperationsSeed<'_> {
    type Value = Vec<BulkOperation<'de>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for OperationsSeed<'_> {
    type Value = Vec<BulkOperation<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of operations")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut operations = Vec::new();
        while let Some(operation) = list.next_element_seed(OperationSeed)? {
            if operations.len() == self.0.most {
                self.0.too_many = true;
                return Err(de::Error::custom("too many operations"));
            }
            operations.push(operation);
        }
        Ok(operations)
    }
}

struct OperationSeed;

impl<'de> DeserializeSeed<'de> for OperationSeed {
    type Value = BulkOperation<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for OperationSeed {
    type Value = BulkOperation<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an operation")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        let mut operation = BulkOperation::default();
        let mut members = Members::new(map, &["method", "bulkId", "version", "path", "data"]);
        while let Some(name) = members.next(de::Error::duplicate_field)? {
            let text = match name {
                "method" => &mut operation.method,
                "bulkId" => &mut operation.bulk_id,
                "version" => &mut operation.version,
                "path" => &mut operation.path,
                _ => {
                    operation.data = Some(members.value::<&'de RawValue>()?).filter(|data| data.get() != "null");
                    continue;
                }
            };
            *text = members.value::<Option<Text<'de>>>()?.map(|text| text.0);
        }
        Ok(operation)
    }
}

/// Text, borrowed from the body if no character is escaped.
struct Text<'a>(Cow<'a, str>);

impl<'de> de::Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;

        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_str(TextVisitor)
    }
}

/// The results of the operations that were tried, in the client's order (RFC 7644 §3.7.3). Operations that were
/// skipped after too many errors are not in the list.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct BulkResponse {
    /// The result of each operation that was tried.
    pub outcomes: Vec<BulkOutcome>,
    /// The quirks of the identity provider that the request showed and that were tolerated.
    pub quirks: crate::quirks::Quirks,
}

/// The result of one operation of a bulk request (RFC 7644 §3.7.3).
#[derive(Debug)]
#[non_exhaustive]
pub struct BulkOutcome {
    /// The operation's position in the request, starting at 0.
    pub index: usize,
    /// The operation's method, as written by the client.
    pub method: Box<str>,
    /// The client's name for the resource.
    pub bulk_id: Option<Box<str>>,
    /// The URL of the resource; `None` for a resource that could not be created.
    pub location: Option<Box<str>>,
    /// The entity tag of the resource after the operation.
    pub version: Option<Box<str>>,
    /// The status that the operation would have as a separate request.
    pub status: u16,
    /// The error, with the `scimType` of a separate request (RFC 7644 §3.12); `None` if the operation succeeded.
    pub error: Option<Error>,
}

impl BulkResponse {
    /// Returns the BulkResponse as the client sees it.
    pub fn to_json(&self) -> Vec<u8> {
        // The response has text and numbers under string keys only, so writing it cannot fail.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

impl Serialize for BulkResponse {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut message = serializer.serialize_struct("BulkResponse", 2)?;
        message.serialize_field("schemas", &[BULK_RESPONSE])?;
        message.serialize_field("Operations", &self.outcomes)?;
        message.end()
    }
}

impl Serialize for BulkOutcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut outcome = serializer.serialize_struct("Operation", 6)?;
        outcome.serialize_field("method", &self.method)?;
        let optional = [("bulkId", &self.bulk_id), ("location", &self.location), ("version", &self.version)];
        for (name, value) in optional {
            match value {
                Some(value) => outcome.serialize_field(name, value)?,
                None => outcome.skip_field(name)?,
            }
        }
        // A string, as in an error (erratum 7916).
        outcome.serialize_field("status", &self.status.to_string())?;
        match &self.error {
            Some(error) => outcome.serialize_field("response", error)?,
            None => outcome.skip_field("response")?,
        }
        outcome.end()
    }
}
