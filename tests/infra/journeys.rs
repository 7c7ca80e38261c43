//! Everything that the functions do, done once, with every call to AWS recorded by function. The embedded services know no
//! permissions; AWS does.

use std::sync::{Arc, OnceLock};

use apply_change::ApplyChange;
use brief_sales::BriefSales;
use escalate_sla::EscalateSla;
use http::Request;
use ingest_engagement::Ingest;
use jiff::SignedDuration;
use perennial::deployment::{CONFIGURATION_SET, Deployment, function};
use perennial::example::Story;
use perennial_local::{Call, ClockHandle, Fault, Function, Mail};
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
use perennial_platform::store::Store;
use perennial_platform::webhook::secrets::SourceSecrets;
use perennial_playbook::Playbook;
use perennial_tests::desk::Desk;
use perennial_tests::{
    address_of, at, body, bundle, clock, deploy_with, engagement, introduce, root, sdk_config, settle, tell,
};
use plan_nurture::PlanNurture;
use qualify_mql::QualifyMql;
use record_email_feedback::RecordEmailFeedback;
use relay_events::RelayEvents;
use sales_desk::{SalesDesk, SignIn};
use score_and_decay::ScoreAndDecay;
use send_nurture_email::SendNurtureEmail;
use serde_json::json;
use signed_pages::SignedPages;

use crate::recorded::{Calls, Grants};
use crate::sam::{FULL, Template};

/// What each function asked of AWS while everything was done that they do: played once, whoever asks.
pub(crate) fn calls() -> &'static Grants {
    static CALLS: OnceLock<Grants> = OnceLock::new();
    CALLS.get_or_init(|| {
        let play =
            || tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime").block_on(play());
        // Of its own thread, since whoever asks may be in a runtime already.
        std::thread::scope(|scope| scope.spawn(play).join().expect("the journeys end"))
    })
}

/// The example's playbook as it ships, but that one bounce is enough to pause sending.
fn shipped_playbook() -> Arc<Playbook> {
    let mut bundle = bundle().clone();
    bundle.playbook = bundle.playbook.replace("over_sends = 200", "over_sends = 1");
    bundle.playbook = bundle.playbook.replace("pause_at_bounce_percent = 4", "pause_at_bounce_percent = 1");
    Arc::new(Playbook::of(&bundle).unwrap())
}

