//! Where somebody wanted to go before they were asked to sign in.
//!
//! The place travels in an address, which anybody can write: only a page of the desk is ever led to, never another origin, and never
//! what belongs to signing in itself.

use crate::form::encoded;

/// Where everything begins.
const DESK: &str = "/desk";
/// No address of the desk is longer.
const LONGEST: usize = 1_000;

/// What belongs to signing in and out: nobody wants to go there.
const OF_SIGNING_IN: [&str; 4] = ["/desk/login", "/desk/login.js", "/desk/session", "/desk/leave"];

/// The place if it is a page of the desk, or else the desk. The same rule stands in `login.js`.
pub(crate) fn of_ours(place: Option<&str>) -> &str {
    place.filter(|place| is_ours(place)).unwrap_or(DESK)
}

/// The address of the page before for what was asked; what would lead to the desk anyway says nothing.
pub(crate) fn login_before(path: Option<&str>, query: Option<&str>) -> String {
    let path = path.unwrap_or_default();
    let asked = match query {
        None | Some("") => path.to_owned(),
        Some(query) => format!("{path}?{query}"),
    };
    match of_ours(Some(&asked)) {
        DESK => "/desk/login".to_owned(),
        place => format!("/desk/login?to={}", encoded(place)),
    }
}

/// Words and base64 behind `/desk`, and fields of an address: no host, no way up, nothing that a browser reads otherwise than we do.
fn is_ours(place: &str) -> bool {
    let (path, query) = place.split_once('?').unwrap_or((place, ""));
    let is_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    let below = match path.strip_prefix(DESK) {
        Some("") => true,
        Some(below) => below.strip_prefix('/').is_some_and(|below| below.split('/').all(is_word)),
        None => false,
    };
    let field = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~=&%+".contains(&byte);
    place.len() <= LONGEST && below && query.bytes().all(field) && !OF_SIGNING_IN.contains(&path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_the_desk_are_led_to() {
        for place in ["/desk", "/desk?rep=rep-kim&overdue=yes", "/desk/team", "/desk/leads/YWRhH2Fu_-?done=touched"] {
            assert_eq!(of_ours(Some(place)), place);
        }
        let long = format!("/desk/leads/{}", "x".repeat(LONGEST));
        for place in [
            "//evil.example.com",
            "/\\evil.example.com",
            "\\\\evil.example.com",
            "https://evil.example.com/desk",
            "https:evil.example.com",
            "javascript:alert(1)",
            "/desk//evil.example.com",
            "/desk/../p/x",
            "/desk/%2e%2e/p",
            "/desk/..\\evil",
            "/desk.evil.example.com",
            "/desk@evil.example.com",
            "/deskevil",
            "/desk/",
            "/desk/\n/evil",
            "/desk?a=//evil.example.com",
            "/desk?a=b#c",
            " /desk/team",
            "/p/token",
            "/desk/login",
            "/desk/login?to=/desk/team",
            "/desk/session",
            "/desk/leave",
            long.as_str(),
            "",
        ] {
            assert_eq!(of_ours(Some(place)), DESK, "{place}");
        }
        assert_eq!(of_ours(None), DESK);
    }

    #[test]
    fn the_page_before_remembers_what_was_asked_for() {
        for (path, query, expected) in [
            ("/desk", None, "/desk/login"),
            ("/desk", Some(""), "/desk/login"),
            ("/desk", Some("rep=kim&overdue=yes"), "/desk/login?to=/desk%3Frep%3Dkim%26overdue%3Dyes"),
            ("/desk/leads/YWRh", None, "/desk/login?to=/desk/leads/YWRh"),
            ("/desk/leads/YWRh", Some("a=%2F%2Fevil"), "/desk/login?to=/desk/leads/YWRh%3Fa%3D%252F%252Fevil"),
            ("/desk//evil", None, "/desk/login"),
        ] {
            assert_eq!(login_before(Some(path), query), expected);
        }
    }
}
