//! CloudFormation's YAML, read and reduced.
//!
//! Owns the short tags (`!Ref`, `!GetAtt`, `!Sub`, …), parameters and their defaults, and conditions: what comes out
//! is plain JSON in which a reference to a resource is that resource's logical id. It never knows what a resource
//! type means; that is [`crate::template`].

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value, json};
use serde_saphyr::Tagged;

use crate::template::TemplateError;

/// A template as JSON, short tags in their long form (`!Sub x` is `{"Fn::Sub": x}`), nothing reduced: for whoever checks what stands
/// there.
///
/// # Errors
/// YAML that cannot be read.
pub fn read(yaml: &str) -> Result<Value, TemplateError> {
    let options = serde_saphyr::options! { strict_booleans: true };
    let Node(root) =
        serde_saphyr::from_str_with_options(yaml, options).map_err(|error| TemplateError::Yaml(error.to_string()))?;
    Ok(root)
}

/// A template whose intrinsics can be reduced.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    root: Value,
    parameters: BTreeMap<String, Value>,
    resources: BTreeSet<String>,
}

impl Document {
    /// Reads a template. `overrides` win over the parameters' defaults.
    ///
    /// # Errors
    /// YAML that cannot be read, a template without resources, or an override of a parameter that does not exist.
    pub(crate) fn parse(yaml: &str, overrides: &BTreeMap<String, String>) -> Result<Self, TemplateError> {
        let root = read(yaml)?;
        let resources: BTreeSet<String> = root["Resources"]
            .as_object()
            .ok_or_else(|| TemplateError::Yaml("the template has no Resources".into()))?
            .keys()
            .cloned()
            .collect();
        let mut parameters: BTreeMap<String, Value> = BTreeMap::new();
        for (name, declaration) in root["Parameters"].as_object().into_iter().flatten() {
            parameters.insert(name.clone(), declaration["Default"].clone());
        }
        for (name, value) in overrides {
            match parameters.get_mut(name) {
                Some(slot) => *slot = Value::String(value.clone()),
                None => return Err(TemplateError::UnknownParameter(name.clone())),
            }
        }
        Ok(Self { root, parameters, resources })
    }

    /// The resources whose condition holds, in the order of the template, reduced.
    pub(crate) fn resources(&self) -> Vec<(String, Value)> {
        let all = self.root["Resources"].as_object().into_iter().flatten();
        all.filter(|(_, resource)| match resource["Condition"].as_str() {
            Some(condition) => self.holds(&self.root["Conditions"][condition]),
            None => true,
        })
        .map(|(name, resource)| (name.clone(), self.reduce(resource)))
        .collect()
    }

    /// The names of the parameters.
    pub(crate) fn parameter_names(&self) -> impl Iterator<Item = &String> {
        self.parameters.keys()
    }

    /// The `Globals` section, reduced.
    pub(crate) fn globals(&self) -> Value {
        self.reduce(&self.root["Globals"])
    }

    fn reduce(&self, value: &Value) -> Value {
        match value {
            Value::Array(items) => {
                let items = items.iter().map(|item| self.reduce(item));
                Value::Array(items.filter(|item| !item.is_null()).collect())
            }
            Value::Object(fields) => self.intrinsic(fields).unwrap_or_else(|| {
                let fields = fields.iter().map(|(name, field)| (name.clone(), self.reduce(field)));
                Value::Object(fields.filter(|(_, field)| !field.is_null()).collect())
            }),
            plain => plain.clone(),
        }
    }

    /// The value of a map that is one intrinsic call; `None` for any other map, or one that cannot be known here
    /// (an import, a mapping): such a value stays as it is and is an error only where its text is needed.
    fn intrinsic(&self, fields: &Map<String, Value>) -> Option<Value> {
        let (name, argument) = fields.iter().next().filter(|_| fields.len() == 1)?;
        match (name.as_str(), argument) {
            ("Ref", Value::String(target)) => self.reference(target),
            ("Fn::GetAtt", Value::String(path)) => self.reference(path.split('.').next()?),
            ("Fn::GetAtt", Value::Array(path)) => self.reference(path.first()?.as_str()?),
            ("Fn::Sub", Value::String(text)) => self.substitute(text, &Map::new()),
            ("Fn::Sub", Value::Array(arguments)) => {
                self.substitute(arguments.first()?.as_str()?, arguments.get(1)?.as_object()?)
            }
            ("Fn::Join", Value::Array(arguments)) => {
                let parts = self.reduce(arguments.get(1)?);
                let parts: Option<Vec<&str>> = parts.as_array()?.iter().map(Value::as_str).collect();
                Some(Value::String(parts?.join(arguments.first()?.as_str()?)))
            }
            ("Fn::If", Value::Array(arguments)) => {
                let condition = &self.root["Conditions"][arguments.first()?.as_str()?];
                Some(self.reduce(arguments.get(if self.holds(condition) { 1 } else { 2 })?))
            }
            _ => None,
        }
    }

