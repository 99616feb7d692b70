//! The table of all attributes of a resource type: a tree of nodes, in which a name is found by one look-up.
//!
//! This module knows no resource type; it does not check definitions.

use super::{Attribute, AttributeId, AttributeType, Mutability, Returned, SchemaError, SchemaErrorKind, key::Key};

/// The sub-attributes `value`, `$ref`, `primary` and `type` (RFC 7643 §2.4), looked up once.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Conventional {
    pub(crate) value: Option<AttributeId>,
    pub(crate) reference: Option<AttributeId>,
    pub(crate) primary: Option<AttributeId>,
    pub(crate) type_of: Option<AttributeId>,
}

/// An attribute in the table, with the facts about its sub-attributes that requests need often.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) attribute: Attribute,
    pub(super) parent: AttributeId,
    pub(super) children: Vec<AttributeId>,
    /// Hash table with open addressing over the children's names. `ROOT` marks a free slot: the root is never a child.
    table: Box<[AttributeId]>,
    pub(super) conventional: Conventional,
    /// The children that a client must set.
    pub(super) required: Box<[AttributeId]>,
    /// Whether at least one child is immutable.
    pub(super) has_immutable: bool,
    /// Whether [`judge`](crate::resource::judge) can refuse a value of the right type.
    pub(super) ruled: Extent,
    /// Whether a client cannot change a value at will.
    pub(super) fixed: Extent,
    /// The next child of the same parent.
    pub(super) next: AttributeId,
    pub(super) key: Key,
}

/// The extent of a rule in an attribute.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Extent {
    /// The rule applies to the attribute or to a part of it.
    pub(super) whole: bool,
    /// The rule applies to a part of the attribute.
    pub(super) parts: bool,
}

impl Extent {
    fn new(own: bool, parts: bool) -> Self {
        Self { whole: own || parts, parts }
    }
}

/// All attributes of a resource type, by id.
#[derive(Clone, Debug)]
pub(super) struct Table {
    root: Node,
    nodes: Vec<Node>,
}

impl Table {
    /// Returns a table that has only the resource itself.
    pub(super) fn new() -> Self {
        let root = Attribute::new("", AttributeType::Complex).with_returned(Returned::Always);
        Self { root: Node::new(root), nodes: Vec::new() }
    }

    /// The number of nodes, including the root. Every id is below this number.
    pub(super) fn len(&self) -> usize {
        self.nodes.len() + 1
    }

    /// All attributes without the root.
    pub(super) fn ids(&self) -> impl Iterator<Item = AttributeId> + use<> {
        (1..=u16::try_from(self.nodes.len()).unwrap_or(u16::MAX)).map(AttributeId)
    }

    fn attribute(&self, id: AttributeId) -> &Attribute {
        &self.node(id).attribute
    }

    // The look-ups are called for each name of a request from other modules.
    #[inline]
    pub(super) fn node(&self, id: AttributeId) -> &Node {
        id.index().checked_sub(1).and_then(|index| self.nodes.get(index)).unwrap_or(&self.root)
    }

    fn node_mut(&mut self, id: AttributeId) -> &mut Node {
        match id.index().checked_sub(1).and_then(|index| self.nodes.get_mut(index)) {
            Some(node) => node,
            None => &mut self.root,
        }
    }

    /// Returns whether `name` is the name of the attribute.
    #[inline]
    pub(super) fn is_named(&self, id: AttributeId, name: &str) -> bool {
        self.attribute(id).name() == name
    }

