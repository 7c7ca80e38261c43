//! One score, step by step: what counted, by which rule, what did not and why, and each decay.

use std::collections::HashMap;
use std::fmt;

use jiff::Timestamp;
use perennial_domain::ids::{ContactId, ProductId};
use perennial_domain::interest::{FactName, Gated, InterestRules, Repeat, Step, Verdict, evaluate, instant, walk};
use perennial_platform::ledger::Kind;
use perennial_platform::told::What;
use perennial_playbook::Playbook;
use serde::Serialize;

use crate::account::Rows;

/// One step of a score's story.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StepLine {
    /// When.
    pub at: Timestamp,
    /// `scored`, `worthless`, `repeated`, `gated`, `unknown` or `decay`.
    pub verdict: &'static str,
    /// How many engagements told of it: those of the same second are one fact. None of a decay.
    pub engagements: usize,
    /// What happened, in words.
    pub label: String,
    /// The asset, of a fact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asset: Option<String>,
    /// The action, of a fact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// By how much the score changed.
    pub change: i64,
    /// The score after.
    pub points: i64,
    /// The rule that decided.
    pub rule: String,
}

/// One score, explained.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// Whose.
    pub contact: String,
    /// In which product.
    pub product: String,
    /// The product's name.
    pub product_name: String,
    /// At which instant.
    pub at: Timestamp,
    /// Points then.
    pub points: i64,
    /// Points that make an MQL.
    pub threshold: i64,
    /// Under which playbook.
    pub playbook_version: String,
    /// The quarters in which the threshold was reached.
    pub reached: Vec<String>,
    /// The story.
    pub steps: Vec<StepLine>,
    /// The leads that came of it.
    pub leads: Vec<LeadMade>,
    /// Why a lead has not come of it yet.
    pub held: Vec<LeadHeld>,
}

/// A lead that waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeadHeld {
    /// Of which quarter.
    pub quarter: String,
    /// Why.
    pub reason: String,
    /// When it is decided again.
    pub until: Timestamp,
}

/// A lead that came of an interest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeadMade {
    /// Of which quarter.
    pub quarter: String,
    /// When.
    pub qualified_at: Timestamp,
    /// How soon.
    pub priority: String,
    /// Where it stands.
    pub status: String,
    /// Under which playbook.
    pub playbook_version: String,
}

/// Explains a contact's score in a product, at an instant; `None` if there has been no engagement.
pub fn explain(
    playbook: &Playbook,
    rows: &Rows,
    contact: &ContactId,
    product: &ProductId,
    at: Timestamp,
) -> Option<Explanation> {
    let item = rows.interests.get(&(contact.clone(), product.clone()))?;
    let rules = &playbook.interest;
    let score = evaluate(rules, product, &item.facts, at);
    let told = told(rows, contact);
    let mut steps = Vec::new();
    walk(rules, &item.facts, at, |step| steps.push(step_line(rules, &told, &step)));
    let about = |who: &str, what: &str| who == contact.as_str() && what == product.as_str();
    let leads = rows
        .leads
        .iter()
        .filter(|lead| about(&lead.contact, &lead.product) && lead.qualified_at <= at.as_second())
        .map(|lead| LeadMade {
            quarter: lead.quarter.clone(),
            qualified_at: instant(lead.qualified_at),
            priority: lead.priority.clone(),
            status: lead.stage.clone(),
            playbook_version: lead.playbook_version.clone(),
        });
    let held = rows.held.iter().filter(|held| about(&held.contact, &held.product)).map(|held| LeadHeld {
        quarter: held.quarter.clone(),
        reason: held.reason.clone(),
        until: instant(held.due_at),
    });
    Some(Explanation {
        contact: contact.to_string(),
        product: product.to_string(),
        product_name: playbook.product_name(product).to_owned(),
        at,
        points: score.points,
        threshold: rules.threshold(product),
        playbook_version: playbook.version.clone(),
        reached: score.reached.keys().map(ToString::to_string).collect(),
        steps,
        leads: leads.collect(),
        held: held.collect(),
    })
}

/// How many engagements the ledger holds of each fact.
type Told = HashMap<(FactName, i64), usize>;

fn told(rows: &Rows, contact: &ContactId) -> Told {
    let mut told = Told::new();
    for entry in rows.ledger.iter().filter(|entry| entry.kind == Kind::Engagement) {
        if let What::Engagement { contact: who, asset, action, email } = &entry.told
            && who == contact.as_str()
        {
            let email = email.as_deref().map(Into::into);
            let name = FactName { asset: asset.as_str().into(), action: action.as_str().into(), email };
            *told.entry((name, entry.happened_at)).or_default() += 1;
        }
    }
    told
}

