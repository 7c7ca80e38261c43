//! Rules: which events they are for, what those become, and with which fields.

use std::collections::BTreeSet;

use crate::problem::quoted;
use crate::source::{Placed, Text};
use crate::sources::Origin;
use crate::sources::native::{BY_PRODUCT, NativeType, TYPES};

use super::super::compile;
use super::super::written::{Field, Format, IGNORED, Rule, Shape};
use super::Check;

/// The calls of Segment and RudderStack.
const CALLS: [&str; 6] = ["identify", "track", "page", "screen", "group", "alias"];

impl Check<'_> {
    pub(super) fn rules(&mut self) {
        if self.is_format(Format::Native) {
            return;
        }
        let written = self.written;
        for rule in &written.rules {
            self.conditions(rule.get_ref());
            match &rule.get_ref().becomes {
                None => {
                    self.error(rule, "the rule does not say what such an event becomes");
                }
                Some(becomes) if becomes.get_ref() == IGNORED => self.ignored(rule.get_ref()),
                Some(becomes) => match NativeType::of(becomes.get_ref()) {
                    Some(native) => self.becomes(rule, native),
                    None => {
                        let reason = format!("{} is nothing that an event can become", quoted(becomes.get_ref()));
                        let known = TYPES.iter().map(|native| native.name).chain([IGNORED]);
                        self.error(becomes, reason).did_you_mean(becomes.get_ref(), known);
                    }
                },
            }
        }
    }

    fn conditions(&mut self, rule: &Rule) {
        if let Some(kinds) = rule.kinds.as_ref().filter(|kinds| kinds.texts().is_empty()) {
            self.error(kinds, "no type in the list: the rule would never apply. Leave type out for every type");
        }
        if self.is_format(Format::Segment) {
            for kind in rule.kinds.iter().flat_map(|kinds| kinds.texts()) {
                self.call(&kind);
            }
        }
        for (place, values) in &rule.when {
            match compile::origin(place.get_ref()) {
                Origin::Element(pointer) if rule.for_each.is_some() => self.pointer("when", place, &pointer),
                Origin::Element(_) => self.element_of_nothing("when", place),
                Origin::Event(_) | Origin::Text(_) => self.event_place("when", place),
            }
            if values.texts().is_empty() {
                self.error(values, "no value in the list: the rule would never apply");
            }
        }
        if let Some(for_each) = &rule.for_each {
            self.event_place("for_each", for_each);
        }
    }

    /// Source: Segment, "Spec overview". Others may follow, so another word is no error.
    fn call(&mut self, kind: &Text) {
        if !CALLS.contains(&kind.get_ref().as_str()) {
            let reason = format!(
                "{} is no call of Segment's: a tracked event is asked for by when = {{ \"/event\" = … }}",
                quoted(kind.get_ref())
            );
            self.warn(kind, reason).did_you_mean(kind.get_ref(), CALLS);
        }
    }

    fn ignored(&mut self, rule: &Rule) {
        for name in rule.fields.keys() {
            let reason = format!("{} stands in a rule whose events are ignored", quoted(name.get_ref()));
            self.error(name, reason).did_you_mean(name.get_ref(), ["type", "when"]);
        }
        if let Some(for_each) = &rule.for_each {
            self.error(for_each, "events are ignored as a whole: leave for_each out");
        }
    }

    fn becomes(&mut self, rule: &Placed<Rule>, native: &NativeType) {
        let fields = &rule.get_ref().fields;
        let mut unknown = false;
        for (name, field) in fields {
            if native.fields().any(|known| known == name.get_ref()) {
                self.field(rule.get_ref(), name, field);
            } else {
                unknown = true;
                self.no_such_field(native, name);
            }
        }
        let absent: Vec<&str> =
            native.required.iter().copied().filter(|name| !fields.keys().any(|key| key.get_ref() == name)).collect();
        // A misspelt field is not missing as well.
        if !absent.is_empty() && !unknown {
            self.error(rule, format!("{} needs {}", native.name, absent.join(" and ")));
        }
        if native.name == "account.updated" && fields.len() == 1 && !unknown {
            self.warn(rule, "the rule states nothing of the account");
        }
        if native.name == "engagement.recorded" {
            self.asset_has_action(fields.iter());
        }
    }

    fn no_such_field(&mut self, native: &NativeType, name: &Text) {
        let known: Vec<&str> = native.fields().collect();
        let settings = ["type", "when", "for_each", "becomes"];
        let reason = format!("{} has no field {}: it has {}", native.name, quoted(name.get_ref()), known.join(", "));
        self.error(name, reason).did_you_mean(name.get_ref(), known.iter().copied().chain(settings));
    }

    fn field(&mut self, rule: &Rule, name: &Text, field: &Placed<Field>) {
        let own = name.get_ref().as_str();
        let by_product = BY_PRODUCT.contains(&own);
        let within = rule.for_each.is_some();
        match field.shape() {
            Shape::One(_) if by_product => {
                let reason = format!("{own} is told by product: {own} = {{ product = …, value = … }}");
                self.error(field, reason);
            }
            Shape::ByProduct(..) if !by_product => {
                self.error(field, format!("{own} is one value, and has neither product nor value"));
            }
            Shape::One(view) => self.value(own, &view, within),
            Shape::ByProduct(product, value) => {
                self.value("product", &product, within);
                self.value(own, &value, within);
            }
            Shape::Neither(reason) => {
                self.error(field, format!("{own} {reason}"));
            }
        }
    }

    /// An action that is named outright must be one of each asset that is.
    fn asset_has_action<'r>(&mut self, fields: impl Iterator<Item = (&'r Text, &'r Placed<Field>)>) {
        let (mut assets, mut actions) = (Vec::new(), Vec::new());
        for (name, field) in fields {
            let Shape::One(view) = field.shape() else { continue };
            match name.get_ref().as_str() {
                "asset" => assets = self.literals(&view),
                "action" => actions = self.literals(&view),
                _ => {}
            }
        }
        let Some(catalogue) = self.catalogue else { return };
        let exists = |action: &Text| catalogue.assets.values().any(|own| own.contains(action.get_ref().as_str()));
        for action in actions.iter().filter(|action| exists(action)) {
            let known = |asset: &Text| catalogue.assets.get(asset.get_ref().as_str());
            let lacking: BTreeSet<&str> = assets
                .iter()
                .filter(|asset| known(asset).is_some_and(|known| !known.contains(action.get_ref().as_str())))
                .map(|asset| asset.get_ref().as_str())
                .collect();
            let Some(asset) = lacking.first() else { continue };
            let others = catalogue.assets.get(asset).into_iter().flatten().copied();
            let reason = format!("asset {} has no action {}", quoted(asset), quoted(action.get_ref()));
            self.error(action, reason).did_you_mean(action.get_ref(), others);
        }
    }
}
