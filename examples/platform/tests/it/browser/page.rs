//! The pages that a browser shows, and their forms.

use ureq::http;

use super::absolute;

/// A page as the browser shows it.
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

impl Page {
    /// The path that the answer redirects to.
    pub(crate) fn location(&self) -> &str {
        self.headers.get("location").map_or("", |location| location.to_str().unwrap())
    }

    /// The path that the answer redirects to, without its query.
    pub(crate) fn destination(&self) -> &str {
        self.location().split('?').next().unwrap()
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

    /// The form whose action ends with `action`.
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

    /// The text without its tags, with each run of spaces as one space.
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

/// The value of a parameter of an address.
pub(crate) fn parameter(url: &str, name: &str) -> Option<String> {
    let query = url.split_once('?')?.1;
    let found = form_urlencoded::parse(query.as_bytes()).find(|(found, _)| found == name);
    found.map(|(_, value)| value.into_owned())
}
