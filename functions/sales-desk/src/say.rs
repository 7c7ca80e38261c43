//! What can be said of a lead, and what was said: done, told like anything else, and answered by the lead's page.

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use minijinja::{Value, context};
use perennial_domain::calendar::Calendar;
use perennial_domain::lead::{self, Checks, Heard, Said, Status, Word};
use perennial_platform::failure::Failure;
use perennial_platform::leads::{self, Applied, Meant};
use perennial_platform::ledger::{Entry, Ledger};
use perennial_platform::told::{Told, What};

use crate::SalesDesk;
use crate::form::{self, Fields};
use crate::lead::{Found, address};
use crate::page::{Notice, see, show};
use crate::sign_in::Who;

/// Where an open lead can stand, in the order of the lifecycle.
pub(crate) const OPEN: [Status; 4] = [Status::Mql, Status::Touched, Status::Sql, Status::Opportunity];
/// A reason may be so long, in characters.
const LONGEST_REASON: usize = 300;

/// A stage as people call it.
pub(crate) fn stage(status: Status) -> &'static str {
    match status {
        Status::Mql => "New",
        Status::Touched => "Touched",
        Status::Sql => "Accepted",
        Status::Opportunity => "Opportunity",
        Status::Won => "Won",
        Status::Lost => "Lost",
        Status::Recycled => "Given back",
    }
}

/// A word that can be said, and how its form looks. Which fields it has follows from what it says.
struct Offered {
    /// As in the native format.
    word: &'static str,
    button: &'static str,
    hint: &'static str,
    /// From where it is the usual next step; from elsewhere it stands below.
    usual_from: &'static [Status],
    /// What it is without anything filled in.
    said: Said,
}

const NO_CHECKS: Checks = Checks { budget: None, authority: None, need: None, timing: None };

const WORDS: [Offered; 7] = [
    Offered {
        word: "touched",
        button: "I am on it",
        hint: "The reminders stop, and your colleagues see that it is yours.",
        usual_from: &[Status::Mql],
        said: Said::Touched,
    },
    Offered {
        word: "accepted",
        button: "Accept",
        hint: "You have talked, and it is worth working on.",
        usual_from: &[Status::Touched],
        said: Said::Accepted,
    },
    Offered {
        word: "won",
        button: "Won",
        hint: "The deal was made.",
        usual_from: &[Status::Opportunity],
        said: Said::Won { amount_cents: None },
    },
    Offered {
        word: "opportunity",
        button: "Opportunity",
        hint: "There is a deal to be won. Tick what you have found out.",
        usual_from: &[Status::Sql, Status::Opportunity],
        said: Said::Opportunity { amount_cents: None, checks: NO_CHECKS },
    },
    Offered {
        word: "later",
        button: "Call me later",
        hint: "It is yours, and you are reminded on the day.",
        usual_from: &[Status::Mql, Status::Touched],
        said: Said::Later { until: 0 },
    },
    Offered {
        word: "lost",
        button: "Lost",
        hint: "There was a deal to be won, and it was not made.",
        usual_from: &[Status::Opportunity],
        said: Said::Lost,
    },
    Offered {
        word: "rejected",
        button: "Not a fit",
        hint: "It goes back to nurture and does not return this quarter, nor before the day that you name.",
        usual_from: &[Status::Mql, Status::Touched, Status::Sql],
        said: Said::Rejected { until: None },
    },
];

/// The words that tell something of a lead which stands here: the usual ones, and the others.
pub(crate) fn offered(from: Status) -> (Vec<Value>, Vec<Value>) {
    let tells = |word: &&Offered| {
        let goes_on = matches!(word.said, Said::Opportunity { .. } | Said::Later { .. });
        from.after(&word.said).is_some_and(|to| to != from || goes_on && from.is_open())
    };
    let (usual, others): (Vec<&Offered>, Vec<&Offered>) =
        WORDS.iter().filter(tells).partition(|word| word.usual_from.contains(&from));
    let form = |word: &Offered| {
        context! {
            word => word.word,
            button => word.button,
            hint => word.hint,
            reason => matches!(word.said, Said::Lost | Said::Rejected { .. }),
            amount => matches!(word.said, Said::Opportunity { .. } | Said::Won { .. }),
            checks => matches!(word.said, Said::Opportunity { .. }),
            later => matches!(word.said, Said::Later { .. }),
            until => matches!(word.said, Said::Rejected { .. }),
        }
    };
    (usual.into_iter().map(form).collect(), others.into_iter().map(form).collect())
}

