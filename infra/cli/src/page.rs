//! The landing page and its API: what the local world knows, as JSON, and a stream that says when to look again.
//!
//! Only on loopback, and without a sign-in: it shows example data or your own, on your own machine.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures::Stream;
use jiff::Timestamp;
use perennial_domain::funnel;
use perennial_domain::ids::{ContactId, ProductId};
use perennial_domain::interest::{CLICK, instant};
use perennial_domain::profile::{Account as Company, Contact, Health};
use perennial_local::Mail;
use perennial_platform::mail::tags;
use perennial_platform::records::Lead;
use serde_json::{Value, json};

use crate::account::{Account, Rows};
use crate::deployment::{Deployment, DeploymentError};
use crate::explain::explain;

/// Mails listed on the page.
const MOST_MAILS: usize = 200;

/// The delivery that the terminal offers to try.
#[derive(Clone, Debug)]
pub struct Try {
    /// The `webhook-id`: the same at each paste, so that the second one is a duplicate.
    pub id: String,
    /// The body, with the instant at which it was offered.
    pub body: String,
    /// Where it goes.
    pub url: String,
}

#[derive(Clone)]
struct Served {
    deployment: Arc<Deployment>,
    offer: Option<Arc<Try>>,
}

/// The page's routes.
pub fn router(deployment: Deployment, offer: Option<Try>) -> Router {
    let page = |content_type: &'static str, text: &'static str| {
        get(move || async move {
            let policy =
                "default-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
            ([(header::CONTENT_TYPE, content_type), (header::CONTENT_SECURITY_POLICY, policy)], text)
        })
    };
    Router::new()
        .route("/", page("text/html; charset=utf-8", include_str!("page/index.html")))
        .route("/page.css", page("text/css; charset=utf-8", include_str!("page/page.css")))
        .route("/page.js", page("text/javascript; charset=utf-8", include_str!("page/page.js")))
        .route("/favicon.ico", get(|| async { StatusCode::NO_CONTENT }))
        .route("/api/world", get(world))
        .route("/api/contacts/{id}", get(contact))
        .route("/api/mails/{id}", get(mail))
        .route("/api/mails/{id}/html", get(mail_html))
        .route("/api/changes", get(changes))
        .route("/try", get(try_it))
        .layer(from_fn(only_this_machine))
        .with_state(Served { deployment: Arc::new(deployment), offer: offer.map(Arc::new) })
}

/// A page of somebody else's, under a name that leads here (DNS rebinding), gets nothing.
async fn only_this_machine(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    if ["127.0.0.1", "localhost"].contains(&name) {
        next.run(request).await
    } else {
        StatusCode::FORBIDDEN.into_response()
    }
}

/// What the page could not show.
struct Unshown(StatusCode);

