//! Resources of a type that has every kind of attribute, and filters on them.

use std::{collections::BTreeMap, sync::Arc};

use scim_core::{
    filter::{Filter, Matcher},
    quirks::{Quirks, Tolerance},
    resource::Resource,
    schema::{Attribute, AttributeId, AttributeType, ResourceType, Returned, Schema},
    value::{Decimal, Object, Value},
};

use crate::random::Random;

pub const EXTENSION: &str = "urn:example:scim:schemas:every-thing_7%:2.10:User";
pub const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

const INSTANTS: &[&str] = &[
    "2010-01-01T00:00:00Z",
    "2010-01-01T00:00:00.001Z",
    "2010-01-01T00:00:00.000001Z",
    "2010-01-01T00:00:00.000000001Z",
    "2010-01-01T01:00:00+01:00",
    "2009-12-31T23:59:59.999999999Z",
    "2009-12-31T23:59:59Z",
    "2016-12-31T23:59:60Z",
    "2016-12-31T23:59:60.25Z",
    "2016-12-31T23:59:59.5Z",
    "2017-01-01T00:00:00Z",
    "1969-07-20T20:17:40.5Z",
    "0001-01-01T00:00:00Z",
    "0000-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999Z",
    "9999-12-31T12:00:00-11:59",
];
const DECIMALS: &[&str] = &[
    "0",
    "-0",
    "0.0",
    "5",
    "5.0",
    "5e0",
    "0.5e1",
    "5.5",
    "-5",
    "-5.5",
    "1e3",
    "1000",
    "0.001",
    "1e-3",
    "1e400",
    "-1e400",
    "1e-400",
    "0.1",
    "0.10000000000000000001",
    "123456789012345678901234567890",
    "-123456789012345678901234567890.5",
    "9007199254740993",
    "9007199254740992",
    "1E+2",
];
const INTEGERS: &[i64] =
    &[i64::MIN, i64::MIN + 1, -1000, -5, -1, 0, 1, 5, 6, 9, 10, 99, 9_007_199_254_740_993, i64::MAX];

/// Users with the Enterprise User extension and an extension with attributes of all kinds.
pub fn user() -> Arc<ResourceType> {
    let simple = || {
        [
            Attribute::new("value", AttributeType::String),
            Attribute::new("exact", AttributeType::String).case_exact(),
            Attribute::new("truth", AttributeType::Boolean),
            Attribute::new("count", AttributeType::Integer),
            Attribute::new("weight", AttributeType::Decimal),
            Attribute::new("time", AttributeType::DateTime),
            Attribute::new("bytes", AttributeType::Binary),
            Attribute::new("link", AttributeType::Reference).with_reference_types(["external"]),
        ]
    };
    let mut schema = Schema::new(EXTENSION, "Everything");
    for attribute in simple() {
        let plural = format!("{}s", attribute.name());
        schema = schema.with_attribute(attribute.clone());
        let mut several = Attribute::new(plural, attribute.data_type()).multi_valued();
        if attribute.is_case_exact() {
            several = several.case_exact();
        }
        schema = schema.with_attribute(several);
    }
    let primary = || Attribute::new("primary", AttributeType::Boolean);
    let tags = || Attribute::new("tags", AttributeType::String).multi_valued();
    let secret = || Attribute::new("secret", AttributeType::String).with_returned(Returned::Never);
    schema = schema
        .with_attribute(Attribute::complex("one", simple().into_iter().chain([tags()])))
        .with_attribute(Attribute::complex("many", simple().into_iter().chain([tags(), primary()])).multi_valued())
        .with_attribute(Attribute::complex("hidden", simple().into_iter().chain([secret()])).multi_valued());
    let resource_type = ResourceType::builder("User", "Users", Schema::user())
        .extension(Schema::enterprise_user(), false)
        .extension(schema, false)
        .relation("groups", "Group", "members", "displayName")
        .build();
    Arc::new(resource_type.expect("a resource type"))
}

/// Whether resources have values of the attribute, and filters may use the attribute.
fn is_used(resource_type: &ResourceType, attribute: AttributeId) -> bool {
    let definition = resource_type.attribute(attribute);
    let made = [AttributeId::SCHEMAS, AttributeId::ID, AttributeId::META_RESOURCE_TYPE, AttributeId::META_LOCATION];
    !made.contains(&attribute)
        && attribute != AttributeId::META_VERSION
        && !matches!(definition.name(), "groups" | "password" | "$ref")
}

pub fn value(random: &mut Random, resource_type: &ResourceType, attribute: AttributeId) -> Value {
    match resource_type.attribute(attribute).data_type() {
        AttributeType::Boolean => Value::Boolean(random.once_in(2)),
        AttributeType::Integer => Value::Integer(*random.of(INTEGERS)),
        AttributeType::Decimal => Value::Decimal(Decimal::parse(random.of::<&str>(DECIMALS)).expect("a number")),
        AttributeType::DateTime => Value::DateTime(random.of::<&str>(INSTANTS).parse().expect("an instant")),
        AttributeType::Complex => Value::Complex(object(random, resource_type, attribute, &|_, value| value)),
        AttributeType::String | AttributeType::Binary | AttributeType::Reference => Value::String(random.text().into()),
    }
}

