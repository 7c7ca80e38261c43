//! The three links of a mail about a lead: looking changes nothing, pressing does it at once, and whoever comes late is told by whom
//! and when it was done.

use http::Request;
use perennial::deployment::Deployment;
use perennial_local::Mail;
use perennial_platform::keys;
use perennial_platform::records::{Lead, Said};
use perennial_tests::{PUBLIC_URL, at, body, deploy, engagement, introduce, ledger_rows, settle, state_by_key, tell};
use serde_json::json;

/// A Monday, in the morning in Berlin.
const NOW: &str = "2026-01-05T08:12:00Z";
const ON_IT: usize = 0;
const NOT_A_FIT: usize = 1;
const LATER: usize = 2;

/// A world in which Ada has asked for a price, and the mail of that has left.
async fn world() -> Deployment {
    let deployment = deploy(at(NOW)).await;
    introduce(&deployment, "ada").await;
    tell(&deployment, "price", &engagement("ada", "analytics-pricing", "request", at(NOW))).await;
    settle(&deployment).await;
    deployment
}

fn letters(deployment: &Deployment, kind: &str) -> Vec<Mail> {
    let mails = deployment.world.mails().expect("the world remembers").into_iter();
    mails.filter(|mail| mail.tags.contains(&("kind".to_owned(), kind.to_owned()))).collect()
}

/// The paths of a letter's links, in its order.
fn links(mail: &Mail) -> Vec<String> {
    let text = mail.text.clone().expect("a text part");
    let lead_pages = format!("{PUBLIC_URL}/l/");
    let after = text.split(&lead_pages).skip(1);
    after.map(|rest| format!("/l/{}", rest.split_whitespace().next().expect("a token"))).collect()
}

/// The links of the hand-off: on it, not a fit, later.
fn hand_off(deployment: &Deployment) -> Vec<String> {
    let mails = letters(deployment, "hand-off");
    let links = links(mails.first().expect("the hand-off has left"));
    assert_eq!(links.len(), 3, "{links:?}");
    links
}

async fn send(deployment: &Deployment, method: &str, path: &str, form: &str) -> (u16, String) {
    let request =
        Request::builder().method(method).uri(path).header("content-type", "application/x-www-form-urlencoded");
    let request = request.body(form.to_owned().into()).expect("a request");
    let answer = deployment.world.http(request).await.expect("the world goes on");
    let text = String::from_utf8(answer.body().to_vec()).expect("text").replace('\u{a0}', " ");
    (answer.status().as_u16(), text)
}

/// The page behind a link: what stands between `main`, without markup.
async fn page(deployment: &Deployment, method: &str, path: &str, form: &str) -> (u16, String) {
    let (status, html) = send(deployment, method, path, form).await;
    let main = html.split("<main>").nth(1).unwrap_or_default();
    let words = main.split('<').map(|part| part.split_once('>').map_or(part, |(_, text)| text));
    (status, words.collect::<Vec<_>>().join(" ").split_whitespace().collect::<Vec<_>>().join(" "))
}

fn has_button(html: &str) -> bool {
    html.contains("<button")
}

async fn lead(deployment: &Deployment) -> Lead {
    let key = keys::lead(&"ada".into(), &"analytics".into(), "2026-Q1".parse().expect("a quarter"));
    deployment.store.get(&key).await.expect("the store answers").expect("a lead")
}

async fn advance(deployment: &Deployment, to: &str) {
    deployment.world.advance_to(at(to), |_| {}).await.expect("the world goes on");
}

#[tokio::test]
async fn a_scanner_that_follows_every_link_of_every_letter_changes_nothing() {
    let deployment = world().await;
    introduce(&deployment, "ben").await;
    tell(&deployment, "guide", &engagement("ben", "analytics-guide", "download", at(NOW))).await;
    // The digest and the whole ladder.
    advance(&deployment, "2026-01-12T12:00:00Z").await;
    let kinds = ["hand-off", "digest", "escalation"].map(|kind| letters(&deployment, kind));
    assert!(kinds.iter().all(|kind| !kind.is_empty()), "there is one of each");
    let mut paths: Vec<String> = kinds.iter().flatten().flat_map(links).collect();
    assert!(paths.len() >= 3 * kinds.iter().map(Vec::len).sum::<usize>(), "three in each: {}", paths.len());
    let before = state_by_key(&deployment).await;
    let entries = ledger_rows(&deployment).await.len();
    let mut seen = 0;
    while let Some(path) = paths.pop() {
        let (status, html) = send(&deployment, "GET", &path, "").await;
        assert_eq!(status, 200);
        let (status, nothing) = send(&deployment, "HEAD", &path, "").await;
        assert_eq!((status, nothing.as_str()), (200, ""), "a HEAD has no body");
        // Also those that stand on the pages, once.
        seen += 1;
        if seen < 40 {
            let others = html.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
            paths.extend(others.filter(|other| !other.starts_with('#')).map(|other| format!("/l/{other}")));
        }
    }
    settle(&deployment).await;
    assert_eq!(state_by_key(&deployment).await, before);
    assert_eq!(ledger_rows(&deployment).await.len(), entries);
    assert_eq!(
        (lead(&deployment).await.stage.as_str(), letters(&deployment, "escalation").len()),
        ("mql", kinds[2].len())
    );
}

