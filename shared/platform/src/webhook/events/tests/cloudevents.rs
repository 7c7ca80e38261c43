//! CloudEvents that carry native data.

use super::*;

const DATA: &str = r#"{"contact":"ada","asset":"analytics-guide","action":"download"}"#;
const TOLD: &str = concat!(
    "2026-01-05T10:00:00Z ",
    r#"{"type":"engagement.recorded","contact":"ada","asset":"analytics-guide","action":"download"}"#
);

fn event(more: &str) -> String {
    format!(
        r#"{{"specversion":"1.0","id":"7","source":"/crm","type":"com.example.engagement.recorded","time":"2026-01-05T10:00:00Z"{more}}}"#
    )
}

fn by_token() -> Source {
    Source { verify: source("native", Format::Native, Vec::new()).verify, ..Source::native() }
}

#[test]
fn a_structured_event_is_its_native_data() {
    let structured = [("content-type", "Application/CloudEvents+JSON; charset=UTF-8")];
    let check = |body: &str, expected: &str| {
        assert_eq!(seen(&by_token(), &structured, body), [expected], "{body}");
    };
    let told = format!("/crm#7: {TOLD}");
    let data = format!(r#","data":{DATA}"#);
    check(&event(&data), &told);
    check(&event(&data).replace("com.example.engagement", "engagement"), &told);
    check(&event(&format!(r#"{data},"datacontenttype":"application/vnd.example+json""#)), &told);
    let base64 = "eyJjb250YWN0IjoiYWRhIiwiYXNzZXQiOiJhbmFseXRpY3MtZ3VpZGUiLCJhY3Rpb24iOiJkb3dubG9hZCJ9";
    check(&event(&format!(r#","data_base64":"{base64}""#)), &told);
    check(&event(&data).replace("/crm", "/a#b%"), &format!("/a%23b%25#7: {TOLD}"));

    let not = |reason: &str| format!("/crm#7: not: {reason}");
    check(&event(""), &not("data: is missing"));
    check(&event(r#","data":[]"#), &not("data: is not an object"));
    check(&event(r#","data":{},"data_base64":"""#), &not("data: is there twice, as data_base64, too"));
    check(&event(r#","data_base64":"e"#).replace("\"e", "\"e\""), &not("data_base64: is not the base64 of a text"));
    check(&event(r#","data":{}"#), &not("data.contact: is missing"));
    check(&event(&format!(r#"{data},"datacontenttype":"text/xml""#)), &not("datacontenttype: is not JSON"));
    check(&event(&data).replace("\"1.0\"", "\"0.3\""), &not("specversion: is not \"1.0\""));
    check(
        &event(&data).replace("T10:00:00Z", ""),
        &not("time: is not an RFC 3339 instant such as 2026-01-05T10:15:00Z"),
    );
    let types = "engagement.recorded, contact.identified, contact.merged, account.updated, lead.touched, lead.accepted, \
                 lead.opportunity, lead.later, lead.won, lead.lost, lead.rejected, email.reported, email.bounced or email.unsubscribed";
    check(
        &event(&data).replace("com.example.engagement", "preengagement"),
        &not(&format!("type: is not {types}, alone or behind a name such as com.example.")),
    );
    check(&event(&data).replace("\"id\":\"7\"", "\"id\":7"), "refused: id: is not a text");
    check(&event(&data).replace("/crm", ""), "refused: source: is empty");
    check("{}", "refused: specversion: is missing");
    check("[]", "refused: body: is not a JSON object that can be read, line 1 column 0");
    let avro = [("content-type", "application/cloudevents+avro")];
    let seen = seen(&by_token(), &avro, &event(&data));
    assert_eq!(seen, ["refused: content-type: is a form of CloudEvents that is not JSON"]);
}

#[test]
fn a_batch_is_its_events() {
    let batched = [("content-type", "application/cloudevents-batch+json")];
    let data = format!(r#","data":{DATA}"#);
    let body = format!("[{}, {}]", event(&data), event(&data).replace("\"7\"", "\"8\"").replace("ada", ""));
    let expected = [format!("/crm#7: {TOLD}"), "/crm#8: not: data.contact: is empty".to_owned()];
    assert_eq!(seen(&by_token(), &batched, &body), expected);
    // One that is no event does not keep the others out.
    let body = format!("[{}, 7, {}]", event(&data).replace("\"/crm\"", "null"), event(&data));
    let refused = [
        "refused: [0].source: is missing",
        "refused: [1].body: is not a JSON object that can be read, line 1 column 1",
    ];
    assert_eq!(seen(&by_token(), &batched, &body), [refused[0], refused[1], &expected[0]]);
    assert!(seen(&by_token(), &batched, "[]").is_empty());
    assert_eq!(seen(&by_token(), &batched, "{}"), ["refused: body: is not an array of CloudEvents"]);
}

#[test]
fn the_attributes_of_a_binary_event_are_headers_and_its_kept_form_needs_none() {
    let attributes = [
        ("ce-specversion", "1.0"),
        ("ce-type", "engagement.recorded"),
        ("ce-id", "7"),
        ("ce-source", "/crm%20%E2%82%AC"),
        ("ce-time", "2026-01-05T10:00:00Z"),
        ("content-type", "application/json"),
    ];
    let told = format!("/crm €#7: {TOLD}");
    assert_eq!(seen(&by_token(), &attributes, DATA), [told.as_str()]);
    let kept = parts(&by_token(), &attributes, DATA).unwrap().remove(0);
    assert_eq!(
        kept.body,
        format!(
            r#"{{"datacontenttype":"application/json","id":"7","source":"/crm €","specversion":"1.0","time":"2026-01-05T10:00:00Z","type":"engagement.recorded","data":{DATA}}}"#
        )
    );
    let structured = [("content-type", "application/cloudevents+json")];
    let again = parts(&by_token(), &structured, &kept.body).unwrap().remove(0);
    assert_eq!((&again.id, &again.hash), (&kept.id, &kept.hash), "either form is the same event");

    let with = |name: &'static str, value: &'static str| {
        let others = attributes.into_iter().filter(|(other, _)| *other != name);
        others.chain([(name, value)]).collect::<Vec<_>>()
    };
    let check = |headers: &[(&str, &str)], body: &str, expected: &str| {
        assert_eq!(seen(&by_token(), headers, body), [expected], "{headers:?} {body}");
    };
    check(&with("ce-traceparent", "00-1"), DATA, &told);
    check(&with("ce-id", "%4"), DATA, "refused: ce-id: is unreadable, or there twice");
    check(&with("ce-id", "%ff"), DATA, "refused: ce-id: is unreadable, or there twice");
    check(&with("ce-id", "7%0a"), DATA, "refused: id: contains control characters");
    check(&[attributes.as_slice(), &[("ce-id", "8")]].concat(), DATA, "refused: ce-id: is unreadable, or there twice");
    check(&attributes, "", "refused: body: ends too early, line 1 column 0");
    let escaping = r#"{},"data":{}"#;
    let column = "refused: body: is not JSON that can be read, line 1 column 3";
    check(&attributes, escaping, column);
}

#[test]
fn where_only_the_webhook_id_is_signed_it_says_all_that_is_read_from_headers() {
    const SIGNED: &str = "/crm%23a%20%E2%82%AC#7#engagement.recorded#2026-01-05T10:00:00Z";
    let attributes = [
        ("ce-specversion", "1.0"),
        ("ce-type", "engagement.recorded"),
        ("ce-id", "7"),
        ("ce-source", "/crm#a%20%E2%82%AC"),
        ("ce-time", "2026-01-05T10:00:00Z"),
        ("webhook-id", SIGNED),
    ];
    let with = |name: &'static str, value: &'static str| {
        let others = attributes.into_iter().filter(|(other, _)| *other != name);
        others.chain([(name, value)]).collect::<Vec<_>>()
    };
    let told = format!("/crm%23a €#7: {TOLD}");
    let check = |headers: &[(&str, &str)], expected: &str| {
        assert_eq!(seen(&Source::native(), headers, DATA), [expected], "{headers:?}");
    };
    check(&attributes, &told);
    // The same text in another spelling is the same event.
    check(&with("ce-source", "\"/crm%23a%20%e2%82%ac\""), &told);
    check(&with("ce-traceparent", "00-1"), &told);
    let refused = "refused: webhook-id: is not <ce-source>#<ce-id>#<ce-type>#<ce-time>, and headers of CloudEvents \
                   are not signed";
    for (name, value) in [
        ("ce-type", "email.unsubscribed"),
        ("ce-type", "com.example.engagement.recorded"),
        ("ce-time", "2026-01-05T10:00:01Z"),
        ("ce-time", "2026-01-05T11:00:00+01:00"),
        ("ce-id", "8"),
        ("ce-id", "7#engagement.recorded"),
        ("ce-source", "/crm"),
        ("ce-source", "/crm%2523a%20%E2%82%AC"),
        ("webhook-id", "/crm%23a%20%E2%82%AC#7"),
    ] {
        check(&with(name, value), refused);
        assert_ne!(seen(&by_token(), &with(name, value), DATA), [refused], "a token proves the headers as well");
    }
    // What else is read cannot make another event of it, but for one that is refused.
    check(&with("ce-specversion", "0.3"), "/crm%23a €#7: not: specversion: is not \"1.0\"");
    check(&with("content-type", "text/xml"), "/crm%23a €#7: not: datacontenttype: is not JSON");
    // Nor do the headers of the binary form make one of a body that is a whole event.
    let whole = event(&format!(r#","data":{DATA}"#));
    let structured = seen(&Source::native(), &[("webhook-id", "an id")], &whole);
    assert_eq!(structured, [format!("/crm#7: {TOLD}")]);
    assert_eq!(seen(&Source::native(), &with("webhook-id", "an id"), &whole), [refused]);
}

#[test]
fn an_event_is_the_same_under_whatever_content_type_it_is_sent_again() {
    let whole = event(&format!(r#","data":{DATA}"#));
    let batch = format!("[{whole}]");
    let split = |kind: &str, body: &str| {
        parts(&Source::native(), &[("content-type", kind), ("webhook-id", "an id")], body)
            .map_err(|error| error.to_string())
    };
    let first = split("application/cloudevents+json", &whole);
    assert_eq!(first.as_ref().map(|events| events[0].id.as_str()), Ok("/crm#7"));
    assert_eq!(split("application/cloudevents-batch+json", &batch), first);
    for kind in ["application/json", "text/plain", "", "application/xml"] {
        assert_eq!(split(kind, &whole), first, "{kind}");
        assert_eq!(split(kind, &batch), first, "{kind}");
    }
    assert_eq!(
        split("application/cloudevents+json", &batch),
        Err("body: is not a JSON object that can be read, line 1 column 0".to_owned())
    );
    assert_eq!(
        split("application/cloudevents-batch+json", &whole),
        Err("body: is not an array of CloudEvents".to_owned())
    );
    let native = r#"{"type":"email.reported","timestamp":"2026-01-05T10:00:00Z","data":{"contact":"ada"}}"#;
    assert_eq!(split("application/json", native).map(|events| events[0].id.clone()), Ok("an id".to_owned()));
    let refused = Err("specversion: is missing".to_owned());
    assert_eq!(split("application/cloudevents+json", native), refused, "a native body is no CloudEvent");
}
