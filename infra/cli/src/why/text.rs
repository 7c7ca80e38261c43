//! Why somebody got nothing, as people read it.

use std::fmt;

use jiff::Timestamp;
use perennial_platform::records::SlotState;

use super::{NowLine, Says, SlotLine, StreamLine, WhyNoEmail};

fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// `1 slot`, `2 slots`.
fn counted(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// The name of a state in front of people.
pub(crate) fn state(state: SlotState) -> &'static str {
    match state {
        SlotState::Sending => "sending",
        SlotState::Sent => "sent",
        SlotState::Rejected => "refused",
        SlotState::Retry => "to retry",
        SlotState::Unknown => "unknown",
        SlotState::Silent | SlotState::Waiting => "nothing",
    }
}

impl fmt::Display for WhyNoEmail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sent = self.slots.iter().filter(|slot| slot.state == SlotState::Sent).count();
        let (slots, at) = (counted(self.slots.len(), "slot"), minute(self.at));
        writeln!(f, "{}: {slots} until {at}, {} sent", self.contact, counted(sent, "email"))?;
        for slot in &self.slots {
            writeln!(f, "  {slot}")?;
        }
        writeln!(f, "now: {}", self.now)?;
        let width = self.streams.iter().map(|line| line.stream.chars().count()).max().unwrap_or(0);
        for line in &self.streams {
            writeln!(f, "  {:<width$}  {line}", line.stream)?;
        }
        if let Some(since) = self.exhausted_since {
            writeln!(f, "everything there is for them has been read since {since}")?;
        }
        match self.next_slot_at {
            Some(next) => writeln!(f, "next slot: {}", minute(next)),
            None => writeln!(f, "no further slot until something changes"),
        }
    }
}

impl fmt::Display for SlotLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  {:<8}  ", self.slot, state(self.state))?;
        if let (Some(piece), Some(stream)) = (&self.piece, &self.stream) {
            let kind = self.kind.as_ref().map(|kind| format!(" ({kind})")).unwrap_or_default();
            write!(f, "{piece}{kind} of {stream} at {}", minute(self.decided_at))?;
            self.reason.iter().try_for_each(|reason| write!(f, ": {reason}"))?;
        } else {
            write!(f, "{}", self.reason.as_deref().unwrap_or("no reason recorded"))?;
        }
        if let Some(of) = &self.of {
            write!(f, " (as {of})")?;
        }
        match self.explanation {
            Some(explanation) => write!(f, "\n              {explanation}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for NowLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send { stream, piece, kind } => write!(f, "{piece} ({kind}) of {stream}"),
            Self::Wait { until, reason } => write!(f, "nothing until {}: {reason}", minute(*until)),
            Self::Stop { reason } => write!(f, "nothing: {reason}"),
        }
    }
}

impl fmt::Display for StreamLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.says {
            Says::Ready { piece, kind } => write!(f, "ready: {piece} ({kind})")?,
            Says::Silent { reason, until } => write!(f, "{reason}, until {}", minute(*until))?,
            Says::Exhausted { since: Some(since) } => return write!(f, "exhausted since {since}"),
            Says::Exhausted { since: None } => return write!(f, "exhausted before it began"),
            Says::NotForThem { reason } => return write!(f, "not for them: {reason}"),
        }
        match self.last_sent_on {
            Some(last) => write!(f, "; last piece on {last}"),
            None => Ok(()),
        }
    }
}
