//! What waits in quarantine is asked again what it means, under the present playbook.
//!
//! Map: `plan` says which statement of the event goes where.

mod plan;

use std::collections::BTreeSet;

use jiff::Timestamp;
use perennial_platform::failure::Failure;
use perennial_platform::keys;
use perennial_platform::ledger::{Entry, Kind, Put, Settled};
use perennial_platform::told::{Subject, Told, What};
use perennial_platform::webhook::events::again;
use perennial_playbook::sources::Format;

use crate::{Ingest, entries, unknown};
use plan::{Plan, plan};

/// Why an entry whose new place is taken by another event stays where it is.
const TAKEN: &str = "its id was used with another body by an event that is understood";
/// Why an entry stays where it is while others write what it tells.
const BUSY: &str = "its event was taken in at the same time: replay it again";
/// Why an entry cannot be asked again: whoever quarantined it has not stored its event.
const NO_BODY: &str = "its event is not stored with it";
/// So often a replay is planned anew when somebody writes the same event meanwhile.
const ATTEMPTS: usize = 3;

/// What became of a quarantined entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replayed {
    /// What became of it.
    pub fate: Fate,
    /// Engagements that are in the ledger now and were not told of as such before.
    pub engagements: u64,
}

/// What became of a quarantined entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is understood, and counts with the time at which it happened; or it was counted already, as it was sent again.
    Counted,
    /// It waits still, for this reason.
    Waiting(String),
    /// The playbook leaves it aside now: it is gone.
    LeftAside,
    /// It was not in quarantine any more.
    Gone,
}

/// What a quarantined entry means under the present playbook.
enum Reread {
    /// What it told stands, and is understood.
    Stands(Box<Entry>),
    /// All that its event tells now; never nothing.
    Tells(Vec<Entry>),
    LeftAside,
    Waiting(String),
}

impl Ingest {
    /// Asks of a quarantined entry what it means under the present playbook, and settles it: it counts once, with the time at
    /// which it happened. Repeatable at any point. Entries of one event are replayed one after the other.
    ///
    /// # Errors
    /// [`Failure`] if the ledger could not be reached.
    pub async fn replay(&self, entry: &Entry) -> Result<Replayed, Failure> {
        let mut replayed = Replayed { fate: Fate::Gone, engagements: 0 };
        if entry.kind != Kind::Quarantined {
            return Ok(replayed);
        }
        match self.reread(entry) {
            Reread::Tells(new) => return self.tell(entry, new).await,
            Reread::Stands(own) => {
                let put = self.settle(entry, *own, &mut replayed.fate).await?;
                replayed.engagements += u64::from(put);
            }
            Reread::LeftAside if self.ledger.drop_quarantined(entry).await? => replayed.fate = Fate::LeftAside,
            Reread::LeftAside => {}
            Reread::Waiting(reason) => replayed.fate = self.wait(entry, reason).await?,
        }
        Ok(replayed)
    }

    /// Makes durable whatever an event tells now and has no entry, and settles the entry that waits.
    async fn tell(&self, entry: &Entry, new: Vec<Entry>) -> Result<Replayed, Failure> {
        let mut replayed = Replayed { fate: Fate::Gone, engagements: 0 };
        for _ in 0..ATTEMPTS {
            let known = self.known(entry, &new).await?;
            let plan = plan(entry, new.clone(), &known);
            // First what has no entry: if it breaks off here, this one waits still and is asked again.
            match self.put_new(&plan.more, &mut replayed.engagements).await? {
                Some(Put::Conflict) => {
                    replayed.fate = self.wait(entry, TAKEN.to_owned()).await?;
                    return Ok(replayed);
                }
                Some(_) => {}
                None => {
                    self.settle_as(entry, plan, &new, &mut replayed).await?;
                    return Ok(replayed);
                }
            }
        }
        replayed.fate = self.wait(entry, BUSY.to_owned()).await?;
        Ok(replayed)
    }

    /// What the ledger holds of the same event besides, as far as it may be what the event tells now.
    async fn known(&self, entry: &Entry, new: &[Entry]) -> Result<Vec<Entry>, Failure> {
        if entry.statements == 1 && new.len() == 1 {
            return Ok(Vec::new());
        }
        let (partitions, ids): (BTreeSet<&str>, BTreeSet<&str>) =
            new.iter().flat_map(|new| [(new.pk.as_str(), new.event_id()), (new.pk.as_str(), entry.event_id())]).unzip();
        let mut known = Vec::new();
        for partition in partitions {
            for id in &ids {
                known.extend(self.ledger.of_event(partition, entry.source(), id).await?);
            }
        }
        // Another event may have used the same id in another partition, and stays out of this.
        let hashes: BTreeSet<&str> = new.iter().chain([entry]).map(|entry| entry.hash.as_str()).collect();
        known.retain(|known| hashes.contains(known.hash.as_str()) && known.key() != entry.key());
        Ok(known)
    }

    /// Puts entries where nothing is; says what was found by the first for which that was not so.
    async fn put_new(&self, entries: &[Entry], engagements: &mut u64) -> Result<Option<Put>, Failure> {
        for entry in entries {
            match self.ledger.put(&self.told_now(entry)).await? {
                Put::New => *engagements += u64::from(is_engagement(entry)),
                found => return Ok(Some(found)),
            }
        }
        Ok(None)
    }

