//! The template as it stands, and as one set of parameters makes it.

use std::collections::BTreeMap;

use perennial_tests::root;
use serde_json::{Map, Value};

/// A template with its conditions decided: what CloudFormation would make of it, with references as they stand.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    /// Everything that stands in the file.
    pub(crate) file: Value,
    /// Resources and outputs that there are, by logical id; every `Fn::If` is decided.
    pub(crate) resources: Map<String, Value>,
    /// What all functions have.
    pub(crate) globals: Value,
    pub(crate) outputs: Map<String, Value>,
    parameters: Parameters,
}

/// The parameters that decide which resources there are.
pub(crate) type Parameters = &'static [(&'static str, &'static str)];

/// Everything that can be switched on.
pub(crate) const FULL: Parameters = &[
    ("Stage", "prod"),
    ("Profile", "standard"),
    ("Edge", "http-api"),
    ("RolloutType", "AllAtOnce"),
    ("HttpConcurrency", "10"),
    ("PublicDomain", "mail.example.com"),
    ("DeskIssuer", "https://pool.example.com"),
    ("DeskClientId", "client"),
    ("DeskSignInPages", "https://pages.example.com"),
];

/// As little as possible.
pub(crate) const LEAST: Parameters = &[
    ("Stage", "dev"),
    ("Profile", "minimal"),
    ("Edge", "function-url"),
    ("RolloutType", "AllAtOnce"),
    ("HttpConcurrency", "0"),
    ("PublicDomain", ""),
    ("DeskIssuer", ""),
    ("DeskClientId", ""),
    ("DeskSignInPages", ""),
];

/// Everything at the other edge, and new versions take over gradually.
pub(crate) const GRADUAL: Parameters = &[
    ("Stage", "dev"),
    ("Profile", "standard"),
    ("Edge", "function-url"),
    ("RolloutType", "Canary10Percent5Minutes"),
    ("HttpConcurrency", "0"),
    ("PublicDomain", ""),
    ("DeskIssuer", "https://pool.example.com"),
    ("DeskClientId", "client"),
    ("DeskSignInPages", "https://pages.example.com"),
];

/// As little as possible, but for the desk and for a limit on how many requests are worked on at once.
const LEAST_BY_URL: Parameters = &[
    ("Stage", "production"),
    ("Profile", "minimal"),
    ("Edge", "function-url"),
    ("RolloutType", "AllAtOnce"),
    ("HttpConcurrency", "10"),
    ("PublicDomain", ""),
    ("DeskIssuer", "https://pool.example.com"),
    ("DeskClientId", "client"),
    ("DeskSignInPages", "https://pages.example.com"),
];

/// As little as possible, behind an API.
const LEAST_BY_API: Parameters = &[
    ("Stage", "prod-2"),
    ("Profile", "minimal"),
    ("Edge", "http-api"),
    ("RolloutType", "AllAtOnce"),
    ("HttpConcurrency", "10"),
    ("PublicDomain", ""),
    ("DeskIssuer", ""),
    ("DeskClientId", ""),
    ("DeskSignInPages", ""),
];

/// Every way to deploy that the checks look at.
pub(crate) const ALL: [Parameters; 5] = [FULL, LEAST, GRADUAL, LEAST_BY_URL, LEAST_BY_API];

/// The file, as JSON with short tags in their long form.
pub(crate) fn file() -> Value {
    let text = std::fs::read_to_string(root().join("infra/sam/template.yaml")).expect("the template");
    perennial_local::read_template(&text).expect("YAML")
}

impl Template {
    /// The template that is deployed with these parameters.
    pub(crate) fn shipped(parameters: Parameters) -> Self {
        Self::of(file(), parameters)
    }

    pub(crate) fn of(file: Value, parameters: Parameters) -> Self {
        let decide = Decide { file: &file, parameters };
        let section = |name: &str| {
            let all = file[name].as_object().into_iter().flatten();
            let there = all.filter(|(_, it)| it["Condition"].as_str().is_none_or(|name| decide.named(name)));
            there.map(|(id, it)| (id.clone(), decide.decided(it).unwrap_or_default())).collect::<Map<_, _>>()
        };
        let (resources, outputs) = (section("Resources"), section("Outputs"));
        let globals = decide.decided(&file["Globals"]["Function"]).unwrap_or_default();
        Self { resources, outputs, globals, parameters, file }
    }

