//! How many instructions an event of a Segment batch takes before it is put: `cargo bench -p ingest-engagement --bench
//! segment_batch [-- --json]`.
//!
//! Counted is what ingestion computes: verify the delivery, split it, understand each event, make its entry and the entry's item.
//! Instructions are counted and not time measured, as in `perennial-domain`'s `evaluate`: this program runs itself under
//! valgrind's cachegrind, with no delivery and with [`TIMES`] of [`EVENTS`] events; the difference by their product is one event.
//!
//! Without `--bench`, which `cargo bench` passes and `cargo test --benches` does not, it takes in one delivery and counts nothing.

mod batch;

use std::io;
use std::process::{Command, ExitCode};

/// Deliveries between the two counts.
const TIMES: u64 = 3;
/// Events of a delivery.
const EVENTS: u64 = 1_000;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["deliver", times] => deliver(times.parse().unwrap_or_default()),
        ref options if options.contains(&"--bench") => report(options.contains(&"--json")),
        _ => deliver(1),
    }
}

/// The work that is counted.
fn deliver(times: u64) -> ExitCode {
    let Some(batch) = batch::Batch::new(EVENTS) else { return ExitCode::FAILURE };
    let entries: Option<Vec<usize>> = (0..times).map(|_| batch.take_in()).collect();
    if entries.is_some_and(|entries| entries.iter().all(|entries| *entries as u64 == EVENTS)) {
        ExitCode::SUCCESS
    } else {
        eprintln!("the batch was not understood");
        ExitCode::FAILURE
    }
}

fn report(json: bool) -> ExitCode {
    let one = instructions(TIMES).and_then(|many| Ok((many - instructions(0)?) / TIMES / EVENTS));
    match one {
        Ok(one) if json => println!("{{\"events\": {EVENTS}, \"instructions_per_event\": {one}}}"),
        Ok(one) => println!("a Segment batch of {EVENTS} events: {one:>6} instructions per event"),
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
    }
    ExitCode::SUCCESS
}

/// The instructions of a run of this program with so many deliveries.
fn instructions(times: u64) -> io::Result<u64> {
    let run = Command::new("valgrind")
        .args(["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"])
        .arg(std::env::current_exe()?)
        .args(["deliver", &times.to_string()])
        .output()?;
    let said = String::from_utf8_lossy(&run.stderr);
    // A line such as `==4711== I   refs:      1,234,567`.
    let counted = said.lines().find_map(|line| line.split_once("refs:").filter(|(before, _)| before.contains("I ")));
    let digits: String =
        counted.map(|(_, count)| count.chars().filter(char::is_ascii_digit).collect()).unwrap_or_default();
    if run.status.success() { digits.parse().ok() } else { None }
        .ok_or_else(|| io::Error::other(format!("valgrind said no count: {said}")))
}
