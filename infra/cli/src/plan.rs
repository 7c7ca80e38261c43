//! What a change of the playbook would have done: one history, replayed under both.
//!
//! Owns the comparison. The replay itself is `perennial_domain::backtest`; the history is read by [`crate::history`].
//! Never writes anything anywhere, and never shows an address: a contact whose id is one is shown by its number.

mod differences;
mod lists;
mod notes;
mod sides;
mod text;

use std::collections::BTreeMap;

use jiff::Timestamp;
use perennial_domain::backtest::accuracy::{Accuracy, WonDeals};
use perennial_domain::backtest::{Person, Replay, replay, tagged};
use perennial_playbook::Playbook;
use rayon::prelude::*;
use serde::Serialize;

pub use differences::Difference;
use lists::{Compared, Named, Same};
use sides::{Side, Totals};

use crate::history::History;

/// A figure under the old playbook and under the new one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Change<T = usize> {
    /// Under the old one.
    pub old: T,
    /// Under the new one.
    pub new: T,
}

/// The history that was replayed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Replayed {
    /// Contacts.
    pub contacts: usize,
    /// Engagements; what was told twice counts once.
    pub engagements: usize,
    /// Rows that told what another row had told.
    pub repeated: usize,
    /// The first engagement.
    pub from: Option<Timestamp>,
    /// The end of the last one's day, UTC.
    pub until: Option<Timestamp>,
    /// Won deals, if they are known.
    pub deals: Option<usize>,
}

/// An MQL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MqlLine {
    /// Whose.
    pub contact: String,
    /// For which product.
    pub product: String,
    /// In which quarter.
    pub quarter: String,
    /// When it was reached.
    pub at: Timestamp,
    /// The score then.
    pub points: i64,
    /// `act-now`, `hot`, `call-now`, `mql`, or `held: ` and the reason.
    pub hand_off: String,
    /// Whose lead it is, unless it is held.
    pub owner: Option<String>,
    /// Whether a won deal followed it, if deals are known.
    pub won: Option<bool>,
}

/// An MQL that is reached at another instant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Moved {
    /// Whose.
    pub contact: String,
    /// For which product.
    pub product: String,
    /// In which quarter.
    pub quarter: String,
    /// When, under the old playbook.
    pub from: Timestamp,
    /// When, under the new one.
    pub to: Timestamp,
}

/// An MQL that is reached at the same instant and handed over otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HandedOver {
    /// Whose.
    pub contact: String,
    /// For which product.
    pub product: String,
    /// In which quarter.
    pub quarter: String,
    /// How and to whom, under the old playbook.
    pub from: String,
    /// The same under the new one.
    pub to: String,
}

/// Mails to contacts and to sales.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Mail {
    /// Nurture mails.
    pub nurture: Change,
    /// Act Nows, mailed to their owners at once.
    pub act_now: Change,
    /// Digests: one per owner and working day with new other leads.
    pub digests: Change,
}

/// How well the MQLs foresaw the won deals. Fractions are `[part, whole]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Foresight {
    /// A deal counts so many days after its MQL, and no longer.
    pub within_days: i64,
    /// MQLs that a won deal followed, of all MQLs.
    pub precision: Change<[usize; 2]>,
    /// Won deals that an MQL preceded, of all won deals.
    pub recall: Change<[usize; 2]>,
    /// What the foreseen deals brought, in minor units of the playbook's currency.
    pub foreseen_cents: Change<i64>,
}

/// What the change would have done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// The playbooks' versions.
    pub versions: Change<String>,
    /// What was replayed.
    pub history: Replayed,
    /// Which rules differ.
    pub rules: Vec<Difference>,
    /// Which assets' products differ: their stored facts keep the old tags until a rebuild.
    pub retagged: Vec<Difference>,
    /// How many MQLs.
    pub mqls: Change,
    /// MQLs that only the new playbook makes, by contact, product and quarter; where quarters differ, by instant.
    pub appear: Vec<MqlLine>,
    /// MQLs that only the old playbook makes.
    pub disappear: Vec<MqlLine>,
    /// MQLs that both make, at another instant.
    #[serde(rename = "move")]
    pub moved: Vec<Moved>,
    /// MQLs that both make at the same instant, handed over otherwise.
    pub handed_over: Vec<HandedOver>,
    /// MQLs by product, held ones included.
    pub by_product: BTreeMap<String, Change>,
    /// MQLs by the owner of the contact's account, held ones included; `nobody` where there is none.
    pub by_owner: BTreeMap<String, Change>,
    /// Leads by whom they are handed to.
    pub leads_by_owner: BTreeMap<String, Change>,
    /// Leads by priority.
    pub by_priority: BTreeMap<String, Change>,
    /// Held MQLs by reason.
    pub held: BTreeMap<String, Change>,
    /// Mails.
    pub mail: Mail,
    /// Precision and recall, if won deals are known.
    #[serde(flatten)]
    pub foresight: Option<Foresight>,
    /// What of the history counts for nothing and why, and what else to know.
    pub notes: Vec<String>,
    #[serde(skip)]
    currency: String,
}

