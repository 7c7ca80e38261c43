//! Whoever changes a delivery is not believed: thousands of changes, to every scheme.

use http::HeaderValue;
use serde_json::{Value, json};

use super::schemes::{NOW, Scheme, Sent, now, schemes};
use super::*;

/// For each of the eleven schemes.
const MUTANTS: usize = 500;
/// Another one makes other mutants.
const SEED: u64 = 20_260_105;

/// One way to change a delivery. Nothing: it cannot be done to this one.
type Change = fn(&mut fastrand::Rng, &Scheme, &Sent) -> Option<Sent>;

/// Changes to what stands in the headers.
const TO_HEADERS: &[Change] = &[
    flip_in_a_header,
    flip_in_a_header,
    truncate_a_header,
    extend_a_header,
    empty_a_header,
    remove_a_header,
    repeat_a_header,
    swap_headers,
    in_capitals,
    signed_by_another,
    signed_for_another_body,
];
/// Changes to what is signed; a token signs nothing.
const TO_CONTENT: &[Change] = &[flip_in_the_body, flip_in_the_body, truncate_the_body, extend_the_body];
/// Changes to a body that is signed byte by byte: of a batch that Segment signs, only the first event is.
const TO_BYTES: &[Change] = &[write_anew, turn_around, as_base64];
/// Changes to the time, where it is signed.
const TO_TIME: &[Change] = &[shift_time, cut_elsewhere];

#[test]
fn no_mutant_is_believed() {
    println!("seed {SEED}");
    let mut rng = fastrand::Rng::with_seed(SEED);
    let (mut judged, mut equal) = (0, 0);
    for scheme in schemes() {
        let mut mutants = 0;
        while mutants < MUTANTS {
            let sent = honest(&mut rng, &scheme);
            assert_eq!(scheme.judge(&sent, now()), Ok(()), "{}", scheme.name);
            let changes = changes(&scheme, &sent);
            let which = rng.usize(..changes.len());
            let Some(mutant) = changes[which](&mut rng, &scheme, &sent) else { continue };
            if mutant == sent {
                equal += 1;
                continue;
            }
            mutants += 1;
            let seen = scheme.judge(&mutant, now());
            let body = String::from_utf8_lossy(&mutant.body);
            assert!(seen.is_err(), "{}, change {which}: {:?} {body}", scheme.name, mutant.headers);
        }
        judged += mutants;
    }
    assert!(judged >= 5_000 && equal < 50, "{judged} mutants, {equal} of them the same as what was sent");
}

fn changes(scheme: &Scheme, sent: &Sent) -> Vec<Change> {
    let is_signed = !matches!(scheme.name, "token" | "bearer");
    let by_bytes = is_signed && (scheme.name != "segment" || sent.body.starts_with(b"{"));
    let groups =
        [(true, TO_HEADERS), (is_signed, TO_CONTENT), (by_bytes, TO_BYTES), (is_signed && scheme.timed, TO_TIME)];
    groups.into_iter().filter(|(fits, _)| *fits).flat_map(|(_, changes)| changes).copied().collect()
}

fn honest(rng: &mut fastrand::Rng, scheme: &Scheme) -> Sent {
    let event = |rng: &mut fastrand::Rng| {
        let length = rng.usize(1..12);
        let contact: String = std::iter::repeat_with(|| rng.alphanumeric()).take(length).collect();
        json!({"type": "engagement.recorded", "n": rng.u32(..), "data": {"contact": contact, "list": [1, "a, ]"]}})
    };
    let body = match scheme.name {
        "segment" | "hubspot" if rng.bool() => Value::from_iter(std::iter::repeat_with(|| event(rng)).take(3)),
        _ => event(rng),
    };
    let id = [format!("msg_{}", rng.u32(..)), format!("a.{}", NOW - rng.i64(..200)), "evt.b.c".to_owned()];
    scheme.signed(rng.choice(&id).unwrap(), body.to_string().as_bytes(), now())
}

/// A header that proves something and must be there, and its value.
fn header(rng: &mut fastrand::Rng, sent: &Sent) -> (String, Vec<u8>) {
    let headers: Vec<_> = sent.headers.iter().collect();
    let (name, value) = headers[rng.usize(..headers.len())];
    (name.to_string(), value.as_bytes().to_vec())
}

fn with_header(sent: &Sent, name: &str, value: &[u8]) -> Option<Sent> {
    let mut changed = sent.clone();
    changed.headers.insert(http::HeaderName::try_from(name).ok()?, HeaderValue::from_bytes(value).ok()?);
    Some(changed)
}

