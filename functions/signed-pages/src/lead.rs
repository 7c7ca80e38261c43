//! What a rep says of a lead by the links of a mail: "I am on it", "Not a fit", "Call me later".
//!
//! Each link leads to a page with one form and one button. A GET shows where the lead stands; nothing is to be pressed once a
//! colleague has it or it has moved on. What is pressed is applied at once, by the same rules as a word of the CRM or of the desk.

mod form;
mod words;

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use minijinja::context;
use perennial_domain::ids::{ContactId, ProductId, RepId};
use perennial_domain::lead::{self, Heard, Said, Status, Word};
use perennial_domain::owner;
use perennial_domain::quarter::Quarter;
use perennial_platform::failure::Failure;
use perennial_platform::identity;
use perennial_platform::lambda::raw_body;
use perennial_platform::leads::{self, Applied, Meant};
use perennial_platform::links::{Answer, Purpose};
use perennial_platform::records::Lead;
use perennial_platform::told::What;
use perennial_playbook::shown_name;

use crate::page::{Page, fill};
use crate::{Asked, SignedPages};
use form::{Entered, Pressed, Wrong};
use words::About;

/// More than the form can hold.
const MOST_BYTES: usize = 8 * 1024;

/// Which lead a link is about, to whom it was sent, and what it says.
pub(crate) struct Link<'a> {
    pub contact: &'a ContactId,
    pub product: &'a ProductId,
    pub quarter: Quarter,
    pub by: &'a RepId,
    pub answer: Answer,
    /// Until which second it lives.
    pub expires: i64,
}

/// What there is to press, or why nothing is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Stand {
    /// It can be said.
    Open,
    /// Whoever was written to has it already, since this second.
    Mine(i64),
    /// A colleague has it.
    Somebody {
        /// Who, as it was told.
        who: Option<String>,
        /// Since this second.
        since: i64,
    },
    /// It is at a stage of which mails say no more.
    MovedOn {
        /// Which.
        to: Status,
        /// Who said so, as it was told.
        who: Option<String>,
        /// In this second.
        since: i64,
    },
}

impl Stand {
    /// Of a lead, for this rep, who goes by these names.
    fn of(lead: &Lead, answer: Answer, is_me: impl Fn(&str) -> bool) -> Self {
        let standing = lead.standing();
        let since = standing.since.unwrap_or(lead.qualified_at);
        let (to, touched_by) = (lead.status(), lead.touched_by.clone());
        let mine = touched_by.as_deref().is_some_and(&is_me);
        match (to, answer) {
            (Status::Mql, _) => Self::Open,
            (Status::Touched, Answer::OnIt) if mine => Self::Mine(lead.touched_at.unwrap_or(since)),
            // Of one whom a CRM does not name, whoever was written to may say more; a colleague is asked first.
            (Status::Touched, Answer::NotAFit | Answer::Later) if mine || touched_by.is_none() => Self::Open,
            (Status::Touched, _) => Self::Somebody { who: touched_by, since: lead.touched_at.unwrap_or(since) },
            // A CRM may name whoever moved it in a way that nobody knows here; the owner's word counts all the same.
            (Status::Sql | Status::Opportunity, Answer::NotAFit | Answer::Later)
                if standing.by.as_deref().is_some_and(&is_me) || is_me(&lead.owner) =>
            {
                Self::Open
            }
            _ => Self::MovedOn { to, who: standing.by, since },
        }
    }
}

impl SignedPages {
    pub(crate) async fn lead_page(
        &self,
        link: &Link<'_>,
        asked: Asked,
        request: &ApiGatewayV2httpRequest,
    ) -> Result<ApiGatewayV2httpResponse, Failure> {
        // Whoever has left the team keeps the mails, and nothing that they open.
        let is_known = self.playbook.rep(link.by).is_some() || link.by.as_str() == EXECUTIVE;
        let about = if is_known { self.about(link).await? } else { None };
        let Some((contact, about)) = about else { return Ok(self.show(200, &Page::INVALID)) };
        let stand = self.stand(link, &about);
        // Pressed on a page that has grown old: it says how things stand, and nothing is changed.
        if asked != Asked::Post || stand != Stand::Open {
            return Ok(self.standing_page(link, &about, &stand));
        }
        let Some(body) = raw_body(request).ok().filter(|body| body.len() <= MOST_BYTES) else {
            return Ok(self.show(413, &Page::TOO_LONG));
        };
        match form::read(link.answer, &body, &self.playbook, self.clock.now()) {
            (_, Ok(pressed)) => self.say(link, &contact, about, pressed).await,
            (entered, Err(wrong)) => Ok(self.question(400, link, &about, &entered, Some(&wrong))),
        }
    }

