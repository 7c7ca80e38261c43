//! An older item is read for ever: every kind of item as it was once stored, read with today's code. See
//! `stored/README.md`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use perennial_domain::interest::FactName;
use perennial_domain::lead::Word;
use perennial_domain::nurture::Received;
use perennial_platform::failure::Failure;
use perennial_platform::feedback::SoftBounces;
use perennial_platform::interest::InterestItem;
use perennial_platform::keys::{self, PK, SK};
use perennial_platform::ledger::Entry;
use perennial_platform::outbox::{Event, Waiting};
use perennial_platform::records::{
    AddressOwner, Brief, Cadence, Digest, Held, Lead, MergedId, MergedIds, Pointer, Preferences, Profile, Slot,
};
use perennial_platform::sending::Known;
use perennial_platform::store::{Item, number, text};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// One file: an item, and what reading it must give.
struct Stored {
    name: String,
    item: Item,
    reads: Value,
}

fn stored() -> Vec<Stored> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stored");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
        .into_iter()
        .filter(|file| file.extension().is_some_and(|extension| extension == "json"))
        .map(read_file)
        .collect()
}

fn read_file(file: PathBuf) -> Stored {
    let mut content: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    let item: serde_dynamo::Item = serde_json::from_value(content["item"].take()).unwrap();
    let name = file.file_stem().unwrap().to_string_lossy().into_owned();
    Stored { name, item: item.into(), reads: content["reads"].take() }
}

/// Which kind of item a key is of.
fn kind(item: &Item) -> &'static str {
    let (pk, sk) = (text(item, PK).unwrap(), text(item, SK).unwrap());
    let partition = pk.split('#').next().unwrap();
    if item.contains_key("told") {
        return "ledger entry";
    }
    match (partition, sk) {
        ("OUTBOX", _) => "outbox",
        ("EMAIL", "SUPPRESSION") => "suppression",
        ("EMAIL", "CONTACT") => "address owner",
        ("EMAIL", "BOUNCES") => "soft bounces",
        ("SENDING", "SES") => "line",
        ("CONTACT", "POINTER") => "pointer",
        ("CONTACT", "MERGED") => "merged ids",
        ("ACCOUNT" | "CONTACT", "PROFILE") => "profile",
        ("CONTACT", "PREFERENCES") => "preferences",
        ("CONTACT", "CADENCE") => "cadence",
        ("CONTACT", sk) if sk.starts_with(keys::MERGED_ID) => "merged id",
        ("CONTACT", sk) if sk.starts_with(keys::INTEREST) => "interest",
        ("CONTACT", sk) if sk.starts_with(keys::LEAD) => "lead",
        ("CONTACT", sk) if sk.starts_with(keys::HELD) => "held",
        ("CONTACT" | "DIGEST", sk) if sk.starts_with(keys::SLOT) => "slot",
        ("DIGEST", sk) if sk.starts_with("OWNER#") && pk.starts_with("DIGEST#week-") => "brief",
        ("DIGEST", sk) if sk.starts_with("OWNER#") => "digest",
        (pk, sk) => panic!("{pk} {sk}: what is it?"),
    }
}

fn of<T: DeserializeOwned>(item: &Item) -> T {
    serde_dynamo::from_item(item.clone()).unwrap()
}

/// What today's code makes of an item: its fields, and what it concludes from them.
fn reads(item: &Item) -> Value {
    match kind(item) {
        "interest" => interest(&InterestItem::read(item).unwrap()),
        "lead" => {
            let lead: Lead = of(item);
            let means = json!({
                "status": lead.status().as_str(), "priority": lead.priority().as_str(), "name": lead.name(),
                "quarter": lead.quarter().map(|quarter| quarter.to_string()),
                "handed_off": lead.clock().handed_off, "rungs_fired": lead.clock().rungs_fired,
                "words": lead.words().iter().map(word).collect::<Vec<_>>(),
            });
            assert_eq!(lead.standing().stage, lead.status(), "{}", lead.name());
            with(&lead, means)
        }
        "held" => with(&of::<Held>(item), json!({})),
        "profile" => {
            let profile: Profile = of(item);
            let fields: BTreeMap<String, (i64, i64, String)> = profile
                .fields()
                .0
                .into_iter()
                .map(|(name, stated)| (name, (stated.second, stated.since, stated.value)))
                .collect();
            with(&profile, json!({"fields": fields, "email_since": profile.email_since()}))
        }
        "preferences" => with(&of::<Preferences>(item), json!({})),
        "pointer" => {
            let pointer: Pointer = of(item);
            with(&pointer, json!({"moving": pointer.moving}))
        }
        "merged ids" => json!({"ids": of::<MergedIds>(item).ids}),
        "address owner" => {
            let owner: AddressOwner = of(item);
            with(&owner, json!({"also": owner.also, "adopting": owner.adopting}))
        }
        "cadence" => {
            let cadence: Cadence = of(item);
            let progress = cadence.progress();
            let progress: BTreeMap<String, Value> = progress
                .iter()
                .map(|(stream, progress)| {
                    let sent: Vec<String> = progress.sent.iter().map(|received| received.piece.to_string()).collect();
                    let kind = |received: &Received| Some((received.piece.to_string(), received.kind?.as_str()));
                    let kinds: BTreeMap<String, &str> = progress.sent.iter().filter_map(kind).collect();
                    let last_sent_on = progress.last_sent_on.map(|date| date.to_string());
                    (stream.to_string(), json!({"sent": sent, "kinds": kinds, "last_sent_on": last_sent_on}))
                })
                .collect();
            with(&cadence, json!({"progress": progress}))
        }
        "slot" => with(&of::<Slot>(item), json!({})),
        "brief" => with(&of::<Brief>(item), json!({"empty": of::<Brief>(item).is_empty()})),
        "digest" => {
            let Digest { pk, sk, owner, leads, announced } = of(item);
            json!({"PK": pk, "SK": sk, "owner": owner, "leads": leads, "announced": announced})
        }
        "outbox" => {
            let waiting: Waiting = of(item);
            let event: Event = serde_json::from_str(&waiting.detail).unwrap();
            let kind = match event {
                Event::Lead(_) => "lead",
                Event::Digest { .. } => "digest",
                Event::Brief { .. } => "brief",
                Event::Help { .. } => "help",
                Event::Sending { .. } => "sending",
            };
            with(&waiting, json!({"event": event, "event_kind": kind}))
        }
        "ledger entry" => {
            let entry: Entry = of(item);
            let fact = entry.told.fact().map(|(contact, name)| (contact.to_string(), fact(&name)));
            with(&entry, json!({"fact": fact, "word": entry.told.word(entry.happened_at).as_ref().map(word)}))
        }
        "merged id" => {
            let merged: MergedId = of(item);
            json!({"id": merged.id().as_str(), "moving": merged.moving})
        }
        // Only that it is there is ever asked.
        "suppression" => json!({}),
        "soft bounces" => {
            let SoftBounces { bounced_at, delivered_at } = of(item);
            json!({"bounced_at": bounced_at, "delivered_at": delivered_at})
        }
        "line" => {
            let (known, now) = (Known::read(item), jiff::Timestamp::from_second(1_771_503_300).unwrap());
            let (sent, came_back) = (known.sent(now), known.came_back(now));
            json!({
                "next_at": known.next_at, "paused_at": known.paused_at, "paused_for": known.paused_for,
                "within_a_day": sent.within_a_day, "days_since_first": sent.days_since_first, "paused": sent.paused,
                "sends": came_back.sends, "bounces": came_back.bounces, "complaints": came_back.complaints,
            })
        }
        other => panic!("{other}: who reads it?"),
    }
}

