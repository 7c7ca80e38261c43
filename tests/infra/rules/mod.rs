//! Rules that the template keeps, each with a name that says what it asks and findings that name the resource.

mod alarms;
mod edge;
pub(crate) mod functions;
mod key;
mod mail;
mod parameters;
mod queues;
pub(crate) mod references;
mod schedules;
mod tables;
mod topics;

use serde_json::Value;

use crate::sam::{ALL, Template};

/// A rule: what it asks, and what does not keep to it.
pub(crate) type Rule = (&'static str, fn(&Template) -> Vec<String>);

/// All of them, the cheap ones first.
pub(crate) const RULES: &[Rule] = &[
    ("what is named is there, and what is there is used", references::keep),
    ("tables outlive the stack, can be restored and are encrypted", tables::keep),
    ("queues take from whom they should, over TLS, and end in a dead-letter queue", queues::keep),
    ("the key is used by whom it should, and outlives the stack", key::keep),
    ("topics take from whom they should, over TLS, and somebody listens", topics::keep),
    ("rules and schedules try again and end in a queue", schedules::keep),
    ("functions are versioned, logged, told what they need, and their failures are kept", functions::keep),
    ("what faces the internet is limited, logged and checked", edge::keep),
    ("mail leaves encrypted and is heard of again", mail::keep),
    ("parameters say what they are and take nothing else", parameters::keep),
    ("whatever can go wrong raises an alarm", alarms::keep),
];

/// Everything that breaks a rule, after the rule's name.
pub(crate) fn findings(template: &Template) -> Vec<String> {
    let of =
        |(name, keep): &Rule| keep(template).into_iter().map(|found| format!("{name}: {found}")).collect::<Vec<_>>();
    RULES.iter().flat_map(of).collect()
}

/// What was found so far.
#[derive(Default)]
pub(crate) struct Found(Vec<String>);

impl Found {
    pub(crate) fn say(&mut self, resource: &str, what: impl std::fmt::Display) {
        self.0.push(format!("{resource}: {what}"));
    }

    /// What must hold of a resource.
    pub(crate) fn must(&mut self, resource: &str, holds: bool, what: impl std::fmt::Display) {
        if !holds {
            self.say(resource, what);
        }
    }

    /// A field that must have this value.
    pub(crate) fn is(&mut self, resource: &str, of: &Value, pointer: &str, expected: impl Into<Value>) {
        let (is, expected) = (of.pointer(pointer).unwrap_or(&Value::Null), expected.into());
        self.must(resource, *is == expected, format_args!("{pointer} is {is}, not {expected}"));
    }

    /// Fields that must be there.
    pub(crate) fn has(&mut self, resource: &str, of: &Value, pointers: &[&str]) {
        for pointer in pointers {
            let there = of.pointer(pointer).is_some_and(|value| !is_empty(value));
            self.must(resource, there, format_args!("{pointer} is missing"));
        }
    }

    pub(crate) fn all(self) -> Vec<String> {
        self.0
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(all) => all.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

/// A whole number that stands as one or as a text.
pub(crate) fn number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

#[test]
fn the_template_keeps_every_rule_however_it_is_deployed() {
    for parameters in ALL {
        let found = findings(&Template::shipped(parameters));
        assert!(found.is_empty(), "{parameters:?}\n{}", found.join("\n"));
    }
}
