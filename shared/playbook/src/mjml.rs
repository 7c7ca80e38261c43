//! MJML: whether its elements are sound, and turning it into HTML.
//!
//! Owns the only use of mrml. Never fills a variable: they pass through and stand in the HTML as they were written.
//!
//! mrml takes an element that it does not know for HTML and says nothing, so that a slip in a name would reach
//! inboxes; elements are therefore checked here first.

use std::ops::Range;

use mrml::prelude::parser;
use mrml::prelude::render::RenderOptions;

use crate::problem::{Findings, Page, Place, quoted};

/// The elements of MJML, but for `mj-include`: a playbook has one layout and reads no other file.
const ELEMENTS: [&str; 37] = [
    "mjml",
    "mj-head",
    "mj-body",
    "mj-attributes",
    "mj-all",
    "mj-class",
    "mj-breakpoint",
    "mj-font",
    "mj-preview",
    "mj-style",
    "mj-title",
    "mj-raw",
    "mj-html-attributes",
    "mj-section",
    "mj-wrapper",
    "mj-hero",
    "mj-column",
    "mj-group",
    "mj-text",
    "mj-button",
    "mj-image",
    "mj-divider",
    "mj-spacer",
    "mj-table",
    "mj-social",
    "mj-social-element",
    "mj-navbar",
    "mj-navbar-link",
    "mj-accordion",
    "mj-accordion-element",
    "mj-accordion-title",
    "mj-accordion-text",
    "mj-carousel",
    "mj-carousel-image",
    "mj-selector",
    "mj-html-attribute",
    "mj-link",
];
/// The elements that may hold HTML.
const HOLD_HTML: [&str; 11] = [
    "mj-text",
    "mj-button",
    "mj-table",
    "mj-raw",
    "mj-style",
    "mj-title",
    "mj-preview",
    "mj-social-element",
    "mj-navbar-link",
    "mj-accordion-title",
    "mj-accordion-text",
];
/// The elements that a piece may consist of.
const PIECE: [&str; 4] = ["mj-section", "mj-wrapper", "mj-hero", "mj-raw"];

/// What stands at the top of a text of MJML.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Top {
    /// `<mjml>`: the layout.
    Document,
    /// Sections: a piece.
    Piece,
}

/// Whether every MJML element is known, closed, and where it may be; notes each that is not.
pub(crate) fn check_elements(page: Page<'_>, top: Top, findings: &mut Findings) -> bool {
    let mut open: Vec<Tag<'_>> = Vec::new();
    let mut found = 0;
    let mut error = |offset: usize, reason: String, known: &[&str], written: &str| {
        findings.error(page.at(offset), reason).did_you_mean(written, known.iter().copied());
        found += 1;
    };
    let mut elements = 0;
    for tag in tags(page.text) {
        let inside = open.last().map(|tag| tag.name);
        if tag.unquoted {
            error(tag.offset, format!("<{}> has an attribute whose value is not in quotes", tag.name), &[], "");
        }
        if !tag.is_mjml() {
            let at_home = inside.is_some_and(|name| HOLD_HTML.contains(&name));
            if !tag.closes && !at_home {
                let place = inside.map_or("at the top".to_owned(), |name| format!("directly in <{name}>"));
                error(tag.offset, format!("<{}> cannot stand {place}: put it into <mj-text>", tag.name), &[], "");
            }
            continue;
        }
        if !ELEMENTS.contains(&tag.name) {
            if !tag.closes {
                error(tag.offset, format!("<{}> is not an MJML element", tag.name), &ELEMENTS, tag.name);
            }
            continue;
        }
        if tag.closes {
            match open.iter().rposition(|before| before.name == tag.name) {
                Some(depth) => {
                    for unclosed in open.drain(depth..).skip(1) {
                        error(unclosed.offset, format!("<{}> is not closed", unclosed.name), &[], "");
                    }
                }
                None => error(tag.offset, format!("</{}> closes what was never opened", tag.name), &[], ""),
            }
            continue;
        }
        elements += 1;
        let belongs = match top {
            Top::Document => tag.name == "mjml",
            Top::Piece => PIECE.contains(&tag.name),
        };
        if inside.is_none() && !belongs {
            let expected = if top == Top::Document { "<mjml>" } else { "<mj-section>" };
            error(tag.offset, format!("<{}> cannot stand at the top: {expected} goes around it", tag.name), &[], "");
        }
        if !tag.empty {
            open.push(tag);
        }
    }
    for unclosed in open {
        error(unclosed.offset, format!("<{}> is not closed", unclosed.name), &[], "");
    }
    if elements == 0 {
        error(0, "there is no MJML element".to_owned(), &[], "");
    }
    found == 0
}