#[tokio::test]
async fn on_it_stops_the_clock_in_the_same_second_and_the_page_says_whose_it_is() {
    let deployment = world().await;
    let path = &hand_off(&deployment)[ON_IT];
    let (_, text) = page(&deployment, "GET", path, "").await;
    for said in
        ["Take this lead?", "Wilhelmina Quarterstaff", "Juniper Tools", "Act Now", "Fernhill Analytics", "I am on it"]
    {
        assert!(text.contains(said), "{said}: {text}");
    }
    let (status, text) = page(&deployment, "POST", path, "").await;
    assert_eq!(status, 200);
    assert!(text.starts_with("It is yours") && text.contains("The reminders have stopped"), "{text}");
    assert!(text.contains("What to say You looked at prices"), "{text}");
    let touched = lead(&deployment).await;
    assert_eq!((touched.stage.as_str(), touched.touched_at), ("touched", Some(at(NOW).as_second())));
    assert_eq!((touched.touched_by.as_deref(), touched.due_at), (Some("rep-anna"), None));
    // Pressed again, and looked at later: nothing is asked any more.
    for method in ["POST", "GET"] {
        let (status, html) = send(&deployment, method, path, "").await;
        assert_eq!((status, has_button(&html)), (200, false), "{method}");
        assert!(html.contains("You have been on it since Mon 5 Jan, 09:12"), "{html}");
    }
    assert_eq!(lead(&deployment).await.history.len(), 1);
    advance(&deployment, "2026-01-16T12:00:00Z").await;
    assert_eq!(letters(&deployment, "escalation").len(), 0);
    // What the page said is told like anything else, and changes nothing a second time.
    assert_eq!(lead(&deployment).await.history.len(), 1);
}

#[tokio::test]
async fn not_a_fit_takes_a_reason_of_the_playbook_and_a_day() {
    let deployment = world().await;
    let path = &hand_off(&deployment)[NOT_A_FIT];
    for (form, field, said) in [
        ("", "why", "Please choose one: marketing learns from it."),
        ("why=%3Cb%3EBad", "why", "This reason is not in the list any more."),
        ("why=Too+small+for+us&day=2026-01-04", "day", "Sun 4 Jan is over. Please choose Tue 6 Jan or a later day."),
        ("why=Too+small+for+us&day=soon", "day", "This is not a day."),
    ] {
        let (status, html) = send(&deployment, "POST", path, form).await;
        assert_eq!((status, has_button(&html)), (400, true), "{form}");
        assert!(html.contains(&format!("id=\"{field}-fault\">{said}")), "{form}: {html}");
        assert!(html.contains("Nothing was changed") && !html.contains("<b>Bad"), "{html}");
        let kept = html.contains("value=\"Too small for us\" checked");
        assert_eq!(kept, form.contains("Too"), "what was entered is kept: {html}");
        assert_eq!(lead(&deployment).await.stage, "mql", "{form}");
    }
    let (status, text) = page(&deployment, "POST", path, "why=Too+small+for+us&day=2026-07-01").await;
    assert_eq!(status, 200);
    for said in ["It has gone back to nurture", "again this quarter, nor before Wed 1 Jul", "Why: Too small for us."] {
        assert!(text.contains(said), "{said}: {text}");
    }
    let given_back = lead(&deployment).await;
    let [Said { said, why, until, by, .. }] = &given_back.history[..] else { panic!("one word") };
    assert_eq!(
        (said.as_str(), why.as_deref(), by.as_deref()),
        ("rejected", Some("Too small for us"), Some("rep-anna"))
    );
    assert_eq!(*until, Some(at("2026-06-30T22:00:00Z").as_second()), "midnight in Berlin");
    assert_eq!((given_back.stage.as_str(), given_back.due_at), ("recycled", None));
    // The other links of the same mail say how it stands.
    for link in hand_off(&deployment) {
        let (_, html) = send(&deployment, "GET", &link, "").await;
        assert!(html.contains("Anna Keller gave it back on Mon 5 Jan, 09:12. Why: Too small for us."), "{html}");
        assert!(!has_button(&html), "{html}");
    }
}

