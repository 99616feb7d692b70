//! A patch that changes only a list of references. It is committed as a delta and answered without reading a long
//! list.

use std::sync::Arc;

use crate::{
    error::Error,
    patch::{Membership, ValueEdit},
    provider::{
        answer::{Answer, View},
        call::Call,
        failure::refused,
        options::{Options, Precondition},
        reference::Created,
        rest::rest_after,
        retry::Failed,
        service_provider::ServiceProvider,
    },
    resource::Resource,
    schema::AttributeId,
    store::{Change, ChangeOutcome, ListEdit, RequestedAttributes, Store, StoreError, Stored, referred},
    value::{Object, Value},
};

impl<S: Store> ServiceProvider<S> {
    /// Commits the delta. If the delta changes nothing, the version of the resource does not change.
    pub(super) async fn edit_values(
        &self,
        mut call: Call<'_>,
        id: &str,
        Membership { attribute, mut edit }: Membership,
        options: &Options,
        view: View,
    ) -> Result<Answer, Error> {
        let context = call.context;
        let values = edit.add.len();
        rest_after(values).await;
        let new = edit.add.iter_mut().collect();
        match self.settle_elements(&mut call, attribute, new, &Created::new()).await {
            Ok(missing) if missing.is_empty() => {}
            Ok(missing) => {
                let resource_type = &call.permit.resource_type;
                edit.add.retain(|element| {
                    referred(resource_type, attribute, element).is_none_or(|id| !missing.contains(id))
                });
            }
            Err(error) => {
                // The first fault to report is a group that does not exist, or that does not have the version that
                // the client names.
                let requested = RequestedAttributes::without(call.permit.resource_type.reference_lists());
                self.existing(&call, id, &options.precondition, &requested).await?;
                return Err(error);
            }
        }
        self.review_as_is(&call, id, Some((attribute, &edit))).await?;
        rest_after(values).await;
        let mut attempts = self.attempts();
        let done = loop {
            match self.try_edit(&call, id, attribute, &edit, &options.precondition).await {
                Ok(done) => break done,
                Err(failed) => attempts.again(context, failed)?,
            }
        };
        rest_after(values).await;
        let written = done.version.filter(|_| done.changed).map(|version| {
            let id = (AttributeId::ID, Value::String(id.into()));
            Stored::new(Resource::from_object(Arc::clone(&call.permit.resource_type), Object::from_iter([id])), version)
        });
        let stored = self.shown(&call, id, options, &view, written).await?;
        self.answer(&call, stored, view, done.changed).await
    }

    async fn try_edit(
        &self,
        call: &Call<'_>,
        id: &str,
        attribute: AttributeId,
        edit: &ValueEdit,
        precondition: &Precondition,
    ) -> Result<ChangeOutcome, Failed> {
        let resource_type = &call.permit.resource_type;
        let expect = self.expectation(call, id, precondition).await?;
        let change = Change::EditValues(ListEdit {
            resource_type: Arc::clone(resource_type),
            id: id.into(),
            attribute,
            expect,
            edit: edit.clone(),
            modified: self.inner.clock.now(),
        });
        match self.commit_one(call.context, change).await {
            Ok(done) => Ok(done),
            Err(StoreError::Busy) => Err(Failed::LostRace),
            Err(error) => Err(refused(resource_type, error).into()),
        }
    }
}