/// One tag of a text.
#[derive(Clone, Copy, Debug)]
struct Tag<'a> {
    /// Where its `<` stands.
    offset: usize,
    /// Its name.
    name: &'a str,
    /// Whether it is a closing tag.
    closes: bool,
    /// Whether it ends in `/>`.
    empty: bool,
    /// Whether one of its attributes has a value without quotes.
    unquoted: bool,
}

impl Tag<'_> {
    fn is_mjml(self) -> bool {
        self.name == "mjml" || self.name.starts_with("mj-")
    }
}

/// The tags of a text, comments skipped.
fn tags(text: &str) -> Vec<Tag<'_>> {
    let mut tags = Vec::new();
    let mut at = 0;
    while let Some(offset) = text[at..].find('<').map(|found| at + found) {
        let rest = &text[offset..];
        if rest.starts_with("<!--") {
            at = rest.find("-->").map_or(text.len(), |end| offset + end + 3);
            continue;
        }
        let inner = rest[1..].strip_prefix('/').unwrap_or(&rest[1..]);
        let name = inner.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').next().unwrap_or_default();
        if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
            at = offset + 1;
            continue;
        }
        let (length, unquoted) = tag_length(rest);
        tags.push(Tag {
            offset,
            name,
            closes: rest.starts_with("</"),
            empty: rest[..length].ends_with("/>"),
            unquoted,
        });
        at = offset + length;
    }
    tags
}

/// How long the tag is that a text begins with: to its `>`, but for one within quotes; and whether it has a value without
/// quotes, which ends the search for them.
fn tag_length(text: &str) -> (usize, bool) {
    let mut quote = None;
    for (index, c) in text.char_indices() {
        match (quote, c) {
            (None, '>') => return (index + 1, false),
            (None, '=') if !text[index + 1..].trim_start().starts_with(['"', '\'']) => {
                return (text.find('>').map_or(text.len(), |end| end + 1), true);
            }
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            _ => {}
        }
    }
    (text.len(), false)
}

/// Turns a whole MJML document into HTML; `place` says where a byte of the document stands in the folder.
pub(crate) fn to_html(document: &str, place: impl Fn(usize) -> Place, findings: &mut Findings) -> Option<String> {
    let document = &keep_spaces(document);
    let parsed = match mrml::parse(document) {
        Ok(parsed) => parsed,
        Err(error) => {
            let (reason, offset) = explain(document, &error);
            findings.error(place(offset), reason);
            return None;
        }
    };
    for warning in parsed.warnings {
        let shown = excerpt(document, warning.span.start..warning.span.end);
        findings.warn(place(warning.span.start), format!("MJML: {} {shown}", warning.kind));
    }
    let rendered = parsed.element.render(&RenderOptions::default());
    rendered
        .map_err(|error| {
            findings.error(place(0), format!("MJML: {error}"));
        })
        .ok()
}

/// The elements that stand within a line of text.
const INLINE: [&str; 12] = ["a", "abbr", "b", "code", "em", "i", "s", "small", "span", "strong", "sub", "u"];

