//! One lead: its score explained line by line, its story, what its account owns, what can be said of it.

mod story;

use std::collections::BTreeMap;

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use jiff::Timestamp;
use minijinja::value::Serde;
use minijinja::{Value, context};
use perennial_domain::fit;
use perennial_domain::ids::{ContactId, ProductId};
use perennial_domain::interest::{Step, Verdict, evaluate, walk};
use perennial_domain::lead::AccountStage;
use perennial_domain::qualify::Kind;
use perennial_domain::quarter::Quarter;
use perennial_domain::sorting::{flames, stars};
use perennial_platform::consent;
use perennial_platform::contact::ContactRows;
use perennial_platform::desk::{lead_of, lead_token};
use perennial_platform::failure::Failure;
use perennial_platform::identity::{self, Resolved};
use perennial_platform::interest::InterestItem;
use perennial_platform::records::Lead;
use serde::Serialize;

use crate::cover::Cover;
use crate::form::money;
use crate::list::{Known, Standing, high_because, names, next_step, reach_of};
use crate::moments::{day, did};
use crate::page::fill;
use crate::sign_in::Who;
use crate::{SalesDesk, form, say};

/// So many lines of a score's story are shown, the newest.
const MOST_STEPS: usize = 40;

/// A lead that is there, and that whoever asks may see.
pub(crate) struct Found {
    pub contact: ContactId,
    pub product: ProductId,
    pub quarter: Quarter,
    pub lead: Lead,
    rows: ContactRows,
}

/// The address of a lead's page.
pub(crate) fn address(lead: &Lead) -> String {
    format!("/desk/leads/{}", lead_token(&lead.contact, &lead.product, &lead.quarter))
}

/// One line of an explained score.
#[derive(Debug, Serialize)]
struct ScoreLine {
    day: String,
    what: String,
    change: String,
    after: i64,
}

impl SalesDesk {
    /// The lead of an address, where its contact is by now, if it is theirs to see.
    pub(crate) async fn find(&self, who: &Who<'_>, token: &str) -> Result<Option<Found>, Failure> {
        let Some((contact, product, quarter)) = lead_of(token) else { return Ok(None) };
        let of = |lead: &&Lead| lead.product == product.as_str() && lead.quarter() == Some(quarter);
        let (mut contact, mut rows) = (contact.clone(), self.store.contact(&contact).await?);
        if !rows.leads.iter().any(|lead| of(&lead)) {
            let Resolved::Into(into) = identity::resolve(&self.store, &contact).await? else { return Ok(None) };
            rows = self.store.contact(&into).await?;
            contact = into;
        }
        let lead = rows.leads.iter().find(of).filter(|lead| self.may_see(who, lead)).cloned();
        Ok(lead.map(|lead| Found { contact, product, quarter, lead, rows }))
    }

    fn may_see(&self, who: &Who<'_>, lead: &Lead) -> bool {
        who.sees(&lead.owner_id())
    }

    pub(crate) async fn lead_page(
        &self,
        who: &Who<'_>,
        token: &str,
        request: &ApiGatewayV2httpRequest,
    ) -> Result<ApiGatewayV2httpResponse, Failure> {
        let Some(found) = self.find(who, token).await? else { return Ok(self.nothing_there()) };
        let now = self.clock.now();
        let Found { contact, product, lead, rows, .. } = &found;
        let person = rows.contact(contact);
        let account = match person.as_ref().and_then(|person| person.account.as_ref()) {
            Some(account) => self.store.account(account).await?,
            None => None,
        };
        let interest = rows.interests.get(product).cloned().unwrap_or_default();
        let opted_out = consent::is_opted_out(&self.store, &self.address_key, contact, rows).await?;
        let reach = reach_of(rows.preferences.as_ref(), opted_out);
        let known = Known { contact: person, account, interest, reach };
        let (name, title, company_of) = names(&lead.contact, &known);
        let standing = Standing {
            status: lead.status(),
            due: lead.sla_due_at,
            by: lead.touched_by.as_deref(),
            since: if lead.status().is_open() { lead.touched_at } else { lead.stage_since },
            later: lead.later_until,
        };
        let (usual, others) = say::offered(lead.status());
        let phase = known.account.as_ref().map(|account| {
            AccountStage::of(account.customer_since, self.playbook.qualify.new_customer_days, now).as_str()
        });
        let story = self.story(&found, now).await?;
        let values = context! {
            title => name.clone(),
            me => who.rep.name.as_str(),
            manages => !who.reports.is_empty(),
            here => "lead",
            mark => who.mark.as_str(),
            said => form::asked(request).the_one("done").and_then(say::answer),
            name,
            role => title,
            account => company_of,
            email => known.contact.as_ref().and_then(|contact| contact.email.clone()),
            product => self.playbook.product_name(product),
            owner => (lead.owner_id() != who.rep.id).then(|| self.rep_name(&lead.owner)),
            upsell => lead.kind() == Kind::Upsell,
            cover => who.covers.iter().find(|cover| *cover.owner == lead.owner_id()).map(Cover::shown),
            priority => lead.priority().to_string(),
            urgency => lead.priority().as_str(),
            stage => say::stage(lead.status()),
            new_customer => lead.new_customer,
            next => next_step(lead.status(), lead.priority(), reach),
            reach => reach.words(),
            clock => Serde(self.sla(&standing, now)),
            phase,
            amount => lead.amount_cents.map(|cents| money(&self.playbook.currency, cents)),
            currency => self.playbook.currency.as_str(),
            usual,
            others,
            reject_reasons => self.playbook.reject_reasons.clone(),
            score => self.score(lead, &known, now),
            questions => self.questions(lead),
            talk_track => self.playbook.talk_track(product).to_vec(),
            story => Serde(story),
            products => self.products(rows, &known, now),
        };
        Ok(fill(200, self.company(), ("lead.html", values)))
    }

