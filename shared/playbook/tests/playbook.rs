//! What a sound playbook becomes: rules, a version, mail.

use std::collections::BTreeMap;
use std::path::Path;

use expect_test::expect;
use perennial_domain::fit;
use perennial_domain::ids::{ActionId, AssetId, ContactId, PieceId, ProductId, RepId};
use perennial_domain::interest::{ActionRule, InterestRules};
use perennial_domain::nurture::{Kind, StreamKind};
use perennial_domain::profile::{Contact, Fields};
use perennial_domain::segment::{self, Person};
use perennial_playbook::{Bundle, Playbook, Reader, RenderError, Stage};

fn minimal() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/minimal"))
}

fn reader() -> Reader {
    Reader {
        first_name: "Ada <b>\r\nBcc: all".to_owned(),
        company: "Smith & \"Sons\"".to_owned(),
        rep_name: "Anna Keller".to_owned(),
        product_name: "Fernhill Analytics".to_owned(),
        sender_name: "Fernhill Software".to_owned(),
        site: "https://www.fernhill.example.com".to_owned(),
        unsubscribe_url: "https://mail.example.com/u?c=1&t=abc".to_owned(),
        preferences_url: "https://mail.example.com/p?c=1&t=abc".to_owned(),
        postal_address: "12 Garden Lane".to_owned(),
    }
}

#[test]
fn a_sound_folder_has_no_problems() {
    let (playbook, problems) = perennial_playbook::check(minimal());
    let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(problems, Vec::<String>::new());
    assert!(playbook.is_some());
}

#[test]
fn the_example_has_no_errors() {
    let example = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/playbook"));
    let (playbook, problems) = perennial_playbook::check(example);
    let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
    let playbook = playbook.unwrap_or_else(|| panic!("{}", problems.join("\n")));
    for piece in playbook.pieces() {
        playbook.render(&piece.id, &reader()).unwrap();
    }
}

#[test]
fn what_is_written_becomes_the_rules() {
    let playbook = Playbook::load(minimal()).unwrap();
    let (analytics, automation) = (ProductId::from("analytics"), ProductId::from("automation"));
    assert_eq!((playbook.interest.threshold(&analytics), playbook.interest.threshold(&automation)), (5, 8));
    let guide = &playbook.interest.assets[&AssetId::from("guide")];
    let rule = |action: &str| guide.actions[&ActionId::from(action)];
    assert_eq!(rule("request"), ActionRule { points: 10, act_now: true, call_now: false });
    assert_eq!(rule("download"), ActionRule { points: 4, act_now: false, call_now: true });
    let gate = playbook.interest.gate.unwrap();
    assert_eq!((gate.seconds_after_sending, gate.clicks_per_day), (10, 5));
    assert_eq!((playbook.qualify.new_customer_days, playbook.nurture.new_customer_days), (183, 183));
    assert_eq!((playbook.nurture.gap_days, playbook.nurture.stream_every_days), (7, 14));
    let [discover, _, keep] = &playbook.nurture.streams[..] else { panic!("three streams") };
    assert_eq!((&discover.kind, &keep.kind), (&StreamKind::CrossSell, &StreamKind::Retention { after_days: 60 }));
    let kinds: Vec<Kind> = discover.pieces.iter().map(|piece| piece.kind).collect();
    assert_eq!(kinds, [Kind::Educational, Kind::Soft, Kind::Educational, Kind::Hard]);
    assert_eq!(playbook.rep(&RepId::from("anna")).unwrap().manager, Some(RepId::from("elif")));
    assert_eq!(playbook.ladder.iter().map(|rung| rung.after_hours).collect::<Vec<_>>(), [24, 48]);
    assert_eq!(playbook.product_name(&automation), "Fernhill Automation");
    assert_eq!(playbook.product_name(&ProductId::from("gone")), "gone");
    assert_eq!(playbook.talk_track(&analytics), [] as [String; 0], "nobody has to write one");
    assert_eq!((playbook.talk_track(&ProductId::from("gone")).len(), playbook.talk("guide")), (0, None));
    assert_eq!((playbook.reject_reasons.len(), playbook.reject_reasons[0].as_str()), (6, "No need for it"));
    assert_eq!(playbook.piece(&PieceId::from("offer")).unwrap().asset, Some(AssetId::from("video")));
    assert_eq!(playbook.pieces().count(), 6);
}

