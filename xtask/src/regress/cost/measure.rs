//! Counts instructions under valgrind's callgrind through gungraun, and measures memory.

use std::env::consts::ARCH;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use pmoe_matrix::process;
use pmoe_results::methods;
use serde::Deserialize;

use super::{Costs, Quantity, Values};
use crate::{BadInput, cargo, tools};

/// Tasks whose steps are counted.
const TASKS: [&str; 2] = ["Hopper-v4", "Ant-v4"];

/// Updates that are counted: valgrind takes seconds for one.
const UPDATES: u32 = 1;

/// Actions that are counted.
const ACTIONS: u32 = 16;

/// Environment steps that are counted.
const ENV_STEPS: u32 = 100;

/// Multiplications and additions of one instruction: 8 numbers, both at a time.
const FLOPS_PER_INSTRUCTION: f64 = 16.0;

/// Returns the class of this machine: what its counts can be compared with.
///
/// Valgrind offers no more than AVX2, so processors with AVX-512 count alike.
pub fn class() -> String {
    #[cfg(target_arch = "x86_64")]
    if !(std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma"))
    {
        return format!("{ARCH} without AVX2");
    }
    ARCH.to_owned()
}

/// Measures all costs.
///
/// # Errors
/// If valgrind or gungraun's runner is missing, or a program fails.
pub fn measure(root: &Path) -> Result<Costs> {
    let valgrind = version("valgrind")?;
    let runner = tools::GUNGRAUN.installed()?;
    let programs = Programs::build()?;
    let summaries = count(root, &runner, &programs)?;
    let sizes = process::stdout(&mut Command::new(&programs.sizes))?;
    let made_with = [("valgrind", valgrind), ("rustc", version("rustc")?), ("libc", libc())];
    Ok(Costs {
        made_with: made_with.map(|(name, version)| (name.to_owned(), version)).into(),
        values: values(&summaries, &sizes)?,
    })
}

/// The programs to count, and the one that measures memory.
struct Programs {
    learning: PathBuf,
    simulating: PathBuf,
    sizes: PathBuf,
}

impl Programs {
    /// Compiles them, with the features of the whole workspace, so that burn is compiled once.
    fn build() -> Result<Self> {
        let mut build = cargo::cargo();
        build.args(["build", "--release", "--workspace", "--bench", "instructions"]);
        build.args(["--bench", "sizes", "--message-format", "json-render-diagnostics"]);
        Self::find(&process::stdout(&mut build)?)
    }

    /// Finds them in cargo's messages.
    fn find(messages: &str) -> Result<Self> {
        #[derive(Deserialize)]
        struct Message {
            package_id: String,
            target: Target,
            executable: Option<PathBuf>,
        }
        #[derive(Deserialize)]
        struct Target {
            name: String,
        }
        // Other messages have other fields.
        let all: Vec<Message> =
            messages.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let find = |package: &str, name: &str| {
            let of = format!("/{package}#");
            let found = all.iter().find(|it| it.target.name == name && it.package_id.contains(&of));
            let path = found.and_then(|found| found.executable.clone());
            path.with_context(|| format!("cargo built no `{name}` of {package}"))
        };
        Ok(Self {
            learning: find("pmoe-algos", "instructions")?,
            simulating: find("pmoe-envs", "instructions")?,
            sizes: find("pmoe-algos", "sizes")?,
        })
    }
}

/// Counts everything, and returns gungraun's summaries, one line each.
fn count(root: &Path, runner: &Path, programs: &Programs) -> Result<String> {
    let mut counted = Vec::new();
    let mut add = |program: &Path, what: &str, of: &str, times: u32| {
        counted.push(format!("{}\t{what}\t{of}\t{times}", program.display()));
    };
    for (method, _) in methods::committed() {
        add(&programs.learning, "update", method, UPDATES);
    }
    for (method, _) in methods::committed() {
        add(&programs.learning, "act", method, ACTIONS);
    }
    for task in TASKS {
        add(&programs.simulating, "env_step", task, ENV_STEPS);
    }
    let folder = cargo::target_directory()?.join("cost");
    let mut bench = cargo::cargo();
    bench.args(["bench", "--quiet", "--locked", "--profile", "dev", "--manifest-path"]);
    bench.arg(root.join("benches/cost/Cargo.toml")).arg("--target-dir").arg(&folder);
    bench.args(["--", "--output-format=json", "--parallel=auto"]);
    bench.arg(format!("--home={}", folder.join("gungraun").display()));
    bench.env("PMOE_COUNTED", counted.join("\n")).env("GUNGRAUN_RUNNER", runner);
    Ok(process::stdout(&mut bench)?)
}

/// Reads gungraun's summaries and the lines of `sizes`.
fn values(summaries: &str, sizes: &str) -> Result<Values> {
    #[derive(Deserialize)]
    struct Sizes {
        method: String,
        peak_bytes: f64,
        product_flops: f64,
    }
    let mut values = Values::new();
    for line in summaries.lines() {
        let counted = instructions(line);
        let (of, quantity, count) = counted.with_context(|| format!("cannot read {line:?}"))?;
        values.entry(of).or_default().insert(quantity, count);
    }
    for line in sizes.lines() {
        let sizes: Sizes =
            serde_json::from_str(line).with_context(|| format!("cannot read {line:?}"))?;
        let of = values.entry(sizes.method).or_default();
        of.insert(Quantity::PeakBytes, sizes.peak_bytes);
        of.insert(Quantity::ProductFlops, sizes.product_flops);
        if let Some(update) = of.get(&Quantity::Update) {
            of.insert(Quantity::Ratio, update * FLOPS_PER_INSTRUCTION / sizes.product_flops);
        }
    }
    Ok(values)
}

/// Reads one of gungraun's summaries: method or task, quantity, instructions each time.
fn instructions(summary: &str) -> Result<(String, Quantity, f64)> {
    let summary: serde_json::Value = serde_json::from_str(summary)?;
    let data = &summary["profiles"][0]["data"];
    let command = data["parts"][0]["tool_run"]["new"]["command"].as_str();
    let command = command.context("it names no command")?;
    let words: Vec<_> = command.split_whitespace().rev().take(3).collect();
    let [times, of, what] = words[..] else { bail!("its command is `{command}`") };
    let quantity: Quantity = serde_json::from_value(what.into())?;
    let total = data["total"]["metrics"]["Ir"]["values"]["new"].as_f64();
    let total = total.context("it has no number of instructions")?;
    ensure!(total > 0.0, "nothing was counted: the program has no function `counted`");
    Ok((of.to_owned(), quantity, total / times.parse::<f64>()?))
}

/// Returns the version that a program prints.
fn version(program: &str) -> Result<String> {
    let output = Command::new(program).arg("--version").output();
    let output = output.ok().filter(|output| output.status.success()).ok_or_else(|| {
        BadInput(format!(
            "`{program}` is missing: install it, on Debian and Ubuntu with `apt-get install {program}`"
        ))
    })?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.trim().trim_start_matches(program).trim_start_matches(['-', ' ']).to_owned())
}

