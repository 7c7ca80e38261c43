//! Erasing a person: marks first, then everything that was found, the id that stays last; then all is read again.
//!
//! The marks make what is still under way drop. The profile and the list of merged ids go last, because a run that broke off
//! finds the rest by them; so the same again goes on, also after a backup was restored.

use std::fmt;

use aws_sdk_dynamodb::types::AttributeValue;
use perennial_platform::failure::Failure;
use perennial_platform::identity::{self, Resolved, erasing};
use perennial_platform::keys::{self, Key};
use perennial_platform::records::{Brief, Digest};
use perennial_platform::store::{Change, number, string};
use serde::Serialize;

use super::{Elsewhere, Person, Tables};

/// What was erased, or would be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Erased {
    /// Ids of the person, those that stand for its addresses included.
    pub ids: usize,
    /// Addresses, of which a keyed hash stays.
    pub addresses: usize,
    /// Items of the state.
    pub state: usize,
    /// Lines of digests and weekly briefs.
    pub digest_lines: usize,
    /// Events that waited to be published.
    pub events: usize,
    /// What the ledger had under the ids.
    pub told: usize,
    /// What the ledger had elsewhere: not understood, or told of others.
    pub elsewhere: usize,
}

impl Erased {
    /// Whether there was nothing.
    pub fn is_nothing(&self) -> bool {
        self.state + self.digest_lines + self.events + self.told + self.elsewhere == 0
    }
}

impl fmt::Display for Erased {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ids, addresses, state, digest_lines, events, told, elsewhere } = self;
        writeln!(f, "{ids:>6} ids, each marked as erased")?;
        writeln!(f, "{addresses:>6} addresses, of which the keyed hash stays suppressed")?;
        writeln!(f, "{state:>6} items of the state")?;
        writeln!(f, "{digest_lines:>6} lines of digests and weekly briefs")?;
        writeln!(f, "{events:>6} events that waited to be published")?;
        writeln!(f, "{told:>6} entries of the ledger under its ids")?;
        writeln!(f, "{elsewhere:>6} entries of the ledger elsewhere: not understood, or naming it")
    }
}

/// Erases a person, or counts what would be erased.
///
/// # Errors
/// [`Failure`] if a table could not be reached, or something is still there afterwards; the same again goes on.
pub async fn erase(tables: &Tables<'_>, person: &Person, dry_run: bool) -> Result<Erased, Failure> {
    if dry_run {
        return count(tables, person).await;
    }
    mark(tables, person).await?;
    // Ids that were merged into it after it was found; into one that is marked nobody is merged any more.
    let person = &tables.found_again(person).await?;
    mark(tables, person).await?;
    let found = tables.elsewhere(person).await?;
    let mut erased = counted(person, &found);
    forget_elsewhere(tables, person, &found).await?;
    for id in &person.ids {
        erased.told += erasing::forget_told(tables.ledger, id).await?;
        erased.state += erasing::forget_state(tables.store, id).await?;
    }
    // A word that was under way when the marks were put may have come down since.
    if !count(tables, person).await?.is_nothing() {
        return Err(Failure::Conflict { operation: "erase" });
    }
    Ok(erased)
}

async fn mark(tables: &Tables<'_>, person: &Person) -> Result<(), Failure> {
    let hashes = person.addresses.iter().map(|address| tables.key.hash(address)).collect();
    for id in &person.ids {
        erasing::mark(tables.store, tables.key, id, &hashes, tables.now).await?;
    }
    Ok(())
}

impl Tables<'_> {
    /// A person, and what is found of it by now.
    async fn found_again(&self, person: &Person) -> Result<Person, Failure> {
        let Some(stays) = person.ids.last() else { return Ok(person.clone()) };
        let mut found = self.find(stays.as_str()).await?;
        let missing = person.ids.iter().filter(|id| !found.ids.contains(id)).cloned().collect();
        found.ids = [missing, found.ids].concat();
        found.addresses.extend(person.addresses.iter().cloned());
        Ok(found)
    }

    /// Whether anything is held about a person, if only that it was erased.
    ///
    /// # Errors
    /// [`Failure`] if a table cannot be read.
    pub async fn knows(&self, person: &Person) -> Result<bool, Failure> {
        for id in &person.ids {
            if identity::resolve(self.store, id).await? != Resolved::Same {
                return Ok(true);
            }
        }
        Ok(!count(self, person).await?.is_nothing())
    }
}

fn counted(person: &Person, found: &Elsewhere) -> Erased {
    Erased {
        ids: person.ids.len(),
        addresses: person.addresses.len(),
        digest_lines: found.digests.iter().map(|(_, lines)| lines.len()).sum::<usize>()
            + found.briefs.iter().map(|(_, lines)| lines).sum::<usize>(),
        events: found.outbox.len(),
        elsewhere: found.entries.len(),
        ..Erased::default()
    }
}

async fn count(tables: &Tables<'_>, person: &Person) -> Result<Erased, Failure> {
    let mut erased = counted(person, &tables.elsewhere(person).await?);
    for id in &person.ids {
        erased.told += tables.ledger.keys_of(&keys::contact(id)).await?.len();
        erased.state += erasing::state_of(tables.store, id).await?.len();
    }
    Ok(erased)
}

async fn forget_elsewhere(tables: &Tables<'_>, person: &Person, found: &Elsewhere) -> Result<(), Failure> {
    let store = tables.store;
    for key in &found.outbox {
        store.commit("erase", vec![store.delete(key)?]).await?;
    }
    for (digest, lines) in &found.digests {
        let change = without(digest, lines);
        let action = if lines.len() == digest.leads.len() { store.remove(change)? } else { store.change(change)? };
        store.commit("erase", vec![action]).await?;
    }
    for (brief, _) in &found.briefs {
        let brief = person.ids.iter().fold(brief.clone(), Brief::without);
        store.commit("erase", vec![store.put_over(&brief)?]).await?;
    }
    for told in &found.entries {
        tables.ledger.forget(&told.key).await?;
    }
    Ok(())
}

/// A digest without these lines, or no digest if there are no others: if nobody has added one meanwhile.
fn without(digest: &Digest, lines: &[String]) -> Change {
    let key = Key { pk: digest.pk.clone(), sk: digest.sk.clone() };
    if lines.len() == digest.leads.len() {
        let seen = i64::try_from(lines.len()).unwrap_or(i64::MAX);
        return Change::none(key).only_if("size(#leads) <= :seen").with(":seen", number(seen));
    }
    Change::of(key, "DELETE #leads :lines")
        .only_if("contains(#leads, :first)")
        .with(":first", string(lines.first().cloned().unwrap_or_default()))
        .with(":lines", AttributeValue::Ss(lines.to_vec()))
}
