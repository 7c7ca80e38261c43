//! What a contact wants, as it is stored: the opt-out, and the choices of the preference centre.

use std::collections::BTreeSet;

use jiff::Timestamp;
use perennial_domain::interest::instant;
use perennial_domain::nurture::wishes::{Frequency, Wishes};
use serde::{Deserialize, Serialize};

use crate::consent::{COMPLAINT, Channel, Choices};

/// What a contact wants.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preferences {
    /// Whether the contact has opted out.
    #[serde(default)]
    pub unsubscribed: bool,
    /// When it last did.
    #[serde(default)]
    pub unsubscribed_at: i64,
    /// Where: `page`, or the source that told it.
    #[serde(default)]
    pub source: String,
    /// When mail to this contact last bounced for good, or since when it had the address that did: what it had then is not written
    /// to.
    #[serde(default)]
    pub bounced_at: Option<i64>,
    /// When the contact last took an opt-out back. An opt-out from before says nothing any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resubscribed_at: Option<i64>,
    /// Topics of which it wants no mail.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty", with = "serde_dynamo::string_set")]
    pub topics_off: BTreeSet<String>,
    /// How often it wants mail, if not as often as there is some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frequency: Option<String>,
    /// On which channels it wants to hear nothing.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty", with = "serde_dynamo::string_set")]
    pub channels_off: BTreeSet<String>,
    /// Until when it takes a break.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused_until: Option<i64>,
    /// When the choices were made: topics, frequency, channels and break, all at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_at: Option<i64>,
    /// How often it was written. A claim to send holds only if it is what it was when the slot was decided.
    #[serde(default)]
    pub rev: i64,
}

impl Preferences {
    /// What decisions read of it; the opt-out stands beside. A frequency that this version does not know is the slowest.
    pub fn wishes(&self) -> Wishes {
        let choices = self.choices();
        Wishes {
            topics_off: choices.topics_off,
            frequency: choices.frequency,
            email_off: choices.channels_off.contains(&Channel::Email),
            ads_off: choices.channels_off.contains(&Channel::Ads),
            paused_until: choices.paused_until,
        }
    }

    /// Whether whoever sells is told not to call.
    pub fn want_no_calls(&self) -> bool {
        self.choices().channels_off.contains(&Channel::Phone)
    }

    /// Whether whoever sells is told not to write: it opted out, or wants to hear nothing by mail.
    pub fn want_no_mail(&self) -> bool {
        self.unsubscribed || self.choices().channels_off.contains(&Channel::Email)
    }

    /// What was chosen.
    pub fn choices(&self) -> Choices {
        let known = |name: &String| Frequency::named(name).unwrap_or(Frequency::Monthly);
        Choices {
            topics_off: self.topics_off.iter().map(|topic| topic.as_str().into()).collect(),
            frequency: self.frequency.as_ref().map_or(Frequency::AsOften, known),
            channels_off: self.channels_off.iter().filter_map(|name| Channel::named(name)).collect(),
            paused_until: self.paused_until.map(instant),
        }
    }

    /// The same with these choices.
    #[must_use]
    pub fn chosen(&self, choices: &Choices, at: i64) -> Self {
        let frequency = Some(choices.frequency).filter(|frequency| *frequency != Frequency::AsOften);
        Self {
            topics_off: choices.topics_off.iter().map(ToString::to_string).collect(),
            frequency: frequency.map(|frequency| frequency.as_str().to_owned()),
            channels_off: choices.channels_off.iter().map(|channel| channel.as_str().to_owned()).collect(),
            paused_until: choices.paused_until.map(Timestamp::as_second),
            changed_at: Some(at),
            ..self.clone()
        }
    }

    /// The second of what the contact says next: now, but after all it said before, so that two presses within one second keep
    /// their order.
    pub fn next_at(&self, now: Timestamp) -> Timestamp {
        let before = [self.changed_at, self.resubscribed_at, self.unsubscribed.then_some(self.unsubscribed_at)];
        let before = before.into_iter().flatten().max().map(|second| instant(second.saturating_add(1)));
        before.map_or(now, |before| before.max(now))
    }

