//! What the letters to sales say: hand-off, asked again, digest, and the rungs of the ladder, each more insistent than the one before.

use perennial_domain::sla::Recipient;

use crate::taken::{PutOff, Taker};
use crate::template::{LeadLine, Letter, More, Talk};

/// What all letters about one lead share.
fn about_one(subject: String, greeting: String, opening: String, lead: LeadLine, closing: &str) -> Letter {
    Letter {
        heading: subject.clone(),
        subject: subject.replace('\u{a0}', " "),
        preview: preview(&lead),
        greeting,
        covering: None,
        opening,
        deadline: None,
        action: None,
        more: More::default(),
        people: Vec::new(),
        talk: talk([&lead]),
        leads: vec![lead],
        closing: closing.to_owned(),
    }
}

/// Product, reason and company: what an inbox shows beside the name in the subject.
fn preview(lead: &LeadLine) -> String {
    let parts = [&lead.product, &lead.reason, &lead.company].map(String::as_str);
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" · ")
}

/// What to say, once for each product.
fn talk<'a>(leads: impl IntoIterator<Item = &'a LeadLine>) -> Vec<Talk> {
    let mut talk: Vec<Talk> = Vec::new();
    for lead in leads {
        if !lead.talk.lines.is_empty() && !talk.contains(&lead.talk) {
            talk.push(lead.talk.clone());
        }
    }
    talk
}

/// A lead that cannot wait for tomorrow's digest.
pub(crate) fn hand_off(owner: &str, line: LeadLine) -> Letter {
    let (who, word) = (&line.who, if line.reach.by_phone() { "call" } else { "answer" });
    let opening =
        format!("{} {}. Somebody who does that wants to hear from you today: please {word}.", line.called, line.reason);
    let heading = format!("{who} wants {}", line.product);
    let letter = about_one(heading, hello(owner), opening, line, "“I am on it” stops the reminders.");
    Letter { subject: format!("{}: {}", letter.leads[0].priority, letter.heading), ..letter }
}

/// The new leads of a day, best first, and those that were put off until then; and how many more there are.
pub(crate) fn new_leads(owner: &str, leads: Vec<LeadLine>, more: More) -> Letter {
    let put_off = leads.iter().filter(|lead| lead.put_off.is_some()).count();
    let closing = match leads.len() == put_off && more.count == 0 {
        true => "Nobody is reminded of it besides: this is for you to know.",
        false => "“I am on it” tells everybody that the lead is yours.",
    };
    if let ([lead], 0) = (&leads[..], more.count) {
        let (who, called, reason, lead) = (&lead.who, &lead.called, &lead.reason, lead.clone());
        let (subject, opening) = match &lead.put_off {
            None => (format!("A new lead for you: {who}"), format!("{called} {reason}.")),
            Some(put_off) => {
                let subject = match put_off {
                    PutOff(Taker::Reader) => format!("You asked to be reminded of {who}"),
                    PutOff(_) => format!("Put off until today: {who}"),
                };
                // Whoever put it off need not be who is on it.
                let others = lead.on_it.as_ref().filter(|on_it| **on_it != Taker::Reader && put_off.0 != **on_it);
                let others = others.map(|on_it| format!(" {}.", sentence(&on_it.is_on_it()))).unwrap_or_default();
                (subject, format!("{put_off}{others} {called} {reason}."))
            }
        };
        return about_one(subject, hello(owner), opening, lead, closing);
    }
    let count = leads.len() + more.count;
    let (subject, opening) = match more.put_off || put_off > 0 {
        false => (
            format!("{count} new leads for you, best first"),
            "These customers have shown interest lately. The first one is the best.",
        ),
        true => (format!("{count} leads for you, best first"), "These are new, or were put off until today."),
    };
    let names: Vec<&str> = leads.iter().take(3).map(|lead| lead.who.as_str()).collect();
    let others = if count > 3 { format!(" and {} more", count - 3) } else { String::new() };
    Letter {
        heading: subject.clone(),
        subject,
        preview: format!("{}{others}", names.join(", ")),
        greeting: hello(owner),
        covering: None,
        opening: opening.to_owned(),
        deadline: None,
        action: None,
        more,
        people: Vec::new(),
        talk: talk(&leads),
        leads,
        closing: closing.to_owned(),
    }
}

