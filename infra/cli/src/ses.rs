//! Whether mail can be sent as the company: what SES and DNS say of the sender's domain, judged.
//!
//! | part | owns |
//! |---|---|
//! | [`facts`] | what SES says of the account, the identity and the configuration set, and what DNS says of their domains |
//! | [`dns`] | asking a name server |
//! | [`judge`] | what of it is wrong, why that matters, and what to publish |
//!
//! What it never does: change anything in SES or DNS.

pub mod dns;
pub mod facts;
pub mod judge;
