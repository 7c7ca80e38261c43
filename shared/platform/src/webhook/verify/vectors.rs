//! Signatures that others have published.

use http::HeaderMap;
use jiff::Timestamp;
use perennial_playbook::sources::Source;
use standardwebhooks::Webhook;

use super::*;

const RUST: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const OTHERS: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A delivery of Standard Webhooks; a header without a value is not sent.
struct Sent<'a> {
    id: Option<&'a str>,
    at: Option<&'a str>,
    signature: Option<&'a str>,
    body: &'a str,
}

fn judged(secret: &str, sent: &Sent<'_>, now: i64) -> Result<(), Forged> {
    let mut headers = HeaderMap::new();
    for (name, value) in [(WEBHOOK_ID, sent.id), (WEBHOOK_TIMESTAMP, sent.at), (WEBHOOK_SIGNATURE, sent.signature)] {
        if let Some(value) = value {
            headers.insert(name, value.parse().unwrap());
        }
    }
    let delivery = Delivery { method: "POST", url: "", headers: &headers, body: sent.body.as_bytes() };
    verify(&Source::native(), &[secret.to_owned()], &delivery, Timestamp::from_second(now).unwrap())
}

/// The vectors with fixed signatures in the Standard Webhooks libraries: Go, JavaScript, Python, PHP, Ruby, Java and C# share
/// the first, Rust has the second.
#[test]
fn the_published_vectors_are_believed() {
    for (secret, id, at, body, signature) in [
        (
            OTHERS,
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            r#"{"test": 2432232314}"#,
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        ),
        (
            RUST,
            "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
            1_649_367_553,
            r#"{"email":"test@example.com","username":"test_user"}"#,
            "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
        ),
    ] {
        let stated = at.to_string();
        let sent = Sent { id: Some(id), at: Some(&stated), signature: Some(signature), body };
        assert_eq!(judged(secret, &sent, at), Ok(()));
        assert_eq!(judged(secret, &sent, at + 299), Ok(()));
    }
}

/// The cases that the libraries' tests make with a signature of their own making; here one of the published crate's.
#[test]
fn the_published_cases_come_out_as_the_libraries_have_them() {
    const NOW: i64 = 1_614_265_330;
    let (id, body) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", r#"{"test": 2432232314}"#);
    let signed = |at: i64| Webhook::new(OTHERS).unwrap().sign(id, at, body.as_bytes()).unwrap();
    let right = signed(NOW);
    let wrong = "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc=";
    let several = |between: &str| format!("{wrong} v2,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc= {between}{wrong}");
    let with_right = several(&format!("{right} "));
    let header = |name: &str| Err(Forged::Header(name.to_owned()));
    let unfit = || Err(Forged::Signature(WEBHOOK_SIGNATURE.to_owned()));
    let far = || Err(Forged::Timestamp { header: WEBHOOK_TIMESTAMP.to_owned(), seconds: 300 });
    let check =
        |what: &str, id: Option<&str>, at: Option<i64>, signature: Option<&str>, expected: Result<(), Forged>| {
            let at = at.map(|at| at.to_string());
            let sent = Sent { id, at: at.as_deref(), signature, body };
            assert_eq!(judged(OTHERS, &sent, NOW), expected, "{what}");
        };
    check("valid", Some(id), Some(NOW), Some(&right), Ok(()));
    check("no id", None, Some(NOW), Some(&right), header(WEBHOOK_ID));
    check("no timestamp", Some(id), None, Some(&right), header(WEBHOOK_TIMESTAMP));
    check("no signature", Some(id), Some(NOW), None, header(WEBHOOK_SIGNATURE));
    check("another signature", Some(id), Some(NOW), Some(wrong), unfit());
    check("no base64", Some(id), Some(NOW), Some("v1,dawfeoifkpqwoekfpqoekf"), unfit());
    check("half a signature", Some(id), Some(NOW), Some(&right[..8]), unfit());
    check("an empty one", Some(id), Some(NOW), Some("v1,"), unfit());
    check("several, one right", Some(id), Some(NOW), Some(&with_right), Ok(()));
    check("several, none right", Some(id), Some(NOW), Some(&several("")), unfit());
    check("too old", Some(id), Some(NOW - 301), Some(&signed(NOW - 301)), far());
    check("too new", Some(id), Some(NOW + 301), Some(&signed(NOW + 301)), far());
    check("another time", Some(id), Some(NOW - 1), Some(&right), unfit());
    let sent = Sent { id: Some(id), at: Some("hello"), signature: Some(&right), body };
    assert_eq!(judged(OTHERS, &sent, NOW), header(WEBHOOK_TIMESTAMP));
}

/// Ours against the crate's, for ids, times and bodies of many kinds.
#[test]
fn our_signature_is_that_of_the_published_crate() {
    let key = standard_key(OTHERS).unwrap();
    for id in ["msg_1", "a.5", "", "ü"] {
        for at in [0, -1, 1_614_265_330, i64::MAX] {
            for body in ["", "{}", "{\"a\":\"ü\"}", &"x".repeat(1000)] {
                let theirs = Webhook::new(OTHERS).unwrap().sign(id, at, body.as_bytes()).unwrap();
                assert_eq!(standard_signature(&key, id, &at.to_string(), body.as_bytes()), theirs);
            }
        }
    }
}
