//! Signing in: the page before, the session, and who somebody is.
//!
//! The user pool proves an address; the playbook says whose it is. Without a rep of that address there is no session.

use std::collections::BTreeSet;

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use minijinja::context;
use perennial_domain::ids::RepId;
use perennial_platform::sessions::LIVES;
use perennial_playbook::Rep;

use crate::cover::Cover;
use crate::page::{self, Notice, fill, see, show};
use crate::{SalesDesk, form, place, team};

/// How one signs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignIn {
    /// By the pages of a user pool: code flow with PKCE, and the pool's token for a session.
    Pool {
        /// Where they are, `https://…` without a slash at the end.
        pages: String,
        /// As which client of the pool.
        client: String,
    },
    /// By choosing whom one would like to be. For one's own machine: the local world believes everybody, and so does this.
    Anybody,
}

/// Somebody who has signed in.
pub(crate) struct Who<'a> {
    /// Who it is.
    pub rep: &'a Rep,
    /// Everybody who reports to them, directly or not.
    pub reports: BTreeSet<&'a RepId>,
    /// Everybody for whom they stand in today.
    pub covers: Vec<Cover<'a>>,
    /// What every form of theirs carries.
    pub mark: String,
    cookie: String,
}

impl Who<'_> {
    /// Whether they may see what this rep has.
    pub fn sees(&self, rep: &RepId) -> bool {
        self.rep.id == *rep || self.reports.contains(rep) || self.covers.iter().any(|cover| cover.owner == rep)
    }
}

impl SalesDesk {
    /// Who a request is from, by its cookie alone; nobody if the playbook does not know the rep any more.
    pub(crate) fn who(&self, request: &ApiGatewayV2httpRequest) -> Option<Who<'_>> {
        let prefix = format!("{}=", self.cookie_name());
        let cookies = request.cookies.iter().flatten();
        let cookie = cookies.filter_map(|cookie| cookie.strip_prefix(&prefix)).next()?;
        let now = self.clock.now();
        let rep = self.playbook.rep(&self.sessions.read(cookie, now)?)?;
        let (reports, covers) = (team::reports(&self.playbook.reps, &rep.id), self.covers(rep, now));
        Some(Who { rep, reports, covers, mark: self.sessions.form_mark(cookie), cookie: cookie.to_owned() })
    }

    /// Whether a form was made for this session.
    pub(crate) fn is_form_of(&self, who: &Who<'_>, mark: Option<&str>) -> bool {
        mark.is_some_and(|mark| self.sessions.is_form_of(&who.cookie, mark))
    }

    /// To the page before, which leads on to what was asked for.
    pub(crate) fn ask_to_sign_in(request: &ApiGatewayV2httpRequest) -> ApiGatewayV2httpResponse {
        see(&place::login_before(request.raw_path.as_deref(), request.raw_query_string.as_deref()))
    }

    pub(crate) fn login_page(&self, request: &ApiGatewayV2httpRequest) -> ApiGatewayV2httpResponse {
        let to = place::of_ours(form::asked(request).the_one("to")).to_owned();
        if self.who(request).is_some() {
            return see(&to);
        }
        let company = self.company();
        match &self.sign_in {
            SignIn::Pool { pages, client } => {
                let mut response =
                    fill(200, company, ("login.html", context! { title => "Sign in", pages, client, to }));
                page::allow_signing_in(&mut response, pages);
                response
            }
            SignIn::Anybody => {
                let manages = |rep: &Rep| !team::reports(&self.playbook.reps, &rep.id).is_empty();
                let rep = |rep: &Rep| context! { name => rep.name.as_str(), address => rep.email.as_str(), manages => manages(rep) };
                let reps: Vec<_> = self.playbook.reps.iter().map(rep).collect();
                fill(200, company, ("login-here.html", context! { title => "Sign in as", reps, to }))
            }
        }
    }

    /// Gives whoever the authorizer has let through a session, if the address is a rep's and the pool has verified it.
    pub(crate) fn begin_session(&self, request: &ApiGatewayV2httpRequest) -> ApiGatewayV2httpResponse {
        let token = request.request_context.authorizer.as_ref().and_then(|authorizer| authorizer.jwt.as_ref());
        let claim = |name: &str| token.and_then(|token| token.claims.get(name)).map(String::as_str);
        // An access token has no address; one that nobody has verified may be anybody's.
        let address = claim("email").filter(|_| claim("email_verified") == Some("true"));
        let is_theirs = |rep: &&Rep| address.is_some_and(|address| rep.email.eq_ignore_ascii_case(address));
        let Some(rep) = self.playbook.reps.iter().find(is_theirs) else {
            tracing::warn!("signed in, but no rep of the playbook");
            return show(403, self.company(), &Notice::NO_REP);
        };
        tracing::info!(rep = %rep.id, "signed in");
        let cookie = self.sessions.begin(&rep.id, self.clock.now());
        let posted = form::posted(request).unwrap_or_default();
        self.with_cookie(see(place::of_ours(posted.the_one("to"))), &cookie, LIVES.as_secs())
    }

    pub(crate) fn end_session(&self) -> ApiGatewayV2httpResponse {
        self.with_cookie(see("/desk/login"), "", 0)
    }

    fn with_cookie(
        &self,
        mut response: ApiGatewayV2httpResponse,
        value: &str,
        seconds: i64,
    ) -> ApiGatewayV2httpResponse {
        let name = self.cookie_name();
        // On one's own machine there is no TLS, and not every browser takes such a cookie without.
        let secure = if self.sign_in == SignIn::Anybody { "" } else { "; Secure" };
        // Lax: a link in a mail leads here from another site, and a rep who is signed in must not be asked again. Another site can
        // make a browser send the cookie with such a GET only, which changes nothing here and which it cannot read; with a POST it
        // is not sent, and a POST needs the mark of its session besides. Signing out and in change nobody's leads.
        let cookie = format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
        response.cookies.push(cookie);
        response
    }

    /// The prefix has browsers see to it that no other host of the domain can set it.
    fn cookie_name(&self) -> &'static str {
        if self.sign_in == SignIn::Anybody { "desk" } else { "__Host-desk" }
    }
}
