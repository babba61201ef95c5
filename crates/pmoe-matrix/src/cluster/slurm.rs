//! Slurm, through its own programs: `sbatch`, `squeue`, `scontrol`, `scancel`.
//!
//! What is done is read from the run folders, so Slurm's accounting is never asked.

use std::io::{self, BufRead, BufReader, Read};
use std::process::{Command, Output, Stdio};
use std::thread;

use super::indices::Indices;
use crate::error::SlurmError;
use crate::process;

/// A line of the queue: a task of an array, or all tasks of it that have not begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queued {
    /// Name of the job.
    pub name: String,
    /// Id of the array, or of a job that is none.
    pub array: String,
    /// Its tasks; empty for a job that is no array.
    pub tasks: Indices,
    /// Whether it waits; else it is running, or about to start or end.
    pub is_pending: bool,
    /// The machine that it runs on.
    pub node: Option<String>,
    /// Why it waits, in Slurm's word for it.
    pub reason: Option<String>,
}

/// What the cluster's configuration allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// `MaxArraySize`: an array's tasks are below it.
    pub array_size: usize,
    /// `MaxJobCount`: jobs in the queue, of all users.
    pub jobs: usize,
}

impl Default for Limits {
    /// Returns what a cluster allows whose configuration sets nothing.
    fn default() -> Self {
        Self { array_size: 1_001, jobs: 10_000 }
    }
}

/// Reads the limits of the cluster.
///
/// # Errors
/// Returns an error if Slurm is not there or does not answer.
pub fn limits() -> Result<Limits, SlurmError> {
    let text = ask(Command::new("scontrol").args(["show", "config"]))?;
    let number = |key: &str, default| {
        let line =
            text.lines().find_map(|line| line.trim().strip_prefix(key)?.trim().strip_prefix('='));
        line.and_then(|value| value.trim().parse().ok()).unwrap_or(default)
    };
    // Where the configuration is not shown, the defaults of Slurm.
    let Limits { array_size, jobs } = Limits::default();
    let array_size = number("MaxArraySize", array_size).max(1);
    Ok(Limits { array_size, jobs: number("MaxJobCount", jobs) })
}

/// Returns the user's jobs of these names that have not ended; tasks of an array that wait are one of them, with all
/// their reasons.
///
/// A line for each task would be long where many wait. It is asked for only if one of them waits for a reason of its
/// own.
///
/// # Errors
/// Returns an error if Slurm does not answer.
pub fn queue(names: &[String]) -> Result<Vec<Queued>, SlurmError> {
    let queue = ask_queue(names, false)?;
    let is_mixed = |queued: &Queued| {
        let mut reasons = queued.reason.iter().flat_map(|all| all.split(','));
        queued.tasks.as_slice().len() > 1
            && reasons.any(|reason| reason == BEGIN_TIME || is_hold(reason))
    };
    if queue.iter().any(is_mixed) { ask_queue(names, true) } else { Ok(queue) }
}

/// Slurm's word for a job that waits for a time, as it does for two minutes after a requeue.
pub const BEGIN_TIME: &str = "BeginTime";

/// Whether a reason says that Slurm holds a job since a start failed, on a node that was not well.
#[must_use]
pub fn is_hold(reason: &str) -> bool {
    reason.contains("requeued") && reason.contains("held")
}

fn ask_queue(names: &[String], each: bool) -> Result<Vec<Queued>, SlurmError> {
    let mut command = Command::new("squeue");
    command.args(["--me", "--noheader", "--format=%j|%F|%K|%T|%N|%r"]);
    command.args(each.then_some("--array"));
    command.arg(format!("--name={}", names.join(",")));
    // Else long lists of tasks are cut.
    command.env("SLURM_BITSTR_LEN", "0");
    let text = ask(&mut command)?;
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines.map(|line| parse(line).ok_or_else(|| odd(line))).collect()
}

fn odd(line: &str) -> SlurmError {
    SlurmError::Silent { reason: format!("squeue says {line:?}") }
}

