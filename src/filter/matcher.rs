//! The evaluation of a compiled filter. It recurses as deep as the filter is nested, and allocates only for stored text
//! that has to be normalized before it is compared.
//!
//! No name is looked up and no literal is parsed here: [`compile`](super::compile) has done that.

use std::{cmp::Ordering, sync::Arc};

use super::{
    Operator,
    condition::{Comparand, Comparison, Condition},
    spending::Spending,
};
use crate::{
    fold,
    limits::{Work, WorkExceeded},
    schema::{AttributeId, ResourceType},
    value::{Object, Value},
};

/// A filter compiled for one resource type. Made by [`Filter::compile`](super::Filter::compile).
///
/// ```
/// use scim_core::{Filter, Limits, Quirks, Resource, schema::Registry, quirks::Tolerance, value::Value};
///
/// let registry = Registry::standard();
/// let user = registry.resource_type("User").expect("registered");
/// let mut tolerance = Tolerance::new(Quirks::default());
/// let filter = Filter::parse(r#"userName sw "B""#, &Limits::default(), &mut tolerance)?;
/// let matcher = filter.compile(user, &mut tolerance)?;
///
/// let mut resource = Resource::new(user.clone());
/// let user_name = user.child(scim_core::schema::AttributeId::ROOT, "userName").expect("defined");
/// resource.root_mut().insert(user_name, Value::String("bjensen".into()));
/// assert!(matcher.matches(resource.root()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Matcher {
    kind: Arc<ResourceType>,
    conditions: Vec<Condition>,
}

impl Matcher {
    pub(super) fn new(kind: Arc<ResourceType>, condition: Condition) -> Self {
        let conditions = match condition {
            Condition::All(conditions) => conditions,
            condition => vec![condition],
        };
        Self { kind, conditions }
    }

    /// The resource type that the filter was compiled for.
    pub fn kind(&self) -> &Arc<ResourceType> {
        &self.kind
    }

    /// The conditions that must all hold. A store that evaluates some of them leaves the others to the core.
    pub fn conditions(&self) -> &[Condition] {
        &self.conditions
    }

    /// Whether a resource with these top-level attributes satisfies the filter. Of a resource of another type than
    /// [`Matcher::kind`] the answer means nothing.
    pub fn matches(&self, root: &Object) -> bool {
        self.conditions.iter().all(|condition| condition.matches(root))
    }

    /// As [`Matcher::matches`], as a part of the work of a request.
    ///
    /// # Errors
    ///
    /// When the evaluation would exceed the bound. Its result is unknown then.
    pub fn matches_within(&self, root: &Object, work: &Work) -> Result<bool, WorkExceeded> {
        let spending = Spending::of(Some(work));
        let truth = self.conditions.iter().all(|condition| condition.holds(Base::Resource(root), &spending));
        spending.settle(Some(work))?;
        Ok(truth)
    }

    /// Whether the filter looks at `attribute`, at a sub-attribute of it, or at all of a complex attribute that it
    /// belongs to.
    ///
    /// What is derived and not stored (`meta.version`, `meta.location`, a user's `groups`) is compared like any other
    /// attribute: whoever evaluates a filter that uses it has to put it into the resources before.
    pub fn uses(&self, attribute: AttributeId) -> bool {
        let below = |mut id: AttributeId, ancestor: AttributeId| {
            while id != ancestor && id != AttributeId::ROOT {
                id = self.kind.parent(id);
            }
            id == ancestor
        };
        let mut used = self.conditions.iter().flat_map(Condition::attributes);
        used.any(|used| below(used, attribute) || below(attribute, used))
    }
}

