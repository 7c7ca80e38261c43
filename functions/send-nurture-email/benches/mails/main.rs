//! What one nurture mail costs before it leaves: `cargo bench -p send-nurture-email --bench mails [-- --json]`.
//!
//! A mail is queued as ten a call, filled for its reader, its links are signed and put in the place of the piece's, and the
//! request to SES is built and signed. All that is the functions' own code and the SDK's; only the network is missing, and the
//! reads and writes of permit and claim, which wait and do not work. The pieces are those of the example playbook, one after
//! another, each mail for another reader.
//!
//! Instructions are counted by valgrind's cachegrind as in the bench of the domain: a run with many mails less one with none.
//! Mails per second are measured besides, on one core and by the clock of this machine; that figure is printed and nothing
//! depends on it.
//!
//! Without `--bench`, which `cargo bench` passes and `cargo test --benches` does not, it makes a few mails and counts nothing.

mod endpoint;

use std::hint::black_box;
use std::io;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Instant;

use jiff::Timestamp;
use perennial_domain::ids::{AccountId, ContactId, PieceId, StreamId};
use perennial_domain::nurture::Edition;
use perennial_domain::profile::{Account, Contact, Fields};
use perennial_platform::address::AddressKey;
use perennial_platform::links::Links;
use perennial_platform::mail::{Mailer, Outcome};
use perennial_platform::queue::{MOST_PER_CALL, Message, NurtureDue, Queue};
use perennial_playbook::Playbook;
use send_nurture_email::compose::{Addressed, Composer};

/// Mails between the two counts.
const COUNTED: usize = 200;
/// Mails by the clock.
const TIMED: usize = 20_000;
/// What is measured: each contains the one before.
const STEPS: [&str; 3] = ["compose", "request", "queue"];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["mails", step, count] => {
            runtime.block_on(async { Bench::new().await.run(step, count.parse().unwrap_or_default()).await });
            ExitCode::SUCCESS
        }
        ref options if options.contains(&"--bench") => {
            let seconds = |step: &str| runtime.block_on(async { Bench::new().await.seconds(step).await });
            report(options.contains(&"--json"), seconds)
        }
        _ => {
            runtime.block_on(async { Bench::new().await.run("queue", MOST_PER_CALL).await });
            ExitCode::SUCCESS
        }
    }
}

/// Everything that exists before the first mail.
struct Bench {
    playbook: Playbook,
    links: Links,
    address_key: AddressKey,
    mailer: Mailer,
    queue: Queue,
    pieces: Vec<PieceId>,
    readers: Vec<(Contact, Account)>,
    now: Timestamp,
}

