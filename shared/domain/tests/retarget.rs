//! Which offer the site shows, and who is in a stream's audience for ads: one table, on the snapshot that mail is decided on.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use perennial_domain::fit::{self, FitRules};
use perennial_domain::ids::{ActionId, AssetId, ProductId, StreamId};
use perennial_domain::nurture::retarget::{Audience, LeftOut, in_audience, offer};
use perennial_domain::nurture::{
    Cap, Kind, NurtureRules, Progress, Received, Snapshot, Stream, StreamKind, StreamPiece, Trigger, Window, Wishes,
};
use perennial_domain::profile::{Account, Contact, Fields, Health};
use perennial_domain::segment::{self, Expression};

const NOW: &str = "2026-03-04T09:00:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn stream(id: &str, kind: StreamKind, product: &str, pieces: &[(&str, Kind, Option<&str>)]) -> Stream {
    let piece = |(id, kind, offers): &(&str, Kind, Option<&str>)| StreamPiece {
        id: (*id).into(),
        kind: *kind,
        offers: offers.map(AssetId::from),
        replaces: vec![],
    };
    Stream {
        id: id.into(),
        kind,
        product: product.into(),
        topic: Some("numbers".into()),
        audience: Expression::All(vec![]),
        enter_on: vec![],
        exit_on: vec![],
        exit_when: None,
        then: None,
        accelerate_on: vec![],
        every_days: None,
        holdout_percent: 0,
        mail_asset: None,
        pieces: pieces.iter().map(piece).collect(),
    }
}

fn rules() -> NurtureRules {
    let (teach, soft, hard) = (Kind::Educational, Kind::Soft, Kind::Hard);
    NurtureRules {
        gap_days: 7,
        cap: Cap { mails: 4, days: 28 },
        window: Window { from: "08:00".parse().unwrap(), to: "18:00".parse().unwrap() },
        stream_every_days: 14,
        accelerated_days: 7,
        educational_before_hard: 4,
        new_customer_days: 182,
        streams: vec![
            stream(
                "discover-analytics",
                StreamKind::CrossSell,
                "analytics",
                &[
                    ("lesson", teach, None),
                    ("sheet", soft, Some("analytics-sheet")),
                    ("webinar", soft, Some("analytics-webinar")),
                    ("call", hard, Some("analytics-pricing")),
                ],
            ),
            stream(
                "discover-automation",
                StreamKind::CrossSell,
                "automation",
                &[("trial", hard, Some("automation-trial"))],
            ),
            stream("learn-reports", StreamKind::CrossSell, "reports", &[("report", teach, None)]),
            stream(
                "keep-support",
                StreamKind::Retention { after_days: 90 },
                "support",
                &[("round", soft, Some("support-round"))],
            ),
        ],
    }
}

/// Somebody with interest in Analytics, an old customer in good health.
struct Known {
    rules: NurtureRules,
    account: Account,
    email: &'static str,
    points: BTreeMap<ProductId, i64>,
    engaged: BTreeMap<(AssetId, ActionId), i64>,
    wishes: Wishes,
    leads: Vec<ProductId>,
    progress: BTreeMap<StreamId, Progress>,
    unsubscribed: bool,
    suppressed: bool,
    shared: bool,
}

impl Known {
    fn new() -> Self {
        let account = Account::from_fields("juniper".into(), &Fields::default());
        Self {
            rules: rules(),
            account: Account { customer_since: Some(at("2024-01-15T00:00:00Z")), ..account },
            email: "ada@juniper.example.com",
            points: BTreeMap::from([("analytics".into(), 3)]),
            engaged: BTreeMap::new(),
            wishes: Wishes::default(),
            leads: vec![],
            progress: BTreeMap::new(),
            unsubscribed: false,
            suppressed: false,
            shared: false,
        }
    }

    fn did(&mut self, asset: &str, action: &str) {
        self.engaged.insert((asset.into(), action.into()), at("2026-02-20T12:00:00Z").as_second());
    }

    fn owns(&mut self, product: &str, since: &str) {
        self.account.owns.insert(product.into(), at(since));
    }

