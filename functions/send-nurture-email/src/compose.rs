//! The mail that carries a piece: whom it is written to, its links and headers.
//!
//! Pure: the sender composes with it after it has decided, and so does whoever wants to see or to measure what it would send.

use jiff::Timestamp;
use perennial_domain::ids::{ContactId, PieceId, ProductId, StreamId};
use perennial_domain::nurture::Edition;
use perennial_domain::profile::{Account, Contact};
use perennial_platform::address::AddressKey;
use perennial_platform::failure::Failure;
use perennial_platform::links::{Links, Purpose};
use perennial_platform::mail::{Mail, tags};
use perennial_playbook::{Playbook, Reader, shown_name};

/// Whom a piece is sent to, and in which slot.
#[derive(Debug)]
pub struct Addressed<'a> {
    /// Who.
    pub contact: &'a ContactId,
    /// The slot's date.
    pub slot: &'a str,
    /// What is known of the contact.
    pub person: Option<&'a Contact>,
    /// What is known of the account.
    pub account: Option<&'a Account>,
}

/// Composes mails.
#[derive(Debug)]
pub struct Composer<'a> {
    /// What is written.
    pub playbook: &'a Playbook,
    /// Links in the mails.
    pub links: &'a Links,
    /// By which contacts are named in tags whose ids are too long for one.
    pub address_key: &'a AddressKey,
}

impl Composer<'_> {
    /// The mail with one piece of a stream, in this edition: filled for its reader, with tracked links, and with the headers of RFC 8058.
    ///
    /// # Errors
    /// [`Failure`] if there is no address, or the piece has left the playbook or cannot be filled.
    pub fn compose(
        &self,
        to: &Addressed<'_>,
        stream: &StreamId,
        (piece, edition): (&PieceId, &Edition),
        now: Timestamp,
    ) -> Result<Mail, Failure> {
        let written = self.playbook.piece(piece).ok_or_else(|| Failure::shape("mail", "piece left the playbook"))?;
        let address = to.person.and_then(|person| person.email.clone());
        let address = address.ok_or_else(|| Failure::shape("mail", "no address"))?;
        let (contact, slot) = (|| to.contact.clone(), || to.slot.to_owned());
        let link = |purpose: Purpose| self.links.url(&purpose, now);
        let unsubscribe_url = link(Purpose::Unsubscribe { contact: contact(), slot: slot() });
        let preferences_url = link(Purpose::Preferences { contact: contact(), slot: slot() });
        let mut reader = reader(self.playbook, to.person, to.account, (&written.product, edition));
        (reader.unsubscribe_url, reader.preferences_url) = (unsubscribe_url.clone(), preferences_url);
        let rendered = self
            .playbook
            .render_edition(piece, edition, &reader)
            .map_err(|_| Failure::Poison { reason: format!("piece {piece} cannot be rendered for this reader") })?;
        let click = |link: usize| {
            let (piece, edition) = (piece.clone(), edition.clone());
            Purpose::Click { contact: contact(), slot: slot(), piece, edition, link }
        };
        let rendered = rendered.with_links(written.links_of(edition), |number| link(click(number)));
        let mut tags = tags::of_piece(self.address_key, to.contact, to.slot, stream, piece);
        tags.extend(tags::of_edition(edition));
        Ok(Mail {
            to: address,
            subject: rendered.subject,
            html: rendered.html,
            text: rendered.text,
            // RFC 8058: one click, answered by a POST.
            headers: vec![
                ("List-Unsubscribe", format!("<{unsubscribe_url}>")),
                ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click".to_owned()),
            ],
            tags,
        })
    }
}

/// What the reader of an edition of a piece about a product is called, and who writes. Without the reader's own links.
pub fn reader(
    playbook: &Playbook,
    person: Option<&Contact>,
    account: Option<&Account>,
    (product, edition): (&ProductId, &Edition),
) -> Reader {
    let company = &playbook.company;
    let owner = account.and_then(|account| account.owner.as_ref()).and_then(|owner| playbook.rep(owner));
    let unknown = playbook.unknown(edition);
    // A name of which nothing can be shown is none.
    let named = |name: Option<&String>, otherwise: String| {
        name.filter(|name| !shown_name(name).is_empty()).cloned().unwrap_or(otherwise)
    };
    Reader {
        first_name: named(person.and_then(|person| person.first_name.as_ref()), unknown.first_name),
        company: named(account.and_then(|account| account.name.as_ref()), unknown.company),
        rep_name: owner.map_or_else(|| company.name.clone(), |rep| rep.name.clone()),
        product_name: playbook.product_name(product).to_owned(),
        sender_name: company.name.clone(),
        site: company.site.clone(),
        unsubscribe_url: String::new(),
        preferences_url: String::new(),
        postal_address: company.postal_address.clone(),
    }
}
