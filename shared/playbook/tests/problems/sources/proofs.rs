//! How a delivery proves itself.

use expect_test::expect;

use super::check;

#[test]
fn a_proof_that_proves_nothing_is_refused() {
    let signed = "signed = \"{method}{url}{timestamp}.{body}\"";
    let timestamp = "timestamp = { header = \"x-timestamp\", tolerance_seconds = 300 }";
    let scheme = "scheme = \"hmac\"\nheader = \"x-signature\"\n";
    check(
        &[
            (signed, "signed = \"{url}{timestamp}\""),
            (signed, "signed = \"{url}{body}\""),
            (signed, "signed = \"{url}{timestamp}.{boddy}\""),
            (signed, "signed = \"{url}{timestamp}.{body\""),
            (signed, "signed = \"{timestamp}.{body}\""),
            (signed, ""),
            (timestamp, ""),
            ("tolerance_seconds = 300", "tolerance_seconds = 0"),
            ("tolerance_seconds = 300", "tolerance_seconds = 3601"),
            (timestamp, "timestamp = { header = \"x-timestamp\" }\nonly_where_sent = true"),
            ("{body}", "{first_event}"),
            ("header = \"x-signature\"", "header = \"x signature\""),
            ("header = \"x-signature\"", "header = { name = \"x-signature\", entry = \"v1=\" }"),
            ("header = \"x-signature\"\n", ""),
            ("header = \"x-signature\"", "header = \"x-signature\"\nprefix = \"a\\n\""),
            (scheme, "scheme = \"token\"\nheader = { name = \"x-key\", entry = \"k\" }\n"),
            (scheme, "scheme = \"stripe\"\nheader = \"x-signature\"\n"),
            ("https://hooks.example.com/v1/webhooks/crm", "hooks.example.com"),
        ],
        expect![[r#"
            "signed = \"{method}{url}{timestamp}.{body}\"" -> "signed = \"{url}{timestamp}\""
            6: error: signed leaves out {body}: anybody could send another one under the signature

            "signed = \"{method}{url}{timestamp}.{body}\"" -> "signed = \"{url}{body}\""
            7: error: the timestamp is not signed: anybody could change it. Add {timestamp} to signed

            "signed = \"{method}{url}{timestamp}.{body}\"" -> "signed = \"{url}{timestamp}.{boddy}\""
            6: error: signed names "{boddy}", which is not known (did you mean "body"?)

            "signed = \"{method}{url}{timestamp}.{body}\"" -> "signed = \"{url}{timestamp}.{body\""
            6: error: signed has a { without its }

            "signed = \"{method}{url}{timestamp}.{body}\"" -> "signed = \"{timestamp}.{body}\""
            2: warning: the url is not used: no [[verify]] signs {url}

            "signed = \"{method}{url}{timestamp}.{body}\"" -> ""
            4: error: hmac needs signed

            "timestamp = { header = \"x-timestamp\", tolerance_seconds = 300 }" -> ""
            6: error: signed holds {timestamp}, and timestamp does not say in which header it stands

            "tolerance_seconds = 300" -> "tolerance_seconds = 0"
            7: error: tolerance_seconds is 0, and must be within 1 and 3600

            "tolerance_seconds = 300" -> "tolerance_seconds = 3601"
            7: error: tolerance_seconds is 3601, and must be within 1 and 3600

            "timestamp = { header = \"x-timestamp\", tolerance_seconds = 300 }" -> "timestamp = { header = \"x-timestamp\" }\nonly_where_sent = true"
            3: error: no [[verify]] proves every delivery in whole: only_where_sent and {first_event} leave a gap that anybody could use

            "{body}" -> "{first_event}"
            3: error: no [[verify]] proves every delivery in whole: only_where_sent and {first_event} leave a gap that anybody could use

            "header = \"x-signature\"" -> "header = \"x signature\""
            5: error: "x signature" is not the name of a header

            "header = \"x-signature\"" -> "header = { name = \"x-signature\", entry = \"v1=\" }"
            5: error: the entry is not a name such as v1

            "header = \"x-signature\"\n" -> ""
            4: error: hmac needs header

            "header = \"x-signature\"" -> "header = \"x-signature\"\nprefix = \"a\\n\""
            6: error: the prefix holds a line break or another control character

            "scheme = \"hmac\"\nheader = \"x-signature\"\n" -> "scheme = \"token\"\nheader = { name = \"x-key\", entry = \"k\" }\n"
            2: warning: the url is not used: no [[verify]] signs {url}
            5: error: a token is the whole header: write header = "…"
            6: error: signed is for hmac: a token signs nothing
            7: error: timestamp is for hmac: a token signs nothing

            "scheme = \"hmac\"\nheader = \"x-signature\"\n" -> "scheme = \"stripe\"\nheader = \"x-signature\"\n"
            2: warning: the url is not used: no [[verify]] signs {url}
            5: error: stripe knows its own header: leave it out, or write scheme = "hmac" with all of them
            6: error: stripe knows its own signed: leave it out, or write scheme = "hmac" with all of them
            7: error: stripe knows its own timestamp: leave it out, or write scheme = "hmac" with all of them

            "https://hooks.example.com/v1/webhooks/crm" -> "hooks.example.com"
            2: error: the url is not an address such as https://hooks.example.com/v1/webhooks/hubspot

        "#]],
    );
}
