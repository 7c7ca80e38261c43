//! Choices, and an opt-out taken back by whoever made it: each in one transaction with what follows from it.

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use jiff::{Timestamp, ToSpan};
use perennial_domain::calendar::Calendar;
use perennial_domain::ids::ContactId;

use super::{COMPLAINT, Choices, Suppression, UNSUBSCRIBED};
use crate::address::AddressKey;
use crate::cadence;
use crate::contact::ContactRows;
use crate::failure::Failure;
use crate::held;
use crate::identity;
use crate::keys;
use crate::records::Preferences;
use crate::store::{ATTEMPTS, Change, Commit, Store, back_off, number, string};

/// When the planner looks again, at the latest, if more is allowed than was.
#[derive(Clone, Copy, Debug)]
pub struct LookAgain(Timestamp);

impl LookAgain {
    /// When the next day begins: the slot of today may be settled.
    pub fn tomorrow(calendar: &Calendar, now: Timestamp) -> Self {
        Self(calendar.start_of(calendar.date(now).saturating_add(1.day())))
    }
}

/// Records what a contact has chosen, if nothing newer is known. False if it was merged or erased meanwhile: then nothing was
/// recorded, and whoever asks looks again whom the id stands for.
///
/// # Errors
/// [`Failure`] if the store could not be reached or every race was lost.
pub async fn choose(
    store: &Store,
    contact: &ContactId,
    choices: &Choices,
    at: Timestamp,
    look_again: LookAgain,
) -> Result<bool, Failure> {
    for attempt in 0..ATTEMPTS {
        let rows = store.contact(contact).await?;
        let known = rows.preferences.clone().unwrap_or_default();
        if known.changed_at.is_some_and(|changed_at| changed_at >= at.as_second()) {
            return Ok(true);
        }
        let chosen = known.chosen(choices, at.as_second());
        let change = Writing::of(contact, &known).choices(&chosen).done();
        let mut actions = vec![identity::unmoved(store, contact)?, store.change(change)?];
        if !known.unsubscribed && choices.allow_more_than(&known.choices()) {
            actions.extend(cadence::looked_at_by(store, contact, &rows, look_again.0)?);
        }
        if known.want_no_calls() && !chosen.want_no_calls() {
            actions.extend(decided_again(store, &rows, at)?);
        }
        match store.commit("choices", actions).await? {
            Commit::Done => return Ok(true),
            Commit::Refused(failed) if failed.first() == Some(&true) => return Ok(false),
            Commit::Refused(_) => back_off(attempt).await,
        }
    }
    Err(Failure::Conflict { operation: "choices" })
}

/// The actions that tell again of what waits: some of it may have waited for the contact's consent.
fn decided_again(store: &Store, rows: &ContactRows, at: Timestamp) -> Result<Vec<TransactWriteItem>, Failure> {
    let mut actions = Vec::new();
    for waiting in rows.held.iter().take(held::MOST_AT_ONCE) {
        if let Some(event) = held::told_again(&waiting.key(), at)? {
            actions.push(store.put_over(&event)?);
        }
    }
    Ok(actions)
}

/// Takes an opt-out back, by the contact's own word only, and lifts the suppression that the opt-out made. One that a bounce, a
/// complaint or an erasure made stays. An opt-out that is not older stays, too. False as above.
///
/// # Errors
/// As [`choose`].
pub async fn resubscribe(
    store: &Store,
    key: &AddressKey,
    contact: &ContactId,
    at: Timestamp,
    look_again: LookAgain,
) -> Result<bool, Failure> {
    for attempt in 0..ATTEMPTS {
        let rows = store.contact(contact).await?;
        let known = rows.preferences.clone().unwrap_or_default();
        let stays = known.unsubscribed && (known.unsubscribed_at >= at.as_second() || known.source == COMPLAINT);
        if stays || known.resubscribed_at.is_some_and(|before| before >= at.as_second()) {
            return Ok(true);
        }
        let resubscribed = Preferences { unsubscribed: false, resubscribed_at: Some(at.as_second()), ..known.clone() };
        let change = Writing::of(contact, &known).opt_out(&resubscribed).done();
        let mut actions = vec![identity::unmoved(store, contact)?, store.change(change)?];
        actions.extend(lifted(store, key, contact, &rows).await?);
        actions.extend(cadence::looked_at_by(store, contact, &rows, look_again.0)?);
        match store.commit("resubscription", actions).await? {
            Commit::Done => return Ok(true),
            Commit::Refused(failed) if failed.first() == Some(&true) => return Ok(false),
            Commit::Refused(_) => back_off(attempt).await,
        }
    }
    Err(Failure::Conflict { operation: "resubscription" })
}

