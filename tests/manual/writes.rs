include!("pushdown.rs");

use scim_core::{
    patch::ValueEdit,
    schema::AttributeId,
    store::{Change, Deletion, ListEdit, Replacement, ChangeOutcome, Entry, RequestContext, StoreError},
};

impl Tables {
    fn apply(&mut self, context: &RequestContext, change: &Change) -> Result<ChangeOutcome, StoreError> {
        let key = (context.tenant().clone(), Text::from(change.id()));
        // SELECT version … FOR UPDATE: no other transaction changes the row until this transaction ends.
        let current = self.version(change.resource_type(), &key).map(Version::from);
        change.check(current.as_ref())?;
        match (change, current) {
            (Change::Create(entry) | Change::Replace(Replacement { entry, .. }), _) => self.put(&key, entry),
            (Change::Delete(Deletion { resource_type, .. }), _) => Ok(self.delete(resource_type, &key)),
            (Change::EditValues(ListEdit { resource_type, attribute, edit, modified, .. }), Some(current)) => {
                let effect = self.edit_members(resource_type, *attribute, &key, edit)?;
                if effect.is_empty() {
                    return Ok(ChangeOutcome::kept(current));
                }
                let version = self.next_version();
                self.team.entry(key).and_modify(|row| {
                    row.version = version;
                    row.changed = row.changed.max(*modified);
                });
                Ok(ChangeOutcome::written(Version::from(version)).with_edit(effect))
            }
            // A later version of the crate can send another kind of change, which must be an error here.
            _ => Err(StoreError::backend("a change that this store does not know")),
        }
    }

    fn put(&mut self, key: &RowKey, Entry { resource, unique, .. }: &Entry) -> Result<ChangeOutcome, StoreError> {
        let (resource_type, version) = (resource.resource_type(), self.next_version());
        if resource_type.name() == "User" {
            self.free_login(key);
            // The unique index decides: 23505, or no row from INSERT … ON CONFLICT DO NOTHING.
            if let Some(taken) = unique.iter().find(|name| !self.claim_login(key, &name.folded)) {
                return Err(StoreError::NotUnique { attribute: taken.attribute });
            }
            let row = self.account.entry(key.clone()).or_default();
            row.update(resource);
            row.version = version;
        } else {
            let row = self.team.entry(key.clone()).or_default();
            row.update(resource);
            row.version = version;
            for list in resource_type.reference_lists() {
                let listed = resource.root().get(*list).map(Value::elements).unwrap_or_default();
                let add = listed.iter().filter_map(Value::as_object).cloned().collect();
                self.edit_members(resource_type, *list, key, &ValueEdit { clear: true, remove: Vec::new(), add })?;
            }
        }
        Ok(ChangeOutcome::written(Version::from(version)))
    }

    /// Changes rows of `team_member` only. Returns the members that it really removed and added.
    fn edit_members(
        &mut self,
        resource_type: &ResourceType,
        list: AttributeId,
        (tenant, team): &RowKey,
        edit: &ValueEdit,
    ) -> Result<ValueEdit, StoreError> {
        let id_of = |member: &Object| member.get(resource_type.value_of(list)?)?.as_str().map(Text::from);
        let coming: BTreeSet<Text> = edit.add.iter().filter_map(id_of).collect();
        // SELECT id FROM account WHERE … id = ANY($2) FOR KEY SHARE: the accounts cannot be deleted before COMMIT.
        let is_missing = |id: &&Text| !self.account.contains_key(&(tenant.clone(), (*id).clone()));
        if let Some(stranger) = coming.iter().find(is_missing) {
            return Err(StoreError::BadReference { attribute: list, value: stranger.clone() });
        }
        let mut effect = ValueEdit::default();
        // DELETE … RETURNING account. A member that the same edit adds keeps its row.
        let going = if edit.clear { self.members(&(tenant.clone(), team.clone())) } else { edit.remove.clone() };
        for id in going.into_iter().filter(|id| !coming.contains(id)) {
            if self.delete_member(tenant, team, &id) {
                effect.remove.push(id);
            }
        }
        // INSERT … ON CONFLICT DO NOTHING RETURNING account.
        for member in &edit.add {
            if id_of(member).is_some_and(|id| self.insert_member(tenant, team, &id)) {
                effect.add.push(member.clone());
            }
        }
        Ok(effect)
    }

    fn delete(&mut self, resource_type: &ResourceType, key: &RowKey) -> ChangeOutcome {
        let (tenant, id) = key;
        if resource_type.name() == "User" {
            for team in self.teams_of(key) {
                self.delete_member(tenant, &team, id);
                // The new version stops a client that read the team with this member from writing the member back.
                let version = self.next_version();
                self.team.entry((tenant.clone(), team)).and_modify(|row| row.version = version);
            }
            self.free_login(key);
            self.account.remove(key);
        } else {
            for account in self.members(key) {
                self.delete_member(tenant, id, &account);
            }
            self.team.remove(key);
        }
        ChangeOutcome::deleted()
    }
}
