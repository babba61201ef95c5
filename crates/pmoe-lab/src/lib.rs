//! Small experiments with a known value: what the losses of mixture policies do, and why.
//!
//! Every experiment takes the policy's loss as the learners do, [`Actor::loss`](pmoe_algos::sac::Actor::loss), and puts
//! a function of the action in the place of the critics. What is found is then the loss's own doing: no critic errs,
//! and no data is missing.
//!
//! | experiment | question | command |
//! |---|---|---|
//! | [`best_of_k`] | How wide does a policy become that learns from the best of K draws? | `pmoe lab best-of-k` |
//! | [`stability`] | Do two equal primitives separate? | `pmoe lab stability` |
//! | [`two_peaks`] | Which losses find both of two equally good actions? | `pmoe lab two-peaks` |
//!
//! `docs/why.md` puts the results together. Each experiment returns numbers; [`Findings`] makes a Markdown table and a
//! figure of them.

pub mod best_of_k;
mod findings;
mod known;
mod quadrature;
pub mod stability;
mod stateless;
pub mod two_peaks;

pub use findings::Findings;
pub use known::{Known, Peak};
