//! A browser without a screen and without scripts: cookies with path, `SameSite` and `Secure`, redirects, and forms.

mod page;
mod site;

use std::{sync::Mutex, time::Duration};

use ureq::{Agent, http};

pub(crate) use self::{
    page::{Form, Page, parameter},
    site::{Site, rows},
};
use crate::process::Server;

/// The password of every administrator in tests.
pub(crate) const PASSWORD: &str = "a long enough password";

const FORM: &str = "application/x-www-form-urlencoded";

/// A cookie that a site has set.
#[derive(Clone, Debug)]
pub(crate) struct Cookie {
    host: String,
    pub(crate) path: String,
    pub(crate) name: String,
    pub(crate) value: String,
    /// The attributes, as they were sent.
    pub(crate) attributes: String,
}

/// A browser.
pub(crate) struct Browser {
    /// The prefix of addresses that are only a path.
    root: String,
    agent: Agent,
    cookies: Mutex<Vec<Cookie>>,
    /// Whether the browser follows redirects.
    follows: bool,
    /// The account of the session.
    pub(crate) account: String,
    /// The token in forms of this session.
    pub(crate) token: String,
}

impl Clone for Browser {
    fn clone(&self) -> Self {
        Self {
            root: self.root.clone(),
            agent: self.agent.clone(),
            cookies: Mutex::new(self.cookies.lock().unwrap().clone()),
            follows: self.follows,
            account: self.account.clone(),
            token: self.token.clone(),
        }
    }
}

impl Browser {
    /// A browser without cookies, which follows redirects.
    pub(crate) fn visitor() -> Self {
        Self { follows: true, ..Self::at("") }
    }

    /// A browser without cookies, which shows a redirect without following it.
    pub(crate) fn new(server: &Server) -> Self {
        Self::at(&server.root())
    }

