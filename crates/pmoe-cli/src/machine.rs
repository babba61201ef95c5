//! How much memory this machine has, and whether a run fits.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use pmoe_algos::{MemoryUse, RunConfig};
use pmoe_envs::EnvSpec;

use crate::exit::BadInput;

/// Returns the memory that a run needs for its remaining `total_steps` steps.
///
/// # Errors
/// If the machine has less: [`BadInput`], which names the setting that needs the most.
pub(crate) fn check_memory(
    config: &RunConfig,
    total_steps: u64,
    spec: &EnvSpec,
) -> Result<MemoryUse> {
    check_memory_of(1, config, total_steps, spec)
}

/// Returns the memory that several runs in one process need; see [`check_memory`].
pub(crate) fn check_memory_of(
    runs: u64,
    config: &RunConfig,
    total_steps: u64,
    spec: &EnvSpec,
) -> Result<MemoryUse> {
    let MemoryUse { steps, networks, batch } = config.algo.memory(total_steps, spec);
    // In lockstep, networks learn in a place of their own.
    let copies = if runs == 1 { 1 } else { 2 * runs };
    let memory = MemoryUse {
        steps: steps.saturating_mul(runs),
        networks: networks.saturating_mul(copies),
        batch: batch.saturating_mul(runs),
    };
    match memory_bytes() {
        Some(there) if there < memory.total() => {
            let setting = config.algo.largest_setting(total_steps, spec);
            let [needed, there] = [memory.total(), there].map(size);
            let message = format!(
                "this needs about {needed} of memory, but the machine has {there}; `{setting}` needs the most"
            );
            Err(BadInput(message).into())
        }
        _ => Ok(memory),
    }
}

/// Describes a run's memory before it begins. `kept` is the number of transitions to learn from.
pub(crate) fn memory_line(memory: &MemoryUse, kept: usize) -> String {
    let MemoryUse { steps, networks, batch } = *memory;
    let [total, networks, batch, steps] = [memory.total(), networks, batch, steps].map(size);
    let mut line = format!(
        "memory: at most about {total} (networks {networks}, a batch {batch}, {kept} stored transitions {steps})"
    );
    if let Some(free) = of_meminfo("MemAvailable:").filter(|free| *free < memory.total()) {
        line += &format!("\nwarning: only {} is free now", size(free));
    }
    line
}

/// Formats bytes, rounded up: `1 MB`, `53 MB`, `1.7 GB`.
fn size(bytes: u64) -> String {
    match bytes {
        ..1_000_000_000 => format!("{} MB", bytes.div_ceil(1_000_000)),
        _ => format!("{:.1} GB", (bytes as f64 / 1e8).ceil() / 10.0),
    }
}

/// Memory (bytes) available to this process: the machine's, or less if its control group sets a
/// limit.
fn memory_bytes() -> Option<u64> {
    let read = |path: &Path| fs::read_to_string(path).ok();
    let groups = read(Path::new("/proc/self/cgroup")).unwrap_or_default();
    let limits = limit_files(&groups).filter_map(|path| read(&path)?.trim().parse().ok());
    limits.chain(total_memory()).min()
}

/// Memory (bytes) of the machine.
pub(crate) fn total_memory() -> Option<u64> {
    of_meminfo("MemTotal:")
}

fn of_meminfo(name: &str) -> Option<u64> {
    let info = fs::read_to_string("/proc/meminfo").ok()?;
    let kib = info.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next());
    kib?.parse::<u64>().ok()?.checked_mul(1024)
}

/// Paths of the files that may contain a limit for the groups in `/proc/self/cgroup` and their
/// ancestors. A file that contains `max` sets no limit.
fn limit_files(groups: &str) -> impl Iterator<Item = PathBuf> {
    groups.lines().flat_map(|line| {
        // hierarchy:controllers:path; version 2 has no controllers.
        let mut fields = line.splitn(3, ':').skip(1);
        let (controllers, path) = (fields.next().unwrap_or(""), fields.next().unwrap_or(""));
        let (mount, file) = match controllers {
            "" => ("/sys/fs/cgroup", "memory.max"),
            _ => ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
        };
        let has_memory =
            controllers.is_empty() || controllers.split(',').any(|name| name == "memory");
        let is_group = has_memory && path.starts_with('/');
        let above = Path::new(path).ancestors().filter(move |_| is_group);
        above.map(move |group| {
            Path::new(mount).join(group.strip_prefix("/").unwrap_or(group)).join(file)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_looked_for_in_a_group_and_those_above_it() {
        let files = |groups: &str| {
            limit_files(groups).map(|path| path.display().to_string()).collect::<Vec<_>>()
        };
        assert_eq!(
            files("0::/user.slice/job\n"),
            [
                "/sys/fs/cgroup/user.slice/job/memory.max",
                "/sys/fs/cgroup/user.slice/memory.max",
                "/sys/fs/cgroup/memory.max"
            ]
        );
        assert_eq!(
            files("5:cpu,cpuacct:/a\n4:hugetlb,memory:/a\n"),
            [
                "/sys/fs/cgroup/memory/a/memory.limit_in_bytes",
                "/sys/fs/cgroup/memory/memory.limit_in_bytes"
            ]
        );
        assert_eq!(files("nothing of ours"), Vec::<String>::new());
        assert_eq!(files(""), Vec::<String>::new());
    }

    #[test]
    fn sizes_are_never_nothing() {
        let sizes = [0, 1, 53_000_000, 53_000_001, 999_999_999, 1_000_000_000, 1_640_000_001];
        let texts = ["0 MB", "1 MB", "53 MB", "54 MB", "1000 MB", "1.0 GB", "1.7 GB"];
        assert_eq!(sizes.map(size), texts);
    }

    #[test]
    fn this_machine_has_memory() {
        assert!(memory_bytes() <= total_memory() && total_memory() > Some(1 << 20));
    }
}
