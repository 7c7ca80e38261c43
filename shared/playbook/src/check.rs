//! Every rule that a playbook must keep, beyond being readable.
//!
//! Owns the judgement, never the result: what passes here is turned into rules by [`crate::compile`]. The same checks
//! hold for a folder and for a bundle, so that a bundle written by hand is no way around them.

mod actions;
mod catalogue;
mod editions;
mod examples;
mod fit;
mod flows;
mod owners;
mod people;
mod preferences;
mod reach;
mod segments;
mod sending;
mod streams;
mod talk;

use std::collections::{BTreeMap, BTreeSet};

use toml::Spanned;

use crate::colour::{self, BESIDE_ACCENT, BESIDE_ACCENT_DARK, Colour};
use crate::compile;
use crate::content::{Drafts, Stage};
use crate::problem::{Findings, Page, Problem, quoted};
use crate::source::{Decay, EFFORTS, Number, Points, Reading, Source, Text};

pub(crate) use people::MOST_HOURS;
pub(crate) use talk::{LONGEST_LINE, LONGEST_REASON, MOST_LINES, MOST_REASONS};

/// No engagement and no attribute is worth more, or less than minus as much.
pub(crate) const MOST_POINTS: i64 = 1000;
/// A score is kept small enough to be read.
pub(crate) const MOST_CAP: i64 = 10_000;
/// A mail is not scanned for longer than an hour.
pub(crate) const MOST_SECONDS: i64 = 3600;
/// A fact holds at most so many times.
pub(crate) const MOST_CLICKS: i64 = 128;
/// A period longer than two years is a slip.
pub(crate) const MOST_DAYS: i64 = 731;
/// Nobody sends faster from one account.
pub(crate) const MOST_RATE: i64 = 10_000;
/// Nobody sends more a day from one account.
pub(crate) const MOST_MESSAGES: i64 = 100_000_000;
/// Mail is planned on the full hour, which where the reader is may be any minute: in a window of an hour there is one.
const LEAST_WINDOW_MINUTES: i64 = 60;
/// So long a window leaves room for another try.
const GOOD_WINDOW_MINUTES: i64 = 120;

/// Checks a playbook that could be read.
///
/// Where something could not be read, whatever asks for that section is left out: it would say what only follows.
pub(crate) fn check(page: Page<'_>, reading: &Reading, drafts: &Drafts, findings: &mut Findings) {
    let mut check = Check { page, source: &reading.source, drafts, findings };
    let rules: [Rule<'_>; 26] = [
        (Check::company, &["company"]),
        (Check::team, &["team"]),
        (Check::quarter, &["quarter"]),
        (Check::interest, &["interest"]),
        (Check::catalogue, &["product", "interest"]),
        (Check::fit, &["fit"]),
        (Check::qualify, &["qualify"]),
        (Check::reject_reasons, &["qualify"]),
        (Check::talk, &["product", "asset"]),
        (Check::nurture, &["nurture"]),
        (Check::sending, &["sending"]),
        (Check::streams, &["product", "asset", "nurture", "stream"]),
        (Check::editions, &["nurture", "stream"]),
        (Check::conditions_of_streams, &["product", "stream", "segment"]),
        (Check::topics, &["topic"]),
        (Check::topics_of_streams, &["topic", "stream"]),
        (Check::preferences, &["preferences"]),
        (Check::frequencies, &["nurture", "preferences"]),
        (Check::mail_assets, &["asset", "stream"]),
        (Check::reps, &["rep"]),
        (Check::absences, &["rep"]),
        (Check::territories, &["product", "segment", "rep", "territory"]),
        (Check::ladder, &["sla"]),
        (Check::goals, &["goals"]),
        (Check::segments, &["product", "asset", "stream", "segment", "persona"]),
        (Check::conditions_that_never_hold, &["product", "segment", "interest"]),
    ];
    for (rule, asked) in rules {
        if asked.iter().all(|section| !reading.unread.contains(section)) {
            rule(&mut check);
        }
    }
    // Whoever must mend a value does not wonder yet what it leads to.
    if !check.findings.any_error() {
        check.reach();
    }
}

