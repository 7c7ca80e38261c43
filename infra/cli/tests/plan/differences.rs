//! Which rules differ, in the words of the file; and what else a plan says before its figures.

use perennial::history::folder;
use perennial::plan::{Plan, compare};
use perennial_playbook::Playbook;

use crate::{changed_playbook, example_playbook, history, small};

fn planned(changes: &[(&str, &str)], files: &[(&str, &str)]) -> Plan {
    let old = Playbook::load(&example_playbook()).unwrap();
    let new = Playbook::load(changed_playbook(changes).path()).unwrap();
    compare(&old, &new, &folder::read(history(files).path(), |_, _| {}).unwrap(), 180, || {})
}

/// The small history with more engagements.
fn with(engagements: &str) -> Vec<(&'static str, String)> {
    let files = small().into_iter().map(|(file, text)| (file, text.to_owned()));
    files.map(|(file, text)| (file, if file == "engagements.csv" { text + engagements } else { text })).collect()
}

#[test]
fn each_rule_that_differs_is_named_with_what_it_was_and_is() {
    let files = [("engagements.csv", "contact,asset,action,at\n")];
    // A place is its line's text.
    let check = |from: &str, to: &str, expected: &[&str]| {
        let plan = planned(&[(from, to)], &files);
        let changed = changed_playbook(&[(from, to)]);
        let written = std::fs::read_to_string(changed.path().join("playbook.toml")).unwrap();
        let seen = plan.rules.iter().map(|rule| {
            let text = rule.to_string();
            let Some((text, place)) = text.rsplit_once(" (playbook.toml:") else { return text };
            let line: usize = place.trim_end_matches(')').parse().unwrap();
            format!("{text} at `{}`", written.lines().nth(line - 1).unwrap())
        });
        let seen: Vec<String> = seen.collect();
        assert_eq!(seen, expected, "{to}");
        assert!(!plan.text(3).contains("no rule differs"), "{to}");
    };
    check(
        r#"working_days = ["mon", "tue", "wed", "thu", "fri"]"#,
        r#"working_days = ["sun", "mon", "tue", "wed", "thu"]"#,
        &["team.working_days mon, tue, wed, thu, fri → mon, tue, wed, thu, sun"],
    );
    let ladder = "sla.rung 24 h to rep, 48 h to rep and manager, 72 h to rep and manager and executive";
    check(
        r#"to = ["rep"]"#,
        r#"to = ["manager"]"#,
        &[&format!("{ladder} → {}", ladder["sla.rung ".len()..].replacen("rep", "manager", 1))],
    );
    check(
        r#"manager = "manager-emea""#,
        r#"manager = "manager-americas""#,
        &[r#"rep rep-anna reports to manager-emea → reports to manager-americas at `id = "rep-anna"`"#],
    );
    check(
        r#"to = "2027-08-20", cover"#,
        r#"to = "2027-08-27", cover"#,
        &[
            "rep rep-dora reports to manager-americas, is away from 2027-08-02 to 2027-08-20 (rep-chen) → reports to manager-americas, is away from 2027-08-02 to 2027-08-27 (rep-chen) at `id = \"rep-dora\"`",
        ],
    );
    check(
        "where = 'region == \"emea\"'\nreps = [\"rep-anna\", \"rep-bilal\"]",
        "reps = [\"rep-anna\"]",
        &[
            "territory emea number 1, where region == \"emea\": rep-anna, rep-bilal → number 1, every account: rep-anna at `id = \"emea\"`",
        ],
    );
    // An address is not shown.
    check(
        r#"executive = "sales.director@fernhill.example.com""#,
        r#"executive = "managing.director@fernhill.example.com""#,
        &["sla.executive differs"],
    );
    check("win_rate_percent = 25", "win_rate_percent = 30", &["goals.win_rate_percent 25 → 30"]);
    check(r#"currency = "USD""#, r#"currency = "EUR""#, &["goals.currency USD → EUR"]);
    check(
        r#"decay = "halve""#,
        "decay = { points = 2 }",
        &["interest.decay halve → { points = 2 } at `decay = { points = 2 }`"],
    );
    check(
        "\"UTC\"\nrequalify = \"on-engagement\"",
        "\"UTC\"\nrequalify = \"on-rollover\"",
        &[r#"quarter.requalify on-engagement → on-rollover at `requalify = "on-rollover"`"#],
    );
    check(
        "grades = { A = 70, B = 45, C = 20 }",
        "grades = { A = 70, B = 45, C = 21 }",
        &["fit.grades.C 20 → 21 at `grades = { A = 70, B = 45, C = 21 }`"],
    );
    // What is gone stands nowhere.
    check(
        r#"actions = ["delivered", "open", "click"]"#,
        r#"actions = ["delivered", "click"]"#,
        &["asset analytics-emails: open is gone: 0"],
    );
}

#[test]
fn an_mql_in_a_quarter_of_another_name_is_the_same() {
    // Anna comes back in February: in the same calendar quarter, and in another of a year that begins in February.
    let files = with("anna,analytics-guide,download,2026-02-05T10:00:00Z,\n");
    let files: Vec<(&str, &str)> = files.iter().map(|(file, text)| (*file, text.as_str())).collect();
    let plan = planned(&[("first_month = 1", "first_month = 2")], &files);
    assert_eq!((plan.mqls.old, plan.mqls.new), (5, 6));
    let appear: Vec<String> =
        plan.appear.iter().map(|line| format!("{} {} {}", line.contact, line.quarter, line.at)).collect();
    assert_eq!(appear, ["anna 2027-Q1 2026-02-05T10:00:00Z"]);
    assert_eq!((plan.disappear.len(), plan.moved.len(), plan.handed_over.len()), (0, 0, 0));
    let note = "quarters have other names: an MQL that both make is known by its instant. What is stored carries the old names, \
                so a contact who is a lead already may become one again in the quarter that is running";
    assert_eq!(plan.notes.iter().filter(|seen| *seen == note).count(), 1, "{:?}", plan.notes);
    // In another zone quarters have the same names: what is reached elsewhere in one of them moves.
    let zone = ("first_month = 1\ntime_zone = \"UTC\"", "first_month = 1\ntime_zone = \"Asia/Tokyo\"");
    let plan = planned(&[zone, ("threshold = 5", "threshold = 6")], &files);
    assert_eq!((plan.appear.len(), plan.moved.len()), (0, 1));
    assert!(!plan.notes.iter().any(|seen| seen == note), "{:?}", plan.notes);
}

#[test]
fn what_counts_for_nothing_is_said_with_a_few_names() {
    let notes = |engagements: &str, deals: &str| {
        let deals = format!("account,product,won_on,contact\n{deals}");
        let mut files = with(engagements);
        files.retain(|(file, _)| *file != "deals.csv");
        files.push(("deals.csv", deals));
        let files: Vec<(&str, &str)> = files.iter().map(|(file, text)| (*file, text.as_str())).collect();
        planned(&[("threshold = 5", "threshold = 6")], &files).notes
    };
    let podcast = "engagements with assets that neither playbook knows, which count for nothing: 1 (our-podcast)";
    assert_eq!(notes("", ""), [podcast]);
    // A delivery tells the gate of a sending, whatever the asset.
    assert_eq!(notes("anna,analytics-guide,delivered,2026-01-15T10:00:00Z,m1\n", ""), [podcast]);
    assert_eq!(
        notes(
            "anna,analytics-guide,donwload,2026-01-15T10:00:00Z,\n\
             bela,analytics-guide,donwload,2026-01-16T10:00:00Z,\n\
             bela,analytics-webinar,attent,2026-01-16T10:00:00Z,\n",
            ""
        ),
        [
            podcast,
            "engagements with actions that neither playbook knows of their assets, which count for nothing: \
             3 (analytics-guide donwload, analytics-webinar attent)",
        ]
    );
    assert_eq!(
        notes(
            "",
            "Acme Ltd,analytics,2026-04-01,\n\
             Beta Ltd,analytics,2026-04-01,\n\
             Beta Ltd,automation,2026-04-01,\n\
             Chi Ltd,analytics,2026-04-01,\n\
             Delta Ltd,analytics,2026-04-01,\n\
             sales@example.com,analytics,2026-04-01,\n\
             acme,analytics,2026-04-01,\n\
             acme,analytics,2026-04-01,zoe@example.com\n\
             acme,tea,2026-04-01,\n"
        ),
        [
            podcast,
            "won deals of products that neither playbook sells, which nothing can foresee: 1 (tea)",
            "won deals that name a contact of whom nothing else is known, which nothing can foresee: 1",
            "won deals of accounts to which no contact belongs, which nothing can foresee: \
             6 (Acme Ltd, Beta Ltd, Chi Ltd, …)",
        ]
    );
    assert_eq!(
        notes("anna,analytics-guide,download,2199-01-15T10:00:00Z,\n", "")[0],
        "engagements lie 173 years apart: a date that was mistyped counts, and mail is counted until then"
    );
}