impl From<DeploymentError> for Unshown {
    fn from(error: DeploymentError) -> Self {
        tracing::error!(%error, "page");
        Self(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl From<perennial_local::WorldError> for Unshown {
    fn from(error: perennial_local::WorldError) -> Self {
        DeploymentError::from(error).into()
    }
}

impl IntoResponse for Unshown {
    fn into_response(self) -> Response {
        let reason = if self.0 == StatusCode::NOT_FOUND { "not found" } else { "could not be read" };
        (self.0, axum::Json(json!({"error": reason}))).into_response()
    }
}

async fn world(State(served): State<Served>) -> Result<axum::Json<Value>, Unshown> {
    let deployment = &served.deployment;
    let rows = Rows::read(deployment).await?;
    let account = Account::from_rows(deployment, &rows)?;
    let view = View { deployment, rows: &rows };
    let mut contacts: Vec<Value> = rows.contacts.keys().map(|id| view.contact_line(id, &account)).collect();
    // Who never said who they are has a score all the same.
    let unknown = rows.interests.keys().map(|(contact, _)| contact).filter(|id| !rows.contacts.contains_key(*id));
    let unknown: std::collections::BTreeSet<&ContactId> = unknown.collect();
    contacts.extend(unknown.into_iter().map(|id| view.contact_line(id, &account)));
    let mails = deployment.world.mails()?;
    let playbook = &deployment.playbook;
    let plan = &playbook.goals;
    let funnel = funnel::reverse(plan).ok();
    let count = |select: fn(&&Lead) -> bool| rows.leads.iter().filter(select).count();
    let attention: Vec<Value> = [
        ("deliveries given up:", account.dead_letters),
        ("sends to look at:", account.unsettled.len()),
        ("engagements in quarantine:", account.engagements.quarantined as usize),
    ]
    .into_iter()
    .filter(|(_, count)| *count > 0)
    .map(|(what, count)| json!({"what": what, "count": count}))
    .collect();
    Ok(axum::Json(json!({
        "now": account.now,
        "playbook_version": account.playbook_version,
        "gap_days": playbook.nurture.gap_days,
        "quarter_first_month": playbook.interest.quarters.first_month,
        "products": playbook.products.iter().map(|product| json!({"id": product.id.as_str(), "name": product.name})).collect::<Value>(),
        "totals": {
            "received": account.engagements.received, "counted": account.engagements.counted,
            "duplicates": account.engagements.duplicates, "quarantined": account.engagements.quarantined,
            "leads": account.leads.len(), "emails": account.emails.len(), "silences": account.silences.len(),
            "escalations": account.escalations.len(),
        },
        "contacts": contacts,
        "leads": rows.leads.iter().map(|lead| view.lead(lead)).collect::<Value>(),
        "held": account.held.iter().map(|held| json!({
            "contact": held.contact, "contact_name": view.name(&held.contact.as_str().into()), "product": held.product,
            "product_name": view.product(&held.product), "reason": held.reason, "until": held.until,
        })).collect::<Value>(),
        "mails": mails.iter().rev().take(MOST_MAILS).map(mail_line).collect::<Value>(),
        "funnel": funnel.map(|funnel| json!({
            "currency": playbook.currency, "revenue_cents": plan.revenue_cents, "average_price_cents": plan.average_price_cents,
            "wins": funnel.wins as u64, "opportunities": funnel.opportunities as u64,
            "pipeline_cents": funnel.pipeline_cents as u64, "sqls": funnel.sqls as u64, "mqls": funnel.mqls as u64,
            "actual_mqls": rows.leads.len(), "actual_sqls": count(|lead| was_accepted(lead)),
        })),
        "attention": attention,
        "try": served.offer.as_ref().map(|offer| curl(&offer.url)),
    })))
}

/// Whether a lead is an SQL, or has been one on its way to a deal.
fn was_accepted(lead: &Lead) -> bool {
    use perennial_domain::lead::Status;
    matches!(lead.status(), Status::Sql | Status::Opportunity | Status::Won | Status::Lost)
}

async fn contact(State(served): State<Served>, Path(id): Path<String>) -> Result<axum::Json<Value>, Unshown> {
    let deployment = &served.deployment;
    let rows = Rows::read(deployment).await?;
    let account = Account::from_rows(deployment, &rows)?;
    let view = View { deployment, rows: &rows };
    let id = ContactId::new(id);
    let products = rows.interests.keys().filter(|(contact, _)| *contact == id);
    let told: Vec<_> =
        products.filter_map(|(_, product)| explain(&deployment.playbook, &rows, &id, product, account.now)).collect();
    if told.is_empty() && !rows.contacts.contains_key(&id) {
        return Err(Unshown(StatusCode::NOT_FOUND));
    }
    let person = view.person(&id);
    let products = told.iter().map(|told| {
        json!({"product": told.product, "product_name": told.product_name, "threshold": told.threshold,
               "points": told.points, "curve": told.steps})
    });
    let subjects = subjects(&deployment.world.mails()?);
    let emails = account.emails.iter().filter(|email| email.contact == id.as_str()).map(|email| {
        let key = (email.contact.clone(), email.slot.clone());
        let (mail, subject) = subjects.get(&key).cloned().unwrap_or_default();
        json!({"id": mail, "at": email.sent_at, "subject": subject, "stream": email.stream, "piece": email.piece})
    });
    Ok(axum::Json(json!({
        "id": id.as_str(), "name": view.name(&id),
        "title": person.as_ref().and_then(|person| person.title.clone()),
        "email": person.as_ref().and_then(|person| person.email.clone()),
        "account_name": view.company_of(&id).and_then(|company| company.name),
        "products": products.collect::<Value>(),
        "emails": emails.collect::<Value>(),
        "silences": account.silences.iter().filter(|silence| silence.contact == id.as_str())
            .map(|silence| json!({"slot": silence.slot, "reason": silence.reason})).collect::<Value>(),
        "leads": rows.leads.iter().filter(|lead| lead.contact == id.as_str()).map(|lead| view.lead(lead)).collect::<Value>(),
    })))
}

async fn mail(State(served): State<Served>, Path(id): Path<String>) -> Result<axum::Json<Value>, Unshown> {
    let mail = find_mail(&served, &id)?;
    Ok(axum::Json(json!({
        "id": mail.id, "at": mail.at, "from": mail.from, "to": mail.to.join(", "), "subject": mail.subject,
        "headers": mail.headers, "text": mail.text, "html": mail.html.is_some(),
    })))
}

async fn mail_html(State(served): State<Served>, Path(id): Path<String>) -> Result<Response, Unshown> {
    let html = find_mail(&served, &id)?.html.ok_or(Unshown(StatusCode::NOT_FOUND))?;
    // A mail as a mail program shows it: its own styles, and nothing that runs or loads.
    let policy =
        HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; sandbox");
    let mut response = ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response();
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    Ok(response)
}

fn find_mail(served: &Served, id: &str) -> Result<Mail, Unshown> {
    let mails = served.deployment.world.mails()?;
    mails.into_iter().find(|mail| mail.id == id).ok_or(Unshown(StatusCode::NOT_FOUND))
}

/// Browsers throw away an event without data, so it has some.
async fn changes(State(served): State<Served>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let changes = served.deployment.world.changes();
    let events = futures::stream::unfold(changes, |mut changes| async move {
        changes.changed().await.ok()?;
        Some((Ok(Event::default().event("changed").data("look again")), changes))
    });
    Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(15)))
}

/// The offered delivery as a configuration for curl, signed for now: so that a paste works whenever it is pasted.
async fn try_it(State(served): State<Served>) -> Result<String, Unshown> {
    let offer = served.offer.as_ref().ok_or(Unshown(StatusCode::NOT_FOUND))?;
    let at = served.deployment.world.clock().now();
    let signature = served.deployment.sign(&offer.id, at, &offer.body)?;
    Ok(format!(
        "url = \"{}/v1/webhooks/native\"\nheader = \"content-type: application/json\"\nheader = \"webhook-id: {}\"\n\
         header = \"webhook-timestamp: {}\"\nheader = \"webhook-signature: {signature}\"\ndata-binary = \"{}\"\nsilent\nshow-error\n\
         write-out = \"%{{http_code}}\\n\"\n",
        offer.url,
        offer.id,
        at.as_second(),
        offer.body.replace('\\', "\\\\").replace('"', "\\\""),
    ))
}

/// The command that delivers the offer: the first curl asks for the signed request, the second sends it.
pub fn curl(url: &str) -> String {
    format!("curl -s {url}/try | curl -K -")
}

/// The rows as people read them.
struct View<'a> {
    deployment: &'a Deployment,
    rows: &'a Rows,
}

