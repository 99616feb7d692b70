//! The order of resources in a list (RFC 7644 §3.4.2.3).

use std::{cmp::Ordering, fmt};

use chrono::{DateTime, Utc};

use super::Resource;
use crate::{
    fold,
    path::{PathRef, Place, UnknownAttribute},
    quirks::Tolerance,
    schema::{AttributeId, AttributeType, ResourceType},
    value::{Decimal, Object, Text, Value},
};

/// The attribute by which a list is sorted, and the direction. Where two resources have equal values, their ids
/// decide: the order is total, and pages neither overlap nor leave anything out.
///
/// ```
/// use scim_core::{path::AttributePath, quirks::{Quirks, Tolerance}, resource::Sort, schema::Registry};
///
/// let registry = Registry::standard();
/// let user = registry.resource_type("User").expect("registered");
/// let mut tolerance = Tolerance::new(Quirks::default());
/// let path: AttributePath = "emails".parse()?;
/// let sort = Sort::new(user, path.as_ref(), false, &mut tolerance)?;
/// assert_eq!(user.path(sort.attribute()), "emails.value");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Sort {
    place: Place,
    descending: bool,
    exact: bool,
    values: AttributeType,
    /// The `primary` next to the attribute, if the attribute is in a multi-valued attribute.
    primary: Option<AttributeId>,
}

impl Sort {
    /// Sorts by the attribute at `path`, ascending or descending.
    ///
    /// A complex attribute with a `value` is sorted by that `value`; a reference to a resource by the id in it.
    ///
    /// # Errors
    ///
    /// When the resource type has no such attribute, the attribute is complex or binary, or its value is never
    /// returned: the order would reveal the value.
    pub fn new(
        resource_type: &ResourceType,
        path: PathRef<'_>,
        descending: bool,
        tolerance: &mut Tolerance,
    ) -> Result<Self, SortError> {
        let refuse = |kind| SortError { kind, attribute: path.text().into(), missing_in: None };
        let named = resource_type.resolve(path, tolerance).map_err(|UnknownAttribute { .. }| SortError {
            missing_in: Some(resource_type.name().into()),
            ..refuse(SortErrorKind::Unknown)
        })?;
        let attribute = resource_type.value_of(named).or_else(|| resource_type.referred_id(named)).unwrap_or(named);
        if resource_type.is_sensitive(attribute) {
            return Err(refuse(SortErrorKind::Sensitive));
        }
        let values = resource_type.attribute(attribute).data_type();
        match values {
            AttributeType::Complex => return Err(refuse(SortErrorKind::Complex)),
            AttributeType::Binary => return Err(refuse(SortErrorKind::Binary)),
            _ => {}
        }
        let place = Place::new(resource_type, AttributeId::ROOT, attribute);
        let list = place.route().iter().find(|id| resource_type.attribute(**id).is_multi_valued());
        let primary = list.and_then(|list| resource_type.conventional(*list).primary);
        Ok(Self { place, descending, exact: resource_type.compares_exactly(attribute), values, primary })
    }

    /// The attribute whose values decide the order.
    pub fn attribute(&self) -> AttributeId {
        self.place.attribute()
    }

    /// The attribute and the route to its values.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Whether the greatest value comes first.
    pub fn is_descending(&self) -> bool {
        self.descending
    }

    /// Whether case counts. If not, text is ordered by its [fold](crate::fold::fold).
    pub fn is_case_exact(&self) -> bool {
        self.exact
    }

    /// The order of two resources. Text is ordered by code point, `false` is before `true`; of a multi-valued
    /// attribute the primary value counts, or else the first. A resource without a value is last in ascending
    /// order and first in descending order. Allocates only for text that has to be normalized.
    pub fn compare(&self, left: &Resource, right: &Resource) -> Ordering {
        let by_value = match (self.value(left.root()), self.value(right.root())) {
            (Some(left), Some(right)) => self.compare_values(left, right),
            (left, right) => one_without(left.is_some(), right.is_some()),
        };
        let by_value = if self.descending { by_value.reverse() } else { by_value };
        by_value.then_with(|| left.id().cmp(right.id()))
    }

    /// The order of a resource relative to a sort position. The result is that of [`Sort::compare`] with the
    /// resource from which the position was taken, even if that resource has changed or is gone. Allocates only
    /// for text that has to be normalized.
    pub fn compare_to(&self, resource: &Resource, position: Position<'_>) -> Ordering {
        let by_value = match (self.value(resource.root()), position.key) {
            (Some(value), Some(key)) => self.compare_value(value, key),
            (value, key) => one_without(value.is_some(), key.is_some()),
        };
        let by_value = if self.descending { by_value.reverse() } else { by_value };
        by_value.then_with(|| resource.id().cmp(position.id))
    }

