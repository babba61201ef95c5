//! Checks what each device computes, and prints a table of it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use pmoe_matrix::process;
use pmoe_results::Exit;
use serde::Deserialize;

use crate::cargo;

/// Checks what each device computes, beside PyTorch and beside flex, and prints a table of it
///
/// Losses and gradients of every method, 500 steps of SAC, PMOE-SAC and PPO, resuming, and an
/// evaluation after 200 updates of PMOE-SAC. A number of the table says how far a device is from
/// what is expected of it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask devices                                    before a release; compiling wgpu takes long
  cargo xtask devices --devices flex,flex-plain,ndarray

wgpu needs a GPU's Vulkan driver, or one that computes on the processor (on Debian and Ubuntu both are in
the package mesa-vulkan-drivers); docs/devices.md says what each device needs.

Exit codes: 0 every device passed, 1 one did not, or can't be built or used here.")]
pub struct Options {
    /// Devices to check
    #[arg(long, value_enum, value_delimiter = ',', value_name = "NAME,..")]
    #[arg(default_value = "flex,flex-plain,ndarray,wgpu")]
    pub devices: Vec<Device>,
}

/// What a device brings, and what is compiled again with it. It is compiled without optimisation,
/// which takes a fraction of the time: the checks are small, and nothing is measured.
const NEED_NOT_BE_FAST: [&str; 20] = [
    "burn-core",
    "burn-cubecl",
    "burn-dispatch",
    "burn-linalg",
    "burn-ndarray",
    "burn-nn",
    "burn-optim",
    "burn-tensor",
    "cubek",
    "cubek-attention",
    "cubek-convolution",
    "cubek-interpolate",
    "cubek-matmul",
    "cubek-pool",
    "cubek-quant",
    "cubek-random",
    "cubek-reduce",
    "cubek-std",
    "cubek-tile",
    "pmoe-algos",
];

/// A device, named as on the command line of `pmoe`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Device {
    /// The CPU.
    Flex,
    /// The CPU, without our fused operations.
    FlexPlain,
    /// The CPU, burn's ndarray backend.
    Ndarray,
    /// A GPU through wgpu.
    Wgpu,
    /// An NVIDIA GPU through CUDA.
    Cuda,
}

impl Device {
    /// The name in configs.
    fn name(self) -> &'static str {
        match self {
            Self::Flex => "flex",
            Self::FlexPlain => "flex_plain",
            Self::Ndarray => "ndarray",
            Self::Wgpu => "wgpu",
            Self::Cuda => "cuda",
        }
    }

    /// The cargo feature that adds it.
    fn feature(self) -> Option<&'static str> {
        match self {
            Self::Flex | Self::FlexPlain => None,
            Self::Ndarray | Self::Wgpu | Self::Cuda => Some(self.name()),
        }
    }

    fn is_gpu(self) -> bool {
        matches!(self, Self::Wgpu | Self::Cuda)
    }
}

/// What a check saw on a device: a line of the test's output.
#[derive(Deserialize)]
struct Seen {
    hardware: Option<String>,
    check: String,
    /// JSON has no infinity.
    deviation: Option<f64>,
    allowed: f64,
    detail: String,
}

/// Builds the checks with the devices' features and runs them, in one process for each device.
pub fn run(root: &Path, devices: &[Device]) -> Result<Exit> {
    let checks = build("devices", devices)?;
    let mut table = Table::default();
    let mut failed = Vec::new();
    for &device in devices {
        say!("=== {}", device.name());
        let (seen, passed) = check(&checks, device)?;
        if !passed {
            failed.push(device.name());
        }
        table.add(device, seen);
    }
    show!("{}\n{}", provenance(root, devices)?, table.text());
    if devices.iter().any(|device| device.is_gpu()) {
        // What the program says without a driver, and what it doesn't show with one.
        say!("=== drivers");
        let mut drivers = Command::new(build("drivers", devices)?);
        if !drivers.status().context("cannot start the test `drivers`")?.success() {
            failed.push("messages about drivers");
        }
    }
    if failed.is_empty() {
        return Ok(Exit::Done);
    }
    say!("error: {} did not pass", failed.join(", "));
    Ok(Exit::Failed)
}

/// Compiles a test with the features of some devices, and returns its path.
fn build(test: &str, devices: &[Device]) -> Result<PathBuf> {
    #[derive(Deserialize)]
    struct Message {
        executable: Option<PathBuf>,
        target: Option<Target>,
    }
    #[derive(Deserialize)]
    struct Target {
        name: String,
    }
    let features: Vec<_> = devices.iter().filter_map(|device| device.feature()).collect();
    let target = cargo::target_directory()?;
    let mut cargo = cargo::cargo();
    // All that doesn't depend on the features is that of other commands.
    cargo.args(["test", "--release", "--workspace", "--test", test, "--no-run"]);
    cargo.args(["--message-format", "json-render-diagnostics"]);
    if !features.is_empty() {
        cargo.args(["--features", &features.join(",")]);
        for package in NEED_NOT_BE_FAST {
            let level = format!("profile.release.package.{package}.opt-level=0");
            cargo.args(["--config", &level]);
        }
    }
    // Only what is built in between is shared: `target/release/pmoe` stays without the features.
    cargo.env("CARGO_TARGET_DIR", target.join("devices")).env("CARGO_BUILD_BUILD_DIR", &target);
    for line in process::stdout(&mut cargo)?.lines() {
        let message: Message = serde_json::from_str(line).context("cannot parse cargo's output")?;
        if let Message { executable: Some(path), target: Some(Target { name }) } = message
            && name == test
        {
            return Ok(path);
        }
    }
    bail!("cargo built no test `{test}`")
}

