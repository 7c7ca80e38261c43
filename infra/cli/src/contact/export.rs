//! A person as one JSON document: everything that is held, under the names it has in the tables, with instants that people read.

use jiff::Timestamp;
use perennial_domain::ids::ContactId;
use perennial_domain::interest::instant;
use perennial_platform::contact::ContactRows;
use perennial_platform::failure::Failure;
use perennial_platform::identity;
use perennial_platform::interest::InterestItem;
use perennial_platform::keys::{self, SK};
use perennial_platform::records::{AddressOwner, Lead, Pointer, Slot};
use perennial_platform::store::{Item, text};
use serde_json::{Map, Value, json};

use super::{Person, Tables, Told};

/// Everything that is held about a person.
///
/// # Errors
/// [`Failure`] if a table cannot be read.
pub async fn export(tables: &Tables<'_>, person: &Person) -> Result<Value, Failure> {
    let mut ids = Vec::new();
    for id in person.ids.iter().rev() {
        ids.push(under(tables, id).await?);
    }
    let mut addresses = Vec::new();
    for address in &person.addresses {
        addresses.push(about(tables, address).await?);
    }
    let found = tables.elsewhere(person).await?;
    let digests =
        found.digests.iter().map(|(digest, _)| json!({"date": digest.pk.split('#').nth(1), "owner": digest.owner}));
    let briefs =
        found.briefs.iter().map(|(brief, lines)| json!({"week": brief.week, "owner": brief.owner, "lines": lines}));
    Ok(json!({
        "exported_at": tables.now,
        "contact": person.ids.last().map(ToString::to_string),
        "ids": ids,
        "addresses": addresses,
        "digests": digests.collect::<Vec<_>>(),
        "weekly_briefs": briefs.collect::<Vec<_>>(),
        "events_waiting": found.outbox.iter().map(|key| &key.sk).collect::<Vec<_>>(),
        "named_in": found.entries.iter().map(told).collect::<Vec<_>>(),
    }))
}

/// What lies under one id.
async fn under(tables: &Tables<'_>, id: &ContactId) -> Result<Value, Failure> {
    let mut rows = tables.store.contact(id).await?;
    let merged = identity::merged_into(tables.store, id, &rows).await?;
    rows.merged = merged.into_keys().map(|id| id.to_string()).collect();
    let slots: Vec<Slot> = tables.store.partition(&keys::contact(id), Some(keys::SLOT)).await?;
    let entries = tables.entries_of(id).await?;
    let mut document = Map::from_iter([("id".to_owned(), json!(id.as_str()))]);
    document.extend(state(&rows));
    document.insert("slots".to_owned(), slots.iter().map(slot).collect());
    document.insert("told".to_owned(), entries.iter().map(told).collect());
    Ok(Value::Object(document))
}

fn state(rows: &ContactRows) -> Map<String, Value> {
    let profile = rows.profile.as_ref().map(|profile| {
        let fields = profile.fields().0.into_iter().map(|(name, field)| {
            let (stated_at, since) = (instant(field.second), instant(field.since));
            (name, json!({"value": field.value, "stated_at": stated_at, "since": since}))
        });
        json!({"fields": fields.collect::<Map<_, _>>(), "shares_address_with": profile.shares_address_with})
    });
    let interests = rows.interests.iter().map(|(product, item)| (product.to_string(), interest(item)));
    Map::from_iter([
        ("merged_or_erased".to_owned(), json!(rows.pointer.as_ref().map(pointer))),
        ("merged_ids".to_owned(), json!(rows.merged)),
        ("profile".to_owned(), json!(profile)),
        ("preferences".to_owned(), json!(rows.preferences)),
        ("cadence".to_owned(), json!(rows.cadence)),
        ("interests".to_owned(), Value::Object(interests.collect())),
        ("leads".to_owned(), rows.leads.iter().map(lead).collect()),
        ("held".to_owned(), json!(rows.held)),
    ])
}

fn pointer(pointer: &Pointer) -> Value {
    let (since, erased_at) = (instant(pointer.since), pointer.erased_at.map(instant));
    json!({"into": pointer.into, "erased_at": erased_at, "since": since, "by": pointer.by})
}

fn interest(item: &InterestItem) -> Value {
    let facts = item.facts.iter().map(|(name, second)| {
        let (asset, action) = (name.asset.as_str(), name.action.as_str());
        json!({"asset": asset, "action": action, "email": name.email.as_ref().map(ToString::to_string), "at": instant(second)})
    });
    let quarters = |quarters: &std::collections::BTreeSet<perennial_domain::quarter::Quarter>| -> Vec<String> {
        quarters.iter().map(ToString::to_string).collect()
    };
    json!({
        "facts": facts.collect::<Vec<_>>(),
        "leads": quarters(&item.leads),
        "held": quarters(&item.held),
        "undone": quarters(&item.undone),
    })
}

fn lead(lead: &Lead) -> Value {
    let mut document = json!(lead);
    for name in [
        "reached_at",
        "qualified_at",
        "act_now_at",
        "sla_since",
        "stage_since",
        "touched_at",
        "recycled_until",
        "later_until",
        "handed_off_at",
        "last_step_at",
        "due_at",
    ] {
        readable(&mut document, name);
    }
    for word in document.get_mut("history").and_then(Value::as_array_mut).into_iter().flatten() {
        readable(word, "at");
        readable(word, "until");
    }
    for again in document.get_mut("asked_again").and_then(Value::as_array_mut).into_iter().flatten() {
        readable(again, "at");
        readable(again, "told_at");
    }
    document
}

fn slot(slot: &Slot) -> Value {
    let mut document = json!(slot);
    readable(&mut document, "decided_at");
    readable(&mut document, "lease_until");
    document
}

/// Seconds as an instant.
fn readable(document: &mut Value, name: &str) {
    if let Some(second) = document.get(name).and_then(Value::as_i64) {
        document[name] = json!(instant(second));
    }
}

/// An entry of the ledger, with its body as JSON where it is that.
fn told(told: &Told) -> Value {
    let (source, id) = told.key.sk.split_once('#').unwrap_or((&told.key.sk, ""));
    let Some(entry) = &told.entry else {
        return json!({"source": source, "id": id, "reason": "this version cannot read it"});
    };
    // None where another statement of its event carries it.
    let body = entry.body.as_deref().map(|body| serde_json::from_str::<Value>(body).unwrap_or_else(|_| json!(body)));
    json!({
        "source": source,
        "id": id,
        "kind": entry.kind,
        "happened_at": instant(entry.happened_at),
        "received_at": instant(entry.received_at),
        "kept_until": entry.expires_at.map(instant),
        "understood_as": entry.told,
        "reason": entry.reason,
        "body": body,
    })
}

/// What is kept of an address.
async fn about(tables: &Tables<'_>, address: &str) -> Result<Value, Failure> {
    let hash = tables.key.hash(address);
    let mut suppression = None;
    let suppressed: Option<Item> = tables.store.get_item(&keys::suppression(&hash)).await?;
    if let Some(item) = suppressed.filter(|item| text(item, SK).is_some()) {
        let at: Option<Timestamp> = perennial_platform::store::integer(&item, "suppressed_at").map(instant);
        suppression = Some(json!({"reason": text(&item, "reason"), "at": at}));
    }
    let owner: Option<AddressOwner> = tables.store.get(&keys::address_owner(&hash)).await?;
    Ok(json!({
        "address": address,
        "hash": hash,
        "suppressed": suppression,
        "owner": owner.as_ref().and_then(|owner| owner.contact.clone()),
        "shared_by_others": owner.map_or(0, |owner| owner.also.len()),
    }))
}
