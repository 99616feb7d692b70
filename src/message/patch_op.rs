//! The PatchOp message, read and written (RFC 7644 §3.5.2).
//!
//! This file knows the form of the message and no schema: paths stay text and values stay JSON until the resource
//! type is known.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Serialize, Serializer,
    de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor},
    ser::SerializeStruct,
};
use serde_json::{error::Category, value::RawValue};

use super::members::Members;
use crate::{
    patch::{Op, Operation, PATCH_OP, Patch, PatchError, PatchErrorKind},
    quirks::{Quirk, Reading},
    resource::{body_text, is_deeper},
    value::Text,
};

impl Patch {
    /// Reads the body of a PATCH request.
    ///
    /// # Errors
    ///
    /// When the body is not a PatchOp message, holds no operation or more than [`Limits::patch_operations`], a
    /// `remove` has no path, or an `add` or `replace` has no value.
    ///
    /// [`Limits::patch_operations`]: crate::limits::Limits::patch_operations
    pub fn parse(body: &[u8], Reading { limits, tolerance }: Reading<'_>) -> Result<Self, PatchError> {
        if body.len() > limits.body {
            let message = format!("the body has more than {} bytes", limits.body);
            return Err(PatchError::new(PatchErrorKind::BodyTooLong, message));
        }
        // Values are kept as text, which the parser skips without counting depth.
        if is_deeper(body, limits.json_depth) {
            return Err(PatchError::syntax(format!(
                "expected at most {} nested objects and arrays",
                limits.json_depth
            )));
        }
        let text = body_text(body, tolerance).map_err(PatchError::syntax)?;
        let reading = Reading::new(limits, tolerance);
        let mut reader = Reader { reading, expected: MESSAGE, operation: None, fault: None };
        let mut json = serde_json::Deserializer::from_str(text);
        let message = MessageSeed(&mut reader).deserialize(&mut json).and_then(|message| {
            json.end()?;
            Ok(message)
        });
        let Reader { expected, operation, fault, .. } = reader;
        let message = message.map_err(|error| {
            let fault = fault.unwrap_or_else(|| match error.classify() {
                Category::Data => PatchError::syntax(format!("expected {expected}")),
                _ => PatchError::json(&error, expected),
            });
            match operation {
                Some(index) => fault.in_operation(index),
                None => fault,
            }
        })?;
        match message.schema {
            Some(Spelling::Exact) => {}
            Some(Spelling::Other) if tolerance.allows(Quirk::MessageSchemaSpelling) => {}
            None if tolerance.allows(Quirk::MissingMessageSchema) => {}
            _ => return Err(PatchError::syntax(format!("expected `schemas` with `{PATCH_OP}`"))),
        }
        match message.operations {
            Some(operations) if !operations.is_empty() || tolerance.allows(Quirk::NoOperations) => {
                Ok(Self::new(operations))
            }
            _ => Err(PatchError::syntax(format!("expected {OPERATIONS}"))),
        }
    }
}

const MESSAGE: &str = "a PatchOp message, an object with `schemas` and `Operations`";
const SCHEMAS: &str = "`schemas` to be a list of URIs";
const OPERATIONS: &str = "`Operations` to be a list of at least one operation";
const OPERATION: &str = "an operation to be an object with `op`, `path` and `value`";
const OP: &str = "`op` to be `add`, `remove` or `replace`";
const PATH: &str = "`path` to be a string";

/// Room for the operations of a typical message: to grow later would move all of them.
const ROOM: usize = 8;

/// The state that the visitors of a message share.
struct Reader<'a> {
    reading: Reading<'a>,
    /// The JSON that is expected at the current position.
    expected: &'static str,
    /// The index of the current operation.
    operation: Option<usize>,
    /// serde's errors are text, so the fault itself is kept here.
    fault: Option<PatchError>,
}

impl Reader<'_> {
    fn fail<E: serde::de::Error>(&mut self, fault: PatchError) -> E {
        self.fault.get_or_insert(fault);
        E::custom("")
    }

    fn twice<E: serde::de::Error>(&mut self, name: &str) -> E {
        self.fail(PatchError::syntax(format!("expected the member `{name}` once")))
    }
}

macro_rules! expecting {
    ($what:expr) => {
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str($what)
        }
    };
}

#[derive(Default)]
struct Message {
    /// How `schemas` names the message; `None` if `schemas` is empty or missing.
    schema: Option<Spelling>,
    operations: Option<Vec<Operation>>,
}

/// How closely a URI in `schemas` matches the URN of the message; the closest URI of a list is the greatest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Spelling {
    /// The URI names no patch.
    Foreign,
    /// The URI names a patch, but not with this URN.
    Other,
    Exact,
}

impl Spelling {
    fn of(uri: &str) -> Self {
        if uri.eq_ignore_ascii_case(PATCH_OP) {
            Self::Exact
        } else if uri.to_ascii_lowercase().contains("patch") {
            Self::Other
        } else {
            Self::Foreign
        }
    }
}

struct MessageSeed<'a, 'b>(&'a mut Reader<'b>);

