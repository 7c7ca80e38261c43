//! A lead's history, as it is written: its words, and everything that they come to.

use aws_sdk_dynamodb::types::AttributeValue;
use perennial_domain::lead::{self, Standing, Word};
use serde::Serialize;

use crate::failure::Failure;
use crate::keys::{self, Job};
use crate::records::{Checks, Lead, Said};
use crate::store::{Change, number, string};

/// The change by which a lead holds these words and stands where they lead, if nobody has written it since it was read.
///
/// # Errors
/// [`Failure::Poison`] if it cannot be expressed, or if the lead holds a word that this version does not know, and so would lose.
pub(crate) fn holding(lead: &Lead, words: &[Word]) -> Result<Change, Failure> {
    if lead.history.iter().any(|said| said.word().is_none()) {
        return Err(Failure::shape("lead", "holds a word of a newer version of Perennial"));
    }
    let after = lead::standing(words);
    let stored: Vec<Said> = words.iter().map(Said::from).collect();
    let mut fields = vec![
        ("history", Some(attribute(&stored)?)),
        ("stage", Some(string(after.stage.as_str()))),
        ("stage_since", after.since.map(number)),
        // A word may be older than the lead, whose clock cannot have been stopped before it began.
        ("touched_at", after.touched.as_ref().map(|(at, _)| number((*at).max(lead.qualified_at)))),
        ("touched_by", after.touched.as_ref().map(|(_, by)| string(by.as_deref().unwrap_or("unknown")))),
        ("reason", after.reason.as_ref().map(string)),
        ("amount_cents", after.amount_cents.map(number)),
        ("checks", (!after.checks.is_empty()).then(|| attribute(&Checks::from(after.checks))).transpose()?),
        ("recycled_until", after.recycled_until.map(number)),
        ("later_until", after.later_until.map(number)),
        ("priority", Some(string(&lead.priority))),
        ("act_now_at", lead.act_now_at.map(number)),
        ("rev", Some(number(lead.rev + 1))),
    ];
    // A lead that closes leaves the desk, one that opens again comes back, and after the first word nobody waits for an answer.
    let listed = Lead { stage: after.stage.as_str().to_owned(), ..lead.clone() }.listed();
    fields.extend([
        ("desk_owner", listed.desk_owner.map(string)),
        ("desk_rank", listed.desk_rank.map(number)),
        ("sla_owner", listed.sla_owner.map(string)),
        ("sla_due_at", listed.sla_due_at.map(number)),
    ]);
    if due_changes(&lead.standing(), &after) {
        fields.push(("due_shard", after.later_until.map(|_| string(keys::due_shard(Job::Lead, &lead.contact_id())))));
        fields.push(("due_at", after.later_until.map(number)));
    }
    let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Ok(written(Change::none(lead.key()).only_if("#rev = :read").with(":read", number(lead.rev)), fields))
}

/// Whether something else is due: the first word stops the clock of the SLA, and from then on a lead is due only when its rep wants
/// to be reminded. A reminder that was given is not due again because of another word.
fn due_changes(before: &Standing, after: &Standing) -> bool {
    before.touched.is_none() || before.later_until != after.later_until
}

/// Sets what there is and removes what there is not.
pub(super) fn written(change: Change, fields: Vec<(String, Option<AttributeValue>)>) -> Change {
    let (mut set, mut remove) = (Vec::new(), Vec::new());
    let mut change = change;
    for (name, value) in fields {
        match value {
            Some(value) => {
                set.push(format!("#{name} = :{name}"));
                change = change.with(format!(":{name}"), value);
            }
            None => remove.push(format!("#{name}")),
        }
    }
    let mut update = format!("SET {}", set.join(", "));
    if !remove.is_empty() {
        update.push_str(&format!(" REMOVE {}", remove.join(", ")));
    }
    change.updating(update)
}

fn attribute(value: &impl Serialize) -> Result<AttributeValue, Failure> {
    serde_dynamo::to_attribute_value(value).map_err(|_| Failure::shape("lead", "not of the shape we give it"))
}