/// A lead whose contact asked again, by an Act Now.
pub(crate) fn asks_again(reader: &str, line: LeadLine) -> Letter {
    let (called, reason, word) = (&line.called, &line.reason, if line.reach.by_phone() { "call" } else { "answer" });
    let opening = match &line.on_it {
        None => format!("{called} {reason}, and nobody has answered the first time. Please {word} today."),
        Some(on_it) => {
            let please = if *on_it == Taker::Reader { word.to_owned() } else { format!("see that somebody {word}s") };
            let on_it = sentence(&on_it.is_on_it());
            format!("{on_it} already, and {called} {reason}. Perhaps something is still open: please {please} today.")
        }
    };
    let closing = match line.on_it {
        None => "“I am on it” stops the reminders.",
        Some(_) => "Nobody is reminded of it: this is for you to know.",
    };
    let heading = format!("{} asks again about {}", line.who, line.product);
    let letter = about_one(heading, hello(reader), opening, line, closing);
    Letter { subject: format!("{}: {}", letter.leads[0].priority, letter.heading), ..letter }
}

/// The same as the beginning of a sentence.
fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// Which reminder it is, and for whom.
#[derive(Clone, Debug)]
pub(crate) struct Reminder {
    /// From 0.
    pub rung: usize,
    /// Whether no other follows.
    pub is_last: bool,
    pub to: Recipient,
    pub greeting: String,
    /// Who hears of this rung besides its reader.
    pub also: Vec<Recipient>,
}

/// Each rung is more insistent than the one before.
pub(crate) fn reminder(reminder: Reminder, line: LeadLine) -> Letter {
    let LeadLine { who, called, owner, since, reason, .. } = &line;
    // Nobody is asked to call whom we have promised that nobody calls.
    let (word, step_in) = match line.reach.by_phone() {
        true => ("call", "call"),
        false => ("answer", "step in"),
    };
    let also = also(&reminder.also, line.manager.as_deref());
    let (subject, opening) = match (reminder.rung, reminder.to) {
        (0, Recipient::Rep) => (
            format!("A friendly reminder: {who} is waiting to hear from you"),
            format!("{called} {reason}. A short {word} today is worth more than a long one next week."),
        ),
        (rung, Recipient::Rep) if !reminder.is_last => (
            format!("{} reminder: {who} is still waiting", ordinal(rung)),
            format!(
                "{called} {reason}, and heard from nobody since {since}.{also} Can you take it today? If not, say so below."
            ),
        ),
        (_, Recipient::Rep) => (
            format!("Last reminder: {who}"),
            format!(
                "{called} {reason}. Nobody has answered since {since}.{also} Please {word} now, or say below what happens next."
            ),
        ),
        (0 | 1, _) => (
            format!("{owner} has an untouched lead: {who}"),
            format!(
                "{called} {reason}. It has been open since {since}. Perhaps {owner} is away; then somebody else should {step_in} today."
            ),
        ),
        (rung, _) => (
            format!("Untouched since {since}: {who}, lead of {owner}"),
            format!(
                "{called} {reason}. {} to {owner} had no effect. Please make sure that this customer hears from somebody today.",
                reminders(rung)
            ),
        ),
    };
    let said = line.button.as_ref().map_or("I am on it", |button| &button.label);
    let closing = format!("The reminders stop as soon as somebody says “{said}”.");
    about_one(subject, reminder.greeting, opening, line, &closing)
}

/// ` Elif Aydin hears of it today.`
fn also(also: &[Recipient], manager: Option<&str>) -> String {
    let manager = manager.filter(|_| also.contains(&Recipient::Manager));
    match (manager, also.contains(&Recipient::Executive)) {
        (None, false) => String::new(),
        (Some(manager), false) => format!(" {manager} hears of it today."),
        (None, true) => " Management hears of it today.".to_owned(),
        (Some(manager), true) => format!(" {manager} and management hear of it today."),
    }
}

fn ordinal(rung: usize) -> String {
    match rung {
        0 => "First".to_owned(),
        1 => "Second".to_owned(),
        2 => "Third".to_owned(),
        more => format!("{}th", more + 1),
    }
}

/// So many have gone out before this one.
fn reminders(rung: usize) -> String {
    match rung {
        2 => "Two reminders".to_owned(),
        more => format!("{more} reminders"),
    }
}

/// The first line.
pub(crate) fn hello(name: &str) -> String {
    format!("Hello {name},")
}