    /// The order of two keys; `None` is the key of a resource without a value.
    pub fn compare_keys(&self, left: Option<&SortKey>, right: Option<&SortKey>) -> Ordering {
        compare_keys(left, right, self.descending)
    }

    /// The sort key of a resource: the [value that counts](Sort::value), with its case folded unless case counts.
    /// `None` if the resource has no such value.
    pub fn key(&self, resource: &Resource) -> Option<SortKey> {
        Some(match self.value(resource.root())? {
            Value::Boolean(truth) => SortKey::Boolean(*truth),
            Value::Integer(number) => SortKey::Integer(*number),
            Value::Decimal(number) => SortKey::Decimal(number.clone()),
            Value::DateTime(time) => SortKey::DateTime(*time),
            Value::String(text) if self.exact => SortKey::Text(text.clone()),
            Value::String(text) => SortKey::Text(text.clone().folded()),
            Value::Complex(_) | Value::List(_) => return None,
        })
    }

    /// Whether `key` can be a key of this order.
    pub(crate) fn can_have(&self, key: &SortKey) -> bool {
        match key {
            SortKey::Boolean(_) => self.values == AttributeType::Boolean,
            SortKey::Integer(_) => self.values == AttributeType::Integer,
            SortKey::Decimal(_) => self.values == AttributeType::Decimal,
            SortKey::DateTime(_) => self.values == AttributeType::DateTime,
            SortKey::Text(_) => matches!(self.values, AttributeType::String | AttributeType::Reference),
        }
    }

    /// Whether keys of the two orders can be compared.
    pub(crate) fn agrees_with(&self, other: &Self) -> bool {
        let text = |values| matches!(values, AttributeType::String | AttributeType::Reference);
        self.values == other.values || text(self.values) && text(other.values)
    }

    /// The value that counts: of a multi-valued attribute the primary value, or else the first.
    pub fn value<'a>(&self, root: &'a Object) -> Option<&'a Value> {
        let mut route = self.place.route().iter();
        let mut found = root.get(*route.next()?)?;
        loop {
            if let Value::List(values) = found {
                found = values.get(main_element(values, self.primary))?;
            }
            match route.next() {
                Some(next) => found = found.as_object()?.get(*next)?,
                None => return Some(found),
            }
        }
    }

    fn compare_values(&self, left: &Value, right: &Value) -> Ordering {
        match (left, right) {
            (Value::String(left), Value::String(right)) if self.exact => left.cmp(right),
            (Value::String(left), Value::String(right)) => fold::cmp_ignoring_case(left.as_bytes(), right.as_bytes()),
            (Value::Boolean(left), Value::Boolean(right)) => left.cmp(right),
            (Value::Integer(left), Value::Integer(right)) => left.cmp(right),
            (Value::Decimal(left), Value::Decimal(right)) => left.cmp(right),
            (Value::DateTime(left), Value::DateTime(right)) => left.cmp(right),
            // Values of one attribute have one type.
            _ => Ordering::Equal,
        }
    }

    fn compare_value(&self, value: &Value, key: &SortKey) -> Ordering {
        match (value, key) {
            (Value::String(value), SortKey::Text(key)) if self.exact => value.cmp(key),
            (Value::String(value), SortKey::Text(key)) => fold::cmp_folded(value.as_bytes(), key),
            (Value::Boolean(value), SortKey::Boolean(key)) => value.cmp(key),
            (Value::Integer(value), SortKey::Integer(key)) => value.cmp(key),
            (Value::Decimal(value), SortKey::Decimal(key)) => value.cmp(key),
            (Value::DateTime(value), SortKey::DateTime(key)) => value.cmp(key),
            _ => Ordering::Equal,
        }
    }
}

/// The index of the element that counts: the primary one, or else the first.
pub(crate) fn main_element(elements: &[Value], primary: Option<AttributeId>) -> usize {
    let is_primary = |element: &Value| {
        let object = element.as_object().zip(primary);
        object.and_then(|(object, primary)| object.get(primary)) == Some(&Value::Boolean(true))
    };
    elements.iter().position(is_primary).unwrap_or_default()
}

/// A resource without a value is last in ascending order (RFC 7644 §3.4.2.3).
fn one_without(left: bool, right: bool) -> Ordering {
    right.cmp(&left)
}

