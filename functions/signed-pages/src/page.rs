//! How pages look: the frame that all share, and those that say one thing.

use std::borrow::Cow;
use std::sync::LazyLock;

use aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use http::HeaderValue;
use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, UndefinedBehavior, Value, context};
use perennial_platform::lambda::answer;
use perennial_playbook::Company;

/// One page: what is said, the button, if there is something to press, and where else to go.
pub(crate) struct Page {
    title: Cow<'static, str>,
    text: Cow<'static, str>,
    button: Option<&'static str>,
    other: Option<(String, &'static str)>,
}

impl Page {
    pub const INVALID: Self = Self::plain(
        "This link does not work",
        "It may have been cut in two by a mail program. Please copy all of it from the mail.",
    );
    pub const EXPIRED: Self = Self::plain("This link has expired", "Please use the link of a newer mail.");
    pub const LATER: Self =
        Self::plain("That did not work just now", "Please try again in a minute; pressing twice does no harm.");
    pub const FORGOTTEN: Self = Self::plain(
        "There is nothing to choose",
        "We have forgotten you, as we were asked to, and write to you no more.",
    );
    pub const TOO_LONG: Self =
        Self::plain("That was too much", "The form holds more than this page asks for. Nothing was changed.");

    const fn plain(title: &'static str, text: &'static str) -> Self {
        Self { title: Cow::Borrowed(title), text: Cow::Borrowed(text), button: None, other: None }
    }

    /// The question before the opt-out; `fewer` leads to the preference centre.
    pub fn unsubscribe(company: &str, fewer: &str) -> Self {
        Self {
            title: format!("Stop emails from {company}?").into(),
            text: "You will get no more of these emails. Messages about your contract or support are not affected."
                .into(),
            button: Some("Unsubscribe"),
            other: Some((fewer.to_owned(), "Fewer emails, or other topics, instead of none")),
        }
    }

    pub fn unsubscribed(company: &str, choose: &str) -> Self {
        Self {
            title: "You are unsubscribed".into(),
            text: format!(
                "{company} will send you no more of these emails, from this moment on, and takes you off its lists for ads the next \
                 time they are renewed. Whether we may call you stays as you chose it. You can close this page."
            )
            .into(),
            button: None,
            other: Some((choose.to_owned(), "No calls either, or changed your mind? See your choices")),
        }
    }

    /// What stands beside the button and on it: the record of consent keeps it.
    pub fn wording(&self) -> String {
        format!("{} {} [{}]", self.title, self.text, self.button.unwrap_or_default())
    }
}

static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut templates = Environment::new();
    templates.set_undefined_behavior(UndefinedBehavior::Strict);
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    templates.set_syntax(syntax.unwrap_or_else(|error| unreachable!("the default delimiters are distinct: {error}")));
    for (name, source) in [
        ("frame.html", include_str!("../templates/frame.html")),
        ("style.css", include_str!("../templates/style.css")),
        ("page.html", include_str!("../templates/page.html")),
        ("preferences.html", include_str!("../templates/preferences.html")),
        ("saved.html", include_str!("../templates/saved.html")),
        ("choice.html", include_str!("../templates/choice.html")),
        ("lead.html", include_str!("../templates/lead.html")),
        ("lead-about.html", include_str!("../templates/lead-about.html")),
        ("lead-said.html", include_str!("../templates/lead-said.html")),
    ] {
        if let Err(error) = templates.add_template(name, source) {
            unreachable!("{name} is part of this build: {error}");
        }
    }
    templates
});

/// A page as an answer.
pub(crate) fn show(status: u16, company: &Company, page: &Page) -> ApiGatewayV2httpResponse {
    let other = page.other.as_ref().map(|(url, text)| context! { url, text => *text });
    let values = context! { title => &page.title, text => &page.text, button => page.button, other };
    fill(status, company, ("page.html", values))
}

/// A template of this build with these values and the company's name and colours, as an answer.
pub(crate) fn fill(status: u16, company: &Company, (template, values): (&str, Value)) -> ApiGatewayV2httpResponse {
    let Company { name, accent, accent_dark, .. } = company;
    let values = context! { company => name, accent, accent_dark, ..values };
    let rendered = TEMPLATES.get_template(template).and_then(|template| template.render(values));
    let html = rendered.unwrap_or_else(|error| unreachable!("{template} takes these values: {error}"));
    secured(status, "text/html; charset=utf-8", html)
}

