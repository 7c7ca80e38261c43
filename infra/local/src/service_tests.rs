//! The edges of the world: mail and its faults, HTTP, real time, and the database's one index.

use aws_sdk_sesv2::types::{Body, Content, Destination, EmailContent, Message, MessageHeader};
use axum::body::Bytes;
use axum::http::{Request, StatusCode};
use serde_json::json;

use crate::template_tests::TEMPLATE;
use crate::world_tests::{at, config, open, put};
use crate::{Call, ClockHandle, Fault, FunctionError, Store, Wiring, World};

async fn send_mail(world: &World) -> Result<String, aws_sdk_sesv2::Error> {
    let content = |text: &str| Content::builder().data(text).build().unwrap();
    let header = MessageHeader::builder().name("List-Unsubscribe").value("<https://x/u/1>").build().unwrap();
    let message = Message::builder()
        .subject(content("Hello"))
        .body(Body::builder().text(content("text")).html(content("<p>html</p>")).build())
        .headers(header)
        .build();
    let sent = aws_sdk_sesv2::Client::new(&config(&world.endpoints().aws))
        .send_email()
        .from_email_address("us@example.com")
        .destination(Destination::builder().to_addresses("them@example.com").build())
        .content(EmailContent::builder().simple(message).build())
        .send()
        .await?;
    Ok(sent.message_id().unwrap().to_owned())
}

#[tokio::test]
async fn mail_is_kept_and_can_go_wrong() {
    let (world, _) = open(Store::Memory).await;
    let id = send_mail(&world).await.unwrap();
    let mail = &world.mails().unwrap()[0];
    assert_eq!((&mail.id, mail.at), (&id, at("2026-11-20T12:00:00Z")));
    assert_eq!(
        (mail.subject.as_str(), mail.html.as_deref(), mail.text.as_deref()),
        ("Hello", Some("<p>html</p>"), Some("text"))
    );
    assert_eq!(mail.headers, [("List-Unsubscribe".to_owned(), "<https://x/u/1>".to_owned())]);
    assert_eq!(mail.to, ["them@example.com"]);

    let faults = world.faults();
    let refused = |code: &str| Fault::Refuse(code.into());
    let mut accepted = 1;
    for (fault, takes_effect) in [
        (Fault::LoseReply, true),
        (Fault::LoseRequest, false),
        (Fault::Hang, true),
        (Fault::ServerError, false),
        (Fault::Throttle, false),
        (refused("MessageRejected"), false),
        (refused("SendingPausedException"), false),
    ] {
        faults.inject(Call::SendEmail, fault.clone());
        let error = send_mail(&world).await.unwrap_err();
        match &fault {
            Fault::Throttle => assert!(matches!(error, aws_sdk_sesv2::Error::TooManyRequestsException(_)), "{error:?}"),
            Fault::Refuse(code) if code == "MessageRejected" => {
                assert!(matches!(error, aws_sdk_sesv2::Error::MessageRejected(_)), "{error:?}");
            }
            Fault::Refuse(_) => assert!(matches!(error, aws_sdk_sesv2::Error::SendingPausedException(_)), "{error:?}"),
            _ => {}
        }
        accepted += usize::from(takes_effect);
        assert_eq!(world.mails().unwrap().len(), accepted, "{fault:?}");
    }
    assert_eq!(faults.pending(), 0);
    send_mail(&world).await.unwrap();
}

#[tokio::test]
async fn a_secret_is_told_as_it_was_last_set_and_can_go_wrong() {
    let (world, _) = open(Store::Memory).await;
    let client = aws_sdk_secretsmanager::Client::new(&config(&world.endpoints().aws));
    let ask = || client.get_secret_value().secret_id("perennial/webhooks").send();
    let unknown = ask().await.unwrap_err().into_service_error();
    assert!(unknown.is_resource_not_found_exception(), "{unknown:?}");
    for value in ["old", "new"] {
        world.set_secret("perennial/webhooks", value);
        let told = ask().await.unwrap();
        assert_eq!((told.name(), told.secret_string()), (Some("perennial/webhooks"), Some(value)));
    }
    for fault in [Fault::LoseReply, Fault::LoseRequest, Fault::Hang, Fault::ServerError, Fault::Throttle] {
        world.faults().inject(Call::GetSecretValue, fault.clone());
        assert!(ask().await.is_err(), "{fault:?}");
    }
    assert_eq!(world.faults().pending(), 0);
    ask().await.unwrap();
}

fn post(path: &str, body: impl Into<Bytes>) -> Request<Bytes> {
    Request::builder().method("POST").uri(path).header("Webhook-Id", "1").body(body.into()).unwrap()
}

