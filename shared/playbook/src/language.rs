//! The language that the HTML of a mail says it is in: screen readers and translators go by it.

/// The same HTML, said to be in this language.
pub(crate) fn in_language(html: &str, language: &str) -> String {
    const TAG: &str = "<html";
    const ATTRIBUTE: &str = " lang=\"";
    let Some(start) = html.find(TAG).map(|at| at + TAG.len()) else { return html.to_owned() };
    let end = html[start..].find('>').map_or(html.len(), |end| start + end);
    let own = html[start..end].find(ATTRIBUTE).map(|at| start + at + ATTRIBUTE.len());
    match own.and_then(|from| Some((from, from + html[from..end].find('"')?))) {
        Some((from, to)) => format!("{}{language}{}", &html[..from], &html[to..]),
        None => format!("{}{ATTRIBUTE}{language}\"{}", &html[..start], &html[start..]),
    }
}

#[cfg(test)]
mod tests {
    use super::in_language;

    #[test]
    fn a_mail_says_its_language_once() {
        for (html, expected) in [
            (
                "<!doctype html><html lang=\"en\" dir=\"auto\"><p lang=\"fr\">",
                "<!doctype html><html lang=\"de\" dir=\"auto\"><p lang=\"fr\">",
            ),
            ("<html><p lang=\"fr\">", "<html lang=\"de\"><p lang=\"fr\">"),
            ("<html dir=\"auto\">", "<html lang=\"de\" dir=\"auto\">"),
            ("<html lang=\"en", "<html lang=\"de\" lang=\"en"),
            ("<p>", "<p>"),
        ] {
            assert_eq!(in_language(html, "de"), expected);
        }
    }
}
