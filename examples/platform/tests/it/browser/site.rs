//! A server with an organization, and browsers of its people.

use platform::{
    account::{Accounts, NewAccount},
    database::Database,
    session::Sessions,
    user_group::{Assignment, UserGroups},
};
use scim_core::sql::Statement;
use serde_json::json;

use super::Browser;
use crate::process::{Place, Server, TOKEN, USER};

/// A server with the organization `acme`, and its tables.
pub(crate) struct Site {
    pub(crate) server: Server,
    pub(crate) database: Database,
    pub(crate) accounts: Accounts,
    pub(crate) user_groups: UserGroups,
}

impl Site {
    pub(crate) async fn start(place: &Place) -> Self {
        let server = Server::start(&["--store", &place.url, "--organization", "acme", "--token", TOKEN]);
        let database = Database::open(&place.url).await.unwrap();
        let (accounts, user_groups) = (Accounts::new(database.clone()), UserGroups::new(database.clone()));
        Self { server, database, accounts, user_groups }
    }

    /// Creates a user by SCIM, and returns the id.
    pub(crate) fn user(&self, user_name: &str, name: &str) -> String {
        self.create("/Users", &json!({"schemas": [USER], "userName": user_name, "displayName": name}))
    }

    /// Creates a group by SCIM, and returns the id.
    pub(crate) fn group(&self, name: &str, members: &[&str]) -> String {
        let members: Vec<_> = members.iter().map(|id| json!({"value": id})).collect();
        let schema = "urn:ietf:params:scim:schemas:core:2.0:Group";
        self.create("/Groups", &json!({"schemas": [schema], "displayName": name, "members": members}))
    }

    pub(crate) fn create(&self, path: &str, resource: &serde_json::Value) -> String {
        let made = self.server.request("POST", path, Some(resource));
        assert_eq!(made.status, 201, "{}", made.text);
        made.json["id"].as_str().unwrap().to_owned()
    }

    /// Creates an account by hand, and returns the id.
    pub(crate) async fn person(&self, name: &str, administrator: bool) -> String {
        let account = NewAccount {
            tenant: "acme".to_owned(),
            user_name: format!("{}@example.com", name.to_lowercase()),
            name: name.to_owned(),
            email: None,
            administrator,
            made_by: None,
        };
        self.accounts.add(account).await.unwrap()
    }

    pub(crate) async fn user_group(&self, name: &str) -> String {
        self.user_groups.add("acme", name, None, "admin").await.unwrap()
    }

    pub(crate) async fn assign(&self, people: &[&str], groups: &[&str]) {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let (people, join) = (owned(people), owned(groups));
        let assignment = Assignment { people, join, leave: Vec::new(), by: "admin".to_owned() };
        self.user_groups.assign("acme", assignment).await.unwrap();
    }

    /// The browser of a new administrator with a session.
    pub(crate) async fn administrator(&self) -> Browser {
        let name = format!("Admin {}", uuid::Uuid::new_v4().simple());
        let id = self.person(&name, true).await;
        self.sign_in(&id).await
    }

    /// A browser with a session of the account.
    pub(crate) async fn sign_in(&self, account: &str) -> Browser {
        let sessions = Sessions::new(self.database.clone());
        let cookie = sessions.begin("acme", account, None).await.unwrap();
        let token = sessions.find("acme", &cookie).await.unwrap().unwrap().token;
        Browser::of_account(&format!("{}/o/acme/", self.server.root()), account, &cookie, &token)
    }
}

/// The first column of all rows of a query.
pub(crate) async fn rows(database: &Database, sql: &str) -> Vec<String> {
    let mut query = Statement::new(database.dialect());
    query.push(sql);
    let rows = database.look_up(vec![query]).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    rows.into_iter().flatten().map(|mut row| row.required_text(0).unwrap()).collect()
}
