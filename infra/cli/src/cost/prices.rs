//! List prices, exact to a millionth of a dollar.

use std::collections::BTreeMap;
use std::fmt;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::CostError;

/// The list that is built in.
const LIST: &str = include_str!("prices.toml");

/// Money, in millionths of a US dollar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Micros(pub i64);

impl Micros {
    /// Reads `0.7625`: at most six digits behind the point.
    ///
    /// # Errors
    /// The text, if it is no such number.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(part) || part.len() > 6 {
            return Err(format!("{text} is not a price such as 0.7625"));
        }
        let micros = format!("{whole}{part:0<6}").parse();
        micros.map(Self).map_err(|_| format!("{text} is too much"))
    }
}

impl std::iter::Sum for Micros {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        Self(all.map(|one| one.0).sum())
    }
}

/// Dollars and cents: `$1,234.56`; what is more than nothing and less than a cent is `<$0.01`.
impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cents = (self.0 + 5_000) / 10_000;
        if cents == 0 && self.0 > 0 {
            return f.pad("<$0.01");
        }
        let (dollars, cents) = ((cents / 100).to_string(), cents % 100);
        let digits = dollars.len();
        let spaced: String = dollars
            .char_indices()
            .flat_map(|(index, digit)| [(index > 0 && (digits - index) % 3 == 0).then_some(','), Some(digit)])
            .flatten()
            .collect();
        f.pad(&format!("${spaced}.{cents:02}"))
    }
}

/// One price.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Price {
    /// For so many units.
    pub per: i64,
    /// Of what.
    pub unit: String,
    /// Where it stands.
    pub source: String,
    /// By region, as text.
    #[serde(flatten)]
    pub regions: BTreeMap<String, String>,
}

/// A list of prices.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Prices {
    /// The day on which somebody last compared it with its sources.
    pub as_of: Date,
    /// By what they are for.
    #[serde(default)]
    pub price: BTreeMap<String, Price>,
}

impl Prices {
    /// The list that is built in.
    ///
    /// # Errors
    /// [`CostError::File`] if it is none, which a test excludes.
    pub fn built_in() -> Result<Self, CostError> {
        Self::read("the list that is built in", LIST)
    }

    /// Reads a list.
    ///
    /// # Errors
    /// [`CostError::File`] if it is none.
    pub fn read(file: &str, text: &str) -> Result<Self, CostError> {
        let wrong = |reason: String| CostError::File { file: file.to_owned(), reason };
        let list: Self = toml::from_str(text).map_err(|error| wrong(error.to_string()))?;
        for (item, price) in &list.price {
            for (region, text) in &price.regions {
                Micros::parse(text).map_err(|reason| wrong(format!("{item} in {region}: {reason}")))?;
            }
            if price.per < 1 {
                return Err(wrong(format!("{item}: `per` must be at least 1")));
            }
        }
        Ok(list)
    }

    /// With what another list says; what it says nothing of stays.
    pub fn replaced_by(mut self, other: Self) -> Self {
        for (item, price) in other.price {
            match self.price.get_mut(&item) {
                Some(known) => {
                    known.regions.extend(price.regions);
                    (known.per, known.unit, known.source) = (price.per, price.unit, price.source);
                }
                None => drop(self.price.insert(item, price)),
            }
        }
        self
    }

    /// The regions of which every price is known.
    pub fn regions(&self) -> Vec<&str> {
        let Some(first) = self.price.values().next() else { return Vec::new() };
        let everywhere = |region: &&String| self.price.values().all(|price| price.regions.contains_key(*region));
        first.regions.keys().filter(everywhere).map(String::as_str).collect()
    }

    /// The price of so many thousandths of a unit of something, rounded to the nearest millionth of a dollar.
    ///
    /// # Errors
    /// [`CostError::NoPrice`].
    pub fn of(&self, item: &str, region: &str, thousandths: i64) -> Result<Micros, CostError> {
        let missing = || CostError::NoPrice { item: item.to_owned(), region: region.to_owned() };
        let price = self.price.get(item).ok_or_else(missing)?;
        let text = price.regions.get(region).ok_or_else(missing)?;
        let each = Micros::parse(text).map_err(|_| missing())?;
        let (exact, of) = (i128::from(each.0) * i128::from(thousandths), i128::from(price.per) * 1_000);
        i64::try_from((exact + of / 2) / of).map(Micros).map_err(|_| missing())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_read_and_shown_to_the_cent() {
        for (text, micros, shown) in [
            ("0.7625", 762_500, "$0.76"),
            ("13.3334", 13_333_400, "$13.33"),
            ("3", 3_000_000, "$3.00"),
            ("0.000001", 1, "<$0.01"),
            ("0", 0, "$0.00"),
            ("0.005", 5_000, "$0.01"),
            ("1234.5", 1_234_500_000, "$1,234.50"),
            ("1000000", 1_000_000_000_000, "$1,000,000.00"),
        ] {
            assert_eq!(Micros::parse(text), Ok(Micros(micros)), "{text}");
            assert_eq!(Micros(micros).to_string(), shown);
        }
        for wrong in ["", ".5", "1.", "0.1234567", "-1", "1,5", "99999999999999"] {
            assert!(Micros::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_price_is_that_of_a_share_of_its_units() {
        let list = Prices::built_in().unwrap();
        assert_eq!(list.regions(), ["eu-central-1", "us-east-1"]);
        for (item, region, thousandths, micros) in [
            ("table-writes", "us-east-1", 1_000_000_000, 625_000),
            ("table-writes", "eu-central-1", 1_000_000_000, 762_500),
            ("table-reads", "us-east-1", 500_000, 63),
            ("secrets", "us-east-1", 2_000, 800_000),
            ("mails", "us-east-1", 1_000, 100),
            ("mails", "us-east-1", 0, 0),
        ] {
            assert_eq!(list.of(item, region, thousandths).unwrap(), Micros(micros), "{item} {thousandths}");
        }
        assert!(list.of("mails", "mars-north-1", 1).is_err() && list.of("rockets", "us-east-1", 1).is_err());
    }

    #[test]
    fn another_list_replaces_what_it_names() {
        let other = "as_of = \"2027-01-01\"\n[price.mails]\nper = 1000\nunit = \"mails\"\nsource = \"a contract\"\n\
                     us-east-1 = \"0.05\"\n";
        let other = Prices::read("prices.toml", other).unwrap();
        let list = Prices::built_in().unwrap().replaced_by(other);
        assert_eq!(list.of("mails", "us-east-1", 1_000_000).unwrap(), Micros(50_000));
        assert_eq!(list.of("mails", "eu-central-1", 1_000_000).unwrap(), Micros(100_000));
        assert_eq!(list.price["mails"].source, "a contract");
        let broken =
            "as_of = \"2027-01-01\"\n[price.mails]\nper = 1000\nunit = \"\"\nsource = \"\"\nus-east-1 = \"5 ct\"\n";
        let error = Prices::read("prices.toml", broken).unwrap_err().to_string();
        assert_eq!(error, "prices.toml: mails in us-east-1: 5 ct is not a price such as 0.7625");
    }
}
