//! `perennial playbook plan`: what it says of a small history, and what it says of one that cannot be read.

mod differences;
mod unreadable;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use expect_test::{Expect, expect};
use perennial::history::folder;
use perennial::plan::compare;
use perennial_playbook::Playbook;
use serde_json::Value;
use tempfile::TempDir;

fn example_playbook() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../playbook")
}

/// The example playbook with some of its text replaced.
fn changed_playbook(changes: &[(&str, &str)]) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(copy.path().join("content")).unwrap();
    for folder in ["", "content"] {
        for entry in std::fs::read_dir(example_playbook().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                std::fs::copy(&path, copy.path().join(folder).join(path.file_name().unwrap())).unwrap();
            }
        }
    }
    let file = copy.path().join("playbook.toml");
    let mut text = std::fs::read_to_string(&file).unwrap();
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replacen(from, to, 1);
    }
    std::fs::write(file, text).unwrap();
    copy
}

fn history(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (file, text) in files {
        std::fs::write(folder.path().join(file), text).unwrap();
    }
    folder
}

/// Three accounts, four contacts and somebody whose id is an address.
fn small() -> Vec<(&'static str, &'static str)> {
    vec![
        (
            "engagements.csv",
            "contact,asset,action,at,email\n\
             anna,analytics-webinar,attend,2026-01-13T10:00:00Z,\n\
             anna,analytics-infographic,download,2026-01-14T10:00:00Z,\n\
             anna,analytics-checklist,download,2026-01-20T10:00:00Z,\n\
             bela,automation-webinar,attend,2026-02-03T10:00:00Z,\n\
             bela,automation-infographic,download,2026-02-03T11:00:00Z,\n\
             bela,automation-infographic,download,2026-02-03T11:00:00Z,\n\
             carl,integrations-guide,download,2026-02-10T09:00:00Z,\n\
             dora,analytics-pricing,request,2026-03-02T09:00:00Z,\n\
             dora,our-podcast,listen,2026-03-03T09:00:00Z,\n\
             eve@example.com,support-plus-guide,download,2026-03-10T09:00:00Z,\n",
        ),
        (
            "contacts.csv",
            "contact,account,email,first_name,last_name,title,role\n\
             anna,acme,anna@acme.example.com,Anna,A,VP Operations,executive\n\
             bela,beta,bela@beta.example.com,Bela,B,Analyst,practitioner\n\
             carl,beta,carl@beta.example.com,Carl,C,Analyst,practitioner\n\
             dora,acme,dora@acme.example.com,Dora,D,Buyer,decision-maker\n",
        ),
        (
            "accounts.csv",
            "account,health,owner,size,customer_since,owns\n\
             acme,good,rep-anna,enterprise,2020-01-01,support-plus=2020-01-01\n\
             beta,good,rep-bilal,emerging,2020-01-01T00:00:00Z,integrations=2020-01-01;\n",
        ),
        (
            "deals.csv",
            "account,product,won_on,amount_cents,contact\n\
             acme,analytics,2026-04-01,2500000,\n\
             beta,automation,2026-05-01,1000000,carl\n\
             acme,tea,2026-05-01,,\n",
        ),
    ]
}

/// The plan's text, with names for what changes with every word of the example playbook.
fn check(changes: &[(&str, &str)], expected: &Expect) {
    let (old, new) = (Playbook::load(&example_playbook()).unwrap(), changed_playbook(changes));
    let playbook = Playbook::load(new.path()).unwrap();
    let files = history(&small());
    let history = folder::read(files.path(), |_, _| {}).unwrap();
    let plan = compare(&old, &playbook, &history, 180, || {});
    let mut text = plan.text(3).replace(&playbook.version, "NEW").replace(&old.version, "OLD");
    let written = std::fs::read_to_string(new.path().join("playbook.toml")).unwrap();
    for (_, to) in changes {
        // The line on which the change stands.
        let line = 1 + written[..written.find(to).unwrap()].matches('\n').count();
        text = text.replace(&format!("playbook.toml:{line})"), "its line)");
    }
    let asset = 1 + written[..written.find("id = \"analytics-webinar\"").unwrap()].matches('\n').count();
    text = text.replace(&format!("playbook.toml:{asset})"), "the asset's line)");
    assert!(!text.contains("example.com"), "{text}");
    expected.assert_eq(&text);
}

