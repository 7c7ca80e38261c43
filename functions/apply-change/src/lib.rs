//! Profiles, accounts, consent, merges and sales outcomes become state, field by field, newer wins.
//!
//! Each change is repeatable and free of order: a redelivered record changes nothing. Each asks first whom its contact stands
//! for: what is told of a merged id is applied to the contact that stays, what is told of an erased one is dropped, together
//! with the ledger's entry. What waits in quarantine is never applied here, only forgotten if it names somebody erased.

use std::collections::BTreeSet;
use std::sync::Arc;

use aws_lambda_events::dynamodb::Event as StreamEvent;
use perennial_domain::ids::{AccountId, ContactId, ProductId};
use perennial_domain::interest::instant;
use perennial_domain::lead::Word;
use perennial_platform::address::{AddressKey, addresses_in};
use perennial_platform::clock::Clock;
use perennial_platform::consent::LookAgain;
use perennial_platform::failure::Failure;
use perennial_platform::identity::moving::Moving;
use perennial_platform::identity::profiles::{self, Identified};
use perennial_platform::identity::{self, Merging, Resolved, erasing};
use perennial_platform::keys;
use perennial_platform::lambda::{BatchAnswer, new_image};
use perennial_platform::landing::Landing;
use perennial_platform::leads::{self, Applied, Meant};
use perennial_platform::ledger::{Entry, Kind, Ledger};
use perennial_platform::records::day_number;
use perennial_platform::store::{ATTEMPTS, Store, back_off};
use perennial_platform::told::{Subject, What};
use perennial_platform::{cadence, consent, held};
use perennial_playbook::Playbook;

/// The use case, with all it needs.
#[derive(Debug)]
pub struct ApplyChange {
    /// The state table.
    pub store: Store,
    /// The ledger: what was told of somebody who was erased goes.
    pub ledger: Ledger,
    /// How addresses are hashed.
    pub address_key: AddressKey,
    /// The team's calendar, and what engagements are worth.
    pub playbook: Arc<Playbook>,
    /// What time it is.
    pub clock: Clock,
}

/// What became of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    /// It is applied, or changes nothing.
    Applied,
    /// The contact was merged or erased meanwhile: ask again whom it stands for.
    Moved,
    /// It tells of somebody who was erased.
    OfErased,
}

impl Change {
    fn unless_moved(applied: bool) -> Self {
        if applied { Self::Applied } else { Self::Moved }
    }
}

impl ApplyChange {
    /// Applies a batch of the ledger's stream; a batch never fails as a whole.
    ///
    /// # Errors
    /// None: failures are reported record by record.
    pub async fn handle(&self, batch: StreamEvent) -> Result<BatchAnswer, Failure> {
        let mut answer = BatchAnswer::default();
        for record in batch.records {
            let (sequence_number, entry) = new_image::<Entry>(record);
            let applied = match entry {
                Ok(entry) => self.apply(&entry).await,
                Err(failure) => Err(failure),
            };
            if let Err(failure) = applied {
                answer.fail(&sequence_number, &failure);
            }
        }
        Ok(answer)
    }

    async fn apply(&self, entry: &Entry) -> Result<(), Failure> {
        if entry.kind == Kind::Quarantined {
            return self.forget_if_erased(entry).await;
        }
        let told = match (&entry.told, entry.told.subject()) {
            (What::ContactMerged { from, contact }, _) => {
                return self.merge(entry, &from.as_str().into(), &contact.as_str().into()).await;
            }
            (What::AccountUpdated { account, fields }, _) => {
                let account = AccountId::from(account.as_str());
                let key = keys::account_profile(&account);
                // What this tells of is told by the daily run too, if it breaks off in between.
                return match profiles::update_account(&self.store, &key, fields, entry.happened_at).await? {
                    true => held::news_of_account(&self.store, &account, self.clock.now()).await,
                    false => Ok(()),
                };
            }
            (_, Subject::Contact(contact)) => ContactId::from(contact),
            (_, Subject::Account(_) | Subject::Nobody) => return Ok(()),
        };
        for attempt in 0..ATTEMPTS {
            let Some(contact) = identity::resolve(&self.store, &told).await?.or(&told) else {
                return self.ledger.forget(&entry.key()).await;
            };
            match self.apply_to(&contact, entry).await? {
                Change::Applied => return Ok(()),
                Change::OfErased => return self.ledger.forget(&entry.key()).await,
                Change::Moved => back_off(attempt).await,
            }
        }
        Err(Failure::Conflict { operation: "change" })
    }

