//! The rules of customer marketing, as pure functions.
//!
//! A decision is a function of **facts**, **rules** and **now**:
//!
//! | question | function |
//! |---|---|
//! | how interested is this contact in this product? | [`interest::evaluate`] |
//! | how well does this contact fit what we sell? | [`fit::evaluate`] |
//! | by what score does sales sort, and what made it high? | [`sorting::evaluate`] |
//! | which segments and which persona is somebody? | [`segment::is_member`], [`segment::persona_of`] |
//! | is this a lead, of what priority, for whom? | [`qualify::decide`] |
//! | whose account is it, and who works for a rep who is away? | [`owner::of`], [`owner::on_duty`] |
//! | what email, if any, does this person get in this slot? | [`nurture::decide`] |
//! | how much may be sent now, and does sending pause? | [`sending::allowed`], [`sending::verdict`] |
//! | is it time to remind the rep? | [`sla::decide`] |
//! | whose interest is heating up, for the weekly mail to a rep? | [`brief::heat`] |
//! | where does a lead stand after what sales said of it? | [`lead::standing`], [`lead::Status::after`] |
//! | how many MQLs does a revenue goal need? | [`funnel::reverse`] |
//! | what would these rules have made of a history? | [`backtest::replay`] |
//!
//! What this crate never does: read a clock, do I/O, know AWS, JSON or the format of the playbook. `now` is
//! always an argument. Therefore nothing here can fail except by refusing its input, and every function can be
//! replayed over history.
//!
//! Words: an *engagement* is what a contact did with an asset; its trace in an interest is a *fact*; a *cycle*
//! is two weeks; a *slot* is one place in a person's cadence; a *rung* is one step of the SLA ladder.

pub mod backtest;
pub mod brief;
pub mod calendar;
pub mod cycle;
pub mod fit;
pub mod funnel;
pub mod ids;
pub mod interest;
pub mod lead;
pub mod nurture;
pub mod owner;
pub mod profile;
pub mod qualify;
pub mod quarter;
pub mod segment;
pub mod sending;
pub mod sla;
pub mod sorting;
