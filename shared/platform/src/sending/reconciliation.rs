//! How far the suppression list of SES was taken over: up to when, and where a run broke off.
//!
//! A list may be longer than one call can take over. Where a run got to is remembered page by page, so that the next one goes on
//! there. What SES has as a token is kept only as long as a run is under way.

use jiff::Timestamp;

use super::Sending;
use crate::failure::Failure;
use crate::keys;
use crate::store::{Change, Item, integer, number, string, text};

const RECONCILED_AT: &str = "reconciled_at";
const BEGAN_AT: &str = "reconciling_for";
const ASKED_FROM: &str = "reconciling_from";
const TOKEN: &str = "reconciling_token";

/// A run that is under way, or broke off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// For when it was scheduled: what came onto the list later may be missing.
    pub began_at: Timestamp,
    /// Asked for is what came onto the list since then; all of it if there is none.
    pub from: Option<Timestamp>,
    /// Where it goes on, in the words of SES; at the beginning if there is none.
    pub token: Option<String>,
}

impl Run {
    fn read(item: &Item) -> Option<Self> {
        let instant = |name| integer(item, name).and_then(|at| Timestamp::from_second(at).ok());
        let token = text(item, TOKEN)?.to_owned();
        Some(Self { began_at: instant(BEGAN_AT)?, from: instant(ASKED_FROM), token: Some(token) })
    }
}

impl Sending {
    /// Up to when the suppression list of SES was taken over.
    ///
    /// # Errors
    /// [`Failure`] if the store could not be reached.
    pub async fn reconciled_at(&self) -> Result<Option<Timestamp>, Failure> {
        let item = self.store.get_item(&keys::sending()).await?;
        Ok(item.and_then(|item| integer(&item, RECONCILED_AT)).and_then(|at| Timestamp::from_second(at).ok()))
    }

    /// The run that broke off, if one did.
    ///
    /// # Errors
    /// [`Failure`] if the store could not be reached.
    pub async fn broken_off(&self) -> Result<Option<Run>, Failure> {
        Ok(self.store.get_item(&keys::sending()).await?.and_then(|item| Run::read(&item)))
    }

    /// Remembers where a run goes on; of one without a token, that none is under way.
    ///
    /// # Errors
    /// [`Failure`] if the store could not be reached.
    pub async fn set_under_way(&self, run: &Run) -> Result<(), Failure> {
        let Some(token) = &run.token else {
            let forget = format!("REMOVE #{BEGAN_AT}, #{ASKED_FROM}, #{TOKEN}");
            return self.store.apply("reconciliation", Change::of(keys::sending(), forget)).await.map(drop);
        };
        let from = if run.from.is_some() { format!(", #{ASKED_FROM} = :from") } else { String::new() };
        let forget = if run.from.is_none() { format!(" REMOVE #{ASKED_FROM}") } else { String::new() };
        let change = Change::of(keys::sending(), format!("SET #{BEGAN_AT} = :began, #{TOKEN} = :token{from}{forget}"))
            .with(":began", number(run.began_at.as_second()))
            .with(":token", string(token));
        let change = run.from.into_iter().fold(change, |change, from| change.with(":from", number(from.as_second())));
        self.store.apply("reconciliation", change).await.map(drop)
    }

    /// Remembers that it was taken over up to then.
    ///
    /// # Errors
    /// [`Failure`] if the store could not be reached.
    pub async fn set_reconciled(&self, at: Timestamp) -> Result<(), Failure> {
        let change = Change::of(keys::sending(), format!("SET #{RECONCILED_AT} = :at"))
            .only_if(format!("attribute_not_exists(#{RECONCILED_AT}) OR #{RECONCILED_AT} < :at"))
            .with(":at", number(at.as_second()));
        self.store.apply("reconciliation", change).await.map(drop)
    }
}
