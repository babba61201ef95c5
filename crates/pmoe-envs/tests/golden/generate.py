#!/usr/bin/env python3
"""Writes the golden cases: what Gymnasium does from a given state with given actions.

One JSON file per case: `meta` (versions, hashes, seed), `input` and `output` as `pmoe env trace`
reads and writes them. Needs Python 3.10 or newer with

    pip install mujoco==3.17.0 gymnasium==1.4.0 numpy imageio packaging

Version 2 of a task is Gymnasium's version 4 (Ant: with contact forces) with the reward of gym 0.17
computed here, term by term in the order of its source. (Humanoid's bounds of z, which end the
episode in version 4 and not in 2, are not met exactly.) `--original` runs the original sources.

    generate.py                 the committed cases, into this folder
    generate.py --check         run the committed cases again and compare, bit for bit
    generate.py --steps 200 --seed 7 --out DIR    other cases, for PMOE_GOLDEN_DIR of the test
    generate.py --original DIR  run the version-2 cases through the original classes, unmodified, and
                                compare, bit for bit; DIR is gymnasium 0.29.1, unpacked:
                                pip download gymnasium==0.29.1 --no-deps; unzip -d DIR gymnasium-*.whl
"""

import argparse
import hashlib
import importlib.util
import json
import math
import pathlib
import struct
import sys
import types

import gymnasium
import mujoco
import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
TIME_LIMIT = 1000


def planar_v2_reward(before, env, action):
    """gym 0.17, envs/mujoco/hopper.py and walker2d.py."""
    reward = (env.data.qpos[0] - before["qpos"][0]) / env.dt
    reward += 1.0
    reward -= 1e-3 * np.square(action).sum()
    return reward


def half_cheetah_v2_reward(before, env, action):
    """gym 0.17, envs/mujoco/half_cheetah.py."""
    control = -0.1 * np.square(action).sum()
    return control + (env.data.qpos[0] - before["qpos"][0]) / env.dt


def standup_v2_reward(before, env, action):
    """gym 0.17, envs/mujoco/humanoidstandup.py."""
    uph = (env.data.qpos[2] - 0) / env.model.opt.timestep
    control = 0.1 * np.square(env.data.ctrl).sum()
    impact = min(0.5e-6 * np.square(env.data.cfrc_ext).sum(), 10)
    return uph - control - impact + 1


def ant_v2_reward(before, env, action):
    """gym 0.17, envs/mujoco/ant.py."""
    torso = mujoco.mj_name2id(env.model, mujoco.mjtObj.mjOBJ_BODY, "torso")
    forward = (env.data.xpos[torso][0] - before["xpos"][torso][0]) / env.dt
    control = 0.5 * np.square(action).sum()
    contact = 0.5 * 1e-3 * np.sum(np.square(np.clip(env.data.cfrc_ext, -1, 1)))
    return forward - control - contact + 1.0


def humanoid_v2_reward(before, env, action):
    """gym 0.17, envs/mujoco/humanoid.py."""

    def mass_center(xipos):
        mass = np.expand_dims(env.model.body_mass, 1)
        return (np.sum(mass * xipos, 0) / np.sum(mass))[0]

    forward = 1.25 * (mass_center(env.data.xipos) - mass_center(before["xipos"])) / env.dt
    control = 0.1 * np.square(env.data.ctrl).sum()
    impact = min(0.5e-6 * np.square(env.data.cfrc_ext).sum(), 10)
    return forward - control - impact + 5.0


# Case: Gymnasium's id, its arguments, the model file, a reward function to replace Gymnasium's,
# steps to commit.
CASES = {
    "Hopper-v2": ("Hopper-v4", {}, "hopper.xml", planar_v2_reward, 50),
    "Hopper-v4": ("Hopper-v4", {}, "hopper.xml", None, 50),
    "Hopper-v5": ("Hopper-v5", {}, "hopper.xml", None, 50),
    "Walker2d-v2": ("Walker2d-v4", {}, "walker2d.xml", planar_v2_reward, 50),
    "Walker2d-v4": ("Walker2d-v4", {}, "walker2d.xml", None, 50),
    "Walker2d-v5": ("Walker2d-v5", {}, "walker2d_v5.xml", None, 50),
    "HalfCheetah-v2": ("HalfCheetah-v4", {}, "half_cheetah.xml", half_cheetah_v2_reward, 50),
    "HalfCheetah-v4": ("HalfCheetah-v4", {}, "half_cheetah.xml", None, 50),
    "HalfCheetah-v5": ("HalfCheetah-v5", {}, "half_cheetah.xml", None, 50),
    "Ant-v2": ("Ant-v4", {"use_contact_forces": True}, "ant.xml", ant_v2_reward, 50),
    "Ant-v4": ("Ant-v4", {}, "ant.xml", None, 50),
    "Ant-v4-contact": ("Ant-v4", {"use_contact_forces": True}, "ant.xml", None, 50),
    "Ant-v5": ("Ant-v5", {}, "ant.xml", None, 50),
    "Humanoid-v2": ("Humanoid-v4", {}, "humanoid.xml", humanoid_v2_reward, 30),
    "Humanoid-v4": ("Humanoid-v4", {}, "humanoid.xml", None, 30),
    "Humanoid-v5": ("Humanoid-v5", {}, "humanoid.xml", None, 30),
    "HumanoidStandup-v2": ("HumanoidStandup-v4", {}, "humanoidstandup.xml", standup_v2_reward, 30),
    "HumanoidStandup-v4": ("HumanoidStandup-v4", {}, "humanoidstandup.xml", None, 30),
    "HumanoidStandup-v5": ("HumanoidStandup-v5", {}, "humanoidstandup.xml", None, 30),
}
# Settings for `pmoe env trace`.
SETTINGS = {"Ant-v4-contact": {"use_contact_forces": True}}


