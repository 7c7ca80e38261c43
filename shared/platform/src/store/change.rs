//! Conditional updates, and the expressions they are written in.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use crate::keys::Key;

/// A conditional update of one item. Every name in its expressions is written `#name`, since many are reserved words.
#[derive(Clone, Debug)]
pub struct Change {
    pub(super) key: Key,
    pub(super) update: String,
    pub(super) condition: Option<String>,
    named: Vec<(String, String)>,
    values: Vec<(String, AttributeValue)>,
}

impl Change {
    /// Nothing, of the item with this key: for conditions.
    pub fn none(key: Key) -> Self {
        Self::of(key, "")
    }

    /// An update of the item with this key.
    pub fn of(key: Key, update: impl Into<String>) -> Self {
        Self { key, update: update.into(), condition: None, named: Vec::new(), values: Vec::new() }
    }

    /// Only if this holds.
    #[must_use]
    pub fn only_if(mut self, condition: impl Into<String>) -> Self {
        self.condition = Some(condition.into());
        self
    }

    /// With this update expression.
    #[must_use]
    pub fn updating(mut self, update: impl Into<String>) -> Self {
        self.update = update.into();
        self
    }

    /// With this value.
    #[must_use]
    pub fn with(mut self, placeholder: impl Into<String>, value: AttributeValue) -> Self {
        self.values.push((placeholder.into(), value));
        self
    }

    /// With this further clause, and with what its placeholders stand for: for attributes whose names an expression
    /// cannot hold.
    #[must_use]
    pub fn also(mut self, clause: &str, named: impl IntoIterator<Item = (String, String)>) -> Self {
        self.update.push(' ');
        self.update.push_str(clause);
        self.named.extend(named);
        self
    }

    pub(super) fn names(&self) -> Option<HashMap<String, String>> {
        let expressions = [Some(&self.update), self.condition.as_ref()];
        let names: HashMap<_, _> = expressions
            .into_iter()
            .flatten()
            .flat_map(|expression| expression.split('#').skip(1))
            .map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default())
            .map(|name| (format!("#{name}"), name.to_owned()))
            .chain(self.named.iter().cloned())
            .collect();
        (!names.is_empty()).then_some(names)
    }

    pub(super) fn values(&self) -> Option<HashMap<String, AttributeValue>> {
        (!self.values.is_empty()).then(|| self.values.iter().cloned().collect())
    }
}
