//! One screen that says whether a deployment needs a human. Pure here: `look` reads, this judges.
//!
//! Map: `facts` is what is looked at; `look` reads it, of CloudWatch by `watch` and of SNS by `topic`, which both ask by `signed`;
//! `unknown` says of how many mails nobody knows whether they left.
//!
//! What it never does: mend anything. Each line that is not in order says what to do.

mod facts;
pub mod look;
mod signed;
mod topic;
mod unknown;
mod watch;

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use perennial_domain::sending::CameBack;
use serde::Serialize;

pub use facts::{AlarmSeen, Facts, QueueSeen, Read, Subscriptions, TableSeen, Trouble};

/// What waits longer than this in the outbox was forgotten by the stream and by a sweep too.
const OUTBOX_WAITS: SignedDuration = SignedDuration::from_mins(15);
/// What a queue holds longer than this, whatever the queue is for.
const QUEUE_WAITS: SignedDuration = SignedDuration::from_hours(4);
/// How old the last end of each job may be: its interval and some more. The weekly mail is made on a Monday.
const JOBS: [(&str, SignedDuration); 7] = [
    ("sweep", SignedDuration::from_mins(20)),
    ("plan", SignedDuration::from_hours(3)),
    ("decay", SignedDuration::from_hours(26)),
    ("held", SignedDuration::from_hours(26)),
    ("reconcile", SignedDuration::from_hours(26)),
    ("sla", SignedDuration::from_hours(26)),
    ("brief", SignedDuration::from_hours(24 * 8)),
];

/// How one thing stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// In order.
    Ok,
    /// Somebody should look.
    Wrong,
    /// It could not be read, so nobody can say that it is in order.
    Unknown,
}

/// One line of the screen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// What was looked at.
    pub about: String,
    /// How it stands.
    pub state: State,
    /// What was seen.
    pub seen: String,
    /// What to do.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub mend: String,
}

impl Line {
    fn ok(about: impl Into<String>, seen: impl Into<String>) -> Self {
        Self { about: about.into(), state: State::Ok, seen: seen.into(), mend: String::new() }
    }

    fn wrong(about: impl Into<String>, seen: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { state: State::Wrong, mend: mend.into(), ..Self::ok(about, seen) }
    }

    fn of<T>(about: &str, read: &Read<T>, judge: impl FnOnce(&T) -> Self) -> Self {
        match read {
            Ok(seen) => judge(seen),
            Err(reason) => Self { state: State::Unknown, ..Self::ok(about, format!("could not be read: {reason}")) },
        }
    }
}

/// The screen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Screen {
    /// When.
    pub now: Timestamp,
    /// Whether somebody should look.
    pub needs_a_human: bool,
    /// What was looked at.
    pub lines: Vec<Line>,
}

impl Screen {
    /// Judges what was read.
    pub fn of(facts: &Facts) -> Self {
        let mut lines = stack(facts);
        lines.push(sending(facts));
        lines.extend(queues(facts));
        lines.push(outbox(facts));
        lines.push(unknown_sends(facts));
        lines.push(quarantine(facts));
        lines.extend(tables(facts));
        lines.extend(secrets(facts));
        lines.extend(facts.jobs.iter().map(|(job, ended)| self::job(job, ended, facts.now)));
        Self { now: facts.now, needs_a_human: lines.iter().any(|line| line.state != State::Ok), lines }
    }
}

impl fmt::Display for Screen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Line { about, state, seen, mend } in &self.lines {
            let mark = match state {
                State::Ok => "ok",
                State::Wrong => "LOOK",
                State::Unknown => "?",
            };
            writeln!(f, "{mark:<5} {about:<28} {seen}")?;
            if !mend.is_empty() {
                writeln!(f, "      {:<28} {mend}", "")?;
            }
        }
        match self.needs_a_human {
            true => writeln!(f, "\nsomebody should look ({})", self.now),
            false => writeln!(f, "\nall is well ({})", self.now),
        }
    }
}

