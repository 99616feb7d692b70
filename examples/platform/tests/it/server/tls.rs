//! TLS: of the listener, and to PostgreSQL. The test creates the certificates.

use crate::process;
use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use crate::process::{Server, TOKEN, eventually, run, sqlite};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::Value as Json;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// An authority, and a certificate that it issued, as files.
struct Certificates {
    directory: TempDir,
    authority: PathBuf,
    certificate: PathBuf,
    key: PathBuf,
}

fn issue(names: &[&str]) -> Certificates {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, content: String| {
        let path = directory.path().join(name);
        fs::write(&path, content).unwrap();
        path
    };
    let authority = file("authority.pem", issuer.pem());
    let (certificate, key) = (file("server.pem", certificate.pem()), file("server.key", key.serialize_pem()));
    Certificates { directory, authority, certificate, key }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn client(authority: Option<&Path>) -> reqwest::Client {
    let builder = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    match authority {
        Some(path) => {
            let authority = reqwest::Certificate::from_pem(&fs::read(path).unwrap()).unwrap();
            builder.add_root_certificate(authority).build().unwrap()
        }
        None => builder.build().unwrap(),
    }
}

#[test]
fn the_listener_speaks_tls_and_nothing_else() {
    let (place, files) = (sqlite(), issue(&["127.0.0.1", "localhost"]));
    let tls = ["--tls-certificate", text(&files.certificate), "--tls-key", text(&files.key)];
    let server = Server::start(
        &[&["--store", &*place.url, "--request-timeout", "2", "--request-deadline", "4"], &tls[..]].concat(),
    );
    assert!(server.url.starts_with("https://127.0.0.1:"), "{}", server.url);
    let root = server.url.strip_suffix("/scim/demo/v2").unwrap().to_owned();
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        let client = client(Some(&files.authority));
        assert_eq!(client.get(format!("{root}/health")).send().await.unwrap().status(), 200);
        assert_eq!(client.get(&server.url).send().await.unwrap().status(), 401);
        // A client that does not know the authority is not connected.
        assert!(self::client(None).get(format!("{root}/health")).send().await.is_err());
        // The administrator's link signs in: the cookie of the session is for TLS only.
        let link = server.printed.iter().find_map(|line| line.strip_prefix("Administrator's link ")).unwrap();
        let link = link.split(' ').next().unwrap();
        assert!(link.starts_with(&root), "{link}");
        let form = [("password", "a long password 1"), ("again", "a long password 1")];
        let page = client.get(link).send().await.unwrap();
        assert_eq!(page.status(), 200);
        let body = form.map(|(name, value)| format!("{name}={}", value.replace(' ', "+"))).join("&");
        let request =
            client.post(link).header("Content-Type", "application/x-www-form-urlencoded").header("Origin", &root);
        let answer = request.body(body).send().await.unwrap();
        let cookie = answer.headers().get("set-cookie").unwrap_or_else(|| panic!("{answer:?}")).to_str().unwrap();
        assert!(cookie.contains("; Secure") && cookie.contains("; HttpOnly"), "{cookie}");
    });
    // A client that sends plain HTTP gets an answer that it understands.
    let mut plain = server.connect();
    plain.write("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let answer = plain.read();
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n") && answer.contains("expected TLS"), "{answer}");
    let body: Json = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!(body["status"], "400");
    // The same for a large request in plain HTTP, and for bytes that are neither. Without a handshake no client keeps
    // a connection.
    let mut plain = server.connect();
    plain.write(format!("POST /scim HTTP/1.1\r\nHost: localhost\r\n\r\n{}", "x".repeat(100_000)));
    assert!(plain.read().starts_with("HTTP/1.1 400"));
    for bytes in [&b"\x16\x03\x01"[..], b"\0\0\0\0", b""] {
        let (mut odd, start) = (server.connect(), Instant::now());
        odd.write(bytes);
        odd.read();
        assert!(start.elapsed() < Duration::from_secs(8), "{bytes:?}");
    }
    runtime.block_on(async {
        assert_eq!(client(Some(&files.authority)).get(format!("{root}/health")).send().await.unwrap().status(), 200);
    });
    assert!(server.terminate().success());
}

#[test]
fn wrong_certificates_end_the_start() {
    let (place, files, other) = (sqlite(), issue(&["localhost"]), issue(&["localhost"]));
    let nothing = files.directory.path().join("nothing.pem");
    for (certificate, key) in [
        (&files.certificate, &other.key),
        (&files.key, &files.key),
        (&files.certificate, &files.certificate),
        (&nothing, &files.key),
    ] {
        let refused =
            Server::try_start(&["--store", &place.url, "--tls-certificate", text(certificate), "--tls-key", text(key)]);
        let refused = refused.err().unwrap_or_else(|| panic!("{certificate:?} {key:?}"));
        assert!(refused.stderr.contains(".pem") || refused.stderr.contains(".key"), "{}", refused.stderr);
    }
    assert_eq!(run(&["--store", &place.url, "--tls-key", text(&files.key)]).status, Some(2));
    let plain = [
        "--tls-certificate",
        text(&files.certificate),
        "--tls-key",
        text(&files.key),
        "--public-url",
        "http://a.example",
    ];
    assert!(run(&plain).stderr.contains("expected an https URL"));
}

