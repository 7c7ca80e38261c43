//! Who is told when an alarm is raised: the subscriptions of the topic.
//!
//! SNS speaks the Query protocol: a form, answered in XML. Source: its public API description (version 2010-03-31).

use aws_config::SdkConfig;
use aws_smithy_xml::decode::{Document, XmlDecodeError, try_data};
use http::StatusCode;
use jiff::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::signed::Signed;
use super::{Read, Subscriptions};

const SERVICE: &str = "sns";
const VERSION: &str = "2010-03-31";
/// What stands in place of the ARN of one that was not confirmed yet, and of one that is gone.
const PENDING: &str = "PendingConfirmation";
const DELETED: &str = "Deleted";

/// A page of the list.
#[derive(Debug, Default, PartialEq, Eq)]
struct Page {
    arns: Vec<String>,
    next: Option<String>,
    /// Why there is no list.
    code: Option<String>,
}

/// How many of a topic's subscriptions are confirmed, and how many are not.
pub(super) async fn subscriptions(config: &SdkConfig, topic: &str, now: Timestamp) -> Read<Subscriptions> {
    let service = Signed { config, now, service: SERVICE };
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let asked = format!("Action=ListSubscriptionsByTopic&Version={VERSION}&TopicArn={}", encoded(topic));
    let (mut seen, mut next) = (Subscriptions::default(), None::<String>);
    loop {
        let from = next.as_deref().map(|next| format!("&NextToken={}", encoded(next))).unwrap_or_default();
        let (status, body) = service.post(&form, format!("{asked}{from}")).await?;
        let page = page(&String::from_utf8_lossy(&body)).map_err(|_| "SNS answers what cannot be read".to_owned())?;
        if status != StatusCode::OK {
            return Err(page.code.unwrap_or_else(|| format!("SNS answers {status}")));
        }
        seen.pending += page.arns.iter().filter(|arn| *arn == PENDING).count();
        seen.confirmed += page.arns.iter().filter(|arn| *arn != PENDING && *arn != DELETED).count();
        next = page.next;
        if next.is_none() {
            return Ok(seen);
        }
    }
}

fn page(text: &str) -> Result<Page, XmlDecodeError> {
    let (mut document, mut page) = (Document::new(text), Page::default());
    while let Some(element) = document.next_start_element() {
        match element.local() {
            "SubscriptionArn" => page.arns.push(try_data(&mut document)?.into_owned()),
            "NextToken" => page.next = Some(try_data(&mut document)?.into_owned()).filter(|next| !next.is_empty()),
            "Code" => page.code = Some(try_data(&mut document)?.into_owned()),
            _ => {}
        }
    }
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_for_what_is_asked_of_it() {
        let of = |arns: &str, more: &str| {
            format!(
                "<ListSubscriptionsByTopicResponse xmlns=\"http://sns.amazonaws.com/doc/{VERSION}/\">\
                 <ListSubscriptionsByTopicResult><Subscriptions>{arns}</Subscriptions>{more}</ListSubscriptionsByTopicResult>\
                 </ListSubscriptionsByTopicResponse>"
            )
        };
        let member = |arn: &str| {
            format!(
                "<member><Owner>000000000000</Owner><SubscriptionArn>{arn}</SubscriptionArn><Endpoint>on-call@example.com</Endpoint></member>"
            )
        };
        let page_of = |arns: &[&str], next: Option<&str>, code: Option<&str>| {
            let texts = |text: Option<&str>| text.map(str::to_owned);
            Page { arns: arns.iter().map(|arn| (*arn).to_owned()).collect(), next: texts(next), code: texts(code) }
        };
        let refused = "<ErrorResponse><Error><Type>Sender</Type><Code>NotFound</Code><Message>x</Message></Error></ErrorResponse>";
        for (text, expected) in [
            (of("", ""), page_of(&[], None, None)),
            (of(&[member(PENDING), member("arn:1")].concat(), ""), page_of(&[PENDING, "arn:1"], None, None)),
            (of(&member("arn:1"), "<NextToken>a&amp;b</NextToken>"), page_of(&["arn:1"], Some("a&b"), None)),
            (refused.to_owned(), page_of(&[], None, Some("NotFound"))),
        ] {
            assert_eq!(page(&text).unwrap(), expected, "{text}");
        }
    }
}
