//! What a filter is once it is compiled: ids instead of names, typed operands instead of literals.
//!
//! These are data, for stores that answer a query with an index or with SQL; [`matcher`](super::matcher) evaluates
//! them. Nothing here knows the text of the filter.

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
/// Conditions are two-valued: each holds or does not. `a ne v` is compiled to `Not` around `a eq v`, `a eq null` to
/// `Not` around `Present`. On a multi-valued attribute a comparison holds when it does for any of the values
/// (RFC 7644 §3.4.2.2).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Condition {
    /// All of these hold; true without any.
    All(Vec<Self>),
    /// At least one of these holds; false without any.
    Any(Vec<Self>),
    /// This does not hold.
    Not(Box<Self>),
    /// One value of the attribute satisfies the whole condition. Within the condition, places are counted from that
    /// value; the place of the value itself, of a simple type, is the attribute's own. Elements do not nest.
    Element {
        /// The attribute whose values are tried, one by one.
        place: Place,
        /// What one of the values has to satisfy.
        condition: Box<Self>,
    },
    /// The attribute has a value that is not empty: `pr`. The empty string is empty, `false` and `0` are not.
    Present(Place),
    /// The resource has data of the extension whose object this is; `schemas` has its URI then, and only then.
    Extension(AttributeId),
    /// A comparison with a value.
    Compare(Comparison),
    /// Always this: what the schema alone decides.
    Constant(bool),
}

impl Condition {
    /// The attributes that the condition looks at, as often as it does. For a sub-attribute only it itself is listed,
    /// not the complex attribute that it belongs to.
    ///
    /// ```
    /// use scim_core::{Filter, Limits, Quirks, schema::{AttributeId, Registry}, quirks::Tolerance};
    ///
    /// let registry = Registry::standard();
    /// let user = registry.resource_type("User").expect("registered");
    /// let mut tolerance = Tolerance::new(Quirks::default());
    /// let filter = Filter::parse(r#"externalId eq "a1" or not (id pr)"#, &Limits::default(), &mut tolerance)?;
    /// let matcher = filter.compile(user, &mut tolerance)?;
    /// assert_eq!(matcher.conditions()[0].attributes(), [AttributeId::EXTERNAL_ID, AttributeId::ID]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn attributes(&self) -> Vec<AttributeId> {
        let mut found = Vec::new();
        self.collect(&mut found);
        found
    }

    /// The comparisons, and how many of them search for a part of a text.
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

    fn collect(&self, found: &mut Vec<AttributeId>) {
        match self {
            Self::All(conditions) | Self::Any(conditions) => {
                for condition in conditions {
                    condition.collect(found);
                }
            }
            Self::Not(condition) => condition.collect(found),
            Self::Element { place, condition } => {
                found.push(place.attribute());
                condition.collect(found);
            }
            Self::Present(place) => found.push(place.attribute()),
            Self::Extension(attribute) => found.push(*attribute),
            Self::Compare(comparison) => found.push(comparison.attribute()),
            Self::Constant(_) => {}
        }
    }

    /// The condition that holds exactly when this one does not.
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
    /// The folded operand of a `co`, ready to be looked for.
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

    /// The attribute and the way to it.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The attribute that is compared.
    pub fn attribute(&self) -> AttributeId {
        self.place.attribute()
    }

    /// How it is compared; never `ne`, which is [`Condition::Not`] around `eq`.
    pub fn operator(&self) -> Operator {
        self.operator
    }

    /// What it is compared with.
    pub fn operand(&self) -> &Comparand {
        &self.operand
    }
}

/// What an attribute is compared with, of the attribute's own type.
#[derive(Clone, Debug, PartialEq)]
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
    /// Text that is compared with the [fold](crate::fold::fold) of the attribute's value; it is folded already.
    Folded(Text),
}
