//! How fast mail goes out, and to whom while one is trying things out.

use super::{Check, MOST_DAYS, MOST_MESSAGES, MOST_RATE, is_address};

impl Check<'_> {
    pub(super) fn sending(&mut self) {
        let sending = &self.source.sending;
        self.within("rate_per_second", &sending.rate_per_second, 1, MOST_RATE);
        self.within("daily_quota", &sending.daily_quota, 1, MOST_MESSAGES);
        self.within("pause_at_bounce_percent", &sending.pause_at_bounce_percent, 1, 100);
        self.within("pause_at_complaint_basis_points", &sending.pause_at_complaint_basis_points, 1, 10_000);
        self.within("over_sends", &sending.over_sends, 1, MOST_MESSAGES);
        if let Some(ramp) = &sending.ramp {
            self.within("start", &ramp.start, 1, MOST_MESSAGES);
            self.within("double_every_days", &ramp.double_every_days, 1, MOST_DAYS);
        }
        for allowed in &sending.allow {
            let domain = allowed.get_ref().strip_prefix('@').map(|domain| format!("somebody@{domain}"));
            if !is_address(domain.as_deref().unwrap_or(allowed.get_ref())) {
                self.error(allowed, "an entry of allow is neither an address nor a domain such as \"@example.com\"");
            }
        }
    }
}
