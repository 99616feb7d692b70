//! The evaluation of a compiled filter. The recursion is as deep as the filter is nested. Memory is allocated only to
//! normalize stored text before a comparison.
//!
//! [`compile`](super::compile) has already resolved the names and parsed the literals.

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
/// use scim_core::{
///     filter::Filter, limits::Limits, quirks::{Quirks, Reading, Tolerance}, resource::Resource, schema::Registry,
///     value::Value,
/// };
///
/// let registry = Registry::standard();
/// let user = registry.resource_type("User").expect("registered");
/// let mut tolerance = Tolerance::new(Quirks::default());
/// let filter = Filter::parse(r#"userName sw "B""#, Reading::new(&Limits::default(), &mut tolerance))?;
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
    resource_type: Arc<ResourceType>,
    conditions: Vec<Condition>,
}

impl Matcher {
    pub(super) fn new(resource_type: Arc<ResourceType>, condition: Condition) -> Self {
        let conditions = match condition {
            Condition::All(conditions) => conditions,
            condition => vec![condition],
        };
        Self { resource_type, conditions }
    }

    /// The resource type for which the filter was compiled.
    pub fn resource_type(&self) -> &Arc<ResourceType> {
        &self.resource_type
    }

    /// The conditions that must all hold. A store evaluates the pushed conditions, and the core evaluates the residual
    /// conditions.
    pub fn conditions(&self) -> &[Condition] {
        &self.conditions
    }

    /// Whether a resource with these top-level attributes satisfies the filter. The resource must be of the type
    /// [`Matcher::resource_type`]; for another type the result has no meaning.
    pub fn matches(&self, root: &Object) -> bool {
        self.conditions.iter().all(|condition| condition.matches(root))
    }

    /// Like [`Matcher::matches`], but charges the evaluation to the work of a request.
    ///
    /// # Errors
    ///
    /// When the evaluation would exceed the bound. The result is then unknown.
    pub fn matches_within(&self, root: &Object, work: &Work) -> Result<bool, WorkExceeded> {
        let spending = Spending::of(Some(work));
        let truth = self.conditions.iter().all(|condition| condition.holds(Base::Resource(root), &spending));
        spending.settle(Some(work))?;
        Ok(truth)
    }

    /// Whether the filter uses `attribute`, one of its sub-attributes, or the whole complex attribute to which
    /// `attribute` belongs.
    ///
    /// Derived attributes (`meta.version`, `meta.location`, a user's `groups`) are compared like stored attributes.
    /// The caller must add them to the resources before it evaluates a filter that uses them.
    pub fn uses(&self, attribute: AttributeId) -> bool {
        let below = |mut id: AttributeId, ancestor: AttributeId| {
            while id != ancestor && id != AttributeId::ROOT {
                id = self.resource_type.parent(id);
            }
            id == ancestor
        };
        let mut used = self.conditions.iter().flat_map(Condition::attributes);
        used.any(|used| below(used, attribute) || below(attribute, used))
    }
}

/// The resource or element from which the places of a condition are counted.
#[derive(Clone, Copy)]
pub(super) enum Base<'a> {
    Resource(&'a Object),
    Element(&'a Value),
}

impl<'a> Base<'a> {
    /// Whether `test` holds for at least one value at the end of the route.
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

/// [`any_member`] again, out of line, so that the first step of a route is fast.
fn any_member_below<'a>(object: &'a Object, route: &[AttributeId], test: &impl Fn(&'a Value) -> bool) -> bool {
    any_member(object, route, test)
}

impl Condition {
    /// Whether the condition holds for a resource with these top-level attributes.
    pub fn matches(&self, root: &Object) -> bool {
        self.matches_spending(root, &Spending::unlimited())
    }

    /// Like [`Condition::matches`], but counts the work. The result has no meaning if the spending is exceeded.
    pub(crate) fn matches_spending(&self, root: &Object, spending: &Spending) -> bool {
        self.holds(Base::Resource(root), spending)
    }

    /// Whether the condition, compiled for the values of one attribute, holds for this value.
    pub(crate) fn matches_element(&self, element: &Value) -> bool {
        self.element_spending(element, &Spending::unlimited())
    }

    /// Like [`Condition::matches_element`], but counts the work.
    pub(crate) fn element_spending(&self, element: &Value, spending: &Spending) -> bool {
        self.holds(Base::Element(element), spending)
    }

    /// Whether a condition on an attribute in a list holds for a resource whose list has only this value.
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

    /// Once the spending is exceeded, every value counts as found, so that each loop ends.
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

/// Whether a value is not empty (RFC 7644 §3.4.2.2, `pr`).
fn is_present(value: &Value) -> bool {
    match value {
        Value::String(text) => !text.is_empty(),
        Value::Complex(object) => object.iter().any(|(_, value)| is_present(value)),
        Value::List(values) => values.iter().any(is_present),
        Value::Boolean(_) | Value::Integer(_) | Value::Decimal(_) | Value::DateTime(_) => true,
    }
}

impl Comparison {
    /// Charges the examination of the value; `false` if the units do not suffice.
    #[inline]
    fn is_paid(&self, value: &Value, spending: &Spending) -> bool {
        if self.operator == Operator::Co { spending.allows_search(value) } else { spending.allows(value) }
    }

    /// Whether the comparison holds for one value; `false` if the value is not of the operand's type.
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

    /// Whether the operator accepts this order of the value relative to the operand.
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
