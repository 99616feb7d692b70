//! Conditions as SQL.
//!
//! One walk over the condition writes the parts that the database can evaluate and reports how exact the result is. It
//! removes the text of a part that cannot be evaluated. The recursion is as deep as the filter, and the text is as
//! long as the filter.

use super::{
    comparable::is_kept,
    json::Json,
    mapping::{Column, Index, Mapping, Table},
    narrow::names_a_value,
    scalar::Scalar,
    statement::{Dialect, Statement},
    translator::{Base, Translator},
};
use crate::{
    filter::Condition,
    path::Place,
    schema::{AttributeId, AttributeType, Mutability},
    store::Pushdown,
};

impl Mapping {
    /// How far the database evaluates a condition: the answer for [`Store::pushdown`](crate::store::Store::pushdown).
    ///
    /// In a conjunction, conditions that cannot be evaluated are left out, which makes the result a superset. Of a
    /// text that `co` searches, the database receives 64 bytes at most: it compares them at each position of a value.
    ///
    /// ```
    /// use scim_core::{
    ///     filter::Filter, quirks::{Quirks, Tolerance}, schema::{AttributeId, Registry},
    ///     sql::{Column, Dialect, Mapping}, store::Pushdown,
    /// };
    ///
    /// let registry = Registry::standard();
    /// let user = registry.resource_type("User").expect("registered");
    /// let name = user.child(AttributeId::ROOT, "userName").expect("defined");
    /// let users = Mapping::columns(user, "u.id").with_column(name, Column::folded("u.folded_name"));
    /// let pushdown = |filter: &str| -> Result<Pushdown, Box<dyn std::error::Error>> {
    ///     let matcher = filter.parse::<Filter>()?.compile(user, &mut Tolerance::new(Quirks::default()))?;
    ///     Ok(users.pushdown(Dialect::Postgres, &matcher.conditions()[0]))
    /// };
    /// assert_eq!(pushdown(r#"userName sw "b""#)?, Pushdown::Exact);
    /// assert_eq!(pushdown(r#"title eq "guide""#)?, Pushdown::No);
    /// assert_eq!(pushdown(r#"(userName eq "b" and title pr) or userName eq "c""#)?, Pushdown::Superset);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn pushdown(&self, dialect: Dialect, condition: &Condition) -> Pushdown {
        let mut scratch = Statement::new(dialect);
        Translator::new(self, &mut scratch).condition(condition, &Base::Resource)
    }
}

impl Mapping {
    /// Whether the documents contain the values of the attribute: documents omit derived attributes.
    pub(super) fn has_in_document(&self, attribute: AttributeId) -> bool {
        let top = self.resource_type.attribute(self.resource_type.top_level(attribute));
        let derived = top.is_multi_valued() && top.mutability() == Mutability::ReadOnly;
        !derived && is_kept(&self.resource_type, attribute)
    }
}

impl<'a> Translator<'a> {
    /// Writes the conjunction of the conditions; `false` when the database cannot evaluate one of them.
    pub(super) fn conjunction(&mut self, conditions: &[&Condition]) -> bool {
        match conditions {
            [] => {
                self.statement.push("TRUE");
                true
            }
            [condition] => self.condition(condition, &Base::Resource) != Pushdown::No,
            _ => {
                let (left, right) = conditions.split_at(conditions.len() / 2);
                self.statement.push("(");
                let left = self.conjunction(left);
                self.statement.push(" AND ");
                let both = left && self.conjunction(right);
                self.statement.push(")");
                both
            }
        }
    }

    pub(super) fn condition(&mut self, condition: &Condition, base: &Base<'a>) -> Pushdown {
        match condition {
            Condition::All(all) => self.halved(all, true, &mut |it, condition| it.condition(condition, base)),
            Condition::Any(any) => self.alternatives(any, base),
            Condition::Not(condition) => self.whole(|it| {
                // The negation of a comparison with a null document would be null.
                let (begin, end) =
                    if it.mapping.columns_decide { ("NOT COALESCE((", "), FALSE)") } else { ("NOT (", ")") };
                it.statement.push(begin);
                let inner = it.condition(condition, base);
                it.statement.push(end);
                // The negation of a superset would miss resources.
                if inner == Pushdown::Exact { inner } else { Pushdown::No }
            }),
            Condition::Element { place, condition } => self.element(place, condition, base),
            Condition::Present(place) => self.present(place, base),
            Condition::Extension(attribute) => self.extension(*attribute, base),
            Condition::Compare(comparison) => self.comparisons(&[comparison], base),
            Condition::Constant(truth) => {
                self.statement.push(if *truth { "TRUE" } else { "FALSE" });
                Pushdown::Exact
            }
        }
    }