/// Returns the version of the C library, or `unknown`.
fn libc() -> String {
    let output = Command::new("getconf").arg("GNU_LIBC_VERSION").output();
    let text = output.ok().filter(|output| output.status.success());
    let text = text.and_then(|output| String::from_utf8(output.stdout).ok());
    text.map_or_else(|| "unknown".to_owned(), |text| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn summary(command: &str, instructions: u64) -> String {
        serde_json::json!({ "profiles": [{ "data": {
            "parts": [{ "tool_run": { "new": { "command": command } } }],
            "total": { "metrics": { "Ir": { "values": { "new": instructions } } } }
        } }] })
        .to_string()
    }

    #[test]
    fn counts_are_divided_and_a_ratio_is_made() {
        let summaries = [
            summary("/a path/instructions update sac 1", 2000),
            summary("/a/instructions act sac 16", 1600),
            summary("/a/instructions env_step Ant-v4 100", 500),
        ];
        let sizes = r#"{"method":"sac","peak_bytes":7,"product_flops":16000}"#;
        let values = values(&summaries.join("\n"), sizes).unwrap();
        // 2000 instructions, where 16 000 / 16 = 1000 would do.
        let sac = [
            (Quantity::Update, 2000.0),
            (Quantity::Act, 100.0),
            (Quantity::PeakBytes, 7.0),
            (Quantity::ProductFlops, 16000.0),
            (Quantity::Ratio, 2.0),
        ];
        assert_eq!(values["sac"], BTreeMap::from(sac));
        assert_eq!(values["Ant-v4"], BTreeMap::from([(Quantity::EnvStep, 5.0)]));
    }

    #[test]
    fn a_summary_without_a_count_is_an_error() {
        let error = values(&summary("/a/instructions act sac 16", 0), "").unwrap_err();
        assert!(format!("{error:#}").contains("nothing was counted"), "{error:#}");
        for text in ["{}", "no JSON", &summary("/a/instructions", 1)] {
            assert!(values(text, "").is_err(), "{text}");
        }
    }

    #[test]
    fn the_programs_are_found_in_the_messages_of_cargo() {
        let message = |package: &str, name: &str, path: &str| {
            serde_json::json!({
                "reason": "compiler-artifact",
                "package_id": format!("path+file:///checkout/crates/{package}#0.1.0"),
                "target": { "name": name },
                "executable": path,
            })
            .to_string()
        };
        let mut messages = vec![
            r#"{"reason":"build-finished","success":true}"#.to_owned(),
            message("pmoe-envs", "instructions", "/envs"),
            message("pmoe-algos", "instructions", "/algos"),
        ];
        assert!(Programs::find(&messages.join("\n")).is_err());
        messages.push(message("pmoe-algos", "sizes", "/sizes"));
        let found = Programs::find(&messages.join("\n")).unwrap();
        assert_eq!(found.learning, Path::new("/algos"));
        assert_eq!(found.simulating, Path::new("/envs"));
        assert_eq!(found.sizes, Path::new("/sizes"));
    }

    #[test]
    fn a_program_that_is_missing_is_named_with_the_command_that_installs_it() {
        let error = version("no-such-program").unwrap_err();
        assert!(error.is::<BadInput>());
        assert!(error.to_string().contains("`apt-get install no-such-program`"), "{error}");
    }
}
