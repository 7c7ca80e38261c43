//! From what is written to what ships, and from that to the rules that the domain decides by.
//!
//! Owns the translation, and the parsing of the values that the check judges with the same functions. Never says what
//! is wrong: what cannot be translated has been refused by [`crate::check`].

mod nurture;
mod owners;

use std::collections::BTreeMap;

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use perennial_domain::calendar::{Calendar, Day};
use perennial_domain::fit::{Band, FitRules, Grades};
use perennial_domain::funnel::Plan;
use perennial_domain::ids::{ActionId, AssetId, PersonaId, PieceId, ProductId, RepId, TopicId};
use perennial_domain::interest::{self, ActionRule, AssetRule, ClickGate, InterestRules};
use perennial_domain::nurture::Edition;
use perennial_domain::nurture::wishes::Frequency;
use perennial_domain::qualify::QualifyRules;
use perennial_domain::quarter::QuarterRule;
use perennial_domain::segment::{Persona, Segment};
use perennial_domain::sla::{Recipient, Rung};
use perennial_domain::sorting::SortingRules;

use crate::bundle::{Bundle, BundledEdition, BundledPiece};
use crate::compiled::{Compiled, Links};
use crate::places::Places;
use crate::source::{self, Source};
use crate::sources::Source as WebhookSource;
use crate::{
    Company, Piece, Playbook, PreferenceCentre, Product, Rep, Topic, colour, coverage, language, links, render,
    segments, sending, unknown,
};

pub(crate) use nurture::{DEFAULT_DAYS, DEFAULT_UNUSED_DAYS, trigger};
pub(crate) use owners::member;

/// The days of the week as they are written.
pub(crate) const WEEKDAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

pub(crate) fn weekday(text: &str) -> Option<Weekday> {
    WEEKDAYS.iter().find(|(name, _)| *name == text).map(|(_, day)| *day)
}

pub(crate) fn zone(text: &str) -> Option<TimeZone> {
    TimeZone::get(text).ok()
}

pub(crate) fn date(text: &str) -> Option<Date> {
    text.parse().ok()
}

pub(crate) fn time(text: &str) -> Option<Time> {
    text.parse().ok()
}

/// What ships of what the check let through; `None` if it should not have, or a template of a piece cannot be filled.
pub(crate) fn compiled(source: Source, bundle: &Bundle, sources: BTreeMap<String, WebhookSource>) -> Option<Compiled> {
    let pieces = bundle.pieces.clone();
    let links = pieces.iter().map(|(id, piece)| Some((id.clone(), links_of(&source, id, piece)?)));
    let links = links.collect::<Option<_>>()?;
    let places = Places::read(&source, &bundle.playbook);
    Some(Compiled::new(bundle.version().ok()?, source, places, sources, (pieces, links)))
}

/// The links of each edition of a piece. Filling every piece takes longer than all else, so it is done before it ships.
fn links_of(source: &Source, id: &str, bundled: &BundledPiece) -> Option<Links> {
    let product = source.products.iter().find(|product| *product.id.get_ref() == bundled.front.product);
    let anybody = links::anybody(&company(source), product.map_or("", |product| product.name.get_ref()));
    let mut templates = render::Templates::default();
    let editions = editions(bundled)?;
    for (edition, words) in &editions {
        add(&mut templates, (id, edition), words, None);
    }
    let links = editions.into_keys().map(|edition| {
        let rendered = templates.fill(&PieceId::from(id), &edition, &anybody).ok()?;
        Some((edition.to_string(), links::of(&rendered)))
    });
    links.collect()
}

