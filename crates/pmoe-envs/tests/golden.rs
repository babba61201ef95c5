//! Replays cases recorded from Gymnasium (`golden/generate.py`).
//!
//! MuJoCo's last bits depend on the C library's sin, cos, exp and so on. With the C library used
//! for recording (identified by a fingerprint), the whole case must match bit for bit. With another
//! one, values must match up to 1e-9 for 25 steps, after which chaos may take over.
//!
//! The folder in `PMOE_GOLDEN_DIR`, if set, is replayed too.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use pmoe_envs::{TaskId, TraceInput, TraceOutput, trace};
use serde::Deserialize;

/// Number of steps compared if the C library differs.
const LOOSE_STEPS: usize = 25;
/// Tolerance of that comparison, relative to max(1, |x|). The worst measured over all tasks is
/// 3e-10, at step 50.
const LOOSE_TOLERANCE: f64 = 1e-9;

#[derive(Deserialize)]
struct Case {
    meta: Meta,
    input: TraceInput,
    output: TraceOutput,
}

#[derive(Deserialize)]
struct Meta {
    libm_fingerprint: String,
}

/// FNV-1a over results of libm's functions, as in `generate.py`.
fn libm_fingerprint() -> String {
    let mut digest = 0xcbf2_9ce4_8422_2325_u64;
    for i in 0..4096 {
        let x = f64::from(i) / 512.0 - 4.0;
        let y = f64::from(i) / 512.0 + 0.5;
        let values =
            [x.sin(), x.cos(), x.exp(), y.ln(), x.atan2(1.25), (x / 4.0).acos(), y.powf(1.75)];
        for byte in values.iter().flat_map(|value| value.to_le_bytes()) {
            digest = (digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    format!("{digest:016x}")
}

/// Returns all values of one step: reward (none before the first step), observation, positions,
/// velocities.
fn numbers(output: &TraceOutput, step: usize) -> Vec<f64> {
    let reward = step.checked_sub(1).map(|last| output.reward[last]);
    let states = [&output.obs[step], &output.qpos[step], &output.qvel[step]];
    reward.into_iter().chain(states.into_iter().flatten().copied()).collect()
}

fn is_same(found: f64, expected: f64, tolerance: Option<f64>) -> bool {
    match tolerance {
        None => found.to_bits() == expected.to_bits() || (found == 0.0 && expected == 0.0),
        Some(tolerance) => (found - expected).abs() <= tolerance * expected.abs().max(1.0),
    }
}

fn check(path: &Path) -> TraceInput {
    let name = path.display();
    let text = fs::read_to_string(path).unwrap();
    let case: Case = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
    let found = trace(&case.input).unwrap_or_else(|e| panic!("{name}: {e}"));
    let expected = &case.output;
    let same_libm = case.meta.libm_fingerprint == libm_fingerprint();
    let tolerance = if same_libm { None } else { Some(LOOSE_TOLERANCE) };
    let steps = case.input.actions.len();
    let compared = if same_libm { steps } else { steps.min(LOOSE_STEPS) };
    assert!(compared > 0, "{name} has no steps");

    assert_eq!(found.mujoco, expected.mujoco, "{name}: version");
    assert_eq!(found.obs.len(), steps + 1, "{name}: length");
    for step in 0..=compared {
        let (found, expected) = (numbers(&found, step), numbers(expected, step));
        assert_eq!(found.len(), expected.len(), "{name}: width at step {step}");
        for (index, (&found, &expected)) in found.iter().zip(&expected).enumerate() {
            assert!(
                is_same(found, expected, tolerance),
                "{name}: number {index} of step {step} is {found:e}, recorded {expected:e}"
            );
        }
    }
    assert_eq!(found.terminated[..compared], expected.terminated[..compared], "{name}: endings");
    assert_eq!(found.truncated[..compared], expected.truncated[..compared], "{name}: time limit");
    case.input
}

fn cases(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    paths
}

#[test]
fn every_task_steps_as_in_gymnasium() {
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let replayed: BTreeSet<TaskId> =
        cases(&committed).iter().map(|path| check(path).task).collect();
    let is_mujoco = |task: &TaskId| matches!(task, TaskId::Mujoco { .. });
    assert_eq!(replayed, TaskId::all().filter(is_mujoco).collect(), "each task has a case");

    if let Some(folder) = env::var_os("PMOE_GOLDEN_DIR") {
        let more = cases(Path::new(&folder));
        assert!(!more.is_empty(), "PMOE_GOLDEN_DIR has no cases");
        for path in more {
            check(&path);
        }
    }
}
