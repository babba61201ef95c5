//! A test case: input files, the commands that read them, and the check of the results.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use pmoe_matrix::process;
use pmoe_results::Exit;
use serde::{Deserialize, Serialize};

/// Time limit for a command; the inputs are small.
const DEADLINE: Duration = Duration::from_secs(60);
/// Limit of resident memory for a command, in bytes.
const MAX_BYTES: u64 = 1 << 30;
/// Interval of memory checks. Touching a gigabyte takes at least fifty times as long.
const LOOK: Duration = Duration::from_millis(1);
/// Name of the file with the calls of a finding.
const FILE: &str = "case.json";

/// Input files by path, and the calls to run on them.
#[derive(Debug, Clone, Default)]
pub struct Case {
    pub files: BTreeMap<PathBuf, Vec<u8>>,
    pub calls: Calls,
}

/// Calls of `pmoe` in the folder of the files.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Calls {
    pub environment: BTreeMap<String, String>,
    pub arguments: Vec<Vec<String>>,
}

/// Statistics of calls.
#[derive(Debug, Clone, Copy, Default)]
pub struct Record {
    pub calls: u64,
    /// Number of successful calls. If none or all succeed, the inputs are too invalid, or not
    /// invalid enough.
    pub succeeded: u64,
    /// Maximum over all calls.
    pub time: Duration,
    pub bytes: u64,
}

impl Record {
    pub fn add(&mut self, other: Self) {
        self.calls += other.calls;
        self.succeeded += other.succeeded;
        self.time = self.time.max(other.time);
        self.bytes = self.bytes.max(other.bytes);
    }
}

impl Case {
    /// Writes the case to a folder, for [`Case::read`].
    pub fn write(&self, folder: &Path) -> Result<()> {
        self.write_files(folder)?;
        let calls = serde_json::to_vec_pretty(&self.calls)?;
        fs::write(folder.join(FILE), calls)
            .with_context(|| format!("cannot write {}", folder.display()))
    }

    /// Reads a case that [`Case::write`] wrote.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(FILE);
        let text = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let calls = serde_json::from_slice(&text)
            .with_context(|| format!("cannot parse {}", path.display()))?;
        let mut files = read_files(folder)?;
        files.remove(Path::new(FILE));
        Ok(Self { files, calls })
    }

    fn write_files(&self, folder: &Path) -> Result<()> {
        for (path, bytes) in &self.files {
            let path = folder.join(path);
            let written = path.parent().map_or(Ok(()), fs::create_dir_all);
            written
                .and_then(|()| fs::write(&path, bytes))
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }

    /// Runs the calls, each in the state left by the previous one. The inner error describes a
    /// finding.
    pub fn run(&self, pmoe: &Path) -> Result<Result<Record, String>> {
        let folder = tempfile::tempdir()?;
        self.write_files(folder.path())?;
        let mut record = Record::default();
        for arguments in &self.calls.arguments {
            let mut command = Command::new(pmoe);
            command.args(arguments).envs(&self.calls.environment).current_dir(folder.path());
            let line = process::line(Command::new("pmoe").args(arguments));
            match run(&mut command)? {
                Ok(call) => record.add(call),
                Err(finding) => return Ok(Err(format!("{line}: {finding}"))),
            }
        }
        Ok(Ok(record))
    }
}

/// Returns all files at or below a folder, by relative path.
pub fn read_files(folder: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut found = BTreeMap::new();
    let cannot = || format!("cannot read {}", folder.display());
    for entry in fs::read_dir(folder).with_context(cannot)? {
        let path = entry.with_context(cannot)?.path();
        let name = PathBuf::from(path.file_name().unwrap_or_default());
        if path.is_dir() {
            let below = read_files(&path)?.into_iter();
            found.extend(below.map(|(path, bytes)| (name.join(path), bytes)));
        } else {
            let bytes =
                fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            found.insert(name, bytes);
        }
    }
    Ok(found)
}

