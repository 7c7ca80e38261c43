//! What somebody chooses holds from the press on, whatever the sender is at; what is told again or late changes nothing; and
//! looking at a page, or following a link, chooses nothing.

mod claim;
mod promises;
mod sales;

use std::collections::BTreeSet;

use apply_change::ApplyChange;
use fastrand::Rng;
use http::Request;
use perennial::deployment::{Deployment, address_key};
use perennial_domain::ids::ContactId;
use perennial_domain::nurture::Edition;
use perennial_platform::consent;
use perennial_platform::keys;
use perennial_platform::ledger::Entry;
use perennial_platform::links::{Links, Purpose};
use perennial_platform::records::{Cadence, Preferences};
use perennial_platform::told::What;
use perennial_tests::{
    PUBLIC_URL, address_of, at, body, clock, deploy, engagement, introduce, ledger_rows, seed, settle, state_by_key,
    stream_event, tell,
};
use serde_json::json;

/// A Tuesday: contacts become known.
const BEFORE: &str = "2026-01-06T08:00:00Z";
/// A Thursday at nine in Berlin: their slot has come.
const NOW: &str = "2026-01-08T08:00:00Z";
const SLOT: &str = "2026-01-08";

/// All topics and all channels, as the page sends them; a test takes away.
const ALL: &str = "shown=numbers&topic=numbers&shown=automation&topic=automation&shown=connections&topic=connections\
                   &shown=calm-support&topic=calm-support&shown=your-products&topic=your-products&frequency=as-often\
                   &channel=email&channel=phone&channel=ads&pause=none&do=save";

fn links() -> Links {
    Links::new("the local world's link key", PUBLIC_URL)
}

/// The path of a contact's link.
fn path(deployment: &Deployment, purpose: &Purpose) -> String {
    let url = links().url(purpose, deployment.world.clock().now());
    url.strip_prefix(PUBLIC_URL).expect("our own link").to_owned()
}

fn centre(contact: &str) -> Purpose {
    Purpose::Preferences { contact: contact.into(), slot: SLOT.to_owned() }
}

fn opt_out_link(contact: &str) -> Purpose {
    Purpose::Unsubscribe { contact: contact.into(), slot: SLOT.to_owned() }
}

async fn request(deployment: &Deployment, method: &str, path: &str, body: &str) -> (u16, String) {
    let request = Request::builder().method(method).uri(path).body(body.to_owned().into_bytes().into());
    let answer = deployment.world.http(request.expect("a request")).await.expect("the world goes on");
    (answer.status().as_u16(), String::from_utf8_lossy(answer.body()).into_owned())
}

async fn press(deployment: &Deployment, purpose: &Purpose, form: &str) {
    let (status, page) = request(deployment, "POST", &path(deployment, purpose), form).await;
    assert_eq!(status, 200, "{form}: {page}");
}

/// A world in which these contacts have shown interest in Analytics.
async fn world_with(contacts: &[&str]) -> Deployment {
    let deployment = deploy(at(BEFORE)).await;
    for contact in contacts {
        introduce(&deployment, contact).await;
        let shown = engagement(contact, "analytics-checklist", "download", at(BEFORE));
        tell(&deployment, &format!("shown-{contact}"), &shown).await;
    }
    settle(&deployment).await;
    deployment.world.clock().set(at(NOW));
    deployment
}

async fn preferences(deployment: &Deployment, contact: &str) -> Preferences {
    let key = keys::preferences(&ContactId::from(contact));
    deployment.store.get(&key).await.expect("the store answers").unwrap_or_default()
}

async fn reasons(deployment: &Deployment, contact: &str) -> Vec<String> {
    let hash = address_key().hash(&address_of(contact));
    let suppression = consent::suppression_of(&deployment.store, &hash).await.expect("the store answers");
    suppression.map(|suppression| suppression.reasons.into_iter().collect()).unwrap_or_default()
}