    /// Settles an entry when everything else that its event tells is durable.
    async fn settle_as(
        &self,
        entry: &Entry,
        plan: Plan,
        new: &[Entry],
        replayed: &mut Replayed,
    ) -> Result<(), Failure> {
        let told_elsewhere = is_engagement(entry) && !plan.own.as_ref().is_some_and(is_engagement);
        match plan.own {
            Some(own) => {
                let put = self.settle(entry, own, &mut replayed.fate).await?;
                replayed.engagements += u64::from(put);
            }
            None if self.ledger.drop_quarantined(entry).await? => {
                let waits = new.iter().all(|new| new.reason.is_some());
                let reason = new.iter().find_map(|new| new.reason.clone()).filter(|_| waits);
                replayed.fate = reason.map_or(Fate::Counted, Fate::Waiting);
            }
            None => {}
        }
        replayed.engagements = replayed.engagements.saturating_sub(u64::from(told_elsewhere));
        Ok(())
    }

    /// Leaves an entry where it is, for this reason.
    async fn wait(&self, entry: &Entry, reason: String) -> Result<Fate, Failure> {
        let own = waiting(entry, reason.clone());
        if own != *entry && self.ledger.settle(entry, &own).await? == Settled::Already {
            return Ok(Fate::Gone);
        }
        Ok(Fate::Waiting(reason))
    }

    /// Gives an entry its new form and says whether an engagement is in the ledger now that was none before.
    async fn settle(&self, entry: &Entry, own: Entry, fate: &mut Fate) -> Result<bool, Failure> {
        // When it was told again makes it no other entry.
        let own = Entry { told_at: entry.told_at, ..own };
        let settled = match own == *entry {
            true => Settled::As(Put::Duplicate),
            false => self.ledger.settle(entry, &self.told_now(&own)).await?,
        };
        match settled {
            Settled::Conflict => *fate = self.wait(entry, TAKEN.to_owned()).await?,
            Settled::Already => {}
            Settled::As(put) => {
                let new = put == Put::New && is_engagement(&own) && !is_engagement(entry);
                *fate = own.reason.map_or(Fate::Counted, Fate::Waiting);
                return Ok(new);
            }
        }
        Ok(false)
    }

    /// It as it is told to its consumer now. Of what still waits nobody is told.
    fn told_now(&self, entry: &Entry) -> Entry {
        let now = (entry.kind != Kind::Quarantined).then(|| self.clock.now().as_second());
        Entry { told_at: now.or(entry.told_at), ..entry.clone() }
    }

    fn reread(&self, entry: &Entry) -> Reread {
        let source = self.playbook.sources.get(entry.source());
        let Some(source) = source.filter(|source| source.format == Format::Native || !self.is_native(entry)) else {
            return self.of_no_source(entry);
        };
        let Ok(received_at) = Timestamp::from_second(entry.received_at) else {
            return Reread::Waiting("it was received at no possible time".to_owned());
        };
        // Under the present id: sent again now, it is known.
        let Some(event) = entry.event().map(|event| again(source, &event)) else {
            return Reread::Waiting(NO_BODY.to_owned());
        };
        let new = match entries(&self.playbook, &self.addresses, source, &event, received_at) {
            Ok(new) => new,
            Err(error) => return Reread::Waiting(error.to_string()),
        };
        match new.as_slice() {
            [] => Reread::LeftAside,
            [Entry { told: What::Unread {}, reason: Some(reason), .. }] => Reread::Waiting(reason.clone()),
            _ => Reread::Tells(new),
        }
    }

    /// Whether it is of our own format and told just what stands in it: an import from before imports had names of their own.
    fn is_native(&self, entry: &Entry) -> bool {
        let told = entry.body.as_deref().and_then(|body| Told::from_native(body).ok());
        told.is_some_and(|told| told.concealed(&self.addresses).what == entry.told)
    }

    /// An import and our own pages have no source in the playbook: what they told stands.
    fn of_no_source(&self, entry: &Entry) -> Reread {
        if entry.told == (What::Unread {}) {
            return Reread::Waiting(format!("source \"{}\" is not in the playbook", entry.source()));
        }
        match unknown::of(&self.playbook, &entry.told) {
            Some(unknown) => Reread::Waiting(unknown.to_string()),
            None => {
                let kind = if is_engagement(entry) { Kind::Engagement } else { Kind::Change };
                // What its siblings are nobody can say without the source: not under an account, which no erasure visits.
                let carries = entry.statements == 1 || matches!(entry.told.subject(), Subject::Contact(_));
                let body = entry.body.clone().filter(|_| carries);
                Reread::Stands(Box::new(Entry { kind, body, reason: None, quarantine_shard: None, ..entry.clone() }))
            }
        }
    }
}

fn is_engagement(entry: &Entry) -> bool {
    matches!(entry.told, What::Engagement { .. })
}

/// The entry as it waits for this reason. One from before there was an index gets its place in it.
fn waiting(entry: &Entry, reason: String) -> Entry {
    let quarantine_shard = Some(keys::quarantine_shard(entry.event_id()));
    Entry { reason: Some(reason), quarantine_shard, ..entry.clone() }
}
