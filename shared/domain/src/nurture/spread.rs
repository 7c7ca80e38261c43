//! A number for each contact, or account, that is the same always, and spread evenly over them.

/// A number of these ids. None of them holds a zero byte, so no two lists make the same text.
pub(crate) fn spread(ids: &[&str]) -> u64 {
    let bytes = ids.iter().enumerate().flat_map(|(index, id)| (index > 0).then_some(0).into_iter().chain(id.bytes()));
    // FNV-1a, then the last steps of a mixing that leaves no pattern in the low digits.
    let hash = bytes
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    let mixed = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    mixed ^ (mixed >> 33)
}
