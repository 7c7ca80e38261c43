//! What is done with each input that is tried: by the fuzzer, and by `cargo test` with those that were kept.
//!
//! Nothing may panic, the same input means the same twice, and no contact is ever named by an address.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use perennial_platform::address::AddressKey;
use perennial_platform::told::{Subject, Told, What};
use perennial_platform::webhook::Delivery;
use perennial_platform::webhook::challenge::challenge;
use perennial_platform::webhook::events::{Understood, split, understand};
use perennial_platform::webhook::verify::verify as believe;
use perennial_playbook::sources::{Envelope, Field, Format, Origin, Otherwise, Rule, Source, Take, TimeUnit, Verify};
use perennial_playbook::{Bundle, Playbook, is_address};

/// The secrets of every source; the first is one of Standard Webhooks.
const SECRETS: [&str; 2] = ["whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", "a secret of every source"];

/// The example playbook as it ships.
///
/// # Panics
/// If it has errors.
fn shipped() -> &'static (Bundle, Playbook) {
    static SHIPPED: OnceLock<(Bundle, Playbook)> = OnceLock::new();
    SHIPPED.get_or_init(|| {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let folder: PathBuf =
            here.ancestors().map(|root| root.join("infra/playbook")).find(|path| path.is_dir()).expect("the example");
        let bundle = Playbook::bundle(&folder).expect("no errors");
        let playbook = Playbook::of(&bundle).expect("no errors");
        (bundle, playbook)
    })
}

fn source_of(id: &str) -> &'static Source {
    &shipped().1.sources[id]
}

fn now() -> Timestamp {
    Timestamp::from_second(1_767_780_000).expect("an instant")
}

/// Headers, one a line, an empty line, a body.
fn request(data: &[u8]) -> (HeaderMap, &[u8]) {
    let end = data.windows(2).position(|two| two == b"\n\n");
    let (head, body) = end.map_or((data, &[][..]), |end| (&data[..end], &data[end + 2..]));
    let mut headers = HeaderMap::new();
    for line in head.split(|byte| *byte == b'\n').take(64) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let value = line[colon + 1..].trim_ascii();
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(&line[..colon]), HeaderValue::from_bytes(value)) {
            headers.append(name, value);
        }
    }
    (headers, body)
}

/// Reads a delivery that is believed.
fn deliver(source: &Source, headers: &HeaderMap, body: &[u8]) {
    let key = AddressKey::new("a key");
    let delivery = Delivery { method: "POST", url: "https://localhost/", headers, body };
    for event in split(source, &delivery).unwrap_or_default().into_iter().flatten() {
        assert!(!event.id.is_empty() && event.id.len() <= 256, "{}", event.id.len());
        let understood = understand(source, &event.body, now(), &key);
        assert_eq!(understood, understand(source, &event.body, now(), &key));
        if let Understood::Told(all) = understood {
            all.iter().for_each(without_address);
        }
    }
}

/// No id of a contact or an account is an address.
fn without_address(told: &Told) {
    if let Subject::Contact(id) | Subject::Account(id) = told.what.subject() {
        assert!(!is_address(id.trim()));
    }
    if let What::ContactMerged { contact, .. } = &told.what {
        assert!(!is_address(contact.trim()));
    }
    if let What::ContactIdentified { fields, .. } = &told.what {
        assert!(fields.get("account").is_none_or(|account| !is_address(account.trim())));
    }
}

/// A body of the native source.
pub fn native(data: &[u8]) {
    let headers = HeaderMap::from_iter([(HeaderName::from_static("webhook-id"), HeaderValue::from_static("an id"))]);
    deliver(source_of("native"), &headers, data);
}

/// A native body alone.
pub fn told(data: &[u8]) {
    let Ok(Ok(told)) = str::from_utf8(data).map(Told::from_native) else { return };
    let key = AddressKey::new("a key");
    let concealed = told.concealed(&key);
    without_address(&concealed);
    assert_eq!(concealed.clone().concealed(&key), concealed);
}

