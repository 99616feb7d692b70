//! The state of a list while its changes are made in order, and the condition that selects one value alone.

use std::collections::HashMap;

use super::Form;
use crate::{
    limits::Limits,
    resource::value_json,
    schema::{AttributeId, AttributeType, ResourceType},
    value::{Object, Value},
};

/// The values of a list, counted by the sub-attributes that conditions compare.
pub(super) struct State<'a> {
    resource_type: &'a ResourceType,
    limits: &'a Limits,
    list: AttributeId,
    /// The maximum number of bytes of a path outside its condition.
    around: usize,
    /// The combinations of sub-attributes that conditions consist of, in order of preference.
    choices: Vec<Vec<AttributeId>>,
    counts: HashMap<(usize, String), usize>,
    /// Whether `value` alone identifies the values, so that nothing needs counting.
    references: bool,
}

/// A condition and the number of its terms.
pub(super) type Condition = (String, usize);

impl<'a> State<'a> {
    /// The state of a list of references.
    pub(super) fn of_references(
        resource_type: &'a ResourceType,
        limits: &'a Limits,
        list: AttributeId,
        value: AttributeId,
    ) -> Self {
        Self { choices: vec![vec![value]], references: true, ..Self::new(resource_type, limits, list) }
    }

    pub(super) fn new(resource_type: &'a ResourceType, limits: &'a Limits, list: AttributeId) -> Self {
        let conventional = resource_type.conventional(list);
        let mut choices: Vec<Vec<AttributeId>> =
            identifying(resource_type, list).into_iter().map(|id| vec![id]).collect();
        if let (Some(value), Some(type_of)) = (conventional.value, conventional.type_of)
            && [value, type_of].iter().all(|id| choices.contains(&vec![*id]))
        {
            choices.push(vec![value, type_of]);
        }
        let names = resource_type.children(list).iter().map(|id| resource_type.attribute(*id).name().len());
        let around = resource_type.path(list).len() + "[].".len() + names.max().unwrap_or(0);
        Self { resource_type, limits, list, around, choices, counts: HashMap::new(), references: false }
    }

    pub(super) fn add(&mut self, object: &Object) {
        for key in self.keys(object) {
            *self.counts.entry(key).or_default() += 1;
        }
    }

    pub(super) fn remove(&mut self, object: &Object) {
        for key in self.keys(object) {
            if let Some(count) = self.counts.get_mut(&key) {
                *count = count.saturating_sub(1);
            }
        }
    }

    /// Whether the list contains a value that is the same.
    pub(super) fn has(&self, object: &Object) -> bool {
        !self.references && self.counts.get(&self.whole(object)).is_some_and(|count| *count > 0)
    }

    /// The condition that selects this value of the list and no other; `None` if no condition does.
    pub(super) fn condition(&self, object: &Object) -> Option<Condition> {
        let mut choices = self.choices.iter().enumerate();
        choices.find_map(|(index, choice)| {
            if !self.references && self.counts.get(&(index, self.key(choice, object)?)) != Some(&1) {
                return None;
            }
            let terms: Option<Vec<String>> = choice.iter().map(|id| self.term(*id, object.get(*id)?)).collect();
            let text = terms?.join(" and ");
            let fits = self.around + text.len() <= self.limits.path_bytes && choice.len() <= self.limits.filter_terms;
            fits.then_some((text, choice.len()))
        })
    }

    fn term(&self, id: AttributeId, value: &Value) -> Option<String> {
        // No filter can express U+0000, and a service provider may take an empty text for no value.
        let can_be_said = value.as_str().is_none_or(|text| !text.is_empty() && !text.contains('\0'));
        let name = self.resource_type.attribute(id).name();
        can_be_said.then(|| format!("{name} eq {}", value_json(self.resource_type, id, value)))
    }

    fn keys(&self, object: &Object) -> Vec<(usize, String)> {
        if self.references {
            return Vec::new();
        }
        let choices = self.choices.iter().enumerate();
        let keys = choices.filter_map(|(index, choice)| Some((index, self.key(choice, object)?)));
        keys.chain([self.whole(object)]).collect()
    }

    fn key(&self, choice: &[AttributeId], object: &Object) -> Option<String> {
        let form = Form { resource_type: self.resource_type, exact: false };
        choice.iter().map(|id| Some(form.of(*id, object.get(*id)?))).collect()
    }

    fn whole(&self, object: &Object) -> (usize, String) {
        let form = Form { resource_type: self.resource_type, exact: false };
        (usize::MAX, form.of(self.list, &Value::Complex(object.clone())))
    }
}

/// The sub-attributes that may identify the values of a list, in order of preference: those that a filter may name
/// and that have one value.
pub(super) fn identifying(resource_type: &ResourceType, list: AttributeId) -> Vec<AttributeId> {
    let conventional = resource_type.conventional(list);
    let first = [conventional.value, conventional.type_of];
    let is_usable = |id: AttributeId| {
        let definition = resource_type.attribute(id);
        super::is_writable(resource_type, id)
            && !resource_type.is_sensitive(id)
            && !definition.is_multi_valued()
            && definition.data_type() != AttributeType::Complex
            && Some(id) != conventional.primary
    };
    let rest = resource_type.children(list).iter().copied().filter(|id| !first.contains(&Some(*id)));
    first.into_iter().flatten().chain(rest).filter(|id| is_usable(*id)).collect()
}
