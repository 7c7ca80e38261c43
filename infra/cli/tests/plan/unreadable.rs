//! What is wrong with a folder of files: by file, line and column.

use perennial::history::folder;

use crate::{history, small};

#[test]
fn a_history_that_cannot_be_read_is_told_by_file_line_and_column() {
    let check = |file: &str, text: &str, expected: &[&str]| {
        let mut files = small();
        files.retain(|(name, _)| *name != file);
        files.push((file, text));
        let problems = folder::read(history(&files).path(), |_, _| {}).map(drop).unwrap_err();
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(problems, expected, "{file}: {text}");
    };
    let engagements = |rows: &str| format!("contact,asset,action,at,email\n{rows}");
    let instant = "is not an instant such as 2026-01-05T10:15:00Z, between 1970 and 2200";
    check(
        "engagements.csv",
        "",
        &[
            "engagements.csv:1: contact is missing",
            "engagements.csv:1: asset is missing",
            "engagements.csv:1: action is missing",
            "engagements.csv:1: at is missing",
        ],
    );
    let all = "there are contact, asset, action, at, email";
    check(
        "engagements.csv",
        "contact,asset,action,at,colour\n",
        &[&format!("engagements.csv:1: colour is not a column of this file ({all})")],
    );
    check(
        "engagements.csv",
        "contact,aset,action,at\n",
        &[
            "engagements.csv:1: aset is not a column of this file (did you mean \"asset\"?)",
            "engagements.csv:1: asset is missing",
        ],
    );
    check("engagements.csv", "contact,asset,action,at,at\n", &["engagements.csv:1: at is the name of several columns"]);
    // No first line of names: an address in it is not repeated.
    let first = "x@example.com,guide,download,2026-01-05T10:15:00Z\n";
    let problems = folder::read(history(&[("engagements.csv", first)]).path(), |_, _| {}).map(drop).unwrap_err();
    assert!(!format!("{problems:?}").contains("x@"), "{problems:?}");
    // All that is wrong, not only the first.
    check(
        "engagements.csv",
        &engagements("anna,guide,,2026-01-05,\n,guide,download,2026-01-05T10:15:00Z,\na,b,c\n"),
        &[
            "engagements.csv:2: action is empty",
            "engagements.csv:3: contact is empty",
            "engagements.csv:4: has 3 cells where the first line has 5",
        ],
    );
    check(
        "engagements.csv",
        &engagements("anna,guide,download,2026-01-05,\nanna,guide,download,1950-01-05T10:15:00Z,\n"),
        &[&format!("engagements.csv:2: at {instant}"), &format!("engagements.csv:3: at {instant}")],
    );
    check(
        "engagements.csv",
        &engagements(&format!("{},guide,download,2026-01-05T10:15:00Z,\n", "x".repeat(257))),
        &["engagements.csv:2: contact is longer than 256 bytes"],
    );
    let many = engagements(&"anna,guide,download,now,\n".repeat(60));
    let problems = folder::read(history(&[("engagements.csv", &many)]).path(), |_, _| {}).map(drop).unwrap_err();
    assert_eq!((problems.len(), problems[50].to_string()), (51, "engagements.csv: has 10 more problems".to_owned()));
    check(
        "contacts.csv",
        "contact,email\nanna,Anna <anna@example.com>\nbela,\nbela,\n",
        &[
            "contacts.csv:2: email is not a plain address such as name@example.com",
            "contacts.csv:4: contact is stated twice, first in line 3",
        ],
    );
    check(
        "accounts.csv",
        "account,health,customer_since,owns,purchases\na,bad,,,\nb,,soon,,\nc,,,tea,\nd,,,tea=x,\ne,,,,-1\ne,,,,\n",
        &[
            "accounts.csv:2: health is not good or at-risk",
            "accounts.csv:3: customer_since is not a date such as 2026-01-05, between 1970 and 2200",
            "accounts.csv:4: owns is not a list such as analytics=2024-03-01;automation=2025-01-15",
            "accounts.csv:5: owns is not a list such as analytics=2024-03-01;automation=2025-01-15",
            "accounts.csv:6: purchases is not a whole number, 0 or more",
        ],
    );
    check(
        "accounts.csv",
        "account,maturity,market\na,Novice,\nb,,B2B\nc,novice,consumer\n",
        &[
            "accounts.csv:2: maturity is not novice, intermediate or advanced",
            "accounts.csv:3: market is not b2b or consumer",
        ],
    );
    // A list says of each product once what it says; its entries are texts like those of other cells.
    let (long, many) = ("x".repeat(257), "tea=2024-01-01;".repeat(101));
    check(
        "accounts.csv",
        &format!(
            "account,owns,used\n\
             a,=2024-01-01,\n\
             b,, = 2024-01-01\n\
             c,tea=2024-01-01;milk=2024-01-01;tea=2024-01-02,\n\
             d,,tea=2024-01-01; tea =2024-01-01\n\
             e,tea\u{7}=2024-01-01,\n\
             f,{long}=2024-01-01,\n\
             g,{many},\n\
             h,{},\n",
            (0..100).map(|number| format!("product-{number}=2024-01-01")).collect::<Vec<_>>().join(";"),
        ),
        &[
            "accounts.csv:2: owns has a date without a product",
            "accounts.csv:3: used has a date without a product",
            "accounts.csv:4: owns names a product twice",
            "accounts.csv:5: used names a product twice",
            "accounts.csv:6: owns contains control characters",
            "accounts.csv:7: owns has an entry longer than 256 bytes",
            "accounts.csv:8: owns has more than 100 entries",
        ],
    );
    check("accounts.csv", "account\ne\ne\n", &["accounts.csv:3: account is stated twice, first in line 2"]);
    check(
        "deals.csv",
        "account,product,won_on,amount_cents\na,tea,,\na,tea,2026-01-05,1.5\n",
        &["deals.csv:2: won_on is empty", "deals.csv:3: amount_cents is not a whole number, 0 or more"],
    );
}
