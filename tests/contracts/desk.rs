//! The sales desk: who gets in, who sees what, what can be said, and that looking changes nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use expect_test::expect_file;
use jiff::SignedDuration;
use perennial::account::Rows;
use perennial::deployment::{Deployment, address_key};
use perennial_platform::consent::{self, Channel, Choices, LookAgain};
use perennial_platform::keys;
use perennial_platform::records::Lead;
use perennial_platform::told::What;
use perennial_tests::desk::Desk;
use perennial_tests::interpose::{Before, Interposer};
use perennial_tests::{address_of, at, body, deploy, engagement, introduce, ledger_rows, settle, state_by_key, tell};
use serde_json::json;

use crate::desk_calls::desk_at;

/// A Wednesday.
const NOW: &str = "2026-01-07T10:00:00Z";
const ANNA: &str = "anna.keller@fernhill.example.com";
const BILAL: &str = "bilal.haddad@fernhill.example.com";
/// Anna's and Bilal's manager, and that of the other manager.
const ELIF: &str = "elif.aydin@fernhill.example.com";
/// The manager of Chen and Dora.
const MARCUS: &str = "marcus.bell@fernhill.example.com";

/// Two Act Now leads of Anna's, of two products, and one of Bilal's.
async fn three_leads() -> Deployment {
    let deployment = deploy(at(NOW)).await;
    for (contact, asset) in [("ada", "analytics-pricing"), ("ben", "automation-pricing"), ("cy", "analytics-pricing")] {
        introduce(&deployment, contact).await;
        if contact == "cy" {
            let owner = json!({"account": "account-of-cy", "owner": "rep-bilal"});
            deployment.world.clock().forward(at(NOW) + SignedDuration::from_secs(1));
            let now = deployment.world.clock().now();
            tell(&deployment, "bilals", &body("account.updated", now, &owner)).await;
            settle(&deployment).await;
        }
        let now = deployment.world.clock().now();
        tell(&deployment, contact, &engagement(contact, asset, "request", now)).await;
        settle(&deployment).await;
    }
    deployment
}

async fn lead(deployment: &Deployment, contact: &str, product: &str) -> Lead {
    let key = keys::lead(&contact.into(), &product.into(), "2026-Q1".parse().expect("a quarter"));
    deployment.store.get(&key).await.expect("it can be read").expect("there is one")
}

#[tokio::test]
async fn a_rep_sees_their_own_leads_and_a_manager_those_of_whoever_reports_to_them() {
    let deployment = three_leads().await;
    let mut anna = Desk::sign_in(&deployment, ANNA).await;
    let hers = anna.get("/desk").await.expect(200);
    assert_eq!(hers.leads().len(), 2, "{}", hers.html);
    for said in
        ["Wilhelmina Quarterstaff", "VP Marketing", "Juniper Tools", "Act Now", "Fernhill Analytics", "Asked for"]
    {
        assert!(hers.html.contains(said), "{said}: {}", hers.html);
    }
    let mut bilal = Desk::sign_in(&deployment, BILAL).await;
    let his = bilal.get("/desk").await.expect(200).leads();
    assert_eq!(his.len(), 1);

    // By its address, another's lead is not there, as one that there is not.
    let nowhere = anna.get("/desk/leads/bm93aGVyZQ").await.expect(404);
    let others = anna.get(&his[0]).await.expect(404);
    assert_eq!(others.html, nowhere.html);
    anna.get("/desk?rep=rep-bilal").await.expect(404);
    anna.get("/desk/team").await.expect(404);
    let mark = anna.get(&hers.leads()[0]).await.expect(200).mark().expect("a form").to_owned();
    anna.post(&his[0], &format!("form={mark}&word=touched")).await.expect(404);
    assert_eq!(lead(&deployment, "cy", "analytics").await.stage, "mql");

    let mut elif = Desk::sign_in(&deployment, ELIF).await;
    let team = elif.get("/desk/team").await.expect(200).html;
    for name in ["Anna Keller", "Bilal Haddad", "Chen Wei", "Dora Nagy", "Marcus Bell"] {
        assert!(team.contains(name), "{name}: {team}");
    }
    assert!(!team.contains(">Elif Aydin<") && team.contains("Nothing is overdue, 3 open"), "{team}");
    assert_eq!(elif.get("/desk?rep=rep-bilal").await.expect(200).leads(), his);
    elif.get(&his[0]).await.expect(200);
    assert_eq!(elif.get("/desk").await.expect(200).leads().len(), 0, "she has none herself");
    let mut marcus = Desk::sign_in(&deployment, MARCUS).await;
    marcus.get(&his[0]).await.expect(404);
    marcus.get("/desk?rep=rep-bilal").await.expect(404);
}

