//! Compiles a filter for a resource type: names become ids, literals become typed operands.
//!
//! The compiler decides everything that does not depend on a resource: the attribute, whether the operator fits its
//! type, case sensitivity, the value of the literal. No stored value is read here.

use std::{collections::HashSet, sync::Arc};

use percent_encoding::percent_decode_str;

use super::{
    Expression, Filter, Literal, Matcher, Operator,
    compile_error::{CompileError, CompileErrorKind},
    condition::{Comparand, Comparison, Condition},
};
use crate::{
    path::{PathRef, Place},
    quirks::{Quirk, Tolerance},
    schema::{AttributeId, AttributeType, ResourceType},
    value::{Decimal, Text, Value, read_date_time_literal},
};

impl Filter {
    /// Compiles the filter for resources of one type.
    ///
    /// Names are resolved and literals parsed once, so that [`Matcher::matches`] only compares. RFC 7644 leaves some
    /// meanings open; this crate decides:
    ///
    /// - `ne` is the negation of `eq`, so it holds if the attribute has no value.
    /// - `eq null` is the negation of `pr`.
    /// - Instants are compared as such, whatever their time zones.
    /// - A comparison of a complex attribute that has a sub-attribute `value` compares this sub-attribute.
    ///
    /// `schemas`, `meta.resourceType` and each `$ref` to a resource are not stored: they follow from the rest of the
    /// resource. Comparisons of these attributes compile to conditions on the rest of the resource.
    ///
    /// # Errors
    ///
    /// When an attribute does not exist, an operator or a literal does not fit its type (RFC 7644 §3.4.2.2), or its
    /// value is never returned (`password`, RFC 7643 §4.1.1): the result of the filter would reveal the value.
    pub fn compile(
        &self,
        resource_type: &Arc<ResourceType>,
        tolerance: &mut Tolerance,
    ) -> Result<Matcher, CompileError> {
        let condition = Compiler::new(resource_type, tolerance).condition(self.expression())?;
        Ok(Matcher::new(Arc::clone(resource_type), condition))
    }

    /// Compiles the filter for resources of several types, for a query at the root of the service. An attribute that a
    /// type does not have counts as an attribute without a value (RFC 7644 §3.4.2.1).
    ///
    /// # Errors
    ///
    /// The same as for [`Filter::compile`]; an attribute does not exist if no type has it.
    pub fn compile_each(
        &self,
        resource_types: &[Arc<ResourceType>],
        tolerance: &mut Tolerance,
    ) -> Result<Vec<Matcher>, CompileError> {
        let mut known = HashSet::new();
        let mut unknown = Vec::new();
        let mut matchers = Vec::with_capacity(resource_types.len());
        for resource_type in resource_types {
            let mut compiler = Compiler::new(resource_type, tolerance);
            compiler.names = Some(Names { known: &mut known, unknown: &mut unknown });
            let condition = compiler.condition(self.expression())?;
            matchers.push(Matcher::new(Arc::clone(resource_type), condition));
        }
        match unknown.into_iter().find(|name| !known.contains(name)) {
            Some(name) => Err(CompileError::unknown(name, "any resource type")),
            None => Ok(matchers),
        }
    }

    /// Compiles the condition in the brackets after `attribute`, as a condition on one of its values. If the attribute
    /// is not complex, `value` names the value itself.
    pub(crate) fn compile_element(
        &self,
        resource_type: &ResourceType,
        attribute: AttributeId,
        tolerance: &mut Tolerance,
    ) -> Result<Condition, CompileError> {
        let mut compiler = Compiler::new(resource_type, tolerance);
        compiler.base = attribute;
        compiler.condition(self.expression())
    }
}

struct Compiler<'a> {
    resource_type: &'a ResourceType,
    tolerance: &'a mut Tolerance,
    /// The attribute in which names are looked up and from which places are counted.
    base: AttributeId,
    /// `Some` if an unknown attribute counts as an attribute without a value.
    names: Option<Names<'a>>,
}

struct Names<'a> {
    known: &'a mut HashSet<String>,
    unknown: &'a mut Vec<String>,
}

impl<'a> Compiler<'a> {
    fn new(resource_type: &'a ResourceType, tolerance: &'a mut Tolerance) -> Self {
        Self { resource_type, tolerance, base: AttributeId::ROOT, names: None }
    }

