//! DynamoDB without a network: each request is built, signed and handed over as ever, and answered at once.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::Credentials;
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use serde_json::{Value, json};

/// Leads in the answer: one more than stand on a page.
const LEADS: usize = 51;
/// Engagements of each contact.
const FACTS: usize = 12;

#[derive(Clone, Debug)]
struct Answers {
    leads: String,
    people: String,
    accounts: String,
}

impl HttpConnector for Answers {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned();
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let answer = match target.ends_with("Query") {
            true => &self.leads,
            false if body.contains("CONTACT#") => &self.people,
            false => &self.accounts,
        };
        let status = 200.try_into().expect("a status");
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status, answer.clone().into())))
    }
}

/// A configuration with which a rep has leads.
pub async fn answering() -> SdkConfig {
    let all = |items: Vec<Value>| json!({"Responses": {"state": items}, "UnprocessedKeys": {}}).to_string();
    let answers = Answers {
        leads: json!({"Items": (0..LEADS).map(lead).collect::<Vec<_>>(), "Count": LEADS}).to_string(),
        people: all((0..LEADS - 1).flat_map(|n| [person(n), interest(n)]).collect()),
        accounts: all((0..LEADS - 1).map(account).collect()),
    };
    let client = http_client_fn(move |_, _| SharedHttpConnector::new(answers.clone()));
    aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("bench", "bench", None, None, "bench"))
        .http_client(client)
        .load()
        .await
}

fn lead(n: usize) -> Value {
    let text = |text: &str| json!({"S": text});
    let number = |number: usize| json!({"N": number.to_string()});
    json!({
        "PK": text(&format!("CONTACT#contact-{n}")), "SK": text("LEAD#analytics#2026-Q1"),
        "desk_owner": text("REP#rep-anna"), "desk_rank": number(900_000_000_000 - n),
        "contact": text(&format!("contact-{n}")), "product": text("analytics"), "quarter": text("2026-Q1"),
        "owner": text("rep-anna"), "priority": text("hot"), "stage": text("mql"), "qualified_at": number(1_767_600_000),
        "sort_score": number(90), "sort_from_fit": number(45), "driver": text("fit and engagement"),
        "fit_points": number(90), "sla_due_at": number(1_767_860_000), "rungs": {"L": []},
    })
}

fn fields(stated: &[(&str, String)]) -> Value {
    let fields = stated
        .iter()
        .map(|(name, value)| ((*name).to_owned(), json!({"M": {"t": {"N": "1767600000"}, "v": {"S": value}}})));
    json!({"M": fields.collect::<serde_json::Map<_, _>>()})
}

fn person(n: usize) -> Value {
    let stated = [
        ("account", format!("account-{n}")),
        ("email", format!("contact-{n}@example.com")),
        ("first_name", format!("Wilhelmina {n}")),
        ("last_name", "Quarterstaff & Sons".to_owned()),
        ("title", "Vice President of Marketing".to_owned()),
        ("role", "executive".to_owned()),
    ];
    json!({
        "PK": {"S": format!("CONTACT#contact-{n}")}, "SK": {"S": "PROFILE"}, "rev": {"N": "1"}, "fields": fields(&stated),
    })
}

fn account(n: usize) -> Value {
    let stated = [
        ("name", format!("Juniper Tools {n}")),
        ("owner", "rep-anna".to_owned()),
        ("size", "enterprise".to_owned()),
        ("owns.integrations", "2024-01-15T00:00:00Z".to_owned()),
    ];
    json!({
        "PK": {"S": format!("ACCOUNT#account-{n}")}, "SK": {"S": "PROFILE"}, "rev": {"N": "1"}, "fields": fields(&stated),
    })
}

fn interest(n: usize) -> Value {
    let assets = ["analytics-guide/download", "analytics-checklist/download", "analytics-pricing/view"];
    let mut item = json!({
        "PK": {"S": format!("CONTACT#contact-{n}")}, "SK": {"S": "INTEREST#analytics"}, "rev": {"N": "1"},
    });
    for (place, asset) in assets.iter().enumerate() {
        let seconds = (0..FACTS / assets.len()).map(|fact| (1_767_000_000 - 200_000 * (fact * 3 + place)).to_string());
        item[format!("f:{asset}")] = json!({"NS": seconds.collect::<Vec<_>>()});
    }
    item
}