    /// The lead and whom it is about, where the contact is by now.
    async fn about(&self, link: &Link<'_>) -> Result<Option<(ContactId, About)>, Failure> {
        let resolved = identity::resolve(&self.store, link.contact).await?;
        let Some(contact) = resolved.or(link.contact) else { return Ok(None) };
        let rows = self.store.contact(&contact).await?;
        let of = |lead: &&Lead| lead.product_id() == *link.product && lead.quarter() == Some(link.quarter);
        let Some(lead) = rows.leads.iter().find(of).cloned() else { return Ok(None) };
        let person = rows.contact(&contact);
        let account = match person.as_ref().and_then(|person| person.account.as_ref()) {
            Some(account) => self.store.account(account).await?,
            None => None,
        };
        let shown = |typed: Option<&String>| typed.map(|typed| shown_name(typed)).unwrap_or_default();
        let person = person.as_ref();
        let (first, last) =
            (person.and_then(|person| person.first_name.as_ref()), person.and_then(|person| person.last_name.as_ref()));
        let name = format!("{} {}", shown(first), shown(last)).trim().to_owned();
        let about = About {
            who: if name.is_empty() { shown_name(contact.as_str()) } else { name },
            title: shown(person.and_then(|person| person.title.as_ref())),
            company: shown(account.as_ref().and_then(|account| account.name.as_ref())),
            product: self.playbook.product_name(link.product).to_owned(),
            // A lead of somebody who has left is theirs who were written to.
            owner: self.playbook.rep(&lead.owner_id()).filter(|rep| rep.id != *link.by).map(|rep| rep.name.clone()),
            lead,
        };
        Ok(Some((contact, about)))
    }

    /// How the lead stands to whoever was written to. For an owner who is away their cover speaks.
    fn stand(&self, link: &Link<'_>, about: &About) -> Stand {
        let (owner, today) = (about.lead.owner_id(), self.playbook.calendar.date(self.clock.now()));
        let covers = owner::on_duty(&self.playbook.owners, &owner, today).rep == link.by;
        let speaks_for = [Some(link.by), covers.then_some(&owner)];
        // Also an id that the playbook does not know: whoever has left may have been written to.
        let is_me = |by: &str| {
            let rep = self.playbook.rep_told(by).map_or(by, |rep| rep.id.as_str());
            speaks_for.into_iter().flatten().any(|id| id.as_str() == rep)
        };
        Stand::of(&about.lead, link.answer, is_me)
    }

    /// What people call somebody who is told of as a rep's id, an address, or in any other way.
    fn named(&self, told: &str) -> String {
        match self.playbook.rep_told(told) {
            Some(rep) => rep.name.clone(),
            None if told == EXECUTIVE => "Management".to_owned(),
            None => shown_name(told),
        }
    }

