//! Compiled filters: ids instead of names, typed operands instead of literals.
//!
//! Conditions are data, for stores that answer a query with an index or with SQL; [`matcher`](super::matcher)
//! evaluates them. Nothing here depends on the text of the filter.

use chrono::{DateTime, Utc};

use super::Operator;
use crate::{
    fold::Needle,
    path::Place,
    schema::AttributeId,
    value::{Decimal, Text},
};

/// A condition on a resource of one type, compiled from a [`Filter`](super::Filter).
///
/// Conditions are two-valued: a condition holds or does not hold. `a ne v` is compiled to `Not` around `a eq v`,
/// `a eq null` to `Not` around `Present`. On a multi-valued attribute a comparison holds if it holds for any of the
/// values (RFC 7644 §3.4.2.2).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Condition {
    /// All of these conditions hold; true if the list is empty.
    All(Vec<Self>),
    /// At least one of these conditions holds; false if the list is empty.
    Any(Vec<Self>),
    /// This condition does not hold.
    Not(Box<Self>),
    /// At least one value of the attribute satisfies the whole condition. Within the condition, places are counted
    /// from that value; the place of a simple value itself is the place of the attribute. Elements do not nest.
    Element {
        /// The attribute whose values are tested, one after the other.
        place: Place,
        /// The condition on one value.
        condition: Box<Self>,
    },
    /// The attribute has a value that is not empty: `pr`. The empty string is empty; `false` and `0` are not.
    Present(Place),
    /// The resource has data of the extension with this object. `schemas` has the extension's URI exactly in that
    /// case.
    Extension(AttributeId),
    /// A comparison with a value.
    Compare(Comparison),
    /// A constant: the schema alone decides the condition.
    Constant(bool),
}

impl Condition {
    /// Returns the attributes that the condition uses, once for each use. For a sub-attribute the list has only the
    /// sub-attribute, not its complex attribute.
    ///
    /// ```
    /// use scim_core::{filter::Filter, limits::Limits, quirks::{Quirks, Reading, Tolerance}, schema::{AttributeId, Registry}};
    ///
    /// let registry = Registry::standard();
    /// let user = registry.resource_type("User").expect("registered");
    /// let mut tolerance = Tolerance::new(Quirks::default());
    /// let filter = Filter::parse(r#"externalId eq "a1" or not (id pr)"#, Reading::new(&Limits::default(), &mut tolerance))?;
    /// let matcher = filter.compile(user, &mut tolerance)?;
    /// assert_eq!(matcher.conditions()[0].attributes(), [AttributeId::EXTERNAL_ID, AttributeId::ID]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn attributes(&self) -> Vec<AttributeId> {
        let mut found = Vec::new();
        self.uses(&mut |attribute| {
            found.push(attribute);
            false
        });
        found
    }

    /// Returns the comparison if the condition is a comparison by `eq`.
    pub(crate) fn equality(&self) -> Option<&Comparison> {
        match self {
            Self::Compare(comparison) if comparison.operator() == Operator::Eq => Some(comparison),
            _ => None,
        }
    }

    /// Returns the first of the [`Condition::attributes`] for which `test` holds.
    pub(crate) fn find(&self, test: impl Fn(AttributeId) -> bool) -> Option<AttributeId> {
        let mut found = None;
        self.uses(&mut |attribute| {
            found = test(attribute).then_some(attribute);
            found.is_some()
        });
        found
    }

    /// Returns whether `test` holds for one of the [`Condition::attributes`]. The later attributes are not tested.
    pub(crate) fn uses(&self, test: &mut dyn FnMut(AttributeId) -> bool) -> bool {
        match self {
            Self::All(conditions) | Self::Any(conditions) => conditions.iter().any(|condition| condition.uses(test)),
            Self::Not(condition) => condition.uses(test),
            Self::Element { place, condition } => test(place.attribute()) || condition.uses(test),
            Self::Present(place) => test(place.attribute()),
            Self::Extension(attribute) => test(*attribute),
            Self::Compare(comparison) => test(comparison.attribute()),
            Self::Constant(_) => false,
        }
    }

    /// Returns the number of comparisons and tests, and the number of `co` comparisons among them.
    pub(crate) fn comparisons(&self) -> (usize, usize) {
        match self {
            Self::All(conditions) | Self::Any(conditions) => {
                let each = conditions.iter().map(Self::comparisons);
                each.fold((0, 0), |(all, searches), (more, more_searches)| (all + more, searches + more_searches))
            }
            Self::Not(condition) | Self::Element { condition, .. } => condition.comparisons(),
            Self::Compare(comparison) => (1, usize::from(comparison.operator == Operator::Co)),
            Self::Present(_) | Self::Extension(_) | Self::Constant(_) => (1, 0),
        }
    }

    /// Returns the condition that holds exactly when this condition does not hold.
    pub(super) fn negated(self) -> Self {
        match self {
            Self::Constant(truth) => Self::Constant(!truth),
            Self::Not(condition) => *condition,
            condition => Self::Not(Box::new(condition)),
        }
    }
}

/// A comparison of an attribute with a value.
#[derive(Clone, Debug)]
pub struct Comparison {
    pub(super) place: Place,
    pub(super) operator: Operator,
    pub(super) operand: Comparand,
    /// The folded operand of `co`, prepared for searching.
    pub(super) needle: Option<Needle>,
}

impl Comparison {
    pub(super) fn new(place: Place, operator: Operator, operand: Comparand) -> Self {
        let needle = match (operator, &operand) {
            (Operator::Co, Comparand::Folded(text)) => Some(Needle::new(text)),
            _ => None,
        };
        Self { place, operator, operand, needle }
    }

    /// The attribute and the route to its values.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The compared attribute.
    pub fn attribute(&self) -> AttributeId {
        self.place.attribute()
    }

    /// The operator; never `ne`, which is [`Condition::Not`] around `eq`.
    pub fn operator(&self) -> Operator {
        self.operator
    }

    /// The operand, of the attribute's type.
    pub fn operand(&self) -> &Comparand {
        &self.operand
    }
}

/// The operand of a comparison, of the attribute's own type.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Comparand {
    /// A boolean; the operator is `eq`.
    Boolean(bool),
    /// A whole number, for an integer attribute.
    Integer(i64),
    /// A number, for a decimal attribute.
    Decimal(Decimal),
    /// An instant.
    DateTime(DateTime<Utc>),
    /// Text that is compared exactly, by code point.
    Exact(Text),
    /// Text that is compared with the [fold](crate::fold::fold) of the attribute's value; the operand is already
    /// folded.
    Folded(Text),
}