impl Bench {
    async fn new() -> Self {
        let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/playbook"));
        let bundle = Playbook::bundle(folder).expect("the example has no errors");
        // As a function reads it when it starts.
        let compiled = Playbook::compile(&bundle).expect("the bundle just made").to_json().expect("JSON");
        let playbook = Playbook::from_compiled(compiled.as_bytes()).expect("what was just compiled");
        let ses = endpoint::answering(r#"{"MessageId":"0100018f-bench"}"#).await;
        let sqs = endpoint::answering(r#"{"Successful":[],"Failed":[]}"#).await;
        Self {
            links: Links::new("the key of a bench", "https://mail.fernhill.example.com"),
            address_key: AddressKey::new("the key of a bench"),
            mailer: Mailer::new(&ses, &playbook.company.sender, Some("perennial".to_owned())),
            queue: Queue::new(&sqs, "https://sqs.eu-central-1.amazonaws.com/000000000000/mail"),
            pieces: playbook.pieces().map(|piece| piece.id.clone()).collect(),
            readers: (0..100).map(reader).collect(),
            now: "2026-03-02T09:00:00Z".parse().expect("an instant"),
            playbook,
        }
    }

    /// The work that is counted.
    async fn run(&self, step: &str, count: usize) {
        let composer = Composer { playbook: &self.playbook, links: &self.links, address_key: &self.address_key };
        let stream = StreamId::from("discover-analytics");
        let mut waiting = Vec::with_capacity(MOST_PER_CALL);
        for number in 0..count {
            let (person, account) = &self.readers[number % self.readers.len()];
            let piece = &self.pieces[number % self.pieces.len()];
            let to =
                Addressed { contact: &person.id, slot: "2026-03-02", person: Some(person), account: Some(account) };
            let mail = composer
                .compose(&to, &stream, (piece, &Edition::default()), self.now)
                .expect("a piece of the playbook");
            let mail = black_box(mail);
            if step == "compose" {
                continue;
            }
            let outcome = self.mailer.send(&mail).await;
            assert!(matches!(outcome, Outcome::Accepted { .. }), "{outcome:?}");
            if step == "queue" {
                let detail = NurtureDue { contact: person.id.to_string(), slot: to.slot.to_owned() };
                waiting.push(Message { detail_type: "NurtureDue".to_owned(), detail });
                if waiting.len() == MOST_PER_CALL {
                    self.queue.send(&waiting).await.expect("an answer");
                    waiting.clear();
                }
            }
        }
    }

    /// How long [`TIMED`] mails take.
    async fn seconds(&self, step: &str) -> f64 {
        self.run(step, COUNTED).await;
        let began = Instant::now();
        self.run(step, TIMED).await;
        began.elapsed().as_secs_f64()
    }
}

fn reader(number: usize) -> (Contact, Account) {
    let account = AccountId::from(format!("account-{number}").as_str());
    let contact = [
        ("email", format!("reader-{number}@example.com")),
        ("first_name", format!("Reader {number}")),
        ("account", account.to_string()),
    ];
    let contact = Contact::from_fields(ContactId::from(format!("contact-{number}").as_str()), &fields(contact));
    let named = [("name", format!("Company {number} & Sons")), ("owner", "anna".to_owned())];
    (contact, Account::from_fields(account, &fields(named)))
}

fn fields<const N: usize>(texts: [(&str, String); N]) -> Fields {
    let mut fields = Fields::default();
    fields.merge(texts.map(|(name, value)| (name.to_owned(), value)), 0);
    fields
}

fn report(json: bool, seconds: impl Fn(&str) -> f64) -> ExitCode {
    for step in STEPS {
        let counted = instructions(step, COUNTED).and_then(|many| Ok((many - instructions(step, 0)?) / COUNTED as u64));
        let one = match counted {
            Ok(one) => one,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                eprintln!(
                    "valgrind counts the instructions and is not installed: apt-get install valgrind, dnf install valgrind"
                );
                return ExitCode::FAILURE;
            }
            Err(error) => {
                eprintln!("the instructions could not be counted: {error}");
                return ExitCode::FAILURE;
            }
        };
        let per_second = (TIMED as f64 / seconds(step)).floor();
        if json {
            println!("{{\"step\": \"{step}\", \"instructions\": {one}, \"mails_per_second\": {per_second}}}");
        } else {
            println!("{:<44} {one:>8} instructions {per_second:>7} mails a second on one core", said(step));
        }
    }
    ExitCode::SUCCESS
}

fn said(step: &str) -> &'static str {
    match step {
        "compose" => "filled, links signed and put in",
        "request" => "… and made a signed request to SES",
        _ => "… and queued before, ten a call",
    }
}

/// The instructions of a run of this program with so many mails.
fn instructions(step: &str, count: usize) -> io::Result<u64> {
    let run = Command::new("valgrind")
        .args(["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"])
        .arg(std::env::current_exe()?)
        .args(["mails", step, &count.to_string()])
        .output()?;
    let said = String::from_utf8_lossy(&run.stderr);
    // A line such as `==4711== I   refs:      1,234,567`.
    let counted = said.lines().find_map(|line| line.split_once("refs:").filter(|(before, _)| before.contains("I ")));
    let digits: String =
        counted.map(|(_, count)| count.chars().filter(char::is_ascii_digit).collect()).unwrap_or_default();
    digits.parse().map_err(|_| io::Error::other(format!("valgrind said no count: {said}")))
}