#[tokio::test]
async fn nobody_gets_in_without_a_session_of_today() {
    let deployment = three_leads().await;
    let mut anna = Desk::sign_in(&deployment, &ANNA.to_uppercase()).await;
    let lead = anna.get("/desk").await.expect(200).leads().remove(0);
    let signed = anna.cookie.clone();
    let changed = format!("{}A", &signed[..signed.len() - 1]);
    for cookie in ["", "desk=", "desk=nonsense", &changed, "other=x", &signed.replacen("desk", "__Host-desk", 1)] {
        let mut nobody = anna.with_cookie(cookie);
        for path in ["/desk", "/desk/team", &lead] {
            let answer = nobody.get(path).await.expect(303);
            let login = if path == "/desk" { "/desk/login".to_owned() } else { format!("/desk/login?to={path}") };
            assert_eq!((answer.location.as_deref(), answer.html.as_str()), (Some(login.as_str()), ""), "{path}");
        }
        nobody.post(&lead, "word=touched").await.expect(401);
    }
    // Neither a token of nobody's nor none at all makes a session.
    let mut nobody = anna.with_cookie("");
    nobody.post("/desk/session", "").await.expect(401);
    nobody.post("/desk/session", "token=somebody%40example.com").await.expect(403);

    // Whoever is signed in is led to the desk, and out again.
    assert_eq!(anna.get("/desk/login").await.expect(303).location.as_deref(), Some("/desk"));
    assert_eq!(anna.post("/desk/leave", "").await.expect(303).location.as_deref(), Some("/desk/login"));
    deployment.world.clock().forward(at(NOW) + SignedDuration::from_hours(8) - SignedDuration::from_secs(1));
    anna.get("/desk").await.expect(200);
    deployment.world.clock().forward(at(NOW) + SignedDuration::from_hours(8) + SignedDuration::from_secs(1));
    anna.get("/desk").await.expect(303);
}

#[tokio::test]
async fn whoever_follows_a_link_is_led_there_after_signing_in_and_nowhere_else() {
    let deployment = three_leads().await;
    let mut nobody = Desk::sign_in(&deployment, ANNA).await.with_cookie("");
    let lead = path_of("ada", "analytics");
    for asked in [lead.as_str(), "/desk?rep=rep-anna&overdue=yes", "/desk/team"] {
        let login = nobody.get(asked).await.expect(303).location.expect("the page before");
        let page = nobody.get(&login).await.expect(200).html;
        let to = page.split("name=\"to\" value=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a form");
        let to = to.replace("&#x2f;", "/").replace("&amp;", "&");
        assert_eq!(to, asked);
        let sent = format!("token={ANNA}&to={}", to.replace('&', "%26").replace('=', "%3D"));
        assert_eq!(nobody.post("/desk/session", &sent).await.expect(303).location.as_deref(), Some(asked));
    }
    // An address that somebody made leads to the desk: before a session, at its beginning, and with one.
    let mut anna = Desk::sign_in(&deployment, ANNA).await;
    for evil in
        ["//evil.example.com", "/%5Cevil.example.com", "https:%2F%2Fevil.example.com", "/desk/../p/x", "/desk/leave"]
    {
        let page = nobody.get(&format!("/desk/login?to={evil}")).await.expect(200).html;
        assert!(
            !page.contains("evil") && !page.contains("/../") && page.contains("name=\"to\" value=\"&#x2f;desk\""),
            "{page}"
        );
        let begun = nobody.post("/desk/session", &format!("token={ANNA}&to={evil}")).await.expect(303);
        assert_eq!(begun.location.as_deref(), Some("/desk"), "{evil}");
        let known = anna.get(&format!("/desk/login?to={evil}")).await.expect(303);
        assert_eq!(known.location.as_deref(), Some("/desk"), "{evil}");
    }
    let known = anna.get(&format!("/desk/login?to={lead}")).await.expect(303);
    assert_eq!(known.location, Some(lead));
}

