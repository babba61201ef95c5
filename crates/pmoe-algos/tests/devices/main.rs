//! What every device of this build computes, beside PyTorch and beside flex.
//!
//! `PMOE_DEVICES` names the devices, separated by commas. Each check appends what it saw as a line
//! of JSON to the file `PMOE_DEVICES_OUT`, if set; `cargo xtask devices` makes a table of them.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../common/mod.rs"]
mod common;
mod gradients;
mod learning;
#[path = "../parity/replay.rs"]
mod replay;

use std::env;
use std::fs::OpenOptions;
use std::io::Write;

use pmoe_algos::DeviceKind;
use pmoe_algos::device::hardware;
use serde::Serialize;

use self::common::on;
use self::replay::case::{Arithmetic, Case, cases};
use self::replay::module::deviations;
use self::replay::{committed, replay};

/// What a check saw on a device.
#[derive(Serialize)]
struct Seen {
    check: String,
    /// Distance from what is expected.
    deviation: f64,
    /// The largest one with which the device passes.
    allowed: f64,
    detail: String,
}

/// Returns the devices to check.
fn devices() -> Vec<DeviceKind> {
    let Some(names) = env::var_os("PMOE_DEVICES") else {
        return DeviceKind::ALL.into_iter().filter(|device| device.is_built()).collect();
    };
    let names = names.into_string().unwrap();
    let named = |name: &str| {
        let found = DeviceKind::ALL.into_iter().find(|device| device.name() == name);
        found.unwrap_or_else(|| panic!("PMOE_DEVICES: there is no device {name}"))
    };
    names.split(',').map(named).collect()
}

/// Makes a check on each device, writes down what was seen and fails if one deviates too far.
fn on_each(check: impl Fn(DeviceKind) -> Vec<Seen>) {
    let mut wrong = Vec::new();
    for kind in devices() {
        let opened = kind.open().unwrap_or_else(|error| panic!("{error}"));
        let hardware = hardware(&opened);
        for seen in on(kind, || check(kind)) {
            let mut line = serde_json::to_value(&seen).unwrap();
            line["hardware"] = hardware.clone().into();
            let line = line.to_string();
            if let Some(path) = env::var_os("PMOE_DEVICES_OUT") {
                let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
                writeln!(file, "{line}").unwrap();
            }
            // A number that is none passes nothing.
            if !matches!(seen.deviation.partial_cmp(&seen.allowed), Some(order) if order.is_le()) {
                wrong.push(format!("{}: {line}", kind.name()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Returns the ways in which a device computes: as in training, and in double precision.
fn arithmetics(kind: DeviceKind) -> Vec<(Arithmetic, &'static str)> {
    let (single, double) = ("32 bits", "64 bits");
    match kind {
        DeviceKind::Flex => vec![(Arithmetic::Fused, single), (Arithmetic::Double, double)],
        DeviceKind::FlexPlain | DeviceKind::Ndarray => {
            vec![(Arithmetic::Plain, single), (Arithmetic::Double, double)]
        }
        // burn's CUDA has no double precision. Its wgpu says that it has, if the driver has, but
        // the losses are not numbers.
        DeviceKind::Wgpu | DeviceKind::Cuda => vec![(Arithmetic::Plain, single)],
    }
}

/// Returns the largest deviations of losses and gradients from PyTorch's.
fn tolerances(kind: DeviceKind, arithmetic: Arithmetic) -> [f64; 2] {
    let (losses, gradients) = arithmetic.tolerances();
    match (kind, arithmetic) {
        // It was seen to reach 1.0e-8, in a loss of DAC; flex is at 1.6e-15.
        (DeviceKind::Ndarray, Arithmetic::Double) => [1e-7, gradients],
        _ => [losses, gradients],
    }
}

#[test]
fn losses_and_gradients_are_pytorchs() {
    on_each(|kind| {
        let paths = cases(&committed()).unwrap();
        let mut all = Vec::new();
        for (arithmetic, precision) in arithmetics(kind) {
            let mut furthest = [("losses", 0.0, String::new()), ("gradients", 0.0, String::new())];
            for path in &paths {
                let case = Case::read(path).unwrap();
                let computed = replay(&case, arithmetic).unwrap();
                let (losses, gradients) = deviations(&case, &computed).unwrap();
                for (most, deviation) in furthest.iter_mut().zip([losses, gradients]) {
                    if deviation > most.1 {
                        (most.1, most.2) = (deviation, case.name.clone());
                    }
                }
            }
            let allowed = tolerances(kind, arithmetic);
            all.extend(furthest.into_iter().zip(allowed).map(
                |((what, deviation, case), allowed)| {
                    let check = format!("{what} beside PyTorch, {precision}");
                    let detail = format!("{} cases, furthest {case}", paths.len());
                    Seen { check, deviation, allowed, detail }
                },
            ));
        }
        all
    });
}
