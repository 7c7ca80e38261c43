//! Pages for whoever holds a signed link: the preference centre, unsubscribe, tracked links, and what is said of a lead.
//!
//! A GET never changes what a contact gets: mail scanners follow links. It shows a page, or leads to where a tracked link leads
//! and records that. What is pressed is a POST; so is the one-click unsubscribe of mail programs (RFC 8058), which needs no
//! cookie and meets no redirect. A HEAD is answered like a GET and records nothing.
//!
//! | module | owns |
//! |---|---|
//! | `unsubscribe` | the question, the opt-out, and one click |
//! | `preferences` | the preference centre: its form, its words |
//! | `click` | where a tracked link leads, and the record of it |
//! | `offers` | what the company's site shows to whoever came by a tracked link, as JSON |
//! | `lead` | "I am on it", "Not a fit", "Call me later" |
//! | `page` | how pages look |

mod click;
mod lead;
mod offers;
mod page;
mod preferences;
mod unsubscribe;

use std::borrow::Cow;
use std::sync::Arc;

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use http::Method;
use jiff::Timestamp;
use perennial_platform::address::AddressKey;
use perennial_platform::clock::Clock;
use perennial_platform::edge::{self, Route};
use perennial_platform::failure::Failure;
use perennial_platform::ledger::{Entry, Ledger};
use perennial_platform::links::{LinkError, Links, Purpose};
use perennial_platform::store::Store;
use perennial_platform::told::{Told, What};
use perennial_playbook::Playbook;

use lead::Link;
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

/// What is answered here; the routes of the template are the same. Offers are for scripts, which send no HEAD.
const ROUTES: [Route; 5] = [
    Route { before: "/u/", methods: &["GET", "POST", "HEAD"] },
    Route { before: "/p/", methods: &["GET", "POST", "HEAD"] },
    Route { before: "/t/", methods: &["GET", "HEAD"] },
    Route { before: offers::PATH, methods: &["GET"] },
    Route { before: "/l/", methods: &["GET", "POST", "HEAD"] },
];

/// What is asked of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    /// To see it.
    Get,
    /// To see whether it is there.
    Head,
    /// To do it.
    Post,
}

impl Asked {
    fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
        }
    }
}

/// The link's token, if the request is for a page.
fn token(request: &ApiGatewayV2httpRequest) -> Option<Cow<'_, str>> {
    edge::parameter(request, "token", &ROUTES)
}

impl SignedPages {
    /// Answers a request with a page.
    ///
    /// # Errors
    /// Never: whatever happens is an answer.
    pub async fn handle(&self, request: ApiGatewayV2httpRequest) -> Result<ApiGatewayV2httpResponse, Failure> {
        let company = &self.playbook.company;
        let Some(token) = token(&request) else { return Ok(edge::not_found()) };
        let asked = match request.request_context.http.method {
            Method::POST => Asked::Post,
            Method::HEAD => Asked::Head,
            _ => Asked::Get,
        };
        let (read, expires) = match self.links.read_until(&token, self.clock.now()) {
            Ok((purpose, expires)) => (Ok(purpose), expires),
            Err(error) => (Err(error), 0),
        };
        if request.raw_path.as_deref().is_some_and(|path| path.starts_with(offers::PATH)) {
            return Ok(self.offers(read, asked).await);
        }
        let mut answer = match read {
            Err(LinkError::Expired) => show(410, company, &Page::EXPIRED),
            Err(LinkError::Invalid) => show(404, company, &Page::INVALID),
            Ok(purpose) => self.answer((&purpose, expires), asked, &request).await.unwrap_or_else(|failure| {
                tracing::error!(%failure, page = purpose.name(), asked = asked.as_str(), "not done: what a page was asked for");
                show(503, company, &Page::LATER)
            }),
        };
        if asked == Asked::Head {
            answer.body = None;
        }
        Ok(answer)
    }

    /// Answers a script of the company's site: with JSON whatever happens, never with a page, and doing nothing.
    async fn offers(&self, read: Result<Purpose, LinkError>, asked: Asked) -> ApiGatewayV2httpResponse {
        let mut answer = match read {
            Err(expired @ LinkError::Expired) => self.no_offer(410, &expired.to_string()),
            Err(invalid @ LinkError::Invalid) => self.no_offer(404, &invalid.to_string()),
            Ok(purpose) => self.offer_answer(&purpose, asked).await.unwrap_or_else(|failure| {
                tracing::error!(%failure, "not done: an offer was asked for");
                self.no_offer(503, "not known just now")
            }),
        };
        if asked == Asked::Head {
            answer.body = None;
        }
        answer
    }

    async fn answer(
        &self,
        (purpose, expires): (&Purpose, i64),
        asked: Asked,
        request: &ApiGatewayV2httpRequest,
    ) -> Result<ApiGatewayV2httpResponse, Failure> {
        match purpose {
            Purpose::Unsubscribe { contact, slot } => self.unsubscribe_page(contact, slot, asked, request).await,
            Purpose::Preferences { contact, slot } => self.preference_centre(contact, slot, asked, request).await,
            Purpose::Click { contact, slot, piece, edition, link } => {
                self.follow(contact, slot, (piece, edition), *link, asked).await
            }
            Purpose::Offer { .. } => self.offer_answer(purpose, asked).await,
            Purpose::AnswerLead { contact, product, quarter, by, answer } => {
                let link = Link { contact, product, quarter: *quarter, by, answer: *answer, expires };
                self.lead_page(&link, asked, request).await
            }
        }
    }

    fn show(&self, status: u16, page: &Page) -> ApiGatewayV2httpResponse {
        show(status, &self.playbook.company, page)
    }

    /// The record of what was pressed. State comes first: it must hold at once, and the ledger's consumer repeats it.
    async fn record(&self, id: &str, at: Timestamp, what: What) -> Result<(), Failure> {
        self.put("page", id, at, what).await
    }

    async fn put(&self, source: &str, id: &str, at: Timestamp, what: What) -> Result<(), Failure> {
        let body = serde_json::to_string(&what).map_err(|_| Failure::shape("page", "not of the shape we give it"))?;
        // What two presses within a second say is a second apart: see `Preferences::next_at`.
        let received_at = self.clock.now().max(at);
        let entry = Entry::new(source, id, Told { at, what }, &body, received_at, None);
        self.ledger.put(&entry).await.map(drop)
    }
}
