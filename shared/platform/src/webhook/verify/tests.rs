//! Who is believed, case by case.

use http::HeaderMap;
use perennial_playbook::sources::{Encoding, Format};

use super::super::challenge::challenge;
use super::super::sign::{Unsignable, sign};
use super::schemes::{Scheme, Sent, first_event, now, schemes};
use super::*;

fn scheme(name: &str) -> Scheme {
    schemes().into_iter().find(|scheme| scheme.name == name).unwrap()
}

fn signature(header: &str) -> Result<(), Forged> {
    Err(Forged::Signature(header.to_owned()))
}

fn unreadable(header: &str) -> Result<(), Forged> {
    Err(Forged::Header(header.to_owned()))
}

#[test]
fn what_is_signed_is_believed() {
    for scheme in schemes() {
        for body in [&b"{}"[..], b"[{\"a\": 1}, 2]", b"{\"a\":\"\xff\x00\"}", "{\"a\":\"ü\"}".as_bytes()] {
            let sent = scheme.signed("evt_1", body, now());
            assert_eq!(scheme.judge(&sent, now()), Ok(()), "{}", scheme.name);
        }
    }
}

#[test]
fn any_live_secret_will_do_and_a_weak_one_never() {
    for scheme in schemes() {
        let sent = scheme.signed("evt_1", b"{}", now());
        let delivery = Delivery { method: "POST", url: &sent.url, headers: &sent.headers, body: &sent.body };
        let judge = |secrets: &[&str]| {
            let secrets: Vec<String> = secrets.iter().map(|secret| (*secret).to_owned()).collect();
            verify(&scheme.source, &secrets, &delivery, now()).is_ok()
        };
        let other = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
        assert!(judge(&[other, scheme.secret]) && judge(&[scheme.secret, other]), "{}", scheme.name);
        assert!(!judge(&[other]) && !judge(&[]) && !judge(&[""]), "{}", scheme.name);
        // Even if the sender uses it: what can be guessed proves nothing.
        for weak in ["", "hunter2", "fifteen letters", "whsec_c2hvcnQ="] {
            let unsigned = Delivery { headers: &HeaderMap::new(), ..delivery };
            assert_eq!(sign(&scheme.source, weak, "evt_1", &unsigned, now()), Err(Unsignable::Secret));
        }
    }
    let token = scheme("token");
    let check = |secret: &str| {
        let headers = [("x-perennial-key".parse().unwrap(), secret.parse().unwrap())].into_iter().collect();
        let delivery = Delivery { method: "POST", url: "", headers: &headers, body: b"{}" };
        verify(&token.source, &[secret.to_owned()], &delivery, now())
    };
    assert_eq!(check("fifteen letters"), signature("x-perennial-key"));
    assert_eq!(check("sixteen letters!"), Ok(()));
}

#[test]
fn a_header_that_is_missing_repeated_or_unreadable_is_named() {
    for scheme in schemes() {
        let sent = scheme.signed("evt_1", b"{}", now());
        for name in sent.headers.keys().filter(|name| (scheme.name, name.as_str()) != ("segment", "x-signature")) {
            let check = |change: &dyn Fn(&mut HeaderMap)| {
                let mut changed = sent.clone();
                change(&mut changed.headers);
                assert_eq!(scheme.judge(&changed, now()), unreadable(name.as_str()), "{}", scheme.name);
            };
            check(&|headers| drop(headers.remove(name)));
            check(&|headers| assert!(headers.append(name, sent.headers[name].clone())));
            check(&|headers| drop(headers.insert(name, "".parse().unwrap())));
            check(&|headers| drop(headers.insert(name, http::HeaderValue::from_bytes(b"\xfc").unwrap())));
        }
    }
}

#[test]
fn a_list_in_a_header_is_read_strictly_and_every_signature_is_tried() {
    let stripe = scheme("stripe");
    let sent = stripe.signed("", b"{}", now());
    let whole = sent.headers["stripe-signature"].to_str().unwrap().to_owned();
    let (at, right) = whole.split_once(',').unwrap();
    let wrong = format!("v1={}", "0".repeat(64));
    let check = |value: &str, expected: Result<(), Forged>| {
        let mut changed = sent.clone();
        changed.headers.insert("stripe-signature", value.parse().unwrap());
        assert_eq!(stripe.judge(&changed, now()), expected, "{value}");
    };
    check(&format!("{at},{right}"), Ok(()));
    check(&format!("{right},{at}"), Ok(()));
    check(&format!("{at},{wrong},{right}"), Ok(()));
    check(&format!("{at},{right},{wrong},v0=anything"), Ok(()));
    check(&format!("{at},{wrong},{wrong}"), signature("stripe-signature"));
    check(&format!("{at},{}", right.to_uppercase()), unreadable("stripe-signature"));
    check(&format!("{at},v1={}", right[3..].to_uppercase()), signature("stripe-signature"));
    for value in [
        at.to_owned(),
        right.to_owned(),
        format!("{at}, {right}"),
        format!("{at},{at},{right}"),
        format!("{at},t=1,{right}"),
        format!("{at},{right},"),
        format!("{at},{right},v1="),
        format!("{at},{right},=x"),
        format!("{at},{right},x"),
        format!("{at},v0{right}"),
    ] {
        check(&value, unreadable("stripe-signature"));
    }
}