#[test]
fn what_is_said_in_a_call_and_of_a_lead_that_is_none_is_as_it_is_written() {
    let mut bundle = Playbook::bundle(minimal()).unwrap();
    for (from, to) in [
        (
            "name = \"Fernhill Analytics\"",
            "name = \"Fernhill Analytics\"\ntalk_track = [\" Which number? \", \"Show it.\"]",
        ),
        ("title = \"The long guide\"", "title = \"The long guide\"\ntalk = \"Which page?\""),
        ("hot = 60", "hot = 60\nreject_reasons = [\"A student\"]"),
    ] {
        bundle.playbook = bundle.playbook.replace(from, to);
    }
    let playbook = Playbook::of(&bundle).unwrap();
    assert_eq!(playbook.talk_track(&ProductId::from("analytics")), ["Which number?", "Show it."]);
    assert_eq!((playbook.talk("guide"), playbook.talk("video")), (Some("Which page?"), None));
    assert_eq!(playbook.reject_reasons, ["A student"]);
    for (action, asset, expected) in [
        ("request", "guide", "asked for “The long guide”"),
        ("attend", "guide", "attended “The long guide”"),
        ("juggle", "guide", "juggle: “The long guide”"),
        ("view", "gone", "viewed “gone”"),
    ] {
        assert_eq!(playbook.told(action, asset), expected);
    }
}

#[test]
fn the_example_says_what_to_say_wherever_it_makes_a_lead() {
    let example = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/playbook"));
    let playbook = Playbook::load(example).unwrap();
    for product in &playbook.products {
        assert!((3..=5).contains(&product.talk_track.len()), "{}", product.id);
    }
    for (asset, rule) in &playbook.interest.assets {
        // Half of what makes a lead, or worth a call by itself.
        let leads = |it: &ActionRule| it.act_now || it.call_now || it.points >= 4;
        if rule.actions.values().any(leads) {
            assert!(playbook.talk(asset.as_str()).is_some_and(|talk| talk.contains('?')), "{asset} asks nothing");
        }
    }
}

