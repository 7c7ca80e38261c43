//! `perennial content send`: one piece to oneself.

use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use perennial::gallery;
use perennial_platform::address::AddressKey;
use perennial_platform::keys;
use perennial_platform::lambda;
use perennial_platform::mail::{Mail, Mailer, NOT_ALLOWED, Outcome};
use perennial_platform::store::Store;
use perennial_playbook::{Playbook, is_address};
use serde_json::json;

use super::Whom;
use super::preview::find;
use crate::commands::place::{Candidate, Place};
use crate::commands::rebuild::open_world;
use crate::commands::{Failed, print_json, say};

/// What `content send` is asked.
#[derive(Args, Debug)]
pub struct Send {
    /// The piece; a translation or variant as its file is named, `piece.de`. A contact gets the one that would be sent.
    piece: String,
    /// Where it goes: an address of your own.
    #[arg(long, value_name = "ADDRESS")]
    to: String,
    #[command(flatten)]
    whom: Whom,
    /// The stage's configuration set in SES: the stack's output MailConfigurationSetName.
    #[arg(long, value_name = "NAME", requires = "state")]
    configuration_set: Option<String>,
    #[command(flatten)]
    place: Place,
    /// Print one JSON document instead of lines.
    #[arg(long)]
    json: bool,
}

impl Send {
    pub async fn run(self) -> Result<ExitCode, Failed> {
        if !is_address(&self.to) {
            return Err(failed("--to is no address"));
        }
        let playbook = self.place.playbook()?;
        let (piece, asked) = find(&playbook, &self.piece)?;
        let (reader, edition) = self.whom.reader(&self.place, &playbook, (piece, asked)).await?;
        let letter = gallery::letter(&playbook, piece, &edition, &reader)?;
        let mail = gallery::as_test(letter.clone(), &self.to);
        let outcome = match self.place.candidates()?.first() {
            Some(Candidate::World(folder)) => open_world(folder, playbook).await?.mailer.send(&mail).await,
            Some(stack) => self.through_ses(stack, &playbook, &mail).await?,
            None => return Ok(ExitCode::FAILURE),
        };
        let Outcome::Accepted { message_id } = outcome else {
            return Err(failed(format!("it was not accepted: {}", reason(outcome))));
        };
        match self.json {
            true => print_json(&json!({"piece": letter.id, "subject": mail.subject, "message_id": message_id}))?,
            false => say(format_args!("sent  {}: {}\n", letter.id, mail.subject))?,
        }
        Ok(ExitCode::SUCCESS)
    }

    /// From this machine, which does not know which stage it is: so the list of whoever tries things out holds.
    async fn through_ses(&self, stack: &Candidate, playbook: &Arc<Playbook>, mail: &Mail) -> Result<Outcome, Failed> {
        if !playbook.sending.allows(&self.to) {
            return Err(failed(format!("the address is {NOT_ALLOWED}: see allow in [sending] of the playbook")));
        }
        let missing =
            || failed("name the stage's configuration set with --configuration-set: what comes back is seen by it");
        let configuration_set = self.configuration_set.clone().ok_or_else(missing)?;
        let opened = stack.open(playbook).await?;
        if is_suppressed(&opened.store, &opened.address_key()?, &self.to).await? {
            return Err(failed("the address is suppressed: it opted out, bounced or complained"));
        }
        let config = lambda::config().await;
        Ok(Mailer::new(&config, &playbook.company.sender, Some(configuration_set)).send(mail).await)
    }
}

async fn is_suppressed(store: &Store, key: &AddressKey, address: &str) -> Result<bool, Failed> {
    Ok(store.get_item(&keys::suppression(&key.hash(address))).await?.is_some())
}

fn failed(reason: impl std::fmt::Display) -> Failed {
    Failed(vec![format!("error: {reason}")])
}

fn reason(outcome: Outcome) -> String {
    match outcome {
        Outcome::Accepted { message_id } => message_id,
        Outcome::Refused { code }
        | Outcome::NotNow { code }
        | Outcome::AccountAtFault { code, .. }
        | Outcome::Unknown { code } => code,
    }
}
