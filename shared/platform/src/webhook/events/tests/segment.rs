//! The calls of Segment and RudderStack.

use super::*;

fn segment(rules: Vec<Rule>) -> Source {
    source("segment", Format::Segment, rules)
}

fn at_ten(what: &str) -> String {
    format!("2026-01-05T10:00:00Z {what}")
}

const TEN: &str = r#""timestamp":"2026-01-05T10:00:00Z""#;

#[test]
fn each_call_says_what_it_says_by_itself() {
    let check = |call: &str, expected: &[&str]| {
        let call = call.replacen('{', &format!("{{{TEN},"), 1);
        let expected: Vec<String> = expected.iter().map(|what| at_ten(what)).collect();
        assert_eq!(meant(&segment(Vec::new()), &call), expected, "{call}");
    };
    check(
        r#"{"type":"identify","userId":"u1","anonymousId":"a1","traits":{"email":"ada@example.com","firstName":"Ada",
            "last_name":"L","lastName":"M","title":7,"role":["x"],"company":{"id":12},"timezone":"","age":9}}"#,
        &[
            r#"{"type":"contact.identified","contact":"u1","fields":{"account":"12","email":"ada@example.com","first_name":"Ada","last_name":"L","title":"7"}}"#,
            r#"{"type":"contact.merged","from":"a1","contact":"u1"}"#,
        ],
    );
    check(
        r#"{"type":"identify","anonymousId":"a1","traits":{"email":"Ada <ada@example.com>"}}"#,
        &[r#"{"type":"contact.identified","contact":"a1","fields":{}}"#],
    );
    let ada = format!("@{}", addresses().hash("ada@example.com"));
    check(
        r#"{"type":"identify","userId":"ada@example.com","anonymousId":"Ada@example.com"}"#,
        &[&format!(r#"{{"type":"contact.identified","contact":"{ada}","fields":{{"email":"ada@example.com"}}}}"#)],
    );
    check(
        r#"{"type":"group","groupId":"acme","userId":"u1","traits":{"name":"Acme","industry":"retail","employees":7,
            "health":"fine","seats":{"analytics":5},"owns":{"analytics":"soon"},"plan":"gold","region":null}}"#,
        &[
            r#"{"type":"account.updated","account":"acme","fields":{"industry":"retail","name":"Acme","seats.analytics":"5"}}"#,
            r#"{"type":"contact.identified","contact":"u1","fields":{"account":"acme"}}"#,
        ],
    );
    check(r#"{"type":"group","groupId":"acme"}"#, &[r#"{"type":"account.updated","account":"acme","fields":{}}"#]);
    check(
        r#"{"type":"alias","previousId":"a1","userId":"u1"}"#,
        &[r#"{"type":"contact.merged","from":"a1","contact":"u1"}"#],
    );
    check(
        r#"{"type":"track","event":"x","anonymousId":"a1","properties":{"asset":"guide","action":"read","email":"ada@example.com"}}"#,
        &[r#"{"type":"engagement.recorded","contact":"a1","asset":"guide","action":"read"}"#],
    );
}

#[test]
fn a_call_that_says_nothing_by_itself_needs_a_rule() {
    let check = |call: &str, expected: &str| {
        assert_eq!(meant(&segment(Vec::new()), call), [expected], "{call}");
        let ignoring = Source { otherwise: Otherwise::Ignore, ..segment(Vec::new()) };
        let left_aside = expected.contains("no rule");
        assert_eq!(meant(&ignoring, call), [if left_aside { "left aside" } else { expected }], "{call}");
    };
    let no_rule =
        "not: sources/segment.toml: no rule is for such a call; its type stands at /type, an event's name at /event";
    for call in ["page", "screen", "track", "delete"] {
        check(&format!(r#"{{"type":"{call}","userId":"u1"}}"#), no_rule);
    }
    check("{}", no_rule);
    check(r#"{"type":"alias","previousId":"u1","userId":"u1"}"#, "left aside");
    check(r#"{"type":"alias","userId":"u1"}"#, "not: previousId: is missing");
    check(r#"{"type":"identify"}"#, "not: userId: is missing, and anonymousId, too");
    check(r#"{"type":"group","userId":"u1"}"#, "not: groupId: is missing");
    check(
        r#"{"type":"identify","userId":"@0123456789abcdef0123456789abcdef"}"#,
        "not: data.contact: is @ and 32 hex digits, which stands for an address here",
    );
    check(
        r#"{"type":"identify","userId":"u","timestamp":"today"}"#,
        "not: timestamp: is not an RFC 3339 instant such as 2026-01-05T10:15:00Z",
    );
}

#[test]
fn rules_add_to_a_call_replace_what_it_says_or_say_something_of_their_own() {
    let mut downloads =
        rule("track", "engagement.recorded", &[("asset", take("/properties/slug")), ("action", take("download"))]);
    downloads.when = vec![("/event".into(), vec!["Downloaded".into()])];
    let mut unsubscribes = rule("track", "email.unsubscribed", &[("contact", take("/properties/who"))]);
    unsubscribes.when = vec![("/properties/out".into(), vec!["true".into()])];
    let mut robots = rule("", "ignored", &[]);
    robots.when = vec![("/properties/robot".into(), vec!["true".into()])];
    let roles =
        rule("identify", "contact.identified", &[("role", take("/traits/job")), ("title", take("/traits/position"))]);
    let source = segment(vec![downloads, unsubscribes, robots, roles]);
    let check = |call: &str, expected: &[&str]| {
        let call = call.replacen('{', &format!("{{{TEN},\"userId\":\"u1\","), 1);
        let expected: Vec<String> = expected.iter().map(|what| at_ten(what)).collect();
        let seen = meant(&source, &call);
        if expected.is_empty() {
            assert_eq!(seen, ["left aside"], "{call}")
        } else {
            assert_eq!(seen, expected, "{call}")
        }
    };
    check(
        r#"{"type":"identify","traits":{"title":"VP","job":"executive"}}"#,
        &[r#"{"type":"contact.identified","contact":"u1","fields":{"role":"executive","title":"VP"}}"#],
    );
    check(
        r#"{"type":"track","event":"Downloaded","properties":{"slug":"guide","asset":"other","action":"read","out":true,"who":"u2"}}"#,
        &[
            r#"{"type":"engagement.recorded","contact":"u1","asset":"guide","action":"download"}"#,
            r#"{"type":"email.unsubscribed","contact":"u2"}"#,
        ],
    );
    check(r#"{"type":"track","event":"x","properties":{"asset":"guide","action":"read","robot":true}}"#, &[]);
    let missing = r#"{"userId":"u1","type":"track","event":"Downloaded"}"#;
    assert_eq!(meant(&source, missing), ["not: sources/segment.toml:7: data.asset: nothing at /properties/slug"]);
}

#[test]
fn a_delivery_is_one_call_an_array_or_a_batch_with_the_time_of_sending() {
    let call =
        r#"{ "type":"alias","previousId":"a1","userId":"u1","messageId":"m1#1","timestamp":"2026-01-05T10:00:00Z" }"#;
    let other = call.replace("m1#1", "m2");
    let merged = r#"{"type":"contact.merged","from":"a1","contact":"u1"}"#;
    let (one, two) = (format!("m1%231: {}", at_ten(merged)), format!("m2: {}", at_ten(merged)));
    let check = |body: &str, expected: &[&str]| assert_eq!(seen(&segment(Vec::new()), &[], body), expected, "{body}");
    check(call, &[&one]);
    check(&format!("[{call},{other}]"), &[&one, &two]);
    check(&format!(r#"{{"batch":[{call},{other}]}}"#), &[&one, &two]);
    let late = format!(r#"{{"batch":[{call}],"sentAt":"2026-01-05T10:00:05Z"}}"#);
    check(&late, &[&one.replace("2026-01-05T10:00:00Z", "2026-01-05T11:59:55Z")]);
    check(r#"{"batch":[]}"#, &[]);
    check("[]", &[]);
    check("[7]", &["refused: body: is not a JSON object or an array of objects"]);
    check(r#"{"batch":[{}"#, &["refused: body: ends too early, line 1 column 12"]);

    let kept = |body: &str| parts(&segment(Vec::new()), &[], body).unwrap().remove(0);
    let expected = format!(r#"{{"sentAt":"2026-01-05T10:00:05Z", {}"#, &call[2..]);
    assert_eq!(kept(&late).body, expected, "the call as it was sent, with the time of sending");
    assert_eq!(kept(r#"{"batch":[{}],"sentAt":7}"#).body, r#"{"sentAt":7}"#);
    let again = kept(&late.replace("10:00:05Z", "10:09:05Z"));
    assert_eq!((again.id, again.hash), (kept(&late).id, kept(&late).hash), "it was only sent again");
}

#[test]
fn the_senders_clock_may_be_wrong() {
    let check = |times: &str, expected: &str| {
        let call = format!(r#"{{"type":"alias","previousId":"a","userId":"u",{times}}}"#);
        let seen = meant(&segment(Vec::new()), &call).remove(0);
        assert_eq!(seen.split(" {").next(), Some(expected), "{times}");
    };
    // Everything is received at 12:00.
    check(r#""timestamp":"2026-01-05T10:00:00Z""#, "2026-01-05T10:00:00Z");
    check(r#""originalTimestamp":"2026-01-05T10:00:00Z""#, "2026-01-05T10:00:00Z");
    check(r#""timestamp":"2026-01-05T15:00:00Z","sentAt":"2026-01-05T15:00:30Z""#, "2026-01-05T11:59:30Z");
    check(r#""originalTimestamp":"2020-01-01T00:00:00Z","sentAt":"2020-01-01T01:00:00Z""#, "2026-01-05T11:00:00Z");
    check(
        r#""timestamp":"2026-01-05T10:00:00Z","originalTimestamp":"2020-01-01T00:00:00Z","sentAt":"2020-01-01T00:00:01Z","receivedAt":"2026-01-05T10:00:01Z""#,
        "2026-01-05T10:00:00Z",
    );
    check(r#""event":"no time at all""#, "2026-01-05T12:00:00Z");
    check(
        r#""timestamp":"-009998-01-01T00:00:00Z","sentAt":"9998-01-01T00:00:00Z""#,
        "not: sentAt: is too far from when it happened",
    );
}
