//! Rules as the playbook writes them: what `explain` and `plan` say of a rule can be found in the file.

use perennial_domain::interest::{Decay, Repeat, Requalify};

/// What a silent cycle takes away.
pub fn decay(decay: Decay) -> String {
    match decay {
        Decay::Halve => "halve".to_owned(),
        Decay::Points(points) => format!("{{ points = {points} }}"),
        Decay::Percent(percent) => format!("{{ percent = {percent} }}"),
    }
}

/// How often the same engagement counts.
pub fn repeat(repeat: Repeat) -> &'static str {
    match repeat {
        Repeat::Cycle => "cycle",
        Repeat::Day => "day",
        Repeat::Event => "event",
    }
}

/// What reaches a quarter besides engagements.
pub fn requalify(requalify: Requalify) -> &'static str {
    match requalify {
        Requalify::OnEngagement => "on-engagement",
        Requalify::OnRollover => "on-rollover",
    }
}