fn stack(facts: &Facts) -> Vec<Line> {
    let mut lines = Vec::new();
    if let Some(status) = &facts.stack {
        let settled = status.ends_with("_COMPLETE") && !status.contains("ROLLBACK") && !status.starts_with("DELETE");
        let mend = "read the stack's events in CloudFormation";
        lines.push(if settled { Line::ok("stack", status) } else { Line::wrong("stack", status, mend) });
    }
    lines
        .extend(facts.playbook.as_ref().map(|version| Line::ok("playbook", format!("version {version} of the layer"))));
    match &facts.alarms {
        None => {}
        Some(Ok(alarms)) if alarms.is_empty() => lines.push(Line::ok("alarms", "all of them are OK")),
        Some(Ok(alarms)) => lines.extend(alarms.iter().map(alarm)),
        Some(Err(reason)) => lines.push(Line::of::<()>("alarms", &Err(reason.clone()), |()| Line::ok("", ""))),
    }
    lines.extend(facts.subscriptions.as_ref().map(subscriptions));
    lines
}

fn alarm(AlarmSeen { alarm, name, trouble }: &AlarmSeen) -> Line {
    match trouble {
        Trouble::Raised => Line::wrong(alarm, "ALARM", format!("infra/RUNBOOK.md#{}", alarm.to_lowercase())),
        Trouble::Silenced => {
            let mend = format!("aws cloudwatch enable-alarm-actions --alarm-names {name}");
            Line::wrong(alarm, "tells nobody: its actions are disabled", mend)
        }
        Trouble::Gone => Line::wrong(alarm, "was deleted", "infra/RUNBOOK.md#alarms-that-tell-nobody"),
    }
}

fn subscriptions(seen: &Read<Subscriptions>) -> Line {
    const ABOUT: &str = "who is told of alarms";
    const MEND: &str = "infra/RUNBOOK.md#alarms-that-tell-nobody";
    Line::of(ABOUT, seen, |Subscriptions { confirmed, pending }| match (confirmed, pending) {
        (0, 0) => Line::wrong(ABOUT, "nobody", MEND),
        (0, _) => Line::wrong(ABOUT, "nobody yet: the subscription was not confirmed", MEND),
        (_, 0) => Line::ok(ABOUT, format!("{confirmed} subscribed")),
        _ => Line::wrong(ABOUT, format!("{confirmed} subscribed, {pending} not confirmed"), MEND),
    })
}

fn sending(facts: &Facts) -> Line {
    Line::of("mail to contacts", &facts.sending, |known| {
        let CameBack { sends, bounces, complaints } = known.came_back(facts.now);
        let is_approved = |sender: &&String| known.approved.as_ref().is_some_and(|approved| approved.covers(sender));
        if let Some(sender) = facts.needs_approval.as_ref().filter(|sender| !is_approved(sender)) {
            let seen = format!("{sender} is not approved: nobody is written to");
            return Line::wrong("mail to contacts", seen, "perennial ses check --approve");
        }
        if let Some(at) = known.paused_at {
            let why = known.paused_for.as_deref().unwrap_or("an unknown reason");
            let mend = "perennial sending show says more; find the cause, then: perennial resume";
            return Line::wrong("mail to contacts", format!("paused since {at}: {why}"), mend);
        }
        let within_a_day = known.sent(facts.now).within_a_day;
        let seen = format!("{within_a_day} within a day; of {sends}, {bounces} bounced, {complaints} complained about");
        Line::ok("mail to contacts", seen)
    })
}

