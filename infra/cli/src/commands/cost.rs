//! `perennial cost`: what a deployment costs.

use std::path::PathBuf;

use clap::{Args, value_parser};
use perennial::cost::CostError;
use perennial::cost::bill::{self, Question};
use perennial::cost::fixed::{Edge, Profile};
use perennial::cost::measured::Measured;
use perennial::cost::prices::Prices;
use perennial::cost::text::Shown;
use perennial::cost::workload::Shape;
use serde_json::json;

use super::{EXIT_CODES, Failed, print_json, say};

/// The months that are shown unless others are asked for.
const EVENTS: [i64; 3] = [10_000, 1_000_000, 100_000_000];

/// The most that is answered for.
const MOST: i64 = 10_000_000_000;

/// Say what a deployment costs: the fixed charge of the month, and dollars a month by how much happens.
///
/// The fixed charge is derived from the template, by profile. Everything else is computed from units and bytes that were measured
/// in the local world, and a list of prices with its date, which can be replaced. No free tier is counted.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub struct Cost {
    /// Events a month, several separated by commas.
    #[arg(long, value_name = "N", value_delimiter = ',', default_values_t = EVENTS, value_parser = value_parser!(i64).range(0..=MOST))]
    events: Vec<i64>,
    /// Profile of the template for which events are counted.
    #[arg(long, value_enum, default_value = "standard")]
    profile: Profile,
    /// How requests come in.
    #[arg(long, value_enum, default_value = "http-api")]
    edge: Edge,
    /// Region of the price list.
    #[arg(long, default_value = perennial_local::REGION)]
    region: String,
    /// File of prices that replace those of the list.
    #[arg(long, value_name = "FILE")]
    prices: Option<PathBuf>,
    /// Events of one contact in a month.
    #[arg(long, value_name = "N", default_value_t = Shape::default().events_per_contact, value_parser = value_parser!(i64).range(1..=1_000_000))]
    events_per_contact: i64,
    /// Nurture mails to one contact in a month.
    #[arg(long, value_name = "N", default_value_t = Shape::default().mails_per_contact, value_parser = value_parser!(i64).range(0..=100))]
    mails_per_contact: i64,
    /// Events in one webhook request.
    #[arg(long, value_name = "N", default_value_t = Shape::default().events_per_request, value_parser = value_parser!(i64).range(1..=1_000))]
    events_per_request: i64,
    /// Records or messages in one call of a function that reads a stream or a queue.
    #[arg(long, value_name = "N", default_value_t = Shape::default().records_per_call, value_parser = value_parser!(i64).range(1..=100))]
    records_per_call: i64,
    /// Print one JSON document instead of a table.
    #[arg(long)]
    json: bool,
}

impl Cost {
    pub fn run(self) -> Result<(), Failed> {
        let asked = self.question()?;
        let fixed = [Profile::Standard, Profile::Minimal].map(|profile| (profile, bill::fixed(&asked, profile)));
        let fixed = fixed.into_iter().map(|(profile, charges)| Ok((profile, charges?)));
        let fixed = fixed.collect::<Result<Vec<_>, CostError>>()?;
        let bills = self.events.iter().map(|events| bill::bill(&asked, *events)).collect::<Result<Vec<_>, _>>()?;
        let shown = Shown { asked: &asked, fixed, bills };
        if self.json { print_json(&document(&shown)) } else { say(&shown) }
    }

    fn question(&self) -> Result<Question, Failed> {
        let mut prices = Prices::built_in()?;
        if let Some(file) = &self.prices {
            let name = file.display().to_string();
            let text = std::fs::read_to_string(file)
                .map_err(|error| CostError::File { file: name.clone(), reason: error.to_string() })?;
            let other = Prices::read(&name, &text)?;
            prices = prices.replaced_by(other);
        }
        if !prices.regions().contains(&self.region.as_str()) {
            let known = prices.regions().join(", ");
            return Err(Failed(vec![format!("error: the price list has no {}; it has {known}", self.region)]));
        }
        let shape = Shape {
            events_per_contact: self.events_per_contact,
            mails_per_contact: self.mails_per_contact,
            events_per_request: self.events_per_request,
            records_per_call: self.records_per_call,
            ..Shape::default()
        };
        let (profile, edge, region) = (self.profile, self.edge, self.region.clone());
        Ok(Question { profile, edge, region, shape, prices, measured: Measured::built_in()? })
    }
}

fn document(shown: &Shown<'_>) -> serde_json::Value {
    let asked = shown.asked;
    let fixed: serde_json::Map<_, _> =
        shown.fixed.iter().map(|(profile, charges)| (profile.as_str().to_owned(), json!(charges))).collect();
    json!({
        "currency": "USD, in millionths",
        "region": asked.region,
        "prices_as_of": asked.prices.as_of,
        "free_tier_counted": false,
        "profile": asked.profile,
        "edge": asked.edge,
        "shape": asked.shape,
        "measured_on": asked.measured.measured_on,
        "assumed": asked.measured.assumed,
        "fixed": fixed,
        "months": shown.bills,
    })
}
