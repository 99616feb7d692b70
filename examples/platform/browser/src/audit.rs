//! Checks of a page that a person cannot do by looking: axe-core, the width of the page, and the console.

use serde_json::{Value as Json, json};

use crate::{Browser, node};

/// The widths at which a page must not scroll sideways: the widths at which the layout changes, and their
/// neighbors.
const WIDTHS: [u32; 12] = [320, 380, 480, 640, 820, 900, 901, 1000, 1080, 1081, 1280, 1600];

/// The findings on the pages so far.
pub struct Audit {
    axe: String,
    found: Vec<String>,
    pages: usize,
}

impl Default for Audit {
    fn default() -> Self {
        Self::new()
    }
}

impl Audit {
    /// Creates an audit without findings.
    pub fn new() -> Self {
        let path = node::directory().expect("SCIM_TEST_PROVIDERS").join("node_modules/axe-core/axe.min.js");
        let axe = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self { axe, found: Vec::new(), pages: 0 }
    }

    /// Checks a page in light and dark, wide and narrow. In dark mode, all parts that can be opened are open.
    pub fn page(&mut self, browser: &Browser, name: &str) {
        self.pages += 1;
        for (dark, width) in [(false, 1280), (false, 380), (true, 1280), (true, 380)] {
            browser.size(width, 900);
            browser.dark(dark);
            open_parts(browser, dark);
            let violations = self.axe(browser);
            self.found.extend(violations.into_iter().map(|found| format!("{name}, {width} px, dark {dark}: {found}")));
        }
        for width in WIDTHS {
            let wide = overflow(browser, width);
            self.found.extend(wide.into_iter().map(|found| format!("{name}: {found}")));
        }
        browser.size(1280, 900);
        browser.dark(false);
        open_parts(browser, false);
        self.console(browser, name);
    }

    /// Checks for errors and for reports of the content security policy since the last page.
    pub fn console(&mut self, browser: &Browser, name: &str) {
        // The status of a refused page is not an error of the page.
        let entries =
            browser.console().into_iter().filter(|entry| !entry.contains("the server responded with a status"));
        self.found.extend(entries.map(|entry| format!("{name}: console: {entry}")));
    }

    /// Asserts that the audit has no findings.
    pub fn finish(self) {
        assert!(
            self.found.is_empty(),
            "{} findings on {} pages:\n{}",
            self.found.len(),
            self.pages,
            self.found.join("\n")
        );
        eprintln!("{} pages have no violation", self.pages);
    }

    /// The violations that axe-core finds, one line each.
    fn axe(&self, browser: &Browser) -> Vec<String> {
        if browser.run("return typeof axe", &[]) == json!("undefined") {
            browser.run(&self.axe, &[]);
        }
        let script = r#"
            const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
            const found = await axe.run(document, { runOnly: tags, resultTypes: ["violations"] });
            return found.violations.map(({ id, impact, nodes }) => {
                const some = nodes.slice(0, 4).map((node) => `${node.target.join(" ")} (${node.failureSummary})`);
                return `${impact} ${id}: ${some.join("; ")}`.replace(/\s+/g, " ");
            });"#;
        let found = browser.run_async(script, &[]);
        found.as_array().unwrap().iter().map(|line| line.as_str().unwrap().to_owned()).collect()
    }
}

/// Opens all parts of the page that can be opened, or restores them.
fn open_parts(browser: &Browser, open: bool) {
    let script = "for (const part of document.querySelectorAll('details')) {                   part.was ??= part.open; part.open = part.was || arguments[0]; }";
    browser.run(script, &[json!(open)]);
}

/// The elements that extend beyond the right edge of the page at a width, one line each; empty if the page fits.
fn overflow(browser: &Browser, width: u32) -> Vec<String> {
    browser.size(width, 900);
    let script = r#"
        const width = document.documentElement.clientWidth;
        if (document.documentElement.scrollWidth <= width) return [];
        return [...document.querySelectorAll("body *")]
            .filter((element) => element.getBoundingClientRect().right > width + 0.5 && element.checkVisibility())
            .slice(-4)
            .map((element) => `${element.tagName}.${element.className} ${element.textContent.trim().slice(0, 60)}`)
            .concat([`at ${width} px the page is ${document.documentElement.scrollWidth} px wide`]);"#;
    let found = browser.run(script, &[]);
    found.as_array().map(Vec::as_slice).unwrap_or_default().iter().map(Json::to_string).collect()
}
