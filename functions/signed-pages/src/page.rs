//! What the pages say, and how they look.

use std::borrow::Cow;
use std::sync::LazyLock;

use aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use http::HeaderValue;
use minijinja::{Environment, UndefinedBehavior, context};
use perennial_platform::lambda::answer;

/// One page: what is said, and the button, if there is something to press.
pub(crate) struct Page {
    title: Cow<'static, str>,
    text: Cow<'static, str>,
    button: Option<&'static str>,
}

impl Page {
    pub const INVALID: Self = Self::plain(
        "This link does not work",
        "It may have been cut in two by a mail program. Please copy all of it from the mail.",
    );
    pub const EXPIRED: Self = Self::plain("This link has expired", "Please use the link of a newer mail.");
    pub const LATER: Self =
        Self::plain("That did not work just now", "Please try again in a minute; pressing twice does no harm.");
    pub const TOUCHED: Self = Self::plain("It is yours", "The reminders have stopped. Good luck with the call.");
    pub const SOMEBODY_ELSE: Self =
        Self::plain("Somebody is on it already", "A colleague has taken this lead. Have a word before you call.");
    pub const ALREADY_DECIDED: Self =
        Self::plain("This lead has moved on", "Sales has already accepted it or given it back. Nothing was changed.");

    const fn plain(title: &'static str, text: &'static str) -> Self {
        Self { title: Cow::Borrowed(title), text: Cow::Borrowed(text), button: None }
    }

    pub fn unsubscribe(company: &str) -> Self {
        Self {
            title: format!("Stop emails from {company}?").into(),
            text: "You will get no more of these emails. Messages about your contract or support are not affected."
                .into(),
            button: Some("Unsubscribe"),
        }
    }

    pub fn unsubscribed(company: &str) -> Self {
        Self {
            title: "You are unsubscribed".into(),
            text: format!(
                "{company} will send you no more of these emails, from this moment on. You can close this page."
            )
            .into(),
            button: None,
        }
    }

    pub fn touch(product: &str) -> Self {
        Self {
            title: "Take this lead?".into(),
            text: format!(
                "Interest in {product}. Your colleagues will see that you are on it, and the reminders stop."
            )
            .into(),
            button: Some("I am on it"),
        }
    }
}

static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut templates = Environment::new();
    templates.set_undefined_behavior(UndefinedBehavior::Strict);
    if let Err(error) = templates.add_template("page.html", include_str!("../templates/page.html")) {
        unreachable!("page.html is part of this build: {error}");
    }
    templates
});

/// A page as an answer.
pub(crate) fn show(status: u16, company: &str, page: &Page) -> ApiGatewayV2httpResponse {
    let rendered = TEMPLATES.get_template("page.html").and_then(|template| {
        template.render(context! { company, title => &page.title, text => &page.text, button => page.button })
    });
    let html = rendered.unwrap_or_else(|error| unreachable!("page.html takes these values: {error}"));
    let mut response = answer(status, "text/html; charset=utf-8", html);
    for (name, value) in [
        (
            "content-security-policy",
            "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'",
        ),
        ("referrer-policy", "no-referrer"),
        ("x-robots-tag", "noindex"),
    ] {
        response.headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