#[tokio::test]
async fn one_that_is_put_off_comes_back_in_the_digest_that_the_page_names() {
    for (form, said, day) in [
        ("when=tomorrow&day=", "Tue 6 Jan", "2026-01-06T07:00:00Z"),
        ("when=week&day=", "Mon 12 Jan", "2026-01-12T07:00:00Z"),
        ("when=month&day=", "Mon 2 Feb", "2026-02-02T07:00:00Z"),
        // A Saturday: the check after it.
        ("when=day&day=2026-01-10", "Mon 12 Jan", "2026-01-12T07:00:00Z"),
    ] {
        let deployment = world().await;
        let path = &hand_off(&deployment)[LATER];
        let (status, text) = page(&deployment, "POST", path, form).await;
        assert_eq!(status, 200, "{form}: {text}");
        assert!(text.contains(&format!("It comes back in your digest of {said}.")), "{form}: {text}");
        assert_eq!(lead(&deployment).await.later_until, Some(at(day).as_second()), "{form}");
        let check = at(day);
        deployment
            .world
            .advance_to(check - jiff::SignedDuration::from_secs(1), |_| {})
            .await
            .expect("the world goes on");
        assert_eq!((letters(&deployment, "digest").len(), letters(&deployment, "escalation").len()), (0, 0), "{form}");
        deployment
            .world
            .advance_to(check + jiff::SignedDuration::from_mins(10), |_| {})
            .await
            .expect("the world goes on");
        let digests = letters(&deployment, "digest");
        let [digest] = &digests[..] else { panic!("{form}: {} digests", digests.len()) };
        assert_eq!(digest.subject, "You asked to be reminded of Wilhelmina Quarterstaff");
    }
}

#[tokio::test]
async fn a_day_that_is_over_is_refused_at_its_field_and_what_was_entered_stays() {
    let deployment = world().await;
    let path = &hand_off(&deployment)[LATER];
    let (status, html) = send(&deployment, "POST", path, "when=day&day=2026-01-02").await;
    assert_eq!(status, 400);
    assert!(html.contains("value=\"2026-01-02\"") && html.contains("aria-describedby=\"day-fault\""), "{html}");
    assert!(html.contains("Fri 2 Jan is over."), "{html}");
    assert!(html.contains("value=\"day\" checked"), "{html}");
    let (status, _) = send(&deployment, "POST", path, &"when=day&".repeat(2_000)).await;
    assert_eq!(status, 413);
    assert_eq!(lead(&deployment).await.history.len(), 0);
}

#[tokio::test]
async fn who_comes_after_a_colleague_is_told_who_and_when_and_presses_nothing() {
    let deployment = world().await;
    let links = hand_off(&deployment);
    let said = body("lead.touched", at(NOW), &json!({"contact": "ada", "product": "analytics", "by": "rep-bilal"}));
    tell(&deployment, "bilal", &said).await;
    settle(&deployment).await;
    let before = lead(&deployment).await.history;
    for link in links {
        for method in ["GET", "POST"] {
            let (status, html) = send(&deployment, method, &link, "when=tomorrow&why=Another+reason").await;
            assert_eq!((status, has_button(&html)), (200, false));
            assert!(html.contains("Bilal Haddad has been on it since Mon 5 Jan, 09:12."), "{html}");
        }
    }
    settle(&deployment).await;
    assert_eq!(lead(&deployment).await.history, before);
}

#[tokio::test]
async fn a_manager_is_told_what_the_button_means_and_becomes_the_one_on_it() {
    let deployment = world().await;
    advance(&deployment, "2026-01-09T12:00:00Z").await;
    let reminders = letters(&deployment, "escalation");
    let to = |address: &str| reminders.iter().filter(|mail| mail.to.join("").contains(address)).collect::<Vec<_>>();
    let (managers, executives) = (to("elif.aydin"), to("sales.director"));
    let (Some(manager), Some(executive)) = (managers.first(), executives.first()) else { panic!("the ladder") };
    for mail in [manager, executive] {
        let text = mail.text.clone().expect("a text part");
        assert!(text.contains("I will see to it: ") && !text.contains("I am on it: "), "{text}");
        assert!(text.contains("makes you the one on it, in place of Anna Keller, whose lead it stays."), "{text}");
    }
    let path = &links(manager)[ON_IT];
    let (_, text) = page(&deployment, "GET", path, "").await;
    assert!(text.contains("Then you are the one on it, in place of Anna Keller, whose lead it stays."), "{text}");
    let (_, text) = page(&deployment, "POST", path, "").await;
    assert!(text.starts_with("You are on it") && text.contains("also for Anna Keller"), "{text}");
    let taken = lead(&deployment).await;
    assert_eq!((taken.touched_by.as_deref(), taken.owner.as_str()), (Some("manager-emea"), "rep-anna"));
    let (_, text) = page(&deployment, "GET", &hand_off(&deployment)[ON_IT], "").await;
    assert!(text.contains("Elif Aydin has been on it since"), "{text}");
}