    /// The value of a parameter, of those that decide what is there.
    pub(crate) fn given(&self, parameter: &str) -> &'static str {
        let given = self.parameters.iter().find(|(name, _)| *name == parameter);
        given.map_or_else(|| panic!("the test does not say {parameter}"), |(_, value)| *value)
    }

    /// Not the profile that leaves out what is not needed to be safe.
    pub(crate) fn standard(&self) -> bool {
        self.given("Profile") == "standard"
    }

    /// The resources of a type, by logical id: their properties.
    pub(crate) fn all<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = (&'a str, &'a Value)> + Clone {
        self.resources.iter().filter(move |(_, it)| it["Type"] == kind).map(|(id, it)| (id.as_str(), &it["Properties"]))
    }

    /// A property of a function, its own or all functions'.
    pub(crate) fn of_function(&self, id: &str, property: &str) -> &Value {
        let own = &self.resources[id]["Properties"][property];
        if own.is_null() { &self.globals[property] } else { own }
    }

    /// The partition attribute of each table and index.
    pub(crate) fn partition_attributes(&self) -> BTreeMap<String, String> {
        let hash = |of: &Value| {
            let keys = of["KeySchema"].as_array().into_iter().flatten();
            keys.filter(|key| key["KeyType"] == "HASH").find_map(|key| key["AttributeName"].as_str()).map(str::to_owned)
        };
        let mut all = BTreeMap::new();
        for (id, table) in self.all("AWS::DynamoDB::Table") {
            all.extend(hash(table).map(|hash| (id.to_owned(), hash)));
            for index in list(&table["GlobalSecondaryIndexes"]) {
                let name = format!("{id}/index/{}", index["IndexName"].as_str().unwrap_or_default());
                all.extend(hash(index).map(|hash| (name, hash)));
            }
        }
        all
    }
}

/// A value that may stand alone instead of in a list.
pub(crate) fn list(value: &Value) -> Vec<&Value> {
    match value {
        Value::Null => vec![],
        Value::Array(all) => all.iter().collect(),
        one => vec![one],
    }
}

/// A reference as a text: the logical id instead of an ARN, the parameter's name instead of its value. What belongs to this account and
/// region begins with its service.
pub(crate) fn named(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Object(call) => match call.iter().next() {
            Some((name, argument)) if name == "Ref" => argument.as_str().unwrap_or_default().to_owned(),
            Some((name, argument)) if name == "Fn::GetAtt" => {
                list(argument).iter().filter_map(|part| part.as_str()).collect::<Vec<_>>().join(".")
            }
            Some((name, Value::String(text))) if name == "Fn::Sub" => text.clone(),
            _ => value.to_string(),
        },
        other => other.to_string(),
    };
    let mut out = text;
    while let Some(start) = out.find("arn:${AWS::Partition}:") {
        let rest = out[start + "arn:${AWS::Partition}:".len()..].replacen(":${AWS::Region}:${AWS::AccountId}:", ":", 1);
        out = format!("{}{rest}", &out[..start]);
    }
    // `X.Arn` is what is meant by X, wherever it stands.
    let out = out.replace(".Arn}", "}").replace("${", "").replace('}', "");
    out.strip_suffix(".Arn").map_or(out.clone(), str::to_owned)
}

/// Decides conditions by parameters.
struct Decide<'a> {
    file: &'a Value,
    parameters: Parameters,
}

impl Decide<'_> {
    fn named(&self, name: &str) -> bool {
        self.holds(&self.file["Conditions"][name])
    }

    fn holds(&self, condition: &Value) -> bool {
        let Some((name, argument)) = condition.as_object().and_then(|call| call.iter().next()) else { return false };
        let operands = list(argument);
        match name.as_str() {
            "Condition" => argument.as_str().is_some_and(|other| self.named(other)),
            "Fn::Equals" => operands.len() == 2 && self.text(operands[0]) == self.text(operands[1]),
            "Fn::Not" => operands.first().is_some_and(|inner| !self.holds(inner)),
            "Fn::And" => operands.iter().all(|inner| self.holds(inner)),
            "Fn::Or" => operands.iter().any(|inner| self.holds(inner)),
            _ => false,
        }
    }

    fn text(&self, value: &Value) -> String {
        let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        match value["Ref"].as_str() {
            Some(name) => {
                let given =
                    self.parameters.iter().find(|(given, _)| *given == name).map(|(_, value)| (*value).to_owned());
                given.unwrap_or_else(|| plain(&self.file["Parameters"][name]["Default"]))
            }
            None => plain(value),
        }
    }

    /// Without the branches that are not taken; `None` for what is left out.
    fn decided(&self, value: &Value) -> Option<Value> {
        match value {
            Value::Array(all) => Some(Value::Array(all.iter().filter_map(|one| self.decided(one)).collect())),
            Value::Object(fields) => {
                if let Some(Value::Array(branches)) = fields.get("Fn::If") {
                    let taken = if self.named(branches.first()?.as_str()?) { 1 } else { 2 };
                    return self.decided(branches.get(taken)?);
                }
                if let Some(Value::Array(arguments)) = fields.get("Fn::Select") {
                    let position = arguments.first().and_then(Value::as_u64).and_then(|it| usize::try_from(it).ok());
                    if let Some((position, Some(Value::Array(choices)))) = position.zip(Some(arguments.get(1))) {
                        return self.decided(choices.get(position)?);
                    }
                }
                if fields.get("Ref").is_some_and(|target| target == "AWS::NoValue") {
                    return None;
                }
                let decided = fields.iter().filter_map(|(name, it)| Some((name.clone(), self.decided(it)?)));
                Some(Value::Object(decided.collect()))
            }
            plain => Some(plain.clone()),
        }
    }
}
