//! Every rule that a source must keep, beyond being readable.

mod rules;
mod values;
mod ways;

use std::collections::{BTreeMap, BTreeSet};

use toml::Spanned;

use crate::problem::{Findings, Page, Problem, quoted};
use crate::source::{Number, Reading, Text};
use crate::sources::Origin;

use super::compile;
use super::written::{Envelope, Format, Meanings, Shape, View, Written};

/// A delivery is not believed for longer than an hour.
pub(super) const MOST_TOLERANCE_SECONDS: i64 = 3600;
/// No amount is written in units a million times as large as ours.
pub(super) const MOST_TIMES: i64 = 1_000_000;

/// What the playbook knows: what a source may name.
pub(super) struct Catalogue<'a> {
    products: BTreeSet<&'a str>,
    /// The actions by asset.
    assets: BTreeMap<&'a str, BTreeSet<&'a str>>,
}

impl<'a> Catalogue<'a> {
    /// Of a playbook; `None` if what it knows could not all be read.
    pub fn of(playbook: &'a Reading) -> Option<Self> {
        if ["product", "asset", "interest"].iter().any(|section| playbook.unread.contains(section)) {
            return None;
        }
        let source = &playbook.source;
        let assets = source.assets.iter().map(|asset| {
            let worth = asset.worth(&source.interest.points);
            (asset.id.get_ref().as_str(), worth.into_keys().map(|action| action.get_ref().as_str()).collect())
        });
        Some(Self {
            assets: assets.collect(),
            products: source.products.iter().map(|product| product.id.get_ref().as_str()).collect(),
        })
    }
}

/// Checks a source that could be read.
pub(super) fn check(page: Page<'_>, written: &Written, catalogue: Option<&Catalogue<'_>>, findings: &mut Findings) {
    let mut check = Check { page, written, catalogue, findings };
    check.format();
    check.url();
    check.ways();
    check.envelope();
    check.rules();
    check.names();
}

struct Check<'a> {
    page: Page<'a>,
    written: &'a Written,
    catalogue: Option<&'a Catalogue<'a>>,
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

    fn is_format(&self, format: Format) -> bool {
        self.written.format.as_ref().is_some_and(|written| *written.get_ref() == format)
    }

    fn is_unread(&self, section: &str) -> bool {
        self.written.unread.contains(section)
    }

    /// What belongs to one format and not to another.
    fn format(&mut self) {
        let written = self.written;
        let Some(format) = &written.format else { return };
        match format.get_ref() {
            Format::Native => {
                for rule in &written.rules {
                    self.error(rule, "a native source has no rules: its messages say what they mean");
                }
                if let Some(otherwise) = &written.otherwise {
                    self.error(otherwise, "a native source has no otherwise: what cannot be read is refused");
                }
                self.no_envelope("native");
            }
            Format::Segment => self.no_envelope("segment"),
            Format::Mapped if written.envelope.is_none() && !self.is_unread("envelope") => {
                self.error(format, "a mapped source needs an [envelope]: where an event says what it is and when");
            }
            Format::Zoom | Format::Mapped => {}
        }
        let by_rules = matches!(format.get_ref(), Format::Zoom | Format::Mapped);
        if by_rules && written.rules.is_empty() && !self.is_unread("rule") {
            self.warn(format, "no [[rule]]: nothing that is sent will mean anything");
        }
    }

    fn no_envelope(&mut self, format: &str) {
        if let Some(envelope) = &self.written.envelope {
            self.error(envelope, format!("the envelope of {format} messages is known: leave it out"));
        }
    }

    fn url(&mut self) {
        let Some(url) = &self.written.url else { return };
        let text = url.get_ref();
        let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or_default();
        if host.is_empty() || text.contains(|c: char| c.is_whitespace() || c.is_control() || "\"'<>@".contains(c)) {
            self.error(url, "the url is not an address such as https://hooks.example.com/v1/webhooks/hubspot");
        } else if !self.is_unread("verify") && !self.signs_url() {
            self.warn(url, "the url is not used: no [[verify]] signs {url}");
        }
    }

    fn envelope(&mut self) {
        let written = self.written;
        let Some(Envelope { each, id, kind, at, varies }) =
            written.envelope.as_ref().map(|envelope| envelope.get_ref())
        else {
            return self.types_need_a_place();
        };
        let lists = [("id", id), ("varies", varies)];
        let several = lists.into_iter().filter_map(|(name, words)| Some((name, words.as_ref()?.texts())));
        let one = [("each", each), ("type", kind)].into_iter().filter_map(|(name, at)| Some((name, at.clone()?)));
        let several: Vec<(&str, Text)> =
            several.flat_map(|(name, texts)| texts.into_iter().map(move |text| (name, text))).chain(one).collect();
        for (name, place) in several {
            self.event_place(&format!("{name} of the envelope"), &place);
        }
        if let Some(at) = at {
            let view = at.view();
            for place in &view.from {
                self.event_place("at of the envelope", place);
            }
            if let Some(is) = view.is {
                self.error(is, "a time has no meanings: at knows take, else and unit");
            }
            if let Some(times) = view.times {
                self.error(times, "a time is not multiplied: say its unit");
            }
        }
        self.types_need_a_place();
    }

    /// A rule cannot ask for a type that no place tells.
    fn types_need_a_place(&mut self) {
        let written = self.written;
        let told = match (&written.envelope, self.is_format(Format::Mapped)) {
            (Some(envelope), _) => envelope.get_ref().kind.is_some(),
            (None, mapped) => !mapped,
        };
        if told || self.is_unread("envelope") || self.is_format(Format::Segment) || self.is_format(Format::Native) {
            return;
        }
        if let Some(kinds) = written.rules.iter().find_map(|rule| rule.get_ref().kinds.as_ref()) {
            self.error(kinds, "a rule names a type, and type of the envelope does not say where it stands");
        }
    }

    /// A place in the event, and nothing else.
    fn event_place(&mut self, name: &str, place: &Text) {
        match compile::origin(place.get_ref()) {
            Origin::Event(pointer) => self.pointer(name, place, &pointer),
            _ => {
                let reason = format!("{name} is {}, and a place in the event begins with /", quoted(place.get_ref()));
                let near = format!("/{}", place.get_ref().trim_start_matches("./"));
                self.error(place, reason).did_you_mean(place.get_ref(), [near.as_str()]);
            }
        }
    }

    /// Source: RFC 6901, section 3.
    fn pointer(&mut self, name: &str, place: &Text, pointer: &str) {
        let escapes = pointer.split('~').skip(1);
        if escapes.into_iter().any(|after| !after.starts_with(['0', '1'])) {
            let reason = format!("{name}: in a place, ~ is written ~0 (and a / within a name ~1)");
            self.error(place, reason);
        }
    }

    /// Lists that nobody uses, or that say nothing.
    fn names(&mut self) {
        let written = self.written;
        if self.is_unread("rule") {
            return;
        }
        let fields = written.rules.iter().flat_map(|rule| rule.get_ref().fields.values());
        let views = fields.flat_map(|field| match field.shape() {
            Shape::One(view) => vec![view],
            Shape::ByProduct(product, value) => vec![product, value],
            Shape::Neither(_) => Vec::new(),
        });
        let named = |view: View<'_>| match view.is?.get_ref() {
            Meanings::Named(name) => Some(name.clone()),
            Meanings::Here(_) => None,
        };
        let used: BTreeSet<String> = views.filter_map(named).collect();
        for name in written.names.keys().filter(|name| !used.contains(name.get_ref())) {
            self.warn(name, format!("no rule uses the names {}", quoted(name.get_ref())));
        }
    }
}
