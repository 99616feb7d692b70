//! Operations on lists, and the rules of the result.

use serde_json::{Map, Value as Json};

use super::{Condition, List, Model, Op, Preset, Refusal, Result};

impl Model {
    pub(super) fn list(&mut self, op: Op, list: &'static List, value: Option<&Json>) -> Result {
        let Some(given) = value.and_then(Json::as_array) else {
            if op != Op::Add {
                self.put(list, Vec::new());
            }
            return Ok(());
        };
        if op == Op::Remove {
            return self.remove(list, given);
        }
        let mut unique: Vec<Json> = Vec::new();
        for element in given {
            if unique.iter().all(|known| !list.is_same(known, element)) {
                unique.push(element.clone());
            }
        }
        if op == Op::Replace {
            self.put(list, unique);
            return Ok(());
        }
        let mut there = self.take(list);
        let stored = there.clone();
        let mut primaries = Vec::new();
        for element in unique {
            let is_primary = element["primary"] == true;
            let at = stored.iter().position(|stored| list.includes(stored, &element)).unwrap_or_else(|| {
                there.push(element);
                there.len() - 1
            });
            if is_primary {
                primaries.push(at);
            }
        }
        only_primary(&mut there, &primaries)?;
        self.put(list, there);
        Ok(())
    }

    /// A `remove` narrowed by a value deletes exactly the elements that the value names.
    fn remove(&mut self, list: &List, given: &[Json]) -> Result {
        let is_empty = |given: &Json| given.as_object().is_some_and(Map::is_empty);
        let names_nothing = |given: &Json| is_empty(given) || list.references && !given["value"].is_string();
        if given.iter().any(names_nothing) {
            return Err(Refusal::InvalidValue);
        }
        let mut there = self.take(list);
        there.retain(|element| !given.iter().any(|given| list.names(element, given)));
        self.put(list, there);
        Ok(())
    }

    pub(super) fn elements(
        &mut self,
        op: Op,
        list: &'static List,
        condition: Option<&Condition>,
        sub: Option<&'static str>,
        value: Option<&Json>,
    ) -> Result {
        let mut there = self.take(list);
        let is_selected = |element: &Json| condition.is_none_or(|condition| condition.holds(list, element));
        let selected: Vec<usize> = (0..there.len()).filter(|at| is_selected(&there[*at])).collect();
        let has_value = value.is_some();
        let value = value.filter(|value| !value.is_null());
        if selected.is_empty() {
            return match (op, condition) {
                (Op::Remove, _) => Ok(()),
                _ => self.create(op, list, condition, sub, value, has_value),
            };
        }
        self.edited.insert(list.name);
        let mut primaries = Vec::new();
        for at in &selected {
            let element = there[*at].as_object_mut().expect("an object");
            match (op, sub, value) {
                (Op::Remove, None, _) => element.clear(),
                (Op::Replace, None, None) => element.clear(),
                (Op::Remove, Some(sub), _) | (_, Some(sub), None) => set(list, element, sub, None)?,
                (_, Some(sub), Some(value)) => set(list, element, sub, Some(value))?,
                (_, None, None) => {}
                (_, None, Some(given)) => {
                    let given = given.as_object().expect("an object");
                    let (gone, new): (Vec<_>, Vec<_>) = given.iter().partition(|(_, value)| value.is_null());
                    for (sub, value) in new.into_iter().chain(gone) {
                        set(list, element, sub, Some(value).filter(|value| !value.is_null()))?;
                    }
                }
            }
            let becomes_primary = match (sub, value) {
                (Some("primary"), Some(value)) => value == true,
                (None, Some(given)) => given["primary"] == true,
                _ => false,
            };
            if op != Op::Remove && becomes_primary {
                primaries.push(*at);
            }
        }
        only_primary(&mut there, &primaries)?;
        there.retain(|element| element.as_object().is_some_and(|element| !element.is_empty()));
        self.put(list, there);
        Ok(())
    }

