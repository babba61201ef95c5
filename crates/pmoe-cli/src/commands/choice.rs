//! Which primitive of a mixture acts, for commands that play or write a policy.

use anyhow::Result;
use clap::ValueEnum;
use pmoe_algos::RunConfig;
use pmoe_algos::policy::EvalPrimitive;
use pmoe_results::number::whole;

use crate::exit::BadInput;

/// The largest index of a primitive on the command line. The policy's number of primitives is
/// checked later.
const MOST_PRIMITIVE: u64 = 1_000;

/// Which primitive acts.
#[derive(Default, clap::Args)]
pub(super) struct Chosen {
    /// Always act with this primitive of a mixture, counted from 0.
    #[arg(
        long, conflicts_with = "eval_primitive", allow_negative_numbers = true,
        value_parser = whole::<usize>(0..=MOST_PRIMITIVE)
    )]
    primitive: Option<usize>,
    /// How the acting primitive of a mixture is chosen; by default as in the run's config.
    #[arg(long, rename_all = "snake_case")]
    eval_primitive: Option<Choice>,
}

#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Choice {
    /// Sampled from the router's weights.
    Sample,
    /// The primitive with the largest weight.
    ArgmaxW,
    /// The primitive whose mean action the critics rate highest.
    ArgmaxQ,
}

impl Chosen {
    /// Writes the choice into the config, if there is one, and validates it again.
    pub(super) fn apply(&self, config: &mut RunConfig) -> Result<()> {
        let choice = match (self.primitive, self.eval_primitive) {
            (Some(index), _) => EvalPrimitive::Index(index),
            (None, Some(Choice::Sample)) => EvalPrimitive::Sample,
            (None, Some(Choice::ArgmaxW)) => EvalPrimitive::ArgmaxW,
            (None, Some(Choice::ArgmaxQ)) => EvalPrimitive::ArgmaxQ,
            (None, None) => return Ok(()),
        };
        let Some(eval_primitive) = config.algo.eval_primitive() else {
            let message =
                format!("the policy of {} has no primitives to choose from", config.method);
            return Err(BadInput(message).into());
        };
        *eval_primitive = choice;
        Ok(config.algo.validate()?)
    }
}
