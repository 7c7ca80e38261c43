//! What SES says of the account, the identity and the configuration set, and what DNS says of their domains.

use aws_config::SdkConfig;
use aws_sdk_sesv2::Client;
use aws_sdk_sesv2::types::DkimSigningAttributesOrigin;
use perennial_platform::sending::approval::domain_of;

use super::dns::{Dns, DnsError};
use crate::stack::reason;

/// What is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The address that the playbook's sender writes from, as it is written.
    pub sender: String,
    /// The identity in SES: a domain, or an address.
    pub identity: String,
    /// The configuration set, if one is known.
    pub configuration_set: Option<String>,
    /// The region: the host names of SES have it in them.
    pub region: String,
}

/// The account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Whether it is out of the sandbox.
    pub production_access: bool,
    /// Whether it may send.
    pub sending_enabled: bool,
    /// `HEALTHY`, `PROBATION` or `SHUTDOWN`.
    pub enforcement: String,
}

/// The identity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// Whether it may be sent from.
    pub verified: bool,
    /// Whether mail is signed.
    pub dkim_signing: bool,
    /// `SUCCESS`, or how far it is.
    pub dkim_status: String,
    /// Whether the key is the company's own: then its one public half stands in DNS itself, and SES has none to point to.
    pub dkim_is_own: bool,
    /// The names of the keys: SES's, or the selector of the own one.
    pub dkim_tokens: Vec<String>,
    /// Where SES keeps its keys, if it says so.
    pub dkim_zone: Option<String>,
    /// The domain of the envelope, if there is one.
    pub mail_from: Option<String>,
    /// `SUCCESS`, or how far it is.
    pub mail_from_status: String,
}

/// The configuration set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigurationSet {
    /// Whether mail may be sent with it.
    pub sending_enabled: bool,
    /// For what an address is put on the suppression list.
    pub suppressed: Vec<String>,
    /// What the enabled destinations are told, of all that happens to mail.
    pub told: Vec<String>,
}

/// An answer of SES: of what it does not know, nothing.
pub type Said<T> = Result<Option<T>, String>;

/// An answer of DNS.
pub type Records<T> = Result<Vec<T>, DnsError>;

/// Everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// What was asked.
    pub asked: Asked,
    /// The account.
    pub account: Said<Account>,
    /// The identity.
    pub identity: Said<Identity>,
    /// The configuration set, if one was asked for.
    pub configuration_set: Option<Said<ConfigurationSet>>,
    /// Texts of the envelope's domain.
    pub spf: Records<String>,
    /// Mail exchangers of the envelope's domain.
    pub exchangers: Records<(u16, String)>,
    /// Where a DMARC record was found, or looked for last, and its texts.
    pub dmarc: (String, Records<String>),
    /// Of each key its name, and what stands there: what it is an alias of, or the texts of an own one.
    pub dkim: Vec<(String, Records<String>)>,
}

impl Asked {
    /// The identity's domain.
    pub fn identity_domain(&self) -> String {
        domain_of(&self.identity)
    }

    /// The sender's domain.
    pub fn sender_domain(&self) -> String {
        domain_of(&self.sender)
    }

    /// Asks SES and DNS.
    pub async fn facts(self, config: &SdkConfig, dns: &Dns) -> Facts {
        let client = Client::new(config);
        let identity = identity(&client, &self.identity).await;
        let set = match &self.configuration_set {
            Some(name) => Some(configuration_set(&client, name).await),
            None => None,
        };
        let known = identity.as_ref().ok().and_then(Option::as_ref);
        let (mut spf, mut exchangers, mut dkim) = (Ok(Vec::new()), Ok(Vec::new()), Vec::new());
        if let Some(domain) = known.and_then(|identity| identity.mail_from.as_deref()) {
            (spf, exchangers) = (dns.texts(domain).await, dns.exchangers(domain).await);
        }
        for token in known.map(|identity| identity.dkim_tokens.as_slice()).unwrap_or_default() {
            let name = format!("{token}._domainkey.{}", self.identity_domain());
            let is_own = known.is_some_and(|identity| identity.dkim_is_own);
            let seen = if is_own { dns.texts(&name).await } else { dns.alias(&name).await };
            dkim.push((name, seen));
        }
        let dmarc = dmarc(dns, &self.sender_domain()).await;
        let account = account(&client).await;
        Facts { asked: self, account, identity, configuration_set: set, spf, exchangers, dmarc, dkim }
    }
}

