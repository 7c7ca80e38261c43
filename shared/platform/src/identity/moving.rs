//! What a merged id had, moved to the contact that stays.
//!
//! Every step can be repeated and can be interrupted anywhere: what is there is copied, and goes only if it is still as it was
//! read. Nobody adds to a merged id any more, since every writer checks the pointer, except facts: a new interest is noticed
//! by whoever adds to it (see [`crate::landing`]).
//!
//! The opt-out goes first, so that it holds before anything else can be mailed about; the profile goes last, so that the
//! address is somebody's at every moment. Slots stay where they are: they are history.

use aws_sdk_dynamodb::types::AttributeValue;
use perennial_domain::ids::{ContactId, ProductId};
use perennial_domain::interest::Facts;
use serde::de::DeserializeOwned;

use super::{Resolved, apply_to, erasing, listing, merged_into, profiles, resolve, unmoved};
use crate::address::AddressKey;
use crate::contact::ContactRows;
use crate::failure::Failure;
use crate::interest::{InterestItem, removed_at};
use crate::keys::{self, Job, Key};
use crate::landing::{Landed, Landing};
use crate::ledger::Ledger;
use crate::records::{Held, Lead};
use crate::store::{ATTEMPTS, Change, Commit, Item, Store, back_off, number, string};
use crate::{cadence, consent, held, leads};

/// What preferences say.
const PREFERENCES: [&str; 4] = ["unsubscribed", "unsubscribed_at", "source", "bounced_at"];
/// What a cadence says of mails. When the planner looks again is of no use to another.
const RECEIVED: [&str; 6] = ["last_mail_day", "last_promotion", "reserved_by", "reserved_day", "streams", "received"];

/// Moves what merged ids had.
#[derive(Clone, Copy, Debug)]
pub struct Moving<'a> {
    /// How facts land.
    pub landing: Landing<'a>,
    /// The ledger: what was told of an id goes with it when the contact that stays is erased meanwhile.
    pub ledger: &'a Ledger,
    /// How addresses are hashed.
    pub key: &'a AddressKey,
}

/// What came of one attempt.
enum Moved {
    /// All of it is there; this id, which stands for an address, is to be moved next.
    All(Option<ContactId>),
    /// Somebody wrote meanwhile, or the target was merged itself: look again.
    Raced,
}

