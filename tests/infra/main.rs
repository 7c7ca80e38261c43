//! The template, judged before it is deployed: what each function may do is what it does, every way in which something can go missing
//! ends in a queue and an alarm, and none of it can be taken out unnoticed.

mod journeys;
mod mutations;
mod permissions;
mod privacy;
mod recorded;
mod rules;
mod sam;
