//! What a world did, in at most 25 lines: every figure computed from what is stored.

use std::collections::BTreeMap;

use jiff::Timestamp;
use perennial_domain::funnel;
use perennial_domain::ids::ProductId;
use perennial_domain::interest::{InterestRules, Step, Verdict, evaluate, instant, walk};
use perennial_platform::records::Lead;

use crate::account::{Account, Rows};
use crate::deployment::Deployment;

/// The lines of a story that began at `start`.
pub struct Highlights<'a> {
    deployment: &'a Deployment,
    rows: &'a Rows,
    account: &'a Account,
    start: Timestamp,
    lines: Vec<(Timestamp, String)>,
}

/// One example of each thing that happened, by day.
pub fn lines(deployment: &Deployment, rows: &Rows, account: &Account, start: Timestamp) -> Vec<String> {
    let mut highlights = Highlights { deployment, rows, account, start, lines: Vec::new() };
    highlights.rise();
    highlights.decay();
    highlights.two_products();
    highlights.held();
    highlights.nurture();
    highlights.silence();
    highlights.scanner();
    highlights.ladder();
    highlights.lines.sort_by_key(|(at, _)| *at);
    highlights.lines.into_iter().map(|(_, line)| line).collect()
}

impl Highlights<'_> {
    fn day(&self, at: Timestamp) -> i64 {
        (at.as_second() - self.start.as_second()).div_euclid(24 * 60 * 60)
    }

    fn say(&mut self, at: Timestamp, who: &str, what: &str) {
        self.lines.push((at, format!("Day {:2}  {who:<36} {what}", self.day(at))));
    }

    /// A contact as people know them: by address.
    fn who(&self, contact: &str) -> String {
        let profile = self.rows.contacts.get(contact);
        let email = profile.and_then(|profile| profile.fields().get("email").map(str::to_owned));
        email.unwrap_or_else(|| contact.to_owned())
    }

    /// A product's name without the company's.
    fn product(&self, id: &str) -> String {
        let id = ProductId::from(id);
        let name = self.deployment.playbook.product_name(&id);
        name.split_once(' ').map_or(name, |(_, rest)| rest).to_owned()
    }

    fn title(&self, asset: &str) -> String {
        let assets = &self.deployment.playbook.interest.assets;
        assets.get(asset).map_or_else(|| asset.to_owned(), |rule| rule.title.clone())
    }

    /// The lead that is told from its first point to the hand-off.
    fn rise(&mut self) {
        let Some(lead) = best_told(self.rows) else { return };
        let (who, threshold) =
            (self.who(&lead.contact), self.deployment.playbook.interest.threshold(&lead.product_id()));
        let product = self.product(&lead.product);
        let mut sum = 0;
        let last = lead.evidence.len() - 1;
        for (index, evidence) in lead.evidence.clone().iter().enumerate() {
            sum += evidence.points;
            let said = format!("{} +{} → {product} {sum}", self.title(&evidence.asset), evidence.points);
            if index < last {
                self.say(instant(evidence.at), &who, &said);
            } else {
                let points: Vec<String> = lead.evidence.iter().map(|evidence| evidence.points.to_string()).collect();
                let owner =
                    self.deployment.playbook.rep(&lead.owner_id()).map_or(lead.owner.as_str(), |rep| rep.name.as_str());
                let star = format!(
                    "{said}  ★ MQL (threshold {threshold}) → {owner}: {}, fit {}",
                    points.join("+"),
                    lead.fit_grade
                );
                self.say(instant(lead.qualified_at), &who, &star);
            }
        }
        let made_one = lead.contact_id();
        let Some(item) = self.rows.interests.get(&(made_one, lead.product_id())) else { return };
        let mut again = None;
        walk(&self.deployment.playbook.interest, &item.facts, self.account.now, |step| {
            if let Step::Fact { name, second, verdict: Verdict::Scored(rule), after, .. } = step
                && second > lead.qualified_at
                && again.is_none()
            {
                again = Some((second, name.asset.to_string(), rule.points, after));
            }
        });
        if let Some((second, asset, points, after)) = again {
            let said = format!("{} +{points} → {after}: once per quarter, no second lead", self.title(&asset));
            self.say(instant(second), &who, &said);
        }
    }

    /// The interest that has halved most often.
    fn decay(&mut self) {
        let mut best: Option<(usize, String, String, Vec<i64>, i64)> = None;
        for ((contact, product), item) in &self.rows.interests {
            let (mut scores, mut last, mut facts) = (Vec::new(), 0, 0);
            walk(&self.deployment.playbook.interest, &item.facts, self.account.now, |step| match step {
                Step::Decay { cycle, before, after } => {
                    if scores.is_empty() {
                        scores.push(before);
                    }
                    scores.push(after);
                    last = cycle.end_second();
                }
                Step::Fact { .. } => facts += 1,
                Step::QuarterBegins { .. } => {}
            });
            let weight = scores.first().copied().unwrap_or(0);
            if facts == 1
                && best.as_ref().is_none_or(|(_, _, _, known, _)| weight > known.first().copied().unwrap_or(0))
            {
                best = Some((scores.len(), contact.to_string(), product.to_string(), scores, last));
            }
        }
        if let Some((_, contact, product, scores, last)) = best.filter(|(count, ..)| *count > 1) {
            let steps: Vec<String> = scores.iter().map(ToString::to_string).collect();
            let (who, product) = (self.who(&contact), self.product(&product));
            self.say(instant(last), &who, &format!("silent for weeks: {product} {}", steps.join(" → ")));
        }
    }

    fn two_products(&mut self) {
        let mut by_contact: BTreeMap<&str, Vec<&Lead>> = BTreeMap::new();
        for lead in &self.rows.leads {
            by_contact.entry(&lead.contact).or_default().push(lead);
        }
        let Some(mut leads) = by_contact.into_values().find(|leads| leads.len() > 1) else { return };
        leads.sort_by_key(|lead| lead.qualified_at);
        let products: Vec<String> = leads.iter().map(|lead| self.product(&lead.product)).collect();
        let said = format!("MQL for {}: each product counts by itself", products.join(" and "));
        let (at, who) = (instant(leads[leads.len() - 1].qualified_at), self.who(&leads[0].contact));
        self.say(at, &who, &said);
    }

    fn held(&mut self) {
        if let Some(held) = self.account.held.iter().min_by_key(|held| held.since).cloned() {
            let said = format!("{} reached, but held: {}", self.product(&held.product), held.reason);
            self.say(held.since, &self.who(&held.contact), &said);
        }
    }

    fn nurture(&mut self) {
        let Some(email) = self.account.emails.iter().min_by_key(|email| email.sent_at).cloned() else { return };
        let piece = self.deployment.playbook.piece(&email.piece.as_str().into());
        let subject = piece.map_or(email.piece.clone(), |piece| piece.subject.clone());
        self.say(email.sent_at, &self.who(&email.contact), &format!("✉ “{subject}” ({})", email.stream));
    }

    fn silence(&mut self) {
        let at_risk = |silence: &&crate::account::SilenceLine| silence.reason.contains("at risk");
        if let Some(silence) =
            self.account.silences.iter().filter(at_risk).min_by_key(|silence| silence.slot.clone()).cloned()
        {
            let slot = self.rows.slots.iter().find(|slot| {
                slot.pk.ends_with(&format!("#{}", silence.contact)) && slot.sk.ends_with(&format!("#{}", silence.slot))
            });
            let at = slot.map_or(self.start, |slot| instant(slot.decided_at));
            self.say(at, &self.who(&silence.contact), &format!("no email: {}", silence.reason));
        }
    }

    fn scanner(&mut self) {
        let mut most: Option<(usize, i64, String)> = None;
        for ((contact, _), item) in &self.rows.interests {
            let (mut gated, mut first) = (0, i64::MAX);
            walk(&self.deployment.playbook.interest, &item.facts, self.account.now, |step| {
                if let Step::Fact { second, verdict: Verdict::Gated(_), .. } = step {
                    gated += 1;
                    first = first.min(second);
                }
            });
            if gated > most.as_ref().map_or(0, |(count, ..)| *count) {
                most = Some((gated, first, contact.to_string()));
            }
        }
        if let Some((count, first, contact)) = most.filter(|(count, ..)| *count > 1) {
            self.say(instant(first), &self.who(&contact), &format!("{count} clicks on one email → scanner, 0 points"));
        }
    }

    /// The Act Now that was touched first, and the one that climbed highest.
    fn ladder(&mut self) {
        let act_now = |lead: &&Lead| lead.priority == "act-now";
        let touched = self
            .rows
            .leads
            .iter()
            .filter(act_now)
            .filter_map(|lead| Some((lead.touched_at? - lead.qualified_at, lead)));
        if let Some((after, lead)) = touched.min_by_key(|(after, _)| *after) {
            let (hours, minutes) = (after / 3600, after % 3600 / 60);
            let said = format!("Act Now {}: owner on it after {hours} h {minutes} min", self.product(&lead.product));
            self.say(instant(lead.qualified_at), &self.who(&lead.contact), &said);
        }
        let Some(lead) =
            self.rows.leads.iter().max_by_key(|lead| lead.rungs.len()).filter(|lead| !lead.rungs.is_empty())
        else {
            return;
        };
        let said = format!("Act Now {}, and nobody calls", self.product(&lead.product));
        self.say(instant(lead.qualified_at), &self.who(&lead.contact), &said);
        let name = lead.name();
        let steps = self.account.escalations.iter().filter(|step| step.lead == name);
        let steps: Vec<_> =
            steps.map(|step| (step.at, format!("reminder {} → {}", step.step, step.to.join(", ")))).collect();
        for (at, said) in steps {
            self.say(at, "  untouched", &said);
        }
    }
}

