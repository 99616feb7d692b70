//! One attribute and its characteristics (RFC 7643 §2.2, §7).

use serde::{Deserialize, Deserializer, Serialize, Serializer, ser::SerializeMap};

use super::DefaultValue;

/// The data type of an attribute's value (RFC 7643 §2.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::exhaustive_enums, reason = "RFC 7643 §2.3 closes the set, and a store must handle each")]
pub enum AttributeType {
    /// Unicode text (§2.3.1).
    #[default]
    String,
    /// `true` or `false` (§2.3.2).
    Boolean,
    /// A number with an optional fraction (§2.3.3).
    Decimal,
    /// A whole number (§2.3.4), here of 64 bits.
    Integer,
    /// A date and a time of day (§2.3.5).
    DateTime,
    /// Bytes, as base64 text (§2.3.6).
    Binary,
    /// A URI (§2.3.7).
    Reference,
    /// An object of sub-attributes (§2.3.8).
    Complex,
}

/// The party that may change a value, and when (RFC 7643 §7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::exhaustive_enums, reason = "RFC 7643 §7 closes the set")]
pub enum Mutability {
    /// Only the service provider sets the value.
    ReadOnly,
    /// The client sets and changes the value at any time.
    #[default]
    ReadWrite,
    /// The client sets the value once, while the attribute has no value.
    Immutable,
    /// The client sets and changes the value, and no response contains it.
    WriteOnly,
}

/// When a response contains a value (RFC 7643 §7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::exhaustive_enums, reason = "RFC 7643 §7 closes the set")]
pub enum Returned {
    /// Every response contains the value, whatever the client requested.
    Always,
    /// No response contains the value.
    Never,
    /// A response contains the value unless the client requests otherwise.
    #[default]
    Default,
    /// A response contains the value only if the client names the attribute.
    Request,
}

/// The scope in which a value must be unique (RFC 7643 §7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::exhaustive_enums, reason = "RFC 7643 §7 closes the set")]
pub enum Uniqueness {
    /// Several resources may have the same value.
    #[default]
    None,
    /// The value is unique among the resources of one type in one tenant.
    Server,
    /// The value is unique everywhere. Enforced like [`Uniqueness::Server`], because a store sees one tenant only.
    Global,
}

/// An attribute or sub-attribute: its name, its type and its characteristics (RFC 7643 §2.2, §7).
///
/// A characteristic that is not set has the default of RFC 7643 §2.2.
///
/// ```
/// use scim_core::schema::{Attribute, AttributeType, Mutability, Returned};
///
/// let pin = Attribute::new("pin", AttributeType::String)
///     .with_mutability(Mutability::WriteOnly)
///     .with_returned(Returned::Never);
/// assert!(!pin.is_case_exact());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "they are the characteristics of RFC 7643 §2.2, each on its own")]
pub struct Attribute {
    name: Box<str>,
    #[serde(rename = "type", default, deserialize_with = "unassigned")]
    kind: AttributeType,
    #[serde(default, deserialize_with = "unassigned")]
    multi_valued: bool,
    #[serde(default, deserialize_with = "unassigned")]
    description: Box<str>,
    #[serde(default, deserialize_with = "unassigned")]
    required: bool,
    #[serde(default, deserialize_with = "unassigned")]
    case_exact: bool,
    #[serde(default, deserialize_with = "unassigned")]
    canonical_values: Vec<Box<str>>,
    #[serde(skip)]
    restricted: bool,
    /// RFC 7643 §7 has no such characteristic, so `/Schemas` does not show it and a schema's JSON cannot set it.
    #[serde(skip)]
    default: Option<DefaultValue>,
    #[serde(default, deserialize_with = "unassigned")]
    mutability: Mutability,
    #[serde(default, deserialize_with = "unassigned")]
    returned: Returned,
    #[serde(default, deserialize_with = "unassigned")]
    uniqueness: Uniqueness,
    #[serde(default, deserialize_with = "unassigned")]
    reference_types: Vec<Box<str>>,
    #[serde(default, deserialize_with = "unassigned")]
    pub(super) sub_attributes: Vec<Self>,
}

impl Attribute {
    /// Returns a singular, optional attribute with the defaults of RFC 7643 §2.2.
    pub fn new(name: impl Into<Box<str>>, kind: AttributeType) -> Self {
        Self {
            name: name.into(),
            kind,
            multi_valued: false,
            description: Box::from(""),
            required: false,
            case_exact: false,
            canonical_values: Vec::new(),
            restricted: false,
            default: None,
            mutability: Mutability::default(),
            returned: Returned::default(),
            uniqueness: Uniqueness::default(),
            reference_types: Vec::new(),
            sub_attributes: Vec::new(),
        }
    }

    /// Returns a complex attribute with these sub-attributes.
    pub fn complex(name: impl Into<Box<str>>, sub_attributes: impl IntoIterator<Item = Self>) -> Self {
        let mut attribute = Self::new(name, AttributeType::Complex);
        attribute.sub_attributes.extend(sub_attributes);
        attribute
    }

