//! The single thread that writes: it puts all waiting work into one commit.

use std::{sync::Arc, thread};

use rusqlite::{Connection, ffi, params_from_iter};
use scim_core::{
    sql::{Dialect, Statement, database::run_blocking},
    store::{CommitError, StoreError},
};
use tokio::sync::{mpsc, oneshot};

use super::{Files, failure, rows, values};
use crate::{
    database::{DatabaseError, Deadlines, Rows, Session, Shape, Work, lane::Lane, tell},
    log::with_causes,
};

/// The number of writes that may wait in all, and the number for one organization.
const WAITING: (usize, usize) = (1_024, 64);

/// The maximum number of units of work in one commit.
const TOGETHER: usize = 128;

/// Takes the write lock at once: a transaction that reads first cannot wait for the lock.
const BEGIN: &str = "BEGIN IMMEDIATE";

/// The queue of the writing thread.
#[derive(Debug)]
pub(super) struct Writer {
    jobs: mpsc::Sender<Box<dyn Job>>,
    lane: Lane,
}

impl Writer {
    /// Starts the thread. It ends when the queue is dropped.
    pub(super) fn start(mut connection: Connection, files: Arc<Files>, deadlines: Deadlines) -> std::io::Result<Self> {
        let (waiting, share) = WAITING;
        let (sender, mut jobs) = mpsc::channel::<Box<dyn Job>>(waiting);
        let work = move || {
            while let Some(first) = jobs.blocking_recv() {
                let mut together = vec![first];
                while together.len() < TOGETHER
                    && let Ok(next) = jobs.try_recv()
                {
                    together.push(next);
                }
                commit(&mut connection, &files, together);
            }
        };
        thread::Builder::new().name("sqlite-writer".to_owned()).spawn(work)?;
        Ok(Self { jobs: sender, lane: Lane::new(waiting, share, deadlines.wait) })
    }

    /// Whether the thread still runs.
    pub(super) fn is_running(&self) -> bool {
        !self.jobs.is_closed()
    }

    pub(super) async fn write<W: Work>(&self, work: W) -> Result<W::Output, CommitError> {
        let gone = || CommitError::from(StoreError::Unavailable { retry_after: None });
        let _turn = self.lane.turn(work.tenant()).await?;
        let (reply, answer) = oneshot::channel();
        self.jobs.send(Box::new(Order { work, output: None, reply })).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

/// A unit of work that waits to be written.
pub(super) trait Job: Send {
    /// Runs the work. After an error the caller rolls it back.
    fn run(&mut self, connection: &mut Connection) -> Result<(), ()>;

    /// Replaces the result by an error.
    fn fail(&mut self, error: StoreError);

    /// Sends the result to the waiting caller.
    fn answer(self: Box<Self>);
}

struct Order<W: Work> {
    work: W,
    output: Option<Result<W::Output, CommitError>>,
    reply: oneshot::Sender<Result<W::Output, CommitError>>,
}

impl<W: Work> Job for Order<W> {
    fn run(&mut self, connection: &mut Connection) -> Result<(), ()> {
        if self.reply.is_closed() {
            // The caller has gone before its turn: nothing is written for it.
            return Err(());
        }
        let output = run_blocking(&self.work, &mut SqliteSession(connection));
        let outcome = if output.is_ok() { Ok(()) } else { Err(()) };
        self.output = Some(output);
        outcome
    }

    fn fail(&mut self, error: StoreError) {
        // Work that failed by itself keeps its own error.
        if !matches!(self.output, Some(Err(_))) {
            self.output = Some(Err(error.into()));
        }
    }

    fn answer(self: Box<Self>) {
        if let Some(output) = self.output {
            // If the caller has dropped the future, its result is discarded: the work stays done.
            let _ = self.reply.send(output);
        }
    }
}

/// Runs all the work in one commit, and answers the waiting callers.
fn commit(connection: &mut Connection, files: &Files, mut jobs: Vec<Box<dyn Job>>) {
    // The first check avoids useless writes; the second check prevents the acknowledgment of writes that went to a
    // file without a name.
    let written = files.check().and_then(|()| {
        write(connection, &mut jobs).map_err(|error| StoreError::from(failure(error)))?;
        files.log_is_open();
        files.check()
    });
    if let Err(error) = written {
        let text = with_causes(&error);
        for job in &mut jobs {
            job.fail(match &error {
                StoreError::Unavailable { retry_after } => StoreError::Unavailable { retry_after: *retry_after },
                // An error cannot be cloned for all jobs; its text can.
                _ => StoreError::backend(text.clone()),
            });
        }
    }
    jobs.into_iter().for_each(Job::answer);
}

fn write(connection: &mut Connection, jobs: &mut [Box<dyn Job>]) -> rusqlite::Result<()> {
    if !connection.is_autocommit() {
        run(connection, "ROLLBACK")?;
    }
    run(connection, BEGIN)?;
    let written = write_each(connection, jobs).and_then(|()| run(connection, "COMMIT"));
    if written.is_err() && !connection.is_autocommit() {
        run(connection, "ROLLBACK")?;
    }
    written
}

/// Runs all the work in one transaction. Work that fails leaves no trace, and the rest goes on.
fn write_each(connection: &mut Connection, jobs: &mut [Box<dyn Job>]) -> rusqlite::Result<()> {
    let Some((first, rest)) = jobs.split_first_mut() else { return Ok(()) };
    // The first work needs no savepoint, for which SQLite copies each page before a change: most often the first work
    // is the only one.
    if !is_done(first, connection)? {
        // Another process may write before the transaction begins again. Nothing was read yet for the rest.
        run(connection, "ROLLBACK")?;
        run(connection, BEGIN)?;
    }
    for job in rest {
        run(connection, "SAVEPOINT job")?;
        if !is_done(job, connection)? {
            run(connection, "ROLLBACK TO job")?;
        }
        run(connection, "RELEASE job")?;
    }
    Ok(())
}

/// Runs work, and returns whether the work succeeded. Fails if SQLite has rolled back the complete transaction by itself,
/// as on a full disk.
fn is_done(job: &mut Box<dyn Job>, connection: &mut Connection) -> rusqlite::Result<bool> {
    let is_done = job.run(connection).is_ok();
    if connection.is_autocommit() {
        return Err(rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_IOERR), None));
    }
    Ok(is_done)
}

