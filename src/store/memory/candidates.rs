//! The resources that an index names for a condition.

use super::{
    index::{Id, Owners},
    tenant::{Table, Tenant},
};
use crate::{
    filter::{Comparison, Condition},
    resource::UniqueKey,
    schema::AttributeId,
};

/// The indexes of one table.
pub(super) struct Index<'a> {
    pub(super) tenant: &'a Tenant,
    pub(super) number: usize,
    pub(super) table: &'a Table,
}

/// A superset of the resources that satisfy a condition.
pub(super) enum Candidates<'a> {
    /// The resources with one value; `None` if there are none.
    Having(Option<&'a Owners>),
    /// Ids in any order, some of them repeated.
    Listed(Vec<&'a Id>),
}

impl<'a> Candidates<'a> {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Having(owners) => owners.map_or(0, Owners::len),
            Self::Listed(ids) => ids.len(),
        }
    }

    fn add_to(self, found: &mut Vec<&'a Id>) {
        match self {
            Self::Having(owners) => found.extend(owners.into_iter().flat_map(Owners::iter)),
            Self::Listed(ids) => found.extend(ids),
        }
    }
}

impl<'a> Index<'a> {
    /// A superset of the resources that satisfy the condition, if an index can provide it.
    pub(super) fn candidates(&self, condition: &Condition) -> Option<Candidates<'a>> {
        match condition {
            Condition::Compare(comparison) => self.having(comparison),
            // A value of one element is a value of the resource.
            Condition::Element { condition, .. } => self.candidates(condition),
            Condition::All(all) => {
                all.iter().filter_map(|condition| self.candidates(condition)).min_by_key(Candidates::len)
            }
            Condition::Any(any) => {
                let mut found = Vec::new();
                for condition in any {
                    self.candidates(condition)?.add_to(&mut found);
                }
                Some(Candidates::Listed(found))
            }
            Condition::Constant(false) => Some(Candidates::Listed(Vec::new())),
            _ => None,
        }
    }

    fn having(&self, comparison: &Comparison) -> Option<Candidates<'a>> {
        let key = UniqueKey::folded_of(comparison)?;
        let attribute = comparison.attribute();
        let Self { tenant, table, number } = *self;
        let resource_type = &table.resource_type;
        if attribute == AttributeId::ID {
            let known = table.rows.get_key_value(key.as_str()).map(|(id, _)| id.id());
            return Some(Candidates::Listed(known.into_iter().collect()));
        }
        if table.keys.is_indexed(attribute) {
            return Some(Candidates::Having(table.keys.having(attribute, &key)));
        }
        let list = resource_type.reference_list_of(attribute)?;
        (resource_type.value_of(list) == Some(attribute)).then(|| {
            let holdings = tenant.holdings(&key).filter(|it| it.table == number && it.list == list);
            Candidates::Listed(holdings.map(|holding| &holding.referrer).collect())
        })
    }
}
