//! A resource type with all its attributes in one table that maps names to small ids (RFC 7643 §3.2, §6).

use std::fmt;

use super::{
    Attribute, AttributeType, Mutability, Returned, Schema, SchemaError, SchemaErrorKind, Uniqueness, default, display,
    standard,
};

/// An attribute of one [`ResourceType`], as a number that is cheap to compare and to copy.
///
/// An id is valid only for its resource type and must not be persisted: ids change when the schema changes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AttributeId(u16);

impl AttributeId {
    /// The resource itself: the parent of every top-level attribute.
    pub const ROOT: Self = Self(0);
    /// `schemas` (RFC 7643 §3).
    pub const SCHEMAS: Self = Self(1);
    /// `id` (RFC 7643 §3.1).
    pub const ID: Self = Self(2);
    /// `externalId` (RFC 7643 §3.1).
    pub const EXTERNAL_ID: Self = Self(3);
    /// `meta` (RFC 7643 §3.1).
    pub const META: Self = Self(4);
    /// `meta.resourceType`.
    pub const META_RESOURCE_TYPE: Self = Self(5);
    /// `meta.created`.
    pub const META_CREATED: Self = Self(6);
    /// `meta.lastModified`.
    pub const META_LAST_MODIFIED: Self = Self(7);
    /// `meta.location`.
    pub const META_LOCATION: Self = Self(8);
    /// `meta.version`.
    pub const META_VERSION: Self = Self(9);

    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Debug for AttributeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// A schema extension of a resource type (RFC 7643 §3.3, §6).
#[derive(Clone, Debug)]
pub struct Extension {
    schema: Schema,
    required: bool,
    attribute: AttributeId,
}

impl Extension {
    /// The extension's schema.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Whether every resource of the type must have the extension.
    pub fn is_required(&self) -> bool {
        self.required
    }

    /// The object with the extension's attributes. The name of the object is the schema's URI.
    pub fn attribute(&self) -> AttributeId {
        self.attribute
    }
}

/// The sub-attributes `value`, `$ref`, `primary` and `type` (RFC 7643 §2.4), looked up once.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Conventional {
    pub(crate) value: Option<AttributeId>,
    pub(crate) reference: Option<AttributeId>,
    pub(crate) primary: Option<AttributeId>,
    pub(crate) kind: Option<AttributeId>,
}

#[derive(Clone, Debug)]
struct Node {
    attribute: Attribute,
    parent: AttributeId,
    children: Vec<AttributeId>,
    /// Hash table with open addressing over the children's names. `ROOT` marks a free slot: the root is never a child.
    table: Box<[AttributeId]>,
    conventional: Conventional,
    /// The children that a client must set.
    required: Box<[AttributeId]>,
    /// Whether at least one child is immutable.
    has_immutable: bool,
    /// The JSON key with its colon, such as `"userName":`.
    key: Box<str>,
}

/// A resource type: its endpoint, its base schema, its extensions and the table of all their attributes
/// (RFC 7643 §3.2, §6).
///
/// ```
/// use scim_core::schema::{AttributeId, ResourceType, Schema};
///
/// let user = ResourceType::builder("User", "Users", Schema::user())
///     .extension(Schema::enterprise_user(), false)
///     .build()?;
/// let name = user.child(AttributeId::ROOT, "NAME").expect("User has a name");
/// let given = user.child(name, "givenName").expect("a name has a givenName");
/// assert_eq!(user.path(given), "name.givenName");
/// # Ok::<(), scim_core::schema::SchemaError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ResourceType {
    name: Box<str>,
    endpoint: Box<str>,
    description: Box<str>,
    schema: Schema,
    extensions: Vec<Extension>,
    root: Node,
    nodes: Vec<Node>,
    unique: Vec<AttributeId>,
    reference_lists: Vec<AttributeId>,
    defaults: Vec<AttributeId>,
    relations: Vec<[Box<str>; 4]>,
    names: Vec<AttributeId>,
}

