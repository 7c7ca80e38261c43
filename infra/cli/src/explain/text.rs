//! Explanations as people read them.

use std::fmt;

use jiff::Timestamp;

use super::{Explanation, PersonExplained, StepLine};

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
        let (points, threshold, version) = (self.points, self.threshold, &self.playbook_version);
        writeln!(f, "{who} · {what}: {points} points at {at} UTC (threshold {threshold}, playbook {version})")?;
        for line in folded(&self.steps) {
            self.write_step(f, &line)?;
        }
        if self.too_old > 0 {
            writeln!(f, "  {} older engagements are not seen: a score looks back 28 cycles", self.too_old)?;
        }
        self.write_sum(f)?;
        self.write_leads(f)?;
        self.write_why_not(f)
    }
}

impl Explanation {
    fn write_step(&self, f: &mut fmt::Formatter<'_>, line: &Folded<'_>) -> fmt::Result {
        let (step, at) = (line.first, minute(line.first.at));
        let reaches = step.reaches.as_ref().map(|quarter| format!("   ▲ reaches {quarter}")).unwrap_or_default();
        if line.engagements > 1 {
            let same = |other: &&StepLine| other.label == step.label;
            let all: usize = self.steps.iter().filter(same).map(|other| other.engagements).sum();
            let (count, until) = (line.engagements, minute(line.last.at));
            writeln!(f, "  {at}  {count} of {all} × {}, until {until}: no points", step.label)?;
        } else {
            let change = if step.change == 0 { "no points".to_owned() } else { format!("{:+}", step.change) };
            writeln!(f, "  {at}  {:<56} {change:>4} → {}{reaches}", step.label, step.points)?;
        }
        writeln!(f, "{:20}{}{}", "", step.rule, at_place(step.place.as_ref()))
    }

    fn write_sum(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "  {} = {} gained", self.points, self.gained)?;
        if self.lost > 0 {
            write!(f, " − {} lost", self.lost)?;
        }
        writeln!(f, " − {} decayed", self.decayed)?;
        let sorting = &self.sorting;
        writeln!(
            f,
            "  sorting score {} = {} fit + {} engagement: {}; {}",
            sorting.points,
            sorting.from_fit,
            sorting.from_engagement,
            sorting.temperature,
            match sorting.driver.as_str() {
                "neither" => "neither is high".to_owned(),
                "fit and engagement" => "both are high".to_owned(),
                one => format!("{one} is high"),
            }
        )
    }

    fn write_leads(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for lead in &self.leads {
            let (quarter, since) = (&lead.quarter, minute(lead.qualified_at));
            let (priority, status, version) = (&lead.priority, &lead.status, &lead.playbook_version);
            writeln!(
                f,
                "  ★ lead of {quarter}: {priority} since {since} UTC, now {status} (made under playbook {version})"
            )?;
            if let Some(fact) = &lead.undone_by {
                let (at, action, asset) = (minute(fact.at), &fact.action, &fact.asset);
                writeln!(f, "    no longer stands: {action} {asset} ({:+}) of {at} UTC came late", fact.points)?;
            } else if !lead.reached_now {
                writeln!(f, "    under the present playbook and facts its quarter would not be reached")?;
            }
        }
        for held in &self.held {
            let until = minute(held.until);
            writeln!(f, "  held in {}: {}; decided again on {until} UTC", held.quarter, held.reason)?;
        }
        Ok(())
    }

    fn write_why_not(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for quarter in self.quarters.iter().filter(|quarter| quarter.outcome == "none") {
            let (name, at, points) = (&quarter.quarter, minute(quarter.at), quarter.points);
            writeln!(
                f,
                "  not an MQL in {name}, though reached on {at} UTC with {points} points: no lead was made then; the next \
                 engagement of that quarter makes one"
            )?;
        }
        if self.leads.is_empty() && self.quarters.is_empty() {
            let (highest, threshold, place) = (self.highest, self.threshold, at_place(self.threshold_place.as_ref()));
            writeln!(f, "  not an MQL: at most {highest} points, and the threshold is {threshold}{place}")?;
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
        writeln!(f, ": fit {} ({} points){}", self.fit_grade, self.fit_points, self.who())?;
        for line in &self.fit {
            let (attribute, value, points) = (&line.attribute, &line.value, line.points);
            writeln!(f, "  fit      {attribute} {value} {points:+}{}", at_place(line.place.as_ref()))?;
        }
        for line in &self.account_interest {
            let (product, points, strongest) = (&line.product_name, line.points, &line.strongest);
            let people =
                if line.interested == 1 { "1 person".to_owned() } else { format!("{} people", line.interested) };
            writeln!(f, "  account  {product} {points} points from {people}, most from {strongest}")?;
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
