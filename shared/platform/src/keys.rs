//! Every key of both tables. No key is formatted anywhere else.

use jiff::civil::Date;
use perennial_domain::ids::{AccountId, ContactId, ProductId, RepId};
use perennial_domain::quarter::Quarter;

/// The partition key's attribute.
pub const PK: &str = "PK";
/// The sort key's attribute.
pub const SK: &str = "SK";
/// The sparse index of what is due: shard and time.
pub const DUE_INDEX: &str = "due";
/// The due index's partition attribute.
pub const DUE_SHARD: &str = "due_shard";
/// The due index's sort attribute, in seconds since the Unix epoch.
pub const DUE_AT: &str = "due_at";
/// The sparse index of interests that a fact has made live: above zero, or not looked at since.
pub const LIVE_INDEX: &str = "live";
/// The live index's partition attribute.
pub const LIVE_SHARD: &str = "live_shard";
/// The live index's sort attribute: when the interest is looked at again, in seconds.
pub const COOLS_AT: &str = "cools_at";
/// The sparse index of open leads by whose they are, the best first.
pub const DESK_INDEX: &str = "desk";
/// The desk index's partition attribute: see [`rep`].
pub const DESK_OWNER: &str = "desk_owner";
/// The desk index's sort attribute: see [`crate::desk::rank`].
pub const DESK_RANK: &str = "desk_rank";
/// The sparse index of untouched leads under the SLA, by whose they are.
pub const SLA_INDEX: &str = "sla";
/// The SLA index's partition attribute: see [`rep`].
pub const SLA_OWNER: &str = "sla_owner";
/// The SLA index's sort attribute: by when an answer was promised, in seconds.
pub const SLA_DUE_AT: &str = "sla_due_at";
/// The sparse index of who belongs to whom: contacts to accounts, accounts to reps.
pub const MEMBERS_INDEX: &str = "members";
/// The members index's only key attribute: [`account`] on a contact's profile, [`rep`] on an account's.
pub const MEMBER_OF: &str = "member_of";
/// The ledger's sparse index of what waits in quarantine.
pub const QUARANTINE_INDEX: &str = "quarantine";
/// The quarantine index's partition attribute; its sort attribute is when an entry was received.
pub const QUARANTINE_SHARD: &str = "quarantine_shard";

/// How many partitions each sparse index and the outbox are spread over.
pub const SHARDS: u32 = 4;

/// The key of one item.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Partition key.
    pub pk: String,
    /// Sort key.
    pub sk: String,
}

impl Key {
    /// The key as one text, in which a set, a tag or a list names an item.
    pub fn to_line(&self) -> String {
        format!("{}\n{}", self.pk, self.sk)
    }

    /// The key that a text names, if it names one.
    pub fn of_line(line: &str) -> Option<Self> {
        let (pk, sk) = line.split_once('\n')?;
        Some(Self { pk: pk.to_owned(), sk: sk.to_owned() })
    }
}

fn key(pk: String, sk: impl Into<String>) -> Key {
    Key { pk, sk: sk.into() }
}

/// A contact's partition: of its state in the state table, of what was told of it in the ledger.
pub fn contact(contact: &ContactId) -> String {
    format!("CONTACT#{contact}")
}

/// An account's partition.
pub fn account(account: &AccountId) -> String {
    format!("{ACCOUNT}{account}")
}

/// What waits for news of an account is found under this in the index of members.
pub fn waiting_at(id: &AccountId) -> String {
    format!("WAITS#{}", account(id))
}

/// What a rep has is found under this in the indexes.
pub fn rep(rep: &RepId) -> String {
    format!("{REP}{rep}")
}

/// The ledger's partition of an event whose subject is not known yet.
pub fn unread(event_id: &str) -> String {
    format!("UNREAD#{}", shard_of(event_id))
}

/// What a source told of a subject, by the source's own event id.
pub fn ledger_entry(partition: String, source: &str, event_id: &str) -> Key {
    key(partition, format!("{source}#{event_id}"))
}

/// The id of an event's statement, by its number from 0: the first has the event's own.
pub fn statement(event_id: &str, number: usize) -> String {
    if number == 0 { event_id.to_owned() } else { format!("{event_id}#{number}") }
}

/// Where a quarantined entry is found in the ledger's index.
pub fn quarantine_shard(event_id: &str) -> String {
    quarantine_shard_number(shard_of(event_id))
}

/// One partition of the quarantine index.
pub fn quarantine_shard_number(shard: u32) -> String {
    format!("QUARANTINE#{shard}")
}

/// What is known of a contact.
pub fn profile(id: &ContactId) -> Key {
    key(contact(id), PROFILE)
}

/// What is known of an account.
pub fn account_profile(id: &AccountId) -> Key {
    key(account(id), PROFILE)
}

/// What a contact wants.
pub fn preferences(id: &ContactId) -> Key {
    key(contact(id), PREFERENCES)
}

/// What a contact has received, and when the next slot is.
pub fn cadence(id: &ContactId) -> Key {
    key(contact(id), CADENCE)
}