impl ResourceType {
    /// Starts a resource type. `name` is the value of `meta.resourceType`, `endpoint` the path segment under the base
    /// URL (`Users` or `/Users`), `schema` the base schema.
    pub fn builder(name: &str, endpoint: &str, schema: Schema) -> ResourceTypeBuilder {
        ResourceTypeBuilder {
            name: name.into(),
            endpoint: endpoint.trim_start_matches('/').into(),
            description: Box::from(""),
            schema,
            extensions: Vec::new(),
            relations: Vec::new(),
            names: None,
        }
    }

    /// The name of the type, which is the value of `meta.resourceType`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The path segment under the base URL, without slashes.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The description of the resource type; may be empty.
    pub fn text(&self) -> &str {
        &self.description
    }

    /// The base schema.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The extensions, in the order in which they were added.
    pub fn extensions(&self) -> &[Extension] {
        &self.extensions
    }

    /// The definition of an attribute. An id of another resource type may return a wrong definition but never panics.
    pub fn attribute(&self, id: AttributeId) -> &Attribute {
        &self.node(id).attribute
    }

    /// The attribute of which `id` is a sub-attribute; [`AttributeId::ROOT`] for a top-level attribute.
    pub fn parent(&self, id: AttributeId) -> AttributeId {
        self.node(id).parent
    }

    /// The attributes directly below `id`, in the order of their definition.
    pub fn children(&self, id: AttributeId) -> &[AttributeId] {
        &self.node(id).children
    }

    /// Returns the attribute `name` directly below `parent`, compared without case (RFC 7643 §2.1); `None` if `parent`
    /// has no such child.
    pub fn child(&self, parent: AttributeId, name: &str) -> Option<AttributeId> {
        let node = self.node(parent);
        let mask = node.table.len().checked_sub(1)?;
        let mut slot = hash(name) & mask;
        loop {
            match *node.table.get(slot)? {
                AttributeId::ROOT => return None,
                id if is_name(self.node(id).attribute.name(), name) => return Some(id),
                _ => slot = (slot + 1) & mask,
            }
        }
    }

    /// Returns the extension with the URI `uri`, compared without case (RFC 7644 §3.10).
    pub fn extension(&self, uri: &str) -> Option<&Extension> {
        self.extensions.iter().find(|extension| extension.schema.id().eq_ignore_ascii_case(uri))
    }

    /// Returns the extension to which `id` belongs, also for the extension's object itself; `None` for an attribute of
    /// the base schema.
    pub fn extension_of(&self, id: AttributeId) -> Option<&Extension> {
        let top = self.top_level(id);
        self.extensions.iter().find(|extension| extension.attribute == top)
    }

    /// Returns the top-level attribute that contains `id` or is `id`. For an attribute of an extension, returns the
    /// extension's object.
    pub(crate) fn top_level(&self, id: AttributeId) -> AttributeId {
        let mut top = id;
        while self.parent(top) != AttributeId::ROOT {
            top = self.parent(top);
        }
        top
    }

    /// Returns the full path of an attribute in the spelling of the schemas: `userName`, `name.givenName`,
    /// `urn:…:enterprise:2.0:User:manager.value`. Empty for the root.
    pub fn path(&self, id: AttributeId) -> String {
        if id == AttributeId::ROOT {
            return String::new();
        }
        let node = self.node(id);
        let mut path = self.path(node.parent);
        if !path.is_empty() {
            let after_extension = self.extensions.iter().any(|extension| extension.attribute == node.parent);
            path.push(if after_extension { ':' } else { '.' });
        }
        path.push_str(node.attribute.name());
        path
    }

    /// The attributes whose values are unique among the resources of this type in one tenant, without `id`.
    pub fn unique_attributes(&self) -> &[AttributeId] {
        &self.unique
    }

    /// The multi-valued attributes that list references to resources, such as `members`. A store keeps each reference
    /// as a row, so that a change of one value is a change of one row.
    pub fn reference_lists(&self) -> &[AttributeId] {
        &self.reference_lists
    }

