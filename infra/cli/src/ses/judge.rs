//! What is wrong with a sender, why that matters, and what to publish. Pure: all it looks at is what was found.
//!
//! `records` judges what stands in DNS.
//!
//! Sources: RFC 7208 (SPF: one record only), RFC 7489 (DMARC: alignment), the Amazon SES Developer Guide (custom MAIL FROM, Easy
//! DKIM, sandbox), and what large mailbox providers ask of bulk senders since 2024: SPF, DKIM and a DMARC record.

mod records;

use std::borrow::Cow;
use std::fmt;

use perennial_platform::sending::approval::covers;
use serde::Serialize;

use super::facts::{Account, Asked, ConfigurationSet, Facts, Identity, Said};
use records::{dkim, dmarc, exchanger, mail_from, spf};

/// What SES must tell of mail, as the template has it: what bounced, what was complained about, and all that says what became of a
/// mail of which SES did not say whether it took it.
pub const MUST_BE_TOLD: [&str; 7] =
    ["SEND", "DELIVERY", "DELIVERY_DELAY", "BOUNCE", "COMPLAINT", "REJECT", "RENDERING_FAILURE"];
/// What must put an address on the suppression list.
const MUST_SUPPRESS: [&str; 2] = ["BOUNCE", "COMPLAINT"];

/// How a check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// In order.
    Ok,
    /// Mail arrives, but it could be better.
    Advice,
    /// Not in order: no approval.
    Wrong,
    /// It could not be asked, so nobody can say that it is in order: no approval.
    Unknown,
}

/// A record to publish.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Record {
    /// Under which name.
    pub name: String,
    /// `TXT`, `MX` or `CNAME`.
    pub kind: &'static str,
    /// As DNS takes it.
    pub value: String,
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}. 3600 IN {} {}", self.name, self.kind, self.value)
    }
}

/// What one check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which check.
    pub check: &'static str,
    /// How it went.
    pub state: State,
    /// What was found.
    pub what: String,
    /// Why it matters.
    pub why: &'static str,
    /// What to do, where that is no record.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub mend: Cow<'static, str>,
    /// What to publish.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub publish: Vec<Record>,
}

impl Finding {
    fn ok(check: &'static str, why: &'static str, what: impl Into<String>) -> Self {
        Self { check, state: State::Ok, what: what.into(), why, mend: "".into(), publish: Vec::new() }
    }

    fn wrong(
        check: &'static str,
        why: &'static str,
        what: impl Into<String>,
        mend: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { state: State::Wrong, mend: mend.into(), ..Self::ok(check, why, what) }
    }

    fn unknown(check: &'static str, why: &'static str, what: impl Into<String>, mend: &'static str) -> Self {
        Self { state: State::Unknown, ..Self::wrong(check, why, what, mend) }
    }

    fn publish(mut self, records: Vec<Record>) -> Self {
        self.publish = records;
        self
    }

    fn advice(mut self) -> Self {
        self.state = State::Advice;
        self
    }
}

/// Judges everything, in the order in which one mends it.
pub fn findings(facts: &Facts) -> Vec<Finding> {
    let mut findings = vec![account(&facts.account)];
    let identity = match &facts.identity {
        Ok(Some(identity)) => identity,
        other => {
            findings.push(no_identity(other));
            findings.push(dmarc(facts, None));
            findings.extend(facts.configuration_set.as_ref().map(configuration_set));
            return findings;
        }
    };
    findings.push(verified(facts, identity));
    findings.push(dkim(facts, identity));
    findings.push(mail_from(facts, identity));
    if let Some(domain) = &identity.mail_from {
        findings.push(spf(facts, domain));
        findings.push(exchanger(facts, domain));
    }
    findings.push(dmarc(facts, Some(identity)));
    findings.extend(facts.configuration_set.as_ref().map(configuration_set));
    findings
}

/// Whether contacts may be written to: nothing is wrong, and everything was looked at.
pub fn is_in_order(findings: &[Finding]) -> bool {
    let looked_at = |check: &str| findings.iter().any(|finding| finding.check == check);
    let all = ["account", "identity", "DKIM", "MAIL FROM", "SPF", "MX", "DMARC", "configuration set"];
    let is_fine = |finding: &Finding| matches!(finding.state, State::Ok | State::Advice);
    all.iter().all(|check| looked_at(check)) && findings.iter().all(is_fine)
}

