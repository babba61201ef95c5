//! The folder of a submission: `jobs/<id>` beside the results.
//!
//! | file | holds |
//! |---|---|
//! | `plan.json` | the runs; written once, so that an index always means the same run |
//! | `submission.json` | how they were submitted |
//! | `batch.sh` | the script of a Slurm job |
//! | `notes/<index>.json` | what the newest job of a run says of it |
//! | `logs/<chunk>/<task>.log` | what a job printed, unless its run is done |
//! | `cancelled` | that nobody may submit anything more |

use std::fs;
use std::path::{self, Path, PathBuf};
use std::process::Command;

use pmoe_results::files::{json, write_atomic};
use pmoe_results::{Plan, ResultsError};
use serde::{Deserialize, Serialize};

use super::options::Engine;
use crate::process;

/// Folder of all submissions, in that of the results.
pub(super) const JOBS: &str = "jobs";

/// `submission.json`: how the runs of a plan were submitted, which is enough to go on with them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Submission {
    /// Version of this format, [`Submission::SCHEMA`].
    pub(super) schema: u32,
    /// The program.
    pub(super) pmoe: PathBuf,
    /// Where it runs; relative paths start there.
    pub(super) cwd: PathBuf,
    /// The folder of the results.
    pub(super) out: PathBuf,
    /// The engine, with its settings.
    pub(super) engine: Engine,
}

impl Submission {
    pub(super) const SCHEMA: u32 = 1;

    /// Returns the command that makes a run of the plan in `folder`, as typed in a shell, up to the index.
    pub(super) fn run_command(&self, folder: &Folder) -> String {
        let plan = folder.plan();
        let notes = folder.notes();
        let mut command = Command::new(&self.pmoe);
        command.arg("run").arg("--plan").arg(plan).arg("--out").arg(&self.out);
        process::line(command.arg("--notes").arg(notes))
    }
}

/// The folder of one submission.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    /// Identity of the plan, and so of the submission.
    pub(super) id: String,
    /// Its path.
    pub(super) path: PathBuf,
}

impl Folder {
    /// Returns the folder for a plan whose results are in `out`.
    pub(super) fn of(plan: &Plan, out: &Path) -> Self {
        let id = plan.digest();
        Self { path: out.join(JOBS).join(&id), id }
    }

    /// Returns the submissions in a folder of results.
    pub(super) fn all(out: &Path) -> Result<Vec<Self>, ResultsError> {
        let jobs = out.join(JOBS);
        if !jobs.is_dir() {
            return Ok(Vec::new());
        }
        // Jobs start in the folder from which they were submitted, which need not be this one.
        let jobs = path::absolute(&jobs).map_err(|error| ResultsError::io(&jobs, error))?;
        let entries = fs::read_dir(&jobs).map_err(|error| ResultsError::io(&jobs, error))?;
        let mut all = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| ResultsError::io(&jobs, error))?;
            let id = entry.file_name().to_string_lossy().into_owned();
            let folder = Self { path: entry.path(), id };
            if folder.path.join("submission.json").is_file() {
                all.push(folder);
            }
        }
        all.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(all)
    }

    /// Writes what jobs read, before the first is submitted.
    pub(super) fn write(
        &self,
        plan: &Plan,
        submission: &Submission,
        script: Option<&str>,
    ) -> Result<(), ResultsError> {
        let create = |path: &Path| {
            fs::create_dir_all(path).map_err(|error| ResultsError::create(path, error))
        };
        create(&self.path)?;
        create(&self.notes())?;
        if Plan::read_file(&self.plan())?.is_none() {
            plan.write(&self.path)?;
        }
        let text = serde_json::to_vec_pretty(submission);
        json::write(&self.path.join("submission.json"), text)?;
        if let Some(script) = script {
            let path = self.script();
            write_atomic(&path, script.as_bytes())
                .map_err(|error| ResultsError::write(&path, error))?;
        }
        self.set_cancelled(false)
    }

    pub(super) fn submission(&self) -> Result<Option<Submission>, ResultsError> {
        json::read(&self.path.join("submission.json"), 1..=Submission::SCHEMA)
    }

    /// Returns the folder of the results.
    pub(super) fn out(&self) -> &Path {
        self.path.parent().and_then(Path::parent).unwrap_or(Path::new("."))
    }

    pub(super) fn plan(&self) -> PathBuf {
        self.path.join(Plan::FILE)
    }

    pub(super) fn notes(&self) -> PathBuf {
        self.path.join("notes")
    }

    pub(super) fn script(&self) -> PathBuf {
        self.path.join("batch.sh")
    }

    /// Returns the folder of the logs of a chunk's jobs.
    pub(super) fn logs(&self, chunk: usize) -> PathBuf {
        self.path.join("logs").join(chunk.to_string())
    }

    /// Whether nobody may submit anything more.
    pub(super) fn is_cancelled(&self) -> bool {
        self.path.join("cancelled").exists()
    }

    pub(super) fn set_cancelled(&self, cancelled: bool) -> Result<(), ResultsError> {
        let path = self.path.join("cancelled");
        let written = match cancelled {
            true => write_atomic(&path, b""),
            false => match fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            },
        };
        written.map_err(|error| ResultsError::write(&path, error))
    }

    /// Removes the folder, once every run is done: the run folders have everything.
    pub(super) fn remove(&self) -> Result<(), ResultsError> {
        fs::remove_dir_all(&self.path).map_err(|error| ResultsError::io(&self.path, error))?;
        // The folder of all submissions goes with the last.
        let _ = self.path.parent().map(fs::remove_dir);
        Ok(())
    }
}
