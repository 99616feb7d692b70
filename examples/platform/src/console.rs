//! The pages of an organization's administrators, and each other person's own page, below `/o/{organization}`.
//!
//! The server renders every page. Forms post, and every POST answers with a redirect. Scripts only copy texts and
//! refresh the log. This module decides nothing about SCIM: pages show and change the rows of tables that other
//! modules own.

mod confirm;
mod door;
mod failure;
mod form;
mod frame;
mod gone;
mod headers;
mod invitation;
mod log;
mod me;
mod passage;
mod person;
mod scim;
mod session;
mod sign_on;
mod user_groups;
mod users;
mod wording;

use std::sync::Arc;

use axum::{Router, middleware, routing::get};

pub use self::failure::Failure;
use self::{frame::Frame, session::Signed};
use crate::{
    account::Accounts,
    database::Database,
    directory::{Directory, Organization},
    log::with_causes,
    provisioning::Writer,
    session::Sessions,
    sign_on::SignOn,
    user_group::UserGroups,
};

/// The parts of the program that the pages use.
#[derive(Clone, Debug)]
pub struct Console {
    /// The database.
    pub database: Database,
    /// Organizations and API keys.
    pub directory: Arc<Directory>,
    /// The people of each organization.
    pub accounts: Accounts,
    /// The user groups of each organization.
    pub user_groups: UserGroups,
    /// The sessions of people's browsers.
    pub sessions: Sessions,
    /// Single sign-on.
    pub sign_on: SignOn,
    /// The writer of the provisioning log.
    pub writer: Writer,
    /// The value of `--store` for a command line, without secrets.
    pub store: Arc<str>,
    /// The URL under which browsers see the server, without a slash at its end: `https://example.com`.
    pub url: Arc<str>,
}

impl Console {
    /// Returns the pages over this database. `url` is the URL under which browsers see the server; `store` is the
    /// value of `--store` without secrets.
    pub fn new(database: &Database, directory: Arc<Directory>, writer: Writer, url: &str, store: &str) -> Self {
        let url = url.trim_end_matches('/');
        Self {
            database: database.clone(),
            directory,
            accounts: Accounts::new(database.clone()),
            user_groups: UserGroups::new(database.clone()),
            sessions: Sessions::new(database.clone()),
            sign_on: SignOn::new(database.clone(), url),
            writer,
            store: store.into(),
            url: url.into(),
        }
    }

    /// Finds the organization with this name.
    async fn organization(&self, name: &str) -> Result<Organization, Failure> {
        let found = self.directory.organization(name).await;
        found.map_err(|error| Failure::Internal(with_causes(&error)))?.ok_or(Failure::NotFound)
    }

    /// Whether browsers reach the server by TLS, so that cookies may be `Secure`.
    pub fn is_secure(&self) -> bool {
        self.url.starts_with("https://")
    }

    /// Returns the path of a page of an organization: `/o/fairlight/users`.
    pub fn path(organization: &str, page: &str) -> String {
        format!("/o/{organization}/{page}")
    }
}

/// Returns the router of all pages and of the files that they use.
pub fn router(console: Console) -> Router {
    let pages = Router::new()
        .route("/", get(home))
        .merge(invitation::routes())
        .merge(session::routes())
        .merge(confirm::routes())
        .merge(passage::routes())
        .merge(sign_on::routes())
        .merge(users::routes())
        .merge(person::routes())
        .merge(user_groups::routes())
        .merge(scim::routes())
        .merge(log::routes())
        .merge(me::routes())
        .fallback(|| async { Failure::NotFound });
    Router::new()
        // The nested `/` has no slash at its end, but the printed address and the links have one.
        .route("/o/{organization}/", get(home))
        .nest("/o/{organization}", pages)
        .merge(door::routes())
        .merge(headers::files())
        .layer(middleware::from_fn(headers::protect))
        .with_state(console)
}

/// The start page of an organization for a person with this role.
async fn home(signed: Signed) -> axum::response::Redirect {
    let page = if signed.account.is_administrator() { "scim" } else { "me" };
    axum::response::Redirect::to(&Console::path(&signed.organization, page))
}
