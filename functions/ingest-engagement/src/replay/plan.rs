//! Which statement of an event goes where when it is replayed. Pure.
//!
//! The present rules may number the statements of an event differently from those under which it was received: a rule was
//! inserted, removed, moved. So a number alone says nothing. What the ledger has already is found by what it tells; only what
//! is left over is compared by its place, as if the event were sent again. Whatever then has no entry gets one: under its own
//! number, or where another statement has that, under a free one.
//!
//! The event's body stays where it is settled already; otherwise one of those that are settled here carries it.

use std::collections::BTreeSet;
use std::mem::discriminant;

use perennial_platform::ledger::{Entry, Kind, Statement};

/// What is to be done with an entry that waits.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// What it becomes itself; `None`: all that its event tells has entries besides it.
    pub own: Option<Entry>,
    /// What is told and has no entry yet.
    pub more: Vec<Entry>,
}

/// What is to be done with `entry`, whose event means `new` by now, while the ledger holds `known` of the same event: without
/// itself, as much as shares a partition with one of `new`.
pub(super) fn plan(entry: &Entry, new: Vec<Entry>, known: &[Entry]) -> Plan {
    let mut left = Left { new: new.into_iter().map(Some).collect(), known: known.iter().map(Some).collect() };
    left.drop_pairs(|new, known| known.kind != Kind::Quarantined && tells_the_same(new, known));
    let mut own = left.take(|new| tells_the_same(new, entry));
    // What waits too is settled by its own replay.
    left.drop_pairs(tells_the_same);
    left.drop_pairs(|new, known| is_in_place_of(new, known) && is_alike(new, known));
    let at_its_number = |new: &Entry| new.statement == entry.statement;
    own = own.or_else(|| left.take(|new| at_its_number(new) && is_alike(new, entry)));
    left.drop_pairs(|new, known| known.kind == Kind::Quarantined && is_in_place_of(new, known));
    own = own.or_else(|| left.take(at_its_number)).or_else(|| left.take(|_| true));
    let mut plan = placed(entry, own, left.new.into_iter().flatten().collect(), known);
    carry(entry, known, plan.own.iter_mut().chain(&mut plan.more).collect());
    plan
}

/// Sees to it that one entry of the event carries its body, besides those that wait and may be dropped: what is settled is not
/// written again, and which statement carries it may be another by now.
fn carry(entry: &Entry, known: &[Entry], mut new: Vec<&mut Entry>) {
    new.retain(|new| new.kind != Kind::Quarantined);
    if known.iter().any(|known| known.kind != Kind::Quarantined && known.body.is_some()) {
        return new.into_iter().for_each(|new| new.body = None);
    }
    // One that waits and names the address takes the body along when it is settled, or forgotten with its owner.
    let named_later =
        known.iter().any(|known| known.kind == Kind::Quarantined && Statement::body_rank(&known.told) == 0);
    let best = new.into_iter().min_by_key(|new| (new.body.is_none(), Statement::body_rank(&new.told)));
    if let Some(carrier) = best.filter(|best| best.body.is_none())
        && (!named_later || Statement::body_rank(&carrier.told) == 0)
    {
        carrier.body.clone_from(&entry.body);
    }
}

/// What has no counterpart yet, on both sides.
struct Left<'a> {
    new: Vec<Option<Entry>>,
    known: Vec<Option<&'a Entry>>,
}

impl Left<'_> {
    /// Takes out what has a counterpart, each known entry being that of one statement.
    fn drop_pairs(&mut self, fits: impl Fn(&Entry, &Entry) -> bool) {
        for slot in &mut self.new {
            let Some(new) = slot else { continue };
            if let Some(found) = self.known.iter_mut().find(|known| known.is_some_and(|known| fits(new, known))) {
                (*found, *slot) = (None, None);
            }
        }
    }

    fn take(&mut self, fits: impl Fn(&Entry) -> bool) -> Option<Entry> {
        self.new.iter_mut().find(|new| new.as_ref().is_some_and(&fits)).and_then(Option::take)
    }
}

fn tells_the_same(new: &Entry, known: &Entry) -> bool {
    new.told == known.told
}

fn is_alike(new: &Entry, known: &Entry) -> bool {
    discriminant(&new.told) == discriminant(&known.told)
}

