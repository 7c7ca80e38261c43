//! `perennial why-no-email`: what became of one person's slots, and what every stream has to say now.

use clap::Args;
use jiff::Timestamp;
use perennial::why::why_no_email;

use super::place::{Place, instant};
use super::{EXIT_CODES, Failed, print_json, say};

/// Say why somebody got no email: slot by slot, and what every stream has to say now.
///
/// Of each slot it says what was sent, or the reason for which nothing was; then what would be sent now, and of every stream
/// which piece is ready, until when it says nothing and why, or why it is not for them. Slots of which nobody knows whether
/// SES took the mail are listed as unknown and explained. Of a stack's table the environment variable ADDRESS_KEY must hold
/// the deployment's key.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub struct WhyNoEmail {
    /// The contact, by id or by email address.
    #[arg(long, value_name = "ID")]
    contact: String,
    /// At which instant: 2026-10-14, the end of that day UTC, or 2026-10-14T13:55:00Z [default: the world's now]. What is
    /// known of the person, and what it has received, is what is known now.
    #[arg(long, value_name = "TIME", value_parser = instant)]
    at: Option<Timestamp>,
    #[command(flatten)]
    place: Place,
    /// Print one JSON document instead of lines.
    #[arg(long)]
    json: bool,
}

impl WhyNoEmail {
    pub async fn run(self) -> Result<(), Failed> {
        let playbook = self.place.playbook()?;
        let candidates = self.place.candidates()?;
        for candidate in &candidates {
            let opened = candidate.open(&playbook).await?;
            let at = self.at.unwrap_or(opened.now);
            let key = opened.address_key()?;
            if let Some(why) = why_no_email(&opened.store, &key, &playbook, &self.contact, at).await? {
                return if self.json { print_json(&why) } else { say(why) };
            }
        }
        let places: Vec<String> = candidates.iter().map(|candidate| candidate.name()).collect();
        let who = if self.contact.contains('@') { "this address" } else { &self.contact };
        Err(Failed(vec![format!("error: nothing is known of {who} in {}", places.join(" or "))]))
    }
}
