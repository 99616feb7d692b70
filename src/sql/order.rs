//! The order of a list, and the part of it in a window, as SQL (RFC 7644 §3.4.2.3, §3.4.2.4; RFC 9865).
//!
//! Every order ends with the id, so that the order is total. A sort position is compared, never looked up.

use super::{
    json::Json,
    mapping::{Column, Form, Mapping, Table},
    scalar::Scalar,
    statement::{Dialect, Param, Statement},
    translator::Translator,
};
use crate::{
    filter::{Comparand, Condition, Operator},
    path::Place,
    resource::{Position, Sort, SortKey},
    schema::{AttributeId, AttributeType},
    store::{Pushdown, Window},
};

/// The error for a condition or an order that the [`Mapping`] cannot express.
///
/// It does not occur in a store that asks [`Mapping::pushdown`] and [`Mapping::sorts`] first.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected conditions and an order that the mapping has columns for")]
pub struct Unmapped(());

impl Mapping {
    /// Whether the database can sort resources in this order.
    pub fn sorts(&self, dialect: Dialect, sort: &Sort) -> bool {
        let mut scratch = Statement::new(dialect);
        Translator::new(self, &mut scratch).key(sort).is_some()
    }

    /// The expression by which resources are found and sorted by an attribute, for use in an index. `None` for an
    /// attribute that is multi-valued, complex or not mapped.
    ///
    /// A B-tree of PostgreSQL refuses text of more than some 2,700 bytes, and the insertion fails. For attributes
    /// without a length limit, make an index `USING hash`, which serves `eq`.
    ///
    /// ```
    /// use scim_core::{schema::{AttributeId, Registry}, sql::{Dialect, Mapping}};
    ///
    /// let registry = Registry::standard();
    /// let user = registry.resource_type("User").expect("registered");
    /// let name = user.child(AttributeId::ROOT, "userName").expect("defined");
    /// // In an index the table has no alias.
    /// let users = Mapping::documents(user, "id", "comparable");
    /// assert_eq!(users.index(Dialect::Postgres, name).as_deref(), Some(r#"(comparable ->> 'userName') COLLATE "C""#));
    /// assert_eq!(users.index(Dialect::Sqlite, name).as_deref(), Some(r#"json_extract(comparable, '$."userName"')"#));
    /// ```
    pub fn index(&self, dialect: Dialect, attribute: AttributeId) -> Option<String> {
        Some(self.single(dialect, attribute)?.ordered(dialect))
    }

    /// The expression for the index of an attribute that is [declared](Mapping::with_indexed). In SQLite this is the
    /// expression of [`Mapping::index`]. In PostgreSQL it is the beginning of the value, which fits into a B-tree
    /// whatever the length of the value. `None` for an attribute that is multi-valued, complex or not mapped.
    ///
    /// The index serves `eq`, `sw`, `gt`, `ge`, `lt`, `le` and the order if the key follows the columns that the
    /// host's part of the statement compares by `=`, and the id follows the key.
    ///
    /// ```
    /// use scim_core::{schema::{AttributeId, Registry}, sql::{Dialect, Mapping}};
    ///
    /// let registry = Registry::standard();
    /// let user = registry.resource_type("User").expect("registered");
    /// let name = user.child(AttributeId::ROOT, "userName").expect("defined");
    /// let users = Mapping::documents(user, "id", "comparable").with_indexed([name]);
    /// let key = users.key(Dialect::Postgres, name).expect("singular");
    /// assert_eq!(key, r#"left((comparable ->> 'userName'), 200) COLLATE "C""#);
    /// let index = format!("CREATE INDEX user_name ON resource (tenant, kind, ({key}), id)");
    /// # let _ = index;
    /// ```
    pub fn key(&self, dialect: Dialect, attribute: AttributeId) -> Option<String> {
        Some(self.single(dialect, attribute)?.key(dialect))
    }

    /// The value of an attribute that is neither complex nor multi-valued, nor a part of a multi-valued attribute.
    fn single(&self, dialect: Dialect, attribute: AttributeId) -> Option<Scalar> {
        let resource_type = &self.resource_type;
        let route = Place::new(resource_type, AttributeId::ROOT, attribute);
        let is_single = |id: &AttributeId| !resource_type.attribute(*id).is_multi_valued();
        if resource_type.attribute(attribute).data_type() == AttributeType::Complex
            || !route.route().iter().all(is_single)
        {
            return None;
        }
        let mut scratch = Statement::new(dialect);
        let translator = Translator::new(self, &mut scratch);
        let column = self.find(attribute).map(Scalar::column);
        let from = || translator.document(attribute);
        column.or_else(|| {
            let json = route.route().iter().fold(from()?, |json, id| json.enter(*id));
            Some(Scalar::computed(json.text(dialect, resource_type), self.index_of(dialect, route.route())))
        })
    }
}