fn word(word: &Word) -> String {
    let by = word.by.as_ref().map(|by| format!(" {by}")).unwrap_or_default();
    format!("{} {}{by}", word.at, word.said)
}

fn fact(name: &FactName) -> (String, String, Option<String>) {
    (name.asset.to_string(), name.action.to_string(), name.email.as_ref().map(ToString::to_string))
}

fn interest(item: &InterestItem) -> Value {
    let facts: Vec<_> = item.facts.iter().map(|(name, second)| (fact(name), second)).collect();
    let quarters = |quarters: &BTreeSet<perennial_domain::quarter::Quarter>| -> Vec<String> {
        quarters.iter().map(ToString::to_string).collect()
    };
    json!({
        "facts": facts, "rev": item.rev, "live": item.live, "known": item.known,
        "leads": quarters(&item.leads), "held": quarters(&item.held),
        "undone": quarters(&item.undone), "cooled_at": item.cooled_at,
    })
}

fn with(fields: &impl Serialize, means: Value) -> Value {
    json!({"fields": serde_json::to_value(fields).unwrap(), "means": means})
}

/// What of `seen` is asked for: a reader may say more than it once did.
fn asked(seen: &Value, expected: &Value) -> Value {
    match (seen, expected) {
        (Value::Object(seen), Value::Object(expected)) => {
            let one = |(name, expected): (&String, &Value)| Some((name.clone(), asked(seen.get(name)?, expected)));
            expected.iter().filter_map(one).collect()
        }
        (Value::Array(seen), Value::Array(expected)) if seen.len() == expected.len() => {
            seen.iter().zip(expected).map(|(seen, expected)| asked(seen, expected)).collect()
        }
        _ => seen.clone(),
    }
}

#[test]
fn an_older_item_is_read_for_ever() {
    let stored = stored();
    for Stored { name, item, reads: expected } in &stored {
        let seen = reads(item);
        assert!(!expected.is_null(), "{name} has no \"reads\"; today's code reads\n{seen:#}");
        assert_eq!(asked(&seen, expected), *expected, "{name}");
    }
    let kinds: BTreeSet<&str> = stored.iter().map(|stored| kind(&stored.item)).collect();
    let all = [
        "address owner",
        "brief",
        "cadence",
        "digest",
        "held",
        "interest",
        "lead",
        "ledger entry",
        "line",
        "merged id",
        "merged ids",
        "outbox",
        "pointer",
        "preferences",
        "profile",
        "slot",
        "soft bounces",
        "suppression",
    ];
    assert_eq!(kinds, BTreeSet::from(all), "every kind of item");
}

#[test]
fn an_interest_says_its_format_and_a_newer_one_is_refused() {
    let live = stored().into_iter().find(|stored| stored.name == "interest-live").unwrap().item;
    let formats: HashMap<&str, Option<_>> = HashMap::from([
        ("none", None),
        ("an older one", Some(number(0))),
        ("this one", Some(number(1))),
        ("a newer one", Some(number(2))),
        ("a word", Some(perennial_platform::store::string("new"))),
    ]);
    let today = InterestItem::read(&live).unwrap();
    for (what, refused) in [
        ("none", None),
        ("an older one", None),
        ("this one", None),
        ("a newer one", Some("input cannot be understood: interest: written by a newer version of Perennial")),
        ("a word", Some("input cannot be understood: interest: its format is not a whole number")),
    ] {
        let mut item = live.clone();
        item.remove("format");
        item.extend(formats[what].clone().map(|format| ("format".to_owned(), format)));
        match (InterestItem::read(&item), refused) {
            (Ok(read), None) => assert_eq!(read, today, "{what}"),
            (Err(failure @ Failure::Poison { .. }), Some(reason)) => assert_eq!(failure.to_string(), reason, "{what}"),
            (read, _) => panic!("{what}: {read:?}"),
        }
    }
}