fn account(said: &Said<Account>) -> Finding {
    const WHY: &str =
        "In the sandbox SES writes to verified addresses only; an account that is shut down sends nothing.";
    let wrong = |what: String, mend: &'static str| Finding::wrong("account", WHY, what, mend);
    match said {
        Err(reason) => Finding::unknown("account", WHY, not_asked(reason), "Allow ses:GetAccount, and ask again."),
        Ok(Some(account)) if !account.production_access => {
            wrong("the account is in the sandbox".to_owned(), "Request production access in the SES console.")
        }
        Ok(Some(account)) if !account.sending_enabled || account.enforcement == "SHUTDOWN" => wrong(
            format!("the account may not send ({})", account.enforcement),
            "Read what AWS wrote to the account's owner.",
        ),
        Ok(Some(account)) if account.enforcement == "PROBATION" => {
            wrong("the account is under review".to_owned(), "Read what AWS wrote to the account's owner.").advice()
        }
        Ok(_) => Finding::ok("account", WHY, "out of the sandbox, sending enabled"),
    }
}

const WHY_IDENTITY: &str = "SES takes nothing from a sender that is not verified in this account and region.";

fn no_identity(said: &Said<Identity>) -> Finding {
    match said {
        Err(reason) => {
            let mend = "Allow ses:GetEmailIdentity, and ask again.";
            Finding::unknown("identity", WHY_IDENTITY, not_asked(reason), mend)
        }
        Ok(_) => Finding::wrong(
            "identity",
            WHY_IDENTITY,
            "SES does not know the identity in this region",
            "aws sesv2 create-email-identity --email-identity DOMAIN",
        ),
    }
}

/// What is said of SES where it gave no answer.
fn not_asked(reason: &str) -> String {
    format!("SES could not be asked ({reason})")
}

fn verified(facts: &Facts, identity: &Identity) -> Finding {
    let name = &facts.asked.identity;
    if !identity.verified {
        let mend = "Publish the DKIM records below, and wait for SES to see them.";
        return Finding::wrong("identity", WHY_IDENTITY, format!("{name} is not verified"), mend);
    }
    match not_covered(&facts.asked) {
        Some((what, mend)) => Finding::wrong("identity", WHY_IDENTITY, what, mend),
        None => Finding::ok("identity", WHY_IDENTITY, format!("{name} is verified")),
    }
}

/// Why the role of the function that sends refuses the playbook's sender, and what to set instead. SES itself would take more: what lies
/// below a domain, and its name in another case.
fn not_covered(asked: &Asked) -> Option<(String, String)> {
    let Asked { sender, identity, .. } = asked;
    let (below, plain) = (asked.sender_domain(), asked.identity_domain());
    if !identity.ends_with(&plain) {
        let local = identity.rsplit_once('@').map_or(String::new(), |(local, _)| format!("{local}@"));
        let what = format!("the domain of SenderIdentity {identity} is not in lower case, as SES keeps it");
        return Some((what, format!("Deploy with SenderIdentity={local}{plain}.")));
    }
    if covers(identity, sender) {
        return None;
    }
    let what = format!("the playbook's company.sender is {sender}, which SenderIdentity {identity} does not let send");
    let mend = match identity.contains('@') {
        true => format!(
            "Write {identity} as company.sender, or verify {below} in SES and deploy with SenderIdentity={below}."
        ),
        false if below == plain => {
            format!("Write the domain of company.sender as {plain}: the role compares letter by letter.")
        }
        false => format!(
            "Verify {below} in SES and deploy with SenderIdentity={below}, or write an address at {plain} as company.sender."
        ),
    };
    Some((what, mend))
}

fn configuration_set(said: &Said<ConfigurationSet>) -> Finding {
    const WHY: &str = "By it bounces and complaints become known here, and addresses that failed are left alone.";
    let wrong = |what: String, mend: &'static str| Finding::wrong("configuration set", WHY, what, mend);
    let set = match said {
        Err(reason) => {
            let mend = "Allow ses:GetConfigurationSet, and ask again.";
            return Finding::unknown("configuration set", WHY, not_asked(reason), mend);
        }
        Ok(None) => return wrong("SES does not know it".to_owned(), "Deploy the stack: it makes one."),
        Ok(Some(set)) => set,
    };
    let missing = |all: &[&str], there: &[String]| {
        let missing: Vec<&str> = all.iter().filter(|it| !there.iter().any(|there| there == *it)).copied().collect();
        (!missing.is_empty()).then(|| missing.join(", "))
    };
    if !set.sending_enabled {
        return wrong("sending is off".to_owned(), "Somebody has turned it off: find out why, then deploy the stack.");
    }
    if let Some(missing) = missing(&MUST_SUPPRESS, &set.suppressed) {
        return wrong(format!("addresses are not suppressed for {missing}"), "Deploy the stack.");
    }
    if let Some(missing) = missing(&MUST_BE_TOLD, &set.told) {
        return wrong(format!("nobody is told of {missing}"), "Deploy the stack.");
    }
    Finding::ok("configuration set", WHY, "suppresses and tells what it must")
}

#[cfg(test)]
mod tests;