    /// Whether `id` is in [`ResourceType::reference_lists`].
    pub fn is_reference_list(&self, id: AttributeId) -> bool {
        self.reference_lists.contains(&id)
    }

    /// The attributes with a default, at the top level and in extensions.
    pub(crate) fn defaults(&self) -> &[AttributeId] {
        &self.defaults
    }

    /// The attributes that name a resource of the type to people, the preferred attribute first. A reference to the
    /// resource shows the first of these attributes with a value as its `display`. See
    /// [`ResourceTypeBuilder::named_by`].
    pub fn names(&self) -> &[AttributeId] {
        &self.names
    }

    /// Returns the sub-attribute `value` of a complex attribute, which identifies its elements (RFC 7643 §2.4); `None`
    /// if the attribute has no such sub-attribute.
    pub fn value_of(&self, id: AttributeId) -> Option<AttributeId> {
        self.node(id).conventional.value
    }

    pub(crate) fn conventional(&self, id: AttributeId) -> Conventional {
        self.node(id).conventional
    }

    /// The attributes directly below `id` that a client must set.
    pub(crate) fn required_children(&self, id: AttributeId) -> &[AttributeId] {
        &self.node(id).required
    }

    /// Whether an attribute directly below `id` is immutable.
    pub(crate) fn has_immutable_child(&self, id: AttributeId) -> bool {
        self.node(id).has_immutable
    }

    /// `"name":` as written in JSON.
    pub(crate) fn json_key(&self, id: AttributeId) -> &str {
        &self.node(id).key
    }

    /// Returns the resource type without these attributes and their sub-attributes. Every other attribute keeps its
    /// id, so that values that were read under one type are valid under the other.
    #[must_use]
    pub(crate) fn without(&self, hidden: &[AttributeId]) -> Self {
        let mut kind = self.clone();
        // An extension disappears with its last attribute.
        let emptied = |id: &AttributeId| {
            let children = self.children(*id);
            self.extensions.iter().any(|extension| extension.attribute == *id)
                && children.iter().all(|child| hidden.contains(child))
        };
        let is_hidden = |id: &AttributeId| hidden.contains(id) || emptied(id);
        for node in kind.nodes.iter_mut().chain([&mut kind.root]) {
            node.children.retain(|child| !is_hidden(child));
        }
        kind.extensions.retain(|extension| !is_hidden(&extension.attribute));
        kind.index();
        kind
    }

    pub(crate) fn declared_relations(&self) -> &[[Box<str>; 4]] {
        &self.relations
    }

    /// All attributes, including sub-attributes and the objects of extensions.
    pub(crate) fn attributes(&self) -> impl Iterator<Item = AttributeId> + use<> {
        (1..self.len()).filter_map(|index| u16::try_from(index).ok()).map(AttributeId)
    }

    /// The number of attributes, including the root. Every id is below this number.
    pub(crate) fn len(&self) -> usize {
        self.nodes.len() + 1
    }

    fn node(&self, id: AttributeId) -> &Node {
        id.index().checked_sub(1).and_then(|index| self.nodes.get(index)).unwrap_or(&self.root)
    }

    fn node_mut(&mut self, id: AttributeId) -> &mut Node {
        match id.index().checked_sub(1).and_then(|index| self.nodes.get_mut(index)) {
            Some(node) => node,
            None => &mut self.root,
        }
    }

