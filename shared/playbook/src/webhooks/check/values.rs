//! Values of a rule's fields: places, meanings, and what is named outright.

use crate::problem::quoted;
use crate::source::{Placed, Text};
use crate::sources::Origin;
use crate::sources::native::{DATES, FLAGS, NUMBERS};

use super::super::compile;
use super::super::written::{Meanings, View};
use super::{Check, MOST_TIMES};

impl Check<'_> {
    /// A value of the field `name`; `within`: the rule goes through a list.
    pub(super) fn value(&mut self, name: &str, view: &View<'_>, within: bool) {
        if view.from.is_empty() {
            let place = self.page.at_span(view.at.clone());
            self.findings.error(place, format!("{name} takes its value from nowhere: the list is empty"));
        }
        for text in &view.from {
            self.place(name, text, within);
        }
        self.meanings(view);
        self.named_outright(name, view);
        if let Some(unit) = view.unit.filter(|_| !DATES.contains(&name)) {
            self.error(unit, format!("unit is for times, and {name} is none"));
        }
        if let Some(times) = view.times {
            self.within("times", times, 1, MOST_TIMES);
            if !NUMBERS.contains(&name) {
                self.error(times, format!("times is for numbers, and {name} is none"));
            }
        }
    }

    fn place(&mut self, name: &str, text: &Text, within: bool) {
        match compile::origin(text.get_ref()) {
            Origin::Event(pointer) => self.pointer(name, text, &pointer),
            Origin::Element(pointer) => {
                if !within {
                    self.element_of_nothing(name, text);
                }
                self.pointer(name, text, &pointer);
            }
            // Whom or what an event tells of stands in the event.
            Origin::Text(_) if ["contact", "account", "from"].contains(&name) => {
                let reason = format!("{name} would be the same for every event: a place in the event begins with /");
                let near = format!("/{}", text.get_ref());
                self.error(text, reason).did_you_mean(text.get_ref(), [near.as_str()]);
            }
            Origin::Text(_) => {}
        }
    }

    /// A place in an element, where there is none.
    pub(super) fn element_of_nothing(&mut self, name: &str, text: &Text) {
        let place = quoted(text.get_ref());
        self.error(text, format!("{name} is {place}, a place in an element, and the rule has no for_each"));
    }

    fn meanings(&mut self, view: &View<'_>) {
        let written = self.written;
        match view.is.map(|is| (is, is.get_ref())) {
            Some((is, Meanings::Here(meanings))) if meanings.is_empty() => {
                self.error(is, "is lists nothing: no value would count as there");
            }
            Some((is, Meanings::Named(name))) => match compile::list(&written.names, name) {
                None if self.is_unread("names") => {}
                None => {
                    let reason = format!("no names {}: write them under [names.…]", quoted(name));
                    let known = written.names.keys().map(|known| known.get_ref().as_str());
                    self.error(is, reason).did_you_mean(name, known);
                }
                Some(list) if list.is_empty() => {
                    self.error(is, format!("the names {} are empty: no value would count as there", quoted(name)));
                }
                Some(_) => {}
            },
            _ => {}
        }
    }

    /// What a field can be without looking into an event: what is written for it, what values mean, what holds otherwise.
    pub(super) fn literals(&self, view: &View<'_>) -> Vec<Text> {
        let meanings = match view.is.map(|is| is.get_ref()) {
            Some(Meanings::Here(meanings)) => Some(meanings),
            Some(Meanings::Named(name)) => compile::list(&self.written.names, name),
            None => None,
        };
        let literal =
            |literal: &Placed<super::super::written::Literal>| Placed::at(literal.span(), literal.get_ref().0.clone());
        let texts = view.from.iter().filter(|text| matches!(compile::origin(text.get_ref()), Origin::Text(_))).cloned();
        let texts = texts.filter(|_| view.is.is_none());
        texts
            .chain(meanings.into_iter().flat_map(|list| list.values()).map(literal))
            .chain(view.otherwise.map(literal))
            .collect()
    }

    /// What is named outright must exist.
    fn named_outright(&mut self, name: &str, view: &View<'_>) {
        let literals = self.literals(view);
        for text in &literals {
            let value = text.get_ref().as_str();
            match (name, self.catalogue) {
                (flag, _) if FLAGS.contains(&flag) && !["true", "false"].contains(&value) => {
                    self.error(text, format!("{flag} is neither true nor false"));
                }
                ("product", Some(catalogue)) if !catalogue.products.contains(value) => {
                    self.no_such(text, "product", catalogue.products.iter().copied());
                }
                ("asset", Some(catalogue)) if !catalogue.assets.contains_key(value) => {
                    self.no_such(text, "asset", catalogue.assets.keys().copied());
                }
                ("action", Some(catalogue)) if !catalogue.assets.values().any(|actions| actions.contains(value)) => {
                    self.no_such(text, "action", catalogue.assets.values().flatten().copied());
                }
                _ => {}
            }
        }
    }

    fn no_such<'k>(&mut self, text: &Text, kind: &str, known: impl Iterator<Item = &'k str>) {
        let reason = format!("{kind} {} does not exist", quoted(text.get_ref()));
        self.error(text, reason).did_you_mean(text.get_ref(), known);
    }
}
