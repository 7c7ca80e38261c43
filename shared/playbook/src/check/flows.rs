//! Who flows into a stream, through it and out of it: its figures, its triggers, its conditions, and where it leads.

use std::collections::{BTreeMap, BTreeSet};

use crate::compile;
use crate::problem::quoted;
use crate::segments;
use crate::source::{Number, Stream, StreamKind, Text};

use super::{Check, MOST_DAYS};

/// More seats than are paid for are used ten times over: a slip.
const MOST_PERCENT: i64 = 1000;

impl Check<'_> {
    /// The figures of a stream: each for the kinds that take it.
    pub(super) fn figures(&mut self, who: &str, stream: &Stream) {
        let figures: [(&'static str, &Option<Number>, i64); 7] = [
            ("days", &stream.days, MOST_DAYS),
            ("after_days", &stream.after_days, MOST_DAYS),
            ("until_days", &stream.until_days, MOST_DAYS),
            ("unused_days", &stream.unused_days, MOST_DAYS),
            ("adoption_percent", &stream.adoption_percent, 100),
            ("seats_percent", &stream.seats_percent, MOST_PERCENT),
            ("every_days", &stream.every_days, MOST_DAYS),
        ];
        for (name, number, most) in figures {
            let Some(number) = number else { continue };
            if self.takes(who, stream, name, number.span().start) {
                self.within(name, number, 1, most);
            }
        }
        if let (Some(days), Some(_)) = (&stream.days, stream.after_days.as_ref().or(stream.until_days.as_ref())) {
            let own = if stream.kind == StreamKind::Onboarding { "until_days" } else { "after_days" };
            self.error(days, format!("{who} has days and {own}, which say the same: leave one out"));
        }
        self.within("holdout_percent", &stream.holdout_percent, 0, 100);
        if *stream.holdout_percent.get_ref() == 100 {
            self.warn(&stream.holdout_percent, format!("{who} holds out everybody: nobody will receive it"));
        }
        self.marks(who, stream);
    }

    /// Whether a stream of this kind takes a field; noted if not.
    fn takes(&mut self, who: &str, stream: &Stream, field: &'static str, offset: usize) -> bool {
        let takes = stream.kind.takes();
        if takes.contains(&field) {
            return true;
        }
        let kind = stream.kind.as_str();
        let article = if kind.starts_with(['a', 'o', 'u']) { "an" } else { "a" };
        let place = self.page.at(offset);
        self.findings
            .error(place, format!("{who}: {article} {kind} stream has no {field}"))
            .did_you_mean(field, takes.iter().copied());
        false
    }

    /// The marks before the end of a contract, one for each piece.
    fn marks(&mut self, who: &str, stream: &Stream) {
        let pieces = stream.pieces.get_ref().len();
        if let Some(marks) = &stream.days_before {
            if !self.takes(who, stream, "days_before", marks.span().start) {
                return;
            }
            for days in marks.get_ref() {
                self.within("days_before", days, 1, MOST_DAYS);
            }
            let falls = |pair: &[Number]| pair[0].get_ref() > pair[1].get_ref();
            if let Some(pair) = marks.get_ref().windows(2).find(|pair| !falls(pair)) {
                let (first, second) = (pair[0].get_ref(), pair[1].get_ref());
                let reason = format!("{who}: days_before goes from {first} to {second}; the earliest mark comes first");
                self.error(&pair[1], reason);
            }
        }
        let count = stream.marks().len();
        if stream.kind == StreamKind::Renewal && count != pieces {
            let plural = if pieces == 1 { "" } else { "s" };
            let reason = format!(
                "{who} has {pieces} piece{plural} and {count} marks before the contract's end: each piece belongs to one mark"
            );
            match &stream.days_before {
                Some(marks) => self.error(marks, reason),
                None => self.error(&stream.pieces, reason),
            };
        }
    }

    /// What leads into a stream, out of it and on from it.
    pub(super) fn ways(&mut self, who: &str, stream: &Stream) {
        for (field, triggers) in
            [("enter_on", &stream.enter_on), ("exit_on", &stream.exit_on), ("accelerate_on", &stream.accelerate_on)]
        {
            for trigger in triggers {
                self.trigger(who, field, trigger);
            }
        }
        for trigger in stream.enter_on.iter().filter(|trigger| stream.exit_on.contains(trigger)) {
            let reason = format!("{who}: {} leads in and out: nobody stays", quoted(trigger.get_ref()));
            self.error(trigger, reason);
        }
        let source = self.source;
        let assets: BTreeSet<&str> = source.assets.iter().map(|asset| asset.id.get_ref().as_str()).collect();
        if let Some(asset) = &stream.mail_asset {
            self.exists(who, "asset", asset, &assets);
        }
        let streams: BTreeSet<&str> = source.streams.iter().map(|stream| stream.id.get_ref().as_str()).collect();
        if let Some(then) = &stream.then
            && self.exists(who, "stream", then, &streams)
        {
            self.circle(who, stream, then);
        }
    }

    fn trigger(&mut self, who: &str, field: &str, written: &Text) {
        let Some(trigger) = compile::trigger(written.get_ref()) else {
            let shown = quoted(written.get_ref());
            let reason = format!(
                "{who}: {shown} in {field} is not an asset and an action, such as \"analytics-guide download\""
            );
            self.error(written, reason);
            return;
        };
        let source = self.source;
        let Some(asset) = source.assets.iter().find(|asset| asset.id.get_ref() == trigger.asset.as_str()) else {
            let reason =
                format!("{who} names asset {} in {field}, which does not exist", quoted(trigger.asset.as_str()));
            let known: Vec<&str> = source.assets.iter().map(|asset| asset.id.get_ref().as_str()).collect();
            self.error(written, reason).did_you_mean(trigger.asset.as_str(), known);
            return;
        };
        let worth = asset.worth(&source.interest.points);
        let known: BTreeSet<&str> = worth.keys().map(|action| action.get_ref().as_str()).collect();
        if let Some(action) = trigger.action.filter(|action| !known.contains(action.as_str())) {
            let (asset, shown) = (quoted(trigger.asset.as_str()), quoted(action.as_str()));
            let reason = format!("{who} names action {shown} in {field}, which asset {asset} does not have");
            self.error(written, reason).did_you_mean(action.as_str(), known.iter().copied());
        }
    }

    /// Streams that lead on to each other for ever: said once, of the first of them.
    fn circle(&mut self, who: &str, stream: &Stream, then: &Text) {
        let next: BTreeMap<&str, &str> = self
            .source
            .streams
            .iter()
            .filter_map(|stream| Some((stream.id.get_ref().as_str(), stream.then.as_ref()?.get_ref().as_str())))
            .collect();
        let own = stream.id.get_ref().as_str();
        let mut path = vec![own];
        let mut at = own;
        while let Some(following) = next.get(at) {
            if *following == own {
                let first =
                    path.iter().min_by_key(|id| self.source.streams.iter().position(|of| of.id.get_ref() == **id));
                if first == Some(&own) {
                    path.push(own);
                    let circle: Vec<String> = path.iter().map(|id| quoted(id)).collect();
                    self.error(then, format!("{who} leads on in a circle: {}", circle.join(" → ")));
                }
                return;
            }
            if path.contains(following) {
                return;
            }
            path.push(following);
            at = following;
        }
    }

    /// The conditions of streams, in the language of segments.
    pub(super) fn conditions_of_streams(&mut self) {
        let source = self.source;
        let conditions: Vec<(String, &Text)> = source
            .streams
            .iter()
            .flat_map(|stream| {
                let fields = [("audience", &stream.audience), ("exit_when", &stream.exit_when)];
                fields.map(|(field, when)| {
                    let who = format!("stream {}, {field}", quoted(stream.id.get_ref()));
                    when.as_ref().map(|when| (who, when))
                })
            })
            .flatten()
            .collect();
        let written: Vec<&str> = conditions.iter().map(|(_, when)| when.get_ref().as_str()).collect();
        let (_, resolved) = segments::resolve_with(source, &written);
        for ((who, when), resolved) in conditions.iter().zip(resolved) {
            // Where only a segment that it names is wrong, that is said of the segment.
            if let Err(Some(fault)) = resolved {
                self.fault(who, when, fault);
            }
        }
    }
}