def libm_fingerprint():
    """FNV-1a (64 bits) over the results of libm's functions; MuJoCo's last bits depend on them."""
    digest = 0xCBF29CE484222325
    for i in range(4096):
        x = i / 512 - 4  # [-4, 4), exact
        y = i / 512 + 0.5
        for value in (
            math.sin(x), math.cos(x), math.exp(x), math.log(y),
            math.atan2(x, 1.25), math.acos(x / 4), math.pow(y, 1.75),
        ):
            for byte in struct.pack("<d", value):
                digest = ((digest ^ byte) * 0x100000001B3) % 2**64
    return f"{digest:016x}"


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def library_path():
    names = (f"libmujoco.so.{mujoco.__version__}", f"libmujoco.{mujoco.__version__}.dylib")
    folder = pathlib.Path(mujoco.__file__).parent
    return next(folder / name for name in names if (folder / name).exists())


def random_actions(env, steps, rng):
    """Uniform over the range, every tenth 1.5 times as large; all exact in float32 too."""
    low, high = env.action_space.low.astype(float), env.action_space.high.astype(float)
    actions = rng.uniform(low, high, size=(steps, len(low)))
    actions[9::10] *= 1.5
    return actions.astype(np.float32).astype(np.float64)


def run_case(case, seed, steps):
    base, arguments, model, own_reward, _ = CASES[case]
    task = case.removesuffix("-contact")
    env = gymnasium.make(base, **arguments).unwrapped
    rng = np.random.default_rng(seed)
    env.reset(seed=int(rng.integers(2**31)))
    qpos, qvel = env.data.qpos.copy(), env.data.qvel.copy()
    actions = random_actions(env, steps, rng)

    mujoco.mj_resetData(env.model, env.data)
    env.set_state(qpos, qvel)  # ends with mj_forward
    output = {
        "task": task,
        "mujoco": mujoco.__version__,
        "obs": [env._get_obs().tolist()],
        "reward": [],
        "terminated": [],
        "truncated": [],
        "qpos": [env.data.qpos.tolist()],
        "qvel": [env.data.qvel.tolist()],
    }
    for step, action in enumerate(actions):
        before = {name: getattr(env.data, name).copy() for name in ("qpos", "xpos", "xipos")}
        obs, reward, terminated, _, _ = env.step(action)
        if own_reward is not None:
            reward = own_reward(before, env, action)
        output["obs"].append(obs.tolist())
        output["reward"].append(float(reward))
        output["terminated"].append(bool(terminated))
        output["truncated"].append(step + 1 >= TIME_LIMIT)
        output["qpos"].append(env.data.qpos.tolist())
        output["qvel"].append(env.data.qvel.tolist())
    assets = pathlib.Path(gymnasium.__file__).parent / "envs" / "mujoco" / "assets"
    meta = {
        "mujoco": mujoco.__version__,
        "gymnasium": gymnasium.__version__,
        "numpy": np.__version__,
        "seed": seed,
        "steps": steps,
        "model": model,
        "model_sha256": sha256(assets / model),
        "library": library_path().name,
        "library_sha256": sha256(library_path()),
        "libm_fingerprint": libm_fingerprint(),
    }
    given = {"task": task, **SETTINGS.get(case, {}), "qpos": qpos.tolist(), "qvel": qvel.tolist(), "actions": actions.tolist()}
    return {"meta": meta, "input": given, "output": output}


def check(path):
    """One line about a stored case, and whether it is reproduced."""
    stored = json.loads(path.read_text())
    meta = stored["meta"]
    if meta["libm_fingerprint"] != libm_fingerprint():
        return f"{path.name}: made with another libm, cannot compare bits here", False
    again = json.loads(json.dumps(run_case(path.stem, meta["seed"], meta["steps"])))
    different = [key for key in ("input", "output") if again[key] != stored[key]]
    return f"{path.name}: {', '.join(different) + ' differ' if different else 'same'}", not different