    /// Sets the description: the purpose of the attribute, in a sentence for administrators.
    #[must_use]
    pub fn with_description(mut self, text: impl Into<Box<str>>) -> Self {
        self.description = text.into();
        self
    }

    /// Makes the attribute multi-valued: a list of values.
    #[must_use]
    pub fn multi_valued(mut self) -> Self {
        self.multi_valued = true;
        self
    }

    /// Makes the attribute required (RFC 7643 §2.2).
    #[must_use]
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// Makes comparisons of the attribute distinguish upper and lower case.
    #[must_use]
    pub fn case_exact(mut self) -> Self {
        self.case_exact = true;
        self
    }

    /// Suggests values (RFC 7643 §2.4, §7). Other values are still accepted, unless [`Attribute::restricted`] is called.
    #[must_use]
    pub fn with_canonical_values<T: Into<Box<str>>>(mut self, values: impl IntoIterator<Item = T>) -> Self {
        self.canonical_values = values.into_iter().map(Into::into).collect();
        self
    }

    /// Refuses values that are not canonical, as RFC 7643 §2.3.1 allows a service provider to do.
    #[must_use]
    pub fn restricted(mut self) -> Self {
        self.restricted = true;
        self
    }

    /// Gives the attribute a default. A client can then no longer remove its value.
    ///
    /// - A resource that is created without a value gets the default (RFC 7644 §3.3). `null`, or any other notation
    ///   for no value, counts as leaving the attribute out (RFC 7643 §2.5).
    /// - PUT without a value keeps the stored value, not the default: the client asserts nothing (RFC 7644 §3.5.1).
    /// - PATCH also keeps the stored value when `add` or `replace` has no value, and when the extension is removed. A
    ///   `remove` of the attribute itself is refused with `mutability`, as for a required attribute
    ///   (RFC 7644 §3.5.2.2).
    ///
    /// If PUT restored the default, a client could undo a decision by omission: a PUT without `active` would activate
    /// a deactivated user again.
    ///
    /// The default is stored with the resource, so that filters, sorting and responses agree about the value. A
    /// resource that was stored before its type had the default has no value until a request or
    /// [`Resource::assign_defaults`](crate::resource::Resource::assign_defaults) sets it.
    ///
    /// RFC 7643 §7 has no such characteristic: `/Schemas` does not show the default, and a schema that is read from
    /// JSON gets a default through [`Schema::change`](super::Schema::change).
    ///
    /// [`ResourceTypeBuilder::build`](super::ResourceTypeBuilder::build) refuses a default:
    ///
    /// - on a sub-attribute, a multi-valued attribute, a complex attribute or a common attribute such as `externalId`;
    /// - of another type than the attribute, or outside the values to which the attribute is
    ///   [restricted](Attribute::restricted); a date, decimal, binary or reference attribute cannot have a default;
    /// - on an attribute that is required, unique, read-only, write-only or never returned;
    /// - in an optional extension with a required attribute: the default would add the extension to every resource.
    ///
    /// ```
    /// use scim_core::{resource::Resource, schema::{Attribute, AttributeType, DefaultValue, ResourceType, Schema}};
    ///
    /// let schema: Schema = serde_json::from_str(
    ///     r#"{"id": "urn:example:scim:schemas:door:1.0:Door", "name": "Door",
    ///         "attributes": [{"name": "locked", "type": "boolean"}, {"name": "label", "type": "string"}]}"#,
    /// )?;
    /// let schema = schema.change("locked", |locked| locked.with_default_value(true));
    /// assert_eq!(schema.find("locked").and_then(Attribute::default_value), Some(&DefaultValue::Boolean(true)));
    ///
    /// let door = std::sync::Arc::new(ResourceType::builder("Door", "Doors", schema).build()?);
    /// let stored = Resource::from_json(&door, br#"{"id": "1", "locked": false, "label": "front"}"#)?;
    /// let replaced = stored.replaced_by(Resource::from_json(&door, br#"{"label": "back"}"#)?);
    /// assert_eq!(replaced.get("locked").and_then(|locked| locked.as_bool()), Some(false), "kept, not the default");
    ///
    /// let schema = Schema::new("urn:example:scim:schemas:lock:1.0:Lock", "Lock")
    ///     .with_attribute(Attribute::new("pins", AttributeType::Integer).with_default_value("five"));
    /// assert!(ResourceType::builder("Lock", "Locks", schema).build().is_err(), "a text is no integer");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn with_default_value(mut self, value: impl Into<DefaultValue>) -> Self {
        self.default = Some(value.into());
        self
    }

    /// Removes the default: a resource that is created without a value then has no value. Use this method to switch
    /// off the default of the standard user's `active` ([`Schema::user`](super::Schema::user)).
    #[must_use]
    pub fn without_default_value(mut self) -> Self {
        self.default = None;
        self
    }

    /// Sets the party that may change a value, and when.
    #[must_use]
    pub fn with_mutability(mut self, mutability: Mutability) -> Self {
        self.mutability = mutability;
        self
    }

    /// Sets when a response contains a value.
    #[must_use]
    pub fn with_returned(mut self, returned: Returned) -> Self {
        self.returned = returned;
        self
    }

    /// Sets the scope in which a value must be unique.
    #[must_use]
    pub fn with_uniqueness(mut self, uniqueness: Uniqueness) -> Self {
        self.uniqueness = uniqueness;
        self
    }

    /// Sets the possible targets of a reference: names of resource types, `external` or `uri`.
    #[must_use]
    pub fn with_reference_types<T: Into<Box<str>>>(mut self, types: impl IntoIterator<Item = T>) -> Self {
        self.reference_types = types.into_iter().map(Into::into).collect();
        self
    }

    /// Changes the sub-attribute `name` (compared without case). Does nothing if the attribute has no such
    /// sub-attribute.
    #[must_use]
    pub fn change(mut self, name: &str, change: impl FnOnce(Self) -> Self) -> Self {
        if let Some(found) = self.sub_attributes.iter_mut().find(|a| a.name.eq_ignore_ascii_case(name)) {
            *found = change(found.clone());
        }
        self
    }

    /// The name, in the spelling of the schema.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The data type.
    pub fn data_type(&self) -> AttributeType {
        self.kind
    }

    /// The description of the attribute; may be empty.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// Whether the attribute is a list of values.
    pub fn is_multi_valued(&self) -> bool {
        self.multi_valued
    }

    /// Whether the attribute is required.
    pub fn is_required(&self) -> bool {
        self.required
    }

    /// Whether comparisons distinguish upper and lower case. For binary values and references they always do
    /// (RFC 7643 §2.3.6, §2.3.7).
    pub fn is_case_exact(&self) -> bool {
        self.case_exact || matches!(self.kind, AttributeType::Binary | AttributeType::Reference)
    }

    /// The canonical values; other values are accepted unless the attribute [is restricted](Attribute::is_restricted).
    pub fn canonical_values(&self) -> &[Box<str>] {
        &self.canonical_values
    }

    /// Whether values that are not canonical are refused.
    pub fn is_restricted(&self) -> bool {
        self.restricted
    }

    /// The value that a new resource gets if the client sets no value; see [`Attribute::with_default_value`].
    pub fn default_value(&self) -> Option<&DefaultValue> {
        self.default.as_ref()
    }

    /// The party that may change a value, and when.
    pub fn mutability(&self) -> Mutability {
        self.mutability
    }

    /// When a response contains a value.
    pub fn returned(&self) -> Returned {
        self.returned
    }

    /// The scope in which a value must be unique.
    pub fn uniqueness(&self) -> Uniqueness {
        self.uniqueness
    }

    /// The possible targets of a reference: names of resource types, `external` or `uri`.
    pub fn reference_types(&self) -> &[Box<str>] {
        &self.reference_types
    }

    /// The sub-attributes of a complex attribute; empty for other attributes.
    pub fn sub_attributes(&self) -> &[Self] {
        &self.sub_attributes
    }
}

