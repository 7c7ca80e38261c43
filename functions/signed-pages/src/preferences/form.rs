//! What was posted: read strictly, so that nothing is changed by half of a form, and never trusted.

use std::collections::BTreeSet;

use jiff::Timestamp;
use perennial_domain::ids::TopicId;
use perennial_domain::nurture::wishes::Frequency;
use perennial_platform::consent::{Channel, Choices};

use super::offer::Offer;

/// What mail programs post (RFC 8058).
pub(crate) const ONE_CLICK: &str = "List-Unsubscribe=One-Click";
/// The form has no more fields than this; a body may hold more.
const MOST_FIELDS: usize = 500;

/// Which button was pressed, and what was chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Pressed {
    Save(Choices),
    Unsubscribe,
    Resubscribe(Choices),
}

/// What is wrong with a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    /// The id of the part of the page that holds the field.
    pub part: &'static str,
    /// Its name in front of people; none if it is not a part that can be seen.
    pub label: Option<&'static str>,
    /// What is wrong, and what to do.
    pub reason: &'static str,
}

impl Wrong {
    const FORM: Self = Self::of("form", None, "This page was not sent as it was shown. Please load it again.");
    const TOPICS: Self =
        Self::of("topics", Some("Topics"), "One of the topics is not there any more. Please choose again.");
    const FREQUENCY: Self = Self::of("frequency", Some("How often"), "Please choose one of these.");
    const CHANNELS: Self =
        Self::of("channels", Some("Ways to reach you"), "One of these is not known. Please choose again.");
    const BREAK: Self = Self::of("break", Some("Take a break"), "Please choose one of these.");

    const fn of(part: &'static str, label: Option<&'static str>, reason: &'static str) -> Self {
        Self { part, label, reason }
    }
}

/// Whether a mail program asks to opt out: as a form, or in parts.
pub(crate) fn is_one_click(body: &[u8]) -> bool {
    if body == ONE_CLICK.as_bytes() || fields(body).is_some_and(|fields| fields.iter().any(one_click)) {
        return true;
    }
    let text = String::from_utf8_lossy(body);
    let part = text.split("name=\"List-Unsubscribe\"").nth(1);
    part.is_some_and(|part| part.trim_start().starts_with("One-Click"))
}

fn one_click((name, value): &(String, String)) -> bool {
    name == "List-Unsubscribe" && value == "One-Click"
}

/// Reads a form. Whoever presses "Unsubscribe from everything" need not have filled in the rest.
pub(super) fn read(body: &[u8], offer: &Offer<'_>) -> Result<Pressed, Wrong> {
    let fields = fields(body).ok_or(Wrong::FORM)?;
    let known = ["topic", "shown", "frequency", "channel", "pause", "do"];
    let pressed = the_one(&fields, "do").ok_or(Wrong::FORM)?;
    if fields.iter().any(|(name, _)| !known.contains(&name.as_str())) {
        return Err(Wrong::FORM);
    }
    match pressed {
        "unsubscribe" => Ok(Pressed::Unsubscribe),
        "save" => choices(&fields, offer).map(Pressed::Save),
        "resubscribe" => {
            let mut choices = choices(&fields, offer)?;
            // That is what the button says.
            choices.channels_off.remove(&Channel::Email);
            Ok(Pressed::Resubscribe(choices))
        }
        _ => Err(Wrong::FORM),
    }
}

fn choices(fields: &[(String, String)], offer: &Offer<'_>) -> Result<Choices, Wrong> {
    let frequency = the_one(fields, "frequency").and_then(Frequency::named);
    let frequency = frequency.filter(|frequency| offer.offered_frequencies().contains(frequency));
    let on: Option<BTreeSet<Channel>> = all(fields, "channel").map(Channel::named).collect();
    let topics_off = topics_off(fields, offer)?;
    let frequency = frequency.ok_or(Wrong::FREQUENCY)?;
    let on = on.ok_or(Wrong::CHANNELS)?;
    let shown: BTreeSet<Channel> = offer.shown_channels().collect();
    // Of one that was not shown, what was chosen before stays.
    let is_off = |channel: &Channel| match shown.contains(channel) {
        true => !on.contains(channel),
        false => offer.choices.channels_off.contains(channel),
    };
    Ok(Choices {
        topics_off,
        frequency,
        channels_off: Channel::ALL.into_iter().filter(is_off).collect(),
        paused_until: paused_until(fields, offer)?,
    })
}

/// What was shown and is not ticked; of a topic that was not shown, what was chosen before stays.
fn topics_off(fields: &[(String, String)], offer: &Offer<'_>) -> Result<BTreeSet<TopicId>, Wrong> {
    let shown: BTreeSet<&str> = all(fields, "shown").collect();
    let ticked: BTreeSet<&str> = all(fields, "topic").collect();
    let known = |id: &&str| offer.playbook.topics().iter().any(|topic| topic.id.as_str() == *id);
    if !ticked.iter().all(known) || !ticked.is_subset(&shown) {
        return Err(Wrong::TOPICS);
    }
    let before = offer.choices.topics_off.iter().filter(|topic| !shown.contains(topic.as_str())).cloned();
    let now = shown.difference(&ticked).filter(|id| known(id)).map(|id| TopicId::from(*id));
    Ok(before.chain(now).collect())
}

fn paused_until(fields: &[(String, String)], offer: &Offer<'_>) -> Result<Option<Timestamp>, Wrong> {
    match the_one(fields, "pause").ok_or(Wrong::BREAK)? {
        "none" => Ok(None),
        // It may have ended since the page was shown.
        "keep" => Ok(offer.choices.paused_until.filter(|until| *until > offer.now)),
        days => {
            let offered = offer.playbook.preferences.pause_days.iter().find(|offered| offered.to_string() == days);
            let days = offered.ok_or(Wrong::BREAK)?;
            Ok(Some(offer.playbook.calendar.start_of(offer.in_days(*days))))
        }
    }
}

fn all<'a>(fields: &'a [(String, String)], name: &str) -> impl Iterator<Item = &'a str> {
    fields.iter().filter(move |(other, _)| other == name).map(|(_, value)| value.as_str())
}

/// The value of a field that is there once.
pub(crate) fn the_one<'a>(fields: &'a [(String, String)], name: &'a str) -> Option<&'a str> {
    let mut values = all(fields, name);
    values.next().filter(|_| values.next().is_none())
}

/// The fields of a form as browsers send it; nothing if it is not one.
pub(crate) fn fields(body: &[u8]) -> Option<Vec<(String, String)>> {
    let text = str::from_utf8(body).ok()?;
    let pairs = text.split('&').filter(|pair| !pair.is_empty()).take(MOST_FIELDS + 1);
    let fields: Vec<(String, String)> = pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=')?;
            Some((decoded(name)?, decoded(value)?))
        })
        .collect::<Option<_>>()?;
    (fields.len() <= MOST_FIELDS).then_some(fields)
}

/// Percent-decoded text; nothing if an escape is none, or makes no text.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                let high = digit()?;
                (high << 4) | digit()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}
