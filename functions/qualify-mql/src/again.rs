//! A lead whose contact asks again by an Act Now: it becomes one, its owner is told at once, and its clock begins anew if nobody has
//! touched it yet.
//!
//! Lead and event leave in one transaction. Which Act Now was told of last stands on the lead, so a repeated event changes nothing.

use jiff::Timestamp;
use perennial_domain::interest::{self, Score};
use perennial_domain::lead::{Again, Asked, Priority, asked_again};
use perennial_domain::profile::{Account, Contact};
use perennial_domain::qualify;
use perennial_domain::sla;
use perennial_platform::failure::Failure;
use perennial_platform::keys::{self, Job};
use perennial_platform::leads;
use perennial_platform::outbox::{LeadEvent, Waiting};
use perennial_platform::records::{AskedAgain, Lead};
use perennial_platform::store::{Change, Commit, number};

use crate::{Place, QualifyMql, moments};

/// So many are kept with a lead.
const MOST_ASKED_AGAIN: usize = 20;

impl QualifyMql {
    /// What a quarter's Act Nows say of the lead that it has.
    pub(crate) async fn hear_again(&self, place: &Place<'_>, now: Timestamp) -> Result<Commit, Failure> {
        let rows = place.rows;
        let score = interest::evaluate(&self.playbook.interest, place.product, &place.item.facts, now);
        let is_here = |lead: &&Lead| lead.product_id() == *place.product && lead.quarter() == Some(place.quarter);
        let Some(lead) = rows.leads.iter().find(is_here) else { return Ok(Commit::Done) };
        let asked_at = score.act_nows.get(&place.quarter).copied();
        let found = Asked {
            status: lead.status(),
            priority: lead.priority(),
            is_due: lead.due_at.is_some(),
            told_at: lead.told_act_now_at(),
        };
        let Some(again) = asked_again(found, asked_at) else {
            if !lead.status().is_open() && asked_at > lead.told_act_now_at() {
                tracing::info!(stage = lead.stage.as_str(), "an Act Now on a lead that is closed");
            }
            return Ok(Commit::Done);
        };
        let person = rows.contact(place.contact);
        let account = self.account(person.as_ref(), now).await?;
        let scored = self.sorted_anew(place, lead, &score, person.as_ref(), account.as_ref());
        let after = self.asked(place, scored, again, now);
        let restarts_clock = again.restarts_clock;
        tracing::info!(was = lead.priority.as_str(), stage = lead.stage.as_str(), restarts_clock, "lead asks again");
        let event = LeadEvent { asked_again_at: Some(again.asked_at), ..self.told(place, &after).await? };
        // What the lead says of its interest is as the interest is.
        let as_read = Change::of(keys::interest(place.contact, place.product), "ADD #rev :one")
            .only_if("#rev = :rev")
            .with(":rev", number(place.item.rev))
            .with(":one", number(1));
        let actions = vec![
            self.store.change(leads::changed(lead, &after)?)?,
            self.store.change(as_read)?,
            self.store.put_over(&Waiting::lead_qualified(event, now)?)?,
        ];
        self.store.commit("lead again", actions).await
    }

    /// The lead with the sorting score of this moment, if that is no lower: who asks again does not go down the list.
    fn sorted_anew(
        &self,
        place: &Place<'_>,
        lead: &Lead,
        score: &Score,
        person: Option<&Contact>,
        account: Option<&Account>,
    ) -> Lead {
        let threshold = self.playbook.interest.threshold(place.product);
        let sorted = qualify::sort(&self.playbook.qualify, score, threshold, person, account);
        if !sorted.sorting.raises(lead.sort_score) {
            return lead.clone();
        }
        Lead {
            sort_score: sorted.sorting.points,
            sort_from_fit: Some(sorted.sorting.from_fit),
            driver: Some(sorted.sorting.driver.as_str().to_owned()),
            fit_points: sorted.fit.points,
            fit_grade: sorted.fit.grade.to_string(),
            engagement: sorted.engagement,
            ..lead.clone()
        }
    }

    fn asked(&self, place: &Place<'_>, lead: Lead, again: Again, now: Timestamp) -> Lead {
        let mut asked_again = lead.asked_again.clone();
        asked_again.push(AskedAgain { at: again.asked_at, told_at: now.as_second(), was: lead.priority.clone() });
        let asked_again = asked_again.split_off(asked_again.len().saturating_sub(MOST_ASKED_AGAIN));
        let (evidence, besides) = moments::of(&self.playbook, place.rows, (place.product, place.item), now);
        let after = Lead {
            priority: Priority::ActNow.as_str().to_owned(),
            act_now_at: Some(again.asked_at),
            asked_again,
            evidence,
            besides,
            playbook_version: self.playbook.version.clone(),
            ..lead
        };
        if !again.restarts_clock {
            return after.listed();
        }
        let (ladder, calendar) = (&self.playbook.ladder, &self.playbook.calendar);
        let check = sla::first_check(Priority::ActNow, ladder, calendar, now);
        let answer_by = sla::answer_by(Priority::ActNow, ladder, calendar, now);
        Lead {
            sla_since: Some(now.as_second()),
            due_shard: check.map(|_| keys::due_shard(Job::Lead, place.contact)),
            due_at: check.map(Timestamp::as_second),
            sla_due_at: answer_by.map(Timestamp::as_second),
            ..after
        }
        .listed()
    }
}