fn is_in_place_of(new: &Entry, known: &Entry) -> bool {
    new.pk == known.pk && new.statement == known.statement
}

/// Gives every statement that has no entry its key.
fn placed(entry: &Entry, own: Option<Entry>, more: Vec<Entry>, known: &[Entry]) -> Plan {
    let mut taken: BTreeSet<(String, String)> =
        known.iter().chain([entry]).map(|entry| (entry.pk.clone(), entry.sk.clone())).collect();
    let mut claim = |entry: &Entry| taken.insert((entry.pk.clone(), entry.sk.clone()));
    let own = own.map(|own| {
        let in_place = own.clone().numbered(entry.statement);
        if in_place.key() == entry.key() {
            return in_place;
        }
        if claim(&own) { own } else { free(own, &mut claim) }
    });
    // First those whose own key is free: where the event is sent again, it finds them there.
    let (mut put, displaced): (Vec<Entry>, Vec<Entry>) = more.into_iter().partition(&mut claim);
    put.extend(displaced.into_iter().map(|entry| free(entry, &mut claim)));
    Plan { own, more: put }
}

/// It under the lowest number that is free.
fn free(entry: Entry, claim: &mut impl FnMut(&Entry) -> bool) -> Entry {
    let mut entry = entry.numbered(0);
    while !claim(&entry) {
        let next = entry.statement + 1;
        entry = entry.numbered(next);
    }
    entry
}

#[cfg(test)]
mod tests {
    use perennial_platform::told::{Told, What};
    use perennial_platform::webhook::events::{Event, hash};

    use super::*;

    /// Entries as `contact/number=asset`; without an equals sign mail to the contact was reported. A question mark: it waits. A
    /// plus sign before it: it carries the event's body. A capital letter: it tells of an account. An exclamation mark: of an address.
    fn entries(written: &str) -> Vec<Entry> {
        let event = Event { id: "e".into(), body: "{}".into(), hash: hash(b"{}") };
        let entry = |text: &str| {
            let waits = text.ends_with('?').then(|| "unknown".to_owned());
            let (text, carries) = (text.trim_end_matches(['+', '?']), text.contains('+'));
            let (text, stated) = (text.trim_end_matches('!'), text.contains('!'));
            let (place, asset) = text.split_once('=').unwrap_or((text, ""));
            let (contact, number) = place.split_once('/').unwrap();
            let what = match asset {
                _ if contact.starts_with(char::is_uppercase) => {
                    What::AccountUpdated { account: contact.into(), fields: [].into() }
                }
                _ if stated => What::ContactIdentified {
                    contact: contact.into(),
                    fields: [("email".to_owned(), "ada@example.com".to_owned())].into(),
                },
                "" => What::MailReported { contact: contact.into() },
                _ => What::Engagement {
                    contact: contact.into(),
                    asset: asset.into(),
                    action: "download".into(),
                    email: None,
                },
            };
            let at = "2026-01-05T10:00:00Z".parse().unwrap();
            let statement = Statement { number: number.parse().unwrap(), of: 1, carries };
            Entry::of_event("crm", &event, statement, Told { at, what }, at, waits)
        };
        written.split_whitespace().map(entry).collect()
    }

    fn written(entry: &Entry) -> String {
        let contact = entry.pk.rsplit('#').next().unwrap();
        let asset = match &entry.told {
            What::Engagement { asset, .. } => format!("={asset}"),
            _ => String::new(),
        };
        let waits = if entry.reason.is_some() { "?" } else { "" };
        format!("{contact}/{}{asset}{waits}", entry.statement)
    }

    /// What waits, what the ledger has besides, what the event means now; what becomes of it, and what is put besides.
    fn check(entry: &str, known: &str, new: &str, own: &str, more: &str) {
        let plan = plan(&entries(entry)[0], entries(new), &entries(known));
        let found = plan.own.as_ref().map(written).unwrap_or_default();
        let besides: Vec<String> = plan.more.iter().map(written).collect();
        assert_eq!((found.as_str(), besides.join(" ").as_str()), (own, more), "{entry} | {known} | {new}");
    }

