//! Tracked links: where one leads, and the record that somebody followed it.

use aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use http::HeaderValue;
use perennial_domain::ids::{ContactId, PieceId, StreamId};
use perennial_domain::interest::CLICK;
use perennial_domain::nurture::Edition;
use perennial_platform::failure::Failure;
use perennial_platform::keys;
use perennial_platform::records::Slot;
use perennial_platform::told::What;

use crate::offers::with_token;
use crate::page::{Page, secured};
use crate::{Asked, SignedPages};

impl SignedPages {
    /// Leads to a link that the piece contains, and to nothing else: to the company's site if the piece has it no more.
    pub(crate) async fn follow(
        &self,
        contact: &ContactId,
        slot: &str,
        (piece, edition): (&PieceId, &Edition),
        link: usize,
        asked: Asked,
    ) -> Result<ApiGatewayV2httpResponse, Failure> {
        if asked == Asked::Post {
            return Ok(self.show(404, &Page::INVALID));
        }
        let (stream, recorded) = match self.stream_of(contact, slot, piece).await {
            Ok(stream) if asked == Asked::Get => {
                let recorded = self.record_click(contact, slot, piece, stream.as_ref()).await;
                (stream, recorded)
            }
            Ok(stream) => (stream, Ok(())),
            // Without its stream a click may be one on another asset, and what is recorded stays.
            Err(failure) if asked == Asked::Get => (None, Err(failure)),
            // It only asks whether the link is there, and is led there without the stream's name.
            Err(_) => (None, Ok(())),
        };
        // Whoever follows a link arrives, also where the click cannot be recorded.
        if let Err(failure) = recorded {
            tracing::error!(%failure, "not done: the record of a click");
        }
        let site = self.playbook.company.site.as_str();
        let known = self.playbook.piece(piece);
        let target = known.and_then(|piece| piece.links_of(edition).get(link)).map_or(site, String::as_str);
        let target = with_utm(target, stream.as_ref(), piece);
        Ok(redirect(&with_token(target, site, &self.links, contact, self.clock.now())))
    }

    /// The stream that the mail was sent in: the slot knows, and if it does not, the first that has the piece.
    async fn stream_of(&self, contact: &ContactId, slot: &str, piece: &PieceId) -> Result<Option<StreamId>, Failure> {
        // Slots stay where they were, whoever the contact was merged into.
        let slot: Option<Slot> = self.store.get(&keys::slot(contact, slot)).await?;
        let sent_in = slot.and_then(|slot| slot.stream).map(|stream| stream.as_str().into());
        let has_it = |stream: &&perennial_domain::nurture::Stream| stream.pieces.iter().any(|other| other.id == *piece);
        let streams = &self.playbook.nurture.streams;
        Ok(sent_in.or_else(|| streams.iter().find(has_it).map(|stream| stream.id.clone())))
    }

    /// At most once a second: scanners follow all links at once.
    async fn record_click(
        &self,
        contact: &ContactId,
        slot: &str,
        piece: &PieceId,
        stream: Option<&StreamId>,
    ) -> Result<(), Failure> {
        let Some(asset) = self.playbook.mail_asset(stream, piece) else { return Ok(()) };
        let now = self.clock.now();
        let what = What::Engagement {
            contact: contact.to_string(),
            asset: asset.to_string(),
            action: CLICK.to_owned(),
            // As the delivery of the same mail is told: the gate compares them.
            email: Some(piece.to_string()),
        };
        self.put("mail", &format!("click#{slot}#{}", now.as_second()), now, what).await
    }
}

fn redirect(target: &str) -> ApiGatewayV2httpResponse {
    let mut response = secured(302, "text/plain; charset=utf-8", String::new());
    match HeaderValue::from_str(target) {
        Ok(target) => drop(response.headers.insert(http::header::LOCATION, target)),
        Err(_) => response.status_code = 404,
    }
    response
}

/// A link with what an analytics tool of the site reads, unless it brings its own.
fn with_utm(link: &str, stream: Option<&StreamId>, piece: &PieceId) -> String {
    let (address, fragment) = link.split_once('#').map_or((link, None), |(address, rest)| (address, Some(rest)));
    if address.contains("utm_source=") {
        return link.to_owned();
    }
    let joint = if address.contains('?') { '&' } else { '?' };
    let campaign = stream.map(|stream| format!("&utm_campaign={stream}")).unwrap_or_default();
    let fragment = fragment.map(|fragment| format!("#{fragment}")).unwrap_or_default();
    format!("{address}{joint}utm_source=perennial&utm_medium=email{campaign}&utm_content={piece}{fragment}")
}