impl View<'_> {
    fn person(&self, id: &ContactId) -> Option<Contact> {
        self.rows.contacts.get(id).map(|profile| Contact::from_fields(id.clone(), &profile.fields()))
    }

    fn company_of(&self, id: &ContactId) -> Option<Company> {
        let account = self.person(id)?.account?;
        let profile = self.rows.accounts.get(account.as_str())?;
        Some(Company::from_fields(account, &profile.fields()))
    }

    fn name(&self, id: &ContactId) -> String {
        let person = self.person(id);
        let part = |part: Option<String>| part.unwrap_or_default();
        let name = person.map(|person| format!("{} {}", part(person.first_name), part(person.last_name)));
        name.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).unwrap_or_else(|| id.to_string())
    }

    fn product(&self, id: &str) -> String {
        self.deployment.playbook.product_name(&ProductId::from(id)).to_owned()
    }

    fn contact_line(&self, id: &ContactId, account: &Account) -> Value {
        let company = self.company_of(id);
        let scores = account.scores.iter().filter(|score| score.contact == id.as_str()).map(|score| {
            let product = ProductId::from(score.product.as_str());
            json!({"product": score.product, "product_name": self.product(&score.product), "points": score.points,
                   "threshold": self.deployment.playbook.interest.threshold(&product)})
        });
        json!({
            "id": id.as_str(), "name": self.name(id), "title": self.person(id).and_then(|person| person.title),
            "account": company.as_ref().map(|company| company.id.to_string()),
            "account_name": company.as_ref().and_then(|company| company.name.clone()),
            "at_risk": company.as_ref().is_some_and(|company| company.health == Health::AtRisk),
            "suppressed": account.silences.iter().any(|silence| {
                silence.contact == id.as_str() && (silence.reason == "unsubscribed" || silence.reason == "address suppressed")
            }) || self.rows.opted_out.contains(id),
            "scores": scores.collect::<Value>(),
        })
    }

    fn lead(&self, lead: &Lead) -> Value {
        let contact = lead.contact_id();
        let playbook = &self.deployment.playbook;
        let title =
            |asset: &str| playbook.interest.assets.get(asset).map_or(asset.to_owned(), |rule| rule.title.clone());
        json!({
            "contact": lead.contact, "contact_name": self.name(&contact),
            "account_name": self.company_of(&contact).and_then(|company| company.name),
            "product": lead.product, "product_name": self.product(&lead.product), "quarter": lead.quarter,
            "qualified_at": instant(lead.qualified_at), "priority": lead.priority, "sort_score": lead.sort_score,
            "fit_points": lead.fit_points, "fit_grade": lead.fit_grade, "engagement": lead.engagement, "score": lead.score,
            "status": lead.stage, "owner": lead.owner,
            "owner_name": playbook.rep(&lead.owner_id()).map_or(lead.owner.as_str(), |rep| rep.name.as_str()),
            "why": lead.evidence.iter().map(|evidence| json!({
                "at": instant(evidence.at), "title": title(&evidence.asset), "action": evidence.action, "points": evidence.points,
            })).collect::<Value>(),
            "rungs_fired": lead.clock().rungs_fired, "rungs": playbook.ladder.len(),
            "next_check_at": lead.due_at.map(instant), "recycled_reason": lead.reason, "new_customer": lead.new_customer,
            "playbook_version": lead.playbook_version,
        })
    }
}

