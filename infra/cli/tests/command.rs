//! The command as its users run it: arguments in, lines and exit codes out.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// Monday, the first day of a cycle; all six weeks lie in one quarter.
const START: &str = "2026-10-05";

fn perennial(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_perennial")).args(arguments).output().unwrap()
}

fn example_playbook() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../playbook")
}

/// The example world in a folder of its own, played once.
fn up_once(data: &Path, playbook: &Path) -> Value {
    let arguments = [
        "up",
        "--once",
        "--json",
        "--start",
        START,
        "--data",
        data.to_str().unwrap(),
        "--playbook",
        playbook.to_str().unwrap(),
    ];
    let output = perennial(&arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A copy of the example playbook that a test may change.
fn copied_playbook() -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for folder in ["", "content", "example"] {
        std::fs::create_dir_all(copy.path().join(folder)).unwrap();
        for entry in std::fs::read_dir(example_playbook().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                std::fs::copy(&path, copy.path().join(folder).join(path.file_name().unwrap())).unwrap();
            }
        }
    }
    copy
}

fn change(file: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(file).unwrap();
    assert!(text.contains(from), "{from}");
    std::fs::write(file, text.replacen(from, to, 1)).unwrap();
}

#[test]
fn the_schema_is_printed_or_written() {
    let committed = std::fs::read_to_string(example_playbook().join("playbook.schema.json")).unwrap();
    let printed = perennial(&["playbook", "schema"]);
    assert!(printed.status.success());
    assert_eq!(String::from_utf8(printed.stdout).unwrap(), committed);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("playbook.schema.json");
    assert!(perennial(&["playbook", "schema", "--out", file.to_str().unwrap()]).status.success());
    assert_eq!(std::fs::read_to_string(file).unwrap(), committed);
    let of_sources = std::fs::read_to_string(example_playbook().join("sources.schema.json")).unwrap();
    assert_eq!(String::from_utf8(perennial(&["playbook", "schema", "--sources"]).stdout).unwrap(), of_sources);
}

#[test]
fn the_example_is_played_once_survives_a_restart_and_leaves_quarantine_when_the_playbook_learns() {
    let (data, playbook) = (tempfile::tempdir().unwrap(), copied_playbook());
    let first = up_once(data.path(), playbook.path());
    let figure = |account: &Value, name: &str| account["engagements"][name].as_u64().unwrap();
    let sum = |account: &Value| {
        ["counted", "duplicates", "quarantined"].map(|name| figure(account, name)).iter().sum::<u64>()
    };
    assert_eq!(figure(&first, "received"), sum(&first));
    assert_eq!((figure(&first, "duplicates"), figure(&first, "quarantined")), (2, 1));
    let count = |account: &Value, name: &str| account[name].as_array().unwrap().len();
    for (section, least) in
        [("leads", 12), ("held", 2), ("emails", 100), ("silences", 50), ("escalations", 3), ("scores", 40)]
    {
        assert!(count(&first, section) >= least, "{section}: {}", count(&first, section));
    }
    assert_eq!((count(&first, "unsettled"), &first["dead_letters"]), (0, &Value::from(0)));

    assert_eq!(up_once(data.path(), playbook.path()), first, "a restart changes nothing");

    let known = "[[asset]]\nid = \"analytics-infographic\"";
    let learnt = "[[asset]]\nid = \"spring-campaign-2019\"\ntitle = \"Spring campaign\"\nproducts = [\"analytics\"]\n\
                  stage = \"early\"\neffort = \"low\"\npoints = { download = 1, click = 1, view = 1, open = 1 }\n\n";
    change(&playbook.path().join("playbook.toml"), known, &format!("{learnt}{known}"));
    let second = up_once(data.path(), playbook.path());
    assert_eq!(figure(&second, "quarantined"), 0);
    assert_eq!(figure(&second, "counted"), figure(&first, "counted") + 1);
    assert_eq!(figure(&second, "received"), sum(&second));
}