/// What the places of a condition are counted from.
#[derive(Clone, Copy)]
pub(super) enum Base<'a> {
    Resource(&'a Object),
    Element(&'a Value),
}

impl<'a> Base<'a> {
    /// Whether `test` holds for any value at the end of the route.
    #[inline]
    pub(super) fn any(self, route: &[AttributeId], test: impl Fn(&'a Value) -> bool) -> bool {
        match self {
            Self::Resource(object) => any_member(object, route, &test),
            Self::Element(value) => any_value(value, route, &test),
        }
    }
}

#[inline]
fn any_member<'a>(object: &'a Object, route: &[AttributeId], test: &impl Fn(&'a Value) -> bool) -> bool {
    let Some((first, rest)) = route.split_first() else { return false };
    match object.get(*first) {
        None => false,
        Some(Value::List(values)) => values.iter().any(|value| any_value(value, rest, test)),
        Some(value) => any_value(value, rest, test),
    }
}

#[inline]
fn any_value<'a>(value: &'a Value, route: &[AttributeId], test: &impl Fn(&'a Value) -> bool) -> bool {
    match value {
        value if route.is_empty() => test(value),
        Value::Complex(object) => any_member_below(object, route, test),
        _ => false,
    }
}

/// [`any_member`] again, out of line: the first step of a route is the one that has to be fast.
fn any_member_below<'a>(object: &'a Object, route: &[AttributeId], test: &impl Fn(&'a Value) -> bool) -> bool {
    any_member(object, route, test)
}

impl Condition {
    /// Whether the condition holds for a resource with these top-level attributes.
    pub fn matches(&self, root: &Object) -> bool {
        self.matches_spending(root, &Spending::unlimited())
    }

    /// As [`Condition::matches`], counting the work. Without meaning if the spending is exceeded.
    pub(crate) fn matches_spending(&self, root: &Object, spending: &Spending) -> bool {
        self.holds(Base::Resource(root), spending)
    }

    /// Whether the condition, compiled for the values of one attribute, holds for this value.
    pub(crate) fn matches_element(&self, element: &Value) -> bool {
        self.element_spending(element, &Spending::unlimited())
    }

    /// As [`Condition::matches_element`], counting the work.
    pub(crate) fn element_spending(&self, element: &Value, spending: &Spending) -> bool {
        self.holds(Base::Element(element), spending)
    }

    /// Whether a condition on one attribute in a list holds for a resource that has only this value in the list.
    pub(crate) fn matches_in_list(&self, element: &Value, spending: &Spending) -> bool {
        let place = match self {
            Self::Compare(comparison) => &comparison.place,
            Self::Element { place, .. } | Self::Present(place) => place,
            _ => return false,
        };
        // The first step leads to the list.
        let route = place.route().split_first().map_or(&[][..], |(_, rest)| rest);
        match self {
            Self::Compare(comparison) => {
                any_value(element, route, &|value| !comparison.is_paid(value, spending) || comparison.holds(value))
            }
            Self::Element { condition, .. } => any_value(element, route, &|value| {
                !spending.allows_units(1) || condition.holds(Base::Element(value), spending)
            }),
            _ => any_value(element, route, &|value| !spending.allows(value) || is_present(value)),
        }
    }

    /// Once the spending is exceeded, every value counts as found, so that no loop goes on to the next one.
    pub(super) fn holds(&self, base: Base<'_>, spending: &Spending) -> bool {
        match self {
            Self::Compare(comparison) => base
                .any(comparison.place.route(), |value| !comparison.is_paid(value, spending) || comparison.holds(value)),
            Self::All(conditions) => conditions.iter().all(|condition| condition.holds(base, spending)),
            Self::Any(conditions) => conditions.iter().any(|condition| condition.holds(base, spending)),
            Self::Not(condition) => !condition.holds(base, spending),
            Self::Element { place, condition } => base.any(place.route(), |value| {
                !spending.allows_units(1) || condition.holds(Base::Element(value), spending)
            }),
            Self::Present(place) => base.any(place.route(), |value| !spending.allows(value) || is_present(value)),
            Self::Extension(attribute) => base.any(&[*attribute], |_| true),
            Self::Constant(truth) => *truth,
        }
    }
}

/// Whether a value is there and not empty (RFC 7644 §3.4.2.2, `pr`).
fn is_present(value: &Value) -> bool {
    match value {
        Value::String(text) => !text.is_empty(),
        Value::Complex(object) => object.iter().any(|(_, value)| is_present(value)),
        Value::List(values) => values.iter().any(is_present),
        Value::Boolean(_) | Value::Integer(_) | Value::Decimal(_) | Value::DateTime(_) => true,
    }
}

impl Comparison {
    /// Whether the value may be examined; if so, it counts.
    #[inline]
    fn is_paid(&self, value: &Value, spending: &Spending) -> bool {
        if self.operator == Operator::Co { spending.allows_search(value) } else { spending.allows(value) }
    }

    /// Whether one value compares so. A value that is not of the operand's type does not.
    #[inline]
    fn holds(&self, value: &Value) -> bool {
        match (&self.operand, value) {
            (Comparand::Folded(operand), Value::String(text)) => self.holds_folded(text.as_bytes(), operand),
            (Comparand::Exact(operand), Value::String(text)) => match self.operator {
                Operator::Eq => text == operand,
                Operator::Co => text.len() >= operand.len() && text.contains(&**operand),
                Operator::Sw => text.as_bytes().starts_with(operand.as_bytes()),
                Operator::Ew => text.as_bytes().ends_with(operand.as_bytes()),
                _ => self.accepts(text.cmp(operand)),
            },
            (Comparand::Boolean(operand), Value::Boolean(truth)) => truth == operand,
            (Comparand::Integer(operand), Value::Integer(number)) => self.accepts(number.cmp(operand)),
            (Comparand::Decimal(operand), Value::Decimal(number)) => self.accepts(number.cmp(operand)),
            (Comparand::DateTime(operand), Value::DateTime(time)) => self.accepts(time.cmp(operand)),
            _ => false,
        }
    }

    #[inline]
    fn holds_folded(&self, text: &[u8], operand: &str) -> bool {
        match self.operator {
            Operator::Eq => fold::eq_folded(text, operand),
            Operator::Co => self.needle.as_ref().is_some_and(|needle| needle.is_in(text)),
            Operator::Sw => fold::starts_with_folded(text, operand),
            Operator::Ew => fold::ends_with_folded(text, operand),
            _ => self.accepts(fold::cmp_folded(text, operand)),
        }
    }

    /// Whether the operator accepts that the value is so ordered to the operand.
    #[inline]
    fn accepts(&self, order: Ordering) -> bool {
        match self.operator {
            Operator::Eq => order.is_eq(),
            Operator::Gt => order.is_gt(),
            Operator::Ge => order.is_ge(),
            Operator::Lt => order.is_lt(),
            Operator::Le => order.is_le(),
            _ => false,
        }
    }
}