/// The playbook of what ships; `None` if the check should not have let it through.
pub(crate) fn playbook(compiled: Compiled) -> Option<Playbook> {
    let Compiled { version, source, places, sources, pieces: bundled, mut links, .. } = compiled;
    let source = &source;
    let language = source.nurture.language.as_ref().map(|language| language.get_ref().clone());
    let mut templates = render::Templates::default();
    let mut pieces = BTreeMap::new();
    for (id, piece) in &bundled {
        for (edition, words) in editions(piece)? {
            add(&mut templates, (id, &edition), &words, edition.language().or(language.as_deref()));
        }
        let piece = self::piece(id, piece, links.remove(id)?)?;
        pieces.insert(piece.id.clone(), piece);
    }
    let segments = segments::compile(source)?;
    let goals = &source.goals;
    let unsigned = |value: &source::Number| u64::try_from(*value.get_ref()).ok();
    Some(Playbook {
        version,
        company: company(source),
        calendar: calendar(source)?,
        products: source.products.iter().map(product).collect(),
        interest: interest(source)?,
        qualify: qualify(source),
        reject_reasons: lines(source.qualify.reject_reasons.get_ref()),
        talk: talk(source),
        nurture: nurture::rules(source, &bundled)?,
        language,
        unknown: unknown::compile(&source.nurture),
        topics: source.topics.iter().map(topic).collect(),
        preferences: preference_centre(&source.preferences),
        sending: sending::compile(&source.sending),
        ladder: source.sla.rung.iter().map(rung).collect(),
        executive: source.sla.executive.as_ref().map(|address| address.get_ref().clone()),
        reps: source.reps.iter().map(rep).collect(),
        owners: owners::rules(source)?,
        goals: Plan {
            revenue_cents: unsigned(&goals.revenue_cents)?,
            average_price_cents: unsigned(&goals.average_price_cents)?,
            win_rate_percent: unsigned(&goals.win_rate_percent)?,
            opportunity_rate_percent: unsigned(&goals.opportunity_rate_percent)?,
            sql_rate_percent: unsigned(&goals.sql_rate_percent)?,
        },
        currency: goals.currency.get_ref().clone(),
        places,
        personas: personas(source, &segments)?,
        sources,
        segments,
        coverage: coverage::count(source, bundled.iter().map(|(id, piece)| (id.as_str(), &piece.front))),
        pieces,
        templates,
    })
}

fn company(source: &Source) -> Company {
    Company {
        name: source.company.name.get_ref().clone(),
        sender: source.company.sender.get_ref().clone(),
        postal_address: source.company.postal_address.get_ref().clone(),
        site: source.company.site.get_ref().clone(),
        accent: colour(source.company.accent.as_ref(), colour::ACCENT),
        accent_dark: colour(source.company.accent_dark.as_ref(), colour::ACCENT_DARK),
    }
}

fn colour(written: Option<&source::Text>, otherwise: &str) -> String {
    written.map_or_else(|| otherwise.to_owned(), |colour| colour.get_ref().to_lowercase())
}

fn topic(topic: &source::Topic) -> Topic {
    let (name, description) = (topic.name.get_ref().clone(), topic.description.get_ref().clone());
    Topic { id: TopicId::from(topic.id.get_ref().as_str()), name, description }
}

pub(crate) fn preference_centre(written: &source::Preferences) -> PreferenceCentre {
    let offered = |frequency: &Frequency| match frequency {
        Frequency::AsOften => true,
        Frequency::Fortnightly => written.frequencies.contains(&source::Frequency::Fortnightly),
        Frequency::Monthly => written.frequencies.contains(&source::Frequency::Monthly),
    };
    PreferenceCentre {
        pause_days: written.pause_days.iter().map(|days| *days.get_ref()).collect(),
        frequencies: Frequency::ALL.into_iter().filter(offered).collect(),
    }
}

fn calendar(source: &Source) -> Option<Calendar> {
    let days = source.team.working_days.get_ref().iter();
    Some(Calendar {
        zone: zone(source.team.time_zone.get_ref())?,
        working_days: days.map(|day| weekday(day.get_ref()).map(Day::from)).collect::<Option<_>>()?,
        holidays: source.team.holidays.iter().map(|holiday| date(holiday.get_ref())).collect::<Option<_>>()?,
        check_at: time(source.sla.check_at.get_ref())?,
    })
}

