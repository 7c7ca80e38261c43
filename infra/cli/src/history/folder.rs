//! A history as a folder of CSV files. The first line names the columns, in any order.
//!
//! | file | columns |
//! |---|---|
//! | `engagements.csv` | `contact`, `asset`, `action`, `at` (RFC 3339), optionally `email`: which mail, not an address |
//! | `contacts.csv`, optional | `contact`, optionally `account`, `email`, `first_name`, `last_name`, `title`, `role` |
//! | `accounts.csv`, optional | `account`, optionally `name`, `health`, `owner`, `size`, `region`, `industry`, `customer_since`, `owns`, `maturity`, `market`, `revenue_cents`, `purchases`, `used` |
//! | `deals.csv`, optional | `account`, `product`, `won_on`, optionally `amount_cents`, `contact` |
//!
//! `owns` and `used` hold `product=date` pairs: `analytics=2024-03-01;automation=2025-01-15`. An empty cell says nothing. What
//! may be said in a cell is what may be said at the webhook.

use std::collections::HashMap;
use std::path::Path;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use perennial_domain::backtest::Person;
use perennial_domain::backtest::accuracy::Deal;
use perennial_domain::ids::{AccountId, ActionId, AssetId, ContactId, EmailId, ProductId};
use perennial_domain::interest::{FactName, Facts};
use perennial_domain::profile::{Account, Contact, Fields, OWNS, USED};
use perennial_domain::segment::Attribute;
use rayon::prelude::*;

use super::{History, end_of_day, unidentified};
use crate::import::ImportError;

mod columns;
mod rows;

use columns::{accounts, contacts, deals, engagements};
use rows::{Row, Rows, Wrong};

/// The instants that a cell may state, as at the webhook: the years 1970 to 2199.
const SANE: std::ops::Range<i64> = 0..7_258_118_400;

/// Reads a folder. `progress` is told how many bytes of the engagements have been read, and of how many.
///
/// # Errors
/// All that is wrong, file by file and line by line.
pub fn read(folder: &Path, mut progress: impl FnMut(u64, u64)) -> Result<History, Vec<ImportError>> {
    let mut problems = Vec::new();
    let mut people = Vec::new();
    let path = folder.join("contacts.csv");
    if path.exists() {
        let mut lines = HashMap::new();
        Rows::each(&path, contacts::COLUMNS, &mut problems, |_, row| {
            let person = person(row)?;
            rows::once(&mut lines, person.id.as_str(), "contact", row.line)?;
            people.push(person);
            Ok(())
        });
    }
    let mut facts: Vec<Vec<(FactName, i64)>> = vec![Vec::new(); people.len()];
    let numbered = people.iter().enumerate().map(|(number, person): (usize, &Person)| (person.id.to_string(), number));
    let mut numbers: HashMap<String, usize> = numbered.collect();
    let path = folder.join("engagements.csv");
    let size = std::fs::metadata(&path).map_or(0, |file| file.len());
    let mut rows_read = 0_usize;
    Rows::each(&path, engagements::COLUMNS, &mut problems, |byte, row| {
        rows_read += 1;
        if rows_read.is_multiple_of(4096) {
            progress(byte, size);
        }
        let (contact, fact) = (row.text(engagements::CONTACT)?, (fact_name(row)?, second(row)?));
        let number = match numbers.get(contact) {
            Some(number) => *number,
            None => {
                people.push(unidentified(ContactId::from(contact)));
                facts.push(Vec::new());
                numbers.insert(contact.to_owned(), people.len() - 1);
                people.len() - 1
            }
        };
        facts[number].push(fact);
        Ok(())
    });
    let accounts = accounts(&folder.join("accounts.csv"), &mut problems);
    let path = folder.join("deals.csv");
    let deals = path.exists().then(|| deals(&path, &mut problems));
    if !problems.is_empty() {
        return Err(problems);
    }
    people.par_iter_mut().zip(facts).for_each(|(person, facts)| person.facts = Facts::from_iter(facts));
    people.par_sort_unstable_by(|a, b| a.id.cmp(&b.id));
    let known: usize = people.par_iter().map(|person| person.facts.len()).sum();
    Ok(History { people, accounts, deals, repeated: rows_read - known, unreadable: 0 })
}

/// Reads a file of won deals, for a history whose folder has none.
///
/// # Errors
/// All that is wrong with it.
pub fn read_deals(file: &Path) -> Result<Vec<Deal>, Vec<ImportError>> {
    let mut problems = Vec::new();
    let deals = deals(file, &mut problems);
    if problems.is_empty() { Ok(deals) } else { Err(problems) }
}

fn person(row: &Row<'_>) -> Result<Person, Wrong> {
    let id = ContactId::from(row.text(contacts::CONTACT)?);
    let fields = row.fields(contacts::FIELDS)?;
    if fields.get("email").is_some_and(|address| !perennial_playbook::is_address(address)) {
        return Err(row.wrong(contacts::EMAIL, "is not a plain address such as name@example.com"));
    }
    Ok(Person { contact: Some(Contact::from_fields(id.clone(), &fields)), ..unidentified(id) })
}

