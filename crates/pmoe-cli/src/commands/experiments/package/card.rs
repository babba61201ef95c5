//! The card of a packaged policy: `README.md`, whose head hubs read.

use std::fmt::Write;

use pmoe_algos::{Evaluation, RunConfig};
use pmoe_envs::TaskId;
use pmoe_results::number::grouped;
use pmoe_results::{Manifest, Run};
use pmoe_stats::{Bootstrap, Estimate, Interval};

use super::{counted, curve};

/// What the card tells.
pub(super) struct Card<'a> {
    pub(super) run: &'a Run,
    pub(super) config: &'a RunConfig,
    /// Steps that the policy was trained for.
    pub(super) env_step: u64,
    /// Final returns of all seeds.
    pub(super) final_returns: Option<Estimate>,
    /// The episodes that the packaged policy played.
    pub(super) played: &'a Evaluation,
    /// Name of the clip.
    pub(super) clip: Option<&'static str>,
    pub(super) license: &'a str,
}

impl Card<'_> {
    /// Returns the file.
    pub(super) fn markdown(&self) -> String {
        [self.head(), self.title(), self.evaluation(), self.usage(), self.settings()].concat()
    }

    /// What hubs read: YAML, in which a JSON text is a text.
    fn head(&self) -> String {
        let Self { played, license, .. } = self;
        let Manifest { method, task, .. } = &self.run.manifest;
        let [method, task] = [method, task].map(|text| serde_json::Value::from(text.as_str()));
        let (mean, std) = (played.mean_return(), played.std_return());
        format!(
            "\
---
library_name: pmoe
license: {license}
pipeline_tag: reinforcement-learning
tags:
- reinforcement-learning
- deep-reinforcement-learning
- mixture-of-experts
- {task}
- {method}
model-index:
- name: {method}
  results:
  - task:
      type: reinforcement-learning
      name: reinforcement-learning
    dataset:
      name: {task}
      type: {task}
    metrics:
    - type: mean_reward
      value: {mean:.2} +/- {std:.2}
      name: mean_reward
      verified: false
---
"
        )
    }

    fn title(&self) -> String {
        let Manifest { method, task, seed, total_steps, .. } = &self.run.manifest;
        let number = |number: u64| grouped(number).replace('_', " ");
        let steps = match self.env_step == *total_steps {
            true => number(*total_steps),
            false => format!("{} of {}", number(self.env_step), number(*total_steps)),
        };
        let mut text = format!(
            "
# {method} on {task}

A policy that pmoe trained with the method {method} on the task {task} for {steps} environment steps, seed {seed}.

"
        );
        if let Some(clip) = self.clip {
            // Hubs show a film by its name; a page shows pictures alone.
            let picture = if clip.ends_with(".gif") { "!" } else { "" };
            let _ = writeln!(text, "{picture}[An episode of the policy]({clip})\n");
        }
        let _ = writeln!(text, "![Learning curve]({})", curve::FILE);
        if let TaskId::Mjcf(_) = self.config.task {
            text += "\nThe task is a model file of its own, which is not in this folder.\n";
        }
        text
    }

    fn evaluation(&self) -> String {
        let Self { played, final_returns, .. } = self;
        let of_episodes = Estimate::mean(played.returns.clone(), &Bootstrap::STANDARD);
        let mut text = format!(
            "
## Evaluation

| | return | 95 % interval of the mean | from |
|---|--:|--:|---|
| this policy | {:.1} ± {:.1} | {} | mean ± standard deviation over {} episodes |
",
            played.mean_return(),
            played.std_return(),
            interval(of_episodes.as_ref()),
            played.returns.len(),
        );
        if let Some(found) = final_returns {
            let _ = writeln!(
                text,
                "| this method | {:.1} | {} | evaluations in the last tenth of training, {} |",
                found.value,
                interval(Some(found)),
                counted(found.values.len()),
            );
        }
        text += "\nReturns are undiscounted sums of the task's rewards. Intervals are bootstrap intervals; that of two or three seeds is their range.\n";
        text
    }

    fn usage(&self) -> String {
        let (episodes, code) = (self.played.returns.len(), &self.run.manifest.provenance);
        format!(
            "
## Use

With pmoe {version} (commit {commit}{dirty}), in the folder that holds this file:

```sh
pmoe evaluate . --episodes {episodes}      # the first row of the table
pmoe render . --output clip.gif
pmoe export . --output policy.onnx
```

```python
import gymnasium, pmoe

env, policy = gymnasium.make({task}), pmoe.load(\".\")
obs, _ = env.reset(seed=0)
action, _ = policy.predict(obs, deterministic=True)
```

Loading reads numbers and settings (`policy.safetensors`, `config.toml`) and executes nothing.

## Training

```sh
{command}
```

`pmoe retrain . --out again` trains it once more with the settings below. It ran on {cpu}, {os}, with MuJoCo {mujoco} and burn {burn}.
",
            version = code.pmoe,
            commit = code.commit,
            dirty = if code.dirty { ", with changes" } else { "" },
            task = serde_json::Value::from(format!("pmoe/{}", self.run.manifest.task)),
            command = code.command,
            cpu = code.cpu,
            os = code.os,
            mujoco = code.mujoco,
            burn = code.burn,
        )
    }

    fn settings(&self) -> String {
        format!(
            "
## Settings

`config.toml`:

```toml
{}```

## Licence

The policy: {}. pmoe itself: MIT or Apache-2.0.
",
            self.config.to_toml(),
            self.license,
        )
    }
}

fn interval(estimate: Option<&Estimate>) -> String {
    match estimate.and_then(|estimate| estimate.interval) {
        Some(Interval { low, high }) => format!("{low:.1} to {high:.1}"),
        None => "-".to_owned(),
    }
}
