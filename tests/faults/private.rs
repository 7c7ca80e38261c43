//! No address, no token and no text of a body or a mail in logs, events or dead letters, also when things fail.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use aws_sdk_dynamodb::types::AttributeValue;
use http::Request;
use perennial::deployment::Deployment;
use perennial_local::{Call, Fault};
use perennial_tests::desk::Desk;
use perennial_tests::{PUBLIC_URL, address_of, at, body, deploy, engagement, introduce, settle, tell};
use serde_json::{Value, json};
use tracing_subscriber::EnvFilter;

/// What was logged by this process: by the other tests as well, which must not log anything private either.
///
/// One subscriber for all threads: tracing remembers of each place whether anybody listens, and with one per test a thread
/// that nobody listens to could be asked first.
#[derive(Clone, Default)]
pub(crate) struct Logs(Arc<Mutex<Vec<u8>>>);

static LOGS: OnceLock<Logs> = OnceLock::new();

impl Write for Logs {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Logs {
    /// Everything that the functions log, at every level, and what Lambda's filter lets others log.
    pub(crate) fn capture() -> Self {
        LOGS.get_or_init(Self::listen).clone()
    }

    fn listen() -> Self {
        let ours = [
            "perennial_platform",
            "perennial_playbook",
            "perennial_local",
            "perennial",
            "ingest_engagement",
            "score_and_decay",
            "apply_change",
            "qualify_mql",
            "plan_nurture",
            "send_nurture_email",
            "escalate_sla",
            "brief_sales",
            "relay_events",
            "signed_pages",
            "sales_desk",
            "record_email_feedback",
        ];
        let filter = ours.iter().fold("info".to_owned(), |filter, ours| format!("{filter},{ours}=trace"));
        let logs = Self::default();
        let writer = logs.clone();
        let subscriber = tracing_subscriber::fmt()
            .json()
            .with_env_filter(EnvFilter::new(filter))
            .with_thread_names(true)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::set_global_default(subscriber).expect("the only one of this process");
        logs
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }

    /// How much has been logged so far.
    pub(crate) fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// What the functions have logged in this test's own thread since there was so much.
    pub(crate) fn of_this_test(&self, since: usize) -> Vec<Value> {
        let thread = json!(std::thread::current().name());
        let lines = self.text()[since..].to_owned();
        let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).expect("a line is JSON"));
        lines.filter(|line| line["threadName"] == thread).collect()
    }
}

/// Everything that leaves the functions and that people who run them read.
fn exposed(deployment: &Deployment, logs: &Logs) -> Vec<(&'static str, String)> {
    let world = &deployment.world;
    let events = world.bus_events().expect("the world remembers");
    let letters = world.dead_letters().expect("the world remembers");
    vec![
        ("logs", logs.text()),
        ("bus events", events.iter().map(|event| event.envelope.to_string() + "\n").collect()),
        (
            "dead letters",
            letters.iter().map(|letter| format!("{} {} {}\n", letter.source, letter.reason, letter.body)).collect(),
        ),
    ]
}

