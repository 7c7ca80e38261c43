//! How fast mail goes out, and to whom while one is trying things out.

use std::fmt;

use perennial_domain::sending::{Ramp, SendingRules};

use crate::source::{Sending as Written, Text};

/// How mail goes out.
#[derive(Clone, PartialEq, Eq)]
pub struct Sending {
    /// How fast, how much, and when sending stops by itself.
    pub rules: SendingRules,
    /// Who is written to on a stage that is not production: addresses, or domains as `@example.com`.
    pub allow: Vec<String>,
}

/// Without addresses: debug output ends in logs.
impl fmt::Debug for Sending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sending").field("rules", &self.rules).finish_non_exhaustive()
    }
}

impl Sending {
    /// Whether an address may be written to on a stage that is not production.
    pub fn allows(&self, address: &str) -> bool {
        let address = address.trim();
        let domain = address.rsplit_once('@').map(|(_, domain)| domain);
        self.allow.iter().any(|allowed| match allowed.strip_prefix('@') {
            Some(allowed) => domain.is_some_and(|domain| domain.eq_ignore_ascii_case(allowed)),
            None => address.eq_ignore_ascii_case(allowed),
        })
    }
}

pub(crate) fn compile(written: &Written) -> Sending {
    let text = |text: &Text| text.get_ref().clone();
    let ramp = |ramp: &crate::source::Ramp| Ramp {
        start: *ramp.start.get_ref(),
        double_every_days: *ramp.double_every_days.get_ref(),
    };
    Sending {
        rules: SendingRules {
            rate_per_second: *written.rate_per_second.get_ref(),
            daily_quota: *written.daily_quota.get_ref(),
            ramp: written.ramp.as_ref().map(ramp),
            pause_at_bounce_percent: *written.pause_at_bounce_percent.get_ref(),
            pause_at_complaint_basis_points: *written.pause_at_complaint_basis_points.get_ref(),
            over_sends: *written.over_sends.get_ref(),
        },
        allow: written.allow.iter().map(text).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_is_on_the_list_is_written_to_off_production() {
        let written = Written {
            allow: ["@example.com", "ada@trial.example.org"].map(|entry| Text::default_of(entry.to_owned())).into(),
            ..Written::default()
        };
        let sending = compile(&written);
        for (address, expected) in [
            ("ben@example.com", true),
            ("Ben@EXAMPLE.com ", true),
            ("ada@trial.example.org", true),
            ("ADA@trial.example.org", true),
            ("ben@trial.example.org", false),
            ("ben@sub.example.com", false),
            ("ben@notexample.com", false),
            ("example.com", false),
            ("@example.com", true),
            ("", false),
        ] {
            assert_eq!(sending.allows(address), expected, "{address}");
        }
        assert!(!compile(&Written::default()).allows("ben@example.com"), "an empty list allows nobody");
    }
}
