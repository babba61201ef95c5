//! The numbers of an event, under the names that every tracker gets.

use pmoe_results::Event;

/// Returns what a tracker draws of an event: names, which begin with `episode/`, `train/` or `eval/`, and values.
///
/// An evaluation is its means over episodes, and the sample standard deviation of their returns; one without
/// episodes is nothing.
#[must_use]
pub fn scalars(event: &Event) -> Vec<(String, f64)> {
    let named = |part: &str, values: Vec<(&str, Option<f64>)>| {
        let there = values.into_iter().filter_map(|(name, value)| Some((name, value?)));
        there.map(|(name, value)| (format!("{part}/{name}"), value)).collect()
    };
    match event {
        Event::Episode { episode_return, episode_length, success, .. } => named(
            "episode",
            vec![
                ("return", Some(*episode_return)),
                ("length", Some(f64::from(*episode_length))),
                ("success", success.map(f64::from)),
            ],
        ),
        Event::Update { grad_step, metrics, .. } => {
            let mut values = vec![("grad_step", Some(*grad_step as f64))];
            values.extend(metrics.iter().map(|(name, value)| (name.as_str(), Some(*value))));
            named("train", values)
        }
        Event::Eval { returns, lengths, successes, .. } => {
            let of = |successes: &Vec<bool>| mean(successes.iter().copied().map(f64::from));
            named(
                "eval",
                vec![
                    ("return", mean(returns.iter().copied())),
                    ("return_std", std(returns)),
                    ("length", mean(lengths.iter().copied().map(f64::from))),
                    ("success", successes.as_ref().and_then(of)),
                ],
            )
        }
    }
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> Option<f64> {
    let count = values.len();
    (count > 0).then(|| values.sum::<f64>() / count as f64)
}

fn std(values: &[f64]) -> Option<f64> {
    let center = mean(values.iter().copied())?;
    let squares = values.iter().map(|value| (value - center).powi(2)).sum::<f64>();
    (values.len() > 1).then(|| (squares / (values.len() - 1) as f64).sqrt())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn text(event: &Event) -> String {
        let values = scalars(event);
        values.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn every_number_of_an_event_has_a_name() {
        let episode = |success| Event::Episode {
            env_step: 9,
            episode: 1,
            episode_return: -2.5,
            episode_length: 9,
            truncated: true,
            success,
        };
        assert_eq!(text(&episode(None)), "episode/return=-2.5 episode/length=9");
        assert!(text(&episode(Some(true))).ends_with("episode/success=1"));
        let metrics = BTreeMap::from([("alpha".to_owned(), 0.25)]);
        let update = Event::Update { env_step: 9, grad_step: 4, metrics };
        assert_eq!(text(&update), "train/grad_step=4 train/alpha=0.25");
        // Means 9/3, (3 + 4 + 5)/3 and 1/2; the deviation of 1, 3 and 5 is √((4 + 0 + 4) / 2).
        let eval = |returns: Vec<f64>, lengths, successes| Event::Eval {
            env_step: 9,
            returns,
            lengths,
            successes,
        };
        assert_eq!(
            text(&eval(vec![1.0, 3.0, 5.0], vec![3, 4, 5], Some(vec![true, false]))),
            "eval/return=3 eval/return_std=2 eval/length=4 eval/success=0.5"
        );
        assert_eq!(text(&eval(vec![7.0], vec![3], None)), "eval/return=7 eval/length=3");
        assert_eq!(text(&eval(vec![], vec![], None)), "");
    }
}
