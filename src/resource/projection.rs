//! The attributes in an answer: the schema's `returned`, `attributes` and `excludedAttributes` (RFC 7643 §7,
//! RFC 7644 §3.4.2.5, §3.9).

use std::sync::Arc;

use crate::{
    path::AttributePath,
    quirks::{Quirk, Tolerance},
    schema::{AttributeId, ResourceType, Returned},
};

/// The attributes of one resource type that an answer shows.
///
/// Built once per request, as a set in which each attribute is looked up. Requests without `attributes` and
/// `excludedAttributes` share one set for each resource type. An attribute that is never returned, such as
/// `password` (RFC 7643 §4.1.1), is in no projection.
///
/// ```
/// use scim_core::{quirks::{Quirks, Tolerance}, resource::Projection, schema::{AttributeId, Registry}};
///
/// let registry = Registry::standard();
/// let user = registry.resource_type("User").expect("registered");
/// let mut tolerance = Tolerance::new(Quirks::default());
/// let attributes = ["name.givenName".into()];
/// let projection = Projection::new(user, &attributes, &[], &mut tolerance)?;
/// let name = user.child(AttributeId::ROOT, "name").expect("defined");
/// assert!(projection.includes(name) && projection.includes(AttributeId::ID));
/// assert!(!projection.includes(user.child(name, "familyName").expect("defined")));
/// # Ok::<(), scim_core::resource::ProjectionError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Projection {
    resource_type: Arc<ResourceType>,
    /// A bit for each attribute. The bit of a complex attribute is set if any part of it is shown.
    shown: Arc<[u64]>,
}

impl Projection {
    /// The projection for a client that asks for no particular attributes (RFC 7644 §3.4).
    pub fn default_of(resource_type: &Arc<ResourceType>) -> Self {
        let shown = resource_type.shown_by_default(|| {
            let mut projection = Self::empty(resource_type);
            projection.add_all(AttributeId::ROOT);
            projection.shown
        });
        Self { resource_type: Arc::clone(resource_type), shown: Arc::clone(shown) }
    }

    /// The projection for the names in `attributes` and `excludedAttributes`, of which one list must be empty.
    ///
    /// A name is written as in a filter: `userName`, `name.givenName`,
    /// `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager`. An extension's URI alone stands for the
    /// whole extension. Unknown names are ignored. If `attributes` has only unknown names, only always-returned
    /// attributes are shown.
    ///
    /// # Errors
    ///
    /// When both lists have names and [`Quirk::BothProjections`] is not tolerated.
    pub fn new(
        resource_type: &Arc<ResourceType>,
        attributes: &[Box<str>],
        excluded: &[Box<str>],
        tolerance: &mut Tolerance,
    ) -> Result<Self, ProjectionError> {
        let named = |list: &[Box<str>]| list.iter().any(|name| !name.trim().is_empty());
        if named(attributes) {
            if named(excluded) && !tolerance.allows(Quirk::BothProjections) {
                return Err(ProjectionError {});
            }
            let mut projection = Self::empty(resource_type);
            projection.add_always(AttributeId::ROOT);
            for attribute in resolved(resource_type, attributes, tolerance) {
                projection.add(attribute);
            }
            return Ok(projection);
        }
        let mut projection = Self::default_of(resource_type);
        for attribute in resolved(resource_type, excluded, tolerance) {
            projection.remove(attribute);
        }
        Ok(projection)
    }

    /// Shows these attributes as well: a client that used them in its request gets them back even if they are
    /// returned only on request (RFC 7643 §7).
    #[must_use]
    pub fn with_requested(mut self, attributes: &[AttributeId]) -> Self {
        for attribute in attributes {
            self.add(*attribute);
        }
        self
    }

    /// Whether the attribute, or any part of it, is shown.
    #[inline]
    pub fn includes(&self, attribute: AttributeId) -> bool {
        let index = attribute.index();
        self.shown.get(index / 64).is_some_and(|word| word & (1 << (index % 64)) != 0)
    }

    /// The resource type as the client sees it.
    pub(crate) fn resource_type(&self) -> &ResourceType {
        &self.resource_type
    }

