//! Identifiers, one type each, so that a contact is never passed where an account is meant.

use std::borrow::Borrow;
use std::fmt;

macro_rules! id {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Wraps the text as it was given; ids are compared byte by byte.
            pub fn new(id: impl Into<String>) -> Self {
                Self(id.into())
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(id: &str) -> Self {
                Self(id.to_owned())
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    )*};
}

id! {
    /// A customer company.
    AccountId;
    /// A person at a customer company, as the sender of the webhook names them.
    ContactId;
    /// A product that can be owned or wanted.
    ProductId;
    /// A piece of content, an event or a page that is tagged with products.
    AssetId;
    /// What was done with an asset: `download`, `attend`, `click` …
    ActionId;
    /// One email as it was sent: the same for all clicks on it.
    EmailId;
    /// A nurture stream.
    StreamId;
    /// One email of a stream.
    PieceId;
    /// What a stream is about, as contacts may want it or not.
    TopicId;
    /// A sales representative or manager.
    RepId;
    /// A part of the market, as the playbook shares accounts out.
    TerritoryId;
    /// A segment of the playbook.
    SegmentId;
    /// A persona of the playbook.
    PersonaId;
}