    fn add(&mut self, parent: AttributeId, attribute: Attribute) -> Result<AttributeId, SchemaError> {
        let place = || match self.path(parent) {
            path if path.is_empty() => attribute.name().to_owned(),
            path => format!("{path}.{}", attribute.name()),
        };
        let sub_attributes = attribute.sub_attributes().to_vec();
        let fault = if self.child_by_scan(parent, attribute.name()) {
            Some(SchemaErrorKind::Duplicate)
        } else if (attribute.kind() == AttributeType::Complex) == sub_attributes.is_empty() {
            Some(SchemaErrorKind::SubAttributes)
        } else if attribute.unique() != Uniqueness::None
            && !matches!(
                attribute.kind(),
                AttributeType::String | AttributeType::Reference | AttributeType::Integer | AttributeType::Decimal
            )
        {
            Some(SchemaErrorKind::Uniqueness)
        } else if attribute.kind() != AttributeType::Reference && !attribute.references().is_empty() {
            Some(SchemaErrorKind::ReferenceTypes)
        } else {
            default::fault(&attribute)
        };
        if let Some(kind) = fault {
            return Err(SchemaError::new(kind, place()));
        }
        if !is_attribute_name(attribute.name()) {
            return Err(SchemaError::new(SchemaErrorKind::Name, place()));
        }
        let id = self.push(parent, attribute)?;
        for sub in sub_attributes {
            if sub.kind() == AttributeType::Complex {
                let place = format!("{}.{}", self.path(id), sub.name());
                return Err(SchemaError::new(SchemaErrorKind::NestedComplex, place));
            }
            if sub.default().is_some() {
                let place = format!("{}.{}", self.path(id), sub.name());
                return Err(SchemaError::new(SchemaErrorKind::DefaultPlace, place));
            }
            self.add(id, sub)?;
        }
        Ok(id)
    }

    fn push(&mut self, parent: AttributeId, attribute: Attribute) -> Result<AttributeId, SchemaError> {
        let id = u16::try_from(self.nodes.len() + 1)
            .map(AttributeId)
            .map_err(|_| SchemaError::new(SchemaErrorKind::TooMany, attribute.name()))?;
        let key = format!("\"{}\":", attribute.name()).into_boxed_str();
        self.nodes.push(Node { parent, key, ..Node::new(attribute) });
        self.node_mut(parent).children.push(id);
        Ok(id)
    }

    /// Like `child`, for use before the tables exist.
    fn child_by_scan(&self, parent: AttributeId, name: &str) -> bool {
        self.children(parent).iter().any(|child| self.attribute(*child).name().eq_ignore_ascii_case(name))
    }

    fn index(&mut self) {
        for index in 0..self.len() {
            // `push` bounds `len`.
            let id = AttributeId(u16::try_from(index).unwrap_or(u16::MAX));
            let children = self.children(id).to_vec();
            let mut table = vec![AttributeId::ROOT; (children.len() * 2 + 1).next_power_of_two()];
            let mask = table.len() - 1;
            for child in &children {
                let mut slot = hash(self.attribute(*child).name()) & mask;
                while table.get(slot).is_some_and(|used| *used != AttributeId::ROOT) {
                    slot = (slot + 1) & mask;
                }
                if let Some(free) = table.get_mut(slot) {
                    *free = *child;
                }
            }
            self.node_mut(id).table = table.into_boxed_slice();
            let is_due = |child: &AttributeId| {
                let definition = self.attribute(*child);
                definition.is_required()
                    && definition.mutable() != Mutability::ReadOnly
                    && *child != AttributeId::SCHEMAS
            };
            let required = children.iter().copied().filter(is_due).collect();
            let has_immutable = children.iter().any(|child| self.attribute(*child).mutable() == Mutability::Immutable);
            self.node_mut(id).required = required;
            self.node_mut(id).has_immutable = has_immutable;
            self.node_mut(id).conventional = if self.attribute(id).kind() == AttributeType::Complex {
                Conventional {
                    value: self.child(id, "value"),
                    reference: self.child(id, "$ref"),
                    primary: self.child(id, "primary"),
                    kind: self.child(id, "type"),
                }
            } else {
                Conventional::default()
            };
        }
        let ids = self.attributes();
        let (mut unique, mut lists, mut defaults) = (Vec::new(), Vec::new(), Vec::new());
        for id in ids {
            let attribute = self.attribute(id);
            if attribute.default().is_some() {
                defaults.push(id);
            }
            if attribute.unique() != Uniqueness::None && id != AttributeId::ID {
                unique.push(id);
            }
            let points_to_resources = self.conventional(id).reference.is_some_and(|reference| {
                let types = self.attribute(reference).references();
                types.iter().any(|name| !matches!(&**name, "external" | "uri"))
            });
            if attribute.is_multi_valued()
                && attribute.mutable() != Mutability::ReadOnly
                && self.parent(id) == AttributeId::ROOT
                && self.conventional(id).value.is_some()
                && points_to_resources
            {
                lists.push(id);
            }
        }
        self.unique = unique;
        self.reference_lists = lists;
        self.defaults = defaults;
    }
}

