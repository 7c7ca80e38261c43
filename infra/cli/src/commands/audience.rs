//! `perennial audience`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use perennial::audience::{Exported, export};
use perennial_domain::nurture::retarget::Audience;
use perennial_playbook::Playbook;

use super::place::Place;
use super::{EXIT_CODES, Failed, print_json, progress, say};

/// Audiences for ads.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write the hashed addresses of those who are in a stream or a segment.
    Export(Export),
}

/// Write the hashed addresses of those who are in a stream or a segment, as ad platforms take them: SHA-256 of the trimmed,
/// lower-cased address, one a line.
///
/// Left out is whoever has opted out, wants no ads or takes a break, whose address bounced, complained or is another contact's. Of a
/// segment also whoever is at an account at risk; of a stream whoever has taken its offer already, wants nothing of its topic, is
/// in its control group, or may be sold nothing: at risk, a new customer, a lead that sales holds. An audience is as old as its export: replace it whole each time. It reads every
/// contact. Of a stack's table the environment variable ADDRESS_KEY must hold the deployment's key.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub struct Export {
    #[command(flatten)]
    whom: Whom,
    /// How the hashes are written.
    #[arg(long, value_enum, default_value_t = Format::Csv)]
    format: Format,
    /// Write the hashes there [default: standard output; the counts go to standard error then].
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
    /// Print one JSON document instead of lines: the counts, and the hashes unless --out takes them.
    #[arg(long)]
    json: bool,
}

/// Whom the audience is made of.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
struct Whom {
    /// Those who are in this stream, whether or not a mail of it is due.
    #[arg(long, value_name = "ID")]
    stream: Option<String>,
    /// Those who belong to this segment.
    #[arg(long, value_name = "ID")]
    segment: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// A column with a header.
    Csv,
    /// A list of texts.
    Json,
}

impl Command {
    pub async fn run(self) -> Result<(), Failed> {
        match self {
            Self::Export(export) => export.run().await,
        }
    }
}

impl Whom {
    fn audience<'a>(&self, playbook: &'a Playbook) -> Result<Audience<'a>, Failed> {
        if let Some(id) = &self.stream {
            let stream = playbook.nurture.streams.iter().find(|stream| stream.id.as_str() == id);
            let none = || Failed(vec![format!("error: the playbook has no stream {id}")]);
            return stream.map(Audience::Stream).ok_or_else(none);
        }
        let id = self.segment.as_deref().unwrap_or_default();
        let segment = playbook.segments.iter().find(|segment| segment.id.as_str() == id);
        let none = || Failed(vec![format!("error: the playbook has no segment {id}")]);
        segment.map(|segment| Audience::Segment(&segment.when)).ok_or_else(none)
    }
}

impl Export {
    async fn run(self) -> Result<(), Failed> {
        let playbook = self.place.playbook()?;
        let audience = self.whom.audience(&playbook)?;
        // The first of the worlds on this machine is that of `up`; another is named by --data.
        let Some(candidate) = self.place.candidates()?.into_iter().next() else { return Ok(()) };
        let opened = candidate.open(&playbook).await?;
        let key = opened.address_key()?;
        let bar = progress(0, "reading contacts");
        let mut shown = |what: &'static str, done: usize, of: usize| {
            bar.set_message(what);
            bar.set_length(of as u64);
            bar.set_position(done as u64);
        };
        let exported = export(&opened.store, &key, &playbook, audience, opened.now, &mut shown).await?;
        bar.finish_and_clear();
        self.write(exported)
    }

    fn write(&self, mut exported: Exported) -> Result<(), Failed> {
        let hashes = match self.format {
            Format::Csv => exported.csv(),
            Format::Json => format!("{}\n", serde_json::to_string_pretty(&exported.sha256)?),
        };
        match &self.out {
            Some(file) => {
                let why = |error| Failed(vec![format!("error: {}: {error}", file.display())]);
                std::fs::write(file, hashes).map_err(why)?;
                exported.sha256.clear();
                if self.json { print_json(&exported) } else { say(&exported) }
            }
            None if self.json => print_json(&exported),
            None => {
                eprint!("{exported}");
                say(hashes)
            }
        }
    }
}
