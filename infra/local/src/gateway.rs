//! The HTTP API and function URLs: from requests to functions and back.
//!
//! Owns routes and the payload format 2.0 of API Gateway's HTTP APIs, which is that of function URLs too. What it refuses by itself is what API Gateway
//! refuses: unknown routes, bodies of more than 10 MiB, and requests without a token where a route asks for one.
//!
//! Nothing is proved by a token here: the local world believes everybody, and takes the address itself for the token of whoever
//! has it. A page without a script can say it as the field `token` of a form.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value, json};

use crate::world::{World, WorldError};

/// API Gateway's limit for a body.
pub(crate) const BODY_BYTES_MAX: usize = 10 * 1024 * 1024;
/// A function URL's.
const URL_BODY_BYTES_MAX: usize = 6 * 1024 * 1024;

pub(crate) struct Route {
    function: String,
    method: String,
    path: String,
    /// Whether only requests with a token are let through.
    authorized: bool,
}

impl Route {
    pub(crate) fn new(function: &str, method: &str, path: &str, authorized: bool) -> Self {
        Self { function: function.to_owned(), method: method.to_owned(), path: path.to_owned(), authorized }
    }

    /// The path's parameters, decoded, if the request is this route's.
    fn matches(&self, method: &str, path: &str) -> Option<BTreeMap<String, String>> {
        if self.method != "ANY" && self.method != method {
            return None;
        }
        let (wanted, given): (Vec<&str>, Vec<&str>) = (self.path.split('/').collect(), path.split('/').collect());
        if wanted.len() != given.len() {
            return None;
        }
        let mut parameters = BTreeMap::new();
        for (wanted, given) in wanted.into_iter().zip(given) {
            match wanted.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
                Some(_) if given.is_empty() => return None,
                Some(name) => {
                    parameters.insert(name.to_owned(), decoded(given, false));
                }
                None if wanted == given => {}
                None => return None,
            }
        }
        Some(parameters)
    }
}

