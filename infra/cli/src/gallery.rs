//! Every mail of a playbook as a picture, next to each other.
//!
//! Owns which mails there are, in which views they are shown, and the page on which one looks through them. Whether a mail can
//! be read is judged in [`crate::looks`].

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use perennial_domain::nurture::Edition;
use perennial_platform::failure::Failure;
use perennial_platform::mail::{Mail, tags};
use perennial_playbook::{Piece, Playbook, Reader};
use send_nurture_email::{compose, sample};
use serde::Serialize;

use crate::browser::{Browser, BrowserError, Scheme, View};
use crate::looks::{MEASURE, Measured, judge};

/// What every mail is looked at in: a mail program's reading pane and a phone, both by day and by night.
pub const VIEWS: [View; 4] = [
    View { width: 600, scheme: Scheme::Light },
    View { width: 600, scheme: Scheme::Dark },
    View { width: 375, scheme: Scheme::Light },
    View { width: 375, scheme: Scheme::Dark },
];
/// Browsers at a time.
const BROWSERS: usize = 2;
/// Higher pages are cut: a picture must fit into memory.
const HIGHEST_PX: u32 = 16_000;

/// A mail to look at.
#[derive(Clone, PartialEq, Eq)]
pub struct Letter {
    /// The edition of a piece, or which mail to sales.
    pub id: String,
    /// The subject.
    pub subject: String,
    /// The HTML part.
    pub html: String,
    /// The text part.
    pub text: String,
    /// What has to stand in the first screen besides headline and button: what it is, and its words.
    pub first: Vec<(&'static str, String)>,
}

/// The sizes only: a mail holds what its reader is called.
impl std::fmt::Debug for Letter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Letter").field("id", &self.id).field("bytes", &(self.html.len(), self.text.len())).finish()
    }
}