    fn condition(&mut self, expression: Expression<'_>) -> Result<Condition, CompileError> {
        match expression {
            Expression::And(operands) => {
                let conditions: Result<Vec<_>, _> =
                    operands.into_iter().map(|operand| self.condition(operand)).collect();
                Ok(all(conditions?))
            }
            Expression::Or(operands) => {
                let conditions: Result<Vec<_>, _> =
                    operands.into_iter().map(|operand| self.condition(operand)).collect();
                Ok(any(conditions?))
            }
            Expression::Not(operand) => Ok(self.condition(operand.expression())?.negated()),
            Expression::Present { path } => match self.resolve(path)? {
                Some(attribute) => self.present(attribute, path),
                None => Ok(Condition::Constant(false)),
            },
            Expression::Compare { path, operator, value } => match self.resolve(path)? {
                Some(attribute) => self.compare(attribute, operator, value, path),
                None => Ok(Condition::Constant((operator == Operator::Ne) != (value == Literal::Null))),
            },
            Expression::ValuePath { path, condition } => match self.resolve(path)? {
                Some(attribute) => self.element(attribute, condition.expression(), path),
                None => Ok(Condition::Constant(false)),
            },
        }
    }

    /// Resolves a name; `None` if the unknown attribute counts as an attribute without a value.
    fn resolve(&mut self, path: PathRef<'_>) -> Result<Option<AttributeId>, CompileError> {
        let found = if self.base == AttributeId::ROOT {
            self.resource_type.resolve(path, self.tolerance).ok().filter(|found| *found != AttributeId::ROOT)
        } else {
            self.resource_type.resolve_below(self.base, path)
        };
        if let Some(found) = found
            && self.resource_type.is_sensitive(found)
        {
            return Err(CompileError::new(CompileErrorKind::Sensitive, path.text()));
        }
        let Some(names) = &mut self.names else {
            return match found {
                None => Err(CompileError::unknown(path.text(), self.owner())),
                found => Ok(found),
            };
        };
        let mut name = self.resource_type.path(self.base);
        if !name.is_empty() {
            name.push('.');
        }
        name.push_str(path.text());
        match found {
            Some(_) => drop(names.known.insert(name)),
            None => names.unknown.push(name),
        }
        Ok(found)
    }

    /// The name of the resource type or of the attribute in which names are looked up.
    fn owner(&self) -> String {
        if self.base == AttributeId::ROOT {
            self.resource_type.name().to_owned()
        } else {
            format!("`{}`", self.resource_type.path(self.base))
        }
    }

    fn place(&self, attribute: AttributeId) -> Place {
        Place::new(self.resource_type, self.base, attribute)
    }

    fn present(&self, attribute: AttributeId, path: PathRef<'_>) -> Result<Condition, CompileError> {
        if self.resource_type.is_sensitive(attribute) {
            return Err(CompileError::new(CompileErrorKind::Sensitive, path.text()));
        }
        // Every resource has these attributes, even though they are not stored.
        if matches!(attribute, AttributeId::SCHEMAS | AttributeId::META | AttributeId::META_RESOURCE_TYPE) {
            return Ok(Condition::Constant(true));
        }
        if self.resource_type.extensions().iter().any(|extension| extension.attribute() == attribute) {
            return Ok(Condition::Extension(attribute));
        }
        let sub_attributes = self.resource_type.children(attribute);
        if sub_attributes.iter().any(|sub| self.resource_type.is_sensitive(*sub)) {
            // An attribute that may not be read is skipped, so that the result does not reveal whether it has a value.
            let readable = sub_attributes.iter().filter(|sub| !self.resource_type.is_sensitive(**sub));
            return Ok(any(readable.map(|sub| Condition::Present(self.place(*sub))).collect()));
        }
        Ok(Condition::Present(self.place(self.resource_type.referred_id(attribute).unwrap_or(attribute))))
    }

    fn element(
        &mut self,
        attribute: AttributeId,
        condition: Expression<'_>,
        path: PathRef<'_>,
    ) -> Result<Condition, CompileError> {
        let definition = self.resource_type.attribute(attribute);
        let has_parts = definition.data_type() == AttributeType::Complex || definition.is_multi_valued();
        if self.base != AttributeId::ROOT || !has_parts {
            return Err(CompileError::new(CompileErrorKind::NoElements, path.text()));
        }
        let place = self.place(attribute);
        self.base = attribute;
        let condition = self.condition(condition);
        self.base = AttributeId::ROOT;
        let condition = condition?;
        if attribute == AttributeId::SCHEMAS {
            return Ok(self.on_schemas(&condition));
        }
        Ok(Condition::Element { place, condition: Box::new(condition) })
    }

