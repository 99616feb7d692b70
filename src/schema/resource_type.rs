//! A resource type: its endpoint, its schemas and their attributes (RFC 7643 §3.2, §6).

use std::sync::{Arc, OnceLock};

use super::{
    Attribute, AttributeId, Mutability, Returned, Schema, Uniqueness,
    table::{Conventional, Table},
};

/// A schema extension of a resource type (RFC 7643 §3.3, §6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    pub(super) schema: Schema,
    pub(super) required: bool,
    pub(super) attribute: AttributeId,
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
    pub(super) name: Box<str>,
    pub(super) endpoint: Box<str>,
    pub(super) description: Box<str>,
    pub(super) schema: Schema,
    pub(super) extensions: Vec<Extension>,
    pub(super) table: Table,
    pub(super) unique: Vec<AttributeId>,
    pub(super) reference_lists: Vec<AttributeId>,
    pub(super) defaults: Vec<AttributeId>,
    pub(super) relations: Vec<[Box<str>; 4]>,
    pub(super) names: Vec<AttributeId>,
    pub(super) on_request: Vec<AttributeId>,
    /// A bit for each attribute that an answer shows by default. Almost every request needs them.
    pub(super) shown_by_default: OnceLock<Arc<[u64]>>,
}

impl ResourceType {
    /// The name of the type, which is the value of `meta.resourceType`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The path segment under the base URL, without slashes.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The base schema, then the schemas of the extensions.
    pub(crate) fn schemas(&self) -> impl Iterator<Item = &Schema> {
        std::iter::once(&self.schema).chain(self.extensions.iter().map(Extension::schema))
    }

    /// The description of the resource type; may be empty.
    pub fn description(&self) -> &str {
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
        &self.table.node(id).attribute
    }

    /// The attribute of which `id` is a sub-attribute; [`AttributeId::ROOT`] for a top-level attribute.
    pub fn parent(&self, id: AttributeId) -> AttributeId {
        self.table.node(id).parent
    }

    /// The attributes directly below `id`, in the order of their definition.
    pub fn children(&self, id: AttributeId) -> &[AttributeId] {
        &self.table.node(id).children
    }

