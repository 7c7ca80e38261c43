//! Each function may do in DynamoDB and Secrets Manager what it does, and nothing else: what it calls while the example is played, against
//! the role that the template gives it. The embedded database knows no permissions; AWS does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use apply_change::ApplyChange;
use brief_sales::BriefSales;
use escalate_sla::EscalateSla;
use http::Request;
use jiff::SignedDuration;
use perennial::deployment::{CONFIGURATION_SET, Deployment, function};
use perennial::example::Story;
use perennial_local::{ClockHandle, Function};
use perennial_platform::address::AddressKey;
use perennial_platform::bus::Bus;
use perennial_platform::identity::erasing;
use perennial_platform::ledger::Ledger;
use perennial_platform::links::Links;
use perennial_platform::mail::suppression_list::SuppressionList;
use perennial_platform::mail::{Mailer, Recipients};
use perennial_platform::outbox::Waiting;
use perennial_platform::queue::Queue;
use perennial_platform::sending::Sending;
use perennial_platform::sessions::Sessions;
use perennial_platform::webhook::secrets::SourceSecrets;
use perennial_tests::desk::Desk;
use perennial_tests::interpose::Interposer;
use perennial_tests::{
    address_of, at, body, clock, deploy_with, engagement, ingest_at, introduce, playbook_with, root, sdk_config,
    settle, store_at, tell,
};
use plan_nurture::PlanNurture;
use qualify_mql::QualifyMql;
use record_email_feedback::RecordEmailFeedback;
use relay_events::RelayEvents;
use sales_desk::{SalesDesk, SignIn};
use score_and_decay::ScoreAndDecay;
use send_nurture_email::SendNurtureEmail;
use serde_json::{Value, json};
use signed_pages::SignedPages;

/// `action resource` by function: `UpdateItem StateTable`, `Query StateTable/index/due`.
type Permissions = BTreeMap<String, BTreeSet<String>>;

#[tokio::test]
async fn every_role_allows_what_its_function_does_and_nothing_else() {
    let start = at("2026-10-05T00:00:00Z");
    // One bounce is enough to pause sending.
    let playbook = playbook_with(|text| {
        text.replace("over_sends = 200", "over_sends = 1")
            .replace("pause_at_bounce_percent = 4", "pause_at_bounce_percent = 1")
    });
    let deployment = deploy_with(ClockHandle::standing_at(start), playbook).await;
    let used: Arc<Mutex<Permissions>> = Arc::default();
    let running: Arc<Mutex<String>> = Arc::default();
    let (seen, by) = (Arc::clone(&used), Arc::clone(&running));
    let interposer = Interposer::start(
        &deployment.world.endpoints().dynamodb,
        Arc::new(move |operation, request| {
            let function = by.lock().unwrap().clone();
            seen.lock().unwrap().entry(function).or_default().extend(actions(&operation, &request));
            Box::pin(async move { request })
        }),
        Arc::new(|_, _, _| {}),
    )
    .await;
    let secrets = secrets_of(&deployment, &used).await;
    register(&deployment, &interposer.url, &secrets.url, &running).await;

    let story = Story::read(&root().join("infra/playbook/example")).unwrap();
    story.play(&deployment, start, |_| {}).await.unwrap();
    press_a_lead_link(&deployment).await;
    use_the_desk(&deployment).await;
    press_an_unsubscribe_link(&deployment).await;
    use_the_preference_centre(&deployment).await;
    merge_and_erase(&deployment).await;
    need_help(&deployment).await;
    deployment.world.advance_to(at("2026-12-28T12:00:00Z"), |_| {}).await.unwrap();

    let used = used.lock().unwrap().clone();
    let allowed = allowed();
    assert_eq!(used.keys().collect::<Vec<_>>(), allowed.keys().collect::<Vec<_>>(), "every function has run");
    for (function, used) in used {
        assert_eq!(used, allowed[&function], "{function}: used (left), allowed (right)");
    }
}

/// Secrets Manager, with the secret of the webhooks by the name of its parameter. Only ingest-engagement is led here.
async fn secrets_of(deployment: &Deployment, used: &Arc<Mutex<Permissions>>) -> Interposer {
    let live = json!({"native": deployment.secret_of("native"), "segment": deployment.secret_of("segment")});
    deployment.world.set_secret("WebhookSecretName", &live.to_string());
    let seen = Arc::clone(used);
    Interposer::start(
        &deployment.world.endpoints().aws,
        Arc::new(move |operation, request| {
            let action = format!("{operation} {}", request["SecretId"].as_str().unwrap_or_default());
            seen.lock().unwrap().entry("IngestEngagement".to_owned()).or_default().insert(action);
            Box::pin(async move { request })
        }),
        Arc::new(|_, _, _| {}),
    )
    .await
}

