//! Mail to sales: the hand-off of an Act Now, the daily digest, the reminders of the SLA ladder.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use perennial_domain::ids::{ContactId, ProductId, RepId};
use perennial_domain::interest::instant;
use perennial_domain::lead::Status;
use perennial_domain::qualify::Kind;
use perennial_domain::quarter::Quarter;
use perennial_domain::sla::Recipient;
use perennial_domain::sorting::Driver;
use perennial_platform::consent;
use perennial_platform::failure::Failure;
use perennial_platform::identity::{self, Resolved};
use perennial_platform::keys::{self, Key};
use perennial_platform::links::Purpose;
use perennial_platform::mail::{Mail, NOT_ALLOWED, tags};
use perennial_platform::outbox::LeadEvent;
use perennial_platform::records::{Digest, Evidence, Lead};
use perennial_platform::store::{Change, Commit, string};
use perennial_playbook::{Rep, shown_name};

use crate::addressee::{Addressee, Working};
use crate::claim::{ClaimId, claim, commit_claim, settle, settled, state_after};
use crate::line::Turn;
use crate::template::{LeadLine, Letter, Moment, Reach, Written};
use crate::{Handled, SendNurtureEmail};

/// The kind of the mail that tells of a later Act Now.
const ASKED_AGAIN: &str = "asked-again";

impl SendNurtureEmail {
    /// The hand-off of a lead to its owner, at once.
    pub(crate) async fn hand_off(&self, event: &LeadEvent, turn: &Turn) -> Result<Handled, Failure> {
        if let Some(asked_at) = event.asked_again_at {
            return self.tell_of_asking_again(event, asked_at, turn).await;
        }
        let Some((lead, quarter)) = self.lead(event).await? else { return Ok(Handled::Done) };
        let now = self.clock.now();
        // By the event's contact: the same event is the same mail, also when the lead has gone to another id since.
        let key = keys::hand_off_mail(&event.contact.as_str().into(), &lead.product_id(), quarter);
        let Some(owner) = self.whose(&lead, now).await? else { return self.nobodys(&key).await };
        let Working { rep, covering } = self.working_for(owner, now);
        let line = self.line(&lead, quarter, &rep.id, now).await?;
        let letter = Letter { covering, ..hand_off(&rep.name, line) };
        self.send_to_sales(&key, Some(&lead), &rep.email, &letter, "hand-off", turn).await
    }

    /// That the contact of a lead asked again, to whoever owns it, at once: also where it is touched. Of one that is closed by now
    /// there is nothing to say.
    async fn tell_of_asking_again(&self, event: &LeadEvent, asked_at: i64, turn: &Turn) -> Result<Handled, Failure> {
        let Some((lead, quarter)) = self.lead_where(event, Status::is_open).await? else { return Ok(Handled::Done) };
        let now = self.clock.now();
        let key = keys::asked_again_mail(&event.contact.as_str().into(), &lead.product_id(), quarter, asked_at);
        let Some(owner) = self.whose(&lead, now).await? else { return self.nobodys(&key).await };
        let Working { rep, covering } = self.working_for(owner, now);
        let line = self.line(&lead, quarter, &rep.id, now).await?;
        let letter = Letter { covering, ..asks_again(&rep.name, lead.status(), line) };
        self.send_to_sales(&key, Some(&lead), &rep.email, &letter, ASKED_AGAIN, turn).await
    }

