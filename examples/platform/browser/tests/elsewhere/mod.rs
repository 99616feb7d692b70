//! The site of an attacker: it answers every request with the page that the request itself asks for.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
};

/// A site at a free port, which `localhost` and `127.0.0.1` reach.
pub struct Elsewhere {
    port: u16,
}

impl Elsewhere {
    /// Starts the site, which ends with the test.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            // A browser opens connections before it needs them, so each has its own thread.
            for stream in listener.incoming().flatten() {
                std::thread::spawn(move || answer(&stream));
            }
        });
        Self { port }
    }

    fn page(&self, host: &str, html: &str) -> String {
        let encoded: String = html.bytes().map(|byte| format!("%{byte:02X}")).collect();
        format!("http://{host}:{}/?{encoded}", self.port)
    }

    /// Returns the URL of a page with a form that posts to this address.
    pub fn form(&self, host: &str, target: &str, fields: &[(&str, &str)]) -> String {
        let fields: String = fields
            .iter()
            .map(|(name, value)| format!("<input name=\"{name}\" value=\"{}\">", value.replace('"', "&quot;")))
            .collect();
        self.page(host, &format!("<form method=post action=\"{target}\">{fields}<button>Send</button></form>"))
    }

    /// Returns the URL of a page with this address in a frame.
    pub fn frame(&self, host: &str, target: &str) -> String {
        self.page(host, &format!("<iframe src=\"{target}\"></iframe>"))
    }
}

fn answer(mut stream: &TcpStream) {
    let mut reader = BufReader::new(stream);
    let (mut line, mut head) = (String::new(), String::new());
    let _ = reader.read_line(&mut line);
    while reader.read_line(&mut head).is_ok_and(|count| count > 2) {
        head.clear();
    }
    let page = line.split("/?").nth(1).and_then(|rest| rest.split(' ').next()).unwrap_or_default();
    let page = format!("<!doctype html><title>Elsewhere</title>{}", decoded(page));
    let length = page.len();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {length}\r\n");
    let _ = write!(stream, "{head}Connection: close\r\n\r\n{page}");
}

fn decoded(text: &str) -> String {
    let bytes =
        text.as_bytes().chunks(3).filter_map(|part| u8::from_str_radix(str::from_utf8(part.get(1..)?).ok()?, 16).ok());
    String::from_utf8_lossy(&bytes.collect::<Vec<u8>>()).into_owned()
}
