//! A browser without a screen: cookies, forms with their token, and no redirect that is followed.

use platform::{
    account::{Accounts, NewAccount},
    database::Database,
    session::Sessions,
    user_group::{Assignment, UserGroups},
};
use scim_core::sql::Statement;
use serde_json::json;
use ureq::{Agent, http};

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

    /// Makes a user by SCIM, and gives the id.
    pub(crate) fn user(&self, user_name: &str, name: &str) -> String {
        self.create("/Users", &json!({"schemas": [USER], "userName": user_name, "displayName": name}))
    }

    /// Makes a group by SCIM, and gives the id.
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

    /// Makes an account by hand, and gives the id.
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

    /// A new administrator who is signed in.
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
        Browser {
            root: format!("{}/o/acme/", self.server.root()),
            account: account.to_owned(),
            cookie,
            token,
            agent: agent(),
        }
    }
}

/// The first column of all rows that a query finds.
pub(crate) async fn rows(database: &Database, sql: &str) -> Vec<String> {
    let mut query = Statement::new(database.dialect());
    query.push(sql);
    let rows = database.read(vec![query]).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    rows.into_iter().flatten().map(|mut row| row.text(0).unwrap()).collect()
}

fn agent() -> Agent {
    Agent::config_builder().http_status_as_error(false).max_redirects(0).build().into()
}

/// What a browser got.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) location: String,
    pub(crate) headers: http::HeaderMap,
    pub(crate) text: String,
}

/// A browser with a session.
pub(crate) struct Browser {
    pub(crate) root: String,
    pub(crate) account: String,
    pub(crate) cookie: String,
    pub(crate) token: String,
    pub(crate) agent: Agent,
}

impl Browser {
    pub(crate) fn get(&self, path: &str) -> Page {
        self.send("GET", path, &[], None)
    }

    /// Sends a form with the session's token.
    pub(crate) fn post(&self, path: &str, fields: &[(&str, &str)]) -> Page {
        let fields: Vec<_> = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.post_all(path, &fields)
    }

    pub(crate) fn post_all(&self, path: &str, fields: &[(String, String)]) -> Page {
        let token = ("token".to_owned(), self.token.clone());
        self.send("POST", path, &[], Some(&form(std::iter::once(&token).chain(fields))))
    }

    /// Sends a request with the session's cookie and these headers.
    pub(crate) fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&str>) -> Page {
        let mut request = http::Request::builder().method(method).uri(format!("{}{path}", self.root));
        if !self.cookie.is_empty() {
            request = request.header("Cookie", format!("platform_session={}", self.cookie));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let sent = match body {
            Some(body) => {
                let request = request.header("Content-Type", "application/x-www-form-urlencoded");
                self.agent.run(request.body(body.to_owned()).unwrap())
            }
            None => self.agent.run(request.body(()).unwrap()),
        };
        let mut response = sent.unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        let text = response.body_mut().with_config().limit(8 << 20).read_to_string().unwrap();
        let location = response.headers().get("location").map(|to| to.to_str().unwrap().to_owned());
        Page {
            status: response.status().as_u16(),
            location: location.unwrap_or_default(),
            headers: response.headers().clone(),
            text,
        }
    }
}

/// Fields as a form sends them.
pub(crate) fn form<'a>(fields: impl IntoIterator<Item = &'a (String, String)>) -> String {
    let encoded = |text: &str| {
        text.bytes()
            .map(
                |byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") },
            )
            .collect::<String>()
    };
    let pairs = fields.into_iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
    pairs.collect::<Vec<_>>().join("&")
}
