//! What faces the internet.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::Found;
use crate::sam::{Template, list, named};

pub(crate) fn keep(template: &Template) -> Vec<String> {
    let mut found = Found::default();
    for (id, api) in template.all("AWS::Serverless::HttpApi") {
        for limit in ["ThrottlingRateLimit", "ThrottlingBurstLimit"] {
            let limited = named(&api["DefaultRouteSettings"][limit]) == "RequestsPerSecond";
            found.must(id, limited, format_args!("{limit} limits nothing"));
        }
        let by_route = &api["DefaultRouteSettings"]["DetailedMetricsEnabled"];
        found.must(id, *by_route == false, "metrics by route are paid for");
        check_access_log(template, id, api, &mut found);
    }
    check_routes(template, &mut found);
    check_open_functions(template, &mut found);
    check_desk(template, &mut found);
    found.all()
}

/// The routes of the API without an authorizer, and what answers on them. GET shows and POST acts; scanners ask with HEAD.
const ROUTES: [(&str, &str, &str); 13] = [
    ("any", "/v1/webhooks/{source}", "IngestEngagement"),
    ("get", "/u/{token}", "SignedPages"),
    ("post", "/u/{token}", "SignedPages"),
    ("head", "/u/{token}", "SignedPages"),
    ("get", "/p/{token}", "SignedPages"),
    ("post", "/p/{token}", "SignedPages"),
    ("head", "/p/{token}", "SignedPages"),
    ("get", "/t/{token}", "SignedPages"),
    ("head", "/t/{token}", "SignedPages"),
    ("get", "/o/{token}", "SignedPages"),
    ("get", "/l/{token}", "SignedPages"),
    ("post", "/l/{token}", "SignedPages"),
    ("head", "/l/{token}", "SignedPages"),
];

const INTEGRATION: &str = "x-amazon-apigateway-integration";

fn check_routes(template: &Template, found: &mut Found) {
    let Some(api) = template.resources.get("HttpApi") else {
        return found.must("HttpApi", template.given("Edge") != "http-api", "it is not there");
    };
    let body = &api["Properties"]["DefinitionBody"];
    found.has("HttpApi", body, &["/openapi", "/info/title", "/info/version"]);
    let mut routes = BTreeSet::new();
    for (path, methods) in body["paths"].as_object().into_iter().flatten() {
        let parameter = path.split(['{', '}']).nth(1).unwrap_or_default();
        let declared = json!([{"name": parameter, "in": "path", "required": true, "schema": {"type": "string"}}]);
        found.must("HttpApi", methods["parameters"] == declared, format_args!("{path} does not declare {parameter}"));
        for (method, route) in methods.as_object().into_iter().flatten().filter(|(name, _)| *name != "parameters") {
            found.has("HttpApi", route, &["/responses/default/description"]);
            let name = route[INTEGRATION]["$ref"].as_str().and_then(|at| at.rsplit('/').next()).unwrap_or_default();
            let method = if method == "x-amazon-apigateway-any-method" { "any" } else { method.as_str() };
            routes.insert((method.to_owned(), path.clone(), name.to_owned()));
        }
    }
    let expected: BTreeSet<(String, String, String)> =
        ROUTES.map(|(method, path, function)| (method.to_owned(), path.to_owned(), function.to_owned())).into();
    found.must("HttpApi", routes == expected, format_args!("its routes are {routes:?}"));
    for id in OPEN {
        let integration = &body["components"]["x-amazon-apigateway-integrations"][id];
        found.is("HttpApi", integration, "/type", "aws_proxy");
        found.is("HttpApi", integration, "/httpMethod", "POST");
        found.is("HttpApi", integration, "/payloadFormatVersion", "2.0");
        let alias = named(&integration["uri"]).ends_with(&format!("functions/{id}:live/invocations"));
        found.must("HttpApi", alias, format_args!("it does not call the alias of {id}"));
    }
}

