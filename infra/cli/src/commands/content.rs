//! `perennial content`: what mails look like.

mod preview;
mod send;
mod shots;
mod whom;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use perennial::browser;

use super::Failed;
use whom::Whom;

/// Said at the end of every help.
const EXIT_CODES: &str = "Exit codes: 0 done, 1 failed (the reason is on standard error), 2 wrong usage, 3 there is no \
                          browser: whatever needs none was done, and no picture was taken";
/// Nothing failed, and there are no pictures.
const NO_BROWSER: u8 = 3;

/// See what mails look like, in pictures or in an inbox.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write one piece as HTML, text and picture, for a contact or for somebody who does not exist.
    ///
    /// The links that are the reader's own lead nowhere in a preview, and no link is tracked.
    #[command(after_help = EXIT_CODES)]
    Preview(preview::Preview),
    /// Send one piece to yourself, to see it where mail is read.
    ///
    /// What a contact would get is sent to the address that you name, marked as a test. Its own links (unsubscribe, preferences)
    /// lead nowhere, no link is tracked, and nothing of it is recorded: no slot, no piece received. A local world puts it into its
    /// mailbox, after `perennial up` has stopped. With --state it goes through SES from this machine, with the stage's
    /// configuration set, and only to an address that `allow` in [sending] of the playbook names and that is not suppressed; the
    /// environment variable ADDRESS_KEY must hold the deployment's key.
    #[command(after_help = super::EXIT_CODES)]
    Send(send::Send),
    /// Take a picture of every mail, wide and narrow, light and dark, and say what cannot be read.
    ///
    /// The mails are all pieces, and those that sales gets. What is checked in the shown page: nothing is wider than the
    /// window; headline and button stand in the first 600 pixels, and of a letter to sales also name, product, reason and deadline;
    /// the contrast of every text is AA of WCAG 2.2.
    #[command(after_help = EXIT_CODES)]
    Shots(shots::Shots),
}

/// Which browser takes the pictures.
#[derive(Args, Debug)]
struct Camera {
    /// A Chromium or Chrome [default: the environment variable CHROME, or the one that is installed].
    #[arg(long, value_name = "PATH")]
    browser: Option<OsString>,
}

impl Command {
    pub async fn run(self) -> Result<ExitCode, Failed> {
        match self {
            Self::Preview(preview) => preview.run().await,
            Self::Send(send) => send.run().await,
            Self::Shots(shots) => shots.run(),
        }
    }
}

impl Camera {
    /// The browser, if there is one.
    fn find(&self) -> Result<Option<PathBuf>, Failed> {
        let (chrome, path) = (std::env::var_os("CHROME"), std::env::var_os("PATH"));
        browser::find(self.browser.as_deref(), chrome.as_deref(), path.as_deref())
            .map_err(|name| Failed(vec![format!("error: there is no browser {}", name.display())]))
    }
}

/// Says that there is no browser, and what to do about it.
fn no_browser() -> ExitCode {
    eprintln!(
        "no picture was taken: there is no Chromium or Chrome on this machine. Install one (apt-get install chromium), or name \
         it with --browser or the environment variable CHROME"
    );
    ExitCode::from(NO_BROWSER)
}
