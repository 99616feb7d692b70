//! Identity providers in Node, and the organization that signs in with them.
//!
//! `SCIM_TEST_PROVIDERS` is a directory with the program `node`, and with a copy of `examples/platform/browser` in
//! which `npm ci` ran. `.ci/run` makes such a directory.

use std::{
    io::{BufRead as _, BufReader, Lines, Write as _},
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use platform::{
    account::{Accounts, NewAccount},
    database::Database,
};
use scim_core::{fold::fold, sql::Statement};
use serde_json::Value as Json;

use crate::{
    browser::{Browser, Page},
    process::Server,
};

pub(crate) const PASSWORD: &str = "a-password-for-tests";

/// A program in Node. It ends when this value is dropped.
pub(crate) struct Node {
    child: Child,
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    /// The first line that it has printed.
    pub(crate) first: String,
}

impl Node {
    /// Starts a script of `browser/providers`; `None` without Node.
    pub(crate) fn start(script: &str, settings: &Json) -> Option<Self> {
        let Some(directory) = std::env::var_os("SCIM_TEST_PROVIDERS").map(PathBuf::from) else {
            eprintln!("skipped: SCIM_TEST_PROVIDERS names no directory with node and node_modules");
            return None;
        };
        let mut command = Command::new(directory.join("node"));
        command.arg(directory.join("providers").join(script)).arg(settings.to_string());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let stdin = child.stdin.take().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines.next().unwrap_or_else(|| panic!("{script} has ended")).unwrap();
        Some(Self { child, stdin, lines, first })
    }

    /// The text after the first word of the first line.
    pub(crate) fn address(&self) -> String {
        self.first.split_once(' ').unwrap().1.to_owned()
    }

    /// Sends a line, and reads a line.
    pub(crate) fn ask(&mut self, question: &Json) -> Json {
        writeln!(self.stdin, "{question}").unwrap();
        serde_json::from_str(&self.lines.next().unwrap().unwrap()).unwrap()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program with the bare organization `demo`, and its administrator in a browser.
pub(crate) struct Organization {
    pub(crate) server: Server,
    pub(crate) administrator: Browser,
    root: String,
    store: String,
}

impl Organization {
    pub(crate) fn start(store: &str) -> Self {
        let server = Server::start(&["--store", store]);
        let root = server.root();
        Self::of(server, root, store)
    }

    /// The organization on a server that browsers see at this URL.
    pub(crate) fn of(server: Server, root: String, store: &str) -> Self {
        let link = server.printed.iter().find_map(|line| line.strip_prefix("Administrator's link "));
        let link = link.unwrap().split(' ').next().unwrap().to_owned();
        let administrator = Browser::visitor();
        let page = administrator.get(&link);
        let passwords = [("password", PASSWORD), ("again", PASSWORD)];
        let form = page.form(link.rsplit('/').next().unwrap());
        // The organization's front page leads to another page.
        let page = administrator.submit(&page, &form.action, &passwords);
        assert_eq!((page.status, page.url.ends_with("/o/demo/scim")), (200, true), "{}", page.url);
        assert!(administrator.cookie("platform_session").is_some());
        Self { server, administrator, root, store: store.to_owned() }
    }

    /// The address of one of the organization's pages.
    pub(crate) fn url(&self, page: &str) -> String {
        format!("{}/o/demo/{page}", self.root)
    }

    /// A page, as the administrator sees it.
    pub(crate) fn page(&mut self, page: &str) -> Page {
        let url = self.url(page);
        self.administrator.get(&url)
    }

    /// Saves the settings of OpenID Connect.
    pub(crate) fn save_openid(&mut self, issuer: &str, claim: &str) -> Page {
        let page = self.page("sign-on?kind=openid");
        let set = [("issuer", issuer), ("client_id", "platform"), ("client_secret", "a-secret-of-the-client")];
        self.administrator.submit(&page, "/sign-on/openid", &[&set[..], &[("claim", claim)]].concat())
    }

    /// Saves the settings of SAML.
    pub(crate) fn save_saml(&mut self, metadata: &str, signed: &str) -> Page {
        let page = self.page("sign-on?kind=saml");
        let set = [("metadata", metadata), ("signed", signed), ("by", "user_name")];
        self.administrator.submit(&page, "/sign-on/saml", &set)
    }

    /// Leaves for a test sign-in, and returns the page by which the browser leaves.
    pub(crate) fn test(&mut self, kind: &str) -> Page {
        let page = self.page(&format!("sign-on?kind={kind}"));
        self.administrator.submit(&page, "/sign-on/test", &[])
    }

    pub(crate) fn turn_on(&mut self, kind: &str) -> Page {
        let page = self.page(&format!("sign-on?kind={kind}"));
        self.administrator.submit(&page, "/sign-on/on", &[])
    }

    /// A new browser that leaves the sign-in page, and the page by which it leaves.
    pub(crate) fn leave(&self) -> (Browser, Page) {
        let visitor = Browser::visitor();
        let page = visitor.get(&self.url("sign-in"));
        let page = visitor.submit(&page, "/sign-on/start", &[]);
        (visitor, page)
    }

    /// Runs `work` on the tables of the server.
    pub(crate) fn on_tables<T, F: Future<Output = T>>(&self, work: impl FnOnce(Database) -> F) -> T {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async { work(Database::open(&self.store).await.unwrap()).await })
    }

    /// Runs a statement on the tables of the server.
    pub(crate) fn execute(&self, sql: &str) {
        self.on_tables(|database| async move {
            let mut statement = Statement::new(database.dialect());
            statement.push(sql);
            database.execute(vec![statement]).await.unwrap();
        });
    }

    /// The number that a query returns.
    pub(crate) fn count(&self, sql: &str) -> i64 {
        self.on_tables(|database| async move {
            let mut query = Statement::new(database.dialect());
            query.push(sql);
            database.look_up(vec![query]).await.unwrap()[0][0].required_integer(0).unwrap()
        })
    }

    /// An account made by hand.
    pub(crate) fn add_by_hand(&self, user_name: &str, administrator: bool) -> String {
        let (tenant, user_name, name) = ("demo".to_owned(), user_name.to_owned(), format!("{user_name} by hand"));
        let account = NewAccount { tenant, user_name, name, email: None, administrator, made_by: None };
        self.on_tables(|database| async move { Accounts::new(database).add(account).await.unwrap() })
    }

    /// A row like that of a SCIM request's commit.
    pub(crate) fn add_by_scim(&self, user_name: &str, external_id: &str, active: bool) {
        let key = fold(user_name).into_owned();
        self.execute(&format!(
            "INSERT INTO account (tenant, id, origin, user_name, user_name_key, name, sort_name, external_id, active, \
             created) VALUES ('demo', 'scim-{key}', 'scim', '{user_name}', '{key}', '{user_name}', '{key}', \
             '{external_id}', {}, 0)",
            i64::from(active)
        ));
    }
}

/// Signs in with the form of a provider in Node, and returns. `None` presses *Cancel*.
pub(crate) fn at_provider(visitor: &Browser, address: &str, login: Option<&str>) -> Page {
    let page = visitor.get(address);
    let mut form = page.forms().remove(0);
    if form.action.is_empty() {
        form.action.clone_from(&page.url);
    }
    form.fields.retain(|(name, _)| !matches!(&**name, "login" | "password"));
    let mut set = |name: &str, value: &str| form.fields.push((name.to_owned(), value.to_owned()));
    match login {
        Some(login) => {
            set("login", login);
            set("password", "secret");
        }
        None => set("cancel", "1"),
    }
    let page = visitor.send(&form, &page.url);
    // A SAML provider posts the browser back.
    match page.forms().into_iter().find(|form| form.fields.iter().any(|(name, _)| name == "SAMLResponse")) {
        Some(form) => visitor.send(&form, &page.url),
        None => page,
    }
}
