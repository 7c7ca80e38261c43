//! The worked examples of `examples.toml`, each compared with what the rules make of it.
//!
//! The file is for marketers: this test adds nothing to what they state, and reports every difference at once.

mod reading;

use std::collections::{BTreeMap, BTreeSet};

use expect_test::expect;
use perennial_domain::fit;
use perennial_domain::ids::{AccountId, ContactId, ProductId};
use perennial_domain::interest::{Facts, Score, evaluate, instant};
use perennial_domain::profile::{Account, Contact, Fields};
use perennial_domain::qualify::{self, Decision, Snapshot};
use perennial_playbook::{Bundle, Playbook, Severity};
use reading::{Engagement, Example};
use toml::{Table, Value};

/// As many as the issue asks for.
const AT_LEAST: usize = 40;

/// One example, ready to be asked.
struct Asked<'e> {
    example: &'e Example,
    playbook: Playbook,
    engagements: Vec<Engagement>,
    contact: Contact,
    account: Account,
}

impl<'e> Asked<'e> {
    fn new(example: &'e Example) -> Result<Self, String> {
        let playbook = playbook(&example.rules)?;
        let engagements: Vec<_> =
            example.engagements.iter().map(|text| reading::engagement(text)).collect::<Result<_, _>>()?;
        for Engagement { name, .. } in &engagements {
            let known =
                playbook.interest.assets.get(&name.asset).is_some_and(|asset| asset.actions.contains_key(&name.action));
            if !known && !example.left_the_playbook.iter().any(|asset| asset == name.asset.as_str()) {
                return Err(format!("the playbook knows no {} of {}", name.action, name.asset));
            }
        }
        let fields = |stated: &BTreeMap<String, String>, usual: &[(&str, &str)]| {
            let usual = usual.iter().map(|(field, value)| ((*field).to_owned(), (*value).to_owned()));
            let mut fields = Fields::default();
            fields.merge(usual, 0);
            fields.merge(stated.clone(), 1);
            fields
        };
        let contact =
            Contact::from_fields(ContactId::from("contact"), &fields(&example.contact, &[("account", "account")]));
        let account = Account::from_fields(AccountId::from("account"), &fields(&example.account, &[("owner", "anna")]));
        Ok(Self { example, playbook, engagements, contact, account })
    }

    /// The score for a product as it was known at a second.
    fn score(&self, product: &ProductId, second: i64) -> Score {
        let rules = &self.playbook.interest;
        let concerns = |engagement: &&Engagement| {
            let asset = rules.assets.get(&engagement.name.asset);
            engagement.told_second <= second && asset.is_none_or(|asset| asset.products.contains(product))
        };
        let known = self.engagements.iter().filter(concerns);
        let facts: Facts = known.map(|engagement| (engagement.name.clone(), engagement.second)).collect();
        evaluate(rules, product, &facts, instant(second))
    }

    /// Everything that is other than stated.
    fn differences(&self) -> Result<Vec<String>, String> {
        let mut differences = Vec::new();
        let mut note = |what: &str, expected: &str, seen: &str| {
            if expected != seen {
                differences.push(format!("{what}: expected {expected}, seen {seen}"));
            }
        };
        for (when, points) in &self.example.score {
            let (second, product) = reading::score_at(when)?;
            if self.playbook.products.iter().all(|known| known.id != product) {
                return Err(format!("the playbook knows no product {product}"));
            }
            note(when, &points.to_string(), &self.score(&product, second).points.to_string());
        }
        note("mql", &list(&self.stated_quarters()), &list(&self.quarters()?));
        if let Some(fit) = &self.example.fit {
            note("fit", fit, &self.fit());
        }
        for (when, lead) in &self.example.lead {
            note(&format!("lead on {when}"), lead, &self.lead(reading::instant(when)?));
        }
        Ok(differences)
    }

    fn stated_quarters(&self) -> Vec<String> {
        let stated = self.example.mql.iter().map(|text| reading::product_and_quarter(text));
        let sorted: BTreeSet<_> = stated.map(|(product, quarter)| format!("{product} {quarter}")).collect();
        sorted.into_iter().collect()
    }

    /// The quarters in which a lead came due at any instant that the example names: a lead that was made is not taken back.
    fn quarters(&self) -> Result<Vec<String>, String> {
        let mut seconds: BTreeSet<i64> = self.engagements.iter().map(|engagement| engagement.told_second).collect();
        for when in self.example.score.keys() {
            seconds.insert(reading::score_at(when)?.0);
        }
        let mut quarters = BTreeSet::new();
        for product in &self.playbook.products {
            let reached = seconds.iter().flat_map(|second| self.score(&product.id, *second).reached.into_keys());
            quarters.extend(reached.map(|quarter| format!("{} {quarter}", product.id)));
        }
        Ok(quarters.into_iter().collect())
    }

    fn fit(&self) -> String {
        let fit = fit::evaluate(&self.playbook.qualify.fit, Some(&self.contact), Some(&self.account));
        let lines: Vec<String> =
            fit.lines.iter().map(|line| format!("{} {} {}", line.attribute, line.value, line.points)).collect();
        format!("{} {}: {}", fit.points, fit.grade, list(&lines))
    }

