//! The native types: what Perennial can be told, and with which fields.
//!
//! Owns names only: what a source's rules may become. How a value must look is judged where it is read
//! (`platform::told`), and a test there holds the two against each other.

/// A native type and the fields of its `data`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NativeType {
    /// Its name, such as `engagement.recorded`.
    pub name: &'static str,
    /// The fields that it cannot do without.
    pub required: &'static [&'static str],
    /// The fields that it can have besides.
    pub optional: &'static [&'static str],
}

/// Every native type.
pub const TYPES: [NativeType; 14] = [
    NativeType { name: "engagement.recorded", required: &["contact", "asset", "action"], optional: &["email"] },
    NativeType {
        name: "contact.identified",
        required: &["contact"],
        optional: &["account", "email", "first_name", "last_name", "title", "role", "time_zone", "locale"],
    },
    NativeType { name: "contact.merged", required: &["from", "contact"], optional: &[] },
    NativeType {
        name: "account.updated",
        required: &["account"],
        optional: &[
            "name",
            "health",
            "owner",
            "size",
            "region",
            "industry",
            "maturity",
            "market",
            "customer_since",
            "revenue_cents",
            "purchases",
            "owns",
            "used",
            "ends",
            "seats",
            "seats_used",
        ],
    },
    NativeType { name: "lead.touched", required: &["contact", "product"], optional: &["quarter", "by", "reason"] },
    NativeType { name: "lead.accepted", required: &["contact", "product"], optional: &["quarter", "by", "reason"] },
    NativeType {
        name: "lead.opportunity",
        required: &["contact", "product"],
        optional: &["quarter", "by", "reason", "amount_cents", "budget", "authority", "need", "timing"],
    },
    NativeType {
        name: "lead.later",
        required: &["contact", "product", "until"],
        optional: &["quarter", "by", "reason"],
    },
    NativeType {
        name: "lead.won",
        required: &["contact", "product"],
        optional: &["quarter", "by", "reason", "amount_cents"],
    },
    NativeType { name: "lead.lost", required: &["contact", "product"], optional: &["quarter", "by", "reason"] },
    NativeType {
        name: "lead.rejected",
        required: &["contact", "product"],
        optional: &["quarter", "by", "reason", "until"],
    },
    NativeType { name: "email.reported", required: &["contact"], optional: &[] },
    NativeType { name: "email.bounced", required: &["contact", "permanent"], optional: &[] },
    NativeType { name: "email.unsubscribed", required: &["contact"], optional: &[] },
];

/// The fields that hold a value for each product.
pub const BY_PRODUCT: [&str; 5] = ["owns", "used", "ends", "seats", "seats_used"];

/// The fields whose value is a date or an instant.
pub const DATES: [&str; 5] = ["customer_since", "owns", "used", "ends", "until"];

/// The fields whose value is a whole number.
pub const NUMBERS: [&str; 5] = ["revenue_cents", "purchases", "seats", "seats_used", "amount_cents"];

/// The fields whose value is true or false.
pub const FLAGS: [&str; 5] = ["permanent", "budget", "authority", "need", "timing"];

impl NativeType {
    /// The type of this name.
    pub fn of(name: &str) -> Option<&'static Self> {
        TYPES.iter().find(|native| native.name == name)
    }

    /// Its fields, the required ones first.
    pub fn fields(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.required.iter().chain(self.optional).copied()
    }
}
