//! The memory of a user, divided by the length of the user's JSON. Each size is the resident memory of a process of its
//! own, since other work leaves memory behind that could be used again.

use std::{env, fs, process::Command};

use rustix::param::page_size;
use scim_core_peers::{
    inputs::users,
    ours::{Host, Ours},
};

use crate::report::Report;

const USERS: usize = 10_000;

/// The argument with which the program starts itself. The next argument is one of the names below.
pub(crate) const RESIDENT: &str = "--resident";
const TEXTS: &str = "texts";
const RESOURCES: &str = "resources";
const STORE: &str = "store";

pub(super) fn run(report: &mut Report) {
    let lengths: usize = users(USERS).iter().map(|user| user.stored.len()).sum();
    let text = figure(lengths) / figure(USERS);
    let texts = measured(TEXTS);
    report.bytes("memory", (measured(RESOURCES) - texts) / figure(USERS), text);
    report.bytes("memory/store", (measured(STORE) - texts) / figure(USERS), text);
}

/// Starts this program again with the name of its content, and returns the resident memory of that process in bytes.
fn measured(name: &str) -> f64 {
    let program = env::current_exe().expect("the path of this program");
    let output = Command::new(program).args([RESIDENT, name]).output().expect("this program starts");
    let text = String::from_utf8(output.stdout).expect("a number");
    figure(text.trim().parse().expect("a number"))
}

/// Holds the texts of all users and the content of this name, and returns the resident memory of this process in bytes.
pub(crate) fn resident(name: &str) -> Result<usize, String> {
    let users = users(USERS);
    let before = resident_bytes()?;
    match name {
        TEXTS => Ok(before),
        RESOURCES => {
            let ours = Ours::default();
            let resources: Vec<_> = users.iter().map(|user| ours.user(&user.stored)).collect();
            assert!(resources.iter().zip(&users).all(|(resource, user)| resource.id() == user.id));
            resident_bytes()
        }
        STORE => {
            let host = Host::default();
            for user in &users {
                host.create("/Users", &user.body);
            }
            assert_eq!(host.send("GET", "/Users?count=1", "").status, 200);
            resident_bytes()
        }
        _ => Err(format!("{RESIDENT} takes {TEXTS}, {RESOURCES} or {STORE}")),
    }
}

fn resident_bytes() -> Result<usize, String> {
    let pages = fs::read_to_string("/proc/self/statm").map_err(|error| format!("/proc/self/statm: {error}"))?;
    let pages: Option<usize> = pages.split_whitespace().nth(1).and_then(|pages| pages.parse().ok());
    pages.map(|pages| pages * page_size()).ok_or_else(|| "/proc/self/statm has no size".to_owned())
}

#[expect(clippy::cast_precision_loss, reason = "all sizes are below 2^53")]
fn figure(bytes: usize) -> f64 {
    bytes as f64
}