/// Parses a line of [`queue`].
fn parse(line: &str) -> Option<Queued> {
    let mut fields = line.trim().splitn(6, '|').map(str::to_owned);
    let [name, array, tasks, state, node, reason] = std::array::from_fn(|_| fields.next());
    let tasks = match tasks?.as_str() {
        "N/A" => Indices::default(),
        tasks => tasks.parse().ok()?,
    };
    // `None` is Slurm's word for no reason.
    let known = |text: String| (!text.is_empty() && text != "None").then_some(text);
    Some(Queued {
        name: name?,
        array: array?,
        tasks,
        // After a requeue a job has one of these states for a moment.
        is_pending: ["PENDING", "REQUEUED", "REQUEUE_HOLD", "SPECIAL_EXIT"]
            .contains(&state?.as_str()),
        node: known(node?),
        reason: known(reason?),
    })
}

/// Submits a job; returns its id.
///
/// # Errors
/// - [`SlurmError::Full`]: no more jobs are taken, now
/// - [`SlurmError::Refused`]: such a job is not taken
/// - [`SlurmError::Silent`], [`SlurmError::Missing`]: Slurm can't be asked
pub fn submit(command: &mut Command) -> Result<String, SlurmError> {
    let output = run_unless_full(command)?;
    let text = succeed(command, &output)?;
    // With several clusters it is followed by the name of one.
    let id =
        text.lines().next_back().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    match !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()) {
        true => Ok(id.to_owned()),
        false => Err(refused(command, &format!("it printed {text:?} instead of a job's number"))),
    }
}

/// Ends the user's jobs of a name: those that wait leave the queue, those that run write a checkpoint.
///
/// # Errors
/// Returns an error if Slurm does not answer.
pub fn cancel(name: &str) -> Result<(), SlurmError> {
    ask(Command::new("scancel").args(["--quiet", "--me", "--name", name])).map(drop)
}

/// Ends a job.
///
/// # Errors
/// Returns an error if Slurm does not answer.
pub fn cancel_job(id: &str) -> Result<(), SlurmError> {
    ask(Command::new("scancel").args(["--quiet", id])).map(drop)
}

/// Lets a job start that waits for a time: Slurm holds what is requeued back for two minutes.
///
/// # Errors
/// Returns an error if Slurm refuses.
pub fn start_now(id: &str) -> Result<(), SlurmError> {
    ask(Command::new("scontrol").args(["update", &format!("JobId={id}"), "StartTime=now"]))
        .map(drop)
}

/// Lets a job start that Slurm holds since a start failed.
///
/// # Errors
/// Returns an error if Slurm refuses.
pub fn release(id: &str) -> Result<(), SlurmError> {
    ask(Command::new("scontrol").args(["release", id])).map(drop)
}

/// Sets how many tasks of an array run at a time.
///
/// # Errors
/// Returns an error if Slurm refuses.
pub fn throttle(array: &str, tasks: usize) -> Result<(), SlurmError> {
    let (id, tasks) = (format!("JobId={array}"), format!("ArrayTaskThrottle={tasks}"));
    ask(Command::new("scontrol").args(["update", &id, &tasks])).map(drop)
}

/// Runs a program that only asks or changes something; returns what it prints.
fn ask(command: &mut Command) -> Result<String, SlurmError> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|source| missing(command, source))?;
    succeed(command, &output)
}

/// Runs `sbatch`, which waits for minutes where the queue is full; returns at once then.
fn run_unless_full(command: &mut Command) -> Result<Output, SlurmError> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|source| missing(command, source))?;
    let pipes = (child.stdout.take(), child.stderr.take());
    let (Some(mut stdout), Some(stderr)) = pipes else {
        return Err(missing(command, io::ErrorKind::BrokenPipe.into()));
    };
    let reader = thread::spawn(move || {
        let mut text = Vec::new();
        stdout.read_to_end(&mut text).map(|_| text)
    });
    let mut words = String::new();
    for line in BufReader::new(stderr).lines().map_while(Result::ok) {
        if line.contains("temporarily unable to accept job") {
            // It may have ended meanwhile.
            let _ = child.kill();
            let _ = child.wait();
            return Err(SlurmError::Full { reason: spoken(&line) });
        }
        words += &line;
        words.push('\n');
    }
    let failed = |source| missing(command, source);
    let status = child.wait().map_err(failed)?;
    let stdout = reader.join().unwrap_or_else(|_| Ok(Vec::new())).map_err(failed)?;
    Ok(Output { status, stdout, stderr: words.into_bytes() })
}

fn missing(command: &Command, source: io::Error) -> SlurmError {
    SlurmError::Missing { program: command.get_program().to_string_lossy().into_owned(), source }
}

fn refused(command: &Command, reason: &str) -> SlurmError {
    SlurmError::Refused { command: process::line(command), reason: reason.to_owned() }
}

