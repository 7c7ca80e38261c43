use super::*;
use crate::fit::Grade;
use crate::ids::{AccountId, ContactId};
use crate::profile::Fields;

const NOW: i64 = 1_790_000_000;

fn days_ago(days: i64) -> Timestamp {
    crate::interest::instant(NOW - days * DAY_SECONDS)
}

fn fields(stated: &[(&str, &str)]) -> Fields {
    let mut fields = Fields::default();
    fields.merge(stated.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())), 0);
    fields
}

/// A VP of whose company nothing is known but what it owns.
fn with_vp<T>(ask: impl FnOnce(&Person<'_>) -> T) -> T {
    let contact = Contact::from_fields(ContactId::from("c"), &fields(&[("role", "executive"), ("title", "VP, Sales")]));
    let mut account = Account::from_fields(AccountId::from("a"), &fields(&[]));
    account.owns = BTreeMap::from([("analytics".into(), days_ago(200)), ("automation".into(), days_ago(90))]);
    account.used = BTreeMap::from([("analytics".into(), days_ago(3)), ("support-plus".into(), days_ago(1))]);
    let fit = Fit { points: 60, grade: Grade::B, lines: Vec::new() };
    let scores = BTreeMap::from([("analytics".into(), 2), ("integrations".into(), 7)]);
    ask(&Person {
        contact: Some(&contact),
        account: Some(&account),
        fit: &fit,
        scores: &scores,
        last_engaged_at: None,
        now: days_ago(0),
    })
}

fn is(attribute: Attribute, value: &str) -> Expression {
    Expression::OneOf { attribute, values: vec![value.to_owned()] }
}

fn is_not(attribute: Attribute, value: &str) -> Expression {
    Expression::NoneOf { attribute, values: vec![value.to_owned()] }
}

fn compare(quantity: Quantity, comparison: Comparison, value: i64) -> Expression {
    Expression::Compare { quantity, comparison, value }
}

#[test]
fn what_is_not_known_is_neither_equal_nor_different() {
    let check = |condition: Expression, expected: bool| {
        let holds = with_vp(|vp| is_member(&condition, vp));
        assert_eq!(holds, expected, "{condition}");
    };
    check(is(Attribute::Role, "executive"), true);
    check(is_not(Attribute::Role, "executive"), false);
    check(is_not(Attribute::Role, "user"), true);
    check(is(Attribute::Region, "emea"), false);
    check(is_not(Attribute::Region, "emea"), false);
    check(Expression::Not(Box::new(is(Attribute::Region, "emea"))), true);
    check(Expression::Known(Knowable::Text(Attribute::Region)), false);
    check(Expression::Known(Knowable::Title), true);
    check(compare(Quantity::RevenueCents, Comparison::AtLeast, 0), false);
    check(compare(Quantity::RevenueCents, Comparison::Different, 5), false);
    check(compare(Quantity::DaysSinceEngagement, Comparison::Less, 1_000), false);
    check(Expression::Known(Knowable::Number(Quantity::DaysUnused("support-plus".into()))), false);
    check(Expression::Owns("support-plus".into()), false);
    check(Expression::OwnsAny, true);
    check(Expression::All(Vec::new()), true);
    check(Expression::Any(Vec::new()), false);
}

#[test]
fn a_title_is_matched_by_whole_words() {
    for (word, expected) in [("vp", true), ("sales", true), ("vp, sales", false), ("sale", false), ("VP", false)] {
        assert_eq!(with_vp(|vp| is_member(&Expression::Title(word.to_owned()), vp)), expected, "{word}");
    }
}

#[test]
fn a_number_is_what_is_known_now() {
    let check = |quantity: Quantity, expected: Option<i64>| {
        assert_eq!(with_vp(|vp| vp.number(&quantity)), expected, "{quantity}");
    };
    check(Quantity::Fit, Some(60));
    check(Quantity::Score("analytics".into()), Some(2));
    check(Quantity::Score("automation".into()), Some(0));
    check(Quantity::HighestScore, Some(7));
    check(Quantity::Purchases, Some(2));
    check(Quantity::CustomerDays, None);
    check(Quantity::OwnedDays("analytics".into()), Some(200));
    check(Quantity::OwnedDays("integrations".into()), None);
    check(Quantity::DaysUnused("analytics".into()), Some(3));
    // Owned and never used: unused since it was bought.
    check(Quantity::DaysUnused("automation".into()), Some(90));
    for (comparison, below, at, above) in [
        (Comparison::Equal, false, true, false),
        (Comparison::Different, true, false, true),
        (Comparison::Less, true, false, false),
        (Comparison::AtMost, true, true, false),
        (Comparison::More, false, false, true),
        (Comparison::AtLeast, false, true, true),
    ] {
        let seen = [59, 60, 61].map(|known| comparison.holds(known, 60));
        assert_eq!(seen, [below, at, above], "{}", comparison.as_str());
    }
}

#[test]
fn the_first_persona_that_fits_is_the_persona() {
    let persona = |id: &str, when| Persona { id: id.into(), name: id.to_owned(), when };
    let personas = [
        persona("user", is(Attribute::Role, "user")),
        persona("sponsor", Expression::Title("vp".to_owned())),
        persona("executive", is(Attribute::Role, "executive")),
    ];
    with_vp(|vp| {
        assert_eq!(persona_of(&personas, vp).map(|persona| persona.id.as_str()), Some("sponsor"));
        assert_eq!(persona_of(&personas[..1], vp), None);
    });
}

#[test]
fn an_explanation_says_which_conditions_decided() {
    let owns = |product: &str| Expression::Owns(product.into());
    let expression = Expression::All(vec![
        is(Attribute::Role, "executive"),
        Expression::Any(vec![
            owns("integrations"),
            compare(Quantity::Score("analytics".into()), Comparison::AtLeast, 5),
        ]),
        Expression::Not(Box::new(owns("support-plus"))),
    ]);
    let said: Vec<String> = with_vp(|vp| explain(&expression, vp))
        .into_iter()
        .map(|clause| {
            let Clause { text, holds, decides, seen } = clause;
            format!("{text}: {holds}, {seen}{}", if decides { " <-" } else { "" })
        })
        .collect();
    assert_eq!(
        said,
        [
            "role == \"executive\": true, role is \"executive\"",
            "owns(\"integrations\"): false, integrations is not owned <-",
            "score(\"analytics\") >= 5: false, score(\"analytics\") is 2 <-",
            "not owns(\"support-plus\"): true, support-plus is not owned",
        ]
    );
    assert_eq!(
        expression.to_string(),
        "role == \"executive\" and (owns(\"integrations\") or score(\"analytics\") >= 5) and not owns(\"support-plus\")"
    );
    // What is said to decide, does: leaving out the other conditions changes nothing.
    let any = Expression::Any(vec![owns("analytics"), owns("integrations"), owns("automation")]);
    let decided = with_vp(|vp| explain(&any, vp)).into_iter().map(|clause| clause.decides).collect::<Vec<_>>();
    assert_eq!(decided, [true, false, true]);
}