    /// Calls `write`, and removes the written text if `write` returns [`Pushdown::No`].
    fn whole(&mut self, write: impl FnOnce(&mut Self) -> Pushdown) -> Pushdown {
        let mark = self.statement.mark();
        let pushdown = write(self);
        if pushdown == Pushdown::No {
            self.statement.back_to(mark);
        }
        pushdown
    }

    /// A conjunction or disjunction, halved recursively: databases bound the depth of an expression, and a chain of a
    /// thousand operators would be a thousand levels deep.
    pub(super) fn halved<T>(
        &mut self,
        parts: &[T],
        and: bool,
        write: &mut dyn FnMut(&mut Self, &T) -> Pushdown,
    ) -> Pushdown {
        match parts {
            [] => {
                self.statement.push(if and { "TRUE" } else { "FALSE" });
                return Pushdown::Exact;
            }
            [part] => return self.whole(|it| write(it, part)),
            _ => {}
        }
        let (left, right) = parts.split_at(parts.len() / 2);
        self.whole(|it| {
            it.statement.push("(");
            let left = it.halved(left, and, write);
            if left == Pushdown::No && !and {
                return Pushdown::No;
            }
            let middle = it.statement.mark();
            if left != Pushdown::No {
                it.statement.push(if and { " AND " } else { " OR " });
            }
            let right = it.halved(right, and, write);
            match (left, right) {
                (Pushdown::No, Pushdown::No) => return Pushdown::No,
                (_, Pushdown::No) if !and => return Pushdown::No,
                (_, Pushdown::No) => it.statement.back_to(middle),
                _ => {}
            }
            it.statement.push(")");
            if (left, right) == (Pushdown::Exact, Pushdown::Exact) { Pushdown::Exact } else { Pushdown::Superset }
        })
    }

    /// Writes that `test` holds for one of the values at `place`, which are not complex.
    pub(super) fn at(
        &mut self,
        place: &Place,
        base: &Base<'a>,
        test: &mut dyn FnMut(&mut Self, &Scalar) -> Pushdown,
    ) -> Pushdown {
        let attribute = place.attribute();
        if let Some((_, table)) = self.mapping.table_on(place.route()) {
            // The rows belong to the resource, not to an element of a list.
            let in_element = matches!(base, Base::Row(_)) || matches!(base, Base::Json(json) if json.is_root());
            return if in_element { Pushdown::No } else { self.row(table, |it| it.of(table.find(attribute), test)) };
        }
        let column = match base {
            Base::Row(table) => return self.of(table.find(attribute), test),
            // Columns belong to the resource; they do not describe one element of a list.
            Base::Json(json) if json.is_root() => None,
            _ => self.mapping.find(attribute),
        };
        let from = match base {
            Base::Json(json) => Some(json.clone()),
            Base::Resource => self.document(attribute),
            _ => None,
        };
        let from = from.filter(|_| !(self.mapping.columns_decide && column.is_some()));
        let Some(from) = from else { return self.of(column, test) };
        let mark = self.statement.mark();
        if self.of(column, test) == Pushdown::Exact {
            return Pushdown::Exact;
        }
        self.statement.back_to(mark);
        let index = match base {
            Base::Resource if self.arrays.is_none() => self.mapping.index_of(self.statement.dialect, place.route()),
            // Only the resource's own values have an index, outside of a subquery.
            _ if self.mapping.indexed.is_some() => Index::None,
            _ => Index::Unknown,
        };
        self.each(from, place.route(), &mut |it, json| {
            let text = json.text(it.statement.dialect, &it.mapping.resource_type);
            test(it, &Scalar::computed(text, index))
        })
    }