fn queues(facts: &Facts) -> Vec<Line> {
    let queues = match &facts.queues {
        Ok(queues) => queues,
        Err(_) => return vec![Line::of("queues", &facts.queues, |_| Line::ok("", ""))],
    };
    let line = |seen: &QueueSeen| {
        let QueueSeen { queue, waiting, oldest_seconds } = seen;
        let is_dead = queue.contains("DeadLetter") || queue.contains("Failures");
        let age = match oldest_seconds {
            Ok(None) => String::new(),
            Ok(Some(seconds)) => format!(", the oldest for {} min", seconds / 60),
            Err(reason) => format!(", for how long could not be read: {reason}"),
        };
        let seen = format!("{waiting} waiting{age}");
        match oldest_seconds {
            _ if is_dead && *waiting > 0 => {
                Line::wrong(queue.as_str(), seen, "mend the cause, then: perennial redrive")
            }
            Err(_) => Line { state: State::Unknown, ..Line::ok(queue.as_str(), seen) },
            Ok(Some(seconds)) if *waiting > 0 && *seconds > QUEUE_WAITS.as_secs() => {
                Line::wrong(queue.as_str(), seen, "read the log of the function that empties it")
            }
            Ok(_) => Line::ok(queue.as_str(), seen),
        }
    };
    queues.iter().map(line).collect()
}

fn outbox(facts: &Facts) -> Line {
    Line::of("outbox", &facts.outbox, |(waiting, oldest)| {
        let is_old = oldest.is_some_and(|at| facts.now.duration_since(at) > OUTBOX_WAITS);
        let since = oldest.map(|at| format!(", the oldest since {at}")).unwrap_or_default();
        let seen = format!("{waiting} waiting{since}");
        let mend = "the sweep should have published them: read the log of relay-events";
        if is_old { Line::wrong("outbox", seen, mend) } else { Line::ok("outbox", seen) }
    })
}

fn unknown_sends(facts: &Facts) -> Line {
    Line::of("unknown sends of a day", &facts.unknown_sends, |(unknown, left)| {
        let seen = format!("{unknown}, of which {left} are unknown still");
        let mend = "feedback settles most; perennial why-no-email shows what became of one contact's";
        match left {
            0 => Line::ok("unknown sends of a day", seen),
            _ => Line::wrong("unknown sends of a day", seen, mend),
        }
    })
}

fn quarantine(facts: &Facts) -> Line {
    Line::of("quarantine", &facts.quarantined, |waiting| {
        let seen = format!("{waiting} waiting");
        let mend = "perennial quarantine list says why; mend the playbook, then: perennial quarantine replay --all";
        if *waiting > 0 { Line::wrong("quarantine", seen, mend) } else { Line::ok("quarantine", seen) }
    })
}

fn tables(facts: &Facts) -> Vec<Line> {
    let line = |(table, seen): &(String, Read<TableSeen>)| {
        Line::of(table, seen, |seen| match seen {
            TableSeen { protected: true, recoverable: true } => Line::ok(table.as_str(), "protected, recoverable"),
            TableSeen { protected, recoverable } => {
                let seen = format!("protected from deletion: {protected}, recoverable: {recoverable}");
                Line::wrong(table.as_str(), seen, "deploy the stack")
            }
        })
    };
    facts.tables.iter().map(line).collect()
}

fn secrets(facts: &Facts) -> Vec<Line> {
    let line = |(secret, there): &(String, Read<bool>)| {
        Line::of(secret, there, |there| match there {
            true => Line::ok(secret.as_str(), "there"),
            false => Line::wrong(secret.as_str(), "is not there", "make the secret that the parameter names"),
        })
    };
    facts.secrets.iter().map(line).collect()
}

fn job(job: &str, ended: &Read<Option<Timestamp>>, now: Timestamp) -> Line {
    let about = format!("job {job}");
    let most = JOBS.iter().find(|(known, _)| *known == job).map_or(SignedDuration::from_hours(26), |(_, most)| *most);
    let mend = "read the log of the function that the schedule starts";
    Line::of(&about, ended, |ended| match ended {
        Some(at) if now.duration_since(*at) <= most => Line::ok(about.as_str(), format!("ended well at {at}")),
        Some(at) => Line::wrong(about.as_str(), format!("last ended well at {at}"), mend),
        None => Line::wrong(about.as_str(), "has not ended well of late", mend),
    })
}

#[cfg(test)]
mod tests;
