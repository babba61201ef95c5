//! `pmoe list`: lists methods, tasks and suites.

use anyhow::Result;
use clap::ValueEnum;
use pmoe_envs::TaskId;
use pmoe_results::{Exit, methods};
use serde::Serialize;

use super::{print_json, print_line};
use crate::config;

#[derive(clap::Args)]
#[command(after_help = "\
Example: pmoe list methods

`--task` also accepts mjcf:FILE, a model file with its settings next to it (docs/custom-tasks.md), and, in the
command that comes with the Python package, gym:ID, a task of Gymnasium (docs/python.md).")]
pub(crate) struct Args {
    /// What to list.
    what: What,
    /// Print one JSON document: a list of `{name, description}`.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum What {
    /// Methods, as accepted by `--method`.
    #[value(alias = "algos")]
    Methods,
    /// Tasks, as accepted by `--task`.
    Tasks,
    /// Suites, the experiments that `pmoe matrix --only` accepts.
    Suites,
}

/// One entry of the list.
#[derive(Serialize)]
struct Item {
    name: String,
    description: String,
}

pub(crate) fn list(args: Args) -> Result<Exit> {
    let items: Vec<Item> = match args.what {
        What::Methods => {
            let item = |&(name, text): &(&str, &str)| Item {
                name: name.to_owned(),
                description: methods::description(text).to_owned(),
            };
            let mut items: Vec<_> = methods::committed().iter().map(item).collect();
            items.sort_by(|a, b| a.name.cmp(&b.name));
            items
        }
        What::Tasks => {
            let item =
                |task: TaskId| Item { name: task.to_string(), description: task.description() };
            TaskId::all().map(item).collect()
        }
        What::Suites => {
            let suites = config::suites()?.into_iter();
            suites
                .map(|suite| Item {
                    description: format!("{}: {}", suite.item, suite.title),
                    name: suite.name,
                })
                .collect()
        }
    };
    if args.json {
        print_json(&items)?;
    } else {
        let width = items.iter().map(|item| item.name.len()).max().unwrap_or(0);
        for Item { name, description } in &items {
            print_line(format!("{name:width$}  {description}").trim_end())?;
        }
    }
    Ok(Exit::Done)
}
