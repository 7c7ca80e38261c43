//! What a letter says of one lead: whom it is about, why, until when, and what can be said of it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use perennial_domain::ids::{ActionId, RepId};
use perennial_domain::interest::instant;
use perennial_domain::lead::{Priority, Status};
use perennial_domain::qualify::Kind;
use perennial_domain::quarter::Quarter;
use perennial_domain::sla::Recipient;
use perennial_domain::sorting::Driver;
use perennial_platform::consent;
use perennial_platform::failure::Failure;
use perennial_platform::links::{Answer, Purpose};
use perennial_platform::records::{Evidence, Lead};
use perennial_playbook::{Playbook, shown_name};

use crate::SendNurtureEmail;
use crate::deadline::{self, Reader, day};
use crate::template::{Action, LeadLine, Moment, Reach, Talk};

/// More would be read by nobody before a call.
const MOST_MOMENTS: usize = 5;

/// To whom a letter about a lead goes.
pub(crate) struct To<'a> {
    /// Who says by the links what is said.
    pub id: &'a RepId,
    pub role: Recipient,
    /// Reminders that have gone out, this letter's among them.
    pub rungs: usize,
}

impl<'a> To<'a> {
    /// Its owner, before any reminder.
    pub fn owner(id: &'a RepId) -> Self {
        Self { id, role: Recipient::Rep, rungs: 0 }
    }
}

impl SendNurtureEmail {
    pub(crate) async fn line(
        &self,
        lead: &Lead,
        quarter: Quarter,
        to: &To<'_>,
        now: Timestamp,
    ) -> Result<LeadLine, Failure> {
        let (contact, product, playbook) = (lead.contact_id(), lead.product_id(), &*self.playbook);
        let standing = consent::standing(&self.store, &self.address_key, &contact).await?;
        let person = standing.rows.contact(&contact);
        let preferences = standing.preferences();
        let account = match person.as_ref().and_then(|person| person.account.as_ref()) {
            Some(account) => self.store.account(account).await?,
            None => None,
        };
        // Typed somewhere by somebody: a line break in a name must not become one in a header.
        let field = |value: Option<&String>| value.map(|typed| shown_name(typed)).unwrap_or_default();
        let (first, last) =
            (person.as_ref().and_then(|p| p.first_name.as_ref()), person.as_ref().and_then(|p| p.last_name.as_ref()));
        let who = format!("{} {}", field(first), field(last)).trim().to_owned();
        let owner = playbook.rep(&lead.owner_id());
        let manager = owner.and_then(|owner| owner.manager.as_ref()).and_then(|manager| playbook.rep(manager));
        let (owner_is_known, owner) =
            (owner.is_some(), owner.map_or_else(|| lead.owner.clone(), |rep| rep.name.clone()));
        let reader = Reader {
            role: to.role,
            rungs: to.rungs,
            has_manager: manager.is_some(),
            has_executive: playbook.executive.is_some(),
        };
        let answers = self.answers(lead, quarter, to.id, now);
        let (button, button_means, others) = buttons(lead, to, Some(&owner).filter(|_| owner_is_known), answers);
        let done = lead.evidence.iter().rev().map(|fact| fact.asset.as_str());
        Ok(LeadLine {
            called: called(&field(first), &who),
            who: if who.is_empty() { shown_name(contact.as_str()) } else { who },
            title: field(person.as_ref().and_then(|person| person.title.as_ref())),
            company: field(account.as_ref().and_then(|account| account.name.as_ref())),
            email: person.as_ref().and_then(|person| person.email.clone()).unwrap_or_default(),
            product: playbook.product_name(&product).to_owned(),
            priority: lead.priority().to_string(),
            owner,
            manager: manager.map(|manager| manager.name.clone()),
            reason: reason(playbook, lead),
            deadline: deadline::sentence(lead, reader, &playbook.ladder, &playbook.calendar, now),
            sort_score: lead.sort_score,
            fit: format!("{} ({})", lead.fit_grade, lead.fit_points),
            engagement: lead.engagement,
            split: split(lead),
            high_because: high_because(lead),
            undone: lead.undone_by.as_ref().map(|fact| undone(playbook, fact)).unwrap_or_default(),
            reach: Reach::of(preferences.want_no_calls(), standing.opted_out || preferences.want_no_mail()),
            new_customer: lead.new_customer,
            upsell: lead.kind() == Kind::Upsell,
            put_off: false,
            since: day(&playbook.calendar, lead.clock().began_at),
            moments: moments(playbook, lead),
            questions: playbook.questions(done).into_iter().map(str::to_owned).collect(),
            talk: Talk {
                product: playbook.product_name(&product).to_owned(),
                lines: playbook.talk_track(&product).to_vec(),
            },
            button,
            button_means,
            others,
        })
    }