    /// What tells something new is told first: whoever is answered "once more, please" may find it applied the next time, and then it
    /// would tell nothing new. The state holds it before this answers, and the ledger's consumer repeats it.
    async fn say(
        &self,
        link: &Link<'_>,
        contact: &ContactId,
        about: About,
        pressed: Pressed,
    ) -> Result<ApiGatewayV2httpResponse, Failure> {
        let now = self.clock.now();
        let meant = Meant { contact, product: link.product, quarter: Some(link.quarter) };
        let Pressed { said, why } = pressed;
        let word = Word { at: now.as_second(), said, by: Some(link.by.to_string()), why };
        if lead::hear(&about.lead.words(), &word) != Heard::Known {
            // Pressed twice it is said once; another day or reason is another word.
            let id = match said {
                Said::Touched => format!("touch#{}#{}", link.product, link.quarter),
                _ => format!("{said}#{}#{}#{}", link.product, link.quarter, word.at),
            };
            self.record(&id, now, What::of_lead(link.contact, link.product, link.quarter, &word)).await?;
        }
        match leads::apply(&self.store, &meant, &word, now).await? {
            Applied::Moved(_) | Applied::Noted { .. } => Ok(self.said_page(link, &about, &word)),
            // Somebody was faster.
            _ => {
                let Some((_, about)) = self.about(link).await? else { return Ok(self.show(200, &Page::INVALID)) };
                let stand = self.stand(link, &about);
                Ok(self.standing_page(link, &about, &stand))
            }
        }
    }

    fn standing_page(&self, link: &Link<'_>, about: &About, stand: &Stand) -> ApiGatewayV2httpResponse {
        if *stand == Stand::Open {
            return self.question(200, link, about, &Entered::default(), None);
        }
        let (title, sentences) =
            words::standing(about, stand, &self.playbook.calendar, self.clock.now(), |told| self.named(told));
        let others = if matches!(stand, Stand::Mine(_)) { self.others(link, true) } else { Vec::new() };
        let talk: [&str; 0] = [];
        let values = context! { title, about => about.value(), sentences, talk, others };
        fill(200, &self.playbook.company, ("lead-said.html", values))
    }

    /// The page with the form; with what is wrong, and what was entered, if something was.
    fn question(
        &self,
        status: u16,
        link: &Link<'_>,
        about: &About,
        entered: &Entered,
        wrong: Option<&Wrong>,
    ) -> ApiGatewayV2httpResponse {
        let now = self.clock.now();
        let (title, text, button) = words::question(link.answer, about);
        let values = context! {
            title => if wrong.is_some() { "Please look at one thing" } else { title },
            about => about.value(),
            text,
            button,
            fields => form::fields(link.answer, entered, &self.playbook, now),
            wrong => wrong.map(|wrong| context! { field => wrong.field, label => wrong.label, reason => &wrong.reason }),
            others => self.others(link, about.lead.status() != Status::Mql),
        };
        fill(status, &self.playbook.company, ("lead.html", values))
    }

    /// The page that says what will happen now.
    fn said_page(&self, link: &Link<'_>, about: &About, word: &Word) -> ApiGatewayV2httpResponse {
        let (title, sentences) = words::said(about, word, &self.playbook.calendar, self.clock.now());
        let is_call = word.said == Said::Touched;
        let done = about.lead.evidence.iter().rev().map(|fact| fact.asset.as_str());
        let questions = if is_call { self.playbook.questions(done) } else { Vec::new() };
        let lines = if is_call { self.playbook.talk_track(link.product) } else { &[] };
        let talk: Vec<String> = questions.into_iter().map(str::to_owned).chain(lines.iter().cloned()).collect();
        let others = if is_call { self.others(link, true) } else { Vec::new() };
        let values = context! { title, about => about.value(), sentences, talk, others };
        fill(200, &self.playbook.company, ("lead-said.html", values))
    }

    /// What else can be said: each by a link of its own, since a page has one button.
    fn others(&self, link: &Link<'_>, is_taken: bool) -> Vec<minijinja::Value> {
        let tells = |answer: &Answer| *answer != link.answer && !(is_taken && *answer == Answer::OnIt);
        let others = Answer::ALL.into_iter().filter(tells);
        let to = |answer: Answer| {
            let (contact, product, by) = (link.contact.clone(), link.product.clone(), link.by.clone());
            let purpose = Purpose::AnswerLead { contact, product, quarter: link.quarter, by, answer };
            context! { url => self.links.token_until(&purpose, link.expires), text => words::name(answer) }
        };
        others.map(to).collect()
    }
}

/// Who the last rungs tell is no rep of the playbook.
const EXECUTIVE: &str = "executive";

#[cfg(test)]
mod tests;