fn object(
    random: &mut Random,
    resource_type: &ResourceType,
    parent: AttributeId,
    fit: &dyn Fn(AttributeId, Value) -> Value,
) -> Object {
    let mut object = Object::new();
    // Some resources have no values, or few.
    let rarity = 1 + random.below(4);
    for attribute in
        resource_type.children(parent).iter().copied().filter(|attribute| is_used(resource_type, *attribute))
    {
        if random.below(rarity + 2) < rarity {
            continue;
        }
        let value = if resource_type.attribute(attribute).is_multi_valued() {
            let several = (0..=random.below(3))
                .map(|_| value(random, resource_type, attribute))
                .map(|value| fit(attribute, value));
            Value::List(several.collect())
        } else if resource_type.attribute(attribute).data_type() == AttributeType::Complex {
            Value::Complex(self::object(random, resource_type, attribute, fit))
        } else {
            fit(attribute, value(random, resource_type, attribute))
        };
        object.insert(attribute, value);
    }
    object
}

/// A resource with its own id and with random values, each changed by `fit`.
pub fn resource(
    random: &mut Random,
    resource_type: &Arc<ResourceType>,
    number: usize,
    fit: &dyn Fn(AttributeId, Value) -> Value,
) -> Resource {
    let mut root = object(random, resource_type, AttributeId::ROOT, fit);
    let id = format!("{}{number}", random.of(&["", "A", "a", "é", "😀", "Z-"]));
    root.insert(AttributeId::ID, Value::String(id.into()));
    Resource::from_object(Arc::clone(resource_type), root)
}

/// The material of random filters: attributes, and their values in the resources.
pub struct Filters {
    resource_type: Arc<ResourceType>,
    simple: Vec<AttributeId>,
    complex: Vec<AttributeId>,
    values: BTreeMap<AttributeId, Vec<Value>>,
}

impl Filters {
    /// Filters on all attributes for which `includes` returns `true`.
    pub fn new(
        resource_type: &Arc<ResourceType>,
        resources: &[Resource],
        includes: impl Fn(AttributeId) -> bool,
    ) -> Self {
        let mut filters = Self {
            resource_type: Arc::clone(resource_type),
            simple: vec![AttributeId::ID],
            complex: Vec::new(),
            values: BTreeMap::new(),
        };
        filters.visit(AttributeId::ROOT, &includes);
        for resource in resources {
            filters.collect(resource.root());
        }
        filters
    }

    fn visit(&mut self, parent: AttributeId, includes: &impl Fn(AttributeId) -> bool) {
        for attribute in self.resource_type.clone().children(parent).iter().copied() {
            if !is_used(&self.resource_type, attribute) || self.resource_type.attribute(attribute).name() == "secret" {
                continue;
            }
            self.visit(attribute, includes);
            let is_complex = self.resource_type.attribute(attribute).data_type() == AttributeType::Complex;
            if includes(attribute) {
                if is_complex { &mut self.complex } else { &mut self.simple }.push(attribute);
            }
        }
    }

    fn collect(&mut self, object: &Object) {
        for (attribute, value) in object {
            for value in value.elements() {
                match value {
                    Value::Complex(object) => self.collect(object),
                    value => self.values.entry(attribute).or_default().push(value.clone()),
                }
            }
        }
    }

    pub fn simple(&self) -> &[AttributeId] {
        &self.simple
    }

    /// A random filter, as text.
    pub fn text(&self, random: &mut Random) -> String {
        self.tree(random, 3, None)
    }

    fn tree(&self, random: &mut Random, depth: usize, within: Option<AttributeId>) -> String {
        if depth == 0 {
            return self.term(random, within);
        }
        match random.below(10) {
            word @ (0 | 1) => {
                let parts = 2 + random.below(2);
                let parts: Vec<_> = (0..parts).map(|_| format!("({})", self.tree(random, depth - 1, within))).collect();
                parts.join([" and ", " or "][word])
            }
            2 if within.is_none() && random.once_in(2) => self.alternatives(random),
            2 => format!("not ({})", self.tree(random, depth - 1, within)),
            3 | 4 if within.is_none() && !self.complex.is_empty() => {
                // Lists of simple values have brackets, too.
                let lists: Vec<AttributeId> = self
                    .simple
                    .iter()
                    .copied()
                    .filter(|it| self.resource_type.attribute(*it).is_multi_valued() && self.is_top(*it))
                    .collect();
                let among = if random.once_in(4) && !lists.is_empty() { &lists } else { &self.complex };
                let outer = *random.of(among);
                format!("{}[{}]", self.resource_type.path(outer), self.tree(random, depth - 1, Some(outer)))
            }
            _ => self.term(random, within),
        }
    }

