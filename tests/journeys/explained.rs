//! Every score of the example company is the sum of what its explanation lists, and every lead names its playbook.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use perennial::account::Rows;
use perennial::example::Story;
use perennial::explain::{Explanation, explain};
use perennial_domain::interest::evaluate;

use crate::open_world;

const START: &str = "2026-10-05T00:00:00Z";

/// The instants of the check: every tenth day and an odd hour, from before the first engagement until all is cold.
fn instants(start: Timestamp) -> impl Iterator<Item = Timestamp> {
    (0..10).map(move |number| start + SignedDuration::from_hours(number * 10 * 24 + number))
}

#[tokio::test]
async fn contributions_add_up_to_the_score_for_every_contact_and_product() {
    let start: Timestamp = START.parse().unwrap();
    let deployment = open_world(start).await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/playbook/example");
    Story::read(&folder).unwrap().play(&deployment, start, |_| {}).await.unwrap();
    let rows = Rows::read(&deployment).await.unwrap();
    assert!(rows.interests.len() > 40, "{} interests", rows.interests.len());

    let (mut above_zero, mut told) = (0, 0);
    for ((contact, product), item) in &rows.interests {
        for at in instants(start) {
            let explained = explain(&deployment.playbook, &rows, contact, product, at).expect("there are facts");
            let what = format!("{contact} {product} at {at}\n{explained}");
            let score = evaluate(&deployment.playbook.interest, product, &item.facts, at);
            assert_eq!(explained.points, score.points, "{what}");
            assert_eq!(sum(&explained), score.points, "{what}");
            assert_eq!(explained.gained - explained.lost - explained.decayed, score.points, "{what}");
            assert_eq!(
                reached(&explained),
                score.reached.keys().map(ToString::to_string).collect::<Vec<_>>(),
                "{what}"
            );
            above_zero += usize::from(score.points > 0);
            told += explained.steps.len();
            check_steps(&explained, &what);
        }
    }
    assert!(above_zero > 100 && told > 1000, "{above_zero} scores above zero, {told} steps");
}

fn sum(explained: &Explanation) -> i64 {
    explained.steps.iter().map(|step| step.change).sum()
}

/// The quarters whose crossing the story marks.
fn reached(explained: &Explanation) -> Vec<String> {
    explained.steps.iter().filter_map(|step| step.reaches.clone()).collect()
}

/// Each step follows from the one before, and says by which rule and where it stands.
fn check_steps(explained: &Explanation, what: &str) {
    let mut points = 0;
    for step in &explained.steps {
        points += step.change;
        assert_eq!(step.points, points, "{what}");
        let line = step.place.as_deref().and_then(|place| place.strip_prefix("playbook.toml:"));
        let line: usize = line.and_then(|line| line.parse().ok()).unwrap_or_else(|| panic!("{step:?} in {what}"));
        let rule_word = step.rule.split([' ', ':', '=']).next().unwrap_or_default();
        let section = rule_word.rsplit('.').next().unwrap_or_default();
        let written = PLAYBOOK.lines().nth(line - 1).unwrap_or_default();
        let action = step.action.as_deref().unwrap_or(section);
        assert!(written.contains(action) || written.contains(section), "{}: {written}", step.rule);
    }
    for lead in &explained.leads {
        assert_eq!(lead.playbook_version, explained.playbook_version, "{what}");
    }
}

const PLAYBOOK: &str = include_str!("../../infra/playbook/playbook.toml");
