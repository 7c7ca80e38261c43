//! What became of all slots in a time: sends by stream, and silences by reason. Slots = sends + reasons, always.
//!
//! A slot whose outcome is not settled counts with its state as the reason, so that nothing is left out of the sum.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use aws_sdk_dynamodb::operation::scan::builders::ScanFluentBuilder;
use jiff::civil::Date;
use perennial_platform::failure::Failure;
use perennial_platform::keys;
use perennial_platform::records::{Slot, SlotState};
use perennial_platform::store::{Store, string};
use serde::Serialize;

use crate::account::nurture_slot;
use crate::scan::{Progress, whole};

/// What became of the slots of a time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Silences {
    /// The first date of the slots, if it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Date>,
    /// The last one, if it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Date>,
    /// Contacts that had a slot.
    pub contacts: usize,
    /// Slots: sends and reasons.
    pub slots: usize,
    /// Slots in which a mail was sent.
    pub sends: usize,
    /// Slots in which none was, or of which it is not known.
    pub reasons: usize,
    /// Mails by stream, the stream with most first.
    pub by_stream: Vec<StreamCount>,
    /// Slots by outcome and reason, the most frequent first.
    pub by_reason: Vec<ReasonCount>,
}

/// Mails of a stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StreamCount {
    /// Which.
    pub stream: String,
    /// How many were sent.
    pub sends: usize,
}

/// Slots without a mail for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReasonCount {
    /// What became of them.
    pub outcome: &'static str,
    /// Why; of SES, its error code.
    pub reason: String,
    /// The stream of the piece that was chosen, where one was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    /// How many.
    pub slots: usize,
}

/// Counts the slots of a state table, those of these dates only.
///
/// # Errors
/// [`Failure`] if the table cannot be read.
pub async fn silences(
    store: &Store,
    from: Option<Date>,
    to: Option<Date>,
    progress: Progress<'_>,
) -> Result<Silences, Failure> {
    let shape = |_| Failure::shape("slot", "not of the shape we give it");
    let read = |item| serde_dynamo::from_item::<_, Slot>(item).map_err(shape);
    let slots = whole(all_slots(store), read, "reading slots", progress).await?;
    let slots = slots.into_iter().collect::<Result<Vec<Slot>, Failure>>()?;
    Ok(Silences::of(&slots, from, to))
}

/// Every slot there is, those of sales mails too.
fn all_slots(store: &Store) -> ScanFluentBuilder {
    let scan = store.client.scan().table_name(&store.state);
    scan.filter_expression("begins_with(SK, :slot)").expression_attribute_values(":slot", string(keys::SLOT))
}

impl Silences {
    /// What became of these slots; sales mails, which have slots too, are left out.
    pub fn of(slots: &[Slot], from: Option<Date>, to: Option<Date>) -> Self {
        let within = |name: &str| {
            let date = name.parse::<Date>().ok();
            from.is_none_or(|from| date.is_some_and(|date| date >= from))
                && to.is_none_or(|to| date.is_some_and(|date| date <= to))
        };
        let (mut streams, mut reasons) = (BTreeMap::<String, usize>::new(), BTreeMap::<_, usize>::new());
        let mut contacts = BTreeSet::new();
        for slot in slots {
            let Some((contact, _)) = nurture_slot(slot).filter(|(_, name)| within(name)) else { continue };
            contacts.insert(contact);
            if slot.state == SlotState::Sent {
                *streams.entry(slot.stream.clone().unwrap_or_default()).or_default() += 1;
            } else {
                *reasons.entry(reason(slot)).or_default() += 1;
            }
        }
        let mut by_stream: Vec<_> = streams.into_iter().map(|(stream, sends)| StreamCount { stream, sends }).collect();
        by_stream.sort_by_key(|line| std::cmp::Reverse(line.sends));
        let mut by_reason: Vec<_> = reasons
            .into_iter()
            .map(|((outcome, reason, stream), slots)| ReasonCount { outcome, reason, stream, slots })
            .collect();
        by_reason.sort_by_key(|line| std::cmp::Reverse(line.slots));
        let sends = by_stream.iter().map(|line| line.sends).sum();
        let reasons = by_reason.iter().map(|line| line.slots).sum();
        Self { from, to, contacts: contacts.len(), slots: sends + reasons, sends, reasons, by_stream, by_reason }
    }
}

/// Outcome, reason, and the stream of the piece that was chosen.
fn reason(slot: &Slot) -> (&'static str, String, Option<String>) {
    let error = || slot.error.clone().unwrap_or_else(|| "no answer recorded".to_owned());
    let stream = slot.stream.clone();
    match slot.state {
        SlotState::Silent | SlotState::Waiting | SlotState::Sent => {
            ("nothing", slot.reason.clone().unwrap_or_else(|| "no reason recorded".to_owned()), None)
        }
        SlotState::Rejected => ("refused", error(), stream),
        SlotState::Retry => ("to retry", error(), stream),
        SlotState::Unknown => ("unknown", error(), stream),
        SlotState::Sending => ("sending", "not settled".to_owned(), stream),
    }
}

impl fmt::Display for Silences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let date = |date: Option<Date>, word: &str| date.map(|date| format!(" {word} {date}")).unwrap_or_default();
        let (from, to) = (date(self.from, "from"), date(self.to, "to"));
        let Self { slots, contacts, sends, reasons, .. } = self;
        writeln!(f, "{slots} slots of {contacts} contacts{from}{to} = {sends} sends + {reasons} reasons")?;
        for line in &self.by_stream {
            writeln!(f, "{:>7}  sent      {}", line.sends, line.stream)?;
        }
        for line in &self.by_reason {
            let of = line.stream.as_ref().map(|stream| format!(" ({stream})")).unwrap_or_default();
            writeln!(f, "{:>7}  {:<8}  {}{of}", line.slots, line.outcome, line.reason)?;
        }
        Ok(())
    }
}
