"""The virtual environment of the peers, the machine, and the instruction set of all programs."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

from runs import BadInput

HERE = Path(__file__).resolve().parent
REQUIREMENTS = HERE / "requirements.txt"
WHEELS = Path(__file__).resolve().parents[2] / "target" / "wheels"
# The files that only print what others measure.
DRIVER = {"run.py", "runs.py", "report.py", "machine.py", "test_driver.py"}
XLA = ["--xla_cpu_multi_thread_eigen=false", "intra_op_parallelism_threads=1"]
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "RAYON_NUM_THREADS": "1",
    "TORCHINDUCTOR_COMPILE_THREADS": "1",
    "JAX_PLATFORMS": "cpu",
    "CUDA_VISIBLE_DEVICES": "",
}
AVX2 = {
    "PMOE_INSTRUCTIONS": "avx2",
    "ATEN_CPU_CAPABILITY": "avx2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    # NumPy's products.
    "OPENBLAS_CORETYPE": "Haswell",
}


def environment(instructions: str | None, scratch: Path) -> dict[str, str]:
    """The variables of all programs: one thread each, and perhaps only AVX2."""
    found = os.environ | ONE_THREAD
    found["TORCHINDUCTOR_CACHE_DIR"] = str(scratch / "compiled")
    # RLtools compiles there.
    found["TMPDIR"] = str(scratch)
    xla = XLA
    if instructions == "avx2":
        xla = [*XLA, "--xla_cpu_max_isa=AVX2"]
        found |= AVX2
        compiler = next(filter(None, map(shutil.which, ("g++", "clang++"))), None)
        if compiler is not None:
            held = compiler_for_avx2(Path(compiler), scratch)
            found |= {"CXX": held, "RL_TOOLS_COMPILER": held}
    found["XLA_FLAGS"] = " ".join(xla)
    return found


def compiler_for_avx2(compiler: Path, scratch: Path) -> str:
    """A C++ compiler under the same name for which the last word on the processor is AVX2."""
    held = scratch / "compiler" / compiler.name
    held.parent.mkdir()
    held.write_text(f'#!/bin/sh\nexec "{compiler}" "$@" -march=x86-64-v3\n', encoding="utf-8")
    held.chmod(0o755)
    return str(held)


def pinned() -> dict[str, str]:
    """Versions by package name, from the requirements."""
    lines = REQUIREMENTS.read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if "==" in line)


def prepare(venv: Path) -> Path:
    """The Python of a virtual environment that has what is pinned; made if it is not there.

    A package that cannot be had costs only the figures that need it.
    """
    python = venv / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
        install = [str(python), "-m", "pip", "install"]
        together = [*install, "--requirement", str(REQUIREMENTS)]
        if subprocess.run(together, check=False, stdout=sys.stderr).returncode != 0:
            for name, version in pinned().items():
                alone = [*install, f"{name}=={version}"]
                subprocess.run(alone, check=False, stdout=sys.stderr)
    # Our own package, if `cargo xtask wheel` has built it.
    for wheel in WHEELS.glob("pmoe-*.whl"):
        own = ["--quiet", "--force-reinstall", "--no-deps", str(wheel)]
        subprocess.run([str(python), "-m", "pip", "install", *own], check=True)
    found = installed(python)
    for name, version in pinned().items():
        has = found.get(normal(name))
        if has is None:
            print(f"{venv} has no {name}: what needs it will be n/a", file=sys.stderr)
        # A local label such as that of a build without CUDA is as good.
        elif has.split("+")[0] != version:
            raise BadInput(f"{venv}: {name} is {has}, not {version}")
    return python


def installed(python: Path) -> dict[str, str]:
    """All versions by package name in the environment of `python`."""
    code = (
        "import importlib.metadata, json\n"
        "packages = importlib.metadata.distributions()\n"
        "print(json.dumps({package.name: package.version for package in packages}))"
    )
    answer = subprocess.run([python, "-c", code], check=True, text=True, capture_output=True)
    return {normal(name): version for name, version in json.loads(answer.stdout).items()}


def normal(name: str) -> str:
    """A package name as package indexes compare it."""
    return name.lower().replace("_", "-").replace(".", "-")


def facts(pmoe: Path, python: Path, instructions: str | None, core: int) -> dict[str, str]:
    """What must be the same for runs to belong together."""
    packages = installed(python)
    return {
        "processor": processor(),
        "caches": caches(core),
        "widest instructions": widest(),
        "instructions": instructions or "the widest",
        "python": said(str(python), "--version"),
        "pmoe": said(str(pmoe), "--version"),
        "program": hashlib.sha256(pmoe.read_bytes()).hexdigest() if pmoe.is_file() else "missing",
        "peers": peers(),
        "packages": "; ".join(f"{n} {packages.get(normal(n), 'missing')}" for n in pinned()),
    }


def peers() -> str:
    """A digest of the scripts that are measured."""
    digest = hashlib.sha256()
    for path in sorted(HERE.glob("*.py")):
        if path.name not in DRIVER:
            digest.update(path.read_bytes())
    return digest.hexdigest()


def commit() -> str:
    """That of the repository, and whether files differ from it."""
    head = said("git", "-C", str(HERE), "rev-parse", "--short", "HEAD")
    changed = said("git", "-C", str(HERE), "status", "--porcelain", "--untracked-files=no")
    return head if changed in ("", "unknown") else f"{head} with changes"


def said(*command: str) -> str:
    """What a program prints, or `unknown`."""
    try:
        done = subprocess.run(command, text=True, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()


def cpuinfo(key: str) -> str:
    """A line of the first processor in `/proc/cpuinfo`."""
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == key:
            return value.strip()
    return ""


def processor() -> str:
    """Its name, with the numbers that tell generations apart where the name does not."""
    numbers = " ".join(f"{key} {cpuinfo(key)}" for key in ("cpu family", "model"))
    return f"{cpuinfo('model name') or platform.processor()} ({numbers.replace('cpu ', '')})"


def widest() -> str:
    """The widest vector instructions that the processor has."""
    flags = set(cpuinfo("flags").split())
    known = {"avx512f": "AVX-512", "avx2": "AVX2", "avx": "AVX"}
    return next((name for flag, name in known.items() if flag in flags), "SSE2 or another kind")


def caches(core: int) -> str:
    """Levels and sizes of a core's caches."""
    found = []
    for folder in sorted(Path(f"/sys/devices/system/cpu/cpu{core}/cache").glob("index*")):
        kind, level, size = (
            (folder / name).read_text(encoding="utf-8").strip()
            for name in ("type", "level", "size")
        )
        letter = {"Data": "d", "Instruction": "i"}.get(kind, "")
        found.append(f"L{level}{letter} {size}")
    return ", ".join(found) or "unknown"