    /// An operation that selects nothing: where that is tolerated, the element comes into being that the condition
    /// describes, if with the value it still is what the condition describes.
    fn create(
        &mut self,
        op: Op,
        list: &'static List,
        condition: Option<&Condition>,
        sub: Option<&'static str>,
        value: Option<&Json>,
        has_value: bool,
    ) -> Result {
        let tolerated = match op {
            Op::Add => self.preset != Preset::Strict,
            _ => self.preset == Preset::Entra,
        };
        if has_value && value.is_none() {
            // No value, and there is none.
            return if op == Op::Add || tolerated { Ok(()) } else { Err(Refusal::NoTarget) };
        }
        if tolerated && value.is_some_and(is_nothing) {
            return Ok(());
        }
        let described = condition.and_then(|condition| condition.described(list)).filter(|_| tolerated);
        let (Some(condition), Some(mut element)) = (condition, described) else { return Err(Refusal::NoTarget) };
        match (sub, value) {
            (Some(sub), Some(value)) => drop(element.insert(sub.to_owned(), value.clone())),
            (None, Some(Json::Object(given))) => {
                element.extend(given.iter().filter(|(_, value)| !value.is_null()).map(|(k, v)| (k.clone(), v.clone())));
            }
            _ => {}
        }
        let element = Json::Object(element);
        if !condition.holds(list, &element) {
            return Err(Refusal::NoTarget);
        }
        let mut there = self.take(list);
        let is_primary = element["primary"] == true;
        there.push(element);
        let newest = there.len() - 1;
        only_primary(&mut there, if is_primary { std::slice::from_ref(&newest) } else { &[] })?;
        self.edited.insert(list.name);
        self.put(list, there);
        Ok(())
    }

    /// The rules of the result: what is required has text, values that became the same are one, at most one value is
    /// primary, and a reference has an id.
    pub(super) fn finish(&mut self) -> Result {
        if self.after[self.kind.required()] == "" {
            return Err(Refusal::Mutability);
        }
        for list in self.kind.lists() {
            let mut there = self.take(list);
            if self.edited.contains(list.name) {
                let mut kept: Vec<Json> = Vec::new();
                for element in there {
                    if kept.iter().all(|known| !list.are_one(known, &element)) {
                        kept.push(element);
                    }
                }
                there = kept;
                self.put(list, there.clone());
            }
            if there.iter().filter(|element| element["primary"] == true).count() > 1 {
                return Err(Refusal::InvalidValue);
            }
            if list.references && there.iter().any(|element| !element["value"].is_string()) {
                return Err(Refusal::InvalidValue);
            }
        }
        Ok(())
    }
}

/// Sets or clears a sub-attribute of an element. The id of a reference is immutable.
fn set(list: &List, element: &mut Map<String, Json>, sub: &str, value: Option<&Json>) -> Result {
    if list.references
        && let Some(stored) = element.get(sub)
    {
        return if value == Some(stored) { Ok(()) } else { Err(Refusal::Mutability) };
    }
    match value {
        Some(value) => drop(element.insert(sub.to_owned(), value.clone())),
        None => drop(element.remove(sub)),
    }
    Ok(())
}

/// Whether an object has no value at all, which makes no element.
fn is_nothing(value: &Json) -> bool {
    value.as_object().is_some_and(|object| object.values().all(Json::is_null))
}

/// Makes the one element at `positions` the primary one (§3.5.2).
fn only_primary(elements: &mut [Json], positions: &[usize]) -> Result {
    let [position] = positions else {
        return if positions.is_empty() { Ok(()) } else { Err(Refusal::InvalidValue) };
    };
    for (at, element) in elements.iter_mut().enumerate() {
        if at == *position {
            element["primary"] = true.into();
        } else if element["primary"] == true {
            element["primary"] = false.into();
        }
    }
    Ok(())
}
