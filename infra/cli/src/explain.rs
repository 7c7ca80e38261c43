//! Scores and people, explained: what counted, by which rule and where the playbook says so, what did not count and why,
//! each decay, when the threshold was crossed, and why it is or is not an MQL.
//!
//! Everything is computed by the walk that computes the score, so the two cannot disagree.

mod person;
mod rule;
mod story;
mod text;

use jiff::Timestamp;
use perennial_domain::cycle::Cycle;
use perennial_domain::ids::{ContactId, ProductId};
use perennial_domain::interest::{HORIZON_CYCLES, Reached, Score, evaluate, instant};
use perennial_domain::quarter::Quarter;
use perennial_domain::sorting;
use perennial_platform::records::{AskedAgain, Held, Lead};
use perennial_playbook::Playbook;
use serde::Serialize;

use crate::account::Rows;

pub use person::{AccountInterestLine, ClauseLine, FitLine, PersonExplained, SegmentLine, explain_person};
pub use story::StepLine;

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
    /// Points then: what was gained, less what was lost and what decayed.
    pub points: i64,
    /// What engagements gave.
    pub gained: i64,
    /// What signals against took.
    pub lost: i64,
    /// What silent cycles took.
    pub decayed: i64,
    /// The most points it ever had within the horizon.
    pub highest: i64,
    /// Points that make an MQL.
    pub threshold: i64,
    /// Where the playbook says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold_place: Option<String>,
    /// Under which playbook.
    pub playbook_version: String,
    /// Facts that are too old to be seen.
    pub too_old: usize,
    /// The story.
    pub steps: Vec<StepLine>,
    /// The sorting score that a lead would have now.
    pub sorting: SortingLine,
    /// The quarter of that instant.
    pub quarter: String,
    /// The quarters in which the threshold was reached, and what came of each.
    pub quarters: Vec<QuarterLine>,
    /// The leads that were made.
    pub leads: Vec<LeadMade>,
    /// Why a lead has not been made yet.
    pub held: Vec<LeadHeld>,
}

/// A sorting score and its split.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SortingLine {
    /// 0..=100.
    pub points: i64,
    /// Fit, 0..=100.
    pub fit: i64,
    /// Engagement, 0..=100: a score at the threshold is 25.
    pub engagement: i64,
    /// Percent of the sorting score that is fit.
    pub fit_weight: i64,
    /// So much of it is fit.
    pub from_fit: i64,
    /// So much of it is engagement.
    pub from_engagement: i64,
    /// hot, warm or cold.
    pub temperature: String,
    /// What made it high.
    pub driver: String,
}

/// A quarter that was reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct QuarterLine {
    /// Which.
    pub quarter: String,
    /// When.
    pub at: Timestamp,
    /// Points then.
    pub points: i64,
    /// Whether an Act Now fell into it.
    pub act_now: bool,
    /// `lead`, `held`, or `none` if neither was made.
    pub outcome: &'static str,
}

/// A lead that waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeadHeld {
    /// Of which quarter.
    pub quarter: String,
    /// Why.
    pub reason: String,
    /// The rule behind it, and where it stands, if the playbook sets it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Since when it is held.
    pub since: Timestamp,
    /// The first daily run from then on decides it again, unless there is news of what it waits for before.
    pub until: Timestamp,
}

/// A lead that came of an interest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeadMade {
    /// Of which quarter.
    pub quarter: String,
    /// When.
    pub qualified_at: Timestamp,
    /// What it is about: `cross-sell` or `upsell`.
    pub kind: &'static str,
    /// How soon, since its contact asked last.
    pub priority: String,
    /// The Act Nows that came when it was there already, newest last.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub asked_again: Vec<AskedAgainLine>,
    /// Where it stands.
    pub status: String,
    /// Under which playbook it was made.
    pub playbook_version: String,
    /// Whether the quarter is reached under the present playbook and facts; unknown once it lies behind the horizon.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reached_now: Option<bool>,
    /// The late fact that undid it: when it happened, and what.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undone_by: Option<UndoneBy>,
}

/// That the contact of a lead asked again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AskedAgainLine {
    /// When it did.
    pub at: Timestamp,
    /// When the lead's owner was told.
    pub told_at: Timestamp,
    /// The lead's priority until then.
    pub was: String,
    /// Whether the SLA counts from then on: nobody had touched the lead.
    pub restarted_sla: bool,
}