    /// The reminder of a rung to everybody on it, one message each.
    pub(crate) async fn remind(&self, event: &LeadEvent, turn: &Turn) -> Result<Handled, Failure> {
        let rung = event.rung.ok_or_else(|| Failure::shape("SlaEscalated", "no rung"))?;
        let Some((lead, quarter)) = self.lead(event).await? else { return Ok(Handled::Done) };
        // Its contact has asked again meanwhile: the ladder began anew, and its owner was told at once.
        if event.sla_since != lead.sla_since {
            return Ok(Handled::Done);
        }
        let Some(step) = self.playbook.ladder.get(rung) else { return Ok(Handled::Done) };
        let now = self.clock.now();
        let owner = self.whose(&lead, now).await?;
        let (mut handled, mut told) = (Handled::Done, BTreeSet::new());
        for recipient in &step.to {
            let Some(addressee) = self.addressee(owner, *recipient, now) else { continue };
            let told_of = event.contact.as_str().into();
            let of_ladder = (rung, lead.sla_since);
            let key = keys::rung_mail(&told_of, &lead.product_id(), quarter, of_ladder, addressee.role);
            // A manager who covers for the owner has just been told, as the one who has to act.
            if !told.insert(addressee.id.clone()) {
                if handled == Handled::Done {
                    self.not_sent(&key, "told already as the one who covers").await?;
                }
                continue;
            }
            let line = self.line(&lead, quarter, &addressee.id, now).await?;
            let Addressee { greeting, covering, address, .. } = addressee;
            let letter = Letter { covering, ..reminder(rung, *recipient, greeting, line) };
            match self.send_to_sales(&key, Some(&lead), &address, &letter, "escalation", turn).await? {
                Handled::Done => {}
                // Nobody else is written to now: the message comes back for the others.
                Handled::Unanswered { .. } => return Ok(Handled::Unanswered { comes_back: true }),
                stopped @ Handled::AccountAtFault { .. } => return Ok(stopped),
                // The others on the rung are tried all the same; the message comes back for this one.
                not_yet => handled = not_yet,
            }
        }
        Ok(handled)
    }

    /// An owner's new leads of a day. Where the owner has left the playbook since they were collected: one letter for each who
    /// has their accounts now.
    pub(crate) async fn digest(&self, owner: &RepId, date: &str, turn: &Turn) -> Result<Handled, Failure> {
        let Some(digest) = self.store.get::<Digest>(&keys::digest(date, owner)).await? else {
            return Ok(Handled::Done);
        };
        let now = self.clock.now();
        let leads = self.still_to_tell(&digest, now).await?;
        let key = keys::digest_mail(date, owner);
        if leads.is_empty() {
            return self.not_sent(&key, "all of them touched already").await;
        }
        match self.playbook.rep(owner) {
            Some(rep) => self.digest_to(&key, rep, leads, turn).await,
            None => self.digest_instead(owner, date, leads, turn).await,
        }
    }

    /// A digest of somebody who has left the playbook, to whoever has each account now.
    async fn digest_instead(
        &self,
        owner: &RepId,
        date: &str,
        leads: Vec<(Lead, Quarter)>,
        turn: &Turn,
    ) -> Result<Handled, Failure> {
        let now = self.clock.now();
        let mut by_rep: BTreeMap<&RepId, Vec<(Lead, Quarter)>> = BTreeMap::new();
        for (lead, quarter) in leads {
            match self.whose(&lead, now).await? {
                Some(rep) => by_rep.entry(&rep.id).or_default().push((lead, quarter)),
                None => tracing::error!("a lead of a digest is nobody's: the playbook does not know its owner"),
            }
        }
        if by_rep.is_empty() {
            return self.nobodys(&keys::digest_mail(date, owner)).await;
        }
        let mut handled = Handled::Done;
        for (id, leads) in by_rep {
            let Some(rep) = self.playbook.rep(id) else { continue };
            match self.digest_to(&keys::digest_mail_instead(date, owner, id), rep, leads, turn).await? {
                Handled::Done => {}
                Handled::Unanswered { .. } => return Ok(Handled::Unanswered { comes_back: true }),
                stopped @ Handled::AccountAtFault { .. } => return Ok(stopped),
                not_yet => handled = not_yet,
            }
        }
        Ok(handled)
    }

