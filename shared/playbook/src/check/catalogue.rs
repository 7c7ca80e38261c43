//! Products and assets: what there is to be interested in, and what interest is worth.

use std::collections::BTreeSet;

use crate::places::Places;
use crate::problem::quoted;
use crate::source::{Asset, Product, Text};

use super::Check;

impl Check<'_> {
    pub(super) fn catalogue(&mut self) {
        let source = self.source;
        self.ids("product", source.products.iter().map(|product| &product.id));
        self.ids("asset", source.assets.iter().map(|asset| &asset.id));
        if source.products.is_empty() {
            self.findings.error(self.page.at(0), "no [[product]]: interest is scored by product");
        }
        for product in &source.products {
            self.filled("the product's name", &product.name);
            self.one_engagement_is_enough(product);
        }
        for asset in &source.assets {
            self.asset(asset);
        }
        self.actions_of_one_asset();
    }

    fn asset(&mut self, asset: &Asset) {
        let who = format!("asset {}", quoted(asset.id.get_ref()));
        self.filled("the asset's title", &asset.title);
        if asset.products.get_ref().is_empty() {
            self.error(&asset.products, format!("{who} names no product"));
        }
        let source = self.source;
        let products = source.products.iter().map(|product| product.id.get_ref().as_str()).collect();
        let mut named = BTreeSet::new();
        for product in asset.products.get_ref() {
            self.exists(&who, "product", product, &products);
            if !named.insert(product.get_ref()) {
                self.error(product, format!("{who} names product {} twice", quoted(product.get_ref())));
            }
        }
        self.actions(&who, asset);
    }

    /// What can be done with an asset, and what it is worth.
    fn actions(&mut self, who: &str, asset: &Asset) {
        self.points(&format!("{who}: points of"), &asset.points);
        let worth = asset.worth(&self.source.interest.points);
        for action in worth.keys() {
            self.id("action", action);
        }
        let mut named = BTreeSet::new();
        for action in asset.actions.iter().filter(|action| !named.insert(action.get_ref())) {
            self.error(action, format!("{who} names action {} twice", quoted(action.get_ref())));
        }
        let actions: BTreeSet<&str> = worth.keys().map(|action| action.get_ref().as_str()).collect();
        for (list, names) in [("act_now", &asset.act_now), ("call_now", &asset.call_now)] {
            for action in names.iter().filter(|action| !actions.contains(action.get_ref().as_str())) {
                let reason =
                    format!("{who} has {} in {list} but neither in actions nor in points", quoted(action.get_ref()));
                self.error(action, reason).did_you_mean(action.get_ref(), actions.iter().copied());
            }
        }
        if worth.is_empty() {
            self.error(&asset.id, format!("{who} has neither actions nor points: nothing can be done with it"));
        } else if asset.act_now.is_empty() && worth.values().all(|points| *points == 0) {
            let without = if asset.call_now.is_empty() {
                "it shows in the history and raises no interest"
            } else {
                "its call_now marks a lead for a call, and raises no interest that would make one"
            };
            self.warn(&asset.id, format!("{who} never gives points: {without}"));
        }
    }

    /// The trap in the figures of the practice: a guide of 10 and a threshold of 5. Actions that make a lead at once are
    /// meant to be enough alone.
    fn one_engagement_is_enough(&mut self, product: &Product) {
        let threshold = *product.threshold.as_ref().unwrap_or(&self.source.interest.threshold).get_ref();
        if threshold < 1 {
            return;
        }
        let source = self.source;
        let tagged = source
            .assets
            .iter()
            .filter(|asset| asset.products.get_ref().iter().any(|id| id.get_ref() == product.id.get_ref()));
        let enough: Vec<(&Asset, &Text, i64)> = tagged
            .flat_map(|asset| {
                asset.worth(&source.interest.points).into_iter().map(move |(action, points)| (asset, action, points))
            })
            .filter(|(asset, action, points)| *points >= threshold && !asset.act_now.contains(action))
            .collect();
        let Some(((asset, action, points), others)) = enough.split_first() else { return };
        let and = match others.len() {
            0 => String::new(),
            1 => ", and so does one other".to_owned(),
            more => format!(", and so do {more} others"),
        };
        let id = |id: &Text| quoted(id.get_ref());
        let reason = format!(
            "a single {} of {} ({points}) makes a lead alone{and}: the threshold of {} is {threshold}. Fine if you mean it; else lower the points or raise the threshold",
            id(action),
            id(&asset.id),
            id(&product.id)
        );
        let places = Places::read(source, self.page.text);
        let place = places.action(&asset.id.get_ref().as_str().into(), &action.get_ref().as_str().into());
        self.findings.warn(place.unwrap_or_else(|| self.page.at_span(asset.id.span())), reason);
    }
}
