//! An axum server that answers every request with the same body: the limit of the script `http`.
//!
//! `bare FILE`. The server prints its address, and runs until a signal ends it.

use std::{env, error::Error, fs};

use axum::{Router, body::Bytes, http::header::CONTENT_TYPE};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let file = env::args().nth(1).ok_or("usage: bare FILE")?;
    let body = Bytes::from(fs::read(file)?);
    let answer = move || async move { ([(CONTENT_TYPE, "application/scim+json")], body.clone()) };
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("serving http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, Router::new().fallback(answer)).await?)
}
