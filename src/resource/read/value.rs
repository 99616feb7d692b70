//! The values of attributes, each read as its attribute's type (RFC 7643 §1.2, §2.3).

use std::{fmt, mem};

use serde::{
    Deserialize,
    de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{
    super::{ResourceErrorKind, value_search::drop_doubles},
    Reader,
    form::{BASE64, URI, is_base64, is_reference, last_segment},
    seen::Tally,
};
use crate::{
    quirks::Quirk,
    schema::{AttributeId, AttributeType, ResourceType},
    value::{List, Object, Text, Value, read_date_time},
};

/// The shape of JSON that is expected at a position.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// One value.
    One,
    /// One of the values in an array.
    Element,
    /// All the values of a multi-valued attribute.
    List,
}

impl Mode {
    pub(super) fn of(resource_type: &ResourceType, attribute: AttributeId) -> Self {
        if resource_type.attribute(attribute).is_multi_valued() { Self::List } else { Self::One }
    }
}

/// The destination of a value. The value is built in place: values are large, and each move costs.
pub(super) enum Place<'r> {
    /// The members of the innermost open object, which the reader collects.
    Member,
    Element(&'r mut Vec<Value>),
    Alone(&'r mut Option<Value>),
    /// The id in a URL; the URL itself is not kept. `None` if the id is not needed.
    IdInUrl(Option<&'r mut Option<Text>>),
}

impl Place<'_> {
    /// The same destination, for another attempt.
    pub(super) fn reborrow(&mut self) -> Place<'_> {
        match self {
            Self::Member => Place::Member,
            Self::Element(values) => Place::Element(values),
            Self::Alone(value) => Place::Alone(value),
            Self::IdInUrl(id) => Place::IdInUrl(id.as_deref_mut()),
        }
    }
}

/// Reads a value of `attribute` and puts it into its place, unless the JSON means no value.
pub(super) struct OfAttribute<'r, 'a> {
    pub(super) reader: &'r mut Reader<'a>,
    pub(super) attribute: AttributeId,
    /// The type of the attribute, which is asked for several times.
    pub(super) data_type: AttributeType,
    pub(super) mode: Mode,
    pub(super) place: Place<'r>,
}

impl<'de> DeserializeSeed<'de> for OfAttribute<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        match self.data_type {
            // serde has no number type that keeps all digits, but the text keeps them.
            AttributeType::Integer | AttributeType::Decimal => {
                let raw = <&RawValue>::deserialize(deserializer)?;
                self.number(raw)
            }
            _ => deserializer.deserialize_any(self),
        }
    }
}

impl<'r, 'a> OfAttribute<'r, 'a> {
    #[inline]
    pub(super) fn new(reader: &'r mut Reader<'a>, attribute: AttributeId, mode: Mode, place: Place<'r>) -> Self {
        let data_type = reader.resource_type.attribute(attribute).data_type();
        Self { reader, attribute, data_type, mode, place }
    }

    /// Refuses JSON of the type `found`, where another type is expected.
    pub(super) fn refuse<E: Error>(self, found: &'static str) -> E {
        let expected = if self.mode == Mode::List { "an array" } else { article(self.data_type) };
        self.reader.fail(self.attribute, ResourceErrorKind::Type { expected, found })
    }

    /// Accepts one value where a list is expected, if that is tolerated.
    pub(super) fn may_be_one<E: Error>(&mut self, found: &'static str) -> Result<(), E> {
        if self.mode != Mode::List || self.reader.tolerance.allows(Quirk::OneForList) {
            return Ok(());
        }
        let kind = ResourceErrorKind::Type { expected: "an array", found };
        Err(self.reader.fail(self.attribute, kind))
    }

    /// Puts the value into its place, as a list where a list is expected.
    #[inline]
    pub(super) fn put(self, value: Value) {
        let value = if self.mode == Mode::List { Value::List([value].into()) } else { value };
        self.put_whole(value);
    }

    #[inline]
    fn put_whole(self, value: Value) {
        match self.place {
            Place::Member => self.reader.members.push((self.attribute, value)),
            Place::Element(values) => values.push(value),
            Place::Alone(place) => *place = Some(value),
            Place::IdInUrl(id) => {
                if let Some(id) = id {
                    *id = value.as_str().and_then(last_segment);
                }
            }
        }
    }

    /// Puts a plain text, which JSON has without an escape, into its place: an empty text first, which the text then fills
    /// where it stays. The copy of a text that was just written costs more than the write, because the copy reads the text in
    /// other pieces.
    #[inline]
    fn put_text(self, text: &str) {
        const EMPTY: Value = Value::String(Text::EMPTY);
        const EMPTY_MEMBER: (AttributeId, Value) = (AttributeId::ROOT, EMPTY);
        let value = match self.place {
            Place::Member => {
                self.reader.members.push(EMPTY_MEMBER);
                self.reader.members.last_mut().map(|(id, value)| {
                    *id = self.attribute;
                    value
                })
            }
            Place::Element(values) => {
                values.push(EMPTY);
                values.last_mut()
            }
            Place::Alone(place) => Some(place.insert(EMPTY)),
            Place::IdInUrl(id) => {
                if let Some(id) = id {
                    *id = last_segment(text);
                }
                None
            }
        };
        if let Some(Value::String(place)) = value {
            place.fill_plain(text);
        }
    }

