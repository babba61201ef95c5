//! Badges: a verdict as a sign, a colour and a text, with the same meaning everywhere on the page.

use crate::claims::{Decision, Verdict};

/// Meaning of a badge. Only agreement with the paper has the colours of good and bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Badge {
    /// The runs agree with a claim.
    Agrees,
    /// The runs disagree with a claim.
    Disagrees,
    /// A method is above its reference.
    Higher,
    /// A method is below its reference.
    Lower,
    /// The interval covers both sides.
    Open,
    /// There are too few runs to say.
    Nothing,
}

impl Badge {
    /// Returns the badge of a claim's verdict.
    pub(super) fn of_verdict(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Reproduced => Self::Agrees,
            Verdict::Contradicted => Self::Disagrees,
            Verdict::Inconclusive => Self::Open,
            Verdict::TooFewTasks
            | Verdict::TooFewRuns
            | Verdict::NeedsNewRuns
            | Verdict::NotRun
            | Verdict::NotTested => Self::Nothing,
        }
    }

    /// Returns the badge of a method that is compared with its reference.
    pub(super) fn of_standing(standing: Decision) -> Self {
        match standing {
            Decision::Holds => Self::Higher,
            Decision::Fails => Self::Lower,
            Decision::Open => Self::Open,
            Decision::TooFewRuns => Self::Nothing,
        }
    }

    /// Whether a claim with this badge was decided either way.
    pub(super) fn is_decided(self) -> bool {
        matches!(self, Self::Agrees | Self::Disagrees)
    }

    /// Renders the badge as an HTML element. One that is not `firm`, because its runs are shorter
    /// than the paper's, is a weaker form of the same.
    pub(super) fn html(self, firm: bool, text: &str) -> String {
        let (class, sign) = match self {
            Self::Agrees => ("agrees", '✓'),
            Self::Disagrees => ("disagrees", '✗'),
            Self::Higher => ("higher", '▲'),
            Self::Lower => ("lower", '▼'),
            Self::Open => ("open", '●'),
            Self::Nothing => ("nothing", '○'),
        };
        let weaker = if firm { "" } else { " so-far" };
        format!(
            "<span class=\"badge {class}{weaker}\"><span aria-hidden=\"true\">{sign}</span> {text}</span>"
        )
    }
}
