//! One score, step by step: what counted, by which rule, what did not and why, and each decay.

use jiff::Timestamp;
use perennial_domain::ids::{ContactId, ProductId};
use perennial_domain::interest::{Gated, InterestRules, Repeat, Step, Verdict, evaluate, instant, walk};
use perennial_platform::interest::InterestItem;
use perennial_platform::records::Lead;
use perennial_playbook::Playbook;
use serde::Serialize;

/// One step of a score's story.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StepLine {
    /// When.
    pub at: Timestamp,
    /// `scored`, `worthless`, `repeated`, `gated`, `unknown` or `decay`.
    pub verdict: &'static str,
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

/// Explains a score at an instant.
pub fn explain(
    playbook: &Playbook,
    contact: &ContactId,
    product: &ProductId,
    item: &InterestItem,
    leads: &[Lead],
    at: Timestamp,
) -> Explanation {
    let rules = &playbook.interest;
    let score = evaluate(rules, product, &item.facts, at);
    let mut steps = Vec::new();
    walk(rules, &item.facts, at, |step| steps.push(step_line(rules, &step)));
    let made = |lead: &&Lead| lead.contact_id() == *contact && lead.product_id() == *product;
    Explanation {
        contact: contact.to_string(),
        product: product.to_string(),
        product_name: playbook.product_name(product).to_owned(),
        at,
        points: score.points,
        threshold: rules.threshold(product),
        playbook_version: playbook.version.clone(),
        reached: score.reached.keys().map(ToString::to_string).collect(),
        steps,
        leads: leads
            .iter()
            .filter(made)
            .map(|lead| LeadMade {
                quarter: lead.quarter.clone(),
                qualified_at: instant(lead.qualified_at),
                priority: lead.priority.clone(),
                status: lead.stage.clone(),
                playbook_version: lead.playbook_version.clone(),
            })
            .collect(),
    }
}

fn step_line(rules: &InterestRules, step: &Step<'_>) -> StepLine {
    match *step {
        Step::Decay { cycle, before, after } => StepLine {
            at: instant(cycle.end_second()),
            verdict: "decay",
            label: "two weeks without engagement".to_owned(),
            asset: None,
            action: None,
            change: after - before,
            points: after,
            rule: format!("interest.decay = {:?}", rules.decay).to_lowercase(),
        },
        Step::Fact { name, second, verdict, before, after } => {
            let title = rules.assets.get(&name.asset).map_or(name.asset.as_str(), |asset| asset.title.as_str());
            StepLine {
                at: instant(second),
                verdict: verdict_name(verdict),
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

/// Steps in a row that say the same of the same, folded into one line for people: how many, from when to when.
fn folded(steps: &[StepLine]) -> Vec<(usize, &StepLine, &StepLine)> {
    let mut lines: Vec<(usize, &StepLine, &StepLine)> = Vec::new();
    for step in steps {
        match lines.last_mut() {
            Some((count, first, last))
                if step.change == 0
                    && (&first.label, &first.rule, first.points) == (&step.label, &step.rule, step.points) =>
            {
                *count += 1;
                *last = step;
            }
            _ => lines.push((1, step, step)),
        }
    }
    lines
}

impl std::fmt::Display for Explanation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let minute = |at: Timestamp| at.strftime("%Y-%m-%d %H:%M").to_string();
        writeln!(
            f,
            "{} · {}: {} points at {} UTC (threshold {}, playbook {})",
            self.contact,
            self.product_name,
            self.points,
            minute(self.at),
            self.threshold,
            self.playbook_version
        )?;
        for (count, first, last) in folded(&self.steps) {
            if count > 1 {
                writeln!(
                    f,
                    "  {} … {}  {count} of {count} × {}: no points\n{:36}{}",
                    minute(first.at),
                    minute(last.at),
                    first.label,
                    "",
                    first.rule
                )?;
            } else if first.verdict == "decay" {
                let before = first.points - first.change;
                writeln!(f, "  {}  {:<52} {before} → {}", minute(first.at), first.label, first.points)?;
            } else {
                let change = if first.change == 0 { "no points".to_owned() } else { format!("{:+}", first.change) };
                writeln!(f, "  {}  {:<52} {change} → {}", minute(first.at), first.label, first.points)?;
                writeln!(f, "{:20}{}", "", first.rule)?;
            }
        }
        match self.leads.as_slice() {
            [] if self.reached.is_empty() => {
                writeln!(f, "  not an MQL: the threshold of {} was never reached", self.threshold)
            }
            [] => writeln!(
                f,
                "  reached {} in {}, and no lead was made (see what is held)",
                self.threshold,
                self.reached.join(", ")
            ),
            leads => leads.iter().try_for_each(|lead| {
                writeln!(
                    f,
                    "  ★ lead of {}: {} since {} UTC, {} (playbook {})",
                    lead.quarter,
                    lead.priority,
                    minute(lead.qualified_at),
                    lead.status,
                    lead.playbook_version
                )
            }),
        }
    }
}
