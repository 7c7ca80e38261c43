//! A stack in AWS, by the name it has in CloudFormation: what its resources are called, and how it stands.
//!
//! What it never does: change the stack.

use std::collections::BTreeMap;

use aws_config::SdkConfig;
use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_cloudformation::types;

/// What is deployed under a name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stack {
    /// The name.
    pub name: String,
    /// How it stands, in CloudFormation's words (`UPDATE_COMPLETE`).
    pub status: String,
    /// Its parameters. Those that are not echoed are not secret here: the template has none.
    pub parameters: BTreeMap<String, String>,
    /// Its outputs.
    pub outputs: BTreeMap<String, String>,
    /// The physical id of each resource, by its name in the template.
    pub resources: BTreeMap<String, String>,
}

/// Why there is no stack to speak of.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// CloudFormation does not know it, cannot be reached, or refuses.
    #[error("stack {stack}: {reason}")]
    Unknown {
        /// The name that was asked for.
        stack: String,
        /// What CloudFormation said.
        reason: String,
    },
    /// The stack has no such resource.
    #[error("stack {stack} has no {resource}: is it one of Perennial's, and up to date?")]
    Missing {
        /// The stack.
        stack: String,
        /// The name in the template.
        resource: String,
    },
}

/// A service's code and message; what the SDK says where there is none.
pub fn reason<E, R>(error: SdkError<E, R>) -> String
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    match (error.code(), error.message()) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code.to_owned(),
        _ => of_causes(&error),
    }
}

/// What an error says, and each of its causes. Of credentials, what to do as well: the command reads no sign-in, which most people have.
fn of_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string);
    let said = causes.collect::<Vec<_>>().join(": ");
    match said.contains("credentials") {
        true => format!("{said} (after a sign-in: eval \"$(aws configure export-credentials --format env)\")"),
        false => said,
    }
}

impl Stack {
    /// Asks CloudFormation.
    ///
    /// # Errors
    /// [`StackError::Unknown`].
    pub async fn read(config: &SdkConfig, name: &str) -> Result<Self, StackError> {
        let client = Client::new(config);
        let unknown = |reason: String| StackError::Unknown { stack: name.to_owned(), reason };
        let answer = client.describe_stacks().stack_name(name).send().await.map_err(|error| unknown(reason(error)))?;
        let described = answer.stacks().first().ok_or_else(|| unknown("there is no such stack".to_owned()))?;
        let resources = resources(&client, name).await.map_err(unknown)?;
        Ok(Self { resources, ..Self::described(name, described) })
    }

    fn described(name: &str, stack: &types::Stack) -> Self {
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let parameters = stack.parameters().iter();
        let outputs = stack.outputs().iter();
        Self {
            name: name.to_owned(),
            status: stack.stack_status().map(|status| status.as_str().to_owned()).unwrap_or_default(),
            parameters: parameters.map(|it| (text(it.parameter_key()), text(it.parameter_value()))).collect(),
            outputs: outputs.map(|it| (text(it.output_key()), text(it.output_value()))).collect(),
            resources: BTreeMap::new(),
        }
    }

    /// What a resource of the template is called in AWS.
    ///
    /// # Errors
    /// [`StackError::Missing`].
    pub fn resource(&self, logical_id: &str) -> Result<&str, StackError> {
        let missing = || StackError::Missing { stack: self.name.clone(), resource: logical_id.to_owned() };
        self.resources.get(logical_id).map(String::as_str).ok_or_else(missing)
    }

    /// The state table's name.
    ///
    /// # Errors
    /// [`StackError::Missing`].
    pub fn state_table(&self) -> Result<&str, StackError> {
        self.resource("StateTable")
    }

    /// The ledger's name.
    ///
    /// # Errors
    /// [`StackError::Missing`].
    pub fn ledger_table(&self) -> Result<&str, StackError> {
        self.resource("LedgerTable")
    }

    /// The version of its playbook's layer. SAM ends a layer's name with a hash.
    pub fn playbook_version(&self) -> Option<&str> {
        let layer = self.resources.iter().find(|(logical, _)| logical.starts_with("PlaybookLayer"));
        layer.and_then(|(_, arn)| arn.rsplit(':').next())
    }

    /// A parameter, if the stack has it and it is not empty.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Its stage.
    pub fn stage(&self) -> &str {
        self.parameter("Stage").unwrap_or("dev")
    }
}

async fn resources(client: &Client, name: &str) -> Result<BTreeMap<String, String>, String> {
    let mut pages = client.list_stack_resources().stack_name(name).into_paginator().items().send();
    let mut resources = BTreeMap::new();
    while let Some(resource) = pages.next().await {
        resources.extend(there(&resource.map_err(reason)?));
    }
    Ok(resources)
}

/// A resource's name in the template and its physical id. None of one that was deleted: in some states of a stack CloudFormation
/// lists it all the same.
fn there(resource: &types::StackResourceSummary) -> Option<(String, String)> {
    let is_gone = resource.resource_status() == Some(&types::ResourceStatus::DeleteComplete);
    let (logical, physical) = (resource.logical_resource_id()?, resource.physical_resource_id()?);
    (!is_gone).then(|| (logical.to_owned(), physical.to_owned()))
}

#[cfg(test)]
mod tests {
    use aws_sdk_cloudformation::types::{ResourceStatus, StackResourceSummary};

    use super::{of_causes, there};

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Said(&'static str, #[source] Option<Box<Said>>);

    #[test]
    fn an_error_says_its_causes_and_where_credentials_come_from() {
        let without = Said("dispatch failure", Some(Box::new(Said("no route", None))));
        assert_eq!(of_causes(&without), "dispatch failure: no route");
        let unread = Said("dispatch failure", Some(Box::new(Said("no credentials were found", None))));
        assert!(of_causes(&unread).starts_with("dispatch failure: no credentials were found (after a sign-in: "));
    }

    #[test]
    fn what_was_deleted_is_not_there_and_what_could_not_be_deleted_is() {
        for (status, physical, expected) in [
            (ResourceStatus::CreateComplete, Some("prod-MailAgeAlarm"), true),
            (ResourceStatus::UpdateRollbackComplete, Some("prod-MailAgeAlarm"), true),
            (ResourceStatus::DeleteFailed, Some("prod-MailAgeAlarm"), true),
            (ResourceStatus::DeleteComplete, Some("prod-MailAgeAlarm"), false),
            (ResourceStatus::CreateInProgress, None, false),
        ] {
            let listed = StackResourceSummary::builder().logical_resource_id("MailAgeAlarm");
            let listed = listed.set_physical_resource_id(physical.map(str::to_owned)).resource_status(status.clone());
            let wanted = expected.then(|| ("MailAgeAlarm".to_owned(), "prod-MailAgeAlarm".to_owned()));
            assert_eq!(there(&listed.build()), wanted, "{status}");
        }
    }
}