/// The record of the domain, or of the nearest domain above that has one.
async fn dmarc(dns: &Dns, domain: &str) -> (String, Records<String>) {
    let mut above = domain;
    loop {
        let name = format!("_dmarc.{above}");
        let texts = dns.texts(&name).await.map(|texts| {
            let is_dmarc = |text: &String| text.trim_start().to_ascii_lowercase().starts_with("v=dmarc1");
            texts.into_iter().filter(is_dmarc).collect::<Vec<_>>()
        });
        let parent = above.split_once('.').map(|(_, parent)| parent).filter(|parent| parent.contains('.'));
        match (&texts, parent) {
            (Ok(found), Some(parent)) if found.is_empty() => above = parent,
            (Ok(found), None) if found.is_empty() => return (format!("_dmarc.{domain}"), Ok(Vec::new())),
            _ => return (name, texts),
        }
    }
}

async fn account(client: &Client) -> Said<Account> {
    let account = client.get_account().send().await.map_err(reason)?;
    Ok(Some(Account {
        production_access: account.production_access_enabled(),
        sending_enabled: account.sending_enabled(),
        enforcement: account.enforcement_status().unwrap_or_default().to_owned(),
    }))
}

async fn identity(client: &Client, name: &str) -> Said<Identity> {
    let answer = match client.get_email_identity().email_identity(name).send().await {
        Ok(answer) => answer,
        Err(error) if error.as_service_error().is_some_and(|error| error.is_not_found_exception()) => return Ok(None),
        Err(error) => return Err(reason(error)),
    };
    let (dkim, mail_from) = (answer.dkim_attributes(), answer.mail_from_attributes());
    let status = |text: Option<&str>| text.unwrap_or_default().to_owned();
    Ok(Some(Identity {
        verified: answer.verified_for_sending_status(),
        dkim_signing: dkim.is_some_and(|dkim| dkim.signing_enabled()),
        dkim_status: status(dkim.and_then(|dkim| dkim.status()).map(|status| status.as_str())),
        dkim_is_own: dkim.and_then(|dkim| dkim.signing_attributes_origin())
            == Some(&DkimSigningAttributesOrigin::External),
        dkim_tokens: dkim.map(|dkim| dkim.tokens().to_vec()).unwrap_or_default(),
        dkim_zone: dkim.and_then(|dkim| dkim.signing_hosted_zone()).map(str::to_owned),
        mail_from: mail_from.map(|it| it.mail_from_domain().to_ascii_lowercase()).filter(|it| !it.is_empty()),
        mail_from_status: status(mail_from.map(|it| it.mail_from_domain_status().as_str())),
    }))
}

async fn configuration_set(client: &Client, name: &str) -> Said<ConfigurationSet> {
    let set = match client.get_configuration_set().configuration_set_name(name).send().await {
        Ok(set) => set,
        Err(error) if error.as_service_error().is_some_and(|error| error.is_not_found_exception()) => return Ok(None),
        Err(error) => return Err(reason(error)),
    };
    let destinations = client.get_configuration_set_event_destinations().configuration_set_name(name);
    let destinations = destinations.send().await.map_err(reason)?;
    let enabled = destinations.event_destinations().iter().filter(|destination| destination.enabled());
    let mut told: Vec<String> =
        enabled.flat_map(|it| it.matching_event_types()).map(|kind| kind.as_str().to_owned()).collect();
    told.sort();
    told.dedup();
    let suppressed = set.suppression_options().map(|options| options.suppressed_reasons()).unwrap_or_default();
    Ok(Some(ConfigurationSet {
        sending_enabled: set.sending_options().is_none_or(|options| options.sending_enabled()),
        suppressed: suppressed.iter().map(|reason| reason.as_str().to_owned()).collect(),
        told,
    }))
}
