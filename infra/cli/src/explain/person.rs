//! Who somebody is to the playbook: fit line by line, segments and persona, and the interest of the whole account.

use std::collections::BTreeMap;

use jiff::Timestamp;
use perennial_domain::fit::{self, Fit};
use perennial_domain::ids::{AccountId, ContactId, ProductId};
use perennial_domain::interest::{evaluate, instant, of_account};
use perennial_domain::profile::{Account, Contact};
use perennial_domain::segment::{self, Person, is_member, persona_of};
use perennial_platform::keys;
use perennial_platform::ledger::{Entry, Kind};
use perennial_platform::told::What;
use perennial_playbook::Playbook;
use serde::Serialize;

use crate::account::Rows;

/// Who somebody is to the playbook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PersonExplained {
    /// Who.
    pub contact: String,
    /// The account, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Fit, 0..=100.
    pub fit_points: i64,
    /// Fit as a letter.
    pub fit_grade: String,
    /// What gave it.
    pub fit: Vec<FitLine>,
    /// The first persona that fits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub persona: Option<String>,
    /// Every segment, and whether the person is in it.
    pub segments: Vec<SegmentLine>,
    /// The interest of all contacts of the account, in products in which there is any.
    pub account_interest: Vec<AccountInterestLine>,
    /// Whose address this is as well: that contact stated it first, and this one gets no nurture mail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shares_address_with: Option<String>,
    /// Whether the contact wants no calls to sell it anything.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub wants_no_calls: bool,
    /// Whether the contact has opted out of mail, or wants none.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub opted_out_of_mail: bool,
    /// Ids that were merged into this one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub merged: Vec<String>,
    /// What was told of the person and could not be understood yet.
    pub quarantined: Vec<QuarantinedLine>,
}

/// An engagement that waits in quarantine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct QuarantinedLine {
    /// When it happened.
    pub at: Timestamp,
    /// With what.
    pub asset: String,
    /// What was done.
    pub action: String,
    /// Why it is not counted.
    pub reason: String,
}

/// One attribute that gave fit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FitLine {
    /// The attribute.
    pub attribute: String,
    /// Its value.
    pub value: String,
    /// What it gave.
    pub points: i64,
    /// Where the playbook says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
}

/// A segment, and whether a person is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SegmentLine {
    /// Which.
    pub segment: String,
    /// Whether the person is in it.
    pub member: bool,
    /// Where it stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// Its clauses.
    pub clauses: Vec<ClauseLine>,
}

/// One clause of a segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ClauseLine {
    /// As the playbook could write it.
    pub clause: String,
    /// Whether it holds.
    pub holds: bool,
    /// Whether it decides.
    pub decides: bool,
    /// What the person is.
    pub seen: String,
}

/// The interest of an account in a product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AccountInterestLine {
    /// In which product.
    pub product: String,
    /// The product's name.
    pub product_name: String,
    /// The sum of its contacts' points, at most the cap.
    pub points: i64,
    /// How many contacts have any.
    pub interested: usize,
    /// Who has most.
    pub strongest: String,
}

/// Explains a person at an instant. What is known of contacts and accounts is what is known now.
pub fn explain_person(playbook: &Playbook, rows: &Rows, contact: &ContactId, at: Timestamp) -> PersonExplained {
    let (profile, account) = profiles(rows, contact);
    let fit = fit::evaluate(&playbook.qualify.fit, profile.as_ref(), account.as_ref());
    let scores = scores(playbook, rows, contact, at);
    let person = Person {
        contact: profile.as_ref(),
        account: account.as_ref(),
        fit: &fit,
        scores: &scores,
        last_engaged_at: last_engaged_at(rows, contact, at),
        now: at,
    };
    PersonExplained {
        contact: contact.to_string(),
        account: account.as_ref().map(|account| account.name.clone().unwrap_or_else(|| account.id.to_string())),
        fit_points: fit.points,
        fit_grade: fit.grade.to_string(),
        fit: fit_lines(playbook, &fit),
        persona: persona_of(&playbook.personas, &person).map(|persona| persona.name.clone()),
        segments: segments(playbook, &person),
        shares_address_with: rows.contacts.get(contact).and_then(|profile| profile.shares_address_with.clone()),
        wants_no_calls: rows.no_calls.contains(contact),
        opted_out_of_mail: rows.no_mail.contains(contact),
        merged: merged(rows, contact),
        quarantined: quarantined(rows, contact, at),
        account_interest: account.map(|account| account_interest(playbook, rows, &account.id, at)).unwrap_or_default(),
    }
}

/// The fit of a contact.
pub fn fit(playbook: &Playbook, rows: &Rows, contact: &ContactId) -> Fit {
    let (contact, account) = profiles(rows, contact);
    fit::evaluate(&playbook.qualify.fit, contact.as_ref(), account.as_ref())
}

