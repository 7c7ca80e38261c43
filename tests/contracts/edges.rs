//! Both edges answer the same: the HTTP API, which knows the routes, and a function's own URL, which passes everything on.

use axum::body::Bytes;
use http::{Method, Request, Response};
use perennial::deployment::{Deployment, local_links};
use perennial_domain::nurture::Edition;
use perennial_platform::links::{Answer, Purpose};
use perennial_tests::{PUBLIC_URL, at, deploy, engagement, introduce, settle};

const NOW: &str = "2026-01-07T10:00:00Z";
const METHODS: [Method; 6] = [Method::HEAD, Method::GET, Method::PUT, Method::DELETE, Method::OPTIONS, Method::POST];

/// What a client can see of an answer.
fn seen(answer: &Response<Bytes>, asked: &Method) -> (u16, Vec<Option<String>>, String) {
    let header = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    // The body of an answer to HEAD is not sent.
    let body = if *asked == Method::HEAD { "" } else { str::from_utf8(answer.body()).expect("a text") };
    let headers = ["content-type", "allow", "location", "access-control-allow-origin"].map(header).to_vec();
    (answer.status().as_u16(), headers, body.to_owned())
}

/// Paths of signed links of all kinds.
fn links() -> Vec<String> {
    let (contact, slot) = (|| "ada".into(), || "2026-01-07".to_owned());
    let made = [
        Purpose::Preferences { contact: contact(), slot: slot() },
        Purpose::Click { contact: contact(), slot: slot(), piece: "none".into(), edition: Edition::default(), link: 0 },
        Purpose::Offer { contact: contact() },
        Purpose::AnswerLead {
            contact: contact(),
            product: "analytics".into(),
            quarter: "2026-Q1".parse().expect("a quarter"),
            by: "rep-anna".into(),
            answer: Answer::OnIt,
        },
        Purpose::Unsubscribe { contact: contact(), slot: slot() },
    ];
    let path = |purpose: &Purpose| local_links(PUBLIC_URL).url(purpose, at(NOW)).replace(PUBLIC_URL, "");
    made.iter().map(path).collect()
}

/// Two worlds to which the same happens.
async fn worlds() -> [Deployment; 2] {
    let worlds = [deploy(at(NOW)).await, deploy(at(NOW)).await];
    for world in &worlds {
        introduce(world, "ada").await;
    }
    worlds
}

#[tokio::test]
async fn a_page_is_the_same_behind_an_api_and_by_url() {
    let [api, url] = worlds().await;
    let mut paths = links();
    let unsubscribe = paths[4].clone();
    // As a mail program may write it, and what is no link.
    paths.push(unsubscribe.replacen("/u/", "/u/%", 1));
    paths.push(format!("/u/%{:02x}{}", unsubscribe.as_bytes()[3], &unsubscribe[4..]));
    paths.extend(
        ["/u/x", "/u/", "/u", "/u/a/b", "/", "/admin", "/x/y", "/l/%F0%9F%A4%B7", "/t/a%2Fb"].map(str::to_owned),
    );
    let mut statuses = std::collections::BTreeSet::new();
    for path in paths {
        for method in &METHODS {
            let request = || Request::builder().method(method).uri(&path).body(Bytes::new()).expect("a request");
            let behind_the_api = api.world.http(request()).await.expect("the world goes on");
            let by_url = url.world.http_by_url("SignedPages", request()).await.expect("the world goes on");
            assert_eq!(seen(&by_url, method), seen(&behind_the_api, method), "{method} {path}");
            statuses.insert(by_url.status().as_u16());
        }
        settle(&api).await;
        settle(&url).await;
    }
    assert!([200, 302, 404].iter().all(|status| statuses.contains(status)), "pages, a link, and nothing: {statuses:?}");
}

#[tokio::test]
async fn a_webhook_is_the_same_behind_an_api_and_by_url() {
    let [api, url] = worlds().await;
    let body = engagement("ada", "analytics-guide", "download", at(NOW));
    let paths = [
        ("/v1/webhooks/native", 202),
        ("/v1/webhooks/%6eative?x=%20y", 200),
        ("/v1/webhooks/nobody", 404),
        ("/v1/webhooks/native/", 404),
        ("/v1/webhooks/", 404),
        ("/v1/webhooks", 404),
        ("/", 404),
    ];
    for (path, posted) in paths {
        for method in &METHODS {
            let request = || {
                let signed = Request::builder().method(method).uri(path).header("webhook-id", "once");
                let signature = api.sign("once", at(NOW), &body).expect("a signature");
                let signed = signed.header("webhook-signature", signature);
                let signed = signed.header("webhook-timestamp", at(NOW).as_second().to_string());
                signed.body(Bytes::from(body.clone())).expect("a request")
            };
            let behind_the_api = api.world.http(request()).await.expect("the world goes on");
            let by_url = url.world.http_by_url("IngestEngagement", request()).await.expect("the world goes on");
            assert_eq!(seen(&by_url, method), seen(&behind_the_api, method), "{method} {path}");
            if *method == Method::POST {
                assert_eq!(by_url.status(), posted, "{path}");
            }
        }
    }
}

#[tokio::test]
async fn a_function_has_nothing_to_say_on_the_paths_of_another() {
    let [world, _] = worlds().await;
    for (function, path) in [("IngestEngagement", &*links()[0]), ("SignedPages", "/v1/webhooks/native")] {
        for method in &METHODS {
            let request = Request::builder().method(method).uri(path).body(Bytes::new()).expect("a request");
            let answer = world.world.http_by_url(function, request).await.expect("the world goes on");
            assert_eq!(answer.status(), 404, "{function}: {method} {path}");
            assert_eq!(answer.body(), r#"{"message":"Not Found"}"#, "{function}: {method} {path}");
        }
    }
}
