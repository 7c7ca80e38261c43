//! How many things happen in a month.

use serde::Serialize;

/// The shape of a month; everything but the events follows from them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Shape {
    /// Events of one contact who is told of.
    pub events_per_contact: i64,
    /// Nurture mails to one of them.
    pub mails_per_contact: i64,
    /// Of a thousand contacts so many are new.
    pub new_in_1000: i64,
    /// Of a thousand contacts so many become a lead.
    pub leads_in_1000: i64,
    /// Mails to sales for one lead: hand-off or digest, reminders.
    pub sales_mails_per_lead: i64,
    /// Events in one webhook request.
    pub events_per_request: i64,
    /// Records or messages in one call of a function that reads a stream or a queue.
    pub records_per_call: i64,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            events_per_contact: 20,
            mails_per_contact: 4,
            new_in_1000: 50,
            leads_in_1000: 10,
            sales_mails_per_lead: 3,
            events_per_request: 1,
            records_per_call: 1,
        }
    }
}

/// A month.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Month {
    /// Events that come in.
    pub events: i64,
    /// Of so many people.
    pub contacts: i64,
    /// Events that make somebody known.
    pub new_contacts: i64,
    /// Events that are a first engagement.
    pub first_engagements: i64,
    /// Events that make a lead.
    pub leads: i64,
    /// All others.
    pub engagements: i64,
    /// Mails, to contacts and to sales.
    pub mails: i64,
}

/// A share in thousandths, rounded down.
fn share(of: i64, in_1000: i64) -> i64 {
    (i128::from(of) * i128::from(in_1000)).div_euclid(1_000).try_into().unwrap_or(i64::MAX)
}

/// A division that rounds up.
pub fn parts(of: i64, size: i64) -> i64 {
    let size = size.max(1);
    of / size + i64::from(of % size > 0)
}

impl Month {
    /// A month of so many events.
    pub fn of(events: i64, shape: &Shape) -> Self {
        let contacts = parts(events, shape.events_per_contact);
        let new_contacts = share(contacts, shape.new_in_1000).min(events);
        let first_engagements = new_contacts.min(events - new_contacts);
        let leads = share(contacts, shape.leads_in_1000).min(events - new_contacts - first_engagements);
        let mails = contacts.saturating_mul(shape.mails_per_contact);
        Self {
            events,
            contacts,
            new_contacts,
            first_engagements,
            leads,
            engagements: events - new_contacts - first_engagements - leads,
            mails: mails.saturating_add(leads.saturating_mul(shape.sales_mails_per_lead)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_is_counted_once() {
        for events in [0, 1, 19, 10_000, 1_000_000, 100_000_000] {
            for new_in_1000 in [0, 50, 1_000] {
                let shape = Shape { new_in_1000, ..Shape::default() };
                let month = Month::of(events, &shape);
                let sum = month.new_contacts + month.first_engagements + month.leads + month.engagements;
                assert_eq!(sum, events, "{month:?}");
                assert!(month.engagements >= 0, "{month:?}");
            }
        }
        let month = Month::of(1_000_000, &Shape::default());
        let seen = (month.contacts, month.new_contacts, month.leads, month.mails);
        assert_eq!(seen, (50_000, 2_500, 500, 201_500));
    }
}
