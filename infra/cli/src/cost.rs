//! What a deployment costs: the fixed charge of the month, and what events and mails cost on top of it.
//!
//! | part | owns |
//! |---|---|
//! | [`prices`] | list prices, with their date and where they stand |
//! | [`measured`] | what each thing that happens consumes, measured in the local world |
//! | [`fixed`] | what the template declares that costs by the month |
//! | [`workload`] | how many things happen in a month |
//! | [`bill`] | all of it, line by line |
//! | [`text`] | the same for people |
//!
//! Everything is an integer: money in millionths of a dollar, units in thousandths where they can be parts. What it never does:
//! count a free tier, a discount or a tax, or ask AWS for anything.

pub mod bill;
pub mod fixed;
pub mod measured;
pub mod prices;
pub mod text;
pub mod workload;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum CostError {
    /// A file cannot be read as what it should be.
    #[error("{file}: {reason}")]
    File {
        /// Which.
        file: String,
        /// Why.
        reason: String,
    },
    /// A list has no price for this in this region.
    #[error("there is no price for {item} in {region}")]
    NoPrice {
        /// For what.
        item: String,
        /// Where.
        region: String,
    },
    /// The template that was built in cannot be read.
    #[error("template: {0}")]
    Template(String),
}
