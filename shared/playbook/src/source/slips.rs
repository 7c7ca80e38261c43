//! Every slip of a section, not the first alone.
//!
//! The reader stops at the first value that it cannot take. Here that value is noted and taken out, and the rest is read
//! again, until nothing is left to refuse.

use std::ops::Range;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde_json::Value;
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue, Error};

use super::wording::{meant, missing, note};
use crate::problem::{Findings, Page};

/// Of one section or entry, so many slips are noted: whoever makes more has misunderstood something else.
const MOST_SLIPS: usize = 50;

/// A section or entry that could not be read.
pub(super) struct Slips<'a, 'f> {
    pub page: Page<'a>,
    /// Stands before what is said to be missing.
    pub who: String,
    /// What is left of it.
    pub value: Spanned<DeValue<'a>>,
    /// The names that need not be missed, each with where its table stands: their values were taken out.
    pub excused: Vec<(Range<usize>, String)>,
    pub findings: &'f mut Findings,
}

impl<'a> Slips<'a, '_> {
    /// Notes `error`, by which the reader of `T` refused the value, and whatever it refuses after that.
    ///
    /// Who does not write playbooks (a function, that reads what was checked) gets the first slip: the others need every section's
    /// schema, and that is a large part of a function.
    pub(super) fn note_all<T: Deserialize<'a> + JsonSchema>(mut self, error: Error) {
        if !cfg!(any(test, feature = "authoring")) {
            let at = error.span().unwrap_or_else(|| self.value.span()).start;
            return note(self.page, &error, at, self.findings);
        }
        let mut next = Some(error);
        for _ in 0..MOST_SLIPS {
            let Some(error) = next else { break };
            let span = error.span().unwrap_or_else(|| self.value.span());
            let misses = missing(error.message());
            if misses.is_some() && span == self.value.span() {
                return self.note_missing::<T>(&error);
            }
            if !self.follows(&span, misses) {
                note(self.page, &error, span.start, self.findings);
            }
            let Some((table, name)) = take_out(&mut self.value, &span) else { return };
            self.excused.extend(name.into_iter().chain(meant(error.message())).map(|name| (table.clone(), name)));
            next = T::deserialize(self.value.clone().into_deserializer()).err();
        }
    }

    /// Whether the reader would not have refused the table if nothing had been taken out of it: it misses that, or as a whole
    /// it is nothing any more.
    fn follows(&self, table: &Range<usize>, misses: Option<&str>) -> bool {
        match misses {
            Some(name) => self.is_excused(table, name),
            None => self.excused.iter().any(|(at, _)| at == table),
        }
    }

    fn is_excused(&self, table: &Range<usize>, name: &str) -> bool {
        self.excused.iter().any(|(at, excused)| at == table && excused == name)
    }

    /// The reader names one field that is missing, the schema all of them.
    fn note_missing<T: JsonSchema>(self, error: &Error) {
        let schema = schemars::schema_for!(T);
        let required = schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        let span = self.value.span();
        let absent: Vec<&str> = required
            .chain(missing(error.message()))
            .filter(|name| self.value.get_ref().get(*name).is_none() && !self.is_excused(&span, name))
            .collect();
        let mut noted: Vec<&str> = Vec::new();
        for name in absent {
            if !noted.contains(&name) {
                noted.push(name);
                self.findings.error(self.page.at_span(span.clone()), format!("{}missing field \"{name}\"", self.who));
            }
        }
    }
}

/// Takes out whatever stands at `at`, or has its name there; says where the table stands that held it, and its name if it
/// had one.
fn take_out(from: &mut Spanned<DeValue<'_>>, at: &Range<usize>) -> Option<(Range<usize>, Option<String>)> {
    let within = from.span();
    // The inner ones first: a list of tables stands where its first table does.
    match from.get_mut() {
        DeValue::Table(table) => table.iter_mut().find_map(|(_, value)| take_out(value, at)).or_else(|| {
            let name = name_at(table, at)?;
            table.remove(name.as_str());
            Some((within, Some(name)))
        }),
        DeValue::Array(list) => list.iter_mut().find_map(|value| take_out(value, at)).or_else(|| {
            let index = list.iter().position(|value| value.span() == *at)?;
            let rest = std::mem::replace(list, DeArray::new()).into_iter().enumerate();
            *list = rest.filter(|(other, _)| *other != index).map(|(_, value)| value).collect();
            Some((within, None))
        }),
        _ => None,
    }
}

fn name_at(table: &DeTable<'_>, at: &Range<usize>) -> Option<String> {
    let found = table.iter().find(|(name, value)| name.span() == *at || value.span() == *at);
    found.map(|(name, _)| name.get_ref().to_string())
}
