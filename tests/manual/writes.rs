include!("pushdown.rs");

use scim_core::{
    patch::ValueEdit,
    schema::AttributeId,
    store::{Change, Deletion, ListEdit, Replacement, ChangeOutcome, Entry, RequestContext, StoreError},
};

impl Tables {
    fn apply(&mut self, context: &RequestContext, change: &Change) -> Result<ChangeOutcome, StoreError> {
        let key = (context.tenant().clone(), Text::from(change.id()));
        // SELECT version … FOR UPDATE: nobody else changes the row until this transaction ends.
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
            // What a later version of the library may ask must not be taken for something else.
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

    /// Changes rows of `team_member` and no others. Gives what really went and came.
    fn edit_members(
        &mut self,
        resource_type: &ResourceType,
        list: AttributeId,
        (tenant, team): &RowKey,
        edit: &ValueEdit,
    ) -> Result<ValueEdit, StoreError> {
        let id_of = |member: &Object| member.get(resource_type.value_of(list)?)?.as_str().map(Text::from);
        let coming: BTreeSet<Text> = edit.add.iter().filter_map(id_of).collect();
        // SELECT id FROM account WHERE … id = ANY($2) FOR KEY SHARE: nobody deletes them before this commits.
        let is_missing = |id: &&Text| !self.account.contains_key(&(tenant.clone(), (*id).clone()));
        if let Some(stranger) = coming.iter().find(is_missing) {
            return Err(StoreError::BadReference { attribute: list, value: stranger.clone() });
        }
        let mut effect = ValueEdit::default();
        // DELETE … RETURNING account. What comes in the same edit stays as it is.
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
                // Who read the team with the member must not write over it without.
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