    fn at(root: &str) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            // A new connection for each request: behind a proxy, requests then go to all processes in turn.
            .max_idle_connections(0)
            .max_idle_connections_per_host(0)
            .proxy(None)
            .timeout_global(Some(Duration::from_secs(120)))
            .build();
        Self {
            root: root.to_owned(),
            agent: config.into(),
            cookies: Mutex::default(),
            follows: false,
            account: String::new(),
            token: String::new(),
        }
    }

    /// A browser in which the first administrator has opened the link that the server printed.
    pub(crate) fn of_administrator(server: &Server) -> Self {
        let line = server.printed.iter().find_map(|line| line.strip_prefix("Administrator's link "));
        let address = line.unwrap_or_else(|| panic!("no link: {:?}", server.printed)).split(' ').next().unwrap();
        Self::of_link(server, address)
    }

    /// A browser in which an administrator has opened this link.
    pub(crate) fn of_link(server: &Server, link: &str) -> Self {
        let browser = Self::new(server);
        let path = format!("/{}", link.splitn(4, '/').nth(3).unwrap());
        let page = browser.post(&path, &[("password", PASSWORD), ("again", PASSWORD)]);
        assert_eq!(page.status, 303, "{page:?}");
        browser
    }

    /// A browser with this cookie of a session.
    pub(crate) fn of_session(server: &Server, cookie: &str) -> Self {
        let browser = Self::new(server);
        browser.set(&host_of(&browser.root), &format!("platform_session={cookie}"));
        browser
    }

    /// A browser with a session of this account, whose forms carry the token.
    pub(crate) fn of_account(root: &str, account: &str, cookie: &str, token: &str) -> Self {
        let browser = Self { account: account.to_owned(), token: token.to_owned(), ..Self::at(root) };
        browser.set(&host_of(root), &format!("platform_session={cookie}"));
        browser
    }

    /// The browser with another address before paths.
    pub(crate) fn with_root(self, change: impl FnOnce(&str) -> String) -> Self {
        Self { root: change(&self.root), ..self }
    }

    /// The browser without its cookies.
    pub(crate) fn without_cookies(self) -> Self {
        Self { cookies: Mutex::default(), ..self }
    }

    /// The browser of an attacker, which sends the cookies of one organization to the others too.
    pub(crate) fn everywhere(self) -> Self {
        for cookie in &mut *self.cookies.lock().unwrap() {
            "/".clone_into(&mut cookie.path);
        }
        self
    }

    /// Goes to an address or a path.
    pub(crate) fn get(&self, url: &str) -> Page {
        self.go("GET", url, &[], None, None)
    }

    /// The same, with more headers.
    pub(crate) fn get_with(&self, url: &str, headers: &[(&str, &str)]) -> Page {
        self.go("GET", url, headers, None, None)
    }

    /// Forgets all cookies.
    pub(crate) fn forget(&self) {
        self.cookies.lock().unwrap().clear();
    }

    /// Sends fields, with the token if the browser has one.
    pub(crate) fn post(&self, url: &str, fields: &[(&str, &str)]) -> Page {
        self.post_with(url, &[], fields)
    }

    /// The same, with more headers.
    pub(crate) fn post_with(&self, url: &str, headers: &[(&str, &str)], fields: &[(&str, &str)]) -> Page {
        let token = (!self.token.is_empty()).then_some(("token", &*self.token));
        self.go("POST", url, headers, Some(encoded(token.iter().chain(fields))), None)
    }

    /// Sends these bytes of a form with these headers. Of the browser's own state it sends only the cookies.
    pub(crate) fn post_text(&self, url: &str, headers: &[(&str, &str)], form: String) -> Page {
        self.go("POST", url, headers, Some(form), None)
    }

    /// Sends fields from the page at `from`, with the token of this page, and with the values of its hidden fields
    /// that `fields` names with an empty value.
    pub(crate) fn fill(&self, from: &str, url: &str, fields: &[(&str, &str)]) -> Page {
        let page = self.get(from);
        assert_eq!(page.status, 200, "{from}: {page:?}");
        let mut all = vec![("token", page.field("token"))];
        for (name, value) in fields {
            all.push((name, if value.is_empty() { page.field(name) } else { value }));
        }
        self.post(url, &all)
    }

    /// Sends a form of the page, with these fields set.
    pub(crate) fn submit(&self, page: &Page, action: &str, set: &[(&str, &str)]) -> Page {
        let mut form = page.form(action);
        for (name, value) in set {
            form.fields.retain(|(found, _)| found != name);
            form.fields.push(((*name).to_owned(), (*value).to_owned()));
        }
        self.send(&form, &page.url)
    }

    /// Sends a form from a page of this address.
    pub(crate) fn send(&self, form: &Form, from: &str) -> Page {
        self.go("POST", &form.action, &[], Some(encoded(&form.fields)), Some(from))
    }

    fn go(&self, method: &str, url: &str, headers: &[(&str, &str)], form: Option<String>, from: Option<&str>) -> Page {
        let url = if url.starts_with('/') { absolute(url, &self.root) } else { url.to_owned() };
        let url = if url.contains("://") { url } else { format!("{}{url}", self.root) };
        let mut page = self.request(method, &url, headers, form, from);
        if !self.follows {
            return page;
        }
        for _ in 0..10 {
            if !(300..400).contains(&page.status) {
                return page;
            }
            let target = absolute(page.location(), &page.url);
            page = self.request("GET", &target, &[], None, from);
        }
        panic!("too many redirects: {}", page.url);
    }

    fn request(
        &self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        form: Option<String>,
        from: Option<&str>,
    ) -> Page {
        let host = host_of(url);
        let mut request = http::Request::builder().method(method).uri(url);
        let line = self.line(method, url, from);
        if !line.is_empty() {
            request = request.header("Cookie", line);
        }
        if let Some(from) = from.filter(|_| method == "POST") {
            let (origin, own) = (split(from).0, split(url).0);
            let site = if origin == own { "same-origin" } else { "cross-site" };
            request = request.header("Origin", origin).header("Sec-Fetch-Site", site);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = match form {
            Some(form) => self.agent.run(request.header("Content-Type", FORM).body(form).unwrap()),
            None => self.agent.run(request.body(()).unwrap()),
        };
        let mut answer = answer.unwrap_or_else(|error| panic!("{method} {url}: {error}"));
        let headers = answer.headers().clone();
        for set in headers.get_all("set-cookie") {
            self.set(&host, set.to_str().unwrap());
        }
        let text = answer.body_mut().with_config().limit(64 << 20).read_to_string();
        let text = text.unwrap_or_else(|error| panic!("{method} {url}: {error}"));
        Page { url: url.to_owned(), status: answer.status().as_u16(), headers, text }
    }

    /// The `Cookie` header of a request.
    fn line(&self, method: &str, url: &str, from: Option<&str>) -> String {
        let (host, path) = (host_of(url), split(url).1);
        let is_same_site = from.is_none_or(|from| host_of(from) == host);
        let cookies = self.cookies.lock().unwrap();
        let sent = cookies.iter().filter(|cookie| {
            let fits = cookie.host == host && path.starts_with(&cookie.path);
            // A form of another site sends only cookies with `SameSite=None`, and those must be secure.
            let none = cookie.attributes.contains("SameSite=None") && cookie.attributes.contains("Secure");
            fits && (is_same_site || method == "GET" || none)
        });
        sent.map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect::<Vec<_>>().join("; ")
    }

    fn set(&self, host: &str, line: &str) {
        let mut parts = line.splitn(2, ';');
        let (name, value) = parts.next().unwrap().split_once('=').unwrap();
        let attributes = parts.next().unwrap_or_default().to_owned();
        let attribute = |name: &str| {
            let found = attributes
                .split(';')
                .map(str::trim)
                .find_map(|each| each.split_once('=').filter(|it| it.0.eq_ignore_ascii_case(name)));
            found.map(|(_, value)| value.to_owned())
        };
        let path = attribute("path").unwrap_or_else(|| "/".to_owned());
        let mut cookies = self.cookies.lock().unwrap();
        cookies.retain(|cookie| !(cookie.host == host && cookie.name == name && cookie.path == path));
        let gone =
            attribute("max-age").as_deref() == Some("0") || attribute("expires").is_some_and(|it| it.contains("1970"));
        if !gone && !value.is_empty() {
            let (host, name, value) = (host.to_owned(), name.to_owned(), value.to_owned());
            cookies.push(Cookie { host, path, name, value, attributes });
        }
    }

    /// The cookie of this name, if there is one.
    pub(crate) fn cookie(&self, name: &str) -> Option<Cookie> {
        self.cookies.lock().unwrap().iter().find(|cookie| cookie.name == name).cloned()
    }
}

/// Fields in the encoding of a form.
pub(crate) fn encoded<'a, K: AsRef<str> + 'a, V: AsRef<str> + 'a>(
    fields: impl IntoIterator<Item = &'a (K, V)>,
) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    for (name, value) in fields {
        form.append_pair(name.as_ref(), value.as_ref());
    }
    form.finish()
}

fn absolute(target: &str, base: &str) -> String {
    if target.contains("://") { target.to_owned() } else { format!("{}{target}", split(base).0) }
}

/// The origin and the path of a URL.
fn split(url: &str) -> (String, String) {
    let start = url.find("://").unwrap() + 3;
    let end = url[start..].find('/').map_or(url.len(), |at| at + start);
    let path = url[end..].split('?').next().unwrap();
    (url[..end].to_owned(), if path.is_empty() { "/".to_owned() } else { path.to_owned() })
}

fn host_of(url: &str) -> String {
    split(url).0.split("://").nth(1).unwrap().split(':').next().unwrap().to_owned()
}
