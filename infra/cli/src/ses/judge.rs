//! What is wrong with a sender, why that matters, and what to publish. Pure: all it looks at is what was found.
//!
//! Sources: RFC 7208 (SPF: one record only), RFC 7489 (DMARC: alignment), the Amazon SES Developer Guide (custom MAIL FROM, Easy
//! DKIM, sandbox), and what large mailbox providers ask of bulk senders since 2024: SPF, DKIM and a DMARC record.

use std::fmt;

use serde::Serialize;

use super::facts::{Account, ConfigurationSet, Facts, Identity, Said};

/// What SES must tell of mail, or a bounce or a complaint stays unknown here.
const MUST_BE_TOLD: [&str; 3] = ["BOUNCE", "COMPLAINT", "DELIVERY"];
/// What must put an address on the suppression list.
const MUST_SUPPRESS: [&str; 2] = ["BOUNCE", "COMPLAINT"];
/// What an SPF record of the envelope's domain must include.
const SES_SPF: &str = "include:amazonses.com";
const SUCCESS: &str = "SUCCESS";

/// How a check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// In order.
    Ok,
    /// Mail arrives, but it could be better.
    Advice,
    /// Not in order, or not known: no approval.
    Wrong,
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
    pub mend: &'static str,
    /// What to publish.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub publish: Vec<Record>,
}

impl Finding {
    fn ok(check: &'static str, why: &'static str, what: impl Into<String>) -> Self {
        Self { check, state: State::Ok, what: what.into(), why, mend: "", publish: Vec::new() }
    }

