//! Opting out: the question, the button, and the one click of mail programs.

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use perennial_domain::ids::ContactId;
use perennial_platform::consent;
use perennial_platform::failure::Failure;
use perennial_platform::identity;
use perennial_platform::keys;
use perennial_platform::lambda::raw_body;
use perennial_platform::links::Purpose;
use perennial_platform::records::Preferences;
use perennial_platform::store::{ATTEMPTS, back_off};
use perennial_platform::told::What;

use crate::page::Page;
use crate::preferences::form::{ONE_CLICK, is_one_click};
use crate::{Asked, SignedPages};

impl SignedPages {
    /// The question, or the answer if it was given already. Whatever is posted opts out: a button is pressed, or a mail
    /// program's one click.
    pub(crate) async fn unsubscribe_page(
        &self,
        contact: &ContactId,
        slot: &str,
        asked: Asked,
        request: &ApiGatewayV2httpRequest,
    ) -> Result<ApiGatewayV2httpResponse, Failure> {
        let company = &self.playbook.company.name;
        let fewer = self.fewer(contact, slot);
        let question = Page::unsubscribe(company, &fewer);
        if asked == Asked::Post {
            // Whatever cannot be read opts out all the same.
            let is_one_click = raw_body(request).is_ok_and(|body| is_one_click(&body));
            let wording = if is_one_click { ONE_CLICK.to_owned() } else { question.wording() };
            self.unsubscribe(contact, slot, &wording).await?;
            return Ok(self.show(200, &Page::unsubscribed(company, &fewer)));
        }
        let page = if self.has_opted_out(contact).await? { Page::unsubscribed(company, &fewer) } else { question };
        Ok(self.show(200, &page))
    }

    async fn has_opted_out(&self, contact: &ContactId) -> Result<bool, Failure> {
        let Some(contact) = identity::resolve(&self.store, contact).await?.or(contact) else {
            // Somebody who was erased is written to no more.
            return Ok(true);
        };
        // By its own word: where another id has opted out of the address, whoever opens this link can still say so for itself.
        let known: Option<Preferences> = self.store.get(&keys::preferences(&contact)).await?;
        Ok(known.is_some_and(|known| known.unsubscribed))
    }

    /// Where fewer mails can be chosen instead of none.
    fn fewer(&self, contact: &ContactId, slot: &str) -> String {
        let purpose = Purpose::Preferences { contact: contact.clone(), slot: slot.to_owned() };
        self.links.url(&purpose, self.clock.now())
    }

    /// Opts out whoever the contact is by now, and records it; nobody if that one was erased.
    pub(crate) async fn unsubscribe(&self, contact: &ContactId, slot: &str, wording: &str) -> Result<(), Failure> {
        for attempt in 0..ATTEMPTS {
            let Some(now_of) = identity::resolve(&self.store, contact).await?.or(contact) else { return Ok(()) };
            let known: Preferences = self.store.get(&keys::preferences(&now_of)).await?.unwrap_or_default();
            let at = known.next_at(self.clock.now());
            if consent::unsubscribe(&self.store, &self.address_key, &now_of, "page", at).await? {
                // Pressing twice is pressing once, but for whoever has come back in between.
                let again = known.resubscribed_at.map(|at| format!("#{at}")).unwrap_or_default();
                let what = What::Unsubscribed { contact: contact.to_string(), wording: Some(wording.to_owned()) };
                return self.record(&format!("unsubscribe#{slot}{again}"), at, what).await;
            }
            back_off(attempt).await;
        }
        Err(Failure::Conflict { operation: "opt-out" })
    }
}