impl Node {
    fn new(attribute: Attribute) -> Self {
        Self {
            attribute,
            parent: AttributeId::ROOT,
            children: Vec::new(),
            table: Box::new([]),
            conventional: Conventional::default(),
            required: Box::new([]),
            has_immutable: false,
            key: Box::from(""),
        }
    }
}

/// Requests mostly use the spelling of the schema, so the exact comparison comes first.
#[inline]
fn is_name(own: &str, name: &str) -> bool {
    own.len() == name.len() && (own == name || own.eq_ignore_ascii_case(name))
}

/// Depends on the length and three letters only: cheap, and enough to distinguish the names of one object.
fn hash(name: &str) -> usize {
    let bytes = name.as_bytes();
    let fold = |at: usize| usize::from(bytes.get(at).copied().unwrap_or(0) | 0x20);
    let last = bytes.len().wrapping_sub(1);
    let mixed = bytes.len() ^ (fold(0) << 3) ^ (fold(last) << 1) ^ (fold(bytes.len() / 2) << 5);
    mixed ^ (mixed >> 7)
}

pub(crate) fn is_attribute_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'$')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'$' | b'-' | b'_'))
}

/// Builds a [`ResourceType`]. Made by [`ResourceType::builder`].
#[derive(Clone, Debug)]
#[must_use]
pub struct ResourceTypeBuilder {
    name: Box<str>,
    endpoint: Box<str>,
    description: Box<str>,
    schema: Schema,
    extensions: Vec<(Schema, bool)>,
    relations: Vec<[Box<str>; 4]>,
    names: Option<Vec<Box<str>>>,
}

impl ResourceTypeBuilder {
    /// Sets the description: the purpose of the resource type.
    pub fn description(mut self, text: impl Into<Box<str>>) -> Self {
        self.description = text.into();
        self
    }

    /// Adds an extension (RFC 7643 §3.3). If `required` is true, every resource of the type must have the extension.
    pub fn extension(mut self, schema: Schema, required: bool) -> Self {
        self.extensions.push((schema, required));
        self
    }

    /// Derives a read-only list from the referrers of a resource. `attribute` of this type lists the resources of type
    /// `holder` that have this resource's id in their list `list`. Each element shows the referrer's attribute
    /// `display` as its `display`. For example, a user's `groups` are
    /// `relation("groups", "Group", "members", "displayName")`.
    pub fn relation(mut self, attribute: &str, holder: &str, list: &str, display: &str) -> Self {
        self.relations.push([attribute, holder, list, display].map(Into::into));
        self
    }

    /// Chooses the attributes that name a resource of the type to people, the preferred attribute first. Without this
    /// call the name is `displayName`, if the type has that attribute and its responses show it by default. A resource
    /// without a value of these attributes has no name.
    ///
    /// A reference to the resource shows its name in the read-only sub-attribute `display`, or `displayName` as in
    /// `manager`. For example, the members of a group show the names of the users. The core reads the name for each
    /// response, from a store that [reads many resources at once](crate::store::Capabilities::get_many), so the name
    /// is never out of date. A new name does not change the version of the resource that shows it.
    ///
    /// ```
    /// use scim_core::schema::{Attribute, AttributeId, AttributeType, ResourceType, Schema};
    ///
    /// let robot = Schema::new("urn:example:scim:schemas:robot:1.0:Robot", "Robot")
    ///     .attribute(Attribute::new("model", AttributeType::String));
    /// let robot = ResourceType::builder("Robot", "Robots", robot).named_by(["model"]).build()?;
    /// assert_eq!(robot.names(), [robot.child(AttributeId::ROOT, "model").expect("defined")]);
    /// # Ok::<(), scim_core::schema::SchemaError>(())
    /// ```
    pub fn named_by<T: Into<Box<str>>>(mut self, attributes: impl IntoIterator<Item = T>) -> Self {
        self.names = Some(attributes.into_iter().map(Into::into).collect());
        self
    }