/// CloudEvents in any form.
pub fn cloudevents(data: &[u8]) {
    let (headers, body) = request(data);
    let by_token = vec![Verify::Token { header: "authorization".to_owned(), prefix: String::new() }];
    deliver(&Source { verify: by_token, ..Source::native() }, &headers, body);
    deliver(&Source::native(), &headers, body);
}

/// Segment's calls.
pub fn segment(data: &[u8]) {
    deliver(source_of("segment"), &HeaderMap::new(), data);
}

/// Zoom's messages.
pub fn zoom(data: &[u8]) {
    deliver(source_of("zoom"), &HeaderMap::new(), data);
}

/// The messages of the sources that are only mapped.
pub fn mapped(data: &[u8]) {
    for source in ["hubspot", "salesforce", "stripe"] {
        deliver(source_of(source), &HeaderMap::new(), data);
    }
}

/// Pointers and conversions: a line each for the contact, for what is listed, for the elements and for the factor.
pub fn mapping(data: &[u8]) {
    let end = data.windows(2).position(|two| two == b"\n\n").unwrap_or(data.len());
    let Ok(head) = str::from_utf8(&data[..end]) else { return };
    let mut lines = head.lines();
    let mut line = || lines.next().unwrap_or_default().to_owned();
    let (contact, listed, elements, factor) = (line(), line(), line(), line());
    let take = |from: Origin| Take { from: vec![from], is: [].into(), otherwise: None, unit: None, times: None };
    let number = Take { times: factor.parse().ok(), ..take(Origin::Event(contact.clone())) };
    let time = Take { unit: Some(TimeUnit::Milliseconds), ..number.clone() };
    let within = Take { otherwise: Some(String::new()), ..take(Origin::Element(listed.clone())) };
    let fields = [
        ("account".to_owned(), Field::One(take(Origin::Event(contact.clone())))),
        ("revenue_cents".to_owned(), Field::One(number)),
        ("customer_since".to_owned(), Field::One(time)),
        ("seats".to_owned(), Field::ByProduct { product: take(Origin::Event(contact.clone())), value: within }),
    ];
    let rule = Rule {
        line: 1,
        kinds: Vec::new(),
        when: Vec::new(),
        for_each: Some(elements.clone()).filter(|pointer| !pointer.is_empty()),
        becomes: Some("account.updated".to_owned()),
        fields: fields.into(),
    };
    let envelope = Envelope {
        each: Some(elements).filter(|pointer| pointer.len() > 5),
        id: vec![contact],
        varies: vec![listed],
        ..Envelope::default()
    };
    let mapped =
        Source { id: "any".to_owned(), format: Format::Mapped, envelope, rules: vec![rule], ..Source::native() };
    let ignoring = Source { otherwise: Otherwise::Ignore, ..mapped.clone() };
    for source in [mapped, ignoring] {
        deliver(&source, &HeaderMap::new(), data.get(end + 2..).unwrap_or_default());
    }
}

/// Headers of every scheme.
pub fn verify(data: &[u8]) {
    let (headers, body) = request(data);
    let secrets = SECRETS.map(str::to_owned);
    for source in shipped().1.sources.values() {
        let delivery =
            Delivery { method: "POST", url: "https://localhost/v1/webhooks/any?a=%2F", headers: &headers, body };
        let believed = believe(source, &secrets, &delivery, now());
        let challenged = challenge(source, &secrets, &delivery, now());
        assert!(challenged.is_none() || believed.is_ok(), "only who is believed is answered");
    }
}

/// The file of a source.
pub fn source(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let mut bundle = shipped().0.clone();
    bundle.sources.insert("zoom".to_owned(), text.to_owned());
    open(&bundle);
}

/// The file of a playbook.
pub fn playbook(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    open(&Bundle { playbook: text.to_owned(), ..shipped().0.clone() });
}

fn open(bundle: &Bundle) {
    if let Err(problems) = Playbook::of(bundle) {
        assert!(!problems.is_empty(), "it says what is wrong");
    }
}
