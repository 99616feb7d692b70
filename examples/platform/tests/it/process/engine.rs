//! A PostgreSQL server for one test, which may be killed, frozen and put on a disk that is too small, and such a disk.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpListener,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
};

use tempfile::TempDir;
use tokio_postgres::NoTls;

use super::{eventually, signal};

/// A server whose files only this test uses. It is killed when this value is dropped.
pub(crate) struct Engine {
    programs: PathBuf,
    data: PathBuf,
    port: u16,
    process: Option<Child>,
    enter: Vec<String>,
    _directory: Option<TempDir>,
}

impl Engine {
    /// A server on the disk of the machine.
    pub(crate) fn start() -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let home = directory.path().to_owned();
        Self::start_in(&home, Vec::new(), Some(directory))
    }

    /// A server on a small disk.
    pub(crate) fn start_on(disk: &Disk) -> Option<Self> {
        if !is_root() {
            eprintln!("skipped: only root can run PostgreSQL on a small disk");
            return None;
        }
        Self::start_in(&disk.inside, disk.enter(), None)
    }

    fn start_in(home: &Path, enter: Vec<String>, directory: Option<TempDir>) -> Option<Self> {
        let Some(programs) = std::env::var_os("SCIM_TEST_POSTGRES_BIN") else {
            eprintln!("skipped: SCIM_TEST_POSTGRES_BIN is not set to the directory of PostgreSQL's programs");
            return None;
        };
        if let Some(directory) = &directory {
            // The server runs as another user.
            fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777)).unwrap();
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let data = home.join("data");
        let mut engine = Self { programs: programs.into(), data, port, process: None, enter, _directory: directory };
        let made = engine
            .command(
                "initdb",
                &["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "--wal-segsize=1"],
            )
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        engine.restart();
        Some(engine)
    }

    /// A command for one of the server's programs, as a user who may run it.
    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut words = self.enter.clone();
        if is_root() {
            words.extend(["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"].map(str::to_owned));
        }
        words.push(self.programs.join(program).display().to_string());
        words.extend(["-D".to_owned(), self.data.display().to_string()]);
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).args(arguments).current_dir("/").stdin(Stdio::null());
        command
    }

    /// The value of `--store`.
    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Starts the server again after it has ended. Waits until it accepts connections.
    pub(crate) fn restart(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.wait().unwrap();
        }
        let port = self.port.to_string();
        let log = self.log();
        let log = fs::OpenOptions::new().create(true).append(true).open(log).unwrap();
        let mut command = self.command("postgres", &["-p", &port, "-c", "listen_addresses=127.0.0.1"]);
        command.args(["-c", "unix_socket_directories=", "-c", "max_connections=60", "-c", "shared_buffers=16MB"]);
        command.args(["-c", "min_wal_size=2MB", "-c", "max_wal_size=8MB"]);
        command.stdout(log.try_clone().unwrap()).stderr(log);
        self.process = Some(command.spawn().unwrap());
        eventually("PostgreSQL starts", || {
            assert!(self.is_running(), "{}", fs::read_to_string(self.log()).unwrap());
            self.takes_connections()
        });
    }

    /// The log is not on the small disk, which shall be full.
    fn log(&self) -> PathBuf {
        std::env::temp_dir().join(format!("platform-test-postgres-{}.log", self.port))
    }

    fn takes_connections(&self) -> bool {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(tokio_postgres::connect(&self.url(), NoTls)).is_ok()
    }

    /// Whether the server's first process runs. After a fault that it cannot survive it ends.
    pub(crate) fn is_running(&mut self) -> bool {
        self.process.as_mut().is_some_and(|process| process.try_wait().unwrap().is_none())
    }

    /// Sends a signal to all processes of the server. The first process gets the signal first: it cannot start others
    /// then.
    pub(crate) fn signal_all(&self, name: &str) {
        let Some(first) = self.process.as_ref().map(Child::id) else { return };
        signal(first, name);
        for process in children(first) {
            signal(process, name);
        }
    }

    /// Ends the server in order, with its connections.
    pub(crate) fn end(&self) {
        signal(self.process.as_ref().unwrap().id(), "INT");
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.signal_all("KILL");
        if let Some(mut process) = self.process.take() {
            let _ = process.wait();
        }
        let _ = fs::remove_file(self.log());
    }
}

/// The child processes of a process.
pub(crate) fn children(parent: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let is_child = |process: &u32| {
        // After the name, which is in parentheses: the state, then the parent.
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1)?.parse().ok()) == Some(parent)
    };
    processes.filter(is_child).collect()
}

pub(crate) fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout.starts_with(b"0\n")
}

/// A file system in memory, visible only to processes that were started on it. It is deleted when this value is
/// dropped, and when the test ends in any way.
pub(crate) struct Disk {
    /// Holds the file system until its input ends.
    holder: Child,
    _input: ChildStdin,
    /// The directory as the processes on it see it.
    pub(crate) inside: PathBuf,
    _directory: TempDir,
}

impl Disk {
    /// A disk of so many MiB. `None` if the machine cannot provide such a disk.
    pub(crate) fn new(mebibytes: usize) -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let inside = directory.path().to_owned();
        let mount = format!("mount -t tmpfs -o size={mebibytes}m,mode=1777 none \"$0\" && echo mounted && read -r _");
        let mut command = Command::new("unshare");
        if !is_root() {
            command.args(["--user", "--map-root-user"]);
        }
        command.args(["--mount", "sh", "-c", &mount]).arg(&inside).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut holder = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
        if line != "mounted\n" {
            let mut cause = String::new();
            holder.stderr.take().unwrap().read_to_string(&mut cause).unwrap();
            holder.wait().unwrap();
            eprintln!("skipped: no small disk can be mounted here: {cause}");
            return None;
        }
        let input = holder.stdin.take().unwrap();
        Some(Self { holder, _input: input, inside, _directory: directory })
    }

    /// The words before a command that shall run on the disk.
    pub(crate) fn enter(&self) -> Vec<String> {
        let target = self.holder.id().to_string();
        let mut words = vec!["nsenter".to_owned(), "--target".to_owned(), target, "--mount".to_owned()];
        if !is_root() {
            words.extend(["--user", "--preserve-credentials"].map(str::to_owned));
        }
        words
    }

    fn filler(&self) -> PathBuf {
        let inside = self.inside.strip_prefix("/").unwrap();
        Path::new("/proc").join(self.holder.id().to_string()).join("root").join(inside).join("filler")
    }

    /// Fills the disk to the last byte, and keeps it full.
    pub(crate) fn fill(&self) {
        let mut filler = fs::OpenOptions::new().create(true).append(true).open(self.filler()).unwrap();
        while filler.write_all(&[b'x'; 4096]).is_ok() {}
    }

    /// Frees the space that `fill` has taken.
    pub(crate) fn clear(&self) {
        fs::remove_file(self.filler()).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}
