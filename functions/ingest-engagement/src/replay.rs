//! What waits in quarantine is asked again what it means, under the present playbook.

use jiff::Timestamp;
use perennial_platform::failure::Failure;
use perennial_platform::keys;
use perennial_platform::ledger::{Entry, Kind, Put, Settled};
use perennial_platform::told::What;

use crate::{Ingest, entries, unknown};

/// Why an entry whose new place is taken by another event stays where it is.
const TAKEN: &str = "its id was used with another body by an event that is understood";

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
    /// Its own statement, which may wait still, and those that nobody knew of before.
    Entries {
        own: Box<Entry>,
        more: Vec<Entry>,
    },
    LeftAside,
    Waiting(String),
}

impl Ingest {
    /// Asks of a quarantined entry what it means under the present playbook, and settles it: it counts once, with the time at
    /// which it happened. Repeatable at any point.
    ///
    /// # Errors
    /// [`Failure`] if the ledger could not be reached.
    pub async fn replay(&self, entry: &Entry) -> Result<Replayed, Failure> {
        let mut replayed = Replayed { fate: Fate::Gone, engagements: 0 };
        if entry.kind != Kind::Quarantined {
            return Ok(replayed);
        }
        let (own, more) = match self.reread(entry) {
            Reread::Entries { own, more } => (*own, more),
            Reread::LeftAside if self.ledger.drop_quarantined(entry).await? => {
                replayed.fate = Fate::LeftAside;
                return Ok(replayed);
            }
            Reread::LeftAside => return Ok(replayed),
            Reread::Waiting(reason) => (waiting(entry, reason), Vec::new()),
        };
        // First what nobody knew of before: if it breaks off here, the entry waits still and is asked again.
        for new in &more {
            let put = self.ledger.put(new).await?;
            replayed.engagements += u64::from(put == Put::New && is_engagement(new));
        }
        let put = self.settle(entry, own, &mut replayed.fate).await?;
        replayed.engagements += u64::from(put);
        Ok(replayed)
    }

    /// Gives an entry its new form and says whether an engagement is in the ledger now that was none before.
    async fn settle(&self, entry: &Entry, own: Entry, fate: &mut Fate) -> Result<bool, Failure> {
        let settled = if own == *entry { Settled::As(Put::Duplicate) } else { self.ledger.settle(entry, &own).await? };
        let own = match settled {
            Settled::Conflict => {
                let own = waiting(entry, TAKEN.to_owned());
                if own != *entry && self.ledger.settle(entry, &own).await? == Settled::Already {
                    return Ok(false);
                }
                own
            }
            Settled::Already => return Ok(false),
            Settled::As(_) => own,
        };
        let new = settled == Settled::As(Put::New) && is_engagement(&own) && !is_engagement(entry);
        *fate = own.reason.map_or(Fate::Counted, Fate::Waiting);
        Ok(new)
    }

    fn reread(&self, entry: &Entry) -> Reread {
        let Some(source) = self.playbook.sources.get(entry.source()) else { return self.of_no_source(entry) };
        let Ok(received_at) = Timestamp::from_second(entry.received_at) else {
            return Reread::Waiting("it was received at no possible time".to_owned());
        };
        let new = match entries(&self.playbook, &self.addresses, source, &entry.event(), received_at) {
            Ok(new) => new,
            Err(error) => return Reread::Waiting(error.to_string()),
        };
        if let [Entry { told: What::Unread {}, reason: Some(reason), .. }] = new.as_slice() {
            return Reread::Waiting(reason.clone());
        }
        // Those in between have entries of their own since it was received.
        let more = new.iter().filter(|new| new.statement >= entry.statements).cloned().collect();
        match new.into_iter().find(|new| new.statement == entry.statement) {
            Some(own) => Reread::Entries { own: Box::new(own), more },
            None => Reread::LeftAside,
        }
    }

    /// An import has no source in the playbook: what it told stands.
    fn of_no_source(&self, entry: &Entry) -> Reread {
        if entry.told == (What::Unread {}) {
            return Reread::Waiting(format!("source \"{}\" is not in the playbook", entry.source()));
        }
        match unknown::of(&self.playbook, &entry.told) {
            Some(unknown) => Reread::Waiting(unknown.to_string()),
            None => {
                let kind = if is_engagement(entry) { Kind::Engagement } else { Kind::Change };
                let own = Entry { kind, reason: None, quarantine_shard: None, ..entry.clone() };
                Reread::Entries { own: Box::new(own), more: Vec::new() }
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