/// [`Sort::compare_keys`] without a [`Sort`].
pub(crate) fn compare_keys(left: Option<&SortKey>, right: Option<&SortKey>, descending: bool) -> Ordering {
    let ascending = match (left, right) {
        (Some(left), Some(right)) => left.cmp(right),
        (left, right) => one_without(left.is_some(), right.is_some()),
    };
    if descending { ascending.reverse() } else { ascending }
}

/// The sort key of a resource that has a value. Returned by [`Sort::key`]; the order of keys is ascending.
///
/// A store that sorts by an index keeps such keys in the index, or keys with the same order.
///
/// ```
/// use scim_core::{
///     path::AttributePath, quirks::{Quirks, Tolerance}, resource::{Resource, Sort, SortKey}, schema::Registry,
/// };
/// use scim_core::{schema::AttributeId, value::Value};
///
/// let registry = Registry::standard();
/// let user = registry.resource_type("User").expect("registered");
/// let path: AttributePath = "userName".parse()?;
/// let sort = Sort::new(user, path.as_ref(), false, &mut Tolerance::new(Quirks::default()))?;
/// let mut resource = Resource::new(user.clone());
/// assert_eq!(sort.key(&resource), None);
/// resource.root_mut().insert(sort.attribute(), Value::String("BJensen".into()));
/// assert_eq!(sort.key(&resource), Some(SortKey::Text("bjensen".into())));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
#[expect(clippy::exhaustive_enums, reason = "a store must know each")]
pub enum SortKey {
    /// A boolean: `false` first.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A number.
    Decimal(Decimal),
    /// An instant.
    DateTime(DateTime<Utc>),
    /// Text, by code point; [folded](crate::fold::fold) unless the [order is exact](Sort::is_case_exact).
    Text(Text),
}

impl fmt::Debug for SortKey {
    /// Hides the value, which belongs to a resource.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SortKey")
    }
}

/// A sort position: the position of a resource in a list, even if the resource is gone.
///
/// No write moves a position. A walk from position to position therefore meets each unchanged resource exactly once.
///
/// ```
/// use scim_core::resource::Position;
///
/// let position = Position::of_id("2819c223");
/// assert_eq!(position, Position { key: None, id: "2819c223" });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the order of a list is by key and id, and nothing else")]
pub struct Position<'a> {
    /// The [key](Sort::key) of the resource; `None` if the resource has no value, or if the list has no [`Sort`].
    pub key: Option<&'a SortKey>,
    /// The id of the resource. It decides between equal keys: ascending, compared byte by byte.
    pub id: &'a str,
}

impl<'a> Position<'a> {
    /// The sort position of a resource in a list that is ordered by id.
    pub const fn of_id(id: &'a str) -> Self {
        Self { key: None, id }
    }
}

/// The reason why a `sortBy` is refused, and the attribute that it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SortError {
    kind: SortErrorKind,
    attribute: Box<str>,
    /// The resource type that does not have the attribute.
    missing_in: Option<Box<str>>,
}

impl SortError {
    /// The reason, without the attribute.
    pub fn kind(&self) -> SortErrorKind {
        self.kind
    }

    /// The attribute as the client named it.
    pub fn attribute(&self) -> &str {
        &self.attribute
    }

    /// The same error, in a list of several resource types of which none has the attribute.
    pub(crate) fn in_any_type(self) -> Self {
        Self { missing_in: Some("any resource type".into()), ..self }
    }
}

impl fmt::Display for SortError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, attribute, missing_in } = self;
        match (kind, missing_in) {
            (_, Some(owner)) => write!(f, "`{attribute:.60}` is not an attribute of {owner}"),
            (SortErrorKind::Sensitive, _) => write!(f, "`{attribute:.60}` may not be read"),
            _ => write!(f, "{kind}: `{attribute:.60}`"),
        }
    }
}

impl std::error::Error for SortError {}

/// The reason why a `sortBy` is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SortErrorKind {
    /// The resource type has no such attribute.
    #[error("the attribute is not in the schema")]
    Unknown,
    /// A complex attribute without `value`: the client has to name a sub-attribute (RFC 7644 §3.4.2.3).
    #[error("expected a sub-attribute to sort by")]
    Complex,
    /// Bytes have no order.
    #[error("expected an attribute whose values have an order")]
    Binary,
    /// The value is never returned, and the order would reveal it.
    #[error("the attribute may not be read")]
    Sensitive,
}
