//! The language that the HTML of a mail says it is in: screen readers and translators go by it.

/// The same HTML, said to be in this language: by the document, and by the element that MJML puts around a mail's body, since
/// mail programs drop the first. What a piece itself says of a word stays.
pub(crate) fn in_language(html: &str, language: &str) -> String {
    let document = html.find("<html");
    let html = document.map_or_else(|| html.to_owned(), |tag| said_by(html, tag, language));
    let body = html.find(" role=\"article\"").and_then(|at| html[..at].rfind('<'));
    body.map_or_else(|| html.clone(), |tag| said_by(&html, tag, language))
}

/// The same with the language of the tag that begins here.
fn said_by(html: &str, tag: usize, language: &str) -> String {
    const ATTRIBUTE: &str = " lang=\"";
    let end = html[tag..].find('>').map_or(html.len(), |end| tag + end);
    let own = html[tag..end].find(ATTRIBUTE).map(|at| tag + at + ATTRIBUTE.len());
    let name = html[tag..end].find(' ').map_or(end, |at| tag + at);
    match own.and_then(|from| Some((from, from + html[from..end].find('"')?))) {
        Some((from, to)) => format!("{}{language}{}", &html[..from], &html[to..]),
        None => format!("{}{ATTRIBUTE}{language}\"{}", &html[..name], &html[name..]),
    }
}

#[cfg(test)]
mod tests {
    use super::in_language;

    #[test]
    fn a_mail_says_its_language_once() {
        for (html, expected) in [
            ("<!doctype html><html lang=\"en\" dir=\"auto\">", "<!doctype html><html lang=\"de\" dir=\"auto\">"),
            ("<html><p lang=\"fr\">", "<html lang=\"de\"><p lang=\"fr\">"),
            ("<html dir=\"auto\">", "<html lang=\"de\" dir=\"auto\">"),
            (
                "<html><div class=\"x\" role=\"article\" lang=\"und\">",
                "<html lang=\"de\"><div class=\"x\" role=\"article\" lang=\"de\">",
            ),
            ("<html><div lang=\"en\" role=\"article\">", "<html lang=\"de\"><div lang=\"de\" role=\"article\">"),
            ("<html lang=\"en", "<html lang=\"de\" lang=\"en"),
            ("<p lang=\"fr\">", "<p lang=\"fr\">"),
            ("", ""),
        ] {
            assert_eq!(in_language(html, "de"), expected);
        }
    }
}
