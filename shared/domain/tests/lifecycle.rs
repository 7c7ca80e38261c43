//! What must hold of a lead, whatever sales says of it and however it arrives.

use perennial_domain::lead::{Checks, Heard, MOST_WORDS, Said, Standing, Status, Word, hear, standing, unite};
use proptest::prelude::*;

fn said() -> impl Strategy<Value = Said> {
    let amount = || prop::option::of(1..3_i64);
    let check = || prop::option::of(any::<bool>());
    let checks = (check(), check()).prop_map(|(budget, need)| Checks { budget, need, ..Checks::default() });
    prop_oneof![
        3 => Just(Said::Touched),
        3 => Just(Said::Accepted),
        2 => (amount(), checks).prop_map(|(amount_cents, checks)| Said::Opportunity { amount_cents, checks }),
        2 => (0..3_i64).prop_map(|until| Said::Later { until }),
        1 => amount().prop_map(|amount_cents| Said::Won { amount_cents }),
        1 => Just(Said::Lost),
        1 => prop::option::of(0..3_i64).prop_map(|until| Said::Rejected { until }),
    ]
}

/// A word in one of few seconds, by one of few people: so that many meet.
fn word() -> impl Strategy<Value = Word> {
    let by = prop_oneof![Just(None), Just(Some("anna".to_owned())), Just(Some("bilal".to_owned()))];
    let why = prop_oneof![Just(None), Just(Some("no budget".to_owned()))];
    (0..8_i64, said(), by, why).prop_map(|(at, said, by, why)| Word { at, said, by, why })
}

fn words() -> impl Strategy<Value = Vec<Word>> {
    prop::collection::vec(word(), 0..20)
}

/// Words, and the same in another order of arrival, some of them twice.
fn arriving() -> impl Strategy<Value = (Vec<Word>, Vec<Word>)> {
    words().prop_flat_map(|words| {
        let twice = prop::collection::vec(any::<bool>(), words.len());
        let again = (Just(words.clone()), twice).prop_map(|(words, twice)| {
            let repeated = words.iter().zip(twice).filter(|(_, twice)| *twice).map(|(word, _)| word.clone());
            words.iter().cloned().chain(repeated).collect::<Vec<_>>()
        });
        (Just(words), again.prop_shuffle())
    })
}

/// The history that is kept of words as they arrive.
fn heard(words: &[Word]) -> Vec<Word> {
    let mut history = Vec::new();
    for word in words {
        match hear(&history, word) {
            Heard::Kept(longer) => history = longer,
            Heard::Known => {}
        }
    }
    history
}

/// All but the words that were refused: of those that change nothing, whatever else is said, not every one is kept.
fn without_refused(standing: Standing) -> Standing {
    Standing { refused: Vec::new(), ..standing }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, max_global_rejects: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn neither_the_order_of_arrival_nor_a_repetition_makes_a_difference((words, arriving) in arriving()) {
        prop_assert_eq!(standing(&words), standing(&arriving));
        let (kept, expected) = (heard(&arriving), standing(&words));
        prop_assert_eq!(without_refused(standing(&kept)), without_refused(expected));
        prop_assert!(kept.iter().all(|word| words.contains(word)), "nothing is invented");
    }

    #[test]
    fn a_word_that_is_kept_is_known_from_then_on(words in words()) {
        let history = heard(&words);
        prop_assert!(history.is_sorted(), "it can be read from the top");
        for word in &history {
            prop_assert_eq!(hear(&history, word), Heard::Known, "{:?} of {:?}", word, history);
        }
    }

    #[test]
    fn however_much_is_said_the_lead_stands_where_all_of_it_leads(mut words in prop::collection::vec(word(), 60..200)) {
        for (at, word) in (0..).zip(&mut words) {
            word.at = at;
        }
        let kept = heard(&words);
        prop_assert!(kept.len() <= MOST_WORDS);
        prop_assert_eq!(without_refused(standing(&kept)), without_refused(standing(&words)));
    }

    #[test]
    fn a_word_of_an_earlier_stage_said_before_the_present_one_changes_nothing(
        words in words(), earlier in prop_oneof![Just(Said::Touched), Just(Said::Accepted)],
    ) {
        let before = standing(&words);
        let beyond = matches!(before.stage, Status::Opportunity | Status::Won | Status::Lost | Status::Recycled);
        prop_assume!(beyond);
        for at in 0..before.since.unwrap_or_default() {
            let mut more = words.clone();
            more.push(Word::of(earlier, at));
            let after = standing(&more);
            prop_assert_eq!((after.stage, after.since, after.amount_cents), (before.stage, before.since, before.amount_cents));
        }
    }

    #[test]
    fn what_was_won_or_recycled_stays_so_whatever_is_said_later(words in words(), later in words()) {
        let before = standing(&words);
        prop_assume!(matches!(before.stage, Status::Won | Status::Recycled));
        let later = later.into_iter().map(|word| Word { at: word.at + 8, ..word });
        let after = standing(&words.iter().cloned().chain(later).collect::<Vec<_>>());
        prop_assert_eq!((after.stage, after.since), (before.stage, before.since));
    }

    #[test]
    fn every_word_that_no_stage_takes_is_named_and_the_first_one_is_always_taken(words in words()) {
        let standing = standing(&words);
        let first = words.iter().min().map(|word| (word.at, word.by.clone()));
        prop_assert_eq!(&standing.touched, &first);
        for (word, refused) in &standing.refused {
            prop_assert_eq!(refused.from.after(&word.said), None);
            prop_assert!(!refused.from.is_open(), "an open lead takes every word");
        }
    }
}

