//! The program `platform` as a process.

use std::{
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::OnceLock,
};

use serde_json::Value as Json;
use tempfile::NamedTempFile;

/// A serving process, which ends when this value is dropped.
pub struct Program {
    child: Child,
    store: String,
    log: NamedTempFile,
    /// The address of the dashboard that the program printed.
    pub dashboard: String,
    /// The administrator's link that the program printed, if the organization had no administrator.
    pub link: Option<String>,
    /// The SCIM URL that the program printed.
    pub scim: String,
}

/// A command that has finished.
#[derive(Debug)]
pub struct Finished {
    /// Whether the command succeeded.
    pub success: bool,
    /// The output and the error output of the command.
    pub output: String,
}

/// The program in `SCIM_TEST_PLATFORM`, or the program that cargo builds.
fn path() -> &'static PathBuf {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        if let Some(path) = std::env::var_os("SCIM_TEST_PLATFORM") {
            return path.into();
        }
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.args(["build", "--quiet", "--message-format", "json-render-diagnostics", "--manifest-path", manifest]);
        let built = command.stderr(Stdio::inherit()).output().unwrap();
        assert!(built.status.success(), "the platform could not be built");
        let messages = String::from_utf8(built.stdout).unwrap();
        let messages = messages.lines().filter_map(|line| serde_json::from_str::<Json>(line).ok());
        let found = messages.filter_map(|message| Some(PathBuf::from(message["executable"].as_str()?))).next_back();
        found.expect("cargo names the executable")
    })
}

fn command() -> Command {
    let mut command = Command::new(path());
    for variable in ["PLATFORM_TOKEN", "PLATFORM_STORE", "PLATFORM_CURSOR_KEY", "PLATFORM_POOLER"] {
        command.env_remove(variable);
    }
    command.stdin(Stdio::null());
    command
}

impl Program {
    /// Starts the program like a new user, at a free port and with this store.
    pub fn start(store: &str) -> Self {
        let log = NamedTempFile::new().unwrap();
        let mut command = command();
        command.args(["--listen", "127.0.0.1:0", "--store", store]);
        let mut child = command.stdout(Stdio::piped()).stderr(log.reopen().unwrap()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (mut dashboard, mut link) = (String::new(), None);
        let scim = loop {
            let Some(line) = lines.next() else {
                panic!("the platform has ended: {}", std::fs::read_to_string(log.path()).unwrap())
            };
            let line = line.unwrap();
            match line.split_once(" http").map(|(name, rest)| (name, format!("http{rest}"))) {
                Some(("Dashboard", url)) => dashboard = url,
                Some(("Administrator's link", url)) => link = url.split(' ').next().map(str::to_owned),
                Some(("SCIM URL", url)) => break url,
                _ => {}
            }
        };
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, store: store.to_owned(), log, dashboard, link, scim }
    }

    /// Returns the address of a page of the organization: `scim`, `users?tab=unassigned`.
    pub fn page(&self, page: &str) -> String {
        format!("{}{page}", self.dashboard)
    }

    /// Returns the path of a page of the organization.
    pub fn path(&self, page: &str) -> String {
        let page = self.page(page);
        format!("/{}", page.splitn(4, '/').nth(3).unwrap())
    }

    /// Returns `http://127.0.0.1:PORT`.
    pub fn root(&self) -> &str {
        let end = self.dashboard.match_indices('/').nth(2).unwrap().0;
        &self.dashboard[..end]
    }

    /// Runs a command of the program with the same store.
    pub fn command(&self, arguments: &[&str]) -> Finished {
        let mut command = command();
        command.args(arguments).args(["--store", &self.store]);
        let done = command.output().unwrap();
        let output = [done.stdout, done.stderr].concat();
        Finished { success: done.status.success(), output: String::from_utf8(output).unwrap() }
    }

    /// Returns the log of the process so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log.path()).unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let errors = log.lines().filter(|line| !line.contains("\"level\":\"INFO\"")).collect::<Vec<_>>();
            eprintln!("the platform logged:\n{}", errors.join("\n"));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