fn run(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute(()).map(drop)
}

struct SqliteSession<'a>(&'a mut Connection);

impl Session for SqliteSession<'_> {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    async fn query(&mut self, query: &Statement, found: Rows) -> Result<Rows, DatabaseError> {
        Ok(rows(self.0, query, Shape::Own, found, usize::MAX)?)
    }

    async fn execute(&mut self, statement: &Statement) -> Result<u64, DatabaseError> {
        let mut prepared = self.0.prepare_cached(statement.text()).map_err(failure)?;
        let changed = prepared.execute(params_from_iter(values(statement))).map_err(failure)?;
        tell(statement.text(), changed);
        Ok(u64::try_from(changed).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Adds its number, and then ends in one of several ways.
    struct Addition {
        number: i64,
        end: End,
    }

    #[derive(Clone, Copy, PartialEq)]
    enum End {
        Done,
        Failed,
        /// SQLite rolls back the complete transaction, and the work does not notice.
        RolledBack,
    }

    impl Job for Addition {
        fn run(&mut self, connection: &mut Connection) -> Result<(), ()> {
            connection.execute("INSERT INTO done VALUES (?1)", [self.number]).unwrap();
            if self.end == End::RolledBack {
                run(connection, "ROLLBACK").unwrap();
            }
            if self.end == End::Failed { Err(()) } else { Ok(()) }
        }

        fn fail(&mut self, _: StoreError) {}

        fn answer(self: Box<Self>) {}
    }

    /// Writes work with these ends. Returns the numbers in the table, and whether the commit succeeded.
    fn done(ends: &[End]) -> (Vec<i64>, bool) {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE done (number INTEGER)").unwrap();
        let job = |(number, end): (i64, &End)| Box::new(Addition { number, end: *end }) as Box<dyn Job>;
        let is_committed = write(&mut connection, &mut (0..).zip(ends).map(job).collect::<Vec<_>>()).is_ok();
        assert!(connection.is_autocommit());
        let mut query = connection.prepare("SELECT number FROM done ORDER BY number").unwrap();
        (query.query_map((), |row| row.get(0)).unwrap().map(Result::unwrap).collect(), is_committed)
    }

    #[test]
    fn failed_work_leaves_no_trace_and_the_rest_is_done() {
        for failing in 0..16_i64 {
            let ends = [0, 1, 2, 3].map(|number| if failing >> number & 1 == 1 { End::Failed } else { End::Done });
            let expected = (0..).zip(ends).filter(|(_, end)| *end == End::Done).map(|(number, _)| number).collect();
            assert_eq!(done(&ends), (expected, true), "{failing:04b}");
        }
    }

    #[test]
    fn nothing_is_written_after_sqlite_rolled_back_by_itself() {
        for position in 0..4 {
            let mut ends = [End::Done; 4];
            ends[position] = End::RolledBack;
            assert_eq!(done(&ends), (Vec::new(), false), "{position}");
        }
    }
}