/// What became of a contact's id: merged into another, or erased.
pub fn pointer(id: &ContactId) -> Key {
    key(contact(id), POINTER)
}

/// The ids that were merged into a contact, as they were once kept: all in one item.
pub fn merged(id: &ContactId) -> Key {
    key(contact(id), MERGED)
}

/// That an id was merged into a contact.
pub fn merged_id(into: &ContactId, id: &ContactId) -> Key {
    key(contact(into), format!("{MERGED_ID}{id}"))
}

/// The facts of a contact's interest in a product.
pub fn interest(id: &ContactId, product: &ProductId) -> Key {
    key(contact(id), format!("{INTEREST}{product}"))
}

/// A lead.
pub fn lead(id: &ContactId, product: &ProductId, quarter: Quarter) -> Key {
    key(contact(id), format!("{LEAD}{product}#{quarter}"))
}

/// A qualification that waits.
pub fn held(id: &ContactId, product: &ProductId, quarter: Quarter) -> Key {
    key(contact(id), format!("{HELD}{product}#{quarter}"))
}

/// A place in a contact's cadence; after it comes nothing that a decision loads.
pub fn slot(id: &ContactId, slot: &str) -> Key {
    key(contact(id), format!("{SLOT}{slot}"))
}

/// The name of a slot, if a key is one's.
pub fn slot_name(key: &Key) -> Option<&str> {
    key.sk.strip_prefix(SLOT)
}

/// The mail that hands a lead to its owner.
pub fn hand_off_mail(id: &ContactId, product: &ProductId, quarter: Quarter) -> Key {
    slot(id, &format!("hand-off#{product}#{quarter}"))
}

/// The mail that tells a lead's owner that its contact asked again, in that second.
pub fn asked_again_mail(id: &ContactId, product: &ProductId, quarter: Quarter, asked_at: i64) -> Key {
    slot(id, &format!("hand-off#{product}#{quarter}#{asked_at}"))
}

/// The mail of one rung to one recipient. A ladder that began anew is named by the second since which its clock counts.
pub fn rung_mail(
    id: &ContactId,
    product: &ProductId,
    quarter: Quarter,
    (rung, since): (usize, Option<i64>),
    recipient: &str,
) -> Key {
    let since = since.map(|since| format!("#{since}")).unwrap_or_default();
    slot(id, &format!("rung#{product}#{quarter}#{rung}#{recipient}{since}"))
}

/// That an account was said to need help with what it bought then, in seconds.
pub fn help(id: &AccountId, product: &ProductId, bought_at: i64) -> Key {
    key(account(id), format!("{}{bought_at}", helps(product)))
}

/// What the sort keys of all such marks for a product begin with.
pub fn helps(product: &ProductId) -> String {
    format!("HELP#{product}#")
}

/// When what such a mark is about was bought, in seconds, by its sort key.
pub fn helped_with(sk: &str) -> Option<i64> {
    sk.strip_prefix("HELP#")?.rsplit_once('#')?.1.parse().ok()
}

/// The mail that tells an account's owner so.
pub fn help_mail(id: &AccountId, product: &ProductId, bought_at: i64) -> Key {
    key(account(id), format!("{SLOT}help#{product}#{bought_at}"))
}

/// All digests of a date (`2026-10-12`).
pub fn digests(date: &str) -> String {
    format!("{DIGEST}{date}")
}

/// The digest of an owner.
pub fn digest(date: &str, owner: &RepId) -> Key {
    key(digests(date), format!("{OWNER}{owner}"))
}

/// The mail of a digest.
pub fn digest_mail(date: &str, owner: &RepId) -> Key {
    key(digests(date), format!("{SLOT}{owner}"))
}

/// The mail of a digest to somebody who has the accounts of its owner now. No id holds a `#`.
pub fn digest_mail_instead(date: &str, owner: &RepId, now: &RepId) -> Key {
    key(digests(date), format!("{SLOT}{owner}#{now}"))
}

/// Whether a digest is a weekly brief.
pub fn is_of_a_brief(pk: &str) -> bool {
    pk.strip_prefix(DIGEST).is_some_and(|of| of.starts_with(WEEK))
}

/// All weekly briefs of the week that began on this Monday.
pub fn briefs(week: Date) -> String {
    digests(&format!("{WEEK}{week}"))
}

/// What helps a rep to sell in a week.
pub fn brief(week: Date, rep: &RepId) -> Key {
    key(briefs(week), format!("{OWNER}{rep}"))
}

/// The mail of a brief.
pub fn brief_mail(week: Date, rep: &RepId) -> Key {
    key(briefs(week), format!("{SLOT}{rep}"))
}

/// Whether an address must not be written to, by its keyed hash.
pub fn suppression(address_hash: &str) -> Key {
    key(addresses(address_hash), SUPPRESSION)
}

/// Which contact an address belongs to, by its keyed hash.
pub fn address_owner(address_hash: &str) -> Key {
    key(addresses(address_hash), ADDRESS_OWNER)
}

/// When mail to an address bounced and may not bounce again, by its keyed hash.
pub fn soft_bounces(address_hash: &str) -> Key {
    key(addresses(address_hash), SOFT_BOUNCES)
}

