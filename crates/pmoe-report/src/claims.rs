//! The paper's claims and how our runs test them.

mod file;
mod judge;
mod tables;

use pmoe_results::Quantity;

pub use self::judge::{Decision, Effect, EffectKind, Evidence, Judgement, Verdict};

/// A claim of the paper and its test.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// Unique name, used in links.
    pub id: String,
    /// Where the paper makes the claim.
    pub place: String,
    /// The claim in one sentence.
    pub says: String,
    /// How the claim is tested.
    pub test: Test,
}

/// How a claim is tested.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// By comparing a quantity of a method's runs.
    Runs(RunTest),
    /// Not by runs, with the reason or the alternative evidence.
    Otherwise(String),
}

/// Compares a quantity of a method's runs with that of another method, or with a fixed number.
#[derive(Debug, Clone, PartialEq)]
pub struct RunTest {
    /// Name of the suite that contains the runs.
    pub suite: String,
    /// Name of the task; `None` for the mean over all tasks of the suite.
    pub task: Option<String>,
    /// The quantity compared.
    pub quantity: Quantity,
    /// Name of the method.
    pub method: String,
    /// What it is compared with.
    pub than: Than,
    /// The claimed relation.
    pub is: Relation,
    /// The [`EffectKind::Ratio`] of the paper's own numbers.
    pub paper: Option<f64>,
}

/// What a method's quantity is compared with.
#[derive(Debug, Clone, PartialEq)]
pub enum Than {
    /// The quantity of the method with this name.
    Method(String),
    /// A fixed number.
    Value(f64),
}

/// A relation between two numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Relation {
    /// The first is larger.
    Higher,
    /// The first is smaller.
    Lower,
    /// They differ by at most this much, in the unit of the [`Effect`].
    Within(f64),
}