/// The actions that lift what the contact's opt-out has suppressed, and nothing that is suppressed for another reason too.
async fn lifted(
    store: &Store,
    key: &AddressKey,
    contact: &ContactId,
    rows: &ContactRows,
) -> Result<Vec<TransactWriteItem>, Failure> {
    let bounced_at = rows.preferences.as_ref().and_then(|preferences| preferences.bounced_at);
    let since = rows.profile.as_ref().and_then(|profile| profile.email_since()).unwrap_or(i64::MIN);
    let mut actions = Vec::new();
    for hash in &super::addresses_of(key, contact, rows.profile.as_ref()) {
        let place = Change::none(keys::suppression(hash));
        // Also where there is none: an opt-out under way must not suppress the address after this.
        match super::suppression_of(store, hash).await? {
            None => actions.push(store.check(place.only_if("attribute_not_exists(PK)"))?),
            Some(found) if found.is_only_an_opt_out() && bounced_at.is_none_or(|at| at < since) => {
                let place = place
                    .only_if(
                        "#reason = :unsubscribed AND (attribute_not_exists(#reasons) OR \
                         (size(#reasons) = :one AND contains(#reasons, :unsubscribed)))",
                    )
                    .with(":unsubscribed", string(UNSUBSCRIBED))
                    .with(":one", number(1));
                actions.push(store.remove(place)?);
            }
            Some(Suppression { .. }) => {}
        }
    }
    if let Some(profile) = &rows.profile {
        let same = Change::none(keys::profile(contact)).only_if("#rev = :rev").with(":rev", number(profile.rev));
        actions.push(store.check(same)?);
    }
    Ok(actions)
}

/// An update of preferences, on condition that they are as they were read.
pub(super) struct Writing {
    set: Vec<String>,
    remove: Vec<&'static str>,
    change: Change,
}

impl Writing {
    pub fn of(contact: &ContactId, known: &Preferences) -> Self {
        let change = Change::none(keys::preferences(contact)).with(":next", number(known.rev + 1));
        let change = match known.rev {
            0 => change.only_if("attribute_not_exists(#rev)"),
            rev => change.only_if("#rev = :rev").with(":rev", number(rev)),
        };
        Self { set: vec!["#rev = :next".to_owned()], remove: Vec::new(), change }
    }

    /// With the choices of these.
    pub fn choices(self, to: &Preferences) -> Self {
        let texts = |set: &std::collections::BTreeSet<String>| {
            Some(set).filter(|set| !set.is_empty()).map(|set| AttributeValue::Ss(set.iter().cloned().collect()))
        };
        self.field("topics_off", texts(&to.topics_off))
            .field("frequency", to.frequency.as_ref().map(string))
            .field("channels_off", texts(&to.channels_off))
            .field("paused_until", to.paused_until.map(number))
            .field("changed_at", to.changed_at.map(number))
    }

    /// With the opt-out of these.
    pub fn opt_out(self, to: &Preferences) -> Self {
        let has_opted_out = to.unsubscribed || to.unsubscribed_at != 0;
        self.field("unsubscribed", Some(AttributeValue::Bool(to.unsubscribed)))
            .field("unsubscribed_at", has_opted_out.then(|| number(to.unsubscribed_at)))
            .field("source", has_opted_out.then(|| string(&to.source)))
            .field("resubscribed_at", to.resubscribed_at.map(number))
    }

    fn field(mut self, name: &'static str, value: Option<AttributeValue>) -> Self {
        match value {
            Some(value) => {
                self.set.push(format!("#{name} = :{name}"));
                self.change = self.change.with(format!(":{name}"), value);
            }
            None => self.remove.push(name),
        }
        self
    }

    pub fn done(self) -> Change {
        let mut update = format!("SET {}", self.set.join(", "));
        if !self.remove.is_empty() {
            let names: Vec<String> = self.remove.iter().map(|name| format!("#{name}")).collect();
            update.push_str(&format!(" REMOVE {}", names.join(", ")));
        }
        self.change.updating(update)
    }
}