/// What Slurm's programs say if they can't talk to the controller: Slurm's own texts (slurm_errno.c), and
/// the system's.
///
/// A controller that dies while it answers drops the connection; they then report the system's error.
const SILENT: [&str; 13] = [
    "Unable to contact slurm controller",
    "Slurm backup controller in standby mode",
    "Communication connection failure",
    "Message send failure",
    "Message receive failure",
    "Socket timed out",
    "Zero Bytes were transmitted",
    "Connection reset by peer",
    "Connection refused",
    "Connection timed out",
    "Broken pipe",
    "No route to host",
    "Network is unreachable",
];

/// Returns what a program printed if it succeeded, else the kind of its failure.
fn succeed(command: &Command, output: &Output) -> Result<String, SlurmError> {
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let reason = match text.lines().map(spoken).rfind(|line| !line.is_empty()) {
        Some(line) => line,
        None => process::ending(output.status),
    };
    let says = |words: &[&str]| words.iter().any(|words| text.contains(words));
    // The last line is the reason, the first may be an earlier step's.
    if says(&SILENT) {
        Err(SlurmError::Silent { reason })
    } else if says(&["violates accounting/QOS policy", "Job limit", "job submit limit"]) {
        Err(SlurmError::Full { reason })
    } else {
        Err(refused(command, &reason))
    }
}

/// Strips the names of program and function from a line of Slurm's: `sbatch: error: Batch job submission failed: …`.
fn spoken(line: &str) -> String {
    let mut line = line.trim();
    for start in ["sbatch:", "squeue:", "scontrol:", "scancel:", "error:", "fatal:"] {
        line = line.strip_prefix(start).unwrap_or(line).trim_start();
    }
    line.strip_prefix("Batch job submission failed:").unwrap_or(line).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_queue_are_read() {
        let waiting = parse("pmoe-1a-0|12|3,7-9%4|PENDING||JobArrayTaskLimit").unwrap();
        assert_eq!(waiting.tasks.as_slice(), [3, 7, 8, 9]);
        assert!(waiting.is_pending && waiting.node.is_none());
        assert_eq!(waiting.reason.as_deref(), Some("JobArrayTaskLimit"));
        let running = parse("pmoe-1a-0|12|2|RUNNING|n1|None").unwrap();
        assert_eq!((running.array.as_str(), running.tasks.as_slice()), ("12", &[2][..]));
        assert!(!running.is_pending);
        assert_eq!((running.node.as_deref(), running.reason), (Some("n1"), None));
        let single = parse("pmoe-1a-report|13|N/A|PENDING||Dependency").unwrap();
        assert!(single.tasks.as_slice().is_empty());
        for odd in ["", "a|b", "a|1|x|RUNNING|n|None"] {
            assert_eq!(parse(odd), None, "{odd}");
        }
    }

    #[test]
    fn refusals_are_said_in_slurms_words() {
        let line = "sbatch: error: Batch job submission failed: Invalid partition name specified";
        assert_eq!(spoken(line), "Invalid partition name specified");
        let mut command = Command::new("sh");
        command.args(["-c", "echo 'sbatch: error: too big' >&2; exit 1"]);
        let error = submit(&mut command).unwrap_err().to_string();
        assert!(
            error.starts_with("Slurm refused `sh -c ") && error.ends_with(": too big"),
            "{error}"
        );
    }

    #[test]
    fn a_controller_that_ends_the_connection_does_not_answer() {
        for words in [
            "slurm_load_ctl_conf error: Connection reset by peer",
            "slurm_load_jobs error: Unable to contact slurm controller (connect failure)",
            "squeue: error: slurm_receive_msg: Zero Bytes were transmitted or received",
            "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation",
        ] {
            let mut command = Command::new("sh");
            command.args(["-c", &format!("echo '{words}' >&2; exit 1")]);
            let error = ask(&mut command).unwrap_err();
            assert!(matches!(error, SlurmError::Silent { .. }), "{error}");
        }
    }

    #[test]
    fn a_full_queue_is_not_waited_for() {
        let mut command = Command::new("sh");
        let words = "sbatch: error: Slurm temporarily unable to accept job, sleeping and retrying";
        command.args(["-c", &format!("echo '{words}' >&2; exec sleep 600")]);
        assert!(matches!(submit(&mut command), Err(SlurmError::Full { .. })));
    }
}
