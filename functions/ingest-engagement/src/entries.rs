//! What an event becomes in the ledger. Pure: intake and replay ask the same.

use jiff::{SignedDuration, Timestamp};
use perennial_platform::address::AddressKey;
use perennial_platform::ledger::{Entry, Statement};
use perennial_platform::told::{FieldError, Told, What};
use perennial_platform::webhook::events::{Event, Understood, understand};
use perennial_playbook::Playbook;
use perennial_playbook::sources::{Format, Source};

use crate::unknown;

/// A stated time may be so far ahead of ours; what is within is taken as now.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_hours(24);

/// One thing that an event means.
pub(crate) struct Meant {
    /// What is told.
    pub told: Told,
    /// Which statement of its event it is.
    statement: Statement,
    /// Why it waits, if it does.
    pub reason: Option<String>,
}

impl Meant {
    /// Whether it is the one that decides if an event is taken in: without it the body would be nowhere.
    pub(crate) fn is_carrier(&self) -> bool {
        self.statement.carries
    }

    /// Its entry. Holds a copy of the event's body if it carries it or waits.
    pub(crate) fn entry(self, source: &Source, event: &Event, received_at: Timestamp) -> Entry {
        Entry::of_event(&source.id, event, self.statement, self.told, received_at, self.reason)
    }
}

/// The entries of an event under this playbook; none if it is left aside.
///
/// # Errors
/// [`FieldError`] if our own format is not kept to: nothing is written, and the sender hears of it. What is wrong in another
/// format may be our mapping's fault, so it is quarantined.
pub fn entries(
    playbook: &Playbook,
    addresses: &AddressKey,
    source: &Source,
    event: &Event,
    received_at: Timestamp,
) -> Result<Vec<Entry>, FieldError> {
    let meant = meant(playbook, addresses, source, event, received_at)?;
    Ok(meant.into_iter().map(|meant| meant.entry(source, event, received_at)).collect())
}

/// As [`entries`], before there are entries.
pub(crate) fn meant(
    playbook: &Playbook,
    addresses: &AddressKey,
    source: &Source,
    event: &Event,
    received_at: Timestamp,
) -> Result<Vec<Meant>, FieldError> {
    let ours = source.format == Format::Native;
    let told = match understand(source, &event.body, received_at, addresses) {
        Understood::Told(told) => told,
        Understood::LeftAside => return Ok(Vec::new()),
        Understood::Not(error) if ours => return Err(error),
        Understood::Not(error) => {
            let told = Told { at: received_at, what: What::Unread {} };
            let reason = Some(error.to_string());
            return Ok(vec![Meant { told, statement: Statement::ONLY, reason }]);
        }
    };
    let reason = |told: &Told| {
        let ahead = told.at > received_at + CLOCK_SKEW;
        let too_far =
            FieldError { field: "timestamp".to_owned(), reason: "is more than a day in the future".to_owned() };
        match unknown::of(playbook, &told.what) {
            _ if ahead && ours => Err(too_far),
            _ if ahead => Ok(Some(too_far.to_string())),
            unknown => Ok(unknown.map(|unknown| unknown.to_string())),
        }
    };
    let reasons: Vec<Option<String>> = told.iter().map(reason).collect::<Result<_, _>>()?;
    let statements = Statement::all_of(told.iter().map(|told| &told.what).zip(reasons.iter().map(Option::is_some)));
    let meant = statements.into_iter().zip(told).zip(reasons);
    Ok(meant.map(|((statement, told), reason)| Meant { told, statement, reason }).collect())
}
