//! How what is written about scoring becomes what is scored, and where it stands.

use std::collections::BTreeMap;
use std::path::Path;

use expect_test::expect_file;
use perennial_domain::fit;
use perennial_domain::ids::{AccountId, ActionId, AssetId, ProductId};
use perennial_domain::interest::Requalify;
use perennial_domain::profile::{Account, Fields};
use perennial_playbook::{Place, Playbook, Setting};

fn folder(path: &str) -> Playbook {
    Playbook::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The text of the sound playbook after replacements, and what it becomes.
fn minimal_after(changes: &[(&str, &str)]) -> (String, Playbook) {
    let minimal = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/minimal"));
    let mut bundle = Playbook::bundle(minimal).unwrap();
    for (from, to) in changes {
        assert!(bundle.playbook.contains(from), "the sound playbook does not hold {from}");
        bundle.playbook = bundle.playbook.replacen(from, to, 1);
    }
    let text = bundle.playbook.clone();
    (text, Playbook::of(&bundle).unwrap())
}

fn points_of(playbook: &Playbook, asset: &str) -> String {
    let actions = playbook.interest.assets[&AssetId::from(asset)].actions.iter();
    let sorted: BTreeMap<&str, i64> = actions.map(|(action, rule)| (action.as_str(), rule.points)).collect();
    sorted.iter().map(|(action, points)| format!("{action} {points}")).collect::<Vec<_>>().join(", ")
}

#[test]
fn the_points_of_the_example_are_these() {
    let playbook = folder("../../infra/playbook");
    let mut rows: Vec<String> = Vec::new();
    for (asset, rule) in &playbook.interest.assets {
        rows.extend(rule.actions.iter().map(|(action, rule)| format!("{asset}/{action} = {}\n", rule.points)));
    }
    rows.sort();
    expect_file!["example-points.txt"].assert_eq(&rows.concat());
}

#[test]
fn an_action_is_worth_its_stage_and_effort_unless_it_has_points() {
    let check = |stage: &str, effort: &str, more: &str, lines: &str, expected: &str| {
        let (_, playbook) = minimal_after(&[
            ("[interest.gate]", &format!("{more}\n[interest.gate]")),
            (
                "stage = \"early\"\neffort = \"low\"\npoints = { watch = 3, unsubscribe = -5 }",
                &format!("stage = \"{stage}\"\neffort = \"{effort}\"\n{lines}"),
            ),
        ]);
        assert_eq!(points_of(&playbook, "video"), expected, "{stage} {effort} {more} {lines}");
    };
    let watch = r#"actions = ["watch"]"#;
    check("early", "low", "", watch, "watch 1");
    check("early", "medium", "", watch, "watch 2");
    check("early", "high", "", watch, "watch 5");
    check("middle", "low", "", watch, "watch 2");
    check("middle", "medium", "", watch, "watch 3");
    check("middle", "high", "", watch, "watch 6");
    check("late", "low", "", watch, "watch 3");
    check("late", "medium", "", watch, "watch 5");
    check("late", "high", "", watch, "watch 10");
    // One cell of the playbook's own leaves the others alone.
    let own = "[interest.points]\nlate = { medium = 4 }";
    check("late", "medium", own, watch, "watch 4");
    check("late", "high", own, watch, "watch 10");
    check("early", "medium", own, watch, "watch 2");
    // Machines open mail, too.
    check("late", "high", "", r#"actions = ["delivered", "open", "click"]"#, "click 10, delivered 0, open 0");
    check("late", "high", "", "actions = [\"open\"]\npoints = { open = 1 }", "open 1");
    check(
        "late",
        "high",
        "",
        "actions = [\"watch\", \"share\"]\npoints = { watch = 2, leave = -3 }",
        "leave -3, share 10, watch 2",
    );
    check("late", "high", "", "actions = [\"watch\"]\npoints = { watch = 0 }", "watch 0");
}

#[test]
fn an_action_without_points_of_its_own_may_be_an_act_now() {
    let (_, playbook) = minimal_after(&[(
        "points = { download = 4, request = 10 }",
        "actions = [\"request\"]\npoints = { download = 4 }",
    )]);
    let guide = &playbook.interest.assets[&AssetId::from("guide")];
    assert!(guide.actions[&ActionId::from("request")].act_now);
    assert!(guide.actions[&ActionId::from("download")].call_now);
    assert_eq!(points_of(&playbook, "guide"), "download 4, request 10");
}

#[test]
fn a_new_quarter_needs_an_engagement_unless_the_playbook_says_otherwise() {
    let check = |line: &str, expected: Requalify| {
        let (_, playbook) = minimal_after(&[("first_month = 1", &format!("first_month = 1\n{line}"))]);
        assert_eq!(playbook.interest.requalify, expected, "{line}");
    };
    check("", Requalify::OnEngagement);
    check(r#"requalify = "on-engagement""#, Requalify::OnEngagement);
    check(r#"requalify = "on-rollover""#, Requalify::OnRollover);
}

#[test]
fn warm_is_thirty_unless_the_playbook_says_otherwise() {
    assert_eq!(minimal_after(&[]).1.qualify.sorting.warm, 30);
    assert_eq!(minimal_after(&[("hot = 60", "hot = 60\nwarm = 60")]).1.qualify.sorting.warm, 60);
}

#[test]
fn an_account_fits_by_every_attribute_that_is_written() {
    let (text, playbook) = minimal_after(&[(
        "size = { enterprise = 30 }",
        "size = { enterprise = 30 }\n\
         region = { emea = 4 }\n\
         industry = { software = 3 }\n\
         maturity = { advanced = 9, novice = -2 }\n\
         market = { b2b = 6 }\n\
         purchases = [{ at_least = 3, points = 7 }, { at_least = 1, points = 1 }]\n\
         revenue_cents = [\n  { at_least = 1_000, points = 5 },\n  { at_least = 2_000, points = 8 },\n]",
    )]);
    let check = |stated: &[(&str, &str)], expected: &[(&str, &str)]| {
        let mut fields = Fields::default();
        fields.merge(stated.iter().map(|(field, value)| ((*field).to_owned(), (*value).to_owned())), 1);
        let account = Account::from_fields(AccountId::from("a"), &fields);
        let fit = fit::evaluate(&playbook.qualify.fit, None, Some(&account));
        let lines = fit.lines.iter().map(|line| {
            let place = playbook.places.fit(line.attribute, &line.value);
            (format!("{} {} {}", line.attribute, line.value, line.points), written_at(&text, place))
        });
        let lines: Vec<(String, String)> = lines.collect();
        let lines: Vec<(&str, &str)> = lines.iter().map(|(line, at)| (line.as_str(), at.as_str())).collect();
        assert_eq!(lines, expected, "{stated:?}");
    };
    check(
        &[("size", "enterprise"), ("region", "emea"), ("industry", "software")],
        &[
            ("size enterprise 30", "size = { enterprise = 30 }"),
            ("region emea 4", "region = { emea = 4 }"),
            ("industry software 3", "industry = { software = 3 }"),
        ],
    );
    check(
        &[("maturity", "novice"), ("market", "b2b")],
        &[("maturity novice -2", "maturity = { advanced = 9, novice = -2 }"), ("market b2b 6", "market = { b2b = 6 }")],
    );
    check(
        &[("revenue_cents", "1999"), ("purchases", "2")],
        &[
            ("revenue_cents 1000 or more 5", "{ at_least = 1_000, points = 5 },"),
            ("purchases 1 or more 1", "purchases = [{ at_least = 3, points = 7 }, { at_least = 1, points = 1 }]"),
        ],
    );
    check(
        &[("revenue_cents", "2000"), ("purchases", "0")],
        &[("revenue_cents 2000 or more 8", "{ at_least = 2_000, points = 8 },")],
    );
    check(&[("revenue_cents", "999"), ("market", "b2c")], &[]);
}

/// The line of the text that a place names; "default" for none.
fn written_at(text: &str, place: Option<Place>) -> String {
    let Some(place) = place else { return "default".to_owned() };
    assert_eq!(place.file, Path::new("playbook.toml"));
    text.lines().nth(place.line.unwrap() - 1).unwrap().trim().to_owned()
}

#[test]
fn each_rule_stands_where_its_place_says() {
    let (text, playbook) = minimal_after(&[
        ("cap = 100\n", "\n# Not below the threshold.\ncap = 100\n"),
        ("first_month = 1\n", "first_month = 1\nrequalify = \"on-rollover\"\n"),
        ("[interest.gate]", "[interest.points]\nearly.low = 2\n[interest.gate]"),
        ("points = { download = 4, request", "actions = [\"watch\"]\npoints = { download = 4, request"),
        ("points = { watch = 3,", "actions = [\n  \"share\",\n  \"open\",\n  \"watch\",\n]\npoints = { watch = 3,"),
    ]);
    let check = |place: Option<Place>, expected: &str| assert_eq!(written_at(&text, place), expected);
    let places = &playbook.places;
    check(places.threshold(&ProductId::from("analytics")), "threshold = 5");
    check(places.threshold(&ProductId::from("automation")), "threshold = 8");
    for (setting, expected) in [
        (Setting::Cap, "cap = 100"),
        (Setting::Decay, r#"decay = "halve""#),
        (Setting::Repeat, "default"),
        (Setting::SecondsAfterSending, "seconds_after_sending = 10"),
        (Setting::ClicksPerDay, "default"),
        (Setting::Requalify, r#"requalify = "on-rollover""#),
        (Setting::Grades, "grades = { A = 70, B = 45, C = 20 }"),
        (Setting::Hot, "hot = 60"),
        (Setting::Warm, "default"),
        (Setting::FitWeight, "fit_weight = 50"),
        (Setting::NewCustomerDays, "default"),
    ] {
        check(places.setting(setting), expected);
    }
    let (guide, video) = (AssetId::from("guide"), AssetId::from("video"));
    check(places.asset(&guide), r#"id = "guide""#);
    check(places.action(&guide, &ActionId::from("request")), "points = { download = 4, request = 10 }");
    // Late and high is left to its default.
    check(places.action(&guide, &ActionId::from("watch")), r#"actions = ["watch"]"#);
    check(places.action(&guide, &ActionId::from("share")), "default");
    check(places.default_points(&guide), "default");
    check(places.action(&video, &ActionId::from("share")), "early.low = 2");
    check(places.action(&video, &ActionId::from("open")), r#""open","#);
    check(places.action(&video, &ActionId::from("watch")), "points = { watch = 3, unsubscribe = -5 }");
    check(places.default_points(&video), "early.low = 2");
    check(places.fit("role", "executive"), "role = { executive = 40, user = 10 }");
    check(places.fit("title", "vp"), "title = { vp = 20 }");
    check(places.fit("title", "executive"), "default");
    check(places.fit("shoe size", "42"), "default");
    check(places.section("stream", "keep-analytics"), r#"id = "keep-analytics""#);
    check(places.section("rep", "elif"), r#"id = "elif""#);
    check(places.section("product", "elif"), "default");
}

#[test]
fn a_place_is_the_same_in_the_folder_and_in_what_ships() {
    let example = folder("../../infra/playbook");
    let bundle = Playbook::bundle(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/playbook")).unwrap();
    let shipped = Playbook::of(&bundle).unwrap();
    for (asset, rule) in &example.interest.assets {
        for action in rule.actions.keys() {
            let place = example.places.action(asset, action).unwrap();
            assert_eq!(shipped.places.action(asset, action), Some(place));
        }
    }
    let place = example.places.setting(Setting::Cap).unwrap();
    assert_eq!(place.to_string(), format!("playbook.toml:{}", place.line.unwrap()));
}