# Original class of each task: module and name in gymnasium/envs/mujoco.
ORIGINALS = {
    "Hopper-v2": ("hopper", "HopperEnv"),
    "Walker2d-v2": ("walker2d", "Walker2dEnv"),
    "HalfCheetah-v2": ("half_cheetah", "HalfCheetahEnv"),
    "Ant-v2": ("ant", "AntEnv"),
    "Humanoid-v2": ("humanoid", "HumanoidEnv"),
    "HumanoidStandup-v2": ("humanoidstandup", "HumanoidStandupEnv"),
}


class StandInEnv:
    """What the original classes need of their base class, which was made for mujoco-py."""

    def __init__(self, model_path, frame_skip, observation_space=None, **_):
        assets = pathlib.Path(gymnasium.__file__).parent / "envs" / "mujoco" / "assets"
        self.model = mujoco.MjModel.from_xml_path(str(assets / model_path))
        self.data = mujoco.MjData(self.model)
        self.sim = types.SimpleNamespace(data=self.data, model=self.model)
        self.frame_skip, self.render_mode = frame_skip, None

    @property
    def dt(self):
        return self.model.opt.timestep * self.frame_skip

    def do_simulation(self, ctrl, n_frames):
        self.data.ctrl[:] = ctrl
        for _ in range(n_frames):
            mujoco.mj_step(self.model, self.data)
        mujoco.mj_rnePostConstraint(self.model, self.data)  # as MuJoCo 1.50 did by itself

    def get_body_com(self, name):
        return self.data.body(name).xpos

    def state_vector(self):
        return np.concatenate([self.data.qpos.flat, self.data.qvel.flat])


def original_class(folder, task):
    """The class as it is in the unpacked wheel, on the stand-in."""
    module_name, class_name = ORIGINALS[task]
    path = folder / "gymnasium" / "envs" / "mujoco" / f"{module_name}.py"
    base = types.ModuleType("gymnasium.envs.mujoco")
    base.MuJocoPyEnv = StandInEnv
    present = sys.modules.get("gymnasium.envs.mujoco")
    sys.modules["gymnasium.envs.mujoco"] = base
    try:
        spec = importlib.util.spec_from_file_location(f"original_{module_name}", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.modules["gymnasium.envs.mujoco"] = present
    return getattr(module, class_name)


def check_original(folder, path):
    """Replays a stored version-2 case in the original class."""
    stored = json.loads(path.read_text())
    given, expected = stored["input"], stored["output"]
    env = original_class(folder, given["task"])()
    mujoco.mj_resetData(env.model, env.data)
    env.data.qpos[:], env.data.qvel[:] = given["qpos"], given["qvel"]
    mujoco.mj_forward(env.model, env.data)
    found = {"obs": [env._get_obs().tolist()], "reward": [], "terminated": []}
    for action in given["actions"]:
        obs, reward, terminated, *_ = env.step(np.array(action))
        found["obs"].append(obs.tolist())
        found["reward"].append(float(reward))
        found["terminated"].append(bool(terminated))
    different = [key for key, values in found.items() if values != expected[key]]
    return f"{path.name}: {', '.join(different) + ' differ' if different else 'same'}", not different


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, help="for all tasks, instead of the committed number")
    parser.add_argument("--seed", type=int, default=4)
    parser.add_argument("--out", type=pathlib.Path, default=HERE)
    parser.add_argument("--check", action="store_true", help="compare the cases in --out, write nothing")
    parser.add_argument("--original", type=pathlib.Path, metavar="DIR", help="gymnasium 0.29.1, unpacked")
    options = parser.parse_args()

    if options.original or options.check:
        if options.original:
            paths = [options.out / f"{task}.json" for task in ORIGINALS]
            results = [check_original(options.original, path) for path in paths]
        else:
            results = [check(path) for path in sorted(options.out.glob("*.json"))]
        print("\n".join(line for line, _ in results) or f"no cases in {options.out}")
        sys.exit(not results or not all(same for _, same in results))

    options.out.mkdir(parents=True, exist_ok=True)
    for name, (*_, steps) in CASES.items():
        case = run_case(name, options.seed, options.steps or steps)
        path = options.out / f"{name}.json"
        path.write_text(json.dumps(case, separators=(",", ":"), allow_nan=False) + "\n")
        first = next((i for i, end in enumerate(case["output"]["terminated"]) if end), None)
        print(f"{path.name}: terminated first at step {first}, return {sum(case['output']['reward'])!r}")


if __name__ == "__main__":
    main()
