use proptest::prelude::*;

use super::*;

#[test]
fn a_byte_of_a_text_stands_where_it_is_written() {
    // The spot is that of the x.
    for written in [
        "'x'",
        "'a\\x'",
        "'''ax'''",
        "'''\nax'''",
        "'''\n\nax'''",
        "\"x\"",
        "\"a\\\"x\"",
        "\"\\\\x\"",
        "\"é\\u00e9\\U0001F642\\tx\"",
        "\"\"\"ax\"\"\"",
        "\"\"\"\nax\"\"\"",
        "\"\"\"a\\nx\"\"\"",
        "\"\"\"a \\\n   x\"\"\"",
        "\"\"\"\\\n\n  a \\\n\tb \\  \n x\"\"\"",
    ] {
        let text: toml::Table = toml::from_str(&format!("text = {written}")).unwrap();
        let offset = text["text"].as_str().unwrap().find('x').unwrap();
        let bytes = written.rfind('x').unwrap();
        assert_eq!(spot(written, offset).bytes, bytes, "{written}");
    }
}

#[test]
fn a_column_is_counted_in_its_own_line_after_the_quotes() {
    for (written, offset, column) in [
        ("'x'", 0, 1),
        ("'''éx'''", 2, 2),
        ("\"a\\\"x\"", 2, 4),
        ("'''a\n  x'''", 4, 3),
        ("\"\"\"a \\\n   x\"\"\"", 2, 4),
    ] {
        assert_eq!(spot(written, offset).column, column, "{written}");
    }
}

proptest! {
    #[test]
    fn whatever_is_written_a_byte_stands_within_or_behind_it(
        written in prop_oneof![any::<String>(), "(\"|\"\"\"|'|''')?[\\\\xuU0-9a-f é\n\"]{0,12}"],
        offset in 0_usize..20,
    ) {
        let spot = spot(&written, offset);
        prop_assert!(spot.bytes <= written.len() + offset);
        prop_assert!(spot.column >= 1);
    }
}
