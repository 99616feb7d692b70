//! The base URL of all endpoints (RFC 7644 §1.3).

use std::sync::Arc;

use percent_encoding::utf8_percent_encode;

use crate::{resource::SEGMENT, store::TenantId};

const PLACEHOLDER: &str = "{tenant}";

/// A base URL without a trailing slash. It may contain a placeholder for the tenant.
#[derive(Clone, Debug)]
pub(super) struct BaseUrl(Arc<str>);

impl BaseUrl {
    pub(super) fn new(url: &str) -> Option<Self> {
        let url = url.trim_end_matches('/');
        let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
        let allowed = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#' | b'"' | b'\\' | b'<' | b'>');
        let host = rest.split('/').next().unwrap_or_default();
        (!host.is_empty() && rest.bytes().all(allowed)).then(|| Self(url.into()))
    }

    /// Returns the base URL of a tenant (RFC 7644 §6).
    pub(super) fn of(&self, tenant: &TenantId) -> Arc<str> {
        if self.0.contains(PLACEHOLDER) {
            let tenant = utf8_percent_encode(tenant.as_str(), SEGMENT).to_string();
            self.0.replace(PLACEHOLDER, &tenant).into()
        } else {
            Arc::clone(&self.0)
        }
    }
}
