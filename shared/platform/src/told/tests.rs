//! Bodies that can be used, and what is said of those that cannot.

use std::collections::BTreeSet;

use perennial_domain::lead::{Checks, Said, Word};
use perennial_playbook::sources::native::{NativeType, TYPES};
use serde_json::{Map, Value};

use super::*;
use crate::address::AddressKey;

const WHOLE_REVENUE: &str = "data.revenue_cents: is not a whole number from 0 to 9223372036854775807";

#[test]
fn a_body_that_cannot_be_used_names_the_field_and_the_reason() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let long = "x".repeat(257);
    let engagement =
        |data: &str| format!(r#"{{"type":"engagement.recorded","timestamp":"2026-01-05T10:00:00Z","data":{data}}}"#);
    let account =
        |data: &str| format!(r#"{{"type":"account.updated","timestamp":"2026-01-05T10:00:00Z","data":{data}}}"#);
    let lead = |step: &str, more: &str| {
        let data = format!(r#"{{"contact":"c","product":"p"{more}}}"#);
        format!(r#"{{"type":"lead.{step}","timestamp":"2026-01-05T10:00:00Z","data":{data}}}"#)
    };
    for (body, expected) in [
        (String::new(), "body: ends too early, line 1 column 0"),
        ("{".to_owned(), "body: ends too early, line 1 column 1"),
        ("[]".to_owned(), "body: is not a JSON object that can be read, line 1 column 0"),
        ("NaN".to_owned(), "body: is not a JSON object that can be read, line 1 column 1"),
        (deep.clone(), "body: is not a JSON object that can be read, line 1 column 0"),
        ("{}".to_owned(), "type: is missing"),
        (r#"{"type":"x"}"#.to_owned(), "timestamp: is missing"),
        (r#"{"type":"x","timestamp":7}"#.to_owned(), "timestamp: is not a text"),
        (
            r#"{"type":"x","timestamp":"yesterday"}"#.to_owned(),
            "timestamp: is not an RFC 3339 instant such as 2026-01-05T10:15:00Z",
        ),
        (r#"{"type":"x","timestamp":"2026-01-05T10:00:00Z"}"#.to_owned(), "data: is missing"),
        (r#"{"type":"x","timestamp":"2026-01-05T10:00:00Z","data":1}"#.to_owned(), "data: is not an object"),
        (engagement("{}"), "data.contact: is missing"),
        (engagement(r#"{"contact":"  "}"#), "data.contact: is empty"),
        (engagement(r#"{"contact":"a\nb"}"#), "data.contact: contains control characters"),
        (engagement(&format!(r#"{{"contact":"{long}"}}"#)), "data.contact: is longer than 256 bytes"),
        (engagement(r#"{"contact":"c","asset":"a"}"#), "data.action: is missing"),
        (engagement(r#"{"contact":"c","asset":"a","action":"b","email":5}"#), "data.email: is not a text"),
        (
            engagement(r#"{"contact":"c","asset":"a","action":"b","email":"ada@example.com"}"#),
            "data.email: is an address; it names the mail in which something was done",
        ),
        (
            engagement(r#"{"contact":"@0123456789abcdef0123456789abcdef"}"#),
            "data.contact: is @ and 32 hex digits, which stands for an address here",
        ),
        (
            r#"{"type":"contact.merged","timestamp":"2026-01-05T10:00:00Z","data":{"from":"a","contact":"a"}}"#
                .to_owned(),
            "data.from: is the contact that stays",
        ),
        (
            r#"{"type":"contact.merged","timestamp":"2026-01-05T10:00:00Z",
                "data":{"from":"Ada@Example.com","contact":"ada@example.com"}}"#
                .to_owned(),
            "data.from: is the contact that stays",
        ),
        (format!("{{\"more\":{}}}", deep.clone()), "body: is nested 128 levels deep or more, line 1 column 135"),
        (account("{}"), "data.account: is missing"),
        (
            account(r#"{"account":"@0123456789abcdef0123456789abcdef"}"#),
            "data.account: is @ and 32 hex digits, which stands for an address here",
        ),
        (account(r#"{"account":"a","health":"bad"}"#), "data.health: is not good or at-risk"),
        (
            account(r#"{"account":"a","owns":{"p":"soon"}}"#),
            "data.owns.<product>: is not a date such as 2026-01-05, between 1970 and 2200",
        ),
        (
            account(r#"{"account":"a","used":{"p":"2026-13-01"}}"#),
            "data.used.<product>: is not a date such as 2026-01-05, between 1970 and 2200",
        ),
        (account(r#"{"account":"a","used":["p"]}"#), "data.used: is not an object of product and date"),
        (account(r#"{"account":"a","ends":{"p":7}}"#), "data.ends.<product>: is not a date"),
        (account(r#"{"account":"a","seats":7}"#), "data.seats: is not an object of product and number"),
        (
            account(r#"{"account":"a","seats_used":{"p":1.5}}"#),
            "data.seats_used.<product>: is not a whole number from 0 to 9223372036854775807",
        ),
        (account(r#"{"account":"a","maturity":"expert"}"#), "data.maturity: is not novice, intermediate or advanced"),
        (account(r#"{"account":"a","maturity":3}"#), "data.maturity: is not a text"),
        (account(r#"{"account":"a","market":"B2B"}"#), "data.market: is not b2b or consumer"),
        (account(r#"{"account":"a","revenue_cents":-1}"#), WHOLE_REVENUE),
        (account(r#"{"account":"a","revenue_cents":1.5}"#), WHOLE_REVENUE),
        (account(r#"{"account":"a","revenue_cents":true}"#), WHOLE_REVENUE),
        (account(r#"{"account":"a","revenue_cents":"1 000"}"#), WHOLE_REVENUE),
        (account(r#"{"account":"a","revenue_cents":"+5"}"#), WHOLE_REVENUE),
        (account(r#"{"account":"a","revenue_cents":""}"#), WHOLE_REVENUE),
        (account(r#"{"account":"a","revenue_cents":9223372036854775808}"#), WHOLE_REVENUE),
        (lead("later", ""), "data.until: is missing"),
        (lead("later", r#","until":"soon""#), "data.until: is not a date such as 2026-01-05, between 1970 and 2200"),
        (lead("rejected", r#","until":7"#), "data.until: is not a text"),
        (lead("opportunity", r#","budget":"yes""#), "data.budget: is not true or false"),
        (
            lead("won", r#","amount_cents":12.5"#),
            "data.amount_cents: is not a whole number from 0 to 9223372036854775807",
        ),
        (
            account(r#"{"account":"a","purchases":[1]}"#),
            "data.purchases: is not a whole number from 0 to 9223372036854775807",
        ),
    ] {
        let seen = Told::from_native(&body).unwrap_err().to_string();
        assert_eq!(seen, expected, "{}", &body[..body.len().min(120)]);
    }
}

#[test]
fn a_native_body_is_what_it_says() {
    let body = r#"{"type":"account.updated","timestamp":"2026-01-05T10:00:00Z",
                   "data":{"account":"acme","health":"at-risk","owns":{"analytics":"2025-01-01"},"shoe_size":"44","owner":null}}"#;
    let told = Told::from_native(body).unwrap();
    let fields = [("health", "at-risk"), ("owns.analytics", "2025-01-01T00:00:00Z"), ("owner", "")];
    let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    assert_eq!(told.what, What::AccountUpdated { account: "acme".into(), fields });
    assert_eq!(told.at.to_string(), "2026-01-05T10:00:00Z");
}

#[test]
fn what_is_said_of_an_account_becomes_text() {
    let check = |data: &str, expected: &[(&str, &str)]| {
        let body = format!(
            r#"{{"type":"account.updated","timestamp":"2026-01-05T10:00:00Z","data":{{"account":"a",{data}}}}}"#
        );
        let what = Told::from_native(&body).map(|told| told.what);
        let fields = expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        assert_eq!(what, Ok(What::AccountUpdated { account: "a".into(), fields }), "{data}");
    };
    check(r#""maturity":"novice","market":"consumer""#, &[("maturity", "novice"), ("market", "consumer")]);
    check(
        r#""maturity":null,"market":null,"revenue_cents":null,"purchases":null"#,
        &[("maturity", ""), ("market", ""), ("revenue_cents", ""), ("purchases", "")],
    );
    check(r#""revenue_cents":500000000000,"purchases":0"#, &[("revenue_cents", "500000000000"), ("purchases", "0")]);
    // One spelling of a number only: text is compared where two statements meet.
    check(r#""revenue_cents":"0042","purchases":"7""#, &[("revenue_cents", "42"), ("purchases", "7")]);
    check(
        r#""used":{"analytics":"2026-01-02","automation":null}"#,
        &[("used.analytics", "2026-01-02T00:00:00Z"), ("used.automation", "")],
    );
    check(
        r#""ends":{"analytics":"2027-01-31"},"seats":{"analytics":25,"automation":null},"seats_used":{"analytics":"019"}"#,
        &[
            ("ends.analytics", "2027-01-31T00:00:00Z"),
            ("seats.analytics", "25"),
            ("seats.automation", ""),
            ("seats_used.analytics", "19"),
        ],
    );
}

#[test]
fn a_contact_that_is_named_by_address_gets_the_id_that_stands_for_it() {
    let key = AddressKey::new("a key");
    let (id, other) = (format!("@{}", key.hash("ada@example.com")), format!("@{}", key.hash("bob@example.com")));
    let check = |kind: &str, data: &str, expected: What| {
        let body = format!(r#"{{"type":"{kind}","timestamp":"2026-01-05T10:00:00Z","data":{{{data}}}}}"#);
        assert_eq!(Told::from_native(&body).unwrap().concealed(&key).what, expected, "{kind} {data}");
    };
    let identified = |fields: &[(&str, &str)]| What::ContactIdentified {
        contact: id.clone(),
        fields: fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
    };
    check("contact.identified", r#""contact":" Ada@Example.com ""#, identified(&[("email", "Ada@Example.com")]));
    check(
        "contact.identified",
        r#""contact":"ada@example.com","email":"ada@work.example.com""#,
        identified(&[("email", "ada@work.example.com")]),
    );
    check("contact.identified", r#""contact":"ada@example.com","email":null"#, identified(&[("email", "")]));
    check(
        "email.unsubscribed",
        r#""contact":"ada@example.com""#,
        What::Unsubscribed { contact: id.clone(), wording: None },
    );
    check("email.unsubscribed", r#""contact":"ada""#, What::Unsubscribed { contact: "ada".into(), wording: None });
    // An account is the same one whether it is updated or is a contact's.
    check(
        "account.updated",
        r#""account":" Ada@Example.com ""#,
        What::AccountUpdated { account: id.clone(), fields: [].into() },
    );
    check(
        "contact.identified",
        r#""contact":"ada@example.com","email":null,"account":"ada@example.com""#,
        identified(&[("account", &id), ("email", "")]),
    );
    check(
        "contact.merged",
        r#""from":"bob@example.com","contact":"ada@example.com""#,
        What::ContactMerged { from: other, contact: id.clone() },
    );
}

#[test]
fn the_playbook_knows_the_native_types_and_their_fields_as_they_are_read() {
    let sample = |name: &str| match name {
        "permanent" => Value::Bool(true),
        "until" => Value::String("2026-05-12".to_owned()),
        _ => Value::String(format!("a {name}")),
    };
    let all: BTreeSet<&str> = TYPES.iter().flat_map(NativeType::fields).collect();
    for native in TYPES {
        let least: Map<String, Value> = native.required.iter().map(|name| ((*name).to_owned(), sample(name))).collect();
        assert!(What::from_data(native.name, &least).is_ok(), "{}", native.name);
        for name in &all {
            let refused = |value: Option<Value>| {
                let mut data = least.clone();
                data.remove(*name);
                data.extend(value.map(|value| ((*name).to_owned(), value)));
                What::from_data(native.name, &data).is_err_and(|error| error.field == format!("data.{name}"))
            };
            let (required, known) = (native.required.contains(name), native.fields().any(|field| field == *name));
            assert_eq!(refused(None), required, "{} without {name}", native.name);
            assert_eq!(refused(Some(Value::Array(Vec::new()))), known, "{} with an unusable {name}", native.name);
        }
    }
    let unknown = What::from_data("lead.forgotten", &Map::new()).unwrap_err().to_string();
    assert_eq!(unknown, format!("type: is not {}", types()));
}

#[test]
fn a_word_from_sales_is_the_same_told_kept_and_read_again() {
    let at = "2026-01-05T10:00:00Z".parse::<Timestamp>().unwrap().as_second();
    let until = "2026-05-12T00:00:00Z".parse::<Timestamp>().unwrap().as_second();
    let check = |step: &str, more: &str, expected: Said| {
        let data = format!(r#"{{"contact":"c","product":"p","by":"anna","reason":"because"{more}}}"#);
        let body = format!(r#"{{"type":"lead.{step}","timestamp":"2026-01-05T10:00:00Z","data":{data}}}"#);
        let word = Word { at, said: expected, by: Some("anna".into()), why: Some("because".into()) };
        let what = Told::from_native(&body).unwrap().what;
        assert_eq!(what.word(at).as_ref(), Some(&word), "{body}");
        let kept: What =
            serde_dynamo::from_item::<_, What>(serde_dynamo::to_item::<_, serde_dynamo::Item>(&what).unwrap()).unwrap();
        assert_eq!(kept, what, "{body}");
        let of_page = What::of_lead(&"c".into(), &"p".into(), "2026-Q1".parse().unwrap(), &word);
        assert_eq!(of_page.word(at), Some(word), "{body}");
    };
    let checks = |budget, timing| Checks { budget, timing, ..Checks::default() };
    check("touched", r#","amount_cents":5,"until":"2026-05-12""#, Said::Touched);
    check("accepted", "", Said::Accepted);
    check("opportunity", "", Said::Opportunity { amount_cents: None, checks: Checks::default() });
    check(
        "opportunity",
        r#","amount_cents":1250000,"budget":true,"timing":false,"need":null"#,
        Said::Opportunity { amount_cents: Some(1_250_000), checks: checks(Some(true), Some(false)) },
    );
    check("later", r#","until":"2026-05-12""#, Said::Later { until });
    check("won", r#","amount_cents":"0099""#, Said::Won { amount_cents: Some(99) });
    check("lost", "", Said::Lost);
    check("rejected", r#","until":null"#, Said::Rejected { until: None });
    check("rejected", r#","until":"2026-05-12T02:00:00+02:00""#, Said::Rejected { until: Some(until) });
}