/// What the page says after something was said; nothing if it was not.
pub(crate) fn answer(done: &str) -> Option<&'static str> {
    Some(match done {
        "touched" => "It is yours. The reminders have stopped.",
        "accepted" => "Accepted. Marketing leaves this product to you.",
        "opportunity" => "It is an opportunity now.",
        "later" => "It is yours, and you are reminded on the day.",
        "won" => "Won. Congratulations!",
        "lost" => "Lost. Nurture goes on, and it does not return this quarter.",
        "rejected" => "Given back. Nurture goes on, and it does not return this quarter.",
        "noted" => "That is noted.",
        "known" => "That was known already. Nothing was changed.",
        "refused" => "The lead has moved on meanwhile. Nothing was changed.",
        "amount" => "Nothing was changed: please write the amount in digits, such as 25000 or 25000.50.",
        "day" => "Nothing was changed: please choose a day from tomorrow on.",
        _ => return None,
    })
}

/// What a form cannot mean, as [`answer`] says it.
type Wrong = &'static str;

/// What a form says, with what was filled in.
fn said(word: &Offered, fields: &Fields, calendar: &Calendar, now: Timestamp) -> Result<Said, Wrong> {
    let amount_cents = || fields.the_one("amount").map(|text| form::cents(text).ok_or("amount")).transpose();
    let day = |name| fields.the_one(name).map(|text| start_of_day(text, calendar, now).ok_or("day")).transpose();
    Ok(match word.said {
        Said::Opportunity { .. } => {
            let ticked = |name| fields.the_one(name).map(|_| true);
            let checks = Checks {
                budget: ticked("budget"),
                authority: ticked("authority"),
                need: ticked("need"),
                timing: ticked("timing"),
            };
            Said::Opportunity { amount_cents: amount_cents()?, checks }
        }
        Said::Won { .. } => Said::Won { amount_cents: amount_cents()? },
        // A day that was typed is meant rather than the choice above it.
        Said::Later { .. } => {
            Said::Later { until: day("day")?.map_or_else(|| day("when"), |day| Ok(Some(day)))?.ok_or("day")? }
        }
        Said::Rejected { .. } => Said::Rejected { until: day("day")? },
        Said::Touched | Said::Accepted | Said::Lost => word.said,
    })
}

/// The second at which a day of the future begins for the team: `2026-03-02`, or `tomorrow`, `week`, `month`.
fn start_of_day(text: &str, calendar: &Calendar, now: Timestamp) -> Option<i64> {
    let today = calendar.date(now);
    let date = match text {
        "tomorrow" => today.checked_add(1.day()).ok()?,
        "week" => today.checked_add(1.week()).ok()?,
        "month" => today.checked_add(1.month()).ok()?,
        typed => typed.parse::<Date>().ok()?,
    };
    let sane = date > today && date < today.checked_add(5.years()).ok()?;
    sane.then(|| calendar.start_of(date).as_second())
}

impl SalesDesk {
    pub(crate) async fn say(
        &self,
        who: &Who<'_>,
        token: &str,
        request: &ApiGatewayV2httpRequest,
    ) -> Result<ApiGatewayV2httpResponse, Failure> {
        let Some(fields) = form::posted(request) else { return Ok(show(413, self.company(), &Notice::NOT_OURS)) };
        if !self.is_form_of(who, fields.the_one("form")) {
            return Ok(show(403, self.company(), &Notice::NOT_OURS));
        }
        let Some(found) = self.find(who, token).await? else { return Ok(self.nothing_there()) };
        let word = fields.the_one("word").and_then(|said| WORDS.iter().find(|word| word.word == said));
        let Some(offered) = word else { return Ok(show(400, self.company(), &Notice::NOT_OURS)) };
        let now = self.clock.now();
        let done = match said(offered, &fields, &self.playbook.calendar, now) {
            Ok(said) => {
                let reason = matches!(said, Said::Lost | Said::Rejected { .. });
                let why = fields.the_one("reason").filter(|_| reason);
                let why = why.map(|why| why.chars().take(LONGEST_REASON).collect());
                let word = Word { at: now.as_second(), said, by: Some(who.rep.id.to_string()), why };
                self.apply(&found, &word, now).await?
            }
            Err(wrong) => wrong,
        };
        Ok(see(&format!("{}?done={done}", address(&found.lead))))
    }

