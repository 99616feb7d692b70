//! A browser without a screen: it keeps the cookies of one server, follows no redirect by itself, and fills in forms.

use std::collections::BTreeMap;

use ureq::{Agent, http};

use crate::process::Server;

/// The password of every administrator in tests.
pub(crate) const PASSWORD: &str = "a long enough password";

/// A browser.
pub(crate) struct Browser {
    root: String,
    agent: Agent,
    cookies: BTreeMap<String, String>,
}

/// The answer to a request of the browser.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) text: String,
}

impl Page {
    /// The path that the answer redirects to.
    pub(crate) fn location(&self) -> &str {
        self.headers.get("location").map_or("", |location| location.to_str().unwrap())
    }

    /// The value of the field of a form.
    pub(crate) fn field(&self, name: &str) -> &str {
        let start = format!("name=\"{name}\" value=\"");
        let found = self.text.split(&start).nth(1).unwrap_or_else(|| panic!("no field {name}: {}", self.text));
        found.split('"').next().unwrap()
    }

    /// The text of the element with this id.
    pub(crate) fn element(&self, id: &str) -> &str {
        let found =
            self.text.split(&format!("id=\"{id}\">")).nth(1).unwrap_or_else(|| panic!("no {id}: {}", self.text));
        found.split('<').next().unwrap()
    }

    /// Asserts that the page shows each of these texts.
    #[track_caller]
    pub(crate) fn shows(&self, texts: &[&str]) {
        for text in texts {
            assert!(self.text.contains(text), "the page ({}) does not show {text:?}: {}", self.status, self.text);
        }
    }

    /// Asserts that the page shows none of these texts.
    #[track_caller]
    pub(crate) fn hides(&self, texts: &[&str]) {
        for text in texts {
            assert!(!self.text.contains(text), "the page shows {text:?}: {}", self.text);
        }
    }
}

impl Browser {
    /// A browser that has no cookie.
    pub(crate) fn new(server: &Server) -> Self {
        let config = Agent::config_builder().http_status_as_error(false).max_redirects(0).build();
        Self { root: server.root(), agent: config.into(), cookies: BTreeMap::new() }
    }

    /// A browser in which the first administrator has opened the link that the server printed.
    pub(crate) fn of_administrator(server: &Server) -> Self {
        let line = server.printed.iter().find_map(|line| line.strip_prefix("Administrator's link "));
        let address = line.unwrap_or_else(|| panic!("no link: {:?}", server.printed)).split(' ').next().unwrap();
        Self::of_link(server, address)
    }

    /// A browser in which an administrator has opened this link.
    pub(crate) fn of_link(server: &Server, link: &str) -> Self {
        let mut browser = Self::new(server);
        let path = format!("/{}", link.splitn(4, '/').nth(3).unwrap());
        let page = browser.post(&path, &[("password", PASSWORD), ("again", PASSWORD)]);
        assert_eq!(page.status, 303, "{page:?}");
        browser
    }

    /// A browser with this cookie of a session.
    pub(crate) fn of_session(server: &Server, cookie: &str) -> Self {
        let mut browser = Self::new(server);
        browser.cookies.insert("platform_session".to_owned(), cookie.to_owned());
        browser
    }

    pub(crate) fn get(&mut self, path: &str) -> Page {
        self.send("GET", path, &[], None)
    }

    /// Sends a form as it is.
    pub(crate) fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        self.post_with(path, &[], fields)
    }

    /// Sends a form with more headers.
    pub(crate) fn post_with(&mut self, path: &str, headers: &[(&str, &str)], fields: &[(&str, &str)]) -> Page {
        let mut form = form_urlencoded::Serializer::new(String::new());
        self.send("POST", path, headers, Some(&form.extend_pairs(fields).finish()))
    }

    /// Sends a form of the page at `from`, with the token that this page has, and those of its hidden fields that
    /// `fields` names with an empty value.
    pub(crate) fn submit(&mut self, from: &str, path: &str, fields: &[(&str, &str)]) -> Page {
        let page = self.get(from);
        assert_eq!(page.status, 200, "{from}: {page:?}");
        let mut all = vec![("token", page.field("token"))];
        for (name, value) in fields {
            all.push((name, if value.is_empty() { page.field(name) } else { value }));
        }
        self.post(path, &all)
    }

    fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)], form: Option<&str>) -> Page {
        let mut request = http::Request::builder().method(method).uri(format!("{}{path}", self.root));
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if !cookies.is_empty() {
            request = request.header("Cookie", cookies.join("; "));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut response = match form {
            Some(form) => {
                let request = request.header("Content-Type", "application/x-www-form-urlencoded");
                self.agent.run(request.body(form.to_owned()).unwrap()).unwrap()
            }
            None => self.agent.run(request.body(()).unwrap()).unwrap(),
        };
        for cookie in response.headers().get_all("set-cookie") {
            let (name, value) = cookie.to_str().unwrap().split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        let text = response.body_mut().read_to_string().unwrap();
        Page { status: response.status().as_u16(), headers: response.headers().clone(), text }
    }
}