    /// The asset that is offered, and whether the person is in the audience of discover-analytics; or the reasons.
    fn answers(&self) -> (String, String) {
        let (offered, belongs, in_segment) = self.decided();
        // What speaks against the person speaks against every audience.
        match belongs {
            Err(why) if why <= LeftOut::SharedAddress || why == LeftOut::AtRisk => assert_eq!(in_segment, Err(why)),
            _ => assert_eq!(in_segment, Ok(())),
        }
        (offered, said(belongs))
    }

    /// Whether the person is in the audience of a segment of everybody; or the reason.
    fn in_segment(&self) -> String {
        said(self.decided().2)
    }

    fn decided(&self) -> (String, Result<(), LeftOut>, Result<(), LeftOut>) {
        let mut fields = Fields::default();
        let stated = Some(self.email.to_owned()).filter(|email| !email.is_empty());
        fields.merge(stated.map(|email| ("email".to_owned(), email)), 0);
        let contact = Contact::from_fields("ada".into(), &fields);
        let fit = fit::evaluate(&FitRules::default(), Some(&contact), Some(&self.account));
        let person = segment::Person {
            contact: Some(&contact),
            account: Some(&self.account),
            fit: &fit,
            scores: &self.points,
            last_engaged_at: None,
            now: at(NOW),
        };
        // The inbox is full for today, which is no matter elsewhere.
        let today = at(NOW).to_zoned(TimeZone::UTC).date();
        let snapshot = Snapshot {
            person,
            engaged: &self.engaged,
            wishes: &self.wishes,
            zone: None,
            open_leads: &self.leads,
            progress: &self.progress,
            last_mail_on: Some(today),
            mail_days: &BTreeSet::from([today]),
            last_was_promotion: true,
            unsubscribed: self.unsubscribed,
            suppressed: self.suppressed,
            address_of_another: self.shared,
            trouble: None,
        };
        let now = at(NOW);
        let offered = offer(&self.rules, &snapshot, now).map_or_else(|why| why.to_string(), |it| it.asset.to_string());
        let belongs = in_audience(&self.rules, Audience::Stream(&self.rules.streams[0]), &snapshot, now);
        let everybody = Expression::All(vec![]);
        let in_segment = in_audience(&self.rules, Audience::Segment(&everybody), &snapshot, now);
        (offered, belongs, in_segment)
    }
}

fn said(belongs: Result<(), LeftOut>) -> String {
    belongs.map_or_else(|why| why.to_string(), |()| "in it".to_owned())
}

