use super::super::dns::DnsError;
use super::records::{SUCCESS, is_aligned};
use super::*;

/// A sender of which everything is in order.
fn good() -> Facts {
    Facts {
        asked: Asked {
            sender: "hello@example.com".to_owned(),
            identity: "example.com".to_owned(),
            configuration_set: Some("perennial-prod".to_owned()),
            region: "eu-central-1".to_owned(),
        },
        account: Ok(Some(Account {
            production_access: true,
            sending_enabled: true,
            enforcement: "HEALTHY".to_owned(),
        })),
        identity: Ok(Some(Identity {
            verified: true,
            dkim_signing: true,
            dkim_status: SUCCESS.to_owned(),
            dkim_is_own: false,
            dkim_tokens: vec!["abc".to_owned()],
            dkim_zone: None,
            mail_from: Some("bounce.example.com".to_owned()),
            mail_from_status: SUCCESS.to_owned(),
        })),
        configuration_set: Some(Ok(Some(ConfigurationSet {
            sending_enabled: true,
            suppressed: MUST_SUPPRESS.map(str::to_owned).into(),
            told: MUST_BE_TOLD.map(str::to_owned).into(),
        }))),
        spf: Ok(vec!["a note".to_owned(), "v=spf1 include:amazonses.com ~all".to_owned()]),
        exchangers: Ok(vec![(10, "feedback-smtp.eu-central-1.amazonses.com".to_owned())]),
        dmarc: ("_dmarc.example.com".to_owned(), Ok(vec!["v=DMARC1; p=reject".to_owned()])),
        dkim: vec![("abc._domainkey.example.com".to_owned(), Ok(vec!["abc.dkim.amazonses.com".to_owned()]))],
    }
}

/// The same with a key of the company's own: its selector, and its public half in DNS.
fn own_key(facts: &mut Facts, texts: &[&str]) {
    identity(facts).dkim_is_own = true;
    identity(facts).dkim_tokens = vec!["own".to_owned()];
    let texts = texts.iter().map(|text| (*text).to_owned()).collect();
    facts.dkim = vec![("own._domainkey.example.com".to_owned(), Ok(texts))];
}

/// A change to what was found.
type Change = fn(&mut Facts);

fn identity(facts: &mut Facts) -> &mut Identity {
    facts.identity.as_mut().unwrap().as_mut().unwrap()
}

fn set(facts: &mut Facts) -> &mut ConfigurationSet {
    facts.configuration_set.as_mut().unwrap().as_mut().unwrap().as_mut().unwrap()
}

#[test]
fn a_sender_in_order_has_nothing_to_mend() {
    let found = findings(&good());
    assert_eq!(found.iter().filter(|finding| finding.state != State::Ok).collect::<Vec<_>>(), Vec::<&Finding>::new());
    assert!(is_in_order(&found));

    let mut by_own_key = good();
    own_key(&mut by_own_key, &["a note", "v=DKIM1; k=rsa; p=MIGfMA0=="]);
    assert!(is_in_order(&findings(&by_own_key)));
}

