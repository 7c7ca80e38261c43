//! Explanations as people read them.

use std::fmt;

use jiff::Timestamp;
use perennial_domain::lead::Priority;
use perennial_domain::qualify::Kind;
use perennial_playbook::Setting;

use super::{Explanation, PersonExplained, SortingLine, StepLine};

/// Steps in a row that say the same of the same, as one line for people.
struct Folded<'a> {
    first: &'a StepLine,
    last: &'a StepLine,
    engagements: usize,
}

fn folded(steps: &[StepLine]) -> Vec<Folded<'_>> {
    let mut lines: Vec<Folded<'_>> = Vec::new();
    for step in steps {
        let same = |first: &StepLine| {
            let unmarked = step.change == 0 && step.reaches.is_none();
            unmarked && (&first.label, &first.rule, first.points) == (&step.label, &step.rule, step.points)
        };
        match lines.last_mut() {
            Some(line) if same(line.first) => {
                line.engagements += step.engagements;
                line.last = step;
            }
            _ => lines.push(Folded { first: step, last: step, engagements: step.engagements }),
        }
    }
    lines
}

fn points(points: i64) -> String {
    if points == 1 { "1 point".to_owned() } else { format!("{points} points") }
}

fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M").to_string()
}

/// ` (playbook.toml:31)`, or that the default holds.
fn at_place(place: Option<&String>) -> String {
    place.map_or_else(String::new, |place| format!(" ({place})"))
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (who, what, at) = (&self.contact, &self.product_name, minute(self.at));
        let (score, threshold, version) = (points(self.points), self.threshold, &self.playbook_version);
        writeln!(f, "{who} · {what}: {score} at {at} UTC (threshold {threshold}, playbook {version})")?;
        for line in folded(&self.steps) {
            self.write_step(f, &line)?;
        }
        if self.too_old > 0 {
            let (are, s) = if self.too_old == 1 { ("is", "") } else { ("are", "s") };
            writeln!(f, "  {} older engagement{s} {are} not seen: a score looks back 28 cycles", self.too_old)?;
        }
        self.write_sum(f)?;
        self.write_leads(f)?;
        self.write_why_not(f)
    }
}

impl Explanation {
    fn write_step(&self, f: &mut fmt::Formatter<'_>, line: &Folded<'_>) -> fmt::Result {
        let step = line.first;
        let at = self.instant(step.at);
        let reaches = step.reaches.as_ref().map(|quarter| format!("   ▲ reaches {quarter}")).unwrap_or_default();
        if line.engagements > 1 && step.change == 0 && step.reaches.is_none() {
            let same = |other: &&StepLine| other.label == step.label;
            let all: usize = self.steps.iter().filter(same).map(|other| other.engagements).sum();
            let (count, until) = (line.engagements, self.instant(line.last.at));
            writeln!(f, "  {at}  {count} of {all} × {}, until {until}: no points", step.label)?;
        } else {
            let nothing = step.change == 0 && step.verdict != "scored";
            let change = if nothing { "no points".to_owned() } else { format!("{:+}", step.change) };
            let width = self.steps.iter().map(|step| step.label.chars().count()).max().unwrap_or(0);
            let label = if line.engagements > 1 {
                format!("{} × {}", line.engagements, step.label)
            } else {
                step.label.clone()
            };
            writeln!(f, "  {at}  {label:<width$} {change:>9} → {}{reaches}", step.points)?;
        }
        let indent = at.len() + 4;
        writeln!(f, "{:indent$}{}{}", "", step.rule, at_place(step.place.as_ref()))
    }

    /// To the minute; to the second where the gate has counted seconds.
    fn instant(&self, at: Timestamp) -> String {
        let seconds = Setting::SecondsAfterSending.to_string();
        let counted = self.steps.iter().any(|step| step.rule.starts_with(&seconds));
        if counted { at.strftime("%Y-%m-%d %H:%M:%S").to_string() } else { minute(at) }
    }

