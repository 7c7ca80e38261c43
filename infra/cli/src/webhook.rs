//! A webhook by hand: the request as its sender would make it, as a configuration for curl, and sent.
//!
//! Owns the request. Never shows a secret: where it stands in a header itself, [`Signed::shows_secret`] says so.

use std::net::IpAddr;
use std::time::Duration;

use http::{HeaderMap, Request, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use jiff::Timestamp;
use perennial_platform::webhook::Delivery;
use perennial_platform::webhook::events::hash;
use perennial_platform::webhook::sign::{Unsignable, sign};
use perennial_playbook::sources::{Source, Verify};

/// An answer that takes longer is none.
const PATIENCE: Duration = Duration::from_secs(30);
/// An answer is read so far.
const LONGEST_ANSWER: usize = 1024 * 1024;

/// A request that a source believes.
#[derive(Debug)]
pub struct Signed {
    /// Where it goes.
    pub url: String,
    /// Its headers, `content-type` among them.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
    /// Whether the secret itself stands in a header.
    pub shows_secret: bool,
}

/// Why a request could not be made, or was not answered.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The address is none.
    #[error("--url: it must be http:// or https:// with a host")]
    Url,
    /// It cannot be signed.
    #[error(transparent)]
    Unsignable(#[from] Unsignable),
    /// The body cannot stand in a configuration for curl.
    #[error("the body is not UTF-8, which curl's configuration cannot hold: use `webhook send`")]
    Binary,
    /// A request of these parts is none.
    #[error("request: {0}")]
    Request(#[from] http::Error),
    /// Nobody was reached.
    #[error("not sent: {0}")]
    Unreachable(#[from] hyper_util::client::legacy::Error),
    /// The certificates of this machine cannot be read.
    #[error("certificates: {0}")]
    Certificates(#[from] std::io::Error),
    /// The answer broke off, or is too long.
    #[error("no answer that can be read: {0}")]
    Answer(Box<dyn std::error::Error + Send + Sync>),
    /// There was no answer.
    #[error("no answer within 30 seconds")]
    Silent,
}

/// The id of a delivery that was given none: the same content has the same, so sent twice it counts once.
pub fn id_of(body: &[u8]) -> String {
    let mut id = hash(body);
    id.truncate(16);
    format!("hand-{id}")
}

/// A request to a source, signed for this time. Functions are reached by TLS only, so a sender signs `https://`, also where the
/// local world is spoken to without it.
///
/// # Errors
/// [`SendError`] if the address is none or the delivery cannot be signed.
pub fn signed(
    source: &Source,
    secret: &str,
    id: &str,
    url: &str,
    body: Vec<u8>,
    now: Timestamp,
) -> Result<Signed, SendError> {
    let uri: Uri = url.parse().map_err(|_| SendError::Url)?;
    let (Some("http" | "https"), Some(host)) = (uri.scheme_str(), uri.authority()) else { return Err(SendError::Url) };
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let public = format!("https://{host}{path}");
    let delivery = Delivery { method: "POST", url: &public, headers: &HeaderMap::new(), body: &body };
    let mut headers = HeaderMap::new();
    headers.insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    headers.extend(sign(source, secret, id, &delivery, now)?);
    let shows_secret = source.verify.iter().any(|way| matches!(way, Verify::Token { .. }));
    Ok(Signed { url: url.to_owned(), headers, body, shows_secret })
}

impl Signed {
    /// The headers as pairs, in the order in which they were made.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap_or_default()))
    }

    /// Whether it goes to another machine without TLS, where others can read it and send it again.
    pub fn is_in_clear(&self) -> bool {
        let is_https = self.url.parse::<Uri>().is_ok_and(|uri| uri.scheme_str() == Some("https"));
        !is_https && !self.is_for_here()
    }

    /// Whether it goes to this machine.
    pub fn is_for_here(&self) -> bool {
        let Ok(uri) = self.url.parse::<Uri>() else { return false };
        let host = uri.host().unwrap_or_default();
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
    }

    /// A configuration for `curl -K -` that sends it and prints answer and status.
    ///
    /// # Errors
    /// [`SendError::Binary`] if the body is not UTF-8.
    pub fn curl_config(&self) -> Result<String, SendError> {
        let body = str::from_utf8(&self.body).ok().filter(|body| !body.contains('\0')).ok_or(SendError::Binary)?;
        let mut config = format!("url = {}\n", quoted(&self.url));
        for (name, value) in self.pairs() {
            config.push_str(&format!("header = {}\n", quoted(&format!("{name}: {value}"))));
        }
        // Not `data-binary`: it would take a body that begins with @ for a file.
        config
            .push_str(&format!("data-raw = {}\nsilent\nshow-error\nwrite-out = \"%{{http_code}}\\n\"\n", quoted(body)));
        Ok(config)
    }

    /// Sends it, and says with which status and text it was answered.
    ///
    /// # Errors
    /// [`SendError`] if there is no answer. A refusal is a status.
    pub async fn send(self) -> Result<(u16, String), SendError> {
        let mut request = Request::post(&self.url).body(Full::<axum::body::Bytes>::from(self.body))?;
        request.headers_mut().extend(self.headers);
        let connector = HttpsConnectorBuilder::new().with_native_roots()?.https_or_http().enable_http1().build();
        let client = Client::builder(TokioExecutor::new()).build(connector);
        let exchange = async {
            let answer = client.request(request).await?;
            let status = answer.status().as_u16();
            let body = Limited::new(answer.into_body(), LONGEST_ANSWER).collect().await.map_err(SendError::Answer)?;
            Ok((status, String::from_utf8_lossy(&body.to_bytes()).into_owned()))
        };
        tokio::time::timeout(PATIENCE, exchange).await.map_err(|_| SendError::Silent)?
    }
}

/// A text in quotes, as curl reads them.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '\\' => quoted.push_str("\\\\"),
            '"' => quoted.push_str("\\\""),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

    fn native(url: &str, body: &str) -> Result<Signed, SendError> {
        let now = Timestamp::from_second(1_649_367_553).unwrap();
        signed(&Source::native(), SECRET, "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk", url, body.into(), now)
    }

    #[test]
    fn curl_is_told_what_the_sender_would_send() {
        let signed = native("http://127.0.0.1:7878/v1/webhooks/native", "{\"a\":\t\"\\\\ü\"}\r\n").unwrap();
        assert!(!signed.shows_secret);
        expect![[r#"
            url = "http://127.0.0.1:7878/v1/webhooks/native"
            header = "content-type: application/json"
            header = "webhook-id: msg_27UH4WbU6Z5A5EzD8u03UvzRbpk"
            header = "webhook-timestamp: 1649367553"
            header = "webhook-signature: v1,oqu+mMVOUIN2xSNSGs8DKIh1L5vWXmI05PuTCQmClG4="
            data-raw = "{\"a\":\t\"\\\\ü\"}\r\n"
            silent
            show-error
            write-out = "%{http_code}\n"
        "#]]
        .assert_eq(&signed.curl_config().unwrap());
    }

    #[test]
    fn an_address_that_is_none_is_refused() {
        for url in ["", "/v1/webhooks/native", "127.0.0.1:7878", "ftp://example.com/", "http://"] {
            assert!(matches!(native(url, "{}"), Err(SendError::Url)), "{url}");
        }
        native("https://hooks.example.com", "{}").unwrap();
    }

    #[test]
    fn only_this_machine_is_spoken_to_in_clear() {
        for (url, is_in_clear) in [
            ("https://hooks.example.com/", false),
            ("http://hooks.example.com/", true),
            ("http://localhost:7878/v1", false),
            ("http://127.0.0.1:7878/v1", false),
            ("http://[::1]:7878/v1", false),
            ("http://192.0.2.1/", true),
            ("http://localhost.example.com/", true),
            ("http://127.0.0.1.example.com/", true),
        ] {
            assert_eq!(native(url, "{}").unwrap().is_in_clear(), is_in_clear, "{url}");
        }
        for (url, is_for_here) in
            [("https://localhost:7878/v1", true), ("https://hooks.example.com/", false), (" ", false)]
        {
            assert_eq!(native(url, "{}").map(|signed| signed.is_for_here()).unwrap_or(false), is_for_here, "{url}");
        }
    }

    #[test]
    fn debug_output_shows_no_signature() {
        let shown = format!("{:?}", native("https://hooks.example.com", "{}").unwrap().headers);
        assert!(!shown.contains("v1,") && shown.contains("Sensitive"), "{shown}");
    }

    #[test]
    fn the_same_content_has_the_same_id() {
        assert_eq!(id_of(b"{}"), "hand-44136fa355b3678a");
        assert_ne!(id_of(b"{}"), id_of(b"{} "));
    }
}
