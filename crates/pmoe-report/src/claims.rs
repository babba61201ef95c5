//! What the paper claims, and what our runs say of it.

mod file;
mod judge;
mod tables;

use pmoe_results::Quantity;

pub use self::judge::{Decision, Effect, EffectKind, Evidence, Judgement, Verdict};

/// A claim of the paper and how it is tested.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// Its name, for links.
    pub id: String,
    /// Where the paper makes it.
    pub place: String,
    /// What it says, in a sentence.
    pub says: String,
    /// How it is tested.
    pub test: Test,
}

/// How a claim is tested.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// By a number of a method's runs.
    Runs(RunTest),
    /// Not by runs; why not, or what holds it instead.
    Otherwise(String),
}

/// A number of a method's runs beside that of another method's, or beside a fixed one.
#[derive(Debug, Clone, PartialEq)]
pub struct RunTest {
    /// Name of the suite that the runs belong to.
    pub suite: String,
    /// Name of the task; without one, the mean over all tasks of the suite.
    pub task: Option<String>,
    /// The number.
    pub quantity: Quantity,
    /// Name of the method.
    pub method: String,
    /// What it is compared with.
    pub than: Than,
    /// How it compares.
    pub is: Relation,
    /// The paper's own [`EffectKind::Ratio`], of the numbers that it prints.
    pub paper: Option<f64>,
}

/// What a method's number is compared with.
#[derive(Debug, Clone, PartialEq)]
pub enum Than {
    /// The number of the method of this name.
    Method(String),
    /// A fixed number.
    Value(f64),
}

/// How two numbers compare.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Relation {
    /// The first is larger.
    Higher,
    /// The first is smaller.
    Lower,
    /// They differ by at most so much, in the unit of the [`Effect`].
    Within(f64),
}
