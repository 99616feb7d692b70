//! Queries for resources with their lists, for the types of ids, and for referrers.

use std::{collections::HashMap, sync::Arc};

use super::{
    super::{
        database::{Reads, Rows, Session, Shape, Work},
        order::page,
        statement::{Param, Statement},
    },
    lists::{self, Wanted},
    rows::{BYTES, Found, found, id_text},
    survey::Survey,
    tables::Tables,
};
use crate::{
    schema::AttributeId,
    store::{
        CommitError, Page, Referrer, RequestContext, RequestedAttributes, Scan, StoreError, Stored, TenantId, Window,
    },
    value::{Text, Value},
};

/// A query for resources with their lists.
pub(super) struct Fetch {
    context: RequestContext,
    tables: Arc<Tables>,
    index: usize,
    tenant: Option<Param>,
    survey: Option<Survey>,
    page: Statement,
    count: Option<Statement>,
    /// The window: its number of rows, and whether it is read backward.
    window: Option<(usize, bool)>,
    reads: Reads,
    shape: Shape,
    lists: Vec<AttributeId>,
    list_limit: Option<usize>,
    bytes: usize,
}

impl Fetch {
    pub(super) fn new(
        context: &RequestContext,
        tables: &Arc<Tables>,
        index: usize,
        tenant: Option<Param>,
        page: Statement,
        requested: &RequestedAttributes<'_>,
    ) -> Self {
        let lists = tables.at(index).map(|table| table.resource_type.reference_lists().to_vec()).unwrap_or_default();
        Self {
            context: context.clone(),
            tables: Arc::clone(tables),
            index,
            tenant,
            survey: None,
            page,
            count: None,
            window: None,
            reads: Reads::LookUps,
            shape: Shape::Own,
            lists: lists.into_iter().filter(|list| requested.includes(*list)).collect(),
            list_limit: requested.list_limit(),
            bytes: requested.byte_limit().unwrap_or(BYTES),
        }
    }

    /// Reads the page of a scan.
    pub(super) fn page_of(mut self, scan: &Scan<'_>) -> Self {
        self.reads = Reads::of(scan);
        self.shape = Shape::of(scan);
        self.window = Some(match scan.window {
            Window::Offset { take, .. } | Window::After { take, .. } => (take, false),
            Window::Before { take, .. } => (take, true),
        });
        self
    }

    /// Charges the query before it begins.
    pub(super) fn after(mut self, survey: Option<Survey>) -> Self {
        self.survey = survey;
        self
    }

    pub(super) fn with_count(mut self, count: Statement) -> Self {
        self.count = Some(count);
        self
    }
}

impl Work for Fetch {
    type Output = Page;

    fn tenant(&self) -> Option<&TenantId> {
        Some(self.context.tenant())
    }

    fn reads(&self) -> Reads {
        self.reads
    }

    fn shape(&self) -> Shape {
        self.shape
    }

    fn is_single(&self) -> bool {
        self.survey.is_none() && self.count.is_none() && self.lists.is_empty()
    }

    async fn run<S: Session>(&self, session: &mut S) -> Result<Page, CommitError> {
        let table = self.tables.at(self.index)?;
        let mut total = match &self.survey {
            Some(survey) => survey.settle(session, &self.context).await?,
            None => None,
        };
        if let Some(count) = self.count.as_ref().filter(|_| total.is_none()) {
            let mut rows = session.rows(count).await?;
            let number = rows.first_mut().map(|row| row.integer(0)).transpose()?.flatten();
            total = number.and_then(|number| u64::try_from(number).ok());
        }
        let rows = session.query(&self.page, Rows::within(self.bytes)).await?;
        let (is_cut, mut room) = (rows.is_cut(), self.bytes.saturating_sub(rows.size()));
        let (mut rows, mut more) = match self.window {
            // The rows are in the order of the query, and the farthest ones are left out.
            Some((take, _)) => page(rows.into_rows(), Window::Offset { skip: 0, take }),
            None => (rows.into_rows(), false),
        };
        more |= is_cut;
        let mut found: Vec<Found> = rows.iter_mut().map(|row| found(table, row)).collect::<Result<_, StoreError>>()?;
        let mut kept = found.len();
        for list in &self.lists {
            let (context, tenant) = (&self.context, self.tenant.as_ref());
            let wanted = Wanted { list: *list, context, tenant, list_limit: self.list_limit };
            kept = kept.min(lists::read(session, &self.tables, table, &wanted, &mut found, &mut room).await?);
        }
        more |= kept < found.len();
        found.truncate(kept);
        let mut items: Vec<Stored> = found.into_iter().map(Found::stored).collect();
        if self.window.is_some_and(|(_, is_backward)| is_backward) {
            items.reverse();
        }
        Ok(Page { items, total, more })
    }
}