    fn compare(
        &mut self,
        named: AttributeId,
        operator: Operator,
        literal: Literal<'_>,
        path: PathRef<'_>,
    ) -> Result<Condition, CompileError> {
        let refuse = |fault| Err(CompileError::new(fault, path.text()));
        if literal == Literal::Null {
            let present = self.present(named, path)?;
            return match operator {
                Operator::Eq => Ok(present.negated()),
                Operator::Ne => Ok(present),
                _ => refuse(CompileErrorKind::Null),
            };
        }
        let attribute = match (self.resource_type.attribute(named).data_type(), self.resource_type.value_of(named)) {
            (AttributeType::Complex, None) => return refuse(CompileErrorKind::Complex),
            (AttributeType::Complex, Some(value)) => value,
            _ => named,
        };
        if self.resource_type.is_sensitive(attribute) {
            return refuse(CompileErrorKind::Sensitive);
        }
        if operator == Operator::Ne {
            return Ok(self.test(attribute, Operator::Eq, literal).or_else(refuse)?.negated());
        }
        self.test(attribute, operator, literal).or_else(refuse)
    }

    /// Compiles the comparison of a simple attribute. The operator is not `ne`, the literal not null.
    fn test(
        &mut self,
        attribute: AttributeId,
        operator: Operator,
        literal: Literal<'_>,
    ) -> Result<Condition, CompileErrorKind> {
        if let Some(id) = self.resource_type.referred_id(attribute) {
            return match (operator, literal) {
                (Operator::Eq, Literal::String(uri)) => Ok(self.refers_to(attribute, id, uri)),
                (Operator::Eq, _) => Err(CompileErrorKind::Value(AttributeType::Reference)),
                _ => Err(CompileErrorKind::Derived),
            };
        }
        let data_type = self.resource_type.attribute(attribute).data_type();
        let fits = match data_type {
            AttributeType::String | AttributeType::Reference => true,
            AttributeType::Boolean | AttributeType::Binary | AttributeType::Complex => operator == Operator::Eq,
            AttributeType::Integer | AttributeType::Decimal | AttributeType::DateTime => {
                !matches!(operator, Operator::Co | Operator::Sw | Operator::Ew)
            }
        };
        if !fits {
            return Err(CompileErrorKind::Operator(data_type));
        }
        let operand = match (data_type, literal) {
            (AttributeType::Boolean, Literal::Boolean(truth)) => Some(Comparand::Boolean(truth)),
            (AttributeType::Boolean, Literal::String(text)) => self.boolean(text).map(Comparand::Boolean),
            (AttributeType::Integer, Literal::Number(text)) => {
                let number = Decimal::parse(text).ok_or(CompileErrorKind::Value(data_type))?;
                return Ok(compare_integer(self.place(attribute), operator, &number));
            }
            (AttributeType::Decimal, Literal::Number(text)) => Decimal::parse(text).map(Comparand::Decimal),
            (AttributeType::DateTime, Literal::String(text)) => {
                read_date_time_literal(text, self.tolerance).map(Comparand::DateTime)
            }
            (AttributeType::String | AttributeType::Reference | AttributeType::Binary, Literal::String(text)) => {
                Some(self.text(attribute, text))
            }
            _ => None,
        };
        let operand = operand.ok_or(CompileErrorKind::Value(data_type))?;
        if self.base == AttributeId::ROOT && attribute == AttributeId::SCHEMAS {
            let on_one = Comparison::new(Place::new(self.resource_type, attribute, attribute), operator, operand);
            return Ok(self.on_schemas(&Condition::Compare(on_one)));
        }
        if attribute == AttributeId::META_RESOURCE_TYPE {
            let on_name = Comparison::new(Place::new(self.resource_type, attribute, attribute), operator, operand);
            let name = Value::String(self.resource_type.name().into());
            return Ok(Condition::Constant(Condition::Compare(on_name).matches_element(&name)));
        }
        Ok(Condition::Compare(Comparison::new(self.place(attribute), operator, operand)))
    }

    fn boolean(&mut self, text: &str) -> Option<bool> {
        let truth = ["false", "true"].iter().position(|word| word.eq_ignore_ascii_case(text))? == 1;
        self.tolerance.allows(Quirk::BooleanStrings).then_some(truth)
    }

    fn text(&self, attribute: AttributeId, text: &str) -> Comparand {
        if self.resource_type.compares_exactly(attribute) {
            Comparand::Exact(text.into())
        } else {
            Comparand::Folded(Text::from(text).folded())
        }
    }

    /// Turns a condition on one schema URI into a condition on the resource: `schemas` follows from its extensions.
    fn on_schemas(&self, condition: &Condition) -> Condition {
        let holds = |uri: &str| condition.matches_element(&Value::String(uri.into()));
        let base = Condition::Constant(holds(self.resource_type.schema().id()));
        let extensions = self.resource_type.extensions().iter().filter(|extension| holds(extension.schema().id()));
        let extensions = extensions.map(|extension| Condition::Extension(extension.attribute()));
        any(std::iter::once(base).chain(extensions).collect())
    }