    #[test]
    fn every_statement_has_one_entry_however_the_rules_number_it_now() {
        // It is understood, in its place, or in that of somebody else.
        check("a/0=x?", "", "a/0=x", "a/0=x", "");
        check("a/0=x?", "", "a/0=y", "a/0=y", "");
        check("a/0=x?", "", "b/0=x", "b/0=x", "");
        check("a/0=x?", "", "a/0=x?", "a/0=x?", "");
        // It tells more than it did.
        check("a/0=x?", "", "a/0=x a/1=y", "a/0=x", "a/1=y");
        check("a/0=x?", "", "a/0 a/1=x", "a/0=x", "a/1");
        // A rule inserted before.
        check("a/1=y?", "a/0=x", "a/0=z a/1=x a/2=y", "a/1=y", "a/2=z");
        check("a/1=y?", "a/0=x", "b/0=z a/1=x a/2=y", "a/1=y", "b/0=z");
        check("a/1=y?", "a/0=x", "a/0 a/1=x a/2=y", "a/1=y", "a/2");
        // A rule removed.
        check("a/1=y?", "a/0=x", "a/0=y", "a/1=y", "");
        check("a/1=y?", "a/0=x", "a/0=x", "", "");
        check("a/1?", "a/0=x", "a/0=x", "", "");
        // Rules swapped.
        check("a/1=y?", "a/0=x", "a/0=y a/1=x", "a/1=y", "");
        check("a/1=y?", "a/0", "a/0=y a/1", "a/1=y", "");
        // What counts as something else of its kind stands; what tells something else is told besides.
        check("a/1=y?", "a/0=x", "a/0=z a/1=y", "a/1=y", "");
        check("a/1=y?", "a/0", "a/0=z a/1=y", "a/1=y", "a/2=z");
        // What waits besides is settled by its own replay.
        check("a/0=x?", "a/1=y?", "a/0=x a/1=y", "a/0=x", "");
        check("a/0=x?", "a/1=y?", "a/0 a/1", "a/0", "");
        // It was sent again before.
        check("a/0=x?", "b/0=y", "b/0=y", "", "");
        check("a/1=y?", "a/0=x a/2=y", "a/0=z a/1=x a/2=y", "a/1=z", "");
    }

    #[test]
    fn the_body_of_an_event_is_neither_lost_nor_doubled() {
        // What waits, what the ledger has besides, what the event means now; who of those that are written has the body.
        let check = |entry: &str, known: &str, new: &str, expected: &str| {
            let plan = plan(&entries(entry)[0], entries(new), &entries(known));
            let all = plan.own.iter().chain(&plan.more).filter(|entry| entry.body.is_some());
            let carriers: Vec<String> = all.map(written).collect();
            assert_eq!(carriers.join(" "), expected, "{entry} | {known} | {new}");
        };
        check("a/0=x?", "", "a/0=x+", "a/0=x");
        check("a/0=x?", "", "A/0 a/1=x+", "a/0=x");
        check("a/1=x?", "A/0", "A/0 a/1=x+", "a/1=x");
        // Another has it.
        check("a/1=y?", "a/0=x+", "a/0=x+ a/1=y", "");
        check("a/0=x?", "a/1=y", "a/0=x+ a/1=y", "a/0=x");
        // What waits besides may be dropped; but if it names an address, the body is to go with it.
        check("a/1=y?", "a/0=x?", "a/0=x+ a/1=y", "a/1=y");
        check("a/1=y?", "a/0!?", "a/0!+ a/1=y", "");
        check("a/0!?", "a/1=y", "a/0!+ a/1=y", "a/0");
        check("A/0?", "b/1=y", "A/0 b/1=y+ b/2=z b/3!", "b/3");
        // What waits still has its own.
        check("a/1=y?", "a/0=x+", "a/0=x+ a/1=y?", "a/1=y?");
        // Now another would carry it, whose entry has it already, or has none.
        check("a/1=y?", "a/0=x+", "b/0=z+ a/1=x a/2=y", "");
        check("a/0=x?", "b/1=y", "b/0=y+ a/1=x", "a/0=x");
        check("A/0?", "b/1=y", "b/1=y+ A/0 b/2=z", "b/2=z");
        // From before one statement carried it: each has it.
        check("a/1=y?", "a/0=x+ a/2=z+", "a/0=x+ a/1=y a/2=z", "");
    }
}