/// mrml drops white space that holds a line break between two elements. Between two words that are links or bold it is
/// the space between them, so there it becomes plain spaces, as many, for places to stay.
fn keep_spaces(document: &str) -> String {
    let mut kept = document.to_owned();
    for tag in tags(document).iter().filter(|tag| tag.closes && INLINE.contains(&tag.name)) {
        let start = tag.offset + tag_length(&document[tag.offset..]).0;
        let rest = &document[start..];
        let gap = rest.len() - rest.trim_start().len();
        let next = rest[gap..].strip_prefix('<').unwrap_or_default();
        let name = next.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').next().unwrap_or_default();
        if INLINE.contains(&name) && rest[..gap].is_ascii() {
            kept.replace_range(start..start + gap, &" ".repeat(gap));
        }
    }
    kept
}

fn excerpt(document: &str, span: Range<usize>) -> String {
    quoted(document.get(span).unwrap_or_default().lines().next().unwrap_or_default())
}

/// What the MJML parser found, in plain words, and at which byte.
fn explain(document: &str, error: &parser::Error) -> (String, usize) {
    let at = |what: &str, position: &parser::Span| {
        (format!("MJML: {what} {}", excerpt(document, position.start..position.end)), position.start)
    };
    match error {
        parser::Error::UnexpectedElement { position, .. } => at("unexpected element", position),
        parser::Error::UnexpectedToken { position, .. } => at("unexpected", position),
        parser::Error::InvalidAttribute { position, .. } => at("invalid attribute", position),
        parser::Error::InvalidFormat { position, .. } => at("invalid format", position),
        parser::Error::MissingAttribute { name, position, .. } => {
            at(&format!("attribute \"{name}\" is missing in"), position)
        }
        parser::Error::EndOfStream { .. } => ("MJML: an element is not closed".to_owned(), document.len()),
        parser::Error::ParserError { source, .. } => {
            let lines = document.split_inclusive('\n').take((source.pos().row as usize).saturating_sub(1));
            (format!("MJML: {}", without_positions(&source.to_string())), lines.map(str::len).sum())
        }
        other => (format!("MJML: {other}"), 0),
    }
}

/// The parser counts lines in the whole document, which nobody has in front of them.
fn without_positions(text: &str) -> String {
    let is_position = |word: &str| word.contains(':') && word.chars().all(|c| c.is_ascii_digit() || c == ':');
    let words: Vec<&str> = text.split(' ').collect();
    let kept = words.iter().enumerate().filter(|(index, word)| {
        let before_position = **word == "at" && words.get(index + 1).is_some_and(|next| is_position(next));
        !is_position(word) && !before_position
    });
    kept.map(|(_, word)| *word).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn words_stay_apart_and_variables_pass_through() {
        let text = "<a href=\"{{ site }}\">five</a>\n  <b>six</b> <i>{{ first_name }}</i>\n";
        let document = format!(
            "<mjml><mj-body><mj-section><mj-column><mj-text>{text}</mj-text></mj-column></mj-section></mj-body></mjml>"
        );
        let html = to_html(&document, |_| Place::file("x"), &mut Findings::default()).unwrap();
        let inner = html.split_once("<a ").unwrap().1.split_once("</div>").unwrap().0;
        let inner = inner.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(inner, "href=\"{{ site }}\">five</a> <b>six</b> <i>{{ first_name }}</i>");
    }

    #[test]
    fn what_looks_like_a_tag_is_not_taken_for_one() {
        for text in [
            "1 < 2 and <!-- <mj-nothing> --> 3 > 2",
            "<a title=\"a > b\" href='<'>x</a>",
            "<",
            "<mj-image src=\"x\"/>",
            "",
        ] {
            let body = format!("<mj-section><mj-column><mj-text>{text}</mj-text></mj-column></mj-section>");
            let mut findings = Findings::default();
            let page = Page { file: Path::new("x"), text: &body, first_line: 1 };
            assert!(check_elements(page, Top::Piece, &mut findings), "{text}: {findings:?}");
        }
    }
}