/// The actions that a call needs: a transaction those of its parts.
fn actions(operation: &str, request: &Value) -> Vec<String> {
    let table = |of: &Value| of["TableName"].as_str().unwrap_or_default().to_owned();
    match operation {
        "TransactWriteItems" => request["TransactItems"]
            .as_array()
            .into_iter()
            .flatten()
            .flat_map(|part| part.as_object().into_iter().flatten())
            .map(|(kind, part)| {
                let action =
                    if kind == "ConditionCheck" { "ConditionCheckItem".to_owned() } else { format!("{kind}Item") };
                format!("{action} {}", table(part))
            })
            .collect(),
        "BatchGetItem" => {
            let tables = request["RequestItems"].as_object().into_iter().flatten();
            tables.map(|(table, _)| format!("BatchGetItem {table}")).collect()
        }
        // What it may forget is limited to these partitions.
        "DeleteItem" if table(request) == "LedgerTable" => {
            let partition = request["Key"]["PK"]["S"].as_str().unwrap_or_default().split('#').next();
            vec![format!("DeleteItem LedgerTable {}#*", partition.unwrap_or_default())]
        }
        _ => match request["IndexName"].as_str() {
            Some(index) => vec![format!("{operation} {}/index/{index}", table(request))],
            None => vec![format!("{operation} {}", table(request))],
        },
    }
}

/// What the template's roles allow in DynamoDB and Secrets Manager, streams aside: those are read by Lambda itself.
fn allowed() -> Permissions {
    let template = std::fs::read_to_string(root().join("infra/sam/template.yaml")).unwrap();
    let mut allowed = Permissions::new();
    let mut role: Option<String> = None;
    let (mut actions, mut rows) = (Vec::<String>::new(), Vec::<String>::new());
    for line in template.lines() {
        let text = line.trim();
        if line.starts_with("  ") && !line.starts_with("   ") && text.ends_with(':') {
            role = text.strip_suffix("Role:").map(str::to_owned);
        }
        let Some(role) = &role else { continue };
        if let Some(listed) = text.strip_prefix("Action:") {
            let names = listed.trim().trim_matches(['[', ']']).split(',').map(str::trim);
            let known =
                |name: &str| name.strip_prefix("dynamodb:").or(name.strip_prefix("secretsmanager:")).map(str::to_owned);
            actions = names.filter_map(known).collect();
        } else if let Some(resource) = text.strip_prefix("Resource:").filter(|text| !text.contains("StreamArn")) {
            let resource = resource.trim().trim_start_matches("!GetAtt ").trim_start_matches("!Sub ").trim_matches('"');
            let resource = resource.replace("${StateTable.Arn}", "StateTable").replace(".Arn", "");
            // One secret of this account and region, whatever the six characters are that end its ARN.
            let resource = resource
                .strip_prefix("arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:${")
                .and_then(|name| name.strip_suffix("}-??????"))
                .map_or(resource.clone(), str::to_owned);
            rows = actions.drain(..).map(|action| format!("{action} {resource}")).collect();
            allowed.entry(role.clone()).or_default().extend(rows.iter().cloned());
        } else if let Some((_, partitions)) = text.split_once("\"dynamodb:LeadingKeys\": [") {
            let of_role = allowed.entry(role.clone()).or_default();
            let partitions = partitions.split(']').next().unwrap_or_default();
            for row in rows.iter().filter(|row| *row == "DeleteItem LedgerTable") {
                of_role.remove(row);
                of_role
                    .extend(partitions.split(", ").map(|partition| format!("{row} {}", partition.trim_matches('"'))));
            }
        }
    }
    allowed.retain(|_, actions| !actions.is_empty());
    allowed
}

/// Somebody takes the Act Now that nobody has touched.
async fn press_a_lead_link(deployment: &Deployment) {
    let mails = deployment.world.mails().unwrap();
    let escalated = |mail: &&perennial_local::Mail| mail.tags.iter().any(|(_, value)| value == "escalation");
    let text = mails.iter().rev().find(escalated).unwrap().text.clone().unwrap();
    let path = text.split_whitespace().find_map(|word| word.split_once("/l/")).unwrap().1.to_owned();
    let request = Request::post(format!("/l/{path}")).body(Vec::new().into()).unwrap();
    assert_eq!(deployment.world.http(request).await.unwrap().status(), 200);
    settle(deployment).await;
}

