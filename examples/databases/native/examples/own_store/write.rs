//! The work of a commit: each change locks its row, checks its precondition, and writes.

use std::{collections::BTreeSet, sync::Arc};

use scim_core::{
    event::Event,
    patch::ValueEdit,
    resource::Resource,
    schema::AttributeId,
    sql::{
        Dialect, Param, Statement,
        database::{DatabaseError, Session, Work},
    },
    store::{Change, ChangeOutcome, CommitError, Entry, ListEdit, Replacement, RequestContext, StoreError, Version},
    value::{Object, Text, Value},
};

use crate::{
    read::{key, push_among},
    rows::{CHANGED, Place, Types},
};

/// A batch of changes, in one transaction.
pub struct Commit {
    pub types: Arc<Types>,
    pub organization: i64,
    pub context: RequestContext,
    pub batch: Vec<Change>,
}

impl Work for Commit {
    type Output = Vec<ChangeOutcome>;

    async fn run<S: Session>(&self, session: &mut S) -> Result<Vec<ChangeOutcome>, CommitError> {
        let mut outcomes = Vec::with_capacity(self.batch.len());
        for (index, change) in self.batch.iter().enumerate() {
            // After an error the adapter rolls the transaction back.
            let outcome = self.apply(session, change).await.map_err(|error| CommitError::new(index, error))?;
            if let Some(event) = Event::of(&self.context, change, &outcome) {
                self.record(session, &event).await.map_err(|error| CommitError::new(index, error))?;
            }
            outcomes.push(outcome);
        }
        Ok(outcomes)
    }
}

impl Commit {
    async fn apply<S: Session>(&self, session: &mut S, change: &Change) -> Result<ChangeOutcome, StoreError> {
        let place = self.types.of(change.resource_type())?;
        let Some(id) = key(change.id()) else {
            change.check(None)?;
            return Err(StoreError::backend("the id of a new resource has to be a whole number"));
        };
        let current = self.version(session, place, id, true).await?;
        change.check(current.as_ref())?;
        let effect = match change {
            Change::Create(entry) => {
                self.insert(session, place, id, &entry.resource).await?;
                self.set_members(session, id, entry).await?;
                None
            }
            Change::Replace(Replacement { entry, .. }) => {
                self.update(session, place, id, &entry.resource).await?;
                self.set_members(session, id, entry).await?;
                None
            }
            Change::EditValues(edit) => {
                let effect = self.edit_members(session, id, &edit.edit).await?;
                if let (true, Some(current)) = (effect.is_empty(), current) {
                    return Ok(ChangeOutcome::kept(current));
                }
                self.touch(session, id, edit).await?;
                Some(effect)
            }
            Change::Delete(_) => {
                self.delete(session, place, id).await?;
                return Ok(ChangeOutcome::deleted());
            }
            // A later version of the crate can send another kind of change, which must be an error here.
            _ => return Err(StoreError::backend("a change that this store does not know")),
        };
        // The triggers have given the row its version.
        let version = self.version(session, place, id, false).await?.ok_or(StoreError::NotFound)?;
        Ok(ChangeOutcome::written(version).with_edit(effect))
    }

    /// The version of a row. `locks` keeps other transactions from changing the row until the commit ends.
    async fn version<S: Session>(
        &self,
        session: &mut S,
        place: &Place,
        id: i64,
        locks: bool,
    ) -> Result<Option<Version>, StoreError> {
        let mut query = Statement::new(self.types.dialect);
        query.push("SELECT r.version FROM ").push(place.table).push(" AS r WHERE r.organization = ");
        query.bind(self.organization).push(" AND r.id = ").bind(id);
        if locks && self.types.dialect == Dialect::Postgres {
            query.push(" FOR UPDATE");
        }
        let rows = session.rows(&query).await?;
        let version = rows.first().map(|row| row.integer(0)).transpose()?.flatten();
        Ok(version.map(|version| Version::from(version.unsigned_abs())))
    }