/// Reads a characteristic. `null` gives the default, as if the characteristic were left out (RFC 7643 §2.5).
pub(super) fn unassigned<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(json: D) -> Result<T, D::Error> {
    Option::deserialize(json).map(Option::unwrap_or_default)
}

impl Serialize for Attribute {
    /// Writes the attribute as `/Schemas` shows it. Case sensitivity and uniqueness are left out for types to which
    /// they do not apply (RFC 7643 §2.3).
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use AttributeType::{Binary, Complex, Decimal, Integer, Reference, String};
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("name", &self.name)?;
        map.serialize_entry("type", &self.kind)?;
        map.serialize_entry("multiValued", &self.multi_valued)?;
        map.serialize_entry("description", &self.description)?;
        map.serialize_entry("required", &self.required)?;
        if matches!(self.kind, String | Reference | Binary) {
            map.serialize_entry("caseExact", &self.is_case_exact())?;
        }
        if !self.canonical_values.is_empty() {
            map.serialize_entry("canonicalValues", &self.canonical_values)?;
        }
        map.serialize_entry("mutability", &self.mutability)?;
        map.serialize_entry("returned", &self.returned)?;
        if matches!(self.kind, String | Reference | Integer | Decimal) {
            map.serialize_entry("uniqueness", &self.uniqueness)?;
        }
        if !self.reference_types.is_empty() {
            map.serialize_entry("referenceTypes", &self.reference_types)?;
        }
        if self.kind == Complex || !self.sub_attributes.is_empty() {
            map.serialize_entry("subAttributes", &self.sub_attributes)?;
        }
        map.end()
    }
}