    /// Checks the definition and builds the table of attributes.
    ///
    /// # Errors
    ///
    /// When a name is invalid (RFC 7643 §2.1), an attribute occurs twice, complex attributes are nested (§2.3.8),
    /// uniqueness or reference types are set on a type that cannot have them (§2.3, §7), an attribute has an invalid
    /// [default](Attribute::default_value), or an attribute in [`named_by`](Self::named_by) is not a singular,
    /// readable string of the resource itself.
    pub fn build(self) -> Result<ResourceType, SchemaError> {
        for name in [&self.name, &self.endpoint] {
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
            if name.is_empty() || !name.bytes().all(allowed) {
                return Err(SchemaError::new(SchemaErrorKind::ResourceType, name.clone()));
            }
        }
        let root = Attribute::new("", AttributeType::Complex).returned(Returned::Always);
        let mut kind = ResourceType {
            name: self.name,
            endpoint: self.endpoint,
            description: self.description,
            schema: self.schema.clone(),
            extensions: Vec::new(),
            root: Node::new(root),
            nodes: Vec::new(),
            unique: Vec::new(),
            reference_lists: Vec::new(),
            defaults: Vec::new(),
            relations: self.relations,
            names: Vec::new(),
        };
        // First, so that the constants of `AttributeId` hold.
        for attribute in standard::common_attributes() {
            kind.add(AttributeId::ROOT, attribute)?;
        }
        check_schema_id(self.schema.id())?;
        for attribute in self.schema.attributes() {
            // If an older schema lists common attributes, the characteristics of RFC 7643 §3.1 apply instead.
            if !standard::is_common(attribute.name()) {
                kind.add(AttributeId::ROOT, attribute.clone())?;
            } else if attribute.default().is_some() {
                return Err(SchemaError::new(SchemaErrorKind::DefaultPlace, attribute.name()));
            }
        }
        for (schema, required) in self.extensions {
            check_schema_id(schema.id())?;
            let known = kind.schema.id().eq_ignore_ascii_case(schema.id()) || kind.extension(schema.id()).is_some();
            if known {
                return Err(SchemaError::new(SchemaErrorKind::Duplicate, schema.id()));
            }
            if let Some(attribute) = default::forces_extension(&schema).filter(|_| !required) {
                let place = format!("{}:{}", schema.id(), attribute.name());
                return Err(SchemaError::new(SchemaErrorKind::DefaultExtension, place));
            }
            let container = Attribute::new(schema.id(), AttributeType::Complex).description(schema.text());
            let attribute = kind.push(AttributeId::ROOT, container)?;
            for member in schema.attributes() {
                kind.add(attribute, member.clone())?;
            }
            kind.extensions.push(Extension { schema, required, attribute });
        }
        kind.index();
        kind.names = display::names_of(&kind, self.names.as_deref())?;
        Ok(kind)
    }
}

fn check_schema_id(id: &str) -> Result<(), SchemaError> {
    let forbidden =
        |c: char| c.is_whitespace() || c.is_control() || matches!(c, '"' | '\\' | '[' | ']' | '(' | ')' | ',');
    if id.contains(':') && !id.contains(forbidden) {
        return Ok(());
    }
    Err(SchemaError::new(SchemaErrorKind::SchemaId, id))
}