    /// The leads of a digest that nobody has touched, or that were put off until now, each once: two of them may be one person's.
    async fn still_to_tell(&self, digest: &Digest, now: Timestamp) -> Result<Vec<(Lead, Quarter)>, Failure> {
        let (mut leads, mut seen) = (Vec::new(), BTreeSet::new());
        for lead in &digest.leads {
            let Some((pk, sk)) = lead.split_once('\n') else { continue };
            let (Some(contact), Some((product, quarter))) = (keys::contact_of(pk), keys::product_and_quarter(sk))
            else {
                continue;
            };
            let lead = self.find_lead(&contact, &product, quarter).await?;
            let lead = lead.filter(|lead| seen.insert(lead.key()));
            let told = |lead: &Lead| lead.status() == Status::Mql || lead.is_put_off_until_now(now);
            leads.extend(lead.filter(told).and_then(with_quarter));
        }
        Ok(leads)
    }

    async fn digest_to(
        &self,
        key: &Key,
        owner: &Rep,
        leads: Vec<(Lead, Quarter)>,
        turn: &Turn,
    ) -> Result<Handled, Failure> {
        let now = self.clock.now();
        let Working { rep, covering } = self.working_for(owner, now);
        let mut lines = Vec::new();
        for (lead, quarter) in leads {
            let mut line = self.line(&lead, quarter, &rep.id, now).await?;
            line.put_off = lead.status() != Status::Mql;
            lines.push((lead.sort_score, line));
        }
        lines.sort_by_key(|(sort_score, _)| -sort_score);
        let leads: Vec<LeadLine> = lines.into_iter().map(|(_, line)| line).collect();
        let letter = Letter { covering, ..new_leads(&rep.name, leads) };
        self.send_to_sales(key, None, &rep.email, &letter, "digest", turn).await
    }

    async fn lead(&self, event: &LeadEvent) -> Result<Option<(Lead, Quarter)>, Failure> {
        self.lead_where(event, |status| status == Status::Mql).await
    }

    /// The lead of an event, if it stands at such a stage.
    async fn lead_where(
        &self,
        event: &LeadEvent,
        stands: impl FnOnce(Status) -> bool,
    ) -> Result<Option<(Lead, Quarter)>, Failure> {
        let quarter: Quarter =
            event.quarter.parse().map_err(|_| Failure::shape("event", "not of the shape we give it"))?;
        let lead = self.find_lead(&event.contact.as_str().into(), &event.product.as_str().into(), quarter).await?;
        Ok(lead.filter(|lead| stands(lead.status())).map(|lead| (lead, quarter)))
    }

    /// A lead, where its contact is by now.
    pub(crate) async fn find_lead(
        &self,
        contact: &ContactId,
        product: &ProductId,
        quarter: Quarter,
    ) -> Result<Option<Lead>, Failure> {
        let lead: Option<Lead> = self.store.get(&keys::lead(contact, product, quarter)).await?;
        if lead.is_some() {
            return Ok(lead);
        }
        match identity::resolve(&self.store, contact).await? {
            Resolved::Into(into) => self.store.get(&keys::lead(&into, product, quarter)).await,
            Resolved::Same | Resolved::Erased => Ok(None),
        }
    }

    async fn line(&self, lead: &Lead, quarter: Quarter, to: &RepId, now: Timestamp) -> Result<LeadLine, Failure> {
        let contact = lead.contact_id();
        let product = lead.product_id();
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
        let purpose =
            Purpose::TouchLead { contact: contact.clone(), product: product.clone(), quarter, by: to.clone() };
        let moments = lead.evidence.iter().rev().take(5).map(|evidence| Moment {
            date: self.playbook.calendar.date(instant(evidence.at)).strftime("%a %-d %b").to_string(),
            action: evidence.action.clone(),
            title: self.title(&evidence.asset),
            points: format!("{:+}", evidence.points),
        });
        Ok(LeadLine {
            who: if who.is_empty() { contact.to_string() } else { who },
            title: field(person.as_ref().and_then(|person| person.title.as_ref())),
            company: field(account.as_ref().and_then(|account| account.name.as_ref())),
            email: person.as_ref().and_then(|person| person.email.clone()).unwrap_or_default(),
            product: self.playbook.product_name(&product).to_owned(),
            priority: lead.priority().to_string(),
            owner: self.playbook.rep(&lead.owner_id()).map_or_else(|| lead.owner.clone(), |rep| rep.name.clone()),
            sort_score: lead.sort_score,
            fit: format!("{} ({})", lead.fit_grade, lead.fit_points),
            engagement: lead.engagement,
            split: split(lead),
            high_because: high_because(lead),
            undone: lead.undone_by.as_ref().map(|fact| self.undone(fact)).unwrap_or_default(),
            reach: Reach::of(preferences.want_no_calls(), standing.opted_out || preferences.want_no_mail()),
            new_customer: lead.new_customer,
            upsell: lead.kind() == Kind::Upsell,
            put_off: false,
            since: self.playbook.calendar.date(lead.clock().began_at).strftime("%a %-d %b").to_string(),
            moments: moments.collect(),
            url: self.links.url(&purpose, now),
        })
    }

