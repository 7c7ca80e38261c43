use std::collections::BTreeMap;

use super::*;
use crate::profile::Fields;
use crate::segment::Attribute;

fn rules(team: &str, territories: &[(&str, &str)]) -> OwnerRules {
    OwnerRules {
        territories: territories
            .iter()
            .map(|(region, reps)| Territory {
                id: TerritoryId::from(*region),
                when: Expression::OneOf { attribute: Attribute::Region, values: vec![(*region).to_owned()] },
                reps: reps.split(' ').map(RepId::from).collect(),
            })
            .collect(),
        team: team.lines().map(member).collect(),
    }
}

/// `anna < elif, 05 to 09 bilal, 20 on chen`: reports to Elif, away from the 5th to the 9th and from the 20th of November on.
fn member(line: &str) -> (RepId, Member) {
    let mut parts = line.trim().split(", ");
    let (id, manager) = parts.next().unwrap().split_once(" < ").unwrap_or((line.split(',').next().unwrap().trim(), ""));
    let absence = |part: &str| {
        let words: Vec<&str> = part.split(' ').collect();
        match words[..] {
            [from, "to", to, cover] => Absence { from: day(from), to: Some(day(to)), cover: cover.into() },
            [from, "on", cover] => Absence { from: day(from), to: None, cover: cover.into() },
            _ => panic!("{part}"),
        }
    };
    let manager = (!manager.is_empty()).then(|| RepId::from(manager));
    (RepId::from(id), Member { manager, away: parts.map(absence).collect() })
}

fn day(of_november: &str) -> Date {
    format!("2026-11-{of_november}").parse().unwrap()
}

fn account(id: &str, fields: &[(&str, &str)]) -> Account {
    let mut stated = Fields::default();
    stated.merge(fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())), 1);
    Account::from_fields(AccountId::from(id), &stated)
}

#[test]
fn an_account_is_its_owners_or_its_territorys_or_nobodys() {
    let now = "2026-11-22T10:00:00Z".parse().unwrap();
    let check = |owner: &str, region: &str, expected: Option<&str>| {
        let rules =
            rules("anna\nbilal\nchen", &[("emea", "bilal"), ("apac", "gone"), ("emea", "chen"), ("us", "gone chen")]);
        let of_account = of(&rules, &account("acme", &[("owner", owner), ("region", region)]), now);
        assert_eq!(of_account.as_ref().map(RepId::as_str), expected, "owner {owner:?}, region {region:?}");
    };
    check("anna", "emea", Some("anna"));
    check("anna", "", Some("anna"));
    // The first that it belongs to.
    check("", "emea", Some("bilal"));
    check("stranger", "emea", Some("bilal"));
    check("stranger", "us", Some("chen"));
    check("", "apac", None);
    check("", "latam", None);
    check("", "", None);
    check("stranger", "", None);
}

#[test]
fn who_is_away_is_covered_and_a_circle_ends() {
    let team = "anna < elif, 05 to 09 bilal, 10 to 12 chen, 20 on dora
                bilal < elif, 07 to 08 chen
                chen < elif, 08 to 11 anna
                dora < marcus, 21 to 21 anna, 23 to 24 dora
                elif, 08 to 08 marcus, 24 to 25 anna
                marcus < elif, 24 to 30 elif
                lone, 05 to 06 lone";
    let check = |owner: &str, on: &str, expected: &str| {
        let (rules, owner) = (rules(team, &[]), RepId::from(owner));
        let duty = on_duty(&rules, &owner, day(on));
        let until = duty.until.map(|until| format!(" until {}", until.day())).unwrap_or_default();
        assert_eq!(format!("{}{until}", duty.rep), expected, "{owner} on {on}");
        // What is asked from the other side is the same.
        let others = covered_by(&rules, duty.rep, day(on));
        let expected = (*duty.rep != owner).then_some(duty.until);
        assert_eq!(others.iter().find(|(of, _)| **of == owner).map(|(_, until)| *until), expected, "{owner} on {on}");
    };
    check("anna", "04", "anna");
    // Then Bilal is away as well, and back before Anna is.
    check("anna", "05", "bilal until 6");
    check("anna", "06", "bilal until 6");
    check("anna", "07", "chen until 7");
    // Anna, Bilal and Chen cover for each other: their manager, who is away too, and has a cover.
    check("anna", "08", "marcus until 8");
    check("chen", "08", "marcus until 8");
    check("anna", "09", "bilal until 9");
    // Chen's cover is Anna herself.
    check("anna", "10", "elif until 11");
    check("anna", "12", "chen until 12");
    check("anna", "13", "anna");
    // She has left: no end is known but Dora's.
    check("anna", "20", "dora until 20");
    check("anna", "21", "elif until 21");
    check("anna", "30", "dora");
    check("anna", "22", "dora until 22");
    check("dora", "23", "marcus until 23");
    check("anna", "23", "elif until 23");
    // Nobody is left.
    check("anna", "24", "anna");
    check("anna", "25", "dora");
    check("lone", "05", "lone");
    check("lone", "07", "lone");
    // Nobody whom the team knows.
    check("stranger", "05", "stranger");

    let rules = rules(team, &[]);
    for (rep, on, expected) in
        [("anna", "06", true), ("anna", "08", false), ("anna", "10", false), ("lone", "05", false)]
    {
        assert_eq!(is_covered(&rules, &RepId::from(rep), day(on)), expected, "{rep} on {on}");
    }
    let marcus = RepId::from("marcus");
    let covered = covered_by(&rules, &marcus, day("08"));
    let names: Vec<&str> = covered.iter().map(|(owner, _)| owner.as_str()).collect();
    assert_eq!(names, ["anna", "bilal", "chen", "elif"]);
}

#[test]
fn a_territorys_accounts_are_shared_out_evenly() {
    let reps = ["rep-a", "rep-b", "rep-c", "rep-d"].map(RepId::from);
    let mut count: BTreeMap<&RepId, usize> = BTreeMap::new();
    for number in 0..10_000 {
        let account = AccountId::from(format!("0015g00000{number:05}AAA").as_str());
        *count.entry(share(&account, reps.iter()).unwrap()).or_default() += 1;
    }
    assert!(count.len() == 4 && count.values().all(|share| (2_350..2_650).contains(share)), "{count:?}");
}
