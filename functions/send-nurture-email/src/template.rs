//! What sales reads: one letter with one or more leads, as HTML and as text.
//!
//! In the first screen stands what decides whether somebody calls: who, for what, why, until when, and the button. What helps in the
//! call comes below.

use std::sync::LazyLock;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value};
use minijinja::{Environment, UndefinedBehavior, context};
use perennial_domain::lead::Reach;
use perennial_platform::failure::Failure;
use perennial_playbook::Company;
use serde::{Serialize, Serializer};

use crate::taken::{PutOff, Taker};

/// A letter to somebody in sales.
#[derive(Debug, Serialize)]
pub(crate) struct Letter {
    pub subject: String,
    /// What it is about, in a few words.
    pub heading: String,
    /// What inboxes show after the subject.
    pub preview: String,
    pub greeting: String,
    /// For whom its reader stands in, and until when; nothing if it is the reader's own.
    pub covering: Option<String>,
    /// Why it is written, reasons and all.
    pub opening: String,
    /// Of a letter that is about no lead: by when it is to be done.
    pub deadline: Option<String>,
    /// What to press where no lead has a button of its own.
    pub action: Option<Action>,
    pub leads: Vec<LeadLine>,
    /// What the letter has no room for.
    pub more: More,
    /// Whom to talk to, of a letter that is about no lead.
    pub people: Vec<Person>,
    /// What to say, product by product.
    pub talk: Vec<Talk>,
    pub closing: String,
}

/// Whatever is written to somebody in sales.
pub(crate) trait Written {
    /// The subject.
    fn subject(&self) -> &str;

    /// The HTML and the text part, in the name and the colours of a company.
    fn render(&self, company: &Company) -> Result<(String, String), Failure>;
}

impl Written for Letter {
    fn subject(&self) -> &str {
        &self.subject
    }

    fn render(&self, company: &Company) -> Result<(String, String), Failure> {
        fill(["sales.html", "sales.txt"], self, company)
    }
}

/// A button of a letter, or a link.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Action {
    pub label: String,
    pub url: String,
}

/// The leads that a letter has no room for.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct More {
    pub count: usize,
    /// Whether one of them was put off until today.
    pub put_off: bool,
    /// Where they can be seen, if there is a desk.
    pub desk_url: Option<String>,
}

/// Somebody at an account.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Person {
    pub who: String,
    pub title: String,
    pub email: String,
}

/// What to say of a product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Talk {
    pub product: String,
    pub lines: Vec<String>,
}

/// A lead as a rep reads it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct LeadLine {
    pub who: String,
    /// The same within a sentence, after the headline has said it in whole: `Alex`.
    pub called: String,
    pub title: String,
    pub company: String,
    pub email: String,
    pub product: String,
    pub priority: String,
    pub owner: String,
    /// The owner's manager, if there is one and it is not who reads.
    pub manager: Option<String>,
    /// What the contact did that makes it worth a call, as it goes on after the name: `asked for “Prices and a call” on Tue 20 Oct`.
    pub reason: String,
    /// By when an answer is asked for, and what happens then.
    pub deadline: String,
    pub sort_score: i64,
    pub fit: String,
    pub engagement: i64,
    /// How much of the sorting score is what, or nothing.
    pub split: String,
    /// What made the sorting score high, or nothing.
    pub high_because: &'static str,
    /// What came late and takes the ground from the lead, or nothing.
    pub undone: String,
    /// How the contact does not want to be reached.
    #[serde(serialize_with = "reach_in_words")]
    pub reach: Reach,
    pub new_customer: bool,
    /// Whether it is about more of what they own.
    pub upsell: bool,
    /// Who is on it, if it is touched.
    #[serde(skip)]
    pub on_it: Option<Taker>,
    /// Who put it off until today, if somebody did.
    pub put_off: Option<PutOff>,
    pub since: String,
    /// Newest first.
    pub moments: Vec<Moment>,
    /// What to ask after what was done.
    pub questions: Vec<String>,
    /// What to say of its product.
    pub talk: Talk,
    /// The button, if there is something to press.
    pub button: Option<Action>,
    /// What pressing it means, where that is not plain.
    pub button_means: String,
    /// What else can be said.
    pub others: Vec<Action>,
}

/// How a contact may be reached, as the templates show it.
pub(crate) fn reach_in_words<S: Serializer>(reach: &Reach, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(reach.words().unwrap_or_default())
}

/// One of a contact's interesting moments.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Moment {
    pub date: String,
    /// What was done with what.
    pub told: String,
    /// What it gave, or nothing.
    pub points: String,
}

static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut templates = Environment::new();
    templates.set_undefined_behavior(UndefinedBehavior::Strict);
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    templates.set_syntax(syntax.unwrap_or_else(|error| unreachable!("the default delimiters are distinct: {error}")));
    for (name, source) in [
        ("sales.html", include_str!("../templates/sales.html")),
        ("sales.txt", include_str!("../templates/sales.txt")),
        ("brief.html", include_str!("../templates/brief.html")),
        ("brief.txt", include_str!("../templates/brief.txt")),
    ] {
        if let Err(error) = templates.add_template(name, source) {
            unreachable!("{name} is part of this build: {error}");
        }
    }
    templates
});

/// The HTML and the text part by templates of this build.
pub(crate) fn fill(
    [html, text]: [&str; 2],
    letter: &impl Serialize,
    company: &Company,
) -> Result<(String, String), Failure> {
    let Company { name, accent, accent_dark, .. } = company;
    let letter = Value::from(Serde(letter));
    let part = |template| {
        let values = context! { letter => letter.clone(), company => name, accent, accent_dark };
        let rendered = TEMPLATES.get_template(template).and_then(|template| template.render(values));
        rendered.map_err(|_| Failure::shape("sales mail", "cannot be rendered"))
    };
    // What keeps a date together on a screen is of no use to a program that reads aloud, or searches.
    Ok((part(html)?, part(text)?.replace('\u{a0}', " ")))
}
