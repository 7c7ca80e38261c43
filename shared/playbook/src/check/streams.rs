//! Streams and their pieces: the story arc, and the mix of teaching and promoting.

use std::collections::{BTreeMap, BTreeSet};

use perennial_domain::nurture::Kind;

use crate::problem::{Place, quoted};
use crate::source::{Stream, StreamKind, Text};

use super::{Check, ID_RULE, is_id};

/// The mix of the practice, 4-1-1: for so many educational pieces one soft and one hard promotion.
pub(super) const EDUCATIONAL_PER_PROMOTION: usize = 4;

impl Check<'_> {
    pub(super) fn streams(&mut self) {
        let source = self.source;
        self.ids("stream", source.streams.iter().map(|stream| &stream.id));
        for stream in &source.streams {
            self.stream(stream);
        }
        self.front_matter();
        self.left_over();
    }

    fn stream(&mut self, stream: &Stream) {
        let who = format!("stream {}", quoted(stream.id.get_ref()));
        let products: BTreeSet<&str> =
            self.source.products.iter().map(|product| product.id.get_ref().as_str()).collect();
        self.exists(&who, "product", &stream.product, &products);
        self.figures(&who, stream);
        self.ways(&who, stream);
        if stream.pieces.get_ref().is_empty() {
            self.error(&stream.pieces, format!("{who} has no pieces"));
        }
        let known: BTreeSet<&str> = self.drafts.keys().map(String::as_str).collect();
        let mut seen = BTreeSet::new();
        let mut kinds = Vec::new();
        for piece in stream.pieces.get_ref() {
            if !self.exists(&who, "piece", piece, &known) {
                continue;
            }
            if !seen.insert(piece.get_ref()) {
                self.error(piece, format!("{who} has piece {} twice", quoted(piece.get_ref())));
            }
            let Some(front) = self.drafts.get(piece.get_ref()).and_then(|draft| draft.front.as_ref()) else { continue };
            kinds.push((piece, Kind::from(front.kind)));
            let both_exist =
                products.contains(front.product.as_str()) && products.contains(stream.product.get_ref().as_str());
            if both_exist && front.product != *stream.product.get_ref() {
                let about = (quoted(stream.product.get_ref()), quoted(&front.product));
                let reason =
                    format!("{who} is about {}, its piece {} about {}", about.0, quoted(piece.get_ref()), about.1);
                self.warn(piece, reason);
            }
        }
        // The mix of a stream with an unreadable piece is not known yet.
        if kinds.len() == stream.pieces.get_ref().len() {
            self.story_arc(&who, stream, &kinds);
        }
    }

    fn story_arc(&mut self, who: &str, stream: &Stream, kinds: &[(&Text, Kind)]) {
        let mut mix = Mix::default();
        for (piece, kind) in kinds {
            self.in_order(who, piece, *kind, &mut mix);
        }
        let most = mix.educational.div_ceil(EDUCATIONAL_PER_PROMOTION);
        for (kind, count) in [("soft", mix.soft), ("hard", mix.hard)] {
            if count > most {
                let reason = format!(
                    "{who} has {count} {kind} to {} educational: 4-1-1 allows one {kind} piece for every four educational ones, here {most}",
                    mix.educational
                );
                self.error(&stream.pieces, reason);
                return;
            }
        }
        self.never_sent(who, kinds, mix.educational);
    }

    /// A hard piece for which the whole stream does not teach enough.
    fn never_sent(&mut self, who: &str, kinds: &[(&Text, Kind)], educational: usize) {
        let owed = usize::try_from(*self.source.nurture.educational_before_hard.get_ref()).unwrap_or_default();
        let hard = kinds.iter().filter(|(_, kind)| *kind == Kind::Hard).enumerate();
        let never = hard.map(|(before, (piece, _))| (owed * (before + 1), piece)).find(|(owed, _)| *owed > educational);
        // Of the first one it is said where it stands.
        if let Some((owed, piece)) = never.filter(|(needed, _)| *needed > owed) {
            let reason = format!(
                "{who} never sends hard piece {}: {owed} educational ones would have to come before it, and there are {educational}",
                quoted(piece.get_ref())
            );
            self.error(piece, reason);
        }
    }

    fn in_order(&mut self, who: &str, piece: &Text, kind: Kind, mix: &mut Mix) {
        let owed = usize::try_from(*self.source.nurture.educational_before_hard.get_ref()).unwrap_or_default();
        if kind == Kind::Hard && mix.educational < owed {
            let reason = format!(
                "{who} has hard piece {} with {} educational before it, and {owed} must come first",
                quoted(piece.get_ref()),
                mix.educational
            );
            self.error(piece, reason);
        }
        if kind.is_promotion() && mix.last_promoted {
            self.error(
                piece,
                format!("{who} has two promotions in a row: {} follows another", quoted(piece.get_ref())),
            );
        }
        mix.last_promoted = kind.is_promotion();
        match kind {
            Kind::Educational => mix.educational += 1,
            Kind::Soft => mix.soft += 1,
            Kind::Hard => mix.hard += 1,
        }
    }

    /// What the front matter of the pieces names.
    fn front_matter(&mut self) {
        let drafts = self.drafts;
        let assets: BTreeSet<&str> = self.source.assets.iter().map(|asset| asset.id.get_ref().as_str()).collect();
        let products = self.products();
        let mut unknown: Vec<(Place, String, String, Vec<String>)> = Vec::new();
        for (id, draft) in drafts {
            let who = format!("piece {}", quoted(id));
            if !is_id(id) {
                unknown.push((
                    Place::file(&draft.file),
                    format!("piece id {} is not {ID_RULE}", quoted(id)),
                    String::new(),
                    Vec::new(),
                ));
            }
            let Some(front) = &draft.front else { continue };
            for (field, reason) in self.replaced(id, &front.replaces) {
                unknown.push((draft.at(field), format!("{who} {reason}"), String::new(), Vec::new()));
            }
            let named = [("product", Some(&front.product), &products), ("asset", front.asset.as_ref(), &assets)];
            for (field, name, known) in named {
                if let Some(name) = name.filter(|name| !known.contains(name.as_str())) {
                    let reason = format!("{who} names {field} {}, which does not exist", quoted(name));
                    unknown.push((
                        draft.at(field),
                        reason,
                        name.clone(),
                        known.iter().map(|&id| id.to_owned()).collect(),
                    ));
                }
            }
        }
        for (place, reason, name, known) in unknown {
            self.findings.error(place, reason).did_you_mean(&name, known.iter().map(String::as_str));
        }
    }

    /// What is wrong with the pieces that one replaces. They need not be there any more.
    fn replaced(&self, id: &str, replaces: &[String]) -> Vec<(&'static str, String)> {
        let wrong = |older: &String| {
            if older == id {
                Some("replaces itself".to_owned())
            } else if !is_id(older) {
                Some(format!("replaces {}, which is not {ID_RULE}", quoted(older)))
            } else {
                None
            }
        };
        replaces.iter().filter_map(wrong).map(|reason| ("replaces", reason)).collect()
    }

    /// Pieces in no stream or in several, and products without a cross-sell stream.
    fn left_over(&mut self) {
        let source = self.source;
        let mut streams_of: BTreeMap<&str, Vec<&Stream>> = BTreeMap::new();
        for stream in &source.streams {
            for piece in stream.pieces.get_ref() {
                streams_of.entry(piece.get_ref()).or_default().push(stream);
            }
        }
        for (id, draft) in self.drafts {
            match streams_of.get(id.as_str()).map_or(&[][..], Vec::as_slice) {
                [] => {
                    self.findings.warn(
                        Place::file(&draft.file),
                        format!("piece {} is in no stream: nobody will receive it", quoted(id)),
                    );
                }
                [first, second, ..] if first.id != second.id => {
                    let streams = format!("{} and {}", quoted(first.id.get_ref()), quoted(second.id.get_ref()));
                    let reason = format!(
                        "piece {} is in streams {streams}: who is in both receives it once, in whichever comes first",
                        quoted(id)
                    );
                    self.findings.warn(Place::file(&draft.file), reason);
                }
                _ => {}
            }
        }
        for (id, draft) in self.drafts.iter().filter(|(id, _)| streams_of.contains_key(id.as_str())) {
            let replaces = draft.front.iter().flat_map(|front| &front.replaces);
            if let Some(older) =
                replaces.into_iter().find(|older| *older != id && streams_of.contains_key(older.as_str()))
            {
                let reason = format!(
                    "piece {} replaces {}, which is still in a stream: whoever has had one of them does not get the other",
                    quoted(id),
                    quoted(older)
                );
                self.findings.warn(draft.at("replaces"), reason);
            }
        }
        let sold = |id: &Text| {
            source.streams.iter().any(|stream| stream.kind == StreamKind::CrossSell && stream.product == *id)
        };
        for product in source.products.iter().filter(|product| !sold(&product.id)) {
            let reason = format!(
                "product {} has no cross-sell stream: whoever shows interest hears nothing",
                quoted(product.id.get_ref())
            );
            self.warn(&product.id, reason);
        }
    }
}

/// What a stream has had so far.
#[derive(Default)]
struct Mix {
    educational: usize,
    soft: usize,
    hard: usize,
    last_promoted: bool,
}