    /// The lead is not withdrawn: whoever has called already should know, and whoever has not may judge.
    fn undone(&self, fact: &Evidence) -> String {
        let date = self.playbook.calendar.date(instant(fact.at)).strftime("%a %-d %b");
        let title = self.title(&fact.asset);
        format!("Learnt since: {} {title}, {date}. With it the score would not have made this lead.", fact.action)
    }

    pub(crate) fn title(&self, asset: &str) -> String {
        self.playbook.interest.assets.get(asset).map_or_else(|| asset.to_owned(), |rule| rule.title.clone())
    }

    /// Claims, sends and settles one sales mail; a lead touched in between stops it.
    pub(crate) async fn send_to_sales(
        &self,
        key: &Key,
        lead: Option<&Lead>,
        to: &str,
        letter: &impl Written,
        kind: &'static str,
        turn: &Turn,
    ) -> Result<Handled, Failure> {
        let now = self.clock.now();
        if let Some(handled) = settled(&self.store, key, now).await? {
            return Ok(handled);
        }
        if !self.recipients.include(&self.playbook.sending, to) {
            return self.not_sent(key, NOT_ALLOWED).await;
        }
        if let Some(not_now) = self.sales_permit(turn).await? {
            return Ok(not_now);
        }
        let now = self.clock.now();
        let (html, text) = letter.render(&self.playbook.company.name)?;
        let id = ClaimId::new();
        let mut actions = vec![claim(&self.store, key, &id, None, now)?];
        if let Some(lead) = lead {
            let as_read = Change::none(lead.key()).only_if("#stage = :stage").with(":stage", string(&lead.stage));
            actions.push(self.store.check(as_read)?);
        }
        if commit_claim(&self.store, "sales mail claim", (key, &id), actions).await? != Commit::Done {
            if let Some(handled) = settled(&self.store, key, now).await? {
                return Ok(handled);
            }
            let Some(lead) = lead else { return Ok(Handled::Done) };
            return match self.store.get::<Lead>(&lead.key()).await? {
                // It has gone to another id of the same person, or is gone for good: the message is looked at again.
                None => Ok(Handled::Busy),
                // Who asked again is told of whatever its stage is by now, in other words.
                Some(now) if kind == ASKED_AGAIN && now.stage != lead.stage => Ok(Handled::Busy),
                // Touched: this message has nothing left to do.
                _ => Ok(Handled::Done),
            };
        }
        let about = lead.map(Lead::contact_id);
        let tags = tags::of_sales_mail(&self.address_key, kind, key, about.as_ref());
        let mail = Mail { to: to.to_owned(), subject: letter.subject().to_owned(), html, text, headers: Vec::new(), tags };
        let outcome = self.mailer.send(&mail).await;
        Ok(settle(&self.store, key, (&outcome, state_after(&outcome)), Vec::new(), now).await)
    }
}

fn with_quarter(lead: Lead) -> Option<(Lead, Quarter)> {
    let quarter = lead.quarter()?;
    Some((lead, quarter))
}

