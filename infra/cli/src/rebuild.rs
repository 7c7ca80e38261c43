//! The facts of every interest, made anew from the ledger and compared with what is stored.
//!
//! Owns the comparison under the present playbook's product tags, and the mending: missing facts are added, surplus ones
//! taken away while `rev` still holds. A changed tag is what makes it necessary; that it finds nothing is the proof that
//! facts equal the ledger. It never touches a lead, a score (there is none) or the ledger.
//!
//! Interests are read before the ledger: whatever fact is stored was told before, so one that the ledger does not have is
//! really surplus. What arrives meanwhile looks missing, and is left to score-and-decay.
//!
//! What cannot be proven is left alone and, where it can be counted, counted apart: facts older than the ledger is kept
//! for, facts of assets that the playbook does not know (the score gives them nothing, and the marketer may bring the asset
//! back), and engagements for which a set of facts has no room.

mod compare;
mod read;
mod report;
mod whose;

use std::collections::BTreeMap;

use futures::StreamExt as _;
use futures::stream;
use jiff::{SignedDuration, Timestamp};
use perennial_domain::ids::{ContactId, ProductId};
use perennial_domain::interest::{FactName, first_look_at, forgotten_before, instant};
use perennial_platform::failure::Failure;
use perennial_platform::interest::{InterestItem, add, taking};
use perennial_platform::keys;
use perennial_platform::landing::Evaluated;
use perennial_platform::ledger;
use perennial_platform::store::{ATTEMPTS, Change, Store, back_off, number};
use perennial_playbook::Playbook;
use serde::Serialize;

pub use compare::{Difference, Told, compare};
pub use report::{Comparison, Line};
use whose::Whose;

use crate::identities::Identities;
pub use crate::scan::Progress;

/// So many interests are mended at once: each waits for reads and writes.
const AT_ONCE: usize = 16;
/// Names that one update takes away; it can hold twice as many.
const NAMES_AT_ONCE: usize = 25;
/// An entry that was received so shortly before the reading began may still be on its way to its facts.
const ON_ITS_WAY: SignedDuration = SignedDuration::from_secs(60);
/// DynamoDB deletes what has expired at a time of its own choosing: nothing is concluded from the ledger's last day.
const MARGIN: SignedDuration = SignedDuration::from_hours(24);

/// What is compared: two tables under a playbook, at an instant.
#[derive(Clone, Copy, Debug)]
pub struct Rebuild<'a> {
    /// The state table; its client reads the ledger too.
    pub store: &'a Store,
    /// The ledger's name.
    pub ledger: &'a str,
    /// Whose product tags count.
    pub playbook: &'a Playbook,
    /// The time.
    pub now: Timestamp,
}

/// What mending did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mended {
    /// Facts added.
    pub added: usize,
    /// Facts taken away.
    pub removed: usize,
    /// Interests that have reached the present quarter without a lead and were told of.
    pub told: usize,
    /// Everything, read and compared again.
    pub after: Comparison,
}

/// One contact's interest in one product.
type Place = (ContactId, ProductId);

/// All of it, read once.
struct Reading {
    comparison: Comparison,
    stored: BTreeMap<Place, InterestItem>,
    differing: Vec<Place>,
    whose: Whose,
}