/// The groups to which APIs write who came.
pub(crate) fn access_logs(template: &Template) -> BTreeSet<String> {
    let logs =
        template.all("AWS::Serverless::HttpApi").map(|(_, api)| named(&api["AccessLogSettings"]["DestinationArn"]));
    // A function's URL has none, and the group is there all the same.
    logs.chain(["AccessLogs".to_owned()]).collect()
}

/// Every request is logged, and never by what a path carries or where it came from.
fn check_access_log(template: &Template, id: &str, api: &Value, found: &mut Found) {
    let log = &api["AccessLogSettings"];
    let group = template.resources.get(&named(&log["DestinationArn"]));
    found.must(id, group.is_some_and(|it| it["Type"] == "AWS::Logs::LogGroup"), "nobody logs who came");
    let format = log["Format"].as_str().unwrap_or_default();
    for (when, line) in [("", filled(format, true)), (" of what went well", filled(format, false))] {
        let is_json = serde_json::from_str::<Value>(&line).is_ok_and(|it| it.is_object());
        found.must(id, is_json, format_args!("its log{when} is not JSON: {line}"));
    }
    for needed in ["$context.requestId", "$context.routeKey", "$context.status", "$context.error."] {
        found.must(id, format.contains(needed), format_args!("its log lacks {needed}"));
    }
    for private in ["path", "sourceIp", "userAgent", "claims", "querystring", "header"] {
        found.must(id, !format.contains(private), format_args!("its log tells {private}"));
    }
}

/// A line of the log, of a request that failed or went well. What has no value is a dash, and a variable whose name ends in `String`
/// brings its own quotes. Source: API Gateway Developer Guide, "Customize HTTP API access logs".
fn filled(format: &str, failed: bool) -> String {
    let mut parts = format.split("$context.");
    let mut line = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| !c.is_alphanumeric() && c != '.').unwrap_or(part.len());
        let value = match &part[..end] {
            name if name.starts_with("error.") && !failed => "-",
            name if name.ends_with("String") => "\"Not Found\"",
            _ => "Not Found",
        };
        line.push_str(value);
        line.push_str(&part[end..]);
    }
    line
}

/// The functions that answer HTTP without an authorizer, and what lets the caller in: of the API or of a URL.
const OPEN: [&str; 2] = ["IngestEngagement", "SignedPages"];

/// Whether a route or a URL leads to it.
pub(crate) fn is_called_by_http(template: &Template, id: &str) -> bool {
    let routes = template.all("AWS::Serverless::HttpApi").any(|(_, api)| {
        list(&api["DefinitionBody"]).iter().any(|body| body.to_string().contains(&format!("${{{id}.Arn}}:live/")))
    });
    routes || has_url(template, id)
}

fn has_url(template: &Template, id: &str) -> bool {
    template.all("AWS::Lambda::Url").any(|(_, url)| called(&url["TargetFunctionArn"]) == id)
}

/// Whether it has a URL, and works on so many requests at once and no more: the others are answered with 429.
pub(crate) fn limits_its_url(template: &Template, id: &str) -> bool {
    has_url(template, id) && template.given("HttpConcurrency") != "0"
}

/// The function whose alias is named.
pub(crate) fn called(value: &Value) -> String {
    named(value).split(['.', ':']).next().unwrap_or_default().to_owned()
}