/// A check, and the sections that it asks.
type Rule<'a> = (fn(&mut Check<'a>), &'static [&'static str]);

struct Check<'a> {
    page: Page<'a>,
    source: &'a Source,
    drafts: &'a Drafts,
    findings: &'a mut Findings,
}

impl Check<'_> {
    fn error<T>(&mut self, at: &Spanned<T>, reason: impl Into<String>) -> &mut Problem {
        self.findings.error(self.page.at_span(at.span()), reason)
    }

    fn warn<T>(&mut self, at: &Spanned<T>, reason: impl Into<String>) -> &mut Problem {
        self.findings.warn(self.page.at_span(at.span()), reason)
    }

    fn within(&mut self, name: &str, value: &Number, least: i64, most: i64) {
        if !(least..=most).contains(value.get_ref()) {
            self.error(value, format!("{name} is {}, and must be within {least} and {most}", value.get_ref()));
        }
    }

    fn filled(&mut self, name: &str, value: &Text) {
        if value.get_ref().trim().is_empty() {
            self.error(value, format!("{name} is empty"));
        } else if value.get_ref().chars().any(char::is_control) {
            self.error(value, format!("{name} holds a line break or another control character"));
        }
    }

    /// Notes ids that are malformed or given twice.
    fn ids<'t>(&mut self, kind: &str, ids: impl IntoIterator<Item = &'t Text>) {
        let mut seen = BTreeMap::new();
        for id in ids {
            self.id(kind, id);
            if let Some(first) = seen.insert(id.get_ref().as_str(), id) {
                let line = self.page.at_span(first.span()).line.unwrap_or_default();
                self.error(id, format!("{kind} {} is there already, on line {line}", quoted(id.get_ref())));
            }
        }
    }

    fn id(&mut self, kind: &str, id: &Text) {
        if !is_id(id.get_ref()) {
            self.error(id, format!("{kind} id {} is not {ID_RULE}", quoted(id.get_ref())));
        }
    }

    /// Notes an id that names nothing; `who` names it.
    fn exists(&mut self, who: &str, kind: &str, id: &Text, known: &BTreeSet<&str>) -> bool {
        let exists = known.contains(id.get_ref().as_str());
        if !exists {
            let reason = format!("{who} names {kind} {}, which does not exist", quoted(id.get_ref()));
            self.error(id, reason).did_you_mean(id.get_ref(), known.iter().copied());
        }
        exists
    }

    fn products(&self) -> BTreeSet<&str> {
        self.source.products.iter().map(|product| product.id.get_ref().as_str()).collect()
    }

    fn company(&mut self) {
        let company = &self.source.company;
        self.filled("the company's name", &company.name);
        self.filled("the postal address", &company.postal_address);
        if !is_sender(company.sender.get_ref()) {
            self.error(
                &company.sender,
                "the sender is neither an address nor a name with an address in angle brackets",
            );
        }
        let site = company.site.get_ref();
        let host = site.strip_prefix("https://").or_else(|| site.strip_prefix("http://")).unwrap_or_default();
        if host.is_empty() || site.contains(|c: char| c.is_whitespace() || c.is_control() || "\"'<>@".contains(c)) {
            self.error(&company.site, "the site is not a link such as https://www.example.com");
        } else if site.ends_with('/') {
            self.warn(&company.site, "the site ends in a slash: {{ site }}/page will hold two");
        }
        self.accent(self.source.company.accent.as_ref(), "the light pages", &BESIDE_ACCENT);
        self.accent(self.source.company.accent_dark.as_ref(), "the dark pages", &BESIDE_ACCENT_DARK);
    }

    /// Links and buttons can be read.
    fn accent(&mut self, accent: Option<&Text>, ground: &str, beside: &[&str]) {
        let Some(written) = accent else { return };
        let colour = Colour::read(written.get_ref()).filter(|_| written.get_ref().len() == 7);
        let Some(colour) = colour else {
            self.error(written, format!("{} is not a colour such as \"#1f6b52\"", quoted(written.get_ref())));
            return;
        };
        let least = beside.iter().filter_map(|other| Colour::read(other)).map(|other| colour.contrast(other));
        let least = least.fold(f64::INFINITY, f64::min);
        if least < colour::ENOUGH {
            let (shown, least) = (quoted(written.get_ref()), (least * 100.0).floor() / 100.0);
            let reason = format!(
                "{shown} cannot be read on {ground}: its contrast is {least:.2} to 1, and links and buttons need {} to 1",
                colour::ENOUGH
            );
            self.error(written, reason);
        }
    }

    fn zone(&mut self, zone: &Text) {
        if compile::zone(zone.get_ref()).is_none() {
            let reason = format!("time zone {} does not exist", quoted(zone.get_ref()));
            let known: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
            self.error(zone, reason).did_you_mean(zone.get_ref(), known.iter().map(String::as_str));
        }
    }

    fn quarter(&mut self) {
        let quarter = &self.source.quarter;
        self.zone(&quarter.time_zone);
        self.within("first_month", &quarter.first_month, 1, 12);
    }

    fn team(&mut self) {
        let source = self.source;
        self.zone(&source.team.time_zone);
        if source.team.working_days.get_ref().is_empty() {
            self.error(&source.team.working_days, "no working day: nothing would ever be checked or sent");
        }
        for day in source.team.working_days.get_ref() {
            if compile::weekday(day.get_ref()).is_none() {
                let reason = format!("{} is not a day of the week", quoted(day.get_ref()));
                self.error(day, reason).did_you_mean(day.get_ref(), compile::WEEKDAYS.map(|(name, _)| name));
            }
        }
        for holiday in &source.team.holidays {
            if compile::date(holiday.get_ref()).is_none() {
                self.error(holiday, format!("{} is not a date such as \"2026-12-25\"", quoted(holiday.get_ref())));
            }
        }
    }

    fn interest(&mut self) {
        let interest = &self.source.interest;
        self.within("cap", &interest.cap, 1, MOST_CAP);
        let cap = *interest.cap.get_ref();
        let own = self.source.products.iter().filter_map(|product| product.threshold.as_ref());
        for threshold in std::iter::once(&interest.threshold).chain(own) {
            let points = *threshold.get_ref();
            if points < 1 {
                self.error(threshold, format!("the threshold is {points}, and must be at least 1"));
            } else if points > cap {
                self.error(
                    threshold,
                    format!("the threshold of {points} is above the cap of {cap}: no score would reach it"),
                );
            }
        }
        match interest.decay.get_ref() {
            Decay::Halve => {}
            Decay::Points(points) => self.within("the decay in points", points, 1, MOST_CAP),
            Decay::Percent(percent) => self.within("the decay in percent", percent, 1, 100),
        }
        for (stage, effort) in Stage::ALL.iter().flat_map(|stage| EFFORTS.map(|effort| (*stage, effort))) {
            let name = format!("the default of {} {}", stage.as_str(), effort.as_str());
            self.within(&name, &interest.points.of(stage, effort), 0, MOST_POINTS);
        }
        self.within("seconds_after_sending", &interest.gate.seconds_after_sending, 0, MOST_SECONDS);
        // One click is a person's.
        self.within("clicks_per_day", &interest.gate.clicks_per_day, 2, MOST_CLICKS);
    }

    fn points(&mut self, name: &str, points: &Points) {
        for (key, value) in points {
            self.within(&format!("{name} {}", quoted(key.get_ref())), value, -MOST_POINTS, MOST_POINTS);
        }
    }

    fn qualify(&mut self) {
        let qualify = &self.source.qualify;
        self.within("hot", &qualify.hot, 1, 100);
        self.within("warm", &qualify.warm, 0, 100);
        if qualify.warm.get_ref() > qualify.hot.get_ref() {
            let (warm, hot) = (qualify.warm.get_ref(), qualify.hot.get_ref());
            self.error(&qualify.warm, format!("warm begins at {warm}, above hot at {hot}"));
        }
        self.within("fit_weight", &qualify.fit_weight, 0, 100);
        self.within("new_customer_days", &qualify.new_customer_days, 0, MOST_DAYS);
    }

    fn nurture(&mut self) {
        let nurture = &self.source.nurture;
        self.within("gap_days", &nurture.gap_days, 1, MOST_DAYS);
        self.within("stream_every_days", &nurture.stream_every_days, 1, MOST_DAYS);
        self.within("accelerated_days", &nurture.accelerated_days, 1, MOST_DAYS);
        self.within("educational_before_hard", &nurture.educational_before_hard, 0, 100);
        if let Some(cap) = &nurture.cap {
            self.within("the cap's mails", &cap.get_ref().mails, 1, MOST_DAYS);
            self.within("the cap's days", &cap.get_ref().days, 1, MOST_DAYS);
        }
        self.window();
    }

    fn window(&mut self) {
        let Some(window) = &self.source.nurture.window else { return };
        let (from, to) = (&window.get_ref().from, &window.get_ref().to);
        let mut sound = true;
        for time in [from, to] {
            if compile::time(time.get_ref()).is_none() {
                self.error(time, format!("{} is not a time such as \"08:00\"", quoted(time.get_ref())));
                sound = false;
            }
        }
        if !sound {
            return;
        }
        let times = compile::time(from.get_ref()).zip(compile::time(to.get_ref()));
        let minutes = times.map_or(0, |(from, to)| to.duration_since(from).as_mins());
        let (from, shown) = (quoted(from.get_ref()), quoted(to.get_ref()));
        if minutes <= 0 {
            self.error(to, format!("the window closes at {shown}, and does not open before {from}"));
        } else if minutes < LEAST_WINDOW_MINUTES {
            let least =
                format!("mail is planned once an hour, so it has to be open for {LEAST_WINDOW_MINUTES} at least");
            self.error(to, format!("the window from {from} to {shown} is open for {minutes} minutes: {least}"));
        } else if minutes < GOOD_WINDOW_MINUTES {
            let often =
                "mail is planned once an hour, so whatever is held up for a moment waits for the next working day";
            self.warn(to, format!("the window from {from} to {shown} is open for {minutes} minutes: {often}"));
        }
    }

    fn goals(&mut self) {
        let goals = &self.source.goals;
        for (name, value) in
            [("revenue_cents", &goals.revenue_cents), ("average_price_cents", &goals.average_price_cents)]
        {
            if *value.get_ref() < 1 {
                self.error(value, format!("{name} is {}, and must be above zero", value.get_ref()));
            }
        }
        self.within("win_rate_percent", &goals.win_rate_percent, 1, 100);
        self.within("opportunity_rate_percent", &goals.opportunity_rate_percent, 1, 100);
        self.within("sql_rate_percent", &goals.sql_rate_percent, 1, 100);
        let currency = goals.currency.get_ref();
        if currency.len() != 3 || !currency.bytes().all(|byte| byte.is_ascii_uppercase()) {
            self.error(&goals.currency, format!("{} is not a currency such as \"USD\"", quoted(currency)));
        }
    }
}