impl Statement {
    /// Adds the conjunction of these conditions: those of [`Scan::filter`](crate::store::Scan::filter), all accepted
    /// by [`Mapping::pushdown`]. The added SQL is true or false, never null.
    ///
    /// # Errors
    ///
    /// [`Unmapped`] when the database cannot evaluate one of the conditions; the statement is then unchanged.
    ///
    /// ```
    /// use scim_core::{
    ///     filter::Filter, quirks::{Quirks, Tolerance}, schema::Registry, sql::{Dialect, Mapping, Param, Statement},
    /// };
    ///
    /// let registry = Registry::standard();
    /// let user = registry.resource_type("User").expect("registered");
    /// let users = Mapping::documents(user, "r.id", "r.comparable");
    /// let filter: Filter = r#"emails[type eq "work" and value sw "B"]"#.parse()?;
    /// let matcher = filter.compile(user, &mut Tolerance::new(Quirks::default()))?;
    ///
    /// let mut statement = Statement::new(Dialect::Sqlite);
    /// statement.push("SELECT count(*) FROM resource AS r WHERE r.tenant = ").bind("acme").push(" AND ");
    /// statement.filter(&users, &matcher.conditions().iter().collect::<Vec<_>>())?;
    /// assert_eq!(statement.text(), concat!(
    ///     "SELECT count(*) FROM resource AS r WHERE r.tenant = ?1 AND ",
    ///     r#"EXISTS (SELECT 1 FROM json_each(r.comparable, '$."emails"') AS scim1 WHERE "#,
    ///     r#"((json_extract(scim1.value, '$."type"') = ?2 AND json_extract(scim1.value, '$."type"') IS NOT NULL) AND "#,
    ///     r#"COALESCE(substr(json_extract(scim1.value, '$."value"'), 1, length(?3)) = ?3, FALSE)))"#,
    /// ));
    /// assert_eq!(statement.params(), [Param::from("acme"), Param::from("work"), Param::from("b")]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn filter(&mut self, mapping: &Mapping, conditions: &[&Condition]) -> Result<&mut Self, Unmapped> {
        let mark = self.mark();
        if Translator::new(mapping, self).filter(conditions) {
            return Ok(self);
        }
        self.back_to(mark);
        Err(Unmapped(()))
    }

    /// Completes a query whose `WHERE` is complete. Adds the sort position at which `window` begins or ends, the
    /// order, and the maximum number of rows: one more than the window takes. [`page`] makes the page from the rows.
    ///
    /// # Errors
    ///
    /// [`Unmapped`] when the mapping does not have the sort key; the statement is then unchanged.
    ///
    /// ```
    /// use scim_core::{schema::Registry, sql::{Dialect, Mapping, Statement}, store::Window};
    ///
    /// let registry = Registry::standard();
    /// let user = registry.resource_type("User").expect("registered");
    /// let users = Mapping::documents(user, "r.id", "r.comparable");
    /// let mut statement = Statement::starting_at(Dialect::Postgres, 2);
    /// statement.window(&users, None, Window::behind(Some("2819c223"), 100))?;
    /// assert_eq!(
    ///     statement.text(),
    ///     r#" AND r.id COLLATE "C" > $2::text ORDER BY r.id COLLATE "C" ASC LIMIT $3::bigint"#,
    /// );
    /// # Ok::<(), scim_core::sql::Unmapped>(())
    /// ```
    pub fn window(
        &mut self,
        mapping: &Mapping,
        sort: Option<&Sort>,
        window: Window<'_>,
    ) -> Result<&mut Self, Unmapped> {
        let mark = self.mark();
        if Translator::new(mapping, self).window(sort, window).is_some() {
            return Ok(self);
        }
        self.back_to(mark);
        Err(Unmapped(()))
    }
}

