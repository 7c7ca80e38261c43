//! Which offer the company's own site shows to whoever came by a tracked link, as JSON for the site's script.
//!
//! Owns what the site may know: an offer, or that there is none. Why there is none is said to a browser only where the contact
//! wished it so; what we think of an account, and that sales is at work on it, stays here. Nothing is changed or recorded.

use aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use http::HeaderValue;
use http::header::ACCESS_CONTROL_ALLOW_ORIGIN;
use jiff::Timestamp;
use perennial_domain::ids::ContactId;
use perennial_domain::nurture::retarget::{LeftOut, Offer};
use perennial_platform::failure::Failure;
use perennial_platform::links::{Links, Purpose};
use perennial_platform::nurture::NurtureSlot;
use perennial_platform::{consent, identity};
use serde_json::{Value, json};

use crate::page::secured;
use crate::{Asked, SignedPages};

/// Where the site asks.
pub(crate) const PATH: &str = "/o/";
/// The query parameter that holds the token on our redirects to the site.
const PARAMETER: &str = "pt";
/// Why nothing is offered, where the contact wished it so.
const NOT_WANTED: &str = "not wanted";
/// Why nothing is offered, in all other cases.
const NOTHING: &str = "nothing to offer";

impl SignedPages {
    /// What to show to a contact. Whatever else the link is for is not done here.
    pub(crate) async fn offer_answer(
        &self,
        purpose: &Purpose,
        asked: Asked,
    ) -> Result<ApiGatewayV2httpResponse, Failure> {
        let Purpose::Offer { contact } = purpose else { return Ok(self.no_offer(404, "this link is not valid")) };
        if asked == Asked::Post {
            return Ok(self.no_offer(404, "this link is not valid"));
        }
        Ok(match self.offer_to(contact).await? {
            Ok(offer) => self.json(200, &json!({"offer": self.shown(&offer), "reason": "interest"})),
            Err(why) => self.no_offer(200, if why.is_wish() { NOT_WANTED } else { NOTHING }),
        })
    }

    async fn offer_to(&self, contact: &ContactId) -> Result<Result<Offer, LeftOut>, Failure> {
        let Some(contact) = identity::resolve(&self.store, contact).await?.or(contact) else {
            return Ok(Err(LeftOut::Gone));
        };
        // Also by the address that the id stands for, which no profile says.
        let standing = consent::standing(&self.store, &self.address_key, &contact).await?;
        if standing.opted_out || standing.unreachable {
            return Ok(Err(LeftOut::Unsubscribed));
        }
        let loaded = NurtureSlot::load(&self.store, &self.address_key, &contact, "").await?;
        Ok(loaded.offer(&self.playbook, self.clock.now()))
    }

    /// The page is that of the piece which makes the same offer by mail; the company's site if the piece leads nowhere.
    fn shown(&self, offer: &Offer) -> Value {
        let playbook = &self.playbook;
        let title = playbook.interest.assets.get(&offer.asset).map_or(offer.asset.as_str(), |asset| &asset.title);
        let url = playbook.piece(&offer.piece).and_then(|piece| piece.links().first());
        let url = url.map_or(playbook.company.site.as_str(), String::as_str);
        json!({"asset": offer.asset.as_str(), "title": title, "url": url, "product": offer.product.as_str()})
    }

    /// That there is none, and why as far as the site may know.
    pub(crate) fn no_offer(&self, status: u16, reason: &str) -> ApiGatewayV2httpResponse {
        self.json(status, &json!({"offer": null, "reason": reason}))
    }

    fn json(&self, status: u16, body: &Value) -> ApiGatewayV2httpResponse {
        let mut response = secured(status, "application/json", body.to_string());
        let site = origin(&self.playbook.company.site).and_then(|origin| HeaderValue::from_str(&origin).ok());
        if let Some(site) = site {
            response.headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, site);
        }
        response
    }
}

/// A link with the token by which the company's site may ask what to offer; links to other sites stay as they are.
pub(crate) fn with_token(link: String, site: &str, links: &Links, contact: &ContactId, now: Timestamp) -> String {
    if origin(&link).is_none_or(|target| Some(target) != origin(site)) {
        return link;
    }
    let token = links.token(&Purpose::Offer { contact: contact.clone() }, now);
    let (address, fragment) =
        link.split_once('#').map_or((link.as_str(), None), |(address, rest)| (address, Some(rest)));
    let joint = if address.contains('?') { '&' } else { '?' };
    let fragment = fragment.map(|fragment| format!("#{fragment}")).unwrap_or_default();
    format!("{address}{joint}{PARAMETER}={token}{fragment}")
}

/// The scheme, host and port of an address, as a browser compares them; none of one that a browser may read differently.
fn origin(address: &str) -> Option<String> {
    let address = address.trim();
    let (scheme, rest) = address.split_once("://")?;
    let host = rest.split(['/', '?', '#']).next()?;
    let (scheme, host) = (scheme.to_ascii_lowercase(), host.to_ascii_lowercase());
    let default_port = if scheme == "https" { ":443" } else { ":80" };
    let host = host.strip_suffix(default_port).unwrap_or(&host);
    let plain = |c: char| c.is_ascii_alphanumeric() || ".-:[]".contains(c);
    let known = matches!(scheme.as_str(), "https" | "http") && !host.is_empty() && host.chars().all(plain);
    known.then(|| format!("{scheme}://{host}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_links_to_the_companys_own_site_carry_the_token() {
        const SITE: &str = "https://www.fernhill.example.com";
        let (links, now) = (Links::new("key", ""), "2026-01-08T08:00:00Z".parse().unwrap());
        let token = links.token(&Purpose::Offer { contact: "ada".into() }, now);
        assert_eq!(links.read(&token, now), Ok(Purpose::Offer { contact: "ada".into() }));
        for (link, expected) in [
            ("https://www.fernhill.example.com", "https://www.fernhill.example.com?pt=TOKEN"),
            ("https://WWW.fernhill.example.com:443/a?b=c#d", "https://WWW.fernhill.example.com:443/a?b=c&pt=TOKEN#d"),
            ("https://www.fernhill.example.com?a", "https://www.fernhill.example.com?a&pt=TOKEN"),
            ("https://www.fernhill.example.com:8443/a", "https://www.fernhill.example.com:8443/a"),
            ("http://www.fernhill.example.com/a", "http://www.fernhill.example.com/a"),
            ("https://www.fernhill.example.com.evil.example/a", "https://www.fernhill.example.com.evil.example/a"),
            ("https://www.fernhill.example.com@evil.example/a", "https://www.fernhill.example.com@evil.example/a"),
            ("https://evil.example\\@www.fernhill.example.com", "https://evil.example\\@www.fernhill.example.com"),
            (
                "https://evil.example/https://www.fernhill.example.com",
                "https://evil.example/https://www.fernhill.example.com",
            ),
            ("mailto:ada@example.com", "mailto:ada@example.com"),
            ("", ""),
        ] {
            let made = with_token(link.to_owned(), SITE, &links, &"ada".into(), now);
            assert_eq!(made, expected.replace("TOKEN", &token), "{link}");
        }
    }
}