async fn is_planned(deployment: &Deployment, contact: &str) -> bool {
    let cadence: Option<Cadence> =
        deployment.store.get(&keys::cadence(&ContactId::from(contact))).await.expect("the store answers");
    cadence.is_some_and(|cadence| cadence.due_at.is_some())
}

/// What was told of preferences, in the order of the instants.
async fn consents(deployment: &Deployment) -> Vec<Entry> {
    let mut rows = ledger_rows(deployment).await;
    rows.retain(|row| row.source() == "page");
    rows.sort_by_key(|row| row.happened_at);
    rows
}

#[tokio::test]
async fn a_choice_holds_at_once_and_its_record_says_where_when_and_in_which_words() {
    let deployment = world_with(&["ada"]).await;
    let form = ALL.replace("&topic=calm-support", "").replace("as-often", "monthly").replace("&channel=phone", "");
    press(&deployment, &centre("ada"), &form.replace("pause=none", "pause=30")).await;
    let chosen = preferences(&deployment, "ada").await;
    assert_eq!(chosen.topics_off, BTreeSet::from(["calm-support".to_owned()]));
    assert_eq!(chosen.frequency.as_deref(), Some("monthly"));
    assert_eq!(chosen.channels_off, BTreeSet::from(["phone".to_owned()]));
    assert_eq!(chosen.paused_until, Some(at("2026-02-06T23:00:00Z").as_second()), "until a day begins in Berlin");
    let before = state_by_key(&deployment).await;

    let [record] = &consents(&deployment).await[..] else { panic!("one record") };
    assert_eq!(record.happened_at, at(NOW).as_second());
    let What::PreferencesChanged { source, wording, .. } = &record.told else { panic!("{:?}", record.told) };
    assert_eq!(source, "preference-centre");
    assert!(wording.contains("How often: At most once every four weeks."), "{wording}");
    assert!(wording.contains("Take a break: until 7 February."), "{wording}");
    settle(&deployment).await;
    assert_eq!(state_by_key(&deployment).await, before, "the ledger's consumer finds nothing left to do");
}

#[tokio::test]
async fn a_wrong_form_changes_nothing_and_says_which_field() {
    let deployment = world_with(&["ada"]).await;
    let before = state_by_key(&deployment).await;
    let link = path(&deployment, &centre("ada"));
    for (form, status, said) in [
        (ALL.replace("as-often", "hourly"), 400, "How often"),
        (ALL.replace("topic=numbers", "topic=weather"), 400, "Topics"),
        (ALL.replace("channel=phone", "channel=pigeon"), 400, "Ways to reach you"),
        (ALL.replace("pause=none", "pause=31"), 400, "Take a break"),
        (String::new(), 400, "Please load it again"),
        ("%".to_owned(), 400, "Please load it again"),
        (format!("{ALL}&{}", "shown=numbers&".repeat(700)), 413, "Nothing was changed"),
    ] {
        let (answered, page) = request(&deployment, "POST", &link, &form).await;
        assert_eq!(answered, status, "{form}");
        assert!(page.contains(said) && page.contains("Nothing was changed"), "{form}: {page}");
    }
    let expired = path(&deployment, &centre("ada"));
    deployment.world.clock().set(at("2027-06-01T08:00:00Z"));
    assert_eq!(request(&deployment, "POST", &expired, ALL).await.0, 410);
    assert_eq!(request(&deployment, "POST", "/p/AAAA", ALL).await.0, 404);
    assert_eq!(state_by_key(&deployment).await, before);
    assert_eq!(consents(&deployment).await.len(), 0);
}

#[tokio::test]
async fn one_click_opts_out_by_both_links_with_200_and_neither_cookie_nor_redirect() {
    for purpose in [centre("ada"), opt_out_link("ada")] {
        let deployment = world_with(&["ada"]).await;
        let post = Request::post(path(&deployment, &purpose)).body("List-Unsubscribe=One-Click".into());
        let answer = deployment.world.http(post.expect("a request")).await.expect("the world goes on");
        let named = |name: &str| answer.headers().contains_key(name);
        assert_eq!((answer.status().as_u16(), named("set-cookie"), named("location")), (200, false, false));
        assert!(preferences(&deployment, "ada").await.unsubscribed);
        assert_eq!(reasons(&deployment, "ada").await, ["unsubscribed"]);
        assert!(!is_planned(&deployment, "ada").await);
    }
}