/// The page from the rows of a query with [`Statement::window`]: the rows of the window in the order of the list, and
/// whether [more](crate::store::Page::more) rows follow.
///
/// ```
/// use scim_core::{sql::page, store::Window};
///
/// assert_eq!(page(vec![1, 2, 3], Window::Offset { skip: 0, take: 2 }), (vec![1, 2], true));
/// assert_eq!(page(vec![9, 8], Window::Before { first: None, take: 2 }), (vec![8, 9], false));
/// ```
pub fn page<T>(mut rows: Vec<T>, window: Window<'_>) -> (Vec<T>, bool) {
    let (Window::Offset { take, .. } | Window::After { take, .. } | Window::Before { take, .. }) = window;
    let more = rows.len() > take;
    rows.truncate(take);
    if matches!(window, Window::Before { .. }) {
        rows.reverse();
    }
    (rows, more)
}

impl Statement {
    /// Adds the position by id at which `window` begins or ends, if it has one.
    ///
    /// # Errors
    ///
    /// [`Unmapped`] when the mapping cannot compare ids; the statement is then unchanged.
    pub(super) fn beyond(&mut self, mapping: &Mapping, window: Window<'_>) -> Result<&mut Self, Unmapped> {
        let (position, backward) = match window {
            Window::Offset { .. } => (None, false),
            Window::After { last, .. } => (last, false),
            Window::Before { first, .. } => (first, true),
        };
        let Some(position) = position else { return Ok(self) };
        let mark = self.mark();
        self.push(" AND ");
        if Translator::new(mapping, self).beyond_id(&Scalar::column(&mapping.id), position, backward).is_some() {
            return Ok(self);
        }
        self.back_to(mark);
        Err(Unmapped(()))
    }
}

