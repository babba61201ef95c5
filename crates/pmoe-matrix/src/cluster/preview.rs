//! What would be submitted.

use super::array::Arrays;
use super::options::Engine;
use super::{Cluster, command};
use crate::process;
use crate::words::counted;

/// Most commands that are shown.
const SHOWN: usize = 5;

impl Cluster {
    /// Describes how the runs `left` would be submitted: the script of a job, and the commands.
    pub(crate) fn preview(&self, left: &[usize]) -> String {
        match &self.submission.engine {
            Engine::Slurm(settings) => {
                let arrays =
                    Arrays::new(&self.folder, &self.submission, settings, self.plan.runs.len());
                let commands = arrays.commands(left);
                let mut text = format!("Jobs in {}:\n\n", counted(commands.len(), "array"));
                for command in commands.iter().take(SHOWN) {
                    text += &format!("  {}\n", process::line(command));
                }
                if commands.len() > SHOWN {
                    text += &format!("  and {} more\n", commands.len() - SHOWN);
                }
                text + &format!(
                    "\n{}:\n\n{}",
                    self.folder.script().display(),
                    indented(&arrays.script())
                )
            }
            Engine::Command { submit } => {
                let line =
                    command::Blocking::new(&self.folder, &self.submission, submit).filled(left);
                format!("The command:\n\n  {line}\n")
            }
        }
    }
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}