/// Replays a history under both playbooks. `progress` is told of each contact that is done, from several threads.
pub fn compare(
    old: &Playbook,
    new: &Playbook,
    history: &History,
    within_days: i64,
    progress: impl Fn() + Sync,
) -> Plan {
    let span = history.span();
    let (from, until) = span.unwrap_or((Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH));
    let sides = Change { old: Side::of(old, from, until), new: Side::of(new, from, until) };
    let replayed = replay_all(&sides, history, until, progress);
    let deals = history.deals.as_deref().map(|deals| WonDeals::new(deals, within_days));
    let mut totals = Change { old: Totals::default(), new: Totals::default() };
    let mut compared = Compared::by(Same::under(&old.interest.quarters, &new.interest.quarters));
    for (number, (person, replayed)) in history.people.iter().zip(&replayed).enumerate() {
        totals.old.add(&sides.old, &replayed.old);
        totals.new.add(&sides.new, &replayed.new);
        compared.contact(&Named::of(number, person, deals.as_ref()), replayed);
    }
    let measured = |side: fn(&Change<Replay>) -> &Replay| {
        let mqls = history.people.iter().zip(&replayed);
        let mqls = mqls.flat_map(|(person, replay)| side(replay).mqls.iter().map(move |mql| (person, mql)));
        deals.as_ref().map(|deals| deals.measure(mqls.map(|(person, mql)| sides::candidate(person, mql))))
    };
    let foresight = measured(|replay| &replay.old).zip(measured(|replay| &replay.new));
    Plan {
        versions: Change { old: old.version.clone(), new: new.version.clone() },
        history: replayed_history(history, span),
        rules: differences::rules(old, new),
        retagged: differences::tags(old, new),
        mqls: Change { old: totals.old.mqls, new: totals.new.mqls },
        appear: compared.appear,
        disappear: compared.disappear,
        moved: compared.moved,
        handed_over: compared.handed_over,
        by_product: joined(&totals.old.by_product, &totals.new.by_product),
        by_owner: joined(&totals.old.by_owner, &totals.new.by_owner),
        leads_by_owner: joined(&totals.old.leads_by_owner, &totals.new.leads_by_owner),
        by_priority: joined(&totals.old.by_priority, &totals.new.by_priority),
        held: joined(&totals.old.held, &totals.new.held),
        mail: Mail {
            nurture: Change { old: totals.old.emails, new: totals.new.emails },
            act_now: Change { old: totals.old.act_now(), new: totals.new.act_now() },
            digests: Change { old: totals.old.digests.len(), new: totals.new.digests.len() },
        },
        foresight: foresight.map(|(old, new)| foresight_of(within_days, old, new)),
        notes: notes::notes(old, new, history),
        currency: new.currency.clone(),
    }
}

fn replay_all(
    sides: &Change<Side<'_>>,
    history: &History,
    until: Timestamp,
    progress: impl Fn() + Sync,
) -> Vec<Change<Replay>> {
    let same_tags = differences::same_tags(sides.old.playbook, sides.new.playbook);
    let both = |person: &Person| {
        let account = history.account(person);
        let by_product = tagged(&sides.old.playbook.interest, &person.facts);
        let old = replay(&sides.old.rules(), person, account, &by_product, until);
        // Unless tags differ, both replay the same facts.
        let by_product = if same_tags { by_product } else { tagged(&sides.new.playbook.interest, &person.facts) };
        let new = replay(&sides.new.rules(), person, account, &by_product, until);
        progress();
        Change { old, new }
    };
    history.people.par_iter().map(both).collect()
}

impl Plan {
    /// Whether the change would have done nothing at all.
    pub fn is_without_effect(&self) -> bool {
        let same = |change: &Change| change.old == change.new;
        let lists = self.appear.len() + self.disappear.len() + self.moved.len() + self.handed_over.len();
        lists == 0 && same(&self.mail.nurture) && same(&self.mail.act_now) && same(&self.mail.digests)
    }
}

fn replayed_history(history: &History, span: Option<(Timestamp, Timestamp)>) -> Replayed {
    Replayed {
        contacts: history.people.len(),
        engagements: history.people.iter().map(|person| person.facts.len()).sum(),
        repeated: history.repeated,
        from: span.map(|(from, _)| from),
        until: span.map(|(_, until)| until),
        deals: history.deals.as_ref().map(Vec::len),
    }
}

fn foresight_of(within_days: i64, old: Accuracy, new: Accuracy) -> Foresight {
    Foresight {
        within_days,
        precision: Change { old: [old.hits, old.mqls], new: [new.hits, new.mqls] },
        recall: Change { old: [old.foreseen, old.deals], new: [new.foreseen, new.deals] },
        foreseen_cents: Change { old: old.foreseen_cents, new: new.foreseen_cents },
    }
}

fn joined(old: &BTreeMap<String, usize>, new: &BTreeMap<String, usize>) -> BTreeMap<String, Change> {
    let count = |side: &BTreeMap<String, usize>, key: &String| side.get(key).copied().unwrap_or(0);
    old.keys()
        .chain(new.keys())
        .map(|key| (key.clone(), Change { old: count(old, key), new: count(new, key) }))
        .collect()
}
