//! Memory is taken per score and per quarter reached, never per fact.

#[path = "../benches/evaluate/contact.rs"]
mod contact;

use perennial_domain::ids::ProductId;
use perennial_domain::interest::{InterestRules, Requalify, evaluate};

fn allocations(rules: &InterestRules, facts: usize) -> u64 {
    let (product, facts, now) = (ProductId::from("analytics"), contact::facts(facts), contact::now());
    let counted = allocation_counter::measure(|| {
        let score = evaluate(rules, &product, &facts, now);
        assert_eq!((score.reached.len(), score.last_scored_second.is_some()), (2, true));
    });
    counted.count_total
}

#[test]
fn four_times_the_facts_of_the_same_names_take_as_many_allocations() {
    let check = |what: &str, rules: &InterestRules, expected: u64| {
        for facts in [50, 200, 800] {
            assert_eq!(allocations(rules, facts), expected, "{what}, {facts} facts");
        }
    };
    // The facts in order, their names, the repetitions; emails, clicks and deliveries for the gate; the quarters reached.
    check("with the gate", &contact::rules(), 7);
    check("without the gate", &InterestRules { gate: None, ..contact::rules() }, 4);
    check("with rollover", &InterestRules { requalify: Requalify::OnRollover, ..contact::rules() }, 7);
}