/// A query whose rows have one text.
pub(super) struct Texts(pub(super) Statement);

impl Work for Texts {
    type Output = Vec<String>;

    fn is_single(&self) -> bool {
        true
    }

    async fn run<S: Session>(&self, session: &mut S) -> Result<Vec<String>, CommitError> {
        let mut rows = session.rows(&self.0).await?;
        Ok(rows.iter_mut().filter_map(|row| id_text(row, 0)).collect())
    }
}

/// A query for the types of ids.
pub(super) struct Locate {
    pub(super) owner: TenantId,
    pub(super) queries: Vec<Statement>,
    pub(super) ids: Vec<Text>,
}

impl Work for Locate {
    type Output = Vec<Option<usize>>;

    fn tenant(&self) -> Option<&TenantId> {
        Some(&self.owner)
    }

    fn is_single(&self) -> bool {
        self.queries.len() <= 1
    }

    async fn run<S: Session>(&self, session: &mut S) -> Result<Self::Output, CommitError> {
        let mut types: HashMap<String, usize> = HashMap::new();
        for (index, query) in self.queries.iter().enumerate() {
            for mut row in session.rows(query).await? {
                if let Some(id) = id_text(&mut row, 0) {
                    types.entry(id).or_insert(index);
                }
            }
        }
        Ok(self.ids.iter().map(|id| types.get(id.as_str()).copied()).collect())
    }
}

/// A query for the resources that refer to some ids.
pub(super) struct Referrers {
    pub(super) owner: TenantId,
    pub(super) tables: Arc<Tables>,
    pub(super) index: usize,
    pub(super) tenant: Option<Param>,
    pub(super) list: AttributeId,
    pub(super) display: AttributeId,
    pub(super) ids: Vec<Text>,
    pub(super) bytes: usize,
}

impl Work for Referrers {
    type Output = Vec<Referrer>;

    fn tenant(&self) -> Option<&TenantId> {
        Some(&self.owner)
    }

    async fn run<S: Session>(&self, session: &mut S) -> Result<Vec<Referrer>, CommitError> {
        let table = self.tables.at(self.index)?;
        let mut pairs: Vec<(String, String)> = Vec::new();
        let mut room = self.bytes;
        for join in table.parts.joins(self.list) {
            let query = lists::referrers(&self.tables, table, join, self.tenant.as_ref(), &self.ids)?;
            let rows = session.query(&query, Rows::within(room)).await?;
            if rows.is_cut() {
                return Err(StoreError::TooMany.into());
            }
            room = room.saturating_sub(rows.size());
            for mut row in rows.into_rows() {
                pairs.extend(id_text(&mut row, 0).zip(id_text(&mut row, 1)));
            }
        }
        let mut query = table.select(self.tenant.as_ref());
        let mut holders: Vec<&str> = pairs.iter().map(|(_, holder)| holder.as_str()).collect();
        holders.sort_unstable();
        holders.dedup();
        table.push_ids(&mut query, holders);
        let mut names: HashMap<String, Option<Text>> = HashMap::new();
        for mut row in session.rows(&query).await? {
            let holder = found(table, &mut row)?.resource;
            let display = holder.value(self.display).and_then(Value::as_str).map(Text::from);
            names.insert(holder.id().to_owned(), display);
        }
        let mut all = Vec::with_capacity(pairs.len());
        let mut room = self.bytes;
        for (value, holder) in &pairs {
            let Some(display) = names.get(holder) else { continue };
            let referrer = Referrer::new(value.as_str(), holder.as_str(), display.clone());
            room = room.checked_sub(referrer.size()).ok_or(StoreError::TooMany)?;
            all.push(referrer);
        }
        Ok(all)
    }
}
