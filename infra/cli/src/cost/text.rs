//! The bill for people.

use std::fmt;

use super::bill::Bill;
use super::fixed::{Charge, Profile};
use super::prices::Micros;
use super::{bill::Question, workload::Shape};

/// All that is shown.
#[derive(Clone, Debug)]
pub struct Shown<'a> {
    /// What was asked.
    pub asked: &'a Question,
    /// The fixed charges by profile.
    pub fixed: Vec<(Profile, Vec<Charge>)>,
    /// By number of events.
    pub bills: Vec<Bill>,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Question { prices, region, .. } = self.asked;
        writeln!(
            f,
            "US dollars a month in {region}, by the price list of {}; no free tier, discount or tax",
            prices.as_of
        )?;
        self.fixed(f)?;
        self.by_events(f)?;
        self.notes(f)
    }
}

impl Shown<'_> {
    fn fixed(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n{:<40}", "FIXED CHARGE")?;
        self.fixed.iter().try_for_each(|(profile, _)| write!(f, "{:>16}", profile.as_str()))?;
        writeln!(f)?;
        let rows = self.fixed.first().map(|(_, charges)| charges.as_slice()).unwrap_or_default();
        for (index, row) in rows.iter().enumerate() {
            write!(f, "  {:<38}", row.what)?;
            for (_, charges) in &self.fixed {
                let charge = &charges[index];
                write!(f, "{:>6}{:>10}", charge.count, charge.cost)?;
            }
            writeln!(f)?;
        }
        write!(f, "  {:<38}", "together")?;
        for (_, charges) in &self.fixed {
            write!(f, "{:>16}", charges.iter().map(|charge| charge.cost).sum::<Micros>())?;
        }
        writeln!(f)
    }

    fn by_events(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let profile = format!("ON TOP, BY EVENTS ({})", self.asked.profile.as_str());
        write!(f, "\n{profile:<34}")?;
        self.bills.iter().try_for_each(|bill| write!(f, "{:>16}", thousands(bill.month.events)))?;
        writeln!(f)?;
        let rows = self.bills.first().map(|bill| bill.lines.as_slice()).unwrap_or_default();
        for (index, row) in rows.iter().enumerate() {
            let what = if row.of.is_empty() { row.item.to_owned() } else { format!("{}, {}", row.item, row.of) };
            write!(f, "  {:<38}", format!("{:<16}{}", row.service, what))?;
            self.bills.iter().try_for_each(|bill| write!(f, "{:>16}", bill.lines[index].cost))?;
            writeln!(f)?;
        }
        write!(f, "  {:<38}", "with the fixed charge")?;
        self.bills.iter().try_for_each(|bill| write!(f, "{:>16}", bill.total))?;
        writeln!(f)?;
        write!(f, "  {:<38}", "of it for a million events")?;
        let per_million = |bill: &Bill| {
            let events = i128::from(bill.month.events.max(1));
            Micros(((i128::from(bill.total.0 - bill.fixed.0) * 1_000_000) / events).try_into().unwrap_or(i64::MAX))
        };
        self.bills.iter().try_for_each(|bill| write!(f, "{:>16}", per_million(bill)))?;
        writeln!(f)
    }

    fn notes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shape { events_per_contact, mails_per_contact, new_in_1000, leads_in_1000, .. } = &self.asked.shape;
        let Shape { sales_mails_per_lead, events_per_request, records_per_call, .. } = &self.asked.shape;
        writeln!(
            f,
            "\nA month of this shape: {events_per_contact} events and {mails_per_contact} mails a contact, {new_in_1000} of 1,000"
        )?;
        writeln!(
            f,
            "contacts new, {leads_in_1000} of 1,000 a lead with {sales_mails_per_lead} mails to sales; {events_per_request} event(s) a request,"
        )?;
        writeln!(
            f,
            "{records_per_call} record(s) a call. Storage as it is once the ledger forgets what is older than {} days.",
            self.asked.measured.assumed.ledger_days
        )?;
        writeln!(
            f,
            "Units and bytes were measured in the local world on {}. Milliseconds of functions are",
            self.asked.measured.measured_on
        )?;
        writeln!(f, "assumed, not measured on AWS; `--json` has every quantity and every assumption.")
    }
}

fn thousands(count: i64) -> String {
    let shown = Micros(count.saturating_mul(1_000_000)).to_string();
    shown.trim_start_matches('$').trim_end_matches(".00").to_owned()
}
