//! Who reads what sales is told: a lead's owner, whoever stands in for them on the day of sending, or their manager.
//!
//! Owns that a slot is its owner's and only its address is whoever works that day: a cover who begins between two attempts gets
//! what was not sent yet, and nothing twice. Never writes who covers for whom: it is asked of the playbook each time.

use jiff::Timestamp;
use perennial_domain::ids::RepId;
use perennial_domain::lead::Status;
use perennial_domain::owner;
use perennial_domain::sla::Recipient;
use perennial_platform::failure::Failure;
use perennial_platform::keys::Key;
use perennial_platform::leads;
use perennial_platform::records::Lead;
use perennial_playbook::Rep;

use crate::claim::silence;
use crate::taken::EXECUTIVE;
use crate::{Handled, SendNurtureEmail};

/// The reason of a mail that nobody is there to read.
const NOBODYS: &str = "its owner is not in the playbook";

/// Somebody who works today, and for whom.
pub(crate) struct Working<'a> {
    pub rep: &'a Rep,
    /// For whom they stand in, in words; nothing if it is their own.
    pub covering: Option<String>,
}

/// Somebody whom a reminder is written to.
pub(crate) struct Addressee {
    /// Who it is that says "I am on it" by the link.
    pub id: RepId,
    pub greeting: String,
    pub covering: Option<String>,
    pub address: String,
    pub role: &'static str,
}

impl SendNurtureEmail {
    /// Whose a lead is: its owner's; where the playbook does not know them, whoever's the account is now. The next check gives the
    /// lead to them, and mail does not wait for it.
    pub(crate) async fn whose(&self, lead: &Lead, now: Timestamp) -> Result<Option<&Rep>, Failure> {
        if let Some(owner) = self.playbook.rep(&lead.owner_id()) {
            return Ok(Some(owner));
        }
        let account = leads::account_of(&self.store, lead).await?;
        let owner = account.and_then(|account| owner::of(&self.playbook.owners, &account, now));
        Ok(owner.and_then(|owner| self.playbook.rep(&owner)))
    }

    /// Who works for a rep today, in the team's zone.
    pub(crate) fn working_for<'a>(&'a self, owner: &'a Rep, now: Timestamp) -> Working<'a> {
        let duty = owner::on_duty(&self.playbook.owners, &owner.id, self.playbook.calendar.date(now));
        match self.playbook.rep(duty.rep).filter(|rep| rep.id != owner.id) {
            None => Working { rep: owner, covering: None },
            Some(rep) => {
                let until = duty.until.map(|until| until.strftime(" until %a %-d %b").to_string()).unwrap_or_default();
                Working { rep, covering: Some(format!("You cover for {}{until}.", owner.name)) }
            }
        }
    }

    /// Who hears of something new of a lead: whoever is on it, if that is somebody else than its owner who works today; otherwise
    /// whoever works for its owner.
    pub(crate) fn who_hears<'a>(&'a self, lead: &Lead, owner: &'a Rep, now: Timestamp) -> Working<'a> {
        let working = self.working_for(owner, now);
        let on_it = lead.touched_by.as_deref().filter(|_| lead.status() != Status::Mql);
        let on_it = on_it.and_then(|by| self.playbook.rep_told(by));
        match on_it.filter(|rep| rep.id != owner.id && rep.id != working.rep.id) {
            Some(rep) if self.working_for(rep, now).rep.id == rep.id => {
                Working { rep, covering: Some(format!("You are on it in place of {}, whose lead it is.", owner.name)) }
            }
            _ => working,
        }
    }

    /// Where the desk shows the leads of an owner to whoever works for them, if there is a desk.
    pub(crate) fn desk_of(&self, owner: &Rep, working: &Rep) -> Option<String> {
        let desk = self.desk_url.as_ref()?;
        // Ids of a playbook are lower-case words with hyphens: nothing is to be escaped.
        Some(if owner.id == working.id { desk.clone() } else { format!("{desk}?rep={}", owner.id) })
    }

    /// Who is meant by a recipient of the ladder; nobody if the lead has no owner, the owner no manager or the playbook no
    /// executive. The manager is the owner's, whoever covers.
    pub(crate) fn addressee(&self, owner: Option<&Rep>, recipient: Recipient, now: Timestamp) -> Option<Addressee> {
        let of_rep = |rep: &Rep, role| {
            let Working { rep, covering } = self.working_for(rep, now);
            Addressee {
                id: rep.id.clone(),
                greeting: format!("Hello {},", rep.name),
                covering,
                address: rep.email.clone(),
                role,
            }
        };
        match recipient {
            Recipient::Rep => owner.map(|owner| of_rep(owner, "rep")),
            Recipient::Manager => {
                let manager = owner.and_then(|owner| self.playbook.rep(owner.manager.as_ref()?));
                manager.map(|manager| of_rep(manager, "manager"))
            }
            Recipient::Executive => self.playbook.executive.clone().map(|address| Addressee {
                id: RepId::from(EXECUTIVE),
                greeting: "Hello,".to_owned(),
                covering: None,
                address,
                role: "executive",
            }),
        }
    }

    /// Nobody reads it: that is on record. A message that came back for ever would end in the dead letters, and the check raises
    /// the alarm.
    pub(crate) async fn nobodys(&self, key: &Key) -> Result<Handled, Failure> {
        tracing::error!("mail to sales that is nobody's: the playbook does not know its owner");
        self.not_sent(key, NOBODYS).await
    }

    /// Records why a sales mail is not sent, unless its slot is settled.
    pub(crate) async fn not_sent(&self, key: &Key, reason: &str) -> Result<Handled, Failure> {
        let nothing = silence(&self.store, key, reason, false, self.clock.now())?;
        self.store.commit("silence", vec![nothing]).await.map(|_| Handled::Done)
    }
}
