//! `perennial ses check`: whether mail can be sent as the company.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use aws_config::SdkConfig;
use clap::{Args, Subcommand};
use perennial::ses::dns::Dns;
use perennial::ses::facts::Asked;
use perennial::ses::judge::{Finding, State, findings, is_in_order};
use perennial::stack::Stack;
use perennial_platform::clock::Clock;
use perennial_platform::lambda;
use perennial_platform::sending::approval::address_of;
use perennial_platform::sending::{Approved, Sending};
use perennial_platform::store::Store;
use perennial_playbook::Playbook;
use serde_json::json;

use super::pause::user;
use super::{Failed, load_playbook, playbook_folder, print_json, say};

/// Said at the end of the help.
const EXIT_CODES: &str = "Exit codes: 0 everything is in order, 1 something is not, or the check failed (the reason is on standard error), 2 wrong usage";

/// The sender in SES and DNS.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Look at the account, the identity and its DNS records, and say what to publish; approve the identity.
    Check(Check),
}

/// Look at the account, the identity and its DNS records, and say what to publish.
///
/// Looked at are: the sandbox, the identity and whether the stack's role lets the playbook's company.sender send as it, DKIM, the MAIL
/// FROM domain with its SPF and MX records, DMARC and its alignment with the sender, and the configuration set. In production contacts
/// are not written to before --approve has found all of it in order. Region and credentials come from the environment.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub struct Check {
    /// Name of the stack in AWS.
    #[arg(long, value_name = "NAME", required_unless_present = "identity")]
    stack: Option<String>,
    /// The identity in SES, if there is no stack yet: a stack has its own, which its role is for.
    #[arg(long, value_name = "DOMAIN", conflicts_with = "stack")]
    identity: Option<String>,
    /// The configuration set [default: that of the stack].
    #[arg(long, value_name = "NAME")]
    configuration_set: Option<String>,
    /// If everything is in order, write down that contacts may be written to as this identity.
    #[arg(long)]
    approve: bool,
    /// Name of the state table, where there is no stack to ask for it.
    #[arg(long, value_name = "TABLE")]
    state: Option<String>,
    /// Address and port of the name server to ask [default: the system's first].
    #[arg(long, value_name = "ADDRESS:PORT")]
    resolver: Option<SocketAddr>,
    /// Playbook folder or compiled playbook [default: infra/playbook].
    #[arg(long, value_name = "DIR")]
    playbook: Option<PathBuf>,
    /// Print one JSON document instead of lines.
    #[arg(long)]
    json: bool,
}

impl Command {
    pub async fn run(self) -> Result<ExitCode, Failed> {
        match self {
            Self::Check(check) => check.run().await,
        }
    }
}

impl Check {
    async fn run(self) -> Result<ExitCode, Failed> {
        let playbook = load_playbook(&playbook_folder(self.playbook.clone()))?;
        let config = lambda::config().await;
        let stack = match &self.stack {
            Some(name) => Some(Stack::read(&config, name).await?),
            None => None,
        };
        let state = self.state.clone().or(stack.as_ref().and_then(|stack| stack.state_table().ok()).map(str::to_owned));
        if self.approve && state.is_none() {
            return Err(Failed(vec!["error: --approve needs --stack or --state: it writes into the table".to_owned()]));
        }
        let asked = self.asked(&config, &playbook, stack.as_ref())?;
        let dns = self.resolver.map_or_else(Dns::of_system, |server| Ok(Dns::at(server)))?;
        let identity = asked.identity.clone();
        let findings = findings(&asked.facts(&config, &dns).await);
        let in_order = is_in_order(&findings);
        let approved = match state.filter(|_| self.approve && in_order) {
            Some(table) => Some(approve(&config, table, identity, &playbook).await?),
            None => None,
        };
        self.print(&findings, in_order, approved.as_ref())?;
        Ok(if in_order { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn asked(&self, config: &SdkConfig, playbook: &Playbook, stack: Option<&Stack>) -> Result<Asked, Failed> {
        let parameter = |name| stack.and_then(|stack| stack.parameter(name)).map(str::to_owned);
        let output = |name: &str| stack.and_then(|stack| stack.outputs.get(name)).cloned();
        let no_identity = || Failed(vec!["error: the stack has no SenderIdentity: give --identity".to_owned()]);
        let no_region = || Failed(vec!["error: no region: set AWS_REGION".to_owned()]);
        Ok(Asked {
            sender: address_of(&playbook.company.sender).to_owned(),
            identity: self.identity.clone().or(parameter("SenderIdentity")).ok_or_else(no_identity)?,
            configuration_set: self.configuration_set.clone().or(output("MailConfigurationSetName")),
            region: config.region().ok_or_else(no_region)?.to_string(),
        })
    }

    fn print(&self, findings: &[Finding], in_order: bool, approved: Option<&Approved>) -> Result<(), Failed> {
        if self.json {
            let approved = approved.map(|approved| &approved.identity);
            return print_json(&json!({"in_order": in_order, "approved": approved, "findings": findings}));
        }
        for finding in findings {
            let mark = match finding.state {
                State::Ok => "ok    ",
                State::Advice => "advice",
                State::Wrong => "WRONG ",
                State::Unknown => "?     ",
            };
            say(format_args!("{mark}  {:<18} {}\n", finding.check, finding.what))?;
            if finding.state == State::Ok {
                continue;
            }
            say(format_args!("        {}\n", finding.why))?;
            if !finding.mend.is_empty() {
                say(format_args!("        {}\n", finding.mend))?;
            }
            for record in &finding.publish {
                say(format_args!("          {record}\n"))?;
            }
        }
        let of = approved.map(|approved| approved.identity.as_str());
        match (in_order, of) {
            (true, Some(identity)) => say(format_args!("\n{identity} is approved: production writes to contacts\n")),
            (true, None) if self.approve => say("\nin order\n"),
            (true, None) => say("\nin order; --approve lets production write to contacts\n"),
            (false, _) if self.approve => say("\nnot in order: nothing was approved\n"),
            (false, _) => say("\nnot in order\n"),
        }
    }
}

async fn approve(config: &SdkConfig, table: String, identity: String, playbook: &Playbook) -> Result<Approved, Failed> {
    let store = Store { client: aws_sdk_dynamodb::Client::new(config), state: table };
    let sending = Sending { store, rules: playbook.sending.rules.clone(), needs_approval: None };
    let approved = Approved { identity, at: Clock::system().now(), by: user() };
    sending.approve(&approved).await?;
    Ok(approved)
}
