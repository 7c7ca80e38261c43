//! The edge as a function sees it: which of its routes a request is for.
//!
//! API Gateway knows the routes, answers what has none by itself, and hands over the part of the path that a route names, decoded. A
//! function URL passes everything on and hands over nothing but the path as it was sent: then the function finds its route here,
//! and answers as API Gateway would. Which of the two it is shows in the request, so a function need not be told.

use std::borrow::Cow;

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use percent_encoding::percent_decode_str;

use crate::lambda::answer;

/// Paths of two parts: one that stands, and one that the sender chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// What stands, with a slash at both ends.
    pub before: &'static str,
    /// The methods that are answered; none means every one.
    pub methods: &'static [&'static str],
}

/// The part of the path that the sender chose, if one of these routes is the request's.
pub fn parameter<'a>(request: &'a ApiGatewayV2httpRequest, name: &str, routes: &[Route]) -> Option<Cow<'a, str>> {
    if let Some(found) = request.path_parameters.get(name) {
        return Some(Cow::Borrowed(found));
    }
    let (path, method) = (request.raw_path.as_deref()?, request.request_context.http.method.as_str());
    let answers = |route: &&Route| route.methods.is_empty() || route.methods.contains(&method);
    let chosen = |route: &Route| path.strip_prefix(route.before).filter(|rest| !rest.is_empty() && !rest.contains('/'));
    routes.iter().filter(answers).find_map(chosen).map(decoded)
}

/// The answer to what has no route: API Gateway's own, so that both edges have one.
pub fn not_found() -> ApiGatewayV2httpResponse {
    answer(404, "application/json", r#"{"message":"Not Found"}"#)
}

/// Percent-decoded as API Gateway does it; what is no valid escape stays as it is.
fn decoded(text: &str) -> Cow<'_, str> {
    percent_decode_str(text).decode_utf8_lossy()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUTES: [Route; 2] =
        [Route { before: "/u/", methods: &["GET", "POST"] }, Route { before: "/v1/webhooks/", methods: &[] }];

    fn request(method: &str, path: &str) -> ApiGatewayV2httpRequest {
        let mut request = ApiGatewayV2httpRequest::default();
        request.request_context.http.method = method.parse().unwrap();
        request.raw_path = Some(path.to_owned());
        request
    }

    #[test]
    fn a_route_is_found_in_the_path_as_it_was_sent() {
        for (method, path, expected) in [
            ("GET", "/u/abc", Some("abc")),
            ("POST", "/u/abc", Some("abc")),
            ("HEAD", "/u/abc", None),
            ("DELETE", "/u/abc", None),
            ("DELETE", "/v1/webhooks/native", Some("native")),
            ("POST", "/v1/webhooks/web%20site", Some("web site")),
            ("POST", "/v1/webhooks/caf%C3%A9%2fbar", Some("caf\u{e9}/bar")),
            ("POST", "/v1/webhooks/100%", Some("100%")),
            ("POST", "/v1/webhooks/%+f%4", Some("%+f%4")),
            ("POST", "/v1/webhooks/%ff", Some("\u{fffd}")),
            ("POST", "/v1/webhooks/", None),
            ("POST", "/v1/webhooks/native/", None),
            ("POST", "/v1/webhooks/native/more", None),
            ("GET", "/U/abc", None),
            ("GET", "//u/abc", None),
            ("GET", "/", None),
            ("GET", "", None),
        ] {
            let request = request(method, path);
            assert_eq!(parameter(&request, "token", &ROUTES).as_deref(), expected, "{method} {path}");
        }
    }

    #[test]
    fn what_api_gateway_hands_over_is_decoded_already() {
        let mut request = request("GET", "/u/100%2525");
        request.path_parameters.insert("token".to_owned(), "100%25".to_owned());
        assert_eq!(parameter(&request, "token", &ROUTES).as_deref(), Some("100%25"));
    }
}
