//! Messages that only rules understand.

use perennial_playbook::sources::TimeUnit;

use super::*;

fn zoom(rules: Vec<Rule>) -> Source {
    source("zoom", Format::Zoom, rules)
}

fn mapped(envelope: Envelope, rules: Vec<Rule>) -> Source {
    Source { envelope, ..source("crm", Format::Mapped, rules) }
}

fn engagement() -> Vec<(&'static str, Take)> {
    let asset = Take { is: [("85".to_owned(), "webinar".to_owned())].into(), ..take("/payload/id") };
    vec![("contact", take("/payload/email /payload/registrant")), ("asset", asset), ("action", take("attend"))]
}

#[test]
fn what_a_rule_cannot_use_is_said_with_its_line_and_the_place() {
    let zoom = zoom(vec![
        rule("webinar.joined", "engagement.recorded", &engagement()),
        rule("webinar.created", "ignored", &[]),
    ]);
    let check = |body: &str, expected: &str| assert_eq!(meant(&zoom, body), [expected], "{body}");
    let joined =
        |payload: &str| format!(r#"{{"event":"webinar.joined","event_ts":1767607200123,"payload":{payload}}}"#);
    let told = |contact: &str| {
        let what =
            format!(r#"{{"type":"engagement.recorded","contact":"{contact}","asset":"webinar","action":"attend"}}"#);
        format!("2026-01-05T10:00:00.123Z {what}")
    };
    check(&joined(r#"{"id":"85","email":"ada"}"#), &told("ada"));
    check(&joined(r#"{"id":85,"email":"","registrant":"r-1"}"#), &told("r-1"));
    let ada = format!("@{}", addresses().hash("ada@example.com"));
    check(&joined(r#"{"id":85,"email":"Ada@example.com"}"#), &told(&ada));
    check(
        &joined(r#"{"id":85}"#),
        "not: sources/zoom.toml:7: data.contact: nothing at /payload/email or /payload/registrant",
    );
    check(
        &joined(r#"{"id":86,"email":"ada"}"#),
        "not: sources/zoom.toml:7: data.asset: what stands at /payload/id is not listed",
    );
    check(
        &joined(r#"{"id":85,"email":["ada"]}"#),
        "not: sources/zoom.toml:7: data.contact: neither text nor number, true or false at /payload/email",
    );
    check(
        &joined(&format!(r#"{{"id":85,"email":"{}"}}"#, "x".repeat(257))),
        "not: sources/zoom.toml:7: data.contact: is longer than 256 bytes",
    );
    check(
        r#"{"event":"webinar.joined","payload":{"id":85,"email":"ada"}}"#,
        "not: sources/zoom.toml: envelope.at: nothing at /event_ts",
    );
    check(
        r#"{"event":"webinar.joined","event_ts":1e30,"payload":{"id":85,"email":"ada"}}"#,
        "not: sources/zoom.toml: envelope.at: no time in milliseconds since 1970 at /event_ts",
    );
    check(r#"{"event":"webinar.created"}"#, "left aside");
    check(r#"{"event":"endpoint.url_validation","payload":{"plainToken":"x"}}"#, "left aside");
    check(
        r#"{"event":"webinar.ended"}"#,
        "not: sources/zoom.toml: no rule is for such an event; its type stands at /event",
    );
    let ignoring = Source { otherwise: Otherwise::Ignore, ..zoom.clone() };
    assert_eq!(meant(&ignoring, r#"{"event":"webinar.ended"}"#), ["left aside"]);
    for (body, expected) in [
        ("7", "body: is not a JSON object or an array of objects"),
        ("[7]", "body: is not a JSON object or an array of objects"),
        (r#"{"a":"\ud800"}"#, "body: is not JSON that can be read, line 1 column 13"),
        (r#"[{"a":1e999}]"#, "body: is not JSON that can be read, line 1 column 10"),
        ("[{", "body: ends too early, line 1 column 2"),
    ] {
        assert_eq!(parts(&zoom, &[], body).unwrap_err().to_string(), expected, "{body}");
    }
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
    let error = parts(&zoom, &[], &deep).unwrap_err().to_string();
    assert_eq!(error, "body: is nested 128 levels deep or more, line 1 column 132");
}

#[test]
fn an_event_is_known_by_what_its_envelope_says_or_by_its_content() {
    let envelope = Envelope {
        each: Some("/batch/events".into()),
        id: vec!["/s".into(), "/e".into()],
        varies: vec!["/attempt".into()],
        ..Envelope::default()
    };
    let source = mapped(envelope, vec![rule("", "email.reported", &[("contact", take("/c"))])]);
    let ids = |events: &str| -> Vec<(String, String)> {
        let events = parts(&source, &[], &format!(r#"{{"batch":{{"events":{events}}}}}"#)).unwrap();
        events.into_iter().map(|event| (event.id, event.hash)).collect()
    };
    let id = |event: &str| ids(&format!("[{event}]")).remove(0).0;
    assert_eq!(id(r#"{"s":1,"e":"x"}"#), "1/x");
    assert_ne!(id(r#"{"s":"1/x","e":"y"}"#), id(r#"{"s":"1","e":"x/y"}"#));
    assert_eq!(id(r#"{"s":1,"e":"x#1"}"#), "1/x%231", "it is not the second statement of 1/x");
    let twice =
        ids(r#"[{"s":1,"e":2,"attempt":0,"c":"ada"}, {"c":"ada","attempt":1,"e":2,"s":1}, {"s":1,"e":2,"c":"bob"}]"#);
    assert_eq!(twice[0], twice[1], "the number of attempts is no part of it");
    assert_ne!(twice[0].1, twice[2].1);
    let without = ids(r#"[{"c":"ada","e":5}]"#).remove(0);
    assert_eq!(without.0, without.1[..32]);
    let said = meant(&source, r#"{"batch":{"events":[{"c":"ada","e":5}]}}"#);
    assert_eq!(said, ["not: sources/crm.toml: envelope.id: nothing at /s"]);
    let nowhere = parts(&source, &[], r#"{"batch":[]}"#).unwrap_err().to_string();
    assert_eq!(nowhere, "body: has no array at /batch/events");
}

#[test]
fn a_rule_may_go_through_an_array_and_several_may_apply() {
    let listed = |text: &str| Take { is: [("p1".to_owned(), "analytics".to_owned())].into(), ..take(text) };
    let seconds = |text: &str| Take { unit: Some(TimeUnit::Seconds), ..take(text) };
    let by_product = |product: Take, value: Take| Field::ByProduct { product, value };
    let mut items = rule("", "account.updated", &[("account", take("/customer"))]);
    items.for_each = Some("/items".into());
    items.when = vec![("./live".into(), vec!["true".into()])];
    items.fields.insert("owns".into(), by_product(listed("./price"), seconds("/start")));
    items.fields.insert("ends".into(), by_product(listed("./price"), seconds("./end /end")));
    items.fields.insert("seats".into(), by_product(listed("./price"), take("./quantity")));
    let cents = Take { times: Some(100), ..take("/paid") };
    let paid = rule("", "account.updated", &[("account", take("/customer")), ("revenue_cents", cents)]);
    let source = mapped(Envelope::default(), vec![items, paid]);
    let check = |body: &str, expected: &[&str]| assert_eq!(meant(&source, body), expected, "{body}");
    check(
        r#"{"customer":"acme","start":1767607200,"paid":19.99,"items":[
            {"live":true,"price":"p1","quantity":3,"end":1.7e9},{"live":false,"price":"p2"}]}"#,
        &[
            r#"2026-01-05T12:00:00Z {"type":"account.updated","account":"acme","fields":{"ends.analytics":"2023-11-14T22:13:20Z","owns.analytics":"2026-01-05T10:00:00Z","seats.analytics":"3"}}"#,
            r#"2026-01-05T12:00:00Z {"type":"account.updated","account":"acme","fields":{"revenue_cents":"1999"}}"#,
        ],
    );
    check(
        r#"{"customer":"acme","paid":19.999,"items":[]}"#,
        &["not: sources/crm.toml:7: data.revenue_cents: no number that times 100 is whole at /paid"],
    );
    check(
        r#"{"customer":"acme","items":[{"live":true,"price":"p3"}]}"#,
        &["not: sources/crm.toml:7: data.ends: what stands at ./price is not listed"],
    );
    check(r#"{"customer":"acme"}"#, &["not: sources/crm.toml:7: for_each: no array at /items"]);
    let many = vec![r#"{"live":true,"price":"p1"}"#; 101].join(",");
    check(
        &format!(r#"{{"customer":"acme","items":[{many}]}}"#),
        &["not: sources/crm.toml:7: the event tells more than 100 things"],
    );
}

#[test]
fn what_the_playbook_says_itself_is_taken_as_it_is() {
    let permanent =
        Take { is: [("Hard".to_owned(), "true".to_owned())].into(), otherwise: Some("false".into()), ..take("/kind") };
    let title = Take { otherwise: Some(String::new()), ..take("/title") };
    let mut merges = rule("merge", "contact.merged", &[("from", take(".")), ("contact", take("/into"))]);
    merges.for_each = Some("/ids".into());
    let mut emptied = rule("emptied", "contact.identified", &[("contact", take("/c")), ("title", title)]);
    emptied.when = vec![("/title".into(), vec![String::new(), "VP".into()])];
    let bounced = rule("bounce", "email.bounced", &[("contact", take("/c")), ("permanent", permanent)]);
    let envelope = Envelope { kind: Some("/type".into()), at: Some(take("/at")), ..Envelope::default() };
    let source = mapped(envelope, vec![merges, emptied, bounced]);
    let check = |body: &str, expected: &[&str]| {
        let body = body.replace("{", r#"{"at":"2026-01-05T11:00:00.000+0100","#);
        let expected: Vec<String> = expected.iter().map(|what| format!("2026-01-05T10:00:00Z {what}")).collect();
        assert_eq!(meant(&source, &body), expected, "{body}");
    };
    check(r#"{"type":"bounce","c":5,"kind":"Hard"}"#, &[r#"{"type":"email.bounced","contact":"5","permanent":true}"#]);
    check(r#"{"type":"bounce","c":5,"kind":"Soft"}"#, &[r#"{"type":"email.bounced","contact":"5","permanent":false}"#]);
    check(
        r#"{"type":"emptied","c":"a","title":""}"#,
        &[r#"{"type":"contact.identified","contact":"a","fields":{"title":""}}"#],
    );
    check(
        r#"{"type":"emptied","c":"a","title":"VP"}"#,
        &[r#"{"type":"contact.identified","contact":"a","fields":{"title":"VP"}}"#],
    );
    check(
        r#"{"type":"merge","into":1,"ids":[2,1,3]}"#,
        &[
            r#"{"type":"contact.merged","from":"2","contact":"1"}"#,
            r#"{"type":"contact.merged","from":"3","contact":"1"}"#,
        ],
    );
}
