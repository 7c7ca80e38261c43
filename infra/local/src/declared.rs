//! What a template declares, whatever it is: for whoever counts or lists its resources without running them.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::cloudformation::Document;
use crate::template::TemplateError;

/// A template under certain parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct Declared {
    /// The names of its parameters.
    pub parameters: Vec<String>,
    /// What all functions have in common.
    pub globals: Value,
    /// The resources whose condition holds, in the order of the template.
    pub resources: Vec<Resource>,
}

/// A resource.
#[derive(Debug, Clone, PartialEq)]
pub struct Resource {
    /// Its name in the template.
    pub logical_id: String,
    /// Its type, as `AWS::SQS::Queue`.
    pub kind: String,
    /// Its properties; a reference to a resource is that resource's logical id.
    pub properties: Value,
}

impl Declared {
    /// Reads a template. `parameters` win over its defaults.
    ///
    /// # Errors
    /// YAML that cannot be read, a template without resources, or a parameter that does not exist.
    pub fn parse(template: &str, parameters: &BTreeMap<String, String>) -> Result<Self, TemplateError> {
        let document = Document::parse(template, parameters)?;
        let resource = |(logical_id, resource): (String, Value)| Resource {
            logical_id,
            kind: resource["Type"].as_str().unwrap_or_default().to_owned(),
            properties: resource["Properties"].clone(),
        };
        Ok(Self {
            parameters: document.parameter_names().cloned().collect(),
            globals: document.globals(),
            resources: document.resources().into_iter().map(resource).collect(),
        })
    }

    /// The resources of a type.
    pub fn of(&self, kind: &str) -> impl Iterator<Item = &Resource> {
        self.resources.iter().filter(move |resource| resource.kind == kind)
    }
}
