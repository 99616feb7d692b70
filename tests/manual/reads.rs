include!("tables.rs");

use scim_core::{
    store::{Page, RequestedAttributes, Scan, Stored, Version},
    value::Object,
};

impl Tables {
    /// Reads a row of `account`, or a row of `team` with its rows of `team_member` if the members are requested.
    fn read(
        &self,
        resource_type: &Arc<ResourceType>,
        key: &RowKey,
        requested: &RequestedAttributes<'_>,
    ) -> Result<Option<Stored>, ResourceError> {
        if resource_type.name() == "User" {
            let Some(row) = self.account.get(key) else { return Ok(None) };
            return Ok(Some(Stored::new(row.to_resource(resource_type, &key.1)?, Version::from(row.version))));
        }
        let Some(row) = self.team.get(key) else { return Ok(None) };
        let mut group = row.to_resource(resource_type, &key.1)?;
        let mut complete = true;
        for list in resource_type.reference_lists().iter().filter(|list| requested.includes(**list)) {
            let (members, Some(value)) = (self.members(key), resource_type.value_of(*list)) else { continue };
            // A database measures the list before it reads the list: SELECT count(*), sum(octet_length(account)) …
            let bytes: usize = members.iter().map(|id| 64 + id.len()).sum();
            complete = requested.list_limit().is_none_or(|limit| members.len() <= limit)
                && requested.byte_limit().is_none_or(|limit| bytes <= limit);
            if complete && !members.is_empty() {
                let member = |id: Text| Value::Complex(Object::from_iter([(value, Value::String(id))]));
                group.root_mut().insert(*list, Value::List(members.into_iter().map(member).collect()));
            }
        }
        Ok(Some(Stored { complete, ..Stored::new(group, Version::from(row.version)) }))
    }

    fn scan(&self, tenant: &TenantId, scan: &Scan<'_>) -> Result<Page, ResourceError> {
        let of_type: Vec<&RowKey> =
            if scan.resource_type.name() == "User" { self.account.keys().collect() } else { self.team.keys().collect() };
        // The core can sort the list by an attribute that it does not request.
        let everything = RequestedAttributes::everything();
        let requested = if scan.sort.is_some() { &everything } else { scan.requested };
        let mut all = Vec::new();
        for key in of_type.into_iter().filter(|(owner, _)| owner == tenant) {
            all.extend(self.read(scan.resource_type, key, requested)?);
        }
        // A database evaluates WHERE, ORDER BY and LIMIT, and the loop over its rows ends at `byte_limit`.
        Ok(scan.select(all))
    }
}