#[tokio::test]
async fn who_opted_out_comes_back_by_a_press_of_their_own() {
    let deployment = world_with(&["ada"]).await;
    press(&deployment, &opt_out_link("ada"), "").await;
    settle(&deployment).await;
    assert!(preferences(&deployment, "ada").await.unsubscribed);
    // In the same second, as nobody's clock is finer.
    press(&deployment, &centre("ada"), &ALL.replace("&channel=email", "").replace("do=save", "do=resubscribe")).await;
    let back = preferences(&deployment, "ada").await;
    assert!(!back.unsubscribed && !back.channels_off.contains("email"), "{back:?}");
    assert_eq!(reasons(&deployment, "ada").await, [""; 0]);
    assert!(is_planned(&deployment, "ada").await);
    settle(&deployment).await;
    assert_eq!(preferences(&deployment, "ada").await, back, "the record of the opt-out does not bring it back");
    // And leaves again, by the same mail as before.
    press(&deployment, &opt_out_link("ada"), "").await;
    settle(&deployment).await;
    assert!(preferences(&deployment, "ada").await.unsubscribed);
    assert_eq!(reasons(&deployment, "ada").await, ["unsubscribed"]);
    let kinds: Vec<bool> =
        consents(&deployment).await.iter().map(|row| matches!(row.told, What::Unsubscribed { .. })).collect();
    assert_eq!(kinds, [true, false, false, true], "each has its record");
}

#[tokio::test]
async fn coming_back_lifts_no_bounce_no_complaint_and_no_erasure() {
    for reason in ["bounced", "complained", "erased"] {
        for opted_out_first in [false, true] {
            let deployment = world_with(&["ada"]).await;
            let hash = address_key().hash(&address_of("ada"));
            let suppress = || consent::suppress(&deployment.store, &hash, reason, at(NOW));
            if !opted_out_first {
                suppress().await.expect("the store answers");
            }
            press(&deployment, &opt_out_link("ada"), "").await;
            if opted_out_first {
                suppress().await.expect("the store answers");
            }
            press(&deployment, &centre("ada"), &ALL.replace("do=save", "do=resubscribe")).await;
            settle(&deployment).await;
            assert!(!preferences(&deployment, "ada").await.unsubscribed);
            let left = reasons(&deployment, "ada").await;
            assert!(left.contains(&reason.to_owned()), "{reason}, opted out first: {opted_out_first}: {left:?}");
        }
    }
    // A complaint's own opt-out stays, whatever is pressed.
    let deployment = world_with(&["ada"]).await;
    let (store, key, ada) = (&deployment.store, address_key(), ContactId::from("ada"));
    assert!(consent::unsubscribe(store, &key, &ada, consent::COMPLAINT, at(NOW)).await.expect("the store answers"));
    let (_, page) = request(&deployment, "GET", &path(&deployment, &centre("ada")), "").await;
    assert!(!page.contains("Write to me again") && page.contains("was reported"), "{page}");
    press(&deployment, &centre("ada"), &ALL.replace("do=save", "do=resubscribe")).await;
    assert!(preferences(&deployment, "ada").await.unsubscribed);
    // A bounce that older items do not name: only the contact itself remembers it.
    let deployment = world_with(&["ada"]).await;
    press(&deployment, &opt_out_link("ada"), "").await;
    let bounced = body("email.bounced", at(NOW), &json!({"contact": "ada", "permanent": true}));
    tell(&deployment, "bounce", &bounced).await;
    settle(&deployment).await;
    press(&deployment, &centre("ada"), &ALL.replace("do=save", "do=resubscribe")).await;
    assert_eq!(reasons(&deployment, "ada").await, ["bounced", "unsubscribed"]);
}

