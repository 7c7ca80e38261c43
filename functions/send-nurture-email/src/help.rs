//! Accounts that do not use what they bought lately: the first mail of a save stream also asks the account's owner to help.
//!
//! Owns that the owner is asked once for each account, product and purchase, whoever of the account gets the mail and however often:
//! a mark that is written with the event, in the transaction that claims the slot.

use aws_sdk_dynamodb::types::TransactWriteItem;
use jiff::Timestamp;
use perennial_domain::ids::{AccountId, ProductId, StreamId};
use perennial_domain::interest::instant;
use perennial_domain::nurture::StreamKind;
use perennial_platform::failure::Failure;
use perennial_platform::keys;
use perennial_platform::nurture::NurtureSlot;
use perennial_platform::outbox::Waiting;
use perennial_platform::store::{Change, number};
use serde::Deserialize;

use crate::line::Turn;
use crate::template::Letter;
use crate::{Handled, SendNurtureEmail};

/// What is told of such an account.
#[derive(Deserialize)]
pub(crate) struct NeedsHelp {
    account: String,
    product: String,
    bought_at: i64,
    owner: Option<String>,
}

impl SendNurtureEmail {
    /// What belongs to a claim besides, if it is for a save stream of a purchase of which nobody was told yet.
    pub(crate) async fn help_actions(
        &self,
        loaded: &NurtureSlot,
        stream: &StreamId,
        now: Timestamp,
    ) -> Result<Vec<TransactWriteItem>, Failure> {
        let stream = self.playbook.nurture.streams.iter().find(|known| known.id == *stream);
        let saves = stream.filter(|stream| matches!(stream.kind, StreamKind::Save { .. }));
        let (Some(stream), Some(account)) = (saves, &loaded.account) else { return Ok(Vec::new()) };
        let Some(bought_at) = account.owns.get(&stream.product).map(|at| at.as_second()) else {
            return Ok(Vec::new());
        };
        let mark = keys::help(&account.id, &stream.product, bought_at);
        if self.store.get_item(&mark).await?.is_some() {
            return Ok(Vec::new());
        }
        let event = Waiting::account_needs_help(&account.id, &stream.product, bought_at, account.owner.as_ref(), now)?;
        // Two contacts of the account may be claimed at once: one of the claims is refused and decided again.
        let mark = Change::of(mark, "SET #told_at = :now")
            .only_if("attribute_not_exists(PK)")
            .with(":now", number(now.as_second()));
        Ok(vec![self.store.change(mark)?, self.store.change(event.written())?])
    }

    /// Asks the account's owner to help.
    pub(crate) async fn ask_for_help(&self, event: &NeedsHelp, turn: &Turn) -> Result<Handled, Failure> {
        let (account, product) = (AccountId::from(event.account.as_str()), ProductId::from(event.product.as_str()));
        let known = self.store.account(&account).await?;
        // Whose it is by now; nobody's account is told of on the bus alone.
        let owner = known.as_ref().and_then(|known| known.owner.clone());
        let Some(owner) = owner.or_else(|| event.owner.as_deref().map(Into::into)) else { return Ok(Handled::Done) };
        let owner = self.known_rep(&owner)?;
        let name = known.and_then(|known| known.name).unwrap_or_else(|| account.to_string());
        let product_name = self.playbook.product_name(&product);
        let bought = self.playbook.calendar.date(instant(event.bought_at)).strftime("%-d %B %Y");
        let letter = Letter {
            subject: format!("{name} needs your help with {product_name}"),
            greeting: format!("Hello {},", owner.name),
            opening: format!(
                "{name} bought {product_name} on {bought} and does not use it. We have begun to write to them with help; a call \
                 from you now may keep this customer."
            ),
            leads: Vec::new(),
            closing: "You are told once for each purchase.".to_owned(),
        };
        let key = keys::help_mail(&account, &product, event.bought_at);
        self.send_to_sales(&key, None, &owner.email, &letter, "help", turn).await
    }
}