fn profiles(rows: &Rows, contact: &ContactId) -> (Option<Contact>, Option<Account>) {
    let contact = rows.contacts.get(contact).map(|profile| Contact::from_fields(contact.clone(), &profile.fields()));
    let account = contact.as_ref().and_then(|contact| {
        let id = contact.account.clone()?;
        let profile = rows.accounts.get(id.as_str())?;
        Some(Account::from_fields(id, &profile.fields()))
    });
    (contact, account)
}

fn scores(playbook: &Playbook, rows: &Rows, contact: &ContactId, at: Timestamp) -> BTreeMap<ProductId, i64> {
    let here = rows.interests.iter().filter(|((who, _), _)| who == contact);
    here.map(|((_, product), item)| (product.clone(), evaluate(&playbook.interest, product, &item.facts, at).points))
        .collect()
}

/// The last thing the contact did, whatever it was worth. A delivery is not the contact's doing.
fn last_engaged_at(rows: &Rows, contact: &ContactId, at: Timestamp) -> Option<Timestamp> {
    let here = rows.interests.iter().filter(|((who, _), _)| who == contact).flat_map(|(_, item)| item.facts.iter());
    let done = here.filter(|(name, _)| name.action.as_str() != perennial_domain::interest::DELIVERED);
    done.map(|(_, second)| second).filter(|second| *second <= at.as_second()).max().map(instant)
}

/// The other ids of a contact, as senders use them: not those that stand for an address.
fn merged(rows: &Rows, contact: &ContactId) -> Vec<String> {
    let ids = rows.identities.merged_into(contact).filter(|id| keys::address_hash(id).is_none());
    ids.map(ToString::to_string).collect()
}

fn quarantined(rows: &Rows, contact: &ContactId, at: Timestamp) -> Vec<QuarantinedLine> {
    let line = |entry: &Entry| match &entry.told {
        What::Engagement { asset, action, .. } => Some(QuarantinedLine {
            at: instant(entry.happened_at),
            asset: asset.clone(),
            action: action.clone(),
            reason: entry.reason.clone().unwrap_or_default(),
        }),
        _ => None,
    };
    let waiting = rows.ledger.iter().filter(|entry| entry.kind == Kind::Quarantined);
    let theirs = waiting.filter(|entry| rows.contact_of(entry).as_ref() == Some(contact));
    theirs.filter(|entry| entry.happened_at <= at.as_second()).filter_map(line).collect()
}

fn fit_lines(playbook: &Playbook, fit: &Fit) -> Vec<FitLine> {
    let line = |line: &fit::FitLine| FitLine {
        attribute: line.attribute.to_owned(),
        value: line.value.clone(),
        points: line.points,
        place: playbook.places.fit(line.attribute, &line.value).map(|place| place.to_string()),
    };
    fit.lines.iter().map(line).collect()
}

fn segments(playbook: &Playbook, person: &Person<'_>) -> Vec<SegmentLine> {
    let clause = |clause: segment::Clause| ClauseLine {
        clause: clause.text,
        holds: clause.holds,
        decides: clause.decides,
        seen: clause.seen,
    };
    let line = |segment: &segment::Segment| SegmentLine {
        segment: segment.id.to_string(),
        member: is_member(&segment.when, person),
        place: playbook.places.section("segment", segment.id.as_str()).map(|place| place.to_string()),
        clauses: segment::explain(&segment.when, person).into_iter().map(clause).collect(),
    };
    playbook.segments.iter().map(line).collect()
}

fn account_interest(playbook: &Playbook, rows: &Rows, account: &AccountId, at: Timestamp) -> Vec<AccountInterestLine> {
    let colleague = |contact: &ContactId| {
        rows.contacts.get(contact).is_some_and(|profile| profile.fields().get("account") == Some(account.as_str()))
    };
    let mut by_product: BTreeMap<&ProductId, Vec<(&ContactId, i64)>> = BTreeMap::new();
    for ((contact, product), item) in rows.interests.iter().filter(|((contact, _), _)| colleague(contact)) {
        let points = evaluate(&playbook.interest, product, &item.facts, at).points;
        by_product.entry(product).or_default().push((contact, points));
    }
    let line = |(product, contacts): (&ProductId, Vec<(&ContactId, i64)>)| {
        let interest = of_account(&playbook.interest, contacts);
        Some(AccountInterestLine {
            product: product.to_string(),
            product_name: playbook.product_name(product).to_owned(),
            points: interest.points,
            interested: interest.interested,
            strongest: interest.strongest?.to_string(),
        })
    };
    by_product.into_iter().filter_map(line).collect()
}
