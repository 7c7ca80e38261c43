//! Ten thousand invocations, of every function, with much that goes wrong: and no address, token, secret or text that somebody wrote
//! in any line of the logs, any metric, any event of the bus or any dead letter.
//!
//! Whatever must not be told holds [`MARK`], so that one search finds it; what we sign ourselves cannot hold it and is looked for by
//! value.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Bytes;
use fastrand::Rng;
use http::Request;
use perennial::deployment::Deployment;
use perennial_local::{Call, ClockHandle, DeadLetter, Fault, Function};
use perennial_platform::clock::Clock;
use perennial_platform::logged::Lines;
use perennial_tests::desk::Desk;
use perennial_tests::{PUBLIC_URL, at, body, deploy_with, engagement, playbook_with, root, sdk_config, seed, settle};
use serde_json::{Value, json};
use tracing_subscriber::EnvFilter;

/// In every address, name, text and body that somebody sends; in nothing that is ours.
const MARK: &str = "zqx";
/// So many invocations, not counting those of relay-events, which mostly finds nothing every five minutes.
const INVOCATIONS: u64 = 10_000;
const CONTACTS: usize = 240;
/// So many links are pressed at a time, each in seven ways.
const TOKENS: usize = 400;

/// What is written in Lambda: every line that any crate of ours says at any level, and what Lambda's filter lets others say.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Written {
    fn listen() -> Self {
        let functions = std::fs::read_dir(root().join("functions")).expect("the functions");
        let functions = functions.map(|it| it.expect("a folder").file_name().to_string_lossy().replace('-', "_"));
        let ours = ["perennial", "perennial_platform", "perennial_playbook", "perennial_local"].map(str::to_owned);
        let filter = ours.into_iter().chain(functions).fold("info".to_owned(), |all, it| format!("{all},{it}=trace"));
        let written = Self::default();
        let (writer, lines) = (written.clone(), Lines { stage: Some("test".to_owned()), clock: Clock::system() });
        tracing_subscriber::fmt()
            .json()
            .with_env_filter(EnvFilter::new(filter))
            .event_format(lines)
            .with_writer(move || writer.clone())
            .init();
        written
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

/// A world in which somebody does everything, and what was signed in it.
struct Scenario {
    deployment: Deployment,
    random: Rng,
    /// Tokens, cookies and marks of forms.
    signed: BTreeSet<String>,
    /// Invocations that were made past the world's own deliveries, by function.
    direct: BTreeMap<String, u64>,
    posted: u64,
}

impl Scenario {
    async fn begin() -> Self {
        // Bounces are many here, and must not stop the mail.
        let playbook = playbook_with(|text| text.replace("over_sends = 200", "over_sends = 100000"));
        let deployment = deploy_with(ClockHandle::standing_at(at("2026-01-07T10:00:00Z")), playbook).await;
        let (direct, signed) = (BTreeMap::new(), BTreeSet::new());
        Self { deployment, random: Rng::with_seed(seed()), signed, direct, posted: 0 }
    }

    fn now(&self) -> jiff::Timestamp {
        self.deployment.world.clock().now()
    }

    /// Something that the services do from time to time.
    fn stumble(&mut self) {
        let calls = [Call::SendEmail, Call::SendMessage, Call::SendMessageBatch, Call::PutEvents, Call::GetSecretValue];
        let fault = match self.random.u8(0..6) {
            0 => Fault::LoseReply,
            1 => Fault::LoseRequest,
            2 => Fault::ServerError,
            3 => Fault::Throttle,
            4 => Fault::RefuseSaying("MessageRejected".to_owned(), format!("no such address: {}", self.address())),
            _ => Fault::FailEntries(vec![0, 2]),
        };
        self.deployment.world.faults().inject(calls[self.random.usize(0..calls.len())], fault);
    }

    fn address(&mut self) -> String {
        format!("{MARK}{}@{MARK}.example.com", self.random.u32(..))
    }

    /// A native body, delivered as its sender would. What becomes of it is not asked.
    async fn post(&mut self, body: &str) -> u16 {
        self.posted += 1;
        let id = format!("event-{}", self.posted);
        if self.random.u8(0..20) == 0 {
            self.stumble();
        }
        let status = self.deployment.post(&id, body).await.expect("the world goes on").0;
        if self.posted.is_multiple_of(50) {
            settle(&self.deployment).await;
        }
        status
    }

    /// Accounts and contacts, all of whose words are marked.
    async fn introduce_everybody(&mut self) {
        for number in 0..CONTACTS {
            let (now, account) = (self.now(), format!("account-{}", number / 2));
            let data = json!({
                "account": account, "name": format!("{MARK} tools {number}"), "health": "good", "owner": "rep-anna",
                "size": "enterprise", "region": "emea", "industry": "software", "customer_since": "2024-01-15",
                "owns": {"integrations": "2024-01-15"},
            });
            assert_eq!(self.post(&body("account.updated", now, &data)).await, 202);
            // Some bounce, some complain.
            let prefix = ["bounce+", "complaint+", "", "", "", ""][number % 6];
            let data = json!({
                "contact": format!("c{number}"), "account": account,
                "email": format!("{prefix}{MARK}{number}@{MARK}.example.com"), "first_name": format!("{MARK}wilma{number}"),
                "last_name": format!("{MARK}quarter"), "title": format!("VP {MARK}"), "role": "executive",
            });
            assert_eq!(self.post(&body("contact.identified", now, &data)).await, 202);
        }
        settle(&self.deployment).await;
    }

    /// What contacts do, some of which makes leads.
    async fn engage(&mut self, times: usize) {
        for _ in 0..times {
            let contact = format!("c{}", self.random.usize(0..CONTACTS));
            let done = [
                ("analytics-checklist", "download"),
                ("analytics-guide", "download"),
                ("automation-pricing", "request"),
                ("analytics-pricing", "request"),
            ];
            let weights = [0, 0, 0, 1, 1, 1, 2, 3];
            let (asset, action) = done[weights[self.random.usize(0..weights.len())]];
            let now = self.now();
            let status = self.post(&engagement(&contact, asset, action, now)).await;
            assert!([202, 503].contains(&status), "{status}");
        }
        settle(&self.deployment).await;
    }

    /// What nobody should send: not JSON, not signed, not understood, too much.
    async fn send_what_is_wrong(&mut self, times: usize) {
        for number in 0..times {
            let (now, address) = (self.now(), self.address());
            let contact = format!("c{}", self.random.usize(0..CONTACTS));
            let text = match number % 8 {
                0 => format!("{{\"email\": \"{address}\", "),
                1 => {
                    body("contact.identified", now, &json!({"contact": contact, "email": format!("{MARK}@@{address}")}))
                }
                2 => body(
                    "engagement.recorded",
                    now,
                    &json!({"contact": contact, "asset": format!("{MARK}-asset"),
                    "action": "view", "note": format!("{MARK} {address}")}),
                ),
                3 => body("lead.touched", now, &json!({"contact": contact, "product": "analytics", "by": address})),
                4 => body(&format!("{MARK}.happened"), now, &json!({"email": address})),
                5 => body(
                    "lead.rejected",
                    now,
                    &json!({"contact": contact, "product": "analytics", "by": "rep-anna",
                    "reason": format!("{MARK} says {address}")}),
                ),
                6 => body("contact.merged", now, &json!({"contact": address, "from": contact})),
                _ => body("email.bounced", now, &json!({"contact": contact, "permanent": number % 16 == 7})),
            };
            self.post(&text).await;
            self.ask("POST", &format!("/v1/webhooks/{}", ["native", MARK, "segment"][number % 3]), &text).await;
            let call = json!({"type": "identify", "messageId": format!("s{number}"), "userId": address,
                "traits": {"email": address, "note": MARK, "company": {"id": MARK}}, "timestamp": now});
            let posted = self.deployment.post_to("segment", &format!("s{number}"), &call.to_string()).await;
            posted.expect("the world goes on");
        }
        settle(&self.deployment).await;
    }

    /// A request without a signature, a cookie or anything else; where it leads.
    async fn ask(&self, method: &str, path: &str, body: &str) -> String {
        let request =
            Request::builder().method(method).uri(path).body(Bytes::from(body.to_owned())).expect("a request");
        let answer = self.deployment.world.http(request).await.expect("the world goes on");
        let leads_to = answer.headers().get("location").and_then(|it| it.to_str().ok());
        leads_to.unwrap_or_default().to_owned()
    }

    /// Days pass, on each of which some mail cannot leave.
    async fn pass(&mut self, until: &str) {
        for _ in 0..20 {
            self.stumble();
        }
        self.deployment.world.advance_to(at(until), |_| {}).await.expect("the world goes on");
        self.deployment.world.faults().clear();
    }

    /// Everything that can be pressed in a mail, as it is and forged.
    async fn press(&mut self) {
        let mails = self.deployment.world.mails().expect("the world remembers");
        let parts = mails.iter().flat_map(|mail| {
            let headers = mail.headers.iter().map(|(_, value)| value.as_str());
            headers.chain(mail.html.as_deref()).chain(mail.text.as_deref())
        });
        let tokens: BTreeSet<String> = parts.flat_map(tokens).collect();
        // Some of each kind are enough: there are thousands.
        let every = (tokens.len() / TOKENS).max(1);
        for token in tokens.iter().step_by(every) {
            let leads_to = self.ask("GET", &format!("/t/{token}"), "").await;
            let sites: Vec<String> = tokens_after(&leads_to, "pt=").collect();
            for site in &sites {
                self.ask("GET", &format!("/o/{site}"), "").await;
            }
            self.signed.extend(sites);
            for path in ["u", "p", "l"] {
                self.ask("GET", &format!("/{path}/{token}"), "").await;
                let form = format!("shown=numbers&frequency=monthly&channel=email&pause=none&do=save&note={MARK}");
                let forged = ["", "A"][self.random.usize(0..2)];
                self.ask("POST", &format!("/{path}/{token}{forged}"), &form).await;
            }
        }
        self.signed.extend(tokens);
        settle(&self.deployment).await;
    }

    /// Reps at the desk, and somebody who is none.
    async fn use_the_desk(&mut self) {
        for rep in ["anna.keller", "elif.aydin"] {
            let mut desk = Desk::sign_in(&self.deployment, &format!("{rep}@fernhill.example.com")).await;
            let leads = desk.get("/desk").await.leads();
            for lead in leads.iter().take(40) {
                let page = desk.get(lead).await;
                let words: Vec<String> = page.words().iter().map(|word| (*word).to_owned()).collect();
                self.signed.extend(page.mark().map(str::to_owned));
                if let Some(word) = words.get(self.random.usize(0..words.len().max(1))) {
                    let reason = format!("{MARK}+{}", self.address());
                    desk.say(&page, word, &[("reason", reason.as_str()), ("amount", MARK), ("note", reason.as_str())])
                        .await;
                }
            }
            let forged = format!("token={}", self.address());
            desk.with_cookie(&format!("session={MARK}")).post("/desk/session", &forged).await;
            desk.with_cookie("").get(&format!("/desk/leads/{MARK}")).await;
            self.signed.insert(desk.cookie.split('=').next_back().unwrap_or_default().to_owned());
            self.signed.extend(leads.iter().filter_map(|lead| lead.rsplit('/').next()).map(str::to_owned));
        }
        settle(&self.deployment).await;
    }

    /// What SES tells of mails that are ours and of others, in every form that was recorded of it.
    async fn hear_of_mail(&mut self, times: usize) {
        let folder = root().join("tests/fixtures/mail-events");
        let files = std::fs::read_dir(folder).expect("the fixtures").map(|it| it.expect("a file").path());
        let told = files.filter(|file| file.extension().is_some_and(|it| it == "json"));
        let told: Vec<String> = told.map(|file| std::fs::read_to_string(file).expect("a text")).collect();
        let world = &self.deployment.world;
        let services = sdk_config(&world.endpoints().aws).await;
        let queue = aws_sdk_sqs::Client::new(&services);
        for number in 0..times {
            let address = format!("{MARK}{number}@{MARK}.example.com");
            let text = told[number % told.len()].replace("example.com", &format!("{MARK}.example.com"));
            let text = if number % 7 == 0 { format!("{address} {text}") } else { text };
            let put = queue.send_message().queue_url(world.queue_url("MailEventsQueue")).message_body(text);
            put.send().await.expect("the queue takes it");
            if number % 25 == 24 {
                settle(&self.deployment).await;
            }
        }
        settle(&self.deployment).await;
    }

    /// Each function, given what it does not expect: by hand, by another version, by a mistake in the template.
    async fn call_with_nonsense(&mut self, times: u64) {
        let functions: Vec<String> =
            self.deployment.world.wiring().functions.iter().map(|it| it.logical_id.clone()).collect();
        for name in functions {
            let function: Function = self.deployment.world.function(&name).expect("a function");
            for number in 0..times {
                let address = self.address();
                // What a function says of it is what the world would log and keep.
                if let Err(error) = function(nonsense(number, &address)).await {
                    tracing::error!(function = name, %error, "a function failed");
                }
            }
            self.direct.insert(name, times);
        }
    }

    /// Invocations by function.
    fn invocations(&self) -> BTreeMap<String, u64> {
        let mut all = self.deployment.world.counts().expect("the world counts").invocations;
        for (function, calls) in &self.direct {
            *all.entry(function.clone()).or_default() += calls;
        }
        all
    }
}

/// An event that holds an address where none, or something else, is expected.
fn nonsense(number: u64, address: &str) -> Value {
    let image = json!({"PK": {"S": address}, "SK": {"S": address}, "kind": {"S": MARK}, "body": {"S": address}});
    match number % 5 {
        0 => json!(address),
        1 => json!({"job": address, "scheduled_at": address}),
        2 => json!({"detail-type": "ThresholdReached", "source": "perennial", "detail": {"contact": address}}),
        3 => json!({"Records": [{"eventID": "1", "eventName": "INSERT", "eventSource": "aws:dynamodb",
            "awsRegion": "eu-central-1", "eventVersion": "1.1", "dynamodb": {"Keys": {"PK": {"S": address},
            "SK": {"S": address}}, "NewImage": image, "SequenceNumber": "1", "SizeBytes": 1,
            "StreamViewType": "NEW_IMAGE", "ApproximateCreationDateTime": 0}}]}),
        _ => json!({"Records": [{"messageId": "1", "receiptHandle": "h", "body": format!("{{\"to\": \"{address}\"}}"),
            "attributes": {}, "messageAttributes": {}, "md5OfBody": "", "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:eu-central-1:000000000000:MailQueue", "awsRegion": "eu-central-1"}]}),
    }
}

/// A letter that somebody may read. What SES tells of mail names its addresses: it lies among the dead letters as SES told it, for
/// whoever redrives it, and only what we say of it is ours.
fn dead_letter(letter: &DeadLetter) -> String {
    let body = if letter.source == "MailEventsQueue" { Value::Null } else { letter.body.clone() };
    format!("{} {} {body}\n", letter.source, letter.reason)
}

/// The tokens of our links in a text.
fn tokens(text: &str) -> Vec<String> {
    let ours = ["/u/", "/l/", "/p/", "/t/", "/o/"].map(|path| format!("{PUBLIC_URL}{path}"));
    ours.iter().flat_map(|link| tokens_after(text, link).collect::<Vec<_>>()).collect()
}

fn tokens_after<'a>(text: &'a str, before: &'a str) -> impl Iterator<Item = String> + 'a {
    let is_of_a_token = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let rest = text.split(before).skip(1);
    rest.map(move |rest| rest.split(|c| !is_of_a_token(c)).next().unwrap_or_default().to_owned())
        .filter(|it| it.len() > 8)
}

/// What a line tells that it must not.
fn told<'a>(line: &'a str, signed: &HashSet<&str>) -> Option<&'a str> {
    if line.to_ascii_lowercase().contains(MARK) || line.contains("example.com") || line.contains("whsec_") {
        return Some("an address or a text that somebody wrote");
    }
    let is_of_a_token = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    line.split(|c| !is_of_a_token(c)).find(|word| word.len() > 8 && signed.contains(word))
}