/// The lead whose story says most: one that took more than one engagement, or else the first.
pub fn best_told(rows: &Rows) -> Option<&Lead> {
    let climbed = |lead: &Lead| lead.evidence.len() > 1 && lead.evidence.iter().all(|fact| fact.points < lead.score);
    // How soon the contact came back: the sooner, the better it shows that a quarter has one lead.
    let came_back_after = |lead: &Lead| {
        let item = rows.interests.get(&(lead.contact_id(), lead.product_id()))?;
        item.facts.iter().map(|(_, second)| second - lead.qualified_at).filter(|after| *after > 0).min()
    };
    rows.leads.iter().min_by_key(|lead| (!climbed(lead), came_back_after(lead).unwrap_or(i64::MAX), lead.qualified_at))
}

/// How many leads there are, and how many there would be under a threshold one higher.
pub fn what_if(deployment: &Deployment, rows: &Rows, now: Timestamp) -> (i64, usize, usize) {
    let rules = &deployment.playbook.interest;
    let raised = InterestRules {
        threshold: rules.threshold + 1,
        product_thresholds: rules.product_thresholds.iter().map(|(product, at)| (product.clone(), at + 1)).collect(),
        ..rules.clone()
    };
    let still = |lead: &&Lead| {
        let key = (lead.contact_id(), lead.product_id());
        let (Some(item), Some(quarter)) = (rows.interests.get(&key), lead.quarter()) else { return false };
        evaluate(&raised, &key.1, &item.facts, now).reached.contains_key(&quarter)
    };
    (raised.threshold, rows.leads.len(), rows.leads.iter().filter(still).count())
}

/// The reverse funnel in one line.
pub fn goal(plan: &funnel::Plan, currency: &str) -> String {
    let sign = if currency == "USD" { "$".to_owned() } else { format!("{currency} ") };
    match funnel::reverse(plan) {
        Err(zero) => zero.to_string(),
        Ok(funnel) => format!(
            "{sign}{} → {} wins → {} opportunities ({sign}{}) → {} SQLs → {} MQLs",
            grouped(u128::from(plan.revenue_cents) / 100),
            grouped(funnel.wins),
            grouped(funnel.opportunities),
            grouped(funnel.pipeline_cents / 100),
            grouped(funnel.sqls),
            grouped(funnel.mqls),
        ),
    }
}

/// A number with commas between its thousands.
pub fn grouped(number: u128) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