/// Runs the checks on one device. Returns what they saw, and whether all passed.
fn check(checks: &Path, device: Device) -> Result<(Vec<Seen>, bool)> {
    let folder = tempfile::tempdir()?;
    let out = folder.path().join("seen.jsonl");
    let mut command = Command::new(checks);
    command.env("PMOE_DEVICES", device.name()).env("PMOE_DEVICES_OUT", &out);
    if device.is_gpu() {
        command.arg("--test-threads=1");
    }
    command.stdin(Stdio::null());
    let output = command.output().with_context(|| format!("cannot start {}", checks.display()))?;
    let passed = output.status.success();
    if !passed {
        say!("{}", String::from_utf8_lossy(&output.stdout).trim_end());
        say!("{}", String::from_utf8_lossy(&output.stderr).trim_end());
    }
    let text = fs::read_to_string(&out).unwrap_or_default();
    let seen = text.lines().map(serde_json::from_str).collect::<Result<_, _>>();
    Ok((seen.context("cannot parse what the checks saw")?, passed))
}

/// One line for each check, one column for each device.
#[derive(Default)]
struct Table {
    devices: Vec<(Device, Option<String>)>,
    /// By check: what is allowed, and the cells by device.
    lines: BTreeMap<String, (f64, BTreeMap<&'static str, Seen>)>,
}

impl Table {
    fn add(&mut self, device: Device, seen: Vec<Seen>) {
        let hardware = seen.first().and_then(|seen| seen.hardware.clone());
        self.devices.push((device, hardware));
        for seen in seen {
            let line = self.lines.entry(seen.check.clone());
            let (_, cells) = line.or_insert_with(|| (seen.allowed, BTreeMap::new()));
            cells.insert(device.name(), seen);
        }
    }

    /// The table in Markdown, then what is behind its numbers.
    fn text(&self) -> String {
        let names: Vec<_> = self.devices.iter().map(|(device, _)| device.name()).collect();
        let mut text = format!("| distance | allowed | {} |\n", names.join(" | "));
        text += &format!("|---|---|{}\n", "---|".repeat(names.len()));
        for (check, (allowed, cells)) in &self.lines {
            let cell = |name: &&str| match cells.get(*name) {
                Some(Seen { deviation: Some(deviation), allowed, .. }) => {
                    let digits = number(*deviation);
                    if deviation <= allowed { digits } else { format!("**{digits}**") }
                }
                Some(Seen { deviation: None, .. }) => "**not a number**".to_owned(),
                None => "n/a".to_owned(),
            };
            let cells: Vec<_> = names.iter().map(cell).collect();
            let _ = writeln!(text, "| {check} | {} | {} |", number(*allowed), cells.join(" | "));
        }
        for (device, hardware) in &self.devices {
            let name = device.name();
            let on = hardware.as_ref().map(|hardware| format!(" on {hardware}"));
            let _ = writeln!(text, "\n{name}{}:\n", on.unwrap_or_default());
            for (check, (_, cells)) in &self.lines {
                if let Some(seen) = cells.get(name) {
                    let _ = writeln!(text, "- {check}: {}", seen.detail);
                }
            }
        }
        text
    }
}

fn number(value: f64) -> String {
    if value == 0.0 { "0".to_owned() } else { format!("{value:.1e}") }
}

/// What the table was made with, in a line.
fn provenance(root: &Path, devices: &[Device]) -> Result<String> {
    let stdout = |program: &str, arguments: &[&str]| -> Result<String> {
        let mut command = Command::new(program);
        Ok(process::stdout(command.current_dir(root).args(arguments))?.trim().to_owned())
    };
    let commit = stdout("git", &["describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"])?;
    let rustc = stdout("rustc", &["--version"])?;
    let lock: toml::Table = fs::read_to_string(root.join("Cargo.lock"))?.parse()?;
    let packages = lock.get("package").and_then(toml::Value::as_array);
    let burn = packages
        .into_iter()
        .flatten()
        .find(|package| package.get("name").and_then(toml::Value::as_str) == Some("burn"));
    let burn = burn.and_then(|burn| burn.get("version")?.as_str()).unwrap_or("unknown");
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu = info.lines().find_map(|line| line.strip_prefix("model name"));
    let cpu = cpu.map_or("unknown processor", |cpu| cpu.trim_start_matches(['\t', ' ', ':']));
    let names: Vec<_> = devices.iter().map(|device| device.name().replace('_', "-")).collect();
    Ok(format!(
        "`cargo xtask devices --devices {}`, commit {commit}, {rustc}, burn {burn}, {cpu}, {} {}\n",
        names.join(","),
        env::consts::OS,
        env::consts::ARCH,
    ))
}
