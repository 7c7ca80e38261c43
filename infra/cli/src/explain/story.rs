//! The story of a score, step by step.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;
use perennial_domain::ids::{ContactId, ProductId};
use perennial_domain::interest::{FactName, Facts, Reaching, Step, instant, walk};
use perennial_platform::ledger::Kind;
use perennial_platform::told::What;
use perennial_playbook::{Playbook, Setting};
use serde::Serialize;

use super::rule::{self, Rule};
use crate::account::Rows;
use crate::written;

/// One step of a score's story.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StepLine {
    /// When.
    pub at: Timestamp,
    /// `scored`, `worthless`, `repeated`, `gated`, `unknown`, `decay` or `quarter`.
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
    /// The rule that decided, in the playbook's words.
    pub rule: String,
    /// Where the rule stands; nowhere if its default holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// The quarter that this step was the first to reach: the threshold was crossed here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reaches: Option<String>,
}

/// All steps up to an instant.
pub fn steps(
    playbook: &Playbook,
    rows: &Rows,
    contact: &ContactId,
    product: &ProductId,
    facts: &Facts,
    at: Timestamp,
) -> Vec<StepLine> {
    let told = told(rows, contact);
    let mut reaching = Reaching::new(&playbook.interest, product);
    let mut known = BTreeSet::new();
    let mut steps = Vec::new();
    walk(&playbook.interest, facts, at, |step| {
        let reached = reaching.by(&step).map(|(quarter, _)| quarter).filter(|quarter| known.insert(*quarter));
        if matches!(step, Step::QuarterBegins { points: 0, .. }) {
            return;
        }
        let mut line = line(playbook, &told, &step);
        line.reaches = reached.map(|quarter| quarter.to_string());
        if untagged(playbook, product, &step) {
            line.rule.push_str(&format!("; not tagged with {product} any more: `perennial rebuild` takes it away"));
        }
        steps.push(line);
    });
    steps
}

/// Whether a fact is here by a tag that the playbook has no more.
fn untagged(playbook: &Playbook, product: &ProductId, step: &Step<'_>) -> bool {
    let Step::Fact { name, .. } = step else { return false };
    playbook.interest.assets.get(&name.asset).is_some_and(|asset| !asset.products.contains(product))
}

fn line(playbook: &Playbook, told: &Told, step: &Step<'_>) -> StepLine {
    match *step {
        Step::Decay { cycle, before, after } => {
            let at = instant(cycle.end_second());
            let rule = Rule::of(playbook, Setting::Decay, written::decay(playbook.interest.decay));
            of_time(at, "decay", "two weeks without engagement", (after - before, after), rule)
        }
        Step::QuarterBegins { second, points } => {
            let rule =
                Rule::of(playbook, Setting::Requalify, written::requalify(playbook.interest.requalify).to_owned());
            of_time(instant(second), "quarter", "a quarter begins", (0, points), rule)
        }
        Step::Fact { name, second, verdict, before, after } => {
            let asset = playbook.interest.assets.get(&name.asset);
            let title = asset.map_or(name.asset.as_str(), |asset| asset.title.as_str());
            let rule = rule::of_fact(playbook, name, verdict, before, after);
            StepLine {
                at: instant(second),
                verdict: rule::name(verdict),
                // The ledger forgets after 400 days; the fact is at least one engagement.
                engagements: told.get(&(name.clone(), second)).copied().unwrap_or(1),
                label: format!("{} {title}", name.action),
                asset: Some(name.asset.to_string()),
                action: Some(name.action.to_string()),
                change: after - before,
                points: after,
                rule: rule.text,
                place: rule.place,
                reaches: None,
            }
        }
    }
}

/// A step that time takes by itself.
fn of_time(at: Timestamp, verdict: &'static str, label: &str, (change, points): (i64, i64), rule: Rule) -> StepLine {
    StepLine {
        at,
        verdict,
        engagements: 0,
        label: label.to_owned(),
        asset: None,
        action: None,
        change,
        points,
        rule: rule.text,
        place: rule.place,
        reaches: None,
    }
}

/// How many engagements the ledger holds of each fact.
type Told = HashMap<(FactName, i64), usize>;

fn told(rows: &Rows, contact: &ContactId) -> Told {
    let mut told = Told::new();
    for entry in rows.ledger.iter().filter(|entry| entry.kind == Kind::Engagement) {
        if let What::Engagement { asset, action, email, .. } = &entry.told
            && rows.contact_of(entry).as_ref() == Some(contact)
        {
            let email = email.as_deref().map(Into::into);
            let name = FactName { asset: asset.as_str().into(), action: action.as_str().into(), email };
            *told.entry((name, entry.happened_at)).or_default() += 1;
        }
    }
    told
}
