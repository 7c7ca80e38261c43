//! What a rep reads: one letter with one or more leads, as HTML and as text.

use std::sync::LazyLock;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value};
use minijinja::{Environment, UndefinedBehavior, context};
use perennial_platform::failure::Failure;
use serde::Serialize;

/// A letter to somebody in sales.
#[derive(Debug, Serialize)]
pub(crate) struct Letter {
    pub subject: String,
    pub greeting: String,
    pub opening: String,
    pub leads: Vec<LeadLine>,
    pub closing: String,
}

/// A lead as a rep reads it.
#[derive(Debug, Serialize)]
pub(crate) struct LeadLine {
    pub who: String,
    pub title: String,
    pub company: String,
    pub email: String,
    pub product: String,
    pub priority: String,
    pub owner: String,
    pub sort_score: i64,
    pub fit: String,
    pub engagement: i64,
    /// How much of the sorting score is what, or nothing.
    pub split: String,
    /// What made the sorting score high, or nothing.
    pub high_because: &'static str,
    /// What came late and takes the ground from the lead, or nothing.
    pub undone: String,
    pub new_customer: bool,
    pub since: String,
    pub moments: Vec<Moment>,
    pub url: String,
}

/// One of a contact's interesting moments.
#[derive(Debug, Serialize)]
pub(crate) struct Moment {
    pub date: String,
    pub action: String,
    pub title: String,
    pub points: String,
}

static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut templates = Environment::new();
    templates.set_undefined_behavior(UndefinedBehavior::Strict);
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    templates.set_syntax(syntax.unwrap_or_else(|error| unreachable!("the default delimiters are distinct: {error}")));
    for (name, source) in
        [("sales.html", include_str!("../templates/sales.html")), ("sales.txt", include_str!("../templates/sales.txt"))]
    {
        if let Err(error) = templates.add_template(name, source) {
            unreachable!("{name} is part of this build: {error}");
        }
    }
    templates
});

/// The HTML and the text part.
pub(crate) fn render(letter: &Letter, company: &str) -> Result<(String, String), Failure> {
    let part = |name| {
        let rendered = TEMPLATES
            .get_template(name)
            .and_then(|template| template.render(context! { letter => Value::from(Serde(letter)), company }));
        rendered.map_err(|_| Failure::shape("sales mail", "cannot be rendered"))
    };
    Ok((part("sales.html")?, part("sales.txt")?))
}