/// Runs a command until it ends or does something forbidden.
fn run(command: &mut Command) -> Result<Result<Record, String>> {
    // A file, so that a command with much output does not block.
    let mut stderr = tempfile::tempfile()?;
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr.try_clone()?);
    let mut child = command.spawn().context("cannot start pmoe")?;
    let watched = watch(&mut child);
    if !matches!(watched, Ok(Ok(_))) {
        // The process may have ended.
        let _ = child.kill();
    }
    let status = child.wait()?;
    Ok(match watched? {
        Ok(record) => {
            let succeeded = u64::from(status.success());
            judge(status, &mut stderr)?.map_or(Ok(Record { succeeded, ..record }), Err)
        }
        Err(finding) => Err(finding),
    })
}

/// Waits until a process ends, misses the deadline or uses too much memory.
fn watch(child: &mut Child) -> Result<Result<Record, String>> {
    let (begun, mut bytes) = (Instant::now(), 0);
    loop {
        // Zero once the process has ended.
        bytes = bytes.max(peak_bytes(child.id()));
        if bytes > MAX_BYTES {
            return Ok(Err(format!("took {} MB of memory", bytes / 1_000_000)));
        }
        if child.try_wait()?.is_some() {
            let time = begun.elapsed();
            return Ok(Ok(Record { calls: 1, succeeded: 0, time, bytes }));
        }
        if begun.elapsed() > DEADLINE {
            return Ok(Err(format!("did not end within {} s", DEADLINE.as_secs())));
        }
        thread::sleep(LOOK);
    }
}

/// Returns the peak memory of a process.
fn peak_bytes(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

/// Returns what is wrong with how a command ended, if anything.
fn judge(status: ExitStatus, stderr: &mut File) -> Result<Option<String>> {
    let mut text = Vec::new();
    stderr.rewind()?;
    stderr.take(1 << 20).read_to_end(&mut text)?;
    let text = String::from_utf8_lossy(&text);
    if let Some(at) = text.find("panicked at") {
        let lines: Vec<&str> = text[at..].lines().take(2).collect();
        return Ok(Some(lines.join(" ")));
    }
    let known = status.code().and_then(Exit::from_code);
    // Ended by a signal, there is no code.
    if known.is_none() {
        let last = text.lines().last().unwrap_or("nothing");
        return Ok(Some(format!("ended with {}, said last: {last}", process::ending(status))));
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(script: &str) -> Result<Record, String> {
        run(Command::new("sh").args(["-c", script])).unwrap()
    }

    #[test]
    fn what_may_not_happen_is_seen() {
        assert!(found("exit 2").is_ok());
        assert!(found("echo error: no >&2; exit 1").is_ok());
        let panic = found("echo \"thread 'main' panicked at a.rs:1:2:\nindex\" >&2; exit 2");
        assert_eq!(panic.unwrap_err(), "panicked at a.rs:1:2: index");
        assert!(found("exit 101").unwrap_err().contains("exit code 101"));
        assert!(found("kill -s ABRT $$").unwrap_err().contains("signal 6"));
        let memory = "exec python3 -c 'x = bytearray(1200 << 20); print(len(x))'";
        assert!(found(memory).unwrap_err().contains("of memory"));
    }

    #[test]
    fn a_case_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let files = [("a/b/c.bin", b"\xff\0".to_vec()), ("d.toml", b"x = 1".to_vec())];
        let files: BTreeMap<_, _> = files.map(|(path, bytes)| (path.into(), bytes)).into();
        let calls = Calls { arguments: vec![vec!["list".to_owned()]], ..Calls::default() };
        Case { files: files.clone(), calls }.write(folder.path()).unwrap();
        let read = Case::read(folder.path()).unwrap();
        assert_eq!(read.files, files);
        assert_eq!(read.calls.arguments, [["list"]]);
    }
}
