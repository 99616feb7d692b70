//! A browser as a person uses it: fields by their labels, buttons and links by their words, and the visible text.

use std::{
    rc::Rc,
    time::{Duration, Instant},
};

use serde_json::{Value as Json, json};
use thirtyfour::{Key, WebDriver, WebElement};
use tokio::runtime::Runtime;

/// The time after which a missing element fails the test.
const PATIENCE: Duration = Duration::from_secs(20);

/// Finds a visible element: `press` by its words, `field` by its label. A complete match has precedence over a
/// match at the beginning, and a match at the beginning over a match elsewhere.
const FIND: &str = r#"
const [kind, name] = arguments;
const clean = (text) => text.replace(/[‘’]/g, "'").replace(/\s+/g, " ").trim();
const wanted = clean(name);
const seen = (element) => element && element.checkVisibility({ visibilityProperty: true });
const candidates = [];
if (kind === "press") {
  for (const element of document.querySelectorAll("a, button, summary")) {
    if (seen(element)) candidates.push([element, clean(element.getAttribute("aria-label") || element.textContent)]);
  }
} else {
  for (const label of document.querySelectorAll("label")) {
    if (seen(label.control)) candidates.push([label.control, clean(label.textContent)]);
  }
  for (const element of document.querySelectorAll("[aria-label]")) {
    if (seen(element)) candidates.push([element, clean(element.getAttribute("aria-label"))]);
  }
}
const ways = [(text) => text === wanted, (text) => text.startsWith(wanted), (text) => text.includes(wanted)];
for (const way of ways) for (const [element, text] of candidates) if (way(text)) return element;
return null;
"#;

/// Makes the page note whether the next press leaves it. The listeners run last, so that they know whether a script
/// of the page handled the press itself.
const WATCH: &str = r#"
if (window.pressed) { window.pressed.leaves = false; return; }
window.pressed = { leaves: false };
window.addEventListener("click", (event) => {
  const link = event.target.closest("a[href]");
  const leaves = link && !link.getAttribute("href").startsWith('#') && !link.target && !event.defaultPrevented;
  if (leaves) window.pressed.leaves = true;
});
window.addEventListener("submit", (event) => {
  const method = (event.submitter && event.submitter.getAttribute("formmethod")) || event.target.method;
  if (method !== "dialog" && !event.defaultPrevented) window.pressed.leaves = true;
});
"#;

/// Whether the browser shows the page that the last press leads to.
const ARRIVED: &str =
    "return window.pressed ? !window.pressed.leaves : document.readyState !== 'loading' && !!document.body";

/// A browser with one window.
pub struct Browser {
    /// The session of WebDriver.
    pub driver: WebDriver,
    runtime: Rc<Runtime>,
}

impl Browser {
    pub(crate) fn new(driver: WebDriver, runtime: Rc<Runtime>) -> Self {
        let browser = Self { driver, runtime };
        browser.size(1280, 900);
        browser
    }

    /// Blocks until an operation of WebDriver has finished.
    pub fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// Runs a command of the DevTools protocol.
    pub fn devtools(&self, command: &str, parameters: &Json) -> Json {
        let sent = self.wait(self.driver.cdp().send_raw(command, parameters));
        sent.unwrap_or_else(|error| panic!("{command}: {error}"))
    }