#[test]
fn the_coverage_grid_shows_who_needs_more() {
    let mut bundle = Playbook::bundle(minimal()).unwrap();
    bundle.playbook = bundle.playbook.replace("call_now =", "personas = [\"sponsor\"]\ncall_now =");
    bundle.playbook.push_str("[[segment]]\nid = \"all\"\nwhen = 'fit >= 0'\n");
    for (id, name) in [("sponsor", "Executive sponsor"), ("user", "User")] {
        bundle.playbook.push_str(&format!("[[persona]]\nid = \"{id}\"\nname = \"{name}\"\nsegment = \"all\"\n"));
    }
    for (piece, stage, personas) in [
        ("ask", Stage::Late, &["sponsor"][..]),
        ("lesson-2", Stage::Middle, &["sponsor", "user"]),
        ("prune", Stage::Middle, &["user"]),
    ] {
        let front = &mut bundle.pieces.get_mut(piece).unwrap().front;
        front.stage = stage;
        front.personas = personas.iter().map(|&persona| persona.to_owned()).collect();
    }
    let playbook = Playbook::of(&bundle).unwrap();
    expect![[r#"
        pieces + assets    early               middle              late
        Executive sponsor  3 + 1               1 + 0, needs more   1 + 1, needs more
        User               3 + 1               2 + 0               0 + 0, needs more
        for everybody      3 + 1               0 + 0               0 + 0
    "#]]
    .assert_eq(&playbook.coverage().to_string());
}

#[test]
fn what_nobody_receives_is_not_covered() {
    let mut bundle = Playbook::bundle(minimal()).unwrap();
    bundle.playbook = bundle.playbook.replace(", \"lesson-2\", \"ask\"]", ", \"lesson-2\"]");
    bundle.playbook.push_str("[[segment]]\nid = \"all\"\nwhen = 'fit >= 0'\n");
    bundle.playbook.push_str("[[persona]]\nid = \"user\"\nname = \"User\"\nsegment = \"all\"\n");
    bundle.pieces.get_mut("ask").unwrap().front.stage = Stage::Late;
    let playbook = Playbook::of(&bundle).unwrap();
    expect![[r#"
        pieces + assets  early               middle              late
        User             5 + 1               0 + 0, needs more   0 + 1, needs more
        for everybody    5 + 1               0 + 0               0 + 1
    "#]]
    .assert_eq(&playbook.coverage().to_string());
}

#[test]
fn a_person_has_segments_and_one_persona() {
    let example = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/playbook"));
    let playbook = Playbook::load(example).unwrap();
    let check = |role: &str, title: &str, expected: Option<&str>, segments: &[&str]| {
        let contact = contact(role, title);
        let fit = fit::evaluate(&playbook.qualify.fit, Some(&contact), None);
        let (scores, now) = (BTreeMap::new(), jiff::Timestamp::UNIX_EPOCH);
        let person =
            Person { contact: Some(&contact), account: None, fit: &fit, scores: &scores, last_engaged_at: None, now };
        let persona = segment::persona_of(&playbook.personas, &person).map(|persona| persona.id.as_str());
        assert_eq!(persona, expected, "{title}");
        let belongs = playbook.segments.iter().filter(|segment| segment::is_member(&segment.when, &person));
        assert_eq!(belongs.map(|segment| segment.id.as_str()).collect::<Vec<_>>(), segments, "{title}");
    };
    check("executive", "CFO", Some("finance"), &["finance"]);
    check("executive", "COO", Some("executive-sponsor"), &["leadership"]);
    check("decision-maker", "Director of IT", Some("technical-owner"), &["technical"]);
    check("practitioner", "Office Manager", Some("head-of-department"), &["department-heads"]);
    check("user", "Actuary", Some("day-to-day-user"), &["hands-on"]);
    check("volunteer", "Friend", None, &[]);
}

fn contact(role: &str, title: &str) -> Contact {
    let mut fields = Fields::default();
    fields.merge([("role".to_owned(), role.to_owned()), ("title".to_owned(), title.to_owned())], 0);
    Contact::from_fields(ContactId::from("c"), &fields)
}

/// The rules that cannot be compared, as they would be shown.
fn rules(playbook: &Playbook) -> String {
    let InterestRules { threshold, product_thresholds, cap, decay, assets, .. } = &playbook.interest;
    let assets = assets.iter().map(|(id, rule)| {
        let actions: BTreeMap<&ActionId, &ActionRule> = rule.actions.iter().collect();
        (id, (&rule.products, &rule.title, actions))
    });
    let assets: BTreeMap<_, _> = assets.collect();
    let thresholds: BTreeMap<_, _> = product_thresholds.iter().collect();
    format!("{threshold} {thresholds:?} {cap} {decay:?} {assets:?} {:?} {:?}", playbook.qualify, playbook.owners)
}

#[test]
fn what_ships_is_the_same_playbook() {
    let bundle = Playbook::bundle(minimal()).unwrap();
    let folder = Playbook::load(minimal()).unwrap();
    assert_eq!(folder.version.len(), 12);
    assert_eq!(folder.version, bundle.version().unwrap());
    let compiled = Playbook::compile(&bundle).unwrap();
    assert_eq!(compiled.version(), folder.version);
    let json = compiled.to_json().unwrap();
    // Indentation is not content.
    let indented = serde_json::to_string_pretty(&serde_json::from_str::<serde_json::Value>(&json).unwrap()).unwrap();
    for json in [json, indented] {
        let shipped = Playbook::from_compiled(json.as_bytes()).unwrap();
        assert_eq!(shipped.version, folder.version);
        assert_eq!(rules(&shipped), rules(&folder));
        assert_eq!(shipped.nurture.streams, folder.nurture.streams);
        assert_eq!((&shipped.reps, &shipped.goals, &shipped.ladder), (&folder.reps, &folder.goals, &folder.ladder));
        assert!(shipped.pieces().eq(folder.pieces()));
        assert_eq!((&shipped.segments, &shipped.personas), (&folder.segments, &folder.personas));
        assert_eq!((&shipped.sources, &shipped.places), (&folder.sources, &folder.places));
        assert_eq!(shipped.coverage(), folder.coverage());
        for piece in folder.pieces() {
            assert_eq!(shipped.render(&piece.id, &reader()), folder.render(&piece.id, &reader()));
        }
    }
    let mut other = bundle.clone();
    other.playbook.push_str("\n# changed\n");
    assert_ne!(other.version().unwrap(), folder.version);
}

/// A deployment's layer may be older than its functions. Whoever changes the form so that this file cannot be read any more gives the new
/// one another number, and puts a file of it in this one's place.
#[test]
fn what_once_shipped_can_be_read() {
    let stored = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/compiled"));
    let now = Playbook::load(minimal()).unwrap();
    let files = std::fs::read_dir(stored).unwrap().map(|entry| entry.unwrap().path());
    let read = files.map(|file| {
        let then = Playbook::from_compiled(&std::fs::read(&file).unwrap());
        let then = then.unwrap_or_else(|problems| panic!("{}: {problems:?}", file.display()));
        let (then_rules, now_rules) = (rules(&then), rules(&now));
        assert_eq!(
            (&then.products, then_rules, &then.ladder),
            (&now.products, now_rules, &now.ladder),
            "{}",
            file.display()
        );
        assert!(then.pieces().eq(now.pieces()), "{}", file.display());
    });
    assert!(read.count() > 0, "there is at least the present one");
}

#[test]
fn debug_output_holds_nobody() {
    let playbook = Playbook::load(minimal()).unwrap();
    let mail = playbook.render(&PieceId::from("lesson-1"), &reader());
    let bundle = Playbook::bundle(minimal());
    let shown = format!("{playbook:?} {:?} {mail:?} {bundle:?} {:?}", playbook.reps, reader());
    for personal in ["@", "Ada", "Anna", "Smith", "t=abc"] {
        assert!(!shown.contains(personal), "{shown}");
    }
}

#[test]
fn open_takes_a_folder_or_what_ships() {
    let file = tempfile::Builder::new().suffix(".json").tempfile().unwrap();
    let compiled = Playbook::compile(&Playbook::bundle(minimal()).unwrap()).unwrap();
    std::fs::write(file.path(), compiled.to_json().unwrap()).unwrap();
    assert_eq!(Playbook::open(file.path()).unwrap().version, Playbook::open(minimal()).unwrap().version);
}

#[test]
fn a_bundle_that_was_tampered_with_is_refused() {
    let check = |bundle: &Bundle, expected: expect_test::Expect| {
        let problems = Playbook::compile(bundle).unwrap_err();
        expected.assert_eq(&problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
    };
    let sound = Playbook::bundle(minimal()).unwrap();
    let mut bundle = sound.clone();
    bundle.pieces.remove("offer");
    check(
        &bundle,
        expect![[r#"playbook.toml:71: error: stream "discover-analytics" names piece "offer", which does not exist"#]],
    );
    let mut bundle = sound.clone();
    bundle.pieces.get_mut("offer").unwrap().html.push_str("{{");
    check(
        &bundle,
        expect!["bundle.json: error: a template of a piece cannot be filled: make the bundle again from its folder"],
    );
}

#[test]
fn what_is_not_a_compiled_playbook_is_refused_without_being_repeated() {
    let sound = Playbook::compile(&Playbook::bundle(minimal()).unwrap()).unwrap().to_json().unwrap();
    let check = |json: &str, reason: &str| {
        let problems = Playbook::from_compiled(json.as_bytes()).unwrap_err();
        let said = problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        assert_eq!(said, format!("playbook.json: error: {reason}"));
    };
    let again = ": make it again with the `perennial playbook build` of this version";
    check("{", &format!("not a compiled playbook (column 1 cannot be read){again}"));
    let newer = sound.replacen("\"format\":1", "\"format\":2", 1);
    check(&newer, &format!("of format 2, where this version reads 1{again}"));
    let unknown = sound.replacen("\"format\":1", "\"format\":1,\"anna@example.com\":1", 1);
    check(&unknown, &format!("not a compiled playbook (column 30 cannot be read){again}"));
    let somewhere = sound.replacen("\"time_zone\":\"", "\"time_zone\":\"anna@example.com", 1);
    check(&somewhere, "holds what no check would have let through: make it again from its folder");
    // What a bundle is, which shipped before there was this.
    check("{\"playbook\":\"\",\"pieces\":{}}", &format!("not a compiled playbook (column 11 cannot be read){again}"));
}

#[test]
fn a_piece_is_filled_for_one_reader() {
    let playbook = Playbook::load(minimal()).unwrap();
    let mail = playbook.render(&PieceId::from("lesson-1"), &reader()).unwrap();
    // One line, whatever a name holds.
    assert_eq!(mail.subject, "Ada <b> Bcc: all, one question first");
    expect![[r#"
        Hello Ada <b> Bcc: all of Smith & "Sons", here is lesson-1.

        Read on: https://www.fernhill.example.com/library?from=mail

        --
        Fernhill Software, 12 Garden Lane
        Choose: https://mail.example.com/p?c=1&t=abc
        Unsubscribe: https://mail.example.com/u?c=1&t=abc"#]]
    .assert_eq(&mail.text);
    // What is the piece's of the HTML; the rest is mrml's.
    let lines = mail
        .html
        .split("<body")
        .nth(1)
        .unwrap()
        .split('<')
        .filter(|line| ["Ada", "Smith", "href", "Garden"].iter().any(|word| line.contains(word)));
    expect![[r#"
        div style="display:none;font-size:1px;color:#ffffff;line-height:1px;max-height:0px;max-width:0px;opacity:0;overflow:hidden;">For Smith &amp; &quot;Sons&quot;
        div aria-label="Ada &lt;b&gt; Bcc: all, one question first" aria-roledescription="email" role="article" lang="en" dir="auto">
        p>Hello Ada &lt;b&gt; Bcc: all of Smith &amp; &quot;Sons&quot;, here is lesson-1.
        a href="https://www.fernhill.example.com/library?from=mail" target="_blank" style="display:inline-block;background:#414141;color:#ffffff;font-family:Ubuntu, Helvetica, Arial, sans-serif;font-size:13px;font-weight:normal;line-height:120%;margin:0;text-decoration:none;text-transform:none;padding:10px 25px;mso-padding-alt:0px;border-radius:3px;">Read on
        a href="https://mail.example.com/u?c=1&amp;t=abc">Unsubscribe
        a href="https://mail.example.com/p?c=1&amp;t=abc">Choose
        /a>, 12 Garden Lane"#]].assert_eq(&lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>().join("\n"));
    assert!(mail.html.contains("<title>Ada &lt;b&gt; Bcc: all, one question first</title>"), "{}", mail.html);

    let gone = PieceId::from("gone");
    assert_eq!(playbook.render(&gone, &reader()), Err(RenderError::UnknownPiece(gone)));
}
