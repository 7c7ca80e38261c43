//! What a page of the desk's list costs: `cargo bench -p sales-desk --bench list [-- --json]`.
//!
//! A page is fifty leads of a rep who has many: the query and the two batches are made, signed and answered, their answers read,
//! the scores computed from facts, the page rendered. All that is the function's own code and the SDK's; only the network and
//! DynamoDB are missing, which wait and do not work. How many other contacts there are makes no difference here;
//! `tests/contracts/desk_calls.rs` shows that it makes none to the calls either.
//!
//! By the clock of this machine, on one core, and in instructions: this program runs itself under valgrind's cachegrind, with no page
//! and with [`COUNTED`]; without valgrind it says so and counts none. A page that takes 50 ms is a failure; without `--bench` a few
//! pages are made and nothing is measured.

mod endpoint;

use std::io;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::time::Instant;

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use jiff::Timestamp;
use perennial_platform::address::AddressKey;
use perennial_platform::clock::Clock;
use perennial_platform::ledger::Ledger;
use perennial_platform::sessions::Sessions;
use perennial_platform::store::Store;
use perennial_playbook::Playbook;
use sales_desk::{SalesDesk, SignIn};
use serde_json::json;

/// Pages before and between the clock's two looks.
const WARM: usize = 20;
const TIMED: usize = 200;
/// Pages between the two counts of instructions.
const COUNTED: usize = 10;
/// What a page may cost.
const MOST_MS: f64 = 50.0;

fn main() -> ExitCode {
    let options: Vec<String> = std::env::args().skip(1).collect();
    let has = |option: &str| options.iter().any(|given| given == option);
    let pages = options.iter().position(|option| option == "pages").and_then(|at| options.get(at + 1)?.parse().ok());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let bench = Bench::new().await;
        if !has("--bench") {
            bench.run(pages.unwrap_or(2)).await;
            return ExitCode::SUCCESS;
        }
        bench.run(WARM).await;
        let began = Instant::now();
        let bytes = bench.run(TIMED).await;
        let ms = began.elapsed().as_secs_f64() * 1_000.0 / TIMED as f64;
        let counted = instructions(COUNTED).and_then(|many| Ok((many - instructions(0)?) / COUNTED as u64));
        match (&counted, has("--json")) {
            (Ok(one), true) => {
                println!("{{\"ms_per_page\": {ms:.2}, \"instructions_per_page\": {one}, \"bytes\": {bytes}}}");
            }
            (Err(_), true) => println!("{{\"ms_per_page\": {ms:.2}, \"bytes\": {bytes}}}"),
            (Ok(one), false) => {
                println!("a page of 50 leads: {ms:.2} ms on one core, {one} instructions, {bytes} bytes");
            }
            (Err(error), false) => {
                println!("a page of 50 leads: {ms:.2} ms on one core, {bytes} bytes");
                eprintln!("valgrind counts the instructions: {error}");
            }
        }
        if ms < MOST_MS { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    })
}

/// The instructions of a run of this program that makes so many pages.
fn instructions(pages: usize) -> io::Result<u64> {
    let run = Command::new("valgrind")
        .args(["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"])
        .arg(std::env::current_exe()?)
        .args(["pages", &pages.to_string()])
        .output()?;
    let said = String::from_utf8_lossy(&run.stderr);
    // A line such as `==4711== I   refs:      1,234,567`.
    let counted = said.lines().find_map(|line| line.split_once("refs:").filter(|(before, _)| before.contains("I ")));
    let digits: String =
        counted.map(|(_, count)| count.chars().filter(char::is_ascii_digit).collect()).unwrap_or_default();
    if run.status.success() { digits.parse().ok() } else { None }
        .ok_or_else(|| io::Error::other(format!("valgrind said no count: {said}")))
}

struct Bench {
    desk: SalesDesk,
    request: ApiGatewayV2httpRequest,
}

impl Bench {
    async fn new() -> Self {
        let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/playbook"));
        let playbook = Arc::new(Playbook::load(folder).expect("the example has no errors"));
        let now: Timestamp = "2026-01-07T10:00:00Z".parse().expect("an instant");
        let (sessions, config) = (Sessions::new("the key of a bench"), endpoint::answering().await);
        let rep = playbook.reps.first().expect("the example has reps");
        let cookie = format!("desk={}", sessions.begin(&rep.id, now));
        let request = json!({
            "version": "2.0", "rawPath": "/desk", "rawQueryString": "", "headers": {}, "cookies": [cookie],
            "requestContext": {"http": {"method": "GET", "path": "/desk", "protocol": "HTTP/1.1"}, "timeEpoch": 0},
            "isBase64Encoded": false,
        });
        let desk = SalesDesk {
            ledger: Ledger::new(&config, "ledger"),
            store: Store { client: aws_sdk_dynamodb::Client::new(&config), state: "state".to_owned() },
            address_key: AddressKey::new("key"),
            sessions,
            sign_in: SignIn::Anybody,
            playbook,
            clock: Clock::from_fn(move || now),
        };
        Self { desk, request: serde_json::from_value(request).expect("a request") }
    }

    /// Makes so many pages; says how long the last one is.
    async fn run(&self, pages: usize) -> usize {
        let mut bytes = 0;
        for _ in 0..pages {
            let answer = self.desk.handle(self.request.clone()).await.expect("an answer");
            let html = serde_json::to_value(&answer).expect("JSON")["body"].as_str().map(str::to_owned);
            let html = html.unwrap_or_default();
            assert_eq!((answer.status_code, html.matches("card lead").count()), (200, 50), "{html}");
            bytes = html.len();
        }
        bytes
    }
}