    async fn insert<S: Session>(
        &self,
        session: &mut S,
        place: &Place,
        id: i64,
        resource: &Resource,
    ) -> Result<(), StoreError> {
        let columns = place.columns(resource);
        let mut insert = Statement::new(self.types.dialect);
        insert.push("INSERT INTO ").push(place.table).push(" (id, organization");
        for (column, _) in &columns {
            insert.push(", ").push(column);
        }
        insert.push(if place.is_of_users() { ", api_secret) VALUES (" } else { ") VALUES (" });
        insert.bind(id).push(", ").bind(self.organization);
        for (_, value) in columns {
            insert.push(", ");
            push_value(&mut insert, value);
        }
        insert.push(match (place.is_of_users(), self.types.dialect) {
            (false, _) => ")",
            (true, Dialect::Sqlite) => ", lower(hex(randomblob(16))))",
            (true, _) => ", CAST(gen_random_uuid() AS text))",
        });
        session.execute(&insert).await.map(drop).map_err(|error| self.refused(error))
    }

    async fn update<S: Session>(
        &self,
        session: &mut S,
        place: &Place,
        id: i64,
        resource: &Resource,
    ) -> Result<(), StoreError> {
        let mut update = Statement::new(self.types.dialect);
        update.push("UPDATE ").push(place.table).push(" SET ");
        for (index, (column, value)) in place.columns(resource).into_iter().enumerate() {
            update.push(if index == 0 { "" } else { ", " }).push(column).push(" = ");
            push_value(&mut update, value);
        }
        update.push(" WHERE organization = ").bind(self.organization).push(" AND id = ").bind(id);
        session.execute(&update).await.map(drop).map_err(|error| self.refused(error))
    }

    /// The error for a statement that a unique index refused. SQLite names an index of an expression
    /// `index 'account_email'`.
    fn refused(&self, error: DatabaseError) -> StoreError {
        match error {
            DatabaseError::Unique { constraint, .. } if constraint.contains("account_email") => {
                StoreError::NotUnique { attribute: self.types.user_name }
            }
            // The row with this key belongs to another organization.
            DatabaseError::Unique { .. } => StoreError::NotUnique { attribute: AttributeId::ID },
            other => other.into_store_error(),
        }
    }

    /// Replaces the members of a team by the difference, so that the column `role` of the other members stays.
    async fn set_members<S: Session>(&self, session: &mut S, team: i64, entry: &Entry) -> Result<(), StoreError> {
        if entry.resource.resource_type().name() != "Group" || entry.kept.contains(&self.types.members) {
            return Ok(());
        }
        let listed = entry.resource.root().get(self.types.members).map(Value::elements).unwrap_or_default();
        let add = listed.iter().filter_map(Value::as_object).cloned().collect();
        self.edit_members(session, team, &ValueEdit { clear: true, remove: Vec::new(), add }).await.map(drop)
    }

    /// Changes rows of `team_member` only. Returns the members that the statements really removed and added.
    async fn edit_members<S: Session>(
        &self,
        session: &mut S,
        team: i64,
        edit: &ValueEdit,
    ) -> Result<ValueEdit, StoreError> {
        let id_of = |member: &Object| member.get(self.types.member).and_then(Value::as_str).map(Text::from);
        let coming: BTreeSet<Text> = edit.add.iter().filter_map(id_of).collect();
        let accounts = self.lock_accounts(session, &coming).await?;
        if let Some(stranger) = coming.iter().find(|id| !key(id).is_some_and(|key| accounts.contains(&key))) {
            return Err(StoreError::BadReference { attribute: self.types.members, value: stranger.clone() });
        }
        let mut delete = Statement::new(self.types.dialect);
        delete.push("DELETE FROM team_member WHERE team = ").bind(team).push(" AND ");
        if edit.clear {
            push_among(delete.push("NOT "), "account", accounts.iter().copied());
        } else {
            let going = edit.remove.iter().filter_map(|id| key(id)).filter(|key| !accounts.contains(key));
            push_among(&mut delete, "account", going);
        }
        let removed = self.changed(session, delete).await?;
        let mut insert = Statement::new(self.types.dialect);
        insert.push("INSERT INTO team_member (team, account) SELECT ").bind(team).push(", id FROM account WHERE ");
        push_among(&mut insert, "id", accounts.iter().copied());
        insert.push(" ON CONFLICT DO NOTHING");
        let mut added = self.changed(session, insert).await?;
        let is_added = |member: &&Object| id_of(member).is_some_and(|id| added.remove(&id));
        let add = edit.add.iter().filter(is_added).cloned().collect();
        Ok(ValueEdit { clear: false, remove: removed.into_iter().collect(), add })
    }

