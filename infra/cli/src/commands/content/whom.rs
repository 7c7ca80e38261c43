//! To whom a piece is shown or sent: a contact, or somebody who does not exist.

use std::sync::Arc;

use clap::Args;
use perennial::gallery;
use perennial_domain::nurture::Edition;
use perennial_playbook::{Piece, Playbook, Reader};
use send_nurture_email::compose;

use crate::commands::Failed;
use crate::commands::place::Place;

/// Whom.
#[derive(Args, Debug)]
pub(super) struct Whom {
    /// A contact, by id or by email address.
    #[arg(long, value_name = "ID", conflicts_with_all = ["first_name", "company"])]
    contact: Option<String>,
    /// What a reader who does not exist is called; "" for one whose name nobody has stated.
    #[arg(long, value_name = "NAME", default_value = "Alex")]
    first_name: String,
    /// Where that reader works; "" for a company whose name nobody has stated.
    #[arg(long, value_name = "NAME", default_value = "Sample Company")]
    company: String,
}

impl Whom {
    /// The reader, and the edition: the one that was asked for, or else the one that the contact would get. The reader's own links
    /// lead nowhere.
    pub async fn reader(
        &self,
        place: &Place,
        playbook: &Arc<Playbook>,
        (piece, asked): (&Piece, Option<Edition>),
    ) -> Result<(Reader, Edition), Failed> {
        let Some(id) = &self.contact else {
            let edition = asked.unwrap_or_default();
            return Ok((gallery::sample_reader(playbook, (piece, &edition), &self.first_name, &self.company), edition));
        };
        let known = place.person(playbook, id).await?;
        let edition = asked.unwrap_or_else(|| playbook.edition(&piece.id, &known.contact, known.locale.as_deref()));
        let about = (&piece.product, &edition);
        let reader = compose::reader(playbook, Some(&known.person), known.account.as_ref(), about);
        Ok((gallery::for_preview(reader), edition))
    }
}
