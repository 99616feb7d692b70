//! The order of resources in a list (RFC 7644 §3.4.2.3).

use std::cmp::Ordering;

use super::Resource;
use crate::{
    fold,
    path::{PathRef, Place, UnknownAttribute},
    quirks::Tolerance,
    schema::{AttributeId, AttributeType, ResourceType},
    value::{Object, Value},
};

/// By which attribute a list is sorted, and which way. Where two resources do not differ in it, their ids decide, so
/// that the order is total and pages neither overlap nor leave anything out.
///
/// ```
/// use scim_core::{Quirks, path::AttributePath, quirks::Tolerance, resource::Sort, schema::Registry};
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
    /// The `primary` beside the attribute, where it is in a multi-valued one.
    primary: Option<AttributeId>,
}

impl Sort {
    /// Sorts by the attribute at `path`, ascending or descending.
    ///
    /// A complex attribute with a `value` is sorted by that; a reference to a resource by the id that it refers to.
    ///
    /// # Errors
    ///
    /// When the resource type has no such attribute, it is complex or binary, or its value is never returned: the
    /// order would tell what it is.
    pub fn new(
        kind: &ResourceType,
        path: PathRef<'_>,
        descending: bool,
        tolerance: &mut Tolerance,
    ) -> Result<Self, SortError> {
        let refuse = |kind| SortError { kind, attribute: path.text().into() };
        let named = kind.resolve(path, tolerance).map_err(|UnknownAttribute { .. }| refuse(SortErrorKind::Unknown))?;
        let attribute = kind.value_of(named).or_else(|| kind.referred_id(named)).unwrap_or(named);
        if kind.is_sensitive(attribute) {
            return Err(refuse(SortErrorKind::Sensitive));
        }
        match kind.attribute(attribute).kind() {
            AttributeType::Complex => return Err(refuse(SortErrorKind::Complex)),
            AttributeType::Binary => return Err(refuse(SortErrorKind::Binary)),
            _ => {}
        }
        let place = Place::new(kind, AttributeId::ROOT, attribute);
        let list = place.route().iter().find(|id| kind.attribute(**id).is_multi_valued());
        let primary = list.and_then(|list| kind.conventional(*list).primary);
        Ok(Self { place, descending, exact: kind.compares_exactly(attribute), primary })
    }

    /// The attribute whose values decide.
    pub fn attribute(&self) -> AttributeId {
        self.place.attribute()
    }

    /// The attribute and the way to it.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Whether the greatest value comes first.
    pub fn is_descending(&self) -> bool {
        self.descending
    }

    /// Whether upper and lower case differ. If not, text is ordered by its [fold](crate::fold::fold).
    pub fn is_case_exact(&self) -> bool {
        self.exact
    }

    /// Which of two resources comes first. Text is ordered by code point, `false` is before `true`; a multi-valued
    /// attribute counts with its primary value, or else its first. Without a value, a resource is last in ascending
    /// order and first in descending order. Allocates nothing.
    pub fn compare(&self, left: &Resource, right: &Resource) -> Ordering {
        let by_value = match (self.key(left.root()), self.key(right.root())) {
            (Some(left), Some(right)) => self.compare_values(left, right),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        };
        let by_value = if self.descending { by_value.reverse() } else { by_value };
        by_value.then_with(|| left.id().cmp(right.id()))
    }

    /// The value that counts.
    pub fn key<'a>(&self, root: &'a Object) -> Option<&'a Value> {
        let mut route = self.place.route().iter();
        let mut found = root.get(*route.next()?)?;
        loop {
            if let Value::List(values) = found {
                let is_primary = |value: &&Value| {
                    let object = value.as_object().zip(self.primary);
                    object.and_then(|(object, primary)| object.get(primary)) == Some(&Value::Boolean(true))
                };
                found = values.iter().find(is_primary).or(values.first())?;
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
}

/// A `sortBy` that cannot be obeyed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}: `{attribute:.60}`")]
pub struct SortError {
    kind: SortErrorKind,
    attribute: Box<str>,
}

impl SortError {
    /// What is wrong.
    pub fn kind(&self) -> SortErrorKind {
        self.kind
    }

    /// The attribute as the client named it.
    pub fn attribute(&self) -> &str {
        &self.attribute
    }
}

/// What is wrong with a `sortBy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SortErrorKind {
    /// The resource type has no such attribute.
    #[error("expected an attribute of the schema")]
    Unknown,
    /// A complex attribute without `value`: one of its sub-attributes has to be named (RFC 7644 §3.4.2.3).
    #[error("expected a sub-attribute to sort by")]
    Complex,
    /// Bytes have no order.
    #[error("expected an attribute whose values have an order")]
    Binary,
    /// The value is never returned, and the order would tell it.
    #[error("expected an attribute that may be read")]
    Sensitive,
}