#[tokio::test]
async fn records_told_again_in_any_order_change_nothing() {
    let mut random = Rng::with_seed(seed());
    let deployment = world_with(&["ada"]).await;
    for form in [
        ALL.replace("as-often", "monthly"),
        ALL.replace("&topic=numbers", ""),
        "do=unsubscribe".to_owned(),
        ALL.replace("do=save", "do=resubscribe"),
        ALL.replace("pause=none", "pause=90"),
    ] {
        press(&deployment, &centre("ada"), &form).await;
    }
    settle(&deployment).await;
    let after = state_by_key(&deployment).await;
    let changes = ApplyChange {
        store: deployment.store.clone(),
        ledger: deployment.ingest.ledger.clone(),
        address_key: address_key(),
        playbook: deployment.playbook.clone(),
        clock: clock(&deployment),
    };
    let mut records = consents(&deployment).await;
    assert_eq!(records.len(), 7, "five presses; two of them say two things");
    for _ in 0..50 {
        random.shuffle(&mut records);
        let batch = serde_json::from_value(stream_event(&records)).expect("a batch");
        assert_eq!(changes.handle(batch).await.expect("a batch never fails").batch_item_failures, []);
        assert_eq!(state_by_key(&deployment).await, after);
    }
}

#[tokio::test]
async fn of_two_ids_that_are_one_person_the_stricter_word_counts() {
    let deployment = world_with(&["ada", "anon"]).await;
    press(&deployment, &centre("ada"), &ALL.replace("&topic=numbers", "").replace("pause=none", "pause=90")).await;
    press(&deployment, &centre("anon"), &ALL.replace("&channel=ads", "").replace("as-often", "fortnightly")).await;
    let merge = body("contact.merged", at(NOW), &json!({"from": "anon", "contact": "ada"}));
    tell(&deployment, "merge", &merge).await;
    settle(&deployment).await;
    let united = preferences(&deployment, "ada").await;
    assert!(united.topics_off.contains("numbers") && united.channels_off.contains("ads"), "{united:?}");
    assert!(united.paused_until.is_some() && united.frequency.as_deref() == Some("fortnightly"), "{united:?}");
    assert_eq!(preferences(&deployment, "anon").await, Preferences::default(), "nothing is left there");
    // A link of a mail to the id that went is the contact's.
    press(&deployment, &centre("anon"), "do=unsubscribe").await;
    assert!(preferences(&deployment, "ada").await.unsubscribed);
}

#[tokio::test]
async fn a_scanner_that_follows_every_link_of_every_mail_changes_nothing_but_recorded_clicks() {
    let deployment = world_with(&["ada", "ben"]).await;
    deployment.world.advance_to(at("2026-03-02T12:00:00Z"), |_| {}).await.expect("the world goes on");
    let mails = deployment.world.mails().expect("the world remembers");
    let mut links = BTreeSet::new();
    for mail in &mails {
        let parts = mail.headers.iter().map(|(_, value)| value).chain(&mail.html).chain(&mail.text);
        for part in parts {
            let found = part.split(PUBLIC_URL).skip(1).map(|rest| {
                let end = rest.find(|c: char| !c.is_alphanumeric() && !"/-_".contains(c)).unwrap_or(rest.len());
                rest[..end].to_owned()
            });
            links.extend(found);
        }
    }
    let kinds: BTreeSet<&str> = links.iter().map(|link| &link[..3]).collect();
    assert_eq!(kinds, BTreeSet::from(["/de", "/p/", "/t/", "/u/"]), "{links:?}");
    let (before, told) = (state_by_key(&deployment).await, ledger_rows(&deployment).await.len());
    for link in &links {
        // The desk, in the weekly mail to sales, has no route for it.
        if link.starts_with("/desk") {
            continue;
        }
        let expected = if link.starts_with("/t/") { 302 } else { 200 };
        for method in ["HEAD", "HEAD"] {
            assert_eq!(request(&deployment, method, link, "").await, (expected, String::new()), "{method} {link}");
        }
    }
    assert_eq!(ledger_rows(&deployment).await.len(), told, "whoever asks whether a link is there does not follow it");
    for link in links.iter().chain(&links) {
        let expected = match &link[..3] {
            "/t/" => 302,
            // Whoever has no session is led to where one signs in.
            "/de" => 303,
            _ => 200,
        };
        assert_eq!(request(&deployment, "GET", link, "").await.0, expected, "GET {link}");
    }
    assert_eq!(state_by_key(&deployment).await, before, "nothing was changed");
    let rows = ledger_rows(&deployment).await;
    let clicks: Vec<_> = rows.iter().filter(|row| row.source() == "mail").collect();
    assert_eq!(rows.len() - told, clicks.len(), "nothing else was recorded");
    let to_contacts =
        mails.iter().filter(|mail| mail.tags.contains(&("kind".to_owned(), "nurture".to_owned()))).count();
    assert_eq!(clicks.len(), to_contacts, "one click for each mail, however often in that second");
    for click in clicks {
        let What::Engagement { asset, action, email, .. } = &click.told else { panic!("{:?}", click.told) };
        assert_eq!((asset.as_str(), action.as_str(), email.is_some()), ("analytics-emails", "click", true));
    }
    settle(&deployment).await;
    for contact in ["ada", "ben"] {
        assert_eq!(preferences(&deployment, contact).await, Preferences::default());
    }
}

