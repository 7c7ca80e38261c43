//! Tells a world its story, through the doors that everybody uses, and writes down what was told.

use fastrand::Rng;
use http::Request;
use jiff::Timestamp;
use perennial::contact::{Tables, erase};
use perennial::deployment::{Deployment, address_key};
use perennial_platform::keys;
use perennial_platform::links::{Links, Purpose};
use perennial_platform::records::{self, Lead};
use perennial_platform::store::string;
use perennial_tests::half_year::history::{Choice, Fact, Slot, What};
use perennial_tests::{PUBLIC_URL, body, engagement, settle, tell};
use serde_json::{Value, json};

use super::plot::{Account, Event, Person, Plot, SEATS, pause_ends};
use super::recorded::slot;

/// What was written down while the story was told.
#[derive(Default)]
pub struct Told {
    /// What was told, each at the instant at which it took effect.
    pub facts: Vec<Fact>,
    /// Slots of people of whom nothing was left then.
    pub slots: Vec<Slot>,
}

/// Lives the story up to its last event.
pub async fn tell_all(deployment: &Deployment, plot: &Plot) -> Told {
    let rng = Rng::with_seed(plot.days as u64);
    let mut telling = Telling { deployment, plot, told: Told::default(), number: 0, rng };
    for account in &plot.accounts {
        telling.account(account).await;
    }
    settle(deployment).await;
    for (at, events) in &plot.events {
        deployment.world.advance_to(*at, |_| {}).await.unwrap();
        for event in events {
            telling.happen(event, *at).await;
        }
        settle(deployment).await;
    }
    telling.told
}

struct Telling<'a> {
    deployment: &'a Deployment,
    plot: &'a Plot,
    told: Told,
    number: usize,
    rng: Rng,
}

