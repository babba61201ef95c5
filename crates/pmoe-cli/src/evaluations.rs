//! Evaluations in a few words, for people who wait for a run.

use std::fmt;

use pmoe_results::Event;
use serde::Serialize;

/// An evaluation in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Evaluated {
    /// Environment steps that the policy has been trained for.
    pub(crate) env_step: u64,
    /// Mean return.
    pub(crate) mean: f64,
    /// Sample standard deviation of the returns; `None` for a single episode.
    std: Option<f64>,
    episodes: usize,
}

impl Evaluated {
    /// Summarizes an evaluation; `None` for other events.
    pub(crate) fn of(event: &Event) -> Option<Self> {
        let Event::Eval { env_step, returns, .. } = event else { return None };
        let episodes = returns.len();
        let mean = pmoe_stats::mean(returns)?;
        let squares = returns.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
        let std = (episodes > 1).then(|| (squares / (episodes - 1) as f64).sqrt());
        Some(Self { env_step: *env_step, mean, std, episodes })
    }
}

impl fmt::Display for Evaluated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.std {
            Some(std) => write!(f, "{:.1} ± {std:.1}", self.mean),
            None => write!(f, "{:.1}", self.mean),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evaluated(returns: Vec<f64>) -> Option<Evaluated> {
        Evaluated::of(&Event::Eval { env_step: 5, lengths: Vec::new(), returns, successes: None })
    }

    #[test]
    fn the_spread_is_that_of_the_episodes() {
        // Mean 3; squares 4 + 0 + 4, divided by 2.
        assert_eq!(evaluated(vec![1.0, 3.0, 5.0]).unwrap().to_string(), "3.0 ± 2.0");
        assert_eq!(evaluated(vec![7.25]).unwrap().to_string(), "7.2");
        assert_eq!(evaluated(Vec::new()), None);
    }
}
