//! How a delivery proves itself.

use crate::problem::quoted;
use crate::source::{Placed, Text};
use crate::sources::{self, Signed};

use super::super::compile::{self, SIGNED};
use super::super::written::{Format, Header, Scheme, Verify};
use super::{Check, MOST_TOLERANCE_SECONDS};

impl Check<'_> {
    pub(super) fn ways(&mut self) {
        let written = self.written;
        if self.is_unread("verify") {
            return;
        }
        for way in &written.verify {
            self.way(way);
        }
        let Some(format) = &written.format else { return };
        let knows_one = matches!(format.get_ref(), Format::Native | Format::Zoom);
        if written.verify.is_empty() && !knows_one {
            self.error(format, "no [[verify]]: anybody could send");
        } else if let Some(first) = written.verify.first()
            && !written.verify.iter().any(|way| proves_everything(way.get_ref()))
        {
            let reason = "no [[verify]] proves every delivery in whole: only_where_sent and {first_event} leave a gap that anybody could use";
            self.error(first, reason);
        }
    }

    fn way(&mut self, way: &Placed<Verify>) {
        let Verify { scheme, header, prefix, .. } = way.get_ref();
        self.settings(way.get_ref());
        match scheme.get_ref() {
            Scheme::Token => self.needs(way, "header", header.is_some()),
            Scheme::Hmac => {
                self.needs(way, "header", header.is_some());
                self.needs(way, "signed", way.get_ref().signed.is_some());
                self.hmac(way.get_ref());
            }
            Scheme::StandardWebhooks if self.is_format(Format::Segment) || self.is_format(Format::Zoom) => {
                self.warn(scheme, "this sender does not sign by Standard Webhooks: its deliveries will be refused");
            }
            _ => {}
        }
        if let Some(header) = header {
            self.header(header);
        }
        if let Some(Header::Entry(entry)) = header.as_ref().map(|header| header.get_ref())
            && *scheme.get_ref() == Scheme::Token
        {
            self.error(&entry.entry, "a token is the whole header: write header = \"…\"");
        }
        if let Some(prefix) = prefix.as_ref().filter(|prefix| prefix.get_ref().chars().any(char::is_control)) {
            self.error(prefix, "the prefix holds a line break or another control character");
        }
    }

    fn needs(&mut self, way: &Placed<Verify>, name: &str, is_there: bool) {
        if !is_there {
            let scheme = way.get_ref().scheme.get_ref().as_str();
            self.error(&way.get_ref().scheme, format!("{scheme} needs {name}"));
        }
    }

    /// Settings that the scheme does not ask for would be believed to hold.
    fn settings(&mut self, way: &Verify) {
        let hmac = [
            ("algorithm", way.algorithm.as_ref().map(|at| at.span())),
            ("encoding", way.encoding.as_ref().map(|at| at.span())),
            ("signed", way.signed.as_ref().map(|at| at.span())),
            ("timestamp", way.timestamp.as_ref().map(|at| at.span())),
            ("only_where_sent", way.only_where_sent.as_ref().map(|at| at.span())),
        ];
        let both =
            [("header", way.header.as_ref().map(|at| at.span())), ("prefix", way.prefix.as_ref().map(|at| at.span()))];
        let unasked: Vec<_> = match way.scheme.get_ref() {
            Scheme::Hmac => Vec::new(),
            Scheme::Token => hmac.into(),
            _ => both.into_iter().chain(hmac).collect(),
        };
        let scheme = way.scheme.get_ref().as_str();
        for (name, span) in unasked.into_iter().filter_map(|(name, span)| Some((name, span?))) {
            let reason = match way.scheme.get_ref() {
                Scheme::Token => format!("{name} is for hmac: a token signs nothing"),
                _ => {
                    format!("{scheme} knows its own {name}: leave it out, or write scheme = \"hmac\" with all of them")
                }
            };
            self.findings.error(self.page.at_span(span), reason);
        }
    }

    fn hmac(&mut self, way: &Verify) {
        if let Some(timestamp) = &way.timestamp {
            self.header(&timestamp.get_ref().header);
            if let Some(tolerance) = &timestamp.get_ref().tolerance_seconds {
                self.within("tolerance_seconds", tolerance, 1, MOST_TOLERANCE_SECONDS);
            }
        }
        let Some(signed) = &way.signed else { return };
        match compile::signed(signed.get_ref()) {
            Ok(pieces) => self.pieces(way, signed, &pieces),
            Err("") => {
                self.error(signed, "signed has a { without its }");
            }
            Err(name) => {
                let reason = format!("signed names {}, which is not known", quoted(&format!("{{{name}}}")));
                self.error(signed, reason).did_you_mean(name, SIGNED.iter().map(|(known, _)| *known));
            }
        }
    }

    fn pieces(&mut self, way: &Verify, signed: &Text, pieces: &[Signed]) {
        if !pieces.iter().any(|piece| matches!(piece, Signed::Body | Signed::FirstEvent)) {
            self.error(signed, "signed leaves out {body}: anybody could send another one under the signature");
        }
        match (&way.timestamp, pieces.contains(&Signed::Timestamp)) {
            (Some(timestamp), false) => {
                self.error(
                    timestamp,
                    "the timestamp is not signed: anybody could change it. Add {timestamp} to signed",
                );
            }
            (None, true) => {
                self.error(signed, "signed holds {timestamp}, and timestamp does not say in which header it stands");
            }
            _ => {}
        }
    }

    /// Source: RFC 9110, section 5.6.2.
    fn header(&mut self, header: &Placed<Header>) {
        let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        let (name, span) = match header.get_ref() {
            Header::Whole(name) => (name, header.span()),
            Header::Entry(entry) => (entry.name.get_ref(), entry.name.span()),
        };
        if name.is_empty() || !name.chars().all(token) {
            let reason = format!("{} is not the name of a header", quoted(name));
            self.findings.error(self.page.at_span(span), reason);
        }
        if let Header::Entry(entry) = header.get_ref()
            && (entry.entry.get_ref().is_empty() || entry.entry.get_ref().contains([',', '=']))
        {
            self.error(&entry.entry, "the entry is not a name such as v1");
        }
    }

    /// Whether a way asks for the address that was posted to; so may one that cannot be read.
    pub(super) fn signs_url(&self) -> bool {
        let can_be_read = |way: &Verify| match way.scheme.get_ref() {
            Scheme::Hmac => way.signed.as_ref().is_some_and(|signed| compile::signed(signed.get_ref()).is_ok()),
            _ => true,
        };
        let mut ways = self.written.verify.iter().map(|way| way.get_ref());
        ways.any(|way| !can_be_read(way) || pieces(way).contains(&Signed::Url))
    }
}

/// Whether nothing of any delivery is left to other ways. What cannot be read is said elsewhere.
fn proves_everything(way: &Verify) -> bool {
    let signed = pieces(way);
    let is_sent = !way.only_where_sent.as_ref().is_some_and(|only| *only.get_ref());
    match way.scheme.get_ref() {
        Scheme::SegmentSignature => false,
        Scheme::Hmac => is_sent && !signed.contains(&Signed::FirstEvent),
        _ => true,
    }
}

fn pieces(way: &Verify) -> Vec<Signed> {
    match (way.scheme.get_ref(), &way.signed) {
        (Scheme::Hmac, Some(signed)) => compile::signed(signed.get_ref()).unwrap_or_default(),
        (scheme, _) => match compile::preset(*scheme) {
            Some(sources::Verify::Hmac(hmac)) => hmac.signed,
            _ => Vec::new(),
        },
    }
}