#[tokio::test]
async fn ten_thousand_invocations_tell_no_address_token_or_text() {
    let written = Written::listen();
    let mut scenario = Scenario::begin().await;
    scenario.introduce_everybody().await;
    scenario.engage(1_500).await;
    scenario.send_what_is_wrong(800).await;
    scenario.pass("2026-01-09T12:00:00Z").await;
    scenario.press().await;
    scenario.use_the_desk().await;
    scenario.hear_of_mail(300).await;
    scenario.engage(500).await;
    scenario.pass("2026-01-14T12:00:00Z").await;
    scenario.press().await;
    scenario.call_with_nonsense(20).await;

    let invocations = scenario.invocations();
    println!("{invocations:#?}");
    let world = &scenario.deployment.world;
    for function in &world.wiring().functions {
        let calls = invocations.get(&function.logical_id).copied().unwrap_or_default();
        assert!(calls > 20, "{}: {calls} invocations", function.logical_id);
    }
    let all: u64 = invocations.iter().filter(|(name, _)| *name != "RelayEvents").map(|(_, calls)| calls).sum();
    assert!(all >= INVOCATIONS, "{all} invocations: {invocations:#?}");

    let events = world.bus_events().expect("the world remembers");
    let letters = world.dead_letters().expect("the world remembers");
    let exposed = [
        ("logs", written.text()),
        ("events", events.iter().map(|event| event.envelope.to_string() + "\n").collect()),
        ("dead letters", letters.iter().map(dead_letter).collect()),
    ];
    // What was meant to happen has happened: otherwise silence proves nothing.
    for (place, said) in [
        ("logs", "\"CloudWatchMetrics\""),
        ("logs", "lead qualified"),
        ("logs", "event quarantined"),
        ("logs", "no answer from SES: unknown"),
        ("logs", "a function failed"),
        ("logs", "signed in, but no rep of the playbook"),
        ("events", "LeadQualified"),
        ("events", "SlaEscalated"),
    ] {
        let text = &exposed.iter().find(|(name, _)| *name == place).expect("a place").1;
        assert!(text.contains(said), "{place} do not hold {said}");
    }
    assert!(scenario.signed.len() > 500, "{} tokens", scenario.signed.len());
    let signed: HashSet<&str> = scenario.signed.iter().map(String::as_str).collect();
    for (place, text) in &exposed {
        for line in text.lines() {
            let told = told(line, &signed);
            assert!(told.is_none(), "{place} tell {told:?}:\n{line}");
        }
    }
    println!("{all} invocations, {} lines", exposed[0].1.lines().count());
}