    /// The accounts of the organization with these ids. No transaction can delete them before the commit ends.
    async fn lock_accounts<S: Session>(
        &self,
        session: &mut S,
        ids: &BTreeSet<Text>,
    ) -> Result<BTreeSet<i64>, StoreError> {
        let mut query = Statement::new(self.types.dialect);
        query.push("SELECT id FROM account WHERE organization = ").bind(self.organization).push(" AND ");
        push_among(&mut query, "id", ids.iter().filter_map(|id| key(id)));
        // All transactions lock in one order, and do not wait for each other in a circle.
        query.push(" ORDER BY id");
        if self.types.dialect == Dialect::Postgres {
            query.push(" FOR KEY SHARE");
        }
        let rows = session.rows(&query).await?;
        let keys = rows.into_iter().map(|row| row.integer(0));
        Ok(keys.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    }

    /// Executes a statement that changes rows of `team_member`. Returns the accounts of the changed rows.
    async fn changed<S: Session>(
        &self,
        session: &mut S,
        mut statement: Statement,
    ) -> Result<BTreeSet<Text>, StoreError> {
        statement.push(" RETURNING CAST(account AS text)");
        let rows = session.rows(&statement).await?;
        let accounts = rows.into_iter().map(|mut row| row.text(0));
        Ok(accounts.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().map(Text::from).collect())
    }

    /// Sets the time of the last change of a team. Clocks of several machines differ: the time never decreases.
    async fn touch<S: Session>(&self, session: &mut S, team: i64, edit: &ListEdit) -> Result<(), StoreError> {
        let changed = edit.modified.timestamp_millis();
        let mut update = Statement::new(self.types.dialect);
        update.push("UPDATE team AS r SET updated_at = ").bind(changed / 1000).push(", changed_ms = ").bind(changed);
        update.push(" WHERE r.id = ").bind(team).push(" AND ").push(CHANGED).push(" <= ").bind(changed);
        Ok(session.execute(&update).await.map(drop)?)
    }

    /// Deletes a row and its memberships. The triggers give each team that loses a member a new version.
    async fn delete<S: Session>(&self, session: &mut S, place: &Place, id: i64) -> Result<(), StoreError> {
        let mut members = Statement::new(self.types.dialect);
        let column = if place.is_of_users() { "account" } else { "team" };
        members.push("DELETE FROM team_member WHERE ").push(column).push(" = ").bind(id);
        session.execute(&members).await?;
        let mut row = Statement::new(self.types.dialect);
        row.push("DELETE FROM ").push(place.table).push(" WHERE organization = ").bind(self.organization);
        row.push(" AND id = ").bind(id);
        Ok(session.execute(&row).await.map(drop)?)
    }

    /// Stores the event, and ends the sessions of an account that loses access.
    async fn record<S: Session>(&self, session: &mut S, event: &Event) -> Result<(), StoreError> {
        let mut outbox = Statement::new(self.types.dialect);
        outbox.push("INSERT INTO scim_outbox (organization, event) VALUES (").bind(self.organization);
        outbox.push(", ").bind(&*String::from_utf8_lossy(&event.to_json())).push(")");
        session.execute(&outbox).await?;
        // A team can have the key of an account.
        let is_of_user = event.resource_type().name() == "User" && event.ends_access();
        if let (true, Some(account)) = (is_of_user, key(event.resource_id())) {
            let mut sessions = Statement::new(self.types.dialect);
            sessions.push("DELETE FROM session WHERE account = ").bind(account);
            session.execute(&sessions).await?;
        }
        Ok(())
    }
}

fn push_value(statement: &mut Statement, value: Option<Param>) {
    match value {
        Some(value) => statement.bind(value),
        None => statement.push("NULL"),
    };
}