fn product(product: &source::Product) -> Product {
    Product {
        id: ProductId::from(product.id.get_ref().as_str()),
        name: product.name.get_ref().clone(),
        talk_track: lines(product.talk_track.get_ref()),
    }
}

fn lines(written: &[source::Text]) -> Vec<String> {
    written.iter().map(|line| line.get_ref().trim().to_owned()).collect()
}

/// The questions of those assets that have one.
fn talk(source: &Source) -> BTreeMap<AssetId, String> {
    let asked = source.assets.iter().filter_map(|asset| Some((&asset.id, asset.talk.as_ref()?)));
    asked.map(|(id, talk)| (AssetId::from(id.get_ref().as_str()), talk.get_ref().trim().to_owned())).collect()
}

fn interest(source: &Source) -> Option<InterestRules> {
    let rules = &source.interest;
    let own = |product: &source::Product| {
        Some((ProductId::from(product.id.get_ref().as_str()), *product.threshold.as_ref()?.get_ref()))
    };
    let gate = ClickGate {
        seconds_after_sending: *rules.gate.seconds_after_sending.get_ref(),
        clicks_per_day: usize::try_from(*rules.gate.clicks_per_day.get_ref()).ok()?,
    };
    Some(InterestRules {
        threshold: *rules.threshold.get_ref(),
        product_thresholds: source.products.iter().filter_map(own).collect(),
        cap: *rules.cap.get_ref(),
        decay: decay(rules.decay.get_ref()),
        repeat: match rules.repeat.as_ref().map(|repeat| *repeat.get_ref()) {
            None | Some(source::Repeat::Cycle) => interest::Repeat::Cycle,
            Some(source::Repeat::Day) => interest::Repeat::Day,
            Some(source::Repeat::Event) => interest::Repeat::Event,
        },
        gate: rules.gate.enabled.then_some(gate),
        quarters: QuarterRule {
            first_month: i8::try_from(*source.quarter.first_month.get_ref()).ok()?,
            zone: zone(source.quarter.time_zone.get_ref())?,
        },
        requalify: match source.quarter.requalify.as_ref().map(|requalify| *requalify.get_ref()) {
            None | Some(source::Requalify::OnEngagement) => interest::Requalify::OnEngagement,
            Some(source::Requalify::OnRollover) => interest::Requalify::OnRollover,
        },
        assets: source
            .assets
            .iter()
            .map(|asset| (AssetId::from(asset.id.get_ref().as_str()), asset_rule(asset, &rules.points)))
            .collect(),
    })
}

pub(crate) fn decay(decay: &source::Decay) -> interest::Decay {
    match decay {
        source::Decay::Halve => interest::Decay::Halve,
        source::Decay::Points(points) => interest::Decay::Points(*points.get_ref()),
        source::Decay::Percent(percent) => interest::Decay::Percent(*percent.get_ref()),
    }
}

fn asset_rule(asset: &source::Asset, defaults: &source::DefaultPoints) -> AssetRule {
    let rule = |(action, points): (&source::Text, i64)| {
        let rule =
            ActionRule { points, act_now: asset.act_now.contains(action), call_now: asset.call_now.contains(action) };
        (ActionId::from(action.get_ref().as_str()), rule)
    };
    AssetRule {
        products: asset.products.get_ref().iter().map(|product| ProductId::from(product.get_ref().as_str())).collect(),
        title: asset.title.get_ref().clone(),
        actions: asset.worth(defaults).into_iter().map(rule).collect(),
    }
}

