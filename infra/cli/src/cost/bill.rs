//! A month's bill.

use perennial_local::REGION;
use serde::Serialize;

use super::CostError;
use super::fixed::{Charge, Edge, Profile, Stack};
use super::measured::{Measured, Trigger, Units};
use super::prices::{Micros, Prices};
use super::workload::{Month, Shape, parts};

/// Days of a month for which idle days are counted.
const DAYS: i64 = 30;
/// Seconds of it.
const SECONDS: i64 = DAYS * 24 * 3_600;
/// What a gigabyte is to AWS.
const GB: i64 = 1 << 30;
/// One request to send a message, one to receive and one to delete it.
const QUEUE_REQUESTS: i64 = 3;
/// Seconds in which one warm instance answers one request after the other, at the most that one is counted for.
const REQUESTS_OF_AN_INSTANCE: i64 = 10;

/// What is asked.
#[derive(Clone, Debug)]
pub struct Question {
    /// Of the template.
    pub profile: Profile,
    /// Of the template.
    pub edge: Edge,
    /// Where.
    pub region: String,
    /// What a month is like.
    pub shape: Shape,
    /// What things cost.
    pub prices: Prices,
    /// What things consume.
    pub measured: Measured,
}

impl Question {
    /// With all that is built in.
    ///
    /// # Errors
    /// [`CostError::File`] if what is built in cannot be read, which a test excludes.
    pub fn built_in() -> Result<Self, CostError> {
        Ok(Self {
            profile: Profile::Standard,
            edge: Edge::HttpApi,
            region: REGION.to_owned(),
            shape: Shape::default(),
            prices: Prices::built_in()?,
            measured: Measured::built_in()?,
        })
    }
}

/// A line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Whose.
    pub service: &'static str,
    /// For what; its name in the list of prices.
    pub item: &'static str,
    /// What of it, where the list has one price for several lines.
    pub of: &'static str,
    /// How many units, in thousandths.
    pub thousandths: i64,
    /// In millionths of a dollar.
    pub cost: Micros,
}

/// What a month costs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Bill {
    /// What happened in it.
    pub month: Month,
    /// The fixed charge, in millionths of a dollar.
    pub fixed: Micros,
    /// What comes on top.
    pub lines: Vec<Line>,
    /// All of it.
    pub total: Micros,
}

/// What is charged by the month under a profile.
///
/// # Errors
/// [`CostError`] if a price is missing.
pub fn fixed(asked: &Question, profile: Profile) -> Result<Vec<Charge>, CostError> {
    Stack::of(profile, asked.edge)?.charges(&asked.prices, &asked.region)
}

/// The bill of a month with so many events.
///
/// # Errors
/// [`CostError`] if a price is missing.
pub fn bill(asked: &Question, events: i64) -> Result<Bill, CostError> {
    let stack = Stack::of(asked.profile, asked.edge)?;
    let fixed = stack.charges(&asked.prices, &asked.region)?.iter().map(|charge| charge.cost).sum();
    let month = Month::of(events, &asked.shape);
    let usage = Usage::of(asked, &stack, &month);
    let line = |(service, item, of, thousandths): (&'static str, &'static str, &'static str, i64)| {
        let cost = asked.prices.of(item, &asked.region, thousandths)?;
        Ok(Line { service, item, of, thousandths, cost })
    };
    let lines = usage.lines().into_iter().map(line).collect::<Result<Vec<Line>, CostError>>()?;
    let total = lines.iter().map(|line| line.cost).chain([fixed]).sum();
    Ok(Bill { month, fixed, lines, total })
}

