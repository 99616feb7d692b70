//! What a test's store leaves to the one that it is made of.

/// Methods of `Store` that are those of a field: `forward! { inner: capabilities, get, scan }` in the implementation. A
/// method that is not named is the test's own, or the trait's.
macro_rules! forward {
    ($inner:tt: $($method:ident),+) => { $(forward!(@$method $inner);)+ };
    (@capabilities $inner:tt) => {
        fn capabilities(&self) -> ::scim_core::store::Capabilities {
            self.$inner.capabilities()
        }
    };
    (@pushdown $inner:tt) => {
        fn pushdown(
            &self,
            kind: &::scim_core::schema::ResourceType,
            conjunct: &::scim_core::filter::Condition,
        ) -> ::scim_core::store::Pushdown {
            self.$inner.pushdown(kind, conjunct)
        }
    };
    (@get $inner:tt) => {
        async fn get<'a>(
            &'a self,
            cx: &'a ::scim_core::store::Context,
            key: ::scim_core::store::Key<'a>,
            wanted: &'a ::scim_core::store::Wanted<'a>,
        ) -> Result<Option<::scim_core::store::Stored>, ::scim_core::store::StoreError> {
            self.$inner.get(cx, key, wanted).await
        }
    };
    (@scan $inner:tt) => {
        async fn scan<'a>(
            &'a self,
            cx: &'a ::scim_core::store::Context,
            scan: &'a ::scim_core::store::Scan<'a>,
        ) -> Result<::scim_core::store::Page, ::scim_core::store::StoreError> {
            self.$inner.scan(cx, scan).await
        }
    };
    (@commit $inner:tt) => {
        async fn commit<'a>(
            &'a self,
            cx: &'a ::scim_core::store::Context,
            batch: &'a [::scim_core::store::Change],
        ) -> Result<Vec<::scim_core::store::Done>, ::scim_core::store::CommitError> {
            self.$inner.commit(cx, batch).await
        }
    };
    (@holders $inner:tt) => {
        async fn holders<'a>(
            &'a self,
            cx: &'a ::scim_core::store::Context,
            relation: &'a ::scim_core::schema::Relation,
            ids: &'a [&'a str],
            bytes: usize,
        ) -> Result<Vec<::scim_core::store::Holder>, ::scim_core::store::StoreError> {
            self.$inner.holders(cx, relation, ids, bytes).await
        }
    };
    (@get_many $inner:tt) => {
        async fn get_many<'a>(
            &'a self,
            cx: &'a ::scim_core::store::Context,
            kind: &'a ::std::sync::Arc<::scim_core::schema::ResourceType>,
            ids: &'a [&'a str],
            wanted: &'a ::scim_core::store::Wanted<'a>,
        ) -> Result<Vec<Option<::std::sync::Arc<::scim_core::Resource>>>, ::scim_core::store::StoreError> {
            self.$inner.get_many(cx, kind, ids, wanted).await
        }
    };
    (@locate $inner:tt) => {
        async fn locate<'a>(
            &'a self,
            cx: &'a ::scim_core::store::Context,
            kinds: &'a [::std::sync::Arc<::scim_core::schema::ResourceType>],
            ids: &'a [&'a str],
        ) -> Result<Vec<Option<usize>>, ::scim_core::store::StoreError> {
            self.$inner.locate(cx, kinds, ids).await
        }
    };
}

pub(crate) use forward;
