//! Every score of the example company is the sum of what its explanation lists, and every lead names its playbook.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use perennial::account::Rows;
use perennial::example::Story;
use perennial::explain::{Explanation, StepLine, explain};
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

    let (mut above_zero, mut told, mut leads) = (0, 0, 0);
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
            leads += explained.leads.len();
            check_steps(&explained, &what);
        }
    }
    assert!(above_zero > 100 && told > 1000 && leads > 20, "{above_zero} above zero, {told} steps, {leads} leads");
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
        let written = PLAYBOOK.lines().nth(line - 1).unwrap_or_default();
        assert!(stands_there(step, written), "{}: {written}", step.rule);
    }
    for lead in &explained.leads {
        assert_eq!(lead.playbook_version, explained.playbook_version, "{what}");
    }
}

/// Whether a line of the playbook holds the rule: the setting by its last name, or the action with its points, or, for an
/// action that is worth what its stage and effort are, the stage with that figure.
fn stands_there(step: &StepLine, written: &str) -> bool {
    let Some(action) = step.action.as_deref().filter(|_| ["scored", "worthless"].contains(&step.verdict)) else {
        let setting = step.rule.split([' ', ':']).next().and_then(|name| name.rsplit('.').next());
        return setting.is_some_and(|setting| written.starts_with(setting));
    };
    let points = step.rule.rsplit(&format!("{action} = ")).next().unwrap_or_default();
    let points: String = points.chars().take_while(|c| c.is_ascii_digit() || *c == '-').collect();
    let by_stage = ["early", "middle", "late"].iter().any(|stage| written.starts_with(stage));
    // Opens and deliveries are worth nothing by themselves.
    let by_itself = written.starts_with("actions") && written.contains(action) && points == "0";
    written.contains(&format!("{action} = {points}"))
        || by_itself
        || by_stage && written.contains(&format!(" = {points}"))
}

const PLAYBOOK: &str = include_str!("../../infra/playbook/playbook.toml");