/// What a month consumes.
struct Usage<'a> {
    asked: &'a Question,
    stack: &'a Stack,
    month: &'a Month,
    /// Each thing that happens, and how often.
    happens: [(&'a Units, i64); 6],
}

impl<'a> Usage<'a> {
    fn of(asked: &'a Question, stack: &'a Stack, month: &'a Month) -> Self {
        let Measured { contact, first_engagement, engagement, lead, mail, idle_day, .. } = &asked.measured;
        let happens = [
            (contact, month.new_contacts),
            (first_engagement, month.first_engagements),
            (engagement, month.engagements),
            (lead, month.leads),
            (mail, month.mails),
            (idle_day, DAYS),
        ];
        Self { asked, stack, month, happens }
    }

    fn sum(&self, of: impl Fn(&Units) -> i64) -> i64 {
        self.happens.iter().map(|(units, count)| of(units) * count).sum()
    }

    /// Calls of a function by a trigger, after what is taken together.
    fn calls(&self, trigger: Trigger, function: Option<&str>) -> i64 {
        let all = self.sum(|units| match function {
            Some(function) => units.invocations.get(&trigger).and_then(|of| of.get(function)).copied().unwrap_or(0),
            None => units.invocations_by(trigger),
        });
        match trigger {
            Trigger::Http => parts(all, self.asked.shape.events_per_request),
            Trigger::Stream | Trigger::Queue => parts(all, self.asked.shape.records_per_call),
            Trigger::Rule | Trigger::Schedule => all,
        }
    }

    fn calls_of(&self, function: &str) -> i64 {
        use Trigger::{Http, Queue, Rule, Schedule, Stream};
        [Http, Stream, Queue, Rule, Schedule].map(|trigger| self.calls(trigger, Some(function))).iter().sum()
    }

    fn all_calls(&self) -> i64 {
        self.stack.memory_mb.keys().map(|function| self.calls_of(function)).sum()
    }

    /// Thousandths of a gigabyte-second are gigabyte-milliseconds.
    fn gb_ms(&self) -> i64 {
        let assumed = &self.asked.measured.assumed;
        let each = assumed.own_ms + assumed.cold_start_ms * assumed.cold_starts_in_1000 / 1_000;
        let own: i64 = self.stack.memory_mb.iter().map(|(function, mb)| self.calls_of(function) * each * mb).sum();
        let most = self.stack.memory_mb.values().max().copied().unwrap_or(0);
        (own + self.sum(|units| units.service_calls) * assumed.service_call_ms * most) / 1_024
    }

    /// Bytes that are kept once the oldest are forgotten again: the ledger's after its days, the state's after a year.
    fn kept_bytes(&self) -> i64 {
        let months = parts(self.asked.measured.assumed.ledger_days, DAYS);
        self.sum(|units| units.ledger_bytes) * months + self.sum(|units| units.state_bytes) * 12
    }

    fn log_bytes(&self) -> i64 {
        let assumed = &self.asked.measured.assumed;
        let own = self.sum(|units| units.log_bytes + units.log_lines * assumed.log_line_bytes);
        own + self.all_calls() * assumed.platform_log_bytes + self.api_requests() * assumed.access_log_bytes
    }

    fn api_requests(&self) -> i64 {
        if self.asked.edge == Edge::HttpApi { self.calls(Trigger::Http, None) } else { 0 }
    }

    fn queue_requests(&self) -> i64 {
        let messages = self.sum(|units| units.queue_messages);
        let sent_and_taken = messages + (QUEUE_REQUESTS - 1) * parts(messages, self.asked.shape.records_per_call);
        sent_and_taken + self.stack.polled_queues * self.asked.measured.assumed.queue_polls_a_month
    }

    fn secret_calls(&self) -> i64 {
        let requests = self.calls(Trigger::Http, None);
        let instances = 1 + requests / SECONDS / REQUESTS_OF_AN_INSTANCE;
        requests.min(instances * self.asked.measured.assumed.secret_calls_a_month)
    }

    /// One call a second of each function, and a share of the others.
    fn traces(&self) -> i64 {
        let of = |function: &String| {
            let calls = self.calls_of(function);
            calls.min(SECONDS + calls * self.asked.measured.assumed.traced_in_1000 / 1_000)
        };
        self.stack.traced.iter().map(of).sum()
    }

    /// Service, item, what of it, thousandths.
    fn lines(&self) -> Vec<(&'static str, &'static str, &'static str, i64)> {
        let gb = |bytes: i64| (i128::from(bytes) * 1_000 / i128::from(GB)).try_into().unwrap_or(i64::MAX);
        let assumed = &self.asked.measured.assumed;
        let (kept, logs) = (self.kept_bytes(), self.log_bytes());
        let whole = |count: i64| count.saturating_mul(1_000);
        vec![
            ("Lambda", "lambda-requests", "", whole(self.all_calls())),
            ("Lambda", "lambda-gb-seconds", "", self.gb_ms()),
            ("DynamoDB", "table-writes", "ledger", whole(self.sum(|units| units.ledger_write_units))),
            ("DynamoDB", "table-writes", "state", whole(self.sum(|units| units.state_write_units))),
            ("DynamoDB", "table-reads", "", self.sum(|units| units.read_units_thousandths)),
            ("DynamoDB", "table-storage", "", gb(kept)),
            ("DynamoDB", "table-recovery", "", gb(kept)),
            // Only Lambda reads them.
            ("DynamoDB", "stream-reads", "", 0),
            ("SQS", "queue-requests", "", whole(self.queue_requests())),
            ("SNS", "topic-publishes", "", whole(self.sum(|units| units.mail_events))),
            ("EventBridge", "bus-events", "", whole(self.sum(|units| units.bus_events))),
            ("EventBridge", "schedules", "", whole(self.calls(Trigger::Schedule, None))),
            ("API Gateway", "http-requests", "", whole(self.api_requests())),
            ("SES", "mails", "", whole(self.month.mails)),
            ("SES", "mail-data", "", gb(self.sum(|units| units.mail_bytes))),
            ("CloudWatch", "logs", "", gb(logs)),
            ("CloudWatch", "log-storage", "", gb(logs * parts(self.stack.log_days, DAYS))),
            ("CloudWatch", "metrics", "routes", whole(self.stack.route_metrics)),
            ("CloudWatch", "metrics", "own", self.stack.own_metrics_thousandths),
            ("Secrets Manager", "secret-calls", "", whole(self.secret_calls())),
            ("KMS", "key-requests", "", whole(self.stack.encrypted * assumed.key_requests_a_month)),
            ("X-Ray", "traces", "", whole(self.traces())),
            ("network", "data-out", "", gb(self.calls(Trigger::Http, None) * assumed.answer_bytes)),
        ]
    }
}
