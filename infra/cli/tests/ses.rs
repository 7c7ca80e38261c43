//! `perennial ses check` as its users run it, against a name server and an SES on this machine.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Output;
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use hickory_proto::op::{Message, MessageType, OpCode, ResponseCode};
use hickory_proto::rr::rdata::{CNAME, MX, TXT};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use perennial::ses::judge::MUST_BE_TOLD;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, UdpSocket};

fn name(text: &str) -> Name {
    Name::from_ascii(format!("{text}.")).unwrap()
}

/// What this name server knows: of each name and type some records. One text is too long for UDP.
fn zone(domain: &str) -> Vec<(String, RecordType, RData)> {
    let text = |texts: Vec<String>| RData::TXT(TXT::new(texts));
    let envelope = format!("bounce.{domain}");
    vec![
        (envelope.clone(), RecordType::TXT, text(vec!["v=spf1 include:".to_owned(), "amazonses.com ~all".to_owned()])),
        (envelope.clone(), RecordType::TXT, text(vec!["x".repeat(250); 4])),
        (envelope, RecordType::MX, RData::MX(MX::new(10, name("feedback-smtp.eu-central-1.amazonses.com")))),
        (format!("_dmarc.{domain}"), RecordType::TXT, text(vec!["v=DMARC1; p=reject".to_owned()])),
        (format!("abc._domainkey.{domain}"), RecordType::CNAME, RData::CNAME(CNAME(name("abc.dkim.amazonses.com")))),
    ]
}

/// An answer; one that would be too long for UDP is cut.
fn answer(asked: &[u8], zone: &[(String, RecordType, RData)], by_udp: bool) -> Vec<u8> {
    let asked = Message::from_vec(asked).unwrap();
    let query = asked.queries[0].clone();
    let mut answer = Message::new(asked.metadata.id, MessageType::Response, OpCode::Query);
    let of_name = |(known, _, _): &&(String, RecordType, RData)| name(known) == *query.name();
    let found: Vec<_> = zone.iter().filter(of_name).filter(|(_, kind, _)| *kind == query.query_type()).collect();
    if !zone.iter().any(|known| of_name(&known)) {
        answer.metadata.response_code = ResponseCode::NXDomain;
    }
    answer.add_query(query.clone());
    for (_, _, data) in &found {
        answer.add_answer(Record::from_rdata(query.name().clone(), 60, data.clone()));
    }
    let bytes = answer.to_vec().unwrap();
    if by_udp && bytes.len() > 512 {
        let mut cut = Message::new(asked.metadata.id, MessageType::Response, OpCode::Query);
        cut.metadata.truncation = true;
        return cut.to_vec().unwrap();
    }
    bytes
}

/// A name server on a free port, over UDP and TCP.
async fn name_server(zone: Vec<(String, RecordType, RData)>) -> SocketAddr {
    let tcp = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let at = tcp.local_addr().unwrap();
    let udp = UdpSocket::bind(at).await.unwrap();
    let known = zone.clone();
    tokio::spawn(async move {
        let mut asked = vec![0; 4_096];
        loop {
            let (length, who) = udp.recv_from(&mut asked).await.unwrap();
            udp.send_to(&answer(&asked[..length], &zone, true), who).await.unwrap();
        }
    });
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = tcp.accept().await.unwrap();
            let mut asked = vec![0; usize::from(stream.read_u16().await.unwrap())];
            stream.read_exact(&mut asked).await.unwrap();
            let whole = answer(&asked, &known, false);
            stream.write_u16(whole.len() as u16).await.unwrap();
            stream.write_all(&whole).await.unwrap();
        }
    });
    at
}

/// A name server that cannot tell, whatever it is asked.
async fn failing_name_server() -> SocketAddr {
    let udp = UdpSocket::bind(("127.0.0.1", 0)).await.unwrap();
    let at = udp.local_addr().unwrap();
    tokio::spawn(async move {
        let mut asked = vec![0; 4_096];
        loop {
            let (length, who) = udp.recv_from(&mut asked).await.unwrap();
            let asked = Message::from_vec(&asked[..length]).unwrap();
            let mut answer = Message::new(asked.metadata.id, MessageType::Response, OpCode::Query);
            answer.metadata.response_code = ResponseCode::ServFail;
            udp.send_to(&answer.to_vec().unwrap(), who).await.unwrap();
        }
    });
    at
}

