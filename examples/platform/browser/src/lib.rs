//! Shared code for the tests of the platform in a real browser.
//!
//! A test drives Debian's Chromium through `chromedriver`, against the program `platform` as a process and against
//! identity providers in Node. The provider is `localhost` and the platform `127.0.0.1`: for a browser these are
//! two sites, so an error with `SameSite` becomes visible.
//!
//! | variable | |
//! | --- | --- |
//! | `SCIM_TEST_PLATFORM` | the program; without the variable, `cargo build -p platform` builds it |
//! | `SCIM_TEST_CHROMEDRIVER` | the driver; without the variable, `chromedriver` in `PATH` |
//! | `SCIM_TEST_PROVIDERS` | a directory with the program `node` and a copy of this package in which `npm ci` ran |
//! | `SCIM_TEST_POSTGRES` | a PostgreSQL server, on which the walks then run too |
//! | `SCIM_TEST_BROWSER` | `1`: a missing browser or provider fails the test instead of skipping it |

mod audit;
mod browser;
mod driver;
mod node;
mod picture;
mod place;
mod populated;
mod program;
mod scim;
mod setup;
pub mod walk;

pub use self::{
    audit::Audit,
    browser::Browser,
    driver::Driver,
    node::Node,
    picture::small,
    place::Place,
    populated::Populated,
    program::{Finished, Program},
    scim::{Answer, Scim},
    setup::{PASSWORD, Stage},
};