fn with_body(sent: &Sent, body: Vec<u8>) -> Sent {
    Sent { body, ..sent.clone() }
}

fn flip(rng: &mut fastrand::Rng, bytes: &mut [u8]) {
    let position = rng.usize(..bytes.len());
    bytes[position] ^= 1 << rng.u8(..8);
}

fn flip_in_a_header(rng: &mut fastrand::Rng, _: &Scheme, sent: &Sent) -> Option<Sent> {
    let (name, mut value) = header(rng, sent);
    flip(rng, &mut value);
    with_header(sent, &name, &value)
}

fn truncate_a_header(rng: &mut fastrand::Rng, _: &Scheme, sent: &Sent) -> Option<Sent> {
    let (name, value) = header(rng, sent);
    let length = if rng.bool() { value.len() - 1 } else { rng.usize(..value.len()) };
    with_header(sent, &name, &value[..length])
}

fn extend_a_header(rng: &mut fastrand::Rng, _: &Scheme, sent: &Sent) -> Option<Sent> {
    let (name, value) = header(rng, sent);
    // A space or a comma would begin another signature where several may stand.
    let more = *rng.choice(b"0=.A/+").unwrap();
    let value = if rng.bool() { [&value[..], &[more]].concat() } else { [&[more], &value[..]].concat() };
    with_header(sent, &name, &value)
}

fn empty_a_header(rng: &mut fastrand::Rng, _: &Scheme, sent: &Sent) -> Option<Sent> {
    with_header(sent, &header(rng, sent).0, b"")
}

fn remove_a_header(rng: &mut fastrand::Rng, scheme: &Scheme, sent: &Sent) -> Option<Sent> {
    let (name, _) = header(rng, sent);
    let may_be_left_out = (scheme.name, name.as_str()) == ("segment", "x-signature");
    let mut changed = sent.clone();
    changed.headers.remove(name);
    (!may_be_left_out).then_some(changed)
}

fn repeat_a_header(rng: &mut fastrand::Rng, _: &Scheme, sent: &Sent) -> Option<Sent> {
    let (name, value) = header(rng, sent);
    if rng.bool() {
        // As API Gateway hands it over.
        return with_header(sent, &name, &[&value[..], b",", &value].concat()).filter(|_| name != "stripe-signature");
    }
    let mut changed = sent.clone();
    changed.headers.append(http::HeaderName::try_from(name).ok()?, HeaderValue::from_bytes(&value).ok()?);
    Some(changed)
}

fn swap_headers(rng: &mut fastrand::Rng, _: &Scheme, sent: &Sent) -> Option<Sent> {
    let ((one, first), (other, second)) = (header(rng, sent), header(rng, sent));
    with_header(&with_header(sent, &one, &second)?, &other, &first).filter(|_| one != other)
}

fn in_capitals(rng: &mut fastrand::Rng, _: &Scheme, sent: &Sent) -> Option<Sent> {
    let (name, value) = header(rng, sent);
    let value = if rng.bool() { value.to_ascii_uppercase() } else { value.to_ascii_lowercase() };
    (value.to_ascii_uppercase() != value.to_ascii_lowercase()).then_some(())?;
    with_header(sent, &name, &value).filter(|changed| changed != sent)
}

fn signed_by_another(_: &mut fastrand::Rng, scheme: &Scheme, sent: &Sent) -> Option<Sent> {
    let others = schemes().into_iter().find(|other| other.name == scheme.name)?;
    let other = Scheme { secret: "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", ..others };
    let id = sent.headers.get(WEBHOOK_ID).and_then(|id| id.to_str().ok()).unwrap_or_default();
    Some(other.signed(id, &sent.body, now()))
}

fn signed_for_another_body(rng: &mut fastrand::Rng, scheme: &Scheme, sent: &Sent) -> Option<Sent> {
    let id = sent.headers.get(WEBHOOK_ID).and_then(|id| id.to_str().ok()).unwrap_or_default();
    let other = scheme.signed(id, honest(rng, scheme).body.as_slice(), now());
    let signs = !matches!(scheme.name, "token" | "bearer");
    (signs && other.body != sent.body).then(|| with_body(&other, sent.body.clone()))
}

/// Where what is signed of the body begins and ends.
fn signed_part(scheme: &Scheme, sent: &Sent) -> std::ops::Range<usize> {
    if scheme.name != "segment" || sent.body.starts_with(b"{") {
        return 0..sent.body.len();
    }
    let events: Vec<Value> = serde_json::from_slice(&sent.body).unwrap_or_default();
    1..1 + events.first().map_or(0, |first| first.to_string().len())
}

