//! A plan as people read it: what differs, what that does, and how good it would have been.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Write};

use jiff::Timestamp;
use perennial_domain::lead::Priority;

use super::{Change, Foresight, Moved, MqlLine, Plan};
use crate::highlights::grouped;

/// What a replay takes as given.
const ASSUMED: &str =
    "  assumed: profiles as they are now, but what is dated (owned, customer since) as it was; held MQLs stay held;
  slots from a contact's first engagement on, leads stay open, no other system's mail, no bounces;
  reminders to reps depend on when they call and are not counted";

impl Plan {
    /// The plan in lines; of each list the first `limit`.
    pub fn text(&self, limit: usize) -> String {
        let mut text = Text { out: String::new(), limit };
        text.head(self);
        text.rules(self);
        if self.is_without_effect() {
            text.line("No difference: every MQL and every hand-off would have been the same, and as many mails; which piece goes out is not compared.");
        }
        text.mqls(self);
        text.hand_offs(self);
        text.mail(self);
        if let Some(foresight) = &self.foresight {
            text.foresight(foresight, &self.currency);
        }
        text.out
    }
}

struct Text {
    out: String,
    limit: usize,
}

impl Text {
    fn line(&mut self, line: impl Display) {
        // Writing to a string cannot fail.
        self.out.write_fmt(format_args!("{line}\n")).unwrap_or_default();
    }

    fn head(&mut self, plan: &Plan) {
        self.line(format_args!("playbook {} → {}", plan.versions.old, plan.versions.new));
        let history = &plan.history;
        let days = match (history.from, history.until) {
            (Some(from), Some(until)) => format!(" from {} to {}", day(from), day(until)),
            _ => String::new(),
        };
        let deals = history.deals.map(|deals| format!(", {deals} won deals")).unwrap_or_default();
        let repeated = match history.repeated {
            0 => String::new(),
            repeated => format!(" ({repeated} more rows told the same)"),
        };
        let (contacts, engagements) = (grouped(history.contacts as u128), grouped(history.engagements as u128));
        self.line(format_args!("history  {contacts} contacts, {engagements} engagements{repeated}{days}{deals}"));
        for note in &plan.notes {
            self.line(format_args!("note     {note}"));
        }
    }

    fn rules(&mut self, plan: &Plan) {
        self.line("\nRULES");
        if plan.rules.is_empty() && plan.retagged.is_empty() {
            let same = plan.versions.old == plan.versions.new;
            self.line(if same { "  the same playbook" } else { "  no rule differs, only content or names" });
        }
        for rule in &plan.rules {
            self.line(format_args!("  {rule}"));
        }
        for tag in &plan.retagged {
            self.line(format_args!("  {tag}: stored facts keep the old tags until `perennial rebuild`"));
        }
        if !plan.retagged.is_empty() {
            self.line("  what follows is as it would be after that");
        }
        self.line("");
    }

    fn mqls(&mut self, plan: &Plan) {
        let (appear, disappear, moved) = (plan.appear.len(), plan.disappear.len(), plan.moved.len());
        let (old, new) = (plan.mqls.old, plan.mqls.new);
        self.line(format_args!("MQLs     {old} → {new}: {appear} appear, {disappear} disappear, {moved} move"));
        self.list("appear", &plan.appear, |line| mql(line, '+'));
        self.list("disappear", &plan.disappear, |line| mql(line, '-'));
        self.list("move", &plan.moved, move_in_words);
        self.list("are handed over otherwise", &plan.handed_over, |line| {
            let (who, from, to) = (who(&line.contact, &line.product, &line.quarter), &line.from, &line.to);
            format!("= {who}  {from} → {to}")
        });
        self.table("by product", &plan.by_product);
        self.table("by owner of the account", &plan.by_owner);
    }

    fn list<T>(&mut self, what: &str, lines: &[T], shown: impl Fn(&T) -> String) {
        if lines.is_empty() {
            return;
        }
        self.line(format_args!("  {what}"));
        for line in lines.iter().take(self.limit) {
            self.line(format_args!("    {}", shown(line)));
        }
        if let Some(more) = lines.len().checked_sub(self.limit).filter(|more| *more > 0) {
            self.line(format_args!("    and {more} more (--limit shows more, --json all)"));
        }
    }