#[test]
fn a_full_history_makes_room_and_noise_never_fills_it() {
    let reminder = |at| Word::of(Said::Later { until: at + 100 }, at);
    let limit = i64::try_from(MOST_WORDS).unwrap();
    let full = heard(&(0..limit).map(reminder).collect::<Vec<_>>());
    assert_eq!(full.len(), MOST_WORDS);
    assert_eq!(hear(&full, &reminder(0)), Heard::Known);
    // The first word stopped the clock and stays; the oldest of the reminders that later ones replaced goes.
    for word in [reminder(limit), Word::of(Said::Won { amount_cents: None }, limit)] {
        let mut expected = full.clone();
        expected.remove(1);
        expected.push(word.clone());
        assert_eq!(hear(&full, &word), Heard::Kept(expected));
    }

    let opened = |at| Word::of(if at % 2 == 0 { Said::Touched } else { Said::Accepted }, at);
    let noise: Vec<_> = (0..1_000).map(opened).chain([Word::of(Said::Rejected { until: None }, 1_000)]).collect();
    let more: Vec<_> = (1_001..2_000).map(opened).collect();
    let history = heard(&noise.into_iter().chain(more).collect::<Vec<_>>());
    let told: Vec<_> = history.iter().map(|word| (word.at, word.said.as_str())).collect();
    let expected = [(0, "touched"), (1, "accepted"), (1_000, "rejected"), (1_001, "accepted"), (1_002, "touched")];
    assert_eq!(told, expected);
}

#[test]
fn one_lead_under_two_ids_keeps_what_sales_said_of_either_and_stays_with_whoever_works_on_it() {
    let words = |text: &str| -> Vec<Word> {
        let said = |text: &str| match text {
            "touched" => Said::Touched,
            "accepted" => Said::Accepted,
            "opportunity" => Said::Opportunity { amount_cents: None, checks: Checks::default() },
            "won" => Said::Won { amount_cents: None },
            "lost" => Said::Lost,
            _ => Said::Rejected { until: None },
        };
        let word = |text: &str| text.split_once(' ').map(|(at, text)| Word::of(said(text), at.parse().unwrap()));
        text.split(", ").filter_map(word).collect()
    };
    let check = |one: &str, other: &str, stage: Status, kept: usize| {
        for (one, other) in [(one, other), (other, one)] {
            let united = unite(&words(one), &words(other));
            assert_eq!((standing(&united).stage, united.len()), (stage, kept), "{one} | {other}");
        }
    };
    check("", "", Status::Mql, 0);
    check("1 touched", "", Status::Touched, 1);
    check("1 touched", "2 accepted", Status::Sql, 2);
    check("1 touched", "1 touched", Status::Touched, 1);
    check("1 touched, 2 accepted", "3 opportunity, 9 won", Status::Won, 4);
    // Nobody works on the other one.
    check("", "2 rejected", Status::Recycled, 1);
    check("1 lost", "2 rejected", Status::Recycled, 2);
    // Somebody does: it is not taken away.
    check("3 touched", "2 rejected", Status::Touched, 1);
    check("1 touched, 4 accepted", "2 lost", Status::Sql, 2);
    // What was lost, and then an opportunity again, is one.
    check("1 lost", "2 opportunity", Status::Opportunity, 2);
}