fn check(exposed: &[(&'static str, String)], forbidden: &[String]) {
    for (place, text) in exposed {
        for line in text.lines() {
            let found: Vec<_> = forbidden.iter().filter(|secret| line.contains(secret.as_str())).collect();
            assert!(found.is_empty(), "{place} hold {found:?}:\n{line}");
            assert!(!line.contains("example.com"), "{place} hold an address:\n{line}");
        }
    }
}

/// The tokens of the signed links in a text: of our own pages, and of what the company's site asks us with.
fn tokens(text: &str) -> Vec<String> {
    let ours = ["/u/", "/l/", "/p/", "/t/", "/o/"].map(|path| format!("{PUBLIC_URL}{path}"));
    let links = ours.into_iter().chain(["pt=".to_owned()]).collect::<Vec<String>>();
    let after = links.iter().flat_map(|link| text.split(link.as_str()).skip(1));
    after
        .map(|rest| {
            rest.split(|c: char| !c.is_alphanumeric() && c != '-' && c != '_').next().unwrap_or_default().to_owned()
        })
        .collect()
}

async fn request(deployment: &Deployment, method: &str, path: &str) -> u16 {
    follow(deployment, method, path).await.0
}

/// Status, and where it leads.
async fn follow(deployment: &Deployment, method: &str, path: &str) -> (u16, String) {
    let request = Request::builder().method(method).uri(path).body("".into()).expect("a request");
    let answer = deployment.world.http(request).await.expect("the world goes on");
    let leads_to = answer.headers().get("location").and_then(|location| location.to_str().ok());
    (answer.status().as_u16(), leads_to.unwrap_or_default().to_owned())
}

async fn advance(deployment: &Deployment, until: &str) {
    deployment.world.advance_to(at(until), |_| {}).await.expect("the world goes on");
}

/// Everything that can be logged about, told of or given up, once.
async fn play(deployment: &Deployment) {
    let now = deployment.world.clock().now();
    let faults = deployment.world.faults();
    for contact in ["ada", "ben", "cleo", "dora"] {
        introduce(deployment, contact).await;
    }
    // A lead to act on now: a hand-off at once, then the ladder.
    tell(deployment, "price", &engagement("ada", "analytics-pricing", "request", now)).await;
    for contact in ["ben", "cleo", "dora"] {
        tell(deployment, &format!("shown-{contact}"), &engagement(contact, "analytics-checklist", "download", now))
            .await;
    }
    // A body that is not understood, one that is not believed and two that cannot be read.
    let marked = json!({"contact": "ben", "asset": "unheard-of", "action": "view", "note": "zanzibar"});
    tell(deployment, "quarantined", &body("engagement.recorded", now, &marked)).await;
    let addressed = json!({"contact": "ben", "email": "zanzibar@@juniper.example.com"});
    for (id, body) in [
        ("no-address", body("contact.identified", now, &addressed)),
        ("no-json", "{\"email\": \"zanzibar@juniper.example.com\", ".to_owned()),
    ] {
        assert_eq!(deployment.post(id, &body).await.expect("the world goes on").0, 400);
    }
    assert_eq!(request(deployment, "POST", "/v1/webhooks/native").await, 401);
    // Words from sales that fit no lead.
    let word = json!({"contact": "dora", "product": "analytics", "by": "zanzibar@juniper.example.com"});
    tell(deployment, "no-lead", &body("lead.touched", now, &word)).await;
    settle(deployment).await;

    // Nobody's next mail goes well: refused, lost, and throttled until it is given up.
    faults.inject(Call::SendEmail, Fault::Refuse("MessageRejected".into()));
    faults.inject(Call::SendEmail, Fault::LoseReply);
    faults.inject_always(Call::SendEmail, Fault::Throttle);
    advance(deployment, "2026-01-08T12:00:00Z").await;
    faults.clear();
    advance(deployment, "2026-01-20T12:00:00Z").await;
    // An event that the bus does not take, for a while.
    faults.inject_always(Call::PutEvents, Fault::FailEntries((0..10).collect()));
    tell(deployment, "price-ben", &engagement("ben", "automation-pricing", "request", deployment.world.clock().now()))
        .await;
    settle(deployment).await;
    faults.clear();
    advance(deployment, "2026-01-21T12:00:00Z").await;
}

#[tokio::test]
async fn nothing_private_is_logged_told_or_given_up() {
    let logs = Logs::capture();
    let deployment = deploy(at("2026-01-07T10:00:00Z")).await;
    play(&deployment).await;

    // The links of the mails are pressed, the wrong ones too.
    let mails = deployment.world.mails().expect("the world remembers");
    let parts = |mail: &perennial_local::Mail| {
        let headers = mail.headers.iter().map(|(_, value)| value.clone());
        headers.chain(mail.html.clone()).chain(mail.text.clone()).collect::<Vec<String>>()
    };
    let mut links: Vec<String> = mails.iter().flat_map(parts).flat_map(|part| tokens(&part)).collect();
    links.sort();
    links.dedup();
    let mut sites = Vec::new();
    for token in &links {
        sites.extend(tokens(&follow(&deployment, "GET", &format!("/t/{token}")).await.1));
        // A page, "load it again" for an empty form, a tracked link, and nothing to press on one.
        for path in ["u", "l"] {
            for (method, expected) in [("GET", [200, 302]), ("POST", [200, 404])] {
                let answered = request(&deployment, method, &format!("/{path}/{token}")).await;
                assert!(expected.contains(&answered) || (method, answered) == ("POST", 400), "{method}: {answered}");
            }
        }
        assert_eq!(request(&deployment, "POST", &format!("/u/{token}A")).await, 404);
    }
    // The company's site asks what to offer, and whoever has its link asks for what is none.
    assert!(!sites.is_empty(), "no tracked link leads to the company's site");
    for token in &sites {
        assert_eq!(request(&deployment, "GET", &format!("/o/{token}")).await, 200);
        assert_eq!(request(&deployment, "GET", &format!("/o/{token}A")).await, 404);
        assert_eq!(request(&deployment, "POST", &format!("/p/{token}")).await, 404);
    }
    links.extend(sites);
    // The desk, by a rep and by somebody who is none.
    let mut desk = Desk::sign_in(&deployment, "anna.keller@fernhill.example.com").await;
    let lead = desk.get("/desk").await.expect(200).leads().remove(0);
    let page = desk.get(&lead).await.expect(200);
    desk.say(&page, "rejected", &[("reason", "ask+zanzibar@juniper.example.com")]).await.expect(303);
    desk.with_cookie("").post("/desk/session", "token=zanzibar@juniper.example.com").await.expect(403);
    links.push(desk.cookie.clone());
    links.push(page.mark().expect("a form").to_owned());
    let now = deployment.world.clock().now();
    let bounce = body("email.bounced", now, &json!({"contact": "ben", "permanent": true}));
    tell(&deployment, "bounce", &bounce).await;
    settle(&deployment).await;

    // What was meant to happen has happened: otherwise silence proves nothing.
    let kinds = perennial_tests::tally(mails.iter().flat_map(|mail| &mail.tags).filter(|(name, _)| name == "kind"));
    let kinds: Vec<_> = kinds.keys().map(|(_, kind)| kind.as_str()).collect();
    assert_eq!(kinds, ["brief", "escalation", "hand-off", "nurture"]);
    assert!(links.len() >= 3, "{} links", links.len());
    let exposed = exposed(&deployment, &logs);
    for (place, said) in [
        ("logs", "lead qualified"),
        ("logs", "SES refused a message"),
        ("logs", "no answer from SES: unknown"),
        ("logs", "a word from sales fits no lead"),
        ("logs", "signed in, but no rep of the playbook"),
        ("logs", "SLA rung"),
        ("logs", "gave up"),
        ("bus events", "LeadQualified"),
        ("bus events", "SlaEscalated"),
        ("bus events", "LeadTouched"),
        ("dead letters", "NurtureDue"),
        ("dead letters", "DDBStreamBatchInfo"),
    ] {
        let text = &exposed.iter().find(|(name, _)| *name == place).expect("a place").1;
        assert!(text.contains(said), "{place} do not hold {said}:\n{text}");
    }

    let playbook = &deployment.playbook;
    let names = ["Wilhelmina", "Quarterstaff", "Juniper Tools", "zanzibar"].map(str::to_owned);
    let people = playbook.reps.iter().flat_map(|rep| [rep.email.clone(), rep.name.clone()]);
    let addresses = ["ada", "ben", "cleo", "dora"].map(address_of).into_iter().chain(playbook.executive.clone());
    let texts = mails.iter().flat_map(|mail| mail.text.iter().flat_map(|text| text.lines()));
    let texts = texts.map(str::trim).filter(|line| line.len() > 20).map(str::to_owned);
    let subjects = mails.iter().map(|mail| mail.subject.clone());
    let forbidden: Vec<String> =
        names.into_iter().chain(people).chain(addresses).chain(links).chain(texts).chain(subjects).collect();
    assert!(forbidden.len() > 50, "{forbidden:?}");
    check(&exposed, &forbidden);
}

/// Puts a row into the ledger that this version does not understand, as a newer one might have left it.
pub(crate) async fn put_row(deployment: &Deployment, partition: &str, id: &str, kind: &str, told: Value) {
    let text = |value: &str| AttributeValue::S(value.to_owned());
    let told = told
        .as_object()
        .expect("an object")
        .iter()
        .map(|(name, value)| (name.clone(), text(value.as_str().expect("a text"))));
    let row = deployment
        .store
        .client
        .put_item()
        .table_name(&deployment.ledger_table)
        .item("PK", text(partition))
        .item("SK", text(&format!("native#{id}")))
        .item("kind", text(kind))
        .item("happened_at", text("zanzibar@juniper.example.com"))
        .item("received_at", AttributeValue::N("1767607200".to_owned()))
        .item("told", AttributeValue::M(told.collect()))
        .item("body", text("{}"))
        .item("hash", text(""))
        .item("expires_at", AttributeValue::N("1802167200".to_owned()));
    row.send().await.expect("the ledger answers");
}

#[tokio::test]
async fn a_row_that_is_not_understood_is_not_quoted() {
    let logs = Logs::capture();
    let deployment = deploy(at("2026-01-07T10:00:00Z")).await;
    let engaged = json!({"type": "engagement.recorded", "contact": "ada", "asset": "x", "action": "y"});
    put_row(&deployment, "CONTACT#ada", "of-another-type", "engagement", engaged).await;
    let word = json!({"type": "lead", "contact": "ada", "product": "y", "step": "zanzibar@juniper.example.com"});
    put_row(&deployment, "CONTACT#ada", "of-an-unknown-step", "change", word).await;
    settle(&deployment).await;
    let exposed = exposed(&deployment, &logs);
    assert!(exposed[0].1.contains("record failed"), "{exposed:?}");
    assert_eq!(deployment.world.counts().expect("the world counts").dead_letters, 2);
    check(&exposed, &["zanzibar".to_owned()]);
}