fn check_open_functions(template: &Template, found: &mut Found) {
    let api = template.resources.contains_key("HttpApi");
    for id in OPEN {
        let reached = is_called_by_http(template, id);
        found.must(id, reached, "no address leads to it");
        let permissions: Vec<&Value> = template
            .all("AWS::Lambda::Permission")
            .map(|(_, it)| it)
            .filter(|it| called(&it["FunctionName"]) == id)
            .collect();
        if api {
            let lets_in = |it: &Value| {
                it["Principal"] == "apigateway.amazonaws.com"
                    && it["Action"] == "lambda:InvokeFunction"
                    && named(&it["SourceArn"]).starts_with("execute-api:HttpApi/")
            };
            let let_in = permissions.len() == 1 && permissions.iter().all(|it| lets_in(it));
            found.must(id, let_in, "the API may not call it, or others may");
        } else {
            // A call by URL needs both. Source: Lambda Developer Guide, "Control access to Lambda function URLs".
            let opens = |it: &Value| it["Action"] == "lambda:InvokeFunctionUrl" && it["FunctionUrlAuthType"] == "NONE";
            let calls = |it: &Value| it["Action"] == "lambda:InvokeFunction" && it["InvokedViaFunctionUrl"] == true;
            let anybody = permissions.iter().all(|it| it["Principal"] == "*");
            let both = permissions.iter().any(|it| opens(it)) && permissions.iter().any(|it| calls(it));
            found.must(id, anybody && both && permissions.len() == 2, "nobody may call it by its URL");
            let mut urls = template.all("AWS::Lambda::Url");
            let open = urls.any(|(_, url)| called(&url["TargetFunctionArn"]) == id && url["AuthType"] == "NONE");
            found.must(id, open, "it has no URL that anybody may call");
        }
    }
    for (id, _) in template.all("AWS::Lambda::Url").filter(|_| api) {
        found.say(id, "with an API nobody needs it");
    }
    let reserved = template.given("HttpConcurrency") != "0";
    for (id, function) in template.all("AWS::Serverless::Function") {
        let answers = OPEN.contains(&id) || id == "SalesDesk";
        let limited = named(&function["ReservedConcurrentExecutions"]) == "HttpConcurrency";
        found.must(id, limited == (answers && reserved), "its concurrency is not what HttpConcurrency says");
    }
}

/// The desk: one route takes the token of the pool, all others the function's own cookie.
fn check_desk(template: &Template, found: &mut Found) {
    let has_desk = template.resources.contains_key("SalesDesk");
    found.must(
        "DeskApi",
        template.resources.contains_key("DeskApi") == has_desk,
        "it is there without a desk, or not with it",
    );
    let Some(api) = template.resources.get("DeskApi") else { return };
    found.has("DeskApi", api, &["/Properties/Name"]);
    let users = &api["Properties"]["Auth"]["Authorizers"]["DeskUsers"];
    found.is("DeskApi", users, "/IdentitySource", "$request.header.Authorization");
    found.must("DeskApi", named(&users["JwtConfiguration"]["issuer"]) == "DeskIssuer", "it believes any issuer");
    found.must("DeskApi", named(&users["JwtConfiguration"]["audience"][0]) == "DeskClientId", "it believes any client");
    let routes = template.resources.get("SalesDesk").cloned().unwrap_or_default()["Properties"]["Events"].clone();
    let routes: BTreeSet<(String, String, bool)> = routes
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(_, event)| named(&event["Properties"]["ApiId"]) == "DeskApi" && event["Type"] == "HttpApi")
        .map(|(_, event)| {
            let of = &event["Properties"];
            let text = |it: &Value| it.as_str().unwrap_or_default().to_owned();
            (text(&of["Method"]), text(&of["Path"]), of["Auth"] == json!({"Authorizer": "DeskUsers"}))
        })
        .collect();
    let expected: BTreeSet<(String, String, bool)> =
        DESK.map(|(method, path, pool)| (method.to_owned(), path.to_owned(), pool)).into();
    found.must("SalesDesk", routes == expected, format_args!("its routes are {routes:?}"));
}

/// The desk's routes, and which takes the pool's token.
const DESK: [(&str, &str, bool); 8] = [
    ("GET", "/desk/login", false),
    ("GET", "/desk/login.js", false),
    ("POST", "/desk/session", true),
    ("POST", "/desk/leave", false),
    ("GET", "/desk", false),
    ("GET", "/desk/team", false),
    ("GET", "/desk/leads/{token}", false),
    ("POST", "/desk/leads/{token}", false),
];