/// Why there is no gallery.
#[derive(Debug, thiserror::Error)]
pub enum GalleryError {
    /// The browser failed.
    #[error(transparent)]
    Browser(#[from] BrowserError),
    /// A picture could not be written.
    #[error("{path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The page could not be measured.
    #[error("{letter} cannot be measured: {source}")]
    Measure {
        /// Which mail.
        letter: String,
        /// Why.
        source: serde_json::Error,
    },
    /// A mail could not be filled.
    #[error(transparent)]
    Render(#[from] perennial_playbook::RenderError),
    /// A mail to sales could not be filled.
    #[error(transparent)]
    Sales(#[from] Failure),
}

/// One picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Shot {
    /// Of which mail.
    pub mail: String,
    /// In a window so wide, in CSS pixels.
    pub width: u32,
    /// `light` or `dark`.
    pub scheme: &'static str,
    /// Where it lies.
    pub file: PathBuf,
    /// What is wrong with it.
    pub problems: Vec<String>,
}

/// Somebody who does not exist, reading an edition of a piece; without a name, somebody of whom nothing was stated. Their own links
/// lead nowhere: a preview is passed on and clicked.
pub fn sample_reader(
    playbook: &Playbook,
    (piece, edition): (&Piece, &Edition),
    first_name: &str,
    company: &str,
) -> Reader {
    let rep = playbook.reps.first().map_or(&playbook.company.name, |rep| &rep.name);
    let nobody = for_preview(compose::reader(playbook, None, None, (&piece.product, edition)));
    let named = |name: &str, otherwise: String| if name.is_empty() { otherwise } else { name.to_owned() };
    Reader {
        first_name: named(first_name, nobody.first_name),
        company: named(company, nobody.company),
        rep_name: rep.clone(),
        ..nobody
    }
}

/// The same with links of its own that do nothing.
pub fn for_preview(reader: Reader) -> Reader {
    Reader {
        unsubscribe_url: "https://preview.invalid/unsubscribe".to_owned(),
        preferences_url: "https://preview.invalid/preferences".to_owned(),
        ..reader
    }
}

/// An edition of a piece as its reader gets it, but for tracked links: one sees where they lead. Its id is that of the piece, and
/// the edition as its files name it: `piece.de`.
///
/// # Errors
/// [`GalleryError::Render`] if it cannot be filled.
pub fn letter(playbook: &Playbook, piece: &Piece, edition: &Edition, reader: &Reader) -> Result<Letter, GalleryError> {
    let mail = playbook.render_edition(&piece.id, edition, reader)?;
    let id = if edition.is_plain() { piece.id.to_string() } else { format!("{}.{edition}", piece.id) };
    Ok(Letter { id, subject: mail.subject, html: mail.html, text: mail.text, first: Vec::new() })
}

/// The mail by which somebody tries a piece out: marked as a test, and of no contact, slot or stream.
pub fn as_test(letter: Letter, to: &str) -> Mail {
    Mail {
        to: to.to_owned(),
        subject: format!("[Test] {}", letter.subject),
        html: letter.html,
        text: letter.text,
        headers: Vec::new(),
        tags: vec![(tags::KIND, tags::TEST.to_owned())],
    }
}

/// Every mail there is: all pieces with their translations and variants, and what sales gets, written to somebody who does not
/// exist; and in each language one more, as somebody reads it of whom neither name nor company was stated.
///
/// # Errors
/// [`GalleryError`] if one cannot be filled.
pub fn letters(playbook: &Playbook, first_name: &str, company: &str) -> Result<Vec<Letter>, GalleryError> {
    let mut letters = Vec::new();
    for piece in playbook.pieces() {
        for edition in std::iter::once(&Edition::default()).chain(piece.editions()) {
            let reader = sample_reader(playbook, (piece, edition), first_name, company);
            letters.push(letter(playbook, piece, edition, &reader)?);
        }
    }
    letters.extend(to_somebody_unknown(playbook)?);
    letters.extend(to_sales(playbook)?);
    Ok(letters)
}

/// What sales gets, about somebody who does not exist.
///
/// # Errors
/// [`GalleryError::Sales`] if one cannot be filled.
pub fn to_sales(playbook: &Playbook) -> Result<Vec<Letter>, GalleryError> {
    let (name, talk): (&str, &[String]) =
        playbook.products.first().map_or(("", &[]), |product| (&product.name, &product.talk_track));
    let mails = sample::sales_mails(&playbook.company, name, talk)?.into_iter();
    let letter = |mail: sample::SalesMail| Letter {
        id: mail.id.to_owned(),
        subject: mail.subject,
        html: mail.html,
        text: mail.text,
        first: mail.first,
    };
    Ok(mails.map(letter).collect())
}

/// In each language the first mail there is, as somebody reads it of whom nothing was stated.
fn to_somebody_unknown(playbook: &Playbook) -> Result<Vec<Letter>, GalleryError> {
    let (mut languages, mut letters) = (BTreeSet::new(), Vec::new());
    for piece in playbook.pieces() {
        let plain = Edition::default();
        for edition in std::iter::once(&plain).chain(piece.editions()) {
            if languages.insert(edition.language().map(str::to_owned)) {
                let reader = sample_reader(playbook, (piece, edition), "", "");
                let letter = letter(playbook, piece, edition, &reader)?;
                letters.push(Letter { id: format!("{}-unknown-reader", letter.id), ..letter });
            }
        }
    }
    Ok(letters)
}

/// Shows a mail, writes its picture to `file`, and judges it.
///
/// # Errors
/// [`GalleryError`] if the browser fails or the file cannot be written.
pub fn take(browser: &mut Browser, letter: &Letter, view: View, file: PathBuf) -> Result<Shot, GalleryError> {
    browser.show(&letter.html, view)?;
    let measured = browser.evaluate(MEASURE)?;
    let page: Measured = serde_json::from_value(measured)
        .map_err(|source| GalleryError::Measure { letter: letter.id.clone(), source })?;
    let picture = browser.picture(view, page.height.clamp(1, HIGHEST_PX))?;
    std::fs::write(&file, picture).map_err(|source| GalleryError::File { path: file.clone(), source })?;
    let (mail, scheme) = (letter.id.clone(), view.scheme.as_str());
    Ok(Shot { mail, width: view.width, scheme, file, problems: judge(&page, &letter.first) })
}

/// Takes every mail in all views, two browsers at a time, in the order of the mails.
///
/// # Errors
/// The first [`GalleryError`] that was met.
pub fn take_all(
    path: &Path,
    letters: &[Letter],
    folder: &Path,
    done: impl Fn() + Sync,
) -> Result<Vec<Shot>, GalleryError> {
    let wanted: Vec<(&Letter, View)> = letters.iter().flat_map(|letter| VIEWS.map(|view| (letter, view))).collect();
    let (next, failed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let taken = Mutex::new(Vec::with_capacity(wanted.len()));
    let work = || -> Result<(), GalleryError> {
        let mut browser = Browser::start(path)?;
        while failed.load(Ordering::Relaxed) == 0 {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some((letter, view)) = wanted.get(number) else { break };
            let file = folder.join(format!("{}-{}-{}.png", letter.id, view.width, view.scheme.as_str()));
            let shot = take(&mut browser, letter, *view, file)?;
            // Whoever panicked while holding the lock has ended everything anyhow.
            taken.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((number, shot));
            done();
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let work = || work().inspect_err(|_| failed.store(1, Ordering::Relaxed));
        let workers: Vec<_> = (0..BROWSERS).map(|_| scope.spawn(work)).collect();
        let ended =
            workers.into_iter().map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        ended.collect::<Vec<_>>().into_iter().collect::<Result<(), _>>()
    })?;
    let mut taken = taken.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    taken.sort_by_key(|(number, _)| *number);
    Ok(taken.into_iter().map(|(_, shot)| shot).collect())
}

/// The page that shows all pictures side by side; it names them by their files' names, so it stands beside them.
pub fn index(company: &str, letters: &[Letter], shots: &[Shot]) -> String {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>Mails of {company}</title>\n<style>{STYLE}</style>\n\
         </head>\n<body>\n<h1>{count} mails of {company}</h1>\n",
        company = escaped(company),
        count = letters.len(),
    );
    for letter in letters {
        page.push_str(&section(letter, shots.iter().filter(|shot| shot.mail == letter.id)));
    }
    page.push_str("</body>\n</html>\n");
    page
}

fn section<'a>(letter: &Letter, shots: impl Iterator<Item = &'a Shot>) -> String {
    let id = escaped(&letter.id);
    let mut section = format!("<section id=\"{id}\">\n<h2>{}</h2>\n<p>{id}</p>\n<div>\n", escaped(&letter.subject));
    for shot in shots {
        let file = shot.file.file_name().unwrap_or_default().to_string_lossy();
        let view = format!("{} px, {}", shot.width, shot.scheme);
        let problems: String =
            shot.problems.iter().map(|problem| format!("<strong>{}</strong>", escaped(problem))).collect();
        section.push_str(&format!(
            "<figure><figcaption>{view}{problems}</figcaption><img loading=\"lazy\" src=\"{}\" width=\"{}\" alt=\"{id}, {view}\"></figure>\n",
            escaped(&file),
            shot.width,
        ));
    }
    section.push_str(&format!(
        "</div>\n<details><summary>Text part</summary><pre>{}</pre></details>\n</section>\n",
        escaped(&letter.text)
    ));
    section
}

const STYLE: &str = "body{margin:24px;font:16px/1.5 system-ui,sans-serif;color:#1d2a24;background:#e4e8e5}\
    h2{margin:48px 0 0}section>p{margin:0 0 12px;color:#44514a}div{display:flex;gap:16px;align-items:flex-start;overflow-x:auto}\
    figure{margin:0}figcaption{font-size:14px}strong{display:block;max-width:375px;color:#9c1c1c}pre{white-space:pre-wrap}";

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_shows_every_mail_with_what_is_wrong_with_it() {
        let letter = Letter {
            id: "lesson".to_owned(),
            subject: "Ask \"why\" <first>".to_owned(),
            html: String::new(),
            text: "a < b".to_owned(),
            first: Vec::new(),
        };
        let shot = |width, problems: &[&str]| Shot {
            mail: "lesson".to_owned(),
            width,
            scheme: "light",
            file: PathBuf::from(format!("out/lesson-{width}-light.png")),
            problems: problems.iter().map(|problem| (*problem).to_owned()).collect(),
        };
        let page = index("Smith & Sons", &[letter], &[shot(600, &[]), shot(375, &["there is no <button>"])]);
        let body = page.split("<body>\n").nth(1).unwrap();
        expect_test::expect![[r#"
            <h1>1 mails of Smith &amp; Sons</h1>
            <section id="lesson">
            <h2>Ask &quot;why&quot; &lt;first&gt;</h2>
            <p>lesson</p>
            <div>
            <figure><figcaption>600 px, light</figcaption><img loading="lazy" src="lesson-600-light.png" width="600" alt="lesson, 600 px, light"></figure>
            <figure><figcaption>375 px, light<strong>there is no &lt;button&gt;</strong></figcaption><img loading="lazy" src="lesson-375-light.png" width="375" alt="lesson, 375 px, light"></figure>
            </div>
            <details><summary>Text part</summary><pre>a &lt; b</pre></details>
            </section>
            </body>
            </html>
        "#]]
        .assert_eq(body);
    }
}