#[test]
fn a_higher_threshold_is_planned() {
    check(
        &[("threshold = 5", "threshold = 6")],
        &expect![[r#"
            playbook OLD → NEW
            history  5 contacts, 9 engagements (1 more rows told the same) from 2026-01-13 to 2026-03-10, 3 won deals
            note     engagements with assets that neither playbook knows, which count for nothing: 1 (our-podcast)
            note     won deals of products that neither playbook sells, which nothing can foresee: 1 (tea)

            RULES
              interest.threshold 5 → 6 (its line)

            MQLs     5 → 4: 0 appear, 1 disappear, 1 move
              disappear
                - bela                     automation       2026-Q1  2026-02-03 11:00 at 5 points: MQL, rep-bilal
              move
                ~ anna                     analytics        2026-Q1  2026-01-14 10:00 → 2026-01-20 10:00
              by product
                analytics                           2 →      2
                automation                          1 →      0   -1
                integrations                        1 →      1
                support-plus                        1 →      1
              by owner of the account
                nobody                              1 →      1
                rep-anna                            2 →      2
                rep-bilal                           2 →      1   -1

            HAND-OFFS to sales
              leads by priority
                Act Now                             1 →      1
                MQL                                 2 →      1   -1
              leads by owner
                rep-anna                            2 →      2
                rep-bilal                           1 →      0   -1
              held
                not identified                      1 →      1
                product owned                       1 →      1

            MAIL
                nurture mails to contacts           4 →      6   +2
                Act Nows to owners, at once         1 →      1
                digests to owners                   2 →      1   -1
              assumed: profiles as they are now, but what is dated (owned, customer since) as it was; held MQLs stay held;
              slots from a contact's first engagement on, leads stay open, no other system's mail, no bounces;
              reminders to reps depend on when they call and are not counted

            WON DEALS, at most 180 days after an MQL
              precision  2/5 (40.0 %) → 2/4 (50.0 %) of the MQLs were followed by a deal
              recall     1/3 (33.3 %) → 1/3 (33.3 %) of the deals were foreseen
              foreseen   USD 25,000 → USD 25,000
        "#]],
    );
}

#[test]
fn a_product_tag_is_planned_as_it_would_be_after_a_rebuild() {
    let webinar = "title = \"Numbers that lead to decisions (webinar)\"\nproducts = [\"analytics\"]";
    let tagged = "title = \"Numbers that lead to decisions (webinar)\"\nproducts = [\"analytics\", \"automation\"]";
    check(
        &[(webinar, tagged), ("threshold = 5", "threshold = 4")],
        &expect![[r#"
            playbook OLD → NEW
            history  5 contacts, 9 engagements (1 more rows told the same) from 2026-01-13 to 2026-03-10, 3 won deals
            note     engagements with assets that neither playbook knows, which count for nothing: 1 (our-podcast)
            note     won deals of products that neither playbook sells, which nothing can foresee: 1 (tea)

            RULES
              interest.threshold 5 → 4 (its line)
              asset analytics-webinar: products analytics → analytics, automation (the asset's line): stored facts keep the old tags until `perennial rebuild`
              what follows is as it would be after that

            MQLs     5 → 6: 1 appear, 0 disappear, 2 move
              appear
                + anna                     automation       2026-Q1  2026-01-13 10:00 at 4 points: MQL, rep-anna
              move
                ~ anna                     analytics        2026-Q1  2026-01-14 10:00 → 2026-01-13 10:00
                ~ bela                     automation       2026-Q1  2026-02-03 11:00 → 2026-02-03 10:00
              by product
                analytics                           2 →      2
                automation                          1 →      2   +1
                integrations                        1 →      1
                support-plus                        1 →      1
              by owner of the account
                nobody                              1 →      1
                rep-anna                            2 →      3   +1
                rep-bilal                           2 →      2

            HAND-OFFS to sales
              leads by priority
                Act Now                             1 →      1
                MQL                                 2 →      3   +1
              leads by owner
                rep-anna                            2 →      3   +1
                rep-bilal                           1 →      1
              held
                not identified                      1 →      1
                product owned                       1 →      1

            MAIL
                nurture mails to contacts           4 →      3   -1
                Act Nows to owners, at once         1 →      1
                digests to owners                   2 →      2
              assumed: profiles as they are now, but what is dated (owned, customer since) as it was; held MQLs stay held;
              slots from a contact's first engagement on, leads stay open, no other system's mail, no bounces;
              reminders to reps depend on when they call and are not counted

            WON DEALS, at most 180 days after an MQL
              precision  2/5 (40.0 %) → 2/6 (33.3 %) of the MQLs were followed by a deal
              recall     1/3 (33.3 %) → 1/3 (33.3 %) of the deals were foreseen
              foreseen   USD 25,000 → USD 25,000
        "#]],
    );
}

#[test]
fn a_change_of_words_makes_no_difference_and_says_so() {
    check(
        &[("id = \"analytics\"\nname = \"Fernhill Analytics\"", "id = \"analytics\"\nname = \"Fernhill Analytics 2\"")],
        &expect![[r#"
            playbook OLD → NEW
            history  5 contacts, 9 engagements (1 more rows told the same) from 2026-01-13 to 2026-03-10, 3 won deals
            note     engagements with assets that neither playbook knows, which count for nothing: 1 (our-podcast)
            note     won deals of products that neither playbook sells, which nothing can foresee: 1 (tea)

            RULES
              product analytics Fernhill Analytics → Fernhill Analytics 2 (its line)

            No difference: every MQL and every hand-off would have been the same, and as many mails; which piece goes out is not compared.
            MQLs     5 → 5: 0 appear, 0 disappear, 0 move
              by product
                analytics                           2 →      2
                automation                          1 →      1
                integrations                        1 →      1
                support-plus                        1 →      1
              by owner of the account
                nobody                              1 →      1
                rep-anna                            2 →      2
                rep-bilal                           2 →      2

            HAND-OFFS to sales
              leads by priority
                Act Now                             1 →      1
                MQL                                 2 →      2
              leads by owner
                rep-anna                            2 →      2
                rep-bilal                           1 →      1
              held
                not identified                      1 →      1
                product owned                       1 →      1

            MAIL
                nurture mails to contacts           4 →      4
                Act Nows to owners, at once         1 →      1
                digests to owners                   2 →      2
              assumed: profiles as they are now, but what is dated (owned, customer since) as it was; held MQLs stay held;
              slots from a contact's first engagement on, leads stay open, no other system's mail, no bounces;
              reminders to reps depend on when they call and are not counted

            WON DEALS, at most 180 days after an MQL
              precision  2/5 (40.0 %) → 2/5 (40.0 %) of the MQLs were followed by a deal
              recall     1/3 (33.3 %) → 1/3 (33.3 %) of the deals were foreseen
              foreseen   USD 25,000 → USD 25,000
        "#]],
    );
}

fn perennial(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_perennial")).args(["playbook", "plan"]).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn the_command_fails_for_what_it_cannot_read_and_not_for_a_difference() {
    let (example, changed) = (example_playbook(), changed_playbook(&[("threshold = 5", "threshold = 6")]));
    let broken = changed_playbook(&[("threshold = 5", "threshold = 0")]);
    let (example, changed) = (example.to_str().unwrap(), changed.path().to_str().unwrap());
    let files = history(&small());
    let facts = files.path().to_str().unwrap();

    let plan = perennial(&[example, changed, "--facts", facts, "--json"]);
    assert!(plan.status.success(), "{}", text(&plan.stderr));
    let json: Value = serde_json::from_slice(&plan.stdout).unwrap();
    assert_eq!(json["mqls"], serde_json::json!({"old": 5, "new": 4}));
    assert_eq!(json["recall"], serde_json::json!({"old": [1, 3], "new": [1, 3]}));

    // Deals may be known where facts are not kept.
    let deals = files.path().join("deals-of-another.csv");
    std::fs::write(&deals, "account,product,won_on\nbeta,automation,2026-02-04\n").unwrap();
    let plan = perennial(&[example, changed, "--facts", facts, "--deals", deals.to_str().unwrap(), "--json"]);
    let json: Value = serde_json::from_slice(&plan.stdout).unwrap();
    assert_eq!(json["recall"], serde_json::json!({"old": [1, 1], "new": [0, 1]}));

    for (arguments, code, said) in [
        (vec![example, broken.path().to_str().unwrap(), "--facts", facts], 1, "is broken; nothing was replayed"),
        (vec![example, changed, "--facts", "no-such-folder"], 1, "engagements.csv: cannot be read"),
        (vec![example, changed, "--data", facts], 1, "there is no world in"),
        (vec![example, changed], 2, "--facts"),
        (vec![example, changed, "--facts", facts, "--data", facts], 2, "cannot be used with"),
        (vec![example, "--facts", facts], 2, "<NEW>"),
    ] {
        let output = perennial(&arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", text(&output.stderr));
        assert!(text(&output.stderr).contains(said), "{arguments:?}: {}", text(&output.stderr));
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}
