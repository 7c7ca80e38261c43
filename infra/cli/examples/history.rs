//! Makes a history of any size for `perennial playbook plan`, the same one every time:
//!
//! ```text
//! cargo run --release -p perennial --example history -- DIR [CONTACTS] [ENGAGEMENTS]
//! cargo run --release -- playbook plan OLD NEW --facts DIR
//! ```
//!
//! By default ten thousand contacts at a thousand accounts with fifty engagements each, with what the example playbook
//! knows, over a year that begins on 2025-10-06, and a won deal for every second account.

use std::fs::{File, create_dir_all};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;

use jiff::{SignedDuration, Timestamp};

const PRODUCTS: [&str; 4] = ["analytics", "automation", "integrations", "support-plus"];
const ENGAGEMENTS: [(&str, &str); 10] = [
    ("emails", "delivered"),
    ("emails", "click"),
    ("infographic", "download"),
    ("infographic", "view"),
    ("checklist", "download"),
    ("case-study", "download"),
    ("demo", "watch"),
    ("webinar", "register"),
    ("webinar", "attend"),
    ("pricing", "view"),
];
const OWNERS: [&str; 4] = ["rep-anna", "rep-bilal", "rep-chen", "rep-dora"];
const ROLES: [&str; 4] = ["practitioner", "user", "decision-maker", "executive"];
const CONTACTS_PER_ACCOUNT: u64 = 10;
const YEAR_SECONDS: u64 = 364 * 24 * 60 * 60;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |place: usize, default: u64| arguments.get(place).map_or(Some(default), |text| text.parse().ok());
    let (Some(folder), Some(contacts), Some(engagements)) = (arguments.first(), number(1, 10_000), number(2, 50))
    else {
        eprintln!("usage: history DIR [CONTACTS] [ENGAGEMENTS]");
        return ExitCode::from(2);
    };
    match write(Path::new(folder), contacts, engagements) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {folder}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn write(folder: &Path, contacts: u64, engagements: u64) -> std::io::Result<()> {
    create_dir_all(folder)?;
    let mut dice = Dice(0x5eed);
    let mut people = file(folder, "contacts.csv", "contact,account,email,first_name,last_name,title,role")?;
    let mut accounts =
        file(folder, "accounts.csv", "account,name,health,owner,size,region,industry,customer_since,owns")?;
    let mut deals = file(folder, "deals.csv", "account,product,won_on,amount_cents")?;
    let mut facts = file(folder, "engagements.csv", "contact,asset,action,at,email")?;
    let start = Timestamp::from_second(1_759_708_800).map_err(std::io::Error::other)?;
    let at = |second: u64| start + SignedDuration::from_secs(second as i64);
    for contact in 0..contacts {
        let account = contact / CONTACTS_PER_ACCOUNT;
        if contact.is_multiple_of(CONTACTS_PER_ACCOUNT) {
            let (owner, owned) = (OWNERS[account as usize % 4], PRODUCTS[dice.below(4)]);
            let health = if dice.below(20) == 0 { "at-risk" } else { "good" };
            writeln!(
                accounts,
                "a{account},Account {account},{health},{owner},emerging,emea,finance,2020-01-01,{owned}=2020-01-01"
            )?;
            if account.is_multiple_of(2) {
                let won_on = at(dice.up_to(YEAR_SECONDS)).strftime("%Y-%m-%d").to_string();
                writeln!(deals, "a{account},{},{won_on},2500000", PRODUCTS[dice.below(4)])?;
            }
        }
        writeln!(
            people,
            "c{contact},a{account},c{contact}@a{account}.example.com,C,Example,VP Example,{}",
            ROLES[dice.below(4)]
        )?;
        // Mostly about one product, some of it about another.
        let favourite = dice.below(4);
        for _ in 0..engagements {
            let product = PRODUCTS[if dice.below(4) == 0 { dice.below(4) } else { favourite }];
            let (asset, action) = ENGAGEMENTS[dice.below(10)];
            let email = if asset == "emails" { format!("m{}", dice.below(26)) } else { String::new() };
            writeln!(facts, "c{contact},{product}-{asset},{action},{},{email}", at(dice.up_to(YEAR_SECONDS)))?;
        }
    }
    [people, accounts, deals, facts].iter_mut().try_for_each(Write::flush)
}

fn file(folder: &Path, name: &str, columns: &str) -> std::io::Result<BufWriter<File>> {
    let mut file = BufWriter::new(File::create(folder.join(name))?);
    writeln!(file, "{columns}")?;
    Ok(file)
}

/// SplitMix64: the same numbers on every machine.
struct Dice(u64);

impl Dice {
    fn up_to(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    fn below(&mut self, bound: usize) -> usize {
        self.up_to(bound as u64) as usize
    }
}