fn flip_in_the_body(rng: &mut fastrand::Rng, scheme: &Scheme, sent: &Sent) -> Option<Sent> {
    let mut body = sent.body.clone();
    flip(rng, &mut body[signed_part(scheme, sent)]);
    Some(with_body(sent, body))
}

fn truncate_the_body(rng: &mut fastrand::Rng, scheme: &Scheme, sent: &Sent) -> Option<Sent> {
    let length = rng.usize(signed_part(scheme, sent));
    Some(with_body(sent, sent.body[..length].to_vec()))
}

fn extend_the_body(rng: &mut fastrand::Rng, scheme: &Scheme, sent: &Sent) -> Option<Sent> {
    let part = signed_part(scheme, sent);
    let more = *rng.choice(b"0}]x\0").unwrap();
    let at = if rng.bool() { part.start } else { part.end };
    let (before, after) = sent.body.split_at(at);
    // Behind the first event of a batch, a bracket ends the batch.
    (more != b']' || part.len() == sent.body.len()).then(|| with_body(sent, [before, &[more], after].concat()))
}

fn write_anew(_: &mut fastrand::Rng, _: &Scheme, sent: &Sent) -> Option<Sent> {
    let value: Value = serde_json::from_slice(&sent.body).ok()?;
    Some(with_body(sent, serde_json::to_vec_pretty(&value).ok()?))
}

fn turn_around(_: &mut fastrand::Rng, _: &Scheme, sent: &Sent) -> Option<Sent> {
    let Value::Object(members) = serde_json::from_slice(&sent.body).ok()? else { return None };
    let turned: serde_json::Map<String, Value> = members.into_iter().rev().collect();
    Some(with_body(sent, serde_json::to_vec(&turned).ok()?))
}

fn as_base64(_: &mut fastrand::Rng, _: &Scheme, sent: &Sent) -> Option<Sent> {
    Some(with_body(sent, BASE64.encode(&sent.body).into_bytes()))
}

/// Another time than the one that was signed, near enough to be within the tolerance.
fn shift_time(rng: &mut fastrand::Rng, scheme: &Scheme, sent: &Sent) -> Option<Sent> {
    let other = now() + jiff::SignedDuration::from_secs(rng.i64(1..300) * if rng.bool() { 1 } else { -1 });
    let id = sent.headers.get(WEBHOOK_ID).and_then(|id| id.to_str().ok()).unwrap_or_default();
    let signed = scheme.signed(id, &sent.body, other);
    let name = timestamp_header(scheme)?;
    let value = if name == "stripe-signature" {
        let own = sent.headers.get(name)?.to_str().ok()?.split_once(',')?.1;
        format!("{},{own}", signed.headers.get(name)?.to_str().ok()?.split_once(',')?.0)
    } else {
        signed.headers.get(name)?.to_str().ok()?.to_owned()
    };
    with_header(sent, name, value.as_bytes())
}

/// The same signed bytes, taken for other parts: a dot or a digit moves from one to the next.
fn cut_elsewhere(_: &mut fastrand::Rng, scheme: &Scheme, sent: &Sent) -> Option<Sent> {
    let name = timestamp_header(scheme)?;
    let stated = sent.headers.get(name)?.to_str().ok()?;
    let digits = stated.len();
    match scheme.name {
        "standard" => {
            let id = sent.headers.get(WEBHOOK_ID)?.to_str().ok()?;
            let (id, time) = id.rsplit_once('.').filter(|(_, time)| time.parse::<i64>().is_ok())?;
            let changed = with_header(&with_header(sent, WEBHOOK_ID, id.as_bytes())?, name, time.as_bytes())?;
            Some(with_body(&changed, [stated.as_bytes(), b".", &sent.body].concat()))
        }
        "hubspot" => {
            let body = [&sent.body[..], &stated.as_bytes()[..1]].concat();
            with_header(&with_body(sent, body), name, &stated.as_bytes()[1..])
        }
        "zoom" => {
            let body = [&stated.as_bytes()[digits - 1..], b":", &sent.body].concat();
            with_header(&with_body(sent, body), name, &stated.as_bytes()[..digits - 1])
        }
        _ => None,
    }
}

/// The header in which a scheme says when it signed.
fn timestamp_header(scheme: &Scheme) -> Option<&'static str> {
    match scheme.name {
        "standard" => Some(WEBHOOK_TIMESTAMP),
        "stripe" => Some("stripe-signature"),
        "zoom" => Some("x-zm-request-timestamp"),
        "hubspot" => Some("x-hubspot-request-timestamp"),
        _ => None,
    }
}
