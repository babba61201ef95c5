//! The provenance of a run: build, machine and command line.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use burn::tensor::Device;
use pmoe_algos::DeviceKind;
use pmoe_algos::device::hardware;
use pmoe_core::instructions::Instructions;
use pmoe_results::run::Provenance;

use crate::machine::total_memory;

/// The provenance of this process, which trains on `device` with `threads` threads.
pub(crate) fn provenance(kind: DeviceKind, device: &Device, threads: u8) -> Result<Provenance> {
    let name = kind.name();
    let device = hardware(device).map_or_else(|| name.to_owned(), |gpu| format!("{name} ({gpu})"));
    Ok(Provenance {
        pmoe: env!("CARGO_PKG_VERSION").to_owned(),
        commit: env!("PMOE_COMMIT").to_owned(),
        dirty: env!("PMOE_DIRTY") == "true",
        rustc: env!("PMOE_RUSTC").to_owned(),
        burn: env!("PMOE_BURN").to_owned(),
        mujoco: pmoe_envs::mujoco_version().to_owned(),
        device,
        threads: threads.into(),
        population: None,
        cpu: cpu(),
        instructions: Instructions::in_use().name().to_owned(),
        libm: libm(),
        cores: std::thread::available_parallelism().map_or(0, Into::into),
        memory_gib: memory_gib(),
        os: format!("{} {}", env::consts::OS, env::consts::ARCH),
        command: command()?,
    })
}

/// The command line that is being done.
static COMMAND: Mutex<Vec<OsString>> = Mutex::new(Vec::new());

/// Notes the command line that is done from now on, the program's name included.
pub(crate) fn set_command(arguments: &[OsString]) {
    *COMMAND.lock().unwrap_or_else(PoisonError::into_inner) = arguments.to_vec();
}

/// The command line, quoted for a shell, without the folder of the program.
fn command() -> Result<String> {
    let arguments = COMMAND.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let arguments =
        arguments.iter().skip(1).map(|argument| argument.to_string_lossy().into_owned());
    let words: Vec<_> = ["pmoe".to_owned()].into_iter().chain(arguments).collect();
    shlex::try_join(words.iter().map(String::as_str)).context("cannot write down the command line")
}

fn cpu() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find_map(|line| line.strip_prefix("model name"));
    name.map_or("unknown", |name| name.trim_start_matches(['\t', ' ', ':'])).to_owned()
}

/// Returns a digest of functions that the system computes, which MuJoCo and the simulations use: their
/// last bits depend on the version of the library and on the processor.
fn libm() -> String {
    let functions: [fn(f64) -> f64; 9] = [
        f64::sin,
        f64::cos,
        f64::tan,
        f64::exp,
        f64::ln_1p,
        f64::tanh,
        f64::asin,
        f64::cbrt,
        |x| x.powf(0.7).atan2(1.0 - x),
    ];
    let mut hasher = blake3::Hasher::new();
    for function in functions {
        for index in 0..4096 {
            // Between 0 and 1, with all bits in use. Hidden from the compiler, which would compute
            // them with a library of its own.
            let x = std::hint::black_box((f64::from(index) + 1.0 / 3.0) / 4096.0);
            hasher.update(&function(x).to_le_bytes());
        }
    }
    hasher.finalize().to_hex()[..8].to_owned()
}

fn memory_gib() -> f64 {
    let bytes = total_memory().unwrap_or(0) as f64;
    (bytes / f64::from(1 << 30) * 10.0).round() / 10.0
}