    /// Returns the attribute `name` directly below `parent`.
    #[inline]
    pub(super) fn child(&self, parent: AttributeId, name: &str) -> Option<AttributeId> {
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

    /// Adds an attribute below `parent`.
    pub(super) fn push(&mut self, parent: AttributeId, attribute: Attribute) -> Result<AttributeId, SchemaError> {
        let id = u16::try_from(self.nodes.len() + 1)
            .map(AttributeId)
            .map_err(|_| SchemaError::new(SchemaErrorKind::TooMany, attribute.name()))?;
        self.nodes.push(Node { parent, ..Node::new(attribute) });
        self.node_mut(parent).children.push(id);
        Ok(id)
    }

    /// Like `child`, for use before the tables exist.
    pub(super) fn child_by_scan(&self, parent: AttributeId, name: &str) -> bool {
        self.node(parent).children.iter().any(|child| self.attribute(*child).name().eq_ignore_ascii_case(name))
    }

    /// Keeps only these children in every node. Ids stay valid.
    pub(super) fn retain(&mut self, is_kept: impl Fn(&AttributeId) -> bool) {
        for node in self.nodes.iter_mut().chain([&mut self.root]) {
            node.children.retain(&is_kept);
        }
    }

    /// Makes the look-up tables of all nodes, after the last [`push`](Self::push) or [`retain`](Self::retain).
    pub(super) fn index(&mut self) {
        for index in 0..self.len() {
            // `push` bounds `len`.
            let id = AttributeId(u16::try_from(index).unwrap_or(u16::MAX));
            let children = self.node(id).children.clone();
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
                    && definition.mutability() != Mutability::ReadOnly
                    && *child != AttributeId::SCHEMAS
            };
            let required = children.iter().copied().filter(is_due).collect();
            let has_immutable =
                children.iter().any(|child| self.attribute(*child).mutability() == Mutability::Immutable);
            self.node_mut(id).required = required;
            self.node_mut(id).has_immutable = has_immutable;
            self.node_mut(id).conventional = if self.attribute(id).data_type() == AttributeType::Complex {
                Conventional {
                    value: self.child(id, "value"),
                    reference: self.child(id, "$ref"),
                    primary: self.child(id, "primary"),
                    type_of: self.child(id, "type"),
                }
            } else {
                Conventional::default()
            };
            let successors = children.iter().skip(1).chain([&AttributeId::ROOT]);
            for (child, next) in children.iter().zip(successors) {
                self.node_mut(*child).next = *next;
            }
        }
        // A child has a greater id than its parent.
        for index in (0..self.len()).rev() {
            let id = AttributeId(u16::try_from(index).unwrap_or(u16::MAX));
            let node = self.node(id);
            let definition = &node.attribute;
            let any = |is: fn(&Node) -> bool| node.children.iter().any(|child| is(self.node(*child)));
            let is_ruled = definition.is_restricted()
                || definition.is_multi_valued() && definition.data_type() == AttributeType::Complex
                || !node.required.is_empty();
            let is_fixed = matches!(definition.mutability(), Mutability::ReadOnly | Mutability::Immutable);
            let ruled = Extent::new(is_ruled, any(|child| child.ruled.whole));
            let fixed = Extent::new(is_fixed, any(|child| child.fixed.whole));
            let node = self.node_mut(id);
            (node.ruled, node.fixed) = (ruled, fixed);
        }
    }
}

impl Node {
    fn new(attribute: Attribute) -> Self {
        Self {
            key: Key::new(attribute.name()),
            attribute,
            parent: AttributeId::ROOT,
            children: Vec::new(),
            table: Box::new([]),
            conventional: Conventional::default(),
            required: Box::new([]),
            has_immutable: false,
            ruled: Extent::default(),
            fixed: Extent::default(),
            next: AttributeId::ROOT,
        }
    }
}

/// Whether a name is that of the attribute, compared without case (RFC 7643 §2.1). Requests mostly use the spelling of
/// the schema, so the exact comparison comes first.
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The characteristics of every attribute are examined, such as whether it is secret.
    #[test]
    fn a_full_table_has_an_id_for_each_attribute() {
        let mut table = Table::new();
        let mut push =
            |number: u32| table.push(AttributeId::ROOT, Attribute::new(format!("a{number}"), AttributeType::String));
        let pushed: Vec<AttributeId> = (1..=65_535).map(|number| push(number).expect("room")).collect();
        assert!(push(65_536).is_err());
        assert!(table.ids().eq(pushed));
    }
}