    /// Whether the text is a value as it is. Most text is: [`string`](Self::string) would come to the same result by
    /// way of all exceptions.
    fn takes_as_it_is(&self, text: &str) -> bool {
        // JSON in a string begins with a bracket or a blank.
        let may_be_packed = |first: &u8| matches!(first, b'{' | b'[') || first.is_ascii_whitespace();
        self.data_type == AttributeType::String
            && self.mode != Mode::List
            && text.as_bytes().first().is_some_and(|first| !may_be_packed(first))
            && text.len() <= self.reader.limits.string
    }

    /// Reads a string (RFC 7643 §2.3.1), or text that stands for a value of another type.
    pub(super) fn string<E: Error>(mut self, text: &str) -> Result<(), E> {
        if text.is_empty() && self.is_unassigned_by_empty_text() {
            // A list of references, or a selection, has no element for an empty string.
            let is_list = self.mode == Mode::Element || self.mode == Mode::List;
            if is_list && (self.reader.selects() || self.reader.resource_type.is_reference_list(self.attribute)) {
                return Err(self.refuse("an empty string"));
            }
            if self.reader.tolerance.allows(Quirk::EmptyString) {
                return Ok(());
            }
            return Err(self.refuse("an empty string"));
        }
        if text.starts_with('{')
            && !self.reader.is_stored()
            && let Some(object) = self.packed_element(text)?
        {
            self.may_be_one("a string")?;
            self.put(Value::Complex(object));
            return Ok(());
        }
        if let Some(read) = self.packed(text) {
            return read;
        }
        self.may_be_one("a string")?;
        let data_type = self.data_type;
        if data_type == AttributeType::Reference
            && text.bytes().all(|byte| byte.is_ascii_whitespace())
            && self.reader.tolerance.allows(Quirk::BlankUri)
        {
            return Ok(());
        }
        if data_type == AttributeType::Reference
            && let Place::IdInUrl(id) = &mut self.place
        {
            // A copy of the URL would cost more than all else about a member.
            self.reader.check_reference(self.attribute, text)?;
            if let Some(id) = id {
                **id = last_segment(text);
            }
            return Ok(());
        }
        if data_type != AttributeType::Complex {
            let value = self.reader.text(self.attribute, text)?;
            self.put(value);
            return Ok(());
        }
        let Some(part) = self.reader.resource_type.value_of(self.attribute) else {
            return Err(self.refuse("a string"));
        };
        if !self.reader.tolerance.allows(Quirk::BareValue) {
            return Err(self.refuse("a string"));
        }
        let value = self.reader.text(part, text)?;
        self.put(Value::Complex(Object::from_iter([(part, value)])));
        Ok(())
    }

    /// Whether the empty string means no value here.
    fn is_unassigned_by_empty_text(&self) -> bool {
        let reader = &*self.reader;
        match self.mode {
            Mode::List => true,
            Mode::Element if reader.selects() => true,
            _ if reader.resource_type.has_no_empty_text(self.attribute) => true,
            _ => {
                !reader.is_stored()
                    && reader.resource_type.is_element_value(self.attribute)
                    && reader.tolerance.tolerated().contains(Quirk::EmptyString)
            }
        }
    }
}

impl<'de> Visitor<'de> for OfAttribute<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(article(self.data_type))
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        // Unassigned (RFC 7643 §2.5); but a list cannot contain an unassigned value.
        if self.mode == Mode::Element { Err(self.refuse("null")) } else { Ok(()) }
    }

    /// Reads `true` or `false` (RFC 7643 §2.3.2).
    fn visit_bool<E: Error>(mut self, truth: bool) -> Result<Self::Value, E> {
        if self.data_type != AttributeType::Boolean {
            return Err(self.refuse("a boolean"));
        }
        self.may_be_one("a boolean")?;
        self.put(Value::Boolean(truth));
        Ok(())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        self.number_as_text(number)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        self.number_as_text(number)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
        Err(self.refuse("a number"))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        // Text without escapes, in which JSON allows no control characters: no search for U+0000 is needed.
        if self.takes_as_it_is(text) {
            self.put_text(text);
            return Ok(());
        }
        self.string(text)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        if text.as_bytes().contains(&0) {
            return Err(self.reader.fail(self.attribute, ResourceErrorKind::NulCharacter));
        }
        self.string(text)
    }

    fn visit_map<M: MapAccess<'de>>(mut self, map: M) -> Result<Self::Value, M::Error> {
        if self.data_type != AttributeType::Complex {
            return Err(self.refuse("an object"));
        }
        self.may_be_one("an object")?;
        let mut tally = Tally::default();
        let object = self.reader.members(self.attribute, map, &mut tally)?;
        self.complex(object, &tally)
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut array: S) -> Result<Self::Value, S::Error> {
        match self.mode {
            Mode::Element => Err(self.refuse("an array")),
            Mode::One => {
                let attribute = self.attribute;
                self.reader.open(attribute)?;
                let mut only = None;
                let place = Place::Alone(&mut only);
                let element = OfAttribute::new(&mut *self.reader, attribute, Mode::Element, place);
                if array.next_element_seed(element)?.is_some() {
                    let more = array.next_element::<&RawValue>()?.is_some();
                    if more || !self.reader.tolerance.allows(Quirk::ListOfOne) {
                        return Err(self.refuse("an array"));
                    }
                }
                self.reader.depth -= 1;
                if let Some(value) = only {
                    self.put_whole(value);
                }
                Ok(())
            }
            Mode::List => {
                let values = self.reader.list(self.attribute, array)?;
                if !values.is_empty() {
                    self.put_whole(Value::List(values));
                }
                Ok(())
            }
        }
    }
}