    /// The links by which the three things can be said.
    fn answers(&self, lead: &Lead, quarter: Quarter, by: &RepId, now: Timestamp) -> [String; 3] {
        Answer::ALL.map(|answer| {
            let (contact, product, by) = (lead.contact_id(), lead.product_id(), by.clone());
            self.links.url(&Purpose::AnswerLead { contact, product, quarter, by, answer }, now)
        })
    }
}

/// The first name if there is one, of sensible length; otherwise as one speaks of somebody who was named already.
fn called(first: &str, who: &str) -> String {
    const LONGEST: usize = 24;
    let short = [first, who].into_iter().find(|name| !name.is_empty() && name.chars().count() <= LONGEST);
    short.unwrap_or("They").to_owned()
}

/// The button, what it means, and what else can be said.
fn buttons(lead: &Lead, to: &To<'_>, owner: Option<&String>, answers: [String; 3]) -> (Action, String, Vec<Action>) {
    let [on_it, not_a_fit, later] = answers;
    let named = |label: &str, url: String| Action { label: label.to_owned(), url };
    let not_a_fit = named("Not a fit", not_a_fit);
    if lead.status() != Status::Mql {
        // Whoever has it need not say so again.
        return (named("Call me later", later), String::new(), vec![not_a_fit]);
    }
    let label = if to.role == Recipient::Rep { "I am on it" } else { "I will see to it" };
    // Somebody who covers, a manager, an executive. A lead of nobody is its reader's.
    let instead_of = owner.filter(|_| *to.id != lead.owner_id());
    let means = instead_of
        .map(|owner| format!("The button makes you the one on it, in place of {owner}, whose lead it stays."));
    (named(label, on_it), means.unwrap_or_default(), vec![not_a_fit, named("Call me later", later)])
}

/// What makes it worth a call, as it goes on after the name: what makes a lead at once, the newest first, and besides it what gave
/// most.
pub(crate) fn reason(playbook: &Playbook, lead: &Lead) -> String {
    let act_now = |fact: &Evidence| {
        let rule = playbook.interest.assets.get(fact.asset.as_str());
        let action = rule.and_then(|rule| rule.actions.get(&ActionId::from(fact.action.as_str())));
        lead.priority() == Priority::ActNow && action.is_some_and(|action| action.act_now)
    };
    let mut best: Vec<&Evidence> = lead.evidence.iter().rev().filter(|fact| fact.points > 0 || act_now(fact)).collect();
    best.sort_by_key(|fact| (!act_now(fact), -fact.points));
    let mut said = BTreeSet::new();
    best.retain(|fact| said.insert((&fact.asset, &fact.action)));
    let told = |fact: &&Evidence| {
        let on = day(&playbook.calendar, instant(fact.at));
        format!("{} on {on}", playbook.told(&fact.action, &fact.asset))
    };
    match &best.iter().take(2).map(told).collect::<Vec<_>>()[..] {
        [] => "has come to the score of a lead in small steps".to_owned(),
        [one] => one.clone(),
        [one, rest @ ..] => format!("{one}, and {}", rest.join(", and ")),
    }
}

fn moments(playbook: &Playbook, lead: &Lead) -> Vec<Moment> {
    let newest = lead.evidence.iter().rev().take(MOST_MOMENTS);
    let moment = |fact: &Evidence| Moment {
        date: day(&playbook.calendar, instant(fact.at)),
        told: playbook.told(&fact.action, &fact.asset),
        points: format!("{:+}", fact.points),
    };
    newest.map(moment).collect()
}

/// The lead is not withdrawn: whoever has called already should know, and whoever has not may judge.
fn undone(playbook: &Playbook, fact: &Evidence) -> String {
    let (told, on) = (playbook.told(&fact.action, &fact.asset), day(&playbook.calendar, instant(fact.at)));
    format!("Since then: {told}, {on}. With it, this would not have become a lead. Look before you call.")
}

/// ` (50 of fit, 12 of engagement)`; leads made before the split was stored do not say.
fn split(lead: &Lead) -> String {
    let from_fit = lead.sort_from_fit;
    from_fit.map(|fit| format!(" ({fit} of fit, {} of engagement)", lead.sort_score - fit)).unwrap_or_default()
}

/// As before: older leads do not say.
fn high_because(lead: &Lead) -> &'static str {
    match lead.driver.as_deref().and_then(Driver::named) {
        Some(Driver::Fit) => "; high because of fit",
        Some(Driver::Engagement) => "; high because of engagement",
        Some(Driver::Both) => "; high because of both",
        Some(Driver::Neither) | None => "",
    }
}