    /// What tells something new is told first: whoever is answered "once more, please" may find it applied the next time, and then
    /// it would tell nothing new. The state holds it before this answers, and the ledger's consumer repeats it.
    async fn apply(&self, found: &Found, word: &Word, now: Timestamp) -> Result<&'static str, Failure> {
        if lead::hear(&found.lead.words(), word) != Heard::Known {
            let id = format!("{}#{}#{}#{}", word.said, found.product, found.quarter, word.at);
            tell(&self.ledger, &id, now, What::of_lead(&found.contact, &found.product, found.quarter, word)).await?;
        }
        let meant = Meant { contact: &found.contact, product: &found.product, quarter: Some(found.quarter) };
        Ok(match leads::apply(&self.store, &meant, word, now).await? {
            Applied::Moved(_) => word.said.as_str(),
            Applied::Noted { .. } => "noted",
            Applied::Unchanged { .. } => "known",
            Applied::Refused(_) | Applied::NoLead => "refused",
        })
    }
}

async fn tell(ledger: &Ledger, id: &str, at: Timestamp, what: What) -> Result<(), Failure> {
    let body = serde_json::to_string(&what).map_err(|_| Failure::shape("desk", "not of the shape we give it"))?;
    ledger.put(&Entry::new("desk", id, Told { at, what }, &body, at, None)).await.map(drop)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use jiff::tz::TimeZone;

    use super::*;

    #[test]
    fn what_is_usual_comes_first_and_whatever_the_lifecycle_takes_can_be_said() {
        let names = |from: Status| {
            let (usual, others) = offered(from);
            let name = |word: &Value| word.get_attr("word").unwrap().to_string();
            let names = |words: &[Value]| words.iter().map(name).collect::<Vec<_>>().join(" ");
            format!("{}: {} | {}", from.as_str(), names(&usual), names(&others))
        };
        let seen: Vec<String> = Status::ALL.into_iter().map(names).collect();
        let expected = [
            "mql: touched later rejected | accepted won opportunity lost",
            "touched: accepted later rejected | won opportunity lost",
            "sql: opportunity rejected | won later lost",
            "opportunity: won opportunity lost | later rejected",
            "won:  | ",
            "lost:  | opportunity rejected",
            "recycled:  | ",
        ];
        assert_eq!(seen, expected);
        for word in &WORDS {
            assert!(answer(word.word).is_some(), "{}", word.word);
            assert_eq!(word.said.as_str(), word.word);
        }
    }

    #[test]
    fn a_day_is_one_of_the_future_in_the_teams_zone() {
        let calendar = Calendar {
            zone: TimeZone::get("Europe/Berlin").unwrap(),
            working_days: BTreeSet::new(),
            holidays: BTreeSet::new(),
            check_at: "08:00".parse().unwrap(),
        };
        // Already the next day in Berlin.
        let now: Timestamp = "2026-03-27T23:30:00Z".parse().unwrap();
        for (text, expected) in [
            ("tomorrow", Some("2026-03-28T23:00:00Z")),
            ("week", Some("2026-04-03T22:00:00Z")),
            ("month", Some("2026-04-27T22:00:00Z")),
            ("2026-03-29", Some("2026-03-28T23:00:00Z")),
            ("2026-03-28", None),
            ("2020-01-01", None),
            ("2036-01-01", None),
            ("yesterday", None),
        ] {
            let expected = expected.map(|at: &str| at.parse::<Timestamp>().unwrap().as_second());
            assert_eq!(start_of_day(text, &calendar, now), expected, "{text}");
        }
    }
}