#[test]
fn a_dot_in_an_id_cannot_shift_what_is_signed() {
    let standard = scheme("standard");
    let (at, body) = (now().as_second(), br#"{"type":"engagement.recorded"}"#);
    let sent = standard.signed(&format!("a.{at}"), body, now());
    assert_eq!(standard.judge(&sent, now()), Ok(()), "an id may have dots");
    // The same bytes, cut elsewhere: the id `a`, signed at the time that was part of it.
    let mut shifted = sent.clone();
    shifted.headers.insert(WEBHOOK_ID, "a".parse().unwrap());
    shifted.headers.insert(WEBHOOK_TIMESTAMP, at.to_string().parse().unwrap());
    shifted.body = [at.to_string().as_bytes(), b".", body].concat();
    assert_eq!(standard.judge(&shifted, now()), Err(Forged::Body));
    // And with `a.5`, `6` and a body, as the numbers are near enough at the beginning of time.
    let start = Timestamp::from_second(6).unwrap();
    let sent = standard.signed("a.5", b"{}", start);
    let mut shifted = sent.clone();
    shifted.headers.insert(WEBHOOK_ID, "a".parse().unwrap());
    shifted.headers.insert(WEBHOOK_TIMESTAMP, "5".parse().unwrap());
    shifted.body = b"6.{}".to_vec();
    assert_eq!((standard.judge(&sent, start), standard.judge(&shifted, start)), (Ok(()), Err(Forged::Body)));
}

#[test]
fn what_proves_nothing_is_not_believed() {
    let sent = Sent { headers: HeaderMap::new(), url: String::new(), body: b"{}".to_vec() };
    assert_eq!(Scheme::of("none", vec![]).judge(&sent, now()), Err(Forged::Nothing));
    let only = Scheme::of("only where sent", vec![Verify::Hmac(first_event())]);
    assert_eq!(only.judge(&sent, now()), Err(Forged::Nothing), "a signature that may be left out, and is");
}

#[test]
fn each_way_must_hold() {
    let segment = scheme("segment");
    let whole = segment.signed("", b"{}", now());
    let check = |change: &dyn Fn(&mut HeaderMap), expected: Result<(), Forged>| {
        let mut sent = whole.clone();
        change(&mut sent.headers);
        assert_eq!(segment.judge(&sent, now()), expected);
    };
    check(&|headers| drop(headers.remove("x-signature")), Ok(()));
    check(&|headers| drop(headers.remove("authorization")), unreadable("authorization"));
    check(&|headers| drop(headers.insert("x-signature", "0".parse().unwrap())), signature("x-signature"));
}

/// `(body, what is signed of it)`
#[test]
fn of_a_batch_the_first_event_is_signed() {
    let signed = Scheme::of("first", vec![Verify::Hmac(first_event())]);
    let direct =
        Scheme::of("all", vec![Verify::Hmac(schemes::hmac("x-signature", Algorithm::Sha1, Encoding::Hex, ""))]);
    for (body, first) in [
        (r#"{"a": 1}"#, Some(r#"{"a": 1}"#)),
        (r#"[{"a":1}]"#, Some(r#"{"a":1}"#)),
        (
            r#" [ {"b": [1, {"c" : "x y\" ]"}], "a":1.50e+2} , {"d":2}]"#,
            Some(r#"{"b":[1,{"c":"x y\" ]"}],"a":1.50e+2}"#),
        ),
        ("[\n\t\"a\\\\\", 2]", Some("\"a\\\\\"")),
        ("[1]", Some("1")),
        ("[]", None),
        ("[", None),
        ("[{\"a\":1", None),
        ("[}]", None),
        ("[\"", None),
        ("1", None),
        ("", None),
    ] {
        let expected = first.map(|first| direct.signed("", first.as_bytes(), now()).headers);
        let delivery = Delivery { method: "POST", url: "", headers: &HeaderMap::new(), body: body.as_bytes() };
        let seen = sign(&signed.source, signed.secret, "", &delivery, now());
        assert_eq!(seen, expected.ok_or(Unsignable::Body), "{body}");
    }
}

/// HubSpot's documentation gives no hash for its v3; this is the content it describes, signed.
#[test]
fn an_address_is_signed_with_hubspots_escapes_decoded() {
    let plain = Scheme::of("plain", vec![Verify::Hmac(schemes::hmac("x", Algorithm::Sha256, Encoding::Base64, ""))]);
    let mut hubspot = scheme("hubspot");
    let Verify::Hmac(hmac) = &mut hubspot.source.verify[0] else { unreachable!("it is one") };
    hmac.signature.header = "x".to_owned();
    let check = |url: &str, signed: &str, fixed: Option<&str>| {
        let mut source = hubspot.source.clone();
        source.url = fixed.map(str::to_owned);
        let delivery = Delivery { method: "POST", url, headers: &HeaderMap::new(), body: b"[{}]" };
        let seen = sign(&source, hubspot.secret, "", &delivery, now()).unwrap();
        let content = format!("POST{signed}[{{}}]{}", now().as_millisecond());
        assert_eq!(seen["x"], plain.signed("", content.as_bytes(), now()).headers["x"], "{url}");
    };
    check("https://a.example.com/b?c=d", "https://a.example.com/b?c=d", None);
    check("https://a/b?c=%3A%2F%3f%40%21%24%27%28%29%2A%2C%3b", "https://a/b?c=:/?@!$'()*,;", None);
    check("https://a/b?c=%20%26%3D%25%2", "https://a/b?c=%20%26%3D%25%2", None);
    check("https://a/%253A%ü", "https://a/%253A%ü", None);
    check("https://behind.the.proxy/", "https://in.front/of", Some("https://in.front/of"));
}

#[test]
fn zooms_question_is_answered_and_nothing_else_is_signed() {
    let zoom = scheme("zoom");
    let ask = |scheme: &Scheme, body: &str| {
        let sent = zoom.signed("", body.as_bytes(), now());
        let delivery = Delivery { method: "POST", url: "", headers: &sent.headers, body: &sent.body };
        challenge(&scheme.source, &[zoom.secret.to_owned()], &delivery, now())
    };
    let question = |token: &str| {
        serde_json::json!({"event": "endpoint.url_validation", "event_ts": 1, "payload": {"plainToken": token}})
            .to_string()
    };
    let answered = ask(&zoom, &question("qgg8vlvZRS6UYooatFL8Aw")).unwrap();
    let hash = written(Encoding::Hex, &mac(Algorithm::Sha256, zoom.secret.as_bytes(), &[b"qgg8vlvZRS6UYooatFL8Aw"]));
    assert_eq!(answered, serde_json::json!({"plainToken": "qgg8vlvZRS6UYooatFL8Aw", "encryptedToken": hash}));
    for token in ["", "v0:1767608100:{}", "{}", "a b", "a.b", "ü", "a\n", &"a".repeat(129)] {
        assert_eq!(ask(&zoom, &question(token)), None, "{token}");
    }
    for body in [
        r#"{"event":"webinar.ended","payload":{"plainToken":"abc"}}"#,
        r#"{"event":"endpoint.url_validation","payload":{}}"#,
        r#"{"event":"endpoint.url_validation","payload":{"plainToken":1}}"#,
        r#"[{"event":"endpoint.url_validation","payload":{"plainToken":"abc"}}]"#,
        "no JSON",
    ] {
        assert_eq!(ask(&zoom, body), None, "{body}");
    }
    let mut other = scheme("zoom");
    other.source.format = Format::Mapped;
    assert_eq!(ask(&other, &question("abc")), None, "not a source of Zoom's");
}

#[test]
fn zooms_question_is_answered_with_the_secret_that_asks_and_to_nobody_else() {
    let zoom = scheme("zoom");
    let body = br#"{"event":"endpoint.url_validation","payload":{"plainToken":"abc"}}"#;
    let sent = zoom.signed("", body, now());
    let secrets = ["another secret of the tests".to_owned(), zoom.secret.to_owned()];
    let ask = |sent: &Sent, secrets: &[String], now: Timestamp| {
        let delivery = Delivery { method: "POST", url: "", headers: &sent.headers, body: &sent.body };
        challenge(&zoom.source, secrets, &delivery, now)
    };
    assert_eq!(ask(&sent, &secrets, now()), ask(&sent, &secrets[1..], now()));
    assert!(ask(&sent, &secrets, now()).is_some());
    assert_eq!(ask(&sent, &secrets[..1], now()), None);
    assert_eq!(ask(&sent, &secrets, now() + jiff::SignedDuration::from_secs(301)), None);
    let mut forged = sent.clone();
    forged.headers.insert("x-zm-signature", "v0=0".parse().unwrap());
    assert_eq!(ask(&forged, &secrets, now()), None);
}

#[test]
fn a_reason_names_a_header_and_never_what_it_held() {
    let reasons = [
        Forged::Header("x".into()),
        Forged::Timestamp { header: "x".into(), seconds: 300 },
        Forged::Signature("x".into()),
        Forged::Body,
        Forged::Nothing,
    ];
    let reasons: Vec<String> = reasons.iter().map(ToString::to_string).collect();
    let expected = [
        "header x is missing, repeated or unreadable",
        "x is more than 300 seconds from now",
        "x does not fit",
        "the body is not of the form that is signed",
        "nothing in the delivery proves who sent it",
    ];
    assert_eq!(reasons, expected);
}

#[test]
fn the_schemes_of_these_tests_are_those_that_ship() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/playbook");
    let playbook = perennial_playbook::Playbook::open(&folder).unwrap();
    let tested = |name: &str| scheme(name).source.verify;
    for (id, source) in &playbook.sources {
        let name = match id.as_str() {
            "native" => "standard",
            "salesforce" => "token",
            same => same,
        };
        assert_eq!(source.verify, tested(name), "{id}");
    }
    assert_eq!(playbook.sources.len(), 6);
}