impl World {
    /// Answers a request as API Gateway would. What the function wrote is delivered by the next
    /// [`World::settle`]; [`World::serve`] does that by itself.
    ///
    /// # Errors
    /// The route's function has no implementation. A function that fails is a reply with status 500.
    pub async fn http(&self, request: Request<Bytes>) -> Result<Response<Bytes>, WorldError> {
        let (head, body) = request.into_parts();
        let Some((route, parameters)) = self.route(head.method.as_str(), head.uri.path()) else {
            return Ok(message(StatusCode::NOT_FOUND, "Not Found"));
        };
        if body.len() > BODY_BYTES_MAX {
            return Ok(message(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large"));
        }
        let request = Request::from_parts(head, body);
        let mut event = self.event(&format!("{} {}", route.method, route.path), &parameters, &request);
        if route.authorized {
            let Some(address) = token(&request) else { return Ok(message(StatusCode::UNAUTHORIZED, "Unauthorized")) };
            // As API Gateway says it: every claim is a text.
            let claims = json!({"sub": address, "email": address, "email_verified": "true", "token_use": "id"});
            event["requestContext"]["authorizer"] = json!({"jwt": {"claims": claims, "scopes": null}});
        }
        self.answered(&route.function, event).await
    }

    /// Answers a request as the function's own URL would, whether or not the template gives it one: the function gets every request,
    /// and of its path nothing but how it was sent.
    ///
    /// # Errors
    /// As [`World::http`].
    pub async fn http_by_url(&self, function: &str, request: Request<Bytes>) -> Result<Response<Bytes>, WorldError> {
        if request.body().len() > URL_BODY_BYTES_MAX {
            return Ok(message(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large"));
        }
        let event = self.event("$default", &BTreeMap::new(), &request);
        self.answered(function, event).await
    }

    /// A failure has been logged by the call; the client learns nothing of it.
    async fn answered(&self, function: &str, event: Value) -> Result<Response<Bytes>, WorldError> {
        let outcome = self.call(function, event).await?;
        self.inner.core.arrived();
        Ok(outcome
            .ok()
            .and_then(response)
            .unwrap_or_else(|| message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")))
    }

    /// Whether a route of the template answers this.
    pub(crate) fn has_route(&self, method: &str, path: &str) -> bool {
        self.route(method, path).is_some()
    }

    fn route(&self, method: &str, path: &str) -> Option<(&Route, BTreeMap<String, String>)> {
        let matching = self.inner.routes.iter().filter_map(|route| Some((route, route.matches(method, path)?)));
        // The most specific one: the fewest parameters, and a method over ANY.
        matching.min_by_key(|(route, parameters)| (parameters.len(), route.method == "ANY"))
    }

    fn event(&self, route_key: &str, parameters: &BTreeMap<String, String>, request: &Request<Bytes>) -> Value {
        let now = self.inner.core.clock.now();
        let (headers, cookies) = headers(request.headers());
        let query = request.uri().query().unwrap_or_default();
        let host = headers.get("host").cloned().unwrap_or_else(|| json!("localhost"));
        let mut event = json!({
            "version": "2.0",
            "routeKey": route_key,
            "rawPath": request.uri().path(),
            "rawQueryString": query,
            "headers": headers,
            "requestContext": {
                "accountId": crate::ACCOUNT,
                "apiId": "local",
                "domainName": host,
                "domainPrefix": "local",
                "http": {
                    "method": request.method().as_str(),
                    "path": request.uri().path(),
                    "protocol": "HTTP/1.1",
                    "sourceIp": "127.0.0.1",
                    "userAgent": headers.get("user-agent").cloned().unwrap_or_default(),
                },
                "requestId": format!("{:016x}", self.inner.core.store.next_number()),
                "routeKey": route_key,
                "stage": "$default",
                "time": now.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string(),
                "timeEpoch": now.as_millisecond(),
            },
            "isBase64Encoded": false,
        });
        if !cookies.is_empty() {
            event["cookies"] = json!(cookies);
        }
        if !parameters.is_empty() {
            event["pathParameters"] = json!(parameters);
        }
        if !query.is_empty() {
            event["queryStringParameters"] = json!(query_parameters(query));
        }
        let body = request.body();
        if !body.is_empty() {
            match std::str::from_utf8(body) {
                Ok(text) => event["body"] = json!(text),
                Err(_) => {
                    event["body"] = json!(BASE64.encode(body));
                    event["isBase64Encoded"] = json!(true);
                }
            }
        }
        event
    }
}

/// The token of a request: as a bearer's, or as a field of a form.
fn token(request: &Request<Bytes>) -> Option<String> {
    let header = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let bearer = header.and_then(|value| value.strip_prefix("Bearer ")).map(str::to_owned);
    let form = || query_parameters(str::from_utf8(request.body()).ok()?).remove("token");
    bearer.or_else(form).filter(|token| !token.is_empty())
}

/// Headers with lower-case names and joined values; cookies apart, as the format wants them.
fn headers(given: &HeaderMap) -> (Map<String, Value>, Vec<String>) {
    let mut joined: BTreeMap<String, String> = BTreeMap::new();
    let mut cookies = Vec::new();
    for (name, value) in given {
        let value = String::from_utf8_lossy(value.as_bytes());
        if name == header::COOKIE {
            cookies.extend(value.split(';').map(|cookie| cookie.trim().to_owned()));
            continue;
        }
        joined
            .entry(name.as_str().to_owned())
            .and_modify(|all| *all = format!("{all},{value}"))
            .or_insert_with(|| value.into_owned());
    }
    (joined.into_iter().map(|(name, value)| (name, Value::String(value))).collect(), cookies)
}

fn query_parameters(query: &str) -> BTreeMap<String, String> {
    let mut parameters: BTreeMap<String, String> = BTreeMap::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = decoded(value, true);
        parameters.entry(decoded(name, true)).and_modify(|all| *all = format!("{all},{value}")).or_insert(value);
    }
    parameters
}

/// Percent-decoded; what is not a valid escape stays as it is.
fn decoded(text: &str, plus_is_space: bool) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut index = 0;
    while index < bytes.len() {
        let escape = bytes.get(index + 1..index + 3).and_then(|hex| std::str::from_utf8(hex).ok());
        let escape = escape.filter(|_| bytes[index] == b'%').and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match escape {
            Some(byte) => {
                out.push(byte);
                index += 3;
            }
            None => {
                out.push(if plus_is_space && bytes[index] == b'+' { b' ' } else { bytes[index] });
                index += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// A function's answer as a response; `None` if it is not one that API Gateway would pass on.
fn response(answer: Value) -> Option<Response<Bytes>> {
    let Some(status) = answer.get("statusCode") else {
        // The format's short form: any other answer is a JSON body.
        let body = answer.to_string();
        return Response::builder().header(header::CONTENT_TYPE, "application/json").body(body.into()).ok();
    };
    let status = u16::try_from(status.as_u64()?).ok()?;
    let body = answer["body"].as_str().unwrap_or_default();
    let body = match answer["isBase64Encoded"].as_bool() {
        Some(true) => Bytes::from(BASE64.decode(body).ok()?),
        _ => Bytes::from(body.to_owned()),
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).ok()?;
    for (name, value) in answer["headers"].as_object().into_iter().flatten() {
        let value = value.as_str().map(str::to_owned).unwrap_or_else(|| value.to_string());
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        response.headers_mut().insert(name, HeaderValue::from_str(&value).ok()?);
    }
    for (name, values) in answer["multiValueHeaders"].as_object().into_iter().flatten() {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        for value in values.as_array().into_iter().flatten().filter_map(Value::as_str) {
            response.headers_mut().append(name.clone(), HeaderValue::from_str(value).ok()?);
        }
    }
    for cookie in answer["cookies"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        response.headers_mut().append(header::SET_COOKIE, HeaderValue::from_str(cookie).ok()?);
    }
    Some(response)
}

pub(crate) fn message(status: StatusCode, text: &str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(json!({ "message": text }).to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