    fn write_sum(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "  {} = {} gained", self.points, self.gained)?;
        if self.lost > 0 {
            write!(f, " − {} lost", self.lost)?;
        }
        writeln!(f, " − {} decayed", self.decayed)?;
        let SortingLine { points, fit, engagement, fit_weight, from_fit, from_engagement, temperature, driver } =
            &self.sorting;
        let (rest, high) =
            (100 - fit_weight, if driver == "neither" { String::new() } else { format!("; high by {driver}") });
        writeln!(
            f,
            "  sorting score {points} = {from_fit} ({fit_weight} % of fit {fit}) + {from_engagement} ({rest} % of engagement {engagement}): {temperature}{high}"
        )
    }

    fn write_leads(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for lead in &self.leads {
            let (quarter, since) = (&lead.quarter, minute(lead.qualified_at));
            let named = |priority: &str| {
                Priority::named(priority).map_or_else(|| priority.to_owned(), |priority| priority.to_string())
            };
            // As what it was made; what it has become since follows.
            let priority = named(lead.asked_again.first().map_or(&lead.priority, |again| &again.was));
            let (status, version) = (&lead.status, &lead.playbook_version);
            let upsell = if lead.kind == Kind::Upsell.as_str() { "upsell " } else { "" };
            writeln!(
                f,
                "  ★ {upsell}lead of {quarter}: {priority} since {since} UTC, now {status} (made under playbook {version})"
            )?;
            for again in &lead.asked_again {
                let sla = if again.restarted_sla { "; the SLA counts from then on" } else { "" };
                writeln!(f, "    asked again on {} UTC: Act Now, told to its owner{sla}", minute(again.at))?;
            }
            if let Some(fact) = &lead.undone_by {
                let (at, action, asset) = (minute(fact.at), &fact.action, &fact.asset);
                writeln!(f, "    no longer stands: {action} {asset} ({:+}) of {at} UTC was learnt later", fact.points)?;
            } else if lead.reached_now == Some(false) {
                writeln!(f, "    under the present playbook and facts its quarter would not be reached")?;
            }
        }
        for held in &self.held {
            let (since, until) = (minute(held.since), minute(held.until));
            let rule = held.rule.as_ref().map(|rule| format!(", {rule}")).unwrap_or_default();
            let reason = format!("{}{rule}", held.reason);
            writeln!(f, "  held in {}: {reason}; since {since} UTC, decided again from {until} UTC on", held.quarter)?;
        }
        Ok(())
    }

    fn write_why_not(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for quarter in self.quarters.iter().filter(|quarter| quarter.outcome == "none") {
            let (name, at, score) = (&quarter.quarter, minute(quarter.at), points(quarter.points));
            writeln!(
                f,
                "  not an MQL in {name}, though reached on {at} UTC with {score}: no lead was made then; the next \
                 engagement of that quarter makes one"
            )?;
        }
        if self.quarters.iter().any(|quarter| quarter.quarter == self.quarter)
            || self.leads.iter().any(|lead| lead.quarter == self.quarter)
        {
            return Ok(());
        }
        let (quarter, highest, threshold) = (&self.quarter, points(self.highest), self.threshold);
        let place = at_place(self.threshold_place.as_ref());
        if self.highest < threshold {
            writeln!(f, "  not an MQL in {quarter}: at most {highest}, and the threshold is {threshold}{place}")?;
        } else {
            writeln!(
                f,
                "  not an MQL in {quarter}: nothing in it left the score at the threshold of {threshold}{place}"
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for PersonExplained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.contact)?;
        if let Some(account) = &self.account {
            write!(f, " at {account}")?;
        }
        writeln!(f, ": fit {} ({}){}", self.fit_grade, points(self.fit_points), self.who())?;
        for line in &self.fit {
            let (attribute, value, points) = (&line.attribute, &line.value, line.points);
            writeln!(f, "  fit      {attribute} {value} {points:+}{}", at_place(line.place.as_ref()))?;
        }
        for line in &self.account_interest {
            let (product, score, strongest) = (&line.product_name, points(line.points), &line.strongest);
            let people =
                if line.interested == 1 { "1 person".to_owned() } else { format!("{} people", line.interested) };
            writeln!(f, "  account  {product} {score} from {people}, most from {strongest}")?;
        }
        let reach = match (self.wants_no_calls, self.opted_out_of_mail) {
            (false, false) => None,
            (true, false) => Some("wants no calls"),
            (false, true) => Some("has opted out of mail"),
            (true, true) => Some("wants no calls and has opted out of mail"),
        };
        if let Some(reach) = reach {
            writeln!(f, "  reach    {reach}")?;
        }
        if !self.merged.is_empty() {
            writeln!(f, "  ids      also {}", self.merged.join(", "))?;
        }
        if let Some(owner) = &self.shares_address_with {
            writeln!(f, "  address  {owner} stated the same one first: no nurture mail to this contact")?;
        }
        for line in &self.quarantined {
            let (at, action, asset, reason) = (minute(line.at), &line.action, &line.asset, &line.reason);
            writeln!(f, "  waiting  {at}  {action} {asset}: in quarantine, {reason}")?;
        }
        Ok(())
    }
}

impl PersonExplained {
    fn who(&self) -> String {
        let persona = self.persona.as_ref().map(|persona| format!("; persona {persona}")).unwrap_or_default();
        let member: Vec<&str> =
            self.segments.iter().filter(|segment| segment.member).map(|segment| segment.segment.as_str()).collect();
        let segments = if member.is_empty() { String::new() } else { format!("; in {}", member.join(", ")) };
        format!("{persona}{segments}")
    }

    /// Every segment with the clauses that decide, for whoever asks why somebody is in it or not.
    pub fn segments_text(&self) -> String {
        let mut text = String::new();
        for segment in &self.segments {
            let place = at_place(segment.place.as_ref());
            let verb = if segment.member { "in" } else { "not in" };
            text.push_str(&format!("  {verb} {}{place}\n", segment.segment));
            for clause in segment.clauses.iter().filter(|clause| clause.decides) {
                let mark = if clause.holds { "✓" } else { "✗" };
                text.push_str(&format!("    {mark} {} ({})\n", clause.clause, clause.seen));
            }
        }
        text
    }
}