#[test]
fn a_broken_playbook_names_file_line_and_reason_and_starts_nothing() {
    let (data, playbook) = (tempfile::tempdir().unwrap(), copied_playbook());
    change(&playbook.path().join("playbook.toml"), "threshold = 5", "treshold = 5");
    let world = data.path().join("world");
    for command in [&["up", "--once"][..], &["replay", "x", "--mapping", "y"], &["explain", "x"]] {
        let places = ["--data", world.to_str().unwrap(), "--playbook", playbook.path().to_str().unwrap()];
        let output = perennial(&[command, &places].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{command:?}: {said}");
        assert!(
            said.starts_with("playbook.toml:") && said.contains("treshold") && said.contains("threshold"),
            "{said}"
        );
        assert!(!world.exists(), "{command:?} has started something");
    }
    let output = perennial(&["playbook", "check", playbook.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn every_command_has_help_and_answers_wrong_usage_with_2() {
    for command in [
        &[][..],
        &["up"],
        &["replay"],
        &["explain"],
        &["playbook", "check"],
        &["playbook", "assets"],
        &["playbook", "build"],
        &["audience", "export"],
        &["report", "funnel"],
        &["report", "silence"],
        &["rebuild"],
        &["why-no-email"],
        &["cost"],
        &["pause"],
        &["resume"],
        &["redrive"],
        &["doctor"],
        &["ses", "check"],
    ] {
        let help = perennial(&[command, &["--help"]].concat());
        let text = String::from_utf8_lossy(&help.stdout).into_owned();
        assert!(help.status.success() && text.contains("--json") && text.contains("Exit codes"), "{command:?}: {text}");
        assert_eq!(perennial(&[command, &["--no-such-flag"]].concat()).status.code(), Some(2), "{command:?}");
    }
}

#[test]
fn assets_and_funnel_are_machine_readable() {
    let json = |arguments: &[&str]| -> Value { serde_json::from_slice(&perennial(arguments).stdout).unwrap() };
    let playbook = example_playbook();
    let assets = json(&["playbook", "assets", playbook.to_str().unwrap(), "--json"]);
    assert!(assets.as_array().unwrap().len() >= 12);
    assert!(assets.as_array().unwrap().iter().all(|asset| asset["asset"].is_string() && asset["actions"].is_array()));
    let funnel = json(&["report", "funnel", "--json", "--playbook", playbook.to_str().unwrap()]);
    let figures =
        ["wins", "opportunities", "pipeline_cents", "sqls", "mqls"].map(|name| funnel[name].as_u64().unwrap());
    assert_eq!(figures, [200, 800, 2_000_000_000, 889, 5_926]);
}

/// A served world; it ends with the test.
struct Served {
    process: Child,
    port: u16,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Served {
    fn start(data: &Path, arguments: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_perennial"))
            .args(["up", "--port", "0", "--data", data.to_str().unwrap()])
            .args(["--playbook", example_playbook().to_str().unwrap()])
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines().map(Result::unwrap);
        let offer = lines.into_iter().find(|line| line.starts_with("TRY") || line.starts_with("WATCH")).unwrap();
        let (_, address) = offer.rsplit_once("127.0.0.1:").unwrap();
        Self { process, port: address.trim_end_matches(')').parse().unwrap() }
    }

    /// Sends a request and returns status and body.
    fn ask(&self, request: &str, headers: &[(String, String)], body: &[u8]) -> (u16, String) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        write!(
            stream,
            "{request} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\ncontent-length: {}\r\n",
            body.len()
        )
        .unwrap();
        headers.iter().for_each(|(name, value)| write!(stream, "{name}: {value}\r\n").unwrap());
        stream.write_all(b"\r\n").unwrap();
        stream.write_all(body).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
    }

    /// The page's stream of changes.
    fn listen(&self) -> BufReader<TcpStream> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(std::time::Duration::from_secs(30))).unwrap();
        stream.write_all(b"GET /api/changes HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n").unwrap();
        let mut answer = BufReader::new(stream);
        let mut status = String::new();
        answer.read_line(&mut status).unwrap();
        assert!(status.contains(" 200 "), "{status}");
        answer
    }

    fn world(&self) -> Value {
        let (_, body) = self.ask("GET /api/world", &[], b"");
        // The body may be chunked: the document is what is between the first and the last brace.
        let (from, to) = (body.find('{').unwrap(), body.rfind('}').unwrap());
        serde_json::from_str(&body[from..=to].replace("\r\n", "")).unwrap()
    }

    /// The offered delivery, as curl would read it: headers and body.
    fn offer(&self) -> (Vec<(String, String)>, Vec<u8>) {
        let (status, config) = self.ask("GET /try", &[], b"");
        assert_eq!(status, 200);
        let value = |line: &str| line.split_once(" = \"").unwrap().1.trim_end_matches('"').replace("\\\"", "\"");
        let headers = config.lines().filter(|line| line.starts_with("header")).map(value);
        let headers = headers.map(|header| header.split_once(": ").map(|(n, v)| (n.to_owned(), v.to_owned())).unwrap());
        let body = config.lines().find(|line| line.starts_with("data-binary")).map(value).unwrap();
        (headers.collect(), body.into_bytes())
    }
}

#[test]
fn the_offered_delivery_makes_a_lead_once_and_a_kill_loses_nothing() {
    let data = tempfile::tempdir().unwrap();
    let webhook = "POST /v1/webhooks/native";
    let before;
    {
        let served = Served::start(data.path(), &[]);
        before = served.world()["totals"].clone();
        let (headers, body) = served.offer();
        let changes = served.listen();
        assert_eq!(served.ask(webhook, &headers, &body), (202, "{\"status\":\"accepted\"}\n".to_owned()));
        assert_eq!(served.ask(webhook, &headers, &body), (200, "{\"status\":\"duplicate\"}\n".to_owned()));
        // What a browser hands to the page: events without data are thrown away.
        let heard = changes.lines().map(Result::unwrap).find_map(|line| line.strip_prefix("data: ").map(str::to_owned));
        assert!(heard.is_some_and(|data| !data.is_empty()));
        let mut other = body.clone();
        other.push(b' ');
        assert_eq!(served.ask(webhook, &headers, &other).0, 401, "the signature is of the other body");
        assert_eq!(served.ask(webhook, &headers, &vec![b'x'; 4 * 1024 * 1024 + 1]).0, 413);
        // Killed at once: what was answered with 202 must come out all the same.
    }
    let served = Served::start(data.path(), &[]);
    let after = served.world()["totals"].clone();
    let grown = |name: &str| after[name].as_u64().unwrap() - before[name].as_u64().unwrap();
    assert_eq!(["received", "counted", "duplicates", "leads"].map(grown), [2, 1, 1, 1]);
    let page = served.ask("GET /", &[], b"");
    assert!(page.0 == 200 && page.1.contains("Perennial"));
    assert_eq!(served.ask("GET /api/contacts/nobody", &[], b"").0, 404);
}

#[test]
fn an_empty_world_waits_for_its_first_event() {
    let data = tempfile::tempdir().unwrap();
    let served = Served::start(data.path(), &["--no-example"]);
    let world = served.world();
    assert_eq!((world["contacts"].as_array().unwrap().len(), &world["totals"]["received"]), (0, &Value::from(0)));
}

#[test]
fn a_webhook_by_hand_is_signed_sent_and_judged_by_its_answer() {
    let data = tempfile::tempdir().unwrap();
    let served = Served::start(&data.path().join("world"), &["--no-example"]);
    let file = data.path().join("event.json");
    let engagement = serde_json::json!({"type": "engagement.recorded", "timestamp": "2026-01-05T10:00:00Z",
        "data": {"contact": "ada", "asset": "analytics-checklist", "action": "download"}});
    std::fs::write(&file, engagement.to_string()).unwrap();
    let url = format!("http://127.0.0.1:{}/v1/webhooks/native", served.port);
    let webhook = |verb: &str, more: &[&str]| {
        let playbook = example_playbook();
        let fixed = ["--url", &url, "--playbook", playbook.to_str().unwrap(), file.to_str().unwrap()];
        let output = perennial(&[&["webhook", verb], more, &fixed].concat());
        let said = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        (output.status.code(), said(&output.stdout), said(&output.stderr))
    };
    let sent = |more: &[&str]| {
        let (code, said, _) = webhook("send", more);
        (code, said.lines().next().unwrap_or_default().to_owned())
    };
    assert_eq!(sent(&["--source", "native"]), (Some(0), "202".to_owned()));
    assert_eq!(sent(&["--source", "native"]), (Some(0), "200".to_owned()), "the same content is the same event");
    assert_eq!(sent(&["--source", "native", "--id", "another"]), (Some(0), "202".to_owned()));
    let other = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    let (code, said, complaint) = webhook("send", &["--source", "native", "--secret", other]);
    assert_eq!((code, said.lines().next(), complaint.as_str()), (Some(1), Some("401"), ""));
    let (code, _, complaint) = webhook("send", &["--source", "native", "--secret", "short"]);
    assert!(code == Some(1) && complaint.contains("shorter than 16 bytes"), "{complaint}");
    let (code, _, complaint) = webhook("sign", &["--source", "nobody"]);
    assert!(code == Some(1) && complaint.contains("no source \"nobody\"; it has") && complaint.contains("native"));
    let (code, signed, _) = webhook("sign", &["--source", "native", "--json"]);
    let signed: Value = serde_json::from_str(&signed).unwrap();
    let headers = signed["headers"].as_object().unwrap().iter();
    let headers: Vec<_> = headers.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect();
    let answer = served.ask("POST /v1/webhooks/native", &headers, engagement.to_string().as_bytes());
    assert_eq!((code, answer.0), (Some(0), 200), "{}", answer.1);
}