    /// Forgets what waits in quarantine and names somebody who was erased: by id, as one that is merged, or, of whomever it
    /// tells, by an address anywhere in the event, which each statement that waits holds.
    async fn forget_if_erased(&self, entry: &Entry) -> Result<(), Failure> {
        let mut named = Vec::new();
        if let Subject::Contact(subject) = entry.told.subject() {
            named.push(ContactId::from(subject));
        }
        let mut addresses = entry.body.as_deref().map(addresses_in).unwrap_or_default();
        match &entry.told {
            What::ContactMerged { contact, .. } => named.push(contact.as_str().into()),
            What::ContactIdentified { fields, .. } => addresses.extend(fields.get("email").cloned()),
            _ => {}
        }
        let hashes: BTreeSet<_> = addresses.iter().map(|address| self.address_key.hash(address)).collect();
        named.extend(hashes.iter().map(|hash| keys::address_contact(hash)));
        for contact in &named {
            if identity::resolve(&self.store, contact).await? == Resolved::Erased {
                return self.ledger.forget(&entry.key()).await;
            }
        }
        Ok(())
    }

    /// Applies what was told to the contact that it is about by now.
    async fn apply_to(&self, contact: &ContactId, entry: &Entry) -> Result<Change, Failure> {
        let (store, key, at) = (&self.store, &self.address_key, instant(entry.happened_at));
        match &entry.told {
            What::ContactIdentified { fields, .. } => {
                let identified = profiles::identify(store, key, contact, fields, entry.happened_at).await?;
                let Identified::Known { adopts } = identified else {
                    return Ok(if identified == Identified::OfErased { Change::OfErased } else { Change::Moved });
                };
                if let Some(adopts) = adopts {
                    self.moving().finish(&adopts).await?;
                }
                let (rows, now) = (store.contact(contact).await?, self.clock.now());
                cadence::begin(store, contact, &rows, now).await?;
                held::news_of_contact(store, &rows, now).await.map(|()| Change::Applied)
            }
            What::Lead { product, quarter, .. } => {
                let quarter = quarter.as_deref().and_then(|quarter| quarter.parse().ok());
                let product = ProductId::from(product.as_str());
                let meant = Meant { contact, product: &product, quarter };
                let word = entry.told.word(entry.happened_at).ok_or_else(|| Failure::shape("lead", "until"))?;
                self.word_from_sales(&meant, &word).await
            }
            // Mail of another system counts against the cap.
            What::MailReported { .. } => {
                let day = day_number(self.playbook.calendar.date(at));
                cadence::count_mail(store, contact, day, None).await.map(Change::unless_moved)
            }
            // Of our own mail it was recorded before it was told, and for the address that bounced: who has another by now is left
            // alone.
            What::MailBounced { .. } if entry.is_our_own() => Ok(Change::Applied),
            What::MailBounced { permanent: true, .. } => {
                consent::bounce(store, key, contact, at).await.map(Change::unless_moved)
            }
            What::Unsubscribed { .. } => {
                let source = entry.sk.split('#').next().unwrap_or_default();
                consent::unsubscribe(store, key, contact, source, at).await.map(Change::unless_moved)
            }
            What::PreferencesChanged { .. } => {
                let choices = entry.told.choices().unwrap_or_default();
                consent::choose(store, contact, &choices, at, self.look_again()).await.map(Change::unless_moved)
            }
            What::Resubscribed { .. } => {
                consent::resubscribe(store, key, contact, at, self.look_again()).await.map(Change::unless_moved)
            }
            // A passing trouble says nothing about the address; the ledger keeps it.
            What::MailBounced { permanent: false, .. }
            | What::Engagement { .. }
            | What::AccountUpdated { .. }
            | What::ContactMerged { .. }
            | What::Unread {} => Ok(Change::Applied),
        }
    }

