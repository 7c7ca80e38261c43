//! Audiences for ads: the hashed addresses of those who are in a stream or a segment, for retargeting elsewhere.
//!
//! Who belongs to one is the domain's decision, on what the sender's decisions are made on. What leaves is a hash that ad platforms
//! know, and numbers; no address, no id.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use futures::{StreamExt as _, stream};
use jiff::Timestamp;
use perennial_domain::ids::ContactId;
use perennial_domain::nurture::retarget::{Audience, LeftOut};
use perennial_platform::address::{AddressKey, for_ad_platforms};
use perennial_platform::failure::Failure;
use perennial_platform::keys;
use perennial_platform::nurture::NurtureSlot;
use perennial_platform::store::{Item, Store, string, text};
use perennial_playbook::Playbook;
use serde::Serialize;

use crate::scan::{Progress, whole};

/// So many contacts are decided on at once.
const AT_ONCE: usize = 16;

/// Who belongs to an audience, and how many do not and why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Exported {
    /// Identified contacts: those in the audience, and those left out.
    pub contacts: usize,
    /// In the audience. Two of them with one address are one hash.
    pub members: usize,
    /// Left out by reason, the most frequent first.
    pub left_out: Vec<LeftOutCount>,
    /// SHA-256 of the addresses, sorted.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub sha256: BTreeSet<String>,
}

/// Contacts who are left out for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeftOutCount {
    /// Why.
    pub reason: &'static str,
    /// How many.
    pub contacts: usize,
}

/// Asks of every identified contact of a state table whether it belongs to an audience.
///
/// # Errors
/// [`Failure`] if the table cannot be read.
pub async fn export(
    store: &Store,
    addresses: &AddressKey,
    playbook: &Playbook,
    audience: Audience<'_>,
    now: Timestamp,
    progress: Progress<'_>,
) -> Result<Exported, Failure> {
    let identified = store
        .client
        .scan()
        .table_name(&store.state)
        .projection_expression("PK")
        .filter_expression("SK = :profile AND begins_with(PK, :contact)")
        .expression_attribute_values(":profile", string(keys::PROFILE))
        .expression_attribute_values(":contact", string(keys::contact(&ContactId::from(""))));
    let read = |item: Item| text(&item, keys::PK).and_then(keys::contact_of);
    let contacts: Vec<ContactId> =
        whole(identified, read, "reading contacts", progress).await?.into_iter().flatten().collect();
    let decide = |contact: ContactId| async move {
        let loaded = NurtureSlot::load(store, addresses, &contact, "").await?;
        let email = loaded.person.as_ref().and_then(|person| person.email.as_deref());
        let belongs = loaded.in_audience(playbook, audience, now);
        Ok::<_, Failure>(belongs.and_then(|()| email.map(for_ad_platforms).ok_or(LeftOut::NoAddress)))
    };
    let total = contacts.len();
    let mut decisions = stream::iter(contacts.into_iter().map(decide)).buffer_unordered(AT_ONCE);
    let mut decided = Vec::with_capacity(total);
    while let Some(decision) = decisions.next().await {
        decided.push(decision?);
        progress("deciding", decided.len(), total);
    }
    Ok(Exported::of(decided))
}

impl Exported {
    fn of(decided: Vec<Result<String, LeftOut>>) -> Self {
        let (contacts, mut counts) = (decided.len(), BTreeMap::<LeftOut, usize>::new());
        let (mut members, mut sha256) = (0, BTreeSet::new());
        for decision in decided {
            match decision {
                Ok(hash) => {
                    members += 1;
                    sha256.insert(hash);
                }
                Err(why) => *counts.entry(why).or_default() += 1,
            }
        }
        let mut left_out: Vec<_> =
            counts.into_iter().map(|(why, contacts)| LeftOutCount { reason: why.as_str(), contacts }).collect();
        left_out.sort_by_key(|line| std::cmp::Reverse(line.contacts));
        Self { contacts, members, left_out, sha256 }
    }

    /// The hashes as a file: a column with a header.
    pub fn csv(&self) -> String {
        let lines = std::iter::once("sha256_email").chain(self.sha256.iter().map(String::as_str));
        lines.map(|line| format!("{line}\n")).collect()
    }
}

impl fmt::Display for Exported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let left_out = self.contacts - self.members;
        writeln!(f, "{} contacts = {} in the audience + {left_out} left out", self.contacts, self.members)?;
        for line in &self.left_out {
            writeln!(f, "{:>7}  {}", line.contacts, line.reason)?;
        }
        Ok(())
    }
}
