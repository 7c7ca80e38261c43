//! What a dead letter stands for. Pure.
//!
//! Sources: the AWS Lambda Developer Guide (records of an on-failure destination, of asynchronous calls and of streams), the Amazon
//! EventBridge User Guide (dead-letter queues hold the event as it is).

use jiff::{SignedDuration, Timestamp};
use perennial_platform::outbox::SOURCE;
use serde_json::Value;

/// An entry is dated by who received it, shortly before it is written: at most the time of a call, and some more.
const BEFORE: SignedDuration = SignedDuration::from_mins(5);
/// Clocks differ.
const AFTER: SignedDuration = SignedDuration::from_secs(10);

/// An event of the bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Who says it.
    pub source: String,
    /// What happened.
    pub detail_type: String,
    /// JSON text.
    pub detail: String,
    /// When it happened.
    pub time: Option<Timestamp>,
}

/// What is to be done with a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// It goes back as it is to this queue, by its name in the template.
    GoBack(&'static str),
    /// This is put on the bus again.
    PutAgain(Event),
    /// Nothing is left to do for it, for this reason.
    TakeAway(&'static str),
    /// What came into the ledger then is told again.
    TellAgain {
        /// From this instant on.
        from: Timestamp,
        /// Until this one.
        until: Timestamp,
    },
    /// It stays, for this reason.
    Leave(&'static str),
}

/// Which run makes up for a job that was missed.
fn made_up_by(job: &str) -> Option<&'static str> {
    Some(match job {
        "decay" => "tomorrow's run cools what this one left warm",
        "held" => "tomorrow's run decides what still waits",
        "plan" => "the next hour's run finds everybody whose slot has come",
        "reconcile" => "tomorrow's run goes on where the last one ended",
        "sla" => "tomorrow's check reminds of what is due, one rung",
        "brief" => "the next day of BriefSchedule makes it; if the week has none left: run_job BriefSales brief",
        "sweep" => "the next sweep finds what waits in the outbox",
        _ => return None,
    })
}

/// Of a message that a rule, a schedule or an asynchronous call has left.
pub fn of_trigger(body: &str) -> What {
    let Ok(body) = serde_json::from_str::<Value>(body) else { return What::Leave("it is no JSON") };
    // A function's failure is wrapped into what is known of the call; a rule's or a schedule's is not.
    let payload = if body["requestPayload"].is_object() { &body["requestPayload"] } else { &body };
    if let Some(job) = payload["job"].as_str() {
        return made_up_by(job).map_or(What::Leave("a tick of a job that is not known here"), What::TakeAway);
    }
    let (Some(source), Some(detail_type)) = (payload["source"].as_str(), payload["detail-type"].as_str()) else {
        return What::Leave("it is neither an event nor a tick");
    };
    if source != SOURCE {
        return What::Leave("an event of somebody else");
    }
    What::PutAgain(Event {
        source: source.to_owned(),
        detail_type: detail_type.to_owned(),
        detail: payload["detail"].to_string(),
        time: payload["time"].as_str().and_then(|time| time.parse().ok()),
    })
}

/// Of a message that says where in a stream records are that were given up.
pub fn of_stream(body: &str, ledger: &str) -> What {
    let Ok(body) = serde_json::from_str::<Value>(body) else { return What::Leave("it is no JSON") };
    let about = &body["DDBStreamBatchInfo"];
    let Some(stream) = about["streamArn"].as_str() else { return What::Leave("it names no stream") };
    let table = stream.split_once(":table/").map(|(_, rest)| rest.split('/').next().unwrap_or_default());
    if table != Some(ledger) {
        return What::TakeAway("the sweep finds what waits in the outbox");
    }
    let instant = |name: &str| about[name].as_str().and_then(|text| text.parse::<Timestamp>().ok());
    let (Some(first), Some(last)) =
        (instant("approximateArrivalOfFirstRecord"), instant("approximateArrivalOfLastRecord"))
    else {
        return What::Leave("it does not say when");
    };
    What::TellAgain { from: first - BEFORE, until: last + AFTER }
}

#[cfg(test)]
mod tests {
    use perennial_platform::metrics::JOBS;
    use serde_json::json;

    use super::*;

    fn event() -> Value {
        json!({"version": "0", "source": "perennial", "detail-type": "LeadQualified", "time": "2026-01-05T09:00:00Z",
               "detail": {"lead": "ada"}})
    }

    #[test]
    fn every_job_says_which_run_makes_up_for_it() {
        for job in JOBS {
            let tick = json!({"job": job, "scheduled_at": "2026-01-05T09:00:00Z"});
            let wrapped = json!({"version": "1.0", "requestContext": {}, "requestPayload": tick});
            for body in [tick, wrapped] {
                assert!(matches!(of_trigger(&body.to_string()), What::TakeAway(_)), "{body}");
            }
        }
    }

    #[test]
    fn an_event_is_put_again_as_it_was_and_what_is_not_known_stays() {
        let again = What::PutAgain(Event {
            source: "perennial".to_owned(),
            detail_type: "LeadQualified".to_owned(),
            detail: "{\"lead\":\"ada\"}".to_owned(),
            time: Some("2026-01-05T09:00:00Z".parse().unwrap()),
        });
        let wrapped = json!({"requestContext": {"condition": "RetriesExhausted"}, "requestPayload": event()});
        let mut of_another = event();
        of_another["source"] = json!("aws.health");
        for (body, expected) in [
            (event(), again.clone()),
            (wrapped, again),
            (of_another, What::Leave("an event of somebody else")),
            (json!({"job": "dance"}), What::Leave("a tick of a job that is not known here")),
            (json!({"hello": 1}), What::Leave("it is neither an event nor a tick")),
        ] {
            assert_eq!(of_trigger(&body.to_string()), expected, "{body}");
        }
        assert_eq!(of_trigger("hello"), What::Leave("it is no JSON"));
    }

    #[test]
    fn a_pointer_into_the_ledgers_stream_is_a_window_of_time() {
        let pointer = |table: &str, at: Value| {
            json!({"DDBStreamBatchInfo": {
                "streamArn": format!("arn:aws:dynamodb:eu-central-1:000000000000:table/{table}/stream/2026-01-01"),
                "approximateArrivalOfFirstRecord": at, "approximateArrivalOfLastRecord": "2026-01-05T09:01:00Z",
            }})
        };
        let window = What::TellAgain {
            from: "2026-01-05T08:55:00Z".parse().unwrap(),
            until: "2026-01-05T09:01:10Z".parse().unwrap(),
        };
        let at = json!("2026-01-05T09:00:00Z");
        for (body, expected) in [
            (pointer("Ledger-1", at.clone()), window),
            (pointer("Ledger-10", at), What::TakeAway("the sweep finds what waits in the outbox")),
            (pointer("Ledger-1", Value::Null), What::Leave("it does not say when")),
            (json!({}), What::Leave("it names no stream")),
        ] {
            assert_eq!(of_stream(&body.to_string(), "Ledger-1"), expected, "{body}");
        }
    }
}
