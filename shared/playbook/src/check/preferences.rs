//! Topics, and what the preference centre offers.

use std::collections::{BTreeMap, BTreeSet};

use perennial_domain::interest::CLICK;
use perennial_domain::nurture::wishes::Frequency;

use crate::compile;
use crate::problem::quoted;

use super::{Check, MOST_DAYS};

/// More choices than these are none: nobody reads them.
const MOST_PAUSES: usize = 5;
/// Likewise; and a form with more of them would be refused as too long when it is sent.
const MOST_TOPICS: usize = 30;

impl Check<'_> {
    pub(super) fn topics(&mut self) {
        let source = self.source;
        self.ids("topic", source.topics.iter().map(|topic| &topic.id));
        if let Some(one_too_many) = source.topics.get(MOST_TOPICS) {
            self.error(&one_too_many.id, format!("more than {MOST_TOPICS} topics to choose from"));
        }
        let mut names = BTreeMap::new();
        for topic in &source.topics {
            self.filled("the topic's name", &topic.name);
            self.filled("the topic's description", &topic.description);
            let name = topic.name.get_ref().trim().to_lowercase();
            if let Some(other) = names.insert(name, topic.id.get_ref()) {
                let reason = format!("topic {} has the name of topic {}", quoted(topic.id.get_ref()), quoted(other));
                self.error(&topic.name, reason);
            }
        }
    }

    /// A stream's topic is one that can be chosen, and a topic is one that some stream has.
    pub(super) fn topics_of_streams(&mut self) {
        let source = self.source;
        let known: BTreeSet<&str> = source.topics.iter().map(|topic| topic.id.get_ref().as_str()).collect();
        let mut named = BTreeSet::new();
        for stream in &source.streams {
            let Some(topic) = &stream.topic else { continue };
            let who = format!("stream {}", quoted(stream.id.get_ref()));
            self.exists(&who, "topic", topic, &known);
            named.insert(topic.get_ref().as_str());
        }
        for topic in &source.topics {
            if !named.contains(topic.id.get_ref().as_str()) {
                let reason =
                    format!("no stream has topic {}: nobody gets what it promises", quoted(topic.id.get_ref()));
                self.warn(&topic.id, reason);
            }
        }
    }

    /// Clicks on a stream's mail count for an asset, which must have that action.
    pub(super) fn mail_assets(&mut self) {
        let source = self.source;
        for stream in &source.streams {
            let Some(named) = &stream.mail_asset else { continue };
            let who = format!("stream {}", quoted(stream.id.get_ref()));
            let asset = source.assets.iter().find(|asset| asset.id.get_ref() == named.get_ref());
            let has = |action: &str| {
                asset.is_some_and(|asset| {
                    asset.actions.iter().chain(asset.points.keys()).any(|known| known.get_ref() == action)
                })
            };
            if asset.is_some() && !has(CLICK) {
                let reason = format!("{who}: asset {} has no action \"{CLICK}\"", quoted(named.get_ref()));
                self.error(named, reason);
            }
        }
    }

    pub(super) fn preferences(&mut self) {
        let preferences = &self.source.preferences;
        let mut before = 0;
        for days in &preferences.pause_days {
            self.within("a break in days", days, 1, MOST_DAYS);
            if before > 0 && *days.get_ref() <= before {
                let reason = format!("a break of {} days stands after one of {before}", days.get_ref());
                self.error(days, reason);
            }
            before = *days.get_ref();
        }
        if let Some(one_too_many) = preferences.pause_days.get(MOST_PAUSES) {
            self.error(one_too_many, format!("more than {MOST_PAUSES} breaks to choose from"));
        }
    }

    /// A choice that chooses nothing is not offered.
    pub(super) fn frequencies(&mut self) {
        let gap_days = &self.source.nurture.gap_days;
        let gap = *gap_days.get_ref();
        let preferences = compile::preference_centre(&self.source.preferences);
        let chosen = preferences.frequencies.into_iter().filter(|frequency| *frequency != Frequency::AsOften);
        for frequency in chosen.filter(|frequency| frequency.gap_days() <= gap) {
            let name = quoted(frequency.as_str());
            self.warn(gap_days, format!("the gap of {gap} days is no shorter than {name}: nobody is offered that"));
        }
    }
}
