//! Lists of references, such as the members of a group: the values to add and to remove, never the list.
//!
//! The `value` alone identifies a reference, so no value has to be compared with any other.

use std::collections::{HashMap, HashSet};

use super::{Comparison, DiffError, DiffErrorKind, Form, Step, element::Element, state::State};
use crate::{patch::Op, resource::ResourceErrorKind, schema::AttributeId};

impl Comparison<'_> {
    /// The steps that turn `before` into `wanted`; neither list is empty.
    pub(super) fn references<'a>(
        &self,
        list: AttributeId,
        value: AttributeId,
        path: &str,
        before: &[Element<'a>],
        wanted: &[Element<'a>],
    ) -> Result<Vec<Step>, DiffError> {
        let inexpressible = || DiffError::new(DiffErrorKind::Inexpressible, self.resource_type.path(value));
        let too_large = || DiffError::new(DiffErrorKind::TooLarge, self.resource_type.path(value));
        let id_of = |element: &Element<'a>| element.object()?.get(value)?.as_str();
        let there: HashMap<&str, Element<'_>> = before.iter().filter_map(|it| Some((id_of(it)?, *it))).collect();
        if self.nameless(list, before, &id_of) != self.nameless(list, wanted, &id_of) {
            return Err(inexpressible());
        }
        let mut state = State::of_references(self.resource_type, self.limits, list, value);
        // A path can name every id, unless the path is too long.
        let unnamed = |id: &str| match id {
            id if id.is_empty() || id.contains('\0') => inexpressible(),
            _ => too_large(),
        };
        let (mut coming, mut changed, mut staying, mut said) = (Vec::new(), Vec::new(), Vec::new(), false);
        let mut kept = HashSet::with_capacity(wanted.len());
        for element in wanted {
            let (Some(object), Some(id)) = (element.object(), id_of(element)) else { continue };
            let Some((was, was_primary)) = there.get(id).and_then(|was| Some((was.object()?, was.is_primary))) else {
                said |= element.is_primary;
                coming.push(self.element_json(list, *element)?);
                continue;
            };
            kept.insert(id);
            let parts = self.parts(list, was, object);
            let parts = parts.ok_or_else(|| DiffError::rule(ResourceErrorKind::Immutable, self.resource_type, list))?;
            if !parts.is_empty() {
                let change = self.change(list, path, &mut state, (was, *element), &parts)?;
                let (steps, says) = change.ok_or_else(|| unnamed(id))?;
                changed.extend(steps);
                said |= says;
            }
            if was_primary || element.is_primary {
                staying.push((was_primary, *element));
            }
        }
        let mut going = Vec::new();
        for element in before {
            let (Some(object), Some(id)) = (element.object(), id_of(element)) else { continue };
            if !kept.contains(id) {
                going.push(state.condition(object).ok_or_else(|| unnamed(id))?);
            }
        }
        // Additions come first: a list that must not be empty never is, even if no old value stays.
        let mut steps = Vec::new();
        if !coming.is_empty() {
            steps.push(Step::Values { list, op: Op::Add, path: path.to_owned(), values: coming });
        }
        if !going.is_empty() {
            steps.push(Step::Gone { list, path: path.to_owned(), conditions: going });
        }
        steps.extend(changed);
        steps.extend(self.primary(list, path, &state, &staying, said).ok_or_else(too_large)?);
        Ok(steps)
    }
    /// The values without `value`, which no path can name, in their text form.
    fn nameless<'a>(
        &self,
        list: AttributeId,
        elements: &[Element<'a>],
        id_of: &impl Fn(&Element<'a>) -> Option<&'a str>,
    ) -> HashSet<String> {
        let form = Form { resource_type: self.resource_type, exact: true };
        let nameless = elements.iter().filter(|element| id_of(element).is_none());
        nameless.map(|element| form.of(list, element.value)).collect()
    }
}
