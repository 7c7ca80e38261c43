//! The preference centre: what somebody gets, shown as a form, and what is chosen there.
//!
//! A GET shows and changes nothing. A POST changes what was chosen, or nothing at all if one value is wrong, and says in plain
//! sentences what will happen now.

pub(crate) mod form;
mod offer;
mod words;

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use minijinja::context;
use perennial_domain::ids::ContactId;
use perennial_platform::consent::{self, Choices, LookAgain, Standing};
use perennial_platform::failure::Failure;
use perennial_platform::identity;
use perennial_platform::lambda::raw_body;
use perennial_platform::store::{ATTEMPTS, back_off};
use perennial_platform::told::What;

use crate::page::{Page, fill};
use crate::{Asked, SignedPages};
use form::{Pressed, Wrong};
use offer::Offer;

/// More than the form can hold.
const MOST_BYTES: usize = 8 * 1024;
/// Where choices are made, in the record of consent.
const SOURCE: &str = "preference-centre";

/// Whose preferences, and by which link.
struct Whose<'a> {
    /// As the link names it.
    link: &'a ContactId,
    /// From which slot's mail.
    slot: &'a str,
    /// The link itself.
    token: &'a str,
}

impl SignedPages {
    pub(crate) async fn preference_centre(
        &self,
        contact: &ContactId,
        slot: &str,
        asked: Asked,
        request: &ApiGatewayV2httpRequest,
    ) -> Result<ApiGatewayV2httpResponse, Failure> {
        let token = &*crate::token(request).unwrap_or_default();
        let whose = Whose { link: contact, slot, token };
        let Some(standing) = self.standing(&whose).await? else { return Ok(self.show(200, &Page::FORGOTTEN)) };
        let offer = self.offer(&standing);
        if asked != Asked::Post {
            return Ok(form(200, &offer, None));
        }
        let Some(body) = raw_body(request).ok().filter(|body| body.len() <= MOST_BYTES) else {
            return Ok(self.show(413, &Page::TOO_LONG));
        };
        if form::is_one_click(&body) {
            self.unsubscribe(contact, slot, form::ONE_CLICK).await?;
            return Ok(self.show(200, &Page::unsubscribed(&self.playbook.company.name, token)));
        }
        match form::read(&body, &offer) {
            Ok(pressed) => self.carry_out(&whose, &offer, pressed).await,
            Err(wrong) => Ok(form(400, &offer, Some(&wrong))),
        }
    }

    fn offer<'a>(&'a self, standing: &'a Standing) -> Offer<'a> {
        Offer { playbook: &self.playbook, standing, choices: standing.preferences().choices(), now: self.clock.now() }
    }

    /// How things stand for whoever the link's contact is by now; nothing if that one was erased.
    async fn standing(&self, whose: &Whose<'_>) -> Result<Option<Standing>, Failure> {
        match identity::resolve(&self.store, whose.link).await?.or(whose.link) {
            Some(contact) => consent::standing(&self.store, &self.address_key, &contact).await.map(Some),
            None => Ok(None),
        }
    }

    async fn carry_out(
        &self,
        whose: &Whose<'_>,
        offer: &Offer<'_>,
        pressed: Pressed,
    ) -> Result<ApiGatewayV2httpResponse, Failure> {
        let title = match pressed {
            Pressed::Save(choices) => {
                self.choose(whose, &choices, &words::wording(offer, &choices)).await?;
                "Your choices are saved"
            }
            Pressed::Unsubscribe => {
                let wording = words::unsubscribe();
                self.unsubscribe(whose.link, whose.slot, &wording).await?;
                self.choose(whose, &offer.nothing(), &wording).await?;
                "You are unsubscribed"
            }
            Pressed::Resubscribe(choices) => {
                self.resubscribe(whose).await?;
                self.choose(whose, &choices, &words::wording(offer, &choices)).await?;
                if offer.standing.unreachable { "Your choices are saved" } else { "Good to have you back" }
            }
        };
        let Some(standing) = self.standing(whose).await? else { return Ok(self.show(200, &Page::FORGOTTEN)) };
        Ok(saved(title, &self.offer(&standing), whose.token))
    }

    async fn choose(&self, whose: &Whose<'_>, choices: &Choices, wording: &str) -> Result<(), Failure> {
        for attempt in 0..ATTEMPTS {
            let now = self.clock.now();
            let Some(contact) = identity::resolve(&self.store, whose.link).await?.or(whose.link) else { return Ok(()) };
            let known = self.store.contact(&contact).await?.preferences.unwrap_or_default();
            let (at, look_again) = (known.next_at(now), LookAgain::tomorrow(&self.playbook.calendar, now));
            if consent::choose(&self.store, &contact, choices, at, look_again).await? {
                let what = What::PreferencesChanged {
                    contact: whose.link.to_string(),
                    topics_off: choices.topics_off.iter().map(ToString::to_string).collect(),
                    frequency: choices.frequency.as_str().to_owned(),
                    channels_off: choices.channels_off.iter().map(|channel| channel.as_str().to_owned()).collect(),
                    paused_until: choices.paused_until,
                    source: SOURCE.to_owned(),
                    wording: wording.to_owned(),
                };
                return self.record(&format!("preferences#{}#{}", whose.slot, at.as_second()), at, what).await;
            }
            back_off(attempt).await;
        }
        Err(Failure::Conflict { operation: "choices" })
    }

    async fn resubscribe(&self, whose: &Whose<'_>) -> Result<(), Failure> {
        for attempt in 0..ATTEMPTS {
            let now = self.clock.now();
            let Some(contact) = identity::resolve(&self.store, whose.link).await?.or(whose.link) else { return Ok(()) };
            let known = self.store.contact(&contact).await?.preferences.unwrap_or_default();
            let (at, look_again) = (known.next_at(now), LookAgain::tomorrow(&self.playbook.calendar, now));
            if consent::resubscribe(&self.store, &self.address_key, &contact, at, look_again).await? {
                let (contact, source) = (whose.link.to_string(), SOURCE.to_owned());
                let what = What::Resubscribed { contact, source, wording: words::resubscribe() };
                return self.record(&format!("resubscribe#{}#{}", whose.slot, at.as_second()), at, what).await;
            }
            back_off(attempt).await;
        }
        Err(Failure::Conflict { operation: "resubscription" })
    }
}

/// The page on which everything is chosen; with what is wrong, if something was.
fn form(status: u16, offer: &Offer<'_>, wrong: Option<&Wrong>) -> ApiGatewayV2httpResponse {
    let values = context! {
        title => if wrong.is_some() { "Please look at one thing" } else { words::TITLE },
        address => offer.masked_address(),
        opted_out => offer.standing.opted_out,
        unreachable => offer.standing.unreachable,
        cannot => words::CANNOT,
        topics => offer.topics(),
        frequencies => offer.frequencies(),
        channels => offer.channels(),
        breaks => offer.breaks(),
        unsubscribe => words::UNSUBSCRIBE,
        resubscribe => words::RESUBSCRIBE,
        wrong => wrong.map(|wrong| context! { part => wrong.part, label => wrong.label, reason => wrong.reason }),
    };
    fill(status, &offer.playbook.company, ("preferences.html", values))
}

/// The page that says what will happen now.
fn saved(title: &str, offer: &Offer<'_>, back: &str) -> ApiGatewayV2httpResponse {
    let values = context! { title, sentences => words::outlook(offer), back };
    fill(200, &offer.playbook.company, ("saved.html", values))
}

#[cfg(test)]
mod tests;
