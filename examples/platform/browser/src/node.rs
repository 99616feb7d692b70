//! Identity providers in Node.

use std::{
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use serde_json::Value as Json;

/// The directory with `node` and its modules, from `SCIM_TEST_PROVIDERS`.
pub(crate) fn directory() -> Option<PathBuf> {
    std::env::var_os("SCIM_TEST_PROVIDERS").map(PathBuf::from)
}

/// A program in Node, which ends when this value is dropped.
pub struct Node {
    child: Child,
    /// The address that the program printed.
    pub address: String,
}

impl Node {
    /// Starts a script of the directory `providers`.
    pub fn start(script: &str, settings: &Json) -> Self {
        let directory = directory().expect("SCIM_TEST_PROVIDERS");
        let mut command = Command::new(directory.join("node"));
        command.arg(directory.join("providers").join(script)).arg(settings.to_string());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines.next().unwrap_or_else(|| panic!("{script} has ended")).unwrap();
        std::thread::spawn(move || lines.for_each(drop));
        let address = first.split_once(' ').unwrap().1.to_owned();
        Self { child, address }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
