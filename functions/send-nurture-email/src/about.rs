//! What a letter says of one lead: whom it is about, why, until when, and what can be said of it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use perennial_domain::ids::{ActionId, RepId};
use perennial_domain::interest::instant;
use perennial_domain::lead::{Priority, Reach, Status};
use perennial_domain::qualify::Kind;
use perennial_domain::quarter::Quarter;
use perennial_domain::sla::Recipient;
use perennial_domain::sorting::Driver;
use perennial_platform::consent;
use perennial_platform::desk;
use perennial_platform::failure::Failure;
use perennial_platform::links::{Answer, Purpose};
use perennial_platform::records::{Evidence, Lead};
use perennial_playbook::{Playbook, Rep, shown_name};

use crate::SendNurtureEmail;
use crate::deadline::{self, Reader, day};
use crate::taken::{Taker, can_say};
use crate::template::{Action, LeadLine, Moment, Talk};

/// Of a lead that nothing stands out of; of one person or several, as whoever reads calls them.
pub(crate) const IN_SMALL_STEPS: &str = "came to the score of a lead in small steps";

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
        let button = self.buttons(lead, quarter, to, owner, now);
        // Nobody is told of themselves, nor of somebody whom they cover for, that they hear of it later.
        let manager = manager.filter(|manager| ![&manager.id, &self.working_for(manager, now).rep.id].contains(&to.id));
        let on_it = Taker::of(lead, playbook, to.id);
        let reader = Reader {
            role: to.role,
            rungs: to.rungs,
            manager: manager.map(|manager| manager.name.as_str()),
            has_executive: playbook.executive.is_some(),
            on_it: on_it.as_ref(),
        };
        let done = lead.evidence.iter().rev().map(|fact| fact.asset.as_str());
        Ok(LeadLine {
            called: called(&field(first), &who),
            who: if who.is_empty() { shown_name(contact.as_str()) } else { who },
            title: field(person.as_ref().and_then(|person| person.title.as_ref())),
            company: field(account.as_ref().and_then(|account| account.name.as_ref())),
            email: person.as_ref().and_then(|person| person.email.clone()).unwrap_or_default(),
            product: playbook.product_name(&product).to_owned(),
            priority: lead.priority().to_string(),
            owner: owner.map_or_else(|| lead.owner.clone(), |rep| rep.name.clone()),
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
            on_it,
            put_off: None,
            since: day(&playbook.calendar, lead.clock().began_at),
            moments: moments(playbook, lead),
            questions: playbook.questions(done).into_iter().map(str::to_owned).collect(),
            talk: Talk {
                product: playbook.product_name(&product).to_owned(),
                lines: playbook.talk_track(&product).to_vec(),
            },
            button: button.button,
            button_means: button.means,
            others: button.others,
        })
    }

    /// The button, what it means, and what else can be said: by links whose pages have something to press, or at the desk.
    fn buttons(&self, lead: &Lead, quarter: Quarter, to: &To<'_>, owner: Option<&Rep>, now: Timestamp) -> Buttons {
        let on_it = if to.role == Recipient::Rep { "I am on it" } else { "I will see to it" };
        let later = (Answer::Later, "Call me later");
        let rest = [(Answer::NotAFit, "Not a fit"), later];
        // Whoever has it need not say so again.
        let first = if lead.status() == Status::Mql { (Answer::OnIt, on_it) } else { later };
        let said = |(answer, label): (Answer, &str)| {
            let (contact, product, by) = (lead.contact_id(), lead.product_id(), to.id.clone());
            let url = || self.links.url(&Purpose::AnswerLead { contact, product, quarter, by, answer }, now);
            let can = can_say(lead, answer, &self.playbook, to.id);
            can.then(|| Action { label: label.to_owned(), url: url() })
        };
        let others = rest.into_iter().filter(|(answer, _)| *answer != first.0).filter_map(said).collect();
        // Somebody who covers, a manager, an executive. A lead of nobody is its reader's.
        let instead_of = owner.filter(|owner| owner.id != *to.id && lead.status() == Status::Mql);
        let means = instead_of.map(|owner| {
            format!("The button makes you the one on it, in place of {}, whose lead it stays.", owner.name)
        });
        let button = said(first).or_else(|| self.at_the_desk(lead, to.id, owner?, now));
        Buttons { button, means: means.unwrap_or_default(), others }
    }

    /// The lead at the desk, if there is a desk and it shows the lead to this reader.
    fn at_the_desk(&self, lead: &Lead, reader: &RepId, owner: &Rep, now: Timestamp) -> Option<Action> {
        let sees = *reader == owner.id
            || owner.manager.as_ref() == Some(reader)
            || self.working_for(owner, now).rep.id == *reader;
        let desk = self.desk_url.as_ref().filter(|_| sees)?;
        let url = format!("{desk}/leads/{}", desk::lead_token(&lead.contact, &lead.product, &lead.quarter));
        Some(Action { label: "Open it at your desk".to_owned(), url })
    }
}

/// What can be pressed of a lead.
struct Buttons {
    button: Option<Action>,
    means: String,
    others: Vec<Action>,
}

/// The first name if there is one, of sensible length; otherwise as one speaks of somebody who was named already.
fn called(first: &str, who: &str) -> String {
    const LONGEST: usize = 24;
    let short = [first, who].into_iter().find(|name| !name.is_empty() && name.chars().count() <= LONGEST);
    short.unwrap_or("They").to_owned()
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
    // Of Act Nows the newest is the news, also if it gives nothing because the same has counted in its cycle already.
    best.sort_by_key(|fact| if act_now(fact) { (false, 0) } else { (true, -fact.points) });
    let mut said = BTreeSet::new();
    best.retain(|fact| said.insert((&fact.asset, &fact.action)));
    let told = |fact: &&Evidence| {
        let on = day(&playbook.calendar, instant(fact.at));
        format!("{} on {on}", playbook.told(&fact.action, &fact.asset))
    };
    match &best.iter().take(2).map(told).collect::<Vec<_>>()[..] {
        [] => IN_SMALL_STEPS.to_owned(),
        [one] => one.clone(),
        [one, rest @ ..] => format!("{one}, and {}", rest.join(", and ")),
    }
}

fn moments(playbook: &Playbook, lead: &Lead) -> Vec<Moment> {
    let moment = |fact: &Evidence| {
        let (date, told) = (day(&playbook.calendar, instant(fact.at)), playbook.told(&fact.action, &fact.asset));
        if lead.besides.contains(fact) {
            // Its points are the other product's.
            return Moment { date, told: format!("{told}{}", of_others(playbook, fact)), points: String::new() };
        }
        let points = Some(fact.points).filter(|points| *points != 0);
        Moment { date, told, points: points.map(|points| format!("{points:+}")).unwrap_or_default() }
    };
    lead.moments().into_iter().take(MOST_MOMENTS).map(moment).collect()
}

/// ` (Fernhill Automation)`: of which products something is that has nothing to do with the lead's.
fn of_others(playbook: &Playbook, fact: &Evidence) -> String {
    let rule = playbook.interest.assets.get(fact.asset.as_str());
    let products: Vec<&str> =
        rule.into_iter().flat_map(|rule| &rule.products).map(|id| playbook.product_name(id)).collect();
    if products.is_empty() { String::new() } else { format!(" ({})", products.join(", ")) }
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
