//! Queries that see one state of the database, as one unit of work.

use super::super::{
    database::{Database, Reads, Row, Rows, Session, Shape, Work},
    statement::Statement,
};
use crate::store::{CommitError, StoreError, TenantId};

/// Queries that see one state of the database.
pub(super) struct Reading {
    /// The queries, in order.
    pub(super) queries: Vec<Statement>,
    /// A query that follows them; the result of the last of `queries` chooses it.
    pub(super) last: Option<Choice>,
    pub(super) reads: Reads,
    pub(super) shape: Shape,
    /// The tenant on whose behalf the queries run.
    pub(super) tenant: TenantId,
    /// The rows of each query that are kept.
    pub(super) keep: Rows,
}

/// The result of queries.
#[derive(Default)]
pub(super) struct Found {
    /// The rows of each query.
    pub(super) rows: Vec<Vec<Row>>,
    /// Whether the last of these queries has more rows than were kept. The queries after it did not run.
    pub(super) is_cut: bool,
}

impl Reading {
    /// A query of the store itself, whose cost depends on the rows that it names.
    pub(super) fn of(query: Statement, tenant: &TenantId, keep: Rows) -> Self {
        let (reads, shape, tenant) = (Reads::LookUps, Shape::Own, tenant.clone());
        Self { queries: vec![query], last: None, reads, shape, tenant, keep }
    }

    pub(super) async fn run<D: Database>(self, database: &D) -> Result<Found, StoreError> {
        database.read(self).await.map_err(|failed| failed.error)
    }

    async fn add<S: Session>(&self, session: &mut S, query: &Statement, found: &mut Found) -> Result<(), StoreError> {
        let rows = session.query(query, self.keep.clone()).await?;
        found.is_cut = rows.is_cut();
        found.rows.push(rows.into_rows());
        Ok(())
    }
}

impl Work for Reading {
    type Output = Found;

    fn tenant(&self) -> Option<&TenantId> {
        Some(&self.tenant)
    }

    fn reads(&self) -> Reads {
        self.reads
    }

    fn shape(&self) -> Shape {
        self.shape
    }

    fn is_single(&self) -> bool {
        self.queries.len() == 1 && self.last.is_none()
    }

    async fn run<S: Session>(&self, session: &mut S) -> Result<Found, CommitError> {
        let mut found = Found::default();
        for query in &self.queries {
            self.add(session, query, &mut found).await?;
            if found.is_cut {
                return Ok(found);
            }
        }
        if let Some(choice) = &self.last {
            let query = choice.after(&found.rows);
            self.add(session, query, &mut found).await?;
        }
        Ok(found)
    }
}

/// Two queries for the same page, of which only one runs. The query before them has counted the resources that a
/// filter selects, and the resources to select from: the databases estimate these numbers badly.
pub(super) struct Choice {
    /// Finds all resources that the filter selects, and sorts them.
    pub(super) find: Statement,
    /// Reads in the order of the list until the page is complete.
    pub(super) walk: Statement,
    /// The number of selected resources that the page takes, including the skipped ones.
    pub(super) take: u64,
}

impl Choice {
    /// The query that reads fewer resources, given the row with the two counts.
    fn after(&self, found: &[Vec<Row>]) -> &Statement {
        let row = found.last().and_then(|rows| rows.first());
        let number = |column| row.and_then(|row| row.integer(column).ok().flatten()).map_or(0, i128::from);
        let (selected, all) = (number(0), number(1));
        // A walk reads `take * all / selected` resources if the selected ones are evenly distributed.
        if selected * selected > i128::from(self.take) * all { &self.walk } else { &self.find }
    }
}
