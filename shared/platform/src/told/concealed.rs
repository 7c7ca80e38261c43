//! Addresses are not ids: where a sender names a contact or an account by address, the id is the address' keyed hash, so that
//! keys, events, queues and logs never hold it.

use super::{Told, What};
use crate::address::AddressKey;

impl Told {
    /// The same, with every contact and every account that is named by an address under the id that stands for it: an account
    /// under the same whether it is updated itself or is a contact's. Who is identified by an address, and says no other, has
    /// that one.
    #[must_use]
    pub fn concealed(mut self, addresses: &AddressKey) -> Self {
        match &mut self.what {
            What::ContactIdentified { contact, fields } => {
                if let Some(address) = conceal(contact, addresses) {
                    fields.entry("email".to_owned()).or_insert(address);
                }
                if let Some(account) = fields.get_mut("account") {
                    drop(conceal(account, addresses));
                }
            }
            What::Engagement { contact, .. }
            | What::Lead { contact, .. }
            | What::MailReported { contact }
            | What::MailBounced { contact, .. }
            | What::Unsubscribed { contact, .. }
            | What::Resubscribed { contact, .. }
            | What::PreferencesChanged { contact, .. } => drop(conceal(contact, addresses)),
            What::ContactMerged { from, contact } => {
                drop(conceal(from, addresses));
                drop(conceal(contact, addresses));
            }
            What::AccountUpdated { account, .. } => drop(conceal(account, addresses)),
            What::Unread {} => {}
        }
        self
    }
}

/// Replaces an id that is an address; the address.
fn conceal(id: &mut String, addresses: &AddressKey) -> Option<String> {
    let concealed = addresses.contact_id(id)?;
    Some(std::mem::replace(id, concealed).trim().to_owned())
}
