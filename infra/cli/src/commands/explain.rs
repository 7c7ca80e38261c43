//! `perennial explain`: one contact's scores.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use jiff::Timestamp;
use perennial::account::Rows;
use perennial::data::{DataFolder, WORLDS};
use perennial::deployment::Deployment;
use perennial::explain::{Explanation, PersonExplained, explain, explain_person};
use perennial_domain::ids::ContactId;
use perennial_platform::ledger::Entry;
use serde_json::json;

use super::place::instant;
use super::{EXIT_CODES, Failed, load_playbook, playbook_folder, print_json, say};

/// Explain a contact's scores, step by step: what counted by which rule, what did not and why, each decay.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub struct Explain {
    /// The contact, by id or by email address.
    contact: String,
    /// One product; without it, all.
    product: Option<String>,
    /// At which instant: 2026-10-14, the end of that day UTC, or 2026-10-14T13:55:00Z [default: the world's now]. Fit,
    /// segments and what became of leads are as known now.
    #[arg(long, value_name = "TIME", value_parser = instant)]
    at: Option<Timestamp>,
    /// Folder of the world [default: the worlds below .perennial].
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Playbook folder or compiled playbook [default: infra/playbook].
    #[arg(long, value_name = "DIR")]
    playbook: Option<PathBuf>,
    /// Say of every segment why the contact is in it or not.
    #[arg(long)]
    segments: bool,
    /// Print one JSON document instead of lines.
    #[arg(long)]
    json: bool,
}

impl Explain {
    pub async fn run(self) -> Result<(), Failed> {
        let playbook = load_playbook(&playbook_folder(self.playbook.clone()))?;
        if let Some(product) =
            self.product.as_ref().filter(|id| !playbook.products.iter().any(|p| p.id.as_str() == **id))
        {
            let known: Vec<&str> = playbook.products.iter().map(|product| product.id.as_str()).collect();
            let known = known.join(", ");
            let near = nearest(product, playbook.products.iter().map(|product| product.id.as_str()));
            return Err(Failed(vec![format!(
                "error: \"{product}\" is not a product of the playbook; there are {known}{near}"
            )]));
        }
        let folders = DataFolder::existing(self.data.as_deref());
        if folders.is_empty() {
            let place = self.data.as_deref().unwrap_or(Path::new(WORLDS)).display();
            let what =
                format!("error: there is no world in {place} yet: run `perennial up` or `perennial replay` first");
            return Err(Failed(vec![what]));
        }
        let mut near = String::new();
        for folder in &folders {
            // A copy: the world may be served by another process, and a question changes nothing.
            let copy = folder.snapshot()?;
            let deployment = Deployment::open_copy(Arc::clone(&playbook), &copy).await?;
            let rows = Rows::read(&deployment).await?;
            let at = self.at.unwrap_or_else(|| deployment.world.clock().now());
            let Some(contact) = self.find(&rows) else {
                near = nearest(&self.contact, rows.contacts.keys().map(ContactId::as_str));
                continue;
            };
            let wanted = |product: &str| self.product.as_ref().is_none_or(|wanted| wanted == product);
            let explanations: Vec<Explanation> = rows
                .interests
                .keys()
                .filter(|(who, product)| *who == contact && wanted(product.as_str()))
                .filter_map(|(_, product)| explain(&playbook, &rows, &contact, product, at))
                .collect();
            let person = explain_person(&playbook, &rows, &contact, at);
            return self.print(&person, &explanations);
        }
        let places: Vec<String> = folders.iter().map(|folder| folder.path().display().to_string()).collect();
        let who = if self.contact.contains('@') { "this address" } else { &self.contact };
        Err(Failed(vec![format!("error: nothing is known of {who} in {}{near}", places.join(" or "))]))
    }

    fn find(&self, rows: &Rows) -> Option<ContactId> {
        // A merged id is the contact that stays.
        let id = rows.identities.resolve(&ContactId::from(self.contact.as_str()))?;
        if rows.contacts.contains_key(&id) || rows.interests.keys().any(|(contact, _)| *contact == id) {
            return Some(id);
        }
        let here = |profile: &perennial_platform::records::Profile| {
            profile.fields().get("email").is_some_and(|email| email.eq_ignore_ascii_case(&self.contact))
        };
        let told = |entry: &&Entry| rows.contact_of(entry).as_ref() == Some(&id);
        if rows.ledger.iter().find(told).is_some() {
            return Some(id);
        }
        rows.contacts.iter().find(|(_, profile)| here(profile)).map(|(id, _)| id.clone())
    }

    fn print(&self, person: &PersonExplained, explanations: &[Explanation]) -> Result<(), Failed> {
        if self.json {
            return print_json(&json!({"person": person, "interests": explanations}));
        }
        say(person)?;
        if self.segments {
            say(person.segments_text())?;
        }
        if explanations.is_empty() {
            let product = self.product.as_ref().map(|product| format!(" with {product}")).unwrap_or_default();
            say(format_args!("  no engagement{product}\n"))?;
        }
        for explanation in explanations {
            say(explanation)?;
        }
        Ok(())
    }
}

/// `; did you mean "…"?`, if a known name is near to what was written.
pub(super) fn nearest<'a>(written: &str, known: impl Iterator<Item = &'a str>) -> String {
    let distance = |name: &str| strsim::damerau_levenshtein(&written.to_lowercase(), &name.to_lowercase());
    let near = known.map(|name| (distance(name), name)).filter(|(distance, _)| *distance <= 3).min();
    near.map(|(_, name)| format!("; did you mean \"{name}\"?")).unwrap_or_default()
}
