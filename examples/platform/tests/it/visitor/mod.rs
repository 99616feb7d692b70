//! A browser without scripts, as far as sign-ins need one: cookies with path, `SameSite` and `Secure`, redirects, forms.

use std::time::Duration;

use ureq::{Agent, http};

/// A cookie as a site has set it.
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
#[derive(Clone)]
pub(crate) struct Visitor {
    agent: Agent,
    pub(crate) cookies: Vec<Cookie>,
}

/// A page that was shown.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    pub(crate) url: String,
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) text: String,
}

/// A form of a page.
#[derive(Clone, Debug)]
pub(crate) struct Form {
    pub(crate) action: String,
    pub(crate) fields: Vec<(String, String)>,
}

impl Visitor {
    pub(crate) fn new() -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            // A connection for each request: behind a proxy, requests then go to all processes in turn.
            .max_idle_connections(0)
            .max_idle_connections_per_host(0)
            .proxy(None)
            .timeout_global(Some(Duration::from_secs(120)))
            .build();
        Self { agent: config.into(), cookies: Vec::new() }
    }

    /// Goes to an address, and on where it redirects to.
    pub(crate) fn get(&mut self, url: &str) -> Page {
        self.follow("GET", url, None, url)
    }

    /// Sends a form of the page, with these fields set.
    pub(crate) fn submit(&mut self, page: &Page, action: &str, set: &[(&str, &str)]) -> Page {
        let mut form = page.form(action);
        for (name, value) in set {
            form.fields.retain(|(found, _)| found != name);
            form.fields.push(((*name).to_owned(), (*value).to_owned()));
        }
        self.send(&form, &page.url)
    }

    /// Sends a form from a page of this address.
    pub(crate) fn send(&mut self, form: &Form, from: &str) -> Page {
        let fields = form.fields.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
        let body = fields.collect::<Vec<_>>().join("&");
        self.follow("POST", &form.action, Some(body), from)
    }

    /// One request, without going on.
    pub(crate) fn request(&mut self, method: &str, url: &str, body: Option<String>, from: &str) -> Page {
        let (origin, path) = split(url);
        let host = host_of(url);
        let same_site = host == host_of(from);
        let mut request = http::Request::builder().method(method).uri(url);
        let sent = self.cookies.iter().filter(|cookie| {
            let fits = cookie.host == host && path.starts_with(&cookie.path);
            // A form of another site brings only the cookies that say so, and those must be secure.
            let none = cookie.attributes.contains("SameSite=None") && cookie.attributes.contains("Secure");
            fits && (same_site || method == "GET" || none)
        });
        let line = sent.map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect::<Vec<_>>().join("; ");
        if !line.is_empty() {
            request = request.header("Cookie", line);
        }
        if method == "POST" {
            request = request.header("Origin", split(from).0);
            let site = if origin == split(from).0 { "same-origin" } else { "cross-site" };
            request = request.header("Sec-Fetch-Site", site);
        }
        let answer = match body {
            Some(body) => {
                let kind = "application/x-www-form-urlencoded";
                self.agent.run(request.header("Content-Type", kind).body(body).unwrap())
            }
            None => self.agent.run(request.body(()).unwrap()),
        };
        let mut answer = answer.unwrap_or_else(|error| panic!("{method} {url}: {error}"));
        let headers = answer.headers().clone();
        for set in headers.get_all("set-cookie") {
            self.set(&host, set.to_str().unwrap());
        }
        let text = answer.body_mut().read_to_string().unwrap_or_default();
        Page { url: url.to_owned(), status: answer.status().as_u16(), headers, text }
    }

    fn follow(&mut self, method: &str, url: &str, body: Option<String>, from: &str) -> Page {
        let mut page = self.request(method, url, body, from);
        for _ in 0..10 {
            if !(300..400).contains(&page.status) {
                return page;
            }
            let target = absolute(page.headers["location"].to_str().unwrap(), &page.url);
            page = self.request("GET", &target, None, from);
        }
        panic!("too many redirects: {}", page.url);
    }

    fn set(&mut self, host: &str, line: &str) {
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
        self.cookies.retain(|cookie| !(cookie.host == host && cookie.name == name && cookie.path == path));
        let gone =
            attribute("max-age").as_deref() == Some("0") || attribute("expires").is_some_and(|it| it.contains("1970"));
        if !gone && !value.is_empty() {
            let (host, name, value) = (host.to_owned(), name.to_owned(), value.to_owned());
            self.cookies.push(Cookie { host, path, name, value, attributes });
        }
    }

    /// The cookie of this name, if there is one.
    pub(crate) fn cookie(&self, name: &str) -> Option<&Cookie> {
        self.cookies.iter().find(|cookie| cookie.name == name)
    }
}