    pub(super) fn of(
        &mut self,
        column: Option<&Column>,
        test: &mut dyn FnMut(&mut Self, &Scalar) -> Pushdown,
    ) -> Pushdown {
        column.map_or(Pushdown::No, |column| test(self, &Scalar::column(column)))
    }

    /// The document, if it contains the attribute.
    pub(super) fn document(&self, attribute: AttributeId) -> Option<Json> {
        let source = self.source.as_deref()?;
        if self.mapping.columns_decide && self.mapping.find(attribute).is_some() {
            return None;
        }
        self.mapping.has_in_document(attribute).then(|| Json::new(source))
    }

    /// Writes that `test` holds for one of the values at the end of the route.
    fn each(
        &mut self,
        from: Json,
        route: &[AttributeId],
        test: &mut dyn FnMut(&mut Self, &Json) -> Pushdown,
    ) -> Pushdown {
        let Some((first, rest)) = route.split_first() else { return test(self, &from) };
        let json = from.enter(*first);
        if !self.mapping.resource_type.attribute(*first).is_multi_valued() {
            return self.each(json, rest, test);
        }
        let (rows, element, _) = self.elements(&json);
        self.whole(|it| {
            it.statement.push("EXISTS (SELECT 1 FROM ").push(&rows).push(" WHERE ");
            let pushdown = it.each(element, rest, test);
            it.statement.push(")");
            pushdown
        })
    }

    /// Writes that `test` holds for one of the rows.
    fn row(&mut self, table: &Table, test: impl FnOnce(&mut Self) -> Pushdown) -> Pushdown {
        self.whole(|it| {
            it.statement.push("EXISTS (SELECT 1 FROM ").push(&table.from).push(" WHERE (").push(&table.on);
            it.statement.push(") AND ");
            let pushdown = test(it);
            it.statement.push(")");
            pushdown
        })
    }

    fn element(&mut self, place: &Place, condition: &Condition, base: &Base<'a>) -> Pushdown {
        let attribute = place.attribute();
        if !matches!(base, Base::Resource) {
            return Pushdown::No;
        }
        if let Some((mapped, table)) = self.mapping.table_on(place.route()) {
            if mapped != attribute {
                return Pushdown::No;
            }
            let by_owner = names_a_value(condition, table)
                .then(|| self.owned(table, |it| it.condition(condition, &Base::Row(table))))
                .flatten();
            return by_owner.unwrap_or_else(|| self.row(table, |it| it.condition(condition, &Base::Row(table))));
        }
        let Some(document) = self.document(attribute) else {
            // Without a document, only the condition itself can require that the value exists.
            return if needs_value(condition) && self.mapping.document.is_none() {
                self.condition(condition, &Base::Columns)
            } else {
                Pushdown::No
            };
        };
        let mark = self.statement.mark();
        self.statement.push("(");
        match self.found_element(place, condition) {
            None => self.statement.back_to(mark),
            Some(true) => {
                self.statement.push(")");
                return Pushdown::Exact;
            }
            Some(false) => {
                self.statement.push(" AND ");
                let pushdown = self.one_value(document, place, condition);
                self.statement.push(")");
                if pushdown == Pushdown::No {
                    self.statement.back_to(mark);
                }
                return pushdown;
            }
        }
        self.one_value(document, place, condition)
    }

    /// Writes that the condition holds for one of the complex values at `place`.
    fn one_value(&mut self, document: Json, place: &Place, condition: &Condition) -> Pushdown {
        self.each(document, place.route(), &mut |it, json| {
            if json.is_root() {
                return it.condition(condition, &Base::Json(json.clone()));
            }
            let exists = json.exists(it.statement.dialect, &it.mapping.resource_type);
            it.statement.push("(").push(&exists).push(" AND ");
            let pushdown = it.condition(condition, &Base::Json(json.clone()));
            it.statement.push(")");
            pushdown
        })
    }