    fn wrong(check: &'static str, why: &'static str, what: impl Into<String>, mend: &'static str) -> Self {
        Self { state: State::Wrong, mend, ..Self::ok(check, why, what) }
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
    all.iter().all(|check| looked_at(check)) && findings.iter().all(|finding| finding.state != State::Wrong)
}

fn account(said: &Said<Account>) -> Finding {
    const WHY: &str =
        "In the sandbox SES writes to verified addresses only; an account that is shut down sends nothing.";
    let wrong = |what: String, mend| Finding::wrong("account", WHY, what, mend);
    match said {
        Err(reason) => wrong(format!("SES could not be asked ({reason})"), "Allow ses:GetAccount, and ask again."),
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
        Err(reason) => Finding::wrong(
            "identity",
            WHY_IDENTITY,
            format!("SES could not be asked ({reason})"),
            "Allow ses:GetEmailIdentity, and ask again.",
        ),
        Ok(_) => Finding::wrong(
            "identity",
            WHY_IDENTITY,
            "SES does not know the identity in this region",
            "aws sesv2 create-email-identity --email-identity DOMAIN",
        ),
    }
}

fn verified(facts: &Facts, identity: &Identity) -> Finding {
    let (from, name) = (&facts.asked.sender_domain, facts.asked.identity_domain());
    if !identity.verified {
        let mend = "Publish the DKIM records below, and wait for SES to see them.";
        return Finding::wrong("identity", WHY_IDENTITY, format!("{name} is not verified"), mend);
    }
    if !is_at_or_below(from, &name) {
        let mend = "Name the sender's domain in SenderIdentity, or change company.sender in the playbook.";
        return Finding::wrong(
            "identity",
            WHY_IDENTITY,
            format!("the sender writes from {from}, which is not {name}"),
            mend,
        );
    }
    Finding::ok("identity", WHY_IDENTITY, format!("{name} is verified"))
}

fn dkim(facts: &Facts, identity: &Identity) -> Finding {
    const WHY: &str = "Mailbox providers believe a sender by its signature; without one, mail of many is refused.";
    let missing = || {
        let zone = identity.dkim_zone.as_deref().unwrap_or("dkim.amazonses.com");
        let unpublished = facts.dkim.iter().filter(|(_, alias)| alias.as_ref().is_ok_and(Vec::is_empty));
        let record = |(name, _): &(String, _)| {
            let token = name.split('.').next().unwrap_or_default();
            Record { name: name.clone(), kind: "CNAME", value: format!("{token}.{zone}.") }
        };
        unpublished.map(record).collect::<Vec<_>>()
    };
    if !identity.dkim_signing {
        let mend = "aws sesv2 put-email-identity-dkim-attributes --email-identity DOMAIN --signing-enabled";
        return Finding::wrong("DKIM", WHY, "mail is not signed", mend).publish(missing());
    }
    if identity.dkim_status != SUCCESS {
        let what = format!("SES has not found the keys in DNS ({})", identity.dkim_status);
        return Finding::wrong("DKIM", WHY, what, "Publish these, and wait for SES to see them.").publish(missing());
    }
    // SES looks again every so often: what is gone from DNS fails before SES notices.
    if !missing().is_empty() {
        let mend = "Publish them again before SES stops to sign.";
        return Finding::wrong("DKIM", WHY, "keys are missing in DNS", mend).publish(missing());
    }
    Finding::ok("DKIM", WHY, "mail is signed, and the keys are published")
}

fn mail_from(facts: &Facts, identity: &Identity) -> Finding {
    const WHY: &str =
        "Without a domain of its own in the envelope, SPF is that of amazonses.com and says nothing of the sender.";
    let Some(domain) = &identity.mail_from else {
        let mend = "aws sesv2 put-email-identity-mail-from-attributes --email-identity DOMAIN --mail-from-domain bounce.DOMAIN";
        let records = envelope_records(&format!("bounce.{}", facts.asked.identity_domain()), &facts.asked.region);
        return Finding::wrong("MAIL FROM", WHY, "no domain is set", mend).publish(records);
    };
    if identity.mail_from_status != SUCCESS {
        let what = format!("{domain} is not in use yet ({})", identity.mail_from_status);
        let mend = "Publish the records below, and wait for SES to see them.";
        return Finding::wrong("MAIL FROM", WHY, what, mend);
    }
    Finding::ok("MAIL FROM", WHY, format!("{domain} is in use"))
}

fn envelope_records(domain: &str, region: &str) -> Vec<Record> {
    let mx = format!("10 feedback-smtp.{region}.amazonses.com.");
    vec![
        Record { name: domain.to_owned(), kind: "MX", value: mx },
        Record { name: domain.to_owned(), kind: "TXT", value: format!("\"v=spf1 {SES_SPF} ~all\"") },
    ]
}

fn spf(facts: &Facts, domain: &str) -> Finding {
    const WHY: &str = "SPF names who may send in the domain's name. Two records are as good as none (RFC 7208, 4.5).";
    let record = || {
        let all = envelope_records(domain, &facts.asked.region);
        all.into_iter().filter(|record| record.kind == "TXT").collect::<Vec<_>>()
    };
    let texts = match &facts.spf {
        Err(error) => {
            return Finding::wrong("SPF", WHY, format!("{domain}: {error}"), "Ask again, or another resolver.");
        }
        Ok(texts) => texts,
    };
    let is_spf = |text: &&String| {
        let text = text.to_ascii_lowercase();
        text == "v=spf1" || text.starts_with("v=spf1 ")
    };
    let found: Vec<&String> = texts.iter().filter(is_spf).collect();
    match found.as_slice() {
        [] => Finding::wrong("SPF", WHY, format!("{domain} has no SPF record"), "").publish(record()),
        [one] if includes_ses(one) => Finding::ok("SPF", WHY, format!("{domain}: {one}")),
        [one] => {
            let what = format!("{domain}: {one} does not include amazonses.com");
            Finding::wrong("SPF", WHY, what, "Put it into the record that there is.").publish(record())
        }
        several => {
            let what = format!("{domain} has {} SPF records", several.len());
            Finding::wrong("SPF", WHY, what, "Leave this one only.").publish(record())
        }
    }
}

/// Whether a record lets SES send, and says so before what ends it.
fn includes_ses(record: &str) -> bool {
    let terms = record.split_whitespace().map(|term| term.trim_start_matches('+').to_ascii_lowercase());
    let mut terms = terms.take_while(|term| !term.trim_start_matches(['-', '~', '?']).eq("all"));
    terms.any(|term| term == SES_SPF)
}

fn exchanger(facts: &Facts, domain: &str) -> Finding {
    const WHY: &str = "Bounces come back by it. SES uses the domain only while it has exactly this exchanger.";
    let expected = format!("feedback-smtp.{}.amazonses.com", facts.asked.region);
    let record = || {
        let all = envelope_records(domain, &facts.asked.region);
        all.into_iter().filter(|record| record.kind == "MX").collect::<Vec<_>>()
    };
    match facts.exchangers.as_deref() {
        Err(error) => Finding::wrong("MX", WHY, format!("{domain}: {error}"), "Ask again, or another resolver."),
        Ok([]) => Finding::wrong("MX", WHY, format!("{domain} has none"), "").publish(record()),
        Ok([(_, host)]) if *host == expected => Finding::ok("MX", WHY, format!("{domain}: {host}")),
        Ok(others) => {
            let hosts: Vec<&str> = others.iter().map(|(_, host)| host.as_str()).collect();
            let what = format!("{domain}: {}", hosts.join(", "));
            Finding::wrong("MX", WHY, what, "Leave this one only.").publish(record())
        }
    }
}

/// The value of a tag of a DMARC record.
fn tag<'a>(record: &'a str, name: &str) -> Option<&'a str> {
    let pairs = record.split(';').filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(key, value)| (key.trim(), value.trim()))
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, it)| it)
}

