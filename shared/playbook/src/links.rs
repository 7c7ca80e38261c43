//! The links of a piece: which there are, and tracked ones in their place.
//!
//! Owns what counts as a link of a piece: an absolute address of the web that is the same for every reader. Never touches a
//! reader's own links (to unsubscribe, to the preference centre) or one that holds something of a reader.

use std::ops::Range;

use crate::Company;
use crate::render::{self, Part, Reader, Rendered};

/// Stands for everything that is a reader's own; no address holds a control character.
const READERS_OWN: &str = "\u{1}";

/// The reader for whom the links are those of everybody.
pub(crate) fn anybody(company: &Company, product_name: &str) -> Reader {
    let own = || READERS_OWN.to_owned();
    Reader {
        first_name: own(),
        company: own(),
        rep_name: own(),
        product_name: product_name.to_owned(),
        sender_name: company.name.clone(),
        site: company.site.clone(),
        unsubscribe_url: own(),
        preferences_url: own(),
        postal_address: company.postal_address.clone(),
    }
}

/// The links of a piece as [`anybody`] gets it, in the order of its HTML and then of its text, each once.
pub(crate) fn of(rendered: &Rendered) -> Vec<String> {
    let in_html = hrefs(&rendered.html).into_iter().map(|at| unescaped(&rendered.html[at]));
    let in_text = addresses(&rendered.text).into_iter().map(|at| rendered.text[at].to_owned());
    let mut links: Vec<String> = Vec::new();
    for link in in_html.chain(in_text).filter(|link| is_link(link)) {
        if !links.contains(&link) {
            links.push(link);
        }
    }
    links
}

/// The links of a part that stand where only some readers come by, of whom [`anybody`] is none: they are not tracked.
pub(crate) fn for_some_readers(source: &str, part: Part, filled: &str) -> Vec<String> {
    let whole = without_conditions(source);
    // Without its conditions a template may ask for what only a loop defines: of such a one nothing can be said.
    let Some(whole) = whole.and_then(|whole| render::try_out(&whole, part, true).ok()) else { return Vec::new() };
    let in_part = |text: &str| match part {
        Part::Html => of(&Rendered { subject: String::new(), html: text.to_owned(), text: String::new() }),
        _ => of(&Rendered { subject: String::new(), html: String::new(), text: text.to_owned() }),
    };
    let everybodys = in_part(filled);
    in_part(&whole).into_iter().filter(|link| !everybodys.contains(link)).collect()
}

/// A template with whatever stands under a condition; nothing if it has none.
fn without_conditions(source: &str) -> Option<String> {
    let (mut whole, mut rest, mut found) = (String::new(), source, false);
    while let Some((before, tag)) = rest.split_once("{%") {
        let (inside, after) = tag.split_once("%}")?;
        whole.push_str(before);
        let word = inside.trim_start_matches(['-', '+']).split_whitespace().next().unwrap_or_default();
        match word {
            "if" | "elif" | "else" | "endif" => found = true,
            _ => whole.push_str(&format!("{{%{inside}%}}")),
        }
        rest = after;
    }
    found.then(|| whole + rest)
}

/// What stands in a link of a filled page and leads a reader nowhere, or somewhere else than to a page, a mail or a call.
pub(crate) fn unusable(html: &str) -> Vec<String> {
    let leads = |href: &str| {
        let other = ["mailto:", "tel:"].into_iter().find_map(|scheme| href.strip_prefix(scheme));
        is_link(href) || other.is_some_and(|whom| !whom.is_empty()) || href.starts_with('#')
    };
    let all = hrefs(html).into_iter().map(|at| unescaped(&html[at]));
    all.filter(|href| !leads(href)).collect()
}

fn is_link(link: &str) -> bool {
    let host = link.strip_prefix("https://").or_else(|| link.strip_prefix("http://"));
    host.is_some_and(|host| !host.is_empty()) && !link.contains(|c: char| c.is_control() || c.is_whitespace())
}

