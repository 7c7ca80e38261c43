//! What nobody can reach: sound in itself, and without effect. Warnings only.

use perennial_domain::interest::HORIZON_CYCLES;
use perennial_domain::nurture::Kind;

use crate::compile;
use crate::content::Stage;
use crate::problem::quoted;
use crate::source::{EFFORTS, Effort, Number, Product, Repeat, Stream, StreamKind, Text};

use super::Check;
use super::streams::EDUCATIONAL_PER_PROMOTION;

/// The days of a cycle, in which `repeat = "day"` counts the same engagement as often.
const DAYS_PER_CYCLE: i64 = 14;

impl Check<'_> {
    pub(super) fn reach(&mut self) {
        for product in &self.source.products {
            self.threshold_is_reached(product);
        }
        self.decay_leaves_something();
        self.default_points_rise();
        self.marks_are_reached();
        for stream in &self.source.streams {
            self.keeps_the_mix(stream);
            self.fits_in_its_days(stream);
        }
        self.last_promotions();
    }

    /// A score that never decays, because every cycle brings all there is, is the highest there can be.
    fn threshold_is_reached(&mut self, product: &Product) {
        let source = self.source;
        let id = quoted(product.id.get_ref());
        let tagged: Vec<_> =
            source.assets.iter().filter(|asset| asset.products.get_ref().contains(&product.id)).collect();
        if tagged.iter().any(|asset| !asset.act_now.is_empty()) {
            return;
        }
        let worth = tagged.iter().flat_map(|asset| asset.worth(&source.interest.points).into_values());
        let most: i64 = worth.filter(|points| *points > 0).fold(0, i64::saturating_add);
        let threshold = product.threshold.as_ref().unwrap_or(&source.interest.threshold);
        let per_cycle = match source.interest.repeat.as_ref().map(|repeat| *repeat.get_ref()) {
            None | Some(Repeat::Cycle) => most,
            Some(Repeat::Day) => most.saturating_mul(DAYS_PER_CYCLE),
            Some(Repeat::Event) => most.saturating_mul(*threshold.get_ref()),
        };
        let highest = per_cycle.saturating_mul(HORIZON_CYCLES);
        if most == 0 {
            let reason = format!("no asset gives points for product {id}: nobody will ever be a lead for it");
            self.warn(&product.id, reason);
        } else if highest < *threshold.get_ref() {
            let reason = format!(
                "nobody reaches the threshold of {} for product {id}: all there is to do, in each of the {HORIZON_CYCLES} cycles that count, makes {highest}",
                threshold.get_ref()
            );
            if threshold.span().is_empty() {
                self.warn(&product.id, reason);
            } else {
                self.warn(threshold, reason);
            }
        }
    }

    /// Of the thresholds that products have, the highest that falls to zero is named. A single point has nothing to lose but
    /// itself.
    fn decay_leaves_something(&mut self) {
        let source = self.source;
        let decay = compile::decay(source.interest.decay.get_ref());
        let of_product =
            |product: &Product| *product.threshold.as_ref().unwrap_or(&source.interest.threshold).get_ref();
        let falls = |threshold: &i64| *threshold > 1 && decay.after(*threshold) == 0;
        if let Some(threshold) = source.products.iter().map(of_product).filter(falls).max() {
            let reason = format!(
                "one quiet cycle takes a score at the threshold of {threshold} to zero: nothing is left to build on",
            );
            self.warn(&source.interest.decay, reason);
        }
    }

    /// The points of the practice follow stage and effort. One warning: a row that is off by one falls several times.
    fn default_points_rise(&mut self) {
        let points = &self.source.interest.points;
        let effort_falls =
            Stage::ALL.iter().flat_map(|stage| EFFORTS.windows(2).map(|pair| ((*stage, pair[0]), (*stage, pair[1]))));
        let stage_falls = EFFORTS
            .iter()
            .flat_map(|effort| Stage::ALL.windows(2).map(|pair| ((pair[0], *effort), (pair[1], *effort))));
        let fall = effort_falls.chain(stage_falls).find_map(|(less, more)| {
            let (lower, higher) = (points.of(less.0, less.1), points.of(more.0, more.1));
            (lower.get_ref() > higher.get_ref()).then_some((less, lower, more, higher))
        });
        if let Some((less, lower, more, higher)) = fall {
            let name = |(stage, effort): (Stage, Effort), points: &Number| {
                format!("{} {} ({})", stage.as_str(), effort.as_str(), points.get_ref())
            };
            let reason = format!(
                "the default of {} is below that of {}: points follow the stage and the effort",
                name(more, &higher),
                name(less, &lower)
            );
            self.warn(if higher.span().is_empty() { &lower } else { &higher }, reason);
        }
    }

    /// Fit at its best is the best value of each attribute.
    fn marks_are_reached(&mut self) {
        let fit = compile::qualify(self.source).fit;
        let tables = [&fit.role, &fit.title, &fit.size, &fit.region, &fit.industry, &fit.maturity, &fit.market];
        let best = |points: &mut dyn Iterator<Item = i64>| points.max().unwrap_or_default().max(0);
        let by_value: i64 = tables.iter().map(|points| best(&mut points.values().copied())).sum();
        let by_band: i64 = [&fit.revenue_cents, &fit.purchases]
            .iter()
            .map(|bands| best(&mut bands.iter().map(|band| band.points)))
            .sum();
        let best_fit = (by_value + by_band).min(100);
        if let Some(grades) = self.source.fit.grades.as_ref().filter(|grades| grades.get_ref().a > best_fit) {
            let a = grades.get_ref().a;
            self.warn(
                grades,
                format!("nobody is an A: it begins at {a}, and the best of every attribute make {best_fit}"),
            );
        }
        let qualify = &self.source.qualify;
        let (hot, weight) = (*qualify.hot.get_ref(), *qualify.fit_weight.get_ref());
        let highest =
            best_fit.saturating_mul(weight).saturating_add(100_i64.saturating_mul(100_i64.saturating_sub(weight)))
                / 100;
        if highest < hot {
            let reason = format!(
                "nobody is hot: it begins at {hot}, and the best fit of {best_fit} with full engagement makes {highest}"
            );
            self.warn(&qualify.hot, reason);
        }
    }

    fn kind(&self, piece: &Text) -> Option<Kind> {
        Some(Kind::from(self.drafts.get(piece.get_ref())?.front.as_ref()?.kind))
    }

    /// A stream that is short may promote early; over its whole story the mix is still four to one.
    fn keeps_the_mix(&mut self, stream: &Stream) {
        let count = |kind| stream.pieces.get_ref().iter().filter(|piece| self.kind(piece) == Some(kind)).count();
        let (educational, soft, hard) = (count(Kind::Educational), count(Kind::Soft), count(Kind::Hard));
        // Whoever asks for fewer before a hard piece wants a shorter story.
        let before_hard = usize::try_from(*self.source.nurture.educational_before_hard.get_ref()).unwrap_or_default();
        let wanted = EDUCATIONAL_PER_PROMOTION.min(before_hard) * soft.max(hard);
        if educational < wanted {
            let reason = format!(
                "stream {} has {soft} soft and {hard} hard to {educational} educational: 4-1-1 wants {wanted} educational ones, {} more",
                quoted(stream.id.get_ref()),
                wanted - educational
            );
            self.warn(&stream.pieces, reason);
        }
    }

    /// Onboarding ends; what would come after that never comes.
    fn fits_in_its_days(&mut self, stream: &Stream) {
        let nurture = &self.source.nurture;
        let every_days = *nurture.stream_every_days.get_ref().max(nurture.gap_days.get_ref());
        let every_days = stream.every_days.as_ref().map_or(every_days, |days| every_days.min(*days.get_ref()));
        let days = stream.own_days().map_or(compile::DEFAULT_DAYS, |days| *days.get_ref());
        // Whoever is to be saved has been left alone for a while before.
        let days = match stream.kind {
            StreamKind::Onboarding => days,
            StreamKind::Save => {
                let unused = stream.unused_days.as_ref().map_or(compile::DEFAULT_UNUSED_DAYS, |days| *days.get_ref());
                days.saturating_sub(unused)
            }
            _ => return,
        };
        if days < 1 {
            let reason = format!("stream {} ends before it begins: nobody receives it", quoted(stream.id.get_ref()));
            self.warn(&stream.pieces, reason);
            return;
        }
        let most = days / every_days + i64::from(days % every_days > 0);
        let beyond = usize::try_from(most).ok().and_then(|most| stream.pieces.get_ref().get(most));
        if let Some(piece) = beyond {
            let reason = format!(
                "stream {} ends after {days} days, time for {most} of its pieces: nobody receives {} or what follows it",
                quoted(stream.id.get_ref()),
                quoted(piece.get_ref())
            );
            self.warn(piece, reason);
        }
    }

    /// A promotion never follows another, of whichever stream: of two that are the last of their streams, one waits.
    fn last_promotions(&mut self) {
        let cross_sell = self.source.streams.iter().filter(|stream| stream.kind == StreamKind::CrossSell);
        let last = cross_sell.filter_map(|stream| Some((stream, stream.pieces.get_ref().last()?)));
        let last: Vec<_> = last.filter(|(_, piece)| self.kind(piece).is_some_and(Kind::is_promotion)).collect();
        if let [(first, _), (second, piece), ..] = &last[..] {
            let reason = format!(
                "{} cross-sell streams end in a promotion, such as {} and {}: whoever reads both to the end receives one of the two only when some stream teaches again",
                last.len(),
                quoted(first.id.get_ref()),
                quoted(second.id.get_ref())
            );
            self.warn(piece, reason);
        }
    }
}