fn step_line(rules: &InterestRules, told: &Told, step: &Step<'_>) -> StepLine {
    match *step {
        Step::Decay { cycle, before, after } => StepLine {
            at: instant(cycle.end_second()),
            verdict: "decay",
            engagements: 0,
            label: "two weeks without engagement".to_owned(),
            asset: None,
            action: None,
            change: after - before,
            points: after,
            rule: format!("interest.decay = {:?}", rules.decay).to_lowercase(),
        },
        Step::QuarterBegins { second, points } => StepLine {
            at: instant(second),
            verdict: "quarter",
            engagements: 0,
            label: "a quarter begins".to_owned(),
            asset: None,
            action: None,
            change: 0,
            points,
            rule: "quarter.requalify = on-rollover".to_owned(),
        },
        Step::Fact { name, second, verdict, before, after } => {
            let title = rules.assets.get(&name.asset).map_or(name.asset.as_str(), |asset| asset.title.as_str());
            StepLine {
                at: instant(second),
                verdict: verdict_name(verdict),
                // The ledger forgets after 400 days; the fact is at least one engagement.
                engagements: told.get(&(name.clone(), second)).copied().unwrap_or(1),
                label: format!("{} {title}", name.action),
                asset: Some(name.asset.to_string()),
                action: Some(name.action.to_string()),
                change: after - before,
                points: after,
                rule: rule(rules, name.asset.as_str(), name.action.as_str(), verdict),
            }
        }
    }
}

fn verdict_name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Scored(_) => "scored",
        Verdict::Worthless => "worthless",
        Verdict::Repeated => "repeated",
        Verdict::Gated(_) => "gated",
        Verdict::Unknown => "unknown",
    }
}

/// The rule that decided, as the playbook writes it.
fn rule(rules: &InterestRules, asset: &str, action: &str, verdict: Verdict) -> String {
    match verdict {
        Verdict::Scored(rule) if rule.act_now => format!("asset {asset}: {action} = {}, act_now", rule.points),
        Verdict::Scored(rule) => format!("asset {asset}: {action} = {}", rule.points),
        Verdict::Worthless => format!("asset {asset}: {action} = 0"),
        Verdict::Repeated => {
            let period = match rules.repeat {
                Repeat::Cycle => "two-week cycle",
                Repeat::Day => "day",
                Repeat::Event => "event",
            };
            format!("interest.repeat: counted already in this {period}")
        }
        Verdict::Gated(gated) => {
            let (seconds, clicks) = rules.gate.map_or((0, 0), |gate| (gate.seconds_after_sending, gate.clicks_per_day));
            match gated {
                Gated::ClicksPerDay => {
                    format!(
                        "interest.gate.clicks_per_day: {clicks} or more clicks on one email within 24 hours, a scanner's"
                    )
                }
                Gated::SecondsAfterSending => {
                    format!("interest.gate.seconds_after_sending: within {seconds} s of the sending, a scanner's")
                }
            }
        }
        Verdict::Unknown => format!("asset {asset} or its action {action} is not in the playbook any more"),
    }
}

/// Steps in a row that say the same of the same, as one line for people.
struct Folded<'a> {
    first: &'a StepLine,
    last: &'a StepLine,
    engagements: usize,
}

fn folded(steps: &[StepLine]) -> Vec<Folded<'_>> {
    let mut lines: Vec<Folded<'_>> = Vec::new();
    for step in steps {
        let same = |first: &StepLine| {
            step.change == 0 && (&first.label, &first.rule, first.points) == (&step.label, &step.rule, step.points)
        };
        match lines.last_mut() {
            Some(line) if same(line.first) => {
                line.engagements += step.engagements;
                line.last = step;
            }
            _ => lines.push(Folded { first: step, last: step, engagements: step.engagements }),
        }
    }
    lines
}

fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M").to_string()
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (who, what, at) = (&self.contact, &self.product_name, minute(self.at));
        let (points, threshold, version) = (self.points, self.threshold, &self.playbook_version);
        writeln!(f, "{who} · {what}: {points} points at {at} UTC (threshold {threshold}, playbook {version})")?;
        for line in folded(&self.steps) {
            self.write_line(f, &line)?;
        }
        for lead in &self.leads {
            let (quarter, since) = (&lead.quarter, minute(lead.qualified_at));
            let (priority, status, version) = (&lead.priority, &lead.status, &lead.playbook_version);
            writeln!(f, "  ★ lead of {quarter}: {priority} since {since} UTC, now {status} (playbook {version})")?;
        }
        for held in &self.held {
            let until = minute(held.until);
            writeln!(f, "  held in {}: {}; decided again on {until} UTC", held.quarter, held.reason)?;
        }
        if self.leads.is_empty() && self.reached.is_empty() {
            writeln!(f, "  not an MQL: the threshold of {threshold} was never reached")?;
        }
        Ok(())
    }
}

impl Explanation {
    fn write_line(&self, f: &mut fmt::Formatter<'_>, line: &Folded<'_>) -> fmt::Result {
        let (step, at) = (line.first, minute(line.first.at));
        if step.verdict == "decay" {
            return writeln!(f, "  {at}  {:<56} {} → {}", step.label, step.points - step.change, step.points);
        }
        if line.engagements == 1 {
            let change = if step.change == 0 { "no points".to_owned() } else { format!("{:+}", step.change) };
            writeln!(f, "  {at}  {:<56} {change} → {}", step.label, step.points)?;
        } else {
            let same = |other: &&StepLine| other.label == step.label;
            let all: usize = self.steps.iter().filter(same).map(|other| other.engagements).sum();
            let (count, until) = (line.engagements, minute(line.last.at));
            writeln!(f, "  {at}  {count} of {all} × {}, until {until}: no points", step.label)?;
        }
        writeln!(f, "{:20}{}", "", step.rule)
    }
}