#[tokio::test]
async fn a_tracked_link_leads_to_what_the_piece_contains_and_nowhere_else() {
    let deployment = world_with(&["ada"]).await;
    let playbook = deployment.playbook.clone();
    let site = playbook.company.site.as_str();
    let piece = playbook.piece(&"analytics-walkthrough-call".into()).expect("a piece");
    let utm =
        "utm_source=perennial&utm_medium=email&utm_campaign=discover-analytics&utm_content=analytics-walkthrough-call";
    assert_eq!(piece.links(), [format!("{site}/products/analytics/pricing#call")]);
    let gone = Edition::named("d.pt-br").expect("a name");
    // All of these lead to the company's own site, which may ask what to offer.
    let token = links().token(&Purpose::Offer { contact: "ada".into() }, deployment.world.clock().now());
    let pricing = format!("{site}/products/analytics/pricing?{utm}&pt={token}#call");
    for (named, edition, link, expected) in [
        ("analytics-walkthrough-call", Edition::default(), 0, pricing.clone()),
        ("analytics-walkthrough-call", Edition::default(), 7, format!("{site}?{utm}&pt={token}")),
        ("analytics-walkthrough-call", gone, 0, pricing),
        (
            "gone",
            Edition::default(),
            0,
            format!("{site}?utm_source=perennial&utm_medium=email&utm_content=gone&pt={token}"),
        ),
    ] {
        let (contact, slot) = ("ada".into(), SLOT.to_owned());
        let purpose = Purpose::Click { contact, slot, piece: named.into(), edition, link };
        let get = Request::get(path(&deployment, &purpose)).body(Vec::new().into()).expect("a request");
        let answer = deployment.world.http(get).await.expect("the world goes on");
        let location = answer.headers().get("location").and_then(|location| location.to_str().ok());
        assert_eq!((answer.status().as_u16(), location), (302, Some(expected.as_str())));
    }
    assert_eq!(request(&deployment, "GET", "/t/AAAA", "").await.0, 404);
}

#[tokio::test]
async fn nobody_else_can_choose_for_a_contact_or_take_an_opt_out_back() {
    let deployment = world_with(&["ada"]).await;
    press(&deployment, &opt_out_link("ada"), "").await;
    let before = state_by_key(&deployment).await;
    for kind in ["preferences.resubscribed", "preferences.changed"] {
        let data = json!({
            "contact": "ada", "source": "preference-centre", "wording": "", "topics_off": [], "channels_off": [],
            "frequency": "as-often",
        });
        let (status, _) = deployment.post(kind, &body(kind, at(NOW), &data)).await.expect("the world goes on");
        assert_eq!(status, 400, "{kind} is no native type");
    }
    assert_eq!(state_by_key(&deployment).await, before);
}
