//! The edge of the template: the routes of an HTTP API written as OpenAPI, function URLs, and who may call what.
//!
//! Owns the part of `DefinitionBody` that leads a request to a function. A route that nothing permits to call its function is an
//! error here, as it is an answer with status 500 on AWS.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::template::{Named, TemplateError, Trigger};

/// The methods that a path of OpenAPI can have, and the one that is API Gateway's.
const METHODS: [(&str, &str); 8] = [
    ("get", "GET"),
    ("head", "HEAD"),
    ("post", "POST"),
    ("put", "PUT"),
    ("patch", "PATCH"),
    ("delete", "DELETE"),
    ("options", "OPTIONS"),
    ("x-amazon-apigateway-any-method", "ANY"),
];

/// What may be said of a path beside its methods.
const ASIDE: [&str; 3] = ["parameters", "summary", "description"];

/// A trigger of a function by its logical id, with what is asked for before it may call.
pub(crate) struct Calls {
    pub(crate) function: String,
    pub(crate) trigger: Trigger,
    /// For errors: the API or the URL.
    by: String,
    needs: Vec<Permission>,
}

/// That somebody may do something with a function: function, action, principal.
pub(crate) type Permission = (String, &'static str, &'static str);

/// The permissions of which the edge has need.
const KNOWN: [(&str, &str); 3] = [
    ("lambda:InvokeFunction", "apigateway.amazonaws.com"),
    ("lambda:InvokeFunctionUrl", "*"),
    ("lambda:InvokeFunction", "*"),
];

/// The routes that an HTTP API's own definition has; none if they stand in the functions' events.
pub(crate) fn of_api(named: &Named<'_>) -> Result<Vec<Calls>, TemplateError> {
    let body = &named.properties["DefinitionBody"];
    let mut routes = Vec::new();
    for (path, item) in body["paths"].as_object().into_iter().flatten() {
        if path.contains("+}") {
            return Err(named.error("greedy path parameters are not implemented here"));
        }
        for (key, operation) in item.as_object().into_iter().flatten() {
            let method = METHODS.iter().find(|(name, _)| name == key).map(|(_, method)| *method);
            let Some(method) = method else {
                if ASIDE.contains(&key.as_str()) {
                    continue;
                }
                return Err(named.error(format!("`{key}` of {path} is not a method that is implemented here")));
            };
            if !operation["security"].is_null() || !body["security"].is_null() {
                return Err(named.error(format!("{method} {path}: use an event of the function for an authorizer")));
            }
            let function = integrated(named, body, operation)?;
            let trigger = Trigger::Http { method: method.to_owned(), path: path.clone(), authorizer: None };
            let needs = vec![(function.clone(), KNOWN[0].0, KNOWN[0].1)];
            routes.push(Calls { function, trigger, by: named.name.clone(), needs });
        }
    }
    Ok(routes)
}

/// The function that a route leads to: an AWS_PROXY integration, written at the route or once for several.
fn integrated(named: &Named<'_>, body: &Value, operation: &Value) -> Result<String, TemplateError> {
    let integration = &operation["x-amazon-apigateway-integration"];
    let integration = match integration["$ref"].as_str().and_then(|reference| reference.strip_prefix('#')) {
        Some(pointer) => body.pointer(pointer).unwrap_or(&Value::Null),
        None => integration,
    };
    let is = |field: &str, value: &str| integration[field].as_str() == Some(value);
    if !is("type", "aws_proxy") || !is("payloadFormatVersion", "2.0") || !is("httpMethod", "POST") {
        return Err(named.error("an integration that is not aws_proxy, POST, of format 2.0, is not implemented here"));
    }
    let uri = integration["uri"].as_str().and_then(|uri| uri.split_once("/functions/"));
    let called = uri.and_then(|(_, rest)| rest.strip_suffix("/invocations"));
    function_of(named, called).ok_or_else(|| named.error(format!("{} is not a function here", integration["uri"])))
}

/// A function of the template by its reduced reference, with or without an alias.
fn function_of(named: &Named<'_>, reference: Option<&str>) -> Option<String> {
    let id = reference?.split(':').next()?;
    named.known.functions.contains(id).then(|| id.to_owned())
}

/// A function URL that asks for no signature of AWS.
pub(crate) fn of_url(named: &Named<'_>) -> Result<Calls, TemplateError> {
    if named.text("AuthType")? != "NONE" {
        return Err(named.error("a function URL with IAM authorization is not implemented here"));
    }
    let target = named.properties["TargetFunctionArn"].as_str();
    let function =
        function_of(named, target).ok_or_else(|| named.error("`TargetFunctionArn` is not a function here"))?;
    let needs = KNOWN[1..].iter().map(|(action, who)| (function.clone(), *action, *who)).collect();
    Ok(Calls { function, trigger: Trigger::Url, by: named.name.clone(), needs })
}

/// What a permission resource permits, if it is one that an edge needs.
pub(crate) fn permission(named: &Named<'_>) -> Option<Permission> {
    let properties = named.properties;
    let (action, principal) = (properties["Action"].as_str()?, properties["Principal"].as_str()?);
    let known = KNOWN.iter().find(|known| **known == (action, principal))?;
    // For everybody only what comes by the URL, or the function would be open to every account.
    let by_url = properties["FunctionUrlAuthType"] == "NONE" || properties["InvokedViaFunctionUrl"] == true;
    (principal != "*" || by_url)
        .then(|| Some((function_of(named, properties["FunctionName"].as_str())?, known.0, known.1)))?
}

/// That everything that calls may call.
pub(crate) fn check(calls: &[Calls], permitted: &BTreeSet<Permission>) -> Result<(), TemplateError> {
    for call in calls {
        if let Some((function, action, _)) = call.needs.iter().find(|need| !permitted.contains(*need)) {
            let reason = format!("nothing permits it {action} of {function}");
            return Err(TemplateError::Resource { resource: call.by.clone(), reason });
        }
    }
    Ok(())
}