    /// What holds for somebody of whom both were said under different ids: the stricter of each. The opt-out of either is one
    /// that no older word takes back.
    #[must_use]
    pub fn united(&self, other: &Self) -> Self {
        let (own, others) = (self.choices(), other.choices());
        let earlier = match (self.unsubscribed, other.unsubscribed) {
            (true, true) if other.unsubscribed_at < self.unsubscribed_at => other,
            (false, true) => other,
            _ => self,
        };
        // A complaint is not taken back, so it must not hide behind an opt-out of before.
        let complained = [self, other].into_iter().find(|it| it.unsubscribed && it.source == COMPLAINT);
        let resubscribed_at = self.resubscribed_at.max(other.resubscribed_at);
        let unsubscribed = self.unsubscribed || other.unsubscribed;
        let since = if unsubscribed { resubscribed_at.unwrap_or(i64::MIN) } else { i64::MIN };
        let choices = Choices {
            topics_off: own.topics_off.union(&others.topics_off).cloned().collect(),
            frequency: own.frequency.max(others.frequency),
            channels_off: own.channels_off.union(&others.channels_off).copied().collect(),
            paused_until: own.paused_until.max(others.paused_until),
        };
        let changed_at = self.changed_at.max(other.changed_at);
        Self {
            unsubscribed,
            unsubscribed_at: earlier.unsubscribed_at.max(since),
            source: complained.unwrap_or(earlier).source.clone(),
            bounced_at: self.bounced_at.max(other.bounced_at),
            resubscribed_at,
            changed_at,
            ..self.chosen(&choices, 0)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn preferences() -> impl Strategy<Value = Preferences> {
        let names = |all: &'static [&'static str]| {
            proptest::sample::subsequence(all, 0..=all.len())
                .prop_map(|names| names.into_iter().map(str::to_owned).collect::<BTreeSet<String>>())
        };
        let second = || proptest::option::of(0_i64..20);
        let frequency = proptest::sample::select(vec![None, Some("fortnightly"), Some("monthly")]);
        let choices = (names(&["a", "b", "c"]), frequency, names(&["ads", "email", "phone"]), second(), second());
        (any::<bool>(), 1_i64..20, second(), second(), choices).prop_map(
            |(unsubscribed, at, resubscribed_at, bounced_at, choices)| {
                let (topics_off, frequency, channels_off, paused_until, changed_at) = choices;
                Preferences {
                    unsubscribed,
                    unsubscribed_at: if unsubscribed { at } else { 0 },
                    source: if unsubscribed { ["page", COMPLAINT][at as usize % 2].to_owned() } else { String::new() },
                    bounced_at,
                    resubscribed_at: if unsubscribed {
                        resubscribed_at.map(|second| second.min(at))
                    } else {
                        resubscribed_at
                    },
                    topics_off,
                    frequency: frequency.map(str::to_owned),
                    channels_off,
                    paused_until,
                    changed_at,
                    rev: 0,
                }
            },
        )
    }

    proptest! {
        #[test]
        fn of_two_ids_that_are_one_person_the_stricter_counts(one in preferences(), other in preferences()) {
            let united = one.united(&other);
            prop_assert_eq!(&united, &other.united(&one), "whichever stays");
            prop_assert_eq!(&united.united(&other), &united, "taken over twice");
            prop_assert_eq!(&one.united(&Preferences::default()), &one, "nothing was said of the other");
            for stricter in [&one, &other] {
                prop_assert!(united.unsubscribed || !stricter.unsubscribed);
                prop_assert!(!united.choices().allow_more_than(&stricter.choices()));
                prop_assert!(united.bounced_at >= stricter.bounced_at);
                prop_assert!(united.source == COMPLAINT || stricter.source != COMPLAINT);
                // No word that was said before takes the opt-out back.
                prop_assert!(!united.unsubscribed || Some(united.unsubscribed_at) >= stricter.resubscribed_at);
            }
        }

        #[test]
        fn what_is_chosen_is_read_again(known in preferences(), chosen in preferences()) {
            prop_assert_eq!(known.chosen(&chosen.choices(), 7).choices(), chosen.choices());
        }

        #[test]
        fn what_is_said_next_is_newer_than_all_before(known in preferences(), now in 0_i64..20) {
            let next = known.next_at(instant(now)).as_second();
            prop_assert!(next >= now);
            prop_assert!(Some(next) > known.changed_at.max(known.resubscribed_at));
            prop_assert!(!known.unsubscribed || next > known.unsubscribed_at);
        }
    }
}