#[test]
fn an_offer_is_shown_and_an_audience_joined_only_by_those_who_may_be_sold_it() {
    let check = |says: &str, change: &dyn Fn(&mut Known), offered: &str, audience: &str| {
        let mut known = Known::new();
        change(&mut known);
        assert_eq!(known.answers(), (offered.to_owned(), audience.to_owned()), "{says}");
    };
    check("interest leads in, whatever the inbox has had", &|_| {}, "analytics-sheet", "in it");
    check("an offer taken is not repeated", &|it| it.did("analytics-sheet", "download"), "analytics-webinar", "in it");
    check("looking takes nothing", &|it| it.did("analytics-sheet", "view"), "analytics-sheet", "in it");
    check(
        "who has taken every lighter offer is offered the sale",
        &|it| {
            it.did("analytics-sheet", "download");
            it.did("analytics-webinar", "attend");
        },
        "analytics-pricing",
        "in it",
    );
    let asked = |it: &mut Known| it.did("analytics-pricing", "request");
    check(
        "who has asked for the price is offered nothing lighter",
        &asked,
        "offer already taken",
        "offer already taken",
    );
    check(
        "of two streams the fonder one's",
        &|it| {
            it.points.insert("automation".into(), 9);
        },
        "automation-trial",
        "in it",
    );
    check(
        "of equally many points the first",
        &|it| {
            it.points.insert("automation".into(), 3);
        },
        "analytics-sheet",
        "in it",
    );
    check(
        "the next stream's, when all of the fonder one's is taken",
        &|it| {
            it.points.insert("automation".into(), 9);
            it.did("automation-trial", "start");
        },
        "analytics-sheet",
        "in it",
    );
    check(
        "a stream that only teaches offers nothing",
        &|it| {
            it.points = BTreeMap::from([("reports".into(), 5)]);
        },
        "stream offers nothing",
        "not in it",
    );
    check("no interest", &|it| it.points.clear(), "not in it", "not in it");
    check(
        "begun is entered",
        &|it| {
            it.points.clear();
            let sent = vec![Received { piece: "lesson".into(), kind: Some(Kind::Educational) }];
            it.progress.insert("discover-analytics".into(), Progress { sent, last_sent_on: None });
        },
        "analytics-sheet",
        "in it",
    );
    check(
        "left by a trigger",
        &|it| {
            it.rules.streams[0].exit_on = vec![Trigger { asset: "analytics-webinar".into(), action: None }];
            it.did("analytics-webinar", "attend");
        },
        "not in it",
        "not in it",
    );
    check("owned", &|it| it.owns("analytics", "2025-01-15T00:00:00Z"), "product owned", "not in it");
    check(
        "owned from next year on is not owned",
        &|it| it.owns("analytics", "2027-01-15T00:00:00Z"),
        "analytics-sheet",
        "in it",
    );
    check(
        "what is theirs is not advertised to them",
        &|it| {
            it.points.clear();
            it.owns("support", "2025-01-15T00:00:00Z");
        },
        "product owned",
        "not in it",
    );
    check("at risk", &|it| it.account.health = Health::AtRisk, "account at risk", "account at risk");
    check(
        "a new customer",
        &|it| it.account.customer_since = Some(at("2025-12-15T00:00:00Z")),
        "new customer",
        "new customer",
    );
    check(
        "an open lead",
        &|it| it.leads = vec!["analytics".into()],
        "sales has an open lead",
        "sales has an open lead",
    );
    check("an open lead for another product", &|it| it.leads = vec!["automation".into()], "analytics-sheet", "in it");
    check(
        "a topic that is not wanted",
        &|it| {
            it.wishes.topics_off.insert("numbers".into());
        },
        "topic not wanted",
        "topic not wanted",
    );
    check(
        "the control group",
        &|it| it.rules.streams[0].holdout_percent = 100,
        "held out: in the control group",
        "held out: in the control group",
    );
    check("no ads", &|it| it.wishes.ads_off = true, "wants no ads", "wants no ads");
    check("no email is no word against ads", &|it| it.wishes.email_off = true, "analytics-sheet", "in it");
    check("a break", &|it| it.wishes.paused_until = Some(at("2026-03-05T00:00:00Z")), "takes a break", "takes a break");
    check("a break that is over", &|it| it.wishes.paused_until = Some(at(NOW)), "analytics-sheet", "in it");
    check("opted out", &|it| it.unsubscribed = true, "unsubscribed", "unsubscribed");
    check("bounced", &|it| it.suppressed = true, "address suppressed", "address suppressed");
    check("no address: a site needs none", &|it| it.email = "", "analytics-sheet", "no address");
    check(
        "the address of another: what that one wants counts",
        &|it| it.shared = true,
        "analytics-sheet",
        "address belongs to another contact",
    );
}

#[test]
fn a_segment_is_an_audience_without_those_at_risk_and_without_those_who_want_none() {
    let check = |says: &str, change: &dyn Fn(&mut Known), expected: &str| {
        let mut known = Known::new();
        change(&mut known);
        assert_eq!(known.in_segment(), expected, "{says}");
    };
    check("everybody in it", &|_| {}, "in it");
    check(
        "at risk: nothing is sold to them, on any channel",
        &|it| it.account.health = Health::AtRisk,
        "account at risk",
    );
    check(
        "what they want comes first",
        &|it| {
            it.account.health = Health::AtRisk;
            it.wishes.ads_off = true;
        },
        "wants no ads",
    );
    check("no address", &|it| it.email = "", "no address");
    check(
        "an open lead is about one product, a segment about none",
        &|it| it.leads = vec!["analytics".into()],
        "in it",
    );
}

#[test]
fn every_reason_has_words_of_its_own_and_a_browser_hears_only_wishes() {
    let words: BTreeSet<&str> = LeftOut::ALL.iter().map(|why| why.as_str()).collect();
    assert_eq!(words.len(), LeftOut::ALL.len());
    assert!(LeftOut::ALL.is_sorted(), "the most telling first");
    let told: Vec<&str> = LeftOut::ALL.iter().filter(|why| why.is_wish()).map(|why| why.as_str()).collect();
    assert_eq!(told, ["merged or erased", "unsubscribed", "address suppressed", "wants no ads", "takes a break"]);
}