impl<'de> DeserializeSeed<'de> for MessageSeed<'_, '_> {
    type Value = Message;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Message, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for MessageSeed<'_, '_> {
    type Value = Message;

    expecting!(MESSAGE);

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Message, A::Error> {
        let mut message = Message::default();
        let mut members = Members::new(map, &["schemas", "Operations"]);
        while let Some(name) = members.next(|name| self.0.twice(name))? {
            if name == "schemas" {
                self.0.expected = SCHEMAS;
                message.schema = members.value_by(SchemasSeed(self.0))?;
            } else {
                self.0.expected = OPERATIONS;
                message.operations = Some(members.value_by(OperationsSeed(self.0))?);
                self.0.operation = None;
            }
            self.0.expected = MESSAGE;
        }
        Ok(message)
    }
}

/// Reads `schemas` of the message: a list of URIs, one URI if that is tolerated, or `null`.
struct SchemasSeed<'a, 'b>(&'a mut Reader<'b>);

impl<'de> DeserializeSeed<'de> for SchemasSeed<'_, '_> {
    type Value = Option<Spelling>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for SchemasSeed<'_, '_> {
    type Value = Option<Spelling>;

    expecting!(SCHEMAS);

    fn visit_unit<E: serde::de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E: serde::de::Error>(self, uri: &str) -> Result<Self::Value, E> {
        if !self.0.reading.allows(Quirk::OneForList) {
            return Err(self.0.fail(PatchError::syntax(format!("expected {SCHEMAS}"))));
        }
        Ok(Some(Spelling::of(uri)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut closest = None;
        while let Some(Uri(uri)) = seq.next_element()? {
            closest = closest.max(Some(Spelling::of(&uri)));
        }
        Ok(closest)
    }
}

#[derive(Deserialize)]
struct Uri<'a>(#[serde(borrow)] Cow<'a, str>);

struct OperationsSeed<'a, 'b>(&'a mut Reader<'b>);

impl<'de> DeserializeSeed<'de> for OperationsSeed<'_, '_> {
    type Value = Vec<Operation>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<Operation>, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for OperationsSeed<'_, '_> {
    type Value = Vec<Operation>;

    expecting!(OPERATIONS);

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<Operation>, A::Error> {
        let most = self.0.reading.limits.patch_operations;
        let mut operations = Vec::with_capacity(ROOM);
        loop {
            self.0.expected = OPERATION;
            self.0.operation = Some(operations.len());
            let operation = OperationSeed { reader: self.0, operations: &mut operations };
            if seq.next_element_seed(operation)?.is_none() {
                return Ok(operations);
            }
            if operations.len() > most {
                self.0.operation = None;
                let message = format!("expected at most {most} operations");
                return Err(self.0.fail(PatchError::new(PatchErrorKind::TooMany, message)));
            }
        }
    }
}

/// Reads one operation and adds it to the others. The operation is made where it stays, since each move of it costs.
struct OperationSeed<'a, 'b> {
    reader: &'a mut Reader<'b>,
    operations: &'a mut Vec<Operation>,
}

impl<'de> DeserializeSeed<'de> for OperationSeed<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for OperationSeed<'_, '_> {
    type Value = ();

    expecting!(OPERATION);

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        let (mut op, mut path, mut value) = (None, None, None);
        let mut members = Members::new(map, &["op", "path", "value"]);
        while let Some(name) = members.next(|name| self.reader.twice(name))? {
            match name {
                "op" => {
                    self.reader.expected = OP;
                    op = Some(members.value_by(OpSeed(self.reader))?);
                }
                "path" => {
                    self.reader.expected = PATH;
                    path = members.value_by(PathSeed)?;
                }
                _ => value = Some(members.value::<Box<RawValue>>()?),
            }
            self.reader.expected = OPERATION;
        }
        let Some(op) = op else {
            return Err(self.reader.fail(PatchError::syntax(format!("expected {OP}"))));
        };
        // An empty path means the resource itself, as a missing path does.
        let operation = Operation::new(op, path.filter(|path: &Text| !path.trim_ascii().is_empty()), value);
        if !operation.adds_described_element() || !self.reader.reading.allows(Quirk::AddWithoutValue) {
            operation.check(self.reader.reading.limits).map_err(|fault| self.reader.fail(fault))?;
        }
        self.operations.push(operation);
        Ok(())
    }
}

/// Reads `path`: a string, or `null` like a missing path.
struct PathSeed;

impl<'de> DeserializeSeed<'de> for PathSeed {
    type Value = Option<Text>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Visitor<'_> for PathSeed {
    type Value = Option<Text>;

    expecting!(PATH);

    fn visit_unit<E: serde::de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E: serde::de::Error>(self, path: &str) -> Result<Self::Value, E> {
        Ok(Some(path.into()))
    }
}

struct OpSeed<'a, 'b>(&'a mut Reader<'b>);

impl<'de> DeserializeSeed<'de> for OpSeed<'_, '_> {
    type Value = Op;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Op, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for OpSeed<'_, '_> {
    type Value = Op;

    expecting!(OP);

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Op, E> {
        match Op::ALL.into_iter().find(|op| op.name().eq_ignore_ascii_case(name)) {
            Some(op) if op.name() == name || self.0.reading.allows(Quirk::OperationCase) => Ok(op),
            _ => Err(self.0.fail(PatchError::syntax(format!("expected {OP}, found `{name:.60}`")))),
        }
    }
}

impl Serialize for Patch {
    /// Writes the patch as a PatchOp message (RFC 7644 §3.5.2).
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut message = serializer.serialize_struct("PatchOp", 2)?;
        message.serialize_field("schemas", &[PATCH_OP])?;
        message.serialize_field("Operations", self.operations())?;
        message.end()
    }
}

impl Serialize for Operation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut operation = serializer.serialize_struct("Operation", 3)?;
        operation.serialize_field("op", self.op().name())?;
        if let Some(path) = self.path() {
            operation.serialize_field("path", path)?;
        }
        if let Some(value) = self.raw() {
            operation.serialize_field("value", value)?;
        }
        operation.end()
    }
}
