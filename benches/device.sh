#!/usr/bin/env bash
# Measures updates per second of SAC and PMOE-SAC on a GPU and on the CPU.
#
#     benches/device.sh [--short] [--pmoe PROGRAM] [--out FOLDER] [--seconds N] [DEVICE ...]
#
#   DEVICE        wgpu, cuda, flex, ...; without any: flex, and the GPUs that the program was built with
#   --pmoe        a program built elsewhere with their features; otherwise it is built here:
#                 cargo build --release --features wgpu   (or cuda, or wgpu,cuda)
#   --features    the features to build with (default: wgpu)
#   --out         folder of device.json and device.md (default: $OUT, otherwise target/device)
#   --seconds     when to stop starting measurements (default: 480)
#   --short       a few updates each, to see whether everything works
#
# One process and one thread each, one after the other: `pmoe bench update` on random transitions of
# Hopper's sizes. An update is over when the device has computed it. Needs no network; the folder
# .mujoco, which `cargo xtask setup` makes, has to be in the checkout, or MUJOCO_DYNAMIC_LINK_DIR and
# PMOE_MODEL_DIR have to name its parts. device.json has what `pmoe` printed, with the machine and
# its driver; device.md has the table. A device that fails is in both, with the reason, and the exit
# code is 1; 2 is for bad arguments.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

die() {
    echo "error: $*" >&2
    exit 2
}

pmoe=
features=wgpu
out=${OUT:-target/device}
seconds=480
short=
devices=()
while (($#)); do
    case $1 in
    --pmoe | --features | --out | --seconds)
        (($# > 1)) || die "$1 needs a value"
        declare "${1#--}=$2"
        shift 2
        ;;
    --short)
        short=1
        shift
        ;;
    -h | --help)
        sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"
        exit 0
        ;;
    -*) die "unknown argument $1; --help lists them" ;;
    *)
        devices+=("$1")
        shift
        ;;
    esac
done
[[ $seconds =~ ^[0-9]+$ ]] || die "--seconds needs a whole number, not $seconds"
command -v python3 >/dev/null || die "python3 is missing"

if [[ -z $pmoe ]]; then
    cargo build --release --features "$features"
    pmoe=${CARGO_TARGET_DIR:-target}/release/pmoe
fi
[[ -x $pmoe ]] || die "$pmoe is not a program"
export MUJOCO_DYNAMIC_LINK_DIR=${MUJOCO_DYNAMIC_LINK_DIR:-$PWD/.mujoco/lib}
export PMOE_MODEL_DIR=${PMOE_MODEL_DIR:-$PWD/.mujoco/models}

# Method, networks, batch, and updates on a GPU and on the CPU: the paper's sizes, then sizes that fill a GPU.
cases=(
    "sac default default 300 300"
    "pmoe-sac default default 300 300"
    "sac [1024,1024] 4096 100 10"
    "pmoe-sac [1024,1024] 4096 100 5"
)
if [[ -n $short ]]; then
    cases=("sac default default 5 5" "pmoe-sac default default 5 5")
fi

if ! ((${#devices[@]})); then
    devices=(flex)
    for gpu in wgpu cuda; do
        # A build without the feature says so before it does anything.
        said=$("$pmoe" bench update --method sac --task Hopper-v4 --updates 1 --device "$gpu" 2>&1) || true
        [[ $said == *"this build has no device"* ]] || devices+=("$gpu")
    done
fi

mkdir -p "$out"
lines=$(mktemp)
trap 'rm -f "$lines" "$lines.error"' EXIT
failed=0
for case in "${cases[@]}"; do
    read -r method hidden batch on_gpu on_cpu <<<"$case"
    for device in "${devices[@]}"; do
        case $device in wgpu | cuda) updates=$on_gpu ;; *) updates=$on_cpu ;; esac
        command=("$pmoe" bench update --method "$method" --task Hopper-v4 --device "$device")
        command+=(--updates "$updates" --json)
        [[ $hidden == default ]] || command+=(--set "hidden=$hidden")
        [[ $batch == default ]] || command+=(--set "batch_size=$batch")
        left=$((seconds - SECONDS))
        if ((left <= 0)); then
            failed=1
            answer='{"error": "no time left"}'
        elif answer=$(timeout "$left" "${command[@]}" 2>"$lines.error"); then
            :
        else
            code=$?
            failed=1
            ((code != 124)) || echo "no time left" >"$lines.error"
            answer=$(python3 -c 'import json, sys; print(json.dumps({"error": sys.stdin.read().strip()}))' \
                <"$lines.error")
        fi
        printf '%s\t%s\t%s\t%s\t%s\n' "$method" "$hidden" "$batch" "$device" "${answer//$'\n'/ }" >>"$lines"
        echo "$method, networks $hidden, batch $batch, $device: done after $SECONDS s" >&2
    done
done

gpu=$(nvidia-smi --query-gpu=name,driver_version --format=csv,noheader 2>/dev/null || true)
vulkan=$(vulkaninfo --summary 2>/dev/null | sed -n 's/^\s*\(deviceName\|driverInfo\)\s*= //p' | paste -sd' ' || true)
commit=$(git describe --always --dirty --abbrev=40 --exclude='*' 2>/dev/null || "$pmoe" --version)
GPU=$gpu VULKAN=$vulkan COMMIT=$commit VERSION=$("$pmoe" --version) python3 - "$lines" "$out" <<'PYTHON'
import json
import os
import platform
import sys
from pathlib import Path

lines, out = Path(sys.argv[1]), Path(sys.argv[2])
rows = []
for line in lines.read_text().splitlines():
    method, hidden, batch, device, answer = line.split("\t")
    rows.append({"case": [method, hidden, batch], "device": device, **json.loads(answer)})
cpu = next((line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")), platform.processor())
machine = {"cpu": cpu, "cores": os.cpu_count(), "gpu": os.environ["GPU"], "vulkan": os.environ["VULKAN"],
           "commit": os.environ["COMMIT"], "version": os.environ["VERSION"]}
(out / "device.json").write_text(json.dumps({"machine": machine, "rows": rows}, indent=1) + "\n")

devices = list(dict.fromkeys(row["device"] for row in rows))
cases = list(dict.fromkeys(tuple(row["case"]) for row in rows))
text = [", ".join(f"{key} {value}" for key, value in machine.items() if value), "",
        "Updates per second (median), and how many times as many as on flex.", "",
        "| method | networks | batch | " + " | ".join(devices) + " |", "|---|---|---|" + "---|" * len(devices)]
reasons = []
for case in cases:
    (method, hidden, batch), rates = case, {}
    for row in rows:
        if tuple(row["case"]) != case:
            continue
        if "error" in row:
            reasons.append(f"- {row['device']}, {method}: {row['error']}")
        else:
            rates[row["device"]] = 1e3 / row["ms_per_update"]["median"]
            batch = row["batch_size"]
    cells = []
    for device in devices:
        if device not in rates:
            cells.append("n/a")
        elif device == "flex" or "flex" not in rates:
            cells.append(f"{rates[device]:.1f}")
        else:
            cells.append(f"{rates[device]:.1f} ({rates[device] / rates['flex']:.3g}×)")
    text.append(f"| {method} | {hidden} | {batch} | " + " | ".join(cells) + " |")
text = "\n".join(text + [""] + list(dict.fromkeys(reasons))).rstrip() + "\n"
(out / "device.md").write_text(text)
print(text, end="")
PYTHON
exit "$failed"