    /// `$ref eq "https://example.com/v2/Users/2819"`: a `$ref` to a resource is not stored but made from `value` (and
    /// `type`), so the condition compares those. Host and version are ignored (RFC 7643 §2.4).
    fn refers_to(&self, reference: AttributeId, id: AttributeId, uri: &str) -> Condition {
        let path = uri.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
        let mut segments = path.rsplit('/');
        let target = percent_decode_str(segments.next().unwrap_or_default()).decode_utf8_lossy();
        let endpoint = segments.next().unwrap_or_default();
        let has_id =
            |place| Condition::Compare(Comparison::new(place, Operator::Eq, Comparand::Exact((*target).into())));

        let owner = self.resource_type.parent(id);
        let types = self.resource_type.attribute(reference).reference_types();
        let named = types.iter().find(|name| types.len() > 1 && self.is_endpoint_of(endpoint, name));
        let Some((name, type_of)) = named.zip(self.resource_type.conventional(owner).type_of) else {
            return has_id(self.place(id));
        };
        let place = |attribute| Place::new(self.resource_type, owner, attribute);
        let has_type = Condition::Compare(Comparison::new(place(type_of), Operator::Eq, self.text(type_of, name)));
        let has_no_type = Condition::Present(place(type_of)).negated();
        let element = all(vec![has_id(place(id)), any(vec![has_no_type, has_type])]);
        if self.base == owner {
            return element;
        }
        Condition::Element { place: self.place(owner), condition: Box::new(element) }
    }

    /// Whether `endpoint` is the endpoint of the type `name`. A resource type knows other types by name only; their
    /// endpoint is by convention the name or its plural.
    fn is_endpoint_of(&self, endpoint: &str, name: &str) -> bool {
        if name == self.resource_type.name() {
            return endpoint.eq_ignore_ascii_case(self.resource_type.endpoint());
        }
        let plural = endpoint.strip_suffix('s').unwrap_or(endpoint);
        plural.eq_ignore_ascii_case(name) || endpoint.eq_ignore_ascii_case(name)
    }
}

/// Compares whole numbers with any number. For example, `gt 2.5` becomes `ge 3`, and `eq 2.5` never holds.
fn compare_integer(place: Place, operator: Operator, number: &Decimal) -> Condition {
    let compare = |operator, bound| Condition::Compare(Comparison::new(place, operator, Comparand::Integer(bound)));
    let is_below = |bound: i64| Decimal::from(bound) < *number;
    if let Ok(whole) = number.as_str().parse::<i64>() {
        return compare(operator, whole);
    }
    // The least whole number that is not below `number`, by bisection.
    let (mut low, mut high) = (i64::MIN, i64::MAX);
    while low < high {
        // The mean, rounded down and without overflow.
        let middle = (low & high) + ((low ^ high) >> 1);
        if is_below(middle) { low = middle + 1 } else { high = middle }
    }
    let ceiling = low;
    match operator {
        // `number` is greater than every `i64`.
        Operator::Gt | Operator::Ge if is_below(ceiling) => Condition::Constant(false),
        Operator::Lt | Operator::Le if is_below(ceiling) => Condition::Present(place),
        Operator::Eq | Operator::Gt | Operator::Ge | Operator::Le if Decimal::from(ceiling) == *number => {
            compare(operator, ceiling)
        }
        Operator::Gt | Operator::Ge => compare(Operator::Ge, ceiling),
        Operator::Lt | Operator::Le => compare(Operator::Lt, ceiling),
        _ => Condition::Constant(false),
    }
}

/// Returns the conjunction, flattened and without constants.
fn all(conditions: Vec<Condition>) -> Condition {
    let mut kept = Vec::with_capacity(conditions.len());
    for condition in conditions {
        match condition {
            Condition::Constant(true) => {}
            Condition::Constant(false) => return condition,
            Condition::All(inner) => kept.extend(inner),
            condition => kept.push(condition),
        }
    }
    one_or(kept, true, Condition::All)
}

/// Returns the disjunction, flattened and without constants.
fn any(conditions: Vec<Condition>) -> Condition {
    let mut kept = Vec::with_capacity(conditions.len());
    for condition in conditions {
        match condition {
            Condition::Constant(false) => {}
            Condition::Constant(true) => return condition,
            Condition::Any(inner) => kept.extend(inner),
            condition => kept.push(condition),
        }
    }
    one_or(kept, false, Condition::Any)
}

fn one_or(mut conditions: Vec<Condition>, without: bool, several: fn(Vec<Condition>) -> Condition) -> Condition {
    match (conditions.pop(), conditions.is_empty()) {
        (None, _) => Condition::Constant(without),
        (Some(only), true) => only,
        (Some(last), false) => {
            conditions.push(last);
            several(conditions)
        }
    }
}