#[test]
fn each_fault_is_found_by_its_check_and_by_no_other() {
    let (wrong, unknown) = (State::Wrong, State::Unknown);
    let rows: Vec<(&str, State, Change)> = vec![
        ("account", wrong, |facts| facts.account.as_mut().unwrap().as_mut().unwrap().production_access = false),
        ("account", wrong, |facts| facts.account.as_mut().unwrap().as_mut().unwrap().sending_enabled = false),
        ("account", wrong, |facts| facts.account.as_mut().unwrap().as_mut().unwrap().enforcement = "SHUTDOWN".into()),
        ("account", State::Advice, |facts| {
            facts.account.as_mut().unwrap().as_mut().unwrap().enforcement = "PROBATION".into();
        }),
        ("account", unknown, |facts| facts.account = Err("AccessDenied".into())),
        ("identity", wrong, |facts| identity(facts).verified = false),
        ("DKIM", wrong, |facts| identity(facts).dkim_signing = false),
        ("DKIM", wrong, |facts| identity(facts).dkim_status = "PENDING".into()),
        ("DKIM", wrong, |facts| facts.dkim[0].1 = Ok(Vec::new())),
        ("DKIM", wrong, |facts| own_key(facts, &[])),
        ("DKIM", wrong, |facts| own_key(facts, &["v=DKIM1; k=rsa; p="])),
        ("DKIM", unknown, |facts| facts.dkim[0].1 = Err(DnsError::Silent)),
        ("DKIM", unknown, |facts| facts.dkim[0].1 = Err(DnsError::Refused("Server Failure".into()))),
        ("MAIL FROM", wrong, |facts| identity(facts).mail_from_status = "FAILED".into()),
        ("SPF", wrong, |facts| facts.spf = Ok(vec!["v=spf10 include:amazonses.com".into()])),
        ("SPF", wrong, |facts| facts.spf = Ok(vec!["v=spf1 include:example.net ~all".into()])),
        ("SPF", wrong, |facts| facts.spf = Ok(vec!["v=spf1 -all include:amazonses.com".into()])),
        ("SPF", wrong, |facts| facts.spf = Ok(vec!["v=spf1 include:amazonses.com -all".into(), "v=spf1 -all".into()])),
        ("SPF", unknown, |facts| facts.spf = Err(DnsError::Silent)),
        ("MX", wrong, |facts| facts.exchangers = Ok(Vec::new())),
        ("MX", wrong, |facts| facts.exchangers = Ok(vec![(10, "feedback-smtp.us-east-1.amazonses.com".into())])),
        ("MX", wrong, |facts| facts.exchangers.as_mut().unwrap().push((20, "mx.example.com".into()))),
        ("MX", unknown, |facts| facts.exchangers = Err(DnsError::Silent)),
        ("DMARC", wrong, |facts| facts.dmarc.1 = Ok(Vec::new())),
        ("DMARC", unknown, |facts| facts.dmarc.1 = Err(DnsError::Silent)),
        ("DMARC", wrong, |facts| facts.dmarc.1 = Ok(vec!["v=DMARC1; p=reject".into(), "v=DMARC1; p=none".into()])),
        ("DMARC", wrong, |facts| facts.dmarc.1 = Ok(vec!["v=DMARC1; rua=mailto:d@example.com".into()])),
        ("DMARC", State::Advice, |facts| facts.dmarc.1 = Ok(vec!["v=DMARC1; p=none".into()])),
        ("DMARC", State::Advice, |facts| {
            // Of the domain above, which names another policy for what lies below it.
            facts.asked.sender = "hello@mail.example.com".into();
            facts.asked.identity = "mail.example.com".into();
            facts.dmarc.1 = Ok(vec!["v=DMARC1; p=reject; sp=none".into()]);
        }),
        ("configuration set", wrong, |facts| set(facts).sending_enabled = false),
        ("configuration set", wrong, |facts| set(facts).suppressed = vec!["BOUNCE".into()]),
        ("configuration set", wrong, |facts| set(facts).told.retain(|kind| kind != "REJECT")),
        ("configuration set", wrong, |facts| set(facts).told.retain(|kind| kind != "SEND")),
        ("configuration set", unknown, |facts| facts.configuration_set = Some(Err("AccessDenied".into()))),
        ("configuration set", wrong, |facts| facts.configuration_set = Some(Ok(None))),
    ];
    for (number, (check, state, change)) in rows.into_iter().enumerate() {
        let mut facts = good();
        change(&mut facts);
        let found = findings(&facts);
        let not_ok = found.iter().filter(|finding| finding.state != State::Ok);
        let seen: Vec<_> = not_ok.map(|finding| (finding.check, finding.state)).collect();
        assert_eq!(seen, [(check, state)], "row {number}: {found:#?}");
        assert_eq!(is_in_order(&found), state == State::Advice, "row {number}");
        let mends = found.iter().filter(|finding| finding.state != State::Ok);
        assert!(mends.clone().all(|finding| !finding.mend.is_empty() || !finding.publish.is_empty()), "row {number}");
        let mut unasked = found.iter().filter(|finding| finding.state == State::Unknown);
        assert!(unasked.all(|it| it.what.contains("could not be asked") && it.publish.is_empty()), "row {number}");
    }
}