fn fact_name(row: &Row<'_>) -> Result<FactName, Wrong> {
    Ok(FactName {
        asset: AssetId::from(row.text(engagements::ASSET)?),
        action: ActionId::from(row.text(engagements::ACTION)?),
        email: row.optional(engagements::EMAIL)?.map(EmailId::from),
    })
}

fn second(row: &Row<'_>) -> Result<i64, Wrong> {
    let at: Option<Timestamp> = row.text(engagements::AT)?.parse().ok();
    at.map(Timestamp::as_second).filter(|second| SANE.contains(second)).ok_or_else(|| {
        row.wrong(engagements::AT, "is not an instant such as 2026-01-05T10:15:00Z, between 1970 and 2200")
    })
}

fn accounts(path: &Path, problems: &mut Vec<ImportError>) -> HashMap<AccountId, Account> {
    let mut accounts = HashMap::new();
    let mut lines = HashMap::new();
    if path.exists() {
        Rows::each(path, accounts::COLUMNS, problems, |_, row| {
            let account = account(row)?;
            rows::once(&mut lines, account.id.as_str(), "account", row.line)?;
            accounts.insert(account.id.clone(), account);
            Ok(())
        });
    }
    accounts
}

fn account(row: &Row<'_>) -> Result<Account, Wrong> {
    let id = AccountId::from(row.text(accounts::ACCOUNT)?);
    let mut fields = row.fields(accounts::FIELDS)?;
    for (column, attribute) in [
        (accounts::HEALTH, Attribute::Health),
        (accounts::MATURITY, Attribute::Maturity),
        (accounts::MARKET, Attribute::Market),
    ] {
        one_of(row, column, attribute)?;
    }
    if let Some(since) = row.optional(accounts::CUSTOMER_SINCE)? {
        let since = midnight(since).ok_or_else(|| row.wrong(accounts::CUSTOMER_SINCE, NOT_A_DATE))?;
        state(&mut fields, "customer_since".to_owned(), since.to_string());
    }
    for (column, prefix) in [(accounts::OWNS, OWNS), (accounts::USED, USED)] {
        for pair in row.list(column)? {
            let (product, date) = pair.split_once('=').ok_or_else(|| row.wrong(column, NOT_PAIRS))?;
            let at = midnight(date.trim()).ok_or_else(|| row.wrong(column, NOT_PAIRS))?;
            let field = format!("{prefix}{}", product.trim());
            if field == prefix {
                return Err(row.wrong(column, "has a date without a product"));
            }
            if fields.get(&field).is_some() {
                return Err(row.wrong(column, "names a product twice"));
            }
            state(&mut fields, field, at.to_string());
        }
    }
    for column in [accounts::REVENUE_CENTS, accounts::PURCHASES] {
        whole_number(row, column)?;
    }
    Ok(Account::from_fields(id, &fields))
}

const NOT_A_DATE: &str = "is not a date such as 2026-01-05, between 1970 and 2200";
const NOT_PAIRS: &str = "is not a list such as analytics=2024-03-01;automation=2025-01-15";

fn state(fields: &mut Fields, field: String, value: String) {
    fields.merge([(field, value)], rows::STATED + 1);
}

/// Refuses a value that the attribute cannot have, as the webhook does.
fn one_of(row: &Row<'_>, column: usize, attribute: Attribute) -> Result<(), Wrong> {
    match (row.optional(column)?, attribute.values()) {
        (Some(value), Some(values)) if !values.contains(&value) => {
            Err(row.wrong(column, &format!("is not {}", attribute.values_in_words())))
        }
        _ => Ok(()),
    }
}

/// A date (its midnight, UTC) or an instant.
fn midnight(text: &str) -> Option<Timestamp> {
    let date = |date: Date| date.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    let at = text.parse::<Timestamp>().ok().or_else(|| text.parse().ok().and_then(date));
    at.filter(|at| SANE.contains(&at.as_second()))
}

fn whole_number(row: &Row<'_>, column: usize) -> Result<Option<i64>, Wrong> {
    let Some(text) = row.optional(column)? else { return Ok(None) };
    let number = text.parse::<i64>().ok().filter(|number| *number >= 0);
    number.map(Some).ok_or_else(|| row.wrong(column, "is not a whole number, 0 or more"))
}

fn deals(path: &Path, problems: &mut Vec<ImportError>) -> Vec<Deal> {
    let mut deals = Vec::new();
    Rows::each(path, deals::COLUMNS, problems, |_, row| {
        let won_on = midnight(row.text(deals::WON_ON)?).ok_or_else(|| row.wrong(deals::WON_ON, NOT_A_DATE))?;
        deals.push(Deal {
            account: AccountId::from(row.text(deals::ACCOUNT)?),
            product: ProductId::from(row.text(deals::PRODUCT)?),
            won_second: end_of_day(won_on.as_second()),
            amount_cents: whole_number(row, deals::AMOUNT_CENTS)?.unwrap_or(0),
            contact: row.optional(deals::CONTACT)?.map(ContactId::from),
        });
        Ok(())
    });
    deals
}