impl Rendered {
    /// The same with what `tracked` says in the place of each of these links, by its number.
    #[must_use]
    pub fn with_links(self, links: &[String], tracked: impl Fn(usize) -> String) -> Self {
        let number = |link: &str| links.iter().position(|known| known == link);
        let html = replaced(&self.html, hrefs(&self.html), |href| number(&unescaped(href)).map(&tracked));
        let text = replaced(&self.text, addresses(&self.text), |address| number(address).map(&tracked));
        Self { html, text, ..self }
    }
}

fn replaced(text: &str, places: Vec<Range<usize>>, by: impl Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut kept = 0;
    for at in places {
        if let Some(new) = by(&text[at.clone()]) {
            out.push_str(&text[kept..at.start]);
            out.push_str(&new);
            kept = at.end;
        }
    }
    out.push_str(&text[kept..]);
    out
}

/// Where the values of `href` stand that a reader can follow: those of `<a>`, not of a style sheet's `<link>`.
fn hrefs(html: &str) -> Vec<Range<usize>> {
    const BEFORE: &str = " href=\"";
    let is_anchor = |at: usize| html[..at].rfind('<').is_some_and(|tag| html[tag..].starts_with("<a "));
    let starts = html.match_indices(BEFORE).filter(|(at, _)| is_anchor(*at)).map(|(at, _)| at + BEFORE.len());
    starts.filter_map(|start| Some(start..start + html[start..].find('"')?)).collect()
}

/// Where addresses of the web stand in a text, without the punctuation that ends a sentence.
fn addresses(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(start) = text[from..].find("http").map(|at| from + at) {
        let rest = &text[start..];
        let end = rest.find(|c: char| c.is_whitespace() || "<>\"".contains(c)).unwrap_or(rest.len());
        let address = rest[..end].trim_end_matches(['.', ',', ';', ':', '!', '?', ')', ']', '\'']);
        if is_link(address) {
            found.push(start..start + address.len());
        }
        from = start + end.max("http".len());
    }
    found
}

fn unescaped(value: &str) -> String {
    let plain = value.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&#39;", "'");
    plain.replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(html: &str, text: &str) -> Rendered {
        Rendered { subject: String::new(), html: html.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn the_links_of_a_piece_are_those_that_everybody_gets() {
        let mail = |own: &str| {
            rendered(
                &format!(
                    "<a href=\"https://a.example.com/x?a=1&amp;b=2\">x</a> <a class=\"b\" href=\"https://a.example.com/x\">\
                     </a><a href=\"{own}/unsubscribe\"></a><a href=\"mailto:hello@example.com\"></a><a href=\"#top\"></a>\
                     <a href=\"https://a.example.com/hello-{own}\"></a><img src=\"https://a.example.com/i.png\">"
                ),
                &format!(
                    "Read https://a.example.com/x, or (https://a.example.com/text-only).\n{own}/unsubscribe\nhttps://\nhttp"
                ),
            )
        };
        let links = of(&mail(READERS_OWN));
        assert_eq!(
            links,
            ["https://a.example.com/x?a=1&b=2", "https://a.example.com/x", "https://a.example.com/text-only"]
        );
        let sent =
            mail("https://mail.example.com").with_links(&links, |number| format!("https://t.example.com/{number}"));
        let expected = rendered(
            "<a href=\"https://t.example.com/0\">x</a> <a class=\"b\" href=\"https://t.example.com/1\">\
             </a><a href=\"https://mail.example.com/unsubscribe\"></a><a href=\"mailto:hello@example.com\"></a>\
             <a href=\"#top\"></a><a href=\"https://a.example.com/hello-https://mail.example.com\"></a>\
             <img src=\"https://a.example.com/i.png\">",
            "Read https://t.example.com/1, or (https://t.example.com/2).\nhttps://mail.example.com/unsubscribe\nhttps://\nhttp",
        );
        assert_eq!((sent.html, sent.text), (expected.html, expected.text));
    }
}
