//! What is told of that the playbook does not have.

use std::fmt;

use perennial_platform::told::What;
use perennial_playbook::Playbook;

/// Something that the playbook does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unknown<'a> {
    Asset(&'a str),
    Action { asset: &'a str, action: &'a str },
    Product(&'a str),
}

impl Unknown<'_> {
    /// What kind of thing it is, without the id that was sent.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Asset(_) => "an asset is not in the playbook",
            Self::Action { .. } => "an asset has no such action in the playbook",
            Self::Product(_) => "a product is not in the playbook",
        }
    }
}

impl fmt::Display for Unknown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asset(asset) => write!(f, "asset \"{asset}\" is not in the playbook"),
            Self::Action { asset, action } => write!(f, "asset \"{asset}\" has no action \"{action}\" in the playbook"),
            Self::Product(product) => write!(f, "product \"{product}\" is not in the playbook"),
        }
    }
}

/// Why the playbook does not understand something, if it does not.
pub(crate) fn of<'a>(playbook: &Playbook, what: &'a What) -> Option<Unknown<'a>> {
    let knows_product = |id: &str| playbook.products.iter().any(|product| product.id.as_str() == id);
    match what {
        What::Engagement { asset, action, .. } => match playbook.interest.assets.get(asset.as_str()) {
            None => Some(Unknown::Asset(asset)),
            Some(rule) if !rule.actions.contains_key(action.as_str()) => Some(Unknown::Action { asset, action }),
            Some(_) => None,
        },
        What::Lead { product, .. } if !knows_product(product) => Some(Unknown::Product(product)),
        // What is said of accounts is always taken: news of one at risk must not wait for a playbook that knows its owner.
        _ => None,
    }
}