    /// Returns the attribute `name` directly below `parent`, compared without case (RFC 7643 §2.1); `None` if `parent`
    /// has no such child.
    pub fn child(&self, parent: AttributeId, name: &str) -> Option<AttributeId> {
        self.table.child(parent, name)
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
        let node = self.table.node(id);
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

    /// Whether at most one resource has a value of the attribute: the id, or an attribute that the schema declares unique.
    pub(crate) fn is_unique(&self, attribute: AttributeId) -> bool {
        attribute == AttributeId::ID || self.unique_attributes().contains(&attribute)
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

    /// The list of references that `attribute` is or belongs to.
    pub(crate) fn reference_list_of(&self, attribute: AttributeId) -> Option<AttributeId> {
        let top = self.top_level(attribute);
        self.is_reference_list(top).then_some(top)
    }

    /// The attributes with a default, at the top level and in extensions.
    pub(crate) fn defaults(&self) -> &[AttributeId] {
        &self.defaults
    }

    /// The attributes that an answer shows only on request (RFC 7643 §7), also as sub-attributes.
    pub(crate) fn on_request(&self) -> &[AttributeId] {
        &self.on_request
    }

    /// The attributes that name a resource of the type to people, the preferred attribute first. A reference to the
    /// resource shows the first of these attributes with a value as its `display`. See
    /// [`ResourceTypeBuilder::named_by`](super::ResourceTypeBuilder::named_by).
    pub fn names(&self) -> &[AttributeId] {
        &self.names
    }

    /// Returns the sub-attribute `value` of a complex attribute, which identifies its elements (RFC 7643 §2.4); `None`
    /// if the attribute has no such sub-attribute.
    pub fn value_of(&self, id: AttributeId) -> Option<AttributeId> {
        self.table.node(id).conventional.value
    }

    pub(crate) fn conventional(&self, id: AttributeId) -> Conventional {
        self.table.node(id).conventional
    }

    /// The attributes directly below `id` that a client must set.
    pub(crate) fn required_children(&self, id: AttributeId) -> &[AttributeId] {
        &self.table.node(id).required
    }

    /// Whether an attribute directly below `id` is immutable.
    pub(crate) fn has_immutable_child(&self, id: AttributeId) -> bool {
        self.table.node(id).has_immutable
    }

    /// Whether a value of the attribute can break a rule of [`judge`](crate::resource::judge), whatever its state before.
    pub(crate) fn is_ruled(&self, id: AttributeId) -> bool {
        self.table.node(id).ruled.whole
    }

    /// Whether a client cannot change a value of the attribute, or of a part of it, at will.
    pub(crate) fn is_fixed(&self, id: AttributeId) -> bool {
        self.table.node(id).fixed.whole
    }

    /// Whether an attribute directly below `id` [is ruled](Self::is_ruled).
    pub(crate) fn has_ruled_child(&self, id: AttributeId) -> bool {
        self.table.node(id).ruled.parts
    }

    /// Whether an attribute directly below `id` [is fixed](Self::is_fixed).
    pub(crate) fn has_fixed_child(&self, id: AttributeId) -> bool {
        self.table.node(id).fixed.parts
    }

    /// The next attribute with the same parent, in the order of their definition; [`AttributeId::ROOT`] after the last
    /// one.
    pub(crate) fn next(&self, id: AttributeId) -> AttributeId {
        self.table.node(id).next
    }

    /// Whether `name` is the name of the attribute in the spelling of the schema.
    pub(crate) fn is_named(&self, id: AttributeId, name: &str) -> bool {
        self.table.is_named(id, name)
    }

    /// Adds `"name":` to the end of `out`.
    pub(crate) fn write_key(&self, id: AttributeId, out: &mut Vec<u8>) {
        self.table.node(id).key.append_name_to(out);
    }

    /// Adds `"name":"` to the end of `out`, the start of a member that is a text.
    pub(crate) fn write_text_key(&self, id: AttributeId, out: &mut Vec<u8>) {
        self.table.node(id).key.append_to(out);
    }

    /// Returns the resource type without these attributes and their sub-attributes. Every other attribute keeps its
    /// id, so that values that were read under one type are valid under the other.
    #[must_use]
    pub(crate) fn without(&self, hidden: &[AttributeId]) -> Self {
        let mut resource_type = self.clone();
        // An extension disappears with its last attribute.
        let emptied = |id: &AttributeId| {
            let children = self.children(*id);
            self.extensions.iter().any(|extension| extension.attribute == *id)
                && children.iter().all(|child| hidden.contains(child))
        };
        let is_hidden = |id: &AttributeId| hidden.contains(id) || emptied(id);
        resource_type.table.retain(|child| !is_hidden(child));
        resource_type.extensions.retain(|extension| !is_hidden(&extension.attribute));
        resource_type.table.index();
        resource_type.classify();
        resource_type
    }

    /// The attributes that an answer shows by default, a bit for each. `find` makes them once for the resource type.
    pub(crate) fn shown_by_default(&self, find: impl FnOnce() -> Arc<[u64]>) -> &Arc<[u64]> {
        self.shown_by_default.get_or_init(find)
    }

    pub(crate) fn declared_relations(&self) -> &[[Box<str>; 4]] {
        &self.relations
    }

    /// All attributes, including sub-attributes and the objects of extensions.
    pub(crate) fn attributes(&self) -> impl Iterator<Item = AttributeId> + use<> {
        self.table.ids()
    }

    /// The number of attributes, including the root. Every id is below this number.
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    /// Finds the attributes that are unique, that list references, and that have a default. Must follow every change of the
    /// table, after the table has been indexed.
    pub(super) fn classify(&mut self) {
        let (mut unique, mut lists, mut defaults, mut on_request) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for id in self.attributes() {
            let attribute = self.attribute(id);
            if attribute.returned() == Returned::Request {
                on_request.push(id);
            }
            if attribute.default_value().is_some() {
                defaults.push(id);
            }
            if attribute.uniqueness() != Uniqueness::None && id != AttributeId::ID {
                unique.push(id);
            }
            let points_to_resources = self.conventional(id).reference.is_some_and(|reference| {
                let types = self.attribute(reference).reference_types();
                types.iter().any(|name| !matches!(&**name, "external" | "uri"))
            });
            if attribute.is_multi_valued()
                && attribute.mutability() != Mutability::ReadOnly
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
        self.on_request = on_request;
        self.shown_by_default = OnceLock::new();
    }
}