/// SES and DynamoDB: what was written is kept.
#[derive(Clone, Default)]
struct Aws {
    sandbox: bool,
    /// Whether the identity's key is the company's own.
    own_key: bool,
    written: Arc<Mutex<Vec<Value>>>,
}

async fn aws(State(aws): State<Aws>, uri: Uri, headers: HeaderMap, body: String) -> Response {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    if target.ends_with("UpdateItem") {
        aws.written.lock().unwrap().push(serde_json::from_str(&body).unwrap());
        return Json(json!({})).into_response();
    }
    let (token, origin) = if aws.own_key { ("own", "EXTERNAL") } else { ("abc", "AWS_SES") };
    let identity = json!({"VerifiedForSendingStatus": true,
        "DkimAttributes": {"SigningEnabled": true, "Status": "SUCCESS", "Tokens": [token],
                           "SigningAttributesOrigin": origin},
        "MailFromAttributes": {"MailFromDomain": format!("bounce.{}", domain()), "MailFromDomainStatus": "SUCCESS",
                               "BehaviorOnMxFailure": "USE_DEFAULT_VALUE"}});
    let path = uri.path();
    let known = match path {
        "/v2/email/account" => json!({"ProductionAccessEnabled": !aws.sandbox, "SendingEnabled": true,
                                      "EnforcementStatus": "HEALTHY"}),
        "/v2/email/configuration-sets/perennial-prod" => json!({"SendingOptions": {"SendingEnabled": true},
            "SuppressionOptions": {"SuppressedReasons": ["BOUNCE", "COMPLAINT"]}}),
        "/v2/email/configuration-sets/perennial-prod/event-destinations" => json!({"EventDestinations": [
            {"Name": "off", "Enabled": false, "MatchingEventTypes": ["OPEN"]},
            {"Name": "feedback", "Enabled": true, "MatchingEventTypes": MUST_BE_TOLD}]}),
        _ if path == format!("/v2/email/identities/{}", domain()) => identity,
        _ => {
            let code = [("x-amzn-errortype", "NotFoundException")];
            return (StatusCode::NOT_FOUND, code, Json(json!({"message": "there is none"}))).into_response();
        }
    };
    Json(known).into_response()
}

fn playbook() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../playbook")
}

/// The domain of the example's sender.
fn domain() -> String {
    let playbook = perennial_playbook::Playbook::open(&playbook()).unwrap();
    perennial_platform::sending::approval::domain_of(&playbook.company.sender)
}

struct Here {
    dns: SocketAddr,
    aws: String,
    seen: Aws,
}

impl Here {
    async fn open(zone: Vec<(String, RecordType, RData)>, seen: Aws) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(aws).with_state(seen.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { dns: name_server(zone).await, aws: url, seen }
    }