/// A manager signs in, looks at the team, at a rep's leads, at one of them, and says something of it.
async fn use_the_desk(deployment: &Deployment) {
    let mut desk = Desk::sign_in(deployment, "elif.aydin@fernhill.example.com").await;
    desk.get("/desk/team").await.expect(200);
    let list = desk.get("/desk?rep=rep-anna").await.expect(200);
    let lead = desk.get(&list.leads()[0]).await.expect(200);
    let word = lead.words()[0].to_owned();
    let said = desk.say(&lead, &word, &[]).await.expect(303);
    assert!(said.location.is_some_and(|to| to.ends_with(&format!("?done={word}"))), "{word}");
    settle(deployment).await;
}

/// Somebody opts out by the link of a nurture mail.
async fn press_an_unsubscribe_link(deployment: &Deployment) {
    let mails = deployment.world.mails().unwrap();
    let text = mails.iter().rev().find_map(|mail| mail.text.clone().filter(|text| text.contains("/u/"))).unwrap();
    let path = text.split_whitespace().find_map(|word| word.split_once("/u/")).unwrap().1.to_owned();
    let request = Request::post(format!("/u/{path}")).body(Vec::new().into()).unwrap();
    assert_eq!(deployment.world.http(request).await.unwrap().status(), 200);
    settle(deployment).await;
}

/// Somebody follows a link of a mail, chooses, leaves and comes back.
async fn use_the_preference_centre(deployment: &Deployment) {
    let mails = deployment.world.mails().unwrap();
    let text = mails.iter().find_map(|mail| mail.text.clone().filter(|text| text.contains("/p/"))).unwrap();
    let path = |letter: &str| {
        let after = text.split_whitespace().find_map(|word| word.split_once(letter)).unwrap().1;
        format!("{letter}{after}")
    };
    let all = "shown=numbers&frequency=monthly&channel=email&pause=none&do=";
    let pressed = ["save", "unsubscribe", "resubscribe"]
        .map(|press| Request::post(path("/p/")).body(format!("{all}{press}").into()));
    let followed = Request::get(path("/t/")).body(Vec::new().into());
    for request in [followed].into_iter().chain(pressed) {
        let status = deployment.world.http(request.unwrap()).await.unwrap().status().as_u16();
        assert!([200, 302].contains(&status), "{status}");
        settle(deployment).await;
    }
}

/// An account does not use what it bought: its owner hears whom to call there.
async fn need_help(deployment: &Deployment) {
    introduce(deployment, "ada").await;
    let (now, account) = (deployment.world.clock().now(), "account-of-ada".into());
    let bought_at = now.as_second() - 50 * 86_400;
    let asked = Waiting::account_needs_help(&account, &"integrations".into(), bought_at, Some(&"rep-anna".into()), now);
    let asked = deployment.store.put_over(&asked.unwrap()).unwrap();
    deployment.store.commit("a test", vec![asked]).await.unwrap();
    settle(deployment).await;
    let mails = deployment.world.mails().unwrap();
    assert!(mails.iter().any(|mail| mail.subject.contains("needs your help")), "somebody is asked");
}

/// An anonymous id turns out to be somebody's, and what is told late of somebody who was erased is dropped.
async fn merge_and_erase(deployment: &Deployment) {
    let now = deployment.world.clock().now();
    introduce(deployment, "known").await;
    introduce(deployment, "gone").await;
    introduce(deployment, "bounce+bess").await;
    let (store, ledger) = (&deployment.store, &deployment.ingest.ledger);
    erasing::erase(store, ledger, &AddressKey::new("key"), &"gone".into(), now).await.unwrap();
    for (id, body) in [
        ("anonymous", engagement("anon", "analytics-guide", "download", now)),
        ("merge", body("contact.merged", now, &json!({"from": "anon", "contact": "known"}))),
        ("late", engagement("gone", "analytics-guide", "download", now)),
        ("of-bess", engagement("bounce+bess", "analytics-checklist", "download", now)),
        ("late-too", body("contact.identified", now, &json!({"contact": "gone", "title": "CMO"}))),
        ("anonymous-too", engagement("anon-too", "analytics-guide", "download", now)),
        ("merge-too", body("contact.merged", now, &json!({"from": "anon-too", "contact": "gone"}))),
    ] {
        tell(deployment, id, &body).await;
        settle(deployment).await;
    }
    // What waits and names her lies under a company, or under nobody.
    let ahead = now + SignedDuration::from_hours(48);
    let traits = json!({"traits": {"email": address_of("gone")}});
    for (id, call) in [
        (
            "company",
            json!({"type": "group", "userId": "gone", "groupId": "heron", "context": traits, "timestamp": ahead}),
        ),
        ("unread", json!({"type": "track", "event": "Guide Downloaded", "context": traits, "timestamp": now})),
    ] {
        let mut call = call;
        call["messageId"] = json!(id);
        let (status, answer) = deployment.post_to("segment", id, &call.to_string()).await.unwrap();
        assert!(status == 202 && answer.contains("quarantined"), "{id}: {answer}");
        settle(deployment).await;
    }
}

