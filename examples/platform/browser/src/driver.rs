//! The process `chromedriver`, and the creation of browsers.

use std::{
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
    rc::Rc,
    time::{Duration, Instant},
};

use thirtyfour::{ChromiumLikeCapabilities as _, DesiredCapabilities, LoggingPrefsLogLevel, WebDriver};
use tokio::runtime::Runtime;

use crate::Browser;

/// A driver. Dropping it ends its browsers.
pub struct Driver {
    child: Child,
    url: String,
    pub(crate) runtime: Rc<Runtime>,
}

impl Driver {
    /// Starts the driver at a free port; `None` if no driver is installed.
    pub fn start() -> Option<Self> {
        let given = std::env::var_os("SCIM_TEST_CHROMEDRIVER").map(PathBuf::from);
        let path = given.or_else(|| {
            let path = std::env::var_os("PATH")?;
            std::env::split_paths(&path).map(|directory| directory.join("chromedriver")).find(|path| path.exists())
        })?;
        let mut command = Command::new(&path);
        command.arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = loop {
            let line = lines.next().expect("chromedriver has ended").unwrap();
            if let Some((_, port)) = line.split_once("started successfully on port ") {
                break port.trim_end_matches('.').to_owned();
            }
        };
        std::thread::spawn(move || lines.for_each(drop));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        Some(Self { child, url: format!("http://127.0.0.1:{port}"), runtime: Rc::new(runtime) })
    }

    /// Starts a browser with a fresh profile.
    pub fn browser(&self) -> Browser {
        let mut wanted = DesiredCapabilities::chrome();
        // The second argument is needed because tests run as root, the third because containers have a small
        // /dev/shm.
        for argument in ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--lang=en-US"] {
            wanted.add_arg(argument).unwrap();
        }
        wanted.set_logging_prefs("browser", LoggingPrefsLogLevel::All).unwrap();
        let driver = self
            .runtime
            .block_on(async { WebDriver::builder(&*self.url, wanted).request_timeout(Duration::from_secs(120)).await });
        Browser::new(driver.unwrap_or_else(|error| panic!("no browser: {error}")), Rc::clone(&self.runtime))
    }
}

impl Drop for Driver {
    /// Asks the driver to end, which also ends its browsers. Killing the driver would leave the browsers running.
    fn drop(&mut self) {
        let _ = ureq::get(format!("{}/shutdown", self.url)).call();
        let end = Instant::now() + Duration::from_secs(10);
        while Instant::now() < end {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