#[tokio::test]
async fn the_session_comes_with_a_link_from_elsewhere_and_with_no_form_from_elsewhere() {
    let deployment = three_leads().await;
    let request = http::Request::post("/desk/session").header("authorization", format!("Bearer {ANNA}"));
    let answer = deployment.world.http(request.body(Vec::new().into()).expect("a request")).await.expect("an answer");
    let cookie = answer.headers()["set-cookie"].to_str().expect("text");
    let (_, said) = cookie.split_once(';').expect("more than a value");
    assert_eq!(said, " Path=/; Max-Age=28800; HttpOnly; SameSite=Lax");
    // A form that another site made a browser send is refused, even with the session.
    let mut anna = Desk::sign_in(&deployment, ANNA).await;
    let lead = anna.get("/desk").await.expect(200).leads().remove(0);
    anna.post(&lead, "word=touched").await.expect(403);
}

#[tokio::test]
async fn what_is_said_holds_at_once_is_told_and_changes_what_can_be_said() {
    let deployment = three_leads().await;
    let mut anna = Desk::sign_in(&deployment, ANNA).await;
    let list = anna.get("/desk?product=analytics").await.expect(200).leads();
    assert_eq!(list.len(), 1);
    let page = anna.get(&list[0]).await.expect(200);
    assert!(page.html.contains("Answer by Thu 8 Jan, 08:00") || page.html.contains("Answer by "), "{}", page.html);
    assert!(page.words().starts_with(&["touched", "later", "rejected"]), "{:?}", page.words());

    // Another session's form, none, or one that says nothing changes nothing.
    let mut bilal = Desk::sign_in(&deployment, BILAL).await;
    let his = bilal.get("/desk").await.leads().remove(0);
    let his_mark = bilal.get(&his).await.mark().expect("a form").to_owned();
    let own = page.mark().expect("a form").to_owned();
    for (sent, status) in [
        (format!("form={his_mark}&word=touched"), 403),
        ("word=touched".to_owned(), 403),
        ("form=&word=touched".to_owned(), 403),
        (format!("form={own}"), 400),
        (format!("form={own}&word=nonsense"), 400),
        (format!("form={own}&word=touched&word=touched"), 400),
        ("x".repeat(9_000), 413),
    ] {
        anna.post(&page.path, &sent).await.expect(status);
        assert_eq!(lead(&deployment, "ada", "analytics").await.stage, "mql", "{sent}");
    }

    let done = anna.say(&page, "touched", &[]).await.expect(303);
    let told = lead(&deployment, "ada", "analytics").await;
    assert_eq!((told.stage.as_str(), told.touched_by.as_deref()), ("touched", Some("rep-anna")));
    assert_eq!(told.sla_due_at, None, "nobody waits for an answer any more");
    let after = anna.get(done.location.as_deref().expect("the lead's page")).await.expect(200);
    assert!(after.html.contains("It is yours.") && after.html.contains("Anna Keller is on it"), "{}", after.html);
    assert!(!after.words().contains(&"touched"), "{:?}", after.words());
    settle(&deployment).await;
    assert_eq!(lead(&deployment, "ada", "analytics").await.rev, told.rev, "the ledger's consumer changes nothing");
    let rows = ledger_rows(&deployment).await;
    let ours = rows.iter().filter(|row| row.sk.starts_with("desk#"));
    let ours: Vec<&What> = ours.map(|row| &row.told).collect();
    assert!(matches!(ours[..], [What::Lead { by: Some(by), .. }] if by == "rep-anna"), "{ours:?}");

    // Pressed twice in two windows: said once.
    let again = anna.say(&page, "touched", &[]).await.expect(303);
    assert!(again.location.expect("the page").ends_with("?done=known"));
    deployment.world.clock().forward(at(NOW) + SignedDuration::from_mins(5));
    let page = anna.get(&list[0]).await.expect(200);
    anna.say(&page, "rejected", &[("reason", "Has+%3Cb%3Eno%3C%2Fb%3E+budget")]).await.expect(303);
    let page = anna.get(&list[0]).await.expect(200);
    assert_eq!(lead(&deployment, "ada", "analytics").await.stage, "recycled");
    assert!(page.html.contains("Has &lt;b&gt;no&lt;&#x2f;b&gt; budget"), "{}", page.html);
    assert_eq!(anna.get("/desk").await.leads().len(), 1, "it has left the desk");
}