    /// The score as it was frozen, and what it is made of now.
    fn score(&self, lead: &Lead, known: &Known, now: Timestamp) -> Value {
        let (product, rules) = (lead.product_id(), &self.playbook.interest);
        let threshold = rules.threshold(&product);
        let points = evaluate(rules, &product, &known.interest.facts, now).points;
        let fit = fit::evaluate(&self.playbook.qualify.fit, known.contact.as_ref(), known.account.as_ref());
        let line = |line: &fit::FitLine| {
            context! { what => format!("{}: {}", line.attribute.replace('_', " "), line.value), points => format!("{:+}", line.points) }
        };
        context! {
            made_on => day(&self.playbook.calendar, lead.qualified_at),
            points => lead.sort_score,
            split => lead.sort_from_fit.map(|fit| (fit, lead.sort_score - fit)),
            high_because => high_because(lead.driver.as_deref()),
            stars => stars(lead.fit_points),
            flames => flames(points, threshold),
            fit_then => lead.fit_points,
            grade_then => lead.fit_grade.as_str(),
            engagement_then => lead.engagement,
            fit_now => fit.points,
            fit_lines => fit.lines.iter().map(line).collect::<Vec<_>>(),
            interest_now => points,
            threshold,
            steps => Serde(self.steps(&known.interest, now)),
            undone => lead.undone_by.as_ref().map(|fact| {
                format!("{}, {}", self.playbook.told(&fact.action, &fact.asset), day(&self.playbook.calendar, fact.at))
            }),
        }
    }

    /// What each engagement and each silence did to the score, newest first.
    fn steps(&self, interest: &InterestItem, now: Timestamp) -> Vec<ScoreLine> {
        let mut lines = Vec::new();
        let calendar = &self.playbook.calendar;
        walk(&self.playbook.interest, &interest.facts, now, |step| match step {
            Step::Fact { name, second, verdict: Verdict::Scored(_), before, after } => lines.push(ScoreLine {
                day: day(calendar, second),
                what: did(&self.playbook, name.action.as_str(), name.asset.as_str()),
                change: format!("{:+}", after - before),
                after,
            }),
            Step::Decay { cycle, before, after } if before != after => lines.push(ScoreLine {
                day: day(calendar, cycle.end_second()),
                what: "Two weeks without engagement".to_owned(),
                change: format!("−{}", before - after),
                after,
            }),
            _ => {}
        });
        lines.reverse();
        lines.truncate(MOST_STEPS);
        lines
    }

    fn questions(&self, lead: &Lead) -> Vec<String> {
        let done = lead.evidence.iter().rev().map(|fact| fact.asset.as_str());
        self.playbook.questions(done).into_iter().map(str::to_owned).collect()
    }

    /// Everything that is sold: owned since when, or not, and how much this contact wants it.
    fn products(&self, rows: &ContactRows, known: &Known, now: Timestamp) -> Vec<Value> {
        let rules = &self.playbook.interest;
        let points: BTreeMap<&ProductId, i64> = rows
            .interests
            .iter()
            .map(|(product, item)| (product, evaluate(rules, product, &item.facts, now).points))
            .collect();
        let account = known.account.as_ref();
        let line = |product: &perennial_playbook::Product| {
            let owned = account.and_then(|account| account.owns.get(&product.id)).filter(|since| **since <= now);
            let points = points.get(&product.id).copied().unwrap_or(0);
            context! {
                name => product.name.as_str(),
                owned => owned.map(|since| date(&self.playbook.calendar, since.as_second())),
                flames => flames(points, rules.threshold(&product.id)),
            }
        };
        self.playbook.products.iter().map(line).collect()
    }
}

/// A date with its year, in the team's zone.
fn date(calendar: &perennial_domain::calendar::Calendar, second: i64) -> String {
    calendar.date(perennial_domain::interest::instant(second)).strftime("%-d %b %Y").to_string()
}