impl Reader<'_> {
    /// Reads the values of an array (RFC 7643 §2.4).
    fn list<'de, S: SeqAccess<'de>>(&mut self, attribute: AttributeId, mut array: S) -> Result<List, S::Error> {
        self.open(attribute)?;
        let outer = self.index;
        let mut values = mem::take(&mut self.collected);
        for index in 0.. {
            self.index = Some(index);
            let place = Place::Element(&mut values);
            let element = OfAttribute::new(&mut *self, attribute, Mode::Element, place);
            if array.next_element_seed(element)?.is_none() {
                break;
            }
            if index >= self.limits.values {
                self.index = None;
                return Err(self.fail(attribute, ResourceErrorKind::TooMany(self.limits.values)));
            }
        }
        self.index = outer;
        self.depth -= 1;
        if !self.is_stored() && values.len() > 1 {
            drop_doubles(self.resource_type, attribute, &mut values);
        }
        let list = List::drain(&mut values);
        self.collected = values;
        Ok(list)
    }

    /// Reads text as a value of the type of `attribute`, which is not complex. The case of the text stays
    /// (RFC 7643 §7).
    pub(super) fn text<E: Error>(&mut self, attribute: AttributeId, text: &str) -> Result<Value, E> {
        let data_type = self.resource_type.attribute(attribute).data_type();
        if data_type == AttributeType::Reference {
            self.check_reference(attribute, text)?;
            return Ok(Value::String(text.into()));
        }
        self.check_length(attribute, text)?;
        let form = match data_type {
            AttributeType::String | AttributeType::Reference => return Ok(Value::String(text.into())),
            AttributeType::Binary if is_base64(text) => return Ok(Value::String(text.into())),
            AttributeType::Binary => BASE64,
            AttributeType::DateTime => {
                if let Some(time) = read_date_time(text, self.tolerance) {
                    return Ok(Value::DateTime(time));
                }
                "a date and time such as `2008-01-23T04:56:22Z`"
            }
            AttributeType::Boolean => {
                for (name, truth) in [("true", true), ("false", false)] {
                    if text.eq_ignore_ascii_case(name) && self.tolerance.allows(Quirk::BooleanStrings) {
                        return Ok(Value::Boolean(truth));
                    }
                }
                return Err(self.wrong_type(attribute, data_type));
            }
            AttributeType::Integer | AttributeType::Decimal | AttributeType::Complex => {
                return Err(self.wrong_type(attribute, data_type));
            }
        };
        Err(self.fail(attribute, ResourceErrorKind::Form(form)))
    }

    fn check_length<E: Error>(&mut self, attribute: AttributeId, text: &str) -> Result<(), E> {
        let longest = self.limits.string;
        if text.len() > longest { Err(self.fail(attribute, ResourceErrorKind::TooLong(longest))) } else { Ok(()) }
    }

    /// Refuses text that is not a URI.
    fn check_reference<E: Error>(&mut self, attribute: AttributeId, text: &str) -> Result<(), E> {
        self.check_length(attribute, text)?;
        let has_form = is_reference(text)
            || text.contains(' ')
                && !text.trim_ascii().is_empty()
                && is_reference(&text.replace(' ', "_"))
                && self.tolerance.allows(Quirk::UriWithBlank);
        if has_form { Ok(()) } else { Err(self.fail(attribute, ResourceErrorKind::Form(URI))) }
    }

    fn wrong_type<E: Error>(&mut self, attribute: AttributeId, data_type: AttributeType) -> E {
        self.fail(attribute, ResourceErrorKind::Type { expected: article(data_type), found: "a string" })
    }
}

/// The name of the attribute type in a message.
fn article(data_type: AttributeType) -> &'static str {
    match data_type {
        AttributeType::String => "a string",
        AttributeType::Boolean => "a boolean",
        AttributeType::Decimal => "a number",
        AttributeType::Integer => "a whole number",
        AttributeType::DateTime => "a date and time",
        AttributeType::Binary => "a string of base64",
        AttributeType::Reference => "a string with a URI",
        AttributeType::Complex => "an object",
    }
}

/// The name of the type of well-formed JSON in a message.
pub(super) fn found_at(raw: &RawValue) -> &'static str {
    match raw.get().as_bytes().first() {
        Some(b'"') => "a string",
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    }
}