async fn play() -> Grants {
    let start = at("2026-10-05T00:00:00Z");
    let deployment = deploy_with(ClockHandle::standing_at(start), shipped_playbook()).await;
    let live = json!({"native": deployment.secret_of("native"), "segment": deployment.secret_of("segment")});
    deployment.world.set_secret("WebhookSecretName", &live.to_string());
    let calls = Calls::new(&Template::shipped(FULL));
    register(&deployment, &calls).await;

    let by_address = [address_of("zed"), address_of("yan")];
    for address in &by_address {
        be_known_by_address(&deployment, address).await;
    }
    let story = Story::read(&root().join("infra/playbook/example")).unwrap();
    story.play(&deployment, start, |_| {}).await.unwrap();
    press_a_lead_link(&deployment).await;
    use_the_desk(&deployment).await;
    press_an_unsubscribe_link(&deployment).await;
    use_the_preference_centre(&deployment, |_| true).await;
    use_the_preference_centre(&deployment, |mail| mail.to.contains(&by_address[0])).await;
    merge_and_erase(&deployment).await;
    turn_out_to_be_somebody(&deployment).await;
    need_help(&deployment).await;
    buy_and_not_use(&deployment).await;
    ask_while_ses_takes_nothing(&deployment).await;
    deployment.world.advance_to(at("2026-12-28T12:00:00Z"), |_| {}).await.unwrap();
    calls.seen()
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
async fn use_the_preference_centre(deployment: &Deployment, whose: impl Fn(&Mail) -> bool) {
    let mails = deployment.world.mails().unwrap();
    let mut theirs = mails.iter().filter(|mail| whose(mail)).filter_map(|mail| mail.text.clone());
    let text = theirs.find(|text| text.contains("/p/") && text.contains("/t/")).unwrap();
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

/// Another account does not either, and its people are written to.
async fn buy_and_not_use(deployment: &Deployment) {
    introduce(deployment, "ivy").await;
    let now = deployment.world.clock().now();
    let bought = (now - SignedDuration::from_hours(24 * 55)).strftime("%Y-%m-%d").to_string();
    let data = json!({"account": "account-of-ivy", "owns": {"integrations": "2024-01-15", "analytics": bought}});
    tell(deployment, "ivy-buys", &body("account.updated", now, &data)).await;
    tell(deployment, "ivy-reads", &engagement("ivy", "analytics-guide", "download", now)).await;
    settle(deployment).await;
}

/// A lead to act on now, while SES takes nothing from the account: its hand-off is put off.
async fn ask_while_ses_takes_nothing(deployment: &Deployment) {
    introduce(deployment, "ida").await;
    let now = deployment.world.clock().now();
    deployment.world.faults().inject(Call::SendEmail, Fault::Refuse("SendingPausedException".to_owned()));
    tell(deployment, "ida-asks", &engagement("ida", "automation-pricing", "request", now)).await;
    settle(deployment).await;
    assert_eq!(deployment.world.faults().pending(), 0, "a hand-off was refused");
}

/// Somebody whom the sender knows by an address alone, as others by an id: an old customer who reads.
async fn be_known_by_address(deployment: &Deployment, address: &str) {
    let now = deployment.world.clock().now();
    let account = format!("account-of-{}", &address[..3]);
    let customer = json!({
        "account": account, "name": "Juniper Tools", "health": "good", "owner": "rep-anna", "size": "enterprise",
        "region": "emea", "industry": "software", "customer_since": "2024-01-15", "owns": {"integrations": "2024-01-15"},
    });
    let person = json!({"contact": address, "account": account, "first_name": "Wilhelmina", "email": address,
        "title": "VP Marketing", "role": "executive"});
    for (id, body) in [
        ("customer", body("account.updated", now, &customer)),
        ("person", body("contact.identified", now, &person)),
        ("reads", engagement(address, "analytics-checklist", "download", now)),
    ] {
        tell(deployment, &format!("{id}-{}", &address[..3]), &body).await;
        settle(deployment).await;
    }
}

/// One of those addresses turns out to be a known person's, who then has another; the other's is merged into somebody erased.
async fn turn_out_to_be_somebody(deployment: &Deployment) {
    let now = deployment.world.clock().now();
    let (zed, yan) = (address_of("zed"), address_of("yan"));
    introduce(deployment, "zed").await;
    for (id, body) in [
        (
            "elsewhere",
            body("contact.identified", now, &json!({"contact": "zed", "email": "zed@elsewhere.example.com"})),
        ),
        ("reads-late", engagement(&zed, "analytics-guide", "download", now)),
        ("yan-asks", engagement(&yan, "automation-pricing", "request", now)),
        ("yan-touched", body("lead.touched", now, &json!({"contact": yan, "product": "automation", "by": "rep-anna"}))),
        ("yan-soft", body("email.bounced", now, &json!({"contact": yan, "permanent": false}))),
        ("yan-out", body("email.unsubscribed", now, &json!({"contact": yan}))),
        ("yan-gone", body("contact.merged", now, &json!({"from": yan, "contact": "gone"}))),
    ] {
        tell(deployment, id, &body).await;
        settle(deployment).await;
    }
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

/// All functions again, each with clients of its own that record what it asks for.
async fn register(deployment: &Deployment, calls: &Calls) {
    let world = &deployment.world;
    let tables = sdk_config(&world.endpoints().dynamodb).await;
    let services = sdk_config(&world.endpoints().aws).await;
    let (playbook, clock) = (Arc::clone(&deployment.playbook), clock(deployment));
    let key = AddressKey::new("key");
    let links = Links::new("key", "https://mail.fernhill.example.com");
    let (playbook, clock) = (|| Arc::clone(&playbook), || clock.clone());
    let store = |function: &str| Store {
        client: aws_sdk_dynamodb::Client::from_conf(calls.of(function).dynamodb(&tables).build()),
        state: "StateTable".to_owned(),
    };
    let ledger = |function: &str| Ledger::new(calls.of(function).dynamodb(&tables), &deployment.ledger_table);
    let queue = |function: &str| Queue::new(calls.of(function).sqs(&services), world.queue_url("MailQueue"));
    let line = |function: &str| Sending {
        store: store(function),
        rules: playbook().sending.rules.clone(),
        needs_approval: None,
    };
    let ingest = Ingest {
        ledger: ledger("IngestEngagement"),
        secrets: SourceSecrets::manager(calls.of("IngestEngagement").secrets_manager(&services), "WebhookSecretName"),
        addresses: perennial::deployment::address_key(),
        playbook: playbook(),
        clock: clock(),
    };
    let scoring = ScoreAndDecay {
        store: store("ScoreAndDecay"),
        ledger: ledger("ScoreAndDecay"),
        playbook: playbook(),
        clock: clock(),
    };
    let changes = ApplyChange {
        store: store("ApplyChange"),
        ledger: ledger("ApplyChange"),
        address_key: key.clone(),
        playbook: playbook(),
        clock: clock(),
    };
    let qualification =
        QualifyMql { store: store("QualifyMql"), address_key: key.clone(), playbook: playbook(), clock: clock() };
    let planning = PlanNurture { store: store("PlanNurture"), queue: queue("PlanNurture"), playbook: playbook() };
    let mailer = calls.of("SendNurtureEmail").ses(&services);
    let sending = SendNurtureEmail {
        store: store("SendNurtureEmail"),
        queue: queue("SendNurtureEmail"),
        mailer: Mailer::new(mailer, &playbook().company.sender, Some(CONFIGURATION_SET.to_owned())),
        sending: line("SendNurtureEmail"),
        recipients: Recipients::Anyone,
        desk_url: None,
        links: links.clone(),
        address_key: key.clone(),
        playbook: playbook(),
        clock: clock(),
    };
    let feedback = RecordEmailFeedback {
        store: store("RecordEmailFeedback"),
        ledger: ledger("RecordEmailFeedback"),
        sending: line("RecordEmailFeedback"),
        suppression_list: SuppressionList::new(calls.of("RecordEmailFeedback").ses(&services)),
        address_key: key.clone(),
        playbook: playbook(),
        clock: clock(),
    };
    let escalation = EscalateSla { store: store("EscalateSla"), playbook: playbook() };
    let briefs = BriefSales { store: store("BriefSales"), playbook: playbook() };
    let bus = Bus::new(calls.of("RelayEvents").eventbridge(&services), "EventBus");
    let relay = RelayEvents { store: store("RelayEvents"), bus, clock: clock() };
    let desk = SalesDesk {
        ledger: ledger("SalesDesk"),
        store: store("SalesDesk"),
        address_key: key.clone(),
        sessions: Sessions::new("key"),
        sign_in: SignIn::Anybody,
        playbook: playbook(),
        clock: clock(),
    };
    let pages = SignedPages {
        ledger: ledger("SignedPages"),
        store: store("SignedPages"),
        links,
        address_key: key,
        playbook: playbook(),
        clock: clock(),
    };
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
        world.register(name, function);
    }
}