/// A PostgreSQL server with TLS, started by the test.
struct Postgres {
    directory: TempDir,
    port: u16,
}

impl Postgres {
    /// A server with this certificate. `None` without `initdb`.
    fn start(files: &Certificates) -> Option<Self> {
        let found = [
            "/usr/lib/postgresql/17/bin",
            "/usr/lib/postgresql/16/bin",
            "/usr/lib/postgresql/15/bin",
            "/usr/local/bin",
        ];
        let Some(tools) = found.iter().map(Path::new).find(|path| path.join("initdb").exists()) else {
            eprintln!("skipped: there is no initdb");
            return None;
        };
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("data");
        fs::create_dir(&data).unwrap();
        for (from, to) in [(&files.certificate, "server.crt"), (&files.key, "server.key")] {
            fs::copy(from, directory.path().join(to)).unwrap();
        }
        let is_root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
        if is_root {
            let owned = Command::new("chown").args(["-R", "postgres"]).arg(directory.path()).status();
            assert!(owned.unwrap().success());
        }
        let as_owner = |tool: &str| {
            let tool = tools.join(tool);
            let mut command = if is_root { Command::new("runuser") } else { Command::new(&tool) };
            if is_root {
                command.args(["-u", "postgres", "--"]).arg(&tool);
            }
            command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::null());
            command
        };
        let path = |name: &str| directory.path().join(name).display().to_string();
        assert!(Command::new("chmod").args(["600", &path("server.key")]).status().unwrap().success());
        let initialized = as_owner("initdb").args(["-A", "trust", "-U", "postgres", "-D", text(&data)]).status();
        assert!(initialized.unwrap().success());
        fs::write(data.join("pg_hba.conf"), "hostssl all all 127.0.0.1/32 trust\n").unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let options = format!(
            "-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off -c ssl=on \
             -c ssl_cert_file={} -c ssl_key_file={}",
            path("server.crt"),
            path("server.key"),
        );
        let started = as_owner("pg_ctl")
            .args(["start", "-w", "-t", "60", "-D", text(&data), "-l", &path("log"), "-o", &options])
            .status();
        assert!(started.unwrap().success(), "{}", fs::read_to_string(directory.path().join("log")).unwrap_or_default());
        Some(Self { directory, port })
    }

    fn url(&self, host: &str, parameters: &str) -> String {
        format!("postgres://postgres@{host}:{}/postgres?{parameters}", self.port)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let id = fs::read_to_string(self.directory.path().join("data/postmaster.pid")).unwrap_or_default();
        if let Some(id) = id.lines().next() {
            let _ = Command::new("kill").args(["-INT", id]).status();
        }
    }
}

#[test]
fn postgres_is_reached_by_tls() {
    let (files, stranger) = (issue(&["localhost"]), issue(&["localhost"]));
    let Some(postgres) = Postgres::start(&files) else { return };
    let own = format!("sslrootcert={}", text(&files.authority));
    let other = format!("sslrootcert={}", text(&stranger.authority));
    for (host, parameters, expected) in [
        ("localhost", format!("sslmode=verify-full&{own}"), None),
        ("127.0.0.1", format!("sslmode=verify-full&{own}"), Some("certificate")),
        ("localhost", format!("sslmode=verify-full&{other}"), Some("certificate")),
        ("localhost", "sslmode=verify-full&sslrootcert=system".to_owned(), Some("certificate")),
        ("localhost", "sslmode=verify-full&sslrootcert=/nowhere.pem".to_owned(), Some("/nowhere.pem")),
        ("127.0.0.1", format!("sslmode=verify-ca&{own}"), None),
        ("127.0.0.1", format!("sslmode=verify-ca&{other}"), Some("certificate")),
        ("127.0.0.1", format!("sslmode=require&{other}"), Some("certificate")),
        ("127.0.0.1", "sslmode=require".to_owned(), None),
        ("127.0.0.1", "sslmode=prefer".to_owned(), None),
        // This server accepts no connection without TLS.
        ("127.0.0.1", "sslmode=disable".to_owned(), Some("no encryption")),
        ("127.0.0.1", String::new(), Some("no encryption")),
        ("127.0.0.1", own.clone(), Some("sslmode=verify-full")),
        ("127.0.0.1", "sslmode=full".to_owned(), Some("sslmode: expected")),
    ] {
        let done = run(&["organization", "list", "--store", &postgres.url(host, &parameters)]);
        match expected {
            None => assert_eq!((done.status, &*done.stderr), (Some(0), ""), "{host} {parameters}"),
            Some(reason) => {
                assert_eq!(done.status, Some(1), "{host} {parameters}: {}", done.stdout);
                assert!(done.stderr.contains(reason), "{host} {parameters}: {}", done.stderr);
            }
        }
    }
    // The program works over TLS, also when it cancels a statement.
    let store = postgres.url("localhost", &format!("sslmode=verify-full&{own}"));
    let server = Server::start(&["--store", &store, "--organization", "acme", "--token", TOKEN]);
    let user = serde_json::json!({"schemas": [process::USER], "userName": "ann"});
    assert_eq!(server.request("POST", "/Users", Some(&user)).status, 201);
    eventually("it finds the user", || server.request("GET", "/Users", None).json["totalResults"] == 1);
}