    /// Sets the size of the view in pixels.
    pub fn size(&self, width: u32, height: u32) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500});
        self.devtools("Emulation.setDeviceMetricsOverride", &size);
    }

    /// Sets whether the browser prefers dark pages.
    pub fn dark(&self, dark: bool) {
        let value = if dark { "dark" } else { "light" };
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": value}]});
        self.devtools("Emulation.setEmulatedMedia", &features);
    }

    /// Turns the scripts of pages on or off, from the next page on.
    pub fn scripts(&self, on: bool) {
        self.devtools("Emulation.setScriptExecutionDisabled", &json!({"value": !on}));
    }

    /// Goes to an address.
    #[track_caller]
    pub fn go(&self, url: &str) {
        self.wait(self.driver.goto(url)).unwrap_or_else(|error| panic!("{url}: {error}"));
    }

    /// Returns the address of the page.
    pub fn url(&self) -> String {
        self.wait(self.driver.current_url()).unwrap().to_string()
    }

    /// Loads the page again.
    pub fn reload(&self) {
        self.wait(self.driver.refresh()).unwrap();
    }

    /// Runs the body of a function and returns its value.
    #[track_caller]
    pub fn run(&self, script: &str, arguments: &[Json]) -> Json {
        self.try_run(script, arguments).unwrap_or_else(|error| panic!("{error}: {script}"))
    }

    fn try_run(&self, script: &str, arguments: &[Json]) -> Result<Json, String> {
        let done = self.wait(self.driver.execute(script, arguments.to_vec())).map_err(|error| error.to_string())?;
        Ok(done.json().clone())
    }

    /// Runs the body of an asynchronous function and returns its value.
    #[track_caller]
    pub fn run_async(&self, script: &str, arguments: &[Json]) -> Json {
        let script = format!(
            "const done = arguments[arguments.length - 1]; (async (...arguments_) => {{ {} }})(...arguments)\
             .then(done, (error) => done({{failed: String(error)}}));",
            script.replace("arguments[", "arguments_[")
        );
        let done = self.wait(self.driver.execute_async(&*script, arguments.to_vec()));
        let done = done.unwrap_or_else(|error| panic!("{error}: {script}")).json().clone();
        assert!(done.get("failed").is_none(), "{done}: {script}");
        done
    }

    /// Posts fields from the script of the page, with the token of the page's session, like a forged request of an
    /// attacker who has the token. Returns the status and the text.
    #[track_caller]
    pub fn post(&self, path: &str, fields: &[(&str, &str)]) -> (u64, String) {
        let script = r#"
            const body = new URLSearchParams(arguments[1]);
            const token = document.querySelector("input[name=token]");
            if (token && !body.has("token")) body.append("token", token.value);
            const answer = await fetch(arguments[0], { method: "POST", body });
            return [answer.status, await answer.text()];"#;
        let answer = self.run_async(script, &[json!(path), json!(fields)]);
        (answer[0].as_u64().unwrap(), answer[1].as_str().unwrap().to_owned())
    }

    /// Gets a path of the page's own site with the session. Returns the text.
    #[track_caller]
    pub fn get(&self, path: &str) -> String {
        let script = "const answer = await fetch(arguments[0]); return await answer.text();";
        self.run_async(script, &[json!(path)]).as_str().unwrap().to_owned()
    }

    /// Returns the visible text. Each run of spaces becomes one space, and apostrophes become straight.
    pub fn text(&self) -> String {
        let text = self.try_run("return document.body ? document.body.innerText : ''", &[]).unwrap_or_default();
        let text = text.as_str().unwrap_or_default().replace(['‘', '’'], "'");
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Waits until the page shows these words.
    #[track_caller]
    pub fn shows(&self, words: &str) {
        self.shows_within(words, PATIENCE);
    }

    /// Waits at most `patience` until the page shows these words.
    #[track_caller]
    pub fn shows_within(&self, words: &str, patience: Duration) {
        let found = until(patience, || self.text().contains(words).then_some(()));
        assert!(found.is_some(), "expected “{words}”: {}\n{}", self.url(), self.text());
    }

    /// Waits until the page shows one of these texts.
    #[track_caller]
    pub fn shows_any(&self, all: &[&str]) {
        let found = until(PATIENCE, || {
            let text = self.text();
            all.iter().any(|words| text.contains(words)).then_some(())
        });
        assert!(found.is_some(), "expected one of {all:?}: {}\n{}", self.url(), self.text());
    }

    /// Asserts that the page does not show these words.
    #[track_caller]
    pub fn hides(&self, words: &str) {
        assert!(!self.text().contains(words), "expected no “{words}”: {}\n{}", self.url(), self.text());
    }

    fn find(&self, kind: &str, name: &str) -> Option<WebElement> {
        let found = self.try_run(FIND, &[json!(kind), json!(name)]).ok().filter(|found| !found.is_null())?;
        WebElement::from_json(found, self.driver.handle().clone()).ok()
    }

    /// Whether the page shows a button or a link with these words.
    pub fn has(&self, name: &str) -> bool {
        self.find("press", name).is_some()
    }

    /// Presses the button or follows the link with these words. If the press leads to another page, waits until the
    /// browser shows that page: otherwise the next step would act on the old one.
    #[track_caller]
    pub fn press(&self, name: &str) {
        let pressed = until(PATIENCE, || {
            let element = self.find("press", name)?;
            self.try_run(WATCH, &[]).ok()?;
            self.wait(element.click()).ok()
        });
        assert!(pressed.is_some(), "expected to press “{name}”: {}\n{}", self.url(), self.text());
        let arrived = until(PATIENCE, || self.try_run(ARRIVED, &[]).ok().filter(|arrived| arrived == true));
        assert!(arrived.is_some(), "“{name}” leads to no page: {}\n{}", self.url(), self.text());
    }

    /// Selects the checkbox or the radio button with this label.
    #[track_caller]
    pub fn choose(&self, label: &str) {
        let element = self.field(label);
        self.wait(element.click()).unwrap_or_else(|error| panic!("“{label}”: {error}"));
        assert!(self.wait(element.is_selected()).unwrap_or(true), "“{label}” is not chosen");
    }

    /// Selects an entry of the list with this label.
    #[track_caller]
    pub fn select(&self, label: &str, entry: &str) {
        let element = self.field(label);
        let set = self.wait(element.send_keys(entry));
        set.unwrap_or_else(|error| panic!("“{label}”: {error}"));
    }

    /// Replaces the text of the field with this label.
    #[track_caller]
    pub fn fill(&self, label: &str, text: &str) {
        let element = self.field(label);
        let written = self.wait(async {
            element.clear().await?;
            element.send_keys(text).await
        });
        written.unwrap_or_else(|error| panic!("“{label}”: {error}"));
    }

    #[track_caller]
    fn field(&self, label: &str) -> WebElement {
        let found = until(PATIENCE, || self.find("field", label));
        found.unwrap_or_else(|| panic!("expected the field “{label}”: {}\n{}", self.url(), self.text()))
    }

    /// Presses a key at the current focus.
    pub fn key(&self, key: Key) {
        self.wait(self.driver.action_chain().send_keys(key).perform()).unwrap();
    }

    /// Returns the text of the element with this id.
    #[track_caller]
    pub fn element(&self, id: &str) -> String {
        let text = self.run("return document.getElementById(arguments[0])?.textContent.trim() ?? null", &[json!(id)]);
        text.as_str().unwrap_or_else(|| panic!("expected #{id}: {}\n{}", self.url(), self.text())).to_owned()
    }

    /// Returns the errors, and the reports of the content security policy, in the console since the last call.
    pub fn console(&self) -> Vec<String> {
        let entries = self.wait(self.driver.browser_log()).unwrap();
        let lines = entries.into_iter().map(|entry| format!("{} {}", entry.level, entry.message));
        lines.filter(|line| line.starts_with("SEVERE") || line.starts_with("WARNING")).collect()
    }

    /// Takes a screenshot of the view, as PNG.
    pub fn picture(&self) -> Vec<u8> {
        self.wait(self.driver.screenshot_as_png()).unwrap()
    }
}

/// Repeats a question until it has an answer or the time is over.
pub(crate) fn until<T>(patience: Duration, mut question: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + patience;
    loop {
        if let Some(answer) = question() {
            return Some(answer);
        }
        if Instant::now() >= end {
            return None;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}