impl Page {
    /// The form whose action ends so.
    pub(crate) fn form(&self, action: &str) -> Form {
        let found = self.forms().into_iter().find(|form| form.action.ends_with(action));
        found.unwrap_or_else(|| panic!("no form for {action}: {} {}\n{}", self.status, self.url, self.text))
    }

    pub(crate) fn forms(&self) -> Vec<Form> {
        let parts = self.text.split("<form").skip(1);
        let form = |part: &str| {
            let (head, rest) = part.split_once('>').unwrap();
            let rest = rest.split("</form>").next().unwrap();
            let action = attribute(head, "action").unwrap_or_else(|| self.url.clone());
            let inputs = rest.split("<input").skip(1).map(|input| input.split('>').next().unwrap());
            let fields = inputs.filter_map(|input| {
                let name = attribute(input, "name")?;
                let kind = attribute(input, "type").unwrap_or_default();
                let skipped = kind == "radio" && !input.contains(" checked");
                (!skipped).then(|| (name, attribute(input, "value").unwrap_or_default()))
            });
            let texts = rest.split("<textarea").skip(1).map(|text| {
                let (head, rest) = text.split_once('>').unwrap();
                (attribute(head, "name").unwrap(), unescaped(rest.split("</textarea>").next().unwrap()))
            });
            Form { action: absolute(&action, &self.url), fields: fields.chain(texts).collect() }
        };
        parts.map(form).collect()
    }

    /// The address to which the page sends the browser on.
    pub(crate) fn onward(&self) -> String {
        let found = self.text.split("content=\"0;url=").nth(1).and_then(|rest| rest.split('"').next());
        unescaped(found.unwrap_or_else(|| panic!("no way on: {} {}\n{}", self.status, self.url, self.text)))
    }

    /// The text without its tags, each run of spaces as one.
    pub(crate) fn words(&self) -> String {
        let text = self.text.replace("<wbr>", "");
        let parts = text.split('<').map(|part| part.split_once('>').map_or(part, |(_, rest)| rest));
        let all = unescaped(&parts.collect::<Vec<_>>().join(" "));
        all.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    pub(crate) fn has(&self, words: &str) -> bool {
        self.words().contains(words)
    }

    #[track_caller]
    pub(crate) fn assert_has(&self, words: &str) {
        assert!(self.has(words), "expected “{words}”: {} {}\n{}", self.status, self.url, self.words());
    }
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let rest = tag.split(&format!(" {name}=\"")).nth(1)?;
    rest.split('"').next().map(unescaped)
}

fn unescaped(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let Some(end) = rest.find(';').filter(|end| *end < 8) else {
            out.push('&');
            rest = &rest[1..];
            continue;
        };
        let name = &rest[1..end];
        let number = name.strip_prefix('#').and_then(|digits| match digits.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok(),
            None => digits.parse().ok(),
        });
        match (name, number.and_then(char::from_u32)) {
            (_, Some(character)) => out.push(character),
            ("amp", _) => out.push('&'),
            ("lt", _) => out.push('<'),
            ("gt", _) => out.push('>'),
            ("quot", _) => out.push('"'),
            _ => out.push_str(&rest[..=end]),
        }
        rest = &rest[end + 1..];
    }
    out + rest
}

fn absolute(target: &str, base: &str) -> String {
    if target.contains("://") { target.to_owned() } else { format!("{}{target}", split(base).0) }
}

/// The origin, and the path.
fn split(url: &str) -> (String, String) {
    let start = url.find("://").unwrap() + 3;
    let end = url[start..].find('/').map_or(url.len(), |at| at + start);
    let path = url[end..].split('?').next().unwrap();
    (url[..end].to_owned(), if path.is_empty() { "/".to_owned() } else { path.to_owned() })
}

fn host_of(url: &str) -> String {
    split(url).0.split("://").nth(1).unwrap().split(':').next().unwrap().to_owned()
}

/// The value of a parameter of an address.
pub(crate) fn parameter(url: &str, name: &str) -> Option<String> {
    let query = url.split_once('?')?.1;
    let found = query.split('&').find_map(|pair| pair.split_once('=').filter(|(found, _)| *found == name));
    found.map(|(_, value)| decoded(value))
}

pub(crate) fn encoded(text: &str) -> String {
    let keep = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|byte| if keep(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

fn decoded(text: &str) -> String {
    let (bytes, mut out, mut at) = (text.as_bytes(), Vec::new(), 0);
    while at < bytes.len() {
        if bytes[at] == b'%' {
            out.push(u8::from_str_radix(&text[at + 1..at + 3], 16).unwrap());
            at += 3;
        } else {
            out.push(if bytes[at] == b'+' { b' ' } else { bytes[at] });
            at += 1;
        }
    }
    String::from_utf8(out).unwrap()
}