    fn empty(resource_type: &Arc<ResourceType>) -> Self {
        Self { resource_type: Arc::clone(resource_type), shown: vec![0; resource_type.len().div_ceil(64)].into() }
    }

    fn set(&mut self, attribute: AttributeId, shown: bool) {
        let index = attribute.index();
        if let Some(word) = Arc::make_mut(&mut self.shown).get_mut(index / 64) {
            let bit = 1 << (index % 64);
            *word = if shown { *word | bit } else { *word & !bit };
        }
    }

    /// Shows the default attributes below `parent`, which is shown itself.
    fn add_all(&mut self, parent: AttributeId) {
        let resource_type = Arc::clone(&self.resource_type);
        for &attribute in resource_type.children(parent) {
            if matches!(resource_type.attribute(attribute).returned(), Returned::Always | Returned::Default) {
                self.add_below(attribute);
            } else if resource_type.attribute(attribute).returned() == Returned::Request {
                // Sub-attributes that are always returned are shown, even if the attribute itself is not.
                self.add_always_of(attribute);
            }
        }
    }

    fn add_below(&mut self, attribute: AttributeId) {
        if self.resource_type.is_sensitive(attribute) {
            return;
        }
        self.set(attribute, true);
        self.add_all(attribute);
    }

    /// Shows the attributes below `parent` that every answer has; returns whether there are any.
    fn add_always(&mut self, parent: AttributeId) -> bool {
        let resource_type = Arc::clone(&self.resource_type);
        let mut any = false;
        for &attribute in resource_type.children(parent) {
            any |= self.add_always_of(attribute);
        }
        any
    }

    fn add_always_of(&mut self, attribute: AttributeId) -> bool {
        if self.resource_type.is_sensitive(attribute) {
            return false;
        }
        let below = self.add_always(attribute);
        // An attribute without sub-attributes is itself the value; a complex attribute is shown through its
        // sub-attributes.
        let always = self.resource_type.attribute(attribute).returned() == Returned::Always;
        if always && !self.resource_type.children(attribute).is_empty() {
            self.add_below(attribute);
        } else if always || below {
            self.set(attribute, true);
        }
        always || below
    }

    /// Shows a requested attribute.
    fn add(&mut self, attribute: AttributeId) {
        if self.resource_type.is_sensitive(attribute) {
            return;
        }
        if attribute == AttributeId::ROOT {
            self.add_all(AttributeId::ROOT);
            return;
        }
        self.add_below(attribute);
        let mut outer = self.resource_type.parent(attribute);
        while outer != AttributeId::ROOT {
            self.set(outer, true);
            outer = self.resource_type.parent(outer);
        }
    }

    /// Hides `attribute`, except its parts that are always returned.
    fn remove(&mut self, attribute: AttributeId) {
        self.hide(attribute);
        // An outer attribute that lost its last shown part is hidden as well.
        let resource_type = Arc::clone(&self.resource_type);
        let mut outer = resource_type.parent(attribute);
        while outer != AttributeId::ROOT {
            if resource_type.attribute(outer).returned() == Returned::Always
                || resource_type.children(outer).iter().any(|part| self.includes(*part))
            {
                break;
            }
            self.set(outer, false);
            outer = resource_type.parent(outer);
        }
    }

    fn hide(&mut self, attribute: AttributeId) {
        let resource_type = Arc::clone(&self.resource_type);
        if attribute != AttributeId::ROOT && resource_type.attribute(attribute).returned() == Returned::Always {
            return;
        }
        let parts = resource_type.children(attribute);
        for part in parts {
            self.hide(*part);
        }
        if !parts.iter().any(|part| self.includes(*part)) {
            self.set(attribute, false);
        }
    }
}

fn resolved(resource_type: &ResourceType, names: &[Box<str>], tolerance: &mut Tolerance) -> Vec<AttributeId> {
    let mut attribute = |name: &str| {
        let path: AttributePath = name.trim().parse().ok()?;
        resource_type.resolve(path.as_ref(), tolerance).ok()
    };
    names.iter().filter_map(|name| attribute(name)).collect()
}

/// `attributes` and `excludedAttributes` in one request, which exclude each other (RFC 7644 §3.9).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected either `attributes` or `excludedAttributes`, found both")]
#[non_exhaustive]
pub struct ProjectionError {}
