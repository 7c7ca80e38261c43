//! A place between a function and the database: what passes can be changed, measured, delayed, or used as the moment at
//! which something else happens.
//!
//! Races are made with it, not waited for: "an opt-out between decision and claim" is an opt-out that is carried out when
//! the claim passes by.

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::future::BoxFuture;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::AbortHandle;

/// Called with every request before it goes on, by operation (`UpdateItem`); its answer is what goes on.
pub type Before = Arc<dyn Fn(String, Value) -> BoxFuture<'static, Value> + Send + Sync>;

/// Called with every answer before it goes back: operation, status, body.
pub type After = Arc<dyn Fn(&str, u16, &Value) + Send + Sync>;

/// A server on loopback that passes calls of DynamoDB on; it stops when this is dropped.
#[derive(Debug)]
pub struct Interposer {
    /// Where SDK clients connect.
    pub url: String,
    server: AbortHandle,
}

#[derive(Clone)]
struct Passage {
    upstream: String,
    before: Before,
    after: After,
}

impl Interposer {
    /// Starts in front of an endpoint (`http://host:port`).
    ///
    /// # Panics
    /// If no port can be had.
    pub async fn start(upstream: &str, before: Before, after: After) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let upstream = upstream.strip_prefix("http://").expect("an http endpoint").to_owned();
        let router = Router::new().fallback(pass).with_state(Passage { upstream, before, after });
        let server = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("the server goes on");
        });
        Self { url, server: server.abort_handle() }
    }

    /// Starts in front of an endpoint and does something each time before a call goes on; the number counts the calls
    /// of this operation, from 1.
    ///
    /// # Panics
    /// If no port can be had.
    pub async fn before<F>(upstream: &str, operation: &'static str, happens: F) -> Self
    where
        F: Fn(usize) -> BoxFuture<'static, ()> + Send + Sync + 'static,
    {
        let calls = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let happens = Arc::new(happens);
        let before: Before = Arc::new(move |called, request| {
            let (calls, happens) = (Arc::clone(&calls), Arc::clone(&happens));
            Box::pin(async move {
                if called == operation {
                    let number = calls.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1;
                    happens(number).await;
                }
                request
            })
        });
        Self::start(upstream, before, Arc::new(|_, _, _| {})).await
    }

    /// Starts in front of an endpoint and lets everything pass until this call of this operation, counted from 1: it never
    /// goes on, and the receiver hears when it has come. Whoever made it can then be dropped, as a process dies.
    ///
    /// # Panics
    /// If no port can be had.
    pub async fn stuck_at(upstream: &str, operation: &'static str, call: usize) -> (Self, UnboundedReceiver<()>) {
        let (came, coming) = unbounded_channel();
        let stuck = move |number| -> BoxFuture<'static, ()> {
            let came = came.clone();
            Box::pin(async move {
                if number == call {
                    came.send(()).expect("the test waits");
                    std::future::pending::<()>().await;
                }
            })
        };
        (Self::before(upstream, operation, stuck).await, coming)
    }
}

impl Drop for Interposer {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn pass(State(passage): State<Passage>, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default().to_owned();
    let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
    let request: Value = serde_json::from_slice(&body).expect("the SDK sends JSON");
    let request = (passage.before)(operation.clone(), request).await;
    let (status, answer) =
        exchange(&passage.upstream, &target, &headers, &request.to_string()).await.expect("the database answers");
    let json: Value = serde_json::from_slice(&answer).expect("the database answers in JSON");
    (passage.after)(&operation, status, &json);
    let status = StatusCode::from_u16(status).expect("a status");
    (status, [(header::CONTENT_TYPE, "application/x-amz-json-1.0")], answer).into_response()
}

/// One request on a connection of its own.
async fn exchange(upstream: &str, target: &str, headers: &HeaderMap, body: &str) -> io::Result<(u16, Vec<u8>)> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let head = format!(
        "POST / HTTP/1.1\r\nhost: {upstream}\r\nconnection: close\r\nx-amz-target: {target}\r\nx-amz-date: {}\r\n\
         authorization: {}\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: {}\r\n\r\n",
        header("x-amz-date"),
        header("authorization"),
        body.len(),
    );
    let mut stream = TcpStream::connect(upstream).await?;
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
    assert!(!head.contains("transfer-encoding"), "a whole body is expected: {head}");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
    Ok((status, answer[end + 4..].to_vec()))
}