/// A late fact that undid a lead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UndoneBy {
    /// When it happened.
    pub at: Timestamp,
    /// With what.
    pub asset: String,
    /// What was done.
    pub action: String,
    /// What it is worth.
    pub points: i64,
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
    let threshold = rules.threshold(product);
    let score = evaluate(rules, product, &item.facts, at);
    let steps = story::steps(playbook, rows, contact, product, &item.facts, at);
    let leads = leads(rows, contact, product, &score, at);
    let held = held(playbook, rows, contact, product, at);
    let sum =
        |counts: fn(&StepLine) -> bool| steps.iter().filter(|step| counts(step)).map(|step| step.change).sum::<i64>();
    let fit = person::fit(playbook, rows, contact);
    Some(Explanation {
        contact: contact.to_string(),
        product: product.to_string(),
        product_name: playbook.product_name(product).to_owned(),
        at,
        points: score.points,
        gained: sum(|step| step.change > 0),
        lost: -sum(|step| step.change < 0 && step.verdict != "decay"),
        decayed: -sum(|step| step.verdict == "decay"),
        highest: steps.iter().map(|step| step.points).max().unwrap_or(0),
        threshold,
        threshold_place: playbook.places.threshold(product).map(|place| place.to_string()),
        playbook_version: playbook.version.clone(),
        too_old: item.facts.iter().filter(|(_, second)| *second < horizon(at)).count(),
        steps,
        sorting: sorting_line(playbook, fit.points, score.points, threshold),
        quarter: rules.quarters.of(at).to_string(),
        quarters: quarters(&score, &leads, &held),
        leads,
        held,
    })
}

/// The first second that a score sees.
fn horizon(at: Timestamp) -> i64 {
    (Cycle::of(at) + (1 - HORIZON_CYCLES)).start_second()
}

fn sorting_line(playbook: &Playbook, fit: i64, points: i64, threshold: i64) -> SortingLine {
    let engagement = sorting::engagement(points, threshold);
    let score = sorting::evaluate(&playbook.qualify.sorting, fit, engagement);
    SortingLine {
        fit,
        engagement,
        fit_weight: playbook.qualify.sorting.fit_weight_percent,
        points: score.points,
        from_fit: score.from_fit,
        from_engagement: score.from_engagement,
        temperature: score.temperature.to_string(),
        driver: score.driver.to_string(),
    }
}

fn quarters(score: &Score, leads: &[LeadMade], held: &[LeadHeld]) -> Vec<QuarterLine> {
    let line = |(quarter, reached): (&Quarter, &Reached)| {
        let quarter = quarter.to_string();
        let outcome = if leads.iter().any(|lead| lead.quarter == quarter) {
            "lead"
        } else if held.iter().any(|held| held.quarter == quarter) {
            "held"
        } else {
            "none"
        };
        QuarterLine { quarter, at: instant(reached.second), points: reached.points, act_now: reached.act_now, outcome }
    };
    score.reached.iter().map(line).collect()
}

fn leads(rows: &Rows, contact: &ContactId, product: &ProductId, score: &Score, at: Timestamp) -> Vec<LeadMade> {
    let here = rows.leads.iter().filter(|lead| {
        lead.contact == contact.as_str() && lead.product == product.as_str() && lead.qualified_at <= at.as_second()
    });
    let line = |lead: &Lead| LeadMade {
        quarter: lead.quarter.clone(),
        qualified_at: instant(lead.qualified_at),
        kind: lead.kind().as_str(),
        // What a later Act Now has made of it is not what it was then.
        priority: lead
            .asked_again
            .iter()
            .find(|again| again.told_at > at.as_second())
            .map_or(&lead.priority, |again| &again.was)
            .clone(),
        asked_again: asked_again(lead, at),
        status: lead.stage.clone(),
        playbook_version: lead.playbook_version.clone(),
        reached_now: lead
            .quarter()
            .filter(|_| lead.reached_at >= horizon(at))
            .map(|quarter| score.reached.contains_key(&quarter)),
        undone_by: lead.undone_by.as_ref().filter(|fact| fact.at <= at.as_second()).map(|fact| UndoneBy {
            at: instant(fact.at),
            asset: fact.asset.clone(),
            action: fact.action.clone(),
            points: fact.points,
        }),
    };
    here.map(line).collect()
}

fn asked_again(lead: &Lead, at: Timestamp) -> Vec<AskedAgainLine> {
    let until_then = lead.asked_again.iter().filter(|again| again.told_at <= at.as_second());
    let line = |again: &AskedAgain| AskedAgainLine {
        at: instant(again.at),
        told_at: instant(again.told_at),
        was: again.was.clone(),
        // A later one that found it touched has left the clock alone.
        restarted_sla: lead.sla_since.is_some_and(|since| again.told_at <= since),
    };
    until_then.map(line).collect()
}

fn held(playbook: &Playbook, rows: &Rows, contact: &ContactId, product: &ProductId, at: Timestamp) -> Vec<LeadHeld> {
    let here = rows.held.iter().filter(|held| {
        held.contact == contact.as_str() && held.product == product.as_str() && held.since <= at.as_second()
    });
    let line = |held: &Held| LeadHeld {
        quarter: held.quarter.clone(),
        reason: held.reason.clone(),
        rule: rule::of_held(playbook, &held.reason),
        since: instant(held.since),
        until: instant(held.due_at),
    };
    here.map(line).collect()
}
