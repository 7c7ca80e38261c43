//! How pages look: the frame that all share, and those that say one thing.

use std::sync::LazyLock;

use aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use http::HeaderValue;
use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, UndefinedBehavior, Value, context};
use perennial_platform::lambda::answer;
use perennial_playbook::Company;

/// A page that says one thing, and where to go from it.
pub(crate) struct Notice {
    title: &'static str,
    text: &'static str,
    to: (&'static str, &'static str),
}

impl Notice {
    pub const LATER: Self = Self {
        title: "That did not work just now",
        text: "Please try again in a minute; pressing twice does no harm.",
        to: ("/desk", "Your leads"),
    };
    pub const NOTHING_THERE: Self = Self {
        title: "There is nothing here",
        text: "The lead may have gone to somebody else, or its contact may have been forgotten.",
        to: ("/desk", "Your leads"),
    };
    pub const SIGNED_OUT: Self = Self {
        title: "You are signed out",
        text: "Your session has ended, so nothing was changed. Please sign in and press once more.",
        to: ("/desk/login", "Sign in"),
    };
    pub const NOT_OURS: Self = Self {
        title: "Nothing was changed",
        text: "This form was not sent as it was shown. Please load the page again.",
        to: ("/desk", "Your leads"),
    };
    pub const NO_REP: Self = Self {
        title: "You have no desk",
        text: "You have signed in, but the playbook names no rep with a verified address like yours. Whoever keeps the playbook can add you.",
        to: ("/desk/login", "Sign in as somebody else"),
    };
}

static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut templates = Environment::new();
    templates.set_undefined_behavior(UndefinedBehavior::Strict);
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    templates.set_syntax(syntax.unwrap_or_else(|error| unreachable!("the default delimiters are distinct: {error}")));
    for (name, source) in [
        ("frame.html", include_str!("../templates/frame.html")),
        ("style.css", include_str!("../templates/style.css")),
        ("marks.html", include_str!("../templates/marks.html")),
        ("login.html", include_str!("../templates/login.html")),
        ("login-here.html", include_str!("../templates/login-here.html")),
        ("list.html", include_str!("../templates/list.html")),
        ("lead.html", include_str!("../templates/lead.html")),
        ("team.html", include_str!("../templates/team.html")),
        ("notice.html", include_str!("../templates/notice.html")),
    ] {
        if let Err(error) = templates.add_template(name, source) {
            unreachable!("{name} is part of this build: {error}");
        }
    }
    templates
});

/// A page that says one thing.
pub(crate) fn show(status: u16, company: &Company, notice: &Notice) -> ApiGatewayV2httpResponse {
    let (url, there) = notice.to;
    fill(status, company, ("notice.html", context! { title => notice.title, text => notice.text, url, there }))
}

/// A template of this build with these values and the company's name and colours, as an answer.
pub(crate) fn fill(status: u16, company: &Company, (template, values): (&str, Value)) -> ApiGatewayV2httpResponse {
    let Company { name, accent, accent_dark, .. } = company;
    let values = context! { company => name, accent, accent_dark, ..values };
    let rendered = TEMPLATES.get_template(template).and_then(|template| template.render(values));
    let html = rendered.unwrap_or_else(|error| unreachable!("{template} takes these values: {error}"));
    secured(status, "text/html; charset=utf-8", html)
}

/// Go and see that.
pub(crate) fn see(path: &str) -> ApiGatewayV2httpResponse {
    let mut response = secured(303, "text/plain; charset=utf-8", String::new());
    // What is in an address of ours is base64 and words; anything else would be a mistake here.
    let location = HeaderValue::from_str(path).unwrap_or_else(|_| HeaderValue::from_static("/desk"));
    response.headers.insert("location", location);
    response
}

/// The script of the page before: the one page that needs one, since a browser has to prove to the pool that it asked.
pub(crate) fn script() -> ApiGatewayV2httpResponse {
    secured(200, "text/javascript; charset=utf-8", include_str!("../templates/login.js").to_owned())
}

/// Lets a page run our script, and ask the pool.
pub(crate) fn allow_signing_in(response: &mut ApiGatewayV2httpResponse, pages: &str) {
    let policy = format!("{POLICY}; script-src 'self'; connect-src 'self' {pages}");
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        response.headers.insert("content-security-policy", policy);
    }
}

/// What a page may do: nothing but look as it does, and send its forms here.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// An answer with what keeps it from being framed, indexed, remembered, guessed at or told to the next site.
fn secured(status: u16, content_type: &'static str, body: String) -> ApiGatewayV2httpResponse {
    let mut response = answer(status, content_type, body);
    for (name, value) in [
        ("content-security-policy", POLICY),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("referrer-policy", "no-referrer"),
        ("strict-transport-security", "max-age=31536000"),
        ("x-content-type-options", "nosniff"),
        ("x-robots-tag", "noindex"),
    ] {
        response.headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use aws_lambda_events::encodings::Body;
    use perennial_playbook::{BESIDE_ACCENT, BESIDE_ACCENT_DARK};

    use super::*;

    fn company() -> Company {
        Company {
            name: "Violet & Sons".to_owned(),
            sender: String::new(),
            postal_address: String::new(),
            site: String::new(),
            accent: "#7a2e8f".to_owned(),
            accent_dark: "#d9b8e6".to_owned(),
        }
    }

    /// The check of the playbook holds the accents against the colours that they stand beside.
    #[test]
    fn the_pages_have_the_companys_colours_beside_those_that_the_check_knows() {
        let style = include_str!("../templates/style.css");
        let (day, night) = style.split_once("prefers-color-scheme:dark").unwrap();
        assert!(BESIDE_ACCENT.iter().all(|colour| day.contains(&format!(":{colour};"))), "{day}");
        assert!(BESIDE_ACCENT_DARK.iter().all(|colour| night.contains(&format!(":{colour};"))), "{night}");
        let Some(Body::Text(html)) = show(200, &company(), &Notice::LATER).body else { panic!("no text") };
        for said in ["--accent:#7a2e8f;", "--accent:#d9b8e6;", "Violet &amp; Sons"] {
            assert!(html.contains(said), "{said}: {html}");
        }
        assert!(!html.contains("#1f6b52"), "{html}");
    }

    #[test]
    fn only_the_page_before_may_run_our_script_and_ask_the_pool() {
        let policy = |response: &ApiGatewayV2httpResponse| {
            response.headers["content-security-policy"].to_str().unwrap().replace(POLICY, "POLICY")
        };
        let mut response = show(200, &company(), &Notice::SIGNED_OUT);
        assert_eq!(policy(&response), "POLICY");
        allow_signing_in(&mut response, "https://pool.example.com");
        assert_eq!(policy(&response), "POLICY; script-src 'self'; connect-src 'self' https://pool.example.com");
        // What cannot stand in a header leaves the page as it was: without a script.
        let mut response = show(200, &company(), &Notice::SIGNED_OUT);
        allow_signing_in(&mut response, "https://pool.example.com\n");
        assert_eq!(policy(&response), "POLICY");
    }
}
