//! What the pages say is what is so: of an opt-out by either link, of a complaint behind it, and of any form they show.

use std::fmt::Write as _;

use perennial::deployment::address_key;
use perennial_local::ClockHandle;
use perennial_platform::consent;
use perennial_platform::told::What;
use perennial_tests::mailing::{mail_event, record, recorder};
use perennial_tests::{address_of, at, deploy_with, introduce, playbook_with, settle};

use super::{
    ALL, BEFORE, NOW, SLOT, centre, consents, opt_out_link, path, preferences, press, reasons, request, world_with,
};

#[tokio::test]
async fn one_click_is_recorded_as_what_it_is_by_both_links_and_a_button_with_its_words() {
    let one_click = "List-Unsubscribe=One-Click";
    let in_parts = "--x\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--x--\r\n";
    for (purpose, form, expected) in [
        (centre("ada"), one_click, one_click),
        (opt_out_link("ada"), one_click, one_click),
        (opt_out_link("ada"), in_parts, one_click),
        (
            opt_out_link("ada"),
            "",
            "Stop emails from Fernhill Software? You will get no more of these emails. Messages about your contract or \
             support are not affected. [Unsubscribe]",
        ),
    ] {
        let deployment = world_with(&["ada"]).await;
        press(&deployment, &purpose, form).await;
        let [record] = &consents(&deployment).await[..] else { panic!("one record") };
        let What::Unsubscribed { wording, .. } = &record.told else { panic!("{:?}", record.told) };
        assert_eq!(wording.as_deref(), Some(expected), "{form}");
    }
}

#[tokio::test]
async fn an_opt_out_under_another_id_is_told_and_can_be_said_by_oneself() {
    let deployment = world_with(&["ada"]).await;
    let hash = address_key().hash(&address_of("ada"));
    consent::suppress(&deployment.store, &hash, "unsubscribed", at(NOW)).await.expect("the store answers");
    let (status, page) = request(&deployment, "GET", &path(&deployment, &centre("ada")), "").await;
    assert!(status == 200 && page.contains("You are unsubscribed"), "{page}");
    let (status, page) = request(&deployment, "GET", &path(&deployment, &opt_out_link("ada")), "").await;
    assert!(status == 200 && page.contains("<button"), "{page}");
    press(&deployment, &opt_out_link("ada"), "").await;
    assert!(preferences(&deployment, "ada").await.unsubscribed, "it holds also if the other id takes its own back");
    let (_, page) = request(&deployment, "GET", &path(&deployment, &opt_out_link("ada")), "").await;
    assert!(page.contains("You are unsubscribed") && !page.contains("<button"), "{page}");
}

#[tokio::test]
async fn a_complaint_does_not_hide_behind_an_earlier_opt_out() {
    // The complaint after the opt-out, and the other way round.
    for complaint_first in [false, true] {
        let deployment = world_with(&["ada"]).await;
        let recorder = recorder(&deployment).await;
        let complaint = [mail_event("Complaint", "ada", SLOT, at("2026-01-08T08:00:30Z"))];
        if complaint_first {
            assert_eq!(record(&recorder, &complaint).await.len(), 0);
        }
        press(&deployment, &opt_out_link("ada"), "").await;
        settle(&deployment).await;
        for _ in 0..2 {
            deployment.world.clock().set(at("2026-01-08T08:01:00Z"));
            assert_eq!(record(&recorder, &complaint).await.len(), 0);
            settle(&deployment).await;
            let known = preferences(&deployment, "ada").await;
            assert_eq!((known.unsubscribed, known.source.as_str()), (true, consent::COMPLAINT));
        }
        let before = preferences(&deployment, "ada").await;
        press(&deployment, &centre("ada"), &ALL.replace("do=save", "do=resubscribe")).await;
        settle(&deployment).await;
        let after = preferences(&deployment, "ada").await;
        assert!(after.unsubscribed, "a complaint stays for ever");
        assert_eq!((&after.source, after.unsubscribed_at), (&before.source, before.unsubscribed_at));
        assert_eq!(reasons(&deployment, "ada").await, ["complained", "unsubscribed"]);
    }
}

#[tokio::test]
async fn the_longest_form_that_a_playbook_allows_is_taken() {
    // Thirty topics with ids as long as ids may be.
    let id = |number: usize| format!("{number:02}{}", "x".repeat(62));
    let written = |text: &str| {
        let head = text.find("[[topic]]").expect("the example has topics");
        let mut more = String::new();
        for number in 0..25 {
            let topic =
                format!("[[topic]]\nid = \"{}\"\nname = \"{number}\"\ndescription = \"A topic.\"\n\n", id(number));
            write!(more, "{topic}").expect("a text");
        }
        format!("{}{more}{}", &text[..head], &text[head..])
    };
    let deployment = deploy_with(ClockHandle::standing_at(at(BEFORE)), playbook_with(written)).await;
    introduce(&deployment, "ada").await;
    let all = (0..25).fold(ALL.to_owned(), |form, number| format!("shown={0}&topic={0}&{form}", id(number)));
    for button in ["save", "unsubscribe"] {
        press(&deployment, &centre("ada"), &all.replace("do=save", &format!("do={button}"))).await;
    }
    assert!(preferences(&deployment, "ada").await.unsubscribed);
}
