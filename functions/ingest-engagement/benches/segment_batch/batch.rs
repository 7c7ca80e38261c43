//! The delivery that is counted: tracked events as Segment's library for browsers sends them, under the example playbook.

use std::hint::black_box;
use std::path::Path;

use http::HeaderMap;
use ingest_engagement::entries;
use jiff::Timestamp;
use perennial_platform::address::AddressKey;
use perennial_platform::webhook::Delivery;
use perennial_platform::webhook::events::split;
use perennial_platform::webhook::sign::sign;
use perennial_platform::webhook::verify::verify;
use perennial_playbook::Playbook;
use serde_json::{Value, json};

const SOURCE: &str = "segment";
const SECRET: &str = "a secret of sixteen bytes or more";
const URL: &str = "https://example.com/v1/webhooks/segment";

/// A signed delivery and who takes it in.
pub struct Batch {
    playbook: Playbook,
    addresses: AddressKey,
    headers: HeaderMap,
    body: Vec<u8>,
    now: Timestamp,
}

impl Batch {
    /// A delivery of so many events; none if the example playbook cannot be read.
    pub fn new(events: u64) -> Option<Self> {
        let playbook = Playbook::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/playbook")).ok()?;
        let now: Timestamp = "2026-01-07T10:00:00Z".parse().ok()?;
        let calls: Vec<Value> = (0..events).map(track).collect();
        let body = json!({"batch": calls, "sentAt": "2026-01-07T09:59:59Z"}).to_string().into_bytes();
        let delivery = Delivery { method: "POST", url: URL, headers: &HeaderMap::new(), body: &body };
        let headers = sign(playbook.sources.get(SOURCE)?, SECRET, "", &delivery, now).ok()?;
        Some(Self { playbook, addresses: AddressKey::new("a key of the benchmark"), headers, body, now })
    }

    /// Everything that ingestion computes for it; how many items would be put.
    pub fn take_in(&self) -> Option<usize> {
        let source = self.playbook.sources.get(SOURCE)?;
        let delivery = Delivery { method: "POST", url: URL, headers: &self.headers, body: black_box(&self.body) };
        verify(source, &[SECRET.to_owned()], &delivery, self.now).ok()?;
        let mut items = 0;
        for event in split(source, &delivery).ok()? {
            for entry in entries(&self.playbook, &self.addresses, source, &event.ok()?, self.now).ok()? {
                entry.reason.is_none().then_some(())?;
                black_box(entry.item().ok()?);
                items += 1;
            }
        }
        Some(items)
    }
}

fn track(number: u64) -> Value {
    json!({
        "type": "track", "event": "Asset Used", "userId": format!("user-8f3b2c{number:03}"),
        "messageId": format!("ajs-next-1767607200123-{number:04}0c5a-3a8b-4a53-9d0c-0b9f4b7e6a11"),
        "anonymousId": format!("2f0b9d8e-6c1f-4f4e-a1c7-53b8d6f{number:05}"),
        "properties": {"asset": "analytics-guide", "action": "download", "title": "Reports that are read"},
        "context": {
            "ip": "203.0.113.24", "locale": "en-GB", "timezone": "Europe/Berlin",
            "library": {"name": "analytics.js", "version": "next-1.70.0"},
            "page": {
                "path": "/guides/reports", "referrer": "https://www.example.com/", "search": "?utm_source=newsletter",
                "title": "Reports that are read", "url": "https://www.example.com/guides/reports?utm_source=newsletter",
            },
            "userAgent": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
        },
        "integrations": {}, "originalTimestamp": "2026-01-07T09:59:58.123Z", "timestamp": "2026-01-07T09:59:58.123Z",
        "channel": "client",
    })
}
