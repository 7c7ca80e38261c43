//! Pages for whoever holds a signed link: unsubscribe, and "I am on it".
//!
//! A GET shows a page with one button and never changes anything: mail scanners follow links. The button is a POST; so is
//! the one-click unsubscribe of mail programs (RFC 8058), which needs no cookie and meets no redirect.

mod page;

use std::sync::Arc;

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use http::Method;
use perennial_domain::ids::ContactId;
use perennial_domain::lead::{SalesEvent, Status};
use perennial_platform::address::AddressKey;
use perennial_platform::clock::Clock;
use perennial_platform::consent;
use perennial_platform::failure::Failure;
use perennial_platform::identity;
use perennial_platform::keys;
use perennial_platform::leads::{self, Applied, Meant};
use perennial_platform::ledger::{Entry, Ledger};
use perennial_platform::links::{LinkError, Links, Purpose};
use perennial_platform::records::Preferences;
use perennial_platform::store::{ATTEMPTS, Store, back_off};
use perennial_platform::told::{SalesStep, Told, What};
use perennial_playbook::Playbook;

use page::{Page, show};

/// The use case, with all it needs.
#[derive(Debug)]
pub struct SignedPages {
    /// The ledger: what is said here is told like anything else.
    pub ledger: Ledger,
    /// The state table.
    pub store: Store,
    /// Reads the links.
    pub links: Links,
    /// How addresses are hashed.
    pub address_key: AddressKey,
    /// Whose pages these are.
    pub playbook: Arc<Playbook>,
    /// What time it is.
    pub clock: Clock,
}

impl SignedPages {
    /// Answers a request with a page.
    ///
    /// # Errors
    /// Never: whatever happens is an answer.
    pub async fn handle(&self, request: ApiGatewayV2httpRequest) -> Result<ApiGatewayV2httpResponse, Failure> {
        let company = &self.playbook.company.name;
        let token = request.path_parameters.get("token").map(String::as_str).unwrap_or_default();
        let purpose = match self.links.read(token, self.clock.now()) {
            Ok(purpose) => purpose,
            Err(LinkError::Expired) => return Ok(show(410, company, &Page::EXPIRED)),
            Err(LinkError::Invalid) => return Ok(show(404, company, &Page::INVALID)),
        };
        let pressed = request.request_context.http.method == Method::POST;
        let page = match (&purpose, pressed) {
            (Purpose::Unsubscribe { contact, .. }, false) => self.offer_unsubscribe(contact).await,
            (Purpose::TouchLead { product, .. }, false) => Ok(Page::touch(self.playbook.product_name(product))),
            (_, true) => self.press(&purpose).await,
        };
        Ok(match page {
            Ok(page) => show(200, company, &page),
            Err(failure) => {
                tracing::error!(%failure, "page not done");
                show(503, company, &Page::LATER)
            }
        })
    }

    /// The question, or the answer if it was given already.
    async fn offer_unsubscribe(&self, contact: &ContactId) -> Result<Page, Failure> {
        let company = &self.playbook.company.name;
        let unsubscribed = match identity::resolve(&self.store, contact).await?.or(contact) {
            Some(contact) => {
                let preferences: Option<Preferences> = self.store.get(&keys::preferences(&contact)).await?;
                preferences.is_some_and(|preferences| preferences.unsubscribed)
            }
            // Somebody who was erased is written to no more.
            None => true,
        };
        Ok(if unsubscribed { Page::unsubscribed(company) } else { Page::unsubscribe(company) })
    }

    /// Does what the link names; pressing twice is pressing once.
    async fn press(&self, purpose: &Purpose) -> Result<Page, Failure> {
        let now = self.clock.now();
        match purpose {
            Purpose::Unsubscribe { contact, slot } => {
                if !self.unsubscribe(contact).await? {
                    return Ok(Page::unsubscribed(&self.playbook.company.name));
                }
                let what = What::Unsubscribed { contact: contact.to_string() };
                self.record(&format!("unsubscribe#{slot}"), what).await?;
                Ok(Page::unsubscribed(&self.playbook.company.name))
            }
            Purpose::TouchLead { contact, product, quarter, by } => {
                let Some(now_of) = identity::resolve(&self.store, contact).await?.or(contact) else {
                    return Ok(Page::INVALID);
                };
                let meant = Meant { contact: &now_of, product, quarter: Some(*quarter) };
                let applied =
                    leads::apply(&self.store, &meant, SalesEvent::Touched, Some(by.as_str()), None, now).await?;
                let what = What::Lead {
                    contact: contact.to_string(),
                    product: product.to_string(),
                    quarter: Some(quarter.to_string()),
                    step: SalesStep::Touched,
                    by: Some(by.to_string()),
                    reason: None,
                };
                self.record(&format!("touch#{product}#{quarter}"), what).await?;
                Ok(match applied {
                    Applied::Moved(_) => Page::TOUCHED,
                    Applied::Unchanged { at: Status::Touched, by: Some(before) } if before == by.as_str() => {
                        Page::TOUCHED
                    }
                    Applied::Unchanged { at: Status::Touched, .. } => Page::SOMEBODY_ELSE,
                    Applied::Unchanged { .. } | Applied::Refused(_) => Page::ALREADY_DECIDED,
                    Applied::NoLead => Page::INVALID,
                })
            }
        }
    }

    /// Opts out whoever the contact is by now; nobody if that one was erased.
    async fn unsubscribe(&self, contact: &ContactId) -> Result<bool, Failure> {
        let now = self.clock.now();
        for attempt in 0..ATTEMPTS {
            let Some(contact) = identity::resolve(&self.store, contact).await?.or(contact) else { return Ok(false) };
            if consent::unsubscribe(&self.store, &self.address_key, &contact, "page", now).await? {
                return Ok(true);
            }
            back_off(attempt).await;
        }
        Err(Failure::Conflict { operation: "opt-out" })
    }

    /// The record of what was pressed. State comes first: it must hold at once, and the ledger's consumer repeats it.
    async fn record(&self, id: &str, what: What) -> Result<(), Failure> {
        let now = self.clock.now();
        let body = serde_json::to_string(&what).map_err(|_| Failure::shape("page", "not of the shape we give it"))?;
        let entry = Entry::new("page", id, Told { at: now, what }, &body, now, None);
        self.ledger.put(&entry).await.map(drop)
    }
}
