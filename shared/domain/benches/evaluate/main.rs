//! How many instructions one evaluation of a score takes: `cargo bench -p perennial-domain --bench evaluate [-- --json]`.
//!
//! Instructions are counted and not time measured: a count is the same on a busy machine, and a change of one percent
//! shows. This program runs itself under valgrind's cachegrind, with no evaluation and with [`TIMES`] of them; the
//! difference by [`TIMES`] is one evaluation, without what starting costs. The count is of the processor it runs on.
//!
//! Without `--bench`, which `cargo bench` passes and `cargo test --benches` does not, it evaluates once and counts
//! nothing, so that tests need no valgrind.

mod contact;

use std::hint::black_box;
use std::io;
use std::process::{Command, ExitCode};

use perennial_domain::ids::ProductId;
use perennial_domain::interest::evaluate;

/// Evaluations between the two counts.
const TIMES: u64 = 1_000;
/// Of so many facts.
const FACTS: [usize; 3] = [10, 50, 200];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["evaluate", facts, times] => {
            evaluate_times(facts.parse().unwrap_or_default(), times.parse().unwrap_or_default());
            ExitCode::SUCCESS
        }
        ref options if options.contains(&"--bench") => report(options.contains(&"--json")),
        _ => {
            evaluate_times(50, 1);
            ExitCode::SUCCESS
        }
    }
}

/// The work that is counted.
fn evaluate_times(facts: usize, times: u64) {
    let (rules, product, now) = (contact::rules(), ProductId::from("analytics"), contact::now());
    let facts = contact::facts(facts);
    for _ in 0..times {
        black_box(evaluate(black_box(&rules), &product, black_box(&facts), now));
    }
}

fn report(json: bool) -> ExitCode {
    for facts in FACTS {
        let one = instructions(facts, TIMES).and_then(|many| Ok((many - instructions(facts, 0)?) / TIMES));
        match one {
            Ok(one) if json => println!("{{\"facts\": {facts}, \"instructions\": {one}}}"),
            Ok(one) => println!("interest::evaluate on {facts:>3} facts: {one:>6} instructions"),
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
    }
    ExitCode::SUCCESS
}

/// The instructions of a run of this program with so many evaluations.
fn instructions(facts: usize, times: u64) -> io::Result<u64> {
    let run = Command::new("valgrind")
        .args(["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"])
        .arg(std::env::current_exe()?)
        .args(["evaluate", &facts.to_string(), &times.to_string()])
        .output()?;
    let said = String::from_utf8_lossy(&run.stderr);
    // A line such as `==4711== I   refs:      1,234,567`.
    let counted = said.lines().find_map(|line| line.split_once("refs:").filter(|(before, _)| before.contains("I ")));
    let digits: String =
        counted.map(|(_, count)| count.chars().filter(char::is_ascii_digit).collect()).unwrap_or_default();
    digits.parse().map_err(|_| io::Error::other(format!("valgrind said no count: {said}")))
}
