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
                 lead.rejected, email.reported, email.bounced or email.unsubscribed";
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
fn where_only_the_webhook_id_is_signed_it_must_be_that_of_the_event() {
    let headers = |webhook_id: &'static str| {
        [
            ("ce-specversion", "1.0"),
            ("ce-type", "engagement.recorded"),
            ("ce-id", "7"),
            ("ce-source", "/crm"),
            ("ce-time", "2026-01-05T10:00:00Z"),
            ("webhook-id", webhook_id),
        ]
    };
    let told = format!("/crm#7: {TOLD}");
    assert_eq!(seen(&Source::native(), &headers("/crm#7"), DATA), [told.as_str()]);
    let refused = "refused: webhook-id: is not <ce-source>#<ce-id>, and headers of CloudEvents are not signed";
    assert_eq!(seen(&Source::native(), &headers("/crm#8"), DATA), [refused]);
    assert_eq!(seen(&by_token(), &headers("/crm#8"), DATA), [told.as_str()]);
}