#[test]
fn a_sender_that_the_role_refuses_is_no_sender_of_the_identity() {
    let check = |identity: &str, sender: &str, mend: &str| {
        let mut facts = good();
        facts.asked.identity = identity.to_owned();
        facts.asked.sender = sender.to_owned();
        let found = findings(&facts);
        let finding = found.iter().find(|finding| finding.check == "identity").unwrap();
        assert_eq!(finding.mend, mend, "{identity}: {sender}");
        assert_eq!(finding.state == State::Wrong, !mend.is_empty(), "{identity}: {sender}");
        assert_eq!(is_in_order(&found), mend.is_empty(), "{identity}: {sender}");
        assert!(mend.is_empty() || finding.what.contains(&format!("SenderIdentity {identity}")), "{}", finding.what);
    };
    check("example.com", "another@example.com", "");
    check("hello@example.com", "hello@example.com", "");
    let below = "Verify mail.example.com in SES and deploy with SenderIdentity=mail.example.com, or write an address at example.com as company.sender.";
    check("example.com", "hello@mail.example.com", below);
    check(
        "example.com",
        "hello@notexample.com",
        "Verify notexample.com in SES and deploy with SenderIdentity=notexample.com, or write an address at example.com as company.sender.",
    );
    let other_case = "Write the domain of company.sender as example.com: the role compares letter by letter.";
    check("example.com", "hello@Example.com", other_case);
    check("Example.com", "hello@Example.com", "Deploy with SenderIdentity=example.com.");
    check("hello@Example.com", "hello@Example.com", "Deploy with SenderIdentity=hello@example.com.");
    let one_address = "Write hello@example.com as company.sender, or verify example.com in SES and deploy with SenderIdentity=example.com.";
    check("hello@example.com", "another@example.com", one_address);
    check("hello@example.com", "Hello@example.com", one_address);
}

#[test]
fn a_sender_from_elsewhere_is_not_aligned_either() {
    let mut facts = good();
    facts.asked.sender = "hello@notexample.com".to_owned();
    facts.dmarc = ("_dmarc.notexample.com".to_owned(), Ok(vec!["v=DMARC1; p=reject".to_owned()]));
    let found = findings(&facts);
    let wrong: Vec<&str> =
        found.iter().filter(|finding| finding.state == State::Wrong).map(|finding| finding.check).collect();
    assert_eq!(wrong, ["identity", "DMARC"]);
}

#[test]
fn what_was_not_looked_at_is_not_in_order() {
    for change in [
        (|facts| facts.configuration_set = None) as Change,
        |facts| facts.identity = Ok(None),
        |facts| facts.identity = Err("AccessDenied".into()),
        |facts| identity(facts).mail_from = None,
    ] {
        let mut facts = good();
        change(&mut facts);
        assert!(!is_in_order(&findings(&facts)), "{facts:?}");
    }
}

#[test]
fn strict_alignment_is_met_by_the_same_domain_only() {
    for (identity_is, record, expected) in [
        ("example.com", "v=DMARC1; p=reject", true),
        ("example.com", "v=DMARC1; p=reject; adkim=s", true),
        ("example.com", "v=DMARC1; p=reject; adkim=s; aspf=s", false),
        ("mail.example.com", "v=DMARC1; p=reject; adkim=s; aspf=s", true),
    ] {
        let mut facts = good();
        facts.asked.sender = "hello@mail.example.com".to_owned();
        facts.asked.identity = identity_is.to_owned();
        let known = facts.identity.clone().unwrap().unwrap();
        assert_eq!(is_aligned(&facts, &known, record), expected, "{identity_is}: {record}");
    }
}

#[test]
fn records_can_be_pasted() {
    let mut facts = good();
    identity(&mut facts).mail_from = None;
    identity(&mut facts).dkim_status = "PENDING".to_owned();
    facts.dkim[0].1 = Ok(Vec::new());
    facts.dmarc.1 = Ok(Vec::new());
    let records: Vec<String> =
        findings(&facts).iter().flat_map(|finding| &finding.publish).map(ToString::to_string).collect();
    let expected = [
        "abc._domainkey.example.com. 3600 IN CNAME abc.dkim.amazonses.com.",
        "bounce.example.com. 3600 IN MX 10 feedback-smtp.eu-central-1.amazonses.com.",
        "bounce.example.com. 3600 IN TXT \"v=spf1 include:amazonses.com ~all\"",
        "_dmarc.example.com. 3600 IN TXT \"v=DMARC1; p=quarantine; rua=mailto:dmarc@example.com\"",
    ];
    assert_eq!(records, expected);

    let mut by_own_key = good();
    own_key(&mut by_own_key, &[]);
    let records: Vec<String> =
        findings(&by_own_key).iter().flat_map(|finding| &finding.publish).map(ToString::to_string).collect();
    assert_eq!(records, ["own._domainkey.example.com. 3600 IN TXT \"p=PUBLIC_KEY\""]);
}
