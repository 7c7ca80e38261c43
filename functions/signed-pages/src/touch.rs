//! "I am on it": a rep takes a lead.

use aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use perennial_domain::ids::{ContactId, ProductId, RepId};
use perennial_domain::lead::{Said, Status, Word};
use perennial_domain::quarter::Quarter;
use perennial_platform::failure::Failure;
use perennial_platform::identity;
use perennial_platform::leads::{self, Applied, Meant};
use perennial_platform::told::What;

use crate::page::Page;
use crate::{Asked, SignedPages};

impl SignedPages {
    pub(crate) async fn touch_page(
        &self,
        contact: &ContactId,
        product: &ProductId,
        quarter: Quarter,
        by: &RepId,
        asked: Asked,
    ) -> Result<ApiGatewayV2httpResponse, Failure> {
        let page = match asked {
            Asked::Get | Asked::Head => Page::touch(self.playbook.product_name(product)),
            Asked::Post => self.touch(contact, product, quarter, by).await?,
        };
        Ok(self.show(200, &page))
    }

    async fn touch(
        &self,
        contact: &ContactId,
        product: &ProductId,
        quarter: Quarter,
        by: &RepId,
    ) -> Result<Page, Failure> {
        let now = self.clock.now();
        let Some(now_of) = identity::resolve(&self.store, contact).await?.or(contact) else {
            return Ok(Page::INVALID);
        };
        let meant = Meant { contact: &now_of, product, quarter: Some(quarter) };
        let word = Word { by: Some(by.to_string()), ..Word::of(Said::Touched, now.as_second()) };
        let applied = leads::apply(&self.store, &meant, &word, now).await?;
        self.record(&format!("touch#{product}#{quarter}"), now, What::of_lead(contact, product, quarter, &word))
            .await?;
        Ok(match applied {
            Applied::Moved(_) => Page::TOUCHED,
            Applied::Noted { at: Status::Touched, by: Some(before) }
            | Applied::Unchanged { at: Status::Touched, by: Some(before) }
                if before == by.as_str() =>
            {
                Page::TOUCHED
            }
            Applied::Noted { at: Status::Touched, .. } | Applied::Unchanged { at: Status::Touched, .. } => {
                Page::SOMEBODY_ELSE
            }
            Applied::Noted { .. } | Applied::Unchanged { .. } | Applied::Refused(_) => Page::ALREADY_DECIDED,
            Applied::NoLead => Page::INVALID,
        })
    }
}