#[tokio::test]
async fn a_request_reaches_the_function_of_its_route() {
    let (world, calls) = open(Store::Memory).await;
    calls.answer(
        "IngestEngagement",
        [
            Ok(json!({"statusCode": 202, "headers": {"x-reason": "durable"}, "body": "ok"})),
            Err(FunctionError::new("no")),
        ],
    );
    let reply = world.http(post("/v1/webhooks/web%20site?a=1&b=x+y", "{}")).await.unwrap();
    assert_eq!(
        (reply.status(), &reply.headers()["x-reason"], reply.body().as_ref()),
        (StatusCode::ACCEPTED, &"durable".parse().unwrap(), b"ok".as_ref())
    );
    let event = &calls.of("IngestEngagement")[0];
    assert_eq!(event["pathParameters"], json!({"source": "web site"}));
    assert_eq!(event["queryStringParameters"], json!({"a": "1", "b": "x y"}));
    assert_eq!(event["headers"]["webhook-id"], "1");
    assert_eq!((&event["body"], &event["isBase64Encoded"]), (&json!("{}"), &json!(false)));
    assert_eq!(event["requestContext"]["http"]["method"], "POST");
    assert_eq!(event["routeKey"], "POST /v1/webhooks/{source}");

    assert_eq!(world.http(post("/v1/webhooks/x", "{}")).await.unwrap().status(), StatusCode::INTERNAL_SERVER_ERROR);
    world.http(post("/v1/webhooks/x", vec![0xff, 0xfe])).await.unwrap();
    let event = &calls.of("IngestEngagement")[2];
    assert_eq!((&event["body"], &event["isBase64Encoded"]), (&json!("//4="), &json!(true)));

    assert_eq!(world.http(post("/v1/webhooks", "")).await.unwrap().status(), StatusCode::NOT_FOUND);
    let too_long = vec![b'x'; 10 * 1024 * 1024 + 1];
    assert_eq!(world.http(post("/v1/webhooks/x", too_long)).await.unwrap().status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(calls.of("IngestEngagement").len(), 3);
}

#[tokio::test]
async fn implementations_and_template_must_agree() {
    let (world, calls) = open(Store::Memory).await;
    world.register("Stranger", calls.function("Stranger"));
    assert_eq!(world.ready().unwrap_err().to_string(), "the template has no function Stranger");
    let clock = ClockHandle::standing_at(at("2026-11-20T12:00:00Z"));
    let bare = World::open(world.wiring().clone(), Store::Memory, clock).await.unwrap();
    assert_eq!(
        bare.ready().unwrap_err().to_string(),
        "no implementation for IngestEngagement, ScoreAndDecay, QualifyMql, SendNurtureEmail"
    );
}

#[tokio::test]
async fn in_real_time_what_arrives_is_delivered() {
    let (world, calls) = open(Store::Memory).await;
    let open_listener = tokio::net::TcpListener::bind("0.0.0.0:0").await.unwrap();
    assert!(world.serve(open_listener, axum::Router::new()).await.is_err(), "only loopback");

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let page = axum::Router::new().route("/", axum::routing::get(async || "page"));
    let mut changes = world.changes();
    let serving = tokio::spawn({
        let world = world.clone();
        async move { world.serve(listener, page).await }
    });
    let answer = async |path: &str| {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let request = format!("{path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).await.unwrap();
        reply
    };
    assert!(answer("GET /").await.ends_with("page"));
    assert!(answer("POST /v1/webhooks/x").await.starts_with("HTTP/1.1 200"));
    assert!(answer("GET /nowhere").await.starts_with("HTTP/1.1 404"));
    put(&world, "live", "engagement").await;
    let delivered = async {
        while !calls.batches("ScoreAndDecay").contains(&vec!["live".to_owned()]) {
            changes.changed().await.unwrap();
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), delivered).await.unwrap();
    serving.abort();
}

/// The database never removes stream records; neither a write nor a read may scan them all.
#[test]
fn stream_records_are_found_by_index() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("world.db");
    let clock = ClockHandle::standing_at(at("2026-11-20T12:00:00Z"));
    let tables = Wiring::parse(TEMPLATE).unwrap().tables;
    let store = crate::store::LocalStore::open(&Store::File(path.clone()), &clock, &tables).unwrap();
    let connection = rusqlite::Connection::open(&path).unwrap();
    // As dynoxide 3.2.0 writes them in `storage.rs`.
    for statement in [
        "SELECT COALESCE(MAX(CAST(sequence_number AS INTEGER)), 0) + 1 FROM _stream_records WHERE table_name = ?1",
        "SELECT event_name FROM _stream_records
         WHERE table_name = ?1 AND shard_id = ?2 AND CAST(sequence_number AS INTEGER) > ?3
         ORDER BY CAST(sequence_number AS INTEGER) ASC LIMIT ?4",
    ] {
        let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {statement}")).unwrap();
        plan.raw_bind_parameter(1, "LedgerTable").unwrap();
        let mut rows = plan.raw_query();
        let mut steps = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            steps.push(row.get::<_, String>(3).unwrap());
        }
        assert!(steps.iter().any(|step| step.contains("local_world_stream_sequence")), "{steps:?}");
        assert!(!steps.iter().any(|step| step.contains("TEMP B-TREE")), "{steps:?}");
    }
    drop(store);
}
