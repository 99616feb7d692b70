//! A patch that changes only a list of references. It is committed as a delta and answered without reading a long
//! list.

use std::sync::Arc;

use crate::{
    error::Error,
    patch::Membership,
    provider::{
        access::Permit,
        answer::{Answer, View},
        failure::{contention, refused},
        options::Options,
        reference::Created,
        rest::rest_after,
        service_provider::ServiceProvider,
    },
    quirks::Tolerance,
    store::{Change, Context, Store, StoreError, Wanted, referred},
};

impl<S: Store> ServiceProvider<S> {
    /// Commits the delta. If the delta changes nothing, the version of the resource does not change.
    #[expect(clippy::too_many_arguments, reason = "it is one half of `patch`")]
    pub(super) async fn edit_values(
        &self,
        cx: &Context,
        permit: &Permit,
        id: &str,
        Membership { attribute, mut edit }: Membership,
        options: &Options,
        view: View,
        mut tolerance: Tolerance,
    ) -> Result<Answer, Error> {
        let kind = &permit.kind;
        let values = edit.add.len();
        rest_after(values).await;
        let new = edit.add.iter_mut().collect();
        match self.settle_elements(cx, kind, attribute, new, &Created::new(), &mut tolerance).await {
            Ok(missing) if missing.is_empty() => {}
            Ok(missing) => {
                edit.add.retain(|element| referred(kind, attribute, element).is_none_or(|id| !missing.contains(id)));
            }
            Err(error) => {
                // The first fault to report is a group that does not exist, or that does not have the version that
                // the client names.
                let wanted = Wanted::without(kind.reference_lists());
                self.existing(cx, permit, id, &options.precondition, &wanted).await?;
                return Err(error);
            }
        }
        self.review_as_is(cx, permit, id, Some((attribute, &edit))).await?;
        rest_after(values).await;
        let mut changed = None;
        for _ in 0..=self.limits().write_retries {
            let expect = self.expectation(cx, permit, id, &options.precondition).await?;
            let change = Change::EditValues {
                kind: Arc::clone(kind),
                id: id.into(),
                attribute,
                expect,
                edit: edit.clone(),
                modified: self.inner.clock.now(),
            };
            match self.commit_one(cx, change).await {
                Ok(done) => {
                    changed = Some(done.changed);
                    break;
                }
                Err(StoreError::Busy) => cx.count_retry(),
                Err(error) => return Err(refused(kind, error)),
            }
        }
        let changed = changed.ok_or_else(contention)?;
        rest_after(values).await;
        let stored = self.shown(cx, permit, id, options, &view).await?;
        self.answer(cx, stored, view, &tolerance, changed).await
    }
}
