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
            let Some(element) = self.read(list, element)? else { continue };
            if unique.iter().all(|known| !list.is_same(known, &element)) {
                unique.push(element);
            }
        }
        if op == Op::Replace {
            let is_object_with = |element: &Json, len| element.as_object().is_some_and(|object| object.len() == len);
            let is_unknown = |element: &Json| is_object_with(element, 1) && element.get("unknown").is_some();
            if !unique.is_empty() {
                self.edited.remove(list.name);
                self.put(list, unique);
            } else if given.iter().any(is_unknown) {
                // The schema does not know the members: the operation is an operation on an unknown attribute.
            } else if given.iter().any(|element| is_object_with(element, 0)) {
                return Err(Refusal::InvalidValue);
            } else {
                self.put(list, Vec::new());
            }
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

    /// The element of a list in a request, without its empty members; `None` if only labels remain and the client
    /// states that there is no value.
    fn read(&self, list: &List, given: &Json) -> std::result::Result<Option<Json>, Refusal> {
        let given = given.as_object().expect("an object");
        if given.contains_key("unknown") && self.preset == Preset::Strict {
            return Err(Refusal::InvalidSyntax);
        }
        let says = |sub: &str, value: &Json| sub != "unknown" && !value.is_null() && !self.is_no_text(list, sub, value);
        let said: Map<_, _> = given
            .iter()
            .filter(|(sub, value)| says(sub, value))
            .map(|(sub, value)| (sub.clone(), value.clone()))
            .collect();
        if list.references && said.get("value").is_none_or(|value| value == "") {
            return Err(Refusal::InvalidValue);
        }
        let lacks_value = given.contains_key("value") && !said.contains_key("value");
        let is_nothing = said.is_empty() || lacks_value && only_labels(&said);
        Ok((!is_nothing).then(|| said.into()))
    }

    /// A `remove` narrowed by a value deletes exactly the elements that the value names.
    fn remove(&mut self, list: &List, given: &[Json]) -> Result {
        let is_empty = |given: &Json| given.as_object().is_some_and(Map::is_empty);
        let names_nothing =
            |given: &Json| is_empty(given) || list.references && given["value"].as_str().is_none_or(str::is_empty);
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
        let is_no_text = |value: &Json| sub.is_some_and(|sub| self.is_no_text(list, sub, value));
        let value = value.filter(|value| !value.is_null() && !is_no_text(value));
        if let (Op::Add | Op::Replace, None, Some(Json::Object(given))) = (op, sub, value)
            && given.contains_key("unknown")
            && self.preset == Preset::Strict
        {
            return Err(Refusal::InvalidSyntax);
        }
        if selected.is_empty() {
            return match (op, condition) {
                (Op::Remove, _) => Ok(()),
                _ => self.create(op, list, condition, sub, value, has_value),
            };
        }
        // A value that was removed, or that the operation left alone, is no changed value.
        if sub.is_some() || op != Op::Remove && value.is_some() || op == Op::Add && !has_value {
            self.edited.insert(list.name);
        }
        let empties = self.preset != Preset::Strict;
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
                    let is_gone = |sub: &str, value: &Json| {
                        value.is_null() || list.references && value == "" || empties && sub == "value" && value == ""
                    };
                    let given = given.iter().filter(|(sub, _)| *sub != "unknown");
                    let (gone, new): (Vec<_>, Vec<_>) = given.partition(|(sub, value)| is_gone(sub, value));
                    for (sub, value) in new.into_iter().chain(gone) {
                        set(list, element, sub, Some(value).filter(|value| !is_gone(sub, value)))?;
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

    /// The elements that no operation changed, and each other element that is equal neither to them nor to an earlier
    /// element.
    fn without_doubles(&self, list: &List, there: Vec<Json>) -> Vec<Json> {
        let mut stored = self.before[list.name].as_array().cloned().unwrap_or_default();
        let mut is_stored = |element: &Json| {
            let at = stored.iter().position(|stored| stored == element);
            at.map(|at| stored.swap_remove(at)).is_some()
        };
        let there: Vec<(bool, Json)> = there.into_iter().map(|element| (is_stored(&element), element)).collect();
        let mut known: Vec<Json> = there.iter().filter(|(is_stored, _)| *is_stored).map(|(_, it)| it.clone()).collect();
        let mut kept = Vec::new();
        for (is_stored, element) in there {
            if is_stored || known.iter().all(|known| !list.are_one(known, &element)) {
                known.push(element.clone());
                kept.push(element);
            }
        }
        kept
    }

    /// An operation that selects nothing: if that is tolerated, it creates the element that the condition describes,
    /// provided that the element with the value still satisfies the condition. Labels alone create no element if the
    /// client gives no value, or states that there is no value.
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
            // The client clears a value that does not exist.
            return if op == Op::Add || tolerated { Ok(()) } else { Err(Refusal::NoTarget) };
        }
        let Some(condition) = condition.filter(|_| tolerated) else { return Err(Refusal::NoTarget) };
        if value.is_some_and(is_nothing) {
            return Ok(());
        }
        let Some(mut element) = condition.described(list) else { return Err(Refusal::NoTarget) };
        let mut has_no_value = value.is_none();
        match (sub, value) {
            (Some(sub), Some(value)) => drop(element.insert(sub.to_owned(), value.clone())),
            (None, Some(Json::Object(given))) => {
                let says = |sub: &str, value: &Json| {
                    sub != "unknown" && !value.is_null() && !self.is_no_text(list, sub, value)
                };
                let said = given.iter().filter(|(sub, value)| says(sub, value));
                has_no_value = given.get("value").is_some_and(|value| !says("value", value));
                element.extend(said.map(|(sub, value)| (sub.clone(), value.clone())));
            }
            _ => {}
        }
        let is_nothing = has_no_value && only_labels(&element);
        let element = Json::Object(element);
        if !condition.holds(list, &element) {
            return Err(Refusal::NoTarget);
        }
        if is_nothing {
            return Ok(());
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

    /// The rules of the result: a required attribute has text, values that became equal are one value, at most one
    /// value is primary, and a reference has an id.
    pub(super) fn finish(&mut self) -> Result {
        if self.after[self.kind.required()] == "" {
            return Err(Refusal::Mutability);
        }
        for list in self.kind.lists() {
            let mut there = self.take(list);
            if self.edited.contains(list.name) {
                there = self.without_doubles(list, there);
                self.put(list, there.clone());
            }
            if there.iter().filter(|element| element["primary"] == true).count() > 1 {
                return Err(Refusal::InvalidValue);
            }
            if list.references && there.iter().any(|element| element["value"].as_str().is_none_or(str::is_empty)) {
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

/// Whether a value has no content, so that it creates no element.
fn is_nothing(value: &Json) -> bool {
    match value {
        Json::Object(members) => members.iter().all(|(sub, value)| sub == "unknown" || is_nothing(value)),
        value => value.is_null() || value == "",
    }
}

/// Whether an element has only labels.
fn only_labels(element: &Map<String, Json>) -> bool {
    element.keys().all(|sub| ["type", "primary"].contains(&sub.as_str()))
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