/// What [`is_id`] asks for, in words.
const ID_RULE: &str = "1 to 64 of a-z, 0-9, '.', '_' and '-', beginning with a letter or digit";

/// `[a-z0-9][a-z0-9._-]{0,63}`.
pub(crate) fn is_id(id: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    id.len() <= 64
        && id.bytes().next().is_some_and(letter)
        && id.bytes().all(|byte| letter(byte) || b"._-".contains(&byte))
}

/// An address as mail systems take it everywhere: no quotes, no comments, a domain with a dot.
pub fn is_address(address: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+/=?^_`{|}~.-".contains(c);
    address.len() <= 254
        && address.split_once('@').is_some_and(|(local, domain)| {
            let labels: Vec<&str> = domain.split('.').collect();
            let label =
                |label: &&str| !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
            !local.is_empty() && local.chars().all(plain) && labels.len() > 1 && labels.iter().all(label)
        })
}

/// `Name <address>` or an address.
fn is_sender(sender: &str) -> bool {
    match sender.strip_suffix('>').and_then(|rest| rest.split_once('<')) {
        Some((name, address)) => {
            let name = name.trim();
            !name.is_empty() && !name.contains(|c: char| c.is_control() || "<>@,;:".contains(c)) && is_address(address)
        }
        None => is_address(sender),
    }
}