#[tokio::test]
async fn how_a_contact_may_be_reached_is_said_before_anything_is_asked_for() {
    let deployment = three_leads().await;
    let mut anna = Desk::sign_in(&deployment, ANNA).await;
    let path = path_of("ada", "analytics");
    let (store, look_again) = (&deployment.store, LookAgain::tomorrow(&deployment.playbook.calendar, at(NOW)));
    let choices = |off: &[Channel]| Choices { channels_off: off.iter().copied().collect(), ..Choices::default() };
    for (place, (off, next, said)) in [
        (&[][..], "Call today", None),
        (&[Channel::Phone][..], "Write today", Some("Wants no calls: please write.")),
        (
            &[Channel::Email][..],
            "Call today",
            Some("Has opted out of mail: please call, and write no more than an answer."),
        ),
        (
            &[Channel::Phone, Channel::Email][..],
            "Answer today",
            Some("Wants no calls and has opted out of mail: please answer what was asked, and no more."),
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let chosen_at = at(NOW) + SignedDuration::from_secs(10 * place as i64);
        let chosen = consent::choose(store, &"ada".into(), &choices(off), chosen_at, look_again).await;
        assert!(chosen.expect("it is chosen"), "{off:?}");
        for page in [anna.get(&path).await.expect(200), anna.get("/desk?product=analytics").await.expect(200)] {
            assert!(page.html.contains(next), "{off:?} {}: {}", page.path, page.html);
            for words in ["Wants no calls", "Has opted out of mail"] {
                let expected = said.is_some_and(|said| said.starts_with(words));
                assert_eq!(page.html.contains(words), expected, "{off:?} {}: {words}", page.path);
            }
            assert!(said.is_none_or(|said| page.html.contains(said)), "{off:?} {}", page.path);
        }
    }
}

#[tokio::test]
async fn an_opt_out_holds_for_whoever_has_the_address() {
    let deployment = three_leads().await;
    let mut anna = Desk::sign_in(&deployment, ANNA).await;
    let pages = [path_of("ada", "analytics"), "/desk?product=analytics".to_owned()];
    let said = "Has opted out of mail: please call, and write no more than an answer.";
    for (reason, expected) in [("bounced", false), ("unsubscribed", true)] {
        let hash = address_key().hash(&address_of("ada"));
        consent::suppress(&deployment.store, &hash, reason, at(NOW)).await.expect("it is recorded");
        for path in &pages {
            let page = anna.get(path).await.expect(200);
            assert_eq!(page.html.contains(said), expected, "{reason}: {path}: {}", page.html);
        }
        let rows = Rows::read(&deployment).await.expect("the tables can be read");
        let ada = BTreeSet::from(["ada".into()]);
        assert_eq!(rows.no_mail, if expected { ada } else { BTreeSet::new() }, "{reason}: what the reports read");
    }
    // Nothing is said of anybody else.
    assert!(!anna.get(&path_of("ben", "automation")).await.expect(200).html.contains(said));
}

#[tokio::test]
async fn what_the_state_does_not_take_at_once_is_told_and_holds_a_moment_later() {
    let deployment = three_leads().await;
    let failing: Before = Arc::new(|operation, mut request| {
        if operation == "TransactWriteItems" {
            request["TransactItems"][0]["Update"]["TableName"] = json!("away");
        }
        Box::pin(async move { request })
    });
    let interposer = Interposer::start(&deployment.world.endpoints().dynamodb, failing, Arc::new(|_, _, _| {})).await;
    desk_at(&interposer.url, &deployment).await;
    let mut anna = Desk::sign_in(&deployment, ANNA).await;
    let page = anna.get(&path_of("ada", "analytics")).await.expect(200);
    anna.say(&page, "accepted", &[]).await.expect(503);
    assert_eq!(lead(&deployment, "ada", "analytics").await.stage, "mql");
    settle(&deployment).await;
    let told = lead(&deployment, "ada", "analytics").await;
    assert_eq!((told.stage.as_str(), told.touched_by.as_deref()), ("sql", Some("rep-anna")));
}

/// What a page says below its header.
fn main_of(html: &str) -> &str {
    html.split_once("<main>\n").and_then(|(_, rest)| rest.split_once("</main>")).expect("a page").0
}

#[tokio::test]
async fn the_pages_as_people_read_them() {
    let deployment = three_leads().await;
    let later = engagement("ada", "analytics-guide", "download", at(NOW) + SignedDuration::from_secs(5));
    deployment.world.clock().forward(at(NOW) + SignedDuration::from_mins(1));
    tell(&deployment, "later", &later).await;
    settle(&deployment).await;
    let (mut anna, mut elif) = (Desk::sign_in(&deployment, ANNA).await, Desk::sign_in(&deployment, ELIF).await);
    let list = anna.get("/desk").await.expect(200);
    expect_file!["../../functions/sales-desk/snapshots/list.html"].assert_eq(main_of(&list.html));
    let lead = list.leads().into_iter().find(|path| *path == path_of("ada", "analytics")).expect("hers");
    let page = anna.get(&lead).await.expect(200);
    anna.say(&page, "opportunity", &[("amount", "25000"), ("budget", "yes"), ("need", "yes")]).await.expect(303);
    let page = anna.get(&lead).await.expect(200);
    expect_file!["../../functions/sales-desk/snapshots/lead.html"].assert_eq(main_of(&page.html));
    let team = elif.get("/desk/team").await.expect(200);
    expect_file!["../../functions/sales-desk/snapshots/team.html"].assert_eq(main_of(&team.html));
    let none = elif.get("/desk").await.expect(200);
    expect_file!["../../functions/sales-desk/snapshots/nobody-to-call.html"].assert_eq(main_of(&none.html));
}

/// The address of a lead of this quarter.
fn path_of(contact: &str, product: &str) -> String {
    format!("/desk/leads/{}", URL_SAFE_NO_PAD.encode(format!("{contact}\u{1f}{product}\u{1f}2026-Q1")))
}

#[tokio::test]
async fn what_a_form_cannot_mean_changes_nothing_and_says_so() {
    let deployment = three_leads().await;
    let mut anna = Desk::sign_in(&deployment, ANNA).await;
    let page = anna.get(&path_of("ada", "analytics")).await.expect(200);
    for (word, fields, expected) in [
        ("opportunity", [("amount", "25,000"), ("need", "yes")], "amount"),
        ("won", [("amount", "lots"), ("need", "yes")], "amount"),
        ("later", [("when", "yesterday"), ("day", "")], "day"),
        ("later", [("when", ""), ("day", "")], "day"),
        ("later", [("when", "week"), ("day", "2026-01-07")], "day"),
        ("rejected", [("reason", "none"), ("day", "2020-01-01")], "day"),
    ] {
        let said = anna.say(&page, word, &fields).await.expect(303);
        assert!(said.location.expect("the page").ends_with(&format!("?done={expected}")), "{word} {fields:?}");
        assert_eq!(lead(&deployment, "ada", "analytics").await.stage, "mql", "{word} {fields:?}");
    }
    let said = anna.say(&page, "later", &[("when", "tomorrow"), ("day", "2026-02-02")]).await.expect(303);
    assert!(said.location.expect("the page").ends_with("?done=later"));
    let lead = lead(&deployment, "ada", "analytics").await;
    assert_eq!((lead.stage.as_str(), lead.later_until), ("touched", Some(at("2026-02-01T23:00:00Z").as_second())));
}

#[tokio::test]
async fn a_scanner_that_follows_every_link_changes_nothing() {
    let deployment = three_leads().await;
    let before = state_by_key(&deployment).await;
    let told = ledger_rows(&deployment).await.len();
    for address in [ANNA, ELIF] {
        let mut scanner = Desk::sign_in(&deployment, address).await;
        let (mut seen, mut next) = (BTreeSet::new(), BTreeSet::from(["/desk".to_owned(), "/desk/team".to_owned()]));
        while let Some(link) = next.pop_first() {
            let page = scanner.get(&link).await;
            assert!([200, 303, 404].contains(&page.status), "{link}: {}", page.status);
            seen.insert(link);
            next.extend(page.links().into_iter().filter(|link| !seen.contains(link)));
        }
        assert!(seen.iter().any(|link| link.starts_with("/desk/leads/")), "{seen:?}");
        // Words in an address say nothing.
        let lead = seen.iter().find(|link| link.starts_with("/desk/leads/")).expect("a lead");
        for word in ["word=touched", "done=touched&word=rejected", "do=touched"] {
            scanner.get(&format!("{lead}?{word}")).await.expect(200);
        }
    }
    settle(&deployment).await;
    assert_eq!(state_by_key(&deployment).await, before);
    assert_eq!(ledger_rows(&deployment).await.len(), told);
}

#[tokio::test]
async fn what_is_asked_for_is_what_is_shown() {
    let deployment = three_leads().await;
    let mut anna = Desk::sign_in(&deployment, ANNA).await;
    for (asked, expected) in [
        ("", 2),
        ("?product=analytics", 1),
        ("?product=automation", 1),
        ("?product=integrations", 0),
        ("?product=nonsense", 2),
        ("?stage=mql", 2),
        ("?stage=touched", 0),
        ("?stage=recycled", 2),
        ("?overdue=yes", 0),
        ("?after=nonsense", 2),
        ("?rep=rep-anna", 2),
    ] {
        let page = anna.get(&format!("/desk{asked}")).await.expect(200);
        assert_eq!(page.leads().len(), expected, "{asked}");
    }
    deployment.world.advance_to(at("2026-01-12T10:00:00Z"), |_| {}).await.expect("the world goes on");
    let mut anna = Desk::sign_in(&deployment, ANNA).await;
    let late = anna.get("/desk?overdue=yes").await.expect(200);
    assert!(late.leads().len() == 2 && late.html.contains("Overdue since"), "{}", late.html);
    let mut elif = Desk::sign_in(&deployment, ELIF).await;
    assert!(elif.get("/desk/team").await.html.contains("3 overdue"), "three of three");
}

#[tokio::test]
async fn a_page_may_do_nothing_but_look_and_send_its_forms_here() {
    let deployment = three_leads().await;
    let mut anna = Desk::sign_in(&deployment, ANNA).await;
    let lead = anna.get("/desk").await.leads().remove(0);
    for path in ["/desk", &lead, "/desk/nowhere", "/desk/login.js"] {
        let request = http::Request::get(path).header("cookie", &anna.cookie).body(Vec::new().into());
        let answer = deployment.world.http(request.expect("a request")).await.expect("an answer");
        if path == "/desk/nowhere" {
            assert_eq!(answer.status(), 404);
            continue;
        }
        for (name, expected) in [
            ("cache-control", "no-store"),
            (
                "content-security-policy",
                "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
            ),
            ("referrer-policy", "no-referrer"),
            ("x-content-type-options", "nosniff"),
            ("x-robots-tag", "noindex"),
        ] {
            let seen = answer.headers().get(name).and_then(|value| value.to_str().ok());
            assert_eq!(seen, Some(expected), "{path} {name}");
        }
        assert!(!String::from_utf8_lossy(answer.body()).contains("<script"), "{path}");
    }
}
