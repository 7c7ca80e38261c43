//! A world and its story: who there is, what happens, and the playing of it through the webhook.
//!
//! A story is a folder with `world.toml` (accounts and contacts) and `scenario.toml` (events by day). Everything is
//! delivered as a sender would deliver it, signed, through the HTTP API; nothing is put into a table directly.

use std::collections::BTreeMap;
use std::path::Path;

use http::Request;
use jiff::civil::Time;
use jiff::{SignedDuration, Timestamp};
use perennial_domain::cycle::Cycle;
use perennial_domain::interest::instant;
use perennial_platform::mail::tags;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::deployment::{Deployment, DeploymentError};

/// The length of the example's story.
pub const DAYS: i64 = 42;

/// Why a story cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum StoryError {
    /// A file cannot be read.
    #[error("{file}: {reason}")]
    File {
        /// Which.
        file: &'static str,
        /// Why.
        reason: String,
    },
    /// An event has no meaning.
    #[error("scenario.toml: event {number} (day {day}): {reason}")]
    Event {
        /// Its position, from 1.
        number: usize,
        /// Its day.
        day: i64,
        /// Why.
        reason: String,
    },
    /// The world cannot go on.
    #[error(transparent)]
    Deployment(#[from] DeploymentError),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WorldFile {
    account: Vec<AccountLine>,
    contact: Vec<ContactLine>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountLine {
    id: String,
    name: String,
    health: String,
    owner: String,
    size: String,
    region: String,
    industry: String,
    customer_since: i64,
    #[serde(default)]
    owns: BTreeMap<String, i64>,
    /// The days on which products were last used.
    #[serde(default)]
    used: BTreeMap<String, i64>,
    maturity: Option<String>,
    market: Option<String>,
    revenue_cents: Option<i64>,
    purchases: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ContactLine {
    id: String,
    account: String,
    email: String,
    first_name: String,
    last_name: String,
    title: String,
    role: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ScenarioFile {
    event: Vec<EventLine>,
}

/// One event of a story.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct EventLine {
    day: i64,
    at: Time,
    #[serde(rename = "type", default = "engagement")]
    kind: String,
    contact: Option<String>,
    account: Option<String>,
    asset: Option<String>,
    action: Option<String>,
    email: Option<String>,
    product: Option<String>,
    by: Option<String>,
    reason: Option<String>,
    health: Option<String>,
    #[serde(default = "once")]
    repeat: i64,
    #[serde(default)]
    every_seconds: i64,
    #[serde(default = "once")]
    deliveries: i64,
    #[serde(default, rename = "note")]
    _note: Option<String>,
}

fn engagement() -> String {
    "engagement.recorded".to_owned()
}

fn once() -> i64 {
    1
}

/// A story, ready to be told.
#[derive(Debug)]
pub struct Story {
    world: WorldFile,
    events: Vec<EventLine>,
}

/// The start of the example so that its weeks end before now and its cycles are whole: the last first day of a cycle
/// that is at least [`DAYS`] days ago.
pub fn start_before(now: Timestamp) -> Timestamp {
    let ended = Cycle::of(now - SignedDuration::from_hours(24 * DAYS));
    instant(ended.start_second())
}

impl Story {
    /// Reads a story.
    ///
    /// # Errors
    /// [`StoryError::File`] with place and reason.
    pub fn read(folder: &Path) -> Result<Self, StoryError> {
        let world: WorldFile = read(folder, "world.toml")?;
        let scenario: ScenarioFile = read(folder, "scenario.toml")?;
        let mut events = scenario.event;
        events.sort_by_key(|event| (event.day, event.at));
        Ok(Self { world, events })
    }

    /// How many steps [`Story::play`] reports.
    pub fn len(&self) -> usize {
        self.events.iter().map(|event| usize::try_from(event.repeat).unwrap_or(0)).sum()
    }

    /// Whether nothing happens.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Tells the world at `start`, then plays event by event; `step` is called after each.
    ///
    /// # Errors
    /// [`StoryError`] if an event is refused at the door or the world cannot go on.
    pub async fn play(
        &self,
        deployment: &Deployment,
        start: Timestamp,
        mut step: impl FnMut(usize) + Send,
    ) -> Result<(), StoryError> {
        deployment.world.advance_to(start, |_| {}).await.map_err(DeploymentError::from)?;
        self.tell_world(deployment, start).await?;
        for (done, (at, index, turn)) in self.occurrences(start).into_iter().enumerate() {
            let event = &self.events[index];
            deployment.world.advance_to(at, |_| {}).await.map_err(DeploymentError::from)?;
            for _ in 0..event.deliveries {
                let id = format!("story-{}-{turn}", index + 1);
                self.happen(deployment, event, &id, at).await.map_err(|error| match error {
                    Refused::Event(reason) => StoryError::Event { number: index + 1, day: event.day, reason },
                    Refused::World(error) => StoryError::Deployment(error),
                })?;
            }
            step(done + 1);
        }
        Ok(())
    }

    /// When each event happens, repeated ones each time: instant, event, turn.
    fn occurrences(&self, start: Timestamp) -> Vec<(Timestamp, usize, i64)> {
        let mut occurrences = Vec::with_capacity(self.len());
        for (index, event) in self.events.iter().enumerate() {
            let first = start + SignedDuration::from_hours(24 * event.day) + since_midnight(event.at);
            let turns = (0..event.repeat)
                .map(|turn| (first + SignedDuration::from_secs(turn * event.every_seconds), index, turn));
            occurrences.extend(turns);
        }
        occurrences.sort();
        occurrences
    }

    async fn tell_world(&self, deployment: &Deployment, start: Timestamp) -> Result<(), StoryError> {
        let day = |day: i64| (start + SignedDuration::from_hours(24 * day)).to_string();
        let mut bodies = Vec::new();
        for account in &self.world.account {
            let dates = |days: &BTreeMap<String, i64>| -> BTreeMap<String, String> {
                days.iter().map(|(product, since)| (product.clone(), day(*since))).collect()
            };
            let mut data = json!({
                "account": account.id, "name": account.name, "health": account.health, "owner": account.owner,
                "size": account.size, "region": account.region, "industry": account.industry,
                "customer_since": day(account.customer_since), "owns": dates(&account.owns),
            });
            // What is not in the file is not said: null would be a statement.
            for (name, text) in [("maturity", &account.maturity), ("market", &account.market)] {
                text.iter().for_each(|text| data[name] = json!(text));
            }
            for (name, amount) in [("revenue_cents", account.revenue_cents), ("purchases", account.purchases)] {
                amount.iter().for_each(|amount| data[name] = json!(amount));
            }
            if !account.used.is_empty() {
                data["used"] = json!(dates(&account.used));
            }
            bodies.push((format!("world-account-{}", account.id), native("account.updated", start, &data)));
        }
        for contact in &self.world.contact {
            let data = json!({
                "contact": contact.id, "account": contact.account, "email": contact.email, "title": contact.title,
                "first_name": contact.first_name, "last_name": contact.last_name, "role": contact.role,
            });
            bodies.push((format!("world-contact-{}", contact.id), native("contact.identified", start, &data)));
        }
        for (id, body) in bodies {
            let (status, answer) = deployment.post(&id, &body).await?;
            if status >= 400 || answer.contains("quarantined") {
                let reason = format!("{id} was answered with {status}: {}", answer.trim());
                return Err(StoryError::File { file: "world.toml", reason });
            }
        }
        deployment.world.settle().await.map_err(DeploymentError::from)?;
        Ok(())
    }

    async fn happen(&self, deployment: &Deployment, event: &EventLine, id: &str, at: Timestamp) -> Result<(), Refused> {
        let given = |name: &str, value: &Option<String>| {
            value.clone().ok_or_else(|| Refused::Event(format!("{} needs {name}", event.kind)))
        };
        let data = match event.kind.as_str() {
            "engagement.recorded" => {
                let mut data = json!({
                    "contact": given("contact", &event.contact)?,
                    "asset": given("asset", &event.asset)?,
                    "action": given("action", &event.action)?,
                });
                if let Some(email) = &event.email {
                    data["email"] = json!(email);
                }
                data
            }
            "account.updated" => {
                json!({"account": given("account", &event.account)?, "health": given("health", &event.health)?})
            }
            "email.reported" => json!({"contact": given("contact", &event.contact)?}),
            "lead.touched" | "lead.accepted" | "lead.rejected" => json!({
                "contact": given("contact", &event.contact)?, "product": given("product", &event.product)?,
                "by": event.by, "reason": event.reason,
            }),
            "unsubscribed" => return unsubscribe(deployment, &given("contact", &event.contact)?).await,
            other => return Err(Refused::Event(format!("there is no event of type {other}"))),
        };
        let (status, answer) = deployment.post(id, &native(&event.kind, at, &data)).await?;
        if status >= 400 {
            return Err(Refused::Event(format!("answered with {status}: {}", answer.trim())));
        }
        deployment.world.settle().await.map_err(DeploymentError::from)?;
        Ok(())
    }
}

enum Refused {
    Event(String),
    World(DeploymentError),
}

impl From<DeploymentError> for Refused {
    fn from(error: DeploymentError) -> Self {
        Self::World(error)
    }
}

/// The contact's mail program sends the one-click POST of the last mail it received.
async fn unsubscribe(deployment: &Deployment, contact: &str) -> Result<(), Refused> {
    let mails = deployment.world.mails().map_err(DeploymentError::from)?;
    let to_contact = |mail: &&perennial_local::Mail| {
        mail.tags
            .iter()
            .any(|(name, value)| name == tags::CONTACT && tags::read_token(value).as_deref() == Some(contact))
    };
    let header = mails.iter().rev().filter(to_contact).find_map(|mail| {
        mail.headers.iter().find(|(name, _)| name == "List-Unsubscribe").map(|(_, value)| value.clone())
    });
    let url = header.ok_or_else(|| Refused::Event(format!("{contact} has received no mail to unsubscribe from")))?;
    let path = url.trim_matches(['<', '>']).splitn(4, '/').nth(3).unwrap_or_default().to_owned();
    let request = Request::post(format!("/{path}"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body("List-Unsubscribe=One-Click".to_owned().into_bytes().into())
        .map_err(|error| Refused::Event(error.to_string()))?;
    let answer = deployment.world.http(request).await.map_err(DeploymentError::from)?;
    if answer.status() != http::StatusCode::OK {
        return Err(Refused::Event(format!("one-click unsubscribe was answered with {}", answer.status())));
    }
    deployment.world.settle().await.map_err(DeploymentError::from)?;
    Ok(())
}

/// A native webhook body.
pub fn native(kind: &str, at: Timestamp, data: &Value) -> String {
    json!({"type": kind, "timestamp": at.to_string(), "data": data}).to_string()
}

fn since_midnight(time: Time) -> SignedDuration {
    time.duration_since(Time::midnight())
}

fn read<T: serde::de::DeserializeOwned>(folder: &Path, file: &'static str) -> Result<T, StoryError> {
    let text = std::fs::read_to_string(folder.join(file));
    let text = text.map_err(|error| StoryError::File { file, reason: error.to_string() })?;
    toml::from_str(&text).map_err(|error| StoryError::File { file, reason: error.to_string() })
}