fn tag<'a>(mail: &'a Mail, name: &str) -> Option<&'a str> {
    mail.tags.iter().find(|(tag, _)| tag == name).map(|(_, value)| value.as_str())
}

fn mail_line(mail: &Mail) -> Value {
    json!({"id": mail.id, "at": mail.at, "to": mail.to.join(", "), "subject": mail.subject, "kind": tag(mail, "kind"),
           "contact": contact_of(mail), "stream": tag(mail, "stream"), "piece": tag(mail, "piece")})
}

/// The contact to whom, or about whom, a mail is.
fn contact_of(mail: &Mail) -> Option<String> {
    tag(mail, tags::CONTACT).and_then(tags::read_token)
}

/// Mail id and subject by contact and slot.
fn subjects(mails: &[Mail]) -> BTreeMap<(String, String), (String, String)> {
    let key = |mail: &Mail| Some((contact_of(mail)?, tag(mail, "slot")?.to_owned()));
    mails.iter().filter_map(|mail| Some((key(mail)?, (mail.id.clone(), mail.subject.clone())))).collect()
}

/// The delivery to offer: somebody whose next engagement makes an MQL before your eyes.
pub fn offer(deployment: &Deployment, rows: &Rows, account: &Account, url: &str, now: Timestamp) -> Option<Try> {
    let playbook = &deployment.playbook;
    let view = View { deployment, rows };
    let quarter = playbook.interest.quarters.of(now).to_string();
    let free = |contact: &str, product: &str| {
        let company = view.company_of(&contact.into());
        let usual = company.is_some_and(|company| {
            company.health == Health::Good
                && !company.owns.contains_key(product)
                && company.customer_since.is_some_and(|since| now.as_second() - since.as_second() > 200 * 24 * 60 * 60)
        });
        let led =
            rows.leads.iter().any(|lead| lead.contact == contact && lead.product == product && lead.quarter == quarter);
        usual && !led
    };
    let candidates = account.scores.iter().filter(|score| free(&score.contact, &score.product));
    let best = candidates.max_by_key(|score| (score.points, std::cmp::Reverse(&score.contact)))?;
    let threshold = playbook.interest.threshold(&best.product.as_str().into());
    let mut actions: Vec<(i64, &str, &str)> = playbook
        .interest
        .assets
        .iter()
        .filter(|(_, rule)| rule.products.iter().any(|product| product.as_str() == best.product))
        .flat_map(|(asset, rule)| rule.actions.iter().map(move |(action, rule)| (asset, action, rule)))
        // A deed rather than a click: it says more to whoever watches.
        .filter(|(_, action, rule)| action.as_str() != CLICK && !rule.act_now && best.points + rule.points >= threshold)
        .map(|(asset, action, rule)| (rule.points, asset.as_str(), action.as_str()))
        .collect();
    actions.sort_unstable();
    let (_, asset, action) = *actions.first()?;
    let data = json!({"contact": best.contact, "asset": asset, "action": action});
    let body = crate::example::native("engagement.recorded", now, &data);
    Some(Try { id: format!("try-{}", now.as_second()), body, url: url.to_owned() })
}