/// A lead that cannot wait for tomorrow's digest.
pub(crate) fn hand_off(owner: &str, line: LeadLine) -> Letter {
    Letter {
        subject: format!("{}: {} wants {}", line.priority, line.who, line.product),
        heading: format!("{} wants {}", line.who, line.product),
        action: None,
        greeting: format!("Hello {owner},"),
        covering: None,
        opening: "This customer has just shown high buying intent. Please get in touch today.".to_owned(),
        leads: vec![line],
        closing: "“I am on it” stops the reminders.".to_owned(),
    }
}

/// A lead whose contact asked again, by an Act Now.
pub(crate) fn asks_again(owner: &str, status: Status, line: LeadLine) -> Letter {
    let heading = format!("{} asks again about {}", line.who, line.product);
    let (opening, closing) = match status {
        Status::Mql => (
            "This lead is yours already, and its contact has just asked again. Please get in touch today.",
            "“I am on it” stops the reminders.",
        ),
        _ => (
            "You have this lead, and its contact has just asked again. Perhaps something is still open.",
            "Nobody is reminded of it: this is for you to know.",
        ),
    };
    Letter {
        subject: format!("{}: {heading}", line.priority),
        heading,
        action: None,
        greeting: format!("Hello {owner},"),
        covering: None,
        opening: opening.to_owned(),
        leads: vec![line],
        closing: closing.to_owned(),
    }
}

/// The new leads of a day, best first.
pub(crate) fn new_leads(owner: &str, leads: Vec<LeadLine>) -> Letter {
    let put_off = leads.iter().filter(|lead| lead.put_off).count();
    let (subject, opening) = match leads.len() {
        1 if put_off == 1 => {
            (format!("You asked to be reminded of {}", leads[0].who), "You put this lead off until today.")
        }
        count if put_off > 0 => {
            (format!("{count} leads for you, best first"), "These are new, or were put off by you until today.")
        }
        1 => (
            format!("A new lead for you: {}", leads[0].who),
            "This customer has shown interest in something it does not own yet.",
        ),
        count => (
            format!("{count} new leads for you, best first"),
            "These customers have shown interest in something they do not own yet.",
        ),
    };
    Letter {
        heading: subject.clone(),
        subject,
        action: None,
        greeting: format!("Hello {owner},"),
        covering: None,
        opening: opening.to_owned(),
        leads,
        closing: "“I am on it” tells everybody that the lead is yours.".to_owned(),
    }
}

/// Each rung is more insistent than the one before.
pub(crate) fn reminder(rung: usize, recipient: Recipient, greeting: String, line: LeadLine) -> Letter {
    let (who, owner, since) = (line.who.clone(), line.owner.clone(), line.since.clone());
    // Nobody is asked to call whom we have promised that nobody calls.
    let (word, step_in) = match line.reach.by_phone() {
        true => ("call", "call"),
        false => ("answer", "step in"),
    };
    let (subject, opening) = match (rung, recipient) {
        (0, _) => (
            format!("A friendly reminder: {who} is waiting to hear from you"),
            format!(
                "Nobody has picked this lead up since {since}. A short {word} today is worth more than a long one next week."
            ),
        ),
        (1, Recipient::Rep) => (
            format!("Second reminder: {who} is still waiting"),
            format!(
                "This lead has been open since {since}, and your manager now hears of it too. Can you take it today?"
            ),
        ),
        (1, _) => (
            format!("{owner} has an untouched lead: {who}"),
            format!(
                "This lead has been open since {since}. Perhaps {owner} is away; then somebody else should {step_in}."
            ),
        ),
        (_, Recipient::Rep) => (
            format!("Last reminder: {who}"),
            format!(
                "This lead has been open since {since}. Management hears of it today; please say what happens next."
            ),
        ),
        (_, _) => (
            format!("Untouched since {since}: {who}, lead of {owner}"),
            format!(
                "Two reminders to {owner} had no effect. Please make sure that this customer hears from somebody today."
            ),
        ),
    };
    Letter {
        heading: subject.clone(),
        subject,
        action: None,
        greeting,
        covering: None,
        opening,
        leads: vec![line],
        closing: "The reminders stop as soon as somebody says “I am on it”.".to_owned(),
    }
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
