//! What stands in DNS for a sender: its keys, the envelope's domain with SPF and MX, and DMARC.

use super::{Facts, Finding, Record};
use crate::ses::dns::DnsError;
use crate::ses::facts::Identity;

/// What an SPF record of the envelope's domain must include.
const SES_SPF: &str = "include:amazonses.com";
pub(super) const SUCCESS: &str = "SUCCESS";

/// DNS gave no answer, which says nothing of what stands there.
fn not_asked(check: &'static str, why: &'static str, name: &str, error: &DnsError) -> Finding {
    let what = format!("{name} could not be asked ({error})");
    Finding::unknown(check, why, what, "Ask again, or another name server: --resolver ADDRESS:PORT.")
}

pub(super) fn dkim(facts: &Facts, identity: &Identity) -> Finding {
    const WHY: &str = "Mailbox providers believe a sender by its signature; without one, mail of many is refused.";
    let missing = missing_keys(facts, identity);
    let mut unasked = facts.dkim.iter().filter_map(|(name, seen)| Some((name, seen.as_ref().err()?)));
    if !identity.dkim_signing {
        let mend = "aws sesv2 put-email-identity-dkim-attributes --email-identity DOMAIN --signing-enabled";
        return Finding::wrong("DKIM", WHY, "mail is not signed", mend).publish(missing);
    }
    if identity.dkim_status != SUCCESS {
        let what = format!("SES has not found the keys in DNS ({})", identity.dkim_status);
        return Finding::wrong("DKIM", WHY, what, "Publish what is missing, and wait for SES to see it.")
            .publish(missing);
    }
    // SES looks again every so often: what is gone from DNS fails before SES notices.
    if !missing.is_empty() {
        let mend = match identity.dkim_is_own {
            true => "Publish the public half of the key that SES was given, before SES stops to sign.",
            false => "Publish them again before SES stops to sign.",
        };
        return Finding::wrong("DKIM", WHY, "keys are missing in DNS", mend).publish(missing);
    }
    match unasked.next() {
        Some((name, error)) => not_asked("DKIM", WHY, name, error),
        None => Finding::ok("DKIM", WHY, "mail is signed, and the keys are published"),
    }
}

/// The records of keys of which DNS says that they are not there. Nothing follows from what it does not say.
fn missing_keys(facts: &Facts, identity: &Identity) -> Vec<Record> {
    let is_there = |seen: &Vec<String>| match identity.dkim_is_own {
        // A key that is withdrawn has an empty p (RFC 6376, 3.6.1).
        true => seen.iter().any(|text| tag(text, "p").is_some_and(|key| !key.is_empty())),
        false => !seen.is_empty(),
    };
    let record = |name: &String| {
        let token = name.split('.').next().unwrap_or_default();
        let zone = identity.dkim_zone.as_deref().unwrap_or("dkim.amazonses.com");
        match identity.dkim_is_own {
            true => Record { name: name.clone(), kind: "TXT", value: "\"p=PUBLIC_KEY\"".to_owned() },
            false => Record { name: name.clone(), kind: "CNAME", value: format!("{token}.{zone}.") },
        }
    };
    let missing = facts.dkim.iter().filter(|(_, seen)| seen.as_ref().is_ok_and(|seen| !is_there(seen)));
    missing.map(|(name, _)| record(name)).collect()
}

pub(super) fn mail_from(facts: &Facts, identity: &Identity) -> Finding {
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

pub(super) fn spf(facts: &Facts, domain: &str) -> Finding {
    const WHY: &str = "SPF names who may send in the domain's name. Two records are as good as none (RFC 7208, 4.5).";
    let record = || {
        let all = envelope_records(domain, &facts.asked.region);
        all.into_iter().filter(|record| record.kind == "TXT").collect::<Vec<_>>()
    };
    let texts = match &facts.spf {
        Err(error) => return not_asked("SPF", WHY, domain, error),
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

pub(super) fn exchanger(facts: &Facts, domain: &str) -> Finding {
    const WHY: &str = "Bounces come back by it. SES uses the domain only while it has exactly this exchanger.";
    let expected = format!("feedback-smtp.{}.amazonses.com", facts.asked.region);
    let record = || {
        let all = envelope_records(domain, &facts.asked.region);
        all.into_iter().filter(|record| record.kind == "MX").collect::<Vec<_>>()
    };
    match facts.exchangers.as_deref() {
        Err(error) => not_asked("MX", WHY, domain, error),
        Ok([]) => Finding::wrong("MX", WHY, format!("{domain} has none"), "").publish(record()),
        Ok([(_, host)]) if *host == expected => Finding::ok("MX", WHY, format!("{domain}: {host}")),
        Ok(others) => {
            let hosts: Vec<&str> = others.iter().map(|(_, host)| host.as_str()).collect();
            let what = format!("{domain}: {}", hosts.join(", "));
            Finding::wrong("MX", WHY, what, "Leave this one only.").publish(record())
        }
    }
}

/// The value of a tag of a record of DMARC or DKIM.
fn tag<'a>(record: &'a str, name: &str) -> Option<&'a str> {
    let pairs = record.split(';').filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(key, value)| (key.trim(), value.trim()))
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, it)| it)
}

pub(super) fn dmarc(facts: &Facts, identity: Option<&Identity>) -> Finding {
    const WHY: &str = "DMARC ties signature and envelope to the address that readers see. Large providers refuse bulk mail without it.";
    let from = &facts.asked.sender_domain();
    let record = || {
        let value = format!("\"v=DMARC1; p=quarantine; rua=mailto:dmarc@{from}\"");
        vec![Record { name: format!("_dmarc.{from}"), kind: "TXT", value }]
    };
    let (name, texts) = &facts.dmarc;
    let found = match texts.as_deref() {
        Err(error) => return not_asked("DMARC", WHY, name, error),
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
        return Finding { mend: mend.into(), ..fine.advice() }.publish(record());
    }
    fine
}

/// Whether the signature's or the envelope's domain stands for the sender's: by DKIM as a rule, since SES asks for an envelope below the
/// identity's domain.
pub(super) fn is_aligned(facts: &Facts, identity: &Identity, record: &str) -> bool {
    let from = &facts.asked.sender_domain();
    let is_strict = |name: &str| tag(record, name).is_some_and(|value| value.eq_ignore_ascii_case("s"));
    let aligned = |domain: &str, strict: bool| match strict {
        true => domain == *from,
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