    fn table(&mut self, what: &str, rows: &BTreeMap<String, Change>) {
        let rows: Vec<(&str, &Change)> = rows.iter().map(|(name, change)| (name.as_str(), change)).collect();
        self.rows(what, &rows);
    }

    fn rows(&mut self, what: &str, rows: &[(&str, &Change)]) {
        if rows.is_empty() {
            return;
        }
        self.line(format_args!("  {what}"));
        for (name, change) in rows {
            self.line(format_args!("    {name:<30} {}", figures(**change)));
        }
    }

    fn hand_offs(&mut self, plan: &Plan) {
        self.line("\nHAND-OFFS to sales");
        let priorities = [Priority::ActNow, Priority::Hot, Priority::CallNow, Priority::Mql];
        let names: Vec<(String, &str)> =
            priorities.iter().map(|priority| (priority.to_string(), priority.as_str())).collect();
        let rows: Vec<(&str, &Change)> =
            names.iter().filter_map(|(shown, key)| Some((shown.as_str(), plan.by_priority.get(*key)?))).collect();
        self.rows("leads by priority", &rows);
        self.table("leads by owner", &plan.leads_by_owner);
        self.table("held", &plan.held);
    }

    fn mail(&mut self, plan: &Plan) {
        let mail = &plan.mail;
        self.line("\nMAIL");
        for (name, change) in [
            ("nurture mails to contacts", mail.nurture),
            ("Act Nows to owners, at once", mail.act_now),
            ("digests to owners", mail.digests),
        ] {
            self.line(format_args!("    {name:<30} {}", figures(change)));
        }
        self.line(ASSUMED);
    }

    fn foresight(&mut self, foresight: &Foresight, currency: &str) {
        self.line(format_args!("\nWON DEALS, at most {} days after an MQL", foresight.within_days));
        let Change { old, new } = foresight.precision;
        self.line(format_args!("  precision  {} → {} of the MQLs were followed by a deal", share(old), share(new)));
        let Change { old, new } = foresight.recall;
        self.line(format_args!("  recall     {} → {} of the deals were foreseen", share(old), share(new)));
        let Change { old, new } = foresight.foreseen_cents;
        if old.max(new) > 0 {
            let money = |cents: i64| format!("{currency} {}", grouped(u128::from(cents.unsigned_abs()) / 100));
            self.line(format_args!("  foreseen   {} → {}", money(old), money(new)));
        }
    }
}

/// `   12 →    10   -2`.
fn figures(change: Change) -> String {
    let text = format!("{:>6} → {:>6}", change.old, change.new);
    match change.new.cmp(&change.old) {
        std::cmp::Ordering::Equal => text,
        std::cmp::Ordering::Greater => format!("{text}   +{}", change.new - change.old),
        std::cmp::Ordering::Less => format!("{text}   -{}", change.old - change.new),
    }
}

/// A fraction, and about how many percent it is.
fn share([part, whole]: [usize; 2]) -> String {
    // In tenths of a percent, rounded half up.
    match (part * 2000 + whole).checked_div(whole * 2) {
        Some(tenths) => format!("{part}/{whole} ({}.{} %)", tenths / 10, tenths % 10),
        None => format!("{part}/{whole}"),
    }
}

fn who(contact: &str, product: &str, quarter: &str) -> String {
    format!("{contact:<24} {product:<16} {quarter}")
}

fn mql(line: &MqlLine, sign: char) -> String {
    let who = who(&line.contact, &line.product, &line.quarter);
    let owner = line.owner.as_ref().map(|owner| format!(", {owner}")).unwrap_or_default();
    let won = if line.won == Some(true) { ", won" } else { "" };
    let hand_off =
        Priority::named(&line.hand_off).map_or_else(|| line.hand_off.clone(), |priority| priority.to_string());
    format!("{sign} {who}  {} at {} points: {hand_off}{owner}{won}", minute(line.at), line.points)
}

fn move_in_words(line: &Moved) -> String {
    let who = who(&line.contact, &line.product, &line.quarter);
    format!("~ {who}  {} → {}", minute(line.from), minute(line.to))
}

fn minute(at: Timestamp) -> impl fmt::Display {
    at.strftime("%Y-%m-%d %H:%M")
}

fn day(at: Timestamp) -> impl fmt::Display {
    at.strftime("%Y-%m-%d")
}