    /// Alternatives on the same attribute, and one on any attribute.
    fn alternatives(&self, random: &mut Random) -> String {
        let attribute = *random.of(&self.simple);
        let path = self.resource_type.path(attribute);
        let mut parts: Vec<String> =
            (0..2 + random.below(4)).map(|_| self.comparison(random, attribute, &path)).collect();
        parts.insert(random.below(parts.len()), self.term(random, None));
        format!("({})", parts.join(" or "))
    }

    /// Whether the attribute belongs to the resource itself or to an extension, not to a complex attribute.
    fn is_top(&self, attribute: AttributeId) -> bool {
        let parent = self.resource_type.parent(attribute);
        parent == AttributeId::ROOT
            || self.resource_type.extensions().iter().any(|extension| extension.attribute() == parent)
    }

    fn term(&self, random: &mut Random, within: Option<AttributeId>) -> String {
        let resource_type = &self.resource_type;
        let known = |attributes: &[AttributeId], parent: AttributeId| -> Vec<AttributeId> {
            attributes.iter().copied().filter(|it| resource_type.parent(*it) == parent).collect()
        };
        let (attribute, path) = match within {
            None => {
                if random.once_in(8) && !self.complex.is_empty() {
                    let complex = *random.of(&self.complex);
                    return format!("{} pr", resource_type.path(complex));
                }
                let attribute = *random.of(&self.simple);
                (attribute, resource_type.path(attribute))
            }
            Some(outer) if resource_type.attribute(outer).data_type() != AttributeType::Complex => {
                (outer, "value".to_owned())
            }
            Some(outer) => {
                let below = known(&self.simple, outer);
                if below.is_empty() || random.once_in(6) {
                    // An extension has its own complex attributes.
                    let complex = known(&self.complex, outer);
                    let complex =
                        complex.iter().map(|it| (*it, known(&self.simple, *it))).find(|(_, below)| !below.is_empty());
                    if let Some((complex, below)) = complex {
                        let attribute = *random.of(&below);
                        let name = |id| resource_type.attribute(id).name();
                        (attribute, format!("{}.{}", name(complex), name(attribute)))
                    } else if below.is_empty() {
                        return format!("{} pr", resource_type.attribute(resource_type.children(outer)[0]).name());
                    } else {
                        (below[0], resource_type.attribute(below[0]).name().to_owned())
                    }
                } else {
                    let attribute = *random.of(&below);
                    (attribute, resource_type.attribute(attribute).name().to_owned())
                }
            }
        };
        self.comparison(random, attribute, &path)
    }

    fn comparison(&self, random: &mut Random, attribute: AttributeId, path: &str) -> String {
        let operators: &[&str] = match self.resource_type.attribute(attribute).data_type() {
            AttributeType::String | AttributeType::Reference => {
                &["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le", "pr", "eq", "co", "sw", "ew"]
            }
            AttributeType::Boolean | AttributeType::Binary | AttributeType::Complex => &["eq", "ne", "eq", "pr"],
            _ => &["eq", "ne", "gt", "ge", "lt", "le", "pr", "eq"],
        };
        let operator = *random.of(operators);
        if operator == "pr" {
            return format!("{path} pr");
        }
        if matches!(operator, "eq" | "ne") && random.once_in(10) {
            return format!("{path} {operator} null");
        }
        let seen = self.values.get(&attribute).map(Vec::as_slice).unwrap_or_default();
        let value = if seen.is_empty() || random.once_in(4) {
            value(random, &self.resource_type, attribute)
        } else {
            random.of(seen).clone()
        };
        let literal = match value {
            Value::Boolean(truth) => truth.to_string(),
            Value::Integer(number) if random.once_in(6) => format!("{number}.5"),
            Value::Integer(number) => number.to_string(),
            Value::Decimal(number) => number.to_string(),
            Value::DateTime(time) => format!("\"{}\"", time.to_rfc3339()),
            Value::String(text) => {
                let text = random.like(&text);
                serde_json::to_string(&text).expect("text")
            }
            other => panic!("{other:?} is not simple"),
        };
        format!("{path} {operator} {literal}")
    }
}

/// The compiled filter; `None` if the text is longer than filters may be.
pub fn compile(resource_type: &Arc<ResourceType>, text: &str) -> Option<Matcher> {
    let filter: Filter = match text.parse() {
        Ok(filter) => filter,
        Err(_) if text.len() > 8_000 => return None,
        Err(error) => panic!("{text}: {error}"),
    };
    let matcher = filter.compile(resource_type, &mut Tolerance::new(Quirks::default()));
    Some(matcher.unwrap_or_else(|error| panic!("{text}: {error}")))
}
