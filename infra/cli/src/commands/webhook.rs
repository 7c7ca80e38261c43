//! `perennial webhook`: try a source by hand.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use jiff::Timestamp;
use perennial::deployment::local_secret;
use perennial::secret::Secret;
use perennial::webhook::{Signed, id_of, signed};
use serde_json::json;

use super::{EXIT_CODES, Failed, load_playbook, local_url, playbook_folder, print_json, say};

/// Where a secret is looked for that is not given: what stands in a command line is seen by others.
const SECRET_VARIABLE: &str = "PERENNIAL_WEBHOOK_SECRET";

/// What to do with a delivery.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Sign a delivery as its sender would, and print it for curl.
    Sign(Sign),
    /// Sign a delivery and send it; print the answer.
    Send(Send),
}

/// Sign a delivery as its sender would, and print it for curl.
///
/// `perennial webhook sign --source zoom event.json | curl -K -` sends it.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub struct Sign {
    #[command(flatten)]
    delivery: Delivery,
    /// Print the headers as one JSON document instead of a configuration for curl.
    #[arg(long)]
    json: bool,
}

/// Sign a delivery and send it; print the status and the answer.
#[derive(Args, Debug)]
#[command(after_help = "Exit codes: 0 answered with 2xx, 1 refused or not sent, 2 wrong usage")]
pub struct Send {
    #[command(flatten)]
    delivery: Delivery,
}

#[derive(Args, Debug)]
struct Delivery {
    /// The source, by its id in the playbook.
    #[arg(long, value_name = "ID")]
    source: String,
    /// The body, as it is to be sent; - reads standard input.
    file: PathBuf,
    /// The secret [default: the variable PERENNIAL_WEBHOOK_SECRET, or the public one of the local world].
    #[arg(long)]
    secret: Option<Secret>,
    /// The delivery's id where the source has such (webhook-id) [default: made of the body].
    #[arg(long)]
    id: Option<String>,
    /// Where it goes [default: the local world].
    #[arg(long)]
    url: Option<String>,
    /// Playbook folder or compiled playbook [default: infra/playbook].
    #[arg(long, value_name = "DIR")]
    playbook: Option<PathBuf>,
}

impl Command {
    pub async fn run(self) -> Result<(), Failed> {
        match self {
            Self::Sign(sign) => sign.run(),
            Self::Send(send) => send.run().await,
        }
    }
}

impl Sign {
    fn run(self) -> Result<(), Failed> {
        let (signed, is_public) = self.delivery.signed()?;
        if signed.shows_secret && !is_public {
            let line = "error: this source's secret stands in a header, and would be printed: use `webhook send`";
            return Err(Failed(vec![line.to_owned()]));
        }
        if self.json {
            let headers: BTreeMap<&str, &str> = signed.pairs().collect();
            return print_json(&json!({"url": signed.url, "headers": headers}));
        }
        say(signed.curl_config()?)
    }
}

impl Send {
    async fn run(self) -> Result<(), Failed> {
        let (signed, is_public) = self.delivery.signed()?;
        if is_public && !signed.is_for_here() {
            let line = format!(
                "error: --secret: none is given, nor is {SECRET_VARIABLE} set: only a local world believes the public one"
            );
            return Err(Failed(vec![line]));
        }
        if signed.is_in_clear() && !is_public {
            let line = "error: --url: a delivery with your own secret is sent over https:// only, or to this machine";
            return Err(Failed(vec![line.to_owned()]));
        }
        let (status, answer) = signed.send().await?;
        say(format_args!("{status}\n{}\n", answer.trim_end()))?;
        if (200..300).contains(&status) { Ok(()) } else { Err(Failed(Vec::new())) }
    }
}

impl Delivery {
    /// The request, and whether its secret is the one that everybody knows.
    fn signed(self) -> Result<(Signed, bool), Failed> {
        let playbook = load_playbook(&playbook_folder(self.playbook))?;
        let Some(source) = playbook.sources.get(&self.source) else {
            let known: Vec<&str> = playbook.sources.keys().map(String::as_str).collect();
            let line = format!("error: the playbook has no source \"{}\"; it has {}", self.source, known.join(", "));
            return Err(Failed(vec![line]));
        };
        let body = read(&self.file)?;
        let public = local_secret(source);
        let from_variable = || std::env::var(SECRET_VARIABLE).ok().filter(|secret| !secret.is_empty());
        let given = self.secret.map(|secret| secret.reveal().to_owned());
        let secret = given.or_else(from_variable).unwrap_or_else(|| public.clone());
        let url = self.url.unwrap_or_else(|| format!("{}/v1/webhooks/{}", local_url(), source.id));
        let id = self.id.unwrap_or_else(|| id_of(&body));
        Ok((signed(source, &secret, &id, &url, body, Timestamp::now())?, secret == public))
    }
}

fn read(file: &Path) -> Result<Vec<u8>, Failed> {
    let mut body = Vec::new();
    if file == Path::new("-") {
        std::io::stdin().lock().read_to_end(&mut body)?;
        return Ok(body);
    }
    std::fs::read(file).map_err(|error| Failed(vec![format!("error: {}: {error}", file.display())]))
}
