use proptest::prelude::*;

use super::*;

const PRODUCTS: [&str; 2] = ["analytics", "automation"];

fn read(text: &str) -> Result<Written, Fault> {
    parse(text, &BTreeSet::from(PRODUCTS))
}

/// Without the names of other segments: those stand for nothing here.
fn alone(written: Written) -> Expression {
    let list = |parts: Vec<Written>| parts.into_iter().map(alone).collect();
    match written {
        Written::All(parts) => Expression::All(list(parts)),
        Written::Any(parts) => Expression::Any(list(parts)),
        Written::Not(part) => Expression::Not(Box::new(alone(*part))),
        Written::Condition(condition) => condition,
        Written::Segment { .. } => Expression::OwnsAny,
    }
}

#[test]
fn an_expression_is_read_as_it_is_meant() {
    for (text, canonical) in [
        ("role=='executive'", r#"role == "executive""#),
        (r#"role in ["executive"]"#, r#"role == "executive""#),
        (r#"role not in ["user", 'executive',]"#, r#"role not in ["user", "executive"]"#),
        (r#"region != 'the "far" east'"#, r#"region != 'the "far" east'"#),
        (r#"title has "vp""#, r#"title has "vp""#),
        ("revenue_cents >= 1_000_000_00", "revenue_cents >= 100000000"),
        (r#"score("analytics") > 4"#, r#"score("analytics") > 4"#),
        ("score\n<=\t4", "score <= 4"),
        (r#"days_unused( "analytics" ) < 30"#, r#"days_unused("analytics") < 30"#),
        ("not not owns_any", "not not owns_any"),
        (r#"owns("analytics") and owns_any and fit == 0"#, r#"owns("analytics") and owns_any and fit == 0"#),
        ("fit > 1 or fit > 2 and fit > 3", "fit > 1 or (fit > 2 and fit > 3)"),
        ("(fit > 1 or fit > 2) and fit > 3", "(fit > 1 or fit > 2) and fit > 3"),
        ("not (fit > 1 and fit > 2) or fit > 3", "not (fit > 1 and fit > 2) or fit > 3"),
        ("not fit > 1 and fit > 2", "not fit > 1 and fit > 2"),
        ("((fit > 1))", "fit > 1"),
        (
            r#"known(title) and known(role) and known(owned_days("analytics"))"#,
            r#"known(title) and known(role) and known(owned_days("analytics"))"#,
        ),
    ] {
        let expression = read(text).map(alone).unwrap_or_else(|fault| panic!("{text}: {fault:?}"));
        assert_eq!(expression.to_string(), canonical, "{text}");
    }
    let segment = Written::Segment { id: "champions".to_owned(), offset: 15 };
    assert_eq!(read("not in_segment('champions')"), Ok(Written::Not(Box::new(segment))));
}

#[test]
fn every_word_that_is_suggested_is_understood() {
    let rests = ["", " >= 1", r#"("analytics")"#, r#"("analytics") >= 1"#, "(role)", r#" has "vp""#, r#" != "good""#];
    for word in WORDS {
        let own = Attribute::ALL.into_iter().find(|attribute| attribute.as_str() == word);
        let value = own.and_then(Attribute::values).and_then(|values| values.first()).copied().unwrap_or("good");
        let read = |rest: &&str| read(&format!("{word}{}", rest.replace("good", value))).is_ok();
        assert!(rests.iter().any(read), "{word}");
    }
}

#[test]
fn what_is_deep_is_refused_and_what_is_long_is_read() {
    for deep in ["(", "not ", "not(", "known("] {
        assert!(read(&deep.repeat(100_000)).is_err(), "{deep}");
    }
    let nested = |depth: usize| format!("{}fit > 1{}", "(".repeat(depth), ")".repeat(depth));
    assert!(read(&nested(MOST_DEEP - 1)).is_ok());
    assert_eq!(read(&nested(MOST_DEEP)).unwrap_err().reason, "nests deeper than 64");
    assert!(matches!(read(&vec!["fit > 1"; 100_000].join(" or ")), Ok(Written::Any(parts)) if parts.len() == 100_000));
}

fn condition() -> impl Strategy<Value = Expression> {
    let values = || prop::collection::vec("[a-z][a-z '-]{0,8}", 1..4);
    let attribute = || prop::sample::select(vec![Attribute::Region, Attribute::Industry]);
    let product = || prop::sample::select(PRODUCTS.to_vec());
    let quantity = || {
        prop_oneof![
            Just(Quantity::Fit),
            Just(Quantity::HighestScore),
            product().prop_map(|product| Quantity::Score(product.into())),
            product().prop_map(|product| Quantity::DaysUnused(product.into())),
        ]
    };
    let comparison = prop::sample::select(vec![
        Comparison::Equal,
        Comparison::Different,
        Comparison::Less,
        Comparison::AtMost,
        Comparison::More,
        Comparison::AtLeast,
    ]);
    prop_oneof![
        (attribute(), values()).prop_map(|(attribute, values)| Expression::OneOf { attribute, values }),
        (attribute(), values()).prop_map(|(attribute, values)| Expression::NoneOf { attribute, values }),
        "[a-z0-9]{1,6}".prop_map(Expression::Title),
        (quantity(), comparison, 0..=i64::MAX).prop_map(|(quantity, comparison, value)| Expression::Compare {
            quantity,
            comparison,
            value
        }),
        product().prop_map(|product| Expression::Owns(product.into())),
        quantity().prop_map(|quantity| Expression::Known(Knowable::Number(quantity))),
    ]
}

fn expression() -> impl Strategy<Value = Expression> {
    condition().prop_recursive(5, 40, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(Expression::All),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Expression::Any),
            inner.prop_map(|part| Expression::Not(Box::new(part))),
        ]
    })
}

/// Text that gets further into the reader than noise does.
fn nearly() -> impl Strategy<Value = String> {
    let mut words: Vec<&str> = WORDS.iter().chain(&tokens::KEYWORDS).copied().collect();
    words.extend([
        "(",
        ")",
        "[",
        "]",
        ",",
        "==",
        "!=",
        "<",
        ">=",
        "=",
        "7",
        "\"user\"",
        "'analytics'",
        "\"",
        "é",
        "\n",
    ]);
    prop::collection::vec(prop::sample::select(words), 0..24).prop_map(|words| words.join(" "))
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in prop_oneof![any::<String>(), nearly()]) {
        if let Err(fault) = read(&text) {
            prop_assert!(text.is_char_boundary(fault.offset), "{fault:?}");
        }
    }

    #[test]
    fn what_is_said_again_is_read_as_the_same(expression in expression()) {
        let read = read(&expression.to_string()).map(alone);
        prop_assert_eq!(read, Ok(expression));
    }
}