/// The line in which all mail of the account waits for its turn, and what came back of it.
pub fn sending() -> Key {
    key("SENDING".to_owned(), "SES")
}

/// All that is kept of an address, by its keyed hash.
pub fn addresses(address_hash: &str) -> String {
    format!("{EMAIL}{address_hash}")
}

/// The id that stands for an address which a sender uses as an id.
pub fn address_contact(address_hash: &str) -> ContactId {
    ContactId::from(format!("@{address_hash}").as_str())
}

/// The keyed hash in an id that stands for an address; none if it is a sender's own id.
pub fn address_hash(id: &ContactId) -> Option<&str> {
    let hash = id.as_str().strip_prefix('@')?;
    let digit = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
    (hash.len() == 32 && hash.bytes().all(digit)).then_some(hash)
}

/// An event that waits to be published.
pub fn outbox(event_id: &str) -> Key {
    key(outbox_shard(shard_of(event_id)), event_id)
}

/// One partition of the outbox.
pub fn outbox_shard(shard: u32) -> String {
    format!("OUTBOX#{shard}")
}

/// Where an item of this job is found in the due index.
pub fn due_shard(job: Job, contact: &ContactId) -> String {
    job.shard(shard_of(contact.as_str()))
}

/// Where an interest is found in the live index.
pub fn live_shard(contact: &ContactId) -> String {
    live_shard_number(shard_of(contact.as_str()))
}

/// One partition of the live index.
pub fn live_shard_number(shard: u32) -> String {
    format!("LIVE#{shard}")
}

/// What the due index is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Job {
    /// Contacts whose slot has come.
    Nurture,
    /// Leads whose check has come.
    Lead,
    /// Qualifications to be decided again.
    Held,
}

impl Job {
    /// One partition of the due index.
    pub fn shard(self, shard: u32) -> String {
        let job = match self {
            Self::Nurture => "NURTURE",
            Self::Lead => "LEAD",
            Self::Held => "HELD",
        };
        format!("{job}#{shard}")
    }
}

/// The sort key of what is known of a contact or an account.
pub const PROFILE: &str = "PROFILE";
/// The sort key of what a contact wants.
pub const PREFERENCES: &str = "PREFERENCES";
/// The sort key of what a contact has received.
pub const CADENCE: &str = "CADENCE";
/// The sort key of what became of an id.
pub const POINTER: &str = "POINTER";
/// The sort key of the ids that were merged into a contact, as they were once kept. It grew without bound.
pub const MERGED: &str = "MERGED";
/// Sort keys of the ids that were merged into a contact begin so, each in an item of its own: behind the slots, since there may be
/// many and no decision asks for them.
pub const MERGED_ID: &str = "WAS#";
/// The sort key that says that an address must not be written to.
pub const SUPPRESSION: &str = "SUPPRESSION";
/// The sort key of whom an address belongs to.
pub const ADDRESS_OWNER: &str = "CONTACT";
/// The sort key of when mail to an address bounced and may not bounce again.
pub const SOFT_BOUNCES: &str = "BOUNCES";
/// Sort keys of interests begin so.
pub const INTEREST: &str = "INTEREST#";
/// Sort keys of leads begin so.
pub const LEAD: &str = "LEAD#";
/// Sort keys of held qualifications begin so.
pub const HELD: &str = "HELD#";
/// Sort keys of slots begin so: greater than all that a decision loads.
pub const SLOT: &str = "SLOT#";
/// Sort keys of what an owner is told of begin so.
pub const OWNER: &str = "OWNER#";
/// Partition keys of digests begin so.
pub const DIGEST: &str = "DIGEST#";
/// Prefix of a weekly brief among the digests.
const WEEK: &str = "week-";
/// Partition keys of the outbox begin so.
pub const OUTBOX: &str = "OUTBOX#";
/// Partition keys of addresses begin so.
pub const EMAIL: &str = "EMAIL#";
/// What a rep has begins so in the indexes.
const REP: &str = "REP#";
/// Partition keys of accounts begin so.
const ACCOUNT: &str = "ACCOUNT#";

/// The product and quarter in the sort key of a lead or held qualification.
pub fn product_and_quarter(sk: &str) -> Option<(ProductId, Quarter)> {
    let rest = sk.strip_prefix(LEAD).or_else(|| sk.strip_prefix(HELD))?;
    let (product, quarter) = rest.rsplit_once('#')?;
    Some((ProductId::from(product), quarter.parse().ok()?))
}

/// The contact in a partition key.
pub fn contact_of(pk: &str) -> Option<ContactId> {
    pk.strip_prefix("CONTACT#").map(ContactId::from)
}

/// The account in a partition key.
pub fn account_of(pk: &str) -> Option<AccountId> {
    pk.strip_prefix(ACCOUNT).map(AccountId::from)
}

/// FNV-1a: stable across builds and machines, which the standard library's hashers do not promise.
fn shard_of(text: &str) -> u32 {
    let hash = text.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    hash % SHARDS
}