/// All functions again, each behind the interposer and with its name said when it runs. Deliveries are made one after the
/// other, so only one runs at a time.
async fn register(deployment: &Deployment, database: &str, secrets: &str, running: &Arc<Mutex<String>>) {
    let world = &deployment.world;
    let services = sdk_config(&world.endpoints().aws).await;
    let (store, playbook, clock) = (store_at(database).await, Arc::clone(&deployment.playbook), clock(deployment));
    let key = AddressKey::new("key");
    let links = Links::new("key", "https://mail.fernhill.example.com");
    let (store, playbook, clock) = (|| store.clone(), || Arc::clone(&playbook), || clock.clone());
    let mut ingest = ingest_at(database, deployment, playbook()).await;
    ingest.secrets = SourceSecrets::manager(&sdk_config(secrets).await, "WebhookSecretName");
    let ledger = Ledger::new(&sdk_config(database).await, &deployment.ledger_table);
    let scoring = ScoreAndDecay { store: store(), ledger: ledger.clone(), playbook: playbook(), clock: clock() };
    let changes = ApplyChange {
        store: store(),
        ledger: ledger.clone(),
        address_key: key.clone(),
        playbook: playbook(),
        clock: clock(),
    };
    let qualification = QualifyMql { store: store(), address_key: key.clone(), playbook: playbook(), clock: clock() };
    let queue = Queue::new(&services, world.queue_url("MailQueue"));
    let planning = PlanNurture { store: store(), queue: queue.clone(), playbook: playbook() };
    let line = || Sending { store: store(), rules: playbook().sending.rules.clone() };
    let sending = SendNurtureEmail {
        store: store(),
        queue,
        mailer: Mailer::new(&services, &playbook().company.sender, Some(CONFIGURATION_SET.to_owned())),
        sending: line(),
        recipients: Recipients::Anyone,
        desk_url: None,
        links: links.clone(),
        address_key: key.clone(),
        playbook: playbook(),
        clock: clock(),
    };
    let feedback = RecordEmailFeedback {
        store: store(),
        ledger: ledger.clone(),
        sending: line(),
        suppression_list: SuppressionList::new(&services),
        address_key: key.clone(),
        playbook: playbook(),
        clock: clock(),
    };
    let escalation = EscalateSla { store: store(), playbook: playbook() };
    let briefs = BriefSales { store: store(), playbook: playbook() };
    let relay = RelayEvents { store: store(), bus: Bus::new(&services, "EventBus"), clock: clock() };
    let desk = SalesDesk {
        ledger: ledger.clone(),
        store: store(),
        address_key: key.clone(),
        sessions: Sessions::new("key"),
        sign_in: SignIn::Anybody,
        playbook: playbook(),
        clock: clock(),
    };
    let pages = SignedPages { ledger, store: store(), links, address_key: key, playbook: playbook(), clock: clock() };
    let functions: [(&str, Function); 12] = [
        ("IngestEngagement", function(ingest, |it, event| async move { it.handle(event).await })),
        ("ScoreAndDecay", function(scoring, |it, event| async move { it.handle(event).await })),
        ("ApplyChange", function(changes, |it, event| async move { it.handle(event).await })),
        ("QualifyMql", function(qualification, |it, event| async move { it.handle(event).await })),
        ("PlanNurture", function(planning, |it, event| async move { it.handle(event).await })),
        ("SendNurtureEmail", function(sending, |it, event| async move { it.handle(event).await })),
        ("RecordEmailFeedback", function(feedback, |it, event| async move { it.handle(event).await })),
        ("EscalateSla", function(escalation, |it, event| async move { it.handle(event).await })),
        ("BriefSales", function(briefs, |it, event| async move { it.handle(event).await })),
        ("RelayEvents", function(relay, |it, event| async move { it.handle(event).await })),
        ("SalesDesk", function(desk, |it, event| async move { it.handle(event).await })),
        ("SignedPages", function(pages, |it, event| async move { it.handle(event).await })),
    ];
    for (name, function) in functions {
        let running = Arc::clone(running);
        let named: Function = Arc::new(move |event| {
            name.clone_into(&mut running.lock().unwrap());
            function(event)
        });
        world.register(name, named);
    }
}