    fn look_again(&self) -> LookAgain {
        LookAgain::tomorrow(&self.playbook.calendar, self.clock.now())
    }

    async fn word_from_sales(&self, meant: &Meant<'_>, word: &Word) -> Result<Change, Failure> {
        let now = self.clock.now();
        let mut applied = leads::apply(&self.store, meant, word, now).await?;
        if applied == Applied::NoLead {
            if self.moves_with(meant.contact).await? {
                return Ok(Change::Moved);
            }
            // What was under way may have ended between the two.
            applied = leads::apply(&self.store, meant, word, now).await?;
        }
        let said = word.said;
        match applied {
            Applied::Refused(refused) => tracing::warn!(%refused, "a word from sales was refused"),
            Applied::NoLead => tracing::warn!(%said, "a word from sales fits no lead"),
            // Also what changes nothing: whoever applied it before may have died, or was the desk, which tells nobody who waits.
            Applied::Moved(_) | Applied::Noted { .. } | Applied::Unchanged { .. } => {
                held::news_from_sales(&self.store, meant.contact, meant.product, now).await?;
            }
        }
        Ok(Change::Applied)
    }

    /// Whether a lead may be elsewhere for now: it has gone with its contact, or is still on its way from an id that was merged
    /// into it. Such a merge is finished here: whoever began it may have died.
    async fn moves_with(&self, contact: &ContactId) -> Result<bool, Failure> {
        if identity::resolve(&self.store, contact).await? != Resolved::Same {
            return Ok(true);
        }
        let moving = identity::moving_into(&self.store, &self.address_key, contact).await?;
        for from in &moving {
            self.moving().finish(from).await?;
        }
        Ok(!moving.is_empty())
    }

    /// Two ids are one person: the first merge of an id stands.
    async fn merge(&self, entry: &Entry, from: &ContactId, to: &ContactId) -> Result<(), Failure> {
        let (now, source) = (self.clock.now(), entry.sk.split('#').next().unwrap_or_default());
        match identity::point(&self.store, from, to, source, now).await? {
            Merging::Move(_) => self.moving().finish(from).await,
            Merging::Done => Ok(()),
            Merging::Refused => {
                tracing::warn!(source, "merge refused: the id was merged into another contact before");
                match identity::resolve(&self.store, to).await? {
                    Resolved::Erased => self.ledger.forget(&entry.key()).await,
                    Resolved::Same | Resolved::Into(_) => Ok(()),
                }
            }
            Merging::IntoErased if self.is_known(from).await? => {
                tracing::warn!(source, "merge refused: the contact that stays was erased, and the other is known");
                self.ledger.forget(&entry.key()).await
            }
            Merging::OfErased | Merging::IntoErased => {
                erasing::erase(&self.store, &self.ledger, &self.address_key, from, now).await?;
                self.ledger.forget(&entry.key()).await
            }
        }
    }

    /// Whether somebody has said who it is, or sales has it, or either may be so of one that is still moving into it: then it does
    /// not go with another, whom a sender may have confused it with.
    async fn is_known(&self, contact: &ContactId) -> Result<bool, Failure> {
        let rows = self.store.contact(contact).await?;
        Ok(rows.profile.is_some()
            || !rows.leads.is_empty()
            || !identity::moving_into(&self.store, &self.address_key, contact).await?.is_empty())
    }

    fn moving(&self) -> Moving<'_> {
        let landing = Landing { store: &self.store, rules: &self.playbook.interest, now: self.clock.now() };
        Moving { landing, ledger: &self.ledger, key: &self.address_key }
    }
}
