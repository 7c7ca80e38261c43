//! What a marketer works out by hand, row by row.

use perennial_domain::interest::{Decay, Gated, InterestRules, Repeat, Step, Verdict, evaluate, instant, walk};

use crate::{facts, product, rules, second};

#[test]
fn a_score_is_what_a_marketer_works_out_by_hand() {
    let check = |rules: &InterestRules, list: &[(&str, f64)], on: &[(f64, i64)]| {
        for (day, points) in on {
            let score = evaluate(rules, &product(), &facts(list), instant(second(*day)));
            assert_eq!(score.points, *points, "{list:?} on day {day}");
        }
    };
    let usual = rules();
    check(&usual, &[], &[(0.0, 0), (400.0, 0)]);
    check(&usual, &[("infographic/download", 3.0)], &[(2.9, 0), (3.0, 1), (27.9, 1), (28.0, 0)]);
    // The cycle of the engagement does not decay; each silent one halves, rounded down.
    check(&usual, &[("guide/download", 2.0)], &[(13.9, 10), (14.0, 10), (28.0, 5), (42.0, 2), (56.0, 1), (70.0, 0)]);
    check(&usual, &[("infographic/download", 3.0), ("webinar/attend", 9.0)], &[(9.0, 5), (28.0, 2)]);
    // A cycle with an engagement does not decay.
    check(&usual, &[("guide/download", 2.0), ("infographic/download", 20.0)], &[(28.0, 11), (42.0, 5)]);
    // Once per cycle, day or event.
    let twice = [("webinar/attend", 1.0), ("webinar/attend", 1.5), ("webinar/attend", 2.0), ("webinar/attend", 14.0)];
    check(&usual, &twice, &[(13.0, 4), (14.0, 8)]);
    check(&InterestRules { repeat: Repeat::Day, ..rules() }, &twice, &[(1.9, 4), (13.0, 8), (14.0, 12)]);
    check(&InterestRules { repeat: Repeat::Event, ..rules() }, &twice, &[(1.9, 8), (13.0, 12), (14.0, 16)]);
    // Clamped after each fact, below and above.
    check(&usual, &[("escalation/raised", 1.0), ("guide/download", 2.0)], &[(1.0, 0), (2.0, 10)]);
    check(&usual, &[("guide/download", 1.0), ("escalation/raised", 2.0)], &[(2.0, 5)]);
    check(&InterestRules { cap: 12, ..rules() }, &[("guide/download", 1.0), ("webinar/attend", 2.0)], &[(2.0, 12)]);
    // What scores nothing or below zero does not keep a score warm.
    check(
        &usual,
        &[("guide/download", 2.0), ("mail/open", 15.0), ("escalation/raised", 16.0)],
        &[(27.0, 5), (28.0, 2)],
    );
    // Other decays.
    let points = InterestRules { decay: Decay::Points(3), ..rules() };
    check(&points, &[("guide/download", 2.0)], &[(28.0, 7), (42.0, 4), (56.0, 1), (70.0, 0)]);
    let percent = InterestRules { decay: Decay::Percent(30), ..rules() };
    check(&percent, &[("guide/download", 2.0)], &[(28.0, 7), (42.0, 4), (56.0, 2), (70.0, 1), (84.0, 0)]);
    // Beyond the horizon of 28 cycles nothing is seen.
    let slow = InterestRules { decay: Decay::Percent(1), cap: 10_000, ..rules() };
    check(&slow, &[("guide/download", 2.0)], &[(14.0 * 9.0, 2), (14.0 * 28.0, 0)]);
    // What left the playbook scores nothing.
    check(&usual, &[("gone/download", 1.0), ("guide/stare", 1.0)], &[(2.0, 0)]);
}

#[test]
fn a_machines_clicks_score_nothing_and_the_rule_is_named() {
    let check = |list: &[(&str, f64)], expected: &[(usize, Option<Gated>)]| {
        let facts = facts(list);
        let mut seen: Vec<(usize, Option<Gated>)> = Vec::new();
        walk(&rules(), &facts, instant(second(30.0)), |step| {
            let Step::Fact { name, verdict, .. } = step else { return };
            if name.action.as_str() != "click" {
                return;
            }
            let gated = if let Verdict::Gated(gated) = verdict { Some(gated) } else { None };
            match seen.last_mut() {
                Some((count, last)) if *last == gated => *count += 1,
                _ => seen.push((1, gated)),
            }
        });
        assert_eq!(seen, expected, "{list:?}");
    };
    let at = |seconds: i64| 1.0 + seconds as f64 / 86_400.0;
    let (soon, many) = (Some(Gated::SecondsAfterSending), Some(Gated::ClicksPerDay));
    check(&[("mail/delivered@e", at(0)), ("mail/click@e", at(10))], &[(1, soon)]);
    check(&[("mail/delivered@e", at(0)), ("mail/click@e", at(11))], &[(1, None)]);
    check(&[("mail/delivered@other", at(0)), ("mail/click@e", at(1))], &[(1, None)]);
    check(&[("mail/click@e", at(0)), ("mail/delivered@e", at(60))], &[(1, None)]);
    let clicks = |days: &[f64]| days.iter().map(|day| ("mail/click@e", *day)).collect::<Vec<_>>();
    check(&clicks(&[1.0, 1.1, 1.2, 1.3]), &[(4, None)]);
    check(&clicks(&[1.0, 1.1, 1.2, 1.3, 1.4]), &[(5, many)]);
    // Five within 24 hours; the sixth, two days later, is a person's.
    check(&clicks(&[1.0, 1.1, 1.2, 1.3, 1.99, 3.5]), &[(5, many), (1, None)]);
    check(&clicks(&[1.0, 1.1, 1.2, 1.3, 2.0]), &[(5, None)]);
    let several: Vec<_> = ["a", "b", "c", "d", "e"].map(|email| format!("mail/click@{email}")).into();
    check(&several.iter().map(|text| (text.as_str(), 1.0)).collect::<Vec<_>>(), &[(5, None)]);
}

#[test]
fn the_quarter_is_the_one_in_which_it_happened() {
    let check = |list: &[(&str, f64)], expected: &[(&str, i64, bool)]| {
        let score = evaluate(&rules(), &product(), &facts(list), instant(second(200.0)));
        let seen: Vec<_> =
            score.reached.iter().map(|(quarter, r)| (quarter.to_string(), r.points, r.act_now)).collect();
        let expected: Vec<_> =
            expected.iter().map(|(quarter, points, act)| ((*quarter).to_owned(), *points, *act)).collect();
        assert_eq!(seen, expected, "{list:?}");
    };
    check(&[("webinar/attend", 1.0)], &[]);
    check(&[("webinar/attend", 1.0), ("infographic/download", 2.0)], &[("2026-Q1", 5, false)]);
    // Across the end of March: above the threshold all the time, but only an engagement reaches a quarter.
    check(&[("guide/download", 77.0)], &[("2026-Q1", 10, false)]);
    check(
        &[("guide/download", 77.0), ("infographic/download", 79.5)],
        &[("2026-Q1", 10, false), ("2026-Q2", 11, false)],
    );
    check(&[("pricing/request", 1.0)], &[("2026-Q1", 10, true)]);
    check(&[("guide/download", 1.0), ("pricing/request", 2.0)], &[("2026-Q1", 10, true)]);
    // A point against, at the threshold, reaches nothing.
    check(&[("escalation/raised", 90.0), ("guide/download", 78.9)], &[("2026-Q1", 10, false)]);
}
