//! How far a delivery may be from now.

use jiff::SignedDuration;

use super::schemes::{now, schemes};
use super::*;

#[test]
fn five_minutes_are_within_and_a_second_more_is_not() {
    let mut timed = 0;
    for scheme in schemes().into_iter().filter(|scheme| scheme.timed) {
        timed += 1;
        let sent = scheme.signed("evt_1", b"{}", now());
        for (milliseconds, believed) in
            [(0, true), (299_000, true), (300_000, true), (301_000, false), (86_400_000, false)]
        {
            for late in [milliseconds, -milliseconds] {
                let seen = scheme.judge(&sent, now() + SignedDuration::from_millis(late));
                let far = matches!(&seen, Err(Forged::Timestamp { seconds: 300, .. }));
                assert_eq!((seen.is_ok(), far), (believed, !believed), "{} {late} ms: {seen:?}", scheme.name);
            }
        }
    }
    assert_eq!(timed, 4, "standard, stripe, zoom, hubspot");
}

#[test]
fn a_millisecond_too_much_counts_where_milliseconds_are_sent() {
    let hubspot = schemes().into_iter().find(|scheme| scheme.name == "hubspot").unwrap();
    let sent = hubspot.signed("", b"[]", now());
    for (late, believed) in [(300_000, true), (300_001, false), (-300_000, true), (-300_001, false)] {
        let seen = hubspot.judge(&sent, now() + SignedDuration::from_millis(late));
        assert_eq!(seen.is_ok(), believed, "{late} ms: {seen:?}");
    }
}

#[test]
fn a_time_has_one_spelling() {
    for (stated, read) in [
        ("1767608100", Ok(())),
        ("+1767608100", Err(TimeFault::Unreadable)),
        ("01767608100", Err(TimeFault::Unreadable)),
        ("1767608100.0", Err(TimeFault::Unreadable)),
        ("1767608100 ", Err(TimeFault::Unreadable)),
        ("1.7676081e9", Err(TimeFault::Unreadable)),
        ("-0", Err(TimeFault::Unreadable)),
        ("now", Err(TimeFault::Unreadable)),
        ("", Err(TimeFault::Unreadable)),
        ("99999999999999999999", Err(TimeFault::Unreadable)),
        ("9223372036854775807", Err(TimeFault::Far)),
        ("-9223372036854775808", Err(TimeFault::Far)),
        ("-1767608100", Err(TimeFault::Far)),
    ] {
        assert_eq!(stated_at(stated, 1_767_608_100, 300), read, "{stated}");
    }
}
