//! Fields of forms and addresses: read strictly, never trusted.

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use perennial_platform::lambda::raw_body;

/// More than any form of the desk can hold.
const MOST_BYTES: usize = 8 * 1024;

/// The fields of what was posted; none if it is too long or no form.
pub(crate) fn posted(request: &ApiGatewayV2httpRequest) -> Option<Fields> {
    let body = raw_body(request).ok().filter(|body| body.len() <= MOST_BYTES)?;
    Fields::read(str::from_utf8(&body).ok()?)
}

/// The fields behind the question mark of an address.
pub(crate) fn asked(request: &ApiGatewayV2httpRequest) -> Fields {
    Fields::read(request.raw_query_string.as_deref().unwrap_or_default()).unwrap_or_default()
}

/// Names and values, in the order in which they came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fields(Vec<(String, String)>);

impl Fields {
    fn read(text: &str) -> Option<Self> {
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        pairs
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                Some((decoded(name)?, decoded(value)?))
            })
            .collect::<Option<_>>()
            .map(Self)
    }

    /// The value of a field that stands there once and is not empty.
    pub fn the_one(&self, name: &str) -> Option<&str> {
        let mut values = self.0.iter().filter(|(known, _)| known == name).map(|(_, value)| value.trim());
        values.next().filter(|value| !value.is_empty() && values.next().is_none())
    }
}

/// An amount as somebody types it, in cents: digits, and behind a point one or two more.
pub(crate) fn cents(text: &str) -> Option<i64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str, most: usize| {
        let sound = (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<i64>().ok().filter(|_| sound)
    };
    let part = digits(part, 2)? * if part.len() == 1 { 10 } else { 1 };
    Some(digits(whole, 12)? * 100 + part)
}

/// An amount as people read it: `USD 25,000`.
pub(crate) fn money(currency: &str, cents: i64) -> String {
    let (whole, part) = ((cents / 100).to_string(), cents % 100);
    let mut grouped = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if part == 0 { format!("{currency} {grouped}") } else { format!("{currency} {grouped}.{part:02}") }
}

/// Text as it stands in the value of a field of an address.
pub(crate) fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        match byte {
            b'-' | b'_' | b'.' | b'/' | b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => encoded.push(char::from(byte)),
            other => encoded.push_str(&format!("%{other:02X}")),
        }
        encoded
    })
}

fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digit =
                    |byte: Option<u8>| char::from(byte?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                digit(rest.next())? * 16 + digit(rest.next())?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_digits_with_a_point_or_none() {
        for (text, expected) in [
            ("25000", Some(2_500_000)),
            ("25000.5", Some(2_500_050)),
            ("25000.05", Some(2_500_005)),
            ("0", Some(0)),
            ("999999999999.99", Some(99_999_999_999_999)),
            ("1000000000000", None),
            ("25,000", None),
            ("25.000", None),
            ("25.", None),
            (".5", None),
            ("-5", None),
            ("+5", None),
            ("5 000", None),
            ("", None),
        ] {
            assert_eq!(cents(text), expected, "{text}");
        }
        for (amount, expected) in
            [(0, "USD 0"), (99_900, "USD 999"), (100_000, "USD 1,000"), (123_456_789, "USD 1,234,567.89")]
        {
            assert_eq!(money("USD", amount), expected);
        }
    }

    #[test]
    fn a_form_is_read_as_it_was_meant_or_not_at_all() {
        let check = |text: &str, name: &str, expected: Option<&str>| {
            let fields = Fields::read(text);
            assert_eq!(fields.as_ref().and_then(|fields| fields.the_one(name)), expected, "{text}");
        };
        check("word=touched&form=x", "word", Some("touched"));
        check("reason=No+budget%2C+this%20year", "reason", Some("No budget, this year"));
        check("reason=%C3%BCber", "reason", Some("über"));
        check("reason=+", "reason", None);
        check("reason", "reason", None);
        check("word=touched&word=accepted", "word", None);
        check("word=%", "word", None);
        check("word=%4", "word", None);
        check("word=%zz", "word", None);
        check("word=%ff", "word", None);
        check("", "word", None);
    }
}