fn dmarc(facts: &Facts, identity: Option<&Identity>) -> Finding {
    const WHY: &str = "DMARC ties signature and envelope to the address that readers see. Large providers refuse bulk mail without it.";
    let from = &facts.asked.sender_domain;
    let record = || {
        let value = format!("\"v=DMARC1; p=quarantine; rua=mailto:dmarc@{from}\"");
        vec![Record { name: format!("_dmarc.{from}"), kind: "TXT", value }]
    };
    let (name, texts) = &facts.dmarc;
    let found = match texts.as_deref() {
        Err(error) => {
            return Finding::wrong("DMARC", WHY, format!("{name}: {error}"), "Ask again, or another resolver.");
        }
        Ok([]) => return Finding::wrong("DMARC", WHY, format!("{from} has no DMARC record"), "").publish(record()),
        Ok([one]) => one,
        Ok(_) => {
            return Finding::wrong("DMARC", WHY, format!("{name} has several records"), "Leave this one only.")
                .publish(record());
        }
    };
    let is_above = *name != format!("_dmarc.{from}");
    let policy =
        is_above.then(|| tag(found, "sp")).flatten().or(tag(found, "p")).unwrap_or_default().to_ascii_lowercase();
    if !["none", "quarantine", "reject"].contains(&policy.as_str()) {
        return Finding::wrong("DMARC", WHY, format!("{name}: {found} has no policy"), "").publish(record());
    }
    if let Some(identity) = identity.filter(|identity| !is_aligned(facts, identity, found)) {
        let envelope = identity.mail_from.as_deref().unwrap_or("amazonses.com");
        let what = format!(
            "neither the signature of {} nor the envelope of {envelope} is aligned with {from}",
            facts.asked.identity_domain()
        );
        return Finding::wrong("DMARC", WHY, what, "Verify the sender's domain itself in SES, or leave out adkim=s.");
    }
    let fine = Finding::ok("DMARC", WHY, format!("{name}: {found}"));
    if policy == "none" {
        let mend = "Mail of others in your name is let through: quarantine it once reports show only yours.";
        return Finding { mend, ..fine.advice() }.publish(record());
    }
    fine
}

/// Whether the signature's or the envelope's domain stands for the sender's: by DKIM as a rule, since SES asks for an envelope below the
/// identity's domain.
fn is_aligned(facts: &Facts, identity: &Identity, record: &str) -> bool {
    let from = facts.asked.sender_domain.as_str();
    let is_strict = |name: &str| tag(record, name).is_some_and(|value| value.eq_ignore_ascii_case("s"));
    let aligned = |domain: &str, strict: bool| match strict {
        true => domain == from,
        false => is_at_or_below(domain, from) || is_at_or_below(from, domain),
    };
    let signature = identity.dkim_signing && aligned(&facts.asked.identity_domain(), is_strict("adkim"));
    let envelope = identity.mail_from.as_deref().is_some_and(|domain| {
        // Both are below the identity's domain.
        let related = aligned(domain, is_strict("aspf"));
        let siblings = is_at_or_below(domain, &facts.asked.identity_domain())
            && is_at_or_below(from, &facts.asked.identity_domain());
        related || (siblings && !is_strict("aspf"))
    });
    signature || envelope
}

fn is_at_or_below(domain: &str, above: &str) -> bool {
    domain == above || domain.strip_suffix(above).is_some_and(|rest| rest.ends_with('.'))
}

fn configuration_set(said: &Said<ConfigurationSet>) -> Finding {
    const WHY: &str = "By it bounces and complaints become known here, and addresses that failed are left alone.";
    let wrong = |what: String, mend| Finding::wrong("configuration set", WHY, what, mend);
    let set = match said {
        Err(reason) => {
            return wrong(
                format!("SES could not be asked ({reason})"),
                "Allow ses:GetConfigurationSet, and ask again.",
            );
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
