//! What the preference centre says: of each choice, and of what will happen now.

use jiff::civil::Date;
use jiff::{SignedDuration, ToSpan};
use perennial_domain::nurture::wishes::Frequency;
use perennial_platform::consent::{Channel, Choices};
use perennial_platform::records::date_of;

use super::offer::Offer;

pub(super) const TITLE: &str = "What would you like to get?";
pub(super) const UNSUBSCRIBE: &str = "No more emails like these and no calls, and we take you off our lists for ads the next time they are renewed. \
     Messages about your contract or support are not affected.";
pub(super) const RESUBSCRIBE: &str = "You get emails again, as you have chosen above.";

pub(super) const CANNOT: &str = "We cannot write to you: mail to your address came back, or was reported. Tell your contact \
                                 with us if you have another address.";

/// What stands beside the button that ends everything.
pub(super) fn unsubscribe() -> String {
    format!("Unsubscribe from everything: {UNSUBSCRIBE}")
}

/// What stands beside the button that takes an opt-out back.
pub(super) fn resubscribe() -> String {
    format!("Write to me again: {RESUBSCRIBE}")
}

pub(super) fn frequency(frequency: Frequency, gap_days: i64) -> String {
    match frequency {
        Frequency::AsOften => format!("Whenever there is something useful, {}", at_most(gap_days)),
        Frequency::Fortnightly | Frequency::Monthly => {
            let words = at_most(frequency.gap_days().max(gap_days));
            words.replacen('a', "A", 1)
        }
    }
}

pub(super) fn channel(channel: Channel) -> (&'static str, &'static str) {
    match channel {
        Channel::Email => ("Email", "The notes on the topics above."),
        Channel::Phone => ("Phone", "A call from your contact with us, if something you read suggests one."),
        Channel::Ads => ("Ads", "What we show on other sites may be chosen for you."),
    }
}

pub(super) fn no_break(is_paused: bool) -> &'static str {
    if is_paused { "End the break now" } else { "No break" }
}

pub(super) fn kept_break(until: String) -> String {
    format!("Keep the break until {until}")
}

pub(super) fn a_break(until: &str, days: i64) -> String {
    format!("Until {until} ({days} {})", if days == 1 { "day" } else { "days" })
}

/// What was chosen, in the words beside it: the record of consent keeps them.
pub(super) fn wording(offer: &Offer<'_>, choices: &Choices) -> String {
    let topics = offer.playbook.topics().iter().filter(|topic| !choices.topics_off.contains(&topic.id));
    let topics: Vec<&str> = topics.map(|topic| topic.name.as_str()).collect();
    let channels = offer.shown_channels().filter(|it| !choices.channels_off.contains(it));
    let channels: Vec<&str> = channels.map(|it| channel(it).0).collect();
    let until = choices.paused_until.map(|until| offer.words(offer.playbook.calendar.date(until)));
    format!(
        "{TITLE} Topics: {}. How often: {}. Ways to reach you: {}. Take a break: {}.",
        or_none(&topics),
        frequency(choices.frequency, offer.gap_days()),
        or_none(&channels),
        until.map_or_else(|| no_break(false).to_owned(), |until| format!("until {until}")),
    )
}

fn or_none(names: &[&str]) -> String {
    if names.is_empty() { "none".to_owned() } else { list(names) }
}

/// What will happen now, in plain sentences.
pub(super) fn outlook(offer: &Offer<'_>) -> Vec<String> {
    let mut sentences = vec![email(offer)];
    let wants = |channel| !offer.choices.channels_off.contains(&channel);
    // Whoever cannot be written to is on none of the next lists, whatever is ticked; those of today are with others already.
    let may_advertise = wants(Channel::Ads) && !offer.standing.opted_out && !offer.standing.unreachable;
    sentences.push(
        match (wants(Channel::Phone), may_advertise) {
            (true, true) => "We may call you, and choose ads for you on other sites.",
            (true, false) => "We may call you. We take you off our lists for ads the next time they are renewed.",
            (false, true) => "We do not call you to sell anything. We may choose ads for you on other sites.",
            (false, false) => {
                "We do not call you to sell anything, and take you off our lists for ads the next time they are renewed."
            }
        }
        .to_owned(),
    );
    sentences.push("Messages about your contract or support are not affected.".to_owned());
    sentences
}

fn email(offer: &Offer<'_>) -> String {
    let company = &offer.playbook.company.name;
    if offer.standing.unreachable {
        return CANNOT.to_owned();
    }
    if offer.standing.opted_out {
        return format!("{company} sends you no more of these emails, from this moment on.");
    }
    if offer.choices.channels_off.contains(&Channel::Email) {
        return "You will get no emails from us: Email is not among the ways to reach you.".to_owned();
    }
    let days = offer.choices.frequency.gap_days().max(offer.gap_days());
    let mut sentence = format!("You will get {}", at_most_mails(days));
    let all = offer.playbook.topics();
    let wanted: Vec<&str> =
        all.iter().filter(|topic| offer.wants(&topic.id)).map(|topic| topic.name.as_str()).collect();
    match wanted.len() {
        0 if all.is_empty() => {}
        0 if streams_without_topic(offer) => sentence.push_str(", about what belongs to none of our topics"),
        0 => return "You will get no emails: none of our topics is ticked.".to_owned(),
        count if count == all.len() => sentence.push_str(", about all our topics"),
        _ => sentence.push_str(&format!(", about {}", quoted(&wanted))),
    }
    if let Some(date) = not_before(offer, days) {
        sentence.push_str(&format!("; the next not before {}", offer.words(date)));
    }
    sentence + "."
}

/// Whether there is mail that no choice of topics stops.
fn streams_without_topic(offer: &Offer<'_>) -> bool {
    offer.playbook.nurture.streams.iter().any(|stream| stream.topic.is_none())
}

/// The first day on which a mail can come, if that is not tomorrow anyway.
fn not_before(offer: &Offer<'_>, days: i64) -> Option<Date> {
    let last = offer.standing.rows.cadence.as_ref().and_then(|cadence| cadence.last_mail_day);
    let free = last.map(|day| date_of(day).saturating_add(days.days()));
    let tomorrow = offer.playbook.calendar.date(offer.now + SignedDuration::from_hours(24));
    free.max(offer.paused_until()).filter(|date| *date > tomorrow)
}

/// "at most once a week".
fn at_most(days: i64) -> String {
    match days {
        1 => "at most once a day".to_owned(),
        7 => "at most once a week".to_owned(),
        days if days % 7 == 0 => format!("at most once every {} weeks", number(days / 7)),
        days => format!("at most once every {} days", number(days)),
    }
}

/// "at most one email a week".
fn at_most_mails(days: i64) -> String {
    at_most(days).replacen("once", "one email", 1)
}

fn number(number: i64) -> String {
    let words = ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"];
    let word = usize::try_from(number - 2).ok().and_then(|index| words.get(index).copied());
    word.map_or_else(|| number.to_string(), str::to_owned)
}

fn quoted(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("“{name}”")).collect();
    list(&quoted.iter().map(String::as_str).collect::<Vec<_>>())
}

/// "a, b and c".
fn list(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [others @ .., last] => format!("{} and {last}", others.join(", ")),
    }
}
