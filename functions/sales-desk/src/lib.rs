//! The sales desk: the leads of whoever has signed in, best first; what is known of each; what can be said of it.
//!
//! A GET never changes anything. What is pressed is a POST that carries the mark of its own session. A rep sees the leads that
//! are theirs and those of whoever they cover for today, a manager those of everybody who reports to them as well; any other lead is
//! not there.
//!
//! Whether somebody may sign in is decided in front of this function, by the API's authorizer, on one route. The function answers
//! it with a cookie of its own, and every other route reads only that.
//!
//! | module | owns |
//! |---|---|
//! | `sign_in` | the page before, the session, who somebody is |
//! | `list` | a rep's leads: what is loaded, and how a row is made of it |
//! | `lead` | one lead: its score explained, its story, what can be said of it |
//! | `say` | what was said of a lead, done |
//! | `cover` | for whom somebody stands in today |
//! | `team` | who reports to whom, and the leads that wait |
//! | `moments` | what a contact did, in words |
//! | `reach` | how a contact does not want to be reached |
//! | `form` | fields of forms and addresses |
//! | `place` | where somebody wanted to go before signing in |
//! | `page` | how pages look |

mod cover;
mod form;
mod lead;
mod list;
mod moments;
mod page;
mod place;
mod say;
mod sign_in;
mod team;

use std::sync::Arc;

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use http::Method;
use perennial_platform::address::AddressKey;
use perennial_platform::clock::Clock;
use perennial_platform::failure::Failure;
use perennial_platform::ledger::Ledger;
use perennial_platform::sessions::Sessions;
use perennial_platform::store::Store;
use perennial_playbook::{Company, Playbook};

use page::{Notice, show};
pub use sign_in::SignIn;

/// The use case, with all it needs.
#[derive(Debug)]
pub struct SalesDesk {
    /// The ledger: what is said here is told like anything else.
    pub ledger: Ledger,
    /// The state table.
    pub store: Store,
    /// How addresses are hashed: an opt-out holds for whoever has the address.
    pub address_key: AddressKey,
    /// Who is signed in.
    pub sessions: Sessions,
    /// How one signs in.
    pub sign_in: SignIn,
    /// Whose desk it is.
    pub playbook: Arc<Playbook>,
    /// What time it is.
    pub clock: Clock,
}

impl SalesDesk {
    /// Answers a request with a page.
    ///
    /// # Errors
    /// Never: whatever happens is an answer.
    pub async fn handle(&self, request: ApiGatewayV2httpRequest) -> Result<ApiGatewayV2httpResponse, Failure> {
        let answer = self.answer(&request).await;
        Ok(answer.unwrap_or_else(|failure| {
            tracing::error!(%failure, "page not done");
            show(503, self.company(), &Notice::LATER)
        }))
    }

    async fn answer(&self, request: &ApiGatewayV2httpRequest) -> Result<ApiGatewayV2httpResponse, Failure> {
        let path = request.raw_path.as_deref().unwrap_or_default();
        let posted = request.request_context.http.method == Method::POST;
        match (posted, path) {
            (false, "/desk/login") => return Ok(self.login_page(request)),
            (false, "/desk/login.js") => return Ok(page::script()),
            (true, "/desk/session") => return Ok(self.begin_session(request)),
            (true, "/desk/leave") => return Ok(self.end_session()),
            _ => {}
        }
        let Some(who) = self.who(request) else {
            return Ok(if posted {
                show(401, self.company(), &Notice::SIGNED_OUT)
            } else {
                Self::ask_to_sign_in(request)
            });
        };
        let lead = path.strip_prefix("/desk/leads/");
        match (posted, path, lead) {
            (false, "/desk", _) => self.list_page(&who, request).await,
            (false, "/desk/team", _) => self.team_page(&who).await,
            (false, _, Some(token)) => self.lead_page(&who, token, request).await,
            (true, _, Some(token)) => self.say(&who, token, request).await,
            _ => Ok(self.nothing_there()),
        }
    }

    fn company(&self) -> &Company {
        &self.playbook.company
    }

    /// The same answer for what is not there and for what is not theirs: an address tells nothing.
    fn nothing_there(&self) -> ApiGatewayV2httpResponse {
        show(404, self.company(), &Notice::NOTHING_THERE)
    }
}
