//! Places, fields, and what a rule names.

use expect_test::expect;

use super::check;

#[test]
fn a_place_is_a_place() {
    check(
        &[
            ("each = \"/events\"", "each = \"events\""),
            ("id = \"/id\"", "id = [\"/id\", \"./at\"]"),
            ("type = \"/kind\"", "type = \"/a~b\""),
            ("at = { take = \"/at\", unit = \"seconds\" }", "at = { take = \"now\", is = { a = \"b\" }, times = 2 }"),
            ("\"/ok\" = true", "ok = true"),
            ("\"/ok\" = true", "\"./ok\" = true"),
            ("for_each = \"/items\"", "for_each = \"/items\"\nwhen = { \"./live\" = true, \"./~\" = 1 }"),
            ("[1, \"2\"]", "[]"),
            ("for_each = \"/items\"", "for_each = \"items\""),
            ("for_each = \"/items\"\n", ""),
            ("contact = \"/who\"", "contact = \"who\""),
            ("contact = \"/who\"", "contact = \"/who~2\""),
            ("take = [\"/account\", \"/customer\"]", "take = []"),
        ],
        expect![[r#"
            "each = \"/events\"" -> "each = \"events\""
            9: error: each of the envelope is "events", and a place in the event begins with / (did you mean "/events"?)

            "id = \"/id\"" -> "id = [\"/id\", \"./at\"]"
            10: error: id of the envelope is "./at", and a place in the event begins with / (did you mean "/at"?)

            "type = \"/kind\"" -> "type = \"/a~b\""
            11: error: type of the envelope: in a place, ~ is written ~0 (and a / within a name ~1)

            "at = { take = \"/at\", unit = \"seconds\" }" -> "at = { take = \"now\", is = { a = \"b\" }, times = 2 }"
            12: error: at of the envelope is "now", and a place in the event begins with / (did you mean "/now"?)
            12: error: a time has no meanings: at knows take, else and unit
            12: error: a time is not multiplied: say its unit

            "\"/ok\" = true" -> "ok = true"
            17: error: when is "ok", and a place in the event begins with / (did you mean "/ok"?)

            "\"/ok\" = true" -> "\"./ok\" = true"
            17: error: when is "./ok", a place in an element, and the rule has no for_each

            "for_each = \"/items\"" -> "for_each = \"/items\"\nwhen = { \"./live\" = true, \"./~\" = 1 }"
            25: error: when: in a place, ~ is written ~0 (and a / within a name ~1)

            "[1, \"2\"]" -> "[]"
            17: error: no value in the list: the rule would never apply

            "for_each = \"/items\"" -> "for_each = \"items\""
            24: error: for_each is "items", and a place in the event begins with / (did you mean "/items"?)

            "for_each = \"/items\"\n" -> ""
            26: error: revenue_cents is "./amount", a place in an element, and the rule has no for_each
            27: error: product is "./sku", a place in an element, and the rule has no for_each

            "contact = \"/who\"" -> "contact = \"who\""
            19: error: contact would be the same for every event: a place in the event begins with / (did you mean "/who"?)

            "contact = \"/who\"" -> "contact = \"/who~2\""
            19: error: contact: in a place, ~ is written ~0 (and a / within a name ~1)

            "take = [\"/account\", \"/customer\"]" -> "take = []"
            26: error: account takes its value from nowhere: the list is empty

        "#]],
    );
}

#[test]
fn a_rule_becomes_something_with_its_fields() {
    check(
        &[
            ("becomes = \"engagement.recorded\"", "becomes = \"engagement.record\""),
            ("becomes = \"engagement.recorded\"\n", ""),
            ("action = \"download\"\n", ""),
            ("asset = {", "aset = {"),
            ("type = [\"bought\"]", "type = []"),
            ("becomes = \"ignored\"", "becomes = \"ignored\"\nfor_each = \"/x\"\ncontact = \"/who\""),
            (
                "revenue_cents = { take = \"./amount\", times = 100 }",
                "revenue_cents = { take = \"./amount\", times = 0, unit = \"seconds\" }",
            ),
            ("revenue_cents = { take = \"./amount\", times = 100 }", "name = { take = \"./name\", times = 100 }"),
            ("revenue_cents = { take", "revenue_cents = { product = \"analytics\", value"),
            ("owns = { product", "seats = \"./seats\"\nowns = { produkt"),
            (", value = { take = \"/at\", unit = \"seconds\" } }", "}"),
            (", value = { take = \"/at\"", ", take = \"/at\", value = { take = \"/at\""),
            ("revenue_cents = { take = \"./amount\", times = 100 }", "revenue_cents = { else = 5 }"),
        ],
        expect![[r#"
            "becomes = \"engagement.recorded\"" -> "becomes = \"engagement.record\""
            18: error: "engagement.record" is nothing that an event can become (did you mean "engagement.recorded"?)

            "becomes = \"engagement.recorded\"\n" -> ""
            15: error: the rule does not say what such an event becomes

            "action = \"download\"\n" -> ""
            15: error: engagement.recorded needs action

            "asset = {" -> "aset = {"
            20: error: engagement.recorded has no field "aset": it has contact, asset, action, email (did you mean "asset"?)

            "type = [\"bought\"]" -> "type = []"
            23: error: no type in the list: the rule would never apply. Leave type out for every type

            "becomes = \"ignored\"" -> "becomes = \"ignored\"\nfor_each = \"/x\"\ncontact = \"/who\""
            32: error: events are ignored as a whole: leave for_each out
            33: error: "contact" stands in a rule whose events are ignored

            "revenue_cents = { take = \"./amount\", times = 100 }" -> "revenue_cents = { take = \"./amount\", times = 0, unit = \"seconds\" }"
            27: error: unit is for times, and revenue_cents is none
            27: error: times is 0, and must be within 1 and 1000000

            "revenue_cents = { take = \"./amount\", times = 100 }" -> "name = { take = \"./name\", times = 100 }"
            27: error: times is for numbers, and name is none

            "revenue_cents = { take" -> "revenue_cents = { product = \"analytics\", value"
            27: error: revenue_cents has product and value, and what belongs to either stands within it

            "owns = { product" -> "seats = \"./seats\"\nowns = { produkt"
            29: error: unknown field "produkt", expected one of "take", "is", "else", "unit", "times", "product", "value" (did you mean "product"?)

            ", value = { take = \"/at\", unit = \"seconds\" } }" -> "}"
            28: error: owns needs both product and value

            ", value = { take = \"/at\"" -> ", take = \"/at\", value = { take = \"/at\""
            28: error: owns has product and value, and what belongs to either stands within it

            "revenue_cents = { take = \"./amount\", times = 100 }" -> "revenue_cents = { else = 5 }"
            27: error: revenue_cents says nothing of where the value comes from: take is missing

        "#]],
    );
}

#[test]
fn what_is_named_exists() {
    check(
        &[
            ("\"The guide\" = \"guide\"", "\"The guide\" = \"giude\""),
            ("\"The guide\" = \"guide\"", "\"The guide\" = \"guide\"\n\"The video\" = \"video\""),
            ("is = \"things\"", "is = \"thing\""),
            ("is = \"things\"", "is = { a = \"guide\" }"),
            ("is = \"things\"", "is = {}"),
            ("\"The guide\" = \"guide\"", ""),
            ("action = \"download\"", "action = \"downlaod\""),
            ("A-1 = \"analytics\"", "A-1 = \"analitics\""),
            ("else = false", "else = \"no\""),
        ],
        expect![[r#"
            "\"The guide\" = \"guide\"" -> "\"The guide\" = \"giude\""
            14: error: asset "giude" does not exist (did you mean "guide"?)

            "\"The guide\" = \"guide\"" -> "\"The guide\" = \"guide\"\n\"The video\" = \"video\""
            22: error: asset "video" has no action "download"

            "is = \"things\"" -> "is = \"thing\""
            13: warning: no rule uses the names "things"
            20: error: no names "thing": write them under [names.…] (did you mean "things"?)

            "is = \"things\"" -> "is = { a = \"guide\" }"
            13: warning: no rule uses the names "things"

            "is = \"things\"" -> "is = {}"
            13: warning: no rule uses the names "things"
            20: error: is lists nothing: no value would count as there

            "\"The guide\" = \"guide\"" -> ""
            20: error: the names "things" are empty: no value would count as there

            "action = \"download\"" -> "action = \"downlaod\""
            21: error: action "downlaod" does not exist (did you mean "download"?)

            "A-1 = \"analytics\"" -> "A-1 = \"analitics\""
            28: error: product "analitics" does not exist (did you mean "analytics"?)

            "else = false" -> "else = \"no\""
            35: error: permanent is neither true nor false

        "#]],
    );
}
