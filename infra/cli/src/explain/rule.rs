//! The rule that decided a step, in the playbook's words, and where it stands.

use perennial_domain::interest::{ActionRule, FactName, Gated, Repeat, Verdict};
use perennial_domain::qualify::HeldReason;
use perennial_playbook::{Playbook, Setting};

/// A rule and its place.
pub struct Rule {
    /// As the playbook writes it.
    pub text: String,
    /// `playbook.toml:31`; none if a default holds.
    pub place: Option<String>,
}

impl Rule {
    /// A rule that the playbook has once.
    pub fn of(playbook: &Playbook, setting: Setting, value: String) -> Self {
        Self { text: format!("{setting} = {value}"), place: place(playbook, setting) }
    }
}

fn place(playbook: &Playbook, setting: Setting) -> Option<String> {
    playbook.places.setting(setting).map(|place| place.to_string())
}

/// What became of a fact, in a word.
pub fn name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Scored(_) => "scored",
        Verdict::Worthless => "worthless",
        Verdict::Repeated => "repeated",
        Verdict::Gated(_) => "gated",
        Verdict::Unknown => "unknown",
    }
}

/// The rule by which a lead is held, if the playbook sets one.
pub fn of_held(playbook: &Playbook, reason: &str) -> Option<String> {
    (reason == HeldReason::NewCustomer.as_str()).then(|| {
        let rule = Rule::of(playbook, Setting::NewCustomerDays, playbook.qualify.new_customer_days.to_string());
        rule.place.map_or(rule.text.clone(), |place| format!("{} ({place})", rule.text))
    })
}

/// The rule that decided what a fact was worth.
pub fn of_fact(playbook: &Playbook, name: &FactName, verdict: Verdict, before: i64, after: i64) -> Rule {
    let FactName { asset, action, .. } = name;
    let of_action = |text: String| {
        let place = playbook.places.action(asset, action).map(|place| place.to_string());
        Rule { text, place }
    };
    match verdict {
        Verdict::Scored(rule) => {
            of_action(format!("asset {asset}: {action} = {}{}", rule.points, marks(playbook, rule, before, after)))
        }
        Verdict::Worthless => of_action(format!("asset {asset}: {action} = 0")),
        Verdict::Repeated => {
            let period = match playbook.interest.repeat {
                Repeat::Cycle => "two-week cycle",
                Repeat::Day => "day",
                Repeat::Event => "event",
            };
            let text = format!("{}: counted already in this {period}", Setting::Repeat);
            Rule { text, place: place(playbook, Setting::Repeat) }
        }
        Verdict::Gated(gated) => of_gate(playbook, gated),
        Verdict::Unknown => {
            Rule { text: format!("asset {asset} or its action {action} is not in the playbook any more"), place: None }
        }
    }
}

/// What else is to be said of points: a lead at once, or less than all of them counted.
fn marks(playbook: &Playbook, rule: ActionRule, before: i64, after: i64) -> String {
    let mut marks = String::new();
    if rule.act_now {
        marks.push_str(", act_now");
    } else if rule.call_now {
        marks.push_str(", call_now");
    }
    if after - before < rule.points {
        marks.push_str(&format!("; {} = {}: never more", Setting::Cap, playbook.interest.cap));
    } else if after - before > rule.points {
        marks.push_str("; never below zero");
    }
    marks
}

fn of_gate(playbook: &Playbook, gated: Gated) -> Rule {
    let (seconds, clicks) =
        playbook.interest.gate.map_or((0, 0), |gate| (gate.seconds_after_sending, gate.clicks_per_day));
    let (setting, why) = match gated {
        Gated::ClicksPerDay => {
            (Setting::ClicksPerDay, format!("{clicks} or more clicks on one email within 24 hours, a scanner's"))
        }
        Gated::SecondsAfterSending => {
            (Setting::SecondsAfterSending, format!("within {seconds} s of the sending, a scanner's"))
        }
    };
    Rule { text: format!("{setting}: {why}"), place: place(playbook, setting) }
}
