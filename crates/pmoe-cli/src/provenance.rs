//! What made a run: build, machine, command.

use std::fs;

use pmoe_results::Provenance;

/// The provenance of this process.
pub(crate) fn provenance(device: &str) -> Provenance {
    Provenance {
        pmoe: env!("CARGO_PKG_VERSION").to_owned(),
        commit: env!("PMOE_COMMIT").to_owned(),
        dirty: env!("PMOE_DIRTY") == "true",
        rustc: env!("PMOE_RUSTC").to_owned(),
        burn: env!("PMOE_BURN").to_owned(),
        mujoco: pmoe_envs::mujoco_version().to_owned(),
        device: device.to_owned(),
        threads: 1,
        cpu: cpu(),
        cores: std::thread::available_parallelism().map_or(0, Into::into),
        memory_gib: memory_gib(),
        os: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        command: command(),
    }
}

/// The command line without the folder that the program lies in.
fn command() -> String {
    let arguments = std::env::args().skip(1);
    ["pmoe".to_owned()].into_iter().chain(arguments).collect::<Vec<_>>().join(" ")
}

fn cpu() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find_map(|line| line.strip_prefix("model name"));
    name.map_or("unknown", |name| name.trim_start_matches(['\t', ' ', ':'])).to_owned()
}

fn memory_gib() -> f64 {
    let info = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib =
        info.lines().find_map(|line| line.strip_prefix("MemTotal:")?.split_whitespace().next());
    let kib: f64 = kib.and_then(|kib| kib.parse().ok()).unwrap_or(0.0);
    (kib / 1024.0 / 1024.0 * 10.0).round() / 10.0
}