    fn reference(&self, target: &str) -> Option<Value> {
        if let Some(value) = self.parameters.get(target) {
            return Some(value.clone());
        }
        match target {
            "AWS::NoValue" => Some(Value::Null),
            "AWS::Region" => Some(json!(crate::REGION)),
            "AWS::AccountId" => Some(json!(crate::ACCOUNT)),
            "AWS::Partition" => Some(json!("aws")),
            "AWS::StackName" => Some(json!("perennial-local")),
            "AWS::URLSuffix" => Some(json!("localhost")),
            // The API and the other resources that SAM makes by itself.
            "ServerlessHttpApi" => Some(json!(target)),
            _ => self.resources.contains(target).then(|| json!(target)),
        }
    }

    fn substitute(&self, text: &str, local: &Map<String, Value>) -> Option<Value> {
        let mut out = String::new();
        let mut rest = text;
        while let Some(start) = rest.find("${") {
            out.push_str(&rest[..start]);
            let end = start + rest[start..].find('}')?;
            let name = &rest[start + 2..end];
            match name.strip_prefix('!') {
                Some(literal) => out.push_str(&format!("${{{literal}}}")),
                None => {
                    let value = match local.get(name) {
                        Some(value) => self.reduce(value),
                        None => self.reference(name).or_else(|| self.reference(name.split('.').next()?))?,
                    };
                    out.push_str(&text_of(&value)?);
                }
            }
            rest = &rest[end + 1..];
        }
        out.push_str(rest);
        Some(Value::String(out))
    }

    /// Whether a condition holds. One that compares what cannot be known here does not.
    fn holds(&self, condition: &Value) -> bool {
        let Some((name, argument)) = condition.as_object().and_then(|fields| fields.iter().next()) else {
            return false;
        };
        let operands = argument.as_array().map(Vec::as_slice).unwrap_or_default();
        match name.as_str() {
            "Condition" => argument.as_str().is_some_and(|other| self.holds(&self.root["Conditions"][other])),
            "Fn::Equals" => match operands {
                [left, right] => text_of(&self.reduce(left)) == text_of(&self.reduce(right)),
                _ => false,
            },
            "Fn::Not" => operands.first().is_some_and(|inner| !self.holds(inner)),
            "Fn::And" => operands.iter().all(|inner| self.holds(inner)),
            "Fn::Or" => operands.iter().any(|inner| self.holds(inner)),
            _ => false,
        }
    }
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// A YAML node with its short tag written out in the long form (`!Sub x` is `{"Fn::Sub": x}`).
struct Node(Value);

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Tagged(Untagged(value), tag) = Tagged::<Untagged>::deserialize(deserializer)?;
        let Some(short) = tag.as_deref().and_then(|tag| tag.strip_prefix('!')).filter(|name| !name.is_empty()) else {
            return Ok(Self(value));
        };
        Ok(Self(match short {
            "Ref" | "Condition" => json!({ short: value }),
            "GetAtt" => match value.as_str().and_then(|path| path.split_once('.')) {
                Some((resource, attribute)) => json!({ "Fn::GetAtt": [resource, attribute] }),
                None if value.is_array() => json!({ "Fn::GetAtt": value }),
                None => {
                    return Err(D::Error::custom("!GetAtt needs a resource and an attribute"));
                }
            },
            other => json!({ format!("Fn::{other}"): value }),
        }))
    }
}

struct Untagged(Value);

impl<'de> Deserialize<'de> for Untagged {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyNode;
        impl<'de> Visitor<'de> for AnyNode {
            type Value = Untagged;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a YAML node")
            }
            fn visit_bool<E>(self, flag: bool) -> Result<Untagged, E> {
                Ok(Untagged(json!(flag)))
            }
            fn visit_i64<E>(self, number: i64) -> Result<Untagged, E> {
                Ok(Untagged(json!(number)))
            }
            fn visit_u64<E>(self, number: u64) -> Result<Untagged, E> {
                Ok(Untagged(json!(number)))
            }
            fn visit_f64<E>(self, number: f64) -> Result<Untagged, E> {
                Ok(Untagged(json!(number)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Untagged, E> {
                Ok(Untagged(json!(text)))
            }
            fn visit_unit<E>(self) -> Result<Untagged, E> {
                Ok(Untagged(Value::Null))
            }
            fn visit_none<E>(self) -> Result<Untagged, E> {
                Ok(Untagged(Value::Null))
            }
            fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Untagged, D::Error> {
                Untagged::deserialize(deserializer)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Untagged, A::Error> {
                let mut out = Vec::new();
                while let Some(Node(item)) = items.next_element()? {
                    out.push(item);
                }
                Ok(Untagged(Value::Array(out)))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Untagged, A::Error> {
                let mut out = Map::new();
                while let Some((name, Node(field))) = fields.next_entry::<String, Node>()? {
                    out.insert(name, field);
                }
                Ok(Untagged(Value::Object(out)))
            }
        }
        deserializer.deserialize_any(AnyNode)
    }
}