impl Moving<'_> {
    /// Moves everything of an id to where it points. Does nothing if it points nowhere; if the contact that stays was erased,
    /// the id is erased too.
    ///
    /// # Errors
    /// [`Failure`] if the store could not be reached or every race was lost; then the rest is moved when it is asked again.
    pub async fn finish(&self, from: &ContactId) -> Result<(), Failure> {
        let mut next = Some(from.clone());
        while let Some(from) = next {
            next = self.finish_one(&from).await?;
        }
        Ok(())
    }

    async fn finish_one(&self, from: &ContactId) -> Result<Option<ContactId>, Failure> {
        for attempt in 0..ATTEMPTS {
            let to = match resolve(self.store(), from).await? {
                Resolved::Into(to) => to,
                Resolved::Same => return Ok(None),
                Resolved::Erased => return self.erase(from).await.map(|()| None),
            };
            if let Moved::All(adopts) = self.try_move(from, &to).await? {
                self.arrived(from, &to).await?;
                // Whoever erased the contact in the meantime did not know of this id perhaps.
                if resolve(self.store(), from).await? == Resolved::Erased {
                    self.erase(from).await?;
                }
                return Ok(adopts.filter(|adopts| adopts != from));
            }
            back_off(attempt).await;
        }
        Err(Failure::Conflict { operation: "merge move" })
    }

    async fn erase(&self, from: &ContactId) -> Result<(), Failure> {
        erasing::erase(self.store(), self.ledger, self.key, from, self.landing.now).await.map(drop)
    }

    fn store(&self) -> &Store {
        self.landing.store
    }

    async fn try_move(&self, from: &ContactId, to: &ContactId) -> Result<Moved, Failure> {
        let rows = self.store().contact(from).await?;
        if !self.preferences(from, to).await? {
            return Ok(Moved::Raced);
        }
        for lead in &rows.leads {
            if !self.lead(to, lead).await? {
                return Ok(Moved::Raced);
            }
        }
        for held in &rows.held {
            if !self.held(to, held).await? {
                return Ok(Moved::Raced);
            }
        }
        for (product, item) in &rows.interests {
            if !self.interest(from, to, product, item).await? {
                return Ok(Moved::Raced);
            }
        }
        if !self.cadence(from, to).await? || !self.merged(from, to, &rows).await? {
            return Ok(Moved::Raced);
        }
        let Some(profile) = &rows.profile else {
            // What nobody knew whose it was may have waited for just this.
            if !rows.held.is_empty() {
                let rows = self.store().contact(to).await?;
                held::news_of_contact(self.store(), &rows, self.landing.now).await?;
            }
            return Ok(Moved::All(None));
        };
        let Some(adopts) = profiles::unite(self.store(), self.key, (from, profile), to).await? else {
            return Ok(Moved::Raced);
        };
        let rows = self.store().contact(to).await?;
        cadence::begin(self.store(), to, &rows, self.landing.now).await?;
        held::news_of_contact(self.store(), &rows, self.landing.now).await?;
        Ok(Moved::All(adopts))
    }

    async fn preferences(&self, from: &ContactId, to: &ContactId) -> Result<bool, Failure> {
        let key = keys::preferences(from);
        let Some(item) = self.store().get_item(&key).await? else { return Ok(true) };
        if !consent::take_over(self.store(), to, &read(&item)?).await? {
            return Ok(false);
        }
        self.gone_as_read(key, &item, &PREFERENCES).await
    }

    /// Deletes what was taken over, if nobody has written these attributes of it since it was read.
    async fn gone_as_read(&self, key: Key, item: &Item, names: &[&str]) -> Result<bool, Failure> {
        let as_read = names.iter().map(|name| match item.contains_key(*name) {
            true => format!("#{name} = :{name}"),
            false => format!("attribute_not_exists(#{name})"),
        });
        let mut change = Change::none(key).only_if(as_read.collect::<Vec<_>>().join(" AND "));
        for (name, value) in names.iter().filter_map(|name| Some((name, item.get(*name)?))) {
            change = change.with(format!(":{name}"), value.clone());
        }
        let gone = self.store().remove(change)?;
        self.store().commit("merge move", vec![gone]).await.map(|commit| commit == Commit::Done)
    }

    /// The survivor's own lead of that product and quarter stays, with what sales said of both.
    async fn lead(&self, to: &ContactId, lead: &Lead) -> Result<bool, Failure> {
        let Some(quarter) = lead.quarter() else { return Ok(true) };
        let store = self.store();
        let (product, key) = (lead.product_id(), keys::lead(to, &lead.product_id(), quarter));
        let own: Option<Lead> = store.get(&key).await?;
        let mut marks = "ADD #leads :quarter, #rev :one".to_owned();
        let mut actions = match &own {
            None => {
                if lead.undone_by.is_some() {
                    marks.push_str(", #undone :quarter");
                }
                let due_shard = lead.due_shard.as_ref().map(|_| keys::due_shard(Job::Lead, to));
                let (contact, rev) = (to.to_string(), lead.rev + 1);
                let moved = Lead { pk: key.pk, sk: key.sk, contact, due_shard, rev, ..lead.clone() };
                vec![store.put_new(&moved.listed())?]
            }
            Some(own) => leads::united(store, own, lead, self.landing.now)?,
        };
        marks.push_str(" DELETE #held :quarter");
        let marks = Change::of(keys::interest(to, &product), marks)
            .with(":one", number(1))
            .with(":quarter", AttributeValue::Ss(vec![quarter.to_string()]));
        let gone = Change::none(lead.key()).only_if("#rev = :rev").with(":rev", number(lead.rev));
        actions.extend([
            store.change(marks)?,
            store.delete(&keys::held(to, &product, quarter))?,
            store.remove(gone)?,
            unmoved(store, to)?,
        ]);
        Ok(store.commit("lead move", actions).await? == Commit::Done)
    }

    async fn held(&self, to: &ContactId, held: &Held) -> Result<bool, Failure> {
        let store = self.store();
        let Some((product, quarter)) = keys::product_and_quarter(&held.sk) else { return Ok(true) };
        let key = keys::held(to, &product, quarter);
        let (contact, due_shard) = (to.to_string(), keys::due_shard(Job::Held, to));
        // Of somebody else it was held for something that may not hold here.
        let due_at = held.due_at.min(self.landing.now.as_second());
        let moved = Held { pk: key.pk, sk: key.sk, contact, due_shard, due_at, ..held.clone() };
        let mark = Change::of(keys::interest(to, &product), "ADD #held :quarter, #rev :one")
            .only_if("NOT contains(#leads, :lead)")
            .with(":one", number(1))
            .with(":lead", string(quarter.to_string()))
            .with(":quarter", AttributeValue::Ss(vec![quarter.to_string()]));
        let from = keys::Key { pk: held.pk.clone(), sk: held.sk.clone() };
        let gone = || store.delete(&from);
        let actions = vec![store.put_new(&moved)?, store.change(mark)?, gone()?, unmoved(store, to)?];
        match store.commit("held move", actions).await? {
            Commit::Done => Ok(true),
            Commit::Refused(failed) if failed.last() == Some(&true) => Ok(false),
            // The survivor has a lead of that quarter, or waits for it itself.
            Commit::Refused(_) => store.commit("held move", vec![gone()?]).await.map(|commit| commit == Commit::Done),
        }
    }

    async fn interest(
        &self,
        from: &ContactId,
        to: &ContactId,
        product: &ProductId,
        item: &InterestItem,
    ) -> Result<bool, Failure> {
        let facts: Vec<_> = item.facts.iter().map(|(name, second)| (name.clone(), second)).collect();
        let mut new = Facts::default();
        if !facts.is_empty() && self.landing.land(to, product, &facts, &mut new).await? == Landed::Nowhere {
            return Ok(false);
        }
        let gone = removed_at(self.store(), from, product, item.rev)?;
        Ok(self.store().commit("interest move", vec![gone]).await? == Commit::Done)
    }

    async fn cadence(&self, from: &ContactId, to: &ContactId) -> Result<bool, Failure> {
        let key = keys::cadence(from);
        let Some(item) = self.store().get_item(&key).await? else { return Ok(true) };
        if !cadence::take_over(self.store(), to, from, &read(&item)?).await? {
            return Ok(false);
        }
        self.gone_as_read(key, &item, &RECEIVED).await
    }

    /// The ids that had been merged into this one point to the new contact, so that chains stay short.
    async fn merged(&self, from: &ContactId, to: &ContactId, rows: &ContactRows) -> Result<bool, Failure> {
        let merged = merged_into(self.store(), from, rows).await?;
        if merged.is_empty() {
            return Ok(true);
        }
        for (id, moving) in merged {
            let (key, update, condition) = match keys::address_hash(&id) {
                Some(hash) => (keys::address_owner(hash), "SET #contact = :to ADD #rev :one", "#contact = :from"),
                None => (keys::pointer(&id), "SET #into = :to", "#into = :from"),
            };
            let mut change = Change::of(key, update)
                .only_if(condition)
                .with(":to", string(to.as_str()))
                .with(":from", string(from.as_str()));
            if keys::address_hash(&id).is_some() {
                change = change.with(":one", number(1));
            }
            self.store().apply("pointer move", change).await?;
            if apply_to(self.store(), to, "pointer move", listing(to, &id, self.landing.now, moving)).await?.is_none() {
                return Ok(false);
            }
            let gone = self.store().delete(&keys::merged_id(from, &id))?;
            self.store().commit("pointer move", vec![gone]).await?;
        }
        // As they were once kept.
        let gone = self.store().delete(&keys::merged(from))?;
        self.store().commit("pointer move", vec![gone]).await.map(|commit| commit == Commit::Done)
    }

    /// Everything is there. The pointer says so last: whoever repeats the merge asks that.
    async fn arrived(&self, from: &ContactId, to: &ContactId) -> Result<(), Failure> {
        let listed = Change::of(keys::merged_id(to, from), "REMOVE #moving").only_if("attribute_exists(#moving)");
        self.store().apply("merge done", listed).await?;
        let change = match keys::address_hash(from) {
            Some(hash) => {
                Change::of(keys::address_owner(hash), "REMOVE #adopting ADD #rev :one").with(":one", number(1))
            }
            None => Change::of(keys::pointer(from), "REMOVE #moving"),
        };
        let moving = change.only_if("attribute_exists(#moving) OR attribute_exists(#adopting)");
        self.store().apply("merge done", moving).await.map(drop)
    }
}

fn read<T: DeserializeOwned>(item: &Item) -> Result<T, Failure> {
    serde_dynamo::from_item(item.clone()).map_err(|_| Failure::shape("contact item", "not of the shape we give it"))
}