    fn present(&mut self, place: &Place, base: &Base<'a>) -> Pushdown {
        let attribute = place.attribute();
        let test = &mut |it: &mut Self, scalar: &Scalar| {
            scalar.is_present(it.statement);
            Pushdown::Exact
        };
        if self.mapping.resource_type.attribute(attribute).data_type() != AttributeType::Complex {
            return self.whole(|it| it.at(place, base, test));
        }
        match (base, self.mapping.table_on(place.route()), self.document(attribute)) {
            (Base::Resource, Some((mapped, table)), _) if mapped == attribute => {
                self.row(table, |it| it.present_in(attribute, &|part| table.find(part)))
            }
            (Base::Resource, None, Some(document)) => {
                self.each(document, place.route(), &mut |it, json| it.present_below(json, attribute))
            }
            (Base::Resource, None, None) if self.mapping.document.is_none() => {
                let mapping = self.mapping;
                self.present_in(attribute, &|part| mapping.find(part))
            }
            (Base::Json(json), None, Some(_)) => {
                self.each(json.clone(), place.route(), &mut |it, json| it.present_below(json, attribute))
            }
            _ => Pushdown::No,
        }
    }

    /// Writes that a complex value, whose sub-attributes are in columns, has a sub-attribute that is not empty.
    fn present_in(&mut self, attribute: AttributeId, find: &dyn Fn(AttributeId) -> Option<&'a Column>) -> Pushdown {
        let Some(parts) = self.parts(attribute) else { return Pushdown::No };
        if parts.iter().filter_map(|part| find(*part)).any(|column| column.required) {
            self.statement.push("TRUE");
            return Pushdown::Exact;
        }
        self.halved(&parts, false, &mut |it, part| {
            let Some(column) = find(*part) else { return Pushdown::No };
            Scalar::column(column).is_present(it.statement);
            Pushdown::Exact
        })
    }

    /// Writes that a value in a document is not empty, or has a sub-attribute that is not empty.
    fn present_below(&mut self, json: &Json, attribute: AttributeId) -> Pushdown {
        let resource_type = &self.mapping.resource_type;
        if resource_type.attribute(attribute).data_type() != AttributeType::Complex {
            let text = json.text(self.statement.dialect, resource_type);
            Scalar::computed(text, Index::Unknown).is_present(self.statement);
            return Pushdown::Exact;
        }
        let Some(parts) = self.parts(attribute) else { return Pushdown::No };
        self.halved(&parts, false, &mut |it, part| {
            if it.mapping.table_on(&[*part]).is_some() {
                return Pushdown::No;
            }
            if let (false, Some(column)) = (json.is_root(), it.mapping.find(*part)) {
                Scalar::column(column).is_present(it.statement);
                return Pushdown::Exact;
            }
            it.each(json.clone(), &[*part], &mut |it, json| it.present_below(json, *part))
        })
    }

    /// The stored sub-attributes of a complex value; `None` if a filter must not use one of them.
    fn parts(&self, attribute: AttributeId) -> Option<Vec<AttributeId>> {
        let resource_type = &self.mapping.resource_type;
        let parts =
            resource_type.children(attribute).iter().copied().filter(|part| resource_type.referred_id(*part).is_none());
        let parts: Vec<AttributeId> = parts.collect();
        parts.iter().all(|part| is_kept(resource_type, *part)).then_some(parts)
    }

    fn extension(&mut self, attribute: AttributeId, base: &Base<'a>) -> Pushdown {
        match (base, self.mapping.find(attribute), self.document(attribute)) {
            (Base::Resource, Some(column), _) => Scalar::column(column).is_true(self.statement),
            (Base::Resource, None, Some(document)) => {
                let exists = document.enter(attribute).exists(self.statement.dialect, &self.mapping.resource_type);
                self.statement.push(&exists);
                Pushdown::Exact
            }
            _ => Pushdown::No,
        }
    }
}

/// Whether the condition is false for every empty complex value.
fn needs_value(condition: &Condition) -> bool {
    match condition {
        Condition::All(all) => all.iter().any(needs_value),
        Condition::Any(any) => any.iter().all(needs_value),
        Condition::Compare(_) | Condition::Present(_) => true,
        Condition::Constant(truth) => !truth,
        Condition::Not(_) | Condition::Element { .. } | Condition::Extension(_) => false,
    }
}