/// An answer with what keeps it from being framed, indexed, remembered or told to the next site.
pub(crate) fn secured(status: u16, content_type: &'static str, body: String) -> ApiGatewayV2httpResponse {
    let mut response = answer(status, content_type, body);
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

#[cfg(test)]
pub(crate) mod tests {
    use aws_lambda_events::encodings::Body;
    use expect_test::{ExpectFile, expect_file};
    use perennial_playbook::{BESIDE_ACCENT, BESIDE_ACCENT_DARK};

    use super::*;

    fn company(name: &str) -> Company {
        Company {
            name: name.to_owned(),
            sender: String::new(),
            postal_address: String::new(),
            site: String::new(),
            accent: "#1f6b52".to_owned(),
            accent_dark: "#8fdcba".to_owned(),
        }
    }

    /// The check holds the accents against the colours that they stand beside.
    #[test]
    fn the_pages_have_the_companys_colours_beside_those_that_the_check_knows() {
        let style = include_str!("../templates/style.css");
        let (day, night) = style.split_once("prefers-color-scheme:dark").unwrap();
        assert!(BESIDE_ACCENT.iter().all(|colour| day.contains(&format!(":{colour};"))), "{day}");
        assert!(BESIDE_ACCENT_DARK.iter().all(|colour| night.contains(&format!(":{colour};"))), "{night}");
        let violet = Company { accent: "#7a2e8f".to_owned(), accent_dark: "#d9b8e6".to_owned(), ..company("Violet") };
        let Some(Body::Text(html)) = show(200, &violet, &Page::INVALID).body else { panic!("no text") };
        assert!(html.contains("--accent:#7a2e8f;") && html.contains("--accent:#d9b8e6;"), "{html}");
        assert!(!html.contains("#1f6b52"), "{html}");
    }

    /// The part of a page that is its own.
    pub(crate) fn body(response: ApiGatewayV2httpResponse) -> String {
        let Some(Body::Text(html)) = response.body else { panic!("no text") };
        assert!(html.starts_with("<!doctype html>\n<html lang=\"en\">\n<head>"), "{html}");
        html.split_once("</head>\n").unwrap().1.to_owned()
    }

    #[test]
    fn the_pages_that_say_one_thing() {
        let check =
            |page: &Page, expected: ExpectFile| expected.assert_eq(&body(show(200, &company("Fernhill & Sons"), page)));
        check(&Page::INVALID, expect_file!["../snapshots/invalid.html"]);
        check(&Page::EXPIRED, expect_file!["../snapshots/expired.html"]);
        check(&Page::LATER, expect_file!["../snapshots/later.html"]);
        check(&Page::FORGOTTEN, expect_file!["../snapshots/forgotten.html"]);
        check(&Page::TOO_LONG, expect_file!["../snapshots/too-long.html"]);
        check(&Page::unsubscribe("Fernhill & Sons", "/p/x"), expect_file!["../snapshots/unsubscribe.html"]);
        check(&Page::unsubscribed("Fernhill & Sons", "/p/x"), expect_file!["../snapshots/unsubscribed.html"]);
    }

    #[test]
    fn every_page_can_be_read_on_a_phone_and_by_a_screen_reader_and_is_framed_nowhere() {
        let response = show(200, &company("Fernhill"), &Page::INVALID);
        let Some(Body::Text(html)) = &response.body else { panic!("no text") };
        for part in [
            "<html lang=\"en\">",
            "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">",
            "<title>This link does not work – Fernhill</title>",
            "prefers-color-scheme:dark",
        ] {
            assert!(html.contains(part), "{part}");
        }
        assert!(!html.contains("<script"), "without JavaScript");
        let headers: Vec<&str> = response.headers.keys().map(http::HeaderName::as_str).collect();
        for name in ["content-security-policy", "referrer-policy", "x-robots-tag", "cache-control"] {
            assert!(headers.contains(&name), "{name}");
        }
    }
}