pub(crate) fn qualify(source: &Source) -> QualifyRules {
    let points = |points: &source::Points| -> BTreeMap<String, i64> {
        points.iter().map(|(value, points)| (value.get_ref().clone(), *points.get_ref())).collect()
    };
    let bands = |bands: &[source::Band]| -> Vec<Band> {
        bands.iter().map(|band| Band { at_least: *band.at_least.get_ref(), points: *band.points.get_ref() }).collect()
    };
    let fit = &source.fit;
    let grades = fit.grades.as_ref().map(|grades| {
        let source::Grades { a, b, c } = *grades.get_ref();
        Grades { a, b, c }
    });
    QualifyRules {
        sorting: SortingRules {
            fit_weight_percent: *source.qualify.fit_weight.get_ref(),
            hot: *source.qualify.hot.get_ref(),
            warm: *source.qualify.warm.get_ref(),
        },
        new_customer_days: *source.qualify.new_customer_days.get_ref(),
        fit: FitRules {
            role: points(&fit.role),
            title: points(&fit.title),
            size: points(&fit.size),
            region: points(&fit.region),
            industry: points(&fit.industry),
            maturity: points(&fit.maturity),
            market: points(&fit.market),
            revenue_cents: bands(&fit.revenue_cents),
            purchases: bands(&fit.purchases),
            grades: grades.unwrap_or_default(),
        },
    }
}

fn rung(rung: &source::Rung) -> Rung {
    let to = rung.to.get_ref().iter().map(|recipient| match recipient {
        source::Recipient::Rep => Recipient::Rep,
        source::Recipient::Manager => Recipient::Manager,
        source::Recipient::Executive => Recipient::Executive,
    });
    Rung { after_hours: *rung.after_hours.get_ref(), to: to.collect() }
}

fn rep(rep: &source::Rep) -> Rep {
    Rep {
        id: RepId::from(rep.id.get_ref().as_str()),
        name: rep.name.get_ref().clone(),
        email: rep.email.get_ref().clone(),
        manager: rep.manager.as_ref().map(|manager| RepId::from(manager.get_ref().as_str())),
        weekly: rep.weekly,
    }
}

fn personas(source: &Source, segments: &[Segment]) -> Option<Vec<Persona>> {
    let persona = |persona: &source::Persona| {
        let segment = segments.iter().find(|segment| segment.id.as_str() == persona.segment.get_ref())?;
        Some(Persona {
            id: PersonaId::from(persona.id.get_ref().as_str()),
            name: persona.name.get_ref().clone(),
            when: segment.when.clone(),
        })
    };
    source.personas.iter().map(persona).collect()
}

fn piece(id: &str, bundled: &BundledPiece, links: Links) -> Option<Piece> {
    let edition = |name: &str| if name.is_empty() { Some(Edition::default()) } else { Edition::named(name) };
    let front = &bundled.front;
    Some(Piece {
        id: PieceId::from(id),
        subject: front.subject.clone(),
        preview: front.preview.clone(),
        kind: front.kind.into(),
        product: ProductId::from(front.product.as_str()),
        stage: front.stage,
        asset: front.asset.as_deref().map(AssetId::from),
        personas: front.personas.iter().map(|persona| PersonaId::from(persona.as_str())).collect(),
        links: links.into_iter().map(|(name, links)| Some((edition(&name)?, links))).collect::<Option<_>>()?,
    })
}

/// The parts of an edition, variables still in place.
struct Words<'a> {
    subject: &'a str,
    preview: &'a str,
    html: &'a str,
    text: &'a str,
}

/// The editions of a piece, itself among them.
fn editions(piece: &BundledPiece) -> Option<BTreeMap<Edition, Words<'_>>> {
    let BundledPiece { front, html, text, .. } = piece;
    let plain = Words { subject: &front.subject, preview: &front.preview, html, text };
    let others = piece.editions.iter().map(|(name, edition)| {
        let BundledEdition { front, html, text } = edition;
        Some((Edition::named(name)?, Words { subject: &front.subject, preview: &front.preview, html, text }))
    });
    std::iter::once(Some((Edition::default(), plain))).chain(others).collect()
}

fn add(templates: &mut render::Templates, name: (&str, &Edition), words: &Words<'_>, language: Option<&str>) {
    let html = language.map_or_else(|| words.html.to_owned(), |language| language::in_language(words.html, language));
    templates.add(name, render::Part::Subject, words.subject.to_owned());
    templates.add(name, render::Part::Preview, words.preview.to_owned());
    templates.add(name, render::Part::Html, html);
    templates.add(name, render::Part::Text, words.text.to_owned());
}
