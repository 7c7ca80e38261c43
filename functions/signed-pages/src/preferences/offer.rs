//! What can be chosen, and what is chosen now: each choice as the form shows it.

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use minijinja::{Value, context};
use perennial_domain::ids::TopicId;
use perennial_domain::nurture::wishes::Frequency;
use perennial_platform::consent::{Channel, Choices, Standing};
use perennial_playbook::Playbook;

use super::words;

/// What the preference centre offers to one contact at one moment.
pub(super) struct Offer<'a> {
    pub playbook: &'a Playbook,
    pub standing: &'a Standing,
    pub choices: Choices,
    pub now: Timestamp,
}

/// One choice as it is shown.
struct Choice<'a> {
    value: String,
    on: bool,
    title: String,
    about: &'a str,
}

impl Choice<'_> {
    fn value(self) -> Value {
        context! { value => self.value, on => self.on, title => self.title, about => self.about }
    }
}

impl Offer<'_> {
    pub fn topics(&self) -> Vec<Value> {
        let topics = self.playbook.topics().iter().map(|topic| Choice {
            value: topic.id.to_string(),
            on: self.wants(&topic.id),
            title: topic.name.clone(),
            about: &topic.description,
        });
        topics.map(Choice::value).collect()
    }

    pub fn frequencies(&self) -> Vec<Value> {
        let frequency = |frequency: &Frequency| Choice {
            value: frequency.to_string(),
            on: *frequency == self.choices.frequency,
            title: words::frequency(*frequency, self.gap_days()),
            about: "",
        };
        self.offered_frequencies().iter().map(|it| frequency(it).value()).collect()
    }

    pub fn channels(&self) -> Vec<Value> {
        let channel = |channel: Channel| {
            let (title, about) = words::channel(channel);
            let on = !self.choices.channels_off.contains(&channel);
            Choice { value: channel.as_str().to_owned(), on, title: title.to_owned(), about }
        };
        self.shown_channels().map(|it| channel(it).value()).collect()
    }

    /// Channels to choose from. While somebody has opted out, email is no matter of a tick: the button below brings it back.
    pub fn shown_channels(&self) -> impl Iterator<Item = Channel> {
        let opted_out = self.standing.opted_out;
        Channel::ALL.into_iter().filter(move |channel| !(opted_out && *channel == Channel::Email))
    }

    pub fn breaks(&self) -> Vec<Value> {
        let until = self.paused_until();
        let choice = |value: &str, on: bool, title: String| Choice { value: value.to_owned(), on, title, about: "" };
        // Whoever has opted out and comes back wants mail now, and not when a break of before is over.
        let kept = until.is_some() && !self.standing.opted_out;
        let none = choice("none", !kept, words::no_break(until.is_some()).to_owned());
        let keep = until.map(|until| choice("keep", kept, words::kept_break(self.words(until))));
        // One that ends on the same day would be the same.
        let days = self.playbook.preferences.pause_days.iter().filter(|days| Some(self.in_days(**days)) != until);
        let offered =
            days.map(|days| choice(&days.to_string(), false, words::a_break(&self.words(self.in_days(*days)), *days)));
        std::iter::once(none).chain(keep).chain(offered).map(Choice::value).collect()
    }

    /// Frequencies to choose from: those of the playbook that are rarer than its gap, and the one that is chosen.
    pub fn offered_frequencies(&self) -> Vec<Frequency> {
        let rarer = |it: Frequency| it == Frequency::AsOften || it.gap_days() > self.gap_days();
        let offered = |it: &Frequency| {
            *it == self.choices.frequency || (self.playbook.preferences.frequencies.contains(it) && rarer(*it))
        };
        Frequency::ALL.into_iter().filter(offered).collect()
    }

    pub fn wants(&self, topic: &TopicId) -> bool {
        !self.choices.topics_off.contains(topic)
    }

    /// The day on which the break is over, if there is one.
    pub fn paused_until(&self) -> Option<Date> {
        let until = self.choices.paused_until.filter(|until| *until > self.now);
        until.map(|until| self.playbook.calendar.date(until))
    }

    /// The day so many days from today.
    pub fn in_days(&self, days: i64) -> Date {
        self.playbook.calendar.date(self.now).saturating_add(days.days())
    }

    /// Days between two mails, whatever is chosen.
    pub fn gap_days(&self) -> i64 {
        self.playbook.nurture.gap_days
    }

    /// A date as people write it; the year only if it is another one.
    pub fn words(&self, date: Date) -> String {
        let this_year = self.playbook.calendar.date(self.now).year() == date.year();
        date.strftime(if this_year { "%-d %B" } else { "%-d %B %Y" }).to_string()
    }

    /// Whose choices these are, so that whoever was sent the link by somebody else sees it; not the whole address.
    pub fn masked_address(&self) -> Option<String> {
        let fields = self.standing.rows.profile.as_ref()?.fields();
        masked(fields.get("email")?)
    }

    /// No channel at all, and else as it is.
    pub fn nothing(&self) -> Choices {
        Choices { channels_off: Channel::ALL.into(), ..self.choices.clone() }
    }
}

/// The first character of an address and its domain: `a***@example.com`.
fn masked(address: &str) -> Option<String> {
    let (local, domain) = address.rsplit_once('@')?;
    Some(format!("{}***@{domain}", local.chars().next()?))
}

#[cfg(test)]
mod tests {
    use super::masked;

    #[test]
    fn an_address_is_known_again_by_its_owner_only() {
        for (address, shown) in [
            ("ada@example.com", Some("a***@example.com")),
            ("a@example.com", Some("a***@example.com")),
            ("Ünal@example.com", Some("Ü***@example.com")),
            ("a@b@example.com", Some("a***@example.com")),
            ("@example.com", None),
            ("nobody", None),
        ] {
            assert_eq!(masked(address).as_deref(), shown);
        }
    }
}