impl Telling<'_> {
    async fn post(&mut self, kind: &str, at: Timestamp, data: &Value) {
        self.number += 1;
        tell(self.deployment, &format!("story-{}", self.number), &body(kind, at, data)).await;
    }

    fn note(&mut self, at: Timestamp, what: What) {
        self.told.facts.push(Fact { at, what });
    }

    async fn account(&mut self, account: &Account) {
        let text = |at: &Timestamp| json!(at.to_string());
        let mut data = account.more.clone();
        data["account"] = json!(account.id);
        data["health"] = json!(if account.at_risk { "at-risk" } else { "good" });
        data["customer_since"] = text(&account.customer_since);
        data["owns"] = account.owns.iter().map(|(product, since)| (product.clone(), text(since))).collect();
        data["seats"] = account.seats_used.keys().map(|product| (product.clone(), json!(SEATS))).collect();
        data["seats_used"] = account.seats_used.iter().map(|(product, used)| (product.clone(), json!(used))).collect();
        data["used"] = account.used.iter().map(|(product, used_at)| (product.clone(), text(used_at))).collect();
        data["ends"] = account.ends.iter().map(|(product, end)| (product.clone(), text(end))).collect();
        self.post("account.updated", self.plot.start, &data).await;
        let of = || account.id.clone();
        self.note(self.plot.start, What::Health { account: of(), at_risk: account.at_risk });
        for (product, used) in &account.seats_used {
            let seats = What::Seats { account: of(), product: product.clone(), bought: SEATS, used: *used };
            self.note(self.plot.start, seats);
        }
        for (product, used_at) in &account.used {
            self.note(self.plot.start, What::Used { account: of(), product: product.clone(), used_at: *used_at });
        }
        for (product, end) in &account.ends {
            let ends = What::ContractEnds { account: of(), product: product.clone(), end: *end };
            self.note(self.plot.start, ends);
        }
    }

    async fn happen(&mut self, event: &Event, at: Timestamp) {
        match event.clone() {
            Event::Known(number) => self.known(&self.plot.people[number], at).await,
            Event::Engaged { contact, product, asset, action } => {
                self.number += 1;
                let told = engagement(&contact, &asset, action, at);
                tell(self.deployment, &format!("story-{}", self.number), &told).await;
                self.note(at, What::Engaged { contact, product: product.to_owned() });
            }
            Event::Health { account, at_risk } => {
                let health = if at_risk { "at-risk" } else { "good" };
                self.post("account.updated", at, &json!({"account": account, "health": health})).await;
                self.note(at, What::Health { account, at_risk });
            }
            Event::Prolonged { account, product, end } => {
                let data = json!({"account": account, "ends": {product.as_str(): end.to_string()}});
                self.post("account.updated", at, &data).await;
                self.note(at, What::ContractEnds { account, product, end });
            }
            Event::OptedOut { contact, on_page } => {
                if on_page {
                    let purpose = Purpose::Unsubscribe { contact: contact.as_str().into(), slot: "story".to_owned() };
                    self.press(&purpose, "List-Unsubscribe=One-Click").await;
                } else {
                    self.post("email.unsubscribed", at, &json!({"contact": contact})).await;
                }
                self.note(at, What::OptedOut { contact });
            }
            Event::Resubscribed { contact } => {
                let purpose = Purpose::Preferences { contact: contact.as_str().into(), slot: "story".to_owned() };
                let form = self.form(&Choice::default(), None).replace("do=save", "do=resubscribe");
                self.press(&purpose, &form).await;
                self.note(at, What::Resubscribed { contact: contact.clone() });
                self.note(at, What::Chose { contact, choice: Choice::default() });
            }
            Event::Merged { from, into } => {
                self.post("contact.merged", at, &json!({"from": from, "contact": into})).await;
                self.note(at, What::Merged { from, into });
            }
            Event::Erased { contact } => self.erase(&contact, at).await,
            Event::Used { account, product } => {
                self.post(
                    "account.updated",
                    at,
                    &json!({"account": account, "used": {product.as_str(): at.to_string()}}),
                )
                .await;
                self.note(at, What::Used { account, product, used_at: at });
            }
            Event::SeatsFilled { account, product, used } => {
                let data = json!({"account": account, "seats_used": {product.as_str(): used}});
                self.post("account.updated", at, &data).await;
                self.note(at, What::Seats { account, product, bought: SEATS, used });
            }
            Event::Bounced { contact } => {
                self.post("email.bounced", at, &json!({"contact": contact, "permanent": true})).await;
                self.note(at, What::Bounced { contact });
            }
            Event::Reported { contact } => {
                self.post("email.reported", at, &json!({"contact": contact})).await;
                self.note(at, What::MailReported { contact });
            }
            Event::Chose { contact, choice, pause_days } => self.chose(contact, choice, pause_days, at).await,
            Event::LeadsGivenBack => self.give_leads_back(at).await,
        }
    }

    async fn known(&mut self, person: &Person, at: Timestamp) {
        let mut data = json!({
            "contact": person.id, "account": person.account, "first_name": "Robin", "last_name": "Example",
            "title": person.title, "role": person.role,
        });
        for (name, value) in [("email", person.email.as_deref()), ("time_zone", person.zone)] {
            value.iter().for_each(|value| data[name] = json!(value));
        }
        self.post("contact.identified", at, &data).await;
    }

    async fn chose(&mut self, contact: String, mut choice: Choice, pause_days: Option<i64>, at: Timestamp) {
        let purpose = Purpose::Preferences { contact: contact.as_str().into(), slot: "story".to_owned() };
        choice.paused_until = pause_days.map(|days| pause_ends(&self.deployment.playbook, at, days));
        let form = self.form(&choice, pause_days);
        self.press(&purpose, &form).await;
        self.note(at, What::Chose { contact, choice });
    }

    /// Erases a person as `perennial contact erase` does. Its slots are written down before: nothing is left of them.
    async fn erase(&mut self, contact: &str, at: Timestamp) {
        settle(self.deployment).await;
        let key = address_key();
        let tables = Tables {
            store: &self.deployment.store,
            ledger: &self.deployment.ingest.ledger,
            ledger_table: &self.deployment.ledger_table,
            key: &key,
            now: at,
        };
        let person = tables.find(contact).await.unwrap();
        for id in &person.ids {
            let slots: Vec<records::Slot> =
                self.deployment.store.partition(&keys::contact(id), Some(keys::SLOT)).await.unwrap();
            self.told.slots.extend(slots.iter().filter_map(slot));
            if self.plot.people.iter().any(|known| known.id == id.as_str()) {
                self.note(at, What::Erased { contact: id.to_string() });
            }
        }
        erase(&tables, &person, false).await.unwrap();
    }

    /// The form as a browser sends it.
    fn form(&self, choice: &Choice, pause_days: Option<i64>) -> String {
        let mut fields = Vec::new();
        for topic in self.deployment.playbook.topics() {
            fields.push(format!("shown={}", topic.id));
            if !choice.topics_off.contains(topic.id.as_str()) {
                fields.push(format!("topic={}", topic.id));
            }
        }
        let frequency = match choice.every_days {
            0 => "as-often",
            14 => "fortnightly",
            _ => "monthly",
        };
        fields.push(format!("frequency={frequency}"));
        let channels = ["email", "phone", "ads"].into_iter().filter(|channel| *channel != "email" || !choice.email_off);
        fields.extend(channels.map(|channel| format!("channel={channel}")));
        fields.push(pause_days.map_or_else(|| "pause=none".to_owned(), |days| format!("pause={days}")));
        fields.push("do=save".to_owned());
        fields.join("&")
    }

    async fn press(&self, purpose: &Purpose, form: &str) {
        let now = self.deployment.world.clock().now();
        let url = Links::new("the local world's link key", PUBLIC_URL).url(purpose, now);
        let path = url.strip_prefix(PUBLIC_URL).unwrap();
        let request = Request::post(path).header("content-type", "application/x-www-form-urlencoded");
        let answer = self.deployment.world.http(request.body(form.to_owned().into_bytes().into()).unwrap()).await;
        let answer = answer.unwrap();
        assert_eq!(answer.status(), 200, "{form}: {}", String::from_utf8_lossy(answer.body()));
    }

    async fn give_leads_back(&mut self, at: Timestamp) {
        let mut open: Vec<Lead> = leads(self.deployment).await;
        open.retain(|lead| lead.status().is_open());
        open.sort_by_key(Lead::name);
        for lead in open {
            if self.rng.bool() {
                let data = json!({"contact": lead.contact, "product": lead.product, "quarter": lead.quarter});
                self.post("lead.rejected", at, &data).await;
                let name = name_of(&lead.product, &lead.quarter);
                self.note(at, What::LeadClosed { contact: lead.contact, lead: name });
            }
        }
    }
}

/// A lead as whoever it is of may call it: the id may be merged into another one.
pub fn name_of(product: &str, quarter: &str) -> String {
    format!("{product}/{quarter}")
}

/// Every lead there is, in no order.
async fn leads(deployment: &Deployment) -> Vec<Lead> {
    let scan = deployment.store.client.scan().table_name(&deployment.store.state).consistent_read(true);
    let scan =
        scan.filter_expression("begins_with(SK, :lead)").expression_attribute_values(":lead", string(keys::LEAD));
    let items = scan.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await.unwrap();
    items.into_iter().map(|item| serde_dynamo::from_item(item).unwrap()).collect()
}