impl Translator<'_> {
    fn window(&mut self, sort: Option<&Sort>, window: Window<'_>) -> Option<()> {
        let key = match sort {
            Some(sort) => Some((sort, self.key(sort)?)),
            None => None,
        };
        let (position, backward, skip, take) = match window {
            Window::Offset { skip, take } => (None, false, skip, take),
            Window::After { last, take } => (last, false, 0, take),
            Window::Before { first, take } => (first, true, 0, take),
        };
        let id = Scalar::column(&self.mapping.id);
        if let Some(position) = position {
            self.statement.push(" AND ");
            match &key {
                Some((sort, key)) => self.beyond(sort, key, &id, position, backward)?,
                None => self.beyond_id(&id, position, backward)?,
            }
        }
        let dialect = self.statement.dialect;
        self.statement.push(" ORDER BY ");
        if let Some((sort, key)) = &key {
            // Resources without a value follow all others in ascending order.
            let way = if sort.is_descending() == backward { " ASC NULLS LAST, " } else { " DESC NULLS FIRST, " };
            for expression in key.order(dialect) {
                self.statement.push(&expression).push(way);
            }
        }
        self.statement.push(&id.ordered(dialect)).push(if backward { " DESC" } else { " ASC" });
        let number = |number: u64| Param::Integer(i64::try_from(number).unwrap_or(i64::MAX));
        let limit = u64::try_from(take).unwrap_or(u64::MAX).saturating_add(1);
        let limit = self.statement.placeholder(number(limit), "bigint");
        self.statement.push(" LIMIT ").push(&limit);
        if skip > 0 {
            let offset = self.statement.placeholder(number(skip), "bigint");
            self.statement.push(" OFFSET ").push(&offset);
        }
        Some(())
    }

    fn beyond_id(&mut self, id: &Scalar, position: Position<'_>, backward: bool) -> Option<()> {
        let operator = if backward { Operator::Lt } else { Operator::Gt };
        let pushdown = id.compare(self.statement, operator, &Comparand::Exact(position.id.into()));
        (pushdown == Pushdown::Exact).then_some(())
    }

    /// Writes that a resource is after a sort position, or before it if `backward`.
    fn beyond(&mut self, sort: &Sort, key: &Scalar, id: &Scalar, position: Position<'_>, backward: bool) -> Option<()> {
        let upward = sort.is_descending() == backward;
        let Some(known) = position.key else {
            self.statement.push("(");
            key.is_null(self.statement, upward);
            self.statement.push(if upward { " AND " } else { " OR " });
            self.beyond_id(id, position, backward)?;
            self.statement.push(")");
            return Some(());
        };
        let known = match known {
            SortKey::Boolean(truth) => Comparand::Boolean(*truth),
            SortKey::Integer(number) => Comparand::Integer(*number),
            SortKey::Decimal(number) => Comparand::Decimal(number.clone()),
            SortKey::DateTime(time) => Comparand::DateTime(*time),
            SortKey::Text(text) if sort.is_case_exact() => Comparand::Exact(text.clone()),
            SortKey::Text(text) => Comparand::Folded(text.clone()),
        };
        let (operator, bound) = if upward { (Operator::Gt, Operator::Ge) } else { (Operator::Lt, Operator::Le) };
        let may_be_null = upward && !key.is_required();
        self.statement.push("(");
        if !may_be_null {
            // The next condition implies this bound, but an index can start only at a bound that is a separate
            // conjunct.
            if key.compare(self.statement, bound, &known) != Pushdown::Exact {
                return None;
            }
            self.statement.push(" AND (");
        }
        if key.compare(self.statement, operator, &known) != Pushdown::Exact {
            return None;
        }
        if may_be_null {
            self.statement.push(" OR ");
            key.is_null(self.statement, true);
        }
        self.statement.push(" OR (");
        if key.compare(self.statement, Operator::Eq, &known) != Pushdown::Exact {
            return None;
        }
        self.statement.push(" AND ");
        self.beyond_id(id, position, backward)?;
        self.statement.push(if may_be_null { "))" } else { ")))" });
        Some(())
    }

    /// The expression by which resources are sorted.
    fn key(&mut self, sort: &Sort) -> Option<Scalar> {
        let attribute = sort.attribute();
        let route = sort.place().route();
        if let Some((list, table)) = self.mapping.table_on(route) {
            let scalar = self.first_row(list, table, table.find(attribute)?)?;
            return self.fits(sort, &scalar).then_some(scalar);
        }
        let column = self.mapping.find(attribute).map(Scalar::column).filter(|scalar| self.fits(sort, scalar));
        // The id is always text, also where a key of another type is compared.
        let id = (attribute == AttributeId::ID).then(|| Scalar::column(&self.mapping.id));
        let column = column.or_else(|| id.filter(|scalar| self.fits(sort, scalar)));
        column.or_else(|| {
            let index = self.mapping.index_of(self.statement.dialect, route);
            Some(Scalar::computed(self.first(self.document(attribute)?, route), index))
        })
    }

    /// Whether the order of the expression in the database is the core's order of the attribute.
    fn fits(&self, sort: &Sort, scalar: &Scalar) -> bool {
        let data_type = self.mapping.resource_type.attribute(sort.attribute()).data_type();
        let is_text = matches!(data_type, AttributeType::String | AttributeType::Reference);
        match scalar.form() {
            Form::Comparable => true,
            Form::Text => is_text && sort.is_case_exact(),
            Form::Folded => is_text && !sort.is_case_exact(),
            Form::Boolean => data_type == AttributeType::Boolean,
            Form::Lower { .. } | Form::Key(_) => false,
            Form::Integer => data_type == AttributeType::Integer,
            Form::Instant(_) => data_type == AttributeType::DateTime,
            Form::Timestamp => data_type == AttributeType::DateTime && self.statement.dialect == Dialect::Postgres,
        }
    }

    /// The value at the end of a route that decides the order: in a list, the value of the primary element, or else of
    /// the first element.
    fn first(&mut self, from: Json, route: &[AttributeId]) -> String {
        let (dialect, resource_type) = (self.statement.dialect, &self.mapping.resource_type);
        let mut json = from;
        for (index, id) in route.iter().enumerate() {
            json = json.enter(*id);
            if !resource_type.attribute(*id).is_multi_valued() {
                continue;
            }
            let (rows, element, place) = self.elements(&json);
            let primary = resource_type.conventional(*id).primary.map_or_else(String::new, |primary| {
                format!(
                    "COALESCE({} = 'true', FALSE) DESC, ",
                    element.clone().enter(primary).text(dialect, resource_type)
                )
            });
            let rest = route.get(index + 1..).unwrap_or_default();
            let value = self.first(element, rest);
            return format!("(SELECT {value} FROM {rows} ORDER BY {primary}{place} ASC LIMIT 1)");
        }
        json.text(dialect, resource_type)
    }

    fn first_row(&self, list: AttributeId, table: &Table, column: &Column) -> Option<Scalar> {
        let order = table.order.as_deref()?;
        let primary = match self.mapping.resource_type.conventional(list).primary {
            Some(primary) => {
                let mut written = Statement::new(self.statement.dialect);
                let primary = Scalar::column(table.find(primary)?);
                (primary.is_true(&mut written) == Pushdown::Exact).then(|| format!("{} DESC, ", written.text()))?
            }
            None => String::new(),
        };
        let (from, on) = (&table.from, &table.on);
        Some(
            Scalar::column(column).selected(|value| {
                format!("(SELECT {value} FROM {from} WHERE {on} ORDER BY {primary}{order} ASC LIMIT 1)")
            }),
        )
    }
}
