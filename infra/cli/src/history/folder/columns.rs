//! The columns of each file, and their numbers.

use super::rows::Column;

/// The number of a column. Evaluated when this is compiled: a name that is not there does not compile.
const fn number(columns: &[Column], name: &str) -> usize {
    let mut number = 0;
    while !columns[number].is_called(name) {
        number += 1;
    }
    number
}

/// `engagements.csv`.
pub mod engagements {
    use super::{Column, number};

    pub const COLUMNS: &[Column] = &[
        Column::required("contact"),
        Column::required("asset"),
        Column::required("action"),
        Column::required("at"),
        Column::optional("email"),
    ];
    pub const CONTACT: usize = number(COLUMNS, "contact");
    pub const ASSET: usize = number(COLUMNS, "asset");
    pub const ACTION: usize = number(COLUMNS, "action");
    pub const AT: usize = number(COLUMNS, "at");
    pub const EMAIL: usize = number(COLUMNS, "email");
}

/// `contacts.csv`.
pub mod contacts {
    use super::{Column, number};

    pub const COLUMNS: &[Column] = &[
        Column::required("contact"),
        Column::optional("account"),
        Column::optional("email"),
        Column::optional("first_name"),
        Column::optional("last_name"),
        Column::optional("title"),
        Column::optional("role"),
    ];
    pub const CONTACT: usize = number(COLUMNS, "contact");
    pub const EMAIL: usize = number(COLUMNS, "email");
    /// Those that are fields as they stand.
    pub const FIELDS: [usize; 6] = [
        number(COLUMNS, "account"),
        EMAIL,
        number(COLUMNS, "first_name"),
        number(COLUMNS, "last_name"),
        number(COLUMNS, "title"),
        number(COLUMNS, "role"),
    ];
}

/// `accounts.csv`.
pub mod accounts {
    use super::{Column, number};

    pub const COLUMNS: &[Column] = &[
        Column::required("account"),
        Column::optional("name"),
        Column::optional("health"),
        Column::optional("owner"),
        Column::optional("size"),
        Column::optional("region"),
        Column::optional("industry"),
        Column::optional("customer_since"),
        Column::optional("owns"),
        Column::optional("maturity"),
        Column::optional("market"),
        Column::optional("revenue_cents"),
        Column::optional("purchases"),
        Column::optional("used"),
    ];
    pub const ACCOUNT: usize = number(COLUMNS, "account");
    pub const HEALTH: usize = number(COLUMNS, "health");
    pub const CUSTOMER_SINCE: usize = number(COLUMNS, "customer_since");
    pub const OWNS: usize = number(COLUMNS, "owns");
    pub const MATURITY: usize = number(COLUMNS, "maturity");
    pub const MARKET: usize = number(COLUMNS, "market");
    pub const REVENUE_CENTS: usize = number(COLUMNS, "revenue_cents");
    pub const PURCHASES: usize = number(COLUMNS, "purchases");
    pub const USED: usize = number(COLUMNS, "used");
    /// Those that are fields as they stand.
    pub const FIELDS: [usize; 10] = [
        number(COLUMNS, "name"),
        HEALTH,
        number(COLUMNS, "owner"),
        number(COLUMNS, "size"),
        number(COLUMNS, "region"),
        number(COLUMNS, "industry"),
        MATURITY,
        MARKET,
        REVENUE_CENTS,
        PURCHASES,
    ];
}

/// `deals.csv`.
pub mod deals {
    use super::{Column, number};

    pub const COLUMNS: &[Column] = &[
        Column::required("account"),
        Column::required("product"),
        Column::required("won_on"),
        Column::optional("amount_cents"),
        Column::optional("contact"),
    ];
    pub const ACCOUNT: usize = number(COLUMNS, "account");
    pub const PRODUCT: usize = number(COLUMNS, "product");
    pub const WON_ON: usize = number(COLUMNS, "won_on");
    pub const AMOUNT_CENTS: usize = number(COLUMNS, "amount_cents");
    pub const CONTACT: usize = number(COLUMNS, "contact");
}