    /// What sales sees of the lead for analytics in the quarter that holds this second.
    fn lead(&self, second: i64) -> String {
        let product = ProductId::from("analytics");
        let score = self.score(&product, second);
        let quarter = self.playbook.interest.quarters.of(instant(second));
        let Some(reached) = score.reached.get(&quarter).copied() else { return "none".to_owned() };
        let snapshot = Snapshot {
            product: &product,
            threshold: self.playbook.interest.threshold(&product),
            score: &score,
            reached,
            contact: Some(&self.contact),
            account: Some(&self.account),
            given_back: qualify::GivenBack::default(),
            wants_no_calls: false,
        };
        match qualify::decide(&self.playbook.qualify, &self.playbook.calendar, &snapshot, instant(second)) {
            Decision::Held { reason, .. } => format!("held: {reason}"),
            Decision::Qualified(lead) => format!(
                "{}: {} = {} fit + {} engagement; {}; high in {}; fit {}{}",
                lead.priority,
                lead.sorting.points,
                lead.sorting.from_fit,
                lead.sorting.from_engagement,
                lead.sorting.temperature,
                lead.sorting.driver,
                lead.fit.grade,
                if lead.new_customer { "; new customer" } else { "" },
            ),
        }
    }
}

fn list(items: &[String]) -> String {
    if items.is_empty() { "none".to_owned() } else { items.join(", ") }
}

/// The playbook beside the examples, with other rules. It sends no mail, so it needs no content.
fn playbook(rules: &Table) -> Result<Playbook, String> {
    let mut table: Table = include_str!("playbook.toml").parse().map_err(|error| format!("playbook.toml: {error}"))?;
    overlay(&mut table, rules);
    let bundle = Bundle { playbook: table.to_string(), pieces: BTreeMap::new(), sources: BTreeMap::new() };
    Playbook::of(&bundle).map_err(|problems| {
        let errors = problems.iter().filter(|problem| problem.severity == Severity::Error);
        errors.map(|error| error.reason.clone()).collect::<Vec<_>>().join("; ")
    })
}

fn overlay(table: &mut Table, rules: &Table) {
    for (name, value) in rules {
        match (table.get_mut(name), value) {
            (Some(Value::Table(section)), Value::Table(rules)) => overlay(section, rules),
            _ => {
                table.insert(name.clone(), value.clone());
            }
        }
    }
}

/// What the examples say and the rules do not, one line each.
fn differences(text: &str) -> Result<Vec<String>, String> {
    let mut lines = Vec::new();
    for example in reading::examples(text)? {
        let found = Asked::new(&example).and_then(|asked| asked.differences());
        let found = found.unwrap_or_else(|unreadable| vec![unreadable]);
        lines.extend(found.into_iter().map(|line| format!("{}\n    {line}", example.says)));
    }
    Ok(lines)
}

#[test]
fn every_example_is_what_the_rules_make_of_it() {
    let text = include_str!("examples.toml");
    let examples = reading::examples(text).unwrap();
    assert!(examples.len() >= AT_LEAST, "{} examples, and {AT_LEAST} were promised", examples.len());
    let says: BTreeSet<_> = examples.iter().map(|example| &example.says).collect();
    assert_eq!(says.len(), examples.len(), "two examples say the same");
    let differences = differences(text).unwrap();
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
}

#[test]
fn an_example_that_is_wrong_is_told_with_all_that_is_wrong() {
    let wrong = r#"
        [[example]]
        says = "A guide is 9 points."
        engagements = ["day 2 09:00: guide download"]
        score = { "day 2" = 9, "day 28" = 5, "day 42 automation" = 1 }
        lead = { "day 2" = "none" }
        [[example]]
        says = "A book is a guide."
        engagements = ["day 2 09:00: book download"]
        score = { "day 2" = 10 }
        [[example]]
        says = "A decay of nothing."
        rules = { interest.decay = { points = 0 } }
        score = { "day 2" = 0 }
    "#;
    expect![[r#"
        A guide is 9 points.
            day 2: expected 9, seen 10
        A guide is 9 points.
            day 42 automation: expected 1, seen 0
        A guide is 9 points.
            mql: expected none, seen analytics 2026-Q1
        A guide is 9 points.
            lead on day 2: expected none, seen MQL: 25 = 0 fit + 25 engagement; cold; high in neither; fit D
        A book is a guide.
            the playbook knows no download of book
        A decay of nothing.
            the decay in points is 0, and must be within 1 and 10000"#]]
    .assert_eq(&differences(wrong).unwrap().join("\n"));
}

#[test]
fn what_is_not_an_example_is_refused() {
    let check = |text: &str, expected: &str| {
        let refused = differences(text).unwrap_or_else(|error| vec![error]).join("\n");
        assert!(refused.contains(expected), "{text} is refused with {refused:?}, not {expected:?}");
    };
    check("", "missing field `example`");
    check("[[example]]\nsays = \"a\"\npoints = 1", "unknown field `points`");
    check("[[example]]\nsays = \"a\"\nmql = []", "states no score");
    let score = |score: &str| format!("[[example]]\nsays = \"a\"\nscore = {{ \"{score}\" = 0 }}");
    check(&score("tuesday"), "not an instant");
    check(&score("day 2 25:00"), "not an instant");
    check(&score("day 2 robots"), "no product robots");
    let engagement =
        |text: &str| format!("[[example]]\nsays = \"a\"\nengagements = [\"{text}\"]\nscore = {{ \"day 2\" = 0 }}");
    check(&engagement("guide download"), "not an engagement");
    check(&engagement("day 2: guide download"), "not an instant");
    check(&engagement("day 2 09:00: guide download may"), "not an engagement");
    check(&engagement("day 2 09:00, told day 1 09:00: guide download"), "before it happened");
    check(&engagement("day 2 09:00: guide stare"), "knows no stare of guide");
    check(&engagement("day 2 09:00: gone download"), "knows no download of gone");
}