    async fn check(&self, more: &[&str]) -> Output {
        let (dns, playbook) = (self.dns.to_string(), playbook());
        let places =
            ["--playbook", playbook.to_str().unwrap(), "--resolver", &dns, "--configuration-set", "perennial-prod"];
        tokio::process::Command::new(env!("CARGO_BIN_EXE_perennial"))
            .args(["ses", "check"])
            .args(places)
            .args(more)
            .env("AWS_ENDPOINT_URL", &self.aws)
            .env("AWS_REGION", "eu-central-1")
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("USER", "anna")
            .output()
            .await
            .unwrap()
    }
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[tokio::test]
async fn a_sender_in_order_is_approved_and_nothing_is_written_before_somebody_says_so() {
    let domain = domain();
    let here = Here::open(zone(&domain), Aws::default()).await;
    let looked = here.check(&["--identity", &domain]).await;
    assert!(looked.status.success(), "{}", said(&looked));
    assert!(said(&looked).ends_with("in order; --approve lets production write to contacts\n"), "{}", said(&looked));
    assert_eq!(here.seen.written.lock().unwrap().len(), 0);

    let approved = here.check(&["--identity", &domain, "--approve", "--state", "StateTable"]).await;
    assert!(approved.status.success(), "{}", said(&approved));
    let written = here.seen.written.lock().unwrap().clone();
    assert_eq!(written.len(), 1);
    assert_eq!(written[0]["ExpressionAttributeValues"][":identity"]["S"], json!(domain));
    assert_eq!(written[0]["ExpressionAttributeValues"][":by"]["S"], json!("anna"));
    assert_eq!((&written[0]["TableName"], &written[0]["Key"]["PK"]["S"]), (&json!("StateTable"), &json!("SENDING")));
}

#[tokio::test]
async fn one_that_is_not_says_what_to_publish_and_is_not_approved() {
    let domain = domain();
    let without_spf: Vec<_> = zone(&domain)
        .into_iter()
        .filter(|(name, kind, _)| !(name.starts_with("bounce.") && *kind == RecordType::TXT))
        .collect();
    let here = Here::open(without_spf, Aws { sandbox: true, ..Aws::default() }).await;
    let output = here.check(&["--identity", &domain, "--approve", "--state", "StateTable"]).await;
    let text = said(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains(&format!("bounce.{domain}. 3600 IN TXT \"v=spf1 include:amazonses.com ~all\"")), "{text}");
    assert!(text.contains("the account is in the sandbox") && text.ends_with("nothing was approved\n"), "{text}");
    assert_eq!(here.seen.written.lock().unwrap().len(), 0);

    let json = here.check(&["--identity", &domain, "--json"]).await;
    let json: Value = serde_json::from_slice(&json.stdout).unwrap();
    let wrong = json["findings"].as_array().unwrap().iter().filter(|finding| finding["state"] == "wrong");
    let wrong: Vec<&str> = wrong.map(|finding| finding["check"].as_str().unwrap()).collect();
    assert_eq!((wrong, &json["in_order"]), (vec!["account", "SPF"], &json!(false)));

    let unknown = here.check(&["--identity", "nobody.example.com"]).await;
    assert_eq!(unknown.status.code(), Some(1));
    assert!(said(&unknown).contains("SES does not know the identity"), "{}", said(&unknown));
    assert_eq!(here.check(&[]).await.status.code(), Some(2), "without an identity");
    assert_eq!(here.check(&["--identity", &domain, "--approve"]).await.status.code(), Some(1), "without a table");
}

#[tokio::test]
async fn a_name_server_that_cannot_tell_proves_nothing_and_nothing_is_approved() {
    let domain = domain();
    let mut here = Here::open(zone(&domain), Aws::default()).await;
    here.dns = failing_name_server().await;
    let output = here.check(&["--identity", &domain, "--approve", "--state", "StateTable", "--json"]).await;
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let not_ok = json["findings"].as_array().unwrap().iter().filter(|finding| finding["state"] != "ok");
    let not_ok: Vec<_> = not_ok.map(|it| (it["check"].as_str().unwrap(), it["state"].as_str().unwrap())).collect();
    assert_eq!(not_ok, [("DKIM", "unknown"), ("SPF", "unknown"), ("MX", "unknown"), ("DMARC", "unknown")]);
    assert!(!said(&output).contains("publish"), "{}", said(&output));
    assert_eq!(here.seen.written.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn a_key_of_the_companys_own_is_looked_for_where_it_stands() {
    let domain = domain();
    let own =
        (format!("own._domainkey.{domain}"), RecordType::TXT, RData::TXT(TXT::new(vec!["p=MIGfMA0==".to_owned()])));
    let mut known = zone(&domain);
    known.retain(|(name, _, _)| !name.starts_with("abc."));
    let aws = Aws { own_key: true, ..Aws::default() };
    let output = Here::open(known.clone(), aws.clone()).await.check(&["--identity", &domain]).await;
    let record = format!("own._domainkey.{domain}. 3600 IN TXT \"p=PUBLIC_KEY\"");
    assert!(!output.status.success() && said(&output).contains(&record), "{}", said(&output));
    known.push(own);
    let output = Here::open(known, aws).await.check(&["--identity", &domain]).await;
    assert!(output.status.success(), "{}", said(&output));
}
