//! The values that the primitives meet, and the losses that they learn with.

use serde::Serialize;

use crate::known::{Known, Peak};

/// A value, and where the mean of the primitives is.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// Its name.
    pub name: &'static str,
    /// The value.
    pub known: Known,
    /// The mean of both primitives.
    pub mean: Mean,
}

/// The mean of two equal primitives.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Mean {
    /// Held at a place. The standard deviation is stationary.
    At(f64),
    /// Where it comes to rest, together with the standard deviation, from this place.
    From(f64),
    /// Anywhere on an endless slope, with this standard deviation: none is stationary.
    Sliding(f64),
}

/// A loss of two primitives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// Back-propagation-max: `pmoe-sac`.
    Max,
    /// Back-propagation-all: `pmoe-sac-all`.
    All,
    /// The choice summed out, with the entropy of the mixture: `pmoe-sac-marginal`.
    Marginal,
}

impl Loss {
    /// All losses.
    pub const ALL: [Self; 3] = [Self::Max, Self::All, Self::Marginal];

    /// Returns the name of the method whose loss it is.
    pub fn method(self) -> &'static str {
        match self {
            Self::Max => "pmoe-sac",
            Self::All => "pmoe-sac-all",
            Self::Marginal => "pmoe-sac-marginal",
        }
    }

    /// Returns what it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Max => "back-propagation-max",
            Self::All => "back-propagation-all",
            Self::Marginal => "marginal, mixture entropy",
        }
    }
}

/// Returns the cases, from the plainest value to the least symmetric.
pub fn cases() -> Vec<Case> {
    let bowl = Known { curvature: 1.0, ..Known::default() };
    let peaks = |peaks: &[(f64, f64, f64)]| {
        let peak = |&(at, height, width): &(f64, f64, f64)| Peak { at, height, width };
        Known { peaks: peaks.iter().map(peak).collect(), ..Known::default() }
    };
    let twins = peaks(&[(-1.0, 1.0, 0.5), (1.0, 1.0, 0.5)]);
    vec![
        Case { name: "concave, at its top", known: bowl.clone(), mean: Mean::At(0.0) },
        Case { name: "concave, slope ½", known: bowl.clone(), mean: Mean::At(-0.5) },
        Case { name: "concave, slope 2", known: bowl, mean: Mean::At(-2.0) },
        Case {
            name: "linear, slope 1",
            known: Known { slope: 1.0, ..Known::default() },
            mean: Mean::Sliding(0.5),
        },
        Case { name: "two equal peaks, between", known: twins.clone(), mean: Mean::At(0.0) },
        Case { name: "two equal peaks, on one", known: twins, mean: Mean::From(1.0) },
        Case {
            name: "two unequal peaks",
            known: peaks(&[(-1.0, 0.7, 0.5), (1.0, 1.0, 0.5)]),
            mean: Mean::From(0.0),
        },
        Case {
            name: "a peak with a shoulder",
            known: peaks(&[(0.0, 1.0, 0.4), (1.0, 0.5, 0.6)]),
            mean: Mean::From(0.0),
        },
    ]
}