impl Rebuild<'_> {
    /// Compares and writes nothing.
    ///
    /// # Errors
    /// [`Failure`] if a table cannot be read or an entry of the ledger is not understood.
    pub async fn compare(&self, progress: Progress<'_>) -> Result<Comparison, Failure> {
        Ok(self.read_all(progress).await?.comparison)
    }

    /// Mends what differs, reads everything again and compares; then tells of each interest that has reached the present
    /// quarter and has neither lead nor held marker, as score-and-decay does. Past quarters are not told of: a change of
    /// tags makes no leads for the past. A run that broke off is finished by the next.
    ///
    /// # Errors
    /// [`Failure`] if a table cannot be read or written.
    pub async fn apply(&self, progress: Progress<'_>) -> Result<(Comparison, Mended), Failure> {
        let before = self.read_all(progress).await?;
        let (mut added, mut removed) = (0, 0);
        let all = before.differing.len();
        let whose = &before.whose;
        let mend = |place: Place| async move { self.mend(&place, whose).await };
        let mut mending = stream::iter(before.differing).map(mend).buffer_unordered(AT_ONCE);
        let mut done = 0;
        while let Some(mended) = mending.next().await {
            match mended {
                Ok((more, fewer)) => (added, removed) = (added + more, removed + fewer),
                // It shows in the comparison afterwards; the others need not wait for another run.
                Err(failure @ (Failure::Conflict { .. } | Failure::Poison { .. })) => {
                    tracing::error!(%failure, "an interest was not mended");
                }
                Err(failure) => return Err(failure),
            }
            done += 1;
            progress("mending interests", done, all);
        }
        let after = self.read_all(progress).await?;
        let told = self.tell(&after.stored).await?;
        Ok((before.comparison, Mended { added, removed, told, after: after.comparison }))
    }

    /// Facts at or after this second can be proven: the score or its gate sees them, and the ledger still has them.
    fn provable_from(&self) -> i64 {
        let ledger_has = self.now - (ledger::KEPT - MARGIN);
        forgotten_before(self.now).max(ledger_has.as_second())
    }

    async fn read_all(&self, progress: Progress<'_>) -> Result<Reading, Failure> {
        let (stored, unreadable) = read::interests(self.store, progress).await?;
        let identities = Identities::read(self.store, progress).await?;
        let lines = read::engagements(self.store, self.ledger, progress).await?;
        let whose = Whose::of(identities, &lines, &stored);
        let mut told: BTreeMap<Place, Told> = BTreeMap::new();
        for line in lines {
            self.sort_in(&whose, line, |place, name, second, on_its_way| {
                told.entry(place).or_default().add(name, second, on_its_way);
            });
        }
        let mut reading = Reading {
            comparison: Comparison::new(&self.playbook.version, self.now, instant(self.provable_from())),
            stored,
            differing: Vec::new(),
            whose,
        };
        for (_, product) in &unreadable {
            reading.comparison.line(product).unreadable += 1;
        }
        let (nothing_told, nothing_stored) = (Told::default(), InterestItem::default());
        let unstored = told.keys().filter(|place| !reading.stored.contains_key(*place) && !unreadable.contains(*place));
        let places: Vec<Place> = reading.stored.keys().chain(unstored).cloned().collect();
        for place in places {
            let told = told.get(&place).unwrap_or(&nothing_told);
            let stored = reading.stored.get(&place).unwrap_or(&nothing_stored);
            let difference = self.difference(&place.1, told, stored);
            if reading.comparison.line(&place.1).count(&difference) {
                reading.differing.push(place);
            }
        }
        Ok(reading)
    }

    /// Puts an engagement where the playbook's tags say it belongs: with the contact that its id stands for, and nowhere if
    /// that one was erased.
    fn sort_in(&self, whose: &Whose, line: read::Line, mut put: impl FnMut(Place, FactName, i64, bool)) {
        if line.happened_at < self.provable_from() {
            return;
        }
        let Some(contact) = whose.is(&line) else { return };
        let on_its_way = line.received_at > (self.now - ON_ITS_WAY).as_second();
        let Some(rule) = self.playbook.interest.assets.get(&line.name.asset) else { return };
        for product in &rule.products {
            put((contact.clone(), product.clone()), line.name.clone(), line.happened_at, on_its_way);
        }
    }

    fn difference(&self, product: &ProductId, told: &Told, stored: &InterestItem) -> Difference {
        let tagged = |name: &FactName| {
            let rule = self.playbook.interest.assets.get(&name.asset)?;
            Some(rule.products.contains(product))
        };
        compare(told, &stored.facts, self.provable_from(), tagged)
    }

    /// Mends one interest and says how many facts were added and taken away. Everything is read anew: what was compared may
    /// be minutes old.
    async fn mend(&self, place: &Place, whose: &Whose) -> Result<(usize, usize), Failure> {
        let (contact, product) = place;
        let ids = whose.ids_of(contact);
        let mut removed = 0;
        let mut attempt = 0;
        while attempt < ATTEMPTS {
            let item = self.store.get_item(&keys::interest(contact, product)).await?;
            let item = item.as_ref().map(InterestItem::read).transpose()?.unwrap_or_default();
            let mut told = Told::default();
            for id in &ids {
                for line in read::engagements_of(self.store, self.ledger, id).await? {
                    self.sort_in(whose, line, |to, name, second, on_its_way| {
                        if to == *place {
                            told.add(name, second, on_its_way);
                        }
                    });
                }
            }
            let difference = self.difference(product, &told, &item);
            if difference.surplus.is_empty() {
                return Ok((self.add(place, &difference.missing).await?, removed));
            }
            match self.take_away(place, &difference.surplus, item.rev).await? {
                // More may be left than one update can name; if not, what is missing is added in the next round.
                Some(taken) => removed += taken,
                None => {
                    back_off(attempt).await;
                    attempt += 1;
                }
            }
        }
        Err(Failure::Conflict { operation: "interest rebuild" })
    }

    /// Adds what is missing, as score-and-decay would have: a lead that it undoes is marked.
    async fn add(&self, (contact, product): &Place, missing: &[(FactName, i64)]) -> Result<usize, Failure> {
        if !missing.is_empty() {
            let rules = &self.playbook.interest;
            let grown = add(self.store, contact, product, missing, first_look_at(rules, self.now)).await?;
            let interest = Evaluated::at(self.now, self.store, rules, (contact, product), &grown.interest);
            interest.mark_leads(missing).await?;
        }
        Ok(missing.len())
    }

    /// Takes facts away, as many as one update can name, if `rev` still holds; none if it does not: then an engagement may
    /// have told them meanwhile.
    async fn take_away(
        &self,
        (contact, product): &Place,
        surplus: &[(FactName, i64)],
        rev: i64,
    ) -> Result<Option<usize>, Failure> {
        let change = Change::of(keys::interest(contact, product), "SET #rev = :next").only_if("#rev = :rev");
        let change = change.with(":rev", number(rev)).with(":next", number(rev + 1));
        let now = surplus.chunk_by(|(name, _), (next, _)| name == next).take(NAMES_AT_ONCE).flatten();
        let now: Vec<(FactName, i64)> = now.cloned().collect();
        let (change, _) = taking(change, &now);
        Ok(self.store.apply("interest rebuild", change).await?.then_some(now.len()))
    }

    async fn tell(&self, stored: &BTreeMap<Place, InterestItem>) -> Result<usize, Failure> {
        let rules = &self.playbook.interest;
        let present = rules.quarters.of(self.now);
        let mut told = 0;
        for ((contact, product), item) in stored {
            let interest = Evaluated::at(self.now, self.store, rules, (contact, product), item);
            let marked = item.leads.contains(&present) || item.held.contains(&present);
            if interest.score.reached.contains_key(&present) && !marked {
                interest.tell_from(present).await?;
                told += 1;
            }
        }
        Ok(told)
    }
}
